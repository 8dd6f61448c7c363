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

#ifndef RING_FIXTURE_H
#define RING_FIXTURE_H 1

/* What tests of the walk over a ring have in common: a ring of each kind, with
 * a guest behind it.  This includes lib/vhost/ring.c itself. */

#include "lib/vhost/ring.c"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "ovs-atomic.h"
#include "random.h"
#include "tests/unit/test-eal.h"
#include "tests/unit/test-guest.h"

#define N_MBUFS 255
#define BURST DPDK_VDPA_RING_BURST
#define MAX_LEN (RTE_MBUF_DEFAULT_BUF_SIZE - RTE_PKTMBUF_HEADROOM)

#define F_MRG (1ULL << VIRTIO_NET_F_MRG_RXBUF)
#define F_1 (1ULL << VIRTIO_F_VERSION_1)
#define F_PACKED (1ULL << VIRTIO_F_RING_PACKED)
#define F_EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)

/* A ring of so many descriptors, and where it starts. */
struct kind {
    uint16_t size;
    uint16_t pos;
    uint64_t features;
};

static struct kind kinds[] = {
    { 4, 0, F_1 },
    { 256, 65530, 0 },                  /* The index is about to wrap. */
    { 32768, 32767, F_MRG },
    { 4, GUEST_WRAP, F_1 | F_PACKED },
    { 256, 250, F_1 | F_PACKED },       /* Wrap counter 0. */
    { 5, 4 | GUEST_WRAP, F_1 | F_PACKED },
    { 32768, 32767, F_1 | F_PACKED },   /* The largest there is. */
    { 256, 65530, F_1 | F_EVENT_IDX },
    { 256, 250, F_1 | F_PACKED | F_EVENT_IDX },
};

struct fixture {
    struct guest guest;
    struct dpdk_vdpa_ring ring;
    struct dpdk_vdpa_note note;         /* Of a packed ring. */
    unsigned int header_len;
    unsigned int room;                  /* For so many at a time. */
    const char *what;                   /* Is being tested, if one of many. */
};

static struct rte_mempool *mempool;

static int
setup(void **state)
{
    const struct kind *kind = *state;
    struct fixture *f = xzalloc(sizeof *f);
    struct guest *g = &f->guest;

    guest_init(g, kind->features & F_PACKED, kind->size, kind->pos);
    dpdk_vdpa_ring_init(&f->ring, kind->features);
    f->header_len = kind->features ? 12 : 10;
    f->room = MIN(kind->size, 100);
    if (g->packed) {
        f->ring.packed.desc = g->packed_desc;
        f->ring.packed.driver_event = g->driver_event;
        f->ring.packed.device_event = g->device_event;
    } else {
        f->ring.split.desc = g->desc;
        f->ring.split.avail = g->avail;
        f->ring.split.used = g->used;
    }
    f->ring.size = kind->size;
    f->ring.next_avail = f->ring.next_used = kind->pos;
    f->ring.note = &f->note;
    f->ring.memory = &g->memory;
    f->ring.region = g->memory.regions;
    *state = f;
    return 0;
}

/* Whatever a test did, every mbuf comes back. */
static int
teardown(void **state)
{
    struct fixture *f = *state;

    if (f->what) {
        print_error("it was: %s\n", f->what);
    }
    assert_true(rte_mempool_full(mempool));
    guest_destroy(&f->guest);
    free(f);
    return 0;
}

/* Checks that notes were made of a buffer which the guest has back now and
 * which began at 'pos', if it lay across the end of the ring. */
static inline void
check_round(const struct fixture *f, uint16_t pos)
{
    uint16_t next = f->guest.next_used;

    if (f->guest.packed && (pos ^ next) & PACKED_WRAP && next & ~PACKED_WRAP) {
        assert_int_equal(f->note.first,
                         dpdk_vdpa_note_first(&f->guest.packed_desc[0]));
    }
}

/* Packet 'serial' for the guest. */
static inline struct rte_mbuf *
packet_new(unsigned int serial, uint32_t len)
{
    struct rte_mbuf *pkt = rte_pktmbuf_alloc(mempool);
    uint8_t *data;

    assert_non_null(pkt);
    data = (uint8_t *) rte_pktmbuf_append(pkt, len);
    assert_non_null(data);
    for (unsigned int i = 0; i < len; i++) {
        data[i] = guest_pattern(serial, i);
    }
    return pkt;
}

/* As lines of a table of tests: FUNCTION with a ring of each kind. */
#define TEST(FUNCTION)                                                       \
    TEST_OF(FUNCTION, "split 4", 0),                                         \
    TEST_OF(FUNCTION, "split 256", 1),                                       \
    TEST_OF(FUNCTION, "split 32768", 2),                                     \
    TEST_OF(FUNCTION, "packed 4", 3),                                        \
    TEST_OF(FUNCTION, "packed 256", 4),                                      \
    TEST_OF(FUNCTION, "packed 5", 5),                                        \
    TEST_OF(FUNCTION, "packed 32768", 6)

static int
setup_eal(void **state OVS_UNUSED)
{
    mempool = test_eal_mempool(N_MBUFS);
    return mempool ? 0 : -1;
}

#endif /* ring-fixture.h */
