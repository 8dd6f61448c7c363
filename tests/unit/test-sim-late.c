/* SPDX-License-Identifier: Apache-2.0 */

/* The simulated NIC as a device that tells late what it has sent, and that
 * sends what is in somebody else's memory. */

#include "test-sim-ports.h"

#define DESCS 128		/* As start_port() has it. */
#define LEN 600			/* Of the part in memory of the test's. */
#define PAGE 4096

static uint8_t memory[PAGE] __rte_aligned(PAGE);
static unsigned int n_freed;	/* By the driver, of what was lent. */
static struct rte_mbuf_ext_shared_info shared;

static void
memory_freed(void *addr, void *aux)
{
	(void)aux;
	assert_ptr_equal(addr, memory);
	memset(memory, 0xee, LEN);
	n_freed++;
}

/* A packet whose second half, of bytes 'value', is in 'memory'. */
static struct rte_mbuf *
lent_packet(uint8_t value)
{
	struct rte_mbuf *head = test_packet(pool_a, IPPROTO_UDP, 1, 2, 3, 4,
					    20);
	struct rte_mbuf *seg = rte_pktmbuf_alloc(pool_a);

	assert_non_null(seg);
	memset(memory, value, LEN);
	shared.free_cb = memory_freed;
	rte_mbuf_ext_refcnt_set(&shared, 1);
	rte_pktmbuf_attach_extbuf(seg, memory, RTE_BAD_IOVA, LEN, &shared);
	seg->data_len = seg->pkt_len = LEN;
	assert_int_equal(rte_pktmbuf_chain(head, seg), 0);
	return head;
}

static struct rte_mbuf *
plain_packet(void)
{
	return test_packet(pool_a, IPPROTO_UDP, 1, 2, 3, 4, 20);
}

static uint16_t
send_one(uint16_t vf, struct rte_mbuf *pkt)
{
	uint16_t n = rte_eth_tx_burst(vf, 0, &pkt, 1);

	if (n == 0)
		rte_pktmbuf_free(pkt);
	return n;
}

/* Takes the one packet that the representor got, which ends with bytes
 * 'value'. */
static void
check_arrived(uint16_t rep, uint8_t value)
{
	struct rte_mbuf *pkt, *seg;
	uint8_t copy[LEN];
	const uint8_t *data;
	unsigned int i;

	assert_int_equal(rte_eth_rx_burst(rep, 0, &pkt, 1), 1);
	for (seg = pkt; seg != NULL; seg = seg->next)
		assert_true(RTE_MBUF_DIRECT(seg));
	data = rte_pktmbuf_read(pkt, pkt->pkt_len - LEN, LEN, copy);
	for (i = 0; i < LEN; i++)
		assert_int_equal(data[i], value);
	rte_pktmbuf_free(pkt);
}

static struct rte_device *
device_of(uint16_t port)
{
	struct rte_eth_dev_info info;

	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	return info.device;
}

static uint16_t
start_vf(const char *devargs, uint16_t *repp)
{
	uint16_t vf = plug(devargs);

	n_freed = 0;
	assert_int_equal(rte_extmem_register(memory, PAGE, NULL, 0, PAGE), 0);
	assert_int_equal(rte_dev_dma_map(device_of(vf), memory, 0, PAGE), 0);
	*repp = find("net_simpf0,representor=[0]");
	start_port(*repp, pool_b, 1, NULL);
	start_port(vf, pool_a, 1, NULL);
	return vf;
}

static void
stop_vf(uint16_t vf, uint16_t rep)
{
	assert_int_equal(rte_eth_dev_stop(vf), 0);
	assert_int_equal(rte_eth_dev_stop(rep), 0);
	rte_dev_dma_unmap(device_of(vf), memory, 0, PAGE);
	assert_int_equal(rte_extmem_unregister(memory, PAGE), 0);
	remove_device("net_simvf0");
}

/* What is lent is free when it was sent, and others got a copy. */
static void
test_lent_at_once(void **state)
{
	uint16_t rep, vf = start_vf("net_simvf0,pf=net_simpf0,vf=0", &rep);
	unsigned int i;

	(void)state;
	for (i = 1; i <= 10; i++) {
		assert_int_equal(send_one(vf, lent_packet(i)), 1);
		assert_int_equal(n_freed, i);
		check_arrived(rep, i);
	}
	stop_vf(vf, rep);
}

