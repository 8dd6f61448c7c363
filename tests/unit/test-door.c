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

/* Unit tests of the door of the vhost library. */

#include <config.h>

#include "vhost/door.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/test-messages.h"
#include "tests/unit/test-slow.h"
#include "timeval.h"
#include "util.h"
#include "vhost/message.h"

#define TIMEOUT 100             /* Of connections that are to end, in ms. */
#define LONG 10000              /* For what should come at once. */

/* Of connections that are made now: no other ends because this machine is slow
 * for a moment. */
static int patience = LONG;

/* A connection: the library's end, the front-end's, and the door. */
struct pair {
    int client;
    int server;
    struct dpdk_vdpa_door door;
};

static int
listen_at(struct sockaddr_un *un)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    un->sun_family = AF_UNIX;
    snprintf(un->sun_path, sizeof un->sun_path, "test-door-%d.sock",
             (int) getpid());
    unlink(un->sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *) un, sizeof *un), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* Connects a socket to a server of ours, as the library does in the middle of
 * rte_vhost_driver_start(): with the door held, until the caller releases it.
 * Returns whether the door is open. */
static bool
connect_to(struct pair *p)
{
    struct sockaddr_un un;
    int listener = listen_at(&un);
    bool opened;

    p->client = socket(AF_UNIX, SOCK_STREAM, 0);
    dpdk_vdpa_door_hold();
    assert_false(dpdk_vdpa_door_open(&p->door, patience));      /* Not yet. */
    assert_int_equal(connect(p->client, (struct sockaddr *) &un, sizeof un),
                     0);
    opened = dpdk_vdpa_door_open(&p->door, patience);
    p->server = accept(listener, NULL, NULL);
    assert_true(p->server >= 0);
    close(listener);
    unlink(un.sun_path);
    return opened;
}

static void
connect_held(struct pair *p)
{
    assert_true(connect_to(p));
}

/* Connects, with the door open, or not. */
static bool
try_connect(struct pair *p)
{
    bool opened = connect_to(p);

    dpdk_vdpa_door_release();
    if (!opened) {
        close(p->client);
        close(p->server);
    }
    return opened;
}

static void
connect_pair(struct pair *p)
{
    struct dpdk_vdpa_door other;

    connect_held(p);
    dpdk_vdpa_door_release();
    /* It is not held. */
    assert_false(dpdk_vdpa_door_open(&other, patience));
}

static void
close_pair(struct pair *p)
{
    dpdk_vdpa_door_close(&p->door);
    assert_null(dpdk_vdpa_door_reason(&p->door));
    dpdk_vdpa_door_close(&p->door);
    close(p->client);
    close(p->server);
}

static bool
is_readable(int fd, int timeout)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    return poll(&pfd, 1, timeout) > 0;
}

static void
send_bytes(int fd, const void *bytes, size_t n, int file)
{
    assert_true(send_with_file(fd, bytes, n, file));
}

/* Receives 'n' bytes as the library does a header.  Returns the number of
 * files that came with it, which are closed. */
static int
recv_bytes(int fd, void *bytes, size_t n)
{
    char control[CMSG_SPACE(DPDK_VDPA_MSG_MAX_FDS * sizeof(int))];
    struct iovec iov = { bytes, n };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
                          .msg_control = control,
                          .msg_controllen = sizeof control };
    struct cmsghdr *cmsg;
    int received;

    assert_true(is_readable(fd, LONG));
    assert_int_equal(recvmsg(fd, &msg, 0), n);
    cmsg = CMSG_FIRSTHDR(&msg);
    if (!cmsg) {
        return 0;
    }
    memcpy(&received, CMSG_DATA(cmsg), sizeof received);
    close(received);
    return (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
}

/* A message with 8 bytes of payload. */
struct small {
    uint32_t request;
    uint32_t flags;
    uint32_t size;
    uint64_t payload;
} __attribute__((packed));

