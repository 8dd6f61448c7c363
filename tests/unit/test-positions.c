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

/* Unit tests of where packed rings go on, and of whether they do. */

#include <config.h>

#include <rte_config.h>
#include <rte_vhost.h>

static int script_get_base(int vid, uint16_t i, uint16_t *avail,
                           uint16_t *used);
static int script_set_base(int vid, uint16_t i, uint16_t avail, uint16_t used);
static int script_get_vring(int vid, uint16_t i, struct rte_vhost_vring *);

#define rte_vhost_get_vring_base script_get_base
#define rte_vhost_set_vring_base script_set_base
#define rte_vhost_get_vhost_vring script_get_vring

/* What is logged. */
#include <stdarg.h>
#include <stdio.h>

#include "openvswitch/vlog.h"

#undef VLOG_INFO_RL
#undef VLOG_WARN_RL

static char said[256];
static unsigned int n_said;

#define VLOG_INFO_RL(RL, ...) said_set(RL, "INFO: " __VA_ARGS__)
#define VLOG_WARN_RL(RL, ...) said_set(RL, "WARN: " __VA_ARGS__)

static void OVS_PRINTF_FORMAT(2, 3)
said_set(struct vlog_rate_limit *rl OVS_UNUSED, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(said, sizeof said, format, args);
    va_end(args);
    n_said++;
}

#include "lib/vhost/positions.c"

#include <setjmp.h>

#include <cmocka.h>

#define VID 3
#define SIZE 256
#define BASE PACKED_WRAP        /* Where the front-end says it begins. */
#define POS (100 | PACKED_WRAP) /* Where the ring was when its end came. */
#define USER 0x7f0000000000ULL
#define F_PACKED (1ULL << VIRTIO_F_RING_PACKED)

/* The guest's memory, which the front-end has at USER. */
static union {
    struct vring_packed_desc desc[SIZE];
    uint8_t bytes[4 * SIZE * sizeof(struct vring_packed_desc)];
} memory;

static struct dpdk_vdpa_notes notes;
static uint16_t base;           /* The library's. */
static struct rte_vhost_vring vring;    /* As the library has ring 1. */

static int
script_get_base(int vid, uint16_t i, uint16_t *avail, uint16_t *used)
{
    assert_int_equal(vid, VID);
    assert_int_equal(i, 1);
    *avail = *used = base;
    return 0;
}

static int
script_set_base(int vid, uint16_t i, uint16_t avail, uint16_t used)
{
    assert_int_equal(vid, VID);
    assert_int_equal(i, 1);
    assert_int_equal(avail, used);
    base = avail;
    return 0;
}

static int
script_get_vring(int vid, uint16_t i, struct rte_vhost_vring *to)
{
    assert_int_equal(vid, VID);
    assert_int_equal(i, 1);
    *to = vring;
    return 0;
}

/* A connection with ring 1 started. */
static struct dpdk_vdpa_book
make_book(void)
{
    struct dpdk_vdpa_book book;
    struct dpdk_vdpa_book_ring *ring = &book.rings[1];

    dpdk_vdpa_book_init(&book, false);
    book.features = F_PACKED;
    book.has_memory = true;
    book.memory.n = 1;
    book.memory.file.dev = 1;
    book.memory.file.ino = 2;
    book.memory.file.size = 3;
    book.memory.regions[0].user = USER;
    book.memory.regions[0].host = (uintptr_t) &memory;
    book.memory.regions[0].size = sizeof memory;
    ring->size = SIZE;
    ring->base = BASE;
    ring->is_started = ring->is_placed = true;
    ring->desc = USER;
    ring->avail = USER + sizeof memory.desc;
    ring->used = USER + 2 * sizeof memory.desc;
    return book;
}

