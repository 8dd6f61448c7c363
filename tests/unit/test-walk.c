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

/* Unit tests of which rings of a connection are walked, when, and who then goes
 * on. */

#include <config.h>

#include "tests/unit/walk-fixture.h"
#include "tests/unit/test-needs.h"

static void
walk_reopen(struct fixture *f)
{
    dpdk_vdpa_walk_close(f->walk);
    assert_int_equal(n_walked(f->walk), 0);
    walk_open(f);
}

/* The guest sends, or offers, one for the library. */
static void
guest_is_unusual(struct fixture *f, unsigned int i)
{
    guest_offer(&f->guests[i], guest_buf(50), 81, VRING_DESC_F_INDIRECT);
}

/* Checks that 'want' rings would be walked, and if none, that all goes
 * through the library. */
static void
check_walked(struct fixture *f, unsigned int want)
{
    memset(f->trace, 0, sizeof f->trace);
    walk_reopen(f);
    assert_int_equal(n_walked(f->walk), want);
    if (!want) {
        guest_sends(f, 1);
        guest_offers(f, 1);
        f->library_gives = 1;
        assert_int_equal(recv_some(f), 1);
        assert_int_equal(send_some(f, 1), 0);
        assert_non_null(strchr(f->trace, 'D'));
        assert_non_null(strchr(f->trace, 'E'));
        assert_null(strchr(f->trace, 'S'));
        memset(f->trace, 0, sizeof f->trace);
    }
}

/* Which are walked. */

static void
test_walked(void **state)
{
    check_walked(*state, 2);
}

static void
test_features(void **state)
{
    struct fixture *f = *state;
    uint64_t features = f->book.features;

    f->book.features = features | 1ULL << VIRTIO_F_IOMMU_PLATFORM;
    check_walked(f, 0);
    f->book.features = features | 1ULL << VHOST_F_LOG_ALL;
    check_walked(f, 0);
    f->book.features = features;
    check_walked(f, 2);
}

static void
test_memory(void **state)
{
    struct fixture *f = *state;

    f->book.has_memory = false;
    check_walked(f, 0);
    f->book.has_memory = true;
    f->book.memory.n = 0;
    check_walked(f, 0);
    book_fill(f);
    check_walked(f, 2);
    guest_sends(f, 2);
    assert_int_equal(recv_some(f), 2);
}

static void
test_enabled(void **state)
{
    struct fixture *f = *state;

    f->book.features &= ~F_EVENT_IDX;
    dpdk_vdpa_book_set_enabled(&f->book, 0, false);
    check_walked(f, 1);
    guest_offers(f, 1);
    guest_sends(f, 1);
    assert_int_equal(recv_some(f), 1);
    assert_int_equal(send_some(f, 1), 0);
    check_trace("S");           /* Nor is it the library's. */

    /* The other one joins it, and goes again. */
    dpdk_vdpa_book_set_enabled(&f->book, 0, true);
    walk_open(f);
    assert_int_equal(n_walked(f->walk), 2);
    assert_int_equal(send_some(f, 1), 1);
    dpdk_vdpa_walk_close_ring(f->walk, 0);
    assert_int_equal(n_walked(f->walk), 1);
    guest_offers(f, 1);
    guest_sends(f, 1);
    assert_int_equal(recv_some(f), 1);
    assert_int_equal(send_some(f, 1), 0);
    check_trace(f->book.features & F_EVENT_IDX ? "SSCE" : "SSE");

    f->book.rings[0].is_started = f->book.rings[1].is_started = false;
    check_walked(f, 0);
    dpdk_vdpa_book_set_enabled(&f->book, 0, false);
    dpdk_vdpa_book_set_enabled(&f->book, 1, false);
    walk_reopen(f);
    assert_int_equal(n_walked(f->walk), 0);
    assert_int_equal(recv_some(f), 0);
    assert_int_equal(send_some(f, 1), 0);
    check_trace("");
}

