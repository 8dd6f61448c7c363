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

/* libFuzzer target: where a packed ring goes on, by notes that may be anything,
 * for a file on a disk can be, of a ring that may be anything, for it is the
 * guest's.  The input is the notes and the flags of the descriptors; the ring
 * lies at the end of a page behind which there is nothing. */

#include <config.h>

#include <rte_config.h>
#include <rte_vhost.h>

static int script_get_base(int vid, uint16_t i, uint16_t *avail,
                           uint16_t *used);
static int script_set_base(int vid, uint16_t i, uint16_t avail, uint16_t used);

#define rte_vhost_get_vring_base script_get_base
#define rte_vhost_set_vring_base script_set_base

#include "lib/vhost/positions.c"
#include "lib/vhost/undo.c"

#include <sys/mman.h>

#define MAX_DESCS 256
#define USER 0x7f0000000000ULL
#define RING 1

struct input {
    uint16_t base;              /* Where the front-end says that it begins. */
    uint8_t foreign;            /* 0: the notes are about this ring. */
    uint8_t state;
    uint8_t n_undo;
    uint8_t padding;
    uint16_t was;               /* Where it said so before. */
    uint32_t span;
    struct dpdk_vdpa_undo undo;
    uint8_t descs[];
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct dpdk_vdpa_notes notes;
static uint16_t base;           /* The library's. */

static int
script_get_base(int vid OVS_UNUSED, uint16_t i OVS_UNUSED, uint16_t *avail,
                uint16_t *used)
{
    *avail = *used = base;
    return 0;
}

static int
script_set_base(int vid OVS_UNUSED, uint16_t i, uint16_t avail, uint16_t used)
{
    ovs_assert(i == RING && avail == used);
    base = avail;
    return 0;
}

/* Returns a place for a ring of 'n' descriptors. */
static struct vring_packed_desc *
ring_place(unsigned int n)
{
    static uint8_t *end;

    if (!end) {
        size_t len = MAX_DESCS * sizeof(struct vring_packed_desc);

        end = mmap(NULL, len + 4096, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ovs_assert(end != MAP_FAILED);
        end += len;
        ovs_assert(!mprotect(end, 4096, PROT_NONE));
    }
    return ALIGNED_CAST(struct vring_packed_desc *,
                        end - n * sizeof(struct vring_packed_desc));
}

/* A connection whose ring is at 'descs', which are 'n'. */
static void
book_make(struct dpdk_vdpa_book *book, struct vring_packed_desc *descs,
          unsigned int n, uint16_t begin)
{
    struct dpdk_vdpa_book_ring *ring = &book->rings[RING];

    dpdk_vdpa_book_init(book, false);
    book->features = 1ULL << VIRTIO_F_RING_PACKED;
    book->has_memory = true;
    book->memory.n = 1;
    book->memory.file.dev = 1;
    book->memory.file.ino = 2;
    book->memory.file.size = 3;
    book->memory.regions[0].user = USER;
    book->memory.regions[0].host = (uintptr_t) descs;
    book->memory.regions[0].size = n * sizeof *descs;
    ring->size = n;
    ring->base = begin;
    ring->is_started = true;
    ring->desc = ring->avail = ring->used = USER;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vring_packed_desc before[MAX_DESCS];
    static struct dpdk_vdpa_book book;
    struct dpdk_vdpa_note *note = &notes.rings[RING];
    struct vring_packed_desc *descs;
    struct place place;
    struct input in;
    unsigned int n;
    uint16_t first;

    if (size <= sizeof in) {
        return 0;
    }
    memcpy(&in, data, sizeof in);
    data += sizeof in;
    n = MIN(size - sizeof in, MAX_DESCS);
    descs = ring_place(n);
    for (unsigned int i = 0; i < n; i++) {
        descs[i].addr = data[i] >> 2 & 1;
        descs[i].len = data[i];
        descs[i].id = i;
        descs[i].flags = (data[i] & 1) << VRING_PACKED_DESC_F_AVAIL
                         | (data[i] >> 1 & 1) << VRING_PACKED_DESC_F_USED
                         | data[i] >> 5;
    }
    memcpy(before, descs, n * sizeof *descs);
    in.base = (in.base & ~PACKED_WRAP) % n | (in.base & PACKED_WRAP);
    book_make(&book, descs, n, in.base);
    ovs_assert(find_place(&book, 0, RING, &place));
    note_identify(note, &book, &book.rings[RING], &place);
    note->ino += in.foreign;
    note->base = in.was;
    note->state = in.state;
    note->n_undo = in.n_undo;
    note->span = in.span;
    notes.undos[RING] = in.undo;

    base = in.base;
    dpdk_vdpa_positions_begin(&notes, &book, 0, RING, false);
    ovs_assert((base & ~PACKED_WRAP) < n);
    ovs_assert(note->state == DPDK_VDPA_NOTE_EXACT && !note->n_undo);
    if (in.foreign || in.state == DPDK_VDPA_NOTE_NONE) {
        ovs_assert(base == in.base);
    }
    if (in.foreign || in.state == DPDK_VDPA_NOTE_NONE
        || (!in.n_undo && in.was == in.base)
        || (in.was != in.base && base == in.base)) {
        ovs_assert(!memcmp(before, descs, n * sizeof *descs));
    }
    for (unsigned int i = 0; i < n; i++) {
        ovs_assert(descs[i].addr == before[i].addr);
    }

    /* Who ends at once leaves the ring where he found it. */
    first = base;
    memcpy(before, descs, n * sizeof *descs);
    base = in.base;
    dpdk_vdpa_positions_begin(&notes, &book, 0, RING, false);
    ovs_assert(base == first && !memcmp(before, descs, n * sizeof *descs));
    return 0;
}
