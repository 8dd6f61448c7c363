/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "vdpa_pci/config.h"

/* By vendor and device it is a virtio 1.x network card; by its subsystem
 * DPDK's driver "ifc" knows it. */
#define VENDOR		0x1af4
#define DEVICE		0x1041
#define SUB_VENDOR	0x8086
#define SUB_DEVICE	0x001a
#define REVISION	1
#define CLASS		0x020000	/* Ethernet. */

#define FIRST_CAP	0x40

void
vpci_layout_init(struct vpci_layout *layout, uint16_t n_vqs)
{
	uint32_t notify = n_vqs * VPCI_NOTIFY_STRIDE + VPCI_OWN_LM_SIZE;

	*layout = (struct vpci_layout) {
		.bar_size = {
			[VPCI_BAR_VIRTIO] = VPCI_VIRTIO_SIZE,
			[VPCI_BAR_MSIX] = VPCI_MSIX_SIZE,
			[VPCI_BAR_NOTIFY] = rte_align32pow2(notify),
			[VPCI_BAR_LM] = VPCI_IFC_LM_SIZE,
		},
	};
}

/* PCI is little-endian; 'n' bytes. */
static void
put(uint8_t *at, uint32_t value, unsigned int n)
{
	for (; n > 0; n--, value >>= 8)
		*at++ = value & 0xff;
}

/* Appends a capability of 'len' bytes, and returns where it is. */
static uint8_t
add_cap(struct vpci_config *c, uint8_t id, uint8_t len)
{
	uint8_t at = c->end;

	c->value[c->last] = at;
	c->value[at + PCI_CAP_LIST_ID] = id;
	c->last = at + PCI_CAP_LIST_NEXT;
	c->end += RTE_ALIGN_CEIL(len, 4);
	return at;
}

static void
add_msix(struct vpci_config *c, uint16_t n_vectors)
{
	uint8_t at = add_cap(c, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);

	put(&c->value[at + PCI_MSIX_FLAGS], n_vectors - 1, 2);
	put(&c->writable[at + PCI_MSIX_FLAGS],
	    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
	/* Offsets are multiples of 8: the BAR is in the bits below. */
	put(&c->value[at + 4], VPCI_MSIX_TABLE | VPCI_BAR_MSIX, 4);
	put(&c->value[at + 8], VPCI_MSIX_PBA | VPCI_BAR_MSIX, 4);
}

/* A reset of the function alone, without PCI Express. */
static void
add_reset(struct vpci_config *c)
{
	c->af = add_cap(c, PCI_CAP_ID_AF, PCI_CAP_AF_SIZEOF);
	c->value[c->af + PCI_AF_LENGTH] = PCI_CAP_AF_SIZEOF;
	c->value[c->af + PCI_AF_CAP] = PCI_AF_CAP_TP | PCI_AF_CAP_FLR;
}

static uint8_t
add_virtio(struct vpci_config *c, uint8_t type, uint8_t bar, uint32_t off,
	   uint32_t len, uint8_t more)
{
	uint8_t cap_len = sizeof(struct virtio_pci_cap) + more;
	uint8_t at = add_cap(c, PCI_CAP_ID_VNDR, cap_len);

	c->value[at + VIRTIO_PCI_CAP_LEN] = cap_len;
	c->value[at + VIRTIO_PCI_CAP_CFG_TYPE] = type;
	c->value[at + VIRTIO_PCI_CAP_BAR] = bar;
	put(&c->value[at + VIRTIO_PCI_CAP_OFFSET], off, 4);
	put(&c->value[at + VIRTIO_PCI_CAP_LENGTH], len, 4);
	return at;
}

static void
add_virtio_caps(struct vpci_config *c, uint16_t n_vqs)
{
	uint8_t at;

	add_virtio(c, VIRTIO_PCI_CAP_COMMON_CFG, VPCI_BAR_VIRTIO,
		   VPCI_COMMON_OFFSET, VPCI_COMMON_LEN, 0);
	at = add_virtio(c, VIRTIO_PCI_CAP_NOTIFY_CFG, VPCI_BAR_NOTIFY, 0,
			n_vqs * VPCI_NOTIFY_STRIDE, 4);
	put(&c->value[at + VIRTIO_PCI_NOTIFY_CAP_MULT], VPCI_NOTIFY_STRIDE, 4);
	add_virtio(c, VIRTIO_PCI_CAP_ISR_CFG, VPCI_BAR_VIRTIO, VPCI_ISR_OFFSET,
		   VPCI_ISR_LEN, 0);
	add_virtio(c, VIRTIO_PCI_CAP_DEVICE_CFG, VPCI_BAR_VIRTIO,
		   VPCI_DEVICE_OFFSET, VPCI_DEVICE_LEN, 0);
}

static void
init_header(struct vpci_config *c, const struct vpci_layout *layout)
{
	unsigned int i;

	put(&c->value[PCI_VENDOR_ID], VENDOR, 2);
	put(&c->value[PCI_DEVICE_ID], DEVICE, 2);
	put(&c->value[PCI_SUBSYSTEM_VENDOR_ID], SUB_VENDOR, 2);
	put(&c->value[PCI_SUBSYSTEM_ID], SUB_DEVICE, 2);
	put(&c->value[PCI_CLASS_REVISION], CLASS << 8 | REVISION, 4);
	put(&c->value[PCI_STATUS], PCI_STATUS_CAP_LIST, 2);
	put(&c->writable[PCI_COMMAND], PCI_COMMAND_MEMORY |
	    PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE, 2);
	c->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	c->writable[PCI_INTERRUPT_LINE] = 0xff;
	for (i = 0; i < VPCI_N_BARS; i++) {
		if (layout->bar_size[i] != 0)
			put(&c->writable[PCI_BASE_ADDRESS_0 + 4 * i],
			    ~(layout->bar_size[i] - 1), 4);
	}
}

void
vpci_config_init(struct vpci_config *c, const struct vpci_layout *layout,
		uint16_t n_vqs)
{
	memset(c, 0, sizeof(*c));
	c->last = PCI_CAPABILITY_LIST;
	c->end = FIRST_CAP;
	init_header(c, layout);
	add_msix(c, n_vqs + 1);
	add_reset(c);
	add_virtio_caps(c, n_vqs);
}

void
vpci_config_reset(struct vpci_config *c)
{
	unsigned int i;

	for (i = 0; i < VPCI_CONFIG_SIZE; i++)
		c->value[i] &= ~c->writable[i];
}

void
vpci_config_read(const struct vpci_config *c, uint32_t off, void *buf,
		uint32_t len)
{
	memcpy(buf, &c->value[off], len);
}

bool
vpci_config_write(struct vpci_config *c, uint32_t off, const void *buf,
		 uint32_t len)
{
	const uint8_t *src = buf;
	bool reset = false;
	uint32_t i, at;

	for (i = 0; i < len; i++) {
		at = off + i;
		c->value[at] = (c->value[at] & ~c->writable[at]) |
			(src[i] & c->writable[at]);
		if (at == (uint32_t)c->af + PCI_AF_CTRL &&
		    (src[i] & PCI_AF_CTRL_FLR))
			reset = true;
	}
	return reset;
}
