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

/* Unit tests of the walk over what is not the rule: chains of descriptors,
 * indirect tables, headers that ask for something, broken ones. */

#include <config.h>

#include "tests/unit/ring-fixture.h"
#include "tests/unit/test-offer.h"

#include "lib/vhost/chain.c"

#define SHORTEST 14             /* Frame. */

/* Checks that the guest gets buffer number 'i' back, with nothing in it. */
static void
check_back(struct fixture *f, unsigned int i, unsigned int n_slots,
           uint16_t flags)
{
    uint16_t pos = f->guest.next_used, back;
    uint32_t id, len;

    assert_true(guest_take_back(&f->guest, &id, &len, &back));
    assert_int_equal(id, guest_id(&f->guest, i));
    assert_int_equal(len, 0);
    if (f->guest.packed) {
        assert_int_equal(back, flags);
        f->guest.next_used = guest_advance(&f->guest, pos, n_slots);
        check_round(f, pos);
    }
    assert_int_equal(f->ring.next_used, f->guest.next_used);
    assert_int_equal(f->ring.next_avail, f->guest.next_used);
}

/* Makes '*o' one of 'n' parts of these lengths, each in a buffer of its
 * own. */
static void
make_offer(struct offer *o, bool indirect, const uint32_t *lens,
           unsigned int n)
{
    memset(o, 0, sizeof *o);
    o->indirect = indirect;
    o->n = n;
    for (unsigned int i = 0; i < n; i++) {
        o->parts[i].addr = guest_buf(i) + i;
        o->parts[i].len = lens[i];
    }
}

/* Checks that 'pkt' is packet 'serial' of 'len' bytes, and frees it. */
static void
check_packet(struct rte_mbuf *pkt, unsigned int serial, uint32_t len)
{
    const char *reason;
    uint8_t byte;

    assert_int_equal(rte_mbuf_check(pkt, 1, &reason), 0);
    assert_int_equal(pkt->pkt_len, len);
    assert_int_equal(pkt->nb_segs, MAX(DIV_ROUND_UP(len, MAX_LEN), 1));
    assert_int_equal(pkt->ol_flags, 0);
    for (unsigned int i = 0; i < len; i++) {
        assert_int_equal(*(const uint8_t *) rte_pktmbuf_read(pkt, i, 1, &byte),
                         guest_pattern(serial, i));
    }
    rte_pktmbuf_free(pkt);
}

/* Takes what is there, which must be one packet. */
static struct rte_mbuf *
recv_one(struct fixture *f)
{
    struct rte_mbuf *pkts[BURST];

    assert_int_equal(dpdk_vdpa_chain_recv(&f->ring, mempool, pkts, BURST), 1);
    assert_false(f->ring.unusual);
    return pkts[0];
}

static void
test_recv_parts(void **state)
{
    static const struct {
        unsigned int n;
        uint32_t lens[4];       /* The first one with the header. */
    } cases[] = {
        { 1, { 60 } },
        { 2, { 0, 60 } },       /* As legacy guests do. */
        { 2, { 100, 1414 } },
        { 3, { 1, 1, 1 } },
        { 4, { 0, 0, 500, 0 } },
        { 4, { 2000, 2000, 2000, 2001 } },
    };
    struct fixture *f = *state;

    for (int i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
        uint32_t lens[4], len = 0;
        unsigned int n = cases[i / 2].n;
        unsigned int first = f->guest.n_offered;
        struct offer o;

        memcpy(lens, cases[i / 2].lens, sizeof lens);
        for (int j = 0; j < n; j++) {
            len += lens[j];
        }
        lens[0] += f->header_len;
        make_offer(&o, i % 2, lens, n);
        offer_fill(f, &o, i);
        offer(f, &o);
        check_packet(recv_one(f), i, len);
        check_back(f, first, o.indirect ? 1 : n, 0);
    }
}

/* The header may be in pieces, and so may a part over regions. */
static void
test_recv_pieces(void **state)
{
    struct fixture *f = *state;
    const uint32_t lens[] = { 3, 2, 0, 200 };
    struct offer o;

    for (int i = 0; i < 2; i++) {
        unsigned int first = f->guest.n_offered;

        make_offer(&o, i, lens, 4);
        o.parts[3].addr = GUEST_MIDDLE - 77;
        offer_fill(f, &o, 5 + i);
        offer(f, &o);
        check_packet(recv_one(f), 5 + i, 205 - f->header_len);
        check_back(f, first, i ? 1 : 4, 0);
    }
}

