/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_DMA_H
#define SIM_VDPA_DEVICE_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_branch_prediction.h>

#include "vdpa/device/iommu.h"
#include "vdpa/device/log.h"

/*
 * DMA of a vDPA device, through its IOMMU.  It belongs to the device's engine,
 * inside an RCU section.
 */

/* What the engine sees during one RCU section. */
struct sim_dma {
	const struct sim_iommu_table *table;
	struct sim_log *log;	/* NULL: writes are not logged. */
	uint32_t last;		/* The range that was hit last. */
	bool fail;		/* Fault injection: the next one faults. */
};

/* The process's address of 'iova', to be read or, if 'write', also written,
 * and in '*len' how many bytes follow it there; NULL if there is none. */
static inline void *
sim_dma_translate(struct sim_dma *dma, uint64_t iova, bool write,
		  uint64_t *len)
{
	const struct sim_iommu_range *r;

	if (unlikely(dma->fail)) {
		dma->fail = false;
		return NULL;
	}
	r = sim_iommu_find(dma->table, iova, dma->last);
	if (unlikely(r == NULL || (write && !r->writable)))
		return NULL;
	dma->last = r - dma->table->ranges;
	*len = r->size - (iova - r->iova);
	return r->va + (iova - r->iova);
}

/* True if the 'size' bytes at 'iova', which are more than 'len' at 'va', go on
 * there in other ranges. */
bool sim_dma_goes_on(struct sim_dma *dma, uint64_t iova, bool write,
		     uint64_t size, const void *va, uint64_t len);

/* The same for something that must be in one piece for the process, whatever
 * ranges it is mapped in; NULL if it is not. */
static inline void *
sim_dma_map(struct sim_dma *dma, uint64_t iova, bool write, uint64_t size)
{
	uint64_t len = 0;
	void *va = sim_dma_translate(dma, iova, write, &len);

	if (likely(len >= size))
		return va;
	return va != NULL && sim_dma_goes_on(dma, iova, write, size, va,
					     len) ? va : NULL;
}

/* False if some of it is not mapped. */
bool sim_dma_read(struct sim_dma *dma, void *dst, uint64_t iova, uint64_t len);
/* Likewise.  What was written is logged. */
bool sim_dma_write(struct sim_dma *dma, uint64_t iova, const void *src,
		   uint64_t len);

#endif /* SIM_VDPA_DEVICE_DMA_H */
