/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <rte_vhost.h>

#include "base/log.h"
#include "vdpa/driver/kick.h"
#include "vdpa/driver/log.h"
#include "vdpa/driver/mediate.h"
#include "vdpa/driver/memory.h"
#include "vdpa/driver/queue.h"

/* Our own copy of an eventfd, because the library closes its own when it
 * likes; -1 if there is none. */
static int
own_fd(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static void
write_address(struct sim_vdpa *v, uint16_t i, uint32_t reg, uint64_t value)
{
	sim_vdpa_queue_write(v, i, reg, (uint32_t)value);
	sim_vdpa_queue_write(v, i, reg + 4, value >> 32);
}

static bool
find_areas(struct sim_vdpa *v, struct sim_vdpa_vring *vr)
{
	const uint16_t n = vr->vhost.size;
	uint64_t desc = SIM_VRING_DESC_LEN(n), avail = SIM_VRING_AVAIL_LEN(n);
	uint64_t used = SIM_VRING_USED_LEN(n);

	if (sim_vdpa_is_packed(v))
		avail = used = sizeof(struct vring_packed_desc_event);
	return sim_vdpa_memory_iova(v, vr->vhost.desc, desc, &vr->desc) &&
		sim_vdpa_memory_iova(v, vr->vhost.avail, avail, &vr->avail) &&
		sim_vdpa_memory_iova(v, vr->vhost.used, used, &vr->used);
}

/* Where the guest has the ring; false, and a sentence, if not all of it is in
 * the guest's memory. */
static bool
locate(struct sim_vdpa *v, uint16_t i)
{
	struct sim_vdpa_vring *vr = &v->vring[i];

	if (rte_vhost_get_vhost_vring(v->vid, i, &vr->vhost) == 0 &&
	    find_areas(v, vr)) {
		vr->size = vr->vhost.size;
		return true;
	}
	SIM_LOG(ERR, "%s: virtqueue %u does not lie wholly in the guest's "
		"memory", sim_vdpa_name(v), i);
	return false;
}

static void
set_up_registers(struct sim_vdpa *v, uint16_t i, uint64_t used_iova)
{
	struct sim_vdpa_vring *vr = &v->vring[i];

	sim_vdpa_queue_write(v, i, SIM_QUEUE_SIZE, vr->size);
	sim_vdpa_queue_write(v, i, SIM_QUEUE_VECTOR, i);
	write_address(v, i, SIM_QUEUE_DESC_LOW, vr->desc);
	write_address(v, i, SIM_QUEUE_AVAIL_LOW, vr->avail);
	write_address(v, i, SIM_QUEUE_USED_LOW, used_iova);
}

/* Gives the device the ring.  The used ring is the driver's own of a receive
 * queue whose writes software logs, and the interrupts come to the driver. */
static int
give_ring(struct sim_vdpa *v, uint16_t i)
{
	struct sim_vdpa_vring *vr = &v->vring[i];
	uint64_t used_iova = vr->used;
	uint16_t avail = 0, used = 0;
	int ret, irq = vr->callfd;

	rte_vhost_get_vring_base(v->vid, i, &avail, &used);
	sim_vdpa_reg_write(v, SIM_REG_RING_STATE(i),
			   SIM_RING_STATE(avail, used));
	if (v->mediating && (i & 1) == 0) {
		ret = sim_vdpa_mediate_start(v, i, used);
		if (ret != 0) {
			SIM_LOG(ERR, "%s: virtqueue %u stops until the guest's "
				"migration ends: no memory to relay it: %s",
				sim_vdpa_name(v), i, strerror(-ret));
			return ret;
		}
		used_iova = sim_vdpa_mediate_iova(v, i);
		irq = v->wakefd;
	}
	sim_vdpa_dev_set_irq(v->dev, i, irq);
	set_up_registers(v, i, used_iova);
	if (v->held)
		return 0;
	sim_vdpa_queue_write(v, i, SIM_QUEUE_ENABLE, 1);
	if (sim_vdpa_reg_read(v, SIM_REG_QUEUE(i) + SIM_QUEUE_ENABLE) == 1)
		return 0;
	SIM_LOG(ERR, "%s: the device refuses virtqueue %u of %u descriptors",
		sim_vdpa_name(v), i, vr->size);
	return -EINVAL;
}

int
sim_vdpa_queue_start(struct sim_vdpa *v, uint16_t i)
{
	struct sim_vdpa_vring *vr = &v->vring[i];
	int ret;

	if (vr->started)
		return 0;
	if (!locate(v, i))
		return -EFAULT;
	vr->callfd = own_fd(vr->vhost.callfd);
	vr->kickfd = own_fd(vr->vhost.kickfd);
	vr->started = true;
	vr->broken = false;
	ret = give_ring(v, i);
	if (ret == 0 && vr->kickfd >= 0)
		ret = sim_vdpa_kick_add(v, i, vr->kickfd);
	if (ret != 0) {
		sim_vdpa_queue_stop(v, i);
		return ret;
	}
	/* There may be something in it already. */
	sim_vdpa_queue_write(v, i, SIM_QUEUE_NOTIFY, i);
	return 0;
}

int
sim_vdpa_queue_start_all(struct sim_vdpa *v)
{
	int ret = 0, err;
	uint16_t i;

	for (i = 0; i < v->dev->n_vqs; i++) {
		if (!(v->ready & (1u << i)))
			continue;
		err = sim_vdpa_queue_start(v, i);
		if (ret == 0)
			ret = err;
	}
	return ret;
}

uint32_t
sim_vdpa_queue_pause(struct sim_vdpa *v, uint16_t i)
{
	uint32_t state;

	/* The write returns when the queue is quiet. */
	sim_vdpa_queue_write(v, i, SIM_QUEUE_ENABLE, 0);
	state = sim_vdpa_reg_read(v, SIM_REG_RING_STATE(i));
	return sim_vdpa_reg_read(v, SIM_REG_STATUS) == SIM_REG_GONE ?
		SIM_REG_GONE : state;
}

void
sim_vdpa_queue_resume(struct sim_vdpa *v, uint16_t i)
{
	if (!v->vring[i].started || v->vring[i].broken)
		return;
	sim_vdpa_queue_write(v, i, SIM_QUEUE_ENABLE, 1);
	sim_vdpa_queue_write(v, i, SIM_QUEUE_NOTIFY, i);
}

/* How far a ring is that the device has stopped at 'state', after what it used
 * has been handed to the guest. */
static uint32_t
final_state(struct sim_vdpa *v, uint16_t i, uint32_t state)
{
	struct sim_vdpa_vring *vr = &v->vring[i];

	if (sim_vdpa_is_mediated(v, i)) {
		if (!vr->broken)
			sim_vdpa_mediate_relay(v, i);
		sim_vdpa_mediate_stop(v, i);
		/* Receive queues use all that they take, in order.  What the
		 * guest was not told of it has yet to get. */
		return SIM_RING_STATE(vr->relayed, vr->relayed);
	}
	if (state == SIM_REG_GONE && !sim_vdpa_is_packed(v))
		/* It says nothing any more, but it has always used all that
		 * it had taken. */
		state = SIM_RING_STATE(vr->vhost.used->idx,
				       vr->vhost.used->idx);
	return state;
}

void
sim_vdpa_queue_stop(struct sim_vdpa *v, uint16_t i)
{
	struct sim_vdpa_vring *vr = &v->vring[i];
	uint32_t state;

	if (!vr->started)
		return;
	if (vr->kickfd >= 0) {
		sim_vdpa_kick_del(v, vr->kickfd);
		close(vr->kickfd);
	}
	state = sim_vdpa_queue_pause(v, i);
	state = final_state(v, i, state);
	if (state != SIM_REG_GONE)
		rte_vhost_set_vring_base(v->vid, i,
					 SIM_RING_STATE_AVAIL(state),
					 SIM_RING_STATE_USED(state));
	if (v->logging)
		sim_vdpa_log_ring(v, i);
	sim_vdpa_dev_set_irq(v->dev, i, -1);
	if (vr->callfd >= 0)
		close(vr->callfd);
	vr->started = false;
}
