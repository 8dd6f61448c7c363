/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_FLOW_ENTRY_H
#define SIM_NIC_FLOW_ENTRY_H

#include <stdint.h>
#include <sys/queue.h>

#include "eswitch/table.h"

/* A flow, in its port's list. */
struct rte_flow {
	TAILQ_ENTRY(rte_flow) next;
	uint16_t from;			/* Endpoint whose table it is in. */
	struct sim_rule *rule;		/* NULL on a VF. */
	uint8_t rss_class;		/* On a VF. */
};

#endif /* SIM_NIC_FLOW_ENTRY_H */
