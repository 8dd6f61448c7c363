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

#include "vhost/dmas.h"

#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <unistd.h>

#include <rte_config.h>
#include <rte_cycles.h>
#include <rte_dmadev.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>
#include <rte_vhost_async.h>

#include "base/counter.h"
#include "base/packet.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "vhost/lro.h"
#include "vhost/message.h"
#include "vhost/notes.h"
#include "vhost/walk.h"
#include "vhost/walk-private.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_dmas);

/* After so many ms without anything finished an engine has failed.  Meanwhile
 * nobody else's messages are handled. */
#define STALL_DELAY 1000

/* Between two looks of who waits, in us. */
#define LOOK_INTERVAL 20

/* Packets that are taken back at a time. */
#define BURST 32

/* Descriptors that are looked at to see how long a packet is. */
#define MAX_LOOKS 4

/* The only virtual channel of an engine that is used. */
#define VCHAN 0

/* What the library does not allow with engines. */
#define FEATURES_FOR_CPU (1ULL << VIRTIO_F_IOMMU_PLATFORM                    \
                          | 1ULL << VHOST_F_LOG_ALL)

struct dpdk_vdpa_dmas *
dpdk_vdpa_dmas_create(struct dpdk_vdpa_walk *walk,
                      const struct dpdk_vdpa_dmas_ops *ops, void *aux)
{
    struct dpdk_vdpa_dmas *dmas = xzalloc_cacheline(sizeof *dmas);

    for (unsigned int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        dmas->rings[i].engine = -1;
    }
    dmas->walk = walk;
    dmas->ops = ops;
    dmas->aux = aux;
    return dmas;
}

/* Takes at most 'n' packets that were put aside from 'r'. */
static uint16_t
stash_get(struct dpdk_vdpa_dmas_ring *r, struct rte_mbuf **pkts, uint16_t n)
{
    unsigned int put, got;
    uint16_t i = 0;

    atomic_read_explicit(&r->n_put, &put, memory_order_acquire);
    atomic_read_relaxed(&r->n_got, &got);
    while (i < n && got != put) {
        pkts[i++] = r->stash[got++ % DPDK_VDPA_DMAS_STASH];
    }
    atomic_store_explicit(&r->n_got, got, memory_order_release);
    return i;
}

/* Puts the 'n' packets aside that came from 'r'.  What has no place, as the
 * PMD thread does not look, goes the way of what a full queue drops. */
static void
stash_put(struct dpdk_vdpa_dmas_ring *r, struct rte_mbuf **pkts, uint16_t n)
{
    unsigned int put, got;
    uint16_t i = 0;

    atomic_read_relaxed(&r->n_put, &put);
    atomic_read_explicit(&r->n_got, &got, memory_order_acquire);
    while (i < n && put - got < DPDK_VDPA_DMAS_STASH) {
        r->stash[put++ % DPDK_VDPA_DMAS_STASH] = pkts[i++];
    }
    atomic_store_explicit(&r->n_put, put, memory_order_release);
    if (i < n) {
        rte_pktmbuf_free_bulk(&pkts[i], n - i);
        dpdk_vdpa_counter_add(&r->n_lost, n - i);
    }
}

static void
stash_clear(struct dpdk_vdpa_dmas_ring *r)
{
    struct rte_mbuf *pkts[BURST];
    uint16_t n;

    while ((n = stash_get(r, pkts, BURST))) {
        rte_pktmbuf_free_bulk(pkts, n);
        dpdk_vdpa_counter_add(&r->n_lost, n);
    }
}

void
dpdk_vdpa_dmas_destroy(struct dpdk_vdpa_dmas *dmas)
{
    if (dmas) {
        for (unsigned int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
            stash_clear(&dmas->rings[i]);
        }
        free_cacheline(dmas);
    }
}

void
dpdk_vdpa_dmas_set(struct dpdk_vdpa_dmas *dmas, unsigned int ring,
                   int16_t engine)
{
    dmas->rings[ring].engine = engine;
}

