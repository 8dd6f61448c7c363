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

/* Unit tests of who uses which DPDK device, with devices of the driver
 * net_null. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#include "netdev-dpdk.h"
#include "netdev-provider.h"
#include "util.h"

/* A device that is there before anybody asks. */
#define THERE "net_null_there"

/* An interface that uses an ethdev. */
static char fake_name[] = "dpdk7";
static struct netdev fake_netdev = { .name = fake_name };
static int fake_port_id;

static int
get_fake_port_id(struct netdev *netdev OVS_UNUSED)
{
    return fake_port_id;
}
/* And where ethdevs are, which that driver does not tell: the one called THERE
 * is a representor, or not, all others are at one place. */
static bool there_is_representor;
static struct rte_eth_switch_info fake_rep;
static struct rte_eth_switch_info fake_vf = {
    .domain_id = RTE_ETH_DEV_SWITCH_DOMAIN_ID_INVALID,
};

static int
get_fake_info(uint16_t port_id, struct rte_eth_dev_info *info)
{
    static const uint32_t flags = RTE_ETH_DEV_REPRESENTOR;
    int error = rte_eth_dev_info_get(port_id, info);

    if (there_is_representor && !strcmp(rte_dev_name(info->device), THERE)) {
        info->switch_info = fake_rep;
        info->dev_flags = &flags;
    } else {
        info->switch_info = fake_vf;
    }
    return error;
}

/* Whether vfio-pci was loaded when DPDK was initialized. */
static bool vfio_is_enabled;

static int
get_fake_vfio(const char *module)
{
    return !strcmp(module, "vfio") && vfio_is_enabled;
}

/* Whether DPDK takes PCI devices at all. */
static bool has_pci = true;

static int
get_fake_pci(void)
{
    return has_pci;
}

#define rte_vfio_is_enabled get_fake_vfio
#define rte_eal_has_pci get_fake_pci
#define netdev_dpdk_get_port_id get_fake_port_id
#define rte_eth_dev_info_get get_fake_info
#include "lib/port/claim.c"
#include "lib/port/device.c"
#undef rte_vfio_is_enabled
#undef rte_eal_has_pci
#undef netdev_dpdk_get_port_id
#undef rte_eth_dev_info_get

static bool
is_there(const char *name)
{
    uint16_t port_id;

    return !rte_eth_dev_get_port_by_name(name, &port_id);
}

static struct vdpa_claim *
claim_vf(const char *devargs, const char *owner)
{
    struct vdpa_claim *claim;
    char *error = NULL;

    if (vdpa_claim_vf(devargs, owner, &claim, &error)) {
        fail_msg("%s", error);
    }
    return claim;
}

/* Checks that 'error' is 'expected', and that 'text', which it frees, says
 * 'what'. */
static void
check_error(int error, int expected, char *text, const char *what)
{
    assert_int_equal(error, expected);
    assert_non_null(text);
    if (!strstr(text, what)) {
        fail_msg("\"%s\" does not say \"%s\"", text, what);
    }
    free(text);
}

static void
check_vf_refused(const char *devargs, int expected, const char *what)
{
    struct vdpa_claim *claim;
    char *text = NULL;
    int error = vdpa_claim_vf(devargs, "p2", &claim, &text);

    assert_null(claim);
    check_error(error, expected, text, what);
}

static void
check_vdpa_refused(const char *devargs, int expected, const char *what)
{
    struct vdpa_claim *claim;
    char *text = NULL;
    int error = vdpa_claim_vdpa(devargs, "p2", &claim, &text);

    assert_null(claim);
    check_error(error, expected, text, what);
}

static void
check_interface_refused(const char *devargs, int expected, const char *what)
{
    struct vdpa_place place;
    char *text = NULL;
    int error = vdpa_claim_check_interface("p2", devargs, true, &place,
                                           &text);

    check_error(error, expected, text, what);
}

