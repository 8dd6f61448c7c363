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

/* Messages that a good front-end does not send. */

#include "frontend-cases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* A ring that shrinks below its position. */
static void
send_base_then_num(struct peer *peer, unsigned int variant)
{
    (void) variant;
    peer_send_state(peer, SET_VRING_NUM, 0, 256);
    peer_send_state(peer, SET_VRING_BASE, 0, 200);
    peer_send_state(peer, SET_VRING_NUM, 0, 16);
    peer_send_eventfd(peer, SET_VRING_KICK, 0);
}

static void
send_kick_unsized(struct peer *peer, unsigned int variant)
{
    peer_set_ring_addr(peer, 0);
    if (variant) {
        peer_send_state(peer, SET_VRING_NUM, 0, 256);
    }
    peer_send_eventfd(peer, SET_VRING_KICK, 0);
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
    peer_send_eventfd(peer, SET_VRING_KICK, 1);
    peer_send_eventfd(peer, SET_VRING_CALL, 1);
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

/* An eventfd that is full, and would block whoever writes to it; also one that
 * the back-end took for harmless, and that changes. */
static void
send_full_eventfd(struct peer *peer, unsigned int variant)
{
    struct ring *ring = &peer->rings[variant % 2];
    uint64_t most = UINT64_MAX - 1;
    long long int end = now_ms() + 5000;
    int fd = eventfd(0, 0);

    if (variant < 2 && write(fd, &most, sizeof most) != sizeof most) {
        fatal("eventfd: %s", strerror(errno));
    }
    ring->area[RING_AVAIL + (peer->packed ? 2 : 0)] = 0;
    peer_send_file(peer, SET_VRING_CALL, variant % 2, fd);
    if (variant >= 2) {
        peer_is_alive(peer);
        if (fcntl(fd, F_SETFL, O_NONBLOCK)
            || write(fd, &most, sizeof most) < 0
            || fcntl(fd, F_SETFL, 0)) {
            /* It has been signalled already: fill it up. */
            most = UINT64_MAX - 100;
            if (write(fd, &most, sizeof most) < 0 || fcntl(fd, F_SETFL, 0)) {
                fatal("eventfd: %s", strerror(errno));
            }
        }
    }
    while (ring->n_done < 1000) {
        traffic_poll(peer, 0, true, false);
        if (now_ms() > end) {
            fatal("ring %u has stopped", variant % 2);
        }
    }
    close(fd);
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

/* What was allocated for one kind of ring must not be used for the other: the
 * ring begins anew, and needs a size. */
static void
send_other_ring_format(struct peer *peer, unsigned int variant)
{
    peer_send_state(peer, SET_VRING_NUM, 0, 256);
    peer_set_ring_addr(peer, 0);
    peer_send_u64(peer, SET_FEATURES,
                  F_VERSION_1 | F_PROTOCOL | F_MQ
                  | (peer->packed ? 0 : F_PACKED));
    if (variant) {
        peer_set_ring_addr(peer, 0);
    } else {
        peer_send_state(peer, SET_VRING_BASE, 0, 0);
        peer_send_eventfd(peer, SET_VRING_KICK, 0);
    }
}

static void
send_bad_protocol_features(struct peer *peer, unsigned int variant)
{
    peer_send_u64(peer, SET_PROTOCOL_FEATURES,
                  variant ? UINT64_MAX : 1ULL << 12);
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

/* The answer is a number. */
static void
send_log(struct peer *peer, const union payload *p, int fd)
{
    struct msg msg;

    if (!peer_send(peer, SET_LOG_BASE, p, 16, &fd, 1)
        || !peer_recv(peer, &msg, 5000) || msg.request != SET_LOG_BASE
        || msg.size != sizeof msg.payload.u64 || msg.payload.u64) {
        fatal("a dirty log is not answered as it should be");
    }
}

/* QEMU sends its log once for each queue pair, and this must not take away
 * from under a device what it just writes to; nor may another log. */
static void
send_log_again(struct peer *peer, unsigned int variant)
{
    union payload p = { .area = { .size = 0x100000 } };
    int fd = make_memfd(p.area.size, 0);
    uint64_t features = F_VERSION_1 | F_PROTOCOL | F_MQ | F_LOG_ALL;

    (void) variant;
    if (!(peer->offered & F_LOG_ALL)) {
        fatal("no dirty log is offered");
    }
    send_log(peer, &p, fd);
    peer_send_u64(peer, SET_FEATURES,
                  features | (peer->packed ? F_PACKED : 0));
    for (int i = 0; i < 2000; i++) {
        traffic_poll(peer, 0, true, false);
        send_log(peer, &p, fd);
    }
    close(fd);
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
    { "files of a queue", SHARED, ENDS, send_bad_files, 9, 0, 0 },
    { "no eventfd", SHARED, ENDS, send_call_pipe, 2, 0, 0 },
    { "full eventfd", RUNNING, LIVES, send_full_eventfd, 4, 0, 0 },
    { "features", CONNECTED, ENDS, send_bad_features, 2, 0, 0 },
    { "features while running", RUNNING, ENDS, send_features_while_running,
      2, 0, 0 },
    { "other ring format", SHARED, ENDS, send_other_ring_format, 2, 0, 0 },
    { "protocol features", NEGOTIATED, ENDS, send_bad_protocol_features, 2,
      0, 0 },
    { "dirty log", RUNNING, ENDS, send_bad_log, 6, 0, 0 },
    { "dirty log again", RUNNING, LIVES, send_log_again, 0, 0, 0 },
    { "inflight area", SHARED, ENDS, send_inflight, 3, 0, 0 },
    { "postcopy", NEGOTIATED, ENDS, send_postcopy, 3, 0, 0 },
    { "IOTLB", RUNNING, ENDS, send_iotlb, 16, 0, 0 },
    { "configuration space", RUNNING, ENDS, send_config, 4, 0, 0 },
    { "MTU", NEGOTIATED, ENDS, send_bad_mtu, 2, 0, 0 },
    { "RARP", RUNNING, LIVES, send_rarp, 0, 0, 0 },
    { "owner", RUNNING, LIVES, send_reset_owner, 0, 0, 0 },
    { "no payload", RUNNING, ENDS, send_no_payload, 32, 0, 0 },
    { "bad message wants an answer", RUNNING, ENDS, send_bad_with_answer, 2,
      0, 0 },
    { "device status", RUNNING, ENDS, send_bad_status, 0, 0, 0 },
    { "answers that nobody reads", RUNNING, ENDS, send_questions, 0, 0, 0 },
};

/* The back-end waits for the rest, each time for as long as it does. */
static const struct message_case unfinished_cases[] = {
    { "payload too long", NEGOTIATED, ENDS, send_long_payload, 2, 0, 0 },
    { "part of a header", NEGOTIATED, ENDS, send_part_of_header, 3, 0, 0 },
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

/* Runs the cases called 'name', or all if that is null.  Returns how many
 * failed, and adds how many there were to '*n_run'. */
static int
run_cases(struct peer *peer, const struct message_case *c, size_t n,
          const char *name, int *n_run)
{
    int n_bad = 0;

    for (; n; n--, c++) {
        if ((name && strcmp(name, c->name))
            || (c->packed_only && !peer->packed)
            || (c->split_only && peer->packed)) {
            continue;
        }
        for (unsigned int i = 0; i < (c->n_variants ? c->n_variants : 1);
             i++) {
            n_bad += !run_case(peer, c, i);
            (*n_run)++;
        }
    }
    return n_bad;
}

/* Says how many cases there were, and how many failed.  Returns true if the
 * scenario went wrong. */
static bool
say_cases(int n_run, int n_bad)
{
    printf("%d cases, %d failed\n", n_run, n_bad);
    return n_bad || !n_run;
}

int
scenario_messages(struct peer *peer, int argc, char *argv[])
{
    const char *name = argc ? argv[0] : NULL;
    int n_run = 0;
    int n_bad;

    n_bad = (run_cases(peer, cases, ARRAY_SIZE(cases), name, &n_run)
             + run_cases(peer, memory_cases, n_memory_cases, name, &n_run));
    return say_cases(n_run, n_bad);
}

int
scenario_unfinished(struct peer *peer, int argc, char *argv[])
{
    int n_run = 0;
    int n_bad = run_cases(peer, unfinished_cases, ARRAY_SIZE(unfinished_cases),
                          argc ? argv[0] : NULL, &n_run);

    return say_cases(n_run, n_bad);
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
