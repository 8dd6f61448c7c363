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

/* Unit tests of the relay: what becomes of packets. */

#include <config.h>

#include "tests/unit/relay-fixture.h"

/* Polls until all extra lanes had their turn. */
static unsigned int
poll_all(struct fixture *f, unsigned int poller)
{
    unsigned int n = 0;

    for (int i = 0; i < EXTRA_INTERVAL * MAX_QUEUES; i++) {
        n += poll_one(f, poller);
    }
    return n;
}

static void
test_same_poll(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->vm.n_input[0] = 3;
    f->vf.n_input[0] = 20;
    assert_int_equal(poll_one(f, 0), 23);

    check_in_order(&f->vf, 0, 3);
    check_in_order(&f->vm, 0, 20);
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.rx_packets, 3);
    assert_int_equal(c.rx_bytes, 3 * FRAME_LEN);
    assert_int_equal(c.tx_packets, 3);
    assert_int_equal(c.tx_bytes, 3 * FRAME_LEN);
    check_conservation(f);
    assert_int_equal(poll_one(f, 0), 0);
}

static void
test_partial_acceptance(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;
    unsigned int n_recv_calls;

    f->vm.n_input[0] = 40;
    f->vf.room[0] = 10;
    assert_int_equal(poll_one(f, 0), 32);
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.tx_packets, 10);
    assert_int_equal(c.tx_bytes, 10 * FRAME_LEN);
    assert_int_equal(c.pending, 22);
    check_conservation(f);

    /* The source is left alone while anything is pending. */
    n_recv_calls = f->vm.n_recv_calls;
    f->vf.room[0] = 5;
    assert_int_equal(poll_one(f, 0), 5);
    assert_int_equal(f->vm.n_recv_calls, n_recv_calls);
    assert_int_equal(f->vm.n_input[0], 8);

    f->vf.room[0] = UINT_MAX;
    assert_int_equal(poll_one(f, 0), 17);
    assert_int_equal(poll_one(f, 0), 8);
    check_in_order(&f->vf, 0, 40);
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.tx_bytes, 40 * FRAME_LEN);
    check_conservation(f);
}

static void
test_never_fits(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    /* All that is pending turns out not to fit.  One goes per check. */
    f->vf.n_input[0] = 2;
    f->vm.room[0] = 0;
    f->vm.never_fits = DPDK_VDPA_DROP_OVERSIZE;
    assert_int_equal(poll_one(f, 0), 2);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_OVERSIZE], 1);
    assert_int_equal(c.pending, 1);

    /* The next one fits, so it does go out. */
    f->vm.room[0] = 1;
    assert_int_equal(poll_one(f, 0), 1);
    check_in_order(&f->vm, 0, 1);
    check_conservation(f);
}

/* A buffer that no packet fits takes one with it, and no more. */
static void
test_bad_buffer(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->vf.n_input[0] = 3;
    f->vm.room[0] = 0;
    f->vm.never_fits = DPDK_VDPA_DROP_BAD_BUFFER;
    f->vm.room_after_never_fits = 8;
    poll_one(f, 0);
    poll_one(f, 0);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.tx_packets, 2);
    assert_int_equal(c.tx_bytes, 2 * FRAME_LEN);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_BAD_BUFFER], 1);
    check_conservation(f);
}

/* Room may come between the refusal and the question. */
static void
test_never_fits_race(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->vf.n_input[0] = 3;
    f->vm.room[0] = 0;
    f->vm.never_fits = DPDK_VDPA_DROP_OVERSIZE;
    f->vm.room_after_never_fits = 8;
    poll_one(f, 0);
    poll_one(f, 0);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.tx_packets, 3);
    assert_int_equal(c.tx_bytes, 3 * FRAME_LEN);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_OVERSIZE], 0);
    check_in_order(&f->vm, 0, 3);
    check_conservation(f);
}

