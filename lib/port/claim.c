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

/* rte_dev_iterator_init(). */
#define ALLOW_EXPERIMENTAL_API

#include "port/claim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>
#include <rte_pci.h>
#include <rte_vdpa.h>

#include "netdev-dpdk.h"
#include "netdev-provider.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_claim);

/* A device of a bus, by the name that DPDK has for it. */
struct device_id {
    const char *bus;            /* Never freed. */
    char name[RTE_DEV_NAME_MAX_LEN];
};

struct vdpa_claim {
    struct ovs_list list_node;          /* In 'claims', under 'mutex'. */

    /* Constant. */
    struct device_id id;
    char *owner;                        /* The port's name. */
    struct rte_vdpa_device *vdpa;       /* Null if an ethdev is claimed. */
    uint16_t port_id;                   /* RTE_MAX_ETHPORTS if a vDPA device
                                         * is. */
    struct rte_eth_dev_owner eth_owner;
    bool probed;                        /* The device was not there before. */
    bool appeared;                      /* Or only its ethdev was not. */
};

/* An interface that uses an ethdev. */
struct interface {
    struct ovs_list list_node;          /* In 'interfaces', under 'mutex'. */
    const struct netdev *netdev;
    char *name;
    uint16_t port_id;
};

/* Protects both lists, and keeps us from probing and removing at the same
 * time.  DPDK's locks are taken with it held. */
static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list claims OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&claims);
static struct ovs_list interfaces OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&interfaces);

/* Devices. */

/* Stores in 'id' which device 'devargs' name.  Returns false if they do not
 * look like a device's. */
