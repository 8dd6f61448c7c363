/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TEST_SIM_PORTS_H
#define TEST_SIM_PORTS_H

/* A simulated NIC as an application sees it, through ethdev: what its tests
 * share. */

#include "test-sim.h"

#include <pthread.h>

#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_flow.h>

#include "nic/port.h"

#define NONE RTE_MAX_ETHPORTS

extern struct rte_mempool *pool_a, *pool_b;

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

/* The way OVS looks ports up. */
uint16_t find(const char *devargs);
void remove_device(const char *name);
void start_port(uint16_t id, struct rte_mempool *pool, uint16_t queues,
		const struct rte_eth_conf *conf);
uint16_t plug(const char *devargs);
uint64_t xstat(uint16_t id, const char *name);
/* Faults of some queues, and of all. */
void set_fault_of(uint16_t id, uint32_t set, uint32_t clear, uint32_t queues);
void set_fault(uint16_t id, uint32_t set, uint32_t clear);
/* All that became of packets that were meant for this port. */
uint64_t received(uint16_t id);
int setup(void **state);
int teardown(void **state);

/* For main(): runs the tests. */
#define RUN(TESTS) run_group(#TESTS, TESTS, RTE_DIM(TESTS))
int run_group(const char *name, const struct CMUnitTest *tests, size_t n);

#endif /* TEST_SIM_PORTS_H */
