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

/* Cases of bad messages: memory, and where rings are in it. */

#include "frontend-cases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static void
send_addr(struct peer *peer, uint64_t desc, uint64_t avail, uint64_t used)
{
    union payload p;

    memset(&p, 0, sizeof p);
    p.addr.desc = desc;
    p.addr.avail = avail;
    p.addr.used = used;
    SEND(peer, SET_VRING_ADDR, &p, sizeof p.addr);
}

static void
send_addr_no_memory(struct peer *peer, unsigned int variant)
{
    (void) variant;
    send_addr(peer, USER_BASE, USER_BASE + 0x1000, USER_BASE + 0x2000);
}

/* A ring that is not in the memory, as a whole or in part. */
static void
send_addr_outside(struct peer *peer, unsigned int variant)
{
    static const uint64_t addrs[] = {
        0x1000, 0, UINT64_MAX - 15, USER_BASE + MEM_SIZE, USER_BASE - 16,
        USER_BASE + MEM_SIZE - 16,
    };
    uint64_t good = USER_BASE;
    uint64_t bad = addrs[variant / 3];

    peer_send_state(peer, SET_VRING_NUM, 0, 256);
    peer_send_state(peer, SET_VRING_BASE, 0, 0);
    send_addr(peer, variant % 3 == 0 ? bad : good,
              variant % 3 == 1 ? bad : good, variant % 3 == 2 ? bad : good);
    peer_send_eventfd(peer, SET_VRING_KICK, 0);
    peer_send_eventfd(peer, SET_VRING_CALL, 0);
    peer_send_state(peer, SET_VRING_ENABLE, 0, 1);
}

static void
send_addr_unaligned(struct peer *peer, unsigned int variant)
{
    send_addr(peer, USER_BASE + (variant == 0 ? 8 : 0),
              USER_BASE + 0x1000 + (variant == 1),
              USER_BASE + 0x2000 + (variant == 2 ? 2 : 0));
}

/* A ring one of whose areas begins in the memory, and does not end there. */
static void
send_addr_cut_off(struct peer *peer, unsigned int variant)
{
    uint64_t addrs[3] = { USER_BASE, USER_BASE + 0x10000,
                          USER_BASE + 0x13000 };

    addrs[variant] = USER_BASE + MEM_SIZE - 4096;
    peer_send_state(peer, SET_VRING_NUM, 0, 4096);
    peer_send_state(peer, SET_VRING_BASE, 0, 0);
    send_addr(peer, addrs[0], addrs[1], addrs[2]);
    peer_send_eventfd(peer, SET_VRING_KICK, 0);
    peer_send_eventfd(peer, SET_VRING_CALL, 0);
    peer_send_state(peer, SET_VRING_ENABLE, 0, 1);
}

/* A ring that was used, stops, and starts again elsewhere. */
static void
send_restart_unaligned(struct peer *peer, unsigned int variant)
{
    uint64_t area = USER_BASE + RING_AREA;
    union payload p;
    struct msg msg;

    for (int i = 0; i < 1000; i++) {
        traffic_poll(peer, 0, true, false);
    }
    peer_send_state(peer, GET_VRING_BASE, 1, 0);
    peer_recv(peer, &msg, 5000);
    peer_send_state(peer, SET_VRING_NUM, 1, peer->ring_size);
    peer_send_state(peer, SET_VRING_BASE, 1, 0x8000);
    memset(&p, 0, sizeof p);
    p.addr.index = 1;
    p.addr.desc = area + RING_DESC;
    p.addr.avail = area + RING_AVAIL + (variant == 0 ? 2 : 0);
    p.addr.used = area + RING_USED + (variant == 1 ? 2 : 0);
    SEND(peer, SET_VRING_ADDR, &p, sizeof p.addr);
    peer_send_eventfd(peer, SET_VRING_KICK, 1);
    peer_send_eventfd(peer, SET_VRING_CALL, 1);
    peer_send_state(peer, SET_VRING_ENABLE, 1, 1);
    peer_send_state(peer, SET_VRING_ENABLE, 0, 1);
}

/* A ring that is in use may not move. */
static void
send_addr_while_running(struct peer *peer, unsigned int variant)
{
    uint64_t area = USER_BASE;

    send_addr(peer, area + RING_DESC + (variant == 0 ? 16 : 0),
              area + RING_AVAIL + (variant == 1 ? 4 : 0),
              area + RING_USED + (variant == 2 ? 4 : 0));
}

