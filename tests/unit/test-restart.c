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

/* Unit tests of a process that is killed while it serves a guest, again and
 * again, and of the next one that goes on: a VM end on the vhost library that
 * is there, in a process of its own, and here a front-end and a guest, which
 * know of each buffer whether it was given back.
 *
 * The front-end is as forgetful as QEMU is: of a split ring it tells the next
 * process what it sees in memory, of a packed one where the ring once began.
 * And while there is no process it gives back what the guest sends, from where
 * it believes the ring to be. */

#include <config.h>

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>
#include <rte_mbuf.h>
#include <rte_memory.h>
#include <rte_vhost.h>

#include "openvswitch/poll-loop.h"
#include "ovs-atomic.h"
#include "random.h"
#include "tests/unit/test-eal.h"
#include "tests/unit/test-front.h"
#include "tests/unit/test-needs.h"
#include "timeval.h"
#include "util.h"
#include "vhost/packed.h"
#include "vhost/vm.h"

#define F_1 (1ULL << VIRTIO_F_VERSION_1)
#define F_MRG (1ULL << VIRTIO_NET_F_MRG_RXBUF)
#define F_PACKED (1ULL << VIRTIO_F_RING_PACKED)
#define F_IN_ORDER (1ULL << VIRTIO_F_IN_ORDER)
#define F_PROTOCOL (1ULL << VHOST_USER_F_PROTOCOL_FEATURES)

#define N_KILLS 60
#define SIZE 128                /* Descriptors of a ring. */
#define BURST 32
#define HEADER_LEN 12
#define SLOT_LEN 2048           /* Memory of each descriptor. */
#define SMALL_LEN 300           /* Of it, if packets are to be merged. */
#define MAX_CHAIN 4

/* The guest's memory, as it and the front-end see it. */
#define GUEST 0x100000ULL
#define RING_OFS(I) ((I) * 0x4000)
#define AVAIL_OFS 0x2000
#define USED_OFS 0x3000
#define SLOT_OFS(I, SLOT) (0x10000 + ((I) * SIZE + (SLOT)) * SLOT_LEN)

static char folder[] = "/tmp/test-restart.XXXXXX";
static uint8_t *mem;
static struct rte_mempool *mempool;
static pid_t child;             /* If above 0: never kill all others. */

/* The process that is killed. */

static atomic_bool wanted;              /* The guest is there. */
static atomic_bool polling;             /* Its rings are being looked at. */

static void
vm_up(void *aux OVS_UNUSED, struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    atomic_store(&wanted, true);
}

static void
vm_down(void *aux OVS_UNUSED, struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    bool is_polling;

    atomic_store(&wanted, false);
    do {
        atomic_read(&polling, &is_polling);
    } while (is_polling);
}

static void
vm_refused(void *aux OVS_UNUSED, struct dpdk_vdpa_vm *vm OVS_UNUSED,
           const char *what)
{
    fprintf(stderr, "refused: %s\n", what);
    abort();
}

/* Drops what is too short for a packet, as what the front-end gave back out of
 * turn is.  Returns how many are left. */
static uint16_t
drop_empty(struct rte_mbuf **pkts, uint16_t n)
{
    uint16_t n_left = 0;

    for (uint16_t i = 0; i < n; i++) {
        if (pkts[i]->pkt_len) {
            pkts[n_left++] = pkts[i];
        } else {
            rte_pktmbuf_free(pkts[i]);
        }
    }
    return n_left;
}

/* Sends back what the guest sends. */
static void
echo(struct dpdk_vdpa_vm *vm)
{
    struct rte_mbuf *pkts[BURST];
    uint16_t n = drop_empty(pkts, dpdk_vdpa_vm_recv(vm, 0, pkts, BURST));
    uint16_t n_sent = n ? dpdk_vdpa_vm_send(vm, 0, pkts, n) : 0;

    rte_pktmbuf_free_bulk(&pkts[n_sent], n - n_sent);
}

/* Makes memory of EAL's this process's own, as it is now. */
static int
make_private(const struct rte_memseg_list *msl, const struct rte_memseg *ms,
             size_t len, void *aux OVS_UNUSED)
{
    int fd = rte_memseg_get_fd_thread_unsafe(ms);
    off_t ofs = (uintptr_t) ms->addr - (uintptr_t) msl->base_va;

    return (fd >= 0 && mmap(ms->addr, len, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_FIXED, fd, ofs) == ms->addr
            ? 0 : -1);
}

