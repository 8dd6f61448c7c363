/* SPDX-License-Identifier: Apache-2.0 */

#ifndef VDPA_PCI_MESSAGE_H
#define VDPA_PCI_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "vdpa_pci/protocol.h"

/*
 * Messages of vfio-user on their way from and to a socket.  Nothing here
 * waits: a client that stops in the middle of a message, or does not read what
 * it has asked for, harms itself only.
 */

struct vfu_message {
	union {
		uint64_t align;
		struct vfu_header header;
		uint8_t bytes[VFU_MAX_MESSAGE];
	};
	uint32_t have;		/* Bytes that are here. */
	uint32_t n_fds;
	int fds[VFU_MAX_FDS];	/* Ours, unless taken by vfu_take_fd(). */
};

enum vfu_received {
	VFU_WHOLE,		/* It is to be dealt with, then cleared. */
	VFU_PARTIAL,		/* Its rest has not come yet. */
	VFU_OVER,		/* The connection is over. */
};

/* Reads what there is of one message into 'm', which is clear at first.  It has
 * a size that may be, and is a command.  For VFU_OVER '*why' says why. */
enum vfu_received vfu_receive(int sock, struct vfu_message *m,
			      const char **why);

/* Closes the files that nobody took, and makes it ready for the next. */
void vfu_clear(struct vfu_message *m);

/* The file number 'i' of the message, from now on the caller's. */
int vfu_take_fd(struct vfu_message *m, uint32_t i);

static inline uint32_t
vfu_payload_size(const struct vfu_message *m)
{
	return m->header.size - sizeof(m->header);
}

static inline const void *
vfu_payload(const struct vfu_message *m)
{
	return &m->header + 1;
}

/* Answers a command: with 'size' bytes, at most VFU_MAX_PAYLOAD, or if 'error'
 * is not 0, an errno, with that alone.  False if it cannot be sent now, after
 * which the connection is of no use. */
bool vfu_reply(int sock, const struct vfu_header *command, int error,
	       const void *payload, uint32_t size);

#endif /* VDPA_PCI_MESSAGE_H */
