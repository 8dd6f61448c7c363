/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_interrupts.h>

#include "base/log.h"
#include "nic/interrupt.h"

static void
close_queues(struct sim_port *p)
{
	struct sim_rxq *q;
	uint16_t i;

	for (i = 0; i < p->n_rxq; i++) {
		q = p->rxq[i];
		q->armed = false;
		if (q->has_intr)
			close(q->intr_fd);
		q->has_intr = false;
	}
}

static int
open_queues(struct sim_port *p, struct rte_intr_handle *h)
{
	struct sim_rxq *q;
	uint16_t i;

	for (i = 0; i < p->n_rxq; i++) {
		q = p->rxq[i];
		q->intr_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (q->intr_fd < 0)
			return -errno;
		q->has_intr = true;
		if (rte_intr_vec_list_index_set(h, i,
				RTE_INTR_VEC_RXTX_OFFSET + i) != 0 ||
		    rte_intr_efds_index_set(h, i, q->intr_fd) != 0)
			return -ENOSPC;
	}
	return 0;
}

static int
fill_handle(struct rte_intr_handle *h, uint16_t n)
{
	if (rte_intr_type_set(h, RTE_INTR_HANDLE_VDEV) != 0 ||
	    rte_intr_efd_counter_size_set(h, sizeof(uint64_t)) != 0 ||
	    rte_intr_vec_list_alloc(h, NULL, n) != 0 ||
	    rte_intr_nb_efd_set(h, n) != 0 ||
	    rte_intr_max_intr_set(h, n + 1) != 0)
		return -ENOMEM;
	return 0;
}

int
sim_interrupts_open(struct sim_port *p)
{
	struct rte_intr_handle *h;
	int ret;

	if (!p->data->dev_conf.intr_conf.rxq || p->n_rxq == 0)
		return 0;
	if (syscall(SYS_membarrier,
		    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0)
		return -errno;
	h = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (h == NULL)
		return -ENOMEM;
	p->dev->intr_handle = h;
	ret = fill_handle(h, p->n_rxq);
	if (ret == 0)
		ret = open_queues(p, h);
	if (ret != 0) {
		SIM_LOG(ERR, "%s: no interrupts for %u rx queues (%s)",
			p->data->name, p->n_rxq, strerror(-ret));
		sim_interrupts_close(p);
	}
	return ret;
}

void
sim_interrupts_close(struct sim_port *p)
{
	close_queues(p);
	if (p->dev->intr_handle == NULL)
		return;
	rte_intr_vec_list_free(p->dev->intr_handle);
	rte_intr_instance_free(p->dev->intr_handle);
	p->dev->intr_handle = NULL;
}

int
sim_interrupt_enable(struct rte_eth_dev *dev, uint16_t id)
{
	struct sim_rxq *q = dev->data->rx_queues[id];
	const struct sim_port *p = q->port;

	if (!q->has_intr || (p->kind == SIM_PORT_UPLINK &&
			     sim_wire_kind(p->nic->wire) == SIM_WIRE_TAP))
		return -ENOTSUP;
	__atomic_store_n(&q->armed, true, __ATOMIC_RELAXED);
	/* Who puts a packet into the ring from now on sees that, and the
	 * caller, who looks into it next, sees those before. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)) {
		__atomic_store_n(&q->armed, false, __ATOMIC_RELAXED);
		return -errno;
	}
	return 0;
}

int
sim_interrupt_disable(struct rte_eth_dev *dev, uint16_t id)
{
	struct sim_rxq *q = dev->data->rx_queues[id];

	if (!q->has_intr)
		return -ENOTSUP;
	__atomic_store_n(&q->armed, false, __ATOMIC_RELAXED);
	return 0;
}

void
sim_interrupt_raise(struct sim_rxq *q)
{
	if (__atomic_exchange_n(&q->armed, false, __ATOMIC_ACQ_REL))
		eventfd_write(q->intr_fd, 1);
}
