/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_LOG_H
#define SIM_VDPA_DEVICE_LOG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Dirty-page logging of a vDPA device.
 *
 * While it is on, the device sets a bit for every page of 4 KiB that it wrote
 * packets to, after it wrote: bit I of the bitmap, which begins at IOVA
 * 'base' and ends before 'end', is the page at IOVA I * 4096.  The bits are
 * set atomically, because the one who reads the bitmap also clears it.  What
 * the device writes to the rings themselves is not logged; that is for the
 * driver to do when it stops the device.
 *
 * Beside the bitmap the device keeps a shadow of it that nobody clears, so
 * that a test can prove that no page was forgotten.
 */

struct sim_iommu_table;
struct sim_iommu_range;

struct sim_log {
	/* Written by the control path while 'on' is false. */
	uint64_t base;
	uint64_t end;
	bool on;		/* Atomic. */

	/* Written by the engine, relaxed atomics. */
	uint64_t pages;		/* New in the shadow since logging is on. */
	uint64_t lost;		/* Pages that the bitmap has no bit for. */
};

/* Engine, inside an RCU section: 'len' > 0 bytes at 'iova', which lie in
 * 'range', were written. */
void sim_log_write(struct sim_log *log, const struct sim_iommu_table *table,
		   const struct sim_iommu_range *range, uint64_t iova,
		   uint64_t len);

/* Control path.  Forgets what is in the shadow. */
void sim_log_clear(struct sim_log *log, struct sim_iommu_table *table);

/* Control path: how many pages of the shadow are not set in the bitmap.  They
 * are all there as long as nobody clears the bitmap. */
uint64_t sim_log_mismatches(const struct sim_log *log,
			    const struct sim_iommu_table *table);

#endif /* SIM_VDPA_DEVICE_LOG_H */