/* What the library reads, it reads at once. */
static void
recv_small(int fd, struct small *msg, int n_files)
{
    assert_int_equal(recv_bytes(fd, msg, DPDK_VDPA_MSG_HEADER_LEN), n_files);
    assert_int_equal(msg->size, sizeof msg->payload);
    assert_int_equal(recv(fd, &msg->payload, msg->size, MSG_DONTWAIT),
                     sizeof msg->payload);
}

static void
check_end(struct pair *p, const char *reason)
{
    char byte;

    assert_true(is_readable(p->client, LONG));
    assert_int_equal(recv(p->client, &byte, 1, 0), 0);
    if (reason) {
        assert_string_equal(dpdk_vdpa_door_reason(&p->door), reason);
    } else {
        assert_null(dpdk_vdpa_door_reason(&p->door));
    }
}

static void
test_pieces(void **state OVS_UNUSED)
{
    struct small msg = { 2, 1, 8, 0x1122334455667788ULL }, got;
    const char *bytes = (const char *) &msg;
    struct pair p;

    connect_pair(&p);
    for (size_t cut = 1; cut < sizeof msg; cut++) {
        send_bytes(p.server, bytes, cut, -1);
        assert_false(is_readable(p.client, 2));
        send_bytes(p.server, bytes + cut, sizeof msg - cut, -1);
        recv_small(p.client, &got, 0);
        assert_memory_equal(&got, &msg, sizeof msg);
    }
    assert_null(dpdk_vdpa_door_reason(&p.door));
    close_pair(&p);
}

static void
test_unfinished(void **state OVS_UNUSED)
{
    struct small msg = { 2, 1, 8, 0 }, got;
    struct pair p, other;

    for (size_t len = 1; len < sizeof msg; len += 3) {
        long long int start = time_msec();

        connect_pair(&other);
        patience = TIMEOUT;
        connect_pair(&p);
        patience = LONG;
        send_bytes(p.server, &msg, sizeof msg, -1);
        send_bytes(p.server, &msg, len, -1);
        recv_small(p.client, &got, 0);
        /* Others do not wait meanwhile. */
        send_bytes(other.server, &msg, sizeof msg, -1);
        recv_small(other.client, &got, 0);
        check_end(&p, "message that is not finished");
        assert_true(time_msec() - start >= TIMEOUT);
        assert_null(dpdk_vdpa_door_reason(&other.door));
        close_pair(&p);
        close_pair(&other);
    }
}

static void
test_too_long(void **state OVS_UNUSED)
{
    struct small msg = { 2, 1, 4096, 0 };
    char payload[4096], got[4096];
    struct pair p;

    memset(payload, 'x', sizeof payload);
    connect_pair(&p);
    send_bytes(p.server, &msg, DPDK_VDPA_MSG_HEADER_LEN, -1);
    send_bytes(p.server, payload, sizeof payload, -1);
    recv_bytes(p.client, got, DPDK_VDPA_MSG_HEADER_LEN);
    recv_bytes(p.client, got, sizeof got);
    assert_memory_equal(got, payload, sizeof got);

    msg.size = 4097;
    send_bytes(p.server, &msg, DPDK_VDPA_MSG_HEADER_LEN, -1);
    check_end(&p, "message of more than 4096 bytes");
    close_pair(&p);
    connect_pair(&p);
    msg.size = UINT32_MAX;
    send_bytes(p.server, &msg, DPDK_VDPA_MSG_HEADER_LEN, -1);
    check_end(&p, "message of more than 4096 bytes");
    close_pair(&p);
}

