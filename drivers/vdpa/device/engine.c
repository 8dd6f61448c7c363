/* SPDX-License-Identifier: Apache-2.0 */

/* The thread of a vDPA device. */

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/rcu.h"
#include "vdpa/device/engine.h"
#include "vdpa/device/rx.h"
#include "vdpa/device/tx.h"

/* How long it looks for work before it goes to sleep. */
#define SPIN_US 20

static void
set_dma(struct sim_vdpa_dev *dev)
{
	bool log = __atomic_load_n(&dev->log.on, __ATOMIC_ACQUIRE);

	dev->dma.table = __atomic_load_n(&dev->iommu.table, __ATOMIC_ACQUIRE);
	dev->dma.log = log ? &dev->log : NULL;
	dev->dma.last = 0;
}

/* The virtqueues that one DMA fault was injected for, if this is one of
 * them; else 0. */
static uint32_t
shall_fault(const struct sim_vdpa_vq *q)
{
	uint32_t queues;

	if (likely(!sim_vdpa_dev_has_fault(q->dev, SIM_FAULT_DMA)))
		return 0;
	queues = sim_faults_queues(&q->dev->faults, SIM_FAULT_DMA);
	return queues == SIM_ALL_QUEUES ? queues : queues & (1u << q->index);
}

static bool
is_stuck(const struct sim_vdpa_vq *q)
{
	uint32_t stuck = sim_vdpa_is_rx(q) ? SIM_FAULT_RX_STUCK :
		SIM_FAULT_TX_STUCK;

	if (likely(!sim_vdpa_dev_has_fault(q->dev, stuck |
					   SIM_FAULT_REMOVED)))
		return false;
	return sim_vdpa_dev_has_fault(q->dev, SIM_FAULT_REMOVED) ||
		(sim_faults_queues(&q->dev->faults, stuck) &
		 (1u << q->index / 2));
}

/* Inside an RCU section: whether the engine may work on the queue.  If so, its
 * ring is mapped. */
static bool
enter_queue(struct sim_vdpa_vq *q)
{
	if (!__atomic_load_n(&q->enabled, __ATOMIC_ACQUIRE) || is_stuck(q))
		return false;
	if (likely(q->vr.ops->map(&q->vr, &q->dev->dma)))
		return true;
	sim_vdpa_queue_fail(q);
	return false;
}

static void
interrupt(struct sim_vdpa_vq *q)
{
	struct sim_vdpa_dev *dev = q->dev;
	int fd = q->vector < SIM_VDPA_MAX_VQS ?
		__atomic_load_n(&dev->irqfd[q->vector], __ATOMIC_ACQUIRE) : -1;

	if (sim_vdpa_dev_signal(dev, fd))
		sim_vdpa_count(&q->counters.interrupts, 1);
}

static uint16_t
work_on(struct sim_vdpa_vq *q)
{
	uint32_t fault;
	uint16_t n;

	if (!enter_queue(q))
		return 0;
	if (q->starved && !q->vr.ops->pending(&q->vr, q->starved_at))
		return 0;
	fault = shall_fault(q);
	q->dev->dma.fail = fault != 0;
	n = sim_vdpa_is_rx(q) ? sim_vdpa_rx(q) : sim_vdpa_tx(q);
	if (unlikely(fault != 0 && !q->dev->dma.fail))	/* It happened. */
		sim_faults_take(&q->dev->faults, SIM_FAULT_DMA, fault);
	q->dev->dma.fail = false;
	/* Kicks of the driver are in vain as long as we look ourselves. */
	if (n > 0 && !q->vr.quiet && !q->failed)
		q->vr.ops->set_kick(&q->vr, false, 0);
	if (n > 0 && q->vr.ops->must_interrupt(&q->vr))
		interrupt(q);
	return n;
}

/* A queue that failed and was not reported yet; NULL if there is none. */
static struct sim_vdpa_vq *
find_failed(struct sim_vdpa_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->n_vqs; i++) {
		if (unlikely(dev->vq[i].failed))
			return &dev->vq[i];
	}
	return NULL;
}

