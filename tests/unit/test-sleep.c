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

/* Unit tests of PMD threads that wait for work, with scripted pollers. */

#include <config.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/wake.h"
#include "dpdk-vdpa-relay.h"
#include "ovs-atomic.h"
#include "util.h"

#include "lib/port/sleep.c"

#define SECOND UINT64_C(1000000000)

struct dpdk_vdpa_poller {
    struct vdpa_rest rest;
    struct dpdk_vdpa_wake wake;
    int fd;                     /* That of 'wake'. */
    bool can_wake;              /* All of its lanes can. */
    unsigned int n_found;       /* When it is looked into. */
    atomic_bool armed;
    atomic_uint n_armed;        /* How often. */
};

static struct dpdk_vdpa_poller pollers[2];

bool
dpdk_vdpa_relay_arm(struct dpdk_vdpa_poller *p,
                    struct dpdk_vdpa_waiter *waiter)
{
    unsigned int n;

    assert_true(dpdk_vdpa_wake_join(&p->wake, waiter));
    atomic_store(&p->armed, true);
    atomic_add(&p->n_armed, 1, &n);
    return p->can_wake;
}

unsigned int
dpdk_vdpa_relay_look(struct dpdk_vdpa_poller *p)
{
    unsigned int n = p->n_found;
    bool armed;

    atomic_read(&p->armed, &armed);
    assert_true(armed);         /* Or what comes now is lost. */
    p->n_found = 0;
    return n;
}

void
dpdk_vdpa_relay_disarm(struct dpdk_vdpa_poller *p)
{
    atomic_store(&p->armed, false);
}

static int
setup(void **state OVS_UNUSED)
{
    for (int i = 0; i < 2; i++) {
        struct dpdk_vdpa_poller *p = &pollers[i];

        p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_true(p->fd >= 0);
        dpdk_vdpa_wake_init(&p->wake);
        dpdk_vdpa_wake_set(&p->wake, dup(p->fd));
        p->can_wake = true;
        p->n_found = 0;
        atomic_store(&p->armed, false);
        atomic_store(&p->n_armed, 0);
        vdpa_rest_init(&p->rest, p);
    }
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    for (int i = 0; i < 2; i++) {
        bool armed;

        vdpa_rest_uninit(&pollers[i].rest);
        dpdk_vdpa_wake_set(&pollers[i].wake, -1);
        close(pollers[i].fd);
        atomic_read(&pollers[i].armed, &armed);
        assert_false(armed);
    }
    return 0;
}

static enum vdpa_wait
wait_for(uint64_t ns, uint64_t short_ns)
{
    unsigned int n = 0;
    enum vdpa_wait result = vdpa_sleep_wait(ns, short_ns, &n);
    bool armed;

    for (int i = 0; i < 2; i++) {
        atomic_read(&pollers[i].armed, &armed);
        assert_false(armed);
    }
    assert_int_equal(n, 0);
    return result;
}

static void
check_info(unsigned int i, unsigned int n_waits, unsigned int n_timeouts)
{
    struct vdpa_sleep_info info;

    vdpa_sleep_get_info(&pollers[i], &info);
    assert_int_equal(info.n_waits, n_waits);
    assert_int_equal(info.n_timeouts, n_timeouts);
}

/* The same thread runs all tests, so that its counters go on. */
static void
test_wait(void **state OVS_UNUSED)
{
    struct vdpa_sleep_info before;
    unsigned int n = 5;

    assert_int_equal(wait_for(60 * SECOND, 60 * SECOND), VDPA_WAIT_NONE);
    check_info(0, 0, 0);
    vdpa_rest_take(&pollers[0].rest);
    vdpa_rest_take(&pollers[1].rest);
    vdpa_sleep_get_info(&pollers[0], &before);
    for (int i = 0; i < 2; i++) {
        eventfd_write(pollers[i].fd, 1);
        assert_int_equal(wait_for(60 * SECOND, 60 * SECOND),
                         VDPA_WAIT_WOKEN);
        assert_int_equal(dpdk_vdpa_wake_n(&pollers[i].wake), 1);
    }
    assert_int_equal(wait_for(1000000, 60 * SECOND), VDPA_WAIT_TIME);

    /* What was there before it armed, it finds. */
    pollers[1].n_found = 3;
    assert_int_equal(vdpa_sleep_wait(60 * SECOND, 60 * SECOND, &n),
                     VDPA_WAIT_BUSY);
    assert_int_equal(n, 8);

    /* One of them may not wake it. */
    pollers[0].can_wake = false;
    assert_int_equal(wait_for(60 * SECOND, 1000000), VDPA_WAIT_TIME);
    eventfd_write(pollers[1].fd, 1);
    assert_int_equal(wait_for(60 * SECOND, 60 * SECOND), VDPA_WAIT_WOKEN);
    check_info(0, before.n_waits + 5, before.n_timeouts + 2);
}

