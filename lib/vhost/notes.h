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

#ifndef DPDK_VDPA_NOTES_H
#define DPDK_VDPA_NOTES_H 1

/* Notes of how far the packed rings of a guest have been processed, which
 * outlive the connection and the process: one file per socket in the run
 * directory, which is in memory, and which we have mapped.
 *
 * When a connection breaks, the front-end sees in a split ring's memory how
 * far it had been processed.  A packed ring does not show that, and the
 * front-end tells the next connection what it knew before: where the last one
 * began.  So whoever processes a packed ring notes how far he is, by plain
 * stores, and what of it he may leave half done.
 *
 * vhost/positions.h reads the notes, and says whose they are. */

#include <stdbool.h>
#include <stdint.h>

#include "util.h"
#include "vhost/book.h"
#include "vhost/packed.h"

/* Most buffers that one burst of the vhost library's may use. */
#define DPDK_VDPA_NOTES_N_UNDO 64

/* Who processes a ring, and so what its notes are worth. */
enum dpdk_vdpa_note_state {
    DPDK_VDPA_NOTE_NONE,        /* Nobody does. */
    DPDK_VDPA_NOTE_EXACT,       /* The walk, or the library under its eyes. */
    DPDK_VDPA_NOTE_UNKNOWN,     /* A vDPA device, or the library alone. */
};

/* In the lower half of a span: it is that of a single buffer, of however many
 * descriptors.  No position has this bit: rings have at most 4096. */
#define DPDK_VDPA_NOTE_CHAIN 0x4000

/* Of one ring: one cache line.  A position is as in struct dpdk_vdpa_ring.
 *
 * The first part says which ring it is, and is written while nobody processes
 * the ring.  The others belong to who does. */
struct dpdk_vdpa_note {
    uint64_t dev;               /* The file of the guest's memory. */
    uint64_t ino;
    uint64_t memory_size;
    uint64_t desc;              /* In the guest's addresses. */
    uint64_t avail;
    uint64_t used;
    uint32_t base;              /* Where the front-end said that it begins: a
                                 * position. */
    uint16_t size;
    uint8_t state;              /* enum dpdk_vdpa_note_state. */

    uint8_t n_undo;             /* The library's burst may use so many of the
                                 * buffers in 'struct dpdk_vdpa_undo'. */
    uint32_t span;              /* The last burst went from the position in the
                                 * lower half to that in the upper one, or was
                                 * about to, by buffers of one descriptor, or
                                 * by one with DPDK_VDPA_NOTE_CHAIN. */
    uint32_t first;             /* See dpdk_vdpa_note_round(). */
};
BUILD_ASSERT_DECL(sizeof(struct dpdk_vdpa_note) == 64);

/* Of one ring: the buffers that the library may be using, from 'begin' on. */
struct dpdk_vdpa_undo {
    uint64_t halves[DPDK_VDPA_NOTES_N_UNDO];    /* Of the first descriptor of
                                                 * each: what is overwritten
                                                 * when it is given back. */
    uint16_t lens[DPDK_VDPA_NOTES_N_UNDO];      /* Descriptors of each. */
    uint16_t begin;
    uint16_t padding[31];
};
BUILD_ASSERT_DECL(sizeof(struct dpdk_vdpa_undo) % 64 == 0);

struct dpdk_vdpa_notes {
    union {
        struct {
            char magic[16];     /* With the version of all this. */
            char socket[256];   /* Whose notes these are. */
        };
        uint8_t page[4096];
    };
    struct dpdk_vdpa_note rings[DPDK_VDPA_BOOK_N_RINGS];
    struct dpdk_vdpa_undo undos[DPDK_VDPA_BOOK_N_RINGS];
};

static inline uint32_t
dpdk_vdpa_note_span(uint16_t begin, uint16_t end)
{
    return begin | (uint32_t) end << 16;
}

/* Returns what tells a ring's first descriptor from others, and is not 0. */
static inline uint32_t
dpdk_vdpa_note_first(struct vring_packed_desc *first)
{
    const uint64_t odd = 0x9e3779b97f4a7c15;
    uint64_t half = __atomic_load_n(packed_second_half(first),
                                    __ATOMIC_RELAXED);

    return ((first->addr * odd ^ half) * odd) >> 32 | 1;
}

/* Buffers are about to be given back in the ring at 'descs', from position
 * 'begin' to 'end'.  If the last of those lies across the end of the ring,
 * and the guest then offers all again, no flag in the ring shows that a device
 * has been round.  But its first descriptor is not a first one then: it is as
 * the guest wrote it for that buffer. */
static inline void
dpdk_vdpa_note_round(struct dpdk_vdpa_note *note,
                     struct vring_packed_desc *descs, uint16_t begin,
                     uint16_t end)
{
    if ((begin ^ end) & PACKED_WRAP && end & ~PACKED_WRAP) {
        note->first = dpdk_vdpa_note_first(&descs[0]);
    }
}

/* Each of these stores comes after those before it, for who finds the notes
 * when the process has ended. */
static inline void
dpdk_vdpa_note_set_state(struct dpdk_vdpa_note *note,
                         enum dpdk_vdpa_note_state state)
{
    __atomic_store_n(&note->state, state, __ATOMIC_RELEASE);
}

static inline void
dpdk_vdpa_note_set_undo(struct dpdk_vdpa_note *note, uint8_t n)
{
    __atomic_store_n(&note->n_undo, n, __ATOMIC_RELEASE);
}

/* The ring has been processed as far as 'pos', and nothing is under way. */
static inline void
dpdk_vdpa_note_set_exact(struct dpdk_vdpa_note *note, uint16_t pos)
{
    __atomic_store_n(&note->span, dpdk_vdpa_note_span(pos, pos),
                     __ATOMIC_RELEASE);
    dpdk_vdpa_note_set_undo(note, 0);
    dpdk_vdpa_note_set_state(note, DPDK_VDPA_NOTE_EXACT);
}

/* Returns the notes for 'socket', a path: those of the last process if there
 * are any.  Never null: without a file, which is logged, notes are good for
 * connections that break, until the process ends.  Any thread. */
struct dpdk_vdpa_notes *dpdk_vdpa_notes_open(const char *socket);

/* Gives up 'notes', or null.  When everybody has, the file is removed; what it
 * said is remembered in case that the port comes back.  Any thread. */
void dpdk_vdpa_notes_close(struct dpdk_vdpa_notes *notes);

/* The process is about to end: files stay, for the next one. */
void dpdk_vdpa_notes_keep(void);

/* Removes files that are of no use: no process has notes of their socket open,
 * and nobody serves it, as 'is_served' says.  A port may have been deleted
 * while no process was there to see it.  Any thread. */
void dpdk_vdpa_notes_sweep(bool (*is_served)(const char *socket));

#endif /* vhost/notes.h */