static bool
device_id_parse(const char *devargs, struct device_id *id)
{
    struct rte_pci_addr addr;
    struct rte_devargs da;

    memset(&da, 0, sizeof da);
    if (rte_devargs_parse(&da, devargs)) {
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

static bool
device_id_equal(const struct device_id *a, const struct device_id *b)
{
    return !strcmp(a->bus, b->bus) && !strcmp(a->name, b->name);
}

/* Returns the device if a driver has it, or null. */
static struct rte_device *
device_find(const struct device_id *id)
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

static bool
ethdev_is_on(uint16_t port_id, const struct device_id *id)
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

void
vdpa_claim_get_place(uint16_t port_id, struct vdpa_place *place)
{
    struct rte_eth_dev_info info;

    memset(place, 0, sizeof *place);
    if (rte_eth_dev_is_valid_port(port_id)
        && !rte_eth_dev_info_get(port_id, &info)
        && info.switch_info.domain_id
           != RTE_ETH_DEV_SWITCH_DOMAIN_ID_INVALID) {
        place->known = true;
        place->domain = info.switch_info.domain_id;
        place->port = info.switch_info.port_id;
        ovs_strlcpy(place->name,
                    info.switch_info.name ? info.switch_info.name : "",
                    sizeof place->name);
    }
}

/* Looks for the ethdev of the device, representors aside.  Returns the number
 * of ethdevs that fit and stores the first one. */
static unsigned int
find_ethdev(const struct device_id *id, uint16_t *port_idp)
{
    unsigned int n = 0;

    for (uint16_t port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++) {
        if (ethdev_is_on(port_id, id) && !ethdev_is_representor(port_id)
            && !n++) {
            *port_idp = port_id;
        }
    }
    return n;
}

/* Returns true if 'devargs' have the device argument 'key'. */
static bool
devargs_have(const char *devargs, const char *key)
{
    size_t len = strlen(key);

    for (const char *arg = strchr(devargs, ','); arg; arg = strchr(arg, ',')) {
        arg++;
        if (!strncmp(arg, key, len) && arg[len] == '=') {
            return true;
        }
    }
    return false;
}

bool
vdpa_claim_is_hardware(const char *devargs)
{
    struct device_id id;

    return (device_id_parse(devargs, &id)
            && (!strcmp(id.bus, "pci") || !strcmp(id.bus, "auxiliary")));
}

bool
vdpa_claim_may_exist(const char *devargs)
{
    struct device_id id;
    bool exists = true;

    if (vdpa_claim_is_hardware(devargs) && device_id_parse(devargs, &id)) {
        char *path = xasprintf("/sys/bus/%s/devices/%s", id.bus, id.name);

        exists = !access(path, F_OK);
        free(path);
    }
    return exists;
}

/* Users. */

static const struct vdpa_claim *
claim_of_device(const struct device_id *id)
    OVS_REQUIRES(mutex)
{
    const struct vdpa_claim *claim;

    LIST_FOR_EACH (claim, list_node, &claims) {
        if (device_id_equal(&claim->id, id)) {
            return claim;
        }
    }
    return NULL;
}

static const struct interface *
interface_of_ethdev(uint16_t port_id)
    OVS_REQUIRES(mutex)
{
    const struct interface *interface;

    LIST_FOR_EACH (interface, list_node, &interfaces) {
        if (interface->port_id == port_id) {
            return interface;
        }
    }
    return NULL;
}

/* Says who uses the ethdev 'port_id', other than interface 'name'.  Returns a
 * piece of a sentence that the caller must free, or null if nobody does. */
static char *
ethdev_user(uint16_t port_id, const char *name)
    OVS_REQUIRES(mutex)
{
    struct rte_eth_dev_owner owner = { .id = RTE_ETH_DEV_NO_OWNER };
    const struct interface *interface = interface_of_ethdev(port_id);
    const struct vdpa_claim *claim;

    LIST_FOR_EACH (claim, list_node, &claims) {
        if (claim->port_id == port_id) {
            return xasprintf("port \"%s\", which relays for its guest",
                             claim->owner);
        }
    }
    if (interface && strcmp(interface->name, name)) {
        return xasprintf("interface \"%s\"", interface->name);
    }
    if (!rte_eth_dev_owner_get(port_id, &owner)
        && owner.id != RTE_ETH_DEV_NO_OWNER) {
        return xasprintf("\"%s\"", owner.name);
    }
    return NULL;
}

/* Returns true if anybody uses an ethdev of the device, or it as a vDPA
 * device. */
static bool
device_is_used(const struct device_id *id)
    OVS_REQUIRES(mutex)
{
    bool used = claim_of_device(id);

    for (uint16_t port_id = 0; !used && port_id < RTE_MAX_ETHPORTS;
         port_id++) {
        if (ethdev_is_on(port_id, id)) {
            char *user = ethdev_user(port_id, "");

            used = user != NULL;
            free(user);
        }
    }
    return used;
}

/* Removes the device from DPDK, with all its ethdevs, unless it is used. */
static void
remove_unused(const struct device_id *id)
    OVS_REQUIRES(mutex)
{
    struct rte_device *device = device_find(id);
    int error;

    if (!device || device_is_used(id)) {
        return;
    }
    for (uint16_t port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++) {
        if (ethdev_is_on(port_id, id)) {
            rte_eth_dev_close(port_id);
        }
    }
    error = -rte_dev_remove(device);
    if (error > 0) {
        VLOG_ERR("device \"%s\" cannot be removed from DPDK: %s", id->name,
                 ovs_strerror(error));
    }
}

char *
vdpa_claim_explain_full(void)
{
    unsigned int n = rte_eth_dev_count_total();

    return (n < RTE_MAX_ETHPORTS ? NULL
            : xasprintf("DPDK has room for %d Ethernet devices, %u are in "
                        "use; delete ports that are not needed, or use a DPDK "
                        "that was built for more (its option max_ethports)",
                        RTE_MAX_ETHPORTS, n));
}

/* Claiming. */

/* Returns why 'devargs' could not be probed, with 'error'. */
static char *
explain_probe(const char *devargs, const char *as, int error)
{
    char *full = vdpa_claim_explain_full();
    char *text;

    if (full) {
        text = xasprintf("vdpa-accelerator-devargs: \"%s\" cannot be had: %s",
                         devargs, full);
    } else {
        text = xasprintf("vdpa-accelerator-devargs: \"%s\" cannot be probed%s "
                         "(%s); check that it exists, that it is bound to a "
                         "driver DPDK can use, and what the log says",
                         devargs, as, ovs_strerror(error));
    }
    free(full);
    return text;
}

/* Creates a claim on the device of 'devargs', which is nobody's so far. */
static int
claim_create(const char *devargs, const char *owner,
             struct vdpa_claim **claimp, char **errp)
    OVS_REQUIRES(mutex)
{
    const struct vdpa_claim *other;
    struct vdpa_claim *claim;
    struct device_id id;

    if (!device_id_parse(devargs, &id)) {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is not a device; "
                          "give the address of a VF (0000:03:00.2), or the "
                          "name of a virtual device (net_null0), with its "
                          "arguments", devargs);
        return EINVAL;
    }
    other = claim_of_device(&id);
    if (other) {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is in use by port "
                          "\"%s\", %s; give each port a VF of its own",
                          devargs, other->owner,
                          other->vdpa ? "whose guest it serves by itself"
                          : "which relays for its guest");
        return EADDRINUSE;
    }
    claim = xzalloc(sizeof *claim);
    claim->id = id;
    claim->owner = xstrdup(owner);
    claim->port_id = RTE_MAX_ETHPORTS;
    *claimp = claim;
    return 0;
}

