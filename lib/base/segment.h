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

/* Cuts TCP packets into segments where a VF might not know how, behind several
 * VLAN tags or IPv6 extension headers, and for base/frames.h.
 *
 * Any thread that owns the packets. */

#include <stdbool.h>
#include <stdint.h>

#include "base/headers.h"

struct rte_mbuf;
struct rte_mempool;
struct virtio_net_hdr;

/* How a packet is to be cut. */
struct dpdk_vdpa_cut {
    struct dpdk_vdpa_headers headers;
    uint16_t sum_len;           /* In the place of TCP's checksum is the sum of
                                 * a pseudo-header with this length. */
    uint32_t payload_ofs;       /* In bytes from the start of the packet, */
    uint32_t len;               /* which is so long. */
    uint32_t segment_len;       /* What a segment has behind the headers. */
};

/* Sets '*cut' to cut the packet of 'len' bytes whose headers are 'h', of TCP,
 * in 'data', every 'segment_len' bytes.  In the place of its checksum is the
 * sum of a pseudo-header without length.  Returns false if there is nothing to
 * cut.  Then, or if 'payload_ofs' is beyond what is in 'data', it must not be
 * used. */
bool dpdk_vdpa_cut_init(struct dpdk_vdpa_cut *cut,
                        const struct dpdk_vdpa_headers *h,
                        const uint8_t *data, uint32_t len,
                        uint32_t segment_len);

/* If 'pkt', which a guest sent with 'hdr' and these negotiated virtio
 * features, is to be cut and can be cut, says how in '*cut' and returns true.
 * The headers must lie in its first segment. */
bool dpdk_vdpa_cut_plan(const struct rte_mbuf *pkt,
                        const struct virtio_net_hdr *hdr, uint64_t features,
                        struct dpdk_vdpa_cut *cut);

/* Returns how many segments there will be, at least one. */
unsigned int dpdk_vdpa_cut_n(const struct dpdk_vdpa_cut *);

/* Return, in bytes, where in the packet that begins what segment 'i' has
 * behind the headers, and how long the segment is with them. */
uint32_t dpdk_vdpa_cut_ofs(const struct dpdk_vdpa_cut *, unsigned int i);
uint32_t dpdk_vdpa_cut_len(const struct dpdk_vdpa_cut *, unsigned int i);

/* Makes of 'segment', where the packet's headers have been copied to and what
 * is to be behind them, segment 'i', with its lengths and checksums. */
void dpdk_vdpa_cut_finish(const struct dpdk_vdpa_cut *, uint8_t *segment,
                          unsigned int i);

/* Returns segment 'i' of 'pkt', with its checksums, in an mbuf of 'mp', or
 * null if there is none, or it has no room. */
struct rte_mbuf *dpdk_vdpa_cut_get(const struct rte_mbuf *pkt,
                                   const struct dpdk_vdpa_cut *,
                                   unsigned int i, struct rte_mempool *mp);

#endif /* base/segment.h */