/* A sink that can take nothing at all is not asked all the time. */
static void
test_bad_lengths(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->vm.n_input[0] = 4;
    f->vm.input_len = MAX_FRAME_LEN + 1;
    poll_one(f, 0);
    f->vm.n_input[0] = 4;
    f->vm.input_len = ETH_HEADER_LEN - 1;
    poll_one(f, 0);
    f->vm.n_input[0] = 4;
    f->vm.input_len = 0;
    poll_one(f, 0);
    assert_int_equal(f->vf.n_sent[0], 0);

    f->vm.n_input[0] = 1;
    f->vm.input_len = MAX_FRAME_LEN;
    poll_one(f, 0);
    f->vm.n_input[0] = 1;
    f->vm.input_len = ETH_HEADER_LEN;
    poll_one(f, 0);

    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_OVERSIZE], 4);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_MALFORMED], 8);
    assert_int_equal(c.tx_packets, 2);
    assert_int_equal(c.tx_bytes, MAX_FRAME_LEN + ETH_HEADER_LEN);
    check_conservation(f);
}

/* A policer that lets 'n' frames of FRAME_LEN pass, and then hardly any. */
static struct dpdk_vdpa_policer *
let_pass(unsigned int n)
{
    const struct dpdk_vdpa_policer_config config = {
        .n_meters = 1,
        .meters[0].committed = { 1, n * (FRAME_LEN - ETH_HEADER_LEN) },
    };

    return dpdk_vdpa_policer_create(&config);
}

/* Each direction has a policer of its own, which all of its lanes share. */
static void
test_policers(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_policer *up = let_pass(40), *down = let_pass(7);
    struct dpdk_vdpa_counters c;

    f->config.n_vf_pairs = 2;
    f->config.vm_enabled[1] = true;
    f->config.policers[DPDK_VDPA_VM_TO_VF] = up;
    f->config.policers[DPDK_VDPA_VF_TO_VM] = down;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vm.n_input[0] = f->vm.n_input[1] = 30;
    f->vf.n_input[0] = f->vf.n_input[1] = 30;
    poll_one(f, 0);
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.rx_packets, 60);
    assert_int_equal(c.tx_packets, 40);
    assert_int_equal(c.tx_bytes, 40 * FRAME_LEN);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_POLICED], 20);
    check_in_order(&f->vf, 0, 30);
    check_in_order(&f->vf, 1, 10);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.tx_packets, 7);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_POLICED], 53);
    check_conservation(f);

    /* The shortest frames there are count as well. */
    f->vm.input_len = ETH_HEADER_LEN;
    f->vm.n_input[0] = 1;
    poll_one(f, 0);
    assert_int_equal(f->vf.n_sent[0], 31);

    /* Without policers all pass. */
    memset(f->config.policers, 0, sizeof f->config.policers);
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    dpdk_vdpa_policer_destroy(up);
    dpdk_vdpa_policer_destroy(down);
    f->vf.n_input[0] = 30;
    poll_one(f, 0);
    check_in_order(&f->vm, 0, 37);
    check_conservation(f);
}

/* What has nowhere to go, or is not for relaying anyway, uses up nothing. */
static void
test_policer_sees_good_packets(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_policer *up = let_pass(5);
    struct dpdk_vdpa_counters c;

    f->config.policers[DPDK_VDPA_VM_TO_VF] = up;
    f->config.vf = NULL;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vm.n_input[0] = 30;
    poll_one(f, 0);
    f->config.vf = &f->vf.end;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vm.input_len = MAX_FRAME_LEN + 1;
    f->vm.n_input[0] = 30;
    poll_one(f, 0);
    f->vm.input_len = FRAME_LEN;
    f->vm.n_input[0] = 30;
    poll_one(f, 0);
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VF_DOWN], 30);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_OVERSIZE], 30);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_POLICED], 25);
    assert_int_equal(c.tx_packets, 5);
    check_conservation(f);
    memset(f->config.policers, 0, sizeof f->config.policers);
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    dpdk_vdpa_policer_destroy(up);
}

#define CHECKSUM_FLAGS (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 \
                        | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM)
#define TSO_FLAGS (CHECKSUM_FLAGS | RTE_MBUF_F_TX_TCP_SEG)

/* Sends a packet from the guest and returns whether it reached the VF. */
static bool
send_offload(struct fixture *f, uint32_t len, uint64_t flags, uint16_t segsz,
             uint16_t l4_len)
{
    unsigned int n = f->vf.n_sent[0];

    f->vm.n_input[0] = 1;
    f->vm.input_len = len;
    f->vm.input_flags = flags;
    f->vm.input_segsz = segsz;
    f->vm.input_l4_len = l4_len;
    poll_one(f, 0);
    return f->vf.n_sent[0] > n;
}

