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

/* Unit tests of which rings of a connection are walked, and when, with a
 * script in place of the vhost library and a thread in place of the one that
 * handles messages. */

#include <config.h>

#define ALLOW_EXPERIMENTAL_API
#include <rte_config.h>
#include <rte_vhost.h>

/* The script.  Every call leaves a letter in its trace. */
static int script_get_features(int vid, uint64_t *);
static int script_get_mem_table(int vid, struct rte_vhost_memory **);
static int script_get_vring(int vid, uint16_t i, struct rte_vhost_vring *);
static int script_get_base(int vid, uint16_t i, uint16_t *avail,
                           uint16_t *used);
static int script_set_base(int vid, uint16_t i, uint16_t avail, uint16_t used);
static int script_call(int vid, uint16_t i);
static uint16_t script_dequeue(int vid, uint16_t i, struct rte_mempool *,
                               struct rte_mbuf **, uint16_t n);
static uint16_t script_enqueue(int vid, uint16_t i, struct rte_mbuf **,
                               uint16_t n);

#define rte_vhost_get_negotiated_features script_get_features
#define rte_vhost_get_mem_table script_get_mem_table
#define rte_vhost_get_vhost_vring script_get_vring
#define rte_vhost_get_vring_base script_get_base
#define rte_vhost_set_vring_base script_set_base
#define rte_vhost_vring_call_nonblock script_call
#define rte_vhost_dequeue_burst script_dequeue
#define rte_vhost_enqueue_burst script_enqueue

#include "lib/vhost/walk.c"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <linux/virtio_net.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include "tests/unit/test-guest.h"

#define VID 7
#define N_RINGS 4               /* Of which the first two are used. */
#define N_MBUFS 255
#define BURST 32
#define HEADER_LEN 12

#define F_1 (1ULL << VIRTIO_F_VERSION_1)
#define F_PACKED (1ULL << VIRTIO_F_RING_PACKED)
#define F_EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)

struct fixture {
    struct dpdk_vdpa_walk *walk;
    struct guest guests[2];     /* Of rings 0 and 1, with the same memory. */
    bool enabled[MAX_RINGS];
    int call_fds[2];

