/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <pthread.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "base/log.h"
#include "packet/mbuf.h"
#include "packet/offload.h"

/* Enough for sixteen threads that segment at the same time. */
#define SEGMENT_POOL_SIZE 511
#define SEGMENT_BATCH 32

/* A packet that is being cut up. */
struct tso {
	const struct rte_mbuf *m;
	uint32_t hlen;		/* All headers. */
	uint32_t payload;
	uint16_t mss;
	uint16_t index;		/* Of the next segment. */
	uint32_t off;		/* Of its payload. */
};

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct rte_mempool *segment_pool;	/* Guarded by pool_lock. */
static unsigned int pool_users;			/* Guarded by pool_lock. */

struct rte_mempool *
sim_segment_pool_get(void)
{
	struct rte_mempool *pool;

	pthread_mutex_lock(&pool_lock);
	if (pool_users == 0)
		segment_pool = rte_pktmbuf_pool_create("simnic_segments",
				SEGMENT_POOL_SIZE, 0, 0,
				SIM_MAX_FRAME + RTE_PKTMBUF_HEADROOM,
				SOCKET_ID_ANY);
	if (segment_pool != NULL)
		pool_users++;
	else
		SIM_LOG(ERR, "no memory for the pool of TSO segments");
	pool = segment_pool;
	pthread_mutex_unlock(&pool_lock);
	return pool;
}

void
sim_segment_pool_put(struct rte_mempool *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool_lock);
	if (--pool_users == 0) {
		rte_mempool_free(segment_pool);
		segment_pool = NULL;
	}
	pthread_mutex_unlock(&pool_lock);
}

static uint32_t
l4_header_len(const struct rte_mbuf *m)
{
	switch (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) {
	case RTE_MBUF_F_TX_TCP_CKSUM:
		return sizeof(struct rte_tcp_hdr);
	case RTE_MBUF_F_TX_UDP_CKSUM:
		return sizeof(struct rte_udp_hdr);
	default:
		return 0;
	}
}

static int
check_tso(const struct rte_mempool *pool, const struct rte_mbuf *m)
{
	uint32_t hlen = m->l2_len + m->l3_len + m->l4_len;

	if (pool == NULL)
		return -ENOTSUP;
	if (m->l4_len < sizeof(struct rte_tcp_hdr) || m->tso_segsz == 0 ||
	    hlen + m->tso_segsz > SIM_MAX_FRAME || hlen >= m->pkt_len)
		return -EINVAL;
	return 0;
}

int
sim_offload_check(const struct rte_mempool *pool, const struct rte_mbuf *m)
{
	const uint64_t known = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 |
		RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK |
		RTE_MBUF_F_TX_TCP_SEG;
	uint64_t flags = m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
	uint64_t ip = flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
	uint64_t l4 = flags & RTE_MBUF_F_TX_L4_MASK;
	uint32_t l3_min;

	if ((flags & ~known) != 0 || l4 == RTE_MBUF_F_TX_SCTP_CKSUM)
		return -ENOTSUP;
	if ((flags & SIM_OFFLOAD_FLAGS) == 0)
		return 0;
	if (ip != RTE_MBUF_F_TX_IPV4 && ip != RTE_MBUF_F_TX_IPV6)
		return -EINVAL;
	l3_min = ip == RTE_MBUF_F_TX_IPV4 ? sizeof(struct rte_ipv4_hdr) :
		sizeof(struct rte_ipv6_hdr);
	if (m->l2_len < RTE_ETHER_HDR_LEN || m->l3_len < l3_min ||
	    m->l2_len + m->l3_len + l4_header_len(m) > m->pkt_len)
		return -EINVAL;
	return flags & RTE_MBUF_F_TX_TCP_SEG ? check_tso(pool, m) : 0;
}

static void
set_ip_checksum(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip;

	ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, m->l2_len);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* librte_net has a function for this, but the one of DPDK 22.11 loses a carry
 * at a segment of odd length. */
uint32_t
sim_sum(const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	uint32_t sum = 0, done = 0, chunk;
	uint16_t part;

	for (; off >= m->data_len; m = m->next)
		off -= m->data_len;
	while (done < len) {
		chunk = RTE_MIN(len - done, m->data_len - off);
		part = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, void *, off),
				     chunk);
		sum += done & 1 ? rte_bswap16(part) : part;
		done += chunk;
		off = 0;
		m = m->next;
	}
	return sum;
}

/* The length of what follows the IP header by that header's own account, but
 * not more than there is. */
static uint32_t
l4_length(const struct rte_mbuf *m, const void *ip)
{
	uint32_t room = m->pkt_len - m->l2_len - m->l3_len, len;

	if (m->ol_flags & RTE_MBUF_F_TX_IPV4)
		len = rte_be_to_cpu_16(((const struct rte_ipv4_hdr *)
					ip)->total_length) - m->l3_len;
	else
		len = rte_be_to_cpu_16(((const struct rte_ipv6_hdr *)
					ip)->payload_len) +
			sizeof(struct rte_ipv6_hdr) - m->l3_len;
	return RTE_MIN(len, room);
}

static uint16_t
l4_checksum(const struct rte_mbuf *m, const void *ip, uint32_t off)
{
	uint32_t len = l4_length(m, ip);
	uint32_t sum = len == 0 ? 0 : sim_sum(m, off, len);

	if (m->ol_flags & RTE_MBUF_F_TX_IPV4)
		sum += rte_ipv4_phdr_cksum(ip, 0);
	else
		sum += rte_ipv6_phdr_cksum(ip, 0);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	/* In UDP zero means that there is none. */
	return sum == 0xffff ? 0xffff : (uint16_t)~sum;
}

