/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_CONFIG_H
#define VDPA_PCI_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "vdpa_pci/layout.h"

/*
 * The configuration space: who the function is, its BARs, its capabilities.
 * Main thread.
 */

#define VPCI_CONFIG_SIZE 256

struct vpci_config {
	uint8_t value[VPCI_CONFIG_SIZE];
	uint8_t writable[VPCI_CONFIG_SIZE];	/* Bits. */
	uint8_t af;			/* Where that capability is. */
	uint8_t last;			/* The capability before the next. */
	uint8_t end;			/* Behind the last capability. */
};

/* For 'n_vqs' virtqueues. */
void vpci_config_init(struct vpci_config *c, const struct vpci_layout *layout,
		     uint16_t n_vqs);
/* What a driver has written is forgotten. */
void vpci_config_reset(struct vpci_config *c);

/* 'off' + 'len' is at most VPCI_CONFIG_SIZE. */
void vpci_config_read(const struct vpci_config *c, uint32_t off, void *buf,
		     uint32_t len);
/* True if it asks for a reset of the function. */
bool vpci_config_write(struct vpci_config *c, uint32_t off, const void *buf,
		      uint32_t len);

#endif /* VDPA_PCI_CONFIG_H */
