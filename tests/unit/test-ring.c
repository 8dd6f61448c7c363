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

/* Unit tests of the walk over a guest's ring: packets from it and to it. */

#include <config.h>

#include <rte_ip.h>

#include "tests/unit/ring-fixture.h"

/* Checks that the ring was processed up to 'pos', and no further. */
static void
check_pos(const struct fixture *f, uint16_t pos)
{
    assert_int_equal(f->ring.next_avail, pos);
    assert_int_equal(f->ring.next_used, pos);
}

/* Checks that the guest gets back its buffer number 'i', of which 'len' bytes
 * were written. */
static void
check_back(struct fixture *f, unsigned int i, uint32_t len)
{
    uint32_t id, written;
    uint16_t flags;

    assert_true(guest_take_back(&f->guest, &id, &written, &flags));
    assert_int_equal(id, guest_id(&f->guest, i));
    assert_int_equal(written, len);
    if (f->guest.packed) {
        assert_int_equal(flags, len ? VRING_DESC_F_WRITE : 0);
    }
}

static void
check_none_back(struct fixture *f)
{
    uint32_t id, len;
    uint16_t flags;

    assert_false(guest_take_back(&f->guest, &id, &len, &flags));
}

/* Checks a packet from the guest, and frees it. */
static void
check_packet(struct rte_mbuf *pkt, unsigned int serial, uint32_t len)
{
    const uint8_t *data = rte_pktmbuf_mtod(pkt, const uint8_t *);
    const char *reason;

    assert_int_equal(rte_mbuf_check(pkt, 1, &reason), 0);
    assert_ptr_equal(pkt->pool, mempool);
    assert_ptr_equal(pkt->next, NULL);
    assert_int_equal(pkt->pkt_len, len);
    assert_int_equal(pkt->data_len, len);
    assert_int_equal(pkt->data_off, RTE_PKTMBUF_HEADROOM);
    assert_int_equal(rte_mbuf_refcnt_read(pkt), 1);
    assert_int_equal(pkt->nb_segs, 1);
    assert_int_equal(pkt->ol_flags, 0);
    assert_int_equal(pkt->packet_type, 0);
    assert_int_equal(pkt->port, RTE_MBUF_PORT_INVALID);
    for (unsigned int i = 0; i < len; i++) {
        assert_int_equal(data[i], guest_pattern(serial, i));
    }
    rte_pktmbuf_free(pkt);
}

/* Checks what the guest has of packet 'serial'. */
static void
check_sent(const struct fixture *f, uint64_t addr, unsigned int serial,
           uint32_t len)
{
    const uint8_t *data = guest_at(&f->guest, addr);

    for (unsigned int i = 0; i < f->header_len; i++) {
        assert_int_equal(data[i], i == 10);     /* num_buffers. */
    }
    for (unsigned int i = 0; i < len; i++) {
        assert_int_equal(data[f->header_len + i], guest_pattern(serial, i));
    }
}

/* Leaves all of the mempool's mbufs as somebody else might. */
static void
dirty_mempool(void)
{
    struct rte_mbuf *pkts[N_MBUFS];

    assert_int_equal(rte_pktmbuf_alloc_bulk(mempool, pkts, N_MBUFS), 0);
    for (int i = 0; i < N_MBUFS; i++) {
        pkts[i]->data_off = 0;
        pkts[i]->port = 7;
        pkts[i]->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_TX_TCP_SEG;
        pkts[i]->packet_type = UINT32_MAX;
        pkts[i]->pkt_len = pkts[i]->data_len = 1;
        rte_pktmbuf_free(pkts[i]);
    }
}

static void
test_recv_lengths(void **state)
{
    static const unsigned int lens[] = { 1, 60, 1514, MAX_LEN };
    struct fixture *f = *state;
    struct rte_mbuf *pkts[BURST];
    unsigned int n = ARRAY_SIZE(lens);
    uint16_t pos = f->ring.next_avail;

    dirty_mempool();
    for (unsigned int i = 0; i < n; i++) {
        /* Every other at an odd address. */
        guest_send(&f->guest, guest_buf(i) + i, f->header_len, i, lens[i]);
    }
    assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST), n);
    assert_false(f->ring.unusual);
    check_pos(f, guest_advance(&f->guest, pos, n));
    for (unsigned int i = 0; i < n; i++) {
        check_packet(pkts[i], i, lens[i]);
        check_back(f, i, 0);
    }
    check_none_back(f);
    assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST), 0);
    assert_false(f->ring.unusual);
}

