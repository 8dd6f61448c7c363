/* SPDX-License-Identifier: Apache-2.0 */

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "nic/late.h"

bool
sim_late_init(struct sim_late *l, const struct sim_tx_free *when,
	      uint16_t nb_desc, int socket)
{
	l->when = *when;
	l->delay = (uint64_t)when->n * rte_get_tsc_hz() / 1000000;
	l->size = nb_desc;
	l->packets = rte_zmalloc_socket("simnic_late",
					nb_desc * sizeof(*l->packets), 0,
					socket);
	return l->packets != NULL;
}

void
sim_late_destroy(struct sim_late *l)
{
	sim_late_drop(l);
	rte_free(l->packets);
	l->packets = NULL;
}

/* Frees the oldest packet. */
static void
free_first(struct sim_late *l)
{
	struct rte_mbuf *pkt = l->packets[l->first].pkt;

	l->first = l->first + 1 < l->size ? l->first + 1 : 0;
	l->n--;
	l->n_segs -= pkt->nb_segs;
	rte_pktmbuf_free(pkt);
}

void
sim_late_drop(struct sim_late *l)
{
	while (l->n > 0)
		free_first(l);
	l->n_waiting = 0;
}

static struct sim_late_packet *
first_waiting(const struct sim_late *l)
{
	return &l->packets[(l->first + l->n - l->n_waiting) % l->size];
}

struct rte_mbuf *
sim_late_waiting(const struct sim_late *l)
{
	return l->n_waiting > 0 ? first_waiting(l)->pkt : NULL;
}

void
sim_late_sent(struct sim_late *l)
{
	first_waiting(l)->since = l->when.mode == SIM_TX_FREE_LATER ?
		rte_get_tsc_cycles() : 0;
	l->n_waiting--;
}

/* How many packets the device is known to have sent. */
static uint16_t
count_sent(const struct sim_late *l)
{
	uint16_t n = l->n - l->n_waiting;
	uint64_t now;
	uint16_t i;

	switch (l->when.mode) {
	case SIM_TX_FREE_AT_ONCE:
		return n;
	case SIM_TX_FREE_GROUPS:
		return n - n % l->when.n;
	case SIM_TX_FREE_LATER:
		now = rte_get_tsc_cycles();
		for (i = 0; i < n; i++) {
			if (now - l->packets[(l->first + i) % l->size].since <
			    l->delay)
				break;
		}
		return i;
	default:
		return 0;
	}
}

uint16_t
sim_late_clean(struct sim_late *l, uint16_t max)
{
	uint16_t n = RTE_MIN(count_sent(l), max);
	uint16_t i;

	for (i = 0; i < n; i++)
		free_first(l);
	return n;
}

void
sim_late_add(struct sim_late *l, struct rte_mbuf *pkt)
{
	struct sim_late_packet *p = &l->packets[(l->first + l->n) % l->size];

	p->pkt = pkt;
	l->n++;
	l->n_waiting++;
	l->n_segs += pkt->nb_segs;
}
