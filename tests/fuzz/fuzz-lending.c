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

/* libFuzzer target: a walk that lends a guest's buffers, beside the one that
 * copies them, a packet at a time.  The input is what the guest's memory
 * holds, ring and packets, and what is done; the memory is two regions that
 * end where there is nothing, and of which nothing before is to be touched. */

#include <config.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include <rte_mbuf.h>

#include "tests/fuzz/guest-memory.h"
#include "util.h"
#include "vhost/chain.h"
#include "vhost/lend.h"
#include "vhost/lending.h"
#include "vhost/notes.h"
#include "vhost/packed.h"
#include "vhost/ring.h"

#define REGION_SIZE 2000        /* Each; a multiple of 16. */
#define MAX_SIZE 64             /* Of a ring. */
#define N_STEPS 24
#define ROOM 300                /* Of an mbuf. */
#define N_MBUFS 2047
#define MAX_LEN (UINT16_MAX + 64)

/* What precedes the memory. */
struct input {
    uint8_t flags;
    uint8_t size;
    uint16_t pos;
    uint8_t max_segs;
    uint8_t steps[N_STEPS];
};

enum {
    IN_PACKED = 1 << 0,
    IN_SHORT_HEADER = 1 << 1,
    IN_TSO = 1 << 2,
    IN_CSUM = 1 << 3,
    IN_FULL = 1 << 4,           /* The input changes a ring that is full. */
};

/* The guest's memory, as a walk has it. */
struct view {
    uint8_t *regions[2];
    struct dpdk_vdpa_memory memory;
    struct dpdk_vdpa_note note;
};

/* A buffer that is not back yet, in the order of the ring. */
struct held {
    struct rte_mbuf *pkt;       /* That it is lent by, or null. */
    uint16_t id;
    uint16_t n_slots;
};

struct model {
    struct dpdk_vdpa_ring ring;
    struct dpdk_vdpa_lend *lend;
    struct held helds[MAX_SIZE];
    unsigned int n;
};

int LLVMFuzzerInitialize(int *, char ***);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct rte_mempool *mempool;
static struct view lent, copied;

static void
view_init(struct view *view)
{
    view->memory.n = 2;
    for (int i = 0; i < 2; i++) {
        struct dpdk_vdpa_region *region = &view->memory.regions[i];

        view->regions[i] = fuzz_region_create(REGION_SIZE);
        region->start = i * REGION_SIZE;
        region->size = REGION_SIZE;
        region->offset = (uintptr_t) view->regions[i] - region->start;
    }
}

static void
view_copy(struct view *to, const struct view *from)
{
    for (int i = 0; i < 2; i++) {
        memcpy(to->regions[i], from->regions[i], REGION_SIZE);
    }
}

static void
check_same_memory(void)
{
    for (int i = 0; i < 2; i++) {
        ovs_assert(!memcmp(lent.regions[i], copied.regions[i], REGION_SIZE));
    }
}

int
LLVMFuzzerInitialize(int *argcp OVS_UNUSED, char ***argvp OVS_UNUSED)
{
    mempool = fuzz_mempool_create("fuzz-lending", N_MBUFS, ROOM);
    view_init(&lent);
    view_init(&copied);
    return 0;
}

/* Has 'ring' be the one in 'view'. */
static void
ring_place(struct dpdk_vdpa_ring *ring, struct view *view)
{
    uint8_t *desc = view->regions[0];
    uint8_t *avail = desc + ring->size * 16;

    if (ring->is_packed) {
        ring->packed.desc = (void *) desc;
        ring->packed.driver_event = (void *) avail;
    } else {
        ring->split.desc = (void *) desc;
        ring->split.avail = (void *) avail;
        ring->split.used = (void *) (desc + ROUND_UP(ring->size * 18 + 6, 4));
    }
    ring->note = &view->note;
    ring->memory = &view->memory;
    ring->region = view->memory.regions;
}