/* A buffer may end where its region does. */
static void
test_recv_end_of_region(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkts[BURST];
    unsigned int len = f->header_len + 60;

    guest_send(&f->guest, GUEST_MIDDLE - len, f->header_len, 1, 60);
    guest_send(&f->guest, GUEST_MIDDLE, f->header_len, 2, 60);
    guest_send(&f->guest, GUEST_END - len, f->header_len, 3, 60);
    assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST), 3);
    for (int i = 0; i < 3; i++) {
        check_packet(pkts[i], i + 1, 60);
    }
}

static void
test_recv_more_than_burst(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkts[N_MBUFS];
    unsigned int n_got = 0;

    for (unsigned int i = 0; i < f->room; i++) {
        guest_send(&f->guest, guest_buf(i), f->header_len, i, 60);
    }

    /* As many as asked for, and never more than a burst. */
    assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, 0), 0);
    assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, 3), 3);
    n_got = 3;
    while (n_got < f->room) {
        unsigned int n = dpdk_vdpa_ring_recv(&f->ring, mempool, &pkts[n_got],
                                             N_MBUFS - n_got);

        assert_int_equal(n, MIN(f->room - n_got, BURST));
        assert_false(f->ring.unusual);
        n_got += n;
    }
    for (unsigned int i = 0; i < f->room; i++) {
        check_packet(pkts[i], i, 60);
        check_back(f, i, 0);
    }
    check_none_back(f);
}

/* Many rounds, of ever other numbers of packets. */
static void
test_recv_rounds(void **state)
{
    struct fixture *f = *state;
    unsigned int n_rounds = 66000 / f->room;
    struct rte_mbuf *pkts[BURST];
    unsigned int serial = 0;

    for (unsigned int i = 0; i < n_rounds; i++) {
        unsigned int n = 1 + i % MIN(f->room, BURST);
        uint16_t pos = f->ring.next_avail;

        for (unsigned int j = 0; j < n; j++) {
            guest_send(&f->guest, guest_buf(serial + j), f->header_len,
                       serial + j, 20);
        }
        assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST),
                         n);
        check_pos(f, guest_advance(&f->guest, pos, n));
        for (unsigned int j = 0; j < n; j++) {
            check_packet(pkts[j], serial, 20);
            check_back(f, serial, 0);
            serial++;
        }
        check_none_back(f);
    }
}

static void
test_recv_mempool_exhausted(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *others[N_MBUFS], *pkts[BURST];
    uint16_t pos = f->ring.next_avail;
    unsigned int to_end = f->guest.size - (pos & ~GUEST_WRAP);
    unsigned int n = 0;

    /* The end of a packed ring ends a walk, but not a burst. */
    if (f->guest.packed && to_end < 3) {
        n = to_end;
    }
    assert_int_equal(rte_pktmbuf_alloc_bulk(mempool, others, N_MBUFS - 2), 0);
    for (unsigned int i = 0; i < 3; i++) {
        guest_send(&f->guest, guest_buf(i), f->header_len, i, 60);
    }
    assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST), n);
    assert_true(f->ring.unusual);
    assert_int_equal(rte_mempool_avail_count(mempool), 2 - n);
    check_pos(f, guest_advance(&f->guest, pos, n));

    rte_pktmbuf_free(others[0]);
    assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts + n, BURST),
                     3 - n);
    assert_false(f->ring.unusual);
    for (unsigned int i = 0; i < 3; i++) {
        check_packet(pkts[i], i, 60);
        check_back(f, i, 0);
    }
    rte_pktmbuf_free_bulk(&others[1], N_MBUFS - 3);
}

/* What is left to the library.  The length counts from behind the header; the
 * flags come on top of those that are right for the direction. */
struct unusual {
    const char *what;
    uint64_t addr;              /* Or buffer 1. */
    int len;                    /* Or 60. */
    uint16_t flags;
    struct virtio_net_hdr header;
};

