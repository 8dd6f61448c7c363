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

/* Messages that a good front-end does not send.
 *
 * Each case is a connection of its own, which begins as a good one does up to
 * some stage, goes wrong, and must then have ended, or must not. */

#include "frontend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum stage {
    CONNECTED,
    NEGOTIATED,
    SHARED,                     /* Memory. */
    RUNNING,
};

enum outcome { ENDS, LIVES };

struct message_case {
    const char *name;
    enum stage stage;
    enum outcome outcome;
    void (*send)(struct peer *, unsigned int variant);
    unsigned int n_variants;    /* 0 for one. */
    bool packed_only;
    bool split_only;
};

#define SEND(PEER, REQUEST, PAYLOAD, SIZE) \
    peer_send(PEER, REQUEST, PAYLOAD, SIZE, NULL, 0)

static void
send_unknown(struct peer *peer, unsigned int variant)
{
    static const uint32_t requests[] = {
        0, 23, CREATE_CRYPTO_SESSION, 27, 33, 36, ADD_MEM_REG, REM_MEM_REG,
        41, 200, 0x80000000, UINT32_MAX
    };

    SEND(peer, requests[variant], NULL, 0);
}

/* 255 is the last that the library knows. */
static void
send_bad_index(struct peer *peer, unsigned int variant)
{
    static const uint32_t requests[] = {
        SET_VRING_NUM, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_ENABLE,
        SET_VRING_ADDR
    };
    union payload p;

    memset(&p, 0, sizeof p);
    p.state.index = variant % 2 ? 256 : UINT32_MAX;
    SEND(peer, requests[variant / 2], &p, sizeof p.addr);
}

static void
send_last_index(struct peer *peer, unsigned int variant)
{
    (void) variant;
    peer_send_state(peer, SET_VRING_ENABLE, 255, 0);
    peer_send_state(peer, SET_VRING_NUM, 254, 256);
}

static void
send_bad_num(struct peer *peer, unsigned int variant)
{
    static const uint32_t sizes[] = {
        0, 8192, 65536, 0x80000000, UINT32_MAX, 100
    };

    peer_send_state(peer, SET_VRING_NUM, 0, sizes[variant]);
}

/* The ring is as long as its memory was found to be. */
static void
send_num_while_running(struct peer *peer, unsigned int variant)
{
    (void) variant;
    peer_send_state(peer, SET_VRING_NUM, 1, 4096);
}

static void
send_bad_base(struct peer *peer, unsigned int variant)
{
    peer_send_state(peer, SET_VRING_NUM, 0, 16);
    peer_send_state(peer, SET_VRING_BASE, 0, variant ? 16 : 0xffff);
}

static void
send_eventfd(struct peer *peer, uint32_t request, uint32_t index)
{
    int fd = eventfd(0, EFD_NONBLOCK);

    peer_send_file(peer, request, index, fd);
    close(fd);
}

/* A ring that shrinks below its position. */
static void
send_base_then_num(struct peer *peer, unsigned int variant)
{
    (void) variant;
    peer_send_state(peer, SET_VRING_NUM, 0, 256);
    peer_send_state(peer, SET_VRING_BASE, 0, 200);
    peer_send_state(peer, SET_VRING_NUM, 0, 16);
    send_eventfd(peer, SET_VRING_KICK, 0);
}

static void
send_kick_unsized(struct peer *peer, unsigned int variant)
{
    peer_set_ring_addr(peer, 0);
    if (variant) {
        peer_send_state(peer, SET_VRING_NUM, 0, 256);
    }
    send_eventfd(peer, SET_VRING_KICK, 0);
}