static void
set_ring(struct dpdk_vdpa_ring *ring, const struct input *input)
{
    dpdk_vdpa_ring_init(ring,
                        (input->flags & IN_PACKED
                         ? 1ULL << VIRTIO_F_RING_PACKED : 0)
                        | (input->flags & IN_SHORT_HEADER
                           ? 0 : 1ULL << VIRTIO_F_VERSION_1)
                        | (input->flags & IN_TSO
                           ? 1ULL << VIRTIO_NET_F_HOST_TSO4 : 0)
                        | (input->flags & IN_CSUM
                           ? 1ULL << VIRTIO_NET_F_CSUM : 0));
    if (ring->is_packed) {
        ring->size = 1 + input->size % MAX_SIZE;
        ring->next_avail = ((input->pos & 0x7fff) % ring->size
                            | (input->pos & 0x8000));
    } else {
        ring->size = 1 << input->size % 7;
        ring->next_avail = input->pos;
    }
    ring->next_used = ring->next_avail;
    ring_place(ring, &lent);
}

/* Fills the ring with buffers in the second region, two long ones and one that
 * is short. */
static void
ring_fill(const struct dpdk_vdpa_ring *ring)
{
    struct vring_avail *avail = CONST_CAST(struct vring_avail *,
                                           ring->split.avail);
    uint16_t pos = ring->next_avail;

    for (unsigned int i = 0; i < ring->size; i++) {
        unsigned int at = (ring->is_packed ? pos & ~PACKED_WRAP
                           : pos & (ring->size - 1));
        struct vring_packed_desc *d = ((struct vring_packed_desc *)
                                       (void *) lent.regions[0]) + at;

        d->addr = REGION_SIZE + 20 * i;
        d->len = i % 3 ? 400 : 100;
        if (ring->is_packed) {
            d->id = i;
            d->flags = pos & PACKED_WRAP ? PACKED_AVAIL : PACKED_USED;
            pos = packed_advance(pos, 1, ring->size);
        } else {
            avail->ring[at] = at;
            avail->idx = ++pos;
        }
    }
}

/* Sets the memory, which the ring is in. */
static void
set_memory(const struct dpdk_vdpa_ring *ring, bool full, const uint8_t *data,
           size_t size)
{
    for (int i = 0; i < 2; i++) {
        memset(lent.regions[i], 0, REGION_SIZE);
    }
    if (full) {
        ring_fill(ring);
    }
    for (size_t i = 0; i < MIN(size, 2 * REGION_SIZE); i++) {
        lent.regions[i / REGION_SIZE][i % REGION_SIZE] ^= data[i];
    }
}

static bool
is_lent(const struct rte_mbuf *pkt)
{
    return (RTE_MBUF_HAS_EXTBUF(pkt)
            || (pkt->next && RTE_MBUF_HAS_EXTBUF(pkt->next)));
}

/* Checks that 'a' and 'b' are the same packet. */
static void
check_same_packet(const struct rte_mbuf *a, const struct rte_mbuf *b)
{
    static uint8_t a_data[MAX_LEN], b_data[MAX_LEN];
    const char *reason;

    ovs_assert(!rte_mbuf_check(a, 1, &reason));
    ovs_assert(a->pkt_len == b->pkt_len && a->pkt_len <= MAX_LEN);
    ovs_assert((a->ol_flags & ~RTE_MBUF_F_EXTERNAL) == b->ol_flags);
    ovs_assert(!a->ol_flags || a->tx_offload == b->tx_offload);
    ovs_assert(!memcmp(rte_pktmbuf_read(a, 0, a->pkt_len, a_data),
                       rte_pktmbuf_read(b, 0, b->pkt_len, b_data),
                       a->pkt_len));
}

/* The buffer that the walk which copies has given back, if it has: what the
 * other one has to remember. */
static bool
copied_back(const struct dpdk_vdpa_ring *ring, uint16_t was, struct held *held)
{
    held->pkt = NULL;
    held->n_slots = 0;
    if (ring->next_used == was) {
        return false;
    }
    if (ring->is_packed) {
        held->id = ring->packed.desc[was & ~PACKED_WRAP].id;
        for (uint16_t pos = was; pos != ring->next_used; held->n_slots++) {
            pos = packed_advance(pos, 1, ring->size);
        }
    } else {
        held->id = ring->split.used->ring[was & (ring->size - 1)].id;
    }
    return true;
}