    /* What the library answers. */
    uint64_t features;
    const struct dpdk_vdpa_memory *memory;
    unsigned int n_regions;
    int features_error, memory_error, vring_error, base_error;
    struct rte_vhost_vring vrings[N_RINGS];
    uint16_t avail[N_RINGS], used[N_RINGS];
    int call_result;
    unsigned int library_gives; /* Packets, once. */
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
static void
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
script_get_features(int vid, uint64_t *features)
{
    assert_int_equal(vid, VID);
    *features = fixture->features;
    return fixture->features_error;
}

static int
script_get_mem_table(int vid, struct rte_vhost_memory **memp)
{
    struct rte_vhost_memory *mem;

    assert_int_equal(vid, VID);
    if (fixture->memory_error) {
        return fixture->memory_error;
    }
    mem = malloc(sizeof *mem + fixture->n_regions * sizeof mem->regions[0]);
    assert_non_null(mem);
    mem->nregions = fixture->n_regions;
    for (unsigned int i = 0; i < fixture->n_regions; i++) {
        const struct dpdk_vdpa_region *region;

        /* The guest's two regions are the last ones. */
        region = &fixture->memory->regions[i % 2];
        memset(&mem->regions[i], 0, sizeof mem->regions[i]);
        mem->regions[i].guest_phys_addr = region->start;
        mem->regions[i].host_user_addr = region->start + region->offset;
        mem->regions[i].size = region->size;
        if (i + 2 < fixture->n_regions) {
            mem->regions[i].guest_phys_addr += 1ULL << 40;
        }
    }
    *memp = mem;
    return 0;
}

static int
script_get_vring(int vid, uint16_t i, struct rte_vhost_vring *vring)
{
    assert_int_equal(vid, VID);
    assert_true(i < N_RINGS);
    *vring = fixture->vrings[i];
    return fixture->vring_error;
}

static int
script_get_base(int vid, uint16_t i, uint16_t *avail, uint16_t *used)
{
    assert_int_equal(vid, VID);
    trace('G');
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
    n = MIN(n, fixture->library_gives);
    fixture->library_gives = 0;
    if (n) {
        assert_int_equal(rte_pktmbuf_alloc_bulk(mp, pkts, n), 0);
        script_advance(i, n);
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
    script_advance(i, n);
    return n;
}

static void
set_vring(struct fixture *f, unsigned int i)
{
    struct rte_vhost_vring *vring = &f->vrings[i];
    struct guest *g = &f->guests[i];

    vring->callfd = f->call_fds[i];
    vring->kickfd = -1;
    vring->size = g->size;
    if (g->packed) {
        vring->desc_packed = g->packed_desc;
        vring->driver_event = g->driver_event;
        vring->device_event = g->driver_event;
    } else {
        vring->desc = g->desc;
        vring->avail = g->avail;
        vring->used = g->used;
    }
}

/* A connection with one queue pair, and a walk that is closed. */
static int
setup(void **state)
{
    const uint64_t *features = *state;
    struct fixture *f = xzalloc(sizeof *f);

    f->features = *features;
    f->n_regions = 2;
    for (int i = 0; i < 2; i++) {
        struct guest *g = &f->guests[i];

        guest_init(g, f->features & F_PACKED, 256, 250);
        if (i) {
            free(g->mem[0]);
            free(g->mem[1]);
            memcpy(g->mem, f->guests[0].mem, sizeof g->mem);
        }
        f->enabled[i] = true;
        f->avail[i] = f->used[i] = g->next_offer;
        f->call_fds[i] = eventfd(0, EFD_NONBLOCK);
        assert_true(f->call_fds[i] >= 0);
        set_vring(f, i);
    }
    f->walk = dpdk_vdpa_walk_create();
    assert_non_null(f->walk);
    f->memory = &f->guests[0].memory;
    fixture = f;
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
        guest_destroy(&f->guests[i]);
    }
    free(f);
    return 0;
}

static unsigned int
n_walked(const struct dpdk_vdpa_walk *walk)
{
    struct dpdk_vdpa_walk_info info;

    dpdk_vdpa_walk_get_info(walk, &info);
    return info.n_walked;
}

static void
walk_open(struct fixture *f)
{
    dpdk_vdpa_walk_open(f->walk, VID, f->enabled, MAX_RINGS);
}

static void
walk_reopen(struct fixture *f)
{
    dpdk_vdpa_walk_close(f->walk);
    assert_int_equal(n_walked(f->walk), 0);
    walk_open(f);
}

/* The guest sends 'n' packets, or offers buffers for as many. */
static void
guest_sends(struct fixture *f, unsigned int n)
{
    while (n--) {
        guest_send(&f->guests[1], guest_buf(f->guests[1].n_offered),
                   HEADER_LEN, 1, 60);
    }
}

static void
guest_offers(struct fixture *f, unsigned int n)
{
    while (n--) {
        guest_offer(&f->guests[0], guest_buf(100 + f->guests[0].n_offered),
                    HEADER_LEN + 60, VRING_DESC_F_WRITE);
    }
}

/* The guest sends, or offers, one for the library. */
static void
guest_is_unusual(struct fixture *f, unsigned int i)
{
    guest_offer(&f->guests[i], guest_buf(50), 80, VRING_DESC_F_INDIRECT);
}

/* Receives, and returns how many packets. */
static unsigned int
recv_some(struct fixture *f)
{
    struct rte_mbuf *pkts[BURST];
    unsigned int n = dpdk_vdpa_walk_recv(f->walk, VID, 1, mempool, pkts,
                                         BURST);

    rte_pktmbuf_free_bulk(pkts, n);
    return n;
}

/* Sends 'n' packets, and returns how many went. */
static unsigned int
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
static unsigned int
n_calls(struct fixture *f, unsigned int i)
{
    eventfd_t value = 0;

    return eventfd_read(f->call_fds[i], &value) ? 0 : value;
}

/* The guest wants no interrupts, or one for each packet. */
static void
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

/* Checks that 'want' rings would be walked, and if none, that all goes
 * through the library. */
static void
check_walked(struct fixture *f, unsigned int want)
{
    walk_reopen(f);
    assert_int_equal(n_walked(f->walk), want);
    if (!want) {
        guest_sends(f, 1);
        guest_offers(f, 1);
        f->library_gives = 1;
        assert_int_equal(recv_some(f), 1);
        assert_int_equal(send_some(f, 1), 0);
        check_trace("DE");
    }
}

/* Which are walked. */

static void
test_walked(void **state)
{
    check_walked(*state, 2);
}

static void
test_features(void **state)
{
    struct fixture *f = *state;
    uint64_t features = f->features;

    f->features = features | 1ULL << VIRTIO_F_IOMMU_PLATFORM;
    check_walked(f, 0);
    f->features = features | 1ULL << VHOST_F_LOG_ALL;
    check_walked(f, 0);
    f->features = features;
    f->features_error = -1;
    check_walked(f, 0);
    f->features_error = 0;
    check_walked(f, 2);
}

static void
test_memory(void **state)
{
    struct fixture *f = *state;

    f->memory_error = -1;
    check_walked(f, 0);
    f->memory_error = 0;
    f->n_regions = 0;
    check_walked(f, 0);
    f->n_regions = DPDK_VDPA_MAX_REGIONS + 1;
    check_walked(f, 0);
    f->n_regions = DPDK_VDPA_MAX_REGIONS;
    check_walked(f, 2);
    guest_sends(f, 2);
    assert_int_equal(recv_some(f), 2);
}

static void
test_enabled(void **state)
{
    struct fixture *f = *state;

    f->features &= ~F_EVENT_IDX;
    f->enabled[0] = false;
    check_walked(f, 1);
    guest_offers(f, 1);
    guest_sends(f, 1);
    assert_int_equal(recv_some(f), 1);
    assert_int_equal(send_some(f, 1), 0);
    check_trace("GSE");

    f->enabled[1] = false;
    check_walked(f, 0);

    /* No more rings than asked for. */
    f->enabled[0] = f->enabled[1] = true;
    dpdk_vdpa_walk_open(f->walk, VID, f->enabled, 1);
    assert_int_equal(n_walked(f->walk), 1);
}

static void
test_vrings(void **state)
{
    struct fixture *f = *state;
    struct rte_vhost_vring *vring = &f->vrings[1];
    static const uint16_t sizes[] = { 3, 5, 255, 257, 32767 };

    vring->desc = NULL;
    check_walked(f, 1);
    set_vring(f, 1);
    vring->avail = NULL;
    check_walked(f, 1);
    set_vring(f, 1);
    vring->used = NULL;
    check_walked(f, 1);
    set_vring(f, 1);
    vring->desc = (void *) ((uintptr_t) vring->desc + 8);
    check_walked(f, 1);
    set_vring(f, 1);
    vring->avail = (void *) ((uintptr_t) vring->avail + 1);
    check_walked(f, 1);
    set_vring(f, 1);
    vring->used = (void *) ((uintptr_t) vring->used + 2);
    check_walked(f, 1);
    set_vring(f, 1);
    vring->size = 0;
    check_walked(f, 1);
    for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
        vring->size = sizes[i];
        check_walked(f, f->guests[1].packed ? 2 : 1);
    }
    set_vring(f, 1);
    check_walked(f, 2);
    f->vring_error = -1;
    check_walked(f, 0);
}

