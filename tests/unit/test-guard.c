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

#include "vhost/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "timeval.h"
#include "util.h"

#define FILE_SIZE 0x200000

#define F_LOG_ALL (1ULL << VHOST_F_LOG_ALL)
#define F_IOMMU (1ULL << VIRTIO_F_IOMMU_PLATFORM)
#define F_PACKED (1ULL << VIRTIO_F_RING_PACKED)

/* A connection that nothing is known of yet. */
static struct dpdk_vdpa_guard
make_guard(void)
{
    struct dpdk_vdpa_guard guard;

    memset(&guard, 0, sizeof guard);
    guard.fd = -1;
    return guard;
}

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
check_in(struct dpdk_vdpa_guard *guard, struct dpdk_vdpa_msg *msg,
         uint64_t features, bool refused)
{
    char why[80] = "";
    int fd = msg->n_fds ? msg->fds[0] : -1;

    assert_int_equal(dpdk_vdpa_guard_check(guard, msg, features, why,
                                           sizeof why), refused);
    assert_int_equal(why[0] != '\0', refused);
    dpdk_vdpa_guard_close_fds(msg);
    assert_int_equal(msg->n_fds, 0);
    if (fd >= 0) {
        assert_int_equal(fcntl(fd, F_GETFD), -1);
    }
}

/* Likewise, on a connection of its own. */
static void
check(struct dpdk_vdpa_msg *msg, bool refused)
{
    struct dpdk_vdpa_guard guard = make_guard();

    check_in(&guard, msg, 0, refused);
}

/* Sends a message of two numbers, or one, on a connection. */
static void
check_state(struct dpdk_vdpa_guard *guard, uint32_t request, uint32_t index,
            uint32_t num, uint64_t features, bool refused)
{
    struct dpdk_vdpa_msg msg = make_msg(request, 8, 0);

    msg.payload.state.index = index;
    msg.payload.state.num = num;
    check_in(guard, &msg, features, refused);
}

static void
check_addr(struct dpdk_vdpa_guard *guard, uint32_t index, uint64_t addr,
           bool refused)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_VRING_ADDR, 40, 0);

    msg.payload.addr.index = index;
    msg.payload.addr.desc = msg.payload.addr.avail = addr;
    msg.payload.addr.used = addr;
    check_in(guard, &msg, 0, refused);
}

static void
check_features(struct dpdk_vdpa_guard *guard, uint64_t old, uint64_t new,
               bool refused)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_FEATURES, 8, 0);

    msg.payload.u64 = new;
    check_in(guard, &msg, old, refused);
}

/* Requests that are about something, which must be there. */
static bool
has_payload(uint32_t request)
{
    return ((request >= DPDK_VDPA_MSG_SET_MEM_TABLE && request != 7
             && request <= DPDK_VDPA_MSG_SET_VRING_ERR)
            || request == DPDK_VDPA_MSG_SET_FEATURES
            || request == DPDK_VDPA_MSG_SET_PROTOCOL_FEATURES
            || request == DPDK_VDPA_MSG_SET_VRING_ENABLE
            || request == DPDK_VDPA_MSG_SEND_RARP
            || request == DPDK_VDPA_MSG_NET_SET_MTU
            || request == DPDK_VDPA_MSG_IOTLB_MSG
            || request == DPDK_VDPA_MSG_SET_STATUS);
}

static void
test_other_requests(void **state OVS_UNUSED)
{
    for (uint32_t request = 0; request < 64; request++) {
        struct dpdk_vdpa_msg msg = make_msg(request, 0, 0);
        bool refused = ((request >= DPDK_VDPA_MSG_POSTCOPY_ADVISE
                         && request <= DPDK_VDPA_MSG_SET_INFLIGHT_FD)
                        || has_payload(request));

        check(&msg, refused);
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
        check(&msg, false);
    }
    msg = make_table(2);
    msg.payload.memory.regions[1].memory_size = FILE_SIZE / 2;
    msg.payload.memory.regions[1].mmap_offset = FILE_SIZE / 2;
    check(&msg, false);
}

