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

#include <rte_config.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_net.h>

#include "base/headers.h"
#include "csum.h"
#include "dpdk-vdpa-relay.h"
#include "packets.h"
#include "util.h"

/* Longest packet to be segmented, or put together, without Ethernet header:
 * what IP allows and two VLAN tags. */
#define MAX_TSO_LEN (UINT16_MAX + 2 * VLAN_HEADER_LEN)

/* No VF is asked for this, whatever it can do, nor is a guest offered it. */
#define BAD_OFFLOAD RTE_MBUF_F_TX_UDP_SEG

/* With which a guest may have its packets segmented. */
#define FEATURES_TSO (1ULL << VIRTIO_NET_F_HOST_TSO4                         \
                      | 1ULL << VIRTIO_NET_F_HOST_TSO6)

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

/* Returns true if 'pkt', which is too long, most likely was to be segmented:
 * see dpdk_vdpa_packet_translate(). */
static bool
was_to_be_segmented(const struct dpdk_vdpa_packet_rules *rules,
                    const struct rte_mbuf *pkt)
{
    bool from_guest = rules->offload_mask & RTE_MBUF_F_TX_TCP_SEG;

    return from_guest && pkt->packet_type;
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
        return (was_to_be_segmented(rules, pkt) ? DPDK_VDPA_DROP_BAD_OFFLOAD
                : DPDK_VDPA_DROP_OVERSIZE);
    }
    if (tso && !prepare_tso(pkt, rules->max_payload_len)) {
        return DPDK_VDPA_DROP_BAD_OFFLOAD;
    }
    return -1;
}

/* What a guest asks for. */

/* Finds the headers of 'pkt' if they are of a kind that any VF knows: one tag
 * at most, of type 0x8100.  Returns false if they are not. */
static bool
find_headers(const struct rte_mbuf *pkt, struct dpdk_vdpa_headers *h)
{
    const uint8_t *data = rte_pktmbuf_mtod(pkt, const uint8_t *);

    return (dpdk_vdpa_headers_find(data, pkt->data_len, h)
            && (h->l3 == ETH_HEADER_LEN
                || (h->l3 == ETH_HEADER_LEN + VLAN_HEADER_LEN
                    && dpdk_vdpa_get_be16(&data[ETH_HEADER_LEN - 2])
                       == ETH_TYPE_VLAN_8021Q)));
}

/* Returns true if 'hdr' asks for the checksum of the header that 'h' says. */
static bool
is_known_sum(const struct virtio_net_hdr *hdr,
             const struct dpdk_vdpa_headers *h)
{
    return (hdr->csum_start == h->l4
            && hdr->csum_offset == dpdk_vdpa_csum_ofs(h->proto));
}

/* Returns the checksum of all bytes of 'pkt' from 'ofs' on, of which there is
 * one at least.  (rte_raw_cksum_mbuf() of DPDK 22.11 loses a
 * carry at a segment of odd length.) */
static ovs_be16
csum_from(const struct rte_mbuf *pkt, uint32_t ofs)
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
    return csum_finish(sum);
}

/* Finishes a checksum: it covers all from 'csum_start' on, and has the sum of
 * a pseudo-header in its place (virtio 1.1, section 5.1.6.2).  Returns false
 * if that place is not in the packet. */
static bool
finish_checksum(struct rte_mbuf *pkt, const struct virtio_net_hdr *hdr)
{
    uint32_t at = hdr->csum_start + hdr->csum_offset;

    if (at + sizeof(ovs_be16) > pkt->data_len) {
        return false;
    }
    dpdk_vdpa_put_csum(rte_pktmbuf_mtod_offset(pkt, uint8_t *, at),
                       csum_from(pkt, hdr->csum_start));
    return true;
}

/* Has the VF do to 'pkt' what 'flags' say. */
static void
ask_vf(struct rte_mbuf *pkt, const struct dpdk_vdpa_headers *h, uint64_t flags)
{
    pkt->ol_flags |= (h->v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4) | flags;
    pkt->l2_len = h->l3;
    pkt->l3_len = h->l4 - h->l3;
}

/* Has the VF cut 'pkt' into segments.  Returns false if it cannot do so by
 * 'h', the headers, or null, or if the guest was not offered that. */
