/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The driver's part in live migration.
 *
 * By default the device logs the packet buffers that it writes, and the
 * driver logs the rings when it stops them.  With sw-live-migration=1 the
 * device logs nothing: while LOG_ALL is on, the used rings of the receive
 * queues are memory of the driver's own, and the relay thread copies what
 * appears there to the guest, logs it and interrupts the guest.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "base/log.h"
#include "vdpa/driver/state.h"

/* How often it is looked whether the log has moved, and how often at mediated
 * rings whose guest wants no interrupts; milliseconds. */
#define LOG_MS 10
#define MEDIATE_MS 1

#define ANNOUNCE_TRIES 500

/* What the driver maps for itself lies behind the guest's memory: one slot of
 * this size per virtqueue, or the log. */
#define SLOT_SIZE (UINT64_C(1) << 21)
#define RING_ALIGN 4096

#define USED_LEN(size) (3 * sizeof(uint16_t) + \
			(size) * sizeof(struct vring_used_elem))

static bool
is_packed(const struct sim_vdpa *v)
{
	return (v->features & (UINT64_C(1) << VIRTIO_F_RING_PACKED)) != 0;
}

static uint64_t
behind_memory(const struct sim_vdpa *v)
{
	const struct rte_vhost_mem_region *r;
	uint64_t end = 0;
	uint32_t i;

	for (i = 0; i < v->mem->nregions; i++) {
		r = &v->mem->regions[i];
		end = RTE_MAX(end, r->guest_phys_addr + r->size);
	}
	return RTE_ALIGN_CEIL(end, SLOT_SIZE);
}

static bool
log_is_wanted(const struct sim_vdpa *v)
{
	uint64_t features = 0;

	rte_vhost_get_negotiated_features(v->vid, &features);
	return RTE_VHOST_NEED_LOG(features);
}

/* Logging by the device. */

static void
write_log_address(struct sim_vdpa *v, uint32_t reg, uint64_t value)
{
	sim_vdpa_reg_write(v, SIM_REG_LM + reg, (uint32_t)value);
	sim_vdpa_reg_write(v, SIM_REG_LM + reg + 4, value >> 32);
}

static void
stop_log(struct sim_vdpa *v)
{
	sim_vdpa_reg_write(v, SIM_REG_LM + SIM_LM_LOGGING_CTRL, 0);
	if (v->log_va == NULL)
		return;
	sim_vdpa_dev_unmap(v->dev, v->log_iova, v->lib_log_size);
	munmap(v->log_va, v->lib_log_size);
	v->log_va = NULL;
}

/* The library may unmap its log at any time, so the device has a mapping of
 * its own of the same pages.  False, without a word, if there is no log
 * yet. */
static bool
start_log(struct sim_vdpa *v)
{
	v->lib_log = 0;
	v->lib_log_size = 0;
	rte_vhost_get_log_base(v->vid, &v->lib_log, &v->lib_log_size);
	if (v->lib_log == 0 || v->lib_log_size == 0)
		return false;
	v->log_va = mremap((void *)(uintptr_t)v->lib_log, 0, v->lib_log_size,
			   MREMAP_MAYMOVE);
	if (v->log_va == MAP_FAILED)
		v->log_va = NULL;
	v->log_iova = behind_memory(v);
	if (v->log_va == NULL ||
	    sim_vdpa_dev_map(v->dev, v->log_iova, v->log_va,
			     v->lib_log_size) != 0) {
		SIM_LOG(ERR, "%s: cannot map the dirty log: the guest's "
			"migration will fail", v->dev->name);
		if (v->log_va != NULL)
			munmap(v->log_va, v->lib_log_size);
		v->log_va = NULL;
		return false;
	}
	write_log_address(v, SIM_LM_BASE_ADDR_LOW, v->log_iova);
	write_log_address(v, SIM_LM_END_ADDR_LOW,
			  v->log_iova + v->lib_log_size);
	sim_vdpa_reg_write(v, SIM_REG_LM + SIM_LM_LOGGING_CTRL, 1);
	SIM_LOG(INFO, "%s: the device logs what it writes", v->dev->name);
	return true;
}

