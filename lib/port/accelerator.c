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

#include "accel/vdpa.h"
#include "accel/vf.h"
#include "openvswitch/vlog.h"
#include "port/claim.h"
#include "port/guest.h"
#include "port/port.h"
#include "timeval.h"
#include "util.h"
#include "vhost/vm.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_accelerator);

/* How often a device that was removed is looked for, in ms. */
#define DEVICE_RETRY_INTERVAL 5000

static void
accel_changed(void *port_)
{
    struct vdpa_port *port = port_;

    vdpa_port_wake_main(port);
}

/* Gives 'port' a vDPA device, or none. */
static void
accel_set_hw(struct vdpa_port *port, struct dpdk_vdpa_hw *hw)
    OVS_EXCLUDED(port->mutex)
{
    ovs_mutex_lock(&port->mutex);
    port->hw = hw;
    ovs_mutex_unlock(&port->mutex);
    vdpa_port_set_error(port, &port->hw_error, NULL);
    vdpa_port_wake_main(port);
}

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

/* A VF, in software mode. */

/* Opens and starts the VF at 'devargs' for 'port'. */
static int
accel_open_vf(struct vdpa_port *port, const char *devargs,
              unsigned int max_pairs, struct dpdk_vdpa_vf **vfp, char **errp)
{
    struct dpdk_vdpa_vf_config config = { .mtu = vdpa_port_mtu(port) };
    struct dpdk_vdpa_vf *vf;
    int error;

    *vfp = NULL;
    error = dpdk_vdpa_vf_open(devargs, port->name, &vf, errp);
    if (error) {
        return error;
    }

    error = vdpa_claim_check_vf(port, vf, errp);
    error = error ? error : choose_n_pairs(devargs, dpdk_vdpa_vf_max_pairs(vf),
                                           max_pairs, &config.n_pairs, errp);
    error = error ? error : dpdk_vdpa_vf_start(vf, &config, errp);
    if (error) {
        dpdk_vdpa_vf_close(vf);
        return error;
    }
    dpdk_vdpa_vf_set_callback(vf, accel_changed, port);
    *vfp = vf;
    return 0;
}

/* Replaces the VF of 'port' by another device, which is started before the
 * relay changes over. */
static int
accel_replace_vf(struct vdpa_port *port, const struct dpdk_vdpa_options *new,
                 char **errp)
{
    struct dpdk_vdpa_vf *old = port->vf;
    struct dpdk_vdpa_vf *vf;
    int error;

    error = accel_open_vf(port, new->vf_devargs, new->max_pairs, &vf, errp);
    if (!error) {
        vdpa_port_hold_vf(port);
        vdpa_port_set_ends(port, vf, port->vm);
        dpdk_vdpa_vf_close(old);
        vdpa_port_event(port, "VF is \"%s\"", new->vf_devargs);
    }
    return error;
}

/* Opens the VF of 'port' again with other arguments for the same device, which
 * cannot be there twice.  If that fails, goes back to the old ones. */
static int
accel_reopen_vf(struct vdpa_port *port, const struct dpdk_vdpa_options *new,
                char **errp)
{
    struct dpdk_vdpa_vf *vf = port->vf;
    char *old_error = NULL;
    int error;

    vdpa_port_hold_vf(port);
    dpdk_vdpa_vf_close(vf);
    error = accel_open_vf(port, new->vf_devargs, new->max_pairs, &vf, errp);
    if (error
        && accel_open_vf(port, port->options.vf_devargs,
                         port->options.max_pairs, &vf, &old_error)) {
        VLOG_ERR("%s: cannot go back to the previous VF: %s", port->name,
                 old_error);
        free(old_error);
    }
    vdpa_port_set_ends(port, vf, port->vm);
    if (!error) {
        vdpa_port_event(port, "VF is \"%s\"", new->vf_devargs);
    }
    return error;
}

/* Restarts the VF of 'port' with 'config'.  If that fails, goes back to the
 * old configuration. */
static int
accel_restart_vf(struct vdpa_port *port,
                 const struct dpdk_vdpa_vf_config *config, char **errp)
{
    struct dpdk_vdpa_vf_config old = *dpdk_vdpa_vf_get_config(port->vf);
    char *old_error = NULL;
    int error;

    vdpa_port_hold_vf(port);
    error = dpdk_vdpa_vf_start(port->vf, config, errp);
    if (error && dpdk_vdpa_vf_start(port->vf, &old, &old_error)) {
        VLOG_ERR("%s: cannot restart the VF as it was: %s", port->name,
                 old_error);
        free(old_error);
    }
    vdpa_port_set_ends(port, port->vf, port->vm);
    if (!error) {
        vdpa_port_event(port, "VF restarted, queue pairs: %u, MTU: %u%s",
                        config->n_pairs, config->mtu,
                        config->lro ? ", LRO" : "");
    }
    return error;
}

