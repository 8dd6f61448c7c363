/* SPDX-License-Identifier: Apache-2.0 */

#include <rte_string_fns.h>

#include "nic/nic.h"
#include "nic/stats.h"

static inline uint64_t
get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void
zero(uint64_t *counter)
{
	__atomic_store_n(counter, 0, __ATOMIC_RELAXED);
}

static void
add_rxq(const struct sim_rxq *q, struct rte_eth_stats *stats,
	sim_queue_stats *queues)
{
	uint64_t errors = get(&q->oversize);

	stats->ipackets += get(&q->packets);
	stats->ibytes += get(&q->bytes);
	stats->imissed += get(&q->missed);
	stats->rx_nombuf += get(&q->nombuf);
	stats->ierrors += errors;
	if (queues == NULL || q->id >= RTE_ETHDEV_QUEUE_STAT_CNTRS)
		return;
	queues->q_ipackets[q->id] = get(&q->packets);
	queues->q_ibytes[q->id] = get(&q->bytes);
	queues->q_errors[q->id] = errors;
}

static void
add_txq(const struct sim_txq *q, struct rte_eth_stats *stats,
	sim_queue_stats *queues)
{
	stats->opackets += get(&q->packets);
	stats->obytes += get(&q->bytes);
	stats->oerrors += get(&q->link_down) + get(&q->bad_offload) +
		get(&q->dma_fault);
	if (queues == NULL || q->id >= RTE_ETHDEV_QUEUE_STAT_CNTRS)
		return;
	queues->q_opackets[q->id] = get(&q->packets);
	queues->q_obytes[q->id] = get(&q->bytes);
}

int
sim_stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats,
	      sim_queue_stats *queues)
{
	struct rte_eth_dev_data *data = dev->data;
	uint16_t i;

	for (i = 0; i < data->nb_rx_queues; i++) {
		if (data->rx_queues[i] != NULL)
			add_rxq(data->rx_queues[i], stats, queues);
	}
	for (i = 0; i < data->nb_tx_queues; i++) {
		if (data->tx_queues[i] != NULL)
			add_txq(data->tx_queues[i], stats, queues);
	}
	return 0;
}

static void
reset_rxq(struct sim_rxq *q)
{
	zero(&q->packets);
	zero(&q->bytes);
	zero(&q->missed);
	zero(&q->nombuf);
	zero(&q->oversize);
	zero(&q->copied);
	zero(&q->flushed);
	zero(&q->merged);
}

static void
reset_txq(struct sim_txq *q)
{
	zero(&q->packets);
	zero(&q->bytes);
	zero(&q->link_down);
	zero(&q->bad_offload);
	zero(&q->dma_fault);
	zero(&q->flushed);
}

/* The endpoint whose rules this port owns or, for a VF, is subject to. */
static uint16_t
rule_endpoint(const struct sim_port *p)
{
	return SIM_EP_HAS_RULES(p->ep_id) ? p->ep_id : SIM_EP_PEER(p->ep_id);
}

static void
reset_wire(struct sim_wire *w)
{
	struct sim_wire_counters *c;

	if (w == NULL)
		return;
	c = sim_wire_counters(w);
	zero(&c->tx_packets);
	zero(&c->tx_bytes);
	zero(&c->tx_dropped);
	zero(&c->rx_packets);
	zero(&c->rx_bytes);
	zero(&c->rx_nombuf);
	zero(&c->rx_oversize);
	zero(&c->loops);
}

int
sim_stats_reset(struct rte_eth_dev *dev)
{
	struct sim_port *p = dev->data->dev_private;
	struct sim_ep_counters *counters = p->nic->esw.counters;
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		if (dev->data->rx_queues[i] != NULL)
			reset_rxq(dev->data->rx_queues[i]);
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		if (dev->data->tx_queues[i] != NULL)
			reset_txq(dev->data->tx_queues[i]);
	}
	zero(&p->filtered);
	zero(&counters[p->ep_id].absent);
	/* The rule counters are shown by both ends of a line; the end that
	 * owns the rules owns the counters. */
	if (p->kind != SIM_PORT_VF) {
		zero(&counters[rule_endpoint(p)].rule_drop);
		zero(&counters[rule_endpoint(p)].rule_error);
	}
	if (p->kind == SIM_PORT_UPLINK)
		reset_wire(p->nic->wire);
	return 0;
}

static uint64_t
sum_rxq(const struct sim_port *p, size_t offset)
{
	uint64_t sum = 0;
	uint16_t i;

	for (i = 0; i < p->data->nb_rx_queues; i++) {
		const char *q = p->data->rx_queues[i];

		if (q != NULL)
			sum += get((const uint64_t *)(q + offset));
	}
	return sum;
}

static uint64_t
sum_txq(const struct sim_port *p, size_t offset)
{
	uint64_t sum = 0;
	uint16_t i;

	for (i = 0; i < p->data->nb_tx_queues; i++) {
		const char *q = p->data->tx_queues[i];

		if (q != NULL)
			sum += get((const uint64_t *)(q + offset));
	}
	return sum;
}

