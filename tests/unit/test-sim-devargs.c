/* SPDX-License-Identifier: Apache-2.0 */

#include "test-sim.h"

#include "compat.h"
#include "base/devargs.h"
#include "base/fault.h"

/* Fails unless 'set' has the VFs of 'first' bits, and none from 32 on. */
static void
check_set(const struct sim_vf_set *set, uint32_t first)
{
	uint16_t vf;

	for (vf = 0; vf < SIM_MAX_VFS; vf++)
		assert_int_equal(sim_vf_set_has(set, vf),
				 vf < 32 && (first >> vf & 1));
}

static void
test_pf_good(void **state)
{
	struct sim_pf_args a;

	(void)state;
	assert_int_equal(sim_devargs_parse_pf("p", "vfs=4", &a), 0);
	assert_int_equal(a.vfs, 4);
	assert_int_equal(a.queues, 0);
	assert_false(a.has_wire);
	assert_false(a.has_representor);

	assert_int_equal(sim_devargs_parse_pf("p",
		"vfs=14,queues=16,wire=tap:x,representor=[0-2,13]", &a), 0);
	assert_int_equal(a.wire, SIM_WIRE_TAP);
	assert_string_equal(a.wire_name, "x");
	check_set(&a.representors, 0x2007);

	assert_int_equal(sim_devargs_parse_pf("p", "wire=pf:q,vfs=1", &a), 0);
	assert_int_equal(a.wire, SIM_WIRE_PF);
	assert_string_equal(a.wire_name, "q");
	assert_int_equal(sim_devargs_parse_pf("p", "wire=none", &a), 0);
	assert_true(a.has_wire);
	assert_int_equal(a.wire, SIM_WIRE_NONE);
}

/* As many VFs as there can be: the last ones are far beyond a word. */
static void
test_pf_many(void **state)
{
	struct sim_pf_args a;

	(void)state;
	assert_int_equal(sim_devargs_parse_pf("p",
		"vfs=126,representor=[0,63-64,125]", &a), 0);
	assert_int_equal(a.vfs, 126);
	assert_true(sim_vf_set_has(&a.representors, 0));
	assert_false(sim_vf_set_has(&a.representors, 1));
	assert_false(sim_vf_set_has(&a.representors, 62));
	assert_true(sim_vf_set_has(&a.representors, 63));
	assert_true(sim_vf_set_has(&a.representors, 64));
	assert_false(sim_vf_set_has(&a.representors, 65));
	assert_false(sim_vf_set_has(&a.representors, 124));
	assert_true(sim_vf_set_has(&a.representors, 125));
	assert_true(sim_vf_set_is_below(&a.representors, 126));
	assert_false(sim_vf_set_is_below(&a.representors, 125));
	assert_int_equal(sim_devargs_parse_pf("p",
		"vfs=125,representor=125", &a), -EINVAL);
	assert_int_equal(sim_devargs_parse_pf("p",
		"vfs=64,representor=64", &a), -EINVAL);
	assert_int_equal(sim_devargs_parse_pf("p", "representor=126", &a),
			 -EINVAL);
}

static void
test_pf_representor_forms(void **state)
{
	static const struct {
		const char *args;
		uint32_t which;
	} forms[] = {
		{ "representor=0", 1 },
		{ "representor=[3]", 8 },
		{ "representor=vf1", 2 },
		{ "representor=vf[0-1]", 3 },
		{ "representor=pf0vf2", 4 },
		{ "representor=c0pf0vf[0,2]", 5 },
	};
	struct sim_pf_args a;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(forms); i++) {
		assert_int_equal(sim_devargs_parse_pf("p", forms[i].args, &a),
				 0);
		assert_true(a.has_representor);
		check_set(&a.representors, forms[i].which);
	}
}

/* A list of representors by name, where the library knows such. */
static void
test_pf_representor_list(void **state)
{
	const char *args = "vfs=4,representor=[vf0,vf[2-3]]";
	struct sim_pf_args a;

	(void)state;
	if (!SIM_REPRESENTOR_LISTS) {
		assert_int_equal(sim_devargs_parse_pf("p", args, &a), -EINVAL);
		return;
	}
	assert_int_equal(sim_devargs_parse_pf("p", args, &a), 0);
	check_set(&a.representors, 0xd);
	assert_int_equal(sim_devargs_parse_pf("p", "representor=[vf0,sf1]",
					      &a), -EINVAL);
	assert_int_equal(sim_devargs_parse_pf("p", "representor=[vf0,pf1vf1]",
					      &a), -EINVAL);
}

static void
test_pf_empty(void **state)
{
	struct sim_pf_args a;

	(void)state;
	assert_int_equal(sim_devargs_parse_pf("p", "", &a), 0);
	assert_int_equal(sim_devargs_parse_pf("p", NULL, &a), 0);
	assert_int_equal(a.vfs, 0);
}