/* What we brought goes, what was there stays. */
static void
test_probed(void **state OVS_UNUSED)
{
    struct vdpa_claim *claim = claim_vf("net_null1,no-rx=1", "p1");

    assert_true(is_there("net_null1"));
    assert_string_equal(vdpa_claim_name(claim), "net_null1");
    assert_true(vdpa_claim_is_device(claim, "net_null1,no-rx=0"));
    assert_false(vdpa_claim_is_device(claim, "net_null11"));
    vdpa_claim_release(claim, false);
    assert_false(is_there("net_null1"));

    vdpa_claim_release(claim_vf(THERE, "p1"), false);
    assert_true(is_there(THERE));
}

/* Save for what is dead. */
static void
test_dead(void **state OVS_UNUSED)
{
    assert_int_equal(rte_dev_probe("net_null2"), 0);
    vdpa_claim_release(claim_vf("net_null2", "p1"), true);
    assert_false(is_there("net_null2"));
    vdpa_claim_release(claim_vf("net_null2", "p1"), false);
    assert_false(is_there("net_null2"));
}

static void
test_second_user(void **state OVS_UNUSED)
{
    struct vdpa_claim *claim = claim_vf("net_null3", "p1");
    char *text = NULL;

    check_vf_refused("net_null3", EADDRINUSE, "give each port a VF of its own");
    check_vf_refused("net_null3,no-rx=1", EADDRINUSE, "in use by port \"p1\"");
    check_vdpa_refused("net_null3,vdpa=1", EADDRINUSE,
                       "in use by port \"p1\"");
    check_interface_refused("net_null3", EADDRINUSE, "in use by port \"p1\"");
    assert_false(vdpa_claim_check_detach("net_null3", &text));
    check_error(0, 0, text, "\"p1\"");
    assert_true(is_there("net_null3"));
    vdpa_claim_release(claim, false);
    assert_false(is_there("net_null3"));
    assert_true(vdpa_claim_check_detach("net_null3", &text));
}

/* One that is no vDPA device is left as it was. */
static void
test_no_vdpa(void **state OVS_UNUSED)
{
    check_vdpa_refused(THERE, ENODEV, "is no vDPA device, for DPDK's driver "
                       "net_null has it; if another is to have it, put \"-a ");
    assert_true(is_there(THERE));
    check_vdpa_refused("net_null4", ENODEV, "is no vDPA device");
    assert_false(is_there("net_null4"));
}

static void
test_interface(void **state OVS_UNUSED)
{
    struct vdpa_claim *claim;
    struct vdpa_place place;
    uint16_t port_id;
    char *text = NULL;

    assert_int_equal(rte_eth_dev_get_port_by_name(THERE, &port_id), 0);
    fake_port_id = port_id;
    vdpa_claim_note_interface(&fake_netdev, &place);
    check_vf_refused(THERE, EADDRINUSE, "in use by interface \"dpdk7\"");
    check_vdpa_refused(THERE, EADDRINUSE, "in use by interface \"dpdk7\"");
    check_interface_refused(THERE, EADDRINUSE, "interface \"dpdk7\"");
    assert_int_equal(vdpa_claim_vf(THERE, "dpdk7", &claim, &text), EADDRINUSE);
    check_error(0, 0, text, "is the device that dpdk-devargs name");
    /* It may keep what it has. */
    assert_int_equal(vdpa_claim_check_interface("dpdk7", THERE, true, &place,
                                                &text), 0);
    assert_false(place.known);

    /* A device with an interface on it stays, whoever probed it. */
    claim = claim_vf("net_null5", "p1");
    fake_port_id = vdpa_claim_port_id(claim);
    vdpa_claim_note_interface(&fake_netdev, &place);
    vdpa_claim_release(claim, false);
    assert_true(is_there("net_null5"));
    vdpa_claim_forget_interface(&fake_netdev);
    vdpa_claim_release(claim_vf("net_null5", "p1"), true);
    assert_false(is_there("net_null5"));
    vdpa_claim_release(claim_vf(THERE, "p1"), false);
}