/* A library that is busy gets all messages later, in order. */
static void
test_busy_library(void **state OVS_UNUSED)
{
    enum { N = 5000 };
    struct pair p;
    pid_t pid;

    connect_pair(&p);
    pid = fork();
    if (!pid) {
        for (int i = 0; i < N; i++) {
            struct small msg = { 2, 1, 8, i };

            if (send(p.server, &msg, sizeof msg, 0) != sizeof msg) {
                _exit(1);
            }
        }
        _exit(0);
    }
    close(p.server);
    for (int i = 0; i < N; i++) {
        struct small got;

        recv_small(p.client, &got, 0);
        assert_int_equal(got.payload, i);
    }
    check_end(&p, NULL);
    close_pair(&p);
}

static void
test_answers(void **state OVS_UNUSED)
{
    struct small msg = { 1, 5, 8, 7 }, got;
    struct pair p;
    int fds[2];
    char byte;

    connect_pair(&p);
    send_bytes(p.client, &msg, sizeof msg, -1);
    assert_int_equal(recv_bytes(p.server, &got, sizeof got), 0);
    assert_memory_equal(&got, &msg, sizeof msg);

    /* With a file. */
    assert_int_equal(pipe(fds), 0);
    send_bytes(p.client, &msg, sizeof msg, fds[1]);
    close(fds[1]);
    assert_int_equal(recv_bytes(p.server, &got, sizeof got), 1);
    assert_true(is_readable(fds[0], LONG));
    assert_int_equal(read(fds[0], &byte, 1), 0);
    close(fds[0]);

    /* The last ones arrive before the end. */
    for (int i = 0; i < 50; i++) {
        send_bytes(p.client, &msg, sizeof msg, -1);
    }
    close(p.client);
    p.client = -1;
    for (int i = 0; i < 50; i++) {
        recv_bytes(p.server, &got, sizeof got);
    }
    assert_true(is_readable(p.server, LONG));
    assert_int_equal(recv(p.server, &byte, 1, 0), 0);
    close_pair(&p);
}

/* Answers that are not read: the library is not made to wait. */
static void
test_clogged(void **state OVS_UNUSED)
{
    struct small msg = { 1, 5, 8, 7 };
    long long int end = time_msec() + LONG;
    struct pair p;

    connect_pair(&p);
    while (!dpdk_vdpa_door_reason(&p.door) && time_msec() < end) {
        assert_int_equal(send(p.client, &msg, sizeof msg, 0), sizeof msg);
    }
    check_end(&p, "answers are not read");
    close_pair(&p);
}

/* Kinds of files, of which a message takes one or none. */
enum kind { EVENTFD, MEMORY, LOCAL_SOCKET, PIPE, N_KINDS };

static int
make_file(enum kind kind)
{
    int fds[2];

    switch (kind) {
    case EVENTFD:
        return eventfd(0, 0);
    case MEMORY:
        return memfd_create("test-door", 0);
    case LOCAL_SOCKET:
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        break;
    case PIPE:
    case N_KINDS:
        assert_int_equal(pipe(fds), 0);
        break;
    }
    close(fds[0]);
    return fds[1];
}

static enum kind
kind_for(uint32_t request)
{
    return (request == DPDK_VDPA_MSG_SET_MEM_TABLE
            || request == DPDK_VDPA_MSG_SET_LOG_BASE ? MEMORY
            : request == DPDK_VDPA_MSG_SET_LOG_FD
              || (request >= DPDK_VDPA_MSG_SET_VRING_KICK
                  && request <= DPDK_VDPA_MSG_SET_VRING_ERR) ? EVENTFD
            : request == DPDK_VDPA_MSG_SET_SLAVE_REQ_FD ? LOCAL_SOCKET
            : N_KINDS);
}

/* Only files of the right kind get to the library, in whatever pieces they
 * come. */
