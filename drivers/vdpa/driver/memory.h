/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DRIVER_MEMORY_H
#define SIM_VDPA_DRIVER_MEMORY_H

#include "vdpa/driver/state.h"

/* The guest's memory, which the device sees at guest-physical addresses. */

/* Maps all of it for the device.  0 or a negative errno, with a sentence in
 * the log; what was mapped then stays. */
int sim_vdpa_memory_map(struct sim_vdpa *v);
void sim_vdpa_memory_unmap(struct sim_vdpa *v);

/* The IOVA of 'len' bytes at 'p', a pointer of the library's.  False if they
 * do not lie wholly in one region. */
bool sim_vdpa_memory_iova(const struct sim_vdpa *v, const void *p,
			  uint64_t len, uint64_t *iova);

/* False if not all of it is there. */
bool sim_vdpa_memory_read(const struct sim_vdpa *v, void *dst, uint64_t iova,
			  uint64_t len);

/* Where the guest's memory ends: what the driver maps for itself lies behind
 * it. */
uint64_t sim_vdpa_memory_end(const struct sim_vdpa *v);

#endif /* SIM_VDPA_DRIVER_MEMORY_H */
