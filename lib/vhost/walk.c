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

#define ALLOW_EXPERIMENTAL_API  /* For rte_vhost_vring_call_nonblock(). */

#include "vhost/walk.h"

#include <errno.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <rte_config.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "base/gate.h"
#include "dpdk-vdpa-relay.h"
#include "vhost/ring.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_walk);

#define MAX_RINGS (2 * DPDK_VDPA_MAX_PAIRS)

/* Where the library puts packets of its own: it looks in every queue, of which
 * this is the one that every guest has. */
#define FIRST_SEND_RING 1

/* With an IOMMU every address has to be looked up, and during a live migration
 * every write has to be logged: the library does that. */
#define FEATURES_FOR_LIBRARY (1ULL << VIRTIO_F_IOMMU_PLATFORM                \
                              | 1ULL << VHOST_F_LOG_ALL)

struct walked {
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        /* The gate.  Each is written by one side and read by both. */
        atomic_bool inside;             /* The PMD thread. */
        atomic_bool closed;             /* The thread that handles messages. */

        /* For who is inside, or the one that has the gate closed. */
        bool stale;                     /* The library has been at the ring. */
        bool must_call;                 /* With the next burst. */
        uint16_t told;                  /* 'next_used' when we last thought
                                         * of an interrupt. */
        int call_fd;
        unsigned int n_asked;           /* dpdk_vdpa_walk_ask_library(). */
        struct dpdk_vdpa_ring ring;

        /* For the PMD thread. */
        unsigned int n_answered;        /* Of 'n_asked'. */
        bool library_behind;            /* It must learn about interrupts. */
        atomic_uint64_t n_library;      /* Packets of the library's. */
    );
};

struct dpdk_vdpa_walk {
    struct walked rings[MAX_RINGS];

    /* For the thread that handles messages. */
    struct dpdk_vdpa_memory memory;     /* Read by who is inside. */
    bool open;

    atomic_uint n_walked;
};

struct dpdk_vdpa_walk *
dpdk_vdpa_walk_create(void)
{
    struct dpdk_vdpa_walk *walk;

    if (!dpdk_vdpa_gate_init()) {
        return NULL;
    }
    walk = xzalloc_cacheline(sizeof *walk);
    for (int i = 0; i < MAX_RINGS; i++) {
        atomic_init(&walk->rings[i].closed, true);
    }
    return walk;
}

void
dpdk_vdpa_walk_destroy(struct dpdk_vdpa_walk *walk)
{
    free_cacheline(walk);
}

/* Interrupts the guest if it wants that for what it was given since it was
 * last thought of.  For who is inside, or has the gate closed. */
static void
walked_call(struct walked *w)
{
    if (dpdk_vdpa_ring_wants_call(&w->ring, w->told) || w->must_call) {
        w->must_call = false;
        if (w->call_fd >= 0) {
            eventfd_write(w->call_fd, 1);
        }
    }
    w->told = w->ring.next_used;
}

/* Opening and closing. */

void
dpdk_vdpa_walk_close(struct dpdk_vdpa_walk *walk)
{
    if (!walk->open) {
        return;
    }

    for (int i = 0; i < MAX_RINGS; i++) {
        atomic_store_relaxed(&walk->rings[i].closed, true);
    }
    dpdk_vdpa_gate_barrier();
    for (int i = 0; i < MAX_RINGS; i++) {
        struct walked *w = &walk->rings[i];

        dpdk_vdpa_gate_wait(&w->inside);
        if (w->told != w->ring.next_used) {
            walked_call(w);
        }
    }
    walk->open = false;
    atomic_store_relaxed(&walk->n_walked, 0);
}

/* Reads the memory table of connection 'vid'.  Returns false if it cannot be
 * used. */
static bool
read_memory(int vid, struct dpdk_vdpa_memory *memory)
{
    struct rte_vhost_memory *mem;

    memory->n = 0;
    if (rte_vhost_get_mem_table(vid, &mem)) {
        return false;
    }
    if (mem->nregions <= ARRAY_SIZE(memory->regions)) {
        memory->n = mem->nregions;
    }
    for (unsigned int i = 0; i < memory->n; i++) {
        const struct rte_vhost_mem_region *from = &mem->regions[i];

        memory->regions[i].start = from->guest_phys_addr;
        memory->regions[i].size = from->size;
        memory->regions[i].offset = (from->host_user_addr
                                     - from->guest_phys_addr);
    }
    free(mem);
    return memory->n > 0;
}

