/* SPDX-License-Identifier: Apache-2.0 */

/* The simulated vDPA device behind the vhost library, with a vhost-user
 * front-end that speaks for itself. */

#include "test-sim.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_arp.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_vdpa.h>
#include <rte_vhost.h>

#include "base/fault.h"
#include "nic/nic.h"
#include "vdpa/driver/state.h"
#include "test-sim-vring.h"

#define BIT(n) (UINT64_C(1) << (n))
#define FEATURES (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MRG_RXBUF) | \
		  BIT(VIRTIO_NET_F_MQ) | BIT(VHOST_USER_F_PROTOCOL_FEATURES))
#define PACKED BIT(VIRTIO_F_RING_PACKED)
#define EVENT BIT(VIRTIO_RING_F_EVENT_IDX)
#define LOG_ALL BIT(VHOST_F_LOG_ALL)

#define RX 0
#define TX 1
#define SIZE 64
#define HLEN sizeof(struct virtio_net_hdr_mrg_rxbuf)

/* Guest memory: its physical and its front-end's addresses differ. */
#define MEM_IOVA UINT64_C(0x100000)
#define MEM_USER UINT64_C(0x7f1200000000)
#define MEM_SIZE 0x400000
#define BUFS 0x200000
#define LOG_SIZE 4096

enum {
	GET_FEATURES = 1, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE,
	SET_LOG_BASE, SET_LOG_FD, SET_VRING_NUM, SET_VRING_ADDR,
	SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL,
	SET_VRING_ERR, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES,
	GET_QUEUE_NUM, SET_VRING_ENABLE, SEND_RARP,
};

struct msg {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	union {
		uint64_t u64;
		struct { uint32_t index, num; } state;
		struct vhost_vring_addr addr;
		struct { uint64_t size, offset; } log;
		struct {
			uint32_t n, padding;
			struct { uint64_t gpa, size, user, offset; } region[2];
		} mem;
		uint8_t bytes[256];
	};
} __attribute__((packed));

static char folder[] = "/tmp/test-sim-vdpa.XXXXXX";
static char path[64];
static struct rte_mempool *pool;
static uint16_t rep;
static struct rte_vdpa_device *vdev;
static int listener, front = -1;
static uint8_t *mem;
static int mem_fd;
static uint8_t *log_mem;
static uint64_t features;	/* Negotiated. */
static struct gq gq[4];
static int kicks[4], calls[4];
static int removals;

#define WAIT(CONDITION) \
	do { \
		uint64_t end_ = rte_get_tsc_cycles() + 10 * rte_get_tsc_hz(); \
		while (!(CONDITION)) { \
			if (rte_get_tsc_cycles() > end_) \
				fail_msg("never: %s", #CONDITION); \
			sched_yield(); \
		} \
	} while (0)

/* The front-end. */

static void
send_msg(struct msg *m, uint32_t request, uint32_t size, int fd)
{
	struct iovec iov = { .iov_base = m, .iov_len = 12 + size };
	char control[CMSG_SPACE(sizeof(int))];
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	m->request = request;
	m->size = size;
	if (fd >= 0) {
		h.msg_control = control;
		h.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	assert_int_equal(sendmsg(front, &h, MSG_NOSIGNAL), iov.iov_len);
}

/* False if the other side has hung up. */
static bool
get_reply(struct msg *m)
{
	ssize_t n = recv(front, m, 12, MSG_WAITALL);

	if (n <= 0)
		return false;
	assert_int_equal(n, 12);
	assert_true(m->size <= sizeof(m->bytes));
	if (m->size > 0)
		assert_int_equal(recv(front, m->bytes, m->size, MSG_WAITALL),
				 m->size);
	return true;
}

static uint64_t
ask(uint32_t request)
{
	struct msg m = { .flags = 1 };

	send_msg(&m, request, 0, -1);
	assert_true(get_reply(&m));
	return m.u64;
}

/* Sends a message that has no answer of its own and waits until it was
 * handled; what came of it. */
static bool
tell(struct msg *m, uint32_t request, uint32_t size, int fd)
{
	bool acked = request != SET_LOG_BASE, ok;

	m->flags = 1 | (acked ? 8 : 0);
	send_msg(m, request, size, fd);
	ok = get_reply(m) && (!acked || m->u64 == 0);
	/* The answer comes before the device hears of it. */
	ask(GET_QUEUE_NUM);
	return ok;
}

static bool
tell_u64(uint32_t request, uint64_t value, int fd)
{
	struct msg m = { .u64 = value };

	return tell(&m, request, 8, fd);
}

static bool
tell_state(uint32_t request, uint32_t index, uint32_t num)
{
	struct msg m = { .state = { index, num } };

	return tell(&m, request, 8, -1);
}

static bool
set_mem_table(int fd, uint64_t size)
{
	struct msg m = { .mem = { .n = 1, .region[0] = {
		.gpa = MEM_IOVA, .size = size, .user = MEM_USER } } };

	return tell(&m, SET_MEM_TABLE, 8 + 32, fd);
}

static bool
set_log_base(int fd)
{
	struct msg m = { .log = { .size = LOG_SIZE } };

	return tell(&m, SET_LOG_BASE, 16, fd);
}

static int
new_log(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, LOG_SIZE), 0);
	if (log_mem != NULL)
		munmap(log_mem, LOG_SIZE);
	log_mem = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       0);
	assert_true(log_mem != MAP_FAILED);
	return fd;
}

