/* SPDX-License-Identifier: Apache-2.0 */

/*
 * net_simpf: the PF of a simulated NIC in switchdev mode.
 *
 * A probe creates the uplink's ethdev and one for each representor.  An
 * application may close any of them and want it back later by probing the
 * device again, as it can with a PCI NIC; but the vdev bus refuses to probe a
 * device twice.  What it does do for every hot-plug request, before it refuses
 * it, is to scan; pf_rescan() hooks in there.
 */

#include <rte_bus_vdev.h>
#include <rte_string_fns.h>

#include <ethdev_vdev.h>

#include "base/log.h"
#include "compat.h"
#include "nic/ethdev.h"

static int
create_port(struct sim_nic *nic, enum sim_port_kind kind, uint16_t vf,
	    uint32_t faults)
{
	struct sim_ethdev_params params = {
		.nic = nic,
		.kind = kind,
		.vf = vf,
		.faults = faults,
	};
	char name[RTE_ETH_NAME_MAX_LEN];
	int ret;

	if (kind == SIM_PORT_UPLINK)
		ret = snprintf(name, sizeof(name), "%s", nic->name);
	else
		ret = snprintf(name, sizeof(name), "%s_representor_vf%u",
			       nic->name, vf);
	if (ret >= (int)sizeof(name)) {
		SIM_LOG(ERR, "%s: the name is too long for its representors'",
			nic->name);
		return -ENAMETOOLONG;
	}
	ret = rte_eth_dev_create(&nic->vdev->device, name,
				 sizeof(struct sim_port), NULL, NULL,
				 sim_ethdev_init, &params);
	if (ret != 0)
		SIM_LOG(ERR, "%s: cannot create the port %s: %s", nic->name,
			name, rte_strerror(-ret));
	return ret;
}

static bool
is_missing(struct sim_nic *nic, uint16_t ep_id)
{
	bool missing;

	sim_nic_lock();
	missing = nic->plug[ep_id] == NULL;
	sim_nic_unlock();
	return missing;
}

/* Tells the representors who can look their ids up. */
static void
set_backer(struct sim_nic *nic)
{
	struct sim_port *rep, *uplink;
	uint16_t k;

	sim_nic_lock();
	uplink = sim_port_at(nic, SIM_EP_UPLINK);
	nic->uplink_id = uplink->data->port_id;
	for (k = 0; k < nic->vfs; k++) {
		rep = sim_port_at(nic, SIM_EP_REP(k));
		if (rep != NULL)
			rep->data->backer_port_id = nic->uplink_id;
	}
	sim_nic_unlock();
}

static int
create_uplink(struct sim_nic *nic, uint32_t faults)
{
	int ret;

	if (!is_missing(nic, SIM_EP_UPLINK))
		return 0;
	ret = create_port(nic, SIM_PORT_UPLINK, 0, faults);
	if (ret == 0)
		set_backer(nic);
	return ret;
}

static int
create_representors(struct sim_nic *nic, const struct sim_vf_set *which)
{
	uint16_t k;
	int ret;

	for (k = 0; k < nic->vfs; k++) {
		if (!sim_vf_set_has(which, k) || !is_missing(nic, SIM_EP_REP(k)))
			continue;
		ret = create_port(nic, SIM_PORT_REP, k, 0);
		if (ret != 0)
			return ret;
	}
	return 0;
}

static void
remove_ports(struct sim_nic *nic)
{
	struct rte_eth_dev *dev;
	struct sim_port *p;
	uint16_t id;

	for (id = 0; id < SIM_EP_MAX; id++) {
		if (SIM_EP_HAS_RULES(id))
			continue;	/* A VF is a device of its own. */
		sim_nic_lock();
		p = sim_port_at(nic, id);
		dev = p == NULL ? NULL : p->dev;
		sim_nic_unlock();
		if (dev != NULL)
			sim_ethdev_remove(dev);
	}
}

