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

/* Two pollers of a port, in two threads, write to no cache line in common, nor
 * to one that the other reads: what is of a poller, of a lane and of a ring
 * begins with a line and ends with one.
 *
 * (What vhost/vm.c and netdev-dpdk-vdpa.c keep to themselves is checked where
 * it is declared.) */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dpdk-vdpa-relay.h"
#include "openvswitch/util.h"
#include "relay/lane.h"
#include "util.h"
#include "vhost/notes.h"
#include "vhost/walk-private.h"

#define N_POLLERS 4

static uint16_t
recv_nothing(void *aux OVS_UNUSED, uint16_t queue OVS_UNUSED,
             struct rte_mbuf **pkts OVS_UNUSED, uint16_t n OVS_UNUSED)
{
    return 0;
}

static const struct dpdk_vdpa_end vm = { .recv = recv_nothing };
static const struct dpdk_vdpa_end vf = { .recv = recv_nothing };

/* Returns a relay of a guest with as many queue pairs as pollers, and a VF with
 * 'n_vf_pairs'. */
static struct dpdk_vdpa_relay *
create_relay(unsigned int n_vf_pairs)
{
    struct dpdk_vdpa_relay *relay = dpdk_vdpa_relay_create();
    struct dpdk_vdpa_relay_config config;

    assert_non_null(relay);
    memset(&config, 0, sizeof config);
    config.vm = &vm;
    config.vf = &vf;
    config.n_pollers = N_POLLERS;
    config.n_vf_pairs = n_vf_pairs;
    for (int i = 0; i < N_POLLERS; i++) {
        config.vm_enabled[i] = true;
    }
    dpdk_vdpa_relay_configure(relay, &config);
    return relay;
}

static void
destroy_relay(struct dpdk_vdpa_relay *relay)
{
    struct dpdk_vdpa_relay_config config;

    memset(&config, 0, sizeof config);
    config.n_pollers = config.n_vf_pairs = 1;
    dpdk_vdpa_relay_configure(relay, &config);
    dpdk_vdpa_relay_destroy(relay);
}

static void
check_whole_lines(const void *p, size_t n)
{
    assert_int_equal((uintptr_t) p % CACHE_LINE_SIZE, 0);
    assert_int_equal(n % CACHE_LINE_SIZE, 0);
}

/* Pairs with and without a partner, so that there are lanes of all kinds. */
static void
test_pollers(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_relay *relay = create_relay(2 * N_POLLERS);
    unsigned int n_lanes = 0;

    assert_true(offsetof(struct dpdk_vdpa_relay, config) >= CACHE_LINE_SIZE);
    for (int i = 0; i < N_POLLERS; i++) {
        const struct dpdk_vdpa_poller *poller
            = dpdk_vdpa_relay_get_poller(relay, i);

        check_whole_lines(poller, sizeof *poller);
        for (unsigned int j = 0; j < poller->n_lanes; j++) {
            check_whole_lines(poller->lanes[j], sizeof *poller->lanes[j]);
        }
        for (unsigned int j = 0; j < poller->n_extras; j++) {
            check_whole_lines(poller->extras[j], sizeof *poller->extras[j]);
        }
        n_lanes += poller->n_lanes + poller->n_extras;
    }
    assert_int_equal(n_lanes, N_POLLERS + 2 * N_POLLERS);
    destroy_relay(relay);
}

/* A pair has a poller to itself, if there are so many. */
static void
test_lanes_have_one_poller(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_relay *relay = create_relay(N_POLLERS);

    for (int i = 0; i < N_POLLERS; i++) {
        const struct dpdk_vdpa_poller *poller
            = dpdk_vdpa_relay_get_poller(relay, i);

        assert_int_equal(poller->n_lanes, DPDK_VDPA_N_DIRECTIONS);
        for (unsigned int j = 0; j < poller->n_lanes; j++) {
            assert_int_equal(poller->lanes[j]->source_queue, i);
            assert_int_equal(poller->lanes[j]->sink_queue, i);
        }
        assert_int_equal(poller->n_extras, 0);
        assert_int_equal(dpdk_vdpa_relay_poller_of(relay, i), i);
    }
    destroy_relay(relay);
}

/* What of a lane other threads read is not what a poll that finds nothing
 * writes, nor the other way round. */
static void
test_lane(void **state OVS_UNUSED)
{
    assert_int_equal(offsetof(struct lane, source) % CACHE_LINE_SIZE, 0);
    assert_int_equal(offsetof(struct lane, pending) % CACHE_LINE_SIZE, 0);
    assert_int_equal(offsetof(struct lane, counters) % CACHE_LINE_SIZE, 0);
}

/* The rings of a connection, and what all of its pollers read. */
static void
test_rings(void **state OVS_UNUSED)
{
    assert_int_equal(sizeof(struct walked) % CACHE_LINE_SIZE, 0);
    assert_int_equal(offsetof(struct dpdk_vdpa_walk, rings), 0);
    assert_int_equal(offsetof(struct dpdk_vdpa_walk, book) % CACHE_LINE_SIZE,
                     0);
    assert_true(offsetof(struct dpdk_vdpa_walk, memory)
                > offsetof(struct dpdk_vdpa_walk, book));
}

/* The notes of a ring, in a file that is mapped, at the beginning of a page. */
static void
test_notes(void **state OVS_UNUSED)
{
    assert_int_equal(sizeof(struct dpdk_vdpa_note) % CACHE_LINE_SIZE, 0);
    assert_int_equal(sizeof(struct dpdk_vdpa_undo) % CACHE_LINE_SIZE, 0);
    assert_int_equal(offsetof(struct dpdk_vdpa_notes, rings)
                     % CACHE_LINE_SIZE, 0);
    assert_int_equal(offsetof(struct dpdk_vdpa_notes, undos)
                     % CACHE_LINE_SIZE, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pollers),
        cmocka_unit_test(test_lanes_have_one_poller),
        cmocka_unit_test(test_lane),
        cmocka_unit_test(test_rings),
        cmocka_unit_test(test_notes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
