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

#ifndef DPDK_VDPA_SCATTER_H
#define DPDK_VDPA_SCATTER_H 1

/* Gives packets to a guest that vhost/ring.h leaves: in several mbufs, or of
 * which something is to be said, or into what is not one direct descriptor: a
 * chain, an indirect table, several buffers that are merged, memory in several
 * regions.
 *
 * What is wrong is left to the vhost library, which does not go on from there.
 * The same rules hold as for vhost/ring.h. */

#include <stdint.h>

struct dpdk_vdpa_ring;
struct dpdk_vdpa_undo;
struct rte_mbuf;

/* Copies the 'n' packets, of whatever kind, to the guest, in order, as long as
 * it has room, and they take no more than 'max_descs' descriptors: who asks
 * for interrupts must not be led round the ring.  Returns how many.  The
 * caller goes on owning all of them.
 *
 * If there are more, the guest has no room for the next one yet; or something
 * is broken, or it would take more buffers than can be noted: sets
 * 'ring->unusual' then.
 *
 * The guest is told of each packet, as far as it wants to be, what the flags
 * for transmission say (vhost/lro.h), or else whether its checksums are good.
 *
 * For a packed ring '*undo' is, beside 'ring->note', where to write down what
 * is about to be given back. */
uint16_t dpdk_vdpa_scatter_send(struct dpdk_vdpa_ring *ring,
                                struct dpdk_vdpa_undo *undo,
                                unsigned int max_descs,
                                struct rte_mbuf **pkts, uint16_t n);

#endif /* vhost/scatter.h */
