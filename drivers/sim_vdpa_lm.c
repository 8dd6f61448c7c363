/* SPDX-License-Identifier: Apache-2.0 */

/* The driver's part in live migration. */

#include "sim_log.h"
#include "sim_vdpa_drv.h"

void
sim_vdpa_lm_update(struct sim_vdpa *v)
{
	RTE_SET_USED(v);
}

void
sim_vdpa_lm_begin(struct sim_vdpa *v)
{
	RTE_SET_USED(v);
}

void
sim_vdpa_lm_end(struct sim_vdpa *v)
{
	RTE_SET_USED(v);
}

uint64_t
sim_vdpa_lm_queue_start(struct sim_vdpa *v, uint16_t i, uint16_t last_used)
{
	RTE_SET_USED(last_used);
	return v->vring[i].used;
}

void
sim_vdpa_lm_queue_stop(struct sim_vdpa *v, uint16_t i)
{
	RTE_SET_USED(v);
	RTE_SET_USED(i);
}

int
sim_vdpa_lm_interval(const struct sim_vdpa *v)
{
	RTE_SET_USED(v);
	return -1;
}

void
sim_vdpa_lm_tick(struct sim_vdpa *v)
{
	RTE_SET_USED(v);
}

void
sim_vdpa_lm_announce(struct sim_vdpa *v)
{
	RTE_SET_USED(v);
}
