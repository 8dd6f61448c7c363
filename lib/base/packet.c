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

#include "base/packet.h"

#include <stdbool.h>

#include <rte_mbuf.h>

#include "dpdk-vdpa-relay.h"
#include "packets.h"

/* Longest packet to be segmented, or put together, without Ethernet header:
 * what IP allows and two VLAN tags. */
#define MAX_TSO_LEN (UINT16_MAX + 2 * VLAN_HEADER_LEN)

/* Shortest segments that a guest may ask for.  The Internet knows no maximum
 * segment size below (RFC 9293, section 3.7.1: the default is 536), Linux none
 * below 88; one byte per segment would be an attack. */
#define MIN_SEGMENT_LEN 64

/* Checks that segmentation by the VF makes sense of 'pkt', and says all that
 * the VF must know: vhost does not. */
static bool
prepare_tso(struct rte_mbuf *pkt, uint32_t max_payload_len)
{
    uint32_t header_len = pkt->l2_len + pkt->l3_len + pkt->l4_len;

    if (pkt->l4_len < TCP_HEADER_LEN
        || header_len > pkt->data_len
        || header_len >= pkt->pkt_len
        || pkt->tso_segsz < MIN_SEGMENT_LEN
        || header_len + pkt->tso_segsz > max_payload_len + ETH_HEADER_LEN) {
        return false;
    }
    pkt->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
    if (pkt->ol_flags & RTE_MBUF_F_TX_IPV4) {
        pkt->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
    }
    return true;
}

int
dpdk_vdpa_packet_check(const struct dpdk_vdpa_packet_rules *rules,
                       struct rte_mbuf *pkt)
{
    uint64_t offloads = pkt->ol_flags & rules->offload_mask;
    bool tso = offloads & RTE_MBUF_F_TX_TCP_SEG;
    bool lro = offloads & RTE_MBUF_F_RX_LRO;
    uint32_t max_len = tso || lro ? MAX_TSO_LEN : rules->max_payload_len;

    /* The flags of checksums are a number: UDP's has SCTP's bits, which nobody
     * is offered. */
    if (offloads & ~rules->good_offloads
        || (offloads & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_SCTP_CKSUM) {
        return DPDK_VDPA_DROP_BAD_OFFLOAD;
    }
    if (pkt->pkt_len < ETH_HEADER_LEN) {
        return DPDK_VDPA_DROP_MALFORMED;
    }
    if (pkt->pkt_len - ETH_HEADER_LEN > max_len) {
        return DPDK_VDPA_DROP_OVERSIZE;
    }
    if (tso && !prepare_tso(pkt, rules->max_payload_len)) {
        return DPDK_VDPA_DROP_BAD_OFFLOAD;
    }
    return -1;
}
