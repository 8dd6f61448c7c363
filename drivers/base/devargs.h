/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_BASE_DEVARGS_H
#define SIM_BASE_DEVARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_dev.h>

#include "base/limits.h"

/*
 * The device arguments of net_simpf and net_simvf.
 *
 * The parsers know the syntax and the ranges; whether a PF of that name
 * exists, or a VF is free, is for the caller to find out.  A wrong argument is
 * refused with -EINVAL and one sentence in the log that names the device, the
 * key, the value and what would be right.
 */

enum sim_wire_kind {
	SIM_WIRE_NONE,		/* A sink: swallows and counts. */
	SIM_WIRE_TAP,		/* A kernel TAP interface. */
	SIM_WIRE_PF,		/* A cable to another simulated PF. */
};

/* VFs of a PF: word K / 64, bit K % 64. */
struct sim_vf_set {
	uint64_t words[(SIM_MAX_VFS + 63) / 64];
};

static inline void
sim_vf_set_add(struct sim_vf_set *set, uint16_t vf)
{
	set->words[vf / 64] |= UINT64_C(1) << vf % 64;
}

static inline bool
sim_vf_set_has(const struct sim_vf_set *set, uint16_t vf)
{
	return set->words[vf / 64] >> vf % 64 & 1;
}

static inline struct sim_vf_set
sim_vf_set_all(void)
{
	struct sim_vf_set set;

	memset(&set, 0xff, sizeof(set));
	return set;
}

/* Whether the set has none but VFs 0 to 'n' - 1. */
static inline bool
sim_vf_set_is_below(const struct sim_vf_set *set, uint16_t n)
{
	uint16_t vf;

	for (vf = n; vf < SIM_MAX_VFS; vf++) {
		if (sim_vf_set_has(set, vf))
			return false;
	}
	return true;
}

/* When the driver of an ethdev frees what the device has sent. */
struct sim_tx_free {
	enum {
		SIM_TX_FREE_AT_ONCE,
		SIM_TX_FREE_GROUPS,	/* When 'n' packets are sent. */
		SIM_TX_FREE_LATER,	/* After 'n' microseconds. */
		SIM_TX_FREE_NEVER,	/* When the queue is stopped. */
	} mode;
	uint32_t n;
};

struct sim_pf_args {
	uint16_t vfs;			/* 0: the key was absent. */
	uint16_t queues;		/* 0: the key was absent. */
	bool has_wire;
	enum sim_wire_kind wire;
	char wire_name[RTE_DEV_NAME_MAX_LEN];	/* Of the TAP or the PF. */
	bool has_representor;
	struct sim_vf_set representors;	/* Of these VFs. */
	uint32_t faults;		/* SIM_FAULT_* of the uplink. */
};

struct sim_vf_args {
	char pf[RTE_DEV_NAME_MAX_LEN];
	uint16_t vf;
	bool vdpa;
	bool sw_lm;			/* Only with vdpa. */
	uint16_t queues;		/* Pairs, only with vdpa; 0: absent. */
	uint32_t faults;
	struct sim_tx_free tx_free;	/* Only without vdpa. */
};

/* 'args' is what follows the device's name and its comma; may be NULL. */
int sim_devargs_parse_pf(const char *dev, const char *args,
			 struct sim_pf_args *out);
int sim_devargs_parse_vf(const char *dev, const char *args,
			 struct sim_vf_args *out);

#endif /* SIM_BASE_DEVARGS_H */