/* Positions. */

/* Checks that the library knows how far ring 'i' has been processed. */
static void
check_base(const struct fixture *f, unsigned int i, unsigned int n)
{
    uint16_t pos = guest_advance(&f->guests[i], 250, n);

    assert_int_equal(f->avail[i], pos);
    assert_int_equal(f->used[i], pos);
}

static void
test_positions(void **state)
{
    struct fixture *f = *state;

    walk_open(f);
    guest_sends(f, 3);
    guest_offers(f, 5);
    assert_int_equal(recv_some(f), 3);
    check_trace("GS");
    check_base(f, 1, 3);
    assert_int_equal(send_some(f, 2), 2);
    check_trace("GS");
    check_base(f, 0, 2);

    /* Once known, it is known; where nothing happens nothing is said. */
    assert_int_equal(recv_some(f), 0);
    check_trace("");
    guest_sends(f, 20);
    assert_int_equal(recv_some(f), 20);
    check_trace("S");
    check_base(f, 1, 23);
    assert_int_equal(send_some(f, 5), 3);
    check_trace("S");
    check_base(f, 0, 5);
    assert_int_equal(send_some(f, 5), 0);
    check_trace("");
}

static void
test_positions_after_library(void **state)
{
    struct fixture *f = *state;

    f->features &= ~F_EVENT_IDX;
    walk_open(f);

    /* Stops in front of it, has the library go on, and asks it then. */
    guest_sends(f, 2);
    guest_is_unusual(f, 1);
    guest_sends(f, 4);
    assert_int_equal(recv_some(f), 2);
    check_trace("GS");
    f->library_gives = 2;
    assert_int_equal(recv_some(f), 2);
    check_trace("D");
    check_base(f, 1, 4);
    assert_int_equal(recv_some(f), 3);
    check_trace("GS");
    check_base(f, 1, 7);

    guest_offers(f, 2);
    guest_is_unusual(f, 0);
    guest_offers(f, 4);
    assert_int_equal(send_some(f, 8), 2);
    check_trace("GS");
    f->library_takes = 2;
    assert_int_equal(send_some(f, 6), 2);
    check_trace("E");
    assert_int_equal(send_some(f, 6), 3);
    check_trace("GS");
    check_base(f, 0, 7);
}

