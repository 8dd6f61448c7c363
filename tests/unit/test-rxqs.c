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

/* Unit tests of the number of a port's rx-queues, with a scripted guest and a
 * scripted clock. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "seq.h"
#include "timeval.h"

static long long int clock_ms;       /* In ms. */
#define time_msec() clock_ms

#include "lib/port/rxqs.c"

static struct vdpa_port port;
static struct netdev netdev;
static char something;          /* To point at, for ends that are there. */

/* What is there. */
static bool guest_is_up;
static bool enabled_pairs[DPDK_VDPA_MAX_PAIRS];
static struct dpdk_vdpa_vf_config vf_config;
static int n_rep_rxqs;
static bool is_main_thread;

bool
dpdk_vdpa_vm_is_up(const struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    return guest_is_up;
}

void
dpdk_vdpa_vm_get_enabled(const struct dpdk_vdpa_vm *vm OVS_UNUSED,
                         bool *enabled, unsigned int n)
{
    memcpy(enabled, enabled_pairs, n * sizeof *enabled);
}

const struct dpdk_vdpa_vf_config *
dpdk_vdpa_vf_get_config(const struct dpdk_vdpa_vf *vf OVS_UNUSED)
{
    return &vf_config;
}

struct vdpa_port *
vdpa_port_lookup(const struct netdev *n)
{
    return n == &netdev ? &port : NULL;
}

/* The base class, which sees the representor's number. */
static int
base_get_status(const struct netdev *n, struct smap *args OVS_UNUSED)
{
    return n->n_rxq == 1 ? ENODEV : 0;
}

static const struct netdev_class base = { .get_status = base_get_status };
const struct netdev_class *vdpa_base_class = &base;

void
vdpa_port_event(struct vdpa_port *p OVS_UNUSED, const char *format OVS_UNUSED,
                ...)
{
}

bool
vdpa_port_try_take(void)
{
    return is_main_thread;
}

static void
set_pairs(unsigned int n)
{
    for (unsigned int i = 0; i < DPDK_VDPA_MAX_PAIRS; i++) {
        enabled_pairs[i] = i < n;
    }
}

/* Open vSwitch reconfigures the port: the base class must see the number that
 * it left behind. */
static void
reconfigure(void)
{
    netdev.last_reconfigure_seq = seq_read(netdev.reconfigure_seq);
    vdpa_rxqs_hide(&port);
    assert_int_equal(netdev.n_rxq, vdpa_rxqs_n_own(&port));
    netdev.n_rxq = n_rep_rxqs;
    vdpa_rxqs_reconfigured(&port);
}

/* Lets 'ms' pass, with a look each 10 ms.  Returns how often the port was
 * reconfigured, as Open vSwitch does if asked to. */
static int
pass(long long int ms)
{
    int n = 0;

    for (long long int end = clock_ms + ms; clock_ms < end; ) {
        clock_ms += 10;
        vdpa_rxqs_look(&port);
        vdpa_rxqs_run(&port);
        if (netdev_is_reconf_required(&netdev)) {
            reconfigure();
            n++;
        }
    }
    return n;
}

static int
set_up(void **state OVS_UNUSED)
{
    memset(&port, 0, sizeof port);
    memset(&netdev, 0, sizeof netdev);
    netdev.reconfigure_seq = seq_create();
    port.netdev = &netdev;
    port.accel = VDPA_ACCEL_RELAY;
    port.vm = (struct dpdk_vdpa_vm *) &something;
    port.vf = (struct dpdk_vdpa_vf *) &something;
    atomic_init(&port.rxqs.n_own, 0);
    guest_is_up = true;
    vf_config.n_used = 16;
    n_rep_rxqs = 1;
    clock_ms = 1000000;
    set_pairs(0);
    reconfigure();
    assert_int_equal(netdev.n_rxq, 1);
    assert_int_equal(pass(5000), 0);
    return 0;
}

static int
tear_down(void **state OVS_UNUSED)
{
    seq_destroy(netdev.reconfigure_seq);
    return 0;
}

static void
test_grows(void **state OVS_UNUSED)
{
    /* It enables one after the other. */
    for (int i = 1; i <= 4; i++) {
        set_pairs(i);
        assert_int_equal(pass(500), 0);
    }
    assert_int_equal(pass(400), 0);
    assert_true(change_time(&port) >= clock_ms
                && change_time(&port) <= clock_ms + 120);
    assert_int_equal(pass(200), 1);
    assert_int_equal(netdev.n_rxq, 4);
    assert_int_equal(vdpa_rxqs_n_own(&port), 1);
    assert_int_equal(pass(100000), 0);
    assert_int_equal(change_time(&port), LLONG_MAX);

    /* Another reason to reconfigure changes nothing. */
    reconfigure();
    assert_int_equal(netdev.n_rxq, 4);
}

/* As many as the representor's are there anyway. */
static void
test_representor_has_more(void **state OVS_UNUSED)
{
    n_rep_rxqs = 4;
    reconfigure();
    set_pairs(4);
    assert_int_equal(pass(100000), 0);
    assert_int_equal(netdev.n_rxq, 4);
    set_pairs(5);
    assert_int_equal(pass(100000), 1);
    assert_int_equal(netdev.n_rxq, 5);
    n_rep_rxqs = 6;
    reconfigure();
    assert_int_equal(netdev.n_rxq, 6);
    n_rep_rxqs = 1;
    reconfigure();
    assert_int_equal(netdev.n_rxq, 5);
}

