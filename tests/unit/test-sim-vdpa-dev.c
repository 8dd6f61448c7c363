/* SPDX-License-Identifier: Apache-2.0 */

/* The simulated vDPA device by its registers, without vhost. */

#include "test-sim.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include "base/fault.h"
#include "nic/nic.h"
#include "base/rcu.h"
#include "vdpa/device/device.h"
#include "test-sim-vring.h"

#define BIT(n) (UINT64_C(1) << (n))
#define BASE_FEATURES (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_CSUM) | \
		       BIT(VIRTIO_NET_F_HOST_TSO4) | \
		       BIT(VIRTIO_NET_F_HOST_TSO6) | \
		       BIT(VIRTIO_NET_F_MRG_RXBUF) | \
		       BIT(VIRTIO_RING_F_INDIRECT_DESC))
#define PACKED BIT(VIRTIO_F_RING_PACKED)

#define RX 0
#define TX 1
#define SIZE 64

/* The guest's memory: queues first, then buffers, then the log. */
#define MEM_IOVA UINT64_C(0x100000)
#define MEM_SIZE 0x400000
#define BUFS 0x200000
#define LOG_IOVA UINT64_C(0x40000000)
#define LOG_SIZE 0x1000
#define HLEN sizeof(struct virtio_net_hdr_mrg_rxbuf)

static struct rte_mempool *pool;
static struct sim_nic *nic;
static struct sim_vdpa_dev *dev;
static uint16_t rep;
static uint8_t *mem;
static uint8_t log_mem[LOG_SIZE];
static struct gq gq[4];
static int irq[4];