/* Not even a header. */
static void
test_recv_empty(void **state)
{
    struct fixture *f = *state;

    for (uint32_t len = 0; len <= f->header_len; len++) {
        const uint32_t lens[] = { len / 2, len - len / 2 };
        unsigned int first = f->guest.n_offered;
        struct offer o;

        make_offer(&o, false, lens, 2);
        memset(guest_at(&f->guest, o.parts[0].addr), 0xff, 12);
        memset(guest_at(&f->guest, o.parts[1].addr), 0xff, 12);
        offer(f, &o);
        check_packet(recv_one(f), 0, 0);
        check_back(f, first, 2, 0);
    }
}

/* Much more than a packet can be is too much, and costs no more than that. */
static void
test_recv_long(void **state)
{
    static const uint64_t lens[] = {
        65535 + 14, MAX_PACKET_LEN - 1, MAX_PACKET_LEN, MAX_PACKET_LEN + 1,
        200000,
    };
    struct fixture *f = *state;

    for (int i = 0; i < ARRAY_SIZE(lens); i++) {
        const uint32_t part[] = { f->header_len + lens[i] };
        unsigned int first = f->guest.n_offered;
        struct offer o;

        make_offer(&o, false, part, 1);
        offer_fill(f, &o, i);
        offer(f, &o);
        check_packet(recv_one(f), i, MIN(lens[i], MAX_PACKET_LEN));
        check_back(f, first, 1, 0);
    }
}

/* What the header asks for is seen to. */
static void
test_recv_header(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = guest_at(&f->guest, guest_buf(0));
    struct virtio_net_hdr hdr = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID,
        .csum_start = 20, .csum_offset = 2,
    };
    const uint32_t lens[] = { f->header_len + 60 };
    struct rte_mbuf *pkt;
    struct offer o;

    for (int i = 0; i < 2; i++) {
        make_offer(&o, false, lens, 1);
        memset(data, 0, lens[0]);
        memcpy(data, &hdr, sizeof hdr);
        data[f->header_len + 23] = 0x55;
        offer(f, &o);
        f->ring.features |= 1ULL << VIRTIO_NET_F_CSUM;
        if (i) {
            f->ring.features &= ~(1ULL << VIRTIO_NET_F_CSUM);
        }
        pkt = recv_one(f);
        assert_int_equal(!pkt->ol_flags, !i);
        assert_int_equal(rte_pktmbuf_mtod(pkt, uint8_t *)[22],
                         i ? 0 : 0xff);
        assert_int_equal(rte_pktmbuf_mtod(pkt, uint8_t *)[23],
                         i ? 0x55 : 0xaa);
        rte_pktmbuf_free(pkt);
        check_back(f, i, 1, 0);
    }
}

/* The beginning of a packet that we cut ourselves. */
static const uint8_t frame[] = {
    2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2,
    0x88, 0xa8, 0, 5, 0x81, 0, 0, 7, 8, 0,
    0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2,
    0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0,
};

/* Offers such a packet, of 11 segments. */
static void
offer_cut(struct fixture *f)
{
    const struct virtio_net_hdr hdr = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100,
        .csum_start = 42, .csum_offset = 16,
    };
    const uint32_t lens[] = { f->header_len + sizeof frame, 10 * 100 + 1 };
    uint8_t *data = guest_at(&f->guest, guest_buf(0));
    struct offer o;

    make_offer(&o, true, lens, 2);
    memset(data, 0, f->header_len);
    memcpy(data, &hdr, sizeof hdr);
    memcpy(data + f->header_len, frame, sizeof frame);
    offer(f, &o);
    f->ring.features |= 1ULL << VIRTIO_NET_F_HOST_TSO4;
}

/* A packet that we cut ourselves comes in parts, none of which is missing and
 * none comes twice; the guest gets it back at the end. */
