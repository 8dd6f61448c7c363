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

/* Unit tests of the walk over a guest's ring: interrupts, and a guest that
 * changes its mind. */

#include <config.h>

#include "tests/unit/ring-fixture.h"

/* Interrupts. */

static void
set_split_event(struct fixture *f, uint16_t event)
{
    f->guest.avail->ring[f->guest.size] = event;
}

static void
test_split_calls(void **state)
{
    static const struct {
        uint16_t event, old, new;
        bool call;
    } cases[] = {
        { 0, 0, 1, true }, { 1, 0, 1, false }, { 65535, 0, 1, false },
        { 9, 10, 20, false }, { 10, 10, 20, true }, { 15, 10, 20, true },
        { 19, 10, 20, true }, { 20, 10, 20, false }, { 21, 10, 20, false },
        { 65533, 65534, 2, false }, { 65534, 65534, 2, true },
        { 65535, 65534, 2, true }, { 0, 65534, 2, true },
        { 1, 65534, 2, true }, { 2, 65534, 2, false },
        { 32768, 0, 32768, false }, { 32767, 0, 32768, true },
    };
    struct fixture *f = *state;
    struct guest *g = &f->guest;

    if (g->packed) {
        return;
    }
    set_split_event(f, 0x1234);
    g->avail->flags = 0;
    f->ring.next_used = 1;
    assert_true(dpdk_vdpa_ring_wants_call(&f->ring, 0));
    g->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    assert_false(dpdk_vdpa_ring_wants_call(&f->ring, 0));

    /* With VIRTIO_RING_F_EVENT_IDX the flag does not count. */
    f->ring.event_idx = true;
    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        set_split_event(f, cases[i].event);
        f->ring.next_used = cases[i].new;
        g->avail->flags = i % 2;
        assert_int_equal(dpdk_vdpa_ring_wants_call(&f->ring, cases[i].old),
                         cases[i].call);
    }
}

static void
set_packed_event(struct fixture *f, uint16_t flags, uint16_t pos)
{
    f->guest.driver_event->off_wrap = pos;
    f->guest.driver_event->flags = flags;
}

static void
test_packed_calls(void **state)
{
    struct fixture *f = *state;
    uint16_t pos = f->ring.next_used;
    uint16_t new = guest_advance(&f->guest, pos, 2);

    if (!f->guest.packed) {
        return;
    }
    f->ring.next_used = new;
    for (int i = 0; i < 2; i++) {
        f->ring.event_idx = i;
        set_packed_event(f, VRING_PACKED_EVENT_FLAG_ENABLE, new);
        assert_true(dpdk_vdpa_ring_wants_call(&f->ring, pos));
        set_packed_event(f, VRING_PACKED_EVENT_FLAG_DISABLE, pos);
        assert_false(dpdk_vdpa_ring_wants_call(&f->ring, pos));
    }
    set_packed_event(f, VRING_PACKED_EVENT_FLAG_DESC, pos);
    assert_true(dpdk_vdpa_ring_wants_call(&f->ring, pos));
    set_packed_event(f, VRING_PACKED_EVENT_FLAG_DESC, new);
    assert_false(dpdk_vdpa_ring_wants_call(&f->ring, pos));

    /* It was not negotiated; rather once too often. */
    f->ring.event_idx = false;
    assert_true(dpdk_vdpa_ring_wants_call(&f->ring, pos));
}

/* Returns the position that is 'i' descriptors into a ring's life. */
static uint16_t
packed_pos(const struct guest *g, unsigned int i)
{
    return i % g->size | (i / g->size % 2 ? 0 : GUEST_WRAP);
}

/* Every step from everywhere, with every event that is up to a round old, or
 * up to a round ahead. */
static void
test_packed_calls_all(void **state)
{
    struct fixture *f = *state;
    unsigned int size = f->guest.size;

    if (!f->guest.packed || size > 8) {
        return;
    }
    f->ring.event_idx = true;
    for (unsigned int old = 2 * size; old < 4 * size; old++) {
        for (unsigned int new = old + 1; new <= old + size; new++) {
            for (unsigned int event = old - size; event <= old + size;
                 event++) {
                set_packed_event(f, VRING_PACKED_EVENT_FLAG_DESC,
                                 packed_pos(&f->guest, event));
                f->ring.next_used = packed_pos(&f->guest, new);
                assert_int_equal(
                    dpdk_vdpa_ring_wants_call(&f->ring,
                                              packed_pos(&f->guest, old)),
                    event >= old && event < new);
            }
        }
    }
}

