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

/* libFuzzer target: the walk over a guest's virtqueue, beside a simple one
 * that looks at each byte by itself.  The input is what the guest's memory
 * holds, ring and packets, and what is done; the memory is two regions that
 * end where there is nothing, and of which nothing before is to be touched. */

#include "lib/vhost/ring.c"
#include "lib/vhost/chain.c"

#include "tests/fuzz/guest-memory.h"
#include "tests/fuzz/simple-ring.h"
#include "tests/fuzz/simple-scatter.h"
#include "vhost/scatter.h"

#define MAX_SIZE 64             /* Of a ring. */
#define N_STEPS 8
#define MAX_PACKETS 80          /* At a time. */
#define N_MBUFS 255

/* What precedes the memory. */
struct input {
    uint8_t flags;
    uint8_t size;
    uint16_t pos;
    uint8_t steps[N_STEPS];     /* How many, and which way. */
    uint8_t takes;              /* What the guest takes. */
    uint8_t max_descs;          /* Of scattered packets, in one step. */
    uint8_t lens[4];            /* Of the packets that are sent, */
    uint8_t kinds[4];           /* what is to be said of them, */
    uint8_t headers[4];         /* and how long their headers are. */
};

enum {
    IN_PACKED = 1 << 0,
    IN_EVENT_IDX = 1 << 1,
    IN_SHORT_HEADER = 1 << 2,
    IN_HIGH = 1 << 3,           /* Guest-physical addresses up to 2^64. */
    IN_FULL = 1 << 4,           /* The input changes a ring that is full... */
    IN_WRITE = 1 << 5,          /* ...of buffers to write to. */
    IN_MERGEABLE = 1 << 6,
    IN_GUEST_CSUM = 1 << 7,
};

/* 'takes' of struct input. */
enum {
    IN_TSO4 = 1 << 0,
    IN_TSO6 = 1 << 1,
    IN_ECN = 1 << 2,
};

/* 'kinds' of struct input. */
enum {
    KIND_L4 = 3,                /* TCP, SCTP, UDP: its checksum is not there. */
    KIND_LARGE = 1 << 2,        /* Segments put together, */
    KIND_V4 = 1 << 3,           /* of IPv4, */
    KIND_CWR = 1 << 4,          /* whose sender reduced its window. */
    KIND_GOOD = 1 << 5,         /* What the VF found out. */
    KIND_BAD = 1 << 6,
    KIND_TUNNEL = 1 << 7,
};

int LLVMFuzzerInitialize(int *, char ***);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct rte_mempool *mempool;
static uint8_t *regions[2];
static struct dpdk_vdpa_note note;
static struct dpdk_vdpa_undo undo;

int
LLVMFuzzerInitialize(int *argcp OVS_UNUSED, char ***argvp OVS_UNUSED)
{
    mempool = fuzz_mempool_create("fuzz-walk", N_MBUFS, ROOM);
    for (int i = 0; i < 2; i++) {
        regions[i] = fuzz_region_create(REGION_SIZE);
    }
    return 0;
}

static void
check_memory(void)
{
    ovs_assert(!memcmp(regions[0], simple, REGION_SIZE));
    ovs_assert(!memcmp(regions[1], simple + REGION_SIZE, REGION_SIZE));
}

/* Checks that 'ring' is now 'n' on from 'old'. */
static void
check_progress(const struct dpdk_vdpa_ring *ring, uint16_t old, unsigned int n)
{
    uint16_t pos = old;

    /* After the first walk of a burst there may be, in a packed ring that lies
     * in its own buffers, more than it had. */
    ovs_assert(n <= DPDK_VDPA_RING_BURST);
    ovs_assert(ring->is_packed || n <= ring->size);
    for (unsigned int i = 0; i < n; i++) {
        pos = simple_next(ring, pos);
    }
    ovs_assert(ring->next_avail == pos && ring->next_used == pos);
    check_memory();
    dpdk_vdpa_ring_wants_call(ring, old);
    check_memory();
}

/* Checks that 'pkt' is what becomes of the 'len' bytes at 'data' behind 'hdr';
 * fuzz-packet has more to say about that. */
