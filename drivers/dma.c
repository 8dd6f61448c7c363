/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dma_sim: a DMA engine that takes its time and that fails when it is told to,
 * for tests of who uses one.
 *
 * It copies in the thread that asks what is finished, so that nothing is
 * written behind anybody's back, also not by an engine that is stopped with
 * copies under way.  Addresses are virtual ones.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_kvargs.h>
#include <rte_malloc.h>

#include <bus_vdev_driver.h>
#include <rte_dmadev_pmd.h>

#include "compat.h"
#include "base/log.h"

#define MIN_DESC 32
#define MAX_DESC 4096

struct copy {
	const void *src;
	void *dst;
	uint64_t since;			/* In TSC cycles. */
	uint32_t len;
};

struct sim_dma {
	uint64_t delay;			/* Of a copy, in us. */
	uint64_t fail_after;		/* All but so many copies fail, */
	uint64_t stuck_after;		/* or are never finished. */
	uint64_t n_done;
	struct rte_dma_stats stats;
	struct copy *copies;
	uint16_t n_desc;		/* A power of 2. */
	uint16_t next;			/* Numbers of copies, modulo 2^16: the */
	uint16_t first;			/* next one, the oldest under way. */
};

static int
dma_info_get(const struct rte_dma_dev *dev, struct rte_dma_info *info,
	     uint32_t size)
{
	RTE_SET_USED(dev);
	RTE_SET_USED(size);
	info->dev_capa = RTE_DMA_CAPA_MEM_TO_MEM | RTE_DMA_CAPA_SVA |
		RTE_DMA_CAPA_OPS_COPY;
	info->max_vchans = 1;
	info->min_desc = MIN_DESC;
	info->max_desc = MAX_DESC;
	return 0;
}

static int
dma_configure(struct rte_dma_dev *dev, const struct rte_dma_conf *conf,
	      uint32_t size)
{
	RTE_SET_USED(dev);
	RTE_SET_USED(conf);
	RTE_SET_USED(size);
	return 0;
}

static int
dma_vchan_setup(struct rte_dma_dev *dev, uint16_t vchan,
		const struct rte_dma_vchan_conf *conf, uint32_t size)
{
	struct sim_dma *d = dev->data->dev_private;

	RTE_SET_USED(vchan);
	RTE_SET_USED(size);
	rte_free(d->copies);
	d->n_desc = rte_align32pow2(conf->nb_desc);
	d->copies = rte_calloc("simnic_dma", d->n_desc, sizeof(*d->copies), 0);
	return d->copies == NULL ? -ENOMEM : 0;
}

static int
dma_start(struct rte_dma_dev *dev)
{
	struct sim_dma *d = dev->data->dev_private;

	d->next = d->first = 0;
	memset(&d->stats, 0, sizeof(d->stats));
	return d->copies == NULL ? -EINVAL : 0;
}

static int
dma_stop(struct rte_dma_dev *dev)
{
	RTE_SET_USED(dev);
	return 0;
}

static int
dma_close(struct rte_dma_dev *dev)
{
	struct sim_dma *d = dev->data->dev_private;

	rte_free(d->copies);
	d->copies = NULL;
	return 0;
}

/* By which the vhost library sees whether there are copies under way. */
static int
dma_stats_get(const struct rte_dma_dev *dev, uint16_t vchan,
	      struct rte_dma_stats *stats, uint32_t size)
{
	const struct sim_dma *d = dev->data->dev_private;

	RTE_SET_USED(vchan);
	RTE_SET_USED(size);
	*stats = d->stats;
	return 0;
}

static int
dma_stats_reset(struct rte_dma_dev *dev, uint16_t vchan)
{
	struct sim_dma *d = dev->data->dev_private;

	RTE_SET_USED(vchan);
	memset(&d->stats, 0, sizeof(d->stats));
	return 0;
}

static int
dma_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst,
	 uint32_t len, uint64_t flags)
{
	struct sim_dma *d = dev_private;
	struct copy *c = &d->copies[d->next & (d->n_desc - 1)];

	RTE_SET_USED(vchan);
	RTE_SET_USED(flags);
	if ((uint16_t)(d->next - d->first) >= d->n_desc)
		return -ENOSPC;
	c->src = (const void *)(uintptr_t)src;
	c->dst = (void *)(uintptr_t)dst;
	c->len = len;
	c->since = rte_get_tsc_cycles();
	d->stats.submitted++;
	return d->next++;
}

static int
dma_submit(void *dev_private, uint16_t vchan)
{
	RTE_SET_USED(dev_private);
	RTE_SET_USED(vchan);
	return 0;
}

/* Finishes the oldest copy, if it is time and it does not fail. */
static bool
finish_one(struct sim_dma *d)
{
	const struct copy *c = &d->copies[d->first & (d->n_desc - 1)];
	uint64_t delay = d->delay * rte_get_tsc_hz() / 1000000;

	if (d->first == d->next || d->n_done >= d->stuck_after ||
	    d->n_done >= d->fail_after ||
	    rte_get_tsc_cycles() - c->since < delay)
		return false;
	memcpy(c->dst, c->src, c->len);
	d->n_done++;
	d->stats.completed++;
	d->first++;
	return true;
}