static void
send_memory(struct peer *peer, const union payload *p, uint32_t size, int fd,
            int n_fds)
{
    int fds[MAX_FDS + 1];

    for (int i = 0; i < n_fds; i++) {
        fds[i] = fd;
    }
    peer_send(peer, SET_MEM_TABLE, p, size, fds, n_fds);
}

static union payload
make_table(unsigned int n)
{
    union payload p;

    memset(&p, 0, sizeof p);
    p.memory.n_regions = n;
    for (unsigned int i = 0; i < n && i <= MAX_FDS; i++) {
        p.memory.regions[i].guest_addr = i * 0x10000;
        p.memory.regions[i].user_addr = USER_BASE + i * 0x10000;
        p.memory.regions[i].size = 0x10000;
    }
    return p;
}

static void
send_bad_memory(struct peer *peer, unsigned int variant)
{
    union payload p = make_table(2);
    struct mem_region *region = &p.memory.regions[1];
    int fd = make_memfd(0x10000, 0);
    uint32_t size = 8 + 2 * 32;
    int n_fds = 2;

    switch (variant) {
    case 0: p = make_table(0); n_fds = 0; break;
    case 1: p = make_table(9); n_fds = 9; size = 8 + 9 * 32; break;
    case 2: p.memory.n_regions = 8; break;
    case 3: p.memory.n_regions = UINT32_MAX; break;
    case 4: p.memory.n_regions = 1; break;
    case 5: n_fds = 1; break;
    case 6: n_fds = 0; break;
    case 7: size = 8 + 32; break;
    case 8: region->size = 0; break;
    case 9: region->size = 0x10001; break;
    case 10: region->size = UINT64_MAX; break;
    case 11: region->size = 1ULL << 40; break;
    case 12: region->offset = 0x1000; break;
    case 13: region->offset = UINT64_MAX; break;
    case 14: region->offset = -(uint64_t) 0x10000; break;
    case 15: region->guest_addr = UINT64_MAX - 0xffff + 1; break;
    case 16: region->user_addr = UINT64_MAX; break;
    }
    send_memory(peer, &p, size, fd, n_fds);
    close(fd);
}

/* Memory that is no memory. */
static void
send_bad_memory_file(struct peer *peer, unsigned int variant)
{
    union payload p = make_table(1);
    int fds[2] = { -1, -1 };

    switch (variant) {
    case 0: fds[0] = eventfd(0, 0); break;
    case 1: fds[0] = open("/", O_RDONLY | O_DIRECTORY); break;
    case 2: fds[0] = open("/dev/zero", O_RDWR); break;
    case 3: fds[0] = socket(AF_UNIX, SOCK_STREAM, 0); break;
    case 4: fds[0] = pipe(fds) ? -1 : fds[0]; break;
    case 5: fds[0] = open("/proc/self/exe", O_RDONLY); break;
    }
    send_memory(peer, &p, 8 + 32, fds[0], 1);
    close(fds[0]);
    if (fds[1] >= 0) {
        close(fds[1]);
    }
}

/* Other memory than the one that the rings are in. */
static void
send_table(struct peer *peer, unsigned int n)
{
    union payload p = make_table(n);
    int fd = make_memfd(0x10000, 0);

    send_memory(peer, &p, 8 + 32 * p.memory.n_regions, fd,
                p.memory.n_regions);
    close(fd);
}

static void
send_other_memory(struct peer *peer, unsigned int variant)
{
    (void) variant;
    send_table(peer, 1);
}

/* It has where the rings are, each area in another region. */
static void
send_memory_with_rings(struct peer *peer, unsigned int variant)
{
    (void) variant;
    send_table(peer, 8);
}

static void
send_truncate(struct peer *peer, unsigned int variant)
{
    (void) variant;
    if (!ftruncate(peer->mem_fd, 0)) {
        fatal("the memory's file can be truncated");
    }
}

/* Memory that has ring 0 and not ring 1, with traffic in both. */
static void
send_memory_without_ring(struct peer *peer, unsigned int variant)
{
    union payload p = make_table(1);

    (void) variant;
    for (int i = 0; i < 1000; i++) {
        traffic_poll(peer, 0, true, false);
    }
    p.memory.regions[0].guest_addr = GUEST_BASE;
    p.memory.regions[0].user_addr = USER_BASE;
    p.memory.regions[0].size = RING_AREA;
    send_memory(peer, &p, 8 + 32, peer->mem_fd, 1);
}

/* Good memory, and then more than can be mapped: when that turns out, what
 * there was before has been unmapped. */
