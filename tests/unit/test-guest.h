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

#ifndef TEST_GUEST_H
#define TEST_GUEST_H 1

/* The guest's side of a virtqueue, split or packed, and its memory: two
 * regions that are neighbours for the guest and strangers for us.  Each part
 * is as large as it has to be and no larger, for the sanitizers' sake.
 *
 * This guest writes what it is told to, also what no guest should. */

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vhost/ring.h"
#include "util.h"

/* A line of a table of tests for cmocka: FUNCTION with the rings of kinds[I],
 * which are called KIND; setup() gets them and makes what the test gets. */
#define TEST_OF(FUNCTION, KIND, I)                                           \
    { #FUNCTION " (" KIND ")", FUNCTION, setup, teardown, &kinds[I] }

#define GUEST_WRAP 0x8000
#define GUEST_AVAIL (1 << VRING_PACKED_DESC_F_AVAIL)
#define GUEST_USED (1 << VRING_PACKED_DESC_F_USED)

/* Each buffer takes so much of the memory, which has so many. */
#define GUEST_BUF_SIZE 2304
#define GUEST_N_BUFS 192

/* Guest-physical addresses. */
#define GUEST_REGION_SIZE (GUEST_N_BUFS / 2 * GUEST_BUF_SIZE)
#define GUEST_START 0x10000
#define GUEST_MIDDLE (GUEST_START + GUEST_REGION_SIZE)
#define GUEST_END (GUEST_MIDDLE + GUEST_REGION_SIZE)

struct guest {
    bool packed;
    uint16_t size;
    struct dpdk_vdpa_memory memory;
    uint8_t *mem[2];

    /* Split or packed. */
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    struct vring_packed_desc *packed_desc;
    struct vring_packed_desc_event *driver_event;
    struct vring_packed_desc_event *device_event;

    /* Where to offer, and where to look for what was used: as positions in
     * struct dpdk_vdpa_ring. */
    uint16_t next_offer;
    uint16_t next_used;
    unsigned int n_offered;
};

/* Has 'g' forget what it offered, and go on at position 'pos'. */
static inline void
guest_reset(struct guest *g, uint16_t pos)
{
    unsigned int first = pos & ~GUEST_WRAP;

    g->next_offer = g->next_used = pos;
    g->n_offered = 0;
    if (!g->packed) {
        g->avail->idx = g->used->idx = pos;
        return;
    }
    for (unsigned int i = 0; i < g->size; i++) {
        /* All of them were used: those before 'pos' in its round, the others
         * in the one before. */
        bool wrap = (i < first) == !!(pos & GUEST_WRAP);

        g->packed_desc[i].flags = wrap ? GUEST_AVAIL | GUEST_USED : 0;
    }
}

/* Initializes 'g' with nothing offered, and to go on at position 'pos'. */
static inline void
guest_init(struct guest *g, bool packed, uint16_t size, uint16_t pos)
{
    memset(g, 0, sizeof *g);
    g->packed = packed;
    g->size = size;
    g->memory.n = 2;
    for (int i = 0; i < 2; i++) {
        struct dpdk_vdpa_region *region = &g->memory.regions[i];

        g->mem[i] = xzalloc(GUEST_REGION_SIZE);
        region->start = i ? GUEST_MIDDLE : GUEST_START;
        region->size = GUEST_REGION_SIZE;
        region->offset = (uintptr_t) g->mem[i] - region->start;
    }
    if (packed) {
        g->packed_desc = xzalloc(size * sizeof *g->packed_desc);
        g->driver_event = xzalloc(sizeof *g->driver_event);
        g->device_event = xzalloc(sizeof *g->device_event);
    } else {
        g->desc = xzalloc(size * sizeof *g->desc);
        g->avail = xzalloc(sizeof *g->avail
                           + (size + 1) * sizeof g->avail->ring[0]);
        g->used = xzalloc(sizeof *g->used + size * sizeof g->used->ring[0]
                          + sizeof(uint16_t));
    }
    guest_reset(g, pos);
}

static inline void
guest_destroy(struct guest *g)
{
    free(g->mem[0]);
    free(g->mem[1]);
    free(g->desc);
    free(g->avail);
    free(g->used);
    free(g->packed_desc);
    free(g->driver_event);
    free(g->device_event);
}

/* Returns the position that is 'n' after 'pos', 'n' being at most a round. */
static inline uint16_t
guest_advance(const struct guest *g, uint16_t pos, unsigned int n)
{
    unsigned int i = (pos & ~GUEST_WRAP) + n;

    if (!g->packed) {
        return pos + n;
    }
    return (i < g->size ? i | (pos & GUEST_WRAP)
            : (i - g->size) | ((pos & GUEST_WRAP) ^ GUEST_WRAP));
}

/* Returns the address of buffer 'i', every other of which is in the second
 * region. */
static inline uint64_t
guest_buf(unsigned int i)
{
    i %= GUEST_N_BUFS;
    return ((i % 2 ? GUEST_MIDDLE : GUEST_START)
            + (uint64_t) i / 2 * GUEST_BUF_SIZE);
}

/* Returns where we have address 'addr', or null. */
static inline uint8_t *
guest_at(const struct guest *g, uint64_t addr)
{
    if (addr < GUEST_START || addr >= GUEST_END) {
        return NULL;
    }
    addr -= GUEST_START;
    return &g->mem[addr / GUEST_REGION_SIZE][addr % GUEST_REGION_SIZE];
}

/* Returns by what id the guest knows what it offers as number 'i'. */
static inline uint16_t
guest_id(const struct guest *g, unsigned int i)
{
    return (i * 3 + 1) % g->size;
}

/* Offers a descriptor with flags VRING_DESC_F_*.  With 'id' it says of a split
 * ring's descriptor that it had this index. */
static inline void
guest_offer_as(struct guest *g, uint64_t addr, uint32_t len, uint16_t flags,
               uint16_t id)
{
    if (g->packed) {
        uint16_t pos = g->next_offer;
        struct vring_packed_desc *d = &g->packed_desc[pos & ~GUEST_WRAP];

        d->addr = addr;
        d->len = len;
        d->id = id;
        flags |= pos & GUEST_WRAP ? GUEST_AVAIL : GUEST_USED;
        __atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
    } else {
        if (id < g->size) {
            g->desc[id].addr = addr;
            g->desc[id].len = len;
            g->desc[id].flags = flags;
        }
        g->avail->ring[g->next_offer & (g->size - 1)] = id;
        __atomic_store_n(&g->avail->idx, (uint16_t) (g->next_offer + 1),
                         __ATOMIC_RELEASE);
    }
    g->next_offer = guest_advance(g, g->next_offer, 1);
    g->n_offered++;
}

static inline void
guest_offer(struct guest *g, uint64_t addr, uint32_t len, uint16_t flags)
{
    guest_offer_as(g, addr, len, flags, guest_id(g, g->n_offered));
}

/* Takes back a buffer that was used.  Returns false if there is none. */
static inline bool
guest_take_back(struct guest *g, uint32_t *id, uint32_t *len, uint16_t *flags)
{
    uint16_t pos = g->next_used;

    if (g->packed) {
        const uint16_t both = GUEST_AVAIL | GUEST_USED;
        struct vring_packed_desc *d = &g->packed_desc[pos & ~GUEST_WRAP];

        *flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
        if (pos == g->next_offer
            || (*flags & both) != (pos & GUEST_WRAP ? both : 0)) {
            return false;
        }
        *flags &= ~both;
        *id = d->id;
        *len = d->len;
    } else {
        struct vring_used_elem *elem = &g->used->ring[pos & (g->size - 1)];

        if (__atomic_load_n(&g->used->idx, __ATOMIC_ACQUIRE) == pos) {
            return false;
        }
        *flags = 0;
        *id = elem->id;
        *len = elem->len;
    }
    g->next_used = guest_advance(g, pos, 1);
    return true;
}

/* Gives the buffer at '*pos' back as the vhost library might, with nothing
 * written to it. */
static inline void
guest_library_uses(struct guest *g, uint16_t *pos)
{
    if (g->packed) {
        g->packed_desc[*pos & ~GUEST_WRAP].len = 0;
        g->packed_desc[*pos & ~GUEST_WRAP].flags
            = *pos & GUEST_WRAP ? GUEST_AVAIL | GUEST_USED : 0;
    } else {
        g->used->ring[*pos & (g->size - 1)].id
            = g->avail->ring[*pos & (g->size - 1)];
        g->used->ring[*pos & (g->size - 1)].len = 0;
        g->used->idx = *pos + 1;
    }
    *pos = guest_advance(g, *pos, 1);
}

/* Bytes that tell packets apart. */
static inline uint8_t
guest_pattern(unsigned int serial, unsigned int ofs)
{
    return serial * 31 + ofs * 7 + (ofs >> 8);
}

/* Makes packet 'serial' of 'len' bytes behind an empty header of 'header_len'
 * in the buffer at 'addr', and offers it. */
static inline void
guest_send(struct guest *g, uint64_t addr, unsigned int header_len,
           unsigned int serial, unsigned int len)
{
    uint8_t *data = guest_at(g, addr);

    memset(data, 0, header_len);
    for (unsigned int i = 0; i < len; i++) {
        data[header_len + i] = guest_pattern(serial, i);
    }
    guest_offer(g, addr, header_len + len, 0);
}

#endif /* test-guest.h */
