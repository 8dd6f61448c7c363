/* SPDX-License-Identifier: Apache-2.0 */

/* net_simvf: a VF of a simulated NIC. */

#include <rte_bus_vdev.h>

#include <ethdev_vdev.h>

#include "base/log.h"
#include "nic/ethdev.h"
#include "vdpa/driver/driver.h"

/* The PF of a VF, with a reference. */
static struct sim_nic *
find_pf(const char *name, const struct sim_vf_args *args)
{
	struct sim_nic *nic;

	sim_nic_lock();
	nic = sim_nic_find(args->pf);
	if (nic == NULL) {
		SIM_LOG(ERR, "%s: pf=%s is not there: probe that PF first",
			name, args->pf);
	} else if (args->vf >= nic->vfs) {
		SIM_LOG(ERR, "%s: vf=%u is out of range: %s has the VFs 0 to "
			"%u", name, args->vf, args->pf, nic->vfs - 1);
		nic = NULL;
	} else {
		nic->refs++;
	}
	sim_nic_unlock();
	return nic;
}

/* An ethdev. */
static int
probe_port(struct rte_vdev_device *vdev, struct sim_nic *nic,
	   const struct sim_vf_args *args)
{
	struct sim_ethdev_params params = {
		.kind = SIM_PORT_VF,
		.nic = nic,
		.vf = args->vf,
		.faults = args->faults,
		.tx_free = args->tx_free,
	};

	return rte_eth_dev_create(&vdev->device, rte_vdev_device_name(vdev),
				  sizeof(struct sim_port), NULL, NULL,
				  sim_ethdev_init, &params);
}

static int
vf_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct sim_vf_args args;
	struct sim_nic *nic;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		SIM_LOG(ERR, "%s: secondary processes are not supported",
			name);
		return -ENOTSUP;
	}
	ret = sim_devargs_parse_vf(name, rte_vdev_device_args(vdev), &args);
	if (ret != 0)
		return ret;
	nic = find_pf(name, &args);
	if (nic == NULL)
		return -ENODEV;
	ret = args.vdpa ? sim_vdpa_probe(&vdev->device, nic, &args) :
		probe_port(vdev, nic, &args);
	/* What was made has a reference of its own. */
	sim_nic_unref(nic);
	return ret;
}

static int
vf_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *dev;
	int ret;

	ret = sim_vdpa_remove(&vdev->device);
	if (ret != -ENOENT)
		return ret;
	dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));
	if (dev != NULL)	/* The application may have closed it. */
		sim_ethdev_remove(dev);
	return 0;
}

/* A vDPA device has an IOMMU of its own, and is told by vhost. */
static int
change_dma(struct rte_vdev_device *vdev, const void *addr, size_t len,
	   bool map)
{
	struct rte_eth_dev *dev;
	int ret;

	dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));
	ret = dev == NULL ? -ENOTSUP : sim_ethdev_dma_map(dev, addr, len, map);
	if (ret == 0)
		return 0;
	rte_errno = -ret;
	return -1;
}

static int
vf_dma_map(struct rte_vdev_device *vdev, void *addr, uint64_t iova, size_t len)
{
	RTE_SET_USED(iova);
	return change_dma(vdev, addr, len, true);
}

static int
vf_dma_unmap(struct rte_vdev_device *vdev, void *addr, uint64_t iova,
	     size_t len)
{
	RTE_SET_USED(iova);
	return change_dma(vdev, addr, len, false);
}

static struct rte_vdev_driver vf_driver = {
	.probe = vf_probe,
	.remove = vf_remove,
	.dma_map = vf_dma_map,
	.dma_unmap = vf_dma_unmap,
};

RTE_PMD_REGISTER_VDEV(net_simvf, vf_driver);
RTE_PMD_REGISTER_PARAM_STRING(net_simvf,
	"pf=<name> "
	"vf=<0-13> "
	"vdpa=<0|1> "
	"queues=<1-16> "
	"sw-live-migration=<0|1> "
	"tx-free=<1-32|1us-65535us|never> "
	"fault=<name>");
