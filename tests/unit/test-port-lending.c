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

/* Unit tests of what a port lends to which VF, and of why it does not. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/port/lending.c"

#include <linux/vhost_types.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

static struct vdpa_port port;
static struct dpdk_vdpa_vf *const vf = (void *) 1, *const other = (void *) 2;
static struct dpdk_vdpa_vm *const vm = (void *) 3;
static const struct dpdk_vdpa_vf_region regions[2] = {
    { (void *) 0x1000, 0x1000 }, { (void *) 0x4000, 0x2000 },
};

/* What is there. */
static uint16_t max_segs;
static const char *why_not;
static int reach_error;
static bool is_up;
static struct dpdk_vdpa_vm_info vm_info;

/* What happened, and what the VM end is to lend. */
static struct ds trace = DS_EMPTY_INITIALIZER;
static int lends;

uint16_t
dpdk_vdpa_vf_port_id(const struct dpdk_vdpa_vf *v)
{
    return (uintptr_t) v;
}

uint16_t
dpdk_vdpa_vf_max_lent_segs(const struct dpdk_vdpa_vf *v OVS_UNUSED,
                           const char **whyp)
{
    *whyp = why_not;
    return max_segs;
}

void
dpdk_vdpa_vf_call_in(struct dpdk_vdpa_vf *v, bool by_force)
{
    ds_put_format(&trace, "%s%d ", by_force ? "force" : "ask",
                  (int) (uintptr_t) v);
}

int
dpdk_vdpa_vf_reach(uint16_t port_id, const struct dpdk_vdpa_vf_region *r,
                   unsigned int n)
{
    assert_memory_equal(r, regions, n * sizeof *r);
    ds_put_format(&trace, "map%u:%u ", port_id, n);
    return reach_error;
}

void
dpdk_vdpa_vf_unreach(uint16_t port_id, const struct dpdk_vdpa_vf_region *r,
                     unsigned int n)
{
    assert_memory_equal(r, regions, n * sizeof *r);
    ds_put_format(&trace, "unmap%u:%u ", port_id, n);
}

bool
dpdk_vdpa_vm_get_info(const struct dpdk_vdpa_vm *v OVS_UNUSED,
                      struct dpdk_vdpa_vm_info *info)
{
    *info = vm_info;
    return is_up;
}

void
dpdk_vdpa_vm_set_lending(struct dpdk_vdpa_vm *v, uint16_t n)
{
    assert_ptr_equal(v, vm);
    lends = n;
}

static void
check_trace(const char *s)
{
    assert_string_equal(ds_cstr(&trace), s);
    ds_clear(&trace);
}

static int
setup(void **state OVS_UNUSED)
{
    memset(&port, 0, sizeof port);
    memset(&vm_info, 0, sizeof vm_info);
    vdpa_lending_init(&port.lending);
    port.vf = vf;
    port.vm = vm;
    max_segs = 40;
    why_not = NULL;
    reach_error = 0;
    is_up = true;
    lends = -1;
    ds_clear(&trace);
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    vdpa_lending_uninit(&port.lending);
    return 0;
}

/* A VF reaches what the guest has while it is the port's, and before it ceases
 * to be it gives all back. */
static void
test_reach(void **state OVS_UNUSED)
{
    struct vdpa_lending *l = &port.lending;

    vdpa_lending_set_vf(l, vf);
    check_trace("");
    assert_true(vdpa_lending_set_memory(l, regions, 2));
    check_trace("map1:2 ");
    assert_true(vdpa_lending_set_memory(l, regions, 1));
    check_trace("unmap1:2 map1:1 ");
    /* It is started anew: it goes on reaching that. */
    vdpa_lending_hold(l);
    vdpa_lending_set_vf(l, vf);
    check_trace("");
    vdpa_lending_set_vf(l, other);
    check_trace("force1 unmap1:1 map2:1 ");
    assert_true(vdpa_lending_set_memory(l, NULL, 0));
    check_trace("unmap2:1 ");
    vdpa_lending_set_vf(l, NULL);
    check_trace("force2 ");
    /* The guest is there first. */
    assert_true(vdpa_lending_set_memory(l, regions, 2));
    check_trace("");
    vdpa_lending_set_vf(l, vf);
    check_trace("map1:2 ");
    /* What is lost stays. */
    vdpa_lending_lose_memory(l);
    assert_true(vdpa_lending_set_memory(l, NULL, 0));
    vdpa_lending_set_vf(l, NULL);
    check_trace("force1 ");
}