static bool
ask_for_segments(struct rte_mbuf *pkt, const struct virtio_net_hdr *hdr,
                 const struct dpdk_vdpa_headers *h, uint64_t features)
{
    uint8_t type = hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
    bool v4 = h && !h->v6;
    const uint8_t *tcp;

    if (!h || h->proto != IPPROTO_TCP || !hdr->gso_size
        || type != (v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6)
        || !(features & (1ULL << (v4 ? VIRTIO_NET_F_HOST_TSO4
                                  : VIRTIO_NET_F_HOST_TSO6)))
        || (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM
            && !is_known_sum(hdr, h))) {
        return false;
    }
    tcp = rte_pktmbuf_mtod_offset(pkt, const uint8_t *, h->l4);
    pkt->l4_len = (tcp[offsetof(struct tcp_header, tcp_ctl)] >> 4) * 4;
    pkt->tso_segsz = hdr->gso_size;
    ask_vf(pkt, h, RTE_MBUF_F_TX_TCP_SEG);
    return true;
}

/* Has a checksum of 'pkt' computed, by the VF if it can by 'h', the headers,
 * or null.  Returns false if nobody can. */
static bool
ask_for_checksum(struct rte_mbuf *pkt, const struct virtio_net_hdr *hdr,
                 const struct dpdk_vdpa_headers *h, uint64_t features)
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
    struct dpdk_vdpa_headers headers, *h;
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

/* Returns true if packets of 'type' are of a kind that the library knows. */
static bool
library_knows(uint32_t type)
{
    uint32_t l4 = type & RTE_PTYPE_L4_MASK;

    return (l4 == RTE_PTYPE_L4_TCP || l4 == RTE_PTYPE_L4_UDP
            || l4 == RTE_PTYPE_L4_SCTP);
}

/* The library has finished what it does not know itself, and has marked what
 * it knows.  It computes nothing for a header that is not at 'csum_start'.
 *
 * Whether a packet of a kind that it does not know was to be segmented it does
 * not say.  One that is too long is, if the guest may ask for that: it would
 * not send it else.  So that keeps its type, which packets of other guests and
 * other kinds have not.
 *
 * Nor does it say so of UDP that was to be segmented by its length, which no
 * guest is offered.  That looks like what comes of a guest whose MTU is too
 * large, which is common: it is called too long. */
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
        hdr.csum_offset = dpdk_vdpa_csum_ofs(
            (type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP ? IPPROTO_TCP
            : (type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_UDP ? IPPROTO_UDP
            : IPPROTO_SCTP);
    }
    if (pkt->ol_flags & RTE_MBUF_F_RX_LRO) {
        hdr.gso_type = (RTE_ETH_IS_IPV4_HDR(type) ? VIRTIO_NET_HDR_GSO_TCPV4
                        : VIRTIO_NET_HDR_GSO_TCPV6);
        hdr.gso_size = pkt->tso_segsz;
    }
    pkt->ol_flags = 0;
    pkt->packet_type = (features & FEATURES_TSO && !library_knows(type) ? type
                        : 0);
    pkt->tx_offload = 0;
    dpdk_vdpa_packet_describe(pkt, &hdr, features);
}

void
dpdk_vdpa_packet_complete(struct rte_mbuf *pkt)
{
    uint8_t *data = rte_pktmbuf_mtod(pkt, uint8_t *);
    struct dpdk_vdpa_headers h;
    struct virtio_net_hdr hdr;
    uint16_t pseudo;

    pkt->ol_flags &= ~RTE_MBUF_F_RX_L4_CKSUM_MASK;
    if (!dpdk_vdpa_headers_find(data, pkt->data_len, &h)) {
        return;
    }
    hdr.csum_start = h.l4;
    hdr.csum_offset = dpdk_vdpa_csum_ofs(h.proto);
    pseudo = (h.v6 ? rte_ipv6_phdr_cksum((const void *) &data[h.l3], 0)
              : rte_ipv4_phdr_cksum((const void *) &data[h.l3], 0));
    put_unaligned_u16((void *) &data[h.l4 + hdr.csum_offset], pseudo);
    if (finish_checksum(pkt, &hdr)) {
        pkt->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    }
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
