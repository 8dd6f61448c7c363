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

#include "port/guest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <rte_mbuf.h>

#include "accel/vdpa.h"
#include "accel/vf.h"
#include "openvswitch/dynamic-string.h"
#include "port/dmas.h"
#include "port/features.h"
#include "port/port.h"
#include "seam/compat-ovs.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "vhost/notes.h"
#include "vhost/vm.h"

/* From other_config; see ovs-vswitchd.conf.db(5). */
static bool vhost_iommu_support;
static bool vhost_postcopy_support;

void
vdpa_guest_init(const struct smap *ovs_other_config)
{
    vhost_iommu_support = smap_get_bool(ovs_other_config,
                                        "vhost-iommu-support", false);
    vhost_postcopy_support = smap_get_bool(ovs_other_config,
                                           "vhost-postcopy-support", false)
                             && !vdpa_compat_memory_locked();
}

/* What the VM end reports. */

static void
guest_up(void *port_, struct dpdk_vdpa_vm *vm)
{
    struct vdpa_port *port = port_;
    struct dpdk_vdpa_vm_info info;

    dpdk_vdpa_vm_get_info(vm, &info);
    vdpa_port_event_of(port, DPDK_VDPA_EVENT_CONNECTED,
                       "guest connected, %s ring, features %#"PRIx64,
                       info.packed ? "packed" : "split", info.features);
    vdpa_port_lock(port);
    vdpa_port_update_relay(port);
    vdpa_port_unlock(port);
    vdpa_port_wake_main(port);
}

static void
guest_down(void *port_, struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    struct vdpa_port *port = port_;

    vdpa_port_lock(port);
    vdpa_port_update_relay(port);
    vdpa_port_unlock(port);
    vdpa_port_event_of(port, DPDK_VDPA_EVENT_DISCONNECTED,
                       "guest disconnected");
    vdpa_port_wake_main(port);
}

static void
guest_queue_changed(void *port_, struct dpdk_vdpa_vm *vm OVS_UNUSED,
                    unsigned int pair, bool is_guest_rx, bool enabled)
{
    struct vdpa_port *port = port_;

    if (is_guest_rx) {          /* Both queues of a pair change together. */
        vdpa_port_event(port, "guest %s queue pair %u",
                        enabled ? "enabled" : "disabled", pair);
    }
    vdpa_port_wake_main(port);
}

static void
guest_migration_changed(void *port_, struct dpdk_vdpa_vm *vm OVS_UNUSED,
                        bool started)
{
    struct vdpa_port *port = port_;

    vdpa_port_event_of(port, (started ? DPDK_VDPA_EVENT_MIGRATION
                              : DPDK_VDPA_N_EVENT_KINDS),
                       "live migration %s", started ? "started" : "ended");
    vdpa_port_wake_main(port);
}

static void
guest_features_lost(void *port_, struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    struct vdpa_port *port = port_;

    vdpa_port_event_of(port, DPDK_VDPA_EVENT_FEATURES_LOST,
                       "front-end has lost the features that the guest's "
                       "driver took (QEMU before 8.0 does if nobody serves "
                       "the socket meanwhile): load the driver again");
}

static void
guest_refused(void *port_, struct dpdk_vdpa_vm *vm OVS_UNUSED,
              const char *what)
{
    struct vdpa_port *port = port_;

    vdpa_port_event_of(port, DPDK_VDPA_EVENT_REFUSED, "front-end refused: %s",
                       what);
}

static void
guest_call_in(void *port_, bool by_force)
{
    struct vdpa_port *port = port_;

    vdpa_lending_call_in(&port->lending, by_force);
}

static bool
guest_memory_changed(void *port_, const struct dpdk_vdpa_vf_region *regions,
                     unsigned int n)
{
    struct vdpa_port *port = port_;

    return vdpa_lending_set_memory(&port->lending, regions, n);
}

static void
guest_lost(void *port_)
{
    struct vdpa_port *port = port_;

    vdpa_lending_lose_memory(&port->lending);
    vdpa_port_event(port, "the VF keeps packets of the guest for ever: the "
                    "guest's memory stays mapped until ovs-vswitchd ends");
}

static void
guest_dma_failed(void *port_, unsigned int ring)
{
    struct vdpa_port *port = port_;

    vdpa_port_event(port, "the DMA engine of %cxq%u does not finish",
                    ring % 2 ? 'r' : 't', ring / 2);
    vdpa_port_wake_main(port);
}

