/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_DRIVER_H
#define SIM_VDPA_DRIVER_DRIVER_H

#include <stdint.h>

#include <rte_dev.h>
#include <rte_telemetry.h>

#include "base/devargs.h"

/*
 * The vDPA driver of the simulated VF: it knows rte_vdpa and vhost on one
 * side and the registers of vdpa/device/regs.h on the other.
 */

struct sim_nic;
struct sim_vdpa;

/* Makes a vDPA device of a VF; takes a reference on the NIC.  0 or a negative
 * errno, with a sentence in the log. */
int sim_vdpa_probe(struct rte_device *device, struct sim_nic *nic,
		   const struct sim_vf_args *args);
/* -ENOENT if there is no such device, -EBUSY while a guest uses it. */
int sim_vdpa_remove(struct rte_device *device);

/* With sim_nic_lock held. */
const char *sim_vdpa_name(const struct sim_vdpa *v);
void sim_vdpa_update_link(struct sim_vdpa *v);
void sim_vdpa_set_faults(struct sim_vdpa *v, uint32_t set, uint32_t clear,
			 uint32_t queues);

/* Telemetry: the device as a whole, and a dictionary for each virtqueue. */
void sim_vdpa_describe(const struct sim_vdpa *v, struct rte_tel_data *d);
void sim_vdpa_describe_queues(struct sim_vdpa *v, struct rte_tel_data *d);

#endif /* SIM_VDPA_DRIVER_DRIVER_H */
