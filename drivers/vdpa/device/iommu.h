/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_IOMMU_H
#define SIM_VDPA_DEVICE_IOMMU_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The IOMMU of one vDPA device.
 *
 * What the device may access are ranges of IO virtual addresses (IOVA), each
 * with the process's memory behind it.  Everything else faults: the access
 * does not happen.
 *
 * Threads: map and unmap belong to the control path and are serialised by the
 * caller.  DMA belongs to the device's engine, inside an RCU section; when
 * unmap returns, no DMA to the range is under way any more.
 */

#define SIM_IOMMU_MAX_RANGES 4096

struct sim_iommu_range {
	uint64_t iova;
	uint64_t size;
	uint8_t *va;
	bool writable;
	uint64_t *shadow;	/* A bit per page: see log.h. */
};

struct sim_iommu_table {
	uint32_t n;
	struct sim_iommu_range ranges[];	/* Sorted, no overlap. */
};

struct sim_iommu {
	struct sim_iommu_table *table;	/* Under RCU; NULL: nothing mapped. */
};

/* What is not 'writable' the device may read only.  0; -EINVAL for a range that
 * is empty or wraps around, -EEXIST for one that overlaps another, -ENOSPC or
 * -ENOMEM. */
int sim_iommu_map(struct sim_iommu *iommu, uint64_t iova, void *va,
		  uint64_t size, bool writable);
/* 0, or -ENOENT if exactly this range was not mapped. */
int sim_iommu_unmap(struct sim_iommu *iommu, uint64_t iova, uint64_t size);
void sim_iommu_unmap_all(struct sim_iommu *iommu);

/* The range that 'iova' is in, first looked for at number 'hint'; NULL if
 * there is none. */
const struct sim_iommu_range *
sim_iommu_find(const struct sim_iommu_table *table, uint64_t iova,
	       uint32_t hint);

#endif /* SIM_VDPA_DEVICE_IOMMU_H */
