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
 * The mbufs that point into buffers, *segments*, belong to the queue, which
 * has one reference to each for itself.  A segment that is lent has two: who
 * frees it drops one, whatever thread he is in, and that is all; then there is
 * one, and it is back.  (For what DPDK says of that see "Freeing of Tx mbuf on
 * demand" in its guide.)  No mempool ever sees one.  It may be a packet of its
 * own.
 *
 * Who lets go may be any thread, several at a time.  All else is for the
 * thread that walks the ring, or for who keeps that out. */

#include <stdbool.h>
#include <stdint.h>

#include <rte_config.h>
#include <rte_mbuf.h>

#include "openvswitch/list.h"
#include "openvswitch/util.h"
#include "util.h"

/* Counts of references are read that other threads drop. */
#ifndef RTE_MBUF_REFCNT_ATOMIC
#error "DPDK was built without atomic counts of references to mbufs"
#endif

/* Most segments of a packet. */
#define DPDK_VDPA_LEND_MAX_SEGS 40

/* References to what is behind segments that nobody has made a clone of.  Any
 * number but 1, from which DPDK goes up without an atomic operation. */
#define DPDK_VDPA_LEND_NO_CLONES 2

/* A buffer of the guest's, and behind it as many more of these as it takes to
 * say what its segments are. */
struct dpdk_vdpa_lent {
    struct rte_mbuf *seg;       /* A segment, or null if it was copied. */

    /* Of the first one only. */
    uint16_t id;                /* What the guest knows it by. */
    uint16_t n_slots;           /* That it takes in a packed ring. */
    uint16_t n_descs;           /* Of the ring that it keeps away. */
    uint16_t n;                 /* Of these that it takes here, at least 1. */
};

struct dpdk_vdpa_lend {
    unsigned int n;             /* Buffers. */
    unsigned int n_descs;       /* Of all that are here, */
    unsigned int n_max;         /* and the most, and so the most buffers. */

    /* What is in here.  The place of each is a number of which the upper bits
     * do not count. */
    struct dpdk_vdpa_lent *lents;
    unsigned int mask;          /* Of the others. */
    unsigned int first;         /* The oldest one. */
    unsigned int next;          /* Behind the youngest one, */
    unsigned int next_seg;      /* and of its segments. */

    /* Segments that are not lent.  The last to come back is the first to be
     * used, as it is in the CPU's cache. */
    struct rte_mbuf **spare;
    unsigned int n_spare;
    struct rte_mbuf_ext_shared_info *shinfo;    /* Of all segments. */
    bool is_first;              /* The next one, of its buffer. */
    struct rte_mbuf *segs;      /* All of them, */
    unsigned int n_segs;
    void *memory;               /* and where they are. */

    /* The owner's: which packets are lent. */
    uint16_t max_segs;          /* Of a packet, 0 for none. */
    bool reachable;             /* By devices, */
    bool iova_is_va;            /* which take addresses of this process. */

    unsigned int n_lent;        /* Packets, since the owner set it to 0. */

    /* Of all queues. */
    struct ovs_list all_node;
    const void *owner;          /* Whose it is. */
    bool is_lost;               /* It was given up. */
    unsigned long *were_out;    /* Segments, when it was last looked at. */
};

/* Creates a queue of 'owner's, which is empty, for a ring of 'size'
 * descriptors, of which at most half may be away.  Never null. */
struct dpdk_vdpa_lend *dpdk_vdpa_lend_create(uint16_t size, const void *owner);

/* Destroys 'lend', or null.  Nobody may have a segment of what is in it
 * (dpdk_vdpa_lend_is_out()): to let go of one writes to it. */
void dpdk_vdpa_lend_destroy(struct dpdk_vdpa_lend *);

/* Gives 'lend' up, of which somebody has a segment and may keep it for ever:
 * destroys it once nobody does, if that is found out.  Any thread. */
void dpdk_vdpa_lend_abandon(struct dpdk_vdpa_lend *);

/* Calls 'act(aux)', which has somebody let go of packets, and returns how many
 * have come back meanwhile of those that are lent from queues of 'owner's, but
 * for packets with a copy in their place.  While 'act' runs queues cannot be
 * created or destroyed.  Any thread. */
unsigned int dpdk_vdpa_lend_n_freed_by(void (*act)(void *aux), void *aux,
                                       const void *owner);

/* Returns true if somebody has a segment of a buffer in any of the queues of
 * 'owner'.  Any thread. */
bool dpdk_vdpa_lend_any_is_out(const void *owner);

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

/* Has the next buffer of the ring enter, of 'n_descs' descriptors, at least
 * one, for which there is room, and with 'n_segs' segments, which the caller
 * then makes, or 0 if it was copied: so many must be there ('n_spare'). */
static inline void
dpdk_vdpa_lend_push(struct dpdk_vdpa_lend *lend, uint16_t id, uint16_t n_slots,
                    uint16_t n_descs, uint16_t n_segs)
{
    struct dpdk_vdpa_lent *lent = &lend->lents[lend->next & lend->mask];

    lent->seg = NULL;
    lent->id = id;
    lent->n_slots = n_slots;
    lent->n_descs = n_descs;
    lent->n = MAX(n_segs, 1);
    lend->next_seg = lend->next;
    lend->is_first = true;
    lend->next += lent->n;
    lend->n_descs += n_descs;
    lend->n++;
}

/* Returns the next segment of the buffer that entered last, of the 'len' bytes
 * at 'data', which devices know as 'iova'.  Nobody may write to these.  It is
 * not of 'mp', but some who look at an mbuf want to know what kind it is
 * of. */
static inline struct rte_mbuf *
dpdk_vdpa_lend_segment(struct dpdk_vdpa_lend *lend, struct rte_mempool *mp,
                       const void *data, uint16_t len, rte_iova_t iova)
{
    struct rte_mbuf *seg = lend->spare[--lend->n_spare];

    /* Who had it may have changed any of these. */
    seg->buf_addr = CONST_CAST(void *, data);
    rte_mbuf_iova_set(seg, iova);
    seg->data_off = 0;
    seg->refcnt = 2;
    seg->nb_segs = 1;
    seg->port = RTE_MBUF_PORT_INVALID;
    seg->ol_flags = RTE_MBUF_F_EXTERNAL;
    seg->packet_type = 0;
    seg->pkt_len = len;
    seg->data_len = len;
    seg->buf_len = len;
    seg->pool = mp;
    seg->hash.usr = lend->is_first;     /* Of those that somebody sends nobody
                                         * else looks at that. */
    seg->next = NULL;
    seg->shinfo = lend->shinfo;
    lend->is_first = false;

    lend->lents[lend->next_seg++ & lend->mask].seg = seg;
    return seg;
}

/* Returns how many of the buffers in 'lend', from the oldest one on, can go
 * back to the guest, as nobody has a segment of them.  What all did with
 * theirs comes before that. */
unsigned int dpdk_vdpa_lend_n_free(const struct dpdk_vdpa_lend *);

/* Returns the oldest buffer, of which there must be one. */
static inline const struct dpdk_vdpa_lent *
dpdk_vdpa_lend_first(const struct dpdk_vdpa_lend *lend)
{
    return &lend->lents[lend->first & lend->mask];
}

/* Has that leave, as it goes back to the guest. */
static inline void
dpdk_vdpa_lend_pop(struct dpdk_vdpa_lend *lend)
{
    const struct dpdk_vdpa_lent *lent = dpdk_vdpa_lend_first(lend);
    unsigned int end = lend->first + lent->n;

    lend->n--;
    lend->n_descs -= lent->n_descs;
    if (lent->seg) {
        do {
            lend->spare[lend->n_spare++]
                = lend->lents[lend->first++ & lend->mask].seg;
        } while (OVS_UNLIKELY(lend->first != end));
    }
    lend->first = end;
}

/* Puts copies, of mbufs of 'mp', in the place of those of the 'n' packets at
 * 'pkts' that have segments of a buffer, as far as there are mbufs.  Whoever
 * has the packets does so. */
void dpdk_vdpa_lend_replace(struct rte_mempool *mp, struct rte_mbuf **pkts,
                            unsigned int n);

#endif /* vhost/lend.h */