static void
test_pf_bad(void **state)
{
	static const char * const bad[] = {
		"vfs=0", "vfs=127", "vfs=-1", "vfs=", "vfs", "vfs=4x", "vfs= 4",
		"vfs=4294967300", "vfs=1,vfs=2",
		"queues=0", "queues=17", "queues=x",
		"wire=", "wire=tap:", "wire=tap:a-name-of-16-chr", "wire=foo",
		"wire=pf:", "wire=pf:p", "wire",
		"representor=", "representor=x", "representor=[120-126]",
		"representor=sf0", "representor=pf1vf0", "representor=c1pf0vf0",
		"representor=pf0",
		"vfs=2,representor=[2]", "representor=[0-2],vfs=2",
		"fault=", "fault=foo",
		"unknown=1", "Vfs=1", "vfs=1,unknown",
	};
	struct sim_pf_args a;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad); i++) {
		if (sim_devargs_parse_pf("p", bad[i], &a) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void
test_vf_good(void **state)
{
	struct sim_vf_args a;

	(void)state;
	assert_int_equal(sim_devargs_parse_vf("v", "pf=net_simpf0,vf=3", &a),
			 0);
	assert_string_equal(a.pf, "net_simpf0");
	assert_int_equal(a.vf, 3);
	assert_false(a.vdpa);
	assert_int_equal(a.faults, 0);

	assert_int_equal(sim_devargs_parse_vf("v",
		"vf=13,pf=x,vdpa=1,fault=tx-stuck,fault=rx-nombuf", &a), 0);
	assert_int_equal(a.vf, 13);
	assert_true(a.vdpa);
	assert_int_equal(a.faults, SIM_FAULT_TX_STUCK | SIM_FAULT_RX_NOMBUF);
	assert_int_equal(a.queues, 0);
	assert_false(a.sw_lm);
	assert_int_equal(sim_devargs_parse_vf("v", "vf=0,pf=x,vdpa=0", &a), 0);
	assert_false(a.vdpa);

	assert_int_equal(sim_devargs_parse_vf("v", "vf=0,pf=x,vdpa=1,queues=16,"
		"sw-live-migration=1,fault=dma-fault,fault=dev-conf-fail",
		&a), 0);
	assert_int_equal(a.queues, 16);
	assert_true(a.sw_lm);
	assert_int_equal(a.faults, SIM_FAULT_DMA | SIM_FAULT_DEV_CONF);
}

static void
test_vf_tx_free(void **state)
{
	static const struct {
		const char *args;
		int mode;
		uint32_t n;
	} good[] = {
		{ "pf=x,vf=0", SIM_TX_FREE_AT_ONCE, 0 },
		{ "pf=x,vf=0,tx-free=1", SIM_TX_FREE_GROUPS, 1 },
		{ "pf=x,vf=0,tx-free=32", SIM_TX_FREE_GROUPS, 32 },
		{ "pf=x,vf=0,tx-free=1us", SIM_TX_FREE_LATER, 1 },
		{ "pf=x,vf=0,tx-free=65535us", SIM_TX_FREE_LATER, 65535 },
		{ "pf=x,vf=0,tx-free=never", SIM_TX_FREE_NEVER, 0 },
	};
	struct sim_vf_args a;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(good); i++) {
		assert_int_equal(sim_devargs_parse_vf("v", good[i].args, &a),
				 0);
		assert_int_equal(a.tx_free.mode, good[i].mode);
		assert_int_equal(a.tx_free.n, good[i].n);
	}
}

static void
test_vf_bad(void **state)
{
	static const char * const bad[] = {
		"", "pf=x", "vf=0", "pf=,vf=0", "pf=x,vf=126", "pf=x,vf=-1",
		"pf=x,vf=", "pf=x,vf=0,vdpa=2", "pf=x,vf=0,vdpa=",
		"pf=x,vf=0,fault=foo", "pf=x,vf=0,pf=y",
		"pf=x,vf=0,vdpa=1,queues=0", "pf=x,vf=0,vdpa=1,queues=17",
		"pf=x,vf=0,vdpa=1,sw-live-migration=2",
		"pf=x,vf=0,tx-free=", "pf=x,vf=0,tx-free=0",
		"pf=x,vf=0,tx-free=33", "pf=x,vf=0,tx-free=us",
		"pf=x,vf=0,tx-free=0us", "pf=x,vf=0,tx-free=65536us",
		"pf=x,vf=0,tx-free=1000000us", "pf=x,vf=0,tx-free=1ms",
		"pf=x,vf=0,tx-free=never,tx-free=1",
		"pf=x,vf=0,vdpa=1,tx-free=1",
		"pf=x,vf=0,vdpa=1,fault=tx-paused",
	};
	struct sim_vf_args a;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad); i++) {
		if (sim_devargs_parse_vf("v", bad[i], &a) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void
test_fault_names(void **state)
{
	uint32_t bit;

	(void)state;
	for (bit = SIM_FAULT_LINK_DOWN; bit <= SIM_FAULT_DMA; bit <<= 1)
		assert_int_equal(sim_fault_from_name(sim_fault_name(bit)),
				 bit);
	assert_int_equal(sim_fault_from_name("link"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pf_good),
		cmocka_unit_test(test_pf_many),
		cmocka_unit_test(test_pf_representor_forms),
		cmocka_unit_test(test_pf_representor_list),
		cmocka_unit_test(test_pf_empty),
		cmocka_unit_test(test_pf_bad),
		cmocka_unit_test(test_vf_good),
		cmocka_unit_test(test_vf_tx_free),
		cmocka_unit_test(test_vf_bad),
		cmocka_unit_test(test_fault_names),
	};

	rte_log_set_global_level(RTE_LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
