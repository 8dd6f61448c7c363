/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

/* Unit tests of a process that ends in the middle of a walk over a packed ring:
 * after each instruction of it, the next process would find the position that
 * the guest sees. */

#include <config.h>

#include <rte_config.h>
#include <rte_vhost.h>

static int script_get_base(int vid, uint16_t i, uint16_t *avail,
                           uint16_t *used);
static int script_set_base(int vid, uint16_t i, uint16_t avail, uint16_t used);

#define rte_vhost_get_vring_base script_get_base
#define rte_vhost_set_vring_base script_set_base

#include "lib/vhost/positions.c"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "tests/unit/test-eal.h"
#include "tests/unit/test-needs.h"
#include "vhost/chain.h"
#include "vhost/ring.h"
#include "vhost/scatter.h"

#define SIZE 16
#define START 9                 /* Wrap counter 0, and the end comes soon. */
#define N_PKTS 11               /* Most that are walked. */
#define LEN 76                  /* Of a descriptor, with a header. */
#define HEADER_LEN 12
#define USER 0x7f0000000000ULL
#define F_PACKED (1ULL << VIRTIO_F_RING_PACKED)

/* A way to process a ring. */
struct way {
    unsigned int (*walk)(struct dpdk_vdpa_ring *, struct rte_mbuf **pkts,
                         unsigned int n);
    uint16_t flags;             /* Of the buffers. */
    unsigned int n_slots;       /* Descriptors of each. */
    unsigned int n;             /* So many are given back, */
    unsigned int n_merged;      /* that many at a time. */
};

/* What the process shares with the guest and with the next process. */
struct shared {
    struct vring_packed_desc descs[SIZE];
    struct vring_packed_desc_event events[2];
    uint8_t buffers[SIZE][128];
    struct dpdk_vdpa_notes notes;
};

static struct rte_mempool *mempool;
static struct shared *shared;           /* In use. */
static struct shared left;              /* As somebody may leave it. */
static uint16_t base;

static int
script_get_base(int vid OVS_UNUSED, uint16_t i OVS_UNUSED, uint16_t *avail,
                uint16_t *used)
{
    *avail = *used = base;
    return 0;
}

static int
script_set_base(int vid OVS_UNUSED, uint16_t i OVS_UNUSED,
                uint16_t avail OVS_UNUSED, uint16_t used)
{
    base = used;
    return 0;
}

/* A connection by which ring 0 in 'memory' is started. */
static struct dpdk_vdpa_book
make_book(const struct shared *memory)
{
    struct dpdk_vdpa_book book;
    struct dpdk_vdpa_book_ring *ring = &book.rings[0];

    dpdk_vdpa_book_init(&book, false);
    book.features = F_PACKED;
    book.has_memory = true;
    book.memory.n = 1;
    book.memory.file.ino = 1;
    book.memory.regions[0].user = USER;
    book.memory.regions[0].host = (uintptr_t) memory;
    book.memory.regions[0].size = sizeof *memory;
    ring->size = SIZE;
    ring->base = START;
    ring->is_started = true;
    ring->desc = USER;
    ring->avail = USER + offsetof(struct shared, events[0]);
    ring->used = USER + offsetof(struct shared, events[1]);
    return book;
}

/* Has the ring start that 'memory' has.  Returns where. */
static uint16_t
begin(struct shared *memory)
{
    struct dpdk_vdpa_book book = make_book(memory);

    base = START;
    dpdk_vdpa_positions_begin(&memory->notes, &book, 0, 0, false);
    return base;
}

/* The guest offers buffers all around the ring. */
static void
fill(const struct way *way)
{
    uint16_t pos = START;

    memset(shared, 0, sizeof *shared);
    for (int i = 0; i < SIZE; i++, pos = packed_advance(pos, 1, SIZE)) {
        struct vring_packed_desc *d = &shared->descs[pos & ~PACKED_WRAP];
        bool is_last = i + 1 == SIZE || !((i + 1) % way->n_slots);

        d->addr = offsetof(struct shared, buffers[i]);
        d->len = LEN;
        d->id = i;
        d->flags = (way->flags | (is_last ? 0 : VRING_DESC_F_NEXT)
                    | (pos & PACKED_WRAP ? PACKED_AVAIL : PACKED_USED));
    }
    assert_int_equal(begin(shared), START);
}

static unsigned int
walk_recv(struct dpdk_vdpa_ring *ring, struct rte_mbuf **pkts, unsigned int n)
{
    return dpdk_vdpa_ring_recv(ring, mempool, pkts, n);
}

static unsigned int
walk_send(struct dpdk_vdpa_ring *ring, struct rte_mbuf **pkts, unsigned int n)
{
    return dpdk_vdpa_ring_send(ring, pkts, n);
}

static unsigned int
walk_chains(struct dpdk_vdpa_ring *ring, struct rte_mbuf **pkts,
            unsigned int n)
{
    return dpdk_vdpa_chain_recv(ring, mempool, pkts, n);
}

static unsigned int
walk_short(struct dpdk_vdpa_ring *ring, struct rte_mbuf **pkts OVS_UNUSED,
           unsigned int n)
{
    unsigned int done = 0;

    while (done < n && dpdk_vdpa_chain_return_short(ring, SIZE * LEN)) {
        done++;
    }
    return done;
}

