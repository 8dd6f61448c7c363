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

/* Unit tests of the VF end: which queues it has RSS spread packets over, and
 * what it hears of its device.  No ethdev is needed. */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rte_ethdev.h>

/* The table that the "device" has, and how often it was set. */
static uint16_t table[RTE_ETH_RSS_RETA_SIZE_512];
static unsigned int n_updates;

static int
fake_reta_update(uint16_t port_id, struct rte_eth_rss_reta_entry64 *reta,
                 uint16_t size)
{
    assert_int_equal(port_id, 5);
    for (unsigned int i = 0; i < size; i++) {
        struct rte_eth_rss_reta_entry64 *group
            = &reta[i / RTE_ETH_RETA_GROUP_SIZE];

        if (group->mask & 1ULL << i % RTE_ETH_RETA_GROUP_SIZE) {
            table[i] = group->reta[i % RTE_ETH_RETA_GROUP_SIZE];
        }
    }
    n_updates++;
    return 0;
}

/* What the "driver" says of losses, or that it says nothing. */
static bool tells_losses;

static int
fake_stats_get(uint16_t port_id, struct rte_eth_stats *stats)
{
    assert_int_equal(port_id, 5);
    if (!tells_losses) {
        return -ENOTSUP;
    }
    *stats = (struct rte_eth_stats) {
        .ipackets = 1000, .opackets = 2000,
        .imissed = 1, .rx_nombuf = 2, .ierrors = 3, .oerrors = 4,
    };
    return 0;
}

#define rte_eth_dev_rss_reta_update fake_reta_update
#define rte_eth_stats_get fake_stats_get
#include "lib/accel/vf.c"

/* Returns a "started" VF with four queue pairs and a table of 'reta_size'. */
static struct dpdk_vdpa_vf *
new_vf(uint16_t reta_size)
{
    struct dpdk_vdpa_vf *vf = dpdk_vdpa_vf_open("d,x=1", "d", 5);

    vf->config.n_pairs = vf->config.n_used = 4;
    vf->reta_size = reta_size;
    atomic_store(&vf->started, true);
    memset(table, 0xff, sizeof table);
    n_updates = 0;
    return vf;
}

static void
free_vf(struct dpdk_vdpa_vf *vf)
{
    atomic_store(&vf->started, false);
    dpdk_vdpa_vf_close(vf);
}

