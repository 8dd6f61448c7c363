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

#include "port/accelerator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_lcore.h>

#include "accel/vdpa.h"
#include "accel/vf.h"
#include "openvswitch/vlog.h"
#include "port/claim.h"
#include "port/guest.h"
#include "port/policing.h"
#include "port/port.h"
#include "timeval.h"
#include "util.h"
#include "vhost/vm.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_accelerator);

/* Which changes there are.  A device that is replaced by another one goes by
 * VDPA_ACCEL_NONE. */
static const bool legal[VDPA_N_ACCELS][VDPA_N_ACCELS] = {
    [VDPA_ACCEL_NONE] = {
        [VDPA_ACCEL_RELAY] = true,      /* A VF was opened and started. */
        [VDPA_ACCEL_VDPA] = true,       /* A vDPA device was opened. */
    },
    [VDPA_ACCEL_RELAY] = {
        [VDPA_ACCEL_NONE] = true,       /* It was closed. */
        [VDPA_ACCEL_STOPPED] = true,    /* Nor did it start as it was. */
    },
    [VDPA_ACCEL_STOPPED] = {
        [VDPA_ACCEL_NONE] = true,       /* It was closed. */
        [VDPA_ACCEL_RELAY] = true,      /* Now it started. */
    },
    [VDPA_ACCEL_VDPA] = {
        [VDPA_ACCEL_NONE] = true,       /* It was closed. */
    },
};

/* How long a guest must have left the number of its queue pairs alone before
 * the VF gets as many, in ms: a front-end sets up one after the other. */
#define PAIRS_QUIET 100

/* How long there must have been no guest before the VF has one pair again. */
#define PAIRS_LINGER 10000

/* When memory that there was not is asked for again. */
#define PAIRS_RETRY 10000

/* A device, open and a VF started, that no port has yet, or any more. */
struct device {
    struct vdpa_claim *claim;
    struct dpdk_vdpa_vf *vf;            /* Or null. */
    struct dpdk_vdpa_hw *hw;            /* Or null. */
    unsigned int n_hw_pairs;
    bool pair_unknown;
    char *mtu_error;                    /* Why it has an older MTU. */
};

static void
set_state(struct vdpa_port *port, enum vdpa_accel to)
    OVS_REQUIRES(vdpa_port_owned)
{
    ovs_assert(legal[port->accel][to]);
    port->accel = to;
}

void
vdpa_accelerator_init(void)
{
    int error = rte_dev_event_monitor_start();

    if (error) {
        VLOG_INFO("DPDK does not tell of devices that are unplugged (%s)",
                  ovs_strerror(-error));
    }
}

static void
accel_changed(void *port)
{
    vdpa_port_wake_main(port);
}

/* Opening a device. */

/* Stores in '*n_pairsp' how many queue pairs of the 'limit' that device
 * 'devargs' has are to be used if the user asked for 'max_pairs', 0 meaning
 * that he did not. */
static int
choose_n_pairs(const char *devargs, unsigned int limit, unsigned int max_pairs,
               unsigned int *n_pairsp, char **errp)
{
    if (max_pairs > limit) {
        *errp = xasprintf("vdpa-max-queues: %u is more than the VF \"%s\" "
                          "has; use a number from 1 to %u", max_pairs,
                          devargs, limit);
        return EINVAL;
    }
    *n_pairsp = max_pairs ? max_pairs : MIN(limit, DPDK_VDPA_DEFAULT_PAIRS);
    return 0;
}

/* Returns how many threads may come to poll the VF of 'port'.  At the start of
 * Open vSwitch there are fewer than there are going to be. */
static unsigned int
n_threads(const struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    return MAX(port->n_threads, rte_lcore_count());
}

/* Closes 'device', which the caller has. */
static void
device_close(struct device *device, bool dead)
{
    dpdk_vdpa_vf_close(device->vf);
    dpdk_vdpa_hw_close(device->hw);
    vdpa_claim_release(device->claim, dead);
    free(device->mtu_error);
}

/* Makes 'config' for 'vf' what 'options' ask for. */
static int
configure_vf(const struct dpdk_vdpa_vf *vf,
             const struct dpdk_vdpa_options *options,
             struct dpdk_vdpa_vf_config *config, char **errp)
{
    int error = choose_n_pairs(options->vf_devargs,
                               dpdk_vdpa_vf_max_pairs(vf), options->max_pairs,
                               &config->n_pairs, errp);

