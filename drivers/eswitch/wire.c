/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_malloc.h>
#include <rte_spinlock.h>
#include <rte_string_fns.h>

#include "base/log.h"
#include "base/rcu.h"
#include "eswitch/wire.h"
#include "packet/mbuf.h"

/* A packet that crossed this many cables has gone round in circles. */
#define WIRE_MAX_HOPS 4

/* Segments of the longest frame, in mbufs of the usual 2 KB and less. */
#define WIRE_MAX_SEGS 64

/* An empty TAP is not asked again for this long: a system call per poll of an
 * idle uplink would cost more than all the rest of its work. */
#define WIRE_IDLE_US 2

struct sim_wire {
	struct sim_endpoint ep;		/* What leaves the NIC. */
	struct sim_eswitch *esw;	/* Where arriving packets go. */
	enum sim_wire_kind kind;
	int fd;				/* TAP, else -1. */
	uint16_t mtu;			/* Last set; control path. */
	bool broken;			/* Relaxed atomic. */
	struct sim_wire *peer;		/* Written by control, read in RCU. */
	rte_spinlock_t rx_lock;		/* One reader of the TAP at a time. */
	uint64_t idle_until;		/* Guarded by rx_lock. */
	char dev[RTE_DEV_NAME_MAX_LEN];
	char name[RTE_DEV_NAME_MAX_LEN];
	struct sim_wire_counters counters;
};

static __thread unsigned int wire_hops;

static inline void
count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static uint64_t
sum_bytes(struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t bytes = 0;
	uint16_t i;

	for (i = 0; i < n; i++)
		bytes += rte_pktmbuf_pkt_len(pkts[i]);
	return bytes;
}

static void
drop(struct sim_wire *w, struct rte_mbuf **pkts, uint16_t n)
{
	count(&w->counters.tx_dropped, n);
	rte_pktmbuf_free_bulk(pkts, n);
}

static void
none_receive(struct sim_endpoint *ep, struct rte_mbuf **pkts, uint16_t n)
{
	drop(container_of(ep, struct sim_wire, ep), pkts, n);
}

/* The peer's e-switch does its work in this thread: that is what a cable of
 * no length is. */
static void
pf_receive(struct sim_endpoint *ep, struct rte_mbuf **pkts, uint16_t n)
{
	struct sim_wire *w = container_of(ep, struct sim_wire, ep);
	struct sim_wire *peer;
	uint64_t bytes;

	peer = __atomic_load_n(&w->peer, __ATOMIC_ACQUIRE);
	if (peer == NULL || __atomic_load_n(&w->broken, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&peer->broken, __ATOMIC_RELAXED)) {
		drop(w, pkts, n);
		return;
	}
	if (wire_hops >= WIRE_MAX_HOPS) {
		count(&w->counters.loops, n);
		drop(w, pkts, n);
		return;
	}
	bytes = sum_bytes(pkts, n);
	count(&w->counters.tx_packets, n);
	count(&w->counters.tx_bytes, bytes);
	count(&peer->counters.rx_packets, n);
	count(&peer->counters.rx_bytes, bytes);
	wire_hops++;
	sim_eswitch_send(peer->esw, SIM_EP_WIRE, pkts, n);
	wire_hops--;
}

static bool
tap_write(int fd, const struct rte_mbuf *m)
{
	struct iovec iov[WIRE_MAX_SEGS];
	int n = 0;

	for (; m != NULL; m = m->next) {
		if (n == WIRE_MAX_SEGS)
			return false;
		iov[n].iov_base = rte_pktmbuf_mtod(m, void *);
		iov[n].iov_len = rte_pktmbuf_data_len(m);
		n++;
	}
	return writev(fd, iov, n) > 0;
}

static void
tap_receive(struct sim_endpoint *ep, struct rte_mbuf **pkts, uint16_t n)
{
	struct sim_wire *w = container_of(ep, struct sim_wire, ep);
	uint64_t packets = 0, bytes = 0;
	uint16_t i;

	if (__atomic_load_n(&w->broken, __ATOMIC_RELAXED)) {
		drop(w, pkts, n);
		return;
	}
	for (i = 0; i < n; i++) {
		if (!tap_write(w->fd, pkts[i]))
			continue;
		packets++;
		bytes += rte_pktmbuf_pkt_len(pkts[i]);
	}
	count(&w->counters.tx_packets, packets);
	count(&w->counters.tx_bytes, bytes);
	count(&w->counters.tx_dropped, n - packets);
	rte_pktmbuf_free_bulk(pkts, n);
}

static int
tap_open(struct sim_wire *w)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	w->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (w->fd < 0) {
		SIM_LOG(ERR, "%s: wire=tap:%s: cannot open /dev/net/tun: %s",
			w->dev, w->name, strerror(errno));
		return -errno;
	}
	rte_strscpy(ifr.ifr_name, w->name, sizeof(ifr.ifr_name));
	if (ioctl(w->fd, TUNSETIFF, &ifr) != 0) {
		int err = errno;

		SIM_LOG(ERR, "%s: wire=tap:%s: cannot create the interface: "
			"%s", w->dev, w->name, strerror(err));
		close(w->fd);
		w->fd = -1;
		return -err;
	}
	return 0;
}