/* Each area must be there, all of it, and aligned: whoever kept the book has
 * seen to it, but a walk must not rely on that. */
static void
test_areas(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_book_ring *ring = &f->book.rings[1];
    uint64_t *const areas[] = { &ring->desc, &ring->avail, &ring->used };
    const unsigned int aligns[] = { 16, f->guests[1].packed ? 4 : 2, 4 };

    for (int i = 0; i < ARRAY_SIZE(areas); i++) {
        /* Regions 5, 6 and 7 are the ring's areas. */
        struct dpdk_vdpa_book_region *region = &f->book.memory.regions[5 + i];

        *areas[i] = 0;
        check_walked(f, 1);
        book_fill(f);
        *areas[i] += aligns[i];                 /* Cut off at its end. */
        check_walked(f, 1);
        book_fill(f);
        region->size--;
        check_walked(f, 1);
        book_fill(f);
        region->user -= aligns[i] / 2;          /* Elsewhere than it says. */
        *areas[i] -= aligns[i] / 2;
        check_walked(f, 2);
        region->host += aligns[i] / 2;
        check_walked(f, 1);
        book_fill(f);
        check_walked(f, 2);
    }
}

static void
test_sizes(void **state)
{
    static const uint16_t sizes[] = { 65, 100, 255 };
    struct fixture *f = *state;

    /* A burst goes round a short ring, and then nothing seems to have
     * happened. */
    f->avail[1] = f->used[1] = 0;
    f->book.rings[1].size = 32;
    check_walked(f, 1);
    f->book.rings[1].size = 64;
    check_walked(f, 2);
    for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
        f->avail[1] = f->used[1] = 0;
        f->book.rings[1].size = sizes[i];
        check_walked(f, f->guests[1].packed ? 2 : 1);
    }
}

/* The guest need not notify anybody of a ring that is walked. */
static void
test_kicks(void **state)
{
    struct fixture *f = *state;

    walk_open(f);
    for (int i = 0; i < 2; i++) {
        const struct guest *g = &f->guests[i];

        if (g->packed) {
            assert_int_equal(g->device_event->flags,
                             VRING_PACKED_EVENT_FLAG_DISABLE);
        } else {
            assert_int_equal(g->used->flags,
                             f->book.features & F_EVENT_IDX
                             ? 0 : VRING_USED_F_NO_NOTIFY);
        }
    }
}

/* Positions. */

static void
test_positions(void **state)
{
    struct fixture *f = *state;

    walk_open(f);
    guest_sends(f, 3);
    guest_offers(f, 5);
    assert_int_equal(recv_some(f), 3);
    check_trace("S");
    check_base(f, 1, 3);
    assert_int_equal(send_some(f, 2), 2);
    check_trace("S");
    check_base(f, 0, 2);

    /* Where nothing happens nothing is said. */
    assert_int_equal(recv_some(f), 0);
    check_trace("");
    guest_sends(f, 20);
    assert_int_equal(recv_some(f), 20);
    check_trace("S");
    check_base(f, 1, 23);
    assert_int_equal(send_some(f, 5), 3);
    check_trace("S");
    check_base(f, 0, 5);
    assert_int_equal(send_some(f, 5), 0);
    check_trace("");
}

static void
test_positions_after_library(void **state)
{
    struct fixture *f = *state;

    f->book.features &= ~F_EVENT_IDX;
    walk_open(f);

    /* Stops in front of it, has the library go on, and asks it then. */
    guest_sends(f, 2);
    guest_is_unusual(f, 1);
    guest_sends(f, 4);
    assert_int_equal(recv_some(f), 2);
    check_trace("S");
    f->library_gives = 2;
    assert_int_equal(recv_some(f), 2);
    check_trace("D");
    check_base(f, 1, 4);
    assert_int_equal(recv_some(f), 3);
    check_trace("S");
    check_base(f, 1, 7);

    /* A burst that the walk could not finish is the library's to finish. */
    guest_offers(f, 2);
    guest_is_unusual(f, 0);
    guest_offers(f, 4);
    f->library_takes = 2;
    assert_int_equal(send_some(f, 8), 4);
    check_trace("SE");
    assert_int_equal(send_some(f, 6), 3);
    check_trace("S");
    check_base(f, 0, 7);
}

