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

/* Unit tests of what the walk does with rings whose buffers are not the
 * rule. */

#include <config.h>

#include "tests/unit/walk-fixture.h"

/* What is not the rule and yet in order never gets to the library. */
static void
test_chain(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkts[BURST];
    struct guest *g = &f->guests[1];

    walk_open(f);
    guest_sends(f, 1);
    /* Over the end of a region. */
    memset(guest_at(g, GUEST_MIDDLE - 20), 0, 20);
    guest_offer(g, GUEST_MIDDLE - 20, 100, 0);
    guest_sends(f, 2);
    assert_int_equal(recv_some(f), 1);
    check_trace("S");
    assert_int_equal(dpdk_vdpa_walk_recv(f->walk, VID, 1, mempool, pkts,
                                         BURST), 3);
    check_trace("S");
    assert_int_equal(pkts[0]->pkt_len, 100 - HEADER_LEN);
    assert_int_equal(pkts[1]->pkt_len, 60);
    rte_pktmbuf_free_bulk(pkts, 3);
}

/* Nor does what the guest gets in several buffers. */
static void
test_scatter(void **state)
{
    struct fixture *f = *state;
    struct guest *g = &f->guests[0];
    struct rte_mbuf *pkts[3];
    uint64_t n_library = f->walk->rings[0].n_library;

    walk_open(f);
    f->walk->rings[0].ring.mergeable = true;
    for (int i = 0; i < 3; i++) {
        pkts[i] = rte_pktmbuf_alloc(mempool);
        rte_pktmbuf_append(pkts[i], i == 1 ? 150 : 60);
    }
    for (int i = 0; i < 3; i++) {
        guest_offer(g, guest_buf(i), 100, VRING_DESC_F_WRITE);
    }
    n_calls(f, 0);
    guest_wants_next(f, 0);
    assert_int_equal(dpdk_vdpa_walk_send(f->walk, VID, 0, pkts, 3), 2);
    check_trace("S");
    check_base(f, 0, 3);
    assert_int_equal(n_calls(f, 0), 1);
    for (unsigned int i = 0; i < 3; i++) {
        uint32_t id, len;
        uint16_t flags;

        assert_true(guest_take_back(g, &id, &len, &flags));
        assert_int_equal(id, guest_id(g, i));
        assert_int_equal(len, i == 0 ? 72 : i == 1 ? 100 : 62);
    }
    /* The last one waits for room, and the library is not asked. */
    assert_int_equal(dpdk_vdpa_walk_send(f->walk, VID, 0, &pkts[2], 1), 0);
    check_trace("");
    assert_int_equal(f->walk->rings[0].n_library, n_library);
    rte_pktmbuf_free(pkts[2]);
}

/* What is put together from segments gets to the library as that needs it, and
 * to the guest, should that be walked again, as it was. */
static void
test_large_for_library(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkt = rte_pktmbuf_alloc(mempool);
    struct guest *g = &f->guests[0];

    memset(rte_pktmbuf_append(pkt, 1000), 7, 1000);
    pkt->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
    pkt->l2_len = 14;
    pkt->l3_len = pkt->l4_len = 20;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dpdk_vdpa_walk_send(f->walk, VID, 0, &pkt, 1), 0);
        check_trace("E");
        assert_int_equal(pkt->nb_segs, 2);
        assert_int_equal(pkt->data_len, 34);
    }
    walk_open(f);
    f->walk->rings[0].ring.features |= (1ULL << VIRTIO_NET_F_GUEST_CSUM
                                        | 1ULL << VIRTIO_NET_F_GUEST_TSO4);
    guest_offer(g, guest_buf(0), 1500, VRING_DESC_F_WRITE);
    assert_int_equal(dpdk_vdpa_walk_send(f->walk, VID, 0, &pkt, 1), 1);
    check_trace("S");
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(guest_at(g, guest_buf(0))[HEADER_LEN + i], 7);
    }
}

/* Returns the number of packets received, at most 'n'. */
static unsigned int
recv_n(struct fixture *f, unsigned int n)
{
    struct rte_mbuf *pkts[BURST];

    n = dpdk_vdpa_walk_recv(f->walk, VID, 1, mempool, pkts, n);
    rte_pktmbuf_free_bulk(pkts, n);
    return n;
}

/* Who would leave a ring's packets to others is not asked each time; but again
 * after a while. */
static void
test_recv_detour(void **state)
{
    struct fixture *f = *state;
    struct walked *w = &f->walk->rings[1];
    struct guest *g = &f->guests[1];

    walk_open(f);
    guest_offer(g, GUEST_MIDDLE - 20, 100, 0);
    memset(guest_at(g, GUEST_MIDDLE - 20), 0, 20);
    assert_int_equal(recv_n(f, BURST), 1);
    assert_int_equal(w->n_detour, N_DETOUR);
    assert_false(w->detour_is_library);
    for (int i = 1; i <= N_DETOUR; i++) {
        guest_sends(f, i % 2);
        assert_int_equal(recv_n(f, BURST), i % 2);
        assert_int_equal(w->n_detour, N_DETOUR - i);
    }
    guest_sends(f, 1);
    assert_int_equal(recv_n(f, BURST), 1);
    assert_int_equal(w->n_detour, 0);
    memset(f->trace, 0, sizeof f->trace);
}