static void
test_no_offloads(void **state)
{
    struct fixture *f = *state;

    assert_true(send_offload(f, 1000, 0, 0, 0));
    assert_false(send_offload(f, 1000, RTE_MBUF_F_TX_TCP_CKSUM, 0, 0));
    assert_false(send_offload(f, 1000, RTE_MBUF_F_TX_TCP_SEG, 500, 20));
    assert_int_equal(get_counters(f, DPDK_VDPA_VM_TO_VF)
                     .drops[DPDK_VDPA_DROP_BAD_OFFLOAD], 2);
    check_conservation(f);
}

static void
test_offloads(void **state)
{
    const uint64_t tso = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->config.tx_offloads = CHECKSUM_FLAGS;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_true(send_offload(f, 1000, RTE_MBUF_F_TX_UDP_CKSUM, 0, 0));
    assert_false(send_offload(f, 60000, tso, 1448, 20));
    assert_false(send_offload(f, 1000, RTE_MBUF_F_TX_SCTP_CKSUM, 0, 0));

    f->config.tx_offloads = TSO_FLAGS;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_true(send_offload(f, 60000, tso, 1448, 20));
    assert_int_equal(f->vf.last_flags & RTE_MBUF_F_TX_OFFLOAD_MASK,
                     tso | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM);
    assert_true(send_offload(f, UINT16_MAX + ETH_HEADER_LEN, tso, 1400, 60));

    /* Not to be segmented, so no longer than a frame. */
    assert_false(send_offload(f, 60000, RTE_MBUF_F_TX_TCP_CKSUM, 0, 0));
    assert_false(send_offload(f, UINT16_MAX + 100, tso, 1448, 20));

    /* Impossible lengths. */
    assert_false(send_offload(f, 60000, tso, 0, 20));
    assert_false(send_offload(f, 60000, tso, 1, 20));
    assert_false(send_offload(f, 60000, tso, 9000, 20));
    assert_false(send_offload(f, 60000, tso, 1448, 0));
    assert_false(send_offload(f, 60000, tso, 1448, 16));
    assert_false(send_offload(f, 54, tso, 1448, 20));
    assert_false(send_offload(f, 40, tso, 1448, 20));

    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_OVERSIZE], 2);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_BAD_OFFLOAD], 9);
    assert_int_equal(c.tx_packets, 3);
    check_conservation(f);
}

/* Gives the VF a packet put together from segments and returns true if it went
 * through. */
static bool
receive_lro(struct fixture *f, uint32_t len)
{
    unsigned int n_sent = f->vm.n_sent[0];

    f->vf.n_input[0] = 1;
    f->vf.input_len = len;
    f->vf.input_flags = RTE_MBUF_F_RX_LRO;
    assert_int_equal(poll_one(f, 0), 1);
    return f->vm.n_sent[0] > n_sent;
}

static void
test_lro(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    assert_false(receive_lro(f, 1500));         /* Not asked for. */

    f->config.lro = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_false(receive_lro(f, 1500));         /* Not taken. */
    f->vm.end.prepare_lro = script_prepare_lro;
    assert_true(receive_lro(f, 1500));
    assert_true(receive_lro(f, UINT16_MAX + ETH_HEADER_LEN));
    assert_true(f->vm.last_flags & RTE_MBUF_F_TX_TCP_SEG);
    assert_false(receive_lro(f, UINT16_MAX + 100));
    f->vm.lro_fails = true;
    assert_false(receive_lro(f, 1500));

    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_OVERSIZE], 1);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_BAD_OFFLOAD], 3);
    check_conservation(f);
}

/* What a VF says of checksums is none of the relay's business, unless one is
 * not there: then it is finished. */
static void
test_checksums(void **state)
{
    static const struct {
        uint64_t before, after;
    } cases[] = {
        { RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_GOOD },
        { RTE_MBUF_F_RX_L4_CKSUM_BAD, RTE_MBUF_F_RX_L4_CKSUM_BAD },
        { RTE_MBUF_F_RX_L4_CKSUM_NONE, 0 },     /* It is no IP at all. */
    };
    struct fixture *f = *state;

    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        f->vf.n_input[0] = 1;
        f->vf.input_flags = cases[i].before;
        assert_int_equal(poll_one(f, 0), 1);
        assert_int_equal(f->vm.last_flags, cases[i].after);
    }
    assert_int_equal(get_counters(f, DPDK_VDPA_VF_TO_VM).tx_packets, 3);
    check_conservation(f);
}

