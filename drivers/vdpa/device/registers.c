/* SPDX-License-Identifier: Apache-2.0 */

/* The register file of a vDPA device, and what a write to it does. */

#include <string.h>

#include "base/rcu.h"
#include "vdpa/device/registers.h"
#include "vdpa/device/rx.h"

#define BIT(n) (UINT64_C(1) << (n))

/* The device never uses what GUEST_CSUM and GUEST_TSO allow it.  It has
 * them so that a guest that has them of something else can come by live
 * migration. */
#define DEV_FEATURES (BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_MAC) | \
		      BIT(VIRTIO_NET_F_GUEST_CSUM) | \
		      BIT(VIRTIO_NET_F_GUEST_TSO4) | \
		      BIT(VIRTIO_NET_F_GUEST_TSO6) | \
		      BIT(VIRTIO_NET_F_HOST_TSO4) | \
		      BIT(VIRTIO_NET_F_HOST_TSO6) | \
		      BIT(VIRTIO_NET_F_HOST_ECN) | \
		      BIT(VIRTIO_NET_F_MRG_RXBUF) | \
		      BIT(VIRTIO_NET_F_STATUS) | BIT(VIRTIO_NET_F_MQ) | \
		      BIT(VIRTIO_F_ANY_LAYOUT) | \
		      BIT(VIRTIO_RING_F_INDIRECT_DESC) | \
		      BIT(VIRTIO_RING_F_EVENT_IDX) | \
		      BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_IN_ORDER) | \
		      BIT(VIRTIO_F_RING_PACKED))

static inline uint32_t
low(uint64_t value)
{
	return (uint32_t)value;
}

static inline uint32_t
high(uint64_t value)
{
	return value >> 32;
}

static inline void
set_low(uint64_t *field, uint32_t value)
{
	*field = (*field & ~UINT64_C(0xffffffff)) | value;
}

static inline void
set_high(uint64_t *field, uint32_t value)
{
	*field = (*field & 0xffffffff) | (uint64_t)value << 32;
}

/* Something was written that makes no sense. */
static void
refuse(struct sim_vdpa_dev *dev)
{
	dev->bad_writes++;
}

static bool
is_enabled(const struct sim_vdpa_vq *q)
{
	return __atomic_load_n(&q->enabled, __ATOMIC_ACQUIRE);
}

/* Queues. */

/* The engine may still be about to leave a queue that it has stopped. */
static void
settle(const struct sim_vdpa_vq *q)
{
	if (q->vr.error != SIM_VRING_ERR_NONE)
		sim_rcu_synchronize();
}

static void
set_rx_enabled(struct sim_vdpa_vq *q, bool on)
{
	uint32_t bit = 1u << q->index / 2;

	if (!sim_vdpa_is_rx(q))
		return;
	if (on)
		__atomic_fetch_or(&q->dev->rx_enabled, bit, __ATOMIC_RELEASE);
	else
		__atomic_fetch_and(&q->dev->rx_enabled, ~bit,
				   __ATOMIC_RELEASE);
}

static void
enable(struct sim_vdpa_vq *q)
{
	struct sim_vdpa_dev *dev = q->dev;
	struct sim_vring *vr = &q->vr;

	if (is_enabled(q))
		return;
	settle(q);
	vr->features = dev->drv_features;
	vr->ops = sim_vring_has(vr, VIRTIO_F_RING_PACKED) ?
		&sim_vring_packed_ops : &sim_vring_split_ops;
	if (!(dev->status & SIM_STATUS_FEATURES_OK) ||
	    vr->ops->check(vr) != 0) {
		refuse(dev);
		return;
	}
	vr->signalled = vr->last_used;
	vr->quiet = false;
	vr->error = SIM_VRING_ERR_NONE;
	q->starved = false;
	q->failed = false;
	/* In this order: the engine, which may stop the queue as soon as it is
	 * enabled, takes both back. */
	set_rx_enabled(q, true);
	__atomic_store_n(&q->enabled, true, __ATOMIC_RELEASE);
	sim_vdpa_wake(dev);
}