/* Waits for a condition. */
#define WAIT(CONDITION) \
	do { \
		uint64_t end_ = rte_get_tsc_cycles() + 10 * rte_get_tsc_hz(); \
		while (!(CONDITION)) { \
			if (rte_get_tsc_cycles() > end_) \
				fail_msg("never: %s", #CONDITION); \
			sched_yield(); \
		} \
	} while (0)

static void
wr(uint32_t reg, uint32_t value)
{
	sim_vdpa_dev_write(dev, reg, value);
}

static uint32_t
rd(uint32_t reg)
{
	return sim_vdpa_dev_read(dev, reg);
}

static void
wr_queue(uint16_t i, uint32_t reg, uint32_t value)
{
	wr(SIM_REG_QUEUE(i) + reg, value);
}

static uint32_t
rd_queue(uint16_t i, uint32_t reg)
{
	return rd(SIM_REG_QUEUE(i) + reg);
}

static void
kick(uint16_t i)
{
	wr_queue(i, SIM_QUEUE_NOTIFY, i);
}

static uint64_t
counter(const uint64_t *c)
{
	return __atomic_load_n(c, __ATOMIC_RELAXED);
}

#define COUNTER(i, field) counter(&dev->vq[i].counters.field)

static void
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

static void
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

static void
drive(void)
{
	wr(SIM_REG_STATUS, SIM_STATUS_ACKNOWLEDGE | SIM_STATUS_DRIVER |
	   SIM_STATUS_FEATURES_OK | SIM_STATUS_DRIVER_OK);
}

/* The whole device with 'n' virtqueues. */
static void
start_device(uint64_t features, uint16_t n)
{
	bool packed = (features & PACKED) != 0;
	uint16_t i;

	negotiate(features);
	assert_int_equal(sim_vdpa_dev_map(dev, MEM_IOVA, mem, MEM_SIZE), 0);
	for (i = 0; i < n; i++) {
		gq_init(&gq[i], packed, SIZE, mem + i * GQ_MEM,
			MEM_IOVA + i * GQ_MEM);
		enable_queue(i, gq_initial_state(&gq[i]));
		assert_int_equal(rd_queue(i, SIM_QUEUE_ENABLE), 1);
	}
	drive();
}

static void
stop_device(void)
{
	wr(SIM_REG_STATUS, 0);
	sim_vdpa_dev_unmap_all(dev);
}

/* What the representor receives next. */
static struct rte_mbuf *
received(void)
{
	struct rte_mbuf *m = NULL;

	WAIT(rte_eth_rx_burst(rep, 0, &m, 1) == 1);
	return m;
}

static void
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

static void
assert_frame(const uint8_t *frame, uint32_t len)
{
	uint8_t want[SIM_MAX_FRAME];

	make_frame(want, len);
	assert_memory_equal(frame, want, len);
}

static struct rte_mbuf *
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

/* Makes a header and a frame to transmit. */
static void
make_tx(uint32_t at, uint32_t len)
{
	memset(mem + BUFS + at, 0, HLEN);
	make_frame(mem + BUFS + at + HLEN, len);
}

/* Gives it to the device in a chain of pieces of 'piece' bytes. */
static void
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

static void
add_tx(uint16_t i, uint32_t at, uint32_t len, uint32_t piece)
{
	make_tx(at, len);
	give_tx(i, at, len, piece);
}

static void
add_rx(uint16_t i, uint32_t at, uint32_t len)
{
	struct gq_seg seg = {
		.iova = MEM_IOVA + BUFS + at, .len = len, .write = true,
	};

	memset(mem + BUFS + at, 0xee, len);
	gq_add(&gq[i], &seg, 1);
}

/* Fixtures. */

static int
setup(void **state)
{
	static const struct rte_eth_conf conf;
	struct rte_dev_iterator it;
	uint16_t i;

	(void)state;
	assert_int_equal(rte_dev_probe("net_simpf0,vfs=2"), 0);
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
	sim_nic_lock();
	nic = sim_nic_find("net_simpf0");
	sim_nic_unlock();
	dev = sim_vdpa_dev_create("test", nic, 0, 2);
	assert_non_null(dev);
	sim_nic_lock();
	sim_eswitch_attach(&nic->esw, dev->ep_id, &dev->ep);
	sim_vdpa_dev_update_link(dev);
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

static int
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

/* Registers. */

static void
test_identity(void **state)
{
	uint64_t features = rd(SIM_REG_DEV_FEATURES_LOW) |
		(uint64_t)rd(SIM_REG_DEV_FEATURES_HIGH) << 32;

	(void)state;
	assert_int_equal(features & BASE_FEATURES, BASE_FEATURES);
	assert_true(features & PACKED);
	assert_int_equal(rd(SIM_REG_NUM_QUEUES), 4);
	assert_int_equal(rd(SIM_REG_MAX_SIZE), SIM_VRING_MAX_SIZE);
	assert_int_equal(rd(SIM_REG_NET_STATUS), 1);
	assert_int_equal(rd(SIM_REG_MAC_LOW) & 0xff, 0x02);
	assert_int_equal(rd(SIM_REG_STATUS), 0);
	assert_int_equal(rd_queue(3, SIM_QUEUE_VECTOR), SIM_NO_VECTOR);
	assert_int_equal(rd_queue(4, SIM_QUEUE_VECTOR), 0);
}

/* Writes that make no sense change nothing and are counted. */
static void
test_bad_writes(void **state)
{
	static const uint32_t regs[][2] = {
		{ SIM_REG_DEV_FEATURES_LOW, 0 }, { SIM_REG_NUM_QUEUES, 1 },
		{ 0x2, 1 }, { 0x100, 1 }, { 0xfffffffc, 1 },
		{ SIM_REG_STATUS, 0x40 }, { SIM_REG_STATUS, 0x100 },
		{ SIM_REG_STATUS, SIM_STATUS_DRIVER_OK },
		{ SIM_REG_QUEUE(0) + SIM_QUEUE_SIZE, 0x10000 },
		{ SIM_REG_QUEUE(0) + SIM_QUEUE_ENABLE, 1 },
		{ SIM_REG_QUEUE(0) + SIM_QUEUE_ENABLE, 2 },
		{ SIM_REG_QUEUE(0) + SIM_QUEUE_ERROR, 1 },
		{ SIM_REG_QUEUE(0) + 0x3c, 1 }, { SIM_REG_QUEUE(4), 1 },
		{ SIM_REG_LM + SIM_LM_LOGGING_CTRL, 1 },
		{ SIM_REG_LM + SIM_LM_LOGGING_CTRL, 2 },
		{ SIM_REG_LM + 4, 1 }, { SIM_REG_RING_STATE(4), 1 },
		{ SIM_REG_RING_STATE(1023), 1 },
		{ SIM_REG_RING_STATE(1024), 1 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(regs); i++) {
		wr(regs[i][0], regs[i][1]);
		assert_int_equal(dev->bad_writes, i + 1);
	}
	assert_int_equal(rd(SIM_REG_STATUS), 0);
	assert_int_equal(rd_queue(0, SIM_QUEUE_ENABLE), 0);
	assert_int_equal(rd(SIM_REG_LM + SIM_LM_LOGGING_CTRL), 0);
}

/* Nothing that the engine reads changes while it runs. */
static void
test_settled(void **state)
{
	uint64_t bad;

	(void)state;
	negotiate(BASE_FEATURES | BIT(40));
	assert_int_equal(rd(SIM_REG_STATUS), 3);	/* Not offered. */
	start_device(BASE_FEATURES, 2);
	bad = dev->bad_writes;
	wr_queue(0, SIM_QUEUE_SIZE, 8);
	wr_queue(0, SIM_QUEUE_DESC_LOW, 0);
	wr(SIM_REG_RING_STATE(0), 5);
	wr(SIM_REG_DRV_FEATURES_LOW, 0);
	wr(SIM_REG_STATUS, 1);		/* Bits go by a reset only. */
	assert_int_equal(dev->bad_writes, bad + 5);
	assert_int_equal(rd_queue(0, SIM_QUEUE_SIZE), SIZE);
	assert_int_equal(rd(SIM_REG_RING_STATE(0)), 0);
	wr(SIM_REG_STATUS, 0);
	assert_int_equal(rd_queue(0, SIM_QUEUE_SIZE), 0);
	assert_int_equal(rd_queue(0, SIM_QUEUE_ENABLE), 0);
	assert_int_equal(rd(SIM_REG_DRV_FEATURES_LOW), 0);
}

/* Rings that cannot be are refused when they are enabled. */
static void
test_bad_rings(void **state)
{
	static const struct { uint32_t size, desc, state; bool packed; } bad[] = {
		{ 0, 0, 0, false }, { 48, 0, 0, false }, { 64, 8, 0, false },
		{ 0, 0, 0, true }, { 64, 8, 0, true }, { 64, 0, 64, true },
		{ 64, 0, 64 << 16, true },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad); i++) {
		negotiate(BASE_FEATURES | (bad[i].packed ? PACKED : 0));
		wr_queue(0, SIM_QUEUE_SIZE, bad[i].size);
		wr_queue(0, SIM_QUEUE_DESC_LOW, bad[i].desc);
		wr(SIM_REG_RING_STATE(0), bad[i].state);
		wr_queue(0, SIM_QUEUE_ENABLE, 1);
		assert_int_equal(rd_queue(0, SIM_QUEUE_ENABLE), 0);
	}
}

/* The IOMMU. */

static void
test_iommu(void **state)
{
	struct sim_dma dma = { .log = NULL };
	struct sim_iommu iommu = { NULL };
	uint8_t a[64], b[64], buf[128];
	uint64_t len;

	(void)state;
	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	assert_int_equal(sim_iommu_map(&iommu, 0x1000, a, 64), 0);
	assert_int_equal(sim_iommu_map(&iommu, 0x1000, b, 64), -EEXIST);
	assert_int_equal(sim_iommu_map(&iommu, 0xfff, b, 2), -EEXIST);
	assert_int_equal(sim_iommu_map(&iommu, 0x103f, b, 64), -EEXIST);
	assert_int_equal(sim_iommu_map(&iommu, 0x2000, b, 0), -EINVAL);
	assert_int_equal(sim_iommu_map(&iommu, UINT64_MAX - 8, b, 64),
			 -EINVAL);
	assert_int_equal(sim_iommu_map(&iommu, 0x1040, b, 64), 0);
	dma.table = iommu.table;
	/* Across two ranges, but not in one piece. */
	assert_true(sim_dma_read(&dma, buf, 0x1000, 128));
	assert_int_equal(buf[63], 'a');
	assert_int_equal(buf[64], 'b');
	assert_null(sim_dma_map(&dma, 0x1020, 64));
	assert_non_null(sim_dma_map(&dma, 0x1040, 64));
	assert_false(sim_dma_read(&dma, buf, 0x1000, 129));
	assert_false(sim_dma_write(&dma, 0xfff, buf, 1));
	assert_null(sim_dma_translate(&dma, 0, &len));
	assert_null(sim_dma_translate(&dma, UINT64_MAX, &len));
	assert_int_equal(sim_iommu_unmap(&iommu, 0x1000, 63), -ENOENT);
	assert_int_equal(sim_iommu_unmap(&iommu, 0x1000, 64), 0);
	dma.table = iommu.table;
	assert_false(sim_dma_read(&dma, buf, 0x1000, 1));
	assert_true(sim_dma_read(&dma, buf, 0x1040, 1));
	sim_iommu_unmap_all(&iommu);
	assert_null(iommu.table);
}

/* Memory goes while the engine uses it: the queue stops, nothing else. */
static void
test_unmap_under_traffic(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 50; i++) {
		start_device(BASE_FEATURES, 4);
		add_tx(1, 0, 60, 4096);
		add_tx(1, 0, 60, 4096);
		kick(1);
		if (i % 2)
			rte_pktmbuf_free(received());
		assert_int_equal(sim_vdpa_dev_unmap(dev, MEM_IOVA, MEM_SIZE),
				 0);
		memset(mem, 0xff, MEM_SIZE);
		kick(1);
		WAIT(rd_queue(1, SIM_QUEUE_ERROR) == SIM_VRING_ERR_DMA);
		assert_int_equal(rd_queue(1, SIM_QUEUE_ENABLE), 0);
		stop_device();
		for (struct rte_mbuf *m; rte_eth_rx_burst(rep, 0, &m, 1) == 1;)
			rte_pktmbuf_free(m);
	}
	assert_true(COUNTER(1, dma_faults) >= 50);
}

/* Packets. */

static void
check_tx(uint64_t features, bool indirect)
{
	static const uint32_t lens[] = { 14, 60, 590, 1500 };
	static const uint32_t pieces[] = { 20000, 64, 100, 700, 12, 5 };
	unsigned int i, k, round, sent = 0;
	struct rte_mbuf *m;
	uint32_t len;

	start_device(features, 2);
	gq[TX].indirect = indirect;
	for (round = 0; round < 20; round++) {
		for (i = 0; i < RTE_DIM(lens); i++) {
			for (k = 0; k < RTE_DIM(pieces); k++) {
				if ((HLEN + lens[i]) / pieces[k] >= 32)
					continue;
				add_tx(TX, 0, lens[i], pieces[k]);
				kick(TX);
				m = received();
				assert_int_equal(m->pkt_len, lens[i]);
				assert_frame(rte_pktmbuf_mtod(m, uint8_t *),
					     m->pkt_len);
				rte_pktmbuf_free(m);
				WAIT(gq_take(&gq[TX], &len));
				assert_int_equal(len, 0);
				sent++;
			}
		}
	}
	assert_int_equal(COUNTER(TX, packets), sent);
	assert_int_equal(COUNTER(TX, ring_errors), 0);
}

static void
test_tx_split(void **state)
{
	(void)state;
	check_tx(BASE_FEATURES, false);
}

static void
test_tx_split_indirect(void **state)
{
	(void)state;
	check_tx(BASE_FEATURES, true);
}

static void
test_tx_packed(void **state)
{
	(void)state;
	check_tx(BASE_FEATURES | PACKED | BIT(VIRTIO_F_IN_ORDER), false);
}

static void
test_tx_packed_indirect(void **state)
{
	(void)state;
	check_tx(BASE_FEATURES | PACKED, true);
}

/* Receives a frame of 'len' bytes in buffers of 'room' bytes. */
static void
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

static void
check_rx(uint64_t features, bool indirect)
{
	unsigned int round;

	start_device(features, 2);
	gq[RX].indirect = indirect;
	for (round = 0; round < 50; round++) {
		check_rx_one(60, 2048);
		check_rx_one(1500, 100);
		check_rx_one(1500, 1512);
		check_rx_one(1500, 1511);
		check_rx_one(14, 12);
	}
	assert_int_equal(COUNTER(RX, packets), 250);
	/* A ring that is full and yet too small: the packet is gone, and the
	 * next one comes. */
	while ((gq[RX].next & ~GQ_WRAP) != 0)
		check_rx_one(60, 2048);
	while (COUNTER(RX, drop_oversize) == 0) {
		uint16_t i;

		for (i = 0; i < SIZE; i++)
			add_rx(RX, i * 4096, 16);
		transmit(frame_mbuf(1500));
		WAIT(COUNTER(RX, drop_oversize) == 1);
	}
	transmit(frame_mbuf(100));
	WAIT(COUNTER(RX, packets) > 250);
	assert_int_equal(COUNTER(RX, ring_errors), 0);
}

static void
test_rx_split(void **state)
{
	(void)state;
	check_rx(BASE_FEATURES, false);
}

static void
test_rx_split_indirect(void **state)
{
	(void)state;
	check_rx(BASE_FEATURES, true);
}

static void
test_rx_packed(void **state)
{
	(void)state;
	check_rx(BASE_FEATURES | PACKED, false);
}

static void
test_rx_packed_indirect(void **state)
{
	(void)state;
	check_rx(BASE_FEATURES | PACKED, true);
}

/* Without mergeable buffers what does not fit is dropped and takes no
 * buffer. */
static void
test_rx_not_mergeable(void **state)
{
	uint32_t len;

	(void)state;
	start_device(BASE_FEATURES & ~BIT(VIRTIO_NET_F_MRG_RXBUF), 2);
	add_rx(RX, 0, 512);
	transmit(frame_mbuf(501));
	WAIT(COUNTER(RX, drop_oversize) == 1);
	transmit(frame_mbuf(500));
	WAIT(gq_take(&gq[RX], &len));
	assert_int_equal(len, 512);
	assert_frame(mem + BUFS + HLEN, 500);
}

/* Where the device wants to be kicked. */
static uint16_t
event_index(uint16_t i)
{
	uint16_t index;

	memcpy(&index, &gq_used_ring(&gq[i])->ring[SIZE], sizeof(index));
	return index;
}

/* Packets wait for buffers, and beyond that are missed. */
static void
test_rx_without_buffers(void **state)
{
	unsigned int i;
	uint32_t len;

	(void)state;
	start_device(BASE_FEATURES | BIT(VIRTIO_RING_F_EVENT_IDX), 2);
	memset(&gq_used_ring(&gq[RX])->ring[SIZE], 0x55, 2);
	for (i = 0; i < 700; i++)
		transmit(frame_mbuf(60));
	WAIT(COUNTER(RX, drop_missed) > 0);
	assert_int_equal(COUNTER(RX, packets), 0);
	/* The device asks for a kick at the first buffer. */
	WAIT(event_index(RX) == 0);
	for (i = 0; i < 10; i++)
		add_rx(RX, i * 4096, 2048);
	kick(RX);
	for (i = 0; i < 10; i++)
		WAIT(gq_take(&gq[RX], &len));
	wr(SIM_REG_STATUS, 0);
	assert_int_equal(COUNTER(RX, packets) + COUNTER(RX, drop_missed) +
			 COUNTER(RX, drop_flushed), 700);
}

/* Offloads. */

static void
add_offloaded(uint8_t type, uint16_t mss, uint32_t payload, uint16_t start)
{
	uint32_t len = 14 + 20 + 20 + payload;
	struct virtio_net_hdr *h = (void *)(mem + BUFS);
	struct rte_mbuf *m = test_packet(pool, IPPROTO_TCP, 1, 2, 3, 4, 0);
	struct rte_ipv4_hdr *ip;
	struct rte_tcp_hdr *tcp;

	memset(h, 0, HLEN);
	memcpy(mem + BUFS + HLEN, rte_pktmbuf_mtod(m, void *), 54);
	rte_pktmbuf_free(m);
	memset(mem + BUFS + HLEN + 54, 'x', payload);
	ip = (void *)(mem + BUFS + HLEN + 14);
	ip->total_length = rte_cpu_to_be_16(40 + payload);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp = (void *)(ip + 1);
	tcp->cksum = rte_ipv4_phdr_cksum(ip, 0);
	h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h->gso_type = type;
	h->gso_size = mss;
	h->hdr_len = 54;
	h->csum_start = start;
	h->csum_offset = 16;
	gq_add(&gq[TX], &(struct gq_seg) { .iova = MEM_IOVA + BUFS,
					   .len = HLEN + len }, 1);
	kick(TX);
}

static void
assert_checksums(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, void *, 14);

	assert_int_equal(rte_ipv4_cksum(ip), 0);
	assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, ip + 1), 0);
}

