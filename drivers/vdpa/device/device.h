/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_DEVICE_H
#define SIM_VDPA_DEVICE_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_dev.h>
#include <rte_ether.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "base/fault.h"
#include "eswitch/eswitch.h"
#include "packet/rss.h"
#include "vdpa/device/iommu.h"
#include "vdpa/device/log.h"
#include "vdpa/device/regs.h"
#include "vdpa/device/vring.h"

/*
 * The simulated vDPA device: a VF that serves virtqueues by itself.  It knows
 * registers, DMA, doorbells and interrupts, and the e-switch; neither vhost
 * nor rte_vdpa.
 *
 * Virtqueue 2 * I is receive queue I, 2 * I + 1 transmit queue I, as in
 * virtio-net.  There is no control queue.
 *
 * A thread of the device's own, the engine, carries the packets.  It works in
 * bursts, each inside an RCU section, and sleeps when there is nothing to do;
 * a doorbell or a packet from the e-switch wakes it up.  Once a queue was
 * disabled and a grace period has passed, nobody but the control path touches
 * it, which is how a write to SIM_QUEUE_ENABLE waits for it.
 *
 * Threads: reads, writes, interrupts, mappings, faults and injections may come
 * from any thread that is not in an RCU section: the device has a lock of its
 * own for them, a leaf.  A doorbell takes no lock.
 */

#define SIM_VDPA_MAX_VQS (2 * SIM_MAX_QUEUES)
#define SIM_VDPA_RX_RING 512	/* Packets that wait for guest buffers. */
#define SIM_VDPA_BURST 32

struct sim_nic;

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
	struct sim_nic *nic;
	uint16_t ep_id;
	uint16_t n_vqs;			/* Constant. */
	struct rte_ether_addr mac;	/* Constant. */
	struct sim_rss *rss;		/* Constant but for its contents. */
	struct rte_mempool *rx_pool;	/* What waits for guest buffers. */
	struct rte_mempool *tx_pool;	/* What the engine sends. */
	struct rte_mempool *segments;	/* For TSO. */

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
	uint64_t drv_features;
	uint32_t status;
	uint64_t bad_writes;		/* Writes that were refused. */
	struct rte_ring *injected;	/* Packets to send. */

	/* The engine. */
	pthread_t thread;
	bool thread_runs;		/* Constant after creation. */
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

/* With 'pairs' queue pairs, at VF 'vf' of the NIC, which the caller holds a
 * reference to for as long as the device exists; NULL and a sentence in the
 * log if that fails.  Nothing is plugged in yet. */
struct sim_vdpa_dev *sim_vdpa_dev_create(const char *name, struct sim_nic *nic,
					 uint16_t vf, uint16_t pairs);
/* The device must not be attached to the e-switch any more. */
void sim_vdpa_dev_destroy(struct sim_vdpa_dev *dev);

/* The register file.  What makes no sense is ignored, and counted if it was a
 * write.  A write that stops something (reset, disabling a queue) returns
 * when it has stopped. */
uint32_t sim_vdpa_dev_read(struct sim_vdpa_dev *dev, uint32_t reg);
void sim_vdpa_dev_write(struct sim_vdpa_dev *dev, uint32_t reg,
			uint32_t value);

/* DMA: see iommu.h. */
int sim_vdpa_dev_map(struct sim_vdpa_dev *dev, uint64_t iova, void *va,
		     uint64_t size);
int sim_vdpa_dev_unmap(struct sim_vdpa_dev *dev, uint64_t iova, uint64_t size);
void sim_vdpa_dev_unmap_all(struct sim_vdpa_dev *dev);

/* The interrupt 'vector' is a write of 1 to the eventfd 'fd', -1 for nothing.
 * It must not block.  When this returns, the previous one is not used any
 * more. */
void sim_vdpa_dev_set_irq(struct sim_vdpa_dev *dev, uint16_t vector, int fd);

/* Sends a packet as if the guest had; takes it. */
void sim_vdpa_dev_inject(struct sim_vdpa_dev *dev, struct rte_mbuf *m);

/* Of the simulated NIC, which holds sim_nic_lock: works out the link; puts
 * faults in and takes them out. */
void sim_vdpa_dev_update_link(struct sim_vdpa_dev *dev);
void sim_vdpa_dev_set_faults(struct sim_vdpa_dev *dev, uint32_t set,
			     uint32_t clear, uint32_t queues);

/* How many pages were written while logging and have no bit: see
 * sim_log_mismatches(). */
uint64_t sim_vdpa_dev_log_mismatches(struct sim_vdpa_dev *dev);

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

/* Parts of the device: engine.c. */

int sim_vdpa_engine_start(struct sim_vdpa_dev *dev);
void sim_vdpa_engine_stop(struct sim_vdpa_dev *dev);
void sim_vdpa_engine_wake(struct sim_vdpa_dev *dev);
/* Stops a queue whose ring is broken.  Engine. */
void sim_vdpa_engine_fail(struct sim_vdpa_vq *q);

/* net.c: packets. */

/* The endpoint's receive function. */
void sim_vdpa_receive(struct sim_endpoint *ep, struct rte_mbuf **pkts,
		      uint16_t n);
/* One burst of a queue; how many packets it was.  Engine, inside an RCU
 * section. */
uint16_t sim_vdpa_net_tx(struct sim_vdpa_vq *q);
uint16_t sim_vdpa_net_rx(struct sim_vdpa_vq *q);
uint16_t sim_vdpa_net_send_injected(struct sim_vdpa_dev *dev);
/* Control path, when nobody sends to the queue any more. */
void sim_vdpa_net_flush(struct sim_vdpa_vq *q);

#endif /* SIM_VDPA_DEVICE_DEVICE_H */
