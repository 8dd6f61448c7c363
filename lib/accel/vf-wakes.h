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

#ifndef DPDK_VDPA_VF_WAKES_H
#define DPDK_VDPA_VF_WAKES_H 1

/* Receive interrupts of a VF, by which it wakes a PMD thread that waits.
 *
 * Some drivers have none, or not for every queue; then a thread waits no
 * longer than Open vSwitch would have it sleep. */

#include <stdbool.h>
#include <stdint.h>

struct dpdk_vdpa_waiter;
struct dpdk_vdpa_wake;

struct dpdk_vdpa_vf_wakes {
    uint16_t port_id;
    unsigned int n;             /* Queues, 0 if there are no interrupts. */
    struct dpdk_vdpa_wake *queues;
    uint64_t n_before;          /* Waits ended by queues that are gone. */
};

/* Takes up the interrupts of the 'n' receive queues of ethdev 'port_id', which
 * has been started with them, as far as it has any.  For the VF's owner. */
void dpdk_vdpa_vf_wakes_open(struct dpdk_vdpa_vf_wakes *, uint16_t port_id,
                             unsigned int n);

/* The ethdev is going to be stopped, or was.  Nobody may be inside the next
 * two. */
void dpdk_vdpa_vf_wakes_close(struct dpdk_vdpa_vf_wakes *);

/* For the thread that polls 'queue': has it interrupt when something comes,
 * which ends a wait of 'waiter', or not any more.  The first returns false if
 * that cannot be; else the caller looks once more before it waits. */
bool dpdk_vdpa_vf_wakes_arm(struct dpdk_vdpa_vf_wakes *, uint16_t queue,
                            struct dpdk_vdpa_waiter *waiter);
void dpdk_vdpa_vf_wakes_disarm(struct dpdk_vdpa_vf_wakes *, uint16_t queue);

/* Returns how many waits the VF has ended.  For its owner. */
uint64_t dpdk_vdpa_vf_wakes_count(const struct dpdk_vdpa_vf_wakes *);

#endif /* accel/vf-wakes.h */
