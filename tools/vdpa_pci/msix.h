/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_MSIX_H
#define VDPA_PCI_MSIX_H

#include <stdint.h>

#include "vdpa/device/device.h"

/*
 * MSI-X: which eventfd of the client's is which vector, and which vector the
 * driver has given to which virtqueue, and to changes of the configuration.
 *
 * The client plays the table and masks vectors: what the table and the pending
 * bits have here nobody looks at.
 *
 * Main thread.
 */

#define VPCI_MSIX_MAX_VECTORS (SIM_VDPA_MAX_VQS + 1)
#define VPCI_NO_VECTOR 0xffff	/* VIRTIO_MSI_NO_VECTOR. */

struct vpci_msix {
	struct sim_vdpa_dev *dev;
	uint16_t n_vectors;		/* Constant. */
	int fd[VPCI_MSIX_MAX_VECTORS];	/* -1: none. */
	uint16_t of_queue[SIM_VDPA_MAX_VQS];
	uint16_t of_config;
};

/* A vector for each virtqueue and one more. */
void vpci_msix_init(struct vpci_msix *m, struct sim_vdpa_dev *dev);

/* Takes 'fd', -1 for none, for a vector < n_vectors; when it returns nobody
 * uses the previous one. */
void vpci_msix_assign(struct vpci_msix *m, uint16_t vector, int fd);
void vpci_msix_release(struct vpci_msix *m);

/* As if the device had. */
void vpci_msix_trigger(struct vpci_msix *m, uint16_t vector);

/* What the driver chooses; VPCI_NO_VECTOR if there is no such vector. */
void vpci_msix_choose(struct vpci_msix *m, uint16_t queue, uint16_t vector);
void vpci_msix_choose_config(struct vpci_msix *m, uint16_t vector);

/* Nothing has a vector any more; the eventfds stay. */
void vpci_msix_reset(struct vpci_msix *m);

#endif /* VDPA_PCI_MSIX_H */
