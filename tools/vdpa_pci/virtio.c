/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "vdpa_pci/layout.h"
#include "vdpa_pci/virtio.h"

#define BIT(n) (UINT64_C(1) << (n))

/* Beside what the device has: a driver that takes it gives us the addresses of
 * the bus, which an IOMMU may have made. */
#define OWN_FEATURES BIT(VIRTIO_F_ACCESS_PLATFORM)

/* "ifc" takes it for granted that there is a control queue, and that it is one
 * of those that are counted: so it is, but it has no size, and nobody else asks
 * for it, as CTRL_VQ is not offered. */
#define CONTROL_QUEUES 1

/* In the ISR. */
#define ISR_CONFIG 2

/* The state of a packed ring that nobody has used yet. */
#define FRESH_PACKED SIM_RING_STATE(0x8000, 0x8000)

/* An offset and a size as one number. */
#define FIELD(off, size) ((off) << 3 | (size))

static uint32_t
get(const struct vpci_virtio *v, uint32_t reg)
{
	return sim_vdpa_dev_read(v->dev, reg);
}

static void
set(struct vpci_virtio *v, uint32_t reg, uint32_t value)
{
	sim_vdpa_dev_write(v->dev, reg, value);
}

static void
refuse(struct vpci_virtio *v)
{
	v->bad_writes++;
}

/* 'size' bytes at 'off' of a structure of 'len' bytes. */
static uint32_t
part_of(const void *data, uint32_t len, uint32_t off, uint32_t size)
{
	uint32_t value = 0;

	if (off + size <= len)
		memcpy(&value, RTE_PTR_ADD(data, off), size);
	return rte_le_to_cpu_32(value);
}

void
vpci_virtio_init(struct vpci_virtio *v, struct sim_vdpa_dev *dev,
		 struct vpci_msix *msix, uint16_t max_size, bool packed)
{
	memset(v, 0, sizeof(*v));
	v->dev = dev;
	v->msix = msix;
	v->max_size = max_size;
	v->packed = packed;
	v->link = sim_vdpa_link_is_up(dev);
}

void
vpci_virtio_reset(struct vpci_virtio *v)
{
	set(v, SIM_REG_STATUS, 0);
	vpci_msix_reset(v->msix);
	v->dev_select = 0;
	v->drv_select = 0;
	v->queue = 0;
	v->own_features = 0;
	v->has_state = 0;
	v->logging = 0;
	v->isr = 0;
}

/* Features. */

/* Linux takes no device that has several queue pairs and no control queue, so
 * one that has a single pair does not say that it could. */
static uint64_t
offered(const struct vpci_virtio *v)
{
	uint64_t f = get(v, SIM_REG_DEV_FEATURES_LOW) |
		(uint64_t)get(v, SIM_REG_DEV_FEATURES_HIGH) << 32;

	if (v->dev->n_vqs == 2)
		f &= ~BIT(VIRTIO_NET_F_MQ);
	if (!v->packed)
		f &= ~BIT(VIRTIO_F_RING_PACKED);
	return f | OWN_FEATURES;
}

static uint64_t
accepted(const struct vpci_virtio *v)
{
	return v->own_features | get(v, SIM_REG_DRV_FEATURES_LOW) |
		(uint64_t)get(v, SIM_REG_DRV_FEATURES_HIGH) << 32;
}

/* One half of a set of features. */
static uint32_t
half(uint64_t features, uint32_t select)
{
	return select > 1 ? 0 : (uint32_t)(features >> 32 * select);
}

static void
write_features(struct vpci_virtio *v, uint32_t value)
{
	const uint32_t own = OWN_FEATURES >> 32;

	if (get(v, SIM_REG_STATUS) & SIM_STATUS_FEATURES_OK) {
		refuse(v);
	} else if (v->drv_select == 0) {
		set(v, SIM_REG_DRV_FEATURES_LOW, value);
	} else if (v->drv_select == 1) {
		v->own_features = (uint64_t)(value & own) << 32;
		set(v, SIM_REG_DRV_FEATURES_HIGH, value & ~own);
	} else if (value != 0) {
		refuse(v);
	}
}

