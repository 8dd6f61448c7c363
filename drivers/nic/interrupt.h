/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_INTERRUPT_H
#define SIM_NIC_INTERRUPT_H

#include "nic/port.h"

/*
 * Interrupts of rx queues: an eventfd for each, which ethdev shows to the
 * application, of a port that was configured with them (intr_conf.rxq).
 *
 * An armed queue is signalled once, by who puts a packet into it, and is not
 * armed any more.  What that costs who sends is a load: the barrier is on the
 * side of who arms (membarrier(2)).
 */

/* For dev_start and dev_stop.  0 or a negative errno. */
int sim_interrupts_open(struct sim_port *p);
void sim_interrupts_close(struct sim_port *p);

/* For ethdev.  A queue of an uplink with a TAP has none, as a frame gets there
 * only when the queue is polled. */
int sim_interrupt_enable(struct rte_eth_dev *dev, uint16_t id);
int sim_interrupt_disable(struct rte_eth_dev *dev, uint16_t id);

/* Signals 'q' if it is still armed. */
void sim_interrupt_raise(struct sim_rxq *q);

/* After packets were put into the ring of 'q'. */
static inline void
sim_interrupt_check(struct sim_rxq *q)
{
	/* sim_interrupt_enable() has the other half of this barrier. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (unlikely(__atomic_load_n(&q->armed, __ATOMIC_RELAXED)))
		sim_interrupt_raise(q);
}

#endif /* SIM_NIC_INTERRUPT_H */
