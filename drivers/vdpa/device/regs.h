/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_REGS_H
#define SIM_VDPA_DEVICE_REGS_H

/*
 * The registers of the simulated vDPA device: all that its driver and the
 * device know of each other, beside DMA, doorbells and interrupts.
 *
 * All registers have 32 bits and are accessed as such, at multiples of four.
 * Documentation/simulated-nic.rst has the table with all the words.
 */

/* Common configuration. */
#define SIM_REG_DEV_FEATURES_LOW	0x000	/* Read-only. */
#define SIM_REG_DEV_FEATURES_HIGH	0x004
#define SIM_REG_DRV_FEATURES_LOW	0x008
#define SIM_REG_DRV_FEATURES_HIGH	0x00c
#define SIM_REG_STATUS			0x010	/* Writing 0 resets. */
#define SIM_REG_NUM_QUEUES		0x014	/* Read-only: virtqueues. */
#define SIM_REG_MAX_SIZE		0x018	/* Read-only: of a ring. */
#define SIM_REG_NET_STATUS		0x01c	/* Read-only: bit 0: link. */
#define SIM_REG_MAC_LOW			0x020	/* Read-only: bytes 0 to 3. */
#define SIM_REG_MAC_HIGH		0x024	/* Read-only: 4 and 5. */

/* The bits of SIM_REG_STATUS, those of virtio. */
#define SIM_STATUS_ACKNOWLEDGE		0x01
#define SIM_STATUS_DRIVER		0x02
#define SIM_STATUS_DRIVER_OK		0x04
#define SIM_STATUS_FEATURES_OK		0x08
#define SIM_STATUS_FAILED		0x80
#define SIM_STATUS_ALL			0x8f

/* One block for each virtqueue. */
#define SIM_REG_QUEUES			0x1000
#define SIM_REG_QUEUE_STRIDE		0x40
#define SIM_REG_QUEUE(q) \
	(SIM_REG_QUEUES + SIM_REG_QUEUE_STRIDE * (uint32_t)(q))
#define SIM_QUEUE_SIZE			0x00
#define SIM_QUEUE_ENABLE		0x04
#define SIM_QUEUE_VECTOR		0x08
#define SIM_QUEUE_ERROR			0x0c	/* Read-only. */
#define SIM_QUEUE_DESC_LOW		0x10
#define SIM_QUEUE_DESC_HIGH		0x14
#define SIM_QUEUE_AVAIL_LOW		0x18	/* Packed: driver area. */
#define SIM_QUEUE_AVAIL_HIGH		0x1c
#define SIM_QUEUE_USED_LOW		0x20	/* Packed: device area. */
#define SIM_QUEUE_USED_HIGH		0x24
#define SIM_QUEUE_NOTIFY		0x28	/* Write-only: doorbell. */

#define SIM_NO_VECTOR			0xffff

/* Live migration, in its own window. */
#define SIM_REG_LM			0x4000
#define SIM_LM_LOGGING_CTRL		0x00
#define SIM_LM_BASE_ADDR_LOW		0x10
#define SIM_LM_BASE_ADDR_HIGH		0x14
#define SIM_LM_END_ADDR_LOW		0x18
#define SIM_LM_END_ADDR_HIGH		0x1c
#define SIM_LM_RING_STATE_OFFSET	0x20
#define SIM_LM_QUEUES			1024
#define SIM_REG_RING_STATE(q) \
	(SIM_REG_LM + SIM_LM_RING_STATE_OFFSET + 4 * (uint32_t)(q))

/* The state of a ring: what it takes from the driver next in the low half,
 * what it gives back next in the high one.  Of a split ring an index that
 * counts to 65535; of a packed ring an index into the ring and, in bit 15 of
 * each half, the wrap counter, as vhost encodes it. */
#define SIM_RING_STATE(avail, used) \
	((uint32_t)(uint16_t)(used) << 16 | (uint16_t)(avail))
#define SIM_RING_STATE_AVAIL(state) ((uint16_t)((state) & 0xffff))
#define SIM_RING_STATE_USED(state) ((uint16_t)((state) >> 16))

/* One bit of the dirty bitmap. */
#define SIM_LM_PAGE_SHIFT		12

/* What every register of a device that was pulled out reads as. */
#define SIM_REG_GONE			0xffffffff

#endif /* SIM_VDPA_DEVICE_REGS_H */
