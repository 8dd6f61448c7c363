/* SPDX-License-Identifier: Apache-2.0 */

/* The simulated NIC as an application sees it, through ethdev. */

#include "test-sim-ports.h"

#include "compat.h"

/* In the place of DPDK's: how far the series that is loaded is from the one
 * compiled for. */
static unsigned int years_ahead;

unsigned int
rte_version_year(void)
{
	return RTE_VER_YEAR + years_ahead;
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

/* DPDK of another series is none of ours. */
static void
test_other_dpdk(void **state)
{
	(void)state;
	years_ahead = 1;
	assert_false(sim_dpdk_is_ours());
	assert_int_not_equal(rte_dev_probe("net_simpf3,vfs=1"), 0);
	years_ahead = 0;
	assert_true(sim_dpdk_is_ours());
	assert_int_equal(rte_dev_probe("net_simpf3,vfs=1"), 0);
	remove_device("net_simpf3");
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
	/* Nor of one that has more than there can be. */
	if (RTE_MAX_ETHPORTS < 126) {
		assert_int_not_equal(rte_dev_probe("net_simpf1,vfs=126"), 0);
		assert_int_equal(rte_eth_dev_count_total(), count);
	}
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

/* Two faults in different queues of one port. */
static void
test_faults_of_queues(void **state)
{
	uint16_t rep = find("net_simpf0,representor=[0]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	struct rte_mbuf *m = test_packet(pool_a, IPPROTO_UDP, 1, 2, 3, 4, 10);

	(void)state;
	start_port(vf, pool_a, 2, NULL);
	start_port(rep, pool_b, 1, NULL);
	set_fault_of(vf, SIM_FAULT_TX_STUCK, 0, 1u << 1);
	set_fault_of(vf, SIM_FAULT_RX_STUCK, 0, 1u << 0);
	assert_int_equal(rte_eth_tx_burst(vf, 1, &m, 1), 0);
	assert_int_equal(rte_eth_tx_burst(vf, 0, &m, 1), 1);
	assert_int_equal(rte_eth_rx_burst(rep, 0, &m, 1), 1);
	assert_int_equal(rte_eth_tx_burst(rep, 0, &m, 1), 1);
	assert_int_equal(rte_eth_rx_burst(vf, 0, &m, 1), 0);
	set_fault_of(vf, 0, SIM_FAULT_RX_STUCK, 1u << 0);
	assert_int_equal(rte_eth_rx_burst(vf, 0, &m, 1), 1);
	assert_int_equal(rte_eth_tx_burst(vf, 1, &m, 1), 0);
	rte_pktmbuf_free(m);
	remove_device("net_simvf0");
}

static struct rte_eth_switch_info
switch_info(uint16_t id)
{
	struct rte_eth_dev_info info;

	assert_int_equal(rte_eth_dev_info_get(id, &info), 0);
	return info.switch_info;
}

/* The id that a PF has for a representor of a VF, as ethdev works it out from
 * what rte_eth_representor_info_get() says. */
static uint16_t
representor_id(uint16_t pf, uint16_t vf)
{
	uint16_t id = UINT16_MAX;

	assert_int_equal(rte_eth_representor_id_get(pf,
			 RTE_ETH_REPRESENTOR_VF, -1, -1, vf, &id), 0);
	return id;
}

/* Who belongs to whom can be told without names: a VF and its representor have
 * the switch's domain and the port in it in common, and nobody else has
 * both. */
static void
test_pairs(void **state)
{
	struct rte_eth_switch_info pf, rep, vf;
	uint16_t k, i, vfs[3], pf_id, other;
	char devargs[64];

	(void)state;
	assert_int_equal(rte_dev_probe("net_simpf1,vfs=1"), 0);
	other = find("net_simpf1,vfs=1");
	pf_id = find("net_simpf0,vfs=3");
	pf = switch_info(pf_id);
	assert_int_not_equal(pf.domain_id,
			     RTE_ETH_DEV_SWITCH_DOMAIN_ID_INVALID);
	assert_int_not_equal(pf.domain_id, switch_info(other).domain_id);
	for (k = 0; k < 3; k++) {
		snprintf(devargs, sizeof(devargs),
			 "net_simvf%u,pf=net_simpf0,vf=%u", k, k);
		vfs[k] = plug(devargs);
	}
	for (k = 0; k < 3; k++) {
		snprintf(devargs, sizeof(devargs),
			 "net_simpf0,representor=[%u]", k);
		rep = switch_info(find(devargs));
		assert_int_equal(rep.domain_id, pf.domain_id);
		assert_int_equal(rep.port_id, representor_id(pf_id, k));
		assert_int_not_equal(rep.port_id, pf.port_id);
		for (i = 0; i < 3; i++) {
			vf = switch_info(vfs[i]);
			assert_string_equal(vf.name, "net_simpf0");
			assert_int_equal(vf.domain_id, rep.domain_id);
			assert_int_equal(vf.port_id == rep.port_id, i == k);
		}
	}
	remove_device("net_simvf0");
	remove_device("net_simvf1");
	remove_device("net_simvf2");
	remove_device("net_simpf1");
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

/* A VF that is pulled out says so as a device and as a port; a representor
 * whose port goes is no device of its own. */
static void
on_device_event(const char *name, enum rte_dev_event_type event, void *arg)
{
	if (event == RTE_DEV_EVENT_REMOVE)
		__atomic_fetch_add((unsigned int *)arg, 1, __ATOMIC_RELEASE);
	assert_string_equal(name, "net_simvf0");
}

static void
test_removal_event(void **state)
{
	uint16_t rep = find("net_simpf0,representor=[1]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	unsigned int removals = 0;

	(void)state;
	assert_int_equal(rte_dev_event_callback_register(NULL,
			 on_device_event, &removals), 0);
	set_fault(rep, SIM_FAULT_REMOVED, 0);
	set_fault(vf, SIM_FAULT_REMOVED, 0);
	WAIT(__atomic_load_n(&removals, __ATOMIC_ACQUIRE) == 1);
	/* Once. */
	set_fault(vf, SIM_FAULT_REMOVED, 0);
	WAIT(rte_dev_event_callback_unregister(NULL, on_device_event,
					       &removals) > 0);
	assert_int_equal(removals, 1);
	remove_device("net_simvf0");
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
		TEST(test_found_by_devargs), TEST(test_close_and_probe_again),
		TEST(test_bad_devices), TEST(test_other_dpdk),
		TEST(test_links),
		TEST(test_faults_of_queues),
		TEST(test_pairs), TEST(test_removal_event), TEST(test_pools),
		TEST(test_jumbo_frames), TEST(test_address_filter),
		TEST(test_hotplug_under_traffic),
		TEST(test_rules_under_traffic), TEST(test_pf_goes_first),
	};

	return RUN(tests);
}
