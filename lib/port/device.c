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

#include "port/device.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus.h>
#include <rte_devargs.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_pci.h>
#include <rte_vfio.h>

#include "packets.h"
#include "util.h"

bool
vdpa_device_parse(const char *devargs, struct vdpa_device *id)
{
    struct rte_pci_addr addr;
    struct rte_devargs da;

    memset(&da, 0, sizeof da);
    if (rte_devargs_parse(&da, devargs)) {
        return false;
    }
    if (!da.bus || !da.name[0]) {       /* As of "class=eth", "bus=pci". */
        free(da.data);
        return false;
    }
    id->bus = rte_bus_name(da.bus);
    if (!strcmp(id->bus, "pci") && !rte_pci_addr_parse(da.name, &addr)) {
        rte_pci_device_name(&addr, id->name, sizeof id->name);
    } else {
        ovs_strlcpy(id->name, da.name, sizeof id->name);
    }
    free(da.data);
    return true;
}

bool
vdpa_device_equal(const struct vdpa_device *a, const struct vdpa_device *b)
{
    return !strcmp(a->bus, b->bus) && !strcmp(a->name, b->name);
}

struct rte_device *
vdpa_device_find(const struct vdpa_device *id)
{
    struct rte_dev_iterator iterator;
    struct rte_device *device, *found = NULL;
    char *bus = xasprintf("bus=%s", id->bus);

    RTE_DEV_FOREACH (device, bus, &iterator) {
        if (!strcmp(rte_dev_name(device), id->name)
            && rte_dev_is_probed(device)) {
            found = device;
        }
    }
    free(bus);
    return found;
}

bool
vdpa_ethdev_is_on(uint16_t port_id, const struct vdpa_device *id)
{
    struct rte_eth_dev_info info;

    return (rte_eth_dev_is_valid_port(port_id)
            && !rte_eth_dev_info_get(port_id, &info)
            && info.device
            && !strcmp(rte_bus_name(rte_dev_bus(info.device)), id->bus)
            && !strcmp(rte_dev_name(info.device), id->name));
}

static bool
ethdev_is_representor(uint16_t port_id)
{
    struct rte_eth_dev_info info;

    return (!rte_eth_dev_info_get(port_id, &info)
            && *info.dev_flags & RTE_ETH_DEV_REPRESENTOR);
}

/* Returns true if there is a representor in e-switch 'domain', on a device
 * other than 'device'. */
static bool
domain_has_representor(uint16_t domain, const struct rte_device *device)
{
    struct rte_eth_dev_info info;

    for (uint16_t port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++) {
        if (rte_eth_dev_is_valid_port(port_id)
            && ethdev_is_representor(port_id)
            && !rte_eth_dev_info_get(port_id, &info)
            && info.device != device
            && info.switch_info.domain_id == domain) {
            return true;
        }
    }
    return false;
}

/* Some drivers, as mlx5, give a VF an e-switch of its own, which says nothing
 * of the NIC's.  The VF's is the NIC's if others' representors are there. */
void
vdpa_ethdev_get_place(uint16_t port_id, struct vdpa_place *place)
{
    struct rte_eth_dev_info info;

    memset(place, 0, sizeof *place);
    if (!rte_eth_dev_is_valid_port(port_id)
        || rte_eth_dev_info_get(port_id, &info)
        || info.switch_info.domain_id
           == RTE_ETH_DEV_SWITCH_DOMAIN_ID_INVALID) {
        return;
    }
    place->domain = info.switch_info.domain_id;
    place->port = info.switch_info.port_id;
    ovs_strlcpy(place->name,
                info.switch_info.name ? info.switch_info.name : "",
                sizeof place->name);
    place->known = (ethdev_is_representor(port_id)
                    || domain_has_representor(place->domain, info.device));
}

unsigned int
vdpa_ethdev_find(const struct vdpa_device *id, uint16_t *port_idp)
{
    unsigned int n = 0;

    for (uint16_t port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++) {
        if (vdpa_ethdev_is_on(port_id, id) && !ethdev_is_representor(port_id)
            && !n++) {
            *port_idp = port_id;
        }
    }
    return n;
}

/* Returns true if 'driver', one of the kernel's, shares its devices with
 * DPDK. */
static bool
driver_shares(const char *driver)
{
    return (strstr(driver, "uio") || !strncmp(driver, "mlx", 3)
            || !strcmp(driver, "mana"));
}

/* Stores in 'driver' the name of the driver of the kernel's that has the PCI
 * device 'name', empty if none has it.  Returns false if there is no such
 * device.  Looks where DPDK does. */
