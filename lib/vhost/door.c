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

#include "vhost/door.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"
#include "vhost/files.h"
#include "vhost/merge.h"
#include "vhost/message.h"
#include "vhost/send.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_door);

/* Longest message that is handed on; the library takes less. */
#define MESSAGE_MAX 4096

/* Where a message says whether it wants an answer, and how long its payload
 * is. */
#define FLAGS_OFS offsetof(struct dpdk_vdpa_msg, flags)
#define SIZE_OFS offsetof(struct dpdk_vdpa_msg, size)

/* In a table of memory: where the regions are, and how long it may be for the
 * library. */
#define REGIONS_OFS offsetof(struct dpdk_vdpa_msg, payload.memory.regions)
#define TABLE_MAX (sizeof ((struct dpdk_vdpa_msg *) 0)->payload.memory)

/* Most files that may come with a message: a region of memory each, of a table
 * as long as a message can be. */
#define MAX_FILES 128
BUILD_ASSERT_DECL(MAX_FILES
                  >= MESSAGE_MAX / sizeof(struct dpdk_vdpa_msg_region));

/* Most files that the kernel hands over at once.  What there is no room for it
 * closes there and then, and who receives waits for that. */
#define MAX_RECEIVED DPDK_VDPA_SEND_MAX_FILES
BUILD_ASSERT_DECL(MAX_RECEIVED >= MAX_FILES);

/* Most bytes of answers that a front-end may leave unread, as the kernel
 * counts them: some 80 answers.  A good front-end reads each. */
#define UNREAD_MAX 65536

/* Most bytes of messages that wait for the library, as the kernel counts them:
 * some 20 messages. */
#define BACKLOG_MAX 16384

/* Most files of connections that are gone which may wait to be closed when the
 * next one of the same door begins. */
#define CLOSING_MAX 64

/* Messages of one connection that are handed on before others have their
 * turn. */
#define BATCH 16

/* Something on its way, in one direction. */
struct parcel {
    uint8_t data[DPDK_VDPA_MSG_HEADER_LEN + MESSAGE_MAX];
    size_t len;                 /* Bytes of 'data'. */
    size_t sent;                /* Of these. */
    int fds[MAX_FILES];
    int n_fds;
    struct dpdk_vdpa_closing *closing;  /* The connection's. */
    long long int since;        /* When its first byte came, in ms. */
};

/* A connection.  All with 'door_mutex', but for 'closing'. */
struct door_conn {
    struct ovs_list list_node;  /* In 'conns'. */
    const struct dpdk_vdpa_door *door;  /* Whose it is, if only by name. */
    int front;                  /* Of the front-end, or -1. */
    int back;                   /* Whose other end the library has, or -1. */
    int timeout;
    bool is_channel;            /* For messages of the library's. */
    bool is_awaited;            /* Of a channel: an answer is. */
    bool may_postcopy;          /* Who announces that wants an answer with the
                                 * regions of its table. */
    bool held;                  /* The library is not to get messages yet. */
    bool closed;                /* Nobody will ask for 'reason' any more. */
    const char *reason;
    struct dpdk_vdpa_closing closing;   /* Files of the front-end's. */
    struct parcel message;      /* From 'front' to 'back'. */
    struct parcel answer;       /* From 'back' to 'front'. */
};

/* A leaf, held for moments. */
static struct ovs_mutex door_mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list conns OVS_GUARDED_BY(door_mutex)
    = OVS_LIST_INITIALIZER(&conns);

/* Wakes the thread. */
static struct seq *door_seq;

/* Whether this thread holds the door, the socket that it has connected
 * meanwhile, and the connection that it has opened. */
static __thread bool is_holding;
static __thread int connected_fd;
static __thread struct door_conn *held_conn;

/* Parcels. */

/* Returns true if 'fd' is a file as should come with 'request'.  The library
 * gets no other: it waits for who is behind a file when it closes it, and
 * loses those that come with a message about a ring that it cannot have. */
static bool
is_file_for(uint32_t request, int fd)
{
    switch (request) {
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
    case DPDK_VDPA_MSG_SET_LOG_BASE:
        return dpdk_vdpa_file_is_memory(fd);
    case DPDK_VDPA_MSG_SET_LOG_FD:
    case DPDK_VDPA_MSG_SET_VRING_KICK:
    case DPDK_VDPA_MSG_SET_VRING_CALL:
    case DPDK_VDPA_MSG_SET_VRING_ERR:
        return dpdk_vdpa_file_is_eventfd(fd);
    case DPDK_VDPA_MSG_SET_SLAVE_REQ_FD:
        return dpdk_vdpa_file_is_local_socket(fd);
    default:
        return false;
    }
}