/* Frees 'claim', which is in no list.  If all that we did is probe, takes that
 * back. */
static void
claim_abort(struct vdpa_claim *claim)
    OVS_REQUIRES(mutex)
{
    if (claim->probed) {
        remove_unused(&claim->id);
    }
    free(claim->owner);
    free(claim);
}

/* Finds the ethdev of 'claim', which is not there, by probing 'devargs'.
 * Whether we bring the device is known beforehand: rte_dev_probe() returns 0
 * for one that is there already, too. */
static int
claim_probe(struct vdpa_claim *claim, const char *devargs, const char *as,
            char **errp)
    OVS_REQUIRES(mutex)
{
    bool was_there = device_find(&claim->id) != NULL;
    int error = -rte_dev_probe(devargs);

    if (error) {
        *errp = explain_probe(devargs, as, error);
    } else {
        claim->probed = !was_there;
    }
    return error;
}

/* Checks that nobody uses the ethdev 'port_id', which 'claim' would have. */
static int
claim_check_free(const struct vdpa_claim *claim, uint16_t port_id,
                 const char *devargs, char **errp)
    OVS_REQUIRES(mutex)
{
    const struct interface *interface = interface_of_ethdev(port_id);
    char *user;

    if (interface && !strcmp(interface->name, claim->owner)) {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is the device that "
                          "dpdk-devargs name; give the VF that it represents",
                          devargs);
        return EADDRINUSE;
    }
    user = ethdev_user(port_id, "");
    if (user) {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is in use by %s; "
                          "give a VF that nothing else uses", devargs, user);
        free(user);
        return EADDRINUSE;
    }
    return 0;
}

/* Finds the ethdev of 'claim', and checks that nobody uses it. */
static int
claim_find_ethdev(struct vdpa_claim *claim, const char *devargs, char **errp)
    OVS_REQUIRES(mutex)
{
    unsigned int n = find_ethdev(&claim->id, &claim->port_id);

    if (!n) {
        int error = claim_probe(claim, devargs, "", errp);

        if (error) {
            return error;
        }
        n = find_ethdev(&claim->id, &claim->port_id);
        claim->appeared = !claim->probed && n == 1;
    }
    if (n != 1) {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" has %u Ethernet "
                          "ports; give a device with exactly one", devargs, n);
        return ENODEV;
    }
    return claim_check_free(claim, claim->port_id, devargs, errp);
}

