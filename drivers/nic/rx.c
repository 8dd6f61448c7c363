/* SPDX-License-Identifier: Apache-2.0 */

#include <rte_malloc.h>

#include "base/log.h"
#include "packet/checksum.h"
#include "packet/lro.h"
#include "nic/nic.h"
#include "base/rcu.h"
#include "nic/interrupt.h"
#include "nic/rx.h"
#include "packet/mbuf.h"

static inline void
count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* A chain can go by pointer if the queue takes chains and all of it is the
 * queue's own. */
static bool
chain_is_own(const struct sim_rxq *q, const struct rte_mbuf *m)
{
	if (!q->scatter)
		return false;
	for (m = m->next; m != NULL; m = m->next) {
		if (m->pool != q->mp || !RTE_MBUF_DIRECT(m) ||
		    rte_mbuf_refcnt_read(m) != 1)
			return false;
	}
	return true;
}

/* An mbuf that looks exactly as if this queue had received into it.  A
 * consumer may rely on the headroom: OVS pushes headers into it and cannot
 * reallocate. */
static inline bool
is_own(const struct sim_rxq *q, const struct rte_mbuf *m)
{
	return m->pool == q->mp && RTE_MBUF_DIRECT(m) &&
		rte_mbuf_refcnt_read(m) == 1 &&
		m->data_off >= RTE_PKTMBUF_HEADROOM &&
		(m->nb_segs == 1 || chain_is_own(q, m));
}

static inline void
set_metadata(const struct sim_rxq *q, struct rte_mbuf *m)
{
	m->ol_flags = 0;
	m->packet_type = 0;
	m->port = q->port->data->port_id;
	m->vlan_tci = 0;
	m->tx_offload = 0;
}

static void
copy_segments(struct rte_mbuf *dst, const struct rte_mbuf *src)
{
	struct rte_mbuf *seg = dst;
	uint32_t off = 0, chunk;

	dst->pkt_len = src->pkt_len;
	while (src != NULL) {
		chunk = RTE_MIN((uint32_t)rte_pktmbuf_tailroom(seg),
				rte_pktmbuf_data_len(src) - off);
		memcpy(rte_pktmbuf_mtod_offset(seg, void *, seg->data_len),
		       rte_pktmbuf_mtod_offset(src, void *, off), chunk);
		seg->data_len += chunk;
		off += chunk;
		if (off == rte_pktmbuf_data_len(src)) {
			src = src->next;
			off = 0;
		} else {
			seg = seg->next;
		}
	}
}

static inline bool
copy_packet(const struct sim_rxq *q, struct rte_mbuf *dst,
	    const struct rte_mbuf *src)
{
	if (likely(src->nb_segs == 1 && src->data_len <= q->room)) {
		memcpy(rte_pktmbuf_mtod(dst, void *),
		       rte_pktmbuf_mtod(src, void *), src->data_len);
		dst->data_len = src->data_len;
		dst->pkt_len = src->data_len;
		return true;
	}
	if (!sim_mbuf_extend(dst, q->mp, src->pkt_len))
		return false;
	copy_segments(dst, src);
	return true;
}

/* Replaces the packets in pkts[] whose numbers are in idx[] by copies from
 * the queue's pool; NULL where there was none.  Returns how many there
 * were. */
static uint16_t
copy_foreign(struct sim_rxq *q, struct rte_mbuf **pkts, const uint8_t *idx,
	     uint16_t n)
{
	struct rte_mbuf *fresh[SIM_BURST], *old[SIM_BURST];
	uint16_t i, got = 0, copied = 0;

	if (likely(rte_pktmbuf_alloc_bulk(q->mp, fresh, n) == 0))
		got = n;
	else
		while (got < n && (fresh[got] = rte_pktmbuf_alloc(q->mp)))
			got++;

	for (i = 0; i < n; i++) {
		old[i] = pkts[idx[i]];
		if (i < got && copy_packet(q, fresh[i], old[i])) {
			pkts[idx[i]] = fresh[i];
			copied++;
		} else {
			pkts[idx[i]] = NULL;
			if (i < got)
				rte_pktmbuf_free(fresh[i]);
		}
	}
	rte_pktmbuf_free_bulk(old, n);
	count(&q->copied, copied);
	return copied;
}

static uint16_t
drop_oversize(struct sim_rxq *q, struct rte_mbuf **pkts, uint16_t n,
	      uint32_t *hashes)
{
	uint16_t i, kept = 0;

	for (i = 0; i < n; i++) {
		if (likely(pkts[i]->pkt_len <= q->max_frame)) {
			pkts[kept] = pkts[i];
			if (hashes != NULL)
				hashes[kept] = hashes[i];
			kept++;
		} else {
			rte_pktmbuf_free(pkts[i]);
		}
	}
	if (kept != n)
		count(&q->oversize, n - kept);
	return kept;
}

