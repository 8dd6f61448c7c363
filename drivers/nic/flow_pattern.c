/* SPDX-License-Identifier: Apache-2.0 */

#include <netinet/in.h>

#include <rte_flow.h>

#include "compat.h"
#include "nic/flow_pattern.h"

struct pattern {
	const struct sim_port *port;
	struct sim_rule *rule;
	uint16_t *from;
	unsigned int vlans;		/* VLAN items so far. */
	struct rte_flow_error *error;
};

struct item_parser {
	enum rte_flow_item_type type;
	size_t size;			/* Of spec and mask. */
	const void *default_mask;
	const void *supported;		/* Bits that a mask may have. */
	int (*parse)(struct pattern *pt, const void *spec, const void *mask);
};

/* Adds 'field' to the rule's key and mask.  'spec' is that of the item. */
#define MATCH(pt, field, value, bits) do { \
	(pt)->rule->mask.field = (bits); \
	(pt)->rule->key.field = (value) & (bits); \
} while (0)

static void
match_flag(struct pattern *pt, uint8_t flag, bool set)
{
	pt->rule->mask.flags |= flag;
	if (set)
		pt->rule->key.flags |= flag;
	else
		pt->rule->key.flags &= ~flag;
}

static void
match_bytes(uint8_t *key, uint8_t *mask, const uint8_t *value,
	    const uint8_t *bits, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		mask[i] = bits[i];
		key[i] = value[i] & bits[i];
	}
}

static int
parse_eth(struct pattern *pt, const void *spec_, const void *mask_)
{
	const struct rte_flow_item_eth *spec = spec_, *mask = mask_;
	struct sim_rule *r = pt->rule;

	if (spec == NULL)
		return 0;
	match_bytes(r->key.dst, r->mask.dst, spec->hdr.dst_addr.addr_bytes,
		    mask->hdr.dst_addr.addr_bytes, 6);
	match_bytes(r->key.src, r->mask.src, spec->hdr.src_addr.addr_bytes,
		    mask->hdr.src_addr.addr_bytes, 6);
	MATCH(pt, type, spec->hdr.ether_type, mask->hdr.ether_type);
	if (mask->has_vlan)
		match_flag(pt, SIM_KEY_VLAN, spec->has_vlan);
	return 0;
}

static int
parse_vlan(struct pattern *pt, const void *spec_, const void *mask_)
{
	const struct rte_flow_item_vlan *spec = spec_, *mask = mask_;

	if (pt->vlans++ > 0)
		return rte_flow_error_set(pt->error, ENOTSUP,
				RTE_FLOW_ERROR_TYPE_ITEM, NULL,
				"only the outermost VLAN tag can be matched");
	match_flag(pt, SIM_KEY_VLAN, true);
	if (spec == NULL)
		return 0;
	MATCH(pt, tci, spec->hdr.vlan_tci, mask->hdr.vlan_tci);
	MATCH(pt, inner_type, spec->hdr.eth_proto, mask->hdr.eth_proto);
	if (mask->has_more_vlan)
		match_flag(pt, SIM_KEY_MORE_VLAN, spec->has_more_vlan);
	return 0;
}

/* An IP item stands right behind the last tag of the pattern. */
static void
match_l3(struct pattern *pt, uint8_t version)
{
	MATCH(pt, l3, version, 0xff);
	if (pt->vlans == 0)
		match_flag(pt, SIM_KEY_VLAN, false);
	else
		match_flag(pt, SIM_KEY_MORE_VLAN, false);
}

static int
parse_ipv4(struct pattern *pt, const void *spec_, const void *mask_)
{
	const struct rte_flow_item_ipv4 *spec = spec_, *mask = mask_;
	struct sim_rule *r = pt->rule;

	match_l3(pt, 4);
	if (spec == NULL)
		return 0;
	MATCH(pt, tos, spec->hdr.type_of_service, mask->hdr.type_of_service);
	MATCH(pt, ttl, spec->hdr.time_to_live, mask->hdr.time_to_live);
	MATCH(pt, proto, spec->hdr.next_proto_id, mask->hdr.next_proto_id);
	MATCH(pt, frag, spec->hdr.fragment_offset, mask->hdr.fragment_offset);
	match_bytes(r->key.saddr, r->mask.saddr,
		    (const uint8_t *)&spec->hdr.src_addr,
		    (const uint8_t *)&mask->hdr.src_addr, 4);
	match_bytes(r->key.daddr, r->mask.daddr,
		    (const uint8_t *)&spec->hdr.dst_addr,
		    (const uint8_t *)&mask->hdr.dst_addr, 4);
	return 0;
}

