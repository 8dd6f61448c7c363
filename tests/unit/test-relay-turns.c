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

/* Unit tests of the relay: when it looks where. */

#include <config.h>

#include "tests/unit/relay-fixture.h"

static void
test_full_sink_for_ever(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->vm.n_input[0] = 1000;
    f->vf.room[0] = 0;
    f->vf.n_input[0] = 7;               /* The other lane goes on. */
    for (int i = 0; i < 1000; i++) {
        poll_one(f, 0);
    }
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.rx_packets, DPDK_VDPA_BURST);
    assert_int_equal(c.pending, DPDK_VDPA_BURST);
    assert_int_equal(f->vm.n_input[0], 1000 - DPDK_VDPA_BURST);
    assert_int_equal(f->vm.n_sent[0], 7);
    check_conservation(f);
}

static void
test_refuses_all(void **state)
{
    struct fixture *f = *state;
    unsigned int n_calls;

    f->vm.never_fits = DPDK_VDPA_DROP_OVERSIZE;
    f->vm.room[0] = 0;
    for (int i = 0; i < REFUSED_MAX / REFUSED_WEIGHT; i++) {
        f->vf.n_input[0] = 1;
        assert_int_equal(poll_one(f, 0), 1);
    }
    f->vf.n_input[0] = 2;
    n_calls = f->vm.n_send_calls;
    for (int i = 0; i < 2 * REFUSED_INTERVAL; i++) {
        poll_one(f, 0);
    }
    assert_int_equal(f->vm.n_send_calls, n_calls + 4);

    /* Until it takes one. */
    f->vm.room[0] = UINT_MAX;
    f->vf.n_input[0] = 1;
    for (int i = 0; i < REFUSED_INTERVAL; i++) {
        poll_one(f, 0);
    }
    assert_int_equal(f->vm.n_sent[0], 1);
    f->vf.n_input[0] = 1;
    poll_one(f, 0);
    assert_int_equal(f->vm.n_sent[0], 2);
    check_conservation(f);
}

static void
test_backoff(void **state)
{
    struct fixture *f = *state;
    unsigned int n_calls;

    dpdk_vdpa_relay_set_backoff(f->relay, DPDK_VDPA_VM_TO_VF, 0, true);
    n_calls = f->vm.n_recv_calls;
    for (int i = 0; i < 4 * BACKOFF_INTERVAL; i++) {
        poll_one(f, 0);
    }
    assert_int_equal(f->vm.n_recv_calls - n_calls, 4);

    dpdk_vdpa_relay_set_backoff(f->relay, DPDK_VDPA_VM_TO_VF, 0, false);
    f->vm.n_input[0] = 1;
    assert_int_equal(poll_one(f, 0), 1);
}

static void
test_idle(void **state)
{
    struct fixture *f = *state;
    unsigned int n_calls = f->vm.n_recv_calls;
    int waited = 0;

    for (int i = 0; i <= IDLE_MAX; i++) {
        poll_one(f, 0);
    }
    assert_int_equal(f->vm.n_recv_calls - n_calls, IDLE_MAX + 1);

    n_calls = f->vm.n_recv_calls;
    for (int i = 0; i < 10 * IDLE_INTERVAL; i++) {
        poll_one(f, 0);
    }
    assert_int_equal(f->vm.n_recv_calls - n_calls, 10);
    n_calls = f->vm.n_recv_calls;
    for (int i = 0; i < 10; i++) {
        dpdk_vdpa_relay_poll(dpdk_vdpa_relay_get_poller(f->relay, 0), true);
    }
    assert_int_equal(f->vm.n_recv_calls - n_calls, 10);

    f->vm.n_input[0] = 1;
    while (!poll_one(f, 0)) {
        waited++;
    }
    assert_true(waited < IDLE_INTERVAL);
    n_calls = f->vm.n_recv_calls;
    for (int i = 0; i < 10; i++) {
        poll_one(f, 0);
    }
    assert_int_equal(f->vm.n_recv_calls - n_calls, 10);
    check_conservation(f);
}

static void
test_paused(void **state)
{
    struct fixture *f = *state;

    f->vm.n_input[0] = 5;
    f->vf.room[0] = 2;
    poll_one(f, 0);
    f->config.paused = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vf.room[0] = UINT_MAX;
    assert_int_equal(poll_one(f, 0), 0);
    assert_int_equal(f->vf.n_sent[0], 2);

    /* A pause loses nothing. */
    f->config.paused = false;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    poll_one(f, 0);
    check_in_order(&f->vf, 0, 5);
    check_conservation(f);
}

/* One poll moves a bounded number of packets, over all lanes, and the next one
 * goes on where it stopped: everybody has the same. */
