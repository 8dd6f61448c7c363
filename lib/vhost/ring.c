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

#include "vhost/ring.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stddef.h>

#include <rte_config.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <rte_prefetch.h>

#include "base/packet.h"
#include "unaligned.h"
#include "util.h"
#include "vhost/notes.h"
#include "vhost/ring-private.h"

/* Descriptors of a packed ring to walk over at once: two cache lines. */
#define PACKED_WALK 8

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
    ring->features = features;
    ring->is_packed = features & (1ULL << VIRTIO_F_RING_PACKED);
    ring->event_idx = features & (1ULL << VIRTIO_RING_F_EVENT_IDX);
    ring->in_order = features & (1ULL << VIRTIO_F_IN_ORDER);
    ring->mergeable = features & (1ULL << VIRTIO_NET_F_MRG_RXBUF);
    ring->header_len = (long_header ? sizeof(struct virtio_net_hdr_mrg_rxbuf)
                        : sizeof(struct virtio_net_hdr));
}

/* Buffers.
 *
 * What is inlined here, and kept in local variables, is so because a packet of
 * 64 bytes should take no more than some 25 cycles.  "make check-perf" counts
 * the instructions. */

bool __rte_noinline
dpdk_vdpa_ring_find_region(struct dpdk_vdpa_ring *ring, uint64_t addr)
{
    for (unsigned int i = 0; i < ring->memory->n; i++) {
        const struct dpdk_vdpa_region *region = &ring->memory->regions[i];

        if (addr - region->start < region->size) {
            ring->region = region;
            return true;
        }
    }
    return false;
}

/* Makes '*buf' the 'len' bytes at 'addr' of the guest's memory, which may be
 * in '*region', a copy of 'ring->region', or elsewhere.  They are about to be
 * written if 'write' is true, else to be read.  Returns false if there is no
 * such buffer, or it is to be written and has no room for a header. */
static __rte_always_inline bool
buffer_set(struct buffer *buf, struct dpdk_vdpa_ring *ring,
           struct dpdk_vdpa_region *region, uint64_t addr, uint32_t len,
           bool write)
{
    uint64_t ofs = addr - region->start;

    if (OVS_UNLIKELY(ofs >= region->size || len > region->size - ofs)) {
        uint32_t there = len;

        if (!ring_memory_at(ring, addr, &there) || there < len) {
            return false;
        }
        *region = *ring->region;
    }
    buf->data = (uint8_t *) (uintptr_t) (addr + region->offset);
    buf->len = len;
    if (write) {
        prefetch_to_write(buf->data);
        prefetch_to_write(buf->data + CACHE_LINE_SIZE);
    } else {
        rte_prefetch0(buf->data);
        rte_prefetch0(buf->data + CACHE_LINE_SIZE);
    }
    return !write || len >= ring->header_len;
}

/* Returns true if a descriptor with these VRING_DESC_F_* flags is a whole
 * buffer, to be written if 'write' is true. */
static __rte_always_inline bool
is_whole(uint16_t flags, bool write)
{
    return (flags & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE
                     | VRING_DESC_F_INDIRECT))
           == (write ? VRING_DESC_F_WRITE : 0);
}

/* Split rings: virtio 1.1, section 2.6. */

/* Makes buffers of at most 'max' descriptors that the guest has made
 * available.  Returns how many; 'ring->unusual' says why no more. */
static __rte_always_inline unsigned int
split_peek(struct dpdk_vdpa_ring *ring, bool write, struct buffer *bufs,
           unsigned int max)
{
    const struct vring_avail *avail = ring->split.avail;
    const struct vring_desc *descs = ring->split.desc;
    uint16_t slot = ring->next_avail;
    uint16_t size = ring->size;
    struct dpdk_vdpa_region region;
    unsigned int n;

    /* Two lines that the guest has just written: fetch both at once. */
    rte_prefetch0(&avail->ring[slot & (size - 1)]);
    n = (uint16_t) (__atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE) - slot);
    if (!n) {
        return 0;
    }
    if (OVS_UNLIKELY(n > size)) {
        ring->unusual = true;
        return 0;
    }

    n = MIN(n, max);
    for (unsigned int i = 0; i < n; i++) {
        uint16_t id = READ_ONCE(avail->ring[slot++ & (size - 1)]);

        if (OVS_UNLIKELY(id >= size)) {
            ring->unusual = true;
            n = i;
            break;
        }
        bufs[i].id = id;
        rte_prefetch0(&descs[id]);
    }
    region = *ring->region;
    for (unsigned int i = 0; i < n; i++) {
        const struct vring_desc *desc = &descs[bufs[i].id];

        if (OVS_UNLIKELY(!is_whole(READ_ONCE(desc->flags), write)
                         || !buffer_set(&bufs[i], ring, &region,
                                        READ_ONCE(desc->addr),
                                        READ_ONCE(desc->len), write))) {
            ring->unusual = true;
            return i;
        }
    }
    return n;
}

