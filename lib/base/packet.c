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

#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include <rte_config.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_net.h>

#include "dpdk-vdpa-relay.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

/* Longest packet to be segmented, or put together, without Ethernet header:
 * what IP allows and two VLAN tags. */
#define MAX_TSO_LEN (UINT16_MAX + 2 * VLAN_HEADER_LEN)

/* No VF is asked for this, whatever it can do, nor is a guest offered it. */
#define BAD_OFFLOAD RTE_MBUF_F_TX_UDP_SEG

/* Where checksums are, behind the start of their header. */
#define TCP_CSUM_OFS offsetof(struct tcp_header, tcp_csum)
#define UDP_CSUM_OFS offsetof(struct udp_header, udp_csum)
#define SCTP_CSUM_OFS offsetof(struct sctp_header, sctp_csum)

/* The headers of a packet that any VF knows. */
struct headers {
    uint64_t ip;                /* RTE_MBUF_F_TX_IPV4 or _IPV6. */
    uint16_t l2_len;
    uint16_t l3_len;
    uint8_t proto;              /* IPPROTO_TCP or IPPROTO_UDP. */
};

/* Checks that segmentation by the VF makes sense of 'pkt', and says all that
 * the VF must know: vhost does not. */
static bool
prepare_tso(struct rte_mbuf *pkt, uint32_t max_payload_len)
{
    uint32_t header_len = pkt->l2_len + pkt->l3_len + pkt->l4_len;

    if (pkt->l4_len < TCP_HEADER_LEN
        || header_len > pkt->data_len
        || header_len >= pkt->pkt_len
        || pkt->tso_segsz < DPDK_VDPA_MIN_SEGMENT_LEN
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

/* What a guest asks for. */

/* Sets 'h' to what an IPv4 header, at 'ip', says, of which there are 'len'
 * bytes.  Returns false if it is cut off, or a fragment's. */
static bool
find_ipv4(const uint8_t *ip, uint32_t len, struct headers *h)
{
    if (len < IP_HEADER_LEN) {
        return false;
    }
    h->ip = RTE_MBUF_F_TX_IPV4;
    h->l3_len = (ip[0] & 0xf) * 4;
    h->proto = ip[offsetof(struct ip_header, ip_proto)];
    return (h->l3_len >= IP_HEADER_LEN
            && !IP_IS_FRAGMENT(get_unaligned_be16(
                (const void *) &ip[offsetof(struct ip_header,
                                            ip_frag_off)])));
}

/* The same for IPv6. */
static bool
find_ipv6(const uint8_t *ip, uint32_t len, struct headers *h)
{
    if (len < IPV6_HEADER_LEN) {
        return false;
    }
    h->ip = RTE_MBUF_F_TX_IPV6;
    h->l3_len = IPV6_HEADER_LEN;
    h->proto = ip[offsetof(struct ovs_16aligned_ip6_hdr, ip6_nxt)];
    return true;
}

/* Finds the headers of 'pkt' if they are of a kind that any VF knows: one tag
 * at most, IPv4, but no fragment, or IPv6 without extension headers, and TCP
 * or UDP.  Returns false if they are not. */
static bool
find_headers(const struct rte_mbuf *pkt, struct headers *h)
{
    const uint8_t *data = rte_pktmbuf_mtod(pkt, const uint8_t *);
    uint32_t len = pkt->data_len;
    ovs_be16 type;
    bool is_ip;

    if (len < ETH_HEADER_LEN + VLAN_HEADER_LEN) {
        return false;
    }
    h->l2_len = ETH_HEADER_LEN;
    type = get_unaligned_be16((const void *) &data[h->l2_len - 2]);
    if (type == htons(ETH_TYPE_VLAN_8021Q)) {
        h->l2_len += VLAN_HEADER_LEN;
        type = get_unaligned_be16((const void *) &data[h->l2_len - 2]);
    }
    data += h->l2_len;
    len -= h->l2_len;
    is_ip = (type == htons(ETH_TYPE_IP) ? find_ipv4(data, len, h)
             : type == htons(ETH_TYPE_IPV6) && find_ipv6(data, len, h));
    return (is_ip
            && ((h->proto == IPPROTO_TCP
                 && len >= h->l3_len + TCP_HEADER_LEN)
                || (h->proto == IPPROTO_UDP
                    && len >= h->l3_len + UDP_HEADER_LEN)));
}

/* Returns true if 'hdr' asks for the checksum of the header that 'h' says. */
static bool
is_known_sum(const struct virtio_net_hdr *hdr, const struct headers *h)
{
    return (hdr->csum_start == h->l2_len + h->l3_len
            && hdr->csum_offset == (h->proto == IPPROTO_TCP ? TCP_CSUM_OFS
                                    : UDP_CSUM_OFS));
}

/* Returns the sum of all bytes of 'pkt' from 'ofs' on, of which there is one
 * at least, as 16-bit words.  (rte_raw_cksum_mbuf() of DPDK 22.11 loses a
 * carry at a segment of odd length.) */
static uint16_t
sum_from(const struct rte_mbuf *pkt, uint32_t ofs)
{
    bool odd = false;
    uint32_t sum = 0;

    for (; ofs >= pkt->data_len; pkt = pkt->next) {
        ofs -= pkt->data_len;
    }
    for (; pkt; pkt = pkt->next) {
        uint32_t len = pkt->data_len - ofs;
        uint16_t part = rte_raw_cksum(
            rte_pktmbuf_mtod_offset(pkt, const void *, ofs), len);

        sum += odd ? (uint16_t) (part << 8 | part >> 8) : part;
        odd ^= len & 1;
        ofs = 0;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

/* Finishes a checksum: it covers all from 'csum_start' on, and has the sum of
 * a pseudo-header in its place (virtio 1.1, section 5.1.6.2).  Returns false
 * if that place is not in the packet. */
static bool
finish_checksum(struct rte_mbuf *pkt, const struct virtio_net_hdr *hdr)
{
    uint32_t at = hdr->csum_start + hdr->csum_offset;
    uint16_t sum;

    if (at + sizeof sum > pkt->data_len) {
        return false;
    }
    sum = ~sum_from(pkt, hdr->csum_start);
    /* To UDP 0 means that there is none; the other ones know both zeros. */
    sum = sum ? sum : UINT16_MAX;
    memcpy(rte_pktmbuf_mtod_offset(pkt, void *, at), &sum, sizeof sum);
    return true;
}

/* Has the VF do to 'pkt' what 'flags' say. */
static void
ask_vf(struct rte_mbuf *pkt, const struct headers *h, uint64_t flags)
{
    pkt->ol_flags |= h->ip | flags;
    pkt->l2_len = h->l2_len;
    pkt->l3_len = h->l3_len;
}

/* Has the VF cut 'pkt' into segments.  Returns false if it cannot do so by
 * 'h', the headers, or null, or if the guest was not offered that. */
static bool
ask_for_segments(struct rte_mbuf *pkt, const struct virtio_net_hdr *hdr,
                 const struct headers *h, uint64_t features)
{
    uint8_t type = hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
    bool v4 = h && h->ip == RTE_MBUF_F_TX_IPV4;
    const uint8_t *tcp;

    if (!h || h->proto != IPPROTO_TCP || !hdr->gso_size
        || type != (v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6)
        || !(features & (1ULL << (v4 ? VIRTIO_NET_F_HOST_TSO4
                                  : VIRTIO_NET_F_HOST_TSO6)))
        || (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM
            && !is_known_sum(hdr, h))) {
        return false;
    }
    tcp = rte_pktmbuf_mtod_offset(pkt, const uint8_t *,
                                  h->l2_len + h->l3_len);
    pkt->l4_len = (tcp[offsetof(struct tcp_header, tcp_ctl)] >> 4) * 4;
    pkt->tso_segsz = hdr->gso_size;
    ask_vf(pkt, h, RTE_MBUF_F_TX_TCP_SEG);
    return true;
}

/* Has a checksum of 'pkt' computed, by the VF if it can by 'h', the headers,
 * or null.  Returns false if nobody can. */
static bool
ask_for_checksum(struct rte_mbuf *pkt, const struct virtio_net_hdr *hdr,
                 const struct headers *h, uint64_t features)
{
    if (!(features & (1ULL << VIRTIO_NET_F_CSUM))) {
        return false;
    }
    if (!h || !is_known_sum(hdr, h)) {
        return finish_checksum(pkt, hdr);
    }
    ask_vf(pkt, h, h->proto == IPPROTO_TCP ? RTE_MBUF_F_TX_TCP_CKSUM
                   : RTE_MBUF_F_TX_UDP_CKSUM);
    return true;
}

bool
dpdk_vdpa_packet_describe(struct rte_mbuf *pkt,
                          const struct virtio_net_hdr *hdr, uint64_t features)
{
    bool gso = hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE;
    struct headers headers, *h;
    bool good;

    if (!gso && !(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
        return true;
    }
    h = find_headers(pkt, &headers) ? &headers : NULL;
    good = (gso ? ask_for_segments(pkt, hdr, h, features)
            : ask_for_checksum(pkt, hdr, h, features));
    if (!good) {
        pkt->ol_flags |= BAD_OFFLOAD;
    }
    return good;
}

/* The library has finished what it does not know itself, and has marked what
 * it knows.  It computes nothing for a header that is not at 'csum_start'. */
void
dpdk_vdpa_packet_translate(struct rte_mbuf *pkt, uint64_t features)
{
    struct virtio_net_hdr hdr = { .flags = 0 };
    struct rte_net_hdr_lens lens;
    uint32_t type;

    if (!pkt->packet_type) {
        return;
    }
    type = rte_net_get_ptype(pkt, &lens, RTE_PTYPE_L2_MASK
                                         | RTE_PTYPE_L3_MASK
                                         | RTE_PTYPE_L4_MASK);
    if ((pkt->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK)
        == RTE_MBUF_F_RX_L4_CKSUM_NONE) {
        hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        hdr.csum_start = lens.l2_len + lens.l3_len;
        hdr.csum_offset = (
            (type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP ? TCP_CSUM_OFS
            : (type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_UDP ? UDP_CSUM_OFS
            : SCTP_CSUM_OFS);
    }
    if (pkt->ol_flags & RTE_MBUF_F_RX_LRO) {
        hdr.gso_type = (RTE_ETH_IS_IPV4_HDR(type) ? VIRTIO_NET_HDR_GSO_TCPV4
                        : VIRTIO_NET_HDR_GSO_TCPV6);
        hdr.gso_size = pkt->tso_segsz;
    }
    pkt->ol_flags = 0;
    pkt->packet_type = 0;
    pkt->tx_offload = 0;
    dpdk_vdpa_packet_describe(pkt, &hdr, features);
}

const char *
dpdk_vdpa_drop_reason_name(enum dpdk_vdpa_drop_reason reason)
{
    static const char *const names[] = {
#define DROP_REASON(ENUM, NAME, MEANING) #NAME,
        DPDK_VDPA_DROP_REASONS
#undef DROP_REASON
    };

    return names[reason];
}
