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

#ifndef DPDK_VDPA_VF_H
#define DPDK_VDPA_VF_H 1

/* The VF end of a dpdkvdpa port: configures, starts and watches a DPDK ethdev.
 *
 * Any ethdev may serve: a PCI VF, a scalable function or a virtual device.
 * All functions but the burst functions are for the VF's owner, unless they
 * say otherwise: the main thread, or the one that closes it.  Errors are
 * positive errno values, with a sentence for the user in '*errp', which the
 * caller must free. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"
#include "ovs-atomic.h"

struct dpdk_vdpa_pool_info;
struct dpdk_vdpa_vf;
struct dpdk_vdpa_waiter;
struct rte_mbuf;
struct rte_mempool;

struct dpdk_vdpa_vf_config {
    unsigned int n_pairs;       /* Most queue pairs that the guest may have,
                                 * 1..dpdk_vdpa_vf_max_pairs(). */
    unsigned int n_used;        /* Those of the VF: 1..n_pairs. */
    uint16_t n_rx_desc;         /* Descriptors per queue, 0 for the usual */
    uint16_t n_tx_desc;         /* number.  The device may have less, or
                                 * round. */
    uint16_t mtu;               /* In bytes, as that of a netdev. */
    bool lro;                   /* Put received TCP segments together, which
                                 * takes dpdk_vdpa_vf_has_lro(). */
    bool zero_copy;             /* Be lent packets, if it can. */
    unsigned int n_engines;     /* DMA engines that copy to and from the
                                 * guest. */
    unsigned int n_threads;     /* So many threads may come to poll it. */
};

/* Takes the ethdev 'port_id', which is the caller's alone, came by 'devargs'
 * and is on the device that is called 'device_name' in DPDK. */
struct dpdk_vdpa_vf *dpdk_vdpa_vf_open(const char *devargs,
                                       const char *device_name,
                                       uint16_t port_id);

/* Stops the VF if need be and frees 'vf'.  The ethdev stays.  No thread may be
 * inside the burst functions. */
void dpdk_vdpa_vf_close(struct dpdk_vdpa_vf *);

/* Makes the VF ready for traffic, stopping it first if it is started.  No
 * thread may be inside the burst functions.  After an error the VF is
 * stopped, but if all that is missing is memory for packets, it goes on as it
 * was. */
int dpdk_vdpa_vf_start(struct dpdk_vdpa_vf *,
                       const struct dpdk_vdpa_vf_config *, char **errp);

/* Calls 'changed(aux)' from a thread of DPDK when the link comes or goes, the
 * device goes, or it asks for a reset, which dpdk_vdpa_vf_start() does.  The
 * functions below tell which.  Packets that the VF is lent are from queues of
 * which 'aux' is the owner (vhost/lend.h); those that it had not been seen to
 * send when its queues were stopped are added to '*n_unsent', until the VF is
 * closed.  To be called once. */
void dpdk_vdpa_vf_set_callback(struct dpdk_vdpa_vf *,
                               void (*changed)(void *aux), void *aux,
                               atomic_uint64_t *n_unsent);

/* Makes the VF spread what it receives over the queues 'i' with 'enabled[i]',
 * 'i' < 'n', if it can. */
void dpdk_vdpa_vf_set_rss(struct dpdk_vdpa_vf *, const bool *enabled,
                          unsigned int n);

uint16_t dpdk_vdpa_vf_port_id(const struct dpdk_vdpa_vf *);
unsigned int dpdk_vdpa_vf_max_pairs(const struct dpdk_vdpa_vf *);
bool dpdk_vdpa_vf_has_lro(const struct dpdk_vdpa_vf *);
const char *dpdk_vdpa_vf_devargs(const struct dpdk_vdpa_vf *);
int dpdk_vdpa_vf_numa_node(const struct dpdk_vdpa_vf *);

/* Of a started VF: the configuration, the mempool that it receives into, the
 * number of receive and transmit descriptors per queue, the longest frame that
 * it can send and receive, what it does for packets that it sends, in
 * RTE_MBUF_F_TX_* flags, and whether it receives for all MAC addresses or only
 * its own. */
const struct dpdk_vdpa_vf_config *dpdk_vdpa_vf_get_config(
    const struct dpdk_vdpa_vf *);
