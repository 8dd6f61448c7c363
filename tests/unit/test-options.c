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

/* Unit tests of the parsing of a port's options. */

#include <config.h>

#include "port/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smap.h"
#include "util.h"

/* 107 characters, the longest path that fits a socket, and one more. */
#define PATH_100 "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
                 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define PATH_107 PATH_100 "ccccccc"
#define PATH_108 PATH_107 "d"

#define MAX_OPTIONS 6

struct test_case {
    const char *options[MAX_OPTIONS][2];

    /* Either what the error must mention... */
    const char *error[3];

    /* ...or what must come out. */
    struct dpdk_vdpa_options result;
};

#define PATH { "vdpa-socket-path", "/run/s" }
#define VF { "vdpa-accelerator-devargs", "net_null0" }
#define PARSED(...) { .socket_path = "/run/s", .devargs = "net_null0", \
                      .vf_devargs = "net_null0", \
                      .tx_retries_max = 8, .stall_timeout = 2000, \
                      __VA_ARGS__ }

static const struct test_case cases[] = {
    /* Good options. */
    { .options = { PATH, VF }, .result = PARSED(.mode = DPDK_VDPA_MODE_AUTO) },
    { .options = { PATH, VF, { "vdpa-sw", "true" } },
      .result = PARSED(.mode = DPDK_VDPA_MODE_SW) },
    { .options = { PATH, VF, { "vdpa-sw", "false" } },
      .result = PARSED(.mode = DPDK_VDPA_MODE_HW) },
    { .options = { PATH, VF, { "vdpa-max-queues", "1" } },
      .result = PARSED(.max_pairs = 1) },
    { .options = { PATH, VF, { "vdpa-max-queues", "128" } },
      .result = PARSED(.max_pairs = 128) },
    { .options = { PATH, VF, { "tx-retries-max", "0" } },
      .result = { "/run/s", "net_null0", "net_null0", false, 0, 0, 0, 2000 } },
    { .options = { PATH, VF, { "tx-retries-max", "32" } },
      .result = { "/run/s", "net_null0", "net_null0", false, 0, 0, 32,
                  2000 } },
    { .options = { VF, { "vdpa-socket-path", PATH_107 } },
      .result = { PATH_107, "net_null0", "net_null0", false, 0, 0, 8, 2000 } },
    { .options = { PATH, VF, { "vdpa-stall-timeout", "0" } },
      .result = { "/run/s", "net_null0", "net_null0", false, 0, 0, 8, 0 } },
    /* Options of the representor, and unknown ones, which are logged. */
    { .options = { PATH, VF, { "n_rxq", "nonsense" }, { "vdpa-foo", "1" } },
      .result = PARSED() },
    /* What hints at a vDPA device is not for an ethdev. */
    { .options = { PATH,
                   { "vdpa-accelerator-devargs", "0000:03:00.2,class=vdpa" } },
      .result = { "/run/s", "0000:03:00.2,class=vdpa", "0000:03:00.2", true,
                  0, 0, 8, 2000 } },
    { .options = { PATH,
                   { "vdpa-accelerator-devargs", "a0,vdpa=1,size=64,vdpa=10" }
      },
      .result = { "/run/s", "a0,vdpa=1,size=64,vdpa=10", "a0,size=64,vdpa=10",
                  true, 0, 0, 8, 2000 } },

    /* The socket's path. */
    { .options = { VF }, .error = { "vdpa-socket-path", "missing" } },
    { .options = { VF, { "vdpa-socket-path", "" } },
      .error = { "vdpa-socket-path", "empty" } },
    { .options = { VF, { "vdpa-socket-path", "run/s" } },
      .error = { "vdpa-socket-path", "run/s", "absolute" } },
    { .options = { VF, { "vdpa-socket-path", PATH_108 } },
      .error = { "vdpa-socket-path", "too long", "107" } },

    /* The VF. */
    { .options = { PATH },
      .error = { "vdpa-accelerator-devargs", "missing" } },
    { .options = { PATH, { "vdpa-accelerator-devargs", "" } },
      .error = { "vdpa-accelerator-devargs", "empty" } },
    { .options = { PATH, { "vdpa-accelerator-devargs", "," } },
      .error = { "vdpa-accelerator-devargs", "names no device" } },
    { .options = { PATH, { "vdpa-accelerator-devargs", "class=vdpa" } },
      .error = { "vdpa-accelerator-devargs", "names no device" } },

    /* Numbers and booleans. */
    { .options = { PATH, VF, { "vdpa-max-queues", "0" } },
      .error = { "vdpa-max-queues", "\"0\"", "1 to 128" } },
    { .options = { PATH, VF, { "vdpa-max-queues", "-1" } },
      .error = { "vdpa-max-queues", "\"-1\"", "1 to 128" } },
    { .options = { PATH, VF, { "vdpa-max-queues", "+1" } },
      .error = { "vdpa-max-queues", "\"+1\"", "1 to 128" } },
    { .options = { PATH, VF, { "vdpa-max-queues", " 1" } },
      .error = { "vdpa-max-queues", "\" 1\"", "1 to 128" } },
    { .options = { PATH, VF, { "vdpa-max-queues", "129" } },
      .error = { "vdpa-max-queues", "\"129\"", "1 to 128" } },
    { .options = { PATH, VF, { "vdpa-max-queues", "four" } },
      .error = { "vdpa-max-queues", "\"four\"", "1 to 128" } },
    { .options = { PATH, VF, { "vdpa-max-queues", "4x" } },
      .error = { "vdpa-max-queues", "\"4x\"", "1 to 128" } },
    { .options = { PATH, VF, { "vdpa-max-queues", "" } },
      .error = { "vdpa-max-queues", "\"\"", "1 to 128" } },
    { .options = { PATH, VF, { "vdpa-max-queues", "4294967297" } },
      .error = { "vdpa-max-queues", "4294967297", "1 to 128" } },
    { .options = { PATH, VF, { "tx-retries-max", "33" } },
      .error = { "tx-retries-max", "\"33\"", "0 to 32" } },
    { .options = { PATH, VF, { "tx-retries-max", "-1" } },
      .error = { "tx-retries-max", "\"-1\"", "0 to 32" } },
    { .options = { PATH, VF, { "vdpa-stall-timeout", "3600001" } },
      .error = { "vdpa-stall-timeout", "3600001", "0 to 3600000" } },
    { .options = { PATH, VF, { "vdpa-sw", "yes" } },
      .error = { "vdpa-sw", "\"yes\"", "\"false\"" } },
    { .options = { PATH, VF, { "vdpa-sw", "" } },
      .error = { "vdpa-sw", "\"\"", "\"true\"" } },
};

