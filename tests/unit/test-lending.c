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

/* Unit tests of the walk that lends a guest's buffers instead of copying them.
 * This guest overwrites each buffer as soon as it is back. */

#include <config.h>

#include "tests/unit/ring-fixture.h"
#include "tests/unit/test-offer.h"

#include "vhost/lend.h"
#include "vhost/lending.h"

#define SHORTEST 14             /* Frame. */
#define N_SLOTS 36              /* Buffers of the guest's at most. */
#define MAX_PARTS_OF_ONE 4
#define N_STEPS 4000

/* A packet that the guest sent. */
struct sent {
    struct offer offer;
    struct rte_mbuf *pkt;       /* If we have it. */
    uint32_t len;
    unsigned int n_slots;
    bool taken;
};

struct model {
    struct fixture *f;
    struct dpdk_vdpa_lend *lend;
    struct sent sents[N_SLOTS];
    unsigned int n_offered;     /* And taken, and given back. */
    unsigned int n_taken;
    unsigned int n_back;
    unsigned int n_slots;       /* Of what is with us. */
    unsigned int n_lent;
};

static void
model_init(struct model *m, struct fixture *f)
{
    memset(m, 0, sizeof *m);
    m->f = f;
    m->lend = dpdk_vdpa_lend_create(f->ring.size, NULL);
    m->lend->max_segs = 8;
}

static struct sent *
sent_at(struct model *m, unsigned int serial)
{
    return &m->sents[serial % N_SLOTS];
}

/* Makes the next packet, in 'n' parts; of a split ring they are behind a
 * table, for all of them. */
static void
make_sent(struct model *m, struct sent *sent, unsigned int n, uint32_t max_len)
{
    unsigned int first = m->n_offered % N_SLOTS * (MAX_PARTS_OF_ONE + 1);

    memset(sent, 0, sizeof *sent);
    sent->offer.n = n;
    sent->offer.indirect = n > 1 && (!m->f->guest.packed || random_range(2));
    sent->n_slots = m->f->guest.packed && !sent->offer.indirect ? n : 1;
    for (unsigned int i = 0; i < n; i++) {
        uint32_t min = i ? 1 : m->f->header_len + SHORTEST;

        sent->offer.parts[i].addr = guest_buf(first + i) + random_range(16);
        sent->offer.parts[i].len = min + random_range(max_len - min);
        sent->len += sent->offer.parts[i].len;
    }
    sent->len -= m->f->header_len;
}

/* Offers a packet if there is room for it. */
static bool
send_one(struct model *m, unsigned int n, uint32_t max_len)
{
    unsigned int first = m->n_offered % N_SLOTS * (MAX_PARTS_OF_ONE + 1);
    struct sent *sent = sent_at(m, m->n_offered);

    if (m->n_offered - m->n_back >= MIN(N_SLOTS, m->f->ring.size)) {
        return false;
    }
    make_sent(m, sent, n, max_len);
    if (m->n_slots + sent->n_slots > m->f->ring.size) {
        return false;
    }
    offer_fill(m->f, &sent->offer, m->n_offered);
    offer_at(m->f, &sent->offer, guest_buf(first + MAX_PARTS_OF_ONE));
    m->n_slots += sent->n_slots;
    m->n_offered++;
    return true;
}

/* Returns true if 'pkt' points into the guest's memory, all but so much. */
static bool
is_lent(const struct rte_mbuf *pkt)
{
    if (RTE_MBUF_HAS_EXTBUF(pkt)) {
        assert_null(pkt->next);
        assert_int_equal(pkt->ol_flags, RTE_MBUF_F_EXTERNAL);
        return true;
    }
    if (!pkt->next || pkt->data_len != DPDK_VDPA_LENDING_HEAD) {
        return false;
    }
    assert_true(RTE_MBUF_DIRECT(pkt));
    for (const struct rte_mbuf *seg = pkt->next; seg; seg = seg->next) {
        if (!RTE_MBUF_HAS_EXTBUF(seg)) {
            return false;
        }
    }
    return true;
}

