/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_RX_H
#define SIM_NIC_RX_H

#include "compat.h"
#include "nic/port.h"

/* The receiving half of a port's datapath: see port.h. */

void sim_rx_receive(struct sim_endpoint *ep, struct rte_mbuf **pkts,
		    uint16_t n);

uint16_t sim_rx_burst(void *rxq, struct rte_mbuf **pkts, uint16_t n);
/* The same for an uplink with a TAP, which this call also reads. */
uint16_t sim_rx_burst_wire(void *rxq, struct rte_mbuf **pkts, uint16_t n);

sim_queue_fill sim_rx_queue_count(void *rxq);
int sim_rx_descriptor_status(void *rxq, uint16_t offset);

/* NULL if memory or readers run out. */
struct sim_rxq *sim_rxq_create(struct sim_port *p, uint16_t id,
			       uint16_t nb_desc, int socket,
			       struct rte_mempool *mp);
void sim_rxq_destroy(struct sim_rxq *q);

/* Frees what is in the ring.  Nobody may send to it or poll it. */
void sim_rxq_flush(struct sim_rxq *q);

#endif /* SIM_NIC_RX_H */
