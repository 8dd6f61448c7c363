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

/* Unit tests of the watch over a vDPA device, with a driver of our own. */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rte_dev.h>
#include <rte_vdpa.h>
#include <rte_vhost.h>

#if __has_include(<vdpa_driver.h>)
#include <vdpa_driver.h>
#endif

#include "timeval.h"
#include "util.h"

#define N_PAIRS 4

/* What the driver has. */
static int n_names;             /* Counters of a ring, or a negative error. */
static uint64_t faults[2 * N_PAIRS];
static unsigned int first_untold;       /* No counters from this ring on. */
static int conf_error;
static int features_error;
static bool is_other_library;           /* Which has other layouts. */

/* What the front-end has done. */
static uint64_t protocol_features;
static unsigned int n_rings;            /* The library knows. */
static struct rte_vhost_vring vrings[2 * N_PAIRS];

/* How often it was asked. */
static unsigned int n_confs;
static unsigned int n_closes;
static unsigned int n_features;
static unsigned int n_names_calls;
static unsigned int n_stats_calls;
static unsigned int last_ring;

static int
fake_dev_conf(int vid OVS_UNUSED)
{
    n_confs++;
    return conf_error;
}

static int
fake_dev_close(int vid OVS_UNUSED)
{
    n_closes++;
    return 0;
}

static int
fake_set_features(int vid OVS_UNUSED)
{
    n_features++;
    return features_error;
}

static int
fake_driver_get_protocol_features(struct rte_vdpa_device *device OVS_UNUSED,
                                  uint64_t *features)
{
    *features = 1;
    return 0;
}

/* The library asks the driver. */
static int
fake_get_protocol_features(struct rte_vdpa_device *device,
                           uint64_t *features)
{
    int (**ops)(struct rte_vdpa_device *, uint64_t *)
        = ((void **) device)[3];

    return (is_other_library
            ? fake_driver_get_protocol_features(device, features)
            : ops[2](device, features));
}

static uint64_t virtio_features;
static struct rte_vhost_memory *memory;
static uint64_t logged[8][2];           /* Addresses and lengths. */
static unsigned int n_logged;

static int
fake_get_virtio_features(int vid OVS_UNUSED, uint64_t *features)
{
    *features = virtio_features;
    return 0;
}

static int
fake_get_mem_table(int vid OVS_UNUSED, struct rte_vhost_memory **mem)
{
    size_t size = (sizeof *memory
                   + memory->nregions * sizeof memory->regions[0]);

    *mem = xmemdup(memory, size);
    return 0;
}

static void
fake_log_write(int vid OVS_UNUSED, uint64_t addr, uint64_t len)
{
    assert_true(n_logged < ARRAY_SIZE(logged));
    logged[n_logged][0] = addr;
    logged[n_logged++][1] = len;
}

static uint64_t log_size;

static int
fake_get_log_base(int vid OVS_UNUSED, uint64_t *base, uint64_t *size)
{
    *base = log_size ? 0x1000 : 0;
    *size = log_size;
    return 0;
}

static long long int now = 1000;

static long long int
fake_time_msec(void)
{
    return now;
}

static int
fake_get_negotiated(int vid OVS_UNUSED, uint64_t *features)
{
    *features = protocol_features;
    return 0;
}

static uint16_t
fake_get_vring_num(int vid OVS_UNUSED)
{
    return n_rings;
}

static int
fake_get_vhost_vring(int vid OVS_UNUSED, uint16_t i,
                     struct rte_vhost_vring *vring)
{
    *vring = vrings[i];
    return 0;
}

static int
fake_get_queue_num(struct rte_vdpa_device *device OVS_UNUSED, uint32_t *n)
{
    *n = N_PAIRS;
    return 0;
}

static int
fake_get_features(struct rte_vdpa_device *device OVS_UNUSED, uint64_t *features)
{
    *features = 0;
    return 0;
}

