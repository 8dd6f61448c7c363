/* SPDX-License-Identifier: Apache-2.0 */

#include <rte_flow.h>

#include "nic/flow_action.h"

struct actions {
	const struct sim_port *port;
	const struct rte_flow_action *action;	/* The current one. */
	struct sim_action *out;
	bool fate;			/* There was an output or a drop. */
	struct rte_flow_error *error;
};

static int
refuse(const struct actions *as, int err, const char *why)
{
	return rte_flow_error_set(as->error, err, RTE_FLOW_ERROR_TYPE_ACTION,
				  as->action, why);
}

static int
set_fate(struct actions *as)
{
	if (as->fate)
		return refuse(as, ENOTSUP, "a packet goes to one place only");
	as->fate = true;
	return 0;
}

static int
output(struct actions *as, uint16_t to)
{
	if (to == SIM_EP_MAX)
		return refuse(as, EINVAL, "the port is no uplink or "
			      "representor of this NIC");
	as->out->out = to;
	return set_fate(as);
}

/* An edit, which must come before the packet leaves, and not before an edit
 * that is carried out after it: their order is that of the flags. */
static int
edit(struct actions *as, uint32_t flag, uint32_t later)
{
	if (as->fate)
		return refuse(as, ENOTSUP, "a packet cannot be changed after "
			      "it was sent");
	if (as->out->flags & later)
		return refuse(as, ENOTSUP, "VLAN actions must come in the "
			      "order pop, push, set");
	if ((as->out->flags & flag) && (flag & (SIM_ACT_POP_VLAN |
						SIM_ACT_PUSH_VLAN)))
		return refuse(as, ENOTSUP, "only one tag can be pushed and "
			      "popped");
	as->out->flags |= flag;
	return 0;
}

static int
push_vlan(struct actions *as)
{
	const struct rte_flow_action_of_push_vlan *conf = as->action->conf;

	if (conf->ethertype != RTE_BE16(RTE_ETHER_TYPE_VLAN) &&
	    conf->ethertype != RTE_BE16(RTE_ETHER_TYPE_QINQ))
		return refuse(as, EINVAL, "the tag must be 0x8100 or 0x88a8");
	as->out->tpid = conf->ethertype;
	return edit(as, SIM_ACT_PUSH_VLAN, SIM_ACT_SET_VID | SIM_ACT_SET_PCP);
}

static int
set_vid(struct actions *as)
{
	const struct rte_flow_action_of_set_vlan_vid *conf = as->action->conf;

	as->out->vid = rte_be_to_cpu_16(conf->vlan_vid);
	return edit(as, SIM_ACT_SET_VID, 0);
}

static int
set_pcp(struct actions *as)
{
	const struct rte_flow_action_of_set_vlan_pcp *conf = as->action->conf;

	as->out->pcp = conf->vlan_pcp;
	return edit(as, SIM_ACT_SET_PCP, 0);
}

static int
set_mac(struct actions *as, uint32_t flag, struct rte_ether_addr *addr)
{
	const struct rte_flow_action_set_mac *conf = as->action->conf;

	memcpy(addr->addr_bytes, conf->mac_addr, sizeof(addr->addr_bytes));
	return edit(as, flag, 0);
}

static int
set_ttl(struct actions *as)
{
	const struct rte_flow_action_set_ttl *conf = as->action->conf;

	as->out->ttl = conf->ttl_value;
	return edit(as, SIM_ACT_SET_TTL, 0);
}

static int
output_port_id(struct actions *as)
{
	const struct rte_flow_action_port_id *conf = as->action->conf;

	return output(as, sim_port_represented(as->port->nic, conf->original ?
					       as->port->data->port_id :
					       conf->id));
}

static int
output_represented(struct actions *as)
{
	const struct rte_flow_action_ethdev *conf = as->action->conf;

	return output(as, sim_port_represented(as->port->nic, conf->port_id));
}

/* To the ethdev itself, for the application to receive. */
static int
output_representor(struct actions *as)
{
	const struct rte_flow_action_ethdev *conf = as->action->conf;
	uint16_t to = sim_port_represented(as->port->nic, conf->port_id);

	return output(as, to == SIM_EP_MAX ? to : SIM_EP_PEER(to));
}

static int
parse_with_conf(struct actions *as)
{
	if (as->action->conf == NULL)
		return rte_flow_error_set(as->error, EINVAL,
				RTE_FLOW_ERROR_TYPE_ACTION_CONF, as->action,
				"the action wants a configuration");
	switch (as->action->type) {
	case RTE_FLOW_ACTION_TYPE_PORT_ID:
		return output_port_id(as);
	case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
		return output_represented(as);
	case RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR:
		return output_representor(as);
	case RTE_FLOW_ACTION_TYPE_SET_MAC_DST:
		return set_mac(as, SIM_ACT_SET_DST, &as->out->dst);
	case RTE_FLOW_ACTION_TYPE_SET_MAC_SRC:
		return set_mac(as, SIM_ACT_SET_SRC, &as->out->src);
	case RTE_FLOW_ACTION_TYPE_SET_TTL:
		return set_ttl(as);
	case RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN:
		return push_vlan(as);
	case RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID:
		return set_vid(as);
	default:
		return set_pcp(as);
	}
}

static int
parse_action(struct actions *as)
{
	switch (as->action->type) {
	case RTE_FLOW_ACTION_TYPE_VOID:
		return 0;
	case RTE_FLOW_ACTION_TYPE_COUNT:
		as->out->flags |= SIM_ACT_COUNT;
		return 0;
	case RTE_FLOW_ACTION_TYPE_DROP:
		as->out->flags |= SIM_ACT_DROP;
		return set_fate(as);
	case RTE_FLOW_ACTION_TYPE_OF_POP_VLAN:
		return edit(as, SIM_ACT_POP_VLAN, SIM_ACT_PUSH_VLAN |
			    SIM_ACT_SET_VID | SIM_ACT_SET_PCP);
	case RTE_FLOW_ACTION_TYPE_PORT_ID:
	case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT:
	case RTE_FLOW_ACTION_TYPE_PORT_REPRESENTOR:
	case RTE_FLOW_ACTION_TYPE_SET_MAC_DST:
	case RTE_FLOW_ACTION_TYPE_SET_MAC_SRC:
	case RTE_FLOW_ACTION_TYPE_SET_TTL:
	case RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN:
	case RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID:
	case RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_PCP:
		return parse_with_conf(as);
	case RTE_FLOW_ACTION_TYPE_JUMP:
		return refuse(as, ENOTSUP, "this NIC has one group of rules "
			      "only: there is nowhere to jump to");
	default:
		return refuse(as, ENOTSUP, "this NIC has no such action");
	}
}

int
sim_action_parse(const struct sim_port *p,
		 const struct rte_flow_action *actions, struct sim_action *out,
		 struct rte_flow_error *error)
{
	struct actions as = { .port = p, .out = out, .error = error };
	int ret;

	if (actions == NULL)
		return rte_flow_error_set(error, EINVAL,
				RTE_FLOW_ERROR_TYPE_ACTION_NUM, NULL,
				"there are no actions");
	for (; actions->type != RTE_FLOW_ACTION_TYPE_END; actions++) {
		as.action = actions;
		ret = parse_action(&as);
		if (ret != 0)
			return ret;
	}
	as.action = NULL;
	return as.fate ? 0 : refuse(&as, EINVAL, "say where the packet goes: "
				    "a port or drop");
}