enum source {
	FROM_RXQ,	/* Offset in struct sim_rxq, summed. */
	FROM_TXQ,	/* Offset in struct sim_txq, summed. */
	FROM_PORT,	/* Offset in struct sim_port. */
	FROM_EP,	/* Offset in the own endpoint's counters. */
	FROM_PEER,	/* The same for the other end of the line. */
	FROM_RULES,	/* Offset in the rule endpoint's counters. */
	FROM_WIRE,	/* Offset in the wire's counters; uplinks only. */
};

static const struct {
	const char *name;
	enum source source;
	size_t offset;
} xstats_table[] = {
	{ "rx_oversize_packets", FROM_RXQ, offsetof(struct sim_rxq, oversize) },
	{ "rx_copied_packets", FROM_RXQ, offsetof(struct sim_rxq, copied) },
	{ "rx_flushed_packets", FROM_RXQ, offsetof(struct sim_rxq, flushed) },
	{ "rx_merged_packets", FROM_RXQ, offsetof(struct sim_rxq, merged) },
	{ "rx_filtered_packets", FROM_PORT,
	  offsetof(struct sim_port, filtered) },
	{ "rx_port_down_packets", FROM_EP,
	  offsetof(struct sim_ep_counters, absent) },
	/* For a VF that is not plugged in nobody else could show them. */
	{ "peer_down_packets", FROM_PEER,
	  offsetof(struct sim_ep_counters, absent) },
	{ "tx_link_down_packets", FROM_TXQ,
	  offsetof(struct sim_txq, link_down) },
	{ "tx_bad_offload_packets", FROM_TXQ,
	  offsetof(struct sim_txq, bad_offload) },
	{ "tx_dma_fault_packets", FROM_TXQ,
	  offsetof(struct sim_txq, dma_fault) },
	{ "tx_flushed_packets", FROM_TXQ, offsetof(struct sim_txq, flushed) },
	{ "rule_drop_packets", FROM_RULES,
	  offsetof(struct sim_ep_counters, rule_drop) },
	{ "rule_error_packets", FROM_RULES,
	  offsetof(struct sim_ep_counters, rule_error) },
	/* The wire's come last: other ports end before them. */
	{ "wire_tx_packets", FROM_WIRE,
	  offsetof(struct sim_wire_counters, tx_packets) },
	{ "wire_tx_bytes", FROM_WIRE,
	  offsetof(struct sim_wire_counters, tx_bytes) },
	{ "wire_tx_dropped_packets", FROM_WIRE,
	  offsetof(struct sim_wire_counters, tx_dropped) },
	{ "wire_rx_packets", FROM_WIRE,
	  offsetof(struct sim_wire_counters, rx_packets) },
	{ "wire_rx_bytes", FROM_WIRE,
	  offsetof(struct sim_wire_counters, rx_bytes) },
	{ "wire_rx_nombuf", FROM_WIRE,
	  offsetof(struct sim_wire_counters, rx_nombuf) },
	{ "wire_rx_oversize_packets", FROM_WIRE,
	  offsetof(struct sim_wire_counters, rx_oversize) },
	{ "wire_loop_packets", FROM_WIRE,
	  offsetof(struct sim_wire_counters, loops) },
};

static unsigned int
n_xstats(const struct sim_port *p)
{
	unsigned int n = RTE_DIM(xstats_table);

	while (p->kind != SIM_PORT_UPLINK &&
	       xstats_table[n - 1].source == FROM_WIRE)
		n--;
	return n;
}

static uint64_t
xstat_value(const struct sim_port *p, unsigned int i)
{
	const struct sim_ep_counters *counters = p->nic->esw.counters;
	size_t offset = xstats_table[i].offset;
	const void *base;

	switch (xstats_table[i].source) {
	case FROM_RXQ:
		return sum_rxq(p, offset);
	case FROM_TXQ:
		return sum_txq(p, offset);
	case FROM_PORT:
		base = p;
		break;
	case FROM_EP:
		base = &counters[p->ep_id];
		break;
	case FROM_PEER:
		base = &counters[SIM_EP_PEER(p->ep_id)];
		break;
	case FROM_RULES:
		base = &counters[rule_endpoint(p)];
		break;
	default:
		if (p->nic->wire == NULL)
			return 0;
		base = sim_wire_counters(p->nic->wire);
		break;
	}
	return get(RTE_PTR_ADD(base, offset));
}

int
sim_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats,
	       unsigned int n)
{
	struct sim_port *p = dev->data->dev_private;
	unsigned int i, count = n_xstats(p);

	if (xstats == NULL || n < count)
		return count;
	for (i = 0; i < count; i++) {
		xstats[i].id = i;
		xstats[i].value = xstat_value(p, i);
	}
	return count;
}

int
sim_xstats_get_names(struct rte_eth_dev *dev,
		     struct rte_eth_xstat_name *names, unsigned int n)
{
	struct sim_port *p = dev->data->dev_private;
	unsigned int i, count = n_xstats(p);

	if (names == NULL || n < count)
		return count;
	for (i = 0; i < count; i++)
		rte_strscpy(names[i].name, xstats_table[i].name,
			    sizeof(names[i].name));
	return count;
}
