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

/* Unit tests of the walk to the guest over what is not the rule: packets in
 * several mbufs or with something to be said, chains of descriptors, indirect
 * tables, buffers that are merged, broken ones. */

#include <config.h>

#include "tests/unit/ring-fixture.h"
#include "tests/unit/test-offer.h"

#include <rte_tcp.h>

#include "vhost/notes.h"
#include "vhost/scatter.h"

#define MAX_BUFFERS 4
#define F_GUEST_CSUM (1ULL << VIRTIO_NET_F_GUEST_CSUM)
#define F_GUEST_TSO (1ULL << VIRTIO_NET_F_GUEST_TSO4                         \
                     | 1ULL << VIRTIO_NET_F_GUEST_TSO6)
#define F_GUEST_ECN (1ULL << VIRTIO_NET_F_GUEST_ECN)

static struct dpdk_vdpa_undo undo;

static uint16_t
send_some(struct fixture *f, struct rte_mbuf **pkts, uint16_t n)
{
    return dpdk_vdpa_scatter_send(&f->ring, &undo, f->ring.size, pkts, n);
}

/* Offers 'n' buffers of 'n_parts' parts of 'len' bytes each, each part of
 * which is to be written and is filled with 0xee. */
static void
offer_room(struct fixture *f, struct offer *offers, unsigned int n,
           unsigned int n_parts, uint32_t len, bool indirect)
{
    for (unsigned int i = 0; i < n; i++) {
        struct offer *o = &offers[i];

        memset(o, 0, sizeof *o);
        o->indirect = indirect;
        o->n = n_parts;
        for (unsigned int j = 0; j < n_parts; j++) {
            o->parts[j].addr = guest_buf(10 + n_parts * i + j) + j;
            o->parts[j].len = len;
            o->parts[j].flags = VRING_DESC_F_WRITE;
            memset(guest_at(&f->guest, o->parts[j].addr), 0xee, len + 1);
        }
        offer_at(f, o, TABLE + 512 * i);
    }
}

/* Packet 'serial' of 'len' bytes in 'n_segs' mbufs. */
static struct rte_mbuf *
packet_in_pieces(unsigned int serial, uint32_t len, unsigned int n_segs)
{
    struct rte_mbuf *pkt = NULL;
    uint32_t ofs = 0;

    for (unsigned int i = 0; i < n_segs; i++) {
        uint32_t n = i + 1 < n_segs ? len / n_segs : len - ofs;
        struct rte_mbuf *m = rte_pktmbuf_alloc(mempool);
        uint8_t *data = (uint8_t *) rte_pktmbuf_append(m, n);

        assert_non_null(data);
        for (uint32_t j = 0; j < n; j++, ofs++) {
            data[j] = guest_pattern(serial, ofs);
        }
        if (pkt) {
            assert_int_equal(rte_pktmbuf_chain(pkt, m), 0);
        } else {
            pkt = m;
        }
    }
    return pkt;
}

/* What the guest got. */
struct got {
    struct virtio_net_hdr_mrg_rxbuf header;
    unsigned int n_buffers;
    uint32_t len;               /* With the header. */
    uint8_t bytes[70000];
};

/* Takes back the buffers of one packet, of those in 'offers', which were the
 * guest's number 'first' and so on, checks that they are in order and full, and
 * nothing else was touched. */
static void
take_packet(struct fixture *f, const struct offer *offers, unsigned int first,
            struct got *got)
{
    struct guest *g = &f->guest;

    memset(got, 0, sizeof *got);
    do {
        const struct offer *o = &offers[got->n_buffers];
        uint16_t pos = g->next_used, flags;
        uint32_t id, len = 0, left;

        assert_true(guest_take_back(g, &id, &len, &flags));
        assert_int_equal(id, guest_id(g, first + got->n_buffers));
        assert_int_equal(flags, g->packed ? VRING_DESC_F_WRITE : 0);
        g->next_used = guest_advance(g, pos, g->packed && !o->indirect ? o->n
                                             : 1);
        check_round(f, pos);
        left = len;
        for (unsigned int i = 0; i < o->n; i++) {
            uint32_t n = MIN(left, o->parts[i].len);

            for (uint32_t j = 0; j < n; j++) {
                got->bytes[got->len++] = *guest_at(g, o->parts[i].addr + j);
            }
            assert_int_equal(*guest_at(g, o->parts[i].addr + n), 0xee);
            left -= n;
        }
        assert_int_equal(left, 0);
        if (!got->n_buffers++) {
            assert_true(got->len >= f->header_len);
            got->header.num_buffers = 1;
            memcpy(&got->header, got->bytes, f->header_len);
        }
    } while (got->n_buffers < got->header.num_buffers);
    assert_int_equal(got->n_buffers, got->header.num_buffers);
}