/* The memory may change at any time: a second thread writes to all of the
 * ring what comes to its mind.  Nothing is to be seen here but that it ends
 * well; the rest is for the sanitizers. */
struct scribbler {
    struct fixture *f;
    atomic_bool stop;
};

static void
scribble(struct guest *g, unsigned int i)
{
    uint16_t slot = random_range(MIN(g->size, BURST));
    uint64_t addr = (i % 8 ? guest_buf(i) : GUEST_MIDDLE - 20);
    uint32_t len = i % 16 ? 80 : random_uint32();
    uint16_t flags = (i % 4 / 2 ? VRING_DESC_F_WRITE : 0) | i % 32 / 31;

    if (g->packed) {
        struct vring_packed_desc *d = &g->packed_desc[slot];

        d->addr = addr;
        d->len = len;
        d->id = random_uint32();
        d->flags = flags | (i % 2 ? GUEST_AVAIL : GUEST_USED);
        g->driver_event->off_wrap = random_uint32();
    } else {
        g->desc[slot].addr = addr;
        g->desc[slot].len = len;
        g->desc[slot].flags = flags;
        g->avail->ring[slot] = i % 32 ? random_range(g->size) : g->size;
        g->avail->idx = g->used->idx + i % (g->size + 2);
        g->avail->ring[g->size] = random_uint32();
    }
}

static void *
scribbler_main(void *s_)
{
    struct scribbler *s = s_;
    bool stop = false;

    for (unsigned int i = 0; !stop; i++) {
        scribble(&s->f->guest, i);
        atomic_read_relaxed(&s->stop, &stop);
    }
    return NULL;
}

static void
test_memory_changes(void **state)
{
    struct fixture *f = *state;
    struct scribbler s = { .f = f, .stop = false };
    struct rte_mbuf *to_send[BURST];
    struct rte_mbuf *pkts[BURST];
    pthread_t thread;

    for (int i = 0; i < BURST; i++) {
        to_send[i] = packet_new(i, 60);
    }
    assert_int_equal(pthread_create(&thread, NULL, scribbler_main, &s), 0);
    for (int i = 0; i < 2000; i++) {
        uint16_t n = dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST);

        assert_true(n <= BURST);
        for (int j = 0; j < n; j++) {
            assert_true(pkts[j]->pkt_len >= 1 && pkts[j]->pkt_len <= MAX_LEN);
            assert_int_equal(pkts[j]->pkt_len, pkts[j]->data_len);
        }
        rte_pktmbuf_free_bulk(pkts, n);
        n = dpdk_vdpa_ring_send(&f->ring, to_send, BURST);
        assert_true(n <= BURST);
        dpdk_vdpa_ring_wants_call(&f->ring, f->ring.next_used - n);
        assert_int_equal(f->ring.next_avail, f->ring.next_used);
        if (f->guest.packed) {
            assert_true((f->ring.next_used & ~GUEST_WRAP) < f->guest.size);
        }
    }
    atomic_store_relaxed(&s.stop, true);
    pthread_join(thread, NULL);
    rte_pktmbuf_free_bulk(to_send, BURST);
}

/* The header is as long as the vhost library takes it to be. */
static void
test_header_len(void **state OVS_UNUSED)
{
    static const struct {
        uint64_t features;
        unsigned int len;
    } cases[] = {
        { 0, 10 }, { F_EVENT_IDX, 10 }, { F_MRG, 12 }, { F_1, 12 },
        { F_MRG | F_1, 12 }, { F_1 | F_PACKED, 12 }, { F_PACKED, 12 },
    };

    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dpdk_vdpa_ring ring;

        dpdk_vdpa_ring_init(&ring, cases[i].features);
        assert_int_equal(ring.header_len, cases[i].len);
        assert_int_equal(ring.is_packed, !!(cases[i].features & F_PACKED));
        assert_int_equal(ring.event_idx,
                         !!(cases[i].features & F_EVENT_IDX));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_split_calls),
        TEST(test_packed_calls),
        TEST(test_packed_calls_all),
        TEST(test_memory_changes),
        cmocka_unit_test(test_header_len),
    };

    return cmocka_run_group_tests_name("ring-calls", tests, setup_eal, NULL);
}
