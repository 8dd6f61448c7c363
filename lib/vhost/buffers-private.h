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

#ifndef DPDK_VDPA_BUFFERS_PRIVATE_H
#define DPDK_VDPA_BUFFERS_PRIVATE_H 1

/* What those share who take packets that are the rule (vhost/ring.h), each in
 * one buffer of one direct descriptor: vhost/ring.c copies them,
 * vhost/lending.c need not.  Each has these functions for itself: what is
 * inlined here, and kept in local variables, is so because a packet of 64
 * bytes should take no more than some 25 cycles.  "make check-perf" counts the
 * instructions. */

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_config.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <rte_prefetch.h>

#include "unaligned.h"
#include "util.h"
#include "vhost/notes.h"
#include "vhost/ring.h"
#include "vhost/ring-private.h"

/* Descriptors of a packed ring to walk over at once: two cache lines. */
#define PACKED_WALK 8

/* A buffer of the guest's, checked. */
struct buffer {
    uint8_t *data;              /* Where the header is, or goes. */
    uint32_t len;               /* With the header. */
    uint16_t id;                /* What the guest knows it by. */
};

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
            && (n == want || (n && !(ring->next_avail & ~WRAP))));
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

/* Takes the length of the header from those of the 'n' buffers at 'bufs'.
 * Returns how many, from the first one on, are the rule: no longer than
 * 'max_len' without it, and not to be segmented.  '*asksp' says what these ask
 * for. */
static __rte_always_inline unsigned int
buffers_check(struct dpdk_vdpa_ring *ring, struct buffer *bufs, unsigned int n,
              uint32_t max_len, uint16_t *asksp)
{
    unsigned int header_len = ring->header_len;
    uint16_t asks = 0;

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
    *asksp = asks;
    return n;
}

/* Makes 'mbuf', fresh from its mempool, a packet of 'len' bytes, yet to be
 * written. */
static __rte_always_inline void
mbuf_init(struct rte_mbuf *mbuf, uint32_t len)
{
    mbuf->data_off = RTE_PKTMBUF_HEADROOM;
    mbuf->refcnt = 1;           /* As it is, but so this is one store. */
    mbuf->nb_segs = 1;          /* Likewise. */
    mbuf->port = RTE_MBUF_PORT_INVALID;
    mbuf->ol_flags = 0;
    mbuf->packet_type = 0;
    mbuf->pkt_len = len;
    mbuf->data_len = len;
}

/* The same, with what is at 'data'. */
static __rte_always_inline void
mbuf_fill(struct rte_mbuf *mbuf, const uint8_t *data, uint32_t len)
{
    mbuf_init(mbuf, len);
    rte_memcpy(rte_pktmbuf_mtod(mbuf, void *), data, len);
}

#endif /* vhost/buffers-private.h */