struct observed {
    unsigned int n[DPDK_VDPA_N_DIRECTIONS];
    uint64_t bytes[DPDK_VDPA_N_DIRECTIONS];
    uint16_t queue;
};

static void
observe(void *observed_, enum dpdk_vdpa_direction dir, uint16_t queue,
        struct rte_mbuf *const *pkts, unsigned int n)
{
    struct observed *o = observed_;

    o->n[dir] += n;
    o->queue = queue;
    for (unsigned int i = 0; i < n; i++) {
        o->bytes[dir] += pkts[i]->pkt_len;
    }
}

/* An observer sees what comes, also what is dropped. */
static void
test_observer(void **state)
{
    struct fixture *f = *state;
    struct observed o;
    const struct dpdk_vdpa_observer observer = {
        .aux = &o, .observe = observe,
    };

    memset(&o, 0, sizeof o);
    f->config.n_vf_pairs = 2;
    f->config.vm_enabled[1] = true;
    f->config.observer = &observer;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vm.n_input[1] = 3;
    f->vf.n_input[1] = 40;
    f->vf.input_len = MAX_FRAME_LEN + 1;
    poll_all(f, 0);
    assert_int_equal(o.n[DPDK_VDPA_VM_TO_VF], 3);
    assert_int_equal(o.n[DPDK_VDPA_VF_TO_VM], 40);
    assert_int_equal(o.bytes[DPDK_VDPA_VM_TO_VF], 3 * FRAME_LEN);
    assert_int_equal(o.bytes[DPDK_VDPA_VF_TO_VM], 40 * (MAX_FRAME_LEN + 1));
    assert_int_equal(o.queue, 1);

    f->config.observer = NULL;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vm.n_input[0] = 3;
    poll_all(f, 0);
    assert_int_equal(o.n[DPDK_VDPA_VM_TO_VF], 3);
    check_conservation(f);
}

/* A VF may refuse a packet for good, too. */
static void
test_vf_refuses(void **state)
{
    struct fixture *f = *state;

    f->vf.never_fits = DPDK_VDPA_DROP_BAD_OFFLOAD;
    f->vf.room[0] = 0;
    f->vm.n_input[0] = 1;
    poll_one(f, 0);
    assert_int_equal(get_counters(f, DPDK_VDPA_VM_TO_VF)
                     .drops[DPDK_VDPA_DROP_BAD_OFFLOAD], 1);
    check_conservation(f);
}

static void
test_retries(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->config.tx_retries_max = 3;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vf.n_input[0] = 10;
    f->vm.per_call = 1;
    poll_one(f, 0);
    assert_int_equal(f->vm.n_send_calls, 4);
    assert_int_equal(f->vm.n_sent[0], 4);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.retries, 3);
    assert_int_equal(c.pending, 6);

    /* A ring that takes nothing is not tried again at once. */
    f->vm.room[0] = 0;
    poll_one(f, 0);
    assert_int_equal(f->vm.n_send_calls, 5);

    /* Towards the VF there are no retries. */
    f->vm.n_input[0] = 10;
    f->vf.per_call = 1;
    poll_one(f, 0);
    assert_int_equal(f->vf.n_send_calls, 1);
    check_conservation(f);
}

static void
test_vm_disconnects(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->vf.n_input[0] = 5;
    f->vm.room[0] = 2;
    f->vm.n_input[0] = 6;
    f->vf.room[0] = 1;
    poll_one(f, 0);

    /* What the guest sent still goes out, as far as there is room. */
    f->vf.room[0] = 3;
    f->vf.n_input[0] = 4;
    f->config.vm = NULL;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.tx_packets, 4);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VM_DISCONNECTED], 2);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.tx_packets, 2);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VM_DISCONNECTED], 3);

    /* What comes for it later is dropped. */
    poll_one(f, 0);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VM_DISCONNECTED], 7);
    assert_int_equal(f->vm.n_sent[0], 2);
    check_conservation(f);
}

