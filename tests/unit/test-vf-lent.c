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

/* Unit tests of what a VF is lent: when it may be, and how others than PMD
 * threads have it let go, with a script in place of the ethdev. */

#include <config.h>

#include <rte_config.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

static int script_info(uint16_t port, struct rte_eth_dev_info *);
static int script_conf(uint16_t port, struct rte_eth_conf *);
static int script_cleanup(uint16_t port, uint16_t queue, uint32_t n);
static int script_pool_ops(uint16_t port, const char *ops);
static int script_stop(uint16_t port, uint16_t queue);
static int script_start(uint16_t port, uint16_t queue);
static int script_dev_stop(uint16_t port);
static int script_is_removed(uint16_t port);
static enum rte_iova_mode script_iova_mode(void);
static const char *script_bus_name(const void *bus);

#define rte_eth_dev_info_get script_info
#define rte_eth_dev_conf_get script_conf
#define rte_eth_tx_done_cleanup script_cleanup
#define rte_eth_dev_pool_ops_supported script_pool_ops
#define rte_eth_dev_tx_queue_stop script_stop
#define rte_eth_dev_tx_queue_start script_start
#define rte_eth_dev_stop script_dev_stop
#define rte_eth_dev_is_removed script_is_removed
#define rte_eal_iova_mode script_iova_mode
#define rte_bus_name script_bus_name
#define rte_dev_bus(DEVICE) (DEVICE)

#include "lib/accel/vf-lent.c"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PORT 7
#define N_QUEUES 3
#define N_ROUNDS 300

/* What the ethdev is like. */
static struct rte_eth_dev_info info;
static uint64_t offloads;
static int cleanup_error, stop_error, start_error, info_error;
static int pool_ops;
static bool is_removed;
static enum rte_iova_mode iova_mode;
static const char *bus;

/* What was done to it. */
static unsigned int n_cleanups[N_QUEUES], n_stops[N_QUEUES],
                    n_starts[N_QUEUES];

/* Packets that were lent, which each queue has sent, or not. */
static unsigned int n_have_sent[N_QUEUES], n_have[N_QUEUES];
static unsigned int n_freed;

/* How often the driver is asked before what queue 0 has is sent, or 0 for
 * never. */
static unsigned int is_late;

static struct dpdk_vdpa_vf_lent lent;
static atomic_uint64_t n_unsent;

/* Somebody sends all the time to queue 1, as long as he is let in. */
static bool has_sender;
static atomic_uint n_sent;

unsigned int
dpdk_vdpa_lend_n_freed_by(void (*act)(void *aux), void *aux,
                          const void *owner)
{
    unsigned int before = n_freed;

    assert_ptr_equal(owner, &lent);
    act(aux);
    return n_freed - before;
}

bool
dpdk_vdpa_lend_any_is_out(const void *owner)
{
    unsigned int n = 0;

    assert_ptr_equal(owner, &lent);
    for (int i = 0; i < N_QUEUES; i++) {
        n += n_have_sent[i] + n_have[i];
    }
    return n;
}

static void
free_some(unsigned int *n)
{
    n_freed += *n;
    *n = 0;
}

/* Nobody sends while somebody does something to a queue: what the driver frees
 * meanwhile would be taken for what it had not sent. */
static void
check_alone(void)
{
    unsigned int before, after;

    if (has_sender) {
        atomic_read(&n_sent, &before);
        for (int i = 0; i < 3; i++) {
            sched_yield();
        }
        atomic_read(&n_sent, &after);
        assert_int_equal(before, after);
    }
}

static int
script_info(uint16_t port, struct rte_eth_dev_info *i)
{
    assert_int_equal(port, PORT);
    *i = info;
    return info_error;
}

static int
script_conf(uint16_t port, struct rte_eth_conf *conf)
{
    assert_int_equal(port, PORT);
    memset(conf, 0, sizeof *conf);
    conf->txmode.offloads = offloads;
    return 0;
}

static int
script_cleanup(uint16_t port, uint16_t queue, uint32_t n OVS_UNUSED)
{
    assert_int_equal(port, PORT);
    n_cleanups[queue]++;
    free_some(&n_have_sent[queue]);
    if (queue == 0 && is_late && !--is_late) {
        free_some(&n_have[queue]);
    }
    check_alone();
    return cleanup_error;
}

static int
script_pool_ops(uint16_t port, const char *ops)
{
    assert_int_equal(port, PORT);
    assert_string_equal(ops, RTE_MBUF_DEFAULT_MEMPOOL_OPS);
    return pool_ops;
}

static int
script_stop(uint16_t port, uint16_t queue)
{
    assert_int_equal(port, PORT);
    n_stops[queue]++;
    check_alone();
    if (!stop_error) {
        free_some(&n_have_sent[queue]);
        free_some(&n_have[queue]);
    }
    return stop_error;
}

