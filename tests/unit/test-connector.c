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

/* Unit tests of when to connect to a socket. */

#include <config.h>

#include "vhost/connector.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

static char folder[] = "/tmp/test-connector.XXXXXX";

/* Returns the path of 'name' in the folder of the tests. */
static const char *
path_of(const char *name)
{
    static char path[100];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int
make_server(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    ovs_strlcpy(un.sun_path, path, sizeof un.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *) &un, sizeof un), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* Waits as the main thread does, until an attempt is due or 'limit' ms have
 * passed.  Returns how long that took. */
static long long int
wait_due(struct dpdk_vdpa_connector *c, long long int limit)
{
    long long int start = time_msec();

    while (!dpdk_vdpa_connector_is_due(c) && time_msec() < start + limit) {
        dpdk_vdpa_connector_wait(c);
        poll_timer_wait_until(start + limit);
        poll_block();
    }
    return time_msec() - start;
}

static void
test_served(void **state OVS_UNUSED)
{
    const char *path = path_of("served");
    int fd = make_server(path);
    struct dpdk_vdpa_connector *c = dpdk_vdpa_connector_create(path);

    assert_true(dpdk_vdpa_connector_is_due(c));
    assert_int_equal(dpdk_vdpa_connector_error(c), 0);
    dpdk_vdpa_connector_set_connected(c, true);
    assert_false(dpdk_vdpa_connector_is_due(c));
    dpdk_vdpa_connector_destroy(c);
    close(fd);
    unlink(path);
}

/* Nobody notices that we look: a server would see a connection come and go. */
static void
test_unnoticed(void **state OVS_UNUSED)
{
    const char *path = path_of("unnoticed");
    int fd = make_server(path);
    struct dpdk_vdpa_connector *c = dpdk_vdpa_connector_create(path);

    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    assert_true(dpdk_vdpa_connector_is_due(c));
    assert_int_equal(poll(&pfd, 1, 0), 0);
    dpdk_vdpa_connector_destroy(c);
    close(fd);
    unlink(path);
}

/* A socket that appears is noticed at once, one that nobody serves is left
 * alone. */
static void
test_appears(void **state OVS_UNUSED)
{
    const char *path = path_of("appears");
    struct dpdk_vdpa_connector *c = dpdk_vdpa_connector_create(path);
    struct dpdk_vdpa_connector *other
        = dpdk_vdpa_connector_create(path_of("other"));

    path = path_of("appears");
    for (int i = 0; i < 3; i++) {
        int fd;

        assert_true(wait_due(c, 50) >= 50);
        /* It does not look all the time. */
        assert_int_equal(dpdk_vdpa_connector_error(c),
                         i ? ECONNREFUSED : ENOENT);
        fd = make_server(path);
        assert_true(wait_due(c, 5000) < 500);
        assert_false(dpdk_vdpa_connector_is_due(other));
        dpdk_vdpa_connector_set_connected(c, false);    /* Not listening. */
        assert_true(wait_due(c, 5000) < 500);

        close(fd);
        dpdk_vdpa_connector_set_connected(c, false);
        assert_true(wait_due(c, 50) >= 50);
        assert_int_equal(dpdk_vdpa_connector_error(c), ECONNREFUSED);
        unlink(path);
    }
    dpdk_vdpa_connector_destroy(c);
    dpdk_vdpa_connector_destroy(other);
}

/* Folders may come and go as well; then it takes a second. */
static void
test_folder(void **state OVS_UNUSED)
{
    char *path = xasprintf("%s/sub/socket", folder);
    char *sub = xasprintf("%s/sub", folder);
    struct dpdk_vdpa_connector *c = dpdk_vdpa_connector_create(path);

    for (int i = 0; i < 2; i++) {
        int fd;

        assert_false(dpdk_vdpa_connector_is_due(c));
        assert_int_equal(mkdir(sub, 0700), 0);
        fd = make_server(path);
        assert_true(wait_due(c, 5000) < 3000);
        close(fd);
        unlink(path);
        assert_int_equal(rmdir(sub), 0);
        dpdk_vdpa_connector_set_connected(c, false);
    }
    dpdk_vdpa_connector_destroy(c);
    free(path);
    free(sub);
}

/* A server that ends each connection at once is not served as fast as it
 * can, whatever it does to its socket. */
static void
test_flaps(void **state OVS_UNUSED)
{
    const char *path = path_of("flaps");
    int fd = make_server(path);
    struct dpdk_vdpa_connector *c = dpdk_vdpa_connector_create(path);
    long long int start = time_msec();

    for (int i = 0; i < 10; i++) {
        assert_true(wait_due(c, 5000) < 500);
        dpdk_vdpa_connector_set_connected(c, true);
        dpdk_vdpa_connector_set_connected(c, false);
        close(fd);
        unlink(path);
        fd = make_server(path);
    }
    assert_true(time_msec() - start >= 9 * 20);
    dpdk_vdpa_connector_destroy(c);
    close(fd);
    unlink(path);
}

static int
setup(void **state OVS_UNUSED)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int
teardown(void **state OVS_UNUSED)
{
    return rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_served),
        cmocka_unit_test(test_unnoticed),
        cmocka_unit_test(test_appears),
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_flaps),
    };

    return cmocka_run_group_tests_name("connector", tests, setup, teardown);
}
