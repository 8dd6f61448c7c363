/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

/* Unit tests of the seam: how long a PMD thread sleeps, and when it waits. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/seam/vswitchd.c"

/* The last sleep and the last wait, 0 if there was none. */
static uint64_t slept_ns, waited_ns, waited_short_ns;

/* What becomes of a wait, and what it moves. */
static enum vdpa_wait wait_result;
static unsigned int wait_moves;

static enum vdpa_wait
script_wait(uint64_t ns, uint64_t short_ns, unsigned int *n_movedp)
{
    waited_ns = ns;
    waited_short_ns = short_ns;
    *n_movedp += wait_moves;
    return wait_result;
}

const struct vdpa_vswitchd_hooks vdpa_vswitchd_hooks = { .wait = script_wait };

void
__real_xnanosleep_no_quiesce(uint64_t ns)
{
    slept_ns = ns;
}

void
__real_pmd_perf_end_iteration(struct pmd_perf_stats *s OVS_UNUSED,
                              int rx_packets OVS_UNUSED,
                              int tx_packets OVS_UNUSED,
                              uint64_t sleep_cycles OVS_UNUSED,
                              bool full_metrics OVS_UNUSED)
{
}

/* Not called here. */
void
__real_netdev_dpdk_register(const struct smap *config OVS_UNUSED)
{
    fail();
}

int
__real_netdev_register_provider(const struct netdev_class *class OVS_UNUSED)
{
    fail();
    return 0;
}

void
__real_unixctl_command_register(const char *name OVS_UNUSED,
                                const char *usage OVS_UNUSED,
                                int min_args OVS_UNUSED,
                                int max_args OVS_UNUSED,
                                unixctl_cb_func *cb OVS_UNUSED,
                                void *aux OVS_UNUSED)
{
    fail();
}

/* An iteration of the thread that relays 'n' packets, and has nothing else to
 * do; Open vSwitch has it sleep for 'ns'. */
static void
iterate(unsigned int n, uint64_t ns)
{
    slept_ns = waited_ns = waited_short_ns = 0;
    if (n) {
        vdpa_vswitchd_count_relayed(n);
    }
    __wrap_xnanosleep_no_quiesce(ns);
    __wrap_pmd_perf_end_iteration(NULL, 0, 0, 0, false);
}

/* After traffic, a thread sleeps for ever longer, and waits at last. */
static void
check_ramp(uint64_t ns)
{
    unsigned int n = 0;

    for (;;) {
        iterate(0, ns);
        if (!slept_ns) {
            break;
        }
        assert_int_equal(slept_ns, ++n * SLEEP_INCREMENT_NS);
        assert_int_equal(waited_ns, 0);
        assert_true(vdpa_vswitchd_slept());
    }
    assert_int_equal(n, WAIT_MIN_NS / SLEEP_INCREMENT_NS - 1);
    assert_int_equal(waited_ns, MIN(ns, 2 * WAIT_MIN_NS));
    assert_int_equal(waited_short_ns, WAIT_MIN_NS);
    assert_true(vdpa_vswitchd_slept());
}

static void
test_ramp(void **state OVS_UNUSED)
{
    wait_result = VDPA_WAIT_TIME;
    iterate(1, 10000000);
    assert_true(!slept_ns && !waited_ns);
    assert_false(vdpa_vswitchd_slept());
    check_ramp(10000000);
    for (unsigned int i = 1; i < 100; i++) {
        iterate(0, 10000000);
        assert_int_equal(waited_ns, (i < 7 ? 2 * WAIT_MIN_NS << i
                                     : 10000000));
        assert_int_equal(waited_short_ns,
                         WAIT_MIN_NS + i * SLEEP_INCREMENT_NS);
    }
    iterate(1, 10000000);
    assert_true(!slept_ns && !waited_ns);
    check_ramp(10000000);

    /* No longer than Open vSwitch would. */
    iterate(0, 30000);
    assert_int_equal(slept_ns, 30000);
    assert_int_equal(waited_ns, 0);
}

/* Without anything to wait for, it sleeps as long as it may. */
static void
test_nothing_to_wait_for(void **state OVS_UNUSED)
{
    iterate(1, 10000000);
    wait_result = VDPA_WAIT_NONE;
    for (unsigned int i = 1; i < 200; i++) {
        iterate(0, 10000000);
        assert_int_equal(slept_ns, i * SLEEP_INCREMENT_NS);
    }
}

/* What it finds before it waits is traffic. */
static void
test_busy(void **state OVS_UNUSED)
{
    iterate(1, 10000000);
    wait_result = VDPA_WAIT_TIME;
    check_ramp(10000000);
    wait_result = VDPA_WAIT_BUSY;
    wait_moves = 3;
    iterate(0, 10000000);
    assert_int_equal(slept_ns, 0);
    wait_moves = 0;
    wait_result = VDPA_WAIT_TIME;
    check_ramp(10000000);
}

/* A guest that ends each wait for nothing makes it poll. */
static void
test_vain(void **state OVS_UNUSED)
{
    iterate(1, 10000000);
    wait_result = VDPA_WAIT_WOKEN;
    for (int i = 0; i < 3; i++) {
        check_ramp(10000000);
        for (unsigned int j = 0; j < VAIN_WAITS_MAX; j++) {
            iterate(0, 10000000);
            assert_true(waited_ns);
        }
    }

    /* Not if there was something in between. */
    check_ramp(10000000);
    for (int i = 0; i < 5; i++) {
        for (unsigned int j = 1; j < VAIN_WAITS_MAX; j++) {
            iterate(0, 10000000);
            assert_true(waited_ns);
        }
        wait_result = VDPA_WAIT_TIME;
        iterate(0, 10000000);
        wait_result = VDPA_WAIT_WOKEN;
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ramp),
        cmocka_unit_test(test_nothing_to_wait_for),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_vain),
    };

    return cmocka_run_group_tests_name("vswitchd", tests, NULL, NULL);
}
