/* SPDX-License-Identifier: Apache-2.0 */

/* The simulated DMA engine as an application sees it, through dmadev. */

#include "test-sim.h"

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_dmadev.h>

#define NAME "dma_sim0"
#define DESCS 64
#define LEN 100

static uint8_t from[LEN], to[LEN];
static int16_t id;

static void
engine_start(const char *args)
{
	const struct rte_dma_conf conf = { .nb_vchans = 1 };
	const struct rte_dma_vchan_conf vchan = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = DESCS,
	};
	unsigned int i;

	assert_int_equal(rte_vdev_init(NAME, args), 0);
	id = rte_dma_get_dev_id_by_name(NAME);
	assert_true(id >= 0);
	assert_int_equal(rte_dma_configure(id, &conf), 0);
	assert_int_equal(rte_dma_vchan_setup(id, 0, &vchan), 0);
	assert_int_equal(rte_dma_start(id), 0);
	for (i = 0; i < LEN; i++)
		from[i] = i;
	memset(to, 0xee, LEN);
}

static void
engine_stop(void)
{
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_vdev_uninit(NAME), 0);
	assert_true(rte_dma_get_dev_id_by_name(NAME) < 0);
}

static int
copy_one(void)
{
	return rte_dma_copy(id, 0, (uintptr_t)from, (uintptr_t)to, LEN,
			    RTE_DMA_OP_FLAG_SUBMIT);
}

static void
assert_completed(uint16_t n, uint16_t last, bool error)
{
	bool has_error;
	uint16_t idx;

	assert_int_equal(rte_dma_completed(id, 0, DESCS, &idx, &has_error), n);
	assert_int_equal(idx, last);
	assert_int_equal(has_error, error);
}

static void
assert_stats(uint64_t submitted, uint64_t completed, uint64_t errors)
{
	struct rte_dma_stats stats;

	assert_int_equal(rte_dma_stats_get(id, 0, &stats), 0);
	assert_int_equal(stats.submitted, submitted);
	assert_int_equal(stats.completed, completed);
	assert_int_equal(stats.errors, errors);
}

static void
test_copies(void **state)
{
	unsigned int i, round;

	(void)state;
	engine_start("");
	for (round = 0; round < 3; round++) {
		for (i = 0; i < DESCS; i++)
			assert_int_equal(copy_one(), round * DESCS + i);
		assert_int_equal(rte_dma_burst_capacity(id, 0), 0);
		assert_int_equal(copy_one(), -ENOSPC);
		assert_completed(DESCS, (round + 1) * DESCS - 1, false);
		assert_memory_equal(from, to, LEN);
		assert_int_equal(rte_dma_burst_capacity(id, 0), DESCS);
	}
	/* It begins anew. */
	assert_stats(3 * DESCS, 3 * DESCS, 0);
	assert_int_equal(copy_one(), 3 * DESCS);
	assert_stats(3 * DESCS + 1, 3 * DESCS, 0);
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_dma_start(id), 0);
	assert_completed(0, UINT16_MAX, false);
	assert_int_equal(copy_one(), 0);
	assert_completed(1, 0, false);
	engine_stop();
}

static void
test_delay(void **state)
{
	uint64_t begin = rte_get_tsc_cycles();
	uint16_t idx;
	bool error;

	(void)state;
	engine_start("delay=20000");
	assert_int_equal(copy_one(), 0);
	while (rte_dma_completed(id, 0, 1, &idx, &error) == 0)
		assert_false(error);
	assert_true(rte_get_tsc_cycles() - begin >= rte_get_tsc_hz() / 50);
	assert_memory_equal(from, to, LEN);
	engine_stop();
}

/* Nothing is finished, and nothing written, after so many. */
static void
test_stuck(void **state)
{
	(void)state;
	engine_start("stuck-after=2");
	copy_one();
	copy_one();
	copy_one();
	assert_completed(2, 1, false);
	memset(to, 0xee, LEN);
	assert_completed(0, 1, false);
	assert_int_equal(to[0], 0xee);
	engine_stop();
}

static void
test_fails(void **state)
{
	enum rte_dma_status_code status[3];
	uint16_t idx;

	(void)state;
	engine_start("fail-after=1");
	copy_one();
	copy_one();
	copy_one();
	assert_completed(1, 0, true);
	memset(to, 0xee, LEN);
	assert_completed(0, 0, true);
	assert_int_equal(rte_dma_completed_status(id, 0, 3, &idx, status), 2);
	assert_int_equal(idx, 2);
	assert_stats(3, 3, 2);
	assert_int_not_equal(status[0], RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_not_equal(status[1], RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(to[0], 0xee);
	engine_stop();
}

static void
test_bad(void **state)
{
	static const char * const bad[] = {
		"delay=", "delay=x", "fail-after=1x", "stuck-after=-1",
		"other=1",
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad); i++)
		assert_int_not_equal(rte_vdev_init(NAME, bad[i]), 0);
	engine_start("");
	engine_stop();
}

static int
setup(void **state)
{
	(void)state;
	return test_eal_init();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies), cmocka_unit_test(test_delay),
		cmocka_unit_test(test_stuck), cmocka_unit_test(test_fails),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests_name("sim-dma", tests, setup, NULL);
}
