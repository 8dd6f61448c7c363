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

/* Unit tests of messages that the vhost library handles though nobody has sent
 * them. */

#include <config.h>

#include "vhost/insert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/test-needs.h"
#include "util.h"

/* Makes a connection: the library has 'client', and the front-end, as far as
 * it can tell, 'server'. */
static void
make_pair(int *client, int *server)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *client = fds[0];
    *server = fds[1];
}

/* Messages of our own, before each of the front-end's: so many. */
static struct {
    unsigned int n_left;
    unsigned int n_asked;
    struct dpdk_vdpa_msg next;          /* At the last time. */
    bool is_none;                       /* There was none then. */
    bool answers;
} inserter;

static bool
insert_before(void *aux, const struct dpdk_vdpa_msg *next,
              struct dpdk_vdpa_msg *msg)
{
    assert_ptr_equal(aux, &inserter);
    inserter.is_none = !next;
    if (next) {
        inserter.next = *next;
    }
    inserter.n_asked++;
    if (!inserter.n_left) {
        return false;
    }
    msg->request = DPDK_VDPA_MSG_GET_VRING_BASE;
    msg->payload.state.index = --inserter.n_left;
    msg->size = sizeof msg->payload.state;
    return true;
}

static bool
insert_answers(void *aux, uint32_t request OVS_UNUSED)
{
    assert_ptr_equal(aux, &inserter);
    return inserter.answers;
}

static const struct dpdk_vdpa_insert_ops insert_ops = {
    .before = insert_before,
    .answers = insert_answers,
};

/* Receives a header as the library does, to the beginning of '*msg'. */
static ssize_t
recv_header(int fd, struct dpdk_vdpa_msg *msg)
{
    char control[CMSG_SPACE(DPDK_VDPA_MSG_MAX_FDS * sizeof(int))];
    struct iovec iov = { msg, DPDK_VDPA_MSG_HEADER_LEN };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1,
                        .msg_control = control,
                        .msg_controllen = sizeof control };
    ssize_t n;

    memset(msg, 0xff, sizeof *msg);
    n = recvmsg(fd, &h, 0);
    assert_ptr_equal(dpdk_vdpa_insert_last_header(), msg);
    assert_true(!h.msg_controllen);
    return n;
}

static void
recv_msg(int fd, struct dpdk_vdpa_msg *msg)
{
    assert_int_equal(recv_header(fd, msg), DPDK_VDPA_MSG_HEADER_LEN);
}

/* Answers 'request' as the library does.  Returns how many bytes the
 * front-end, which has the other end of the connection, gets. */
static ssize_t
answer(int fd, int server, uint32_t request, uint32_t size,
       struct dpdk_vdpa_msg *got)
{
    struct dpdk_vdpa_msg msg = {
        .request = request, .flags = 5, .size = size, .payload.u64 = 7,
    };
    struct iovec iov = { &msg, DPDK_VDPA_MSG_HEADER_LEN + size };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

    assert_int_equal(sendmsg(fd, &h, 0), iov.iov_len);
    return recv(server, got, sizeof *got, MSG_DONTWAIT);
}

/* A connection, with 'insert' open, and another one. */
struct fixture {
    struct dpdk_vdpa_insert insert;
    int client, server;
    int other, other_server;
};

/* What the front-end sends. */
static const struct dpdk_vdpa_msg sent = {
    .request = 2, .flags = 1, .size = 8, .payload.u64 = 0x1234567890,
};

#define SENT_LEN (DPDK_VDPA_MSG_HEADER_LEN + 8)

static void
setup(struct fixture *f)
{
    test_needs("cookies");
    f->insert.ops = &insert_ops;
    f->insert.aux = &inserter;
    make_pair(&f->client, &f->server);
    make_pair(&f->other, &f->other_server);
    assert_false(dpdk_vdpa_insert_open(&f->insert, -1));
    assert_true(dpdk_vdpa_insert_open(&f->insert, f->client));
    inserter.n_left = inserter.n_asked = 0;
    inserter.answers = true;
}

static void
teardown(struct fixture *f)
{
    dpdk_vdpa_insert_close(&f->insert);
    close(f->client);
    close(f->server);
    close(f->other);
    close(f->other_server);
}

static void
test_insert(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg;
    struct fixture f;

    setup(&f);
    inserter.n_left = 3;
    assert_int_equal(send(f.server, &sent, SENT_LEN, 0), SENT_LEN);
    for (int i = 2; i >= 0; i--) {
        recv_msg(f.client, &msg);
        assert_int_equal(msg.request, DPDK_VDPA_MSG_GET_VRING_BASE);
        assert_int_equal(msg.flags, 1);
        assert_int_equal(msg.size, 0);
        assert_int_equal(f.insert.inserted, 8);
        assert_int_equal(msg.payload.state.index, i);
        assert_int_equal(msg.payload.state.num, 0);
        assert_int_equal(inserter.next.payload.u64, sent.payload.u64);
        /* Its answer is not for the front-end; what goes elsewhere is. */
        assert_int_equal(answer(f.client, f.server, msg.request, 8, &msg),
                         -1);
        assert_int_equal(answer(f.other, f.other_server, 11, 8, &msg),
                         SENT_LEN);
    }

    /* Then the front-end's, of which nothing has been taken. */
    recv_msg(f.client, &msg);
    assert_int_equal(f.insert.inserted, 0);
    assert_int_equal(recv(f.client, &msg.payload, 8, 0), 8);
    assert_int_equal(memcmp(&msg, &sent, SENT_LEN), 0);
    assert_int_equal(inserter.n_asked, 4);
    teardown(&f);
}

