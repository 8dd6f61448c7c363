/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_ENGINE_H
#define SIM_VDPA_DEVICE_ENGINE_H

#include "vdpa/device/state.h"

/* The thread of a vDPA device. */

/* 0 or a negative errno. */
int sim_vdpa_engine_start(struct sim_vdpa_dev *dev);
/* Does nothing if it was not started. */
void sim_vdpa_engine_stop(struct sim_vdpa_dev *dev);

#endif /* SIM_VDPA_DEVICE_ENGINE_H */
