/* SPDX-License-Identifier: Apache-2.0 */

/* The simulated NIC as an application sees it, through ethdev. */

#include "test-sim.h"

#include <pthread.h>

#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include "nic/nic.h"

#define NONE RTE_MAX_ETHPORTS

static struct rte_mempool *pool_a, *pool_b;

/* The way OVS looks ports up. */
static uint16_t
find(const char *devargs)
{
	struct rte_dev_iterator it;
	uint16_t id;

	RTE_ETH_FOREACH_MATCHING_DEV(id, devargs, &it) {
		rte_eth_iterator_cleanup(&it);
		break;
	}
	return id;
}

static void
remove_device(const char *name)
{
	assert_int_equal(rte_eal_hotplug_remove("vdev", name), 0);
}

static void
start_port(uint16_t id, struct rte_mempool *pool, uint16_t queues,
	   const struct rte_eth_conf *conf)
{
	static const struct rte_eth_conf plain;
	uint16_t q;

	if (conf == NULL)
		conf = &plain;
	assert_int_equal(rte_eth_dev_configure(id, queues, queues, conf), 0);
	for (q = 0; q < queues; q++) {
		assert_int_equal(rte_eth_rx_queue_setup(id, q, 128,
				SOCKET_ID_ANY, NULL, pool), 0);
		assert_int_equal(rte_eth_tx_queue_setup(id, q, 128,
				SOCKET_ID_ANY, NULL), 0);
	}
	assert_int_equal(rte_eth_dev_start(id), 0);
	assert_int_equal(rte_eth_promiscuous_enable(id), 0);
}

static uint16_t
plug(const char *devargs)
{
	assert_int_equal(rte_dev_probe(devargs), 0);
	assert_int_not_equal(find(devargs), NONE);
	return find(devargs);
}

static uint64_t
xstat(uint16_t id, const char *name)
{
	uint64_t xid, value;

	assert_int_equal(rte_eth_xstats_get_id_by_name(id, name, &xid), 0);
	assert_int_equal(rte_eth_xstats_get_by_id(id, &xid, &value, 1), 1);
	return value;
}

static void
set_fault(uint16_t id, uint32_t set, uint32_t clear)
{
	struct sim_port *p = rte_eth_devices[id].data->dev_private;

	sim_nic_lock();
	sim_port_set_faults(p, set, clear, SIM_ALL_QUEUES);
	sim_nic_unlock();
}

/* All that became of packets that were meant for this port. */
static uint64_t
received(uint16_t id)
{
	return xstat(id, "rx_good_packets") + xstat(id, "rx_missed_errors") +
		xstat(id, "rx_mbuf_allocation_errors") +
		xstat(id, "rx_oversize_packets") +
		xstat(id, "rx_filtered_packets") +
		xstat(id, "rx_port_down_packets") +
		xstat(id, "rx_flushed_packets");
}