static int
script_dev_stop(uint16_t port)
{
    assert_int_equal(port, PORT);
    for (int i = 0; i < N_QUEUES; i++) {
        free_some(&n_have_sent[i]);
        free_some(&n_have[i]);
    }
    return 0;
}

static int
script_start(uint16_t port, uint16_t queue)
{
    assert_int_equal(port, PORT);
    n_starts[queue]++;
    return start_error;
}

static int
script_is_removed(uint16_t port OVS_UNUSED)
{
    return is_removed;
}

static enum rte_iova_mode
script_iova_mode(void)
{
    return iova_mode;
}

static const char *
script_bus_name(const void *b OVS_UNUSED)
{
    return bus;
}

static int
setup(void **state OVS_UNUSED)
{
    memset(&info, 0, sizeof info);
    info.device = (void *) 1;
    offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    cleanup_error = stop_error = start_error = info_error = 0;
    n_freed = is_late = 0;
    pool_ops = 1;
    is_removed = false;
    iova_mode = RTE_IOVA_VA;
    bus = "pci";
    memset(n_cleanups, 0, sizeof n_cleanups);
    memset(n_stops, 0, sizeof n_stops);
    memset(n_starts, 0, sizeof n_starts);
    memset(n_have, 0, sizeof n_have);
    memset(n_have_sent, 0, sizeof n_have_sent);
    memset(&lent, 0, sizeof lent);
    lent.owner = &lent;
    atomic_init(&n_unsent, 0);
    lent.n_unsent = &n_unsent;
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    dpdk_vdpa_vf_lent_close(&lent);
    assert_int_equal(lent.max_segs, 0);
    return 0;
}

static void
lent_open(bool asked)
{
    dpdk_vdpa_vf_lent_close(&lent);
    dpdk_vdpa_vf_lent_open(&lent, PORT, N_QUEUES, asked);
    assert_int_equal(lent.n, lent.why_not ? 0 : N_QUEUES);
    assert_int_equal(!lent.max_segs, lent.why_not != NULL);
}

static void
check_why_not(const char *why)
{
    lent_open(true);
    if (why) {
        assert_non_null(lent.why_not);
        assert_string_equal(lent.why_not, why);
    } else {
        assert_null(lent.why_not);
    }
}

static void
test_why_not(void **state OVS_UNUSED)
{
    check_why_not(NULL);
    lent_open(false);
    assert_string_equal(lent.why_not, "it is not asked for");
    iova_mode = RTE_IOVA_PA;
    check_why_not("DPDK uses physical addresses");
    bus = "vdev";
    check_why_not(NULL);
    pool_ops = 0;
    check_why_not(NULL);
    pool_ops = -ENOTSUP;
    check_why_not("the VF's device frees packets by itself");
    cleanup_error = -ENOTSUP;
    check_why_not("the VF's driver does not say what it has sent");
    offloads = RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
    check_why_not("the VF sends no packets of several segments");
}

/* As many segments as both limits allow, if there are any. */
static void
test_max_segs(void **state OVS_UNUSED)
{
    lent_open(true);
    assert_int_equal(lent.max_segs, DPDK_VDPA_LEND_MAX_SEGS);
    info.tx_desc_lim.nb_seg_max = 20;
    lent_open(true);
    assert_int_equal(lent.max_segs, 20);
    info.tx_desc_lim.nb_mtu_seg_max = 8;
    lent_open(true);
    assert_int_equal(lent.max_segs, 8);
    info.tx_desc_lim.nb_seg_max = info.tx_desc_lim.nb_mtu_seg_max = 1000;
    lent_open(true);
    assert_int_equal(lent.max_segs, DPDK_VDPA_LEND_MAX_SEGS);
}

/* Each packet is told of, whatever the driver does by itself. */
static void
test_txconf(void **state OVS_UNUSED)
{
    struct rte_eth_txconf conf;

    assert_null(dpdk_vdpa_vf_lent_txconf(PORT, &conf));
    info.default_txconf.tx_rs_thresh = 1;
    assert_null(dpdk_vdpa_vf_lent_txconf(PORT, &conf));
    info.default_txconf.tx_rs_thresh = 32;
    info.default_txconf.tx_free_thresh = 64;
    assert_ptr_equal(dpdk_vdpa_vf_lent_txconf(PORT, &conf), &conf);
    assert_int_equal(conf.tx_rs_thresh, 1);
    assert_int_equal(conf.tx_free_thresh, 64);
    info_error = -EIO;
    assert_null(dpdk_vdpa_vf_lent_txconf(PORT, &conf));
}

static bool
may_send(uint16_t queue)
{
    bool may = dpdk_vdpa_vf_lent_enter(&lent, queue);

    dpdk_vdpa_vf_lent_leave(&lent, queue);
    return may;
}

