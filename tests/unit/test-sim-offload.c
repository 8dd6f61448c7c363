/* SPDX-License-Identifier: Apache-2.0 */

#include "test-sim.h"

#include "compat.h"
#include "packet/offload.h"

static struct rte_mempool *pool, *segments;

struct result {
	struct rte_mbuf *pkts[128];
	unsigned int n;
};

/* Like a receiver: keeps copies, gives the originals back. */
static void
keep_copies(void *ctx, struct rte_mbuf **pkts, uint16_t n)
{
	struct result *r = ctx;
	uint16_t i;

	for (i = 0; i < n; i++) {
		assert_true(r->n < RTE_DIM(r->pkts));
		r->pkts[r->n] = rte_pktmbuf_copy(pkts[i], pool, 0, UINT32_MAX);
		assert_non_null(r->pkts[r->n]);
		r->n++;
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

static void
release(struct result *r)
{
	rte_pktmbuf_free_bulk(r->pkts, r->n);
	assert_int_equal(rte_mempool_avail_count(pool), TEST_POOL_SIZE);
}

static struct rte_ipv4_hdr *
ip_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
}

static void
set_lengths(struct rte_mbuf *m, uint16_t l4_len)
{
	m->l2_len = 14;
	m->l3_len = 20;
	m->l4_len = l4_len;
}

static void
fill(struct rte_mbuf *m, uint32_t off)
{
	uint32_t i;

	for (i = off; i < m->data_len; i++)
		rte_pktmbuf_mtod(m, uint8_t *)[i] = i * 7;
}

static void
test_checksums(void **state)
{
	static const struct {
		uint8_t proto;
		uint64_t flag;
		uint16_t payload;
	} cases[] = {
		{ IPPROTO_TCP, RTE_MBUF_F_TX_TCP_CKSUM, 100 },
		{ IPPROTO_UDP, RTE_MBUF_F_TX_UDP_CKSUM, 101 },
		{ IPPROTO_UDP, RTE_MBUF_F_TX_UDP_CKSUM, 0 },
	};
	struct rte_mbuf *m;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		struct result r = { .n = 0 };

		m = test_packet(pool, cases[i].proto, 1, 2, 3, 4,
				cases[i].payload);
		ip_of(m)->hdr_checksum = 0xdead;
		set_lengths(m, 0);
		fill(m, 54);
		m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM |
			cases[i].flag;
		assert_int_equal(sim_offload(NULL, m, keep_copies, &r), 0);
		assert_int_equal(r.n, 1);
		assert_int_equal(rte_raw_cksum(ip_of(r.pkts[0]), 20), 0xffff);
		assert_int_equal(rte_ipv4_udptcp_cksum_verify(
			ip_of(r.pkts[0]), ip_of(r.pkts[0]) + 1), 0);
		release(&r);
	}
}

static void
test_checksum_over_segments(void **state)
{
	struct rte_mbuf *m = test_packet(pool, IPPROTO_TCP, 1, 2, 3, 4, 33);
	struct rte_mbuf *tail = rte_pktmbuf_alloc(pool);
	struct result r = { .n = 0 };

	(void)state;
	rte_pktmbuf_append(tail, 77);
	fill(tail, 0);
	fill(m, 54);
	assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
	ip_of(m)->total_length = rte_cpu_to_be_16(m->pkt_len - 14);
	set_lengths(m, 0);
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM |
		RTE_MBUF_F_TX_TCP_CKSUM;
	assert_int_equal(sim_offload(NULL, m, keep_copies, &r), 0);
	assert_int_equal(r.n, 1);
	assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip_of(r.pkts[0]),
			ip_of(r.pkts[0]) + 1), 0);
	release(&r);
}

static void
check_segment(struct rte_mbuf *m, unsigned int i, unsigned int n, uint32_t len)
{
	struct rte_ipv4_hdr *ip = ip_of(m);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);
	uint8_t *data = (uint8_t *)(tcp + 1);
	bool last = i == n - 1;
	uint32_t k;

	assert_int_equal(m->pkt_len, 54 + len);
	assert_int_equal(rte_be_to_cpu_16(ip->total_length), 40 + len);
	assert_int_equal(rte_be_to_cpu_16(ip->packet_id), (65535 + i) & 0xffff);
	assert_int_equal(rte_raw_cksum(ip, 20), 0xffff);
	assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, tcp), 0);
	assert_int_equal(rte_be_to_cpu_32(tcp->sent_seq),
			 (uint32_t)(UINT32_MAX - 10 + i * 500));
	assert_int_equal(tcp->tcp_flags, RTE_TCP_ACK_FLAG |
		(last ? RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG : 0) |
		(i == 0 ? RTE_TCP_CWR_FLAG : 0));
	for (k = 0; k < len; k++)
		assert_int_equal(data[k], (uint8_t)((54 + i * 500 + k) * 7));
}

