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

#include "vhost/insert.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "ovs-atomic.h"
#include "util.h"

/* Most of a message's payload that is looked at before the library is. */
#define PEEK_LEN sizeof(((struct dpdk_vdpa_msg *) 0)->payload.addr)

/* File descriptors from here on cannot be had. */
#define MAX_FD (1 << 18)

/* Of the connections, by their file descriptors.
 *
 * The library closes a connection before we learn of it, and then its number
 * may be another file's, in any thread.  So what is there is looked at only
 * if the socket is the one that it was opened for: the kernel gives each a
 * number of its own, never twice.  Then this thread handles the connection's
 * messages, and nobody closes it meanwhile. */
static struct {
    atomic_uint64_t cookie;     /* The socket's number, 0 for none. */
    ATOMIC(struct dpdk_vdpa_insert *) insert;
} inserts[MAX_FD];

/* The connection of the message that this thread handles, or null. */
static __thread struct dpdk_vdpa_insert *current;
static __thread int current_fd;

static __thread const void *last_header;

/* Returns the number that no other socket has, or 0 if 'fd' is none. */
static uint64_t
socket_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;

    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

/* Returns what is open for 'fd', or null. */
static struct dpdk_vdpa_insert *
find(int fd)
{
    struct dpdk_vdpa_insert *insert;
    uint64_t cookie;

    atomic_read_explicit(&inserts[fd].cookie, &cookie, memory_order_acquire);
    if (!cookie || cookie != socket_cookie(fd)) {
        return NULL;
    }
    atomic_read_relaxed(&inserts[fd].insert, &insert);
    return insert;
}

bool
dpdk_vdpa_insert_open(struct dpdk_vdpa_insert *insert, int fd)
{
    insert->inserted = 0;
    insert->cookie = fd < MAX_FD ? socket_cookie(fd) : 0;
    insert->fd = insert->cookie ? fd : -1;
    if (insert->fd < 0) {
        return false;
    }
    atomic_store_relaxed(&inserts[fd].insert, insert);
    atomic_store_explicit(&inserts[fd].cookie, insert->cookie,
                          memory_order_release);
    return true;
}

void
dpdk_vdpa_insert_close(struct dpdk_vdpa_insert *insert)
{
    uint64_t expected = insert->cookie;

    /* The next connection may have its number by now. */
    if (insert->fd >= 0) {
        atomic_compare_exchange_strong(&inserts[insert->fd].cookie, &expected,
                                       0);
        insert->fd = -1;
    }
    if (current == insert) {
        current = NULL;
    }
}

const void *
dpdk_vdpa_insert_last_header(void)
{
    return last_header;
}

/* Looks at the message that comes next from 'fd'.  Returns false unless all
 * is there of what is looked at. */
static bool
peek(int fd, struct dpdk_vdpa_msg *msg)
{
    ssize_t n = recv(fd, msg, DPDK_VDPA_MSG_HEADER_LEN + PEEK_LEN,
                     MSG_PEEK | MSG_DONTWAIT);

    return (n >= DPDK_VDPA_MSG_HEADER_LEN
            && n >= DPDK_VDPA_MSG_HEADER_LEN + MIN(msg->size, PEEK_LEN));
}

/* Returns true if nothing at all has come to 'fd', not even its end. */
static bool
is_empty(int fd)
{
    char c;

    return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Returns true if 'h' is how the library reads the header of a message. */
static bool
is_header(const struct msghdr *h)
{
    return (h->msg_iovlen == 1
            && h->msg_iov->iov_len == DPDK_VDPA_MSG_HEADER_LEN
            && h->msg_controllen
               == CMSG_SPACE(DPDK_VDPA_MSG_MAX_FDS * sizeof(int)));
}

/* Asks 'insert' for a message before the next from 'fd', if that is there or
 * there is none. */
static bool
ask(struct dpdk_vdpa_insert *insert, int fd, struct dpdk_vdpa_msg *msg)
{
    struct dpdk_vdpa_msg next;

    memset(&next, 0, sizeof next);
    if (peek(fd, &next)) {
        return insert->ops->before(insert->aux, &next, msg);
    }
    return is_empty(fd) && insert->ops->before(insert->aux, NULL, msg);
}

/* The library is to receive a header from connection 'fd' to 'h', before which
 * 'insert' is asked.  Stores a message there, if there is to be one. */
static bool
insert_message(struct dpdk_vdpa_insert *insert, int fd, struct msghdr *h)
{
    struct dpdk_vdpa_msg msg;

    insert->inserted = 0;
    memset(&msg, 0, sizeof msg);
    if (!ask(insert, fd, &msg)) {
        return false;
    }
    ovs_assert(msg.size && msg.size <= sizeof msg.payload.u64);
    insert->inserted = msg.size;
    msg.flags = DPDK_VDPA_MSG_VERSION;
    msg.size = 0;
    /* The header, and the payload behind it, where it would be read to. */
    memcpy(h->msg_iov->iov_base, &msg,
           DPDK_VDPA_MSG_HEADER_LEN + insert->inserted);
    h->msg_controllen = 0;
    h->msg_flags = 0;
    return true;
}

ssize_t
recvmsg(int fd, struct msghdr *h, int flags)
{
    static ssize_t (*next)(int, struct msghdr *, int);

    if (!next) {
        next = (ssize_t (*)(int, struct msghdr *, int)) dlsym(RTLD_NEXT,
                                                              "recvmsg");
    }
    current = NULL;
    if (fd >= 0 && fd < MAX_FD && is_header(h)) {
        last_header = h->msg_iov->iov_base;
        current = find(fd);
        current_fd = fd;
        if (current && insert_message(current, fd, h)) {
            return DPDK_VDPA_MSG_HEADER_LEN;
        }
    }
    return next(fd, h, flags);
}

/* Answers. */

/* Sends answer 'msg', which is without a payload, with a number: that all is
 * well. */
static ssize_t
send_zero(int fd, const struct msghdr *h, int flags,
          ssize_t (*next)(int, const struct msghdr *, int))
{
    struct dpdk_vdpa_msg msg;
    struct iovec iov = {
        &msg, DPDK_VDPA_MSG_HEADER_LEN + sizeof msg.payload.u64
    };
    struct msghdr longer = *h;

    memcpy(&msg, h->msg_iov->iov_base, DPDK_VDPA_MSG_HEADER_LEN);
    msg.size = sizeof msg.payload.u64;
    msg.payload.u64 = 0;
    longer.msg_iov = &iov;
    return next(fd, &longer, flags) < 0 ? -1 : (ssize_t) h->msg_iov->iov_len;
}

/* The library sends answers, and we to the front-end what it awaits. */
ssize_t
sendmsg(int fd, const struct msghdr *h, int flags)
{
    static ssize_t (*next)(int, const struct msghdr *, int);
    struct dpdk_vdpa_insert *insert = current;

    if (!next) {
        next = (ssize_t (*)(int, const struct msghdr *, int))
            dlsym(RTLD_NEXT, "sendmsg");
    }
    if (insert && fd == current_fd && h->msg_iovlen == 1
        && h->msg_iov->iov_len >= DPDK_VDPA_MSG_HEADER_LEN) {
        const struct dpdk_vdpa_msg *msg = h->msg_iov->iov_base;

        if (insert->inserted
            || !insert->ops->answers(insert->aux, msg->request)) {
            return h->msg_iov->iov_len;
        } else if (msg->request == DPDK_VDPA_MSG_SET_LOG_BASE && !msg->size) {
            return send_zero(fd, h, flags, next);
        }
    }
    return next(fd, h, flags);
}