/* The library may have done anything before it closes again. */
static void
test_positions_after_opening(void **state)
{
    struct fixture *f = *state;

    f->features &= ~F_EVENT_IDX;
    walk_open(f);
    guest_sends(f, 10);
    guest_offers(f, 1);
    assert_int_equal(recv_some(f), 10);
    check_trace("GS");

    dpdk_vdpa_walk_close(f->walk);
    guest_sends(f, 10);
    f->library_gives = 4;
    assert_int_equal(recv_some(f), 4);
    assert_int_equal(send_some(f, 1), 0);
    check_trace("DE");
    walk_open(f);
    assert_int_equal(recv_some(f), 6);
    check_trace("GS");
    check_base(f, 1, 20);
}

static void
test_positions_bad(void **state)
{
    struct fixture *f = *state;
    struct guest *g = &f->guests[1];
    uint16_t pos = f->used[1];

    walk_open(f);
    guest_sends(f, 1);
    f->base_error = -1;
    assert_int_equal(recv_some(f), 0);
    check_trace("GD");
    f->base_error = 0;
    if (g->packed) {
        static const uint16_t beyond[] = { 256, 257, 0x7fff, 0x8100, 0xffff };

        for (int i = 0; i < ARRAY_SIZE(beyond); i++) {
            f->avail[1] = f->used[1] = beyond[i];
            assert_int_equal(recv_some(f), 0);
            check_trace("GD");
        }
        f->used[1] = pos;
        f->avail[1] = pos ^ GUEST_WRAP;
        assert_int_equal(recv_some(f), 0);
        check_trace("GD");
        f->avail[1] = pos + 1;
        assert_int_equal(recv_some(f), 0);
        check_trace("GD");
    }

    f->avail[1] = f->used[1] = pos;
    assert_int_equal(recv_some(f), 1);
    check_trace("GS");
}

/* The library's own packets. */

static void
test_ask_library(void **state)
{
    struct fixture *f = *state;

    f->features &= ~F_EVENT_IDX;
    dpdk_vdpa_walk_ask_library(f->walk);
    dpdk_vdpa_walk_ask_library(f->walk);
    walk_open(f);
    guest_sends(f, 3);
    guest_offers(f, 1);

    /* Until it has given something, whatever the guest has. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(recv_some(f), 0);
        check_trace("GD");
    }
    assert_int_equal(send_some(f, 1), 1);
    check_trace("GS");
    f->library_gives = 1;
    assert_int_equal(recv_some(f), 1);
    check_trace("GD");
    assert_int_equal(recv_some(f), 2);
    check_trace("GS");

    /* What it gave before it was open does not count, there may be more. */
    dpdk_vdpa_walk_close(f->walk);
    dpdk_vdpa_walk_ask_library(f->walk);
    guest_sends(f, 3);
    f->library_gives = 1;
    assert_int_equal(recv_some(f), 1);
    walk_open(f);
    assert_int_equal(recv_some(f), 0);
    f->library_gives = 1;
    assert_int_equal(recv_some(f), 1);
    check_trace("DGDGD");
    assert_int_equal(recv_some(f), 1);
    check_trace("GS");
}

/* Interrupts. */

/* Returns how often the guest is interrupted for what was received from it,
 * which is when the ring is looked at again. */
static unsigned int
n_late_calls(struct fixture *f)
{
    assert_int_equal(n_calls(f, 1), 0);
    assert_int_equal(recv_some(f), 0);
    return n_calls(f, 1);
}

