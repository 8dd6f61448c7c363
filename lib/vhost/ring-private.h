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

#ifndef DPDK_VDPA_RING_PRIVATE_H
#define DPDK_VDPA_RING_PRIVATE_H 1

/* What those share who read a guest's ring: vhost/ring.c, vhost/chain.c and
 * vhost/scatter.c. */

#include <rte_config.h>
#include <rte_mbuf.h>

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/compiler.h"
#include "util.h"
#include "vhost/packed.h"
#include "vhost/ring.h"

/* virtio is little-endian, as the vhost library takes its host to be. */
#ifdef WORDS_BIGENDIAN
#error "the rings of a guest are walked on little-endian machines only"
#endif

/* The wrap counter in a position of a packed ring. */
#define WRAP PACKED_WRAP

/* Part of a ring's memory, read once: the compiler must not go back for it. */
#define READ_ONCE(OBJECT) (*(const volatile typeof(OBJECT) *) &(OBJECT))

/* Returns true if 'pkt' is in one mbuf and nothing has to be said of it. */
static inline __attribute__((always_inline)) bool
ring_packet_is_plain(const struct rte_mbuf *pkt)
{
    return (pkt->nb_segs == 1
            && !(pkt->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK));
}

/* Returns true if a NIC found the checksum of TCP or UDP in 'pkt' to be good.
 * Of a packet in a tunnel it may mean that of the inner one, and the guest
 * would take it for the outer one's. */
static inline __attribute__((always_inline)) bool
ring_sum_is_good(const struct rte_mbuf *pkt)
{
    return ((pkt->ol_flags & (RTE_MBUF_F_RX_L4_CKSUM_GOOD
                              | RTE_MBUF_F_RX_L4_CKSUM_BAD
                              | RTE_MBUF_F_RX_IP_CKSUM_BAD))
            == RTE_MBUF_F_RX_L4_CKSUM_GOOD
            && !(pkt->packet_type & RTE_PTYPE_TUNNEL_MASK));
}

/* Has 'ring->region' be the one that 'addr' of the guest's memory is in.
 * Returns false if there is none. */
bool dpdk_vdpa_ring_find_region(struct dpdk_vdpa_ring *ring, uint64_t addr);

/* Returns where we have what the guest has at 'addr', and of '*lenp' bytes how
 * many are there together, at least one; or null. */
static inline uint8_t *
ring_memory_at(struct dpdk_vdpa_ring *ring, uint64_t addr, uint32_t *lenp)
{
    uint64_t ofs = addr - ring->region->start;

    if (OVS_UNLIKELY(ofs >= ring->region->size)) {
        if (!dpdk_vdpa_ring_find_region(ring, addr)) {
            return NULL;
        }
        ofs = addr - ring->region->start;
    }
    if (OVS_UNLIKELY(*lenp > ring->region->size - ofs)) {
        *lenp = ring->region->size - ofs;
    }
    return (uint8_t *) (uintptr_t) (addr + ring->region->offset);
}

/* Returns the indirect table of 'len' bytes at 'addr', and in '*np' how many
 * descriptors it has, which are of the same size in both kinds of rings; or
 * null if it is not wholly in one region. */
static inline const void *
ring_find_table(struct dpdk_vdpa_ring *ring, uint64_t addr, uint32_t len,
                unsigned int *np)
{
    uint32_t there = len;
    const void *table = ring_memory_at(ring, addr, &there);

    BUILD_ASSERT(sizeof(struct vring_desc) == 16
                 && sizeof(struct vring_packed_desc) == 16);
    *np = len / 16;
    return (len && !(len % 16) && there == len && !((uintptr_t) table % 8)
            ? table : NULL);
}

#endif /* vhost/ring-private.h */
