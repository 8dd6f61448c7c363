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

#include "accel/vf.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "accel/pool.h"
#include "accel/vf-lent.h"
#include "accel/vf-wakes.h"
#include "dpdk-vdpa-relay.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "packets.h"
#include "util.h"
#include "vhost/dmas.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_vf);

/* Descriptors per queue if nobody asks for another number; fewer if the device
 * has fewer. */
#define VF_QUEUE_SIZE 1024

#define RSS_HASH_FUNCTIONS (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP)

/* What it takes to send what a guest did not finish.  A packet to be segmented
 * comes in a chain. */
#define TX_CHECKSUM (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM                          \
                     | RTE_ETH_TX_OFFLOAD_UDP_CKSUM                         \
                     | RTE_ETH_TX_OFFLOAD_TCP_CKSUM                         \
                     | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define TX_SEGMENTATION (TX_CHECKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO)

/* What it takes to know that a received packet's checksums are good. */
#define RX_CHECKSUM (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM                          \
                     | RTE_ETH_RX_OFFLOAD_UDP_CKSUM                         \
                     | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)

/* What it takes to receive segments put together. */
#define RX_LRO (RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_SCATTER)

/* The longest packet to be segmented, or put together. */
#define MAX_TSO_LEN (UINT16_MAX + DPDK_VDPA_FRAME_OVERHEAD)

struct dpdk_vdpa_vf {
    /* For the burst functions. */
    uint16_t port_id;
    uint64_t tx_offloads;       /* RTE_MBUF_F_TX_*, set while stopped. */
    struct dpdk_vdpa_vf_wakes wakes;    /* Likewise. */
    struct dpdk_vdpa_vf_lent lent;      /* Likewise. */

    /* Constant after dpdk_vdpa_vf_open(). */
    char *devargs;
    char *device_name;
    void (*changed)(void *aux);
    void *aux;

    /* The owner's. */
    struct dpdk_vdpa_vf_config config;
    struct dpdk_vdpa_share *share;
    uint16_t rxq_size;
    uint16_t txq_size;
    uint16_t reta_size;         /* 0 if RSS cannot be directed. */
    bool no_interrupts;         /* Of queues: with them it did not start. */
    bool one_mempool;           /* That all it sends is to be from. */

    /* Written by the owner, read by any. */
    atomic_bool started;

    /* Written by a thread of DPDK, read by any. */
    atomic_bool removed;
    atomic_bool needs_reset;    /* Also written by the owner. */
};

/* How a VF is to start, found out while it may still be running. */
struct plan {
    struct rte_eth_conf conf;
    uint64_t tx_offloads;       /* RTE_MBUF_F_TX_*. */
    uint32_t data_len;          /* Room for data in each mbuf. */
    uint16_t rxq_size;
    uint16_t txq_size;
    uint16_t reta_size;
    unsigned int n_mbufs;
};

/* Events. */

static const enum rte_eth_event_type vf_event_types[] = {
    RTE_ETH_EVENT_INTR_LSC,
    RTE_ETH_EVENT_INTR_RESET,
    RTE_ETH_EVENT_INTR_RMV,
};

static int
vf_eth_event(uint16_t port_id OVS_UNUSED, enum rte_eth_event_type type,
             void *vf_, void *ret OVS_UNUSED)
{
    struct dpdk_vdpa_vf *vf = vf_;

    if (type == RTE_ETH_EVENT_INTR_RMV) {
        atomic_store(&vf->removed, true);
    } else if (type == RTE_ETH_EVENT_INTR_RESET) {
        atomic_store(&vf->needs_reset, true);
    }
    vf->changed(vf->aux);
    return 0;
}

/* A bus tells of a device that is unplugged, whether or not its driver
 * does. */
static void
vf_dev_event(const char *name OVS_UNUSED, enum rte_dev_event_type type,
             void *vf_)
{
    struct dpdk_vdpa_vf *vf = vf_;

    if (type == RTE_DEV_EVENT_REMOVE) {
        atomic_store(&vf->removed, true);
        vf->changed(vf->aux);
    }
}

