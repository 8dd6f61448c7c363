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

#include <linux/virtio_net.h>
#include <string.h>

#include <rte_config.h>
#include <rte_mbuf.h>

#include "base/packet.h"
#include "base/segment.h"
#include "packets.h"
#include "util.h"
#include "vhost/notes.h"
#include "vhost/ring.h"
#include "vhost/ring-private.h"

/* Most descriptors of a packet, as many as the vhost library takes.  Drivers
 * use up to 20. */
#define MAX_PARTS 256

/* A byte more than the longest packet that anybody may send: what IP allows
 * and two VLAN tags. */
#define MAX_PACKET_LEN (UINT16_MAX + ETH_HEADER_LEN + 2 * VLAN_HEADER_LEN + 1)

/* A buffer of the guest's, of which only the ring itself is checked. */
struct chain {
    uint16_t id;                /* What the guest knows it by. */
    uint16_t n_slots;           /* That it takes in a packed ring. */
    unsigned int n;
    struct part {
        uint64_t addr;
        uint32_t len;
    } parts[MAX_PARTS];
};

/* Returns where we have what the guest has at 'addr', and of '*lenp' bytes
 * how many are there together, at least one; or null. */
static uint8_t *
memory_at(const struct dpdk_vdpa_memory *memory, uint64_t addr, uint32_t *lenp)
{
    for (unsigned int i = 0; i < memory->n; i++) {
        const struct dpdk_vdpa_region *region = &memory->regions[i];
        uint64_t ofs = addr - region->start;

        if (ofs < region->size) {
            *lenp = MIN(*lenp, region->size - ofs);
            return (uint8_t *) (uintptr_t) (addr + region->offset);
        }
    }
    return NULL;
}

static bool
chain_add(struct chain *chain, uint64_t addr, uint32_t len)
{
    if (chain->n >= MAX_PARTS) {
        return false;
    }
    chain->parts[chain->n].addr = addr;
    chain->parts[chain->n++].len = len;
    return true;
}

/* Returns the indirect table of 'len' bytes at 'addr', and in '*np' how many
 * descriptors it has, which are of the same size in both kinds of rings; or
 * null if it is not wholly in one region. */
static const void *
find_table(const struct dpdk_vdpa_ring *ring, uint64_t addr, uint32_t len,
           unsigned int *np)
{
    uint32_t there = len;
    const void *table = memory_at(ring->memory, addr, &there);

    BUILD_ASSERT(sizeof(struct vring_desc) == 16
                 && sizeof(struct vring_packed_desc) == 16);
    *np = len / 16;
    return (len && !(len % 16) && there == len && !((uintptr_t) table % 8)
            ? table : NULL);
}

/* Split rings: virtio 1.1, section 2.6. */

/* Follows the chain that begins with number 'i' of 'n' descriptors at 'descs',
 * which is an indirect table if 'indirect' is true.  Others may come before
 * one with a table, and none behind it (section 2.6.5.3). */
static bool
split_follow(const struct dpdk_vdpa_ring *ring, const struct vring_desc *descs,
             unsigned int n, unsigned int i, bool indirect,
             struct chain *chain)
{
    for (unsigned int left = n; i < n && left; left--) {
        uint64_t addr = READ_ONCE(descs[i].addr);
        uint32_t len = READ_ONCE(descs[i].len);
        uint16_t flags = READ_ONCE(descs[i].flags);

        if (flags & VRING_DESC_F_INDIRECT) {
            const struct vring_desc *table = find_table(ring, addr, len, &n);

            return (!indirect && !(flags & VRING_DESC_F_NEXT) && table
                    && split_follow(ring, table, n, 0, true, chain));
        }
        if (!chain_add(chain, addr, len)) {
            return false;
        }
        if (!(flags & VRING_DESC_F_NEXT)) {
            return true;
        }
        i = READ_ONCE(descs[i].next);
    }
    return false;
}

/* Reads the next buffer that the guest offers.  Returns false if there is none
 * or it is not as it should be, which '*brokenp' says. */
