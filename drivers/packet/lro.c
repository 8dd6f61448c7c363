/* SPDX-License-Identifier: Apache-2.0 */

#include <stdbool.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "packet/lro.h"

/* A TCP segment that may be merged with its neighbours. */
struct segment {
	struct rte_mbuf *m;
	struct rte_ether_hdr *eth;
	struct rte_ipv4_hdr *ip4;	/* NULL for IPv6. */
	struct rte_ipv6_hdr *ip6;
	struct rte_tcp_hdr *tcp;
	uint16_t hlen;			/* All headers. */
	uint16_t tcp_len;		/* Of the TCP header. */
	uint32_t payload;
	uint32_t seq;
	bool push;
};

static bool
parse_ip4(struct segment *s)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(s->eth + 1);

	s->ip4 = ip;
	s->tcp = (struct rte_tcp_hdr *)(ip + 1);
	return ip->version_ihl == RTE_IPV4_VHL_DEF &&
		ip->next_proto_id == IPPROTO_TCP &&
		(ip->fragment_offset & ~RTE_BE16(RTE_IPV4_HDR_DF_FLAG)) ==
		0 &&
		rte_be_to_cpu_16(ip->total_length) + sizeof(*s->eth) ==
		s->m->pkt_len &&
		rte_ipv4_cksum(ip) == 0 &&
		rte_ipv4_udptcp_cksum_verify(ip, s->tcp) == 0;
}

static bool
parse_ip6(struct segment *s)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(s->eth + 1);

	s->ip6 = ip;
	s->tcp = (struct rte_tcp_hdr *)(ip + 1);
	return s->m->data_len >= sizeof(*s->eth) + sizeof(*ip) +
		sizeof(*s->tcp) &&
		ip->proto == IPPROTO_TCP &&
		rte_be_to_cpu_16(ip->payload_len) + sizeof(*ip) +
		sizeof(*s->eth) == s->m->pkt_len &&
		rte_ipv6_udptcp_cksum_verify(ip, s->tcp) == 0;
}

/* Whether 'm' may be merged at all; what it is goes to '*s'. */
static bool
parse(struct rte_mbuf *m, struct segment *s)
{
	bool good;

	memset(s, 0, sizeof(*s));
	if (m->nb_segs != 1 || m->data_len < sizeof(*s->eth) +
	    sizeof(*s->ip4) + sizeof(*s->tcp))
		return false;
	s->m = m;
	s->eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	if (s->eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		good = parse_ip4(s);
	else if (s->eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		good = parse_ip6(s);
	else
		good = false;
	if (!good)
		return false;
	s->tcp_len = s->tcp->data_off >> 4 << 2;
	s->hlen = (uint8_t *)s->tcp - (uint8_t *)s->eth + s->tcp_len;
	if (s->tcp_len < sizeof(*s->tcp) || s->hlen >= m->data_len)
		return false;
	s->payload = m->data_len - s->hlen;
	s->seq = rte_be_to_cpu_32(s->tcp->sent_seq);
	s->push = s->tcp->tcp_flags & RTE_TCP_PSH_FLAG;
	return (s->tcp->tcp_flags & ~RTE_TCP_PSH_FLAG) == RTE_TCP_ACK_FLAG;
}

static bool
same_ip(const struct segment *a, const struct segment *b)
{
	if (a->ip4 != NULL)
		return b->ip4 != NULL &&
			a->ip4->src_addr == b->ip4->src_addr &&
			a->ip4->dst_addr == b->ip4->dst_addr &&
			a->ip4->type_of_service == b->ip4->type_of_service &&
			a->ip4->time_to_live == b->ip4->time_to_live &&
			a->ip4->fragment_offset == b->ip4->fragment_offset;
	return b->ip6 != NULL &&
		a->ip6->vtc_flow == b->ip6->vtc_flow &&
		a->ip6->hop_limits == b->ip6->hop_limits &&
		memcmp(&a->ip6->src_addr, &b->ip6->src_addr, 16) == 0 &&
		memcmp(&a->ip6->dst_addr, &b->ip6->dst_addr, 16) == 0;
}

/* Whether 'next' continues 'head', which is 'len' bytes of payload long. */
static bool
continues(const struct segment *head, uint32_t len, const struct segment *next)
{
	return memcmp(head->eth, next->eth, sizeof(*head->eth)) == 0 &&
		same_ip(head, next) &&
		head->tcp->src_port == next->tcp->src_port &&
		head->tcp->dst_port == next->tcp->dst_port &&
		head->tcp->recv_ack == next->tcp->recv_ack &&
		head->tcp->rx_win == next->tcp->rx_win &&
		head->tcp_len == next->tcp_len &&
		memcmp(head->tcp + 1, next->tcp + 1,
		       head->tcp_len - sizeof(*head->tcp)) == 0 &&
		head->seq + len == next->seq &&
		next->payload <= head->payload;
}

/* Makes 'head' say what it has become. */
static void
finish(struct segment *head, bool push)
{
	uint32_t l3_len = head->m->pkt_len - sizeof(*head->eth);

	if (head->ip4 != NULL) {
		head->ip4->total_length = rte_cpu_to_be_16(l3_len);
		head->ip4->hdr_checksum = 0;
		head->ip4->hdr_checksum = rte_ipv4_cksum(head->ip4);
	} else {
		head->ip6->payload_len =
			rte_cpu_to_be_16(l3_len - sizeof(*head->ip6));
	}
	if (push)
		head->tcp->tcp_flags |= RTE_TCP_PSH_FLAG;
	head->m->tso_segsz = head->payload;
	head->m->ol_flags |= RTE_MBUF_F_RX_LRO |
		RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

/* Appends to 'head' what continues it of the 'n' packets in pkts[].  Returns
 * how many did. */
static uint16_t
append(struct segment *head, struct rte_mbuf **pkts, uint16_t n,
       uint32_t max_len)
{
	struct rte_mbuf *tail = head->m;
	uint32_t len = head->payload;
	bool push = head->push;
	struct segment next;
	uint16_t i;

	for (i = 0; i < n && !push; i++) {
		if (!parse(pkts[i], &next) || !continues(head, len, &next) ||
		    head->m->pkt_len + next.payload > max_len)
			break;
		rte_pktmbuf_adj(next.m, next.hlen);
		tail->next = next.m;
		tail = next.m;
		head->m->nb_segs++;
		head->m->pkt_len += next.payload;
		len += next.payload;
		/* A short segment is the last one. */
		push = next.push || next.payload < head->payload;
	}
	if (i > 0)
		finish(head, push && next.push);
	return i;
}

uint16_t
sim_lro_merge(struct rte_mbuf **pkts, uint16_t n, uint32_t max_len)
{
	uint16_t i = 0, kept = 0;
	struct segment head;

	while (i < n) {
		pkts[kept++] = pkts[i];
		if (parse(pkts[i++], &head))
			i += append(&head, &pkts[i], n - i, max_len);
	}
	return kept;
}
