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

/* The connection of a front-end: socket, messages, memory. */

#include "frontend.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/vhost/send.h"

#define TIMEOUT 10000           /* For what should come at once, in ms. */
#define MAX_CUT_SHORT 10        /* Connections in a row. */

long long int
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void
peer_listen(struct peer *peer, const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof un.sun_path) {
        fatal("%s: path too long", path);
    }
    strcpy(un.sun_path, path);
    unlink(path);
    peer->path = path;
    peer->fd = -1;
    peer->mem_fd = -1;
    peer->cut_at = -1;
    peer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer->listener < 0
        || bind(peer->listener, (struct sockaddr *) &un, sizeof un)
        || listen(peer->listener, 16)) {
        fatal("%s: %s", path, strerror(errno));
    }
}

static bool
wait_readable(int fd, int timeout)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    return poll(&pfd, 1, timeout) > 0;
}

bool
peer_accept(struct peer *peer, int timeout)
{
    if (!wait_readable(peer->listener, timeout)) {
        return false;
    }
    peer->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
    peer->n_put = 0;
    return peer->fd >= 0;
}

static void
close_kick(struct peer *peer, unsigned int index)
{
    if (peer->kicks[index] > 0) {
        close(peer->kicks[index]);
        peer->kicks[index] = 0;
    }
}

void
peer_close(struct peer *peer)
{
    for (unsigned int i = 0; i < MAX_RINGS; i++) {
        close_kick(peer, i);
    }
    if (peer->fd >= 0) {
        close(peer->fd);
        peer->fd = -1;
    }
    if (peer->mem) {
        munmap(peer->mem, MEM_SIZE);
        close(peer->mem_fd);
        peer->mem = NULL;
        peer->mem_fd = -1;
    }
}

bool
peer_put(struct peer *peer, const void *data, size_t n, const int *fds,
         int n_fds)
{
    if (peer->n_put++ == peer->cut_at) {
        n = peer->cut_len < n ? peer->cut_len : n;
        if (n) {
            dpdk_vdpa_send(peer->fd, data, n, fds, n_fds, 0);
        }
        longjmp(peer->cut, 1);
    }
    return dpdk_vdpa_send(peer->fd, data, n, fds, n_fds, 0) == n;
}

bool
peer_send(struct peer *peer, uint32_t request, const void *payload,
          uint32_t size, const int *fds, int n_fds)
{
    struct msg msg = { request, MSG_VERSION, size, { 0 } };

    if (size) {
        memcpy(&msg.payload, payload, size);
    }
    return peer_put(peer, &msg, MSG_HEADER_LEN + size, fds, n_fds);
}

bool
peer_send_u64(struct peer *peer, uint32_t request, uint64_t value)
{
    return peer_send(peer, request, &value, sizeof value, NULL, 0);
}

bool
peer_send_state(struct peer *peer, uint32_t request, uint32_t index,
                uint32_t num)
{
    uint32_t state[2] = { index, num };

    return peer_send(peer, request, state, sizeof state, NULL, 0);
}

bool
peer_send_file(struct peer *peer, uint32_t request, uint32_t index, int fd)
{
    uint64_t value = index;

    return peer_send(peer, request, &value, sizeof value, &fd, 1);
}

static bool
recv_all(struct peer *peer, void *data, size_t n, int timeout)
{
    uint8_t *p = data;

    while (n) {
        ssize_t got;

        if (!wait_readable(peer->fd, timeout)) {
            return false;
        }
        got = recv(peer->fd, p, n, 0);
        if (got <= 0) {
            return false;
        }
        p += got;
        n -= got;
    }
    return true;
}

bool
peer_recv(struct peer *peer, struct msg *msg, int timeout)
{
    return (recv_all(peer, msg, MSG_HEADER_LEN, timeout)
            && msg->size <= sizeof msg->payload
            && recv_all(peer, &msg->payload, msg->size, timeout));
}

bool
peer_get_u64(struct peer *peer, uint32_t request, uint64_t *value)
{
    struct msg msg;

    if (!peer_send(peer, request, NULL, 0, NULL, 0)
        || !peer_recv(peer, &msg, TIMEOUT) || msg.request != request) {
        return false;
    }
    *value = msg.payload.u64;
    return true;
}

bool
peer_is_gone(struct peer *peer, int timeout)
{
    long long int end = now_ms() + timeout;
    char buf[4096];

    for (;;) {
        long long int left = end - now_ms();

        if (left < 0 || !wait_readable(peer->fd, left)) {
            return false;
        }
        if (recv(peer->fd, buf, sizeof buf, 0) <= 0) {
            return true;
        }
    }
}

bool
peer_is_alive(struct peer *peer)
{
    uint64_t features;

    return peer_get_u64(peer, GET_FEATURES, &features);
}

int
make_memfd(uint64_t size, unsigned int flags)
{
    int fd = memfd_create("frontend", MFD_CLOEXEC | flags);

    if (fd < 0 || ftruncate(fd, size)) {
        fatal("memfd_create: %s", strerror(errno));
    }
    return fd;
}