static void
send_memory_too_large(struct peer *peer, unsigned int variant)
{
    const uint64_t size = 70ULL << 40;
    union payload p = make_table(3);
    int fds[3] = { peer->mem_fd, make_memfd(size, 0), make_memfd(size, 0) };

    (void) variant;
    for (int i = 0; i < 1000; i++) {
        traffic_poll(peer, 0, true, false);
    }
    p.memory.regions[0].guest_addr = GUEST_BASE;
    p.memory.regions[0].user_addr = USER_BASE;
    p.memory.regions[0].size = MEM_SIZE;
    for (int i = 1; i < 3; i++) {
        p.memory.regions[i].guest_addr = i * (1ULL << 50);
        p.memory.regions[i].user_addr = i * (1ULL << 50);
        p.memory.regions[i].size = size;
    }
    peer_send(peer, SET_MEM_TABLE, &p, 8 + 3 * 32, fds, 3);
    close(fds[1]);
    close(fds[2]);
}

/* Rings that there are only with multiqueue, from the beginning or no more. */
static void
send_ring_without_multiqueue(struct peer *peer, unsigned int variant)
{
    uint64_t features = F_VERSION_1 | F_PROTOCOL
                        | (peer->packed ? F_PACKED : 0);

    peer_send_u64(peer, SET_FEATURES, features | (variant ? F_MQ : 0));
    peer_send_state(peer, SET_VRING_NUM, 2, peer->ring_size);
    peer_send_u64(peer, SET_FEATURES, features | F_LOG_ALL);
    peer_send_state(peer, SET_VRING_NUM, 2, peer->ring_size);
}

/* A guest whose firmware knows nothing of multiqueue, and whose driver does:
 * QEMU has said by then where each ring is to interrupt. */
static void
send_multiqueue_later(struct peer *peer, unsigned int variant)
{
    uint64_t features = F_VERSION_1 | F_PROTOCOL
                        | (peer->packed ? F_PACKED : 0);
    long long int end = now_ms() + 5000;

    (void) variant;
    for (unsigned int i = 0; i < 4; i++) {
        peer_send_eventfd(peer, SET_VRING_CALL, i);
    }
    peer_send_u64(peer, SET_FEATURES, features);
    peer_negotiate(peer);
    peer_share_memory(peer);
    for (unsigned int i = 0; i < 4; i++) {
        peer_start_ring(peer, i);
    }
    while (peer->rings[3].n_done < 1000) {
        traffic_poll(peer, 1, true, false);
        if (now_ms() > end) {
            fatal("pair 1 does not move");
        }
    }
}

const struct message_case memory_cases[] = {
    { "ring without multiqueue", CONNECTED, ENDS,
      send_ring_without_multiqueue, 2, 0, 0 },
    { "multiqueue later", CONNECTED, LIVES, send_multiqueue_later, 0, 0, 0 },
    { "ring without memory", NEGOTIATED, ENDS, send_addr_no_memory, 0, 0, 0 },
    { "ring outside of memory", SHARED, ENDS, send_addr_outside, 18, 0, 1 },
    /* The last two are good, for what they are the addresses of is short. */
    { "ring outside of memory", SHARED, ENDS, send_addr_outside, 16, 1, 0 },
    { "ring cut off", SHARED, ENDS, send_addr_cut_off, 3, 0, 1 },
    { "ring cut off", SHARED, ENDS, send_addr_cut_off, 1, 1, 0 },
    { "ring at an odd address", SHARED, ENDS, send_addr_unaligned, 3, 0, 0 },
    { "ring starts again at an odd address", RUNNING, ENDS,
      send_restart_unaligned, 2, 1, 0 },
    { "ring moves", RUNNING, ENDS, send_addr_while_running, 3, 0, 0 },
    { "memory table", NEGOTIATED, ENDS, send_bad_memory, 17, 0, 0 },
    { "memory table while running", RUNNING, ENDS, send_bad_memory, 17, 0,
      0 },
    { "memory file", NEGOTIATED, ENDS, send_bad_memory_file, 6, 0, 0 },
    { "other memory while running", RUNNING, ENDS, send_other_memory, 0, 0,
      0 },
    { "other memory with the rings", RUNNING, LIVES, send_memory_with_rings,
      0, 0, 0 },
    { "memory without a ring", RUNNING, ENDS, send_memory_without_ring, 0, 0,
      0 },
    { "memory too large", RUNNING, ENDS, send_memory_too_large, 0, 0, 0 },
    { "memory file is truncated", RUNNING, LIVES, send_truncate, 0, 0, 0 },
};

const size_t n_memory_cases = ARRAY_SIZE(memory_cases);
