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
#include "vhost/chain-private.h"
#include "vhost/lend.h"
#include "vhost/ring.h"

/* Parts of the guest's that these may lie in: one that has more in them is
 * copied. */
#define MAX_HEAD_PARTS 8

/* Copies the first 'len' bytes of what is left in 'parts', which have more, to
 * 'to', and leaves what follows.  Returns where it goes on. */
static inline struct part *
parts_pull(struct part *part, uint8_t *to, uint32_t len)
{
    for (; OVS_UNLIKELY(part->len <= len); part++) {
        memcpy(to, part->data, part->len);
        to += part->len;
        len -= part->len;
    }
    memcpy(to, part->data, len);
    part->data += len;
    part->len -= len;
    return part;
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

/* Says in 'pkt', the beginning of a packet, what 'hdr' asks for.  Returns
 * false if that is not for a VF to do: who does it has to have all of the
 * packet. */
static inline bool
head_describe(struct rte_mbuf *pkt, const struct virtio_net_hdr *hdr,
              uint64_t features)
{
    const uint64_t for_vf = RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG;
    bool asks = (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE
                 || hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);

    return (!asks || (dpdk_vdpa_packet_describe(pkt, hdr, features)
                      && pkt->ol_flags & for_vf));
}

/* Appends to the first one of the 'n' new mbufs at 'segs' what is in 'part'
 * and in those that follow, as segments of 'lent'. */
static inline void
head_append(struct rte_mbuf **segs, unsigned int n,
            struct dpdk_vdpa_lent *lent, const struct part *part,
            bool iova_is_va)
{
    dpdk_vdpa_lent_begin(lent, n - 1);
    for (unsigned int i = 1; i < n; i++, part++) {
        dpdk_vdpa_lent_attach(lent, segs[i], part->data, part->len,
                              (iova_is_va ? (uintptr_t) part->data
                               : RTE_BAD_IOVA));
        segs[i - 1]->next = segs[i];
        segs[0]->pkt_len += part->len;
    }
    segs[0]->nb_segs = n;
}

/* The guest's buffer 'chain' has been taken, and waits in 'lend' for its turn
 * to go back. */
static struct dpdk_vdpa_lent *
chain_enter(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_lend *lend,
            const struct chain *chain, unsigned int n_descs)
{
    if (ring->is_packed) {
        ring->next_avail = packed_advance(ring->next_avail, chain->n_slots,
                                          ring->size);
    } else {
        ring->next_avail++;
    }
    return dpdk_vdpa_lend_push(lend, chain->id, chain->n_slots, n_descs);
}

/* Returns the packet in 'chain', with all but its beginning in the guest's
 * memory, which takes 'n_descs' descriptors, or null if it is to be copied. */
static struct rte_mbuf *
chain_lend(struct dpdk_vdpa_ring *ring, struct dpdk_vdpa_lend *lend,
           struct rte_mempool *mp, struct chain *chain, unsigned int n_descs)
{
    uint8_t header[sizeof(struct virtio_net_hdr_mrg_rxbuf)];
    struct rte_mbuf *segs[DPDK_VDPA_LEND_MAX_SEGS];
    struct part old[MAX_HEAD_PARTS];
    struct virtio_net_hdr hdr;
    struct part *part;
    unsigned int n;

    if (chain->len <= ring->header_len + DPDK_VDPA_RING_SHORT
        || chain->len - ring->header_len >= MAX_PACKET_LEN
        || (rte_pktmbuf_data_room_size(mp)
            < RTE_PKTMBUF_HEADROOM + DPDK_VDPA_LENDING_HEAD)) {
        return NULL;
    }
    n = count_beyond(chain, ring->header_len + DPDK_VDPA_LENDING_HEAD) + 1;
    if (n > MIN(lend->max_segs, DPDK_VDPA_LEND_MAX_SEGS)
        || chain->n + 1 - n >= ARRAY_SIZE(old)
        || rte_pktmbuf_alloc_bulk(mp, segs, n)) {
        return NULL;
    }
    memcpy(old, chain->parts, (chain->n + 2 - n) * sizeof *old);
    part = parts_pull(chain->parts, header, ring->header_len);
    memcpy(&hdr, header, sizeof hdr);
    part = parts_pull(part, rte_pktmbuf_mtod(segs[0], uint8_t *),
                      DPDK_VDPA_LENDING_HEAD);
    segs[0]->data_len = segs[0]->pkt_len = DPDK_VDPA_LENDING_HEAD;
    if (!head_describe(segs[0], &hdr, ring->features)) {
        memcpy(chain->parts, old, (chain->n + 2 - n) * sizeof *old);
        rte_pktmbuf_free_bulk(segs, n);
        return NULL;
    }
    head_append(segs, n, chain_enter(ring, lend, chain, n_descs), part,
                lend->iova_is_va);
    lend->n_lent++;
    return segs[0];
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
                   struct rte_mbuf **pkts, unsigned int max, bool *donep)
{
    unsigned int n_descs = chain_n_descs(ring, chain);
    bool has_room = dpdk_vdpa_lend_has_room(lend, n_descs);
    unsigned int n;

    *donep = has_room || !lend->n;
    if (!*donep) {
        return 0;
    }
    pkts[0] = has_room ? chain_lend(ring, lend, mp, chain, n_descs) : NULL;
    if (pkts[0]) {
        ring->n_cut = 0;
        return 1;
    }
    n = chain_take(ring, mp, chain, pkts, max, donep);
    if (*donep && lend->n) {
        chain_enter(ring, lend, chain, n_descs);
    } else if (*donep) {
        chain_return(ring, chain, false);
    }
    return n;
}

uint16_t
dpdk_vdpa_lending_recv(struct dpdk_vdpa_ring *ring,
                       struct dpdk_vdpa_lend *lend, struct rte_mempool *mp,
                       struct rte_mbuf **pkts, uint16_t max)
{
    uint64_t bytes_left = max_bytes(ring, mp, max);
    uint16_t first = ring->next_used;
    unsigned int n_chains = 0, n_slots = 0;
    struct chain chain;
    uint16_t n = 0;

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
        n += chain_take_or_lend(ring, lend, mp, &chain, &pkts[n], max - n,
                                &done);
        if (!done || chain.len > bytes_left) {
            break;
        }
        bytes_left -= chain.len;
    }
    if (ring->next_used != first) {
        chains_publish(ring);
    }
    return n;
}

bool
dpdk_vdpa_lending_take_back(struct dpdk_vdpa_ring *ring,
                            struct dpdk_vdpa_lend *lend)
{
    uint16_t next_avail = ring->next_avail;
    uint16_t first = ring->next_used;
    const struct dpdk_vdpa_lent *lent;
    struct chain chain;

    while ((lent = dpdk_vdpa_lend_first(lend))) {
        chain.id = lent->id;
        chain.n_slots = lent->n_slots;
        chain_return(ring, &chain, false);
        dpdk_vdpa_lend_pop(lend);
    }
    ring->next_avail = next_avail;
    if (ring->next_used == first) {
        return false;
    }
    chains_publish(ring);
    return true;
}
