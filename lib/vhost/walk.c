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

#include "vhost/walk.h"

#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include <rte_config.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "base/gate.h"
#include "base/packet.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "vhost/book.h"
#include "vhost/chain.h"
#include "vhost/lend.h"
#include "vhost/lending.h"
#include "vhost/lro.h"
#include "vhost/notes.h"
#include "vhost/ring.h"
#include "vhost/ring-private.h"
#include "vhost/scatter.h"
#include "vhost/undo.h"
#include "vhost/walk-private.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_walk);

/* Shorter rings are the library's: a burst might go round one and end where it
 * began, as if nothing had been done. */
#define MIN_SIZE DPDK_VDPA_RING_BURST

/* So many bursts go another way at once after one that had to. */
#define N_DETOUR 32

/* Where the library puts packets of its own: it looks in every queue, of which
 * this is the one that every guest has. */
#define FIRST_SEND_RING 1

/* With an IOMMU every address has to be looked up, and during a live migration
 * every write has to be logged: the library does that. */
#define FEATURES_FOR_LIBRARY (1ULL << VIRTIO_F_IOMMU_PLATFORM                \
                              | 1ULL << VHOST_F_LOG_ALL)

struct dpdk_vdpa_walk *
dpdk_vdpa_walk_create(const struct dpdk_vdpa_book *book,
                      struct dpdk_vdpa_notes *notes)
{
    struct dpdk_vdpa_walk *walk;

    if (!dpdk_vdpa_gate_init()) {
        return NULL;
    }
    walk = xzalloc_cacheline(sizeof *walk);
    walk->book = book;
    walk->notes = notes;
    for (int i = 0; i < MAX_RINGS; i++) {
        atomic_init(&walk->rings[i].call_fd, -1);
        atomic_init(&walk->rings[i].library_fd, -1);
        dpdk_vdpa_wake_init(&walk->kicks[i]);
    }
    return walk;
}

void
dpdk_vdpa_walk_destroy(struct dpdk_vdpa_walk *walk)
{
    if (walk) {
        dpdk_vdpa_walk_drop_calls(walk);
        dpdk_vdpa_walk_drop_kicks(walk);
        for (int i = 0; i < MAX_RINGS; i++) {
            dpdk_vdpa_lend_destroy(walk->rings[i].lend);
        }
        free_cacheline(walk);
    }
}

/* Interrupts the guest if it wants that for what it was given since it was
 * last thought of.  For who is inside, or has the gate closed. */
static void
walked_call(struct walked *w)
{
    if (dpdk_vdpa_ring_wants_call(&w->ring, w->told) || w->must_call) {
        w->must_call = false;
        dpdk_vdpa_walked_interrupt(w);
    }
    w->told = w->ring.next_used;
}

/* Opening and closing. */

static bool
walked_is_open(const struct walked *w_)
{
    struct walked *w = CONST_CAST(struct walked *, w_);
    struct dpdk_vdpa_ring *ring;

    /* If the PMD thread has closed it, this is behind all that it did. */
    atomic_read_explicit(&w->open, &ring, memory_order_acquire);
    return ring != NULL;
}

static unsigned int
walk_n_open(const struct dpdk_vdpa_walk *walk)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < MAX_RINGS; i++) {
        n += walked_is_open(&walk->rings[i]);
    }
    return n;
}

/* Shuts the rings 'first' up to 'end', not included, and waits for who is
 * inside of one. */
static void
walk_close(struct dpdk_vdpa_walk *walk, unsigned int first, unsigned int end)
{
    struct walked *closed[MAX_RINGS];
    long long int begin = time_msec();
    unsigned int n = 0;

    for (unsigned int i = first; i < end; i++) {
        if (walked_is_open(&walk->rings[i])) {
            closed[n++] = &walk->rings[i];
            atomic_store_relaxed(&walk->recalls, true);
            atomic_store_explicit(&walk->rings[i].open, NULL,
                                  memory_order_release);
        }
    }
    if (!n) {
        return;
    }
    dpdk_vdpa_gate_barrier();
    for (unsigned int i = 0; i < n; i++) {
        dpdk_vdpa_gate_wait(&closed[i]->inside);
        dpdk_vdpa_walk_recall(walk, closed[i] - walk->rings, begin);
        if (closed[i]->told != closed[i]->ring.next_used) {
            walked_call(closed[i]);
        }
        dpdk_vdpa_walk_end_kicks(walk, closed[i] - walk->rings);
    }
    atomic_store_explicit(&walk->recalls, false, memory_order_release);
}