static int
wire_init(struct sim_wire *w)
{
	switch (w->kind) {
	case SIM_WIRE_TAP:
		w->ep.receive = tap_receive;
		return tap_open(w);
	case SIM_WIRE_PF:
		w->ep.receive = pf_receive;
		return 0;
	default:
		w->ep.receive = none_receive;
		return 0;
	}
}

static struct sim_wire *
wire_alloc(const char *dev, enum sim_wire_kind kind, const char *name,
	   struct sim_eswitch *esw)
{
	struct sim_wire *w;

	w = rte_zmalloc("simnic_wire", sizeof(*w), RTE_CACHE_LINE_SIZE);
	if (w == NULL) {
		SIM_LOG(ERR, "%s: no memory for the wire", dev);
		return NULL;
	}
	w->esw = esw;
	w->kind = kind;
	w->fd = -1;
	w->mtu = RTE_ETHER_MTU;
	rte_spinlock_init(&w->rx_lock);
	rte_strscpy(w->dev, dev, sizeof(w->dev));
	rte_strscpy(w->name, name, sizeof(w->name));
	return w;
}

struct sim_wire *
sim_wire_create(const char *dev, enum sim_wire_kind kind, const char *name,
		struct sim_eswitch *esw)
{
	struct sim_wire *w = wire_alloc(dev, kind, name, esw);

	if (w == NULL)
		return NULL;
	if (wire_init(w) != 0) {
		rte_free(w);
		return NULL;
	}
	sim_eswitch_attach(esw, SIM_EP_WIRE, &w->ep);
	return w;
}

struct sim_wire *
sim_wire_adopt(const char *dev, int fd, struct sim_eswitch *esw)
{
	struct sim_wire *w = wire_alloc(dev, SIM_WIRE_TAP, "", esw);

	if (w == NULL) {
		close(fd);
		return NULL;
	}
	w->fd = fd;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		SIM_LOG(ERR, "%s: file %d cannot be a wire: %s", dev, fd,
			strerror(errno));
		close(fd);
		rte_free(w);
		return NULL;
	}
	w->ep.receive = tap_receive;
	sim_eswitch_attach(esw, SIM_EP_WIRE, &w->ep);
	return w;
}

int
sim_wire_fd(const struct sim_wire *w)
{
	return w->fd;
}

void
sim_wire_destroy(struct sim_wire *w)
{
	if (w == NULL)
		return;
	sim_wire_disconnect(w);
	sim_eswitch_detach(w->esw, SIM_EP_WIRE);
	if (w->fd >= 0)
		close(w->fd);
	rte_free(w);
}

void
sim_wire_connect(struct sim_wire *a, struct sim_wire *b)
{
	/* The end that named no cable was a sink until now. */
	__atomic_store_n(&a->ep.receive, pf_receive, __ATOMIC_RELAXED);
	__atomic_store_n(&b->ep.receive, pf_receive, __ATOMIC_RELAXED);
	__atomic_store_n(&a->peer, b, __ATOMIC_RELEASE);
	__atomic_store_n(&b->peer, a, __ATOMIC_RELEASE);
}

static void
unplug(struct sim_wire *w)
{
	__atomic_store_n(&w->peer, NULL, __ATOMIC_RELEASE);
	if (w->kind == SIM_WIRE_NONE)
		__atomic_store_n(&w->ep.receive, none_receive,
				 __ATOMIC_RELAXED);
}

void
sim_wire_disconnect(struct sim_wire *w)
{
	struct sim_wire *peer = w->peer;

	if (peer == NULL)
		return;
	unplug(peer);
	unplug(w);
	sim_rcu_synchronize();
}

bool
sim_wire_is_connected(const struct sim_wire *w)
{
	return w->peer != NULL;
}

void
sim_wire_set_broken(struct sim_wire *w, bool broken)
{
	uint32_t carrier = !broken;

	__atomic_store_n(&w->broken, broken, __ATOMIC_RELAXED);
#ifdef TUNSETCARRIER
	if (w->fd >= 0 && ioctl(w->fd, TUNSETCARRIER, &carrier) != 0)
		SIM_LOG(WARNING, "%s: cannot set the carrier of %s: %s",
			w->dev, w->name, strerror(errno));
#else
	RTE_SET_USED(carrier);
#endif
}

void
sim_wire_set_mtu(struct sim_wire *w, uint16_t mtu)
{
	struct ifreq ifr = { .ifr_mtu = mtu };
	int sock;

	if (w->fd < 0 || mtu == w->mtu)
		return;
	w->mtu = mtu;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return;
	rte_strscpy(ifr.ifr_name, w->name, sizeof(ifr.ifr_name));
	/* In another network namespace the interface is its owner's. */
	if (ioctl(sock, SIOCSIFMTU, &ifr) != 0)
		SIM_LOG(INFO, "%s: the MTU of %s is left as it is: %s", w->dev,
			w->name, strerror(errno));
	close(sock);
}

