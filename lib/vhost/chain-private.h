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

#ifndef DPDK_VDPA_CHAIN_PRIVATE_H
#define DPDK_VDPA_CHAIN_PRIVATE_H 1

/* What those share who take a guest's packets that are not the rule:
 * vhost/chain.c copies them, vhost/lending.c does not if it can help it.  Each
 * has these functions for itself, because what is inlined where is a tenth of
 * the cost of a packet. */

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>
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

/* Most descriptors that add nothing, as they have no length or are behind the
 * longest packet.  A table may have as many as fit into the guest's memory,
 * and the thread is not to follow them all. */
#define MAX_MORE 1024

/* A byte more than the longest packet that anybody may send: what IP allows
 * and two VLAN tags. */
#define MAX_PACKET_LEN (UINT16_MAX + ETH_HEADER_LEN + 2 * VLAN_HEADER_LEN + 1)

/* With one of these, a VF may cut packets. */
#define FEATURES_TSO (1ULL << VIRTIO_NET_F_HOST_TSO4                         \
                      | 1ULL << VIRTIO_NET_F_HOST_TSO6)

/* With the header. */
#define MAX_CHAIN_LEN (MAX_PACKET_LEN                                        \
                       + sizeof(struct virtio_net_hdr_mrg_rxbuf))

/* A buffer of the guest's. */
struct chain {
    uint16_t id;                /* What the guest knows it by. */
    uint16_t n_slots;           /* That it takes in a packed ring. */
    uint64_t len;               /* Of all of it. */
    unsigned int n;
    unsigned int n_more;        /* Descriptors that added no part. */
    struct part {               /* What lies together. */
        const uint8_t *data;
        uint32_t len;
    } parts[MAX_PARTS];
};

/* Adds what the guest has at 'addr', which is not all in one region. */
static bool __rte_noinline
chain_add_parts(struct chain *chain, struct dpdk_vdpa_ring *ring,
                uint64_t addr, uint32_t len)
{
    while (len) {
        struct part *part = &chain->parts[chain->n];

        if (chain->n >= MAX_PARTS) {
            return false;
        }
        part->len = len;
        part->data = ring_memory_at(ring, addr, &part->len);
        if (!part->data) {
            return false;
        }
        addr += part->len;
        len -= part->len;
        chain->n++;
    }
    return true;
}

/* Adds what the guest has at 'addr'; of what is longer than any packet only
 * the length.  Returns false if it is not in the guest's memory, or too many
 * parts, or goes on and on. */
static inline bool
chain_add(struct chain *chain, struct dpdk_vdpa_ring *ring, uint64_t addr,
          uint32_t len)
{
    struct part *part = &chain->parts[chain->n];
    uint64_t ofs = addr - ring->region->start;
    bool too_long = chain->len > MAX_CHAIN_LEN;

    chain->len += len;
    if (OVS_UNLIKELY(too_long || !len)) {
        return ++chain->n_more <= MAX_MORE;
    }
    if (OVS_UNLIKELY(ofs >= ring->region->size
                     || len > ring->region->size - ofs
                     || chain->n >= MAX_PARTS)) {
        return chain_add_parts(chain, ring, addr, len);
    }
    part->data = (const uint8_t *) (uintptr_t) (addr + ring->region->offset);
    part->len = len;
    chain->n++;
    return true;
}

/* Split rings: virtio 1.1, section 2.6. */

/* Follows the chain that begins with number 'i' of 'n' descriptors at 'descs',
 * which is an indirect table if 'indirect' is true.  Others may come before
 * one with a table, and none behind it (section 2.6.5.3). */