static void OVS_NO_RETURN
child_main(void)
{
    static struct dpdk_vdpa_vm_callbacks callbacks = {
        .up = vm_up,
        .down = vm_down,
        .refused = vm_refused,
    };
    struct dpdk_vdpa_vm *vm;
    char *error = NULL;

    prctl(PR_SET_PDEATHSIG, SIGKILL);

    /* It is in a file: what one process was killed with, buffers and locks,
     * would be missing for all that come after it. */
    if (rte_memseg_contig_walk(make_private, NULL)) {
        _exit(1);
    }
    vm = front_vm_create(folder, &callbacks, 1, false);
    if (!vm) {
        _exit(1);
    }
    dpdk_vdpa_vm_set_mempool(vm, mempool);
    dpdk_vdpa_vm_start(vm, &error);
    for (;;) {
        bool is_wanted;

        dpdk_vdpa_vm_run(vm);
        for (int i = 0; i < 100; i++) {
            atomic_store(&polling, true);
            atomic_read(&wanted, &is_wanted);
            if (is_wanted) {
                echo(vm);
            }
            atomic_store(&polling, false);
        }
    }
}

/* The guest. */

/* A buffer that the guest has offered. */
struct buffer {
    uint16_t slot;              /* Its first descriptor. */
    uint16_t n;                 /* Its descriptors, */
    uint32_t lens[MAX_CHAIN];   /* and how long they are. */
};

/* Ring 0 is for the guest to receive from, ring 1 to send to. */
static struct vq {
    unsigned int i;
    bool packed;
    bool in_order;
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    struct vring_packed_desc *packed_desc;
    uint16_t next_offer;        /* As positions of a device. */
    uint16_t next_used;
    uint16_t next_slot;         /* Of a split ring. */
    uint16_t front_next;        /* Of a packed one: where the front-end
                                 * believes that it begins. */
    unsigned int n_free;        /* Descriptors. */
    struct buffer buffers[SIZE];        /* In flight: from 'first' on. */
    unsigned int first, n_buffers;
    uint64_t n_given_back;
} vqs[2];

static uint32_t serial;                 /* Of the last packet sent. */
static uint32_t last_serial;            /* Of the last one received. */
static unsigned int n_again;            /* Received twice. */
static unsigned int n_more;             /* Buffers that the rest of the packet
                                         * is in. */
static bool varied;                     /* Buffers of all kinds. */
static unsigned int n_dropped;          /* Buffers, by the front-end. */

static void
vq_init(struct vq *vq, unsigned int i, uint64_t features)
{
    memset(vq, 0, sizeof *vq);
    vq->i = i;
    vq->packed = features & F_PACKED;
    vq->in_order = features & F_IN_ORDER;
    vq->desc = ALIGNED_CAST(void *, mem + RING_OFS(i));
    vq->packed_desc = (void *) vq->desc;
    vq->avail = ALIGNED_CAST(void *, mem + RING_OFS(i) + AVAIL_OFS);
    vq->used = ALIGNED_CAST(void *, mem + RING_OFS(i) + USED_OFS);
    vq->next_offer = vq->next_used = vq->packed ? PACKED_WRAP : 0;
    vq->front_next = PACKED_WRAP;
    vq->n_free = SIZE;
}

/* Returns the slot of a descriptor 'n' after that at which is offered next. */
static uint16_t
vq_slot(const struct vq *vq, unsigned int n)
{
    return (vq->packed
            ? packed_advance(vq->next_offer, n, SIZE) & ~PACKED_WRAP
            : (vq->next_slot + n) % SIZE);
}

/* Writes descriptor 'n' of a buffer, and says with the first that it is
 * there: so the first is to be written last. */
static void
vq_write_desc(struct vq *vq, unsigned int n, uint32_t len, uint16_t flags)
{
    uint16_t slot = vq_slot(vq, n);
    uint64_t addr = GUEST + SLOT_OFS(vq->i, slot);

    if (vq->packed) {
        uint16_t pos = packed_advance(vq->next_offer, n, SIZE);
        struct vring_packed_desc *d = &vq->packed_desc[slot];

        d->addr = addr;
        d->len = len;
        d->id = vq_slot(vq, 0);
        flags |= pos & PACKED_WRAP ? PACKED_AVAIL : PACKED_USED;
        __atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
    } else {
        vq->desc[slot].addr = addr;
        vq->desc[slot].len = len;
        vq->desc[slot].flags = flags;
        vq->desc[slot].next = vq_slot(vq, n + 1);
    }
}