static int
fake_get_stats_names(struct rte_vdpa_device *device OVS_UNUSED,
                     struct rte_vdpa_stat_name *names, unsigned int size)
{
    n_names_calls++;
    if (names && n_names > 0 && size >= 2) {
        strcpy(names[0].name, "Packets");
        strcpy(names[1].name, "DMA faults");
    }
    return n_names;
}

static int
fake_get_stats(struct rte_vdpa_device *device OVS_UNUSED, uint16_t ring,
               struct rte_vdpa_stat *stats, unsigned int n)
{
    n_stats_calls++;
    last_ring = ring;
    if (ring >= first_untold) {
        return -EINVAL;
    }
    assert_int_equal(n, 2);
    stats[0].value = 1000;
    stats[1].value = faults[ring];
    return n;
}

static struct rte_device *
fake_get_rte_device(struct rte_vdpa_device *device)
{
    return ((struct rte_device **) device)[2];
}

static struct rte_vdpa_device *fake_get_vdpa_device(int vid);

#define rte_vdpa_get_queue_num fake_get_queue_num
#define rte_vdpa_get_features fake_get_features
#define rte_vdpa_get_stats_names fake_get_stats_names
#define rte_vdpa_get_stats fake_get_stats
#define rte_vdpa_get_rte_device fake_get_rte_device
#define rte_vhost_get_vdpa_device fake_get_vdpa_device
#define time_msec fake_time_msec
#define rte_vdpa_get_protocol_features fake_get_protocol_features
#define rte_vhost_get_negotiated_protocol_features fake_get_negotiated
#define rte_vhost_get_vring_num fake_get_vring_num
#define rte_vhost_get_vhost_vring fake_get_vhost_vring
#define rte_vhost_get_negotiated_features fake_get_virtio_features
#define rte_vhost_get_mem_table fake_get_mem_table
#define rte_vhost_log_write fake_log_write
#define rte_vhost_get_log_base fake_get_log_base
#include "lib/accel/vdpa.c"

#if __has_include(<vdpa_driver.h>)
/* The private layouts are what the library's headers for drivers say. */
#define SAME_OP(OP)                                                          \
    BUILD_ASSERT_DECL(offsetof(struct rte_vdpa_dev_ops, OP)                  \
                      == offsetof(struct vdpa_compat_vdpa_ops, OP))
SAME_OP(get_queue_num);
SAME_OP(get_features);
SAME_OP(get_protocol_features);
SAME_OP(dev_conf);
SAME_OP(dev_close);
SAME_OP(set_features);
BUILD_ASSERT_DECL(offsetof(struct rte_vdpa_device, device)
                  == offsetof(struct vdpa_compat_vdpa_device, device));
BUILD_ASSERT_DECL(offsetof(struct rte_vdpa_device, ops)
                  == offsetof(struct vdpa_compat_vdpa_device, ops));
#endif

#define F_STATUS (1ULL << VHOST_USER_PROTOCOL_F_STATUS)

static struct vdpa_compat_vdpa_ops ops;
static struct vdpa_compat_vdpa_device device;
static struct dpdk_vdpa_hw *hw;

static struct rte_vdpa_device *
fake_get_vdpa_device(int vid OVS_UNUSED)
{
    return (void *) &device;
}

static void
changed(void *n)
{
    ++*(unsigned int *) n;
}

static void
open_hw(int n)
{
    char *error = NULL;

    n_names = n;
    assert_int_equal(dpdk_vdpa_hw_open("d,vdpa=1", "d", (void *) &device, &hw,
                                       &error), 0);
}

/* Fails unless there is an error exactly if 'text' is not null, and it
 * contains that. */
static void
check_error(const char *text)
{
    char *error = dpdk_vdpa_hw_get_error(hw);

    assert_int_equal(error != NULL, text != NULL);
    if (text) {
        assert_non_null(strstr(error, text));
    }
    free(error);
}