static void
test_budget(void **state)
{
    struct fixture *f = *state;
    unsigned int total = 0;

    f->config.n_vf_pairs = 4;
    for (int i = 0; i < 4; i++) {
        f->config.vm_enabled[i] = true;
    }
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    for (int i = 0; i < 4; i++) {
        f->vm.n_input[i] = f->vf.n_input[i] = 100000;
    }
    for (int i = 0; i < 80; i++) {
        unsigned int n = poll_one(f, 0);

        assert_true(n >= POLL_BUDGET);
        assert_true(n < POLL_BUDGET + DPDK_VDPA_BURST);
        total += n;
    }
    for (int i = 0; i < 4; i++) {
        unsigned int up = 100000 - f->vm.n_input[i];
        unsigned int down = 100000 - f->vf.n_input[i];

        assert_true(up + POLL_BUDGET >= total / 8);
        assert_true(up <= total / 8 + POLL_BUDGET);
        assert_true(down + POLL_BUDGET >= total / 8);
        assert_true(down <= total / 8 + POLL_BUDGET);
    }
    check_conservation(f);
}

/* Nobody is so busy that queues of the VF which the guest has none for have no
 * turn. */
static void
test_busy_and_extras(void **state)
{
    struct fixture *f = *state;

    f->config.n_vf_pairs = 4;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vm.n_input[0] = 1000000;
    f->vf.n_input[3] = 100;
    for (int i = 0; i < 4 * EXTRA_INTERVAL * 4; i++) {
        poll_one(f, 0);
    }
    assert_int_equal(f->vf.n_input[3], 0);
    assert_true(f->vm.n_input[0] > 0);
    check_conservation(f);
}

/* After a full burst a lane looks for more, until it has looked in vain: then
 * it does not for some turns. */
static void
test_more(void **state)
{
    struct fixture *f = *state;

    f->vm.n_input[0] = 2 * DPDK_VDPA_BURST;
    assert_int_equal(poll_one(f, 0), 2 * DPDK_VDPA_BURST);
    f->vm.n_input[0] = DPDK_VDPA_BURST;
    assert_int_equal(poll_one(f, 0), DPDK_VDPA_BURST);
    for (int i = 0; i < MORE_INTERVAL; i++) {
        f->vm.n_input[0] = 2 * DPDK_VDPA_BURST;
        assert_int_equal(poll_one(f, 0), DPDK_VDPA_BURST);
        f->vm.n_input[0] = 0;
    }
    f->vm.n_input[0] = 2 * DPDK_VDPA_BURST;
    assert_int_equal(poll_one(f, 0), 2 * DPDK_VDPA_BURST);
}

/* A source that is not looked at is told: while its packets find no way, and
 * while the relay is paused. */
static void
test_settle(void **state)
{
    struct fixture *f = *state;

    f->vm.n_input[0] = 3;
    poll_one(f, 0);
    poll_one(f, 0);
    assert_int_equal(f->vm.n_settled[0], 0);
    f->vm.n_input[0] = 3;
    f->vf.room[0] = 1;
    for (unsigned int i = 1; i < 5; i++) {
        poll_one(f, 0);
        assert_int_equal(f->vm.n_settled[0], i);
    }
    f->vf.room[0] = 2;
    poll_one(f, 0);
    assert_int_equal(f->vm.n_settled[0], 4);
    f->config.paused = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_int_equal(f->vm.n_settled[0], 5);
    f->config.paused = false;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_int_equal(f->vm.n_settled[0], 5);
}

/* It gets the packets that wait, and may put others in their place. */
static void
test_settle_replaces(void **state)
{
    struct fixture *f = *state;

    f->vm.replaces = true;
    f->vm.n_input[0] = 5;
    f->vf.room[0] = 2;
    poll_one(f, 0);
    assert_int_equal(f->vm.n_settled[0], 1);
    assert_int_equal(f->vm.n_waiting, 3);
    f->vf.room[0] = 1;
    poll_one(f, 0);
    assert_int_equal(f->vm.n_waiting, 2);
    f->config.paused = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_int_equal(f->vm.n_settled[0], 3);
    assert_int_equal(f->vm.n_waiting, 2);
    f->config.paused = false;
    f->vf.room[0] = UINT_MAX;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    poll_one(f, 0);
    check_in_order(&f->vf, 0, 5);
    check_conservation(f);
    f->config.paused = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_int_equal(f->vm.n_waiting, 0);
}

/* A VF is called for what it has sent while the guest sends nothing, if there
 * is something that was lent to it: the queue of the VF where that went. */