static void
test_call_in(void **state OVS_UNUSED)
{
    lent_open(true);
    memset(n_cleanups, 0, sizeof n_cleanups);
    dpdk_vdpa_vf_lent_call_in(&lent, false);
    for (int i = 0; i < N_QUEUES; i++) {
        assert_int_equal(n_cleanups[i], 1);
        assert_int_equal(n_stops[i], 0);
        assert_true(may_send(i));
    }
    dpdk_vdpa_vf_lent_call_in(&lent, true);
    for (int i = 0; i < N_QUEUES; i++) {
        assert_int_equal(n_stops[i], 1);
        assert_int_equal(n_starts[i], 1);
        assert_true(may_send(i));
    }
    assert_false(lent.is_stuck);

    /* One that does not stop goes on. */
    stop_error = -EIO;
    dpdk_vdpa_vf_lent_call_in(&lent, true);
    assert_int_equal(n_starts[0], 1);
    assert_false(lent.is_stuck);
    assert_true(may_send(0));

    /* Nobody sends to one that does not start again. */
    stop_error = 0;
    start_error = -EIO;
    dpdk_vdpa_vf_lent_call_in(&lent, true);
    assert_true(lent.is_stuck);
    assert_false(may_send(0));
    start_error = 0;
    lent_open(true);
    assert_false(lent.is_stuck);
    assert_true(may_send(0));
}

/* What was not sent is counted, by whomever the queue is stopped. */
static void
test_unsent(void **state OVS_UNUSED)
{
    lent_open(true);
    n_have_sent[0] = 5;
    n_have[0] = 3;
    n_have[2] = 4;
    dpdk_vdpa_vf_lent_call_in(&lent, false);
    assert_int_equal(dpdk_vdpa_counter_read(&n_unsent), 0);
    stop_error = -EIO;
    dpdk_vdpa_vf_lent_call_in(&lent, true);
    assert_int_equal(dpdk_vdpa_counter_read(&n_unsent), 0);
    stop_error = 0;
    n_have_sent[1] = 6;
    dpdk_vdpa_vf_lent_call_in(&lent, true);
    assert_int_equal(dpdk_vdpa_counter_read(&n_unsent), 7);
    dpdk_vdpa_vf_lent_call_in(&lent, true);
    assert_int_equal(dpdk_vdpa_counter_read(&n_unsent), 7);

    n_have_sent[1] = 6;
    n_have[1] = 2;
    dpdk_vdpa_vf_lent_stop(&lent, PORT);
    lent_open(true);
    assert_int_equal(dpdk_vdpa_counter_read(&n_unsent), 9);

    /* One that nobody has yet. */
    lent.n_unsent = NULL;
    dpdk_vdpa_vf_lent_stop(&lent, PORT);
}

/* One that sends late has time for it, before it is stopped. */
static void
test_late(void **state OVS_UNUSED)
{
    lent_open(true);
    n_have[0] = 3;
    n_have_sent[1] = 2;
    is_late = 5;
    dpdk_vdpa_vf_lent_stop(&lent, PORT);
    assert_int_equal(dpdk_vdpa_counter_read(&n_unsent), 0);
    assert_int_equal(n_freed, 5);
    assert_int_equal(n_cleanups[2], 5);

    /* Who was lent nothing is not waited for. */
    dpdk_vdpa_vf_lent_close(&lent);
    n_have[0] = 1;
    dpdk_vdpa_vf_lent_stop(&lent, PORT);
    assert_int_equal(n_cleanups[2], 5);
}

static atomic_bool stop;

static void *
send_always(void *aux OVS_UNUSED)
{
    unsigned int n = 0;
    bool stopping;

    do {
        if (dpdk_vdpa_vf_lent_enter(&lent, 1)) {
            for (int i = 0; i < 10; i++) {
                atomic_store(&n_sent, ++n);
                sched_yield();
            }
        }
        dpdk_vdpa_vf_lent_leave(&lent, 1);
        atomic_read(&stop, &stopping);
    } while (!stopping);
    return NULL;
}

/* While others call in, nobody sends, but in between. */
static void
test_threads(void **state OVS_UNUSED)
{
    unsigned int n = 0, before;
    pthread_t thread;

    lent_open(true);
    atomic_init(&stop, false);
    atomic_init(&n_sent, 0);
    has_sender = true;
    assert_int_equal(pthread_create(&thread, NULL, send_always, NULL), 0);
    for (int i = 0; i < N_ROUNDS; i++) {
        before = n;
        dpdk_vdpa_vf_lent_call_in(&lent, i % 2);
        while (n == before) {
            sched_yield();
            atomic_read(&n_sent, &n);
        }
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    has_sender = false;
}

#define TEST(FUNCTION) cmocka_unit_test_setup_teardown(FUNCTION, setup,      \
                                                       teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_why_not),
        TEST(test_max_segs),
        TEST(test_txconf),
        TEST(test_call_in),
        TEST(test_unsent),
        TEST(test_late),
        TEST(test_threads),
    };

    assert_true(dpdk_vdpa_gate_init());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
