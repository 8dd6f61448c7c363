/* SPDX-License-Identifier: Apache-2.0 */

#include <rte_malloc.h>
#include <rte_net.h>

#include "base/log.h"
#include "nic/nic.h"
#include "nic/reach.h"
#include "packet/mbuf.h"
#include "packet/offload.h"
#include "base/rcu.h"
#include "nic/tx.h"

static void
discard(struct sim_txq *q, struct rte_mbuf **pkts, uint16_t n)
{
	q->link_down += n;
	rte_pktmbuf_free_bulk(pkts, n);
}

static inline void
emit(struct sim_txq *q, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t bytes = 0;
	uint16_t i;

	for (i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	q->packets += n;
	q->bytes += bytes;
	sim_eswitch_send(q->esw, q->ep_id, pkts, n);
}

static void
emit_offloaded(void *ctx, struct rte_mbuf **pkts, uint16_t n)
{
	emit(ctx, pkts, n);
}

/* Packets that want something done to them, one by one: each may become
 * many. */
static void
send_offloaded(struct sim_txq *q, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (sim_offload(q->segments, pkts[i], emit_offloaded, q) != 0)
			q->bad_offload++;
	}
}

static inline void
send_chunk(struct sim_txq *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *chunk[SIM_BURST];
	uint64_t flags = 0;
	uint16_t i;

	/* The caller's array stays as it is: what goes through the e-switch
	 * is reordered and replaced on its way. */
	for (i = 0; i < n; i++) {
		chunk[i] = pkts[i];
		flags |= pkts[i]->ol_flags;
	}
	if (likely((flags & SIM_OFFLOAD_FLAGS) == 0))
		emit(q, chunk, n);
	else
		send_offloaded(q, chunk, n);
}

/* Whether any part of 'pkt' is lent. */
static inline bool
is_lent(const struct rte_mbuf *pkt)
{
	for (; pkt != NULL; pkt = pkt->next) {
		if (sim_mbuf_is_lent(pkt))
			return true;
	}
	return false;
}

/* Whether the queue waits, as for a link partner that does not take more. */
static inline bool
is_paused(const struct sim_txq *q)
{
	return unlikely(sim_faults_any(&q->port->faults,
				       SIM_FAULT_TX_PAUSED)) &&
		sim_port_queue_is_dead(q->port, SIM_FAULT_TX_PAUSED, q->id);
}

/* Whether the packets themselves may go, and the queue is done with them. */
static inline bool
may_go(const struct sim_txq *q, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n && !is_lent(pkts[i]); i++)
		;
	return i == n && q->late.when.mode == SIM_TX_FREE_AT_ONCE &&
		q->late.n == 0 && !is_paused(q);
}

/* Sends what a device fetches of the packets that wait, unless it is
 * paused. */
static void
send_waiting(struct sim_txq *q)
{
	const struct sim_reach *r = __atomic_load_n(&q->port->reach,
						    __ATOMIC_ACQUIRE);
	struct rte_mbuf *copies[SIM_BURST], *pkt;
	uint16_t k = 0;

	if (is_paused(q))
		return;
	while ((pkt = sim_late_waiting(&q->late)) != NULL) {
		if (unlikely(sim_reach_is_outside(r, pkt))) {
			q->dma_fault++;
		} else {
			copies[k] = sim_mbuf_copy(pkt);
			if (copies[k] == NULL)
				break;
			k++;
		}
		sim_late_sent(&q->late);
		if (k == SIM_BURST) {
			send_chunk(q, copies, k);
			k = 0;
		}
	}
	send_chunk(q, copies, k);
}

/* Takes the packets as a device does, which are freed when it is known to have
 * fetched them.  Returns how many there were descriptors for. */
static uint16_t
send_copies(struct sim_txq *q, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	sim_late_clean(&q->late, UINT16_MAX);
	for (i = 0; i < n && sim_late_has_room(&q->late, pkts[i]); i++)
		sim_late_add(&q->late, pkts[i]);
	send_waiting(q);
	if (q->late.when.mode == SIM_TX_FREE_AT_ONCE)
		sim_late_clean(&q->late, UINT16_MAX);
	return i;
}