void
dpdk_vdpa_dmas_begin(struct dpdk_vdpa_dmas *dmas)
{
    for (unsigned int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        struct dpdk_vdpa_dmas_ring *r = &dmas->rings[i];

        atomic_store_relaxed(&r->open, false);
        r->busy = r->told = false;
        r->n_in_flight = 0;
    }
}

void
dpdk_vdpa_dmas_get_info(const struct dpdk_vdpa_dmas *dmas_, unsigned int ring,
                        struct dpdk_vdpa_dmas_info *info)
{
    struct dpdk_vdpa_dmas *dmas = CONST_CAST(struct dpdk_vdpa_dmas *, dmas_);

    memset(info, 0, sizeof *info);
    if (dmas) {
        atomic_read_relaxed(&dmas->rings[ring].open, &info->open);
        atomic_read_relaxed(&dmas->rings[ring].failed, &info->failed);
        atomic_read_relaxed(&dmas->rings[ring].n_copied, &info->n_copied);
        info->n_lost = dpdk_vdpa_counter_read(&dmas->rings[ring].n_lost);
    }
}

static bool
has_failed(struct dpdk_vdpa_dmas_ring *r)
{
    bool failed;

    atomic_read_relaxed(&r->failed, &failed);
    return failed;
}

/* Opening and closing. */

bool
dpdk_vdpa_dmas_concern(const struct dpdk_vdpa_msg *msg)
{
    switch (msg->request) {
    case DPDK_VDPA_MSG_SET_FEATURES:
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
    case DPDK_VDPA_MSG_SET_LOG_BASE:
    case DPDK_VDPA_MSG_SET_VRING_NUM:
    case DPDK_VDPA_MSG_SET_VRING_ADDR:
    case DPDK_VDPA_MSG_SET_VRING_BASE:
    case DPDK_VDPA_MSG_SET_VRING_KICK:
    case DPDK_VDPA_MSG_SET_VRING_ENABLE:
        return true;
    default:
        return false;
    }
}

static int
get_in_flight(int vid, unsigned int i, bool locked)
{
    return (locked ? rte_vhost_async_get_inflight_thread_unsafe(vid, i)
            : rte_vhost_async_get_inflight(vid, i));
}

/* Takes back what has been copied of ring 'i'. */
static void
drain(struct dpdk_vdpa_dmas *dmas, int vid, unsigned int i, bool locked)
{
    struct dpdk_vdpa_dmas_ring *r = &dmas->rings[i];
    struct rte_mbuf *pkts[BURST];
    uint16_t n;

    do {
        n = (locked
             ? rte_vhost_clear_queue_thread_unsafe(vid, i, pkts, BURST,
                                                   r->engine, VCHAN)
             : rte_vhost_clear_queue(vid, i, pkts, BURST, r->engine, VCHAN));
        if (i % 2 && n) {
            for (uint16_t j = 0; j < n; j++) {
                dpdk_vdpa_packet_translate(pkts[j],
                                           dmas->walk->book->features);
            }
            stash_put(r, pkts, n);
        } else if (n) {
            rte_pktmbuf_free_bulk(pkts, n);
        }
    } while (n == BURST);
}

/* Waits until nothing of ring 'i' is in flight.  Returns false if that does
 * not happen: then its engine is stopped. */
static bool
wait_for_all(struct dpdk_vdpa_dmas *dmas, int vid, unsigned int i, bool locked)
{
    struct dpdk_vdpa_dmas_ring *r = &dmas->rings[i];
    long long int begin = time_msec();
    bool is_stopped;
    int n;

    for (;;) {
        drain(dmas, vid, i, locked);
        n = get_in_flight(vid, i, locked);
        if (n <= 0) {
            return true;        /* A ring with no place has none either. */
        } else if (has_failed(r) || time_msec() - begin >= STALL_DELAY) {
            break;
        }
        usleep(LOOK_INTERVAL);
    }
    is_stopped = !rte_dma_stop(r->engine);
    VLOG_ERR("connection %d: DMA engine %d does not finish what it copies of "
             "ring %u%s", vid, r->engine, i,
             is_stopped ? "" : ", and cannot be stopped");
    /* What comes from the guest is still in its ring. */
    dpdk_vdpa_counter_add(&r->n_lost, i % 2 ? 0 : n);
    atomic_store_relaxed(&r->failed, true);
    dmas->ops->failed(dmas->aux, i, is_stopped);
    return false;
}