static void
check_content(const struct rte_mbuf *pkt, unsigned int serial, uint32_t len)
{
    const char *reason;
    uint8_t byte;

    assert_int_equal(rte_mbuf_check(pkt, 1, &reason), 0);
    assert_int_equal(pkt->pkt_len, len);
    for (unsigned int i = 0; i < len; i++) {
        assert_int_equal(*(const uint8_t *) rte_pktmbuf_read(pkt, i, 1, &byte),
                         guest_pattern(serial, i));
    }
}

/* Takes at most 'max' packets, and returns how many. */
static unsigned int
take_some(struct model *m, unsigned int max)
{
    struct rte_mbuf *pkts[BURST];
    unsigned int n = dpdk_vdpa_lending_recv(&m->f->ring, m->lend,
                                                  mempool, pkts, max);

    assert_false(m->f->ring.unusual);
    for (unsigned int i = 0; i < n; i++) {
        struct sent *sent = sent_at(m, m->n_taken);

        assert_true(m->n_taken < m->n_offered);
        check_content(pkts[i], m->n_taken, sent->len);
        assert_true(sent->len > DPDK_VDPA_RING_SHORT || !is_lent(pkts[i]));
        m->n_lent += is_lent(pkts[i]);
        sent->pkt = pkts[i];
        sent->taken = true;
        m->n_taken++;
    }
    assert_true(m->lend->n_descs <= m->lend->n_max);
    return n;
}

/* The VF has sent packet 'serial', if we have it. */
static void
free_one(struct model *m, unsigned int serial)
{
    struct sent *sent = sent_at(m, serial);

    if (sent->pkt) {
        check_content(sent->pkt, serial, sent->len);
        rte_pktmbuf_free(sent->pkt);
        sent->pkt = NULL;
    }
}

/* The guest looks for what is back, which must be its oldest buffers, and
 * writes over them. */
static void
guest_looks(struct model *m)
{
    struct guest *g = &m->f->guest;
    uint16_t pos = g->next_used, flags;
    uint32_t id, len;

    while (guest_take_back(g, &id, &len, &flags)) {
        struct sent *sent = sent_at(m, m->n_back);

        assert_true(sent->taken);
        assert_true(!sent->pkt || !is_lent(sent->pkt));
        assert_int_equal(id, guest_id(g, m->n_back));
        assert_int_equal(len, 0);
        for (unsigned int i = 0; i < sent->offer.n; i++) {
            memset(guest_at(g, sent->offer.parts[i].addr), 0xee,
                   sent->offer.parts[i].len);
        }
        if (g->packed) {
            g->next_used = guest_advance(g, pos, sent->n_slots);
            check_round(m->f, pos);
        }
        pos = g->next_used;
        m->n_slots -= sent->n_slots;
        m->n_back++;
    }
    assert_int_equal(m->f->ring.next_used, g->next_used);
    if (g->packed && m->n_back) {
        assert_int_equal(m->f->note.span >> 16, g->next_used);
    }
}

static void
take_back(struct model *m)
{
    unsigned int before = m->n_back;
    bool some = dpdk_vdpa_lending_take_back(&m->f->ring, m->lend);

    guest_looks(m);
    assert_int_equal(some, m->n_back != before);
}

/* All is sent, and goes back. */
static void
model_finish(struct model *m)
{
    for (unsigned int i = m->n_back; i < m->n_taken; i++) {
        free_one(m, i);
    }
    take_back(m);
    while (m->n_taken < m->n_offered) {
        assert_int_not_equal(take_some(m, BURST), 0);
        for (unsigned int i = m->n_back; i < m->n_taken; i++) {
            free_one(m, i);
        }
        guest_looks(m);
        take_back(m);
    }
    for (unsigned int i = 0; i < N_SLOTS; i++) {
        /* Copies, whose buffers were back long ago. */
        rte_pktmbuf_free(m->sents[i].pkt);
    }
    assert_int_equal(m->n_back, m->n_offered);
    assert_int_equal(m->f->ring.next_avail, m->f->ring.next_used);
    assert_false(dpdk_vdpa_lend_is_out(m->lend));
    dpdk_vdpa_lend_destroy(m->lend);
}