#define ANYWHERE                                                             \
    { .what = "NEXT", .flags = VRING_DESC_F_NEXT },                          \
    { .what = "INDIRECT", .flags = VRING_DESC_F_INDIRECT },                  \
    { .what = "WRITE the other way", .flags = VRING_DESC_F_WRITE },          \
    { .what = "address 1", .addr = 1 },                                      \
    { .what = "before the memory", .addr = GUEST_START - 1 },                \
    { .what = "behind the memory", .addr = GUEST_END },                      \
    { .what = "far away", .addr = 1ULL << 63 },                              \
    { .what = "over the end", .addr = GUEST_END - 69 },                      \
    { .what = "in two regions", .addr = GUEST_MIDDLE - 69 },                 \
    { .what = "header in two regions", .addr = GUEST_MIDDLE - 1 },           \
    { .what = "around 2^64", .addr = UINT64_MAX - 5 },                       \
    { .what = "around 2^64 into it", .addr = GUEST_END - 1, .len = INT_MAX }

static const struct unusual unusual_recv[] = {
    ANYWHERE,
    { .what = "longer than an mbuf", .len = MAX_LEN + 1 },
    { .what = "much longer than an mbuf", .len = GUEST_BUF_SIZE * 2 },
    { .what = "longer than 16 bits", .len = 65536 + 60 },
    { .what = "TSO and NEEDS_CSUM",
      .header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
      .header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 },
    { .what = "TSO", .header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 },
    { .what = "ECN", .header.gso_type = VIRTIO_NET_HDR_GSO_ECN },
};

static const struct unusual unusual_send[] = {
    ANYWHERE,
    { .what = "one byte too short", .len = 59 },
    { .what = "header only", .len = INT_MIN },
    { .what = "one byte short of a header", .len = -1 },
    { .what = "a few bytes", .len = -9 },
};

static void
offer_unusual(struct fixture *f, const struct unusual *u, bool send)
{
    uint16_t flags = u->flags ^ (send ? VRING_DESC_F_WRITE : 0);
    uint64_t addr = u->addr ? u->addr : guest_buf(1);
    int len = u->len == INT_MIN ? 0 : u->len ? u->len : 60;
    uint8_t *data = guest_at(&f->guest, addr);

    if (!u->addr) {
        memset(data, 0, 60);
        memcpy(data, &u->header, sizeof u->header);
    }
    guest_offer(&f->guest, addr, f->header_len + (uint32_t) len, flags);
}

/* As the library, goes on with what we did not. */
static void
library_uses_one(struct fixture *f)
{
    uint16_t pos = f->ring.next_used;

    guest_library_uses(&f->guest, &pos);
    f->ring.next_avail = f->ring.next_used = pos;
}

/* The walk stops right in front of it, does so again, and goes on when
 * somebody else has dealt with it. */
static void
check_recv_unusual(struct fixture *f, const struct unusual *u)
{
    unsigned int first = f->guest.n_offered;
    struct rte_mbuf *pkts[BURST];
    uint16_t pos = f->ring.next_avail;

    guest_send(&f->guest, guest_buf(0), f->header_len, 1, 60);
    offer_unusual(f, u, false);
    guest_send(&f->guest, guest_buf(2), f->header_len, 2, 60);

    assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST), 1);
    assert_true(f->ring.unusual);
    check_packet(pkts[0], 1, 60);
    check_back(f, first, 0);
    for (int i = 0; i < 2; i++) {
        check_pos(f, guest_advance(&f->guest, pos, 1));
        assert_true(rte_mempool_full(mempool));
        check_none_back(f);
        assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST),
                         0);
        assert_true(f->ring.unusual);
    }

    library_uses_one(f);
    check_back(f, first + 1, 0);
    assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST), 1);
    assert_false(f->ring.unusual);
    check_packet(pkts[0], 2, 60);
    check_back(f, first + 2, 0);
    check_none_back(f);
}

static void
test_recv_unusual(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < ARRAY_SIZE(unusual_recv); i++) {
        f->what = unusual_recv[i].what;
        check_recv_unusual(f, &unusual_recv[i]);
    }
    f->what = NULL;
}

