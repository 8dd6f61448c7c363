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

/* Unit tests of a walk that one thread closes while another is inside. */

#include <config.h>

#include "tests/unit/walk-fixture.h"

#include "random.h"

/* For test_close_waits(). */
static atomic_bool is_inside, has_closed, closed_too_early, has_left;

/* Stays inside until somebody wants to close, and a little longer. */
static void
stay_inside(struct fixture *f)
{
    bool closing = false;

    atomic_store(&is_inside, true);
    while (!closing) {
        closing = !walked_is_open(&f->walk->rings[1]);
        sched_yield();
    }
    for (int i = 0; i < 1000; i++) {
        bool early;

        sched_yield();
        atomic_read(&has_closed, &early);
        if (early) {
            atomic_store(&closed_too_early, true);
        }
    }
    atomic_store(&has_left, true);
}

static void *
recv_once(void *f)
{
    return (void *) (uintptr_t) recv_some(f);
}

static void
test_close_waits(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    bool value = false;
    void *n_got;

    atomic_store(&is_inside, false);
    atomic_store(&has_closed, false);
    atomic_store(&closed_too_early, false);
    atomic_store(&has_left, false);
    walk_open(f);
    guest_sends(f, 1);
    f->in_set_base = stay_inside;
    assert_int_equal(pthread_create(&thread, NULL, recv_once, f), 0);
    while (!value) {
        sched_yield();
        atomic_read(&is_inside, &value);
    }
    dpdk_vdpa_walk_close(f->walk);
    atomic_read(&has_left, &value);
    assert_true(value);
    atomic_store(&has_closed, true);
    pthread_join(thread, &n_got);
    assert_int_equal((uintptr_t) n_got, 1);
    atomic_read(&closed_too_early, &value);
    assert_false(value);
}

#define STRESS_ROUNDS 2000
#define STRESS_RING_SIZE 64
#define STRESS_PAGE 4096
#define STRESS_AREA_SIZE (6 * STRESS_PAGE + 2 * GUEST_REGION_SIZE)

