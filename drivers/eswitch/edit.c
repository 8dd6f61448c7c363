/* SPDX-License-Identifier: Apache-2.0 */

#include <rte_ether.h>
#include <rte_ip.h>

#include "eswitch/edit.h"
#include "packet/mbuf.h"

/* Where the edits look at most: MACs, two tags and an IPv6 header. */
#define EDIT_HEADERS 64

static bool
is_tagged(const struct rte_ether_hdr *eth)
{
	return eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
		eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_QINQ);
}

static void
pop_vlan(struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	if (!is_tagged(eth))
		return;
	memmove((uint8_t *)eth + sizeof(struct rte_vlan_hdr), eth,
		2 * RTE_ETHER_ADDR_LEN);
	rte_pktmbuf_adj(m, sizeof(struct rte_vlan_hdr));
}

static bool
push_vlan(struct rte_mbuf *m, rte_be16_t tpid)
{
	struct rte_ether_hdr *eth;
	struct rte_vlan_hdr *vlan;
	char *data = rte_pktmbuf_prepend(m, sizeof(*vlan));

	if (data == NULL)
		return false;
	memmove(data, data + sizeof(*vlan), 2 * RTE_ETHER_ADDR_LEN);
	eth = (struct rte_ether_hdr *)data;
	eth->ether_type = tpid;
	/* The old type is where the tag wants it; the tag itself is set by
	 * the actions that follow. */
	vlan = (struct rte_vlan_hdr *)(eth + 1);
	vlan->vlan_tci = 0;
	return true;
}

static void
set_tci(struct rte_mbuf *m, const struct sim_action *act)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	struct rte_vlan_hdr *vlan = (struct rte_vlan_hdr *)(eth + 1);
	uint16_t tci;

	if (!is_tagged(eth))
		return;
	tci = rte_be_to_cpu_16(vlan->vlan_tci);
	if (act->flags & SIM_ACT_SET_VID)
		tci = (tci & 0xf000) | (act->vid & 0xfff);
	if (act->flags & SIM_ACT_SET_PCP)
		tci = (tci & 0x1fff) | (act->pcp & 7) << 13;
	vlan->vlan_tci = rte_cpu_to_be_16(tci);
}

static void
set_ipv4_ttl(struct rte_ipv4_hdr *ip, uint8_t ttl)
{
	uint16_t old, new;
	uint32_t sum;

	/* RFC 1624: the checksum follows the word that changes. */
	memcpy(&old, &ip->time_to_live, 2);
	ip->time_to_live = ttl;
	memcpy(&new, &ip->time_to_live, 2);
	sum = (uint16_t)~ip->hdr_checksum + (uint16_t)~old + new;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->hdr_checksum = (uint16_t)~sum;
}

static void
set_ttl(struct rte_mbuf *m, uint8_t ttl)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	uint32_t len = rte_pktmbuf_data_len(m), off = sizeof(*eth);
	rte_be16_t type = eth->ether_type;
	uint8_t *data = (uint8_t *)eth;
	int tags;

	for (tags = 0; tags < 2 && off + 4 <= len &&
	     (type == RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
	      type == RTE_BE16(RTE_ETHER_TYPE_QINQ)); tags++) {
		memcpy(&type, data + off + 2, 2);
		off += 4;
	}
	if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
	    len >= off + sizeof(struct rte_ipv4_hdr))
		set_ipv4_ttl((struct rte_ipv4_hdr *)(data + off), ttl);
	else if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6) &&
		 len >= off + sizeof(struct rte_ipv6_hdr))
		((struct rte_ipv6_hdr *)(data + off))->hop_limits = ttl;
}

static bool
edit_vlan(struct rte_mbuf *m, const struct sim_action *act)
{
	if (act->flags & SIM_ACT_POP_VLAN)
		pop_vlan(m);
	if ((act->flags & SIM_ACT_PUSH_VLAN) && !push_vlan(m, act->tpid))
		return false;
	if (act->flags & (SIM_ACT_SET_VID | SIM_ACT_SET_PCP))
		set_tci(m, act);
	return true;
}

struct rte_mbuf *
sim_edit(struct rte_mbuf *m, const struct sim_action *act)
{
	struct rte_ether_hdr *eth;

	m = sim_make_writable(m, EDIT_HEADERS);
	if (m == NULL)
		return NULL;
	if (rte_pktmbuf_data_len(m) < sizeof(*eth) + RTE_VLAN_HLEN)
		return m;	/* A runt: the rule's headers are not there. */

	eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	if (act->flags & SIM_ACT_SET_DST)
		eth->dst_addr = act->dst;
	if (act->flags & SIM_ACT_SET_SRC)
		eth->src_addr = act->src;
	if (act->flags & SIM_ACT_SET_TTL)
		set_ttl(m, act->ttl);
	if (!edit_vlan(m, act)) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	return m;
}
