/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <linux/vfio.h>
#include <sys/stat.h>

#include <rte_common.h>

#include "vdpa_pci/dma.h"

#define PAGE 4096

int
vpci_dma_init(struct vpci_dma *dma, struct sim_vdpa_dev *dev)
{
	memset(dma, 0, sizeof(*dma));
	dma->dev = dev;
	dma->cut = vpci_window_init();
	return RTE_MIN(dma->cut, 0);
}

void
vpci_dma_fini(struct vpci_dma *dma)
{
	vpci_window_fini(dma->cut);
}

/* 'last' is the last address of a range, which may end where the addresses
 * do. */
static bool
overlap(const struct vpci_dma_range *r, uint64_t iova, uint64_t last)
{
	return r->size != 0 && r->iova <= last &&
		iova <= r->iova + r->size - 1;
}

static bool
lies_within(const struct vpci_dma_range *r, uint64_t iova, uint64_t last)
{
	return r->iova >= iova && r->iova + r->size - 1 <= last;
}

static bool
makes_sense(const struct vfu_dma_map *m)
{
	const uint32_t known = VFIO_DMA_MAP_FLAG_READ |
		VFIO_DMA_MAP_FLAG_WRITE;

	return m->size != 0 && (m->iova | m->size | m->offset) % PAGE == 0 &&
		m->iova + m->size > m->iova &&
		m->offset + m->size > m->offset && !(m->flags & ~known);
}

/* A free place; NULL if there is none, or '*overlaps'. */
static struct vpci_dma_range *
find_place(struct vpci_dma *dma, const struct vfu_dma_map *m, bool *overlaps)
{
	struct vpci_dma_range *r = dma->range, *place = NULL;
	unsigned int i;

	*overlaps = false;
	for (i = 0; i < RTE_DIM(dma->range); i++, r++) {
		if (r->size == 0)
			place = r;
		else if (overlap(r, m->iova, m->iova + m->size - 1))
			*overlaps = true;
	}
	return *overlaps ? NULL : place;
}

/* Lets the device reach what a file has; '*reachable' stays false if it is not
 * to. */
static int
give(struct vpci_dma *dma, const struct vfu_dma_map *m, int fd,
     bool *reachable)
{
	bool writable = (m->flags & VFIO_DMA_MAP_FLAG_WRITE) != 0;
	struct stat st;
	uint8_t *va;
	int ret;

	if (fd < 0 || !(m->flags & VFIO_DMA_MAP_FLAG_READ))
		return 0;
	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	if (m->offset + m->size > (uint64_t)st.st_size)
		return -EINVAL;
	va = vpci_window_map(m->iova, m->size, fd, m->offset, writable, &ret);
	if (va == NULL)
		return -ret;
	ret = sim_vdpa_dev_map(dma->dev, m->iova, va, m->size, writable);
	if (ret != 0)
		vpci_window_unmap(m->iova, m->size);
	*reachable = ret == 0;
	return ret;
}

int
vpci_dma_map(struct vpci_dma *dma, const struct vfu_dma_map *m, int fd)
{
	bool overlaps, reachable = false;
	struct vpci_dma_range *r;
	int ret;

	if (!makes_sense(m))
		return -EINVAL;
	r = find_place(dma, m, &overlaps);
	if (r == NULL)
		return overlaps ? -EEXIST : -ENOSPC;
	ret = give(dma, m, fd, &reachable);
	if (ret == 0)
		*r = (struct vpci_dma_range) {
			.iova = m->iova, .size = m->size,
			.reachable = reachable,
		};
	return ret;
}

/* Takes a range away from the device; 0 or a negative errno. */
static int
take(struct vpci_dma *dma, struct vpci_dma_range *r)
{
	int ret;

	if (r->reachable) {
		ret = sim_vdpa_dev_unmap(dma->dev, r->iova, r->size);
		if (ret != 0)
			return ret;
		vpci_window_unmap(r->iova, r->size);
	}
	memset(r, 0, sizeof(*r));
	return 0;
}

int
vpci_dma_unmap(struct vpci_dma *dma, uint64_t iova, uint64_t size)
{
	const uint64_t last = iova + size - 1;
	struct vpci_dma_range *r;
	unsigned int i;
	int ret = 0;

	if (size == 0 || last < iova)
		return -EINVAL;
	for (i = 0, r = dma->range; i < RTE_DIM(dma->range); i++, r++) {
		if (overlap(r, iova, last) && !lies_within(r, iova, last))
			return -EINVAL;
	}
	for (i = 0, r = dma->range; i < RTE_DIM(dma->range) && ret == 0;
	     i++, r++) {
		if (overlap(r, iova, last))
			ret = take(dma, r);
	}
	return ret;
}

void
vpci_dma_unmap_all(struct vpci_dma *dma)
{
	uint64_t n;

	sim_vdpa_dev_unmap_all(dma->dev);
	vpci_window_unmap_all();
	memset(dma->range, 0, sizeof(dma->range));
	if (read(dma->cut, &n, sizeof(n)) < 0)
		return;		/* Nothing went away. */
}