/* Nor is what the library cannot get over looked at each time. */
static void
test_library_detour(void **state)
{
    struct fixture *f = *state;
    struct walked *w = &f->walk->rings[1];
    struct guest *g = &f->guests[1];

    f->book.features &= ~F_EVENT_IDX;
    walk_open(f);
    guest_offer(g, GUEST_END, 100, 0);
    for (int i = 0; i <= N_DETOUR; i++) {
        assert_int_equal(recv_n(f, BURST), 0);
        check_trace("D");
        assert_int_equal(w->n_detour, N_DETOUR - i);
    }
    /* Had the guest put it right meanwhile, the walk would go on. */
    guest_reset(g, w->ring.next_avail);
    guest_sends(f, 1);
    assert_int_equal(recv_n(f, BURST), 1);
    check_trace("S");
    assert_int_equal(w->n_detour, 0);
}

static void
test_send_detour(void **state)
{
    struct fixture *f = *state;
    struct walked *w = &f->walk->rings[0];
    struct guest *g = &f->guests[0];

    f->book.features &= ~F_EVENT_IDX;
    walk_open(f);
    for (int i = -1; i <= N_DETOUR; i++) {
        struct rte_mbuf *pkt = rte_pktmbuf_alloc(mempool);

        rte_pktmbuf_append(pkt, 60);
        /* Only the first one lies across the end of a region. */
        guest_offer(g, i < 0 ? GUEST_MIDDLE - 20 : guest_buf(0), 100,
                    VRING_DESC_F_WRITE);
        assert_int_equal(dpdk_vdpa_walk_send(f->walk, VID, 0, &pkt, 1), 1);
        check_trace("S");
        assert_int_equal(w->n_detour, i < 0 ? N_DETOUR
                                      : MAX(N_DETOUR - i - 1, 0));
    }

    /* What is broken goes to the library. */
    guest_offer(g, GUEST_END, 100, VRING_DESC_F_WRITE);
    for (int i = 0; i <= N_DETOUR; i++) {
        struct rte_mbuf *pkt = rte_pktmbuf_alloc(mempool);

        rte_pktmbuf_append(pkt, 60);
        assert_int_equal(dpdk_vdpa_walk_send(f->walk, VID, 0, &pkt, 1), 0);
        check_trace("E");
        assert_int_equal(w->n_detour, N_DETOUR - i);
        assert_true(w->detour_is_library);
        rte_pktmbuf_free(pkt);
    }
}

/* A packet of which some segments have been taken, and of which somebody else
 * takes what is left, leaves nothing behind: not if the library does, as when
 * there are no mbufs for a moment, nor if the ring stops. */
static void
test_half_cut(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_ring *ring = &f->walk->rings[1].ring;
    struct rte_mbuf *pkts[BURST];

    walk_open(f);
    ring->cut_pos = ring->next_avail;
    ring->n_cut = 3;
    guest_sends(f, 1);
    f->library_gives = 1;
    assert_int_equal(library_recv(f->walk, VID, 1, mempool, pkts, BURST, 0),
                     1);
    rte_pktmbuf_free(pkts[0]);
    assert_int_equal(ring->n_cut, 0);

    ring->cut_pos = ring->next_avail;
    ring->n_cut = 3;
    dpdk_vdpa_walk_close_ring(f->walk, 1);
    walk_open(f);
    assert_int_equal(ring->n_cut, 0);
    memset(f->trace, 0, sizeof f->trace);
}

/* A buffer that no packet fits goes back to the guest, who learns of it; not
 * one that a packet does fit, nor one of a ring that is the library's. */
static void
test_return_short(void **state)
{
    struct fixture *f = *state;
    struct guest *g = &f->guests[0];

    for (int i = 0; i < 3; i++) {
        guest_offer(g, guest_buf(i), i < 2 ? 5 : HEADER_LEN + 14,
                    VRING_DESC_F_WRITE);
    }
    assert_false(dpdk_vdpa_walk_return_short(f->walk, VID, 0));
    check_trace("");
    walk_open(f);
    for (unsigned int i = 0; i < 2; i++) {
        uint32_t id, len;
        uint16_t flags;

        n_calls(f, 0);
        guest_wants_next(f, 0);
        assert_true(dpdk_vdpa_walk_return_short(f->walk, VID, 0));
        check_trace("S");
        check_base(f, 0, i + 1);
        assert_int_equal(n_calls(f, 0), 1);
        assert_true(guest_take_back(g, &id, &len, &flags));
        assert_int_equal(id, guest_id(g, i));
        assert_int_equal(len, 0);
    }
    assert_false(dpdk_vdpa_walk_return_short(f->walk, VID, 0));
    check_trace("");
    check_base(f, 0, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_chain),
        TEST(test_scatter),
        TEST(test_large_for_library),
        TEST(test_recv_detour),
        TEST(test_library_detour),
        TEST(test_send_detour),
        TEST(test_half_cut),
        TEST(test_return_short),
    };

    return cmocka_run_group_tests_name("walk-chain", tests, setup_eal, NULL);
}
