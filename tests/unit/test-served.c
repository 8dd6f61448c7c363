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

/* Unit tests of a VM end whose rings a vDPA device serves: with the vhost
 * library that is there, a driver that does nothing, and a front-end of our
 * own.  Some of the messages would end the process. */

#include <config.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cmocka.h>
#include <dev_driver.h>
#include <rte_vdpa.h>
#include <rte_vhost.h>
#include <vdpa_driver.h>

#include "accel/vdpa.h"
#include "ovs-atomic.h"
#include "seam/compat-dpdk.h"
#include "test-eal.h"
#include "test-front.h"
#include "vhost/layout.h"

#define F_MQ (1ULL << VIRTIO_NET_F_MQ)
#define FEATURES (1ULL << 32 | 1ULL << VHOST_USER_F_PROTOCOL_FEATURES)
#define LOG_ALL (1ULL << 26)
/* Of the protocol: CRYPTO_SESSION, CONFIGURE_MEM_SLOTS, and what is new. */
#define UNKNOWN (1ULL << 7 | 1ULL << 15 | 1ULL << 40)
#define F_STATUS (1ULL << VHOST_USER_PROTOCOL_F_STATUS)

/* The driver. */

static atomic_count n_confs = ATOMIC_COUNT_INIT(0);
static unsigned int n_rings;            /* At the last one. */
static atomic_count n_logs = ATOMIC_COUNT_INIT(0);
static atomic_count n_blind = ATOMIC_COUNT_INIT(0);
static atomic_count n_closes = ATOMIC_COUNT_INIT(0);

static int
get_queue_num(struct rte_vdpa_device *device OVS_UNUSED, uint32_t *n)
{
    *n = 2;
    return 0;
}

static int
get_features(struct rte_vdpa_device *device OVS_UNUSED, uint64_t *features)
{
    *features = FEATURES | F_MQ | LOG_ALL;
    return 0;
}

static int
get_protocol_features(struct rte_vdpa_device *device OVS_UNUSED,
                      uint64_t *features)
{
    /* MQ, LOG_SHMFD, REPLY_ACK, and what the guard does not know. */
    *features = 1 << 0 | 1 << 1 | 1 << 3 | UNKNOWN;
    return 0;
}

static int
dev_conf(int vid)
{
    n_rings = 0;
    for (int i = 0; i < rte_vhost_get_vring_num(vid); i++) {
        struct rte_vhost_vring vring;

        if (rte_vhost_get_vhost_vring(vid, i, &vring)) {
            continue;
        }
        n_rings += vring.desc != NULL;
        if (vring.callfd >= 0) {
            eventfd_write(vring.callfd, 1);
        }
    }
    atomic_count_inc(&n_confs);
    return 0;
}

static int
dev_close(int vid OVS_UNUSED)
{
    atomic_count_inc(&n_closes);
    return 0;
}

/* Counts how often it is to log, and is told where or not. */
static int
set_features(int vid)
{
    uint64_t features = 0, base = 0, size = 0;

    rte_vhost_get_negotiated_features(vid, &features);
    rte_vhost_get_log_base(vid, &base, &size);
    if (features & LOG_ALL) {
        atomic_count_inc(size == 4096 ? &n_logs : &n_blind);
    }
    return 0;
}

static int
set_vring_state(int vid OVS_UNUSED, int ring OVS_UNUSED, int on OVS_UNUSED)
{
    return 0;
}

static struct rte_vdpa_dev_ops ops = {
    .get_queue_num = get_queue_num,
    .get_features = get_features,
    .get_protocol_features = get_protocol_features,
    .dev_conf = dev_conf,
    .dev_close = dev_close,
    .set_vring_state = set_vring_state,
    .set_features = set_features,
};

/* The library: one that has more to offer than this one has. */

int
rte_vhost_driver_register(const char *path, uint64_t flags)
{
    static int (*next)(const char *, uint64_t);
    uint64_t features;
    int retval;

    if (!next) {
        next = (int (*)(const char *, uint64_t))
            dlsym(RTLD_NEXT, "rte_vhost_driver_register");
    }
    retval = next(path, flags);
    if (!retval && !rte_vhost_driver_get_protocol_features(path, &features)) {
        rte_vhost_driver_set_protocol_features(path, features | UNKNOWN);
    }
    return retval;
}