/* An rx-queue goes. */
static void
test_uninit(void **state OVS_UNUSED)
{
    unsigned int n;

    vdpa_rest_take(&pollers[0].rest);
    vdpa_rest_take(&pollers[1].rest);
    vdpa_rest_uninit(&pollers[0].rest);
    assert_int_equal(wait_for(1000, 1000), VDPA_WAIT_TIME);
    atomic_read(&pollers[0].n_armed, &n);
    assert_int_equal(n, 0);
    vdpa_rest_uninit(&pollers[1].rest);
    assert_int_equal(wait_for(60 * SECOND, 60 * SECOND), VDPA_WAIT_NONE);
    vdpa_rest_init(&pollers[0].rest, &pollers[0]);
    vdpa_rest_init(&pollers[1].rest, &pollers[1]);
}

/* Takes a rest from the main thread and waits for it, until that kicks. */
static void *
take_and_wait(void *rest)
{
    enum vdpa_wait result;

    vdpa_rest_take(rest);
    result = wait_for(60 * SECOND, 60 * SECOND);
    return (void *) (uintptr_t) result;
}

/* An rx-queue moves to another thread, which ends, and back. */
static void
test_move(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_poller *p = &pollers[0];
    pthread_t thread;
    unsigned int n;
    void *result;

    vdpa_rest_take(&p->rest);
    assert_int_equal(wait_for(1000, 1000), VDPA_WAIT_TIME);
    eventfd_write(p->fd, 1);
    assert_int_equal(pthread_create(&thread, NULL, take_and_wait, &p->rest),
                     0);
    pthread_join(thread, &result);
    assert_int_equal((uintptr_t) result, VDPA_WAIT_WOKEN);
    assert_int_equal(dpdk_vdpa_wake_n(&p->wake), 1);
    check_info(0, 0, 0);                /* Nobody has it. */

    /* This thread forgot it when the other one took it. */
    assert_int_equal(wait_for(60 * SECOND, 60 * SECOND), VDPA_WAIT_NONE);
    atomic_read(&p->n_armed, &n);
    assert_int_equal(n, 2);
    vdpa_rest_take(&p->rest);
    eventfd_write(p->fd, 1);
    assert_int_equal(wait_for(60 * SECOND, 60 * SECOND), VDPA_WAIT_WOKEN);
}

static void *
wait_once(void *rest)
{
    enum vdpa_wait result;
    unsigned int n = 0;

    vdpa_rest_take(rest);
    result = vdpa_sleep_wait(60 * SECOND, 60 * SECOND, &n);
    return (void *) (uintptr_t) result;
}

/* An rx-queue goes, or is taken, while a thread that has lost it without knowing
 * waits for it: what is asked of its guest is taken back, and the thread does
 * not touch it afterwards. */
static void
test_lost_while_waiting(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_poller *p = &pollers[0];
    pthread_t thread;
    bool armed = false;
    void *result;

    assert_int_equal(pthread_create(&thread, NULL, wait_once, &p->rest), 0);
    while (!armed) {
        sched_yield();
        atomic_read(&p->armed, &armed);
    }
    vdpa_rest_take(&p->rest);
    atomic_read(&p->armed, &armed);
    assert_false(armed);
    atomic_store(&p->armed, true);      /* By this thread, say. */
    eventfd_write(p->fd, 1);
    pthread_join(thread, &result);
    assert_int_equal((uintptr_t) result, VDPA_WAIT_WOKEN);
    atomic_read(&p->armed, &armed);
    assert_true(armed);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_wait),
        TEST(test_uninit),
        TEST(test_move),
        TEST(test_lost_while_waiting),
    };

    return cmocka_run_group_tests_name("sleep", tests, NULL, NULL);
}
