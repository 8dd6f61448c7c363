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

#ifndef DPDK_VDPA_STUCK_H
#define DPDK_VDPA_STUCK_H 1

/* The packet that a guest's receive queue refuses, and for how long.  For the
 * thread that sends to the queue. */

#include <stdbool.h>
#include <stdint.h>

#include <rte_config.h>
#include <rte_cycles.h>

#include "util.h"

struct rte_mbuf;

/* How long a guest may refuse a packet, in ms, before it is taken to be too
 * long for it, if that cannot be told. */
#define DPDK_VDPA_STUCK_TIMEOUT 1000

struct dpdk_vdpa_stuck {
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        const struct rte_mbuf *pkt;
        uint64_t since;         /* In timer cycles. */
    );
};

/* Returns true if 'pkt' has been asked about for DPDK_VDPA_STUCK_TIMEOUT. */
static inline bool
dpdk_vdpa_stuck_is(struct dpdk_vdpa_stuck *stuck, const struct rte_mbuf *pkt)
{
    uint64_t now = rte_get_timer_cycles();

    if (stuck->pkt != pkt) {
        stuck->pkt = pkt;
        stuck->since = now;
    }
    return (now - stuck->since
            > DPDK_VDPA_STUCK_TIMEOUT * rte_get_timer_hz() / 1000);
}

#endif /* vhost/stuck.h */
