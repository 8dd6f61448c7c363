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
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <rte_vhost.h>

#include "dpdk-vdpa-relay.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_rings);

#define MAX_RINGS (2 * DPDK_VDPA_MAX_PAIRS)

/* How far a ring has been processed: indexes with the wrap counter in the most
 * significant bit, as in the library. */
struct ring {
    bool valid;
    uint16_t avail;
    uint16_t used;
    uint32_t base;              /* What the front-end said it begins with. */
};

/* What tells a guest's memory from that of any other guest that there is or
 * was: the file.  All zero if there is none. */
struct memory {
    dev_t dev;
    ino_t ino;
};

struct dpdk_vdpa_rings {
    /* Of the present connection. */
    struct memory memory;
    uint32_t bases[MAX_RINGS];
    bool told;

    /* Of the last one. */
    struct ring rings[MAX_RINGS];
    struct memory last_memory;
};

struct dpdk_vdpa_rings *
dpdk_vdpa_rings_create(void)
{
    return xzalloc(sizeof(struct dpdk_vdpa_rings));
}

void
dpdk_vdpa_rings_destroy(struct dpdk_vdpa_rings *r)
{
    free(r);
}

/* Returns true if the rings of connection 'vid' are packed. */
static bool
is_packed(int vid)
{
    uint64_t features = 0;

    rte_vhost_get_negotiated_features(vid, &features);
    return features & (1ULL << VIRTIO_F_RING_PACKED);
}

/* Returns true if a device has ever processed packed ring 'vring'.  A driver
 * sets its descriptors to zero before the first one, and sets the flag USED
 * only after a device has been round. */
static bool
ring_is_used(const struct rte_vhost_vring *vring)
{
    for (unsigned int i = 0; i < vring->size; i++) {
        if (vring->desc_packed[i].flags & (1 << VRING_PACKED_DESC_F_USED)) {
            return true;
        }
    }
    return false;
}

void
dpdk_vdpa_rings_set_memory(struct dpdk_vdpa_rings *r, int vid)
{
    struct rte_vhost_memory *mem;
    struct stat s;

    memset(&r->memory, 0, sizeof r->memory);
    if (vid >= 0 && !rte_vhost_get_mem_table(vid, &mem)) {
        if (mem->nregions && !fstat(mem->regions[0].fd, &s)) {
            r->memory.dev = s.st_dev;
            r->memory.ino = s.st_ino;
        }
        free(mem);
    }
}

void
dpdk_vdpa_rings_set_base(struct dpdk_vdpa_rings *r, unsigned int ring,
                         uint32_t base)
{
    if (ring < MAX_RINGS) {
        r->bases[ring] = base;
        r->told = false;
    }
}

void
dpdk_vdpa_rings_told(struct dpdk_vdpa_rings *r)
{
    r->told = true;
}

void
dpdk_vdpa_rings_save(struct dpdk_vdpa_rings *r, int vid)
{
    bool keep = !r->told && r->memory.ino && is_packed(vid);
    unsigned int n = MIN(rte_vhost_get_vring_num(vid), MAX_RINGS);

    r->last_memory = r->memory;
    for (unsigned int i = 0; i < MAX_RINGS; i++) {
        struct ring *ring = &r->rings[i];

        ring->valid = (keep && i < n
                       && !rte_vhost_get_vring_base(vid, i, &ring->avail,
                                                    &ring->used));
        ring->base = r->bases[i];
    }
}

void
dpdk_vdpa_rings_restore(struct dpdk_vdpa_rings *r, int vid, unsigned int i)
{
    struct rte_vhost_vring vring;
    struct ring *ring;

    if (i >= MAX_RINGS || !is_packed(vid)) {
        return;
    }
    ring = &r->rings[i];
    if (ring->valid
        && ring->base == r->bases[i]
        && r->memory.ino == r->last_memory.ino
        && r->memory.dev == r->last_memory.dev
        && !rte_vhost_get_vhost_vring(vid, i, &vring)
        && vring.desc_packed
        && ring_is_used(&vring)) {
        VLOG_DBG("packed ring %u of connection %d goes on from %u", i, vid,
                 ring->used & 0x7fff);
        rte_vhost_set_vring_base(vid, i, ring->avail, ring->used);
    }
    ring->valid = false;
}