/* What the library allocates for a size is gone after GET_VRING_BASE. */
static void
send_restart_unsized(struct peer *peer, unsigned int variant)
{
    struct msg msg;

    (void) variant;
    peer_send_state(peer, GET_VRING_BASE, 1, 0);
    peer_recv(peer, &msg, 1000);
    peer_set_ring_addr(peer, 1);
    send_eventfd(peer, SET_VRING_KICK, 1);
    send_eventfd(peer, SET_VRING_CALL, 1);
}

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
        0x1000, 0, UINT64_MAX - 15, USER_BASE + MEM_SIZE,
        USER_BASE + MEM_SIZE - 16, USER_BASE - 16,
    };
    uint64_t good = USER_BASE;
    uint64_t bad = addrs[variant / 3];

    peer_send_state(peer, SET_VRING_NUM, 0, 256);
    peer_send_state(peer, SET_VRING_BASE, 0, 0);
    send_addr(peer, variant % 3 == 0 ? bad : good,
              variant % 3 == 1 ? bad : good, variant % 3 == 2 ? bad : good);
    send_eventfd(peer, SET_VRING_KICK, 0);
    send_eventfd(peer, SET_VRING_CALL, 0);
    peer_send_state(peer, SET_VRING_ENABLE, 0, 1);
}

static void
send_addr_unaligned(struct peer *peer, unsigned int variant)
{
    send_addr(peer, USER_BASE + (variant == 0 ? 8 : 0),
              USER_BASE + 0x1000 + (variant == 1),
              USER_BASE + 0x2000 + (variant == 2 ? 2 : 0));
}

/* Files for queues: none where one is due, two, or one where none is due. */
static void
send_bad_files(struct peer *peer, unsigned int variant)
{
    static const uint32_t requests[] = {
        SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR
    };
    int fds[2] = { eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK) };
    uint64_t value = variant % 3 == 2 ? 0x100 : 0;

    peer_send(peer, requests[variant / 3], &value, sizeof value, fds,
              variant % 3 == 0 ? 0 : variant % 3 == 1 ? 2 : 1);
    close(fds[0]);
    close(fds[1]);
}

/* What PMD threads are to write to must not make them wait. */
static void
send_call_pipe(struct peer *peer, unsigned int variant)
{
    int fds[2];

    if (variant ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) : pipe(fds)) {
        fatal("pipe: %s", strerror(errno));
    }
    peer_send_file(peer, SET_VRING_CALL, 0, fds[1]);
    close(fds[0]);
    close(fds[1]);
}

/* An eventfd that is full, and would block whoever writes to it. */
static void
send_full_eventfd(struct peer *peer, unsigned int variant)
{
    struct ring *ring = &peer->rings[variant];
    uint64_t most = UINT64_MAX - 1;
    long long int end = now_ms() + 5000;
    int fd = eventfd(0, 0);

    if (write(fd, &most, sizeof most) != sizeof most) {
        fatal("eventfd: %s", strerror(errno));
    }
    ring->area[RING_AVAIL + (peer->packed ? 2 : 0)] = 0;
    peer_send_file(peer, SET_VRING_CALL, variant, fd);
    close(fd);
    while (ring->n_done < 1000) {
        traffic_poll(peer, 0, true, false);
        if (now_ms() > end) {
            fatal("ring %u has stopped", variant);
        }
    }
}

static void
send_bad_features(struct peer *peer, unsigned int variant)
{
    uint64_t value = variant ? 1ULL << 63 : ~peer->offered;

    peer_send_u64(peer, SET_FEATURES, value);
}

static void
send_features_while_running(struct peer *peer, unsigned int variant)
{
    uint64_t features = F_VERSION_1 | F_PROTOCOL | F_MQ;

    features |= peer->packed ? F_PACKED : 0;
    features ^= variant ? F_PACKED : F_MRG_RXBUF;
    peer_send_u64(peer, SET_FEATURES, features);
}

/* What was allocated for one kind of ring is used for the other. */
static void
send_other_ring_format(struct peer *peer, unsigned int variant)
{
    (void) variant;
    peer_send_state(peer, SET_VRING_NUM, 0, 256);
    peer_send_u64(peer, SET_FEATURES,
                  F_VERSION_1 | F_PROTOCOL | F_MQ
                  | (peer->packed ? 0 : F_PACKED));
}

