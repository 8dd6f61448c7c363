/* SPDX-License-Identifier: Apache-2.0 */

/* net_benchvf: a VF for benchmarks.  What it receives comes from nowhere, what
 * it sends goes nowhere.
 *
 *   net_benchvfN,ctl=FILE,side=host|guest|idle,port=N[,queues=N][,clock=1]
 *                [,tcp=0|1|2]
 *
 * The VF on the host is what the measured system forwards to and from; the one
 * in the guest is the guest's application, which a testpmd connects with
 * virtio-user.  Unlike net_null it is no endless source: at most a window of
 * frames is under way between the two, so that no system has to receive what
 * it can only drop, and none drops what it has received.  FILE is the control
 * block, which see in bench_vf.h: by it the length and the direction of the
 * frames change while everything runs.
 *
 * With tcp=1 it knows checksums and segmentation of TCP, and the frames that it
 * gives may be put together from many, as by LRO.  With tcp=2 it says what such
 * frames are as if for transmission, for systems that would have to do that,
 * and do not, before they give them to the guest.
 *
 * With clock=1 it is the meter as well.  All VFs of a process are polled by
 * one thread: this is a tool for measuring that thread. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_kvargs.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include <ethdev_driver.h>
#include <ethdev_vdev.h>

#include "bench_meter.h"
#include "bench_source.h"
#include "bench_tcp.h"
#include "bench_vf.h"
#include "compat.h"

RTE_LOG_REGISTER(bench_logtype, pmd.net.benchvf, NOTICE);

#define BENCH_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_ ## level, bench_logtype, "BENCHVF: " fmt "\n", \
		## __VA_ARGS__)

#define MAX_QUEUES 16
#define MAX_MTU 9216

/* Frames that a guest holds while it gives back what it gets. */
#define LOOP_SIZE 4096

/* Frames that a VF keeps after it has sent them. */
#define MAX_KEPT 1024

/* Where a frame has the time when it was due, in TSC cycles. */
#define STAMP_OFFSET 48

/* What a VF knows, and says of the frames that it gives, with tcp=1 and 2. */
#define TCP_TX_CAPA (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | \
		     RTE_ETH_TX_OFFLOAD_UDP_CKSUM | \
		     RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
		     RTE_ETH_TX_OFFLOAD_TCP_TSO)
#define TCP_RX_CAPA (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | \
		     RTE_ETH_RX_OFFLOAD_UDP_CKSUM | \
		     RTE_ETH_RX_OFFLOAD_TCP_CKSUM | \
		     RTE_ETH_RX_OFFLOAD_TCP_LRO | \
		     RTE_ETH_RX_OFFLOAD_SCATTER)
#define TCP_RX_FLAGS (RTE_MBUF_F_RX_IP_CKSUM_GOOD | \
		      RTE_MBUF_F_RX_L4_CKSUM_GOOD)
#define MAX_LARGE_LEN (UINT16_MAX + RTE_ETHER_HDR_LEN)
#define MAX_PARTS 64		/* mbufs of a frame. */

struct bench_dev;

struct bench_queue {
	struct bench_dev *dev;
	struct rte_mempool *mempool;	/* Of a receive queue. */
	bool clock;
	bool fast_free;			/* Of a transmit queue. */
};

struct bench_dev {
	struct bench_ctl *ctl;
	struct bench_port *own;
	enum bench_side side;
	bool idle;
	bool clock;
	unsigned int tcp;		/* Of the devargs. */
	uint16_t port;			/* Number within the side. */
	uint16_t port_id;
	uint16_t queues;
	struct rte_ether_addr mac;

	struct bench_source source;
	uint64_t next_size;
	uint64_t due;			/* Of the next frame, in 1/256 TSC
					 * cycles. */

	/* What a guest is to give back. */
	unsigned int loop_head, loop_tail;
	struct rte_mbuf *loop[LOOP_SIZE];