/* A buffer with nothing behind the header, or not even that, is an empty
 * packet: somebody must count it.  What such a header says does not matter. */
static void
test_recv_empty(void **state)
{
    struct fixture *f = *state;
    const int lens[] = { INT_MIN, -1, -9 };
    struct rte_mbuf *pkts[BURST];

    for (int i = 0; i < ARRAY_SIZE(lens); i++) {
        const struct unusual u = {
            .len = lens[i], .header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        };
        unsigned int first = f->guest.n_offered;

        offer_unusual(f, &u, false);
        guest_send(&f->guest, guest_buf(2), f->header_len, 2, 60);
        assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST),
                         2);
        assert_false(f->ring.unusual);
        assert_int_equal(pkts[0]->pkt_len, 0);
        assert_int_equal(pkts[0]->data_len, 0);
        rte_pktmbuf_free(pkts[0]);
        check_packet(pkts[1], 2, 60);
        check_back(f, first, 0);
        check_back(f, first + 1, 0);
        check_none_back(f);
    }
}

/* Has the guest send packet 'serial' with 'header'. */
static void
send_with_header(struct fixture *f, unsigned int serial,
                 struct virtio_net_hdr header)
{
    uint64_t addr = guest_buf(serial);

    guest_send(&f->guest, addr, f->header_len, serial, 60);
    memcpy(guest_at(&f->guest, addr), &header, sizeof header);
}

/* Returns the sum of 'pkt' behind its first 20 bytes, folded. */
static uint16_t
packet_sum(const struct rte_mbuf *pkt)
{
    return rte_raw_cksum(rte_pktmbuf_mtod_offset(pkt, const void *, 20),
                         pkt->data_len - 20);
}

/* Of packets in one burst, each is done to what its own header asks for: a
 * checksum of anything is finished, one that lies nowhere asks what no VF is
 * asked for.  Other flags say nothing. */
static void
test_recv_checksum(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkts[BURST];

    f->ring.features |= 1ULL << VIRTIO_NET_F_CSUM;
    dirty_mempool();
    send_with_header(f, 0, (struct virtio_net_hdr) { .csum_start = 20 });
    send_with_header(f, 1, (struct virtio_net_hdr) {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM | 0x80,
        .csum_start = 20, .csum_offset = 6 });
    memset(guest_at(&f->guest, guest_buf(1)) + f->header_len + 26, 0, 2);
    send_with_header(f, 2, (struct virtio_net_hdr) { .flags = 0xfe });
    send_with_header(f, 3, (struct virtio_net_hdr) {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .csum_start = 20, .csum_offset = 39 });
    for (unsigned int n = 0; n < 4; ) {
        unsigned int got = dpdk_vdpa_ring_recv(&f->ring, mempool, &pkts[n],
                                               BURST - n);

        assert_int_not_equal(got, 0);
        assert_false(f->ring.unusual);
        n += got;
    }

    assert_int_equal(pkts[1]->ol_flags, 0);
    assert_int_equal(packet_sum(pkts[1]), 0xffff);
    assert_int_not_equal(packet_sum(pkts[0]), 0xffff);
    assert_int_equal(pkts[3]->ol_flags, RTE_MBUF_F_TX_UDP_SEG);
    assert_int_equal(pkts[3]->tx_offload, 0);
    rte_pktmbuf_free(pkts[1]);
    rte_pktmbuf_free(pkts[3]);
    check_packet(pkts[0], 0, 60);
    check_packet(pkts[2], 2, 60);
    for (unsigned int i = 0; i < 4; i++) {
        check_back(f, i, 0);
    }
    check_none_back(f);
}

/* Split rings only: what the available ring itself may say. */
static void
test_recv_bad_index(void **state)
{
    struct fixture *f = *state;
    struct guest *g = &f->guest;
    uint16_t pos = f->ring.next_avail;
    const uint16_t bad[] = { pos + g->size + 1, pos + g->size + 2,
                             pos + g->size + 0x7000, pos - 1 };
    struct rte_mbuf *pkts[BURST];

    if (g->packed) {
        return;
    }
    /* Full is as far as it goes. */
    for (unsigned int i = 0; i < g->size; i++) {
        guest_send(g, guest_buf(i), f->header_len, i, 1);
    }
    for (int i = 0; i < ARRAY_SIZE(bad); i++) {
        g->avail->idx = bad[i];
        assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST),
                         0);
        assert_true(f->ring.unusual);
        check_pos(f, pos);
    }
    g->avail->idx = pos + g->size;
    for (unsigned int i = 0; i < g->size; ) {
        unsigned int n = dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST);

        assert_int_equal(n, MIN(g->size - i, BURST));
        assert_false(f->ring.unusual);
        rte_pktmbuf_free_bulk(pkts, n);
        i += n;
    }
}

