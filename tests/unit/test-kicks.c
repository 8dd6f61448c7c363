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

/* Unit tests of how a thread waits for guests: files that wake it, and the
 * flags by which a guest is asked to.  A guest thread offers one buffer at a
 * time, and kicks only when it was asked to. */

#include <config.h>

#include "tests/unit/ring-fixture.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/wake.h"

#define SECOND UINT64_C(1000000000)

static int
new_eventfd(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* Files. */

static void
test_wakes(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_waiter *waiter = dpdk_vdpa_waiter_create();
    struct dpdk_vdpa_wake a, b;
    int fd_a = new_eventfd(), fd_b = new_eventfd();

    assert_non_null(waiter);
    dpdk_vdpa_wake_init(&a);
    dpdk_vdpa_wake_init(&b);
    assert_false(dpdk_vdpa_wake_join(&a, waiter));      /* No file yet. */
    dpdk_vdpa_wake_set(&a, dup(fd_a));
    dpdk_vdpa_wake_set(&b, dup(fd_b));
    assert_true(dpdk_vdpa_wake_join(&a, waiter));
    assert_true(dpdk_vdpa_wake_join(&a, waiter));
    assert_true(dpdk_vdpa_wake_join(&b, waiter));
    assert_false(dpdk_vdpa_waiter_wait(waiter, 1000));

    eventfd_write(fd_a, 1);
    assert_true(dpdk_vdpa_waiter_wait(waiter, 60 * SECOND));
    /* Nobody has read it, and it wakes nobody again. */
    assert_false(dpdk_vdpa_waiter_wait(waiter, 1000));
    eventfd_write(fd_a, 1);
    eventfd_write(fd_b, 1);
    assert_true(dpdk_vdpa_waiter_wait(waiter, 60 * SECOND));
    assert_false(dpdk_vdpa_waiter_wait(waiter, 1000));
    assert_int_equal(dpdk_vdpa_wake_n(&a), 2);
    assert_int_equal(dpdk_vdpa_wake_n(&b), 1);

    dpdk_vdpa_wake_nudge(&a);
    assert_true(dpdk_vdpa_waiter_wait(waiter, 60 * SECOND));
    assert_false(dpdk_vdpa_waiter_wait(waiter, 1000));
    assert_int_equal(dpdk_vdpa_wake_n(&a), 2);

    dpdk_vdpa_wake_set(&a, -1);
    dpdk_vdpa_wake_set(&b, -1);
    dpdk_vdpa_wake_nudge(&a);           /* It is nobody's now. */
    assert_false(dpdk_vdpa_waiter_wait(waiter, 1000));
    dpdk_vdpa_waiter_destroy(waiter);
    close(fd_a);
    close(fd_b);
}

/* The file of a wake may be another one: the old one, which somebody has open
 * still, does not count any more, and there is no need to join again. */
static void
test_exchange(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_waiter *waiter = dpdk_vdpa_waiter_create();
    int old = new_eventfd(), new = new_eventfd();
    struct dpdk_vdpa_wake wake;

    assert_non_null(waiter);
    dpdk_vdpa_wake_init(&wake);
    dpdk_vdpa_wake_set(&wake, dup(old));
    assert_true(dpdk_vdpa_wake_join(&wake, waiter));
    dpdk_vdpa_wake_set(&wake, dup(new));
    eventfd_write(old, 1);
    assert_false(dpdk_vdpa_waiter_wait(waiter, 1000));
    eventfd_write(new, 1);
    assert_true(dpdk_vdpa_waiter_wait(waiter, 60 * SECOND));
    dpdk_vdpa_wake_set(&wake, -1);
    eventfd_write(new, 1);
    assert_false(dpdk_vdpa_waiter_wait(waiter, 1000));
    assert_false(dpdk_vdpa_wake_join(&wake, waiter));
    dpdk_vdpa_waiter_destroy(waiter);
    close(old);
    close(new);
}

/* A wake goes from one thread to the next; either may end before the other. */
static void
test_waiters(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_waiter *a = dpdk_vdpa_waiter_create();
    struct dpdk_vdpa_waiter *b = dpdk_vdpa_waiter_create();
    struct dpdk_vdpa_wake wake, other;
    int fd = new_eventfd();

    assert_true(a && b);
    dpdk_vdpa_wake_init(&wake);
    dpdk_vdpa_wake_init(&other);
    dpdk_vdpa_wake_set(&wake, dup(fd));
    dpdk_vdpa_wake_set(&other, dup(fd));
    assert_true(dpdk_vdpa_wake_join(&wake, a));
    assert_true(dpdk_vdpa_wake_join(&other, a));
    assert_true(dpdk_vdpa_wake_join(&wake, b));
    eventfd_write(fd, 1);
    assert_true(dpdk_vdpa_waiter_wait(a, 60 * SECOND));
    assert_true(dpdk_vdpa_waiter_wait(b, 60 * SECOND));
    assert_int_equal(dpdk_vdpa_wake_n(&wake), 1);
    assert_int_equal(dpdk_vdpa_wake_n(&other), 1);

    dpdk_vdpa_waiter_destroy(a);
    dpdk_vdpa_wake_nudge(&other);
    assert_true(dpdk_vdpa_wake_join(&other, b));        /* It had 'a'. */
    assert_true(dpdk_vdpa_wake_join(&wake, b));
    dpdk_vdpa_waiter_destroy(b);
    dpdk_vdpa_wake_set(&wake, dup(fd));
    dpdk_vdpa_wake_set(&other, -1);
    a = dpdk_vdpa_waiter_create();
    assert_true(dpdk_vdpa_wake_join(&wake, a));
    eventfd_write(fd, 1);
    assert_true(dpdk_vdpa_waiter_wait(a, 60 * SECOND));
    dpdk_vdpa_wake_set(&wake, -1);
    dpdk_vdpa_waiter_destroy(a);
    close(fd);
}

/* Kicks. */

/* Returns true if the device asks 'g' for a notification of what was offered
 * since the ring was at position 'old' (virtio 1.1, sections 2.6.10 and
 * 2.7.10). */
static bool
guest_is_asked(const struct guest *g, bool event_idx, uint16_t old)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (g->packed) {
        return (__atomic_load_n(&g->device_event->flags, __ATOMIC_RELAXED)
                != VRING_PACKED_EVENT_FLAG_DISABLE);
    } else if (event_idx) {
        uint16_t *event = (uint16_t *) (void *) &g->used->ring[g->size];

        return vring_need_event(__atomic_load_n(event, __ATOMIC_RELAXED),
                                g->next_offer, old);
    } else {
        return !(__atomic_load_n(&g->used->flags, __ATOMIC_RELAXED)
                 & VRING_USED_F_NO_NOTIFY);
    }
}

