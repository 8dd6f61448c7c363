/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "base/rcu.h"
#include "vdpa/device/iommu.h"
#include "vdpa/device/regs.h"

static uint64_t *
shadow_create(uint64_t iova, uint64_t size)
{
	uint64_t first = iova >> SIM_LM_PAGE_SHIFT;
	uint64_t last = (iova + size - 1) >> SIM_LM_PAGE_SHIFT;

	return calloc((last - first) / 64 + 1, sizeof(uint64_t));
}

static struct sim_iommu_table *
table_create(uint32_t n)
{
	struct sim_iommu_table *t;

	t = malloc(sizeof(*t) + n * sizeof(t->ranges[0]));
	if (t != NULL)
		t->n = n;
	return t;
}

static void
publish(struct sim_iommu *iommu, struct sim_iommu_table *table)
{
	struct sim_iommu_table *old = iommu->table;

	__atomic_store_n(&iommu->table, table, __ATOMIC_RELEASE);
	if (old == NULL)
		return;
	sim_rcu_synchronize();
	free(old);
}

int
sim_iommu_map(struct sim_iommu *iommu, uint64_t iova, void *va, uint64_t size,
	      bool writable)
{
	const struct sim_iommu_table *old = iommu->table;
	uint32_t n = old == NULL ? 0 : old->n, pos = 0;
	struct sim_iommu_table *new;
	uint64_t *shadow;

	if (size == 0 || iova + size < iova || va == NULL)
		return -EINVAL;
	while (pos < n && old->ranges[pos].iova < iova)
		pos++;
	if ((pos > 0 && old->ranges[pos - 1].iova +
	     old->ranges[pos - 1].size > iova) ||
	    (pos < n && old->ranges[pos].iova < iova + size))
		return -EEXIST;
	if (n == SIM_IOMMU_MAX_RANGES)
		return -ENOSPC;
	shadow = shadow_create(iova, size);
	new = table_create(n + 1);
	if (shadow == NULL || new == NULL) {
		free(shadow);
		free(new);
		return -ENOMEM;
	}
	if (pos > 0)
		memcpy(new->ranges, old->ranges, pos * sizeof(new->ranges[0]));
	new->ranges[pos] = (struct sim_iommu_range) {
		.iova = iova, .size = size, .va = va, .writable = writable,
		.shadow = shadow,
	};
	if (pos < n)
		memcpy(&new->ranges[pos + 1], &old->ranges[pos],
		       (n - pos) * sizeof(new->ranges[0]));
	publish(iommu, new);
	return 0;
}

/* The last range goes without a new table, so that unmapping never fails for
 * want of memory where it counts: see sim_iommu_unmap_all(). */
int
sim_iommu_unmap(struct sim_iommu *iommu, uint64_t iova, uint64_t size)
{
	const struct sim_iommu_table *old = iommu->table;
	struct sim_iommu_table *new = NULL;
	uint64_t *shadow;
	uint32_t pos = 0;

	while (old != NULL && pos < old->n && old->ranges[pos].iova != iova)
		pos++;
	if (old == NULL || pos == old->n || old->ranges[pos].size != size)
		return -ENOENT;
	shadow = old->ranges[pos].shadow;
	if (old->n > 1) {
		new = table_create(old->n - 1);
		if (new == NULL)
			return -ENOMEM;
		memcpy(new->ranges, old->ranges, pos * sizeof(new->ranges[0]));
		memcpy(&new->ranges[pos], &old->ranges[pos + 1],
		       (new->n - pos) * sizeof(new->ranges[0]));
	}
	publish(iommu, new);
	free(shadow);
	return 0;
}

void
sim_iommu_unmap_all(struct sim_iommu *iommu)
{
	struct sim_iommu_table *old = iommu->table;
	uint32_t i;

	if (old == NULL)
		return;
	__atomic_store_n(&iommu->table, NULL, __ATOMIC_RELEASE);
	sim_rcu_synchronize();
	for (i = 0; i < old->n; i++)
		free(old->ranges[i].shadow);
	free(old);
}

static inline bool
holds(const struct sim_iommu_range *r, uint64_t iova)
{
	return iova - r->iova < r->size;
}

const struct sim_iommu_range *
sim_iommu_find(const struct sim_iommu_table *table, uint64_t iova,
	       uint32_t hint)
{
	uint32_t low = 0, high, mid;

	if (unlikely(table == NULL))
		return NULL;
	if (likely(hint < table->n && holds(&table->ranges[hint], iova)))
		return &table->ranges[hint];
	for (high = table->n; low < high;) {
		mid = (low + high) / 2;
		if (holds(&table->ranges[mid], iova))
			return &table->ranges[mid];
		if (table->ranges[mid].iova < iova)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}
