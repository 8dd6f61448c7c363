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

/* A guest that uses its buffers again at once: whoever still reads one after
 * it was given back sees something else.
 *
 * It sends packets of changing sizes, each in several descriptors, and gets
 * them back, or has another guest get them. */

#include "frontend.h"

#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_LEN 60
#define MAX_LEN 1514
#define MAX_PARTS 4

/* Packets that are on their way: fewer than anybody has room for. */
#define WINDOW 120

/* For one to come, in ms: then those that are on their way are lost, and after
 * so many such there is no use in going on. */
#define TIMEOUT 500
#define MAX_TIMEOUTS 60

/* How many packets are remembered as lost, at least those of all timeouts. */
#define N_LOST_MAX 8192

/* A packet whose buffers have not come back. */
struct loan {
    unsigned int slot;          /* Its first. */
    unsigned int n_slots;
};

struct reuse {
    struct ring *tx, *rx;
    struct loan loans[RING_SIZE_MAX];
    unsigned int first, n;      /* Of 'loans'. */
    uint16_t n_used;            /* Of a split ring. */
    uint32_t n_sent;
    uint32_t next;              /* Number of the packet to come. */
    uint32_t n_lost;
    bool lost[N_LOST_MAX];      /* By number, of those before 'next'. */
};

static uint32_t
packet_len(uint32_t seq)
{
    return MIN_LEN + seq * 7919U % (MAX_LEN - MIN_LEN + 1);
}

static void
make_packet(uint8_t *packet, uint32_t seq)
{
    static const uint8_t head[14] = {
        0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5,
    };
    uint32_t len = packet_len(seq);

    memcpy(packet, head, sizeof head);
    memcpy(&packet[sizeof head], &seq, sizeof seq);
    for (uint32_t i = sizeof head + sizeof seq; i < len; i++) {
        packet[i] = seq * 31 + i * 7 + (i >> 8);
    }
}

/* Sends. */

static bool
wrap_at(const struct ring *ring, uint16_t n)
{
    return !(n / ring->peer->ring_size % 2);
}

static uint16_t
packed_avail(const struct ring *ring, uint16_t n)
{
    return (wrap_at(ring, n) ? 1 << VRING_PACKED_DESC_F_AVAIL
            : 1 << VRING_PACKED_DESC_F_USED);
}

/* Writes descriptor 'i' of 'n' of a packet: all but the flags of the first one
 * of a packed ring, by which the packet is there. */
static void
put_descriptor(struct ring *ring, unsigned int i, unsigned int n, uint32_t len)
{
    uint16_t pos = ring->next + i;
    unsigned int slot = pos % ring->peer->ring_size;
    uint16_t flags = i + 1 < n ? VRING_DESC_F_NEXT : 0;

    if (ring->peer->packed) {
        struct vring_packed_desc *d = (void *) (ring->area + RING_DESC);

        d[slot].addr = ring_buf_addr(ring, slot);
        d[slot].len = len;
        d[slot].id = ring_slot(ring);
        if (i) {
            d[slot].flags = flags | packed_avail(ring, pos);
        }
    } else {
        struct vring_desc *d = (void *) (ring->area + RING_DESC);

        d[slot].addr = ring_buf_addr(ring, slot);
        d[slot].len = len;
        d[slot].flags = flags;
        d[slot].next = (slot + 1) % ring->peer->ring_size;
    }
}

/* Makes the packet of 'n' descriptors available that were written. */
static void
publish(struct reuse *r, unsigned int n)
{
    struct ring *ring = r->tx;
    unsigned int slot = ring_slot(ring);

    if (ring->peer->packed) {
        struct vring_packed_desc *d = (void *) (ring->area + RING_DESC);
        uint16_t flags = n > 1 ? VRING_DESC_F_NEXT : 0;

        flags |= packed_avail(ring, ring->next);
        __atomic_store_n(&d[slot].flags, flags, __ATOMIC_RELEASE);
    } else {
        struct vring_avail *avail = (void *) (ring->area + RING_AVAIL);

        avail->ring[(uint16_t) r->n_sent % ring->peer->ring_size] = slot;
        __atomic_store_n(&avail->idx, (uint16_t) (r->n_sent + 1),
                         __ATOMIC_RELEASE);
    }
    r->loans[(r->first + r->n++) % RING_SIZE_MAX]
        = (struct loan) { slot, n };
    ring->next += n;
    r->n_sent++;
}

/* Sends a packet: the header and perhaps some of it in one descriptor, what is
 * left in up to three more. */
static void
send_one(struct reuse *r)
{
    unsigned int n = 1 + r->n_sent % MAX_PARTS;
    uint8_t packet[HEADER_LEN + MAX_LEN];
    uint32_t left, ofs = 0;

    memset(packet, 0, HEADER_LEN);
    make_packet(&packet[HEADER_LEN], r->n_sent);
    left = HEADER_LEN + packet_len(r->n_sent);
    for (unsigned int i = 0; i < n; i++) {
        unsigned int slot = (uint16_t) (r->tx->next + i)
                            % r->tx->peer->ring_size;
        uint32_t len = (i + 1 == n ? left : !i ? HEADER_LEN
                        : left / (n - i));

        memcpy(ring_buf(r->tx, slot), &packet[ofs], len);
        put_descriptor(r->tx, i, n, len);
        ofs += len;
        left -= len;
    }
    publish(r, n);
}

