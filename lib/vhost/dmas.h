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

#ifndef DPDK_VDPA_DMAS_H
#define DPDK_VDPA_DMAS_H 1

/* DMA engines copy packets to and from a guest, by the asynchronous functions
 * of the vhost library.
 *
 * A ring that has an engine is walked (vhost/walk.h) as long as what it moves
 * is short, as to have an engine copy that costs more than the copy.  With the
 * first packet that is longer the ring is handed to the library, and belongs
 * to it until nothing is in flight any more: packets come in the order of the
 * ring, so that those behind must wait for those before.
 *
 * The library lets go of a ring's engine before each message that changes what
 * a copy in flight is about: memory, features, the ring.  It holds the locks
 * of all rings for these, so that no PMD thread begins another copy, and an
 * engine takes microseconds for those that are under way.
 *
 * Packets of a packed ring from the guest are never copied by an engine: the
 * library frees an mbuf twice if it cannot take such a packet. */

#include <stdbool.h>
#include <stdint.h>

#include "ovs-atomic.h"
#include "util.h"
#include "vhost/book.h"

struct dpdk_vdpa_msg;
struct dpdk_vdpa_walk;
struct rte_mbuf;
struct rte_mempool;

/* Most packets of a ring in flight. */
#define DPDK_VDPA_DMAS_IN_FLIGHT 128

/* What came back while nobody asked for it waits here. */
#define DPDK_VDPA_DMAS_STASH 256
BUILD_ASSERT_DECL(DPDK_VDPA_DMAS_STASH > DPDK_VDPA_DMAS_IN_FLIGHT);

/* What befalls engines.  Called, with 'aux', by PMD threads ('stalled'), or
 * whoever closes the ring ('failed'): neither may wait. */
struct dpdk_vdpa_dmas_ops {
    /* An engine takes too long: the connection must end. */
    void (*stalled)(void *aux);

    /* The engine of 'ring' was stopped for that.  If that failed, too, it may
     * yet write: the guest's memory must stay mapped. */
    void (*failed)(void *aux, unsigned int ring, bool is_stopped);
};

struct dpdk_vdpa_dmas_ring {
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        int16_t engine;             /* Constant during a connection: a dmadev,
                                     * or -1. */
        atomic_bool failed;         /* Written by who closes rings. */
        atomic_bool open;           /* The library knows: written by who
                                     * handles messages. */
        atomic_uint64_t n_copied;   /* Packets, by the PMD thread. */
        atomic_uint64_t n_lost;     /* Written by who closes rings. */

        /* For the PMD thread, and who has stopped that. */
        bool busy;                  /* The library's: something is in flight,
                                     * or was not long ago. */
        bool told;                  /* That the engine has stalled. */
        unsigned int n_in_flight;   /* As last seen. */
        uint64_t since;             /* It last finished something, and when */
        uint64_t looked;            /* that was last looked for, in timer
                                     * cycles. */

        /* From who closes the ring to the PMD thread. */
        atomic_uint n_put;
        atomic_uint n_got;
    );
    struct rte_mbuf *stash[DPDK_VDPA_DMAS_STASH];
};

struct dpdk_vdpa_dmas {
    struct dpdk_vdpa_dmas_ring rings[DPDK_VDPA_BOOK_N_RINGS];
    struct dpdk_vdpa_walk *walk;    /* Of the same rings. */
    const struct dpdk_vdpa_dmas_ops *ops;
    void *aux;
};

/* Creates what no ring has an engine in. */
struct dpdk_vdpa_dmas *dpdk_vdpa_dmas_create(
    struct dpdk_vdpa_walk *, const struct dpdk_vdpa_dmas_ops *, void *aux);

/* Frees 'dmas', of which all is closed, if it is not null. */
void dpdk_vdpa_dmas_destroy(struct dpdk_vdpa_dmas *);

/* Has dmadev 'engine', which is the caller's, started and known to the library
 * as one for vhost, copy the packets of 'ring'.  While there is no
 * connection. */
void dpdk_vdpa_dmas_set(struct dpdk_vdpa_dmas *, unsigned int ring,
                        int16_t engine);

/* A connection begins. */
void dpdk_vdpa_dmas_begin(struct dpdk_vdpa_dmas *);

/* A connection that was served ends: closes all rings.  What came from the
 * guest in them is the last that did. */
void dpdk_vdpa_dmas_end(struct dpdk_vdpa_dmas *, int vid);

/* For the thread that handles the connection's messages. */

/* Returns true if 'msg' changes what a copy in flight is about, and the
 * library holds the locks of all rings while it handles it. */
bool dpdk_vdpa_dmas_concern(const struct dpdk_vdpa_msg *msg);

/* Has the engines of the rings 'first' up to 'end', not included, finish what
 * is in flight, and the library forget them.  'locked' says that it holds the
 * rings' locks, for this thread; otherwise no PMD thread uses the connection,
 * nor will.  Returns false if one does not finish: then the connection must
 * end. */
bool dpdk_vdpa_dmas_close(struct dpdk_vdpa_dmas *, int vid, unsigned int first,
                          unsigned int end, bool locked);

/* Has the library know the engines of those rings in 'book' that it may have
 * one for.  With the rings' locks held as above. */
void dpdk_vdpa_dmas_open(struct dpdk_vdpa_dmas *,
                         const struct dpdk_vdpa_book *book, int vid);

/* For PMD threads, for a given queue pair one at a time. */

/* As dpdk_vdpa_walk_recv() and dpdk_vdpa_walk_send().  What was sent may still
 * be in flight.  The former also takes back what was sent with the other ring
 * of the pair. */
uint16_t dpdk_vdpa_dmas_recv(struct dpdk_vdpa_dmas *, int vid, uint16_t ring,
                             struct rte_mempool *mp, struct rte_mbuf **pkts,
                             uint16_t n);
uint16_t dpdk_vdpa_dmas_send(struct dpdk_vdpa_dmas *, int vid, uint16_t ring,
                             struct rte_mbuf **pkts, uint16_t n);

/* Takes back what was sent with 'ring' and has come.  'dmas' may be null. */
void dpdk_vdpa_dmas_poll(struct dpdk_vdpa_dmas *, int vid, uint16_t ring);

/* Returns true if 'ring' is the library's, and somebody must look.  'dmas' may
 * be null. */
static inline bool
dpdk_vdpa_dmas_is_busy(const struct dpdk_vdpa_dmas *dmas, uint16_t ring)
{
    return dmas && dmas->rings[ring].busy;
}

/* For show. */

struct dpdk_vdpa_dmas_info {
    bool open;                  /* An engine copies, or would if packets were
                                 * long. */
    bool failed;                /* It has failed. */
    uint64_t n_copied;          /* Packets, */
    uint64_t n_lost;            /* and what of those to the guest was in flight
                                 * when the engine failed, or was copied from
                                 * it and not received before the end. */
};

/* Fills in '*info' about 'ring'.  'dmas' may be null.  Any thread. */
void dpdk_vdpa_dmas_get_info(const struct dpdk_vdpa_dmas *, unsigned int ring,
                             struct dpdk_vdpa_dmas_info *info);

#endif /* vhost/dmas.h */
