/* SPDX-License-Identifier: Apache-2.0 */

/* The simulated vDPA device by its registers, without vhost. */

#include "test-sim-device.h"

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
	uint8_t both[192], *a = &both[128], *b = both, buf[128];
	uint64_t len;

	(void)state;
	memset(a, 'a', 64);
	memset(b, 'b', 64);
	assert_int_equal(sim_iommu_map(&iommu, 0x1000, a, 64, true), 0);
	assert_int_equal(sim_iommu_map(&iommu, 0x1000, b, 64, true), -EEXIST);
	assert_int_equal(sim_iommu_map(&iommu, 0xfff, b, 2, true), -EEXIST);
	assert_int_equal(sim_iommu_map(&iommu, 0x103f, b, 64, true), -EEXIST);
	assert_int_equal(sim_iommu_map(&iommu, 0x2000, b, 0, true), -EINVAL);
	assert_int_equal(sim_iommu_map(&iommu, UINT64_MAX - 8, b, 64,
				       true), -EINVAL);
	assert_int_equal(sim_iommu_map(&iommu, 0x1040, b, 64, true), 0);
	dma.table = iommu.table;
	/* Across two ranges, but not in one piece. */
	assert_true(sim_dma_read(&dma, buf, 0x1000, 128));
	assert_int_equal(buf[63], 'a');
	assert_int_equal(buf[64], 'b');
	assert_null(sim_dma_map(&dma, 0x1020, false, 64));
	assert_non_null(sim_dma_map(&dma, 0x1040, true, 64));
	assert_false(sim_dma_read(&dma, buf, 0x1000, 129));
	assert_false(sim_dma_write(&dma, 0xfff, buf, 1));
	assert_null(sim_dma_translate(&dma, 0, false, &len));
	assert_null(sim_dma_translate(&dma, UINT64_MAX, false,
				      &len));
	assert_int_equal(sim_iommu_unmap(&iommu, 0x1000, 63), -ENOENT);
	assert_int_equal(sim_iommu_unmap(&iommu, 0x1000, 64), 0);
	dma.table = iommu.table;
	assert_false(sim_dma_read(&dma, buf, 0x1000, 1));
	assert_true(sim_dma_read(&dma, buf, 0x1040, 1));
	sim_iommu_unmap_all(&iommu);
	assert_null(iommu.table);
}

/* What is mapped in pieces may be one all the same. */
static void
test_iommu_pieces(void **state)
{
	struct sim_dma dma = { .log = NULL };
	struct sim_iommu iommu = { NULL };
	uint8_t a[256];

	(void)state;
	assert_int_equal(sim_iommu_map(&iommu, 0x1000, a, 64, true), 0);
	assert_int_equal(sim_iommu_map(&iommu, 0x1040, a + 64, 64, true), 0);
	assert_int_equal(sim_iommu_map(&iommu, 0x1080, a + 128, 64, false),
			 0);
	assert_int_equal(sim_iommu_map(&iommu, 0x10c0, a + 191, 64, true), 0);
	dma.table = iommu.table;
	assert_ptr_equal(sim_dma_map(&dma, 0x1010, true, 0x70), a + 16);
	assert_null(sim_dma_map(&dma, 0x1010, true, 0x71));
	assert_ptr_equal(sim_dma_map(&dma, 0x1010, false, 0xb0), a + 16);
	assert_null(sim_dma_map(&dma, 0x1010, false, 0xb1));
	assert_null(sim_dma_map(&dma, 0x10c0, true, 65));
	sim_iommu_unmap_all(&iommu);
}