static void
send_bad_protocol_features(struct peer *peer, unsigned int variant)
{
    peer_send_u64(peer, SET_PROTOCOL_FEATURES,
                  variant ? UINT64_MAX : 1ULL << 12);
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
send_other_memory(struct peer *peer, unsigned int variant)
{
    union payload p = make_table(variant ? 8 : 1);
    int fd = make_memfd(0x10000, 0);

    send_memory(peer, &p, 8 + 32 * p.memory.n_regions, fd,
                p.memory.n_regions);
    close(fd);
}

static void
send_truncate(struct peer *peer, unsigned int variant)
{
    (void) variant;
    if (!ftruncate(peer->mem_fd, 0)) {
        fatal("the memory's file can be truncated");
    }
}

static void
send_area(struct peer *peer, uint32_t request, uint64_t size, uint64_t offset,
          unsigned int n_queues, unsigned int queue_size, int n_fds)
{
    union payload p;
    int fd = make_memfd(0x10000, 0);

    memset(&p, 0, sizeof p);
    p.area.size = size;
    p.area.offset = offset;
    p.area.n_queues = n_queues;
    p.area.queue_size = queue_size;
    peer_send(peer, request, &p, request == SET_LOG_BASE ? 16 : 24, &fd,
              n_fds);
    close(fd);
}

static void
send_bad_log(struct peer *peer, unsigned int variant)
{
    uint64_t size = 0x10000, offset = 0;

    switch (variant) {
    case 0: offset = 0x1000; size = 0x1000; break;
    case 1: size = 0x20000; break;
    case 2: size = 0; break;
    case 3: size = UINT64_MAX; break;
    case 4: offset = UINT64_MAX; break;
    }
    send_area(peer, SET_LOG_BASE, size, offset, 0, 0, variant != 5);
}

static void
send_inflight(struct peer *peer, unsigned int variant)
{
    switch (variant) {
    case 0: send_area(peer, GET_INFLIGHT_FD, 0, 0, 65535, 65535, 0); break;
    case 1: send_area(peer, SET_INFLIGHT_FD, 64, 0, 16, 1024, 1); break;
    case 2: send_area(peer, SET_INFLIGHT_FD, 0x10000, 0, 2, 256, 1); break;
    }
}

static void
send_postcopy(struct peer *peer, unsigned int variant)
{
    static const uint32_t requests[] = {
        POSTCOPY_ADVISE, POSTCOPY_LISTEN, POSTCOPY_END
    };

    SEND(peer, requests[variant], NULL, 0);
}

static void
send_iotlb(struct peer *peer, unsigned int variant)
{
    union payload p;

    memset(&p, 0, sizeof p);
    p.iotlb.iova = variant & 1 ? UINT64_MAX - 4095 : 0;
    p.iotlb.size = variant & 2 ? UINT64_MAX : 0x10000;
    p.iotlb.uaddr = USER_BASE;
    p.iotlb.perm = 3;
    p.iotlb.type = variant / 4 + 1;
    SEND(peer, IOTLB_MSG, &p, 32);
}

static void
send_config(struct peer *peer, unsigned int variant)
{
    uint32_t config[3 + 64] = { 0, variant < 2 ? 256 : UINT32_MAX };

    SEND(peer, variant % 2 ? SET_CONFIG : GET_CONFIG, config, sizeof config);
}

static void
send_bad_mtu(struct peer *peer, unsigned int variant)
{
    peer_send_u64(peer, NET_SET_MTU, variant ? 70000 : 0);
}

static void
send_rarp(struct peer *peer, unsigned int variant)
{
    (void) variant;
    peer_send_u64(peer, SEND_RARP, 0x010000000002);
}

/* The library allocates it all anew each time. */
static void
send_reset_owner(struct peer *peer, unsigned int variant)
{
    (void) variant;
    for (int i = 0; i < 100; i++) {
        SEND(peer, RESET_OWNER, NULL, 0);
    }
}

/* No payload, where one is due: what it stands for would be left over from
 * other messages. */
static void
send_no_payload(struct peer *peer, unsigned int variant)
{
    static const uint32_t requests[] = {
        SET_FEATURES, SET_MEM_TABLE, SET_LOG_BASE, SET_VRING_NUM,
        SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK,
        SET_VRING_CALL, SET_VRING_ERR, SET_PROTOCOL_FEATURES,
        SET_VRING_ENABLE, SEND_RARP, NET_SET_MTU, IOTLB_MSG, SET_STATUS,
    };
    uint8_t zero[4] = { 0 };

    SEND(peer, requests[variant / 2], zero, variant % 2 ? 4 : 0);
}

static void
send_long_payload(struct peer *peer, unsigned int variant)
{
    uint32_t header[3] = { SET_FEATURES, MSG_VERSION,
                           variant ? UINT32_MAX : 633 };

    peer_put(peer, header, sizeof header, NULL, 0);
}

static void
send_part_of_header(struct peer *peer, unsigned int variant)
{
    uint32_t header[3] = { SET_FEATURES, MSG_VERSION, 8 };

    peer_put(peer, header, 1 + 4 * variant, NULL, 0);
}

/* One thread serves all ports: how long does it wait for us? */
static void
send_header_only(struct peer *peer, unsigned int variant)
{
    uint32_t header[3] = { SET_FEATURES, MSG_VERSION, 8 };

    (void) variant;
    peer_put(peer, header, sizeof header, NULL, 0);
}

/* Replies that nobody reads fill the socket. */
static void
send_questions(struct peer *peer, unsigned int variant)
{
    uint32_t header[3] = { GET_FEATURES, MSG_VERSION, 0 };

    (void) variant;
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 5000; i++) {
        while (!peer_put(peer, header, sizeof header, NULL, 0)
               && errno == EAGAIN) {
            usleep(1000);
        }
    }
}