static bool
negotiate(struct peer *peer)
{
    uint64_t features = F_VERSION_1 | F_PROTOCOL | F_MQ | peer->features;
    /* MQ, LOG_SHMFD, REPLY_ACK. */
    uint64_t protocol = 1 << 0 | 1 << 1 | 1 << 3;

    protocol |= peer->says_done ? 1 << 16 : 0;  /* STATUS. */
    features |= peer->packed ? F_PACKED : 0;
    features |= peer->mergeable ? F_MRG_RXBUF : 0;
    if (!peer_get_u64(peer, GET_FEATURES, &peer->offered)) {
        return false;
    }
    peer->negotiated = features & peer->offered;
    return (peer_get_u64(peer, GET_PROTOCOL_FEATURES, &peer->offered_protocol)
            && peer_send_u64(peer, SET_PROTOCOL_FEATURES,
                             protocol & peer->offered_protocol)
            && peer_send(peer, SET_OWNER, NULL, 0, NULL, 0)
            && peer_send_u64(peer, SET_FEATURES, peer->negotiated)
            && peer_is_alive(peer));
}

void
peer_negotiate(struct peer *peer)
{
    if (!negotiate(peer)) {
        fatal("%s: features cannot be negotiated", peer->path);
    }
}

static bool
share_same_memory(struct peer *peer)
{
    union payload p;

    memset(&p, 0, sizeof p);
    p.memory.n_regions = 1;
    p.memory.regions[0].guest_addr = GUEST_BASE;
    p.memory.regions[0].size = MEM_SIZE;
    p.memory.regions[0].user_addr = USER_BASE;
    return (peer_send(peer, SET_MEM_TABLE, &p, 8 + 32, &peer->mem_fd, 1)
            && peer_is_alive(peer));
}

static bool
share_memory(struct peer *peer)
{
    peer->mem_fd = (peer->make_memory ? peer->make_memory()
                    : make_memfd(MEM_SIZE, MFD_ALLOW_SEALING));
    peer->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                     peer->mem_fd, 0);
    if (peer->mem == MAP_FAILED) {
        fatal("mmap: %s", strerror(errno));
    }
    return share_same_memory(peer);
}

void
peer_share_memory(struct peer *peer)
{
    if (!share_memory(peer)) {
        fatal("%s: memory is refused", peer->path);
    }
}

void
peer_share_same_memory(struct peer *peer)
{
    if (!share_same_memory(peer)) {
        fatal("%s: memory is refused", peer->path);
    }
}

union payload
peer_ring_addr(unsigned int index)
{
    uint64_t area = USER_BASE + index * RING_AREA;
    union payload p;

    memset(&p, 0, sizeof p);
    p.addr.index = index;
    p.addr.desc = area + RING_DESC;
    p.addr.avail = area + RING_AVAIL;
    p.addr.used = area + RING_USED;
    return p;
}

void
peer_set_ring_addr(struct peer *peer, unsigned int index)
{
    union payload p = peer_ring_addr(index);

    peer_send(peer, SET_VRING_ADDR, &p, sizeof p.addr, NULL, 0);
}

void
peer_send_eventfd(struct peer *peer, uint32_t request, uint32_t index)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    peer_send_file(peer, request, index, fd);
    close(fd);
}

void
peer_kick(struct peer *peer, unsigned int index)
{
    eventfd_write(peer->kicks[index], 1);
}

void
peer_start_ring(struct peer *peer, unsigned int index)
{
    struct ring *ring = &peer->rings[index];

    memset(ring, 0, sizeof *ring);
    ring->peer = peer;
    ring->index = index;
    ring->area = peer->mem + index * RING_AREA;
    ring->bufs = peer->mem + MAX_RINGS * RING_AREA + index * BUF_AREA;
    if (!peer->keep_rings) {
        memset(ring->area, 0, RING_AREA);
    }
    /* No notifications: we poll. */
    ring->area[RING_AVAIL + (peer->packed ? 2 : 0)] = 1;

    peer_send_state(peer, SET_VRING_NUM, index, peer->ring_size);
    peer_send_state(peer, SET_VRING_BASE, index,
                    peer->bases ? peer->bases[index]
                    : peer->packed ? 0x8000 : 0);
    peer_set_ring_addr(peer, index);
    close_kick(peer, index);
    peer->kicks[index] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    peer_send_file(peer, SET_VRING_KICK, index, peer->kicks[index]);
    peer_send_eventfd(peer, SET_VRING_CALL, index);
    peer_send_state(peer, SET_VRING_ENABLE, index, 1);
}

void
peer_say_done(struct peer *peer)
{
    if (peer->says_done) {
        peer_send_u64(peer, SET_STATUS, 0xf);   /* Up to DRIVER_OK. */
    }
}

static bool
try_start(struct peer *peer)
{
    if (!negotiate(peer) || !share_memory(peer)) {
        return false;
    }
    for (unsigned int i = 0; i < 2 * peer->n_pairs; i++) {
        peer_start_ring(peer, i);
    }
    peer_say_done(peer);
    memset(peer->n_sent, 0, sizeof peer->n_sent);
    memset(peer->n_back, 0, sizeof peer->n_back);
    memset(peer->next, 0, sizeof peer->next);
    return peer_is_alive(peer);
}

void
peer_start(struct peer *peer)
{
    if (!try_start(peer)) {
        fatal("%s: a good front-end is refused", peer->path);
    }
}

bool
peer_begin(struct peer *peer)
{
    if (try_start(peer)) {
        peer->n_cut_short = 0;
        return true;
    }
    if (++peer->n_cut_short >= MAX_CUT_SHORT || !peer_is_gone(peer, 0)) {
        fatal("%s: a good front-end is refused", peer->path);
    }
    peer_close(peer);
    printf("%s: disconnected before all was said\n", peer->path);
    return false;
}