/* What may be read only is not written. */
static void
test_iommu_read_only(void **state)
{
	struct sim_dma dma = { .log = NULL };
	struct sim_iommu iommu = { NULL };
	uint8_t a[64] = { 'a' }, buf[1] = { 'b' };

	(void)state;
	assert_int_equal(sim_iommu_map(&iommu, 0x1000, a, 64, false), 0);
	dma.table = iommu.table;
	assert_non_null(sim_dma_map(&dma, 0x1000, false, 64));
	assert_null(sim_dma_map(&dma, 0x1000, true, 64));
	assert_false(sim_dma_write(&dma, 0x1000, buf, 1));
	assert_true(sim_dma_read(&dma, buf, 0x1000, 1));
	assert_int_equal(buf[0], 'a');
	assert_int_equal(a[0], 'a');
	sim_iommu_unmap_all(&iommu);
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

/* Notification. */

static uint64_t
interrupts(uint16_t i)
{
	uint64_t n = 0;

	return read(irq[i], &n, sizeof(n)) == sizeof(n) ? n : 0;
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
	assert_int_equal(sim_vdpa_dev_map(dev, LOG_IOVA, log_mem, LOG_SIZE,
					  true),
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
	assert_int_equal(sim_vdpa_dev_map(dev, LOG_IOVA, log_mem, LOG_SIZE,
					  true),
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

/* A queue fails while it is being enabled: nobody may send to it. */
static void
test_enable_fails(void **state)
{
	unsigned int i;

	(void)state;
	start_device(BASE_FEATURES, 4);
	wr_queue(RX, SIM_QUEUE_ENABLE, 0);
	wr_queue(RX, SIM_QUEUE_DESC_HIGH, 1);	/* Nowhere. */
	for (i = 0; i < 20000; i++) {
		wr_queue(RX, SIM_QUEUE_ENABLE, 1);
		WAIT(rd_queue(RX, SIM_QUEUE_ERROR) == SIM_VRING_ERR_DMA);
		assert_int_equal(__atomic_load_n(&dev->rx_enabled,
						 __ATOMIC_RELAXED), 1u << 1);
	}
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

/* Every fault has queues of its own, of all virtqueues that there are. */
static void
test_fault_queues(void **state)
{
	char text[64];

	(void)state;
	fault(SIM_FAULT_DMA, 0, 1u << 31);
	fault(SIM_FAULT_TX_STUCK, 0, 1u << 1);
	fault(SIM_FAULT_RX_STUCK, 0, 1u << 0);
	fault(SIM_FAULT_RX_STUCK, 0, 1u << 2);
	fault(SIM_FAULT_LINK_DOWN, 0, SIM_ALL_QUEUES);
	sim_faults_format(&dev->faults, text, sizeof(text));
	assert_string_equal(text, "link-down rx-stuck(0,2) tx-stuck(1) "
			    "dma-fault(31)");
	sim_faults_format(&dev->faults, text, 20);
	assert_string_equal(text, "link-down rx-stuck(");
	fault(0, SIM_FAULT_RX_STUCK, 1u << 0);
	assert_int_equal(sim_faults_queues(&dev->faults, SIM_FAULT_RX_STUCK),
			 1u << 2);
	fault(0, SIM_FAULT_RX_STUCK | SIM_FAULT_DMA | SIM_FAULT_LINK_DOWN,
	      SIM_ALL_QUEUES);
	sim_faults_format(&dev->faults, text, sizeof(text));
	assert_string_equal(text, "tx-stuck(1)");

	start_device(BASE_FEATURES, 4);
	fault(SIM_FAULT_RX_STUCK, 0, 1u << 0);
	add_tx(3, 0, 60, 4096);
	send_and_wait(1);		/* Not this queue... */
	assert_int_equal(COUNTER(3, packets), 0);
	fault(0, SIM_FAULT_TX_STUCK, 1u << 1);
	rte_pktmbuf_free(received());	/* ...but that one. */
}

/* One fault at a time of those that were asked for. */
static void
test_fault_dma_of_two(void **state)
{
	(void)state;
	start_device(BASE_FEATURES, 4);
	fault(SIM_FAULT_DMA, 0, 1u << TX);
	fault(SIM_FAULT_DMA, 0, 1u << 3);
	add_tx(TX, 0, 60, 4096);
	kick(TX);
	WAIT(rd_queue(TX, SIM_QUEUE_ERROR) == SIM_VRING_ERR_DMA);
	assert_true(sim_vdpa_dev_has_fault(dev, SIM_FAULT_DMA));
	add_tx(3, 0, 60, 4096);
	kick(3);
	WAIT(rd_queue(3, SIM_QUEUE_ERROR) == SIM_VRING_ERR_DMA);
	WAIT(!sim_vdpa_dev_has_fault(dev, SIM_FAULT_DMA));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_identity), TEST(test_bad_writes), TEST(test_settled),
		TEST(test_bad_rings), TEST(test_iommu),
		TEST(test_iommu_pieces), TEST(test_iommu_read_only),
		TEST(test_unmap_under_traffic), TEST(test_interrupts),
		TEST(test_event_idx), TEST(test_sleep), TEST(test_logging),
		TEST(test_short_log), TEST(test_restart_split),
		TEST(test_restart_packed), TEST(test_enable_fails),
		TEST(test_fault_dma),
		TEST(test_fault_queues), TEST(test_fault_dma_of_two),
		TEST(test_fault_link), TEST(test_fault_removed),
		TEST(test_fault_stuck),
	};

	return RUN(tests);
}
