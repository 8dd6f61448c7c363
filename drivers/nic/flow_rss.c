/* SPDX-License-Identifier: Apache-2.0 */

/*
 * rte_flow of a VF: RSS over a list of queues for all packets, or for those of
 * one class.  The most specific class that has a flow wins; what has none is
 * spread by the redirection table.
 *
 * A port's flow operations are serialised by ethdev; the datapath gets a new
 * struct sim_rss each time, under RCU.
 */

#include <rte_flow.h>
#include <rte_malloc.h>

#include "nic/flow_entry.h"
#include "nic/flow_rss.h"
#include "nic/port_rss.h"

static int
refuse(struct rte_flow_error *error, enum rte_flow_error_type type,
       const void *cause, const char *why)
{
	return rte_flow_error_set(error, ENOTSUP, type, cause, why);
}

static int
next_class(int class, enum rte_flow_item_type type)
{
	switch (type) {
	case RTE_FLOW_ITEM_TYPE_ETH:
	case RTE_FLOW_ITEM_TYPE_VOID:
		return class;
	case RTE_FLOW_ITEM_TYPE_IPV4:
		return class == SIM_RSS_ANY ? SIM_RSS_IPV4 : -1;
	case RTE_FLOW_ITEM_TYPE_IPV6:
		return class == SIM_RSS_ANY ? SIM_RSS_IPV6 : -1;
	case RTE_FLOW_ITEM_TYPE_TCP:
		return class == SIM_RSS_IPV4 ? SIM_RSS_IPV4_TCP :
			class == SIM_RSS_IPV6 ? SIM_RSS_IPV6_TCP : -1;
	case RTE_FLOW_ITEM_TYPE_UDP:
		return class == SIM_RSS_IPV4 ? SIM_RSS_IPV4_UDP :
			class == SIM_RSS_IPV6 ? SIM_RSS_IPV6_UDP : -1;
	default:
		return -1;
	}
}

static int
parse_pattern(const struct rte_flow_item *item, struct rte_flow_error *error)
{
	int class = SIM_RSS_ANY;

	for (; item->type != RTE_FLOW_ITEM_TYPE_END; item++) {
		class = next_class(class, item->type);
		if (class < 0 || item->spec != NULL)
			return refuse(error, RTE_FLOW_ERROR_TYPE_ITEM, item,
				      "a VF spreads eth [/ ipv4 or ipv6 "
				      "[/ tcp or udp]], without values");
	}
	return class;
}

static const struct rte_flow_action_rss *
parse_actions(const struct sim_port *p, const struct rte_flow_action *action,
	      struct rte_flow_error *error)
{
	const struct rte_flow_action_rss *rss = NULL;
	const char *why = NULL;
	uint32_t i;

	for (; action->type != RTE_FLOW_ACTION_TYPE_END; action++) {
		if (action->type == RTE_FLOW_ACTION_TYPE_VOID)
			continue;
		if (action->type != RTE_FLOW_ACTION_TYPE_RSS || rss != NULL ||
		    action->conf == NULL) {
			refuse(error, RTE_FLOW_ERROR_TYPE_ACTION, action,
			       "a VF has one action only: RSS");
			return NULL;
		}
		rss = action->conf;
	}
	if (rss == NULL || rss->queue_num == 0 ||
	    rss->queue_num > SIM_MAX_QUEUES)
		why = "give RSS a list of 1 to 16 queues";
	else if (rss->func > RTE_ETH_HASH_FUNCTION_TOEPLITZ || rss->level > 1)
		why = "RSS is Toeplitz over the outermost headers";
	else if ((rss->types & ~SIM_RSS_HF) != 0)
		why = "RSS knows IP, TCP and UDP";
	else if (rss->key_len != 0)
		why = "the RSS key is the port's, not the flow's";
	for (i = 0; why == NULL && i < rss->queue_num; i++) {
		if (rss->queue[i] >= p->data->nb_rx_queues)
			why = "RSS names a queue that is not configured";
	}
	if (why == NULL)
		return rss;
	refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, rss, why);
	return NULL;
}

