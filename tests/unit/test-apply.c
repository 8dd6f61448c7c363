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

/* Unit tests of the way from the database's options to a port: in which order
 * things are done, so that nothing is lost if one of them fails. */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "netdev-dpdk.h"
#include "netdev-provider.h"

static int
fake_get_port_id(struct netdev *netdev OVS_UNUSED)
{
    return 7;
}

#define netdev_dpdk_get_port_id fake_get_port_id
#include "lib/port/apply.c"
#include "tests/unit/test-fake-port.h"

/* What happens. */
static int interface_error;     /* Of vdpa_claim_check_interface(). */
static int base_error;          /* Of the base class's set_config(). */
static const char *base_text;   /* And what it says. */
static int accelerator_error;
static int guest_error;
static const char *features;    /* vdpa-features. */
static const char *full;        /* Of vdpa_devargs_explain(). */

/* What happened. */
static unsigned int n_probes;   /* Checks that may probe. */
static unsigned int n_base;
static unsigned int n_accelerator;
static unsigned int n_guests;
static uint64_t guest_withheld;

static struct vdpa_port port;
static struct netdev netdev;

int
vdpa_claim_check_interface(const char *name OVS_UNUSED,
                           const char *devargs OVS_UNUSED, bool probe,
                           struct vdpa_place *place, char **errp)
{
    n_probes += probe;
    memset(place, 0, sizeof *place);
    place->port = 42;
    if (interface_error) {
        *errp = xstrdup("no such representor");
    }
    return interface_error;
}

void
vdpa_claim_note_interface(struct netdev *n, struct vdpa_place *place)
{
    memset(place, 0, sizeof *place);
    place->port = netdev_dpdk_get_port_id(n);
}

char *
vdpa_devargs_explain(const char *devargs OVS_UNUSED)
{
    return nullable_xstrdup(full);
}

int
vdpa_accelerator_apply(struct vdpa_port *p,
                       const struct dpdk_vdpa_options *new OVS_UNUSED,
                       char **errp)
{
    n_accelerator++;
    if (accelerator_error) {
        *errp = xstrdup("no VF");
    } else {
        p->accel = VDPA_ACCEL_RELAY;
    }
    return accelerator_error;
}

int
vdpa_guest_create(struct vdpa_port *p OVS_UNUSED, const char *path OVS_UNUSED,
                  struct dpdk_vdpa_vm **vmp OVS_UNUSED, char **errp OVS_UNUSED)
{
    fail();
    return 0;
}

int
vdpa_guest_replace(struct vdpa_port *p OVS_UNUSED,
                   struct dpdk_vdpa_vm *vm OVS_UNUSED, char **errp OVS_UNUSED)
{
    fail();
    return 0;
}

int
vdpa_guest_adapt(struct vdpa_port *p OVS_UNUSED, char **errp OVS_UNUSED)
{
    fail();
    return 0;
}

void
vdpa_guest_drop(struct vdpa_port *p OVS_UNUSED)
{
    fail();
}

int
vdpa_guest_make(struct vdpa_port *p, const char *path OVS_UNUSED, char **errp)
{
    n_guests++;
    guest_withheld = p->withheld;
    if (guest_error) {
        *errp = xstrdup("no socket");
    }
    return guest_error;
}

void
dpdk_vdpa_vm_destroy(struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
}

const char *
dpdk_vdpa_vm_path(const struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    return "/s";
}

void
vdpa_port_update_relay(struct vdpa_port *p OVS_UNUSED)
{
}

static int
fake_set_config(struct netdev *n OVS_UNUSED,
                const struct smap *args OVS_UNUSED, char **errp)
{
    n_base++;
    *errp = nullable_xstrdup(base_text);
    return base_error;
}

static const struct netdev_class base = { .set_config = fake_set_config };
const struct netdev_class *vdpa_base_class = &base;

/* Applies the options with which the port works, but for 'rep_devargs' and
 * 'retries'.  Returns the error and fails unless its text is 'expected', or
 * null. */
static int
apply(const char *rep_devargs, const char *retries, const char *expected)
{
    struct smap args = SMAP_INITIALIZER(&args);
    char *text = NULL;
    int error;

    smap_add(&args, "vdpa-socket-path", "/s");
    smap_add(&args, "vdpa-accelerator-devargs", "v");
    smap_add(&args, "tx-retries-max", retries);
    if (rep_devargs) {
        smap_add(&args, "dpdk-devargs", rep_devargs);
    }
    if (features) {
        smap_add(&args, "vdpa-features", features);
    }
    n_probes = n_base = n_accelerator = n_guests = 0;
    error = vdpa_apply_config(&port, &netdev, &args, &text);
    assert_int_equal(text != NULL, expected != NULL);
    if (text && !strstr(text, expected)) {
        fail_msg("\"%s\" does not say \"%s\"", text, expected);
    }
    free(text);
    smap_destroy(&args);
    return error;
}