static int
parse_ipv6(struct pattern *pt, const void *spec_, const void *mask_)
{
	const struct rte_flow_item_ipv6 *spec = spec_, *mask = mask_;
	struct sim_rule *r = pt->rule;
	uint32_t tc, tc_mask;

	match_l3(pt, 6);
	if (spec == NULL)
		return 0;
	tc = rte_be_to_cpu_32(spec->hdr.vtc_flow) >> RTE_IPV6_HDR_TC_SHIFT;
	tc_mask = rte_be_to_cpu_32(mask->hdr.vtc_flow) >>
		RTE_IPV6_HDR_TC_SHIFT;
	MATCH(pt, tos, tc, tc_mask);
	MATCH(pt, ttl, spec->hdr.hop_limits, mask->hdr.hop_limits);
	MATCH(pt, proto, spec->hdr.proto, mask->hdr.proto);
	match_bytes(r->key.saddr, r->mask.saddr,
		    SIM_IPV6_BYTES(spec->hdr.src_addr),
		    SIM_IPV6_BYTES(mask->hdr.src_addr), 16);
	match_bytes(r->key.daddr, r->mask.daddr,
		    SIM_IPV6_BYTES(spec->hdr.dst_addr),
		    SIM_IPV6_BYTES(mask->hdr.dst_addr), 16);
	if (mask->has_frag_ext)
		match_flag(pt, SIM_KEY_FRAG, spec->has_frag_ext);
	return 0;
}

static int
match_l4(struct pattern *pt, uint8_t proto)
{
	/* An IP item that asks for another protocol can never match. */
	if (pt->rule->mask.proto != 0 &&
	    (proto & pt->rule->mask.proto) != pt->rule->key.proto)
		return rte_flow_error_set(pt->error, EINVAL,
				RTE_FLOW_ERROR_TYPE_ITEM, NULL,
				"the IP protocol contradicts the L4 item");
	MATCH(pt, proto, proto, 0xff);
	match_flag(pt, SIM_KEY_L4, true);
	return 0;
}

static int
parse_tcp(struct pattern *pt, const void *spec_, const void *mask_)
{
	const struct rte_flow_item_tcp *spec = spec_, *mask = mask_;
	int ret = match_l4(pt, IPPROTO_TCP);

	if (ret != 0 || spec == NULL)
		return ret;
	MATCH(pt, sport, spec->hdr.src_port, mask->hdr.src_port);
	MATCH(pt, dport, spec->hdr.dst_port, mask->hdr.dst_port);
	MATCH(pt, tcp_flags, spec->hdr.tcp_flags, mask->hdr.tcp_flags);
	return 0;
}

static int
parse_udp(struct pattern *pt, const void *spec_, const void *mask_)
{
	const struct rte_flow_item_udp *spec = spec_, *mask = mask_;
	int ret = match_l4(pt, IPPROTO_UDP);

	if (ret != 0 || spec == NULL)
		return ret;
	MATCH(pt, sport, spec->hdr.src_port, mask->hdr.src_port);
	MATCH(pt, dport, spec->hdr.dst_port, mask->hdr.dst_port);
	return 0;
}

static int
set_source(struct pattern *pt, uint32_t port_id)
{
	uint16_t from = sim_port_represented(pt->port->nic, port_id);

	if (from == SIM_EP_MAX)
		return rte_flow_error_set(pt->error, EINVAL,
				RTE_FLOW_ERROR_TYPE_ITEM_SPEC, NULL,
				"the port is no uplink or representor of this NIC");
	*pt->from = from;
	return 0;
}

static int
parse_represented_port(struct pattern *pt, const void *spec_,
		       const void *mask_)
{
	const struct rte_flow_item_ethdev *spec = spec_;

	RTE_SET_USED(mask_);
	return spec == NULL ? 0 : set_source(pt, spec->port_id);
}

static int
parse_port_id(struct pattern *pt, const void *spec_, const void *mask_)
{
	const struct rte_flow_item_port_id *spec = spec_;

	RTE_SET_USED(mask_);
	return spec == NULL ? 0 : set_source(pt, spec->id);
}

#define ALL_6 { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }
#define ALL_16 { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, \
		 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }

static const struct rte_flow_item_eth eth_bits = {
	.hdr.dst_addr.addr_bytes = ALL_6,
	.hdr.src_addr.addr_bytes = ALL_6,
	.hdr.ether_type = RTE_BE16(0xffff),
	.has_vlan = 1,
};

static const struct rte_flow_item_vlan vlan_bits = {
	.hdr.vlan_tci = RTE_BE16(0xffff),
	.hdr.eth_proto = RTE_BE16(0xffff),
	.has_more_vlan = 1,
};

static const struct rte_flow_item_ipv4 ipv4_bits = {
	.hdr.type_of_service = 0xff,
	.hdr.fragment_offset = RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK |
					RTE_IPV4_HDR_MF_FLAG),
	.hdr.time_to_live = 0xff,
	.hdr.next_proto_id = 0xff,
	.hdr.src_addr = RTE_BE32(0xffffffff),
	.hdr.dst_addr = RTE_BE32(0xffffffff),
};

