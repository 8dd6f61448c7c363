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

#include "base/segment.h"

#include <linux/virtio_net.h>
#include <string.h>

#include <rte_config.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "base/packet.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

/* Tags that are looked behind. */
#define MAX_TAGS 4

/* Where things are in headers, which may lie at any address. */
#define IP_LEN_OFS offsetof(struct ip_header, ip_tot_len)
#define IP_ID_OFS offsetof(struct ip_header, ip_id)
#define IP_CSUM_OFS offsetof(struct ip_header, ip_csum)
#define IP6_LEN_OFS offsetof(struct ovs_16aligned_ip6_hdr, ip6_plen)
#define TCP_SEQ_OFS offsetof(struct tcp_header, tcp_seq)
#define TCP_CTL_OFS offsetof(struct tcp_header, tcp_ctl)
#define TCP_CSUM_OFS offsetof(struct tcp_header, tcp_csum)

static uint16_t
get_be16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static void
put_be16(uint8_t *p, uint16_t value)
{
    p[0] = value >> 8;
    p[1] = value;
}

static uint32_t
get_be32(const uint8_t *p)
{
    return (uint32_t) get_be16(p) << 16 | get_be16(p + 2);
}

static void
put_be32(uint8_t *p, uint32_t value)
{
    put_be16(p, value >> 16);
    put_be16(p + 2, value);
}

/* Finds the IP header behind any tags.  Returns its Ethernet type, or 0. */
static uint16_t
find_ip(const uint8_t *data, uint32_t len, uint32_t *ofsp)
{
    uint32_t ofs = ETH_HEADER_LEN;

    for (int n = 0; n <= MAX_TAGS && ofs <= len; n++) {
        uint16_t type = get_be16(&data[ofs - 2]);

        if (type != ETH_TYPE_VLAN_8021Q && type != ETH_TYPE_VLAN_8021AD) {
            *ofsp = ofs;
            return type;
        }
        ofs += VLAN_HEADER_LEN;
    }
    return 0;
}

/* Returns true if the IP header ends where the TCP header is said to begin,
 * or, with extension headers between, where it may. */
static bool
ip_is_good(const uint8_t *data, const struct dpdk_vdpa_cut *cut)
{
    uint32_t len = cut->tcp_ofs - cut->ip_ofs;

    if (cut->v6) {
        return len >= IPV6_HEADER_LEN;
    }
    return len >= IP_HEADER_LEN && len == (data[cut->ip_ofs] & 0xf) * 4;
}

bool
dpdk_vdpa_cut_plan(const struct rte_mbuf *pkt,
                   const struct virtio_net_hdr *hdr, uint64_t features,
                   struct dpdk_vdpa_cut *cut)
{
    const uint8_t *data = rte_pktmbuf_mtod(pkt, const uint8_t *);
    uint8_t gso_type = hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
    uint64_t feature;
    uint16_t type;

