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

#include "vhost/lro.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_config.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_net.h>
#include <rte_tcp.h>

/* Returns the checksum of the pseudo-header of TCP behind the IPv6 header at
 * 'ip', which has 'l3_len' bytes with its extension headers: TCP's checksum
 * does not cover these, but the IPv6 header counts them as payload and names
 * the first of them. */
static uint16_t
ipv6_phdr_cksum(const void *ip, uint16_t l3_len)
{
    struct rte_ipv6_hdr plain;

    memcpy(&plain, ip, sizeof plain);
    plain.payload_len = htons(ntohs(plain.payload_len)
                              - (l3_len - sizeof plain));
    plain.proto = IPPROTO_TCP;
    return rte_ipv6_phdr_cksum(&plain, 0);
}

/* The checksum that a guest gets with a packet to be segmented is that of the
 * pseudo-header (virtio 1.1, section 5.1.6.4.1). */
bool
dpdk_vdpa_lro_prepare(struct rte_mbuf *pkt)
{
    struct rte_net_hdr_lens lens;
    uint32_t ptype = rte_net_get_ptype(pkt, &lens, RTE_PTYPE_L2_MASK
                                                   | RTE_PTYPE_L3_MASK
                                                   | RTE_PTYPE_L4_MASK);
    struct rte_tcp_hdr *tcp;
    const void *ip;

    if ((ptype & RTE_PTYPE_L4_MASK) != RTE_PTYPE_L4_TCP
        || lens.l4_len < sizeof *tcp
        || lens.l2_len + lens.l3_len + lens.l4_len > pkt->data_len
        || !pkt->tso_segsz) {
        return false;
    }
    pkt->l2_len = lens.l2_len;
    pkt->l3_len = lens.l3_len;
    pkt->l4_len = lens.l4_len;
    ip = rte_pktmbuf_mtod_offset(pkt, void *, lens.l2_len);
    tcp = rte_pktmbuf_mtod_offset(pkt, struct rte_tcp_hdr *,
                                  lens.l2_len + lens.l3_len);
    if (RTE_ETH_IS_IPV4_HDR(ptype)) {
        pkt->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
        tcp->cksum = rte_ipv4_phdr_cksum(ip, 0);
    } else {
        pkt->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV6;
        tcp->cksum = ipv6_phdr_cksum(ip, lens.l3_len);
    }
    return true;
}

/* The library of DPDK 22.11 leaves the length out of the pseudo-header's
 * checksum, as Intel's NICs want it, and a guest that forwards the packet
 * would send bad checksums; but it leaves those alone whose headers do not lie
 * in the first segment, so that of 'pkt' is made to end before the TCP
 * header. */
bool
dpdk_vdpa_lro_split(struct rte_mbuf *pkt)
{
    uint16_t ip_end = pkt->l2_len + pkt->l3_len;
    struct rte_mbuf *rest;

    if (!(pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG) || pkt->data_len <= ip_end) {
        return true;
    }
    rest = rte_pktmbuf_alloc(pkt->pool);
    if (!rest) {
        return false;
    }
    rte_pktmbuf_attach(rest, pkt);
    rest->data_off += ip_end;
    rest->data_len -= ip_end;
    rest->next = pkt->next;
    pkt->next = rest;
    pkt->data_len = ip_end;
    pkt->nb_segs++;
    return true;
}
