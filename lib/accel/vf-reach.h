/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

#ifndef DPDK_VDPA_VF_REACH_H
#define DPDK_VDPA_VF_REACH_H 1

/* Memory of a guest that a VF is to read: DPDK is told of it, and the VF's
 * device can reach it. */

#include <stddef.h>
#include <stdint.h>

/* As many as the vhost library takes of a guest. */
#define DPDK_VDPA_VF_MAX_REGIONS 8

/* What is mapped together: whole pages. */
struct dpdk_vdpa_vf_region {
    void *addr;
    size_t len;
};

/* Has the device of ethdev 'port_id' reach all of the 'n' regions.  Returns 0,
 * or a positive errno value if it reaches none of them: ENOSPC if DPDK has no
 * room to take note of them.  Waits for the kernel, which locks the memory for
 * a device that has an IOMMU.  Any thread, one at a time per ethdev. */
int dpdk_vdpa_vf_reach(uint16_t port_id,
                       const struct dpdk_vdpa_vf_region *regions,
                       unsigned int n);

/* Ends that, whether or not the ethdev is there still. */
void dpdk_vdpa_vf_unreach(uint16_t port_id,
                          const struct dpdk_vdpa_vf_region *regions,
                          unsigned int n);

#endif /* accel/vf-reach.h */