/* Whether the process has no room for copies of files. */
static bool no_copies;

int
fcntl(int fd, int command, ...)
{
    va_list args;
    long int arg;

    va_start(args, command);
    arg = va_arg(args, long int);
    va_end(args);
    if (no_copies && command == F_DUPFD_CLOEXEC) {
        errno = EMFILE;
        return -1;
    }
    return syscall(SYS_fcntl, fd, command, arg);
}

/* The VM end. */

static struct dpdk_vdpa_hw *hw;
static struct dpdk_vdpa_vm *vm;

static bool
is_served(const void *hw_)
{
    return dpdk_vdpa_hw_is_running(hw_);
}

/* Has the VM end connect anew.  'features' are for the device, 'protocol' for
 * the connection. */
static void
begin(uint64_t features, uint64_t protocol)
{
    front_accept(vm);
    atomic_count_set(&n_confs, 0);
    assert_true(tell_u64(DPDK_VDPA_MSG_SET_PROTOCOL_FEATURES,
                         protocol | 1 << 3, -1));
    assert_true(tell_u64(DPDK_VDPA_MSG_SET_FEATURES, features, -1));
    assert_true(tell_memory(MEM_SIZE));
}

/* The device serves 'n' rings, having been asked once. */
static void
check_served(unsigned int n)
{
    long long int end = time_msec() + TIMEOUT;

    /* The library answers before it goes on. */
    while (!dpdk_vdpa_hw_is_running(hw)) {
        assert_true(time_msec() < end);
        poll(NULL, 0, 1);
    }
    assert_int_equal(atomic_count_get(&n_confs), 1);
    assert_int_equal(n_rings, n);
}

/* The message before was refused, because of 'why', where the library needs
 * that. */
static void
check_refused(bool taken, const char *why)
{
    assert_int_equal(taken, !VDPA_COMPAT_VHOST_PANICS);
    assert_true(taken ? !refused[0] : strstr(refused, why) != NULL);
}

static void
serve_two_pairs(void)
{
    begin(FEATURES | F_MQ, F_STATUS | 1);
    for (int i = 0; i < 4; i++) {
        assert_true(start_ring(i));
    }
    assert_int_equal(atomic_count_get(&n_confs), 0);
    assert_true(tell_u64(DPDK_VDPA_MSG_SET_STATUS, 0xf, -1));
    check_served(4);
}

static void
test_two_pairs(void **state OVS_UNUSED)
{
    serve_two_pairs();
    check_refused(tell_kick(0), "ring 0 is to start");
}

/* The same memory may come again. */
static void
test_memory(void **state OVS_UNUSED)
{
    serve_two_pairs();
    assert_true(tell_memory(MEM_SIZE));
    check_refused(tell_memory(MEM_SIZE - 0x1000), "other memory");
}

/* Done with its first pair, a front-end says, and is not. */
static void
test_late_pair(void **state OVS_UNUSED)
{
    begin(FEATURES | F_MQ, F_STATUS | 1);
    assert_true(start_ring(0) && start_ring(1));
    assert_true(tell_u64(DPDK_VDPA_MSG_SET_STATUS, 0xf, -1));
    check_served(2);
    check_refused(start_ring(2), "ring 2 is to start");
}

static void
test_no_multiqueue(void **state OVS_UNUSED)
{
    begin(FEATURES, F_STATUS | 1);
    assert_true(start_ring(0) && start_ring(1));
    assert_true(tell_u64(DPDK_VDPA_MSG_SET_STATUS, 0xf, -1));
    check_served(2);
    assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, 3, 0));
    assert_false(tell_u64(DPDK_VDPA_MSG_SET_FEATURES, FEATURES | LOG_ALL,
                          -1));
    assert_non_null(strstr(refused, "without multiqueue after ring 3"));
}

/* The next driver begins with other features and 'n' rings. */
static void
serve_anew(uint64_t features, unsigned int n, bool status)
{
    assert_false(dpdk_vdpa_hw_is_running(hw));
    atomic_count_set(&n_confs, 0);
    assert_true(tell_u64(DPDK_VDPA_MSG_SET_FEATURES, features, -1));
    for (unsigned int i = 0; i < n; i++) {
        assert_true(start_ring_of(i, 64 << i));
    }
    assert_true(!status || tell_u64(DPDK_VDPA_MSG_SET_STATUS, 0xf, -1));
    check_served(n);
    assert_string_equal(refused, "");
}