void
dpdk_vdpa_walk_close(struct dpdk_vdpa_walk *walk)
{
    walk_close(walk, 0, MAX_RINGS);
}

void
dpdk_vdpa_walk_close_ring(struct dpdk_vdpa_walk *walk, unsigned int i)
{
    walk_close(walk, i, i + 1);
}

/* Reads the memory table.  Who is inside may be reading what was written here
 * before, which is the same then: other memory comes while all is closed. */
static void
read_memory(const struct dpdk_vdpa_book *book, struct dpdk_vdpa_memory *to)
{
    BUILD_ASSERT(DPDK_VDPA_BOOK_N_REGIONS <= DPDK_VDPA_MAX_REGIONS);

    to->n = book->memory.n;
    for (unsigned int i = 0; i < to->n; i++) {
        const struct dpdk_vdpa_book_region *from = &book->memory.regions[i];

        to->regions[i].start = from->guest;
        to->regions[i].size = from->size;
        to->regions[i].offset = from->host - from->guest;
    }
}

/* Returns true if the parts of a ring are aligned as they should be (virtio
 * 1.1, sections 2.6 and 2.7.10.1), also where we have them: on some CPUs a
 * thread would not survive the use of one that is not. */
static bool
is_aligned(const void *desc, const void *avail, const void *used, bool packed)
{
    return (!((uintptr_t) desc % 16)
            && !((uintptr_t) avail % (packed ? 4 : 2))
            && !((uintptr_t) used % 4));
}

/* Sets where 'ring' is.  Returns false unless all of it is there. */
static bool
ring_locate(struct dpdk_vdpa_ring *ring, const struct dpdk_vdpa_book *book,
            const struct dpdk_vdpa_book_ring *from)
{
    struct dpdk_vdpa_book_areas areas = dpdk_vdpa_book_areas(book->features,
                                                             from->size);
    void *desc = dpdk_vdpa_book_at(book, from->desc, areas.desc);
    void *avail = dpdk_vdpa_book_at(book, from->avail, areas.avail);
    void *used = dpdk_vdpa_book_at(book, from->used, areas.used);

    if (!desc || !avail || !used
        || !is_aligned(desc, avail, used, ring->is_packed)) {
        return false;
    }
    if (ring->is_packed) {
        ring->packed.desc = desc;
        ring->packed.driver_event = avail;
        ring->packed.device_event = used;
    } else {
        ring->split.desc = desc;
        ring->split.avail = avail;
        ring->split.used = used;
    }
    return true;
}

/* Learns from the library how far the ring has been processed.  Returns false
 * if it cannot be walked from there. */
static bool
walked_refresh(struct walked *w, int vid, unsigned int i)
{
    struct dpdk_vdpa_ring *ring = &w->ring;

    if (rte_vhost_get_vring_base(vid, i, &ring->next_avail, &ring->next_used)
        || (ring->is_packed
            && (ring->next_avail != ring->next_used
                || (ring->next_used & 0x7fff) >= ring->size))) {
        return false;
    }
    if (ring->cut_pos != ring->next_avail) {
        ring->n_cut = 0;        /* The library took what was left. */
    }
    w->told = ring->next_used;
    return true;
}

/* Notes how far packed ring 'i', which is walked, has been processed, by
 * whomever: nothing is under way.  For who is inside, or handles messages. */
static void
walk_note(struct dpdk_vdpa_walk *walk, unsigned int i)
{
    const struct dpdk_vdpa_ring *ring = &walk->rings[i].ring;

    if (ring->is_packed) {
        dpdk_vdpa_note_set_exact(&walk->notes->rings[i], ring->next_used);
    }
}

/* Sets up ring 'i' of connection 'vid'.  Returns false if it is not one that
 * can be walked. */
