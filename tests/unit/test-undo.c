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

/* Unit tests of how what a burst left half done is undone: each order in which
 * the vhost library gives buffers back, cut off at each store. */

#include <config.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "tests/unit/test-eal.h"
#include "vhost/notes.h"
#include "vhost/packed.h"
#include "vhost/ring.h"
#include "vhost/undo.h"

#define SIZE 16
#define START (13 | PACKED_WRAP)        /* The end of the ring comes soon. */
#define LEN 1000                        /* Of each descriptor. */
#define F_MRG (1ULL << VIRTIO_NET_F_MRG_RXBUF)
#define F_PACKED (1ULL << VIRTIO_F_RING_PACKED)
#define F_IN_ORDER (1ULL << VIRTIO_F_IN_ORDER)

static struct rte_mempool *mempool;
static struct vring_packed_desc descs[SIZE];
static struct dpdk_vdpa_ring ring;
static struct dpdk_vdpa_note note;
static struct dpdk_vdpa_undo undo;

/* Descriptors of the buffers that the guest offers. */
static const unsigned int lens[] = { 1, 3, 1, 2, 1 };
#define N_BUFS ARRAY_SIZE(lens)

static struct vring_packed_desc *
desc_at(uint16_t pos)
{
    return &descs[pos & ~PACKED_WRAP];
}

/* A ring that has been processed as far as START, and what is offered. */
static void
ring_fill(uint64_t features)
{
    uint16_t pos = START;
    uint16_t id = 100;

    dpdk_vdpa_ring_init(&ring, features | F_PACKED);
    ring.packed.desc = descs;
    ring.size = SIZE;
    ring.note = &note;
    ring.next_avail = ring.next_used = START;
    for (int i = 0; i < SIZE; i++) {
        descs[i].flags = i < (START & ~PACKED_WRAP) ? PACKED_AVAIL
                         | PACKED_USED : 0;
    }
    for (int i = 0; i < N_BUFS; i++, id++) {
        for (unsigned int j = 0; j < lens[i]; j++) {
            struct vring_packed_desc *d = desc_at(pos);

            d->addr = 0x1000 * id + j;
            d->len = LEN;
            d->id = id;
            d->flags = (j + 1 < lens[i] ? VRING_DESC_F_NEXT : 0)
                       | (pos & PACKED_WRAP ? PACKED_AVAIL : PACKED_USED);
            pos = packed_advance(pos, 1, SIZE);
        }
    }
}

/* The stores by which the library gives back buffers 'first' up to 'end', not
 * included: the order is that of its shadow of a packed ring.  Only the first
 * 'n_stores' are done, of all that were so far.  Returns how many there would
 * have been then. */
static unsigned int
library_gives_back(unsigned int first, unsigned int end, bool head_last,
                   unsigned int n, unsigned int n_stores)
{
    uint16_t positions[N_BUFS];
    uint16_t pos = START;

#define STORE(WHAT, VALUE)              \
    do {                                \
        if (n++ < n_stores) {           \
            (WHAT) = (VALUE);           \
        }                               \
    } while (0)

    for (unsigned int i = 0; i < end; i++) {
        positions[i] = pos;
        pos = packed_advance(pos, lens[i], SIZE);
    }
    for (unsigned int i = first; i < end; i++) {
        STORE(desc_at(positions[i])->id, 200 + i);
        STORE(desc_at(positions[i])->len, 0);
    }
    for (unsigned int i = first + head_last; i <= end; i++) {
        unsigned int j = i < end ? i : first;

        if (i < end || head_last) {
            STORE(desc_at(positions[j])->flags,
                  positions[j] & PACKED_WRAP ? PACKED_AVAIL | PACKED_USED
                  : 0);
        }
    }
    return n;
}

/* Checks that after the process ended each buffer is either given back, as the
 * guest sees it, or as it was offered.  Returns how many were given back. */
static unsigned int
check_undone(unsigned int n_noted)
{
    struct vring_packed_desc after[SIZE];
    uint16_t pos = START, at = 0;
    unsigned int n = 0;

    while (n < N_BUFS && packed_flags_are_used(desc_at(pos)->flags, pos)) {
        pos = packed_advance(pos, lens[n++], SIZE);
    }
    assert_true(dpdk_vdpa_undo_burst(&undo, n_noted, descs, SIZE, &at));
    assert_int_equal(at, pos);

    memcpy(after, descs, sizeof after);
    ring_fill(0);
    while (pos != packed_advance(START, 8, SIZE)) {
        assert_memory_equal(&after[pos & ~PACKED_WRAP], desc_at(pos),
                            sizeof *after);
        pos = packed_advance(pos, 1, SIZE);
    }
    return n;
}

static void
test_orders(void **state OVS_UNUSED)
{
    for (int head_last = 0; head_last < 2; head_last++) {
        unsigned int n_stores = 0, n_all, n_back = 0;

        do {
            uint16_t n = N_BUFS;
            unsigned int n_noted;

            ring_fill(0);
            n_noted = dpdk_vdpa_undo_note_recv(&ring, &undo, &n);
            assert_int_equal(n_noted, N_BUFS);
            assert_int_equal(n, N_BUFS);
            /* In two turns, the second of which begins in the middle. */
            n_all = library_gives_back(0, 2, head_last, 0, n_stores);
            n_all = library_gives_back(2, 4, head_last, n_all, n_stores);
            n_back = check_undone(n_noted);
        } while (n_stores++ < n_all);
        assert_int_equal(n_back, 4);
    }
}

