/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_VRING_H
#define SIM_VDPA_DEVICE_VRING_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_config.h>

#include "vdpa/device/dma.h"

/*
 * The device's side of a virtqueue: it takes chains of descriptors and gives
 * them back.  Split and packed rings are two tables of functions.
 *
 * All that stands in the ring comes from a guest that may lie.  What is read
 * is read once and checked then; a walk ends after as many descriptors as the
 * ring has; and what cannot be right is an error, after which the ring must
 * not be used until it is set up again.  The ring's own memory is accessed
 * through the IOMMU like everything else.
 *
 * Threads: the fields of the first group change only while the queue is
 * disabled.  Everything else belongs to the device's engine while the queue is
 * enabled, and to the control path while it is not.
 */

#define SIM_VRING_MAX_SIZE 32768

/* Sizes of the three areas of a split ring. */
#define SIM_VRING_DESC_LEN(size) ((size) * sizeof(struct vring_desc))
#define SIM_VRING_AVAIL_LEN(size) (sizeof(struct vring_avail) + \
				   ((size) + 1) * sizeof(uint16_t))
#define SIM_VRING_USED_LEN(size) (sizeof(struct vring_used) + \
				  (size) * sizeof(struct vring_used_elem) + \
				  sizeof(uint16_t))

/* X(symbol, name, meaning) */
#define SIM_VRING_ERRORS \
	X(NONE, "none", "no error") \
	X(DMA, "dma-fault", "an address that is not mapped") \
	X(INDEX, "bad-index", "a descriptor number beyond the ring") \
	X(JUMP, "avail-jump", "an avail index ahead by more than the ring") \
	X(LOOP, "loop", "a chain longer than the ring") \
	X(INDIRECT, "bad-indirect", "a malformed or nested indirect table") \
	X(DIRECTION, "bad-direction", "a readable descriptor where a " \
	  "writable one must be, or the other way round") \
	X(LENGTH, "bad-length", "a chain without room for a header, or of " \
	  "an impossible length")

enum sim_vring_error {
#define X(SYMBOL, NAME, MEANING) SIM_VRING_ERR_##SYMBOL,
	SIM_VRING_ERRORS
#undef X
	SIM_VRING_N_ERRORS,
};

const char *sim_vring_error_name(enum sim_vring_error error);
const char *sim_vring_error_meaning(enum sim_vring_error error);

struct sim_seg {
	uint64_t iova;
	uint32_t len;
};

/* Readable segments come first, then writable ones, as virtio has it. */
struct sim_chain {
	struct sim_seg *segs;
	uint32_t n_read;
	uint32_t n_write;
	uint64_t read_len;
	uint64_t write_len;
	uint16_t id;
	uint16_t slots;		/* Descriptors of the ring that it takes. */
};

/* A chain that is given back. */
struct sim_used {
	uint32_t len;		/* Bytes that were written to it. */
	uint16_t id;
	uint16_t slots;
};

struct sim_vring_ops;

struct sim_vring {
	const struct sim_vring_ops *ops;
	uint64_t desc;			/* IOVAs. */
	uint64_t avail;
	uint64_t used;
	uint64_t features;		/* Negotiated ones. */
	uint16_t size;

	/* As SIM_RING_STATE() has them; atomic, so that they can be read from
	 * outside. */
	uint16_t last_avail;
	uint16_t last_used;

	uint16_t signalled;		/* last_used at the last interrupt. */
	bool quiet;			/* The driver was told not to kick. */
	enum sim_vring_error error;

	/* Valid for one RCU section. */
	void *desc_va;
	void *avail_va;
	void *used_va;
};

struct sim_vring_ops {
	/* 0, or -EINVAL for a size or addresses that no ring can have. */
	int (*check)(const struct sim_vring *vr);
	/* At the start of every RCU section; false is an error. */
	bool (*map)(struct sim_vring *vr, struct sim_dma *dma);
	/* Whether there is a chain at position 'at', which is last_avail or
	 * where get() once found none. */
	bool (*pending)(const struct sim_vring *vr, uint16_t at);
	/* The next chain, with at most 'room' segments in 'segs', and moves
	 * last_avail past it.  1; 0 if there is none; -1 for an error. */
	int (*get)(struct sim_vring *vr, struct sim_dma *dma,
		   struct sim_seg *segs, uint32_t room, struct sim_chain *c);
	/* Gives back the oldest 'n' chains, all of one packet: the driver sees
	 * all of them or none. */
	void (*put)(struct sim_vring *vr, const struct sim_used *used,
		    uint16_t n);
	/* Makes visible what was put. */
	void (*flush)(struct sim_vring *vr);
	/* Whether the driver wants an interrupt for what was flushed. */
	bool (*must_interrupt)(struct sim_vring *vr);
	/* Asks the driver to kick, or not to.  When on, for a chain at
	 * position 'at'. */
	void (*set_kick)(struct sim_vring *vr, bool on, uint16_t at);
};

extern const struct sim_vring_ops sim_vring_split_ops;
extern const struct sim_vring_ops sim_vring_packed_ops;

static inline bool
sim_vring_has(const struct sim_vring *vr, unsigned int feature)
{
	return (vr->features & (UINT64_C(1) << feature)) != 0;
}

/* Remembers an error; the value is what get() returns. */
static inline int
sim_vring_fail(struct sim_vring *vr, enum sim_vring_error error)
{
	vr->error = error;
	return -1;
}

/* Parts that both kinds of rings share. */

static inline void
sim_chain_init(struct sim_chain *c, struct sim_seg *segs)
{
	c->segs = segs;
	c->n_read = 0;
	c->n_write = 0;
	c->read_len = 0;
	c->write_len = 0;
}

/* Appends one buffer.  False, and an error of 'vr', if that cannot be. */
bool sim_chain_add(struct sim_vring *vr, struct sim_chain *c, uint32_t room,
		   uint64_t iova, uint32_t len, bool write);

/* How many descriptors of 16 bytes an indirect table of 'len' bytes has; 0,
 * and an error of 'vr', if it cannot be right. */
uint32_t sim_vring_indirect_count(struct sim_vring *vr, uint32_t len);

#endif /* SIM_VDPA_DEVICE_VRING_H */
