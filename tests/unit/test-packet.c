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

/* Unit tests of what is made of a guest's virtio-net header. */

#include <config.h>

#include "base/packet.h"
#include "base/segment.h"

#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <rte_mbuf.h>
#include <rte_net.h>

#include "dpdk-vdpa-relay.h"
#include "packets.h"
#include "tests/unit/test-eal.h"
#include "unaligned.h"
#include "util.h"

#define F_CSUM (1ULL << VIRTIO_NET_F_CSUM)
#define F_TSO4 (1ULL << VIRTIO_NET_F_HOST_TSO4)
#define F_TSO6 (1ULL << VIRTIO_NET_F_HOST_TSO6)
#define F_ALL (F_CSUM | F_TSO4 | F_TSO6)

/* What a VF can do, and what is checked. */
#define GOOD_OFFLOADS (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6               \
                       | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM   \
                       | RTE_MBUF_F_TX_TCP_SEG)

#define NEEDS_CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM

/* Who computes the checksum, or cuts the packet up. */
enum who { NOBODY, VF, WE, REFUSED };

#define HEADERS_LEN 20          /* Of TCP. */

struct shape {
    const char *name;
    uint16_t tags[3];           /* Ethernet types, 0 for none. */
    bool v6;
    bool odd;                   /* Of a version of IP that nobody knows. */
    uint8_t ext_len;            /* Of IPv6 extension headers, or options. */
    bool fragment;
    uint8_t tunnel_len;         /* Before the inner header. */
    uint8_t proto;
    enum who sum, cut;
};

static const struct shape shapes[] = {
    { .name = "TCP", .proto = IPPROTO_TCP, .sum = VF, .cut = VF },
    { .name = "UDP", .proto = IPPROTO_UDP, .sum = VF, .cut = REFUSED },
    { .name = "TCP, IP options", .ext_len = 12, .proto = IPPROTO_TCP,
      .sum = VF, .cut = VF },
    { .name = "TCP6", .v6 = true, .proto = IPPROTO_TCP, .sum = VF, .cut = VF },
    { .name = "UDP6", .v6 = true, .proto = IPPROTO_UDP, .sum = VF,
      .cut = REFUSED },
    { .name = "8100", .tags = { 0x8100 }, .proto = IPPROTO_TCP, .sum = VF,
      .cut = VF },
    { .name = "88a8", .tags = { 0x88a8 }, .proto = IPPROTO_TCP, .sum = WE,
      .cut = REFUSED },
    { .name = "8100, 8100", .tags = { 0x8100, 0x8100 }, .proto = IPPROTO_TCP,
      .sum = WE, .cut = REFUSED },
    { .name = "88a8, 8100, UDP", .tags = { 0x88a8, 0x8100 },
      .proto = IPPROTO_UDP, .sum = WE, .cut = REFUSED },
    { .name = "three tags", .tags = { 0x8100, 0x8100, 0x8100 }, .v6 = true,
      .proto = IPPROTO_UDP, .sum = WE, .cut = REFUSED },
    { .name = "hop-by-hop", .v6 = true, .ext_len = 8, .proto = IPPROTO_TCP,
      .sum = WE, .cut = REFUSED },
    { .name = "tagged, long options", .tags = { 0x8100 }, .v6 = true,
      .ext_len = 24, .proto = IPPROTO_UDP, .sum = WE, .cut = REFUSED },
    { .name = "fragment", .fragment = true, .proto = IPPROTO_UDP, .sum = WE,
      .cut = REFUSED },
    { .name = "UDP in UDP", .tunnel_len = 50, .proto = IPPROTO_UDP,
      .sum = WE, .cut = REFUSED },
    { .name = "version 5", .odd = true, .proto = IPPROTO_UDP, .sum = WE,
      .cut = REFUSED },
    { .name = "SCTP", .proto = IPPROTO_SCTP, .sum = WE, .cut = REFUSED },
};

static struct rte_mempool *mempool;

