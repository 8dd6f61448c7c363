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

#include "vhost/guard.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "util.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

/* Of the payload of SET_VRING_KICK and the like. */
#define VRING_INDEX_MASK 0xff
#define VRING_NO_FD 0x100

/* Longest ring, 4 times what QEMU allows.  A bad chain of descriptors may be
 * as long as the ring, and the library walks it at each poll. */
#define RING_SIZE_MAX 4096

/* Most bytes of answers that a front-end may leave unread, as the kernel
 * counts them: some 80 answers.  A good front-end reads each. */
#define UNREAD_MAX 65536

#define IOTLB_UPDATE 2

BUILD_ASSERT_DECL(sizeof(struct dpdk_vdpa_msg)
                  == 12 + 632 + (DPDK_VDPA_MSG_MAX_FDS + 1) * sizeof(int));

/* Says in 'why', of 'size' bytes, what is wrong.  Returns true. */
static bool OVS_PRINTF_FORMAT(3, 4)
refuse(char *why, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, size, format, args);
    va_end(args);
    return true;
}

/* Returns true if 'a' + 'b' exceeds 64 bits. */
static bool
sum_wraps(uint64_t a, uint64_t b)
{
    return a + b < a;
}

/* Returns true if 'fd' is not for sharing 'size' bytes of memory: touching
 * what is mapped beyond a file's end would be a SIGBUS, and a file system in
 * user space could let us wait for a page for ever.  Otherwise keeps the file
 * from shrinking later, if the front-end has left that open. */
static bool
is_bad_memory(int fd, uint64_t size)
{
    struct statfs fs;
    struct stat s;

    if (fstat(fd, &s) || !S_ISREG(s.st_mode) || s.st_size < size
        || fstatfs(fd, &fs) || fs.f_type == FUSE_SUPER_MAGIC) {
        return true;
    }
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
    return false;
}

static bool
is_eventfd(int fd)
{
    char path[32], target[32];
    ssize_t n;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    n = readlink(path, target, sizeof target - 1);
    target[MAX(n, 0)] = '\0';
    return !strcmp(target, "anon_inode:[eventfd]");
}

/* PMD threads write to 'fd', and must not be made to wait. */
static void
set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Messages. */

/* Returns how long the payload of a request must be; the library takes what is
 * missing from the message before. */
static size_t
min_payload_len(uint32_t request)
{
    const struct dpdk_vdpa_msg *msg = NULL;

    switch (request) {
    case DPDK_VDPA_MSG_SET_FEATURES:
    case DPDK_VDPA_MSG_SET_PROTOCOL_FEATURES:
    case DPDK_VDPA_MSG_SET_VRING_KICK:
    case DPDK_VDPA_MSG_SET_VRING_CALL:
    case DPDK_VDPA_MSG_SET_VRING_ERR:
    case DPDK_VDPA_MSG_SEND_RARP:
    case DPDK_VDPA_MSG_NET_SET_MTU:
    case DPDK_VDPA_MSG_SET_STATUS:
        return sizeof msg->payload.u64;
    case DPDK_VDPA_MSG_SET_VRING_NUM:
    case DPDK_VDPA_MSG_SET_VRING_BASE:
    case DPDK_VDPA_MSG_GET_VRING_BASE:
    case DPDK_VDPA_MSG_SET_VRING_ENABLE:
        return sizeof msg->payload.state;
    case DPDK_VDPA_MSG_SET_VRING_ADDR:
        return sizeof msg->payload.addr;
    case DPDK_VDPA_MSG_SET_LOG_BASE:
        return sizeof msg->payload.log;
    case DPDK_VDPA_MSG_IOTLB_MSG:
        return offsetof(struct dpdk_vdpa_msg, payload.iotlb.type) + 1
               - offsetof(struct dpdk_vdpa_msg, payload);
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
        return offsetof(struct dpdk_vdpa_msg, payload.memory.regions)
               - offsetof(struct dpdk_vdpa_msg, payload);
    default:
        return 0;
    }
}

