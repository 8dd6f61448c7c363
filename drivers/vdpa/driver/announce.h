/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_ANNOUNCE_H
#define SIM_VDPA_DRIVER_ANNOUNCE_H

#include "vdpa/driver/state.h"

/* Announces the guest, which came by migration, if that is due and its first
 * transmit queue runs; else it stays due.  The vhost library's thread, while
 * the library holds no lock of a virtqueue: of a device that is configured it
 * does not. */
void sim_vdpa_announce(struct sim_vdpa *v);

#endif /* SIM_VDPA_DRIVER_ANNOUNCE_H */