static bool
close_ring(struct dpdk_vdpa_dmas *dmas, int vid, unsigned int i, bool locked)
{
    struct dpdk_vdpa_dmas_ring *r = &dmas->rings[i];
    bool open;

    atomic_read_relaxed(&r->open, &open);
    if (!open) {
        return true;
    }
    if (!wait_for_all(dmas, vid, i, locked)) {
        return false;
    }
    if (locked) {
        rte_vhost_async_channel_unregister_thread_unsafe(vid, i);
    } else {
        rte_vhost_async_channel_unregister(vid, i);
    }
    atomic_store_explicit(&r->open, false, memory_order_release);
    return true;
}

bool
dpdk_vdpa_dmas_close(struct dpdk_vdpa_dmas *dmas, int vid, unsigned int first,
                     unsigned int end, bool locked)
{
    bool all = true;

    for (unsigned int i = first; i < end; i++) {
        all &= close_ring(dmas, vid, i, locked);
    }
    return all;
}

void
dpdk_vdpa_dmas_end(struct dpdk_vdpa_dmas *dmas, int vid)
{
    dpdk_vdpa_dmas_close(dmas, vid, 0, DPDK_VDPA_BOOK_N_RINGS, false);
    dpdk_vdpa_walk_pass_on(dmas->walk);
    dpdk_vdpa_dmas_begin(dmas);
    for (unsigned int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        stash_clear(&dmas->rings[i]);
    }
}

void
dpdk_vdpa_dmas_open(struct dpdk_vdpa_dmas *dmas,
                    const struct dpdk_vdpa_book *book, int vid)
{
    bool packed = book->features & (1ULL << VIRTIO_F_RING_PACKED);

    if (!book->has_memory || book->postcopy
        || book->features & FEATURES_FOR_CPU) {
        return;
    }
    for (unsigned int i = 0; i < book->n_rings; i++) {
        struct dpdk_vdpa_dmas_ring *r = &dmas->rings[i];
        bool open;

        atomic_read_relaxed(&r->open, &open);
        if (!open && r->engine >= 0 && !has_failed(r) && !(packed && i % 2)
            && book->rings[i].is_started
            && !rte_vhost_async_channel_register_thread_unsafe(vid, i)) {
            atomic_store_explicit(&r->open, true, memory_order_release);
        }
    }
}

/* For PMD threads. */

/* Notes that ring 'i' has nothing in flight any more, or is closed, so that it
 * can be walked again. */
static void
end_busy(struct dpdk_vdpa_dmas *dmas, int vid, unsigned int i)
{
    dmas->rings[i].busy = false;
    dmas->rings[i].n_in_flight = 0;
    dpdk_vdpa_walk_take_back(dmas->walk, vid, i);
}

/* Returns true if ring 'i' may be used with its engine.  Who closed it has
 * seen to it that nothing is in flight, and nothing could be since. */
static bool
look_at(struct dpdk_vdpa_dmas *dmas, int vid, unsigned int i)
{
    bool open;

    atomic_read_explicit(&dmas->rings[i].open, &open, memory_order_acquire);
    if (!open && dmas->rings[i].busy) {
        end_busy(dmas, vid, i);
    }
    return open;
}

/* Takes note of 'n_in_flight', what the library says about ring 'i', negative
 * if it did not, after it gave back 'n' packets. */
static void
note_in_flight(struct dpdk_vdpa_dmas *dmas, int vid, unsigned int i,
               int n_in_flight, uint16_t n)
{
    struct dpdk_vdpa_dmas_ring *r = &dmas->rings[i];
    uint64_t now = rte_get_timer_cycles();
    uint64_t delay = STALL_DELAY * rte_get_timer_hz() / 1000;

    if (n || now - r->looked > delay / 4) {
        r->since = now;         /* Or nobody has looked for a while. */
    }
    r->looked = now;
    if (n) {
        struct walked *w = &dmas->walk->rings[i];

        walked_enter(w);
        dpdk_vdpa_walked_pass_on(w);
        walked_leave(w);
    }
    if (n_in_flight >= 0) {
        r->n_in_flight = n_in_flight;
    }
    if (!n_in_flight) {
        end_busy(dmas, vid, i);
    } else if (n_in_flight > 0 && now - r->since > delay && !r->told) {
        r->told = true;
        dmas->ops->stalled(dmas->aux);
    }
}

