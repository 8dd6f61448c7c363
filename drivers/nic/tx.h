/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_TX_H
#define SIM_NIC_TX_H

#include "nic/port.h"

/* The sending half of a port's datapath: see port.h. */

uint16_t sim_tx_burst(void *txq, struct rte_mbuf **pkts, uint16_t n);
uint16_t sim_tx_prepare(void *txq, struct rte_mbuf **pkts, uint16_t n);
int sim_tx_done_cleanup(void *txq, uint32_t free_cnt);
int sim_tx_descriptor_status(void *txq, uint16_t offset);

/* If the device tells once in so many packets that they were sent, it does so
 * once in 'rs_thresh', unless that is 0. */
struct sim_txq *sim_txq_create(struct sim_port *p, uint16_t id,
			       uint16_t nb_desc, int socket,
			       uint64_t offloads, uint16_t rs_thresh);

/* Whether the queue neither takes nor gives anything back. */
bool sim_tx_is_stuck(const struct sim_txq *q);

/* Nobody sends any more: frees what was sent. */
void sim_tx_stop(struct sim_txq *q);
void sim_txq_destroy(struct sim_txq *q);

#endif /* SIM_NIC_TX_H */
