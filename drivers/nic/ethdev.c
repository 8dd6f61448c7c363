/* SPDX-License-Identifier: Apache-2.0 */

/* The operations of a port that ethdev calls. */

#include <rte_malloc.h>

#include "base/log.h"
#include "base/rcu.h"
#include "nic/ethdev.h"
#include "nic/flow.h"
#include "nic/interrupt.h"
#include "nic/port_rss.h"
#include "nic/reach.h"
#include "nic/rx.h"
#include "nic/stats.h"
#include "nic/tx.h"
#include "packet/checksum.h"
#include "packet/lro.h"
#include "packet/offload.h"

#define DEFAULT_DESC 1024
#define DEFAULT_BURST 32

/* What a frame has around the MTU at most: header and two tags. */
#define FRAME_OVERHEAD (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)

static inline struct sim_port *
get_port(const struct rte_eth_dev *dev)
{
	return dev->data->dev_private;
}

/* Link. */

static int
port_link_update(struct rte_eth_dev *dev, int wait __rte_unused)
{
	/* Whoever changes something that matters works the link out at once:
	 * there is nothing to ask. */
	RTE_SET_USED(dev);
	return 0;
}

static int
set_admin(struct rte_eth_dev *dev, bool down)
{
	struct sim_port *p = get_port(dev);

	sim_nic_lock();
	p->admin_down = down;
	sim_nic_update_links(p->nic);
	sim_nic_unlock();
	return 0;
}

static int
port_set_link_up(struct rte_eth_dev *dev)
{
	return set_admin(dev, false);
}

static int
port_set_link_down(struct rte_eth_dev *dev)
{
	return set_admin(dev, true);
}

static int
port_is_removed(struct rte_eth_dev *dev)
{
	return sim_port_has_fault(get_port(dev), SIM_FAULT_REMOVED);
}

/* Configure, start, stop. */

static int
check_rxqs(const struct rte_eth_dev *dev, bool scatter)
{
	uint32_t max_frame = dev->data->mtu + RTE_ETHER_HDR_LEN;
	const struct sim_rxq *q;
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		if (scatter || q->room >= max_frame)
			continue;
		SIM_LOG(ERR, "%s: the mbufs of rx queue %u hold %u bytes, "
			"MTU %u needs %u: use larger mbufs, a smaller MTU or "
			"the scatter offload", dev->data->name, i, q->room,
			dev->data->mtu, max_frame);
		return -EINVAL;
	}
	return 0;
}

/* Two tags are a courtesy: an mbuf need not have room for them. */
static void
set_max_frame(struct sim_rxq *q, uint16_t mtu)
{
	uint32_t max = mtu + FRAME_OVERHEAD;

	if (!q->scatter)
		max = RTE_MIN(max, q->room);
	__atomic_store_n(&q->max_frame, max, __ATOMIC_RELAXED);
}

static void
set_rxqs(struct sim_port *p, bool scatter)
{
	struct rte_eth_dev_data *data = p->data;
	const struct rte_eth_rxmode *mode = &data->dev_conf.rxmode;
	bool lro = mode->offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO;
	uint16_t i;

	for (i = 0; i < data->nb_rx_queues; i++) {
		p->rxq[i] = data->rx_queues[i];
		p->rxq[i]->scatter = scatter;
		p->rxq[i]->max_lro = lro ? mode->max_lro_pkt_size : 0;
		p->rxq[i]->checksum = mode->offloads & SIM_RX_CHECKSUM;
		set_max_frame(p->rxq[i], data->mtu);
		data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
	}
	for (i = 0; i < data->nb_tx_queues; i++)
		data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
	p->n_rxq = data->nb_rx_queues;
	data->scattered_rx = scatter;
}