/* Whether what is asked for of a running PF can be had. */
static bool
fits(const struct sim_nic *nic, const struct sim_pf_args *args)
{
	if (!sim_vf_set_is_below(&args->representors, nic->vfs)) {
		SIM_LOG(ERR, "%s: there is no such representor: with vfs=%u "
			"the last is %u", nic->name, nic->vfs, nic->vfs - 1);
		return false;
	}
	if ((args->vfs != 0 && args->vfs != nic->vfs) ||
	    (args->queues != 0 && args->queues != nic->queues) ||
	    (args->has_wire && (args->wire != sim_wire_kind(nic->wire) ||
	     strcmp(args->wire_name, sim_wire_name(nic->wire)) != 0)))
		SIM_LOG(WARNING, "%s: runs already: its vfs, queues and wire "
			"stay as they are until it is removed", nic->name);
	return true;
}

/* The request's devargs have replaced the device's: bring back what they name
 * and somebody closed. */
static void
pf_reprobe(struct sim_nic *nic, const char *args)
{
	struct sim_pf_args parsed;

	if (sim_devargs_parse_pf(nic->name, args, &parsed) != 0 ||
	    !fits(nic, &parsed))
		return;
	if (parsed.has_representor)
		create_representors(nic, &parsed.representors);
	else
		create_uplink(nic, parsed.faults);
}

static struct sim_nic *
find_running(const char *name)
{
	struct sim_nic *nic;

	sim_nic_lock();
	nic = sim_nic_find(name);
	sim_nic_unlock();
	return nic;
}

/* Called by the vdev bus whenever it scans, in the thread that probes. */
static void
pf_rescan(void *arg)
{
	struct rte_devargs *da;
	struct sim_nic *nic;

	RTE_SET_USED(arg);
	RTE_EAL_DEVARGS_FOREACH("vdev", da) {
		nic = find_running(da->name);
		/* A request always brings a string of its own, so an old
		 * string means that the scan is about another device. */
		if (nic == NULL || nic->seen_args == da->data)
			continue;
		nic->seen_args = da->data;
		pf_reprobe(nic, da->args);
	}
}

static int
check_args(const char *name, struct sim_pf_args *args)
{
	if (args->vfs != 0)
		return 0;
	SIM_LOG(ERR, "%s: vfs= is missing: the first to name a PF says how "
		"many VFs it has, for example %s,vfs=4", name, name);
	return -EINVAL;
}

static int
pf_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct sim_vf_set all = sim_vf_set_all();
	struct sim_pf_args args;
	struct sim_nic *nic;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		SIM_LOG(ERR, "%s: secondary processes are not supported",
			name);
		return -ENOTSUP;
	}
	/* A VF needs a PF, and so need not ask. */
	if (!sim_dpdk_is_ours()) {
		SIM_LOG(ERR, "%s: the simulated NIC was built for DPDK %d.%02d, "
			"but %s is loaded; build it anew", name, RTE_VER_YEAR,
			RTE_VER_MONTH, rte_version());
		return -ENOTSUP;
	}
	ret = sim_devargs_parse_pf(name, rte_vdev_device_args(vdev), &args);
	if (ret == 0)
		ret = check_args(name, &args);
	if (ret != 0)
		return ret;

	nic = sim_nic_create(vdev, &args);
	if (nic == NULL)
		return -ENOMEM;
	ret = create_uplink(nic, args.faults);
	if (ret == 0)
		ret = create_representors(nic, &all);
	if (ret != 0) {
		remove_ports(nic);
		sim_nic_unref(nic);
		return ret;
	}
	nic->seen_args = vdev->device.devargs->data;
	sim_nic_publish(nic);
	rte_vdev_add_custom_scan(pf_rescan, NULL);
	SIM_LOG(INFO, "%s: %u VFs, %u queues", name, nic->vfs, nic->queues);
	return 0;
}

static int
pf_remove(struct rte_vdev_device *vdev)
{
	struct sim_nic *nic = find_running(rte_vdev_device_name(vdev));

	if (nic == NULL)
		return -EINVAL;
	remove_ports(nic);
	sim_nic_retire(nic);
	sim_nic_unref(nic);
	return 0;
}

static struct rte_vdev_driver pf_driver = {
	.probe = pf_probe,
	.remove = pf_remove,
};

RTE_PMD_REGISTER_VDEV(net_simpf, pf_driver);
RTE_PMD_REGISTER_PARAM_STRING(net_simpf,
	"vfs=<1-126> "
	"queues=<1-16> "
	"wire=none|tap:<name>|pf:<name> "
	"representor=<list> "
	"fault=<name>");
