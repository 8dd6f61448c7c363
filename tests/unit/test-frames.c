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

/* Unit tests of packets that are turned into what the wire would have. */

#include <config.h>

#include "base/frames.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <rte_config.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "util.h"

#define SEQ 0xfffffff0u         /* Wraps within the packet. */
#define SEGMENT_LEN 1000

static uint8_t data[DPDK_VDPA_MAX_PACKET + 2];
static struct rte_mbuf pkt;
static struct dpdk_vdpa_frames frames;

static uint8_t frame[DPDK_VDPA_MAX_PACKET + 2];
static uint32_t frame_len;

/* Makes 'pkt' one of 'len' bytes behind an Ethernet header and 'n_tags' VLAN
 * tags.  Returns where they begin. */
static void *
make_packet(uint16_t ether_type, int n_tags, uint32_t len)
{
    uint32_t ofs = RTE_ETHER_ADDR_LEN * 2;
    rte_be16_t type = RTE_BE16(0x8100);

    for (uint32_t i = 0; i < sizeof data; i++) {
        data[i] = i * 7 + i / 256;
    }
    for (int i = 0; i < n_tags; i++) {
        memcpy(&data[ofs], &type, sizeof type);
        ofs += 4;
    }
    type = rte_cpu_to_be_16(ether_type);
    memcpy(&data[ofs], &type, sizeof type);
    ofs += 2;

    memset(&pkt, 0, sizeof pkt);
    pkt.buf_addr = data;
    pkt.nb_segs = 1;
    pkt.data_len = pkt.pkt_len = ofs + len;
    return &data[ofs];
}

static struct rte_ipv4_hdr *
make_ipv4(int n_tags, uint8_t proto, uint32_t payload_len)
{
    uint32_t len = sizeof(struct rte_ipv4_hdr) + payload_len;
    struct rte_ipv4_hdr *ip = make_packet(RTE_ETHER_TYPE_IPV4, n_tags, len);

    ip->version_ihl = RTE_IPV4_VHL_DEF;
    ip->total_length = rte_cpu_to_be_16(len);
    ip->packet_id = RTE_BE16(0xffff);
    ip->next_proto_id = proto;
    ip->fragment_offset = 0;
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    return ip;
}

static struct rte_ipv6_hdr *
make_ipv6(uint8_t proto, uint32_t payload_len)
{
    uint32_t len = sizeof(struct rte_ipv6_hdr) + payload_len;
    struct rte_ipv6_hdr *ip = make_packet(RTE_ETHER_TYPE_IPV6, 0, len);

    ip->vtc_flow = RTE_BE32(6u << 28);
    ip->payload_len = rte_cpu_to_be_16(payload_len);
    ip->proto = proto;
    return ip;
}

static void
make_tcp(struct rte_tcp_hdr *tcp)
{
    tcp->sent_seq = RTE_BE32(SEQ);
    tcp->data_off = (sizeof *tcp + 4) / 4 << 4;         /* With an option. */
    tcp->tcp_flags = (RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_ACK_FLAG
                      | RTE_TCP_CWR_FLAG);
}

/* Stores the next frame, which there must be, in 'frame'. */
static void
next_frame(void)
{
    assert_true(dpdk_vdpa_frames_more(&frames));
    frame_len = dpdk_vdpa_frames_next_len(&frames);
    memset(frame, 0x55, sizeof frame);
    dpdk_vdpa_frames_next(&frames, frame);
    assert_int_equal(frame[frame_len], 0x55);
}

/* The packet comes as it is. */
static void
check_unchanged(void)
{
    dpdk_vdpa_frames_begin(&frames, &pkt);
    next_frame();
    assert_int_equal(frame_len, pkt.pkt_len);
    assert_memory_equal(frame, data, frame_len);
    assert_false(dpdk_vdpa_frames_more(&frames));
}

static void
test_frames_plain(void **state OVS_UNUSED)
{
    make_ipv4(0, IPPROTO_UDP, 100);
    check_unchanged();
    make_ipv4(2, IPPROTO_TCP, 100);
    check_unchanged();
    make_packet(RTE_ETHER_TYPE_ARP, 0, 46);
    check_unchanged();
}

/* Offloads without what they are about are ignored. */
static void
test_frames_nonsense(void **state OVS_UNUSED)
{
    struct rte_ipv4_hdr *ip;

    for (uint32_t len = 1; len < 70; len++) {
        ip = make_ipv4(0, IPPROTO_TCP, 60);
        make_tcp((void *) (ip + 1));
        pkt.data_len = pkt.pkt_len = len;
        pkt.ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
        pkt.tso_segsz = 8;
        dpdk_vdpa_frames_begin(&frames, &pkt);
        while (dpdk_vdpa_frames_more(&frames)) {
            next_frame();
        }
    }

    ip = make_ipv4(0, IPPROTO_TCP, 3000);
    make_tcp((void *) (ip + 1));
    pkt.ol_flags = RTE_MBUF_F_RX_LRO;           /* No segment size. */
    check_unchanged();

    ip->version_ihl = 0x41;
    pkt.ol_flags = RTE_MBUF_F_TX_TCP_CKSUM;
    check_unchanged();
    make_ipv4(5, IPPROTO_UDP, 100);
    pkt.ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
    check_unchanged();
    ip = make_ipv4(0, IPPROTO_UDP, 100);
    ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_MF_FLAG);
    pkt.ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
    check_unchanged();
    ip = make_ipv4(0, IPPROTO_UDP, 100);
    ip->version_ihl = 0x55;
    pkt.ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
    check_unchanged();
}

