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

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_config.h>
#include <rte_dmadev.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>
#include <rte_vhost_async.h>

/* Rings that have DMA engines, on a script in the place of the vhost library
 * and of the walk. */

static int script_register(int vid, uint16_t i);
static int script_unregister(int vid, uint16_t i);
static int script_in_flight(int vid, uint16_t i);
static uint16_t script_submit(int vid, uint16_t i, struct rte_mbuf **,
                              uint16_t n, int16_t engine, uint16_t vchan);
static uint16_t script_poll(int vid, uint16_t i, struct rte_mbuf **,
                            uint16_t n, int16_t engine, uint16_t vchan);
static uint16_t script_dequeue(int vid, uint16_t i, struct rte_mempool *,
                               struct rte_mbuf **, uint16_t n,
                               int *n_in_flight, int16_t engine,
                               uint16_t vchan);
static int script_stop(int16_t engine);

#define rte_vhost_async_channel_register_thread_unsafe script_register
#define rte_vhost_async_channel_unregister_thread_unsafe script_unregister
#define rte_vhost_async_channel_unregister script_unregister
#define rte_vhost_async_get_inflight script_in_flight
#define rte_vhost_async_get_inflight_thread_unsafe script_in_flight
#define rte_vhost_submit_enqueue_burst script_submit
#define rte_vhost_poll_enqueue_completed script_poll
#define rte_vhost_clear_queue script_poll
#define rte_vhost_clear_queue_thread_unsafe script_poll
#define rte_vhost_async_try_dequeue_burst script_dequeue
#define rte_dma_stop script_stop

#include "lib/vhost/dmas.c"

#include <cmocka.h>

#include "tests/unit/test-eal.h"

#define VID 3
#define ENGINE 5
#define RING_SIZE 256
#define LONG 1000
#define SHORT 60

static struct rte_mempool *mempool;
static struct dpdk_vdpa_walk *walk;
static struct dpdk_vdpa_dmas *dmas;
static struct dpdk_vdpa_book book;
static struct vring_desc descs[RING_SIZE];
static struct { struct vring_avail avail; uint16_t ring[RING_SIZE]; } avail;

/* What the library has; of one ring at a time. */
static bool known[2];
static struct rte_mbuf *queue[RING_SIZE];
static unsigned int n_queued;
static bool stuck, refuses;

/* What happened. */
static unsigned int n_walked, n_taken_back, n_stopped, n_stalled, n_failed;

static int
script_register(int vid OVS_UNUSED, uint16_t i)
{
    assert_false(known[i]);
    known[i] = true;
    return 0;
}

static int
script_unregister(int vid OVS_UNUSED, uint16_t i)
{
    assert_true(known[i]);
    assert_int_equal(n_queued, 0);
    known[i] = false;
    return 0;
}

static int
script_in_flight(int vid OVS_UNUSED, uint16_t i)
{
    return known[i] ? n_queued : -1;
}

static uint16_t
script_submit(int vid OVS_UNUSED, uint16_t i, struct rte_mbuf **pkts,
              uint16_t n, int16_t engine, uint16_t vchan)
{
    assert_int_equal(engine, ENGINE);
    assert_int_equal(vchan, 0);
    if (!known[i] || refuses) {
        return 0;
    }
    memcpy(&queue[n_queued], pkts, n * sizeof *pkts);
    n_queued += n;
    return n;
}

static uint16_t
script_poll(int vid OVS_UNUSED, uint16_t i, struct rte_mbuf **pkts,
            uint16_t n, int16_t engine OVS_UNUSED, uint16_t vchan OVS_UNUSED)
{
    assert_true(known[i]);
    n = stuck ? 0 : MIN(n, n_queued);
    memcpy(pkts, queue, n * sizeof *pkts);
    n_queued -= n;
    memmove(queue, &queue[n], n_queued * sizeof *queue);
    return n;
}

/* Whatever it is asked for is there. */
static uint16_t
script_dequeue(int vid, uint16_t i, struct rte_mempool *mp,
               struct rte_mbuf **pkts, uint16_t n, int *n_in_flight,
               int16_t engine, uint16_t vchan)
{
    if (!refuses) {
        for (uint16_t j = 0; j < n; j++) {
            queue[n_queued++] = rte_pktmbuf_alloc(mp);
        }
    }
    n = script_poll(vid, i, pkts, n, engine, vchan);
    *n_in_flight = n_queued;
    return n;
}

