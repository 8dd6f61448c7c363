/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_BASE_FAULT_H
#define SIM_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Faults that can be put into a port of the simulated NIC, by devargs when it
 * is probed and by telemetry while it runs.
 */

#define SIM_FAULT_LINK_DOWN	(1u << 0)	/* The link stays down. */
#define SIM_FAULT_REMOVED	(1u << 1)	/* Gone without a word. */
#define SIM_FAULT_RX_STUCK	(1u << 2)	/* Receives, hands nothing out. */
#define SIM_FAULT_TX_STUCK	(1u << 3)	/* Transmit accepts nothing. */
#define SIM_FAULT_RX_NOMBUF	(1u << 4)	/* Receive finds no mbuf. */
#define SIM_FAULT_NO_PROMISC	(1u << 5)	/* No promiscuous mode. */
#define SIM_FAULT_RESET		(1u << 6)	/* Dead until it is reset. */
/* Only of vDPA devices. */
#define SIM_FAULT_DEV_CONF	(1u << 7)	/* dev_conf() fails. */
#define SIM_FAULT_DMA		(1u << 8)	/* The next DMA faults. */
/* Only of ethdevs. */
#define SIM_FAULT_TX_PAUSED	(1u << 9)	/* Transmit takes, and waits. */
#define SIM_N_FAULTS		10

#define SIM_FAULT_VDPA_ONLY	(SIM_FAULT_DEV_CONF | SIM_FAULT_DMA)

/* What one queue can have while others have not: a queue of an ethdev, a
 * queue pair of a vDPA device or, SIM_FAULT_DMA, one of its virtqueues. */
#define SIM_FAULT_OF_QUEUES	(SIM_FAULT_RX_STUCK | SIM_FAULT_TX_STUCK | \
				 SIM_FAULT_TX_PAUSED | SIM_FAULT_DMA)

#define SIM_FAULT_NAMES \
	"link-down, removed, rx-stuck, tx-stuck, rx-nombuf, no-promisc, reset " \
	"or, for a vDPA device, dev-conf-fail or dma-fault, for an ethdev " \
	"tx-paused"

#define SIM_ALL_QUEUES UINT32_MAX

/* The faults of one port.  Atomics: written by the control path, which is
 * serialised by the caller, and for SIM_FAULT_DMA by the device itself; read
 * by anybody. */
struct sim_faults {
	uint32_t on;			/* SIM_FAULT_*. */
	uint32_t queues[SIM_N_FAULTS];	/* Which queues have each: bit Q. */
};

/* Puts faults into queues, and takes them out of queues. */
void sim_faults_put(struct sim_faults *f, uint32_t faults, uint32_t queues);
void sim_faults_take(struct sim_faults *f, uint32_t faults, uint32_t queues);

/* Whether there is one of 'faults', in any queue. */
static inline bool
sim_faults_any(const struct sim_faults *f, uint32_t faults)
{
	return (__atomic_load_n(&f->on, __ATOMIC_RELAXED) & faults) != 0;
}

/* Which queues have 'fault', a single bit. */
static inline uint32_t
sim_faults_queues(const struct sim_faults *f, uint32_t fault)
{
	return __atomic_load_n(&f->queues[__builtin_ctz(fault)],
			       __ATOMIC_RELAXED);
}

/* The faults as words, each with its queues unless it is all of them. */
void sim_faults_format(const struct sim_faults *f, char *buf, size_t size);

/* The SIM_FAULT_* bit of 'name', 0 if there is no such fault. */
uint32_t sim_fault_from_name(const char *name);

/* The name of the single bit 'fault'. */
const char *sim_fault_name(uint32_t fault);

#endif /* SIM_BASE_FAULT_H */