static void
test_calls(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        guest_wants_calls(f, i, false);
    }
    walk_open(f);
    assert_int_equal(recv_some(f), 0);
    assert_int_equal(send_some(f, 1), 0);
    assert_int_equal(n_calls(f, 0), 0);
    assert_int_equal(n_calls(f, 1), 0);

    /* The first burst always does, one that has a packet. */
    for (int round = 0; round < 2; round++) {
        guest_sends(f, 2);
        assert_int_equal(recv_some(f), 2);
        assert_int_equal(n_late_calls(f), 1);
        guest_offers(f, 2);
        assert_int_equal(send_some(f, 1), 1);
        assert_int_equal(n_calls(f, 0), 1);

        guest_sends(f, 1);
        assert_int_equal(recv_some(f), 1);
        assert_int_equal(n_late_calls(f), 0);
        assert_int_equal(send_some(f, 1), 1);
        assert_int_equal(n_calls(f, 0), 0);
        walk_reopen(f);
    }

    /* And each one where the guest wants it. */
    for (int round = 0; round < 3; round++) {
        guest_wants_calls(f, 1, true);
        if (!f->guests[1].packed && f->features & F_EVENT_IDX) {
            f->guests[1].avail->ring[256] = f->used[1];
        }
        guest_sends(f, 2);
        assert_int_equal(recv_some(f), 2);
        if (round == 2) {
            /* Or when nobody is going to look any more. */
            assert_int_equal(n_calls(f, 1), 0);
            dpdk_vdpa_walk_close(f->walk);
            assert_int_equal(n_calls(f, 1), 1);
            walk_open(f);
        } else {
            assert_int_equal(n_late_calls(f), 1);
        }
        assert_int_equal(recv_some(f), 0);
        assert_int_equal(n_calls(f, 1), 0);
    }
}

static void
test_no_call_fd(void **state)
{
    struct fixture *f = *state;

    for (int fd = -1; fd >= -2; fd--) {
        f->vrings[0].callfd = f->vrings[1].callfd = fd;
        guest_wants_calls(f, 0, true);
        guest_wants_calls(f, 1, true);
        walk_reopen(f);
        guest_sends(f, 1);
        assert_int_equal(recv_some(f), 1);
        guest_offers(f, 1);
        assert_int_equal(send_some(f, 1), 1);
    }
}

/* With VIRTIO_RING_F_EVENT_IDX the library decides about interrupts before it
 * goes on after us, and only then. */
static void
test_hand_over(void **state)
{
    struct fixture *f = *state;
    const char *d = f->features & F_EVENT_IDX ? "CD" : "D";
    const char *e = f->features & F_EVENT_IDX ? "CE" : "E";

    walk_open(f);
    guest_is_unusual(f, 1);
    assert_int_equal(recv_some(f), 0);
    check_trace("GD");          /* We have done nothing yet. */
    script_advance(1, 1);

    for (int i = 0; i < 2; i++) {
        guest_sends(f, 1);
        guest_is_unusual(f, 1);
        assert_int_equal(recv_some(f), 1);
        check_trace("GS");
        assert_int_equal(recv_some(f), 0);
        check_trace(d);
        f->library_gives = 1;
        assert_int_equal(recv_some(f), 1);
        check_trace("GD");

        guest_offers(f, 1);
        guest_is_unusual(f, 0);
        assert_int_equal(send_some(f, 1), 1);
        check_trace("GS");
        assert_int_equal(send_some(f, 1), 0);
        check_trace(e);
        f->library_takes = 1;
        assert_int_equal(send_some(f, 1), 1);
        check_trace("GE");
    }

    /* Also when the walk is closed, or was. */
    guest_sends(f, 1);
    guest_offers(f, 1);
    assert_int_equal(recv_some(f), 1);
    assert_int_equal(send_some(f, 1), 1);
    check_trace("GSGS");
    dpdk_vdpa_walk_close(f->walk);
    recv_some(f);
    check_trace(d);
    recv_some(f);
    check_trace("D");
    walk_open(f);
    guest_is_unusual(f, 0);
    send_some(f, 1);
    assert_int_equal(fixture->trace[0], 'G');
    assert_string_equal(&fixture->trace[1], e);
}