/* Closes all but the first 'n' files. */
static void
parcel_keep_files(struct parcel *p, int n)
{
    while (p->n_fds > n) {
        dpdk_vdpa_file_close(p->fds[--p->n_fds], p->closing);
    }
}

static void
parcel_close_files(struct parcel *p)
{
    parcel_keep_files(p, 0);
}

static void
parcel_clear(struct parcel *p)
{
    parcel_close_files(p);
    p->len = p->sent = 0;
}

/* Closes files that should not have come with 'request'. */
static void
parcel_sift_files(struct parcel *p, uint32_t request)
{
    int n = 0;

    for (int i = 0; i < p->n_fds; i++) {
        if (is_file_for(request, p->fds[i])) {
            p->fds[n++] = p->fds[i];
        } else {
            dpdk_vdpa_file_close(p->fds[i], p->closing);
        }
    }
    p->n_fds = n;
}

/* Takes the files that came with 'msg', as many as a message may have. */
static void
parcel_take_files(struct parcel *p, struct msghdr *msg)
{
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg;
         cmsg = CMSG_NXTHDR(msg, cmsg)) {
        size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (cmsg->cmsg_level != SOL_SOCKET
            || cmsg->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof fd, sizeof fd);
            if (p->n_fds < MAX_FILES) {
                p->fds[p->n_fds++] = fd;
            } else {
                dpdk_vdpa_file_close(fd, p->closing);
            }
        }
    }
}

/* Reads up to 'n' more bytes from 'fd'.  Returns as recvmsg(). */
static ssize_t
parcel_read(struct parcel *p, int fd, size_t n)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(MAX_RECEIVED * sizeof(int))];
    } control;
    struct iovec iov = { p->data + p->len, n };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    ssize_t retval = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (retval > 0) {
        if (!p->len) {
            p->since = time_msec();
        }
        p->len += retval;
        parcel_take_files(p, &msg);
    }
    return retval;
}

/* Sends what there is to 'fd'.  Returns 0, or a positive errno value. */
static int
parcel_send(struct parcel *p, int fd)
{
    while (p->sent < p->len) {
        ssize_t retval = dpdk_vdpa_send(fd, p->data + p->sent,
                                        p->len - p->sent, p->fds, p->n_fds,
                                        MSG_DONTWAIT);

        if (retval < 0) {
            return errno;
        }
        parcel_close_files(p);
        p->sent += retval;
    }
    parcel_clear(p);
    return 0;
}

/* Returns how many bytes are missing from a message. */
static size_t
message_missing(const struct parcel *p)
{
    size_t whole = DPDK_VDPA_MSG_HEADER_LEN;

    if (p->len >= DPDK_VDPA_MSG_HEADER_LEN) {
        uint32_t size;

        memcpy(&size, p->data + SIZE_OFS, sizeof size);
        whole += size;
    }
    return MIN(whole, sizeof p->data) - p->len;
}

/* Messages. */

static void
message_set_size(struct parcel *p, uint32_t size)
{
    memcpy(p->data + SIZE_OFS, &size, sizeof size);
    p->len = DPDK_VDPA_MSG_HEADER_LEN + size;
}

/* Makes as few regions as can be of those in table of memory 'p', which is
 * whole. */
static void
message_merge_memory(struct parcel *p)
{
    struct dpdk_vdpa_msg_region regions[MAX_FILES];
    uint8_t *payload = p->data + DPDK_VDPA_MSG_HEADER_LEN;
    uint32_t n = 0, n_merged;

    if (p->len >= REGIONS_OFS) {
        memcpy(&n, payload, sizeof n);
    }
    if (!n || n != p->n_fds || p->len < REGIONS_OFS + n * sizeof *regions) {
        return;                 /* To be refused. */
    }
    memcpy(regions, p->data + REGIONS_OFS, n * sizeof *regions);
    n_merged = dpdk_vdpa_merge_regions(regions, p->fds, n);
    if (n_merged < n) {
        memcpy(payload, &n_merged, sizeof n_merged);
        memcpy(p->data + REGIONS_OFS, regions, n_merged * sizeof *regions);
        message_set_size(p, (REGIONS_OFS - DPDK_VDPA_MSG_HEADER_LEN
                             + n_merged * sizeof *regions));
        parcel_keep_files(p, n_merged);
    }
}