/* Sends at most SIM_BURST packets; returns how many. */
static inline uint16_t
send_some(struct sim_txq *q, struct rte_mbuf **pkts, uint16_t n)
{
	if (unlikely(!may_go(q, pkts, n)))
		return send_copies(q, pkts, n);
	send_chunk(q, pkts, n);
	return n;
}

uint16_t
sim_tx_burst(void *txq, struct rte_mbuf **pkts, uint16_t n)
{
	struct sim_txq *q = txq;
	struct sim_port *p = q->port;
	uint16_t done = 0, k, sent;

	if (unlikely(sim_port_queue_is_dead(p, SIM_FAULT_TX_STUCK, q->id)))
		return 0;
	sim_rcu_enter(q->reader);
	if (likely(__atomic_load_n(&p->link_up, __ATOMIC_RELAXED))) {
		do {
			k = RTE_MIN(n - done, SIM_BURST);
			sent = send_some(q, &pkts[done], k);
			done += sent;
		} while (sent == k && done < n);
	} else {
		discard(q, pkts, n);
		done = n;
	}
	sim_rcu_exit(q->reader);
	return done;
}

uint16_t
sim_tx_prepare(void *txq, struct rte_mbuf **pkts, uint16_t n)
{
	struct sim_txq *q = txq;
	uint16_t i;
	int ret;

	for (i = 0; i < n; i++) {
		ret = sim_offload_check(q->segments, pkts[i]);
		if (ret != 0) {
			rte_errno = -ret;
			break;
		}
	}
	return i;
}

bool
sim_tx_is_stuck(const struct sim_txq *q)
{
	return sim_port_queue_is_dead(q->port, SIM_FAULT_TX_STUCK, q->id);
}

int
sim_tx_done_cleanup(void *txq, uint32_t free_cnt)
{
	struct sim_txq *q = txq;

	if (sim_tx_is_stuck(q))
		return 0;
	if (sim_late_waiting(&q->late) != NULL) {
		sim_rcu_enter(q->reader);
		send_waiting(q);
		sim_rcu_exit(q->reader);
	}
	return sim_late_clean(&q->late, free_cnt == 0 ? UINT16_MAX :
			      RTE_MIN(free_cnt, (uint32_t)UINT16_MAX));
}

int
sim_tx_descriptor_status(void *txq, uint16_t offset)
{
	struct sim_txq *q = txq;

	/* A packet has left before the call that sent it returns. */
	return offset >= q->nb_desc ? -EINVAL : RTE_ETH_TX_DESC_DONE;
}

struct sim_txq *
sim_txq_create(struct sim_port *p, uint16_t id, uint16_t nb_desc, int socket,
	       uint64_t offloads, uint16_t rs_thresh)
{
	struct sim_tx_free when = p->tx_free;
	struct sim_txq *q;

	q = rte_zmalloc_socket("simnic_txq", sizeof(*q), RTE_CACHE_LINE_SIZE,
			       socket);
	if (q == NULL)
		return NULL;
	q->port = p;
	q->esw = &p->nic->esw;
	q->ep_id = p->ep_id;
	q->id = id;
	q->nb_desc = nb_desc;
	q->reader = sim_rcu_reader_add();
	if (q->reader == SIM_RCU_NO_READER)
		goto fail;
	if (when.mode == SIM_TX_FREE_GROUPS && rs_thresh > 0)
		when.n = rs_thresh;
	if (!sim_late_init(&q->late, &when, nb_desc, socket))
		goto fail;
	if (offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO) {
		q->segments = sim_segment_pool_get();
		if (q->segments == NULL)
			goto fail;
	}
	return q;
fail:
	SIM_LOG(ERR, "%s: no memory for tx queue %u", p->data->name, id);
	sim_txq_destroy(q);
	return NULL;
}

void
sim_tx_stop(struct sim_txq *q)
{
	if (q != NULL) {
		q->flushed += q->late.n_waiting;
		sim_late_drop(&q->late);
	}
}

void
sim_txq_destroy(struct sim_txq *q)
{
	if (q == NULL)
		return;
	sim_late_destroy(&q->late);
	sim_segment_pool_put(q->segments);
	sim_rcu_reader_remove(q->reader);
	rte_free(q);
}
