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

#ifndef DPDK_VDPA_MESSAGE_H
#define DPDK_VDPA_MESSAGE_H 1

/* A message of the vhost-user protocol, as the vhost library hands it to us
 * before and after it handles it. */

#include <stdbool.h>
#include <stdint.h>

#include "util.h"
#include "vhost/files.h"

#define DPDK_VDPA_MSG_MAX_FDS 8
#define DPDK_VDPA_MSG_HEADER_LEN 12

/* A region of memory, in VHOST_USER_SET_MEM_TABLE. */
struct dpdk_vdpa_msg_region {
    uint64_t guest_phys_addr;
    uint64_t memory_size;
    uint64_t userspace_addr;
    uint64_t mmap_offset;
};

/* A message as it was received, with the part of the payload that is looked at
 * here, and the files that came with it.  vhost/layout.h makes one of what the
 * library has, 'struct vhu_msg_context' in its lib/vhost/vhost_user.h. */
struct dpdk_vdpa_msg {
    uint32_t request;
    uint32_t flags;
    uint32_t size;              /* Of the payload. */
    union {
        uint64_t u64;
        struct {
            uint32_t index;
            uint32_t num;
        } state;
        struct {
            uint32_t index;
            uint32_t flags;
            uint64_t desc;
            uint64_t used;
            uint64_t avail;
            uint64_t log;
        } addr;
        struct {
            uint64_t mmap_size;
            uint64_t mmap_offset;
        } log;
        struct {
            uint64_t iova;
            uint64_t size;
            uint64_t uaddr;
            uint8_t perm;
            uint8_t type;
        } iotlb;
        struct {
            uint32_t n_regions;
            uint32_t padding;
            struct dpdk_vdpa_msg_region regions[DPDK_VDPA_MSG_MAX_FDS];
        } memory;
    } payload;
    int fds[DPDK_VDPA_MSG_MAX_FDS];
    int n_fds;
} __attribute__((packed));

/* In 'flags': the protocol's version. */
#define DPDK_VDPA_MSG_VERSION 1

/* In 'flags': an answer is wanted, even to a message that fails. */
#define DPDK_VDPA_MSG_NEED_REPLY 8

/* Requests of the vhost-user protocol, as far as they are looked at. */
enum {
    DPDK_VDPA_MSG_GET_FEATURES = 1,
    DPDK_VDPA_MSG_SET_FEATURES = 2,
    DPDK_VDPA_MSG_SET_OWNER = 3,
    DPDK_VDPA_MSG_RESET_OWNER = 4,
    DPDK_VDPA_MSG_SET_MEM_TABLE = 5,
    DPDK_VDPA_MSG_SET_LOG_BASE = 6,
    DPDK_VDPA_MSG_SET_LOG_FD = 7,
    DPDK_VDPA_MSG_SET_VRING_NUM = 8,
    DPDK_VDPA_MSG_SET_VRING_ADDR = 9,
    DPDK_VDPA_MSG_SET_VRING_BASE = 10,
    DPDK_VDPA_MSG_GET_VRING_BASE = 11,
    DPDK_VDPA_MSG_SET_VRING_KICK = 12,
    DPDK_VDPA_MSG_SET_VRING_CALL = 13,
    DPDK_VDPA_MSG_SET_VRING_ERR = 14,
    DPDK_VDPA_MSG_GET_PROTOCOL_FEATURES = 15,
    DPDK_VDPA_MSG_SET_PROTOCOL_FEATURES = 16,
    DPDK_VDPA_MSG_GET_QUEUE_NUM = 17,
    DPDK_VDPA_MSG_SET_VRING_ENABLE = 18,
    DPDK_VDPA_MSG_SEND_RARP = 19,
    DPDK_VDPA_MSG_NET_SET_MTU = 20,
    DPDK_VDPA_MSG_SET_SLAVE_REQ_FD = 21,
    DPDK_VDPA_MSG_IOTLB_MSG = 22,
    DPDK_VDPA_MSG_GET_CONFIG = 24,
    DPDK_VDPA_MSG_SET_CONFIG = 25,
    DPDK_VDPA_MSG_POSTCOPY_ADVISE = 28,
    DPDK_VDPA_MSG_POSTCOPY_LISTEN = 29,
    DPDK_VDPA_MSG_POSTCOPY_END = 30,
    DPDK_VDPA_MSG_GET_INFLIGHT_FD = 31,
    DPDK_VDPA_MSG_SET_INFLIGHT_FD = 32,
    DPDK_VDPA_MSG_SET_STATUS = 39,
    DPDK_VDPA_MSG_GET_STATUS = 40,
};

/* Of the payload of SET_VRING_KICK and the like: which ring, and whether no
 * file comes along. */
#define DPDK_VDPA_MSG_RING_MASK 0xff
#define DPDK_VDPA_MSG_NO_FD 0x100

/* If 'msg' is about one ring, returns true and stores its index, less than
 * 256. */
static inline bool
dpdk_vdpa_msg_ring(const struct dpdk_vdpa_msg *msg, unsigned int *ring)
{
    switch (msg->request) {
    case DPDK_VDPA_MSG_SET_VRING_NUM:
    case DPDK_VDPA_MSG_SET_VRING_BASE:
    case DPDK_VDPA_MSG_GET_VRING_BASE:
    case DPDK_VDPA_MSG_SET_VRING_ENABLE:
    case DPDK_VDPA_MSG_SET_VRING_ADDR:
        /* 'payload.addr' begins with the index, too. */
        *ring = msg->payload.state.index;
        return *ring <= DPDK_VDPA_MSG_RING_MASK;
    case DPDK_VDPA_MSG_SET_VRING_KICK:
    case DPDK_VDPA_MSG_SET_VRING_CALL:
    case DPDK_VDPA_MSG_SET_VRING_ERR:
        *ring = msg->payload.u64 & DPDK_VDPA_MSG_RING_MASK;
        return true;
    default:
        return false;
    }
}

/* Closes the files that came with 'msg'; never waits. */
static inline void
dpdk_vdpa_msg_close_fds(struct dpdk_vdpa_msg *msg)
{
    for (int i = 0; i < MIN(msg->n_fds, DPDK_VDPA_MSG_MAX_FDS); i++) {
        dpdk_vdpa_file_close(msg->fds[i], NULL);
        msg->fds[i] = -1;
    }
    msg->n_fds = 0;
}

#endif /* vhost/message.h */
