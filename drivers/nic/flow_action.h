/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_FLOW_ACTION_H
#define SIM_NIC_FLOW_ACTION_H

#include <rte_flow_driver.h>

#include "eswitch/table.h"
#include "nic/port.h"

/* A list of actions into one.  0 or the negative errno that 'error'
 * carries. */
int sim_action_parse(const struct sim_port *p,
		     const struct rte_flow_action *actions,
		     struct sim_action *out, struct rte_flow_error *error);

#endif /* SIM_NIC_FLOW_ACTION_H */