static void
disable(struct sim_vdpa_vq *q)
{
	set_rx_enabled(q, false);
	__atomic_store_n(&q->enabled, false, __ATOMIC_RELEASE);
	/* Also for a queue that the engine has stopped itself just now. */
	sim_rcu_synchronize();
}

/* Back to what it was when the device came into being. */
static void
reset_queue(struct sim_vdpa_vq *q)
{
	sim_vdpa_rx_flush(q);
	memset(&q->vr, 0, sizeof(q->vr));
	q->vector = SIM_NO_VECTOR;
	q->starved = false;
	q->failed = false;
}

static void
reset(struct sim_vdpa_dev *dev)
{
	uint16_t i;

	dev->status = 0;
	__atomic_store_n(&dev->running, false, __ATOMIC_RELEASE);
	__atomic_store_n(&dev->rx_enabled, 0, __ATOMIC_RELEASE);
	for (i = 0; i < dev->n_vqs; i++)
		__atomic_store_n(&dev->vq[i].enabled, false,
				 __ATOMIC_RELEASE);
	__atomic_store_n(&dev->log.on, false, __ATOMIC_RELEASE);
	sim_rcu_synchronize();
	for (i = 0; i < dev->n_vqs; i++)
		reset_queue(&dev->vq[i]);
	dev->drv_features = 0;
	dev->log.base = 0;
	dev->log.end = 0;
}

static void
write_queue_config(struct sim_vdpa_vq *q, uint32_t reg, uint32_t value)
{
	struct sim_vring *vr = &q->vr;

	switch (reg) {
	case SIM_QUEUE_SIZE:
		if (value > SIM_VRING_MAX_SIZE)
			refuse(q->dev);
		else
			vr->size = value;
		break;
	case SIM_QUEUE_VECTOR:
		q->vector = value < SIM_VDPA_MAX_VQS ? value : SIM_NO_VECTOR;
		break;
	case SIM_QUEUE_DESC_LOW:
		set_low(&vr->desc, value);
		break;
	case SIM_QUEUE_DESC_HIGH:
		set_high(&vr->desc, value);
		break;
	case SIM_QUEUE_AVAIL_LOW:
		set_low(&vr->avail, value);
		break;
	case SIM_QUEUE_AVAIL_HIGH:
		set_high(&vr->avail, value);
		break;
	case SIM_QUEUE_USED_LOW:
		set_low(&vr->used, value);
		break;
	case SIM_QUEUE_USED_HIGH:
		set_high(&vr->used, value);
		break;
	default:
		refuse(q->dev);
	}
}

static void
write_queue(struct sim_vdpa_vq *q, uint32_t reg, uint32_t value)
{
	if (reg == SIM_QUEUE_ENABLE) {
		if (value == 1)
			enable(q);
		else if (value == 0)
			disable(q);
		else
			refuse(q->dev);
	} else if (is_enabled(q)) {
		refuse(q->dev);		/* Not while it runs. */
	} else {
		settle(q);
		write_queue_config(q, reg, value);
	}
}

static uint32_t
read_queue(const struct sim_vdpa_vq *q, uint32_t reg)
{
	const struct sim_vring *vr = &q->vr;

	switch (reg) {
	case SIM_QUEUE_SIZE:
		return vr->size;
	case SIM_QUEUE_ENABLE:
		return is_enabled(q);
	case SIM_QUEUE_VECTOR:
		return q->vector;
	case SIM_QUEUE_ERROR:
		/* Not before it has stopped. */
		return is_enabled(q) ? SIM_VRING_ERR_NONE : vr->error;
	case SIM_QUEUE_DESC_LOW:
		return low(vr->desc);
	case SIM_QUEUE_DESC_HIGH:
		return high(vr->desc);
	case SIM_QUEUE_AVAIL_LOW:
		return low(vr->avail);
	case SIM_QUEUE_AVAIL_HIGH:
		return high(vr->avail);
	case SIM_QUEUE_USED_LOW:
		return low(vr->used);
	case SIM_QUEUE_USED_HIGH:
		return high(vr->used);
	default:
		return 0;
	}
}

/* Common configuration. */

