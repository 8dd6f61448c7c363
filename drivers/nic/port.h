/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_PORT_H
#define SIM_NIC_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ring.h>

#include <ethdev_driver.h>

#include "base/fault.h"
#include "eswitch/eswitch.h"
#include "nic/late.h"
#include "nic/nic.h"
#include "packet/rss.h"

/*
 * What all ethdevs of the simulated NIC share: uplink, representor and VF are
 * one port each, which differ in their endpoint of the e-switch and little
 * else.
 *
 * Receiving: whoever sends puts mbufs into the ring of one of this port's rx
 * queues, with sim_port's endpoint 'receive'; the rx burst function takes them
 * out.  All mbufs in a ring come from that queue's own mempool, as ethdev
 * promises and OVS relies on: an mbuf of that pool goes in by pointer, any
 * other is copied, as a NIC's DMA would.
 *
 * Sending: the tx burst function gives the packets to the e-switch, which
 * takes them to other ports' rings in the same call.
 */

#define SIM_MAX_MTU	(SIM_MAX_FRAME - RTE_ETHER_HDR_LEN - 2 * 4)
#define SIM_MAX_MACS	16
#define SIM_MAX_DESC	8192

struct sim_port;

TAILQ_HEAD(sim_flow_list, rte_flow);

struct sim_rxq {
	struct rte_ring *ring;
	struct rte_mempool *mp;
	struct sim_port *port;
	uint32_t reader;		/* For sim_rcu_enter(). */
	uint32_t max_frame;		/* Set when the port starts. */
	uint16_t id;
	uint16_t room;			/* Bytes of data in one mbuf. */
	uint16_t nb_desc;
	bool scatter;
	uint32_t max_lro;		/* 0: no large receive offload. */
	bool checksum;			/* Say which checksums are good. */
	int intr_fd;			/* If 'has_intr'. */
	bool has_intr;
	bool armed;			/* Relaxed atomic: see interrupt.h. */

	/* Written by the thread that polls the queue. */
	uint64_t packets __rte_cache_aligned;
	uint64_t bytes;

	/* Written by senders, relaxed atomics. */
	uint64_t missed __rte_cache_aligned;
	uint64_t nombuf;
	uint64_t oversize;
	uint64_t copied;
	uint64_t flushed;		/* In the ring when the port stopped. */
	uint64_t merged;		/* Became a part of another packet. */
};

struct sim_txq {
	struct sim_port *port;
	struct sim_eswitch *esw;
	struct rte_mempool *segments;	/* NULL: no segmentation offload. */
	uint32_t reader;
	uint16_t ep_id;
	uint16_t id;
	uint16_t nb_desc;

	/* Written by the thread that sends on the queue. */
	struct sim_late late;
	uint64_t packets __rte_cache_aligned;
	uint64_t bytes;
	uint64_t link_down;		/* Sent while the link was down. */
	uint64_t bad_offload;		/* Asked for what cannot be done. */
	uint64_t dma_fault;		/* In memory that is not mapped. */
	uint64_t flushed;		/* Waited when the queue stopped. */
};

struct sim_port {
	struct sim_endpoint ep;
	struct sim_plug plug;
	struct rte_eth_dev_data *data;
	struct sim_nic *nic;
	struct rte_eth_dev *dev;
	enum sim_port_kind kind;
	uint16_t ep_id;
	uint16_t vf;			/* Of a VF or a representor. */
	struct sim_tx_free tx_free;	/* Constant. */

	/* Read by the datapath, written by the control path. */
	struct sim_faults faults;
	bool link_up;			/* Relaxed atomic. */
	bool filter;			/* Addresses are filtered; likewise. */
	bool rss_on;
	struct sim_rss *rss;		/* Under RCU; NULL: queue 0 only. */
	struct sim_reach *reach;	/* Under RCU; NULL: DPDK's own. */
	struct sim_rxq *rxq[SIM_MAX_QUEUES];	/* While attached. */
	uint16_t n_rxq;

	bool admin_down;		/* dev_set_link_down; sim_nic_lock. */
	bool attached;			/* To the e-switch; sim_nic_lock. */
	struct rte_ether_addr mc[SIM_MAX_MACS];	/* Under RCU with n_mc. */
	uint32_t n_mc;
	struct sim_flow_list flows;	/* Of flow.c; its lock. */

	uint64_t filtered __rte_cache_aligned;	/* Relaxed atomic. */
};

/* How the NIC sees a port. */
extern const struct sim_plug_ops sim_port_plug_ops;

/* With sim_nic_lock held: the ethdev at endpoint 'id', NULL if there is
 * none. */
struct sim_port *sim_port_at(const struct sim_nic *nic, uint16_t id);

/* The endpoint that the ethdev 'port_id' represents: the wire for an uplink,
 * the VF for a representor; SIM_EP_MAX if it is no such port of this NIC. */
uint16_t sim_port_represented(const struct sim_nic *nic, uint32_t port_id);

/* Puts faults into queues, or takes them out.  With sim_nic_lock held. */
void sim_port_set_faults(struct sim_port *p, uint32_t set, uint32_t clear,
			 uint32_t queues);

/* Events that were raised and not delivered yet will not be: the port goes. */
void sim_port_cancel_events(struct sim_port *p);

static inline bool
sim_port_has_fault(const struct sim_port *p, uint32_t fault)
{
	return sim_faults_any(&p->faults, fault);
}

/* What makes a whole port dead. */
#define SIM_FAULTS_DEAD	(SIM_FAULT_REMOVED | SIM_FAULT_RESET)

/* Whether queue 'id' does nothing because of 'stuck' or of its port. */
static inline bool
sim_port_queue_is_dead(const struct sim_port *p, uint32_t stuck, uint16_t id)
{
	if (likely(!sim_faults_any(&p->faults, stuck | SIM_FAULTS_DEAD)))
		return false;
	return sim_faults_any(&p->faults, SIM_FAULTS_DEAD) ||
		(sim_faults_queues(&p->faults, stuck) & (1u << id));
}

#endif /* SIM_NIC_PORT_H */