/* Three packets at most, each in as many buffers as are merged. */
static unsigned int
walk_scatter(struct dpdk_vdpa_ring *ring, struct rte_mbuf **pkts,
             unsigned int n)
{
    uint16_t before = ring->next_used;
    struct dpdk_vdpa_notes *notes = &shared->notes;

    dpdk_vdpa_scatter_send(ring, &notes->undos[0], SIZE, pkts, 3);
    return ring->next_used == before ? 0 : n;
}

/* Walks the ring in a process that can be stopped at each instruction. */
static void OVS_NO_RETURN
child_main(const struct way *way)
{
    struct dpdk_vdpa_memory memory = { 1, {
        { 0, sizeof *shared, (uintptr_t) shared },
    } };
    bool sends = way->flags & VRING_DESC_F_WRITE;
    struct rte_mbuf *pkts[N_PKTS];
    struct dpdk_vdpa_ring ring;
    unsigned int n;

    dpdk_vdpa_ring_init(&ring, F_PACKED);
    ring.packed.desc = shared->descs;
    ring.packed.driver_event = &shared->events[0];
    ring.packed.device_event = &shared->events[1];
    ring.size = SIZE;
    ring.next_avail = ring.next_used = START;
    ring.memory = &memory;
    ring.region = memory.regions;
    ring.note = &shared->notes.rings[0];
    if (sends && rte_pktmbuf_alloc_bulk(mempool, pkts, N_PKTS)) {
        _exit(1);
    }
    ring.mergeable = way->n_merged > 1;
    for (int i = 0; sends && i < N_PKTS; i++) {
        rte_pktmbuf_append(pkts[i], way->n_merged * way->n_slots * LEN
                                    - HEADER_LEN);
    }
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    n = way->walk(&ring, pkts, way->n);
    raise(SIGSTOP);
    _exit(n != way->n);
}

/* Checks that the next process would begin where the guest looks.  Returns how
 * many buffers the guest has got back. */
static unsigned int
check_left(unsigned int n_slots)
{
    uint16_t pos = START;
    unsigned int n = 0;

    memcpy(&left, shared, sizeof left);
    while (packed_flags_are_used(left.descs[pos & ~PACKED_WRAP].flags, pos)) {
        pos = packed_advance(pos, n_slots, SIZE);
        n++;
    }
    assert_int_equal(begin(&left), pos);

    /* What is behind that is on offer. */
    for (unsigned int i = n * n_slots; i < SIZE; i++) {
        const struct vring_packed_desc *d = &left.descs[pos & ~PACKED_WRAP];

        assert_true(packed_flags_are_avail(d->flags, pos));
        assert_int_equal(d->len, LEN);
        pos = packed_advance(pos, 1, SIZE);
    }
    return n;
}

static void
step_through(const struct way *way)
{
    unsigned int n = 0, n_steps = 0;
    int status;
    pid_t pid;

    test_needs("ptrace");
    fill(way);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        child_main(way);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status));
    while (n < way->n) {
        unsigned int now;

        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
        now = check_left(way->n_slots);
        assert_true(now == n || now == n + way->n_merged);
        n = now;
        n_steps++;
    }
    print_message("%u instructions\n", n_steps);
    assert_true(n_steps > 100);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void
test_recv(void **state OVS_UNUSED)
{
    step_through(&(struct way) { walk_recv, 0, 1, N_PKTS, 1 });
}

static void
test_send(void **state OVS_UNUSED)
{
    step_through(&(struct way) {
        walk_send, VRING_DESC_F_WRITE, 1, N_PKTS, 1
    });
}

/* Buffers of several descriptors, of which the guest sees only the first one
 * change.  The ring ends amid one of them. */
static void
test_recv_chains(void **state OVS_UNUSED)
{
    step_through(&(struct way) { walk_chains, 0, 3, 5, 1 });
}

static void
test_return_short(void **state OVS_UNUSED)
{
    step_through(&(struct way) { walk_short, VRING_DESC_F_WRITE, 3, 5, 1 });
}

/* Packets in several buffers, whose guest must not see one without the
 * others. */
static void
test_send_merged(void **state OVS_UNUSED)
{
    step_through(&(struct way) { walk_scatter, VRING_DESC_F_WRITE, 1, 9, 3 });
}

/* Each of several descriptors, too; and one such buffer alone. */
static void
test_send_merged_chains(void **state OVS_UNUSED)
{
    step_through(&(struct way) { walk_scatter, VRING_DESC_F_WRITE, 2, 6, 2 });
    step_through(&(struct way) { walk_scatter, VRING_DESC_F_WRITE, 5, 3, 1 });
}

static int
setup_all(void **state OVS_UNUSED)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    mempool = test_eal_mempool(255);     /* Children keep theirs. */
    return shared == MAP_FAILED || !mempool ? -1 : 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recv),
        cmocka_unit_test(test_send),
        cmocka_unit_test(test_recv_chains),
        cmocka_unit_test(test_return_short),
        cmocka_unit_test(test_send_merged),
        cmocka_unit_test(test_send_merged_chains),
    };

    return cmocka_run_group_tests_name("steps", tests, setup_all, NULL);
}