static bool
log_has_moved(const struct sim_vdpa *v)
{
	uint64_t base = 0, size = 0;

	rte_vhost_get_log_base(v->vid, &base, &size);
	return base != v->lib_log || size != v->lib_log_size;
}

/* What was written before the new log was there is anybody's guess. */
static void
log_everything(struct sim_vdpa *v)
{
	uint32_t i;

	for (i = 0; i < v->mem->nregions; i++)
		rte_vhost_log_write(v->vid, v->mem->regions[i].guest_phys_addr,
				    v->mem->regions[i].size);
}

/* The file behind an address of this process, as /proc has it: offset, device
 * and inode.  False if there is none. */
static bool
find_file(const void *va, char *file, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t start, end;
	bool found = false;
	char line[512];
	int pos;

	while (maps != NULL && !found && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*4s %n", &start,
			   &end, &pos) != 2 || (uintptr_t)va < start ||
		    (uintptr_t)va >= end)
			continue;
		snprintf(file, size, "%.*s", (int)strcspn(&line[pos], "/\n"),
			 &line[pos]);
		found = true;
	}
	if (maps != NULL)
		fclose(maps);
	return found;
}

/* Whether the log that the library has now is another mapping of the one that
 * the device has: QEMU gives the same one for each queue pair. */
static bool
is_same_log(const struct sim_vdpa *v, uint64_t base, uint64_t size)
{
	char ours[128], theirs[128];

	return v->log_va != NULL && size == v->lib_log_size &&
		find_file(v->log_va, ours, sizeof(ours)) &&
		find_file((const void *)(uintptr_t)base, theirs,
			  sizeof(theirs)) && strcmp(ours, theirs) == 0;
}

/* The front-end may replace the log, of which the library tells nobody. */
static void
check_log(struct sim_vdpa *v)
{
	uint64_t base = 0, size = 0;

	if (!log_has_moved(v))
		return;
	rte_vhost_get_log_base(v->vid, &base, &size);
	if (is_same_log(v, base, size)) {
		v->lib_log = base;
		return;
	}
	stop_log(v);
	if (start_log(v))
		log_everything(v);
}

/* What the device has written to a ring itself. */
static void
log_ring(struct sim_vdpa *v, uint16_t i)
{
	const struct sim_vdpa_vring *vr = &v->vring[i];

	if (is_packed(v)) {
		rte_vhost_log_write(v->vid, vr->desc, (uint64_t)vr->size *
				    sizeof(struct vring_packed_desc));
		rte_vhost_log_write(v->vid, vr->used,
				    sizeof(struct vring_packed_desc_event));
		return;
	}
	rte_vhost_log_used_vring(v->vid, i, 0, USED_LEN(vr->size));
	/* A front-end may have given another address for logging. */
	rte_vhost_log_write(v->vid, vr->used, USED_LEN(vr->size));
}

/* Mediated used rings. */

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

static void
call(const struct sim_vdpa_vring *vr)
{
	uint64_t one = 1;

	if (vr->callfd >= 0 && write(vr->callfd, &one, sizeof(one)) < 0)
		return;		/* Full: a call is pending. */
}

/* Copies what the device has used to the guest.  False if that cannot be. */
static bool
relay_used(struct sim_vdpa *v, uint16_t i)
{
	struct sim_vdpa_vring *vr = &v->vring[i];
	volatile struct vring_used *used = vr->vhost.used;
	uint16_t old = vr->relayed;
	int n;

	/* It is the guest's memory, but our index. */
	if (used->idx != old)
		used->idx = old;
	n = rte_vdpa_relay_vring_used(v->vid, i, &vr->mediated);
	if (n < 0)
		return false;
	vr->relayed = old + n;
	/* The library forgets about the event index, which comes last. */
	memcpy(&vr->vhost.used->ring[vr->size],
	       &vr->mediated.used->ring[vr->size], sizeof(uint16_t));
	if (n > 0 && must_call(v, vr, old, vr->relayed))
		call(vr);
	return true;
}

