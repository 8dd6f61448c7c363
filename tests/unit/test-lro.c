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

/* Unit tests of TCP packets that a VF put together. */

#include <config.h>

#include "vhost/lro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <rte_config.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_net.h>
#include <rte_tcp.h>

#include "tests/unit/test-eal.h"
#include "util.h"

#define N_MBUFS 255
#define N_SEGMENTS 3
#define SEGMENT_LEN 1000

static struct rte_mempool *mempool;

/* A TCP packet put together from N_SEGMENTS segments, as a VF gives it, with
 * 'l3_len' bytes of IP header to be filled in. */
static struct rte_mbuf *
large_packet(uint16_t ether_type, unsigned int l3_len)
{
    unsigned int header_len = RTE_ETHER_HDR_LEN + l3_len
                              + sizeof(struct rte_tcp_hdr);
    struct rte_mbuf *head = NULL;

    for (int i = 0; i < N_SEGMENTS; i++) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(mempool);
        unsigned int len = SEGMENT_LEN + (head ? 0 : header_len);

        assert_non_null(m);
        memset(rte_pktmbuf_append(m, len), i, len);
        if (head) {
            assert_int_equal(rte_pktmbuf_chain(head, m), 0);
        } else {
            struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, void *);

            eth->ether_type = rte_cpu_to_be_16(ether_type);
            head = m;
        }
    }
    head->ol_flags |= RTE_MBUF_F_RX_LRO;
    head->tso_segsz = SEGMENT_LEN;
    return head;
}

static struct rte_mbuf *
large_ipv4_packet(uint8_t proto)
{
    struct rte_mbuf *pkt = large_packet(RTE_ETHER_TYPE_IPV4,
                                        sizeof(struct rte_ipv4_hdr));
    struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(pkt, void *,
                                                      RTE_ETHER_HDR_LEN);
    struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *) (ip + 1);

    ip->version_ihl = RTE_IPV4_VHL_DEF;
    ip->next_proto_id = proto;
    ip->src_addr = RTE_BE32(RTE_IPV4(10, 0, 0, 1));
    ip->dst_addr = RTE_BE32(RTE_IPV4(10, 0, 0, 2));
    ip->total_length = rte_cpu_to_be_16(pkt->pkt_len - RTE_ETHER_HDR_LEN);
    tcp->data_off = sizeof *tcp / 4 << 4;
    return pkt;
}

/* Returns the checksum field of the TCP header of 'pkt', wherever that is. */
static uint16_t
tcp_checksum(const struct rte_mbuf *pkt)
{
    unsigned int ofs = pkt->l2_len + pkt->l3_len
                       + offsetof(struct rte_tcp_hdr, cksum);
    uint16_t buf;

    return *(const uint16_t *) rte_pktmbuf_read(pkt, ofs, sizeof buf, &buf);
}

static void
check_payload(const struct rte_mbuf *pkt)
{
    unsigned int ofs = pkt->l2_len + pkt->l3_len + pkt->l4_len;
    uint8_t buf[SEGMENT_LEN];

    assert_int_equal(pkt->pkt_len, ofs + N_SEGMENTS * SEGMENT_LEN);
    for (int i = 0; i < N_SEGMENTS; i++) {
        const uint8_t *data = rte_pktmbuf_read(pkt, ofs + i * SEGMENT_LEN,
                                               SEGMENT_LEN, buf);

        assert_non_null(data);
        assert_int_equal(data[0], i);
        assert_int_equal(data[SEGMENT_LEN - 1], i);
    }
}

static void
check_mbuf(struct rte_mbuf *pkt)
{
    const char *reason;

    assert_int_equal(rte_mbuf_check(pkt, 1, &reason), 0);
}