/* Nobody waits for the thread that handles messages. */
static void
test_hand_over_busy(void **state)
{
    struct fixture *f = *state;

    if (!(f->features & F_EVENT_IDX)) {
        return;
    }
    walk_open(f);
    guest_sends(f, 1);
    guest_is_unusual(f, 1);
    guest_offers(f, 1);
    guest_is_unusual(f, 0);
    assert_int_equal(recv_some(f), 1);
    assert_int_equal(send_some(f, 1), 1);
    check_trace("GSGS");

    f->call_result = -EAGAIN;
    f->library_gives = f->library_takes = 1;
    assert_int_equal(recv_some(f), 0);
    assert_int_equal(send_some(f, 1), 0);
    check_trace("CC");
    assert_int_equal(recv_some(f), 0);
    assert_int_equal(send_some(f, 1), 0);
    check_trace("GCGC");
    f->call_result = 0;
    assert_int_equal(recv_some(f), 1);
    assert_int_equal(send_some(f, 1), 1);
    check_trace("GCDGCE");

    /* Any other failure is the library's own affair. */
    guest_sends(f, 1);
    guest_is_unusual(f, 1);
    assert_int_equal(recv_some(f), 1);
    f->call_result = -1;
    assert_int_equal(recv_some(f), 0);
    check_trace("GSCD");
}

/* Closing. */

static void
test_close(void **state)
{
    struct fixture *f = *state;

    dpdk_vdpa_walk_close(f->walk);
    walk_open(f);
    guest_sends(f, 1);
    guest_offers(f, 1);
    dpdk_vdpa_walk_close(f->walk);
    dpdk_vdpa_walk_close(f->walk);
    assert_int_equal(n_walked(f->walk), 0);
    assert_int_equal(recv_some(f), 0);
    assert_int_equal(send_some(f, 1), 0);
    check_trace("DE");
    check_base(f, 1, 0);
    check_base(f, 0, 0);
}

/* For test_close_waits(). */
static atomic_bool is_inside, has_closed, closed_too_early, has_left;

/* Stays inside until somebody wants to close, and a little longer. */
static void
stay_inside(struct fixture *f)
{
    bool closing = false;

    atomic_store(&is_inside, true);
    while (!closing) {
        atomic_read(&f->walk->rings[1].closed, &closing);
        sched_yield();
    }
    for (int i = 0; i < 1000; i++) {
        bool early;

        sched_yield();
        atomic_read(&has_closed, &early);
        if (early) {
            atomic_store(&closed_too_early, true);
        }
    }
    atomic_store(&has_left, true);
}

static void *
recv_once(void *f)
{
    return (void *) (uintptr_t) recv_some(f);
}

static void
test_close_waits(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    bool value = false;
    void *n_got;

    atomic_store(&is_inside, false);
    atomic_store(&has_closed, false);
    atomic_store(&closed_too_early, false);
    atomic_store(&has_left, false);
    walk_open(f);
    guest_sends(f, 1);
    f->in_set_base = stay_inside;
    assert_int_equal(pthread_create(&thread, NULL, recv_once, f), 0);
    while (!value) {
        sched_yield();
        atomic_read(&is_inside, &value);
    }
    dpdk_vdpa_walk_close(f->walk);
    atomic_read(&has_left, &value);
    assert_true(value);
    atomic_store(&has_closed, true);
    pthread_join(thread, &n_got);
    assert_int_equal((uintptr_t) n_got, 1);
    atomic_read(&closed_too_early, &value);
    assert_false(value);
}

#define STRESS_ROUNDS 2000
#define STRESS_RING_SIZE 64
#define STRESS_PAGE 4096
#define STRESS_AREA_SIZE (6 * STRESS_PAGE + 2 * GUEST_REGION_SIZE)

