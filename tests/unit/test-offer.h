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

#ifndef TEST_OFFER_H
#define TEST_OFFER_H 1

/* Buffers that a guest offers which are not the rule: of several descriptors,
 * or with an indirect table; and what no guest should offer. */

#include "tests/unit/ring-fixture.h"

/* Most descriptors of a packet that are walked. */
#define OFFER_MAX_PARTS 256

/* A buffer in several parts. */
struct offer {
    const char *what;
    bool indirect;
    unsigned int n;
    struct {
        uint64_t addr;
        uint32_t len;
        uint16_t flags;
    } parts[OFFER_MAX_PARTS + 1];
};

/* Where an indirect table is. */
#define TABLE guest_buf(150)

static inline void
offer_set_part(struct guest *g, unsigned int i, const struct offer *o,
               void *table, uint16_t id)
{
    uint16_t flags = o->parts[i].flags;

    flags |= i + 1 < o->n ? VRING_DESC_F_NEXT : 0;
    if (g->packed && table) {
        struct vring_packed_desc *d = (struct vring_packed_desc *) table + i;

        d->addr = o->parts[i].addr;
        d->len = o->parts[i].len;
        d->flags = flags;       /* Of which NEXT says nothing there. */
    } else if (!g->packed) {
        struct vring_desc *d = table ? (struct vring_desc *) table + i
                               : &g->desc[(id + i) % g->size];

        d->addr = o->parts[i].addr;
        d->len = o->parts[i].len;
        d->flags = flags;
        d->next = table ? i + 1 : (id + i + 1) % g->size;
    }
}

/* Offers 'o' as the guest's next buffer, its table, if it has one, being at
 * 'addr'. */
static inline void
offer_at(struct fixture *f, const struct offer *o, uint64_t addr)
{
    struct guest *g = &f->guest;
    uint16_t id = guest_id(g, g->n_offered);
    void *table = o->indirect ? guest_at(g, addr) : NULL;
    unsigned int n_slots = g->packed && !table ? o->n : 1;

    for (unsigned int i = 0; i < o->n; i++) {
        offer_set_part(g, i, o, table, id);
    }
    if (table) {
        guest_offer_as(g, addr, o->n * 16, VRING_DESC_F_INDIRECT, id);
    } else if (!g->packed) {
        g->avail->ring[g->next_offer & (g->size - 1)] = id;
        g->avail->idx = ++g->next_offer;
        g->n_offered++;
    } else {
        /* As guest_offer_as() would have it, but the first one last. */
        uint16_t first = g->next_offer;

        for (unsigned int i = n_slots; i--; ) {
            g->next_offer = guest_advance(g, first, i);
            guest_offer_as(g, o->parts[i].addr, o->parts[i].len,
                           (o->parts[i].flags
                            | (i + 1 < n_slots ? VRING_DESC_F_NEXT : 0)), id);
            g->n_offered--;
        }
        g->next_offer = guest_advance(g, first, n_slots);
        g->n_offered++;
    }
}

static inline void
offer(struct fixture *f, const struct offer *o)
{
    offer_at(f, o, TABLE);
}

/* Has the guest begin anew, having offered nothing. */
static inline void
start_over(struct fixture *f)
{
    guest_reset(&f->guest, f->ring.next_avail);
}

/* Writes packet 'serial' behind an empty header to where 'o' is. */
static inline void
offer_fill(struct fixture *f, const struct offer *o, unsigned int serial)
{
    unsigned int ofs = 0;

    for (unsigned int i = 0; i < o->n; i++) {
        for (uint32_t j = 0; j < o->parts[i].len; j++, ofs++) {
            *guest_at(&f->guest, o->parts[i].addr + j)
                = ofs < f->header_len ? 0
                  : guest_pattern(serial, ofs - f->header_len);
        }
    }
}

static const struct offer broken_offers[] = {
    { "no memory", false, 1, { { 0xdeadbeef000, 100, 0 } } },
    { "part of it no memory", false, 2,
      { { GUEST_START, 100, 0 }, { GUEST_END - 8, 100, 0 } } },
    { "wraps", false, 1, { { UINT64_MAX - 10, 100, 0 } } },
    { "nested tables", true, 1,
      { { GUEST_START, 160, VRING_DESC_F_INDIRECT } } },
    { "part of a table no memory", true, 2,
      { { GUEST_START, 100, 0 }, { GUEST_END, 8, 0 } } },
    { "table nowhere", false, 1,
      { { GUEST_END - 16, 32, VRING_DESC_F_INDIRECT } } },
    { "odd table", false, 1, { { GUEST_START, 17, VRING_DESC_F_INDIRECT } } },
    { "empty table", false, 1, { { GUEST_START, 0, VRING_DESC_F_INDIRECT } } },
    { "unaligned table", false, 1,
      { { GUEST_START + 1, 16, VRING_DESC_F_INDIRECT } } },
    { "table with more behind it", false, 2,
      { { GUEST_START, 16, VRING_DESC_F_INDIRECT }, { GUEST_START, 16, 0 } } },
    { "table in a chain with more behind it", false, 3,
      { { GUEST_START, 16, 0 }, { GUEST_START, 16, VRING_DESC_F_INDIRECT },
        { GUEST_START, 16, 0 } } },
    { "two tables", false, 2,
      { { GUEST_START, 16, VRING_DESC_F_INDIRECT },
        { GUEST_START, 16, VRING_DESC_F_INDIRECT } } },
};

#endif /* test-offer.h */
