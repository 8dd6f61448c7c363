/* SPDX-License-Identifier: Apache-2.0 */

#include "vdpa_pci/migration.h"

/* What "ifc" has otherwise. */
#define IFC_ACTIVE_PAIRS 0x28
#define IFC_PAIR 0x40

/* A register of none of the windows. */
#define NOWHERE UINT32_MAX

void
vpci_migration_reset(struct vpci_migration *m)
{
	m->active_pairs = 0;
}

/* The number of the virtqueue whose ring state is at 'off'; NOWHERE if that is
 * no such place. */
static uint32_t
find_ring(enum vpci_lm_layout layout, uint32_t off)
{
	uint32_t at = off - SIM_LM_RING_STATE_OFFSET;

	if (off < SIM_LM_RING_STATE_OFFSET)
		return NOWHERE;
	if (layout == VPCI_LM_OWN)
		return at / 4 < SIM_LM_QUEUES ? at / 4 : NOWHERE;
	return at % IFC_PAIR > 4 ? NOWHERE :
		at / IFC_PAIR * 2 + at % IFC_PAIR / 4;
}

uint32_t
vpci_lm_read(struct vpci_migration *m, enum vpci_lm_layout layout,
	     uint32_t off)
{
	uint32_t ring = find_ring(layout, off);

	if (layout == VPCI_LM_IFC && off == IFC_ACTIVE_PAIRS)
		return m->active_pairs;
	if (off < SIM_LM_RING_STATE_OFFSET)
		return sim_vdpa_dev_read(m->virtio->dev, SIM_REG_LM + off);
	return ring >= m->virtio->dev->n_vqs ? 0 :
		sim_vdpa_dev_read(m->virtio->dev, SIM_REG_RING_STATE(ring));
}

static uint64_t
read_address(struct sim_vdpa_dev *dev, uint32_t off)
{
	return sim_vdpa_dev_read(dev, SIM_REG_LM + off) |
		(uint64_t)sim_vdpa_dev_read(dev, SIM_REG_LM + off + 4) << 32;
}

/* The driver says "log", and where, by stores that compilers may put in any
 * order: in Debian's build it says so first.  So the device logs as soon as it
 * knows both, and may be told of another log meanwhile. */
static void
write_ifc_log(struct vpci_virtio *v, uint32_t off, uint32_t value)
{
	sim_vdpa_dev_write(v->dev, SIM_REG_LM + SIM_LM_LOGGING_CTRL, 0);
	if (off == SIM_LM_LOGGING_CTRL)
		v->logging = value;
	else
		sim_vdpa_dev_write(v->dev, SIM_REG_LM + off, value);
	if (v->logging != 0 && read_address(v->dev, SIM_LM_BASE_ADDR_LOW) <
	    read_address(v->dev, SIM_LM_END_ADDR_LOW))
		sim_vdpa_dev_write(v->dev, SIM_REG_LM + SIM_LM_LOGGING_CTRL,
				   v->logging);
}

void
vpci_lm_write(struct vpci_migration *m, enum vpci_lm_layout layout,
	      uint32_t off, uint32_t value)
{
	if (layout == VPCI_LM_IFC && off == IFC_ACTIVE_PAIRS)
		m->active_pairs = value;
	else if (layout == VPCI_LM_IFC && off < SIM_LM_RING_STATE_OFFSET)
		write_ifc_log(m->virtio, off, value);
	else if (off < SIM_LM_RING_STATE_OFFSET)
		sim_vdpa_dev_write(m->virtio->dev, SIM_REG_LM + off, value);
	else
		vpci_set_ring_state(m->virtio, find_ring(layout, off), value);
}