#define BAD_TABLE(N, ...)               \
    msg = make_table(N);                \
    __VA_ARGS__;                        \
    check(&msg, true)

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
    msg.payload.log.mmap_size = FILE_SIZE;
    check(&msg, false);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    msg.payload.log.mmap_size = FILE_SIZE / 2;
    msg.payload.log.mmap_offset = 4096;
    check(&msg, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    msg.payload.log.mmap_size = FILE_SIZE + 1;
    check(&msg, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    check(&msg, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 0);
    msg.payload.log.mmap_size = FILE_SIZE;
    check(&msg, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 8, 1);
    msg.payload.log.mmap_size = FILE_SIZE;
    check(&msg, true);
}

/* Files that are no memory. */
static void
test_bad_memory_file(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    BAD_TABLE(1, close(msg.fds[0]); msg.fds[0] = fds[0]);
    close(fds[1]);
    BAD_TABLE(1, close(msg.fds[0]); msg.fds[0] = eventfd(0, 0));
    BAD_TABLE(1, close(msg.fds[0]); msg.fds[0] = open("/dev/zero", O_RDWR));
}

/* A file that may be sealed cannot shrink any more. */
static void
test_seal(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg = make_table(1);
    int fd = memfd_create("test-guard", MFD_ALLOW_SEALING);

    assert_int_equal(ftruncate(fd, FILE_SIZE), 0);
    close(msg.fds[0]);
    msg.fds[0] = dup(fd);
    check(&msg, false);
    assert_int_equal(ftruncate(fd, FILE_SIZE - 1), -1);
    assert_int_equal(errno, EPERM);
    close(fd);
}

static void
test_ring_size(void **state OVS_UNUSED)
{
    static const uint32_t bad[] = { 0, 8192, 65536, 0x80000001, UINT32_MAX };
    struct dpdk_vdpa_guard guard = make_guard();

    for (int i = 0; i < ARRAY_SIZE(bad); i++) {
        check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 0, bad[i], 0, true);
        check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 0, bad[i], F_PACKED,
                    true);
    }
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 100, 0, true);
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 100, F_PACKED, false);
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 255, 4096, 0, false);
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 256, 256, 0, true);
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, UINT32_MAX, 256, 0,
                true);
}

/* Size, position, addresses, start; then nothing but the same again. */
static void
test_ring_order(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_guard guard = make_guard();

    for (int i = 0; i < 2; i++) {
        check_addr(&guard, 1, 0x1000, true);
        check_state(&guard, DPDK_VDPA_MSG_SET_VRING_KICK, 1, 0, 0, true);
        check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 256, 0, false);
        check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 128, 0, false);
        check_state(&guard, DPDK_VDPA_MSG_SET_VRING_KICK, 1, 0, 0, true);
        check_state(&guard, DPDK_VDPA_MSG_SET_VRING_BASE, 1, 65535, 0, false);
        check_addr(&guard, 1, 0x1008, true);
        check_addr(&guard, 1, 0x1000, false);
        check_state(&guard, DPDK_VDPA_MSG_SET_VRING_KICK, 1, 0, 0, false);
        check_addr(&guard, 1, 0x2000, false);
        check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 128, 0, true);
        /* Other rings do not matter. */
        check_state(&guard, DPDK_VDPA_MSG_SET_VRING_KICK, 2, 0, 0, true);
        check_state(&guard, DPDK_VDPA_MSG_GET_VRING_BASE, 2, 0, 0, false);
        check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 128, 0, true);
        check_state(&guard, DPDK_VDPA_MSG_GET_VRING_BASE, 1, 0, 0, false);
    }
}