static void
set_up_queue(uint16_t i, uint32_t base)
{
	uint64_t user = MEM_USER + (gq[i].iova - MEM_IOVA);
	struct msg m = { .addr = { .index = i, .desc_user_addr = user,
		.avail_user_addr = user + GQ_AVAIL,
		.used_user_addr = user + GQ_USED,
		.log_guest_addr = gq[i].iova + GQ_USED } };

	assert_true(tell_u64(SET_VRING_CALL, i, calls[i]));
	assert_true(tell_state(SET_VRING_NUM, i, SIZE));
	assert_true(tell_state(SET_VRING_BASE, i, base));
	assert_true(tell(&m, SET_VRING_ADDR, sizeof(m.addr), -1));
	assert_true(tell_u64(SET_VRING_KICK, i, kicks[i]));
	assert_true(tell_state(SET_VRING_ENABLE, i, 1));
}

/* Sets up 'n' virtqueues that go on from 'base', or from the beginning if it
 * is NULL. */
static void
set_up(uint64_t f, uint16_t n, const uint32_t *base)
{
	uint16_t i;

	features = f;
	assert_true(tell_u64(SET_FEATURES, f, -1));
	assert_true(set_mem_table(mem_fd, MEM_SIZE));
	for (i = 0; i < n; i++) {
		if (base == NULL)
			gq_init(&gq[i], (f & PACKED) != 0, SIZE,
				mem + i * GQ_MEM, MEM_IOVA + i * GQ_MEM);
		set_up_queue(i, base != NULL ? base[i] :
			     f & PACKED ? 0x8000 : 0);
	}
}

static uint32_t
get_base(uint16_t i)
{
	struct msg m = { .flags = 1, .state = { i, 0 } };

	send_msg(&m, GET_VRING_BASE, 8, -1);
	assert_true(get_reply(&m));
	return m.state.num;
}

static void
accept_backend(void)
{
	front = accept(listener, NULL, NULL);
	assert_true(front >= 0);
	ask(GET_PROTOCOL_FEATURES);
	/* Before this there are no acknowledgements. */
	send_msg(&(struct msg) { .flags = 1, .u64 =
		 BIT(VHOST_USER_PROTOCOL_F_MQ) |
		 BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		 BIT(VHOST_USER_PROTOCOL_F_RARP) |
		 BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD) },
		 SET_PROTOCOL_FEATURES, 8, -1);
	assert_true(tell_u64(SET_OWNER, 0, -1));
}

/* The device as the driver has it. */