static void
test_tso(void **state)
{
	struct rte_mbuf *m = test_packet(pool, IPPROTO_TCP, 1, 2, 3, 4, 1750);
	struct result r = { .n = 0 };
	struct rte_tcp_hdr *tcp;
	unsigned int i;

	(void)state;
	fill(m, 54);
	ip_of(m)->packet_id = 0xffff;	/* Wraps. */
	tcp = (struct rte_tcp_hdr *)(ip_of(m) + 1);
	tcp->sent_seq = rte_cpu_to_be_32(UINT32_MAX - 10);
	tcp->tcp_flags = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG |
		RTE_TCP_FIN_FLAG | RTE_TCP_CWR_FLAG;
	set_lengths(m, 20);
	m->tso_segsz = 500;
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM |
		RTE_MBUF_F_TX_TCP_SEG;
	assert_int_equal(sim_offload(segments, m, keep_copies, &r), 0);
	assert_int_equal(r.n, 4);
	for (i = 0; i < r.n; i++)
		check_segment(r.pkts[i], i, r.n, i == 3 ? 250 : 500);
	release(&r);
}

/* Adds IPv6 headers in front of 'payload' bytes. */
static struct rte_mbuf *
tcp6(uint16_t payload)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_ether_hdr *eth;
	struct rte_ipv6_hdr *ip;
	struct rte_tcp_hdr *tcp;

	eth = (struct rte_ether_hdr *)rte_pktmbuf_append(m, 74 + payload);
	memset(eth, 0, 74 + payload);
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV6);
	ip = (struct rte_ipv6_hdr *)(eth + 1);
	ip->vtc_flow = RTE_BE32(0x60000000);
	ip->proto = IPPROTO_TCP;
	SIM_IPV6_BYTES(ip->src_addr)[0] = 0x20;
	ip->payload_len = rte_cpu_to_be_16(20 + payload);
	tcp = (struct rte_tcp_hdr *)(ip + 1);
	tcp->data_off = 0x50;
	fill(m, 74);
	m->l2_len = 14;
	m->l3_len = 40;
	m->l4_len = 20;
	return m;
}

static void
test_tso_ipv6(void **state)
{
	struct rte_mbuf *m = tcp6(1000);
	struct result r = { .n = 0 };
	struct rte_ipv6_hdr *ip;
	unsigned int i;

	(void)state;
	m->tso_segsz = 400;
	m->ol_flags = RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_SEG;
	assert_int_equal(sim_offload(segments, m, keep_copies, &r), 0);
	assert_int_equal(r.n, 3);
	for (i = 0; i < r.n; i++) {
		ip = rte_pktmbuf_mtod_offset(r.pkts[i], struct rte_ipv6_hdr *,
					     14);
		assert_int_equal(rte_be_to_cpu_16(ip->payload_len),
				 20 + (i == 2 ? 200 : 400));
		assert_int_equal(rte_ipv6_udptcp_cksum_verify(ip, ip + 1), 0);
	}
	release(&r);
}

static void
refuse(struct rte_mbuf *m, struct rte_mempool *segs, int err)
{
	struct result r = { .n = 0 };

	assert_int_equal(sim_offload_check(segs, m), err);
	assert_int_equal(sim_offload(segs, m, keep_copies, &r), err);
	assert_int_equal(r.n, 0);
	release(&r);
}

static struct rte_mbuf *
flagged(uint64_t flags)
{
	struct rte_mbuf *m = test_packet(pool, IPPROTO_TCP, 1, 2, 3, 4, 100);

	set_lengths(m, 20);
	m->tso_segsz = 50;
	m->ol_flags = flags;
	return m;
}

static void
test_refused(void **state)
{
	const uint64_t tso = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG;
	struct rte_mbuf *m;

	(void)state;
	refuse(flagged(tso), NULL, -ENOTSUP);
	refuse(flagged(tso | RTE_MBUF_F_TX_OUTER_IP_CKSUM), segments,
	       -ENOTSUP);
	refuse(flagged(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_SCTP_CKSUM),
	       segments, -ENOTSUP);
	refuse(flagged(RTE_MBUF_F_TX_TCP_CKSUM), segments, -EINVAL);
	m = flagged(tso);
	m->tso_segsz = 0;
	refuse(m, segments, -EINVAL);
	m = flagged(tso);
	m->l3_len = 12;
	refuse(m, segments, -EINVAL);
	m = flagged(tso);
	m->l2_len = 127;
	refuse(m, segments, -EINVAL);
	m = flagged(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM);
	m->l3_len = 500;
	refuse(m, segments, -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_checksum_over_segments),
		cmocka_unit_test(test_tso),
		cmocka_unit_test(test_tso_ipv6),
		cmocka_unit_test(test_refused),
	};
	int ret;

	if (test_eal_init() != 0)
		return EXIT_FAILURE;
	pool = test_pool("test");
	segments = sim_segment_pool_get();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	sim_segment_pool_put(segments);
	rte_mempool_free(pool);
	rte_eal_cleanup();
	return ret;
}
