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

#ifndef DPDK_VDPA_LEND_H
#define DPDK_VDPA_LEND_H 1

/* Buffers that a guest sent and that are not copied: mbufs point into them
 * until a VF has sent them.
 *
 * A queue, one for each ring.  Buffers enter it in the order of the ring, and
 * leave it in that order, however late and in whatever order the VF lets go of
 * them: what follows from how far a ring is (vhost/positions.h, and what a
 * front-end sees of a split ring) then holds as if those that are in here had
 * never been taken.  So a buffer that is copied enters, too, while others are
 * in front of it.
 *
 * Who lets go may be any thread, several at a time.  All else is for the
 * thread that walks the ring, or for who keeps that out. */

#include <stdbool.h>
#include <stdint.h>

#include <rte_config.h>
#include <rte_mbuf.h>

#include "openvswitch/util.h"
#include "ovs-atomic.h"
#include "util.h"

/* Most segments of a packet. */
#define DPDK_VDPA_LEND_MAX_SEGS 40

/* A buffer of the guest's. */
struct dpdk_vdpa_lent {
    struct rte_mbuf_ext_shared_info shinfo;     /* Counts its segments. */
    atomic_bool is_free;        /* Nobody has a segment of it. */
    uint16_t id;                /* What the guest knows it by. */
    uint16_t n_slots;           /* That it takes in a packed ring. */
    uint16_t n_descs;           /* Of the ring that it keeps away. */
};

struct dpdk_vdpa_lend {
    struct dpdk_vdpa_lent *lents;       /* 'n_max' of them. */
    unsigned int n_max;         /* Most descriptors, and so most buffers. */
    unsigned int first;         /* The oldest one. */
    unsigned int n;
    unsigned int n_descs;       /* Of all that are here. */
    unsigned int n_slots;       /* Likewise. */

    /* The owner's: which packets are lent. */
    uint16_t max_segs;          /* Of a packet, 0 for none. */
    bool reachable;             /* By devices, */
    bool iova_is_va;            /* which take addresses of this process. */

    unsigned int n_lent;        /* Packets, since the owner set it to 0. */

    struct dpdk_vdpa_lend *next;        /* Of those that were given up. */
};

/* Creates a queue, which is empty, for a ring of 'size' descriptors, of which
 * at most half may be away.  Never null. */
struct dpdk_vdpa_lend *dpdk_vdpa_lend_create(uint16_t size);

/* Destroys 'lend', or null.  Nobody may have a segment of what is in it
 * (dpdk_vdpa_lend_is_out()): to let go of one writes to it. */
void dpdk_vdpa_lend_destroy(struct dpdk_vdpa_lend *);

/* Gives 'lend' up, of which somebody has a segment and may keep it for ever:
 * destroys it once nobody does, if that is found out.  Any thread. */
void dpdk_vdpa_lend_abandon(struct dpdk_vdpa_lend *);

/* Returns how many buffers the calling thread has let go of, of whatever
 * queue. */
unsigned int dpdk_vdpa_lend_n_freed(void);

/* Returns true if somebody has a segment of a buffer in 'lend' still.  What
 * all others did with theirs comes before that. */
bool dpdk_vdpa_lend_is_out(const struct dpdk_vdpa_lend *);

/* Returns true if a buffer of 'n_descs' descriptors may enter. */
static inline bool
dpdk_vdpa_lend_has_room(const struct dpdk_vdpa_lend *lend,
                        unsigned int n_descs)
{
    return lend->n_descs + n_descs <= lend->n_max;
}

/* Returns number 'i' of those that are in 'lend', from the oldest one on. */
static inline struct dpdk_vdpa_lent *
dpdk_vdpa_lend_at(const struct dpdk_vdpa_lend *lend, unsigned int i)
{
    i += lend->first;
    return &lend->lents[i < lend->n_max ? i : i - lend->n_max];
}

