/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_FLOW_RSS_H
#define SIM_NIC_FLOW_RSS_H

#include <rte_flow_driver.h>

#include "nic/port.h"

/* The flow operations of a VF. */
extern const struct rte_flow_ops sim_flow_rss_ops;
void sim_flow_rss_close(struct sim_port *p);

#endif /* SIM_NIC_FLOW_RSS_H */
