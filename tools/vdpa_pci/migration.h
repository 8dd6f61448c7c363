/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_MIGRATION_H
#define VDPA_PCI_MIGRATION_H

#include <stdint.h>

#include "vdpa_pci/virtio.h"

/*
 * Live-migration registers: those of the device (vdpa/device/regs.h), at the
 * addresses that some driver looks for them at.
 *
 * The layouts differ in where the state of a ring is.  With "ifc" it is at 0x20
 * + 0x40 * I for the receive queue of pair I, and 4 further on for its transmit
 * queue; at 0x28 is the number of pairs in use, which the device does without.
 *
 * All have 4 bytes.  Main thread.
 */

enum vpci_lm_layout { VPCI_LM_OWN, VPCI_LM_IFC };

struct vpci_migration {
	struct vpci_virtio *virtio;
	uint32_t active_pairs;		/* As "ifc" says. */
};

void vpci_migration_reset(struct vpci_migration *m);

uint32_t vpci_lm_read(struct vpci_migration *m, enum vpci_lm_layout layout,
		      uint32_t off);
void vpci_lm_write(struct vpci_migration *m, enum vpci_lm_layout layout,
		   uint32_t off, uint32_t value);

#endif /* VDPA_PCI_MIGRATION_H */
