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

#include <config.h>

#include "port/sleep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/counter.h"
#include "base/wake.h"
#include "dpdk-vdpa-relay.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(vdpa_sleep);

/* Protects 'rests' and which thread has a rest.  The mutex of a thread is
 * taken with it, and with that what a poll takes. */
static struct ovs_mutex rests_mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list rests OVS_GUARDED_BY(rests_mutex)
    = OVS_LIST_INITIALIZER(&rests);

/* A PMD thread. */
struct sleep_thread {
    struct ovs_mutex mutex;
    struct ovs_list rests OVS_GUARDED;  /* Written with 'rests_mutex', too. */
    struct dpdk_vdpa_waiter *waiter;    /* Null if the kernel refuses. */

    /* Written by the thread. */
    atomic_uint64_t n_waits;
    atomic_uint64_t n_timeouts;
};

static ovsthread_key_t thread_key;
static __thread struct sleep_thread *this_thread;

/* Takes 'rest' away from the thread that has it, if any: it does not touch it
 * any more, but may be waiting for it still. */
static void
rest_leave(struct vdpa_rest *rest)
    OVS_REQUIRES(rests_mutex)
{
    struct sleep_thread *thread = rest->thread;

    if (thread) {
        ovs_mutex_lock(&thread->mutex);
        ovs_list_remove(&rest->thread_node);
        ovs_mutex_unlock(&thread->mutex);
        rest->thread = NULL;
    }
}

/* The calling thread ends. */
static void
sleep_thread_destroy(void *thread_)
{
    struct sleep_thread *thread = thread_;
    struct vdpa_rest *rest;

    ovs_mutex_lock(&rests_mutex);
    LIST_FOR_EACH (rest, all_node, &rests) {
        if (rest->thread == thread) {
            rest_leave(rest);
        }
    }
    ovs_mutex_unlock(&rests_mutex);
    dpdk_vdpa_waiter_destroy(thread->waiter);
    ovs_mutex_destroy(&thread->mutex);
    this_thread = NULL;
    free(thread);
}

static struct sleep_thread *
sleep_thread_create(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    struct sleep_thread *thread = xzalloc(sizeof *thread);

    if (ovsthread_once_start(&once)) {
        ovsthread_key_create(&thread_key, sleep_thread_destroy);
        ovsthread_once_done(&once);
    }
    ovs_mutex_init(&thread->mutex);
    ovs_mutex_lock(&thread->mutex);
    ovs_list_init(&thread->rests);
    ovs_mutex_unlock(&thread->mutex);
    thread->waiter = dpdk_vdpa_waiter_create();
    if (!thread->waiter) {
        VLOG_WARN("a PMD thread cannot wait for guests (%s): under "
                  "pmd-sleep-max it just sleeps", ovs_strerror(errno));
    }
    ovsthread_setspecific(thread_key, thread);
    this_thread = thread;
    return thread;
}

void
vdpa_rest_init(struct vdpa_rest *rest, struct dpdk_vdpa_poller *poller)
{
    rest->poller = poller;
    rest->thread = NULL;
    ovs_mutex_lock(&rests_mutex);
    ovs_list_push_back(&rests, &rest->all_node);
    ovs_mutex_unlock(&rests_mutex);
}

void
vdpa_rest_uninit(struct vdpa_rest *rest)
{
    ovs_mutex_lock(&rests_mutex);
    rest_leave(rest);
    ovs_list_remove(&rest->all_node);
    ovs_mutex_unlock(&rests_mutex);
    dpdk_vdpa_relay_disarm(rest->poller);
}

void
vdpa_rest_take(struct vdpa_rest *rest)
{
    struct sleep_thread *thread = (this_thread ? this_thread
                                   : sleep_thread_create());

    ovs_mutex_lock(&rests_mutex);
    rest_leave(rest);
    ovs_mutex_lock(&thread->mutex);
    ovs_list_push_back(&thread->rests, &rest->thread_node);
    ovs_mutex_unlock(&thread->mutex);
    rest->thread = thread;
    ovs_mutex_unlock(&rests_mutex);
    dpdk_vdpa_relay_disarm(rest->poller);
}

/* Waiting. */

/* Asks the lanes of all rests of 'thread' to wake it, and looks into each once
 * more.  Returns how many packets that moved.  Sets '*all' to false if some
 * lane cannot wake it, and '*any' to true if there is a rest. */
static unsigned int
arm_all(struct sleep_thread *thread, bool *any, bool *all)
    OVS_EXCLUDED(thread->mutex)
{
    struct vdpa_rest *rest;
    unsigned int n = 0;

    ovs_mutex_lock(&thread->mutex);
    LIST_FOR_EACH (rest, thread_node, &thread->rests) {
        *any = true;
        *all &= dpdk_vdpa_relay_arm(rest->poller, thread->waiter);
    }
    LIST_FOR_EACH (rest, thread_node, &thread->rests) {
        n += dpdk_vdpa_relay_look(rest->poller);
    }
    ovs_mutex_unlock(&thread->mutex);
    return n;
}

static void
disarm_all(struct sleep_thread *thread)
    OVS_EXCLUDED(thread->mutex)
{
    struct vdpa_rest *rest;

    ovs_mutex_lock(&thread->mutex);
    LIST_FOR_EACH (rest, thread_node, &thread->rests) {
        dpdk_vdpa_relay_disarm(rest->poller);
    }
    ovs_mutex_unlock(&thread->mutex);
}

enum vdpa_wait
vdpa_sleep_wait(uint64_t ns, uint64_t short_ns, unsigned int *n_movedp)
{
    struct sleep_thread *thread = this_thread;
    enum vdpa_wait result = VDPA_WAIT_BUSY;
    bool any = false, all = true;
    unsigned int n;

    if (!thread || !thread->waiter) {
        return VDPA_WAIT_NONE;
    }
    n = arm_all(thread, &any, &all);
    if (!any) {
        return VDPA_WAIT_NONE;
    }
    if (!n) {
        dpdk_vdpa_counter_add(&thread->n_waits, 1);
        if (dpdk_vdpa_waiter_wait(thread->waiter, all ? ns : short_ns)) {
            result = VDPA_WAIT_WOKEN;
        } else {
            dpdk_vdpa_counter_add(&thread->n_timeouts, 1);
            result = VDPA_WAIT_TIME;
        }
    }
    disarm_all(thread);
    *n_movedp += n;
    return result;
}

void
vdpa_sleep_get_info(const struct dpdk_vdpa_poller *poller,
                    struct vdpa_sleep_info *info)
{
    const struct vdpa_rest *rest;

    memset(info, 0, sizeof *info);
    ovs_mutex_lock(&rests_mutex);
    LIST_FOR_EACH (rest, all_node, &rests) {
        if (rest->poller == poller && rest->thread) {
            info->n_waits = dpdk_vdpa_counter_read(&rest->thread->n_waits);
            info->n_timeouts
                = dpdk_vdpa_counter_read(&rest->thread->n_timeouts);
        }
    }
    ovs_mutex_unlock(&rests_mutex);
}