static void
check_bytes(const struct fixture *f, const struct got *got,
            unsigned int serial, uint32_t len)
{
    assert_int_equal(got->len, f->header_len + len);
    for (uint32_t i = 0; i < len; i++) {
        assert_int_equal(got->bytes[f->header_len + i],
                         guest_pattern(serial, i));
    }
}

/* Checks that the ring is where the guest is, and that the notes say so. */
static void
check_position(const struct fixture *f)
{
    const struct guest *g = &f->guest;

    assert_int_equal(f->ring.next_used, g->next_used);
    assert_int_equal(f->ring.next_avail, g->next_used);
    assert_int_equal(f->note.n_undo, 0);
    if (g->packed) {
        assert_int_equal(f->note.span >> 16, g->next_used);
    }
}

static void
check_nothing_given(const struct fixture *f_)
{
    struct fixture *f = CONST_CAST(struct fixture *, f_);
    uint16_t flags;
    uint32_t id, len;

    assert_false(guest_take_back(&f->guest, &id, &len, &flags));
    assert_int_equal(f->ring.next_used, f->guest.next_used);
    assert_int_equal(f->ring.next_avail, f->guest.next_used);
}

/* A header without a number of buffers cannot say that there are several. */
static bool
can_merge(const struct fixture *f, unsigned int n_buffers)
{
    return (n_buffers == 1
            || f->header_len == sizeof(struct virtio_net_hdr_mrg_rxbuf));
}

/* Each way to offer, and each way to have a packet. */
static void
test_send_layouts(void **state)
{
    static const struct {
        const char *what;
        unsigned int n_buffers, n_parts;
        uint32_t part_len;
        uint32_t len;
        unsigned int n_segs;
    } cases[] = {
        { "the rule", 1, 1, 1000, 60, 1 },
        { "a chain of mbufs", 1, 1, 2000, 1500, 3 },
        { "as long as the buffer", 1, 1, 1000, 988, 1 },
        { "header apart", 1, 2, 12, 12, 1 },
        { "a long chain", 1, 3, 700, 2000, 2 },
        { "one byte each", 1, 4, 5, 7, 1 },
        { "merged", 2, 1, 1000, 1500, 1 },
        { "merged, to the last byte", 2, 1, 1000, 1988, 1 },
        { "merged, chains", 2, 2, 500, 1988, 5 },
        { "merged, four", 4, 1, 600, 2000, 2 },
    };
    struct fixture *f = *state;

    for (int i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
        unsigned int n_buffers = cases[i / 2].n_buffers;
        unsigned int n_parts = cases[i / 2].n_parts;
        unsigned int first = f->guest.n_offered;
        struct offer offers[MAX_BUFFERS];
        struct rte_mbuf *pkt;
        struct got got;

        /* Split chains would overlap in a ring that short. */
        if (!can_merge(f, n_buffers) || n_buffers * n_parts > f->room
            || (n_buffers > 1 && n_parts > 1 && f->room < 8)) {
            continue;
        }
        f->what = cases[i / 2].what;
        f->ring.mergeable = n_buffers > 1;
        offer_room(f, offers, n_buffers, n_parts, cases[i / 2].part_len,
                   i % 2);
        pkt = packet_in_pieces(i, cases[i / 2].len, cases[i / 2].n_segs);
        assert_int_equal(send_some(f, &pkt, 1), 1);
        assert_false(f->ring.unusual);
        take_packet(f, offers, first, &got);
        check_bytes(f, &got, i, cases[i / 2].len);
        assert_int_equal(got.header.hdr.flags, 0);
        assert_int_equal(got.header.hdr.gso_type, 0);
        check_position(f);
        assert_int_equal(got.n_buffers, n_buffers);
        rte_pktmbuf_free(pkt);
    }
    f->what = NULL;
}

