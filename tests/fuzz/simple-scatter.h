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

#ifndef SIMPLE_SCATTER_H
#define SIMPLE_SCATTER_H 1

/* Packets to the guest as the simple walk gives them: in chains, indirect
 * tables and several buffers, byte by byte. */

#include "tests/fuzz/simple-ring.h"

#define ROOM 300                /* Of an mbuf. */

/* Most descriptors for a packet. */
#define SIMPLE_MAX_PARTS 256

/* Returns true if something about 'pkt' has to be said, and 'ring''s guest
 * must not be told. */
static bool
simple_is_secret(const struct dpdk_vdpa_ring *ring, const struct rte_mbuf *pkt)
{
    bool large = pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
    unsigned int bit = (pkt->ol_flags & RTE_MBUF_F_TX_IPV4
                        ? VIRTIO_NET_F_GUEST_TSO4 : VIRTIO_NET_F_GUEST_TSO6);

    return ((large || pkt->ol_flags & RTE_MBUF_F_TX_L4_MASK)
            && (!(ring->features >> VIRTIO_NET_F_GUEST_CSUM & 1)
                || (large && !(ring->features >> bit & 1))));
}

/* Returns true if 'pkt' says that its sender has reduced its window. */
static bool
simple_is_cwr(const struct rte_mbuf *pkt)
{
    unsigned int ofs = pkt->l2_len + pkt->l3_len + 13;
    const uint8_t *p;
    uint8_t byte;

    p = ofs < pkt->pkt_len ? rte_pktmbuf_read(pkt, ofs, 1, &byte) : NULL;
    return p && *p & 0x80;
}

/* Sets the 'header' of 'pkt' in 'n_buffers' buffers. */
static void
simple_header(const struct dpdk_vdpa_ring *ring, const struct rte_mbuf *pkt,
              unsigned int n_buffers, uint8_t header[12])
{
    uint64_t flags = pkt->ol_flags;
    unsigned int l4 = (flags & RTE_MBUF_F_TX_L4_MASK) >> 52;
    unsigned int start = pkt->l2_len + pkt->l3_len;

    memset(header, 0, 12);
    header[10] = n_buffers;
    header[11] = n_buffers >> 8;
    if (flags & RTE_MBUF_F_TX_TCP_SEG) {
        unsigned int len = start + pkt->l4_len;

        l4 = 1;
        header[1] = flags & RTE_MBUF_F_TX_IPV4 ? 1 : 4;
        if (ring->features >> VIRTIO_NET_F_GUEST_ECN & 1
            && simple_is_cwr(pkt)) {
            header[1] |= 0x80;
        }
        header[2] = len;
        header[3] = len >> 8;
        header[4] = pkt->tso_segsz;
        header[5] = pkt->tso_segsz >> 8;
    }
    if (l4) {
        header[0] = 1;
        header[6] = start;
        header[7] = start >> 8;
        header[8] = l4 == 1 ? 16 : l4 == 2 ? 8 : 6;
    } else if (flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD
               && !(flags & RTE_MBUF_F_RX_L4_CKSUM_BAD)
               && !(pkt->packet_type & RTE_PTYPE_TUNNEL_MASK)
               && ring->features >> VIRTIO_NET_F_GUEST_CSUM & 1) {
        header[0] = 2;
    }
}

/* Returns byte 'i' of what the guest gets of packet 'pkt', which is in
 * 'n_buffers' buffers. */
static uint8_t
simple_byte(const struct dpdk_vdpa_ring *ring, const struct rte_mbuf *pkt,
            unsigned int i, unsigned int n_buffers)
{
    uint8_t header[12], byte;

    if (i >= ring->header_len) {
        return *(const uint8_t *) rte_pktmbuf_read(pkt, i - ring->header_len,
                                                   1, &byte);
    }
    simple_header(ring, pkt, n_buffers, header);
    return header[i];
}