/* A back-end that has been asked for an answer may go on after an error. */
static void
send_bad_with_answer(struct peer *peer, unsigned int variant)
{
    struct msg msg = {
        variant ? SET_VRING_NUM : GET_INFLIGHT_FD,
        MSG_VERSION | MSG_NEED_REPLY, 24, { 0 }
    };

    peer_put(peer, &msg, MSG_HEADER_LEN + msg.size, NULL, 0);
}

static void
send_bad_status(struct peer *peer, unsigned int variant)
{
    (void) variant;
    peer_send_u64(peer, SET_STATUS, 0x100);
}

/* Files with messages that go without. */
static void
send_many_files(struct peer *peer, unsigned int variant)
{
    static const uint32_t requests[] = {
        GET_FEATURES, GET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_OWNER,
        SET_FEATURES, SET_VRING_ENABLE, SEND_RARP, GET_VRING_BASE, 200, 0,
        SET_VRING_NUM, GET_INFLIGHT_FD, POSTCOPY_ADVISE, RESET_OWNER,
        SET_MEM_TABLE, SET_LOG_BASE, SET_LOG_FD, SET_VRING_KICK,
        SET_VRING_CALL, SET_SLAVE_REQ_FD,
    };
    int fds[9];
    uint8_t zero[24] = { 0 };
    bool too_many = variant % 2;

    for (int i = 0; i < 9; i++) {
        fds[i] = eventfd(0, 0);
    }
    peer_send(peer, requests[variant / 2], zero, sizeof zero, fds,
              too_many ? 9 : 8);
    for (int i = 0; i < 9; i++) {
        close(fds[i]);
    }
}

/* Files with a queue that there cannot be: the library forgets to close them.
 */
static void
send_files_and_bad_index(struct peer *peer, unsigned int variant)
{
    static const uint32_t requests[] = {
        SET_VRING_NUM, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_ENABLE,
        SET_VRING_ADDR, SET_INFLIGHT_FD
    };
    int fds[8];
    union payload p;

    for (int i = 0; i < 8; i++) {
        fds[i] = eventfd(0, 0);
    }
    memset(&p, 0, sizeof p);
    if (requests[variant] != SET_INFLIGHT_FD) {
        p.state.index = 256;
    }
    peer_send(peer, requests[variant], &p, sizeof p.addr, fds, 8);
    for (int i = 0; i < 8; i++) {
        close(fds[i]);
    }
}