static void
test_recv_bad_id(void **state)
{
    struct fixture *f = *state;
    struct guest *g = &f->guest;
    const uint16_t bad[] = { g->size, g->size + 1, 0x7fff, 0xffff };
    struct rte_mbuf *pkts[BURST];

    if (g->packed) {
        return;
    }
    for (int i = 0; i < ARRAY_SIZE(bad); i++) {
        unsigned int first = g->n_offered;
        uint16_t pos = f->ring.next_avail;

        if (bad[i] < g->size) {
            continue;
        }
        guest_send(g, guest_buf(0), f->header_len, 1, 60);
        guest_offer_as(g, guest_buf(1), f->header_len + 60, 0, bad[i]);
        guest_send(g, guest_buf(2), f->header_len, 2, 60);
        assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST),
                         1);
        assert_true(f->ring.unusual);
        check_packet(pkts[0], 1, 60);
        check_back(f, first, 0);
        assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST),
                         0);
        assert_true(f->ring.unusual);
        check_pos(f, pos + 1);
        check_none_back(f);

        library_uses_one(f);
        g->next_used++;
        assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, pkts, BURST),
                         1);
        check_packet(pkts[0], 2, 60);
        check_back(f, first + 2, 0);
    }
}

static void
offer_buffers(struct fixture *f, unsigned int n, uint32_t len)
{
    for (unsigned int i = 0; i < n; i++) {
        uint64_t addr = guest_buf(f->guest.n_offered);

        memset(guest_at(&f->guest, addr), 0xee, f->header_len + len);
        guest_offer(&f->guest, addr, f->header_len + len, VRING_DESC_F_WRITE);
    }
}

static void
test_send_lengths(void **state)
{
    static const unsigned int lens[] = { 1, 60, 1514, MAX_LEN };
    struct fixture *f = *state;
    struct rte_mbuf *pkts[ARRAY_SIZE(lens)];
    unsigned int n = ARRAY_SIZE(lens);
    uint16_t pos = f->ring.next_avail;

    for (unsigned int i = 0; i < n; i++) {
        pkts[i] = packet_new(i, lens[i]);
        /* The last buffer is just long enough. */
        offer_buffers(f, 1, i == n - 1 ? lens[i] : MAX_LEN);
    }
    assert_int_equal(dpdk_vdpa_ring_send(&f->ring, pkts, n), n);
    assert_false(f->ring.unusual);
    check_pos(f, guest_advance(&f->guest, pos, n));
    for (unsigned int i = 0; i < n; i++) {
        check_back(f, i, f->header_len + lens[i]);
        check_sent(f, guest_buf(i), i, lens[i]);
        /* Nothing was written behind it. */
        if (i < n - 1) {
            assert_int_equal(guest_at(&f->guest, guest_buf(i))
                             [f->header_len + lens[i]], 0xee);
        }
    }
    check_none_back(f);
    rte_pktmbuf_free_bulk(pkts, n);     /* They stayed ours. */
}

static void
test_send_rounds(void **state)
{
    struct fixture *f = *state;
    unsigned int n_rounds = 66000 / f->room;
    struct rte_mbuf *pkts[BURST];
    unsigned int serial = 0;

    for (unsigned int i = 0; i < n_rounds; i++) {
        unsigned int n = 1 + i % MIN(f->room, BURST);
        uint16_t pos = f->ring.next_avail;

        offer_buffers(f, n, 60);
        for (unsigned int j = 0; j < n; j++) {
            pkts[j] = packet_new(serial + j, 20);
        }
        assert_int_equal(dpdk_vdpa_ring_send(&f->ring, pkts, n), n);
        check_pos(f, guest_advance(&f->guest, pos, n));
        for (unsigned int j = 0; j < n; j++) {
            check_back(f, serial, f->header_len + 20);
            check_sent(f, guest_buf(serial), serial, 20);
            serial++;
        }
        check_none_back(f);
        rte_pktmbuf_free_bulk(pkts, n);
    }
}