static void
write_status(struct vpci_virtio *v, uint32_t value)
{
	if (value == 0)
		vpci_virtio_reset(v);
	else if ((value & SIM_STATUS_FEATURES_OK) &&
		 (accepted(v) & ~offered(v)))
		refuse(v);
	else
		set(v, SIM_REG_STATUS, value);
}

/* Virtqueues. */

static uint32_t
get_queue(const struct vpci_virtio *v, uint32_t reg)
{
	return get(v, SIM_REG_QUEUE(v->queue) + reg);
}

static void
set_queue(struct vpci_virtio *v, uint32_t reg, uint32_t value)
{
	set(v, SIM_REG_QUEUE(v->queue) + reg, value);
}

static uint32_t
ring_size(const struct vpci_virtio *v)
{
	uint32_t size = get_queue(v, SIM_QUEUE_SIZE);

	return size == 0 ? v->max_size : size;
}

static void
enable(struct vpci_virtio *v)
{
	if (get_queue(v, SIM_QUEUE_ENABLE) == 1)
		return;
	set_queue(v, SIM_QUEUE_SIZE, ring_size(v));
	set_queue(v, SIM_QUEUE_VECTOR, v->queue);
	if (!(v->has_state & (1u << v->queue)) &&
	    (accepted(v) & BIT(VIRTIO_F_RING_PACKED)))
		set(v, SIM_REG_RING_STATE(v->queue), FRESH_PACKED);
	v->has_state |= 1u << v->queue;
	set_queue(v, SIM_QUEUE_ENABLE, 1);
	/* There may be something in it already. */
	set_queue(v, SIM_QUEUE_NOTIFY, v->queue);
}

void
vpci_set_ring_state(struct vpci_virtio *v, uint32_t queue, uint32_t state)
{
	if (queue >= v->dev->n_vqs) {
		refuse(v);
		return;
	}
	set(v, SIM_REG_RING_STATE(queue), state);
	v->has_state |= 1u << queue;
}

void
vpci_notify(struct vpci_virtio *v, uint32_t queue)
{
	set(v, SIM_REG_QUEUE(queue) + SIM_QUEUE_NOTIFY, queue);
}

static void
write_queue(struct vpci_virtio *v, uint32_t off, uint32_t size,
	    uint32_t value)
{
	switch (FIELD(off, size)) {
	case FIELD(VIRTIO_PCI_COMMON_Q_SIZE, 2):
		if (value > 0 && value <= v->max_size)
			set_queue(v, SIM_QUEUE_SIZE, value);
		else
			refuse(v);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_MSIX, 2):
		vpci_msix_choose(v->msix, v->queue, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_ENABLE, 2):
		if (value == 1)
			enable(v);
		else	/* Not of virtio, but vDPA drivers need it. */
			set_queue(v, SIM_QUEUE_ENABLE, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_DESCLO, 4):
	case FIELD(VIRTIO_PCI_COMMON_Q_DESCHI, 4):
	case FIELD(VIRTIO_PCI_COMMON_Q_AVAILLO, 4):
	case FIELD(VIRTIO_PCI_COMMON_Q_AVAILHI, 4):
	case FIELD(VIRTIO_PCI_COMMON_Q_USEDLO, 4):
	case FIELD(VIRTIO_PCI_COMMON_Q_USEDHI, 4):
		/* The device has them in the same order. */
		set_queue(v, SIM_QUEUE_DESC_LOW + off -
			  VIRTIO_PCI_COMMON_Q_DESCLO, value);
		break;
	default:
		refuse(v);
	}
}

