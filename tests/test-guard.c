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

/* Unit tests of the guard against bad vhost-user messages. */

#include <config.h>

#include "dpdk-vdpa-guard.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "timeval.h"
#include "util.h"

#define FILE_SIZE 0x200000

static int
make_file(off_t size)
{
    int fd = memfd_create("test-guard", 0);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    return fd;
}

/* A message with 'n_fds' files of FILE_SIZE bytes each. */
static struct dpdk_vdpa_msg
make_msg(uint32_t request, uint32_t size, int n_fds)
{
    struct dpdk_vdpa_msg msg;

    memset(&msg, 0, sizeof msg);
    msg.request = request;
    msg.size = size;
    msg.n_fds = n_fds;
    for (int i = 0; i < n_fds; i++) {
        msg.fds[i] = make_file(FILE_SIZE);
    }
    return msg;
}

/* Checks whether 'msg' is refused, and releases its files. */
static void
check(struct dpdk_vdpa_msg *msg, bool packed, bool refused)
{
    char why[80] = "";
    int fd = msg->n_fds ? msg->fds[0] : -1;

    assert_int_equal(dpdk_vdpa_guard_check(msg, packed, why, sizeof why),
                     refused);
    assert_int_equal(why[0] != '\0', refused);
    dpdk_vdpa_guard_close_fds(msg);
    assert_int_equal(msg->n_fds, 0);
    if (fd >= 0) {
        assert_int_equal(fcntl(fd, F_GETFD), -1);
    }
}

static void
test_other_requests(void **state OVS_UNUSED)
{
    for (uint32_t request = 0; request < 64; request++) {
        struct dpdk_vdpa_msg msg = make_msg(request, 0, 0);

        if (request != DPDK_VDPA_MSG_SET_MEM_TABLE
            && request != DPDK_VDPA_MSG_SET_LOG_BASE
            && request != DPDK_VDPA_MSG_SET_INFLIGHT_FD) {
            check(&msg, false, false);
        }
    }
}

/* A memory table with 'n' good regions. */
static struct dpdk_vdpa_msg
make_table(int n)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_MEM_TABLE,
                                        8 + 32 * n, n);

    msg.payload.memory.n_regions = n;
    for (int i = 0; i < n; i++) {
        msg.payload.memory.regions[i].guest_phys_addr = i * FILE_SIZE;
        msg.payload.memory.regions[i].userspace_addr = 0x7f0000000000;
        msg.payload.memory.regions[i].memory_size = FILE_SIZE;
    }
    return msg;
}

static void
test_mem_table(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg;

    for (int n = 1; n <= DPDK_VDPA_MSG_MAX_FDS; n++) {
        msg = make_table(n);
        check(&msg, false, false);
    }
    msg = make_table(2);
    msg.payload.memory.regions[1].memory_size = FILE_SIZE / 2;
    msg.payload.memory.regions[1].mmap_offset = FILE_SIZE / 2;
    check(&msg, false, false);
}

#define BAD_TABLE(N, ...)               \
    msg = make_table(N);                \
    __VA_ARGS__;                        \
    check(&msg, false, true)

static void
test_bad_mem_table(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg;

    /* Number of regions. */
    BAD_TABLE(0, (void) 0);
    BAD_TABLE(1, msg.payload.memory.n_regions = 2);
    BAD_TABLE(2, msg.payload.memory.n_regions = 1);
    BAD_TABLE(8, msg.payload.memory.n_regions = 9);
    BAD_TABLE(8, msg.payload.memory.n_regions = UINT32_MAX);
    BAD_TABLE(2, msg.size = 8 + 32);
    BAD_TABLE(1, msg.size = 0);

    /* Single regions. */
    BAD_TABLE(2, msg.payload.memory.regions[1].memory_size = 0);
    BAD_TABLE(2, msg.payload.memory.regions[1].memory_size = FILE_SIZE + 1);
    BAD_TABLE(2, msg.payload.memory.regions[1].memory_size = UINT64_MAX);
    BAD_TABLE(2, msg.payload.memory.regions[1].mmap_offset = 1);
    BAD_TABLE(2, msg.payload.memory.regions[1].mmap_offset = UINT64_MAX);
    BAD_TABLE(2, msg.payload.memory.regions[1].guest_phys_addr = UINT64_MAX);
    BAD_TABLE(2, msg.payload.memory.regions[1].userspace_addr
                     = UINT64_MAX - FILE_SIZE + 1);
}

static void
test_log_base(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg;

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    msg.payload.area.mmap_size = FILE_SIZE;
    check(&msg, false, false);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    msg.payload.area.mmap_size = FILE_SIZE / 2;
    msg.payload.area.mmap_offset = 4096;
    check(&msg, false, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    msg.payload.area.mmap_size = FILE_SIZE + 1;
    check(&msg, false, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    check(&msg, false, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 0);
    msg.payload.area.mmap_size = FILE_SIZE;
    check(&msg, false, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 8, 1);
    msg.payload.area.mmap_size = FILE_SIZE;
    check(&msg, false, true);
}

static struct dpdk_vdpa_msg
make_inflight(uint64_t len, uint16_t n_queues, uint16_t queue_size)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_INFLIGHT_FD, 24, 1);

    msg.payload.area.mmap_size = len;
    msg.payload.area.num_queues = n_queues;
    msg.payload.area.queue_size = queue_size;
    return msg;
}

static void
test_inflight_fd(void **state OVS_UNUSED)
{
    /* 16 bytes and 16 per descriptor, or 29 and 32, rounded up to 64. */
    const uint64_t split = 4160, packed = 8256;
    struct dpdk_vdpa_msg msg;

    msg = make_inflight(4 * split, 4, 256);
    check(&msg, false, false);
    msg = make_inflight(4 * split - 1, 4, 256);
    check(&msg, false, true);
    msg = make_inflight(4 * packed, 4, 256);
    check(&msg, true, false);
    msg = make_inflight(4 * packed - 1, 4, 256);
    check(&msg, true, true);

    msg = make_inflight(split, 0, 256);
    check(&msg, false, true);
    msg = make_inflight(split, 1, 0);
    check(&msg, false, true);
    msg = make_inflight(FILE_SIZE + 1, 1, 256);
    check(&msg, false, true);
    msg = make_inflight(UINT64_MAX, 1, 256);
    msg.payload.area.mmap_offset = 1;
    check(&msg, false, true);
    msg = make_inflight(FILE_SIZE, UINT16_MAX, UINT16_MAX);
    check(&msg, false, true);
}

static void
test_timeout(void **state OVS_UNUSED)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int listener, client, server;
    long long int start;
    char byte;

    snprintf(un.sun_path, sizeof un.sun_path, "test-guard-%d.sock",
             (int) getpid());
    unlink(un.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *) &un, sizeof un), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(dpdk_vdpa_guard_set_timeout(un.sun_path, 50), 0);

    client = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *) &un, sizeof un), 0);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);

    /* Our end only, and only of that path. */
    assert_int_equal(dpdk_vdpa_guard_set_timeout("nonesuch", 50), 0);
    assert_int_equal(dpdk_vdpa_guard_set_timeout(un.sun_path, 50), 1);
    start = time_msec();
    assert_int_equal(read(client, &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(time_msec() - start >= 45);

    close(server);
    close(client);
    close(listener);
    unlink(un.sun_path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_requests),
        cmocka_unit_test(test_mem_table),
        cmocka_unit_test(test_bad_mem_table),
        cmocka_unit_test(test_log_base),
        cmocka_unit_test(test_inflight_fd),
        cmocka_unit_test(test_timeout),
    };

    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