static void
check_described(const struct rte_mbuf *pkt, const uint8_t *data, uint32_t len,
                const struct virtio_net_hdr *hdr, uint64_t features)
{
    struct rte_mbuf *want = rte_pktmbuf_alloc(mempool);

    ovs_assert(want);
    memcpy(rte_pktmbuf_append(want, len), data, len);
    dpdk_vdpa_packet_describe(want, hdr, features);
    ovs_assert(pkt->pkt_len == len && pkt->data_len == len);
    ovs_assert(pkt->ol_flags == want->ol_flags);
    ovs_assert(!pkt->ol_flags || pkt->tx_offload == want->tx_offload);
    ovs_assert(!memcmp(rte_pktmbuf_mtod(pkt, void *),
                       rte_pktmbuf_mtod(want, void *), len));
    rte_pktmbuf_free(want);
}

static void
check_recv(struct dpdk_vdpa_ring *ring, unsigned int max)
{
    struct simple_buffer bufs[DPDK_VDPA_RING_BURST];
    uint32_t lens[DPDK_VDPA_RING_BURST] = { 0 };
    static uint8_t expected[DPDK_VDPA_RING_BURST][ROOM];
    struct virtio_net_hdr headers[DPDK_VDPA_RING_BURST];
    struct rte_mbuf *pkts[MAX_PACKETS];
    uint16_t pos = ring->next_avail;
    uint16_t old = pos;
    unsigned int n = 0;

    for (unsigned int end = 0; n == end; ) {
        unsigned int first = n;
        uint16_t start = pos;

        end = simple_walk_end(ring, pos, n, max);
        for (; n < end; n++) {
            const uint8_t *header;
            uint32_t len;

            if (!simple_take(ring, pos, n, false, &bufs[n])) {
                break;
            }
            header = simple_at(bufs[n].addr);
            /* Without anything behind the header it is an empty packet. */
            len = MAX(bufs[n].len, ring->header_len) - ring->header_len;
            if (len && (header[1] || len > ROOM)) {
                break;
            }
            memset(&headers[n], 0, sizeof headers[n]);
            if (len) {
                memcpy(&headers[n], header, sizeof headers[n]);
            }
            bufs[n].len = len + ring->header_len;
            memcpy(expected[n], header + ring->header_len, len);
            pos = simple_next(ring, pos);
        }
        simple_give_back(ring, start, &bufs[first], lens, n - first, false);
        if (n == first) {
            break;
        }
    }

    memset(pkts, 0, sizeof pkts);
    ovs_assert(dpdk_vdpa_ring_recv(ring, mempool, pkts, max) == n);
    ovs_assert(rte_mempool_in_use_count(mempool) == n);
    for (unsigned int i = 0; i < MAX_PACKETS; i++) {
        ovs_assert(!pkts[i] == (i >= n));
        if (pkts[i]) {
            const char *reason;

            ovs_assert(!rte_mbuf_check(pkts[i], 1, &reason));
            ovs_assert(pkts[i]->nb_segs == 1);
            check_described(pkts[i], expected[i],
                            bufs[i].len - ring->header_len, &headers[i],
                            ring->features);
        }
    }
    rte_pktmbuf_free_bulk(pkts, n);
    check_progress(ring, old, n);
}

/* What the walk leaves need not be like anything, but stays within bounds. */
static void
check_chain(struct dpdk_vdpa_ring *ring, unsigned int max)
{
    uint16_t old = ring->next_used;
    struct rte_mbuf *pkts[MAX_PACKETS];
    uint16_t n = dpdk_vdpa_chain_recv(ring, mempool, pkts, max);

    ovs_assert(n <= max);
    ovs_assert(ring->is_packed ? (ring->next_used & 0x7fff) < ring->size
               : ring->next_used == (uint16_t) (old + n));
    ovs_assert(ring->next_avail == ring->next_used);
    for (unsigned int i = 0; i < n; i++) {
        const char *reason;

        ovs_assert(!rte_mbuf_check(pkts[i], 1, &reason));
        ovs_assert(pkts[i]->pkt_len <= MAX_PACKET_LEN);
    }
    rte_pktmbuf_free_bulk(pkts, n);
    if (max % 2) {
        dpdk_vdpa_chain_return_short(ring, max);
        ovs_assert(ring->next_avail == ring->next_used);
    }
    memcpy(simple, regions[0], REGION_SIZE);
    memcpy(simple + REGION_SIZE, regions[1], REGION_SIZE);
}

/* What the walk of plain buffers leaves. */
static void
check_scatter(struct dpdk_vdpa_ring *ring, struct rte_mbuf **pkts,
              unsigned int max, unsigned int max_descs)
{
    unsigned int left = max_descs;
    uint16_t pos = ring->next_avail;
    bool broken = false;
    unsigned int n = 0;

    while (n < max && simple_scatter(ring, &pos, pkts[n], &left, &broken)) {
        n++;
    }
    ovs_assert(dpdk_vdpa_scatter_send(ring, &undo, max_descs, pkts, max)
               == n);
    ovs_assert(ring->unusual == (n < max && broken));
    ovs_assert(ring->next_avail == pos && ring->next_used == pos);
    ovs_assert(!note.n_undo);
    check_memory();
}

