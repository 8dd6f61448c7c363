/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_MEDIATE_H
#define SIM_VDPA_DRIVER_MEDIATE_H

#include "vdpa/driver/state.h"

/*
 * Mediated rings: with sw-live-migration=1, while the front-end logs, the used
 * ring of a receive queue is memory of the driver's own.  The driver copies to
 * the guest what appears there, logs the buffers and interrupts the guest.
 * Split rings only.
 */

/* Makes the used ring for a queue that was stopped and goes on from
 * 'last_used'. 0 or a negative errno. */
int sim_vdpa_mediate_start(struct sim_vdpa *v, uint16_t i, uint16_t last_used);
/* The same one's IOVA. */
uint64_t sim_vdpa_mediate_iova(const struct sim_vdpa *v, uint16_t i);
/* The device must have stopped the queue. */
void sim_vdpa_mediate_stop(struct sim_vdpa *v, uint16_t i);

static inline bool
sim_vdpa_is_mediated(const struct sim_vdpa *v, uint16_t i)
{
	return v->vring[i].mediated.desc != NULL;
}

/* Copies what the device has used to the guest.  False if the guest has spoilt
 * the descriptors meanwhile, so that they cannot be logged: the guest sees
 * what came before those. */
bool sim_vdpa_mediate_relay(struct sim_vdpa *v, uint16_t i);

#endif /* SIM_VDPA_DRIVER_MEDIATE_H */
