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

#include "vhost/book.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/stat.h>

#include "util.h"

#define IOTLB_UPDATE 2

/* Of the used part of a legacy driver's ring; more on some machines. */
#define LEGACY_ALIGN 4096

void
dpdk_vdpa_book_init(struct dpdk_vdpa_book *book, bool postcopy)
{
    memset(book, 0, sizeof *book);
    book->postcopy = postcopy;
}

/* Files. */

struct dpdk_vdpa_book_file
dpdk_vdpa_book_file(int fd)
{
    struct dpdk_vdpa_book_file file = { 0, 0, 0 };
    struct stat s;

    if (!fstat(fd, &s)) {
        file.dev = s.st_dev;
        file.ino = s.st_ino;
        file.size = s.st_size;
    }
    return file;
}

bool
dpdk_vdpa_book_file_equals(const struct dpdk_vdpa_book_file *a,
                           const struct dpdk_vdpa_book_file *b)
{
    return a->ino && a->ino == b->ino && a->dev == b->dev;
}

/* Memory. */

void
dpdk_vdpa_book_read_memory(const struct dpdk_vdpa_msg *msg,
                           struct dpdk_vdpa_book_memory *memory)
{
    memset(memory, 0, sizeof *memory);
    memory->n = MIN(msg->payload.memory.n_regions, DPDK_VDPA_BOOK_N_REGIONS);
    for (unsigned int i = 0; i < memory->n; i++) {
        struct dpdk_vdpa_book_region *region = &memory->regions[i];

        region->size = msg->payload.memory.regions[i].memory_size;
        region->guest = msg->payload.memory.regions[i].guest_phys_addr;
        region->user = msg->payload.memory.regions[i].userspace_addr;
    }
}

const struct dpdk_vdpa_book_region *
dpdk_vdpa_book_find(const struct dpdk_vdpa_book_memory *memory, uint64_t user,
                    uint64_t len)
{
    for (unsigned int i = 0; i < memory->n; i++) {
        const struct dpdk_vdpa_book_region *region = &memory->regions[i];
        uint64_t ofs = user - region->user;

        if (ofs < region->size && len <= region->size - ofs) {
            return region;
        }
    }
    return NULL;
}

void *
dpdk_vdpa_book_at(const struct dpdk_vdpa_book *book, uint64_t user,
                  uint64_t len)
{
    const struct dpdk_vdpa_book_region *region;

    region = (book->has_memory
              ? dpdk_vdpa_book_find(&book->memory, user, len) : NULL);
    return (region
            ? (void *) (uintptr_t) (region->host + (user - region->user))
            : NULL);
}

void
dpdk_vdpa_book_map(struct dpdk_vdpa_book *book, const uint64_t *host)
{
    for (unsigned int i = 0; i < book->memory.n; i++) {
        book->memory.regions[i].host = host[i];
    }
    book->has_memory = true;
}

/* Rings. */

struct dpdk_vdpa_book_areas
dpdk_vdpa_book_areas(uint64_t features, uint16_t size)
{
    struct dpdk_vdpa_book_areas areas;

    if (features & (1ULL << VIRTIO_F_RING_PACKED)) {
        areas.desc = size * sizeof(struct vring_packed_desc);
        areas.avail = sizeof(struct vring_packed_desc_event);
        areas.used = sizeof(struct vring_packed_desc_event);
    } else {
        uint64_t event = (features & (1ULL << VIRTIO_RING_F_EVENT_IDX)
                          ? sizeof(uint16_t) : 0);

        areas.desc = size * sizeof(struct vring_desc);
        areas.avail = (sizeof(struct vring_avail) + size * sizeof(uint16_t)
                       + event);
        areas.used = (sizeof(struct vring_used)
                      + size * sizeof(struct vring_used_elem) + event);
    }
    return areas;
}

bool
dpdk_vdpa_book_ring_fits(const struct dpdk_vdpa_book_ring *ring,
                         uint64_t features,
                         const struct dpdk_vdpa_book_memory *memory)
{
    struct dpdk_vdpa_book_areas areas = dpdk_vdpa_book_areas(features,
                                                             ring->size);

    return (dpdk_vdpa_book_find(memory, ring->desc, areas.desc)
            && dpdk_vdpa_book_find(memory, ring->avail, areas.avail)
            && dpdk_vdpa_book_find(memory, ring->used, areas.used));
}

bool
dpdk_vdpa_book_lost_features(const struct dpdk_vdpa_book *book)
{
    if (book->features & (1ULL << VIRTIO_F_VERSION_1
                          | 1ULL << VIRTIO_F_RING_PACKED)) {
        return false;
    }
    for (unsigned int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        const struct dpdk_vdpa_book_ring *ring = &book->rings[i];

        if (ring->is_started
            && (ring->avail != ring->desc
                               + ring->size * sizeof(struct vring_desc)
                || ring->used % LEGACY_ALIGN)) {
            return true;
        }
    }
    return false;
}

unsigned int
dpdk_vdpa_book_n_pairs(const struct dpdk_vdpa_book *book_)
{
    struct dpdk_vdpa_book *book = CONST_CAST(struct dpdk_vdpa_book *, book_);
    unsigned int n;

    atomic_read_relaxed(&book->n_pairs, &n);
    return n;
}

bool
dpdk_vdpa_book_is_enabled(const struct dpdk_vdpa_book *book_, unsigned int i)
{
    struct dpdk_vdpa_book *book = CONST_CAST(struct dpdk_vdpa_book *, book_);
    bool enabled;

    atomic_read_relaxed(&book->rings[i].enabled, &enabled);
    return enabled;
}