static void
test_offloads(void **state)
{
	/* Wishes that cannot be granted lose the packet only. */
	static const struct { uint8_t type; uint16_t mss, start; } bad[] = {
		{ VIRTIO_NET_HDR_GSO_NONE, 0, 60000 },
		{ VIRTIO_NET_HDR_GSO_UDP, 1400, 34 },
		{ VIRTIO_NET_HDR_GSO_TCPV6, 1400, 34 },
		{ VIRTIO_NET_HDR_GSO_TCPV4, 0, 34 },
		{ VIRTIO_NET_HDR_GSO_TCPV4, 1400, 10 },
		{ VIRTIO_NET_HDR_GSO_TCPV4, 1400, 2000 },
	};
	struct rte_mbuf *m;
	unsigned int i;

	(void)state;
	start_device(BASE_FEATURES, 2);
	add_offloaded(VIRTIO_NET_HDR_GSO_NONE, 0, 333, 34);
	m = received();
	assert_checksums(m);
	rte_pktmbuf_free(m);
	add_offloaded(VIRTIO_NET_HDR_GSO_TCPV4, 1400, 14000, 34);
	for (i = 0; i < 10; i++) {
		m = received();
		assert_int_equal(m->pkt_len, 1454);
		assert_checksums(m);
		rte_pktmbuf_free(m);
	}
	for (i = 0; i < RTE_DIM(bad); i++) {
		add_offloaded(bad[i].type, bad[i].mss, 3000, bad[i].start);
		WAIT(COUNTER(TX, drop_bad_offload) == i + 1);
	}
	assert_int_equal(COUNTER(TX, ring_errors), 0);
}