    config->n_rx_desc = options->n_rx_desc;
    config->n_tx_desc = options->n_tx_desc;
    config->zero_copy = options->zero_copy;
    config->n_engines = options->dmas.n;
    config->n_used = MIN(config->n_used, config->n_pairs);
    return error ? error : vdpa_dmas_check(&options->dmas, config->n_pairs,
                                           errp);
}

/* Returns how many queue pairs the guest of 'port' uses, but 1 if there is
 * none. */
static unsigned int
guest_n_pairs(const struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    return MAX(port->vm ? dpdk_vdpa_vm_n_started(port->vm) : 0, 1);
}

/* Starts the VF of 'device', which is open.  A VF that is to go on ('again')
 * does so with an older MTU rather than not at all. */
static int
start_vf(const struct vdpa_port *port, struct device *device,
         const struct dpdk_vdpa_options *options, bool again, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_vf_config config = {
        .mtu = vdpa_port_mtu(port),
        .n_threads = n_threads(port),
        .n_used = guest_n_pairs(port),
    };
    int error;

    error = configure_vf(device->vf, options, &config, errp);
    if (error) {
        return error;
    }
    error = dpdk_vdpa_vf_start(device->vf, &config, errp);
    if (error && again && port->good.mtu && port->good.mtu != config.mtu) {
        char *old_error = NULL;

        config.mtu = port->good.mtu;
        if (!dpdk_vdpa_vf_start(device->vf, &config, &old_error)) {
            device->mtu_error = *errp;
            *errp = NULL;
            error = 0;
        }
        free(old_error);
    }
    return error;
}

/* Opens and starts the VF of 'options' for 'port', as 'device'. */
static int
open_vf(const struct vdpa_port *port, const struct dpdk_vdpa_options *options,
        bool again, struct device *device, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    int error;

    memset(device, 0, sizeof *device);
    error = vdpa_claim_vf(options->vf_devargs, port->name, &device->claim,
                          errp);
    if (error) {
        return error;
    }
    error = vdpa_claim_check_pair(device->claim, &port->rep_place,
                                  &device->pair_unknown, errp);
    if (!error) {
        device->vf = dpdk_vdpa_vf_open(options->vf_devargs,
                                       vdpa_claim_name(device->claim),
                                       vdpa_claim_port_id(device->claim));
        error = start_vf(port, device, options, again, errp);
    }
    if (error) {
        device_close(device, false);
    }
    return error;
}

/* Likewise for the vDPA device of 'options'. */
static int
open_vdpa(const struct vdpa_port *port,
          const struct dpdk_vdpa_options *options, struct device *device,
          char **errp)
{
    int error;

    memset(device, 0, sizeof *device);
    error = vdpa_claim_vdpa(options->devargs, port->name, &device->claim,
                            errp);
    if (error) {
        return error;
    }
    error = vdpa_claim_check_pair(device->claim, &port->rep_place,
                                  &device->pair_unknown, errp);
    error = error ? error : dpdk_vdpa_hw_open(
        options->devargs, vdpa_claim_name(device->claim),
        vdpa_claim_device(device->claim), &device->hw, errp);
    error = error ? error : choose_n_pairs(
        options->devargs, dpdk_vdpa_hw_max_pairs(device->hw),
        options->max_pairs, &device->n_hw_pairs, errp);
    if (error) {
        device_close(device, false);
    }
    return error;
}

/* Returns true if 'options' ask for hardware mode, if only as a try. */
static bool
try_vdpa(const struct dpdk_vdpa_options *options)
{
    return (options->mode == DPDK_VDPA_MODE_HW
            || (options->mode == DPDK_VDPA_MODE_AUTO
                && (options->vdpa_hint
                    || vdpa_claim_is_hardware(options->devargs))));
}

/* Opens the device of 'options' in the mode that they ask for and the device
 * is capable of. */
static int
open_device(struct vdpa_port *port, const struct dpdk_vdpa_options *options,
            bool again, struct device *device, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    if (try_vdpa(options)) {
        int error = open_vdpa(port, options, device, errp);

        if (!error || options->mode == DPDK_VDPA_MODE_HW) {
            return error;
        }
        if (options->vdpa_hint) {
            VLOG_WARN("%s: relaying, not in hardware mode (%s); set "
                      "vdpa-sw=true to do without a warning, vdpa-sw=false to "
                      "make this an error", port->name, *errp);
            vdpa_port_event(port, "no hardware mode: %s", *errp);
        }
        free(*errp);
        *errp = NULL;
    }
    return open_vf(port, options, again, device, errp);
}

/* A port's device. */