static int
setup(void **state OVS_UNUSED)
{
    if (!ops.dev_conf) {
        ops.get_queue_num = fake_get_queue_num;
        ops.get_features = fake_get_features;
        ops.get_protocol_features = fake_driver_get_protocol_features;
        ops.dev_conf = fake_dev_conf;
        ops.dev_close = fake_dev_close;
        ops.set_features = fake_set_features;
    }
    device.ops = &ops;
    device.device = NULL;
    is_other_library = false;
    features_error = 0;
    virtio_features = n_logged = 0;
    log_size = 0;
    memory = xzalloc(sizeof *memory + sizeof memory->regions[0]);
    memory->nregions = 1;
    memory->regions[0].guest_phys_addr = 0x100000;
    memory->regions[0].size = 8192;
    protocol_features = F_STATUS;
    n_rings = 0;
    memset(vrings, 0, sizeof vrings);
    for (int i = 0; i < 2 * N_PAIRS; i++) {
        vrings[i].kickfd = -2;
    }
    n_confs = n_closes = n_features = 0;
    memset(faults, 0, sizeof faults);
    first_untold = 2 * N_PAIRS;
    conf_error = 0;
    n_names_calls = n_stats_calls = last_ring = 0;
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    dpdk_vdpa_hw_close(hw);
    hw = NULL;
    free(memory);
    return 0;
}

/* A driver without counters is asked for them once. */
static void
test_no_counters(void **state OVS_UNUSED)
{
    unsigned int n;

    open_hw(-ENOTSUP);
    assert_int_equal(ops.dev_conf(0), 0);
    for (int i = 0; i < 10; i++) {
        dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    }
    assert_null(dpdk_vdpa_hw_get_stats(hw, N_PAIRS, &n));
    assert_int_equal(n, 0);
    assert_int_equal(n_names_calls, 1);
    assert_int_equal(n_stats_calls, 0);
    check_error(NULL);
}

/* What a device counted before it served this guest is no fault of its. */
static void
test_faults(void **state OVS_UNUSED)
{
    faults[3] = 5;
    open_hw(2);
    assert_int_equal(ops.dev_conf(0), 0);
    assert_true(dpdk_vdpa_hw_is_running(hw));
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    check_error(NULL);
    faults[3]++;
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    check_error("reports a fault (DMA faults)");

    /* The driver starts anew. */
    assert_int_equal(ops.dev_close(0), 0);
    faults[0]++;
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    assert_int_equal(ops.dev_conf(0), 0);
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    check_error(NULL);
    faults[0]++;
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    check_error("reports a fault");
}

/* It is asked of what the guest uses, and not if it does not run, nor again
 * and again of what it does not tell. */
static void
test_what_is_asked(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_hw_stat *stats;
    unsigned int n;

    open_hw(2);
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    assert_int_equal(n_stats_calls, 0);
    assert_int_equal(ops.dev_conf(0), 0);
    n_stats_calls = 0;
    dpdk_vdpa_hw_check_faults(hw, 2);
    assert_int_equal(n_stats_calls, 4);
    assert_int_equal(last_ring, 3);

    first_untold = 0;
    n_stats_calls = 0;
    dpdk_vdpa_hw_check_faults(hw, N_PAIRS);
    assert_int_equal(n_stats_calls, 1);
    first_untold = 2;
    stats = dpdk_vdpa_hw_get_stats(hw, N_PAIRS, &n);
    assert_int_equal(n, 4);
    assert_string_equal(stats[3].name, "dma_faults");
    assert_int_equal(stats[3].ring, 1);
    free(stats);
}

static void
test_conf_fails(void **state OVS_UNUSED)
{
    unsigned int n = 0;

    open_hw(2);
    dpdk_vdpa_hw_set_callback(hw, changed, &n);
    conf_error = -EIO;
    assert_int_equal(ops.dev_conf(0), -EIO);
    check_error("failed to take over the guest's queues");
    assert_false(dpdk_vdpa_hw_is_running(hw));
    assert_int_equal(n, 1);
    conf_error = 0;
    assert_int_equal(ops.dev_conf(0), 0);
    check_error(NULL);
    assert_int_equal(n, 2);
}

