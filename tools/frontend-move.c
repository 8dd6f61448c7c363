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

/* A guest that moves from one back-end to another by live migration, as QEMU
 * does it: it copies its memory, and again each page that the back-end says it
 * has written.  What the guest itself writes QEMU knows otherwise: here, when all
 * was copied, the guest sends some packets, and gives no new buffers any more.
 *
 * It may think better of it, again and again, before it does move.  What is on
 * its way then a back-end may lose, as one that has to stop its device does: these
 * packets are counted for themselves.
 *
 * And it may stop and go on in the middle of a move, as by "stop" and "cont" in
 * QEMU's monitor; a guest that boots again looks the same to the back-end. */

#include "frontend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define N_PAGES (MEM_SIZE / PAGE)

/* The log has a bit for each page from address 0 on, in words of 8 bytes. */
#define LOG_SIZE (((GUEST_BASE + MEM_SIZE) / PAGE + 63) / 64 * 8)

#define LOG_RING 1              /* VHOST_VRING_F_LOG. */

/* Packets that are on their way, so few that twice as many find buffers if all
 * come by the same queue. */
#define WINDOW 100

/* How long traffic flows before a guest moves, how long nothing comes before what
 * is not back is lost, and how long a back-end has to answer, in ms. */
#define FLOW 300
#define QUIET 2000
#define TIMEOUT 5000

struct log {
    uint8_t *bits;
    size_t size;                /* As the back-end is told. */
    int fd;
};

/* What the guest's memory is at its new place, while it moves. */
static uint8_t *copy;

/* Traffic. */

static bool
is_back(const struct peer *peer)
{
    for (unsigned int i = 0; i < peer->n_pairs; i++) {
        if (peer->n_back[i] != peer->n_sent[i]
            || peer->rings[2 * i + 1].done != peer->rings[2 * i + 1].next) {
            return false;
        }
    }
    return true;
}

static void
send_some(struct peer *peer)
{
    for (unsigned int i = 0; i < peer->n_pairs; i++) {
        const struct ring *tx = &peer->rings[2 * i + 1];

        while (peer->n_sent[i] - peer->n_back[i] < WINDOW / peer->n_pairs
               && ring_room(tx)) {
            traffic_send_one(peer, i);
        }
    }
    for (unsigned int i = 0; i < 2 * peer->n_pairs; i++) {
        peer_kick(peer, i);
    }
}

/* Has traffic flow for so long, in ms, with new buffers for what comes. */
static void
flow(struct peer *peer, int ms)
{
    long long int end = now_ms() + ms;

    while (now_ms() < end) {
        for (unsigned int i = 0; i < peer->n_pairs; i++) {
            traffic_poll(peer, i, false, true);
        }
        send_some(peer);
    }
}

static unsigned int
count_missing(const struct peer *peer)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < peer->n_pairs; i++) {
        n += peer->n_sent[i] - peer->n_back[i];
    }
    return n;
}

/* Takes what comes until all is back, or nothing comes any more; the guest writes
 * nothing. */
static void
drain(struct peer *peer)
{
    long long int end = now_ms() + QUIET;
    unsigned int n = count_missing(peer);

    while (!is_back(peer) && now_ms() < end) {
        for (unsigned int i = 0; i < peer->n_pairs; i++) {
            traffic_reap(peer, i, true);
        }
        if (count_missing(peer) != n) {
            n = count_missing(peer);
            end = now_ms() + QUIET;
        }
    }
}

/* Logging. */

static void
set_features(struct peer *peer, bool logging)
{
    peer_send_u64(peer, SET_FEATURES,
                  peer->negotiated | (logging ? F_LOG_ALL : 0));
}

/* Says which rings are logged. */
static void
set_ring_addrs(struct peer *peer, bool logging)
{
    for (unsigned int i = 0; i < 2 * peer->n_pairs; i++) {
        union payload p = peer_ring_addr(i);

        p.addr.flags = logging ? LOG_RING : 0;
        p.addr.log = GUEST_BASE + i * RING_AREA + RING_USED;
        peer_send(peer, SET_VRING_ADDR, &p, sizeof p.addr, NULL, 0);
    }
}

static void
set_logging(struct peer *peer, bool logging)
{
    set_features(peer, logging);
    set_ring_addrs(peer, logging);
    if (!peer_is_alive(peer)) {
        fatal("%s: logging is refused", peer->path);
    }
}