	/* What a VF of the host keeps. */
	unsigned int next_kept;
	struct rte_mbuf *kept[MAX_KEPT];

	struct bench_queue rxqs[MAX_QUEUES];
	struct bench_queue txqs[MAX_QUEUES];
};

/* Receiving. */

/* Returns how many of 'n' frames it is time for. */
static inline uint16_t
source_due(const struct bench_dev *dev, uint64_t interval, uint16_t n)
{
	uint64_t now = rte_rdtsc() << 8;
	uint64_t due;

	if ((int64_t)(now - dev->due) < 0)
		return 0;
	due = (now - dev->due) / interval + 1;
	return RTE_MIN(due, n);
}

/* Gives the frames their lengths and, with a rate, the time. */
static inline void
source_dress(struct bench_dev *dev, struct rte_mbuf **pkts, uint16_t n)
{
	const struct bench_params *p = &dev->ctl->params;
	uint64_t interval = p->interval;
	uint16_t i;

	for (i = 0; i < n; i++) {
		uint16_t len = p->sizes[dev->next_size];

		if (++dev->next_size >= p->n_sizes)
			dev->next_size = 0;
		pkts[i]->data_len = len;
		pkts[i]->pkt_len = len;
		pkts[i]->port = dev->port_id;
		if (interval != 0) {
			*rte_pktmbuf_mtod_offset(pkts[i], uint64_t *,
						 STAMP_OFFSET) = dev->due >> 8;
			dev->due += interval;
		}
	}
}

/* Adds to 'pkt', of one mbuf, as many as it takes to have 'len' bytes.  Returns
 * false if there are none. */
static bool
add_mbufs(struct rte_mempool *mempool, struct rte_mbuf *pkt, uint32_t len)
{
	uint32_t room = rte_pktmbuf_data_room_size(mempool) -
		RTE_PKTMBUF_HEADROOM;
	unsigned int n = (len - 1) / room, i;
	struct rte_mbuf *more[MAX_PARTS];
	struct rte_mbuf *last = pkt;

	if (n > MAX_PARTS || rte_pktmbuf_alloc_bulk(mempool, more, n) != 0)
		return false;
	pkt->pkt_len = len;
	pkt->nb_segs = n + 1;
	pkt->data_len = n != 0 ? room : len;
	for (i = 0; i < n; i++) {
		last->next = more[i];
		last = more[i];
		len -= room;
		last->data_len = RTE_MIN(len, room);
	}
	return true;
}

/* Says what a frame of TCP is. */
static inline void
describe_tcp(const struct bench_dev *dev, struct rte_mbuf *pkt)
{
	struct bench_headers *h = rte_pktmbuf_mtod(pkt, struct bench_headers *);

	/* Most mbufs have had such a frame before. */
	if (h->total_len != htons(pkt->pkt_len - BENCH_L2_LEN) ||
	    h->protocol != IPPROTO_TCP)
		bench_headers_make(h, pkt->pkt_len);
	pkt->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 |
		RTE_PTYPE_L4_TCP;
	pkt->ol_flags = TCP_RX_FLAGS;
	if (bench_is_large(pkt->pkt_len)) {
		pkt->ol_flags |= dev->tcp == 2 ?
			RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 |
			RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_RX_LRO;
		pkt->tso_segsz = BENCH_MSS;
		pkt->l2_len = BENCH_L2_LEN;
		pkt->l3_len = BENCH_L3_LEN;
		pkt->l4_len = BENCH_L4_LEN;
	}
}

/* As source_dress() for frames of TCP.  Returns how many these are, and frees
 * the others. */
static uint16_t
source_dress_tcp(struct bench_dev *dev, struct rte_mempool *mempool,
		 struct rte_mbuf **pkts, uint16_t n)
{
	uint32_t len = dev->ctl->params.sizes[0];
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (!add_mbufs(mempool, pkts[i], len)) {
			rte_pktmbuf_free_bulk(pkts + i, n - i);
			break;
		}
		describe_tcp(dev, pkts[i]);
		pkts[i]->port = dev->port_id;
	}
	return i;
}

