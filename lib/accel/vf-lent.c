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

#include "accel/vf-lent.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rte_config.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#include "base/counter.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "vhost/lend.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_vf_lent);

/* How long a VF that is about to be stopped has to send what it was lent, in
 * ms, and how often it is looked at, in us. */
#define SEND_TIME 20
#define LOOK_INTERVAL 50

const struct rte_eth_txconf *
dpdk_vdpa_vf_lent_txconf(uint16_t port_id, struct rte_eth_txconf *conf)
{
    struct rte_eth_dev_info info;

    if (rte_eth_dev_info_get(port_id, &info)
        || info.default_txconf.tx_rs_thresh <= 1) {
        return NULL;
    }
    *conf = info.default_txconf;
    conf->tx_rs_thresh = 1;
    return conf;
}

/* Returns true if ethdev 'port_id' is told where memory is by its IOVA, which
 * is not known of what is not DPDK's own unless it is the virtual address.  A
 * virtual device reads as we do. */
static bool
needs_other_iova(uint16_t port_id)
{
    struct rte_eth_dev_info info;

    return (rte_eal_iova_mode() != RTE_IOVA_VA
            && (rte_eth_dev_info_get(port_id, &info) || !info.device
                || strcmp(rte_bus_name(rte_dev_bus(info.device)), "vdev")));
}

/* Returns true if the device of ethdev 'port_id' frees mbufs by itself, and so
 * takes none but of mempools of its own kind.  What somebody else has, too, it
 * must not free: so its driver (cnxk) drops the reference when it sends it,
 * before the device has read it. */
static bool
frees_by_itself(uint16_t port_id)
{
    return (rte_eth_dev_pool_ops_supported(port_id,
                                           RTE_MBUF_DEFAULT_MEMPOOL_OPS)
            == -ENOTSUP);
}

/* Returns null if packets can be lent to ethdev 'port_id', or why not. */
static const char *
find_obstacle(uint16_t port_id)
{
    struct rte_eth_conf conf;

    if (rte_eth_dev_conf_get(port_id, &conf)
        || !(conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS)) {
        return "the VF sends no packets of several segments";
    } else if (rte_eth_tx_done_cleanup(port_id, 0, 0) < 0) {
        return "the VF's driver does not say what it has sent";
    } else if (frees_by_itself(port_id)) {
        return "the VF's device frees packets by itself";
    } else if (needs_other_iova(port_id)) {
        return "DPDK uses physical addresses";
    }
    return NULL;
}

/* Returns how many segments ethdev 'port_id' takes of a packet, at most
 * DPDK_VDPA_LEND_MAX_SEGS. */
static uint16_t
get_max_segs(uint16_t port_id)
{
    uint16_t max = DPDK_VDPA_LEND_MAX_SEGS;
    struct rte_eth_dev_info info;

    if (!rte_eth_dev_info_get(port_id, &info)) {
        const struct rte_eth_desc_lim *lim = &info.tx_desc_lim;

        max = lim->nb_seg_max ? MIN(max, lim->nb_seg_max) : max;
        max = lim->nb_mtu_seg_max ? MIN(max, lim->nb_mtu_seg_max) : max;
    }
    return max;
}

void
dpdk_vdpa_vf_lent_open(struct dpdk_vdpa_vf_lent *lent, uint16_t port_id,
                       unsigned int n, bool asked)
{
    lent->why_not = asked ? find_obstacle(port_id) : "it is not asked for";
    if (lent->why_not) {
        return;
    }
    lent->max_segs = get_max_segs(port_id);
    lent->port_id = port_id;
    lent->queues = xzalloc_cacheline(n * sizeof *lent->queues);
    lent->is_stuck = false;
    lent->n = n;
    atomic_store_relaxed(&lent->closed, false);
}

void
dpdk_vdpa_vf_lent_close(struct dpdk_vdpa_vf_lent *lent)
{
    free_cacheline(lent->queues);
    lent->queues = NULL;
    lent->max_segs = lent->n = 0;
}

/* Calls 'stop(aux)', which has the driver free what it has, and counts what it
 * had not sent.  What it has sent was freed before. */
static void
stop_and_count(struct dpdk_vdpa_vf_lent *lent, void (*stop)(void *aux),
               void *aux)
{
    unsigned int n = dpdk_vdpa_lend_n_freed_by(stop, aux, lent->owner);

    if (lent->n_unsent) {
        dpdk_vdpa_counter_add(lent->n_unsent, n);
    }
}

/* A queue, to be stopped. */
struct to_stop {
    uint16_t port_id;
    uint16_t queue;
    int error;                  /* The outcome. */
};

static void
stop_queue(void *q_)
{
    struct to_stop *q = q_;

    q->error = rte_eth_dev_tx_queue_stop(q->port_id, q->queue);
}

/* Has 'queue' give back all packets, sent or not. */
static void
empty_queue(struct dpdk_vdpa_vf_lent *lent, uint16_t queue)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    struct to_stop q = { lent->port_id, queue, 0 };
    int error;

    rte_eth_tx_done_cleanup(lent->port_id, queue, 0);
    stop_and_count(lent, stop_queue, &q);
    error = q.error;
    if (!error) {
        error = rte_eth_dev_tx_queue_start(lent->port_id, queue);
        lent->is_stuck |= error != 0;
    }
    if (error && !rte_eth_dev_is_removed(lent->port_id)) {
        VLOG_WARN_RL(&rl, "port %u: queue %u cannot be stopped and started "
                     "(%s)", lent->port_id, queue, ovs_strerror(-error));
    }
}

void
dpdk_vdpa_vf_lent_call_in(struct dpdk_vdpa_vf_lent *lent, bool by_force)
{
    atomic_store_relaxed(&lent->closed, true);
    dpdk_vdpa_gate_barrier();
    for (unsigned int i = 0; i < lent->n; i++) {
        dpdk_vdpa_gate_wait(&lent->queues[i].inside);
    }
    /* Now nobody else has the driver free what it has sent. */
    for (unsigned int i = 0; i < lent->n; i++) {
        if (by_force) {
            empty_queue(lent, i);
        } else {
            rte_eth_tx_done_cleanup(lent->port_id, i, 0);
        }
    }
    if (!lent->is_stuck) {
        atomic_store_explicit(&lent->closed, false, memory_order_release);
    }
}

static void
stop_ethdev(void *port_id)
{
    rte_eth_dev_stop(*(uint16_t *) port_id);
}

/* Waits, for a while, until the VF has sent what it was lent and says so, as
 * it may do late. */
static void
wait_until_sent(const struct dpdk_vdpa_vf_lent *lent, uint16_t port_id)
{
    long long int end = time_msec() + SEND_TIME;

    do {
        for (unsigned int i = 0; i < lent->n; i++) {
            rte_eth_tx_done_cleanup(port_id, i, 0);
        }
        if (!dpdk_vdpa_lend_any_is_out(lent->owner)) {
            break;
        }
        usleep(LOOK_INTERVAL);
    } while (time_msec() < end);
}

void
dpdk_vdpa_vf_lent_stop(struct dpdk_vdpa_vf_lent *lent, uint16_t port_id)
{
    if (lent->n) {
        wait_until_sent(lent, port_id);
    }
    stop_and_count(lent, stop_ethdev, &port_id);
}
