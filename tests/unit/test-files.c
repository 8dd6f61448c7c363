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

/* Unit tests of what is done with files of front-ends. */

#include <config.h>

#include "vhost/files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include <cmocka.h>

#include "ovs-rcu.h"
#include "seq.h"
#include "tests/unit/test-closed.h"
#include "tests/unit/test-messages.h"
#include "tests/unit/test-slow.h"
#include "timeval.h"
#include "util.h"

#define LONG 10000              /* For what should come at once, in ms. */

static void
check_kind(int fd, bool is_eventfd, bool is_memory, bool is_socket)
{
    assert_true(fd >= 0);
    assert_int_equal(dpdk_vdpa_file_is_eventfd(fd), is_eventfd);
    assert_int_equal(dpdk_vdpa_file_is_memory(fd), is_memory);
    assert_int_equal(dpdk_vdpa_file_is_local_socket(fd), is_socket);
    close(fd);
}

static void
test_kinds(void **state OVS_UNUSED)
{
    int fds[2];

    check_kind(eventfd(0, EFD_NONBLOCK), true, false, false);
    check_kind(memfd_create("test-files", 0), false, true, false);
    check_kind(memfd_create("test-files", MFD_ALLOW_SEALING), false, true,
               false);
    check_kind(socket(AF_UNIX, SOCK_STREAM, 0), false, false, true);
    check_kind(socket(AF_INET, SOCK_STREAM, 0), false, false, false);
    check_kind(timerfd_create(CLOCK_MONOTONIC, 0), false, false, false);
    check_kind(open("/dev/null", O_RDWR), false, false, false);
    check_kind(open("/proc/self/status", O_RDONLY), false, false, false);
    check_kind(open("/dev/shm", O_RDONLY), false, false, false);
    check_kind(open("/", O_RDONLY), false, false, false);
    check_kind(open("/", O_PATH), false, false, false);
    assert_int_equal(pipe(fds), 0);
    check_kind(fds[0], false, false, false);
    check_kind(fds[1], false, false, false);
    assert_false(dpdk_vdpa_file_is_eventfd(-1));
    assert_false(dpdk_vdpa_file_is_memory(-1));
    assert_false(dpdk_vdpa_file_is_local_socket(-1));
}

/* Waits until '*closing' says so. */
static void
check_closing(struct dpdk_vdpa_closing *closing, unsigned int n)
{
    long long int end = time_msec() + LONG;

    while (atomic_count_get(&closing->n) != n) {
        assert_true(time_msec() < end);
        poll(NULL, 0, 1);
    }
}

/* What is slow to close is waited for by nobody, and others are closed
 * meanwhile. */
static void
test_slow(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_closing closing = { ATOMIC_COUNT_INIT(0), seq_create() };
    struct dpdk_vdpa_closing other = { ATOMIC_COUNT_INIT(0), NULL };
    uint64_t seq = seq_read(closing.wake);
    long long int start = time_msec();
    struct slow_file slow;
    struct stat file;
    int fds[2], fd;
    char byte;

    slow_file_open(&slow);
    dpdk_vdpa_file_close(slow.fd, &closing);
    assert_int_equal(atomic_count_get(&closing.n), 1);
    for (int i = 0; i < 100; i++) {
        fd = i % 2 ? eventfd(0, 0) : memfd_create("test-files", 0);
        assert_int_equal(fstat(fd, &file), 0);
        dpdk_vdpa_file_close(fd, &other);
        assert_false(is_still_open(fd, &file));
    }
    assert_int_equal(atomic_count_get(&other.n), 0);
    assert_int_equal(pipe(fds), 0);
    dpdk_vdpa_file_close(fds[1], &other);
    assert_int_equal(atomic_count_get(&other.n), 1);
    assert_true(time_msec() - start < LONG);

    /* Nor does RCU wait for it, and all who wait for RCU. */
    alarm(LONG / 1000);
    ovsrcu_synchronize();
    alarm(0);

    assert_int_equal(atomic_count_get(&closing.n), 1);
    assert_int_equal(seq_read(closing.wake), seq);
    close(slow.peer);
    check_closing(&closing, 0);
    check_closing(&other, 0);
    assert_int_not_equal(seq_read(closing.wake), seq);
    assert_int_equal(read(fds[0], &byte, 1), 0);
    close(fds[0]);
    seq_destroy(closing.wake);
}

/* So is a socket in which such a file waits to be read. */
static void
test_slow_socket(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_closing closing = { ATOMIC_COUNT_INIT(0), NULL };
    struct slow_file slow;
    struct stat file;
    char byte = 0;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(fstat(pair[0], &file), 0);
    dpdk_vdpa_file_close_socket(pair[0], &closing);
    assert_false(is_still_open(pair[0], &file));
    assert_int_equal(recv(pair[1], &byte, 1, 0), 0);
    close(pair[1]);

    slow_file_open(&slow);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(send_with_file(pair[1], &byte, 1, slow.fd));
    close(slow.fd);
    dpdk_vdpa_file_close_socket(pair[0], &closing);
    assert_int_equal(atomic_count_get(&closing.n), 1);
    /* A reset, if the thread has come to it already. */
    assert_true(recv(pair[1], &byte, 1, 0) <= 0);
    close(pair[1]);
    close(slow.peer);
    check_closing(&closing, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_slow_socket),
    };

    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
