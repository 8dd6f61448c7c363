/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_vhost.h>

#include "base/log.h"
#include "vdpa/driver/log.h"
#include "vdpa/driver/memory.h"

/* How often to look for a log that is being replaced. */
#define MAP_TRIES 100

static void
write_address(struct sim_vdpa *v, uint32_t reg, uint64_t value)
{
	sim_vdpa_reg_write(v, SIM_REG_LM + reg, (uint32_t)value);
	sim_vdpa_reg_write(v, SIM_REG_LM + reg + 4, value >> 32);
}

static bool
ask_library(struct sim_vdpa *v)
{
	v->lib_log = 0;
	v->lib_log_size = 0;
	rte_vhost_get_log_base(v->vid, &v->lib_log, &v->lib_log_size);
	return v->lib_log != 0 && v->lib_log_size != 0;
}

/* Another mapping of the pages that the library has mapped; false if the
 * library has unmapped them meanwhile. */
static bool
map_pages(struct sim_vdpa *v)
{
	uint64_t base = v->lib_log, size = v->lib_log_size;
	void *va = mremap((void *)(uintptr_t)base, 0, size, MREMAP_MAYMOVE);

	if (va == MAP_FAILED)
		return false;
	if (ask_library(v) && v->lib_log == base && v->lib_log_size == size) {
		v->log_va = va;
		return true;
	}
	munmap(va, size);
	errno = EFAULT;
	return false;
}

/* The library first unmaps the old log, and then says where the new one is. */
static bool
map_log(struct sim_vdpa *v)
{
	unsigned int i;

	for (i = 0; i < MAP_TRIES; i++) {
		if (map_pages(v))
			return true;
		if (errno == ENOMEM)
			break;
		sched_yield();
		if (!ask_library(v))
			break;
	}
	return false;
}

static bool
device_logs(struct sim_vdpa *v)
{
	uint64_t iova = sim_vdpa_memory_end(v);

	if (sim_vdpa_dev_map(v->dev, iova, v->log_va, v->lib_log_size,
			     true) != 0)
		return false;
	v->log_iova = iova;
	write_address(v, SIM_LM_BASE_ADDR_LOW, iova);
	write_address(v, SIM_LM_END_ADDR_LOW, iova + v->lib_log_size);
	sim_vdpa_reg_write(v, SIM_REG_LM + SIM_LM_LOGGING_CTRL, 1);
	return true;
}

enum sim_vdpa_log_state
sim_vdpa_log_open(struct sim_vdpa *v)
{
	v->log_iova = 0;
	if (!ask_library(v))
		return SIM_VDPA_LOG_NONE;
	if (!map_log(v))
		return SIM_VDPA_LOG_FAILED;
	if (!v->sw_lm && !device_logs(v)) {
		sim_vdpa_log_close(v);
		return SIM_VDPA_LOG_FAILED;
	}
	SIM_LOG(INFO, "%s: the %s logs what the device writes",
		sim_vdpa_name(v), v->sw_lm ? "driver" : "device");
	return SIM_VDPA_LOG_OPEN;
}

void
sim_vdpa_log_close(struct sim_vdpa *v)
{
	if (v->log_va == NULL)
		return;
	if (v->log_iova != 0) {
		sim_vdpa_reg_write(v, SIM_REG_LM + SIM_LM_LOGGING_CTRL, 0);
		sim_vdpa_dev_unmap(v->dev, v->log_iova, v->lib_log_size);
	}
	munmap(v->log_va, v->lib_log_size);
	v->log_va = NULL;
}

/* The file behind an address of this process, as /proc has it: offset, device
 * and inode.  False if there is none. */
static bool
find_file(const void *va, char *file, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t start, end;
	bool found = false;
	char line[512];
	int pos;

	while (maps != NULL && !found && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*4s %n", &start,
			   &end, &pos) != 2 || (uintptr_t)va < start ||
		    (uintptr_t)va >= end)
			continue;
		snprintf(file, size, "%.*s", (int)strcspn(&line[pos], "/\n"),
			 &line[pos]);
		found = true;
	}
	if (maps != NULL)
		fclose(maps);
	return found;
}

static bool
is_same_file(const struct sim_vdpa *v, uint64_t base)
{
	char ours[128], theirs[128];

	return v->log_va != NULL &&
		find_file(v->log_va, ours, sizeof(ours)) &&
		find_file((const void *)(uintptr_t)base, theirs,
			  sizeof(theirs)) && strcmp(ours, theirs) == 0;
}

bool
sim_vdpa_log_was_replaced(struct sim_vdpa *v)
{
	uint64_t base = 0, size = 0;

	rte_vhost_get_log_base(v->vid, &base, &size);
	if (base == v->lib_log && size == v->lib_log_size)
		return false;
	if (size != v->lib_log_size || !is_same_file(v, base))
		return true;
	v->lib_log = base;
	return false;
}

void
sim_vdpa_log_write(struct sim_vdpa *v, uint64_t iova, uint64_t len)
{
	uint64_t page = iova >> SIM_LM_PAGE_SHIFT, last;

	if (v->log_va == NULL || len == 0)
		return;
	last = (iova + len - 1) >> SIM_LM_PAGE_SHIFT;
	/* Release: whoever clears the bit sees what was written before. */
	for (; page <= last && page / 8 < v->lib_log_size; page++)
		__atomic_fetch_or(&v->log_va[page / 8], 1u << page % 8,
				  __ATOMIC_RELEASE);
}

void
sim_vdpa_log_ring(struct sim_vdpa *v, uint16_t i)
{
	const struct sim_vdpa_vring *vr = &v->vring[i];

	if (!sim_vdpa_is_packed(v)) {
		sim_vdpa_log_write(v, vr->used, SIM_VRING_USED_LEN(vr->size));
		return;
	}
	sim_vdpa_log_write(v, vr->desc, (uint64_t)vr->size *
			   sizeof(struct vring_packed_desc));
	sim_vdpa_log_write(v, vr->used,
			   sizeof(struct vring_packed_desc_event));
}

void
sim_vdpa_log_everything(struct sim_vdpa *v)
{
	uint32_t i;

	for (i = 0; i < v->mem->nregions; i++)
		sim_vdpa_log_write(v, v->mem->regions[i].guest_phys_addr,
				   v->mem->regions[i].size);
}
