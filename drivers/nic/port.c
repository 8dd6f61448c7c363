/* SPDX-License-Identifier: Apache-2.0 */

/* A port as the NIC sees it: its link, its faults, its events. */

#include <rte_alarm.h>
#include <rte_dev.h>
#include <rte_string_fns.h>
#include <rte_telemetry.h>

#include "nic/port.h"

static struct sim_port *
from_plug(const struct sim_plug *plug)
{
	return container_of(plug, struct sim_port, plug);
}

/* Events. */

static void
lsc_alarm(void *arg)
{
	struct sim_port *p = arg;

	rte_eth_dev_callback_process(p->dev, RTE_ETH_EVENT_INTR_LSC, NULL);
}

/* A VF is a device of its own, so two kinds of handlers may wait for it to go.
 * The application may close the port in the first: nothing may touch it
 * after. */
static void
rmv_alarm(void *arg)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	struct sim_port *p = arg;
	bool is_device = p->kind == SIM_PORT_VF;

	rte_strscpy(name, p->data->name, sizeof(name));
	rte_eth_dev_callback_process(p->dev, RTE_ETH_EVENT_INTR_RMV, NULL);
	if (is_device)
		rte_dev_event_callback_process(name, RTE_DEV_EVENT_REMOVE);
}

static void
reset_alarm(void *arg)
{
	struct sim_port *p = arg;

	rte_eth_dev_callback_process(p->dev, RTE_ETH_EVENT_INTR_RESET, NULL);
}

static void
raise_lsc(struct sim_port *p)
{
	if (p->data->dev_conf.intr_conf.lsc != 0)
		rte_eal_alarm_set(1, lsc_alarm, p);
}

static void
raise_rmv(struct sim_port *p)
{
	/* Not only when intr_conf.rmv asks for it: ethdev's handlers are
	 * registered apart from it. */
	rte_eal_alarm_set(1, rmv_alarm, p);
}

void
sim_port_cancel_events(struct sim_port *p)
{
	rte_eal_alarm_cancel(lsc_alarm, p);
	rte_eal_alarm_cancel(rmv_alarm, p);
	rte_eal_alarm_cancel(reset_alarm, p);
}

/* Who is who. */

struct sim_port *
sim_port_at(const struct sim_nic *nic, uint16_t id)
{
	struct sim_plug *plug = nic->plug[id];

	return plug != NULL && plug->ops == &sim_port_plug_ops ?
		from_plug(plug) : NULL;
}

uint16_t
sim_port_represented(const struct sim_nic *nic, uint32_t port_id)
{
	uint16_t id, found = SIM_EP_MAX;
	const struct sim_port *p;

	sim_nic_lock();
	for (id = 0; id < SIM_EP_MAX; id++) {
		p = SIM_EP_HAS_RULES(id) ? NULL : sim_port_at(nic, id);
		if (p != NULL && p->data->port_id == port_id)
			found = SIM_EP_PEER(id);
	}
	sim_nic_unlock();
	return found;
}

/* Link and faults. */

static bool
has_link(const struct sim_port *p)
{
	if (!p->attached || p->admin_down ||
	    sim_port_has_fault(p, SIM_FAULT_LINK_DOWN | SIM_FAULT_REMOVED))
		return false;
	switch (p->kind) {
	case SIM_PORT_UPLINK:
		return p->nic->wire != NULL &&
			sim_wire_link_is_up(p->nic->wire);
	case SIM_PORT_VF:
		/* A VF's cable ends at its representor. */
		return sim_nic_link_is_up(p->nic, SIM_EP_PEER(p->ep_id));
	default:
		return true;
	}
}

/* True if it changed. */
static bool
work_out_link(struct sim_port *p)
{
	struct rte_eth_link link = {
		.link_speed = RTE_ETH_SPEED_NUM_100G,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
		.link_status = RTE_ETH_LINK_UP,
	};
	bool up = has_link(p);

	if (!up) {
		link.link_speed = RTE_ETH_SPEED_NUM_NONE;
		link.link_status = RTE_ETH_LINK_DOWN;
	}
	rte_eth_linkstatus_set(p->dev, &link);
	if (up == p->link_up)
		return false;
	__atomic_store_n(&p->link_up, up, __ATOMIC_RELAXED);
	return true;
}

static bool
link_is_up(const struct sim_plug *plug)
{
	return from_plug(plug)->link_up;
}

static void
update_link(struct sim_plug *plug)
{
	struct sim_port *p = from_plug(plug);

	if (work_out_link(p))
		raise_lsc(p);
}

static void
take_away(struct sim_port *p)
{
	sim_eswitch_detach(&p->nic->esw, p->ep_id);
	raise_rmv(p);
}

void
sim_port_set_faults(struct sim_port *p, uint32_t set, uint32_t clear,
		    uint32_t queues)
{
	uint32_t old = p->faults.on, new;

	sim_faults_put(&p->faults, set, queues);
	sim_faults_take(&p->faults, clear, queues);
	new = p->faults.on;
	if (p->kind == SIM_PORT_UPLINK && p->nic->wire != NULL)
		sim_wire_set_broken(p->nic->wire,
				    (new & SIM_FAULT_LINK_DOWN) != 0);
	if (new & ~old & SIM_FAULT_REMOVED)
		take_away(p);
	if (new & ~old & SIM_FAULT_RESET)
		rte_eal_alarm_set(1, reset_alarm, p);
	sim_nic_update_links(p->nic);
	if (p->kind == SIM_PORT_UPLINK)
		sim_nic_update_all_links();	/* Whoever is at its cable. */
}

static void
set_faults(struct sim_plug *plug, uint32_t set, uint32_t clear,
	   uint32_t queues)
{
	sim_port_set_faults(from_plug(plug), set, clear, queues);
}

/* Telemetry. */

static void
describe(struct sim_plug *plug, struct rte_tel_data *d)
{
	static const char * const kinds[] = {
		[SIM_PORT_UPLINK] = "uplink",
		[SIM_PORT_REP] = "representor",
		[SIM_PORT_VF] = "vf",
	};
	const struct sim_port *p = from_plug(plug);
	char faults[128];

	sim_faults_format(&p->faults, faults, sizeof(faults));
	rte_tel_data_add_dict_string(d, "kind", kinds[p->kind]);
	rte_tel_data_add_dict_string(d, "pf", p->nic->name);
	rte_tel_data_add_dict_int(d, "port_id", p->data->port_id);
	rte_tel_data_add_dict_string(d, "link", p->link_up ? "up" : "down");
	rte_tel_data_add_dict_string(d, "faults", faults);
}

const struct sim_plug_ops sim_port_plug_ops = {
	.faults = ~SIM_FAULT_VDPA_ONLY,
	.link_is_up = link_is_up,
	.update_link = update_link,
	.set_faults = set_faults,
	.describe = describe,
};
