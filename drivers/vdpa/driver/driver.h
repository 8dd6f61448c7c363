/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_DRIVER_H
#define SIM_VDPA_DRIVER_DRIVER_H

#include <rte_dev.h>

#include "base/devargs.h"

/*
 * The vDPA driver of the simulated VF: it knows rte_vdpa and vhost on one
 * side and the registers of vdpa/device/regs.h on the other.
 */

struct sim_nic;

/* Makes a vDPA device of a VF; takes a reference on the NIC.  0 or a negative
 * errno, with a sentence in the log. */
int sim_vdpa_probe(struct rte_device *device, struct sim_nic *nic,
		   const struct sim_vf_args *args);
/* -ENOENT if there is no such device, -EBUSY while a guest uses it. */
int sim_vdpa_remove(struct rte_device *device);

#endif /* SIM_VDPA_DRIVER_DRIVER_H */
