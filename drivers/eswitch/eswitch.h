/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_ESWITCH_ESWITCH_H
#define SIM_ESWITCH_ESWITCH_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "base/limits.h"
#include "eswitch/table.h"

/*
 * The e-switch: what sits between the wire, the VFs and the ethdevs that
 * stand for them.
 *
 *	wire   <--> uplink ethdev
 *	VF k   <--> representor ethdev k
 *
 * An endpoint is one of those.  The two of a line are each other's peers:
 * what comes in at one goes out at the other, unless a rule says otherwise.
 * Only the left ones have rules, because only what comes from the wire or
 * from a VF is the network's or a guest's traffic; what an application sends
 * on an ethdev of the right side has its destination already.
 *
 * The e-switch knows packets and endpoints, no ethdev and no device.
 *
 * Threads: attach, detach and everything about rules belong to the control
 * path and are serialised by the caller.  send and deliver belong to the
 * datapath, any thread, between sim_rcu_enter() and sim_rcu_exit().
 */

#define SIM_EP_WIRE	0
#define SIM_EP_UPLINK	1
#define SIM_EP_VF(k)	(2 + 2 * (k))
#define SIM_EP_REP(k)	(3 + 2 * (k))
#define SIM_EP_MAX	(2 + 2 * SIM_MAX_VFS)
#define SIM_EP_PEER(id)	((id) ^ 1)
#define SIM_EP_HAS_RULES(id) (((id) & 1) == 0)

struct sim_endpoint {
	/* Takes all packets: whatever it does not keep it frees and counts.
	 * 'n' is at most SIM_BURST. */
	void (*receive)(struct sim_endpoint *ep, struct rte_mbuf **pkts,
			uint16_t n);
};

/* Counters of what ended in the e-switch itself; written with relaxed atomic
 * additions by any datapath thread. */
struct sim_ep_counters {
	uint64_t absent;	/* For this endpoint: not there, link down. */
	uint64_t rule_drop;	/* From this endpoint, by a drop rule. */
	uint64_t rule_error;	/* From this endpoint, could not be edited. */
};

struct sim_eswitch {
	/* Written by the control path, read under RCU. */
	struct sim_endpoint *ep[SIM_EP_MAX];
	struct sim_table table[SIM_EP_MAX / 2];
	struct sim_ep_counters counters[SIM_EP_MAX];
};

void sim_eswitch_init(struct sim_eswitch *esw);
void sim_eswitch_fini(struct sim_eswitch *esw);

static inline struct sim_table *
sim_eswitch_table(struct sim_eswitch *esw, uint16_t id)
{
	return &esw->table[id >> 1];
}

void sim_eswitch_attach(struct sim_eswitch *esw, uint16_t id,
			struct sim_endpoint *ep);
/* When it returns no burst is inside the endpoint any more. */
void sim_eswitch_detach(struct sim_eswitch *esw, uint16_t id);

/* Packets that come in at endpoint 'from'.  Takes them all. */
void sim_eswitch_send(struct sim_eswitch *esw, uint16_t from,
		      struct rte_mbuf **pkts, uint16_t n);

/* Packets for endpoint 'to', past all rules.  Takes them all. */
void sim_eswitch_deliver(struct sim_eswitch *esw, uint16_t to,
			 struct rte_mbuf **pkts, uint16_t n);

#endif /* SIM_ESWITCH_ESWITCH_H */
