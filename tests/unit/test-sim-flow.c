/* SPDX-License-Identifier: Apache-2.0 */

/* The flows of the simulated NIC, through ethdev. */

#include "test-sim-ports.h"

struct rss_flow {
	struct rte_flow_action_rss rss;
	uint16_t queues[2];
};

/* Spreads everything over two queues, by types that the port itself leaves
 * out. */
static struct rte_flow *
add_rss_flow(uint16_t vf)
{
	struct rss_flow f = {
		.rss = { .queue_num = 2, .types = RTE_ETH_RSS_IP |
			 RTE_ETH_RSS_TCP },
		.queues = { 2, 3 },
	};
	const struct rte_flow_attr attr = { .ingress = 1 };
	const struct rte_flow_item items[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &f.rss },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error error;
	struct rte_flow *flow;

	f.rss.queue = f.queues;
	flow = rte_flow_create(vf, &attr, items, actions, &error);
	assert_non_null(flow);
	return flow;
}

static uint64_t
hash_types(uint16_t vf)
{
	struct rte_eth_rss_conf conf = { .rss_key = NULL };

	assert_int_equal(rte_eth_dev_rss_hash_conf_get(vf, &conf), 0);
	return conf.rss_hf;
}

/* Sends packets to the VF and sees in which of its queues they arrive, and
 * how many of them have a hash. */
static unsigned int
count_hashed(uint16_t rep, uint16_t vf, uint8_t proto, unsigned int n[4])
{
	struct rte_mbuf *m, *got[64];
	unsigned int i, q, hashed = 0;

	for (i = 0; i < 64; i++) {
		m = test_packet(pool_b, proto, 1, i, 3, i, 10);
		assert_int_equal(rte_eth_tx_burst(rep, 0, &m, 1), 1);
	}
	for (q = 0; q < 4; q++) {
		n[q] = rte_eth_rx_burst(vf, q, got, 64);
		for (i = 0; i < n[q]; i++)
			hashed += (got[i]->ol_flags &
				   RTE_MBUF_F_RX_RSS_HASH) != 0;
		rte_pktmbuf_free_bulk(got, n[q]);
	}
	return hashed;
}

