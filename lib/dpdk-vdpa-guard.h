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

#ifndef DPDK_VDPA_GUARD_H
#define DPDK_VDPA_GUARD_H 1

/* Guards the vhost library against vhost-user front-ends that do not keep to
 * the protocol, by looking at messages before the library does.
 *
 * Nothing here keeps state or takes a lock. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DPDK_VDPA_MSG_MAX_FDS 8

/* A message as the library of DPDK 22.11 passes it to external handlers:
 * 'struct vhu_msg_context' in its lib/vhost/vhost_user.h, with the part of the
 * payload that is looked at here. */
struct dpdk_vdpa_msg {
    uint32_t request;
    uint32_t flags;
    uint32_t size;              /* Of the payload. */
    union {
        uint64_t u64;
        struct {
            uint64_t mmap_size;
            uint64_t mmap_offset;
            uint16_t num_queues;        /* Of SET_INFLIGHT_FD only. */
            uint16_t queue_size;        /* Likewise. */
        } area;
        struct {
            uint32_t n_regions;
            uint32_t padding;
            struct {
                uint64_t guest_phys_addr;
                uint64_t memory_size;
                uint64_t userspace_addr;
                uint64_t mmap_offset;
            } regions[DPDK_VDPA_MSG_MAX_FDS];
        } memory;
        uint8_t bytes[632];   /* The longest of all. */
    } payload;
    int fds[DPDK_VDPA_MSG_MAX_FDS];
    int n_fds;
} __attribute__((packed));

/* Requests of the vhost-user protocol. */
enum {
    DPDK_VDPA_MSG_SET_MEM_TABLE = 5,
    DPDK_VDPA_MSG_SET_LOG_BASE = 6,
    DPDK_VDPA_MSG_GET_QUEUE_NUM = 17,
    DPDK_VDPA_MSG_SET_INFLIGHT_FD = 32,
};

/* Looks for what is wrong with 'msg', which came from a front-end that has
 * negotiated packed rings or not.  Returns false if the library may have it,
 * otherwise true and what it is in 'why', of 'size' bytes. */
bool dpdk_vdpa_guard_check(const struct dpdk_vdpa_msg *msg, bool packed,
                           char *why, size_t size);

/* Closes the file descriptors that came with 'msg'. */
void dpdk_vdpa_guard_close_fds(struct dpdk_vdpa_msg *msg);

/* Limits the time that the library waits in the middle of a message on the
 * connection to the socket at 'path', in ms.  Returns the number of
 * connections found. */
int dpdk_vdpa_guard_set_timeout(const char *path, int timeout);

#endif /* dpdk-vdpa-guard.h */