/* Room for a packet, byte by byte. */
struct simple_room {
    unsigned int need;
    unsigned int n_bytes;
    uint8_t *bytes[ROOM];
    unsigned int n_parts;
    unsigned int n_buffers;
    struct {
        uint16_t pos;
        uint16_t id;
        uint32_t len;
        unsigned int n_slots;
    } buffers[SIMPLE_MAX_PARTS];
};

/* Adds a descriptor's 'len' bytes at 'addr'.  They count as two if they lie in
 * both regions. */
static bool
simple_add(struct simple_room *room, uint64_t addr, uint32_t len)
{
    for (uint32_t i = 0; i < MAX(len, 1); i++) {
        uint8_t *p = simple_at(addr + i);

        if ((!i || p == simple + REGION_SIZE)
            && room->n_parts++ >= SIMPLE_MAX_PARTS) {
            return false;
        }
        if (!len) {
            break;
        } else if (!p) {
            return false;
        }
        if (room->need) {
            room->need--;
            room->bytes[room->n_bytes++] = p;
            room->buffers[room->n_buffers - 1].len++;
        }
    }
    return true;
}

/* Looks at descriptor 'i' of those from 'ofs' on. */
static void
simple_desc(unsigned int ofs, unsigned int i, bool packed, uint64_t *addr,
            uint32_t *len, uint16_t *flags, uint16_t *id_or_next)
{
    ofs += i * 16;
    *addr = simple_read(ofs, 8);
    *len = simple_read(ofs + 8, 4);
    *flags = simple_read(ofs + (packed ? 14 : 12), 2);
    *id_or_next = simple_read(ofs + (packed ? 12 : 14), 2);
}

/* Follows an indirect table. */
static bool
simple_table(struct simple_room *room, uint64_t addr, uint32_t len,
             bool packed)
{
    unsigned int n = len / 16, i = 0;
    const uint8_t *p = simple_at(addr);

    if (!len || len % 16 || !simple_is_in_one(addr, len)
        || (p - simple) % 8) {
        return false;
    }
    for (unsigned int n_seen = 0; n_seen < n && i < n; n_seen++) {
        uint16_t flags, next;

        if (packed && !room->need) {
            return true;
        }
        simple_desc(p - simple, i, packed, &addr, &len, &flags, &next);
        if (flags & 4 || !(flags & 2) || !simple_add(room, addr, len)) {
            return false;
        }
        if (!packed && (!room->need || !(flags & 1))) {
            return true;
        }
        i = packed ? i + 1 : next;
    }
    return packed;
}

static bool
simple_follow_split(struct simple_room *room,
                    const struct dpdk_vdpa_ring *ring, unsigned int i)
{
    for (unsigned int n_seen = 0; n_seen < ring->size && i < ring->size;
         n_seen++) {
        uint16_t flags, next;
        uint64_t addr;
        uint32_t len;

        simple_desc(0, i, false, &addr, &len, &flags, &next);
        if (flags & 4) {
            return !(flags & 1) && simple_table(room, addr, len, false);
        }
        if (!(flags & 2) || !simple_add(room, addr, len)) {
            return false;
        }
        if (!room->need || !(flags & 1)) {
            return true;
        }
        i = next;
    }
    return false;
}

static bool
simple_follow_packed(struct simple_room *room,
                     const struct dpdk_vdpa_ring *ring, uint16_t *pos,
                     unsigned int *n_slots)
{
    unsigned int b = room->n_buffers - 1;

    while (*n_slots < ring->size) {
        uint16_t flags;
        uint64_t addr;
        uint32_t len;

        simple_desc(0, *pos & 0x7fff, true, &addr, &len, &flags,
                    &room->buffers[b].id);
        *pos = simple_next(ring, *pos);
        ++*n_slots;
        room->buffers[b].n_slots++;
        if (flags & 4) {
            return (room->buffers[b].n_slots == 1 && !(flags & 1)
                    && simple_table(room, addr, len, true));
        }
        if (room->need && (!(flags & 2) || !simple_add(room, addr, len))) {
            return false;
        }
        if (!(flags & 1)) {
            return true;
        }
    }
    return false;
}

