/* SPDX-License-Identifier: Apache-2.0 */

#ifndef BENCH_TCP_H
#define BENCH_TCP_H

/* The frames of TCP that the guests and the VFs give if 'tcp' of the control
 * block says so: Ethernet, IPv4, TCP with timestamps, and whatever is behind
 * that. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BENCH_MSS 1448
#define BENCH_L2_LEN 14
#define BENCH_L3_LEN 20
#define BENCH_L4_LEN 32
#define BENCH_HEADERS_LEN (BENCH_L2_LEN + BENCH_L3_LEN + BENCH_L4_LEN)

struct bench_headers {
	uint8_t eth[12];
	uint16_t eth_type;
	uint8_t version_ihl;
	uint8_t tos;
	uint16_t total_len;
	uint16_t id, offset;
	uint8_t ttl, protocol;
	uint16_t ip_sum;
	uint8_t src[4], dst[4];
	uint16_t src_port, dst_port;
	uint32_t seq, ack;
	uint8_t data_offset, flags;
	uint16_t window;
	uint16_t tcp_sum;
	uint16_t urgent;
	uint8_t options[12];
} __attribute__((packed));

_Static_assert(sizeof(struct bench_headers) == BENCH_HEADERS_LEN,
	       "nothing is missing");

/* Returns true if a frame is more than one segment. */
static inline bool
bench_is_large(uint64_t frame_len)
{
	return frame_len > BENCH_HEADERS_LEN + BENCH_MSS;
}

static inline uint32_t
bench_sum(const void *data, size_t n, uint32_t sum)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i += 2)
		sum += p[i] << 8 | p[i + 1];
	return sum;
}

static inline uint16_t
bench_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(sum);
}

/* Makes '*h' the headers of a frame of 'frame_len' bytes.  In the place of
 * TCP's checksum is that of the pseudo-header. */
static inline void
bench_headers_make(struct bench_headers *h, uint32_t frame_len)
{
	uint16_t ip_len = frame_len - BENCH_L2_LEN;

	memset(h, 0, sizeof(*h));
	h->eth[0] = h->eth[6] = 0x02;
	h->eth[5] = 1;
	h->eth[11] = 2;
	h->eth_type = htons(0x0800);
	h->version_ihl = 0x45;
	h->total_len = htons(ip_len);
	h->ttl = 64;
	h->protocol = IPPROTO_TCP;
	memcpy(h->src, (uint8_t []) { 192, 0, 2, 2 }, 4);
	memcpy(h->dst, (uint8_t []) { 192, 0, 2, 1 }, 4);
	h->ip_sum = ~bench_fold(bench_sum(&h->version_ihl, BENCH_L3_LEN, 0));
	h->src_port = htons(1024);
	h->dst_port = htons(5201);
	h->data_offset = BENCH_L4_LEN / 4 << 4;
	h->flags = 0x10;
	h->window = htons(512);
	memcpy(h->options, (uint8_t []) { 1, 1, 8, 10 }, 4);
	h->tcp_sum = bench_fold(bench_sum(h->src, 8, IPPROTO_TCP + ip_len -
					   BENCH_L3_LEN));
}

#endif /* BENCH_TCP_H */
