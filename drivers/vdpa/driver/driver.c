/* SPDX-License-Identifier: Apache-2.0 */

/* The vDPA driver: the operations that the vhost library calls. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_common.h>
#include <rte_eal_paging.h>
#include <rte_malloc.h>
#include <rte_string_fns.h>

#include "base/fault.h"
#include "base/log.h"
#include "nic/nic.h"
#include "vdpa/driver/state.h"

#define BIT(n) (UINT64_C(1) << (n))

/* What the device does not know of: these are between front-end and driver. */
#define VHOST_FEATURES (BIT(VHOST_F_LOG_ALL) | \
			BIT(VHOST_USER_F_PROTOCOL_FEATURES) | \
			BIT(VIRTIO_NET_F_GUEST_ANNOUNCE))

#define PROTOCOL_FEATURES (BIT(VHOST_USER_PROTOCOL_F_MQ) | \
			   BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD) | \
			   BIT(VHOST_USER_PROTOCOL_F_RARP) | \
			   BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK))

static TAILQ_HEAD(, sim_vdpa) devices = TAILQ_HEAD_INITIALIZER(devices);
static pthread_mutex_t devices_lock = PTHREAD_MUTEX_INITIALIZER;

static struct sim_vdpa *
find_by_vdev(const struct rte_vdpa_device *vdev)
{
	struct sim_vdpa *v;

	pthread_mutex_lock(&devices_lock);
	TAILQ_FOREACH(v, &devices, next) {
		if (v->vdev == vdev)
			break;
	}
	pthread_mutex_unlock(&devices_lock);
	return v;
}

static struct sim_vdpa *
find_by_device(const struct rte_device *device)
{
	struct sim_vdpa *v;

	pthread_mutex_lock(&devices_lock);
	TAILQ_FOREACH(v, &devices, next) {
		if (v->device == device)
			break;
	}
	pthread_mutex_unlock(&devices_lock);
	return v;
}

/* The device of a connection, with its lock held; NULL if there is none. */
static struct sim_vdpa *
acquire(int vid)
{
	struct rte_vdpa_device *vdev = rte_vhost_get_vdpa_device(vid);
	struct sim_vdpa *v = vdev == NULL ? NULL : find_by_vdev(vdev);

	if (v != NULL)
		pthread_mutex_lock(&v->lock);
	return v;
}

static void
release(struct sim_vdpa *v)
{
	pthread_mutex_unlock(&v->lock);
}

static const char *
name_of(const struct sim_vdpa *v)
{
	return v->dev->name;
}

/* Guest memory. */

/* Whether the library's pointer leads anywhere.  After a memory table that it
 * could not map the library has no guest memory, but still believes that it
 * is ready, and rte_vhost_get_mem_table() would crash. */
static bool
is_mapped(void *p)
{
	size_t page = rte_mem_page_size();
	unsigned char vec;

	return p != NULL && mincore(RTE_PTR_ALIGN_FLOOR(p, page), page,
				    &vec) == 0;
}

static int
map_memory(struct sim_vdpa *v)
{
	const struct rte_vhost_mem_region *r;
	struct rte_vhost_vring vring;
	uint32_t i;
	int ret;

	if (rte_vhost_get_vhost_vring(v->vid, 0, &vring) != 0 ||
	    !is_mapped(vring.desc) ||
	    rte_vhost_get_mem_table(v->vid, &v->mem) != 0) {
		SIM_LOG(ERR, "%s: the guest has no memory", name_of(v));
		return -EFAULT;
	}
	for (i = 0; i < v->mem->nregions; i++) {
		r = &v->mem->regions[i];
		ret = sim_vdpa_dev_map(v->dev, r->guest_phys_addr,
				       (void *)(uintptr_t)r->host_user_addr,
				       r->size);
		if (ret == 0)
			continue;
		SIM_LOG(ERR, "%s: cannot map the guest's memory at 0x%" PRIx64
			", 0x%" PRIx64 " bytes: %s", name_of(v),
			r->guest_phys_addr, r->size, strerror(-ret));
		return ret;
	}
	return 0;
}

static void
unmap_memory(struct sim_vdpa *v)
{
	sim_vdpa_dev_unmap_all(v->dev);
	free(v->mem);
	v->mem = NULL;
}