/* Gives 'port', which has none, 'device'. */
static void
take_device(struct vdpa_port *port, struct device *device)
    OVS_REQUIRES(vdpa_port_owned) OVS_EXCLUDED(vdpa_port_locked)
{
    port->claim = device->claim;
    port->pair_unknown = device->pair_unknown;
    vdpa_port_lock(port);
    port->hw = device->hw;
    port->n_hw_pairs = device->n_hw_pairs;
    vdpa_port_unlock(port);
    vdpa_port_set_ends(port, device->vf, port->vm);
    if (device->hw) {
        dpdk_vdpa_hw_set_callback(device->hw, accel_changed, port);
        vdpa_port_event(port, "vDPA device is \"%s\"",
                        dpdk_vdpa_hw_devargs(device->hw));
    } else {
        port->good = *dpdk_vdpa_vf_get_config(device->vf);
        dpdk_vdpa_vf_set_callback(device->vf, accel_changed, port,
                                  &port->lending.n_unsent);
        vdpa_port_event(port, "VF is \"%s\"",
                        dpdk_vdpa_vf_devargs(device->vf));
    }
    set_state(port, device->hw ? VDPA_ACCEL_VDPA : VDPA_ACCEL_RELAY);
    vdpa_policing_adapt(port);
    vdpa_port_set_reason(port, VDPA_REASON_MTU, device->mtu_error);
    vdpa_port_set_reason(port, VDPA_REASON_THREADS, NULL);
    port->threads_refused = 0;
    vdpa_port_set_reason(port, VDPA_REASON_PAIRS, NULL);
    port->n_pairs_wanted = 0;
    vdpa_port_set_reason(port, VDPA_REASON_DEVICE, NULL);
    vdpa_port_set_reason(port, VDPA_REASON_FAULT, NULL);
}

/* Takes the device of 'port' away from it.  Nobody uses it any more. */
static void
give_device(struct vdpa_port *port, struct device *device)
    OVS_REQUIRES(vdpa_port_owned) OVS_EXCLUDED(vdpa_port_locked)
{
    memset(device, 0, sizeof *device);
    if (port->accel == VDPA_ACCEL_NONE) {
        return;
    }
    device->claim = port->claim;
    device->vf = port->vf;
    device->hw = port->hw;
    port->claim = NULL;
    vdpa_port_hold_vf(port, false);
    vdpa_port_set_ends(port, NULL, port->vm);
    vdpa_port_lock(port);
    port->hw = NULL;
    vdpa_port_unlock(port);
    set_state(port, VDPA_ACCEL_NONE);
}

void
vdpa_accelerator_close(struct vdpa_port *port)
{
    struct device device;

    give_device(port, &device);
    device_close(&device, false);
}

/* Takes note of the moment when the guest loses a device to get another, and
 * disconnects it. */
static void
disconnect_guest(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    if (port->vm) {
        if (dpdk_vdpa_vm_is_up(port->vm)) {
            port->switched = time_msec();
        }
        vdpa_guest_drop(port);
    }
}

/* Opens a device for 'port', which has none.  One that is a vDPA device needs
 * a guest that connects anew. */
static int
get_device(struct vdpa_port *port, const struct dpdk_vdpa_options *options,
           bool again, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct device device;
    int error = open_device(port, options, again, &device, errp);

    if (!error) {
        if (device.hw) {
            disconnect_guest(port);
        }
        take_device(port, &device);
    }
    return error;
}

/* Goes back to the device of the options in force, after it was given up for
 * another one in vain. */
static void
go_back(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    char *error = NULL;

    if (get_device(port, &port->options, true, &error)) {
        vdpa_port_set_reason(port, VDPA_REASON_DEVICE,
                             xasprintf("cannot go back to the previous device "
                                       "(%s); the port tries again", error));
        dpdk_vdpa_retry_soon(&port->retry, time_msec());
        free(error);
    } else {
        vdpa_guest_repair(port);
    }
}

/* Gives 'port' another device, for which the present one has to go first:
 * because it is the same device, or because the guest must connect anew.  If
 * that fails, goes back. */
static int
exchange_device(struct vdpa_port *port, const struct dpdk_vdpa_options *new,
                char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    int error;

    if (port->hw || try_vdpa(new)) {
        disconnect_guest(port);
    }
    vdpa_accelerator_close(port);
    error = get_device(port, new, false, errp);
    if (error && port->configured) {
        go_back(port);
    }
    return error;
}

/* Gives 'port', which has a VF, another VF, which is started before the relay
 * changes over. */
