/* SPDX-License-Identifier: Apache-2.0 */

/* The packets of a simulated vDPA device, without vhost. */

#include "test-sim-device.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tx_split), TEST(test_tx_split_indirect),
		TEST(test_tx_packed), TEST(test_tx_packed_indirect),
		TEST(test_rx_split), TEST(test_rx_split_indirect),
		TEST(test_rx_packed), TEST(test_rx_packed_indirect),
		TEST(test_rx_not_mergeable), TEST(test_rx_without_buffers),
		TEST(test_offloads), TEST(test_rss),
	};

	return RUN(tests);
}
