/* SPDX-License-Identifier: Apache-2.0 */

/* The packets of a vDPA device: between virtqueues and the e-switch. */

#include <errno.h>

#include <linux/virtio_net.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "base/fault.h"
#include "nic/nic.h"
#include "packet/mbuf.h"
#include "packet/offload.h"
#include "nic/port.h"
#include "vdpa/device/device.h"

/* The largest packet a guest may send: IP's 64 KiB and two tags. */
#define MAX_TX_LEN (65535 + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)

typedef struct virtio_net_hdr_mrg_rxbuf net_hdr;

/* Packets for the e-switch. */
struct batch {
	struct sim_vdpa_vq *q;
	uint16_t n;
	struct rte_mbuf *pkts[SIM_BURST];
};

static inline uint32_t
header_len(const struct sim_vring *vr)
{
	return sim_vring_has(vr, VIRTIO_F_VERSION_1) ||
		sim_vring_has(vr, VIRTIO_NET_F_MRG_RXBUF) ? sizeof(net_hdr) :
		sizeof(struct virtio_net_hdr);
}

static inline bool
link_is_up(const struct sim_vdpa_dev *dev)
{
	return __atomic_load_n(&dev->link_up, __ATOMIC_RELAXED);
}

/* From the guest. */

static void
emit(void *ctx, struct rte_mbuf **pkts, uint16_t n)
{
	struct sim_vdpa_vq *q = ctx;
	uint64_t bytes = 0;
	uint16_t i;

	for (i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	sim_vdpa_count(&q->counters.packets, n);
	sim_vdpa_count(&q->counters.bytes, bytes);
	sim_eswitch_send(&q->dev->nic->esw, q->dev->ep_id, pkts, n);
}

static void
batch_send(struct batch *b)
{
	if (b->n > 0)
		emit(b->q, b->pkts, b->n);
	b->n = 0;
}

/* The checksum that the guest left to the NIC: from csum_start to the end,
 * stored csum_offset behind, where the pseudo header's sum is already. */
static bool
finish_checksum(struct rte_mbuf *m, const struct virtio_net_hdr *h)
{
	uint32_t start = h->csum_start, at = start + h->csum_offset, sum;
	uint16_t *field;

	if (at + sizeof(*field) > m->data_len)
		return false;
	field = rte_pktmbuf_mtod_offset(m, uint16_t *, at);
	sum = sim_sum(m, start, m->pkt_len - start);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	/* Zero would mean "none" to UDP. */
	*field = sum == 0xffff ? 0xffff : (uint16_t)~sum;
	return true;
}

/* Where the IP header begins and which one it is; 0 if it is none. */
static uint64_t
find_ip(struct rte_mbuf *m)
{
	uint16_t type, off = 2 * RTE_ETHER_ADDR_LEN;
	int tags;

	for (tags = 0; tags <= 2; tags++, off += RTE_VLAN_HLEN) {
		if (off + sizeof(type) > m->data_len)
			return 0;
		type = *rte_pktmbuf_mtod_offset(m, uint16_t *, off);
		if (type != RTE_BE16(RTE_ETHER_TYPE_VLAN) &&
		    type != RTE_BE16(RTE_ETHER_TYPE_QINQ))
			break;
	}
	m->l2_len = off + sizeof(type);
	return type == RTE_BE16(RTE_ETHER_TYPE_IPV4) ? RTE_MBUF_F_TX_IPV4 :
		type == RTE_BE16(RTE_ETHER_TYPE_IPV6) ? RTE_MBUF_F_TX_IPV6 : 0;
}

/* Turns the guest's wish for segmentation into mbuf flags. */
static bool
ask_for_tso(const struct sim_vring *vr, struct rte_mbuf *m,
	    const struct virtio_net_hdr *h)
{
	uint8_t type = h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	const struct rte_tcp_hdr *tcp;
	uint64_t ip = find_ip(m);

	if (!(type == VIRTIO_NET_HDR_GSO_TCPV4 && ip == RTE_MBUF_F_TX_IPV4 &&
	      sim_vring_has(vr, VIRTIO_NET_F_HOST_TSO4)) &&
	    !(type == VIRTIO_NET_HDR_GSO_TCPV6 && ip == RTE_MBUF_F_TX_IPV6 &&
	      sim_vring_has(vr, VIRTIO_NET_F_HOST_TSO6)))
		return false;
	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
	    h->csum_start <= m->l2_len || h->csum_start - m->l2_len >= 512 ||
	    h->csum_start + sizeof(*tcp) > m->data_len)
		return false;
	tcp = rte_pktmbuf_mtod_offset(m, const struct rte_tcp_hdr *,
				      h->csum_start);
	m->l3_len = h->csum_start - m->l2_len;
	m->l4_len = (tcp->data_off >> 4) * 4;
	m->tso_segsz = h->gso_size;
	if (m->l2_len + m->l3_len + m->l4_len > m->data_len)
		return false;
	m->ol_flags = ip | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
		(ip == RTE_MBUF_F_TX_IPV4 ? RTE_MBUF_F_TX_IP_CKSUM : 0);
	return true;
}