/* Hands ring 'i' to the library, and returns true, unless it cannot be now. */
static bool
begin_busy(struct dpdk_vdpa_dmas *dmas, int vid, unsigned int i)
{
    struct walked *w = &dmas->walk->rings[i];
    struct dpdk_vdpa_ring *ring = walked_enter(w);
    bool can = ring && walked_hand_over(w, vid, i);

    if (can && ring->is_packed) {
        dpdk_vdpa_note_set_state(&dmas->walk->notes->rings[i],
                                 DPDK_VDPA_NOTE_UNKNOWN);
    }
    walked_leave(w);
    if (can) {
        dmas->rings[i].busy = true;
    }
    return can;
}

static void
count_copied(struct dpdk_vdpa_dmas_ring *r, uint16_t n)
{
    uint64_t total;

    atomic_read_relaxed(&r->n_copied, &total);
    atomic_store_relaxed(&r->n_copied, total + n);
}

void
dpdk_vdpa_dmas_poll(struct dpdk_vdpa_dmas *dmas, int vid, uint16_t i)
{
    struct rte_mbuf *pkts[BURST];
    uint16_t n;

    if (!dpdk_vdpa_dmas_is_busy(dmas, i) || !look_at(dmas, vid, i)) {
        return;
    }
    n = rte_vhost_poll_enqueue_completed(vid, i, pkts, BURST,
                                         dmas->rings[i].engine, VCHAN);
    if (n) {
        rte_pktmbuf_free_bulk(pkts, n);
    }
    note_in_flight(dmas, vid, i, rte_vhost_async_get_inflight(vid, i), n);
}

/* Returns true if the packet that begins at descriptor 'i' of split 'ring' is
 * short.  A guest that changes it meanwhile has it copied one way or the
 * other. */
static bool
chain_is_short(const struct dpdk_vdpa_ring *ring, uint16_t i)
{
    uint32_t max = ring->header_len + DPDK_VDPA_RING_SHORT;
    uint64_t len = 0;

    for (int n = 0; n < MAX_LOOKS && i < ring->size; n++) {
        const volatile struct vring_desc *desc = &ring->split.desc[i];
        uint16_t flags = desc->flags;

        len += desc->len;
        if (len > max || flags & VRING_DESC_F_INDIRECT) {
            return false;
        } else if (!(flags & VRING_DESC_F_NEXT)) {
            return true;
        }
        i = desc->next;
    }
    return false;
}

/* Returns how many of the next 'n' packets from ring 'i' are for the walk:
 * those before the first one that is long. */
static uint16_t
n_for_walk(struct dpdk_vdpa_dmas *dmas, unsigned int i, uint16_t n)
{
    struct walked *w = &dmas->walk->rings[i];
    struct dpdk_vdpa_ring *ring = walked_enter(w);

    if (ring && !walked_lends(w)) {
        const volatile struct vring_avail *avail = ring->split.avail;
        uint16_t n_avail = avail->idx - ring->next_avail;

        atomic_thread_fence(memory_order_acquire);
        for (uint16_t j = 0; j < MIN(n, n_avail); j++) {
            uint16_t pos = (ring->next_avail + j) & (ring->size - 1);

            if (!chain_is_short(ring, avail->ring[pos])) {
                n = j;
            }
        }
    }
    walked_leave(w);
    return n;
}

/* Receives at most 'n' packets by the engine of ring 'i', which is busy. */
static uint16_t
engine_recv(struct dpdk_vdpa_dmas *dmas, int vid, uint16_t i,
            struct rte_mempool *mp, struct rte_mbuf **pkts, uint16_t n)
{
    struct dpdk_vdpa_dmas_ring *r = &dmas->rings[i];
    int n_in_flight = -1;
    uint64_t features;
    uint16_t n_got;