/* Has 'pkt' say what 'kind' does, of headers that are so long as 'headers'
 * says. */
static void
say(struct rte_mbuf *pkt, uint8_t kind, uint8_t headers)
{
    pkt->ol_flags |= ((uint64_t) (kind & KIND_L4) << 52
                      | (kind & KIND_LARGE ? RTE_MBUF_F_TX_TCP_SEG : 0)
                      | (kind & KIND_V4 ? RTE_MBUF_F_TX_IPV4 : 0)
                      | (kind & KIND_GOOD ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0)
                      | (kind & KIND_BAD ? RTE_MBUF_F_RX_L4_CKSUM_BAD : 0));
    pkt->packet_type = kind & KIND_TUNNEL ? RTE_PTYPE_TUNNEL_VXLAN : 0;
    pkt->l2_len = 14 + 4 * (headers & 3);
    pkt->l3_len = 20 + 12 * (headers >> 2 & 15);
    pkt->l4_len = 20 + 4 * (headers >> 6);
    pkt->tso_segsz = 7 * headers;
}

/* Packet number 'i' of those that 'input' asks for: every third in two
 * mbufs. */
static void
make_packet(struct rte_mbuf *pkt, unsigned int i, const struct input *input)
{
    uint8_t kind = input->kinds[i % 4], len = input->lens[i % 4];
    unsigned int n = i % 3 == 2 ? len / 2 : len;
    uint8_t cwr = kind & KIND_CWR ? 0x80 : 0;

    memset(rte_pktmbuf_append(pkt, n), (i + 1) | cwr, n);
    if (n < len) {
        struct rte_mbuf *rest = rte_pktmbuf_alloc(mempool);

        memset(rte_pktmbuf_append(rest, len - n), i + 101, len - n);
        ovs_assert(!rte_pktmbuf_chain(pkt, rest));
    }
    say(pkt, kind, input->headers[i % 4]);
}

static void
check_send(struct dpdk_vdpa_ring *ring, unsigned int max,
           const struct input *input)
{
    struct simple_buffer bufs[DPDK_VDPA_RING_BURST];
    uint32_t lens[DPDK_VDPA_RING_BURST];
    struct rte_mbuf *pkts[MAX_PACKETS];
    uint16_t pos = ring->next_avail;
    uint16_t old = pos;
    unsigned int n = 0;

    if (!max) {
        return;
    }
    ovs_assert(!rte_pktmbuf_alloc_bulk(mempool, pkts, max));
    for (unsigned int i = 0; i < max; i++) {
        make_packet(pkts[i], i, input);
    }

    for (unsigned int end = 0; n == end; ) {
        unsigned int first = n;
        uint16_t start = pos;

        end = simple_walk_end(ring, pos, n, max);
        for (; n < end; n++) {
            lens[n] = pkts[n]->pkt_len + ring->header_len;
            if (!simple_take(ring, pos, n, true, &bufs[n])
                || pkts[n]->nb_segs > 1 || lens[n] > bufs[n].len
                || pkts[n]->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK) {
                break;
            }
            pos = simple_next(ring, pos);
        }
        for (unsigned int i = first; i < n; i++) {
            simple_fill_buffer(ring, &bufs[i], pkts[i]);
        }
        simple_give_back(ring, start, &bufs[first], &lens[first], n - first,
                         true);
        if (n == first) {
            break;
        }
    }

    ovs_assert(dpdk_vdpa_ring_send(ring, pkts, max) == n);
    check_progress(ring, old, n);
    if (ring->unusual) {
        check_scatter(ring, &pkts[n], max - n, input->max_descs);
    }
    rte_pktmbuf_free_bulk(pkts, max);
}

static void
set_regions(const struct input *input)
{
    memory.n = 2;
    for (int i = 0; i < 2; i++) {
        struct dpdk_vdpa_region *region = &memory.regions[i];

        region->start = i * REGION_SIZE;
        if (input->flags & IN_HIGH) {
            region->start -= MEMORY_SIZE;
        }
        region->size = REGION_SIZE;
        region->offset = (uintptr_t) regions[i] - region->start;
    }
}