static bool
split_read(const struct dpdk_vdpa_ring *ring, struct chain *chain,
           bool *brokenp)
{
    const struct vring_avail *avail = ring->split.avail;
    uint16_t slot = ring->next_avail;
    uint16_t n = __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE) - slot;

    if (!n) {
        return false;
    }
    chain->id = READ_ONCE(avail->ring[slot & (ring->size - 1)]);
    *brokenp = (n > ring->size
                || !split_follow(ring, ring->split.desc, ring->size, chain->id,
                                 false, chain));
    return !*brokenp;
}

static void
split_return(struct dpdk_vdpa_ring *ring, const struct chain *chain)
{
    struct vring_used *used = ring->split.used;
    struct vring_used_elem *elem = &used->ring[ring->next_used
                                               & (ring->size - 1)];

    elem->id = chain->id;
    elem->len = 0;
    ring->next_avail++;
    ring->next_used++;
    __atomic_store_n(&used->idx, ring->next_used, __ATOMIC_RELEASE);
}

/* Packed rings: virtio 1.1, section 2.7. */

static bool
packed_add_table(const struct dpdk_vdpa_ring *ring, uint64_t addr,
                 uint32_t len, struct chain *chain)
{
    const struct vring_packed_desc *table;
    unsigned int n;

    table = find_table(ring, addr, len, &n);
    for (unsigned int i = 0; table && i < n; i++) {
        if (READ_ONCE(table[i].flags) & VRING_DESC_F_INDIRECT
            || !chain_add(chain, READ_ONCE(table[i].addr),
                          READ_ONCE(table[i].len))) {
            return false;
        }
    }
    return table;
}

/* Follows the chain at 'pos', whose first descriptor has these flags.  Here
 * a driver must not have one with a table be part of a chain. */
static bool
packed_follow(const struct dpdk_vdpa_ring *ring, unsigned int pos,
              uint16_t flags, struct chain *chain)
{
    while (chain->n_slots < ring->size) {
        const struct vring_packed_desc *desc = &ring->packed.desc[pos];
        uint64_t addr = READ_ONCE(desc->addr);
        uint32_t len = READ_ONCE(desc->len);

        chain->id = READ_ONCE(desc->id);
        chain->n_slots++;
        if (flags & VRING_DESC_F_INDIRECT) {
            return (chain->n_slots == 1 && !(flags & VRING_DESC_F_NEXT)
                    && packed_add_table(ring, addr, len, chain));
        }
        if (!chain_add(chain, addr, len)) {
            return false;
        }
        if (!(flags & VRING_DESC_F_NEXT)) {
            return true;
        }
        pos = pos + 1 < ring->size ? pos + 1 : 0;
        flags = READ_ONCE(ring->packed.desc[pos].flags);
    }
    return false;
}

/* As split_read(). */
static bool
packed_read(const struct dpdk_vdpa_ring *ring, struct chain *chain,
            bool *brokenp)
{
    unsigned int pos = ring->next_avail & ~WRAP;
    uint16_t flags = __atomic_load_n(&ring->packed.desc[pos].flags,
                                     __ATOMIC_ACQUIRE);

    if (!packed_flags_are_avail(flags, ring->next_avail)) {
        return false;
    }
    *brokenp = !packed_follow(ring, pos, flags, chain);
    return !*brokenp;
}

/* Should the process end in the middle of this, the next one sees by the first
 * descriptor whether it was done, and by the note where the next buffer is. */
static void
packed_return(struct dpdk_vdpa_ring *ring, const struct chain *chain,
              bool write)
{
    uint16_t begin = ring->next_used;
    uint16_t end = packed_advance(begin, chain->n_slots, ring->size);
    uint64_t flags = ((begin & WRAP ? PACKED_AVAIL | PACKED_USED : 0)
                      | (write ? VRING_DESC_F_WRITE : 0));

    __atomic_store_n(ring->span,
                     dpdk_vdpa_note_span(begin | DPDK_VDPA_NOTE_CHAIN, end),
                     __ATOMIC_RELAXED);
    __atomic_store_n(packed_second_half(&ring->packed.desc[begin & ~WRAP]),
                     (flags << PACKED_FLAGS_SHIFT
                      | (uint64_t) chain->id << PACKED_ID_SHIFT),
                     __ATOMIC_RELEASE);
    ring->next_used = ring->next_avail = end;
}

