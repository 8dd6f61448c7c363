/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_TX_H
#define SIM_VDPA_DEVICE_TX_H

#include "vdpa/device/state.h"

/* What a guest sends.  Engine, inside an RCU section. */

/* One burst of a transmit queue; how many packets it was. */
uint16_t sim_vdpa_tx(struct sim_vdpa_vq *q);

/* Sends one of the packets that were injected; 0 if there is none. */
uint16_t sim_vdpa_tx_injected(struct sim_vdpa_dev *dev);

#endif /* SIM_VDPA_DEVICE_TX_H */
