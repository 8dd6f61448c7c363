/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Telemetry commands of the simulated NIC:
 *
 *	/simnic/ports				what there is
 *	/simnic/fault,PORT,FAULT,on|off[,QUEUE]	fault injection
 *
 * They run in telemetry's own threads.
 */

#include <stdlib.h>

#include <rte_string_fns.h>
#include <rte_telemetry.h>

#include "sim_fault.h"
#include "sim_log.h"
#include "sim_nic.h"

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
format_faults(uint32_t faults, char *buf, size_t size)
{
	size_t used = 0;
	uint32_t bit;

	buf[0] = '\0';
	for (bit = 1; bit != 0; bit <<= 1) {
		if (!(faults & bit))
			continue;
		used += snprintf(buf + used, size - used, "%s%s",
				 used == 0 ? "" : " ", sim_fault_name(bit));
		if (used >= size)
			break;
	}
}

static void
add_port(struct rte_tel_data *d, const struct sim_port *p)
{
	struct rte_tel_data *port = rte_tel_data_alloc();
	char faults[128];

	if (port == NULL)
		return;
	format_faults(p->faults, faults, sizeof(faults));
	rte_tel_data_start_dict(port);
	rte_tel_data_add_dict_string(port, "kind", kind_names[p->kind]);
	rte_tel_data_add_dict_string(port, "pf", p->nic->name);
	rte_tel_data_add_dict_int(port, "port_id", p->data->port_id);
	rte_tel_data_add_dict_string(port, "link", p->link_up ? "up" : "down");
	rte_tel_data_add_dict_string(port, "faults", faults);
	rte_tel_data_add_dict_container(d, p->data->name, port, 0);
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

static bool
parse_queue(const char *word, uint32_t *queues)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (*word < '0' || *word > '9' || *end != '\0' || n >= SIM_MAX_QUEUES)
		return false;
	*queues = 1u << n;
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
	r->queues = UINT32_MAX;
	return r->fault != 0 && (r->on || strcmp(words[2], "off") == 0) &&
		(n == 3 || parse_queue(words[3], &r->queues));
}

static int
carry_out(const struct request *r, struct rte_tel_data *d)
{
	struct sim_port *p;
	int ret = -EINVAL;

	sim_nic_lock();
	p = find_port(r->port);
	if (p == NULL) {
		SIM_LOG(ERR, "fault: there is no simulated port %s", r->port);
	} else if (r->fault == SIM_FAULT_REMOVED && !r->on) {
		SIM_LOG(ERR, "fault: %s cannot come back from its removal: "
			"unplug it and plug it in again", r->port);
	} else {
		if (r->on)
			p->fault_queues = r->queues;
		sim_port_set_faults(p, r->on ? r->fault : 0,
				    r->on ? 0 : r->fault);
		rte_tel_data_start_dict(d);
		add_port(d, p);
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
			SIM_FAULT_NAMES "),(on or off)[,queue]",
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
	rte_telemetry_register_cmd("/simnic/fault", handle_fault, HELP_FAULT);
}
