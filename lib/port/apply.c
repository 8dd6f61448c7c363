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

#include <stdlib.h>
#include <string.h>

#include "netdev-provider.h"
#include "port/accelerator.h"
#include "port/claim.h"
#include "port/guest.h"
#include "port/options.h"
#include "port/port.h"
#include "smap.h"
#include "util.h"
#include "vhost/vm.h"

/* Makes 'port' obey 'new', whose contents it takes over.  If it cannot, leaves
 * the port as it was, save that a new VF stays if only the new socket fails,
 * which takes more than a wrong option. */
static int
apply_options(struct vdpa_port *port, struct dpdk_vdpa_options *new,
              char **errp)
{
    struct dpdk_vdpa_vm *vm = NULL;
    int error = 0;

    if (port->vm && strcmp(new->socket_path, dpdk_vdpa_vm_path(port->vm))) {
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

    error = (vm ? vdpa_guest_replace(port, vm, errp)
             : port->vm ? vdpa_guest_adapt(port, errp)
             : vdpa_guest_make(port, new->socket_path, errp));
    if (error) {
        return error;
    }

    dpdk_vdpa_options_destroy(&port->options);
    port->options = *new;
    if (port->tx_retries_max != new->tx_retries_max) {
        ovs_mutex_lock(&port->mutex);
        port->tx_retries_max = new->tx_retries_max;
        vdpa_port_update_relay(port);
        ovs_mutex_unlock(&port->mutex);
    }
    return 0;
}

int
vdpa_apply_config(struct vdpa_port *port, struct netdev *netdev,
                  const struct smap *args, char **errp)
{
    const char *rep_devargs = smap_get(args, "dpdk-devargs");
    struct dpdk_vdpa_options new;
    int error;

    error = dpdk_vdpa_options_parse(port->name, args, &new, errp);
    if (error) {
        return error;
    }
    error = vdpa_claim_check_representor(port, rep_devargs, errp);
    if (error) {
        goto error;
    }
    error = vdpa_base_class->set_config(netdev, args, errp);
    if (error) {
        goto error;
    }
    free(*errp);                        /* It may warn without an error. */
    *errp = NULL;
    error = apply_options(port, &new, errp);
    if (error) {
        goto error;
    }

    if (!port->configured) {
        port->rep_devargs = xstrdup(rep_devargs);
        port->configured = true;
    }
    return 0;

error:
    dpdk_vdpa_options_destroy(&new);
    return error;
}