/* Fills the ring with small buffers, most of them in the second region. */
static void
simple_fill(const struct dpdk_vdpa_ring *ring, const struct input *input)
{
    unsigned int flags = input->flags & IN_WRITE ? 2 : 0;
    uint16_t pos = ring->next_avail;

    for (unsigned int i = 0; i < ring->size; i++) {
        unsigned int at = ring->is_packed ? pos & 0x7fff : pos % ring->size;

        unsigned int ofs = i % 16 == 7 ? 1700 : REGION_SIZE + 30 * i;

        simple_write(at * 16, memory.regions[0].start + ofs, 8);
        simple_write(at * 16 + 8, 30, 4);
        if (ring->is_packed) {
            simple_write(at * 16 + 12, i, 2);
            simple_write(at * 16 + 14, flags | (pos >> 15 ? 0x80 : 0x8000), 2);
        } else {
            simple_write(at * 16 + 12, flags, 2);
            simple_write(avail_ofs(ring) + 4 + 2 * at, at, 2);
        }
        pos = simple_next(ring, pos);
    }
    if (!ring->is_packed) {
        simple_write(avail_ofs(ring) + 2, pos, 2);
    }
}

static void
set_memory(const struct dpdk_vdpa_ring *ring, const struct input *input,
           const uint8_t *data, size_t size)
{
    memset(simple, 0, sizeof simple);
    if (input->flags & IN_FULL) {
        simple_fill(ring, input);
    }
    for (size_t i = 0; i < MIN(size, sizeof simple); i++) {
        simple[i] ^= data[i];
    }
    memcpy(regions[0], simple, REGION_SIZE);
    memcpy(regions[1], simple + REGION_SIZE, REGION_SIZE);
}

static void
set_ring(struct dpdk_vdpa_ring *ring, const struct input *input)
{
    uint64_t features = (1ULL << VIRTIO_NET_F_CSUM
                         | 1ULL << VIRTIO_NET_F_HOST_TSO4);

    if (input->flags & IN_PACKED) {
        features |= 1ULL << VIRTIO_F_RING_PACKED;
    }
    if (input->flags & IN_EVENT_IDX) {
        features |= 1ULL << VIRTIO_RING_F_EVENT_IDX;
    }
    if (!(input->flags & IN_SHORT_HEADER)) {
        features |= 1ULL << VIRTIO_F_VERSION_1;
    }
    if (input->flags & IN_MERGEABLE) {
        features |= 1ULL << VIRTIO_NET_F_MRG_RXBUF;
    }
    if (input->flags & IN_GUEST_CSUM) {
        features |= 1ULL << VIRTIO_NET_F_GUEST_CSUM;
    }
    features |= ((input->takes & IN_TSO4 ? 1ULL << VIRTIO_NET_F_GUEST_TSO4 : 0)
                 | (input->takes & IN_TSO6 ? 1ULL << VIRTIO_NET_F_GUEST_TSO6
                    : 0)
                 | (input->takes & IN_ECN ? 1ULL << VIRTIO_NET_F_GUEST_ECN
                    : 0));
    dpdk_vdpa_ring_init(ring, features);
    ring->note = &note;
    ring->memory = &memory;
    ring->region = memory.regions;
    if (ring->is_packed) {
        ring->size = 1 + input->size % MAX_SIZE;
        ring->packed.desc = (void *) regions[0];
        ring->packed.driver_event = (void *) (regions[0] + avail_ofs(ring));
        ring->next_avail = ((input->pos & 0x7fff) % ring->size
                            | (input->pos & 0x8000));
    } else {
        ring->size = 1 << input->size % 7;
        ring->split.desc = (void *) regions[0];
        ring->split.avail = (void *) (regions[0] + avail_ofs(ring));
        ring->split.used = (void *) (regions[0] + used_ofs(ring));
        ring->next_avail = input->pos;
    }
    ring->next_used = ring->next_avail;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dpdk_vdpa_ring ring;
    struct input input;

    if (size < sizeof input) {
        return 0;
    }
    memcpy(&input, data, sizeof input);
    set_regions(&input);
    set_ring(&ring, &input);
    set_memory(&ring, &input, data + sizeof input, size - sizeof input);
    for (int i = 0; i < N_STEPS; i++) {
        unsigned int max = (input.steps[i] >> 1) % MAX_PACKETS;

        if (input.steps[i] & 1) {
            check_send(&ring, max, &input);
        } else {
            check_recv(&ring, max);
            if (ring.unusual) {
                check_chain(&ring, max);
            }
        }
    }
    ovs_assert(rte_mempool_full(mempool));
    return 0;
}