/* A packet that is being made, byte by byte. */
struct frame {
    uint8_t data[2000];
    unsigned int len;
    unsigned int l2_len;
    unsigned int l4_ofs;        /* Of the header with the checksum. */
    unsigned int csum_ofs;      /* In it. */
};

static void
put(struct frame *f, unsigned int value, unsigned int n)
{
    while (n--) {
        f->data[f->len++] = value >> 8 * n;
    }
}

static void
put_pattern(struct frame *f, unsigned int n)
{
    while (n--) {
        f->data[f->len] = f->len * 7 + 3;
        f->len++;
    }
}

static void
put_ip(struct frame *f, const struct shape *s)
{
    uint8_t proto = s->tunnel_len ? IPPROTO_UDP : s->proto;

    if (s->v6) {
        put(f, 0x60000000, 4);
        put(f, 1000, 2);
        put(f, s->ext_len ? 0 : proto, 1);      /* 0: hop-by-hop. */
        put(f, 64, 1);
        put_pattern(f, 32);
        if (s->ext_len) {
            put(f, proto, 1);
            put(f, s->ext_len / 8 - 1, 1);
            put(f, 1, 1);
            put(f, s->ext_len - 4, 1);
            memset(&f->data[f->len], 0, s->ext_len - 4);
            f->len += s->ext_len - 4;
        }
    } else {
        put(f, (s->odd ? 0x55 : 0x45) + s->ext_len / 4, 1);
        put(f, 0, 1);
        put(f, 0, 4);
        put(f, s->fragment ? IP_MORE_FRAGMENTS : 0, 2);
        put(f, 64, 1);
        put(f, proto, 1);
        put(f, 0, 2);
        put_pattern(f, 8 + s->ext_len);
    }
}

/* Makes a packet of shape 's' with 'payload' bytes behind its headers. */
static void
make_frame(struct frame *f, const struct shape *s, unsigned int payload)
{
    f->len = 0;
    put_pattern(f, 12);
    for (int i = 0; i < ARRAY_SIZE(s->tags) && s->tags[i]; i++) {
        put(f, s->tags[i], 2);
        put(f, 100 + i, 2);
    }
    put(f, s->v6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP, 2);
    f->l2_len = f->len;
    put_ip(f, s);
    put_pattern(f, s->tunnel_len);
    f->l4_ofs = f->len;
    f->csum_ofs = (s->proto == IPPROTO_TCP ? 16
                   : s->proto == IPPROTO_UDP ? 6 : 8);
    if (s->proto == IPPROTO_TCP) {
        put_pattern(f, 12);
        put(f, 0x50, 1);
        put_pattern(f, 7);
    } else {
        put_pattern(f, 12);
    }
    put_pattern(f, payload);
    /* The sum of a pseudo-header, whatever it be. */
    f->data[f->l4_ofs + f->csum_ofs] = 0x12;
    f->data[f->l4_ofs + f->csum_ofs + 1] = 0x34;
}

/* Returns 'f' as a packet whose segments end every 'seg_len' bytes. */
static struct rte_mbuf *
to_packet(const struct frame *f, unsigned int seg_len)
{
    struct rte_mbuf *pkt = NULL;

    for (unsigned int ofs = 0; ofs < f->len; ofs += seg_len) {
        struct rte_mbuf *seg = rte_pktmbuf_alloc(mempool);
        unsigned int n = MIN(seg_len, f->len - ofs);

        assert_non_null(seg);
        memcpy(rte_pktmbuf_append(seg, n), &f->data[ofs], n);
        if (pkt) {
            assert_int_equal(rte_pktmbuf_chain(pkt, seg), 0);
        } else {
            pkt = seg;
        }
    }
    return pkt;
}

