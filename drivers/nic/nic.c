/* SPDX-License-Identifier: Apache-2.0 */

#include <pthread.h>

#include <rte_malloc.h>
#include <rte_string_fns.h>

#include <ethdev_driver.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/rcu.h"
#include "nic/nic.h"

static pthread_mutex_t nic_lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, sim_nic) nics = TAILQ_HEAD_INITIALIZER(nics);

void
sim_nic_lock(void)
{
	pthread_mutex_lock(&nic_lock);
}

void
sim_nic_unlock(void)
{
	pthread_mutex_unlock(&nic_lock);
}

struct sim_nic *
sim_nic_find(const char *name)
{
	struct sim_nic *nic;

	TAILQ_FOREACH(nic, &nics, next) {
		if (strcmp(nic->name, name) == 0)
			return nic;
	}
	return NULL;
}

struct sim_nic *
sim_nic_next(const struct sim_nic *nic)
{
	return nic == NULL ? TAILQ_FIRST(&nics) : TAILQ_NEXT(nic, next);
}

static struct sim_nic *
nic_alloc(struct rte_vdev_device *vdev, const struct sim_pf_args *args)
{
	static uint16_t index;
	struct sim_nic *nic;

	nic = rte_zmalloc("simnic", sizeof(*nic), RTE_CACHE_LINE_SIZE);
	if (nic == NULL) {
		SIM_LOG(ERR, "%s: no memory", rte_vdev_device_name(vdev));
		return NULL;
	}
	rte_strscpy(nic->name, rte_vdev_device_name(vdev), sizeof(nic->name));
	nic->vdev = vdev;
	nic->vfs = args->vfs;
	nic->queues = args->queues != 0 ? args->queues : SIM_MAX_QUEUES;
	nic->index = index++;
	nic->uplink_id = RTE_MAX_ETHPORTS;
	nic->refs = 1;
	sim_eswitch_init(&nic->esw);
	return nic;
}

struct sim_nic *
sim_nic_create(struct rte_vdev_device *vdev, const struct sim_pf_args *args)
{
	struct sim_nic *nic;

	if (sim_rcu_get() != 0)
		return NULL;
	nic = nic_alloc(vdev, args);
	if (nic == NULL)
		goto put_rcu;
	if (rte_eth_switch_domain_alloc(&nic->domain) != 0) {
		SIM_LOG(ERR, "%s: there is no free switch domain", nic->name);
		goto free_nic;
	}
	nic->wire = sim_wire_create(nic->name, args->wire, args->wire_name,
				    &nic->esw);
	if (nic->wire == NULL)
		goto free_domain;
	return nic;

free_domain:
	rte_eth_switch_domain_free(nic->domain);
free_nic:
	rte_free(nic);
put_rcu:
	sim_rcu_put();
	return NULL;
}

static void
nic_free(struct sim_nic *nic)
{
	sim_wire_destroy(nic->wire);
	rte_eth_switch_domain_free(nic->domain);
	sim_eswitch_fini(&nic->esw);
	rte_free(nic);
	sim_rcu_put();
}

void
sim_nic_unref(struct sim_nic *nic)
{
	bool last;

	sim_nic_lock();
	last = --nic->refs == 0;
	sim_nic_unlock();
	if (last)
		nic_free(nic);
}

/* Whether there may be a cable from 'a' to 'b'. */
static bool
names(const struct sim_nic *a, const struct sim_nic *b)
{
	return sim_wire_kind(a->wire) == SIM_WIRE_PF &&
		strcmp(sim_wire_name(a->wire), b->name) == 0;
}

static bool
may_connect(const struct sim_nic *a, const struct sim_nic *b)
{
	if (a == b || sim_wire_is_connected(a->wire) ||
	    sim_wire_is_connected(b->wire))
		return false;
	if (names(a, b))
		return names(b, a) ||
			sim_wire_kind(b->wire) == SIM_WIRE_NONE;
	return names(b, a) && sim_wire_kind(a->wire) == SIM_WIRE_NONE;
}

static void
connect_wire(struct sim_nic *nic)
{
	struct sim_nic *other;

	TAILQ_FOREACH(other, &nics, next) {
		if (!may_connect(nic, other))
			continue;
		sim_wire_connect(nic->wire, other->wire);
		sim_nic_update_links(nic);
		sim_nic_update_links(other);
		SIM_LOG(INFO, "%s: cable to %s", nic->name, other->name);
		return;
	}
	if (sim_wire_kind(nic->wire) == SIM_WIRE_PF)
		SIM_LOG(NOTICE, "%s: wire=pf:%s leads nowhere until that PF "
			"is there and its own wire is none or pf:%s",
			nic->name, sim_wire_name(nic->wire), nic->name);
}

void
sim_nic_publish(struct sim_nic *nic)
{
	sim_nic_lock();
	TAILQ_INSERT_TAIL(&nics, nic, next);
	connect_wire(nic);
	sim_nic_unlock();
}

void
sim_nic_update_all_links(void)
{
	struct sim_nic *nic;

	TAILQ_FOREACH(nic, &nics, next)
		sim_nic_update_links(nic);
}

void
sim_nic_retire(struct sim_nic *nic)
{
	struct sim_wire *wire;
	struct sim_plug *vf;
	uint16_t k;

	sim_nic_lock();
	TAILQ_REMOVE(&nics, nic, next);
	nic->gone = true;
	nic->vdev = NULL;
	for (k = 0; k < nic->vfs; k++) {
		vf = nic->plug[SIM_EP_VF(k)];
		if (vf != NULL)
			vf->ops->set_faults(vf, SIM_FAULT_REMOVED, 0,
					    SIM_ALL_QUEUES);
	}
	wire = nic->wire;
	nic->wire = NULL;
	sim_wire_destroy(wire);
	sim_nic_update_all_links();
	sim_nic_unlock();
}

int
sim_nic_plug(struct sim_nic *nic, uint16_t id, struct sim_plug *plug)
{
	if (nic->plug[id] != NULL)
		return -EBUSY;
	nic->plug[id] = plug;
	nic->refs++;
	return 0;
}

void
sim_nic_unplug(struct sim_nic *nic, uint16_t id)
{
	nic->plug[id] = NULL;
}

uint16_t
sim_nic_endpoint(enum sim_port_kind kind, uint16_t vf)
{
	switch (kind) {
	case SIM_PORT_UPLINK:
		return SIM_EP_UPLINK;
	case SIM_PORT_REP:
		return SIM_EP_REP(vf);
	default:
		return SIM_EP_VF(vf);
	}
}

struct rte_ether_addr
sim_nic_mac(const struct sim_nic *nic, enum sim_port_kind kind, uint16_t vf)
{
	/* Locally administered; unique within the process. */
	return (struct rte_ether_addr) { .addr_bytes = {
		0x02, 'S', 'I', nic->index, kind, vf,
	} };
}

bool
sim_nic_link_is_up(const struct sim_nic *nic, uint16_t id)
{
	const struct sim_plug *plug = nic->plug[id];

	return plug != NULL && plug->ops->link_is_up(plug);
}

void
sim_nic_update_links(struct sim_nic *nic)
{
	uint16_t id;

	/* Downwards: a VF's link follows its representor's, which has the
	 * higher number. */
	for (id = SIM_EP_MAX; id-- > 0;) {
		if (nic->plug[id] != NULL)
			nic->plug[id]->ops->update_link(nic->plug[id]);
	}
}
