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

#ifndef RELAY_FIXTURE_H
#define RELAY_FIXTURE_H 1

/* What tests of the relay have in common: a relay between two scripted ends.
 * This includes lib/dpdk-vdpa-relay.c itself. */

#include "lib/dpdk-vdpa-relay.c"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/test-eal.h"

#define MAX_QUEUES 8
#define MAX_SENT 4096
#define FRAME_LEN 64
#define MAX_FRAME_LEN 1522

/* An end that does as it is told, for one or more queues. */
struct script {
    struct dpdk_vdpa_end end;

    /* Source: 'n_input' packets of 'input_len' bytes wait in each queue. */
    unsigned int n_input[MAX_QUEUES];
    uint32_t input_len;
    uint64_t input_flags;               /* RTE_MBUF_F_TX_*, with: */
    uint16_t input_segsz;
    uint16_t input_l4_len;
    unsigned int n_recv_calls;

    /* Sink: room for so many packets, of which one call takes so many. */
    unsigned int room[MAX_QUEUES];
    unsigned int per_call;
    unsigned int n_send_calls;
    int never_fits;                     /* Why not, or -1. */
    unsigned int room_after_never_fits;
    uint32_t sent[MAX_QUEUES][MAX_SENT];        /* Serial numbers. */
    unsigned int n_sent[MAX_QUEUES];
    uint64_t last_flags;
    bool lro_fails;
    unsigned int n_settled[MAX_QUEUES];

    /* Lending. */
    unsigned int n_waiting;             /* Packets, when it was settled. */
    bool replaces;                      /* Them, then. */
    bool has_lent;
    unsigned int n_asked_lent;
    unsigned int n_let_go[MAX_QUEUES];
};

static struct rte_mempool *mempool;
static uint32_t next_serial;

/* Packets carry a serial number, to see that they stay in order. */
static uint16_t
script_recv(void *script_, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
    struct script *s = script_;

    s->n_recv_calls++;
    n = MIN(n, s->n_input[queue]);
    for (int i = 0; i < n; i++) {
        pkts[i] = rte_pktmbuf_alloc(mempool);
        assert_non_null(pkts[i]);
        rte_pktmbuf_append(pkts[i], MIN(s->input_len, MAX_FRAME_LEN + 1));
        pkts[i]->pkt_len = s->input_len;        /* As if it were a chain. */
        pkts[i]->ol_flags |= s->input_flags;
        pkts[i]->l2_len = 14;
        pkts[i]->l3_len = 20;
        pkts[i]->l4_len = s->input_l4_len;
        pkts[i]->tso_segsz = s->input_segsz;
        pkts[i]->hash.usr = next_serial++;
    }
    s->n_input[queue] -= n;
    return n;
}

static uint16_t
script_send(void *script_, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
    struct script *s = script_;

    s->n_send_calls++;
    n = MIN(MIN(n, s->room[queue]), s->per_call);
    for (int i = 0; i < n; i++) {
        s->sent[queue][s->n_sent[queue]++ % MAX_SENT] = pkts[i]->hash.usr;
        s->last_flags = pkts[i]->ol_flags;
        rte_pktmbuf_free(pkts[i]);
    }
    s->room[queue] -= n;
    return n;
}

static int
script_never_fits(void *script_, uint16_t queue,
                  struct rte_mbuf *pkt OVS_UNUSED)
{
    struct script *s = script_;

    s->room[queue] += s->room_after_never_fits;
    return s->never_fits;
}

static inline bool
script_prepare_lro(void *script_, struct rte_mbuf *pkt)
{
    struct script *s = script_;

    pkt->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
    return !s->lro_fails;
}

