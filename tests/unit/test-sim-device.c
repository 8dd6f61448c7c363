/* SPDX-License-Identifier: Apache-2.0 */

#include "test-sim-device.h"

struct rte_mempool *pool;
struct sim_nic *nic;
struct sim_vdpa_dev *dev;
uint16_t rep;
uint8_t *mem;
uint8_t log_mem[LOG_SIZE];
struct gq gq[4];
int irq[4];

void
wr(uint32_t reg, uint32_t value)
{
	sim_vdpa_dev_write(dev, reg, value);
}

uint32_t
rd(uint32_t reg)
{
	return sim_vdpa_dev_read(dev, reg);
}

void
wr_queue(uint16_t i, uint32_t reg, uint32_t value)
{
	wr(SIM_REG_QUEUE(i) + reg, value);
}

uint32_t
rd_queue(uint16_t i, uint32_t reg)
{
	return rd(SIM_REG_QUEUE(i) + reg);
}

void
kick(uint16_t i)
{
	wr_queue(i, SIM_QUEUE_NOTIFY, i);
}

uint64_t
counter(const uint64_t *c)
{
	return __atomic_load_n(c, __ATOMIC_RELAXED);
}

void
enable_queue(uint16_t i, uint32_t state)
{
	uint64_t at = gq[i].iova;

	wr_queue(i, SIM_QUEUE_SIZE, gq[i].size);
	wr_queue(i, SIM_QUEUE_VECTOR, i);
	wr_queue(i, SIM_QUEUE_DESC_LOW, at);
	wr_queue(i, SIM_QUEUE_DESC_HIGH, at >> 32);
	wr_queue(i, SIM_QUEUE_AVAIL_LOW, at + GQ_AVAIL);
	wr_queue(i, SIM_QUEUE_AVAIL_HIGH, (at + GQ_AVAIL) >> 32);
	wr_queue(i, SIM_QUEUE_USED_LOW, at + GQ_USED);
	wr_queue(i, SIM_QUEUE_USED_HIGH, (at + GQ_USED) >> 32);
	wr(SIM_REG_RING_STATE(i), state);
	wr_queue(i, SIM_QUEUE_ENABLE, 1);
}

void
negotiate(uint64_t features)
{
	wr(SIM_REG_STATUS, 0);
	wr(SIM_REG_STATUS, SIM_STATUS_ACKNOWLEDGE);
	wr(SIM_REG_STATUS, SIM_STATUS_ACKNOWLEDGE | SIM_STATUS_DRIVER);
	wr(SIM_REG_DRV_FEATURES_LOW, features);
	wr(SIM_REG_DRV_FEATURES_HIGH, features >> 32);
	wr(SIM_REG_STATUS, SIM_STATUS_ACKNOWLEDGE | SIM_STATUS_DRIVER |
	   SIM_STATUS_FEATURES_OK);
}

void
drive(void)
{
	wr(SIM_REG_STATUS, SIM_STATUS_ACKNOWLEDGE | SIM_STATUS_DRIVER |
	   SIM_STATUS_FEATURES_OK | SIM_STATUS_DRIVER_OK);
}

void
start_device(uint64_t features, uint16_t n)
{
	bool packed = (features & PACKED) != 0;
	uint16_t i;

	negotiate(features);
	assert_int_equal(sim_vdpa_dev_map(dev, MEM_IOVA, mem, MEM_SIZE, true),
			 0);
	for (i = 0; i < n; i++) {
		gq_init(&gq[i], packed, SIZE, mem + i * GQ_MEM,
			MEM_IOVA + i * GQ_MEM);
		enable_queue(i, gq_initial_state(&gq[i]));
		assert_int_equal(rd_queue(i, SIM_QUEUE_ENABLE), 1);
	}
	drive();
}

void
stop_device(void)
{
	wr(SIM_REG_STATUS, 0);
	sim_vdpa_dev_unmap_all(dev);
}

struct rte_mbuf *
received(void)
{
	struct rte_mbuf *m = NULL;

	WAIT(rte_eth_rx_burst(rep, 0, &m, 1) == 1);
	return m;
}

void
transmit(struct rte_mbuf *m)
{
	assert_int_equal(rte_eth_tx_burst(rep, 0, &m, 1), 1);
}

static uint8_t
pattern(uint32_t i)
{
	return i * 7 + (i >> 8) * 13 + 1;
}

/* A frame of 'len' bytes: IPv6's type, so that nothing is looked into. */
static void
make_frame(uint8_t *frame, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		frame[i] = pattern(i);
	frame[0] = 0x02;
	frame[12] = 0x88;
	frame[13] = 0xb5;
}

void
assert_frame(const uint8_t *frame, uint32_t len)
{
	uint8_t want[SIM_MAX_FRAME];

	make_frame(want, len);
	assert_memory_equal(frame, want, len);
}

struct rte_mbuf *
frame_mbuf(uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *p;

	assert_non_null(m);
	p = (uint8_t *)rte_pktmbuf_append(m, len);
	assert_non_null(p);
	make_frame(p, len);
	return m;
}

void
make_tx(uint32_t at, uint32_t len)
{
	memset(mem + BUFS + at, 0, HLEN);
	make_frame(mem + BUFS + at + HLEN, len);
}