static void
check_result(const struct dpdk_vdpa_options *got,
             const struct dpdk_vdpa_options *expected)
{
    assert_string_equal(got->socket_path, expected->socket_path);
    assert_string_equal(got->vf_devargs, expected->vf_devargs);
    assert_string_equal(got->devargs, expected->devargs);
    assert_int_equal(got->vdpa_hint, expected->vdpa_hint);
    assert_int_equal(got->mode, expected->mode);
    assert_int_equal(got->max_pairs, expected->max_pairs);
    assert_int_equal(got->tx_retries_max, expected->tx_retries_max);
    assert_int_equal(got->stall_timeout, expected->stall_timeout);
}

static void
run_case(const struct test_case *c)
{
    struct smap args = SMAP_INITIALIZER(&args);
    struct dpdk_vdpa_options options;
    char *text = NULL;
    int error;

    for (int i = 0; i < MAX_OPTIONS && c->options[i][0]; i++) {
        smap_add(&args, c->options[i][0], c->options[i][1]);
    }
    error = dpdk_vdpa_options_parse("vdpa0", &args, &options, &text);
    if (c->error[0]) {
        assert_int_equal(error, EINVAL);
        assert_non_null(text);
        for (int i = 0; i < ARRAY_SIZE(c->error) && c->error[i]; i++) {
            if (!strstr(text, c->error[i])) {
                fail_msg("\"%s\" does not mention \"%s\"", text, c->error[i]);
            }
        }
        assert_null(options.socket_path);
        assert_null(options.vf_devargs);
    } else {
        if (error) {
            fail_msg("%s", text);
        }
        assert_null(text);
        check_result(&options, &c->result);
        dpdk_vdpa_options_destroy(&options);
    }
    free(text);
    smap_destroy(&args);
}

static void
test_parse(void **state OVS_UNUSED)
{
    assert_int_equal(strlen(PATH_107), 107);
    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        run_case(&cases[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