/* The IOVA of a pointer of the library's. */
static bool
to_iova(const struct sim_vdpa *v, const void *p, uint64_t *iova)
{
	uint64_t va = (uint64_t)(uintptr_t)p;
	const struct rte_vhost_mem_region *r;
	uint32_t i;

	for (i = 0; p != NULL && i < v->mem->nregions; i++) {
		r = &v->mem->regions[i];
		if (va - r->host_user_addr < r->size) {
			*iova = va - r->host_user_addr + r->guest_phys_addr;
			return true;
		}
	}
	return false;
}

/* Queues. */

/* Our own copy of an eventfd, because the library closes its own when it
 * likes; it never blocks us.  -1 if there is none. */
static int
own_fd(int fd)
{
	int flags;

	fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
write_address(struct sim_vdpa *v, uint16_t i, uint32_t reg, uint64_t value)
{
	sim_vdpa_queue_write(v, i, reg, (uint32_t)value);
	sim_vdpa_queue_write(v, i, reg + 4, value >> 32);
}

/* Where the guest has the ring; false, and a sentence, if nowhere. */
static bool
locate(struct sim_vdpa *v, uint16_t i)
{
	struct sim_vdpa_vring *vr = &v->vring[i];

	if (rte_vhost_get_vhost_vring(v->vid, i, &vr->vhost) == 0 &&
	    to_iova(v, vr->vhost.desc, &vr->desc) &&
	    to_iova(v, vr->vhost.avail, &vr->avail) &&
	    to_iova(v, vr->vhost.used, &vr->used)) {
		vr->size = vr->vhost.size;
		return true;
	}
	SIM_LOG(ERR, "%s: virtqueue %u lies outside the guest's memory",
		name_of(v), i);
	return false;
}

static int
set_up_registers(struct sim_vdpa *v, uint16_t i)
{
	struct sim_vdpa_vring *vr = &v->vring[i];
	uint16_t avail = 0, used = 0;
	uint64_t used_iova;

	rte_vhost_get_vring_base(v->vid, i, &avail, &used);
	used_iova = sim_vdpa_lm_queue_start(v, i, used);
	sim_vdpa_queue_write(v, i, SIM_QUEUE_SIZE, vr->size);
	sim_vdpa_queue_write(v, i, SIM_QUEUE_VECTOR, i);
	write_address(v, i, SIM_QUEUE_DESC_LOW, vr->desc);
	write_address(v, i, SIM_QUEUE_AVAIL_LOW, vr->avail);
	write_address(v, i, SIM_QUEUE_USED_LOW, used_iova);
	sim_vdpa_reg_write(v, SIM_REG_RING_STATE(i),
			   SIM_RING_STATE(avail, used));
	sim_vdpa_queue_write(v, i, SIM_QUEUE_ENABLE, 1);
	if (sim_vdpa_reg_read(v, SIM_REG_QUEUE(i) + SIM_QUEUE_ENABLE) == 1)
		return 0;
	SIM_LOG(ERR, "%s: the device refuses virtqueue %u of %u descriptors",
		name_of(v), i, vr->size);
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
	sim_vdpa_dev_set_irq(v->dev, i, vr->callfd);
	ret = set_up_registers(v, i);
	if (ret == 0 && vr->kickfd >= 0)
		ret = sim_vdpa_relay_add(v, i, vr->kickfd);
	if (ret != 0) {
		sim_vdpa_queue_stop(v, i);
		return ret;
	}
	/* There may be something in it already. */
	sim_vdpa_queue_write(v, i, SIM_QUEUE_NOTIFY, i);
	return 0;
}

uint32_t
sim_vdpa_queue_pause(struct sim_vdpa *v, uint16_t i)
{
	uint32_t state;

	/* The write returns when the queue is quiet. */
	sim_vdpa_queue_write(v, i, SIM_QUEUE_ENABLE, 0);
	state = sim_vdpa_reg_read(v, SIM_REG_RING_STATE(i));
	if (sim_vdpa_reg_read(v, SIM_REG_STATUS) == SIM_REG_GONE &&
	    !(v->features & BIT(VIRTIO_F_RING_PACKED)))
		/* It says nothing any more, but it has always used all that
		 * it had taken. */
		state = SIM_RING_STATE(v->vring[i].vhost.used->idx,
				       v->vring[i].vhost.used->idx);
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
		sim_vdpa_relay_del(v, vr->kickfd);
		close(vr->kickfd);
	}
	state = sim_vdpa_queue_pause(v, i);
	if (state != SIM_REG_GONE)
		rte_vhost_set_vring_base(v->vid, i,
					 SIM_RING_STATE_AVAIL(state),
					 SIM_RING_STATE_USED(state));
	sim_vdpa_lm_queue_stop(v, i);
	sim_vdpa_dev_set_irq(v->dev, i, -1);
	if (vr->callfd >= 0)
		close(vr->callfd);
	vr->started = false;
}

