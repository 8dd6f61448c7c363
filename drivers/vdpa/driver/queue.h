/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_QUEUE_H
#define SIM_VDPA_DRIVER_QUEUE_H

#include "vdpa/driver/state.h"

/* The virtqueues of a guest on the device. */

/* 0 or a negative errno, with a sentence in the log.  Of a device that is held
 * the queue only gets ready to run.  The vhost library's thread. */
int sim_vdpa_queue_start(struct sim_vdpa *v, uint16_t i);
/* Starts those that may run and do not; a negative errno if one cannot. */
int sim_vdpa_queue_start_all(struct sim_vdpa *v);
/* Stops the queue and tells the library how far it is.  Does nothing to one
 * that was not started.  The vhost library's thread. */
void sim_vdpa_queue_stop(struct sim_vdpa *v, uint16_t i);

/* The device does not touch the ring any more when this returns, until it is
 * told to go on.  Returns the ring's state, SIM_REG_GONE of a device that was
 * pulled out. */
uint32_t sim_vdpa_queue_pause(struct sim_vdpa *v, uint16_t i);
void sim_vdpa_queue_resume(struct sim_vdpa *v, uint16_t i);

#endif /* SIM_VDPA_DRIVER_QUEUE_H */