static bool
split_follow(struct dpdk_vdpa_ring *ring, const struct vring_desc *descs,
             unsigned int n, unsigned int i, bool indirect,
             struct chain *chain)
{
    for (unsigned int left = n; i < n && left; left--) {
        uint64_t addr = READ_ONCE(descs[i].addr);
        uint32_t len = READ_ONCE(descs[i].len);
        uint16_t flags = READ_ONCE(descs[i].flags);

        if (flags & VRING_DESC_F_INDIRECT) {
            const struct vring_desc *table = ring_find_table(ring, addr, len,
                                                             &n);

            return (!indirect && !(flags & VRING_DESC_F_NEXT) && table
                    && split_follow(ring, table, n, 0, true, chain));
        }
        if (!chain_add(chain, ring, addr, len)) {
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
split_read(struct dpdk_vdpa_ring *ring, struct chain *chain,
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
}

/* Packed rings: virtio 1.1, section 2.7. */

static bool
packed_add_table(struct dpdk_vdpa_ring *ring, uint64_t addr,
                 uint32_t len, struct chain *chain)
{
    const struct vring_packed_desc *table;
    unsigned int n;

    table = ring_find_table(ring, addr, len, &n);
    for (unsigned int i = 0; table && i < n; i++) {
        if (READ_ONCE(table[i].flags) & VRING_DESC_F_INDIRECT
            || !chain_add(chain, ring, READ_ONCE(table[i].addr),
                          READ_ONCE(table[i].len))) {
            return false;
        }
    }
    return table;
}

/* Follows the chain at 'pos', whose first descriptor has these flags.  Here
 * a driver must not have one with a table be part of a chain. */
static bool
packed_follow(struct dpdk_vdpa_ring *ring, unsigned int pos,
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
        if (!chain_add(chain, ring, addr, len)) {
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
packed_read(struct dpdk_vdpa_ring *ring, struct chain *chain,
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

    dpdk_vdpa_note_round(ring->note, ring->packed.desc, begin, end);
    __atomic_store_n(&ring->note->span,
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
chain_read(struct dpdk_vdpa_ring *ring, struct chain *chain,
           bool *brokenp)
{
    chain->n = chain->n_more = 0;
    chain->n_slots = 0;
    chain->len = 0;
    *brokenp = false;
    return (ring->is_packed ? packed_read(ring, chain, brokenp)
            : split_read(ring, chain, brokenp));
}

/* Gives the buffer back to the guest, which sees it after chains_publish(),
 * with nothing written to it, as one to write to if 'write' is true. */
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

static void
chains_publish(struct dpdk_vdpa_ring *ring)
{
    if (!ring->is_packed) {     /* There each shows for itself. */
        __atomic_store_n(&ring->split.used->idx, ring->next_used,
                         __ATOMIC_RELEASE);
    }
}

/* Moves the first 'len' bytes of 'chain', which has more, to 'to'.  Returns
 * where it goes on. */
static inline const struct part *
chain_pull(struct chain *chain, uint8_t *to, uint32_t len)
{
    struct part *part = chain->parts;

    for (; OVS_UNLIKELY(part->len <= len); part++) {
        memcpy(to, part->data, part->len);
        to += part->len;
        len -= part->len;
    }
    memcpy(to, part->data, len);
    part->data += len;
    part->len -= len;
    return part;
}

/* Returns a packet of 'len' bytes, at least one, yet to be written, in mbufs
 * of 'mp' that take 'room' bytes each; or null. */
static struct rte_mbuf *
packet_create(struct rte_mempool *mp, uint32_t room, uint32_t len)
{
    struct rte_mbuf *pkt = NULL, **lastp = &pkt;
    uint32_t left = len;
    unsigned int n;

    if (OVS_LIKELY(len <= room)) {
        pkt = rte_pktmbuf_alloc(mp);
        if (pkt) {
            pkt->data_len = pkt->pkt_len = len;
        }
        return pkt;
    }
    n = DIV_ROUND_UP(len, room);
    while (left) {
        struct rte_mbuf *some[32];
        unsigned int n_some = MIN(n, ARRAY_SIZE(some));

        if (rte_pktmbuf_alloc_bulk(mp, some, n_some)) {
            rte_pktmbuf_free(pkt);
            return NULL;
        }
        for (unsigned int i = 0; i < n_some; i++) {
            *lastp = some[i];
            lastp = &some[i]->next;
            some[i]->data_len = MIN(left, room);
            left -= some[i]->data_len;
        }
        n -= n_some;
    }
    pkt->pkt_len = len;
    pkt->nb_segs = DIV_ROUND_UP(len, room);
    return pkt;
}

/* Fills 'pkt' with what is in 'part' and those behind it, which is as much or
 * more. */
static inline void
packet_fill(struct rte_mbuf *pkt, const struct part *part)
{
    uint8_t *to = rte_pktmbuf_mtod(pkt, uint8_t *);
    uint32_t room = pkt->data_len;      /* Yet, in the mbuf 'pkt'. */

    for (uint32_t left = pkt->pkt_len; left; part++) {
        const uint8_t *data = part->data;
        uint32_t n = MIN(part->len, left);

        left -= n;
        while (n > room) {
            memcpy(to, data, room);
            data += room;
            n -= room;
            pkt = pkt->next;
            to = rte_pktmbuf_mtod(pkt, uint8_t *);
            room = pkt->data_len;
        }
        memcpy(to, data, n);
        to += n;
        room -= n;
    }
}

/* Returns a packet with what is in 'chain' behind the header, which '*hdr' is
 * set to; or null if there are no mbufs. */
static struct rte_mbuf *
chain_to_packet(const struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
                struct chain *chain, struct virtio_net_hdr *hdr)
{
    uint32_t room = rte_pktmbuf_data_room_size(mp) - RTE_PKTMBUF_HEADROOM;
    uint8_t header[sizeof(struct virtio_net_hdr_mrg_rxbuf)];
    struct rte_mbuf *pkt;
    uint32_t len;

    if (chain->len <= ring->header_len) {
        /* For the relay to count, whatever it asks for. */
        memset(hdr, 0, sizeof *hdr);
        return rte_pktmbuf_alloc(mp);
    }
    len = MIN(chain->len - ring->header_len, MAX_PACKET_LEN);
    pkt = packet_create(mp, room, len);
    if (pkt) {
        packet_fill(pkt, chain_pull(chain, header, ring->header_len));
        memcpy(hdr, header, sizeof *hdr);
    }
    return pkt;
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
           struct chain *chain, struct rte_mbuf **pkts,
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

/* Returns how many bytes a burst of 'max' packets may have before its last
 * one.  Without segmentation nobody takes a packet that does not fit into an
 * mbuf; one that is there to be dropped takes up to 33, and these may be
 * shared with other ports (accel/pool.h). */
static uint64_t
max_bytes(const struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
          uint16_t max)
{
    return (ring->features & FEATURES_TSO ? UINT64_MAX
            : (uint64_t) max * rte_pktmbuf_data_room_size(mp));
}

#endif /* vhost/chain-private.h */
