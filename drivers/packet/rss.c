/* SPDX-License-Identifier: Apache-2.0 */

#include <netinet/in.h>
#include <string.h>

#include <rte_ethdev.h>

#include "packet/rss.h"

/* The key that the RSS specification verifies its examples with. */
const uint8_t sim_rss_default_key[SIM_RSS_KEY_LEN] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
	0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
	0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
	0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
	0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* The 32 bits of the key that start at bit 'bit'. */
static uint32_t
key_window(const uint8_t *key, unsigned int bit)
{
	uint64_t w = 0;
	unsigned int i;

	for (i = 0; i < 5; i++)
		w = w << 8 | key[bit / 8 + i];
	return w >> (8 - bit % 8);
}

void
sim_rss_set_key(struct sim_rss *rss, const uint8_t *key)
{
	unsigned int pos, value, bit;
	uint32_t hash;

	memcpy(rss->key, key, SIM_RSS_KEY_LEN);
	for (pos = 0; pos < SIM_RSS_TUPLE_LEN; pos++) {
		for (value = 0; value < 256; value++) {
			hash = 0;
			for (bit = 0; bit < 8; bit++) {
				if (value & (0x80 >> bit))
					hash ^= key_window(key, pos * 8 + bit);
			}
			rss->byte[pos][value] = hash;
		}
	}
}

void
sim_rss_update_types(struct sim_rss *rss)
{
	unsigned int i;

	rss->hf = rss->port_hf;
	for (i = 0; i < SIM_RSS_CLASSES; i++)
		rss->hf |= rss->class_hf[i];
}

bool
sim_rss_is_unused(const struct sim_rss *rss)
{
	unsigned int i, n = rss->of_port;

	for (i = 0; i < SIM_RSS_CLASSES; i++)
		n += rss->n_class_queues[i];
	return n == 0;
}

void
sim_rss_spread(struct sim_rss *rss, uint16_t n)
{
	unsigned int i;

	for (i = 0; i < SIM_RSS_RETA_SIZE; i++)
		rss->reta[i] = i % n;
}

uint32_t
sim_rss_toeplitz(const struct sim_rss *rss, const uint8_t *tuple,
		 unsigned int len)
{
	uint32_t hash = 0;
	unsigned int i;

	for (i = 0; i < len; i++)
		hash ^= rss->byte[i][tuple[i]];
	return hash;
}

/* Whether the ports of this packet belong to the tuple. */
static inline bool
hash_ports(const struct sim_rss *rss, const struct sim_key *key)
{
	uint64_t hf;

	/* The fragments of a packet must meet in one queue. */
	if ((key->flags & (SIM_KEY_L4 | SIM_KEY_FRAG)) != SIM_KEY_L4)
		return false;
	if (key->l3 == 4)
		hf = key->proto == IPPROTO_TCP ? RTE_ETH_RSS_NONFRAG_IPV4_TCP :
			RTE_ETH_RSS_NONFRAG_IPV4_UDP;
	else
		hf = key->proto == IPPROTO_TCP ? RTE_ETH_RSS_NONFRAG_IPV6_TCP |
			RTE_ETH_RSS_IPV6_TCP_EX : RTE_ETH_RSS_NONFRAG_IPV6_UDP |
			RTE_ETH_RSS_IPV6_UDP_EX;
	return (rss->hf & hf) != 0;
}

static inline bool
hash_addresses(const struct sim_rss *rss, const struct sim_key *key)
{
	const uint64_t v4 = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 |
		RTE_ETH_RSS_NONFRAG_IPV4_OTHER;
	const uint64_t v6 = RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 |
		RTE_ETH_RSS_NONFRAG_IPV6_OTHER | RTE_ETH_RSS_IPV6_EX;

	return (rss->hf & (key->l3 == 4 ? v4 : v6)) != 0;
}

uint32_t
sim_rss_hash(const struct sim_rss *rss, const struct sim_key *key)
{
	uint8_t tuple[SIM_RSS_TUPLE_LEN];
	unsigned int alen = key->l3 == 4 ? 4 : 16;
	unsigned int len = 2 * alen;
	bool ports;

	if (key->l3 == 0)
		return 0;
	ports = hash_ports(rss, key);
	if (!ports && !hash_addresses(rss, key))
		return 0;
	memcpy(tuple, key->saddr, alen);
	memcpy(tuple + alen, key->daddr, alen);
	if (ports) {
		memcpy(tuple + len, &key->sport, 2);
		memcpy(tuple + len + 2, &key->dport, 2);
		len += 4;
	}
	return sim_rss_toeplitz(rss, tuple, len);
}

static inline enum sim_rss_class
l4_class(const struct sim_key *key)
{
	if ((key->flags & (SIM_KEY_L4 | SIM_KEY_FRAG)) != SIM_KEY_L4)
		return SIM_RSS_ANY;
	if (key->l3 == 4)
		return key->proto == IPPROTO_TCP ? SIM_RSS_IPV4_TCP :
			SIM_RSS_IPV4_UDP;
	return key->proto == IPPROTO_TCP ? SIM_RSS_IPV6_TCP :
		SIM_RSS_IPV6_UDP;
}

uint16_t
sim_rss_queue(const struct sim_rss *rss, const struct sim_key *key,
	      uint32_t hash)
{
	const enum sim_rss_class classes[] = {
		l4_class(key),
		key->l3 == 4 ? SIM_RSS_IPV4 :
			key->l3 == 6 ? SIM_RSS_IPV6 : SIM_RSS_ANY,
		SIM_RSS_ANY,
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(classes); i++) {
		/* ANY stands for "no such class" but in the last place. */
		if (classes[i] == SIM_RSS_ANY && i + 1 < RTE_DIM(classes))
			continue;
		if (rss->n_class_queues[classes[i]] != 0)
			return rss->class_queue[classes[i]]
				[hash % rss->n_class_queues[classes[i]]];
	}
	return rss->reta[hash % SIM_RSS_RETA_SIZE];
}
