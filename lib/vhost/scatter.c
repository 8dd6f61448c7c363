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

#include "vhost/scatter.h"

#include <linux/virtio_net.h>
#include <string.h>

#include <rte_config.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "base/headers.h"
#include "util.h"
#include "vhost/notes.h"
#include "vhost/ring.h"
#include "vhost/ring-private.h"

/* Most descriptors for one packet, as many as the vhost library takes. */
#define MAX_PARTS 256

/* Room for one packet in the guest's memory, checked. */
struct room {
    uint32_t need;              /* Bytes for which there is none yet. */
    uint16_t pos;               /* In a packed ring: of the next buffer, */
    unsigned int n_slots;       /* and descriptors up to there. */

    unsigned int n_buffers;     /* That the guest gave. */
    struct buffer {
        uint64_t half;          /* In a packed ring: second half of the first
                                 * descriptor. */
        uint32_t len;           /* How much of the packet it is for. */
        uint16_t id;            /* What the guest knows it by. */
        uint16_t n_slots;       /* That it takes in a packed ring. */
    } buffers[MAX_PARTS];

    unsigned int n_parts;       /* Of all these together. */
    struct part {
        uint8_t *data;
        uint32_t len;
    } parts[MAX_PARTS];
};

/* Adds the 'len' bytes at 'addr', which are of the last buffer.  Returns false
 * if they are not all in the guest's memory. */
static bool
room_add(struct room *room, struct dpdk_vdpa_ring *ring, uint64_t addr,
         uint32_t len)
{
    struct buffer *buffer = &room->buffers[room->n_buffers - 1];

    do {
        uint32_t n = len;
        uint8_t *data = len ? ring_memory_at(ring, addr, &n) : NULL;
        uint32_t used = MIN(n, room->need);

        if ((len && !data) || room->n_parts >= MAX_PARTS) {
            return false;
        }
        room->parts[room->n_parts].data = data;
        room->parts[room->n_parts++].len = n;
        room->need -= used;
        buffer->len += used;
        addr += n;
        len -= n;
    } while (len);
    return true;
}

/* Split rings: virtio 1.1, section 2.6. */

/* Adds the chain that begins with descriptor 'i', as much of it as is needed.
 * Others may come before one with a table, and none behind it (section
 * 2.6.5.3). */
static bool
split_follow(struct room *room, struct dpdk_vdpa_ring *ring, unsigned int i)
{
    const struct vring_desc *descs = ring->split.desc;
    unsigned int n = ring->size;
    bool indirect = false;

    for (unsigned int left = n; i < n && left; left--) {
        uint64_t addr = READ_ONCE(descs[i].addr);
        uint32_t len = READ_ONCE(descs[i].len);
        uint16_t flags = READ_ONCE(descs[i].flags);

        if (flags & VRING_DESC_F_INDIRECT) {
            if (indirect || flags & VRING_DESC_F_NEXT) {
                return false;
            }
            descs = ring_find_table(ring, addr, len, &n);
            if (!descs) {
                return false;
            }
            indirect = true;
            left = n + 1;
            i = 0;
            continue;
        }
        if (!(flags & VRING_DESC_F_WRITE)
            || !room_add(room, ring, addr, len)) {
            return false;
        }
        if (!room->need || !(flags & VRING_DESC_F_NEXT)) {
            return true;
        }
        i = READ_ONCE(descs[i].next);
    }
    return false;
}

/* Adds the next buffer that the guest offers.  Returns false if there is none
 * or it is not as it should be, which '*brokenp' says. */
static bool
split_add(struct room *room, struct dpdk_vdpa_ring *ring, bool *brokenp)
{
    const struct vring_avail *avail = ring->split.avail;
    uint16_t slot = ring->next_avail;
    uint16_t n = __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE) - slot;
    struct buffer *buffer = &room->buffers[room->n_buffers];

    if (room->n_buffers >= n) {
        return false;
    }
    slot += room->n_buffers++;
    buffer->id = READ_ONCE(avail->ring[slot & (ring->size - 1)]);
    buffer->len = 0;
    *brokenp = n > ring->size || !split_follow(room, ring, buffer->id);
    return !*brokenp;
}