/* Looking leaves nothing behind, and takes nothing away. */
static void
test_check_interface(void **state OVS_UNUSED)
{
    unsigned int n = rte_eth_dev_count_total();
    struct vdpa_place place;
    char *text = NULL;

    assert_int_equal(vdpa_claim_check_interface("p1", "net_null6", true,
                                                &place, &text), 0);
    assert_false(is_there("net_null6"));
    check_interface_refused("net_nosuch0", EINVAL, "is not a device");
    check_interface_refused("0000:ff:1f.7", ENODEV, "cannot be had: there is "
                            "no PCI device 0000:ff:1f.7; give one");
    check_interface_refused("class=eth,mac=02:99:99:99:99:99", ENODEV,
                            "matches no Ethernet port");
    check_interface_refused(THERE",representor=[9]", ENODEV,
                            "no such representor");
    assert_true(is_there(THERE));
    assert_int_equal(rte_eth_dev_count_total(), n);
}

/* Makes the PCI device 'name' below 'root', which has 'driver', or none if that
 * is null. */
static void
make_pci(const char *root, const char *name, const char *driver)
{
    char path[256], target[256];

    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_int_equal(mkdir(path, 0700), 0);
    if (driver) {
        snprintf(path, sizeof path, "%s/%s/driver", root, name);
        snprintf(target, sizeof target, "../../../bus/pci/drivers/%s", driver);
        assert_int_equal(symlink(target, path), 0);
    }
}

/* A PCI device that DPDK does not get: the message says who has it. */
static void
test_pci(void **state OVS_UNUSED)
{
    char root[] = "/tmp/test-claim.XXXXXX";
    char *command = xasprintf("rm -rf %s", mkdtemp(root));

    setenv("SYSFS_PCI_DEVICES", root, true);
    make_pci(root, "0000:ff:1f.1", "igbvf");
    make_pci(root, "0000:ff:1f.2", NULL);
    make_pci(root, "0000:ff:1f.3", "vfio-pci");
    make_pci(root, "0000:ff:1f.4", "mlx5_core");
    make_pci(root, "0000:ff:1f.5", "mana");
    check_vf_refused("0000:ff:1f.0", ENODEV, "cannot be had: there is no PCI "
                     "device 0000:ff:1f.0; give one");
    check_vf_refused("ff:1f.1", ENODEV, "driver igbvf has it; bind it to "
                     "vfio-pci (\"dpdk-devbind.py --bind=vfio-pci 0000:ff:");
    check_vf_refused("0000:ff:1f.2,x=1", ENODEV, "no driver of the kernel "
                     "has it; bind it to vfio-pci");
    check_vf_refused("0000:ff:1f.3", ENODEV, "vfio-pci, which has it, was not "
                     "loaded when ovs-vswitchd started, or /dev/vfio/vfio "
                     "could not be opened; start");
    vfio_is_enabled = true;
    check_vf_refused("0000:ff:1f.3", ENODEV, "cannot be probed");
    vfio_is_enabled = false;
    check_vf_refused("0000:ff:1f.4", ENODEV, "cannot be probed");
    check_vf_refused("0000:ff:1f.5", ENODEV, "cannot be probed");
    has_pci = false;
    check_vf_refused("0000:ff:1f.0", ENODEV, "no PCI device 0000:ff:1f.0");
    check_vf_refused("0000:ff:1f.4", ENODEV, "has \"--no-pci\"; take");
    has_pci = true;
    check_vdpa_refused("0000:ff:1f.1", ENODEV, "driver igbvf has it");
    check_interface_refused("0000:ff:1f.1", ENODEV, "driver igbvf has it");
    unsetenv("SYSFS_PCI_DEVICES");
    assert_int_equal(system(command), 0);
    free(command);
}

static void
test_bad_devargs(void **state OVS_UNUSED)
{
    /* Good enough for DPDK, which looks for any device then. */
    static const char *const nameless[] = {
        "class=eth", "class=eth,mac=02:99:99:99:99:99", "bus=pci",
        "bus=pci/class=eth", ",x=1",
    };

    check_vf_refused("net_nosuch0", EINVAL, "is not a device");
    check_vf_refused("net_null0,representor=[0]", EINVAL, "is a representor");
    check_vdpa_refused("nosuch", EINVAL, "is not a device");
    for (int i = 0; i < ARRAY_SIZE(nameless); i++) {
        check_vf_refused(nameless[i], EINVAL, "is not a device");
        assert_false(vdpa_claim_is_hardware(nameless[i]));
        assert_null(vdpa_devargs_explain(nameless[i]));
    }
    assert_false(vdpa_claim_is_hardware("net_null0"));
    assert_true(vdpa_claim_is_hardware("0000:ff:1f.7,x=1"));
    assert_false(vdpa_claim_is_hardware("nosuch"));
    assert_true(vdpa_claim_may_exist("net_null0"));
    assert_false(vdpa_claim_may_exist("0000:ff:1f.7,x=1"));
}

