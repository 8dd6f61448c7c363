/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_ESWITCH_EDIT_H
#define SIM_ESWITCH_EDIT_H

#include <rte_mbuf.h>

#include "eswitch/table.h"

/* The first 'len' bytes belong to this packet alone and lie in its first
 * segment: returns the packet itself if so, else a copy, or NULL (and the packet
 * is freed) without memory for one. */
struct rte_mbuf *sim_make_writable(struct rte_mbuf *m, uint32_t len);

/* Carries out the edits of a rule on a packet.  Returns the packet, which may
 * be another mbuf if the old one was shared, or NULL (and the packet is freed)
 * if there was no memory or no room for a tag. */
struct rte_mbuf *sim_edit(struct rte_mbuf *m, const struct sim_action *act);

#endif /* SIM_ESWITCH_EDIT_H */