void
dpdk_vdpa_vf_set_callback(struct dpdk_vdpa_vf *vf,
                          void (*changed)(void *aux), void *aux,
                          atomic_uint64_t *n_unsent)
{
    vf->changed = changed;
    vf->aux = aux;
    vf->lent.owner = aux;
    vf->lent.n_unsent = n_unsent;
    for (size_t i = 0; i < ARRAY_SIZE(vf_event_types); i++) {
        rte_eth_dev_callback_register(vf->port_id, vf_event_types[i],
                                      vf_eth_event, vf);
    }
    rte_dev_event_callback_register(vf->device_name, vf_dev_event, vf);
}

/* Waits for callbacks that run and makes sure that none does later. */
static void
vf_unregister_callbacks(struct dpdk_vdpa_vf *vf)
{
    if (!vf->changed) {
        return;
    }
    while (rte_dev_event_callback_unregister(vf->device_name, vf_dev_event,
                                             vf) == -EAGAIN) {
        sched_yield();
    }
    /* An ethdev that is gone took its callbacks with it. */
    for (size_t i = 0; rte_eth_dev_is_valid_port(vf->port_id)
                       && i < ARRAY_SIZE(vf_event_types); i++) {
        while (rte_eth_dev_callback_unregister(vf->port_id, vf_event_types[i],
                                               vf_eth_event, vf) == -EAGAIN) {
            sched_yield();
        }
    }
}

/* Life cycle. */

struct dpdk_vdpa_vf *
dpdk_vdpa_vf_open(const char *devargs, const char *device_name,
                  uint16_t port_id)
{
    struct dpdk_vdpa_vf *vf = xzalloc(sizeof *vf);

    vf->port_id = port_id;
    vf->devargs = xstrdup(devargs);
    vf->device_name = xstrdup(device_name);
    return vf;
}

static void
vf_stop(struct dpdk_vdpa_vf *vf)
{
    if (dpdk_vdpa_vf_is_started(vf)) {
        atomic_store(&vf->started, false);
        dpdk_vdpa_vf_wakes_close(&vf->wakes);
        dpdk_vdpa_vf_lent_stop(&vf->lent, vf->port_id);
        dpdk_vdpa_vf_lent_close(&vf->lent);
    }
}

void
dpdk_vdpa_vf_close(struct dpdk_vdpa_vf *vf)
{
    if (!vf) {
        return;
    }

    vf_unregister_callbacks(vf);
    if (rte_eth_dev_is_valid_port(vf->port_id)) {
        vf_stop(vf);
    }
    dpdk_vdpa_vf_wakes_close(&vf->wakes);
    dpdk_vdpa_vf_lent_close(&vf->lent);
    dpdk_vdpa_pool_give(vf->share);
    free(vf->device_name);
    free(vf->devargs);
    free(vf);
}

/* Starting. */

/* Returns the offloads for transmission to configure: checksums and
 * segmentation if it is all there, else the one that makes sending simple
 * packets cheaper. */