static uint16_t
source_rx(struct bench_dev *dev, struct rte_mempool *mempool,
	  struct rte_mbuf **pkts, uint16_t n)
{
	const struct bench_params *p = &dev->ctl->params;

	if (unlikely(bench_source_restart(&dev->source, p)))
		dev->due = rte_rdtsc() << 8;
	n = bench_source_may(&dev->source, p, n);
	if (p->interval != 0)
		n = source_due(dev, p->interval, n);
	if (n == 0 || rte_pktmbuf_alloc_bulk(mempool, pkts, n) != 0)
		return 0;
	if (unlikely(p->tcp))
		n = source_dress_tcp(dev, mempool, pkts, n);
	else
		source_dress(dev, pkts, n);
	bench_source_gave(&dev->source, n);
	moved += n;
	return n;
}

/* Gives back what the guest sent. */
static uint16_t
loop_rx(struct bench_dev *dev, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	n = RTE_MIN(n, dev->loop_head - dev->loop_tail);
	for (i = 0; i < n; i++)
		pkts[i] = dev->loop[dev->loop_tail++ % LOOP_SIZE];
	return n;
}

static uint16_t
bench_rx(void *queue_, struct rte_mbuf **pkts, uint16_t n)
{
	struct bench_queue *queue = queue_;
	struct bench_dev *dev = queue->dev;
	const struct bench_params *p = &dev->ctl->params;

	if (queue->clock)
		meter_turn(dev->ctl);
	dev->own->shown = dev->own->given;	/* This thread has sent it. */
	if (dev->loop_head != dev->loop_tail)
		return loop_rx(dev, pkts, n);
	if (!bench_read(&p->source[dev->side]) || dev->port >= p->ports)
		return 0;
	return source_rx(dev, queue->mempool, pkts, n);
}

static uint16_t
idle_rx(void *queue_, struct rte_mbuf **pkts __rte_unused,
	uint16_t n __rte_unused)
{
	struct bench_queue *queue = queue_;

	if (queue->clock)
		meter_turn(queue->dev->ctl);
	return 0;
}

/* Sending. */

static uint16_t
loop_tx(struct bench_dev *dev, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (dev->loop_head - dev->loop_tail < LOOP_SIZE)
			dev->loop[dev->loop_head++ % LOOP_SIZE] = pkts[i];
		else
			rte_pktmbuf_free(pkts[i]);
	}
	return n;
}

/* Frees frames as a NIC's driver does when it has been promised that none is
 * shared and all come from one mempool. */
static inline void
free_fast(struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (unlikely(pkts[i]->nb_segs > 1)) {
			rte_pktmbuf_free_bulk(pkts, n);
			return;
		}
	}
	rte_mempool_put_bulk(pkts[0]->pool, (void **)pkts, n);
}

/* Returns how many frames of TCP the system did not leave to the VF as it
 * should have. */
static uint64_t
count_wrong(struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t wrong = 0;
	uint16_t i;

	for (i = 0; i < n; i++) {
		uint64_t flags = pkts[i]->ol_flags;

		if (bench_is_large(pkts[i]->pkt_len))
			wrong += !(flags & RTE_MBUF_F_TX_TCP_SEG) ||
				pkts[i]->tso_segsz != BENCH_MSS;
		else
			wrong += (flags & RTE_MBUF_F_TX_L4_MASK) !=
				RTE_MBUF_F_TX_TCP_CKSUM;
	}
	return wrong;
}

static inline void
free_sent(const struct bench_queue *queue, struct rte_mbuf **pkts, uint16_t n)
{
	if (queue->fast_free)
		free_fast(pkts, n);
	else
		rte_pktmbuf_free_bulk(pkts, n);
}