/* What the device does not reach is lost, and counted. */
static void
test_lent_unmapped(void **state)
{
	uint16_t rep, vf = start_vf("net_simvf0,pf=net_simpf0,vf=0", &rep);
	struct rte_device *device = device_of(vf);
	struct rte_eth_stats stats;
	struct rte_mbuf *pkt;

	(void)state;
	assert_int_not_equal(rte_dev_dma_map(device, memory, 0, PAGE), 0);
	assert_int_equal(rte_dev_dma_unmap(device, memory, 0, PAGE), 0);
	assert_int_not_equal(rte_dev_dma_unmap(device, memory, 0, PAGE), 0);
	assert_int_equal(send_one(vf, lent_packet(1)), 1);
	assert_int_equal(n_freed, 1);
	assert_int_equal(rte_eth_rx_burst(rep, 0, &pkt, 1), 0);
	assert_int_equal(rte_eth_stats_get(vf, &stats), 0);
	assert_int_equal(stats.oerrors, 1);
	/* All but the last byte. */
	assert_int_equal(rte_dev_dma_map(device, memory, 0, LEN - 1), 0);
	assert_int_equal(send_one(vf, lent_packet(1)), 1);
	assert_int_equal(rte_eth_stats_get(vf, &stats), 0);
	assert_int_equal(stats.oerrors, 2);
	assert_int_equal(rte_dev_dma_unmap(device, memory, 0, LEN - 1), 0);
	assert_int_equal(rte_dev_dma_map(device, memory, 0, LEN), 0);
	assert_int_equal(send_one(vf, lent_packet(3)), 1);
	check_arrived(rep, 3);
	stop_vf(vf, rep);
}

/* The same of a packet that the device cuts. */
static void
test_lent_cut(void **state)
{
	static const struct rte_eth_conf conf = {
		.txmode.offloads = RTE_ETH_TX_OFFLOAD_TCP_TSO |
			RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
			RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |
			RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	};
	uint16_t rep, vf = start_vf("net_simvf0,pf=net_simpf0,vf=0", &rep);
	struct rte_mbuf *pkt, *seg;
	uint16_t n = 0;

	(void)state;
	assert_int_equal(rte_eth_dev_stop(vf), 0);
	start_port(vf, pool_a, 1, &conf);
	pkt = test_packet(pool_a, IPPROTO_TCP, 1, 2, 3, 4, 0);
	seg = lent_packet(7);
	pkt->next = seg->next;	/* The part that is lent. */
	pkt->nb_segs = 2;
	pkt->pkt_len += LEN;
	seg->next = NULL;
	seg->nb_segs = 1;
	rte_pktmbuf_free(seg);
	pkt->l2_len = sizeof(struct rte_ether_hdr);
	pkt->l3_len = sizeof(struct rte_ipv4_hdr);
	pkt->l4_len = sizeof(struct rte_tcp_hdr);
	pkt->tso_segsz = LEN / 3;
	pkt->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
		RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4;
	assert_int_equal(send_one(vf, pkt), 1);
	assert_int_equal(n_freed, 1);
	while (rte_eth_rx_burst(rep, 0, &pkt, 1) == 1) {
		const uint8_t *data = rte_pktmbuf_mtod(pkt, const uint8_t *);

		assert_int_equal(data[pkt->data_len - 1], 7);
		rte_pktmbuf_free(pkt);
		n++;
	}
	assert_int_equal(n, 3);
	stop_vf(vf, rep);
}

static void
test_groups(void **state)
{
	uint16_t rep, vf = start_vf("net_simvf0,pf=net_simpf0,vf=0,tx-free=4",
				    &rep);
	unsigned int i;

	(void)state;
	for (i = 1; i <= 3; i++) {
		assert_int_equal(send_one(vf, i == 1 ? lent_packet(i) :
					  plain_packet()), 1);
		assert_int_equal(rte_eth_tx_done_cleanup(vf, 0, 0), 0);
	}
	check_arrived(rep, 1);
	assert_int_equal(n_freed, 0);
	assert_int_equal(send_one(vf, plain_packet()), 1);
	assert_int_equal(rte_eth_tx_done_cleanup(vf, 0, 1), 1);
	assert_int_equal(n_freed, 1);
	stop_vf(vf, rep);
}