/* A ring that has been processed as far as 'pos', with 'n' more on offer. */
static void
ring_fill(uint16_t pos, unsigned int n)
{
    bool wrap = pos & PACKED_WRAP;

    for (unsigned int i = 0; i < SIZE; i++) {
        bool passed = i < (pos & ~PACKED_WRAP);

        memory.desc[i].flags = (passed == wrap ? PACKED_AVAIL | PACKED_USED
                                : 0);
    }
    for (; n; n--, pos = packed_advance(pos, 1, SIZE)) {
        memory.desc[pos & ~PACKED_WRAP].flags
            = pos & PACKED_WRAP ? PACKED_AVAIL : PACKED_USED;
    }
}

/* Has ring 1 of 'book' start.  Returns where. */
static uint16_t
begin(const struct dpdk_vdpa_book *book)
{
    base = book->rings[1].base;
    said[0] = '\0';
    n_said = 0;
    assert_true(dpdk_vdpa_positions_begin(&notes, book, VID, 1, false));

    /* Notes are about this ring from now on. */
    if (book->features & F_PACKED) {
        assert_int_equal(notes.rings[1].state, DPDK_VDPA_NOTE_EXACT);
        assert_int_equal(notes.rings[1].span, dpdk_vdpa_note_span(base, base));
    } else {
        assert_int_equal(notes.rings[1].state, DPDK_VDPA_NOTE_NONE);
    }
    return base;
}

/* Checks that one thing was logged, which ends with 'end'. */
static void
check_said(const char *end)
{
    assert_int_equal(n_said, 1);
    assert_true(strlen(said) >= strlen(end));
    assert_string_equal(said + strlen(said) - strlen(end), end);
}

/* Checks that the notes were refused, and that was said. */
static void
check_refused(const char *why)
{
    check_said(why);
    assert_memory_equal(said, "WARN: packed ring 1 of connection 3 begins at "
                        "0 as the front-end says, for ", 75);
}

/* A ring that was processed until the process ended. */
static void
live_and_die(const struct dpdk_vdpa_book *book)
{
    memset(&notes, 0, sizeof notes);
    ring_fill(BASE, 0);
    assert_int_equal(begin(book), book->rings[1].base);
    notes.rings[1].span = dpdk_vdpa_note_span(POS, POS);
    ring_fill(POS, 10);
}

static int
setup(void **state)
{
    static struct dpdk_vdpa_book book;

    book = make_book();
    live_and_die(&book);
    *state = &book;
    return 0;
}

static void
test_same(void **state)
{
    struct dpdk_vdpa_book *book = *state;

    assert_int_equal(begin(book), POS);
    check_said("INFO: packed ring 1 of connection 3 goes on from 100 (the "
               "front-end says 0)");

    /* Again, if nobody did anything meanwhile. */
    assert_int_equal(begin(book), POS);
}

/* A burst that did all, or part, of what it was about to do. */
static void
test_span(void **state)
{
    for (unsigned int n = 0; n <= 8; n++) {
        uint16_t end = packed_advance(POS, 8, SIZE);
        uint16_t pos = packed_advance(POS, n, SIZE);

        notes.rings[1].span = dpdk_vdpa_note_span(POS, end);
        ring_fill(pos, 20);
        assert_int_equal(begin(*state), pos);
    }

    /* At the end of the ring; and the guest has offered some again. */
    notes.rings[1].span = dpdk_vdpa_note_span(255 | PACKED_WRAP, 0);
    ring_fill(0, 256);
    assert_int_equal(begin(*state), 0);
}

/* A buffer of several descriptors, of which only the first one tells whether
 * it was given back. */
