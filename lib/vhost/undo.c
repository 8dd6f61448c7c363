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

#include "vhost/undo.h"

#include <rte_config.h>
#include <rte_mbuf.h>

#include "vhost/notes.h"
#include "vhost/packed.h"
#include "vhost/ring.h"

/* Notes. */

/* Returns what was the second half of 'desc' at one time. */
static uint64_t
half_read(struct vring_packed_desc *desc)
{
    return __atomic_load_n(packed_second_half(desc), __ATOMIC_ACQUIRE);
}

/* What the buffers of a burst, or of a packet, take. */
struct room {
    uint64_t len;               /* Bytes, */
    bool has_table;             /* not counting those that only a look into an
                                 * indirect table would tell. */
};

/* Notes the buffer at 'pos', if the guest offers one there, as number 'i', and
 * adds what it takes to '*room'.  Returns the number of its descriptors, or
 * 0. */
static unsigned int
note_buffer(const struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_undo *undo,
            unsigned int i, uint16_t pos, struct room *room)
{
    uint64_t half = half_read(&ring->packed.desc[pos & ~PACKED_WRAP]);
    uint16_t flags = half >> PACKED_FLAGS_SHIFT;
    unsigned int n = 1;

    if (!packed_flags_are_avail(flags, pos)) {
        return 0;
    }
    undo->halves[i] = half;
    for (;;) {
        if (flags & VRING_DESC_F_INDIRECT) {
            room->has_table = true;
        } else {
            room->len += (uint32_t) half;
        }
        if (!(flags & VRING_DESC_F_NEXT)) {
            break;
        } else if (n >= ring->size) {
            return 0;           /* The library will not take it either. */
        }
        pos = packed_advance(pos, 1, ring->size);
        half = half_read(&ring->packed.desc[pos & ~PACKED_WRAP]);
        flags = half >> PACKED_FLAGS_SHIFT;
        n++;
    }
    undo->lens[i] = n;
    return n;
}

/* How far a burst's buffers have been noted. */
struct noting {
    unsigned int n;             /* Buffers. */
    unsigned int n_descs;       /* Descriptors of these. */
    uint16_t pos;               /* Behind them. */
};

/* Notes one more buffer.  Returns false if there is none, or no room. */
static bool
noting_next(struct noting *noting, const struct dpdk_vdpa_ring *ring,
            struct dpdk_vdpa_undo *undo, struct room *room)
{
    unsigned int len;

    if (noting->n >= DPDK_VDPA_NOTES_N_UNDO) {
        return false;
    }
    len = note_buffer(ring, undo, noting->n, noting->pos, room);
    if (!len || noting->n_descs + len > ring->size) {
        return false;
    }
    noting->pos = packed_advance(noting->pos, len, ring->size);
    noting->n_descs += len;
    noting->n++;
    return true;
}

static struct noting
noting_begin(const struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_undo *undo)
{
    struct noting noting = { 0, 0, ring->next_avail };

    undo->begin = noting.pos;
    return noting;
}

/* Returns how many buffers have been noted. */
static unsigned int
noting_end(const struct noting *noting, const struct dpdk_vdpa_ring *ring)
{
    dpdk_vdpa_note_round(ring->note, ring->packed.desc, ring->next_avail,
                         noting->pos);
    return noting->n;
}

unsigned int
dpdk_vdpa_undo_note_recv(const struct dpdk_vdpa_ring *ring,
                         struct dpdk_vdpa_undo *undo, uint16_t *n)
{
    struct noting noting = noting_begin(ring, undo);
    struct room room = { 0, false };

    /* In order, the library gives several buffers back by one descriptor, in
     * which nobody could see how many these were. */
    *n = MIN(*n, ring->in_order ? 1 : *n);
    while (noting.n < *n && noting_next(&noting, ring, undo, &room)) {
        continue;
    }
    *n = noting.n;
    return noting_end(&noting, ring);
}

/* Notes what packet 'pkt' needs, and what that takes in '*room'.  Returns
 * false if the guest does not offer enough, or there is no room to note it. */
static bool
note_packet(struct noting *noting, const struct dpdk_vdpa_ring *ring,
            struct dpdk_vdpa_undo *undo, const struct rte_mbuf *pkt,
            struct room *room)
{
    uint64_t need = pkt->pkt_len + ring->header_len;

    room->len = 0;
    room->has_table = false;
    do {
        if (!noting_next(noting, ring, undo, room)) {
            return false;
        }
    } while (ring->mergeable && room->len < need);
    return true;
}

unsigned int
dpdk_vdpa_undo_note_send(const struct dpdk_vdpa_ring *ring,
                         struct dpdk_vdpa_undo *undo,
                         struct rte_mbuf *const *pkts, uint16_t *n)
{
    struct noting noting = noting_begin(ring, undo);
    struct room room;
    uint16_t i = 0;

    while (i < *n && note_packet(&noting, ring, undo, pkts[i], &room)) {
        i++;
    }
    if (i || !*n) {
        *n = i;
        return noting_end(&noting, ring);
    } else if (noting.n >= DPDK_VDPA_NOTES_N_UNDO) {
        *n = 1;
        return 0;
    }
    /* The guest may offer more until the library looks, which nobody would
     * have noted. */
    *n = room.has_table;
    return *n ? noting_end(&noting, ring) : 0;
}

/* Undoing. */

static bool
is_sane(const struct dpdk_vdpa_undo *undo, unsigned int n, uint16_t size)
{
    unsigned int n_descs = 0;

    if (n > DPDK_VDPA_NOTES_N_UNDO
        || (undo->begin & ~PACKED_WRAP) >= size) {
        return false;
    }
    for (unsigned int i = 0; i < n; i++) {
        if (!undo->lens[i] || undo->lens[i] > size) {
            return false;
        }
        n_descs += undo->lens[i];
    }
    return n_descs <= size;
}

bool
dpdk_vdpa_undo_burst(const struct dpdk_vdpa_undo *undo, unsigned int n,
                     struct vring_packed_desc *descs, uint16_t size,
                     uint16_t *posp)
{
    uint16_t pos = undo->begin;
    unsigned int i;

    if (!is_sane(undo, n, size)) {
        return false;
    }
    /* The first one that is still on offer is where the guest looks. */
    for (i = 0; i < n; i++) {
        uint64_t half = half_read(&descs[pos & ~PACKED_WRAP]);

        if (packed_flags_are_avail(half >> PACKED_FLAGS_SHIFT, pos)) {
            break;
        }
        pos = packed_advance(pos, undo->lens[i], size);
    }
    *posp = pos;
    for (; i < n; i++) {
        struct vring_packed_desc *desc = &descs[pos & ~PACKED_WRAP];

        __atomic_store_n(packed_second_half(desc), undo->halves[i],
                         __ATOMIC_RELEASE);
        pos = packed_advance(pos, undo->lens[i], size);
    }
    return true;
}