/* Gives 'n' buffers back to the guest.  If 'write' is true, they were written
 * as far as they now say. */
static __rte_always_inline void
split_give_back(struct dpdk_vdpa_ring *ring, bool write,
                const struct buffer *bufs, unsigned int n)
{
    struct vring_used *used = ring->split.used;
    uint16_t mask = ring->size - 1;
    uint16_t slot = ring->next_used;

    for (unsigned int i = 0; i < n; i++) {
        struct vring_used_elem *elem = &used->ring[slot++ & mask];

        elem->id = bufs[i].id;
        elem->len = write ? bufs[i].len : 0;
    }
    ring->next_avail += n;
    ring->next_used = slot;
    __atomic_store_n(&used->idx, slot, __ATOMIC_RELEASE);
}

/* Packed rings: virtio 1.1, section 2.7. */

/* Returns true if the guest offers descriptor 'pos'. */
static __rte_always_inline bool
packed_is_avail(const struct dpdk_vdpa_ring *ring, uint16_t pos)
{
    uint16_t flags = READ_ONCE(ring->packed.desc[pos & ~WRAP].flags);

    return packed_flags_are_avail(flags, pos);
}

/* As split_peek(), but no further than to the end of the ring, where the wrap
 * counter changes. */
static __rte_always_inline unsigned int
packed_peek(struct dpdk_vdpa_ring *ring, bool write, struct buffer *bufs,
            unsigned int max)
{
    unsigned int first = ring->next_avail & ~WRAP;
    uint64_t available = ring->next_avail & WRAP ? PACKED_AVAIL : PACKED_USED;
    struct vring_packed_desc *desc = &ring->packed.desc[first];
    struct dpdk_vdpa_region region = *ring->region;

    max = MIN(max, ring->size - first);
    for (unsigned int i = 0; i < max; i++, desc++) {
        uint64_t half = __atomic_load_n(packed_second_half(desc),
                                        __ATOMIC_ACQUIRE);
        uint16_t flags = half >> PACKED_FLAGS_SHIFT;

        if ((flags & (PACKED_AVAIL | PACKED_USED)) != available) {
            return i;
        }
        bufs[i].id = half >> PACKED_ID_SHIFT;
        if (OVS_UNLIKELY(!is_whole(flags, write)
                         || !buffer_set(&bufs[i], ring, &region,
                                        READ_ONCE(desc->addr), half, write))) {
            ring->unusual = true;
            return i;
        }
    }
    rte_prefetch0(desc);        /* For the next walk. */
    rte_prefetch0(desc + 4);
    return max;
}

/* As split_give_back().  Should the process end in the middle of this, the
 * next one finds the first descriptor that is still on offer between the two
 * positions that were noted: so they are written in their order. */
static __rte_always_inline void
packed_give_back(struct dpdk_vdpa_ring *ring, bool write,
                 const struct buffer *bufs, unsigned int n)
{
    uint16_t begin = ring->next_used;
    uint16_t wrap = begin & WRAP;
    unsigned int first = begin & ~WRAP;
    uint16_t end = (first + n < ring->size ? begin + n : wrap ^ WRAP);
    struct vring_packed_desc *descs = &ring->packed.desc[first];
    uint64_t flags = ((wrap ? PACKED_AVAIL | PACKED_USED : 0)
                      | (write ? VRING_DESC_F_WRITE : 0));

    __atomic_store_n(&ring->note->span, dpdk_vdpa_note_span(begin, end),
                     __ATOMIC_RELAXED);
    for (unsigned int i = 0; i < n; i++) {
        __atomic_store_n(packed_second_half(&descs[i]),
                         (flags << PACKED_FLAGS_SHIFT
                          | (uint64_t) bufs[i].id << PACKED_ID_SHIFT
                          | (write ? bufs[i].len : 0)), __ATOMIC_RELEASE);
    }
    ring->next_used = ring->next_avail = end;
}

