/* SPDX-License-Identifier: Apache-2.0 */

/* The vDPA driver: the operations that the vhost library calls. */

#include <errno.h>
#include <string.h>

#include <rte_alarm.h>
#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_string_fns.h>

#include "base/fault.h"
#include "base/log.h"
#include "vdpa/driver/announce.h"
#include "vdpa/driver/driver.h"
#include "vdpa/driver/kick.h"
#include "vdpa/driver/memory.h"
#include "vdpa/driver/migration.h"
#include "vdpa/driver/queue.h"
#include "vdpa/driver/telemetry.h"

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

/* The device that vhost knows as vdev, or that EAL knows as device: one of them
 * is NULL, which no device has. */
static struct sim_vdpa *
find(const struct rte_vdpa_device *vdev, const struct rte_device *device)
{
	struct sim_vdpa *v;

	pthread_mutex_lock(&devices_lock);
	TAILQ_FOREACH(v, &devices, next) {
		if (v->vdev == vdev || v->device == device)
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
	struct sim_vdpa *v = vdev == NULL ? NULL : find(vdev, NULL);

	if (v != NULL)
		pthread_mutex_lock(&v->lock);
	return v;
}

static void
release(struct sim_vdpa *v)
{
	pthread_mutex_unlock(&v->lock);
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
		sim_vdpa_name(v), features);
	return -ENOTSUP;
}

static void
stop(struct sim_vdpa *v)
{
	uint16_t i;

	for (i = 0; i < v->dev->n_vqs; i++)
		sim_vdpa_queue_stop(v, i);
	sim_vdpa_migration_end(v);
	sim_vdpa_reg_write(v, SIM_REG_STATUS, 0);
	sim_vdpa_memory_unmap(v);
	v->running = false;
	sim_vdpa_kick_wake(v);
}

static int
start(struct sim_vdpa *v)
{
	int ret;

	if (sim_vdpa_dev_has_fault(v->dev, SIM_FAULT_DEV_CONF |
				   SIM_FAULT_REMOVED))
		return -EIO;
	rte_vhost_get_negotiated_features(v->vid, &v->features);
	ret = sim_vdpa_memory_map(v);
	if (ret == 0)
		ret = negotiate(v);
	if (ret == 0) {
		sim_vdpa_migration_begin(v);
		ret = sim_vdpa_queue_start_all(v);
	}
	if (ret != 0) {
		stop(v);
		return ret;
	}
	sim_vdpa_reg_write(v, SIM_REG_STATUS, SIM_STATUS_ACKNOWLEDGE |
			   SIM_STATUS_DRIVER | SIM_STATUS_FEATURES_OK |
			   SIM_STATUS_DRIVER_OK);
	v->running = true;
	sim_vdpa_announce(v);
	sim_vdpa_kick_wake(v);
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
	v->announce = false;
}

static int
start_once(struct sim_vdpa *v, int vid)
{
	int ret;

	if (v->running && v->vid != vid) {
		SIM_LOG(ERR, "%s: the device serves another socket already",
			sim_vdpa_name(v));
		return -EBUSY;
	}
	if (v->running)
		stop(v);
	set_vid(v, vid);
	ret = start(v);
	/* The library tries again at every message. */
	if (ret != 0 && !v->conf_failed)
		SIM_LOG(ERR, "%s: the device cannot be configured: %s",
			sim_vdpa_name(v), strerror(-ret));
	else if (ret == 0)
		SIM_LOG(INFO, "%s: the device serves the guest",
			sim_vdpa_name(v));
	v->conf_failed = ret != 0;
	return ret;
}

/* Operations. */

static int
op_get_queue_num(struct rte_vdpa_device *vdev, uint32_t *n)
{
	const struct sim_vdpa *v = find(vdev, NULL);

	if (v == NULL)
		return -1;
	*n = v->dev->n_vqs / 2;
	return 0;
}