/* A part over two regions, and one of no length. */
static void
test_send_regions(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        struct offer o = {
            .indirect = i, .n = 3, .parts = {
                { GUEST_MIDDLE - 7, 20, VRING_DESC_F_WRITE },
                { GUEST_END + 10, 0, VRING_DESC_F_WRITE },
                { GUEST_MIDDLE + 600, 100, VRING_DESC_F_WRITE },
            },
        };
        struct rte_mbuf *pkt = packet_new(i, 60);
        struct got got;

        memset(guest_at(&f->guest, GUEST_MIDDLE - 7), 0xee, 7);
        memset(guest_at(&f->guest, GUEST_MIDDLE), 0xee, 1000);
        offer(f, &o);
        assert_int_equal(send_some(f, &pkt, 1), 1);
        o.parts[1].addr = GUEST_MIDDLE + 900;
        take_packet(f, &o, i, &got);
        check_bytes(f, &got, i, 60);
        check_position(f);
        rte_pktmbuf_free(pkt);
    }
}

/* Without enough room nothing happens, until there is. */
static void
test_send_waits(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkt = packet_in_pieces(3, 2500, 2);
    struct offer offers[MAX_BUFFERS];

    f->ring.mergeable = true;
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(send_some(f, &pkt, 1), 0);
        assert_false(f->ring.unusual);
        check_nothing_given(f);
        offer_room(f, &offers[i], 1, 1, 1000, false);
    }
    assert_int_equal(send_some(f, &pkt, 1), 1);
    for (int i = 0; i < 3; i++) {
        uint16_t flags;
        uint32_t id, len;

        assert_true(guest_take_back(&f->guest, &id, &len, &flags));
        assert_int_equal(len, i < 2 ? 1000 : 500 + f->header_len);
    }
    check_position(f);
    rte_pktmbuf_free(pkt);
}

/* A guest without buffers that are merged has no room for what is longer than
 * one, nor for a header in pieces of two. */
static void
test_send_too_short(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkt = packet_new(1, 60);
    struct offer offers[2];

    offer_room(f, offers, 2, 1, 60, false);
    f->ring.mergeable = false;
    assert_int_equal(send_some(f, &pkt, 1), 0);
    assert_false(f->ring.unusual);
    check_nothing_given(f);
    start_over(f);

    offer_room(f, offers, 1, 1, f->header_len - 1, false);
    offer_room(f, offers, 1, 1, 1000, false);
    f->ring.mergeable = true;
    assert_int_equal(send_some(f, &pkt, 1), 0);
    assert_false(f->ring.unusual);
    check_nothing_given(f);
    rte_pktmbuf_free(pkt);
}

/* No more descriptors at a time than the caller wants to be used. */
static void
test_send_limit(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkts[2] = { packet_new(0, 60), packet_new(1, 60) };
    struct offer offers[2];

    offer_room(f, offers, 2, 2, 100, false);
    assert_int_equal(dpdk_vdpa_scatter_send(&f->ring, &undo,
                                            f->guest.packed ? 3 : 1, pkts, 2),
                     1);
    assert_false(f->ring.unusual);
    assert_int_equal(dpdk_vdpa_scatter_send(&f->ring, &undo,
                                            f->guest.packed ? 2 : 1, &pkts[1],
                                            1), 1);
    rte_pktmbuf_free_bulk(pkts, 2);
}

static void
check_refused(struct fixture *f, struct rte_mbuf *pkt)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(send_some(f, &pkt, 1), 0);
        assert_true(f->ring.unusual);
        check_nothing_given(f);
    }
}