void
dpdk_vdpa_book_set_enabled(struct dpdk_vdpa_book *book, unsigned int i,
                           bool enabled)
{
    atomic_store_relaxed(&book->rings[i].enabled, enabled);
}

/* Messages. */

/* Other memory.  The library forgets translations only if they are in use
 * now. */
static void
begin_memory(struct dpdk_vdpa_book *book, const struct dpdk_vdpa_msg *msg)
{
    book->has_memory = false;
    dpdk_vdpa_book_read_memory(msg, &book->memory);
    if (msg->n_fds) {
        book->memory.file = dpdk_vdpa_book_file(msg->fds[0]);
    }
    for (int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        if (book->features & (1ULL << VIRTIO_F_IOMMU_PLATFORM)) {
            book->rings[i].has_iotlb = false;
        }
        book->iotlb_is_stale |= book->rings[i].has_iotlb;
    }
}

bool
dpdk_vdpa_book_has_log(const struct dpdk_vdpa_book *book,
                       const struct dpdk_vdpa_msg *msg)
{
    struct dpdk_vdpa_book_file file = dpdk_vdpa_book_file(msg->fds[0]);

    return (book->log.size == msg->payload.log.mmap_size
            && dpdk_vdpa_book_file_equals(&file, &book->log.file));
}

void
dpdk_vdpa_book_begin(struct dpdk_vdpa_book *book,
                     const struct dpdk_vdpa_msg *msg)
{
    switch (msg->request) {
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
        begin_memory(book, msg);
        break;
    case DPDK_VDPA_MSG_SET_LOG_BASE:
        book->log.file = dpdk_vdpa_book_file(msg->fds[0]);
        book->log.size = msg->payload.log.mmap_size;
        break;
    default:
        break;
    }
}

static void
end_iotlb(struct dpdk_vdpa_book *book, const struct dpdk_vdpa_msg *msg)
{
    for (int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        book->rings[i].has_iotlb |= msg->payload.iotlb.type == IOTLB_UPDATE;
    }
}

/* Ring 'i' was started. */
static void
end_start(struct dpdk_vdpa_book *book, unsigned int i)
{
    atomic_store_relaxed(&book->n_pairs,
                         MAX(dpdk_vdpa_book_n_pairs(book), i / 2 + 1));
}

static void
end_stop(struct dpdk_vdpa_book_ring *ring)
{
    ring->size = 0;
    ring->has_base = ring->has_addr = false;
    ring->has_call = ring->wants_call = false;
    ring->is_started = ring->is_placed = ring->has_iotlb = false;
    ring->base = 0;
    ring->desc = ring->avail = ring->used = 0;
}

/* Without VIRTIO_NET_F_MQ the library frees all rings but the first two. */
static void
end_features(struct dpdk_vdpa_book *book)
{
    if (!(book->features & (1ULL << VIRTIO_NET_F_MQ))) {
        book->n_rings = MIN(book->n_rings, 2);
        atomic_store_relaxed(&book->n_pairs,
                             MIN(dpdk_vdpa_book_n_pairs(book), 1));
        for (unsigned int i = 2; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
            end_stop(&book->rings[i]);
            book->rings[i].is_on = false;
            dpdk_vdpa_book_set_enabled(book, i, false);
        }
    }
}

/* A message about 'ring'. */
static void
end_ring(struct dpdk_vdpa_book_ring *ring, const struct dpdk_vdpa_msg *msg)
{
    switch (msg->request) {
    case DPDK_VDPA_MSG_SET_VRING_NUM:
        ring->size = msg->payload.state.num;
        ring->has_base = false;
        break;
    case DPDK_VDPA_MSG_SET_VRING_BASE:
        ring->base = msg->payload.state.num;
        ring->has_base = true;
        break;
    case DPDK_VDPA_MSG_SET_VRING_ADDR:
        ring->desc = msg->payload.addr.desc;
        ring->avail = msg->payload.addr.avail;
        ring->used = msg->payload.addr.used;
        ring->has_addr = true;
        break;
    case DPDK_VDPA_MSG_SET_VRING_KICK:
        ring->is_started = true;
        break;
    case DPDK_VDPA_MSG_SET_VRING_CALL:
        ring->has_call = ring->wants_call = true;
        break;
    case DPDK_VDPA_MSG_SET_VRING_ENABLE:
        ring->is_on = msg->payload.state.num;
        break;
    case DPDK_VDPA_MSG_GET_VRING_BASE:
        end_stop(ring);
        break;
    default:
        break;
    }
}

void
dpdk_vdpa_book_end(struct dpdk_vdpa_book *book,
                   const struct dpdk_vdpa_msg *msg)
{
    unsigned int i;

    switch (msg->request) {
    case DPDK_VDPA_MSG_SET_FEATURES:
        book->features = msg->payload.u64;
        end_features(book);
        break;
    case DPDK_VDPA_MSG_SET_PROTOCOL_FEATURES:
        book->protocol = msg->payload.u64;
        break;
    case DPDK_VDPA_MSG_SET_STATUS:
        book->status = msg->payload.u64;
        break;
    case DPDK_VDPA_MSG_IOTLB_MSG:
        end_iotlb(book, msg);
        break;
    case DPDK_VDPA_MSG_POSTCOPY_ADVISE:
    case DPDK_VDPA_MSG_POSTCOPY_LISTEN:
        book->advised = true;
        break;
    case DPDK_VDPA_MSG_POSTCOPY_END:
        book->advised = false;
        break;
    default:
        if (dpdk_vdpa_msg_ring(msg, &i)) {
            book->n_rings = MAX(book->n_rings, i + 1);
            end_ring(&book->rings[i], msg);
            if (msg->request == DPDK_VDPA_MSG_SET_VRING_KICK) {
                end_start(book, i);
            }
        }
        break;
    }
}
