/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_REGISTERS_H
#define SIM_VDPA_DEVICE_REGISTERS_H

#include "vdpa/device/state.h"

/* The register file: regs.h has the addresses.  What makes no sense is
 * ignored, and counted if it was a write.  A write that stops something
 * (reset, disabling a queue) returns when it has stopped.  Any thread that is
 * not in an RCU section; a doorbell takes no lock. */

uint32_t sim_vdpa_dev_read(struct sim_vdpa_dev *dev, uint32_t reg);
void sim_vdpa_dev_write(struct sim_vdpa_dev *dev, uint32_t reg,
			uint32_t value);

#endif /* SIM_VDPA_DEVICE_REGISTERS_H */
