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

#include "vhost/positions.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include <rte_vhost.h>

#include "openvswitch/vlog.h"
#include "util.h"
#include "vhost/notes.h"
#include "vhost/packed.h"
#include "vhost/undo.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_positions);

static bool
is_packed(const struct dpdk_vdpa_book *book)
{
    return book->features & (1ULL << VIRTIO_F_RING_PACKED);
}

/* Which ring it is. */

/* Where we have a packed ring. */
struct place {
    struct vring_packed_desc *desc;
    const void *avail;
    const void *used;
};

static bool
has_iommu(const struct dpdk_vdpa_book *book)
{
    return book->features & (1ULL << VIRTIO_F_IOMMU_PLATFORM);
}

/* Finds packed ring 'i' of connection 'vid'.  Behind an IOMMU only the library
 * can, once it has been told all of its addresses; returns false before. */
static bool
find_place(const struct dpdk_vdpa_book *book, int vid, unsigned int i,
           struct place *place)
{
    const struct dpdk_vdpa_book_ring *ring = &book->rings[i];
    struct rte_vhost_vring vring;

    if (!has_iommu(book)) {
        struct dpdk_vdpa_book_areas areas = dpdk_vdpa_book_areas(
            book->features, ring->size);

        place->desc = dpdk_vdpa_book_at(book, ring->desc, areas.desc);
        place->avail = dpdk_vdpa_book_at(book, ring->avail, areas.avail);
        place->used = dpdk_vdpa_book_at(book, ring->used, areas.used);
        return true;
    }
    if (!book->has_memory || rte_vhost_get_vhost_vring(vid, i, &vring)) {
        return false;
    }
    place->desc = vring.desc_packed;
    place->avail = vring.driver_event;
    place->used = vring.device_event;
    return place->desc && place->avail && place->used;
}

/* Returns the guest's physical address of what we have at 'p'. */
static uint64_t
guest_address(const struct dpdk_vdpa_book *book, const void *p)
{
    for (unsigned int i = 0; p && i < book->memory.n; i++) {
        const struct dpdk_vdpa_book_region *region = &book->memory.regions[i];
        uint64_t ofs = (uintptr_t) p - region->host;

        if (ofs < region->size) {
            return region->guest + ofs;
        }
    }
    return UINT64_MAX;
}

/* Fills in what tells a ring from any other: the file of the memory that it is
 * in, where it is in that, and how long it is.  And where the front-end says
 * that it begins. */
static void
note_identify(struct dpdk_vdpa_note *note, const struct dpdk_vdpa_book *book,
              const struct dpdk_vdpa_book_ring *ring,
              const struct place *place)
{
    note->dev = book->memory.file.dev;
    note->ino = book->memory.file.ino;
    note->memory_size = book->memory.file.size;
    note->desc = guest_address(book, place->desc);
    note->avail = guest_address(book, place->avail);
    note->used = guest_address(book, place->used);
    note->base = (uint16_t) ring->base;
    note->size = ring->size;
}

/* What has no file is like nothing else. */
static bool
is_same_ring(const struct dpdk_vdpa_note *a, const struct dpdk_vdpa_note *b)
{
    return (a->ino && a->ino == b->ino && a->dev == b->dev
            && a->memory_size == b->memory_size && a->desc == b->desc
            && a->avail == b->avail && a->used == b->used
            && a->size == b->size);
}

/* What the front-end did meanwhile.
 *
 * While nobody serves its guest, QEMU gives back at once what the guest sends
 * (virtio_net_drop_tx_queue_data()), from where it believes the ring to be: of
 * a packed ring that is where it said last that it begins, whatever a device
 * has processed since.  The guest may just have offered something there for
 * the next round.  That then is given back out of turn, the ring begins behind
 * it for QEMU, and a device that got there would wait for ever. */

/* Returns how many descriptors lie from 'a' to 'b'. */
static unsigned int
distance(uint16_t a, uint16_t b, uint16_t size)
{
    unsigned int from = (a & ~PACKED_WRAP) + (a & PACKED_WRAP ? size : 0);
    unsigned int to = (b & ~PACKED_WRAP) + (b & PACKED_WRAP ? size : 0);

    return (to + 2 * size - from) % (2 * size);
}

static bool
is_on_offer(const struct vring_packed_desc *descs, uint16_t pos)
{
    return packed_flags_are_avail(descs[pos & ~PACKED_WRAP].flags, pos);
}

static bool
is_given_back(const struct vring_packed_desc *descs, uint16_t pos)
{
    return packed_flags_are_used(descs[pos & ~PACKED_WRAP].flags, pos);
}