/* Finds room for 'need' bytes.  Returns false if there is none, and in
 * '*brokenp' whether something is wrong. */
static bool
simple_find(struct simple_room *room, const struct dpdk_vdpa_ring *ring,
            unsigned int need, bool *brokenp)
{
    uint16_t pos = ring->next_avail;
    unsigned int n_slots = 0;

    memset(room, 0, sizeof *room);
    room->need = need;
    *brokenp = false;
    while (room->need) {
        unsigned int b = room->n_buffers;

        if (b && !ring->mergeable) {
            return false;
        }
        *brokenp = ring->is_packed && b >= 64;
        if (*brokenp) {
            return false;
        }
        if (ring->is_packed) {
            uint16_t flags = simple_read((pos & 0x7fff) * 16 + 14, 2);

            if ((flags >> 7 & 1) != pos >> 15 || flags >> 15 == pos >> 15) {
                return false;
            }
            room->buffers[b].pos = pos;
            room->n_buffers++;
            *brokenp = !simple_follow_packed(room, ring, &pos, &n_slots);
        } else {
            uint16_t n = simple_read(avail_ofs(ring) + 2, 2) - pos;
            uint16_t at = pos + b;

            if (b >= n) {
                return false;
            }
            room->buffers[b].id = simple_read(
                avail_ofs(ring) + 4 + 2 * (at % ring->size), 2);
            room->n_buffers++;
            *brokenp = n > ring->size
                       || !simple_follow_split(room, ring,
                                               room->buffers[b].id);
        }
        if (*brokenp) {
            return false;
        }
    }
    return room->buffers[0].len >= ring->header_len;
}

/* Gives a packet to the guest, by at most '*maxp' descriptors.  Returns false
 * if it cannot be, and in '*brokenp' whether something is wrong. */
static bool
simple_scatter(const struct dpdk_vdpa_ring *ring, uint16_t *pos,
               const struct rte_mbuf *pkt, unsigned int *maxp, bool *brokenp)
{
    struct dpdk_vdpa_ring now = *ring;
    static struct simple_room room;
    unsigned int n, n_descs = 0;

    now.next_avail = *pos;
    *brokenp = simple_is_secret(ring, pkt);
    if (*brokenp || !simple_find(&room, &now, ring->header_len + pkt->pkt_len,
                                 brokenp)) {
        return false;
    }
    n = room.n_buffers;
    for (unsigned int i = 0; i < n; i++) {
        n_descs += ring->is_packed ? room.buffers[i].n_slots : 1;
    }
    if (n_descs > *maxp) {
        return false;
    }
    *maxp -= n_descs;
    for (unsigned int i = 0; i < room.n_bytes; i++) {
        *room.bytes[i] = simple_byte(ring, pkt, i, n);
    }
    for (unsigned int i = n; i > 0; i--) {
        struct simple_buffer buf = { .id = room.buffers[i - 1].id };

        simple_give_back(ring, ring->is_packed ? room.buffers[i - 1].pos
                         : *pos + i - 1, &buf, &room.buffers[i - 1].len, 1,
                         true);
    }
    if (!ring->is_packed) {
        simple_write(used_ofs(ring) + 2, *pos + n, 2);
    }
    for (unsigned int i = 0; i < n; i++) {
        unsigned int n_slots = ring->is_packed ? room.buffers[i].n_slots : 1;

        while (n_slots--) {
            *pos = simple_next(ring, *pos);
        }
    }
    return true;
}

/* Writes packet 'pkt' to '*buf'. */
static void
simple_fill_buffer(const struct dpdk_vdpa_ring *ring,
                   const struct simple_buffer *buf,
                   const struct rte_mbuf *pkt)
{
    uint8_t *data = simple_at(buf->addr);

    for (unsigned int i = 0; i < ring->header_len + pkt->pkt_len; i++) {
        data[i] = simple_byte(ring, pkt, i, 1);
    }
}

#endif /* simple-scatter.h */