static int
replace_vf(struct vdpa_port *port, const struct dpdk_vdpa_options *new,
           char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct device device, old;
    int error = open_vf(port, new, false, &device, errp);

    if (!error) {
        give_device(port, &old);
        take_device(port, &device);
        device_close(&old, false);
    }
    return error;
}

/* Starts the VF of 'port' again with 'config'.  If that fails, goes back to
 * how it started last. */
static int
restart_vf(struct vdpa_port *port, const struct dpdk_vdpa_vf_config *config,
           char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    const struct dpdk_vdpa_vf_config good = port->good;
    bool was_stopped = port->accel == VDPA_ACCEL_STOPPED;
    char *old_error = NULL;
    int error, error2 = 0;

    /* What waits in the relay may be too long with a smaller MTU, and of
     * another mempool than what follows. */
    vdpa_port_hold_vf(port, (config->mtu >= good.mtu
                             && dpdk_vdpa_vf_takes_any(port->vf)));
    error = dpdk_vdpa_vf_start(port->vf, config, errp);
    if (error && !dpdk_vdpa_vf_is_started(port->vf)) {
        error2 = dpdk_vdpa_vf_start(port->vf, &good, &old_error);
    }
    port->good = *dpdk_vdpa_vf_get_config(port->vf);
    vdpa_port_set_ends(port, port->vf, port->vm);
    if (!error) {
        vdpa_port_event_of(port, DPDK_VDPA_EVENT_VF_RESTARTED,
                           "VF restarted, queue pairs: %u of %u, MTU: %u%s",
                           config->n_used, config->n_pairs, config->mtu,
                           config->lro ? ", LRO" : "");
    }

    if (error2) {
        vdpa_port_set_reason(port, VDPA_REASON_DEVICE,
                             xasprintf("the VF is stopped (%s); the port "
                                       "tries again", old_error));
        dpdk_vdpa_retry_soon(&port->retry, time_msec());
        free(old_error);
    } else {
        vdpa_port_set_reason(port, VDPA_REASON_DEVICE, NULL);
    }
    if (was_stopped != (error2 != 0)) {
        set_state(port, error2 ? VDPA_ACCEL_STOPPED : VDPA_ACCEL_RELAY);
    }
    return error;
}

/* Applying options. */

/* Makes the queues of the device of 'port' what 'new' ask for. */
static int
apply_queues(struct vdpa_port *port, const struct dpdk_vdpa_options *new,
              char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_vf_config config = port->good;
    int error;

    if (port->hw) {
        return choose_n_pairs(new->devargs, dpdk_vdpa_hw_max_pairs(port->hw),
                              new->max_pairs, &port->n_hw_pairs, errp);
    }
    error = configure_vf(port->vf, new, &config, errp);
    if (error || (config.n_pairs == port->good.n_pairs
                  && config.n_rx_desc == port->good.n_rx_desc
                  && config.n_tx_desc == port->good.n_tx_desc
                  && config.zero_copy == port->good.zero_copy
                  && config.n_engines == port->good.n_engines)) {
        return error;
    }
    return restart_vf(port, &config, errp);
}

/* Makes 'port', which has a VF, obey options with which it goes on having
 * one. */
static int
apply_to_vf(struct vdpa_port *port, const struct dpdk_vdpa_options *new,
            char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    if (!strcmp(new->vf_devargs, dpdk_vdpa_vf_devargs(port->vf))) {
        return apply_queues(port, new, errp);
    }
    return (vdpa_claim_is_device(port->claim, new->vf_devargs)
            ? exchange_device(port, new, errp)
            : replace_vf(port, new, errp));
}

int
vdpa_accelerator_apply(struct vdpa_port *port,
                       const struct dpdk_vdpa_options *new, char **errp)
{
    bool same = (port->configured
                 && port->options.mode == new->mode
                 && !strcmp(port->options.devargs, new->devargs));
    int error;

    if (port->accel == VDPA_ACCEL_NONE) {
        /* If it is to be what it was, the retry clock says when. */
        return same ? 0 : get_device(port, new, false, errp);
    }
    if (vdpa_claim_is_device(port->claim, new->devargs)) {
        error = vdpa_claim_check_pair(port->claim, &port->rep_place,
                                      &port->pair_unknown, errp);
        if (error) {
            return error;
        }
    }
    if (port->hw && same) {
        return apply_queues(port, new, errp);
    }
    if (port->vf && (same || !try_vdpa(new))) {
        return apply_to_vf(port, new, errp);
    }
    return exchange_device(port, new, errp);
}

