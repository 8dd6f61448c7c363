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

#include "vhost/lending.h"

#include <rte_config.h>
#include <rte_mbuf.h>

#include "util.h"
#include "vhost/ahead.h"
#include "vhost/buffers-private.h"
#include "vhost/chain-private.h"
#include "vhost/lend.h"
#include "vhost/ring.h"

/* Headers. */

/* Says in 'pkt', the beginning of a packet, what 'hdr' asks for.  Returns
 * false if that is not for a VF to do: who does it has to have all of the
 * packet. */
static inline bool
head_describe(struct rte_mbuf *pkt, const struct virtio_net_hdr *hdr,
              uint64_t features)
{
    const uint64_t for_vf = RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG;

    if (hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE
        && !(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
        return true;
    }
    pkt->tx_offload = 0;
    return (dpdk_vdpa_packet_describe(pkt, hdr, features)
            && pkt->ol_flags & for_vf);
}

/* Returns true if 'mp' has mbufs with room for the beginning of a packet. */
static inline bool
has_room_for_head(struct rte_mempool *mp)
{
    return (rte_pktmbuf_data_room_size(mp)
            >= RTE_PKTMBUF_HEADROOM + DPDK_VDPA_LENDING_HEAD);
}

/* Returns the address by which devices know 'data'. */
static inline rte_iova_t
data_iova(const struct dpdk_vdpa_lend *lend, const uint8_t *data)
{
    return lend->iova_is_va ? (uintptr_t) data : RTE_BAD_IOVA;
}

/* Packets that are the rule, each in one buffer of one descriptor. */

/* Says in the 'n' packets, or beginnings of packets that are longer than
 * 'copy_max', what the headers in front of them ask for.  Returns how many,
 * which may be less: of the next one, more than that has to be looked at. */
static unsigned int __rte_noinline
whole_describe(struct dpdk_vdpa_ring *ring, const struct buffer *bufs,
               struct rte_mbuf **pkts, unsigned int n, uint32_t copy_max)
{
    for (unsigned int i = 0; i < n; i++) {
        struct virtio_net_hdr hdr;

        if (bufs[i].len) {
            memcpy(&hdr, bufs[i].data, sizeof hdr);
            hdr.gso_type = VIRTIO_NET_HDR_GSO_NONE;
            if (!head_describe(pkts[i], &hdr, ring->features)
                && bufs[i].len > copy_max) {
                ring->unusual = true;
                return i;
            }
        }
    }
    return n;
}

/* Returns how many of the 'n' packets in 'bufs' are no longer than
 * 'copy_max'. */
static inline unsigned int
count_short(const struct buffer *bufs, unsigned int n, uint32_t copy_max)
{
    unsigned int n_short = 0;

    for (unsigned int i = 0; i < n; i++) {
        n_short += bufs[i].len <= copy_max;
    }
    return n_short;
}

/* Copies into mbufs of 'mp' those of the 'n' packets in 'bufs' that are no
 * longer than 'copy_max', and of the others the beginning if 'heads' is true.
 * Returns false if there are no mbufs. */
static inline bool
whole_copy(const struct dpdk_vdpa_ring *ring, struct rte_mempool *mp,
           const struct buffer *bufs, struct rte_mbuf **pkts, unsigned int n,
           uint32_t copy_max, bool heads)
{
    unsigned int left = heads ? n : count_short(bufs, n, copy_max);

    if (!left) {
        return true;
    }
    if (OVS_UNLIKELY(rte_mempool_get_bulk(mp, (void **) pkts, left))) {
        return false;
    }
    while (n--) {
        const uint8_t *data = bufs[n].data + ring->header_len;

        if (bufs[n].len <= copy_max) {
            pkts[n] = pkts[--left];
            mbuf_fill(pkts[n], data, bufs[n].len);
        } else if (heads) {
            pkts[n] = pkts[--left];
            mbuf_init(pkts[n], DPDK_VDPA_LENDING_HEAD);
            memcpy(rte_pktmbuf_mtod(pkts[n], void *), data,
                   DPDK_VDPA_LENDING_HEAD);
        }
    }
    return true;
}

/* The 'n' buffers at 'bufs' have been taken, and wait in 'lend'.  Makes of
 * those that are longer than 'copy_max' a packet in 'pkts' each, if 'heads' is
 * true of what is there already. */
static inline void
whole_enter(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_lend *lend,
            struct rte_mempool *mp, const struct buffer *bufs,
            struct rte_mbuf **pkts, unsigned int n, uint32_t copy_max,
            bool heads)
{
    uint32_t head_len = heads ? DPDK_VDPA_LENDING_HEAD : 0;
    struct dpdk_vdpa_lend local = *lend;
    bool is_packed = ring->is_packed;

    for (unsigned int i = 0; i < n; i++) {
        const uint8_t *data = bufs[i].data + ring->header_len + head_len;
        bool is_short = bufs[i].len <= copy_max;
        struct rte_mbuf *seg;

        dpdk_vdpa_lend_push(&local, bufs[i].id, is_packed, 1, !is_short);
        if (is_short) {
            continue;
        }
        seg = dpdk_vdpa_lend_segment(&local, mp, data, bufs[i].len - head_len,
                                     data_iova(&local, data));
        if (heads) {
            pkts[i]->next = seg;
            pkts[i]->nb_segs = 2;
            pkts[i]->pkt_len = bufs[i].len;
        } else {
            pkts[i] = seg;
        }
        local.n_lent++;
    }
    *lend = local;
    if (is_packed) {
        ring->next_avail = packed_advance(ring->next_avail, n, ring->size);
    } else {
        ring->next_avail += n;
    }
}

/* Takes at most 'max' packets that are the rule, 'max' being no more than
 * there is room for in 'lend'.  Headers are copied if a packet asks for
 * something. */
static unsigned int __rte_noinline
whole_recv(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_lend *lend,
           struct rte_mempool *mp, struct rte_mbuf **pkts, unsigned int max)
{
    uint32_t room = rte_pktmbuf_data_room_size(mp) - RTE_PKTMBUF_HEADROOM;
    struct buffer bufs[DPDK_VDPA_RING_BURST];
    bool lends = (lend->max_segs >= 2 && has_room_for_head(mp)
                  && lend->n_spare >= max);
    uint32_t copy_max = lends ? DPDK_VDPA_RING_SHORT : room;
    unsigned int n = ring_peek(ring, false, bufs, max);
    unsigned int n_back = 0;
    uint16_t asks;

    n = buffers_check(ring, bufs, n, lends ? MAX_PACKET_LEN - 1 : room, &asks);
    if (!n) {
        return 0;
    }
    if (OVS_UNLIKELY(!whole_copy(ring, mp, bufs, pkts, n, copy_max, asks))) {
        ring->unusual = true;
        return 0;
    }
    if (OVS_UNLIKELY(asks)) {
        unsigned int n_got = n;

        n = whole_describe(ring, bufs, pkts, n, copy_max);
        rte_pktmbuf_free_bulk(&pkts[n], n_got - n);
    }
    while (!lend->n && n_back < n && bufs[n_back].len <= copy_max) {
        n_back++;
    }
    if (n_back) {
        ring_give_back(ring, false, bufs, n_back);
    }
    if (n > n_back) {
        whole_enter(ring, lend, mp, &bufs[n_back], &pkts[n_back], n - n_back,
                    copy_max, asks);
    }
    return n;
}

/* Returns true if the next packet that the guest offers, if any, is in one
 * descriptor, as far as that can be told at a glance. */
static inline bool
next_is_whole(const struct dpdk_vdpa_ring *ring)
{
    uint16_t pos = ring->next_avail, id;

    if (ring->is_packed) {
        return is_whole(READ_ONCE(ring->packed.desc[pos & ~WRAP].flags),
                        false);
    }
    id = READ_ONCE(ring->split.avail->ring[pos & (ring->size - 1)]);
    return (id < ring->size
            && is_whole(READ_ONCE(ring->split.desc[id].flags), false));
}

/* A burst of whole_recv(), if there is room in 'lend' for one more buffer. */
static unsigned int
wholes_recv(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_lend *lend,
            struct rte_mempool *mp, struct rte_mbuf **pkts, unsigned int max)
{
    unsigned int n = 0;
    unsigned int want, got;

    max = MIN(max, MIN(lend->n_max - lend->n_descs, DPDK_VDPA_RING_BURST));
    if (!ring->is_packed) {
        return whole_recv(ring, lend, mp, pkts, max);
    }
    do {
        want = MIN(max - n, PACKED_WALK);
        got = whole_recv(ring, lend, mp, &pkts[n], want);
        n += got;
    } while (n < max && packed_goes_on(ring, got, want));
    return n;
}

/* Packets in chains of descriptors. */

/* Mbufs for the beginnings of packets. */
struct heads {
    struct rte_mbuf *mbufs[DPDK_VDPA_AHEAD];
    unsigned int n;
};

/* Sees to it that there is one at least.  Returns false if there are none. */
static inline bool
heads_fill(struct heads *heads, struct rte_mempool *mp)
{
    if (!heads->n
        && !rte_mempool_get_bulk(mp, (void **) heads->mbufs,
                                 ARRAY_SIZE(heads->mbufs))) {
        heads->n = ARRAY_SIZE(heads->mbufs);
    }
    return heads->n;
}

/* What is left of parts of the guest's memory. */
struct rest {
    const struct part *part;
    uint32_t ofs;               /* In the first one, less than its length. */
};

/* Copies the first 'len' bytes of what is left, which is more, to 'to'. */
static inline void
rest_pull(struct rest *rest, uint8_t *to, uint32_t len)
{
    while (OVS_UNLIKELY(rest->part->len - rest->ofs <= len)) {
        uint32_t n = rest->part->len - rest->ofs;

        memcpy(to, rest->part->data + rest->ofs, n);
        to += n;
        len -= n;
        rest->part++;
        rest->ofs = 0;
    }
    memcpy(to, rest->part->data + rest->ofs, len);
    rest->ofs += len;
}

/* Returns how many parts of 'chain' have something beyond the first 'len'
 * bytes, of which it has more. */
static inline unsigned int
count_beyond(const struct chain *chain, uint32_t len)
{
    unsigned int i = 0;

    for (; OVS_UNLIKELY(chain->parts[i].len <= len); i++) {
        len -= chain->parts[i].len;
    }
    return chain->n - i;
}

/* Appends what is in 'rest' and the 'n' - 1 parts behind it to 'head', as
 * segments of the buffer that has just entered. */
static inline void
head_append(struct rte_mbuf *head, struct dpdk_vdpa_lend *lend,
            struct rte_mempool *mp, const struct rest *rest, unsigned int n)
{
    const struct part *part = rest->part;
    uint32_t ofs = rest->ofs;
    struct rte_mbuf *last = head;

    for (unsigned int i = 0; i < n; i++, part++) {
        const uint8_t *data = part->data + ofs;

        last->next = dpdk_vdpa_lend_segment(lend, mp, data, part->len - ofs,
                                            data_iova(lend, data));
        last = last->next;
        ofs = 0;
    }
    head->nb_segs = n + 1;
}

/* The guest's buffer 'chain' has been taken, and waits in 'lend' for its turn
 * to go back. */
static void
chain_enter(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_lend *lend,
            const struct chain *chain, unsigned int n_descs,
            unsigned int n_segs)
{
    if (ring->is_packed) {
        ring->next_avail = packed_advance(ring->next_avail, chain->n_slots,
                                          ring->size);
    } else {
        ring->next_avail++;
    }
    dpdk_vdpa_lend_push(lend, chain->id, chain->n_slots, n_descs, n_segs);
}

/* Returns the packet in 'chain', with all but its beginning in the guest's
 * memory, which takes 'n_descs' descriptors, or null if it is to be copied. */
static struct rte_mbuf *
chain_lend(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_lend *lend,
           struct rte_mempool *mp, struct chain *chain, unsigned int n_descs,
           struct heads *heads)
{
    uint8_t header[sizeof(struct virtio_net_hdr_mrg_rxbuf)];
    struct rest rest = { .part = chain->parts };
    struct virtio_net_hdr hdr;
    struct rte_mbuf *head;
    unsigned int n;

    if (chain->len <= ring->header_len + DPDK_VDPA_RING_SHORT
        || chain->len - ring->header_len >= MAX_PACKET_LEN
        || !has_room_for_head(mp)) {
        return NULL;
    }
    n = count_beyond(chain, ring->header_len + DPDK_VDPA_LENDING_HEAD);
    if (n >= MIN(lend->max_segs, DPDK_VDPA_LEND_MAX_SEGS)
        || n > lend->n_spare || !heads_fill(heads, mp)) {
        return NULL;
    }
    head = heads->mbufs[heads->n - 1];
    mbuf_init(head, DPDK_VDPA_LENDING_HEAD);
    rest_pull(&rest, header, ring->header_len);
    memcpy(&hdr, header, sizeof hdr);
    rest_pull(&rest, rte_pktmbuf_mtod(head, uint8_t *),
              DPDK_VDPA_LENDING_HEAD);
    if (!head_describe(head, &hdr, ring->features)) {
        return NULL;
    }
    heads->n--;
    chain_enter(ring, lend, chain, n_descs, n);
    head_append(head, lend, mp, &rest, n);
    head->pkt_len = chain->len - ring->header_len;
    lend->n_lent++;
    return head;
}

/* Returns how many descriptors of the ring 'chain' keeps away, of a split ring
 * as the guest has it now: it is a matter of how much may be lent. */
static unsigned int
chain_n_descs(const struct dpdk_vdpa_ring *ring, const struct chain *chain)
{
    if (ring->is_packed) {
        return chain->n_slots;
    }
    return (READ_ONCE(ring->split.desc[chain->id].flags)
            & VRING_DESC_F_INDIRECT ? 1 : MAX(chain->n + chain->n_more, 1));
}

/* Takes the packet in 'chain', lent if it can be, as chain_take().  What was
 * copied goes back at once only if nothing has to before it. */
static unsigned int
chain_take_or_lend(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_lend *lend,
                   struct rte_mempool *mp, struct chain *chain,
                   struct heads *heads, struct rte_mbuf **pkts,
                   unsigned int max, bool *donep)
{
    unsigned int n_descs = chain_n_descs(ring, chain);
    bool has_room = dpdk_vdpa_lend_has_room(lend, n_descs);
    unsigned int n;

    *donep = has_room || !lend->n;
    if (!*donep) {
        return 0;
    }
    pkts[0] = (has_room ? chain_lend(ring, lend, mp, chain, n_descs, heads)
               : NULL);
    if (pkts[0]) {
        ring->n_cut = 0;
        return 1;
    }
    n = chain_take(ring, mp, chain, pkts, max, donep);
    if (*donep && lend->n) {
        chain_enter(ring, lend, chain, n_descs, 0);
    } else if (*donep) {
        chain_return(ring, chain, false);
    }
    return n;
}

static unsigned int
chains_recv(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_lend *lend,
            struct rte_mempool *mp, struct rte_mbuf **pkts, unsigned int max)
{
    uint64_t bytes_left = max_bytes(ring, mp, max);
    uint16_t first = ring->next_used;
    unsigned int n_chains = 0, n_slots = 0;
    struct heads heads = { .n = 0 };
    struct chain chain;
    unsigned int n = 0;

    ring->unusual = false;
    while (n < max) {
        bool done;

        if (!(n_chains++ % DPDK_VDPA_AHEAD)) {
            dpdk_vdpa_ahead_fetch(ring);
        }
        if (!chain_read(ring, &chain, &ring->unusual)) {
            break;
        }
        n_slots += chain.n_slots;
        if (n_slots > ring->size) {
            break;
        }
        n += chain_take_or_lend(ring, lend, mp, &chain, &heads, &pkts[n],
                                max - n, &done);
        if (!done || chain.len > bytes_left) {
            break;
        }
        bytes_left -= chain.len;
    }
    rte_pktmbuf_free_bulk(heads.mbufs, heads.n);
    if (ring->next_used != first) {
        chains_publish(ring);
    }
    return n;
}

uint16_t
dpdk_vdpa_lending_recv(struct dpdk_vdpa_ring *ring,
                       struct dpdk_vdpa_lend *lend, struct rte_mempool *mp,
                       struct rte_mbuf **pkts, uint16_t max)
{
    ring->unusual = false;
    if (ring_is_empty(ring)) {
        return 0;
    }
    if (OVS_LIKELY(next_is_whole(ring) && dpdk_vdpa_lend_has_room(lend, 1))) {
        uint16_t n = wholes_recv(ring, lend, mp, pkts, max);

        if (OVS_LIKELY(n || !ring->unusual)) {
            ring->unusual = false;      /* The next look finds it again. */
            return n;
        }
    }
    return chains_recv(ring, lend, mp, pkts, max);
}

/* Giving back. */

/* Gives back buffers that each take one slot of a packed ring, in one go: at
 * most 'max', from the oldest one on.  Returns how many. */
static unsigned int
give_back_wholes(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_lend *lend,
                 unsigned int max)
{
    struct buffer bufs[DPDK_VDPA_RING_BURST];
    struct dpdk_vdpa_lend local = *lend;
    bool is_packed = ring->is_packed;
    unsigned int n = 0;

    max = MIN(max, DPDK_VDPA_RING_BURST);
    if (is_packed) {
        max = MIN(max, ring->size - (ring->next_used & ~WRAP));
    }
    while (n < max) {
        const struct dpdk_vdpa_lent *lent = dpdk_vdpa_lend_first(&local);

        if (is_packed && lent->n_slots != 1) {
            break;
        }
        bufs[n++].id = lent->id;
        dpdk_vdpa_lend_pop(&local);
    }
    *lend = local;
    if (n) {
        ring_give_back(ring, false, bufs, n);
    }
    return n;
}

/* Gives back the oldest buffer, of several slots of a packed ring. */
static void
give_back_chain(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_lend *lend)
{
    const struct dpdk_vdpa_lent *lent = dpdk_vdpa_lend_first(lend);
    struct chain chain;

    chain.id = lent->id;
    chain.n_slots = lent->n_slots;
    packed_return(ring, &chain, false);
    dpdk_vdpa_lend_pop(lend);
}

bool
dpdk_vdpa_lending_take_back(struct dpdk_vdpa_ring *ring,
                            struct dpdk_vdpa_lend *lend)
{
    unsigned int left = dpdk_vdpa_lend_n_free(lend);
    uint16_t next_avail = ring->next_avail;

    if (!left) {
        return false;
    }
    while (left) {
        unsigned int n = give_back_wholes(ring, lend, left);

        if (!n) {
            give_back_chain(ring, lend);
            n = 1;
        }
        left -= n;
    }
    ring->next_avail = next_avail;
    return true;
}