/* Starts 'ring' as the library shows it, of which there are 'n' then. */
static void
start_ring(unsigned int ring, unsigned int n)
{
    static struct vring_desc desc;

    n_rings = n;
    vrings[ring].desc = &desc;
    vrings[ring].kickfd = ring ? 7 : -1;        /* Or polled. */
}

/* The library is told that a front-end can say when it is done, which is on
 * offer even if the driver knows nothing of it, and then leaves it to that. */
static void
test_front_end_says_when(void **state OVS_UNUSED)
{
    uint64_t features = 0;

    open_hw(2);
    assert_int_equal(fake_get_protocol_features((void *) &device, &features),
                     0);
    assert_int_equal(features, 1 | F_STATUS);
    start_ring(0, 4);
    assert_int_equal(ops.dev_conf(0), 0);
    assert_true(dpdk_vdpa_hw_is_running(hw));
    assert_false(dpdk_vdpa_hw_waits_in_vain(hw));
}

/* Otherwise the device waits for all rings that it has spoken of. */
static void
test_waits_for_rings(void **state OVS_UNUSED)
{
    open_hw(2);
    protocol_features = 0;
    start_ring(0, 4);
    start_ring(1, 4);
    for (int ring = 2; ring < 4; ring++) {
        assert_true(ops.dev_conf(0) < 0);
        assert_false(dpdk_vdpa_hw_is_running(hw));
        check_error(NULL);
        start_ring(ring, 4);
    }
    assert_int_equal(n_confs, 0);
    assert_int_equal(ops.dev_conf(0), 0);
    assert_true(dpdk_vdpa_hw_is_running(hw));
    assert_int_equal(n_confs, 1);
}

/* A driver that was not asked to begin is not asked to end. */
static void
test_closed_while_waiting(void **state OVS_UNUSED)
{
    open_hw(2);
    protocol_features = 0;
    start_ring(0, 2);
    assert_true(ops.dev_conf(0) < 0);
    assert_int_equal(ops.dev_close(0), 0);
    assert_int_equal(n_closes, 0);
    now += PATIENCE;
    assert_false(dpdk_vdpa_hw_waits_in_vain(hw));
    start_ring(1, 2);
    assert_int_equal(ops.dev_conf(0), 0);
    assert_int_equal(ops.dev_close(0), 0);
    assert_int_equal(n_closes, 1);
    assert_false(dpdk_vdpa_hw_is_running(hw));
}

/* It does not wait for ever, but from the last message; and the next time for
 * as long again. */
static void
test_waits_in_vain(void **state OVS_UNUSED)
{
    open_hw(2);
    protocol_features = 0;
    start_ring(0, 4);
    assert_true(ops.dev_conf(0) < 0);
    now += PATIENCE - 200;
    assert_true(ops.dev_conf(0) < 0);
    now += PATIENCE - 200;
    assert_false(dpdk_vdpa_hw_waits_in_vain(hw));
    now += 200;
    assert_true(dpdk_vdpa_hw_waits_in_vain(hw));
    assert_false(dpdk_vdpa_hw_waits_in_vain(hw));
    assert_int_equal(ops.dev_close(0), 0);
    assert_int_equal(ops.dev_conf(0), 0);
    assert_int_equal(ops.dev_close(0), 0);
    assert_true(ops.dev_conf(0) < 0);
}

/* Such a device is still configured, which the guard must know; but it must
 * not write what it does not log. */
static void
test_features_fail(void **state OVS_UNUSED)
{
    open_hw(2);
    assert_int_equal(ops.dev_conf(0), 0);
    virtio_features = 1ULL << VHOST_F_LOG_ALL;
    features_error = -EIO;
    assert_int_equal(ops.set_features(0), -EIO);
    check_error("failed to log");
    assert_true(dpdk_vdpa_hw_is_running(hw));
    assert_int_equal(n_closes, 1);
    assert_int_equal(ops.dev_close(0), 0);
    assert_int_equal(n_closes, 1);
    assert_false(dpdk_vdpa_hw_is_running(hw));

    /* It goes on if the live migration comes to nothing. */
    virtio_features = 0;
    assert_int_equal(ops.dev_conf(0), 0);
    virtio_features = 1ULL << VHOST_F_LOG_ALL;
    assert_int_equal(ops.set_features(0), -EIO);
    assert_int_equal(n_closes, 2);
    dpdk_vdpa_hw_end_logging(hw, 0);
    virtio_features = 0;
    assert_int_equal(ops.set_features(0), 0);
    check_error(NULL);
    assert_int_equal(n_confs, 3);
    assert_int_equal(ops.dev_close(0), 0);
    assert_int_equal(n_closes, 3);
}

