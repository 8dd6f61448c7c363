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

/* Unit tests of what a port's VF runs with: descriptors, MTU, memory for PMD
 * threads, large receive offload. */

#include <config.h>

#include "tests/unit/accelerator-fixture.h"

static void
test_descriptors(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_options more = options_for("a", DPDK_VDPA_MODE_SW);
    int n_starts;

    more.n_rx_desc = 256;
    assert_int_equal(apply(more), 0);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_rx_desc, 256);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_tx_desc, 0);

    n_starts = seen.n_starts;
    more = port.options;
    assert_int_equal(apply(more), 0);
    assert_int_equal(seen.n_starts, n_starts);
    more.n_tx_desc = 512;
    assert_int_equal(apply(more), 0);
    assert_int_equal(seen.n_starts, n_starts + 1);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_rx_desc, 256);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_tx_desc, 512);
    check(VDPA_ACCEL_RELAY, false, false);
}

static void
test_mtu(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    script.mtu = script.bad_mtu = 9000;
    vdpa_accelerator_apply_mtu(&port);
    assert_true(seen.keeps_packets);
    check(VDPA_ACCEL_RELAY, false, true);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->mtu, 1500);

    /* It is lost and comes back, with the MTU that it had. */
    script.removed = true;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_NONE, true, true);
    assert_int_equal(seen.n_dead, 1);
    script.removed = false;
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_RELAY, false, true);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->mtu, 1500);

    /* A new VF that refuses it is refused. */
    assert_int_equal(apply(options_for("b", DPDK_VDPA_MODE_SW)), EIO);
    check(VDPA_ACCEL_RELAY, false, true);
    script.mtu = 1400;
    vdpa_accelerator_apply_mtu(&port);
    assert_false(seen.keeps_packets);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->mtu, 1400);
}

/* An MTU that the VF refuses does not keep it stopped, nor goes unsaid. */
static void
test_stopped_with_mtu(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    script.n_good_starts = 0;
    script.needs_reset = true;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_STOPPED, true, false);
    script.mtu = script.bad_mtu = 9000;
    vdpa_accelerator_apply_mtu(&port);
    check(VDPA_ACCEL_STOPPED, true, false);
    script.n_good_starts = INT_MAX;
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_RELAY, false, true);
    assert_int_equal(port.good.mtu, 1500);
    script.bad_mtu = 0;
    vdpa_accelerator_apply_mtu(&port);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_int_equal(port.good.mtu, 9000);
}

/* With 'n_threads', fails unless the VF runs for 'n' after 'n_starts' starts. */
static void
check_threads(int n_threads, int n, int n_starts, bool reason)
{
    port.n_threads = n_threads;
    vdpa_accelerator_apply_threads(&port);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_threads, n);
    assert_int_equal(seen.n_starts, n_starts);
    assert_int_equal(port.reasons[VDPA_REASON_THREADS] != NULL, reason);
}

static void
test_threads(void **state OVS_UNUSED)
{
    /* Nobody has said yet how many there are going to be. */
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    check_threads(0, 1, 1, false);
    check_threads(3, 3, 2, false);

    /* With fewer, or as many, it goes on. */
    check_threads(2, 3, 2, false);
    check_threads(3, 3, 2, false);

    /* Without memory it goes on as it was, and tries each number once. */
    script.max_threads = 3;
    check_threads(5, 3, 2, true);
    assert_non_null(strstr(port.reasons[VDPA_REASON_THREADS],
                           "no memory for 5"));
    script.max_threads = 5;
    check_threads(5, 3, 2, true);
    script.max_threads = 3;
    check_threads(4, 3, 2, true);
    check_threads(3, 3, 2, false);
    script.max_threads = 5;
    check_threads(5, 5, 3, false);

    /* A VF that comes later begins so. */
    assert_int_equal(apply(options_for("b", DPDK_VDPA_MODE_SW)), 0);
    check_threads(5, 5, 4, false);
}

/* 'ms' later the guest uses 'n_guest' queue pairs, but none if it is 0.  Fails
 * unless the VF has 'n' then, after 'n_starts' starts. */
static void
check_pairs(int ms, unsigned int n_guest, unsigned int n,
            unsigned int n_starts)
{
    script.now += ms;
    script.guest_is_away = !n_guest;
    script.n_guest_pairs = n_guest;
    vdpa_accelerator_adapt_pairs(&port);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_used, n);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_pairs, 4);
    assert_int_equal(seen.n_starts, n_starts);
}