/* Stores in '*id' what the back-end has given back, if it has. */
static bool
find_used(struct reuse *r, const struct loan *loan, unsigned int *id)
{
    struct ring *ring = r->tx;

    if (ring->peer->packed) {
        struct vring_packed_desc *d = (void *) (ring->area + RING_DESC);
        bool wrap = wrap_at(ring, ring->done);
        uint16_t flags = __atomic_load_n(&d[loan->slot].flags,
                                         __ATOMIC_ACQUIRE);

        *id = d[loan->slot].id;
        return (!!(flags & 1 << VRING_PACKED_DESC_F_USED) == wrap
                && !!(flags & 1 << VRING_PACKED_DESC_F_AVAIL) == wrap);
    } else {
        struct vring_used *used = (void *) (ring->area + RING_USED);
        uint16_t idx = __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE);

        *id = used->ring[r->n_used % ring->peer->ring_size].id;
        return idx != r->n_used;
    }
}

/* Takes back what was given back, which must be in order, and writes over
 * it. */
static void
reap(struct reuse *r)
{
    struct loan *loan = &r->loans[r->first % RING_SIZE_MAX];
    unsigned int id;

    while (r->n && find_used(r, loan, &id)) {
        if (id != loan->slot) {
            fatal("buffer %u came back in the place of %u", id, loan->slot);
        }
        for (unsigned int i = 0; i < loan->n_slots; i++) {
            unsigned int slot = (loan->slot + i) % r->tx->peer->ring_size;

            memset(ring_buf(r->tx, slot), 0xff, BUF_SIZE);
        }
        r->tx->done += loan->n_slots;
        r->n_used++;
        r->n--;
        r->first++;
        loan = &r->loans[r->first % RING_SIZE_MAX];
    }
}

/* Receives. */

/* Does not wait for the packets before 'seq' any more. */
static void
skip_to(struct reuse *r, uint32_t seq)
{
    for (; r->next != seq; r->next++) {
        r->lost[r->next % N_LOST_MAX] = true;
        r->n_lost++;
    }
}

static void
check_packet(struct reuse *r, const uint8_t *buf, uint32_t len)
{
    uint8_t expected[MAX_LEN];
    uint32_t seq;

    memcpy(&seq, &buf[HEADER_LEN + 14], sizeof seq);
    if (seq >= r->n_sent) {
        fatal("a packet came that was not sent");
    }
    make_packet(expected, seq);
    if (len != HEADER_LEN + packet_len(seq)
        || memcmp(&buf[HEADER_LEN], expected, len - HEADER_LEN)) {
        fatal("packet %u, of %u bytes, came as %u other ones", seq,
              packet_len(seq), len - HEADER_LEN);
    }
    if (seq >= r->next) {
        skip_to(r, seq);
        r->lost[r->next++ % N_LOST_MAX] = false;
    } else if (r->next - seq > N_LOST_MAX || !r->lost[seq % N_LOST_MAX]) {
        fatal("packet %u came after packet %u", seq, r->next - 1);
    } else {
        r->lost[seq % N_LOST_MAX] = false;      /* It took its time. */
        r->n_lost--;
    }
}

static bool
is_ours(const uint8_t *buf, uint32_t len)
{
    return (len > HEADER_LEN + 14 && buf[HEADER_LEN + 12] == 0x88
            && buf[HEADER_LEN + 13] == 0xb5);
}

static void
receive(struct reuse *r)
{
    unsigned int slot;
    uint32_t len;

    while (ring_reap(r->rx, &slot, &len)) {
        const uint8_t *buf = ring_buf(r->rx, slot);

        if (is_ours(buf, len)) {
            check_packet(r, buf, len);
        }
    }
    while (ring_room(r->rx)) {
        ring_offer(r->rx, ring_buf_addr(r->rx, ring_slot(r->rx)), BUF_SIZE,
                   VRING_DESC_F_WRITE, 0);
    }
}

/* The descriptors of a packet must be free, and their buffers, of which there
 * are fewer in a long ring. */
static bool
may_send(const struct reuse *r)
{
    return (r->n_sent - r->next < WINDOW
            && (uint16_t) (r->tx->next - r->tx->done) + MAX_PARTS <= N_BUFS);
}

/* Sends and receives until 'bytes' were sent and all is back, or the program is
 * told to stop. */
static void
run(struct reuse *r, uint64_t bytes)
{
    long long int end = now_ms() + TIMEOUT;
    unsigned int n_timeouts = 0;
    uint32_t next = 0;

    while (!stopping && (bytes || r->n || r->next != r->n_sent)) {
        receive(r);
        reap(r);
        while (bytes && may_send(r)) {
            uint32_t len = packet_len(r->n_sent);

            bytes -= len < bytes ? len : bytes;
            send_one(r);
        }
        if (r->next != next || r->next == r->n_sent) {
            end = now_ms() + TIMEOUT;
        } else if (now_ms() > end) {
            if (++n_timeouts > MAX_TIMEOUTS) {
                fatal("of %u packets %u came and %u buffers did not come back",
                      r->n_sent, r->next - r->n_lost, r->n);
            }
            skip_to(r, r->n_sent);
            end = now_ms() + TIMEOUT;
        }
        next = r->next;
    }
}

int
scenario_reuse(struct peer *peers, unsigned int n_peers, int argc,
               char *argv[])
{
    uint64_t mb = argc ? strtoull(argv[0], NULL, 10) : 20;
    static struct reuse r;

    for (unsigned int i = 0; i < n_peers; i++) {
        if (!peer_accept(&peers[i], 30000)) {
            fatal("%s: the back-end does not connect", peers[i].path);
        }
        peer_start(&peers[i]);
    }
    r.tx = &peers[0].rings[1];
    r.rx = &peers[n_peers - 1].rings[0];
    run(&r, mb << 20);
    printf("reuse: %u packets, %u lost\n", r.n_sent, r.n_lost);
    return 0;
}