static int
port_start(struct rte_eth_dev *dev)
{
	bool scatter = (dev->data->dev_conf.rxmode.offloads &
			RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
	struct sim_port *p = get_port(dev);
	int ret;

	ret = check_rxqs(dev, scatter);
	if (ret != 0)
		return ret;
	if (sim_port_has_fault(p, SIM_FAULTS_DEAD))
		return -EIO;
	set_rxqs(p, scatter);
	ret = sim_interrupts_open(p);
	if (ret != 0)
		return ret;
	if (p->kind == SIM_PORT_UPLINK)
		sim_wire_set_mtu(p->nic->wire, dev->data->mtu);
	sim_nic_lock();
	if (p->n_rxq > 0)
		sim_eswitch_attach(&p->nic->esw, p->ep_id, &p->ep);
	p->attached = true;
	sim_nic_update_links(p->nic);
	sim_nic_unlock();
	return 0;
}

static int
port_reset(struct rte_eth_dev *dev)
{
	struct sim_port *p = get_port(dev);

	sim_nic_lock();
	sim_port_set_faults(p, 0, SIM_FAULT_RESET, SIM_ALL_QUEUES);
	sim_nic_unlock();
	return 0;
}

static int
port_stop(struct rte_eth_dev *dev)
{
	struct sim_port *p = get_port(dev);
	uint16_t i;

	sim_nic_lock();
	sim_eswitch_detach(&p->nic->esw, p->ep_id);
	p->attached = false;
	sim_nic_update_links(p->nic);
	sim_nic_unlock();
	/* ethdev has already taken the burst functions away; this waits for
	 * those that were running. */
	sim_rcu_synchronize();
	sim_interrupts_close(p);
	for (i = 0; i < p->n_rxq; i++) {
		sim_rxq_flush(p->rxq[i]);
		dev->data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		sim_tx_stop(dev->data->tx_queues[i]);
		dev->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	}
	p->n_rxq = 0;
	return 0;
}

static void
port_rx_queue_release(struct rte_eth_dev *dev, uint16_t id)
{
	sim_rxq_destroy(dev->data->rx_queues[id]);
	dev->data->rx_queues[id] = NULL;
}

static void
port_tx_queue_release(struct rte_eth_dev *dev, uint16_t id)
{
	sim_txq_destroy(dev->data->tx_queues[id]);
	dev->data->tx_queues[id] = NULL;
}

static int
port_rx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc,
		    unsigned int socket, const struct rte_eth_rxconf *conf,
		    struct rte_mempool *mp)
{
	RTE_SET_USED(conf);
	port_rx_queue_release(dev, id);
	dev->data->rx_queues[id] = sim_rxq_create(get_port(dev), id, nb_desc,
						  socket, mp);
	return dev->data->rx_queues[id] == NULL ? -ENOMEM : 0;
}

static int
port_tx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t nb_desc,
		    unsigned int socket, const struct rte_eth_txconf *conf)
{
	uint64_t offloads = dev->data->dev_conf.txmode.offloads |
		conf->offloads;

	port_tx_queue_release(dev, id);
	dev->data->tx_queues[id] = sim_txq_create(get_port(dev), id, nb_desc,
						  socket, offloads,
						  conf->tx_rs_thresh);
	return dev->data->tx_queues[id] == NULL ? -ENOMEM : 0;
}

static int
port_tx_queue_stop(struct rte_eth_dev *dev, uint16_t id)
{
	if (sim_tx_is_stuck(dev->data->tx_queues[id]))
		return -EIO;
	sim_tx_stop(dev->data->tx_queues[id]);
	dev->data->tx_queue_state[id] = RTE_ETH_QUEUE_STATE_STOPPED;
	return 0;
}

static int
port_tx_queue_start(struct rte_eth_dev *dev, uint16_t id)
{
	dev->data->tx_queue_state[id] = RTE_ETH_QUEUE_STATE_STARTED;
	return 0;
}

/* An uplink that goes must not take its representors' ids with it: they are
 * looked up through their backer. */
static void
orphan_representors(struct sim_nic *nic)
{
	struct sim_port *rep;
	uint16_t k;

	nic->uplink_id = RTE_MAX_ETHPORTS;
	for (k = 0; k < nic->vfs; k++) {
		rep = sim_port_at(nic, SIM_EP_REP(k));
		if (rep != NULL)
			rep->data->backer_port_id = rep->data->port_id;
	}
}

static void
leave_nic(struct sim_port *p)
{
	sim_nic_lock();
	if (p->kind == SIM_PORT_UPLINK)
		orphan_representors(p->nic);
	sim_nic_unplug(p->nic, p->ep_id);
	sim_nic_update_links(p->nic);
	sim_nic_unlock();
}

static int
port_close(struct rte_eth_dev *dev)
{
	struct sim_port *p = get_port(dev);
	uint16_t i;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return 0;
	sim_flow_close(p);
	leave_nic(p);
	sim_port_cancel_events(p);
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		port_rx_queue_release(dev, i);
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		port_tx_queue_release(dev, i);
	rte_free(p->rss);
	p->rss = NULL;
	rte_free(p->reach);
	p->reach = NULL;
	sim_nic_unref(p->nic);
	return 0;
}