/* Takes the packet. */
static void
send_packet(struct batch *b, struct rte_mbuf *m,
	    const struct virtio_net_hdr *h)
{
	struct sim_vdpa_vq *q = b->q;
	int ret;

	if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		batch_send(b);	/* In order. */
		if (!ask_for_tso(&q->vr, m, h)) {
			rte_pktmbuf_free(m);
			sim_vdpa_count(&q->counters.drop_bad_offload, 1);
			return;
		}
		ret = sim_offload(q->dev->segments, m, emit, q);
		if (ret == -ENOMEM)
			sim_vdpa_count(&q->counters.drop_nombuf, 1);
		else if (ret != 0)
			sim_vdpa_count(&q->counters.drop_bad_offload, 1);
		return;
	}
	if (m->pkt_len > SIM_MAX_FRAME) {
		rte_pktmbuf_free(m);
		sim_vdpa_count(&q->counters.drop_oversize, 1);
		return;
	}
	if ((h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	    (!sim_vring_has(&q->vr, VIRTIO_NET_F_CSUM) ||
	     !finish_checksum(m, h))) {
		rte_pktmbuf_free(m);
		sim_vdpa_count(&q->counters.drop_bad_offload, 1);
		return;
	}
	b->pkts[b->n++] = m;
}

/* Reads the readable part of a chain into 'm', which has as many segments as
 * it needs, but for the first 'skip' bytes, which go to 'header'. */
static bool
read_chain(struct sim_dma *dma, const struct sim_chain *c, uint8_t *header,
	   uint32_t skip, struct rte_mbuf *m)
{
	uint32_t i, len, chunk;
	uint64_t iova;

	for (i = 0; i < c->n_read; i++) {
		iova = c->segs[i].iova;
		len = c->segs[i].len;
		if (skip > 0) {
			chunk = RTE_MIN(skip, len);
			if (!sim_dma_read(dma, header, iova, chunk))
				return false;
			header += chunk;
			skip -= chunk;
			iova += chunk;
			len -= chunk;
		}
		for (; len > 0; iova += chunk, len -= chunk) {
			while (rte_pktmbuf_tailroom(m) == 0)
				m = m->next;
			chunk = RTE_MIN(len,
					(uint32_t)rte_pktmbuf_tailroom(m));
			if (!sim_dma_read(dma, rte_pktmbuf_mtod_offset(m,
					  void *, m->data_len), iova, chunk))
				return false;
			m->data_len += chunk;
		}
	}
	return true;
}

/* One chain.  False if the ring is broken; a packet that cannot be sent is
 * counted. */
