/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_PACKET_KEY_H
#define SIM_PACKET_KEY_H

#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>

/*
 * What the NIC's parser finds in a packet.  Rules match on it and RSS hashes
 * over it.  One cache line, no holes, all zero where the packet has nothing,
 * so that it can be masked and compared as eight words.
 */

#define SIM_KEY_VLAN		0x01	/* Has at least one VLAN tag. */
#define SIM_KEY_MORE_VLAN	0x02	/* Has a second one. */
#define SIM_KEY_FRAG		0x04	/* A fragment, the first included. */
#define SIM_KEY_L4		0x08	/* TCP or UDP ports were found. */

struct sim_key {
	uint8_t dst[6];
	uint8_t src[6];
	rte_be16_t type;	/* As on the wire: the TPID if tagged. */
	rte_be16_t tci;		/* Outermost tag, else 0. */
	rte_be16_t inner_type;	/* After the outermost tag, else 0. */
	uint8_t flags;		/* SIM_KEY_*. */
	uint8_t l3;		/* 4, 6 or 0: under at most two tags. */
	uint8_t proto;		/* The header right after IP's own. */
	uint8_t tos;		/* TOS or traffic class. */
	uint8_t ttl;		/* TTL or hop limit. */
	uint8_t tcp_flags;
	rte_be16_t sport;
	rte_be16_t dport;
	rte_be16_t frag;	/* IPv4 fragment_offset field. */
	uint8_t reserved[2];
	uint8_t saddr[16];	/* IPv4: the first four bytes. */
	uint8_t daddr[16];
} __rte_aligned(8);

#define SIM_KEY_WORDS (sizeof(struct sim_key) / 8)

/* The bytes the parser may look at: two tags, IPv6 or IPv4 with options, and
 * TCP's fixed part. */
#define SIM_KEY_MAX_HEADERS 128

/* Headers that are cut short count as absent. */
void sim_key_parse_bytes(struct sim_key *key, const uint8_t *data,
			 uint32_t len);

static inline void
sim_key_parse(struct sim_key *key, const struct rte_mbuf *m)
{
	uint8_t buf[SIM_KEY_MAX_HEADERS];
	uint32_t len = rte_pktmbuf_data_len(m);

	if (likely(m->nb_segs == 1 || len >= SIM_KEY_MAX_HEADERS)) {
		sim_key_parse_bytes(key, rte_pktmbuf_mtod(m, uint8_t *), len);
		return;
	}
	len = RTE_MIN(rte_pktmbuf_pkt_len(m), sizeof(buf));
	sim_key_parse_bytes(key, rte_pktmbuf_read(m, 0, len, buf), len);
}

#endif /* SIM_PACKET_KEY_H */
