/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_BASE_RCU_H
#define SIM_BASE_RCU_H

#include <stdint.h>

#include <rte_rcu_qsbr.h>

/*
 * Read-copy-update between the datapath and the control path.
 *
 * librte_rcu wants every reader registered.  The datapath threads of these
 * drivers are whatever threads the application polls its ports with, so the
 * reader that is registered is not the thread but the ethdev queue: ethdev
 * promises that a queue has one user at a time.  A burst function enters at
 * its start and leaves at its end, and whatever it found in between (an
 * endpoint, a rule, a table) stays valid until it leaves.
 *
 * There is one variable for all simulated NICs of a process, because a burst
 * may pass from one NIC to another over a cable.
 */

#define SIM_RCU_NO_READER UINT32_MAX

extern struct rte_rcu_qsbr *sim_rcu_var;

/* Control path.  Every device holds one reference.  Not thread-safe beyond
 * what the EAL's probe and remove serialise. */
int sim_rcu_get(void);
void sim_rcu_put(void);

/* Control path.  Returns SIM_RCU_NO_READER if there are no more. */
uint32_t sim_rcu_reader_add(void);
void sim_rcu_reader_remove(uint32_t reader);

/* Control path, never from within a burst function: waits until every burst
 * that may have seen the previous state has ended. */
void sim_rcu_synchronize(void);

static inline void
sim_rcu_enter(uint32_t reader)
{
	rte_rcu_qsbr_thread_online(sim_rcu_var, reader);
}

static inline void
sim_rcu_exit(uint32_t reader)
{
	rte_rcu_qsbr_thread_offline(sim_rcu_var, reader);
}

#endif /* SIM_BASE_RCU_H */
