/* SPDX-License-Identifier: Apache-2.0 */

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "packet/key.h"

static_assert(sizeof(struct sim_key) == 64, "the key is eight words");

static inline bool
is_tpid(rte_be16_t type)
{
	return type == RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
		type == RTE_BE16(RTE_ETHER_TYPE_QINQ);
}

static inline void
parse_l4(struct sim_key *key, const uint8_t *l4, uint32_t len)
{
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)l4;

	if (key->proto == IPPROTO_TCP) {
		if (len < sizeof(*tcp))
			return;
		key->tcp_flags = tcp->tcp_flags;
	} else if (key->proto != IPPROTO_UDP ||
		   len < sizeof(struct rte_udp_hdr)) {
		return;
	}
	/* The ports are at the same place in both. */
	key->sport = tcp->src_port;
	key->dport = tcp->dst_port;
	key->flags |= SIM_KEY_L4;
}

static inline void
parse_ipv4(struct sim_key *key, const uint8_t *data, uint32_t len)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)data;
	uint32_t hlen;

	if (len < sizeof(*ip) || (ip->version_ihl >> 4) != 4)
		return;
	key->l3 = 4;
	key->proto = ip->next_proto_id;
	key->tos = ip->type_of_service;
	key->ttl = ip->time_to_live;
	key->frag = ip->fragment_offset &
		RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK | RTE_IPV4_HDR_MF_FLAG);
	memcpy(key->saddr, &ip->src_addr, 4);
	memcpy(key->daddr, &ip->dst_addr, 4);
	hlen = (ip->version_ihl & 0xf) * 4;
	if (key->frag != 0) {
		key->flags |= SIM_KEY_FRAG;
		if (key->frag & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK))
			return;		/* No L4 header in here. */
	}
	if (hlen >= sizeof(*ip) && hlen <= len)
		parse_l4(key, data + hlen, len - hlen);
}

static inline void
parse_ipv6(struct sim_key *key, const uint8_t *data, uint32_t len)
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)data;

	if (len < sizeof(*ip) || (data[0] >> 4) != 6)
		return;
	key->l3 = 6;
	key->proto = ip->proto;
	key->tos = rte_be_to_cpu_32(ip->vtc_flow) >> RTE_IPV6_HDR_TC_SHIFT;
	key->ttl = ip->hop_limits;
	memcpy(key->saddr, &ip->src_addr, 16);
	memcpy(key->daddr, &ip->dst_addr, 16);
	if (key->proto == IPPROTO_FRAGMENT)
		key->flags |= SIM_KEY_FRAG;
	/* Extension headers are not followed, as in simple hardware: such a
	 * packet matches rules on addresses but none on ports. */
	parse_l4(key, data + sizeof(*ip), len - sizeof(*ip));
}

void
sim_key_parse_bytes(struct sim_key *key, const uint8_t *data, uint32_t len)
{
	const struct rte_vlan_hdr *vlan;
	uint32_t off = RTE_ETHER_HDR_LEN;
	rte_be16_t type;

	memset(key, 0, sizeof(*key));
	if (len < RTE_ETHER_HDR_LEN)
		return;
	memcpy(key->dst, data, 2 * RTE_ETHER_ADDR_LEN + 2);
	type = key->type;
	if (is_tpid(type) && len >= off + sizeof(*vlan)) {
		vlan = (const struct rte_vlan_hdr *)(data + off);
		key->flags = SIM_KEY_VLAN;
		key->tci = vlan->vlan_tci;
		key->inner_type = type = vlan->eth_proto;
		off += sizeof(*vlan);
		if (is_tpid(type) && len >= off + sizeof(*vlan)) {
			vlan = (const struct rte_vlan_hdr *)(data + off);
			key->flags |= SIM_KEY_MORE_VLAN;
			type = vlan->eth_proto;
			off += sizeof(*vlan);
		}
	}
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		parse_ipv4(key, data + off, len - off);
	else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		parse_ipv6(key, data + off, len - off);
}
