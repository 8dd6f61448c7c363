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
#include "vhost/chain-private.h"
#include "vhost/lend.h"
#include "vhost/ring.h"

/* Copies the first 'len' bytes of 'chain', which has more, to 'to'.  Returns
 * in which part it goes on, and in '*rest' what is left of that. */
static unsigned int
chain_copy(const struct chain *chain, uint8_t *to, uint32_t len,
           struct part *rest)
{
    unsigned int i = 0;

    for (; chain->parts[i].len <= len; i++) {
        memcpy(to, chain->parts[i].data, chain->parts[i].len);
        to += chain->parts[i].len;
        len -= chain->parts[i].len;
    }
    memcpy(to, chain->parts[i].data, len);
    rest->data = chain->parts[i].data + len;
    rest->len = chain->parts[i].len - len;
    return i;
}

/* Has 'pkt', a new mbuf, be the first 'len' bytes of a packet, at 'data', and
 * says in it what 'hdr' asks for.  Returns false if that is not for a VF to
 * do: who does it has to have all of the packet. */
static bool
head_fill(struct rte_mbuf *pkt, const uint8_t *data, uint32_t len,
          const struct virtio_net_hdr *hdr, uint64_t features)
{
    const uint64_t for_vf = RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG;
    bool asks = (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE
                 || hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);

    memcpy(rte_pktmbuf_mtod(pkt, uint8_t *), data, len);
    pkt->data_len = pkt->pkt_len = len;
    return (dpdk_vdpa_packet_describe(pkt, hdr, features)
            && (!asks || pkt->ol_flags & for_vf));
}

/* Appends to 'pkt', the first one of the 'n' new mbufs at 'segs', what is in
 * 'rest' and in the parts that follow, as segments of 'lent'. */
static void
head_append(struct rte_mbuf **segs, unsigned int n,
            struct dpdk_vdpa_lent *lent, const struct part *rest,
            const struct part *more, bool iova_is_va)
{
    const struct part *part = rest;

    dpdk_vdpa_lent_begin(lent, n - 1);
    for (unsigned int i = 1; i < n; i++) {
        dpdk_vdpa_lent_attach(lent, segs[i], part->data, part->len,
                              (iova_is_va ? (uintptr_t) part->data
                               : RTE_BAD_IOVA));
        segs[i - 1]->next = segs[i];
        segs[0]->pkt_len += part->len;
        part = more++;
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
           struct rte_mempool *mp, const struct chain *chain,
           unsigned int n_descs)
{
    struct rte_mbuf *segs[DPDK_VDPA_LEND_MAX_SEGS];
    uint8_t head[sizeof(struct virtio_net_hdr_mrg_rxbuf)
                 + DPDK_VDPA_RING_SHORT];
    uint32_t head_len = ring->header_len + DPDK_VDPA_RING_SHORT;
    struct virtio_net_hdr hdr;
    struct dpdk_vdpa_lent *lent;
    struct part rest;
    unsigned int i, n;

    if (chain->len <= head_len
        || chain->len - ring->header_len >= MAX_PACKET_LEN
        || (rte_pktmbuf_data_room_size(mp)
            < RTE_PKTMBUF_HEADROOM + DPDK_VDPA_RING_SHORT)) {
        return NULL;
    }
    i = chain_copy(chain, head, head_len, &rest);
    n = chain->n - i + 1;
    if (n > MIN(lend->max_segs, DPDK_VDPA_LEND_MAX_SEGS)
        || rte_pktmbuf_alloc_bulk(mp, segs, n)) {
        return NULL;
    }
    memcpy(&hdr, head, sizeof hdr);
    if (!head_fill(segs[0], &head[ring->header_len], DPDK_VDPA_RING_SHORT,
                   &hdr, ring->features)) {
        rte_pktmbuf_free_bulk(segs, n);
        return NULL;
    }
    lent = chain_enter(ring, lend, chain, n_descs);
    head_append(segs, n, lent, &rest, &chain->parts[i + 1], lend->iova_is_va);
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
    unsigned int n_slots = 0;
    struct chain chain;
    uint16_t n = 0;

    ring->unusual = false;
    while (n < max) {
        bool done;

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
