/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_MIGRATION_H
#define SIM_VDPA_DRIVER_MIGRATION_H

#include "vdpa/driver/state.h"

/*
 * The driver's part in live migration.
 *
 * By default the device logs the packet buffers that it writes, and the
 * driver logs the rings when it stops them.  With sw-live-migration=1 the
 * device logs nothing: while LOG_ALL is on, the receive queues are mediated.
 *
 * A front-end that wants a log which cannot be mapped must not get a copy of
 * the guest without what the device writes: the device is held, that is, its
 * queues are paused, until the log can be had or is not wanted any more.
 */

/* Before the device is started, and after it was stopped. */
void sim_vdpa_migration_begin(struct sim_vdpa *v);
void sim_vdpa_migration_end(struct sim_vdpa *v);

/* Looks at LOG_ALL while the device runs.  The vhost library's thread. */
void sim_vdpa_migration_update(struct sim_vdpa *v);

/* What is to be done now and then while the device runs; returns milliseconds
 * until the next time, -1: there is no need.  The driver's thread. */
int sim_vdpa_migration_tick(struct sim_vdpa *v);

#endif /* SIM_VDPA_DRIVER_MIGRATION_H */
