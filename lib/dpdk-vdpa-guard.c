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

#include "dpdk-vdpa-guard.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_vhost.h>

#include "util.h"

#define INFLIGHT_ALIGNMENT 64

BUILD_ASSERT_DECL(sizeof(struct dpdk_vdpa_msg)
                  == 12 + 632 + (DPDK_VDPA_MSG_MAX_FDS + 1) * sizeof(int));

/* Returns true if 'a' + 'b' exceeds 64 bits. */
static bool
sum_wraps(uint64_t a, uint64_t b)
{
    return a + b < a;
}

/* Returns true if the file 'fd' is shorter than 'size': touching memory mapped
 * beyond its end would be a SIGBUS. */
static bool
file_is_shorter(int fd, uint64_t size)
{
    struct stat s;

    return fstat(fd, &s) || (S_ISREG(s.st_mode) && s.st_size < size);
}

static bool
check_mem_table(const struct dpdk_vdpa_msg *msg, char *why, size_t size)
{
    size_t head = offsetof(struct dpdk_vdpa_msg, payload.memory.regions)
                  - offsetof(struct dpdk_vdpa_msg, payload);
    uint32_t n = msg->payload.memory.n_regions;

    if (!n || n > DPDK_VDPA_MSG_MAX_FDS || n != msg->n_fds
        || msg->size < head + n * sizeof msg->payload.memory.regions[0]) {
        snprintf(why, size, "memory table of %"PRIu32" regions in %"PRIu32" "
                 "bytes with %d files", n, msg->size, msg->n_fds);
        return true;
    }
    for (int i = 0; i < n; i++) {
        uint64_t gpa = msg->payload.memory.regions[i].guest_phys_addr;
        uint64_t len = msg->payload.memory.regions[i].memory_size;
        uint64_t uva = msg->payload.memory.regions[i].userspace_addr;
        uint64_t offset = msg->payload.memory.regions[i].mmap_offset;

        if (!len || sum_wraps(gpa, len) || sum_wraps(uva, len)
            || sum_wraps(offset, len)
            || file_is_shorter(msg->fds[i], offset + len)) {
            snprintf(why, size, "memory region of %#"PRIx64" bytes at "
                     "%#"PRIx64", offset %#"PRIx64" in its file", len, gpa,
                     offset);
            return true;
        }
    }
    return false;
}

/* The library adds the offset to an address that it has already applied it
 * to.  QEMU's offset is 0. */
static bool
check_log_base(const struct dpdk_vdpa_msg *msg, char *why, size_t size)
{
    uint64_t offset = msg->payload.area.mmap_offset;
    uint64_t len = msg->payload.area.mmap_size;

    if (msg->size < 16 || msg->n_fds != 1 || offset || !len
        || file_is_shorter(msg->fds[0], len)) {
        snprintf(why, size, "dirty log of %#"PRIx64" bytes at offset "
                 "%#"PRIx64" of its file", len, offset);
        return true;
    }
    return false;
}

/* Returns what the library of DPDK 22.11 takes for the inflight state of a
 * queue of 'queue_size': get_pervq_shm_size_split() and ..._packed() in its
 * lib/vhost/vhost_user.c. */
static uint64_t
inflight_size(uint16_t queue_size, bool packed)
{
    uint64_t len;

    if (packed) {
        len = (sizeof(struct rte_vhost_inflight_desc_packed) * queue_size
               + sizeof(uint64_t) + 6 * sizeof(uint16_t)
               + 9 * sizeof(uint8_t));
    } else {
        len = (sizeof(struct rte_vhost_inflight_desc_split) * queue_size
               + sizeof(uint64_t) + 4 * sizeof(uint16_t));
    }
    return ROUND_UP(len, INFLIGHT_ALIGNMENT);
}

/* The library does not compare the size of the area with what the queues
 * need. */
static bool
check_inflight_fd(const struct dpdk_vdpa_msg *msg, bool packed, char *why,
                  size_t size)
{
    uint64_t offset = msg->payload.area.mmap_offset;
    uint64_t len = msg->payload.area.mmap_size;
    uint64_t n_queues = msg->payload.area.num_queues;
    uint64_t per_queue = inflight_size(msg->payload.area.queue_size, packed);

    if (msg->size < 20 || msg->n_fds != 1 || !n_queues
        || !msg->payload.area.queue_size || len < n_queues * per_queue
        || sum_wraps(offset, len)
        || file_is_shorter(msg->fds[0], offset + len)) {
        snprintf(why, size, "inflight area of %#"PRIx64" bytes for %"PRIu64" "
                 "queues of %u", len, n_queues, msg->payload.area.queue_size);
        return true;
    }
    return false;
}

bool
dpdk_vdpa_guard_check(const struct dpdk_vdpa_msg *msg, bool packed, char *why,
                      size_t size)
{
    switch (msg->request) {
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
        return check_mem_table(msg, why, size);
    case DPDK_VDPA_MSG_SET_LOG_BASE:
        return check_log_base(msg, why, size);
    case DPDK_VDPA_MSG_SET_INFLIGHT_FD:
        return check_inflight_fd(msg, packed, why, size);
    default:
        return false;
    }
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

/* The library reads a message's header when the socket is readable, and then
 * its payload, waiting for that in the one thread that serves all ports, where
 * it also waits to send replies.  It does not tell which file descriptor it
 * uses, so we look for it. */
int
dpdk_vdpa_guard_set_timeout(const char *path, int timeout)
{
    struct timeval tv = { timeout / 1000, timeout % 1000 * 1000 };
    struct dirent *entry;
    int n = 0;
    DIR *dir;

    dir = opendir("/proc/self/fd");
    while (dir && (entry = readdir(dir))) {
        int fd = atoi(entry->d_name);

        if (is_connected_to(fd, path)) {
            n += (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv)
                  && !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv,
                                 sizeof tv));
        }
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}