/* Of half a message nothing is known yet, and other connections, and this one
 * when it is closed, are left alone. */
static void
test_not_asked(void **state OVS_UNUSED)
{
    size_t half = SENT_LEN - 1;
    struct dpdk_vdpa_msg msg;
    struct fixture f;

    setup(&f);
    inserter.n_left = 1;
    assert_int_equal(send(f.server, &sent, half, 0), half);
    recv_msg(f.client, &msg);
    assert_int_equal(msg.request, sent.request);
    assert_int_equal(recv(f.client, &msg, 7, 0), 7);

    assert_int_equal(send(f.other_server, &sent, SENT_LEN, 0), SENT_LEN);
    recv_msg(f.other, &msg);
    assert_int_equal(msg.request, sent.request);
    /* That is the message which is being handled. */
    inserter.answers = false;
    assert_int_equal(answer(f.client, f.server, DPDK_VDPA_MSG_SET_LOG_BASE, 0,
                            &msg), DPDK_VDPA_MSG_HEADER_LEN);

    dpdk_vdpa_insert_close(&f.insert);
    assert_int_equal(send(f.server, &sent, SENT_LEN, 0), SENT_LEN);
    recv_msg(f.client, &msg);
    assert_int_equal(msg.request, sent.request);
    assert_int_equal(inserter.n_asked, 0);
    teardown(&f);
}

/* The library comes for what a connection had to be read that is gone. */
static void
test_nothing(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg;
    struct fixture f;

    setup(&f);
    inserter.n_left = 1;
    recv_msg(f.client, &msg);
    assert_int_equal(msg.request, DPDK_VDPA_MSG_GET_VRING_BASE);
    assert_true(inserter.is_none);
    assert_int_equal(f.insert.inserted, 8);
    assert_int_equal(answer(f.client, f.server, msg.request, 8, &msg), -1);

    assert_int_equal(send(f.server, &sent, SENT_LEN, 0), SENT_LEN);
    recv_msg(f.client, &msg);
    assert_int_equal(msg.request, sent.request);
    assert_false(inserter.is_none);
    assert_int_equal(inserter.n_asked, 2);

    /* The end is something. */
    assert_int_equal(recv(f.client, &msg, 8, 0), 8);
    inserter.n_left = 1;
    shutdown(f.server, SHUT_WR);
    assert_int_equal(recv_header(f.client, &msg), 0);
    assert_int_equal(inserter.n_asked, 2);
    teardown(&f);
}

/* The library closes a connection before it says so; another file, maybe a
 * connection of somebody else's, has its number then. */
static void
test_stale(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_insert next;
    struct dpdk_vdpa_msg msg;
    struct fixture f;

    setup(&f);
    inserter.n_left = 1;
    assert_int_equal(dup2(f.other, f.client), f.client);
    assert_int_equal(send(f.other_server, &sent, SENT_LEN, 0), SENT_LEN);
    recv_msg(f.client, &msg);
    assert_int_equal(msg.request, sent.request);
    assert_int_equal(recv(f.client, &msg, 8, 0), 8);
    assert_int_equal(inserter.n_asked, 0);
    inserter.answers = false;
    assert_int_equal(answer(f.client, f.other_server,
                            DPDK_VDPA_MSG_SET_LOG_BASE, 0, &msg),
                     DPDK_VDPA_MSG_HEADER_LEN);

    /* What is opened for that is not closed with the old one. */
    next.ops = f.insert.ops;
    next.aux = f.insert.aux;
    assert_true(dpdk_vdpa_insert_open(&next, f.client));
    dpdk_vdpa_insert_close(&f.insert);
    assert_int_equal(send(f.other_server, &sent, SENT_LEN, 0), SENT_LEN);
    recv_msg(f.client, &msg);
    assert_int_equal(msg.request, DPDK_VDPA_MSG_GET_VRING_BASE);
    assert_int_equal(inserter.n_asked, 1);
    dpdk_vdpa_insert_close(&next);
    teardown(&f);
}

static void
test_answers(void **state OVS_UNUSED)
{
    static const uint32_t log = DPDK_VDPA_MSG_SET_LOG_BASE;
    struct dpdk_vdpa_msg msg;
    struct fixture f;

    setup(&f);
    assert_int_equal(send(f.server, &sent, SENT_LEN, 0), SENT_LEN);
    recv_msg(f.client, &msg);
    assert_int_equal(answer(f.client, f.server, 11, 8, &msg), SENT_LEN);
    assert_int_equal(msg.payload.u64, 7);
    assert_int_equal(answer(f.client, f.server, log, 8, &msg), SENT_LEN);
    assert_int_equal(msg.payload.u64, 7);
    assert_int_equal(answer(f.client, f.server, log, 0, &msg), SENT_LEN);
    assert_int_equal(msg.size, 8);
    assert_int_equal(msg.flags, 5);
    assert_int_equal(msg.payload.u64, 0);
    inserter.answers = false;
    assert_int_equal(answer(f.client, f.server, log, 0, &msg), -1);
    teardown(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insert),
        cmocka_unit_test(test_not_asked),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_answers),
    };

    return cmocka_run_group_tests_name("insert", tests, NULL, NULL);
}
