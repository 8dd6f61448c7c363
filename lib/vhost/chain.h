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

#ifndef DPDK_VDPA_CHAIN_H
#define DPDK_VDPA_CHAIN_H 1

/* Walks a guest's virtqueue for what vhost/ring.h leaves: packets in several
 * descriptors, behind an indirect table, in several regions of memory, longer
 * than an mbuf, or with a header that asks for something.
 *
 * What is wrong is left to the vhost library as well, which does not go on
 * from there.  The same rules hold as for vhost/ring.h. */

#include <stdbool.h>
#include <stdint.h>

struct dpdk_vdpa_ring;
struct rte_mbuf;
struct rte_mempool;

/* Takes at most 'n' packets that the guest sent, of whatever kind, into chains
 * of mbufs of 'mp', with flags that say what the guest asked for
 * (base/packet.h), and gives the buffers back.  Returns how many.  If there
 * are more, the next one is broken, or there are no mbufs; sets
 * 'ring->unusual' then.
 *
 * A packet to be segmented that a VF may not know is cut here
 * (base/segment.h).  Some of its segments may come later.
 *
 * A packet longer than any can be comes as one that is too long, but not as
 * long as it was.  If nobody cuts packets, those that are too long for an mbuf
 * take at most three times 'n' mbufs at once: the rest comes later. */
uint16_t dpdk_vdpa_chain_recv(struct dpdk_vdpa_ring *ring,
                              struct rte_mempool *mp, struct rte_mbuf **pkts,
                              uint16_t n);

/* If the next buffer that the guest gave to receive into is shorter than
 * 'len', gives it back with nothing in it and returns true. */
bool dpdk_vdpa_chain_return_short(struct dpdk_vdpa_ring *, uint32_t len);

#endif /* vhost/chain.h */