/* Keeps what was sent, in the place of what has been kept for longest. */
static void
keep_tx(const struct bench_queue *queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct bench_dev *dev = queue->dev;
	uint64_t keep = RTE_MIN(dev->ctl->params.keep, (uint64_t)MAX_KEPT);
	struct rte_mbuf *old[64];
	uint16_t i, n_old = 0;

	for (i = 0; i < n; i++) {
		struct rte_mbuf **place = &dev->kept[dev->next_kept];

		dev->next_kept = dev->next_kept + 1U < keep ?
			dev->next_kept + 1 : 0;
		if (*place != NULL)
			old[n_old++] = *place;
		*place = pkts[i];
		if (n_old == RTE_DIM(old)) {
			free_sent(queue, old, n_old);
			n_old = 0;
		}
	}
	if (n_old != 0)
		free_sent(queue, old, n_old);
}

static uint16_t
bench_tx(void *queue_, struct rte_mbuf **pkts, uint16_t n)
{
	struct bench_queue *queue = queue_;
	struct bench_dev *dev = queue->dev;
	const struct bench_params *p = &dev->ctl->params;
	uint64_t bytes = 0;
	uint16_t i;

	if (unlikely(n == 0))
		return 0;
	for (i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	if (unlikely(p->interval != 0 && dev->side == BENCH_HOST)) {
		uint64_t now = rte_rdtsc();

		for (i = 0; i < n; i++)
			histogram_add(dev->ctl, now -
				*rte_pktmbuf_mtod_offset(pkts[i], uint64_t *,
							 STAMP_OFFSET));
	}
	if (unlikely(p->tcp))
		dev->own->wrong += count_wrong(pkts, n);
	moved += n;
	dev->own->taken_bytes += bytes;
	__atomic_store_n(&dev->own->taken, dev->own->taken + n,
			 __ATOMIC_RELEASE);
	if (unlikely(p->loop && dev->side == BENCH_GUEST))
		return loop_tx(dev, pkts, n);
	if (unlikely(p->keep && dev->side == BENCH_HOST))
		keep_tx(queue, pkts, n);
	else
		free_sent(queue, pkts, n);
	return n;
}

/* The device. */

/* Puts the header of a frame where frames begin: later nothing is written but
 * lengths, as it is a NIC that writes frames. */
static void
write_frame(struct rte_mempool *mempool __rte_unused, void *aux __rte_unused,
	    void *mbuf, unsigned int i __rte_unused)
{
	struct {
		struct rte_ether_hdr eth;
		struct rte_ipv4_hdr ip;
		struct rte_udp_hdr udp;
	} __attribute__((packed)) frame = {
		.eth = {
			.dst_addr.addr_bytes = { 0x02, 0, 0, 0, 0, 1 },
			.src_addr.addr_bytes = { 0x02, 0, 0, 0, 0, 2 },
			.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		},
		.ip = {
			.version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = RTE_BE16(46),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_UDP,
			.src_addr = RTE_BE32(RTE_IPV4(192, 0, 2, 2)),
			.dst_addr = RTE_BE32(RTE_IPV4(192, 0, 2, 1)),
		},
		.udp = {
			.src_port = RTE_BE16(1024),
			.dst_port = RTE_BE16(9),
			.dgram_len = RTE_BE16(26),
		},
	};
	struct rte_mbuf *m = mbuf;

	frame.ip.hdr_checksum = rte_ipv4_cksum(&frame.ip);
	memcpy((char *)m->buf_addr + RTE_PKTMBUF_HEADROOM, &frame,
	       sizeof(frame));
}

static int
bench_start(struct rte_eth_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->data->nb_tx_queues; i++)
		dev->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
	dev->data->dev_link.link_status = RTE_ETH_LINK_UP;
	return 0;
}

/* Frees what is kept; returns how many frames that is. */
static int
drop_kept(struct bench_dev *dev)
{
	int n = 0;
	unsigned int i;

	for (i = 0; i < MAX_KEPT; i++) {
		if (dev->kept[i] != NULL) {
			rte_pktmbuf_free(dev->kept[i]);
			dev->kept[i] = NULL;
			n++;
		}
	}
	return n;
}

