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

#include "vhost/positions.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include <rte_vhost.h>

#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_positions);

/* What tells a ring from any other, beside the file of the memory that it is
 * in: its length, where it is in the guest's memory, and where the front-end
 * said that it begins. */
struct identity {
    uint64_t desc, avail, used;
    uint32_t base;
    uint16_t size;
};

/* How far a ring has been processed: indexes with the wrap counter in the most
 * significant bit, as in the library. */
struct position {
    bool valid;
    uint16_t avail;
    uint16_t used;
    struct identity ring;
};

struct dpdk_vdpa_positions {
    struct dpdk_vdpa_book_file file;    /* Of the last connection's memory. */
    struct position rings[DPDK_VDPA_BOOK_N_RINGS];
};

struct dpdk_vdpa_positions *
dpdk_vdpa_positions_create(void)
{
    return xzalloc(sizeof(struct dpdk_vdpa_positions));
}

void
dpdk_vdpa_positions_destroy(struct dpdk_vdpa_positions *p)
{
    free(p);
}

static bool
is_packed(const struct dpdk_vdpa_book *book)
{
    return book->features & (1ULL << VIRTIO_F_RING_PACKED);
}

/* Returns the guest's address of what the front-end has at 'user'. */
static uint64_t
guest_address(const struct dpdk_vdpa_book *book, uint64_t user)
{
    const struct dpdk_vdpa_book_region *region
        = dpdk_vdpa_book_find(&book->memory, user, 1);

    return region ? region->guest + (user - region->user) : UINT64_MAX;
}

static struct identity
ring_identity(const struct dpdk_vdpa_book *book,
              const struct dpdk_vdpa_book_ring *ring)
{
    struct identity id;

    memset(&id, 0, sizeof id);  /* It is compared as a whole. */
    id.desc = guest_address(book, ring->desc);
    id.avail = guest_address(book, ring->avail);
    id.used = guest_address(book, ring->used);
    id.base = ring->base;
    id.size = ring->size;
    return id;
}

/* Returns true if a device has ever processed packed ring 'ring'.  A driver
 * sets its descriptors to zero before the first one, and sets the flag USED
 * only after a device has been round. */
static bool
ring_is_used(const struct dpdk_vdpa_book *book,
             const struct dpdk_vdpa_book_ring *ring)
{
    size_t len = ring->size * sizeof(struct vring_packed_desc);
    const struct vring_packed_desc *desc
        = dpdk_vdpa_book_at(book, ring->desc, len);

    for (unsigned int i = 0; desc && i < ring->size; i++) {
        if (desc[i].flags & (1 << VRING_PACKED_DESC_F_USED)) {
            return true;
        }
    }
    return false;
}

void
dpdk_vdpa_positions_forget(struct dpdk_vdpa_positions *p)
{
    memset(p, 0, sizeof *p);
}

void
dpdk_vdpa_positions_save(struct dpdk_vdpa_positions *p,
                         const struct dpdk_vdpa_book *book, int vid)
{
    dpdk_vdpa_positions_forget(p);
    if (!is_packed(book)) {
        return;
    }
    p->file = book->memory.file;
    for (unsigned int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        const struct dpdk_vdpa_book_ring *ring = &book->rings[i];
        struct position *pos = &p->rings[i];

        if (ring->is_started) {
            pos->ring = ring_identity(book, ring);
            pos->valid = !rte_vhost_get_vring_base(vid, i, &pos->avail,
                                                   &pos->used);
        }
    }
}

void
dpdk_vdpa_positions_restore(struct dpdk_vdpa_positions *p,
                            const struct dpdk_vdpa_book *book, int vid,
                            unsigned int i)
{
    const struct dpdk_vdpa_book_ring *ring = &book->rings[i];
    struct position *pos = &p->rings[i];

    if (pos->valid && is_packed(book)
        && dpdk_vdpa_book_file_equals(&p->file, &book->memory.file)) {
        struct identity id = ring_identity(book, ring);

        if (!memcmp(&id, &pos->ring, sizeof id)
            && ring_is_used(book, ring)) {
            VLOG_DBG("packed ring %u of connection %d goes on from %u", i,
                     vid, pos->used & 0x7fff);
            rte_vhost_set_vring_base(vid, i, pos->avail, pos->used);
            return;             /* This connection may break early, too. */
        }
    }
    pos->valid = false;
}
