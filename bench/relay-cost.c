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

/* The relay alone, between two ends that do nothing, for bench/relay-cost.sh
 * to count its instructions under callgrind.
 *
 * Each of 'figures' is run between two marks.  For it one line "NAME UNITS"
 * goes to standard output, and callgrind writes a dump that bears its name.
 * What the ends do themselves is not counted. */

#if defined __has_include
#if __has_include(<valgrind/callgrind.h>)
#define HAVE_CALLGRIND 1
#endif
#endif

#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_CALLGRIND
#include <valgrind/callgrind.h>

#include <rte_mbuf.h>

#include "dpdk-vdpa-relay.h"
#include "openvswitch/util.h"
#include "util.h"

#define N_POLLS 1000
#define BURST 32
#define FRAME_LEN 64
#define MAX_FRAME_LEN 1522

/* Packets that every end gives, again and again. */
static struct rte_mbuf mbufs[BURST];

/* An end that gives 'n_input' packets and takes all that there are. */
struct cost_end {
    struct dpdk_vdpa_end end;
    unsigned int n_input;
};

static uint16_t
cost_recv(void *end_, uint16_t queue OVS_UNUSED, struct rte_mbuf **pkts,
          uint16_t n)
{
    struct cost_end *end = end_;

    CALLGRIND_TOGGLE_COLLECT;
    n = MIN(n, end->n_input);
    end->n_input -= n;
    for (unsigned int i = 0; i < n; i++) {
        pkts[i] = &mbufs[i % BURST];
    }
    CALLGRIND_TOGGLE_COLLECT;
    return n;
}

static uint16_t
cost_send(void *end_ OVS_UNUSED, uint16_t queue OVS_UNUSED,
          struct rte_mbuf **pkts OVS_UNUSED, uint16_t n)
{
    return n;
}

static struct cost_end vm = {
    .end = { .aux = &vm, .recv = cost_recv, .send = cost_send },
};
static struct cost_end vf = {
    .end = { .aux = &vf, .recv = cost_recv, .send = cost_send },
};

static struct dpdk_vdpa_poller *poller;

/* Lets the relay move bursts of 'n' packets from each end. */
static unsigned int
run_bursts(unsigned int n_vm, unsigned int n_vf)
{
    unsigned int moved = 0;

    for (int i = 0; i < N_POLLS; i++) {
        vm.n_input = n_vm;
        vf.n_input = n_vf;
        CALLGRIND_TOGGLE_COLLECT;
        moved += dpdk_vdpa_relay_poll(poller, false);
        CALLGRIND_TOGGLE_COLLECT;
    }
    if (moved != N_POLLS * (n_vm + n_vf)) {
        ovs_fatal(0, "relay-cost: %u packets moved in place of %u", moved,
                  N_POLLS * (n_vm + n_vf));
    }
    return moved;
}

static unsigned int
run_vm_to_vf(void)
{
    return run_bursts(BURST, 0);
}

static unsigned int
run_vf_to_vm(void)
{
    return run_bursts(0, BURST);
}

/* Single packets, as with little traffic. */
static unsigned int
run_single(void)
{
    return run_bursts(1, 1);
}

static unsigned int
run_idle(void)
{
    run_bursts(0, 0);
    return N_POLLS;
}

/* What is counted.  'run' returns how many units it was good for. */
static const struct figure {
    const char *name;
    unsigned int (*run)(void);
} figures[] = {
    { "packet-vm-to-vf", run_vm_to_vf },
    { "packet-vf-to-vm", run_vf_to_vm },
    { "packet-single", run_single },
    { "idle-poll", run_idle },
};

static struct dpdk_vdpa_relay *
create_relay(void)
{
    struct dpdk_vdpa_relay_config config = {
        .vm = &vm.end,
        .vf = &vf.end,
        .n_vf_pairs = 1,
        .vm_enabled[0] = true,
        .n_pollers = 1,
        .tx_retries_max = 8,
        .max_frame_len = MAX_FRAME_LEN,
        .vf_rxq_size = 1024,
    };
    struct dpdk_vdpa_relay *relay = dpdk_vdpa_relay_create();

    if (!relay) {
        ovs_fatal(errno, "relay-cost: the relay cannot be created");
    }
    for (int i = 0; i < BURST; i++) {
        mbufs[i].data_len = mbufs[i].pkt_len = FRAME_LEN;
        mbufs[i].nb_segs = 1;
    }
    dpdk_vdpa_relay_configure(relay, &config);
    poller = dpdk_vdpa_relay_get_poller(relay, 0);
    return relay;
}

int
main(void)
{
    struct dpdk_vdpa_relay_config gone = { .n_vf_pairs = 1, .n_pollers = 1 };
    struct dpdk_vdpa_relay *relay = create_relay();

    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        unsigned int units;

        figures[i].run();               /* Whatever the first time brings. */
        CALLGRIND_ZERO_STATS;
        units = figures[i].run();
        CALLGRIND_DUMP_STATS_AT(figures[i].name);
        printf("%s %u\n", figures[i].name, units);
    }
    dpdk_vdpa_relay_configure(relay, &gone);
    dpdk_vdpa_relay_destroy(relay);
    return 0;
}

#else
int
main(void)
{
    fprintf(stderr, "relay-cost was built without valgrind/callgrind.h: "
            "install valgrind, then build again\n");
    return 77;
}
#endif