/* What the guest has got wrong, alone and as the second buffer of a packet. */
static void
test_send_broken(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkt = packet_in_pieces(1, 3000, 2);

    for (int i = 0; i < 2 * ARRAY_SIZE(broken_offers); i++) {
        struct offer o = broken_offers[i / 2], before;

        f->what = o.what;
        f->ring.mergeable = i % 2;
        for (unsigned int j = 0; j < o.n; j++) {
            o.parts[j].flags |= VRING_DESC_F_WRITE;
        }
        if (o.n + i % 2 > f->room) {
            continue;
        }
        if (i % 2) {
            offer_room(f, &before, 1, 1, 100, false);
        }
        offer(f, &o);
        check_refused(f, pkt);
        start_over(f);
    }
    f->what = NULL;
    rte_pktmbuf_free(pkt);
}

/* Descriptors that are not to be written. */
static void
test_send_read_only(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkt = packet_new(1, 60);

    for (int i = 0; i < 4; i++) {
        struct offer o = {
            .indirect = i % 2, .n = 2, .parts = {
                { guest_buf(1), 20, i / 2 ? VRING_DESC_F_WRITE : 0 },
                { guest_buf(2), 200, 0 },
            },
        };

        offer(f, &o);
        check_refused(f, pkt);
        start_over(f);
    }
    rte_pktmbuf_free(pkt);
}