/* Starting and stopping. */

static int
negotiate(struct sim_vdpa *v)
{
	uint64_t features = v->features & ~VHOST_FEATURES;
	uint32_t status = SIM_STATUS_ACKNOWLEDGE | SIM_STATUS_DRIVER;

	sim_vdpa_reg_write(v, SIM_REG_STATUS, 0);
	sim_vdpa_reg_write(v, SIM_REG_STATUS, status);
	sim_vdpa_reg_write(v, SIM_REG_DRV_FEATURES_LOW, (uint32_t)features);
	sim_vdpa_reg_write(v, SIM_REG_DRV_FEATURES_HIGH, features >> 32);
	status |= SIM_STATUS_FEATURES_OK;
	sim_vdpa_reg_write(v, SIM_REG_STATUS, status);
	if (sim_vdpa_reg_read(v, SIM_REG_STATUS) == status)
		return 0;
	SIM_LOG(ERR, "%s: the device does not take the features 0x%" PRIx64,
		name_of(v), features);
	return -ENOTSUP;
}

static int
start_queues(struct sim_vdpa *v)
{
	uint16_t i;
	int ret;

	for (i = 0; i < v->dev->n_vqs; i++) {
		if (!(v->ready & (1u << i)))
			continue;
		ret = sim_vdpa_queue_start(v, i);
		if (ret != 0)
			return ret;
	}
	return 0;
}

static void
stop(struct sim_vdpa *v)
{
	uint16_t i;

	for (i = 0; i < v->dev->n_vqs; i++)
		sim_vdpa_queue_stop(v, i);
	sim_vdpa_lm_end(v);
	sim_vdpa_reg_write(v, SIM_REG_STATUS, 0);
	unmap_memory(v);
	v->running = false;
	sim_vdpa_relay_wake(v);
}

static int
start(struct sim_vdpa *v)
{
	int ret;

	if (sim_vdpa_dev_has_fault(v->dev, SIM_FAULT_DEV_CONF |
				   SIM_FAULT_REMOVED))
		return -EIO;
	rte_vhost_get_negotiated_features(v->vid, &v->features);
	ret = map_memory(v);
	if (ret == 0)
		ret = negotiate(v);
	if (ret == 0) {
		sim_vdpa_lm_begin(v);
		ret = start_queues(v);
	}
	if (ret != 0) {
		stop(v);
		return ret;
	}
	sim_vdpa_reg_write(v, SIM_REG_STATUS, SIM_STATUS_ACKNOWLEDGE |
			   SIM_STATUS_DRIVER | SIM_STATUS_FEATURES_OK |
			   SIM_STATUS_DRIVER_OK);
	v->running = true;
	sim_vdpa_relay_wake(v);
	return 0;
}

/* Forgets a connection that is gone. */
static void
set_vid(struct sim_vdpa *v, int vid)
{
	if (v->vid == vid)
		return;
	v->vid = vid;
	v->ready = 0;
	v->conf_failed = false;
	v->announce = 0;
}

static int
start_once(struct sim_vdpa *v, int vid)
{
	int ret;

	if (v->running && v->vid != vid) {
		SIM_LOG(ERR, "%s: the device serves another socket already",
			name_of(v));
		return -EBUSY;
	}
	if (v->running)
		stop(v);
	set_vid(v, vid);
	ret = start(v);
	/* The library tries again at every message. */
	if (ret != 0 && !v->conf_failed)
		SIM_LOG(ERR, "%s: the device cannot be configured: %s",
			name_of(v), strerror(-ret));
	else if (ret == 0)
		SIM_LOG(INFO, "%s: the device serves the guest", name_of(v));
	v->conf_failed = ret != 0;
	return ret;
}

