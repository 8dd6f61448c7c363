/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_STATE_H
#define SIM_VDPA_DEVICE_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_dev.h>
#include <rte_ether.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "compat.h"
#include "base/fault.h"
#include "base/signal.h"
#include "eswitch/eswitch.h"
#include "packet/rss.h"
#include "vdpa/device/dma.h"
#include "vdpa/device/log.h"
#include "vdpa/device/regs.h"
#include "vdpa/device/vring.h"

/*
 * What the parts of a vDPA device share: see device.h for the whole.
 */

#define SIM_VDPA_MAX_VQS (2 * SIM_MAX_QUEUES)
#define SIM_VDPA_RX_RING 512	/* Packets that wait for guest buffers. */
#define SIM_VDPA_BURST 32

/* X(field, meaning): the counters of a virtqueue.  A receive queue is one that
 * the guest receives by. */
#define SIM_VDPA_COUNTERS \
	X(packets, "packets that went through") \
	X(bytes, "their bytes, without virtio headers") \
	X(drop_missed, "receive: no room to wait for guest buffers") \
	X(drop_nombuf, "no memory for the packet inside the device") \
	X(drop_oversize, "larger than any buffer, or than a packet can be") \
	X(drop_runt, "transmit: shorter than an Ethernet header") \
	X(drop_bad_offload, "transmit: asks for what cannot be done") \
	X(drop_link_down, "transmit: the link was down") \
	X(drop_flushed, "receive: was waiting when the queue was reset") \
	X(interrupts, "interrupts") \
	X(doorbells, "doorbells") \
	X(dma_faults, "DMA to what is not mapped") \
	X(ring_errors, "times the queue stopped for a malformed ring")

struct sim_vdpa_counters {	/* Relaxed atomics. */
#define X(FIELD, MEANING) uint64_t FIELD;
	SIM_VDPA_COUNTERS
#undef X
};

struct sim_vdpa_dev;

struct sim_vdpa_vq {
	struct sim_vdpa_dev *dev;
	uint16_t index;
	uint16_t vector;		/* Changes while disabled. */
	bool enabled;			/* Atomic; the engine may clear it. */
	struct sim_vring vr;

	/* Of the engine; of a receive queue. */
	uint16_t n_waiting;		/* From the ring, not delivered yet. */
	uint16_t first_waiting;
	bool starved;			/* Waits for buffers... */
	uint16_t starved_at;		/* ...to appear here. */
	bool failed;			/* To be reported. */
	struct rte_mbuf *waiting[SIM_VDPA_BURST];

	/* Of a receive queue: many senders, the engine takes out. */
	struct rte_ring *ring;

	struct sim_vdpa_counters counters __rte_cache_aligned;
};

struct sim_vdpa_dev {
	struct sim_endpoint ep;
	char name[RTE_DEV_NAME_MAX_LEN];
	struct sim_eswitch *esw;
	uint16_t ep_id;
	uint16_t n_vqs;			/* Constant. */
	struct rte_ether_addr mac;	/* Constant. */
	struct sim_rss *rss;		/* Constant but for its contents. */
	struct rte_mempool *rx_pool;	/* What waits for guest buffers. */
	struct rte_mempool *tx_pool;	/* What the engine sends. */
	struct rte_mempool *segments;	/* For TSO. */

	bool cable_up;			/* Its other end has a link. */

	/* Read by the datapath and the engine; atomics. */
	bool link_up;
	bool running;			/* DRIVER_OK. */
	uint32_t rx_enabled;		/* Bit I: receive queue I. */
	struct sim_faults faults;

	/* Guarded by 'lock', read by the engine under RCU. */
	pthread_mutex_t lock;
	struct sim_iommu iommu;
	struct sim_log log;
	int irqfd[SIM_VDPA_MAX_VQS];	/* -1: none. */
	struct sim_signal signal;	/* Any thread. */
	uint64_t drv_features;
	uint32_t status;
	uint64_t bad_writes;		/* Writes that were refused. */
	struct rte_ring *injected;	/* Packets to send. */

	/* The engine. */
	sim_thread thread;
	bool thread_runs;		/* Constant after creation. */
	bool can_signal;		/* Likewise. */
	bool stop;			/* Atomic. */
	bool sleeping;			/* Atomic. */
	int wakefd;
	uint32_t reader;		/* For sim_rcu_enter(). */
	struct sim_dma dma;		/* Valid inside an RCU section. */
	struct sim_seg *segs;		/* Scratch. */
	struct sim_used *used;		/* Scratch. */
	uint64_t wakeups;

	struct sim_vdpa_vq vq[SIM_VDPA_MAX_VQS];
};

static inline bool
sim_vdpa_dev_has_fault(const struct sim_vdpa_dev *dev, uint32_t fault)
{
	return sim_faults_any(&dev->faults, fault);
}

static inline bool
sim_vdpa_is_rx(const struct sim_vdpa_vq *q)
{
	return (q->index & 1) == 0;
}

static inline void
sim_vdpa_count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* The length of the header that stands before each packet in a ring. */
static inline uint32_t
sim_vdpa_header_len(const struct sim_vring *vr)
{
	return sim_vring_has(vr, VIRTIO_F_VERSION_1) ||
		sim_vring_has(vr, VIRTIO_NET_F_MRG_RXBUF) ?
		sizeof(struct virtio_net_hdr_mrg_rxbuf) :
		sizeof(struct virtio_net_hdr);
}

static inline bool
sim_vdpa_link_is_up(const struct sim_vdpa_dev *dev)
{
	return __atomic_load_n(&dev->link_up, __ATOMIC_RELAXED);
}

/* Interrupts the guest, or whoever has the other end of 'fd', an eventfd or
 * -1; false if that cannot be.  Any thread; it never waits. */
static inline bool
sim_vdpa_dev_signal(struct sim_vdpa_dev *dev, int fd)
{
	return fd >= 0 && sim_signal_send(&dev->signal, fd);
}

/* Wakes the engine up after something changed that it may work on.  Any
 * thread. */
void sim_vdpa_wake(struct sim_vdpa_dev *dev);

/* Stops a queue whose ring is broken.  Engine. */
void sim_vdpa_queue_fail(struct sim_vdpa_vq *q);

#endif /* SIM_VDPA_DEVICE_STATE_H */
