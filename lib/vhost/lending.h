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

#ifndef DPDK_VDPA_LENDING_H
#define DPDK_VDPA_LENDING_H 1

/* Takes what a guest sends, of whatever kind, without copying it: mbufs point
 * to the guest's memory until a VF has sent them.  vhost/lend.h keeps the
 * buffers until then.  The same rules hold as for vhost/ring.h. */

#include <stdbool.h>
#include <stdint.h>

struct dpdk_vdpa_lend;
struct dpdk_vdpa_ring;
struct rte_mbuf;
struct rte_mempool;

/* How much is copied of a packet that is lent and asks for something, in
 * bytes: all headers that a VF may have to write to for that, with two VLAN
 * tags and the longest of IPv4 and TCP. */
#define DPDK_VDPA_LENDING_HEAD 144

/* As dpdk_vdpa_ring_recv(), or dpdk_vdpa_chain_recv() if what the guest sent
 * is not the rule, but packets that are longer than
 * DPDK_VDPA_RING_SHORT are not copied: they are segments that point to the
 * guest's memory, and nobody may write to these, behind a copy of the head if
 * they are in several descriptors or ask for something.  Their buffers wait in
 * 'lend', as do those of packets that are copied behind them.
 *
 * Copied are those that 'lend->max_segs' does not allow, those of which more
 * than the headers has to be looked at, and any if there are no segments.
 * Nothing is taken if no more buffers may wait. */
uint16_t dpdk_vdpa_lending_recv(struct dpdk_vdpa_ring *,
                                struct dpdk_vdpa_lend *lend,
                                struct rte_mempool *mp,
                                struct rte_mbuf **pkts, uint16_t n);

/* Gives those buffers back that need not wait in 'lend' any more, in their
 * order.  Returns true if there were any. */
bool dpdk_vdpa_lending_take_back(struct dpdk_vdpa_ring *ring,
                                 struct dpdk_vdpa_lend *lend);

#endif /* vhost/lending.h */
