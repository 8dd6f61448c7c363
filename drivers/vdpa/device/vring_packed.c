/* SPDX-License-Identifier: Apache-2.0 */

/* Packed virtqueues. */

#include <errno.h>

#include <rte_atomic.h>
#include <rte_common.h>

#include "vdpa/device/vring.h"

#define WRAP 0x8000		/* In last_avail and last_used. */
#define F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED (1u << VRING_PACKED_DESC_F_USED)

static inline struct vring_packed_desc *
desc_of(const struct sim_vring *vr, uint16_t i)
{
	return (struct vring_packed_desc *)vr->desc_va + i;
}


static inline uint16_t
advance(const struct sim_vring *vr, uint16_t pos, uint16_t n)
{
	uint32_t i = (pos & ~WRAP) + n;

	return i < vr->size ? (pos & WRAP) | i :
		((pos & WRAP) ^ WRAP) | (i - vr->size);
}

static int
packed_check(const struct sim_vring *vr)
{
	if (vr->size == 0 || vr->size > SIM_VRING_MAX_SIZE ||
	    (vr->last_avail & ~WRAP) >= vr->size ||
	    (vr->last_used & ~WRAP) >= vr->size)
		return -EINVAL;
	return vr->desc % 16 || vr->avail % 4 || vr->used % 4 ? -EINVAL : 0;
}

static bool
packed_map(struct sim_vring *vr, struct sim_dma *dma)
{
	vr->desc_va = sim_dma_map(dma, vr->desc, true, vr->size *
				  sizeof(struct vring_packed_desc));
	vr->avail_va = sim_dma_map(dma, vr->avail, false,
				   sizeof(struct vring_packed_desc_event));
	vr->used_va = sim_dma_map(dma, vr->used, true,
				  sizeof(struct vring_packed_desc_event));
	if (likely(vr->desc_va != NULL && vr->avail_va != NULL &&
		   vr->used_va != NULL))
		return true;
	sim_vring_fail(vr, SIM_VRING_ERR_DMA);
	return false;
}

static inline bool
is_available(uint16_t flags, uint16_t at)
{
	bool wrap = (at & WRAP) != 0;

	return !!(flags & F_AVAIL) == wrap && !!(flags & F_USED) != wrap;
}

static bool
packed_pending(const struct sim_vring *vr, uint16_t at)
{
	return is_available(__atomic_load_n(&desc_of(vr, at & ~WRAP)->flags,
					    __ATOMIC_ACQUIRE), at);
}

static int
walk_indirect(struct sim_vring *vr, struct sim_dma *dma, struct sim_chain *c,
	      uint32_t room, uint64_t iova, uint32_t len)
{
	uint32_t i, n = sim_vring_indirect_count(vr, len);
	struct vring_packed_desc d;

	if (n == 0)
		return -1;
	for (i = 0; i < n; i++) {
		if (!sim_dma_read(dma, &d, iova + i * sizeof(d), sizeof(d)))
			return sim_vring_fail(vr, SIM_VRING_ERR_DMA);
		/* The table's length says where it ends: NEXT means nothing
		 * in it. */
		if (d.flags & VRING_DESC_F_INDIRECT)
			return sim_vring_fail(vr, SIM_VRING_ERR_INDIRECT);
		if (!sim_chain_add(vr, c, room, d.addr, d.len,
				   (d.flags & VRING_DESC_F_WRITE) != 0))
			return -1;
	}
	return 1;
}

/* The descriptors of a chain stand one behind the other, and the first one
 * becomes available last, so that the others are there, too. */
static int
walk(struct sim_vring *vr, struct sim_dma *dma, struct sim_chain *c,
     uint32_t room)
{
	uint16_t i = vr->last_avail & ~WRAP;
	struct vring_packed_desc d;
	bool write;

	for (c->slots = 0; c->slots < vr->size;) {
		d = *(volatile struct vring_packed_desc *)desc_of(vr, i);
		write = (d.flags & VRING_DESC_F_WRITE) != 0;
		c->slots++;
		if (unlikely(d.flags & VRING_DESC_F_INDIRECT)) {
			if (c->slots != 1 || (d.flags & VRING_DESC_F_NEXT))
				return sim_vring_fail(vr,
						SIM_VRING_ERR_INDIRECT);
			c->id = d.id;
			return walk_indirect(vr, dma, c, room, d.addr, d.len);
		}
		if (!sim_chain_add(vr, c, room, d.addr, d.len, write))
			return -1;
		if (!(d.flags & VRING_DESC_F_NEXT)) {
			c->id = d.id;	/* Of the last one. */
			return 1;
		}
		i = i + 1 < vr->size ? i + 1 : 0;
	}
	return sim_vring_fail(vr, SIM_VRING_ERR_LOOP);
}