/* One round over all queues; how many packets it was. */
static uint32_t
work(struct sim_vdpa_dev *dev)
{
	enum sim_vring_error error = SIM_VRING_ERR_NONE;
	struct sim_vdpa_vq *failed = NULL;
	uint32_t n = 0;
	uint16_t i;

	sim_rcu_enter(dev->reader);
	set_dma(dev);
	n += sim_vdpa_tx_injected(dev);
	if (__atomic_load_n(&dev->running, __ATOMIC_ACQUIRE)) {
		for (i = 0; i < dev->n_vqs; i++)
			n += work_on(&dev->vq[i]);
		failed = find_failed(dev);
	}
	if (unlikely(failed != NULL)) {
		failed->failed = false;
		error = failed->vr.error;
	}
	sim_rcu_exit(dev->reader);
	/* The log may take long: not while others wait for us. */
	if (unlikely(error != SIM_VRING_ERR_NONE)) {
		SIM_LOG(WARNING, "%s: virtqueue %u stopped: %s (%s)",
			dev->name, failed->index, sim_vring_error_name(error),
			sim_vring_error_meaning(error));
		n++;	/* There may be more of them. */
	}
	return n;
}

/* Asks for a kick where one would help, and says whether there is something
 * to do already. */
static bool
arm_queue(struct sim_vdpa_vq *q)
{
	uint16_t at;

	if (!enter_queue(q))
		return q->failed;
	if (sim_vdpa_is_rx(q) && q->n_waiting == 0)
		return rte_ring_count(q->ring) != 0;
	at = q->starved ? q->starved_at : q->vr.last_avail;
	q->vr.ops->set_kick(&q->vr, true, at);
	/* The driver adds, then looks; so do we the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return q->vr.ops->pending(&q->vr, at);
}

static bool
arm(struct sim_vdpa_dev *dev)
{
	bool more = rte_ring_count(dev->injected) != 0;
	uint16_t i;

	sim_rcu_enter(dev->reader);
	set_dma(dev);
	if (__atomic_load_n(&dev->running, __ATOMIC_ACQUIRE)) {
		for (i = 0; i < dev->n_vqs; i++)
			more |= arm_queue(&dev->vq[i]);
	}
	sim_rcu_exit(dev->reader);
	return more;
}

static void
go_to_sleep(struct sim_vdpa_dev *dev)
{
	struct pollfd pfd = { .fd = dev->wakefd, .events = POLLIN };
	uint64_t value;

	__atomic_store_n(&dev->sleeping, true, __ATOMIC_SEQ_CST);
	/* Whoever gave us work before saw us awake: look once more. */
	if (!arm(dev) && !__atomic_load_n(&dev->stop, __ATOMIC_ACQUIRE)) {
		poll(&pfd, 1, -1);
		dev->wakeups++;
	}
	__atomic_store_n(&dev->sleeping, false, __ATOMIC_SEQ_CST);
	if (read(dev->wakefd, &value, sizeof(value)) < 0)
		return;		/* There was nothing in it. */
}

static sim_thread_result
engine(void *arg)
{
	const uint64_t spin = rte_get_tsc_hz() / 1000000 * SPIN_US;
	struct sim_vdpa_dev *dev = arg;
	uint64_t idle_since = 0;

	while (!__atomic_load_n(&dev->stop, __ATOMIC_ACQUIRE)) {
		if (work(dev) != 0) {
			idle_since = 0;
			continue;
		}
		if (idle_since == 0)
			idle_since = rte_rdtsc();
		if (rte_rdtsc() - idle_since < spin) {
			rte_pause();
			continue;
		}
		go_to_sleep(dev);
		idle_since = 0;
	}
	return 0;
}

int
sim_vdpa_engine_start(struct sim_vdpa_dev *dev)
{
	char name[16];
	int ret;

	dev->wakefd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (dev->wakefd < 0)
		return -errno;
	dev->reader = sim_rcu_reader_add();
	if (dev->reader == SIM_RCU_NO_READER) {
		ret = -ENOSPC;
		goto close_fd;
	}
	snprintf(name, sizeof(name), "simvdpa-%u-%u", dev->mac.addr_bytes[3],
		 dev->mac.addr_bytes[5]);
	ret = sim_thread_start(&dev->thread, name, engine, dev);
	if (ret != 0)
		goto remove_reader;
	dev->thread_runs = true;
	return 0;

remove_reader:
	sim_rcu_reader_remove(dev->reader);
close_fd:
	close(dev->wakefd);
	return ret;
}

void
sim_vdpa_engine_stop(struct sim_vdpa_dev *dev)
{
	uint64_t one = 1;

	if (!dev->thread_runs)
		return;
	__atomic_store_n(&dev->stop, true, __ATOMIC_RELEASE);
	while (write(dev->wakefd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	sim_thread_join(dev->thread);
	dev->thread_runs = false;
	sim_rcu_reader_remove(dev->reader);
	close(dev->wakefd);
}