static bool
walked_set_up(struct dpdk_vdpa_walk *walk, int vid, unsigned int i)
{
    const struct dpdk_vdpa_book *book = walk->book;
    const struct dpdk_vdpa_book_ring *from = &book->rings[i];
    struct walked *w = &walk->rings[i];
    struct dpdk_vdpa_ring *ring = &w->ring;

    if (!from->is_started || from->size < MIN_SIZE) {
        return false;
    }
    dpdk_vdpa_ring_init(ring, book->features);
    if ((!ring->is_packed && !IS_POW2(from->size))
        || !ring_locate(ring, book, from)) {
        return false;
    }
    ring->size = from->size;
    ring->memory = &walk->memory;
    ring->region = walk->memory.regions;
    ring->note = &walk->notes->rings[i];
    if (!walked_refresh(w, vid, i)) {
        return false;
    }
    walk_note(walk, i);
    if (i % 2) {
        dpdk_vdpa_lend_destroy(w->lend);
        w->lend = dpdk_vdpa_lend_create(ring->size, walk->lender.owner);
        w->lend->reachable = walk->reachable;
        w->lend->iova_is_va = rte_eal_iova_mode() == RTE_IOVA_VA;
    }
    dpdk_vdpa_ring_suppress_kicks(ring);
    w->asks_for_kick = false;
    w->must_call = true;        /* Who was there before may not have. */
    return true;
}

void
dpdk_vdpa_walk_open(struct dpdk_vdpa_walk *walk, int vid)
{
    const struct dpdk_vdpa_book *book = walk->book;

    walk->vid = vid;
    atomic_store_relaxed(&walk->features, book->features);
    /* With post-copy, memory may come only after the front-end was served. */
    if (!book->has_memory || book->postcopy
        || book->features & FEATURES_FOR_LIBRARY) {
        return;
    }
    if (!walk_n_open(walk)) {
        read_memory(book, &walk->memory);
    }
    for (unsigned int i = 0; i < MAX_RINGS; i++) {
        struct walked *w = &walk->rings[i];

        if (dpdk_vdpa_book_is_enabled(book, i) && !walked_is_open(w)
            && walked_set_up(walk, vid, i)) {
            atomic_store_explicit(&w->open, &w->ring, memory_order_release);
        }
    }
    VLOG_DBG("connection %d: %u rings walked", vid, walk_n_open(walk));
}

void
dpdk_vdpa_walk_ask_library(struct dpdk_vdpa_walk *walk)
{
    ovs_assert(!walked_is_open(&walk->rings[FIRST_SEND_RING]));
    walk->rings[FIRST_SEND_RING].n_asked++;
}

void
dpdk_vdpa_walk_get_info(const struct dpdk_vdpa_walk *walk_,
                        struct dpdk_vdpa_walk_info *info)
{
    struct dpdk_vdpa_walk *walk = CONST_CAST(struct dpdk_vdpa_walk *, walk_);

    memset(info, 0, sizeof *info);
    info->n_walked = walk_n_open(walk);
    for (int i = 0; i < MAX_RINGS; i++) {
        uint64_t n;

        atomic_read_relaxed(&walk->rings[i].n_library, &n);
        *(i % 2 ? &info->library_rx : &info->library_tx) += n;
        atomic_read_relaxed(&walk->rings[i].n_lent, &n);
        info->n_lent += n;
        info->n_kicks += dpdk_vdpa_wake_n(&walk->kicks[i]);
    }
}

/* Walking. */

/* Likewise dpdk_vdpa_walked_tell(). */
static inline void
walked_tell(struct walked *w, int vid, unsigned int i)
{
    const struct dpdk_vdpa_ring *ring = &w->ring;

    rte_vhost_set_vring_base(vid, i, ring->next_used, ring->next_used);
    w->library_behind = ring->event_idx;
}

void
dpdk_vdpa_walked_tell(struct walked *w, int vid, unsigned int i)
{
    walked_tell(w, vid, i);
}

/* Prepares for a burst of the library's of '*n' packets, to be sent if 'pkts'
 * is not null: notes what it may do to packed ring 'i', and takes as much from
 * '*n' as cannot be noted, or all if there is nothing for it to do. */
static inline void
walk_announce(struct dpdk_vdpa_walk *walk, unsigned int i,
              struct rte_mbuf *const *pkts, uint16_t *n)
{
    struct dpdk_vdpa_note *note = &walk->notes->rings[i];
    struct dpdk_vdpa_undo *undo = &walk->notes->undos[i];
    struct dpdk_vdpa_ring *ring;
    unsigned int n_undo = 0;
    uint64_t features;