static void
test_recv_cut(void **state)
{
    struct fixture *f = *state;
    unsigned int n_got = 0;

    offer_cut(f);
    while (n_got < 11) {
        uint16_t pos = f->ring.next_avail;
        struct rte_mbuf *pkts[BURST];
        unsigned int want = n_got % 3 + 1;
        unsigned int n = dpdk_vdpa_chain_recv(&f->ring, mempool, pkts, want);

        assert_int_equal(n, MIN(want, 11 - n_got));
        assert_false(f->ring.unusual);
        for (unsigned int i = 0; i < n; i++, n_got++) {
            const uint8_t *tcp = rte_pktmbuf_mtod_offset(pkts[i], uint8_t *,
                                                         42);

            assert_int_equal(pkts[i]->pkt_len,
                             sizeof frame + (n_got < 10 ? 100 : 1));
            assert_int_equal(tcp[6] << 8 | tcp[7], 100 * n_got);
            rte_pktmbuf_free(pkts[i]);
        }
        assert_int_equal(f->ring.next_avail == pos, n_got < 11);
    }
    check_back(f, 0, 1, 0);
    assert_int_equal(dpdk_vdpa_chain_recv(&f->ring, mempool, NULL, BURST), 0);
}

/* A packet that is cut in part, and then becomes another one, leaves nothing
 * behind for the next that is at its place. */
static void
test_recv_half_cut(void **state)
{
    struct fixture *f = *state;
    uint16_t pos = f->ring.next_avail;

    for (int i = 0; i < 3; i++) {
        struct rte_mbuf *pkts[BURST];
        const uint8_t *tcp;

        offer_cut(f);
        assert_int_equal(dpdk_vdpa_chain_recv(&f->ring, mempool, pkts, 3), 3);
        tcp = rte_pktmbuf_mtod_offset(pkts[0], uint8_t *, 42);
        assert_int_equal(tcp[6] << 8 | tcp[7], 0);
        rte_pktmbuf_free_bulk(pkts, 3);
        assert_int_equal(f->ring.next_avail, pos);
        memset(guest_at(&f->guest, guest_buf(0)), 0, f->header_len);
        rte_pktmbuf_free(recv_one(f));
        assert_int_not_equal(f->ring.next_avail, pos);
        f->ring.next_avail = f->ring.next_used = pos;
        guest_reset(&f->guest, pos);
    }
}

/* As many as are there, up to what is asked for. */
static void
test_recv_many(void **state)
{
    struct fixture *f = *state;
    unsigned int n_got = 0, want = 1;

    for (unsigned int i = 0; i < f->room; i++) {
        guest_send(&f->guest, guest_buf(i), f->header_len, i, 60);
    }
    while (n_got < f->room) {
        struct rte_mbuf *pkts[BURST];
        unsigned int n = dpdk_vdpa_chain_recv(&f->ring, mempool, pkts, want);

        assert_int_equal(n, MIN(want, f->room - n_got));
        for (unsigned int i = 0; i < n; i++) {
            check_packet(pkts[i], n_got + i, 60);
        }
        n_got += n;
        want = MIN(want + 3, BURST);
    }
    for (unsigned int i = 0; i < f->room; i++) {
        uint16_t flags;
        uint32_t id, len;

        assert_true(guest_take_back(&f->guest, &id, &len, &flags));
        assert_int_equal(id, guest_id(&f->guest, i));
    }
}

/* What no VF takes that does not cut it must not use up the mbufs that the
 * neighbours' packets need, not even for a moment. */
static void
test_recv_many_long(void **state)
{
    static const uint32_t lens[] = { 12, 30000, 30000 };
    struct fixture *f = *state;
    struct rte_mbuf *pkts[BURST];
    unsigned int n_got = 0, n_bursts = 0;
    struct offer o;

    make_offer(&o, true, lens, ARRAY_SIZE(lens));
    for (int i = 0; i < 4; i++) {
        offer(f, &o);
    }
    while (n_got < 4) {
        uint16_t n = dpdk_vdpa_chain_recv(&f->ring, mempool, pkts, 32);

        assert_true(n >= 1 && n <= 4 - n_got);
        assert_false(f->ring.unusual);
        assert_false(rte_mempool_full(mempool));
        assert_true(rte_mempool_in_use_count(mempool) <= 3 * 32);
        rte_pktmbuf_free_bulk(pkts, n);
        n_got += n;
        n_bursts++;
    }
    assert_true(n_bursts > 1);
    start_over(f);

    /* With one that cuts, they are there for that. */
    f->ring.features |= 1ULL << VIRTIO_NET_F_HOST_TSO4;
    for (int i = 0; i < 4; i++) {
        offer(f, &o);
    }
    assert_int_equal(dpdk_vdpa_chain_recv(&f->ring, mempool, pkts, 32), 4);
    rte_pktmbuf_free_bulk(pkts, 4);
    start_over(f);
}

