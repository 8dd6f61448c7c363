/* SPDX-License-Identifier: Apache-2.0 */

#include "test-sim-frontend.h"

#include "lib/vhost/send.h"

static char folder[] = "/tmp/test-sim-vdpa.XXXXXX";
static char path[64];
struct rte_mempool *pool;
uint16_t rep;
struct rte_vdpa_device *vdev;
int listener, front = -1;
uint8_t *mem;
int mem_fd;
uint64_t features;	/* Negotiated. */
struct gq gq[4];
int kicks[4], calls[4];

/* The front-end. */

static void
send_msg(struct msg *m, uint32_t request, uint32_t size, int fd)
{
	ssize_t n = 12 + size;

	m->request = request;
	m->size = size;
	assert_int_equal(dpdk_vdpa_send(front, m, n, &fd, fd >= 0, 0), n);
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

uint64_t
ask(uint32_t request)
{
	struct msg m = { .flags = 1 };

	send_msg(&m, request, 0, -1);
	assert_true(get_reply(&m));
	return m.u64;
}

bool
tell(struct msg *m, uint32_t request, uint32_t size, int fd)
{
	bool acked = request != SET_LOG_BASE, ok;

	m->flags = 1 | (acked ? 8 : 0);
	send_msg(m, request, size, fd);
	if (!get_reply(m))
		return false;		/* It has hung up. */
	ok = !acked || m->u64 == 0;
	/* The answer comes before the device hears of it. */
	ask(GET_QUEUE_NUM);
	return ok;
}

bool
tell_u64(uint32_t request, uint64_t value, int fd)
{
	struct msg m = { .u64 = value };

	return tell(&m, request, 8, fd);
}

bool
tell_state(uint32_t request, uint32_t index, uint32_t num)
{
	struct msg m = { .state = { index, num } };

	return tell(&m, request, 8, -1);
}

bool
set_mem_table(int fd, uint64_t size)
{
	struct msg m = { .mem = { .n = 1, .region[0] = {
		.gpa = MEM_IOVA, .size = size, .user = MEM_USER } } };

	return tell(&m, SET_MEM_TABLE, 8 + 32, fd);
}

/* All that a queue is but that it is enabled. */
static void
describe_queue(uint16_t i, uint32_t base, uint64_t used)
{
	uint64_t user = MEM_USER + (gq[i].iova - MEM_IOVA);
	struct msg m = { .addr = { .index = i, .desc_user_addr = user,
		.avail_user_addr = user + GQ_AVAIL, .used_user_addr = used,
		.log_guest_addr = used - MEM_USER + MEM_IOVA } };

	assert_true(tell_u64(SET_VRING_CALL, i, calls[i]));
	assert_true(tell_state(SET_VRING_NUM, i, SIZE));
	assert_true(tell_state(SET_VRING_BASE, i, base));
	tell(&m, SET_VRING_ADDR, sizeof(m.addr), -1);
	assert_true(tell_u64(SET_VRING_KICK, i, kicks[i]));
}

void
set_up_queue(uint16_t i, uint32_t base, uint64_t used)
{
	describe_queue(i, base, used);
	assert_true(tell_state(SET_VRING_ENABLE, i, 1));
}

void
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
		describe_queue(i, base != NULL ? base[i] :
			       f & PACKED ? 0x8000 : 0,
			       MEM_USER + gq[i].iova - MEM_IOVA + GQ_USED);
	}
	/* The device is configured when the first two are enabled, and from
	 * then on the library may die of a kick file: SIM_VHOST_PANICS. */
	for (i = 0; i < n; i++)
		assert_true(tell_state(SET_VRING_ENABLE, i, 1));
}

uint32_t
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

struct sim_vdpa *
drv(void)
{
	struct sim_plug *plug;

	sim_nic_lock();
	plug = sim_nic_find("net_simpf0")->plug[SIM_EP_VF(0)];
	sim_nic_unlock();
	return container_of(plug, struct sim_vdpa, plug);
}

uint64_t
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

bool
runs(uint16_t i)
{
	return sim_vdpa_dev_read(drv()->dev, SIM_REG_QUEUE(i) +
				 SIM_QUEUE_ENABLE) == 1;
}

void
remove_device(void)
{
	struct sim_plug *plug = &drv()->plug;

	sim_nic_lock();
	plug->ops->set_faults(plug, SIM_FAULT_REMOVED, 0, SIM_ALL_QUEUES);
	sim_nic_unlock();
}