/* Takes a packet by both walks. */
static void
take_one(struct model *m)
{
    struct dpdk_vdpa_ring other = m->ring;
    uint16_t was = m->ring.next_avail, used = m->ring.next_used;
    struct rte_mbuf *pkt, *want;
    struct held held;
    uint16_t n, n_want;
    bool back;

    view_copy(&copied, &lent);
    ring_place(&other, &copied);
    other.next_used = was;
    n_want = dpdk_vdpa_chain_recv(&other, mempool, &want, 1);
    back = copied_back(&other, was, &held);
    n = dpdk_vdpa_lending_recv(&m->ring, m->lend, mempool, &pkt, 1);
    if (n < n_want) {
        /* No more may be away. */
        ovs_assert(m->n && !m->ring.unusual && m->ring.next_avail == was);
        rte_pktmbuf_free(want);
        return;
    }
    ovs_assert(n == n_want && m->ring.unusual == other.unusual);
    ovs_assert(m->ring.next_avail == other.next_avail);
    if (n) {
        check_same_packet(pkt, want);
        held.pkt = is_lent(pkt) ? pkt : NULL;
        ovs_assert(!held.pkt || back);
        rte_pktmbuf_free(want);
        rte_pktmbuf_free(held.pkt ? NULL : pkt);
    }
    if (back && (held.pkt || m->n)) {
        ovs_assert(m->n < ARRAY_SIZE(m->helds));
        m->helds[m->n++] = held;
        ovs_assert(m->ring.next_used == used);
    } else {
        ovs_assert(m->ring.next_used == (m->n ? used : other.next_used));
        if (!m->n) {
            check_same_memory();
        }
    }
    ovs_assert(m->lend->n == m->n);
    ovs_assert(m->lend->n_descs <= m->lend->n_max);
}

/* Writes to the other view that the buffer 'held' is back. */
static void
give_back(struct dpdk_vdpa_ring *ring, const struct held *held)
{
    uint16_t pos = ring->next_used;

    if (ring->is_packed) {
        struct vring_packed_desc *d = &ring->packed.desc[pos & ~PACKED_WRAP];

        d->len = 0;
        d->id = held->id;
        d->flags = pos & PACKED_WRAP ? PACKED_AVAIL | PACKED_USED : 0;
        ring->next_used = packed_advance(pos, held->n_slots, ring->size);
    } else {
        ring->split.used->ring[pos & (ring->size - 1)].id = held->id;
        ring->split.used->ring[pos & (ring->size - 1)].len = 0;
        ring->next_used = pos + 1;
    }
}

/* What nobody has any more goes back. */
static void
take_back(struct model *m)
{
    struct dpdk_vdpa_ring other = m->ring;
    unsigned int n = 0;

    view_copy(&copied, &lent);
    ring_place(&other, &copied);
    while (n < m->n && !m->helds[n].pkt) {
        give_back(&other, &m->helds[n++]);
    }
    if (n && !other.is_packed) {
        other.split.used->idx = other.next_used;
    }
    ovs_assert(dpdk_vdpa_lending_take_back(&m->ring, m->lend) == (n > 0));
    ovs_assert(m->ring.next_used == other.next_used);
    ovs_assert(m->ring.next_avail == other.next_avail);
    check_same_memory();
    m->n -= n;
    memmove(m->helds, &m->helds[n], m->n * sizeof m->helds[0]);
    ovs_assert(m->lend->n == m->n);
}

static void
free_one(struct model *m, unsigned int i)
{
    rte_pktmbuf_free(m->helds[i].pkt);
    m->helds[i].pkt = NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model m;
    struct input input;

    if (size < sizeof input) {
        return 0;
    }
    memcpy(&input, data, sizeof input);
    memset(&m, 0, sizeof m);
    set_ring(&m.ring, &input);
    set_memory(&m.ring, input.flags & IN_FULL, data + sizeof input,
               size - sizeof input);
    m.lend = dpdk_vdpa_lend_create(m.ring.size, NULL);
    m.lend->max_segs = input.max_segs % 16;
    for (int i = 0; i < N_STEPS; i++) {
        uint8_t step = input.steps[i];

        if (step % 4 == 3) {
            take_back(&m);
        } else if (step % 4 == 2 && m.n) {
            free_one(&m, step / 4 % m.n);
        } else {
            take_one(&m);
        }
    }
    for (unsigned int i = 0; i < m.n; i++) {
        free_one(&m, i);
    }
    take_back(&m);
    ovs_assert(!m.n && m.ring.next_avail == m.ring.next_used);
    dpdk_vdpa_lend_destroy(m.lend);
    ovs_assert(rte_mempool_full(mempool));
    return 0;
}