/* Operations. */

static int
op_get_queue_num(struct rte_vdpa_device *vdev, uint32_t *n)
{
	const struct sim_vdpa *v = find_by_vdev(vdev);

	if (v == NULL)
		return -1;
	*n = v->dev->n_vqs / 2;
	return 0;
}

static int
op_get_features(struct rte_vdpa_device *vdev, uint64_t *features)
{
	struct sim_vdpa *v = find_by_vdev(vdev);

	if (v == NULL)
		return -1;
	*features = sim_vdpa_reg_read(v, SIM_REG_DEV_FEATURES_LOW) |
		(uint64_t)sim_vdpa_reg_read(v, SIM_REG_DEV_FEATURES_HIGH)
		<< 32;
	if (*features == UINT64_MAX)
		return -1;	/* It was pulled out. */
	*features |= VHOST_FEATURES;
	if (v->sw_lm)
		*features &= ~BIT(VIRTIO_F_RING_PACKED);
	return 0;
}

static int
op_get_protocol_features(struct rte_vdpa_device *vdev, uint64_t *features)
{
	RTE_SET_USED(vdev);
	*features = PROTOCOL_FEATURES;
	return 0;
}

static int
op_dev_conf(int vid)
{
	struct sim_vdpa *v = acquire(vid);
	int ret;

	if (v == NULL)
		return -1;
	ret = start_once(v, vid);
	release(v);
	return ret == 0 ? 0 : -1;
}

static int
op_dev_close(int vid)
{
	struct sim_vdpa *v = acquire(vid);

	if (v == NULL)
		return -1;
	if (v->running && v->vid == vid) {
		stop(v);
		SIM_LOG(INFO, "%s: the device is idle", name_of(v));
	}
	release(v);
	return 0;
}

static int
op_dev_cleanup(int vid)
{
	struct sim_vdpa *v = acquire(vid);

	if (v == NULL)
		return -1;
	if (v->vid == vid) {
		if (v->running)
			stop(v);
		set_vid(v, -1);
	}
	release(v);
	return 0;
}

static int
set_vring_state(struct sim_vdpa *v, uint16_t i, bool on)
{
	uint32_t bit = 1u << i;

	v->ready = on ? v->ready | bit : v->ready & ~bit;
	if (!v->running)
		return 0;
	if (!on) {
		sim_vdpa_queue_stop(v, i);
		return 0;
	}
	return sim_vdpa_queue_start(v, i);
}

static int
op_set_vring_state(int vid, int i, int state)
{
	struct sim_vdpa *v = acquire(vid);
	int ret = -1;

	if (v == NULL)
		return -1;
	if (i < 0 || i >= v->dev->n_vqs) {
		if (state != 0)
			SIM_LOG(WARNING, "%s: there is no virtqueue %d: the "
				"device has %u", name_of(v), i,
				v->dev->n_vqs);
	} else if (!v->running || v->vid == vid) {
		set_vid(v, vid);
		ret = set_vring_state(v, i, state != 0) == 0 ? 0 : -1;
		sim_vdpa_relay_wake(v);
	}
	release(v);
	return ret;
}

static int
op_set_features(int vid)
{
	struct sim_vdpa *v = acquire(vid);

	if (v == NULL)
		return -1;
	if (v->running && v->vid == vid) {
		sim_vdpa_lm_update(v);
		sim_vdpa_relay_wake(v);
	}
	release(v);
	return 0;
}

static int
op_migration_done(int vid)
{
	struct sim_vdpa *v = acquire(vid);

	if (v == NULL)
		return -1;
	if (!v->running || v->vid == vid) {
		set_vid(v, vid);
		sim_vdpa_lm_announce(v);
		sim_vdpa_relay_wake(v);
	}
	release(v);
	return 0;
}

/* There is no VFIO group or device behind it... */
static int
op_get_vfio_fd(int vid)
{
	RTE_SET_USED(vid);
	return -1;
}