/* Checks that nothing happens, however often one tries. */
static void
check_refused(struct fixture *f)
{
    uint16_t pos = f->ring.next_avail, flags;
    struct rte_mbuf *pkts[BURST];
    uint32_t id, len;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(dpdk_vdpa_chain_recv(&f->ring, mempool, pkts, BURST),
                         0);
        assert_true(f->ring.unusual);
        assert_int_equal(f->ring.next_avail, pos);
        assert_int_equal(f->ring.next_used, pos);
        assert_false(guest_take_back(&f->guest, &id, &len, &flags));
        assert_true(rte_mempool_full(mempool));
    }
}

/* In a split ring a table may be the last of a chain (virtio 1.1, section
 * 2.6.5.3.2); in a packed one it is alone. */
static void
test_recv_table_last(void **state)
{
    static const uint32_t lens[] = { 12, 3, 100, 2000, 1 };
    struct fixture *f = *state;

    for (unsigned int n_direct = 1; n_direct <= 3; n_direct++) {
        unsigned int first = f->guest.n_offered;
        struct offer all, direct;
        uint32_t len = 0;

        make_offer(&all, false, lens, ARRAY_SIZE(lens));
        offer_fill(f, &all, n_direct);
        for (unsigned int i = 0; i < all.n; i++) {
            len += lens[i];
        }
        direct = all;
        direct.n = n_direct + 1;
        direct.parts[n_direct].addr = TABLE;
        direct.parts[n_direct].len = (all.n - n_direct) * 16;
        direct.parts[n_direct].flags = VRING_DESC_F_INDIRECT;
        for (unsigned int i = n_direct; i < all.n; i++) {
            struct vring_desc *d = (void *) guest_at(&f->guest, TABLE);

            d[i - n_direct].addr = all.parts[i].addr;
            d[i - n_direct].len = lens[i];
            d[i - n_direct].flags = i + 1 < all.n ? VRING_DESC_F_NEXT : 0;
            d[i - n_direct].next = i - n_direct + 1;
        }
        offer(f, &direct);
        if (f->guest.packed) {
            check_refused(f);
            start_over(f);
        } else {
            check_packet(recv_one(f), n_direct, len - f->header_len);
            check_back(f, first, 1, 0);
        }
    }
}

static void
test_recv_broken(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < ARRAY_SIZE(broken_offers); i++) {
        f->what = broken_offers[i].what;
        memset(guest_at(&f->guest, GUEST_START), 0, 512);
        offer(f, &broken_offers[i]);
        check_refused(f);
        start_over(f);
    }
    f->what = NULL;
}

/* More descriptors than there are, or than anybody takes. */
static void
test_recv_endless(void **state)
{
    struct fixture *f = *state;
    struct guest *g = &f->guest;
    unsigned int n = MIN(g->size, MAX_PARTS + 1);
    struct offer o;

    memset(&o, 0, sizeof o);
    o.n = n;
    for (unsigned int i = 0; i < n; i++) {
        o.parts[i].addr = GUEST_START;
        o.parts[i].len = 1;
        o.parts[i].flags = VRING_DESC_F_NEXT;
    }
    offer(f, &o);
    check_refused(f);
    start_over(f);

    o.n = MAX_PARTS + 1;
    for (unsigned int i = 0; i < o.n; i++) {
        o.parts[i] = o.parts[0];
        o.parts[i].flags = 0;
    }
    o.indirect = true;
    offer(f, &o);
    check_refused(f);
    start_over(f);
    if (!g->packed) {
        /* On and on in a table. */
        o.n = 2;
        o.parts[1].flags = VRING_DESC_F_NEXT;
        offer(f, &o);
        ((struct vring_desc *) guest_at(g, TABLE))[1].next = 0;
        check_refused(f);
        start_over(f);

        /* What is available is not to be believed. */
        guest_send(g, guest_buf(0), f->header_len, 0, 60);
        g->avail->idx += g->size;
        check_refused(f);
        g->avail->idx -= g->size;
        g->avail->ring[(g->next_offer - 1) & (g->size - 1)] = g->size;
        if (g->size < 32768) {
            check_refused(f);
        }
        start_over(f);
    }
}

/* Descriptors that add nothing have no end either: neither those of no length,
 * nor those behind the longest packet. */
