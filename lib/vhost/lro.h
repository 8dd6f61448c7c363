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

/* Makes 'pkt' fit for rte_vhost_enqueue_burst(), to a guest that takes such
 * packets.  Returns false if it is not TCP or there is no memory.  Any thread
 * that owns 'pkt'. */
bool dpdk_vdpa_lro_prepare(struct rte_mbuf *pkt);

#endif /* vhost/lro.h */