/* More packets than buffers is nothing unusual. */
static void
test_send_no_buffers(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkts[BURST + 6];
    unsigned int n = ARRAY_SIZE(pkts);
    unsigned int n_sent;

    for (unsigned int i = 0; i < n; i++) {
        pkts[i] = packet_new(i, 60);
    }
    assert_int_equal(dpdk_vdpa_ring_send(&f->ring, pkts, n), 0);
    assert_false(f->ring.unusual);
    check_none_back(f);

    offer_buffers(f, 3, 60);
    assert_int_equal(dpdk_vdpa_ring_send(&f->ring, pkts, n), 3);
    assert_false(f->ring.unusual);
    assert_int_equal(dpdk_vdpa_ring_send(&f->ring, &pkts[3], n - 3), 0);
    assert_false(f->ring.unusual);
    for (unsigned int i = 0; i < 3; i++) {
        check_back(f, i, f->header_len + 60);
    }

    /* And more of both than a burst. */
    offer_buffers(f, f->room, 60);
    n_sent = MIN(f->room, BURST);
    assert_int_equal(dpdk_vdpa_ring_send(&f->ring, pkts, n), n_sent);
    assert_false(f->ring.unusual);
    for (unsigned int i = 0; i < n_sent; i++) {
        check_back(f, i + 3, f->header_len + 60);
        check_sent(f, guest_buf(i + 3), i, 60);
    }
    check_none_back(f);
    rte_pktmbuf_free_bulk(pkts, n);
}

static void
check_send_unusual(struct fixture *f, const struct unusual *u)
{
    unsigned int first = f->guest.n_offered;
    uint16_t pos = f->ring.next_avail;
    struct rte_mbuf *pkts[3];

    for (int i = 0; i < 3; i++) {
        pkts[i] = packet_new(i, 60);
    }
    offer_buffers(f, 1, 60);
    offer_unusual(f, u, true);
    offer_buffers(f, 1, 60);

    assert_int_equal(dpdk_vdpa_ring_send(&f->ring, pkts, 3), 1);
    assert_true(f->ring.unusual);
    check_back(f, first, f->header_len + 60);
    for (int i = 0; i < 2; i++) {
        check_pos(f, guest_advance(&f->guest, pos, 1));
        check_none_back(f);
        assert_int_equal(dpdk_vdpa_ring_send(&f->ring, &pkts[1], 2), 0);
        assert_true(f->ring.unusual);
    }

    library_uses_one(f);
    check_back(f, first + 1, 0);
    assert_int_equal(dpdk_vdpa_ring_send(&f->ring, &pkts[1], 2), 1);
    assert_false(f->ring.unusual);
    check_back(f, first + 2, f->header_len + 60);
    check_sent(f, guest_buf(first + 2), 1, 60);
    check_none_back(f);
    rte_pktmbuf_free_bulk(pkts, 3);
}

static void
test_send_unusual(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < ARRAY_SIZE(unusual_send); i++) {
        f->what = unusual_send[i].what;
        check_send_unusual(f, &unusual_send[i]);
    }
    f->what = NULL;
}

/* A packet that is more than bytes in one mbuf. */
static void
check_send_special(struct fixture *f, struct rte_mbuf *special)
{
    struct rte_mbuf *pkts[] = { packet_new(0, 60), special,
                                packet_new(1, 60) };
    unsigned int first = f->guest.n_offered;
    uint16_t pos = f->ring.next_avail;

    offer_buffers(f, 3, 1514);
    assert_int_equal(dpdk_vdpa_ring_send(&f->ring, pkts, 3), 1);
    assert_true(f->ring.unusual);
    assert_int_equal(dpdk_vdpa_ring_send(&f->ring, &pkts[1], 2), 0);
    assert_true(f->ring.unusual);
    check_pos(f, guest_advance(&f->guest, pos, 1));
    check_back(f, first, f->header_len + 60);
    check_none_back(f);
    assert_int_equal(guest_at(&f->guest, guest_buf(first + 1))[0], 0xee);

    /* Without it, all goes on. */
    assert_int_equal(dpdk_vdpa_ring_send(&f->ring, &pkts[2], 1), 1);
    assert_false(f->ring.unusual);
    check_back(f, first + 1, f->header_len + 60);
    library_uses_one(f);
    check_back(f, first + 2, 0);
    rte_pktmbuf_free_bulk(pkts, 3);
}

