/* SPDX-License-Identifier: Apache-2.0 */

/* net_benchvf: a VF for benchmarks.  What it receives comes from nowhere, what
 * it sends goes nowhere.
 *
 *   net_benchvfN,ctl=FILE,side=host|guest|idle,port=N[,queues=N][,clock=1]
 *
 * The VF on the host is what the measured system forwards to and from; the one
 * in the guest is the guest's application, which a testpmd connects with
 * virtio-user.  Unlike net_null it is no endless source: at most a window of
 * frames is under way between the two, so that no system has to receive what
 * it can only drop, and none drops what it has received.  FILE is the control
 * block, which see in bench_vf.h: by it the length and the direction of the
 * frames change while everything runs.
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

#include "bench_vf.h"
#include "compat.h"

RTE_LOG_REGISTER(bench_logtype, pmd.net.benchvf, NOTICE);

#define BENCH_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_ ## level, bench_logtype, "BENCHVF: " fmt "\n", \
		## __VA_ARGS__)

#define MAX_QUEUES 16
#define MAX_MTU 9216

/* An iteration that takes longer was interrupted, by the kernel, a hypervisor
 * or a signal: in seconds, and what each frame may add to it. */
#define INTERRUPTED (100e-6)
#define INTERRUPTED_PER_FRAME (2e-6)

/* Frames that went away are given up after so many polls in vain. */
#define STALL_POLLS (1 << 20)

/* Frames that a guest holds while it gives back what it gets. */
#define LOOP_SIZE 4096

/* Where a frame has the time when it was due, in TSC cycles. */
#define STAMP_OFFSET 48

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
	struct bench_port *peer;
	enum bench_side side;
	bool idle;
	bool clock;
	uint16_t port;			/* Number within the side. */
	uint16_t port_id;
	uint16_t queues;
	struct rte_ether_addr mac;

	/* The source. */
	uint64_t epoch;
	uint64_t credit;		/* Frames that may be given at least. */
	uint64_t stalled;		/* Polls in vain. */
	uint64_t next_size;
	uint64_t due;			/* Of the next frame, in 1/256 TSC
					 * cycles. */

	/* What a guest is to give back. */
	unsigned int loop_head, loop_tail;
	struct rte_mbuf *loop[LOOP_SIZE];

	struct bench_queue rxqs[MAX_QUEUES];
	struct bench_queue txqs[MAX_QUEUES];
};

/* The meter's. */
static uint64_t moved;			/* Frames, by all VFs. */
static uint64_t last_moved;
static uint64_t last_tsc;
static uint64_t interrupted_cycles;
static uint64_t interrupted_per_frame;

/* Meter. */

static inline void
meter_tick(struct bench_meter *m)
{
	uint64_t now = rte_rdtsc();
	uint64_t cycles = now - last_tsc;
	uint64_t frames = moved - last_moved;

	last_tsc = now;
	last_moved = moved;
	if (unlikely(cycles > interrupted_cycles &&
		     cycles > interrupted_cycles +
			      frames * interrupted_per_frame)) {
		m->interrupted++;
	} else if (frames != 0) {
		m->busy_cycles += cycles;
		m->busy_iterations++;
		m->frames += frames;
	} else {
		m->idle_cycles += cycles;
		m->idle_iterations++;
	}
}

/* Finds out what the meter costs itself. */
static void
meter_init(struct bench_meter *m)
{
	uint64_t least = UINT64_MAX;
	unsigned int i, round;

	interrupted_cycles = INTERRUPTED * rte_get_tsc_hz();
	interrupted_per_frame = INTERRUPTED_PER_FRAME * rte_get_tsc_hz();
	for (round = 0; round < 100; round++) {
		uint64_t start = rte_rdtsc();

		for (i = 0; i < 100; i++)
			meter_tick(m);
		least = RTE_MIN(least, (rte_rdtsc() - start) / 100);
	}
	memset(m, 0, sizeof(*m));
	m->tsc_hz = rte_get_tsc_hz();
	m->overhead = least;
}