static int
setup(void **state OVS_UNUSED)
{
    memset(&port, 0, sizeof port);
    port.name = CONST_CAST(char *, "p");
    ovs_mutex_init(&port.mutex);
    interface_error = base_error = accelerator_error = 0;
    base_text = full = features = NULL;
    guest_error = 0;
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    dpdk_vdpa_options_destroy(&port.options);
    for (int i = 0; i < VDPA_N_REASONS; i++) {
        free(port.reasons[i]);
    }
    free(port.rep_devargs);
    ovs_mutex_destroy(&port.mutex);
    return 0;
}

static void
test_new_port(void **state OVS_UNUSED)
{
    assert_int_equal(apply(NULL, "1", "dpdk-devargs is missing"), EINVAL);
    assert_int_equal(apply("", "1", "dpdk-devargs is empty"), EINVAL);
    assert_int_equal(apply("r", "99", "tx-retries-max"), EINVAL);
    interface_error = EADDRINUSE;
    assert_int_equal(apply("r", "1", "no such representor"), EADDRINUSE);
    assert_int_equal(n_base, 0);
    interface_error = 0;
    accelerator_error = EIO;
    assert_int_equal(apply("r", "1", "no VF"), EIO);
    assert_false(port.configured);

    /* Open vSwitch probes its representor, we do not. */
    accelerator_error = 0;
    assert_int_equal(apply("r", "1", NULL), 0);
    assert_true(port.configured);
    assert_int_equal(n_probes, 0);
    assert_int_equal(n_base, 1);
    assert_int_equal(n_guests, 1);
    assert_int_equal(port.rep_place.port, 7);
    assert_int_equal(port.tx_retries_max, 1);
}

/* The base class does not know why there is no room. */
static void
test_full(void **state OVS_UNUSED)
{
    base_error = EINVAL;
    base_text = "Error attaching device";
    assert_int_equal(apply("r", "1", "Error attaching device"), EINVAL);
    full = "no room";
    assert_int_equal(apply("r", "1", "\"r\" cannot be had: no room"), EINVAL);
}

/* What it says without an error is kept until it does not say it any more. */
static void
test_warning(void **state OVS_UNUSED)
{
    base_text = "cannot parse";
    assert_int_equal(apply("r", "1", NULL), 0);
    assert_string_equal(port.reasons[VDPA_REASON_OPTION], "cannot parse");
    base_text = NULL;
    assert_int_equal(apply("r", "1", NULL), 0);
    assert_null(port.reasons[VDPA_REASON_OPTION]);
}

/* A port whose representor changes is made anew only if everything is in
 * order. */
static void
test_other_representor(void **state OVS_UNUSED)
{
    assert_int_equal(apply("r", "1", NULL), 0);
    base_error = EAGAIN;

    interface_error = ENODEV;
    assert_int_equal(apply("s", "1", "no such representor"), ENODEV);
    assert_int_equal(n_probes, 1);
    assert_int_equal(n_base + n_accelerator, 0);

    interface_error = 0;
    assert_int_equal(apply("s", "99", "tx-retries-max"), EINVAL);
    assert_int_equal(n_probes + n_base + n_accelerator, 0);

    accelerator_error = EIO;
    assert_int_equal(apply("s", "1", "no VF"), EIO);
    assert_int_equal(n_base, 0);
    assert_int_equal(port.rep_place.port, 7);

    accelerator_error = 0;
    assert_int_equal(apply("s", "2", NULL), EAGAIN);
    assert_int_equal(n_base, 1);
    assert_int_equal(port.rep_place.port, 42);
    assert_int_equal(port.options.tx_retries_max, 2);
    assert_string_equal(port.rep_devargs, "r");
}

/* The guest is offered what is asked for, or else what it was before. */
static void
test_features(void **state OVS_UNUSED)
{
    uint64_t by_default;

    features = "-nonsense";
    assert_int_equal(apply("r", "1", "vdpa-features: \"-nonsense\""), EINVAL);
    features = NULL;
    assert_int_equal(apply("r", "1", NULL), 0);
    by_default = guest_withheld;
    features = "-csum";
    guest_error = EIO;
    assert_int_equal(apply("r", "1", "no socket"), EIO);
    assert_true(guest_withheld != by_default);
    assert_true(port.withheld == by_default);
    guest_error = 0;
    assert_int_equal(apply("r", "1", NULL), 0);
    assert_true(port.withheld == guest_withheld);
    assert_string_equal(port.options.features, "-csum");
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_new_port),
        TEST(test_full),
        TEST(test_warning),
        TEST(test_other_representor),
        TEST(test_features),
    };

    return cmocka_run_group_tests_name("apply", tests, NULL, NULL);
}
