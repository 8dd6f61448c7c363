/* SPDX-License-Identifier: Apache-2.0 */

/* Guests of a simulated vDPA device whose rings lie, without vhost. */

#include "test-sim-device.h"

/* Rings that lie. */

static struct gq_seg
seg(uint64_t iova, uint32_t len, bool write)
{
	return (struct gq_seg) { .iova = iova, .len = len, .write = write };
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_split_lies), TEST(test_packed_lies),
		TEST(test_ring_nowhere), TEST(test_rubbish),
	};

	return RUN(tests);
}