static void
test_later(void **state)
{
	uint16_t rep, vf = start_vf("net_simvf0,pf=net_simpf0,vf=0,"
				    "tx-free=20000us", &rep);
	uint64_t start = rte_get_tsc_cycles();

	(void)state;
	assert_int_equal(send_one(vf, lent_packet(1)), 1);
	check_arrived(rep, 1);
	WAIT(rte_eth_tx_done_cleanup(vf, 0, 0) == 1);
	assert_int_equal(n_freed, 1);
	assert_true(rte_get_tsc_cycles() - start >= rte_get_tsc_hz() / 50);
	stop_vf(vf, rep);
}

/* A queue that is full of what was sent takes no more, until it is stopped. */
static void
test_never(void **state)
{
	uint16_t rep, vf = start_vf("net_simvf0,pf=net_simpf0,vf=0,"
				    "tx-free=never", &rep);
	unsigned int i;

	(void)state;
	assert_int_equal(send_one(vf, lent_packet(1)), 1);
	for (i = 2; i < DESCS; i++)
		assert_int_equal(send_one(vf, plain_packet()), 1);
	assert_int_equal(rte_eth_tx_done_cleanup(vf, 0, 0), 0);
	assert_int_equal(send_one(vf, plain_packet()), 0);
	assert_int_equal(n_freed, 0);
	check_arrived(rep, 1);
	assert_int_equal(xstat(vf, "tx_good_packets"), DESCS - 1);
	assert_int_equal(rte_eth_dev_stop(vf), 0);
	assert_int_equal(n_freed, 1);
	start_port(vf, pool_a, 1, NULL);
	assert_int_equal(send_one(vf, plain_packet()), 1);
	stop_vf(vf, rep);
}

/* A queue that is stopped gives back what it has, and can go on. */
static void
test_queue_stop(void **state)
{
	uint16_t rep, vf = start_vf("net_simvf0,pf=net_simpf0,vf=0,"
				    "tx-free=never", &rep);

	(void)state;
	assert_int_equal(send_one(vf, lent_packet(1)), 1);
	assert_int_equal(rte_eth_tx_done_cleanup(vf, 0, 0), 0);
	assert_int_equal(rte_eth_dev_tx_queue_stop(vf, 0), 0);
	assert_int_equal(n_freed, 1);
	assert_int_equal(rte_eth_dev_tx_queue_start(vf, 0), 0);
	assert_int_equal(send_one(vf, plain_packet()), 1);
	stop_vf(vf, rep);
}

/* One that is stuck neither stops nor gives anything back. */
static void
test_queue_stuck(void **state)
{
	uint16_t rep, vf = start_vf("net_simvf0,pf=net_simpf0,vf=0,tx-free=2",
				    &rep);

	(void)state;
	assert_int_equal(send_one(vf, lent_packet(1)), 1);
	assert_int_equal(send_one(vf, plain_packet()), 1);
	set_fault(vf, SIM_FAULT_TX_STUCK, 0);
	assert_int_equal(rte_eth_tx_done_cleanup(vf, 0, 0), 0);
	assert_true(rte_eth_dev_tx_queue_stop(vf, 0) < 0);
	assert_int_equal(n_freed, 0);
	set_fault(vf, 0, SIM_FAULT_TX_STUCK);
	assert_int_equal(rte_eth_tx_done_cleanup(vf, 0, 0), 2);
	assert_int_equal(n_freed, 1);
	stop_vf(vf, rep);
}

/* One that is paused takes what it has descriptors for, sends it later, in
 * order, and loses what waits when it is stopped. */