static struct sim_vdpa *
drv(void)
{
	struct sim_nic *nic;
	struct sim_vdpa *v;

	sim_nic_lock();
	nic = sim_nic_find("net_simpf0");
	v = nic->vdpa[0];
	sim_nic_unlock();
	return v;
}

static uint64_t
vstat(uint16_t i, const char *name)
{
	struct rte_vdpa_stat_name names[64];
	struct rte_vdpa_stat stats[64];
	int k, n = rte_vdpa_get_stats_names(vdev, names, 64);

	assert_int_equal(rte_vdpa_get_stats(vdev, i, stats, 64), n);
	for (k = 0; k < n; k++) {
		if (strcmp(names[k].name, name) == 0)
			return stats[k].value;
	}
	fail_msg("there is no statistic %s", name);
	return 0;
}

static bool
runs(uint16_t i)
{
	return sim_vdpa_dev_read(drv()->dev, SIM_REG_QUEUE(i) +
				 SIM_QUEUE_ENABLE) == 1;
}

/* Fixtures. */

static const struct rte_vhost_device_ops vhost_ops;

static void
start_rep(void)
{
	static const struct rte_eth_conf conf;
	struct rte_dev_iterator it;

	RTE_ETH_FOREACH_MATCHING_DEV(rep, "net_simpf0,representor=[0]", &it) {
		rte_eth_iterator_cleanup(&it);
		break;
	}
	assert_int_equal(rte_eth_dev_configure(rep, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(rep, 0, 256, SOCKET_ID_ANY,
						NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(rep, 0, 256, SOCKET_ID_ANY,
						NULL), 0);
	assert_int_equal(rte_eth_dev_start(rep), 0);
}

static void
listen_on_socket(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(path, sizeof(path), "%s/s", folder);
	unlink(path);
	strcpy(sun.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (void *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(listener, 1), 0);
}

static int
setup_with(const char *more)
{
	char devargs[128];
	uint16_t i;

	assert_int_equal(rte_dev_probe("net_simpf0,vfs=2"), 0);
	start_rep();
	snprintf(devargs, sizeof(devargs),
		 "net_simvf0,pf=net_simpf0,vf=0,vdpa=1,queues=2%s", more);
	assert_int_equal(rte_dev_probe(devargs), 0);
	vdev = rte_vdpa_find_device_by_name("net_simvf0");
	assert_non_null(vdev);
	mem_fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(mem_fd, MEM_SIZE), 0);
	mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd,
		   0);
	assert_true(mem != MAP_FAILED);
	for (i = 0; i < 4; i++) {
		kicks[i] = eventfd(0, EFD_NONBLOCK);
		calls[i] = eventfd(0, EFD_NONBLOCK);
	}
	listen_on_socket();
	assert_int_equal(rte_vhost_driver_register(path,
			 RTE_VHOST_USER_CLIENT), 0);
	assert_int_equal(rte_vhost_driver_callback_register(path, &vhost_ops),
			 0);
	assert_int_equal(rte_vhost_driver_attach_vdpa_device(path, vdev), 0);
	assert_int_equal(rte_vhost_driver_start(path), 0);
	accept_backend();
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	return setup_with("");
}

static int
setup_sw(void **state)
{
	(void)state;
	return setup_with(",sw-live-migration=1");
}

static int
teardown(void **state)
{
	uint16_t i;

	(void)state;
	close(front);
	close(listener);
	rte_vhost_driver_unregister(path);
	assert_int_equal(rte_eal_hotplug_remove("vdev", "net_simvf0"), 0);
	assert_int_equal(rte_eal_hotplug_remove("vdev", "net_simpf0"), 0);
	assert_int_equal(rte_mempool_avail_count(pool), TEST_POOL_SIZE);
	for (i = 0; i < 4; i++) {
		close(kicks[i]);
		close(calls[i]);
	}
	munmap(mem, MEM_SIZE);
	close(mem_fd);
	return 0;
}

/* Traffic. */

static void
kick(uint16_t i)
{
	uint64_t one = 1;

	assert_int_equal(write(kicks[i], &one, sizeof(one)), sizeof(one));
}

static struct rte_mbuf *
received(void)
{
	struct rte_mbuf *m = NULL;

	WAIT(rte_eth_rx_burst(rep, 0, &m, 1) == 1);
	return m;
}

static void
add(uint16_t i, uint32_t at, uint32_t len, bool is_rx)
{
	struct gq_seg seg = {
		.iova = MEM_IOVA + BUFS + at, .len = len, .write = is_rx,
	};

	gq_add(&gq[i], &seg, 1);
}

/* The guest sends a frame that carries 'number'. */
static void
add_tx(uint16_t i, uint32_t number)
{
	uint32_t at = 0x100000 + (number % 256) * 128;

	memset(mem + BUFS + at, 0, 128);
	memcpy(mem + BUFS + at + HLEN + 20, &number, sizeof(number));
	add(i, at, HLEN + 60, false);
}

static void
expect_tx(uint32_t number)
{
	struct rte_mbuf *m = received();
	uint32_t got;

	memcpy(&got, rte_pktmbuf_mtod_offset(m, void *, 20), sizeof(got));
	assert_int_equal(m->pkt_len, 60);
	rte_pktmbuf_free(m);
	assert_int_equal(got, number);
}

static void
guest_sends(uint32_t first, uint32_t n)
{
	uint32_t k, len;

	for (k = 0; k < n; k++) {
		add_tx(TX, first + k);
		kick(TX);
		expect_tx(first + k);
		WAIT(gq_take(&gq[TX], &len));
	}
}

/* The guest receives frames of 1000 bytes, one page and a bit apart. */
static void
guest_receives(uint32_t first, uint32_t n)
{
	struct rte_mbuf *m;
	uint32_t k, at, len;

	for (k = first; k < first + n; k++) {
		at = (k % 100) * 5000;
		memset(mem + BUFS + at, 0, 1100);
		add(RX, at, 1100, true);
		kick(RX);
		m = rte_pktmbuf_alloc(pool);
		memset(rte_pktmbuf_append(m, 1000), k % 200 + 1, 1000);
		assert_int_equal(rte_eth_tx_burst(rep, 0, &m, 1), 1);
		WAIT(gq_take(&gq[RX], &len));
		assert_int_equal(len, HLEN + 1000);
		assert_int_equal(mem[BUFS + at + HLEN + 999], k % 200 + 1);
	}
}

static bool
was_called(uint16_t i)
{
	uint64_t n;

	return read(calls[i], &n, sizeof(n)) == sizeof(n);
}

/* Tests. */

static void
test_offers(void **state)
{
	uint64_t f = ask(GET_FEATURES), pf = ask(GET_PROTOCOL_FEATURES);

	(void)state;
	assert_int_equal(f & (FEATURES | PACKED | EVENT | LOG_ALL),
			 FEATURES | PACKED | EVENT | LOG_ALL);
	assert_false(f & BIT(VIRTIO_F_IOMMU_PLATFORM));
	assert_true(f & BIT(VIRTIO_NET_F_GUEST_TSO4));
	assert_false(f & BIT(VIRTIO_NET_F_GUEST_UFO));
	assert_int_equal(pf, BIT(VHOST_USER_PROTOCOL_F_MQ) |
			 BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |
			 BIT(VHOST_USER_PROTOCOL_F_RARP) |
			 BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK));
	assert_int_equal(ask(GET_QUEUE_NUM), 2);
}