static int
op_get_features(struct rte_vdpa_device *vdev, uint64_t *features)
{
	struct sim_vdpa *v = find(vdev, NULL);

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
		SIM_LOG(INFO, "%s: the device is idle", sim_vdpa_name(v));
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
	int ret;

	v->ready = on ? v->ready | bit : v->ready & ~bit;
	if (!v->running)
		return 0;
	if (!on) {
		sim_vdpa_queue_stop(v, i);
		return 0;
	}
	ret = sim_vdpa_queue_start(v, i);
	sim_vdpa_announce(v);
	return ret;
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
				"device has %u", sim_vdpa_name(v), i,
				v->dev->n_vqs);
	} else if (!v->running || v->vid == vid) {
		set_vid(v, vid);
		ret = set_vring_state(v, i, state != 0) == 0 ? 0 : -1;
		sim_vdpa_kick_wake(v);
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
		sim_vdpa_migration_update(v);
		sim_vdpa_kick_wake(v);
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
		v->announce = true;
		if (v->running)
			sim_vdpa_announce(v);
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
	struct sim_vdpa *v = find(vdev, NULL);
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
	struct sim_vdpa *v = find(vdev, NULL);
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

static struct sim_vdpa *
from_plug(const struct sim_plug *plug)
{
	return container_of(plug, struct sim_vdpa, plug);
}

static bool
link_is_up(const struct sim_plug *plug)
{
	return sim_vdpa_link_is_up(from_plug(plug)->dev);
}

static void
update_link(struct sim_plug *plug)
{
	struct sim_vdpa *v = from_plug(plug);

	sim_vdpa_dev_set_cable(v->dev, sim_nic_link_is_up(v->nic,
			       SIM_EP_PEER(v->dev->ep_id)));
}

static void
removal_alarm(void *arg)
{
	struct sim_vdpa *v = arg;

	rte_dev_event_callback_process(sim_vdpa_name(v), RTE_DEV_EVENT_REMOVE);
}

static void
set_faults(struct sim_plug *plug, uint32_t set, uint32_t clear,
	   uint32_t queues)
{
	struct sim_vdpa *v = from_plug(plug);
	bool removed = sim_vdpa_dev_has_fault(v->dev, SIM_FAULT_REMOVED);

	sim_vdpa_dev_set_faults(v->dev, set, clear, queues);
	/* In EAL's interrupt thread, as a real bus's monitor. */
	if (!removed && (set & SIM_FAULT_REMOVED))
		rte_eal_alarm_set(1, removal_alarm, v);
}

static const struct sim_plug_ops plug_ops = {
	.faults = ~SIM_FAULT_TX_PAUSED,
	.link_is_up = link_is_up,
	.update_link = update_link,
	.set_faults = set_faults,
	.describe = sim_vdpa_describe,
	.describe_queues = sim_vdpa_describe_queues,
};

/* Probing and removal. */

static int
plug(struct sim_vdpa *v)
{
	int ret;

	sim_nic_lock();
	ret = sim_nic_plug(v->nic, v->dev->ep_id, &v->plug);
	if (ret == 0) {
		sim_eswitch_attach(&v->nic->esw, v->dev->ep_id, &v->dev->ep);
		update_link(&v->plug);
	}
	sim_nic_unlock();
	if (ret != 0)
		SIM_LOG(ERR, "%s: VF %u of %s is in use already: a VF has one "
			"owner at a time", sim_vdpa_name(v), v->vf,
			v->nic->name);
	return ret;
}

static void
unplug(struct sim_vdpa *v)
{
	sim_nic_lock();
	sim_eswitch_detach(&v->nic->esw, v->dev->ep_id);
	sim_nic_unplug(v->nic, v->dev->ep_id);
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
	SIM_LOG(ERR, "%s: cannot register the vDPA device", sim_vdpa_name(v));
	return -ENOMEM;
}

static struct sim_vdpa_dev *
create_device(struct rte_device *device, struct sim_nic *nic,
	      const struct sim_vf_args *args)
{
	struct sim_vdpa_dev_params params = {
		.name = device->name,
		.esw = &nic->esw,
		.ep_id = SIM_EP_VF(args->vf),
		.pairs = args->queues != 0 ? args->queues : nic->queues,
		.mac = sim_nic_mac(nic, SIM_PORT_VF, args->vf),
	};

	if (params.pairs <= nic->queues)
		return sim_vdpa_dev_create(&params);
	SIM_LOG(ERR, "%s: queues=%u is not valid: %s has %u", device->name,
		params.pairs, nic->name, nic->queues);
	return NULL;
}

static struct sim_vdpa *
create(struct rte_device *device, struct sim_nic *nic,
       const struct sim_vf_args *args)
{
	struct sim_vdpa *v = rte_zmalloc("simvdpa", sizeof(*v), 0);

	if (v == NULL) {
		SIM_LOG(ERR, "%s: no memory", device->name);
		return NULL;
	}
	v->dev = create_device(device, nic, args);
	if (v->dev == NULL) {
		rte_free(v);
		return NULL;
	}
	pthread_mutex_init(&v->lock, NULL);
	v->plug.ops = &plug_ops;
	v->plug.name = v->dev->name;
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
	ret = sim_vdpa_kick_create(v, sim_vdpa_migration_tick);
	if (ret != 0)
		goto unplug;
	ret = publish(v);
	if (ret != 0)
		goto stop_relay;
	return 0;

stop_relay:
	sim_vdpa_kick_destroy(v);
unplug:
	unplug(v);
	destroy(v, nic);
	return ret;
}

int
sim_vdpa_remove(struct rte_device *device)
{
	struct sim_vdpa *v = find(NULL, device);
	bool running;

	if (v == NULL)
		return -ENOENT;
	pthread_mutex_lock(&v->lock);
	running = v->running;
	pthread_mutex_unlock(&v->lock);
	if (running) {
		SIM_LOG(ERR, "%s: a guest uses the device: unregister its "
			"vhost socket first", sim_vdpa_name(v));
		return -EBUSY;
	}
	pthread_mutex_lock(&devices_lock);
	TAILQ_REMOVE(&devices, v, next);
	pthread_mutex_unlock(&devices_lock);
	rte_vdpa_unregister_device(v->vdev);
	sim_vdpa_kick_destroy(v);
	unplug(v);
	destroy(v, v->nic);
	return 0;
}