/* A guest does not see what came before it. */
static void
test_drain_on_connect(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->config.vm = NULL;
    f->config.paused = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vf.n_input[0] = 50;
    f->config.vm = &f->vm.end;
    f->config.paused = false;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    poll_one(f, 0);
    assert_int_equal(f->vm.n_sent[0], 0);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VM_DISCONNECTED], 50);

    /* The VF may receive faster than we drain: that has a bound. */
    f->config.vm = NULL;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vf.n_input[0] = 1000000;
    f->config.vm = &f->vm.end;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_true(f->vf.n_input[0] > 999000);
    check_conservation(f);
}

static void
test_vf_goes(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->vm.n_input[0] = 6;
    f->vf.room[0] = 1;
    f->vf.n_input[0] = 4;
    f->vm.room[0] = 1;
    poll_one(f, 0);

    /* The sink is gone and must not be touched. */
    f->vf.end.send = NULL;
    f->vf.end.recv = NULL;
    f->vm.room[0] = 2;
    f->config.vf = NULL;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VF_DOWN], 5);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.tx_packets, 3);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VF_DOWN], 1);

    /* What the guest sends meanwhile is dropped too. */
    f->vm.n_input[0] = 10;
    poll_one(f, 0);
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_VF_DOWN], 15);
    check_conservation(f);
}

static void
test_queue_disabled(void **state)
{
    struct fixture *f = *state;
    struct dpdk_vdpa_counters c;

    f->config.n_vf_pairs = 4;
    f->config.vm_enabled[2] = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);

    /* Packets in queues that the guest does not have go to those it has. */
    for (int i = 0; i < 4; i++) {
        f->vf.n_input[i] = 10;
        f->vm.n_input[i] = 10;
    }
    poll_all(f, 0);
    assert_int_equal(f->vm.n_sent[0] + f->vm.n_sent[2], 40);
    assert_int_equal(f->vm.n_sent[1] + f->vm.n_sent[3], 0);

    /* The guest's disabled queues are not polled. */
    assert_int_equal(f->vm.n_input[1], 10);
    assert_int_equal(f->vm.n_input[3], 10);
    assert_int_equal(f->vf.n_sent[0] + f->vf.n_sent[2], 20);

    /* With no queue at all there is nowhere to go. */
    f->config.vm_enabled[0] = f->config.vm_enabled[2] = false;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vf.n_input[3] = 10;
    poll_all(f, 0);
    c = get_counters(f, DPDK_VDPA_VF_TO_VM);
    assert_int_equal(c.drops[DPDK_VDPA_DROP_QUEUE_DISABLED], 10);
    check_conservation(f);
}

/* What a guest's queue sent goes out even if it is disabled thereafter. */
static void
test_disabled_with_pending(void **state)
{
    struct fixture *f = *state;

    f->config.n_vf_pairs = 2;
    f->config.vm_enabled[1] = true;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vm.n_input[1] = 10;
    f->vf.room[1] = 4;
    poll_one(f, 0);
    assert_int_equal(f->vf.n_sent[1], 4);

    f->config.vm_enabled[1] = false;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vf.room[1] = UINT_MAX;
    poll_one(f, 0);
    check_in_order(&f->vf, 1, 10);
    check_conservation(f);
}

/* A guest with more queues than the VF shares the VF's. */
static void
test_more_guest_queues(void **state)
{
    struct fixture *f = *state;

    f->config.n_vf_pairs = 2;
    for (int i = 0; i < 5; i++) {
        f->config.vm_enabled[i] = true;
        f->vm.n_input[i] = 10;
    }
    f->config.n_pollers = 2;
    dpdk_vdpa_relay_configure(f->relay, &f->config);

    /* Guest queues 0, 2 and 4 share the VF's queue 0, so that one poller must
     * serve them. */
    poll_one(f, 0);
    assert_int_equal(f->vf.n_sent[0], 30);
    assert_int_equal(f->vf.n_sent[1], 0);
    poll_one(f, 1);
    assert_int_equal(f->vf.n_sent[1], 20);
    check_conservation(f);
}

