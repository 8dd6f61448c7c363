/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_ESWITCH_TABLE_H
#define SIM_ESWITCH_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include "packet/key.h"

/*
 * The rules of one endpoint of the e-switch.
 *
 * Rules that share a mask and a priority live in one subtable, a hash table
 * over the bits of the mask.  A lookup asks the subtables in the order of
 * their priority (the lowest number first, among equals the oldest first) and
 * takes the first hit, so it costs one hash lookup per distinct mask however
 * many rules there are.
 *
 * Threads: one writer at a time, serialised by the caller.  Lookups from any
 * thread inside an RCU section; a rule found is valid until the section ends.
 */

#define SIM_ACT_DROP		(1u << 0)
#define SIM_ACT_COUNT		(1u << 1)
#define SIM_ACT_SET_DST		(1u << 2)
#define SIM_ACT_SET_SRC		(1u << 3)
#define SIM_ACT_SET_TTL		(1u << 4)
#define SIM_ACT_POP_VLAN	(1u << 5)
#define SIM_ACT_PUSH_VLAN	(1u << 6)
#define SIM_ACT_SET_VID		(1u << 7)
#define SIM_ACT_SET_PCP		(1u << 8)
#define SIM_ACT_EDITS	(SIM_ACT_SET_DST | SIM_ACT_SET_SRC | SIM_ACT_SET_TTL \
			 | SIM_ACT_POP_VLAN | SIM_ACT_PUSH_VLAN \
			 | SIM_ACT_SET_VID | SIM_ACT_SET_PCP)

/* What a rule does: the edits in the order of the bits above, then either
 * drop or output. */
struct sim_action {
	uint32_t flags;			/* SIM_ACT_*. */
	uint16_t out;			/* Endpoint, unless SIM_ACT_DROP. */
	uint8_t ttl;
	uint8_t pcp;
	rte_be16_t tpid;		/* Of the tag that is pushed. */
	uint16_t vid;
	struct rte_ether_addr dst;
	struct rte_ether_addr src;
};

struct sim_rule {
	struct sim_key key;		/* Already masked. */
	struct sim_key mask;
	uint32_t priority;
	struct sim_action action;
	/* Relaxed atomics, added to by the datapath. */
	uint64_t hits __rte_cache_aligned;
	uint64_t bytes;
};

struct sim_subtables;

struct sim_table {
	/* Sorted; replaced as a whole under RCU; NULL: no rules. */
	struct sim_subtables *subtables;
};

static inline bool
sim_table_is_empty(const struct sim_table *t)
{
	return __atomic_load_n(&t->subtables, __ATOMIC_RELAXED) == NULL;
}

/* Takes a copy of nothing: 'rule' belongs to the table until it is removed.
 * Returns 0, -EEXIST if a rule with the same key, mask and priority is there
 * already, or -ENOMEM. */
int sim_table_add(struct sim_table *t, struct sim_rule *rule);

/* When it returns no burst uses the rule any more: free it. */
void sim_table_remove(struct sim_table *t, struct sim_rule *rule);

/* Frees all subtables.  The rules must have been removed. */
void sim_table_fini(struct sim_table *t);

/* The rule that each of the 'n' <= 64 keys hits, NULL if none. */
void sim_table_lookup(const struct sim_table *t, const struct sim_key *keys,
		      uint16_t n, struct sim_rule **rules);

#endif /* SIM_ESWITCH_TABLE_H */