static void
test_offers_sw(void **state)
{
	(void)state;
	assert_false(ask(GET_FEATURES) & PACKED);
}

static void
check_traffic(uint64_t f)
{
	set_up(f, 2, NULL);
	WAIT(runs(RX) && runs(TX));
	assert_false(runs(2));
	guest_sends(0, 200);
	guest_receives(0, 200);
	assert_true(was_called(RX));
	assert_true(was_called(TX));
	assert_int_equal(vstat(TX, "packets"), 200);
	assert_int_equal(vstat(RX, "packets"), 200);
	assert_int_equal(vstat(RX, "bytes"), 200000);
	assert_true(vstat(TX, "doorbells") > 0);
	assert_int_equal(rte_vdpa_reset_stats(vdev, TX), 0);
	assert_int_equal(vstat(TX, "packets"), 0);
	assert_int_equal(rte_vdpa_reset_stats(vdev, 4), -EINVAL);
}

static void
test_traffic_split(void **state)
{
	(void)state;
	check_traffic(FEATURES);
}

static void
test_traffic_packed(void **state)
{
	(void)state;
	check_traffic(FEATURES | PACKED | BIT(VIRTIO_F_IN_ORDER));
}

/* More queues than the device has stay harmless; the second pair comes while
 * the first one runs. */