/* What was not mapped is not unmapped, and nothing is lent. */
static void
test_reach_fails(void **state OVS_UNUSED)
{
    struct vdpa_lending *l = &port.lending;

    vdpa_lending_set_vf(l, vf);
    reach_error = ENOSPC;
    assert_false(vdpa_lending_set_memory(l, regions, 2));
    check_trace("map1:2 ");
    assert_string_equal(vdpa_lending_why_not(&port), "DPDK has no room to "
                        "take note of the guest's memory");
    vdpa_lending_update(&port);
    assert_int_equal(lends, 0);
    reach_error = EINVAL;
    assert_false(vdpa_lending_set_memory(l, regions, 1));
    check_trace("map1:1 ");
    assert_string_equal(vdpa_lending_why_not(&port), "the VF's device cannot "
                        "reach the guest's memory; see the log");
    reach_error = 0;
    assert_true(vdpa_lending_set_memory(l, regions, 2));
    check_trace("map1:2 ");
    assert_null(vdpa_lending_why_not(&port));
    vdpa_lending_update(&port);
    assert_int_equal(lends, 40);
}

/* Who is asked to let go: the VF, unless it is being started anew. */
static void
test_call_in(void **state OVS_UNUSED)
{
    struct vdpa_lending *l = &port.lending;

    vdpa_lending_call_in(l, false);
    check_trace("");
    vdpa_lending_set_vf(l, vf);
    vdpa_lending_call_in(l, false);
    check_trace("ask1 ");
    vdpa_lending_call_in(l, true);
    check_trace("force1 ");
    vdpa_lending_hold(l);
    vdpa_lending_call_in(l, true);
    check_trace("");
}

static void
test_why_not(void **state OVS_UNUSED)
{
    assert_null(vdpa_lending_why_not(&port));
    vm_info.postcopy = true;
    assert_string_equal(vdpa_lending_why_not(&port),
                        "post-copy migration is offered");
    vm_info.migrating = true;
    assert_string_equal(vdpa_lending_why_not(&port),
                        "the guest is being migrated");
    vm_info.features = 1ULL << VIRTIO_F_IOMMU_PLATFORM;
    assert_string_equal(vdpa_lending_why_not(&port),
                        "the guest is behind an IOMMU");
    is_up = false;
    assert_null(vdpa_lending_why_not(&port));
    max_segs = 0;
    assert_string_equal(vdpa_lending_why_not(&port), "the VF is stopped");
    why_not = "the VF does not";
    assert_string_equal(vdpa_lending_why_not(&port), "the VF does not");
    vdpa_lending_update(&port);
    assert_int_equal(lends, 0);
    max_segs = 7;
    vdpa_lending_update(&port);
    assert_int_equal(lends, 7);
    port.capture = (void *) 1;
    assert_string_equal(vdpa_lending_why_not(&port), "packets are captured");
    vdpa_lending_update(&port);
    assert_int_equal(lends, 0);
    port.hw = (void *) 1;
    assert_string_equal(vdpa_lending_why_not(&port),
                        "a vDPA device serves the guest");
}

#define TEST(FUNCTION) cmocka_unit_test_setup_teardown(FUNCTION, setup,      \
                                                       teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reach),
        TEST(test_reach_fails),
        TEST(test_call_in),
        TEST(test_why_not),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    ds_destroy(&trace);
    return failed;
}