/* Either kind. */

static __rte_always_inline unsigned int
ring_peek(struct dpdk_vdpa_ring *ring, bool write, struct buffer *bufs,
          unsigned int max)
{
    ring->unusual = false;
    return (ring->is_packed ? packed_peek(ring, write, bufs, max)
            : split_peek(ring, write, bufs, max));
}

static __rte_always_inline void
ring_give_back(struct dpdk_vdpa_ring *ring, bool write,
               const struct buffer *bufs, unsigned int n)
{
    if (ring->is_packed) {
        packed_give_back(ring, write, bufs, n);
    } else {
        split_give_back(ring, write, bufs, n);
    }
}

/* Returns true if the guest has made nothing available. */
static __rte_always_inline bool
ring_is_empty(const struct dpdk_vdpa_ring *ring)
{
    if (ring->is_packed) {
        return !packed_is_avail(ring, ring->next_avail);
    }
    return READ_ONCE(ring->split.avail->idx) == ring->next_avail;
}

/* A burst from or to a packed ring is made of several walks.  The guest may
 * just be writing descriptors, one by one: it keeps ahead of a walk that takes
 * a few at a time, while one that looks for all of them first disturbs it and
 * does not find them.
 *
 * Returns true if it makes sense to go on after a walk that was to find 'want'
 * buffers found 'n': also if it was the end of the ring that ended it. */
static __rte_always_inline bool
packed_goes_on(const struct dpdk_vdpa_ring *ring, unsigned int n,
               unsigned int want)
{
    return (!ring->unusual
            && (n == want || (n && !(ring->next_used & ~WRAP))));
}

/* From a guest. */

/* Returns the flags of the virtio_net_hdr at 'data' and, as the upper byte,
 * its 'gso_type'. */
static __rte_always_inline uint16_t
header_asks(const uint8_t *data)
{
    BUILD_ASSERT(offsetof(struct virtio_net_hdr, flags) == 0
                 && offsetof(struct virtio_net_hdr, gso_type) == 1);

    /* A guest may put its buffers at any address. */
    return get_unaligned_u16((const void *) data);
}

/* Makes 'mbuf', fresh from its mempool, a packet of 'len' bytes at 'data'. */
static __rte_always_inline void
mbuf_fill(struct rte_mbuf *mbuf, const uint8_t *data, uint32_t len)
{
    mbuf->data_off = RTE_PKTMBUF_HEADROOM;
    mbuf->refcnt = 1;           /* As it is, but so this is one store. */
    mbuf->nb_segs = 1;          /* Likewise. */
    mbuf->port = RTE_MBUF_PORT_INVALID;
    mbuf->ol_flags = 0;
    mbuf->packet_type = 0;
    mbuf->pkt_len = len;
    mbuf->data_len = len;
    rte_memcpy(rte_pktmbuf_mtod(mbuf, void *), data, len);
}

/* Says in the 'n' packets what the headers in front of them ask for.  No
 * packet is to be segmented: that has been looked at, and what the guest says
 * of it now does not count. */
static void __rte_noinline
describe(const struct dpdk_vdpa_ring *ring, const struct buffer *bufs,
         struct rte_mbuf **pkts, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        struct virtio_net_hdr hdr;

        if (bufs[i].len) {
            memcpy(&hdr, bufs[i].data, sizeof hdr);
            hdr.gso_type = VIRTIO_NET_HDR_GSO_NONE;
            pkts[i]->tx_offload = 0;
            dpdk_vdpa_packet_describe(pkts[i], &hdr, ring->features);
        }
    }
}

/* Receives packets of at most 'limit' bytes, a constant. */
static __rte_always_inline unsigned int
ring_recv_upto(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
               struct rte_mbuf **pkts, unsigned int max, uint32_t limit)
{
    struct buffer bufs[DPDK_VDPA_RING_BURST];
    unsigned int header_len = ring->header_len;
    unsigned int n = ring_peek(ring, false, bufs, max);
    uint16_t asks = 0;
    uint32_t max_len;