/* Addresses and modes. */

static int
set_filter(struct rte_eth_dev *dev, bool filter)
{
	struct sim_port *p = get_port(dev);

	if (!filter && sim_port_has_fault(p, SIM_FAULT_NO_PROMISC))
		return -EPERM;
	/* A representor sees all that its VF sends, whoever it is for. */
	if (p->kind != SIM_PORT_REP)
		__atomic_store_n(&p->filter, filter, __ATOMIC_RELAXED);
	return 0;
}

static int
port_promiscuous_enable(struct rte_eth_dev *dev)
{
	return set_filter(dev, false);
}

static int
port_promiscuous_disable(struct rte_eth_dev *dev)
{
	return set_filter(dev, true);
}

/* The filter looks at ethdev's own flag. */
static int
port_allmulticast_set(struct rte_eth_dev *dev)
{
	RTE_SET_USED(dev);
	return 0;
}

static int
port_mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *addr)
{
	RTE_SET_USED(dev);
	RTE_SET_USED(addr);
	return 0;
}

static int
port_mac_addr_add(struct rte_eth_dev *dev, struct rte_ether_addr *addr,
		  uint32_t index, uint32_t vmdq)
{
	RTE_SET_USED(dev);
	RTE_SET_USED(addr);
	RTE_SET_USED(index);
	return vmdq == 0 ? 0 : -ENOTSUP;
}

static void
port_mac_addr_remove(struct rte_eth_dev *dev, uint32_t index)
{
	RTE_SET_USED(dev);
	RTE_SET_USED(index);
}

static int
port_set_mc_addr_list(struct rte_eth_dev *dev, struct rte_ether_addr *list,
		      uint32_t n)
{
	struct sim_port *p = get_port(dev);

	if (n > SIM_MAX_MACS)
		return -ENOSPC;
	__atomic_store_n(&p->n_mc, 0, __ATOMIC_RELEASE);
	sim_rcu_synchronize();
	if (n > 0)
		memcpy(p->mc, list, n * sizeof(*list));
	__atomic_store_n(&p->n_mc, n, __ATOMIC_RELEASE);
	return 0;
}

static int
port_mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
	struct sim_port *p = get_port(dev);
	bool scatter = dev->data->scattered_rx;
	uint16_t i;

	/* A port that runs takes the new MTU if its mbufs do. */
	if (dev->data->dev_started) {
		for (i = 0; i < p->n_rxq; i++) {
			if (!scatter &&
			    p->rxq[i]->room < mtu + RTE_ETHER_HDR_LEN)
				return -EINVAL;
		}
		for (i = 0; i < p->n_rxq; i++)
			set_max_frame(p->rxq[i], mtu);
	}
	if (p->kind == SIM_PORT_UPLINK && p->nic->wire != NULL)
		sim_wire_set_mtu(p->nic->wire, mtu);
	return 0;
}

/* Information. */

static void
fill_capabilities(struct rte_eth_dev_info *info)
{
	info->min_rx_bufsize = 64;
	info->max_rx_pktlen = SIM_MAX_FRAME;
	info->min_mtu = RTE_ETHER_MIN_MTU;
	info->max_mtu = SIM_MAX_MTU;
	info->max_mac_addrs = SIM_MAX_MACS;
	info->speed_capa = RTE_ETH_LINK_SPEED_100G;
	info->rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER |
		RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_RSS_HASH;
	info->max_lro_pkt_size = SIM_MAX_LRO;
	info->tx_offload_capa = SIM_TX_OFFLOADS;
	info->tx_queue_offload_capa = 0;
	info->reta_size = SIM_RSS_RETA_SIZE;
	info->hash_key_size = SIM_RSS_KEY_LEN;
	info->flow_type_rss_offloads = SIM_RSS_HF;
	info->rx_desc_lim.nb_max = SIM_MAX_DESC;
	info->rx_desc_lim.nb_min = SIM_MIN_DESC;
	info->rx_desc_lim.nb_align = 1;
	info->tx_desc_lim = info->rx_desc_lim;
	info->tx_desc_lim.nb_seg_max = UINT16_MAX;
	info->tx_desc_lim.nb_mtu_seg_max = UINT16_MAX;
	info->default_rxportconf.ring_size = DEFAULT_DESC;
	info->default_rxportconf.burst_size = DEFAULT_BURST;
	info->default_rxportconf.nb_queues = 1;
	info->default_txportconf = info->default_rxportconf;
}