static const struct dpdk_vdpa_vm_callbacks guest_callbacks = {
    .up = guest_up,
    .down = guest_down,
    .queue_changed = guest_queue_changed,
    .migration_changed = guest_migration_changed,
    .features_lost = guest_features_lost,
    .memory_changed = guest_memory_changed,
    .call_in = guest_call_in,
    .lost = guest_lost,
    .dma_failed = guest_dma_failed,
    .refused = guest_refused,
};

/* The VM end. */

/* Returns the virtio features that 'vf' makes it possible to offer.  Those of
 * packets to the guest merely allow us to make use of them. */
static uint64_t
vf_virtio_offloads(const struct dpdk_vdpa_vf *vf)
{
    uint64_t tx_offloads = dpdk_vdpa_vf_tx_offloads(vf);
    uint64_t features = (1ULL << VIRTIO_NET_F_GUEST_CSUM
                         | VDPA_FEATURES_ON_REQUEST);

    if (tx_offloads & RTE_MBUF_F_TX_TCP_CKSUM) {
        features |= 1ULL << VIRTIO_NET_F_CSUM;
    }
    if (tx_offloads & RTE_MBUF_F_TX_TCP_SEG) {
        features |= (1ULL << VIRTIO_NET_F_HOST_TSO4
                     | 1ULL << VIRTIO_NET_F_HOST_TSO6
                     | 1ULL << VIRTIO_NET_F_HOST_ECN
                     | 1ULL << VIRTIO_NET_F_GSO);
    }
    return features;
}

int
vdpa_guest_create(struct vdpa_port *port, const char *path,
                  struct dpdk_vdpa_vm **vmp, char **errp)
{
    struct dpdk_vdpa_vm_config config = {
        .path = path,
        .iommu = vhost_iommu_support,
        .postcopy = vhost_postcopy_support,
        .callbacks = &guest_callbacks,
        .aux = port,
    };

    return dpdk_vdpa_vm_create(&config, vmp, errp);
}

static bool
guest_is_served(const void *hw)
{
    return dpdk_vdpa_hw_is_running(hw);
}

/* Has the next connection of 'vm' offer what the present device can do. */
static void
guest_set_offer(const struct vdpa_port *port, struct dpdk_vdpa_vm *vm)
    OVS_REQUIRES(vdpa_port_owned)
{
    dpdk_vdpa_vm_set_max_pairs(vm, vdpa_port_n_pairs(port));
    dpdk_vdpa_vm_set_features(vm, port->vf ? vf_virtio_offloads(port->vf) : 0,
                              port->withheld);
}

/* Starts 'vm' for the present device. */
static int
guest_start(struct vdpa_port *port, struct dpdk_vdpa_vm *vm, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    guest_set_offer(port, vm);
    if (port->hw) {
        dpdk_vdpa_vm_set_vdpa(vm, dpdk_vdpa_hw_device(port->hw),
                              guest_is_served, dpdk_vdpa_hw_end_logging,
                              port->hw);
    } else {
        vdpa_dmas_equip(port, vm);
    }
    return dpdk_vdpa_vm_start(vm, errp);
}

/* The notes of the socket of 'vm' stay as long as 'port' has that. */
static void
guest_hold_notes(struct vdpa_port *port, const struct dpdk_vdpa_vm *vm)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_notes *old = port->notes;

    port->notes = dpdk_vdpa_notes_open(dpdk_vdpa_vm_path(vm));
    dpdk_vdpa_notes_close(old);
}

/* Destroys 'vm', which nobody polls any more, and keeps what it counted. */
static void
guest_destroy(struct vdpa_port *port, struct dpdk_vdpa_vm *vm)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_vm_info info;

    if (vm) {
        dpdk_vdpa_vm_get_info(vm, &info);
        port->library_rx += info.walk.library_rx;
        port->library_tx += info.walk.library_tx;
        port->lent += info.walk.n_lent;
        dpdk_vdpa_vm_disconnect(vm);        /* Which loses some. */
        vdpa_dmas_count(vm, &port->dma_counts);
    }
    dpdk_vdpa_vm_destroy(vm);
}

int
vdpa_guest_replace(struct vdpa_port *port, struct dpdk_vdpa_vm *vm,
                   char **errp)
{
    struct dpdk_vdpa_vm *old = port->vm;
    int error = guest_start(port, vm, errp);

    if (error) {
        dpdk_vdpa_vm_destroy(vm);
        return error;
    }
    vdpa_port_hold_vm(port);
    vdpa_port_set_ends(port, port->vf, vm);
    guest_destroy(port, old);
    guest_hold_notes(port, vm);
    free(port->vm_dmas);
    port->vm_dmas = nullable_xstrdup(port->dmas.text);
    vdpa_port_set_reason(port, VDPA_REASON_GUEST, NULL);
    vdpa_port_set_reason(port, VDPA_REASON_FEATURES, NULL);
    return 0;
}

