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

#include "port/apply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>

#include "netdev-dpdk.h"
#include "netdev-provider.h"
#include "port/accelerator.h"
#include "port/claim.h"
#include "port/device.h"
#include "port/dmas.h"
#include "port/guest.h"
#include "port/options.h"
#include "port/port.h"
#include "smap.h"
#include "util.h"
#include "vhost/vm.h"

/* Has 'port' connect to 'path' for its present device.  'vm' is a VM end
 * there, or null if the one that the port has will do. */
static int
apply_to_guest(struct vdpa_port *port, struct dpdk_vdpa_vm *vm,
               const char *path, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    if (port->accel == VDPA_ACCEL_NONE) {
        if (vm) {               /* When the device is back, so is the guest. */
            dpdk_vdpa_vm_destroy(vm);
            vdpa_guest_drop(port);
        }
        return 0;
    }
    return (vm ? vdpa_guest_replace(port, vm, errp)
            : port->vm ? vdpa_guest_adapt(port, errp)
            : vdpa_guest_make(port, path, errp));
}

/* Makes 'port' obey 'new', whose contents it takes over.  If it cannot, leaves
 * the port as it was, save that a new VF stays if only the new socket fails,
 * which takes more than a wrong option. */
static int
apply_options(struct vdpa_port *port, struct dpdk_vdpa_options *new,
              char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_vm *vm = NULL;
    uint64_t withheld = port->withheld;
    struct vdpa_dmas dmas = port->dmas;
    int error = vdpa_dmas_claim(&new->dmas, port->name, errp);

    if (!error && port->vm
        && strcmp(new->socket_path, dpdk_vdpa_vm_path(port->vm))) {
        error = vdpa_guest_create(port, new->socket_path, &vm, errp);
    }
    if (error) {
        return error;
    }
    error = vdpa_accelerator_apply(port, new, errp);
    if (error) {
        dpdk_vdpa_vm_destroy(vm);
        return error;
    }
    port->withheld = new->withheld;
    port->dmas = new->dmas;
    error = apply_to_guest(port, vm, new->socket_path, errp);
    if (error) {
        port->withheld = withheld;
        port->dmas = dmas;
        return error;
    }
    if (withheld != new->withheld) {
        vdpa_port_wake_main(port);      /* The VF may have to adapt. */
    }

    dpdk_vdpa_options_destroy(&port->options);
    port->options = *new;
    if (port->tx_retries_max != new->tx_retries_max) {
        vdpa_port_lock(port);
        port->tx_retries_max = new->tx_retries_max;
        vdpa_port_update_relay(port);
        vdpa_port_unlock(port);
    }
    return 0;
}

/* Checks the dpdk-devargs 'devargs' of 'port' and stores in '*place' where the
 * ethdev is that they name.  Those of a port that is in force, which are to
 * change, must name one: the port is then deleted and made anew, which had
 * better work. */
static int
check_representor(struct vdpa_port *port, const char *devargs,
                  struct vdpa_place *place, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    if (!devargs || !*devargs) {
        *errp = xasprintf("dpdk-devargs is %s; set it to the DPDK device "
                          "arguments of the VF's representor",
                          devargs ? "empty" : "missing");
        return EINVAL;
    }
    if (nullable_string_is_equal(devargs, port->rep_devargs)) {
        *place = port->rep_place;
        return 0;
    }
    return vdpa_claim_check_interface(port->name, devargs, port->configured,
                                      place, errp);
}

/* Sees that the representor, if 'netdev' has it, tells of its link if 'args'
 * want that.  Before Open vSwitch 3.5 the class "dpdk" finds out when it is
 * too late, and the datapath then drops the port. */
static int
check_lsc(struct netdev *netdev, const struct smap *args, char **errp)
{
    int port_id = netdev_dpdk_get_port_id(netdev);
    struct rte_eth_dev_info info;

    if (smap_get_bool(args, "dpdk-lsc-interrupt", false)
        && rte_eth_dev_is_valid_port(port_id)
        && !rte_eth_dev_info_get(port_id, &info)
        && !(*info.dev_flags & RTE_ETH_DEV_INTR_LSC)) {
        *errp = xasprintf("dpdk-lsc-interrupt: the representor \"%s\" has no "
                          "interrupt for its link; set it to \"false\"",
                          smap_get(args, "dpdk-devargs"));
        return EOPNOTSUPP;
    }
    return 0;
}

/* Makes the representor obey 'args'.  What it says without an error is a
 * warning. */
static int
apply_to_representor(struct vdpa_port *port, struct netdev *netdev,
                     const struct smap *args, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    int error = check_lsc(netdev, args, errp);
    int port_id;

    if (error) {
        return error;
    }
    error = vdpa_base_class->set_config(netdev, args, errp);
    port_id = netdev_dpdk_get_port_id(netdev);
    vdpa_claim_note_interface(netdev, &port->rep_place);
    if (!error) {
        vdpa_port_set_reason(port, VDPA_REASON_OPTION, *errp);
        *errp = NULL;
        error = check_lsc(netdev, args, errp);  /* It may be new. */
    } else if (*errp && !rte_eth_dev_is_valid_port(port_id)) {
        const char *devargs = smap_get(args, "dpdk-devargs");
        char *why = vdpa_devargs_explain(devargs);

        if (why) {
            free(*errp);
            *errp = xasprintf("dpdk-devargs: \"%s\" cannot be had: %s",
                              devargs, why);
            free(why);
        }
    }
    return error;
}

/* Makes 'port' obey 'new', of which 'args' are the origin, in the order in
 * which nothing is lost if something fails.  'rep_place' is that of the
 * representor that 'args' ask for. */
static int
apply_all(struct vdpa_port *port, struct netdev *netdev,
          const struct smap *args, const struct vdpa_place *rep_place,
          struct dpdk_vdpa_options *new, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    const char *rep_devargs = smap_get(args, "dpdk-devargs");
    struct vdpa_place old_place = port->rep_place;
    int error;

    if (!port->configured || !strcmp(rep_devargs, port->rep_devargs)) {
        error = apply_to_representor(port, netdev, args, errp);
        return error ? error : apply_options(port, new, errp);
    }

    /* The base class is going to want the port made anew, with all of 'args'.
     * First see that they are good. */
    port->rep_place = *rep_place;
    error = apply_options(port, new, errp);
    if (error) {
        port->rep_place = old_place;
        return error;
    }
    memset(new, 0, sizeof *new);
    return vdpa_base_class->set_config(netdev, args, errp);
}

int
vdpa_apply_config(struct vdpa_port *port, struct netdev *netdev,
                  const struct smap *args, char **errp)
{
    const char *rep_devargs = smap_get(args, "dpdk-devargs");
    struct dpdk_vdpa_options new;
    struct vdpa_place rep_place;
    int error;

    error = dpdk_vdpa_options_parse(port->name, args, &new, errp);
    if (error) {
        return error;
    }
    error = check_representor(port, rep_devargs, &rep_place, errp);
    error = error ? error : apply_all(port, netdev, args, &rep_place, &new,
                                      errp);
    if (error) {
        dpdk_vdpa_options_destroy(&new);
        return error;
    }
    if (!port->configured) {
        port->rep_devargs = xstrdup(rep_devargs);
        port->configured = true;
    }
    return 0;
}