static void
test_let_go(void **state)
{
    struct fixture *f = *state;
    unsigned int n[2] = { 0, 0 };

    f->config.n_vf_pairs = 2;
    f->config.vm_enabled[1] = f->config.vm_enabled[2] = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vm.has_lent = true;
    poll_one(f, 0);
    assert_int_equal(f->vm.n_asked_lent, 0);    /* Nothing ever is. */

    f->config.lends = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vm.has_lent = false;
    poll_one(f, 0);
    assert_int_equal(f->vm.n_asked_lent, 3);
    f->vm.has_lent = true;
    poll_one(f, 0);
    assert_int_equal(f->vf.n_let_go[0], 2);     /* The guest's 0 and 2. */
    assert_int_equal(f->vf.n_let_go[1], 1);

    /* Who has something to send need not be called. */
    f->vm.n_asked_lent = 0;
    for (int i = 0; i < 3; i++) {
        f->vm.n_input[i] = 1;
    }
    assert_int_equal(poll_one(f, 0), 3);
    assert_int_equal(f->vm.n_asked_lent, 0);
    f->vf.room[0] = f->vf.room[1] = 0;
    for (int i = 0; i < 2; i++) {
        f->vm.n_input[i] = 1;
    }
    assert_int_equal(poll_one(f, 0), 2);
    f->vm.n_asked_lent = 0;
    for (int i = 0; i < 2; i++) {
        n[i] = f->vf.n_let_go[i];
    }
    poll_one(f, 0);
    /* The guest's queue 2 waits for its turn at that of the VF. */
    assert_int_equal(f->vm.n_asked_lent, 1);
    assert_int_equal(f->vf.n_let_go[0], n[0] + 1);
    assert_int_equal(f->vf.n_let_go[1], n[1]);

    /* What the VF sends is not lent. */
    assert_int_equal(f->vf.n_asked_lent, 0);
    assert_int_equal(f->vm.n_let_go[0], 0);

    /* Nor is anybody called who is not there. */
    f->vf.room[0] = f->vf.room[1] = UINT_MAX;
    poll_one(f, 0);
    f->config.vf = NULL;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vm.n_asked_lent = 0;
    poll_one(f, 0);
    assert_int_equal(f->vm.n_asked_lent, 0);
    check_conservation(f);
}

/* A configuration that is in force already disturbs nobody: a lane that is
 * left alone for its idleness stays so. */
static void
test_same_configuration(void **state)
{
    struct fixture *f = *state;
    struct lane *lane;

    for (int i = 0; i < IDLE_MAX + 2; i++) {
        poll_one(f, 0);
    }
    lane = f->relay->lanes[DPDK_VDPA_VM_TO_VF][0];
    assert_true(lane->wait > 0);
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_true(lane->wait > 0);
    f->config.tx_retries_max++;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_int_equal(lane->wait, 0);
}

/* Guest queues that share one of the VF's have room for a burst together,
 * however many they are and however often they change: for more the VF's
 * share of mbufs would not do. */
static void
test_shared_queue(void **state)
{
    enum { N = 6 };
    struct fixture *f = *state;
    unsigned int n_sent = 0;
    uint64_t n_pending;

    for (int i = 0; i < N; i++) {
        f->config.vm_enabled[i] = true;
        f->vm.n_input[i] = 1000;
    }
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vf.room[0] = 0;
    for (int i = 0; i < 200; i++) {
        poll_one(f, 0);
        n_pending = get_counters(f, DPDK_VDPA_VM_TO_VF).pending;
        assert_true(n_pending >= 1 && n_pending <= DPDK_VDPA_BURST);
        /* The first one came first, and stays. */
        assert_false(dpdk_vdpa_relay_waits_its_turn(f->relay, 0));
        assert_true(dpdk_vdpa_relay_waits_its_turn(f->relay, N - 1));
        if (!(i % 10)) {
            f->config.vm_enabled[i / 10 % N] ^= true;
            dpdk_vdpa_relay_configure(f->relay, &f->config);
        }
    }
    for (int i = 0; i < N; i++) {
        f->config.vm_enabled[i] = true;
    }
    dpdk_vdpa_relay_configure(f->relay, &f->config);

    /* A little at a time, and all get something of it. */
    for (int i = 0; i < 100; i++) {
        f->vf.room[0] = 2 * DPDK_VDPA_BURST - 5;
        poll_one(f, 0);
        n_pending = get_counters(f, DPDK_VDPA_VM_TO_VF).pending;
        assert_true(n_pending <= DPDK_VDPA_BURST);
    }
    for (int i = 0; i < N; i++) {
        assert_true(f->vm.n_input[i] <= 500);
        n_sent += 1000 - f->vm.n_input[i];
    }
    assert_true(n_sent > 60 * (2 * DPDK_VDPA_BURST - 5));
    check_conservation(f);

    f->vf.room[0] = UINT_MAX;
    for (int i = 0; i < 1000; i++) {
        poll_one(f, 0);
    }
    assert_int_equal(f->vf.n_sent[0], N * 1000);
    check_conservation(f);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_full_sink_for_ever),
        TEST(test_refuses_all),
        TEST(test_backoff),
        TEST(test_idle),
        TEST(test_paused),
        TEST(test_budget),
        TEST(test_busy_and_extras),
        TEST(test_more),
        TEST(test_settle),
        TEST(test_settle_replaces),
        TEST(test_let_go),
        TEST(test_same_configuration),
        TEST(test_shared_queue),
    };

    return cmocka_run_group_tests_name("relay-turns", tests, setup_eal, NULL);
}
