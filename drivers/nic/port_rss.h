/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_PORT_RSS_H
#define SIM_NIC_PORT_RSS_H

#include "nic/port.h"

/* Receive-side scaling of a port.  The datapath reads p->rss under RCU, so
 * each change is a new struct sim_rss.  Control path of one port. */

/* A copy of the port's struct sim_rss to change; if it has none, one that
 * leaves all on queue 0.  NULL without memory. */
struct sim_rss *sim_port_rss_copy(const struct sim_port *p);
/* Gives it to the datapath and frees the old one. */
void sim_port_rss_publish(struct sim_port *p, struct sim_rss *rss);

/* The ethdev operations, and the part of dev_configure. */
int sim_port_rss_configure(struct rte_eth_dev *dev);
int sim_port_rss_hash_update(struct rte_eth_dev *dev,
			     struct rte_eth_rss_conf *conf);
int sim_port_rss_hash_conf_get(struct rte_eth_dev *dev,
			       struct rte_eth_rss_conf *conf);
int sim_port_reta_update(struct rte_eth_dev *dev,
			 struct rte_eth_rss_reta_entry64 *conf, uint16_t size);
int sim_port_reta_query(struct rte_eth_dev *dev,
			struct rte_eth_rss_reta_entry64 *conf, uint16_t size);

#endif /* SIM_NIC_PORT_RSS_H */
