/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_PACKET_RSS_H
#define SIM_PACKET_RSS_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include "base/limits.h"
#include "packet/key.h"

/*
 * Receive-side scaling: Toeplitz hash over what the parser found, and the
 * redirection table.
 *
 * The hash is linear, so the key is expanded once into one table per input
 * byte and a packet costs one lookup and one XOR per byte of its tuple.
 */

#define SIM_RSS_KEY_LEN		40
#define SIM_RSS_RETA_SIZE	128
/* The longest tuple: two IPv6 addresses and two ports. */
#define SIM_RSS_TUPLE_LEN	36

/* Classes of packets that flows of a VF spread on their own. */
enum sim_rss_class {
	SIM_RSS_ANY,
	SIM_RSS_IPV4,
	SIM_RSS_IPV6,
	SIM_RSS_IPV4_TCP,
	SIM_RSS_IPV4_UDP,
	SIM_RSS_IPV6_TCP,
	SIM_RSS_IPV6_UDP,
	SIM_RSS_CLASSES,
};

struct sim_rss {
	uint32_t byte[SIM_RSS_TUPLE_LEN][256];
	uint64_t hf;			/* RTE_ETH_RSS_*, all together. */
	uint16_t reta[SIM_RSS_RETA_SIZE];
	uint8_t key[SIM_RSS_KEY_LEN];
	bool of_port;			/* The port spreads, flows apart. */
	uint64_t port_hf;		/* What of 'hf' it asked for. */
	/* Queues of each class; a class without any has no flow. */
	uint16_t n_class_queues[SIM_RSS_CLASSES];
	uint64_t class_hf[SIM_RSS_CLASSES];	/* What of 'hf' flows want. */
	uint16_t class_queue[SIM_RSS_CLASSES][SIM_MAX_QUEUES];
};

extern const uint8_t sim_rss_default_key[SIM_RSS_KEY_LEN];

#define SIM_RSS_HF (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP)

void sim_rss_set_key(struct sim_rss *rss, const uint8_t *key);

/* Works out 'hf' after the port, or a flow of it, wants other types. */
void sim_rss_update_types(struct sim_rss *rss);

/* Whether nobody wants any packet spread. */
bool sim_rss_is_unused(const struct sim_rss *rss);

/* Spreads the redirection table evenly over 'n' queues. */
void sim_rss_spread(struct sim_rss *rss, uint16_t n);

/* The Toeplitz hash of 'len' bytes, at most SIM_RSS_TUPLE_LEN. */
uint32_t sim_rss_toeplitz(const struct sim_rss *rss, const uint8_t *tuple,
			  unsigned int len);

/* The hash of a packet, 0 if 'hf' leaves its kind out. */
uint32_t sim_rss_hash(const struct sim_rss *rss, const struct sim_key *key);

/* The queue of a packet with this hash. */
uint16_t sim_rss_queue(const struct sim_rss *rss, const struct sim_key *key,
		       uint32_t hash);

#endif /* SIM_PACKET_RSS_H */
