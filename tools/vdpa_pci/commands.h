/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_COMMANDS_H
#define VDPA_PCI_COMMANDS_H

#include <stdbool.h>

#include "vdpa_pci/function.h"

/*
 * Commands that come as lines; what each prints ends with a line "end".
 *
 *	stats		what was counted, "NAME VALUE" a line; those of
 *			virtqueue Q as "qQ_NAME"
 *	link up|down	the cable of the device
 *	quit
 */

struct vpci_commands {
	int fd;			/* -1: there are no more. */
	unsigned int have;
	char line[256];
};

void vpci_commands_init(struct vpci_commands *c, int fd);

/* Reads and obeys what has come; false: the program shall end.  The end of the
 * file is only the end of commands. */
bool vpci_commands_run(struct vpci_commands *c, struct vpci_function *fn);

#endif /* VDPA_PCI_COMMANDS_H */
