/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_FLOW_H
#define SIM_NIC_FLOW_H

#include <sys/queue.h>

#include <rte_flow_driver.h>

#include "nic/port.h"
#include "eswitch/table.h"

/*
 * rte_flow of the simulated NIC.
 *
 * On an uplink or a representor: rules of the e-switch ("transfer"), which
 * flow_pattern.c and flow_action.c translate.  On a VF: RSS over a list of
 * queues, in flow_rss.c.
 *
 * All of it is serialised by one lock of flow.c, which is taken before
 * sim_nic_lock.  A function that fails fills in 'error' and returns the
 * negative errno that it carries.
 */

struct rte_flow {
	TAILQ_ENTRY(rte_flow) next;
	uint16_t from;			/* Endpoint whose table it is in. */
	struct sim_rule *rule;		/* NULL on a VF. */
	uint8_t rss_class;		/* On a VF. */
};

int sim_flow_ops_get(struct rte_eth_dev *dev, const struct rte_flow_ops **ops);

/* Takes back all flows of a port that goes. */
void sim_flow_close(struct sim_port *p);

/* Parts of flow.c. */

/* A pattern into key and mask.  '*from' comes in as the endpoint whose packets
 * the port's rules see and is changed by an item that names another port. */
int sim_pattern_parse(const struct sim_port *p,
		      const struct rte_flow_item *items, struct sim_rule *rule,
		      uint16_t *from, struct rte_flow_error *error);

/* A list of actions into one. */
int sim_action_parse(const struct sim_port *p,
		     const struct rte_flow_action *actions,
		     struct sim_action *out, struct rte_flow_error *error);

/* The endpoint that the ethdev 'port_id' represents: the wire for an uplink,
 * the VF for a representor; SIM_EP_MAX if it is no such port of this NIC. */
uint16_t sim_flow_represented(const struct sim_port *p, uint32_t port_id);

extern const struct rte_flow_ops sim_flow_rss_ops;
void sim_flow_rss_close(struct sim_port *p);

#endif /* SIM_NIC_FLOW_H */