static void
test_rss_flow(void **state)
{
	struct rte_eth_conf conf = {
		.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS,
		.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_UDP,
	};
	uint16_t rep = find("net_simpf0,representor=[0]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	struct rte_flow_error error;
	struct rte_flow *flow;
	unsigned int n[4];

	(void)state;
	start_port(rep, pool_b, 1, NULL);
	start_port(vf, pool_a, 4, &conf);
	assert_int_equal(count_hashed(rep, vf, IPPROTO_TCP, n), 0);
	flow = add_rss_flow(vf);
	assert_int_equal(count_hashed(rep, vf, IPPROTO_TCP, n), 64);
	assert_int_equal(n[0] + n[1], 0);
	assert_true(n[2] > 0 && n[3] > 0);
	/* The port's own types go on, and may change meanwhile. */
	assert_int_equal(count_hashed(rep, vf, IPPROTO_UDP, n), 64);
	assert_int_equal(hash_types(vf), RTE_ETH_RSS_NONFRAG_IPV4_UDP);
	conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_NONFRAG_IPV6_UDP;
	assert_int_equal(rte_eth_dev_rss_hash_update(vf,
			 &conf.rx_adv_conf.rss_conf), 0);
	assert_int_equal(count_hashed(rep, vf, IPPROTO_TCP, n), 64);
	/* Without the flow everything is as it was. */
	assert_int_equal(rte_flow_destroy(vf, flow, &error), 0);
	assert_int_equal(hash_types(vf), RTE_ETH_RSS_NONFRAG_IPV6_UDP);
	assert_int_equal(count_hashed(rep, vf, IPPROTO_TCP, n), 0);
	remove_device("net_simvf0");
}

/* The same of a port without RSS: nothing is left of it. */
static void
test_rss_flow_alone(void **state)
{
	uint16_t rep = find("net_simpf0,representor=[0]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	struct rte_flow_error error;
	struct rte_flow *flow;
	unsigned int n[4];

	(void)state;
	start_port(rep, pool_b, 1, NULL);
	start_port(vf, pool_a, 4, NULL);
	flow = add_rss_flow(vf);
	assert_int_equal(count_hashed(rep, vf, IPPROTO_TCP, n), 64);
	assert_int_equal(n[2] + n[3], 64);
	assert_int_equal(rte_flow_destroy(vf, flow, &error), 0);
	assert_int_equal(count_hashed(rep, vf, IPPROTO_TCP, n), 0);
	assert_int_equal(n[0], 64);
	remove_device("net_simvf0");
}

/* Flows as OVS writes them, on the representor of VF 0, to VF 1. */

static uint16_t flow_rep, flow_vf0, flow_vf1;

static void
flow_setup(void)
{
	flow_rep = find("net_simpf0,representor=[0]");
	flow_vf0 = plug("net_simvf0,pf=net_simpf0,vf=0");
	flow_vf1 = plug("net_simvf1,pf=net_simpf0,vf=1");
	start_port(flow_rep, pool_b, 1, NULL);
	start_port(find("net_simpf0,representor=[1]"), pool_b, 1, NULL);
	start_port(flow_vf0, pool_a, 1, NULL);
	start_port(flow_vf1, pool_a, 1, NULL);
}

static void
flow_teardown(void)
{
	remove_device("net_simvf0");
	remove_device("net_simvf1");
}

/* COUNT and output by the action 'output'. */
static struct rte_flow *
flow_add_output(const struct rte_flow_item *items,
		const struct rte_flow_action *output,
		struct rte_flow_error *error)
{
	const struct rte_flow_attr attr = { .transfer = 1 };
	const struct rte_flow_action_count count = { 0 };
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_COUNT, .conf = &count },
		*output,
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow *flow;
	int ret;

	ret = rte_flow_validate(flow_rep, &attr, items, actions, error);
	flow = rte_flow_create(flow_rep, &attr, items, actions, error);
	assert_int_equal(ret == 0, flow != NULL);
	return flow;
}

/* To VF 1, as OVS 3.3 and later has it. */
static struct rte_flow *
flow_add(const struct rte_flow_item *items, struct rte_flow_error *error)
{
	const struct rte_flow_action_ethdev to = {
		.port_id = find("net_simpf0,representor=[1]"),
	};
	const struct rte_flow_action output = {
		.type = RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, .conf = &to,
	};

	return flow_add_output(items, &output, error);
}

/* The same as OVS before 3.3 has it. */
static struct rte_flow *
flow_add_port_id(const struct rte_flow_item *items,
		 struct rte_flow_error *error)
{
	const struct rte_flow_action_port_id to = {
		.id = find("net_simpf0,representor=[1]"),
	};
	const struct rte_flow_action output = {
		.type = RTE_FLOW_ACTION_TYPE_PORT_ID, .conf = &to,
	};

	return flow_add_output(items, &output, error);
}

/* Whether a packet of VF 0 hits the rule: goes to VF 1, not to its own
 * representor. */
static bool
hits(struct rte_mbuf *m)
{
	uint16_t at_vf, at_rep;
	struct rte_mbuf *got;

	assert_int_equal(rte_eth_tx_burst(flow_vf0, 0, &m, 1), 1);
	at_vf = rte_eth_rx_burst(flow_vf1, 0, &got, 1);
	at_rep = at_vf == 1 ? 0 : rte_eth_rx_burst(flow_rep, 0, &got, 1);
	assert_int_equal(at_vf + at_rep, 1);
	rte_pktmbuf_free(got);
	return at_vf == 1;
}

static struct rte_mbuf *
udp(void)
{
	return test_packet(pool_a, IPPROTO_UDP, 1, 2, 3, 4, 20);
}

static struct rte_mbuf *
tagged(rte_be16_t tci)
{
	struct rte_mbuf *m = udp();

	m->vlan_tci = rte_be_to_cpu_16(tci);
	assert_int_equal(rte_vlan_insert(&m), 0);
	return m;
}

static struct rte_mbuf *
fragment(rte_be16_t field)
{
	struct rte_mbuf *m = udp();

	rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *,
				14)->fragment_offset = field;
	return m;
}

