/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_PROTOCOL_H
#define VDPA_PCI_PROTOCOL_H

#include <stdint.h>

/*
 * vfio-user, version 0: what goes over the socket.  QEMU's
 * docs/interop/vfio-user.rst is the specification; what it takes from the
 * kernel's VFIO is in <linux/vfio.h>.
 *
 * Client and server are on one machine: numbers are in its byte order.
 */

enum vfu_command {
	VFU_VERSION = 1,
	VFU_DMA_MAP = 2,
	VFU_DMA_UNMAP = 3,
	VFU_DEVICE_GET_INFO = 4,
	VFU_DEVICE_GET_REGION_INFO = 5,
	VFU_DEVICE_GET_IRQ_INFO = 7,
	VFU_DEVICE_SET_IRQS = 8,
	VFU_REGION_READ = 9,
	VFU_REGION_WRITE = 10,
	VFU_DEVICE_RESET = 13,
};

#define VFU_MAJOR 0
#define VFU_MINOR 0

struct vfu_header {
	uint16_t id;		/* The reply has that of the command. */
	uint16_t command;
	uint32_t size;		/* With this header. */
	uint32_t flags;
	uint32_t error;		/* An errno, of a reply with VFU_ERROR. */
};

#define VFU_TYPE	0xf
#define VFU_TYPE_COMMAND 0x0
#define VFU_TYPE_REPLY	0x1
#define VFU_NO_REPLY	0x10
#define VFU_ERROR	0x20

struct vfu_version {
	uint16_t major;
	uint16_t minor;
	char data[];		/* JSON with its NUL, or nothing. */
};

struct vfu_dma_map {
	uint32_t argsz;
	uint32_t flags;		/* VFIO_DMA_MAP_FLAG_READ, ..._WRITE. */
	uint64_t offset;	/* In the file that comes with it. */
	uint64_t iova;
	uint64_t size;
};

struct vfu_dma_unmap {
	uint32_t argsz;
	uint32_t flags;		/* VFIO_DMA_UNMAP_FLAG_ALL. */
	uint64_t iova;
	uint64_t size;
};

/* Newer kernels have more in theirs. */
struct vfu_device_info {
	uint32_t argsz;
	uint32_t flags;		/* VFIO_DEVICE_FLAGS_*. */
	uint32_t num_regions;
	uint32_t num_irqs;
};

struct vfu_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[];		/* Of what is written, or of a reply. */
};

/* What we take and give at most in a message: data of one access, and files;
 * the client is told.  QEMU sends no more than so many files, and reads a whole
 * configuration space at a time. */
#define VFU_MAX_DATA	4096
#define VFU_MAX_FDS	16
#define VFU_MAX_PAYLOAD	(sizeof(struct vfu_access) + VFU_MAX_DATA)
#define VFU_MAX_MESSAGE	(sizeof(struct vfu_header) + VFU_MAX_PAYLOAD)

#endif /* VDPA_PCI_PROTOCOL_H */