static int
packed_get(struct sim_vring *vr, struct sim_dma *dma, struct sim_seg *segs,
	   uint32_t room, struct sim_chain *c)
{
	int ret;

	if (!packed_pending(vr, vr->last_avail))
		return 0;
	sim_chain_init(c, segs);
	ret = walk(vr, dma, c, room);
	if (likely(ret == 1))
		__atomic_store_n(&vr->last_avail,
				 advance(vr, vr->last_avail, c->slots),
				 __ATOMIC_RELAXED);
	return ret;
}

static uint16_t
used_flags(uint16_t pos, uint32_t len)
{
	return (pos & WRAP ? F_AVAIL | F_USED : 0) |
		(len != 0 ? VRING_DESC_F_WRITE : 0);
}

static void
put_one(struct sim_vring *vr, const struct sim_used *used, uint16_t pos)
{
	struct vring_packed_desc *d = desc_of(vr, pos & ~WRAP);

	*(volatile __le16 *)&d->id = used->id;
	*(volatile __le32 *)&d->len = used->len;
}

/* The driver looks at one descriptor at a time, in order: the first one is
 * written last. */
static void
packed_put(struct sim_vring *vr, const struct sim_used *used, uint16_t n)
{
	uint16_t i, pos = advance(vr, vr->last_used, used[0].slots);

	put_one(vr, &used[0], vr->last_used);
	for (i = 1; i < n; i++) {
		put_one(vr, &used[i], pos);
		__atomic_store_n(&desc_of(vr, pos & ~WRAP)->flags,
				 used_flags(pos, used[i].len),
				 __ATOMIC_RELEASE);
		pos = advance(vr, pos, used[i].slots);
	}
	__atomic_store_n(&desc_of(vr, vr->last_used & ~WRAP)->flags,
			 used_flags(vr->last_used, used[0].len),
			 __ATOMIC_RELEASE);
	__atomic_store_n(&vr->last_used, pos, __ATOMIC_RELAXED);
}

static void
packed_flush(struct sim_vring *vr)
{
	(void)vr;
}

/* Whether position 'event' lies in what was used from 'old' to before
 * 'new'. */
static bool
passed(const struct sim_vring *vr, uint16_t event, uint16_t old, uint16_t new)
{
	uint32_t from = old & ~WRAP, to = new & ~WRAP, at = event & ~WRAP;

	if ((old & WRAP) != (new & WRAP))
		to += vr->size;
	if ((old & WRAP) != (event & WRAP))
		at += vr->size;
	return at >= from && at < to;
}

static bool
packed_must_interrupt(struct sim_vring *vr)
{
	const volatile struct vring_packed_desc_event *e = vr->avail_va;
	uint16_t old = vr->signalled, new = vr->last_used;
	uint16_t flags;

	if (old == new)
		return false;
	rte_smp_mb();
	vr->signalled = new;
	flags = e->flags;
	if (flags == VRING_PACKED_EVENT_FLAG_DESC &&
	    sim_vring_has(vr, VIRTIO_RING_F_EVENT_IDX)) {
		rte_smp_rmb();
		return passed(vr, e->off_wrap, old, new);
	}
	return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
}

static void
packed_set_kick(struct sim_vring *vr, bool on, uint16_t at)
{
	struct vring_packed_desc_event *e = vr->used_va;
	uint16_t flags = VRING_PACKED_EVENT_FLAG_DISABLE;

	if (on && sim_vring_has(vr, VIRTIO_RING_F_EVENT_IDX)) {
		__atomic_store_n(&e->off_wrap, at, __ATOMIC_RELAXED);
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	} else if (on) {
		flags = VRING_PACKED_EVENT_FLAG_ENABLE;
	}
	__atomic_store_n(&e->flags, flags, __ATOMIC_RELEASE);
	vr->quiet = !on;
}

const struct sim_vring_ops sim_vring_packed_ops = {
	.check = packed_check,
	.map = packed_map,
	.pending = packed_pending,
	.get = packed_get,
	.put = packed_put,
	.flush = packed_flush,
	.must_interrupt = packed_must_interrupt,
	.set_kick = packed_set_kick,
};