void
give_tx(uint16_t i, uint32_t at, uint32_t len, uint32_t piece)
{
	uint32_t total = HLEN + len, off;
	struct gq_seg segs[32];
	uint16_t n = 0;

	for (off = 0; off < total; off += piece)
		segs[n++] = (struct gq_seg) {
			.iova = MEM_IOVA + BUFS + at + off,
			.len = RTE_MIN(piece, total - off),
		};
	gq_add(&gq[i], segs, n);
}

void
add_tx(uint16_t i, uint32_t at, uint32_t len, uint32_t piece)
{
	make_tx(at, len);
	give_tx(i, at, len, piece);
}

void
add_rx(uint16_t i, uint32_t at, uint32_t len)
{
	struct gq_seg seg = {
		.iova = MEM_IOVA + BUFS + at, .len = len, .write = true,
	};

	memset(mem + BUFS + at, 0xee, len);
	gq_add(&gq[i], &seg, 1);
}

/* Fixtures. */

int
setup(void **state)
{
	struct sim_vdpa_dev_params params = {
		.name = "test", .ep_id = SIM_EP_VF(0), .pairs = 2,
	};
	uint16_t i;

	(void)state;
	assert_int_equal(rte_dev_probe("net_simpf0,vfs=2"), 0);
	rep = test_start_port("net_simpf0,representor=[0]", pool);
	sim_nic_lock();
	nic = sim_nic_find("net_simpf0");
	sim_nic_unlock();
	params.esw = &nic->esw;
	params.mac = sim_nic_mac(nic, SIM_PORT_VF, 0);
	dev = sim_vdpa_dev_create(&params);
	assert_non_null(dev);
	sim_nic_lock();
	sim_eswitch_attach(&nic->esw, dev->ep_id, &dev->ep);
	sim_vdpa_dev_set_cable(dev, true);
	sim_nic_unlock();
	mem = aligned_alloc(4096, MEM_SIZE);
	assert_non_null(mem);
	memset(log_mem, 0, sizeof(log_mem));
	for (i = 0; i < 4; i++) {
		irq[i] = eventfd(0, EFD_NONBLOCK);
		sim_vdpa_dev_set_irq(dev, i, irq[i]);
	}
	return 0;
}

int
teardown(void **state)
{
	uint16_t i;

	(void)state;
	stop_device();
	sim_nic_lock();
	sim_eswitch_detach(&nic->esw, dev->ep_id);
	sim_nic_unlock();
	for (i = 0; i < 4; i++)
		close(irq[i]);
	sim_vdpa_dev_destroy(dev);
	free(mem);
	assert_int_equal(rte_eal_hotplug_remove("vdev", "net_simpf0"), 0);
	assert_int_equal(rte_mempool_avail_count(pool), TEST_POOL_SIZE);
	return 0;
}

/* Steps of tests. */

void
check_rx_one(uint32_t len, uint32_t room)
{
	uint32_t need = (HLEN + len + room - 1) / room, i, got, off = 0;
	struct virtio_net_hdr_mrg_rxbuf *h = (void *)(mem + BUFS);
	uint8_t frame[SIM_MAX_FRAME];

	for (i = 0; i < need; i++)
		add_rx(RX, i * 4096, room);
	transmit(frame_mbuf(len));
	for (i = 0; i < need; i++) {
		WAIT(gq_take(&gq[RX], &got));
		assert_int_equal(got, RTE_MIN(room, HLEN + len - i * room));
		/* The others come with the first. */
		if (i == 0)
			assert_int_equal(h->num_buffers, need);
		if (i == 0)
			memcpy(frame, mem + BUFS + HLEN, got - HLEN);
		else
			memcpy(frame + off, mem + BUFS + i * 4096, got);
		off += i == 0 ? got - HLEN : got;
		if (got < room)
			assert_int_equal(mem[BUFS + i * 4096 + got], 0xee);
	}
	assert_int_equal(off, len);
	assert_frame(frame, len);
}

void
send_and_wait(uint64_t packets)
{
	add_tx(TX, 0, 60, 4096);
	kick(TX);
	rte_pktmbuf_free(received());
	WAIT(COUNTER(TX, packets) == packets);
}

void
assert_stops(uint16_t i, enum sim_vring_error error)
{
	struct rte_mbuf *m;

	kick(i);
	WAIT(rd_queue(i, SIM_QUEUE_ERROR) != SIM_VRING_ERR_NONE);
	assert_string_equal(sim_vring_error_name(rd_queue(i,
			    SIM_QUEUE_ERROR)), sim_vring_error_name(error));
	assert_int_equal(rd_queue(i, SIM_QUEUE_ENABLE), 0);
	assert_int_equal(COUNTER(i, ring_errors), 1);
	add_tx(3, 0, 60, 4096);
	kick(3);
	m = received();
	rte_pktmbuf_free(m);
	stop_device();
	memset(&dev->vq[i].counters, 0, sizeof(dev->vq[i].counters));
}

int
run_group(const char *name, const struct CMUnitTest *tests, size_t n)
{
	if (test_eal_init() != 0)
		return EXIT_FAILURE;
	srand(1);
	pool = test_pool("test");
	return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}
