/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_STATE_H
#define SIM_VDPA_DRIVER_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <vdpa_driver.h>

#include "compat.h"
#include "nic/nic.h"
#include "vdpa/device/device.h"

/*
 * What the parts of the vDPA driver share.
 *
 * The operations come from the vhost library, in a thread of its own or in
 * the one that unregisters a socket, perhaps with the library's locks of the
 * virtqueues held.  So nothing here waits for such a lock while it holds the
 * driver's, and the lock of the driver is never held for long: the driver's
 * own thread never waits while it has it.
 *
 * The library replaces its dirty log, and what it knows of a ring, without a
 * word to the driver and, of a device that is configured, without a lock.  So
 * the driver's own thread uses neither: it has a mapping of the log of its
 * own, and reads and writes rings by the memory table, which the library
 * changes only after it has closed the device.
 *
 * Everything below the operations wants the driver's lock, unless it says
 * otherwise.
 */

struct sim_vdpa_vring {
	bool started;
	bool broken;			/* Started, but stopped for good. */
	int kickfd;			/* Ours, -1: the guest polls for us. */
	int callfd;			/* Ours, -1: the guest polls. */
	uint16_t size;
	uint64_t desc, avail, used;	/* Where the guest has them, IOVAs. */
	struct rte_vhost_vring vhost;	/* The same as the library had it. */

	/* Software-assisted migration, of receive queues. */
	struct vring mediated;		/* .desc is NULL if there is none. */
	uint64_t mediated_iova;
	uint64_t mediated_size;
	uint16_t relayed;		/* The guest's used index. */
};

struct sim_vdpa {
	TAILQ_ENTRY(sim_vdpa) next;	/* Of the list; its lock. */
	struct sim_plug plug;
	struct sim_vdpa_dev *dev;
	struct sim_nic *nic;
	uint16_t vf;
	bool sw_lm;			/* sw-live-migration=1. */
	struct rte_device *device;
	struct rte_vdpa_device *vdev;

	pthread_mutex_t lock;		/* Guards what follows. */
	int vid;			/* Whose 'ready' is; -1: nobody's. */
	uint32_t ready;			/* Bit I: virtqueue I may run. */
	bool running;			/* Between dev_conf and dev_close. */
	bool conf_failed;		/* And that was said. */
	uint64_t features;		/* Negotiated when it was started. */
	struct rte_vhost_memory *mem;	/* While running. */
	struct sim_vdpa_vring vring[SIM_VDPA_MAX_VQS];

	/* Live migration. */
	bool logging;			/* LOG_ALL, as far as we know. */
	bool mediating;			/* With mediated used rings. */
	bool held;			/* There is a log, but not for us. */
	uint64_t lib_log, lib_log_size;	/* What the library has. */
	uint8_t *log_va;		/* Our own mapping of it, or NULL. */
	uint64_t log_iova;
	bool announce;			/* The guest is to be announced. */

	/* The driver's own thread: kick.c. */
	sim_thread thread;
	bool thread_runs;
	bool stop;			/* Atomic. */
	int (*tick)(struct sim_vdpa *v);
	int epfd;
	int wakefd;
};

static inline const char *
sim_vdpa_name(const struct sim_vdpa *v)
{
	return v->dev->name;
}

static inline bool
sim_vdpa_is_packed(const struct sim_vdpa *v)
{
	return (v->features & (UINT64_C(1) << VIRTIO_F_RING_PACKED)) != 0;
}

static inline uint32_t
sim_vdpa_reg_read(struct sim_vdpa *v, uint32_t reg)
{
	return sim_vdpa_dev_read(v->dev, reg);
}

static inline void
sim_vdpa_reg_write(struct sim_vdpa *v, uint32_t reg, uint32_t value)
{
	sim_vdpa_dev_write(v->dev, reg, value);
}

static inline void
sim_vdpa_queue_write(struct sim_vdpa *v, uint16_t i, uint32_t reg,
		     uint32_t value)
{
	sim_vdpa_dev_write(v->dev, SIM_REG_QUEUE(i) + reg, value);
}

#endif /* SIM_VDPA_DRIVER_STATE_H */