static int
script_stop(int16_t engine)
{
    assert_int_equal(engine, ENGINE);
    n_stopped++;
    return 0;
}

/* The walk. */

uint16_t
dpdk_vdpa_walk_recv(struct dpdk_vdpa_walk *w OVS_UNUSED, int vid OVS_UNUSED,
                    uint16_t i OVS_UNUSED, struct rte_mempool *mp,
                    struct rte_mbuf **pkts, uint16_t n)
{
    assert_int_equal(n_queued, 0);
    n_walked += n;
    for (uint16_t j = 0; j < n; j++) {
        pkts[j] = rte_pktmbuf_alloc(mp);
    }
    return n;
}

uint16_t
dpdk_vdpa_walk_send(struct dpdk_vdpa_walk *w OVS_UNUSED, int vid OVS_UNUSED,
                    uint16_t i OVS_UNUSED, struct rte_mbuf **pkts, uint16_t n)
{
    assert_int_equal(n_queued, 0);
    n_walked += n;
    rte_pktmbuf_free_bulk(pkts, n);
    return n;
}

int
dpdk_vdpa_walk_n_avail(struct dpdk_vdpa_walk *w OVS_UNUSED,
                       uint16_t i OVS_UNUSED, unsigned int max)
{
    return max;
}

void
dpdk_vdpa_walk_settle(struct dpdk_vdpa_walk *w OVS_UNUSED, int vid OVS_UNUSED,
                      uint16_t i OVS_UNUSED, struct rte_mempool *mp OVS_UNUSED,
                      struct rte_mbuf **pkts OVS_UNUSED, uint16_t n OVS_UNUSED)
{
}

void
dpdk_vdpa_walk_take_back(struct dpdk_vdpa_walk *w OVS_UNUSED,
                         int vid OVS_UNUSED, unsigned int i OVS_UNUSED)
{
    assert_int_equal(n_queued, 0);
    n_taken_back++;
}

void
dpdk_vdpa_walk_pass_on(struct dpdk_vdpa_walk *w OVS_UNUSED)
{
}

void
dpdk_vdpa_walked_pass_on(struct walked *w OVS_UNUSED)
{
}

/* The port. */

static void
stalled(void *aux OVS_UNUSED)
{
    n_stalled++;
}

static void
failed(void *aux OVS_UNUSED, unsigned int ring OVS_UNUSED, bool is_stopped)
{
    assert_true(is_stopped);
    n_failed++;
}

static const struct dpdk_vdpa_dmas_ops ops = { stalled, failed };

static int
setup_group(void **state OVS_UNUSED)
{
    mempool = test_eal_mempool(1023);
    return mempool ? 0 : -1;
}

static int
setup(void **state OVS_UNUSED)
{
    memset(&book, 0, sizeof book);
    book.has_memory = true;
    book.n_rings = 2;
    walk = xzalloc_cacheline(sizeof *walk);
    walk->book = &book;
    for (int i = 0; i < 2; i++) {
        struct walked *w = &walk->rings[i];

        book.rings[i].is_started = true;
        dpdk_vdpa_book_set_enabled(&book, i, true);
        w->ring.size = RING_SIZE;
        w->ring.header_len = 12;
        w->ring.split.desc = descs;
        w->ring.split.avail = &avail.avail;
        atomic_store(&w->open, &w->ring);
    }
    memset(&avail, 0, sizeof avail);
    dmas = dpdk_vdpa_dmas_create(walk, &ops, NULL);
    dpdk_vdpa_dmas_set(dmas, 0, ENGINE);
    dpdk_vdpa_dmas_set(dmas, 1, ENGINE);
    dpdk_vdpa_dmas_begin(dmas);
    dpdk_vdpa_dmas_open(dmas, &book, VID);
    n_walked = n_taken_back = n_stopped = n_stalled = n_failed = 0;
    stuck = refuses = false;
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    stuck = false;
    dpdk_vdpa_dmas_end(dmas, VID);
    dpdk_vdpa_dmas_destroy(dmas);
    free_cacheline(walk);
    known[0] = known[1] = false;
    assert_int_equal(n_queued, 0);
    assert_int_equal(rte_mempool_in_use_count(mempool), 0);
    return 0;
}

