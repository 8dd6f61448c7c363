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

#include "dpdk-vdpa-ring.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stddef.h>

#include <rte_config.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <rte_prefetch.h>

#include "util.h"

/* virtio is little-endian, as the vhost library takes its host to be. */
#ifdef WORDS_BIGENDIAN
#error "the rings of a guest are walked on little-endian machines only"
#endif

#define WRAP 0x8000
#define PACKED_AVAIL (1 << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED (1 << VRING_PACKED_DESC_F_USED)

/* Part of a ring's memory, read once: the compiler must not go back for it. */
#define READ_ONCE(OBJECT) (*(const volatile typeof(OBJECT) *) &(OBJECT))

/* Fetches the cache line at 'p' to be written. */
static inline void
prefetch_to_write(const void *p)
{
#ifdef __x86_64__
    /* The compiler makes it a fetch for reading unless it may take the CPU to
     * be a newer one.  The older ones ignore the instruction. */
    asm volatile ("prefetchw %0" : : "m" (*(const char *) p));
#else
    __builtin_prefetch(p, 1, 3);
#endif
}

/* A buffer of the guest's, checked. */
struct buffer {
    uint8_t *data;              /* Where the header is, or goes. */
    uint32_t len;               /* With the header. */
    uint16_t id;                /* What the guest knows it by. */
};

void
dpdk_vdpa_ring_init(struct dpdk_vdpa_ring *ring, uint64_t features)
{
    /* As the vhost library has it; by the standard, a packed ring cannot be
     * without VIRTIO_F_VERSION_1. */
    bool long_header = features & (1ULL << VIRTIO_NET_F_MRG_RXBUF
                                   | 1ULL << VIRTIO_F_VERSION_1
                                   | 1ULL << VIRTIO_F_RING_PACKED);

    memset(ring, 0, sizeof *ring);
    ring->is_packed = features & (1ULL << VIRTIO_F_RING_PACKED);
    ring->event_idx = features & (1ULL << VIRTIO_RING_F_EVENT_IDX);
    ring->header_len = (long_header ? sizeof(struct virtio_net_hdr_mrg_rxbuf)
                        : sizeof(struct virtio_net_hdr));
}

/* Buffers. */

static inline uint8_t *
region_find(const struct dpdk_vdpa_region *region, uint64_t addr, uint32_t len)
{
    uint64_t ofs = addr - region->start;

    return (ofs < region->size && len <= region->size - ofs
            ? (uint8_t *) (uintptr_t) (addr + region->offset) : NULL);
}

static uint8_t * __rte_noinline
ring_translate_elsewhere(struct dpdk_vdpa_ring *ring, uint64_t addr,
                         uint32_t len)
{
    for (unsigned int i = 0; i < ring->memory->n; i++) {
        const struct dpdk_vdpa_region *region = &ring->memory->regions[i];
        uint8_t *data = region_find(region, addr, len);

        if (data) {
            ring->region = region;
            return data;
        }
    }
    return NULL;
}

/* Returns where we have the 'len' bytes at 'addr' of the guest's memory, or
 * null if they are not in one region. */
static inline uint8_t *
ring_translate(struct dpdk_vdpa_ring *ring, uint64_t addr, uint32_t len)
{
    uint8_t *data = region_find(ring->region, addr, len);

    return OVS_LIKELY(data) ? data : ring_translate_elsewhere(ring, addr, len);
}

/* Checks a descriptor with these 'flags' that should have 'want', other flags
 * apart, and makes it '*buf'.  Returns false if it is unusual. */
static inline bool
ring_take(struct dpdk_vdpa_ring *ring, uint16_t flags, uint16_t want,
          uint64_t addr, uint32_t len, struct buffer *buf)
{
    uint16_t care = (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE
                     | VRING_DESC_F_INDIRECT);

    if (OVS_UNLIKELY((flags & care) != want || len < ring->header_len)) {
        return false;
    }
    buf->len = len;
    buf->data = ring_translate(ring, addr, len);
    return buf->data != NULL;
}

/* Fetches the first lines of a buffer, to be read or written. */
static inline void
buffer_prefetch(const struct buffer *buf, uint16_t want)
{
    if (want & VRING_DESC_F_WRITE) {
        prefetch_to_write(buf->data);
        prefetch_to_write(buf->data + CACHE_LINE_SIZE);
    } else {
        rte_prefetch0(buf->data);
        rte_prefetch0(buf->data + CACHE_LINE_SIZE);
    }
}

