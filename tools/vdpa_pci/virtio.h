/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_VIRTIO_H
#define VDPA_PCI_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#include "vdpa_pci/msix.h"

/*
 * The registers of virtio 1.x over PCI: common configuration, ISR, device
 * configuration, doorbells.  What the device knows itself is in its own
 * registers only (vdpa/device/regs.h); here is the rest.
 *
 * An access has 1, 2 or 4 bytes, and is aligned.  One that makes no sense
 * changes nothing and is counted, in 'bad_writes'.
 *
 * Main thread.
 */

struct vpci_virtio {
	struct sim_vdpa_dev *dev;
	struct vpci_msix *msix;
	uint16_t max_size;		/* Of a ring, constant. */
	bool packed;			/* It may be; constant. */
	uint32_t dev_select;
	uint32_t drv_select;
	uint16_t queue;
	uint64_t own_features;		/* The driver's, of those we add. */
	uint32_t has_state;		/* Virtqueues whose ring state was
					 * set. */
	uint32_t logging;		/* As "ifc" wants it. */
	bool link;			/* As the driver was told. */
	uint8_t isr;
	uint64_t bad_writes;
};

/* A ring has 'max_size' descriptors unless the driver wants less, and may be
 * 'packed'. */
void vpci_virtio_init(struct vpci_virtio *v, struct sim_vdpa_dev *dev,
		      struct vpci_msix *msix, uint16_t max_size,
		      bool packed);
/* With all of the device. */
void vpci_virtio_reset(struct vpci_virtio *v);

uint32_t vpci_common_read(struct vpci_virtio *v, uint32_t off, uint32_t size);
void vpci_common_write(struct vpci_virtio *v, uint32_t off, uint32_t size,
		       uint32_t value);

/* Clears it. */
uint8_t vpci_isr_read(struct vpci_virtio *v);
uint32_t vpci_device_read(struct vpci_virtio *v, uint32_t off, uint32_t size);

/* Doorbell of virtqueue 'queue'. */
void vpci_notify(struct vpci_virtio *v, uint32_t queue);

/* Where a ring goes on; while its virtqueue is disabled. */
void vpci_set_ring_state(struct vpci_virtio *v, uint32_t queue,
			 uint32_t state);

/* Tells the driver if the link has changed. */
void vpci_virtio_update_link(struct vpci_virtio *v);

#endif /* VDPA_PCI_VIRTIO_H */