/* Returns true if nobody has a segment of 'lent'. */
static inline bool
dpdk_vdpa_lent_is_free(const struct dpdk_vdpa_lent *lent_)
{
    struct dpdk_vdpa_lent *lent = CONST_CAST(struct dpdk_vdpa_lent *, lent_);
    bool is_free;

    atomic_read_explicit(&lent->is_free, &is_free, memory_order_acquire);
    return is_free;
}

/* Has the next buffer of the ring enter, of 'n_descs' descriptors, at least
 * one, for which there is room.  Nobody has anything of it.  It stays where it
 * is until it leaves. */
static inline struct dpdk_vdpa_lent *
dpdk_vdpa_lend_push(struct dpdk_vdpa_lend *lend, uint16_t id, uint16_t n_slots,
                    uint16_t n_descs)
{
    struct dpdk_vdpa_lent *lent = dpdk_vdpa_lend_at(lend, lend->n);

    ovs_assert(n_descs && dpdk_vdpa_lend_has_room(lend, n_descs));
    lent->id = id;
    lent->n_slots = n_slots;
    lent->n_descs = n_descs;
    atomic_store_relaxed(&lent->is_free, true);
    lend->n++;
    lend->n_descs += n_descs;
    lend->n_slots += n_slots;
    return lent;
}

/* Of the last segment of 'lent', for mbufs: it is free. */
void dpdk_vdpa_lent_freed(void *data, void *lent);

/* Says that 'lent', which has just entered, is lent in 'n' segments, at least
 * one; then makes each, of a new mbuf 'seg' of its own, of the 'len' bytes at
 * 'data', which devices know as 'iova'.  Who frees the last one lets go of the
 * buffer.  Nobody may write to a segment. */
static inline void
dpdk_vdpa_lent_begin(struct dpdk_vdpa_lent *lent, uint16_t n)
{
    lent->shinfo.free_cb = dpdk_vdpa_lent_freed;
    lent->shinfo.fcb_opaque = lent;
    rte_mbuf_ext_refcnt_set(&lent->shinfo, n);
    atomic_store_relaxed(&lent->is_free, false);
}

static inline void
dpdk_vdpa_lent_attach(struct dpdk_vdpa_lent *lent, struct rte_mbuf *seg,
                      const void *data, uint16_t len, rte_iova_t iova)
{
    rte_pktmbuf_attach_extbuf(seg, CONST_CAST(void *, data), iova, len,
                              &lent->shinfo);
    seg->data_len = seg->pkt_len = len;
}

/* Returns the oldest buffer in 'lend' if nobody has a segment of it: it can go
 * back to the guest.  Else, or if there is none, returns null. */
static inline const struct dpdk_vdpa_lent *
dpdk_vdpa_lend_first(const struct dpdk_vdpa_lend *lend)
{
    const struct dpdk_vdpa_lent *lent = dpdk_vdpa_lend_at(lend, 0);

    return lend->n && dpdk_vdpa_lent_is_free(lent) ? lent : NULL;
}

/* Has the oldest buffer, which went back to the guest, leave. */
static inline void
dpdk_vdpa_lend_pop(struct dpdk_vdpa_lend *lend)
{
    const struct dpdk_vdpa_lent *lent = dpdk_vdpa_lend_at(lend, 0);

    ovs_assert(lend->n);
    lend->n_descs -= lent->n_descs;
    lend->n_slots -= lent->n_slots;
    lend->n--;
    lend->first = lend->first + 1 < lend->n_max ? lend->first + 1 : 0;
}

/* Puts copies, of mbufs of 'mp', in the place of those of the 'n' packets at
 * 'pkts' that have segments of a buffer, as far as there are mbufs.  Whoever
 * has the packets does so. */
void dpdk_vdpa_lend_replace(struct rte_mempool *mp, struct rte_mbuf **pkts,
                            unsigned int n);

#endif /* vhost/lend.h */