static void
write_status(struct sim_vdpa_dev *dev, uint32_t value)
{
	if (value == 0) {
		reset(dev);
		return;
	}
	/* Bits come one after the other and go only by a reset. */
	if ((value & ~SIM_STATUS_ALL) || (dev->status & ~value) ||
	    ((value & SIM_STATUS_DRIVER_OK) &&
	     !(value & SIM_STATUS_FEATURES_OK)) ||
	    ((value & SIM_STATUS_FEATURES_OK) &&
	     (dev->drv_features & ~DEV_FEATURES))) {
		refuse(dev);
		return;
	}
	dev->status = value;
	if (value & SIM_STATUS_DRIVER_OK) {
		__atomic_store_n(&dev->running, true, __ATOMIC_RELEASE);
		sim_vdpa_wake(dev);
	}
}

static void
write_common(struct sim_vdpa_dev *dev, uint32_t reg, uint32_t value)
{
	bool settled = (dev->status & SIM_STATUS_FEATURES_OK) != 0;

	if (reg == SIM_REG_STATUS)
		write_status(dev, value);
	else if (reg == SIM_REG_DRV_FEATURES_LOW && !settled)
		set_low(&dev->drv_features, value);
	else if (reg == SIM_REG_DRV_FEATURES_HIGH && !settled)
		set_high(&dev->drv_features, value);
	else
		refuse(dev);
}

static uint32_t
read_common(const struct sim_vdpa_dev *dev, uint32_t reg)
{
	const uint8_t *mac = dev->mac.addr_bytes;

	switch (reg) {
	case SIM_REG_DEV_FEATURES_LOW:
		return low(DEV_FEATURES);
	case SIM_REG_DEV_FEATURES_HIGH:
		return high(DEV_FEATURES);
	case SIM_REG_DRV_FEATURES_LOW:
		return low(dev->drv_features);
	case SIM_REG_DRV_FEATURES_HIGH:
		return high(dev->drv_features);
	case SIM_REG_STATUS:
		return dev->status;
	case SIM_REG_NUM_QUEUES:
		return dev->n_vqs;
	case SIM_REG_MAX_SIZE:
		return SIM_VRING_MAX_SIZE;
	case SIM_REG_NET_STATUS:
		return __atomic_load_n(&dev->link_up, __ATOMIC_RELAXED);
	case SIM_REG_MAC_LOW:
		return mac[0] | mac[1] << 8 | mac[2] << 16 |
			(uint32_t)mac[3] << 24;
	case SIM_REG_MAC_HIGH:
		return mac[4] | mac[5] << 8;
	default:
		return 0;
	}
}

/* Live migration. */

static void
write_logging_ctrl(struct sim_vdpa_dev *dev, uint32_t value)
{
	struct sim_log *log = &dev->log;

	if (value > 1 || (value == 1 && log->end <= log->base)) {
		refuse(dev);
	} else if (value == 0) {
		__atomic_store_n(&log->on, false, __ATOMIC_RELEASE);
		sim_rcu_synchronize();
	} else if (!log->on) {
		sim_log_clear(log, dev->iommu.table);
		__atomic_store_n(&log->on, true, __ATOMIC_RELEASE);
		/* From here on nothing is written without being logged. */
		sim_rcu_synchronize();
	}
}

static void
write_ring_state(struct sim_vdpa_dev *dev, uint32_t i, uint32_t value)
{
	struct sim_vdpa_vq *q = &dev->vq[i];

	if (i >= dev->n_vqs || is_enabled(q)) {
		refuse(dev);
		return;
	}
	settle(q);
	q->vr.last_avail = SIM_RING_STATE_AVAIL(value);
	q->vr.last_used = SIM_RING_STATE_USED(value);
}

static void
write_lm(struct sim_vdpa_dev *dev, uint32_t reg, uint32_t value)
{
	struct sim_log *log = &dev->log;

	if (reg >= SIM_LM_RING_STATE_OFFSET) {
		write_ring_state(dev, (reg - SIM_LM_RING_STATE_OFFSET) / 4,
				 value);
		return;
	}
	if (reg == SIM_LM_LOGGING_CTRL) {
		write_logging_ctrl(dev, value);
		return;
	}
	if (log->on)
		refuse(dev);	/* The engine reads these. */
	else if (reg == SIM_LM_BASE_ADDR_LOW)
		set_low(&log->base, value);
	else if (reg == SIM_LM_BASE_ADDR_HIGH)
		set_high(&log->base, value);
	else if (reg == SIM_LM_END_ADDR_LOW)
		set_low(&log->end, value);
	else if (reg == SIM_LM_END_ADDR_HIGH)
		set_high(&log->end, value);
	else
		refuse(dev);
}