struct rte_mempool *dpdk_vdpa_vf_mempool(const struct dpdk_vdpa_vf *);
uint16_t dpdk_vdpa_vf_rxq_size(const struct dpdk_vdpa_vf *);
uint16_t dpdk_vdpa_vf_txq_size(const struct dpdk_vdpa_vf *);
uint32_t dpdk_vdpa_vf_max_frame_len(const struct dpdk_vdpa_vf *);
uint64_t dpdk_vdpa_vf_tx_offloads(const struct dpdk_vdpa_vf *);
bool dpdk_vdpa_vf_is_promiscuous(const struct dpdk_vdpa_vf *);

/* Returns how many segments a packet may have at most that is lent to a
 * started VF (vhost/lend.h), or 0 if none may be lent, with why not in
 * '*whyp'. */
uint16_t dpdk_vdpa_vf_max_lent_segs(const struct dpdk_vdpa_vf *,
                                    const char **whyp);

/* Has a started VF let go of packets that it has sent, 'by_force' of all that
 * it has, which were lent to it.  Any thread but PMD threads, one at a time,
 * in which nobody starts or closes it. */
void dpdk_vdpa_vf_call_in(struct dpdk_vdpa_vf *, bool by_force);

/* Says how much of which mempool a started VF has; see accel/pool.h. */
void dpdk_vdpa_vf_get_pool_info(const struct dpdk_vdpa_vf *,
                                struct dpdk_vdpa_pool_info *);

/* Returns true if what the VF, which has been started, is given to send may
 * come from any mempool, not only its own. */
bool dpdk_vdpa_vf_takes_any(const struct dpdk_vdpa_vf *);

/* Returns true if the mempool of a started VF is large enough for it to be
 * polled by any of 'n_threads' threads. */
bool dpdk_vdpa_vf_is_enough_for(const struct dpdk_vdpa_vf *,
                                unsigned int n_threads);

struct eth_addr dpdk_vdpa_vf_mac(const struct dpdk_vdpa_vf *);

/* Packets that a VF lost by itself, as its driver counts them since it was
 * started. */
#define DPDK_VDPA_VF_N_LOSSES 4
struct dpdk_vdpa_vf_loss {
    const char *name;           /* Constant. */
    uint64_t n_packets;
};

/* Stores what 'vf' lost in 'losses', and returns how many of these there are:
 * none if the driver does not tell. */
unsigned int dpdk_vdpa_vf_get_losses(
    const struct dpdk_vdpa_vf *vf,
    struct dpdk_vdpa_vf_loss losses[DPDK_VDPA_VF_N_LOSSES]);

/* Returns how many waits of PMD threads a receive interrupt of the VF has
 * ended. */
uint64_t dpdk_vdpa_vf_n_interrupts(const struct dpdk_vdpa_vf *);

/* Any thread. */
bool dpdk_vdpa_vf_is_started(const struct dpdk_vdpa_vf *);
bool dpdk_vdpa_vf_is_removed(const struct dpdk_vdpa_vf *);
bool dpdk_vdpa_vf_needs_reset(const struct dpdk_vdpa_vf *);
bool dpdk_vdpa_vf_link_is_up(const struct dpdk_vdpa_vf *);

/* Burst functions for 'struct dpdk_vdpa_end', with a "struct dpdk_vdpa_vf *"
 * as 'aux' and a queue pair as 'queue', for a started VF.  One to which
 * packets may be lent needs dpdk_vdpa_vf_send_lent() for all. */
uint16_t dpdk_vdpa_vf_recv(void *vf, uint16_t queue, struct rte_mbuf **,
                           uint16_t n);
uint16_t dpdk_vdpa_vf_send(void *vf, uint16_t queue, struct rte_mbuf **,
                           uint16_t n);
uint16_t dpdk_vdpa_vf_send_lent(void *vf, uint16_t queue, struct rte_mbuf **,
                                uint16_t n);
int dpdk_vdpa_vf_never_fits(void *vf, uint16_t queue, struct rte_mbuf *);
void dpdk_vdpa_vf_let_go(void *vf, uint16_t queue);
bool dpdk_vdpa_vf_arm(void *vf, uint16_t queue, struct dpdk_vdpa_waiter *);
void dpdk_vdpa_vf_disarm(void *vf, uint16_t queue);

#endif /* accel/vf.h */
