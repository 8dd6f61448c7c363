/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_LOG_H
#define SIM_VDPA_DRIVER_LOG_H

#include "vdpa/driver/state.h"

/*
 * The front-end's log of dirty pages, as the driver has it: a mapping of its
 * own, which stays whatever the library does with the one that it has.  The
 * device writes to it, or with sw-live-migration=1 the driver.
 */

enum sim_vdpa_log_state {
	SIM_VDPA_LOG_NONE,	/* The front-end has given none yet. */
	SIM_VDPA_LOG_OPEN,
	SIM_VDPA_LOG_FAILED,	/* There is one that we cannot map. */
};

/* Maps the log of the library and, without sw-live-migration=1, lets the
 * device log.  It must be closed. */
enum sim_vdpa_log_state sim_vdpa_log_open(struct sim_vdpa *v);
/* Does nothing if it is not open. */
void sim_vdpa_log_close(struct sim_vdpa *v);

/* Whether the front-end has replaced the log by another one, of which the
 * library tells nobody.  The same one once more does not count: QEMU gives it
 * for each queue pair. */
bool sim_vdpa_log_was_replaced(struct sim_vdpa *v);

/* These log pages as written; they do nothing if no log is open. */
void sim_vdpa_log_write(struct sim_vdpa *v, uint64_t iova, uint64_t len);
/* What the device has written to a ring itself. */
void sim_vdpa_log_ring(struct sim_vdpa *v, uint16_t i);
/* All of the guest's memory: what was written before there was this log is
 * anybody's guess. */
void sim_vdpa_log_everything(struct sim_vdpa *v);

#endif /* SIM_VDPA_DRIVER_LOG_H */
