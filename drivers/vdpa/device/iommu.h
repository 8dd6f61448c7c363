/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_IOMMU_H
#define SIM_VDPA_DEVICE_IOMMU_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>

#include "vdpa/device/log.h"

/*
 * The IOMMU of one vDPA device, and DMA through it.
 *
 * What the device may access are ranges of IO virtual addresses (IOVA), each
 * with the process's memory behind it.  Everything else faults: the access
 * does not happen.
 *
 * Threads: map and unmap belong to the control path and are serialised by the
 * caller.  DMA belongs to the device's engine, inside an RCU section; when
 * unmap returns, no DMA to the range is under way any more.
 */

#define SIM_IOMMU_MAX_RANGES 256

struct sim_iommu_range {
	uint64_t iova;
	uint64_t size;
	uint8_t *va;
	uint64_t *shadow;	/* A bit per page: see log.h. */
};

struct sim_iommu_table {
	uint32_t n;
	struct sim_iommu_range ranges[];	/* Sorted, no overlap. */
};

struct sim_iommu {
	struct sim_iommu_table *table;	/* Under RCU; NULL: nothing mapped. */
};

/* 0; -EINVAL for a range that is empty or wraps around, -EEXIST for one that
 * overlaps another, -ENOSPC or -ENOMEM. */
int sim_iommu_map(struct sim_iommu *iommu, uint64_t iova, void *va,
		  uint64_t size);
/* 0, or -ENOENT if exactly this range was not mapped. */
int sim_iommu_unmap(struct sim_iommu *iommu, uint64_t iova, uint64_t size);
void sim_iommu_unmap_all(struct sim_iommu *iommu);

/* DMA. */

/* What the engine sees during one RCU section. */
struct sim_dma {
	const struct sim_iommu_table *table;
	struct sim_log *log;	/* NULL: writes are not logged. */
	uint32_t last;		/* The range that was hit last. */
	bool fail;		/* Fault injection: the next one faults. */
};

/* The process's address of 'iova', and in '*len' how many bytes follow it
 * there; NULL if there is none. */
const struct sim_iommu_range *
sim_iommu_find(const struct sim_iommu_table *table, uint64_t iova,
	       uint32_t hint);

static inline void *
sim_dma_translate(struct sim_dma *dma, uint64_t iova, uint64_t *len)
{
	const struct sim_iommu_range *r;

	if (unlikely(dma->fail)) {
		dma->fail = false;
		return NULL;
	}
	r = sim_iommu_find(dma->table, iova, dma->last);
	if (unlikely(r == NULL))
		return NULL;
	dma->last = r - dma->table->ranges;
	*len = r->size - (iova - r->iova);
	return r->va + (iova - r->iova);
}

/* The same for something that must lie in one piece; NULL if it does not. */
static inline void *
sim_dma_map(struct sim_dma *dma, uint64_t iova, uint64_t size)
{
	uint64_t len = 0;
	void *va = sim_dma_translate(dma, iova, &len);

	return len >= size ? va : NULL;
}

/* False if some of it is not mapped. */
bool sim_dma_read(struct sim_dma *dma, void *dst, uint64_t iova, uint64_t len);
/* Likewise.  What was written is logged. */
bool sim_dma_write(struct sim_dma *dma, uint64_t iova, const void *src,
		   uint64_t len);

#endif /* SIM_VDPA_DEVICE_IOMMU_H */