    cut->v6 = gso_type == VIRTIO_NET_HDR_GSO_TCPV6;
    feature = cut->v6 ? VIRTIO_NET_F_HOST_TSO6 : VIRTIO_NET_F_HOST_TSO4;
    if ((!cut->v6 && gso_type != VIRTIO_NET_HDR_GSO_TCPV4)
        || !(features & 1ULL << feature)
        || !(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        || hdr->csum_offset != TCP_CSUM_OFS
        || hdr->csum_start + TCP_HEADER_LEN > pkt->data_len
        || hdr->gso_size < DPDK_VDPA_MIN_SEGMENT_LEN) {
        return false;
    }
    type = find_ip(data, pkt->data_len, &cut->ip_ofs);
    cut->tcp_ofs = hdr->csum_start;
    cut->segment_len = hdr->gso_size;
    if (type != (cut->v6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP)
        || cut->tcp_ofs < cut->ip_ofs || !ip_is_good(data, cut)) {
        return false;
    }
    cut->payload_ofs = cut->tcp_ofs
                       + (data[cut->tcp_ofs + TCP_CTL_OFS] >> 4) * 4;
    return (cut->payload_ofs >= cut->tcp_ofs + TCP_HEADER_LEN
            && cut->payload_ofs <= pkt->data_len
            && cut->payload_ofs < pkt->pkt_len
            && pkt->pkt_len - cut->tcp_ofs <= UINT16_MAX);
}

unsigned int
dpdk_vdpa_cut_n(const struct rte_mbuf *pkt, const struct dpdk_vdpa_cut *cut)
{
    return DIV_ROUND_UP(pkt->pkt_len - cut->payload_ofs, cut->segment_len);
}

/* Copies the 'len' bytes of 'pkt' at 'ofs', which are there. */
static void
copy(const struct rte_mbuf *pkt, uint32_t ofs, uint32_t len, uint8_t *to)
{
    const void *from = rte_pktmbuf_read(pkt, ofs, len, to);

    if (from != to) {
        memcpy(to, from, len);
    }
}

/* Makes the IP header at 'ip' that of segment 'i', which is 'len' bytes
 * long. */
static void
set_ip(uint8_t *ip, bool v6, uint32_t len, unsigned int i)
{
    if (v6) {
        put_be16(&ip[IP6_LEN_OFS], len - IPV6_HEADER_LEN);
    } else {
        uint16_t sum;

        put_be16(&ip[IP_LEN_OFS], len);
        put_be16(&ip[IP_ID_OFS], get_be16(&ip[IP_ID_OFS]) + i);
        put_be16(&ip[IP_CSUM_OFS], 0);
        sum = ~rte_raw_cksum(ip, (ip[0] & 0xf) * 4);
        memcpy(&ip[IP_CSUM_OFS], &sum, sizeof sum);
    }
}

/* Makes the TCP header at 'tcp', with 'len' bytes from there on, that of
 * segment 'i' of a packet that had 'old_len' bytes. */
static void
set_tcp(uint8_t *tcp, const struct dpdk_vdpa_cut *cut, uint32_t len,
        uint32_t old_len, unsigned int i)
{
    bool last = cut->payload_ofs - cut->tcp_ofs + (i + 1) * cut->segment_len
                >= old_len;
    uint8_t *flags = &tcp[TCP_CTL_OFS + 1];
    uint32_t sum;
    uint16_t csum;

    put_be32(&tcp[TCP_SEQ_OFS],
             get_be32(&tcp[TCP_SEQ_OFS]) + i * cut->segment_len);
    *flags &= ~((i ? TCP_CWR : 0) | (last ? 0 : TCP_FIN | TCP_PSH));

    /* It has the sum of the pseudo-header, of which the length changes. */
    sum = get_be16(&tcp[TCP_CSUM_OFS]) + (uint16_t) ~old_len + len;
    sum = (sum & 0xffff) + (sum >> 16);
    put_be16(&tcp[TCP_CSUM_OFS], (sum & 0xffff) + (sum >> 16));
    csum = ~rte_raw_cksum(tcp, len);
    memcpy(&tcp[TCP_CSUM_OFS], &csum, sizeof csum);
}

struct rte_mbuf *
dpdk_vdpa_cut_get(const struct rte_mbuf *pkt, const struct dpdk_vdpa_cut *cut,
                  unsigned int i, struct rte_mempool *mp)
{
    uint32_t ofs = cut->payload_ofs + i * cut->segment_len;
    uint32_t payload_len = MIN(cut->segment_len, pkt->pkt_len - ofs);
    uint32_t len = cut->payload_ofs + payload_len;
    struct rte_mbuf *segment = rte_pktmbuf_alloc(mp);
    uint8_t *data;

    if (!segment || rte_pktmbuf_tailroom(segment) < len) {
        rte_pktmbuf_free(segment);
        return NULL;
    }
    data = (uint8_t *) rte_pktmbuf_append(segment, len);
    copy(pkt, 0, cut->payload_ofs, data);
    copy(pkt, ofs, payload_len, data + cut->payload_ofs);
    set_ip(data + cut->ip_ofs, cut->v6, len - cut->ip_ofs, i);
    set_tcp(data + cut->tcp_ofs, cut, len - cut->tcp_ofs,
            pkt->pkt_len - cut->tcp_ofs, i);
    return segment;
}
