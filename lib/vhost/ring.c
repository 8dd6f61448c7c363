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

#include <rte_config.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <rte_prefetch.h>

#include "base/packet.h"
#include "util.h"
#include "vhost/buffers-private.h"
#include "vhost/ring-private.h"

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

/* From a guest. */

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

static unsigned int __rte_noinline
ring_recv(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
          struct rte_mbuf **pkts, unsigned int max)
{
    uint32_t room = rte_pktmbuf_data_room_size(mp) - RTE_PKTMBUF_HEADROOM;
    struct buffer bufs[DPDK_VDPA_RING_BURST];
    unsigned int n = ring_peek(ring, false, bufs, max);
    uint16_t asks;

    n = buffers_check(ring, bufs, n, room, &asks);
    if (!n) {
        return 0;
    }
    if (OVS_UNLIKELY(rte_mempool_get_bulk(mp, (void **) pkts, n))) {
        ring->unusual = true;   /* There may be less than 'n'. */
        return 0;
    }

    for (unsigned int i = 0; i < n; i++) {
        mbuf_fill(pkts[i], bufs[i].data + ring->header_len, bufs[i].len);
    }
    if (OVS_UNLIKELY(asks)) {
        describe(ring, bufs, pkts, n);
    }
    ring_give_back(ring, false, bufs, n);
    return n;
}

uint16_t
dpdk_vdpa_ring_recv(struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
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
        return ring_recv(ring, mp, pkts, max);
    }
    do {
        want = MIN(max - n, PACKED_WALK);
        got = ring_recv(ring, mp, pkts + n, want);
        n += got;
    } while (n < max && packed_goes_on(ring, got, want));
    return n;
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
