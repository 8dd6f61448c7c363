/* SPDX-License-Identifier: Apache-2.0 */

#include "test-sim-ports.h"

struct rte_mempool *pool_a, *pool_b;

uint16_t
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

void
remove_device(const char *name)
{
	assert_int_equal(rte_eal_hotplug_remove("vdev", name), 0);
}

void
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

uint16_t
plug(const char *devargs)
{
	assert_int_equal(rte_dev_probe(devargs), 0);
	assert_int_not_equal(find(devargs), NONE);
	return find(devargs);
}

uint64_t
xstat(uint16_t id, const char *name)
{
	uint64_t xid, value;

	assert_int_equal(rte_eth_xstats_get_id_by_name(id, name, &xid), 0);
	assert_int_equal(rte_eth_xstats_get_by_id(id, &xid, &value, 1), 1);
	return value;
}

void
set_fault_of(uint16_t id, uint32_t set, uint32_t clear, uint32_t queues)
{
	struct sim_port *p = rte_eth_devices[id].data->dev_private;

	sim_nic_lock();
	sim_port_set_faults(p, set, clear, queues);
	sim_nic_unlock();
}

void
set_fault(uint16_t id, uint32_t set, uint32_t clear)
{
	set_fault_of(id, set, clear, SIM_ALL_QUEUES);
}

uint64_t
received(uint16_t id)
{
	return xstat(id, "rx_good_packets") + xstat(id, "rx_missed_errors") +
		xstat(id, "rx_mbuf_allocation_errors") +
		xstat(id, "rx_oversize_packets") +
		xstat(id, "rx_filtered_packets") +
		xstat(id, "rx_port_down_packets") +
		xstat(id, "rx_flushed_packets");
}

int
setup(void **state)
{
	(void)state;
	assert_int_equal(rte_dev_probe("net_simpf0,vfs=3"), 0);
	return 0;
}

int
teardown(void **state)
{
	(void)state;
	remove_device("net_simpf0");
	assert_int_equal(rte_eth_dev_count_total(), 0);
	assert_int_equal(rte_mempool_avail_count(pool_a), TEST_POOL_SIZE);
	assert_int_equal(rte_mempool_avail_count(pool_b), TEST_POOL_SIZE);
	return 0;
}

int
run_group(const char *name, const struct CMUnitTest *tests, size_t n)
{
	int ret;

	if (test_eal_init() != 0)
		return EXIT_FAILURE;
	pool_a = test_pool("a");
	pool_b = test_pool("b");
	ret = _cmocka_run_group_tests(name, tests, n, NULL, NULL);
	rte_mempool_free(pool_a);
	rte_mempool_free(pool_b);
	rte_eal_cleanup();
	return ret;
}