    atomic_read_relaxed(&walk->features, &features);
    if (!(features & (1ULL << VIRTIO_F_RING_PACKED))) {
        return;                 /* It shows what has been given back. */
    }
    ring = walked_enter(&walk->rings[i]);
    if (ring) {
        if (pkts) {
            n_undo = dpdk_vdpa_undo_note_send(ring, undo, pkts, n);
        } else {
            n_undo = dpdk_vdpa_undo_note_recv(ring, undo, n);
            *n = MAX(*n, 1);    /* It may see more, or have one of its own. */
        }
    }
    if (n_undo) {
        dpdk_vdpa_note_set_undo(note, n_undo);
    } else if (*n && note->state == DPDK_VDPA_NOTE_EXACT) {
        dpdk_vdpa_note_set_state(note, DPDK_VDPA_NOTE_UNKNOWN);
    }
    walked_leave(&walk->rings[i]);
}

/* Takes the ring back from the library, which has processed 'n' packets, and
 * may have 'moved' on.  Returns true if it did so in a ring that is walked. */
static inline bool
walk_take_back(struct dpdk_vdpa_walk *walk, int vid, unsigned int i,
               unsigned int n, bool moved)
{
    struct walked *w = &walk->rings[i];
    struct dpdk_vdpa_ring *ring = walked_enter(w);
    uint16_t was = w->ring.next_used;
    bool went_on;
    uint64_t total;

    if (n) {
        atomic_read_relaxed(&w->n_library, &total);
        atomic_store_relaxed(&w->n_library, total + n);
    }
    if (moved) {
        dpdk_vdpa_walked_pass_on(w);
    }
    if (ring && walked_refresh(w, vid, i)) {
        walk_note(walk, i);
    } else if (ring) {
        atomic_store_explicit(&w->open, NULL, memory_order_release);
    }
    went_on = ring && w->ring.next_used != was;
    walked_leave(w);
    return went_on;
}

void
dpdk_vdpa_walk_take_back(struct dpdk_vdpa_walk *walk, int vid, unsigned int i)
{
    walk_take_back(walk, vid, i, 0, false);
}

/* Returns how far the library has processed ring 'i'. */
static inline uint16_t
library_position(int vid, unsigned int i)
{
    uint16_t avail = 0, used = 0;

    rte_vhost_get_vring_base(vid, i, &avail, &used);
    return used;
}

/* Adds empty packets to the 'n' at 'pkts', which has room for 'max', in the
 * place of those that were lost. */
static uint16_t
walked_add_lost(struct walked *w, struct rte_mempool *mp,
                struct rte_mbuf **pkts, uint16_t n, uint16_t max)
{
    while (w->n_lost && n < max && (pkts[n] = rte_pktmbuf_alloc(mp))) {
        n++;
        w->n_lost--;
    }
    return n;
}

static uint16_t __rte_noinline
library_recv(struct dpdk_vdpa_walk *walk, int vid, uint16_t i,
             struct rte_mempool *mp, struct rte_mbuf **pkts, uint16_t max,
             unsigned int n_asked)
{
    struct walked *w = &walk->rings[i];
    uint16_t before, used, n;
    uint64_t features;
    bool packed;

    if (!dpdk_vdpa_book_is_enabled(walk->book, i)
        || !walked_hand_over(w, vid, i)) {
        return 0;
    }
    before = library_position(vid, i);
    n = max;
    walk_announce(walk, i, NULL, &n);
    /* One more for a packet of its own: were that the only one, the library of
     * DPDK 22.11 would take a packed ring's next into an mbuf that it has not
     * got. */
    n = MIN(max, n + (n_asked != w->n_answered));
    n = rte_vhost_dequeue_burst(vid, i, mp, pkts, n);
    used = library_position(vid, i) - before;
    atomic_read_relaxed(&walk->features, &features);
    packed = features & (1ULL << VIRTIO_F_RING_PACKED);
    /* How many buffers those were can be told of a split ring. */
    if (OVS_UNLIKELY(!packed && used > n && used <= max)) {
        w->n_lost += used - n;
    }
    for (uint16_t j = 0; j < n; j++) {
        dpdk_vdpa_packet_translate(pkts[j], features);
    }
    if (n) {
        w->n_answered = n_asked;
    }
    /* Of a packed ring that is walked the library gets only what nobody can
     * read, and ends a burst with the first that it refuses. */
    if (OVS_UNLIKELY(walk_take_back(walk, vid, i, n, n || used)
                     && packed && !n)) {
        w->n_lost++;
    }
    return OVS_UNLIKELY(w->n_lost) ? walked_add_lost(w, mp, pkts, n, max) : n;
}