/* Returns true if the guest offers all that lies from 'pos' to 'end'. */
static bool
is_offered(const struct vring_packed_desc *descs, uint16_t size, uint16_t pos,
           uint16_t end)
{
    while (pos != end && is_on_offer(descs, pos)) {
        pos = packed_advance(pos, 1, size);
    }
    return pos == end;
}

/* Has the guest offer again, to a device that gets there, what was given back
 * from 'pos' to 'end', all but perhaps the first buffers.  Which descriptors
 * belong together still shows, as only the first of each buffer was given
 * back.  What they were is lost: each buffer is a header without a frame now,
 * which a device drops, while it may take offence at one without a header. */
static void
offer_again(struct vring_packed_desc *descs, uint16_t size, uint16_t pos,
            uint16_t end)
{
    while (pos != end && !is_given_back(descs, pos)) {
        pos = packed_advance(pos, 1, size);
    }
    while (pos != end) {
        struct vring_packed_desc *d = &descs[pos & ~PACKED_WRAP];
        bool is_first = is_given_back(descs, pos);

        d->len = is_first ? sizeof(struct virtio_net_hdr_mrg_rxbuf) : 0;
        pos = packed_advance(pos, 1, size);
        if (is_first) {
            d->flags = ((d->flags & PACKED_AVAIL ? PACKED_AVAIL : PACKED_USED)
                        | (pos == end || is_given_back(descs, pos)
                           ? 0 : VRING_DESC_F_NEXT));
        }
    }
}

/* Returns true if the ring that 'note' is about can begin at 'base' now. */
static bool
can_begin_at(const struct dpdk_vdpa_note *note, uint16_t base)
{
    return ((note->base & ~PACKED_WRAP) < note->size
            && (base & ~PACKED_WRAP) < note->size
            && distance(note->base, base, note->size) <= note->size);
}

/* Nobody noted how far the ring is that 'note' is about: has what was given
 * back out of turn be on offer again, if what comes before it is. */
static void
ring_mend(const struct dpdk_vdpa_note *note, struct vring_packed_desc *descs,
          uint16_t base)
{
    uint16_t was = note->base;
    uint16_t before = packed_advance(was, note->size - 1, note->size)
                      ^ PACKED_WRAP;

    if (is_on_offer(descs, before)) {
        offer_again(descs, note->size, was, base);
    }
}

/* Returns true if the ring has been processed beyond 'base', up to 'pos',
 * though the front-end believes that it begins there.  What the front-end gave
 * back before 'base' was what it took for a buffer: the rest of one of several
 * descriptors, of which only the first shows that it was given back; or else
 * the first one of a burst of the library's, which gives that back at last.
 * What follows was given back in this round then, and is so still, or it is on
 * offer for the next round, as are those at 'pos' for this one. */
static bool
ring_has_passed(const struct dpdk_vdpa_note *note,
                const struct vring_packed_desc *descs, uint16_t base,
                uint16_t pos)
{
    return (distance(note->base, pos, note->size) <= note->size
            && (is_given_back(descs, base)
                || (!is_on_offer(descs, base) && is_on_offer(descs, pos))));
}

/* Corrects '*pos', where the ring is by what 'note' says, by what was given
 * back since at 'note->base': if it was '*pos''s turn the ring is behind that,
 * else it is on offer again.  Returns false if it cannot be this ring. */
static bool
ring_amend(const struct dpdk_vdpa_note *note, struct vring_packed_desc *descs,
           uint16_t base, uint16_t *pos)
{
    uint16_t was = note->base;
    uint16_t size = note->size;
    unsigned int n = distance(was, base, size);

    if (distance(was, *pos, size) <= n) {
        *pos = base;
    } else if (ring_has_passed(note, descs, base, *pos)) {
        return true;
    } else if (distance(*pos, was, size) + n > size
               || !is_offered(descs, size, *pos, was)) {
        return false;
    } else {
        offer_again(descs, size, was, base);
    }
    return true;
}

/* Where it goes on. */

/* Returns null if a device has ever processed the ring at 'descs', which
 * 'note' is about, and may be at 'pos'; else why not.  The front-end says that
 * it begins at 'base'; that of a new one does so at its beginning.
 *
 * A driver sets the descriptors to zero before the first one, and sets the
 * flag USED only after a device has been round; none has it at the beginning,
 * or if each was offered again after an even number of rounds, all but the
 * rest of a buffer that lies across the end of the ring.  What the
 * device would look at next cannot have been given back in this round, and
 * what it passed last cannot still be as it was given back in the round
 * before. */
