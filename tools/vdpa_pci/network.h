/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_NETWORK_H
#define VDPA_PCI_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "compat.h"
#include "eswitch/eswitch.h"
#include "eswitch/wire.h"

/*
 * What is behind the device: an e-switch that has nothing but a wire, and the
 * device in the place of the uplink.  A thread brings what comes by the wire.
 */

/* The device's place. */
#define VPCI_ENDPOINT SIM_EP_UPLINK

struct vpci_network {
	struct sim_eswitch esw;
	struct sim_wire *wire;
	struct rte_mempool *pool;
	uint32_t reader;		/* For sim_rcu_enter(). */
	int stop;			/* An eventfd. */
	bool thread_runs;
	sim_thread thread;
};

/* 'wire' is "none", "tap:NAME" or "fd:NUMBER", for a file that is open already.
 * 0, or a negative errno after a sentence in the log or on standard error. */
int vpci_network_init(struct vpci_network *n, const char *wire);
/* The device must not be attached any more.  Also after a failure of the
 * former. */
void vpci_network_fini(struct vpci_network *n);

#endif /* VDPA_PCI_NETWORK_H */
