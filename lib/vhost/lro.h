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

#ifndef DPDK_VDPA_LRO_H
#define DPDK_VDPA_LRO_H 1

/* TCP packets that a VF put together from segments, for a guest. */

#include <stdbool.h>

struct rte_mbuf;

/* Has the flags of 'pkt' say, as for transmission, what is to be said to a
 * guest that takes such packets, and its checksum be as the guest is to find
 * it.  Returns false if it is not TCP.  Any thread that owns 'pkt'. */
bool dpdk_vdpa_lro_prepare(struct rte_mbuf *pkt);

/* Makes 'pkt', which is ready, or is no such packet, fit also for
 * rte_vhost_enqueue_burst().  To be called again does no harm.  Returns false
 * if there is no memory.  Any thread that owns 'pkt'. */
bool dpdk_vdpa_lro_split(struct rte_mbuf *pkt);

#endif /* vhost/lro.h */