/* Makes 'port' obey the options for its VF in software mode. */
static int
accel_apply_vf(struct vdpa_port *port, const struct dpdk_vdpa_options *new,
               char **errp)
{
    struct dpdk_vdpa_vf_config config;
    int error;

    if (strcmp(new->vf_devargs, port->options.vf_devargs)) {
        return (dpdk_vdpa_vf_is_device(port->vf, new->vf_devargs)
                ? accel_reopen_vf(port, new, errp)
                : accel_replace_vf(port, new, errp));
    }

    config = *dpdk_vdpa_vf_get_config(port->vf);
    error = choose_n_pairs(new->vf_devargs, dpdk_vdpa_vf_max_pairs(port->vf),
                           new->max_pairs, &config.n_pairs, errp);
    if (error
        || config.n_pairs == dpdk_vdpa_vf_get_config(port->vf)->n_pairs) {
        return error;
    }
    return accel_restart_vf(port, &config, errp);
}

/* The device: a VF, or a vDPA device. */

/* Takes note of the moment when the guest loses a device to get another. */
static void
accel_note_switch(struct vdpa_port *port)
{
    if (port->vm && dpdk_vdpa_vm_is_up(port->vm)) {
        port->switched = time_msec();
    }
}

/* Closes the device of 'port'. */
static void
accel_close(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf *vf = port->vf;
    struct dpdk_vdpa_hw *hw = port->hw;

    vdpa_port_hold_vf(port);
    vdpa_port_set_ends(port, NULL, port->vm);
    accel_set_hw(port, NULL);
    dpdk_vdpa_vf_close(vf);
    dpdk_vdpa_hw_close(hw);
}

/* Opens the device of 'port', which has none, for software mode. */
static int
accel_open_as_vf(struct vdpa_port *port,
                 const struct dpdk_vdpa_options *options, char **errp)
{
    return accel_replace_vf(port, options, errp);
}

/* Likewise for hardware mode.  A guest that is connected must connect anew. */
static int
accel_open_as_hw(struct vdpa_port *port,
                 const struct dpdk_vdpa_options *options, char **errp)
{
    struct dpdk_vdpa_hw *hw;
    int error;

    error = dpdk_vdpa_hw_open(options->devargs, &hw, errp);
    if (error) {
        return error;
    }
    error = choose_n_pairs(options->devargs, dpdk_vdpa_hw_max_pairs(hw),
                           options->max_pairs, &port->n_hw_pairs, errp);
    if (error) {
        dpdk_vdpa_hw_close(hw);
        return error;
    }
    if (port->vm) {
        vdpa_guest_drop(port);
    }
    dpdk_vdpa_hw_set_callback(hw, accel_changed, port);
    accel_set_hw(port, hw);
    vdpa_port_event(port, "vDPA device is \"%s\"", options->devargs);
    return 0;
}

/* Returns true if 'options' ask for hardware mode, if only as a try. */
static bool
options_try_hw(const struct dpdk_vdpa_options *options)
{
    return (options->mode == DPDK_VDPA_MODE_HW
            || (options->mode == DPDK_VDPA_MODE_AUTO
                && (options->vdpa_hint
                    || dpdk_vdpa_hw_is_candidate(options->devargs))));
}

/* Opens the device of 'port', which has none, in the mode that 'options' ask
 * for and the device is capable of. */