static void
test_flags(void **state)
{
    struct fixture *f = *state;
    struct guest *g = &f->guest;

    dpdk_vdpa_ring_suppress_kicks(&f->ring);
    for (int i = 0; i < 4; i++) {
        struct rte_mbuf *pkt;
        uint16_t old = g->next_offer;

        guest_send(g, guest_buf(i), f->header_len, i, 60);
        assert_false(guest_is_asked(g, f->ring.event_idx, old));
        assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, &pkt, 1), 1);
        rte_pktmbuf_free(pkt);

        dpdk_vdpa_ring_ask_for_kick(&f->ring);
        old = g->next_offer;
        guest_send(g, guest_buf(i), f->header_len, i, 60);
        assert_true(guest_is_asked(g, f->ring.event_idx, old));
        assert_int_equal(dpdk_vdpa_ring_recv(&f->ring, mempool, &pkt, 1), 1);
        rte_pktmbuf_free(pkt);
        dpdk_vdpa_ring_suppress_kicks(&f->ring);
    }
}

/* So many for each kind of ring: a million in all, but where each takes a
 * hundred times as long, under qemu-user or valgrind. */
#define N_ROUNDS 250000
#define N_ROUNDS_EMULATED 2500

struct kicker {
    struct fixture *f;
    unsigned int n_rounds;
    int fd;                             /* What it kicks. */
    unsigned int n_kicks;
    atomic_bool failed;
};