static bool
check_mem_table(struct dpdk_vdpa_guard *guard,
                const struct dpdk_vdpa_msg *msg, uint64_t features,
                char *why, size_t size)
{
    size_t head = min_payload_len(DPDK_VDPA_MSG_SET_MEM_TABLE);
    uint32_t n = msg->payload.memory.n_regions;

    if (!n || n > DPDK_VDPA_MSG_MAX_FDS || n != msg->n_fds
        || msg->size < head + n * sizeof msg->payload.memory.regions[0]) {
        return refuse(why, size, "memory table of %"PRIu32" regions in "
                      "%"PRIu32" bytes with %d files", n, msg->size,
                      msg->n_fds);
    }
    for (int i = 0; i < n; i++) {
        uint64_t gpa = msg->payload.memory.regions[i].guest_phys_addr;
        uint64_t len = msg->payload.memory.regions[i].memory_size;
        uint64_t uva = msg->payload.memory.regions[i].userspace_addr;
        uint64_t offset = msg->payload.memory.regions[i].mmap_offset;

        if (!len || sum_wraps(gpa, len) || sum_wraps(uva, len)
            || sum_wraps(offset, len)
            || is_bad_memory(msg->fds[i], offset + len)) {
            return refuse(why, size, "memory region of %#"PRIx64" bytes at "
                          "%#"PRIx64", offset %#"PRIx64" in its file", len,
                          gpa, offset);
        }
    }

    /* The library forgets translations only if they are in use now. */
    for (int i = 0; i < DPDK_VDPA_GUARD_N_RINGS; i++) {
        if (features & (1ULL << VIRTIO_F_IOMMU_PLATFORM)) {
            guard->rings[i].has_iotlb = false;
        }
        guard->iotlb_is_stale |= guard->rings[i].has_iotlb;
    }
    return false;
}

/* The library adds the offset to an address that it has already applied it
 * to.  QEMU's offset is 0. */
static bool
check_log_base(const struct dpdk_vdpa_msg *msg, char *why, size_t size)
{
    uint64_t offset = msg->payload.log.mmap_offset;
    uint64_t len = msg->payload.log.mmap_size;

    if (msg->n_fds != 1 || offset || !len
        || is_bad_memory(msg->fds[0], len)) {
        return refuse(why, size, "dirty log of %#"PRIx64" bytes at offset "
                      "%#"PRIx64" of its file", len, offset);
    }
    return false;
}

/* The library allocates for rings of one format, and may find itself using
 * them in the other; nor does it forget translations that go with an
 * IOMMU. */
static bool
check_features(const struct dpdk_vdpa_guard *guard,
               const struct dpdk_vdpa_msg *msg, uint64_t features, char *why,
               size_t size)
{
    uint64_t change = msg->payload.u64 ^ features;
    bool sized = false;

    for (int i = 0; i < DPDK_VDPA_GUARD_N_RINGS; i++) {
        sized |= guard->rings[i].size > 0;
    }
    if (sized && change & ~(1ULL << VHOST_F_LOG_ALL)) {
        return refuse(why, size, "other features (%#"PRIx64") for rings that "
                      "are set up", msg->payload.u64);
    }
    if (guard->iotlb_is_stale
        && msg->payload.u64 & (1ULL << VIRTIO_F_IOMMU_PLATFORM)) {
        return refuse(why, size, "IOMMU again, after other memory");
    }
    return false;
}

/* Rings.  The order is NUM, then BASE and ADDR, then KICK, until
 * GET_VRING_BASE, at which the library frees what it has allocated for
 * NUM. */

static bool
check_vring_num(struct dpdk_vdpa_guard *guard,
                const struct dpdk_vdpa_msg *msg, uint64_t features, char *why,
                size_t size)
{
    bool packed = features & (1ULL << VIRTIO_F_RING_PACKED);
    uint32_t ring = msg->payload.state.index;
    uint32_t num = msg->payload.state.num;

    if (!num || num > RING_SIZE_MAX || (!packed && !IS_POW2(num))) {
        return refuse(why, size, "ring %"PRIu32" of size %"PRIu32, ring, num);
    } else if (guard->rings[ring].has_addr) {
        return refuse(why, size, "other size for ring %"PRIu32", which is set "
                      "up", ring);
    }
    guard->rings[ring].size = num;
    guard->rings[ring].has_base = false;
    return false;
}

static bool
check_vring_base(struct dpdk_vdpa_guard *guard,
                 const struct dpdk_vdpa_msg *msg, uint64_t features,
                 char *why, size_t size)
{
    bool packed = features & (1ULL << VIRTIO_F_RING_PACKED);
    uint32_t ring = msg->payload.state.index;
    uint32_t num = msg->payload.state.num;

    if (packed && (num & 0x7fff) >= guard->rings[ring].size) {
        return refuse(why, size, "position %"PRIu32" in ring %"PRIu32" of "
                      "size %u", num & 0x7fff, ring, guard->rings[ring].size);
    }
    guard->rings[ring].has_base = true;
    return false;
}