    if (!n) {
        return 0;
    }

    max_len = rte_pktmbuf_data_room_size(mp) - RTE_PKTMBUF_HEADROOM;
    max_len = MIN(max_len, limit);
    for (unsigned int i = 0; i < n; i++) {
        if (OVS_UNLIKELY(bufs[i].len <= header_len)) {
            bufs[i].len = 0;
            continue;
        }
        bufs[i].len -= header_len;
        asks |= header_asks(bufs[i].data);
        if (OVS_UNLIKELY(asks > UINT8_MAX || bufs[i].len > max_len)) {
            ring->unusual = true;
            n = i;
            break;
        }
    }
    if (!n) {
        return 0;
    }
    if (OVS_UNLIKELY(rte_mempool_get_bulk(mp, (void **) pkts, n))) {
        ring->unusual = true;   /* There may be less than 'n'. */
        return 0;
    }

    for (unsigned int i = 0; i < n; i++) {
        mbuf_fill(pkts[i], bufs[i].data + header_len, bufs[i].len);
    }
    if (OVS_UNLIKELY(asks)) {
        describe(ring, bufs, pkts, n);
    }
    ring_give_back(ring, false, bufs, n);
    return n;
}

static unsigned int __rte_noinline
ring_recv(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
          struct rte_mbuf **pkts, unsigned int max)
{
    return ring_recv_upto(ring, mp, pkts, max, UINT32_MAX);
}

static unsigned int __rte_noinline
ring_recv_short(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
                struct rte_mbuf **pkts, unsigned int max)
{
    return ring_recv_upto(ring, mp, pkts, max, DPDK_VDPA_RING_SHORT);
}

/* A burst, in walks of one of these. */
static __rte_always_inline uint16_t
ring_recv_by(unsigned int (*recv)(struct dpdk_vdpa_ring *,
                                  struct rte_mempool *, struct rte_mbuf **,
                                  unsigned int max),
             struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
             struct rte_mbuf **pkts, uint16_t max)
{
    unsigned int n = 0;
    unsigned int want, got;

    /* Before the frame of the function that does the work is set up: an idle
     * port should cost next to nothing. */
    ring->unusual = false;
    if (ring_is_empty(ring)) {
        return 0;
    }
    max = MIN(max, DPDK_VDPA_RING_BURST);
    if (!ring->is_packed) {
        return recv(ring, mp, pkts, max);
    }
    do {
        want = MIN(max - n, PACKED_WALK);
        got = recv(ring, mp, pkts + n, want);
        n += got;
    } while (n < max && packed_goes_on(ring, got, want));
    return n;
}

uint16_t
dpdk_vdpa_ring_recv(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
                    struct rte_mbuf **pkts, uint16_t max)
{
    return ring_recv_by(ring_recv, ring, mp, pkts, max);
}

uint16_t
dpdk_vdpa_ring_recv_short(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
                          struct rte_mbuf **pkts, uint16_t max)
{
    return ring_recv_by(ring_recv_short, ring, mp, pkts, max);
}

/* To a guest. */

/* Writes 'pkt' to 'data', behind a header that is empty, but for the flags
 * 'good' if its checksums are good. */
static __rte_always_inline void
buffer_fill(uint8_t *data, unsigned int header_len, const struct rte_mbuf *pkt,
            uint8_t good)
{
    /* The header in two pieces, the first of which has the flags in its first
     * byte, and the second the number of buffers in its last two. */
    uint64_t first = good && ring_sum_is_good(pkt) ? good : 0;
    uint32_t second = 1 << 16;

    memcpy(data, &first, sizeof first);
    if (OVS_LIKELY(header_len == sizeof(struct virtio_net_hdr_mrg_rxbuf))) {
        memcpy(data + sizeof first, &second, sizeof second);
    } else {
        memset(data + sizeof first, 0, sizeof(uint16_t));
    }
    rte_memcpy(data + header_len, rte_pktmbuf_mtod(pkt, const void *),
               pkt->data_len);
}