/* The library may have done anything before it closes again. */
static void
test_positions_after_opening(void **state)
{
    struct fixture *f = *state;

    f->book.features &= ~F_EVENT_IDX;
    walk_open(f);
    guest_sends(f, 10);
    guest_offers(f, 1);
    assert_int_equal(recv_some(f), 10);
    check_trace("S");

    dpdk_vdpa_walk_close(f->walk);
    guest_sends(f, 10);
    f->library_gives = 4;
    assert_int_equal(recv_some(f), 4);
    assert_int_equal(send_some(f, 1), 0);
    check_trace("DE");
    walk_open(f);
    assert_int_equal(recv_some(f), 6);
    check_trace("S");
    check_base(f, 1, 20);
}

static void
test_positions_bad(void **state)
{
    struct fixture *f = *state;
    struct guest *g = &f->guests[1];
    uint16_t pos = f->used[1];

    f->base_error = -1;
    check_walked(f, 0);
    f->base_error = 0;
    if (g->packed) {
        static const uint16_t beyond[] = { 256, 257, 0x7fff, 0x8100, 0xffff };

        for (int i = 0; i < ARRAY_SIZE(beyond); i++) {
            f->avail[1] = f->used[1] = beyond[i];
            check_walked(f, 1);
        }
        f->used[1] = pos;
        f->avail[1] = pos ^ GUEST_WRAP;
        check_walked(f, 1);
        f->avail[1] = pos + 1;
        check_walked(f, 1);
    }
    f->avail[1] = f->used[1] = pos;
    check_walked(f, 2);

    /* The library, too, may come to where we cannot go on. */
    if (g->packed) {
        guest_is_unusual(f, 1);
        guest_sends(f, 1);
        f->avail[1] = pos + 1;
        recv_some(f);
        assert_int_equal(recv_some(f), 0);
        assert_null(strchr(f->trace, 'S'));
    }
}

/* What the library takes and does not give is lost, and must be counted: it
 * comes as an empty packet.  How many buffers it took can be told from a split
 * ring; from a packed one, only that it was one if there is nothing else. */
static void
test_lost(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *pkts[BURST], *all[N_MBUFS];
    unsigned int n;

    walk_open(f);
    if (f->guests[1].packed) {
        for (int i = 0; i < 4; i++) {
            guest_is_unusual(f, 1);
        }
        f->library_loses = 1;
        n = dpdk_vdpa_walk_recv(f->walk, VID, 1, mempool, pkts, 4);
        assert_int_equal(n, 1);
        assert_int_equal(pkts[0]->pkt_len, 0);
        rte_pktmbuf_free_bulk(pkts, n);
        f->library_gives = 1;
        f->library_loses = 1;
        assert_int_equal(recv_some(f), 1);
        assert_int_equal(recv_some(f), 0);
        return;
    }
    for (int i = 0; i < 4; i++) {
        guest_is_unusual(f, 1);
    }
    f->library_gives = 2;
    f->library_loses = 2;
    n = dpdk_vdpa_walk_recv(f->walk, VID, 1, mempool, pkts, 4);
    assert_int_equal(n, 4);
    assert_int_equal(pkts[1]->pkt_len, 60);
    assert_int_equal(pkts[2]->pkt_len, 0);
    assert_int_equal(pkts[3]->pkt_len, 0);
    rte_pktmbuf_free_bulk(pkts, n);

    /* Without an mbuf now, it comes when there is one. */
    assert_int_equal(rte_pktmbuf_alloc_bulk(mempool, all, N_MBUFS), 0);
    guest_is_unusual(f, 1);
    f->library_loses = 1;
    assert_int_equal(recv_some(f), 0);
    rte_pktmbuf_free_bulk(all, N_MBUFS);
    guest_is_unusual(f, 1);
    n = dpdk_vdpa_walk_recv(f->walk, VID, 1, mempool, pkts, 4);
    assert_int_equal(n, 1);
    assert_int_equal(pkts[0]->pkt_len, 0);
    rte_pktmbuf_free_bulk(pkts, n);
    assert_int_equal(recv_some(f), 0);
}