static int
port_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	struct sim_port *p = get_port(dev);

	fill_capabilities(info);
	if (p->kind == SIM_PORT_VF)
		info->rx_offload_capa |= SIM_RX_CHECKSUM;
	if (p->tx_free.mode == SIM_TX_FREE_GROUPS)
		info->default_txconf.tx_rs_thresh = p->tx_free.n;
	info->max_rx_queues = p->nic->queues;
	info->max_tx_queues = p->nic->queues;
	/* The two ends of a cable are one port of the switch: by this an
	 * application knows which representor is a VF's. */
	info->switch_info.name = p->nic->name;
	info->switch_info.domain_id = p->nic->domain;
	info->switch_info.port_id = p->kind == SIM_PORT_UPLINK ? UINT16_MAX :
		p->vf;
	return 0;
}

static void
port_rxq_info_get(struct rte_eth_dev *dev, uint16_t id,
		  struct rte_eth_rxq_info *info)
{
	const struct sim_rxq *q = dev->data->rx_queues[id];

	info->mp = q->mp;
	info->nb_desc = q->nb_desc;
	info->scattered_rx = q->scatter;
	info->rx_buf_size = q->room;
}

static void
port_txq_info_get(struct rte_eth_dev *dev, uint16_t id,
		  struct rte_eth_txq_info *info)
{
	const struct sim_txq *q = dev->data->tx_queues[id];

	info->nb_desc = q->nb_desc;
	info->conf.offloads = dev->data->dev_conf.txmode.offloads;
}

static int
port_representor_info_get(struct rte_eth_dev *dev,
			  struct rte_eth_representor_info *info)
{
	struct sim_port *p = get_port(dev);

	if (p->kind == SIM_PORT_VF)
		return -ENOTSUP;
	if (info == NULL)
		return 1;
	info->controller = 0;
	info->pf = 0;
	info->nb_ranges = 0;
	if (info->nb_ranges_alloc == 0)
		return 1;
	info->nb_ranges = 1;
	info->ranges[0] = (struct rte_eth_representor_range) {
		.type = RTE_ETH_REPRESENTOR_VF,
		.id_base = 0,
		.id_end = p->nic->vfs - 1,
		.name = "pf0vf",
	};
	return 1;
}

SIM_STATS_GET_OP(port_stats_get, sim_stats_get)

static const struct eth_dev_ops port_ops = {
	.dev_configure = sim_port_rss_configure,
	.dev_start = port_start,
	.dev_stop = port_stop,
	.dev_close = port_close,
	.dev_reset = port_reset,
	.dev_set_link_up = port_set_link_up,
	.dev_set_link_down = port_set_link_down,
	.link_update = port_link_update,
	.is_removed = port_is_removed,
	.promiscuous_enable = port_promiscuous_enable,
	.promiscuous_disable = port_promiscuous_disable,
	.allmulticast_enable = port_allmulticast_set,
	.allmulticast_disable = port_allmulticast_set,
	.mac_addr_set = port_mac_addr_set,
	.mac_addr_add = port_mac_addr_add,
	.mac_addr_remove = port_mac_addr_remove,
	.set_mc_addr_list = port_set_mc_addr_list,
	.mtu_set = port_mtu_set,
	.stats_get = port_stats_get,
	.stats_reset = sim_stats_reset,
	.xstats_get = sim_xstats_get,
	.xstats_get_names = sim_xstats_get_names,
	.xstats_reset = sim_stats_reset,
	.dev_infos_get = port_infos_get,
	.rxq_info_get = port_rxq_info_get,
	.txq_info_get = port_txq_info_get,
	.rx_queue_setup = port_rx_queue_setup,
	.rx_queue_release = port_rx_queue_release,
	.rx_queue_intr_enable = sim_interrupt_enable,
	.rx_queue_intr_disable = sim_interrupt_disable,
	.tx_queue_setup = port_tx_queue_setup,
	.tx_queue_release = port_tx_queue_release,
	.tx_queue_start = port_tx_queue_start,
	.tx_queue_stop = port_tx_queue_stop,
	.tx_done_cleanup = sim_tx_done_cleanup,
	.rss_hash_update = sim_port_rss_hash_update,
	.rss_hash_conf_get = sim_port_rss_hash_conf_get,
	.reta_update = sim_port_reta_update,
	.reta_query = sim_port_reta_query,
	.representor_info_get = port_representor_info_get,
	.flow_ops_get = sim_flow_ops_get,
};