/* The VF has as many queue pairs as the guest, once that is settled. */
static void
test_pairs(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    check_pairs(0, 0, 1, 1);
    check_pairs(0, 1, 1, 1);
    assert_true(port.pairs_due == LLONG_MAX);

    /* They come one after the other. */
    for (unsigned int i = 2; i <= 4; i++) {
        check_pairs(99, i, 1, 1);
        assert_true(port.pairs_due == script.now + 100);
    }
    check_pairs(99, 4, 1, 1);
    check_pairs(1, 4, 4, 2);
    check_pairs(0, 4, 4, 2);
    assert_true(port.pairs_due == LLONG_MAX);

    /* More than were offered. */
    check_pairs(500, 6, 4, 2);

    /* A guest that goes on with fewer loses nothing for that. */
    check_pairs(0, 1, 4, 2);
    check_pairs(50000, 1, 4, 2);
    assert_true(port.pairs_due == LLONG_MAX);

    /* Nor one that is back soon; but one that stays away. */
    check_pairs(0, 0, 4, 2);
    assert_true(port.pairs_due == script.now + 10000);
    check_pairs(9999, 0, 4, 2);
    check_pairs(0, 1, 4, 2);
    check_pairs(500, 0, 4, 2);
    check_pairs(9999, 0, 4, 2);
    check_pairs(1, 0, 1, 3);
    check_pairs(50000, 0, 1, 3);
}

/* A VF with other mbufs than before must not be given what waits, if all that
 * it sends has to be of one mempool. */
static void
test_one_mempool(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    check_pairs(0, 2, 1, 1);
    check_pairs(100, 2, 2, 2);
    assert_true(seen.keeps_packets);
    script.one_mempool = true;
    check_pairs(0, 4, 2, 2);
    check_pairs(100, 4, 4, 3);
    assert_false(seen.keeps_packets);
}

/* There is no memory for so many. */
static void
test_pairs_without_memory(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    script.max_used = 2;
    check_pairs(0, 4, 1, 1);
    check_pairs(100, 4, 1, 1);
    assert_non_null(strstr(port.reasons[VDPA_REASON_PAIRS],
                           "the guest's 4 queue pairs share 1 of the VF (no "
                           "memory for"));

    /* It tries again, at its leisure. */
    assert_true(port.pairs_due == script.now + 10000);
    script.max_used = 4;
    check_pairs(9999, 4, 1, 1);
    check_pairs(1, 4, 4, 2);
    assert_null(port.reasons[VDPA_REASON_PAIRS]);

    /* Another VF of a guest that is there has as many from the start. */
    assert_int_equal(apply(options_for("b", DPDK_VDPA_MODE_SW)), 0);
    check_pairs(0, 4, 4, 3);
}

static void
test_lro(void **state OVS_UNUSED)
{
    port.withheld = 1ULL << VIRTIO_NET_F_GUEST_TSO6;
    script.lro = true;
    script.guest_features = DPDK_VDPA_VM_LRO_FEATURES;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    vdpa_accelerator_adapt_lro(&port);
    assert_false(dpdk_vdpa_vf_get_config(port.vf)->lro);
    port.withheld = 0;
    vdpa_accelerator_adapt_lro(&port);
    assert_true(dpdk_vdpa_vf_get_config(port.vf)->lro);
    script.guest_features &= ~(1ULL << VIRTIO_NET_F_GUEST_TSO4);
    vdpa_accelerator_adapt_lro(&port);
    assert_false(dpdk_vdpa_vf_get_config(port.vf)->lro);
    script.guest_features = DPDK_VDPA_VM_LRO_FEATURES;
    vdpa_accelerator_adapt_lro(&port);
    assert_true(dpdk_vdpa_vf_get_config(port.vf)->lro);
    port.withheld = 1ULL << VIRTIO_NET_F_GUEST_TSO4;
    vdpa_accelerator_adapt_lro(&port);
    assert_false(dpdk_vdpa_vf_get_config(port.vf)->lro);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_descriptors),
        TEST(test_mtu),
        TEST(test_stopped_with_mtu),
        TEST(test_threads),
        TEST(test_pairs),
        TEST(test_one_mempool),
        TEST(test_pairs_without_memory),
        TEST(test_lro),
    };

    return cmocka_run_group_tests_name("accelerator-vf", tests, NULL, NULL);
}
