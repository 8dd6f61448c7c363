/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_FLOW_PATTERN_H
#define SIM_NIC_FLOW_PATTERN_H

#include <rte_flow_driver.h>

#include "eswitch/table.h"
#include "nic/port.h"

/* A pattern into key and mask.  '*from' comes in as the endpoint whose packets
 * the port's rules see and is changed by an item that names another port.  0
 * or the negative errno that 'error' carries. */
int sim_pattern_parse(const struct sim_port *p,
		      const struct rte_flow_item *items, struct sim_rule *rule,
		      uint16_t *from, struct rte_flow_error *error);

#endif /* SIM_NIC_FLOW_PATTERN_H */