/* Either kind. */

static bool
chain_read(const struct dpdk_vdpa_ring *ring, struct chain *chain,
           bool *brokenp)
{
    chain->n = 0;
    chain->n_slots = 0;
    *brokenp = false;
    return (ring->is_packed ? packed_read(ring, chain, brokenp)
            : split_read(ring, chain, brokenp));
}

/* Gives the buffer back to the guest with nothing written to it, as one to
 * write to if 'write' is true. */
static void
chain_return(struct dpdk_vdpa_ring *ring, const struct chain *chain,
             bool write)
{
    if (ring->is_packed) {
        packed_return(ring, chain, write);
    } else {
        split_return(ring, chain);
    }
}

static uint64_t
chain_len(const struct chain *chain)
{
    uint64_t len = 0;

    for (unsigned int i = 0; i < chain->n; i++) {
        len += chain->parts[i].len;
    }
    return len;
}

/* A packet that is being put together. */
struct packet {
    uint8_t header[sizeof(struct virtio_net_hdr_mrg_rxbuf)];
    uint32_t header_left;       /* Bytes that have not come yet. */
    uint32_t header_len;
    struct rte_mbuf *mbuf;      /* The first, */
    struct rte_mbuf *last;      /* and the last. */
};

/* Adds 'len' bytes at 'data'.  Returns false if there are no mbufs. */
static bool
packet_append(struct packet *pkt, struct rte_mempool *mp, const uint8_t *data,
              uint32_t len)
{
    while (len) {
        struct rte_mbuf *last = pkt->last;
        uint32_t n = MIN(len, rte_pktmbuf_tailroom(last));

        memcpy(rte_pktmbuf_mtod_offset(last, void *, last->data_len), data, n);
        last->data_len += n;
        pkt->mbuf->pkt_len += n;
        data += n;
        len -= n;
        if (len) {
            pkt->last = last->next = rte_pktmbuf_alloc(mp);
            if (!pkt->last) {
                return false;
            }
            pkt->mbuf->nb_segs++;
        }
    }
    return true;
}

/* Adds 'len' bytes at 'data', which may be of the header.  Returns false if
 * there are no mbufs. */
static bool
packet_add(struct packet *pkt, struct rte_mempool *mp, const uint8_t *data,
           uint32_t len)
{
    uint32_t n = MIN(len, pkt->header_left);

    if (n) {
        memcpy(&pkt->header[pkt->header_len - pkt->header_left], data, n);
        pkt->header_left -= n;
    }
    return packet_append(pkt, mp, data + n,
                         MIN(len - n, MAX_PACKET_LEN - pkt->mbuf->pkt_len));
}

/* Copies what is in 'chain' to 'pkt'.  Returns false if a part of it is not in
 * the guest's memory, or there are no mbufs. */
static bool
packet_fill(struct packet *pkt, const struct dpdk_vdpa_ring *ring,
            struct rte_mempool *mp, const struct chain *chain)
{
    for (unsigned int i = 0; i < chain->n; i++) {
        uint64_t addr = chain->parts[i].addr;
        uint32_t left = chain->parts[i].len;

        while (left && pkt->mbuf->pkt_len < MAX_PACKET_LEN) {
            uint32_t n = left;
            const uint8_t *data = memory_at(ring->memory, addr, &n);

            if (!data || !packet_add(pkt, mp, data, n)) {
                return false;
            }
            addr += n;
            left -= n;
        }
    }
    return true;
}

/* Returns a packet with what is in 'chain' behind the header, which '*hdr' is
 * set to; or null. */