static bool
pci_driver(const char *name, char driver[PATH_MAX])
{
    const char *root = getenv("SYSFS_PCI_DEVICES");
    char *dir = xasprintf("%s/%s", root ? root : "/sys/bus/pci/devices",
                          name);
    char *link = xasprintf("%s/driver", dir);
    ssize_t n = readlink(link, driver, PATH_MAX - 1);
    bool there = !access(dir, F_OK);
    const char *base;

    driver[MAX(n, 0)] = '\0';
    base = strrchr(driver, '/');
    if (base) {
        memmove(driver, base + 1, strlen(base));
    }
    free(link);
    free(dir);
    return there;
}

/* Returns why DPDK does not get the PCI device 'name', or null. */
static char *
explain_pci(const char *name)
{
    char driver[PATH_MAX];

    if (!pci_driver(name, driver)) {
        return xasprintf("there is no PCI device %s; give one that "
                         "\"dpdk-devbind.py --status\" lists", name);
    } else if (!driver[0]) {
        return xasprintf("no driver of the kernel has it; bind it to "
                         "vfio-pci (\"dpdk-devbind.py --bind=vfio-pci %s\")",
                         name);
    } else if (strstr(driver, "vfio") && !rte_vfio_is_enabled("vfio")) {
        return xasprintf("%s, which has it, was not loaded when ovs-vswitchd "
                         "started, or /dev/vfio/vfio could not be opened; "
                         "start ovs-vswitchd anew", driver);
    } else if (!strstr(driver, "vfio") && !driver_shares(driver)) {
        return xasprintf("the kernel's driver %s has it; bind it to vfio-pci "
                         "(\"dpdk-devbind.py --bind=vfio-pci %s\")", driver,
                         name);
    } else if (!rte_eal_has_pci()) {
        return xstrdup("other_config:dpdk-extra has \"--no-pci\"; take that "
                       "out and start ovs-vswitchd anew");
    }
    return NULL;
}

char *
vdpa_devargs_explain(const char *devargs)
{
    unsigned int n = rte_eth_dev_count_total();
    struct vdpa_device id;
    char *why = NULL;

    if (vdpa_device_parse(devargs, &id) && !strcmp(id.bus, "pci")) {
        why = explain_pci(id.name);
    }
    if (!why && n >= RTE_MAX_ETHPORTS) {
        why = xasprintf("DPDK has room for %d Ethernet devices, %u are in "
                        "use; delete ports that are not needed, or use a "
                        "DPDK that was built for more (its option "
                        "max_ethports)", RTE_MAX_ETHPORTS, n);
    }
    return why;
}

static bool
ethdev_has_mac(uint16_t port_id, const struct eth_addr *mac)
{
    struct rte_ether_addr addr;

    return (rte_eth_dev_is_valid_port(port_id)
            && !rte_eth_macaddr_get(port_id, &addr)
            && !memcmp(addr.addr_bytes, mac->ea, sizeof mac->ea));
}

/* Returns the ethdev with the MAC address 's', or RTE_MAX_ETHPORTS.  Open
 * vSwitch does not see those that are owned; if there is no other, we say who
 * owns it. */
static uint16_t
find_by_mac(const char *s)
{
    struct eth_addr mac;
    uint16_t port_id;

    if (!eth_addr_from_string(s, &mac)) {
        return RTE_MAX_ETHPORTS;
    }
    RTE_ETH_FOREACH_DEV (port_id) {
        if (ethdev_has_mac(port_id, &mac)) {
            return port_id;
        }
    }
    for (port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++) {
        if (ethdev_has_mac(port_id, &mac)) {
            return port_id;
        }
    }
    return RTE_MAX_ETHPORTS;
}

/* What dpdk-devargs begin with that name an ethdev by its MAC address. */
static const char by_mac[] = "class=eth,mac=";

bool
vdpa_ethdev_names_mac(const char *devargs)
{
    return !strncmp(devargs, by_mac, sizeof by_mac - 1);
}

uint16_t
vdpa_ethdev_match(const char *devargs)
{
    struct rte_dev_iterator iterator;
    uint16_t port_id;

    if (vdpa_ethdev_names_mac(devargs)) {
        return find_by_mac(devargs + sizeof by_mac - 1);
    }
    RTE_ETH_FOREACH_MATCHING_DEV (port_id, devargs, &iterator) {
        rte_eth_iterator_cleanup(&iterator);
        break;
    }
    return port_id;
}
