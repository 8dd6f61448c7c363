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

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <rte_eal.h>

#include "vhost/scatter.h"

#define PAGE 4096
#define REGION_SIZE 2000        /* Each; a multiple of 16. */
#define MEMORY_SIZE (2 * REGION_SIZE)
#define MAX_SIZE 64             /* Of a ring. */
#define N_STEPS 8
#define MAX_PACKETS 80          /* At a time. */
#define ROOM 300                /* Of an mbuf. */
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

/* Most descriptors for a packet. */
#define SIMPLE_MAX_PARTS 256

int LLVMFuzzerInitialize(int *, char ***);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct rte_mempool *mempool;
static uint8_t *regions[2];
static struct dpdk_vdpa_memory memory;
static struct dpdk_vdpa_note note;
static struct dpdk_vdpa_undo undo;

/* The memory, as the simple walk has it. */
static uint8_t simple[MEMORY_SIZE];

int
LLVMFuzzerInitialize(int *argcp OVS_UNUSED, char ***argvp OVS_UNUSED)
{
    char *argv[] = {
        "fuzz-walk", "--no-huge", "--no-shconf", "--no-pci", "-m", "32",
        "--no-telemetry", "-l", "0", "--log-level=error",
    };

    ovs_assert(rte_eal_init(ARRAY_SIZE(argv), argv) >= 0);
    mempool = rte_pktmbuf_pool_create("fuzz", N_MBUFS, 0, 0,
                                      ROOM + RTE_PKTMBUF_HEADROOM, 0);
    ovs_assert(mempool);
    for (int i = 0; i < 2; i++) {
        uint8_t *page = mmap(NULL, 3 * PAGE, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        ovs_assert(page != MAP_FAILED);
        page += PAGE;
        ovs_assert(!mprotect(page, PAGE, PROT_READ | PROT_WRITE));
        __asan_poison_memory_region(page, PAGE - REGION_SIZE);
        regions[i] = page + PAGE - REGION_SIZE;
    }
    return 0;
}

/* Returns the byte of the simple memory at address 'addr', or null. */
static uint8_t *
simple_at(uint64_t addr)
{
    uint64_t ofs = addr - memory.regions[0].start;

    return ofs < MEMORY_SIZE ? &simple[ofs] : NULL;
}

/* Returns true if the 'len' bytes at 'addr' are in one region. */
static bool
simple_is_in_one(uint64_t addr, uint32_t len)
{
    const uint8_t *first = simple_at(addr);

    if (!first || len > MEMORY_SIZE) {
        return false;
    }
    for (uint32_t i = 0; i < len; i++) {
        const uint8_t *p = simple_at(addr + i);

        if (!p || (p - simple) / REGION_SIZE
                  != (first - simple) / REGION_SIZE) {
            return false;
        }
    }
    return true;
}

struct simple_buffer {
    uint64_t addr;
    uint32_t len;
    uint16_t id;
};

/* Offsets into the first region. */
static unsigned int
avail_ofs(const struct dpdk_vdpa_ring *ring)
{
    return ring->size * 16;
}

static unsigned int
used_ofs(const struct dpdk_vdpa_ring *ring)
{
    return ROUND_UP(avail_ofs(ring) + 6 + 2 * ring->size, 4);
}

static uint64_t
simple_read(unsigned int ofs, unsigned int n)
{
    uint64_t value = 0;

    while (n--) {
        value = value << 8 | simple[ofs + n];
    }
    return value;
}

static void
simple_write(unsigned int ofs, uint64_t value, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++, value >>= 8) {
        simple[ofs + i] = value;
    }
}

/* Returns position 'pos' moved by one. */
static uint16_t
simple_next(const struct dpdk_vdpa_ring *ring, uint16_t pos)
{
    if (!ring->is_packed) {
        return pos + 1;
    }
    return ((pos & 0x7fff) + 1 < ring->size ? pos + 1
            : pos & 0x8000 ? 0 : 0x8000);
}

/* Looks at the descriptor at 'pos', number 'i' of a burst.  Returns false if
 * there is none, or none that is the rule. */
static bool
simple_take(const struct dpdk_vdpa_ring *ring, uint16_t pos, unsigned int i,
            bool send, struct simple_buffer *buf)
{
    unsigned int ofs;
    uint16_t flags;

    if (ring->is_packed) {
        bool wrap = pos >> 15;

        ofs = (pos & 0x7fff) * 16;
        buf->id = simple_read(ofs + 12, 2);
        flags = simple_read(ofs + 14, 2);
        if ((flags >> 7 & 1) != wrap || flags >> 15 == wrap) {
            return false;
        }
    } else {
        uint16_t n = simple_read(avail_ofs(ring) + 2, 2) - ring->next_avail;

        if (n > ring->size || i >= n) {
            return false;
        }
        buf->id = simple_read(avail_ofs(ring) + 4 + 2 * (pos % ring->size), 2);
        if (buf->id >= ring->size) {
            return false;
        }
        ofs = buf->id * 16;
        flags = simple_read(ofs + 12, 2);
    }
    buf->addr = simple_read(ofs, 8);
    buf->len = simple_read(ofs + 8, 4);
    return ((flags & 7) == (send ? 2 : 0)
            && (!send || buf->len >= ring->header_len)
            && simple_is_in_one(buf->addr, buf->len));
}

/* Gives 'n' buffers from position 'pos' back, the first of them at last. */
static void
simple_give_back(const struct dpdk_vdpa_ring *ring, uint16_t pos,
                 const struct simple_buffer *bufs, const uint32_t *lens,
                 unsigned int n, bool send)
{
    for (unsigned int i = n; i > 0; i--) {
        const struct simple_buffer *buf = &bufs[i - 1];
        uint32_t len = lens[i - 1];
        uint16_t at = pos;

        for (unsigned int j = 1; j < i; j++) {
            at = simple_next(ring, at);
        }
        if (ring->is_packed) {
            unsigned int ofs = (at & 0x7fff) * 16;

            simple_write(ofs + 8, len, 4);
            simple_write(ofs + 12, buf->id, 2);
            simple_write(ofs + 14, (at >> 15 ? 0x8080 : 0) | (send ? 2 : 0),
                         2);
        } else {
            unsigned int ofs = used_ofs(ring) + 4 + 8 * (at % ring->size);

            simple_write(ofs, buf->id, 4);
            simple_write(ofs + 4, len, 4);
        }
    }
    if (n && !ring->is_packed) {
        simple_write(used_ofs(ring) + 2, pos + n, 2);
    }
}

/* Returns at how many packets the walk ends that begins with number 'n' at
 * 'pos': a burst from a packed ring is made of several, none of which goes
 * over the end of the ring, and the guest gets its buffers back after each. */
static unsigned int
simple_walk_end(const struct dpdk_vdpa_ring *ring, uint16_t pos,
                unsigned int n, unsigned int max)
{
    max = MIN(max, DPDK_VDPA_RING_BURST);
    if (ring->is_packed) {
        max = MIN(max, n + PACKED_WALK);
        max = MIN(max, n + ring->size - (pos & 0x7fff));
    }
    return max;
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
