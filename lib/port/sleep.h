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

#ifndef VDPA_SLEEP_H
#define VDPA_SLEEP_H 1

/* PMD threads that have nothing to do.
 *
 * With pmd-sleep-max (pmd-maxsleep in Open vSwitch 3.1) such a thread sleeps.
 * Instead it waits here: until a guest notifies it, a VF interrupts, or the
 * time is up that it would sleep.  A *rest* is an rx-queue as the thread knows
 * it that polls it: whose lanes are to wake it. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/list.h"
#include "seam/vswitchd.h"

struct dpdk_vdpa_poller;
struct sleep_thread;

/* Guarded by a mutex of port/sleep.c. */
struct vdpa_rest {
    struct ovs_list all_node;           /* In the list of all. */
    struct ovs_list thread_node;        /* In that of 'thread'. */
    struct sleep_thread *thread;        /* Which polls it, or null. */
    struct dpdk_vdpa_poller *poller;
};

/* For an rx-queue that comes, with 'poller', or goes.  Nobody polls it.  Main
 * thread, or whoever closes a netdev. */
void vdpa_rest_init(struct vdpa_rest *, struct dpdk_vdpa_poller *poller);
void vdpa_rest_uninit(struct vdpa_rest *);

/* The calling thread is going to poll the rx-queue from now on, and no other
 * does any more.  To be called before it does. */
void vdpa_rest_take(struct vdpa_rest *);

/* Has the calling PMD thread wait for work on the rx-queues that it polls, for
 * 'ns' nanoseconds at most; or 'short_ns', if not all of their lanes can wake
 * it.  If it finds something to do before that, adds the number of packets
 * that this moved to '*n_movedp'. */
enum vdpa_wait vdpa_sleep_wait(uint64_t ns, uint64_t short_ns,
                               unsigned int *n_movedp);

/* Of a thread that polls some rx-queue. */
struct vdpa_sleep_info {
    uint64_t n_waits;
    uint64_t n_timeouts;        /* Of these, until the time was up. */
};

/* Fills in '*info' for the thread that polls the rx-queue with 'poller'.  Any
 * thread. */
void vdpa_sleep_get_info(const struct dpdk_vdpa_poller *poller,
                         struct vdpa_sleep_info *info);

#endif /* port/sleep.h */
