/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_STATS_H
#define SIM_NIC_STATS_H

#include "compat.h"
#include "nic/port.h"

/* The statistics operations of all ports.  Every packet that was sent is in
 * exactly one counter somewhere: Documentation/simulated-nic.rst has the
 * equation. */

/* 'queues' is NULL if nobody asks for single queues. */
int sim_stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats,
		  sim_queue_stats *queues);
int sim_stats_reset(struct rte_eth_dev *dev);
int sim_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats,
		   unsigned int n);
int sim_xstats_get_names(struct rte_eth_dev *dev,
			 struct rte_eth_xstat_name *names, unsigned int n);

#endif /* SIM_NIC_STATS_H */
