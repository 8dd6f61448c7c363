/* SPDX-License-Identifier: Apache-2.0 */

#include "sim_flow.h"

int
sim_flow_ops_get(struct rte_eth_dev *dev, const struct rte_flow_ops **ops)
{
	RTE_SET_USED(dev);
	*ops = NULL;
	return -ENOTSUP;
}

void
sim_flow_close(struct sim_port *p)
{
	RTE_SET_USED(p);
}