static void
split_give_back(struct dpdk_vdpa_ring *ring, const struct room *room)
{
    struct vring_used *used = ring->split.used;
    uint16_t mask = ring->size - 1;

    for (unsigned int i = 0; i < room->n_buffers; i++) {
        struct vring_used_elem *elem = &used->ring[ring->next_used++ & mask];

        elem->id = room->buffers[i].id;
        elem->len = room->buffers[i].len;
    }
    ring->next_avail += room->n_buffers;
    __atomic_store_n(&used->idx, ring->next_used, __ATOMIC_RELEASE);
}

/* Packed rings: virtio 1.1, section 2.7. */

static bool
packed_add_table(struct room *room, struct dpdk_vdpa_ring *ring, uint64_t addr,
                 uint32_t len)
{
    const struct vring_packed_desc *table;
    unsigned int n;

    table = ring_find_table(ring, addr, len, &n);
    for (unsigned int i = 0; table && i < n && room->need; i++) {
        if ((READ_ONCE(table[i].flags)
             & (VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE))
            != VRING_DESC_F_WRITE
            || !room_add(room, ring, READ_ONCE(table[i].addr),
                         READ_ONCE(table[i].len))) {
            return false;
        }
    }
    return table;
}

/* Adds the chain at 'room->pos', whose first descriptor has this second half,
 * as much of it as is needed, and finds its end.  Here a driver must not have
 * one with a table be part of a chain. */
static bool
packed_follow(struct room *room, struct dpdk_vdpa_ring *ring, uint64_t half)
{
    struct buffer *buffer = &room->buffers[room->n_buffers - 1];
    uint16_t size = ring->size;

    while (buffer->n_slots < MAX_PARTS && room->n_slots < size) {
        unsigned int i = room->pos & ~WRAP;
        uint64_t addr = READ_ONCE(ring->packed.desc[i].addr);
        uint16_t flags = half >> PACKED_FLAGS_SHIFT;

        buffer->id = half >> PACKED_ID_SHIFT;
        buffer->n_slots++;
        room->n_slots++;
        room->pos = packed_advance(room->pos, 1, size);
        if (flags & VRING_DESC_F_INDIRECT) {
            return (buffer->n_slots == 1 && !(flags & VRING_DESC_F_NEXT)
                    && packed_add_table(room, ring, addr, half));
        }
        if (room->need
            && (!(flags & VRING_DESC_F_WRITE)
                || !room_add(room, ring, addr, half))) {
            return false;
        }
        if (!(flags & VRING_DESC_F_NEXT)) {
            return true;
        }
        half = READ_ONCE(*packed_second_half(
            &ring->packed.desc[room->pos & ~WRAP]));
    }
    return false;
}

/* As split_add(). */
static bool
packed_add(struct room *room, struct dpdk_vdpa_ring *ring, bool *brokenp)
{
    struct vring_packed_desc *desc = &ring->packed.desc[room->pos & ~WRAP];
    uint64_t half = __atomic_load_n(packed_second_half(desc),
                                    __ATOMIC_ACQUIRE);
    struct buffer *buffer = &room->buffers[room->n_buffers];

    if (!packed_flags_are_avail(half >> PACKED_FLAGS_SHIFT, room->pos)) {
        return false;
    }
    room->n_buffers++;
    buffer->half = half;
    buffer->len = 0;
    buffer->n_slots = 0;
    *brokenp = !packed_follow(room, ring, half);
    return !*brokenp;
}

/* Gives 'buffer', which begins at 'pos', back to the guest. */
static void
packed_write(struct dpdk_vdpa_ring *ring, uint16_t pos,
             const struct buffer *buffer)
{
    uint64_t flags = ((pos & WRAP ? PACKED_AVAIL | PACKED_USED : 0)
                      | VRING_DESC_F_WRITE);

    __atomic_store_n(packed_second_half(&ring->packed.desc[pos & ~WRAP]),
                     (flags << PACKED_FLAGS_SHIFT
                      | (uint64_t) buffer->id << PACKED_ID_SHIFT
                      | buffer->len), __ATOMIC_RELEASE);
}

/* As packed_give_back() of vhost/ring.c, and packed_return() of vhost/chain.c
 * for several descriptors. */
