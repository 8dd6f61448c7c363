/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdarg.h>
#include <stdio.h>
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
	{ "tx-paused", SIM_FAULT_TX_PAUSED },
	{ "rx-nombuf", SIM_FAULT_RX_NOMBUF },
	{ "no-promisc", SIM_FAULT_NO_PROMISC },
	{ "dev-conf-fail", SIM_FAULT_DEV_CONF },
	{ "dma-fault", SIM_FAULT_DMA },
	{ "reset", SIM_FAULT_RESET },
};

#define N_FAULTS (sizeof(faults) / sizeof(faults[0]))

_Static_assert(N_FAULTS == SIM_N_FAULTS, "each fault has a name");

void
sim_faults_put(struct sim_faults *f, uint32_t which, uint32_t queues)
{
	uint32_t i;

	for (i = 0; i < SIM_N_FAULTS; i++) {
		if (!(which & (1u << i)))
			continue;
		__atomic_fetch_or(&f->queues[i], queues, __ATOMIC_RELAXED);
		__atomic_fetch_or(&f->on, 1u << i, __ATOMIC_RELAXED);
	}
}

void
sim_faults_take(struct sim_faults *f, uint32_t which, uint32_t queues)
{
	uint32_t i;

	for (i = 0; i < SIM_N_FAULTS; i++) {
		if ((which & (1u << i)) &&
		    __atomic_and_fetch(&f->queues[i], ~queues,
				       __ATOMIC_RELAXED) == 0)
			__atomic_fetch_and(&f->on, ~(1u << i),
					   __ATOMIC_RELAXED);
	}
}

/* A buffer that text is appended to, as much as it has room for. */
struct text {
	char *buf;
	size_t size, used;
};

static void __attribute__((format(printf, 2, 3)))
append(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->buf + t->used, t->size - t->used, fmt, args);
	va_end(args);
	t->used += n;
	if (t->used >= t->size)
		t->used = t->size - 1;
}

static void
append_queues(struct text *t, uint32_t queues)
{
	uint32_t q, n = 0;

	if (queues == SIM_ALL_QUEUES)
		return;
	for (q = 0; q < 32; q++) {
		if (queues & (1u << q))
			append(t, "%s%u", n++ == 0 ? "(" : ",", q);
	}
	append(t, ")");
}

void
sim_faults_format(const struct sim_faults *f, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size };
	uint32_t i;

	buf[0] = '\0';
	for (i = 0; i < SIM_N_FAULTS; i++) {
		if (!sim_faults_any(f, 1u << i))
			continue;
		append(&t, "%s%s", t.used == 0 ? "" : " ",
		       sim_fault_name(1u << i));
		append_queues(&t, sim_faults_queues(f, 1u << i));
	}
}

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
