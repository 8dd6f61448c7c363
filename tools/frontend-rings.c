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

/* A guest whose rings lie.
 *
 * Pair 0 is good all the time.  Each of the others is good at first and then
 * lies in a way of its own, in the ring that it sends with or in the one that
 * it receives with. */

#include "frontend.h"

#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Packets that pair 0 must exchange while the others lie. */
#define GOOD_PACKETS 10000

struct lie {
    const char *name;
    void (*tell)(struct ring *, uint16_t flags);
};

static uint64_t
good_addr(const struct ring *ring)
{
    return ring_buf_addr(ring, ring_slot(ring));
}

static void
tell_index(struct ring *ring, uint16_t flags)
{
    struct vring_packed_desc *packed = (void *) (ring->area + RING_DESC);
    struct vring_avail *avail = (void *) (ring->area + RING_AVAIL);
    unsigned int slot = ring_slot(ring);

    ring_offer(ring, good_addr(ring), 100, flags, 0);
    if (ring->peer->packed) {
        packed[slot].id = UINT16_MAX;
    } else {
        /* It may be too late for this one, so lie about all. */
        for (int i = 0; i < ring->peer->ring_size; i++) {
            avail->ring[i] = ring->peer->ring_size + i;
        }
        ring->next += ring->peer->ring_size / 2;
        __atomic_store_n(&avail->idx, ring->next, __ATOMIC_RELEASE);
    }
}

static void
tell_chain(struct ring *ring, uint16_t flags, uint32_t len)
{
    unsigned int n = ring->peer->packed ? ring->peer->ring_size : 1;

    for (unsigned int i = 0; i < n; i++) {
        ring_offer(ring, good_addr(ring), len, flags | VRING_DESC_F_NEXT,
                   ring_slot(ring));
    }
}

static void
tell_loop(struct ring *ring, uint16_t flags)
{
    tell_chain(ring, flags, 1);
}

static void
tell_empty_loop(struct ring *ring, uint16_t flags)
{
    tell_chain(ring, flags, 0);
}

static void
tell_huge(struct ring *ring, uint16_t flags)
{
    ring_offer(ring, good_addr(ring), UINT32_MAX, flags, 0);
}

static void
tell_unmapped(struct ring *ring, uint16_t flags)
{
    ring_offer(ring, 0xdeadbeef000, 100, flags, 0);
}

static void
tell_wrapping(struct ring *ring, uint16_t flags)
{
    ring_offer(ring, UINT64_MAX - 31, 4096, flags, 0);
}

static void
tell_jump(struct ring *ring, uint16_t flags)
{
    struct vring_avail *avail = (void *) (ring->area + RING_AVAIL);

    if (ring->peer->packed) {
        for (int i = 0; i < ring->peer->ring_size; i++) {
            ring_offer(ring, 0xdeadbeef000, UINT32_MAX, flags, 0);
        }
    } else {
        ring->next += 40000;
        __atomic_store_n(&avail->idx, ring->next, __ATOMIC_RELEASE);
    }
}

/* Offers an indirect table of 'n' descriptors that are all alike. */
static void
tell_table(struct ring *ring, uint64_t addr, uint32_t len, uint16_t flags,
           unsigned int n)
{
    struct vring_desc *table;

    table = (void *) ring_buf(ring, ring_slot(ring));
    for (unsigned int i = 0; i < BUF_SIZE / sizeof *table; i++) {
        table[i].addr = addr;
        table[i].len = len;
        table[i].flags = flags;
        table[i].next = 0;
    }
    ring_offer(ring, good_addr(ring), n * sizeof *table,
               VRING_DESC_F_INDIRECT, 0);
}

static void
tell_indirect_unmapped(struct ring *ring, uint16_t flags)
{
    ring_offer(ring, 0xdeadbeef000, 4096, flags | VRING_DESC_F_INDIRECT, 0);
}

static void
tell_indirect_nested(struct ring *ring, uint16_t flags)
{
    tell_table(ring, good_addr(ring), 1024, flags | VRING_DESC_F_INDIRECT
                                            | VRING_DESC_F_NEXT, 100);
}

static void
tell_indirect_loop(struct ring *ring, uint16_t flags)
{
    tell_table(ring, good_addr(ring), 0, flags | VRING_DESC_F_NEXT, 100);
}

static void
tell_indirect_odd(struct ring *ring, uint16_t flags)
{
    ring_offer(ring, good_addr(ring), 17, flags | VRING_DESC_F_INDIRECT, 0);
}

static void
tell_next(struct ring *ring, uint16_t flags)
{
    ring_offer(ring, good_addr(ring), 100, flags | VRING_DESC_F_NEXT, 60000);
}

static void
tell_short(struct ring *ring, uint16_t flags)
{
    ring_offer(ring, good_addr(ring), 4, flags, 0);
}

