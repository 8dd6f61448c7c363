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
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_vdpa.h>

#include "netdev-dpdk.h"
#include "netdev-provider.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "port/device.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_claim);

struct vdpa_claim {
    struct ovs_list list_node;          /* In 'claims', under 'mutex'. */

    /* Constant. */
    struct vdpa_device id;
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
    struct vdpa_device id;

    return (vdpa_device_parse(devargs, &id)
            && (!strcmp(id.bus, "pci") || !strcmp(id.bus, "auxiliary")));
}

bool
vdpa_claim_may_exist(const char *devargs)
{
    struct vdpa_device id;
    bool exists = true;

    if (vdpa_claim_is_hardware(devargs) && vdpa_device_parse(devargs, &id)) {
        char *path = xasprintf("/sys/bus/%s/devices/%s", id.bus, id.name);

        exists = !access(path, F_OK);
        free(path);
    }
    return exists;
}

/* Users. */

static const struct vdpa_claim *
claim_of_device(const struct vdpa_device *id)
    OVS_REQUIRES(mutex)
{
    const struct vdpa_claim *claim;

    LIST_FOR_EACH (claim, list_node, &claims) {
        if (vdpa_device_equal(&claim->id, id)) {
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
device_is_used(const struct vdpa_device *id)
    OVS_REQUIRES(mutex)
{
    bool used = claim_of_device(id);

    for (uint16_t port_id = 0; !used && port_id < RTE_MAX_ETHPORTS;
         port_id++) {
        if (vdpa_ethdev_is_on(port_id, id)) {
            char *user = ethdev_user(port_id, "");

            used = user != NULL;
            free(user);
        }
    }
    return used;
}

/* Removes the device from DPDK, with all its ethdevs, unless it is used. */
static void
remove_unused(const struct vdpa_device *id)
    OVS_REQUIRES(mutex)
{
    struct rte_device *device = vdpa_device_find(id);
    int error;

    if (!device || device_is_used(id)) {
        return;
    }
    for (uint16_t port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++) {
        if (vdpa_ethdev_is_on(port_id, id)) {
            rte_eth_dev_close(port_id);
        }
    }
    error = -rte_dev_remove(device);
    if (error > 0) {
        VLOG_ERR("device \"%s\" cannot be removed from DPDK: %s", id->name,
                 ovs_strerror(error));
    }
}

/* Claiming. */

/* Returns why 'devargs' could not be probed, with 'error'. */
static char *
explain_probe(const char *devargs, const char *as, int error)
{
    char *why = vdpa_devargs_explain(devargs);
    char *text;

    if (why) {
        text = xasprintf("vdpa-accelerator-devargs: \"%s\" cannot be had: %s",
                         devargs, why);
    } else {
        text = xasprintf("vdpa-accelerator-devargs: \"%s\" cannot be probed%s "
                         "(%s); check that it exists, that it is bound to a "
                         "driver DPDK can use, and what the log says",
                         devargs, as, ovs_strerror(error));
    }
    free(why);
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
    struct vdpa_device id;

    if (!vdpa_device_parse(devargs, &id)) {
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
    bool was_there = vdpa_device_find(&claim->id) != NULL;
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
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is the device "
                          "that dpdk-devargs name; give the VF that it "
                          "represents", devargs);
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
    unsigned int n = vdpa_ethdev_find(&claim->id, &claim->port_id);

    if (!n) {
        int error = claim_probe(claim, devargs, "", errp);

        if (error) {
            return error;
        }
        n = vdpa_ethdev_find(&claim->id, &claim->port_id);
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

/* Claims the device of 'devargs' for 'owner'; 'find' fills in what it is, with
 * 'mutex' held.  Returns as vdpa_claim_vf(). */
static int
claim_take(const char *devargs, const char *owner,
           int (*find)(struct vdpa_claim *, const char *devargs, char **errp),
           struct vdpa_claim **claimp, char **errp)
    OVS_EXCLUDED(mutex)
{
    struct vdpa_claim *claim;
    int error;

    *claimp = NULL;
    ovs_mutex_lock(&mutex);
    error = claim_create(devargs, owner, &claim, errp);
    if (!error) {
        error = find(claim, devargs, errp);
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

/* Finds the VF of 'claim' and makes it ours. */
static int
claim_find_vf(struct vdpa_claim *claim, const char *devargs, char **errp)
    OVS_REQUIRES(mutex)
{
    int error = claim_find_ethdev(claim, devargs, errp);

    return error ? error : claim_own(claim, devargs, errp);
}

int
vdpa_claim_vf(const char *devargs, const char *owner,
              struct vdpa_claim **claimp, char **errp)
    OVS_EXCLUDED(mutex)
{
    if (devargs_have(devargs, "representor")) {
        *claimp = NULL;
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is a representor; "
                          "give the VF that it represents", devargs);
        return EINVAL;
    }
    return claim_take(devargs, owner, claim_find_vf, claimp, errp);
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

/* Returns what to say of 'devargs', which brought no vDPA device, which the
 * caller must free.  Of two drivers that take a device the one that DPDK tries
 * first has it, if nobody tells it otherwise before. */
static char *
explain_no_vdpa(const struct vdpa_claim *claim, const char *devargs)
{
    struct rte_device *device = vdpa_device_find(&claim->id);

    if (!device || claim->probed) {
        return xasprintf("vdpa-accelerator-devargs: \"%s\" is no vDPA device",
                         devargs);
    }
    return xasprintf("vdpa-accelerator-devargs: \"%s\" is no vDPA device, for "
                     "DPDK's driver %s has it; if another is to have it, put "
                     "\"-a %s\" into other_config:dpdk-extra and start "
                     "ovs-vswitchd anew", devargs,
                     rte_driver_name(rte_dev_driver(device)), devargs);
}

/* Finds the vDPA device of 'claim'. */
static int
claim_find_vdpa(struct vdpa_claim *claim, const char *devargs, char **errp)
    OVS_REQUIRES(mutex)
{
    uint16_t port_id = RTE_MAX_ETHPORTS;
    int error;

    if (vdpa_ethdev_find(&claim->id, &port_id)) {
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
        *errp = explain_no_vdpa(claim, devargs);
        return ENODEV;
    }
    return 0;
}

int
vdpa_claim_vdpa(const char *devargs, const char *owner,
                struct vdpa_claim **claimp, char **errp)
    OVS_EXCLUDED(mutex)
{
    return claim_take(devargs, owner, claim_find_vdpa, claimp, errp);
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
    struct vdpa_device id;

    return (vdpa_device_parse(devargs, &id)
            && vdpa_device_equal(&claim->id, &id));
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
vdpa_claim_note_interface(struct netdev *netdev, struct vdpa_place *place)
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
    vdpa_ethdev_get_place(interface->port_id, place);
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

/* Returns why probing 'devargs', with the result 'error', brought nothing on
 * device 'id'. */
static char *
explain_interface(const char *devargs, const struct vdpa_device *id, int error)
{
    char *why = vdpa_devargs_explain(devargs);
    char *text;

    if (why) {
        text = xasprintf("dpdk-devargs: \"%s\" cannot be had: %s", devargs,
                         why);
    } else if (error) {
        text = xasprintf("dpdk-devargs: \"%s\" cannot be probed (%s); check "
                         "that the device exists and what the log says",
                         devargs, ovs_strerror(error));
    } else {
        text = xasprintf("dpdk-devargs: \"%s\" matches no Ethernet port: "
                         "device \"%s\" has no such representor; give one "
                         "that it has", devargs, id->name);
    }
    free(why);
    return text;
}

/* Looks whether and at which place probing 'devargs', which match no ethdev,
 * brings one, and takes away again what that brought. */
static int
try_probe(const char *devargs, struct vdpa_place *place, char **errp)
    OVS_REQUIRES(mutex)
{
    bool valid[RTE_MAX_ETHPORTS];
    struct vdpa_device id;
    uint16_t found;
    bool was_there;
    int error;

    if (!vdpa_device_parse(devargs, &id)) {
        *errp = xasprintf("dpdk-devargs: \"%s\" is not a device; give the "
                          "device arguments of the VF's representor",
                          devargs);
        return EINVAL;
    }
    for (uint16_t port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++) {
        valid[port_id] = rte_eth_dev_is_valid_port(port_id);
    }
    was_there = vdpa_device_find(&id) != NULL;
    error = -rte_dev_probe(devargs);
    found = error ? RTE_MAX_ETHPORTS : vdpa_ethdev_match(devargs);
    vdpa_ethdev_get_place(found, place);
    for (uint16_t port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++) {
        if (!valid[port_id] && vdpa_ethdev_is_on(port_id, &id)) {
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
    uint16_t port_id = vdpa_ethdev_match(devargs);
    char *user;

    vdpa_ethdev_get_place(port_id, place);
    if (!rte_eth_dev_is_valid_port(port_id)) {
        if (probe && vdpa_ethdev_names_mac(devargs)) {
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
    struct vdpa_device id;

    if (!vdpa_device_parse(devargs, &id)) {
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
    OVS_EXCLUDED(mutex)
{
    struct vdpa_place vf;

    ovs_mutex_lock(&mutex);
    vdpa_ethdev_get_place(claim->port_id, &vf);
    ovs_mutex_unlock(&mutex);
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
