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

#ifndef WALK_FIXTURE_H
#define WALK_FIXTURE_H 1

/* What tests of the walk have in common: a connection of which a book is kept,
 * and a script in place of the vhost library.  This includes lib/vhost/walk.c
 * itself. */

#include <rte_config.h>
#include <rte_vhost.h>

/* The script.  Every call leaves a letter in its trace. */
static int script_get_base(int vid, uint16_t i, uint16_t *avail,
                           uint16_t *used);
static int script_set_base(int vid, uint16_t i, uint16_t avail, uint16_t used);
static int script_call(int vid, uint16_t i);
static uint16_t script_dequeue(int vid, uint16_t i, struct rte_mempool *,
                               struct rte_mbuf **, uint16_t n);
static uint16_t script_enqueue(int vid, uint16_t i, struct rte_mbuf **,
                               uint16_t n);

#define rte_vhost_get_vring_base script_get_base
#define rte_vhost_set_vring_base script_set_base
#define rte_vhost_vring_call_nonblock script_call
#define rte_vhost_dequeue_burst script_dequeue
#define rte_vhost_enqueue_burst script_enqueue

#include "lib/vhost/walk.c"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <linux/virtio_net.h>
#include <rte_mbuf.h>

#include "tests/unit/test-eal.h"
#include "tests/unit/test-guest.h"

#define VID 7
#define N_RINGS 4               /* Of which the first two are used. */
#define N_MBUFS 511
#define BURST 32
#define HEADER_LEN 12

#define F_1 (1ULL << VIRTIO_F_VERSION_1)
#define F_PACKED (1ULL << VIRTIO_F_RING_PACKED)
#define F_EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)

struct fixture {
    struct dpdk_vdpa_walk *walk;
    struct guest guests[2];     /* Of rings 0 and 1, with the same memory. */
    struct dpdk_vdpa_book book;
    struct dpdk_vdpa_notes *notes;
    int call_fds[2];            /* Where the guest is interrupted. */
    int library_fds[2];         /* Where the library interrupts it. */

    /* What the library answers. */
    int base_error;
    uint16_t avail[N_RINGS], used[N_RINGS];
    int call_result;
    unsigned int library_gives; /* Packets, once. */
    unsigned int library_asked; /* For so many, the last time. */
    unsigned int library_loses; /* Packets, with the next that it gives. */
    bool library_calls;         /* The guest, for each burst. */
    unsigned int library_takes; /* Packets, once. */

    char trace[64];
    void (*in_set_base)(struct fixture *);
    struct stress *stress;
};

/* A guest that is somewhere else each time the walk is opened. */
struct stress {
    struct fixture *f;
    pthread_mutex_t lock;       /* Of the library. */
    atomic_bool stop;
    atomic_uint n_library;      /* Calls of the library. */
    atomic_uint n_got;          /* Packets. */
    atomic_uint n_sent;
    atomic_bool failed;

    /* Two worlds, of which only one exists at a time. */
    struct world {
        uint8_t *area;
        struct guest guests[2];
    } worlds[2];
    uint32_t serial;
};

static uint64_t kinds[] = {
    F_1, F_1 | F_EVENT_IDX, F_1 | F_PACKED, F_1 | F_PACKED | F_EVENT_IDX,
};

static struct rte_mempool *mempool;

/* The script has no argument for it. */
static struct fixture *fixture;

static void
trace(char c)
{
    size_t len = strlen(fixture->trace);

    if (fixture->stress) {
        return;                 /* Threads would have to share it. */
    }
    assert_true(len + 1 < sizeof fixture->trace);
    fixture->trace[len] = c;
}

/* Checks which functions of the library were called since the last time. */
static inline void
check_trace(const char *s)
{
    assert_string_equal(fixture->trace, s);
    memset(fixture->trace, 0, sizeof fixture->trace);
}

/* Whatever the library is asked, it has nothing, at best. */
static int
stress_call(void)
{
    struct stress *s = fixture->stress;
    unsigned int n;

    atomic_add_relaxed(&s->n_library, 1, &n);
    if (pthread_mutex_trylock(&s->lock)) {
        return -EAGAIN;
    }
    pthread_mutex_unlock(&s->lock);
    return 0;
}

static int
script_get_base(int vid, uint16_t i, uint16_t *avail, uint16_t *used)
{
    assert_int_equal(vid, VID);
    *avail = fixture->avail[i];
    *used = fixture->used[i];
    return fixture->base_error;
}

static int
script_set_base(int vid, uint16_t i, uint16_t avail, uint16_t used)
{
    assert_int_equal(vid, VID);
    trace('S');
    fixture->avail[i] = avail;
    fixture->used[i] = used;
    if (fixture->in_set_base) {
        fixture->in_set_base(fixture);
    }
    return 0;
}

static int
script_call(int vid, uint16_t i OVS_UNUSED)
{
    assert_int_equal(vid, VID);
    trace('C');
    return fixture->stress ? stress_call() : fixture->call_result;
}

