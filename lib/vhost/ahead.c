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

#include "vhost/ahead.h"

#include <rte_config.h>
#include <rte_prefetch.h>

#include "openvswitch/util.h"
#include "util.h"
#include "vhost/ring.h"
#include "vhost/ring-private.h"

/* Descriptors of a table to look at: the header and the packet's own. */
#define N_OF_TABLE 2

/* What a descriptor says, of either kind of ring. */
struct said {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
};

static inline void
fetch(const void *p)
{
    rte_prefetch0(p);
    rte_prefetch0((const uint8_t *) p + CACHE_LINE_SIZE);
}

/* Fetches what a descriptor says where it is.  Returns that if it is an
 * indirect table, else null. */
static inline const struct vring_desc *
fetch_said(struct dpdk_vdpa_ring *ring, struct said said)
{
    uint32_t len = MIN(said.len, N_OF_TABLE * sizeof(struct vring_desc));
    const uint8_t *data = ring_memory_at(ring, said.addr, &len);

    if (!data) {
        return NULL;
    }
    fetch(data);
    return (said.flags & VRING_DESC_F_INDIRECT
            && len == N_OF_TABLE * sizeof(struct vring_desc)
            && !((uintptr_t) data % 8)
            ? ALIGNED_CAST(const struct vring_desc *, data) : NULL);
}

/* Address and length have the same place in both kinds. */
static inline void
fetch_of_table(struct dpdk_vdpa_ring *ring, const struct vring_desc *table)
{
    for (int i = 0; i < N_OF_TABLE; i++) {
        uint32_t len = 1;
        const uint8_t *data = ring_memory_at(ring, READ_ONCE(table[i].addr),
                                             &len);

        if (data) {
            fetch(data);
        }
    }
}

/* Fetches the descriptors with which the next 'n' buffers begin, and says in
 * 'said' what these say. */
static inline void
split_fetch(const struct dpdk_vdpa_ring *ring, struct said *said,
            unsigned int n)
{
    const struct vring_desc *descs[DPDK_VDPA_AHEAD];
    uint16_t mask = ring->size - 1;

    for (unsigned int i = 0; i < n; i++) {
        uint16_t slot = ring->next_avail + i;

        descs[i] = &ring->split.desc[
            READ_ONCE(ring->split.avail->ring[slot & mask]) & mask];
        rte_prefetch0(descs[i]);
    }
    for (unsigned int i = 0; i < n; i++) {
        said[i].addr = READ_ONCE(descs[i]->addr);
        said[i].len = READ_ONCE(descs[i]->len);
        said[i].flags = READ_ONCE(descs[i]->flags);
    }
}

/* The same of the next 'n' descriptors. */
static inline void
packed_fetch(const struct dpdk_vdpa_ring *ring, struct said *said,
             unsigned int n)
{
    const struct vring_packed_desc *descs
        = &ring->packed.desc[ring->next_avail & ~WRAP];

    for (unsigned int i = 0; i < n; i++) {
        said[i].addr = READ_ONCE(descs[i].addr);
        said[i].len = READ_ONCE(descs[i].len);
        said[i].flags = READ_ONCE(descs[i].flags);
    }
}

void
dpdk_vdpa_ahead_fetch(struct dpdk_vdpa_ring *ring)
{
    const struct vring_desc *tables[DPDK_VDPA_AHEAD];
    struct said said[DPDK_VDPA_AHEAD];
    unsigned int n = dpdk_vdpa_ring_n_avail(ring, DPDK_VDPA_AHEAD);
    unsigned int n_tables = 0;

    if (n < 2) {
        return;                 /* The walk is about to read it itself. */
    }
    if (ring->is_packed) {
        n = MIN(n, ring->size - (ring->next_avail & ~WRAP));
        packed_fetch(ring, said, n);
    } else {
        n = MIN(n, ring->size);
        split_fetch(ring, said, n);
    }
    for (unsigned int i = 0; i < n; i++) {
        const struct vring_desc *table = fetch_said(ring, said[i]);

        if (table) {
            tables[n_tables++] = table;
        }
    }
    for (unsigned int i = 0; i < n_tables; i++) {
        fetch_of_table(ring, tables[i]);
    }
}
