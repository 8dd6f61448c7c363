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

/* Unit tests of the watch over a vDPA device, with a driver of our own. */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rte_dev.h>
#include <rte_vdpa.h>
#include <rte_vhost.h>

#include "util.h"

#define N_PAIRS 4

/* What the driver has. */
static int n_names;             /* Counters of a ring, or a negative error. */
static uint64_t faults[2 * N_PAIRS];
static unsigned int first_untold;       /* No counters from this ring on. */
static int conf_error;

/* How often it was asked. */
static unsigned int n_names_calls;
static unsigned int n_stats_calls;
static unsigned int last_ring;

static int
fake_dev_conf(int vid OVS_UNUSED)
{
    return conf_error;
}

static int
fake_dev_close(int vid OVS_UNUSED)
{
    return 0;
}

static int
fake_get_queue_num(struct rte_vdpa_device *device OVS_UNUSED, uint32_t *n)
{
    *n = N_PAIRS;
    return 0;
}

static int
fake_get_features(struct rte_vdpa_device *device OVS_UNUSED, uint64_t *features)
{
    *features = 0;
    return 0;
}

static int
fake_get_stats_names(struct rte_vdpa_device *device OVS_UNUSED,
                     struct rte_vdpa_stat_name *names, unsigned int size)
{
    n_names_calls++;
    if (names && n_names > 0 && size >= 2) {
        strcpy(names[0].name, "Packets");
        strcpy(names[1].name, "DMA faults");
    }
    return n_names;
}

static int
fake_get_stats(struct rte_vdpa_device *device OVS_UNUSED, uint16_t ring,
               struct rte_vdpa_stat *stats, unsigned int n)
{
    n_stats_calls++;
    last_ring = ring;
    if (ring >= first_untold) {
        return -EINVAL;
    }
    assert_int_equal(n, 2);
    stats[0].value = 1000;
    stats[1].value = faults[ring];
    return n;
}

static struct rte_device *
fake_get_rte_device(struct rte_vdpa_device *device)
{
    return ((struct rte_device **) device)[2];
}

static struct rte_vdpa_device *fake_get_vdpa_device(int vid);

#define rte_vdpa_get_queue_num fake_get_queue_num
#define rte_vdpa_get_features fake_get_features
#define rte_vdpa_get_stats_names fake_get_stats_names
#define rte_vdpa_get_stats fake_get_stats
#define rte_vdpa_get_rte_device fake_get_rte_device
#define rte_vhost_get_vdpa_device fake_get_vdpa_device
#include "lib/accel/vdpa.c"

static struct vdpa_ops ops;
static struct vdpa_device device;
static struct dpdk_vdpa_hw *hw;

static struct rte_vdpa_device *
fake_get_vdpa_device(int vid OVS_UNUSED)
{
    return (void *) &device;
}

static void
changed(void *n)
{
    ++*(unsigned int *) n;
}

static void
open_hw(int n)
{
    char *error = NULL;

    n_names = n;
    assert_int_equal(dpdk_vdpa_hw_open("d,vdpa=1", "d", (void *) &device, &hw,
                                       &error), 0);
}

/* Fails unless there is an error exactly if 'text' is not null, and it
 * contains that. */
static void
check_error(const char *text)
{
    char *error = dpdk_vdpa_hw_get_error(hw);

    assert_int_equal(error != NULL, text != NULL);
    if (text) {
        assert_non_null(strstr(error, text));
    }
    free(error);
}

static int
setup(void **state OVS_UNUSED)
{
    if (!ops.dev_conf) {
        ops.dev_conf = fake_dev_conf;
        ops.dev_close = fake_dev_close;
        ops.set_features = fake_dev_close;
    }
    device.ops = &ops;
    memset(faults, 0, sizeof faults);
    first_untold = 2 * N_PAIRS;
    conf_error = 0;
    n_names_calls = n_stats_calls = last_ring = 0;
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    dpdk_vdpa_hw_close(hw);
    hw = NULL;
    return 0;
}

/* A driver without counters is asked for them once. */
static void
test_no_counters(void **state OVS_UNUSED)
{
    unsigned int n;

    open_hw(-ENOTSUP);
    assert_int_equal(ops.dev_conf(0), 0);
    for (int i = 0; i < 10; i++) {
        dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    }
    assert_null(dpdk_vdpa_hw_get_stats(hw, N_PAIRS, &n));
    assert_int_equal(n, 0);
    assert_int_equal(n_names_calls, 1);
    assert_int_equal(n_stats_calls, 0);
    check_error(NULL);
}

/* What a device counted before it served this guest is no fault of its. */
static void
test_faults(void **state OVS_UNUSED)
{
    faults[3] = 5;
    open_hw(2);
    assert_int_equal(ops.dev_conf(0), 0);
    assert_true(dpdk_vdpa_hw_is_running(hw));
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    check_error(NULL);
    faults[3]++;
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    check_error("reports a fault (DMA faults)");

    /* The driver starts anew. */
    assert_int_equal(ops.dev_close(0), 0);
    faults[0]++;
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    assert_int_equal(ops.dev_conf(0), 0);
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    check_error(NULL);
    faults[0]++;
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    check_error("reports a fault");
}

/* It is asked of what the guest uses, and not if it does not run, nor again
 * and again of what it does not tell. */
static void
test_what_is_asked(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_hw_stat *stats;
    unsigned int n;

    open_hw(2);
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    assert_int_equal(n_stats_calls, 0);
    assert_int_equal(ops.dev_conf(0), 0);
    n_stats_calls = 0;
    dpdk_vdpa_hw_check_faults(hw, 2);
    assert_int_equal(n_stats_calls, 4);
    assert_int_equal(last_ring, 3);

    first_untold = 0;
    n_stats_calls = 0;
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    assert_int_equal(n_stats_calls, 1);
    first_untold = 2;
    stats = dpdk_vdpa_hw_get_stats(hw, N_PAIRS, &n);
    assert_int_equal(n, 4);
    assert_string_equal(stats[3].name, "dma_faults");
    assert_int_equal(stats[3].ring, 1);
    free(stats);
}

static void
test_conf_fails(void **state OVS_UNUSED)
{
    unsigned int n = 0;

    open_hw(2);
    dpdk_vdpa_hw_set_callback(hw, changed, &n);
    conf_error = -EIO;
    assert_int_equal(ops.dev_conf(0), -EIO);
    check_error("failed to take over the guest's queues");
    assert_false(dpdk_vdpa_hw_is_running(hw));
    assert_int_equal(n, 1);
    conf_error = 0;
    assert_int_equal(ops.dev_conf(0), 0);
    check_error(NULL);
    assert_int_equal(n, 2);
}

static void
test_unplugged(void **state OVS_UNUSED)
{
    unsigned int n = 0;

    open_hw(2);
    dpdk_vdpa_hw_set_callback(hw, changed, &n);
    rte_dev_event_callback_process("other", RTE_DEV_EVENT_REMOVE);
    assert_false(dpdk_vdpa_hw_is_removed(hw));
    rte_dev_event_callback_process("d", RTE_DEV_EVENT_REMOVE);
    assert_true(dpdk_vdpa_hw_is_removed(hw));
    assert_int_equal(n, 1);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_no_counters),
        TEST(test_faults),
        TEST(test_what_is_asked),
        TEST(test_conf_fails),
        TEST(test_unplugged),
    };

    return cmocka_run_group_tests_name("vdpa", tests, NULL, NULL);
}
