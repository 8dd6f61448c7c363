/* SPDX-License-Identifier: Apache-2.0 */

#include <unistd.h>

#include "vdpa/device/state.h"

void
sim_vdpa_wake(struct sim_vdpa_dev *dev)
{
	uint64_t one = 1;

	/* Our caller's change must be seen before we look. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&dev->sleeping, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&dev->sleeping, false, __ATOMIC_SEQ_CST) &&
	    write(dev->wakefd, &one, sizeof(one)) < 0)
		return;		/* Full, which wakes as well. */
}

void
sim_vdpa_queue_fail(struct sim_vdpa_vq *q)
{
	if (q->vr.error == SIM_VRING_ERR_DMA)
		sim_vdpa_count(&q->counters.dma_faults, 1);
	sim_vdpa_count(&q->counters.ring_errors, 1);
	if (sim_vdpa_is_rx(q))
		__atomic_fetch_and(&q->dev->rx_enabled,
				   ~(1u << q->index / 2), __ATOMIC_RELAXED);
	__atomic_store_n(&q->enabled, false, __ATOMIC_RELEASE);
	q->failed = true;
}