static void
world_init(struct world *w, bool packed)
{
    BUILD_ASSERT(GUEST_REGION_SIZE % STRESS_PAGE == 0);
    w->area = mmap(NULL, STRESS_AREA_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(w->area != MAP_FAILED);
    for (int i = 0; i < 2; i++) {
        uint8_t *pages = w->area + 3 * i * STRESS_PAGE;
        struct guest *g = &w->guests[i];

        guest_init(g, packed, STRESS_RING_SIZE, 0);
        guest_destroy(g);
        for (int j = 0; j < 2; j++) {
            g->mem[j] = w->area + 6 * STRESS_PAGE + j * GUEST_REGION_SIZE;
            g->memory.regions[j].offset = ((uintptr_t) g->mem[j]
                                           - g->memory.regions[j].start);
        }
        if (packed) {
            g->packed_desc = (void *) pages;
            g->driver_event = (void *) (pages + STRESS_PAGE);
            g->device_event = (void *) (pages + 2 * STRESS_PAGE);
        } else {
            g->desc = (void *) pages;
            g->avail = (void *) (pages + STRESS_PAGE);
            g->used = (void *) (pages + 2 * STRESS_PAGE);
        }
    }
    assert_int_equal(mprotect(w->area, STRESS_AREA_SIZE, PROT_NONE), 0);
}

/* The guest appears here, with packets in its ring and buffers for others. */
static void
world_begin(struct stress *s, struct world *w)
{
    struct fixture *f = s->f;

    assert_int_equal(mprotect(w->area, STRESS_AREA_SIZE,
                              PROT_READ | PROT_WRITE), 0);
    for (int i = 0; i < 2; i++) {
        struct guest *g = &w->guests[i];
        uint16_t pos = s->serial * 5;

        if (g->packed) {
            pos = pos % STRESS_RING_SIZE | (pos & GUEST_WRAP);
        }
        guest_reset(g, pos);
        f->avail[i] = f->used[i] = pos;
        f->guests[i] = *g;
    }
    book_fill(f);
    for (int i = 0; i < 24; i++) {
        uint64_t addr = guest_buf(i);

        guest_send(&f->guests[1], addr, HEADER_LEN, 0, 60);
        s->serial++;
        memcpy(guest_at(&f->guests[1], addr) + HEADER_LEN, &s->serial,
               sizeof s->serial);
    }
    guest_offers(f, 24);
}

/* And is gone.  Returns how many packets were taken from it. */
static unsigned int
world_end(struct stress *s, struct world *w)
{
    unsigned int n[2] = { 0, 0 };

    for (int i = 0; i < 2; i++) {
        struct guest *g = &s->f->guests[i];
        uint32_t id, len;
        uint16_t flags;

        while (guest_take_back(g, &id, &len, &flags)) {
            n[i]++;
        }
        assert_int_equal(g->next_used, s->f->used[i]);
        assert_int_equal(g->next_used, s->f->avail[i]);
    }

    /* Not even the bytes are there any more. */
    memset(w->area, 0xff, 6 * STRESS_PAGE);
    assert_int_equal(mprotect(w->area, STRESS_AREA_SIZE, PROT_NONE), 0);
    return n[1];
}

static void
stress_recv(struct stress *s, uint32_t *serial)
{
    struct rte_mbuf *pkts[BURST];
    unsigned int n = dpdk_vdpa_walk_recv(s->f->walk, VID, 1, mempool, pkts,
                                         BURST);
    unsigned int orig;

    for (unsigned int i = 0; i < n; i++) {
        uint32_t this = *rte_pktmbuf_mtod(pkts[i], uint32_t *);

        if (this <= *serial || pkts[i]->pkt_len != 60) {
            atomic_store(&s->failed, true);
        }
        *serial = this;
    }
    rte_pktmbuf_free_bulk(pkts, n);
    atomic_add_relaxed(&s->n_got, n, &orig);
}

static void *
stress_main(void *s_)
{
    struct stress *s = s_;
    uint32_t serial = 0;
    bool stop = false;

    while (!stop) {
        unsigned int orig;

        stress_recv(s, &serial);
        atomic_add_relaxed(&s->n_sent, send_some(s->f, 3), &orig);
        atomic_read_relaxed(&s->stop, &stop);
    }
    return NULL;
}

static unsigned int
stress_count(atomic_uint *counter)
{
    unsigned int value;

    atomic_read_relaxed(counter, &value);
    return value;
}

/* Waits until the other thread has counted 'n' on from 'from'. */
static void
stress_wait(atomic_uint *counter, unsigned int from, unsigned int n)
{
    while (stress_count(counter) - from < n) {
        sched_yield();
    }
}

/* The thread that handles messages moves the guest from one world to the
 * other, while a PMD thread goes on.  Who touches a world that is no more
 * gets a SIGSEGV. */
static void
test_stress(void **state)
{
    struct fixture *f = *state;
    bool packed = f->guests[0].packed;
    struct guest saved[2] = { f->guests[0], f->guests[1] };
    struct stress s = { .f = f, .lock = PTHREAD_MUTEX_INITIALIZER };
    unsigned int n_used = 0;
    pthread_t thread;
    bool failed;

    world_init(&s.worlds[0], packed);
    world_init(&s.worlds[1], packed);
    f->stress = &s;
    f->book.features &= ~F_EVENT_IDX;
    assert_int_equal(pthread_create(&thread, NULL, stress_main, &s), 0);
    for (int i = 0; i < STRESS_ROUNDS; i++) {
        struct world *w = &s.worlds[i % 2];
        unsigned int n_got = stress_count(&s.n_got);
        unsigned int n_sent = stress_count(&s.n_sent);

        pthread_mutex_lock(&s.lock);
        world_begin(&s, w);
        walk_open(f);
        assert_int_equal(n_walked(f->walk), 2);
        pthread_mutex_unlock(&s.lock);
        if (i % 3 == 1) {
            stress_wait(&s.n_got, n_got, 1);
        } else if (i % 3 == 2) {
            stress_wait(&s.n_sent, n_sent, 1);
        }

        pthread_mutex_lock(&s.lock);
        dpdk_vdpa_walk_close(f->walk);
        n_used += world_end(&s, w);
        if (i % 2) {
            f->book.features ^= F_EVENT_IDX;
        }
        pthread_mutex_unlock(&s.lock);
        if (i % 5 == 0) {
            stress_wait(&s.n_library, stress_count(&s.n_library), 2);
        }
    }
    atomic_store_relaxed(&s.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(stress_count(&s.n_got), n_used);
    assert_true(n_used > STRESS_ROUNDS / 3);
    atomic_read(&s.failed, &failed);
    assert_false(failed);

    for (int i = 0; i < 2; i++) {
        munmap(s.worlds[i].area, STRESS_AREA_SIZE);
        f->guests[i] = saved[i];
    }
    f->stress = NULL;
}

/* Lending: one thread walks and frees packets late, the other one closes the
 * ring and opens it again, and is the guest, who overwrites what is back. */

#define LEND_ROUNDS 1000        /* At least. */
#define LEND_CALLS (LEND_ROUNDS / 10)
#define LEND_LEN 500            /* Bytes of a packet. */
#define LEND_MAX_HELD 64

struct lend_stress {
    struct stress stress;
    pthread_mutex_t lock;       /* Of what follows. */
    struct rte_mbuf *held[LEND_MAX_HELD];
    unsigned int n_held;
    unsigned int n_freed;       /* Packets, in order from here on. */
    unsigned int n_called;      /* lend_call_in() by who closes. */
    unsigned int n_lost;
};

/* Lets go of the oldest packet, whose bytes must still be those that the guest
 * sent. */
static void
lend_free_one(struct lend_stress *s)
{
    struct rte_mbuf *pkt = s->held[0];
    uint8_t copy[LEND_LEN];
    const uint8_t *data = rte_pktmbuf_read(pkt, 0, LEND_LEN, copy);
    bool good = pkt->pkt_len == LEND_LEN;

    for (unsigned int i = 0; good && i < LEND_LEN; i++) {
        good = data[i] == guest_pattern(s->n_freed, i);
    }
    if (!good) {
        atomic_store(&s->stress.failed, true);
    }
    rte_pktmbuf_free(pkt);
    memmove(s->held, &s->held[1], --s->n_held * sizeof *s->held);
    s->n_freed++;
}

/* The sender lets go of a few at a time. */
static void
lend_call_in(void *s_, bool by_force OVS_UNUSED)
{
    struct lend_stress *s = s_;

    pthread_mutex_lock(&s->lock);
    s->n_called++;
    for (unsigned int i = random_range(4); i && s->n_held; i--) {
        lend_free_one(s);
    }
    pthread_mutex_unlock(&s->lock);
}

static void
lend_lost(void *s_)
{
    struct lend_stress *s = s_;

    s->n_lost++;
}

static void *
lend_main(void *s_)
{
    struct lend_stress *s = s_;
    struct fixture *f = s->stress.f;
    bool stop = false;

    for (unsigned int i = 0; !stop; i++) {
        struct rte_mbuf *pkts[8];
        unsigned int n, orig;

        n = dpdk_vdpa_walk_recv(f->walk, VID, 1, mempool, pkts,
                                1 + i % ARRAY_SIZE(pkts));
        atomic_add_relaxed(&s->stress.n_got, n, &orig);
        pthread_mutex_lock(&s->lock);
        memcpy(&s->held[s->n_held], pkts, n * sizeof *pkts);
        s->n_held += n;
        while (s->n_held > LEND_MAX_HELD - ARRAY_SIZE(pkts)
               || (s->n_held && random_range(4) == 0)) {
            lend_free_one(s);
        }
        if (i % 64 == 0) {
            dpdk_vdpa_walk_settle(f->walk, VID, 1, mempool, s->held,
                                  s->n_held);
        }
        pthread_mutex_unlock(&s->lock);
        atomic_read_relaxed(&s->stress.stop, &stop);
    }
    return NULL;
}

/* The guest takes back what it can, and sends as much again. */
static unsigned int
lend_guest(struct fixture *f, unsigned int *n_back)
{
    struct guest *g = &f->guests[1];
    unsigned int n = 0;
    uint32_t id, len;
    uint16_t flags;

    while (guest_take_back(g, &id, &len, &flags)) {
        assert_int_equal(id, guest_id(g, *n_back));
        memset(guest_at(g, guest_buf(*n_back)), 0xee, GUEST_BUF_SIZE);
        ++*n_back;
        n++;
    }
    while (g->n_offered - *n_back < 2 * LEND_MAX_HELD) {
        guest_send(g, guest_buf(g->n_offered), HEADER_LEN, g->n_offered,
                   LEND_LEN);
    }
    return n;
}

/* Returns true if who closes often found something away.  That is by chance: on
 * a busy machine the other thread may have given all back each time. */
static bool
lend_called_enough(struct lend_stress *s)
{
    bool enough;

    pthread_mutex_lock(&s->lock);
    enough = s->n_called > LEND_CALLS;
    pthread_mutex_unlock(&s->lock);
    return enough;
}

static void
test_lend_stress(void **state)
{
    struct fixture *f = *state;
    struct lend_stress *s = xzalloc(sizeof *s);
    struct dpdk_vdpa_walk_info info;
    unsigned int n_back = 0;
    pthread_t thread;
    bool failed;

    s->stress.f = f;
    pthread_mutex_init(&s->stress.lock, NULL);
    pthread_mutex_init(&s->lock, NULL);
    f->stress = &s->stress;
    dpdk_vdpa_walk_set_lender(f->walk, &(struct dpdk_vdpa_lender) {
        s, lend_call_in, lend_lost, s });
    dpdk_vdpa_walk_set_reachable(f->walk, true);
    assert_int_equal(pthread_create(&thread, NULL, lend_main, s), 0);
    for (int i = 0;
         i < LEND_ROUNDS || (i < 100 * LEND_ROUNDS && !lend_called_enough(s));
         i++) {
        unsigned int n_got = stress_count(&s->stress.n_got);
        unsigned int n = 0;

        /* Now and then nothing is lent, also with the ring open. */
        dpdk_vdpa_walk_set_lending(f->walk, i % 5 ? 8 : 0);
        lend_guest(f, &n_back);
        walk_open(f);
        stress_wait(&s->stress.n_got, n_got, 1 + i % 3);
        while (i % 2 && n < 5) {
            n += lend_guest(f, &n_back);
            sched_yield();
        }
        dpdk_vdpa_walk_set_lending(f->walk, i % 3 ? 8 : 0);
        dpdk_vdpa_walk_close(f->walk);

        /* All that was taken is back. */
        lend_guest(f, &n_back);
        stress_wait(&s->stress.n_got, 0, n_back);
        assert_int_equal(n_back, stress_count(&s->stress.n_got));
        assert_int_equal(f->guests[1].next_used, f->used[1]);
        assert_int_equal(f->guests[1].next_used, f->avail[1]);
        if (i % 7 == 0) {
            stress_wait(&s->stress.n_library,
                        stress_count(&s->stress.n_library), 2);
        }
    }
    atomic_store_relaxed(&s->stress.stop, true);
    pthread_join(thread, NULL);
    while (s->n_held) {
        lend_free_one(s);
    }
    atomic_read(&s->stress.failed, &failed);
    assert_false(failed);
    assert_int_equal(s->n_freed, n_back);
    assert_int_equal(s->n_lost, 0);
    assert_true(lend_called_enough(s));
    dpdk_vdpa_walk_get_info(f->walk, &info);
    assert_true(info.n_lent > LEND_ROUNDS);
    f->stress = NULL;
    free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_close_waits),
        TEST_OF(test_stress, "split", 0),
        TEST_OF(test_stress, "packed", 2),
        TEST_OF(test_lend_stress, "split", 0),
        TEST_OF(test_lend_stress, "packed", 2),
    };

    return cmocka_run_group_tests_name("walk-threads", tests, setup_eal, NULL);
}
