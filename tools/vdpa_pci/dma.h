/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_DMA_H
#define VDPA_PCI_DMA_H

#include <stdbool.h>
#include <stdint.h>

#include "vdpa/device/device.h"
#include "vdpa_pci/protocol.h"
#include "vdpa_pci/window.h"

/*
 * What the client has mapped for DMA.  It is all that the device can reach:
 * see vdpa/device/iommu.h.
 *
 * A range that comes without a file (the firmware, say), or with one that is no
 * regular file (the memory of another device), is known but out of the
 * device's reach.
 *
 * Main thread.
 */

struct vpci_dma_range {
	uint64_t iova;
	uint64_t size;			/* 0: the place is free. */
	bool reachable;
};

struct vpci_dma {
	struct sim_vdpa_dev *dev;
	int cut;	/* Can be read after memory went away: window.h. */
	struct vpci_dma_range range[SIM_IOMMU_MAX_RANGES];
};

/* 0 or a negative errno. */
int vpci_dma_init(struct vpci_dma *dma, struct sim_vdpa_dev *dev);
/* Everything must be unmapped. */
void vpci_dma_fini(struct vpci_dma *dma);

/* 'fd' is -1 for none, and stays the caller's.  0; -EINVAL for a range that
 * cannot be or that the file does not have, -EEXIST for one that overlaps
 * another, -ENOSPC, or what vpci_window_map() and mmap() say. */
int vpci_dma_map(struct vpci_dma *dma, const struct vfu_dma_map *map, int fd);

/* Takes away all that lies in the range, as an IOMMU of a guest's wants it:
 * what was mapped in pieces goes in one.  When it returns the device does not
 * touch it any more.  0; -EINVAL if one range lies in it in part only, and then
 * nothing is taken away. */
int vpci_dma_unmap(struct vpci_dma *dma, uint64_t iova, uint64_t size);
void vpci_dma_unmap_all(struct vpci_dma *dma);

#endif /* VDPA_PCI_DMA_H */
