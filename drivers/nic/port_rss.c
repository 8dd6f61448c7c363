/* SPDX-License-Identifier: Apache-2.0 */

#include <rte_malloc.h>

#include "base/rcu.h"
#include "nic/port_rss.h"

static struct sim_rss *
alloc_rss(const struct sim_port *p)
{
	return rte_zmalloc_socket("simnic_rss", sizeof(struct sim_rss),
				  RTE_CACHE_LINE_SIZE, p->data->numa_node);
}

struct sim_rss *
sim_port_rss_copy(const struct sim_port *p)
{
	struct sim_rss *rss = alloc_rss(p);

	if (rss != NULL && p->rss != NULL)
		*rss = *p->rss;
	else if (rss != NULL)
		sim_rss_set_key(rss, sim_rss_default_key);
	return rss;
}

void
sim_port_rss_publish(struct sim_port *p, struct sim_rss *rss)
{
	struct sim_rss *old = p->rss;

	__atomic_store_n(&p->rss, rss, __ATOMIC_RELEASE);
	if (old == NULL)
		return;
	sim_rcu_synchronize();
	rte_free(old);
}

static int
check_rss_conf(const struct rte_eth_rss_conf *conf)
{
	if (conf->rss_hf & ~SIM_RSS_HF)
		return -EINVAL;
	if (conf->rss_key != NULL && conf->rss_key_len != 0 &&
	    conf->rss_key_len != SIM_RSS_KEY_LEN)
		return -EINVAL;
	return 0;
}

int
sim_port_rss_hash_update(struct rte_eth_dev *dev,
			 struct rte_eth_rss_conf *conf)
{
	struct sim_port *p = dev->data->dev_private;
	int ret = check_rss_conf(conf);
	struct sim_rss *rss;

	if (ret != 0)
		return ret;
	if (p->rss == NULL || !p->rss->of_port)
		return conf->rss_hf == 0 ? 0 : -ENOTSUP;
	rss = sim_port_rss_copy(p);
	if (rss == NULL)
		return -ENOMEM;
	rss->port_hf = conf->rss_hf;
	sim_rss_update_types(rss);
	if (conf->rss_key != NULL)
		sim_rss_set_key(rss, conf->rss_key);
	sim_port_rss_publish(p, rss);
	return 0;
}

int
sim_port_rss_hash_conf_get(struct rte_eth_dev *dev,
			   struct rte_eth_rss_conf *conf)
{
	struct sim_port *p = dev->data->dev_private;

	conf->rss_hf = p->rss == NULL ? 0 : p->rss->port_hf;
	conf->rss_key_len = SIM_RSS_KEY_LEN;
	if (conf->rss_key != NULL)
		memcpy(conf->rss_key, p->rss == NULL ? sim_rss_default_key :
		       p->rss->key, SIM_RSS_KEY_LEN);
	return 0;
}

static int
check_reta(const struct rte_eth_dev *dev,
	   const struct rte_eth_rss_reta_entry64 *conf, uint16_t size)
{
	uint16_t i;

	if (size != SIM_RSS_RETA_SIZE)
		return -EINVAL;
	for (i = 0; i < size; i++) {
		const struct rte_eth_rss_reta_entry64 *e = &conf[i / 64];

		if ((e->mask & (UINT64_C(1) << i % 64)) &&
		    e->reta[i % 64] >= dev->data->nb_rx_queues)
			return -EINVAL;
	}
	return 0;
}

int
sim_port_reta_update(struct rte_eth_dev *dev,
		     struct rte_eth_rss_reta_entry64 *conf, uint16_t size)
{
	struct sim_port *p = dev->data->dev_private;
	int ret = check_reta(dev, conf, size);
	struct sim_rss *rss;
	uint16_t i;

	if (ret != 0)
		return ret;
	if (p->rss == NULL || !p->rss->of_port)
		return -ENOTSUP;
	/* All entries change at once for the datapath. */
	rss = sim_port_rss_copy(p);
	if (rss == NULL)
		return -ENOMEM;
	for (i = 0; i < size; i++) {
		if (conf[i / 64].mask & (UINT64_C(1) << i % 64))
			rss->reta[i] = conf[i / 64].reta[i % 64];
	}
	sim_port_rss_publish(p, rss);
	return 0;
}

int
sim_port_reta_query(struct rte_eth_dev *dev,
		    struct rte_eth_rss_reta_entry64 *conf, uint16_t size)
{
	struct sim_port *p = dev->data->dev_private;
	uint16_t i;

	if (size != SIM_RSS_RETA_SIZE)
		return -EINVAL;
	for (i = 0; i < size; i++) {
		if (conf[i / 64].mask & (UINT64_C(1) << i % 64))
			conf[i / 64].reta[i % 64] =
				p->rss == NULL ? 0 : p->rss->reta[i];
	}
	return 0;
}

int
sim_port_rss_configure(struct rte_eth_dev *dev)
{
	const struct rte_eth_conf *conf = &dev->data->dev_conf;
	const struct rte_eth_rss_conf *rss_conf =
		&conf->rx_adv_conf.rss_conf;
	struct sim_port *p = dev->data->dev_private;
	struct sim_rss *rss = NULL;
	int ret;

	if ((conf->rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG) &&
	    dev->data->nb_rx_queues > 0) {
		ret = check_rss_conf(rss_conf);
		if (ret != 0)
			return ret;
		rss = alloc_rss(p);
		if (rss == NULL)
			return -ENOMEM;
		rss->of_port = true;
		rss->port_hf = rss_conf->rss_hf;
		sim_rss_update_types(rss);
		sim_rss_set_key(rss, rss_conf->rss_key != NULL ?
				rss_conf->rss_key : sim_rss_default_key);
		sim_rss_spread(rss, dev->data->nb_rx_queues);
	}
	sim_port_rss_publish(p, rss);
	return 0;
}