static uint16_t
send_some(uint16_t n, uint32_t len)
{
    struct rte_mbuf *pkts[32];
    uint16_t n_sent;

    for (uint16_t i = 0; i < n; i++) {
        pkts[i] = rte_pktmbuf_alloc(mempool);
        assert_non_null(rte_pktmbuf_append(pkts[i], len));
    }
    n_sent = dpdk_vdpa_dmas_send(dmas, VID, 0, pkts, n);
    rte_pktmbuf_free_bulk(&pkts[n_sent], n - n_sent);
    return n_sent;
}

static uint16_t
recv_some(uint16_t n)
{
    struct rte_mbuf *pkts[32];

    n = dpdk_vdpa_dmas_recv(dmas, VID, 1, mempool, pkts, n);
    rte_pktmbuf_free_bulk(pkts, n);
    return n;
}

/* Has the guest offer a packet of 'len' bytes. */
static void
offer(uint32_t len)
{
    uint16_t i = avail.avail.idx++ % RING_SIZE;

    descs[i].len = 12 + len;
    descs[i].flags = 0;
    avail.ring[i] = i;
}

static uint64_t
n_copied(unsigned int ring)
{
    struct dpdk_vdpa_dmas_info info;

    dpdk_vdpa_dmas_get_info(dmas, ring, &info);
    return info.n_copied;
}

static uint64_t
n_lost(unsigned int ring)
{
    struct dpdk_vdpa_dmas_info info;

    dpdk_vdpa_dmas_get_info(dmas, ring, &info);
    return info.n_lost;
}

/* What is short is walked, if nothing is in flight. */
static void
test_send(void **state OVS_UNUSED)
{
    assert_int_equal(send_some(32, SHORT), 32);
    assert_int_equal(n_walked, 32);
    stuck = true;
    assert_int_equal(send_some(1, LONG), 1);
    assert_int_equal(send_some(32, SHORT), 32);
    assert_int_equal(n_walked, 32);
    assert_int_equal(n_queued, 33);
    assert_true(dpdk_vdpa_dmas_is_busy(dmas, 0));
    stuck = false;
    dpdk_vdpa_dmas_poll(dmas, VID, 0);
    dpdk_vdpa_dmas_poll(dmas, VID, 0);
    assert_false(dpdk_vdpa_dmas_is_busy(dmas, 0));
    assert_int_equal(n_taken_back, 1);
    assert_int_equal(send_some(2, SHORT), 2);
    assert_int_equal(n_walked, 34);
    assert_int_equal(n_copied(0), 33);
}

/* While what is lent comes back, the library may have locked a ring that an
 * engine copies to. */
static void
test_recalled(void **state OVS_UNUSED)
{
    stuck = true;
    assert_int_equal(send_some(1, LONG), 1);
    atomic_store_relaxed(&walk->recalls, true);
    assert_int_equal(send_some(1, LONG), 0);
    assert_int_equal(send_some(1, SHORT), 0);
    assert_int_equal(n_queued, 1);
    atomic_store_relaxed(&walk->recalls, false);
    assert_int_equal(send_some(1, LONG), 1);
    assert_int_equal(n_queued, 2);
}

static void
test_bound(void **state OVS_UNUSED)
{
    stuck = true;
    for (int i = 0; i < DPDK_VDPA_DMAS_IN_FLIGHT / 32; i++) {
        assert_int_equal(send_some(32, LONG), 32);
    }
    assert_int_equal(send_some(32, LONG), 0);
    assert_int_equal(n_queued, DPDK_VDPA_DMAS_IN_FLIGHT);
    assert_int_equal(n_walked, 0);
}

/* What an engine does not take the walk does. */
static void
test_refused(void **state OVS_UNUSED)
{
    refuses = true;
    assert_int_equal(send_some(3, LONG), 3);
    assert_int_equal(n_walked, 3);
    offer(LONG);
    assert_int_equal(recv_some(4), 4);
    assert_int_equal(n_walked, 7);
}