static void
test_queue_paused(void **state)
{
	uint16_t rep, vf = start_vf("net_simvf0,pf=net_simpf0,vf=0", &rep);
	struct rte_mbuf *pkt;
	unsigned int i;

	(void)state;
	set_fault(vf, SIM_FAULT_TX_PAUSED, 0);
	assert_int_equal(send_one(vf, lent_packet(1)), 1);
	for (i = 2; i < DESCS; i++)
		assert_int_equal(send_one(vf, plain_packet()), 1);
	assert_int_equal(send_one(vf, plain_packet()), 0);
	assert_int_equal(rte_eth_tx_done_cleanup(vf, 0, 0), 0);
	assert_int_equal(n_freed, 0);
	assert_int_equal(rte_eth_rx_burst(rep, 0, &pkt, 1), 0);
	assert_int_equal(xstat(vf, "tx_good_packets"), 0);

	set_fault(vf, 0, SIM_FAULT_TX_PAUSED);
	assert_int_equal(rte_eth_tx_done_cleanup(vf, 0, 0), DESCS - 1);
	assert_int_equal(n_freed, 1);
	check_arrived(rep, 1);
	for (i = 2; i < DESCS; i++) {
		assert_int_equal(rte_eth_rx_burst(rep, 0, &pkt, 1), 1);
		rte_pktmbuf_free(pkt);
	}
	assert_int_equal(xstat(vf, "tx_good_packets"), DESCS - 1);

	/* Whoever is next sends what waits before. */
	set_fault_of(vf, SIM_FAULT_TX_PAUSED, 0, 1u << 0);
	assert_int_equal(send_one(vf, lent_packet(2)), 1);
	set_fault_of(vf, 0, SIM_FAULT_TX_PAUSED, 1u << 0);
	assert_int_equal(send_one(vf, plain_packet()), 1);
	check_arrived(rep, 2);
	assert_int_equal(rte_eth_rx_burst(rep, 0, &pkt, 1), 1);
	rte_pktmbuf_free(pkt);
	assert_int_equal(n_freed, 2);

	set_fault(vf, SIM_FAULT_TX_PAUSED, 0);
	assert_int_equal(send_one(vf, lent_packet(3)), 1);
	assert_int_equal(send_one(vf, plain_packet()), 1);
	assert_int_equal(rte_eth_dev_tx_queue_stop(vf, 0), 0);
	assert_int_equal(n_freed, 3);
	assert_int_equal(xstat(vf, "tx_flushed_packets"), 2);
	set_fault(vf, 0, SIM_FAULT_TX_PAUSED);
	assert_int_equal(rte_eth_dev_tx_queue_start(vf, 0), 0);
	assert_int_equal(rte_eth_rx_burst(rep, 0, &pkt, 1), 0);
	assert_int_equal(xstat(vf, "tx_good_packets"), DESCS + 1);
	stop_vf(vf, rep);
}

/* Who sets a queue up says how often the device tells of packets. */
static void
test_threshold(void **state)
{
	uint16_t rep, vf = start_vf("net_simvf0,pf=net_simpf0,vf=0,tx-free=4",
				    &rep);
	struct rte_eth_dev_info info;
	struct rte_eth_txconf conf;

	(void)state;
	assert_int_equal(rte_eth_dev_info_get(vf, &info), 0);
	assert_int_equal(info.default_txconf.tx_rs_thresh, 4);
	assert_int_equal(rte_eth_dev_stop(vf), 0);
	conf = info.default_txconf;
	conf.tx_rs_thresh = 1;
	assert_int_equal(rte_eth_tx_queue_setup(vf, 0, DESCS, 0, &conf), 0);
	assert_int_equal(rte_eth_dev_start(vf), 0);
	assert_int_equal(send_one(vf, lent_packet(1)), 1);
	assert_int_equal(rte_eth_tx_done_cleanup(vf, 0, 0), 1);
	assert_int_equal(n_freed, 1);
	stop_vf(vf, rep);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lent_at_once), TEST(test_lent_unmapped),
		TEST(test_lent_cut),
		TEST(test_groups), TEST(test_later), TEST(test_never),
		TEST(test_queue_stop), TEST(test_queue_stuck),
		TEST(test_queue_paused),
		TEST(test_threshold),
	};

	return RUN(tests);
}
