/* SPDX-License-Identifier: Apache-2.0 */

#include <pthread.h>

#include <rte_flow.h>
#include <rte_malloc.h>

#include "nic/flow.h"
#include "nic/flow_action.h"
#include "nic/flow_entry.h"
#include "nic/flow_pattern.h"
#include "nic/flow_rss.h"

/* Priorities there are: 0, the first that is asked, to this. */
#define FLOW_MAX_PRIORITY 0xffff

static pthread_mutex_t flow_lock = PTHREAD_MUTEX_INITIALIZER;

static int
check_attr(const struct rte_flow_attr *attr, struct rte_flow_error *error)
{
	if (attr == NULL)
		return rte_flow_error_set(error, EINVAL,
				RTE_FLOW_ERROR_TYPE_ATTR, NULL,
				"there are no attributes");
	if (attr->group != 0)
		return rte_flow_error_set(error, ENOTSUP,
				RTE_FLOW_ERROR_TYPE_ATTR_GROUP, attr,
				"this NIC has group 0 only");
	if (attr->priority > FLOW_MAX_PRIORITY)
		return rte_flow_error_set(error, ENOTSUP,
				RTE_FLOW_ERROR_TYPE_ATTR_PRIORITY, attr,
				"priorities go from 0 to 65535");
	if (!attr->transfer)
		return rte_flow_error_set(error, ENOTSUP,
				RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER, attr,
				"an uplink or a representor has rules of the "
				"e-switch (transfer) only");
	return 0;
}

/* No rule may list queues that there are not, whatever else it is: real NICs,
 * which spread packets over a list, refuse that. */
static int
check_queues(const struct rte_eth_dev_data *data,
	     const struct rte_flow_action *action,
	     struct rte_flow_error *error)
{
	const struct rte_flow_action_rss *rss;
	uint32_t i;

	for (; action != NULL && action->type != RTE_FLOW_ACTION_TYPE_END;
	     action++) {
		rss = action->type == RTE_FLOW_ACTION_TYPE_RSS ?
			action->conf : NULL;
		for (i = 0; rss != NULL && i < rss->queue_num; i++) {
			if (rss->queue[i] >= data->nb_rx_queues)
				return rte_flow_error_set(error, EINVAL,
					RTE_FLOW_ERROR_TYPE_ACTION_CONF, rss,
					"RSS names a queue that is not "
					"configured");
		}
	}
	return 0;
}

/* Actions first: an application that gets an error about an action knows that
 * it may try others. */
static int
parse_rule(const struct sim_port *p, const struct rte_flow_attr *attr,
	   const struct rte_flow_item *items,
	   const struct rte_flow_action *actions, struct sim_rule *rule,
	   uint16_t *from, struct rte_flow_error *error)
{
	int ret;

	memset(rule, 0, sizeof(*rule));
	*from = SIM_EP_PEER(p->ep_id);
	ret = check_queues(p->data, actions, error);
	if (ret == 0)
		ret = sim_action_parse(p, actions, &rule->action, error);
	if (ret == 0)
		ret = check_attr(attr, error);
	if (ret == 0)
		ret = sim_pattern_parse(p, items, rule, from, error);
	if (ret == 0)
		rule->priority = attr->priority;
	return ret;
}

static int
flow_validate(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
	      const struct rte_flow_item items[],
	      const struct rte_flow_action actions[],
	      struct rte_flow_error *error)
{
	struct sim_rule rule;
	uint16_t from;

	return parse_rule(dev->data->dev_private, attr, items, actions, &rule,
			  &from, error);
}

static struct rte_flow *
flow_alloc(const struct sim_rule *rule, uint16_t from)
{
	struct rte_flow *flow = rte_zmalloc("simnic_flow", sizeof(*flow), 0);

	if (flow == NULL)
		return NULL;
	flow->rule = rte_malloc("simnic_rule", sizeof(*rule),
				RTE_CACHE_LINE_SIZE);
	if (flow->rule == NULL) {
		rte_free(flow);
		return NULL;
	}
	*flow->rule = *rule;
	flow->from = from;
	return flow;
}

static void
flow_free(struct rte_flow *flow)
{
	rte_free(flow->rule);
	rte_free(flow);
}

static int
install(struct sim_port *p, struct rte_flow *flow)
{
	int ret;

	pthread_mutex_lock(&flow_lock);
	ret = sim_table_add(sim_eswitch_table(&p->nic->esw, flow->from),
			    flow->rule);
	if (ret == 0)
		TAILQ_INSERT_TAIL(&p->flows, flow, next);
	pthread_mutex_unlock(&flow_lock);
	return ret;
}