static void
test_reset(void **state OVS_UNUSED)
{
    serve_two_pairs();
    for (int i = 0; i < 20; i++) {
        assert_true(i % 4 < 2
                    ? tell(DPDK_VDPA_MSG_RESET_OWNER, NULL, 0, -1)
                    : tell_u64(DPDK_VDPA_MSG_SET_STATUS, 0, -1));
        serve_anew(i % 2 ? FEATURES | F_MQ : FEATURES, i % 2 ? 4 : 2, true);
    }
}

/* A front-end without a status: its rings are disabled, all of them before the
 * library stops the first. */
static void
test_disabled(void **state OVS_UNUSED)
{
    begin(FEATURES | F_MQ, 1);
    for (int i = 0; i < 10; i++) {
        for (int ring = 0; ring < 4; ring++) {
            assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, ring, 0));
        }
        if (i) {
            assert_true(tell_u64(DPDK_VDPA_MSG_SET_FEATURES, FEATURES, -1));
            for (int ring = 2; ring < 4; ring++) {
                assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, ring,
                                       0));
            }
        }
        serve_anew(FEATURES | F_MQ, 4, false);
    }
}

/* The front-end says by what to interrupt, which is done at once, and then
 * what the next driver takes of the device, without having stopped rings: the
 * device knows. */
static void
test_calls(void **state OVS_UNUSED)
{
    int fd = eventfd(0, EFD_NONBLOCK);
    eventfd_t n;

    begin(FEATURES, 1);
    assert_true(start_ring(0) && start_ring(1));
    check_served(2);
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < 2; i++) {
            assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, i, 0));
            assert_true(turn || tell_u64(DPDK_VDPA_MSG_SET_VRING_CALL, i, fd));
            assert_true(turn || (!eventfd_read(fd, &n) && n == 1));
        }
        atomic_count_set(&n_confs, 0);
        assert_true(tell_u64(DPDK_VDPA_MSG_SET_FEATURES,
                             FEATURES | (turn % 2 ? 0 : F_MQ), -1));
        for (int i = 0; i < 2; i++) {
            assert_true(place_ring(i, 256) && tell_kick(i));
            assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, i, 1));
        }
        check_served(2);
        assert_int_equal(eventfd_read(fd, &n), 0);
        assert_int_equal(n, 2);
    }
    close(fd);
}

/* There may be no file for the copies that we keep, and give to the library
 * anew: the connection ends, and the next one is served. */
static void
test_no_copies(void **state OVS_UNUSED)
{
    int fd = eventfd(0, EFD_NONBLOCK);

    for (int kept = 0; kept < 2; kept++) {
        begin(FEATURES, 1);
        assert_true(start_ring(0) && start_ring(1));
        check_served(2);
        for (int i = 0; i < 2; i++) {
            assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, i, 0));
        }
        no_copies = !kept;
        assert_int_equal(tell_u64(DPDK_VDPA_MSG_SET_VRING_CALL, 0, fd), kept);
        no_copies = true;
        assert_false(tell_u64(DPDK_VDPA_MSG_SET_FEATURES, FEATURES | F_MQ,
                              -1));
        no_copies = false;
    }
    serve_two_pairs();
    close(fd);
}

/* Of the protocol only that is offered which the guard knows. */
static void
test_protocol(void **state OVS_UNUSED)
{
    uint64_t offered;

    begin(FEATURES | F_MQ, F_STATUS | 1);
    offered = ask_u64(DPDK_VDPA_MSG_GET_PROTOCOL_FEATURES);
    assert_int_equal(offered, F_STATUS | 1 << 3 | 1 << 1 | 1);
}

/* A front-end that does not say when it is done. */
static void
test_no_status(void **state OVS_UNUSED)
{
    begin(FEATURES | F_MQ, 1);
    assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, 3, 0));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(atomic_count_get(&n_confs), 0);
        assert_true(start_ring(i));
    }
    check_served(4);
}

