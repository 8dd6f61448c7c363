/* SPDX-License-Identifier: Apache-2.0 */

/* Interrupts of the simulated NIC's receive queues. */

#include "test-sim-ports.h"

#include <poll.h>
#include <unistd.h>

static const struct rte_eth_conf with_intr = { .intr_conf = { .rxq = 1 } };

/* Sends a packet into 'rep', which comes out of its VF. */
static void
send_to_vf(uint16_t rep)
{
	struct rte_mbuf *m = test_packet(pool_b, IPPROTO_UDP, 1, 2, 3, 4, 10);

	assert_int_equal(rte_eth_tx_burst(rep, 0, &m, 1), 1);
}

static unsigned int
take(uint16_t vf)
{
	struct rte_mbuf *pkts[32];
	uint16_t n = rte_eth_rx_burst(vf, 0, pkts, RTE_DIM(pkts));

	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

/* How often the eventfd was signalled since this was asked last. */
static uint64_t
signals(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void
test_signals(void **state)
{
	uint16_t rep = find("net_simpf0,representor=[0]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	int fd, other;

	(void)state;
	start_port(rep, pool_b, 1, NULL);
	start_port(vf, pool_a, 2, &with_intr);
	fd = rte_eth_dev_rx_intr_ctl_q_get_fd(vf, 0);
	other = rte_eth_dev_rx_intr_ctl_q_get_fd(vf, 1);
	assert_true(fd >= 0 && other >= 0 && fd != other);

	send_to_vf(rep);			/* Not armed. */
	assert_int_equal(signals(fd), 0);
	assert_int_equal(rte_eth_dev_rx_intr_enable(vf, 0), 0);
	assert_int_equal(take(vf), 1);		/* Who arms looks again. */
	send_to_vf(rep);
	send_to_vf(rep);			/* Once only. */
	assert_int_equal(signals(fd), 1);
	assert_int_equal(signals(other), 0);
	assert_int_equal(rte_eth_dev_rx_intr_enable(vf, 0), 0);
	assert_int_equal(rte_eth_dev_rx_intr_disable(vf, 0), 0);
	send_to_vf(rep);
	assert_int_equal(signals(fd), 0);
	assert_int_equal(take(vf), 3);

	/* A port that starts anew is not armed, whatever it was. */
	assert_int_equal(rte_eth_dev_rx_intr_enable(vf, 0), 0);
	assert_int_equal(rte_eth_dev_stop(vf), 0);
	assert_int_equal(rte_eth_dev_start(vf), 0);
	fd = rte_eth_dev_rx_intr_ctl_q_get_fd(vf, 0);
	send_to_vf(rep);
	assert_int_equal(signals(fd), 0);
	assert_int_equal(rte_eth_dev_stop(vf), 0);
	assert_int_equal(rte_eth_dev_stop(rep), 0);
	remove_device("net_simvf0");
}

/* A port that was not configured with interrupts has none. */
static void
test_none(void **state)
{
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");

	(void)state;
	start_port(vf, pool_a, 1, NULL);
	assert_int_equal(rte_eth_dev_rx_intr_enable(vf, 0), -ENOTSUP);
	assert_int_equal(rte_eth_dev_rx_intr_disable(vf, 0), -ENOTSUP);
	assert_true(rte_eth_dev_rx_intr_ctl_q_get_fd(vf, 0) < 0);
	assert_int_equal(rte_eth_dev_stop(vf), 0);
	remove_device("net_simvf0");
}

#define N_ROUNDS 20000

static uint32_t n_taken;

/* Sends the next packet when the last one was taken. */
static void *
sender(void *rep_)
{
	uint16_t rep = *(uint16_t *)rep_;
	uint32_t i;

	for (i = 0; i < N_ROUNDS; i++) {
		while (__atomic_load_n(&n_taken, __ATOMIC_ACQUIRE) != i)
			sched_yield();
		send_to_vf(rep);
	}
	return NULL;
}

/* One who sends and one who sleeps between packets: no wake-up is lost. */
static void
test_no_wakeup_is_lost(void **state)
{
	uint16_t rep = find("net_simpf0,representor=[0]");
	uint16_t vf = plug("net_simvf0,pf=net_simpf0,vf=0");
	unsigned int got = 0, n, waits = 0;
	pthread_t thread;
	struct pollfd pfd = { .events = POLLIN };

	(void)state;
	start_port(rep, pool_b, 1, NULL);
	start_port(vf, pool_a, 1, &with_intr);
	pfd.fd = rte_eth_dev_rx_intr_ctl_q_get_fd(vf, 0);
	n_taken = 0;
	assert_int_equal(pthread_create(&thread, NULL, sender, &rep), 0);
	while (got < N_ROUNDS) {
		n = take(vf);
		if (n == 0) {
			assert_int_equal(rte_eth_dev_rx_intr_enable(vf, 0), 0);
			n = take(vf);
		}
		if (n == 0) {
			assert_int_equal(poll(&pfd, 1, 10000), 1);
			signals(pfd.fd);
			waits++;
		}
		assert_int_equal(rte_eth_dev_rx_intr_disable(vf, 0), 0);
		got += n;
		__atomic_store_n(&n_taken, got, __ATOMIC_RELEASE);
	}
	pthread_join(thread, NULL);
	assert_int_equal(got, N_ROUNDS);
	assert_true(waits > 0);
	assert_int_equal(rte_eth_dev_stop(vf), 0);
	assert_int_equal(rte_eth_dev_stop(rep), 0);
	remove_device("net_simvf0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_signals), TEST(test_none),
		TEST(test_no_wakeup_is_lost),
	};

	return RUN(tests);
}