static void
script_settle(void *script_, uint16_t queue, struct rte_mbuf **pkts,
              uint16_t n)
{
    struct script *s = script_;

    s->n_settled[queue]++;
    s->n_waiting = n;
    for (uint16_t i = 0; s->replaces && i < n; i++) {
        struct rte_mbuf *copy = rte_pktmbuf_copy(pkts[i], mempool, 0,
                                                 UINT32_MAX);

        assert_non_null(copy);
        copy->hash.usr = pkts[i]->hash.usr;
        rte_pktmbuf_free(pkts[i]);
        pkts[i] = copy;
    }
}

static bool
script_has_lent(void *script_, uint16_t queue OVS_UNUSED)
{
    struct script *s = script_;

    s->n_asked_lent++;
    return s->has_lent;
}

static void
script_let_go(void *script_, uint16_t queue)
{
    struct script *s = script_;

    s->n_let_go[queue]++;
}

struct fixture {
    struct script vm;
    struct script vf;
    struct dpdk_vdpa_relay *relay;
    struct dpdk_vdpa_relay_config config;
};

static void
script_init(struct script *s)
{
    memset(s, 0, sizeof *s);
    s->end.aux = s;
    s->end.recv = script_recv;
    s->end.send = script_send;
    s->end.never_fits = script_never_fits;
    s->end.settle = script_settle;
    s->end.has_lent = script_has_lent;
    s->end.let_go = script_let_go;
    s->never_fits = -1;
    s->input_len = FRAME_LEN;
    s->per_call = UINT_MAX;
    for (int i = 0; i < MAX_QUEUES; i++) {
        s->room[i] = UINT_MAX;
    }
}

/* A relay with one queue pair, connected. */
static int
setup(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);

    next_serial = 0;
    script_init(&f->vm);
    script_init(&f->vf);
    f->relay = dpdk_vdpa_relay_create();
    assert_non_null(f->relay);
    f->config.vm = &f->vm.end;
    f->config.vf = &f->vf.end;
    f->config.n_vf_pairs = 1;
    f->config.vm_enabled[0] = true;
    f->config.n_pollers = 1;
    f->config.max_frame_len = MAX_FRAME_LEN;
    f->config.vf_rxq_size = 64;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    *state = f;
    return 0;
}

/* Whatever a test did, every mbuf comes back. */
static int
teardown(void **state)
{
    struct fixture *f = *state;

    f->config.vm = NULL;
    f->config.vf = NULL;
    f->config.paused = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    dpdk_vdpa_relay_destroy(f->relay);
    assert_true(rte_mempool_full(mempool));
    free(f);
    return 0;
}

static unsigned int
poll_one(struct fixture *f, unsigned int poller)
{
    return dpdk_vdpa_relay_poll(dpdk_vdpa_relay_get_poller(f->relay, poller),
                                false);
}

static struct dpdk_vdpa_counters
get_counters(struct fixture *f, enum dpdk_vdpa_direction dir)
{
    struct dpdk_vdpa_counters c;

    memset(&c, 0, sizeof c);
    for (unsigned int i = 0; i < dpdk_vdpa_relay_n_lanes(f->relay); i++) {
        dpdk_vdpa_relay_add_counters(f->relay, dir, i, &c);
    }
    return c;
}

/* The law of conservation. */
static void
check_conservation(struct fixture *f)
{
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        struct dpdk_vdpa_counters c = get_counters(f, dir);
        uint64_t drops = 0;

        for (int i = 0; i < DPDK_VDPA_N_DROP_REASONS; i++) {
            drops += c.drops[i];
        }
        assert_int_equal(c.rx_packets, c.tx_packets + drops + c.pending);
    }
}

static inline void
check_in_order(const struct script *s, unsigned int queue, unsigned int n)
{
    assert_int_equal(s->n_sent[queue], n);
    for (unsigned int i = 1; i < n; i++) {
        assert_true(s->sent[queue][i] > s->sent[queue][i - 1]);
    }
}

static int
setup_eal(void **state OVS_UNUSED)
{
    mempool = test_eal_mempool(4095);
    return mempool ? 0 : -1;
}

#endif /* relay-fixture.h */