/* Split rings: virtio 1.1, section 2.6. */

/* Makes buffers of at most 'max' descriptors that the guest has made
 * available.  Returns how many; 'ring->unusual' says why no more. */
static inline unsigned int
split_peek(struct dpdk_vdpa_ring *ring, uint16_t want, struct buffer *bufs,
           unsigned int max)
{
    uint16_t mask = ring->size - 1;
    uint16_t idx, n;

    /* Two lines that the guest has just written: fetch both at once. */
    rte_prefetch0(&ring->split.avail->ring[ring->next_avail & mask]);
    idx = __atomic_load_n(&ring->split.avail->idx, __ATOMIC_ACQUIRE);
    n = idx - ring->next_avail;
    if (!n) {
        return 0;
    }
    if (OVS_UNLIKELY(n > ring->size)) {
        ring->unusual = true;
        return 0;
    }
    n = MIN(n, max);

    for (unsigned int i = 0; i < n; i++) {
        unsigned int slot = (ring->next_avail + i) & mask;
        uint16_t id = READ_ONCE(ring->split.avail->ring[slot]);

        if (OVS_UNLIKELY(id >= ring->size)) {
            ring->unusual = true;
            n = i;
            break;
        }
        bufs[i].id = id;
        rte_prefetch0(&ring->split.desc[id]);
    }
    for (unsigned int i = 0; i < n; i++) {
        const struct vring_desc *desc = &ring->split.desc[bufs[i].id];

        if (OVS_UNLIKELY(!ring_take(ring, READ_ONCE(desc->flags), want,
                                    READ_ONCE(desc->addr),
                                    READ_ONCE(desc->len), &bufs[i]))) {
            ring->unusual = true;
            return i;
        }
        buffer_prefetch(&bufs[i], want);
    }
    return n;
}

/* Gives 'n' buffers back to the guest, of which 'lens[i]' bytes were written.
 * 'lens' may be null for none. */
static inline void
split_give_back(struct dpdk_vdpa_ring *ring, const struct buffer *bufs,
                const uint32_t *lens, unsigned int n)
{
    uint16_t mask = ring->size - 1;

    for (unsigned int i = 0; i < n; i++) {
        struct vring_used_elem *elem;

        elem = &ring->split.used->ring[(ring->next_used + i) & mask];
        elem->id = bufs[i].id;
        elem->len = lens ? lens[i] : 0;
    }
    ring->next_avail += n;
    ring->next_used += n;
    __atomic_store_n(&ring->split.used->idx, ring->next_used,
                     __ATOMIC_RELEASE);
}

/* Packed rings: virtio 1.1, section 2.7. */

/* Returns the position that is one after 'pos'. */
static inline uint16_t
packed_next(const struct dpdk_vdpa_ring *ring, uint16_t pos)
{
    pos++;
    return (pos & ~WRAP) == ring->size ? (pos & WRAP) ^ WRAP : pos;
}

/* As split_peek(). */
static inline unsigned int
packed_peek(struct dpdk_vdpa_ring *ring, uint16_t want, struct buffer *bufs,
            unsigned int max)
{
    uint16_t pos = ring->next_avail;

    for (unsigned int i = 0; i < max; i++) {
        struct vring_packed_desc *desc = &ring->packed.desc[pos & ~WRAP];
        uint16_t ready = pos & WRAP ? PACKED_AVAIL : PACKED_USED;
        uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);

        if ((flags & (PACKED_AVAIL | PACKED_USED)) != ready) {
            return i;
        }
        bufs[i].id = READ_ONCE(desc->id);
        if (OVS_UNLIKELY(!ring_take(ring, flags, want, READ_ONCE(desc->addr),
                                    READ_ONCE(desc->len), &bufs[i]))) {
            ring->unusual = true;
            return i;
        }
        buffer_prefetch(&bufs[i], want);
        pos = packed_next(ring, pos);
    }
    return max;
}

/* As split_give_back().  The guest looks at one descriptor after the other, so
 * that the first one is written last. */
