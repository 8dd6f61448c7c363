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

#include "vhost/merge.h"

#include <stdbool.h>
#include <string.h>

#include "vhost/book.h"
#include "vhost/message.h"

/* Returns true if nothing of 'r' wraps. */
static bool
is_sane(const struct dpdk_vdpa_msg_region *r)
{
    uint64_t room = UINT64_MAX - r->memory_size;

    return (r->memory_size && r->guest_phys_addr <= room
            && r->userspace_addr <= room && r->mmap_offset <= room);
}

/* Returns true if 'b' begins wherever 'a' ends. */
static bool
follows(const struct dpdk_vdpa_msg_region *a,
        const struct dpdk_vdpa_msg_region *b)
{
    return (is_sane(a) && is_sane(b)
            && a->guest_phys_addr + a->memory_size == b->guest_phys_addr
            && a->userspace_addr + a->memory_size == b->userspace_addr
            && a->mmap_offset + a->memory_size == b->mmap_offset);
}

static bool
is_same_file(int a, int b)
{
    struct dpdk_vdpa_book_file files[2] = {
        dpdk_vdpa_book_file(a), dpdk_vdpa_book_file(b)
    };

    return dpdk_vdpa_book_file_equals(&files[0], &files[1]);
}

/* Returns the number of the region that follows number 'i', or 'n'. */
static unsigned int
find_next(const struct dpdk_vdpa_msg_region *regions, const int *fds,
          unsigned int n, unsigned int i)
{
    for (unsigned int j = 0; j < n; j++) {
        if (j != i && follows(&regions[i], &regions[j])
            && is_same_file(fds[i], fds[j])) {
            return j;
        }
    }
    return n;
}

unsigned int
dpdk_vdpa_merge_regions(struct dpdk_vdpa_msg_region *regions, int *fds,
                        unsigned int n)
{
    unsigned int i = 0;

    while (i < n) {
        unsigned int j = find_next(regions, fds, n, i);

        if (j < n) {
            int fd = fds[j];

            n--;
            regions[i].memory_size += regions[j].memory_size;
            memmove(&regions[j], &regions[j + 1],
                    (n - j) * sizeof *regions);
            memmove(&fds[j], &fds[j + 1], (n - j) * sizeof *fds);
            fds[n] = fd;
            i -= j < i;
        } else {
            i++;
        }
    }
    return n;
}