/* What a driver says of features before it serves a guest is of no
 * consequence: some always fail then. */
static void
test_features_before(void **state OVS_UNUSED)
{
    open_hw(2);
    features_error = -1;
    ops.set_features(0);
    assert_int_equal(n_features, 1);
    check_error(NULL);
    assert_false(dpdk_vdpa_hw_is_running(hw));
    assert_int_equal(ops.dev_conf(0), 0);
    assert_int_equal(n_features, 1);
    assert_true(dpdk_vdpa_hw_is_running(hw));
}

/* A guest may begin anew in the course of a live migration.  The driver hears
 * of logging when the device runs, and can log. */
static void
test_begins_logging(void **state OVS_UNUSED)
{
    open_hw(2);
    virtio_features = 1ULL << VHOST_F_LOG_ALL;
    assert_int_equal(ops.set_features(0), 0);
    assert_int_equal(n_features, 0);
    log_size = 4096;
    assert_int_equal(ops.dev_conf(0), 0);
    assert_int_equal(n_features, 1);
    /* What it has written until then nobody knows. */
    assert_int_equal(n_logged, 1);
    assert_int_equal(logged[0][0], 0x100000);
    assert_int_equal(logged[0][1], 8192);
    assert_int_equal(ops.dev_close(0), 0);
    assert_int_equal(n_closes, 1);

    features_error = -EIO;
    assert_int_equal(ops.dev_conf(0), -EIO);
    assert_false(dpdk_vdpa_hw_is_running(hw));
    assert_int_equal(n_closes, 2);
    check_error("failed to take over");
    features_error = 0;
    assert_int_equal(ops.dev_conf(0), 0);
    check_error(NULL);
}

/* It waits for the log, of which it may be told last, but not for ever. */
static void
test_waits_for_log(void **state OVS_UNUSED)
{
    open_hw(2);
    virtio_features = 1ULL << VHOST_F_LOG_ALL;
    assert_true(ops.dev_conf(0) < 0);
    assert_int_equal(n_confs, 0);
    check_error(NULL);
    log_size = 4096;
    assert_int_equal(ops.dev_conf(0), 0);
    assert_int_equal(n_features, 1);
    assert_int_equal(ops.dev_close(0), 0);

    log_size = 0;
    assert_true(ops.dev_conf(0) < 0);
    now += PATIENCE;
    assert_true(dpdk_vdpa_hw_waits_in_vain(hw));
    assert_int_equal(ops.dev_close(0), 0);
    assert_int_equal(ops.dev_conf(0), 0);
    assert_int_equal(n_features, 1);
}

/* A live migration that was given up: the driver, which may know nothing of
 * that, ends while it still has the feature, and begins anew when the feature
 * has gone. */
static void
test_logging_ends(void **state OVS_UNUSED)
{
    open_hw(2);
    assert_int_equal(ops.dev_conf(0), 0);
    assert_int_equal(n_confs, 1);
    dpdk_vdpa_hw_end_logging(hw, 0);
    assert_int_equal(n_closes, 1);
    assert_true(dpdk_vdpa_hw_is_running(hw));
    features_error = -EIO;      /* It is not asked. */
    assert_int_equal(ops.set_features(0), 0);
    assert_int_equal(n_confs, 2);
    check_error(NULL);
    assert_int_equal(ops.set_features(0), -EIO);
    assert_int_equal(n_confs, 2);

    assert_int_equal(ops.dev_close(0), 0);
    assert_int_equal(ops.dev_conf(0), 0);
    dpdk_vdpa_hw_end_logging(hw, 0);
    conf_error = -EIO;
    assert_int_equal(ops.set_features(0), -EIO);
    check_error("failed to go on");
    n_closes = 0;
    assert_int_equal(ops.dev_close(0), 0);
    assert_int_equal(n_closes, 0);
    conf_error = 0;
    assert_int_equal(ops.dev_conf(0), 0);
    check_error(NULL);
}

