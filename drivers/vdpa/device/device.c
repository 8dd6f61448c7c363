/* SPDX-License-Identifier: Apache-2.0 */

/* The life of a vDPA device, and what comes to it from outside beside
 * registers. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_string_fns.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/rcu.h"
#include "packet/offload.h"
#include "vdpa/device/device.h"
#include "vdpa/device/engine.h"
#include "vdpa/device/rx.h"

#define TX_POOL_SIZE 511
#define INJECT_RING 32

static void
lock(struct sim_vdpa_dev *dev)
{
	pthread_mutex_lock(&dev->lock);
}

static void
unlock(struct sim_vdpa_dev *dev)
{
	pthread_mutex_unlock(&dev->lock);
}

/* DMA, interrupts and what else comes from outside. */

int
sim_vdpa_dev_map(struct sim_vdpa_dev *dev, uint64_t iova, void *va,
		 uint64_t size, bool writable)
{
	int ret;

	lock(dev);
	ret = sim_iommu_map(&dev->iommu, iova, va, size, writable);
	unlock(dev);
	return ret;
}

int
sim_vdpa_dev_unmap(struct sim_vdpa_dev *dev, uint64_t iova, uint64_t size)
{
	int ret;

	lock(dev);
	ret = sim_iommu_unmap(&dev->iommu, iova, size);
	unlock(dev);
	return ret;
}

void
sim_vdpa_dev_unmap_all(struct sim_vdpa_dev *dev)
{
	lock(dev);
	sim_iommu_unmap_all(&dev->iommu);
	unlock(dev);
}

void
sim_vdpa_dev_set_irq(struct sim_vdpa_dev *dev, uint16_t vector, int fd)
{
	int old;

	if (vector >= SIM_VDPA_MAX_VQS)
		return;
	lock(dev);
	old = dev->irqfd[vector];
	__atomic_store_n(&dev->irqfd[vector], fd, __ATOMIC_RELEASE);
	if (old >= 0)
		sim_rcu_synchronize();
	unlock(dev);
}

void
sim_vdpa_dev_inject(struct sim_vdpa_dev *dev, struct rte_mbuf *m)
{
	if (rte_ring_enqueue(dev->injected, m) != 0)
		rte_pktmbuf_free(m);
	sim_vdpa_wake(dev);
}

uint64_t
sim_vdpa_dev_log_mismatches(struct sim_vdpa_dev *dev)
{
	uint64_t n;

	lock(dev);
	n = sim_log_mismatches(&dev->log, dev->iommu.table);
	unlock(dev);
	return n;
}

static void
update_link(struct sim_vdpa_dev *dev)
{
	bool up = dev->cable_up &&
		!sim_vdpa_dev_has_fault(dev, SIM_FAULT_LINK_DOWN |
					SIM_FAULT_REMOVED);

	__atomic_store_n(&dev->link_up, up, __ATOMIC_RELAXED);
}

void
sim_vdpa_dev_set_cable(struct sim_vdpa_dev *dev, bool up)
{
	dev->cable_up = up;
	update_link(dev);
}

void
sim_vdpa_dev_set_faults(struct sim_vdpa_dev *dev, uint32_t set,
			uint32_t clear, uint32_t queues)
{
	sim_faults_put(&dev->faults, set, queues);
	sim_faults_take(&dev->faults, clear, queues);
	update_link(dev);
	/* A device that was pulled out does no DMA any more. */
	if (set & SIM_FAULT_REMOVED)
		sim_rcu_synchronize();
	sim_vdpa_wake(dev);
}

/* Creation and destruction. */

