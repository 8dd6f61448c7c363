/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of the simulated NIC's large receive offload. */

#include "packet/lro.h"
#include "test-sim.h"

#define MSS 1000
#define FIRST_SEQ 0xfffffc00	/* So that sequence numbers wrap. */

static struct rte_mempool *pool;

static struct rte_ipv4_hdr *
get_ip(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *,
				       sizeof(struct rte_ether_hdr));
}

static struct rte_tcp_hdr *
get_tcp(struct rte_mbuf *m)
{
	return (struct rte_tcp_hdr *)(get_ip(m) + 1);
}

static void
set_checksums(struct rte_mbuf *m)
{
	get_ip(m)->hdr_checksum = 0;
	get_ip(m)->hdr_checksum = rte_ipv4_cksum(get_ip(m));
	get_tcp(m)->cksum = 0;
	get_tcp(m)->cksum = rte_ipv4_udptcp_cksum(get_ip(m), get_tcp(m));
}

/* Segment 'i' of a stream to port 'dport', with 'len' bytes of the value
 * 'i'. */
static struct rte_mbuf *
segment(uint16_t dport, unsigned int i, uint16_t len)
{
	struct rte_mbuf *m = test_packet(pool, IPPROTO_TCP, 1, 2, 3, dport,
					 len);

	memset(get_tcp(m) + 1, i, len);
	get_tcp(m)->sent_seq = rte_cpu_to_be_32(FIRST_SEQ + i * MSS);
	get_tcp(m)->tcp_flags = RTE_TCP_ACK_FLAG;
	set_checksums(m);
	return m;
}

static void
segments(struct rte_mbuf **pkts, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		pkts[i] = segment(80, i, MSS);
}

/* Checks that 'm' is 'n' segments from 'first' on, 'last' bytes of the last
 * one, and frees it. */
static void
check_merged(struct rte_mbuf *m, unsigned int first, unsigned int n,
	     uint16_t last)
{
	uint32_t hlen = sizeof(struct rte_ether_hdr) +
		sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr);
	uint32_t len = (n - 1) * MSS + last, off;
	uint8_t byte;

	assert_int_equal(rte_mbuf_check(m, 1, &(const char *){ NULL }), 0);
	assert_int_equal(m->nb_segs, n);
	assert_int_equal(m->pkt_len, hlen + len);
	assert_int_equal(rte_be_to_cpu_16(get_ip(m)->total_length),
			 m->pkt_len - sizeof(struct rte_ether_hdr));
	assert_int_equal(rte_ipv4_cksum(get_ip(m)), 0);
	assert_int_equal(rte_be_to_cpu_32(get_tcp(m)->sent_seq),
			 FIRST_SEQ + first * MSS);
	for (off = 0; off < len; off += MSS / 2)
		assert_int_equal(*(const uint8_t *)rte_pktmbuf_read(m,
				 hlen + off, 1, &byte), first + off / MSS);
	if (n > 1) {
		assert_true(m->ol_flags & RTE_MBUF_F_RX_LRO);
		assert_int_equal(m->tso_segsz, MSS);
	} else {
		assert_false(m->ol_flags & RTE_MBUF_F_RX_LRO);
	}
	rte_pktmbuf_free(m);
}

static void
test_merge(void **state)
{
	struct rte_mbuf *pkts[32];

	segments(pkts, 32);
	assert_int_equal(sim_lro_merge(pkts, 32, SIM_MAX_LRO), 1);
	check_merged(pkts[0], 0, 32, MSS);
}

static void
test_limit(void **state)
{
	struct rte_mbuf *pkts[8];

	segments(pkts, 8);
	assert_int_equal(sim_lro_merge(pkts, 8, 3 * MSS + 200), 3);
	check_merged(pkts[0], 0, 3, MSS);
	check_merged(pkts[1], 3, 3, MSS);
	check_merged(pkts[2], 6, 2, MSS);
}

/* A PSH ends a packet, and so does a short segment. */
static void
test_ends(void **state)
{
	struct rte_mbuf *pkts[6];

	segments(pkts, 6);
	get_tcp(pkts[1])->tcp_flags |= RTE_TCP_PSH_FLAG;
	set_checksums(pkts[1]);
	rte_pktmbuf_free(pkts[3]);
	pkts[3] = segment(80, 3, MSS / 2);
	assert_int_equal(sim_lro_merge(pkts, 6, SIM_MAX_LRO), 3);
	assert_true(get_tcp(pkts[0])->tcp_flags & RTE_TCP_PSH_FLAG);
	assert_false(get_tcp(pkts[1])->tcp_flags & RTE_TCP_PSH_FLAG);
	check_merged(pkts[0], 0, 2, MSS);
	check_merged(pkts[1], 2, 2, MSS / 2);
	check_merged(pkts[2], 4, 2, MSS);
}

/* Changes one thing in the second of three segments, which then stands alone
 * between the others. */
#define TEST_ALONE(NAME, CHANGE)					\
static void								\
test_##NAME(void **state)						\
{									\
	struct rte_mbuf *pkts[3], *m;					\
	unsigned int i;							\
									\
	segments(pkts, 3);						\
	m = pkts[1];							\
	CHANGE;								\
	assert_int_equal(sim_lro_merge(pkts, 3, SIM_MAX_LRO), 3);	\
	for (i = 0; i < 3; i++) {					\
		assert_int_equal(pkts[i]->nb_segs, 1);			\
		assert_int_equal(pkts[i]->ol_flags, 0);			\
		rte_pktmbuf_free(pkts[i]);				\
	}								\
}

TEST_ALONE(other_port, get_tcp(m)->dst_port = 1; set_checksums(m))
TEST_ALONE(other_address, get_ip(m)->src_addr = 1; set_checksums(m))
TEST_ALONE(other_ack, get_tcp(m)->recv_ack = 1; set_checksums(m))
TEST_ALONE(syn, get_tcp(m)->tcp_flags |= RTE_TCP_SYN_FLAG; set_checksums(m))
TEST_ALONE(gap, get_tcp(m)->sent_seq ^= 1; set_checksums(m))
TEST_ALONE(fragment, get_ip(m)->fragment_offset = RTE_BE16(1);
	   set_checksums(m))
TEST_ALONE(udp, get_ip(m)->next_proto_id = IPPROTO_UDP; set_checksums(m))
TEST_ALONE(bad_ip_checksum, get_ip(m)->hdr_checksum ^= 1)
TEST_ALONE(bad_tcp_checksum, get_tcp(m)->cksum ^= 1)
TEST_ALONE(padding, rte_pktmbuf_append(m, 1))
TEST_ALONE(bad_tcp_length, get_tcp(m)->data_off = 0xf0; set_checksums(m);
	   get_tcp(m)->data_off = 0)

static int
setup(void **state)
{
	if (test_eal_init() != 0)
		return -1;
	pool = test_pool("lro");
	return pool == NULL ? -1 : 0;
}

static int
check_pool(void **state)
{
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	return 0;
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, NULL, check_pool)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_merge),
		TEST(test_limit),
		TEST(test_ends),
		TEST(test_other_port),
		TEST(test_other_address),
		TEST(test_other_ack),
		TEST(test_syn),
		TEST(test_gap),
		TEST(test_fragment),
		TEST(test_udp),
		TEST(test_bad_ip_checksum),
		TEST(test_bad_tcp_checksum),
		TEST(test_padding),
		TEST(test_bad_tcp_length),
	};

	return cmocka_run_group_tests_name("sim-lro", tests, setup, NULL);
}