static void
test_chain(void **state)
{
    static const uint16_t begins[] = {
        POS, 100, BASE, SIZE - 1, BASE | (SIZE - 1), BASE | (SIZE - 3),
    };

    for (int i = 0; i < ARRAY_SIZE(begins); i++) {
        uint16_t first = begins[i];
        uint16_t end = packed_advance(first, 5, SIZE);
        struct vring_packed_desc *d = &memory.desc[first & ~PACKED_WRAP];

        notes.rings[1].span
            = dpdk_vdpa_note_span(first | DPDK_VDPA_NOTE_CHAIN, end);
        ring_fill(first, 10);
        assert_int_equal(begin(*state), first);

        notes.rings[1].span
            = dpdk_vdpa_note_span(first | DPDK_VDPA_NOTE_CHAIN, end);
        d->flags = first & PACKED_WRAP ? PACKED_AVAIL | PACKED_USED : 0;
        dpdk_vdpa_note_round(&notes.rings[1], memory.desc, first, end);
        assert_int_equal(begin(*state), end);
    }
}

/* A buffer lay across the end of the ring, after an even number of rounds: no
 * flag shows that a device has been round, whether the guest has offered all
 * again or not. */
static void
test_chain_across(void **state)
{
    struct dpdk_vdpa_book *book = *state;
    uint16_t end = 4 | PACKED_WRAP;

    memory.desc[0].addr = 0x1000;
    for (int all = 0; all < 2; all++) {
        live_and_die(book);
        ring_fill(PACKED_WRAP, SIZE);
        memory.desc[SIZE - 1].flags = all ? PACKED_AVAIL : 0;
        dpdk_vdpa_note_round(&notes.rings[1], memory.desc, SIZE - 1, end);
        notes.rings[1].span = dpdk_vdpa_note_span(
            (SIZE - 1) | DPDK_VDPA_NOTE_CHAIN, end);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(begin(book), end);
            dpdk_vdpa_positions_save(&notes, book, VID);
        }
    }

    /* A new driver has offered something else there. */
    memory.desc[0].addr = 0x2000;
    assert_int_equal(begin(book), BASE);
    check_refused("no device has processed the ring since it was set up");
    memory.desc[0].addr = 0;
}

/* The library was in the middle of a burst. */
static void
test_undo(void **state)
{
    struct dpdk_vdpa_undo *undo = &notes.undos[1];

    undo->begin = POS;
    undo->lens[0] = undo->lens[1] = 1;
    undo->halves[1] = (uint64_t) PACKED_AVAIL << PACKED_FLAGS_SHIFT | 77;
    notes.rings[1].n_undo = 2;
    ring_fill(POS, 10);
    memory.desc[100].flags = memory.desc[101].flags
        = PACKED_AVAIL | PACKED_USED;
    memory.desc[101].flags = PACKED_AVAIL;
    assert_int_equal(begin(*state), POS + 1);
    assert_int_equal(memory.desc[101].len, 77);
    assert_int_equal(notes.rings[1].n_undo, 0);
}

/* The guest has offered what is from 'pos', 250 of one round say, to 10 of the
 * next, where the front-end believes the ring to begin, and has given back
 * what it finds there.  The buffer at 3 is of three descriptors. */
#define OLD_POS 250
#define NEW_BASE (10 | PACKED_WRAP)

static void
front_end_gives_back(struct dpdk_vdpa_book *book, uint16_t pos)
{
    book->rings[1].base = BASE;
    live_and_die(book);
    ring_fill(pos, 10 + (pos & PACKED_WRAP ? 0 : SIZE - pos));
    for (int i = 0; i < SIZE; i++) {
        memory.desc[i].len = 100 + i;
    }
    for (int i = 0; i < 10; i++) {
        bool is_first = i != 4 && i != 5;

        memory.desc[i].flags = (is_first ? PACKED_AVAIL | PACKED_USED
                                : i == 4 ? PACKED_AVAIL | VRING_DESC_F_NEXT
                                : PACKED_AVAIL);
        memory.desc[i].len = is_first ? 0 : 100 + i;
    }
    book->rings[1].base = NEW_BASE;
}

/* Checks that descriptors 'first' to 9 are on offer again, with headers and
 * nothing else. */