/* Returns true if all parts of 'vring' are there and aligned as they should be
 * (virtio 1.1, sections 2.6 and 2.7.10.1): on some CPUs a thread would not
 * survive the use of one that is not. */
static bool
is_aligned(const struct rte_vhost_vring *vring, bool packed)
{
    uintptr_t desc = (uintptr_t) vring->desc;
    uintptr_t avail = (uintptr_t) vring->avail;
    uintptr_t used = (uintptr_t) vring->used;

    return (desc && avail && used
            && !(desc % 16) && !(avail % (packed ? 4 : 2)) && !(used % 4));
}

/* Sets up 'w' for 'ring' of connection 'vid'.  Returns false if it is not a
 * ring that can be walked. */
static bool
walked_set_up(struct walked *w, int vid, unsigned int i, uint64_t features,
              const struct dpdk_vdpa_memory *memory)
{
    struct dpdk_vdpa_ring *ring = &w->ring;
    struct rte_vhost_vring vring;

    dpdk_vdpa_ring_init(ring, features);
    if (rte_vhost_get_vhost_vring(vid, i, &vring) || !vring.size
        || !is_aligned(&vring, ring->is_packed)) {
        return false;
    }
    if (ring->is_packed) {
        ring->packed.desc = vring.desc_packed;
        ring->packed.driver_event = vring.driver_event;
    } else if (IS_POW2(vring.size)) {
        ring->split.desc = vring.desc;
        ring->split.avail = vring.avail;
        ring->split.used = vring.used;
    } else {
        return false;
    }
    ring->size = vring.size;
    ring->memory = memory;
    ring->region = memory->regions;
    w->call_fd = vring.callfd;
    w->told = ring->next_used;
    w->stale = true;
    w->must_call = true;        /* Who was there before may not have. */
    return true;
}

void
dpdk_vdpa_walk_open(struct dpdk_vdpa_walk *walk, int vid, const bool *enabled,
                    unsigned int n)
{
    uint64_t features = 0;
    unsigned int n_walked = 0;

    ovs_assert(!walk->open);
    if (rte_vhost_get_negotiated_features(vid, &features)
        || features & FEATURES_FOR_LIBRARY
        || !read_memory(vid, &walk->memory)) {
        return;
    }

    n = MIN(n, MAX_RINGS);
    for (unsigned int i = 0; i < n; i++) {
        struct walked *w = &walk->rings[i];

        if (enabled[i]
            && walked_set_up(w, vid, i, features, &walk->memory)) {
            atomic_store_explicit(&w->closed, false, memory_order_release);
            n_walked++;
        }
    }
    walk->open = n_walked > 0;
    atomic_store_relaxed(&walk->n_walked, n_walked);
    VLOG_DBG("connection %d: %u rings walked", vid, n_walked);
}

void
dpdk_vdpa_walk_ask_library(struct dpdk_vdpa_walk *walk)
{
    ovs_assert(!walk->open);
    walk->rings[FIRST_SEND_RING].n_asked++;
}

void
dpdk_vdpa_walk_get_info(const struct dpdk_vdpa_walk *walk_,
                        struct dpdk_vdpa_walk_info *info)
{
    struct dpdk_vdpa_walk *walk = CONST_CAST(struct dpdk_vdpa_walk *, walk_);

    memset(info, 0, sizeof *info);
    atomic_read_relaxed(&walk->n_walked, &info->n_walked);
    for (int i = 0; i < MAX_RINGS; i++) {
        uint64_t n;

        atomic_read_relaxed(&walk->rings[i].n_library, &n);
        *(i % 2 ? &info->library_rx : &info->library_tx) += n;
    }
}

/* Walking. */

/* Learns from the library how far the ring has been processed.  Returns false
 * if it cannot be walked from there. */
static bool __rte_noinline
walked_refresh(struct walked *w, int vid, unsigned int i)
{
    struct dpdk_vdpa_ring *ring = &w->ring;

    if (rte_vhost_get_vring_base(vid, i, &ring->next_avail, &ring->next_used)
        || (ring->is_packed
            && (ring->next_avail != ring->next_used
                || (ring->next_used & 0x7fff) >= ring->size))) {
        return false;
    }
    w->told = ring->next_used;
    w->stale = false;
    return true;
}

