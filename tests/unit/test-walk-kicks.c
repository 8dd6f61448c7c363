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

/* Unit tests of the walk: notifications by the guest, while a thread waits. */

#include <config.h>

#include "tests/unit/walk-fixture.h"

#define SECOND UINT64_C(1000000000)

struct kicks {
    struct fixture *f;
    struct dpdk_vdpa_waiter *waiter;
    int fd;                     /* What the guest kicks. */
};

static struct kicks
kicks_init(struct fixture *f)
{
    struct kicks k = {
        .f = f,
        .waiter = dpdk_vdpa_waiter_create(),
        .fd = eventfd(0, EFD_NONBLOCK),
    };

    assert_non_null(k.waiter);
    assert_true(k.fd >= 0);
    dpdk_vdpa_walk_set_kick(f->walk, 1, dup(k.fd));
    return k;
}

static void
kicks_uninit(struct kicks *k)
{
    dpdk_vdpa_walk_drop_kick(k->f->walk, 1);
    dpdk_vdpa_waiter_destroy(k->waiter);
    close(k->fd);
}

/* Returns true if the guest sees that it is to notify of what it offers in the
 * ring that it sends with next. */
static bool
is_asked(const struct fixture *f)
{
    const struct guest *g = &f->guests[1];

    if (g->packed) {
        return g->device_event->flags == VRING_PACKED_EVENT_FLAG_ENABLE;
    } else if (f->book.features & F_EVENT_IDX) {
        return ((const uint16_t *) (const void *) &g->used->ring[g->size])[0]
               == g->next_offer;
    } else {
        return !(g->used->flags & VRING_USED_F_NO_NOTIFY);
    }
}

static uint64_t
n_kicks(const struct fixture *f)
{
    struct dpdk_vdpa_walk_info info;

    dpdk_vdpa_walk_get_info(f->walk, &info);
    return info.n_kicks;
}

static void
test_ask(void **state)
{
    struct fixture *f = *state;
    struct kicks k = kicks_init(f);

    walk_open(f);
    assert_false(is_asked(f));
    for (int i = 0; i < 3; i++) {
        assert_true(dpdk_vdpa_walk_ask_for_kick(f->walk, 1, k.waiter));
        assert_true(is_asked(f));
        assert_int_equal(recv_some(f), 0);
        guest_sends(f, 1);
        eventfd_write(k.fd, 1);
        assert_true(dpdk_vdpa_waiter_wait(k.waiter, 60 * SECOND));
        dpdk_vdpa_walk_end_kick(f->walk, 1);
        assert_int_equal(recv_some(f), 1);
        dpdk_vdpa_walk_end_kick(f->walk, 1);
        assert_false(is_asked(f));
    }
    assert_int_equal(n_kicks(f), 3);
    kicks_uninit(&k);
}

/* A ring that the library processes, or that the front-end has given no
 * eventfd for, does not notify. */
static void
test_not_asked(void **state)
{
    struct fixture *f = *state;
    struct kicks k = kicks_init(f);

    assert_false(dpdk_vdpa_walk_ask_for_kick(f->walk, 1, k.waiter));
    walk_open(f);
    dpdk_vdpa_walk_drop_kick(f->walk, 1);
    assert_false(dpdk_vdpa_walk_ask_for_kick(f->walk, 1, k.waiter));
    assert_false(is_asked(f));
    kicks_uninit(&k);
}

/* If the ring is closed for a message, the library finds it as it wants it,
 * and a thread that waits for the guest does not go on: the guest would not
 * notify it. */
static void
test_closed_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct kicks k = kicks_init(f);

    walk_open(f);
    assert_true(dpdk_vdpa_walk_ask_for_kick(f->walk, 1, k.waiter));
    dpdk_vdpa_walk_close(f->walk);
    assert_false(is_asked(f));
    assert_true(dpdk_vdpa_waiter_wait(k.waiter, 60 * SECOND));
    assert_int_equal(n_kicks(f), 0);
    dpdk_vdpa_walk_end_kick(f->walk, 1);

    walk_open(f);
    assert_false(is_asked(f));
    dpdk_vdpa_walk_close_ring(f->walk, 1);
    assert_false(dpdk_vdpa_waiter_wait(k.waiter, 1000));
    kicks_uninit(&k);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ask),
        TEST(test_not_asked),
        TEST(test_closed_meanwhile),
    };

    return cmocka_run_group_tests_name("walk-kicks", tests, setup_eal, NULL);
}