void
vdpa_guest_drop(struct vdpa_port *port)
{
    struct dpdk_vdpa_vm *vm = port->vm;

    vdpa_port_hold_vm(port);
    vdpa_port_set_ends(port, port->vf, NULL);
    guest_destroy(port, vm);
}

/* Returns false if 'port' is to have no VM end: a vDPA device serves a guest
 * that is connected whether or not the port is set down. */
static bool
is_wanted(const struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    return !port->hw || port->admin_up;
}

int
vdpa_guest_make(struct vdpa_port *port, const char *path, char **errp)
{
    struct dpdk_vdpa_vm *vm;
    int error;

    if (!is_wanted(port)) {
        return 0;
    }
    error = vdpa_guest_create(port, path, &vm, errp);
    return error ? error : vdpa_guest_replace(port, vm, errp);
}

/* Has the guest connect anew to learn of what is on offer now, for reason
 * 'why'. */
static int
guest_reconnect(struct vdpa_port *port, const char *why, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    char *path = xstrdup(dpdk_vdpa_vm_path(port->vm));
    int error;

    vdpa_port_event_of(port, DPDK_VDPA_EVENT_RECONNECTING,
                       "reconnecting, for %s", why);
    vdpa_guest_drop(port);
    error = vdpa_guest_make(port, path, errp);
    free(path);
    return error;
}

/* Says in config_error, as long as it is so, that the guest has features that
 * it is not to be offered any more.  To connect anew would be of no use: QEMU
 * takes back nothing from a guest that runs, and would leave it without
 * network. */
static void
guest_check_kept(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct dpdk_vdpa_vm_offer offer;
    uint64_t kept = 0;

    if (dpdk_vdpa_vm_get_offer(port->vm, &offer)) {
        kept = offer.taken & offer.now & port->withheld;
    }
    if (kept) {
        ds_put_cstr(&ds, "vdpa-features: the guest has ");
        vdpa_features_format(kept, &ds);
        ds_put_cstr(&ds, " already, which QEMU takes back from no guest that "
                    "runs; start its QEMU anew");
    }
    vdpa_port_set_reason(port, VDPA_REASON_FEATURES,
                         kept ? ds_steal_cstr(&ds) : NULL);
    ds_destroy(&ds);
}

int
vdpa_guest_adapt(struct vdpa_port *port, char **errp)
{
    struct dpdk_vdpa_vm_offer offer;
    uint64_t lost, gained;

    guest_set_offer(port, port->vm);
    guest_check_kept(port);
    if (!port->hw
        && !nullable_string_is_equal(port->vm_dmas, port->dmas.text)) {
        return guest_reconnect(port, "vdpa-dmas has changed", errp);
    }
    if (!dpdk_vdpa_vm_get_offer(port->vm, &offer)) {
        return 0;
    }
    lost = offer.now & ~offer.next;
    gained = offer.next & ~offer.now;
    if (lost & ~port->withheld) {
        return guest_reconnect(port, "the VF does less than the last one",
                               errp);
    }
    if (!port->reasons[VDPA_REASON_FEATURES]
        && (lost || gained & offer.withheld)) {
        return guest_reconnect(port, "vdpa-features has changed", errp);
    }
    return 0;
}

bool
vdpa_guest_is_whole(const struct vdpa_port *port)
{
    return port->vm || !is_wanted(port);
}

bool
vdpa_guest_repair(struct vdpa_port *port)
{
    char *error = NULL;

    if (port->accel != VDPA_ACCEL_NONE
        && (port->vm ? vdpa_guest_adapt(port, &error)
            : vdpa_guest_make(port, port->options.socket_path, &error))) {
        vdpa_port_set_reason(port, VDPA_REASON_GUEST, error);
        dpdk_vdpa_retry_soon(&port->retry, time_msec());
        return false;
    }
    return true;
}

void
vdpa_guest_admin_changed(struct vdpa_port *port)
{
    if (!is_wanted(port) && port->vm) {
        vdpa_guest_drop(port);
    } else if (port->configured && !port->vm) {
        vdpa_guest_repair(port);
    }
}

/* The main loop. */

void
vdpa_guest_run(struct vdpa_port *port)
{
    vdpa_dmas_run(port);
    if (port->vm) {
        dpdk_vdpa_vm_run(port->vm);
        if (port->reasons[VDPA_REASON_FEATURES]) {
            guest_check_kept(port);
        }
    }
}

void
vdpa_guest_wait(const struct vdpa_port *port)
{
    if (port->vm) {
        dpdk_vdpa_vm_wait(port->vm);
    }
}
