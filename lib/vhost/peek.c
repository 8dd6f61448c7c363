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

#include "vhost/peek.h"

#include <linux/virtio_ring.h>
#include <numaif.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rte_config.h>
#include <rte_vhost.h>

#include "util.h"

/* Descriptors of a packed ring to be read at a time. */
#define PACKED_CHUNK 64

/* Returns true if the guest offers a descriptor of a packed ring to the
 * device whose wrap counter is 'wrap' (virtio 1.1, section 2.7.1). */
static bool
packed_desc_is_avail(const struct vring_packed_desc *desc, bool wrap)
{
    bool avail = desc->flags & (1 << VRING_PACKED_DESC_F_AVAIL);
    bool used = desc->flags & (1 << VRING_PACKED_DESC_F_USED);

    return avail == wrap && used != wrap;
}

/* Copies 'len' bytes of a ring.  The memory may be unmapped any time, so that
 * the kernel must read it for us. */
static bool
ring_read(const void *from, void *to, size_t len)
{
    struct iovec local = { to, len };
    struct iovec remote = { CONST_CAST(void *, from), len };

    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == len;
}

/* Returns how many descriptors the guest offers in packed ring 'vring', of
 * which the library will use the one at 'next' first ('next' being an index
 * with the wrap counter in the most significant bit), 'max' if there are
 * more. */
static unsigned int
packed_ring_n_avail(const struct rte_vhost_vring *vring, uint16_t next,
                    unsigned int max)
{
    struct vring_packed_desc descs[PACKED_CHUNK];
    unsigned int first = next & 0x7fff;
    bool wrap = next >> 15;
    unsigned int n = 0;

    max = MIN(max, vring->size);
    while (n < max && first < vring->size) {
        unsigned int chunk = MIN(MIN(max - n, vring->size - first),
                                 PACKED_CHUNK);

        if (!ring_read(&vring->desc_packed[first], descs,
                       chunk * sizeof *descs)) {
            return n;
        }
        for (unsigned int i = 0; i < chunk; i++, n++) {
            if (!packed_desc_is_avail(&descs[i], wrap)) {
                return n;
            }
        }
        first += chunk;
        if (first == vring->size) {
            first = 0;
            wrap = !wrap;
        }
    }
    return n;
}

/* The same for a split ring, where it may be too much, as a guest can say what
 * it likes. */
static unsigned int
split_ring_n_avail(const struct rte_vhost_vring *vring, uint16_t next,
                   unsigned int max)
{
    uint16_t idx;

    return (ring_read(&vring->avail->idx, &idx, sizeof idx)
            ? MIN((uint16_t) (idx - next), max) : 0);
}

unsigned int
dpdk_vdpa_peek_n_avail(int vid, uint16_t ring, bool packed, unsigned int max)
{
    uint16_t next_avail, next_used;
    struct rte_vhost_vring vring;

    if (rte_vhost_get_vring_base(vid, ring, &next_avail, &next_used)
        || rte_vhost_get_vhost_vring(vid, ring, &vring) || !vring.desc) {
        return 0;
    }
    return (packed ? packed_ring_n_avail(&vring, next_avail, max)
            : vring.avail ? split_ring_n_avail(&vring, next_avail, max) : 0);
}

int
dpdk_vdpa_peek_numa_node(int vid)
{
    struct rte_vhost_memory *mem;
    int node = -1;

    if (rte_vhost_get_mem_table(vid, &mem)) {
        return -1;
    }
    if (!mem->nregions
        || get_mempolicy(&node, NULL, 0,
                         (void *) (uintptr_t) mem->regions[0].host_user_addr,
                         MPOL_F_NODE | MPOL_F_ADDR)) {
        node = -1;
    }
    free(mem);
    return node;
}
