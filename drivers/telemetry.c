/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Telemetry commands of the simulated NIC:
 *
 *	/simnic/ports				what there is
 *	/simnic/vdpa,NAME			a vDPA device
 *	/simnic/fault,PORT,FAULT,on|off[,QUEUE]	fault injection
 *
 * They run in telemetry's own threads.
 */

#include <stdlib.h>

#include <rte_string_fns.h>
#include <rte_telemetry.h>

#include "base/fault.h"
#include "base/log.h"
#include "nic/nic.h"
#include "vdpa/driver/driver.h"

#define HELP_VDPA "Shows a simulated vDPA device.  Parameter: its name"
#define HELP_PORTS "Lists the simulated NICs' ports.  Takes no parameters."
/* Telemetry takes no more than 127 characters. */
#define HELP_FAULT "Puts a fault into a port or takes it out.  Parameters: " \
	"port,fault,(on or off)[,queue]"

struct request {
	char *port;
	uint32_t fault;
	bool on;
	uint32_t queues;	/* Bit Q: queue Q. */
};

static const char * const kind_names[] = {
	[SIM_PORT_UPLINK] = "uplink",
	[SIM_PORT_REP] = "representor",
	[SIM_PORT_VF] = "vf",
};

static void
add_port(struct rte_tel_data *d, const struct sim_port *p)
{
	struct rte_tel_data *port = rte_tel_data_alloc();
	char faults[128];

	if (port == NULL)
		return;
	sim_faults_format(&p->faults, faults, sizeof(faults));
	rte_tel_data_start_dict(port);
	rte_tel_data_add_dict_string(port, "kind", kind_names[p->kind]);
	rte_tel_data_add_dict_string(port, "pf", p->nic->name);
	rte_tel_data_add_dict_int(port, "port_id", p->data->port_id);
	rte_tel_data_add_dict_string(port, "link", p->link_up ? "up" : "down");
	rte_tel_data_add_dict_string(port, "faults", faults);
	rte_tel_data_add_dict_container(d, p->data->name, port, 0);
}

static void
add_vdpa(struct rte_tel_data *d, const struct sim_vdpa *v)
{
	struct rte_tel_data *dev = rte_tel_data_alloc();

	if (dev == NULL)
		return;
	rte_tel_data_start_dict(dev);
	sim_vdpa_describe(v, dev);
	rte_tel_data_add_dict_container(d, sim_vdpa_name(v), dev, 0);
}

static int
handle_ports(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct sim_nic *nic;
	uint16_t id;

	RTE_SET_USED(cmd);
	RTE_SET_USED(params);
	rte_tel_data_start_dict(d);
	sim_nic_lock();
	for (nic = sim_nic_next(NULL); nic != NULL; nic = sim_nic_next(nic)) {
		for (id = 0; id < SIM_EP_MAX; id++) {
			if (nic->port[id] != NULL)
				add_port(d, nic->port[id]);
		}
		for (id = 0; id < nic->vfs; id++) {
			if (nic->vdpa[id] != NULL)
				add_vdpa(d, nic->vdpa[id]);
		}
	}
	sim_nic_unlock();
	return 0;
}

/* With sim_nic_lock held. */
static struct sim_port *
find_port(const char *name)
{
	struct sim_nic *nic;
	uint16_t id;

	for (nic = sim_nic_next(NULL); nic != NULL; nic = sim_nic_next(nic)) {
		for (id = 0; id < SIM_EP_MAX; id++) {
			if (nic->port[id] != NULL &&
			    strcmp(nic->port[id]->data->name, name) == 0)
				return nic->port[id];
		}
	}
	return NULL;
}

/* Likewise. */
static struct sim_vdpa *
find_vdpa(const char *name)
{
	struct sim_nic *nic;
	uint16_t k;

	for (nic = sim_nic_next(NULL); nic != NULL; nic = sim_nic_next(nic)) {
		for (k = 0; k < nic->vfs; k++) {
			if (nic->vdpa[k] != NULL &&
			    strcmp(sim_vdpa_name(nic->vdpa[k]), name) == 0)
				return nic->vdpa[k];
		}
	}
	return NULL;
}

