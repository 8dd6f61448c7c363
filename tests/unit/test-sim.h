/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TEST_SIM_H
#define TEST_SIM_H

/* What the unit tests of the simulated NIC share. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sched.h>

#include <cmocka.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#define TEST_POOL_SIZE 1023

/* Waits for a condition. */
#define WAIT(CONDITION) \
	do { \
		uint64_t end_ = rte_get_tsc_cycles() + 60 * rte_get_tsc_hz(); \
		while (!(CONDITION)) { \
			if (rte_get_tsc_cycles() > end_) \
				fail_msg("never: %s", #CONDITION); \
			sched_yield(); \
		} \
	} while (0)

/* EAL without root, hugepages, PCI or files. */
static inline int
test_eal_init(void)
{
	char *argv[] = {
		(char *)"test", (char *)"--no-huge", (char *)"--no-pci",
		(char *)"--no-shconf", (char *)"--no-telemetry",
		(char *)"-m", (char *)"256",
		(char *)"-l", (char *)"0", (char *)"--log-level=critical",
		NULL,
	};

	return rte_eal_init(RTE_DIM(argv) - 1, argv) < 0 ? -1 : 0;
}

static inline struct rte_mempool *
test_pool(const char *name)
{
	return rte_pktmbuf_pool_create(name, TEST_POOL_SIZE, 0, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
}

/* An IPv4 packet of 'len' bytes of payload; UDP or TCP by 'proto'. */
static inline struct rte_mbuf *
test_packet(struct rte_mempool *pool, uint8_t proto, uint32_t src,
	    uint32_t dst, uint16_t sport, uint16_t dport, uint16_t len)
{
	uint16_t l4 = proto == IPPROTO_TCP ? sizeof(struct rte_tcp_hdr) :
		sizeof(struct rte_udp_hdr);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_ether_hdr *eth;
	struct rte_ipv4_hdr *ip;
	struct rte_tcp_hdr *tcp;

	assert_non_null(m);
	assert_non_null(rte_pktmbuf_append(m, sizeof(*eth) + sizeof(*ip) + l4 +
					   len));
	eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	memset(eth, 0, m->data_len);
	memset(&eth->dst_addr, 0x22, 6);
	memset(&eth->src_addr, 0x44, 6);
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	ip = (struct rte_ipv4_hdr *)(eth + 1);
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->time_to_live = 64;
	ip->next_proto_id = proto;
	ip->total_length = rte_cpu_to_be_16(sizeof(*ip) + l4 + len);
	ip->src_addr = rte_cpu_to_be_32(src);
	ip->dst_addr = rte_cpu_to_be_32(dst);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp = (struct rte_tcp_hdr *)(ip + 1);
	tcp->src_port = rte_cpu_to_be_16(sport);
	tcp->dst_port = rte_cpu_to_be_16(dport);
	if (proto == IPPROTO_TCP)
		tcp->data_off = (sizeof(*tcp) / 4) << 4;
	return m;
}

/* Starts the ethdev that 'devargs' name, with one queue of each kind. */
static inline uint16_t
test_start_port(const char *devargs, struct rte_mempool *pool)
{
	static const struct rte_eth_conf conf;
	struct rte_dev_iterator it;
	uint16_t id;

	RTE_ETH_FOREACH_MATCHING_DEV(id, devargs, &it) {
		rte_eth_iterator_cleanup(&it);
		break;
	}
	assert_int_equal(rte_eth_dev_configure(id, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(id, 0, 256, SOCKET_ID_ANY,
						NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(id, 0, 256, SOCKET_ID_ANY,
						NULL), 0);
	assert_int_equal(rte_eth_dev_start(id), 0);
	return id;
}

#endif /* TEST_SIM_H */