/* Makes of 'p', a message of the front-end's of 'c', which is whole, one that
 * the library can read: it takes 8 files. */
static void
conn_fit_message(struct door_conn *c, struct parcel *p)
{
    uint32_t request;

    memcpy(&request, p->data, sizeof request);
    if (request == DPDK_VDPA_MSG_POSTCOPY_ADVISE) {
        c->may_postcopy = true;
    } else if (request == DPDK_VDPA_MSG_SET_MEM_TABLE) {
        if (!c->may_postcopy) {
            message_merge_memory(p);
        }
        if (p->len > DPDK_VDPA_MSG_HEADER_LEN + TABLE_MAX) {
            message_set_size(p, TABLE_MAX);     /* To be refused. */
        }
    }
    parcel_keep_files(p, DPDK_VDPA_MSG_MAX_FDS);
}

/* Connections. */

/* Ends 'c', for 'reason' if that is not null.  What the library has not read
 * yet it will, and then sees the end. */
static void
conn_end(struct door_conn *c, const char *reason)
{
    if (c->front >= 0) {
        c->reason = reason;
        dpdk_vdpa_file_close_socket(c->front, &c->closing);
        c->front = -1;
        shutdown(c->back, SHUT_WR);
        parcel_clear(&c->message);
    }
}

/* Returns true if files of the front-end's wait to be closed: there may be no
 * end of them, so no more are taken from it. */
static bool
conn_is_closing(const struct door_conn *c)
{
    return atomic_count_get(&CONST_CAST(struct door_conn *, c)->closing.n) > 0;
}

/* Returns true if the front-end may be listened to.  The socket of a channel
 * is the front-end's as well, so that it can make who reads from it wait: by
 * reading itself, into memory that is not there.  So nobody does, unless the
 * library has asked something, as it does for a vDPA device only. */
static bool
conn_may_read(const struct door_conn *c)
{
    return !conn_is_closing(c) && (!c->is_channel || c->is_awaited);
}

/* Reads some more of a message.  Returns false if there is nothing to read. */
static bool
conn_read_message(struct door_conn *c)
{
    struct parcel *p = &c->message;
    ssize_t n;

    if (!conn_may_read(c)) {
        return false;
    }
    n = parcel_read(p, c->front, message_missing(p));
    if (n <= 0) {
        if (!n || (errno != EAGAIN && errno != EINTR)) {
            conn_end(c, NULL);
        }
        return false;
    }
    if (p->len >= DPDK_VDPA_MSG_HEADER_LEN) {
        uint32_t request, size;

        memcpy(&request, p->data, sizeof request);
        memcpy(&size, p->data + SIZE_OFS, sizeof size);
        parcel_sift_files(p, request);
        if (size > MESSAGE_MAX) {
            conn_end(c, "message of more than 4096 bytes");
            return false;
        }
    }
    if (!message_missing(p)) {
        conn_fit_message(c, p);
        c->is_awaited = false;
    }
    return true;
}

/* Returns true if the front-end has begun a message that is not whole. */
static bool
conn_has_part(const struct door_conn *c)
{
    return c->message.len && message_missing(&c->message);
}

static void
conn_run_messages(struct door_conn *c)
{
    int i = 0;

    while (c->front >= 0 && i < BATCH) {
        int error;

        if (message_missing(&c->message)) {
            if (!conn_read_message(c)) {
                break;
            }
            continue;
        }
        error = parcel_send(&c->message, c->back);
        if (error == EAGAIN) {
            break;
        } else if (error) {
            conn_end(c, NULL);
        }
        i++;
    }
    if (c->front >= 0 && conn_has_part(c)
        && time_msec() >= c->message.since + c->timeout) {
        conn_end(c, "message that is not finished");
    }
}

/* Returns true if an answer waits for the front-end to make room. */
static bool
conn_has_answer(const struct door_conn *c)
{
    return c->answer.len && !message_missing(&c->answer);
}

/* Returns true if the front-end does not read its answers.  Of what waits in
 * a channel each is for a ring that does not go on, so there are few unless
 * somebody wants PMD threads to wait for room. */
