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

#ifndef DPDK_VDPA_SEGMENT_H
#define DPDK_VDPA_SEGMENT_H 1

/* Cuts TCP packets into segments where a VF might not know how: behind several
 * VLAN tags, or behind IPv6 extension headers.
 *
 * Any thread that owns the packets. */

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;
struct virtio_net_hdr;

/* How a packet is to be cut: where its headers are, in bytes from its start,
 * and how much is in a segment behind them. */
struct dpdk_vdpa_cut {
    uint32_t ip_ofs;
    uint32_t tcp_ofs;
    uint32_t payload_ofs;
    uint32_t segment_len;
    bool v6;
};

/* If 'pkt', which a guest sent with 'hdr' and these negotiated virtio
 * features, is to be cut and can be cut, says how in '*cut' and returns true.
 * The headers must lie in its first segment. */
bool dpdk_vdpa_cut_plan(const struct rte_mbuf *pkt,
                        const struct virtio_net_hdr *hdr, uint64_t features,
                        struct dpdk_vdpa_cut *cut);

/* Returns how many segments there will be, at least one. */
unsigned int dpdk_vdpa_cut_n(const struct rte_mbuf *pkt,
                             const struct dpdk_vdpa_cut *);

/* Returns segment 'i' of 'pkt', with its checksums, in an mbuf of 'mp', or
 * null if there is none, or it has no room. */
struct rte_mbuf *dpdk_vdpa_cut_get(const struct rte_mbuf *pkt,
                                   const struct dpdk_vdpa_cut *,
                                   unsigned int i, struct rte_mempool *mp);

#endif /* base/segment.h */