/* Drops what the ring has no room for before any work is done on it. */
static uint16_t
drop_missed(struct sim_rxq *q, struct rte_mbuf **pkts, uint16_t n)
{
	unsigned int room = rte_ring_free_count(q->ring);

	if (likely(n <= room))
		return n;
	rte_pktmbuf_free_bulk(&pkts[room], n - room);
	count(&q->missed, n - room);
	return room;
}

/* Makes every packet one of the queue's own.  Those that cannot be copied for
 * want of an mbuf are dropped. */
static uint16_t
adopt(struct sim_rxq *q, struct rte_mbuf **pkts, uint16_t n,
      const uint32_t *hashes)
{
	uint8_t foreign[SIM_BURST];
	uint16_t i, kept = 0, n_foreign = 0;

	for (i = 0; i < n; i++) {
		if (unlikely(!is_own(q, pkts[i])))
			foreign[n_foreign++] = i;
	}
	if (n_foreign > 0)
		copy_foreign(q, pkts, foreign, n_foreign);
	for (i = 0; i < n; i++) {
		if (unlikely(pkts[i] == NULL))
			continue;
		set_metadata(q, pkts[i]);
		if (hashes != NULL && hashes[i] != 0) {
			pkts[i]->hash.rss = hashes[i];
			pkts[i]->ol_flags = RTE_MBUF_F_RX_RSS_HASH;
		}
		pkts[kept++] = pkts[i];
	}
	if (unlikely(kept != n))
		count(&q->nombuf, n - kept);
	return kept;
}

static void
check_sums(struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		pkts[i]->ol_flags |= sim_checksum_flags(pkts[i]);
}

static uint16_t
merge(struct sim_rxq *q, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t kept = sim_lro_merge(pkts, n, q->max_lro);

	if (kept != n)
		count(&q->merged, n - kept);
	return kept;
}

static void
enqueue(struct sim_rxq *q, struct rte_mbuf **pkts, uint16_t n,
	uint32_t *hashes)
{
	uint16_t done;

	if (unlikely(sim_port_has_fault(q->port, SIM_FAULT_RX_NOMBUF))) {
		count(&q->nombuf, n);
		rte_pktmbuf_free_bulk(pkts, n);
		return;
	}
	n = drop_oversize(q, pkts, n, hashes);
	n = drop_missed(q, pkts, n);
	n = adopt(q, pkts, n, hashes);
	if (q->checksum)
		check_sums(pkts, n);
	if (q->max_lro > 0)
		n = merge(q, pkts, n);
	if (n == 0)
		return;
	done = rte_ring_mp_enqueue_burst(q->ring, (void **)pkts, n, NULL);
	if (unlikely(done != n)) {	/* Another sender took the room. */
		count(&q->missed, n - done);
		rte_pktmbuf_free_bulk(&pkts[done], n - done);
	}
	sim_interrupt_check(q);
}

/* Spreads packets over the queues, in order within each queue. */
static void
spread(struct sim_port *p, const struct sim_rss *rss, struct rte_mbuf **pkts,
       uint16_t n)
{
	struct rte_mbuf *batch[SIM_BURST];
	uint32_t hash[SIM_BURST], batch_hash[SIM_BURST];
	uint16_t queue[SIM_BURST], i, k, left, q;
	struct sim_key key;

	for (i = 0; i < n; i++) {
		sim_key_parse(&key, pkts[i]);
		hash[i] = sim_rss_hash(rss, &key);
		q = sim_rss_queue(rss, &key, hash[i]);
		queue[i] = q < p->n_rxq ? q : 0;
	}
	while (n > 0) {
		q = queue[0];
		for (i = 0, k = 0, left = 0; i < n; i++) {
			if (queue[i] == q) {
				batch[k] = pkts[i];
				batch_hash[k++] = hash[i];
				continue;
			}
			pkts[left] = pkts[i];
			hash[left] = hash[i];
			queue[left++] = queue[i];
		}
		enqueue(p->rxq[q], batch, k, batch_hash);
		n = left;
	}
}

static bool
address_is_wanted(const struct sim_port *p, const struct rte_ether_addr *a)
{
	uint32_t i, n;

	if (rte_is_broadcast_ether_addr(a))
		return true;
	if (rte_is_multicast_ether_addr(a)) {
		if (p->data->all_multicast)
			return true;
		n = __atomic_load_n(&p->n_mc, __ATOMIC_ACQUIRE);
		for (i = 0; i < n; i++) {
			if (rte_is_same_ether_addr(a, &p->mc[i]))
				return true;
		}
		return false;
	}
	for (i = 0; i < SIM_MAX_MACS; i++) {
		if (rte_is_same_ether_addr(a, &p->data->mac_addrs[i]))
			return true;
	}
	return false;
}

static uint16_t
filter_addresses(struct sim_port *p, struct rte_mbuf **pkts, uint16_t n)
{
	const struct rte_ether_hdr *eth;
	uint16_t i, kept = 0;

	for (i = 0; i < n; i++) {
		eth = rte_pktmbuf_mtod(pkts[i], const struct rte_ether_hdr *);
		if (pkts[i]->data_len >= sizeof(*eth) &&
		    address_is_wanted(p, &eth->dst_addr))
			pkts[kept++] = pkts[i];
		else
			rte_pktmbuf_free(pkts[i]);
	}
	if (kept != n)
		count(&p->filtered, n - kept);
	return kept;
}

