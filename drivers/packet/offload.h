/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_PACKET_OFFLOAD_H
#define SIM_PACKET_OFFLOAD_H

#include <rte_mbuf.h>

#include "base/limits.h"

/*
 * What a NIC does to a packet on transmit: IPv4, TCP and UDP checksums, and
 * TCP segmentation over IPv4 and IPv6.  (librte_gso knows no IPv6.)
 *
 * Segments are built in mbufs of a pool of this module's own.  Nobody keeps
 * them: a receiver copies what is not of its own pool, so they are back in the
 * pool when 'emit' returns, and a small pool serves all queues.
 */

#define SIM_OFFLOAD_FLAGS (RTE_MBUF_F_TX_OFFLOAD_MASK & \
			   ~(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6))

#define SIM_TX_OFFLOADS (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | \
			 RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
			 RTE_ETH_TX_OFFLOAD_UDP_CKSUM | \
			 RTE_ETH_TX_OFFLOAD_TCP_TSO | \
			 RTE_ETH_TX_OFFLOAD_MULTI_SEGS)

/* Gets the finished packets and takes them all; 'n' is at most SIM_BURST. */
typedef void sim_emit_fn(void *ctx, struct rte_mbuf **pkts, uint16_t n);

/* The pool of segments, one for the process; control path. */
struct rte_mempool *sim_segment_pool_get(void);
void sim_segment_pool_put(struct rte_mempool *pool);

/* 0, or why a packet cannot be sent: -ENOTSUP for an offload that this NIC
 * does not have, -EINVAL for header lengths that cannot be right.  'pool' is
 * NULL if segmentation was not enabled. */
int sim_offload_check(const struct rte_mempool *pool,
		      const struct rte_mbuf *m);

/* Does what the packet's flags ask for and gives what comes of it to 'emit'.
 * Takes the packet in any case.  Returns 0 or what sim_offload_check() would;
 * -ENOMEM if some of it was lost for want of mbufs. */
int sim_offload(struct rte_mempool *pool, struct rte_mbuf *m,
		sim_emit_fn *emit, void *ctx);

/* The sum of 'len' bytes from 'off' on, which must be there, as 16-bit words
 * in network order; not folded. */
uint32_t sim_sum(const struct rte_mbuf *m, uint32_t off, uint32_t len);

#endif /* SIM_PACKET_OFFLOAD_H */
