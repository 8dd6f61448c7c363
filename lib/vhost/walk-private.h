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

#ifndef DPDK_VDPA_WALK_PRIVATE_H
#define DPDK_VDPA_WALK_PRIVATE_H 1

/* What those share who see to the virtqueues of a connection: vhost/walk.c
 * walks them, vhost/calls.c interrupts the guest, vhost/kicks.c is notified by
 * it, vhost/recall.c gets back what is lent, vhost/dmas.c has engines copy. */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_vhost.h>

#include "base/gate.h"
#include "base/wake.h"
#include "openvswitch/compiler.h"
#include "ovs-atomic.h"
#include "util.h"
#include "vhost/book.h"
#include "vhost/ring.h"
#include "vhost/walk.h"

struct dpdk_vdpa_lend;
struct dpdk_vdpa_notes;

#define MAX_RINGS DPDK_VDPA_BOOK_N_RINGS

/* Eventfds that a guest has exchanged and that wait to be closed together: to
 * close one takes a barrier. */
#define MAX_OLD_FDS 64

struct walked {
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        /* The gate.  The first is written by the PMD thread, the others by the
         * one that handles messages; all are read by both. */
        atomic_bool inside;
        ATOMIC(struct dpdk_vdpa_ring *) open;   /* '&ring', or null. */
        atomic_int call_fd;             /* The guest's, or -1. */
        atomic_int library_fd;          /* By which the library calls. */
        atomic_uint16_t max_lent_segs;  /* Of a packet, 0 to lend none. */

        /* For who is inside, or the one that has the gate closed. */
        bool must_call;                 /* With the next burst. */
        bool asks_for_kick;             /* Of the guest: a thread waits. */
        uint16_t told;                  /* 'next_used' when we last thought
                                         * of an interrupt. */
        unsigned int n_asked;           /* dpdk_vdpa_walk_ask_library(). */
        struct dpdk_vdpa_lend *lend;    /* Of a ring that the guest sends with,
                                         * once it is open. */
        struct dpdk_vdpa_ring ring;

        /* For the PMD thread. */
        unsigned int n_answered;        /* Of 'n_asked'. */
        unsigned int n_lost;            /* Packets to be counted still. */
        bool library_behind;            /* It must learn about interrupts. */
        bool lends;                     /* Or something is lent still. */

        /* So many bursts go at once to the library, or else to vhost/chain.h
         * or vhost/scatter.h, without a look by who would leave them. */
        uint8_t n_detour;
        bool detour_is_library;
        atomic_uint64_t n_library;      /* Packets of the library's. */
        atomic_uint64_t n_lent;         /* That were lent. */
    );
};

struct dpdk_vdpa_walk {
    struct walked rings[MAX_RINGS];
    const struct dpdk_vdpa_book *book;
    struct dpdk_vdpa_notes *notes;      /* Each ring's for who is inside. */

    struct dpdk_vdpa_lender lender;
    atomic_bool recalls;                /* Written by the thread that handles
                                         * messages, read by PMD threads. */

    /* For the thread that handles messages. */
    int vid;                            /* Of the connection. */
    bool reachable;                     /* Its memory can be lent. */
    struct dpdk_vdpa_memory memory;     /* Read by who is inside. */
    atomic_uint64_t features;           /* Read by PMD threads. */
    int old_fds[MAX_OLD_FDS];
    unsigned int n_old_fds;

    /* By what the guest notifies us of each ring. */
    struct dpdk_vdpa_wake kicks[MAX_RINGS];
};

/* Comes to the gate.  Returns the ring if it is open, else null; the caller
 * must leave it in either case. */
static inline struct dpdk_vdpa_ring *
walked_enter(struct walked *w)
{
    struct dpdk_vdpa_ring *ring;

    dpdk_vdpa_gate_enter(&w->inside);
    atomic_read_explicit(&w->open, &ring, memory_order_acquire);
    return ring;
}

static inline void
walked_leave(struct walked *w)
{
    dpdk_vdpa_gate_leave(&w->inside);
}

/* Returns true if nothing is for the library, as buffers are about to come
 * back.  It would take them once more where they do, and may have locked all
 * rings: who comes would wait as long as they do not. */
static inline bool
walk_recalls(struct dpdk_vdpa_walk *walk)
{
    bool recalls;

    atomic_read_explicit(&walk->recalls, &recalls, memory_order_acquire);
    return recalls;
}

/* Prepares the library to go on with ring 'i'.  Returns false if it cannot
 * now.  (Nor does a ring that is disabled go to it: it might be moved just
 * while we wait for its lock.)
 *
 * Whether a guest wants an interrupt it decides by what happened since it last
 * decided, modulo 2^16 packets; so it must decide now, or it might take many
 * packets for few. */
static inline bool
walked_hand_over(struct walked *w, int vid, unsigned int i)
{
    if (w->library_behind) {
        if (rte_vhost_vring_call_nonblock(vid, i) == -EAGAIN) {
            return false;
        }
        w->library_behind = false;
    }
    return true;
}

/* Returns true if packets from 'w' are lent, or some are still. */
static inline bool
walked_lends(const struct walked *w_)
{
    struct walked *w = CONST_CAST(struct walked *, w_);
    uint16_t max_segs;

    atomic_read_relaxed(&w->max_lent_segs, &max_segs);
    return max_segs || w->lends;
}

/* Takes ring 'i' back from the library, which has nothing of it in flight. */
void dpdk_vdpa_walk_take_back(struct dpdk_vdpa_walk *, int vid,
                              unsigned int i);

/* Tells the library of connection 'vid' how far ring 'i' has been processed.
 * What is lent counts as not taken. */
void dpdk_vdpa_walked_tell(struct walked *, int vid, unsigned int i);

/* Gets back all that is lent of ring 'i', or gives it up in a while from
 * 'begin' on, in ms.  For the thread that handles messages, and has the gate
 * closed. */
void dpdk_vdpa_walk_recall(struct dpdk_vdpa_walk *, unsigned int i,
                           long long int begin);

/* Asks the guest of ring 'i' for no notifications any more, if it was asked
 * for them, and has who waits for them wait no longer.  For the thread that
 * handles messages, and has the gate closed. */
void dpdk_vdpa_walk_end_kicks(struct dpdk_vdpa_walk *, unsigned int i);

/* Interrupts the guest, if it has said how.  For who is inside, or handles
 * messages. */
void dpdk_vdpa_walked_interrupt(struct walked *);

/* Passes on to the guest what the library wanted to interrupt it for.  For who
 * is inside, or handles messages. */
void dpdk_vdpa_walked_pass_on(struct walked *);

#endif /* vhost/walk-private.h */
