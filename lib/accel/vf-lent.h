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

#ifndef DPDK_VDPA_VF_LENT_H
#define DPDK_VDPA_VF_LENT_H 1

/* Packets that are lent to a VF (vhost/lend.h): somebody waits until it has
 * sent them, and may have it let go of them.
 *
 * PMD threads send to the queues of a VF, each to its own, and drivers take no
 * lock.  Who is not one of them keeps them out by a gate. */

#include <stdbool.h>
#include <stdint.h>

#include "base/gate.h"
#include "ovs-atomic.h"
#include "util.h"

struct rte_eth_txconf;

struct dpdk_vdpa_vf_lent {
    uint16_t max_segs;          /* Of a packet, 0 if none may be lent, */
    const char *why_not;        /* and why not. */
    unsigned int n;             /* Queues, 0 likewise. */
    uint16_t port_id;
    atomic_bool closed;         /* PMD threads must not send. */
    bool is_stuck;              /* A queue was stopped and does not start. */
    struct dpdk_vdpa_vf_queue *queues;

    /* Whose the queues are that packets are lent from (vhost/lend.h), once it
     * is known, and his count of packets that were lent, and that the VF had
     * not been seen to send when its queues were stopped. */
    const void *owner;
    atomic_uint64_t *n_unsent;
};

struct dpdk_vdpa_vf_queue {
    PADDED_MEMBERS(CACHE_LINE_SIZE, atomic_bool inside; );
};

/* Returns the configuration for a send queue of ethdev 'port_id' to which
 * packets are to be lent, which is in '*conf', or null for the driver's.  Many
 * drivers are told by the device only once in so many packets that these were
 * sent, and here each is waited for. */
const struct rte_eth_txconf *dpdk_vdpa_vf_lent_txconf(
    uint16_t port_id, struct rte_eth_txconf *conf);

/* Begins that packets are lent to the 'n' queues of ethdev 'port_id', which is
 * started, if it is 'asked' for and can be; or ends it.  For the owner of the
 * VF, while no other thread uses 'lent'. */
void dpdk_vdpa_vf_lent_open(struct dpdk_vdpa_vf_lent *lent, uint16_t port_id,
                            unsigned int n, bool asked);
void dpdk_vdpa_vf_lent_close(struct dpdk_vdpa_vf_lent *lent);

/* Comes to the gate of a queue, which the caller must leave in any case, and
 * returns true if it may be used.  For the PMD thread that sends there. */
static inline bool
dpdk_vdpa_vf_lent_enter(struct dpdk_vdpa_vf_lent *lent, uint16_t queue)
{
    bool closed;

    dpdk_vdpa_gate_enter(&lent->queues[queue].inside);
    atomic_read_explicit(&lent->closed, &closed, memory_order_acquire);
    return !closed;
}

static inline void
dpdk_vdpa_vf_lent_leave(struct dpdk_vdpa_vf_lent *lent, uint16_t queue)
{
    dpdk_vdpa_gate_leave(&lent->queues[queue].inside);
}

/* Frees what the VF has sent of all queues already, or 'by_force' all that it
 * has.  Any thread but PMD threads, one at a time, while the VF is started. */
void dpdk_vdpa_vf_lent_call_in(struct dpdk_vdpa_vf_lent *lent, bool by_force);

/* Stops the ethdev, which has it free all packets; before that it has 20 ms to
 * send what it was lent.  For the owner of the VF, while nobody else uses it;
 * 'lent' is open, or was never. */
void dpdk_vdpa_vf_lent_stop(struct dpdk_vdpa_vf_lent *lent, uint16_t port_id);

#endif /* accel/vf-lent.h */