    if (r->n_in_flight + n <= DPDK_VDPA_DMAS_IN_FLIGHT) {
        n_got = rte_vhost_async_try_dequeue_burst(vid, i, mp, pkts, n,
                                                  &n_in_flight, r->engine,
                                                  VCHAN);
    } else {
        n_got = rte_vhost_clear_queue(vid, i, pkts, n, r->engine, VCHAN);
        n_in_flight = rte_vhost_async_get_inflight(vid, i);
    }
    atomic_read_relaxed(&dmas->walk->features, &features);
    for (uint16_t j = 0; j < n_got; j++) {
        dpdk_vdpa_packet_translate(pkts[j], features);
    }
    count_copied(r, n_got);
    note_in_flight(dmas, vid, i, n_in_flight, n_got);
    return n_got;
}

uint16_t
dpdk_vdpa_dmas_recv(struct dpdk_vdpa_dmas *dmas, int vid, uint16_t i,
                    struct rte_mempool *mp, struct rte_mbuf **pkts, uint16_t n)
{
    struct dpdk_vdpa_dmas_ring *r = &dmas->rings[i];
    uint16_t n_got;

    dpdk_vdpa_dmas_poll(dmas, vid, i - 1);
    n_got = stash_get(r, pkts, n);
    if (n_got) {
        count_copied(r, n_got);
        return n_got;
    }
    if (!look_at(dmas, vid, i)) {
        return dpdk_vdpa_walk_recv(dmas->walk, vid, i, mp, pkts, n);
    }
    if (!r->busy) {
        uint16_t n_walk = n_for_walk(dmas, i, n);

        if (n_walk) {
            return dpdk_vdpa_walk_recv(dmas->walk, vid, i, mp, pkts, n_walk);
        }
        /* The guest may have an interrupt coming to it. */
        dpdk_vdpa_walk_settle(dmas->walk, vid, i, mp, NULL, 0);
        if (!begin_busy(dmas, vid, i)) {
            return 0;
        }
    }
    n_got = engine_recv(dmas, vid, i, mp, pkts, n);
    return (n_got || r->busy ? n_got
            : dpdk_vdpa_walk_recv(dmas->walk, vid, i, mp, pkts, n));
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

static bool
all_are_short(struct rte_mbuf *const *pkts, uint16_t n)
{
    uint16_t i = 0;

    while (i < n && pkts[i]->pkt_len <= DPDK_VDPA_RING_SHORT) {
        i++;
    }
    return i == n;
}

uint16_t
dpdk_vdpa_dmas_send(struct dpdk_vdpa_dmas *dmas, int vid, uint16_t i,
                    struct rte_mbuf **pkts, uint16_t n)
{
    struct dpdk_vdpa_dmas_ring *r = &dmas->rings[i];
    uint16_t n_sent, room;

    dpdk_vdpa_dmas_poll(dmas, vid, i);
    if (!look_at(dmas, vid, i)
        || (!r->busy && (all_are_short(pkts, n)
                         || dpdk_vdpa_walk_n_avail(dmas->walk, i, 1) < 0))) {
        return dpdk_vdpa_walk_send(dmas->walk, vid, i, pkts, n);
    }
    if (!dpdk_vdpa_book_is_enabled(dmas->walk->book, i)
        || walk_recalls(dmas->walk)
        || (!r->busy && !begin_busy(dmas, vid, i))) {
        return 0;
    }
    room = DPDK_VDPA_DMAS_IN_FLIGHT - MIN(r->n_in_flight,
                                          DPDK_VDPA_DMAS_IN_FLIGHT);
    n_sent = rte_vhost_submit_enqueue_burst(
        vid, i, pkts, make_fit(pkts, MIN(n, room)), r->engine, VCHAN);
    count_copied(r, n_sent);
    r->n_in_flight += n_sent;
    if (n_sent || r->n_in_flight) {
        return n_sent;
    }
    end_busy(dmas, vid, i);
    return dpdk_vdpa_walk_send(dmas->walk, vid, i, pkts, n);
}