static struct rte_mbuf *
chain_to_packet(const struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
                const struct chain *chain, struct virtio_net_hdr *hdr)
{
    struct packet pkt;

    memset(pkt.header, 0, sizeof pkt.header);
    pkt.header_len = pkt.header_left = ring->header_len;
    pkt.mbuf = pkt.last = rte_pktmbuf_alloc(mp);
    if (!pkt.mbuf || !packet_fill(&pkt, ring, mp, chain)) {
        rte_pktmbuf_free(pkt.mbuf);
        return NULL;
    }
    if (!pkt.mbuf->pkt_len) {
        /* For the relay to count, whatever it asks for. */
        memset(pkt.header, 0, sizeof pkt.header);
    }
    memcpy(hdr, pkt.header, sizeof *hdr);
    return pkt.mbuf;
}

/* Makes of 'pkt' the next segments, at most 'max', and returns how many; sets
 * '*donep' if that was all.  The guest gets the buffer back only then, and the
 * packet is read anew each time: nothing else need be remembered of it. */
static unsigned int
cut_some(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
         const struct rte_mbuf *pkt, const struct dpdk_vdpa_cut *cut,
         struct rte_mbuf **segments, unsigned int max, bool *donep)
{
    unsigned int total = dpdk_vdpa_cut_n(cut);
    unsigned int n = 0;

    /* A guest that changes the packet meanwhile gets what it asks for. */
    if (ring->cut_pos != ring->next_avail || ring->n_cut >= total) {
        ring->cut_pos = ring->next_avail;
        ring->n_cut = 0;
    }
    while (n < max && ring->n_cut < total
           && (segments[n] = dpdk_vdpa_cut_get(pkt, cut, ring->n_cut, mp))) {
        ring->n_cut++;
        n++;
    }
    *donep = ring->n_cut >= total;
    if (*donep) {
        ring->n_cut = 0;
    }
    return n;
}

/* Takes the packet in 'chain', or some of its segments, if we have to cut it:
 * at most 'max'.  Returns how many, and in '*donep' whether that was all of
 * it. */
static unsigned int
chain_take(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
           const struct chain *chain, struct rte_mbuf **pkts,
           unsigned int max, bool *donep)
{
    struct virtio_net_hdr hdr;
    struct rte_mbuf *pkt = chain_to_packet(ring, mp, chain, &hdr);
    struct dpdk_vdpa_cut cut;
    unsigned int n;

    *donep = pkt != NULL;
    if (!pkt) {
        ring->unusual = true;
        return 0;
    }
    if (dpdk_vdpa_packet_describe(pkt, &hdr, ring->features)
        || !dpdk_vdpa_cut_plan(pkt, &hdr, ring->features, &cut)
        || cut.payload_ofs + cut.segment_len
           > rte_pktmbuf_data_room_size(mp) - RTE_PKTMBUF_HEADROOM) {
        ring->n_cut = 0;        /* It may have been another one before. */
        pkts[0] = pkt;
        return 1;
    }
    n = cut_some(ring, mp, pkt, &cut, pkts, max, donep);
    rte_pktmbuf_free(pkt);
    return n;
}

uint16_t
dpdk_vdpa_chain_recv(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
                     struct rte_mbuf **pkts, uint16_t max)
{
    struct chain chain;
    uint16_t n = 0;

    ring->unusual = false;
    while (n < max && chain_read(ring, &chain, &ring->unusual)) {
        bool done;

        n += chain_take(ring, mp, &chain, &pkts[n], max - n, &done);
        if (!done) {
            break;
        }
        chain_return(ring, &chain, false);
    }
    return n;
}

bool
dpdk_vdpa_chain_return_short(struct dpdk_vdpa_ring *ring, uint32_t len)
{
    struct chain chain;
    bool broken;

    if (!chain_read(ring, &chain, &broken) || chain_len(&chain) >= len) {
        return false;
    }
    chain_return(ring, &chain, true);
    return true;
}