static void
check_offered_again(unsigned int first)
{
    for (unsigned int i = first; i < 10; i++) {
        bool has_next = i == 3 || i == 4;

        assert_int_equal(memory.desc[i].flags,
                         PACKED_AVAIL | (has_next ? VRING_DESC_F_NEXT : 0));
        assert_int_equal(memory.desc[i].len, i == 4 || i == 5 ? 0 : 12);
    }
    assert_int_equal(memory.desc[10].len, 110);
    assert_int_equal(memory.desc[255].len, 355);
}

static void
test_out_of_turn(void **state)
{
    struct dpdk_vdpa_book *book = *state;
    struct dpdk_vdpa_undo *undo = &notes.undos[1];

    front_end_gives_back(book, OLD_POS);
    notes.rings[1].span = dpdk_vdpa_note_span(OLD_POS, OLD_POS);
    assert_int_equal(begin(book), OLD_POS);
    check_said("goes on from 250 (the front-end says 10)");
    check_offered_again(0);

    /* It happens again before anybody processes anything. */
    assert_int_equal(begin(book), OLD_POS);
    check_offered_again(0);

    /* A walk was under way that leads there. */
    front_end_gives_back(book, OLD_POS + 2);
    notes.rings[1].span = dpdk_vdpa_note_span(OLD_POS, 8 | PACKED_WRAP);
    assert_int_equal(begin(book), OLD_POS + 2);
    check_offered_again(0);

    /* So was a burst of the library's; that has notes of what is there. */
    front_end_gives_back(book, OLD_POS + 2);
    undo->begin = OLD_POS;
    for (int i = 0; i < 8; i++) {
        undo->lens[i] = 1;
        undo->halves[i] = (uint64_t) (i < 6 ? PACKED_USED : PACKED_AVAIL)
                          << PACKED_FLAGS_SHIFT | (350 + i);
    }
    notes.rings[1].n_undo = 8;
    assert_int_equal(begin(book), OLD_POS + 2);
    assert_int_equal(memory.desc[0].len, 356);
    assert_int_equal(memory.desc[1].len, 357);
    check_offered_again(2);

    /* Nobody noted where a device was; each buffer is of one descriptor. */
    front_end_gives_back(book, OLD_POS);
    memory.desc[4].flags = memory.desc[5].flags = PACKED_AVAIL | PACKED_USED;
    notes.rings[1].state = DPDK_VDPA_NOTE_UNKNOWN;
    assert_int_equal(begin(book), OLD_POS);
    assert_int_equal(memory.desc[3].flags, PACKED_AVAIL);
    check_offered_again(6);
}

/* The ring was where the front-end believes it to be. */
static void
test_in_turn(void **state)
{
    struct dpdk_vdpa_book *book = *state;

    for (int i = 0; i < 4; i++) {
        struct vring_packed_desc before[10];

        front_end_gives_back(book, BASE);
        if (i == 3) {           /* The guest has offered some again. */
            memory.desc[0].flags = memory.desc[1].flags = PACKED_USED;
        }
        notes.rings[1].span = dpdk_vdpa_note_span(i == 1 ? OLD_POS : BASE,
                                                  i == 1 ? NEW_BASE + 5
                                                  : BASE);
        if (i == 2) {
            memory.desc[4].flags = memory.desc[5].flags
                = PACKED_AVAIL | PACKED_USED;
            notes.rings[1].state = DPDK_VDPA_NOTE_UNKNOWN;
        }
        memcpy(before, memory.desc, sizeof before);
        assert_int_equal(begin(book), NEW_BASE);
        check_said("goes on from 10 (the front-end says 10)");
        assert_memory_equal(before, memory.desc, sizeof before);
    }
}

/* The notes are not about the ring that the front-end gave something back
 * of. */