static void
test_pollers(void **state)
{
    struct fixture *f = *state;

    f->config.n_vf_pairs = 4;
    f->config.n_pollers = 2;
    for (int i = 0; i < 4; i++) {
        f->config.vm_enabled[i] = true;
        f->vf.n_input[i] = 1;
    }
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    assert_int_equal(poll_one(f, 1), 2);
    assert_int_equal(f->vm.n_sent[1] + f->vm.n_sent[3], 2);
    assert_int_equal(poll_one(f, 0), 2);
    assert_int_equal(f->vm.n_sent[0] + f->vm.n_sent[2], 2);

    /* A packet of a disabled queue must go through the poller of the queue
     * that it is given to. */
    f->config.vm_enabled[1] = f->config.vm_enabled[2] = false;
    f->config.vm_enabled[3] = false;
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    f->vf.n_input[1] = f->vf.n_input[3] = 1;
    assert_int_equal(poll_all(f, 1), 0);
    assert_int_equal(poll_all(f, 0), 2);
    assert_int_equal(f->vm.n_sent[0], 3);
    check_conservation(f);
}

static void
test_counters_wrap(void **state)
{
    struct fixture *f = *state;
    struct lane *lane = f->relay->lanes[DPDK_VDPA_VM_TO_VF][0];
    struct dpdk_vdpa_counters c;

    atomic_store_relaxed(&lane->counters.rx_packets, UINT64_MAX - 2);
    atomic_store_relaxed(&lane->counters.tx_packets, UINT64_MAX - 2);
    f->vm.n_input[0] = 10;
    f->vf.room[0] = 6;
    poll_one(f, 0);
    c = get_counters(f, DPDK_VDPA_VM_TO_VF);
    assert_int_equal(c.rx_packets, 7);
    assert_int_equal(c.tx_packets, 3);
    check_conservation(f);
}

/* Two threads poll while the ends come and go.  An end that is absent is
 * poisoned: whoever calls it then dies. */
struct pollers {
    struct fixture *f;
    atomic_bool stop;
    atomic_uint64_t n_polls;
};

static void *
poller_main(void *aux)
{
    struct pollers *p = aux;
    static atomic_uint next = 0;
    unsigned int i, n;
    bool stop;

    atomic_add(&next, 1, &i);
    do {
        poll_one(p->f, i % 2);
        atomic_add_relaxed(&p->n_polls, 1, &n);
        atomic_read(&p->stop, &stop);
    } while (!stop);
    return NULL;
}

static void
wait_for_polls(struct pollers *p, uint64_t n)
{
    uint64_t from, now;

    atomic_read(&p->n_polls, &from);
    do {
        sched_yield();
        atomic_read(&p->n_polls, &now);
    } while (now - from < n);
}

static void
test_threads(void **state)
{
    struct fixture *f = *state;
    struct pollers p = { .f = f };
    pthread_t threads[2];

    f->config.n_vf_pairs = 4;
    f->config.n_pollers = 2;
    for (int i = 0; i < 4; i++) {
        f->config.vm_enabled[i] = true;
        f->vm.n_input[i] = f->vf.n_input[i] = UINT_MAX;
    }
    dpdk_vdpa_relay_configure(f->relay, &f->config);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, poller_main, &p),
                         0);
    }

    for (int i = 0; i < 2000; i++) {
        struct dpdk_vdpa_relay_config gone = f->config;

        gone.vm = NULL;
        dpdk_vdpa_relay_configure(f->relay, &gone);
        f->vm.end.recv = NULL;
        f->vm.end.send = NULL;
        if (!(i % 16)) {
            wait_for_polls(&p, 4);
        }
        f->vm.end.recv = script_recv;
        f->vm.end.send = script_send;
        dpdk_vdpa_relay_configure(f->relay, &f->config);
    }

    atomic_store(&p.stop, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    check_conservation(f);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_same_poll),
        TEST(test_partial_acceptance),
        TEST(test_never_fits),
        TEST(test_never_fits_race),
        TEST(test_bad_buffer),
        TEST(test_bad_lengths),
        TEST(test_no_offloads),
        TEST(test_offloads),
        TEST(test_lro),
        TEST(test_checksums),
        TEST(test_observer),
        TEST(test_policers),
        TEST(test_policer_sees_good_packets),
        TEST(test_vf_refuses),
        TEST(test_retries),
        TEST(test_vm_disconnects),
        TEST(test_drain_on_connect),
        TEST(test_vf_goes),
        TEST(test_queue_disabled),
        TEST(test_disabled_with_pending),
        TEST(test_more_guest_queues),
        TEST(test_pollers),
        TEST(test_counters_wrap),
        TEST(test_threads),
    };

    return cmocka_run_group_tests_name("relay", tests, setup_eal, NULL);
}