static void
read_queue(const struct vpci_virtio *v, struct virtio_pci_common_cfg *c)
{
	c->queue_size = rte_cpu_to_le_16(ring_size(v));
	c->queue_msix_vector = rte_cpu_to_le_16(v->msix->of_queue[v->queue]);
	c->queue_enable = rte_cpu_to_le_16(get_queue(v, SIM_QUEUE_ENABLE));
	c->queue_notify_off = rte_cpu_to_le_16(v->queue);
	c->queue_desc_lo = rte_cpu_to_le_32(get_queue(v,
						SIM_QUEUE_DESC_LOW));
	c->queue_desc_hi = rte_cpu_to_le_32(get_queue(v,
						SIM_QUEUE_DESC_HIGH));
	c->queue_avail_lo = rte_cpu_to_le_32(get_queue(v,
						SIM_QUEUE_AVAIL_LOW));
	c->queue_avail_hi = rte_cpu_to_le_32(get_queue(v,
						SIM_QUEUE_AVAIL_HIGH));
	c->queue_used_lo = rte_cpu_to_le_32(get_queue(v,
						SIM_QUEUE_USED_LOW));
	c->queue_used_hi = rte_cpu_to_le_32(get_queue(v,
						SIM_QUEUE_USED_HIGH));
}

/* Common configuration. */

uint32_t
vpci_common_read(struct vpci_virtio *v, uint32_t off, uint32_t size)
{
	struct virtio_pci_common_cfg c = {
		.device_feature_select = rte_cpu_to_le_32(v->dev_select),
		.device_feature = rte_cpu_to_le_32(half(offered(v),
							v->dev_select)),
		.guest_feature_select = rte_cpu_to_le_32(v->drv_select),
		.guest_feature = rte_cpu_to_le_32(half(accepted(v),
						       v->drv_select)),
		.msix_config = rte_cpu_to_le_16(v->msix->of_config),
		.num_queues = rte_cpu_to_le_16(v->dev->n_vqs + CONTROL_QUEUES),
		.device_status = get(v, SIM_REG_STATUS),
		.queue_select = rte_cpu_to_le_16(v->queue),
	};

	/* A queue that is not there has no size. */
	if (v->queue < v->dev->n_vqs)
		read_queue(v, &c);
	return part_of(&c, sizeof(c), off, size);
}

void
vpci_common_write(struct vpci_virtio *v, uint32_t off, uint32_t size,
		  uint32_t value)
{
	switch (FIELD(off, size)) {
	case FIELD(VIRTIO_PCI_COMMON_DFSELECT, 4):
		v->dev_select = value;
		break;
	case FIELD(VIRTIO_PCI_COMMON_GFSELECT, 4):
		v->drv_select = value;
		break;
	case FIELD(VIRTIO_PCI_COMMON_GF, 4):
		write_features(v, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_MSIX, 2):
		vpci_msix_choose_config(v->msix, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_STATUS, 1):
		write_status(v, value);
		break;
	case FIELD(VIRTIO_PCI_COMMON_Q_SELECT, 2):
		v->queue = value;
		break;
	default:
		if (v->queue < v->dev->n_vqs)
			write_queue(v, off, size, value);
		else
			refuse(v);
	}
}

/* ISR and device configuration. */

uint8_t
vpci_isr_read(struct vpci_virtio *v)
{
	uint8_t isr = v->isr;

	v->isr = 0;
	return isr;
}

uint32_t
vpci_device_read(struct vpci_virtio *v, uint32_t off, uint32_t size)
{
	struct virtio_net_config c = {
		.status = rte_cpu_to_le_16(v->link ? VIRTIO_NET_S_LINK_UP : 0),
		.max_virtqueue_pairs = rte_cpu_to_le_16(v->dev->n_vqs / 2),
	};

	memcpy(c.mac, v->dev->mac.addr_bytes, sizeof(c.mac));
	return part_of(&c, VPCI_DEVICE_LEN, off, size);
}

void
vpci_virtio_update_link(struct vpci_virtio *v)
{
	bool link = sim_vdpa_link_is_up(v->dev);

	if (link == v->link)
		return;
	v->link = link;
	v->isr |= ISR_CONFIG;
	vpci_msix_trigger(v->msix, v->msix->of_config);
}