/* Offers a buffer of 'n' descriptors, of 'lens[i]' bytes each. */
static void
vq_offer(struct vq *vq, const uint32_t *lens, unsigned int n, uint16_t flags)
{
    struct buffer *b = &vq->buffers[(vq->first + vq->n_buffers++) % SIZE];

    b->slot = vq_slot(vq, 0);
    b->n = n;
    for (unsigned int i = n; i-- > 0; ) {
        b->lens[i] = lens[i];
        vq_write_desc(vq, i, lens[i],
                      flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0));
    }
    vq->n_free -= n;
    if (vq->packed) {
        vq->next_offer = packed_advance(vq->next_offer, n, SIZE);
    } else {
        vq->next_slot = (vq->next_slot + n) % SIZE;
        vq->avail->ring[vq->next_offer++ % SIZE] = b->slot;
        __atomic_store_n(&vq->avail->idx, vq->next_offer, __ATOMIC_RELEASE);
    }
}

/* Returns true if the device has given something back, and stores in '*id' and
 * '*len' what it said. */
static bool
vq_look(const struct vq *vq, uint32_t *id, uint32_t *len)
{
    if (vq->packed) {
        struct vring_packed_desc *d
            = &vq->packed_desc[vq->next_used & ~PACKED_WRAP];

        if (!vq->n_buffers
            || !packed_flags_are_used(__atomic_load_n(&d->flags,
                                                      __ATOMIC_ACQUIRE),
                                      vq->next_used)) {
            return false;
        }
        *id = d->id;
        *len = d->len;
    } else {
        struct vring_used_elem *e = &vq->used->ring[vq->next_used % SIZE];

        if (__atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE)
            == vq->next_used) {
            return false;
        }
        *id = e->id;
        *len = e->len;
    }
    return true;
}

/* Takes back the first buffer.  Each is given back once, in its turn. */
static struct buffer
vq_take_back(struct vq *vq)
{
    struct buffer b = vq->buffers[vq->first];

    assert_true(vq->n_buffers > 0);
    vq->first = (vq->first + 1) % SIZE;
    vq->n_buffers--;
    vq->n_free += b.n;
    vq->next_used = (vq->packed ? packed_advance(vq->next_used, b.n, SIZE)
                     : vq->next_used + 1);
    vq->n_given_back++;
    return b;
}

/* What 'serial' is followed by in a packet. */
static uint8_t
pattern(uint32_t number, unsigned int i)
{
    return number * 31 + i * 7;
}

/* Returns byte 'i' of what is in '*b'. */
static uint8_t
buffer_byte(const struct buffer *b, uint32_t i)
{
    unsigned int n = 0;

    while (i >= b->lens[n]) {
        i -= b->lens[n++];
    }
    assert_true(n < b->n);
    return mem[SLOT_OFS(0, (b->slot + n) % SIZE) + i];
}

/* A packet came whose first buffer is '*b' and has 'len' bytes. */
static void
check_packet(const struct buffer *b, uint32_t len)
{
    const uint8_t *p = mem + SLOT_OFS(0, b->slot);
    const struct virtio_net_hdr_mrg_rxbuf *header = (const void *) p;
    uint32_t number;

    if (n_more) {
        n_more--;
        return;
    }
    assert_true(len > HEADER_LEN + sizeof number);
    memcpy(&number, p + HEADER_LEN, sizeof number);
    n_more = header->num_buffers - 1;
    assert_true(n_more <= 9);
    assert_true(number >= 1 && number <= serial);
    n_again += number <= last_serial;
    last_serial = number;
    for (uint32_t i = HEADER_LEN + sizeof number; i < len; i++) {
        assert_int_equal(buffer_byte(b, i), pattern(number, i - HEADER_LEN));
    }
}

static void
guest_takes_back(struct vq *vq)
{
    uint32_t id, len;

    while (vq_look(vq, &id, &len)) {
        struct buffer b;

        do {
            b = vq_take_back(vq);
        } while (vq->in_order && vq->packed && b.slot != id);
        assert_int_equal(id, b.slot);
        if (vq->i == 0) {
            check_packet(&b, len);
        }
    }
}

