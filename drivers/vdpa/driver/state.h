/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_STATE_H
#define SIM_VDPA_DRIVER_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <vdpa_driver.h>

#include "vdpa/driver/driver.h"
#include "vdpa/device/device.h"

/*
 * What the parts of the vDPA driver share: driver.c, the operations;
 * relay.c, the thread; migration.c, live migration.
 *
 * The operations come from the vhost library, in a thread of its own or in
 * the one that unregisters a socket, perhaps with the library's locks of the
 * virtqueues held.  So nothing here waits for such a lock while it holds the
 * driver's, and the lock of the driver is never held for long: the relay
 * thread never waits while it has it.
 */

struct sim_vdpa_vring {
	bool started;
	int kickfd;			/* Ours, -1: the guest polls for us. */
	int callfd;			/* Ours, -1: the guest polls. */
	uint16_t size;
	uint64_t desc, avail, used;	/* Where the guest has them, IOVAs. */
	struct rte_vhost_vring vhost;	/* The same as the library has it. */

	/* Software-assisted migration, of receive queues. */
	struct vring mediated;		/* .desc is NULL if there is none. */
	uint64_t mediated_iova;
	uint64_t mediated_size;
	uint16_t relayed;		/* The guest's used index. */
};

struct sim_vdpa {
	TAILQ_ENTRY(sim_vdpa) next;	/* Of the list; its lock. */
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
	uint64_t lib_log, lib_log_size;	/* What the library has. */
	void *log_va;			/* Our own mapping of it, or NULL. */
	uint64_t log_iova;
	unsigned int announce;		/* How often to try yet. */

	/* The relay thread. */
	pthread_t thread;
	bool thread_runs;
	bool stop;			/* Atomic. */
	int epfd;
	int wakefd;
};

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

/* The functions below want the lock, unless they say otherwise. */

/* driver.c */

/* 0 or a negative errno. */
int sim_vdpa_queue_start(struct sim_vdpa *v, uint16_t i);
void sim_vdpa_queue_stop(struct sim_vdpa *v, uint16_t i);
/* Stops the device's queue and returns its ring state. */
uint32_t sim_vdpa_queue_pause(struct sim_vdpa *v, uint16_t i);

/* relay.c */

int sim_vdpa_relay_create(struct sim_vdpa *v);
/* Without the lock. */
void sim_vdpa_relay_destroy(struct sim_vdpa *v);
/* A queue's kicks come, or do not come any more. */
int sim_vdpa_relay_add(struct sim_vdpa *v, uint16_t i, int fd);
void sim_vdpa_relay_del(struct sim_vdpa *v, int fd);
/* After something changed that the thread may have to look at at times. */
void sim_vdpa_relay_wake(struct sim_vdpa *v);

/* migration.c */

/* Looks at LOG_ALL and starts or stops logging. */
void sim_vdpa_lm_update(struct sim_vdpa *v);
/* The same before the device is started, and after it was stopped. */
void sim_vdpa_lm_begin(struct sim_vdpa *v);
void sim_vdpa_lm_end(struct sim_vdpa *v);
/* A queue is about to start: where its used ring is.  It was stopped. */
uint64_t sim_vdpa_lm_queue_start(struct sim_vdpa *v, uint16_t i,
				 uint16_t last_used);
void sim_vdpa_lm_queue_stop(struct sim_vdpa *v, uint16_t i);
/* Milliseconds until sim_vdpa_lm_tick() wants to be called; -1: never. */
int sim_vdpa_lm_interval(const struct sim_vdpa *v);
void sim_vdpa_lm_tick(struct sim_vdpa *v);
/* Asks for an announcement of the guest. */
void sim_vdpa_lm_announce(struct sim_vdpa *v);

#endif /* SIM_VDPA_DRIVER_STATE_H */