static void
test_files(void **state OVS_UNUSED)
{
    struct pair p;

    connect_pair(&p);
    for (uint32_t request = 0; request < 64; request++) {
        struct small msg = { request, 1, 8, 0 }, got;
        const char *bytes = (const char *) &msg;

        for (enum kind kind = 0; kind < N_KINDS; kind++) {
            for (size_t cut = 0; cut < sizeof msg; cut += 7) {
                int fd = make_file(kind);

                if (cut) {
                    send_bytes(p.server, bytes, cut, -1);
                }
                send_bytes(p.server, bytes + cut, sizeof msg - cut, fd);
                close(fd);
                recv_small(p.client, &got, kind == kind_for(request));
            }
        }
    }
    close_pair(&p);
}

/* Nor is it noticed elsewhere that a file is closed which was not to come. */
static void
test_closed(void **state OVS_UNUSED)
{
    struct small msg = { 2, 1, 8, 0 }, got;
    struct pair p;
    int fds[2];
    char byte;

    connect_pair(&p);
    assert_int_equal(pipe(fds), 0);
    send_bytes(p.server, &msg, sizeof msg, fds[1]);
    close(fds[1]);
    recv_small(p.client, &got, 0);
    assert_true(is_readable(fds[0], LONG));
    assert_int_equal(read(fds[0], &byte, 1), 0);
    close(fds[0]);
    close_pair(&p);
}

/* Makes connection 'p', which brings a file that is slow to close, with the
 * end of a message that takes none, or with the beginning of one.  The door is
 * to be the last one to close it. */
static void
bring_slow(struct pair *p, struct slow_file *slow, bool end)
{
    struct small msg = { 2, 1, 8, 0 }, got;
    size_t n = DPDK_VDPA_MSG_HEADER_LEN;

    slow_file_open(slow);
    patience = end ? LONG : TIMEOUT;
    connect_held(p);
    patience = LONG;
    send_bytes(p->server, &msg, n, end ? -1 : slow->fd);
    if (end) {
        send_bytes(p->server, &msg.payload, sizeof msg.payload, slow->fd);
    }
    close(slow->fd);
    dpdk_vdpa_door_release();
    if (end) {
        recv_small(p->client, &got, 0);
    }
}

/* Whoever brings files that are slow to close keeps nobody waiting, and may
 * not come back again and again before they are closed. */
static void
test_slow_file(void **state OVS_UNUSED)
{
    struct small msg = { 2, 1, 8, 0 }, got;

    for (int whole = 0; whole < 2; whole++) {
        long long int end = time_msec() + LONG;
        struct pair p, other;
        struct slow_file slow;

        connect_pair(&other);
        bring_slow(&p, &slow, whole);
        for (int i = 0; i < 10; i++) {
            send_bytes(other.server, &msg, sizeof msg, -1);
            recv_small(other.client, &got, 0);
        }
        /* Nothing more is taken from it. */
        send_bytes(p.server, &msg, sizeof msg, -1);
        if (whole) {
            assert_false(is_readable(p.client, 10));
        } else {
            check_end(&p, "message that is not finished");
        }
        assert_true(time_msec() < end);

        close(p.client);
        p.client = -1;
        close(p.server);
        p.server = -1;
        dpdk_vdpa_door_close(&p.door);
        while (try_connect(&p)) {
            int file = make_file(PIPE);

            assert_true(time_msec() < end);
            send_bytes(p.server, &msg, sizeof msg, file);
            close(file);
            close_pair(&p);
        }
        assert_true(time_msec() < end);
        close(slow.peer);
        while (!try_connect(&p)) {
            assert_true(time_msec() < end);
        }
        send_bytes(p.server, &msg, sizeof msg, -1);
        recv_small(p.client, &got, 0);
        close_pair(&p);
        close_pair(&other);
    }
}

/* Sends to 'fd', as the one byte that comes next, what brings a file that is
 * slow to close in such a way that the kernel might close it when the byte is
 * read: behind more than there is room for, or out of band.  Returns false if
 * this kernel has no such way. */
