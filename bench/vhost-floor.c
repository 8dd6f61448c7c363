/* SPDX-License-Identifier: Apache-2.0 */

/* The floor of the benchmarks: what rte_vhost itself costs.
 *
 *   vhost-floor [EAL argument]... -- SOCKET [QUEUES]
 *
 * takes every packet that a guest sends by rte_vhost_dequeue_burst() and gives
 * it to port 0, and takes what port 0 receives and gives it to the guest by
 * rte_vhost_enqueue_burst().  Port 0 is net_benchvf, which is nothing.  There
 * is nothing else: no counters, no checks, one connection. */

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_vhost.h>

#define BURST 32
#define MAX_QUEUES 16
#define PORT 0

static uint16_t n_queues = 1;
static struct rte_mempool *mempool;
static volatile bool quit;

/* The connection, -1 if none.  Written by rte_vhost's thread, which waits
 * until the worker has seen that it is gone. */
static int connection = -1;
static int connection_used = -1;

static int
new_device(int vid)
{
	for (int i = 0; i < 2 * n_queues; i++)
		rte_vhost_enable_guest_notification(vid, i, 0);
	__atomic_store_n(&connection, vid, __ATOMIC_SEQ_CST);
	return 0;
}

static void
destroy_device(int vid)
{
	__atomic_store_n(&connection, -1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&connection_used, __ATOMIC_SEQ_CST) == vid &&
	       !quit)
		rte_pause();
}

static const struct rte_vhost_device_ops ops = {
	.new_device = new_device,
	.destroy_device = destroy_device,
};

static inline void
poll_queue(int vid, uint16_t queue)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t n, sent;

	n = rte_vhost_dequeue_burst(vid, 2 * queue + 1, mempool, pkts, BURST);
	if (n != 0) {
		sent = rte_eth_tx_burst(PORT, queue, pkts, n);
		if (unlikely(sent < n))
			rte_pktmbuf_free_bulk(pkts + sent, n - sent);
	}

	n = rte_eth_rx_burst(PORT, queue, pkts, BURST);
	if (n != 0) {
		rte_vhost_enqueue_burst(vid, 2 * queue, pkts, n);
		rte_pktmbuf_free_bulk(pkts, n);
	}
}

static int
work(void *aux __rte_unused)
{
	while (!quit) {
		int vid = __atomic_load_n(&connection, __ATOMIC_ACQUIRE);

		__atomic_store_n(&connection_used, vid, __ATOMIC_RELEASE);
		for (uint16_t i = 0; vid >= 0 && i < n_queues; i++)
			poll_queue(vid, i);
	}
	return 0;
}

static int
start_port(void)
{
	struct rte_eth_conf conf;
	int ret;

	memset(&conf, 0, sizeof(conf));
	conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	ret = rte_eth_dev_configure(PORT, n_queues, n_queues, &conf);
	for (uint16_t i = 0; ret == 0 && i < n_queues; i++) {
		ret = rte_eth_rx_queue_setup(PORT, i, 1024, 0, NULL, mempool);
		ret = ret != 0 ? ret :
			rte_eth_tx_queue_setup(PORT, i, 1024, 0, NULL);
	}
	return ret != 0 ? ret : rte_eth_dev_start(PORT);
}

static void
stop(int signal_number __rte_unused)
{
	quit = true;
}

int
main(int argc, char **argv)
{
	int n = rte_eal_init(argc, argv);

	if (n < 0 || argc - n < 2)
		rte_exit(EXIT_FAILURE, "usage: vhost-floor EAL-ARGUMENT... -- "
			 "SOCKET [QUEUES]\n");
	if (argc - n > 2)
		n_queues = atoi(argv[n + 2]);
	if (n_queues < 1 || n_queues > MAX_QUEUES)
		rte_exit(EXIT_FAILURE, "%s is not a number of queues from 1 "
			 "to %d\n", argv[n + 2], MAX_QUEUES);
	mempool = rte_pktmbuf_pool_create("floor", 16383, 256, 0,
					  RTE_PKTMBUF_HEADROOM + 9216 + 22, 0);
	if (mempool == NULL)
		rte_exit(EXIT_FAILURE, "no memory for mbufs\n");
	if (start_port() != 0)
		rte_exit(EXIT_FAILURE, "port 0 cannot be started: give it by "
			 "--vdev net_benchvf0,...\n");
	signal(SIGTERM, stop);
	if (rte_vhost_driver_register(argv[n + 1], RTE_VHOST_USER_CLIENT) != 0
	    || rte_vhost_driver_callback_register(argv[n + 1], &ops) != 0
	    || rte_vhost_driver_start(argv[n + 1]) != 0)
		rte_exit(EXIT_FAILURE, "cannot be a client of %s\n",
			 argv[n + 1]);
	printf("ready\n");
	fflush(stdout);
	rte_eal_mp_remote_launch(work, NULL, SKIP_MAIN);
	rte_eal_mp_wait_lcore();
	return 0;
}
