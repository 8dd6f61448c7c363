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

#ifndef DPDK_VDPA_WALK_H
#define DPDK_VDPA_WALK_H 1

/* Decides which virtqueues of a connection we walk ourselves (vhost/ring.h),
 * and when: the rest is for the vhost library.
 *
 * The library stays the owner of every virtqueue.  It learns after each burst
 * how far the ring has been processed, and can go on at any time.
 *
 *
 * Interrupts
 * ==========
 *
 * The library interrupts guests with its locks held, and waits if the
 * front-end wants it to.  So it gets an eventfd of our own for each ring, and
 * who had it process the ring looks there afterwards, and passes on to the
 * guest what it finds (vhost/interrupt.h).
 *
 *
 * Thread safety
 * =============
 *
 * The library changes virtqueues and maps memory only while it handles a
 * message of the front-end, in one thread per connection.  That thread closes
 * what the message is about before it does anything and opens it again
 * afterwards.  While a ring is closed, PMD threads go to the library, which
 * has a lock of its own against that thread.
 *
 * A PMD thread that walks a ring takes no lock and has no fence: to close, the
 * other thread has the kernel issue a barrier on all CPUs and then waits for
 * the burst that is under way, if any.  A burst never waits for the thread
 * that handles messages, so this ends within microseconds. */

#include <stdbool.h>
#include <stdint.h>

struct dpdk_vdpa_book;
struct dpdk_vdpa_notes;
struct dpdk_vdpa_waiter;
struct dpdk_vdpa_walk;
struct rte_mbuf;
struct rte_mempool;

/* Creates a walk of the rings in 'book', which is closed.  It notes in 'notes'
 * how far packed rings have been processed.  Returns null, with errno set, if
 * the kernel lacks what it needs (membarrier(2), Linux 4.14). */
struct dpdk_vdpa_walk *dpdk_vdpa_walk_create(
    const struct dpdk_vdpa_book *book, struct dpdk_vdpa_notes *notes);

/* How packets are lent (vhost/lend.h) that a guest sends.  Called, with 'aux',
 * by the thread that handles messages, which is about to change or to unmap
 * what they point to, or by the one that ends the connection.  The library may
 * hold locks that PMD threads take: neither may wait for them. */
struct dpdk_vdpa_lender {
    void *aux;

    /* Has who sends the packets let go of those that he has sent; 'by_force',
     * of all that he has. */
    void (*call_in)(void *aux, bool by_force);

    /* He does not: the guest's memory must stay mapped. */
    void (*lost)(void *aux);

    const void *owner;          /* Of the queues (vhost/lend.h). */
};

/* Has packets be lent from now on by the rules of 'lender'.  To be called
 * before the first ring is open. */
void dpdk_vdpa_walk_set_lender(struct dpdk_vdpa_walk *,
                               const struct dpdk_vdpa_lender *lender);

/* Says whether the guest's memory can be lent at all, for rings that are
 * opened from now on.  For the thread that handles messages. */
void dpdk_vdpa_walk_set_reachable(struct dpdk_vdpa_walk *, bool reachable);

/* Has packets be lent that take at most 'max_segs' segments, none if it is 0.
 * That a walk has a lender goes before.  Any thread. */
void dpdk_vdpa_walk_set_lending(struct dpdk_vdpa_walk *, uint16_t max_segs);

/* Destroys 'walk', which no PMD thread uses any more. */
void dpdk_vdpa_walk_destroy(struct dpdk_vdpa_walk *);

/* The following are for the thread that handles the connection's messages. */

/* On return nobody walks ring 'i', or any ring.  Costs a barrier only if
 * somebody might have. */
void dpdk_vdpa_walk_close_ring(struct dpdk_vdpa_walk *, unsigned int i);
void dpdk_vdpa_walk_close(struct dpdk_vdpa_walk *);

/* Has those rings of connection 'vid' walked that are enabled, and are not
 * walked yet, and for which it can be done. */
void dpdk_vdpa_walk_open(struct dpdk_vdpa_walk *, int vid);

/* The front-end wants interrupts of ring 'i' by eventfd 'fd', which this takes
 * over, or none if it is negative.  If the library is to know of it, too
 * ('for_library'), returns the eventfd to give to it, which is then the
 * library's to close, or -1 with errno set; otherwise returns 0. */
int dpdk_vdpa_walk_set_call(struct dpdk_vdpa_walk *, unsigned int i, int fd,
                            bool for_library);

/* The library has forgotten ring 'i' and goes on: returns as above. */
int dpdk_vdpa_walk_renew_call(struct dpdk_vdpa_walk *, unsigned int i);

/* The same for a ring that a vDPA device is to process, which interrupts the
 * guest by itself: keeps eventfd 'fd', which this takes over, or none if it is
 * negative, and interrupts the guest once.  dpdk_vdpa_walk_get_call() returns
 * another eventfd of the same, which is the caller's to close, or -1, with
 * errno set, or 0 if there is none. */