/* Tells DPDK whose the ethdev of 'claim' is, so that nobody else takes it. */
static int
claim_own(struct vdpa_claim *claim, const char *devargs, char **errp)
{
    int error;

    rte_eth_dev_owner_new(&claim->eth_owner.id);
    snprintf(claim->eth_owner.name, sizeof claim->eth_owner.name,
             "dpdkvdpa %s", claim->owner);
    error = -rte_eth_dev_owner_set(claim->port_id, &claim->eth_owner);
    if (error) {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" cannot be made "
                          "ours (%s); see the log", devargs,
                          ovs_strerror(error));
    }
    return error;
}

int
vdpa_claim_vf(const char *devargs, const char *owner,
              struct vdpa_claim **claimp, char **errp)
    OVS_EXCLUDED(mutex)
{
    struct vdpa_claim *claim;
    int error;

    *claimp = NULL;
    if (devargs_have(devargs, "representor")) {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is a representor; "
                          "give the VF that it represents", devargs);
        return EINVAL;
    }
    ovs_mutex_lock(&mutex);
    error = claim_create(devargs, owner, &claim, errp);
    if (!error) {
        error = claim_find_ethdev(claim, devargs, errp);
        error = error ? error : claim_own(claim, devargs, errp);
        if (error) {
            claim_abort(claim);
        } else {
            ovs_list_push_back(&claims, &claim->list_node);
            *claimp = claim;
        }
    }
    ovs_mutex_unlock(&mutex);
    return error;
}

/* Returns how to probe the device of 'devargs': one on a bus of real hardware
 * becomes a vDPA device if it is asked to. */
static char *
vdpa_probe_devargs(const char *devargs)
{
    return (vdpa_claim_is_hardware(devargs) && !strstr(devargs, "class=")
            && !strstr(devargs, "vdpa=")
            ? xasprintf("%s,class=vdpa", devargs)
            : xstrdup(devargs));
}

/* Finds the vDPA device of 'claim'. */
static int
claim_find_vdpa(struct vdpa_claim *claim, const char *devargs, char **errp)
    OVS_REQUIRES(mutex)
{
    uint16_t port_id;
    int error;

    if (find_ethdev(&claim->id, &port_id)) {
        error = claim_check_free(claim, port_id, devargs, errp);
        if (error) {
            return error;
        }
    }
    claim->vdpa = rte_vdpa_find_device_by_name(claim->id.name);
    if (!claim->vdpa) {
        char *probe = vdpa_probe_devargs(devargs);

        error = claim_probe(claim, probe, " as a vDPA device", errp);
        free(probe);
        if (error) {
            return error;
        }
        claim->vdpa = rte_vdpa_find_device_by_name(claim->id.name);
    }
    if (!claim->vdpa) {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is no vDPA "
                          "device", devargs);
        return ENODEV;
    }
    return 0;
}

int
vdpa_claim_vdpa(const char *devargs, const char *owner,
                struct vdpa_claim **claimp, char **errp)
    OVS_EXCLUDED(mutex)
{
    struct vdpa_claim *claim;
    int error;

    *claimp = NULL;
    ovs_mutex_lock(&mutex);
    error = claim_create(devargs, owner, &claim, errp);
    if (!error) {
        error = claim_find_vdpa(claim, devargs, errp);
        if (error) {
            claim_abort(claim);
        } else {
            ovs_list_push_back(&claims, &claim->list_node);
            *claimp = claim;
        }
    }
    ovs_mutex_unlock(&mutex);
    return error;
}

void
vdpa_claim_release(struct vdpa_claim *claim, bool dead)
    OVS_EXCLUDED(mutex)
{
    if (!claim) {
        return;
    }

    ovs_mutex_lock(&mutex);
    ovs_list_remove(&claim->list_node);
    if (rte_eth_dev_is_valid_port(claim->port_id)) {
        rte_eth_dev_owner_unset(claim->port_id, claim->eth_owner.id);
        if (claim->appeared || dead) {
            rte_eth_dev_close(claim->port_id);
        }
    }
    if (claim->probed || dead) {
        remove_unused(&claim->id);
    }
    ovs_mutex_unlock(&mutex);
    free(claim->owner);
    free(claim);
}