static inline void
packed_give_back(struct dpdk_vdpa_ring *ring, const struct buffer *bufs,
                 const uint32_t *lens, unsigned int n)
{
    uint16_t pos = ring->next_used;
    uint64_t *first_to = NULL;
    uint64_t first = 0;

    for (unsigned int i = 0; i < n; i++) {
        struct vring_packed_desc *desc = &ring->packed.desc[pos & ~WRAP];
        uint64_t *to = ALIGNED_CAST(uint64_t *, &desc->len);
        uint64_t flags = pos & WRAP ? PACKED_AVAIL | PACKED_USED : 0;
        uint64_t used;

        BUILD_ASSERT_DECL(offsetof(struct vring_packed_desc, len) == 8
                          && offsetof(struct vring_packed_desc, id) == 12
                          && offsetof(struct vring_packed_desc, flags) == 14);
        if (lens) {
            flags |= VRING_DESC_F_WRITE;
        }
        used = (lens ? lens[i] : 0) | (uint64_t) bufs[i].id << 32
               | flags << 48;
        if (!i) {
            first = used;
            first_to = to;
        } else {
            __atomic_store_n(to, used, __ATOMIC_RELAXED);
        }
        pos = packed_next(ring, pos);
    }
    ring->next_avail = ring->next_used = pos;
    __atomic_store_n(first_to, first, __ATOMIC_RELEASE);
}

/* Either kind. */

static inline unsigned int
ring_peek(struct dpdk_vdpa_ring *ring, uint16_t want, struct buffer *bufs,
          unsigned int max)
{
    ring->unusual = false;
    max = MIN(max, DPDK_VDPA_RING_BURST);
    return (ring->is_packed ? packed_peek(ring, want, bufs, max)
            : split_peek(ring, want, bufs, max));
}

static inline void
ring_give_back(struct dpdk_vdpa_ring *ring, const struct buffer *bufs,
               const uint32_t *lens, unsigned int n)
{
    if (ring->is_packed) {
        packed_give_back(ring, bufs, lens, n);
    } else {
        split_give_back(ring, bufs, lens, n);
    }
}

/* Returns how many of the 'n' buffers, from the first, have a packet of at
 * most 'max_len' bytes behind a header that asks for nothing. */
static inline unsigned int
ring_check_packets(struct dpdk_vdpa_ring *ring, const struct buffer *bufs,
                   unsigned int n, uint32_t max_len)
{
    for (unsigned int i = 0; i < n; i++) {
        /* Bytes, as a guest may put its buffers at any address. */
        const uint8_t *flags = bufs[i].data + offsetof(struct virtio_net_hdr,
                                                       flags);
        const uint8_t *gso_type
            = bufs[i].data + offsetof(struct virtio_net_hdr, gso_type);
        uint32_t len = bufs[i].len - ring->header_len;

        if (OVS_UNLIKELY(READ_ONCE(*flags) | READ_ONCE(*gso_type)
                         || !len || len > max_len)) {
            ring->unusual = true;
            return i;
        }
    }
    return n;
}

/* Makes 'mbuf', fresh from its mempool, a packet of 'len' bytes at 'data'.
 * An mbuf in a mempool has one reference and one segment, as DPDK has it. */
static inline void
mbuf_fill(struct rte_mbuf *mbuf, const uint8_t *data, uint32_t len)
{
    mbuf->data_off = RTE_PKTMBUF_HEADROOM;
    mbuf->port = RTE_MBUF_PORT_INVALID;
    mbuf->ol_flags = 0;
    mbuf->packet_type = 0;
    mbuf->pkt_len = len;
    mbuf->data_len = len;
    rte_memcpy(rte_pktmbuf_mtod(mbuf, void *), data, len);
}

uint16_t
dpdk_vdpa_ring_recv(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
                    struct rte_mbuf **pkts, uint16_t max)
{
    struct buffer bufs[DPDK_VDPA_RING_BURST];
    unsigned int n = ring_peek(ring, 0, bufs, max);
    uint32_t max_len;

    if (!n) {
        return 0;
    }
    max_len = rte_pktmbuf_data_room_size(mp) - RTE_PKTMBUF_HEADROOM;
    n = ring_check_packets(ring, bufs, n, max_len);
    if (!n) {
        return 0;
    }
    if (OVS_UNLIKELY(rte_mempool_get_bulk(mp, (void **) pkts, n))) {
        ring->unusual = true;   /* There may be less than 'n'. */
        return 0;
    }

