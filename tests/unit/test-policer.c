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

/* Unit tests of the policer, by a clock of their own. */

#include <config.h>

#include "base/policer.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "packets.h"
#include "tests/unit/test-eal.h"
#include "util.h"

static struct dpdk_vdpa_policer *policer;
static uint64_t start;

/* Begins with the policer that 'config' describes, at time 0. */
static void
begin(const struct dpdk_vdpa_policer_config *config)
{
    dpdk_vdpa_policer_destroy(policer);
    policer = dpdk_vdpa_policer_create(config);
    start = rte_get_tsc_cycles();
}

static void
begin_bytes(uint64_t rate, uint64_t burst)
{
    const struct dpdk_vdpa_policer_config config = {
        .n_meters = 1, .meters[0].committed = { rate, burst },
    };

    begin(&config);
}

static int
teardown(void **state OVS_UNUSED)
{
    dpdk_vdpa_policer_destroy(policer);
    policer = NULL;
    return 0;
}

/* Returns the time so many seconds after the beginning.  No sum of floating
 * point numbers: the beginning may be too large for one. */
static uint64_t
at(double seconds)
{
    return start + (uint64_t) (seconds * rte_get_tsc_hz());
}

/* Returns true if a packet of 'len' bytes behind the Ethernet header passes
 * 'seconds' after the beginning. */
static bool
passes(uint32_t len, double seconds)
{
    struct rte_mbuf pkt;

    memset(&pkt, 0, sizeof pkt);
    pkt.pkt_len = len + ETH_HEADER_LEN;
    return dpdk_vdpa_policer_admit(policer, &pkt, at(seconds));
}

/* The same for a packet that is to be cut into segments of 'segsz' bytes
 * behind headers of 40. */
static bool
tso_passes(uint32_t payload, uint16_t segsz, double seconds)
{
    struct rte_mbuf pkt;

    memset(&pkt, 0, sizeof pkt);
    pkt.ol_flags = RTE_MBUF_F_TX_TCP_SEG;
    pkt.l2_len = ETH_HEADER_LEN;
    pkt.l3_len = 20;
    pkt.l4_len = 20;
    pkt.tso_segsz = segsz;
    pkt.pkt_len = ETH_HEADER_LEN + 40 + payload;
    return dpdk_vdpa_policer_admit(policer, &pkt, at(seconds));
}

/* Returns how many of 'n' packets of 'len' bytes pass, at one time. */
static unsigned int
count(unsigned int n, uint32_t len, double seconds)
{
    unsigned int passed = 0;

    for (unsigned int i = 0; i < n; i++) {
        passed += passes(len, seconds);
    }
    return passed;
}

static void
test_burst(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_policer_stats stats;

    begin_bytes(1000, 5000);
    assert_int_equal(count(10, 1000, 0.1), 5);
    assert_false(passes(1, 0.1));
    /* What nobody uses is kept up to the burst. */
    assert_int_equal(count(10, 1000, 2.2), 2);
    assert_int_equal(count(10, 1000, 100), 5);
    /* Smaller ones may still go. */
    assert_false(passes(1000, 100.5));
    assert_true(passes(400, 100.5));
    dpdk_vdpa_policer_get_stats(policer, &stats);
    assert_int_equal(stats.passed_packets, 5 + 2 + 5 + 1);
    assert_int_equal(stats.passed_bytes, 12400);
    assert_int_equal(stats.dropped_packets, 5 + 1 + 8 + 5 + 1);
}

/* Sees that of packets of 'len' bytes what passes in so many seconds is
 * 'rate', in bytes per second. */
static void
check_rate(uint64_t rate, uint32_t len, double seconds)
{
    uint64_t burst = rate / 100000 + 20 * len;
    double expected = burst + rate * seconds;
    unsigned int n = 2.5 * expected / len;
    double passed = 0;

    begin_bytes(rate, burst);
    for (unsigned int i = 0; i <= n; i++) {
        passed += passes(len, seconds * i / n);
    }
    passed *= len;
    if (passed < expected * 0.99 - len || passed > expected * 1.01 + len) {
        fail_msg("%"PRIu64" bytes/s, packets of %"PRIu32": %f bytes passed, "
                 "not %f", rate, len, passed, expected);
    }
}

/* What passes in the long run is the rate, whatever it is. */
static void
test_rates(void **state OVS_UNUSED)
{
    static const struct { uint64_t rate; uint32_t len; double seconds; }
    cases[] = {
        { 1, 64, 100000 }, { 125, 1500, 10000 }, { 1000000, 50, 10 },
        { 1250000, 1500, 10 }, { 12500000, 64, 2 }, { 33333333, 333, 2 },
        { 1250000000, 1500, 0.5 }, { 12500000000, 1500, 0.05 },
        { 12500000000, 50, 0.01 }, { 125000000000, 9000, 0.01 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check_rate(cases[i].rate, cases[i].len, cases[i].seconds);
    }
}

/* Nothing is lost by rounding where a byte is no whole number of the smallest
 * units of time, and the packet is one, 64 of them. */
static void
test_rounding(void **state OVS_UNUSED)
{
    check_rate(rte_get_tsc_hz() / 2 * 25, 50, 0.001);
}

/* What is as long as the burst passes, and no more than that. */
static void
test_whole_burst(void **state OVS_UNUSED)
{
    static const uint64_t rates[] = {
        125, 33333, 1000000, 1250000000, 12500000000
    };

    for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
        for (uint32_t len = 46; len <= 9000; len++) {
            begin_bytes(rates[i], len);
            assert_true(passes(len, 0));
        }
    }
    begin_bytes(125, 1000000);
    assert_int_equal(count(2000, 1000, 0), 1000);
}

