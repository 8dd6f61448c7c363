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

/* Unit tests of the relay: what becomes of packets that wait in it while
 * something changes. */

#include <config.h>

#include "tests/unit/relay-fixture.h"

/* Makes the relay have 'n' pollers, and checks that pair i has the one that it
 * is to have. */
static void
set_pollers(struct fixture *f, unsigned int n)
{
    f->config.n_pollers = n;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    for (unsigned int i = 0; i < MAX_QUEUES; i++) {
        assert_int_equal(dpdk_vdpa_relay_poller_of(f->relay, i),
                         i % f->config.n_vf_pairs % n);
    }
}

/* Pollers come and go, as rx-queues do when the guest's pairs change, while
 * packets wait in the relay: they go out first, by whom ever. */
static void
test_pollers_change(void **state)
{
    static const unsigned int numbers[] = { 1, 4, 2, 6, 3, 1, 8 };
    struct fixture *f = *state;
    unsigned int n_sent = 0;

    f->config.n_vf_pairs = 4;
    for (int i = 0; i < 4; i++) {
        f->config.vm_enabled[i] = true;
    }
    for (int i = 0; i < ARRAY_SIZE(numbers); i++) {
        unsigned int n = numbers[i];

        for (int queue = 0; queue < 4; queue++) {
            f->vm.n_input[queue] = f->vf.n_input[queue] = 20;
            f->vf.room[queue] = f->vm.room[queue] = 7;
        }
        set_pollers(f, n);
        for (int poller = 0; poller < 3 * n; poller++) {
            poll_one(f, poller % n);
        }
        n_sent += 7;
        for (int queue = 0; queue < 4; queue++) {
            check_in_order(&f->vf, queue, n_sent);
            check_in_order(&f->vm, queue, n_sent);
        }
        check_conservation(f);
    }
    /* More pollers than the VF has queues have nothing to do. */
    assert_int_equal(f->relay->pollers[4]->n_lanes, 0);
    assert_int_equal(poll_one(f, 4), 0);
    assert_int_equal(f->relay->pollers[3]->n_lanes, DPDK_VDPA_N_DIRECTIONS);
}

/* Has 10 packets wait in the relay in each direction. */
static void
fill_lanes(struct fixture *f)
{
    f->vm.n_input[0] = f->vf.n_input[0] = 10;
    f->vm.room[0] = f->vf.room[0] = 0;
    poll_one(f, 0);
    assert_int_equal(get_counters(f, DPDK_VDPA_VM_TO_VF).pending, 10);
    assert_int_equal(get_counters(f, DPDK_VDPA_VF_TO_VM).pending, 10);
}

/* The VF is stopped, to be started again. */
static void
stop_vf(struct fixture *f)
{
    f->config.vf = NULL;
    f->config.paused = f->config.vf_returns = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vf.end.recv = NULL;              /* Whoever calls it dies. */
    f->vf.end.send = NULL;
    assert_int_equal(poll_one(f, 0), 0);
}

static void
start_vf(struct fixture *f, unsigned int n_pairs)
{
    f->vf.end.recv = script_recv;
    f->vf.end.send = script_send;
    f->config.vf = &f->vf.end;
    f->config.n_vf_pairs = n_pairs;
    f->config.paused = f->config.vf_returns = false;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
}

static void
test_vf_returns(void **state)
{
    struct fixture *f = *state;

    fill_lanes(f);
    stop_vf(f);
    start_vf(f, 4);             /* It has more queues now. */
    f->vm.room[0] = f->vf.room[0] = UINT_MAX;
    f->vm.n_input[0] = f->vf.n_input[0] = 5;
    poll_one(f, 0);
    poll_one(f, 0);
    check_in_order(&f->vm, 0, 15);
    check_in_order(&f->vf, 0, 15);
    check_conservation(f);
}

/* If it has fewer queues, nobody would look at what came by the others. */
static void
test_vf_returns_smaller(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->config.n_vf_pairs = 2;
    f->config.vm_enabled[1] = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vf.n_input[1] = f->vm.n_input[1] = 10;
    f->vm.room[1] = f->vf.room[1] = 0;
    poll_one(f, 0);
    stop_vf(f);
    f->vm.room[1] = 4;
    start_vf(f, 1);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.tx_packets, 4);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VF_DOWN], 6);
    poll_one(f, 0);
    check_in_order(&f->vf, 0, 10);
    check_conservation(f);
}

static void
test_vf_does_not_return(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    fill_lanes(f);
    stop_vf(f);
    f->vm.room[0] = 4;
    f->config.paused = f->config.vf_returns = false;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VF_DOWN], 10);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.tx_packets, 4);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VF_DOWN], 6);
    check_conservation(f);
}

/* The guest goes meanwhile, and the next one gets nothing of its packets. */
static void
test_guest_goes_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    fill_lanes(f);
    stop_vf(f);
    f->config.vm = NULL;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->config.vm = &f->vm.end;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    start_vf(f, 1);
    f->vm.room[0] = f->vf.room[0] = UINT_MAX;
    poll_one(f, 0);
    assert_int_equal(f->vm.n_sent[0] + f->vf.n_sent[0], 0);
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VM_DISCONNECTED], 10);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VM_DISCONNECTED], 10);
    check_conservation(f);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pollers_change),
        TEST(test_vf_returns),
        TEST(test_vf_returns_smaller),
        TEST(test_vf_does_not_return),
        TEST(test_guest_goes_meanwhile),
    };

    return cmocka_run_group_tests_name("relay-changes", tests, setup_eal,
                                       NULL);
}
