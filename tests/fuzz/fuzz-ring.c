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

/* libFuzzer target: our own look at packed rings, beside a simple one.  The
 * input is the position and the flags of the descriptors; the ring lies at the
 * end of a page behind which there is nothing. */

#include "lib/vhost/ring.c"

#include <sys/mman.h>

#define MAX_DESCS 1024

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static unsigned int
simple_n_avail(const struct vring_packed_desc *descs, unsigned int n,
               unsigned int next, bool wrap, unsigned int max)
{
    unsigned int count = 0;

    while (count < max && count < n
           && !(descs[next].flags >> VRING_PACKED_DESC_F_AVAIL & 1) == !wrap
           && !(descs[next].flags >> VRING_PACKED_DESC_F_USED & 1) == wrap) {
        count++;
        if (++next == n) {
            next = 0;
            wrap = !wrap;
        }
    }
    return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *end;
    struct vring_packed_desc *descs;
    struct dpdk_vdpa_ring ring;
    uint16_t next, max;
    unsigned int n;

    if (!end) {
        size_t len = MAX_DESCS * sizeof *descs;

        end = mmap(NULL, len + 4096, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ovs_assert(end != MAP_FAILED);
        end += len;
        ovs_assert(!mprotect(end, 4096, PROT_NONE));
    }
    if (size < 5) {
        return 0;
    }
    memcpy(&next, data, sizeof next);
    memcpy(&max, data + 2, sizeof max);
    data += 4;
    n = MIN(size - 4, MAX_DESCS);
    descs = (struct vring_packed_desc *) end - n;
    for (unsigned int i = 0; i < n; i++) {
        descs[i].flags = (data[i] & 1) << VRING_PACKED_DESC_F_AVAIL
                         | (data[i] >> 1 & 1) << VRING_PACKED_DESC_F_USED;
    }

    dpdk_vdpa_ring_init(&ring, 1ULL << VIRTIO_F_RING_PACKED);
    ring.packed.desc = descs;
    ring.size = n;
    ring.next_avail = (next & ~WRAP) % n | (next & WRAP);
    ovs_assert(dpdk_vdpa_ring_n_avail(&ring, max)
               == simple_n_avail(descs, n, ring.next_avail & ~WRAP,
                                 ring.next_avail >> 15, max));
    return 0;
}
