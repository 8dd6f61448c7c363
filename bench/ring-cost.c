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

/* Instructions of the walk over a virtqueue, for bench/relay-cost.sh: packets
 * of 64 bytes in bursts of 32, from and to a guest, and the look at a ring
 * that shows none. */

#include <config.h>

#if defined __has_include
#if __has_include(<valgrind/callgrind.h>)
#define HAVE_CALLGRIND 1
#endif
#endif

#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_CALLGRIND
#include <valgrind/callgrind.h>

#include <linux/virtio_config.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "vhost/ring.h"
#include "openvswitch/util.h"
#include "tests/unit/test-guest.h"
#include "util.h"

#define N_BURSTS 100
#define BURST 32
#define RING_SIZE 256
#define FRAME_LEN 64
#define HEADER_LEN 12

static struct rte_mempool *mempool;
static struct rte_mbuf *pkts[BURST];
static struct guest guest;
static struct dpdk_vdpa_ring ring;
static uint32_t span;

static void
ring_create(bool packed)
{
    dpdk_vdpa_ring_init(&ring, (1ULL << VIRTIO_F_VERSION_1
                                | (uint64_t) packed << VIRTIO_F_RING_PACKED));
    guest_init(&guest, packed, RING_SIZE, packed ? GUEST_WRAP : 0);
    if (packed) {
        ring.packed.desc = guest.packed_desc;
        ring.packed.driver_event = guest.driver_event;
    } else {
        ring.split.desc = guest.desc;
        ring.split.avail = guest.avail;
        ring.split.used = guest.used;
    }
    ring.size = RING_SIZE;
    ring.next_avail = ring.next_used = packed ? GUEST_WRAP : 0;
    ring.span = &span;
    ring.memory = &guest.memory;
    ring.region = guest.memory.regions;
}

/* Has the guest take back what was used, and offer 'n' buffers, all in one
 * region of its memory. */
static void
guest_turn(unsigned int n, uint16_t flags)
{
    uint32_t id, len;
    uint16_t used;

    while (guest_take_back(&guest, &id, &len, &used)) {
        continue;
    }
    for (unsigned int i = 0; i < n; i++) {
        guest_offer(&guest, guest_buf(2 * i), HEADER_LEN + FRAME_LEN, flags);
    }
}

static unsigned int
check(unsigned int moved, unsigned int want)
{
    if (moved != want) {
        ovs_fatal(0, "ring-cost: %u packets moved in place of %u", moved,
                  want);
    }
    return want;
}

/* Receives bursts of 'n' packets. */
static unsigned int
run_recv(bool packed, unsigned int n)
{
    unsigned int moved = 0;

    ring_create(packed);
    for (int i = 0; i < N_BURSTS; i++) {
        unsigned int got;

        guest_turn(n, 0);
        CALLGRIND_TOGGLE_COLLECT;
        got = dpdk_vdpa_ring_recv(&ring, mempool, pkts, BURST);
        CALLGRIND_TOGGLE_COLLECT;
        rte_pktmbuf_free_bulk(pkts, got);
        moved += got;
    }
    guest_destroy(&guest);
    return check(moved, N_BURSTS * n);
}

static unsigned int
run_send(bool packed)
{
    unsigned int moved = 0;

    ring_create(packed);
    if (rte_pktmbuf_alloc_bulk(mempool, pkts, BURST)) {
        ovs_fatal(0, "ring-cost: there are too few mbufs");
    }
    for (int i = 0; i < BURST; i++) {
        rte_pktmbuf_append(pkts[i], FRAME_LEN);
    }
    for (int i = 0; i < N_BURSTS; i++) {
        guest_turn(BURST, VRING_DESC_F_WRITE);
        CALLGRIND_TOGGLE_COLLECT;
        moved += dpdk_vdpa_ring_send(&ring, pkts, BURST);
        CALLGRIND_TOGGLE_COLLECT;
    }
    rte_pktmbuf_free_bulk(pkts, BURST);
    guest_destroy(&guest);
    return check(moved, N_BURSTS * BURST);
}

static unsigned int
run_recv_split(void)
{
    return run_recv(false, BURST);
}

static unsigned int
run_recv_packed(void)
{
    return run_recv(true, BURST);
}

static unsigned int
run_send_split(void)
{
    return run_send(false);
}

static unsigned int
run_send_packed(void)
{
    return run_send(true);
}

static unsigned int
run_idle_split(void)
{
    run_recv(false, 0);
    return N_BURSTS;
}

static unsigned int
run_idle_packed(void)
{
    run_recv(true, 0);
    return N_BURSTS;
}

/* What is counted.  'run' returns how many units it was good for. */
static const struct figure {
    const char *name;
    unsigned int (*run)(void);
} figures[] = {
    { "recv-split", run_recv_split },
    { "recv-packed", run_recv_packed },
    { "send-split", run_send_split },
    { "send-packed", run_send_packed },
    { "idle-split", run_idle_split },
    { "idle-packed", run_idle_packed },
};

int
main(void)
{
    char *argv[] = {
        "ring-cost", "--no-huge", "--no-shconf", "--no-pci", "-m", "64",
        "--no-telemetry", "-l", "0", "--log-level=error",
    };

    if (rte_eal_init(ARRAY_SIZE(argv), argv) < 0) {
        ovs_fatal(0, "ring-cost: DPDK does not start");
    }
    mempool = rte_pktmbuf_pool_create("cost", 1023, 128, 0,
                                      RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    if (!mempool) {
        ovs_fatal(0, "ring-cost: there is too little memory for mbufs");
    }
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        unsigned int units;

        figures[i].run();               /* Whatever the first time brings. */
        CALLGRIND_ZERO_STATS;
        units = figures[i].run();
        CALLGRIND_DUMP_STATS_AT(figures[i].name);
        printf("%s %u\n", figures[i].name, units);
    }
    return 0;
}

#else
int
main(void)
{
    fprintf(stderr, "ring-cost was built without valgrind/callgrind.h: "
            "install valgrind, then build again\n");
    return 77;
}
#endif