    for (unsigned int i = 0; i < n; i++) {
        if (i + 4 < n) {
            rte_prefetch0(pkts[i + 4]);
            rte_prefetch0((uint8_t *) pkts[i + 4] + sizeof(struct rte_mbuf)
                          + RTE_PKTMBUF_HEADROOM);
        }
        mbuf_fill(pkts[i], bufs[i].data + ring->header_len,
                  bufs[i].len - ring->header_len);
    }
    ring_give_back(ring, bufs, NULL, n);
    return n;
}

/* Returns true if 'pkt' is in one mbuf and nothing is to be said of it. */
static inline bool
is_plain(const struct rte_mbuf *pkt)
{
    return (pkt->nb_segs == 1
            && !(pkt->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK));
}

/* Writes 'pkt' behind an empty header to 'data'. */
static inline void
buffer_fill(uint8_t *data, unsigned int header_len, const struct rte_mbuf *pkt)
{
    memset(data, 0, sizeof(struct virtio_net_hdr));
    if (header_len > sizeof(struct virtio_net_hdr)) {
        uint16_t num_buffers = 1;

        memcpy(data + offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers),
               &num_buffers, sizeof num_buffers);
    }
    rte_memcpy(data + header_len, rte_pktmbuf_mtod(pkt, const void *),
               pkt->data_len);
}

uint16_t
dpdk_vdpa_ring_send(struct dpdk_vdpa_ring *ring, struct rte_mbuf **pkts,
                    uint16_t max)
{
    struct buffer bufs[DPDK_VDPA_RING_BURST];
    uint32_t lens[DPDK_VDPA_RING_BURST];
    unsigned int n = ring_peek(ring, VRING_DESC_F_WRITE, bufs, max);

    for (unsigned int i = 0; i < n; i++) {
        lens[i] = ring->header_len + pkts[i]->pkt_len;
        if (OVS_UNLIKELY(!is_plain(pkts[i]) || lens[i] > bufs[i].len)) {
            ring->unusual = true;
            n = i;
            break;
        }
        rte_prefetch0(rte_pktmbuf_mtod(pkts[i], const void *));
    }
    if (!n) {
        return 0;
    }

    for (unsigned int i = 0; i < n; i++) {
        buffer_fill(bufs[i].data, ring->header_len, pkts[i]);
    }
    ring_give_back(ring, bufs, lens, n);
    return n;
}

/* Interrupts. */

/* Returns true if 'event' is among the positions from 'old' to before 'new',
 * all of them modulo 2^16. */
static bool
event_is_between(uint16_t event, uint16_t old, uint16_t new)
{
    return (uint16_t) (new - event - 1) < (uint16_t) (new - old);
}

static bool
split_wants_call(const struct dpdk_vdpa_ring *ring, uint16_t old)
{
    const struct vring_avail *avail = ring->split.avail;

    return (ring->event_idx
            ? event_is_between(READ_ONCE(avail->ring[ring->size]), old,
                               ring->next_used)
            : !(READ_ONCE(avail->flags) & VRING_AVAIL_F_NO_INTERRUPT));
}

/* Returns position 'pos' of a packed ring as a number that grows as the ring
 * is processed, from that of 'origin', an earlier one or one at most a round
 * ahead. */
static uint16_t
packed_unroll(const struct dpdk_vdpa_ring *ring, uint16_t pos, uint16_t origin)
{
    return (pos & ~WRAP) + ((pos ^ origin) & WRAP ? ring->size : 0);
}

static bool
packed_wants_call(const struct dpdk_vdpa_ring *ring, uint16_t old)
{
    uint16_t flags = __atomic_load_n(&ring->packed.driver_event->flags,
                                     __ATOMIC_ACQUIRE);
    uint16_t event, from, to;

    if (flags != VRING_PACKED_EVENT_FLAG_DESC || !ring->event_idx) {
        return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
    }

    event = packed_unroll(ring,
                          READ_ONCE(ring->packed.driver_event->off_wrap), old);
    from = old & ~WRAP;
    to = packed_unroll(ring, ring->next_used, old);
    return event >= from && event < to;
}

bool
dpdk_vdpa_ring_wants_call(const struct dpdk_vdpa_ring *ring, uint16_t old)
{
    /* The guest sets what it wants, and then looks whether there is more. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return (ring->is_packed ? packed_wants_call(ring, old)
            : split_wants_call(ring, old));
}