static void
test_flow_ipv4(void **state)
{
	struct rte_flow_item_eth eth = {
		.hdr.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.hdr.src_addr.addr_bytes = { 0x44, 0x44, 0x44, 0x44, 0x44, 0x44 },
	};
	const struct rte_flow_item_eth eth_mask = {
		.hdr.ether_type = RTE_BE16(0xffff),
		.hdr.src_addr.addr_bytes = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		.has_vlan = 1,
	};
	const struct rte_flow_item_ipv4 ipv4 = { .hdr.version_ihl = 0 };
	const struct rte_flow_item_ipv4 ipv4_mask = {
		.hdr.fragment_offset = RTE_BE16(0x3fff),
	};
	const struct rte_flow_item items[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH, .spec = &eth,
		  .mask = &eth_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &ipv4,
		  .mask = &ipv4_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const struct rte_flow_action query[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_COUNT },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_query_count count = { .reset = 1 };
	struct rte_flow_error error = { 0 };
	struct rte_flow *flow;

	(void)state;
	flow_setup();
	flow = flow_add(items, &error);
	assert_non_null(flow);
	assert_true(hits(udp()));
	assert_true(hits(test_packet(pool_a, IPPROTO_TCP, 7, 8, 9, 1, 0)));
	assert_true(hits(fragment(RTE_BE16(RTE_IPV4_HDR_DF_FLAG))));
	assert_false(hits(fragment(RTE_BE16(RTE_IPV4_HDR_MF_FLAG))));
	assert_false(hits(fragment(RTE_BE16(1))));
	assert_false(hits(tagged(RTE_BE16(5))));

	assert_int_equal(rte_flow_query(flow_rep, flow, query, &count, &error),
			 0);
	assert_int_equal(count.hits, 3);
	assert_int_equal(count.bytes, 62 + 54 + 62);
	assert_int_equal(rte_flow_query(flow_rep, flow, query, &count, &error),
			 0);
	assert_int_equal(count.hits, 0);
	assert_int_equal(rte_flow_flush(flow_rep, &error), 0);
	assert_false(hits(udp()));
	flow_teardown();
}

static void
test_flow_vlan(void **state)
{
	const struct rte_flow_item_eth eth = {
		.hdr.ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN), .has_vlan = 1,
	};
	const struct rte_flow_item_eth eth_mask = {
		.hdr.ether_type = RTE_BE16(0xffff), .has_vlan = 1,
	};
	const struct rte_flow_item_vlan vlan = {
		.hdr.vlan_tci = RTE_BE16(5),
		.hdr.eth_proto = RTE_BE16(RTE_ETHER_TYPE_IPV4),
	};
	const struct rte_flow_item_vlan vlan_mask = {
		.hdr.vlan_tci = RTE_BE16(0x0fff),
		.hdr.eth_proto = RTE_BE16(0xffff),
	};
	const struct rte_flow_item items[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH, .spec = &eth,
		  .mask = &eth_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_VLAN, .spec = &vlan,
		  .mask = &vlan_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_IPV4 },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	struct rte_flow_error error = { 0 };

	(void)state;
	flow_setup();
	assert_non_null(flow_add(items, &error));
	assert_true(hits(tagged(RTE_BE16(5))));
	assert_true(hits(tagged(RTE_BE16(0x6005))));	/* Another priority. */
	assert_false(hits(tagged(RTE_BE16(6))));
	assert_false(hits(udp()));
	flow_teardown();
}