int
sim_ethdev_dma_map(struct rte_eth_dev *dev, const void *addr, size_t len,
		   bool map)
{
	struct sim_port *p = get_port(dev);
	struct sim_reach *old, *new;
	int ret = 0;

	sim_nic_lock();
	old = p->reach;
	new = map ? sim_reach_add(old, addr, len) :
		sim_reach_remove(old, addr, len);
	if (new == NULL) {
		ret = -rte_errno;
	} else {
		__atomic_store_n(&p->reach, new, __ATOMIC_RELEASE);
	}
	sim_nic_unlock();
	if (ret == 0) {
		sim_rcu_synchronize();
		rte_free(old);
	}
	return ret;
}

/* Creation and removal. */

static void
init_fields(struct sim_port *p, struct rte_eth_dev *dev,
	    const struct sim_ethdev_params *params)
{
	p->ep.receive = sim_rx_receive;
	p->dev = dev;
	p->data = dev->data;
	p->nic = params->nic;
	p->kind = params->kind;
	p->vf = params->vf;
	p->tx_free = params->tx_free;
	p->ep_id = sim_nic_endpoint(p->kind, p->vf);
	p->plug.ops = &sim_port_plug_ops;
	p->plug.name = dev->data->name;
	sim_faults_put(&p->faults, params->faults, SIM_ALL_QUEUES);
	p->filter = p->kind != SIM_PORT_REP;
	TAILQ_INIT(&p->flows);
}

static int
init_data(struct rte_eth_dev *dev, const struct sim_port *p)
{
	struct rte_eth_dev_data *data = dev->data;

	data->mac_addrs = rte_zmalloc("simnic_macs", SIM_MAX_MACS *
				      sizeof(*data->mac_addrs), 0);
	if (data->mac_addrs == NULL)
		return -ENOMEM;
	data->mac_addrs[0] = sim_nic_mac(p->nic, p->kind, p->vf);
	data->numa_node = SOCKET_ID_ANY;
	data->dev_flags |= RTE_ETH_DEV_INTR_LSC | RTE_ETH_DEV_INTR_RMV |
		RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	data->dev_link.link_autoneg = RTE_ETH_LINK_FIXED;
	if (p->kind == SIM_PORT_REP) {
		data->dev_flags |= RTE_ETH_DEV_REPRESENTOR;
		data->representor_id = p->vf;
		data->backer_port_id = p->nic->uplink_id < RTE_MAX_ETHPORTS ?
			p->nic->uplink_id : data->port_id;
	}
	return 0;
}

static void
init_functions(struct rte_eth_dev *dev, const struct sim_port *p)
{
	bool tap = p->kind == SIM_PORT_UPLINK &&
		sim_wire_kind(p->nic->wire) == SIM_WIRE_TAP;

	dev->dev_ops = &port_ops;
	dev->rx_pkt_burst = tap ? sim_rx_burst_wire : sim_rx_burst;
	dev->tx_pkt_burst = sim_tx_burst;
	dev->tx_pkt_prepare = sim_tx_prepare;
	dev->rx_queue_count = sim_rx_queue_count;
	dev->rx_descriptor_status = sim_rx_descriptor_status;
	dev->tx_descriptor_status = sim_tx_descriptor_status;
}

int
sim_ethdev_init(struct rte_eth_dev *dev, void *arg)
{
	const struct sim_ethdev_params *params = arg;
	struct sim_port *p = get_port(dev);
	int ret;

	init_fields(p, dev, params);
	ret = init_data(dev, p);
	if (ret != 0)
		return ret;	/* ethdev frees what the port has. */
	init_functions(dev, p);

	sim_nic_lock();
	ret = sim_nic_plug(p->nic, p->ep_id, &p->plug);
	if (ret == 0 && params->faults != 0)
		sim_port_set_faults(p, 0, 0, SIM_ALL_QUEUES);
	sim_nic_unlock();
	if (ret != 0)
		SIM_LOG(ERR, "%s: VF %u of %s is in use already: a VF has one "
			"owner at a time", dev->data->name, p->vf,
			p->nic->name);
	return ret;
}

void
sim_ethdev_remove(struct rte_eth_dev *dev)
{
	uint16_t id = dev->data->port_id;

	if (dev->data->dev_started)
		rte_eth_dev_stop(id);
	rte_eth_dev_close(id);
}
