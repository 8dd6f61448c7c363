/* SPDX-License-Identifier: Apache-2.0 */

/* The packets that a guest receives: from the e-switch to its virtqueues. */

#include <linux/virtio_net.h>

#include <rte_mbuf.h>

#include "vdpa/device/rx.h"

/* To the guest: up to the ring. */

/* Puts copies into the ring and frees the packets. */
static void
enqueue(struct sim_vdpa_vq *q, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *copies[SIM_BURST];
	uint16_t i, done, k = 0, room;

	if (unlikely(sim_vdpa_dev_has_fault(q->dev, SIM_FAULT_RX_NOMBUF))) {
		sim_vdpa_count(&q->counters.drop_nombuf, n);
		rte_pktmbuf_free_bulk(pkts, n);
		return;
	}
	room = RTE_MIN(rte_ring_free_count(q->ring), (unsigned int)n);
	for (i = 0; i < room; i++) {
		copies[k] = rte_pktmbuf_copy(pkts[i], q->dev->rx_pool, 0,
					     UINT32_MAX);
		k += copies[k] != NULL;
	}
	done = rte_ring_enqueue_burst(q->ring, (void **)copies, k, NULL);
	rte_pktmbuf_free_bulk(&copies[done], k - done);
	rte_pktmbuf_free_bulk(pkts, n);
	if (unlikely(k != room))
		sim_vdpa_count(&q->counters.drop_nombuf, room - k);
	if (unlikely(done != n))
		sim_vdpa_count(&q->counters.drop_missed,
			       n - room + k - done);
}

/* The queue for a hash: one of those whose bit is set. */
static inline uint16_t
pick_queue(uint32_t enabled, uint32_t hash)
{
	uint32_t k = hash % __builtin_popcount(enabled);

	while (k-- > 0)
		enabled &= enabled - 1;
	return __builtin_ctz(enabled);
}

static void
spread(struct sim_vdpa_dev *dev, uint32_t enabled, struct rte_mbuf **pkts,
       uint16_t n)
{
	struct rte_mbuf *batch[SIM_BURST];
	uint16_t queue[SIM_BURST], i, k, left, q;
	struct sim_key key;

	for (i = 0; i < n; i++) {
		sim_key_parse(&key, pkts[i]);
		queue[i] = pick_queue(enabled, sim_rss_hash(dev->rss, &key));
	}
	for (; n > 0; n = left) {
		q = queue[0];
		for (i = 0, k = 0, left = 0; i < n; i++) {
			if (queue[i] == q) {
				batch[k++] = pkts[i];
			} else {
				pkts[left] = pkts[i];
				queue[left++] = queue[i];
			}
		}
		enqueue(&dev->vq[2 * q], batch, k);
	}
}

void
sim_vdpa_receive(struct sim_endpoint *ep, struct rte_mbuf **pkts, uint16_t n)
{
	struct sim_vdpa_dev *dev = container_of(ep, struct sim_vdpa_dev, ep);
	uint32_t enabled = __atomic_load_n(&dev->rx_enabled,
					   __ATOMIC_ACQUIRE);

	if (unlikely(!sim_vdpa_link_is_up(dev) || enabled == 0 ||
		     !__atomic_load_n(&dev->running, __ATOMIC_ACQUIRE))) {
		sim_vdpa_count(&dev->esw->counters[dev->ep_id].absent, n);
		rte_pktmbuf_free_bulk(pkts, n);
		return;
	}
	if ((enabled & (enabled - 1)) == 0)
		enqueue(&dev->vq[2 * __builtin_ctz(enabled)], pkts, n);
	else
		spread(dev, enabled, pkts, n);
	sim_vdpa_wake(dev);
}

/* To the guest: from the ring. */

/* Where to write next in a list of segments. */
struct cursor {
	const struct sim_seg *seg;
	uint32_t off;
};

static bool
write_at(struct sim_dma *dma, struct cursor *at, const void *src,
	 uint32_t len)
{
	uint32_t chunk;

	while (len > 0) {
		if (at->off == at->seg->len) {
			at->seg++;
			at->off = 0;
			continue;
		}
		chunk = RTE_MIN(len, at->seg->len - at->off);
		if (!sim_dma_write(dma, at->seg->iova + at->off, src, chunk))
			return false;
		src = RTE_PTR_ADD(src, chunk);
		at->off += chunk;
		len -= chunk;
	}
	return true;
}

static bool
write_packet(struct sim_vdpa_vq *q, const struct rte_mbuf *m, uint16_t chains)
{
	struct cursor at = { .seg = q->dev->segs, .off = 0 };
	struct virtio_net_hdr_mrg_rxbuf h = { .num_buffers = chains };

	if (!write_at(&q->dev->dma, &at, &h, sim_vdpa_header_len(&q->vr)))
		return false;
	for (; m != NULL; m = m->next) {
		if (!write_at(&q->dev->dma, &at,
			      rte_pktmbuf_mtod(m, const void *), m->data_len))
			return false;
	}
	return true;
}

