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

#include "vhost/chain.h"

#include <rte_config.h>
#include <rte_mbuf.h>

#include "util.h"
#include "vhost/ahead.h"
#include "vhost/chain-private.h"
#include "vhost/ring.h"

uint16_t
dpdk_vdpa_chain_recv(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
                     struct rte_mbuf **pkts, uint16_t max)
{
    uint64_t bytes_left = max_bytes(ring, mp, max);
    uint16_t first = ring->next_used;
    unsigned int n_chains = 0, n_slots = 0;
    struct chain chain;
    uint16_t n = 0;

    ring->unusual = false;
    while (n < max) {
        bool done;

        if (!(n_chains++ % DPDK_VDPA_AHEAD)) {
            dpdk_vdpa_ahead_fetch(ring);
        }
        if (!chain_read(ring, &chain, &ring->unusual)) {
            break;
        }
        /* A guest that keeps up must not lead us round a packed ring: whether
         * it wants an interrupt is told by two positions. */
        n_slots += chain.n_slots;
        if (n_slots > ring->size) {
            break;
        }
        n += chain_take(ring, mp, &chain, &pkts[n], max - n, &done);
        if (!done) {
            break;
        }
        chain_return(ring, &chain, false);
        if (OVS_UNLIKELY(chain.len > bytes_left)) {
            break;
        }
        bytes_left -= chain.len;
    }
    if (ring->next_used != first) {
        chains_publish(ring);
    }
    return n;
}

bool
dpdk_vdpa_chain_return_short(struct dpdk_vdpa_ring *ring, uint32_t len)
{
    struct chain chain;
    bool broken;

    if (!chain_read(ring, &chain, &broken) || chain.len >= len) {
        return false;
    }
    chain_return(ring, &chain, true);
    chains_publish(ring);
    return true;
}