static int
setup(void **state)
{
	(void)state;
	assert_int_equal(rte_dev_probe("net_simpf0,vfs=3"), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	remove_device("net_simpf0");
	assert_int_equal(rte_eth_dev_count_total(), 0);
	assert_int_equal(rte_mempool_avail_count(pool_a), TEST_POOL_SIZE);
	assert_int_equal(rte_mempool_avail_count(pool_b), TEST_POOL_SIZE);
	return 0;
}

static void
test_found_by_devargs(void **state)
{
	struct rte_eth_dev_info info;
	uint16_t pf = find("net_simpf0");

	(void)state;
	assert_int_not_equal(pf, NONE);
	assert_int_equal(find("net_simpf0,vfs=3,wire=none"), pf);
	assert_int_equal(find("net_simpf0,representor=[0]"), pf + 1);
	assert_int_equal(find("net_simpf0,representor=vf1"), pf + 2);
	assert_int_equal(find("net_simpf0,vfs=3,representor=pf0vf2"), pf + 3);
	assert_int_equal(find("net_simpf0,representor=[3]"), NONE);
	assert_int_equal(find("net_simpf0,representor=pf1vf0"), NONE);
	assert_int_equal(find("net_simpf1"), NONE);

	assert_int_equal(rte_eth_dev_info_get(pf + 2, &info), 0);
	assert_true(*info.dev_flags & RTE_ETH_DEV_REPRESENTOR);
	assert_string_equal(info.switch_info.name, "net_simpf0");
	assert_int_equal(info.switch_info.port_id, 1);
	assert_int_equal(rte_eth_dev_info_get(pf, &info), 0);
	assert_false(*info.dev_flags & RTE_ETH_DEV_REPRESENTOR);
}

/* As OVS does when it deletes one of several ports of a device and adds it
 * again: the port is closed, the device stays.  (Without any key DPDK 22.11
 * would match representors too.) */
static void
test_close_and_probe_again(void **state)
{
	uint16_t pf = find("net_simpf0");

	(void)state;
	assert_int_equal(rte_eth_dev_close(pf), 0);
	assert_int_equal(find("net_simpf0,vfs=3"), NONE);
	assert_int_equal(find("net_simpf0,representor=[1]"), pf + 2);
	assert_int_equal(rte_eth_dev_close(pf + 2), 0);
	assert_int_equal(rte_eth_dev_close(pf + 3), 0);
	assert_int_equal(find("net_simpf0,representor=[1]"), NONE);

	/* A scan for another device brings nothing back. */
	assert_int_not_equal(rte_dev_probe("net_simvf0,pf=nope,vf=0"), 0);
	assert_int_equal(find("net_simpf0,vfs=3"), NONE);

	plug("net_simpf0,representor=[1]");
	assert_int_equal(find("net_simpf0,representor=[2]"), NONE);
	assert_int_equal(find("net_simpf0,vfs=3"), NONE);
	plug("net_simpf0,vfs=3");
	plug("net_simpf0,representor=[2]");
	rte_dev_probe("net_simpf0,representor=[3]");
	assert_int_equal(find("net_simpf0,representor=[3]"), NONE);
}

static void
test_bad_devices(void **state)
{
	static const char * const bad[] = {
		"net_simpf1", "net_simpf1,vfs=0", "net_simpf1,vfs=1,foo=1",
		"net_simpf1,representor=[0]", "net_simpf1,vfs=1,wire=tap:a/b",
		"net_simvf0,pf=net_simpf0,vf=3",
		"net_simvf0,pf=net_simpf1,vf=0",
		"net_simvf0,pf=net_simpf0,vf=0,vdpa=1,queues=17",
		"net_simpf_of_a_name_that_leaves_none_for_representors,vfs=1",
	};
	uint16_t count = rte_eth_dev_count_total();
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad); i++) {
		if (rte_dev_probe(bad[i]) == 0)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(rte_eth_dev_count_total(), count);
	}
	/* Ports run out half-way: none of the second is left. */
	assert_int_equal(rte_dev_probe("net_simpf1,vfs=14"), 0);
	assert_int_not_equal(rte_dev_probe("net_simpf2,vfs=14"), 0);
	assert_int_equal(rte_eth_dev_count_total(), count + 15);
	remove_device("net_simpf1");
	assert_int_equal(rte_eth_dev_count_total(), count);
	/* One owner at a time. */
	plug("net_simvf0,pf=net_simpf0,vf=0");
	assert_int_not_equal(rte_dev_probe("net_simvf1,pf=net_simpf0,vf=0"), 0);
	remove_device("net_simvf0");
	plug("net_simvf1,pf=net_simpf0,vf=0");
	remove_device("net_simvf1");
}