/* Has the next bursts go to the library at once, or to who walks what is not
 * the rule, as this one had to. */
static void
walked_detour(struct walked *w, bool to_library)
{
    w->n_detour = N_DETOUR;
    w->detour_is_library = to_library;
}

/* The library had a burst that the walk left, just now or a while ago, as
 * 'just_now' says, and has processed 'n' packets: if it could not go on
 * either, nobody need look for a while. */
static void
walked_heed_library(struct walked *w, bool just_now, uint16_t n)
{
    if (n) {
        w->n_detour = 0;
    } else if (just_now) {
        walked_detour(w, true);
    }
}

/* Returns true if a burst, which is not for vhost/ring.h, is left to the
 * library without a look. */
static bool
walked_is_for_library(struct walked *w)
{
    if (w->n_detour) {
        w->n_detour--;
        w->ring.unusual = w->detour_is_library;
        return w->detour_is_library;
    }
    return false;
}

/* Receives what dpdk_vdpa_ring_recv() leaves. */
static uint16_t __rte_noinline
walked_recv_rest(struct walked *w, struct rte_mempool *mp,
                 struct rte_mbuf **pkts, uint16_t n)
{
    bool on_detour = w->n_detour;
    uint16_t n_got;

    if (walked_is_for_library(w)) {
        return 0;
    }
    n_got = dpdk_vdpa_chain_recv(&w->ring, mp, pkts, n);
    if (n_got && !on_detour) {
        walked_detour(w, false);
    }
    return n_got;
}

/* Before a look at ring 'i' whose packets are lent: gives back what the guest
 * can have. */
static void __rte_noinline
walked_take_back_lent(struct walked *w, int vid, unsigned int i)
{
    struct dpdk_vdpa_lend *lend = w->lend;

    atomic_read_relaxed(&w->max_lent_segs, &lend->max_segs);
    lend->max_segs = lend->reachable ? lend->max_segs : 0;
    if (lend->n && dpdk_vdpa_lending_take_back(&w->ring, lend)) {
        walked_tell(w, vid, i);
    }
    w->lends = lend->max_segs || lend->n;
}

/* Likewise walked_recv().  While something is lent nobody else may walk the
 * ring, and the library not at all. */
static uint16_t __rte_noinline
walked_recv_lending(struct walked *w, struct rte_mempool *mp,
                    struct rte_mbuf **pkts, uint16_t n)
{
    uint64_t n_lent;
    uint16_t n_got;

    if (!w->lend->n && walked_is_for_library(w)) {
        return 0;
    }
    n_got = dpdk_vdpa_lending_recv(&w->ring, w->lend, mp, pkts, n);
    if (w->lend->n) {
        w->ring.unusual = false;
    }
    if (w->lend->n_lent) {
        atomic_read_relaxed(&w->n_lent, &n_lent);
        atomic_store_relaxed(&w->n_lent, n_lent + w->lend->n_lent);
        w->lend->n_lent = 0;
    }
    return n_got;
}

/* Receives as dpdk_vdpa_ring_recv() does, whatever it is.  What is left for
 * the library is "unusual". */
static inline uint16_t
walked_recv(struct walked *w, struct rte_mempool *mp, struct rte_mbuf **pkts,
            uint16_t n)
{
    if (OVS_UNLIKELY(w->lends)) {
        return walked_recv_lending(w, mp, pkts, n);
    }
    if (OVS_LIKELY(!w->n_detour)) {
        uint16_t n_got = dpdk_vdpa_ring_recv(&w->ring, mp, pkts, n);

        if (OVS_LIKELY(n_got || !w->ring.unusual)) {
            return n_got;
        }
    }
    return walked_recv_rest(w, mp, pkts, n);
}

