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

#ifndef DPDK_VDPA_PACKED_H
#define DPDK_VDPA_PACKED_H 1

/* Packed virtqueues (virtio 1.1, section 2.7), as far as more than one room
 * looks at them.
 *
 * A position in a ring is an index with the wrap counter in the most
 * significant bit, as in the vhost library. */

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define PACKED_WRAP 0x8000
#define PACKED_AVAIL (1 << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED (1 << VRING_PACKED_DESC_F_USED)

/* The second half of a descriptor, as a number: it is read and written at
 * once. */
#define PACKED_ID_SHIFT 32
#define PACKED_FLAGS_SHIFT 48
BUILD_ASSERT_DECL(offsetof(struct vring_packed_desc, len) == 8
                  && offsetof(struct vring_packed_desc, id) == 12
                  && offsetof(struct vring_packed_desc, flags) == 14);

static inline __attribute__((always_inline)) uint64_t *
packed_second_half(struct vring_packed_desc *desc)
{
    return ALIGNED_CAST(uint64_t *, &desc->len);
}

/* Returns true if a descriptor with these flags is offered by the guest to a
 * device that is at 'pos', or given back to it by one that was. */
static inline bool
packed_flags_are_avail(uint16_t flags, uint16_t pos)
{
    return ((flags & (PACKED_AVAIL | PACKED_USED))
            == (pos & PACKED_WRAP ? PACKED_AVAIL : PACKED_USED));
}

static inline bool
packed_flags_are_used(uint16_t flags, uint16_t pos)
{
    return ((flags & (PACKED_AVAIL | PACKED_USED))
            == (pos & PACKED_WRAP ? PACKED_AVAIL | PACKED_USED : 0));
}

/* Returns the position 'n' descriptors after 'pos' in a ring of 'size', 'n'
 * being at most a round. */
static inline uint16_t
packed_advance(uint16_t pos, unsigned int n, uint16_t size)
{
    unsigned int i = (pos & ~PACKED_WRAP) + n;

    return (i < size ? i | (pos & PACKED_WRAP)
            : (i - size) | ((pos & PACKED_WRAP) ^ PACKED_WRAP));
}

#endif /* vhost/packed.h */
