/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_LAYOUT_H
#define VDPA_PCI_LAYOUT_H

#include <stdint.h>

#include "vdpa/device/regs.h"

/*
 * What is where in the function's memory.
 *
 *	BAR 0	virtio: common configuration, ISR, device configuration
 *	BAR 1	MSI-X: table, pending bits
 *	BAR 2	virtio: a page with a doorbell for each virtqueue; at its end
 *		the live-migration registers of simulated-nic.rst
 *	BAR 4	live-migration registers as DPDK's driver "ifc" wants them
 *
 * A page of its own for each, so that it may be mapped without the others.
 */

#define VPCI_N_BARS		6

#define VPCI_BAR_VIRTIO		0
#define VPCI_BAR_MSIX		1
#define VPCI_BAR_NOTIFY		2
#define VPCI_BAR_LM		4

#define VPCI_COMMON_OFFSET	0x0000
#define VPCI_COMMON_LEN		0x38
#define VPCI_ISR_OFFSET		0x1000
#define VPCI_ISR_LEN		0x1
#define VPCI_DEVICE_OFFSET	0x2000
#define VPCI_DEVICE_LEN		0xc
#define VPCI_VIRTIO_SIZE	0x4000

#define VPCI_MSIX_TABLE		0x0000
#define VPCI_MSIX_PBA		0x0800
#define VPCI_MSIX_SIZE		0x1000

#define VPCI_NOTIFY_STRIDE	0x1000
#define VPCI_OWN_LM_SIZE	0x2000	/* For registers of 0x1020 bytes. */

#define VPCI_IFC_LM_SIZE		0x1000

struct vpci_layout {
	uint32_t bar_size[VPCI_N_BARS];	/* 0: there is none. */
};

/* For 'n_vqs' virtqueues. */
void vpci_layout_init(struct vpci_layout *layout, uint16_t n_vqs);

/* Where in VPCI_BAR_NOTIFY the live-migration registers begin. */
static inline uint32_t
vpci_own_lm_offset(const struct vpci_layout *layout)
{
	return layout->bar_size[VPCI_BAR_NOTIFY] - VPCI_OWN_LM_SIZE;
}

#endif /* VDPA_PCI_LAYOUT_H */