static int
bench_stop(struct rte_eth_dev *dev)
{
	drop_kept(dev->data->dev_private);
	dev->data->dev_link.link_status = RTE_ETH_LINK_DOWN;
	return 0;
}

/* Who asks for it knows what was sent. */
static int
bench_tx_done_cleanup(void *queue_, uint32_t n __rte_unused)
{
	struct bench_queue *queue = queue_;

	return drop_kept(queue->dev);
}

static int
bench_tx_queue_stop(struct rte_eth_dev *dev, uint16_t i)
{
	drop_kept(dev->data->dev_private);
	dev->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	return 0;
}

static int
bench_tx_queue_start(struct rte_eth_dev *dev, uint16_t i)
{
	dev->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
	return 0;
}

static int
bench_configure(struct rte_eth_dev *dev __rte_unused)
{
	return 0;
}

static int
bench_rx_queue_setup(struct rte_eth_dev *eth_dev, uint16_t i,
		     uint16_t n __rte_unused, unsigned int socket __rte_unused,
		     const struct rte_eth_rxconf *conf __rte_unused,
		     struct rte_mempool *mempool)
{
	struct bench_dev *dev = eth_dev->data->dev_private;
	struct bench_queue *queue = &dev->rxqs[i];

	queue->dev = dev;
	queue->mempool = mempool;
	queue->clock = dev->clock && i == 0;
	if (!dev->idle)
		rte_mempool_obj_iter(mempool, write_frame, NULL);
	eth_dev->data->rx_queues[i] = queue;
	return 0;
}

static int
bench_tx_queue_setup(struct rte_eth_dev *eth_dev, uint16_t i,
		     uint16_t n __rte_unused, unsigned int socket __rte_unused,
		     const struct rte_eth_txconf *conf)
{
	struct bench_dev *dev = eth_dev->data->dev_private;
	struct bench_queue *queue = &dev->txqs[i];

	queue->dev = dev;
	queue->fast_free = (conf->offloads |
		eth_dev->data->dev_conf.txmode.offloads) &
		RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	eth_dev->data->tx_queues[i] = queue;
	return 0;
}

static int
bench_infos_get(struct rte_eth_dev *eth_dev, struct rte_eth_dev_info *info)
{
	const struct bench_dev *dev = eth_dev->data->dev_private;

	info->max_mac_addrs = 1;
	info->max_rx_pktlen = MAX_MTU + RTE_ETHER_HDR_LEN + 8;
	info->max_rx_queues = dev->queues;
	info->max_tx_queues = dev->queues;
	info->min_rx_bufsize = 0;
	info->max_mtu = MAX_MTU;
	info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE |
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (dev->tcp != 0) {
		info->tx_offload_capa |= TCP_TX_CAPA;
		info->rx_offload_capa = TCP_RX_CAPA;
		info->max_lro_pkt_size = MAX_LARGE_LEN;
	}
	return 0;
}

static int
bench_link_update(struct rte_eth_dev *dev __rte_unused,
		  int wait __rte_unused)
{
	return 0;
}

static int
bench_stats_get(struct rte_eth_dev *eth_dev, struct rte_eth_stats *stats,
		sim_queue_stats *queues __rte_unused)
{
	const struct bench_dev *dev = eth_dev->data->dev_private;

	if (!dev->idle) {
		stats->ipackets = dev->own->given;
		stats->opackets = dev->own->taken;
		stats->obytes = dev->own->taken_bytes;
	}
	return 0;
}

SIM_STATS_GET_OP(bench_stats_get_op, bench_stats_get)

static int
bench_stats_reset(struct rte_eth_dev *dev __rte_unused)
{
	return 0;
}

static int
bench_promiscuous(struct rte_eth_dev *dev __rte_unused)
{
	return 0;
}