static void
test_never_given_back(void **state)
{
    struct dpdk_vdpa_book *book = *state;
    static const uint16_t positions[] = { 100, 100 | PACKED_WRAP, SIZE - 1 };
    static const uint16_t bases[] = { SIZE, SIZE | PACKED_WRAP, 1 };

    for (int i = 0; i < ARRAY_SIZE(positions); i++) {
        struct vring_packed_desc before[10];

        front_end_gives_back(book, BASE);
        ring_fill(NEW_BASE, SIZE - 10);         /* Of a new driver's. */
        notes.rings[1].span = dpdk_vdpa_note_span(positions[i], positions[i]);
        memcpy(before, memory.desc, sizeof before);
        assert_int_equal(begin(book), NEW_BASE);
        check_said("the notes are about a ring that began elsewhere");
        assert_memory_equal(before, memory.desc, sizeof before);
    }
    for (int i = 0; i < ARRAY_SIZE(bases); i++) {
        front_end_gives_back(book, OLD_POS);
        notes.rings[1].span = dpdk_vdpa_note_span(OLD_POS, OLD_POS);
        book->rings[1].base = bases[i];
        assert_int_equal(begin(book), bases[i]);
        check_said("the notes are about a ring that began elsewhere");
        front_end_gives_back(book, OLD_POS);
        notes.rings[1].base = bases[i];
        assert_int_equal(begin(book), NEW_BASE);
        check_said("the notes are about a ring that began elsewhere");
    }
}

/* Notes a burst of the library's at 'pos' that may use 8 buffers. */
static void
note_burst(uint16_t pos)
{
    struct dpdk_vdpa_undo *undo = &notes.undos[1];

    undo->begin = pos;
    for (int i = 0; i < 8; i++) {
        undo->lens[i] = 1;
        undo->halves[i] = (uint64_t) PACKED_AVAIL << PACKED_FLAGS_SHIFT
                          | (900 + i);
    }
    notes.rings[1].n_undo = 8;
}

/* The library was in the middle of a burst, and another driver has set up a
 * ring at the same place since: nothing of it is changed. */
static void
test_burst_of_another(void **state)
{
    struct dpdk_vdpa_book *book = *state;

    for (int dropped = 0; dropped < 20; dropped += 10) {
        struct vring_packed_desc before[SIZE];

        live_and_die(book);
        note_burst(POS);
        memset(&memory, 0, sizeof memory);
        for (int i = 0; i < SIZE; i++) {
            memory.desc[i].flags = (i < dropped ? PACKED_AVAIL | PACKED_USED
                                    : PACKED_AVAIL);
            memory.desc[i].id = i;
        }
        memcpy(before, memory.desc, sizeof before);
        book->rings[1].base = BASE + dropped;
        assert_int_equal(begin(book), BASE + dropped);
        check_said(dropped
                   ? "the notes are about a ring that began elsewhere"
                   : "no device has processed the ring since it was set up");
        assert_memory_equal(before, memory.desc, sizeof before);
    }
}

/* The library was in the middle of the first burst, and the front-end has
 * given back what it then found at the beginning. */
static void
test_first_burst(void **state)
{
    struct dpdk_vdpa_book *book = *state;
    struct vring_packed_desc before[SIZE];

    /* All of the burst and more, two rounds and three buffers: what is on
     * offer is new. */
    note_burst(BASE);
    ring_fill(BASE + 3, 10);
    book->rings[1].base = BASE + 3;
    memcpy(before, memory.desc, sizeof before);
    assert_int_equal(begin(book), BASE + 3);
    assert_memory_equal(before, memory.desc, sizeof before);

    /* The first buffer only, for the library had given back the next 4. */
    book->rings[1].base = BASE;
    live_and_die(book);
    note_burst(BASE);
    ring_fill(BASE + 5, 10);
    memory.desc[5].len = memory.desc[7].len = 1;
    memory.desc[8].len = 2;
    book->rings[1].base = BASE + 1;
    assert_int_equal(begin(book), BASE + 5);
    assert_int_equal(memory.desc[5].len, 905);
    assert_int_equal(memory.desc[7].len, 907);
    assert_int_equal(memory.desc[8].len, 2);
    assert_int_equal(memory.desc[4].flags, PACKED_AVAIL | PACKED_USED);

    /* The guest has offered these again, behind all that it may before. */
    book->rings[1].base = BASE;
    live_and_die(book);
    note_burst(BASE);
    ring_fill(BASE + 5, SIZE - 3);
    book->rings[1].base = BASE + 1;
    assert_int_equal(begin(book), BASE + 5);
    assert_int_equal(memory.desc[1].flags, PACKED_USED);
}

