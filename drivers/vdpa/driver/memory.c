/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_common.h>
#include <rte_eal_paging.h>
#include <rte_vhost.h>

#include "base/log.h"
#include "vdpa/driver/memory.h"

/* Where the guest's memory ends is a multiple of this. */
#define END_ALIGN (UINT64_C(1) << 21)

/* Whether the library's pointer leads anywhere.  After a memory table that it
 * could not map the library has no guest memory, but still believes that it
 * is ready, and rte_vhost_get_mem_table() would crash. */
static bool
is_mapped(void *p)
{
	size_t page = rte_mem_page_size();
	unsigned char vec;

	return p != NULL && mincore(RTE_PTR_ALIGN_FLOOR(p, page), page,
				    &vec) == 0;
}

int
sim_vdpa_memory_map(struct sim_vdpa *v)
{
	const struct rte_vhost_mem_region *r;
	struct rte_vhost_vring vring;
	uint32_t i;
	int ret;

	if (rte_vhost_get_vhost_vring(v->vid, 0, &vring) != 0 ||
	    !is_mapped(vring.desc) ||
	    rte_vhost_get_mem_table(v->vid, &v->mem) != 0) {
		SIM_LOG(ERR, "%s: the guest has no memory", sim_vdpa_name(v));
		return -EFAULT;
	}
	for (i = 0; i < v->mem->nregions; i++) {
		r = &v->mem->regions[i];
		ret = sim_vdpa_dev_map(v->dev, r->guest_phys_addr,
				       (void *)(uintptr_t)r->host_user_addr,
				       r->size, true);
		if (ret == 0)
			continue;
		SIM_LOG(ERR, "%s: cannot map the guest's memory at 0x%" PRIx64
			", 0x%" PRIx64 " bytes: %s", sim_vdpa_name(v),
			r->guest_phys_addr, r->size, strerror(-ret));
		return ret;
	}
	return 0;
}

void
sim_vdpa_memory_unmap(struct sim_vdpa *v)
{
	sim_vdpa_dev_unmap_all(v->dev);
	free(v->mem);
	v->mem = NULL;
}

bool
sim_vdpa_memory_iova(const struct sim_vdpa *v, const void *p, uint64_t len,
		     uint64_t *iova)
{
	uint64_t off, va = (uint64_t)(uintptr_t)p;
	const struct rte_vhost_mem_region *r;
	uint32_t i;

	for (i = 0; p != NULL && i < v->mem->nregions; i++) {
		r = &v->mem->regions[i];
		off = va - r->host_user_addr;
		if (off < r->size && len <= r->size - off) {
			*iova = off + r->guest_phys_addr;
			return true;
		}
	}
	return false;
}

/* The region that 'iova' is in. */
static const struct rte_vhost_mem_region *
find_region(const struct sim_vdpa *v, uint64_t iova)
{
	const struct rte_vhost_mem_region *r;
	uint32_t i;

	for (i = 0; i < v->mem->nregions; i++) {
		r = &v->mem->regions[i];
		if (iova - r->guest_phys_addr < r->size)
			return r;
	}
	return NULL;
}

bool
sim_vdpa_memory_read(const struct sim_vdpa *v, void *dst, uint64_t iova,
		     uint64_t len)
{
	const struct rte_vhost_mem_region *r;
	uint64_t off, chunk;

	for (; len > 0; len -= chunk, iova += chunk) {
		r = find_region(v, iova);
		if (r == NULL)
			return false;
		off = iova - r->guest_phys_addr;
		chunk = RTE_MIN(len, r->size - off);
		memcpy(dst, (void *)(uintptr_t)(r->host_user_addr + off),
		       chunk);
		dst = RTE_PTR_ADD(dst, chunk);
	}
	return true;
}

uint64_t
sim_vdpa_memory_end(const struct sim_vdpa *v)
{
	const struct rte_vhost_mem_region *r;
	uint64_t end = 0;
	uint32_t i;

	for (i = 0; i < v->mem->nregions; i++) {
		r = &v->mem->regions[i];
		end = RTE_MAX(end, r->guest_phys_addr + r->size);
	}
	return RTE_ALIGN_CEIL(end, END_ALIGN);
}
