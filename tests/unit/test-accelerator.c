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

/* Unit tests of what serves the guest of a port, and of how it gets back to
 * something that works. */

#include <config.h>

#include "tests/unit/accelerator-fixture.h"

static void
test_modes(void **state OVS_UNUSED)
{
    script.vdpa_error = ENODEV;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_HW)), ENODEV);
    check(VDPA_ACCEL_NONE, false, false);
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_AUTO)), 0);
    check(VDPA_ACCEL_RELAY, false, false);

    /* One mode that is not to be had leaves the other. */
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_HW)), ENODEV);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_int_equal(seen.n_repairs, 1);
    script.vdpa_error = 0;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_HW)), 0);
    check(VDPA_ACCEL_VDPA, false, false);
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    check(VDPA_ACCEL_RELAY, false, false);
}

static void
test_pair(void **state OVS_UNUSED)
{
    script.pair_error = EINVAL;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), EINVAL);
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_HW)), EINVAL);
    check(VDPA_ACCEL_NONE, false, false);
    script.pair_error = 0;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);

    /* Another representor, another VF. */
    script.pair_error = EINVAL;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), EINVAL);
    assert_int_equal(apply(options_for("b", DPDK_VDPA_MODE_SW)), EINVAL);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_string_equal(dpdk_vdpa_vf_devargs(port.vf), "a");
}

static void
test_other_vf(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    assert_int_equal(apply(options_for("b", DPDK_VDPA_MODE_SW)), 0);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_string_equal(dpdk_vdpa_vf_devargs(port.vf), "b");
    script.n_good_starts = 0;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), EIO);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_string_equal(dpdk_vdpa_vf_devargs(port.vf), "b");
}

/* The same device with other arguments cannot be there twice. */
static void
test_same_device(void **state OVS_UNUSED)
{
    char *text = NULL;

    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    assert_int_equal(apply(options_for("a,x=1", DPDK_VDPA_MODE_SW)), 0);
    assert_string_equal(dpdk_vdpa_vf_devargs(port.vf), "a,x=1");

    /* Neither the new nor the old ones do: the clock brings it back. */
    script.n_good_starts = 0;
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), EIO);
    check(VDPA_ACCEL_NONE, true, false);
    assert_false(dpdk_vdpa_retry_is_due(&port.retry, time_msec()));
    assert_false(vdpa_accelerator_repair(&port));
    assert_int_equal(vdpa_accelerator_apply(&port, &port.options, &text), 0);
    check(VDPA_ACCEL_NONE, true, false);
    script.n_good_starts = INT_MAX;
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_RELAY, false, false);
    assert_string_equal(dpdk_vdpa_vf_devargs(port.vf), "a,x=1");
}

/* A VF that does not start again is stopped, not forgotten, whatever the
 * database says meanwhile. */
static void
test_stopped(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_options more;

    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    script.n_good_starts = 0;
    more = port.options;
    more.max_pairs = 2;
    assert_int_equal(apply(more), EIO);
    check(VDPA_ACCEL_STOPPED, true, false);
    assert_false(dpdk_vdpa_retry_is_due(&port.retry, time_msec()));

    assert_int_equal(apply(port.options), 0);
    check(VDPA_ACCEL_STOPPED, true, false);
    assert_false(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_STOPPED, true, false);
    script.n_good_starts = INT_MAX;
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_RELAY, false, false);
    assert_int_equal(dpdk_vdpa_vf_get_config(port.vf)->n_pairs, 4);
}

/* Descriptors are the VF's as well; it starts again only if they change, and
 * as it was if it does not start with them. */
static void
test_stopped_is_replaced(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    script.n_good_starts = 0;
    script.needs_reset = true;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_STOPPED, true, false);
    /* It still wants a reset; that is the clock's matter now. */
    seen.n_starts = 0;
    vdpa_accelerator_check(&port);
    assert_int_equal(seen.n_starts, 0);

    script.n_good_starts = INT_MAX;
    assert_int_equal(apply(options_for("b", DPDK_VDPA_MODE_SW)), 0);
    check(VDPA_ACCEL_RELAY, false, false);
}

static void
test_reset(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    script.needs_reset = true;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_false(script.needs_reset);
}

static void
test_removed_in_hw_mode(void **state OVS_UNUSED)
{
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_HW)), 0);
    script.removed = true;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_NONE, true, false);
    assert_null(port.vm);
    script.removed = false;
    script.exists = false;
    assert_true(vdpa_accelerator_is_absent(&port));
    script.exists = true;
    assert_false(vdpa_accelerator_is_absent(&port));
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_VDPA, false, false);
}

static void
test_fall_back(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_options options = options_for("a", DPDK_VDPA_MODE_AUTO);

    options.vdpa_hint = true;
    assert_int_equal(apply(options), 0);
    check(VDPA_ACCEL_VDPA, false, false);
    script.fault = CONST_CAST(char *, "fault");
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_RELAY, false, false);
    assert_null(port.reasons[VDPA_REASON_FAULT]);
    assert_non_null(port.vm);

    /* Nor does that one start: the clock has it. */
    assert_int_equal(apply(options_for("a", DPDK_VDPA_MODE_SW)), 0);
    assert_int_equal(apply(options), 0);
    check(VDPA_ACCEL_VDPA, false, false);
    script.n_good_starts = 0;
    vdpa_accelerator_check(&port);
    check(VDPA_ACCEL_NONE, true, false);
    script.fault = NULL;
    assert_true(vdpa_accelerator_repair(&port));
    check(VDPA_ACCEL_VDPA, false, false);
}

/* A vDPA device that waits for rings that do not come gets the guest anew,
 * once, and stays. */
static void
test_waits_in_vain(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_options options = options_for("a", DPDK_VDPA_MODE_AUTO);

    options.vdpa_hint = true;
    assert_int_equal(apply(options), 0);
    port.vm = A_VM;
    seen.n_repairs = 0;
    vdpa_accelerator_check(&port);
    assert_int_equal(seen.n_repairs, 0);
    script.waits = true;
    vdpa_accelerator_check(&port);
    vdpa_accelerator_check(&port);
    assert_int_equal(seen.n_repairs, 1);
    assert_non_null(port.vm);
    check(VDPA_ACCEL_VDPA, false, false);
}

/* The VF puts segments together only if the user asked for that, whatever the
 * guest takes. */
static void
test_retry(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_retry retry = { 0, 0 };
    long long int now = 100000;
    int last = 0;

    assert_true(dpdk_vdpa_retry_is_due(&retry, now));
    for (int i = 0; i < 10; i++) {
        dpdk_vdpa_retry_failed(&retry, now);
        assert_true(retry.interval >= last);
        assert_int_equal(retry.next, now + retry.interval);
        assert_false(dpdk_vdpa_retry_is_due(&retry, retry.next - 1));
        assert_true(dpdk_vdpa_retry_is_due(&retry, retry.next));
        last = retry.interval;
        now = retry.next;
    }
    assert_int_equal(last, DPDK_VDPA_RETRY_MAX);
    dpdk_vdpa_retry_soon(&retry, now);
    assert_int_equal(retry.next, now + DPDK_VDPA_RETRY_MIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_modes),
        TEST(test_pair),
        TEST(test_other_vf),
        TEST(test_same_device),
        TEST(test_stopped),
        TEST(test_stopped_is_replaced),
        TEST(test_reset),
        TEST(test_removed_in_hw_mode),
        TEST(test_fall_back),
        TEST(test_waits_in_vain),
        TEST(test_retry),
    };

    return cmocka_run_group_tests_name("accelerator", tests, NULL, NULL);
}