void
fill_call(uint16_t i)
{
	uint64_t most = UINT64_MAX - 1;

	/* An interrupt of before may come between the two. */
	WAIT(!was_called(i) &&
	     write(calls[i], &most, sizeof(most)) == sizeof(most));
	assert_int_equal(fcntl(calls[i], F_SETFL, 0), 0);
}

/* Fixtures. */

static int
new_device(int vid)
{
	(void)vid;
	return 0;
}

static void
destroy_device(int vid)
{
	(void)vid;
}

/* DPDK 23.11 calls these two even if they are not there. */
static const struct rte_vhost_device_ops vhost_ops = {
	.new_device = new_device,
	.destroy_device = destroy_device,
};

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

/* The library does not connect anew by itself: it uses a socket that it has
 * freed if its server hangs up while it is unregistered. */
static void
connect_backend(void)
{
	assert_int_equal(rte_vhost_driver_register(path,
			 RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NO_RECONNECT),
			 0);
	assert_int_equal(rte_vhost_driver_callback_register(path, &vhost_ops),
			 0);
	assert_int_equal(rte_vhost_driver_attach_vdpa_device(path, vdev), 0);
	assert_int_equal(rte_vhost_driver_start(path), 0);
	accept_backend();
}

void
reconnect_backend(void)
{
	close(front);
	WAIT(!drv()->running);
	rte_vhost_driver_unregister(path);
	connect_backend();
}

static int
setup_with(const char *more)
{
	char devargs[128];
	uint16_t i;

	assert_int_equal(rte_dev_probe("net_simpf0,vfs=2"), 0);
	rep = test_start_port("net_simpf0,representor=[0]", pool);
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
	connect_backend();
	return 0;
}

int
setup(void **state)
{
	(void)state;
	return setup_with("");
}

int
setup_sw(void **state)
{
	(void)state;
	return setup_with(",sw-live-migration=1");
}

int
teardown(void **state)
{
	uint16_t i;

	(void)state;
	close(front);
	rte_vhost_driver_unregister(path);
	close(listener);
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

void
kick(uint16_t i)
{
	uint64_t one = 1;

	assert_int_equal(write(kicks[i], &one, sizeof(one)), sizeof(one));
}

struct rte_mbuf *
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

void
add_tx(uint16_t i, uint32_t number)
{
	uint32_t at = 0x100000 + (number % 256) * 128;

	memset(mem + BUFS + at, 0, 128);
	memcpy(mem + BUFS + at + HLEN + 20, &number, sizeof(number));
	add(i, at, HLEN + 60, false);
}

void
expect_tx(uint32_t number)
{
	struct rte_mbuf *m = received();
	uint32_t got;

	memcpy(&got, rte_pktmbuf_mtod_offset(m, void *, 20), sizeof(got));
	assert_int_equal(m->pkt_len, 60);
	rte_pktmbuf_free(m);
	assert_int_equal(got, number);
}

void
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

void
give_rx(uint32_t k)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint32_t at = (k % 100) * 5000;

	memset(mem + BUFS + at, 0, 1100);
	add(RX, at, 1100, true);
	kick(RX);
	memset(rte_pktmbuf_append(m, 1000), k % 200 + 1, 1000);
	assert_int_equal(rte_eth_tx_burst(rep, 0, &m, 1), 1);
}

void
guest_receives(uint32_t first, uint32_t n)
{
	uint32_t k, at, len;

	for (k = first; k < first + n; k++) {
		give_rx(k);
		WAIT(gq_take(&gq[RX], &len));
		assert_int_equal(len, HLEN + 1000);
		at = (k % 100) * 5000;
		assert_int_equal(mem[BUFS + at + HLEN + 999], k % 200 + 1);
	}
}

bool
was_called(uint16_t i)
{
	uint64_t n;

	return read(calls[i], &n, sizeof(n)) == sizeof(n);
}

int
run_group(const char *name, const struct CMUnitTest *tests, size_t n)
{
	int ret;

	if (mkdtemp(folder) == NULL || test_eal_init() != 0)
		return EXIT_FAILURE;
	pool = test_pool("test");
	ret = _cmocka_run_group_tests(name, tests, n, NULL, NULL);
	unlink(path);
	rmdir(folder);
	return ret;
}