static void
test_flow_ports(void **state)
{
	const struct rte_flow_item_tcp tcp = { .hdr.dst_port = RTE_BE16(80) };
	const struct rte_flow_item_tcp tcp_mask = {
		.hdr.dst_port = RTE_BE16(0xffff),
	};
	const struct rte_flow_item items[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_IPV4 },
		{ .type = RTE_FLOW_ITEM_TYPE_TCP, .spec = &tcp,
		  .mask = &tcp_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	struct rte_flow_error error = { 0 };

	(void)state;
	flow_setup();
	assert_non_null(flow_add(items, &error));
	assert_true(hits(test_packet(pool_a, IPPROTO_TCP, 1, 2, 3, 80, 0)));
	assert_false(hits(test_packet(pool_a, IPPROTO_TCP, 1, 2, 3, 81, 0)));
	assert_false(hits(test_packet(pool_a, IPPROTO_UDP, 1, 2, 3, 80, 0)));
	flow_teardown();
}

/* A port may be named in either way, unless it is none of this NIC's. */
static void
test_flow_outputs(void **state)
{
	const struct rte_flow_item items[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	struct rte_flow_action_ethdev to = { .port_id = NONE };
	struct rte_flow_action output = {
		.type = RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT, .conf = &to,
	};
	struct rte_flow_error error = { 0 };
	struct rte_flow *flow;

	(void)state;
	flow_setup();
	flow = flow_add(items, &error);
	assert_non_null(flow);
	assert_true(hits(udp()));
	assert_int_equal(rte_flow_destroy(flow_rep, flow, &error), 0);
	assert_false(hits(udp()));
	flow = flow_add_port_id(items, &error);
	assert_non_null(flow);
	assert_true(hits(udp()));
	assert_int_equal(rte_flow_destroy(flow_rep, flow, &error), 0);
	assert_null(flow_add_output(items, &output, &error));
	assert_int_equal(error.type, RTE_FLOW_ERROR_TYPE_ACTION);
	/* A VF is reached by its representor's number only. */
	to.port_id = flow_vf1;
	assert_null(flow_add_output(items, &output, &error));
	output.conf = NULL;
	assert_null(flow_add_output(items, &output, &error));
	assert_int_equal(error.type, RTE_FLOW_ERROR_TYPE_ACTION_CONF);
	assert_false(hits(udp()));
	flow_teardown();
}

/* OVS asks for MARK and RSS where it cannot have another rule; this NIC cannot do
 * that either, and says so, but first that there are no such queues. */
static void
test_flow_mark_rss(void **state)
{
	const struct rte_flow_attr attr = { .ingress = 1 };
	const struct rte_flow_item items[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const struct rte_flow_action_mark mark = { .id = 1 };
	const uint16_t queues[] = { 0, 1 };
	struct rte_flow_action_rss rss = { .queue = queues, .queue_num = 1 };
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_MARK, .conf = &mark },
		{ .type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rss },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error error = { 0 };

	(void)state;
	flow_setup();
	assert_null(rte_flow_create(flow_rep, &attr, items, actions, &error));
	assert_int_equal(error.type, RTE_FLOW_ERROR_TYPE_ACTION);
	rss.queue_num = 2;
	assert_null(rte_flow_create(flow_rep, &attr, items, actions, &error));
	assert_int_equal(error.type, RTE_FLOW_ERROR_TYPE_ACTION_CONF);
	flow_teardown();
}

/* What OVS 3.5 and later matches on and this NIC does not know, ICMPv6, is
 * refused. */
static void
test_flow_icmp6(void **state)
{
	const struct rte_flow_item_icmp6 icmp6 = { .type = 135 };
	const struct rte_flow_item_icmp6 icmp6_mask = { .type = 0xff };
	const struct rte_flow_item items[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_IPV6 },
		{ .type = RTE_FLOW_ITEM_TYPE_ICMP6, .spec = &icmp6,
		  .mask = &icmp6_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	struct rte_flow_error error = { 0 };

	(void)state;
	flow_setup();
	assert_null(flow_add(items, &error));
	assert_int_equal(error.type, RTE_FLOW_ERROR_TYPE_ITEM);
	flow_teardown();
}

/* What this NIC cannot match on is refused, never matched on in part. */
static void
test_flow_refused(void **state)
{
	const struct rte_flow_item_ipv4 ipv4 = { .hdr.packet_id = 1 };
	const struct rte_flow_item_ipv4 ipv4_mask = { .hdr.packet_id = 1 };
	const struct rte_flow_item_ipv4 last = { .hdr.packet_id = 2 };
	const struct rte_flow_item_vlan vlan = { .hdr.vlan_tci = 1 };
	struct rte_flow_item items[3] = {
		{ .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &ipv4,
		  .mask = &ipv4_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	struct rte_flow_error error = { 0 };

	(void)state;
	flow_setup();
	assert_null(flow_add(items, &error));
	assert_int_equal(error.type, RTE_FLOW_ERROR_TYPE_ITEM_MASK);
	items[0].last = &last;
	assert_null(flow_add(items, &error));
	assert_int_equal(error.type, RTE_FLOW_ERROR_TYPE_ITEM_LAST);
	items[0].last = NULL;
	items[0].spec = NULL;
	assert_null(flow_add(items, &error));
	assert_int_equal(error.type, RTE_FLOW_ERROR_TYPE_ITEM_SPEC);
	items[0].type = RTE_FLOW_ITEM_TYPE_VXLAN;
	assert_null(flow_add(items, &error));
	assert_int_equal(error.type, RTE_FLOW_ERROR_TYPE_ITEM);
	/* Two tags. */
	items[0] = (struct rte_flow_item) {
		.type = RTE_FLOW_ITEM_TYPE_VLAN, .spec = &vlan,
	};
	items[1] = items[0];
	items[2].type = RTE_FLOW_ITEM_TYPE_END;
	assert_null(flow_add(items, &error));
	assert_int_equal(error.type, RTE_FLOW_ERROR_TYPE_ITEM);
	assert_false(hits(udp()));
	flow_teardown();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rss_flow), TEST(test_rss_flow_alone),
		TEST(test_flow_ipv4),
		TEST(test_flow_vlan), TEST(test_flow_ports),
		TEST(test_flow_outputs), TEST(test_flow_mark_rss),
		TEST(test_flow_icmp6),
		TEST(test_flow_refused),
	};

	return RUN(tests);
}