static void
test_more_queues(void **state)
{
	uint16_t i;

	(void)state;
	set_up(FEATURES, 4, NULL);
	WAIT(runs(2) && runs(3));
	for (i = 4; i < 8; i++) {
		assert_true(tell_u64(SET_VRING_CALL, i, calls[0]));
		assert_true(tell_state(SET_VRING_NUM, i, SIZE));
		assert_true(tell_state(SET_VRING_ENABLE, i, 1));
	}
	guest_sends(0, 10);
	add_tx(3, 77);
	kick(3);
	expect_tx(77);
	assert_true(tell_state(SET_VRING_ENABLE, 3, 0));
	assert_false(runs(3));
	assert_true(runs(TX));
	assert_true(tell_state(SET_VRING_ENABLE, 3, 1));
	add_tx(3, 78);
	kick(3);
	expect_tx(78);
}

/* New memory at another place of the process while the device runs. */
static void
test_memory_change(void **state)
{
	(void)state;
	set_up(FEATURES, 2, NULL);
	guest_sends(0, 20);
	/* A shorter region ends behind what is in use. */
	assert_true(set_mem_table(mem_fd, MEM_SIZE - 0x10000));
	guest_sends(20, 20);
	guest_receives(0, 20);
	assert_int_equal(drv()->mem->regions[0].size, MEM_SIZE - 0x10000);
}

/* A memory table that the library cannot map leaves it without memory. */
static void
test_no_memory(void **state)
{
	int fd = eventfd(0, 0);

	(void)state;
	set_up(FEATURES, 2, NULL);
	guest_sends(0, 5);
	assert_false(set_mem_table(fd, MEM_SIZE - 4096));
	close(fd);
	assert_false(drv()->running);
	tell_u64(SET_OWNER, 0, -1);
	assert_false(drv()->running);
}

/* Another call file while the device runs. */
static void
test_call_change(void **state)
{
	(void)state;
	set_up(FEATURES, 2, NULL);
	guest_sends(0, 5);
	assert_true(was_called(TX));
	assert_true(tell_u64(SET_VRING_CALL, TX, calls[3]));
	guest_sends(5, 5);
	assert_false(was_called(TX));
	assert_true(was_called(3));
	/* None at all. */
	assert_true(tell_u64(SET_VRING_CALL, TX | 0x100, -1));
	guest_sends(10, 5);
	/* None to kick with: the device is rung for us. */
	assert_true(tell_u64(SET_VRING_KICK, TX | 0x100, -1));
	add_tx(TX, 99);
	expect_tx(99);
	/* A file that nobody can wait for. */
	tell_u64(SET_VRING_KICK, TX, mem_fd);
	assert_false(runs(TX));
	assert_true(runs(RX));
	guest_receives(0, 5);
}

static void
reconnect(void)
{
	close(front);
	WAIT(!drv()->running);
	accept_backend();
}

/* A guest goes in the midst of its traffic; the next one sees none of it. */
static void
test_reconnect(void **state)
{
	struct rte_mbuf *m;
	unsigned int round;
	uint32_t k;

	(void)state;
	for (round = 0; round < 2; round++) {
		set_up(FEATURES | (round ? PACKED : 0), 2, NULL);
		guest_sends(0, 5);
		for (k = 0; k < 30; k++) {
			m = rte_pktmbuf_alloc(pool);
			memset(rte_pktmbuf_append(m, 100), 0xaa, 100);
			rte_eth_tx_burst(rep, 0, &m, 1);
			add_tx(TX, k);
		}
		kick(TX);
		reconnect();
		memset(mem, 0xff, MEM_SIZE);
		while (rte_eth_rx_burst(rep, 0, &m, 1) == 1)
			rte_pktmbuf_free(m);
		set_up(FEATURES, 2, NULL);
		guest_receives(0, 5);	/* And no 0xaa. */
		reconnect();
	}
}