static int
handle_vdpa(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct sim_vdpa *v;

	RTE_SET_USED(cmd);
	sim_nic_lock();
	v = params == NULL ? NULL : find_vdpa(params);
	if (v != NULL) {
		rte_tel_data_start_dict(d);
		sim_vdpa_describe(v, d);
		sim_vdpa_describe_queues(v, d);
	} else {
		SIM_LOG(ERR, "vdpa: there is no simulated vDPA device %s",
			params == NULL ? "without a name" : params);
	}
	sim_nic_unlock();
	return v == NULL ? -EINVAL : 0;
}

/* A vDPA device has two virtqueues per pair, and SIM_FAULT_DMA counts those. */
static bool
parse_queue(const char *word, struct request *r)
{
	unsigned long n, max = SIM_MAX_QUEUES;
	char *end;

	if (r->fault == SIM_FAULT_DMA)
		max *= 2;
	n = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end != '\0' || n >= max ||
	    !(r->fault & SIM_FAULT_OF_QUEUES))
		return false;
	r->queues = 1u << n;
	return true;
}

/* Cuts up 'params'. */
static bool
parse_request(char *params, struct request *r)
{
	char *words[5];
	int n = rte_strsplit(params, strlen(params), words, RTE_DIM(words),
			     ',');

	if (n < 3 || n > 4)
		return false;
	r->port = words[0];
	r->fault = sim_fault_from_name(words[1]);
	r->on = strcmp(words[2], "on") == 0;
	r->queues = SIM_ALL_QUEUES;
	return r->fault != 0 && (r->on || strcmp(words[2], "off") == 0) &&
		(n == 3 || parse_queue(words[3], r));
}

/* Both with sim_nic_lock held. */
static void
set_port_fault(const struct request *r, struct sim_port *p,
	       struct rte_tel_data *d)
{
	sim_port_set_faults(p, r->on ? r->fault : 0, r->on ? 0 : r->fault,
			    r->queues);
	add_port(d, p);
}

static void
set_vdpa_fault(const struct request *r, struct sim_vdpa *v,
	       struct rte_tel_data *d)
{
	sim_vdpa_set_faults(v, r->on ? r->fault : 0, r->on ? 0 : r->fault,
			    r->queues);
	add_vdpa(d, v);
}

static int
carry_out(const struct request *r, struct rte_tel_data *d)
{
	struct sim_vdpa *v;
	struct sim_port *p;
	int ret = -EINVAL;

	sim_nic_lock();
	p = find_port(r->port);
	v = find_vdpa(r->port);
	if (p == NULL && v == NULL) {
		SIM_LOG(ERR, "fault: there is no simulated port %s", r->port);
	} else if (r->fault == SIM_FAULT_REMOVED && !r->on) {
		SIM_LOG(ERR, "fault: %s cannot come back from its removal: "
			"unplug it and plug it in again", r->port);
	} else if (v == NULL && (r->fault & SIM_FAULT_VDPA_ONLY)) {
		SIM_LOG(ERR, "fault: %s is no vDPA device, which %s is for",
			r->port, sim_fault_name(r->fault));
	} else {
		rte_tel_data_start_dict(d);
		if (v != NULL)
			set_vdpa_fault(r, v, d);
		else
			set_port_fault(r, p, d);
		ret = 0;
	}
	sim_nic_unlock();
	return ret;
}

static int
handle_fault(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct request r;
	char *copy;
	int ret;

	RTE_SET_USED(cmd);
	copy = params == NULL ? NULL : strdup(params);
	if (copy == NULL || !parse_request(copy, &r)) {
		SIM_LOG(ERR, "fault: \"%s\" is not valid: give port,("
			SIM_FAULT_NAMES "),(on or off)[,queue]; a queue only "
			"with rx-stuck, tx-stuck or dma-fault",
			params == NULL ? "" : params);
		ret = -EINVAL;
	} else {
		ret = carry_out(&r, d);
	}
	free(copy);
	return ret;
}

RTE_INIT(sim_telemetry_init)
{
	rte_telemetry_register_cmd("/simnic/ports", handle_ports, HELP_PORTS);
	rte_telemetry_register_cmd("/simnic/vdpa", handle_vdpa, HELP_VDPA);
	rte_telemetry_register_cmd("/simnic/fault", handle_fault, HELP_FAULT);
}
