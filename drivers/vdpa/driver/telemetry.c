/* SPDX-License-Identifier: Apache-2.0 */

#include <inttypes.h>

#include <rte_telemetry.h>

#include "compat.h"
#include "vdpa/driver/telemetry.h"

/* The telemetry library has no hexadecimal numbers. */
static void
add_hex(struct rte_tel_data *d, const char *name, uint64_t value)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "0x%" PRIx64, value);
	rte_tel_data_add_dict_string(d, name, buf);
}

static uint64_t
load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void
sim_vdpa_describe(struct sim_plug *plug, struct rte_tel_data *d)
{
	const struct sim_vdpa *v = container_of(plug, struct sim_vdpa, plug);
	const struct sim_vdpa_dev *dev = v->dev;
	char faults[128];

	sim_faults_format(&dev->faults, faults, sizeof(faults));
	rte_tel_data_add_dict_string(d, "kind", "vdpa");
	rte_tel_data_add_dict_string(d, "pf", v->nic->name);
	rte_tel_data_add_dict_int(d, "vf", v->vf);
	rte_tel_data_add_dict_int(d, "queue_pairs", dev->n_vqs / 2);
	rte_tel_data_add_dict_string(d, "link", sim_vdpa_link_is_up(dev) ?
				     "up" : "down");
	rte_tel_data_add_dict_string(d, "faults", faults);
}

static void
describe_queue(struct sim_vdpa *v, uint16_t i, struct rte_tel_data *d)
{
	const struct sim_vdpa_vq *q = &v->dev->vq[i];
	uint32_t state = sim_vdpa_reg_read(v, SIM_REG_RING_STATE(i));

	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_int(d, "enabled", __atomic_load_n(&q->enabled,
				  __ATOMIC_RELAXED));
	rte_tel_data_add_dict_int(d, "size", q->vr.size);
	rte_tel_data_add_dict_string(d, "error",
				     sim_vring_error_name(q->vr.error));
	rte_tel_data_add_dict_int(d, "avail", SIM_RING_STATE_AVAIL(state));
	rte_tel_data_add_dict_int(d, "used", SIM_RING_STATE_USED(state));
#define X(FIELD, MEANING) \
	sim_tel_add_number(d, #FIELD, load(&q->counters.FIELD));
	SIM_VDPA_COUNTERS
#undef X
}

static void
describe_log(struct sim_vdpa *v, struct rte_tel_data *d)
{
	const struct sim_log *log = &v->dev->log;

	rte_tel_data_add_dict_int(d, "logging", __atomic_load_n(&log->on,
				  __ATOMIC_RELAXED));
	rte_tel_data_add_dict_int(d, "mediating", __atomic_load_n(
				  &v->mediating, __ATOMIC_RELAXED));
	rte_tel_data_add_dict_int(d, "held", __atomic_load_n(&v->held,
				  __ATOMIC_RELAXED));
	sim_tel_add_number(d, "logged_pages", load(&log->pages));
	sim_tel_add_number(d, "log_lost_pages", load(&log->lost));
	sim_tel_add_number(d, "shadow_mismatches",
				  sim_vdpa_dev_log_mismatches(v->dev));
}

void
sim_vdpa_describe_queues(struct sim_plug *plug, struct rte_tel_data *d)
{
	struct sim_vdpa *v = container_of(plug, struct sim_vdpa, plug);
	struct sim_vdpa_dev *dev = v->dev;
	struct rte_tel_data *queue;
	char name[16];
	uint16_t i;

	add_hex(d, "status", sim_vdpa_reg_read(v, SIM_REG_STATUS));
	add_hex(d, "features", dev->drv_features);
	sim_tel_add_number(d, "bad_writes", dev->bad_writes);
	sim_tel_add_number(d, "wakeups", dev->wakeups);
	describe_log(v, d);
	for (i = 0; i < dev->n_vqs; i++) {
		/* Of those that were never used there may be many. */
		if (dev->vq[i].vr.size == 0)
			continue;
		queue = rte_tel_data_alloc();
		if (queue == NULL)
			return;
		describe_queue(v, i, queue);
		snprintf(name, sizeof(name), "vq%u", i);
		rte_tel_data_add_dict_container(d, name, queue, 0);
	}
}