void
sim_rx_receive(struct sim_endpoint *ep, struct rte_mbuf **pkts, uint16_t n)
{
	struct sim_port *p = container_of(ep, struct sim_port, ep);
	const struct sim_rss *rss;

	if (unlikely(!__atomic_load_n(&p->link_up, __ATOMIC_RELAXED))) {
		count(&p->nic->esw.counters[p->ep_id].absent, n);
		rte_pktmbuf_free_bulk(pkts, n);
		return;
	}
	if (__atomic_load_n(&p->filter, __ATOMIC_RELAXED))
		n = filter_addresses(p, pkts, n);
	if (unlikely(n == 0))
		return;
	rss = __atomic_load_n(&p->rss, __ATOMIC_ACQUIRE);
	if (rss == NULL)
		enqueue(p->rxq[0], pkts, n, NULL);
	else
		spread(p, rss, pkts, n);
}

static inline uint16_t
dequeue(struct sim_rxq *q, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t bytes = 0;
	uint16_t i;

	n = rte_ring_sc_dequeue_burst(q->ring, (void **)pkts, n, NULL);
	if (n == 0)
		return 0;
	for (i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	q->packets += n;
	q->bytes += bytes;
	return n;
}

uint16_t
sim_rx_burst(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	struct sim_rxq *q = rxq;

	if (unlikely(sim_port_queue_is_dead(q->port, SIM_FAULT_RX_STUCK,
					    q->id)))
		return 0;
	sim_rcu_enter(q->reader);
	n = dequeue(q, pkts, n);
	sim_rcu_exit(q->reader);
	return n;
}

uint16_t
sim_rx_burst_wire(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	struct sim_rxq *q = rxq;

	if (unlikely(sim_port_queue_is_dead(q->port, SIM_FAULT_RX_STUCK,
					    q->id)))
		return 0;
	sim_rcu_enter(q->reader);
	sim_wire_poll(q->port->nic->wire, q->mp, q->max_frame,
		      RTE_MIN(n, SIM_BURST));
	n = dequeue(q, pkts, n);
	sim_rcu_exit(q->reader);
	return n;
}

sim_queue_fill
sim_rx_queue_count(void *rxq)
{
	struct sim_rxq *q = rxq;

	return rte_ring_count(q->ring);
}

int
sim_rx_descriptor_status(void *rxq, uint16_t offset)
{
	struct sim_rxq *q = rxq;

	if (offset >= q->nb_desc)
		return -EINVAL;
	return offset < rte_ring_count(q->ring) ? RTE_ETH_RX_DESC_DONE :
		RTE_ETH_RX_DESC_AVAIL;
}

static int
create_ring(struct sim_rxq *q, uint16_t nb_desc, int socket)
{
	ssize_t size = rte_ring_get_memsize(rte_align32pow2(nb_desc + 1));

	q->ring = rte_zmalloc_socket("simnic_ring", size, RTE_CACHE_LINE_SIZE,
				     socket);
	if (q->ring == NULL)
		return -ENOMEM;
	/* Many may send to the queue, one polls it. */
	return rte_ring_init(q->ring, "simnic", nb_desc,
			     RING_F_SC_DEQ | RING_F_EXACT_SZ);
}

struct sim_rxq *
sim_rxq_create(struct sim_port *p, uint16_t id, uint16_t nb_desc, int socket,
	       struct rte_mempool *mp)
{
	struct sim_rxq *q;

	q = rte_zmalloc_socket("simnic_rxq", sizeof(*q), RTE_CACHE_LINE_SIZE,
			       socket);
	if (q == NULL)
		return NULL;
	q->port = p;
	q->id = id;
	q->mp = mp;
	q->nb_desc = nb_desc;
	q->room = rte_pktmbuf_data_room_size(mp) - RTE_PKTMBUF_HEADROOM;
	q->reader = sim_rcu_reader_add();
	if (q->reader == SIM_RCU_NO_READER ||
	    create_ring(q, nb_desc, socket) != 0) {
		SIM_LOG(ERR, "%s: no memory for rx queue %u of %u descriptors",
			p->data->name, id, nb_desc);
		sim_rxq_destroy(q);
		return NULL;
	}
	return q;
}

void
sim_rxq_flush(struct sim_rxq *q)
{
	void *obj;

	while (rte_ring_dequeue(q->ring, &obj) == 0) {
		rte_pktmbuf_free(obj);
		count(&q->flushed, 1);
	}
}

void
sim_rxq_destroy(struct sim_rxq *q)
{
	if (q == NULL)
		return;
	if (q->ring != NULL)
		sim_rxq_flush(q);
	rte_free(q->ring);
	sim_rcu_reader_remove(q->reader);
	rte_free(q);
}