static void
free_mediated(struct sim_vdpa *v, struct sim_vdpa_vring *vr)
{
	sim_vdpa_dev_unmap(v->dev, vr->mediated_iova, vr->mediated_size);
	free(vr->mediated.desc);
	vr->mediated.desc = NULL;
}

/* The IOVA of a used ring of ours; one that no ring can have if there is no
 * memory. */
static uint64_t
create_mediated(struct sim_vdpa *v, uint16_t i, uint16_t last_used)
{
	struct sim_vdpa_vring *vr = &v->vring[i];
	void *mem = NULL;

	vr->mediated_size = RTE_ALIGN_CEIL(vring_size(vr->size, RING_ALIGN),
					   RING_ALIGN);
	vr->mediated_iova = behind_memory(v) + i * SLOT_SIZE;
	if (posix_memalign(&mem, RING_ALIGN, vr->mediated_size) != 0)
		return UINT64_MAX;
	memset(mem, 0, vr->mediated_size);
	vring_init(&vr->mediated, vr->size, mem, RING_ALIGN);
	vr->mediated.used->idx = last_used;
	vr->relayed = last_used;
	if (sim_vdpa_dev_map(v->dev, vr->mediated_iova, mem,
			     vr->mediated_size) != 0) {
		free(mem);
		vr->mediated.desc = NULL;
		return UINT64_MAX;
	}
	/* Interrupts come to us. */
	sim_vdpa_dev_set_irq(v->dev, i, v->wakefd);
	return vr->mediated_iova + RTE_PTR_DIFF(vr->mediated.used, mem);
}

/* Restarts all queues with mediated rings, or without. */
static void
mediate(struct sim_vdpa *v, bool on)
{
	uint32_t started = 0;
	uint16_t i;

	for (i = 0; i < v->dev->n_vqs; i++) {
		started |= (uint32_t)v->vring[i].started << i;
		sim_vdpa_queue_stop(v, i);
	}
	v->mediating = on;
	for (i = 0; i < v->dev->n_vqs; i++) {
		if (started & (1u << i))
			sim_vdpa_queue_start(v, i);
	}
	SIM_LOG(INFO, "%s: the driver %s the used rings of the receive queues",
		v->dev->name, on ? "relays and logs" : "leaves");
}

static void
relay_all(struct sim_vdpa *v)
{
	uint16_t i;

	for (i = 0; i < v->dev->n_vqs; i++) {
		if (!v->vring[i].started || v->vring[i].mediated.desc == NULL)
			continue;
		if (!relay_used(v, i)) {
			SIM_LOG(WARNING, "%s: virtqueue %u stopped: its "
				"descriptors cannot be logged", v->dev->name,
				i);
			free_mediated(v, &v->vring[i]);
			sim_vdpa_queue_stop(v, i);
			continue;
		}
		/* It may wait for buffers, for which the guest was not asked
		 * to kick. */
		sim_vdpa_queue_write(v, i, SIM_QUEUE_NOTIFY, i);
	}
}

/* Announcing the guest. */

/*
 * The guest's address is known only to the library, which gives it away in
 * one form: as an RARP packet that the next call of rte_vhost_dequeue_burst()
 * puts before the guest's own.  Its ring is the device's, though.  So the
 * queue is paused and the library told where the device is: of a packed ring
 * with the wrap counter turned, by which no descriptor is available, because
 * there it looks for one even if it was asked for none.
 */