/* What a guest offers, of a ring that is walked. */
static void
test_n_avail(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(dpdk_vdpa_walk_n_avail(f->walk, 0, 5), -1);
    walk_open(f);
    assert_int_equal(dpdk_vdpa_walk_n_avail(f->walk, 0, 5), 0);
    guest_offers(f, 3);
    assert_int_equal(dpdk_vdpa_walk_n_avail(f->walk, 0, 5), 3);
    guest_offers(f, 10);        /* Beyond the end of the ring. */
    assert_int_equal(dpdk_vdpa_walk_n_avail(f->walk, 0, 5), 5);
    assert_int_equal(dpdk_vdpa_walk_n_avail(f->walk, 0, 256), 13);
    guest_offers(f, 243);
    assert_int_equal(dpdk_vdpa_walk_n_avail(f->walk, 0, 1000), 256);
}

/* The library's own packets. */

static void
test_ask_library(void **state)
{
    struct fixture *f = *state;

    f->book.features &= ~F_EVENT_IDX;
    dpdk_vdpa_walk_ask_library(f->walk);
    dpdk_vdpa_walk_ask_library(f->walk);
    walk_open(f);
    guest_sends(f, 3);
    guest_offers(f, 1);

    /* Until it has given something, whatever the guest has; and there is room
     * for that beside what the guest has. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(recv_some(f), 0);
        check_trace("D");
        assert_true(f->library_asked >= 4);
    }
    assert_int_equal(send_some(f, 1), 1);
    check_trace("S");
    f->library_gives = 1;
    assert_int_equal(recv_some(f), 1);
    check_trace("D");
    assert_int_equal(recv_some(f), 2);
    check_trace("S");

    /* What it gave before it was open does not count, there may be more. */
    dpdk_vdpa_walk_close(f->walk);
    dpdk_vdpa_walk_ask_library(f->walk);
    guest_sends(f, 3);
    f->library_gives = 1;
    assert_int_equal(recv_some(f), 1);
    walk_open(f);
    assert_int_equal(recv_some(f), 0);
    f->library_gives = 1;
    assert_int_equal(recv_some(f), 1);
    check_trace("DDD");
    assert_int_equal(recv_some(f), 1);
    check_trace("S");
}

/* Interrupts. */

/* Returns how often the guest is interrupted when a ring that was received from
 * is looked at again. */
static unsigned int
n_late_calls(struct fixture *f)
{
    assert_int_equal(n_calls(f, 1), 0);
    assert_int_equal(recv_some(f), 0);
    return n_calls(f, 1);
}

static void
test_calls(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        guest_wants_calls(f, i, false);
    }
    walk_open(f);
    assert_int_equal(recv_some(f), 0);
    assert_int_equal(send_some(f, 1), 0);
    assert_int_equal(n_calls(f, 0), 0);
    assert_int_equal(n_calls(f, 1), 0);

    /* The first burst always does, one that has a packet. */
    for (int round = 0; round < 2; round++) {
        guest_sends(f, 2);
        assert_int_equal(recv_some(f), 2);
        assert_int_equal(n_late_calls(f), 1);
        guest_offers(f, 2);
        assert_int_equal(send_some(f, 1), 1);
        assert_int_equal(n_calls(f, 0), 1);

        guest_sends(f, 1);
        assert_int_equal(recv_some(f), 1);
        assert_int_equal(n_late_calls(f), 0);
        assert_int_equal(send_some(f, 1), 1);
        assert_int_equal(n_calls(f, 0), 0);
        walk_reopen(f);
    }
}