/* Tells the library how far the ring has been processed. */
static inline void
walked_tell(struct walked *w, int vid, unsigned int i)
{
    const struct dpdk_vdpa_ring *ring = &w->ring;

    rte_vhost_set_vring_base(vid, i, ring->next_avail, ring->next_used);
    w->library_behind = ring->event_idx;
}

/* Returns true if the caller may walk ring 'i', and must call walked_leave()
 * afterwards. */
static inline bool
walked_enter(struct walked *w, int vid, unsigned int i)
{
    if (OVS_UNLIKELY(!dpdk_vdpa_gate_enter(&w->inside, &w->closed))) {
        return false;
    }
    if (OVS_UNLIKELY(w->stale && !walked_refresh(w, vid, i))) {
        dpdk_vdpa_gate_leave(&w->inside);
        return false;
    }
    return true;
}

/* Leaves the ring.  Returns true if it is for the library to go on. */
static inline bool
walked_leave(struct walked *w, bool to_library)
{
    if (OVS_UNLIKELY(to_library)) {
        w->stale = true;
    }
    dpdk_vdpa_gate_leave(&w->inside);
    return to_library;
}

/* Prepares the library to go on with ring 'i'.  Returns false if it cannot
 * now.
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

static void
walked_count_library(struct walked *w, unsigned int n)
{
    uint64_t total;

    atomic_read_relaxed(&w->n_library, &total);
    atomic_store_relaxed(&w->n_library, total + n);
}

static uint16_t __rte_noinline
library_recv(struct walked *w, int vid, uint16_t i, struct rte_mempool *mp,
             struct rte_mbuf **pkts, uint16_t n, unsigned int n_asked)
{
    if (!walked_hand_over(w, vid, i)) {
        return 0;
    }
    n = rte_vhost_dequeue_burst(vid, i, mp, pkts, n);
    if (n) {
        w->n_answered = n_asked;
        walked_count_library(w, n);
    }
    return n;
}

uint16_t
dpdk_vdpa_walk_recv(struct dpdk_vdpa_walk *walk, int vid, uint16_t i,
                    struct rte_mempool *mp, struct rte_mbuf **pkts, uint16_t n)
{
    struct walked *w = &walk->rings[i];
    unsigned int n_asked = w->n_answered;

    if (OVS_LIKELY(walked_enter(w, vid, i))) {
        uint16_t n_got = 0;

        /* A guest is not in a hurry to know that its buffers are free again,
         * and the barrier that the look at its wishes needs would now wait for
         * what was written: that is over when we come by the next time. */
        if (w->told != w->ring.next_used) {
            walked_call(w);
        }
        n_asked = w->n_asked;
        if (OVS_LIKELY(n_asked == w->n_answered)) {
            n_got = dpdk_vdpa_ring_recv(&w->ring, mp, pkts, n);
        }
        if (n_got) {
            walked_tell(w, vid, i);
        }
        if (OVS_LIKELY(!walked_leave(w, !n_got
                                        && (w->ring.unusual
                                            || n_asked != w->n_answered)))) {
            return n_got;
        }
    }
    return library_recv(w, vid, i, mp, pkts, n, n_asked);
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

static uint16_t __rte_noinline
library_send(struct walked *w, int vid, uint16_t i, struct rte_mbuf **pkts,
             uint16_t n)
{
    if (!walked_hand_over(w, vid, i)) {
        return 0;
    }
    n = rte_vhost_enqueue_burst(vid, i, pkts, n);
    if (n) {
        free_sent(pkts, n);     /* They were copied. */
        walked_count_library(w, n);
    }
    return n;
}

uint16_t
dpdk_vdpa_walk_send(struct dpdk_vdpa_walk *walk, int vid, uint16_t i,
                    struct rte_mbuf **pkts, uint16_t n)
{
    struct walked *w = &walk->rings[i];

    if (OVS_LIKELY(walked_enter(w, vid, i))) {
        uint16_t n_sent = dpdk_vdpa_ring_send(&w->ring, pkts, n);

        if (n_sent) {
            walked_tell(w, vid, i);
            free_sent(pkts, n_sent);    /* While the barrier would wait. */
            walked_call(w);
        }
        if (OVS_LIKELY(!walked_leave(w, !n_sent && w->ring.unusual))) {
            return n_sent;
        }
    }
    return library_send(w, vid, i, pkts, n);
}