static void
guest_offers(struct vq *vq)
{
    while (vq->n_free >= MAX_CHAIN) {
        uint32_t len = varied && random_range(3) ? SMALL_LEN : SLOT_LEN;
        uint32_t lens[MAX_CHAIN] = { len / 2, len / 4, len / 8, len / 8 };
        bool is_chain = varied && !random_range(3);

        vq_offer(vq, is_chain ? lens : &len,
                 is_chain ? 1 + random_range(MAX_CHAIN) : 1,
                 VRING_DESC_F_WRITE);
    }
}

/* Sends a packet of 'len' bytes in 'n' descriptors. */
static void
guest_sends_one(struct vq *vq, uint32_t len, unsigned int n)
{
    uint32_t lens[MAX_CHAIN], ofs = 0;

    serial++;
    for (unsigned int i = 0; i < n; i++) {
        uint8_t *p = mem + SLOT_OFS(1, vq_slot(vq, i));

        lens[i] = (i + 1 == n ? HEADER_LEN + len - ofs
                   : !i ? HEADER_LEN : len / n);
        for (uint32_t j = 0; j < lens[i]; j++, ofs++) {
            p[j] = (ofs < HEADER_LEN ? 0
                    : ofs < HEADER_LEN + 4
                    ? serial >> 8 * (ofs - HEADER_LEN)
                    : pattern(serial, ofs - HEADER_LEN));
        }
    }
    vq_offer(vq, lens, n, 0);
}

static void
guest_sends(struct vq *vq)
{
    unsigned int n = random_range(BURST);

    while (n-- && vq->n_free >= MAX_CHAIN) {
        bool is_varied = varied && !random_range(4);

        guest_sends_one(vq, 60 + random_range(is_varied ? 1300 : 200),
                        is_varied ? 1 + random_range(MAX_CHAIN) : 1);
    }
}

/* Whatever the guest does at a time. */
static void
guest_turn(void)
{
    guest_takes_back(&vqs[0]);
    guest_offers(&vqs[0]);
    guest_takes_back(&vqs[1]);
    guest_sends(&vqs[1]);
}

/* The front-end. */

static bool
vq_start(struct vq *vq, bool stale)
{
    uint64_t area = USER + RING_OFS(vq->i);
    uint64_t addr[5] = { vq->i, area, area + USED_OFS, area + AVAIL_OFS, 0 };
    uint32_t base = (vq->packed ? vq->front_next
                     : stale ? 0 : vq->used->idx);

    return (tell_state(DPDK_VDPA_MSG_SET_VRING_NUM, vq->i, SIZE)
            && tell_state(DPDK_VDPA_MSG_SET_VRING_BASE, vq->i, base)
            && tell(DPDK_VDPA_MSG_SET_VRING_ADDR, addr, sizeof addr, -1)
            && tell_eventfd(DPDK_VDPA_MSG_SET_VRING_CALL, vq->i)
            && tell_eventfd(DPDK_VDPA_MSG_SET_VRING_KICK, vq->i)
            && tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, vq->i, 1));
}

/* Gives back what the guest sends, unseen. */
static void
vq_drop(struct vq *vq)
{
    for (;;) {
        struct vring_packed_desc *d
            = &vq->packed_desc[vq->front_next & ~PACKED_WRAP];
        struct vring_packed_desc *end = d;

        if (!packed_flags_are_avail(d->flags, vq->front_next)) {
            return;
        }
        for (;;) {
            vq->front_next = packed_advance(vq->front_next, 1, SIZE);
            if (!(end->flags & VRING_DESC_F_NEXT)) {
                break;
            }
            end = &vq->packed_desc[vq->front_next & ~PACKED_WRAP];
        }
        d->len = 0;
        d->flags = d->flags & PACKED_AVAIL ? PACKED_AVAIL | PACKED_USED : 0;
        n_dropped++;
    }
}

/* The guest goes on while nobody serves it. */
static void
live_alone(void)
{
    for (unsigned int n = random_range(5); n; n--) {
        guest_turn();
        if (vqs[1].packed && random_range(2)) {
            vq_drop(&vqs[1]);
        }
    }
}