/* A guest that wants interrupts gets one at once. */
static void
test_calls_at_once(void **state)
{
    struct fixture *f = *state;

    walk_open(f);
    for (int round = 0; round < 3; round++) {
        guest_wants_next(f, 1);
        guest_sends(f, 2);
        assert_int_equal(recv_some(f), 2);
        assert_int_equal(n_calls(f, 1), 1);
        assert_int_equal(recv_some(f), 0);
        assert_int_equal(n_calls(f, 1), 0);
    }
}

/* One that changes its mind when its packets have been taken gets it when the
 * ring is looked at again, or is not going to be. */
static void
test_calls_late(void **state)
{
    struct fixture *f = *state;

    guest_wants_calls(f, 1, false);
    walk_open(f);
    guest_sends(f, 1);
    assert_int_equal(recv_some(f), 1);
    assert_int_equal(n_late_calls(f), 1);
    for (int round = 0; round < 3; round++) {
        uint16_t used = f->used[1];

        guest_wants_calls(f, 1, false);
        guest_sends(f, 2);
        assert_int_equal(recv_some(f), 2);
        assert_int_equal(n_calls(f, 1), 0);
        guest_wants_calls(f, 1, true);
        if (!f->guests[1].packed && f->book.features & F_EVENT_IDX) {
            f->guests[1].avail->ring[256] = used;
        }
        if (round == 0) {
            assert_int_equal(n_late_calls(f), 1);
        } else if (round == 1) {
            dpdk_vdpa_walk_settle(f->walk, VID, 1, mempool, NULL, 0);
            assert_int_equal(n_calls(f, 1), 1);
            dpdk_vdpa_walk_settle(f->walk, VID, 1, mempool, NULL, 0);
        } else {
            dpdk_vdpa_walk_close(f->walk);
            assert_int_equal(n_calls(f, 1), 1);
            dpdk_vdpa_walk_settle(f->walk, VID, 1, mempool, NULL, 0);
        }
        assert_int_equal(n_calls(f, 1), 0);
    }
}

/* The library's interrupts are passed on by who had it go on, or by the thread
 * that handles messages. */
static void
test_calls_by_library(void **state)
{
    struct fixture *f = *state;

    f->library_calls = true;
    for (int open = 0; open < 2; open++) {
        if (open) {
            guest_wants_calls(f, 1, false);
            walk_open(f);
        }
        guest_is_unusual(f, 1);
        f->library_gives = 1;
        assert_int_equal(recv_some(f), 1);
        assert_int_equal(n_calls(f, 1), 1);
        guest_is_unusual(f, 0);
        f->library_takes = 1;
        assert_int_equal(send_some(f, 1), 1);
        assert_int_equal(n_calls(f, 0), 1);
        assert_int_equal(send_some(f, 1), 0);
        assert_int_equal(n_calls(f, 0), 0);
    }
    /* Also when it had nothing to give of what it gave back. */
    guest_is_unusual(f, 1);
    f->library_loses = 1;
    recv_some(f);
    assert_int_equal(n_calls(f, 1), 1);

    dpdk_vdpa_walk_close(f->walk);
    n_calls(f, 0), n_calls(f, 1);
    eventfd_write(f->library_fds[0], 3);
    dpdk_vdpa_walk_pass_on(f->walk);
    assert_int_equal(n_calls(f, 0), 1);
    assert_int_equal(n_calls(f, 1), 0);
    dpdk_vdpa_walk_pass_on(f->walk);
    assert_int_equal(n_calls(f, 0), 0);
}

/* The front-end shares the open file of an eventfd, and can make it such that
 * who writes waits for ever. */