static int
bench_mac_set(struct rte_eth_dev *dev __rte_unused,
	      struct rte_ether_addr *mac __rte_unused)
{
	return 0;
}

static int
bench_mtu_set(struct rte_eth_dev *dev __rte_unused, uint16_t mtu __rte_unused)
{
	return 0;
}

static int
bench_close(struct rte_eth_dev *eth_dev)
{
	struct bench_dev *dev = eth_dev->data->dev_private;

	munmap(dev->ctl, sizeof(*dev->ctl));
	eth_dev->data->mac_addrs = NULL;	/* It is inside of 'dev'. */
	return 0;
}

static const struct eth_dev_ops bench_ops = {
	.dev_configure = bench_configure,
	.dev_start = bench_start,
	.dev_stop = bench_stop,
	.dev_close = bench_close,
	.dev_infos_get = bench_infos_get,
	.rx_queue_setup = bench_rx_queue_setup,
	.tx_queue_setup = bench_tx_queue_setup,
	.tx_queue_start = bench_tx_queue_start,
	.tx_queue_stop = bench_tx_queue_stop,
	.tx_done_cleanup = bench_tx_done_cleanup,
	.link_update = bench_link_update,
	.stats_get = bench_stats_get_op,
	.stats_reset = bench_stats_reset,
	.promiscuous_enable = bench_promiscuous,
	.promiscuous_disable = bench_promiscuous,
	.allmulticast_enable = bench_promiscuous,
	.allmulticast_disable = bench_promiscuous,
	.mac_addr_set = bench_mac_set,
	.mtu_set = bench_mtu_set,
};

/* Devargs. */

struct bench_args {
	const char *ctl;
	const char *side;
	unsigned int port, queues, clock, tcp;
};

/* Maps the control block, which it makes as long as needed. */
static struct bench_ctl *
ctl_map(const char *name, const char *path)
{
	struct bench_ctl *ctl;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*ctl)) != 0) {
		BENCH_LOG(ERR, "%s: ctl=%s: %s", name, path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	ctl = mmap(NULL, sizeof(*ctl), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   0);
	close(fd);
	if (ctl == MAP_FAILED) {
		BENCH_LOG(ERR, "%s: ctl=%s cannot be mapped: %s", name, path,
			strerror(errno));
		return NULL;
	}
	if (ctl->params.magic == 0) {
		ctl->params.magic = BENCH_MAGIC;
	} else if (ctl->params.magic != BENCH_MAGIC) {
		BENCH_LOG(ERR, "%s: ctl=%s is something else: remove it", name,
			path);
		munmap(ctl, sizeof(*ctl));
		return NULL;
	}
	return ctl;
}

static int
parse_string(const char *key __rte_unused, const char *value, void *aux)
{
	*(const char **)aux = value;
	return 0;
}

static int
parse_number(const char *key, const char *value, void *aux)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value == '\0' || *end != '\0' || n > MAX_QUEUES) {
		BENCH_LOG(ERR, "%s=%s is not a number from 0 to %d", key, value,
			MAX_QUEUES);
		return -EINVAL;
	}
	*(unsigned int *)aux = n;
	return 0;
}

static int
check_args(const char *name, const struct bench_args *args)
{
	if (args->ctl == NULL || args->side == NULL ||
	    (strcmp(args->side, "host") && strcmp(args->side, "guest") &&
	     strcmp(args->side, "idle")) ||
	    args->port >= BENCH_PORTS || args->queues == 0) {
		BENCH_LOG(ERR, "%s: needs ctl=FILE, side=host, guest or idle, "
			"port=0 to %d and queues=1 to %d", name,
			BENCH_PORTS - 1, MAX_QUEUES);
		return -EINVAL;
	}
	return 0;
}

static int
create_port(struct rte_vdev_device *vdev, const struct bench_args *args,
	    struct bench_ctl *ctl)
{
	struct rte_eth_dev *eth_dev;
	struct bench_dev *dev;

