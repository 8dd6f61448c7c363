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

#include <linux/virtio_config.h>

#include "accel/dma.h"
#include "openvswitch/dynamic-string.h"
#include "port/dmas.h"
#include "port/lending.h"
#include "port/port.h"
#include "util.h"
#include "vhost/vm.h"

/* What the engines of a port do. */

void
vdpa_dmas_equip(const struct vdpa_port *port, struct dpdk_vdpa_vm *vm)
{
    for (size_t i = 0; i < port->dmas.n; i++) {
        const struct vdpa_dma_use *use = &port->dmas.uses[i];

        if (!dpdk_vdpa_dma_has_failed(use->dma)) {
            dpdk_vdpa_vm_set_dma(vm, use->ring, dpdk_vdpa_dma_id(use->dma));
        }
    }
}

/* Says in config_error which engines have failed. */
static void
set_reason(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < port->dmas.n; i++) {
        const struct vdpa_dma_use *use = &port->dmas.uses[i];

        if (dpdk_vdpa_dma_has_failed(use->dma)) {
            ds_put_format(&ds, "%s\"%s\"", ds.length ? ", " : "", use->name);
        }
    }
    if (ds.length) {
        ds_put_cstr(&ds, " did not finish copies and was stopped; the CPU "
                    "copies instead; use another engine, or start "
                    "ovs-vswitchd anew");
    }
    vdpa_port_set_reason(port, VDPA_REASON_DMA,
                         ds.length ? xasprintf("vdpa-dmas: DMA engine %s",
                                               ds_cstr(&ds)) : NULL);
    ds_destroy(&ds);
}

void
vdpa_dmas_run(struct vdpa_port *port)
{
    bool changed = !port->dmas.n && port->reasons[VDPA_REASON_DMA];

    for (size_t i = 0; port->vm && i < port->dmas.n; i++) {
        const struct vdpa_dma_use *use = &port->dmas.uses[i];
        struct dpdk_vdpa_dmas_info info;

        dpdk_vdpa_vm_get_dma(port->vm, use->ring, &info);
        if (info.failed && !dpdk_vdpa_dma_has_failed(use->dma)) {
            dpdk_vdpa_dma_set_failed(use->dma);
            changed = true;
        }
    }
    if (changed) {
        set_reason(port);
    }
}

void
vdpa_dmas_count(const struct dpdk_vdpa_vm *vm, struct vdpa_dma_counts *sum)
{
    for (unsigned int i = 0; i < 2 * DPDK_VDPA_MAX_PAIRS; i++) {
        struct dpdk_vdpa_dmas_info info;

        dpdk_vdpa_vm_get_dma(vm, i, &info);
        *(i % 2 ? &sum->rx : &sum->tx) += info.n_copied;
        *(i % 2 ? &sum->rx_lost : &sum->tx_lost) += info.n_lost;
    }
}

const char *
vdpa_dmas_why_not(const struct vdpa_port *port, const struct vdpa_dma_use *use)
{
    struct dpdk_vdpa_dmas_info dma;
    struct dpdk_vdpa_vm_info vm;

    if (dpdk_vdpa_dma_has_failed(use->dma)) {
        return "the engine has failed";
    } else if (port->hw) {
        return "a vDPA device serves the guest";
    } else if (!port->vm || !dpdk_vdpa_vm_get_info(port->vm, &vm)) {
        return "no guest is connected";
    } else if (vm.iommu) {
        return "vhost-iommu-support is on";
    } else if (vm.postcopy) {
        return "vhost-postcopy-support is on";
    } else if (vm.migrating) {
        return "the guest is being migrated";
    } else if (vm.packed && use->ring % 2) {
        return "the vhost library cannot do it from a packed ring";
    } else if (use->ring % 2 && port->options.zero_copy
               && !vdpa_lending_why_not(port)) {
        return "dq-zero-copy is in force and copies less";
    }
    dpdk_vdpa_vm_get_dma(port->vm, use->ring, &dma);
    return dma.open ? NULL : "the guest does not use the queue";
}

void
vdpa_dmas_format(const struct vdpa_port *port, const char *separator,
                 struct ds *ds)
{
    for (size_t i = 0; i < port->dmas.n; i++) {
        const struct vdpa_dma_use *use = &port->dmas.uses[i];
        const char *why = vdpa_dmas_why_not(port, use);

        ds_put_format(ds, "%s%cxq%u@%s%s%s", i ? separator : "",
                      use->ring % 2 ? 'r' : 't', use->ring / 2, use->name,
                      why ? ": no: " : ": yes", why ? why : "");
    }
}
