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

/* Unit tests of ports that receive what is captured. */

#include <config.h>

#include "port/capture-port.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <rte_config.h>
#include <rte_mbuf.h>

#include "base/gate.h"
#include "dp-packet.h"
#include "netdev-provider.h"
#include "port/copies.h"
#include "tests/unit/test-eal.h"
#include "util.h"

/* A packet to be segmented, of more frames than a batch has. */
#define N_SEGMENTS 40
#define SEGMENT_LEN 100
#define HEADER_LEN (14 + 20 + 20)

static struct rte_mempool *mempool;
static struct netdev *netdev;
static struct netdev_rxq *rxq;
static struct vdpa_copies *copies;
static struct vdpa_feed *feed;
static int n_gone;

static void
count_gone(void *aux)
{
    assert_ptr_equal(aux, &n_gone);
    n_gone++;
}

static int
start(const char *name, uint32_t snaplen, char **errp)
{
    return vdpa_feed_start(name, "vdpa0", snaplen, copies, count_gone,
                           &n_gone, &feed, errp);
}

static struct vdpa_copies *
make_copies(void)
{
    const struct vdpa_copies_config config = {
        .snaplen = UINT32_MAX, .room = 60000,
    };
    struct vdpa_copies *c;
    char *error;

    assert_int_equal(vdpa_copies_create(&config, &c, &error), 0);
    return c;
}

/* Captures 'n' packets of 'len' bytes, all of them 'byte'. */
static void
capture(unsigned int n, unsigned int len, uint8_t byte)
{
    for (unsigned int i = 0; i < n; i++) {
        struct rte_mbuf *pkt = rte_pktmbuf_alloc(mempool);

        assert_non_null(pkt);
        memset(rte_pktmbuf_append(pkt, len), byte, len);
        vdpa_copies_add(copies, DPDK_VDPA_VM_TO_VF, 0, &pkt, 1);
        rte_pktmbuf_free(pkt);
    }
}

/* Captures a packet of N_SEGMENTS segments. */
static void
capture_large(void)
{
    const unsigned int len = HEADER_LEN + N_SEGMENTS * SEGMENT_LEN;
    struct rte_mbuf *pkt = rte_pktmbuf_alloc(mempool);
    uint8_t *data;

    assert_non_null(pkt);
    data = (uint8_t *) rte_pktmbuf_append(pkt, len);
    assert_non_null(data);
    memset(data, 0, len);
    data[12] = 0x08;            /* IPv4. */
    data[14] = 0x45;
    data[14 + 9] = 6;           /* TCP. */
    data[14 + 20 + 12] = 0x50;
    pkt->ol_flags = RTE_MBUF_F_TX_TCP_SEG;
    pkt->tso_segsz = SEGMENT_LEN;
    vdpa_copies_add(copies, DPDK_VDPA_VM_TO_VF, 0, &pkt, 1);
    rte_pktmbuf_free(pkt);
}

/* Receives frames of 'len' bytes, and returns their number. */
static size_t
receive(unsigned int len)
{
    struct dp_packet_batch batch;
    struct dp_packet *packet;
    int error = netdev_rxq_recv(rxq, &batch, NULL);
    size_t n;

    if (error) {
        assert_int_equal(error, EAGAIN);
        return 0;
    }
    n = dp_packet_batch_size(&batch);
    DP_PACKET_BATCH_FOR_EACH (i, packet, &batch) {
        assert_int_equal(dp_packet_size(packet), len);
    }
    dp_packet_delete_batch(&batch, true);
    return n;
}

static void
check_counts(uint64_t n_written, uint64_t n_missed)
{
    assert_int_equal(vdpa_copies_n_written(copies), n_written);
    assert_int_equal(vdpa_copies_n_missed(copies), n_missed);
}

static void
stop_capture(void)
{
    vdpa_feed_stop(feed);
    feed = NULL;
}

static void
test_port_errors(void **state OVS_UNUSED)
{
    char *error;

    assert_int_equal(start("seen1", 0, &error), ENODEV);
    assert_string_equal(error, "there is no port \"seen1\"; add one of type "
                        "dpdkvdpacapture");
    free(error);
    assert_int_equal(start("vdpa0", 0, &error), ENODEV);
    assert_non_null(strstr(error, "what it relays itself"));
    free(error);
}

static void
test_port_receives(void **state OVS_UNUSED)
{
    char *error;

    assert_int_equal(receive(60), 0);
    assert_int_equal(start("seen0", 0, &error), 0);
    assert_int_equal(receive(60), 0);
    capture(40, 60, 1);
    assert_int_equal(receive(60), 32);
    assert_int_equal(receive(60), 8);
    assert_int_equal(receive(60), 0);
    check_counts(40, 0);
    /* What is left at the end is missed. */
    capture(3, 60, 2);
    stop_capture();
    assert_int_equal(receive(60), 0);
    check_counts(40, 3);
    assert_int_equal(n_gone, 0);
}