static bool
check_vring_addr(struct dpdk_vdpa_guard *guard,
                 const struct dpdk_vdpa_msg *msg, char *why, size_t size)
{
    uint32_t ring = msg->payload.addr.index;

    if (!guard->rings[ring].size) {
        return refuse(why, size, "addresses for ring %"PRIu32" without a "
                      "size", ring);
    } else if (msg->payload.addr.desc % 16 || msg->payload.addr.avail % 2
               || msg->payload.addr.used % 4) {
        return refuse(why, size, "ring %"PRIu32" at an odd address", ring);
    }
    guard->rings[ring].has_addr = true;
    return false;
}

static bool
check_vring_kick(const struct dpdk_vdpa_guard *guard,
                 const struct dpdk_vdpa_msg *msg, char *why, size_t size)
{
    uint32_t ring = msg->payload.u64 & VRING_INDEX_MASK;

    if (!guard->rings[ring].size || !guard->rings[ring].has_base) {
        return refuse(why, size, "ring %"PRIu32" is to start without a size "
                      "and a position", ring);
    }
    return false;
}

static bool
check_vring_call(const struct dpdk_vdpa_msg *msg, char *why, size_t size)
{
    for (int i = 0; i < msg->n_fds; i++) {
        if (!is_eventfd(msg->fds[i])) {
            return refuse(why, size, "notifications by something else than "
                          "an eventfd");
        }
        set_nonblocking(msg->fds[i]);
    }
    return false;
}

static bool
note_vring_stop(struct dpdk_vdpa_guard *guard,
                const struct dpdk_vdpa_msg *msg)
{
    uint32_t ring = msg->payload.state.index;

    memset(&guard->rings[ring], 0, sizeof guard->rings[ring]);
    return false;
}

static bool
check_iotlb(struct dpdk_vdpa_guard *guard, const struct dpdk_vdpa_msg *msg,
            uint64_t features, char *why, size_t size)
{
    if (!(features & (1ULL << VIRTIO_F_IOMMU_PLATFORM))) {
        return refuse(why, size, "translation of an address without IOMMU");
    }
    for (int i = 0; i < DPDK_VDPA_GUARD_N_RINGS; i++) {
        guard->rings[i].has_iotlb |= msg->payload.iotlb.type == IOTLB_UPDATE;
    }
    return false;
}

/* The library forgets to close what it has from a former POSTCOPY_ADVISE, and
 * takes these messages even if it has not offered them. */
static bool
check_postcopy(struct dpdk_vdpa_guard *guard, const struct dpdk_vdpa_msg *msg,
               char *why, size_t size)
{
    bool advise = msg->request == DPDK_VDPA_MSG_POSTCOPY_ADVISE;

    if (!guard->postcopy || guard->advised == advise) {
        return refuse(why, size, "post-copy migration, message %"PRIu32
                      " out of turn", msg->request);
    }
    guard->advised = msg->request != DPDK_VDPA_MSG_POSTCOPY_END;
    return false;
}

static bool
check_ring_msg(struct dpdk_vdpa_guard *guard, const struct dpdk_vdpa_msg *msg,
               uint64_t features, char *why, size_t size)
{
    bool by_u64 = (msg->request == DPDK_VDPA_MSG_SET_VRING_KICK
                   || msg->request == DPDK_VDPA_MSG_SET_VRING_CALL);

    /* The library sees to that, but we must not rely on it. */
    if (!by_u64 && msg->payload.state.index >= DPDK_VDPA_GUARD_N_RINGS) {
        return refuse(why, size, "ring %"PRIu32, msg->payload.state.index);
    }
    switch (msg->request) {
    case DPDK_VDPA_MSG_SET_VRING_NUM:
        return check_vring_num(guard, msg, features, why, size);
    case DPDK_VDPA_MSG_SET_VRING_BASE:
        return check_vring_base(guard, msg, features, why, size);
    case DPDK_VDPA_MSG_SET_VRING_ADDR:
        return check_vring_addr(guard, msg, why, size);
    case DPDK_VDPA_MSG_SET_VRING_KICK:
        return check_vring_kick(guard, msg, why, size);
    case DPDK_VDPA_MSG_SET_VRING_CALL:
        return check_vring_call(msg, why, size);
    default:
        return note_vring_stop(guard, msg);
    }
}

