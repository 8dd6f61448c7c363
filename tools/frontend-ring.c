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

/* The rings of a front-end, from the side of the guest's driver. */

#include "frontend.h"

#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>

#define PACKET_LEN 64

uint64_t
ring_buf_addr(const struct ring *ring, unsigned int slot)
{
    return (GUEST_BASE + MAX_RINGS * RING_AREA + ring->index * BUF_AREA
            + slot % N_BUFS * BUF_SIZE);
}

uint8_t *
ring_buf(const struct ring *ring, unsigned int slot)
{
    return ring->bufs + slot % N_BUFS * BUF_SIZE;
}

unsigned int
ring_slot(const struct ring *ring)
{
    return ring->next % ring->peer->ring_size;
}

static void
offer_split(struct ring *ring, uint64_t addr, uint32_t len, uint16_t flags,
            uint16_t next)
{
    struct vring_avail *avail = (void *) (ring->area + RING_AVAIL);
    struct vring_desc *descs = (void *) (ring->area + RING_DESC);
    unsigned int slot = ring_slot(ring);

    descs[slot].addr = addr;
    descs[slot].len = len;
    descs[slot].flags = flags;
    descs[slot].next = next;
    avail->ring[slot] = slot;
    ring->next++;
    __atomic_store_n(&avail->idx, ring->next, __ATOMIC_RELEASE);
}

static void
offer_packed(struct ring *ring, uint64_t addr, uint32_t len, uint16_t flags)
{
    struct vring_packed_desc *descs = (void *) (ring->area + RING_DESC);
    unsigned int slot = ring_slot(ring);
    bool wrap = !(ring->next / ring->peer->ring_size % 2);

    descs[slot].addr = addr;
    descs[slot].len = len;
    descs[slot].id = slot;
    flags |= wrap ? 1 << VRING_PACKED_DESC_F_AVAIL
                  : 1 << VRING_PACKED_DESC_F_USED;
    ring->next++;
    __atomic_store_n(&descs[slot].flags, flags, __ATOMIC_RELEASE);
}

void
ring_offer(struct ring *ring, uint64_t addr, uint32_t len, uint16_t flags,
           uint16_t next)
{
    if (ring->peer->packed) {
        offer_packed(ring, addr, len, flags);
    } else {
        offer_split(ring, addr, len, flags, next);
    }
}

static bool
reap_split(struct ring *ring, unsigned int *slot, uint32_t *len)
{
    struct vring_used *used = (void *) (ring->area + RING_USED);
    struct vring_used_elem *elem
        = &used->ring[ring->done % ring->peer->ring_size];

    if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == ring->done) {
        return false;
    }
    *slot = elem->id;
    *len = elem->len;
    return true;
}

static bool
reap_packed(struct ring *ring, unsigned int *slot, uint32_t *len)
{
    struct vring_packed_desc *descs = (void *) (ring->area + RING_DESC);
    struct vring_packed_desc *desc
        = &descs[ring->done % ring->peer->ring_size];
    bool wrap = !(ring->done / ring->peer->ring_size % 2);
    uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);

    if (ring->done == ring->next
        || !!(flags & 1 << VRING_PACKED_DESC_F_USED) != wrap
        || !!(flags & 1 << VRING_PACKED_DESC_F_AVAIL) != wrap) {
        return false;
    }
    *slot = desc->id;
    *len = desc->len;
    return true;
}

bool
ring_reap(struct ring *ring, unsigned int *slot, uint32_t *len)
{
    if (!(ring->peer->packed ? reap_packed(ring, slot, len)
                             : reap_split(ring, slot, len))) {
        return false;
    }
    ring->done++;
    ring->n_done++;
    return true;
}

unsigned int
ring_room(const struct ring *ring)
{
    return N_BUFS - (uint16_t) (ring->next - ring->done);
}

/* An Ethernet frame to nobody, with a number. */
static void
make_packet(uint8_t *buf, unsigned int pair, uint32_t seq)
{
    static const uint8_t head[14] = {
        0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5,
    };

    memset(buf, 0, HEADER_LEN + PACKET_LEN);
    memcpy(buf + HEADER_LEN, head, sizeof head);
    buf[HEADER_LEN + sizeof head] = pair;
    memcpy(buf + HEADER_LEN + 20, &seq, sizeof seq);
}

/* Checks a packet that came by 'pair': it is one that was sent, and none that
 * the same pair sent later has come that way before.  A back-end may move the
 * packets of a pair to another one. */
static void
check_packet(struct peer *peer, unsigned int pair, const uint8_t *buf,
             uint32_t len)
{
    uint8_t sender = buf[HEADER_LEN + 14];
    uint8_t expected[HEADER_LEN + PACKET_LEN];
    uint32_t seq;

    memcpy(&seq, buf + HEADER_LEN + 20, sizeof seq);
    make_packet(expected, sender, seq);
    if (len == sizeof expected && sender < peer->n_pairs
        && !memcmp(buf + HEADER_LEN, expected + HEADER_LEN, PACKET_LEN)
        && seq >= peer->next[pair][sender] && seq < peer->n_sent[sender]) {
        peer->next[pair][sender] = seq + 1;
        peer->n_back[sender]++;
    } else if (!peer->n_errors++) {
        fprintf(stderr, "%s: pair %u: packet %u of pair %u is not as it was "
                "sent, or comes too late\n", peer->path, pair, seq, sender);
    }
}

void
traffic_send_one(struct peer *peer, unsigned int pair)
{
    struct ring *tx = &peer->rings[2 * pair + 1];
    unsigned int slot = ring_slot(tx);

    make_packet(ring_buf(tx, slot), pair, peer->n_sent[pair]++);
    ring_offer(tx, ring_buf_addr(tx, slot), HEADER_LEN + PACKET_LEN, 0, 0);
}

void
traffic_reap(struct peer *peer, unsigned int pair, bool check)
{
    struct ring *rx = &peer->rings[2 * pair];
    struct ring *tx = &peer->rings[2 * pair + 1];
    unsigned int slot;
    uint32_t len;

    while (ring_reap(rx, &slot, &len)) {
        if (check && slot < peer->ring_size) {
            check_packet(peer, pair, ring_buf(rx, slot), len);
        }
    }
    while (ring_reap(tx, &slot, &len)) {
        /* Nothing to do. */
    }
}

void
traffic_poll(struct peer *peer, unsigned int pair, bool send, bool check)
{
    struct ring *rx = &peer->rings[2 * pair];
    struct ring *tx = &peer->rings[2 * pair + 1];

    traffic_reap(peer, pair, check);
    while (ring_room(rx)) {
        ring_offer(rx, ring_buf_addr(rx, ring_slot(rx)), BUF_SIZE,
                   VRING_DESC_F_WRITE, 0);
    }
    while (send && ring_room(tx)) {
        traffic_send_one(peer, pair);
    }
}
