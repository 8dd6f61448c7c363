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

/* Unit tests of the relay: lanes at rest, whose sources are to wake a thread
 * that waits. */

#include <config.h>

#include <pthread.h>

#include "base/wake.h"
#include "tests/unit/relay-fixture.h"

static struct dpdk_vdpa_waiter *waiter;

/* Which queues of which end are armed, and which of them cannot be. */
static bool armed[2][MAX_QUEUES];
static bool refuses[2][MAX_QUEUES];

static bool
set_armed(int end, uint16_t queue, bool on)
{
    assert_true(queue < MAX_QUEUES);
    assert_int_equal(armed[end][queue], !on);
    if (on && refuses[end][queue]) {
        return false;
    }
    armed[end][queue] = on;
    return true;
}

static bool
vm_arm(void *aux OVS_UNUSED, uint16_t queue, struct dpdk_vdpa_waiter *w)
{
    assert_ptr_equal(w, waiter);
    return set_armed(0, queue, true);
}

static void
vm_disarm(void *aux OVS_UNUSED, uint16_t queue)
{
    set_armed(0, queue, false);
}

static bool
vf_arm(void *aux OVS_UNUSED, uint16_t queue, struct dpdk_vdpa_waiter *w)
{
    assert_ptr_equal(w, waiter);
    return set_armed(1, queue, true);
}

static void
vf_disarm(void *aux OVS_UNUSED, uint16_t queue)
{
    set_armed(1, queue, false);
}

/* Four queue pairs of the VF, of which the guest has enabled two, and two
 * pollers. */
static int
setup_rest(void **state)
{
    struct fixture *f;

    memset(armed, 0, sizeof armed);
    memset(refuses, 0, sizeof refuses);
    setup(state);
    f = *state;
    f->vm.end.arm = vm_arm;
    f->vm.end.disarm = vm_disarm;
    f->vf.end.arm = vf_arm;
    f->vf.end.disarm = vf_disarm;
    f->config.n_vf_pairs = 4;
    f->config.vm_enabled[1] = true;
    f->config.n_pollers = 2;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    waiter = dpdk_vdpa_waiter_create();
    assert_non_null(waiter);
    return 0;
}

/* A waiter may go before the wakes that follow it. */
static int
teardown_rest(void **state)
{
    dpdk_vdpa_waiter_destroy(waiter);
    return teardown(state);
}

static bool
arm(struct fixture *f, unsigned int poller)
{
    return dpdk_vdpa_relay_arm(dpdk_vdpa_relay_get_poller(f->relay, poller),
                               waiter);
}

static unsigned int
look(struct fixture *f, unsigned int poller)
{
    return dpdk_vdpa_relay_look(dpdk_vdpa_relay_get_poller(f->relay, poller));
}

static void
disarm(struct fixture *f, unsigned int poller)
{
    dpdk_vdpa_relay_disarm(dpdk_vdpa_relay_get_poller(f->relay, poller));
}

static void
check_armed(const char *vm, const char *vf)
{
    for (int i = 0; i < 4; i++) {
        assert_int_equal(armed[0][i], vm[i] == '1');
        assert_int_equal(armed[1][i], vf[i] == '1');
    }
}

static void
test_arm(void **state)
{
    struct fixture *f = *state;

    /* Also the queues of the VF that the guest has none for. */
    assert_true(arm(f, 0));
    check_armed("1000", "1010");
    assert_true(arm(f, 1));
    check_armed("1100", "1111");
    assert_int_equal(look(f, 0), 0);
    disarm(f, 0);
    check_armed("0100", "0101");
    disarm(f, 1);
    check_armed("0000", "0000");
    disarm(f, 1);
}

/* The look finds what came before its source was armed, in each lane, and also
 * in those that a poll passes over for their idleness. */
static void
test_look(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < IDLE_MAX + 2; i++) {
        poll_one(f, 0);
    }
    for (int i = 0; i < 4; i += 2) {
        assert_true(arm(f, 0));
        f->vf.n_input[i] = 3;
        f->vm.n_input[0] = 2;
        assert_int_equal(look(f, 0), 5);
        assert_int_equal(look(f, 0), 0);
        disarm(f, 0);
    }
    check_conservation(f);
}

static void
test_not_all(void **state)
{
    struct fixture *f = *state;

    refuses[1][2] = true;
    assert_false(arm(f, 0));
    check_armed("1000", "1000");
    assert_true(arm(f, 1));
    disarm(f, 0);
    disarm(f, 1);

    f->vm.end.arm = NULL;
    refuses[1][2] = false;
    assert_false(arm(f, 0));
    check_armed("0000", "1010");
    disarm(f, 0);
}