/* Queues stop and go on where they were. */
static void
check_resume(uint64_t f)
{
	uint32_t base[2], round, n = 0;

	set_up(f, 2, NULL);
	for (round = 0; round < 10; round++) {
		guest_sends(n, 37);
		guest_receives(n, 37);
		n += 37;
		base[RX] = get_base(RX);
		assert_false(drv()->running);
		base[TX] = get_base(TX);
		if (f & PACKED)
			assert_int_equal(base[TX], n % SIZE |
					 (n / SIZE % 2 ? 0 : 0x8000));
		else
			assert_int_equal(base[TX], n);
		set_up(f, 2, base);
	}
}

static void
test_resume_split(void **state)
{
	(void)state;
	check_resume(FEATURES);
}

static void
test_resume_packed(void **state)
{
	(void)state;
	check_resume(FEATURES | PACKED);
}

static bool
is_dirty(uint64_t iova)
{
	return log_mem[iova / 4096 / 8] & (1u << iova / 4096 % 8);
}

/* Whether only the guest itself writes to this page. */
static bool
is_guests_own(uint64_t off)
{
	uint64_t in_queue = off % GQ_MEM;

	if (off >= BUFS + 0x100000)
		return true;		/* What it sends. */
	if (off >= BUFS)
		return false;
	/* The device writes to the descriptors of a packed ring. */
	return in_queue < GQ_AVAIL ? !(features & PACKED) :
		in_queue < GQ_USED || in_queue >= GQ_INDIRECT;
}

/* A page that differs from 'before' and that the guest itself has not written
 * is in the log. */
static unsigned int
assert_logged(const uint8_t *before)
{
	unsigned int changed = 0;
	uint64_t off;

	for (off = 0; off < MEM_SIZE; off += 4096) {
		if (is_guests_own(off) ||
		    memcmp(mem + off, before + off, 4096) == 0)
			continue;
		if (!is_dirty(MEM_IOVA + off))
			fail_msg("the page at 0x%lx is not logged", off);
		changed++;
	}
	return changed;
}

/* The source's side of a migration. */
static void
check_migration(uint64_t f)
{
	uint8_t *before = malloc(MEM_SIZE);
	int fd = new_log();
	uint32_t base[2];

	set_up(f, 2, NULL);
	guest_sends(0, 20);
	guest_receives(0, 20);
	assert_true(set_log_base(fd));
	close(fd);
	assert_true(tell_u64(SET_FEATURES, f | LOG_ALL, -1));
	memcpy(before, mem, MEM_SIZE);
	guest_sends(20, 150);
	guest_receives(20, 150);
	if (!drv()->sw_lm)
		assert_int_equal(sim_vdpa_dev_log_mismatches(drv()->dev), 0);
	base[RX] = get_base(RX);
	base[TX] = get_base(TX);
	assert_true(assert_logged(before) > 100);
	/* It is cancelled: the guest goes on, without a log. */
	memset(log_mem, 0, LOG_SIZE);
	set_up(f, 2, base);
	assert_true(tell_u64(SET_FEATURES, f, -1));
	guest_sends(170, 20);
	guest_receives(170, 20);
	get_base(RX);
	get_base(TX);
	assert_false(is_dirty(MEM_IOVA + BUFS + 70 * 5000 + 4096));
	free(before);
}

static void
test_migration_split(void **state)
{
	(void)state;
	check_migration(FEATURES);
}

static void
test_migration_packed(void **state)
{
	(void)state;
	check_migration(FEATURES | PACKED);
}

static void
test_migration_sw(void **state)
{
	(void)state;
	check_migration(FEATURES);
}