static bool
conn_is_clogged(const struct door_conn *c)
{
    int unread;

    return ((conn_has_answer(c)
             && (c->is_channel
                 || time_msec() >= c->answer.since + c->timeout))
            || (!ioctl(c->front, SIOCOUTQ, &unread) && unread > UNREAD_MAX));
}

/* The library has closed its end. */
static void
conn_finish(struct door_conn *c)
{
    conn_end(c, NULL);
    close(c->back);
    c->back = -1;
    parcel_clear(&c->answer);
}

/* Returns true if 'p', a message of the library's of which all is there, asks
 * for an answer. */
static bool
message_wants_answer(const struct parcel *p)
{
    uint32_t flags;

    memcpy(&flags, p->data + FLAGS_OFS, sizeof flags);
    return flags & DPDK_VDPA_MSG_NEED_REPLY;
}

static void
conn_run_answers(struct door_conn *c)
{
    struct parcel *p = &c->answer;
    int i = 0;

    while (i < BATCH) {
        bool asks;
        int error;

        if (message_missing(p)) {
            ssize_t n = parcel_read(p, c->back, message_missing(p));

            if (n <= 0) {
                if (!n || (errno != EAGAIN && errno != EINTR)) {
                    conn_finish(c);
                }
                break;
            }
            continue;
        }
        asks = message_wants_answer(p);
        error = c->front >= 0 ? parcel_send(p, c->front) : EPIPE;
        if (error == EAGAIN) {
            break;
        } else if (error && c->is_channel) {
            conn_end(c, NULL);  /* The library may await an answer. */
        }
        c->is_awaited |= asks;
        parcel_clear(p);
        i++;
    }
    if (c->front >= 0 && conn_is_clogged(c)) {
        conn_end(c, "answers are not read");
        /* Or nobody would wait for what else comes from 'back'. */
        parcel_clear(&c->answer);
    }
}

static void
conn_run(struct door_conn *c)
{
    if (c->back >= 0 && !c->held) {
        conn_run_messages(c);
        conn_run_answers(c);
    }
}

static void
wait_for(int fd, bool can_read, bool can_write)
{
    if (can_read || can_write) {
        poll_fd_wait(fd, ((can_read ? POLLIN : 0)
                          | (can_write ? POLLOUT : 0)));
    }
}

static void
conn_wait(const struct door_conn *c)
{
    bool has_message = !message_missing(&c->message);
    bool has_answer = conn_has_answer(c);

    if (c->back < 0 || c->held) {
        return;
    }
    wait_for(c->back, !has_answer, has_message);
    if (c->front < 0) {
        return;
    }
    wait_for(c->front, !has_message && conn_may_read(c), has_answer);
    if (conn_has_part(c)) {
        poll_timer_wait_until(c->message.since + c->timeout);
    }
    if (has_answer) {
        poll_timer_wait_until(c->answer.since + c->timeout);
    }
}

static void *
door_main(void *aux OVS_UNUSED)
{
    for (;;) {
        uint64_t seq = seq_read(door_seq);
        struct door_conn *c, *next;

        ovs_mutex_lock(&door_mutex);
        LIST_FOR_EACH_SAFE (c, next, list_node, &conns) {
            conn_run(c);
            if (c->back < 0 && c->closed && !conn_is_closing(c)) {
                ovs_list_remove(&c->list_node);
                free(c);
            } else {
                conn_wait(c);
            }
        }
        ovs_mutex_unlock(&door_mutex);
        seq_wait(door_seq, seq);
        poll_block();
    }
    return NULL;
}

/* The library's part. */

void
dpdk_vdpa_door_hold(void)
{
    is_holding = true;
    connected_fd = -1;
    held_conn = NULL;
}

void
dpdk_vdpa_door_release(void)
{
    is_holding = false;
    if (held_conn) {
        ovs_mutex_lock(&door_mutex);
        held_conn->held = false;
        ovs_mutex_unlock(&door_mutex);
        held_conn = NULL;
        seq_change(door_seq);
    }
}

/* The library does not tell which file descriptor it connects, and the name of
 * its peer is the peer's to choose. */
int
connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    static int (*next)(int, const struct sockaddr *, socklen_t);
    int retval;

    if (!next) {
        next = (int (*)(int, const struct sockaddr *, socklen_t))
            dlsym(RTLD_NEXT, "connect");
    }
    retval = next(fd, addr, len);
    if (is_holding && !retval) {
        connected_fd = fd;
    }
    return retval;
}