	eth_dev = rte_eth_vdev_allocate(vdev, sizeof(*dev));
	if (eth_dev == NULL)
		return -ENOMEM;
	dev = eth_dev->data->dev_private;
	memset(dev, 0, sizeof(*dev));
	dev->ctl = ctl;
	dev->side = !strcmp(args->side, "guest") ? BENCH_GUEST : BENCH_HOST;
	dev->own = &ctl->ports[dev->side][args->port];
	dev->source.own = dev->own;
	dev->source.peer = &ctl->ports[!dev->side][args->port];
	dev->source.epoch = UINT64_MAX;
	dev->idle = !strcmp(args->side, "idle");
	if (dev->side == BENCH_GUEST)
		dev->own->present = 1;
	dev->clock = args->clock;
	dev->tcp = args->tcp;
	dev->port = args->port;
	dev->port_id = eth_dev->data->port_id;
	dev->queues = args->queues;
	rte_eth_random_addr(dev->mac.addr_bytes);
	if (dev->clock)
		meter_init(&ctl->meter);

	eth_dev->data->mac_addrs = &dev->mac;
	eth_dev->data->promiscuous = 1;
	eth_dev->data->all_multicast = 1;
	eth_dev->data->dev_link = (struct rte_eth_link) {
		.link_speed = RTE_ETH_SPEED_NUM_100G,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
	};
	eth_dev->dev_ops = &bench_ops;
	eth_dev->rx_pkt_burst = dev->idle ? idle_rx : bench_rx;
	eth_dev->tx_pkt_burst = bench_tx;
	rte_eth_dev_probing_finish(eth_dev);
	return 0;
}

static int
bench_probe(struct rte_vdev_device *vdev)
{
	static const char *const keys[] = {
		"ctl", "side", "port", "queues", "clock", "tcp", NULL
	};
	struct bench_args args = { .queues = 1 };
	const char *name = rte_vdev_device_name(vdev);
	struct rte_kvargs *kvlist;
	struct bench_ctl *ctl;
	int ret;

	if (!sim_dpdk_is_ours()) {
		BENCH_LOG(ERR, "%s: built for another DPDK than %s; build it "
			  "anew", name, rte_version());
		return -ENOTSUP;
	}
	kvlist = rte_kvargs_parse(rte_vdev_device_args(vdev), keys);
	if (kvlist == NULL) {
		BENCH_LOG(ERR, "%s: bad arguments \"%s\"", name,
			rte_vdev_device_args(vdev));
		return -EINVAL;
	}
	ret = rte_kvargs_process(kvlist, "ctl", parse_string, &args.ctl) ||
		rte_kvargs_process(kvlist, "side", parse_string, &args.side) ||
		rte_kvargs_process(kvlist, "port", parse_number, &args.port) ||
		rte_kvargs_process(kvlist, "queues", parse_number,
				   &args.queues) ||
		rte_kvargs_process(kvlist, "clock", parse_number,
				   &args.clock) ||
		rte_kvargs_process(kvlist, "tcp", parse_number, &args.tcp)
		? -EINVAL : check_args(name, &args);
	if (ret == 0) {
		ctl = ctl_map(name, args.ctl);
		ret = ctl == NULL ? -EIO : create_port(vdev, &args, ctl);
	}
	rte_kvargs_free(kvlist);
	return ret;
}

static int
bench_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *eth_dev =
		rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	if (eth_dev == NULL)	/* The application closed it. */
		return 0;
	bench_close(eth_dev);
	return rte_eth_dev_release_port(eth_dev);
}

static struct rte_vdev_driver bench_driver = {
	.probe = bench_probe,
	.remove = bench_remove,
};

RTE_PMD_REGISTER_VDEV(net_benchvf, bench_driver);
RTE_PMD_REGISTER_PARAM_STRING(net_benchvf,
	"ctl=<file> "
	"side=<host|guest|idle> "
	"port=<0-15> "
	"queues=<1-16> "
	"clock=<0|1> "
	"tcp=<0|1|2>");