static bool
hide_slow(int fd, char byte, struct slow_file *slow, bool out_of_band)
{
    int files[DPDK_VDPA_SEND_MAX_FILES];
    bool ok;

    slow_file_open(slow);
    files[0] = eventfd(0, 0);
    for (int i = 1; i < ARRAY_SIZE(files); i++) {
        files[i] = files[0];
    }
    files[ARRAY_SIZE(files) - 1] = slow->fd;
    ok = (out_of_band
          ? dpdk_vdpa_send(fd, &byte, 1, &slow->fd, 1, MSG_OOB) == 1
          : dpdk_vdpa_send(fd, &byte, 1, files, ARRAY_SIZE(files), 0) == 1);
    close(files[0]);
    if (ok) {
        close(slow->fd);
    }
    return ok;
}

/* Nor does who has such a file closed by the kernel. */
static void
test_hidden_file(void **state OVS_UNUSED)
{
    struct small msg = { 2, 1, 8, 0 }, got;

    for (int out_of_band = 0; out_of_band < 2; out_of_band++) {
        struct pair p, other;
        struct slow_file slow;

        connect_pair(&other);
        connect_held(&p);
        if (!hide_slow(p.server, 2, &slow, out_of_band)) {
            assert_true(out_of_band && errno == EOPNOTSUPP);
            close(slow.fd);
        }
        dpdk_vdpa_door_release();
        for (int i = 0; i < 10; i++) {
            send_bytes(other.server, &msg, sizeof msg, -1);
            recv_small(other.client, &got, 0);
        }
        close(slow.peer);
        close_pair(&p);
        close_pair(&other);
    }
}

/* A message waits until its connection has been started wholly. */
static void
test_hold(void **state OVS_UNUSED)
{
    struct small msg = { 1, 1, 8, 0 }, got;
    struct pair p;

    connect_held(&p);
    send_bytes(p.server, &msg, sizeof msg, -1);
    assert_false(is_readable(p.client, 50));
    dpdk_vdpa_door_release();
    recv_small(p.client, &got, 0);
    close_pair(&p);

    /* So does the end. */
    connect_held(&p);
    close(p.server);
    p.server = -1;
    assert_false(is_readable(p.client, 50));
    dpdk_vdpa_door_release();
    check_end(&p, NULL);
    close_pair(&p);

    /* It may not come to that. */
    connect_held(&p);
    close_pair(&p);
    dpdk_vdpa_door_release();
}

/* Messages of the library's own: it is not made to wait, whatever the
 * front-end does, and may get answers. */
static void
test_channel(void **state OVS_UNUSED)
{
    struct small msg = { 1, 1, 8, 7 }, got;
    struct small question = { 3, 1 | DPDK_VDPA_MSG_NEED_REPLY, 8, 7 };
    long long int start = time_msec();
    int ends[2], fd, little = 1;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    fd = dpdk_vdpa_door_channel(ends[1], LONG);
    assert_true(fd >= 0);
    for (int i = 0; i < 10; i++) {
        send_bytes(fd, &question, sizeof question, -1);
        recv_bytes(ends[0], &got, sizeof got);
        send_bytes(ends[0], &msg, sizeof msg, -1);
        recv_small(fd, &got, 0);
    }
    for (int i = 0; i < 20000; i++) {
        send_bytes(fd, &msg, sizeof msg, -1);
    }
    assert_true(time_msec() - start < LONG);
    close(fd);
    close(ends[0]);

    /* Nor for a front-end that has hardly room for anything. */
    start = time_msec();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &little,
                                sizeof little), 0);
    fd = dpdk_vdpa_door_channel(ends[1], LONG);
    for (int i = 0; i < 20000; i++) {
        send_bytes(fd, &msg, sizeof msg, -1);
    }
    assert_true(time_msec() - start < LONG);
    close(fd);
    close(ends[0]);

    /* What is no socket is of no use, and does no harm. */
    assert_int_equal(pipe(ends), 0);
    fd = dpdk_vdpa_door_channel(ends[1], LONG);
    send_bytes(fd, &msg, sizeof msg, -1);
    assert_true(is_readable(fd, LONG));
    assert_int_equal(read(fd, &got, 1), 0);
    close(fd);
    close(ends[0]);
}