static int
create_memory(struct sim_vdpa_dev *dev)
{
	unsigned int rx_size = (SIM_VDPA_RX_RING + SIM_VDPA_BURST) *
		(dev->n_vqs / 2);
	static uint32_t serial;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "simvdpa_rx%u", serial);
	dev->rx_pool = rte_pktmbuf_pool_create(name, rx_size, 0, 0,
			RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	snprintf(name, sizeof(name), "simvdpa_tx%u", serial++);
	dev->tx_pool = rte_pktmbuf_pool_create(name, TX_POOL_SIZE, 0, 0,
			RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	dev->segments = sim_segment_pool_get();
	dev->segs = calloc(SIM_VRING_MAX_SIZE, sizeof(*dev->segs));
	dev->used = calloc(SIM_VRING_MAX_SIZE, sizeof(*dev->used));
	dev->rss = rte_zmalloc("simvdpa", sizeof(*dev->rss), 0);
	return dev->rx_pool == NULL || dev->tx_pool == NULL ||
		dev->segments == NULL || dev->segs == NULL ||
		dev->used == NULL || dev->rss == NULL ? -ENOMEM : 0;
}

static struct rte_ring *
create_ring(uint32_t size)
{
	struct rte_ring *ring;

	ring = rte_zmalloc("simvdpa_ring", rte_ring_get_memsize(size),
			   RTE_CACHE_LINE_SIZE);
	if (ring != NULL && rte_ring_init(ring, "simvdpa", size,
					  RING_F_SC_DEQ) != 0) {
		rte_free(ring);
		ring = NULL;
	}
	return ring;
}

static int
create_queues(struct sim_vdpa_dev *dev)
{
	struct sim_vdpa_vq *q;
	uint16_t i;

	dev->injected = create_ring(INJECT_RING);
	if (dev->injected == NULL)
		return -ENOMEM;
	for (i = 0; i < dev->n_vqs; i++) {
		q = &dev->vq[i];
		q->dev = dev;
		q->index = i;
		q->vector = SIM_NO_VECTOR;
		if (!sim_vdpa_is_rx(q))
			continue;
		q->ring = create_ring(SIM_VDPA_RX_RING);
		if (q->ring == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void
init_fields(struct sim_vdpa_dev *dev, const struct sim_vdpa_dev_params *params)
{
	unsigned int i;

	rte_strscpy(dev->name, params->name, sizeof(dev->name));
	pthread_mutex_init(&dev->lock, NULL);
	dev->ep.receive = sim_vdpa_receive;
	dev->esw = params->esw;
	dev->ep_id = params->ep_id;
	dev->n_vqs = 2 * params->pairs;
	dev->mac = params->mac;
	for (i = 0; i < RTE_DIM(dev->irqfd); i++)
		dev->irqfd[i] = -1;
}

struct sim_vdpa_dev *
sim_vdpa_dev_create(const struct sim_vdpa_dev_params *params)
{
	struct sim_vdpa_dev *dev;
	int ret;

	dev = rte_zmalloc("simvdpa", sizeof(*dev), RTE_CACHE_LINE_SIZE);
	if (dev == NULL) {
		SIM_LOG(ERR, "%s: no memory", params->name);
		return NULL;
	}
	init_fields(dev, params);
	if (create_memory(dev) != 0 || create_queues(dev) != 0) {
		SIM_LOG(ERR, "%s: no memory for %u queue pairs",
			params->name, params->pairs);
		goto fail;
	}
	ret = sim_signal_open(&dev->signal);
	if (ret != 0) {
		SIM_LOG(ERR, "%s: no asynchronous I/O, for interrupts: %s: see "
			"/proc/sys/fs/aio-max-nr", params->name,
			strerror(-ret));
		goto fail;
	}
	dev->can_signal = true;
	dev->rss->hf = SIM_RSS_HF;
	sim_rss_set_key(dev->rss, sim_rss_default_key);
	if (sim_vdpa_engine_start(dev) != 0) {
		SIM_LOG(ERR, "%s: cannot start the device's thread",
			params->name);
		goto fail;
	}
	return dev;
fail:
	sim_vdpa_dev_destroy(dev);
	return NULL;
}

void
sim_vdpa_dev_destroy(struct sim_vdpa_dev *dev)
{
	struct rte_mbuf *m;
	uint16_t i;

	sim_vdpa_engine_stop(dev);
	if (dev->can_signal)
		sim_signal_close(&dev->signal);
	for (i = 0; i < dev->n_vqs; i++) {
		sim_vdpa_rx_flush(&dev->vq[i]);
		rte_free(dev->vq[i].ring);
	}
	while (dev->injected != NULL &&
	       rte_ring_dequeue(dev->injected, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_free(dev->injected);
	sim_iommu_unmap_all(&dev->iommu);
	rte_free(dev->rss);
	free(dev->used);
	free(dev->segs);
	sim_segment_pool_put(dev->segments);
	rte_mempool_free(dev->tx_pool);
	rte_mempool_free(dev->rx_pool);
	pthread_mutex_destroy(&dev->lock);
	rte_free(dev);
}
