/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_OPTIONS_H
#define VDPA_PCI_OPTIONS_H

#include <stdbool.h>

#include <rte_ether.h>

/* What the program is told by its arguments. */

struct vpci_options {
	const char *socket;
	const char *wire;		/* See network.h, which checks it. */
	unsigned int pairs;
	unsigned int ring_size;
	bool packed;			/* Rings may be. */
	struct rte_ether_addr mac;
};

/* False after a sentence on standard error.  --help and --version end the
 * program. */
bool vpci_options_parse(int argc, char *argv[], struct vpci_options *o);

#endif /* VDPA_PCI_OPTIONS_H */