static const struct rte_flow_item_ipv6 ipv6_bits = {
	.hdr.vtc_flow = RTE_BE32(RTE_IPV6_HDR_TC_MASK),
	.hdr.proto = 0xff,
	.hdr.hop_limits = 0xff,
	SIM_IPV6_BYTES(.hdr.src_addr) = ALL_16,
	SIM_IPV6_BYTES(.hdr.dst_addr) = ALL_16,
	.has_frag_ext = 1,
};

static const struct rte_flow_item_tcp tcp_bits = {
	.hdr.src_port = RTE_BE16(0xffff),
	.hdr.dst_port = RTE_BE16(0xffff),
	.hdr.tcp_flags = 0xff,
};

static const struct rte_flow_item_udp udp_bits = {
	.hdr.src_port = RTE_BE16(0xffff),
	.hdr.dst_port = RTE_BE16(0xffff),
};

static const struct rte_flow_item_ethdev ethdev_bits = {
	.port_id = 0xffff,
};

static const struct rte_flow_item_port_id port_id_bits = {
	.id = 0xffffffff,
};

#define PARSER(TYPE, name, fn) { \
	.type = RTE_FLOW_ITEM_TYPE_ ## TYPE, \
	.size = sizeof(struct rte_flow_item_ ## name), \
	.default_mask = &rte_flow_item_ ## name ## _mask, \
	.supported = &name ## _bits, \
	.parse = fn, \
}

static const struct item_parser parsers[] = {
	PARSER(ETH, eth, parse_eth),
	PARSER(VLAN, vlan, parse_vlan),
	PARSER(IPV4, ipv4, parse_ipv4),
	PARSER(IPV6, ipv6, parse_ipv6),
	PARSER(TCP, tcp, parse_tcp),
	PARSER(UDP, udp, parse_udp),
	PARSER(REPRESENTED_PORT, ethdev, parse_represented_port),
	PARSER(PORT_ID, port_id, parse_port_id),
};

static const struct item_parser *
find_parser(const struct rte_flow_item *item)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(parsers); i++) {
		if (parsers[i].type == item->type)
			return &parsers[i];
	}
	return NULL;
}

static bool
mask_is_supported(const struct item_parser *ip, const uint8_t *mask)
{
	const uint8_t *supported = ip->supported;
	size_t i;

	for (i = 0; i < ip->size; i++) {
		if (mask[i] & ~supported[i])
			return false;
	}
	return true;
}

static int
parse_item(struct pattern *pt, const struct rte_flow_item *item)
{
	const struct item_parser *ip = find_parser(item);
	const void *mask;

	if (ip == NULL)
		return rte_flow_error_set(pt->error, ENOTSUP,
				RTE_FLOW_ERROR_TYPE_ITEM, item,
				"this NIC does not match on such an item");
	if (item->spec == NULL) {
		if (item->last != NULL || item->mask != NULL)
			return rte_flow_error_set(pt->error, EINVAL,
					RTE_FLOW_ERROR_TYPE_ITEM_SPEC, item,
					"mask or last without a spec");
		return ip->parse(pt, NULL, NULL);
	}
	if (item->last != NULL &&
	    memcmp(item->last, item->spec, ip->size) != 0)
		return rte_flow_error_set(pt->error, ENOTSUP,
				RTE_FLOW_ERROR_TYPE_ITEM_LAST, item,
				"this NIC does not match on ranges");
	mask = item->mask != NULL ? item->mask : ip->default_mask;
	if (!mask_is_supported(ip, mask))
		return rte_flow_error_set(pt->error, ENOTSUP,
				RTE_FLOW_ERROR_TYPE_ITEM_MASK, item,
				"the mask has a field that this NIC does not match on");
	return ip->parse(pt, item->spec, mask);
}

int
sim_pattern_parse(const struct sim_port *p, const struct rte_flow_item *items,
		  struct sim_rule *rule, uint16_t *from,
		  struct rte_flow_error *error)
{
	struct pattern pt = {
		.port = p,
		.rule = rule,
		.from = from,
		.error = error,
	};
	int ret;

	if (items == NULL)
		return rte_flow_error_set(error, EINVAL,
				RTE_FLOW_ERROR_TYPE_ITEM_NUM, NULL,
				"there is no pattern");
	for (; items->type != RTE_FLOW_ITEM_TYPE_END; items++) {
		if (items->type == RTE_FLOW_ITEM_TYPE_VOID)
			continue;
		ret = parse_item(&pt, items);
		if (ret != 0)
			return ret;
	}
	return 0;
}