static void
packed_give_back_one(struct dpdk_vdpa_ring *ring, const struct room *room)
{
    uint16_t begin = ring->next_used;
    uint16_t chain = room->n_slots > 1 ? DPDK_VDPA_NOTE_CHAIN : 0;

    __atomic_store_n(&ring->note->span,
                     dpdk_vdpa_note_span(begin | chain, room->pos),
                     __ATOMIC_RELAXED);
    packed_write(ring, begin, &room->buffers[0]);
}

/* The guest looks at the first buffer, and takes the packet once that is back.
 * So it is written last.  Should the process end before, the next one finds
 * what was written over (vhost/undo.h). */
static void
packed_give_back_all(struct dpdk_vdpa_ring *ring, const struct room *room,
                     struct dpdk_vdpa_undo *undo)
{
    const struct buffer *buffers = room->buffers;
    struct dpdk_vdpa_note *note = ring->note;
    unsigned int n = room->n_buffers;
    uint16_t pos = ring->next_used;

    undo->begin = pos;
    for (unsigned int i = 0; i < n; i++) {
        undo->halves[i] = buffers[i].half;
        undo->lens[i] = buffers[i].n_slots;
    }
    dpdk_vdpa_note_set_undo(note, n);
    for (unsigned int i = 1; i < n; i++) {
        pos = packed_advance(pos, buffers[i - 1].n_slots, ring->size);
        packed_write(ring, pos, &buffers[i]);
    }
    packed_write(ring, undo->begin, &buffers[0]);

    /* As of a single one, the last, which is back. */
    pos |= buffers[n - 1].n_slots > 1 ? DPDK_VDPA_NOTE_CHAIN : 0;
    __atomic_store_n(&note->span, dpdk_vdpa_note_span(pos, room->pos),
                     __ATOMIC_RELEASE);
    dpdk_vdpa_note_set_undo(note, 0);
}

static void
packed_give_back(struct dpdk_vdpa_ring *ring, const struct room *room,
                 struct dpdk_vdpa_undo *undo)
{
    dpdk_vdpa_note_round(ring->note, ring->packed.desc, ring->next_used,
                         room->pos);
    if (room->n_buffers == 1) {
        packed_give_back_one(ring, room);
    } else {
        packed_give_back_all(ring, room, undo);
    }
    ring->next_used = ring->next_avail = room->pos;
}

/* Either kind. */

/* Finds room for 'need' bytes, a header and a packet.  Returns false if there
 * is none now; sets 'ring->unusual' if there is not going to be. */
static bool
room_find(struct room *room, struct dpdk_vdpa_ring *ring, uint32_t need)
{
    unsigned int max = (!ring->mergeable ? 1 : ring->is_packed
                        ? DPDK_VDPA_NOTES_N_UNDO : MAX_PARTS);

    room->need = need;
    room->pos = ring->next_avail;
    room->n_slots = room->n_buffers = room->n_parts = 0;
    do {
        if (room->n_buffers >= max) {
            ring->unusual = ring->mergeable;
            return false;
        }
        if (!(ring->is_packed ? packed_add(room, ring, &ring->unusual)
              : split_add(room, ring, &ring->unusual))) {
            return false;
        }
    } while (room->need);
    /* The guest looks for the header in the first one. */
    return room->buffers[0].len >= ring->header_len;
}

/* Writes 'len' bytes at 'data' to 'part', of which '*ofsp' bytes are written,
 * and to those behind it.  Returns the part to go on with. */
static const struct part *
part_write(const struct part *part, uint32_t *ofsp, const void *data,
           uint32_t len)
{
    while (len) {
        uint32_t n = MIN(len, part->len - *ofsp);

        if (n) {
            memcpy(part->data + *ofsp, data, n);
        }
        data = (const uint8_t *) data + n;
        len -= n;
        *ofsp += n;
        if (*ofsp == part->len) {
            part++;
            *ofsp = 0;
        }
    }
    return part;
}

static void
room_fill(const struct room *room, const void *header, uint32_t header_len,
          const struct rte_mbuf *pkt)
{
    uint32_t left = pkt->pkt_len;
    const struct part *part;
    uint32_t ofs = 0;

    part = part_write(room->parts, &ofs, header, header_len);
    for (; left && pkt; pkt = pkt->next) {
        uint32_t n = MIN(pkt->data_len, left);

        part = part_write(part, &ofs, rte_pktmbuf_mtod(pkt, const void *), n);
        left -= n;
    }
}

