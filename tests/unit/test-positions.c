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

/* Unit tests of the memory of how far packed rings were processed. */

#include <config.h>

#include <rte_config.h>
#include <rte_vhost.h>

static int script_get_base(int vid, uint16_t i, uint16_t *avail,
                           uint16_t *used);
static int script_set_base(int vid, uint16_t i, uint16_t avail, uint16_t used);

#define rte_vhost_get_vring_base script_get_base
#define rte_vhost_set_vring_base script_set_base

#include "lib/vhost/positions.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define VID 3
#define SIZE 256
#define POS 0x8123              /* Where the ring was when its end came. */
#define USER 0x7f0000000000ULL
#define F_PACKED (1ULL << VIRTIO_F_RING_PACKED)

/* The guest's memory, which the front-end has at USER. */
static union {
    struct vring_packed_desc desc[SIZE];
    uint8_t bytes[4 * SIZE * sizeof(struct vring_packed_desc)];
} memory;

static bool base_is_set;

static int
script_get_base(int vid, uint16_t i OVS_UNUSED, uint16_t *avail,
                uint16_t *used)
{
    assert_int_equal(vid, VID);
    *avail = *used = POS;
    return 0;
}

static int
script_set_base(int vid, uint16_t i, uint16_t avail, uint16_t used)
{
    assert_int_equal(vid, VID + 1);
    assert_int_equal(i, 1);
    assert_int_equal(avail, POS);
    assert_int_equal(used, POS);
    base_is_set = true;
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
    book.memory.regions[0].user = USER;
    book.memory.regions[0].host = (uintptr_t) &memory;
    book.memory.regions[0].size = sizeof memory;
    ring->size = SIZE;
    ring->base = 0x8000;
    ring->is_started = true;
    ring->desc = USER;
    ring->avail = USER + sizeof memory.desc;
    ring->used = USER + 2 * sizeof memory.desc;
    return book;
}

/* Has the last connection end with 'old', and the next one begin with 'new'.
 * Returns true if the ring goes on where it was. */
static bool
goes_on(const struct dpdk_vdpa_book *old, const struct dpdk_vdpa_book *new)
{
    struct dpdk_vdpa_positions *p = dpdk_vdpa_positions_create();
    bool first;

    base_is_set = false;
    dpdk_vdpa_positions_save(p, old, VID);
    dpdk_vdpa_positions_restore(p, new, VID + 1, 1);
    first = base_is_set;

    /* A connection that breaks before the guest was served takes nothing
     * away, one that began otherwise does. */
    base_is_set = false;
    dpdk_vdpa_positions_restore(p, old, VID + 1, 1);
    assert_int_equal(base_is_set, first);
    dpdk_vdpa_positions_destroy(p);
    return first;
}

static void
test_same(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book();

    memory.desc[7].flags = 1 << VRING_PACKED_DESC_F_USED;
    assert_true(goes_on(&book, &book));

    /* One that no device has been round yet. */
    memory.desc[7].flags = 0;
    assert_false(goes_on(&book, &book));
    memory.desc[7].flags = 1 << VRING_PACKED_DESC_F_USED;
}

/* Whatever makes it another ring. */
static void
test_other(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book old = make_book();
    struct dpdk_vdpa_book new;

#define CHECK_OTHER(CHANGE)                             \
    new = make_book();                                  \
    CHANGE;                                             \
    assert_false(goes_on(&old, &new))

    CHECK_OTHER(new.memory.file.ino++);
    CHECK_OTHER(new.memory.file.dev++);
    CHECK_OTHER(new.memory.file.ino = 0);
    CHECK_OTHER(new.memory.regions[0].guest += 4096);
    CHECK_OTHER(new.rings[1].size = SIZE / 2);
    CHECK_OTHER(new.rings[1].base ^= 0x8000);
    CHECK_OTHER(new.rings[1].desc += 16);
    CHECK_OTHER(new.rings[1].avail += 4);
    CHECK_OTHER(new.rings[1].used += 4);
    CHECK_OTHER(new.features = 0);

    /* What has no file is never the same. */
    old.memory.file.ino = 0;
    CHECK_OTHER(new.memory.file.ino = 0);

    /* Nor is what was not started, or not packed. */
    old = make_book();
    old.rings[1].is_started = false;
    CHECK_OTHER((void) 0);
    old = make_book();
    old.features = 0;
    CHECK_OTHER((void) 0);
}

/* The front-end asked, and says itself where to begin. */
static void
test_told(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_positions *p = dpdk_vdpa_positions_create();
    struct dpdk_vdpa_book book = make_book();

    base_is_set = false;
    dpdk_vdpa_positions_save(p, &book, VID);
    dpdk_vdpa_positions_forget(p);
    dpdk_vdpa_positions_restore(p, &book, VID + 1, 1);
    assert_false(base_is_set);
    dpdk_vdpa_positions_destroy(p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_other),
        cmocka_unit_test(test_told),
    };

    return cmocka_run_group_tests_name("positions", tests, NULL, NULL);
}
