/* SPDX-License-Identifier: Apache-2.0 */

/* The packets that a guest sends: from its virtqueues to the e-switch. */

#include <errno.h>

#include <linux/virtio_net.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "packet/mbuf.h"
#include "packet/offload.h"
#include "vdpa/device/tx.h"

/* The largest packet a guest may send: IP's 64 KiB and two tags. */
#define MAX_TX_LEN (65535 + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)

/* Packets for the e-switch. */
struct batch {
	struct sim_vdpa_vq *q;
	uint16_t n;
	struct rte_mbuf *pkts[SIM_BURST];
};

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
	sim_eswitch_send(q->dev->esw, q->dev->ep_id, pkts, n);
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
	uint32_t hlen = sim_vdpa_header_len(&q->vr);
	struct rte_mbuf *m;
	struct virtio_net_hdr_mrg_rxbuf h;

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
	if (unlikely(!sim_vdpa_link_is_up(q->dev))) {
		rte_pktmbuf_free(m);
		sim_vdpa_count(&q->counters.drop_link_down, 1);
		return true;
	}
	send_packet(b, m, &h.hdr);
	return true;
}

uint16_t
sim_vdpa_tx(struct sim_vdpa_vq *q)
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
		sim_vdpa_queue_fail(q);
	return n;
}

uint16_t
sim_vdpa_tx_injected(struct sim_vdpa_dev *dev)
{
	struct rte_mbuf *m;

	if (likely(rte_ring_empty(dev->injected)) ||
	    rte_ring_dequeue(dev->injected, (void **)&m) != 0)
		return 0;
	if (sim_vdpa_link_is_up(dev))
		sim_eswitch_send(dev->esw, dev->ep_id, &m, 1);
	else
		rte_pktmbuf_free(m);
	return 1;
}
