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

#ifndef DPDK_VDPA_HEADERS_H
#define DPDK_VDPA_HEADERS_H 1

/* Finds the headers of a packet, which may lie at any address, and writes
 * checksums.  Any thread that owns the packet. */

#include <netinet/in.h>
#include <netinet/ip6.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packets.h"
#include "unaligned.h"

/* Four tags are looked behind. */
#define DPDK_VDPA_MAX_L3 (ETH_HEADER_LEN + 4 * VLAN_HEADER_LEN)

/* Where the headers of a packet are, in bytes from its start. */
struct dpdk_vdpa_headers {
    uint16_t l3;                /* IP's. */
    uint16_t l4;                /* And the one behind it: */
    uint8_t proto;              /* IPPROTO_*. */
    bool v6;
};

/* Returns the 16-bit number at 'p'. */
static inline uint16_t
dpdk_vdpa_get_be16(const uint8_t *p)
{
    return ntohs(get_unaligned_be16((const void *) p));
}

/* Finds the IP header in the 'len' bytes at 'data', behind any tags, and sets
 * 'h->l3'.  Returns its Ethernet type, or 0 if there is none. */
static inline ovs_be16
dpdk_vdpa_find_l3(const uint8_t *data, uint32_t len,
                  struct dpdk_vdpa_headers *h)
{
    for (uint32_t ofs = ETH_HEADER_LEN; ofs <= len && ofs <= DPDK_VDPA_MAX_L3;
         ofs += VLAN_HEADER_LEN) {
        ovs_be16 type = get_unaligned_be16((const void *) &data[ofs - 2]);

        if (OVS_LIKELY(!eth_type_vlan(type))) {
            h->l3 = ofs;
            return type;
        }
    }
    return 0;
}

/* Sets 'h->l4' and 'h->proto' to what an IPv4 header, at 'ip', says, of which
 * there are 'len' bytes.  Returns false if it is none, or a fragment's. */
static inline bool
dpdk_vdpa_read_ipv4(const uint8_t *ip, uint32_t len,
                    struct dpdk_vdpa_headers *h)
{
    /* The version, and a length that is enough. */
    if (len < IP_HEADER_LEN || ip[0] < 0x45 || ip[0] > 0x4f) {
        return false;
    }
    h->l4 = h->l3 + IP_IHL(ip[0]) * 4;
    h->proto = ip[offsetof(struct ip_header, ip_proto)];
    return !IP_IS_FRAGMENT(get_unaligned_be16(
        (const void *) &ip[offsetof(struct ip_header, ip_frag_off)]));
}

/* The same for IPv6. */
static inline bool
dpdk_vdpa_read_ipv6(const uint8_t *ip, uint32_t len,
                    struct dpdk_vdpa_headers *h)
{
    if (len < IPV6_HEADER_LEN) {
        return false;
    }
    h->l4 = h->l3 + IPV6_HEADER_LEN;
    h->proto = ip[offsetof(struct ovs_16aligned_ip6_hdr, ip6_nxt)];
    return true;
}

/* Finds the headers in the 'len' bytes at 'data' if they are of IPv4, but of
 * no fragment, or of IPv6 without extension headers, and of TCP or UDP.
 * Returns false if they are not. */
static inline bool
dpdk_vdpa_headers_find(const uint8_t *data, uint32_t len,
                       struct dpdk_vdpa_headers *h)
{
    ovs_be16 type = dpdk_vdpa_find_l3(data, len, h);

    h->v6 = type == htons(ETH_TYPE_IPV6);
    return ((h->v6 ? dpdk_vdpa_read_ipv6(&data[h->l3], len - h->l3, h)
             : type == htons(ETH_TYPE_IP)
               && dpdk_vdpa_read_ipv4(&data[h->l3], len - h->l3, h))
            && ((h->proto == IPPROTO_TCP && len >= h->l4 + TCP_HEADER_LEN)
                || (h->proto == IPPROTO_UDP
                    && len >= h->l4 + UDP_HEADER_LEN)));
}

/* Returns where the checksum is, behind the start of the header of 'proto':
 * TCP, UDP or SCTP. */
static inline uint16_t
dpdk_vdpa_csum_ofs(uint8_t proto)
{
    return (proto == IPPROTO_TCP ? offsetof(struct tcp_header, tcp_csum)
            : proto == IPPROTO_UDP ? offsetof(struct udp_header, udp_csum)
            : offsetof(struct sctp_header, sctp_csum));
}

/* Writes 'csum', as csum_finish() returns it, to 'p'.  To UDP 0 means that
 * there is none; the other ones know both zeros. */
static inline void
dpdk_vdpa_put_csum(uint8_t *p, ovs_be16 csum)
{
    put_unaligned_be16((void *) p, csum ? csum : OVS_BE16_MAX);
}

#endif /* base/headers.h */