/* The front-end has taken the rest of a buffer, which was given back, for one
 * that is on offer. */
static void
test_rest_of_chain(void **state)
{
    struct dpdk_vdpa_book *book = *state;

    for (int again = 0; again < 2; again++) {
        book->rings[1].base = BASE + 20;
        live_and_die(book);
        ring_fill(POS, again ? SIZE - 50 : 10);
        memory.desc[20].flags = PACKED_AVAIL | PACKED_USED;
        book->rings[1].base = BASE + 21;
        assert_int_equal(begin(book), POS);
        check_said("goes on from 100 (the front-end says 21)");
    }
}

/* What a device has done cannot be told, nor is it changed. */
static void
test_chains_of_device(void **state)
{
    struct dpdk_vdpa_book *book = *state;
    struct vring_packed_desc before[SIZE];

    front_end_gives_back(book, BASE);
    for (int i = SIZE - 1; i > 10; i -= 50) {   /* With the one before it. */
        memory.desc[i].flags = PACKED_USED;
    }
    notes.rings[1].state = DPDK_VDPA_NOTE_UNKNOWN;
    memcpy(before, memory.desc, sizeof before);
    assert_int_equal(begin(book), NEW_BASE);
    check_said("nobody noted anything, and there are buffers of several "
               "descriptors");
    assert_memory_equal(before, memory.desc, sizeof before);
}

/* Nobody noted where a device was. */
static void
test_device(void **state)
{
    static const uint16_t positions[] = { POS, 100, 255, BASE | 255, 0, 1 };

    for (int i = 0; i < ARRAY_SIZE(positions); i++) {
        notes.rings[1].state = DPDK_VDPA_NOTE_UNKNOWN;
        ring_fill(positions[i], i * 50);
        assert_int_equal(begin(*state), positions[i]);
    }

    /* With chains it cannot be told. */
    notes.rings[1].state = DPDK_VDPA_NOTE_UNKNOWN;
    ring_fill(POS, 10);
    memory.desc[50].flags = PACKED_AVAIL;
    assert_int_equal(begin(*state), BASE);

    base = BASE;
    dpdk_vdpa_positions_begin(&notes, *state, VID, 1, true);
    assert_int_equal(notes.rings[1].state, DPDK_VDPA_NOTE_UNKNOWN);
}

/* Whatever makes it another ring. */
static void
test_other(void **state)
{
    struct dpdk_vdpa_book *old = *state;
    struct dpdk_vdpa_book new;

#define CHECK_OTHER(CHANGE)                                     \
    do {                                                        \
        live_and_die(old);                                      \
        new = *old;                                             \
        CHANGE;                                                 \
        assert_int_equal(begin(&new), new.rings[1].base);       \
    } while (0)

    CHECK_OTHER(new.memory.file.ino++);
    CHECK_OTHER(new.memory.file.dev++);
    CHECK_OTHER(new.memory.file.size++);
    CHECK_OTHER(new.memory.file.ino = 0);
    CHECK_OTHER(new.memory.regions[0].guest += 4096);
    CHECK_OTHER(new.rings[1].size = SIZE / 2);
    CHECK_OTHER(new.rings[1].base ^= PACKED_WRAP);
    CHECK_OTHER(new.rings[1].desc += 16);
    CHECK_OTHER(new.rings[1].avail += 4);
    CHECK_OTHER(new.rings[1].used += 4);
    CHECK_OTHER(new.features = 0);
    CHECK_OTHER(new.has_memory = false);

    /* What has no file is never the same. */
    old->memory.file.ino = 0;
    CHECK_OTHER((void) 0);
}