static void
test_random(void **state)
{
    struct model *m = xmalloc(sizeof *m);

    model_init(m, *state);
    for (unsigned int i = 0; i < N_STEPS; i++) {
        unsigned int n_out = m->n_taken - m->n_back;
        struct sent *next = sent_at(m, m->n_offered);

        if (next->pkt && m->n_offered >= N_SLOTS) {
            free_one(m, m->n_offered - N_SLOTS);    /* A copy. */
        }
        switch (random_range(4)) {
        case 0:
            send_one(m, 1 + random_range(MAX_PARTS_OF_ONE),
                     random_range(2) ? 60 : 2200);
            break;
        case 1:
            take_some(m, 1 + random_range(8));
            guest_looks(m);
            break;
        case 2:
            if (n_out) {
                free_one(m, m->n_back + random_range(n_out));
            }
            break;
        case 3:
            take_back(m);
            break;
        }
    }
    assert_true(m->n_lent > 100);
    model_finish(m);
    free(m);
}

/* At most half of the ring is away; what follows stays where it is. */
static void
test_half(void **state)
{
    struct fixture *f = *state;
    unsigned int half = MAX(f->ring.size / 2, 1);
    struct model *m = xmalloc(sizeof *m);

    model_init(m, f);
    while (send_one(m, 1, 2200)) {
        continue;
    }
    /* Some may be short: the first are what counts. */
    while (take_some(m, BURST)) {
        guest_looks(m);
    }
    assert_true(m->n_taken - m->n_back <= half);
    if (m->n_offered > 2 * half) {
        assert_true(m->n_taken < m->n_offered);
    }
    model_finish(m);
    free(m);
}

/* What is behind a buffer that is lent waits for it, though it was copied. */
static void
test_copy_waits(void **state)
{
    struct fixture *f = *state;
    struct model *m = xmalloc(sizeof *m);

    model_init(m, f);
    do {
        make_sent(m, sent_at(m, 0), 1, 2200);
    } while (sent_at(m, 0)->len <= DPDK_VDPA_RING_SHORT);
    m->lend->max_segs = 2;
    offer_fill(f, &sent_at(m, 0)->offer, 0);
    offer(f, &sent_at(m, 0)->offer);
    m->n_slots = m->n_offered = 1;
    assert_true(send_one(m, 1, 60));
    assert_int_equal(take_some(m, BURST), 2);
    assert_int_equal(m->n_lent, 1);
    free_one(m, 1);
    take_back(m);
    assert_int_equal(m->n_back, 0);
    free_one(m, 0);
    take_back(m);
    assert_int_equal(m->n_back, 2);
    model_finish(m);
    free(m);
}

/* Packets that are copied, in two parts or in one: nothing may be lent, too
 * many segments, no mbufs for beginnings, no segments. */
static void
test_copied(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 8; i++) {
        struct model *m = xmalloc(sizeof *m);
        struct rte_mbuf *others[N_MBUFS];
        unsigned int n_spare, n = i % 2 + 1;

        start_over(f);
        model_init(m, f);
        n_spare = m->lend->n_spare;
        m->lend->max_segs = i / 2 == 0 ? 0 : i / 2 == 1 ? n : 8;
        make_sent(m, sent_at(m, 0), n, 900);
        sent_at(m, 0)->offer.parts[1].len = n == 2 ? 800 : 0;
        sent_at(m, 0)->offer.parts[0].len = 400;
        sent_at(m, 0)->offer.indirect = n == 2;
        sent_at(m, 0)->n_slots = 1;
        sent_at(m, 0)->len = (n == 2 ? 1200 : 400) - f->header_len;
        offer_fill(f, &sent_at(m, 0)->offer, 0);
        offer(f, &sent_at(m, 0)->offer);
        m->n_slots = m->n_offered = 1;
        if (i / 2 == 2 && n == 2) {
            assert_int_equal(rte_pktmbuf_alloc_bulk(mempool, others,
                                                    N_MBUFS - 2), 0);
        } else if (i / 2 >= 2) {
            m->lend->n_spare = n - 1;
        }
        assert_int_equal(take_some(m, BURST), 1);
        assert_int_equal(m->n_lent, 0);
        guest_looks(m);
        assert_int_equal(m->n_back, 1);
        if (i / 2 == 2 && n == 2) {
            rte_pktmbuf_free_bulk(others, N_MBUFS - 2);
        }
        m->lend->n_spare = n_spare;
        model_finish(m);
        free(m);
    }
}

