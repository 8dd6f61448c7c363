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
#include "csum.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

/* Where things are in headers. */
#define IP_LEN_OFS offsetof(struct ip_header, ip_tot_len)
#define IP_ID_OFS offsetof(struct ip_header, ip_id)
#define IP_CSUM_OFS offsetof(struct ip_header, ip_csum)
#define IP6_LEN_OFS offsetof(struct ovs_16aligned_ip6_hdr, ip6_plen)
#define TCP_SEQ_OFS offsetof(struct tcp_header, tcp_seq)
#define TCP_CTL_OFS offsetof(struct tcp_header, tcp_ctl)

static void
put_be16(uint8_t *p, uint16_t value)
{
    put_unaligned_be16((void *) p, htons(value));
}

/* Returns true if the IP header ends where the TCP header is said to begin,
 * or, with extension headers between, where it may. */
static bool
ip_is_good(const uint8_t *data, const struct dpdk_vdpa_headers *h)
{
    int len = h->l4 - h->l3;

    if (h->v6) {
        return len >= IPV6_HEADER_LEN;
    }
    return len >= IP_HEADER_LEN && len == IP_IHL(data[h->l3]) * 4;
}

bool
dpdk_vdpa_cut_init(struct dpdk_vdpa_cut *cut,
                   const struct dpdk_vdpa_headers *h, const uint8_t *data,
                   uint32_t len, uint32_t segment_len)
{
    cut->headers = *h;
    cut->payload_ofs = h->l4 + (data[h->l4 + TCP_CTL_OFS] >> 4) * 4;
    cut->len = len;
    cut->segment_len = segment_len;
    cut->sum_len = 0;
    return (cut->payload_ofs >= h->l4 + TCP_HEADER_LEN
            && cut->payload_ofs < len && segment_len);
}

bool
dpdk_vdpa_cut_plan(const struct rte_mbuf *pkt,
                   const struct virtio_net_hdr *hdr, uint64_t features,
                   struct dpdk_vdpa_cut *cut)
{
    const uint8_t *data = rte_pktmbuf_mtod(pkt, const uint8_t *);
    uint8_t gso_type = hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
    struct dpdk_vdpa_headers h;
    uint64_t feature;

    h.v6 = gso_type == VIRTIO_NET_HDR_GSO_TCPV6;
    h.l4 = hdr->csum_start;
    h.proto = IPPROTO_TCP;
    feature = h.v6 ? VIRTIO_NET_F_HOST_TSO6 : VIRTIO_NET_F_HOST_TSO4;
    if ((!h.v6 && gso_type != VIRTIO_NET_HDR_GSO_TCPV4)
        || !(features & 1ULL << feature)
        || !(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        || hdr->csum_offset != dpdk_vdpa_csum_ofs(h.proto)
        || h.l4 + TCP_HEADER_LEN > pkt->data_len
        || hdr->gso_size < DPDK_VDPA_MIN_SEGMENT_LEN
        || dpdk_vdpa_find_l3(data, pkt->data_len, &h)
           != (h.v6 ? htons(ETH_TYPE_IPV6) : htons(ETH_TYPE_IP))
        || !ip_is_good(data, &h)
        || !dpdk_vdpa_cut_init(cut, &h, data, pkt->pkt_len, hdr->gso_size)
        || cut->payload_ofs > pkt->data_len
        || pkt->pkt_len - h.l4 > UINT16_MAX) {
        return false;
    }
    cut->sum_len = pkt->pkt_len - h.l4;
    return true;
}

unsigned int
dpdk_vdpa_cut_n(const struct dpdk_vdpa_cut *cut)
{
    return DIV_ROUND_UP(cut->len - cut->payload_ofs, cut->segment_len);
}

uint32_t
dpdk_vdpa_cut_ofs(const struct dpdk_vdpa_cut *cut, unsigned int i)
{
    return cut->payload_ofs + i * cut->segment_len;
}

uint32_t
dpdk_vdpa_cut_len(const struct dpdk_vdpa_cut *cut, unsigned int i)
{
    return cut->payload_ofs + MIN(cut->segment_len,
                                  cut->len - dpdk_vdpa_cut_ofs(cut, i));
}

/* Makes the IP header at 'ip' that of segment 'i', which is 'len' bytes
 * long. */
static void
set_ip(uint8_t *ip, bool v6, uint32_t len, unsigned int i)
{
    if (v6) {
        put_be16(&ip[IP6_LEN_OFS], len - IPV6_HEADER_LEN);
    } else {
        put_be16(&ip[IP_LEN_OFS], len);
        put_be16(&ip[IP_ID_OFS], dpdk_vdpa_get_be16(&ip[IP_ID_OFS]) + i);
        put_be16(&ip[IP_CSUM_OFS], 0);
        put_unaligned_be16((void *) &ip[IP_CSUM_OFS],
                           csum(ip, IP_IHL(ip[0]) * 4));
    }
}

/* Makes the TCP header at 'tcp', with 'len' bytes from there on, that of
 * segment 'i'. */
static void
set_tcp(uint8_t *tcp, const struct dpdk_vdpa_cut *cut, uint32_t len,
        unsigned int i)
{
    ovs_be32 *seq = (void *) &tcp[TCP_SEQ_OFS];
    uint8_t *flags = &tcp[TCP_CTL_OFS + 1];
    bool last = i + 1 >= dpdk_vdpa_cut_n(cut);

    put_unaligned_be32(seq, htonl(ntohl(get_unaligned_be32(seq))
                                  + i * cut->segment_len));
    *flags &= ~((i ? TCP_CWR : 0) | (last ? 0 : TCP_FIN | TCP_PSH));

    /* It has the sum of the pseudo-header, of which the length changes. */
    dpdk_vdpa_put_csum(&tcp[dpdk_vdpa_csum_ofs(IPPROTO_TCP)],
                       recalc_csum16(~rte_raw_cksum(tcp, len),
                                     htons(cut->sum_len), htons(len)));
}

void
dpdk_vdpa_cut_finish(const struct dpdk_vdpa_cut *cut, uint8_t *segment,
                     unsigned int i)
{
    const struct dpdk_vdpa_headers *h = &cut->headers;
    uint32_t len = dpdk_vdpa_cut_len(cut, i);

    set_ip(segment + h->l3, h->v6, len - h->l3, i);
    set_tcp(segment + h->l4, cut, len - h->l4, i);
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

struct rte_mbuf *
dpdk_vdpa_cut_get(const struct rte_mbuf *pkt, const struct dpdk_vdpa_cut *cut,
                  unsigned int i, struct rte_mempool *mp)
{
    uint32_t len = dpdk_vdpa_cut_len(cut, i);
    struct rte_mbuf *segment = rte_pktmbuf_alloc(mp);
    uint8_t *data;

    if (!segment || rte_pktmbuf_tailroom(segment) < len) {
        rte_pktmbuf_free(segment);
        return NULL;
    }
    data = (uint8_t *) rte_pktmbuf_append(segment, len);
    copy(pkt, 0, cut->payload_ofs, data);
    copy(pkt, dpdk_vdpa_cut_ofs(cut, i), len - cut->payload_ofs,
         data + cut->payload_ofs);
    dpdk_vdpa_cut_finish(cut, data, i);
    return segment;
}
