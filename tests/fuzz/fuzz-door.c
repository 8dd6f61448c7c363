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

/* libFuzzer target: the door of the vhost library.
 *
 * The input is a connection: what the front-end sends, in pieces of any
 * length, each with files of any kinds, and answers of the library's in
 * between.  The library must get the front-end's messages, whole, as they
 * were sent, each with those files that it takes; a table of memory may be
 * shorter.  In the end nothing may be left open. */

#include <config.h>

#include "vhost/door.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "timeval.h"
#include "util.h"
#include "vhost/files.h"
#include "vhost/message.h"
#include "vhost/send.h"

#define HEADER DPDK_VDPA_MSG_HEADER_LEN
#define MAX_SIZE 4096           /* Of a payload. */
#define INPUT_MAX 8192
#define MAX_FILES 3             /* That come with a piece. */
#define MAX_SOME_TIME 16        /* Files of threads, for good. */
#define TIMEOUT 10000           /* For what should be at once, in ms. */

/* What the library takes of a table of memory. */
#define TABLE_SIZE (8 + 8 * 32)

enum kind { EVENTFD, MEMORY, LOCAL_SOCKET, PIPE, N_KINDS };

/* A connection. */
struct run {
    struct dpdk_vdpa_door door;
    int client, server;         /* The library's, and the front-end's end. */
    uint8_t sent[INPUT_MAX];
    size_t n_sent;
    uint8_t n_files[INPUT_MAX][N_KINDS];    /* That came with that byte. */
    size_t n_got;               /* Of 'sent', that is whole messages. */
    bool ended;                 /* By a message that is too long. */
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
open_file(enum kind kind)
{
    int fds[2];

    switch (kind) {
    case EVENTFD:
        return eventfd(0, 0);
    case MEMORY:
        return memfd_create("fuzz", 0);
    case LOCAL_SOCKET:
        ovs_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
        break;
    case PIPE:
    case N_KINDS:
        ovs_assert(!pipe(fds));
        break;
    }
    close(fds[0]);
    return fds[1];
}

/* Returns the kind of files that 'request' takes, or N_KINDS. */
static enum kind
kind_for(uint32_t request)
{
    switch (request) {
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
    case DPDK_VDPA_MSG_SET_LOG_BASE:
        return MEMORY;
    case DPDK_VDPA_MSG_SET_LOG_FD:
    case DPDK_VDPA_MSG_SET_VRING_KICK:
    case DPDK_VDPA_MSG_SET_VRING_CALL:
    case DPDK_VDPA_MSG_SET_VRING_ERR:
        return EVENTFD;
    case DPDK_VDPA_MSG_SET_SLAVE_REQ_FD:
        return LOCAL_SOCKET;
    default:
        return N_KINDS;
    }
}

static bool
is_kind(int fd, enum kind kind)
{
    return (kind == EVENTFD ? dpdk_vdpa_file_is_eventfd(fd)
            : kind == MEMORY ? dpdk_vdpa_file_is_memory(fd)
            : kind == LOCAL_SOCKET && dpdk_vdpa_file_is_local_socket(fd));
}

/* Makes the connection of '*r', as the vhost library does. */
static void
run_begin(struct run *r)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    static int listener = -1;
    socklen_t len;

    len = offsetof(struct sockaddr_un, sun_path)
          + snprintf(un.sun_path + 1, sizeof un.sun_path - 1, "fuzz-door-%d",
                     (int) getpid()) + 1;
    if (listener < 0) {
        time_msec();            /* Before the door's thread asks. */
        listener = socket(AF_UNIX, SOCK_STREAM, 0);
        ovs_assert(!bind(listener, (struct sockaddr *) &un, len));
        ovs_assert(!listen(listener, 1));
    }
    r->client = socket(AF_UNIX, SOCK_STREAM, 0);
    dpdk_vdpa_door_hold();
    ovs_assert(!connect(r->client, (struct sockaddr *) &un, len));
    ovs_assert(dpdk_vdpa_door_open(&r->door, TIMEOUT));
    dpdk_vdpa_door_release();
    r->server = accept(listener, NULL, NULL);
    ovs_assert(r->server >= 0);
}

static void
wait_for(int fd)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    ovs_assert(poll(&pfd, 1, TIMEOUT) == 1);
}

/* Sends 'n' bytes at 'bytes' with 'n_fds' files, which are closed. */
static void
send_piece(int fd, const uint8_t *bytes, size_t n, int *fds, size_t n_fds)
{
    ovs_assert(dpdk_vdpa_send(fd, bytes, n, fds, n_fds, 0) == n);
    for (size_t i = 0; i < n_fds; i++) {
        close(fds[i]);
    }
}

/* Receives a header and its files, which must all be of 'request' 's kind.
 * Returns how many. */
static unsigned int
recv_header(int fd, uint8_t *header, uint32_t request)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(DPDK_VDPA_MSG_MAX_FDS * sizeof(int))];
    } control;
    struct iovec iov = { header, HEADER };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = sizeof control };
    struct cmsghdr *cmsg;
    unsigned int n = 0;

    wait_for(fd);
    ovs_assert(recvmsg(fd, &msg, 0) == HEADER);
    ovs_assert(!(msg.msg_flags & MSG_CTRUNC));
    cmsg = CMSG_FIRSTHDR(&msg);
    if (cmsg) {
        n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (unsigned int i = 0; i < n; i++) {
            int file;

            memcpy(&file, CMSG_DATA(cmsg) + i * sizeof file, sizeof file);
            ovs_assert(is_kind(file, kind_for(request)));
            close(file);
        }
    }
    return n;
}

/* Receives the message that is at 'msg' in what was sent, with so many bytes
 * of payload. */
