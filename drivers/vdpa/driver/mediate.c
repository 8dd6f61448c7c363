/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "vdpa/driver/log.h"
#include "vdpa/driver/mediate.h"
#include "vdpa/driver/memory.h"

/* What the driver maps for itself has one slot of this size per virtqueue. */
#define SLOT_SIZE (UINT64_C(1) << 21)
#define RING_ALIGN 4096

/* Logging. */

/* The descriptors of a chain: the ring's or, at 'iova', an indirect table. */
struct table {
	const volatile struct vring_desc *ring;	/* NULL: indirect. */
	uint64_t iova;
	uint32_t n;
};

static bool
read_desc(const struct sim_vdpa *v, const struct table *t, uint32_t i,
	  struct vring_desc *d)
{
	if (i >= t->n)
		return false;
	if (t->ring == NULL)
		return sim_vdpa_memory_read(v, d, t->iova + i * sizeof(*d),
					    sizeof(*d));
	*d = t->ring[i];
	return true;
}

/* Logs the first 'len' bytes of the buffers of a chain, which are those that
 * the device has written. */
static bool
log_chain(struct sim_vdpa *v, const struct sim_vdpa_vring *vr, uint32_t id,
	  uint32_t len)
{
	struct table t = { .ring = vr->vhost.desc, .n = vr->size };
	struct vring_desc d;
	uint32_t steps, n;

	if (!read_desc(v, &t, id, &d))
		return false;
	if (d.flags & VRING_DESC_F_INDIRECT) {
		t = (struct table) { .iova = d.addr, .n = d.len / sizeof(d) };
		if (!read_desc(v, &t, 0, &d))
			return false;
	}
	for (steps = 0; len > 0 && steps < t.n; steps++) {
		n = d.flags & VRING_DESC_F_WRITE ? RTE_MIN(len, d.len) : 0;
		sim_vdpa_log_write(v, d.addr, n);
		len -= n;
		if (len > 0 && (!(d.flags & VRING_DESC_F_NEXT) ||
				!read_desc(v, &t, d.next, &d)))
			return false;
	}
	return len == 0;
}

/* The guest's ring. */

static bool
must_call(const struct sim_vdpa *v, const struct sim_vdpa_vring *vr,
	  uint16_t old, uint16_t new)
{
	const volatile struct vring_avail *avail = vr->vhost.avail;

	rte_smp_mb();
	if (v->features & (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX))
		return vring_need_event(avail->ring[vr->size], new, old);
	return !(avail->flags & VRING_AVAIL_F_NO_INTERRUPT);
}

static bool
relay_entry(struct sim_vdpa *v, struct sim_vdpa_vring *vr)
{
	uint16_t at = vr->relayed & (vr->size - 1);
	struct vring_used_elem e = vr->mediated.used->ring[at];
	struct vring_used *used = vr->vhost.used;

	if (!log_chain(v, vr, e.id, e.len))
		return false;
	used->ring[at] = e;
	sim_vdpa_log_write(v, vr->used + RTE_PTR_DIFF(&used->ring[at], used),
			   sizeof(e));
	vr->relayed++;
	return true;
}

/* What the device says about kicks. */
static void
relay_event(struct sim_vdpa_vring *vr)
{
	const struct vring_used *from = vr->mediated.used;
	struct vring_used *to = vr->vhost.used;

	__atomic_store_n(&to->flags, __atomic_load_n(&from->flags,
			 __ATOMIC_RELAXED), __ATOMIC_RELAXED);
	/* The event index comes last. */
	memcpy(&to->ring[vr->size], &from->ring[vr->size], sizeof(uint16_t));
}

bool
sim_vdpa_mediate_relay(struct sim_vdpa *v, uint16_t i)
{
	struct sim_vdpa_vring *vr = &v->vring[i];
	uint16_t old = vr->relayed, end;
	bool ok = true;

	end = __atomic_load_n(&vr->mediated.used->idx, __ATOMIC_ACQUIRE);
	while (ok && vr->relayed != end)
		ok = relay_entry(v, vr);
	relay_event(vr);
	/* It is the guest's memory, but our index. */
	__atomic_store_n(&vr->vhost.used->idx, vr->relayed, __ATOMIC_RELEASE);
	sim_vdpa_log_write(v, vr->used, sizeof(struct vring_used));
	if (vr->relayed != old && must_call(v, vr, old, vr->relayed))
		sim_vdpa_dev_signal(v->dev, vr->callfd);
	return ok;
}

/* Making and freeing. */

int
sim_vdpa_mediate_start(struct sim_vdpa *v, uint16_t i, uint16_t last_used)
{
	struct sim_vdpa_vring *vr = &v->vring[i];
	void *mem = NULL;
	int ret;

	vr->mediated_size = RTE_ALIGN_CEIL(vring_size(vr->size, RING_ALIGN),
					   RING_ALIGN);
	vr->mediated_iova = sim_vdpa_memory_end(v) + i * SLOT_SIZE;
	if (posix_memalign(&mem, RING_ALIGN, vr->mediated_size) != 0)
		return -ENOMEM;
	memset(mem, 0, vr->mediated_size);
	ret = sim_vdpa_dev_map(v->dev, vr->mediated_iova, mem,
			       vr->mediated_size, true);
	if (ret != 0) {
		free(mem);
		return ret;
	}
	vring_init(&vr->mediated, vr->size, mem, RING_ALIGN);
	vr->mediated.used->idx = last_used;
	vr->relayed = last_used;
	return 0;
}

uint64_t
sim_vdpa_mediate_iova(const struct sim_vdpa *v, uint16_t i)
{
	const struct sim_vdpa_vring *vr = &v->vring[i];

	return vr->mediated_iova +
		RTE_PTR_DIFF(vr->mediated.used, vr->mediated.desc);
}

void
sim_vdpa_mediate_stop(struct sim_vdpa *v, uint16_t i)
{
	struct sim_vdpa_vring *vr = &v->vring[i];

	sim_vdpa_dev_unmap(v->dev, vr->mediated_iova, vr->mediated_size);
	free(vr->mediated.desc);
	vr->mediated.desc = NULL;
}
