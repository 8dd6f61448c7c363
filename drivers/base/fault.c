/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <string.h>

#include "base/fault.h"

static const struct {
	const char *name;
	uint32_t bit;
} faults[] = {
	{ "link-down", SIM_FAULT_LINK_DOWN },
	{ "removed", SIM_FAULT_REMOVED },
	{ "rx-stuck", SIM_FAULT_RX_STUCK },
	{ "tx-stuck", SIM_FAULT_TX_STUCK },
	{ "rx-nombuf", SIM_FAULT_RX_NOMBUF },
	{ "no-promisc", SIM_FAULT_NO_PROMISC },
	{ "dev-conf-fail", SIM_FAULT_DEV_CONF },
	{ "dma-fault", SIM_FAULT_DMA },
	{ "reset", SIM_FAULT_RESET },
};

#define N_FAULTS (sizeof(faults) / sizeof(faults[0]))

uint32_t
sim_fault_from_name(const char *name)
{
	size_t i;

	for (i = 0; i < N_FAULTS; i++) {
		if (strcmp(name, faults[i].name) == 0)
			return faults[i].bit;
	}
	return 0;
}

const char *
sim_fault_name(uint32_t fault)
{
	size_t i;

	for (i = 0; i < N_FAULTS; i++) {
		if (fault == faults[i].bit)
			return faults[i].name;
	}
	return "unknown";
}
