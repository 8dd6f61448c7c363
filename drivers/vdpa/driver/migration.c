/* SPDX-License-Identifier: Apache-2.0 */

#include <inttypes.h>

#include <rte_vhost.h>

#include "base/log.h"
#include "vdpa/driver/log.h"
#include "vdpa/driver/mediate.h"
#include "vdpa/driver/migration.h"
#include "vdpa/driver/queue.h"

/* How often it is looked whether the log has moved, and how often at mediated
 * rings whose guest wants no interrupts; milliseconds. */
#define LOG_MS 10
#define MEDIATE_MS 1

static bool
log_is_wanted(const struct sim_vdpa *v)
{
	uint64_t features = 0;

	rte_vhost_get_negotiated_features(v->vid, &features);
	return RTE_VHOST_NEED_LOG(features);
}

/* The log. */

static void
hold(struct sim_vdpa *v)
{
	uint16_t i;

	if (v->held)
		return;
	v->held = true;
	for (i = 0; i < v->dev->n_vqs; i++) {
		if (v->vring[i].started)
			sim_vdpa_queue_pause(v, i);
	}
	SIM_LOG(ERR, "%s: cannot map the dirty log of %" PRIu64 " bytes: the "
		"guest's queues stop until it is another one or the migration "
		"ends", sim_vdpa_name(v), v->lib_log_size);
}

static void
release(struct sim_vdpa *v)
{
	uint16_t i;

	if (!v->held)
		return;
	v->held = false;
	for (i = 0; i < v->dev->n_vqs; i++)
		sim_vdpa_queue_resume(v, i);
	SIM_LOG(NOTICE, "%s: the guest's queues run again", sim_vdpa_name(v));
}

/* True if it is open. */
static bool
open_log(struct sim_vdpa *v)
{
	enum sim_vdpa_log_state state = sim_vdpa_log_open(v);

	if (state == SIM_VDPA_LOG_FAILED)
		hold(v);
	else
		release(v);
	return state == SIM_VDPA_LOG_OPEN;
}

static void
check_log(struct sim_vdpa *v)
{
	if (!v->held && !sim_vdpa_log_was_replaced(v))
		return;
	sim_vdpa_log_close(v);
	if (open_log(v))
		sim_vdpa_log_everything(v);
}

/* Mediated rings. */

/* Restarts all queues with mediated rings, or without. */
static void
mediate(struct sim_vdpa *v, bool on)
{
	uint16_t i;

	for (i = 0; i < v->dev->n_vqs; i++)
		sim_vdpa_queue_stop(v, i);
	v->mediating = on;
	/* One that cannot start has said so, and gets another chance when this
	 * ends. */
	sim_vdpa_queue_start_all(v);
	SIM_LOG(INFO, "%s: the driver %s the used rings of the receive queues",
		sim_vdpa_name(v), on ? "relays and logs" : "leaves");
}

static void
relay(struct sim_vdpa *v, uint16_t i)
{
	struct sim_vdpa_vring *vr = &v->vring[i];

	if (!vr->started || vr->broken || !sim_vdpa_is_mediated(v, i))
		return;
	if (!sim_vdpa_mediate_relay(v, i)) {
		/* What it has of ours it keeps until it is stopped. */
		sim_vdpa_queue_pause(v, i);
		vr->broken = true;
		SIM_LOG(WARNING, "%s: virtqueue %u stopped: its descriptors "
			"cannot be logged", sim_vdpa_name(v), i);
		return;
	}
	/* It may wait for buffers, for which the guest was not asked to
	 * kick. */
	sim_vdpa_queue_write(v, i, SIM_QUEUE_NOTIFY, i);
}

/* For the rest of the driver. */

void
sim_vdpa_migration_begin(struct sim_vdpa *v)
{
	v->logging = log_is_wanted(v);
	v->mediating = v->logging && v->sw_lm;
	if (v->logging)
		open_log(v);
}

void
sim_vdpa_migration_end(struct sim_vdpa *v)
{
	if (v->logging)
		check_log(v);
	sim_vdpa_log_close(v);
	v->logging = false;
	v->mediating = false;
	v->held = false;
}

void
sim_vdpa_migration_update(struct sim_vdpa *v)
{
	bool wanted = log_is_wanted(v);

	if (wanted == v->logging)
		return;
	v->logging = wanted;
	if (wanted) {
		open_log(v);
	} else {
		sim_vdpa_log_close(v);
		release(v);
	}
	if (v->sw_lm)
		mediate(v, wanted);
}

int
sim_vdpa_migration_tick(struct sim_vdpa *v)
{
	uint16_t i;

	if (!v->logging)
		return -1;
	for (i = 0; v->mediating && !v->held && i < v->dev->n_vqs; i++)
		relay(v, i);
	check_log(v);
	return v->mediating ? MEDIATE_MS : LOG_MS;
}
