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

/* Unit tests of the VF end: receive interrupts of a VF, which a PMD thread
 * waits for.  The VF is an ethdev of DPDK's driver "net_null", with interrupts
 * by a script. */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include "tests/unit/test-eal.h"

/* What the "driver" does: whether it knows interrupts of queues, takes a
 * configuration with them, and starts with them. */
static bool knows, configures, starts;

/* How the ethdev was configured last, and what its queues are: armed or not,
 * and by which file they interrupt. */
static bool with_interrupts;
static bool armed[2];
static int fds[2];

static int
fake_configure(uint16_t port_id, uint16_t n_rxq, uint16_t n_txq,
               const struct rte_eth_conf *conf)
{
    with_interrupts = conf->intr_conf.rxq;
    return (with_interrupts && !configures ? -EINVAL
            : rte_eth_dev_configure(port_id, n_rxq, n_txq, conf));
}

static int
fake_start(uint16_t port_id)
{
    return (with_interrupts && !starts ? -ENOSPC
            : rte_eth_dev_start(port_id));
}

static int
set_armed(uint16_t queue, bool on)
{
    assert_true(queue < 2);
    if (!knows || !with_interrupts) {
        return -ENOTSUP;
    }
    armed[queue] = on;
    return 0;
}

int
rte_eth_dev_rx_intr_enable(uint16_t port_id OVS_UNUSED, uint16_t queue)
{
    return set_armed(queue, true);
}

int
rte_eth_dev_rx_intr_disable(uint16_t port_id OVS_UNUSED, uint16_t queue)
{
    return set_armed(queue, false);
}

int
rte_eth_dev_rx_intr_ctl_q_get_fd(uint16_t port_id OVS_UNUSED, uint16_t queue)
{
    assert_true(knows && with_interrupts);      /* Or it says an error. */
    return fds[queue];
}

#define rte_eth_dev_configure fake_configure
#define rte_eth_dev_start fake_start
#include "lib/accel/vf.c"
#undef rte_eth_dev_configure
#undef rte_eth_dev_start

#include "base/wake.h"

#define SECOND UINT64_C(1000000000)

struct fixture {
    struct dpdk_vdpa_vf *vf;
    struct dpdk_vdpa_waiter *waiter;
};

static const struct dpdk_vdpa_vf_config config = {
    .n_pairs = 2, .n_used = 2, .n_rx_desc = 64, .n_tx_desc = 64, .mtu = 1500,
    .n_threads = 1,
};

static int
setup(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);
    uint16_t port_id;

    knows = configures = starts = true;
    for (int i = 0; i < 2; i++) {
        fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_true(fds[i] >= 0);
        armed[i] = false;
    }
    assert_int_equal(rte_eal_hotplug_add("vdev", "net_null0", ""), 0);
    assert_int_equal(rte_eth_dev_get_port_by_name("net_null0", &port_id), 0);
    f->vf = dpdk_vdpa_vf_open("net_null0", "net_null0", port_id);
    f->waiter = dpdk_vdpa_waiter_create();
    assert_non_null(f->waiter);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    dpdk_vdpa_vf_close(f->vf);
    dpdk_vdpa_waiter_destroy(f->waiter);
    assert_int_equal(rte_eal_hotplug_remove("vdev", "net_null0"), 0);
    assert_int_equal(dpdk_vdpa_pool_sweep(), 0);
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
    }
    free(f);
    return 0;
}

static void
start(struct fixture *f)
{
    char *error = NULL;

    if (dpdk_vdpa_vf_start(f->vf, &config, &error)) {
        fail_msg("%s", error);
    }
    assert_true(dpdk_vdpa_vf_is_started(f->vf));
}

/* Checks that 'queue' interrupts who waits for it. */
static void
check_interrupt(struct fixture *f, uint16_t queue)
{
    assert_true(dpdk_vdpa_vf_arm(f->vf, queue, f->waiter));
    assert_true(armed[queue]);
    assert_false(armed[!queue]);
    assert_false(dpdk_vdpa_waiter_wait(f->waiter, 1000));
    eventfd_write(fds[queue], 1);
    assert_true(dpdk_vdpa_waiter_wait(f->waiter, 60 * SECOND));
    dpdk_vdpa_vf_disarm(f->vf, queue);
    assert_false(armed[queue]);
}

static void
test_interrupts(void **state)
{
    struct fixture *f = *state;

    assert_false(dpdk_vdpa_vf_arm(f->vf, 0, f->waiter));
    start(f);
    check_interrupt(f, 0);
    check_interrupt(f, 1);
    check_interrupt(f, 0);
    assert_int_equal(dpdk_vdpa_vf_n_interrupts(f->vf), 3);

    /* Its files may be others after a restart, and the count goes on. */
    close(fds[0]);
    fds[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    start(f);
    check_interrupt(f, 0);
    assert_int_equal(dpdk_vdpa_vf_n_interrupts(f->vf), 4);
}

/* The VF works without interrupts, if need be, and arms nothing. */
static void
test_without(void **state)
{
    struct fixture *f = *state;

    knows = false;
    start(f);
    assert_true(with_interrupts);
    assert_false(dpdk_vdpa_vf_arm(f->vf, 0, f->waiter));
    knows = true;

    configures = false;
    start(f);
    assert_false(with_interrupts);
    assert_false(dpdk_vdpa_vf_arm(f->vf, 0, f->waiter));
    configures = true;

    starts = false;
    start(f);
    assert_false(with_interrupts);
    assert_false(dpdk_vdpa_vf_arm(f->vf, 1, f->waiter));
    start(f);                   /* It does not try again and again. */
    assert_false(with_interrupts);
    assert_int_equal(dpdk_vdpa_vf_n_interrupts(f->vf), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_interrupts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without, setup, teardown),
    };

    return cmocka_run_group_tests_name("vf-wakes", tests, test_eal_setup, NULL);
}