enum sim_wire_kind
sim_wire_kind(const struct sim_wire *w)
{
	return w->kind;
}

const char *
sim_wire_name(const struct sim_wire *w)
{
	return w->name;
}

bool
sim_wire_link_is_up(const struct sim_wire *w)
{
	const struct sim_wire *peer = w->peer;

	if (__atomic_load_n(&w->broken, __ATOMIC_RELAXED))
		return false;
	if (peer != NULL)
		return !__atomic_load_n(&peer->broken, __ATOMIC_RELAXED);
	/* A cable that leads nowhere has no link; a sink has. */
	return w->kind != SIM_WIRE_PF;
}

struct sim_wire_counters *
sim_wire_counters(struct sim_wire *w)
{
	return &w->counters;
}

/* Sets the lengths of a chain that 'len' bytes were read into. */
static void
trim_chain(struct rte_mbuf *head, uint32_t len)
{
	struct rte_mbuf *m = head, *rest;
	uint16_t segs = 0;

	head->pkt_len = len;
	for (;;) {
		segs++;
		m->data_len = RTE_MIN(len, rte_pktmbuf_tailroom(m));
		len -= m->data_len;
		if (len == 0 || m->next == NULL)
			break;
		m = m->next;
	}
	rest = m->next;
	m->next = NULL;
	head->nb_segs = segs;
	if (rest != NULL)
		rte_pktmbuf_free(rest);
}

/* Reads one frame into the empty chain 'head'.  Its length, 0 if there is none;
 * more than the chain holds if it was cut. */
static uint32_t
read_frame(struct sim_wire *w, struct rte_mbuf *head)
{
	struct iovec iov[WIRE_MAX_SEGS + 1];
	struct rte_mbuf *m;
	uint8_t beyond;
	ssize_t len;
	int n = 0;

	for (m = head; m != NULL; m = m->next) {
		iov[n].iov_base = rte_pktmbuf_mtod(m, void *);
		iov[n].iov_len = rte_pktmbuf_tailroom(m);
		n++;
	}
	iov[n].iov_base = &beyond;
	iov[n++].iov_len = sizeof(beyond);
	len = readv(w->fd, iov, n);
	return RTE_MAX(len, 0);
}

static uint32_t
chain_room(const struct rte_mbuf *m)
{
	uint32_t room = 0;

	for (; m != NULL; m = m->next)
		room += rte_pktmbuf_tailroom(m);
	return room;
}

/* One frame, NULL if there is none or it is lost; '*more' says which. */
static struct rte_mbuf *
tap_read(struct sim_wire *w, struct rte_mempool *pool, uint32_t max_frame,
	 bool *more)
{
	struct rte_mbuf *head = sim_mbuf_alloc(pool, max_frame);
	uint32_t len;

	*more = false;
	if (head == NULL || head->nb_segs > WIRE_MAX_SEGS) {
		rte_pktmbuf_free(head);
		count(&w->counters.rx_nombuf, 1);
		return NULL;
	}
	len = read_frame(w, head);
	*more = len > 0;
	if (likely(len > 0 && len <= chain_room(head))) {
		trim_chain(head, len);
		return head;
	}
	if (len > 0)
		count(&w->counters.rx_oversize, 1);
	rte_pktmbuf_free(head);
	return NULL;
}

static uint16_t
tap_read_burst(struct sim_wire *w, struct rte_mempool *pool,
	       uint32_t max_frame, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i, got = 0;
	bool more = true;

	for (i = 0; i < n && more; i++) {
		pkts[got] = tap_read(w, pool, max_frame, &more);
		got += pkts[got] != NULL;
	}
	if (!more)
		w->idle_until = rte_rdtsc() + rte_get_tsc_hz() *
			WIRE_IDLE_US / US_PER_S;
	return got;
}

void
sim_wire_poll(struct sim_wire *w, struct rte_mempool *pool,
	      uint32_t max_frame, uint16_t n)
{
	struct rte_mbuf *pkts[SIM_BURST];
	uint16_t got = 0;

	if (w->fd < 0 || __atomic_load_n(&w->broken, __ATOMIC_RELAXED) ||
	    !rte_spinlock_trylock(&w->rx_lock))
		return;
	if (rte_rdtsc() >= w->idle_until)
		got = tap_read_burst(w, pool, max_frame, pkts, n);
	rte_spinlock_unlock(&w->rx_lock);
	if (got == 0)
		return;
	count(&w->counters.rx_packets, got);
	count(&w->counters.rx_bytes, sum_bytes(pkts, got));
	sim_eswitch_send(w->esw, SIM_EP_WIRE, pkts, got);
}