/* What cannot have been left by who wrote the notes: another driver has set
 * the ring up since, or somebody else wrote them. */
static void
test_implausible(void **state)
{
    struct dpdk_vdpa_book *book = *state;
    uint16_t odd[] = { SIZE, SIZE | PACKED_WRAP, UINT16_MAX };

    memset(&memory, 0, sizeof memory);
    assert_int_equal(begin(book), BASE);
    check_refused("no device has processed the ring since it was set up");
    live_and_die(book);
    ring_fill(BASE, 0);
    assert_int_equal(begin(book), BASE);
    check_refused("no device has processed the ring since it was set up");
    live_and_die(book);
    ring_fill(POS + 1, 10);                     /* It is further. */
    assert_int_equal(begin(book), BASE);
    check_refused("the ring has been processed further than noted");
    live_and_die(book);
    ring_fill(POS & ~PACKED_WRAP, SIZE - 1);    /* In the round before. */
    memory.desc[(POS & ~PACKED_WRAP) - 1].flags = 0;
    assert_int_equal(begin(book), BASE);
    check_refused("the ring has not been processed as far as noted");
    live_and_die(book);
    ring_fill(POS - 1, 0);                      /* It is not so far. */
    assert_int_equal(begin(book), BASE);
    check_refused("");

    for (int i = 0; i < ARRAY_SIZE(odd); i++) {
        live_and_die(book);
        notes.rings[1].span = dpdk_vdpa_note_span(odd[i], odd[i]);
        assert_int_equal(begin(book), BASE);
        check_refused("the notes are not about a ring of this length");
        live_and_die(book);
        notes.rings[1].span = dpdk_vdpa_note_span(POS, odd[i]);
        assert_int_equal(begin(book), BASE);
        live_and_die(book);
        notes.rings[1].span = dpdk_vdpa_note_span(
            odd[i] | DPDK_VDPA_NOTE_CHAIN, POS);
        assert_int_equal(begin(book), BASE);
        live_and_die(book);
        notes.rings[1].span = dpdk_vdpa_note_span(
            POS | DPDK_VDPA_NOTE_CHAIN, odd[i]);
        assert_int_equal(begin(book), BASE);
        live_and_die(book);
        notes.undos[1].begin = odd[i];
        notes.rings[1].n_undo = 1 + i;
        assert_int_equal(begin(book), BASE);
        check_refused("the notes are not about a ring of this length");
    }
}

/* A ring that looks as if it were new, after an even number of rounds. */
static void
test_even(void **state)
{
    struct dpdk_vdpa_book *book = *state;

    book->rings[1].base = 7;
    live_and_die(book);
    notes.rings[1].span = dpdk_vdpa_note_span(250, PACKED_WRAP);
    ring_fill(PACKED_WRAP, 10);
    assert_int_equal(begin(book), PACKED_WRAP);

    /* A buffer that began in the round before ended at 3, and all is on offer;
     * only a ring that is not new begins at 7. */
    live_and_die(book);
    notes.rings[1].span = dpdk_vdpa_note_span(3 | PACKED_WRAP,
                                              3 | PACKED_WRAP);
    ring_fill(PACKED_WRAP, SIZE);
    assert_int_equal(begin(book), 3 | PACKED_WRAP);
}

