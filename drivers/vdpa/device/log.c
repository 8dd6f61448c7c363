/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <rte_branch_prediction.h>

#include "vdpa/device/iommu.h"
#include "vdpa/device/log.h"
#include "vdpa/device/regs.h"

/* The byte of the bitmap that has the bit of 'page'; NULL if the bitmap is too
 * short, or cannot be written there. */
static uint8_t *
bitmap_byte(const struct sim_log *log, const struct sim_iommu_table *table,
	    uint64_t page)
{
	const struct sim_iommu_range *r;
	uint64_t iova = log->base + page / 8;

	if (log->end <= log->base || page / 8 >= log->end - log->base)
		return NULL;
	r = sim_iommu_find(table, iova, UINT32_MAX);
	return r == NULL || !r->writable ? NULL : r->va + (iova - r->iova);
}

static inline uint64_t
shadow_index(const struct sim_iommu_range *r, uint64_t page)
{
	return page - (r->iova >> SIM_LM_PAGE_SHIFT);
}

static void
log_page(struct sim_log *log, const struct sim_iommu_table *table,
	 const struct sim_iommu_range *range, uint64_t page)
{
	uint64_t i = shadow_index(range, page);
	uint8_t *byte = bitmap_byte(log, table, page);

	if (!(range->shadow[i / 64] & (UINT64_C(1) << i % 64))) {
		__atomic_fetch_or(&range->shadow[i / 64],
				  UINT64_C(1) << i % 64, __ATOMIC_RELAXED);
		__atomic_fetch_add(&log->pages, 1, __ATOMIC_RELAXED);
	}
	/* Release: whoever clears the bit sees what was written before. */
	if (likely(byte != NULL))
		__atomic_fetch_or(byte, 1u << page % 8, __ATOMIC_RELEASE);
	else
		__atomic_fetch_add(&log->lost, 1, __ATOMIC_RELAXED);
}

void
sim_log_write(struct sim_log *log, const struct sim_iommu_table *table,
	      const struct sim_iommu_range *range, uint64_t iova, uint64_t len)
{
	uint64_t last = (iova + len - 1) >> SIM_LM_PAGE_SHIFT, page;

	for (page = iova >> SIM_LM_PAGE_SHIFT; page <= last; page++)
		log_page(log, table, range, page);
}

static uint64_t
range_pages(const struct sim_iommu_range *r)
{
	return ((r->iova + r->size - 1) >> SIM_LM_PAGE_SHIFT) -
		(r->iova >> SIM_LM_PAGE_SHIFT) + 1;
}

void
sim_log_clear(struct sim_log *log, struct sim_iommu_table *table)
{
	uint32_t i;

	log->pages = 0;
	log->lost = 0;
	for (i = 0; table != NULL && i < table->n; i++)
		memset(table->ranges[i].shadow, 0,
		       (range_pages(&table->ranges[i]) + 63) / 64 * 8);
}

static uint64_t
range_mismatches(const struct sim_log *log,
		 const struct sim_iommu_table *table,
		 const struct sim_iommu_range *r)
{
	uint64_t n = range_pages(r), first = r->iova >> SIM_LM_PAGE_SHIFT;
	uint64_t i, missing = 0;
	const uint8_t *byte;

	for (i = 0; i < n; i++) {
		if (!(r->shadow[i / 64] & (UINT64_C(1) << i % 64)))
			continue;
		byte = bitmap_byte(log, table, first + i);
		if (byte == NULL || !(__atomic_load_n(byte, __ATOMIC_RELAXED) &
				      (1u << (first + i) % 8)))
			missing++;
	}
	return missing;
}

uint64_t
sim_log_mismatches(const struct sim_log *log,
		   const struct sim_iommu_table *table)
{
	uint64_t missing = 0;
	uint32_t i;

	for (i = 0; table != NULL && i < table->n; i++)
		missing += range_mismatches(log, table, &table->ranges[i]);
	return missing;
}
