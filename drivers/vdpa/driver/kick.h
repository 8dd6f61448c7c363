/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_KICK_H
#define SIM_VDPA_DRIVER_KICK_H

#include "vdpa/driver/state.h"

/* The driver's thread: it turns the guest's kicks into doorbells, and does
 * what else is to be done now and then. */

/* 'tick' is called with the driver's lock held while the device runs, and
 * returns how many milliseconds later it wants to be called again; -1: not
 * before sim_vdpa_kick_wake(). */
int sim_vdpa_kick_create(struct sim_vdpa *v,
			 int (*tick)(struct sim_vdpa *v));
/* Without the lock. */
void sim_vdpa_kick_destroy(struct sim_vdpa *v);

/* A queue's kicks come, or do not come any more.  0 or a negative errno, with
 * a sentence in the log. */
int sim_vdpa_kick_add(struct sim_vdpa *v, uint16_t i, int fd);
void sim_vdpa_kick_del(struct sim_vdpa *v, int fd);

/* After something changed that the thread may have to look at now.  With or
 * without the lock. */
void sim_vdpa_kick_wake(struct sim_vdpa *v);

#endif /* SIM_VDPA_DRIVER_KICK_H */