/* Adds a latency to the histogram: 32 buckets for each power of 2. */
static inline void
histogram_add(struct bench_ctl *ctl, uint64_t cycles)
{
	unsigned int bucket = cycles;

	if (cycles >= 32) {
		unsigned int exponent = 63 - __builtin_clzll(cycles);

		bucket = (exponent - 4) * 32 + ((cycles >> (exponent - 5)) & 31);
	}
	ctl->histogram[RTE_MIN(bucket, BENCH_BUCKETS - 1U)]++;
}

/* Receiving. */

static inline uint64_t
read_once(const uint64_t *p)
{
	return *(const volatile uint64_t *)p;
}

/* Begins anew with other parameters: what is still under way is lost. */
static void
source_restart(struct bench_dev *dev, uint64_t epoch)
{
	dev->epoch = epoch;
	dev->own->lost = dev->own->given - read_once(&dev->peer->taken);
	dev->credit = 0;
	dev->stalled = 0;
	dev->due = rte_rdtsc() << 8;
}

/* The window is used up, or nearly.  Sees what came out of it.  If nothing has
 * for so long that it never will, that is lost. */
static void __rte_noinline
source_refresh(struct bench_dev *dev, uint64_t window)
{
	uint64_t taken = read_once(&dev->peer->taken);
	uint64_t under_way = dev->own->given - dev->own->lost - taken;

	/* What was lost for good may have come back. */
	if ((int64_t)under_way < 0) {
		dev->own->lost += under_way;
		under_way = 0;
	}
	if (under_way + dev->credit != window) {
		dev->credit = under_way < window ? window - under_way : 0;
		dev->stalled = 0;
	} else if (++dev->stalled >= STALL_POLLS) {
		dev->own->lost += under_way;
		dev->stalled = 0;
	}
}

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

static uint16_t
source_rx(struct bench_dev *dev, struct rte_mempool *mempool,
	  struct rte_mbuf **pkts, uint16_t n)
{
	const struct bench_params *p = &dev->ctl->params;

	if (unlikely(dev->epoch != read_once(&p->epoch)))
		source_restart(dev, p->epoch);
	if (dev->credit < RTE_MAX(n, p->batch)) {
		source_refresh(dev, p->window);
		if (dev->credit < p->batch)
			return 0;
	}
	n = RTE_MIN(n, dev->credit);
	if (p->interval != 0)
		n = source_due(dev, p->interval, n);
	if (n == 0 || rte_pktmbuf_alloc_bulk(mempool, pkts, n) != 0)
		return 0;
	source_dress(dev, pkts, n);
	dev->credit -= n;
	dev->own->given += n;
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
		meter_tick(&dev->ctl->meter);
	if (dev->loop_head != dev->loop_tail)
		return loop_rx(dev, pkts, n);
	if (!read_once(&p->source[dev->side]) || dev->port >= p->ports)
		return 0;
	return source_rx(dev, queue->mempool, pkts, n);
}

static uint16_t
idle_rx(void *queue_, struct rte_mbuf **pkts __rte_unused,
	uint16_t n __rte_unused)
{
	struct bench_queue *queue = queue_;

	if (queue->clock)
		meter_tick(&queue->dev->ctl->meter);
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
	moved += n;
	dev->own->taken_bytes += bytes;
	__atomic_store_n(&dev->own->taken, dev->own->taken + n,
			 __ATOMIC_RELEASE);
	if (unlikely(p->loop && dev->side == BENCH_GUEST))
		return loop_tx(dev, pkts, n);
	if (queue->fast_free)
		free_fast(pkts, n);
	else
		rte_pktmbuf_free_bulk(pkts, n);
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
	dev->data->dev_link.link_status = RTE_ETH_LINK_UP;
	return 0;
}

static int
bench_stop(struct rte_eth_dev *dev)
{
	dev->data->dev_link.link_status = RTE_ETH_LINK_DOWN;
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
	unsigned int port, queues, clock;
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
	dev->peer = &ctl->ports[!dev->side][args->port];
	dev->idle = !strcmp(args->side, "idle");
	dev->clock = args->clock;
	dev->port = args->port;
	dev->port_id = eth_dev->data->port_id;
	dev->queues = args->queues;
	dev->epoch = UINT64_MAX;
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
		"ctl", "side", "port", "queues", "clock", NULL
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
		rte_kvargs_process(kvlist, "clock", parse_number, &args.clock)
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
	"clock=<0|1>");