uint16_t
vdpa_claim_port_id(const struct vdpa_claim *claim)
{
    return claim->port_id;
}

struct rte_vdpa_device *
vdpa_claim_device(const struct vdpa_claim *claim)
{
    return claim->vdpa;
}

const char *
vdpa_claim_name(const struct vdpa_claim *claim)
{
    return claim->id.name;
}

bool
vdpa_claim_is_device(const struct vdpa_claim *claim, const char *devargs)
{
    struct device_id id;

    return device_id_parse(devargs, &id) && device_id_equal(&claim->id, &id);
}

/* Interfaces. */

static struct interface *
interface_find(const struct netdev *netdev)
    OVS_REQUIRES(mutex)
{
    struct interface *interface;

    LIST_FOR_EACH (interface, list_node, &interfaces) {
        if (interface->netdev == netdev) {
            return interface;
        }
    }
    return NULL;
}

void
vdpa_claim_note_interface(struct netdev *netdev)
    OVS_EXCLUDED(mutex)
{
    int port_id = netdev_dpdk_get_port_id(netdev);
    struct interface *interface;

    ovs_mutex_lock(&mutex);
    interface = interface_find(netdev);
    if (!interface) {
        interface = xzalloc(sizeof *interface);
        interface->netdev = netdev;
        interface->name = xstrdup(netdev_get_name(netdev));
        ovs_list_push_back(&interfaces, &interface->list_node);
    }
    interface->port_id = port_id < 0 ? RTE_MAX_ETHPORTS : port_id;
    ovs_mutex_unlock(&mutex);
}

