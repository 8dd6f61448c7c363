/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_ETHDEV_H
#define SIM_NIC_ETHDEV_H

#include "nic/port.h"

/* Ports come and go. */

struct sim_ethdev_params {
	struct sim_nic *nic;
	enum sim_port_kind kind;
	uint16_t vf;			/* Of a VF or a representor. */
	uint32_t faults;
	struct sim_tx_free tx_free;
};

/* For rte_eth_dev_create(): 'params' is a struct sim_ethdev_params. */
int sim_ethdev_init(struct rte_eth_dev *dev, void *params);

/* Has the port reach the 'len' bytes at 'addr', or no longer.  0 or a negative
 * errno. */
int sim_ethdev_dma_map(struct rte_eth_dev *dev, const void *addr, size_t len,
		       bool map);

/* Stops and closes the port and gives back its ethdev. */
void sim_ethdev_remove(struct rte_eth_dev *dev);

#endif /* SIM_NIC_ETHDEV_H */
