/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_REACH_H
#define SIM_NIC_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

/*
 * What of an application's memory a port can reach, beside DPDK's own: what
 * was mapped for it by rte_dev_dma_map(), as an IOMMU would have it.  The
 * simulated device reads by virtual addresses, whatever the IOVA is.
 *
 * A table never changes: there is a new one for each change.
 */

struct sim_reach;

/* Returns a table with what is in 'old', which may be NULL and stays, and the
 * 'len' bytes at 'addr'; or without these, which were mapped so.  NULL with
 * rte_errno set if that cannot be.  Freed by rte_free(). */
struct sim_reach *sim_reach_add(const struct sim_reach *old, const void *addr,
			    size_t len);
struct sim_reach *sim_reach_remove(const struct sim_reach *old, const void *addr,
			       size_t len);

/* Whether 'pkt' points to somebody's memory that is not in 'd', which may be
 * NULL. */
bool sim_reach_is_outside(const struct sim_reach *d, const struct rte_mbuf *pkt);

#endif /* SIM_NIC_REACH_H */
