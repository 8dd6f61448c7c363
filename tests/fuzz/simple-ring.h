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

#ifndef SIMPLE_RING_H
#define SIMPLE_RING_H 1

/* A virtqueue of direct descriptors as a simple walk sees it, which looks at
 * each byte by itself: in a copy of the guest's memory, 'simple', of two
 * regions.  For fuzz-walk, which includes lib/vhost/ring.c before. */

#define REGION_SIZE 2000        /* Each; a multiple of 16. */
#define MEMORY_SIZE (2 * REGION_SIZE)

/* The guest's, of which the simple walk takes the addresses only. */
static struct dpdk_vdpa_memory memory;

/* The memory, as the simple walk has it. */
static uint8_t simple[MEMORY_SIZE];

/* Returns the byte of the simple memory at address 'addr', or null. */
static uint8_t *
simple_at(uint64_t addr)
{
    uint64_t ofs = addr - memory.regions[0].start;

    return ofs < MEMORY_SIZE ? &simple[ofs] : NULL;
}

/* Returns true if the 'len' bytes at 'addr' are in one region. */
static bool
simple_is_in_one(uint64_t addr, uint32_t len)
{
    const uint8_t *first = simple_at(addr);

    if (!first || len > MEMORY_SIZE) {
        return false;
    }
    for (uint32_t i = 0; i < len; i++) {
        const uint8_t *p = simple_at(addr + i);

        if (!p || (p - simple) / REGION_SIZE
                  != (first - simple) / REGION_SIZE) {
            return false;
        }
    }
    return true;
}

struct simple_buffer {
    uint64_t addr;
    uint32_t len;
    uint16_t id;
};

/* Offsets into the first region. */
static unsigned int
avail_ofs(const struct dpdk_vdpa_ring *ring)
{
    return ring->size * 16;
}

static unsigned int
used_ofs(const struct dpdk_vdpa_ring *ring)
{
    return ROUND_UP(avail_ofs(ring) + 6 + 2 * ring->size, 4);
}

static uint64_t
simple_read(unsigned int ofs, unsigned int n)
{
    uint64_t value = 0;

    while (n--) {
        value = value << 8 | simple[ofs + n];
    }
    return value;
}

static void
simple_write(unsigned int ofs, uint64_t value, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++, value >>= 8) {
        simple[ofs + i] = value;
    }
}

/* Returns position 'pos' moved by one. */
static uint16_t
simple_next(const struct dpdk_vdpa_ring *ring, uint16_t pos)
{
    if (!ring->is_packed) {
        return pos + 1;
    }
    return ((pos & 0x7fff) + 1 < ring->size ? pos + 1
            : pos & 0x8000 ? 0 : 0x8000);
}

/* Looks at the descriptor at 'pos', number 'i' of a burst.  Returns false if
 * there is none, or none that is the rule. */
static bool
simple_take(const struct dpdk_vdpa_ring *ring, uint16_t pos, unsigned int i,
            bool send, struct simple_buffer *buf)
{
    unsigned int ofs;
    uint16_t flags;

    if (ring->is_packed) {
        bool wrap = pos >> 15;

        ofs = (pos & 0x7fff) * 16;
        buf->id = simple_read(ofs + 12, 2);
        flags = simple_read(ofs + 14, 2);
        if ((flags >> 7 & 1) != wrap || flags >> 15 == wrap) {
            return false;
        }
    } else {
        uint16_t n = simple_read(avail_ofs(ring) + 2, 2) - ring->next_avail;

        if (n > ring->size || i >= n) {
            return false;
        }
        buf->id = simple_read(avail_ofs(ring) + 4 + 2 * (pos % ring->size), 2);
        if (buf->id >= ring->size) {
            return false;
        }
        ofs = buf->id * 16;
        flags = simple_read(ofs + 12, 2);
    }
    buf->addr = simple_read(ofs, 8);
    buf->len = simple_read(ofs + 8, 4);
    return ((flags & 7) == (send ? 2 : 0)
            && (!send || buf->len >= ring->header_len)
            && simple_is_in_one(buf->addr, buf->len));
}

/* Gives 'n' buffers from position 'pos' back, the first of them at last. */
static void
simple_give_back(const struct dpdk_vdpa_ring *ring, uint16_t pos,
                 const struct simple_buffer *bufs, const uint32_t *lens,
                 unsigned int n, bool send)
{
    for (unsigned int i = n; i > 0; i--) {
        const struct simple_buffer *buf = &bufs[i - 1];
        uint32_t len = lens[i - 1];
        uint16_t at = pos;

        for (unsigned int j = 1; j < i; j++) {
            at = simple_next(ring, at);
        }
        if (ring->is_packed) {
            unsigned int ofs = (at & 0x7fff) * 16;

            simple_write(ofs + 8, len, 4);
            simple_write(ofs + 12, buf->id, 2);
            simple_write(ofs + 14, (at >> 15 ? 0x8080 : 0) | (send ? 2 : 0),
                         2);
        } else {
            unsigned int ofs = used_ofs(ring) + 4 + 8 * (at % ring->size);

            simple_write(ofs, buf->id, 4);
            simple_write(ofs + 4, len, 4);
        }
    }
    if (n && !ring->is_packed) {
        simple_write(used_ofs(ring) + 2, pos + n, 2);
    }
}

/* Returns at how many packets the walk ends that begins with number 'n' at
 * 'pos': a burst from a packed ring is made of several, none of which goes
 * over the end of the ring, and the guest gets its buffers back after each. */
static unsigned int
simple_walk_end(const struct dpdk_vdpa_ring *ring, uint16_t pos,
                unsigned int n, unsigned int max)
{
    max = MIN(max, DPDK_VDPA_RING_BURST);
    if (ring->is_packed) {
        max = MIN(max, n + PACKED_WALK);
        max = MIN(max, n + ring->size - (pos & 0x7fff));
    }
    return max;
}

#endif /* simple-ring.h */