/* It does not start them all. */
static void
test_no_status_in_vain(void **state OVS_UNUSED)
{
    long long int end = time_msec() + TIMEOUT;

    for (int i = 0; i < 2; i++) {
        begin(FEATURES | F_MQ, 1);
        assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, 3, 0));
        assert_true(start_ring(0) && start_ring(1));
        while (!i && !dpdk_vdpa_hw_waits_in_vain(hw)) {
            assert_true(time_msec() < end);
            poll(NULL, 0, 10);
        }
    }
    check_served(2);
    check_refused(start_ring(2), "ring 2 is to start");
}

static bool
tell_log(int fd)
{
    uint64_t log[2] = { 712, 0 };
    struct dpdk_vdpa_msg answer;

    return (front_send(DPDK_VDPA_MSG_SET_LOG_BASE, 0, log, sizeof log, fd)
            && front_recv(DPDK_VDPA_MSG_SET_LOG_BASE, &answer));
}

/* The guest begins anew in the course of its live migration, which is given up
 * then.  Its front-end says last where to log, which the library may know from
 * before. */
static void
test_logging(void **state OVS_UNUSED)
{
    int fd = memfd_create("log", MFD_CLOEXEC);
    uint8_t bits;

    assert_int_equal(ftruncate(fd, 712), 0);
    begin(FEATURES | LOG_ALL, 1 << 1 | 1);
    atomic_count_set(&n_logs, 0);
    for (int i = 0; i < 3; i++) {
        if (i) {
            stop_ring(0);
            stop_ring(1);
            assert_false(dpdk_vdpa_hw_is_running(hw));
            atomic_count_set(&n_confs, 0);
        }
        assert_true(start_ring(0) && start_ring(1));
        if (i) {
            check_served(2);
        }
        assert_true(tell_log(fd));
        check_served(2);
        assert_int_equal(atomic_count_get(&n_logs), i + 1);
    }
    /* It may have written anything before it could log: at 1 MB, say. */
    assert_int_equal(pread(fd, &bits, 1, 0x100000 / 4096 / 8), 1);
    assert_int_equal(bits, 0xff);
    atomic_count_set(&n_closes, 0);
    for (int i = 0; i < 2; i++) {
        assert_true(tell_u64(DPDK_VDPA_MSG_SET_FEATURES, FEATURES, -1));
        assert_int_equal(atomic_count_get(&n_closes), 1);
        assert_int_equal(atomic_count_get(&n_confs), 2);
    }
    assert_int_equal(atomic_count_get(&n_logs), 3);
    assert_int_equal(atomic_count_get(&n_blind), 0);
    assert_string_equal(refused, "");
    close(fd);
}

static bool
make_vm(const char *folder)
{
    static struct dpdk_vdpa_vm_callbacks callbacks;
    static struct rte_device rte_device = { .name = "test" };
    struct rte_vdpa_device *device;
    char *error = NULL;

    device = rte_vdpa_register_device(&rte_device, &ops);
    if (!device
        || dpdk_vdpa_hw_open("test", "test", device, &hw, &error)) {
        fprintf(stderr, "%s\n", error ? error : "no device");
        return false;
    }
    vm = front_vm_create(folder, &callbacks, 2, false);
    if (!vm) {
        return false;
    }
    dpdk_vdpa_vm_set_vdpa(vm, device, is_served, dpdk_vdpa_hw_end_logging,
                          hw);
    return !dpdk_vdpa_vm_start(vm, &error);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_pairs),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_late_pair),
        cmocka_unit_test(test_no_multiqueue),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_no_copies),
        cmocka_unit_test(test_protocol),
        cmocka_unit_test(test_no_status),
        cmocka_unit_test(test_no_status_in_vain),
        cmocka_unit_test(test_logging),
    };
    char folder[] = "/tmp/test-served.XXXXXX";
    int n_failed;

    if (!test_eal_init() || !front_open(folder) || !make_vm(folder)) {
        return 1;
    }
    n_failed = cmocka_run_group_tests_name("served", tests, NULL, NULL);
    dpdk_vdpa_vm_destroy(vm);
    dpdk_vdpa_hw_close(hw);
    front_close(folder);
    return n_failed;
}
