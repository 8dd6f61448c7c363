/* SPDX-License-Identifier: Apache-2.0 */

#include "packet/mbuf.h"

struct rte_mbuf *
sim_mbuf_copy(const struct rte_mbuf *m)
{
	struct rte_mempool *pool = m->pool;
	struct rte_mbuf *copy;

	/* An indirect mbuf's own pool has no room for data. */
	if (RTE_MBUF_CLONED(m))
		pool = rte_mbuf_from_indirect((struct rte_mbuf *)(uintptr_t)
					      m)->pool;
	copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
	if (copy != NULL) {
		copy->ol_flags |= m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
		copy->tx_offload = m->tx_offload;
	}
	return copy;
}

struct rte_mbuf *
sim_make_writable(struct rte_mbuf *m, uint32_t len)
{
	struct rte_mbuf *copy;

	if (RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1 &&
	    (m->nb_segs == 1 || rte_pktmbuf_data_len(m) >= len))
		return m;
	copy = sim_mbuf_copy(m);
	rte_pktmbuf_free(m);
	return copy;
}

bool
sim_mbuf_extend(struct rte_mbuf *head, struct rte_mempool *pool, uint32_t len)
{
	uint32_t room = rte_pktmbuf_tailroom(head);
	struct rte_mbuf *tail = head;

	while (room < len) {
		tail->next = rte_pktmbuf_alloc(pool);
		if (unlikely(tail->next == NULL))
			return false;
		tail = tail->next;
		tail->data_off = 0;
		room += tail->buf_len;
		head->nb_segs++;
	}
	return true;
}

struct rte_mbuf *
sim_mbuf_alloc(struct rte_mempool *pool, uint32_t len)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool);

	if (likely(head != NULL && sim_mbuf_extend(head, pool, len)))
		return head;
	rte_pktmbuf_free(head);
	return NULL;
}