static void
log_share(struct peer *peer, const struct log *log)
{
    union payload p = { .area = { .size = log->size } };
    struct msg reply;

    if (!peer_send(peer, SET_LOG_BASE, &p, 16, &log->fd, 1)
        || !peer_recv(peer, &reply, TIMEOUT)
        || reply.request != SET_LOG_BASE) {
        fatal("%s: the log is refused", peer->path);
    }
}

static void
log_begin(struct peer *peer, struct log *log)
{
    log->fd = make_memfd(log->size, 0);
    log->bits = mmap(NULL, log->size, PROT_READ | PROT_WRITE, MAP_SHARED,
                     log->fd, 0);
    if (log->bits == MAP_FAILED) {
        fatal("mmap: %s", strerror(errno));
    }
    log_share(peer, log);
    set_logging(peer, true);
}

static void
log_end(struct log *log)
{
    munmap(log->bits, log->size);
    close(log->fd);
}

/* Copies the pages that were written; returns their number. */
static unsigned int
copy_dirty(const struct peer *peer, const struct log *log)
{
    unsigned int n = 0;

    for (size_t i = 0; i < N_PAGES; i++) {
        size_t bit = GUEST_BASE / PAGE + i;
        uint8_t mask = 1 << bit % 8;

        if (__atomic_fetch_and(&log->bits[bit / 8], ~mask, __ATOMIC_ACQ_REL)
            & mask) {
            memcpy(copy + i * PAGE, peer->mem + i * PAGE, PAGE);
            n++;
        }
    }
    return n;
}

/* Copies what the guest writes when it sends. */
static void
copy_sent(const struct peer *peer)
{
    for (unsigned int i = 0; i < peer->n_pairs; i++) {
        const struct ring *tx = &peer->rings[2 * i + 1];
        size_t area = tx->area - peer->mem, bufs = tx->bufs - peer->mem;

        memcpy(copy + area, tx->area, RING_USED);
        memcpy(copy + bufs, tx->bufs, BUF_AREA);
    }
}

static const char *
page_name(size_t page)
{
    size_t at = page * PAGE;

    if (at >= MAX_RINGS * RING_AREA) {
        return "buffers";
    }
    at %= RING_AREA;
    return (at < RING_AVAIL ? "descriptors" : at < RING_USED ? "available"
            : "used");
}

/* Returns the number of pages that were written and not copied. */
static unsigned int
count_forgotten(const struct peer *peer)
{
    unsigned int n = 0;

    for (size_t i = 0; i < N_PAGES; i++) {
        if (memcmp(copy + i * PAGE, peer->mem + i * PAGE, PAGE) && !n++) {
            fprintf(stderr, "%s: page %zu (%s) was written and not logged\n",
                    peer->path, i, page_name(i));
        }
    }
    return n;
}

/* Moving. */

static int
make_copied_memory(void)
{
    int fd = make_memfd(MEM_SIZE, MFD_HUGETLB);
    void *mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                     0);

    if (mem == MAP_FAILED) {
        fatal("no hugepages: %s", strerror(errno));
    }
    memcpy(mem, copy, MEM_SIZE);
    munmap(mem, MEM_SIZE);
    return fd;
}

static void
start(struct peer *peer)
{
    if (!peer_accept(peer, 60000)) {
        fatal("%s: the back-end does not connect", peer->path);
    }
    peer->make_memory = make_copied_memory;
    peer_start(peer);
}

static void
stop_rings(struct peer *peer, uint32_t *bases)
{
    for (unsigned int i = 0; i < 2 * peer->n_pairs; i++) {
        struct msg reply;

        if (!peer_send_state(peer, GET_VRING_BASE, i, 0)
            || !peer_recv(peer, &reply, TIMEOUT)
            || reply.request != GET_VRING_BASE) {
            fatal("%s: ring %u does not stop", peer->path, i);
        }
        bases[i] = reply.payload.state.num;
    }
}

/* Begins to move and thinks better of it; returns the number of packets that did
 * not come back, which nobody waits for any more. */
static unsigned int
cancel(struct peer *peer, size_t log_size)
{
    struct log log = { .size = log_size };
    unsigned int n_missing;

    log_begin(peer, &log);
    flow(peer, FLOW);
    set_logging(peer, false);
    log_end(&log);
    flow(peer, FLOW);
    drain(peer);
    n_missing = count_missing(peer);
    memcpy(peer->n_back, peer->n_sent, sizeof peer->n_back);
    return n_missing;
}

