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

#include <config.h>

#include "accel/vf-reach.h"

#include <errno.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_memory.h>

#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_vf_reach);

/* Of memory that is not its own DPDK takes note page by page, and of pages as
 * long as this at most. */
#define MAX_PAGE (1ULL << 30)

static struct rte_device *
find_device(uint16_t port_id)
{
    struct rte_eth_dev_info info;

    return (rte_eth_dev_is_valid_port(port_id)
            && !rte_eth_dev_info_get(port_id, &info) ? info.device : NULL);
}

/* Returns the length of the longest pages that 'region' can consist of. */
static size_t
page_size(const struct dpdk_vdpa_vf_region *region)
{
    return 1ULL << ctz64((uintptr_t) region->addr | region->len | MAX_PAGE);
}

static int
map_region(struct rte_device *device,
           const struct dpdk_vdpa_vf_region *region)
{
    size_t page = page_size(region);
    int error;

    if (rte_extmem_register(region->addr, region->len, NULL, 0, page)) {
        return rte_errno;
    }
    if (rte_dev_dma_map(device, region->addr, (uintptr_t) region->addr,
                        region->len)) {
        error = rte_errno ? rte_errno : EIO;
        rte_extmem_unregister(region->addr, region->len);
        return error;
    }
    return 0;
}

static void
unmap_region(struct rte_device *device,
             const struct dpdk_vdpa_vf_region *region)
{
    if (device && rte_dev_dma_unmap(device, region->addr,
                                    (uintptr_t) region->addr, region->len)) {
        VLOG_WARN("%s: %"PRIuSIZE" bytes at %p cannot be unmapped (%s)",
                  rte_dev_name(device), region->len, region->addr,
                  ovs_strerror(rte_errno));
    }
    if (rte_extmem_unregister(region->addr, region->len)) {
        VLOG_WARN("DPDK does not forget %"PRIuSIZE" bytes at %p (%s)",
                  region->len, region->addr, ovs_strerror(rte_errno));
    }
}

int
dpdk_vdpa_vf_reach(uint16_t port_id,
                   const struct dpdk_vdpa_vf_region *regions, unsigned int n)
{
    struct rte_device *device = find_device(port_id);

    for (unsigned int i = 0; i < n; i++) {
        int error = device ? map_region(device, &regions[i]) : ENODEV;

        if (error) {
            VLOG_WARN("port %u cannot reach %"PRIuSIZE" bytes of a guest "
                      "(%s)", port_id, regions[i].len, ovs_strerror(error));
            dpdk_vdpa_vf_unreach(port_id, regions, i);
            return error;
        }
    }
    return 0;
}

void
dpdk_vdpa_vf_unreach(uint16_t port_id,
                     const struct dpdk_vdpa_vf_region *regions,
                     unsigned int n)
{
    struct rte_device *device = find_device(port_id);

    while (n--) {
        unmap_region(device, &regions[n]);
    }
}