static unsigned int
ring_send(struct dpdk_vdpa_ring *ring, struct rte_mbuf **pkts,
          unsigned int max)
{
    struct buffer bufs[DPDK_VDPA_RING_BURST];
    unsigned int header_len = ring->header_len;
    uint8_t good = (ring->features & (1ULL << VIRTIO_NET_F_GUEST_CSUM)
                    ? VIRTIO_NET_HDR_F_DATA_VALID : 0);
    unsigned int n = ring_peek(ring, true, bufs, max);

    for (unsigned int i = 0; i < n; i++) {
        uint32_t len = header_len + pkts[i]->data_len;

        if (OVS_UNLIKELY(!ring_packet_is_plain(pkts[i])
                         || len > bufs[i].len)) {
            ring->unusual = true;
            n = i;
            break;
        }
        bufs[i].len = len;
        rte_prefetch0(rte_pktmbuf_mtod(pkts[i], const void *));
    }
    if (!n) {
        return 0;
    }

    for (unsigned int i = 0; i < n; i++) {
        buffer_fill(bufs[i].data, header_len, pkts[i], good);
    }
    ring_give_back(ring, true, bufs, n);
    return n;
}

uint16_t
dpdk_vdpa_ring_send(struct dpdk_vdpa_ring *ring, struct rte_mbuf **pkts,
                    uint16_t max)
{
    unsigned int n = 0;
    unsigned int want, sent;

    /* Before a burst of buffers is looked at in vain. */
    if (OVS_UNLIKELY(!ring_packet_is_plain(pkts[0]))) {
        ring->unusual = true;
        return 0;
    }
    max = MIN(max, DPDK_VDPA_RING_BURST);
    if (!ring->is_packed) {
        return ring_send(ring, pkts, max);
    }
    do {
        want = MIN(max - n, PACKED_WALK);
        sent = ring_send(ring, pkts + n, want);
        n += sent;
    } while (n < max && packed_goes_on(ring, sent, want));
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
dpdk_vdpa_ring_may_want_call(const struct dpdk_vdpa_ring *ring, uint16_t old)
{
    return (ring->is_packed ? packed_wants_call(ring, old)
            : split_wants_call(ring, old));
}

bool
dpdk_vdpa_ring_wants_call(const struct dpdk_vdpa_ring *ring, uint16_t old)
{
    /* The guest sets what it wants, and then looks whether there is more. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return dpdk_vdpa_ring_may_want_call(ring, old);
}

/* Notifications by the guest. */

/* With an event index, the guest notifies us when it goes past this one. */
static uint16_t *
split_avail_event(struct dpdk_vdpa_ring *ring)
{
    return (uint16_t *) (void *) &ring->split.used->ring[ring->size];
}

void
dpdk_vdpa_ring_suppress_kicks(struct dpdk_vdpa_ring *ring)
{
    if (ring->is_packed) {
        ring->packed.device_event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
    } else if (ring->event_idx) {
        /* What it has passed: it notifies once in 65536 buffers. */
        *split_avail_event(ring) = ring->next_avail - 1;
    } else {
        ring->split.used->flags = VRING_USED_F_NO_NOTIFY;
    }
}

void
dpdk_vdpa_ring_ask_for_kick(struct dpdk_vdpa_ring *ring)
{
    if (ring->is_packed) {
        ring->packed.device_event->flags = VRING_PACKED_EVENT_FLAG_ENABLE;
    } else if (ring->event_idx) {
        *split_avail_event(ring) = ring->next_avail;
    } else {
        ring->split.used->flags = 0;
    }
    /* The guest offers something, and then looks whether we want to know. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* What the guest offers. */

unsigned int
dpdk_vdpa_ring_n_avail(const struct dpdk_vdpa_ring *ring, unsigned int max)
{
    uint16_t pos = ring->next_avail;
    unsigned int n;

    if (!ring->is_packed) {
        n = (uint16_t) (READ_ONCE(ring->split.avail->idx) - pos);
        return MIN(n, max);
    }
    for (n = 0; n < MIN(max, ring->size) && packed_is_avail(ring, pos); n++) {
        pos++;
        if ((pos & ~WRAP) == ring->size) {
            pos = (pos & WRAP) ^ WRAP;
        }
    }
    return n;
}