static const struct message_case cases[] = {
    { "unknown request", NEGOTIATED, ENDS, send_unknown, 12, 0, 0 },
    { "queue that there is not", NEGOTIATED, ENDS, send_bad_index, 10, 0, 0 },
    { "last queue", NEGOTIATED, LIVES, send_last_index, 0, 0, 0 },
    { "ring size", SHARED, ENDS, send_bad_num, 5, 0, 0 },
    { "ring size no power of two", SHARED, ENDS, send_bad_num, 6, 0, 1 },
    { "ring size while running", RUNNING, ENDS, send_num_while_running, 0, 0,
      0 },
    { "ring position", SHARED, ENDS, send_bad_base, 2, 1, 0 },
    { "ring shrinks", SHARED, ENDS, send_base_then_num, 0, 0, 0 },
    { "ring without size", SHARED, ENDS, send_kick_unsized, 2, 0, 0 },
    { "ring starts again without size", RUNNING, ENDS, send_restart_unsized,
      0, 0, 0 },
    { "ring without memory", NEGOTIATED, ENDS, send_addr_no_memory, 0, 0, 0 },
    { "ring outside of memory", SHARED, LIVES, send_addr_outside, 18, 0, 0 },
    { "ring at an odd address", SHARED, ENDS, send_addr_unaligned, 3, 0, 0 },
    { "files of a queue", SHARED, ENDS, send_bad_files, 9, 0, 0 },
    { "no eventfd", SHARED, ENDS, send_call_pipe, 2, 0, 0 },
    { "full eventfd", RUNNING, LIVES, send_full_eventfd, 2, 0, 0 },
    { "features", CONNECTED, ENDS, send_bad_features, 2, 0, 0 },
    { "features while running", RUNNING, ENDS, send_features_while_running,
      2, 0, 0 },
    { "other ring format", NEGOTIATED, ENDS, send_other_ring_format, 0, 0,
      0 },
    { "protocol features", NEGOTIATED, ENDS, send_bad_protocol_features, 2,
      0, 0 },
    { "memory table", NEGOTIATED, ENDS, send_bad_memory, 17, 0, 0 },
    { "memory table while running", RUNNING, ENDS, send_bad_memory, 17, 0,
      0 },
    { "memory file", NEGOTIATED, ENDS, send_bad_memory_file, 6, 0, 0 },
    { "other memory while running", RUNNING, LIVES, send_other_memory, 2, 0,
      0 },
    { "memory file is truncated", RUNNING, LIVES, send_truncate, 0, 0, 0 },
    { "dirty log", RUNNING, ENDS, send_bad_log, 6, 0, 0 },
    { "inflight area", SHARED, ENDS, send_inflight, 3, 0, 0 },
    { "postcopy", NEGOTIATED, ENDS, send_postcopy, 3, 0, 0 },
    { "IOTLB", RUNNING, ENDS, send_iotlb, 16, 0, 0 },
    { "configuration space", RUNNING, ENDS, send_config, 4, 0, 0 },
    { "MTU", NEGOTIATED, ENDS, send_bad_mtu, 2, 0, 0 },
    { "RARP", RUNNING, LIVES, send_rarp, 0, 0, 0 },
    { "owner", RUNNING, LIVES, send_reset_owner, 0, 0, 0 },
    { "no payload", RUNNING, ENDS, send_no_payload, 32, 0, 0 },
    { "payload too long", NEGOTIATED, ENDS, send_long_payload, 2, 0, 0 },
    { "part of a header", NEGOTIATED, ENDS, send_part_of_header, 3, 0, 0 },
    { "bad message wants an answer", RUNNING, ENDS, send_bad_with_answer, 2,
      0, 0 },
    { "device status", RUNNING, ENDS, send_bad_status, 0, 0, 0 },
    { "answers that nobody reads", RUNNING, ENDS, send_questions, 0, 0, 0 },
    { "header only", RUNNING, ENDS, send_header_only, 0, 0, 0 },
};

/* Not for the daemon to end or not, but to lose nothing. */
static const struct message_case file_cases[] = {
    { "files", RUNNING, ENDS, send_many_files, 40, 0, 0 },
    { "files and bad index", NEGOTIATED, ENDS, send_files_and_bad_index, 6, 0,
      0 },
};

static void
reach(struct peer *peer, enum stage stage)
{
    if (!peer_accept(peer, 30000)) {
        fatal("the back-end does not connect any more");
    }
    if (stage == RUNNING) {
        peer_start(peer);
        return;
    }
    if (stage >= NEGOTIATED) {
        peer_negotiate(peer);
    }
    if (stage >= SHARED) {
        peer_share_memory(peer);
    }
    if (stage == CONNECTED
        && !peer_get_u64(peer, GET_FEATURES, &peer->offered)) {
        fatal("the back-end does not speak");
    }
}