static void
test_migration_sw_event(void **state)
{
	(void)state;
	check_migration(FEATURES | EVENT);
}

/* A guest that wants no interrupts is served all the same, and one that wants
 * them gets them. */
static void
test_sw_interrupts(void **state)
{
	int fd = new_log();

	(void)state;
	set_up(FEATURES, 2, NULL);
	assert_true(set_log_base(fd));
	close(fd);
	assert_true(tell_u64(SET_FEATURES, FEATURES | LOG_ALL, -1));
	assert_true(drv()->mediating);
	was_called(RX);
	gq_avail(&gq[RX])->flags = VRING_AVAIL_F_NO_INTERRUPT;
	guest_receives(0, 50);
	assert_false(was_called(RX));
	gq_avail(&gq[RX])->flags = 0;
	guest_receives(50, 1);
	WAIT(was_called(RX));
	assert_true(tell_u64(SET_FEATURES, FEATURES, -1));
	assert_false(drv()->mediating);
	guest_receives(51, 50);
}

/* Whether the driver has not noticed yet that the log was mapped anew. */
static bool
log_differs(struct sim_vdpa *v)
{
	uint64_t base, size;
	bool differs;

	pthread_mutex_lock(&v->lock);
	rte_vhost_get_log_base(v->vid, &base, &size);
	differs = base != v->lib_log;
	pthread_mutex_unlock(&v->lock);
	return differs;
}

/* The front-end replaces the log: the new one has all that may be in
 * neither. */
static void
test_log_moves(void **state)
{
	int fd = new_log(), same = dup(fd);

	(void)state;
	set_up(FEATURES, 2, NULL);
	assert_true(set_log_base(fd));
	close(fd);
	assert_true(tell_u64(SET_FEATURES, FEATURES | LOG_ALL, -1));
	guest_receives(0, 3);
	assert_true(is_dirty(MEM_IOVA + BUFS));
	/* The same one again changes nothing. */
	assert_true(set_log_base(same));
	close(same);
	WAIT(!log_differs(drv()));
	assert_false(is_dirty(MEM_IOVA + BUFS + 0x80000));
	memset(log_mem, 0, LOG_SIZE);
	guest_receives(0, 3);
	assert_true(is_dirty(MEM_IOVA + BUFS));
	fd = new_log();
	assert_true(set_log_base(fd));
	close(fd);
	WAIT(is_dirty(MEM_IOVA + BUFS));
	memset(log_mem, 0, LOG_SIZE);
	guest_receives(0, 3);
	assert_true(is_dirty(MEM_IOVA + BUFS));
	/* And once more just before the end. */
	fd = new_log();
	assert_true(set_log_base(fd));
	close(fd);
	get_base(RX);
	assert_true(is_dirty(MEM_IOVA + BUFS));
	assert_true(is_dirty(MEM_IOVA + GQ_USED));
}

/* LOG_ALL before there is a log. */
static void
test_log_comes_late(void **state)
{
	int fd = new_log();

	(void)state;
	set_up(FEATURES | LOG_ALL, 2, NULL);
	guest_receives(0, 3);
	assert_true(set_log_base(fd));
	close(fd);
	WAIT(is_dirty(MEM_IOVA + BUFS));
}

/* After a migration the guest is announced, between its own packets. */
static void
check_announcement(uint64_t f)
{
	static const uint8_t mac[8] = { 2, 0, 0, 1, 2, 3 };
	struct rte_ether_hdr *eth;
	unsigned int round, rarps;
	struct rte_mbuf *m;
	uint32_t got, want, len;
	uint64_t value;

	memcpy(&value, mac, sizeof(value));
	set_up(f, 2, NULL);
	for (round = 0; round < 10; round++) {
		for (want = 0; want < 30; want++)
			add_tx(TX, want);
		kick(TX);
		assert_true(tell_u64(SEND_RARP, value, -1));
		for (want = 0, rarps = 0; want < 30 || rarps == 0;) {
			m = received();
			eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
			memcpy(&got, (uint8_t *)eth + 20, sizeof(got));
			if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_RARP)) {
				assert_memory_equal(&eth->src_addr, mac, 6);
				rarps++;
			} else {
				assert_int_equal(got, want++);
			}
			rte_pktmbuf_free(m);
		}
		assert_int_equal(rarps, 1);
		for (want = 0; want < 30; want++)
			WAIT(gq_take(&gq[TX], &len));
	}
	guest_sends(0, 100);
}