static void
start_thread(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        door_seq = seq_create();
        dpdk_vdpa_files_start();        /* Nothing grows by what one sends. */
        ovs_thread_create("vdpa_door", door_main, NULL);
        ovsthread_once_done(&once);
    }
}

/* Limits how long the library waits at its 'end' of a pair of sockets.  What
 * it reads there is whole, but it may wait for an answer to a message of its
 * own; and files that come with messages are ours while they wait at our
 * 'back'. */
static bool
set_limits(int back, int end, int timeout)
{
    struct timeval tv = { timeout / 1000, timeout % 1000 * 1000 };
    int backlog = BACKLOG_MAX;

    return (!setsockopt(back, SOL_SOCKET, SO_SNDBUF, &backlog, sizeof backlog)
            && !setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv)
            && !setsockopt(end, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
}

/* Has what is sent out of band (MSG_OOB) to 'front' read like all else: what
 * is skipped the kernel throws away, with the files that came with it, and who
 * reads waits for these. */
static void
take_all_in_line(int front)
{
    int yes = 1;

    setsockopt(front, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes);
}

/* Creates a connection for 'front', which it owns from now on, and stores the
 * socket that the library is to have instead.  Returns null, and 'front' is
 * still the caller's, if there is none. */
static struct door_conn *
conn_create(int front, int timeout, int *end)
{
    struct door_conn *c;
    int pair[2];

    start_thread();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        return NULL;
    }
    if (!set_limits(pair[0], pair[1], timeout)) {
        close(pair[0]);
        close(pair[1]);
        return NULL;
    }
    c = xzalloc(sizeof *c);
    c->front = front;
    c->back = pair[0];
    c->timeout = timeout;
    c->closing.wake = door_seq;
    c->message.closing = c->answer.closing = &c->closing;
    *end = pair[1];
    return c;
}

/* Has the thread look after 'c'. */
static void
conn_start(struct door_conn *c)
{
    ovs_mutex_lock(&door_mutex);
    ovs_list_push_back(&conns, &c->list_node);
    ovs_mutex_unlock(&door_mutex);
    seq_change(door_seq);
}

/* Returns true if many files of connections before wait to be closed, which
 * were those of 'door'. */
static bool
door_is_closing(const struct dpdk_vdpa_door *door)
{
    struct door_conn *c;
    unsigned int n = 0;

    ovs_mutex_lock(&door_mutex);
    LIST_FOR_EACH (c, list_node, &conns) {
        n += c->door == door ? atomic_count_get(&c->closing.n) : 0;
    }
    ovs_mutex_unlock(&door_mutex);
    return n > CLOSING_MAX;
}

bool
dpdk_vdpa_door_open(struct dpdk_vdpa_door *door, int timeout)
{
    int fd = is_holding ? connected_fd : -1;
    struct door_conn *c;
    int front, end;

    door->conn = NULL;
    if (fd < 0) {
        return false;
    } else if (door_is_closing(door)) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

        VLOG_WARN_RL(&rl, "files of connections before cannot be closed");
        return false;
    }
    front = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (front < 0) {
        return false;
    }
    c = conn_create(front, timeout, &end);
    if (!c) {
        close(front);
        return false;
    }
    take_all_in_line(front);
    dup2(end, fd);
    close(end);
    c->held = true;
    c->door = door;
    conn_start(c);
    connected_fd = -1;
    held_conn = c;
    door->conn = c;
    door->fd = fd;
    return true;
}

int
dpdk_vdpa_door_channel(int fd, int timeout)
{
    struct door_conn *c;
    int end;

    c = conn_create(fd, timeout, &end);
    if (!c) {
        return -1;
    }
    c->is_channel = c->closed = true;
    conn_start(c);
    return end;
}

void
dpdk_vdpa_door_close(struct dpdk_vdpa_door *door)
{
    if (door->conn) {
        ovs_mutex_lock(&door_mutex);
        door->conn->closed = true;
        ovs_mutex_unlock(&door_mutex);
        door->conn = NULL;
        seq_change(door_seq);
    }
}

const char *
dpdk_vdpa_door_reason(const struct dpdk_vdpa_door *door)
{
    const char *reason = NULL;

    if (door->conn) {
        ovs_mutex_lock(&door_mutex);
        reason = door->conn->reason;
        ovs_mutex_unlock(&door_mutex);
    }
    return reason;
}
