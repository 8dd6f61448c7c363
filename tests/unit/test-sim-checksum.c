/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of what the simulated NIC says about checksums. */

#include "packet/checksum.h"
#include "test-sim.h"

#define LEN 101

#define IP_GOOD RTE_MBUF_F_RX_IP_CKSUM_GOOD
#define IP_BAD RTE_MBUF_F_RX_IP_CKSUM_BAD
#define L4_GOOD RTE_MBUF_F_RX_L4_CKSUM_GOOD
#define L4_BAD RTE_MBUF_F_RX_L4_CKSUM_BAD

static struct rte_mempool *pool;

/* A packet of 'proto', the value 'ip' points to its IP header. */
static struct rte_mbuf *
packet(uint8_t proto, struct rte_ipv4_hdr **ip)
{
	struct rte_mbuf *m = test_packet(pool, proto, 1, 2, 3, 4, LEN);
	rte_be16_t *sum;

	*ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *,
				      sizeof(struct rte_ether_hdr));
	(*ip)->hdr_checksum = 0;
	(*ip)->hdr_checksum = rte_ipv4_cksum(*ip);
	sum = proto == IPPROTO_TCP ?
		&((struct rte_tcp_hdr *)(*ip + 1))->cksum :
		&((struct rte_udp_hdr *)(*ip + 1))->dgram_cksum;
	*sum = 0;
	*sum = rte_ipv4_udptcp_cksum(*ip, *ip + 1);
	return m;
}

static void
check(struct rte_mbuf *m, uint64_t flags)
{
	assert_int_equal(sim_checksum_flags(m), flags);
	rte_pktmbuf_free(m);
}

static void
test_ip4(void **state)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	struct rte_ipv4_hdr *ip;
	struct rte_mbuf *m;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(protos); i++) {
		check(packet(protos[i], &ip), IP_GOOD | L4_GOOD);
		m = packet(protos[i], &ip);
		*rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len - 1) ^= 1;
		check(m, IP_GOOD | L4_BAD);
		m = packet(protos[i], &ip);
		ip->time_to_live ^= 1;
		check(m, IP_BAD | L4_GOOD);
		m = packet(protos[i], &ip);	/* Padded. */
		memset(rte_pktmbuf_append(m, 6), 0xff, 6);
		check(m, IP_GOOD | L4_GOOD);
	}
}

static void
test_ip6(void **state)
{
	struct rte_ipv4_hdr *ip4;
	struct rte_mbuf *m;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct rte_ipv6_hdr *ip;
		struct rte_udp_hdr *udp;
		uint16_t len;

		m = packet(IPPROTO_UDP, &ip4);
		len = m->data_len - sizeof(struct rte_ether_hdr) -
			sizeof(*ip4);
		rte_pktmbuf_append(m, sizeof(*ip) - sizeof(*ip4));
		memmove((struct rte_ipv6_hdr *)ip4 + 1, ip4 + 1, len);
		ip = (struct rte_ipv6_hdr *)ip4;
		memset(ip, 0, sizeof(*ip));
		rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->ether_type =
			RTE_BE16(RTE_ETHER_TYPE_IPV6);
		ip->vtc_flow = RTE_BE32(6u << 28);
		ip->proto = IPPROTO_UDP;
		ip->payload_len = rte_cpu_to_be_16(len);
		udp = (struct rte_udp_hdr *)(ip + 1);
		udp->dgram_cksum = 0;
		udp->dgram_cksum = rte_ipv6_udptcp_cksum(ip, udp);
		udp->src_port ^= i;
		check(m, i ? L4_BAD : L4_GOOD);
	}
}

/* What there is no checksum of. */
static void
test_unknown(void **state)
{
	struct rte_ipv4_hdr *ip;
	struct rte_mbuf *m;

	(void)state;
	m = packet(IPPROTO_UDP, &ip);
	((struct rte_udp_hdr *)(ip + 1))->dgram_cksum = 0;
	check(m, IP_GOOD);
	m = packet(IPPROTO_TCP, &ip);
	ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_MF_FLAG);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	check(m, IP_GOOD);
	m = packet(IPPROTO_TCP, &ip);
	ip->total_length = RTE_BE16(UINT16_MAX);
	check(m, 0);
	m = packet(IPPROTO_TCP, &ip);
	ip->version_ihl = 0x44;
	check(m, 0);
	m = packet(IPPROTO_TCP, &ip);
	rte_pktmbuf_trim(m, m->data_len - 15);
	check(m, 0);
	m = packet(IPPROTO_TCP, &ip);
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->ether_type =
		RTE_BE16(RTE_ETHER_TYPE_ARP);
	check(m, 0);
}

static int
setup(void **state)
{
	(void)state;
	if (test_eal_init() != 0)
		return -1;
	pool = test_pool("checksum");
	return pool != NULL ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip4),
		cmocka_unit_test(test_ip6),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests_name("sim-checksum", tests, setup, NULL);
}