static void
test_announcement_split(void **state)
{
	(void)state;
	check_announcement(FEATURES);
}

static void
test_announcement_packed(void **state)
{
	(void)state;
	check_announcement(FEATURES | PACKED);
}

/* Faults. */

static void
fault(uint32_t set, uint32_t clear)
{
	sim_nic_lock();
	sim_vdpa_set_faults(sim_nic_find("net_simpf0")->vdpa[0], set, clear,
			    UINT32_MAX);
	sim_nic_unlock();
}

static void
test_conf_fails(void **state)
{
	(void)state;
	fault(SIM_FAULT_DEV_CONF, 0);
	set_up(FEATURES, 2, NULL);
	assert_false(drv()->running);
	fault(0, SIM_FAULT_DEV_CONF);
	/* The library tries again. */
	assert_true(tell_u64(SET_OWNER, 0, -1));
	guest_sends(0, 5);
}

static void
on_event(const char *name, enum rte_dev_event_type event, void *arg)
{
	(void)arg;
	if (strcmp(name, "net_simvf0") == 0 && event == RTE_DEV_EVENT_REMOVE)
		__atomic_fetch_add(&removals, 1, __ATOMIC_RELAXED);
}

static void
test_removed(void **state)
{
	uint32_t base;

	(void)state;
	removals = 0;
	assert_int_equal(rte_dev_event_callback_register("net_simvf0",
			 on_event, NULL), 0);
	set_up(FEATURES, 2, NULL);
	guest_sends(0, 20);
	fault(SIM_FAULT_REMOVED, 0);
	WAIT(__atomic_load_n(&removals, __ATOMIC_RELAXED) == 1);
	add_tx(TX, 99);
	kick(TX);
	/* What is known of the ring is in the ring. */
	base = get_base(TX);
	assert_int_equal(base, 20);
	WAIT(rte_dev_event_callback_unregister("net_simvf0", on_event, NULL)
	     > 0);
	assert_true(removals == 1);
}

/* A device that a guest uses is not taken away under it. */
static void
test_busy(void **state)
{
	(void)state;
	set_up(FEATURES, 2, NULL);
	assert_int_not_equal(rte_eal_hotplug_remove("vdev", "net_simvf0"), 0);
	guest_sends(0, 5);
	/* Nor is the VF given away twice. */
	assert_int_not_equal(rte_dev_probe("net_simvf1,pf=net_simpf0,vf=0"),
			     0);
	assert_int_not_equal(rte_dev_probe(
		"net_simvf1,pf=net_simpf0,vf=0,vdpa=1"), 0);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
#define TEST_SW(NAME) cmocka_unit_test_setup_teardown(NAME, setup_sw, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_offers), TEST_SW(test_offers_sw),
		TEST(test_traffic_split), TEST(test_traffic_packed),
		TEST(test_more_queues), TEST(test_memory_change),
		TEST(test_no_memory), TEST(test_call_change),
		TEST(test_reconnect), TEST(test_resume_split),
		TEST(test_resume_packed), TEST(test_migration_split),
		TEST(test_migration_packed), TEST_SW(test_migration_sw),
		TEST_SW(test_migration_sw_event), TEST_SW(test_sw_interrupts),
		TEST(test_log_moves), TEST(test_log_comes_late),
		TEST(test_announcement_split), TEST(test_announcement_packed),
		TEST(test_conf_fails), TEST(test_removed), TEST(test_busy),
	};
	int ret;

	if (mkdtemp(folder) == NULL || test_eal_init() != 0)
		return EXIT_FAILURE;
	pool = test_pool("test");
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(folder);
	return ret;
}
