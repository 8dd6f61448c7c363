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

/* A front-end whose memory goes away while the back-end uses it. */

#include "frontend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFS_OFS (MAX_RINGS * RING_AREA)

/* Rings whose buffers nobody uses are so many further on. */
#define OTHER_RINGS 8

/* Where files are made, or null for nowhere in particular. */
static const char *folder;

/* What fills 'folder', or -1. */
static int filler = -1;

/* Makes a file in 'folder' without a name there. */
static int
make_file(void)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof path, "%s/frontend.%d", folder, (int) getpid());
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || unlink(path)) {
        fatal("%s: %s", path, strerror(errno));
    }
    return fd;
}

/* The guest's memory, which cannot be sealed. */
static int
make_memory(void)
{
    int fd;

    if (!folder) {
        return make_memfd(MEM_SIZE, 0);
    }
    fd = make_file();
    if (ftruncate(fd, MEM_SIZE) || fallocate(fd, 0, 0, MEM_SIZE)) {
        fatal("%s: no room for %u bytes (%s)", folder, MEM_SIZE,
              strerror(errno));
    }
    return fd;
}

static void
truncate_memory(struct peer *peer, off_t len)
{
    if (ftruncate(peer->mem_fd, len)) {
        fatal("ftruncate: %s", strerror(errno));
    }
}

/* Takes the buffers away, and all the room that there is for others. */
static void
punch_buffers(struct peer *peer)
{
    struct stat s;
    off_t ofs = 0;

    if (fallocate(peer->mem_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  BUFS_OFS, MEM_SIZE - BUFS_OFS)) {
        fatal("fallocate: %s", strerror(errno));
    }
    filler = make_file();
    fstat(filler, &s);
    while (!fallocate(filler, 0, ofs, s.st_blksize)) {
        ofs += s.st_blksize;
    }
    if (errno != ENOSPC) {
        fatal("fallocate: %s", strerror(errno));
    }
}

/* Offers as many buffers as there is room for, without touching them: those of
 * other rings, as the back-end may have touched this one's after they went
 * away and before the room for them did. */
static void
offer_some(struct ring *ring, uint32_t len, uint16_t flags)
{
    unsigned int slot;
    uint32_t used;

    while (ring_reap(ring, &slot, &used)) {
        continue;
    }
    while (ring_room(ring)) {
        ring_offer(ring, (ring_buf_addr(ring, ring_slot(ring))
                          + OTHER_RINGS * BUF_AREA), len, flags, 0);
    }
    peer_kick(ring->peer, ring->index);
}

/* Has the back-end touch all buffers, again and again. */
static void
offer_buffers(struct peer *peer)
{
    for (int n = 0; n < 1000; n++) {
        for (unsigned int i = 0; i < peer->n_pairs; i++) {
            offer_some(&peer->rings[2 * i], BUF_SIZE, VRING_DESC_F_WRITE);
            offer_some(&peer->rings[2 * i + 1], 1000, 0);
        }
    }
}

/* Starts a ring whose memory has gone. */
static void
start_ring_in_nothing(struct peer *peer, unsigned int index)
{
    peer_send_state(peer, SET_VRING_NUM, index, peer->ring_size);
    peer_send_state(peer, SET_VRING_BASE, index, peer->packed ? 0x8000 : 0);
    peer_set_ring_addr(peer, index);
    peer_send_eventfd(peer, SET_VRING_KICK, index);
    peer_send_eventfd(peer, SET_VRING_CALL, index);
    peer_send_state(peer, SET_VRING_ENABLE, index, 1);
}

static void
move_for_a_while(struct peer *peer)
{
    for (int i = 0; i < 100; i++) {
        for (unsigned int pair = 0; pair < peer->n_pairs; pair++) {
            traffic_poll(peer, pair, true, false);
            peer_kick(peer, 2 * pair + 1);
        }
    }
}

/* The ways in which memory goes away.  Those with a folder need one. */

static void
all_at_once(struct peer *peer)
{
    peer_start(peer);
    move_for_a_while(peer);
    truncate_memory(peer, 0);
    for (unsigned int i = 0; i < peer->n_pairs; i++) {
        peer_kick(peer, 2 * i + 1);
    }
}

static void
only_buffers(struct peer *peer)
{
    peer_start(peer);
    move_for_a_while(peer);
    truncate_memory(peer, BUFS_OFS);
    offer_buffers(peer);
}

static void
before_it_is_used(struct peer *peer)
{
    peer_negotiate(peer);
    peer_share_memory(peer);
    truncate_memory(peer, 0);
    for (unsigned int i = 0; i < 2 * peer->n_pairs; i++) {
        start_ring_in_nothing(peer, i);
    }
    peer_say_done(peer);
}

static void
no_room_for_it(struct peer *peer)
{
    peer_start(peer);
    move_for_a_while(peer);
    punch_buffers(peer);
    offer_buffers(peer);
}

static void (*const ways[])(struct peer *) = {
    all_at_once, only_buffers, before_it_is_used, no_room_for_it,
};

/* Lets memory go away once.  Returns how long the back-end needed to notice,
 * in ms. */
static long long int
vanish(struct peer *peer, size_t way)
{
    long long int start;

    if (!peer_accept(peer, 30000)) {
        fatal("the back-end does not connect any more");
    }
    ways[way](peer);
    start = now_ms();
    if (!peer_is_gone(peer, 10000)) {
        fatal("memory that went away is not noticed (way %zu, %llu sent, "
              "%llu received)", way,
              (unsigned long long) peer->rings[1].n_done,
              (unsigned long long) peer->rings[0].n_done);
    }
    peer_close(peer);
    if (filler >= 0) {
        close(filler);
        filler = -1;
    }
    return now_ms() - start;
}

int
scenario_vanish(struct peer *peer, int argc, char *argv[])
{
    const size_t n_ways = sizeof ways / sizeof ways[0];
    int n = argc ? atoi(argv[0]) : 12;
    long long int longest = 0;

    peer->make_memory = make_memory;
    for (int i = 0; i < n; i++) {
        size_t n_folders = argc > 1 ? argc - 1 : 0;
        size_t way = i % n_ways;
        long long int ms;

        folder = n_folders ? argv[1 + i / n_ways % n_folders] : NULL;
        if (!folder && ways[way] == no_room_for_it) {
            way = 0;
        }
        ms = vanish(peer, way);
        longest = ms > longest ? ms : longest;
    }
    printf("memory went away %d times, noticed after %lld ms at most\n", n,
           longest);
    return 0;
}
