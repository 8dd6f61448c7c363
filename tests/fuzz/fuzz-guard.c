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

/* libFuzzer target: the guard against bad vhost-user messages.
 *
 * The input is a connection: each message is its request, the number of files
 * and their kinds, the length of its payload, and the payload.  Of the rings
 * we keep a model of our own, of what the library would have done: what it is
 * allowed to start must make sense.  Before a message there may be some of our
 * own (vhost/reset.h), which must not be refused. */

#include <config.h>

#include "vhost/guard.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util.h"
#include "vhost/reset.h"

#define FILE_SIZE 0x10000

struct model {
    uint64_t features;
    unsigned int n_regions;
    struct {
        uint64_t addr, size;
    } regions[8];               /* In the front-end's addresses. */
    struct {
        uint32_t size;          /* What the library has memory for. */
        uint32_t addr_size;     /* What it has found addresses good for. */
        uint64_t areas[3];      /* Where descriptors, avail and used are. */
        uint32_t base;
        bool started, has_call, on;
    } rings[256];
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A file of some kind, or none. */
static int
get_file(uint8_t kind)
{
    static int files[4] = { -1, -1, -1, -1 };

    if (files[0] < 0) {
        files[0] = memfd_create("fuzz", MFD_ALLOW_SEALING);
        files[1] = eventfd(0, 0);
        files[2] = memfd_create("fuzz", 0);
        ovs_assert(!ftruncate(files[0], FILE_SIZE));
    }
    return files[kind % ARRAY_SIZE(files)];
}

static bool
take(const uint8_t **data, size_t *size, void *to, size_t n)
{
    if (*size < n) {
        return false;
    }
    memcpy(to, *data, n);
    *data += n;
    *size -= n;
    return true;
}

static bool
get_msg(const uint8_t **data, size_t *size, struct dpdk_vdpa_msg *msg)
{
    uint8_t head[4];

    memset(msg, 0, sizeof *msg);
    if (!take(data, size, head, sizeof head)) {
        return false;
    }
    msg->request = head[0];
    msg->n_fds = head[1] % (DPDK_VDPA_MSG_MAX_FDS + 1);
    for (int i = 0; i < msg->n_fds; i++) {
        msg->fds[i] = get_file(head[2] >> (i % 4 * 2));
    }
    msg->size = head[3];
    return take(data, size, &msg->payload, msg->size);
}

static bool
is_packed(const struct model *m)
{
    return m->features & (1ULL << VIRTIO_F_RING_PACKED);
}

/* Each byte of a ring must be in memory, all of an area's in one region: that
 * is looked at one by one, and not added up. */
static void
check_areas(const struct model *m, unsigned int i)
{
    uint32_t size = m->rings[i].size;
    bool event = m->features & (1ULL << VIRTIO_RING_F_EVENT_IDX);
    const uint32_t lens[] = {
        16 * size, is_packed(m) ? 4 : 4 + 2 * size + 2 * event,
        is_packed(m) ? 4 : 4 + 8 * size + 2 * event,
    };

    for (int area = 0; area < 3; area++) {
        uint64_t first = m->rings[i].areas[area];
        bool good = false;

        for (unsigned int r = 0; r < m->n_regions && !good; r++) {
            uint64_t start = m->regions[r].addr;

            good = true;
            for (uint32_t ofs = 0; ofs < lens[area] && good; ofs++) {
                uint64_t addr = first + ofs;

                good = addr >= start && addr - start < m->regions[r].size;
            }
        }
        ovs_assert(good);
    }
}

/* No memory may come without the rings that are set up. */
static void
carry_out_memory(struct model *m, const struct dpdk_vdpa_msg *msg)
{
    m->n_regions = msg->payload.memory.n_regions;
    for (unsigned int i = 0; i < m->n_regions; i++) {
        m->regions[i].addr = msg->payload.memory.regions[i].userspace_addr;
        m->regions[i].size = msg->payload.memory.regions[i].memory_size;
    }
    for (unsigned int i = 0; i < 256; i++) {
        if (m->rings[i].addr_size
            && !(m->features & (1ULL << VIRTIO_F_IOMMU_PLATFORM))) {
            check_areas(m, i);
        }
    }
}

/* What the library does with a message. */
static void
carry_out(struct model *m, const struct dpdk_vdpa_msg *msg)
{
    uint32_t i = msg->payload.state.index % 256;
    uint32_t num = msg->payload.state.num;

    switch (msg->request) {
    case DPDK_VDPA_MSG_SET_FEATURES:
        m->features = msg->payload.u64;
        for (i = 2; i < 256 && !(m->features & (1ULL << VIRTIO_NET_F_MQ));
             i++) {
            /* The library would free it under who uses it. */
            ovs_assert(!m->rings[i].size);
        }
        break;
    case DPDK_VDPA_MSG_SET_VRING_NUM:
        m->rings[i].size = num;
        break;
    case DPDK_VDPA_MSG_SET_VRING_BASE:
        m->rings[i].base = is_packed(m) ? num & 0x7fff : num;
        break;
    case DPDK_VDPA_MSG_SET_VRING_ADDR:
        ovs_assert(m->rings[i].size);
        m->rings[i].addr_size = m->rings[i].size;
        m->rings[i].areas[0] = msg->payload.addr.desc;
        m->rings[i].areas[1] = msg->payload.addr.avail;
        m->rings[i].areas[2] = msg->payload.addr.used;
        if (!(m->features & (1ULL << VIRTIO_F_IOMMU_PLATFORM))) {
            check_areas(m, i);
        }
        break;
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
        carry_out_memory(m, msg);
        break;
    case DPDK_VDPA_MSG_GET_VRING_BASE:
        m->rings[i].size = 0;
        m->rings[i].addr_size = 0;
        m->rings[i].started = m->rings[i].has_call = false;
        break;
    case DPDK_VDPA_MSG_SET_VRING_ENABLE:
        m->rings[i].on = num;
        break;
    case DPDK_VDPA_MSG_SET_VRING_CALL:
        m->rings[msg->payload.u64 & 0xff].has_call = true;
        break;
    case DPDK_VDPA_MSG_SET_VRING_KICK:
        i = msg->payload.u64 & 0xff;
        ovs_assert(m->rings[i].size && m->rings[i].size <= 4096);
        ovs_assert(is_packed(m) ? m->rings[i].base < m->rings[i].size
                                : IS_POW2(m->rings[i].size));
        ovs_assert(m->rings[i].addr_size == m->rings[i].size);
        m->rings[i].started = true;
        break;
    }
}

static bool
is_used(const struct model *m, unsigned int i)
{
    return m->rings[i].started && m->rings[i].has_call && m->rings[i].on;
}

/* The message is taken: by the library, and by the book, which the library
 * tells what rings are in use. */
static void
handle(struct model *m, struct dpdk_vdpa_book *book,
       const struct dpdk_vdpa_msg *msg)
{
    /* The format of rings that are in use stays as it is. */
    if (msg->request == DPDK_VDPA_MSG_SET_FEATURES) {
        for (unsigned int i = 0; i < 256; i++) {
            ovs_assert(!is_used(m, i)
                       || !((m->features ^ msg->payload.u64)
                            & (1ULL << VIRTIO_F_RING_PACKED)));
        }
    }
    carry_out(m, msg);
    dpdk_vdpa_book_begin(book, msg);
    dpdk_vdpa_book_end(book, msg);
    for (unsigned int i = 0; i < 256; i++) {
        dpdk_vdpa_book_set_enabled(book, i, is_used(m, i));
    }
}

/* Handles what is to be before 'next'. */
static void
handle_inserted(struct model *m, struct dpdk_vdpa_book *book, bool hw,
                const struct dpdk_vdpa_msg *next)
{
    struct dpdk_vdpa_msg msg;
    unsigned int n = 0;
    char why[80];

    memset(&msg, 0, sizeof msg);
    while (dpdk_vdpa_reset_step(book, next, &msg)) {
        /* What is in use stops only if the device is reset. */
        ovs_assert(msg.request != DPDK_VDPA_MSG_GET_VRING_BASE
                   || !is_used(m, msg.payload.state.index)
                   || next->request == DPDK_VDPA_MSG_RESET_OWNER
                   || next->request == DPDK_VDPA_MSG_SET_STATUS);
        ovs_assert(!dpdk_vdpa_guard_check(book, &msg, hw, why, sizeof why));
        handle(m, book, &msg);
        ovs_assert(++n <= 3 * 256 + 1);
        memset(&msg, 0, sizeof msg);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dpdk_vdpa_book book;
    struct dpdk_vdpa_msg msg;
    struct model model;
    uint8_t how;

    memset(&model, 0, sizeof model);
    if (!take(&data, &size, &how, 1)) {
        return 0;
    }
    dpdk_vdpa_book_init(&book, how & 1);
    while (get_msg(&data, &size, &msg)) {
        char why[80];

        handle_inserted(&model, &book, how & 2, &msg);
        if (!dpdk_vdpa_guard_check(&book, &msg, how & 2, why, sizeof why)) {
            handle(&model, &book, &msg);
        }
    }
    return 0;
}