static uint32_t
read_ring_state(const struct sim_vdpa_dev *dev, uint32_t i)
{
	const struct sim_vring *vr = &dev->vq[i].vr;

	if (i >= dev->n_vqs)
		return 0;
	return SIM_RING_STATE(__atomic_load_n(&vr->last_avail,
					      __ATOMIC_RELAXED),
			      __atomic_load_n(&vr->last_used,
					      __ATOMIC_RELAXED));
}

static uint32_t
read_lm(const struct sim_vdpa_dev *dev, uint32_t reg)
{
	const struct sim_log *log = &dev->log;

	if (reg >= SIM_LM_RING_STATE_OFFSET)
		return read_ring_state(dev,
				(reg - SIM_LM_RING_STATE_OFFSET) / 4);
	switch (reg) {
	case SIM_LM_LOGGING_CTRL:
		return log->on;
	case SIM_LM_BASE_ADDR_LOW:
		return low(log->base);
	case SIM_LM_BASE_ADDR_HIGH:
		return high(log->base);
	case SIM_LM_END_ADDR_LOW:
		return low(log->end);
	case SIM_LM_END_ADDR_HIGH:
		return high(log->end);
	default:
		return 0;
	}
}

/* The register file. */

/* The window that a register is in; its offset within. */
enum window { COMMON, QUEUE, LM, NOWHERE };

static enum window
find_window(const struct sim_vdpa_dev *dev, uint32_t reg, uint32_t *off,
	    uint32_t *queue)
{
	*off = reg;
	*queue = 0;
	if (reg % 4 != 0)
		return NOWHERE;
	if (reg < SIM_REG_QUEUES)
		return COMMON;
	if (reg < SIM_REG_QUEUE(dev->n_vqs)) {
		*queue = (reg - SIM_REG_QUEUES) / SIM_REG_QUEUE_STRIDE;
		*off = (reg - SIM_REG_QUEUES) % SIM_REG_QUEUE_STRIDE;
		return QUEUE;
	}
	if (reg < SIM_REG_LM || reg >= SIM_REG_RING_STATE(SIM_LM_QUEUES))
		return NOWHERE;
	*off = reg - SIM_REG_LM;
	return LM;
}

uint32_t
sim_vdpa_dev_read(struct sim_vdpa_dev *dev, uint32_t reg)
{
	uint32_t off, queue, value = 0;

	if (sim_vdpa_dev_has_fault(dev, SIM_FAULT_REMOVED))
		return SIM_REG_GONE;
	pthread_mutex_lock(&dev->lock);
	switch (find_window(dev, reg, &off, &queue)) {
	case COMMON:
		value = read_common(dev, off);
		break;
	case QUEUE:
		value = read_queue(&dev->vq[queue], off);
		break;
	case LM:
		value = read_lm(dev, off);
		break;
	default:
		break;
	}
	pthread_mutex_unlock(&dev->lock);
	return value;
}

void
sim_vdpa_dev_write(struct sim_vdpa_dev *dev, uint32_t reg, uint32_t value)
{
	uint32_t off, queue;
	enum window window;

	if (sim_vdpa_dev_has_fault(dev, SIM_FAULT_REMOVED))
		return;
	window = find_window(dev, reg, &off, &queue);
	if (window == QUEUE && off == SIM_QUEUE_NOTIFY) {
		sim_vdpa_count(&dev->vq[queue].counters.doorbells, 1);
		sim_vdpa_wake(dev);
		return;
	}
	pthread_mutex_lock(&dev->lock);
	switch (window) {
	case COMMON:
		write_common(dev, off, value);
		break;
	case QUEUE:
		write_queue(&dev->vq[queue], off, value);
		break;
	case LM:
		write_lm(dev, off, value);
		break;
	default:
		refuse(dev);
		break;
	}
	pthread_mutex_unlock(&dev->lock);
}