/* Of packed rings descriptors and the device's area are logged, where they are
 * for the guest, at the end of a live migration and not otherwise. */
static void
test_packed_is_logged(void **state OVS_UNUSED)
{
    const uint64_t packed = 1ULL << VIRTIO_F_RING_PACKED;
    struct rte_vhost_vring *ring = &vrings[1];
    static uint8_t guest[8192];

    memory->regions[0].host_user_addr = (uintptr_t) guest;
    n_rings = 2;
    ring->desc_packed = (void *) &guest[4096];
    ring->device_event = (void *) &guest[8188];
    ring->size = 128;
    open_hw(2);
    for (int i = 0; i < 4; i++) {
        virtio_features = (i & 1 ? packed : 0)
                          | (i & 2 ? 1ULL << VHOST_F_LOG_ALL : 0);
        log_size = 4096;
        assert_int_equal(ops.dev_conf(0), 0);
        n_logged = 0;
        assert_int_equal(ops.dev_close(0), 0);
        assert_int_equal(n_logged, i < 3 ? 0 : 2);
    }
    assert_int_equal(logged[0][0], 0x101000);
    assert_int_equal(logged[0][1], 128 * 16);
    assert_int_equal(logged[1][0], 0x101ffc);
    assert_int_equal(logged[1][1], 4);
}

/* Where our functions cannot be put in the driver's place there is no hardware
 * mode, and the driver's are as they were. */
static void
test_other_layout(void **state OVS_UNUSED)
{
    struct vdpa_compat_vdpa_ops others = ops;
    char *error = NULL;

    others.get_protocol_features = fake_driver_get_protocol_features;
    others.dev_conf = fake_dev_conf;
    device.ops = &others;
    is_other_library = true;
    assert_int_equal(dpdk_vdpa_hw_open("d", "d", (void *) &device, &hw,
                                       &error), ENOTSUP);
    assert_non_null(strstr(error, "cannot be used with DPDK"));
    free(error);
    assert_null(hw);
    assert_ptr_equal(others.get_protocol_features,
                     fake_driver_get_protocol_features);
    assert_ptr_equal(others.dev_conf, fake_dev_conf);

    is_other_library = false;
    others.set_features = NULL;
    assert_int_equal(dpdk_vdpa_hw_open("d", "d", (void *) &device, &hw,
                                       &error), ENOTSUP);
    free(error);
}

static void
test_unplugged(void **state OVS_UNUSED)
{
    unsigned int n = 0;

    open_hw(2);
    dpdk_vdpa_hw_set_callback(hw, changed, &n);
    rte_dev_event_callback_process("other", RTE_DEV_EVENT_REMOVE);
    assert_false(dpdk_vdpa_hw_is_removed(hw));
    rte_dev_event_callback_process("d", RTE_DEV_EVENT_REMOVE);
    assert_true(dpdk_vdpa_hw_is_removed(hw));
    assert_int_equal(n, 1);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_no_counters),
        TEST(test_faults),
        TEST(test_what_is_asked),
        TEST(test_conf_fails),
        TEST(test_front_end_says_when),
        TEST(test_waits_for_rings),
        TEST(test_closed_while_waiting),
        TEST(test_waits_in_vain),
        TEST(test_features_fail),
        TEST(test_features_before),
        TEST(test_begins_logging),
        TEST(test_waits_for_log),
        TEST(test_logging_ends),
        TEST(test_packed_is_logged),
        TEST(test_other_layout),
        TEST(test_unplugged),
    };

    return cmocka_run_group_tests_name("vdpa", tests, NULL, NULL);
}