/* What a header says. */

/* Returns true if the sender of 'pkt', of TCP, has reduced its window. */
static bool
is_cwr(const struct rte_mbuf *pkt)
{
    uint32_t ofs = (pkt->l2_len + pkt->l3_len
                    + offsetof(struct rte_tcp_hdr, tcp_flags));
    uint8_t buf;
    const uint8_t *flags = rte_pktmbuf_read(pkt, ofs, 1, &buf);

    return flags && *flags & RTE_TCP_CWR_FLAG;
}

/* Sets '*hdr' to what is to be said of segments put together.  Returns false
 * if the guest must not be told that. */
static bool
describe_segments(struct virtio_net_hdr *hdr, const struct rte_mbuf *pkt,
                  uint64_t features)
{
    bool v4 = pkt->ol_flags & RTE_MBUF_F_TX_IPV4;

    hdr->gso_type = (v4 ? VIRTIO_NET_HDR_GSO_TCPV4
                     : VIRTIO_NET_HDR_GSO_TCPV6);
    hdr->gso_size = pkt->tso_segsz;
    hdr->hdr_len = pkt->l2_len + pkt->l3_len + pkt->l4_len;
    if (features & (1ULL << VIRTIO_NET_F_GUEST_ECN) && is_cwr(pkt)) {
        hdr->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
    }
    return features & (1ULL << (v4 ? VIRTIO_NET_F_GUEST_TSO4
                                : VIRTIO_NET_F_GUEST_TSO6));
}

/* Sets '*hdr' to what is to be said of 'pkt' (virtio 1.1, section 5.1.6.4).
 * Returns false if the guest must not be told that. */
static bool
describe(struct virtio_net_hdr *hdr, const struct rte_mbuf *pkt,
         uint64_t features)
{
    uint64_t l4 = pkt->ol_flags & RTE_MBUF_F_TX_L4_MASK;
    bool large = pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
    bool takes_sums = features & (1ULL << VIRTIO_NET_F_GUEST_CSUM);

    memset(hdr, 0, sizeof *hdr);
    if (!large && !l4) {
        hdr->flags = (takes_sums && ring_sum_is_good(pkt)
                      ? VIRTIO_NET_HDR_F_DATA_VALID : 0);
        return true;
    }
    hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    hdr->csum_start = pkt->l2_len + pkt->l3_len;
    hdr->csum_offset = dpdk_vdpa_csum_ofs(
        large || l4 == RTE_MBUF_F_TX_TCP_CKSUM ? IPPROTO_TCP
        : l4 == RTE_MBUF_F_TX_UDP_CKSUM ? IPPROTO_UDP : IPPROTO_SCTP);
    return (takes_sums
            && (!large || describe_segments(hdr, pkt, features)));
}

/* Copies 'pkt' to the guest if there is room for it, of at most '*maxp'
 * descriptors, which it then takes from that.  Returns true if it did. */
static bool
send_one(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_undo *undo,
         const struct rte_mbuf *pkt, unsigned int *maxp)
{
    struct virtio_net_hdr_mrg_rxbuf header;
    struct room room;
    unsigned int n;

    if (!describe(&header.hdr, pkt, ring->features)) {
        ring->unusual = true;
        return false;
    }
    if (!room_find(&room, ring, ring->header_len + pkt->pkt_len)) {
        return false;
    }
    n = ring->is_packed ? room.n_slots : room.n_buffers;
    if (n > *maxp) {
        return false;
    }
    *maxp -= n;
    header.num_buffers = room.n_buffers;
    room_fill(&room, &header, ring->header_len, pkt);
    if (ring->is_packed) {
        packed_give_back(ring, &room, undo);
    } else {
        split_give_back(ring, &room);
    }
    return true;
}

uint16_t
dpdk_vdpa_scatter_send(struct dpdk_vdpa_ring *ring,
                       struct dpdk_vdpa_undo *undo, unsigned int max_descs,
                       struct rte_mbuf **pkts, uint16_t n)
{
    uint16_t i = 0;

    ring->unusual = false;
    while (i < n && send_one(ring, undo, pkts[i], &max_descs)) {
        i++;
    }
    return i;
}