/* The library goes one buffer on with each packet. */
static void
script_advance(uint16_t i, unsigned int n)
{
    while (n--) {
        guest_library_uses(&fixture->guests[i], &fixture->used[i]);
    }
    fixture->avail[i] = fixture->used[i];
    if (fixture->library_calls) {
        assert_int_equal(eventfd_write(fixture->library_fds[i], 1), 0);
    }
}

static uint16_t
script_dequeue(int vid, uint16_t i, struct rte_mempool *mp,
               struct rte_mbuf **pkts, uint16_t n)
{
    assert_int_equal(vid, VID);
    trace('D');
    if (fixture->stress) {
        stress_call();
        return 0;
    }
    fixture->library_asked = n;
    n = MIN(n, fixture->library_gives);
    fixture->library_gives = 0;
    if (n) {
        assert_int_equal(rte_pktmbuf_alloc_bulk(mp, pkts, n), 0);
        for (unsigned int j = 0; j < n; j++) {
            memset(rte_pktmbuf_append(pkts[j], 60), 0, 60);
        }
    }
    if (n + fixture->library_loses) {
        script_advance(i, n + fixture->library_loses);
        fixture->library_loses = 0;
    }
    return n;
}

static uint16_t
script_enqueue(int vid, uint16_t i, struct rte_mbuf **pkts OVS_UNUSED,
               uint16_t n)
{
    assert_int_equal(vid, VID);
    trace('E');
    if (fixture->stress) {
        stress_call();
        return 0;
    }
    n = MIN(n, fixture->library_takes);
    fixture->library_takes = 0;
    if (n) {
        script_advance(i, n);
    }
    return n;
}

/* Adds 'len' bytes at 'data' to the memory, as a region of its own. */
static void
book_add_region(struct dpdk_vdpa_book *book, void *data, uint64_t len,
                uint64_t guest)
{
    struct dpdk_vdpa_book_region *region;

    assert_true(book->memory.n < DPDK_VDPA_BOOK_N_REGIONS);
    region = &book->memory.regions[book->memory.n++];
    region->host = region->user = (uintptr_t) data;
    region->guest = guest;
    region->size = len;
}

static void
book_set_ring(struct fixture *f, unsigned int i)
{
    struct dpdk_vdpa_book_ring *ring = &f->book.rings[i];
    struct guest *g = &f->guests[i];

    ring->size = g->size;
    ring->has_base = ring->has_addr = ring->is_started = true;
    ring->desc = (uintptr_t) (g->packed ? (void *) g->packed_desc : g->desc);
    ring->avail = (uintptr_t) (g->packed ? (void *) g->driver_event
                               : g->avail);
    ring->used = (uintptr_t) (g->packed ? (void *) g->device_event : g->used);
}

/* Has the book say where guests and rings are: the guest's two regions, and
 * each area of a ring in one of its own. */
static void
book_fill(struct fixture *f)
{
    struct dpdk_vdpa_book *book = &f->book;
    uint64_t elsewhere = 1ULL << 40;

    memset(&book->memory, 0, sizeof book->memory);
    for (int i = 0; i < 2; i++) {
        const struct dpdk_vdpa_region *region
            = &f->guests[0].memory.regions[i];

        book_add_region(book, f->guests[0].mem[i], region->size,
                        region->start);
    }
    for (int i = 0; i < 2; i++) {
        struct dpdk_vdpa_book_ring *ring = &book->rings[i];
        struct dpdk_vdpa_book_areas areas;

        book_set_ring(f, i);
        areas = dpdk_vdpa_book_areas(book->features, ring->size);
        book_add_region(book, (void *) ring->desc, areas.desc, elsewhere++);
        book_add_region(book, (void *) ring->avail, areas.avail, elsewhere++);
        book_add_region(book, (void *) ring->used, areas.used, elsewhere++);
    }
    book->has_memory = true;
}

/* The front-end wants interrupts by the fixture's eventfds. */
static void
set_calls(struct fixture *f)
{
    for (int i = 0; i < 2; i++) {
        eventfd_t value;

        f->library_fds[i] = dpdk_vdpa_walk_set_call(f->walk, i,
                                                    dup(f->call_fds[i]),
                                                    true);
        assert_true(f->library_fds[i] >= 0);
        assert_int_equal(eventfd_read(f->call_fds[i], &value), 0);
    }
}

/* A connection with one queue pair, and a walk that is closed. */
static int
setup(void **state)
{
    const uint64_t *features = *state;
    struct fixture *f = xzalloc(sizeof *f);

    dpdk_vdpa_book_init(&f->book, false);
    f->book.features = *features;
    for (int i = 0; i < 2; i++) {
        struct guest *g = &f->guests[i];

        guest_init(g, f->book.features & F_PACKED, 256, 250);
        if (i) {
            free(g->mem[0]);
            free(g->mem[1]);
            memcpy(g->mem, f->guests[0].mem, sizeof g->mem);
        }
        dpdk_vdpa_book_set_enabled(&f->book, i, true);
        f->avail[i] = f->used[i] = g->next_offer;
        f->call_fds[i] = eventfd(0, EFD_NONBLOCK);
        assert_true(f->call_fds[i] >= 0);
    }
    book_fill(f);
    f->notes = xzalloc_cacheline(sizeof *f->notes);
    f->walk = dpdk_vdpa_walk_create(&f->book, f->notes);
    assert_non_null(f->walk);
    fixture = f;
    set_calls(f);
    *state = f;
    return 0;
}