/* A chain, or a table, that has no end. */
static void
test_send_loop(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkt = packet_new(1, 60);
    struct guest *g = &f->guest;

    for (uint32_t len = 0; len < 2; len++) {
        if (g->packed) {
            for (unsigned int i = 0; i < g->size; i++) {
                guest_offer(g, guest_buf(i), len,
                            VRING_DESC_F_WRITE | VRING_DESC_F_NEXT);
            }
        } else {
            g->desc[1].next = 1;
            guest_offer_as(g, guest_buf(1), len,
                           VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
        }
        /* A chain of one byte each is long enough, in a long ring. */
        if (!len || g->size < 60) {
            check_refused(f, pkt);
        }
        start_over(f);
    }
    if (!g->packed) {
        guest_offer_as(g, 0, 0, 0, g->size);
        check_refused(f, pkt);
        start_over(f);
        g->avail->idx = f->ring.next_avail + g->size + 1;
        check_refused(f, pkt);
    }
    rte_pktmbuf_free(pkt);
}

/* So many buffers for one packet that nobody can note them. */
static void
test_send_many_buffers(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkt = packet_new(1, 64 * 20 + 1 - f->header_len);
    struct guest *g = &f->guest;

    if (f->room < 66) {
        rte_pktmbuf_free(pkt);
        return;
    }
    f->ring.mergeable = true;
    for (int i = 0; i < 66; i++) {
        guest_offer(g, guest_buf(i), 20, VRING_DESC_F_WRITE);
    }
    if (g->packed) {
        check_refused(f, pkt);
        rte_pktmbuf_trim(pkt, 1);
        assert_int_equal(send_some(f, &pkt, 1), 1);
        g->next_used = guest_advance(g, g->next_used, 64);
    } else {
        assert_int_equal(send_some(f, &pkt, 1), 1);
        g->next_used += 65;
    }
    check_position(f);
    rte_pktmbuf_free(pkt);
}

/* What is said of packets to whom. */
static const struct said {
    const char *what;
    uint64_t features;
    uint64_t ol_flags;
    uint32_t packet_type;
    uint8_t tcp_flags;
    bool refused;
    struct virtio_net_hdr hdr;
} said[] = {
    { "nothing", F_GUEST_CSUM, 0, 0, 0, false, { .flags = 0 } },
    { "good", F_GUEST_CSUM,
      RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD, 0, 0, false,
      { .flags = VIRTIO_NET_HDR_F_DATA_VALID } },
    { "good, to who did not take it", 0, RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0, 0,
      false, { .flags = 0 } },
    { "bad", F_GUEST_CSUM, RTE_MBUF_F_RX_L4_CKSUM_BAD, 0, 0, false,
      { .flags = 0 } },
    { "not there", F_GUEST_CSUM, RTE_MBUF_F_RX_L4_CKSUM_NONE, 0, 0, false,
      { .flags = 0 } },
    { "bad IP", F_GUEST_CSUM,
      RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_BAD, 0, 0, false,
      { .flags = 0 } },
    { "good in a tunnel", F_GUEST_CSUM, RTE_MBUF_F_RX_L4_CKSUM_GOOD,
      RTE_PTYPE_TUNNEL_VXLAN, 0, false, { .flags = 0 } },
    { "UDP to be finished", F_GUEST_CSUM,
      RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV6, 0, 0, false,
      { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34,
        .csum_offset = 6 } },
    { "TCP to be finished", F_GUEST_CSUM, RTE_MBUF_F_TX_TCP_CKSUM, 0, 0, false,
      { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34,
        .csum_offset = 16 } },
    { "SCTP to be finished", F_GUEST_CSUM, RTE_MBUF_F_TX_SCTP_CKSUM, 0, 0,
      false,
      { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34,
        .csum_offset = 8 } },
    { "to be finished, by who did not take it", 0, RTE_MBUF_F_TX_TCP_CKSUM, 0,
      0, true, { .flags = 0 } },
    { "segments", F_GUEST_CSUM | F_GUEST_TSO,
      RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4, 0, RTE_TCP_CWR_FLAG, false,
      { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .hdr_len = 54, .gso_size = 1000,
        .csum_start = 34, .csum_offset = 16 } },
    { "segments of IPv6, with CWR", F_GUEST_CSUM | F_GUEST_TSO | F_GUEST_ECN,
      RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_RX_L4_CKSUM_GOOD,
      0, RTE_TCP_CWR_FLAG, false,
      { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN,
        .hdr_len = 54, .gso_size = 1000, .csum_start = 34,
        .csum_offset = 16 } },
    { "segments, without CWR", F_GUEST_CSUM | F_GUEST_TSO | F_GUEST_ECN,
      RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4, 0, RTE_TCP_ECE_FLAG, false,
      { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .hdr_len = 54, .gso_size = 1000,
        .csum_start = 34, .csum_offset = 16 } },
    { "segments of IPv4 to who took those of IPv6",
      F_GUEST_CSUM | 1ULL << VIRTIO_NET_F_GUEST_TSO6,
      RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4, 0, 0, true,
      { .flags = 0 } },
};

static void
test_send_said(void **state)
{
    struct fixture *f = *state;
    uint64_t features = f->ring.features;

    f->ring.mergeable = true;
    for (int i = 0; i < ARRAY_SIZE(said) && can_merge(f, 3); i++) {
        struct rte_mbuf *pkt = packet_in_pieces(i, 2000, 2);
        unsigned int first = f->guest.n_offered;
        struct offer offers[3];
        uint8_t *flags = rte_pktmbuf_mtod_offset(pkt, uint8_t *, 34 + 13);
        uint8_t was = *flags;
        struct got got;

        f->what = said[i].what;
        f->ring.features = features | said[i].features;
        pkt->ol_flags |= said[i].ol_flags;
        pkt->packet_type = said[i].packet_type;
        pkt->l2_len = 14;
        pkt->l3_len = 20;
        pkt->l4_len = 20;
        pkt->tso_segsz = 1000;
        *flags = said[i].tcp_flags;
        offer_room(f, offers, 3, 1, 800, false);
        if (said[i].refused) {
            check_refused(f, pkt);
            start_over(f);
        } else {
            assert_int_equal(send_some(f, &pkt, 1), 1);
            take_packet(f, offers, first, &got);
            assert_memory_equal(&got.header.hdr, &said[i].hdr,
                                sizeof said[i].hdr);
            assert_int_equal(got.bytes[f->header_len + 34 + 13],
                             said[i].tcp_flags);
            got.bytes[f->header_len + 34 + 13] = was;
            check_bytes(f, &got, i, 2000);
        }
        rte_pktmbuf_free(pkt);
    }
    f->what = NULL;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_send_layouts),
        TEST(test_send_regions),
        TEST(test_send_waits),
        TEST(test_send_too_short),
        TEST(test_send_limit),
        TEST(test_send_broken),
        TEST(test_send_read_only),
        TEST(test_send_loop),
        TEST(test_send_many_buffers),
        TEST(test_send_said),
    };

    return cmocka_run_group_tests_name("scatter", tests, setup_eal, NULL);
}