static void
tell_end(struct ring *ring, uint16_t flags)
{
    ring_offer(ring, GUEST_BASE + MEM_SIZE - 8, 1000, flags, 0);
}

/* Overwrites what the device writes. */
static void
tell_used(struct ring *ring, uint16_t flags)
{
    memset(ring->area + RING_USED, 0xff, 0x9000);
    if (ring->peer->packed) {
        memset(ring->area + RING_DESC, 0xff, 0x1000);
    }
    ring_offer(ring, good_addr(ring), 100, flags, 0);
}

static const struct lie lies[] = {
    { "index beyond the ring", tell_index },
    { "loop", tell_loop },
    { "loop of nothing", tell_empty_loop },
    { "huge length", tell_huge },
    { "unmapped address", tell_unmapped },
    { "address that wraps", tell_wrapping },
    { "available index jumps", tell_jump },
    { "indirect table unmapped", tell_indirect_unmapped },
    { "indirect tables nested", tell_indirect_nested },
    { "indirect table loops", tell_indirect_loop },
    { "indirect table of odd length", tell_indirect_odd },
    { "next beyond the ring", tell_next },
    { "no room for a header", tell_short },
    { "beyond the end of memory", tell_end },
    { "used ring overwritten", tell_used },
};

#define N_LIES (sizeof lies / sizeof lies[0])

static bool
all_done(struct peer *peer, unsigned int offset)
{
    for (unsigned int i = 1; i < peer->n_pairs; i++) {
        const struct ring *ring = &peer->rings[2 * i + offset];

        if (ring->done != ring->next) {
            return false;
        }
    }
    return true;
}

/* Lets the rings that are going to lie run empty, while the others go on. */
static void
run_empty(struct peer *peer, unsigned int offset)
{
    long long int end = now_ms() + 10000;

    while (!all_done(peer, offset)) {
        if (now_ms() > end) {
            fatal("%s: the back-end does not use what it is given",
                  peer->path);
        }
        traffic_poll(peer, 0, true, false);
        for (unsigned int i = 1; i < peer->n_pairs; i++) {
            struct ring *ring = &peer->rings[2 * i + offset];
            unsigned int slot;
            uint32_t len;

            while (ring_reap(ring, &slot, &len)) {
                continue;
            }
        }
    }
}

static void
print_results(struct peer *peer, unsigned int offset, const uint64_t *before)
{
    for (unsigned int i = 1; i < peer->n_pairs; i++) {
        struct ring *ring = &peer->rings[2 * i + offset];
        unsigned int slot;
        uint32_t len;

        while (ring->n_done < before[i] + ring->peer->ring_size
               && ring_reap(ring, &slot, &len)) {
            continue;
        }
        printf("pair %u, %s: %s\n", i, lies[i - 1].name,
               ring->n_done == before[i] ? "stopped" : "used");
    }
}

/* Sends and receives on pair 0 until that has gone on long enough, and until
 * the program is told to stop. */
static bool
good_pair_moves(struct peer *peer)
{
    const struct ring *rx = &peer->rings[0], *tx = &peer->rings[1];
    uint64_t rx_goal = rx->n_done + GOOD_PACKETS;
    uint64_t tx_goal = tx->n_done + GOOD_PACKETS;
    long long int end = now_ms() + 20000;

    for (;;) {
        bool moved = rx->n_done >= rx_goal && tx->n_done >= tx_goal;

        traffic_poll(peer, 0, true, false);
        if (moved && stopping) {
            return true;
        } else if (!moved && now_ms() > end) {
            fprintf(stderr, "pair 0 has stopped\n");
            return false;
        }
    }
}

int
scenario_rings(struct peer *peer, int argc, char *argv[])
{
    unsigned int offset = argc && !strcmp(argv[0], "tx");
    uint64_t before[MAX_PAIRS];

    if (!argc || (strcmp(argv[0], "tx") && strcmp(argv[0], "rx"))) {
        fatal("rings: say tx or rx");
    }
    peer->n_pairs = N_LIES + 1;
    if (!peer_accept(peer, 30000)) {
        fatal("the back-end does not connect");
    }
    peer_start(peer);
    for (unsigned int i = 0; i < peer->n_pairs; i++) {
        traffic_poll(peer, i, true, false);
    }
    run_empty(peer, offset);
    for (unsigned int i = 1; i < peer->n_pairs; i++) {
        struct ring *ring = &peer->rings[2 * i + offset];

        before[i] = ring->n_done;
        lies[i - 1].tell(ring, offset ? 0 : VRING_DESC_F_WRITE);
    }
    printf("lying\n");
    if (!good_pair_moves(peer)) {
        return 1;
    }
    print_results(peer, offset, before);
    if (!peer_is_alive(peer)) {
        fprintf(stderr, "the connection has ended\n");
        return 1;
    }
    peer_close(peer);
    return 0;
}