uint16_t
dpdk_vdpa_walk_recv(struct dpdk_vdpa_walk *walk, int vid, uint16_t i,
                    struct rte_mempool *mp, struct rte_mbuf **pkts, uint16_t n)
{
    struct walked *w = &walk->rings[i];
    struct dpdk_vdpa_ring *ring = walked_enter(w);
    unsigned int n_asked = w->n_answered;
    bool to_library = true, is_unusual = false;
    uint16_t n_got = 0;

    if (OVS_LIKELY(ring)) {
        if (OVS_UNLIKELY(walked_lends(w))) {
            walked_take_back_lent(w, vid, i);
        }
        if (w->told != ring->next_used) {
            walked_call(w);
        }
        n_asked = w->n_asked;
        to_library = n_asked != w->n_answered && !w->lend->n;
        if (OVS_LIKELY(n_asked == w->n_answered)) {
            bool on_detour = w->n_detour;

            n_got = walked_recv(w, mp, pkts, n);
            to_library = !n_got && ring->unusual;
            is_unusual = to_library && !on_detour;
        }
        if (n_got) {
            walked_tell(w, vid, i);
            /* A guest is not in a hurry to know that its buffers are free
             * again, and the barrier that a close look at its wishes needs
             * would now wait for what was written.  So if it seems to want
             * nothing, look closely when we come by the next time.  Nor is
             * there anything to know if all was lent. */
            if (OVS_UNLIKELY(dpdk_vdpa_ring_may_want_call(ring, w->told)
                             && w->told != ring->next_used)) {
                walked_call(w);
            }
        }
    }
    walked_leave(w);
    if (OVS_UNLIKELY(to_library && !walk_recalls(walk))) {
        n_got = library_recv(walk, vid, i, mp, pkts, n, n_asked);
        walked_heed_library(w, is_unusual, n_got);
    }
    return n_got;
}

void
dpdk_vdpa_walk_settle(struct dpdk_vdpa_walk *walk, int vid, uint16_t i,
                      struct rte_mempool *mp, struct rte_mbuf **pkts,
                      uint16_t n)
{
    struct walked *w = &walk->rings[i];
    struct dpdk_vdpa_ring *ring;

    /* Where a gate is closed meanwhile, its memory stays until these are
     * back. */
    if (w->lends) {
        dpdk_vdpa_lend_replace(mp, pkts, n);
    }
    ring = walked_enter(w);
    if (ring && w->lends) {
        walked_take_back_lent(w, vid, i);
    }
    if (ring && w->told != ring->next_used) {
        walked_call(w);
    }
    walked_leave(w);
}

bool
dpdk_vdpa_walk_has_lent(struct dpdk_vdpa_walk *walk, uint16_t i)
{
    struct walked *w = &walk->rings[i];
    bool has_lent = walked_enter(w) && w->lends && w->lend->n;

    walked_leave(w);
    return has_lent;
}

bool
dpdk_vdpa_walk_return_short(struct dpdk_vdpa_walk *walk, int vid, uint16_t i)
{
    struct walked *w = &walk->rings[i];
    struct dpdk_vdpa_ring *ring = walked_enter(w);
    bool is_short = (ring && dpdk_vdpa_chain_return_short(
                                 ring, ring->header_len + ETH_HEADER_LEN));

    if (is_short) {
        walked_tell(w, vid, i);
        walked_call(w);
    }
    walked_leave(w);
    return is_short;
}

int
dpdk_vdpa_walk_n_avail(struct dpdk_vdpa_walk *walk, uint16_t i,
                       unsigned int max)
{
    struct walked *w = &walk->rings[i];
    struct dpdk_vdpa_ring *ring = walked_enter(w);
    int n = ring ? dpdk_vdpa_ring_n_avail(ring, max) : -1;

    walked_leave(w);
    return walk_recalls(walk) ? 0 : n;
}

/* Frees the 'n' packets, at least one.  Those that are the rule, in one mbuf
 * of their own and all of one mempool, go back without a look at the second
 * cache line of each. */
static inline void
free_sent(struct rte_mbuf **pkts, uint16_t n)
{
    struct rte_mempool *mp = pkts[0]->pool;

    for (uint16_t i = 0; i < n; i++) {
        const struct rte_mbuf *pkt = pkts[i];

        if (OVS_UNLIKELY(pkt->pool != mp || pkt->nb_segs != 1
                         || !RTE_MBUF_DIRECT(pkt)
                         || rte_mbuf_refcnt_read(pkt) != 1)) {
            rte_pktmbuf_free_bulk(pkts, n);
            return;
        }
    }
    rte_mempool_put_bulk(mp, (void **) pkts, n);
}