static const char *
why_implausible(const struct dpdk_vdpa_note *note,
                struct vring_packed_desc *descs, uint16_t base,
                uint16_t pos)
{
    uint16_t size = note->size;
    uint16_t i = pos & ~PACKED_WRAP;
    uint16_t last = i ? pos - 1 : (pos ^ PACKED_WRAP) | (size - 1);
    bool is_used = (base != PACKED_WRAP || pos == PACKED_WRAP
                    || note->first == dpdk_vdpa_note_first(&descs[0]));

    if (i >= size) {
        return "the notes lead behind the end of the ring";
    }
    for (unsigned int j = 0; j < size; j++) {
        is_used |= descs[j].flags & PACKED_USED;
    }
    return (!is_used ? "no device has processed the ring since it was set up"
            : is_given_back(descs, pos)
            ? "the ring has been processed further than noted"
            : is_given_back(descs, last ^ PACKED_WRAP)
            ? "the ring has not been processed as far as noted" : NULL);
}

/* The last walk went from one end of 'span' to the other, or part of the way,
 * over buffers of one descriptor each, or over a single one. */
static bool
find_in_span(uint32_t span, const struct vring_packed_desc *descs,
             uint16_t size, uint16_t *pos)
{
    uint16_t end = span >> 16;

    *pos = span & ~DPDK_VDPA_NOTE_CHAIN;
    if ((*pos & ~PACKED_WRAP) >= size || (end & ~PACKED_WRAP) >= size) {
        return false;
    }
    if (span & DPDK_VDPA_NOTE_CHAIN) {
        *pos = is_on_offer(descs, *pos) ? *pos : end;
        return true;
    }
    for (int n = 0; n < size; n++) {
        if (*pos == end || is_on_offer(descs, *pos)) {
            return true;
        }
        *pos = packed_advance(*pos, 1, size);
    }
    return false;
}

/* Nobody noted anything.  If each buffer is of one descriptor, which is so for
 * a guest with indirect tables, the flag USED of what was passed in this round
 * is the wrap counter, and that of the rest is not.  Returns false if what the
 * ring shows is something else. */
static bool
find_in_ring(const struct vring_packed_desc *descs, uint16_t size,
             uint16_t *pos)
{
    bool wrap = descs[0].flags & PACKED_USED;
    uint16_t n = 0;

    while (n < size && !!(descs[n].flags & PACKED_USED) == wrap) {
        n++;
    }
    for (uint16_t i = n; i < size; i++) {
        if (!!(descs[i].flags & PACKED_USED) == wrap) {
            return false;
        }
    }
    *pos = packed_advance(wrap ? PACKED_WRAP : 0, n, size);
    return true;
}

/* Stores in '*pos' how far the ring at 'descs' has been processed, by what is
 * noted in '*note' and '*undo', if the front-end says that it begins at
 * 'base'.  Returns false if that cannot be told. */
static bool
note_read(const struct dpdk_vdpa_note *note,
          const struct dpdk_vdpa_undo *undo, struct vring_packed_desc *descs,
          uint16_t base, uint16_t *pos)
{
    if (note->n_undo) {
        return dpdk_vdpa_undo_burst(undo, note->n_undo, descs, note->size,
                                    pos);
    } else if (note->state == DPDK_VDPA_NOTE_EXACT) {
        return find_in_span(note->span, descs, note->size, pos);
    }
    ring_mend(note, descs, base);
    return find_in_ring(descs, note->size, pos);
}

/* Stores in '*pos' where ring 'i', which the notes are about, is to go on, the
 * descriptors being at 'descs' and the front-end saying that it begins at
 * 'base'.  Returns null, or why that cannot be told. */
static const char *
ring_find(const struct dpdk_vdpa_notes *notes, unsigned int i,
          struct vring_packed_desc *descs, uint16_t base, uint16_t *pos)
{
    const struct dpdk_vdpa_note *note = &notes->rings[i];

    if (!descs) {
        return "the ring is not in the guest's memory";
    } else if (!can_begin_at(note, base)) {
        return "the notes are about a ring that began elsewhere";
    } else if (!note_read(note, &notes->undos[i], descs, base, pos)) {
        return (note->state == DPDK_VDPA_NOTE_EXACT || note->n_undo
                ? "the notes are not about a ring of this length"
                : "nobody noted anything, and there are buffers of several "
                  "descriptors");
    } else if (base != note->base && !ring_amend(note, descs, base, pos)) {
        return "the notes are about a ring that began elsewhere";
    }
    return why_implausible(note, descs, base, *pos);
}

/* Returns a copy of the ring of 'size' descriptors at 'descs', or null if that
 * is null.  The caller must free it. */