/* What does not fit the burst never passes. */
static void
test_too_long(void **state OVS_UNUSED)
{
    begin_bytes(1000000, 1000);
    assert_true(passes(1000, 1));
    assert_false(passes(1001, 1000));
    begin_bytes(0, 1000);
    assert_false(passes(1, 1000));
}

/* One that is cut into several that do passes, and costs as much as they. */
static void
test_segments(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_policer_stats stats;
    unsigned int passed = 0;

    begin_bytes(1000000, 2000);
    for (int i = 0; i < 100000; i++) {
        passed += tso_passes(10000, 1000, i / 1e4);
    }
    /* 10 frames of 1040 bytes each. */
    assert_true(passed >= 950 && passed <= 963);
    dpdk_vdpa_policer_get_stats(policer, &stats);
    assert_int_equal(stats.passed_packets, 10 * passed);
    assert_int_equal(stats.passed_bytes, 10400 * passed);

    begin_bytes(1000000, 1039);
    assert_false(tso_passes(10000, 1000, 1000));
    /* The last one is shorter; a single one is as long as it is. */
    begin_bytes(1000000, 20000);
    assert_true(tso_passes(10001, 1000, 0));
    assert_false(passes(20000 - 10001 - 11 * 40 + 1, 0));
    assert_true(passes(20000 - 10001 - 11 * 40, 0));
    begin_bytes(1000000, 140);
    assert_true(tso_passes(100, 1000, 0));
}

static void
test_packets(void **state OVS_UNUSED)
{
    const struct dpdk_vdpa_policer_config config = {
        .packets = { 1000, 16 },
    };

    begin(&config);
    assert_int_equal(count(100, 9000, 0), 16);
    assert_int_equal(count(100, 0, 0.0105), 10);
    begin(&config);
    assert_true(tso_passes(16000, 1000, 0));
    assert_int_equal(count(100, 60, 0), 0);
}

/* Bytes and packets: what one refuses does not use up the other. */
static void
test_both(void **state OVS_UNUSED)
{
    const struct dpdk_vdpa_policer_config config = {
        .n_meters = 1, .meters[0].committed = { 1000000, 2000 },
        .packets = { 1000, 16 },
    };

    begin(&config);
    assert_int_equal(count(1000, 2001, 0), 0);
    assert_int_equal(count(1000, 100, 0), 16);
    begin(&config);
    assert_int_equal(count(1, 1990, 0), 1);
    assert_int_equal(count(1000, 11, 0), 0);
    assert_int_equal(count(2, 10, 0), 1);
    assert_int_equal(count(16, 0, 0), 14);
}

/* A meter with a queue's before it: each with two buckets. */
static void
test_colours(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_policer_config config = {
        .n_meters = 2,
        .meters[0] = { { 1000, 1000 }, { 2000, 2000 } },
        .meters[1] = { { 1000, 5000 }, { 1000, 1500 } },
    };

    /* One is green for both; of the two that are yellow one passes, for the
     * port has less to spare for such. */
    begin(&config);
    assert_int_equal(count(10, 1000, 0), 2);

    /* A queue that wastes nothing: all of both buckets of the port. */
    config.meters[0].committed = (struct dpdk_vdpa_rate) { 1000000, 1000000 };
    begin(&config);
    assert_int_equal(count(10, 1000, 0), 6);

    /* Without excess what is not green is red. */
    config.n_meters = 1;
    config.meters[0] = (struct dpdk_vdpa_meter) { { 1000, 3000 }, { 0, 0 } };
    begin(&config);
    assert_int_equal(count(10, 1000, 0), 3);
    config.meters[0].excess = (struct dpdk_vdpa_rate) { 1000, 2000 };
    begin(&config);
    assert_int_equal(count(10, 1000, 0), 5);
    assert_int_equal(count(10, 1000, 1.01), 2);
}

/* Threads that share a policer get the rate together, to the byte. */
#define N_THREADS 4
#define N_OFFERED 200000

static void *
offer(void *passed_)
{
    unsigned int *passed = passed_;

    for (int i = 0; i < N_OFFERED; i++) {
        *passed += passes(1000, 1.0 * i / N_OFFERED);
    }
    return NULL;
}

static void
test_threads(void **state OVS_UNUSED)
{
    unsigned int passed[N_THREADS] = { 0 }, total = 0;
    pthread_t threads[N_THREADS];

    begin_bytes(40000000, 1000000);
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, offer, &passed[i]),
                         0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
        total += passed[i];
    }
    /* Their clocks differ by as much as one is ahead. */
    assert_true(total >= 40900 && total <= 41001);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_burst, teardown),
        cmocka_unit_test_teardown(test_rates, teardown),
        cmocka_unit_test_teardown(test_rounding, teardown),
        cmocka_unit_test_teardown(test_whole_burst, teardown),
        cmocka_unit_test_teardown(test_too_long, teardown),
        cmocka_unit_test_teardown(test_segments, teardown),
        cmocka_unit_test_teardown(test_packets, teardown),
        cmocka_unit_test_teardown(test_both, teardown),
        cmocka_unit_test_teardown(test_colours, teardown),
        cmocka_unit_test_teardown(test_threads, teardown),
    };

    return cmocka_run_group_tests_name("policer", tests, test_eal_setup, NULL);
}