/* Makes as many of the 'n' packets fit for the library as can be, and returns
 * how many. */
static uint16_t
make_fit(struct rte_mbuf **pkts, uint16_t n)
{
    uint16_t i = 0;

    while (i < n && dpdk_vdpa_lro_split(pkts[i])) {
        i++;
    }
    return i;
}

static uint16_t __rte_noinline
library_send(struct dpdk_vdpa_walk *walk, int vid, uint16_t i,
             struct rte_mbuf **pkts, uint16_t n)
{
    uint16_t n_sent = 0, want, sent;

    if (!dpdk_vdpa_book_is_enabled(walk->book, i)
        || !walked_hand_over(&walk->rings[i], vid, i)) {
        return 0;
    }
    n = make_fit(pkts, n);
    do {
        want = n - n_sent;
        walk_announce(walk, i, &pkts[n_sent], &want);
        if (!want) {
            break;
        }
        sent = rte_vhost_enqueue_burst(vid, i, &pkts[n_sent], want);
        if (sent) {
            free_sent(&pkts[n_sent], sent);     /* They were copied. */
        }
        walk_take_back(walk, vid, i, sent, sent);
        n_sent += sent;
    } while (sent == want && n_sent < n);
    return n_sent;
}

/* Sends what dpdk_vdpa_ring_send() leaves of a burst, of which it has sent
 * 'n_sent'. */
static uint16_t __rte_noinline
walk_send_rest(struct dpdk_vdpa_walk *walk, uint16_t i, uint16_t n_sent,
               struct rte_mbuf **pkts, uint16_t n)
{
    struct walked *w = &walk->rings[i];
    bool on_detour = w->n_detour;
    uint16_t n_more;

    if (walked_is_for_library(w)) {
        return 0;
    }
    n_more = dpdk_vdpa_scatter_send(&w->ring, &walk->notes->undos[i],
                                    w->ring.size - n_sent, pkts, n);
    /* A plain packet that was left means that the buffers are not plain. */
    if (n_more && !n_sent && !on_detour && ring_packet_is_plain(pkts[0])) {
        walked_detour(w, false);
    }
    return n_more;
}

/* As dpdk_vdpa_ring_send(), whatever it is.  What is left for the library is
 * "unusual". */
static inline uint16_t
walk_send(struct dpdk_vdpa_walk *walk, uint16_t i, struct rte_mbuf **pkts,
          uint16_t n)
{
    struct walked *w = &walk->rings[i];
    uint16_t n_sent = 0;

    if (OVS_LIKELY(!w->n_detour)) {
        n_sent = dpdk_vdpa_ring_send(&w->ring, pkts, n);
        if (OVS_LIKELY(n_sent == n || !w->ring.unusual)) {
            return n_sent;
        }
    }
    return n_sent + walk_send_rest(walk, i, n_sent, &pkts[n_sent],
                                   n - n_sent);
}

uint16_t
dpdk_vdpa_walk_send(struct dpdk_vdpa_walk *walk, int vid, uint16_t i,
                    struct rte_mbuf **pkts, uint16_t n)
{
    struct walked *w = &walk->rings[i];
    struct dpdk_vdpa_ring *ring = walked_enter(w);
    uint16_t n_sent = 0, n_library = 0;
    bool to_library = true, is_unusual = false;

    if (OVS_LIKELY(ring)) {
        bool on_detour = w->n_detour;

        n_sent = walk_send(walk, i, pkts, n);
        if (n_sent) {
            walked_tell(w, vid, i);
            free_sent(pkts, n_sent);    /* While the barrier would wait. */
            walked_call(w);
        }
        to_library = n_sent < n && ring->unusual;
        is_unusual = to_library && !on_detour;
    }
    walked_leave(w);
    if (OVS_UNLIKELY(to_library && !walk_recalls(walk))) {
        n_library = library_send(walk, vid, i, &pkts[n_sent], n - n_sent);
        walked_heed_library(w, is_unusual, n_library);
    }
    return n_sent + n_library;
}