/* What is told of the representor is its own. */
static void
test_hidden(void **state OVS_UNUSED)
{
    set_pairs(4);
    pass(2000);
    set_pairs(8);
    vdpa_rxqs_look(&port);
    vdpa_rxqs_hide(&port);
    assert_int_equal(netdev.n_rxq, 1);
    vdpa_rxqs_show(&port);
    assert_int_equal(netdev.n_rxq, 4);
    assert_int_equal(vdpa_rxqs_get_status(&port, NULL), ENODEV);
    assert_int_equal(netdev.n_rxq, 4);
}

static void
test_plays(void **state OVS_UNUSED)
{
    /* Faster than it can count. */
    for (int i = 0; i < 100; i++) {
        set_pairs(i % 2 ? 1 : 4);
        assert_int_equal(pass(300), 0);
    }
    set_pairs(1);
    assert_int_equal(pass(5000), 0);
    assert_int_equal(netdev.n_rxq, 1);

    /* Slower: the queues stay. */
    for (int i = 0; i < 20; i++) {
        set_pairs(i % 2 ? 1 : 4);
        assert_int_equal(pass(2000), i == 0);
        assert_int_equal(netdev.n_rxq, 4);
    }
}

/* One at a time, a moment apart, is many at a time. */
static void
test_steps(void **state OVS_UNUSED)
{
    int n = 0;

    for (int i = 2; i <= 16; i++) {
        set_pairs(i);
        n += pass(2000);
    }
    assert_true(n >= 1 && n <= 1 + 15 * 2000 / CHANGE_INTERVAL);
    pass(CHANGE_INTERVAL);
    assert_int_equal(netdev.n_rxq, 16);
}

static void
test_reboot(void **state OVS_UNUSED)
{
    set_pairs(4);
    assert_int_equal(pass(2000), 1);
    guest_is_up = false;
    assert_int_equal(pass(20000), 0);
    guest_is_up = true;
    set_pairs(1);               /* Firmware. */
    assert_int_equal(pass(30000), 0);
    set_pairs(4);
    assert_int_equal(pass(100000), 0);
    assert_int_equal(netdev.n_rxq, 4);
}

static void
test_shrinks(void **state OVS_UNUSED)
{
    set_pairs(4);
    assert_int_equal(pass(2000), 1);
    set_pairs(2);
    assert_int_equal(pass(SHRINK_DELAY - 1000), 0);
    assert_int_equal(pass(2000), 1);
    assert_int_equal(netdev.n_rxq, 2);
    guest_is_up = false;
    assert_int_equal(pass(SHRINK_DELAY + 1000), 1);
    assert_int_equal(netdev.n_rxq, 1);
    assert_int_equal(pass(100000), 0);
}

/* In hardware mode nothing is relayed. */
static void
test_hardware(void **state OVS_UNUSED)
{
    set_pairs(4);
    assert_int_equal(pass(20000), 1);
    port.accel = VDPA_ACCEL_VDPA;
    port.hw = (struct dpdk_vdpa_hw *) &something;
    port.vf = NULL;
    assert_int_equal(pass(GROW_DELAY + 1000), 1);
    assert_int_equal(netdev.n_rxq, 1);
}

/* A pair that the VF has no queue for has its lanes on another one's. */
static void
test_beyond_the_vf(void **state OVS_UNUSED)
{
    vf_config.n_used = 2;
    enabled_pairs[DPDK_VDPA_MAX_PAIRS - 1] = true;
    assert_int_equal(pass(2000), 1);
    assert_int_equal(netdev.n_rxq, 2);
    vf_config.n_used = DPDK_VDPA_MAX_PAIRS;
    assert_int_equal(pass(20000), 1);
    assert_int_equal(netdev.n_rxq, DPDK_VDPA_MAX_PAIRS);
}

/* Threads that offload flows learn of the representor's queues only, whether
 * or not the others are hidden from the base class. */
static void
test_n_rxq(void **state OVS_UNUSED)
{
    struct netdev other = { .n_rxq = 7 };

    set_pairs(4);
    pass(2000);
    is_main_thread = true;
    assert_int_equal(vdpa_rxqs_n_rxq(&netdev), 4);
    assert_int_equal(vdpa_rxqs_n_rxq(&other), 7);
    is_main_thread = false;
    assert_int_equal(vdpa_rxqs_n_rxq(&netdev), 1);
    assert_int_equal(vdpa_rxqs_n_rxq(&other), 7);
    vdpa_rxqs_hide(&port);
    assert_int_equal(vdpa_rxqs_n_rxq(&netdev), 1);
    vdpa_rxqs_show(&port);
    assert_int_equal(vdpa_rxqs_n_rxq(&netdev), 1);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_grows),
        TEST(test_representor_has_more),
        TEST(test_hidden),
        TEST(test_plays),
        TEST(test_steps),
        TEST(test_reboot),
        TEST(test_shrinks),
        TEST(test_hardware),
        TEST(test_beyond_the_vf),
        TEST(test_n_rxq),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