static int
accel_open(struct vdpa_port *port,
           const struct dpdk_vdpa_options *options, char **errp)
{
    if (options_try_hw(options)) {
        int error = accel_open_as_hw(port, options, errp);

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
    return accel_open_as_vf(port, options, errp);
}

/* Changes the mode of 'port', or its vDPA device, for which the guest must
 * connect anew.  If that fails, goes back. */
static int
accel_switch(struct vdpa_port *port,
             const struct dpdk_vdpa_options *new, char **errp)
{
    char *old_error = NULL;
    int error;

    accel_note_switch(port);
    if (port->vm) {
        vdpa_guest_drop(port);
    }
    accel_close(port);
    error = accel_open(port, new, errp);
    if (error && port->configured
        && (accel_open(port, &port->options, &old_error)
            || vdpa_guest_make(port, port->options.socket_path, &old_error))) {
        VLOG_ERR("%s: cannot go back to the previous device: %s", port->name,
                 old_error);
        free(old_error);
    }
    return error;
}

int
vdpa_accelerator_apply(struct vdpa_port *port,
                       const struct dpdk_vdpa_options *new, char **errp)
{
    bool same = (port->configured
                 && port->options.mode == new->mode
                 && !strcmp(port->options.devargs, new->devargs));

    if (!port->vf && !port->hw) {
        return accel_open(port, new, errp);
    }
    if (port->hw && same) {
        return choose_n_pairs(new->devargs, dpdk_vdpa_hw_max_pairs(port->hw),
                              new->max_pairs, &port->n_hw_pairs, errp);
    }
    if (port->vf && (same || !options_try_hw(new))) {
        return accel_apply_vf(port, new, errp);
    }
    return accel_switch(port, new, errp);
}

void
vdpa_accelerator_apply_mtu(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf_config config;
    char *error = NULL;

    if (port->vf) {
        config = *dpdk_vdpa_vf_get_config(port->vf);
        if (config.mtu != vdpa_port_mtu(port)) {
            config.mtu = vdpa_port_mtu(port);
            accel_restart_vf(port, &config, &error);
        }
    }
    vdpa_port_set_error(port, &port->mtu_error, error);
}

/* What the main thread finds. */

void
vdpa_accelerator_lose(struct vdpa_port *port)
{
    vdpa_port_event(port, "VF \"%s\" was removed", vdpa_port_devargs(port));
    if (port->hw) {
        vdpa_guest_drop(port);
    }
    accel_close(port);
    port->next_device_retry = time_msec() + DEVICE_RETRY_INTERVAL;
    vdpa_port_set_error(port, &port->config_error,
                        xasprintf("vdpa-accelerator-devargs: VF \"%s\" was "
                                  "removed; the port goes on when it is back",
                                  port->options.devargs));
}

void
vdpa_accelerator_retry(struct vdpa_port *port)
{
    char *error = NULL;

    port->next_device_retry = time_msec() + DEVICE_RETRY_INTERVAL;
    if (!accel_open(port, &port->options, &error)
        && !(port->vm ? vdpa_guest_adapt(port, &error)
             : vdpa_guest_make(port, port->options.socket_path, &error))) {
        vdpa_port_set_error(port, &port->config_error, NULL);
    }
    free(error);
}

/* Relays from now on, because the vDPA device does not do. */
static void
accel_fall_back(struct vdpa_port *port)
{
    char *error = NULL;

    vdpa_port_event(port, "relaying instead: %s", port->hw_error);
    accel_note_switch(port);
    vdpa_guest_drop(port);
    accel_close(port);
    if (accel_open_as_vf(port, &port->options, &error)
        || vdpa_guest_make(port, port->options.socket_path, &error)) {
        vdpa_port_set_error(port, &port->config_error, error);
    }
}

void
vdpa_accelerator_check_hw(struct vdpa_port *port)
{
    char *error;

    dpdk_vdpa_hw_check_faults(port->hw);
    error = dpdk_vdpa_hw_get_error(port->hw);
    vdpa_port_set_error(port, &port->hw_error, error);
    if (error && port->options.mode == DPDK_VDPA_MODE_AUTO) {
        accel_fall_back(port);
    }
}

void
vdpa_accelerator_reset(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf_config config = *dpdk_vdpa_vf_get_config(port->vf);
    char *error = NULL;

    vdpa_port_event(port, "VF asks for a reset");
    if (accel_restart_vf(port, &config, &error)) {
        vdpa_port_set_error(port, &port->config_error, error);
    }
}

void
vdpa_accelerator_adapt_lro(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf_config config = *dpdk_vdpa_vf_get_config(port->vf);
    struct dpdk_vdpa_vm_info info;
    bool lro;

    lro = (!port->lro_refused
           && dpdk_vdpa_vf_has_lro(port->vf)
           && dpdk_vdpa_vm_get_info(port->vm, &info)
           && (info.features & DPDK_VDPA_VM_LRO_FEATURES)
              == DPDK_VDPA_VM_LRO_FEATURES);
    if (lro != config.lro) {
        char *error = NULL;

        config.lro = lro;
        if (accel_restart_vf(port, &config, &error)) {
            vdpa_port_event(port, "VF without LRO: %s", error);
            port->lro_refused = true;
            free(error);
        }
    }
}

void
vdpa_accelerator_check_switch(struct vdpa_port *port)
{
    if (port->switched && port->vm && dpdk_vdpa_vm_is_up(port->vm)
        && vdpa_port_device_is_up(port)) {
        vdpa_port_event(port, "mode is %s, guest went without for %lld ms",
                        vdpa_port_mode(port), time_msec() - port->switched);
        port->switched = 0;
    }
}