/* The connection ends, and the process does not. */
static void
test_save(void **state)
{
    struct dpdk_vdpa_book *book = *state;

    notes.rings[1].state = DPDK_VDPA_NOTE_UNKNOWN;
    base = POS;
    dpdk_vdpa_positions_save(&notes, book, VID);
    assert_int_equal(notes.rings[1].state, DPDK_VDPA_NOTE_EXACT);
    memory.desc[50].flags = PACKED_AVAIL;       /* A chain. */
    assert_int_equal(begin(book), POS);

    /* Nothing is saved of what is not started, or not packed. */
    book->rings[1].is_placed = false;
    base = 1;
    dpdk_vdpa_positions_save(&notes, book, VID);
    book->rings[1].is_placed = true;
    book->features = 0;
    dpdk_vdpa_positions_save(&notes, book, VID);
    book->features = F_PACKED;
    assert_int_equal(begin(book), POS);
}

/* Behind an IOMMU a ring goes on once the library knows where it is; until
 * then nothing is forgotten.  The guest's address is what it is known by. */
static void
test_iommu(void **state)
{
    struct dpdk_vdpa_book *book = *state;
    void *second = &memory.bytes[sizeof memory.desc];
    struct dpdk_vdpa_note note;

    book->features |= 1ULL << VIRTIO_F_IOMMU_PLATFORM;
    memset(&vring, 0, sizeof vring);
    for (int i = 0; i < 3; i++) {
        note = notes.rings[1];
        base = BASE;
        assert_false(dpdk_vdpa_positions_begin(&notes, book, VID, 1, false));
        assert_int_equal(base, BASE);
        assert_memory_equal(&note, &notes.rings[1], sizeof note);
        book->rings[1].desc = book->rings[1].avail = i;         /* IOVAs. */
        switch (i) {
        case 0: vring.desc_packed = memory.desc; break;
        case 1: vring.driver_event = second; break;
        }
    }
    vring.device_event = (void *) &memory.bytes[2 * sizeof memory.desc];
    assert_int_equal(begin(book), POS);
    check_said("goes on from 100 (the front-end says 0)");

    /* The library processed some more, which nobody noted. */
    notes.rings[1].state = DPDK_VDPA_NOTE_UNKNOWN;
    ring_fill(POS + 7, 10);
    assert_int_equal(begin(book), POS + 7);

    /* The same addresses, and other memory behind them. */
    vring.desc_packed = second;
    assert_int_equal(begin(book), BASE);
    assert_int_equal(n_said, 0);
}

/* The front-end asked, and says itself where to begin. */
static void
test_told(void **state)
{
    dpdk_vdpa_positions_forget(&notes, 1);
    assert_int_equal(begin(*state), BASE);
    assert_int_equal(n_said, 0);

    dpdk_vdpa_positions_forget(&notes, 1);
    base = POS;
    dpdk_vdpa_positions_save(&notes, *state, VID);
    assert_int_equal(begin(*state), BASE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_same, setup),
        cmocka_unit_test_setup(test_span, setup),
        cmocka_unit_test_setup(test_chain, setup),
        cmocka_unit_test_setup(test_chain_across, setup),
        cmocka_unit_test_setup(test_undo, setup),
        cmocka_unit_test_setup(test_out_of_turn, setup),
        cmocka_unit_test_setup(test_in_turn, setup),
        cmocka_unit_test_setup(test_never_given_back, setup),
        cmocka_unit_test_setup(test_burst_of_another, setup),
        cmocka_unit_test_setup(test_first_burst, setup),
        cmocka_unit_test_setup(test_rest_of_chain, setup),
        cmocka_unit_test_setup(test_chains_of_device, setup),
        cmocka_unit_test_setup(test_device, setup),
        cmocka_unit_test_setup(test_other, setup),
        cmocka_unit_test_setup(test_implausible, setup),
        cmocka_unit_test_setup(test_even, setup),
        cmocka_unit_test_setup(test_save, setup),
        cmocka_unit_test_setup(test_iommu, setup),
        cmocka_unit_test_setup(test_told, setup),
    };

    return cmocka_run_group_tests_name("positions", tests, NULL, NULL);
}
