/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <rte_common.h>

#include "vdpa/device/dma.h"

bool
sim_dma_goes_on(struct sim_dma *dma, uint64_t iova, bool write, uint64_t size,
		const void *va, uint64_t len)
{
	uint64_t more = 0;

	for (; len < size; len += more) {
		if (sim_dma_translate(dma, iova + len, write, &more) !=
		    RTE_PTR_ADD(va, len))
			return false;
	}
	return true;
}

bool
sim_dma_read(struct sim_dma *dma, void *dst, uint64_t iova, uint64_t len)
{
	uint64_t chunk;
	const void *va;

	while (len > 0) {
		va = sim_dma_translate(dma, iova, false, &chunk);
		if (unlikely(va == NULL))
			return false;
		chunk = RTE_MIN(chunk, len);
		memcpy(dst, va, chunk);
		dst = RTE_PTR_ADD(dst, chunk);
		iova += chunk;
		len -= chunk;
	}
	return true;
}

bool
sim_dma_write(struct sim_dma *dma, uint64_t iova, const void *src,
	      uint64_t len)
{
	uint64_t chunk;
	void *va;

	while (len > 0) {
		va = sim_dma_translate(dma, iova, true, &chunk);
		if (unlikely(va == NULL))
			return false;
		chunk = RTE_MIN(chunk, len);
		memcpy(va, src, chunk);
		if (unlikely(dma->log != NULL))
			sim_log_write(dma->log, dma->table,
				      &dma->table->ranges[dma->last], iova,
				      chunk);
		src = RTE_PTR_ADD(src, chunk);
		iova += chunk;
		len -= chunk;
	}
	return true;
}