/* Returns the sum over all from 'ofs' on, as by RFC 1071. */
static uint16_t
slow_sum(const struct frame *f, unsigned int ofs)
{
    uint32_t sum = 0;

    for (unsigned int i = ofs; i < f->len; i++) {
        sum += (i - ofs) % 2 ? f->data[i] : f->data[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static struct virtio_net_hdr
make_hdr(const struct frame *f, uint8_t flags, uint8_t gso_type)
{
    return (struct virtio_net_hdr) {
        .flags = flags,
        .gso_type = gso_type,
        .gso_size = gso_type ? 100 : 0,
        .csum_start = f->l4_ofs,
        .csum_offset = f->csum_ofs,
    };
}

/* Checks that 'pkt', made of 'f', is as it is to be, and frees it. */
static void
check_packet(struct rte_mbuf *pkt, const struct frame *f, enum who who,
             bool cut, bool v6, uint8_t proto)
{
    struct dpdk_vdpa_packet_rules rules = {
        .max_payload_len = 1508,
        .offload_mask = RTE_MBUF_F_TX_OFFLOAD_MASK,
        .good_offloads = GOOD_OFFLOADS,
    };
    uint64_t flags = pkt->ol_flags;
    struct frame expected = *f;
    uint8_t data[sizeof f->data];

    assert_int_equal(dpdk_vdpa_packet_check(&rules, pkt),
                     who == REFUSED ? DPDK_VDPA_DROP_BAD_OFFLOAD : -1);
    assert_int_equal(who != REFUSED && who != VF ? flags : 0, 0);
    if (who == WE) {
        uint16_t sum = ~slow_sum(f, f->l4_ofs);

        expected.len = f->l4_ofs + f->csum_ofs;
        put(&expected, sum ? sum : 0xffff, 2);
        expected.len = f->len;
    } else if (who == VF) {
        assert_int_equal(flags, (v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4)
                                | (cut ? RTE_MBUF_F_TX_TCP_SEG
                                   : proto == IPPROTO_TCP
                                   ? RTE_MBUF_F_TX_TCP_CKSUM
                                   : RTE_MBUF_F_TX_UDP_CKSUM));
        assert_int_equal(pkt->l2_len, f->l2_len);
        assert_int_equal(pkt->l2_len + pkt->l3_len, f->l4_ofs);
        if (cut) {
            assert_int_equal(pkt->l4_len, 20);
            assert_int_equal(pkt->tso_segsz, 100);
        }
    }
    assert_int_equal(pkt->pkt_len, f->len);
    assert_memory_equal(rte_pktmbuf_read(pkt, 0, f->len, data), expected.data,
                        f->len);
    rte_pktmbuf_free(pkt);
}

/* Header flags that are to be ignored are, and the one that counts is not. */
static void
test_checksum(void **state OVS_UNUSED)
{
    static const uint8_t flags[] = { 1, 3, 5, 0x81, 0xff };

    for (int i = 0; i < ARRAY_SIZE(shapes); i++) {
        const struct shape *s = &shapes[i];

        for (int j = 0; j < ARRAY_SIZE(flags); j++) {
            struct frame f;
            struct virtio_net_hdr hdr;
            struct rte_mbuf *pkt;

            make_frame(&f, s, 100 + j);
            hdr = make_hdr(&f, flags[j], 0);
            pkt = to_packet(&f, sizeof f.data);
            dpdk_vdpa_packet_describe(pkt, &hdr, F_CSUM);
            print_message("%s, flags %#x\n", s->name, flags[j]);
            check_packet(pkt, &f, s->sum, false, s->v6, s->proto);
        }
    }
}

static void
test_nothing(void **state OVS_UNUSED)
{
    static const uint8_t flags[] = { 0, 2, 4, 0x80, 0xfe };

    for (int j = 0; j < ARRAY_SIZE(flags); j++) {
        struct frame f;
        struct virtio_net_hdr hdr;
        struct rte_mbuf *pkt;

        make_frame(&f, &shapes[0], 100);
        hdr = make_hdr(&f, flags[j], 0);
        pkt = to_packet(&f, sizeof f.data);
        dpdk_vdpa_packet_describe(pkt, &hdr, 0);
        assert_int_equal(pkt->ol_flags, 0);
        check_packet(pkt, &f, NOBODY, false, false, 0);
    }
}

static void
test_segments(void **state OVS_UNUSED)
{
    for (int i = 0; i < ARRAY_SIZE(shapes); i++) {
        const struct shape *s = &shapes[i];
        uint8_t type = s->v6 ? VIRTIO_NET_HDR_GSO_TCPV6
                       : VIRTIO_NET_HDR_GSO_TCPV4;
        uint64_t feature = s->v6 ? F_TSO6 : F_TSO4;
        struct frame f;
        struct virtio_net_hdr hdr;
        struct rte_mbuf *pkt;

        print_message("%s\n", s->name);
        /* More than goes into a frame: it must not be called too long. */
        make_frame(&f, s, 1700);
        hdr = make_hdr(&f, NEEDS_CSUM, type | VIRTIO_NET_HDR_GSO_ECN);
        pkt = to_packet(&f, 500);
        dpdk_vdpa_packet_describe(pkt, &hdr, feature);
        check_packet(pkt, &f, s->cut, true, s->v6, s->proto);

        /* Of which the guest was offered none; without a size; of another
         * kind; with its checksum elsewhere. */
        for (int j = 0; j < 4; j++) {
            struct virtio_net_hdr bad = hdr;

            bad.gso_size = j == 1 ? 0 : bad.gso_size;
            bad.gso_type = (j == 2 ? (s->v6 ? VIRTIO_NET_HDR_GSO_TCPV4
                                      : VIRTIO_NET_HDR_GSO_TCPV6)
                            : bad.gso_type);
            bad.csum_start += j == 3;
            pkt = to_packet(&f, 500);
            dpdk_vdpa_packet_describe(pkt, &bad, j ? F_ALL : F_ALL & ~feature);
            check_packet(pkt, &f, REFUSED, true, s->v6, s->proto);
        }
    }
}

/* Nobody is offered segmentation of other kinds: of UDP, as fragments (3) or
 * by its length (5), or none that there is.  Whatever asks for it all the same
 * is refused for that and not for its length, by both who could cut. */
static void
test_other_segments(void **state OVS_UNUSED)
{
    static const uint8_t types[] = { 2, 3, 5, 6, 0x7f, 0x80, 0x85, 0xff };

    for (int i = 0; i < ARRAY_SIZE(shapes); i++) {
        const struct shape *s = &shapes[i];

        for (int j = 0; j < ARRAY_SIZE(types); j++) {
            struct frame f;
            struct virtio_net_hdr hdr;
            struct dpdk_vdpa_cut cut;
            struct rte_mbuf *pkt;

            make_frame(&f, s, 1700);
            hdr = make_hdr(&f, NEEDS_CSUM, types[j]);
            pkt = to_packet(&f, sizeof f.data);
            assert_false(dpdk_vdpa_cut_plan(pkt, &hdr, UINT64_MAX, &cut));
            assert_false(dpdk_vdpa_packet_describe(pkt, &hdr, UINT64_MAX));
            check_packet(pkt, &f, REFUSED, true, s->v6, s->proto);
        }
    }
}

/* Whatever asks for it, the sum goes over segments of odd lengths. */
static void
test_odd_segments(void **state OVS_UNUSED)
{
    const struct shape *s = &shapes[7];

    for (unsigned int seg_len = 61; seg_len < 200; seg_len += 3) {
        struct frame f;
        struct virtio_net_hdr hdr;
        struct rte_mbuf *pkt;

        make_frame(&f, s, 301);
        hdr = make_hdr(&f, NEEDS_CSUM, 0);
        pkt = to_packet(&f, seg_len);
        dpdk_vdpa_packet_describe(pkt, &hdr, F_CSUM);
        check_packet(pkt, &f, WE, false, false, IPPROTO_TCP);
    }
}

/* A sum of 0 would say to UDP that there is none. */
static void
test_zero(void **state OVS_UNUSED)
{
    struct frame f;
    struct virtio_net_hdr hdr;
    struct rte_mbuf *pkt;
    uint16_t rest;

    make_frame(&f, &shapes[8], 100);
    rest = ~slow_sum(&f, f.l4_ofs);
    /* At an even distance from the header, where nothing was. */
    f.data[f.len++] = rest >> 8;
    f.data[f.len++] = rest;
    assert_int_equal(slow_sum(&f, f.l4_ofs), 0xffff);
    hdr = make_hdr(&f, NEEDS_CSUM, 0);
    pkt = to_packet(&f, sizeof f.data);
    dpdk_vdpa_packet_describe(pkt, &hdr, F_CSUM);
    assert_int_equal(rte_pktmbuf_mtod(pkt, uint8_t *)[f.l4_ofs + 6], 0xff);
    assert_int_equal(rte_pktmbuf_mtod(pkt, uint8_t *)[f.l4_ofs + 7], 0xff);
    rte_pktmbuf_free(pkt);
}

/* Nothing is written where no packet is, nor what was not offered done. */
static void
test_refused(void **state OVS_UNUSED)
{
    static const struct {
        uint16_t start, offset;
        uint64_t features;
    } cases[] = {
        { 34, 16, 0 },
        { 34, 16, F_TSO4 },
        { 65535, 65535, F_CSUM },
        { 65535, 0, F_CSUM },
        { 0, 65535, F_CSUM },
        { 53, 100, F_CSUM },    /* The last byte only, ... */
        { 154, 0, F_CSUM },     /* ... and behind it. */
    };

    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        struct frame f;
        struct virtio_net_hdr hdr;
        struct rte_mbuf *pkt;

        make_frame(&f, &shapes[0], 100);
        assert_int_equal(f.len, 154);
        hdr = make_hdr(&f, NEEDS_CSUM, 0);
        hdr.csum_start = cases[i].start;
        hdr.csum_offset = cases[i].offset;
        pkt = to_packet(&f, sizeof f.data);
        dpdk_vdpa_packet_describe(pkt, &hdr, cases[i].features);
        check_packet(pkt, &f, REFUSED, false, false, IPPROTO_TCP);
    }
}

/* A packet may end anywhere. */
static void
test_cut_off(void **state OVS_UNUSED)
{
    for (int i = 0; i < ARRAY_SIZE(shapes); i++) {
        for (unsigned int len = 1; len < 100; len++) {
            for (int gso = 0; gso < 2; gso++) {
                struct frame f;
                struct virtio_net_hdr hdr;
                struct rte_mbuf *pkt;

                make_frame(&f, &shapes[i], 100);
                hdr = make_hdr(&f, NEEDS_CSUM, gso);
                f.len = len;
                pkt = to_packet(&f, len);
                dpdk_vdpa_packet_describe(pkt, &hdr, F_ALL);
                if (len < f.l4_ofs + f.csum_ofs + 2) {
                    assert_true(pkt->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK);
                }
                rte_pktmbuf_free(pkt);
            }
        }
    }
}

/* What the library says of a packet leads to the same.  It finishes by itself
 * what it does not know, and leaves what follows the headers that it knows. */
static void
test_translate(void **state OVS_UNUSED)
{
    for (int i = 0; i < ARRAY_SIZE(shapes); i++) {
        const struct shape *s = &shapes[i];
        struct rte_net_hdr_lens lens;
        struct rte_mbuf *pkt;
        struct frame f;

        make_frame(&f, s, 100);
        pkt = to_packet(&f, sizeof f.data);
        pkt->packet_type = rte_net_get_ptype(pkt, &lens, RTE_PTYPE_ALL_MASK);
        print_message("%s\n", s->name);
        if (lens.l2_len + lens.l3_len != f.l4_ofs
            || !(pkt->packet_type & RTE_PTYPE_L4_MASK)
            || (pkt->packet_type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_FRAG) {
            dpdk_vdpa_packet_translate(pkt, F_CSUM);
            check_packet(pkt, &f, NOBODY, false, s->v6, s->proto);
            continue;
        }
        pkt->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
        dpdk_vdpa_packet_translate(pkt, F_CSUM);
        check_packet(pkt, &f, s->sum, false, s->v6, s->proto);

        pkt = to_packet(&f, 300);
        pkt->packet_type = rte_net_get_ptype(pkt, NULL, RTE_PTYPE_ALL_MASK);
        pkt->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_LRO;
        pkt->tso_segsz = 100;
        dpdk_vdpa_packet_translate(pkt, F_ALL);
        check_packet(pkt, &f, s->cut, true, s->v6, s->proto);
    }
}

/* Of a packet that the library does not know it is not known whether it was to
 * be segmented; too long, it most likely was, if the guest may ask for
 * that. */
static void
test_translate_too_long(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_packet_rules rules = {
        .max_payload_len = 60,
        .offload_mask = RTE_MBUF_F_TX_OFFLOAD_MASK,
        .good_offloads = GOOD_OFFLOADS,
    };
    unsigned int n_known = 0;

    for (int i = 0; i < ARRAY_SIZE(shapes); i++) {
        static const uint64_t features[] = { F_CSUM, F_ALL };

        for (int j = 0; j < ARRAY_SIZE(features); j++) {
            struct rte_mbuf *pkt;
            struct frame f;
            uint32_t l4;
            bool known;

            make_frame(&f, &shapes[i], 100);
            pkt = to_packet(&f, sizeof f.data);
            pkt->packet_type = rte_net_get_ptype(pkt, NULL,
                                                 RTE_PTYPE_ALL_MASK);
            l4 = pkt->packet_type & RTE_PTYPE_L4_MASK;
            known = (l4 == RTE_PTYPE_L4_TCP || l4 == RTE_PTYPE_L4_UDP
                     || l4 == RTE_PTYPE_L4_SCTP);
            n_known += known;
            dpdk_vdpa_packet_translate(pkt, features[j]);
            assert_int_equal(dpdk_vdpa_packet_check(&rules, pkt),
                             known || features[j] == F_CSUM
                             ? DPDK_VDPA_DROP_OVERSIZE
                             : DPDK_VDPA_DROP_BAD_OFFLOAD);
            rte_pktmbuf_free(pkt);
        }
    }
    assert_true(n_known && n_known < 2 * ARRAY_SIZE(shapes));
}

/* A checksum that a device left to others is as a host computes it. */
static void
test_complete(void **state OVS_UNUSED)
{
    unsigned int n_good = 0;

    for (int i = 0; i < 2 * ARRAY_SIZE(shapes); i++) {
        const struct shape *s = &shapes[i / 2];
        uint8_t data[2000];
        struct rte_mbuf *pkt;
        const void *ip, *l4;
        struct frame f;
        unsigned int len;

        make_frame(&f, s, 101);
        len = f.len - f.l2_len - (s->v6 ? IPV6_HEADER_LEN : 0);
        f.data[f.l2_len + (s->v6 ? 4 : 2)] = len >> 8;
        f.data[f.l2_len + (s->v6 ? 5 : 3)] = len;
        pkt = to_packet(&f, i % 2 ? 117 : sizeof f.data);
        pkt->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
        dpdk_vdpa_packet_complete(pkt);
        memmove(data, rte_pktmbuf_read(pkt, 0, f.len, data), f.len);
        print_message("%s\n", s->name);
        if (!pkt->ol_flags) {
            assert_memory_equal(data, f.data, f.len);
        } else {
            assert_int_equal(pkt->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
            ip = &data[f.l2_len];
            l4 = &data[f.l4_ofs - s->tunnel_len];
            assert_int_equal(s->v6 ? rte_ipv6_udptcp_cksum_verify(ip, l4)
                             : rte_ipv4_udptcp_cksum_verify(ip, l4), 0);
            n_good++;
        }
        rte_pktmbuf_free(pkt);
    }
    assert_true(n_good >= 2 * 6);
}

/* From the VF a packet may have any type. */
static void
test_too_long_from_vf(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_packet_rules rules = {
        .max_payload_len = 60,
        .offload_mask = RTE_MBUF_F_RX_LRO,
    };
    struct rte_mbuf *pkt;
    struct frame f;

    make_frame(&f, &shapes[0], 100);
    pkt = to_packet(&f, sizeof f.data);
    pkt->packet_type = RTE_PTYPE_L2_ETHER;
    assert_int_equal(dpdk_vdpa_packet_check(&rules, pkt),
                     DPDK_VDPA_DROP_OVERSIZE);
    rte_pktmbuf_free(pkt);
}

/* Who cannot be asked of the VF is cut here. */
static bool
we_cut(const struct shape *s)
{
    return s->cut == REFUSED && s->proto == IPPROTO_TCP && !s->fragment;
}

/* Returns the sum of the 'len' bytes at 'data', as by RFC 1071, from 'sum'
 * on. */
static uint32_t
sum_of(const uint8_t *data, unsigned int len, uint32_t sum)
{
    for (unsigned int i = 0; i < len; i++) {
        sum += i % 2 ? data[i] : data[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static uint32_t
get_be32(const uint8_t *p)
{
    return ntohl(get_unaligned_be32((const void *) p));
}

/* Checks segment 'i' of 'f', cut every 'size' bytes. */
static void
check_segment(struct rte_mbuf *seg, const struct frame *f, bool v6,
              unsigned int i, unsigned int size)
{
    unsigned int payload_ofs = f->l4_ofs + HEADERS_LEN;
    unsigned int ofs = payload_ofs + i * size;
    unsigned int n = MIN(size, f->len - ofs);
    const uint8_t *new = rte_pktmbuf_mtod(seg, const uint8_t *);
    const uint8_t *old = f->data;
    const uint8_t *ip = new + f->l2_len, *tcp = new + f->l4_ofs;
    unsigned int l3_len = payload_ofs + n - f->l2_len;
    bool last = ofs + n == f->len;
    uint32_t sum;

    assert_int_equal(seg->pkt_len, payload_ofs + n);
    assert_int_equal(seg->ol_flags, 0);
    assert_int_equal(seg->nb_segs, 1);
    assert_memory_equal(new, old, f->l2_len);
    assert_memory_equal(new + payload_ofs, old + ofs, n);
    if (v6) {
        assert_int_equal(ip[4] << 8 | ip[5], l3_len - 40);
        assert_memory_equal(ip, old + f->l2_len, 4);
        assert_memory_equal(ip + 6, old + f->l2_len + 6,
                            f->l4_ofs - f->l2_len - 6);
    } else {
        assert_int_equal(ip[2] << 8 | ip[3], l3_len);
        assert_int_equal((uint16_t) ((ip[4] << 8 | ip[5])
                                     - (old[f->l2_len + 4] << 8
                                        | old[f->l2_len + 5])), i);
        assert_int_equal(sum_of(ip, f->l4_ofs - f->l2_len, 0), 0xffff);
    }
    assert_int_equal(get_be32(tcp + 4) - get_be32(old + f->l4_ofs + 4),
                     i * size);
    /* CWR in the first, FIN and PSH in the last. */
    assert_int_equal(tcp[13], 0x10 | (i ? 0 : 0x80) | (last ? 0x09 : 0));

    /* The pseudo-header had the packet's length, and now has its own. */
    sum = old[f->l4_ofs + 16] << 8 | old[f->l4_ofs + 17];
    sum += 0xffff - (f->len - f->l4_ofs) + HEADERS_LEN + n;
    sum = (sum & 0xffff) + (sum >> 16);
    assert_int_equal(sum_of(tcp, HEADERS_LEN + n, sum), 0xffff);
    rte_pktmbuf_free(seg);
}

static void
test_cut(void **state OVS_UNUSED)
{
    for (int i = 0; i < 2 * ARRAY_SIZE(shapes); i++) {
        const struct shape *s = &shapes[i / 2];
        struct virtio_net_hdr hdr;
        struct dpdk_vdpa_cut cut;
        struct rte_mbuf *pkt;
        struct frame f;
        bool ok;

        print_message("%s\n", s->name);
        make_frame(&f, s, i % 2 ? 1700 : 1);
        f.data[f.l4_ofs + 13] = 0x99;
        hdr = make_hdr(&f, NEEDS_CSUM, s->v6 ? VIRTIO_NET_HDR_GSO_TCPV6
                                       : VIRTIO_NET_HDR_GSO_TCPV4);
        hdr.gso_size = 333;
        pkt = to_packet(&f, 501);
        ok = dpdk_vdpa_packet_describe(pkt, &hdr, F_ALL);
        assert_int_equal(ok, s->cut == VF);
        if (!ok) {
            ok = dpdk_vdpa_cut_plan(pkt, &hdr, F_ALL, &cut);
            assert_int_equal(ok, we_cut(s));
        }
        for (unsigned int j = 0; we_cut(s) && j < dpdk_vdpa_cut_n(&cut); j++) {
            struct rte_mbuf *seg = dpdk_vdpa_cut_get(pkt, &cut, j, mempool);

            assert_non_null(seg);
            check_segment(seg, &f, s->v6, j, 333);
        }
        if (we_cut(s)) {
            assert_int_equal(dpdk_vdpa_cut_n(&cut), i % 2 ? 6 : 1);
        }
        rte_pktmbuf_free(pkt);
    }
}

/* What cannot be cut, or was not offered. */
static void
test_cut_not(void **state OVS_UNUSED)
{
    const struct shape *s = &shapes[7];
    struct virtio_net_hdr good, hdr;
    struct dpdk_vdpa_cut cut;
    struct rte_mbuf *pkt;
    struct frame f;

    make_frame(&f, s, 500);
    good = make_hdr(&f, NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4);
    pkt = to_packet(&f, sizeof f.data);
    assert_true(dpdk_vdpa_cut_plan(pkt, &good, F_TSO4, &cut));
    assert_false(dpdk_vdpa_cut_plan(pkt, &good, F_CSUM | F_TSO6, &cut));
    for (int i = 0; i < 8; i++) {
        hdr = good;
        switch (i) {
        case 0: hdr.flags = 0; break;
        case 1: hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV6; break;
        case 2: hdr.gso_type = VIRTIO_NET_HDR_GSO_UDP; break;
        case 3: hdr.gso_size = 0; break;
        case 4: hdr.gso_size = 63; break;
        case 5: hdr.csum_offset = 6; break;
        case 6: hdr.csum_start++; break;
        case 7: hdr.csum_start = 65535; break;
        }
        assert_false(dpdk_vdpa_cut_plan(pkt, &hdr, F_ALL, &cut));
    }
    rte_pktmbuf_free(pkt);

    /* Wherever it ends. */
    for (unsigned int len = 1; len <= f.l4_ofs + HEADERS_LEN; len++) {
        f.len = len;
        pkt = to_packet(&f, len);
        assert_false(dpdk_vdpa_cut_plan(pkt, &good, F_ALL, &cut));
        rte_pktmbuf_free(pkt);
    }
}

static int
setup_eal(void **state OVS_UNUSED)
{
    mempool = test_eal_mempool(63);
    return mempool ? 0 : -1;
}

static int
teardown(void **state OVS_UNUSED)
{
    assert_true(rte_mempool_full(mempool));
    return 0;
}

int
main(void)
{
#define TEST(FUNCTION) cmocka_unit_test_teardown(FUNCTION, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_checksum),
        TEST(test_nothing),
        TEST(test_segments),
        TEST(test_other_segments),
        TEST(test_odd_segments),
        TEST(test_zero),
        TEST(test_refused),
        TEST(test_cut_off),
        TEST(test_translate),
        TEST(test_translate_too_long),
        TEST(test_complete),
        TEST(test_too_long_from_vf),
        TEST(test_cut),
        TEST(test_cut_not),
    };

    return cmocka_run_group_tests_name("packet", tests, setup_eal, NULL);
}
