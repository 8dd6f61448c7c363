/* SPDX-License-Identifier: Apache-2.0 */

#include <pthread.h>

#include <rte_malloc.h>

#include "base/log.h"
#include "base/rcu.h"

/* Every rx and tx queue of every port a process can have. */
#define SIM_RCU_READERS (RTE_MAX_ETHPORTS * 2 * 16)

struct rte_rcu_qsbr *sim_rcu_var;

static pthread_mutex_t rcu_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int rcu_users;			/* Guarded by rcu_lock. */
static uint8_t rcu_taken[SIM_RCU_READERS];	/* Guarded by rcu_lock. */

static int
rcu_create(void)
{
	size_t size = rte_rcu_qsbr_get_memsize(SIM_RCU_READERS);

	sim_rcu_var = rte_zmalloc("simnic_rcu", size, RTE_CACHE_LINE_SIZE);
	if (sim_rcu_var == NULL) {
		SIM_LOG(ERR, "no memory for the RCU variable (%zu bytes)",
			size);
		return -ENOMEM;
	}
	return rte_rcu_qsbr_init(sim_rcu_var, SIM_RCU_READERS) ? -EINVAL : 0;
}

int
sim_rcu_get(void)
{
	int ret = 0;

	pthread_mutex_lock(&rcu_lock);
	if (rcu_users == 0)
		ret = rcu_create();
	if (ret == 0)
		rcu_users++;
	pthread_mutex_unlock(&rcu_lock);
	return ret;
}

void
sim_rcu_put(void)
{
	pthread_mutex_lock(&rcu_lock);
	if (--rcu_users == 0) {
		rte_free(sim_rcu_var);
		sim_rcu_var = NULL;
	}
	pthread_mutex_unlock(&rcu_lock);
}

uint32_t
sim_rcu_reader_add(void)
{
	uint32_t i, reader = SIM_RCU_NO_READER;

	pthread_mutex_lock(&rcu_lock);
	for (i = 0; i < SIM_RCU_READERS; i++) {
		if (rcu_taken[i])
			continue;
		rcu_taken[i] = 1;
		reader = i;
		rte_rcu_qsbr_thread_register(sim_rcu_var, reader);
		break;
	}
	pthread_mutex_unlock(&rcu_lock);
	return reader;
}

void
sim_rcu_reader_remove(uint32_t reader)
{
	if (reader == SIM_RCU_NO_READER)
		return;
	pthread_mutex_lock(&rcu_lock);
	rte_rcu_qsbr_thread_unregister(sim_rcu_var, reader);
	rcu_taken[reader] = 0;
	pthread_mutex_unlock(&rcu_lock);
}

void
sim_rcu_synchronize(void)
{
	rte_rcu_qsbr_synchronize(sim_rcu_var, RTE_QSBR_THRID_INVALID);
}