static void
recv_message(struct run *r, const uint8_t *msg, uint32_t request,
             uint32_t size)
{
    bool is_table = request == DPDK_VDPA_MSG_SET_MEM_TABLE;
    enum kind kind = kind_for(request);
    uint8_t got[HEADER + MAX_SIZE];
    unsigned int n_files, expected = 0;
    uint32_t got_size;

    for (size_t i = 0; kind < N_KINDS && i < HEADER + size; i++) {
        expected += r->n_files[r->n_got + i][kind];
    }
    expected = MIN(expected, DPDK_VDPA_MSG_MAX_FDS);
    n_files = recv_header(r->client, got, request);
    memcpy(&got_size, got + offsetof(struct dpdk_vdpa_msg, size),
           sizeof got_size);
    if (is_table) {
        ovs_assert(got_size <= MIN(size, TABLE_SIZE));
        ovs_assert(n_files <= expected);
        ovs_assert(!memcmp(got, msg,
                           offsetof(struct dpdk_vdpa_msg, size)));
    } else {
        ovs_assert(!memcmp(got, msg, HEADER));
        ovs_assert(n_files == expected);
    }
    if (got_size) {
        ovs_assert(recv(r->client, got + HEADER, got_size, MSG_DONTWAIT)
                   == got_size);
        ovs_assert(is_table
                   || !memcmp(got + HEADER, msg + HEADER, got_size));
    }
}

/* Receives what is whole of what was sent. */
static void
run_check(struct run *r)
{
    while (!r->ended && r->n_sent - r->n_got >= HEADER) {
        const uint8_t *msg = &r->sent[r->n_got];
        uint32_t request, size;

        memcpy(&request, msg, sizeof request);
        memcpy(&size, msg + offsetof(struct dpdk_vdpa_msg, size),
               sizeof size);
        if (size > MAX_SIZE) {
            r->ended = true;
        } else if (r->n_sent - r->n_got < HEADER + size) {
            break;
        } else {
            recv_message(r, msg, request, size);
            r->n_got += HEADER + size;
        }
    }
}

/* The front-end sends 'n' bytes with files, as 'files' has it: two bits are
 * the kind of each. */
static void
run_send(struct run *r, const uint8_t *bytes, size_t n, unsigned int n_files,
         uint8_t files)
{
    int fds[MAX_FILES];

    for (unsigned int i = 0; i < n_files; i++) {
        enum kind kind = files >> 2 * i & 3;

        fds[i] = open_file(kind);
        r->n_files[r->n_sent][kind]++;
    }
    memcpy(&r->sent[r->n_sent], bytes, n);
    r->n_sent += n;
    send_piece(r->server, bytes, n, fds, n_files);
    run_check(r);
}

/* The library sends an answer with 'n' bytes of payload. */
static void
run_answer(struct run *r, const uint8_t *payload, size_t n, bool with_file)
{
    uint8_t msg[HEADER + 256], got[HEADER + 256];
    uint32_t size = n;
    int fd;

    memset(msg, 0xaa, HEADER);
    memcpy(msg + offsetof(struct dpdk_vdpa_msg, size), &size, sizeof size);
    memcpy(msg + HEADER, payload, n);
    if (with_file) {
        fd = open_file(EVENTFD);
    }
    send_piece(r->client, msg, HEADER + n, &fd, with_file);
    for (size_t i = 0; i < HEADER + n; ) {
        union {
            struct cmsghdr align;
            char bytes[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec iov = { got + i, HEADER + n - i };
        struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control };
        ssize_t len;

        wait_for(r->server);
        len = recvmsg(r->server, &h, 0);
        ovs_assert(len > 0);
        if (CMSG_FIRSTHDR(&h)) {
            memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof fd);
            close(fd);
            ovs_assert(with_file);
            with_file = false;
        }
        i += len;
    }
    ovs_assert(!with_file && !memcmp(msg, got, HEADER + n));
}

/* The front-end goes, if it has not had to.  The library sees the end, and
 * nothing before it. */
static void
run_end(struct run *r)
{
    const char *reason;
    uint8_t byte;

    if (!r->ended) {
        close(r->server);
    }
    wait_for(r->client);
    ovs_assert(!recv(r->client, &byte, 1, 0));
    reason = dpdk_vdpa_door_reason(&r->door);
    ovs_assert(!r->ended == !reason);
    dpdk_vdpa_door_close(&r->door);
    close(r->client);
    if (r->ended) {
        close(r->server);
    }
}

/* Returns how many files are open. */
static unsigned int
count_files(void)
{
    unsigned int n = 0;

    for (int fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) != -1;
    }
    return n;
}

/* Waits until no more files are open than after the first connection, but for
 * a few that threads may open for good some time. */
static void
check_files(void)
{
    static unsigned int n_files;

    if (!n_files) {
        n_files = count_files();
    }
    for (int i = 0; count_files() > n_files + MAX_SOME_TIME; i++) {
        ovs_assert(i < TIMEOUT);
        poll(NULL, 0, 1);
    }
}

static bool
take(const uint8_t **data, size_t *size, uint8_t *to)
{
    if (!*size) {
        return false;
    }
    *to = *(*data)++;
    --*size;
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run r;
    uint8_t what, files = 0, n;

    if (size > INPUT_MAX) {
        return 0;
    }
    memset(&r, 0, sizeof r);
    run_begin(&r);
    while (!r.ended && take(&data, &size, &what) && take(&data, &size, &n)) {
        if (what & MAX_FILES && !take(&data, &size, &files)) {
            break;
        }
        n = MIN(n, size);
        if (what & 0x80) {
            run_answer(&r, data, n, what & 1);
        } else if (n) {
            run_send(&r, data, n, what & MAX_FILES, files);
        }
        data += n;
        size -= n;
    }
    run_end(&r);
    check_files();
    return 0;
}