/* Fails unless the pair of 'claim' and the ethdev called THERE is right, wrong
 * with an error that says 'wrong', or unknown. */
static void
check_pair(const struct vdpa_claim *claim, const char *wrong, bool unknown)
{
    struct vdpa_place rep;
    bool is_unknown;
    uint16_t port_id;
    char *text = NULL;
    int error;

    assert_int_equal(rte_eth_dev_get_port_by_name(THERE, &port_id), 0);
    vdpa_ethdev_get_place(port_id, &rep);
    error = vdpa_claim_check_pair(claim, &rep, &is_unknown, &text);
    assert_int_equal(is_unknown, unknown);
    if (wrong) {
        check_error(error, EINVAL, text, wrong);
    } else {
        assert_int_equal(error, 0);
    }
}

static void
test_pair(void **state OVS_UNUSED)
{
    const struct rte_eth_switch_info none = fake_vf;
    struct vdpa_claim *claim = claim_vf("net_null7", "p1");

    /* Neither tells. */
    check_pair(claim, NULL, true);
    there_is_representor = true;
    fake_rep.domain_id = 1;
    fake_rep.port_id = 2;
    check_pair(claim, NULL, true);

    /* Both do. */
    fake_vf.domain_id = 1;
    fake_vf.port_id = 2;
    check_pair(claim, NULL, false);
    fake_vf.port_id = 3;
    check_pair(claim, "port 2 of e-switch", false);

    /* An e-switch without representors is the VF's own affair. */
    fake_vf.domain_id = 4;
    fake_vf.port_id = 2;
    check_pair(claim, NULL, true);
    fake_rep = none;
    check_pair(claim, NULL, true);

    there_is_representor = false;
    fake_vf = none;
    vdpa_claim_release(claim, false);
}

static void
test_full(void **state OVS_UNUSED)
{
    struct vdpa_claim *all[RTE_MAX_ETHPORTS];
    unsigned int n = 0;
    char name[80];

    assert_null(vdpa_devargs_explain("net_null9"));
    while (rte_eth_dev_count_total() < RTE_MAX_ETHPORTS) {
        snprintf(name, sizeof name, "net_null1%u", n);
        all[n++] = claim_vf(name, "p1");
    }
    snprintf(name, sizeof name, "room for %d Ethernet devices, %d are in use",
             RTE_MAX_ETHPORTS, RTE_MAX_ETHPORTS);
    check_vf_refused("net_null9", ENOMEM, name);
    check_interface_refused("net_null9", ENOMEM, name);
    while (n > 0) {
        vdpa_claim_release(all[--n], false);
    }
    assert_null(vdpa_devargs_explain("net_null9"));
}

int
main(void)
{
    char *argv[] = {
        CONST_CAST(char *, "test-claim"),
        CONST_CAST(char *, "--no-huge"), CONST_CAST(char *, "--no-pci"),
        CONST_CAST(char *, "--no-shconf"),
        CONST_CAST(char *, "--no-telemetry"),
        CONST_CAST(char *, "-m"), CONST_CAST(char *, "64"),
        CONST_CAST(char *, "-l"), CONST_CAST(char *, "0"),
        CONST_CAST(char *, "--log-level=critical"),
        CONST_CAST(char *, "--vdev="THERE),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probed),
        cmocka_unit_test(test_dead),
        cmocka_unit_test(test_second_user),
        cmocka_unit_test(test_no_vdpa),
        cmocka_unit_test(test_interface),
        cmocka_unit_test(test_check_interface),
        cmocka_unit_test(test_pci),
        cmocka_unit_test(test_bad_devargs),
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_full),
    };

    if (rte_eal_init(ARRAY_SIZE(argv), argv) < 0) {
        return 1;
    }
    return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