/* Returns true if it came out as it should. */
static bool
run_case(struct peer *peer, const struct message_case *c,
         unsigned int variant)
{
    long long int start = now_ms();
    bool gone;

    reach(peer, c->stage);
    c->send(peer, variant);
    gone = c->outcome == ENDS ? peer_is_gone(peer, 5000)
                              : !peer_is_alive(peer);
    peer_close(peer);
    printf("%s %u: %s after %lld ms\n", c->name, variant,
           gone ? "ended" : "lives", now_ms() - start);
    if (gone != (c->outcome == ENDS)) {
        fprintf(stderr, "%s %u: %s\n", c->name, variant,
                gone ? "the connection has ended" : "was accepted");
        return false;
    }
    return true;
}

static int
run_cases(struct peer *peer, const struct message_case *c, size_t n,
          const char *name)
{
    int n_run = 0, n_bad = 0;

    for (; n; n--, c++) {
        if ((name && strcmp(name, c->name))
            || (c->packed_only && !peer->packed)
            || (c->split_only && peer->packed)) {
            continue;
        }
        for (unsigned int i = 0; i < (c->n_variants ? c->n_variants : 1);
             i++) {
            n_bad += !run_case(peer, c, i);
            n_run++;
        }
    }
    printf("%d cases, %d failed\n", n_run, n_bad);
    return n_bad || !n_run;
}

#define ARRAY_SIZE(ARRAY) (sizeof (ARRAY) / sizeof (ARRAY)[0])

int
scenario_messages(struct peer *peer, int argc, char *argv[])
{
    return run_cases(peer, cases, ARRAY_SIZE(cases), argc ? argv[0] : NULL);
}

/* Whether these end the connection does not matter. */
static void
send_files(struct peer *peer, const struct message_case *c,
           unsigned int variant)
{
    reach(peer, c->stage);
    c->send(peer, variant);
    /* The back-end is done with it when it answers or hangs up. */
    peer_is_alive(peer);
    peer_close(peer);
}

int
scenario_files(struct peer *peer, int argc, char *argv[])
{
    int n = argc ? atoi(argv[0]) : 200;
    int n_sent = 0;

    while (n_sent < n) {
        for (size_t i = 0; i < ARRAY_SIZE(file_cases); i++) {
            for (unsigned int v = 0; v < file_cases[i].n_variants; v++) {
                send_files(peer, &file_cases[i], v);
                n_sent++;
            }
        }
    }
    printf("%d messages with files\n", n_sent);
    return 0;
}

/* Disconnects in the middle of everything: before a message, after so many
 * bytes of it, and with traffic. */
static bool
cut(struct peer *peer, int at, size_t len)
{
    if (!peer_accept(peer, 30000)) {
        fatal("the back-end does not connect any more");
    }
    if (setjmp(peer->cut)) {
        peer->cut_at = -1;
        peer_close(peer);
        return true;
    }
    peer->cut_at = at;
    peer->cut_len = len;
    peer_start(peer);
    peer->cut_at = -1;
    for (int i = 0; i < 10; i++) {
        for (unsigned int pair = 0; pair < peer->n_pairs; pair++) {
            traffic_poll(peer, pair, true, false);
        }
    }
    peer_close(peer);
    return false;
}

int
scenario_cuts(struct peer *peer, int argc, char *argv[])
{
    static const size_t lens[] = { 0, 1, MSG_HEADER_LEN,
                                   MSG_HEADER_LEN + 1 };
    int n = argc ? atoi(argv[0]) : 1000;
    int n_cuts = 0;

    while (n_cuts < n) {
        for (int at = 0; n_cuts < n; at++) {
            bool was_cut = false;

            for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
                was_cut = cut(peer, at, lens[i]);
                n_cuts++;
            }
            if (!was_cut) {
                break;
            }
        }
    }
    printf("%d disconnections\n", n_cuts);
    return 0;
}