/* A VF says which checksums are good, as far as it can. */
static void
test_checksums(void **state OVS_UNUSED)
{
    const struct dpdk_vdpa_vf_config config = { .n_pairs = 1, .n_used = 1 };
    const struct dpdk_vdpa_vf_config lro = {
        .n_pairs = 1, .n_used = 1, .lro = true,
    };
    struct rte_eth_dev_info info;
    uint32_t flags = 0;

    memset(&info, 0, sizeof info);
    info.dev_flags = &flags;
    assert_int_equal(vf_eth_conf(&info, &config, 2048).rxmode.offloads, 0);
    info.rx_offload_capa = (RTE_ETH_RX_OFFLOAD_TCP_CKSUM
                            | RTE_ETH_RX_OFFLOAD_VLAN_STRIP);
    assert_int_equal(vf_eth_conf(&info, &config, 2048).rxmode.offloads,
                     RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
    info.rx_offload_capa |= (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM
                             | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RX_LRO);
    assert_int_equal(vf_eth_conf(&info, &config, 2048).rxmode.offloads,
                     RX_CHECKSUM);
    assert_int_equal(vf_eth_conf(&info, &lro, 2048).rxmode.offloads,
                     RX_CHECKSUM | RX_LRO);
}

/* There are mbufs for all descriptors to be in use and all lanes full, in both
 * directions; a packet to be cut, or put together, takes as many as its length
 * needs, and one that is too long takes three until that is seen. */
static void
test_n_mbufs(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_vf_config config = { .n_pairs = 4, .n_used = 1 };
    struct plan plan = { .rxq_size = 1024, .txq_size = 512, .data_len = 2048 };
    unsigned int n_segs = 33;   /* 64 KB and a header. */

    assert_int_equal(count_mbufs(&plan, &config), 1024 + 512 + 4 * 32);
    plan.tx_offloads = RTE_MBUF_F_TX_TCP_SEG;
    assert_int_equal(count_mbufs(&plan, &config),
                     1024 + 512 + 32 + n_segs * 32);
    config.lro = true;
    assert_int_equal(count_mbufs(&plan, &config),
                     1024 + 512 + 2 * n_segs * 32);
    config.n_used = 3;
    assert_int_equal(count_mbufs(&plan, &config),
                     3 * (1024 + 512 + 2 * n_segs * 32));
    plan.data_len = 9216;
    assert_int_equal(count_mbufs(&plan, &config),
                     3 * (1024 + 512 + 2 * 8 * 32));
}

/* RSS follows the guest: all enabled queues get their share and no other one
 * gets anything. */
static void
test_rss(void **state OVS_UNUSED)
{
    static const bool enabled[] = { true, false, true, false, true };
    struct dpdk_vdpa_vf *vf = new_vf(RTE_ETH_RSS_RETA_SIZE_128);
    unsigned int n[ARRAY_SIZE(enabled)] = { 0 };

    dpdk_vdpa_vf_set_rss(vf, enabled, ARRAY_SIZE(enabled));
    assert_int_equal(n_updates, 1);
    for (int i = 0; i < RTE_ETH_RSS_RETA_SIZE_128; i++) {
        assert_true(table[i] < 4);
        n[table[i]]++;
    }
    assert_int_equal(n[0], 64);
    assert_int_equal(n[1], 0);
    assert_int_equal(n[2], 64);
    assert_int_equal(n[3], 0);
    free_vf(vf);
}

static void
test_rss_not(void **state OVS_UNUSED)
{
    static const bool none[4], first[4] = { true };
    struct dpdk_vdpa_vf *vf = new_vf(RTE_ETH_RSS_RETA_SIZE_128);

    dpdk_vdpa_vf_set_rss(vf, none, ARRAY_SIZE(none));
    assert_int_equal(n_updates, 0);
    vf->reta_size = 0;
    dpdk_vdpa_vf_set_rss(vf, first, ARRAY_SIZE(first));
    assert_int_equal(n_updates, 0);
    vf->reta_size = RTE_ETH_RSS_RETA_SIZE_64;
    dpdk_vdpa_vf_set_rss(vf, first, ARRAY_SIZE(first));
    assert_int_equal(n_updates, 1);
    free_vf(vf);
}

static void
count(void *n)
{
    ++*(unsigned int *) n;
}

/* A bus says that the device goes, as VFIO does. */
static void
test_unplugged(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_vf *vf = new_vf(0);
    unsigned int n = 0;

    dpdk_vdpa_vf_set_callback(vf, count, &n, NULL);
    rte_dev_event_callback_process("other", RTE_DEV_EVENT_REMOVE);
    rte_dev_event_callback_process("d", RTE_DEV_EVENT_ADD);
    assert_false(dpdk_vdpa_vf_is_removed(vf));
    assert_int_equal(n, 0);
    rte_dev_event_callback_process("d", RTE_DEV_EVENT_REMOVE);
    assert_true(dpdk_vdpa_vf_is_removed(vf));
    assert_int_equal(n, 1);
    free_vf(vf);
    rte_dev_event_callback_process("d", RTE_DEV_EVENT_REMOVE);
    assert_int_equal(n, 1);
}

/* What the VF loses by itself, if anybody tells. */
static void
test_losses(void **state OVS_UNUSED)
{
    static const char *const names[] = {
        "rx_missed", "rx_nombuf", "rx_errors", "tx_errors",
    };
    struct dpdk_vdpa_vf_loss losses[DPDK_VDPA_VF_N_LOSSES];
    struct dpdk_vdpa_vf *vf = new_vf(0);

    tells_losses = false;
    assert_int_equal(dpdk_vdpa_vf_get_losses(vf, losses), 0);
    tells_losses = true;
    assert_int_equal(dpdk_vdpa_vf_get_losses(vf, losses), ARRAY_SIZE(names));
    for (int i = 0; i < ARRAY_SIZE(names); i++) {
        assert_string_equal(losses[i].name, names[i]);
        assert_int_equal(losses[i].n_packets, i + 1);
    }
    /* A device that is gone may say anything. */
    dpdk_vdpa_vf_set_callback(vf, count, &(unsigned int) { 0 }, NULL);
    rte_dev_event_callback_process("d", RTE_DEV_EVENT_REMOVE);
    assert_int_equal(dpdk_vdpa_vf_get_losses(vf, losses), 0);
    free_vf(vf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_n_mbufs),
        cmocka_unit_test(test_rss),
        cmocka_unit_test(test_rss_not),
        cmocka_unit_test(test_unplugged),
        cmocka_unit_test(test_losses),
    };

    return cmocka_run_group_tests_name("vf", tests, NULL, NULL);
}
