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

#include "port/claim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>

#include "accel/vf.h"
#include "netdev-dpdk.h"
#include "netdev-provider.h"
#include "openvswitch/shash.h"
#include "port/port.h"
#include "util.h"

/* The classes whose interfaces may use an ethdev. */
static const struct netdev_class *classes[2];

void
vdpa_claim_init(const struct netdev_class *dpdk,
                const struct netdev_class *ours)
{
    classes[0] = dpdk;
    classes[1] = ours;
}

/* Looks for the interface of this switch that uses the ethdev 'port_id'.
 * Returns its name, which the caller must free, or null. */
static char *
find_interface_by_port_id(uint16_t port_id)
{
    char *name = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        struct shash devices = SHASH_INITIALIZER(&devices);
        struct shash_node *node;

        netdev_get_devices(classes[i], &devices);
        SHASH_FOR_EACH (node, &devices) {
            if (!name && netdev_dpdk_get_port_id(node->data) == port_id) {
                name = xstrdup(node->name);
            }
            netdev_close(node->data);
        }
        shash_destroy(&devices);
    }
    return name;
}

int
vdpa_claim_check_vf(const struct vdpa_port *port,
                    const struct dpdk_vdpa_vf *vf, char **errp)
{
    char *user = find_interface_by_port_id(dpdk_vdpa_vf_port_id(vf));
    const char *devargs = dpdk_vdpa_vf_devargs(vf);

    if (!user) {
        return 0;
    }
    if (!strcmp(user, port->name)) {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is the "
                          "representor that dpdk-devargs names; give the VF "
                          "that it represents", devargs);
    } else {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is in use by "
                          "interface \"%s\"; give a VF that nothing else "
                          "uses", devargs, user);
    }
    free(user);
    return EADDRINUSE;
}

/* Returns the ethdev that 'devargs' matches in the way of the base class, or
 * RTE_MAX_ETHPORTS. */
static uint16_t
find_representor(const char *devargs)
{
    struct rte_dev_iterator iterator;
    uint16_t port_id;

    RTE_ETH_FOREACH_MATCHING_DEV (port_id, devargs, &iterator) {
        rte_eth_iterator_cleanup(&iterator);
        break;
    }
    return port_id;
}

/* Checks that representor 'devargs' is there, or can be. */
static int
try_probe_representor(const char *devargs, char **errp)
{
    struct rte_devargs da;
    int error;

    memset(&da, 0, sizeof da);
    error = rte_devargs_parse(&da, devargs) ? EINVAL : -rte_dev_probe(devargs);
    if (error) {
        *errp = xasprintf("dpdk-devargs: \"%s\" cannot be probed (%s); check "
                          "that the device exists and what the log says",
                          devargs, ovs_strerror(error));
    } else {
        rte_eal_hotplug_remove(rte_bus_name(da.bus), da.name);
    }
    free(da.data);
    return error;
}

/* Checks that the ethdev 'port_id' is not the VF of a dpdkvdpa port: the base
 * class would take it without asking. */
static int
check_not_owned(uint16_t port_id, const char *devargs, char **errp)
{
    struct rte_eth_dev_owner owner = { .id = RTE_ETH_DEV_NO_OWNER };

    if (rte_eth_dev_is_valid_port(port_id)
        && !rte_eth_dev_owner_get(port_id, &owner)
        && owner.id != RTE_ETH_DEV_NO_OWNER) {
        *errp = xasprintf("dpdk-devargs: \"%s\" is in use by \"%s\"; give a "
                          "device that nothing else uses", devargs,
                          owner.name);
        return EADDRINUSE;
    }
    return 0;
}

int
vdpa_claim_check_representor(struct vdpa_port *port, const char *devargs,
                             char **errp)
{
    uint16_t port_id;
    char *user;
    int error;

    if (!devargs || !*devargs) {
        *errp = xasprintf("dpdk-devargs is %s; set it to the DPDK device "
                          "arguments of the VF's representor",
                          devargs ? "empty" : "missing");
        return EINVAL;
    }
    if (nullable_string_is_equal(devargs, port->rep_devargs)
        || !strncmp(devargs, "class=eth,mac=", 14)) {
        return 0;
    }

    port_id = find_representor(devargs);
    if (port_id >= RTE_MAX_ETHPORTS) {
        return port->configured ? try_probe_representor(devargs, errp) : 0;
    }
    error = check_not_owned(port_id, devargs, errp);
    if (error) {
        return error;
    }
    user = find_interface_by_port_id(port_id);
    if (user) {
        *errp = xasprintf("dpdk-devargs: \"%s\" is in use by interface "
                          "\"%s\"; give the representor of the VF", devargs,
                          user);
        free(user);
        return EADDRINUSE;
    }
    return 0;
}

int
vdpa_claim_check_dpdk(const char *devargs, char **errp)
{
    uint16_t port_id = *devargs ? find_representor(devargs) : RTE_MAX_ETHPORTS;

    return check_not_owned(port_id, devargs, errp);
}

bool
vdpa_claim_check_detach(const char *devargs, char **errp)
{
    uint16_t port_id = find_representor(devargs);
    uint16_t sibling;

    if (!rte_eth_dev_is_valid_port(port_id)) {
        return true;
    }
    RTE_ETH_FOREACH_DEV_SIBLING (sibling, port_id) {
        if (check_not_owned(sibling, devargs, errp)) {
            return false;
        }
    }
    return true;
}
