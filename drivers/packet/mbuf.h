/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_PACKET_MBUF_H
#define SIM_PACKET_MBUF_H

#include <stdbool.h>

#include <rte_mbuf.h>

/* Packets of more than one mbuf, and mbufs of more than one packet. */

/* Whether mbuf 'm' alone, whatever follows it, points to somebody's memory,
 * which nobody else on its way may ever have a pointer to. */
static inline bool
sim_mbuf_is_lent(const struct rte_mbuf *m)
{
	return RTE_MBUF_HAS_EXTBUF(m) && !RTE_MBUF_HAS_PINNED_EXTBUF(m);
}

/* A copy with the offloads that 'm' asks for, in mbufs of its pool; NULL
 * without memory for one. */
struct rte_mbuf *sim_mbuf_copy(const struct rte_mbuf *m);

/* The first 'len' bytes belong to this packet alone and lie in its first
 * segment: returns the packet itself if so, else a copy, or NULL (and the
 * packet is freed) without memory for one. */
struct rte_mbuf *sim_make_writable(struct rte_mbuf *m, uint32_t len);

/* Appends empty mbufs of 'pool' to 'head', which has one segment, until there
 * is room for 'len' bytes.  Behind a NIC only the first one has headroom.
 * False if the pool runs out; what was appended until then stays. */
bool sim_mbuf_extend(struct rte_mbuf *head, struct rte_mempool *pool,
		     uint32_t len);

/* An empty packet of 'pool' with room for 'len' bytes; NULL if the pool runs
 * out. */
struct rte_mbuf *sim_mbuf_alloc(struct rte_mempool *pool, uint32_t len);

#endif /* SIM_PACKET_MBUF_H */