static struct rte_flow *
flow_create(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
	    const struct rte_flow_item items[],
	    const struct rte_flow_action actions[],
	    struct rte_flow_error *error)
{
	struct sim_port *p = dev->data->dev_private;
	struct rte_flow *flow;
	struct sim_rule rule;
	uint16_t from;
	int ret;

	if (parse_rule(p, attr, items, actions, &rule, &from, error) != 0)
		return NULL;
	flow = flow_alloc(&rule, from);
	ret = flow == NULL ? -ENOMEM : install(p, flow);
	if (ret == 0)
		return flow;
	if (flow != NULL)
		flow_free(flow);
	rte_flow_error_set(error, -ret, RTE_FLOW_ERROR_TYPE_HANDLE, NULL,
			   ret == -EEXIST ? "there is such a rule already" :
			   "no memory for the rule");
	return NULL;
}

/* With flow_lock held. */
static void
uninstall(struct sim_port *p, struct rte_flow *flow)
{
	TAILQ_REMOVE(&p->flows, flow, next);
	sim_table_remove(sim_eswitch_table(&p->nic->esw, flow->from),
			 flow->rule);
	flow_free(flow);
}

static int
flow_destroy(struct rte_eth_dev *dev, struct rte_flow *flow,
	     struct rte_flow_error *error)
{
	RTE_SET_USED(error);
	pthread_mutex_lock(&flow_lock);
	uninstall(dev->data->dev_private, flow);
	pthread_mutex_unlock(&flow_lock);
	return 0;
}

static void
flush(struct sim_port *p)
{
	while (!TAILQ_EMPTY(&p->flows))
		uninstall(p, TAILQ_FIRST(&p->flows));
}

static int
flow_flush(struct rte_eth_dev *dev, struct rte_flow_error *error)
{
	RTE_SET_USED(error);
	pthread_mutex_lock(&flow_lock);
	flush(dev->data->dev_private);
	pthread_mutex_unlock(&flow_lock);
	return 0;
}

static uint64_t
read_counter(uint64_t *counter, bool reset)
{
	return reset ? __atomic_exchange_n(counter, 0, __ATOMIC_RELAXED) :
		__atomic_load_n(counter, __ATOMIC_RELAXED);
}

static int
flow_query(struct rte_eth_dev *dev, struct rte_flow *flow,
	   const struct rte_flow_action *actions, void *data,
	   struct rte_flow_error *error)
{
	struct rte_flow_query_count *count = data;
	bool reset;

	RTE_SET_USED(dev);
	for (; actions->type != RTE_FLOW_ACTION_TYPE_END; actions++) {
		if (actions->type == RTE_FLOW_ACTION_TYPE_VOID)
			continue;
		if (actions->type != RTE_FLOW_ACTION_TYPE_COUNT)
			return rte_flow_error_set(error, ENOTSUP,
					RTE_FLOW_ERROR_TYPE_ACTION, actions,
					"only COUNT can be queried");
		if (!(flow->rule->action.flags & SIM_ACT_COUNT))
			return rte_flow_error_set(error, EINVAL,
					RTE_FLOW_ERROR_TYPE_HANDLE, flow,
					"the rule has no COUNT");
		reset = count->reset;
		count->hits_set = 1;
		count->bytes_set = 1;
		count->hits = read_counter(&flow->rule->hits, reset);
		count->bytes = read_counter(&flow->rule->bytes, reset);
	}
	return 0;
}

static const struct rte_flow_ops flow_ops = {
	.validate = flow_validate,
	.create = flow_create,
	.destroy = flow_destroy,
	.flush = flow_flush,
	.query = flow_query,
};

int
sim_flow_ops_get(struct rte_eth_dev *dev, const struct rte_flow_ops **ops)
{
	const struct sim_port *p = dev->data->dev_private;

	*ops = p->kind == SIM_PORT_VF ? &sim_flow_rss_ops : &flow_ops;
	return 0;
}

void
sim_flow_close(struct sim_port *p)
{
	if (p->kind == SIM_PORT_VF) {
		sim_flow_rss_close(p);
		return;
	}
	pthread_mutex_lock(&flow_lock);
	flush(p);
	pthread_mutex_unlock(&flow_lock);
}
