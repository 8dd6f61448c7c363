/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_FLOW_H
#define SIM_NIC_FLOW_H

#include <rte_flow_driver.h>

#include "nic/port.h"

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

int sim_flow_ops_get(struct rte_eth_dev *dev, const struct rte_flow_ops **ops);

/* Takes back all flows of a port that goes. */
void sim_flow_close(struct sim_port *p);

#endif /* SIM_NIC_FLOW_H */
