/* SPDX-License-Identifier: Apache-2.0 */

#include <netinet/in.h>
#include <stdbool.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "packet/checksum.h"

/* Whether the 'len' bytes at 'l4' are all of a header of 'proto' with a
 * checksum, at least. */
static bool
has_checksum(uint8_t proto, const void *l4, uint32_t len)
{
	const struct rte_udp_hdr *udp = l4;

	return (proto == IPPROTO_TCP && len >= sizeof(struct rte_tcp_hdr)) ||
		(proto == IPPROTO_UDP && len >= sizeof(*udp) &&
		 udp->dgram_cksum != 0);
}

static uint64_t
l4_flags(bool good)
{
	return good ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : RTE_MBUF_F_RX_L4_CKSUM_BAD;
}

/* Of the 'len' bytes at 'ip'. */
static uint64_t
ip4_flags(const struct rte_ipv4_hdr *ip, uint32_t len)
{
	uint32_t hlen, total;
	const void *l4;
	uint64_t flags;

	if (len < sizeof(*ip) || ip->version_ihl >> 4 != 4)
		return 0;
	hlen = rte_ipv4_hdr_len(ip);
	total = rte_be_to_cpu_16(ip->total_length);
	if (hlen < sizeof(*ip) || total < hlen || total > len)
		return 0;
	flags = rte_raw_cksum(ip, hlen) == UINT16_MAX ?
		RTE_MBUF_F_RX_IP_CKSUM_GOOD : RTE_MBUF_F_RX_IP_CKSUM_BAD;
	l4 = (const uint8_t *)ip + hlen;
	if ((ip->fragment_offset & ~RTE_BE16(RTE_IPV4_HDR_DF_FLAG)) == 0 &&
	    has_checksum(ip->next_proto_id, l4, total - hlen))
		flags |= l4_flags(rte_ipv4_udptcp_cksum_verify(ip, l4) == 0);
	return flags;
}

static uint64_t
ip6_flags(const struct rte_ipv6_hdr *ip, uint32_t len)
{
	uint32_t payload;

	if (len < sizeof(*ip))
		return 0;
	payload = rte_be_to_cpu_16(ip->payload_len);
	if (payload > len - sizeof(*ip) ||
	    !has_checksum(ip->proto, ip + 1, payload))
		return 0;
	return l4_flags(rte_ipv6_udptcp_cksum_verify(ip, ip + 1) == 0);
}

uint64_t
sim_checksum_flags(const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth =
		rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *vlan = (const void *)(eth + 1);
	uint32_t len = m->data_len, off = sizeof(*eth);
	rte_be16_t type;

	if (m->nb_segs != 1 || len < sizeof(*eth) + sizeof(*vlan))
		return 0;
	type = eth->ether_type;
	if (type == RTE_BE16(RTE_ETHER_TYPE_VLAN)) {
		type = vlan->eth_proto;
		off += sizeof(*vlan);
	}
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		return ip4_flags((const void *)((const uint8_t *)eth + off),
				 len - off);
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		return ip6_flags((const void *)((const uint8_t *)eth + off),
				 len - off);
	return 0;
}