static uint64_t
choose_tx_offloads(const struct rte_eth_dev_info *info, uint32_t data_len,
                   bool zero_copy)
{
    unsigned int n_segs = DIV_ROUND_UP(MAX_TSO_LEN, data_len);

    if ((info->tx_offload_capa & TX_SEGMENTATION) == TX_SEGMENTATION
        && (!info->tx_desc_lim.nb_seg_max
            || info->tx_desc_lim.nb_seg_max >= n_segs)) {
        return TX_SEGMENTATION;
    }
    if ((info->tx_offload_capa & TX_CHECKSUM) == TX_CHECKSUM) {
        return TX_CHECKSUM;
    }
    /* Everything that we send comes from one mempool, and if nothing is lent
     * in one mbuf. */
    return info->tx_offload_capa & (zero_copy ? RTE_ETH_TX_OFFLOAD_MULTI_SEGS
                                    : RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
}

/* Returns the flags of mbufs that go with 'tx_offloads'. */
static uint64_t
offloads_to_mbuf_flags(uint64_t tx_offloads)
{
    uint64_t flags = 0;

    if (tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) {
        flags |= (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6
                  | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM);
    }
    if (tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO) {
        flags |= RTE_MBUF_F_TX_TCP_SEG;
    }
    return flags;
}

static struct rte_eth_conf
vf_eth_conf(const struct rte_eth_dev_info *info,
            const struct dpdk_vdpa_vf_config *config, uint32_t data_len)
{
    struct rte_eth_conf conf;

    memset(&conf, 0, sizeof conf);
    conf.rxmode.mtu = config->mtu;
    conf.rx_adv_conf.rss_conf.rss_hf = (info->flow_type_rss_offloads
                                        & RSS_HASH_FUNCTIONS);
    conf.rxmode.mq_mode = (config->n_used > 1
                           && conf.rx_adv_conf.rss_conf.rss_hf
                           ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE);
    conf.txmode.offloads = choose_tx_offloads(info, data_len,
                                              config->zero_copy);
    conf.rxmode.offloads = info->rx_offload_capa & RX_CHECKSUM;
    if (config->lro) {
        conf.rxmode.offloads |= RX_LRO;
        conf.rxmode.max_lro_pkt_size = MIN(info->max_lro_pkt_size,
                                           MAX_TSO_LEN);
    }
    conf.intr_conf.lsc = !!(*info->dev_flags & RTE_ETH_DEV_INTR_LSC);
    conf.intr_conf.rmv = !!(*info->dev_flags & RTE_ETH_DEV_INTR_RMV);
    return conf;
}

/* Returns how many mbufs a VF with 'plan' and 'config' may have in use: all
 * descriptors, and what waits in lanes, in both directions.  What the guest is
 * to receive is copied, so that nothing else holds any but DMA engines.  Three
 * for a packet that is not cut: it may be too long, until it is dropped
 * (vhost/chain.h). */
static unsigned int
count_mbufs(const struct plan *plan, const struct dpdk_vdpa_vf_config *config)
{
    unsigned int n_segs = DIV_ROUND_UP(MAX_TSO_LEN, plan->data_len);
    unsigned int n_from_guest = (plan->tx_offloads & RTE_MBUF_F_TX_TCP_SEG
                                 ? n_segs : MIN(n_segs, 3));
    unsigned int n_to_guest = config->lro ? n_segs : 1;

    if (config->zero_copy) {
        /* One more packet that is just replaced by a copy, and mbufs for the
         * beginnings of packets that are looked for just then. */
        n_from_guest += 2;
    }
    return (config->n_engines * MAX(n_from_guest, n_to_guest)
            * DPDK_VDPA_DMAS_IN_FLIGHT
            + config->n_used
            * (plan->rxq_size + plan->txq_size
               + (n_from_guest + n_to_guest) * DPDK_VDPA_BURST));
}

/* Fills in 'plan' for 'vf' with 'config'. */
static int
vf_plan(const struct dpdk_vdpa_vf *vf,
        const struct dpdk_vdpa_vf_config *config, struct plan *plan)
{
    struct rte_eth_dev_info info;
    int error = -rte_eth_dev_info_get(vf->port_id, &info);

    if (error) {
        return error;
    }
    memset(plan, 0, sizeof *plan);
    plan->data_len = dpdk_vdpa_pool_data_len(config->mtu,
                                             dpdk_vdpa_vf_numa_node(vf));
    plan->conf = vf_eth_conf(&info, config, plan->data_len);
    plan->conf.intr_conf.rxq = !vf->no_interrupts;
    plan->tx_offloads = offloads_to_mbuf_flags(plan->conf.txmode.offloads);
    plan->reta_size = (plan->conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS
                       ? info.reta_size : 0);
    plan->rxq_size = config->n_rx_desc ? config->n_rx_desc : VF_QUEUE_SIZE;
    plan->txq_size = config->n_tx_desc ? config->n_tx_desc : VF_QUEUE_SIZE;
    error = -rte_eth_dev_adjust_nb_rx_tx_desc(vf->port_id, &plan->rxq_size,
                                              &plan->txq_size);
    plan->n_mbufs = count_mbufs(plan, config);
    return error;
}

static int
vf_setup_queues(struct dpdk_vdpa_vf *vf,
                const struct dpdk_vdpa_vf_config *config,
                struct rte_mempool *mempool, char **errp)
{
    int numa_node = dpdk_vdpa_vf_numa_node(vf);
    const struct rte_eth_txconf *txconf;
    struct rte_eth_txconf conf;

    txconf = (config->zero_copy ? dpdk_vdpa_vf_lent_txconf(vf->port_id, &conf)
              : NULL);
    for (unsigned int i = 0; i < config->n_used; i++) {
        int error = -rte_eth_tx_queue_setup(vf->port_id, i, vf->txq_size,
                                            numa_node, txconf);

        error = error ? error : -rte_eth_rx_queue_setup(vf->port_id, i,
                                                        vf->rxq_size,
                                                        numa_node, NULL,
                                                        mempool);
        if (error) {
            *errp = xasprintf("vdpa-max-queues: VF \"%s\" cannot set up queue "
                              "pair %u (%s); try %u", vf->devargs, i,
                              ovs_strerror(error), MAX(i, 1));
            return error;
        }
    }
    return 0;
}

/* Sets the VF's MTU.  Some devices have a fixed one. */
static int
vf_set_mtu(struct dpdk_vdpa_vf *vf, uint16_t mtu, char **errp)
{
    int error = -rte_eth_dev_set_mtu(vf->port_id, mtu);

    if (error == ENOTSUP) {
        VLOG_DBG("VF \"%s\" does not support setting the MTU", vf->devargs);
        error = 0;
    }
    if (error) {
        struct rte_eth_dev_info info;

        if (rte_eth_dev_info_get(vf->port_id, &info)) {
            memset(&info, 0, sizeof info);
        }
        *errp = xasprintf("mtu_request: VF \"%s\" refuses an MTU of %u (%s); "
                          "it takes %u to %u", vf->devargs, mtu,
                          ovs_strerror(error), info.min_mtu, info.max_mtu);
    }
    return error;
}

/* Says that 'vf' cannot be configured with 'config'. */
static char *
configure_error(const struct dpdk_vdpa_vf *vf,
                const struct dpdk_vdpa_vf_config *config, int error)
{
    return xasprintf("vdpa-accelerator-devargs: VF \"%s\" cannot be "
                     "configured with %u queue pairs and an MTU of %u (%s); "
                     "see the log", vf->devargs, config->n_used, config->mtu,
                     ovs_strerror(error));
}

/* Configures 'vf', which is stopped. */
static int
vf_configure(struct dpdk_vdpa_vf *vf,
             const struct dpdk_vdpa_vf_config *config, const struct plan *plan,
             char **errp)
{
    int error = -rte_eth_dev_configure(vf->port_id, config->n_used,
                                       config->n_used, &plan->conf);

    if (error) {
        *errp = configure_error(vf, config, error);
        return error;
    }
    vf->tx_offloads = plan->tx_offloads;
    vf->one_mempool = (plan->conf.txmode.offloads
                       & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0;
    vf->reta_size = plan->reta_size;
    vf->rxq_size = plan->rxq_size;
    vf->txq_size = plan->txq_size;
    return vf_set_mtu(vf, config->mtu, errp);
}

static void
vf_enable_promiscuous(struct dpdk_vdpa_vf *vf)
{
    int error = rte_eth_promiscuous_enable(vf->port_id);

    if (error) {
        VLOG_WARN("VF \"%s\" refuses promiscuous mode (%s): the guest must "
                  "use the VF's MAC address", vf->devargs,
                  ovs_strerror(-error));
    }
    error = rte_eth_allmulticast_enable(vf->port_id);
    if (error) {
        VLOG_INFO("VF \"%s\" refuses to receive all multicast (%s)",
                  vf->devargs, ovs_strerror(-error));
    }
}

/* Resets the VF, which is stopped, if it asked for that. */
static int
vf_reset(struct dpdk_vdpa_vf *vf, char **errp)
{
    int error = 0;

    if (dpdk_vdpa_vf_needs_reset(vf)) {
        atomic_store(&vf->needs_reset, false);
        error = -rte_eth_dev_reset(vf->port_id);
        if (error) {
            atomic_store(&vf->needs_reset, true);
            *errp = xasprintf("vdpa-accelerator-devargs: VF \"%s\" asked for "
                              "a reset that fails (%s); see the log",
                              vf->devargs, ovs_strerror(error));
        }
    }
    return error;
}

/* Stores in '*sharep' the share that 'vf' needs for 'plan', which may be the
 * one that it has. */
static int
vf_take_share(struct dpdk_vdpa_vf *vf,
              const struct dpdk_vdpa_vf_config *config,
              const struct plan *plan, struct dpdk_vdpa_share **sharep,
              char **errp)
{
    int numa_node = dpdk_vdpa_vf_numa_node(vf);

    if (dpdk_vdpa_pool_is(vf->share, numa_node, plan->data_len, plan->n_mbufs,
                          config->n_threads)) {
        *sharep = vf->share;
        return 0;
    }
    *sharep = dpdk_vdpa_pool_take(numa_node, plan->data_len, plan->n_mbufs,
                                  config->n_threads);
    if (!*sharep) {
        *errp = xasprintf("vdpa-max-queues: no memory for the packets of %u "
                          "queue pairs with an MTU of %u on NUMA node %d, "
                          "which is %"PRIuSIZE" MB; give DPDK more hugepages "
                          "or ask for fewer queues",
                          config->n_used, config->mtu, numa_node,
                          DIV_ROUND_UP(dpdk_vdpa_pool_size(plan->n_mbufs,
                                                           plan->data_len),
                                       1024 * 1024));
        return ENOMEM;
    }
    return 0;
}

/* Sets 'vf', which is stopped, up and starts it, to receive into
 * 'mempool'. */
static int
vf_run(struct dpdk_vdpa_vf *vf, const struct dpdk_vdpa_vf_config *config,
       const struct plan *plan, struct rte_mempool *mempool, char **errp)
{
    int error = vf_reset(vf, errp);

    error = error ? error : vf_configure(vf, config, plan, errp);
    error = error ? error : vf_setup_queues(vf, config, mempool, errp);
    if (error) {
        return error;
    }
    vf_enable_promiscuous(vf);
    error = -rte_eth_dev_start(vf->port_id);
    if (error) {
        *errp = xasprintf("vdpa-accelerator-devargs: VF \"%s\" does not start "
                          "(%s); see the log", vf->devargs,
                          ovs_strerror(error));
    }
    return error;
}

/* 'vf' does not run, which '*errp' is about.  Interrupts of its queues take
 * vectors, of which it may have too few: tries once more without. */
static int
vf_run_without_interrupts(struct dpdk_vdpa_vf *vf,
                          const struct dpdk_vdpa_vf_config *config,
                          struct plan *plan, struct rte_mempool *mempool,
                          char **errp)
{
    char *first = *errp;
    int error;

    *errp = NULL;
    plan->conf.intr_conf.rxq = 0;
    error = vf_run(vf, config, plan, mempool, errp);
    vf->no_interrupts = !error;         /* Else they were not why. */
    if (!error) {
        VLOG_INFO("VF \"%s\" does without interrupts of its receive queues: "
                  "%s", vf->devargs, first);
    }
    free(first);
    return error;
}

int
dpdk_vdpa_vf_start(struct dpdk_vdpa_vf *vf,
                   const struct dpdk_vdpa_vf_config *config, char **errp)
{
    struct dpdk_vdpa_share *share, *other;
    struct plan plan;
    int error = vf_plan(vf, config, &plan);

    if (error) {
        *errp = configure_error(vf, config, error);
        vf_stop(vf);
        return error;
    }
    error = vf_take_share(vf, config, &plan, &share, errp);
    if (error) {
        return error;
    }

    vf_stop(vf);
    error = vf_run(vf, config, &plan, dpdk_vdpa_pool_mempool(share), errp);
    if (error && plan.conf.intr_conf.rxq) {
        error = vf_run_without_interrupts(vf, config, &plan,
                                          dpdk_vdpa_pool_mempool(share), errp);
    }
    other = error ? share : vf->share;
    if (share != vf->share) {
        dpdk_vdpa_pool_give(other);
    }
    if (error) {
        return error;
    }
    vf->share = share;
    vf->config = *config;
    dpdk_vdpa_vf_lent_open(&vf->lent, vf->port_id, config->n_used,
                           config->zero_copy);
    dpdk_vdpa_vf_wakes_open(&vf->wakes, vf->port_id, config->n_used);
    atomic_store(&vf->started, true);
    return 0;
}

void
dpdk_vdpa_vf_set_rss(struct dpdk_vdpa_vf *vf, const bool *enabled,
                     unsigned int n)
{
    struct rte_eth_rss_reta_entry64 reta[RTE_ETH_RSS_RETA_SIZE_512
                                         / RTE_ETH_RETA_GROUP_SIZE];
    uint16_t queues[DPDK_VDPA_MAX_PAIRS];
    unsigned int n_queues = 0;
    int error;

    for (unsigned int i = 0; i < MIN(n, vf->config.n_used); i++) {
        if (enabled[i]) {
            queues[n_queues++] = i;
        }
    }
    if (!n_queues || !vf->reta_size
        || vf->reta_size > RTE_ETH_RSS_RETA_SIZE_512
        || !dpdk_vdpa_vf_is_started(vf)) {
        return;
    }

    memset(reta, 0, sizeof reta);
    for (unsigned int i = 0; i < vf->reta_size; i++) {
        struct rte_eth_rss_reta_entry64 *group
            = &reta[i / RTE_ETH_RETA_GROUP_SIZE];

        group->mask |= 1ULL << i % RTE_ETH_RETA_GROUP_SIZE;
        group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = queues[i % n_queues];
    }
    error = rte_eth_dev_rss_reta_update(vf->port_id, reta, vf->reta_size);
    if (error) {
        VLOG_INFO("VF \"%s\" cannot direct RSS to the guest's %u queues (%s); "
                  "the relay does", vf->devargs, n_queues,
                  ovs_strerror(-error));
    }
}

/* Properties. */

uint16_t
dpdk_vdpa_vf_port_id(const struct dpdk_vdpa_vf *vf)
{
    return vf->port_id;
}

unsigned int
dpdk_vdpa_vf_max_pairs(const struct dpdk_vdpa_vf *vf)
{
    struct rte_eth_dev_info info;

    if (rte_eth_dev_info_get(vf->port_id, &info)) {
        return 0;
    }
    return MIN(MIN(info.max_rx_queues, info.max_tx_queues),
               DPDK_VDPA_MAX_PAIRS);
}

bool
dpdk_vdpa_vf_has_lro(const struct dpdk_vdpa_vf *vf)
{
    struct rte_eth_dev_info info;

    return (!rte_eth_dev_info_get(vf->port_id, &info)
            && (info.rx_offload_capa & RX_LRO) == RX_LRO);
}

const char *
dpdk_vdpa_vf_devargs(const struct dpdk_vdpa_vf *vf)
{
    return vf->devargs;
}

int
dpdk_vdpa_vf_numa_node(const struct dpdk_vdpa_vf *vf)
{
    return rte_eth_dev_socket_id(vf->port_id);
}

const struct dpdk_vdpa_vf_config *
dpdk_vdpa_vf_get_config(const struct dpdk_vdpa_vf *vf)
{
    return &vf->config;
}

struct rte_mempool *
dpdk_vdpa_vf_mempool(const struct dpdk_vdpa_vf *vf)
{
    return dpdk_vdpa_pool_mempool(vf->share);
}

uint16_t
dpdk_vdpa_vf_rxq_size(const struct dpdk_vdpa_vf *vf)
{
    return vf->rxq_size;
}

uint16_t
dpdk_vdpa_vf_txq_size(const struct dpdk_vdpa_vf *vf)
{
    return vf->txq_size;
}

uint32_t
dpdk_vdpa_vf_max_frame_len(const struct dpdk_vdpa_vf *vf)
{
    return vf->config.mtu + DPDK_VDPA_FRAME_OVERHEAD;
}

uint64_t
dpdk_vdpa_vf_tx_offloads(const struct dpdk_vdpa_vf *vf)
{
    return vf->tx_offloads;
}

uint16_t
dpdk_vdpa_vf_max_lent_segs(const struct dpdk_vdpa_vf *vf, const char **whyp)
{
    *whyp = vf->lent.why_not;
    return vf->lent.max_segs;
}

void
dpdk_vdpa_vf_call_in(struct dpdk_vdpa_vf *vf, bool by_force)
{
    dpdk_vdpa_vf_lent_call_in(&vf->lent, by_force);
    if (vf->lent.is_stuck && !dpdk_vdpa_vf_needs_reset(vf)) {
        atomic_store(&vf->needs_reset, true);
        if (vf->changed) {
            vf->changed(vf->aux);
        }
    }
}

bool
dpdk_vdpa_vf_takes_any(const struct dpdk_vdpa_vf *vf)
{
    return !vf->one_mempool;
}

bool
dpdk_vdpa_vf_is_promiscuous(const struct dpdk_vdpa_vf *vf)
{
    return rte_eth_promiscuous_get(vf->port_id) == 1;
}

bool
dpdk_vdpa_vf_is_enough_for(const struct dpdk_vdpa_vf *vf,
                           unsigned int n_threads)
{
    return dpdk_vdpa_pool_is_enough_for(vf->share, n_threads);
}

void
dpdk_vdpa_vf_get_pool_info(const struct dpdk_vdpa_vf *vf,
                           struct dpdk_vdpa_pool_info *info)
{
    dpdk_vdpa_pool_get_info(vf->share, info);
}

struct eth_addr
dpdk_vdpa_vf_mac(const struct dpdk_vdpa_vf *vf)
{
    struct rte_ether_addr rte_mac;
    struct eth_addr mac = ETH_ADDR_C(00, 00, 00, 00, 00, 00);

    if (!rte_eth_macaddr_get(vf->port_id, &rte_mac)) {
        memcpy(mac.ea, rte_mac.addr_bytes, sizeof mac.ea);
    }
    return mac;
}

uint64_t
dpdk_vdpa_vf_n_interrupts(const struct dpdk_vdpa_vf *vf)
{
    return dpdk_vdpa_vf_wakes_count(&vf->wakes);
}

bool
dpdk_vdpa_vf_is_started(const struct dpdk_vdpa_vf *vf_)
{
    struct dpdk_vdpa_vf *vf = CONST_CAST(struct dpdk_vdpa_vf *, vf_);
    bool started;

    atomic_read(&vf->started, &started);
    return started;
}

bool
dpdk_vdpa_vf_is_removed(const struct dpdk_vdpa_vf *vf_)
{
    struct dpdk_vdpa_vf *vf = CONST_CAST(struct dpdk_vdpa_vf *, vf_);
    bool removed;

    atomic_read(&vf->removed, &removed);
    return removed;
}

bool
dpdk_vdpa_vf_needs_reset(const struct dpdk_vdpa_vf *vf_)
{
    struct dpdk_vdpa_vf *vf = CONST_CAST(struct dpdk_vdpa_vf *, vf_);
    bool needs_reset;

    atomic_read(&vf->needs_reset, &needs_reset);
    return needs_reset;
}

bool
dpdk_vdpa_vf_link_is_up(const struct dpdk_vdpa_vf *vf)
{
    struct rte_eth_link link;

    return (dpdk_vdpa_vf_is_started(vf)
            && !dpdk_vdpa_vf_is_removed(vf)
            && !rte_eth_link_get_nowait(vf->port_id, &link)
            && link.link_status == RTE_ETH_LINK_UP);
}

unsigned int
dpdk_vdpa_vf_get_losses(const struct dpdk_vdpa_vf *vf,
                        struct dpdk_vdpa_vf_loss losses[DPDK_VDPA_VF_N_LOSSES])
{
    struct rte_eth_stats stats;
    unsigned int n = 0;

    if (dpdk_vdpa_vf_is_removed(vf)
        || rte_eth_stats_get(vf->port_id, &stats)) {
        return 0;
    }
    losses[n++] = (struct dpdk_vdpa_vf_loss) { "rx_missed", stats.imissed };
    losses[n++] = (struct dpdk_vdpa_vf_loss) { "rx_nombuf", stats.rx_nombuf };
    losses[n++] = (struct dpdk_vdpa_vf_loss) { "rx_errors", stats.ierrors };
    losses[n++] = (struct dpdk_vdpa_vf_loss) { "tx_errors", stats.oerrors };
    return n;
}

/* Burst functions. */

uint16_t
dpdk_vdpa_vf_recv(void *vf_, uint16_t queue, struct rte_mbuf **pkts,
                  uint16_t n)
{
    struct dpdk_vdpa_vf *vf = vf_;

    return rte_eth_rx_burst(vf->port_id, queue, pkts, n);
}

static inline bool
want_offloads(struct rte_mbuf **pkts, unsigned int n)
{
    uint64_t flags = 0;

    for (unsigned int i = 0; i < n; i++) {
        flags |= pkts[i]->ol_flags;
    }
    return flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
}

uint16_t
dpdk_vdpa_vf_send(void *vf_, uint16_t queue, struct rte_mbuf **pkts,
                  uint16_t n)
{
    struct dpdk_vdpa_vf *vf = vf_;

    if (vf->tx_offloads && want_offloads(pkts, n)) {
        n = rte_eth_tx_prepare(vf->port_id, queue, pkts, n);
    }
    return rte_eth_tx_burst(vf->port_id, queue, pkts, n);
}

uint16_t
dpdk_vdpa_vf_send_lent(void *vf_, uint16_t queue, struct rte_mbuf **pkts,
                       uint16_t n)
{
    struct dpdk_vdpa_vf *vf = vf_;

    n = (dpdk_vdpa_vf_lent_enter(&vf->lent, queue)
         ? dpdk_vdpa_vf_send(vf, queue, pkts, n) : 0);
    dpdk_vdpa_vf_lent_leave(&vf->lent, queue);
    return n;
}

void
dpdk_vdpa_vf_let_go(void *vf_, uint16_t queue)
{
    struct dpdk_vdpa_vf *vf = vf_;

    if (dpdk_vdpa_vf_lent_enter(&vf->lent, queue)) {
        rte_eth_tx_done_cleanup(vf->port_id, queue, 0);
    }
    dpdk_vdpa_vf_lent_leave(&vf->lent, queue);
}

bool
dpdk_vdpa_vf_arm(void *vf_, uint16_t queue, struct dpdk_vdpa_waiter *waiter)
{
    struct dpdk_vdpa_vf *vf = vf_;

    return dpdk_vdpa_vf_wakes_arm(&vf->wakes, queue, waiter);
}

void
dpdk_vdpa_vf_disarm(void *vf_, uint16_t queue)
{
    struct dpdk_vdpa_vf *vf = vf_;

    dpdk_vdpa_vf_wakes_disarm(&vf->wakes, queue);
}

int
dpdk_vdpa_vf_never_fits(void *vf_, uint16_t queue, struct rte_mbuf *pkt)
{
    struct dpdk_vdpa_vf *vf = vf_;

    return (want_offloads(&pkt, 1)
            && !rte_eth_tx_prepare(vf->port_id, queue, &pkt, 1)
            ? DPDK_VDPA_DROP_BAD_OFFLOAD : -1);
}