static void
test_recv_long_table(void **state)
{
    struct fixture *f = *state;
    struct guest *g = &f->guest;
    const struct {
        uint32_t first, rest;   /* Lengths. */
    } tables[] = { { 60, 0 }, { 200000, 1 } };

    for (int i = 0; i < ARRAY_SIZE(tables); i++) {
        for (unsigned int n = MAX_MORE + 1; n <= MAX_MORE + 2; n++) {
            struct vring_packed_desc *packed = (void *) guest_at(g, TABLE);
            struct vring_desc *split = (void *) guest_at(g, TABLE);

            for (unsigned int j = 0; j < n; j++) {
                uint32_t len = j ? tables[i].rest : tables[i].first;

                if (g->packed) {
                    packed[j] = (struct vring_packed_desc) {
                        .addr = GUEST_START, .len = len,
                    };
                } else {
                    split[j] = (struct vring_desc) {
                        .addr = GUEST_START, .len = len, .next = j + 1,
                        .flags = j + 1 < n ? VRING_DESC_F_NEXT : 0,
                    };
                }
            }
            memset(guest_at(g, GUEST_START), 0, f->header_len);
            guest_offer_as(g, TABLE, n * 16, VRING_DESC_F_INDIRECT,
                           guest_id(g, g->n_offered));
            if (n > MAX_MORE + 1) {
                check_refused(f);
            } else {
                rte_pktmbuf_free(recv_one(f));
            }
            start_over(f);
        }
    }
}

/* Without mbufs the packet stays where it is. */
static void
test_recv_no_mbufs(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *all[N_MBUFS], *pkts[BURST];
    const uint32_t lens[] = { f->header_len + 5000 };
    struct offer o;

    make_offer(&o, false, lens, 1);
    offer_fill(f, &o, 9);
    offer(f, &o);
    for (unsigned int left = 0; left < 3; left++) {
        assert_int_equal(rte_pktmbuf_alloc_bulk(mempool, all, N_MBUFS - left),
                         0);
        assert_int_equal(dpdk_vdpa_chain_recv(&f->ring, mempool, pkts, BURST),
                         0);
        assert_true(f->ring.unusual);
        assert_int_equal(rte_mempool_avail_count(mempool), left);
        rte_pktmbuf_free_bulk(all, N_MBUFS - left);
    }
    check_packet(recv_one(f), 9, 5000);
    check_back(f, 0, 1, 0);
}

static void
test_return_short(void **state)
{
    struct fixture *f = *state;
    uint32_t min = f->header_len + SHORTEST;
    struct offer o;

    assert_false(dpdk_vdpa_chain_return_short(&f->ring, min));
    for (uint32_t len = 0; len < min; len++) {
        for (int i = 0; i < 3; i++) {
            const uint32_t lens[] = { i ? len / 2 : len, len - len / 2 };
            unsigned int first = f->guest.n_offered;

            make_offer(&o, i == 2, lens, i ? 2 : 1);
            for (unsigned int j = 0; j < o.n; j++) {
                /* Where it would be does not matter, if it is nothing. */
                o.parts[j].addr = len ? o.parts[j].addr : UINT64_MAX;
                o.parts[j].flags = VRING_DESC_F_WRITE;
            }
            offer(f, &o);
            assert_true(dpdk_vdpa_chain_return_short(&f->ring, min));
            check_back(f, first, i == 1 ? 2 : 1, VRING_DESC_F_WRITE);
            assert_false(dpdk_vdpa_chain_return_short(&f->ring, min));
        }
    }
    make_offer(&o, false, &min, 1);
    o.parts[0].flags = VRING_DESC_F_WRITE;
    offer(f, &o);
    assert_false(dpdk_vdpa_chain_return_short(&f->ring, min));
    assert_int_equal(f->ring.next_used, f->guest.next_used);
    start_over(f);

    offer(f, &broken_offers[6]);
    assert_false(dpdk_vdpa_chain_return_short(&f->ring, min));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_recv_parts),
        TEST(test_recv_pieces),
        TEST(test_recv_empty),
        TEST(test_recv_long),
        TEST(test_recv_header),
        TEST(test_recv_cut),
        TEST(test_recv_half_cut),
        TEST(test_recv_many),
        TEST(test_recv_many_long),
        TEST(test_recv_table_last),
        TEST(test_recv_broken),
        TEST(test_recv_endless),
        TEST(test_recv_long_table),
        TEST(test_recv_no_mbufs),
        TEST(test_return_short),
    };

    return cmocka_run_group_tests_name("chain", tests, setup_eal, NULL);
}