static void
test_lro_ipv4(void **state OVS_UNUSED)
{
    struct rte_mbuf *pkt = large_ipv4_packet(IPPROTO_TCP);
    struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(pkt, void *,
                                                      RTE_ETHER_HDR_LEN);

    assert_true(dpdk_vdpa_lro_prepare(pkt));
    check_mbuf(pkt);
    check_payload(pkt);
    assert_true(pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
    assert_true(pkt->ol_flags & RTE_MBUF_F_TX_IPV4);
    assert_int_equal(pkt->tso_segsz, SEGMENT_LEN);
    assert_int_equal(tcp_checksum(pkt), rte_ipv4_phdr_cksum(ip, 0));

    assert_int_equal(pkt->nb_segs, N_SEGMENTS);

    /* What the library would do to the checksum. */
    for (int i = 0; i < 2; i++) {
        assert_true(dpdk_vdpa_lro_split(pkt));
        check_mbuf(pkt);
        check_payload(pkt);
        assert_int_equal(pkt->nb_segs, N_SEGMENTS + 1);
        assert_int_equal(rte_net_intel_cksum_prepare(pkt), -ENOTSUP);
        assert_int_equal(tcp_checksum(pkt), rte_ipv4_phdr_cksum(ip, 0));
    }
    rte_pktmbuf_free(pkt);
}

/* A large packet of IPv6 with 'n_options' extension headers of 8 bytes each,
 * hop-by-hop options and then destination options. */
static struct rte_mbuf *
large_ipv6_packet(unsigned int n_options)
{
    static const uint8_t protos[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS };
    struct rte_mbuf *pkt = large_packet(RTE_ETHER_TYPE_IPV6,
                                        sizeof(struct rte_ipv6_hdr)
                                        + 8 * n_options);
    struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(pkt, void *,
                                                      RTE_ETHER_HDR_LEN);
    uint8_t *next = &ip->proto;
    uint8_t *header = (uint8_t *) (ip + 1);
    struct rte_tcp_hdr *tcp;

    ip->vtc_flow = RTE_BE32(6u << 28);
    ip->payload_len = rte_cpu_to_be_16(pkt->pkt_len - RTE_ETHER_HDR_LEN
                                       - sizeof *ip);
    for (unsigned int i = 0; i < n_options; i++) {
        *next = protos[i];
        memset(header, 0, 8);
        header[2] = 1;          /* PadN, of 4 bytes. */
        header[3] = 4;
        next = header;
        header += 8;
    }
    *next = IPPROTO_TCP;
    tcp = (struct rte_tcp_hdr *) header;
    tcp->data_off = sizeof *tcp / 4 << 4;
    return pkt;
}

/* Returns the checksum of the pseudo-header of RFC 8200, section 8.1. */
static uint16_t
ipv6_pseudo_checksum(const struct rte_mbuf *pkt, uint16_t tcp_len)
{
    struct {
        uint8_t addrs[32];
        uint32_t len;
        uint8_t zero[3];
        uint8_t next;
    } phdr = {
        .len = rte_cpu_to_be_32(tcp_len),
        .next = IPPROTO_TCP,
    };

    memcpy(phdr.addrs, rte_pktmbuf_mtod_offset(pkt, void *,
                                               RTE_ETHER_HDR_LEN + 8), 32);
    return rte_raw_cksum(&phdr, sizeof phdr);
}

static void
test_lro_ipv6(void **state OVS_UNUSED)
{
    for (unsigned int n_options = 0; n_options <= 2; n_options++) {
        struct rte_mbuf *pkt = large_ipv6_packet(n_options);
        uint16_t tcp_len = sizeof(struct rte_tcp_hdr)
                           + N_SEGMENTS * SEGMENT_LEN;

        assert_true(dpdk_vdpa_lro_prepare(pkt));
        check_mbuf(pkt);
        check_payload(pkt);
        assert_true(pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
        assert_true(pkt->ol_flags & RTE_MBUF_F_TX_IPV6);
        assert_int_equal(pkt->l3_len, sizeof(struct rte_ipv6_hdr)
                                      + 8 * n_options);
        assert_int_equal(tcp_checksum(pkt),
                         ipv6_pseudo_checksum(pkt, tcp_len));
        rte_pktmbuf_free(pkt);
    }
}

/* Others are left as they are; and without memory nothing happens. */
static void
test_split(void **state OVS_UNUSED)
{
    struct rte_mbuf *pkt = large_ipv4_packet(IPPROTO_TCP);
    struct rte_mbuf *all[N_MBUFS + 1];
    unsigned int n = 0;

    assert_true(dpdk_vdpa_lro_split(pkt));
    assert_int_equal(pkt->nb_segs, N_SEGMENTS);
    assert_true(dpdk_vdpa_lro_prepare(pkt));
    while ((all[n] = rte_pktmbuf_alloc(mempool))) {
        n++;
    }
    assert_false(dpdk_vdpa_lro_split(pkt));
    rte_pktmbuf_free_bulk(all, n);
    check_mbuf(pkt);
    check_payload(pkt);
    assert_int_equal(pkt->nb_segs, N_SEGMENTS);
    rte_pktmbuf_free(pkt);
}

/* What a VF may get wrong. */
static void
test_lro_bad(void **state OVS_UNUSED)
{
    struct rte_mbuf *pkt = large_ipv4_packet(IPPROTO_UDP);
    struct rte_tcp_hdr *tcp;

    assert_false(dpdk_vdpa_lro_prepare(pkt));
    rte_pktmbuf_free(pkt);

    pkt = large_ipv4_packet(IPPROTO_TCP);
    pkt->tso_segsz = 0;
    assert_false(dpdk_vdpa_lro_prepare(pkt));
    rte_pktmbuf_free(pkt);

    pkt = large_ipv4_packet(IPPROTO_TCP);
    tcp = rte_pktmbuf_mtod_offset(pkt, void *, RTE_ETHER_HDR_LEN
                                               + sizeof(struct rte_ipv4_hdr));
    tcp->data_off = 0;
    assert_false(dpdk_vdpa_lro_prepare(pkt));
    rte_pktmbuf_free(pkt);

    /* The TCP header is not in the first mbuf. */
    pkt = large_ipv4_packet(IPPROTO_TCP);
    pkt->pkt_len -= pkt->data_len - 40;
    pkt->data_len = 40;
    assert_false(dpdk_vdpa_lro_prepare(pkt));
    rte_pktmbuf_free(pkt);
}

static int
setup_eal(void **state OVS_UNUSED)
{
    mempool = test_eal_mempool(N_MBUFS);
    return mempool ? 0 : -1;
}

/* Whatever a test did, every mbuf comes back. */
static int
teardown(void **state OVS_UNUSED)
{
    assert_true(rte_mempool_full(mempool));
    return 0;
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, NULL, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_lro_ipv4),
        TEST(test_lro_ipv6),
        TEST(test_split),
        TEST(test_lro_bad),
    };

    return cmocka_run_group_tests_name("lro", tests, setup_eal, NULL);
}