static void
test_full_call_fd(void **state)
{
    struct fixture *f = *state;

    test_needs("aio");
    for (int i = 0; i < 2; i++) {
        fcntl(f->call_fds[i], F_SETFL, 0);
        assert_int_equal(eventfd_write(f->call_fds[i], UINT64_MAX - 1), 0);
        guest_wants_calls(f, i, true);
    }
    walk_open(f);
    for (int i = 0; i < 200; i++) {
        guest_wants_calls(f, 0, true);
        guest_wants_next(f, 1);
        guest_sends(f, 1);
        assert_int_equal(recv_some(f), 1);
        guest_offers(f, 1);
        assert_int_equal(send_some(f, 1), 1);
        check_trace("SS");
        walk_reopen(f);
    }
    eventfd_write(f->library_fds[0], 1);
    dpdk_vdpa_walk_pass_on(f->walk);
}

/* A guest that changes where it wants interrupts gets one there at once, since
 * one may just have gone to the old place; the library hears of the first
 * only. */
static void
test_other_call_fd(void **state)
{
    struct fixture *f = *state;
    unsigned int n_fds = 0;

    walk_open(f);
    for (int i = 0; i < 500; i++) {
        int fd = eventfd(0, EFD_NONBLOCK);
        eventfd_t value = 0;

        n_fds = MAX(n_fds, fd);
        assert_int_equal(dpdk_vdpa_walk_set_call(f->walk, 0, dup(fd), false),
                         0);
        assert_int_equal(eventfd_read(fd, &value), 0);
        assert_int_equal(n_walked(f->walk), 2);
        guest_wants_next(f, 0);
        guest_offers(f, 1);
        assert_int_equal(send_some(f, 1), 1);
        assert_int_equal(eventfd_read(fd, &value), 0);
        check_trace("S");
        close(fd);
    }
    assert_true(n_fds < 200);   /* They are closed in time. */
    assert_int_equal(n_calls(f, 0), 0);
}

/* So does one whose rings a vDPA device is to process: who did before may have
 * ended before it could. */
static void
test_device_call_fd(void **state)
{
    struct fixture *f = *state;
    int fd = eventfd(0, EFD_NONBLOCK);
    eventfd_t value = 0;

    dpdk_vdpa_walk_keep_call(f->walk, 0, dup(fd));
    assert_int_equal(eventfd_read(fd, &value), 0);
    assert_int_equal(value, 1);
    dpdk_vdpa_walk_keep_call(f->walk, 0, -1);
    assert_int_equal(eventfd_read(fd, &value), -1);
    close(fd);
}

static void
test_no_call_fd(void **state)
{
    struct fixture *f = *state;

    dpdk_vdpa_walk_set_call(f->walk, 0, -1, false);
    dpdk_vdpa_walk_drop_call(f->walk, 1);
    guest_wants_calls(f, 0, true);
    guest_wants_next(f, 1);
    walk_open(f);
    guest_sends(f, 1);
    assert_int_equal(recv_some(f), 1);
    guest_offers(f, 1);
    assert_int_equal(send_some(f, 1), 1);
    f->library_calls = true;
    guest_is_unusual(f, 0);
    f->library_takes = 1;
    assert_int_equal(send_some(f, 1), 1);
    assert_int_equal(n_calls(f, 0), 0);
    assert_int_equal(n_calls(f, 1), 0);
}

/* With VIRTIO_RING_F_EVENT_IDX the library decides about interrupts before it
 * goes on after us, and only then. */