static void
test_recv(void **state OVS_UNUSED)
{
    offer(SHORT);
    offer(SHORT);
    offer(LONG);
    offer(SHORT);
    assert_int_equal(recv_some(32), 2);
    assert_int_equal(n_walked, 2);
    walk->rings[1].ring.next_avail += 2;
    stuck = true;
    assert_int_equal(recv_some(2), 0);
    assert_int_equal(recv_some(2), 0);
    assert_int_equal(n_queued, 4);
    stuck = false;
    assert_int_equal(recv_some(2), 2);
    assert_int_equal(n_walked, 2);
    assert_true(dpdk_vdpa_dmas_is_busy(dmas, 1));
    assert_int_equal(n_copied(1), 2);
}

/* A message waits for what is in flight, and the PMD thread gets that. */
static void
test_close(void **state OVS_UNUSED)
{
    offer(LONG);
    stuck = true;
    assert_int_equal(recv_some(8), 0);
    stuck = false;
    assert_true(dpdk_vdpa_dmas_close(dmas, VID, 1, 2, true));
    assert_true(dpdk_vdpa_dmas_close(dmas, VID, 0, 1, true));
    assert_false(known[0] || known[1]);
    assert_int_equal(recv_some(6), 6);
    assert_int_equal(recv_some(6), 2);
    assert_int_equal(n_copied(1), 8);
    assert_int_equal(n_walked, 0);
    assert_int_equal(recv_some(6), 6);
    assert_int_equal(n_walked, 6);
    assert_int_equal(send_some(2, LONG), 2);
    assert_int_equal(n_walked, 8);
    dpdk_vdpa_dmas_open(dmas, &book, VID);
    assert_true(known[0] && known[1]);
}

/* What comes back when the connection ends is counted. */
static void
test_end(void **state OVS_UNUSED)
{
    offer(LONG);
    stuck = true;
    assert_int_equal(recv_some(8), 0);
    stuck = false;
    assert_true(dpdk_vdpa_dmas_close(dmas, VID, 1, 2, true));
    assert_int_equal(n_lost(1), 0);
    dpdk_vdpa_dmas_end(dmas, VID);
    assert_false(known[0] || known[1]);
    assert_int_equal(n_lost(1), 8);
    assert_int_equal(n_lost(0), 0);
    assert_int_equal(n_copied(1), 0);
}

/* Features that the library does not allow with engines, and those that its
 * errors forbid. */
static void
test_features(void **state OVS_UNUSED)
{
    static const struct {
        uint64_t features;
        bool known[2];
    } cases[] = {
        { 1ULL << VHOST_F_LOG_ALL, { false, false } },
        { 1ULL << VIRTIO_F_IOMMU_PLATFORM, { false, false } },
        { 1ULL << VIRTIO_F_RING_PACKED, { true, false } },
        { 0, { true, true } },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_true(dpdk_vdpa_dmas_close(dmas, VID, 0, 2, true));
        book.features = cases[i].features;
        dpdk_vdpa_dmas_open(dmas, &book, VID);
        assert_int_equal(known[0], cases[i].known[0]);
        assert_int_equal(known[1], cases[i].known[1]);
    }
    book.features = 0;
}

/* An engine that finishes nothing is noticed by who polls, and stopped by who
 * closes the ring. */
static void
test_stall(void **state OVS_UNUSED)
{
    long long int begin = time_msec();

    stuck = true;
    assert_int_equal(send_some(1, LONG), 1);
    while (!n_stalled) {
        dpdk_vdpa_dmas_poll(dmas, VID, 0);
        assert_true(time_msec() - begin < 30000);
    }
    assert_true(time_msec() - begin >= STALL_DELAY - 1);
    assert_false(dpdk_vdpa_dmas_close(dmas, VID, 0, 1, true));
    assert_int_equal(n_stalled, 1);
    assert_int_equal(n_stopped, 1);
    assert_int_equal(n_failed, 1);
    assert_int_equal(n_lost(0), 1);

    /* The connection ends; the next one does without. */
    rte_pktmbuf_free(queue[0]);
    n_queued = 0;
    known[0] = known[1] = false;
    dpdk_vdpa_dmas_begin(dmas);
    dpdk_vdpa_dmas_open(dmas, &book, VID);
    assert_false(known[0]);
    assert_true(known[1]);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_send),
        TEST(test_recalled),
        TEST(test_bound),
        TEST(test_refused),
        TEST(test_recv),
        TEST(test_close),
        TEST(test_end),
        TEST(test_features),
        TEST(test_stall),
    };

    return cmocka_run_group_tests_name("dmas-rings", tests, setup_group,
                                       NULL);
}
