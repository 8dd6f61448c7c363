/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_ESWITCH_EDIT_H
#define SIM_ESWITCH_EDIT_H

#include <rte_mbuf.h>

#include "eswitch/table.h"

/* Carries out the edits of a rule on a packet.  Returns the packet, which may
 * be another mbuf if the old one was shared, or NULL (and the packet is freed)
 * if there was no memory or no room for a tag. */
struct rte_mbuf *sim_edit(struct rte_mbuf *m, const struct sim_action *act);

#endif /* SIM_ESWITCH_EDIT_H */