static bool
send_chain(struct batch *b, const struct sim_chain *c)
{
	struct sim_vdpa_vq *q = b->q;
	uint32_t hlen = header_len(&q->vr);
	struct rte_mbuf *m;
	net_hdr h;

	if (unlikely(c->read_len < hlen)) {
		sim_vring_fail(&q->vr, SIM_VRING_ERR_LENGTH);
		return false;
	}
	if (unlikely(c->read_len - hlen > MAX_TX_LEN)) {
		sim_vdpa_count(&q->counters.drop_oversize, 1);
		return true;
	}
	if (unlikely(c->read_len - hlen < RTE_ETHER_HDR_LEN)) {
		sim_vdpa_count(&q->counters.drop_runt, 1);
		return true;
	}
	m = sim_mbuf_alloc(q->dev->tx_pool, c->read_len - hlen);
	if (unlikely(m == NULL)) {
		sim_vdpa_count(&q->counters.drop_nombuf, 1);
		return true;
	}
	m->pkt_len = c->read_len - hlen;
	if (unlikely(!read_chain(&q->dev->dma, c, (uint8_t *)&h, hlen, m))) {
		rte_pktmbuf_free(m);
		sim_vring_fail(&q->vr, SIM_VRING_ERR_DMA);
		return false;
	}
	if (unlikely(!link_is_up(q->dev))) {
		rte_pktmbuf_free(m);
		sim_vdpa_count(&q->counters.drop_link_down, 1);
		return true;
	}
	send_packet(b, m, &h.hdr);
	return true;
}

uint16_t
sim_vdpa_net_tx(struct sim_vdpa_vq *q)
{
	struct sim_vdpa_dev *dev = q->dev;
	struct batch b = { .q = q, .n = 0 };
	struct sim_used used;
	struct sim_chain c;
	uint16_t n;
	int ret = 0;

	for (n = 0; n < SIM_VDPA_BURST; n++) {
		ret = q->vr.ops->get(&q->vr, &dev->dma, dev->segs,
				     SIM_VRING_MAX_SIZE, &c);
		if (ret == 1 && !send_chain(&b, &c))
			ret = -1;
		if (ret != 1)
			break;
		used = (struct sim_used) { .id = c.id, .slots = c.slots };
		q->vr.ops->put(&q->vr, &used, 1);
	}
	if (n > 0)
		q->vr.ops->flush(&q->vr);
	batch_send(&b);
	if (unlikely(ret < 0))
		sim_vdpa_engine_fail(q);
	return n;
}

uint16_t
sim_vdpa_net_send_injected(struct sim_vdpa_dev *dev)
{
	struct rte_mbuf *m;

	if (likely(rte_ring_empty(dev->injected)) ||
	    rte_ring_dequeue(dev->injected, (void **)&m) != 0)
		return 0;
	if (link_is_up(dev))
		sim_eswitch_send(&dev->nic->esw, dev->ep_id, &m, 1);
	else
		rte_pktmbuf_free(m);
	return 1;
}

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

	if (unlikely(!link_is_up(dev) || enabled == 0 ||
		     !__atomic_load_n(&dev->running, __ATOMIC_ACQUIRE))) {
		sim_vdpa_count(&dev->nic->esw.counters[dev->ep_id].absent, n);
		rte_pktmbuf_free_bulk(pkts, n);
		return;
	}
	if ((enabled & (enabled - 1)) == 0)
		enqueue(&dev->vq[2 * __builtin_ctz(enabled)], pkts, n);
	else
		spread(dev, enabled, pkts, n);
	sim_vdpa_engine_wake(dev);
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
	net_hdr h = { .num_buffers = chains };

	if (!write_at(&q->dev->dma, &at, &h, header_len(&q->vr)))
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
		    (n == 0 && c.write_len < header_len(&q->vr)))
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

	ret = gather(q, (uint64_t)m->pkt_len + header_len(&q->vr), &chains);
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
sim_vdpa_net_rx(struct sim_vdpa_vq *q)
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
		sim_vdpa_engine_fail(q);
	return n;
}

void
sim_vdpa_net_flush(struct sim_vdpa_vq *q)
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