/* Two pairs: one flow stays in one queue, many use both, and a queue that is
 * disabled gets nothing. */
static void
test_rss(void **state)
{
	unsigned int i, sum;

	(void)state;
	start_device(BASE_FEATURES, 4);
	for (i = 0; i < SIZE; i++) {
		add_rx(0, i * 4096, 2048);
		add_rx(2, i * 4096, 2048);
	}
	for (i = 0; i < 40; i++)
		transmit(test_packet(pool, IPPROTO_UDP, i, 2, 3, 4, 10));
	WAIT(COUNTER(0, packets) + COUNTER(2, packets) == 40);
	assert_true(COUNTER(0, packets) > 0);
	assert_true(COUNTER(2, packets) > 0);
	wr_queue(0, SIM_QUEUE_ENABLE, 0);
	sum = COUNTER(0, packets);
	for (i = 0; i < 20; i++)
		transmit(test_packet(pool, IPPROTO_UDP, i, 2, 3, 4, 10));
	WAIT(COUNTER(2, packets) == 60 - sum);
	assert_int_equal(COUNTER(0, packets), sum);
}

/* Notification. */

static uint64_t
interrupts(uint16_t i)
{
	uint64_t n = 0;

	return read(irq[i], &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void
send_and_wait(uint64_t packets)
{
	add_tx(TX, 0, 60, 4096);
	kick(TX);
	rte_pktmbuf_free(received());
	WAIT(COUNTER(TX, packets) == packets);
}

/* The device interrupts when it is told to, and only then. */
static void
check_interrupts(uint64_t features, void (*want)(bool))
{
	uint32_t len;

	start_device(features, 2);
	want(true);
	send_and_wait(1);
	WAIT(interrupts(TX) == 1);
	want(false);
	send_and_wait(2);
	/* When the queue is quiet it has raised what it was going to. */
	wr_queue(TX, SIM_QUEUE_ENABLE, 0);
	assert_int_equal(interrupts(TX), 0);
	wr_queue(TX, SIM_QUEUE_ENABLE, 1);
	while (gq_take(&gq[TX], &len))
		;
	want(true);
	send_and_wait(3);
	WAIT(interrupts(TX) == 1);
}

static void
want_split(bool on)
{
	gq_avail(&gq[TX])->flags = on ? 0 : VRING_AVAIL_F_NO_INTERRUPT;
}

static void
want_split_event(bool on)
{
	/* At the next one, or far away. */
	gq_avail(&gq[TX])->ring[SIZE] = gq[TX].used + (on ? 0 : 0x7000);
	if (on && gq[TX].avail > 1)
		gq_avail(&gq[TX])->ring[SIZE] = gq[TX].avail;
}

static void
want_packed(bool on)
{
	gq_driver_event(&gq[TX])->flags = on ? VRING_PACKED_EVENT_FLAG_ENABLE :
		VRING_PACKED_EVENT_FLAG_DISABLE;
}

static void
want_packed_event(bool on)
{
	gq_driver_event(&gq[TX])->flags = VRING_PACKED_EVENT_FLAG_DESC;
	gq_driver_event(&gq[TX])->off_wrap = on ? gq[TX].next :
		gq_advance(&gq[TX], gq[TX].next, SIZE / 2);
}

static void
test_interrupts(void **state)
{
	(void)state;
	check_interrupts(BASE_FEATURES, want_split);
	stop_device();
	memset(&dev->vq[TX].counters, 0, sizeof(dev->vq[TX].counters));
	check_interrupts(BASE_FEATURES | PACKED, want_packed);
}

static void
test_event_idx(void **state)
{
	const uint64_t event = BIT(VIRTIO_RING_F_EVENT_IDX);

	(void)state;
	check_interrupts(BASE_FEATURES | event, want_split_event);
	stop_device();
	memset(&dev->vq[TX].counters, 0, sizeof(dev->vq[TX].counters));
	check_interrupts(BASE_FEATURES | event | PACKED, want_packed_event);
}

/* An idle device sleeps, and asks for kicks before it does. */
static void
test_sleep(void **state)
{
	uint64_t wakeups;

	(void)state;
	start_device(BASE_FEATURES, 2);
	WAIT(__atomic_load_n(&dev->sleeping, __ATOMIC_ACQUIRE));
	WAIT(*(volatile uint16_t *)&gq_used_ring(&gq[TX])->flags == 0);
	wakeups = counter(&dev->wakeups);
	send_and_wait(1);
	WAIT(__atomic_load_n(&dev->sleeping, __ATOMIC_ACQUIRE));
	assert_true(counter(&dev->wakeups) >= wakeups);
	WAIT(*(volatile uint16_t *)&gq_used_ring(&gq[TX])->flags == 0);
}

/* Live migration. */

static void
start_log(uint64_t size)
{
	wr(SIM_REG_LM + SIM_LM_BASE_ADDR_LOW, LOG_IOVA);
	wr(SIM_REG_LM + SIM_LM_BASE_ADDR_HIGH, LOG_IOVA >> 32);
	wr(SIM_REG_LM + SIM_LM_END_ADDR_LOW, LOG_IOVA + size);
	wr(SIM_REG_LM + SIM_LM_END_ADDR_HIGH, (LOG_IOVA + size) >> 32);
	wr(SIM_REG_LM + SIM_LM_LOGGING_CTRL, 1);
	assert_int_equal(rd(SIM_REG_LM + SIM_LM_LOGGING_CTRL), 1);
}

static bool
is_dirty(uint64_t iova)
{
	return log_mem[iova / 4096 / 8] & (1u << iova / 4096 % 8);
}

static unsigned int
count_dirty(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < LOG_SIZE; i++)
		n += __builtin_popcount(log_mem[i]);
	return n;
}

static void
test_logging(void **state)
{
	uint64_t bufs = MEM_IOVA + BUFS;
	uint32_t len;

	(void)state;
	start_device(BASE_FEATURES, 2);
	assert_int_equal(sim_vdpa_dev_map(dev, LOG_IOVA, log_mem, LOG_SIZE),
			 0);
	check_rx_one(60, 2048);		/* Before it is on: no bit. */
	assert_int_equal(count_dirty(), 0);
	start_log(LOG_SIZE);
	check_rx_one(60, 2048);
	assert_true(is_dirty(bufs));
	assert_int_equal(count_dirty(), 1);
	/* Over the edge of a page, and not the page behind it. */
	add_rx(RX, 3 * 4096 - 100, 4096);
	transmit(frame_mbuf(1500));
	WAIT(gq_take(&gq[RX], &len));
	assert_true(is_dirty(bufs + 2 * 4096));
	assert_true(is_dirty(bufs + 3 * 4096));
	/* To the last byte of a page: not the next one. */
	add_rx(RX, 6 * 4096 - 112, 4096);
	transmit(frame_mbuf(100));
	WAIT(gq_take(&gq[RX], &len));
	assert_true(is_dirty(bufs + 5 * 4096));
	assert_int_equal(count_dirty(), 4);
	assert_int_equal(counter(&dev->log.pages), 4);
	assert_int_equal(sim_vdpa_dev_log_mismatches(dev), 0);
	/* The proof would show. */
	log_mem[bufs / 4096 / 8] = 0;
	assert_int_equal(sim_vdpa_dev_log_mismatches(dev), 4);
	/* A page that is written again is dirty again. */
	check_rx_one(60, 2048);
	assert_true(is_dirty(bufs));
	wr(SIM_REG_LM + SIM_LM_LOGGING_CTRL, 0);
	memset(log_mem, 0, sizeof(log_mem));
	check_rx_one(60, 2048);
	assert_int_equal(count_dirty(), 0);
	assert_int_equal(counter(&dev->log.lost), 0);
}

/* A bitmap that is too short, or that was unmapped: nothing is written beyond
 * it, and it is counted. */
static void
test_short_log(void **state)
{
	(void)state;
	start_device(BASE_FEATURES, 2);
	assert_int_equal(sim_vdpa_dev_map(dev, LOG_IOVA, log_mem, LOG_SIZE),
			 0);
	start_log((MEM_IOVA + BUFS) / 4096 / 8);
	check_rx_one(60, 2048);
	assert_int_equal(counter(&dev->log.lost), 2);	/* Header, frame. */
	assert_int_equal(count_dirty(), 0);
	assert_int_equal(sim_vdpa_dev_log_mismatches(dev), 1);
	assert_int_equal(sim_vdpa_dev_unmap(dev, LOG_IOVA, LOG_SIZE), 0);
	check_rx_one(60, 2048);
	assert_true(counter(&dev->log.lost) > 2);
}

/* Stops a queue in the midst of traffic, resets the device and goes on from
 * the ring state: every packet arrives once, in order. */
static void
check_restart(uint64_t features)
{
	uint32_t round, sent = 0, got = 0, saved, len;
	struct rte_mbuf *m;

	start_device(features, 2);
	for (round = 0; round < 60; round++) {
		for (; sent < got + 40; sent++) {
			uint32_t at = (sent % 40) * 256;

			make_tx(at, 60);
			memcpy(mem + BUFS + at + HLEN + 20, &sent, 4);
			give_tx(TX, at, 60, 100);
		}
		kick(TX);
		wr_queue(TX, SIM_QUEUE_ENABLE, 0);
		assert_int_equal(rd_queue(TX, SIM_QUEUE_ENABLE), 0);
		saved = rd(SIM_REG_RING_STATE(TX));
		wr(SIM_REG_STATUS, 0);
		negotiate(features);
		enable_queue(TX, saved);
		drive();
		assert_int_equal(rd_queue(TX, SIM_QUEUE_ENABLE), 1);
		while (got < sent) {
			uint32_t number;

			m = received();
			memcpy(&number, rte_pktmbuf_mtod_offset(m, void *, 20),
			       4);
			assert_int_equal(number, got);
			rte_pktmbuf_free(m);
			got++;
		}
		while (gq_take(&gq[TX], &len))
			;
	}
	assert_int_equal(COUNTER(TX, ring_errors), 0);
}

static void
test_restart_split(void **state)
{
	(void)state;
	check_restart(BASE_FEATURES);
}

static void
test_restart_packed(void **state)
{
	(void)state;
	check_restart(BASE_FEATURES | PACKED);
}

/* Rings that lie. */

static struct gq_seg
seg(uint64_t iova, uint32_t len, bool write)
{
	return (struct gq_seg) { .iova = iova, .len = len, .write = write };
}

/* The queue stops with 'error', and the others go on. */
static void
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

static void
restart(uint64_t features)
{
	start_device(features, 4);
}

static void
check_common_lies(uint64_t f)
{
	struct gq_seg many[SIZE];
	unsigned int i;

	/* Nowhere, partly nowhere, and round the end of all addresses. */
	restart(f);
	gq_add(&gq[TX], (struct gq_seg[]) { seg(0, 100, false) }, 1);
	assert_stops(TX, SIM_VRING_ERR_DMA);
	restart(f);
	gq_add(&gq[TX], (struct gq_seg[]) { seg(MEM_IOVA + MEM_SIZE - 50, 100,
						false) }, 1);
	assert_stops(TX, SIM_VRING_ERR_DMA);
	restart(f);
	gq_add(&gq[TX], (struct gq_seg[]) { seg(UINT64_MAX - 50, 100,
						false) }, 1);
	assert_stops(TX, SIM_VRING_ERR_LENGTH);
	/* No header, an empty chain, and one that is to be written. */
	restart(f);
	gq_add(&gq[TX], (struct gq_seg[]) { seg(MEM_IOVA, 11, false) }, 1);
	assert_stops(TX, SIM_VRING_ERR_LENGTH);
	restart(f);
	gq_add(&gq[TX], (struct gq_seg[]) { seg(MEM_IOVA, 0, false) }, 1);
	assert_stops(TX, SIM_VRING_ERR_LENGTH);
	restart(f);
	gq_add(&gq[TX], (struct gq_seg[]) { seg(MEM_IOVA + BUFS, 100, true),
		seg(MEM_IOVA + BUFS, 100, false) }, 2);
	assert_stops(TX, SIM_VRING_ERR_DIRECTION);
	/* Receive buffers to be read, without room, and nowhere. */
	restart(f);
	gq_add(&gq[RX], (struct gq_seg[]) { seg(MEM_IOVA + BUFS, 100,
						false) }, 1);
	wr_queue(2, SIM_QUEUE_ENABLE, 0);
	transmit(frame_mbuf(60));
	assert_stops(RX, SIM_VRING_ERR_DIRECTION);
	restart(f);
	gq_add(&gq[RX], (struct gq_seg[]) { seg(MEM_IOVA + BUFS, 4, true) },
	       1);
	wr_queue(2, SIM_QUEUE_ENABLE, 0);
	transmit(frame_mbuf(60));
	assert_stops(RX, SIM_VRING_ERR_LENGTH);
	restart(f);
	gq_add(&gq[RX], (struct gq_seg[]) { seg(MEM_IOVA - 100, 2000, true) },
	       1);
	wr_queue(2, SIM_QUEUE_ENABLE, 0);
	transmit(frame_mbuf(60));
	assert_stops(RX, SIM_VRING_ERR_DMA);
	/* As long as a descriptor can be: only the packet is gone. */
	restart(f);
	gq_add(&gq[TX], (struct gq_seg[]) { seg(MEM_IOVA, UINT32_MAX,
						false) }, 1);
	kick(TX);
	WAIT(COUNTER(TX, drop_oversize) == 1);
	/* Empty descriptors within a chain do no harm. */
	for (i = 0; i < SIZE - 1; i++)
		many[i] = seg(MEM_IOVA + BUFS, i == 5 ? 100 : 0, false);
	gq_add(&gq[TX], many, SIZE - 1);
	kick(TX);
	rte_pktmbuf_free(received());
	stop_device();
	memset(&dev->vq[TX].counters, 0, sizeof(dev->vq[TX].counters));
}

static void
check_indirect_lies(uint64_t f)
{
	static const uint32_t lens[] = { 0, 8, 17, 16 * 40000u };
	struct gq_seg s[2] = {
		seg(MEM_IOVA + BUFS, 100, false),
		seg(MEM_IOVA + BUFS, 100, false),
	};
	struct vring_desc *table;
	unsigned int i;

	for (i = 0; i < RTE_DIM(lens) + 2; i++) {
		restart(f);
		gq[TX].indirect = true;
		gq_add(&gq[TX], s, 2);
		table = (struct vring_desc *)(gq[TX].mem + GQ_INDIRECT);
		wr_queue(TX, SIM_QUEUE_ENABLE, 0);
		gq_init(&gq[TX], gq[TX].packed, SIZE, gq[TX].mem, gq[TX].iova);
		gq[TX].indirect = true;
		enable_queue(TX, gq_initial_state(&gq[TX]));
		wr_queue(TX, SIM_QUEUE_ENABLE, 0);
		gq_add(&gq[TX], s, 2);
		if (i < RTE_DIM(lens))
			gq_desc(&gq[TX])[0].len = lens[i];
		else if (i == RTE_DIM(lens))	/* Nested. */
			((uint16_t *)&table[0])[gq[TX].packed ? 7 : 6] |=
				VRING_DESC_F_INDIRECT;
		else				/* Nowhere. */
			gq_desc(&gq[TX])[0].addr = 16;
		wr_queue(TX, SIM_QUEUE_ENABLE, 1);
		assert_stops(TX, i > RTE_DIM(lens) ? SIM_VRING_ERR_DMA :
			     SIM_VRING_ERR_INDIRECT);
	}
	/* Not negotiated. */
	restart(f & ~BIT(VIRTIO_RING_F_INDIRECT_DESC));
	gq[TX].indirect = true;
	gq_add(&gq[TX], s, 2);
	assert_stops(TX, SIM_VRING_ERR_INDIRECT);
}

static void
test_split_lies(void **state)
{
	struct gq_seg s = seg(MEM_IOVA + BUFS, 100, false);
	unsigned int i;

	(void)state;
	check_common_lies(BASE_FEATURES);
	check_indirect_lies(BASE_FEATURES);
	/* An index beyond the ring, from the ring and from a descriptor. */
	restart(BASE_FEATURES);
	gq_avail(&gq[TX])->ring[0] = SIZE;
	gq_avail(&gq[TX])->idx = 1;
	assert_stops(TX, SIM_VRING_ERR_INDEX);
	restart(BASE_FEATURES);
	gq_desc(&gq[TX])[0] = (struct vring_desc) { .addr = s.iova, .len = 100,
		.flags = VRING_DESC_F_NEXT, .next = 0xffff };
	gq_avail(&gq[TX])->idx = 1;
	assert_stops(TX, SIM_VRING_ERR_INDEX);
	/* Loops of one and of all. */
	restart(BASE_FEATURES);
	gq_desc(&gq[TX])[0] = (struct vring_desc) { .addr = s.iova, .len = 100,
		.flags = VRING_DESC_F_NEXT, .next = 0 };
	gq_avail(&gq[TX])->idx = 1;
	assert_stops(TX, SIM_VRING_ERR_LOOP);
	restart(BASE_FEATURES);
	for (i = 0; i < SIZE; i++)
		gq_desc(&gq[TX])[i] = (struct vring_desc) { .addr = s.iova,
			.len = 1, .flags = VRING_DESC_F_NEXT,
			.next = (i + 1) % SIZE };
	gq_avail(&gq[TX])->idx = 1;
	assert_stops(TX, SIM_VRING_ERR_LOOP);
	/* The index jumps. */
	restart(BASE_FEATURES);
	gq_avail(&gq[TX])->idx = SIZE + 1;
	assert_stops(TX, SIM_VRING_ERR_JUMP);
	restart(BASE_FEATURES);
	gq_avail(&gq[TX])->idx = 0xffff;
	assert_stops(TX, SIM_VRING_ERR_JUMP);
}

static void
test_packed_lies(void **state)
{
	unsigned int i;

	(void)state;
	check_common_lies(BASE_FEATURES | PACKED);
	check_indirect_lies(BASE_FEATURES | PACKED);
	restart(BASE_FEATURES | PACKED);
	for (i = 0; i < SIZE; i++) {
		gq_packed(&gq[TX])[SIZE - 1 - i].addr = MEM_IOVA + BUFS;
		gq_packed(&gq[TX])[SIZE - 1 - i].len = 1;
		gq_packed(&gq[TX])[SIZE - 1 - i].flags = GQ_F_AVAIL |
			VRING_DESC_F_NEXT;
	}
	assert_stops(TX, SIM_VRING_ERR_LOOP);
}

/* A ring that is not where it is said to be. */
static void
test_ring_nowhere(void **state)
{
	(void)state;
	restart(BASE_FEATURES);
	wr_queue(TX, SIM_QUEUE_ENABLE, 0);
	wr_queue(TX, SIM_QUEUE_USED_HIGH, 7);
	wr_queue(TX, SIM_QUEUE_ENABLE, 1);
	assert_stops(TX, SIM_VRING_ERR_DMA);
}

/* Rubbish all over the rings: it must only survive. */
static void
check_rubbish(uint64_t features)
{
	unsigned int round, i;
	uint16_t q;

	for (round = 0; round < 300; round++) {
		start_device(features, 4);
		for (i = 0; i < 0x800; i++) {
			q = rand() % 4;
			gq[q].mem[rand() % 0x800] = rand() % 3 ?
				(uint8_t)rand() :
				(uint8_t)(MEM_IOVA >> 8 * (i % 3));
			gq[q].mem[GQ_AVAIL + rand() % 150] = rand() % 64;
			gq[q].mem[GQ_USED + rand() % 150] = rand();
			if (i % 64 == 0) {
				kick(q);
				transmit(frame_mbuf(200));
			}
		}
		stop_device();
		for (struct rte_mbuf *m; rte_eth_rx_burst(rep, 0, &m, 1) == 1;)
			rte_pktmbuf_free(m);
	}
}

static void
test_rubbish(void **state)
{
	(void)state;
	check_rubbish(BASE_FEATURES | BIT(VIRTIO_RING_F_EVENT_IDX));
	check_rubbish(BASE_FEATURES | PACKED | BIT(VIRTIO_RING_F_EVENT_IDX));
}

/* Faults. */

static void
fault(uint32_t set, uint32_t clear, uint32_t queues)
{
	sim_nic_lock();
	sim_vdpa_dev_set_faults(dev, set, clear, queues);
	sim_nic_unlock();
}

static void
test_fault_dma(void **state)
{
	(void)state;
	start_device(BASE_FEATURES, 4);
	fault(SIM_FAULT_DMA, 0, 1u << TX);
	add_tx(3, 0, 60, 4096);
	kick(3);
	rte_pktmbuf_free(received());	/* Not this one. */
	add_tx(TX, 0, 60, 4096);
	assert_stops(TX, SIM_VRING_ERR_DMA);
	assert_false(sim_vdpa_dev_has_fault(dev, SIM_FAULT_DMA));
}

static void
test_fault_link(void **state)
{
	(void)state;
	start_device(BASE_FEATURES, 2);
	fault(SIM_FAULT_LINK_DOWN, 0, UINT32_MAX);
	assert_int_equal(rd(SIM_REG_NET_STATUS), 0);
	add_tx(TX, 0, 60, 4096);
	kick(TX);
	WAIT(COUNTER(TX, drop_link_down) == 1);
	transmit(frame_mbuf(60));
	assert_int_equal(nic->esw.counters[dev->ep_id].absent, 1);
	fault(0, SIM_FAULT_LINK_DOWN, UINT32_MAX);
	assert_int_equal(rd(SIM_REG_NET_STATUS), 1);
	send_and_wait(1);
}

static void
test_fault_removed(void **state)
{
	(void)state;
	start_device(BASE_FEATURES, 2);
	send_and_wait(1);
	fault(SIM_FAULT_REMOVED, 0, UINT32_MAX);
	memset(mem, 0xff, MEM_SIZE);	/* No DMA any more. */
	kick(TX);
	assert_int_equal(rd(SIM_REG_STATUS), SIM_REG_GONE);
	assert_int_equal(rd_queue(0, SIM_QUEUE_ENABLE), SIM_REG_GONE);
	wr(SIM_REG_STATUS, 0);
	assert_int_equal(COUNTER(TX, ring_errors), 0);
	transmit(frame_mbuf(60));
	assert_int_equal(nic->esw.counters[dev->ep_id].absent, 1);
}

static void
test_fault_stuck(void **state)
{
	(void)state;
	start_device(BASE_FEATURES, 4);
	fault(SIM_FAULT_TX_STUCK, 0, 1u << 0);
	add_tx(TX, 0, 60, 4096);
	add_tx(3, 0, 60, 4096);
	kick(TX);
	kick(3);
	rte_pktmbuf_free(received());
	assert_int_equal(COUNTER(TX, packets), 0);
	fault(0, SIM_FAULT_TX_STUCK, UINT32_MAX);
	rte_pktmbuf_free(received());
	WAIT(COUNTER(TX, packets) == 1);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_identity), TEST(test_bad_writes),
		TEST(test_settled), TEST(test_bad_rings), TEST(test_iommu),
		TEST(test_unmap_under_traffic), TEST(test_tx_split),
		TEST(test_tx_split_indirect), TEST(test_tx_packed),
		TEST(test_tx_packed_indirect), TEST(test_rx_split),
		TEST(test_rx_split_indirect), TEST(test_rx_packed),
		TEST(test_rx_packed_indirect), TEST(test_rx_not_mergeable),
		TEST(test_rx_without_buffers), TEST(test_offloads),
		TEST(test_rss), TEST(test_interrupts), TEST(test_event_idx),
		TEST(test_sleep), TEST(test_logging), TEST(test_short_log),
		TEST(test_restart_split), TEST(test_restart_packed),
		TEST(test_split_lies), TEST(test_packed_lies),
		TEST(test_ring_nowhere), TEST(test_rubbish),
		TEST(test_fault_dma), TEST(test_fault_link),
		TEST(test_fault_removed), TEST(test_fault_stuck),
	};

	if (test_eal_init() != 0)
		return EXIT_FAILURE;
	srand(1);
	pool = test_pool("test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
