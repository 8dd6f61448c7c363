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

#include <config.h>

#include "base/frames.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_mbuf.h>

#include "csum.h"
#include "packets.h"
#include "util.h"

/* A packet with more tags than these is left as it is. */
#define MAX_VLAN_TAGS 3

/* Parsing. */

static ovs_be16
read_be16(const struct dpdk_vdpa_frames *f, uint32_t ofs)
{
    ovs_be16 value;

    memcpy(&value, &f->data[ofs], sizeof value);
    return value;
}

static void
write_be16(uint8_t *frame, uint32_t ofs, ovs_be16 value)
{
    memcpy(&frame[ofs], &value, sizeof value);
}

/* Finds the IP header.  Returns its Ethernet type, 0 if there is none. */
static uint16_t
find_l3(struct dpdk_vdpa_frames *f)
{
    uint32_t ofs = ETH_HEADER_LEN;

    for (int i = 0; i <= MAX_VLAN_TAGS && ofs <= f->len; i++) {
        ovs_be16 type = read_be16(f, ofs - 2);

        if (!eth_type_vlan(type)) {
            f->l3 = ofs;
            return ntohs(type);
        }
        ofs += VLAN_HEADER_LEN;
    }
    return 0;
}

/* Finds the header of TCP or UDP.  Whatever is between IP's and it makes the
 * packet one that is left as it is. */
static void
find_l4(struct dpdk_vdpa_frames *f)
{
    uint16_t type = find_l3(f);
    const uint8_t *l3 = &f->data[f->l3];
    uint32_t l4 = 0;

    if (type == ETH_TYPE_IP && f->len >= f->l3 + IP_HEADER_LEN
        && IP_VER(l3[0]) == 4 && IP_IHL(l3[0]) * 4 >= IP_HEADER_LEN) {
        l4 = f->l3 + IP_IHL(l3[0]) * 4;
        f->protocol = l3[9];
    } else if (type == ETH_TYPE_IPV6 && f->len >= f->l3 + IPV6_HEADER_LEN) {
        l4 = f->l3 + IPV6_HEADER_LEN;
        f->protocol = l3[6];
        f->ipv6 = true;
    }
    if (l4 && ((f->protocol == IPPROTO_TCP && f->len >= l4 + TCP_HEADER_LEN)
               || (f->protocol == IPPROTO_UDP
                   && f->len >= l4 + UDP_HEADER_LEN))) {
        f->l4 = l4;
    }
}

void
dpdk_vdpa_frames_begin(struct dpdk_vdpa_frames *f, const struct rte_mbuf *pkt)
{
    const uint8_t *data;

    memset(f, 0, offsetof(struct dpdk_vdpa_frames, data));
    f->len = MIN(pkt->pkt_len, DPDK_VDPA_MAX_PACKET);
    data = rte_pktmbuf_read(pkt, 0, f->len, f->data);
    if (data != f->data) {
        memcpy(f->data, data, f->len);
    }
    find_l4(f);
    f->csum = (f->l4
               && pkt->ol_flags & (RTE_MBUF_F_TX_L4_MASK
                                   | RTE_MBUF_F_TX_TCP_SEG));
    if (f->l4 && f->protocol == IPPROTO_TCP
        && pkt->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_RX_LRO)) {
        uint32_t header_len = f->l4 + (f->data[f->l4 + 12] >> 4) * 4;

        if (header_len >= f->l4 + TCP_HEADER_LEN && pkt->tso_segsz
            && f->len > header_len + pkt->tso_segsz) {
            f->header_len = header_len;
            f->segment_len = pkt->tso_segsz;
            f->csum = true;
        }
    }
}

/* Frames. */

bool
dpdk_vdpa_frames_more(const struct dpdk_vdpa_frames *f)
{
    return f->done < f->len;
}

uint32_t
dpdk_vdpa_frames_next_len(const struct dpdk_vdpa_frames *f)
{
    uint32_t done = MAX(f->done, f->header_len);

    return (f->header_len
            ? f->header_len + MIN(f->segment_len, f->len - done)
            : f->len);
}

/* Writes into the headers of 'frame', which has 'len' bytes, what is its own
 * of a segment: the lengths, and IPv4's checksum. */
static void
finish_l3(const struct dpdk_vdpa_frames *f, uint8_t *frame, uint32_t len,
          uint16_t n)
{
    if (f->ipv6) {
        write_be16(frame, f->l3 + 4, htons(len - f->l3 - IPV6_HEADER_LEN));
    } else {
        write_be16(frame, f->l3 + 2, htons(len - f->l3));
        write_be16(frame, f->l3 + 4,
                   htons(ntohs(read_be16(f, f->l3 + 4)) + n));
        write_be16(frame, f->l3 + 10, 0);
        write_be16(frame, f->l3 + 10, csum(&frame[f->l3], f->l4 - f->l3));
    }
}

/* Likewise of TCP's, whose payload begins 'ofs' bytes into the packet's. */
static void
finish_tcp(const struct dpdk_vdpa_frames *f, uint8_t *frame, uint32_t ofs,
           bool last)
{
    uint8_t *flags = &frame[f->l4 + 13];
    ovs_be32 seq;

    memcpy(&seq, &frame[f->l4 + 4], sizeof seq);
    seq = htonl(ntohl(seq) + ofs);
    memcpy(&frame[f->l4 + 4], &seq, sizeof seq);
    if (ofs) {
        *flags &= ~TCP_CWR;
    }
    if (!last) {
        *flags &= ~(TCP_FIN | TCP_PSH);
    }
}

/* Computes the checksum of TCP or UDP. */
static void
finish_csum(const struct dpdk_vdpa_frames *f, uint8_t *frame, uint32_t len)
{
    uint32_t ofs = f->l4 + (f->protocol == IPPROTO_TCP ? 16 : 6);
    uint32_t end = f->l3 + (f->ipv6
                            ? IPV6_HEADER_LEN + ntohs(read_be16(f, f->l3 + 4))
                            : ntohs(read_be16(f, f->l3 + 2)));
    ovs_be16 result;
    uint32_t sum;

    /* Padding is none of it. */
    end = f->header_len || end > len || end < f->l4 ? len : end;
    write_be16(frame, ofs, 0);
    sum = (f->ipv6
           ? packet_csum_pseudoheader6((const void *) &frame[f->l3])
           : packet_csum_pseudoheader((const void *) &frame[f->l3]));
    result = csum_finish(csum_continue(sum, &frame[f->l4], end - f->l4));
    if (f->protocol == IPPROTO_UDP && !result) {
        result = htons(0xffff);
    }
    write_be16(frame, ofs, result);
}

void
dpdk_vdpa_frames_next(struct dpdk_vdpa_frames *f, void *frame)
{
    uint32_t len = dpdk_vdpa_frames_next_len(f);

    if (!f->header_len) {
        memcpy(frame, f->data, len);
        f->done = len;
    } else {
        uint32_t from = MAX(f->done, f->header_len);
        uint32_t ofs = from - f->header_len;

        memcpy(frame, f->data, f->header_len);
        memcpy((uint8_t *) frame + f->header_len, &f->data[from],
               len - f->header_len);
        f->done = from + len - f->header_len;
        finish_l3(f, frame, len, ofs / f->segment_len);
        finish_tcp(f, frame, ofs, f->done == f->len);
    }
    if (f->csum) {
        finish_csum(f, frame, len);
    }
}