static void
test_ring_position(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_guard guard = make_guard();

    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_BASE, 0, 0, F_PACKED, true);
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 256, F_PACKED, false);
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_BASE, 0, 256, F_PACKED, true);
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_BASE, 0, 0x8000 + 256,
                F_PACKED, true);
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_BASE, 0, 0x8000 + 255,
                F_PACKED, false);
    /* A position does not outlive the size. */
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 16, F_PACKED, false);
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_KICK, 0, 0, F_PACKED, true);
}

static void
test_features(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_guard guard = make_guard();

    check_features(&guard, 0, F_PACKED, false);
    check_features(&guard, F_PACKED, 0, false);
    check_state(&guard, DPDK_VDPA_MSG_SET_VRING_NUM, 7, 256, 0, false);
    check_features(&guard, 0, F_PACKED, true);
    check_features(&guard, 0, F_LOG_ALL, false);
    check_features(&guard, F_LOG_ALL, 0, false);
    check_state(&guard, DPDK_VDPA_MSG_GET_VRING_BASE, 7, 0, 0, false);
    check_features(&guard, 0, F_PACKED, false);
}

static void
check_iotlb(struct dpdk_vdpa_guard *guard, uint64_t features, bool refused)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_IOTLB_MSG, 32, 0);

    msg.payload.iotlb.type = 2;
    check_in(guard, &msg, features, refused);
}

/* Translations must not outlive the memory. */
static void
test_iotlb(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_guard guard = make_guard();
    struct dpdk_vdpa_msg msg;

    check_iotlb(&guard, 0, true);
    check_iotlb(&guard, F_IOMMU, false);
    msg = make_table(1);
    check_in(&guard, &msg, F_IOMMU, false);
    check_features(&guard, 0, F_IOMMU, false);
    check_iotlb(&guard, F_IOMMU, false);
    msg = make_table(1);
    check_in(&guard, &msg, 0, false);
    check_features(&guard, 0, F_IOMMU, true);

    /* They are forgotten with the rings. */
    guard = make_guard();
    check_iotlb(&guard, F_IOMMU, false);
    for (int i = 0; i < DPDK_VDPA_GUARD_N_RINGS; i++) {
        check_state(&guard, DPDK_VDPA_MSG_GET_VRING_BASE, i, 0, 0, false);
    }
    msg = make_table(1);
    check_in(&guard, &msg, 0, false);
    check_features(&guard, 0, F_IOMMU, false);
}

static void
test_notification(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_VRING_CALL, 8, 1);
    int fd = eventfd(0, 0);

    check(&msg, true);
    msg = make_msg(DPDK_VDPA_MSG_SET_VRING_CALL, 8, 0);
    check(&msg, false);
    msg.n_fds = 1;
    msg.fds[0] = dup(fd);
    check(&msg, false);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    close(fd);
}

static void
check_postcopy(struct dpdk_vdpa_guard *guard, uint32_t request, bool refused)
{
    struct dpdk_vdpa_msg msg = make_msg(request, 0, 0);

    check_in(guard, &msg, 0, refused);
}

static void
test_postcopy(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_guard guard = make_guard();

    check_postcopy(&guard, DPDK_VDPA_MSG_POSTCOPY_ADVISE, true);
    guard.postcopy = true;
    check_postcopy(&guard, DPDK_VDPA_MSG_POSTCOPY_LISTEN, true);
    check_postcopy(&guard, DPDK_VDPA_MSG_POSTCOPY_END, true);
    check_postcopy(&guard, DPDK_VDPA_MSG_POSTCOPY_ADVISE, false);
    check_postcopy(&guard, DPDK_VDPA_MSG_POSTCOPY_ADVISE, true);
    check_postcopy(&guard, DPDK_VDPA_MSG_POSTCOPY_LISTEN, false);
    check_postcopy(&guard, DPDK_VDPA_MSG_POSTCOPY_END, false);
    check_postcopy(&guard, DPDK_VDPA_MSG_POSTCOPY_END, true);
}