/* Memory in which each page is missing until 'faults' is closed. */
struct absent {
    void *page;
    int faults;
};

/* Returns false if the kernel offers nothing of the kind. */
static bool
absent_create(struct absent *absent)
{
    struct uffdio_api api = { .api = UFFD_API };
    struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

    absent->faults = syscall(SYS_userfaultfd, O_CLOEXEC);
    if (absent->faults < 0) {
        return false;
    }
    absent->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(absent->page != MAP_FAILED);
    reg.range.start = (uintptr_t) absent->page;
    reg.range.len = 4096;
    return (!ioctl(absent->faults, UFFDIO_API, &api)
            && !ioctl(absent->faults, UFFDIO_REGISTER, &reg));
}

struct reader {
    int fd;
    void *buffer;
};

static void *
reader_main(void *reader_)
{
    struct reader *reader = reader_;

    assert_int_equal(recv(reader->fd, reader->buffer, 1, 0), 1);
    return NULL;
}

/* The front-end reads from the socket of a channel itself, and takes long:
 * nobody waits for that. */
static void
test_channel_reader(void **state OVS_UNUSED)
{
    struct small msg = { 2, 1, 8, 0 }, got;
    struct absent absent = { NULL, -1 };
    struct reader reader;
    struct uffd_msg fault;
    struct pair other;
    pthread_t thread;
    int ends[2], fd;

    if (!absent_create(&absent)) {
        skip();
    }
    connect_pair(&other);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    reader.fd = dup(ends[1]);
    reader.buffer = absent.page;
    send_bytes(ends[0], &msg, sizeof msg, -1);
    assert_int_equal(pthread_create(&thread, NULL, reader_main, &reader), 0);
    assert_int_equal(read(absent.faults, &fault, sizeof fault), sizeof fault);
    assert_int_equal(fault.event, UFFD_EVENT_PAGEFAULT);

    alarm(LONG / 1000);         /* The reader is waited for by the kernel. */
    fd = dpdk_vdpa_door_channel(ends[1], LONG);
    assert_true(fd >= 0);
    for (int i = 0; i < 10; i++) {
        send_bytes(fd, &msg, sizeof msg, -1);
        recv_bytes(ends[0], &got, sizeof got);
        send_bytes(other.server, &msg, sizeof msg, -1);
        recv_small(other.client, &got, 0);
    }
    close(fd);
    send_bytes(other.server, &msg, sizeof msg, -1);
    recv_small(other.client, &got, 0);
    alarm(0);

    close(absent.faults);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(reader.fd);
    close(ends[0]);
    close_pair(&other);
    munmap(absent.page, 4096);
}

/* Nothing is left of connections, in whatever order they end. */
static void
test_ends(void **state OVS_UNUSED)
{
    int lowest = dup(0);
    struct pair p;
    char byte;

    close(lowest);
    for (int i = 0; i < 300; i++) {
        connect_pair(&p);
        if (i % 3 == 0) {
            close(p.server);
            p.server = -1;
            check_end(&p, NULL);
        } else if (i % 3 == 1) {
            close(p.client);
            p.client = -1;
            assert_true(is_readable(p.server, LONG));
            assert_int_equal(recv(p.server, &byte, 1, 0), 0);
        }
        close_pair(&p);
    }
    for (int end = 0; end < LONG; end++) {
        int fd = dup(0);

        close(fd);
        if (fd == lowest) {
            return;
        }
        usleep(1000);
    }
    fail();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_busy_library),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_clogged),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_slow_file),
        cmocka_unit_test(test_hidden_file),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_channel),
        cmocka_unit_test(test_channel_reader),
        cmocka_unit_test(test_ends),
    };

    return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