static void
test_hand_over(void **state)
{
    struct fixture *f = *state;
    const char *d = f->book.features & F_EVENT_IDX ? "CD" : "D";
    const char *e = f->book.features & F_EVENT_IDX ? "CE" : "E";

    walk_open(f);
    guest_is_unusual(f, 1);
    assert_int_equal(recv_some(f), 0);
    check_trace("D");           /* We have done nothing yet. */
    f->library_gives = 1;
    assert_int_equal(recv_some(f), 1);
    check_trace("D");

    for (int i = 0; i < 2; i++) {
        guest_sends(f, 1);
        guest_is_unusual(f, 1);
        assert_int_equal(recv_some(f), 1);
        check_trace("S");
        assert_int_equal(recv_some(f), 0);
        check_trace(d);
        f->library_gives = 1;
        assert_int_equal(recv_some(f), 1);
        check_trace("D");

        guest_offers(f, 1);
        guest_is_unusual(f, 0);
        assert_int_equal(send_some(f, 1), 1);
        check_trace("S");
        assert_int_equal(send_some(f, 1), 0);
        check_trace(e);
        f->library_takes = 1;
        assert_int_equal(send_some(f, 1), 1);
        check_trace("E");
    }

    /* Also when the walk is closed, or was. */
    guest_sends(f, 1);
    guest_offers(f, 1);
    assert_int_equal(recv_some(f), 1);
    assert_int_equal(send_some(f, 1), 1);
    check_trace("SS");
    dpdk_vdpa_walk_close(f->walk);
    recv_some(f);
    check_trace(d);
    recv_some(f);
    check_trace("D");
    walk_open(f);
    guest_is_unusual(f, 0);
    send_some(f, 1);
    check_trace(e);
}

/* Nobody waits for the thread that handles messages. */
static void
test_hand_over_busy(void **state)
{
    struct fixture *f = *state;

    if (!(f->book.features & F_EVENT_IDX)) {
        return;
    }
    walk_open(f);
    guest_sends(f, 1);
    guest_is_unusual(f, 1);
    guest_offers(f, 1);
    guest_is_unusual(f, 0);
    assert_int_equal(recv_some(f), 1);
    assert_int_equal(send_some(f, 1), 1);
    check_trace("SS");

    f->call_result = -EAGAIN;
    f->library_gives = f->library_takes = 1;
    assert_int_equal(recv_some(f), 0);
    assert_int_equal(send_some(f, 1), 0);
    check_trace("CC");
    assert_int_equal(recv_some(f), 0);
    assert_int_equal(send_some(f, 1), 0);
    check_trace("CC");
    f->call_result = 0;
    assert_int_equal(recv_some(f), 1);
    assert_int_equal(send_some(f, 1), 1);
    check_trace("CDCE");

    /* Any other failure is the library's own affair. */
    guest_sends(f, 1);
    guest_is_unusual(f, 1);
    assert_int_equal(recv_some(f), 1);
    f->call_result = -1;
    assert_int_equal(recv_some(f), 0);
    check_trace("SCD");
}

/* Closing. */

static void
test_close(void **state)
{
    struct fixture *f = *state;

    dpdk_vdpa_walk_close(f->walk);
    walk_open(f);
    guest_sends(f, 1);
    guest_offers(f, 1);
    dpdk_vdpa_walk_close(f->walk);
    dpdk_vdpa_walk_close(f->walk);
    assert_int_equal(n_walked(f->walk), 0);
    assert_int_equal(recv_some(f), 0);
    assert_int_equal(send_some(f, 1), 0);
    check_trace("DE");
    check_base(f, 1, 0);
    check_base(f, 0, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_walked),
        TEST(test_features),
        TEST(test_memory),
        TEST(test_enabled),
        TEST(test_areas),
        TEST(test_sizes),
        TEST(test_kicks),
        TEST(test_positions),
        TEST(test_positions_after_library),
        TEST(test_positions_after_opening),
        TEST(test_positions_bad),
        TEST(test_lost),
        TEST(test_n_avail),
        TEST(test_ask_library),
        TEST(test_calls),
        TEST(test_calls_at_once),
        TEST(test_calls_late),
        TEST(test_calls_by_library),
        TEST(test_full_call_fd),
        TEST(test_other_call_fd),
        TEST(test_device_call_fd),
        TEST(test_no_call_fd),
        TEST(test_hand_over),
        TEST(test_hand_over_busy),
        TEST(test_close),
    };

    return cmocka_run_group_tests_name("walk", tests, setup_eal, NULL);
}