/* ...and so no doorbell page that a guest could have. */
static int
op_get_notify_area(int vid, int qid, uint64_t *offset, uint64_t *size)
{
	RTE_SET_USED(vid);
	RTE_SET_USED(qid);
	RTE_SET_USED(offset);
	RTE_SET_USED(size);
	return -1;
}

/* Statistics. */

static const struct {
	const char *name;
	size_t offset;
} stats[] = {
#define X(FIELD, MEANING) \
	{ #FIELD, offsetof(struct sim_vdpa_counters, FIELD) },
	SIM_VDPA_COUNTERS
#undef X
};

static int
op_get_stats_names(struct rte_vdpa_device *vdev,
		   struct rte_vdpa_stat_name *names, unsigned int size)
{
	unsigned int i;

	RTE_SET_USED(vdev);
	for (i = 0; names != NULL && i < RTE_MIN(size, RTE_DIM(stats)); i++)
		rte_strscpy(names[i].name, stats[i].name,
			    sizeof(names[i].name));
	return names == NULL ? RTE_DIM(stats) : i;
}

static uint64_t *
stat(struct sim_vdpa *v, int qid, unsigned int i)
{
	return RTE_PTR_ADD(&v->dev->vq[qid].counters, stats[i].offset);
}

static int
op_get_stats(struct rte_vdpa_device *vdev, int qid, struct rte_vdpa_stat *out,
	     unsigned int n)
{
	struct sim_vdpa *v = find_by_vdev(vdev);
	unsigned int i;

	if (v == NULL)
		return -ENODEV;
	if (qid < 0 || qid >= v->dev->n_vqs)
		return -EINVAL;
	for (i = 0; i < RTE_MIN(n, RTE_DIM(stats)); i++) {
		out[i].id = i;
		out[i].value = __atomic_load_n(stat(v, qid, i),
					       __ATOMIC_RELAXED);
	}
	return i;
}

static int
op_reset_stats(struct rte_vdpa_device *vdev, int qid)
{
	struct sim_vdpa *v = find_by_vdev(vdev);
	unsigned int i;

	if (v == NULL)
		return -ENODEV;
	if (qid < 0 || qid >= v->dev->n_vqs)
		return -EINVAL;
	for (i = 0; i < RTE_DIM(stats); i++)
		__atomic_store_n(stat(v, qid, i), 0, __ATOMIC_RELAXED);
	return 0;
}

static struct rte_vdpa_dev_ops ops = {
	.get_queue_num = op_get_queue_num,
	.get_features = op_get_features,
	.get_protocol_features = op_get_protocol_features,
	.dev_conf = op_dev_conf,
	.dev_close = op_dev_close,
	.dev_cleanup = op_dev_cleanup,
	.set_vring_state = op_set_vring_state,
	.set_features = op_set_features,
	.migration_done = op_migration_done,
	.get_vfio_group_fd = op_get_vfio_fd,
	.get_vfio_device_fd = op_get_vfio_fd,
	.get_notify_area = op_get_notify_area,
	.get_stats_names = op_get_stats_names,
	.get_stats = op_get_stats,
	.reset_stats = op_reset_stats,
};

/* What the NIC does to its VFs. */

const char *
sim_vdpa_name(const struct sim_vdpa *v)
{
	return name_of(v);
}

void
sim_vdpa_update_link(struct sim_vdpa *v)
{
	sim_vdpa_dev_update_link(v->dev);
}

static void
removal_alarm(void *arg)
{
	struct sim_vdpa *v = arg;

	rte_dev_event_callback_process(name_of(v), RTE_DEV_EVENT_REMOVE);
}

void
sim_vdpa_set_faults(struct sim_vdpa *v, uint32_t set, uint32_t clear,
		    uint32_t queues)
{
	bool removed = sim_vdpa_dev_has_fault(v->dev, SIM_FAULT_REMOVED);

	sim_vdpa_dev_set_faults(v->dev, set, clear, queues);
	/* In EAL's interrupt thread, as a real bus's monitor. */
	if (!removed && (set & SIM_FAULT_REMOVED))
		rte_eal_alarm_set(1, removal_alarm, v);
}

/* Probing and removal. */

static int
plug(struct sim_vdpa *v)
{
	int ret;

	sim_nic_lock();
	ret = sim_nic_plug_vdpa(v->nic, v->vf, v);
	if (ret == 0) {
		sim_eswitch_attach(&v->nic->esw, v->dev->ep_id, &v->dev->ep);
		sim_vdpa_update_link(v);
	}
	sim_nic_unlock();
	if (ret != 0)
		SIM_LOG(ERR, "%s: VF %u of %s is in use already: a VF has one "
			"owner at a time", name_of(v), v->vf, v->nic->name);
	return ret;
}

static void
unplug(struct sim_vdpa *v)
{
	sim_nic_lock();
	sim_eswitch_detach(&v->nic->esw, v->dev->ep_id);
	sim_nic_unplug_vdpa(v->nic, v->vf);
	sim_nic_unlock();
	rte_eal_alarm_cancel(removal_alarm, v);
}

static int
publish(struct sim_vdpa *v)
{
	pthread_mutex_lock(&devices_lock);
	v->vdev = rte_vdpa_register_device(v->device, &ops);
	if (v->vdev != NULL)
		TAILQ_INSERT_TAIL(&devices, v, next);
	pthread_mutex_unlock(&devices_lock);
	if (v->vdev != NULL)
		return 0;
	SIM_LOG(ERR, "%s: cannot register the vDPA device", name_of(v));
	return -ENOMEM;
}

static struct sim_vdpa *
create(struct rte_device *device, struct sim_nic *nic,
       const struct sim_vf_args *args)
{
	uint16_t pairs = args->queues != 0 ? args->queues : nic->queues;
	struct sim_vdpa *v;

	if (pairs > nic->queues) {
		SIM_LOG(ERR, "%s: queues=%u is not valid: %s has %u",
			device->name, pairs, nic->name, nic->queues);
		return NULL;
	}
	v = rte_zmalloc("simvdpa", sizeof(*v), 0);
	if (v == NULL) {
		SIM_LOG(ERR, "%s: no memory", device->name);
		return NULL;
	}
	v->dev = sim_vdpa_dev_create(device->name, nic, args->vf, pairs);
	if (v->dev == NULL) {
		rte_free(v);
		return NULL;
	}
	pthread_mutex_init(&v->lock, NULL);
	v->nic = nic;
	v->vf = args->vf;
	v->sw_lm = args->sw_lm;
	v->device = device;
	v->vid = -1;
	sim_vdpa_dev_set_faults(v->dev, args->faults, 0, SIM_ALL_QUEUES);
	return v;
}

/* 'nic' is not NULL if the device has a reference. */
static void
destroy(struct sim_vdpa *v, struct sim_nic *nic)
{
	sim_vdpa_dev_destroy(v->dev);
	pthread_mutex_destroy(&v->lock);
	rte_free(v);
	if (nic != NULL)
		sim_nic_unref(nic);
}

int
sim_vdpa_probe(struct rte_device *device, struct sim_nic *nic,
	       const struct sim_vf_args *args)
{
	struct sim_vdpa *v = create(device, nic, args);
	int ret;

	if (v == NULL)
		return -ENOMEM;
	ret = plug(v);
	if (ret != 0) {
		destroy(v, NULL);
		return ret;
	}
	ret = sim_vdpa_relay_create(v);
	if (ret != 0)
		goto unplug;
	ret = publish(v);
	if (ret != 0)
		goto stop_relay;
	return 0;

stop_relay:
	sim_vdpa_relay_destroy(v);
unplug:
	unplug(v);
	destroy(v, nic);
	return ret;
}

int
sim_vdpa_remove(struct rte_device *device)
{
	struct sim_vdpa *v = find_by_device(device);
	bool running;

	if (v == NULL)
		return -ENOENT;
	pthread_mutex_lock(&v->lock);
	running = v->running;
	pthread_mutex_unlock(&v->lock);
	if (running) {
		SIM_LOG(ERR, "%s: a guest uses the device: unregister its "
			"vhost socket first", name_of(v));
		return -EBUSY;
	}
	pthread_mutex_lock(&devices_lock);
	TAILQ_REMOVE(&devices, v, next);
	pthread_mutex_unlock(&devices_lock);
	rte_vdpa_unregister_device(v->vdev);
	sim_vdpa_relay_destroy(v);
	unplug(v);
	destroy(v, v->nic);
	return 0;
}
