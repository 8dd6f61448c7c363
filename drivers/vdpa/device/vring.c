/* SPDX-License-Identifier: Apache-2.0 */

#include "vdpa/device/vring.h"

static const struct {
	const char *name;
	const char *meaning;
} errors[] = {
#define X(SYMBOL, NAME, MEANING) [SIM_VRING_ERR_##SYMBOL] = { NAME, MEANING },
	SIM_VRING_ERRORS
#undef X
};

const char *
sim_vring_error_name(enum sim_vring_error error)
{
	return error < SIM_VRING_N_ERRORS ? errors[error].name : "unknown";
}

const char *
sim_vring_error_meaning(enum sim_vring_error error)
{
	return error < SIM_VRING_N_ERRORS ? errors[error].meaning : "unknown";
}

bool
sim_chain_add(struct sim_vring *vr, struct sim_chain *c, uint32_t room,
	      uint64_t iova, uint32_t len, bool write)
{
	uint32_t n = c->n_read + c->n_write;

	if (unlikely(n == room)) {
		sim_vring_fail(vr, SIM_VRING_ERR_LOOP);
		return false;
	}
	if (unlikely(iova + len < iova)) {
		sim_vring_fail(vr, SIM_VRING_ERR_LENGTH);
		return false;
	}
	c->segs[n] = (struct sim_seg) { .iova = iova, .len = len };
	if (write) {
		c->n_write++;
		c->write_len += len;
	} else if (likely(c->n_write == 0)) {
		c->n_read++;
		c->read_len += len;
	} else {
		sim_vring_fail(vr, SIM_VRING_ERR_DIRECTION);
		return false;
	}
	return true;
}

uint32_t
sim_vring_indirect_count(struct sim_vring *vr, uint32_t len)
{
	uint32_t n = len / sizeof(struct vring_desc);

	if (likely(sim_vring_has(vr, VIRTIO_RING_F_INDIRECT_DESC) && n > 0 &&
		   len % sizeof(struct vring_desc) == 0 &&
		   n <= SIM_VRING_MAX_SIZE))
		return n;
	sim_vring_fail(vr, SIM_VRING_ERR_INDIRECT);
	return 0;
}
