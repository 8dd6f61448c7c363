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
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "openvswitch/thread.h"
#include "ovs-atomic.h"
#include "util.h"
#include "vhost/message.h"

/* Most bytes of answers that a front-end may leave unread, as the kernel
 * counts them: some 80 answers.  A good front-end reads each. */
#define UNREAD_MAX 65536

/* File descriptors from here on cannot be had. */
#define MAX_FD (1 << 18)

/* Which connections the file descriptors are of, 0 for none of ours.  Read by
 * any thread that calls recvmsg(). */
static atomic_uint owners[MAX_FD];

/* Held while the library starts a connection.  A leaf. */
static struct ovs_mutex door_mutex = OVS_MUTEX_INITIALIZER;

/* The thread that holds the door, and the socket that it connected. */
static __thread bool is_holding;
static __thread int connected_fd;

void
dpdk_vdpa_door_hold(void)
    OVS_ACQUIRES(door_mutex)
{
    ovs_mutex_lock(&door_mutex);
    is_holding = true;
    connected_fd = -1;
}

void
dpdk_vdpa_door_release(void)
    OVS_RELEASES(door_mutex)
{
    is_holding = false;
    ovs_mutex_unlock(&door_mutex);
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

/* The library reads a message's header when the socket is readable, and then
 * its payload, waiting for that in the one thread that serves all ports, where
 * it also waits to send replies. */
bool
dpdk_vdpa_door_open(struct dpdk_vdpa_door *door, int timeout)
{
    struct timeval tv = { timeout / 1000, timeout % 1000 * 1000 };
    int fd = is_holding ? connected_fd : -1;
    static atomic_count next_id;

    door->fd = -1;
    if (fd < 0 || fd >= MAX_FD
        || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv)
        || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv)) {
        return false;
    }
    do {
        door->id = atomic_count_inc(&next_id);
    } while (!door->id);
    door->fd = fd;
    atomic_store(&owners[fd], door->id);
    return true;
}

void
dpdk_vdpa_door_close(struct dpdk_vdpa_door *door)
{
    /* The library closes the file before it tells, so that somebody else may
     * have it now. */
    if (door->fd >= 0) {
        unsigned int id = door->id;

        atomic_compare_exchange_strong(&owners[door->fd], &id, 0);
        door->fd = -1;
    }
}

bool
dpdk_vdpa_door_is_clogged(const struct dpdk_vdpa_door *door)
{
    int unread;

    return (door->fd >= 0 && !ioctl(door->fd, SIOCOUTQ, &unread)
            && unread > UNREAD_MAX);
}

/* Files. */

/* Returns true if files may come with 'request', of which we let the library
 * see any. */
static bool
takes_files(uint32_t request)
{
    switch (request) {
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
    case DPDK_VDPA_MSG_SET_LOG_BASE:
    case DPDK_VDPA_MSG_SET_LOG_FD:
    case DPDK_VDPA_MSG_SET_VRING_KICK:
    case DPDK_VDPA_MSG_SET_VRING_CALL:
    case DPDK_VDPA_MSG_SET_VRING_ERR:
    case DPDK_VDPA_MSG_SET_SLAVE_REQ_FD:
        return true;
    default:
        return false;
    }
}

/* Closes the files that came with 'msg', and takes them out of it. */
static void
close_received(struct msghdr *msg)
{
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg;
         cmsg = CMSG_NXTHDR(msg, cmsg)) {
        size_t len = cmsg->cmsg_len - CMSG_LEN(0);

        if (cmsg->cmsg_level == SOL_SOCKET
            && cmsg->cmsg_type == SCM_RIGHTS) {
            for (size_t i = 0; i < len / sizeof(int); i++) {
                int fd;

                memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof fd, sizeof fd);
                close(fd);
            }
        }
    }
    msg->msg_controllen = 0;
}

/* Returns true if 'msg' is how the library reads the header of a message. */
static bool
is_vhost_header(const struct msghdr *msg)
{
    return (msg->msg_iovlen == 1
            && msg->msg_iov->iov_len == DPDK_VDPA_MSG_HEADER_LEN
            && msg->msg_controllen
               == CMSG_SPACE(DPDK_VDPA_MSG_MAX_FDS * sizeof(int)));
}

/* Returns true if the library is to read a header from connection 'fd'. */
static bool
is_our_header(int fd, const struct msghdr *msg)
{
    unsigned int id;

    if (fd < 0 || fd >= MAX_FD || !is_vhost_header(msg)) {
        return false;
    }
    atomic_read(&owners[fd], &id);
    return id != 0;
}

/* The library loses the files that come with a message about a ring that it
 * cannot have, before it asks us.  So this closes files that no such message
 * should come with. */
ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
    static ssize_t (*next)(int, struct msghdr *, int);
    bool is_header = is_our_header(fd, msg);
    ssize_t n;

    if (!next) {
        next = (ssize_t (*)(int, struct msghdr *, int)) dlsym(RTLD_NEXT,
                                                              "recvmsg");
    }
    if (is_header) {
        /* Wait until it has been started wholly. */
        ovs_mutex_lock(&door_mutex);
        ovs_mutex_unlock(&door_mutex);
    }
    n = next(fd, msg, flags);
    if (is_header && n > 0) {
        const uint32_t *request = msg->msg_iov->iov_base;

        if (n < sizeof *request || !takes_files(*request)) {
            close_received(msg);
        }
    }
    return n;
}