void
vdpa_accelerator_apply_mtu(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf_config config = port->good;
    char *error = NULL;

    config.mtu = vdpa_port_mtu(port);
    if (port->accel == VDPA_ACCEL_RELAY && config.mtu != port->good.mtu) {
        restart_vf(port, &config, &error);
    }
    vdpa_port_set_reason(port, VDPA_REASON_MTU, error);
}

void
vdpa_accelerator_apply_threads(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf_config config = port->good;
    char *error = NULL, *reason = NULL;

    config.n_threads = n_threads(port);
    if (port->accel != VDPA_ACCEL_RELAY
        || config.n_threads == port->threads_refused) {
        return;
    }
    port->threads_refused = 0;
    if (!dpdk_vdpa_vf_is_enough_for(port->vf, config.n_threads)
        && restart_vf(port, &config, &error)) {
        port->threads_refused = config.n_threads;
        reason = xasprintf("pmd-cpu-mask: the VF goes on with memory for "
                           "fewer threads than the %u that there are (%s)",
                           config.n_threads, error);
        free(error);
    }
    vdpa_port_set_reason(port, VDPA_REASON_THREADS, reason);
}

/* What the main thread finds. */

/* Takes away a device that DPDK says is gone.  A guest stays connected in
 * software mode only: in hardware mode its socket has the device. */
static void
lose_device(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct device device;

    vdpa_port_event_of(port, DPDK_VDPA_EVENT_VF_REMOVED,
                       "VF \"%s\" was removed", vdpa_port_devargs(port));
    if (port->hw && port->vm) {
        vdpa_guest_drop(port);
    }
    give_device(port, &device);
    device_close(&device, true);
    vdpa_port_set_reason(port, VDPA_REASON_FAULT, NULL);
    vdpa_port_set_reason(port, VDPA_REASON_DEVICE,
                         xasprintf("vdpa-accelerator-devargs: VF \"%s\" was "
                                   "removed; the port goes on when it is back",
                                   port->options.devargs));
    dpdk_vdpa_retry_soon(&port->retry, time_msec());
}

/* Relays from now on, because the vDPA device does not do. */
static void
fall_back(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    char *error = NULL;
    struct device device;

    vdpa_port_event_of(port, DPDK_VDPA_EVENT_RELAYING_INSTEAD,
                       "relaying instead: %s",
                       port->reasons[VDPA_REASON_FAULT]);
    disconnect_guest(port);
    vdpa_accelerator_close(port);
    if (!open_vf(port, &port->options, true, &device, &error)) {
        take_device(port, &device);
        vdpa_guest_repair(port);
    } else {
        vdpa_port_set_reason(port, VDPA_REASON_DEVICE, error);
        dpdk_vdpa_retry_soon(&port->retry, time_msec());
    }
}

/* Looks after the vDPA device. */
static void
check_vdpa(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_vm_info info;
    char *error;

    if (dpdk_vdpa_hw_waits_in_vain(port->hw)) {
        vdpa_port_event_of(port, DPDK_VDPA_EVENT_RECONNECTING,
                           "reconnecting, for the front-end has not started "
                           "all of its rings");
        disconnect_guest(port);
        vdpa_guest_repair(port);
    }
    if (port->vm && dpdk_vdpa_vm_get_info(port->vm, &info)) {
        dpdk_vdpa_hw_check_faults(port->hw, info.n_enabled);
    }
    error = dpdk_vdpa_hw_get_error(port->hw);
    vdpa_port_set_reason(port, VDPA_REASON_FAULT, error);
    if (error && port->options.mode == DPDK_VDPA_MODE_AUTO) {
        fall_back(port);
    }
}

void
vdpa_accelerator_check(struct vdpa_port *port)
{
    if (port->vf ? dpdk_vdpa_vf_is_removed(port->vf)
        : port->hw && dpdk_vdpa_hw_is_removed(port->hw)) {
        lose_device(port);
    } else if (port->accel == VDPA_ACCEL_RELAY
               && dpdk_vdpa_vf_needs_reset(port->vf)) {
        struct dpdk_vdpa_vf_config config = port->good;
        char *error = NULL;

        vdpa_port_event(port, "VF asks for a reset");
        restart_vf(port, &config, &error);
        free(error);
    } else if (port->accel == VDPA_ACCEL_VDPA) {
        check_vdpa(port);
    }
}