/* Waits for some nanoseconds, or for none: how long is drawn. */
static void
dawdle(void)
{
    for (unsigned int n = random_range(200); n >= 160; n--) {
        rte_pause();
    }
}

static void *
guest_main(void *k_)
{
    struct kicker *k = k_;
    struct fixture *f = k->f;
    struct guest *g = &f->guest;

    for (unsigned int i = 0; i < k->n_rounds; i++) {
        uint16_t old = g->next_offer;
        uint16_t flags;
        uint32_t id, len;

        dawdle();
        guest_offer(g, guest_buf(i), f->header_len + 60, 0);
        if (guest_is_asked(g, f->ring.event_idx, old)) {
            eventfd_write(k->fd, 1);
            k->n_kicks++;
        }
        while (!guest_take_back(g, &id, &len, &flags)) {
            bool failed;

            atomic_read_relaxed(&k->failed, &failed);
            if (failed) {
                return NULL;
            }
            sched_yield();
        }
    }
    return NULL;
}

static unsigned int
take_one(struct fixture *f)
{
    struct rte_mbuf *pkt;
    unsigned int n = dpdk_vdpa_ring_recv(&f->ring, mempool, &pkt, 1);

    rte_pktmbuf_free_bulk(&pkt, n);
    return n;
}

/* Whenever the thread waits, the guest wakes it: a wait that ends because the
 * time is up has lost a wake-up. */
static void
test_no_wakeup_is_lost(void **state)
{
    struct dpdk_vdpa_waiter *waiter = dpdk_vdpa_waiter_create();
    struct fixture *f = *state;
    struct kicker k = {
        .f = f,
        .n_rounds = (getenv("UNIT_TESTS_LACK")
                     ? N_ROUNDS_EMULATED : N_ROUNDS),
        .fd = new_eventfd(),
    };
    unsigned int n_got = 0, n_waits = 0, n_late = 0;
    struct dpdk_vdpa_wake wake;
    pthread_t thread;

    assert_non_null(waiter);
    dpdk_vdpa_wake_init(&wake);
    dpdk_vdpa_wake_set(&wake, dup(k.fd));
    assert_true(dpdk_vdpa_wake_join(&wake, waiter));
    dpdk_vdpa_ring_suppress_kicks(&f->ring);
    for (int i = 0; i < GUEST_N_BUFS; i++) {
        memset(guest_at(&f->guest, guest_buf(i)), 0, f->header_len);
    }
    assert_int_equal(pthread_create(&thread, NULL, guest_main, &k), 0);
    while (n_got < k.n_rounds) {
        unsigned int n = take_one(f);

        if (!n) {
            dpdk_vdpa_ring_ask_for_kick(&f->ring);
            n = take_one(f);
            if (!n) {
                n_waits++;
                if (!dpdk_vdpa_waiter_wait(waiter, 20 * SECOND)) {
                    atomic_store_relaxed(&k.failed, true);
                    break;
                }
            } else {
                n_late++;
            }
            dpdk_vdpa_ring_suppress_kicks(&f->ring);
        }
        n_got += n;
    }
    pthread_join(thread, NULL);
    assert_int_equal(n_got, k.n_rounds);
    assert_true(n_waits > 0 && k.n_kicks > 0);
    print_message("%u rounds, %u waits, %u kicks, %u came in between\n",
                  n_got, n_waits, k.n_kicks, n_late);
    dpdk_vdpa_wake_set(&wake, -1);
    dpdk_vdpa_waiter_destroy(waiter);
    close(k.fd);
}

#define TEST_KICKS(FUNCTION)                                                 \
    TEST_OF(FUNCTION, "split", 1),                                           \
    TEST_OF(FUNCTION, "packed", 4),                                          \
    TEST_OF(FUNCTION, "split, event index", 7),                              \
    TEST_OF(FUNCTION, "packed, event index", 8)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wakes),
        cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_waiters),
        TEST_KICKS(test_flags),
        TEST_KICKS(test_no_wakeup_is_lost),
    };

    return cmocka_run_group_tests_name("kicks", tests, setup_eal, NULL);
}