static int
listen_at(struct sockaddr_un *un)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    un->sun_family = AF_UNIX;
    snprintf(un->sun_path, sizeof un->sun_path, "test-guard-%d.sock",
             (int) getpid());
    unlink(un->sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *) un, sizeof *un), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void
test_connection(void **state OVS_UNUSED)
{
    struct sockaddr_un un;
    int listener = listen_at(&un), client, server;
    struct dpdk_vdpa_guard guard;
    struct dpdk_vdpa_msg msg;
    long long int start;
    char answer[20];

    assert_false(dpdk_vdpa_guard_init(&guard, un.sun_path, false, 50));
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *) &un, sizeof un), 0);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);

    /* Our end only, and only of that path. */
    assert_false(dpdk_vdpa_guard_init(&guard, "nonesuch", false, 50));
    assert_true(dpdk_vdpa_guard_init(&guard, un.sun_path, true, 50));
    assert_int_equal(guard.fd, client);
    assert_true(guard.postcopy);
    start = time_msec();
    assert_int_equal(read(client, answer, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(time_msec() - start >= 45);

    /* Answers that are not read. */
    memset(answer, 0, sizeof answer);
    msg = make_msg(1, 0, 0);
    for (int i = 0; i < 20; i++) {
        check_in(&guard, &msg, 0, false);
        assert_int_equal(send(client, answer, sizeof answer, 0),
                         sizeof answer);
    }
    for (int i = 0; i < 200; i++) {
        send(client, answer, sizeof answer, MSG_DONTWAIT);
    }
    check_in(&guard, &msg, 0, true);

    close(server);
    close(client);
    close(listener);
    unlink(un.sun_path);
}

/* Receives a header as the library does.  Returns the number of files that
 * came with it. */
static int
recv_header(int fd)
{
    char control[CMSG_SPACE(DPDK_VDPA_MSG_MAX_FDS * sizeof(int))];
    uint32_t header[3];
    struct iovec iov = { header, sizeof header };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
                          .msg_control = control,
                          .msg_controllen = sizeof control };
    struct cmsghdr *cmsg;
    int received;

    assert_int_equal(recvmsg(fd, &msg, 0), sizeof header);
    cmsg = CMSG_FIRSTHDR(&msg);
    if (!cmsg) {
        return 0;
    }
    memcpy(&received, CMSG_DATA(cmsg), sizeof received);
    close(received);
    return (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
}

static void
send_header(int fd, uint32_t request, int file)
{
    char control[CMSG_SPACE(sizeof file)];
    uint32_t header[3] = { request, 1, 8 };
    struct iovec iov = { header, sizeof header };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
                          .msg_control = control,
                          .msg_controllen = sizeof control };
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    memset(control, 0, sizeof control);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(cmsg), &file, sizeof file);
    assert_int_equal(sendmsg(fd, &msg, 0), sizeof header);
}

/* A pipe tells whether anybody still has its other end. */
static void
test_files_at_the_door(void **state OVS_UNUSED)
{
    int sockets[2], fds[2];
    char byte;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    for (uint32_t request = 0; request < 64; request++) {
        bool takes = (request >= 5 && request <= 7)
                     || (request >= 12 && request <= 14) || request == 21;

        assert_int_equal(pipe(fds), 0);
        send_header(sockets[0], request, fds[1]);
        close(fds[1]);
        assert_int_equal(recv_header(sockets[1]), takes);
        assert_int_equal(read(fds[0], &byte, 1), 0);
        close(fds[0]);
    }
    close(sockets[0]);
    close(sockets[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_requests),
        cmocka_unit_test(test_mem_table),
        cmocka_unit_test(test_bad_mem_table),
        cmocka_unit_test(test_log_base),
        cmocka_unit_test(test_bad_memory_file),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_ring_size),
        cmocka_unit_test(test_ring_order),
        cmocka_unit_test(test_ring_position),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_iotlb),
        cmocka_unit_test(test_notification),
        cmocka_unit_test(test_postcopy),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_files_at_the_door),
    };

    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
