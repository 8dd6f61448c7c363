/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_RX_H
#define SIM_VDPA_DEVICE_RX_H

#include "vdpa/device/state.h"

/* What a guest receives. */

/* The endpoint's receive function: any sender's thread. */
void sim_vdpa_receive(struct sim_endpoint *ep, struct rte_mbuf **pkts,
		      uint16_t n);

/* One burst of a receive queue; how many packets it was.  Engine, inside an
 * RCU section. */
uint16_t sim_vdpa_rx(struct sim_vdpa_vq *q);

/* Drops what waits for buffers.  Control path, when nobody sends to the queue
 * any more. */
void sim_vdpa_rx_flush(struct sim_vdpa_vq *q);

#endif /* SIM_VDPA_DEVICE_RX_H */