static struct vring_packed_desc *
ring_copy(struct vring_packed_desc *descs, uint16_t size)
{
    struct vring_packed_desc *copy;

    if (!descs) {
        return NULL;
    }
    copy = xcalloc(size, sizeof *copy);
    for (unsigned int i = 0; i < size; i++) {
        uint64_t half = __atomic_load_n(packed_second_half(&descs[i]),
                                        __ATOMIC_ACQUIRE);

        *packed_second_half(&copy[i]) = half;
        copy[i].addr = descs[i].addr;
    }
    return copy;
}

/* Writes to the ring at 'descs', which was as 'old', what is other in 'new',
 * from 'pos' on: should the process end, the next one finds the rest to do. */
static void
ring_write(struct vring_packed_desc *descs, struct vring_packed_desc *old,
           struct vring_packed_desc *new, uint16_t size, uint16_t pos)
{
    for (unsigned int n = 0; n < size; n++) {
        uint16_t i = pos & ~PACKED_WRAP;
        uint64_t half = *packed_second_half(&new[i]);

        if (half != *packed_second_half(&old[i])) {
            __atomic_store_n(packed_second_half(&descs[i]), half,
                             __ATOMIC_RELEASE);
        }
        pos = packed_advance(pos, 1, size);
    }
}

/* Has ring 'i', which the notes are about, go on where it was.  Until that is
 * clear nothing is changed in the ring, which may be a new driver's.  Nor is
 * there anything to change if the front-end has come by since.  Returns false
 * if it is not going on. */
static bool
ring_restore(const struct dpdk_vdpa_notes *notes,
             const struct dpdk_vdpa_book *book, int vid, unsigned int i,
             struct vring_packed_desc *descs)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 600);
    const struct dpdk_vdpa_note *note = &notes->rings[i];
    struct vring_packed_desc *old = ring_copy(descs, note->size);
    struct vring_packed_desc *new = ring_copy(old, note->size);
    uint16_t base = book->rings[i].base;
    uint16_t pos;
    const char *why = ring_find(notes, i, new, base, &pos);

    if (why) {
        VLOG_WARN_RL(&rl, "packed ring %u of connection %d begins at %u as "
                     "the front-end says, for %s", i, vid,
                     base & ~PACKED_WRAP, why);
    } else {
        VLOG_INFO_RL(&rl, "packed ring %u of connection %d goes on from %u "
                     "(the front-end says %u)", i, vid, pos & ~PACKED_WRAP,
                     base & ~PACKED_WRAP);
        if (base == note->base || pos != base) {
            ring_write(descs, old, new, note->size, pos);
        }
        rte_vhost_set_vring_base(vid, i, pos, pos);
    }
    free(old);
    free(new);
    return !why;
}

/* Notes. */

/* Notes how far the library has processed ring 'i'. */
static void
note_position(struct dpdk_vdpa_notes *notes, int vid, unsigned int i)
{
    uint16_t avail, used;

    if (!rte_vhost_get_vring_base(vid, i, &avail, &used)) {
        dpdk_vdpa_note_set_exact(&notes->rings[i], used);
    }
}

void
dpdk_vdpa_positions_forget(struct dpdk_vdpa_notes *notes, unsigned int i)
{
    dpdk_vdpa_note_set_state(&notes->rings[i], DPDK_VDPA_NOTE_NONE);
    dpdk_vdpa_note_set_undo(&notes->rings[i], 0);
    notes->rings[i].first = 0;
}

void
dpdk_vdpa_positions_save(struct dpdk_vdpa_notes *notes,
                         const struct dpdk_vdpa_book *book, int vid)
{
    for (unsigned int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        if (is_packed(book) && book->rings[i].is_placed
            && notes->rings[i].state != DPDK_VDPA_NOTE_NONE) {
            note_position(notes, vid, i);
        }
    }
}

bool
dpdk_vdpa_positions_begin(struct dpdk_vdpa_notes *notes,
                          const struct dpdk_vdpa_book *book, int vid,
                          unsigned int i, bool hw)
{
    struct dpdk_vdpa_note *note = &notes->rings[i];
    struct dpdk_vdpa_note now;
    struct place place;

    if (!is_packed(book)) {
        dpdk_vdpa_positions_forget(notes, i);
        return true;
    } else if (!find_place(book, vid, i, &place)) {
        return false;
    }
    /* Should the process end here, the next one needs what this one found. */
    note_identify(&now, book, &book->rings[i], &place);
    if (note->state == DPDK_VDPA_NOTE_NONE || !is_same_ring(&now, note)
        || !ring_restore(notes, book, vid, i, place.desc)) {
        dpdk_vdpa_positions_forget(notes, i);
    }
    note_identify(note, book, &book->rings[i], &place);
    note_position(notes, vid, i);
    if (hw) {
        dpdk_vdpa_note_set_state(note, DPDK_VDPA_NOTE_UNKNOWN);
    }
    return true;
}