static uint16_t
take_announcement(struct sim_vdpa *v, uint32_t state, struct rte_mbuf **pkts)
{
	uint16_t avail = SIM_RING_STATE_AVAIL(state), n;

	if (is_packed(v))
		avail ^= 0x8000;
	rte_vhost_set_vring_base(v->vid, 1, avail, SIM_RING_STATE_USED(state));
	n = rte_vhost_dequeue_burst(v->vid, 1, v->dev->tx_pool, pkts, 1);
	if (is_packed(v))
		rte_vhost_set_vring_base(v->vid, 1,
					 SIM_RING_STATE_AVAIL(state),
					 SIM_RING_STATE_USED(state));
	return n;
}

static void
try_announce(struct sim_vdpa *v)
{
	struct rte_mbuf *pkts[2] = { NULL, NULL };
	uint16_t avail = 0, used = 0, i, n = 0;
	uint32_t state;

	v->announce--;
	if (!v->vring[1].started ||
	    sim_vdpa_reg_read(v, SIM_REG_QUEUE(1) + SIM_QUEUE_ENABLE) != 1)
		return;
	state = sim_vdpa_queue_pause(v, 1);
	/* For a guest that makes something available after all. */
	pkts[1] = rte_pktmbuf_alloc(v->dev->tx_pool);
	if (state != SIM_REG_GONE && pkts[1] != NULL)
		n = take_announcement(v, state, pkts);
	for (i = 0; i < n; i++)
		sim_vdpa_dev_inject(v->dev, pkts[i]);
	if (n < 2)
		rte_pktmbuf_free(pkts[1]);
	if (n > 0) {
		SIM_LOG(INFO, "%s: announced the guest", v->dev->name);
		v->announce = 0;
	}
	rte_vhost_get_vring_base(v->vid, 1, &avail, &used);
	sim_vdpa_reg_write(v, SIM_REG_RING_STATE(1),
			   SIM_RING_STATE(avail, used));
	sim_vdpa_queue_write(v, 1, SIM_QUEUE_ENABLE, 1);
	sim_vdpa_queue_write(v, 1, SIM_QUEUE_NOTIFY, 1);
}

void
sim_vdpa_lm_announce(struct sim_vdpa *v)
{
	/* Not here: the library may hold the queue's lock. */
	v->announce = ANNOUNCE_TRIES;
}

/* For the rest of the driver. */

void
sim_vdpa_lm_begin(struct sim_vdpa *v)
{
	v->logging = log_is_wanted(v);
	v->mediating = v->logging && v->sw_lm;
	if (v->logging && !v->sw_lm)
		start_log(v);
}

void
sim_vdpa_lm_end(struct sim_vdpa *v)
{
	if (v->logging && !v->sw_lm) {
		check_log(v);
		stop_log(v);
	}
	v->logging = false;
	v->mediating = false;
}

void
sim_vdpa_lm_update(struct sim_vdpa *v)
{
	bool wanted = log_is_wanted(v);

	if (wanted == v->logging)
		return;
	v->logging = wanted;
	if (v->sw_lm)
		mediate(v, wanted);
	else if (wanted)
		start_log(v);
	else
		stop_log(v);
}

uint64_t
sim_vdpa_lm_queue_start(struct sim_vdpa *v, uint16_t i, uint16_t last_used)
{
	return v->mediating && (i & 1) == 0 ?
		create_mediated(v, i, last_used) : v->vring[i].used;
}

void
sim_vdpa_lm_queue_stop(struct sim_vdpa *v, uint16_t i)
{
	struct sim_vdpa_vring *vr = &v->vring[i];

	if (vr->mediated.desc != NULL) {
		relay_used(v, i);
		free_mediated(v, vr);
	}
	if (v->logging)
		log_ring(v, i);
}

int
sim_vdpa_lm_interval(const struct sim_vdpa *v)
{
	if (v->mediating)
		return MEDIATE_MS;
	return v->logging || v->announce > 0 ? LOG_MS : -1;
}

void
sim_vdpa_lm_tick(struct sim_vdpa *v)
{
	if (v->mediating)
		relay_all(v);
	else if (v->logging)
		check_log(v);
	if (v->announce > 0)
		try_announce(v);
}