/* Takes chains until there is room for 'need' bytes.  1, and in '*chains' how
 * many; 0 if there is not enough room, with '*chains' unchanged if there may
 * be some day; -1 if the ring is broken. */
static int
gather(struct sim_vdpa_vq *q, uint64_t need, uint16_t *chains)
{
	bool mergeable = sim_vring_has(&q->vr, VIRTIO_NET_F_MRG_RXBUF);
	struct sim_vdpa_dev *dev = q->dev;
	uint32_t n_segs = 0, slots = 0;
	uint64_t room = 0;
	struct sim_chain c;
	uint16_t n = 0;
	int ret;

	do {
		ret = q->vr.ops->get(&q->vr, &dev->dma, &dev->segs[n_segs],
				     SIM_VRING_MAX_SIZE - n_segs, &c);
		if (ret != 1)
			return ret;
		if (c.n_read != 0)
			return sim_vring_fail(&q->vr,
					      SIM_VRING_ERR_DIRECTION);
		if (c.write_len == 0 ||
		    (n == 0 && c.write_len < sim_vdpa_header_len(&q->vr)))
			return sim_vring_fail(&q->vr, SIM_VRING_ERR_LENGTH);
		dev->used[n++] = (struct sim_used) {
			.id = c.id, .slots = c.slots,
			.len = RTE_MIN(c.write_len, need - room),
		};
		n_segs += c.n_write;
		slots += c.slots;
		room += c.write_len;
	} while (mergeable && room < need && slots < q->vr.size);
	*chains = n;
	return room >= need ? 1 : 0;
}

enum { DELIVERED, DROPPED, STARVED, BROKEN };

static int
deliver(struct sim_vdpa_vq *q, const struct rte_mbuf *m)
{
	uint16_t at = q->vr.last_avail, chains = 0;
	int ret;

	ret = gather(q, (uint64_t)m->pkt_len + sim_vdpa_header_len(&q->vr),
		     &chains);
	if (ret < 0)
		return BROKEN;
	if (ret == 0) {
		q->starved_at = q->vr.last_avail;
		__atomic_store_n(&q->vr.last_avail, at, __ATOMIC_RELAXED);
		/* Else one buffer is all there will be, or a full ring. */
		if (chains == 0)
			return STARVED;
		sim_vdpa_count(&q->counters.drop_oversize, 1);
		return DROPPED;
	}
	if (!write_packet(q, m, chains)) {
		sim_vring_fail(&q->vr, SIM_VRING_ERR_DMA);
		return BROKEN;
	}
	q->vr.ops->put(&q->vr, q->dev->used, chains);
	sim_vdpa_count(&q->counters.packets, 1);
	sim_vdpa_count(&q->counters.bytes, m->pkt_len);
	return DELIVERED;
}

static bool
refill(struct sim_vdpa_vq *q)
{
	if (q->n_waiting == 0) {
		q->first_waiting = 0;
		q->n_waiting = rte_ring_sc_dequeue_burst(q->ring,
				(void **)q->waiting, SIM_VDPA_BURST, NULL);
	}
	return q->n_waiting != 0;
}

uint16_t
sim_vdpa_rx(struct sim_vdpa_vq *q)
{
	struct rte_mbuf *m;
	uint16_t n = 0;
	int ret;

	q->starved = false;
	if (!refill(q))
		return 0;
	while (q->n_waiting > 0) {
		m = q->waiting[q->first_waiting];
		ret = deliver(q, m);
		if (ret == STARVED || ret == BROKEN) {
			q->starved = ret == STARVED;
			break;
		}
		rte_pktmbuf_free(m);
		q->first_waiting++;
		q->n_waiting--;
		n++;
	}
	if (n > 0)
		q->vr.ops->flush(&q->vr);
	if (unlikely(q->n_waiting > 0 && !q->starved))
		sim_vdpa_queue_fail(q);
	return n;
}

void
sim_vdpa_rx_flush(struct sim_vdpa_vq *q)
{
	struct rte_mbuf *m;

	for (; q->n_waiting > 0; q->n_waiting--) {
		rte_pktmbuf_free(q->waiting[q->first_waiting++]);
		sim_vdpa_count(&q->counters.drop_flushed, 1);
	}
	while (q->ring != NULL && rte_ring_dequeue(q->ring, (void **)&m) == 0) {
		rte_pktmbuf_free(m);
		sim_vdpa_count(&q->counters.drop_flushed, 1);
	}
}