static void
set_l4_checksum(struct rte_mbuf *m)
{
	uint32_t off = m->l2_len + m->l3_len;
	const void *ip = rte_pktmbuf_mtod_offset(m, void *, m->l2_len);
	rte_be16_t *sum;

	if ((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM)
		sum = &rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *,
					       off)->dgram_cksum;
	else
		sum = &rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *,
					       off)->cksum;
	*sum = 0;
	*sum = l4_checksum(m, ip, off);
}

/* Everything but segmentation, in place. */
static void
set_checksums(struct rte_mbuf *m)
{
	if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)
		set_ip_checksum(m);
	if (m->ol_flags & RTE_MBUF_F_TX_L4_MASK)
		set_l4_checksum(m);
	m->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
}

static void
copy_payload(uint8_t *dst, const struct rte_mbuf *m, uint32_t off,
	     uint32_t len)
{
	uint32_t chunk;

	for (; off >= m->data_len; m = m->next)
		off -= m->data_len;
	while (len > 0) {
		chunk = RTE_MIN(len, m->data_len - off);
		memcpy(dst, rte_pktmbuf_mtod_offset(m, void *, off), chunk);
		dst += chunk;
		len -= chunk;
		off = 0;
		m = m->next;
	}
}

/* The headers of segment tso->index, which were copied from the original. */
static void
fix_headers(const struct tso *tso, struct rte_mbuf *seg, bool last)
{
	uint32_t l3_len = seg->pkt_len - seg->l2_len;
	struct rte_ipv4_hdr *ip4;
	struct rte_ipv6_hdr *ip6;
	struct rte_tcp_hdr *tcp;

	if (seg->ol_flags & RTE_MBUF_F_TX_IPV4) {
		ip4 = rte_pktmbuf_mtod_offset(seg, struct rte_ipv4_hdr *,
					      seg->l2_len);
		ip4->total_length = rte_cpu_to_be_16(l3_len);
		ip4->packet_id = rte_cpu_to_be_16(
			rte_be_to_cpu_16(ip4->packet_id) + tso->index);
		seg->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
	} else {
		ip6 = rte_pktmbuf_mtod_offset(seg, struct rte_ipv6_hdr *,
					      seg->l2_len);
		ip6->payload_len = rte_cpu_to_be_16(l3_len - sizeof(*ip6));
	}
	tcp = rte_pktmbuf_mtod_offset(seg, struct rte_tcp_hdr *,
				      seg->l2_len + seg->l3_len);
	tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) +
					 tso->off);
	if (tso->index > 0)
		tcp->tcp_flags &= ~RTE_TCP_CWR_FLAG;
	if (!last)
		tcp->tcp_flags &= ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
}

static struct rte_mbuf *
next_segment(struct tso *tso, struct rte_mempool *pool)
{
	uint32_t len = RTE_MIN((uint32_t)tso->mss, tso->payload - tso->off);
	struct rte_mbuf *seg = rte_pktmbuf_alloc(pool);
	uint8_t *data;

	if (seg == NULL)
		return NULL;
	data = (uint8_t *)rte_pktmbuf_append(seg, tso->hlen + len);
	copy_payload(data, tso->m, 0, tso->hlen);
	copy_payload(data + tso->hlen, tso->m, tso->hlen + tso->off, len);
	seg->tx_offload = tso->m->tx_offload;
	seg->ol_flags = (tso->m->ol_flags & RTE_MBUF_F_TX_IPV4) |
		(tso->m->ol_flags & RTE_MBUF_F_TX_IPV6) |
		RTE_MBUF_F_TX_TCP_CKSUM;
	fix_headers(tso, seg, tso->off + len == tso->payload);
	set_checksums(seg);
	tso->off += len;
	tso->index++;
	return seg;
}

static int
segment(struct rte_mempool *pool, const struct rte_mbuf *m, sim_emit_fn *emit,
	void *ctx)
{
	struct tso tso = {
		.m = m,
		.hlen = m->l2_len + m->l3_len + m->l4_len,
		.mss = m->tso_segsz,
	};
	struct rte_mbuf *batch[SEGMENT_BATCH];
	uint16_t n = 0;

	tso.payload = m->pkt_len - tso.hlen;
	while (tso.off < tso.payload) {
		batch[n] = next_segment(&tso, pool);
		if (batch[n] == NULL)
			break;
		if (++n == SEGMENT_BATCH) {
			emit(ctx, batch, n);
			n = 0;
		}
	}
	if (n > 0)
		emit(ctx, batch, n);
	return tso.off < tso.payload ? -ENOMEM : 0;
}

int
sim_offload(struct rte_mempool *pool, struct rte_mbuf *m, sim_emit_fn *emit,
	    void *ctx)
{
	int ret = sim_offload_check(pool, m);

	if (ret != 0) {
		rte_pktmbuf_free(m);
		return ret;
	}
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
		ret = segment(pool, m, emit, ctx);
		rte_pktmbuf_free(m);
		return ret;
	}
	if (m->ol_flags & SIM_OFFLOAD_FLAGS) {
		m = sim_make_writable(m, m->l2_len + m->l3_len +
				      l4_header_len(m));
		if (m == NULL)
			return -ENOMEM;
		set_checksums(m);
	}
	emit(ctx, &m, 1);
	return 0;
}
