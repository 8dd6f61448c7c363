/* SPDX-License-Identifier: Apache-2.0 */

/* Split virtqueues. */

#include <errno.h>

#include <rte_atomic.h>
#include <rte_bitops.h>
#include <rte_common.h>

#include "vdpa/device/vring.h"

static inline struct vring_avail *
avail_of(const struct sim_vring *vr)
{
	return vr->avail_va;
}

static inline struct vring_used *
used_of(const struct sim_vring *vr)
{
	return vr->used_va;
}

/* Where the two sides say when they want to hear of something. */
static inline uint16_t *
used_event_of(const struct sim_vring *vr)
{
	return &avail_of(vr)->ring[vr->size];
}

static inline uint16_t *
avail_event_of(const struct sim_vring *vr)
{
	return (uint16_t *)&used_of(vr)->ring[vr->size];
}

static int
split_check(const struct sim_vring *vr)
{
	if (vr->size == 0 || vr->size > SIM_VRING_MAX_SIZE ||
	    !rte_is_power_of_2(vr->size))
		return -EINVAL;
	return vr->desc % 16 || vr->avail % 2 || vr->used % 4 ? -EINVAL : 0;
}

static bool
split_map(struct sim_vring *vr, struct sim_dma *dma)
{
	vr->desc_va = sim_dma_map(dma, vr->desc, false,
				  SIM_VRING_DESC_LEN(vr->size));
	vr->avail_va = sim_dma_map(dma, vr->avail, false,
				   SIM_VRING_AVAIL_LEN(vr->size));
	vr->used_va = sim_dma_map(dma, vr->used, true,
				  SIM_VRING_USED_LEN(vr->size));
	if (likely(vr->desc_va != NULL && vr->avail_va != NULL &&
		   vr->used_va != NULL))
		return true;
	sim_vring_fail(vr, SIM_VRING_ERR_DMA);
	return false;
}

static bool
split_pending(const struct sim_vring *vr, uint16_t at)
{
	return __atomic_load_n(&avail_of(vr)->idx, __ATOMIC_ACQUIRE) != at;
}

/* Walks a table of 'n' descriptors from number 'i' on. */
static int
walk(struct sim_vring *vr, struct sim_dma *dma, struct sim_chain *c,
     uint32_t room, uint64_t iova, const struct vring_desc *table, uint32_t n,
     uint32_t i)
{
	const bool indirect = table == NULL;
	uint32_t steps, count;
	struct vring_desc d;

	for (steps = 0; steps < n; steps++) {
		if (unlikely(i >= n))
			return sim_vring_fail(vr, SIM_VRING_ERR_INDEX);
		c->slots += !indirect;
		if (!indirect)
			d = *(const volatile struct vring_desc *)&table[i];
		else if (!sim_dma_read(dma, &d, iova + i * sizeof(d),
				       sizeof(d)))
			return sim_vring_fail(vr, SIM_VRING_ERR_DMA);
		if (unlikely(d.flags & VRING_DESC_F_INDIRECT)) {
			if (indirect || (d.flags & VRING_DESC_F_NEXT))
				return sim_vring_fail(vr,
						SIM_VRING_ERR_INDIRECT);
			count = sim_vring_indirect_count(vr, d.len);
			return count == 0 ? -1 :
				walk(vr, dma, c, room, d.addr, NULL, count, 0);
		}
		if (!sim_chain_add(vr, c, room, d.addr, d.len,
				   (d.flags & VRING_DESC_F_WRITE) != 0))
			return -1;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 1;
		i = d.next;
	}
	return sim_vring_fail(vr, SIM_VRING_ERR_LOOP);
}

static int
split_get(struct sim_vring *vr, struct sim_dma *dma, struct sim_seg *segs,
	  uint32_t room, struct sim_chain *c)
{
	uint16_t idx = __atomic_load_n(&avail_of(vr)->idx, __ATOMIC_ACQUIRE);
	uint16_t head;
	int ret;

	if (idx == vr->last_avail)
		return 0;
	if (unlikely((uint16_t)(idx - vr->last_avail) > vr->size))
		return sim_vring_fail(vr, SIM_VRING_ERR_JUMP);
	head = *(volatile uint16_t *)
		&avail_of(vr)->ring[vr->last_avail & (vr->size - 1)];
	sim_chain_init(c, segs);
	c->id = head;
	c->slots = 0;
	ret = walk(vr, dma, c, room, 0, vr->desc_va, vr->size, head);
	if (likely(ret == 1))
		__atomic_store_n(&vr->last_avail, vr->last_avail + 1,
				 __ATOMIC_RELAXED);
	return ret;
}

static void
split_put(struct sim_vring *vr, const struct sim_used *used, uint16_t n)
{
	uint16_t i, pos = vr->last_used;

	for (i = 0; i < n; i++, pos++) {
		volatile struct vring_used_elem *e =
			&used_of(vr)->ring[pos & (vr->size - 1)];

		e->id = used[i].id;
		e->len = used[i].len;
	}
	__atomic_store_n(&vr->last_used, pos, __ATOMIC_RELAXED);
}

static void
split_flush(struct sim_vring *vr)
{
	__atomic_store_n(&used_of(vr)->idx, vr->last_used, __ATOMIC_RELEASE);
}

static bool
split_must_interrupt(struct sim_vring *vr)
{
	uint16_t old = vr->signalled, new = vr->last_used;

	if (old == new)
		return false;
	/* The driver sets what is read below, then looks at the index. */
	rte_smp_mb();
	vr->signalled = new;
	if (sim_vring_has(vr, VIRTIO_RING_F_EVENT_IDX))
		return vring_need_event(*(volatile uint16_t *)
					used_event_of(vr), new, old);
	return !(*(volatile uint16_t *)&avail_of(vr)->flags &
		 VRING_AVAIL_F_NO_INTERRUPT);
}

static void
split_set_kick(struct sim_vring *vr, bool on, uint16_t at)
{
	if (sim_vring_has(vr, VIRTIO_RING_F_EVENT_IDX)) {
		/* Off: an index that was passed already does not come again
		 * for a long time. */
		if (on)
			__atomic_store_n(avail_event_of(vr), at,
					 __ATOMIC_RELAXED);
	} else {
		__atomic_store_n(&used_of(vr)->flags,
				 on ? 0 : VRING_USED_F_NO_NOTIFY,
				 __ATOMIC_RELAXED);
	}
	vr->quiet = !on;
}

const struct sim_vring_ops sim_vring_split_ops = {
	.check = split_check,
	.map = split_map,
	.pending = split_pending,
	.get = split_get,
	.put = split_put,
	.flush = split_flush,
	.must_interrupt = split_must_interrupt,
	.set_kick = split_set_kick,
};