/* Says all that there is to say, or as much as the other one lives to hear. */
static bool
front_begin(uint64_t features, bool stale)
{
    return (tell_u64(DPDK_VDPA_MSG_SET_PROTOCOL_FEATURES, 1 << 3, -1)
            && tell_u64(DPDK_VDPA_MSG_SET_FEATURES, features, -1)
            && tell_memory(MEM_SIZE)
            && vq_start(&vqs[0], stale) && vq_start(&vqs[1], stale));
}

static void
child_start(void)
{
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        child_main();
    }
    front_accept(NULL);
}

static void
child_kill(void)
{
    int status;

    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    child = 0;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The guest goes on until each ring has given back some buffers more. */
static void
wait_for_progress(void)
{
    uint64_t before[2] = { vqs[0].n_given_back, vqs[1].n_given_back };
    long long int end = time_msec() + TIMEOUT;

    while (vqs[0].n_given_back < before[0] + 3 * SIZE
           || vqs[1].n_given_back < before[1] + 3 * SIZE) {
        guest_turn();
        if (time_msec() >= end) {
            fail_msg("stuck: ring 0 at %#x of %#x, ring 1 at %#x of %#x",
                     vqs[0].next_used, vqs[0].next_offer, vqs[1].next_used,
                     vqs[1].next_offer);
        }
    }
}

/* Some time passes, at most a millisecond. */
static void
live_on(void)
{
    struct timespec now, end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += random_range(1000000);
    do {
        guest_turn();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec <= end.tv_sec && now.tv_nsec < end.tv_nsec);
}

static void
kill_it_again_and_again(uint64_t features, bool is_varied)
{
    test_needs("fork");
    varied = is_varied;
    serial = last_serial = n_again = n_more = n_dropped = 0;
    memset(mem, 0, MEM_SIZE);
    for (int i = 0; i < 2; i++) {
        vq_init(&vqs[i], i, features);
    }
    for (int i = 0; i < N_KILLS; i++) {
        child_start();
        if (i % 4 == 3) {
            /* Killed at once, before it has heard all or just after. */
            assert_true(tell_u64(DPDK_VDPA_MSG_SET_PROTOCOL_FEATURES, 1 << 3,
                                 -1));
            if (i % 8 == 3) {
                assert_true(front_begin(features | F_PROTOCOL, i % 3 == 0));
            }
        } else {
            assert_true(front_begin(features | F_PROTOCOL, i % 3 == 0));
            wait_for_progress();
            live_on();
        }
        child_kill();
        if (i % 2) {            /* Else it finds the rings as they were. */
            live_alone();
        }
    }
    child_start();
    assert_true(front_begin(features | F_PROTOCOL, false));
    wait_for_progress();
    child_kill();

    /* At most the bursts that were under way came twice. */
    assert_true(n_again <= N_KILLS);
    assert_true(!n_dropped == !(features & F_PACKED));
}

static void
test_split(void **state OVS_UNUSED)
{
    kill_it_again_and_again(F_1 | F_MRG, false);
}

static void
test_split_varied(void **state OVS_UNUSED)
{
    kill_it_again_and_again(F_1 | F_MRG, true);
}

static void
test_packed(void **state OVS_UNUSED)
{
    kill_it_again_and_again(F_1 | F_MRG | F_PACKED, false);
}

static void
test_packed_varied(void **state OVS_UNUSED)
{
    kill_it_again_and_again(F_1 | F_MRG | F_PACKED, true);
}

static void
test_packed_in_order(void **state OVS_UNUSED)
{
    kill_it_again_and_again(F_1 | F_MRG | F_PACKED | F_IN_ORDER, true);
}

static int
teardown(void **state OVS_UNUSED)
{
    return child > 0 ? kill(child, SIGKILL) : 0;
}

static int
setup_all(void **state OVS_UNUSED)
{
    if (!front_open(folder)) {
        return -1;
    }
    mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd, 0);
    mempool = test_eal_mempool(1023);
    return mem == MAP_FAILED || !mempool ? -1 : 0;
}

static int
teardown_all(void **state OVS_UNUSED)
{
    char *command = xasprintf("rm -r %s", folder);
    int error = system(command);

    free(command);
    return error;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_split, teardown),
        cmocka_unit_test_teardown(test_split_varied, teardown),
        cmocka_unit_test_teardown(test_packed, teardown),
        cmocka_unit_test_teardown(test_packed_varied, teardown),
        cmocka_unit_test_teardown(test_packed_in_order, teardown),
    };

    return cmocka_run_group_tests_name("restart", tests, setup_all,
                                       teardown_all);
}