void
vdpa_accelerator_adapt_lro(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf_config config = port->good;
    struct dpdk_vdpa_vm_info info;

    if (port->accel != VDPA_ACCEL_RELAY) {
        return;
    }
    config.lro = (!port->lro_refused
                  && !(port->withheld & DPDK_VDPA_VM_LRO_FEATURES)
                  && dpdk_vdpa_vf_has_lro(port->vf)
                  && dpdk_vdpa_vm_get_info(port->vm, &info)
                  && (info.features & DPDK_VDPA_VM_LRO_FEATURES)
                     == DPDK_VDPA_VM_LRO_FEATURES);
    if (config.lro != port->good.lro) {
        char *error = NULL;

        if (restart_vf(port, &config, &error)) {
            vdpa_port_event(port, "VF without LRO: %s", error);
            port->lro_refused = true;
            free(error);
        }
    }
}

/* Takes note of how many queue pairs the VF is to have, and of when. */
static void
want_pairs(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    unsigned int n = MIN(guest_n_pairs(port), port->good.n_pairs);
    bool more = n > port->good.n_used;

    if (n != port->n_pairs_wanted) {
        port->n_pairs_wanted = n;
        port->pairs_due = time_msec() + (more ? PAIRS_QUIET : PAIRS_LINGER);
    }
    if (n == port->good.n_used) {
        vdpa_port_set_reason(port, VDPA_REASON_PAIRS, NULL);
    }
    /* Packets of a guest that uses fewer are worth more than the memory. */
    if (n == port->good.n_used
        || (!more && port->vm && dpdk_vdpa_vm_is_up(port->vm))) {
        port->n_pairs_wanted = 0;
        port->pairs_due = LLONG_MAX;
    }
}

void
vdpa_accelerator_adapt_pairs(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf_config config = port->good;
    char *error = NULL;

    if (port->accel != VDPA_ACCEL_RELAY) {
        port->pairs_due = LLONG_MAX;
        return;
    }
    want_pairs(port);
    if (time_msec() < port->pairs_due) {
        return;
    }
    config.n_used = port->n_pairs_wanted;
    if (restart_vf(port, &config, &error)) {
        vdpa_port_set_reason(port, VDPA_REASON_PAIRS,
                             xasprintf("vdpa-max-queues: the guest's %u queue "
                                       "pairs share %u of the VF (%s)",
                                       config.n_used, port->good.n_used,
                                       error));
        port->pairs_due = time_msec() + PAIRS_RETRY;
        free(error);
    } else {
        want_pairs(port);
    }
}

void
vdpa_accelerator_check_switch(struct vdpa_port *port)
{
    if (port->switched && port->vm && dpdk_vdpa_vm_is_up(port->vm)
        && vdpa_port_device_is_up(port)) {
        vdpa_port_event_of(port, DPDK_VDPA_EVENT_MODE_CHANGED,
                           "mode is %s, guest went without for %lld ms",
                           vdpa_port_mode(port),
                           time_msec() - port->switched);
        port->switched = 0;
    }
}

/* Repair. */

bool
vdpa_accelerator_is_whole(const struct vdpa_port *port)
{
    return port->accel == VDPA_ACCEL_RELAY || port->accel == VDPA_ACCEL_VDPA;
}

bool
vdpa_accelerator_is_absent(const struct vdpa_port *port)
{
    return (port->accel == VDPA_ACCEL_NONE
            && !vdpa_claim_may_exist(port->options.devargs));
}

/* Starts the VF of 'port', which is stopped, as the database wants it, or as
 * it started last. */
static void
repair_vf(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_vf_config config = port->good;
    char *error = NULL;

    config.mtu = vdpa_port_mtu(port);
    if (configure_vf(port->vf, &port->options, &config, &error)) {
        free(error);            /* As many pairs as it had, then. */
        error = NULL;
    }
    restart_vf(port, &config, &error);
    if (error) {
        VLOG_INFO("%s: %s", port->name, error);
    }
    if (config.mtu == port->good.mtu) {
        free(error);
        error = NULL;
    }
    vdpa_port_set_reason(port, VDPA_REASON_MTU, error);
}

bool
vdpa_accelerator_repair(struct vdpa_port *port)
{
    char *error = NULL;

    if (port->accel == VDPA_ACCEL_STOPPED) {
        repair_vf(port);
    } else if (port->accel == VDPA_ACCEL_NONE
               && get_device(port, &port->options, true, &error)) {
        VLOG_INFO("%s: %s", port->name, error);
        free(error);
    }
    return vdpa_accelerator_is_whole(port);
}