/* What a guest remembers of its rings. */
static void
hand_over_rings(const struct ring *from, struct peer *to)
{
    for (unsigned int i = 0; i < 2 * to->n_pairs; i++) {
        to->rings[i].next = from[i].next;
        to->rings[i].done = from[i].done;
        to->rings[i].n_done = from[i].n_done;
    }
}

/* Likewise, and of its packets. */
static void
hand_over(const struct peer *from, struct peer *to)
{
    hand_over_rings(from->rings, to);
    memcpy(to->n_sent, from->n_sent, sizeof to->n_sent);
    memcpy(to->n_back, from->n_back, sizeof to->n_back);
    memcpy(to->next, from->next, sizeof to->next);
    to->n_errors = from->n_errors;
}

/* Has the guest stop and go on, where it was and with the same log. */
static void
pause_guest(struct peer *peer, const struct log *log)
{
    struct ring rings[MAX_RINGS];
    uint32_t bases[MAX_RINGS];

    stop_rings(peer, bases);
    for (unsigned int i = 0; i < peer->n_pairs; i++) {
        traffic_reap(peer, i, true);
    }
    memcpy(rings, peer->rings, sizeof rings);
    set_features(peer, true);
    peer_share_same_memory(peer);
    peer->bases = bases;
    peer->keep_rings = true;
    for (unsigned int i = 0; i < 2 * peer->n_pairs; i++) {
        peer_start_ring(peer, i);
    }
    peer->bases = NULL;
    hand_over_rings(rings, peer);
    set_ring_addrs(peer, true);
    log_share(peer, log);
    peer_say_done(peer);
}

/* Moves the guest, which stops 'n_pauses' times meanwhile; returns the number of
 * pages that were forgotten. */
static unsigned int
move(struct peer *from, struct peer *to, size_t log_size,
     unsigned int n_pauses)
{
    struct log log = { .size = log_size };
    unsigned int n_dirty, n_forgotten;
    uint32_t bases[MAX_RINGS];

    log_begin(from, &log);
    flow(from, FLOW);
    drain(from);
    for (unsigned int i = 0; i < n_pauses; i++) {
        pause_guest(from, &log);
        flow(from, FLOW);
        drain(from);
    }
    copy_dirty(from, &log);
    memcpy(copy, from->mem, MEM_SIZE);
    send_some(from);
    copy_sent(from);
    drain(from);
    stop_rings(from, bases);
    for (unsigned int i = 0; i < from->n_pairs; i++) {
        traffic_reap(from, i, true);
    }
    n_dirty = copy_dirty(from, &log);
    n_forgotten = count_forgotten(from);
    log_end(&log);

    to->bases = bases;
    to->keep_rings = true;
    start(to);
    to->bases = NULL;
    hand_over(from, to);
    peer_close(from);
    printf("moved: %u pages at the end, %u forgotten\n", n_dirty,
           n_forgotten);
    return n_forgotten;
}

int
scenario_moves(struct peer *peers, unsigned int n_peers, int argc,
               char *argv[])
{
    unsigned int n_moves = argc > 0 ? atoi(argv[0]) : 2;
    unsigned int n_cancels = argc > 1 ? atoi(argv[1]) : 0;
    unsigned int n_pauses = argc > 2 ? atoi(argv[2]) : 0;
    size_t log_size = argc > 3 ? strtoul(argv[3], NULL, 0) : LOG_SIZE;
    unsigned int n_bad = 0, n_given_up = 0, lost;
    struct peer *peer = &peers[0];

    copy = calloc(1, MEM_SIZE);
    if (!copy || log_size < LOG_SIZE) {
        fatal("give a size of %llu or more", (unsigned long long) LOG_SIZE);
    }
    start(peer);
    flow(peer, FLOW);
    for (unsigned int i = 0; i < n_moves; i++) {
        struct peer *to = &peers[(i + 1) % n_peers];

        for (unsigned int j = 0; j < n_cancels; j++) {
            n_given_up += cancel(peer, log_size);
        }
        n_bad += move(peer, to, log_size, n_pauses);
        peer = to;
        flow(peer, FLOW);
    }
    drain(peer);
    lost = count_missing(peer);
    if (n_cancels) {
        printf("given up: %u lost\n", n_given_up);
    }
    printf("moves: %u packets, %u lost, %llu errors\n", peer->n_sent[0], lost,
           (unsigned long long) peer->n_errors);
    return n_bad || lost || peer->n_errors;
}
