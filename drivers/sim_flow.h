/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_FLOW_H
#define SIM_FLOW_H

#include <rte_flow_driver.h>

#include "sim_port.h"

/* rte_flow of the simulated NIC: translates patterns and actions into rules of
 * the e-switch (uplink and representors) or into RSS (VFs). */

int sim_flow_ops_get(struct rte_eth_dev *dev, const struct rte_flow_ops **ops);

/* Takes back all flows of a port that goes. */
void sim_flow_close(struct sim_port *p);

#endif /* SIM_FLOW_H */
