/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "eswitch/edit.h"
#include "eswitch/eswitch.h"
#include "base/rcu.h"

void
sim_eswitch_init(struct sim_eswitch *esw)
{
	memset(esw, 0, sizeof(*esw));
}

void
sim_eswitch_fini(struct sim_eswitch *esw)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(esw->table); i++)
		sim_table_fini(&esw->table[i]);
}

void
sim_eswitch_attach(struct sim_eswitch *esw, uint16_t id,
		   struct sim_endpoint *ep)
{
	__atomic_store_n(&esw->ep[id], ep, __ATOMIC_RELEASE);
}

void
sim_eswitch_detach(struct sim_eswitch *esw, uint16_t id)
{
	if (esw->ep[id] == NULL)
		return;
	__atomic_store_n(&esw->ep[id], NULL, __ATOMIC_RELEASE);
	sim_rcu_synchronize();
}

void
sim_eswitch_deliver(struct sim_eswitch *esw, uint16_t to,
		    struct rte_mbuf **pkts, uint16_t n)
{
	struct sim_endpoint *ep;

	ep = __atomic_load_n(&esw->ep[to], __ATOMIC_ACQUIRE);
	if (likely(ep != NULL)) {
		ep->receive(ep, pkts, n);
		return;
	}
	__atomic_fetch_add(&esw->counters[to].absent, n, __ATOMIC_RELAXED);
	rte_pktmbuf_free_bulk(pkts, n);
}

static uint16_t
edit_all(struct sim_ep_counters *counters, const struct sim_action *act,
	 struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i, kept = 0;

	for (i = 0; i < n; i++) {
		pkts[kept] = sim_edit(pkts[i], act);
		kept += pkts[kept] != NULL;
	}
	if (kept != n)
		__atomic_fetch_add(&counters->rule_error, n - kept,
				   __ATOMIC_RELAXED);
	return kept;
}

static void
count_rule(struct sim_rule *rule, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t bytes = 0;
	uint16_t i;

	for (i = 0; i < n; i++)
		bytes += rte_pktmbuf_pkt_len(pkts[i]);
	__atomic_fetch_add(&rule->hits, n, __ATOMIC_RELAXED);
	__atomic_fetch_add(&rule->bytes, bytes, __ATOMIC_RELAXED);
}

/* Packets that all hit 'rule'. */
static void
apply_rule(struct sim_eswitch *esw, uint16_t from, struct sim_rule *rule,
	   struct rte_mbuf **pkts, uint16_t n)
{
	const struct sim_action *act = &rule->action;
	struct sim_ep_counters *counters = &esw->counters[from];

	if (act->flags & SIM_ACT_COUNT)
		count_rule(rule, pkts, n);
	if (act->flags & SIM_ACT_DROP) {
		__atomic_fetch_add(&counters->rule_drop, n, __ATOMIC_RELAXED);
		rte_pktmbuf_free_bulk(pkts, n);
		return;
	}
	if (act->flags & SIM_ACT_EDITS)
		n = edit_all(counters, act, pkts, n);
	if (n > 0)
		sim_eswitch_deliver(esw, act->out, pkts, n);
}

static void
switch_by_rules(struct sim_eswitch *esw, uint16_t from,
		struct rte_mbuf **pkts, uint16_t n)
{
	struct sim_rule *rules[SIM_BURST];
	struct sim_key keys[SIM_BURST];
	uint16_t i = 0, start;

	do {
		sim_key_parse(&keys[i], pkts[i]);
	} while (++i < n);
	sim_table_lookup(sim_eswitch_table(esw, from), keys, n, rules);

	/* Runs of packets with the same fate go on together. */
	for (start = 0; start < n; start = i) {
		for (i = start + 1; i < n && rules[i] == rules[start]; i++)
			;
		if (rules[start] == NULL)
			sim_eswitch_deliver(esw, SIM_EP_PEER(from),
					    &pkts[start], i - start);
		else
			apply_rule(esw, from, rules[start], &pkts[start],
				   i - start);
	}
}

void
sim_eswitch_send(struct sim_eswitch *esw, uint16_t from,
		 struct rte_mbuf **pkts, uint16_t n)
{
	if (unlikely(n == 0))
		return;
	if (!SIM_EP_HAS_RULES(from) ||
	    sim_table_is_empty(sim_eswitch_table(esw, from)))
		sim_eswitch_deliver(esw, SIM_EP_PEER(from), pkts, n);
	else
		switch_by_rules(esw, from, pkts, n);
}