static bool
check_request(struct dpdk_vdpa_guard *guard, struct dpdk_vdpa_msg *msg,
              uint64_t features, char *why, size_t size)
{
    switch (msg->request) {
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
        return check_mem_table(guard, msg, features, why, size);
    case DPDK_VDPA_MSG_SET_LOG_BASE:
        return check_log_base(msg, why, size);
    case DPDK_VDPA_MSG_SET_FEATURES:
        return check_features(guard, msg, features, why, size);
    case DPDK_VDPA_MSG_SET_VRING_NUM:
    case DPDK_VDPA_MSG_SET_VRING_BASE:
    case DPDK_VDPA_MSG_GET_VRING_BASE:
    case DPDK_VDPA_MSG_SET_VRING_ADDR:
    case DPDK_VDPA_MSG_SET_VRING_KICK:
    case DPDK_VDPA_MSG_SET_VRING_CALL:
        return check_ring_msg(guard, msg, features, why, size);
    case DPDK_VDPA_MSG_SET_SLAVE_REQ_FD:
        for (int i = 0; i < msg->n_fds; i++) {
            set_nonblocking(msg->fds[i]);
        }
        return false;
    case DPDK_VDPA_MSG_IOTLB_MSG:
        return check_iotlb(guard, msg, features, why, size);
    case DPDK_VDPA_MSG_POSTCOPY_ADVISE:
    case DPDK_VDPA_MSG_POSTCOPY_LISTEN:
    case DPDK_VDPA_MSG_POSTCOPY_END:
        return check_postcopy(guard, msg, why, size);
    case DPDK_VDPA_MSG_GET_INFLIGHT_FD:
    case DPDK_VDPA_MSG_SET_INFLIGHT_FD:
        /* The library takes them, of any size, but does not offer them. */
        return refuse(why, size, "inflight area, which was not offered");
    default:
        return false;
    }
}

/* Returns true if the front-end does not read our answers: the library would
 * wait for room for each more, and nothing of other ports would move. */
static bool
leaves_answers(const struct dpdk_vdpa_guard *guard)
{
    int unread;

    return (guard->fd >= 0 && !ioctl(guard->fd, SIOCOUTQ, &unread)
            && unread > UNREAD_MAX);
}

bool
dpdk_vdpa_guard_check(struct dpdk_vdpa_guard *guard,
                      struct dpdk_vdpa_msg *msg, uint64_t features,
                      char *why, size_t size)
{
    if (leaves_answers(guard)) {
        return refuse(why, size, "answers are not read");
    } else if (msg->size < min_payload_len(msg->request)) {
        return refuse(why, size, "message %"PRIu32" of %"PRIu32" bytes",
                      msg->request, msg->size);
    }
    return check_request(guard, msg, features, why, size);
}

void
dpdk_vdpa_guard_close_fds(struct dpdk_vdpa_msg *msg)
{
    for (int i = 0; i < MIN(msg->n_fds, DPDK_VDPA_MSG_MAX_FDS); i++) {
        close(msg->fds[i]);
        msg->fds[i] = -1;
    }
    msg->n_fds = 0;
}

/* Returns true if 'fd' is a socket that is connected to the one at 'path'. */
static bool
is_connected_to(int fd, const char *path)
{
    struct sockaddr_un un;
    socklen_t len = sizeof un - 1;

    memset(&un, 0, sizeof un);
    return (!getpeername(fd, (struct sockaddr *) &un, &len)
            && un.sun_family == AF_UNIX
            && !strcmp(un.sun_path, path));
}

/* Files at the door. */

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

/* The library loses the files that come with a message about a ring that it
 * cannot have, before it asks us.  So this takes the place of the C library's
 * function, for all who call it, and closes files that no such message should
 * come with. */
ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
    static ssize_t (*next)(int, struct msghdr *, int);
    bool is_header = is_vhost_header(msg);
    ssize_t n;

    if (!next) {
        next = (ssize_t (*)(int, struct msghdr *, int)) dlsym(RTLD_NEXT,
                                                              "recvmsg");
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

/* The library reads a message's header when the socket is readable, and then
 * its payload, waiting for that in the one thread that serves all ports, where
 * it also waits to send replies.  It does not tell which file descriptor it
 * uses, so we look for it. */
static int
find_connection(const char *path)
{
    struct dirent *entry;
    int found = -1;
    DIR *dir;

    dir = opendir("/proc/self/fd");
    while (dir && found < 0 && (entry = readdir(dir))) {
        int fd = atoi(entry->d_name);

        if (is_connected_to(fd, path)) {
            found = fd;
        }
    }
    if (dir) {
        closedir(dir);
    }
    return found;
}

bool
dpdk_vdpa_guard_init(struct dpdk_vdpa_guard *guard, const char *path,
                     bool postcopy, int timeout)
{
    struct timeval tv = { timeout / 1000, timeout % 1000 * 1000 };

    memset(guard, 0, sizeof *guard);
    guard->postcopy = postcopy;
    guard->fd = find_connection(path);
    return (guard->fd >= 0
            && !setsockopt(guard->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv)
            && !setsockopt(guard->fd, SOL_SOCKET, SO_SNDTIMEO, &tv,
                           sizeof tv));
}