/* The guest may have seen what was given back, and offered new ones there. */
static void
test_offered_again(void **state OVS_UNUSED)
{
    uint16_t n = N_BUFS, pos;
    unsigned int n_noted;

    ring_fill(0);
    n_noted = dpdk_vdpa_undo_note_recv(&ring, &undo, &n);
    library_gives_back(0, 2, true, 0, UINT_MAX);
    desc_at(START)->flags = PACKED_USED;        /* In the next round. */
    desc_at(packed_advance(START, 1, SIZE))->flags = PACKED_USED;
    assert_true(dpdk_vdpa_undo_burst(&undo, n_noted, descs, SIZE, &pos));
    assert_int_equal(pos, packed_advance(START, 4, SIZE));
}

/* How much is left to the library at a time. */
static void
test_recv(void **state OVS_UNUSED)
{
    uint16_t n = 2;

    ring_fill(0);
    assert_int_equal(dpdk_vdpa_undo_note_recv(&ring, &undo, &n), 2);
    assert_int_equal(n, 2);
    n = 32;
    assert_int_equal(dpdk_vdpa_undo_note_recv(&ring, &undo, &n), N_BUFS);
    assert_int_equal(n, N_BUFS);
    ring_fill(F_IN_ORDER);
    assert_int_equal(dpdk_vdpa_undo_note_recv(&ring, &undo, &n), 1);
    assert_int_equal(n, 1);

    /* A chain without end. */
    for (int i = 0; i < SIZE; i++) {
        descs[i].flags |= VRING_DESC_F_NEXT;
    }
    n = 32;
    assert_int_equal(dpdk_vdpa_undo_note_recv(&ring, &undo, &n), 0);
    assert_int_equal(n, 0);
}

static void
check_send(const uint32_t *pkt_lens, uint16_t n, uint64_t features,
           uint16_t want, unsigned int want_noted)
{
    struct rte_mbuf *pkts[8];

    assert_int_equal(rte_pktmbuf_alloc_bulk(mempool, pkts, n), 0);
    for (int i = 0; i < n; i++) {
        pkts[i]->pkt_len = pkt_lens[i];
    }
    ring_fill(features);
    rte_pktmbuf_free_bulk(pkts, n);
    assert_int_equal(dpdk_vdpa_undo_note_send(&ring, &undo, pkts, &n),
                     want_noted);
    assert_int_equal(n, want);
}

static void
test_send(void **state OVS_UNUSED)
{
    const uint32_t pkt_lens[] = {
        LEN - 12,               /* The first buffer. */
        3 * LEN - 11,           /* The second, and a byte of the third. */
        60,                     /* The fourth. */
        1012,                   /* There is not so much left. */
    };

    check_send(pkt_lens, 1, F_MRG, 1, 1);
    check_send(pkt_lens, 2, F_MRG, 2, 3);
    check_send(pkt_lens, 3, F_MRG, 3, 4);
    check_send(pkt_lens, 4, F_MRG, 3, 5);

    /* Without merging, each packet takes one. */
    check_send(pkt_lens, 4, 0, 4, 4);
}

/* What the guest offers after it was noted is not for the library to use. */
static void
test_send_too_much(void **state OVS_UNUSED)
{
    const uint32_t len = 8 * LEN - 11;

    check_send(&len, 1, F_MRG, 0, 0);
}

/* Nothing that is in the file does harm. */
static void
test_nonsense(void **state OVS_UNUSED)
{
    struct vring_packed_desc before[SIZE];
    struct dpdk_vdpa_undo good;
    uint16_t n = N_BUFS, pos;

    ring_fill(0);
    dpdk_vdpa_undo_note_recv(&ring, &good, &n);
    memcpy(before, descs, sizeof before);
    undo = good;
    assert_false(dpdk_vdpa_undo_burst(&undo, 255, descs, SIZE, &pos));
    undo.begin = SIZE;
    assert_false(dpdk_vdpa_undo_burst(&undo, N_BUFS, descs, SIZE, &pos));
    undo = good;
    undo.lens[1] = 0;
    assert_false(dpdk_vdpa_undo_burst(&undo, N_BUFS, descs, SIZE, &pos));
    undo.lens[1] = SIZE;
    assert_false(dpdk_vdpa_undo_burst(&undo, N_BUFS, descs, SIZE, &pos));
    undo.lens[1] = UINT16_MAX;
    assert_false(dpdk_vdpa_undo_burst(&undo, N_BUFS, descs, SIZE, &pos));
    assert_memory_equal(before, descs, sizeof before);
}

static int
setup_eal(void **state OVS_UNUSED)
{
    mempool = test_eal_mempool(63);
    return mempool ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_offered_again),
        cmocka_unit_test(test_recv),
        cmocka_unit_test(test_send),
        cmocka_unit_test(test_send_too_much),
        cmocka_unit_test(test_nonsense),
    };

    return cmocka_run_group_tests_name("undo", tests, setup_eal, NULL);
}