static inline bool
has_failed(const struct sim_dma *d)
{
	return d->first != d->next && d->n_done < d->stuck_after &&
		d->n_done >= d->fail_after;
}

static uint16_t
dma_completed(void *dev_private, uint16_t vchan, const uint16_t max,
	      uint16_t *last, bool *has_error)
{
	struct sim_dma *d = dev_private;
	uint16_t n = 0;

	RTE_SET_USED(vchan);
	while (n < max && finish_one(d))
		n++;
	*has_error = n < max && has_failed(d);
	*last = d->first - 1;
	return n;
}

static uint16_t
dma_completed_status(void *dev_private, uint16_t vchan, const uint16_t max,
		     uint16_t *last, enum rte_dma_status_code *status)
{
	struct sim_dma *d = dev_private;
	uint16_t n = 0;

	RTE_SET_USED(vchan);
	while (n < max) {
		if (finish_one(d)) {
			status[n++] = RTE_DMA_STATUS_SUCCESSFUL;
		} else if (has_failed(d)) {
			status[n++] = RTE_DMA_STATUS_ERROR_UNKNOWN;
			d->stats.completed++;
			d->stats.errors++;
			d->first++;
		} else {
			break;
		}
	}
	*last = d->first - 1;
	return n;
}

static uint16_t
dma_burst_capacity(const void *dev_private, uint16_t vchan)
{
	const struct sim_dma *d = dev_private;

	RTE_SET_USED(vchan);
	return d->n_desc - (uint16_t)(d->next - d->first);
}

static const struct rte_dma_dev_ops dma_ops = {
	.dev_info_get = dma_info_get,
	.dev_configure = dma_configure,
	.dev_start = dma_start,
	.dev_stop = dma_stop,
	.dev_close = dma_close,
	.vchan_setup = dma_vchan_setup,
	.stats_get = dma_stats_get,
	.stats_reset = dma_stats_reset,
};

/* Arguments. */

static int
parse_number(const char *key, const char *value, void *n)
{
	char *end;

	if (value != NULL && *value >= '0' && *value <= '9') {
		*(uint64_t *)n = strtoull(value, &end, 10);
		if (*end == '\0')
			return 0;
	}
	SIM_LOG(ERR, "%s=%s is not valid: give a number", key,
		value == NULL ? "" : value);
	return -EINVAL;
}

static int
parse_args(const char *args, struct sim_dma *d)
{
	static const char * const keys[] = {
		"delay", "fail-after", "stuck-after", NULL
	};
	uint64_t *values[] = { &d->delay, &d->fail_after, &d->stuck_after };
	struct rte_kvargs *kv = rte_kvargs_parse(args, keys);
	unsigned int i;
	int ret = 0;

	if (kv == NULL) {
		SIM_LOG(ERR, "\"%s\" is not valid: a DMA engine takes delay, "
			"fail-after and stuck-after", args);
		return -EINVAL;
	}
	for (i = 0; i < RTE_DIM(values) && ret == 0; i++)
		ret = rte_kvargs_process(kv, keys[i], parse_number, values[i]);
	rte_kvargs_free(kv);
	return ret;
}

static int
dma_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct sim_dma args = { .fail_after = UINT64_MAX,
				.stuck_after = UINT64_MAX };
	struct rte_dma_dev *dev;
	struct sim_dma *d;
	int ret;

	if (!sim_dpdk_is_ours())
		return -ENOTSUP;
	ret = parse_args(rte_vdev_device_args(vdev), &args);
	if (ret != 0)
		return ret;
	dev = rte_dma_pmd_allocate(name, SOCKET_ID_ANY, sizeof(args));
	if (dev == NULL)
		return -ENOMEM;
	d = dev->data->dev_private;
	*d = args;
	dev->device = &vdev->device;
	dev->dev_ops = &dma_ops;
	dev->fp_obj->dev_private = d;
	dev->fp_obj->copy = dma_copy;
	dev->fp_obj->submit = dma_submit;
	dev->fp_obj->completed = dma_completed;
	dev->fp_obj->completed_status = dma_completed_status;
	dev->fp_obj->burst_capacity = dma_burst_capacity;
	dev->state = RTE_DMA_DEV_READY;
	return 0;
}

static int
dma_remove(struct rte_vdev_device *vdev)
{
	return rte_dma_pmd_release(rte_vdev_device_name(vdev));
}

static struct rte_vdev_driver dma_driver = {
	.probe = dma_probe,
	.remove = dma_remove,
};

RTE_PMD_REGISTER_VDEV(dma_sim, dma_driver);
RTE_PMD_REGISTER_PARAM_STRING(dma_sim,
	"delay=<us> "
	"fail-after=<copies> "
	"stuck-after=<copies>");