static void
test_send_special(void **state)
{
    static const uint64_t flags[] = {
        RTE_MBUF_F_TX_TCP_SEG, RTE_MBUF_F_TX_TCP_CKSUM,
        RTE_MBUF_F_TX_UDP_CKSUM, RTE_MBUF_F_TX_SCTP_CKSUM,
        RTE_MBUF_F_TX_IP_CKSUM, RTE_MBUF_F_TX_VLAN, RTE_MBUF_F_TX_UDP_SEG,
    };
    struct fixture *f = *state;
    struct rte_mbuf *pkt;

    for (int i = 0; i < ARRAY_SIZE(flags); i++) {
        pkt = packet_new(2, 60);
        pkt->ol_flags |= flags[i];
        check_send_special(f, pkt);
    }

    pkt = packet_new(2, 60);
    assert_int_equal(rte_pktmbuf_chain(pkt, packet_new(3, 60)), 0);
    check_send_special(f, pkt);

    /* What else is said of a packet that was received does not matter. */
    pkt = packet_new(2, 60);
    pkt->ol_flags |= RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    offer_buffers(f, 1, 60);
    assert_int_equal(dpdk_vdpa_ring_send(&f->ring, &pkt, 1), 1);
    rte_pktmbuf_free(pkt);
}

/* A guest that takes packets without a checksum is told of good ones. */
static void
test_send_good(void **state)
{
    static const struct {
        uint64_t ol_flags;
        uint32_t packet_type;
        bool good;
    } cases[] = {
        { 0, 0, false },
        { RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_PTYPE_L4_TCP, true },
        { RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD
          | RTE_MBUF_F_RX_RSS_HASH, 0, true },
        { RTE_MBUF_F_RX_L4_CKSUM_BAD, 0, false },
        { RTE_MBUF_F_RX_L4_CKSUM_NONE, 0, false },
        { RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_BAD, 0, false },
        { RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_PTYPE_TUNNEL_GENEVE, false },
    };
    struct fixture *f = *state;

    for (int i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
        bool takes = i % 2;
        struct virtio_net_hdr_mrg_rxbuf want = {
            .hdr.flags = (takes && cases[i / 2].good
                          ? VIRTIO_NET_HDR_F_DATA_VALID : 0),
            .num_buffers = 1,
        };
        struct rte_mbuf *pkt = packet_new(i, 60);
        unsigned int first = f->guest.n_offered;

        f->ring.features = takes ? 1ULL << VIRTIO_NET_F_GUEST_CSUM : 0;
        pkt->ol_flags |= cases[i / 2].ol_flags;
        pkt->packet_type = cases[i / 2].packet_type;
        offer_buffers(f, 1, 60);
        assert_int_equal(dpdk_vdpa_ring_send(&f->ring, &pkt, 1), 1);
        assert_memory_equal(guest_at(&f->guest, guest_buf(first)), &want,
                            f->header_len);
        check_back(f, first, f->header_len + 60);
        rte_pktmbuf_free(pkt);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_recv_lengths),
        TEST(test_recv_end_of_region),
        TEST(test_recv_more_than_burst),
        TEST(test_recv_rounds),
        TEST(test_recv_mempool_exhausted),
        TEST(test_recv_unusual),
        TEST(test_recv_empty),
        TEST(test_recv_checksum),
        TEST(test_recv_bad_index),
        TEST(test_recv_bad_id),
        TEST(test_send_lengths),
        TEST(test_send_rounds),
        TEST(test_send_no_buffers),
        TEST(test_send_unusual),
        TEST(test_send_special),
        TEST(test_send_good),
    };

    return cmocka_run_group_tests_name("ring", tests, setup_eal, NULL);
}
