/* SPDX-License-Identifier: Apache-2.0 */

#include "test-sim.h"

#include <rte_ethdev.h>
#include <rte_thash.h>

#include "packet/rss.h"

static struct sim_rss rss;

/* The examples of the RSS specification. */
static void
test_known_hashes(void **state)
{
	static const struct {
		uint32_t src, dst;
		uint16_t sport, dport;
		uint32_t ip, tcp;
	} known[] = {
		{ RTE_IPV4(66, 9, 149, 187), RTE_IPV4(161, 142, 100, 80),
		  2794, 1766, 0x323e8fc2, 0x51ccc178 },
		{ RTE_IPV4(199, 92, 111, 2), RTE_IPV4(65, 69, 140, 83),
		  14230, 4739, 0xd718262a, 0xc626b0ea },
	};
	struct sim_key key;
	unsigned int i;

	(void)state;
	sim_rss_set_key(&rss, sim_rss_default_key);
	for (i = 0; i < RTE_DIM(known); i++) {
		rte_be32_t src = rte_cpu_to_be_32(known[i].src);
		rte_be32_t dst = rte_cpu_to_be_32(known[i].dst);

		memset(&key, 0, sizeof(key));
		key.l3 = 4;
		key.proto = IPPROTO_TCP;
		key.flags = SIM_KEY_L4;
		memcpy(key.saddr, &src, 4);
		memcpy(key.daddr, &dst, 4);
		key.sport = rte_cpu_to_be_16(known[i].sport);
		key.dport = rte_cpu_to_be_16(known[i].dport);

		rss.hf = RTE_ETH_RSS_IP;
		assert_int_equal(sim_rss_hash(&rss, &key), known[i].ip);
		rss.hf = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP;
		assert_int_equal(sim_rss_hash(&rss, &key), known[i].tcp);
		/* A fragment hashes by its addresses only. */
		key.flags |= SIM_KEY_FRAG;
		assert_int_equal(sim_rss_hash(&rss, &key), known[i].ip);
		rss.hf = RTE_ETH_RSS_UDP;
		assert_int_equal(sim_rss_hash(&rss, &key), 0);
	}
}

/* librte_hash's Toeplitz is the reference, for any key and length. */
static void
test_against_softrss(void **state)
{
	uint32_t words[SIM_RSS_TUPLE_LEN / 4];
	uint8_t key[SIM_RSS_KEY_LEN], bytes[SIM_RSS_TUPLE_LEN];
	unsigned int round, i, n;

	(void)state;
	srand(1);
	for (round = 0; round < 1000; round++) {
		for (i = 0; i < sizeof(key); i++)
			key[i] = rand();
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = rand();
		for (i = 0; i < RTE_DIM(words); i++)
			words[i] = (uint32_t)bytes[4 * i] << 24 |
				bytes[4 * i + 1] << 16 |
				bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
		sim_rss_set_key(&rss, key);
		for (n = 1; n <= RTE_DIM(words); n++)
			assert_int_equal(sim_rss_toeplitz(&rss, bytes, 4 * n),
					 rte_softrss(words, n, key));
	}
}

static void
test_spread(void **state)
{
	unsigned int i, count[5] = { 0 };

	(void)state;
	sim_rss_spread(&rss, 5);
	for (i = 0; i < SIM_RSS_RETA_SIZE; i++)
		count[rss.reta[i]]++;
	for (i = 0; i < 5; i++)
		assert_true(count[i] == SIM_RSS_RETA_SIZE / 5 ||
			    count[i] == SIM_RSS_RETA_SIZE / 5 + 1);
}

static void
test_classes(void **state)
{
	struct sim_key udp = { .l3 = 4, .proto = IPPROTO_UDP,
			       .flags = SIM_KEY_L4 };
	struct sim_key icmp = { .l3 = 4, .proto = IPPROTO_ICMP };
	struct sim_key arp = { .l3 = 0 };

	(void)state;
	memset(&rss, 0, sizeof(rss));
	sim_rss_spread(&rss, 1);
	assert_int_equal(sim_rss_queue(&rss, &udp, 7), 0);

	rss.n_class_queues[SIM_RSS_ANY] = 1;
	rss.class_queue[SIM_RSS_ANY][0] = 9;
	assert_int_equal(sim_rss_queue(&rss, &arp, 0), 9);
	assert_int_equal(sim_rss_queue(&rss, &udp, 7), 9);

	rss.n_class_queues[SIM_RSS_IPV4] = 2;
	rss.class_queue[SIM_RSS_IPV4][0] = 4;
	rss.class_queue[SIM_RSS_IPV4][1] = 5;
	assert_int_equal(sim_rss_queue(&rss, &icmp, 0), 4);
	assert_int_equal(sim_rss_queue(&rss, &udp, 1), 5);

	rss.n_class_queues[SIM_RSS_IPV4_UDP] = 1;
	rss.class_queue[SIM_RSS_IPV4_UDP][0] = 6;
	assert_int_equal(sim_rss_queue(&rss, &udp, 1), 6);
	assert_int_equal(sim_rss_queue(&rss, &icmp, 1), 5);
	assert_int_equal(sim_rss_queue(&rss, &arp, 1), 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_hashes),
		cmocka_unit_test(test_against_softrss),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
