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

#include "port/lending.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "accel/vf.h"
#include "port/port.h"
#include "util.h"
#include "vhost/ring.h"
#include "vhost/vm.h"

BUILD_ASSERT_DECL(DPDK_VDPA_VF_MAX_REGIONS == DPDK_VDPA_MAX_REGIONS);

void
vdpa_lending_init(struct vdpa_lending *lending)
    OVS_NO_THREAD_SAFETY_ANALYSIS       /* Nobody else has it yet. */
{
    ovs_mutex_init(&lending->mutex);
    lending->sender = lending->vf = NULL;
    lending->n_regions = 0;
    atomic_init(&lending->error, 0);
    atomic_init(&lending->n_unsent, 0);
}

void
vdpa_lending_uninit(struct vdpa_lending *lending)
{
    ovs_mutex_destroy(&lending->mutex);
}

void
vdpa_lending_hold(struct vdpa_lending *lending)
{
    ovs_mutex_lock(&lending->mutex);
    lending->sender = NULL;
    ovs_mutex_unlock(&lending->mutex);
}

/* Has the VF reach the guest's memory, or takes note of why not. */
static int
reach(struct vdpa_lending *lending)
    OVS_REQUIRES(lending->mutex)
{
    int error = 0;

    if (lending->vf && lending->n_regions) {
        error = dpdk_vdpa_vf_reach(dpdk_vdpa_vf_port_id(lending->vf),
                                   lending->regions, lending->n_regions);
    }
    atomic_store_relaxed(&lending->error, error);
    return error;
}

/* Ends that. */
static void
unreach(struct vdpa_lending *lending)
    OVS_REQUIRES(lending->mutex)
{
    int error;

    atomic_read_relaxed(&lending->error, &error);
    if (lending->vf && lending->n_regions && !error) {
        dpdk_vdpa_vf_unreach(dpdk_vdpa_vf_port_id(lending->vf),
                             lending->regions, lending->n_regions);
    }
}

void
vdpa_lending_set_vf(struct vdpa_lending *lending, struct dpdk_vdpa_vf *vf)
{
    ovs_mutex_lock(&lending->mutex);
    if (lending->vf != vf) {
        if (lending->vf) {
            dpdk_vdpa_vf_call_in(lending->vf, true);
        }
        unreach(lending);
        lending->vf = vf;
        reach(lending);
    }
    lending->sender = vf;
    ovs_mutex_unlock(&lending->mutex);
}

bool
vdpa_lending_set_memory(struct vdpa_lending *lending,
                        const struct dpdk_vdpa_vf_region *regions,
                        unsigned int n)
{
    bool ok;

    ovs_assert(n <= DPDK_VDPA_VF_MAX_REGIONS);
    ovs_mutex_lock(&lending->mutex);
    unreach(lending);
    memcpy(lending->regions, regions, n * sizeof *regions);
    lending->n_regions = n;
    ok = !reach(lending);
    ovs_mutex_unlock(&lending->mutex);
    return ok;
}

void
vdpa_lending_lose_memory(struct vdpa_lending *lending)
{
    ovs_mutex_lock(&lending->mutex);
    lending->n_regions = 0;
    ovs_mutex_unlock(&lending->mutex);
}

void
vdpa_lending_call_in(struct vdpa_lending *lending, bool by_force)
{
    ovs_mutex_lock(&lending->mutex);
    if (lending->sender) {
        dpdk_vdpa_vf_call_in(lending->sender, by_force);
    }
    ovs_mutex_unlock(&lending->mutex);
}

/* Says why the VF does not reach the guest's memory. */
static const char *
explain(int error)
{
    return (error == ENOSPC ? "DPDK has no room to take note of the guest's "
            "memory"
            : "the VF's device cannot reach the guest's memory; see the log");
}

const char *
vdpa_lending_why_not(const struct vdpa_port *port)
{
    struct dpdk_vdpa_vm_info info;
    const char *why = NULL;
    int error;

    atomic_read_relaxed(&CONST_CAST(struct vdpa_port *, port)->lending.error,
                        &error);
    if (port->hw) {
        return "a vDPA device serves the guest";
    } else if (port->capture) {
        return "packets are captured";
    } else if (port->vf && !dpdk_vdpa_vf_max_lent_segs(port->vf, &why)) {
        return why ? why : "the VF is stopped";
    } else if (error) {
        return explain(error);
    } else if (port->vm && dpdk_vdpa_vm_get_info(port->vm, &info)) {
        return (info.features & (1ULL << VIRTIO_F_IOMMU_PLATFORM)
                ? "the guest is behind an IOMMU"
                : info.migrating ? "the guest is being migrated"
                : info.postcopy ? "post-copy migration is offered" : NULL);
    }
    return NULL;
}

/* While a ring is not walked, as during a migration, nothing is lent of it
 * whatever this says. */
void
vdpa_lending_update(struct vdpa_port *port)
{
    const char *why;
    int error;

    atomic_read_relaxed(&port->lending.error, &error);
    if (port->vm) {
        dpdk_vdpa_vm_set_lending(
            port->vm, (port->vf && !port->capture && !error
                       ? dpdk_vdpa_vf_max_lent_segs(port->vf, &why) : 0));
    }
}
