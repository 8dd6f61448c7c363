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

/* All that is plugged into any NIC, as a loop; with sim_nic_lock held. */
static struct sim_plug *
next_plug(struct sim_nic **nic, uint16_t *id)
{
	for (; *nic != NULL; *nic = sim_nic_next(*nic), *id = 0) {
		while (*id < SIM_EP_MAX) {
			if ((*nic)->plug[(*id)++] != NULL)
				return (*nic)->plug[*id - 1];
		}
	}
	return NULL;
}

static void
add_plug(struct rte_tel_data *d, struct sim_plug *plug)
{
	struct rte_tel_data *inner = rte_tel_data_alloc();

	if (inner == NULL)
		return;
	rte_tel_data_start_dict(inner);
	plug->ops->describe(plug, inner);
	rte_tel_data_add_dict_container(d, plug->name, inner, 0);
}

static int
handle_ports(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct sim_plug *plug;
	struct sim_nic *nic;
	uint16_t id = 0;

	RTE_SET_USED(cmd);
	RTE_SET_USED(params);
	rte_tel_data_start_dict(d);
	sim_nic_lock();
	nic = sim_nic_next(NULL);
	while ((plug = next_plug(&nic, &id)) != NULL)
		add_plug(d, plug);
	sim_nic_unlock();
	return 0;
}

/* With sim_nic_lock held. */
static struct sim_plug *
find_plug(const char *name)
{
	struct sim_nic *nic = sim_nic_next(NULL);
	struct sim_plug *plug;
	uint16_t id = 0;

	while ((plug = next_plug(&nic, &id)) != NULL) {
		if (strcmp(plug->name, name) == 0)
			break;
	}
	return plug;
}

static int
handle_vdpa(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct sim_plug *plug;
	bool found;

	RTE_SET_USED(cmd);
	sim_nic_lock();
	plug = params == NULL ? NULL : find_plug(params);
	found = plug != NULL && plug->ops->describe_queues != NULL;
	if (found) {
		rte_tel_data_start_dict(d);
		plug->ops->describe(plug, d);
		plug->ops->describe_queues(plug, d);
	} else {
		SIM_LOG(ERR, "vdpa: there is no simulated vDPA device %s",
			params == NULL ? "without a name" : params);
	}
	sim_nic_unlock();
	return found ? 0 : -EINVAL;
}

/* A vDPA device has two virtqueues per pair, and SIM_FAULT_DMA counts
 * those. */
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

static int
carry_out(const struct request *r, struct rte_tel_data *d)
{
	struct sim_plug *plug;
	int ret = -EINVAL;

	sim_nic_lock();
	plug = find_plug(r->port);
	if (plug == NULL) {
		SIM_LOG(ERR, "fault: there is no simulated port %s", r->port);
	} else if (r->fault == SIM_FAULT_REMOVED && !r->on) {
		SIM_LOG(ERR, "fault: %s cannot come back from its removal: "
			"unplug it and plug it in again", r->port);
	} else if (!(plug->ops->faults & r->fault)) {
		SIM_LOG(ERR, "fault: %s is no vDPA device, which %s is for",
			r->port, sim_fault_name(r->fault));
	} else {
		plug->ops->set_faults(plug, r->on ? r->fault : 0,
				      r->on ? 0 : r->fault, r->queues);
		rte_tel_data_start_dict(d);
		add_plug(d, plug);
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
			"with rx-stuck, tx-stuck, tx-paused or dma-fault",
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