void dpdk_vdpa_walk_keep_call(struct dpdk_vdpa_walk *, unsigned int i, int fd);
int dpdk_vdpa_walk_get_call(struct dpdk_vdpa_walk *, unsigned int i);

/* Passes on interrupts by the library that nobody has passed on yet. */
void dpdk_vdpa_walk_pass_on(struct dpdk_vdpa_walk *);

/* Closes the eventfds of ring 'i', which the library does not process any
 * more, or of all rings, which are closed; or that of the library's only. */
void dpdk_vdpa_walk_drop_library_call(struct dpdk_vdpa_walk *,
                                      unsigned int i);
void dpdk_vdpa_walk_drop_call(struct dpdk_vdpa_walk *, unsigned int i);
void dpdk_vdpa_walk_drop_calls(struct dpdk_vdpa_walk *);

/* The front-end notifies us of what is offered in ring 'i' by eventfd 'fd',
 * which this takes over. */
void dpdk_vdpa_walk_set_kick(struct dpdk_vdpa_walk *, unsigned int i, int fd);

/* The front-end does not any more, of ring 'i' or of any. */
void dpdk_vdpa_walk_drop_kick(struct dpdk_vdpa_walk *, unsigned int i);
void dpdk_vdpa_walk_drop_kicks(struct dpdk_vdpa_walk *);

/* The library has a packet of its own for the next who receives from it.
 * No ring may be walked. */
void dpdk_vdpa_walk_ask_library(struct dpdk_vdpa_walk *);

/* For show. */
struct dpdk_vdpa_walk_info {
    unsigned int n_walked;      /* Rings that are walked. */
    uint64_t library_rx;        /* Packets that came by the library instead. */
    uint64_t library_tx;        /* That it sent. */
    uint64_t n_kicks;           /* Notifications that woke a thread. */
    uint64_t n_lent;            /* Packets that came without being copied. */
};

/* Fills in '*info'.  Any thread. */
void dpdk_vdpa_walk_get_info(const struct dpdk_vdpa_walk *,
                             struct dpdk_vdpa_walk_info *info);

/* For PMD threads, for a given ring one at a time. */

/* Receives at most 'n' packets from 'ring' of connection 'vid' into mbufs of
 * 'mp', or sends 'n' packets, in order, as long as there is room, and frees
 * those that it sent.  Both return how many.
 *
 * What a guest sent and the library refused comes as a packet of length 0, as
 * far as it can be told: somebody must count it. */
uint16_t dpdk_vdpa_walk_recv(struct dpdk_vdpa_walk *, int vid, uint16_t ring,
                             struct rte_mempool *mp, struct rte_mbuf **pkts,
                             uint16_t n);
uint16_t dpdk_vdpa_walk_send(struct dpdk_vdpa_walk *, int vid, uint16_t ring,
                             struct rte_mbuf **pkts, uint16_t n);

/* Asks the guest for notifications of what it offers in 'ring', which end
 * waits of 'waiter', until dpdk_vdpa_walk_end_kick().  Returns false if nobody
 * walks the ring, or there is nothing to be notified by.  The caller looks
 * once more before it waits: what was there already the guest does not
 * tell. */
bool dpdk_vdpa_walk_ask_for_kick(struct dpdk_vdpa_walk *, uint16_t ring,
                                 struct dpdk_vdpa_waiter *waiter);
void dpdk_vdpa_walk_end_kick(struct dpdk_vdpa_walk *, uint16_t ring);

/* Interrupts the guest of 'ring' if that is due, and puts copies in the place
 * of those of the 'n' packets 'pkts' from it that are lent, as far as 'mp' has
 * mbufs: to be called if dpdk_vdpa_walk_recv() will not be for a while. */
void dpdk_vdpa_walk_settle(struct dpdk_vdpa_walk *, int vid, uint16_t ring,
                           struct rte_mempool *mp, struct rte_mbuf **pkts,
                           uint16_t n);

/* Returns true if something is lent of what came from 'ring'. */
bool dpdk_vdpa_walk_has_lent(struct dpdk_vdpa_walk *, uint16_t ring);

/* If the guest offers in 'ring', which it receives with, a buffer next that is
 * too short for any frame, gives it back with nothing in it and returns true.
 * Returns false if nobody walks the ring. */
bool dpdk_vdpa_walk_return_short(struct dpdk_vdpa_walk *, int vid,
                                 uint16_t ring);

/* Returns how many descriptors the guest offers in 'ring', at most 'max', none
 * while what is lent comes back, or -1 if nobody walks it, so that this cannot
 * be told. */
int dpdk_vdpa_walk_n_avail(struct dpdk_vdpa_walk *, uint16_t ring,
                           unsigned int max);

#endif /* vhost/walk.h */
