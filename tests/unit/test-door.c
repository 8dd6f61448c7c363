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
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "ovs-atomic.h"
#include "timeval.h"
#include "util.h"
#include "vhost/message.h"

/* Whether read_message() is done. */
static atomic_bool has_read;

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

/* Connects a socket to a server of ours, as the library does in the middle of
 * rte_vhost_driver_start(): with the door held, and opened if 'door' is not
 * null. */
static void
connect_pair(int *clientp, int *serverp, struct dpdk_vdpa_door *door)
{
    struct sockaddr_un un;
    int listener = listen_at(&un);

    *clientp = socket(AF_UNIX, SOCK_STREAM, 0);
    if (door) {
        dpdk_vdpa_door_hold();
        assert_false(dpdk_vdpa_door_open(door, 50));    /* Not yet. */
    }
    assert_int_equal(connect(*clientp, (struct sockaddr *) &un, sizeof un), 0);
    if (door) {
        assert_true(dpdk_vdpa_door_open(door, 50));
        assert_int_equal(door->fd, *clientp);
        dpdk_vdpa_door_release();
    }
    *serverp = accept(listener, NULL, NULL);
    assert_true(*serverp >= 0);
    close(listener);
    unlink(un.sun_path);
}

static void
test_connection(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_door door, other;
    long long int start;
    int client, server;
    char answer[20];

    connect_pair(&client, &server, &door);
    assert_false(dpdk_vdpa_door_open(&other, 50));      /* It is not held. */
    start = time_msec();
    assert_int_equal(read(client, answer, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(time_msec() - start >= 45);

    /* Answers that are not read. */
    memset(answer, 0, sizeof answer);
    for (int i = 0; i < 20; i++) {
        assert_false(dpdk_vdpa_door_is_clogged(&door));
        assert_int_equal(send(client, answer, sizeof answer, 0),
                         sizeof answer);
    }
    for (int i = 0; i < 200; i++) {
        send(client, answer, sizeof answer, MSG_DONTWAIT);
    }
    assert_true(dpdk_vdpa_door_is_clogged(&door));

    dpdk_vdpa_door_close(&door);
    assert_false(dpdk_vdpa_door_is_clogged(&door));
    dpdk_vdpa_door_close(&door);
    close(server);
    close(client);
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
check_files(bool open)
{
    struct dpdk_vdpa_door door = { -1, 0 };
    int client, server, fds[2];
    char byte;

    connect_pair(&client, &server, open ? &door : NULL);
    for (uint32_t request = 0; request < 64; request++) {
        bool takes = (request >= 5 && request <= 7)
                     || (request >= 12 && request <= 14) || request == 21;

        assert_int_equal(pipe(fds), 0);
        send_header(server, request, fds[1]);
        close(fds[1]);
        assert_int_equal(recv_header(client), takes || !open);
        assert_int_equal(read(fds[0], &byte, 1), 0);
        close(fds[0]);
    }
    dpdk_vdpa_door_close(&door);
    close(client);
    close(server);
}

static void
test_files_at_the_door(void **state OVS_UNUSED)
{
    check_files(true);
}

/* Sockets that are not ours are left alone, even if somebody reads from them
 * as the library does. */
static void
test_other_sockets(void **state OVS_UNUSED)
{
    check_files(false);
}

/* A message waits until its connection has been started wholly. */
static void *
read_message(void *client_)
{
    int *client = client_;

    assert_int_equal(recv_header(*client), 0);
    atomic_store(&has_read, true);
    return NULL;
}

static void
test_hold(void **state OVS_UNUSED)
{
    uint32_t header[3] = { 1, 1, 0 };
    struct dpdk_vdpa_door door;
    int client, server;
    pthread_t thread;
    bool read;

    connect_pair(&client, &server, &door);
    dpdk_vdpa_door_hold();
    assert_int_equal(send(server, header, sizeof header, 0), sizeof header);
    assert_int_equal(pthread_create(&thread, NULL, read_message, &client), 0);
    for (int i = 0; i < 50; i++) {
        usleep(1000);           /* It has every chance to go wrong. */
        atomic_read(&has_read, &read);
        assert_false(read);
    }
    dpdk_vdpa_door_release();
    assert_int_equal(pthread_join(thread, NULL), 0);
    atomic_read(&has_read, &read);
    assert_true(read);
    dpdk_vdpa_door_close(&door);
    close(client);
    close(server);
}

/* The library closes its socket before we hear of it, and the next connection
 * may have its number by then. */
static void
test_used_again(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_door old, new;
    int client, server, fds[2];
    int old_client, old_server;

    connect_pair(&old_client, &old_server, &old);
    close(old_client);
    connect_pair(&client, &server, &new);
    assert_int_equal(old.fd, new.fd);
    dpdk_vdpa_door_close(&old);
    assert_int_equal(pipe(fds), 0);
    send_header(server, 1, fds[1]);
    close(fds[1]);
    assert_int_equal(recv_header(client), 0);
    close(fds[0]);
    dpdk_vdpa_door_close(&new);
    close(client);
    close(server);
    close(old_server);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_files_at_the_door),
        cmocka_unit_test(test_other_sockets),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_used_again),
    };

    return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
