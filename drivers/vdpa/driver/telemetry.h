/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_TELEMETRY_H
#define SIM_VDPA_DRIVER_TELEMETRY_H

#include "vdpa/driver/state.h"

/* What telemetry shows of a vDPA device: see struct sim_plug_ops.  Without the
 * driver's lock. */
void sim_vdpa_describe(struct sim_plug *plug, struct rte_tel_data *d);
void sim_vdpa_describe_queues(struct sim_plug *plug, struct rte_tel_data *d);

#endif /* SIM_VDPA_DRIVER_TELEMETRY_H */