static void
test_links(void **state)
{
	uint16_t rep = find("net_simpf0,representor=[0]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	struct rte_eth_link link;
	struct rte_mbuf *m;

	(void)state;
	start_port(vf, pool_a, 1, NULL);
	assert_int_equal(rte_eth_link_get_nowait(vf, &link), 0);
	assert_int_equal(link.link_status, RTE_ETH_LINK_DOWN);
	start_port(rep, pool_b, 1, NULL);
	assert_int_equal(rte_eth_link_get_nowait(vf, &link), 0);
	assert_int_equal(link.link_status, RTE_ETH_LINK_UP);
	assert_int_equal(rte_eth_dev_set_link_down(rep), 0);
	assert_int_equal(rte_eth_link_get_nowait(vf, &link), 0);
	assert_int_equal(link.link_status, RTE_ETH_LINK_DOWN);
	assert_int_equal(rte_eth_dev_set_link_up(rep), 0);
	assert_int_equal(rte_eth_link_get_nowait(vf, &link), 0);
	assert_int_equal(link.link_status, RTE_ETH_LINK_UP);

	/* Without a link nothing arrives, and without a VF. */
	set_fault(vf, SIM_FAULT_LINK_DOWN, 0);
	m = test_packet(pool_a, IPPROTO_UDP, 1, 2, 3, 4, 10);
	assert_int_equal(rte_eth_tx_burst(rep, 0, &m, 1), 1);
	assert_int_equal(rte_eth_rx_burst(vf, 0, &m, 1), 0);
	assert_int_equal(xstat(vf, "rx_port_down_packets"), 1);
	set_fault(vf, 0, SIM_FAULT_LINK_DOWN);
	assert_int_equal(rte_eth_link_get_nowait(vf, &link), 0);
	assert_int_equal(link.link_status, RTE_ETH_LINK_UP);
	remove_device("net_simvf0");
	m = test_packet(pool_a, IPPROTO_UDP, 1, 2, 3, 4, 10);
	assert_int_equal(rte_eth_tx_burst(rep, 0, &m, 1), 1);
	assert_int_equal(xstat(rep, "peer_down_packets"), 2);
}

/* What a port receives is of its own pool, whoever sent it. */
static void
test_pools(void **state)
{
	uint16_t rep = find("net_simpf0,representor=[0]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	struct rte_mbuf *m, *sent, *got;

	(void)state;
	start_port(vf, pool_a, 1, NULL);
	start_port(rep, pool_b, 1, NULL);

	sent = m = test_packet(pool_a, IPPROTO_UDP, 1, 2, 3, 4, 100);
	assert_int_equal(rte_eth_tx_burst(vf, 0, &m, 1), 1);
	assert_int_equal(rte_eth_rx_burst(rep, 0, &got, 1), 1);
	assert_ptr_equal(got->pool, pool_b);
	assert_int_equal(got->port, rep);
	assert_int_equal(got->pkt_len, 142);
	assert_int_equal(xstat(rep, "rx_copied_packets"), 1);

	/* Its own: by pointer, but only if nobody else holds it. */
	sent = got;
	assert_int_equal(rte_eth_tx_burst(vf, 0, &got, 1), 1);
	assert_int_equal(rte_eth_rx_burst(rep, 0, &got, 1), 1);
	assert_ptr_equal(got, sent);
	rte_mbuf_refcnt_update(sent, 1);
	assert_int_equal(rte_eth_tx_burst(vf, 0, &got, 1), 1);
	assert_int_equal(rte_eth_rx_burst(rep, 0, &got, 1), 1);
	assert_ptr_not_equal(got, sent);
	rte_pktmbuf_free(sent);

	/* And only with headroom. */
	rte_pktmbuf_prepend(got, 14);
	sent = got;
	assert_int_equal(rte_eth_tx_burst(vf, 0, &got, 1), 1);
	assert_int_equal(rte_eth_rx_burst(rep, 0, &got, 1), 1);
	assert_ptr_not_equal(got, sent);
	assert_int_equal(got->data_off, RTE_PKTMBUF_HEADROOM);
	assert_int_equal(got->pkt_len, 156);
	rte_pktmbuf_free(got);
	remove_device("net_simvf0");
}

static void
test_jumbo_frames(void **state)
{
	struct rte_eth_conf conf = {
		.rxmode.offloads = RTE_ETH_RX_OFFLOAD_SCATTER,
		.rxmode.mtu = 9000,
	};
	uint16_t rep = find("net_simpf0,representor=[0]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	struct rte_mbuf *m, *tail, *got;
	unsigned int i, len;

	(void)state;
	start_port(vf, pool_a, 1, NULL);
	start_port(rep, pool_b, 1, &conf);
	m = test_packet(pool_a, IPPROTO_UDP, 1, 2, 3, 4, 1000);
	for (i = 0; i < 4; i++) {
		tail = rte_pktmbuf_alloc(pool_a);
		memset(rte_pktmbuf_append(tail, 1801), i + 1, 1801);
		assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
	}
	len = m->pkt_len;
	assert_int_equal(rte_eth_tx_burst(vf, 0, &m, 1), 1);
	assert_int_equal(rte_eth_rx_burst(rep, 0, &got, 1), 1);
	assert_int_equal(got->pkt_len, len);
	assert_true(got->nb_segs > 1);
	rte_mbuf_sanity_check(got, 1);
	for (i = 0; i < 4; i++) {
		uint8_t byte;

		assert_int_equal(*(const uint8_t *)rte_pktmbuf_read(got,
				1042 + i * 1801 + 1800, 1, &byte), i + 1);
	}
	/* The other way it is too long. */
	assert_int_equal(rte_eth_tx_burst(rep, 0, &got, 1), 1);
	assert_int_equal(rte_eth_rx_burst(vf, 0, &got, 1), 0);
	assert_int_equal(xstat(vf, "rx_oversize_packets"), 1);
	remove_device("net_simvf0");
}

static void
test_address_filter(void **state)
{
	uint16_t rep = find("net_simpf0,representor=[0]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	struct rte_ether_addr mac, mc = { { 0x33, 0x33, 0, 0, 0, 1 } };
	struct rte_mbuf *m[4], *got[4];
	unsigned int i;

	(void)state;
	start_port(vf, pool_a, 1, NULL);
	start_port(rep, pool_b, 1, NULL);
	assert_int_equal(rte_eth_promiscuous_disable(vf), 0);
	assert_int_equal(rte_eth_macaddr_get(vf, &mac), 0);
	for (i = 0; i < 4; i++)
		m[i] = test_packet(pool_b, IPPROTO_UDP, 1, 2, 3, 4, 10);
	/* 0: to nobody here; 1: to the VF; 2: to all; 3: to a group. */
	memcpy(rte_pktmbuf_mtod(m[1], void *), &mac, 6);
	memset(rte_pktmbuf_mtod(m[2], void *), 0xff, 6);
	memcpy(rte_pktmbuf_mtod(m[3], void *), &mc, 6);
	assert_int_equal(rte_eth_tx_burst(rep, 0, m, 4), 4);
	assert_int_equal(rte_eth_rx_burst(vf, 0, got, 4), 2);
	assert_int_equal(xstat(vf, "rx_filtered_packets"), 2);

	assert_int_equal(rte_eth_dev_set_mc_addr_list(vf, &mc, 1), 0);
	memcpy(rte_pktmbuf_mtod(got[0], void *), &mc, 6);
	assert_int_equal(rte_eth_tx_burst(rep, 0, got, 2), 2);
	assert_int_equal(rte_eth_rx_burst(vf, 0, got, 4), 2);
	rte_pktmbuf_free_bulk(got, 2);
	remove_device("net_simvf0");
}

struct rss_flow {
	struct rte_flow_action_rss rss;
	uint16_t queues[2];
};

static void
test_rss_flow(void **state)
{
	struct rte_eth_conf conf = {
		.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS,
		.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IP |
			RTE_ETH_RSS_UDP,
	};
	uint16_t rep = find("net_simpf0,representor=[0]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	struct rss_flow f = {
		.rss = { .queue_num = 2, .types = RTE_ETH_RSS_IP },
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
	unsigned int i, q, n[4] = { 0 };
	struct rte_flow_error error;
	struct rte_mbuf *m, *got[64];
	struct rte_flow *flow;

	(void)state;
	start_port(rep, pool_b, 1, NULL);
	start_port(vf, pool_a, 4, &conf);
	f.rss.queue = f.queues;
	flow = rte_flow_create(vf, &attr, items, actions, &error);
	assert_non_null(flow);
	for (i = 0; i < 64; i++) {
		m = test_packet(pool_b, IPPROTO_UDP, 1, i, 3, i, 10);
		assert_int_equal(rte_eth_tx_burst(rep, 0, &m, 1), 1);
	}
	for (q = 0; q < 4; q++) {
		n[q] = rte_eth_rx_burst(vf, q, got, 64);
		if (n[q] > 0)
			assert_true(got[0]->ol_flags & RTE_MBUF_F_RX_RSS_HASH);
		rte_pktmbuf_free_bulk(got, n[q]);
	}
	assert_int_equal(n[0] + n[1], 0);
	assert_int_equal(n[2] + n[3], 64);
	assert_true(n[2] > 0 && n[3] > 0);
	assert_int_equal(rte_flow_destroy(vf, flow, &error), 0);
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

/* COUNT and output to VF 1. */
static struct rte_flow *
flow_add(const struct rte_flow_item *items, struct rte_flow_error *error)
{
	const struct rte_flow_attr attr = { .transfer = 1 };
	const struct rte_flow_action_port_id to = {
		.id = find("net_simpf0,representor=[1]"),
	};
	const struct rte_flow_action_count count = { 0 };
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_COUNT, .conf = &count },
		{ .type = RTE_FLOW_ACTION_TYPE_PORT_ID, .conf = &to },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};

	struct rte_flow *flow;
	int ret;

	ret = rte_flow_validate(flow_rep, &attr, items, actions, error);
	flow = rte_flow_create(flow_rep, &attr, items, actions, error);
	assert_int_equal(ret == 0, flow != NULL);
	return flow;
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
		.hdr.src_addr.addr_bytes = "\x44\x44\x44\x44\x44\x44",
	};
	const struct rte_flow_item_eth eth_mask = {
		.hdr.ether_type = RTE_BE16(0xffff),
		.hdr.src_addr.addr_bytes = "\xff\xff\xff\xff\xff\xff",
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

/* Threads that never stop sending and polling. */

struct worker {
	pthread_t thread;
	uint16_t port;			/* Atomic; NONE: none. */
	uint16_t busy;			/* Atomic: the port it is at. */
	bool stop;			/* Atomic. */
	uint16_t queue;
	struct rte_mempool *pool;
};

static void
work(struct worker *w, uint16_t port)
{
	struct rte_mbuf *m[8];
	uint16_t i, n = 0, sent;

	while (n < 8 && (m[n] = rte_pktmbuf_alloc(w->pool)) != NULL) {
		memset(rte_pktmbuf_append(m[n], 60), n, 60);
		n++;
	}
	sent = rte_eth_tx_burst(port, w->queue, m, n);
	rte_pktmbuf_free_bulk(&m[sent], n - sent);
	n = rte_eth_rx_burst(port, w->queue, m, 8);
	for (i = 0; i < n; i++)
		rte_pktmbuf_free(m[i]);
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	uint16_t port;

	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		port = __atomic_load_n(&w->port, __ATOMIC_ACQUIRE);
		__atomic_store_n(&w->busy, port, __ATOMIC_SEQ_CST);
		if (port != __atomic_load_n(&w->port, __ATOMIC_SEQ_CST))
			continue;
		if (port != NONE)
			work(w, port);
		else
			sched_yield();
	}
	return NULL;
}

static void
worker_start(struct worker *w, uint16_t port, uint16_t queue,
	     struct rte_mempool *pool)
{
	w->port = port;
	w->busy = NONE;
	w->queue = queue;
	w->pool = pool;
	w->stop = false;
	assert_int_equal(pthread_create(&w->thread, NULL, worker_main, w), 0);
}

/* Gives the worker another port and waits until it has left the old one. */
static void
worker_move(struct worker *w, uint16_t port)
{
	__atomic_store_n(&w->port, port, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&w->busy, __ATOMIC_SEQ_CST) != port)
		sched_yield();
}

static void
worker_stop(struct worker *w)
{
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	pthread_join(w->thread, NULL);
}

static void
wait_for_packets(uint16_t port)
{
	struct rte_eth_stats stats;

	do {
		sched_yield();
		assert_int_equal(rte_eth_stats_get(port, &stats), 0);
	} while (stats.ipackets < 500);
}

static int
on_removal(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	(void)type;
	(void)ret;
	__atomic_store_n((uint16_t *)arg, port, __ATOMIC_RELEASE);
	return 0;
}

/* A VF comes and goes, at times without a word, while one thread polls it and
 * another its representor. */
static void
test_hotplug_under_traffic(void **state)
{
	uint16_t rep = find("net_simpf0,representor=[0]"), vf, removed;
	struct worker at_rep, at_vf;
	unsigned int i;

	(void)state;
	start_port(rep, pool_b, 1, NULL);
	worker_start(&at_rep, rep, 0, pool_b);
	worker_start(&at_vf, NONE, 0, pool_a);
	for (i = 0; i < 40; i++) {
		vf = plug("net_simvf0,pf=net_simpf0,vf=0");
		removed = NONE;
		rte_eth_dev_callback_register(vf, RTE_ETH_EVENT_INTR_RMV,
					      on_removal, &removed);
		start_port(vf, pool_a, 1, NULL);
		worker_move(&at_vf, vf);
		wait_for_packets(vf);
		if (i % 2) {
			set_fault(vf, SIM_FAULT_REMOVED, 0);
			while (__atomic_load_n(&removed, __ATOMIC_ACQUIRE) !=
			       vf)
				sched_yield();
			assert_int_equal(rte_eth_dev_is_removed(vf), 1);
		}
		worker_move(&at_vf, NONE);
		rte_eth_dev_callback_unregister(vf, RTE_ETH_EVENT_INTR_RMV,
						on_removal, &removed);
		assert_int_equal(rte_eth_dev_stop(vf), 0);
		if (i % 3)
			assert_int_equal(rte_eth_dev_close(vf), 0);
		remove_device("net_simvf0");
	}
	worker_stop(&at_vf);
	worker_stop(&at_rep);
	assert_int_equal(rte_eth_dev_stop(rep), 0);
}

/* Rules come and go under traffic; several threads send to one queue. */
static void
test_rules_under_traffic(void **state)
{
	uint16_t rep0 = find("net_simpf0,representor=[0]");
	uint16_t rep1 = find("net_simpf0,representor=[1]");
	uint16_t vf0 = plug("net_simvf0,pf=net_simpf0,vf=0");
	uint16_t vf1 = plug("net_simvf1,pf=net_simpf0,vf=1");
	const struct rte_flow_attr attr = { .transfer = 1 };
	const struct rte_flow_item items[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const struct rte_flow_action_port_id to = { .id = rep1 };
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_COUNT },
		{ .type = RTE_FLOW_ACTION_TYPE_PORT_ID, .conf = &to },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct worker w0, w1, wr;
	struct rte_flow_error error;
	struct rte_flow *flow;
	unsigned int i;

	(void)state;
	start_port(rep0, pool_b, 1, NULL);
	start_port(rep1, pool_b, 1, NULL);
	start_port(vf0, pool_a, 1, NULL);
	start_port(vf1, pool_a, 1, NULL);
	worker_start(&w0, vf0, 0, pool_a);
	worker_start(&w1, vf1, 0, pool_a);
	worker_start(&wr, rep1, 0, pool_b);
	for (i = 0; i < 300; i++) {
		flow = rte_flow_create(rep0, &attr, items, actions, &error);
		assert_non_null(flow);
		sched_yield();
		assert_int_equal(rte_flow_destroy(rep0, flow, &error), 0);
	}
	worker_stop(&w0);
	worker_stop(&w1);
	worker_stop(&wr);
	/* What is in a ring is counted when its port stops. */
	assert_int_equal(rte_eth_dev_stop(rep0), 0);
	assert_int_equal(rte_eth_dev_stop(rep1), 0);
	assert_int_equal(rte_eth_dev_stop(vf0), 0);
	assert_int_equal(rte_eth_dev_stop(vf1), 0);
	assert_int_equal(received(rep0) + received(rep1) + received(vf0) +
			 received(vf1),
			 xstat(vf0, "tx_good_packets") +
			 xstat(vf1, "tx_good_packets") +
			 xstat(rep1, "tx_good_packets"));
	remove_device("net_simvf0");
	remove_device("net_simvf1");
}

/* The PF goes while a VF of it is polled. */
static void
test_pf_goes_first(void **state)
{
	uint16_t rep = find("net_simpf0,representor=[0]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	struct worker w;

	(void)state;
	start_port(rep, pool_b, 1, NULL);
	start_port(vf, pool_a, 1, NULL);
	worker_start(&w, vf, 0, pool_a);
	remove_device("net_simpf0");
	assert_int_equal(rte_eth_dev_is_removed(vf), 1);
	worker_stop(&w);
	assert_int_equal(rte_eth_dev_stop(vf), 0);
	/* Another PF of that name is not the VF's. */
	assert_int_equal(rte_dev_probe("net_simpf0,vfs=3"), 0);
	assert_int_equal(rte_eth_dev_is_removed(vf), 1);
	remove_device("net_simvf0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define NIC_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		NIC_TEST(test_found_by_devargs),
		NIC_TEST(test_close_and_probe_again),
		NIC_TEST(test_bad_devices),
		NIC_TEST(test_links),
		NIC_TEST(test_pools),
		NIC_TEST(test_jumbo_frames),
		NIC_TEST(test_address_filter),
		NIC_TEST(test_rss_flow),
		NIC_TEST(test_flow_ipv4),
		NIC_TEST(test_flow_vlan),
		NIC_TEST(test_flow_ports),
		NIC_TEST(test_flow_refused),
		NIC_TEST(test_hotplug_under_traffic),
		NIC_TEST(test_rules_under_traffic),
		NIC_TEST(test_pf_goes_first),
	};
	int ret;

	if (test_eal_init() != 0)
		return EXIT_FAILURE;
	pool_a = test_pool("a");
	pool_b = test_pool("b");
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_mempool_free(pool_a);
	rte_mempool_free(pool_b);
	rte_eal_cleanup();
	return ret;
}
