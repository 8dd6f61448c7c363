/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_BASE_FAULT_H
#define SIM_BASE_FAULT_H

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

#define SIM_FAULT_VDPA_ONLY	(SIM_FAULT_DEV_CONF | SIM_FAULT_DMA)

#define SIM_FAULT_NAMES \
	"link-down, removed, rx-stuck, tx-stuck, rx-nombuf, no-promisc, reset " \
	"or, for a vDPA device, dev-conf-fail or dma-fault"

/* The SIM_FAULT_* bit of 'name', 0 if there is no such fault. */
uint32_t sim_fault_from_name(const char *name);

/* The name of the single bit 'fault'. */
const char *sim_fault_name(uint32_t fault);

#endif /* SIM_BASE_FAULT_H */