static int
parse(const struct sim_port *p, const struct rte_flow_attr *attr,
      const struct rte_flow_item *items,
      const struct rte_flow_action *actions,
      const struct rte_flow_action_rss **rss, struct rte_flow_error *error)
{
	if (!attr->ingress || attr->egress || attr->transfer ||
	    attr->group != 0 || attr->priority != 0)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ATTR, attr,
			      "a VF has ingress flows of group 0, priority 0");
	*rss = parse_actions(p, actions, error);
	if (*rss == NULL)
		return -rte_errno;
	return parse_pattern(items, error);
}

static int
rss_validate(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
	     const struct rte_flow_item items[],
	     const struct rte_flow_action actions[],
	     struct rte_flow_error *error)
{
	const struct rte_flow_action_rss *rss;
	int class;

	class = parse(dev->data->dev_private, attr, items, actions, &rss,
		      error);
	return class < 0 ? class : 0;
}

/* Gives the datapath another list for one class; NULL: none. */
static int
set_class(struct sim_port *p, uint8_t class,
	  const struct rte_flow_action_rss *conf)
{
	struct sim_rss *new = sim_port_rss_copy(p);
	uint32_t i;

	if (new == NULL)
		return -ENOMEM;
	new->n_class_queues[class] = conf == NULL ? 0 : conf->queue_num;
	for (i = 0; conf != NULL && i < conf->queue_num; i++)
		new->class_queue[class][i] = conf->queue[i];
	new->class_hf[class] = conf == NULL ? 0 :
		conf->types != 0 ? conf->types : SIM_RSS_HF;
	sim_rss_update_types(new);
	if (sim_rss_is_unused(new)) {
		rte_free(new);
		new = NULL;
	}
	sim_port_rss_publish(p, new);
	return 0;
}

static struct rte_flow *
rss_create(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
	   const struct rte_flow_item items[],
	   const struct rte_flow_action actions[],
	   struct rte_flow_error *error)
{
	struct sim_port *p = dev->data->dev_private;
	const struct rte_flow_action_rss *rss;
	struct rte_flow *flow;
	int class;

	class = parse(p, attr, items, actions, &rss, error);
	if (class < 0)
		return NULL;
	if (p->rss != NULL && p->rss->n_class_queues[class] != 0) {
		rte_flow_error_set(error, EEXIST, RTE_FLOW_ERROR_TYPE_HANDLE,
				   NULL, "there is such a flow already");
		return NULL;
	}
	flow = rte_zmalloc("simnic_flow", sizeof(*flow), 0);
	if (flow == NULL || set_class(p, class, rss) != 0) {
		rte_free(flow);
		rte_flow_error_set(error, ENOMEM, RTE_FLOW_ERROR_TYPE_HANDLE,
				   NULL, "no memory for the flow");
		return NULL;
	}
	flow->rss_class = class;
	TAILQ_INSERT_TAIL(&p->flows, flow, next);
	return flow;
}

static int
rss_destroy(struct rte_eth_dev *dev, struct rte_flow *flow,
	    struct rte_flow_error *error)
{
	struct sim_port *p = dev->data->dev_private;

	if (p->rss != NULL && set_class(p, flow->rss_class, NULL) != 0)
		return rte_flow_error_set(error, ENOMEM,
				RTE_FLOW_ERROR_TYPE_HANDLE, flow,
				"no memory to undo the flow");
	TAILQ_REMOVE(&p->flows, flow, next);
	rte_free(flow);
	return 0;
}

static int
rss_flush(struct rte_eth_dev *dev, struct rte_flow_error *error)
{
	struct sim_port *p = dev->data->dev_private;
	struct rte_flow *flow;
	int ret;

	while ((flow = TAILQ_FIRST(&p->flows)) != NULL) {
		ret = rss_destroy(dev, flow, error);
		if (ret != 0)
			return ret;
	}
	return 0;
}

void
sim_flow_rss_close(struct sim_port *p)
{
	struct rte_flow *flow;

	while ((flow = TAILQ_FIRST(&p->flows)) != NULL) {
		TAILQ_REMOVE(&p->flows, flow, next);
		rte_free(flow);
	}
}

const struct rte_flow_ops sim_flow_rss_ops = {
	.validate = rss_validate,
	.create = rss_create,
	.destroy = rss_destroy,
	.flush = rss_flush,
};