static void
test_port_snaplen(void **state OVS_UNUSED)
{
    char *error;

    assert_int_equal(start("seen0", 64, &error), 0);
    capture(1, 1000, 1);
    assert_int_equal(receive(64), 1);
    check_counts(1, 0);
    stop_capture();
}

/* A packet counts when all of its frames are there. */
static void
test_port_segments(void **state OVS_UNUSED)
{
    char *error;

    assert_int_equal(start("seen0", 0, &error), 0);
    capture_large();
    assert_int_equal(receive(HEADER_LEN + SEGMENT_LEN), 32);
    check_counts(0, 0);
    assert_int_equal(receive(HEADER_LEN + SEGMENT_LEN), N_SEGMENTS - 32);
    check_counts(1, 0);
    capture_large();
    assert_int_equal(receive(HEADER_LEN + SEGMENT_LEN), 32);
    stop_capture();
    check_counts(1, 1);
}

static void
test_port_down(void **state OVS_UNUSED)
{
    struct netdev_saved_flags *flags;
    struct netdev_stats stats;
    char *error;

    assert_int_equal(start("seen0", 0, &error), 0);
    assert_int_equal(netdev_turn_flags_off(netdev, NETDEV_UP, &flags), 0);
    capture(5, 60, 1);
    assert_int_equal(receive(60), 0);
    check_counts(0, 5);
    netdev_restore_flags(flags);
    capture(2, 60, 1);
    assert_int_equal(receive(60), 2);
    check_counts(2, 5);
    assert_int_equal(netdev_get_stats(netdev, &stats), 0);
    assert_int_equal(stats.rx_packets, 2);
    assert_int_equal(stats.rx_bytes, 120);
    assert_int_equal(stats.rx_dropped, 5);
    stop_capture();
}

/* Two captures feed a port, and one ends. */
static void
test_port_two_feeds(void **state OVS_UNUSED)
{
    struct vdpa_copies *first_copies = copies;
    struct vdpa_feed *first;
    char *error;

    assert_int_equal(start("seen0", 0, &error), 0);
    first = feed;
    capture(2, 60, 1);
    copies = make_copies();
    assert_int_equal(start("seen0", 0, &error), 0);
    capture(3, 60, 2);
    assert_int_equal(receive(60), 5);
    check_counts(3, 0);
    stop_capture();
    vdpa_copies_destroy(copies);
    copies = first_copies;
    capture(1, 60, 1);
    assert_int_equal(receive(60), 1);
    check_counts(3, 0);
    vdpa_feed_stop(first);
}

/* The port goes first. */
static void
test_port_goes(void **state OVS_UNUSED)
{
    char *error;

    assert_int_equal(start("seen0", 0, &error), 0);
    capture(1, 60, 1);
    assert_int_equal(receive(60), 1);
    capture(2, 60, 1);
    assert_false(vdpa_feed_is_gone(feed));
    netdev_rxq_close(rxq);
    netdev_close(netdev);
    rxq = NULL;
    netdev = NULL;
    assert_int_equal(n_gone, 1);
    assert_true(vdpa_feed_is_gone(feed));
    assert_true(vdpa_copies_is_done(copies));
    capture(4, 60, 1);          /* Nobody is to take these. */
    stop_capture();
    check_counts(1, 2);
}

static int
setup(void **state OVS_UNUSED)
{
    n_gone = 0;
    copies = make_copies();
    return (netdev_open("seen0", "dpdkvdpacapture", &netdev)
            || netdev_rxq_open(netdev, &rxq, 0));
}

static int
teardown(void **state OVS_UNUSED)
{
    if (rxq) {
        netdev_rxq_close(rxq);
        netdev_close(netdev);
    }
    vdpa_copies_destroy(copies);
    assert_true(rte_mempool_full(mempool));
    return 0;
}

static int
setup_class(void **state OVS_UNUSED)
{
    if (!dpdk_vdpa_gate_init() || !test_eal_init()) {
        return -1;
    }
    mempool = rte_pktmbuf_pool_create("test", 63, 0, 0, 8192, 0);
    return (mempool
            ? netdev_register_provider(&vdpa_capture_port_class) : -1);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_port_errors),
        TEST(test_port_receives),
        TEST(test_port_snaplen),
        TEST(test_port_segments),
        TEST(test_port_down),
        TEST(test_port_two_feeds),
        TEST(test_port_goes),
    };

    return cmocka_run_group_tests_name("capture-port", tests, setup_class,
                                       NULL);
}
