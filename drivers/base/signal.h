/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_BASE_SIGNAL_H
#define SIM_BASE_SIGNAL_H

#include <stdbool.h>

#include <linux/aio_abi.h>

/*
 * Adding one to an eventfd that somebody else has as well, who may mean harm.
 *
 * A write() sleeps once the counter is full.  O_NONBLOCK is no help: it
 * belongs to the open file, so the other side can take it back at any time,
 * and an eventfd cannot be opened anew.  What never sleeps is the kernel's own
 * signal at the end of an asynchronous operation.  So this reads nothing from
 * /dev/null, asynchronously; a counter that is full stays full.
 */

struct sim_signal {
	aio_context_t aio;
	int null;
};

/* 0 or a negative errno; then there is nothing to close. */
int sim_signal_open(struct sim_signal *s);
void sim_signal_close(struct sim_signal *s);

/* Adds one to 'fd'.  False if it is no eventfd.  Any thread, and never
 * waits. */
bool sim_signal_send(struct sim_signal *s, int fd);

#endif /* SIM_BASE_SIGNAL_H */
