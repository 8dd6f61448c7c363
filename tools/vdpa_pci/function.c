/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include <rte_byteorder.h>

#include "vdpa_pci/function.h"

static void
reset_table(struct vpci_function *fn)
{
	uint16_t i;

	memset(fn->msix_table, 0, sizeof(fn->msix_table));
	for (i = 0; i < fn->msix.n_vectors; i++)
		fn->msix_table[VPCI_MSIX_TABLE + i * PCI_MSIX_ENTRY_SIZE +
			       PCI_MSIX_ENTRY_VECTOR_CTRL] =
			PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

int
vpci_function_init(struct vpci_function *fn, struct sim_vdpa_dev *dev,
		   uint16_t max_ring_size, bool packed)
{
	memset(fn, 0, sizeof(*fn));
	fn->dev = dev;
	vpci_layout_init(&fn->layout, dev->n_vqs);
	vpci_config_init(&fn->config, &fn->layout, dev->n_vqs);
	vpci_msix_init(&fn->msix, dev);
	vpci_virtio_init(&fn->virtio, dev, &fn->msix, max_ring_size, packed);
	fn->migration.virtio = &fn->virtio;
	reset_table(fn);
	return vpci_dma_init(&fn->dma, dev);
}

void
vpci_function_fini(struct vpci_function *fn)
{
	vpci_function_detach(fn);
	vpci_dma_fini(&fn->dma);
}

void
vpci_function_reset(struct vpci_function *fn)
{
	vpci_virtio_reset(&fn->virtio);
	vpci_migration_reset(&fn->migration);
	vpci_config_reset(&fn->config);
	reset_table(fn);
}

void
vpci_function_detach(struct vpci_function *fn)
{
	vpci_function_reset(fn);
	vpci_msix_release(&fn->msix);
	vpci_dma_unmap_all(&fn->dma);
}

/* BARs: accesses of 1, 2 or 4 bytes, aligned ones. */

static uint32_t
read_virtio_bar(struct vpci_function *fn, uint32_t off, uint32_t size)
{
	struct vpci_virtio *v = &fn->virtio;

	if (off >= VPCI_DEVICE_OFFSET)
		return vpci_device_read(v, off - VPCI_DEVICE_OFFSET, size);
	if (off < VPCI_ISR_OFFSET)
		return vpci_common_read(v, off - VPCI_COMMON_OFFSET, size);
	return off == VPCI_ISR_OFFSET ? vpci_isr_read(v) : 0;
}

static uint32_t
read_msix_bar(struct vpci_function *fn, uint32_t off, uint32_t size)
{
	uint32_t value = 0;

	memcpy(&value, &fn->msix_table[off], size);
	return rte_le_to_cpu_32(value);
}

/* All of a register or a part: compilers make of "ring_state >> 16" a load of
 * two bytes. */
static uint32_t
read_lm(struct vpci_function *fn, enum vpci_lm_layout layout, uint32_t off)
{
	return vpci_lm_read(&fn->migration, layout, off - off % 4) >>
		8 * (off % 4);
}

static uint32_t
read_bar(struct vpci_function *fn, uint32_t bar, uint32_t off, uint32_t size)
{
	uint32_t own_lm = vpci_own_lm_offset(&fn->layout);

	if (bar == VPCI_BAR_VIRTIO)
		return read_virtio_bar(fn, off, size);
	if (bar == VPCI_BAR_MSIX)
		return read_msix_bar(fn, off, size);
	if (bar == VPCI_BAR_LM)
		return read_lm(fn, VPCI_LM_IFC, off);
	if (bar == VPCI_BAR_NOTIFY && off >= own_lm)
		return read_lm(fn, VPCI_LM_OWN, off - own_lm);
	return 0;
}

static void
write_msix_bar(struct vpci_function *fn, uint32_t off, uint32_t size,
	       uint32_t value)
{
	/* What is pending is read-only. */
	if (off >= VPCI_MSIX_PBA)
		return;
	value = rte_cpu_to_le_32(value);
	memcpy(&fn->msix_table[off], &value, size);
}

/* A doorbell may be rung anywhere in its page, by any value. */
static void
write_notify_bar(struct vpci_function *fn, uint32_t off, uint32_t size,
		 uint32_t value)
{
	uint32_t own_lm = vpci_own_lm_offset(&fn->layout);

	if (off / VPCI_NOTIFY_STRIDE < fn->dev->n_vqs)
		vpci_notify(&fn->virtio, off / VPCI_NOTIFY_STRIDE);
	else if (off >= own_lm && size == 4)
		vpci_lm_write(&fn->migration, VPCI_LM_OWN, off - own_lm,
			      value);
	else
		fn->virtio.bad_writes++;
}

static void
write_bar(struct vpci_function *fn, uint32_t bar, uint32_t off, uint32_t size,
	  uint32_t value)
{
	if (bar == VPCI_BAR_VIRTIO && off < VPCI_ISR_OFFSET)
		vpci_common_write(&fn->virtio, off - VPCI_COMMON_OFFSET, size,
				  value);
	else if (bar == VPCI_BAR_MSIX)
		write_msix_bar(fn, off, size, value);
	else if (bar == VPCI_BAR_NOTIFY)
		write_notify_bar(fn, off, size, value);
	else if (bar == VPCI_BAR_LM && size == 4)
		vpci_lm_write(&fn->migration, VPCI_LM_IFC, off, value);
	else
		fn->virtio.bad_writes++;
}

/* Regions. */

uint32_t
vpci_region_size(const struct vpci_function *fn, uint32_t region)
{
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return VPCI_CONFIG_SIZE;
	return region < VPCI_N_BARS ? fn->layout.bar_size[region] : 0;
}

/* How large the next piece of an access is. */
static uint32_t
piece(uint32_t off, uint32_t len)
{
	uint32_t size = 4;

	while (off % size != 0 || size > len)
		size /= 2;
	return size;
}

void
vpci_region_read(struct vpci_function *fn, uint32_t region, uint32_t off,
		 uint8_t *buf, uint32_t len)
{
	uint32_t size, value;

	if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
		vpci_config_read(&fn->config, off, buf, len);
		return;
	}
	for (; len > 0; off += size, buf += size, len -= size) {
		size = piece(off, len);
		value = rte_cpu_to_le_32(read_bar(fn, region, off, size));
		memcpy(buf, &value, size);
	}
}

void
vpci_region_write(struct vpci_function *fn, uint32_t region, uint32_t off,
		  const uint8_t *buf, uint32_t len)
{
	uint32_t size, value;

	if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
		if (vpci_config_write(&fn->config, off, buf, len))
			vpci_function_reset(fn);
		return;
	}
	for (; len > 0; off += size, buf += size, len -= size) {
		size = piece(off, len);
		value = 0;
		memcpy(&value, buf, size);
		write_bar(fn, region, off, size, rte_le_to_cpu_32(value));
	}
}
