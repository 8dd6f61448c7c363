/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_FUNCTION_H
#define VDPA_PCI_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>

#include "vdpa_pci/config.h"
#include "vdpa_pci/dma.h"
#include "vdpa_pci/layout.h"
#include "vdpa_pci/migration.h"
#include "vdpa_pci/msix.h"
#include "vdpa_pci/virtio.h"

/*
 * A vDPA device as a PCI function: what VFIO calls its regions, its
 * interrupts, and its reset.  It knows nothing of sockets and messages.
 *
 * Main thread.
 */

struct vpci_function {
	struct sim_vdpa_dev *dev;
	struct vpci_layout layout;	/* Constant. */
	struct vpci_config config;
	struct vpci_msix msix;
	struct vpci_virtio virtio;
	struct vpci_migration migration;
	struct vpci_dma dma;
	uint8_t msix_table[VPCI_MSIX_SIZE];
};

/* For a device that is the caller's and lives longer, whose rings have so many
 * descriptors at most, and may be packed.  0 or a negative errno. */
int vpci_function_init(struct vpci_function *fn, struct sim_vdpa_dev *dev,
		       uint16_t max_ring_size, bool packed);
void vpci_function_fini(struct vpci_function *fn);

/* The size of a region, a VFIO_PCI_*_REGION_INDEX; 0 if there is none. */
uint32_t vpci_region_size(const struct vpci_function *fn, uint32_t region);

/* Any access within a region.  It is done in pieces of 1, 2 or 4 bytes, aligned
 * ones, in the order of addresses. */
void vpci_region_read(struct vpci_function *fn, uint32_t region, uint32_t off,
		      uint8_t *buf, uint32_t len);
void vpci_region_write(struct vpci_function *fn, uint32_t region, uint32_t off,
		       const uint8_t *buf, uint32_t len);

/* Everything is as it was at first but what the client has mapped, and its
 * eventfds.  When it returns the device is quiet. */
void vpci_function_reset(struct vpci_function *fn);

/* The client is gone: a reset, and it has given us nothing. */
void vpci_function_detach(struct vpci_function *fn);

#endif /* VDPA_PCI_FUNCTION_H */