/* Packets that wait for the sink say nothing when it takes them: who waits
 * must look after them, and their source is not to wake anybody. */
static void
test_pending(void **state)
{
    struct fixture *f = *state;

    f->vm.room[0] = 0;
    f->vf.n_input[0] = 1;
    poll_one(f, 0);
    assert_false(arm(f, 0));
    check_armed("1000", "0010");
    assert_int_equal(look(f, 0), 0);
    f->vm.room[0] = 1;
    assert_int_equal(look(f, 0), 1);
    disarm(f, 0);
    check_armed("0000", "0000");
}

/* What is lent the VF does not say when it has sent: who waits must look after
 * that, too. */
static void
test_lent(void **state)
{
    struct fixture *f = *state;

    f->vm.has_lent = true;
    assert_true(arm(f, 0));     /* Nothing ever is. */
    disarm(f, 0);
    f->config.lends = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_false(arm(f, 0));
    check_armed("0000", "1010");
    assert_int_equal(look(f, 0), 0);
    assert_int_equal(f->vf.n_let_go[0], 1);
    disarm(f, 0);
    f->vm.has_lent = false;
    assert_true(arm(f, 0));
    check_armed("1000", "1010");
    disarm(f, 0);
}

/* A lane that is polled rarely, because its source shows packets that it does
 * not give, would wake its thread for nothing. */
static void
test_backoff(void **state)
{
    struct fixture *f = *state;

    dpdk_vdpa_relay_set_backoff(f->relay, DPDK_VDPA_VM_TO_VF, 0, true);
    poll_one(f, 0);
    assert_false(arm(f, 0));
    check_armed("0000", "1010");
    disarm(f, 0);
}

/* What is armed when the configuration changes, and maybe an end goes, is not
 * afterwards, whoever has the lanes then. */
static void
test_configure(void **state)
{
    struct fixture *f = *state;

    assert_true(arm(f, 0));
    assert_true(arm(f, 1));
    f->config.n_pollers = 1;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    check_armed("0000", "0000");
    disarm(f, 0);
    disarm(f, 1);
    assert_true(arm(f, 0));
    check_armed("1100", "1111");

    f->config.paused = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    check_armed("0000", "0000");
    disarm(f, 0);
    assert_true(arm(f, 0));     /* Nothing moves, so nothing is missed. */
    check_armed("0000", "0000");
    f->vm.n_input[0] = 1;
    assert_int_equal(look(f, 0), 0);
    f->vm.n_input[0] = 0;

    f->config.paused = false;
    f->config.vm = NULL;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_true(arm(f, 0));
    check_armed("0000", "1111");
}

/* Waits until 'waiter' is woken.  Returns false if that takes 30 s. */
static void *
wait_long(void *arg OVS_UNUSED)
{
    return (dpdk_vdpa_waiter_wait(waiter, 30000000000ULL) ? waiter : NULL);
}

/* A thread that waits learns that a guest has come, also if it began to while
 * nothing moved. */
static void
test_nudge(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    void *woken;

    for (int i = 0; i < 4; i++) {
        f->config.vm = i % 2 ? &f->vm.end : NULL;
        f->config.paused = i == 2;
        dpdk_vdpa_relay_configure(f->relay, &f->config);
        arm(f, 1);
        /* What came until now. */
        dpdk_vdpa_waiter_wait(waiter, 0);
        assert_false(dpdk_vdpa_waiter_wait(waiter, 0));

        assert_int_equal(pthread_create(&thread, NULL, wait_long, NULL), 0);
        f->config.vm = i % 2 ? NULL : &f->vm.end;
        f->config.paused = false;
        dpdk_vdpa_relay_configure(f->relay, &f->config);
        assert_int_equal(pthread_join(thread, &woken), 0);
        assert_non_null(woken);
        disarm(f, 1);
    }

    /* One that has armed nothing is none of it. */
    dpdk_vdpa_waiter_destroy(waiter);
    waiter = dpdk_vdpa_waiter_create();
    f->config.vm = NULL;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_false(dpdk_vdpa_waiter_wait(waiter, 0));
}

int
main(void)
{
#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, setup_rest, teardown_rest)
    const struct CMUnitTest tests[] = {
        TEST(test_arm),
        TEST(test_look),
        TEST(test_not_all),
        TEST(test_pending),
        TEST(test_lent),
        TEST(test_backoff),
        TEST(test_configure),
        TEST(test_nudge),
    };

    return cmocka_run_group_tests_name("relay-rest", tests, setup_eal, NULL);
}