static void
test_frames_checksum(void **state OVS_UNUSED)
{
    /* An odd number of bytes, and padding. */
    for (int n_tags = 0; n_tags < 5; n_tags++) {
        struct rte_ipv4_hdr *ip = make_ipv4(n_tags, IPPROTO_UDP, 33);
        uint32_t l3 = (uint8_t *) ip - data;

        pkt.ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
        pkt.pkt_len = pkt.data_len += 5;
        dpdk_vdpa_frames_begin(&frames, &pkt);
        next_frame();
        assert_int_equal(frame_len, pkt.pkt_len);
        ip = (void *) &frame[l3];
        assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, ip + 1), 0);
        assert_false(dpdk_vdpa_frames_more(&frames));
    }
    for (int proto = 0; proto < 2; proto++) {
        struct rte_ipv6_hdr *ip;

        make_ipv6(proto ? IPPROTO_TCP : IPPROTO_UDP, 101);
        pkt.ol_flags = (proto ? RTE_MBUF_F_TX_TCP_CKSUM
                        : RTE_MBUF_F_TX_UDP_CKSUM);
        dpdk_vdpa_frames_begin(&frames, &pkt);
        next_frame();
        ip = (void *) &frame[RTE_ETHER_HDR_LEN];
        assert_int_equal(rte_ipv6_udptcp_cksum_verify(ip, ip + 1), 0);
    }
}

/* Checks 'frame', the segment whose payload begins 'ofs' bytes into that of
 * 'pkt', whose headers have 'header_len' bytes. */
static void
check_segment(const struct rte_tcp_hdr *tcp, uint32_t header_len,
              uint32_t ofs, bool last)
{
    uint8_t flags = RTE_TCP_ACK_FLAG;

    assert_memory_equal(&frame[header_len], &data[header_len + ofs],
                        frame_len - header_len);
    assert_int_equal(rte_be_to_cpu_32(tcp->sent_seq), SEQ + ofs);
    flags |= ofs ? 0 : RTE_TCP_CWR_FLAG;
    flags |= last ? RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG : 0;
    assert_int_equal(tcp->tcp_flags, flags);
}

static void
test_frames_segments_ipv4(void **state OVS_UNUSED)
{
    const uint32_t payload = 64000, options = 4;
    struct rte_ipv4_hdr *ip = make_ipv4(1, IPPROTO_TCP,
                                        sizeof(struct rte_tcp_hdr) + options
                                        + payload + 1);
    uint32_t l3 = (uint8_t *) ip - data;
    uint32_t header_len = (l3 + sizeof *ip + sizeof(struct rte_tcp_hdr)
                           + options);

    make_tcp((void *) (ip + 1));
    pkt.ol_flags = RTE_MBUF_F_TX_TCP_SEG;
    pkt.tso_segsz = SEGMENT_LEN;
    dpdk_vdpa_frames_begin(&frames, &pkt);
    for (uint32_t ofs = 0; ofs <= payload; ofs += SEGMENT_LEN) {
        next_frame();
        ip = (void *) &frame[l3];
        assert_int_equal(frame_len - header_len,
                         ofs == payload ? 1 : SEGMENT_LEN);
        assert_int_equal(rte_be_to_cpu_16(ip->total_length), frame_len - l3);
        assert_int_equal(rte_be_to_cpu_16(ip->packet_id),
                         (0xffff + ofs / SEGMENT_LEN) & 0xffff);
        assert_int_equal(rte_raw_cksum(ip, sizeof *ip), 0xffff);
        assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, ip + 1), 0);
        check_segment((void *) (ip + 1), header_len, ofs, ofs == payload);
    }
    assert_false(dpdk_vdpa_frames_more(&frames));
}

/* What a VF put together. */
static void
test_frames_segments_ipv6(void **state OVS_UNUSED)
{
    const uint32_t payload = 3 * SEGMENT_LEN, options = 4;
    struct rte_ipv6_hdr *ip = make_ipv6(IPPROTO_TCP,
                                        sizeof(struct rte_tcp_hdr) + options
                                        + payload);
    uint32_t header_len = (RTE_ETHER_HDR_LEN + sizeof *ip
                           + sizeof(struct rte_tcp_hdr) + options);

    ip->payload_len = 0;                        /* As it may say. */
    make_tcp((void *) (ip + 1));
    pkt.ol_flags = RTE_MBUF_F_RX_LRO;
    pkt.tso_segsz = SEGMENT_LEN;
    dpdk_vdpa_frames_begin(&frames, &pkt);
    for (uint32_t ofs = 0; ofs < payload; ofs += SEGMENT_LEN) {
        next_frame();
        ip = (void *) &frame[RTE_ETHER_HDR_LEN];
        assert_int_equal(frame_len, header_len + SEGMENT_LEN);
        assert_int_equal(rte_ipv6_udptcp_cksum_verify(ip, ip + 1), 0);
        check_segment((void *) (ip + 1), header_len, ofs,
                      ofs + SEGMENT_LEN == payload);
    }
    assert_false(dpdk_vdpa_frames_more(&frames));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_plain),
        cmocka_unit_test(test_frames_nonsense),
        cmocka_unit_test(test_frames_checksum),
        cmocka_unit_test(test_frames_segments_ipv4),
        cmocka_unit_test(test_frames_segments_ipv6),
    };

    return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