/* Headers that ask for nothing need no copy of the packet's.  Of others, what
 * the VF does is said of what is lent; what we do ourselves needs all of it. */
static void
test_header(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint16_t csum_start;
        uint16_t gso_size;
        bool is_lent;
        uint64_t flags;
    } cases[] = {
        { 0, 0, true, RTE_MBUF_F_EXTERNAL },
        { 34, 0, true, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM },
        { 34, 500, true, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG },
        { 36, 0, false, 0 },
    };

    f->ring.features |= (1ULL << VIRTIO_NET_F_CSUM
                         | 1ULL << VIRTIO_NET_F_HOST_TSO4);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(f->ring.size, NULL);
        uint8_t *data = guest_at(&f->guest, guest_buf(0));
        struct virtio_net_hdr hdr = {
            .flags = (cases[i].csum_start ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0),
            .csum_start = cases[i].csum_start,
            .csum_offset = 16,
            .gso_type = (cases[i].gso_size ? VIRTIO_NET_HDR_GSO_TCPV4
                         : VIRTIO_NET_HDR_GSO_NONE),
            .gso_size = cases[i].gso_size,
        };
        struct rte_mbuf *pkt;

        start_over(f);
        lend->max_segs = 8;
        memset(data, 0, 1500);
        memcpy(data, &hdr, sizeof hdr);
        data += f->header_len;
        data[12] = 8;           /* IPv4, TCP. */
        data[14] = 0x45;
        data[14 + 9] = 6;
        data[34 + 12] = 0x50;
        guest_offer(&f->guest, guest_buf(0), f->header_len + 1200, 0);
        assert_int_equal(dpdk_vdpa_lending_recv(&f->ring, lend, mempool,
                                                      &pkt, 1), 1);
        assert_int_equal(is_lent(pkt), cases[i].is_lent);
        assert_int_equal(pkt->nb_segs,
                         cases[i].is_lent && cases[i].csum_start ? 2 : 1);
        assert_int_equal(pkt->pkt_len, 1200);
        assert_int_equal(pkt->ol_flags, cases[i].flags);
        rte_pktmbuf_free(pkt);
        assert_int_equal(dpdk_vdpa_lending_take_back(&f->ring, lend),
                         cases[i].is_lent);
        assert_int_equal(f->ring.next_avail, f->ring.next_used);
        dpdk_vdpa_lend_destroy(lend);
    }
}

/* What is broken stays for somebody else. */
static void
test_broken(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(broken_offers); i++) {
        struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(f->ring.size, NULL);
        struct rte_mbuf *pkt;

        if (broken_offers[i].n < f->ring.size) {
            f->what = broken_offers[i].what;
            lend->max_segs = 8;
            offer(f, &broken_offers[i]);
            assert_int_equal(dpdk_vdpa_lending_recv(&f->ring, lend,
                                                          mempool, &pkt, 1),
                             0);
            assert_true(f->ring.unusual);
            start_over(f);
        }
        dpdk_vdpa_lend_destroy(lend);
    }
    f->what = NULL;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_random),
        TEST(test_half),
        TEST(test_copy_waits),
        TEST(test_copied),
        TEST(test_header),
        TEST(test_broken),
    };

    return cmocka_run_group_tests_name("lending", tests, setup_eal, NULL);
}