/* Whatever a test did, every mbuf comes back. */
static int
teardown(void **state)
{
    struct fixture *f = *state;

    dpdk_vdpa_walk_close(f->walk);
    dpdk_vdpa_walk_destroy(f->walk);
    assert_true(rte_mempool_full(mempool));
    memset(f->guests[1].mem, 0, sizeof f->guests[1].mem);
    for (int i = 0; i < 2; i++) {
        close(f->call_fds[i]);
        close(f->library_fds[i]);
        guest_destroy(&f->guests[i]);
    }
    free_cacheline(f->notes);
    free(f);
    return 0;
}

static inline unsigned int
n_walked(const struct dpdk_vdpa_walk *walk)
{
    struct dpdk_vdpa_walk_info info;

    dpdk_vdpa_walk_get_info(walk, &info);
    return info.n_walked;
}

static inline void
walk_open(struct fixture *f)
{
    dpdk_vdpa_walk_open(f->walk, VID);
}

/* The guest sends 'n' packets, or offers buffers for as many. */
static inline void
guest_sends(struct fixture *f, unsigned int n)
{
    while (n--) {
        guest_send(&f->guests[1], guest_buf(f->guests[1].n_offered),
                   HEADER_LEN, 1, 60);
    }
}

static inline void
guest_offers(struct fixture *f, unsigned int n)
{
    while (n--) {
        guest_offer(&f->guests[0], guest_buf(100 + f->guests[0].n_offered),
                    HEADER_LEN + 60, VRING_DESC_F_WRITE);
    }
}

/* Receives, and returns how many packets. */
static inline unsigned int
recv_some(struct fixture *f)
{
    struct rte_mbuf *pkts[BURST];
    unsigned int n = dpdk_vdpa_walk_recv(f->walk, VID, 1, mempool, pkts,
                                         BURST);

    rte_pktmbuf_free_bulk(pkts, n);
    return n;
}

/* Sends 'n' packets, and returns how many went. */
static inline unsigned int
send_some(struct fixture *f, unsigned int n)
{
    struct rte_mbuf *pkts[BURST];
    unsigned int n_sent;

    assert_int_equal(rte_pktmbuf_alloc_bulk(mempool, pkts, n), 0);
    for (unsigned int i = 0; i < n; i++) {
        memset(rte_pktmbuf_append(pkts[i], 60), 0, 60);
    }
    n_sent = dpdk_vdpa_walk_send(f->walk, VID, 0, pkts, n);
    rte_pktmbuf_free_bulk(&pkts[n_sent], n - n_sent);
    return n_sent;
}

/* Returns how often ring 'i' was called since the last time. */
static inline unsigned int
n_calls(struct fixture *f, unsigned int i)
{
    eventfd_t value = 0;

    return eventfd_read(f->call_fds[i], &value) ? 0 : value;
}

/* The guest wants no interrupts, or one for each packet. */
static inline void
guest_wants_calls(struct fixture *f, unsigned int i, bool wants)
{
    struct guest *g = &f->guests[i];

    if (g->packed) {
        g->driver_event->flags = (wants ? VRING_PACKED_EVENT_FLAG_ENABLE
                                  : VRING_PACKED_EVENT_FLAG_DISABLE);
    } else {
        g->avail->flags = wants ? 0 : VRING_AVAIL_F_NO_INTERRUPT;
        g->avail->ring[g->size] = wants ? g->next_used : g->next_used - 1;
    }
}

/* The guest wants an interrupt for what happens to ring 'i' next. */
static inline void
guest_wants_next(struct fixture *f, unsigned int i)
{
    guest_wants_calls(f, i, true);
    if (!f->guests[i].packed && f->book.features & F_EVENT_IDX) {
        f->guests[i].avail->ring[256] = f->used[i];
    }
}

/* Checks that the library knows how far ring 'i' has been processed. */
static inline void
check_base(const struct fixture *f, unsigned int i, unsigned int n)
{
    uint16_t pos = guest_advance(&f->guests[i], 250, n);

    assert_int_equal(f->avail[i], pos);
    assert_int_equal(f->used[i], pos);
}

/* As lines of a table of tests: FUNCTION with rings of each kind. */
#define TEST(FUNCTION)                                                       \
    TEST_OF(FUNCTION, "split", 0),                                           \
    TEST_OF(FUNCTION, "split, EVENT_IDX", 1),                                \
    TEST_OF(FUNCTION, "packed", 2),                                          \
    TEST_OF(FUNCTION, "packed, EVENT_IDX", 3)

static int
setup_eal(void **state OVS_UNUSED)
{
    mempool = test_eal_mempool(N_MBUFS);
    return mempool ? 0 : -1;
}

#endif /* walk-fixture.h */