static void
world_init(struct world *w, bool packed)
{
    BUILD_ASSERT(GUEST_REGION_SIZE % STRESS_PAGE == 0);
    w->area = mmap(NULL, STRESS_AREA_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(w->area != MAP_FAILED);
    for (int i = 0; i < 2; i++) {
        uint8_t *pages = w->area + 3 * i * STRESS_PAGE;
        struct guest *g = &w->guests[i];

        guest_init(g, packed, STRESS_RING_SIZE, 0);
        guest_destroy(g);
        for (int j = 0; j < 2; j++) {
            g->mem[j] = w->area + 6 * STRESS_PAGE + j * GUEST_REGION_SIZE;
            g->memory.regions[j].offset = ((uintptr_t) g->mem[j]
                                           - g->memory.regions[j].start);
        }
        if (packed) {
            g->packed_desc = (void *) pages;
            g->driver_event = (void *) (pages + STRESS_PAGE);
        } else {
            g->desc = (void *) pages;
            g->avail = (void *) (pages + STRESS_PAGE);
            g->used = (void *) (pages + 2 * STRESS_PAGE);
        }
    }
    assert_int_equal(mprotect(w->area, STRESS_AREA_SIZE, PROT_NONE), 0);
}

/* The guest appears here, with packets in its ring and buffers for others. */
static void
world_begin(struct stress *s, struct world *w)
{
    struct fixture *f = s->f;

    assert_int_equal(mprotect(w->area, STRESS_AREA_SIZE,
                              PROT_READ | PROT_WRITE), 0);
    for (int i = 0; i < 2; i++) {
        struct guest *g = &w->guests[i];
        uint16_t pos = s->serial * 5;

        if (g->packed) {
            pos = pos % STRESS_RING_SIZE | (pos & GUEST_WRAP);
        }
        guest_reset(g, pos);
        f->avail[i] = f->used[i] = pos;
        f->guests[i] = *g;
        set_vring(f, i);
    }
    f->memory = &f->guests[0].memory;
    for (int i = 0; i < 24; i++) {
        uint64_t addr = guest_buf(i);

        guest_send(&f->guests[1], addr, HEADER_LEN, 0, 60);
        s->serial++;
        memcpy(guest_at(&f->guests[1], addr) + HEADER_LEN, &s->serial,
               sizeof s->serial);
    }
    guest_offers(f, 24);
}

/* And is gone.  Returns how many packets were taken from it. */
static unsigned int
world_end(struct stress *s, struct world *w)
{
    unsigned int n[2] = { 0, 0 };

    for (int i = 0; i < 2; i++) {
        struct guest *g = &s->f->guests[i];
        uint32_t id, len;
        uint16_t flags;

        while (guest_take_back(g, &id, &len, &flags)) {
            n[i]++;
        }
        assert_int_equal(g->next_used, s->f->used[i]);
        assert_int_equal(g->next_used, s->f->avail[i]);
    }

    /* Not even the bytes are there any more. */
    memset(w->area, 0xff, 6 * STRESS_PAGE);
    assert_int_equal(mprotect(w->area, STRESS_AREA_SIZE, PROT_NONE), 0);
    return n[1];
}

static void
stress_recv(struct stress *s, uint32_t *serial)
{
    struct rte_mbuf *pkts[BURST];
    unsigned int n = dpdk_vdpa_walk_recv(s->f->walk, VID, 1, mempool, pkts,
                                         BURST);
    unsigned int orig;

    for (unsigned int i = 0; i < n; i++) {
        uint32_t this = *rte_pktmbuf_mtod(pkts[i], uint32_t *);

        if (this <= *serial || pkts[i]->pkt_len != 60) {
            atomic_store(&s->failed, true);
        }
        *serial = this;
    }
    rte_pktmbuf_free_bulk(pkts, n);
    atomic_add_relaxed(&s->n_got, n, &orig);
}

static void *
stress_main(void *s_)
{
    struct stress *s = s_;
    uint32_t serial = 0;
    bool stop = false;

    while (!stop) {
        unsigned int orig;

        stress_recv(s, &serial);
        atomic_add_relaxed(&s->n_sent, send_some(s->f, 3), &orig);
        atomic_read_relaxed(&s->stop, &stop);
    }
    return NULL;
}

static unsigned int
stress_count(atomic_uint *counter)
{
    unsigned int value;

    atomic_read_relaxed(counter, &value);
    return value;
}

/* Waits until the other thread has counted 'n' on from 'from'. */
static void
stress_wait(atomic_uint *counter, unsigned int from, unsigned int n)
{
    while (stress_count(counter) - from < n) {
        sched_yield();
    }
}

/* The thread that handles messages moves the guest from one world to the
 * other, while a PMD thread goes on.  Who touches a world that is no more
 * gets a SIGSEGV. */
static void
test_stress(void **state)
{
    struct fixture *f = *state;
    bool packed = f->guests[0].packed;
    struct guest saved[2] = { f->guests[0], f->guests[1] };
    struct stress s = { .f = f, .lock = PTHREAD_MUTEX_INITIALIZER };
    unsigned int n_used = 0;
    pthread_t thread;
    bool failed;

    world_init(&s.worlds[0], packed);
    world_init(&s.worlds[1], packed);
    f->stress = &s;
    f->features &= ~F_EVENT_IDX;
    assert_int_equal(pthread_create(&thread, NULL, stress_main, &s), 0);
    for (int i = 0; i < STRESS_ROUNDS; i++) {
        struct world *w = &s.worlds[i % 2];
        unsigned int n_got = stress_count(&s.n_got);
        unsigned int n_sent = stress_count(&s.n_sent);

        pthread_mutex_lock(&s.lock);
        world_begin(&s, w);
        walk_open(f);
        assert_int_equal(n_walked(f->walk), 2);
        pthread_mutex_unlock(&s.lock);
        if (i % 3 == 1) {
            stress_wait(&s.n_got, n_got, 1);
        } else if (i % 3 == 2) {
            stress_wait(&s.n_sent, n_sent, 1);
        }

        pthread_mutex_lock(&s.lock);
        dpdk_vdpa_walk_close(f->walk);
        n_used += world_end(&s, w);
        if (i % 2) {
            f->features ^= F_EVENT_IDX;
        }
        pthread_mutex_unlock(&s.lock);
        if (i % 5 == 0) {
            stress_wait(&s.n_library, stress_count(&s.n_library), 2);
        }
    }
    atomic_store_relaxed(&s.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(stress_count(&s.n_got), n_used);
    assert_true(n_used > STRESS_ROUNDS / 3);
    atomic_read(&s.failed, &failed);
    assert_false(failed);

    for (int i = 0; i < 2; i++) {
        munmap(s.worlds[i].area, STRESS_AREA_SIZE);
        f->guests[i] = saved[i];
    }
    f->stress = NULL;
}

static int
setup_eal(void **state OVS_UNUSED)
{
    char *argv[] = {
        "test-walk", "--no-huge", "--no-shconf", "--no-pci", "-m", "64",
        "--no-telemetry", "-l", "0", "--log-level=error",
    };

    cpu_set_t cpus;

    /* EAL binds this thread to one CPU, and threads would inherit that. */
    sched_getaffinity(0, sizeof cpus, &cpus);
    if (rte_eal_init(ARRAY_SIZE(argv), argv) < 0) {
        fprintf(stderr, "cannot initialize EAL: %s\n",
                rte_strerror(rte_errno));
        return -1;
    }
    sched_setaffinity(0, sizeof cpus, &cpus);
    mempool = rte_pktmbuf_pool_create("test", N_MBUFS, 0, 0,
                                      RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    return mempool ? 0 : -1;
}

int
main(void)
{
    static uint64_t kinds[] = {
        F_1, F_1 | F_EVENT_IDX, F_1 | F_PACKED, F_1 | F_PACKED | F_EVENT_IDX,
    };
#define TEST_OF(FUNCTION, KIND, I)                                           \
    { #FUNCTION " (" KIND ")", FUNCTION, setup, teardown, &kinds[I] }
#define TEST(FUNCTION)                                                       \
    TEST_OF(FUNCTION, "split", 0),                                           \
    TEST_OF(FUNCTION, "split, EVENT_IDX", 1),                                \
    TEST_OF(FUNCTION, "packed", 2),                                          \
    TEST_OF(FUNCTION, "packed, EVENT_IDX", 3)
    const struct CMUnitTest tests[] = {
        TEST(test_walked),
        TEST(test_features),
        TEST(test_memory),
        TEST(test_enabled),
        TEST(test_vrings),
        TEST(test_positions),
        TEST(test_positions_after_library),
        TEST(test_positions_after_opening),
        TEST(test_positions_bad),
        TEST(test_ask_library),
        TEST(test_calls),
        TEST(test_no_call_fd),
        TEST(test_hand_over),
        TEST(test_hand_over_busy),
        TEST(test_close),
        TEST(test_close_waits),
        TEST_OF(test_stress, "split", 0),
        TEST_OF(test_stress, "packed", 2),
    };

    return cmocka_run_group_tests_name("walk", tests, setup_eal, NULL);
}