void
vdpa_claim_forget_interface(const struct netdev *netdev)
    OVS_EXCLUDED(mutex)
{
    struct interface *interface;

    ovs_mutex_lock(&mutex);
    interface = interface_find(netdev);
    if (interface) {
        ovs_list_remove(&interface->list_node);
        free(interface->name);
        free(interface);
    }
    ovs_mutex_unlock(&mutex);
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

static bool
names_mac(const char *devargs)
{
    return !strncmp(devargs, by_mac, sizeof by_mac - 1);
}

/* Returns the ethdev that 'devargs' match in the way of Open vSwitch, or
 * RTE_MAX_ETHPORTS. */
static uint16_t
find_interface_ethdev(const char *devargs)
{
    struct rte_dev_iterator iterator;
    uint16_t port_id;

    if (names_mac(devargs)) {
        return find_by_mac(devargs + sizeof by_mac - 1);
    }
    RTE_ETH_FOREACH_MATCHING_DEV (port_id, devargs, &iterator) {
        rte_eth_iterator_cleanup(&iterator);
        break;
    }
    return port_id;
}

/* Returns why probing 'devargs', with the result 'error', brought nothing on
 * device 'id'. */
static char *
explain_interface(const char *devargs, const struct device_id *id, int error)
{
    char *full = vdpa_claim_explain_full();
    char *text;

    if (full) {
        text = xasprintf("dpdk-devargs: \"%s\" cannot be had: %s", devargs,
                         full);
    } else if (error) {
        text = xasprintf("dpdk-devargs: \"%s\" cannot be probed (%s); check "
                         "that the device exists and what the log says",
                         devargs, ovs_strerror(error));
    } else {
        text = xasprintf("dpdk-devargs: \"%s\" matches no Ethernet port: "
                         "device \"%s\" has no such representor; give one "
                         "that it has", devargs, id->name);
    }
    free(full);
    return text;
}

/* Looks whether and at which place probing 'devargs', which match no ethdev,
 * brings one, and takes away again what that brought. */
static int
try_probe(const char *devargs, struct vdpa_place *place, char **errp)
    OVS_REQUIRES(mutex)
{
    bool valid[RTE_MAX_ETHPORTS];
    struct device_id id;
    uint16_t found;
    bool was_there;
    int error;

    if (!device_id_parse(devargs, &id)) {
        *errp = xasprintf("dpdk-devargs: \"%s\" is not a device; give the "
                          "device arguments of the VF's representor",
                          devargs);
        return EINVAL;
    }
    for (uint16_t port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++) {
        valid[port_id] = rte_eth_dev_is_valid_port(port_id);
    }
    was_there = device_find(&id) != NULL;
    error = -rte_dev_probe(devargs);
    found = error ? RTE_MAX_ETHPORTS : find_interface_ethdev(devargs);
    vdpa_claim_get_place(found, place);
    for (uint16_t port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++) {
        if (!valid[port_id] && ethdev_is_on(port_id, &id)) {
            rte_eth_dev_close(port_id);
        }
    }
    if (!was_there && !error) {
        remove_unused(&id);
    }
    if (found >= RTE_MAX_ETHPORTS) {
        *errp = explain_interface(devargs, &id, error);
        return error ? error : ENODEV;
    }
    return 0;
}

static int
check_interface(const char *name, const char *devargs, bool probe,
                struct vdpa_place *place, char **errp)
    OVS_REQUIRES(mutex)
{
    uint16_t port_id = find_interface_ethdev(devargs);
    char *user;

    vdpa_claim_get_place(port_id, place);
    if (!rte_eth_dev_is_valid_port(port_id)) {
        if (probe && names_mac(devargs)) {
            *errp = xasprintf("dpdk-devargs: \"%s\" matches no Ethernet port "
                              "of DPDK; give the MAC address of the VF's "
                              "representor", devargs);
            return ENODEV;
        }
        return probe ? try_probe(devargs, place, errp) : 0;
    }
    user = ethdev_user(port_id, name);
    if (user) {
        *errp = xasprintf("dpdk-devargs: \"%s\" is in use by %s; give a "
                          "device that nothing else uses", devargs, user);
        free(user);
        return EADDRINUSE;
    }
    return 0;
}

int
vdpa_claim_check_interface(const char *name, const char *devargs, bool probe,
                           struct vdpa_place *place, char **errp)
    OVS_EXCLUDED(mutex)
{
    int error;

    ovs_mutex_lock(&mutex);
    error = check_interface(name, devargs, probe, place, errp);
    ovs_mutex_unlock(&mutex);
    return error;
}

bool
vdpa_claim_check_detach(const char *devargs, char **errp)
    OVS_EXCLUDED(mutex)
{
    const struct vdpa_claim *claim;
    struct device_id id;

    if (!device_id_parse(devargs, &id)) {
        return true;
    }
    ovs_mutex_lock(&mutex);
    claim = claim_of_device(&id);
    if (claim) {
        *errp = xasprintf("\"%s\" is in use by port \"%s\"; delete that "
                          "first", devargs, claim->owner);
    }
    ovs_mutex_unlock(&mutex);
    return !claim;
}

/* Pairs. */

int
vdpa_claim_check_pair(const struct vdpa_claim *claim,
                      const struct vdpa_place *rep, bool *unknown,
                      char **errp)
{
    struct vdpa_place vf;

    vdpa_claim_get_place(claim->port_id, &vf);
    *unknown = !rep->known || !vf.known;
    if (!*unknown && (rep->domain != vf.domain || rep->port != vf.port)) {
        *errp = xasprintf("dpdk-devargs: the representor is of port %u of "
                          "e-switch \"%s\", VF \"%s\" is port %u of \"%s\"; "
                          "give the representor of that VF", rep->port,
                          rep->name, claim->id.name, vf.port, vf.name);
        return EINVAL;
    }
    return 0;
}
