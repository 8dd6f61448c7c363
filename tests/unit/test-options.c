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
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "port/features.h"
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
    uint64_t withheld;          /* 0 for what is by default. */
};

#define PATH { "vdpa-socket-path", "/run/s" }
#define VF { "vdpa-accelerator-devargs", "net_null0" }
#define RESULT(PATH_, DEVARGS, VF_DEVARGS, HINT, RETRIES, TIMEOUT) \
    { .socket_path = PATH_, .devargs = DEVARGS, .vf_devargs = VF_DEVARGS, \
      .vdpa_hint = HINT, .tx_retries_max = RETRIES, .stall_timeout = TIMEOUT }
#define PARSED(...) { .socket_path = "/run/s", .devargs = "net_null0", \
                      .vf_devargs = "net_null0", \
                      .tx_retries_max = 8, .stall_timeout = 2000, \
                      __VA_ARGS__ }
#define DMAS(VALUE) { PATH, VF, { "vdpa-dmas", VALUE } }
#define FEATURES(VALUE) { PATH, VF, { "vdpa-features", VALUE } }
#define WITHHELD(...) .result = PARSED(), .withheld = __VA_ARGS__
#define F(NAME) (1ULL << VIRTIO_NET_F_##NAME)
#define TSO (F(HOST_TSO4) | F(HOST_TSO6) | F(HOST_ECN) | F(GSO))

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
      .result = RESULT("/run/s", "net_null0", "net_null0", false, 0, 2000) },
    { .options = { PATH, VF, { "tx-retries-max", "32" } },
      .result = RESULT("/run/s", "net_null0", "net_null0", false, 32, 2000) },
    { .options = { VF, { "vdpa-socket-path", PATH_107 } },
      .result = RESULT(PATH_107, "net_null0", "net_null0", false, 8, 2000) },
    { .options = { PATH, VF, { "vdpa-stall-timeout", "0" } },
      .result = RESULT("/run/s", "net_null0", "net_null0", false, 8, 0) },
    { .options = { PATH, VF, { "n_rxq_desc", "1" },
                   { "n_txq_desc", "32768" } },
      .result = PARSED(.n_rx_desc = 1, .n_tx_desc = 32768) },
    { .options = { PATH, VF, { "dq-zero-copy", "true" } },
      .result = PARSED(.zero_copy = true) },
    { .options = { PATH, VF, { "dq-zero-copy", "false" } },
      .result = PARSED(.zero_copy = false) },
    { .options = { PATH, VF, { "dq-zero-copy", "yes" } },
      .error = { "dq-zero-copy", "\"yes\"", "\"true\" nor \"false\"" } },
    { .options = { PATH, VF, { "dq-zero-copy", "" } },
      .error = { "dq-zero-copy", "\"\"", "\"true\" nor \"false\"" } },
    /* Options of the representor, and unknown ones, which are logged. */
    { .options = { PATH, VF, { "n_rxq", "nonsense" }, { "vdpa-foo", "1" } },
      .result = PARSED() },
    /* What hints at a vDPA device is not for an ethdev. */
    { .options = { PATH,
                   { "vdpa-accelerator-devargs", "0000:03:00.2,class=vdpa" } },
      .result = RESULT("/run/s", "0000:03:00.2,class=vdpa", "0000:03:00.2",
                       true, 8, 2000) },
    { .options = { PATH,
                   { "vdpa-accelerator-devargs", "a0,vdpa=1,size=64,vdpa=10" }
      },
      .result = RESULT("/run/s", "a0,vdpa=1,size=64,vdpa=10",
                       "a0,size=64,vdpa=10", true, 8, 2000) },

    /* DMA engines. */
    { .options = DMAS("[txq0@dma0;rxq0@0000:00:04.1;txq127@d]"),
      .result = PARSED(.dmas = { .n = 3 }) },

    /* Features.  What needs one that is taken away goes with it. */
    { .options = FEATURES("-packed"),
      WITHHELD(VDPA_FEATURES_ON_REQUEST | 1ULL << VIRTIO_F_RING_PACKED) },
    { .options = FEATURES("-event_idx,-indirect_desc,-mrg_rxbuf,-mq"),
      WITHHELD(VDPA_FEATURES_ON_REQUEST | 1ULL << VIRTIO_RING_F_EVENT_IDX
               | 1ULL << VIRTIO_RING_F_INDIRECT_DESC | F(MRG_RXBUF)
               | F(MQ)) },
    { .options = FEATURES("-host_tso4"),
      WITHHELD(VDPA_FEATURES_ON_REQUEST | F(HOST_TSO4) | F(GSO)) },
    { .options = FEATURES("-host_tso6,-host_tso4,-host_tso4"),
      WITHHELD(VDPA_FEATURES_ON_REQUEST | TSO) },
    { .options = FEATURES("-csum"),
      WITHHELD(VDPA_FEATURES_ON_REQUEST | F(CSUM) | TSO | F(HOST_UFO)) },
    { .options = FEATURES("+guest_tso4,+guest_tso6"),
      WITHHELD(F(GUEST_ECN) | F(GUEST_UFO)) },
    { .options = FEATURES("+guest_tso4,-guest_tso6,+guest_ecn"),
      WITHHELD(F(GUEST_TSO6) | F(GUEST_UFO)) },
    { .options = FEATURES("+guest_ecn"),
      WITHHELD(VDPA_FEATURES_ON_REQUEST) },
    { .options = FEATURES("-guest_csum"),
      WITHHELD(VDPA_FEATURES_ON_REQUEST | F(GUEST_CSUM)) },

    { .options = DMAS(""), .error = { "vdpa-dmas", "\"\"", "in brackets" } },
    { .options = DMAS("[]"), .error = { "vdpa-dmas", "[]", "in brackets" } },
    { .options = DMAS("txq0@a"),
      .error = { "vdpa-dmas", "txq0@a", "in brackets" } },
    { .options = DMAS("[txq0@a;]"),
      .error = { "vdpa-dmas", "\"\"", "txqN@ENGINE" } },
    { .options = DMAS("[txq0@a,rxq0@a]"), .result = PARSED(.dmas = { .n = 1 })
    },
    { .options = DMAS("[tx0@a]"),
      .error = { "vdpa-dmas", "\"tx0@a\"", "txqN@ENGINE" } },
    { .options = DMAS("[txq@a]"),
      .error = { "vdpa-dmas", "\"txq@a\"", "txqN@ENGINE" } },
    { .options = DMAS("[txq0@]"),
      .error = { "vdpa-dmas", "\"txq0@\"", "txqN@ENGINE" } },
    { .options = DMAS("[txq0]"),
      .error = { "vdpa-dmas", "\"txq0\"", "txqN@ENGINE" } },
    { .options = DMAS("[rxq128@a]"),
      .error = { "vdpa-dmas", "\"rxq128@a\"", "from 0 to 127" } },
    { .options = DMAS("[rxq4294967296@a]"),
      .error = { "vdpa-dmas", "\"rxq4294967296@a\"", "from 0 to 127" } },
    { .options = DMAS("[txq-1@a]"),
      .error = { "vdpa-dmas", "\"txq-1@a\"", "from 0 to 127" } },
    { .options = DMAS("[txq0@a;txq0@b]"),
      .error = { "vdpa-dmas", "\"txq0@b\"", "a queue that is given" } },
    { .options = DMAS("[txq0@a;txq1@a]"),
      .error = { "vdpa-dmas", "\"txq1@a\"", "a DMA engine that is given" } },

    { .options = FEATURES(""), .error = { "vdpa-features", "\"\"", "sign" } },
    { .options = FEATURES("-csum,"),
      .error = { "vdpa-features", "\"\"", "sign" } },
    { .options = FEATURES("-packed,mq"),
      .error = { "vdpa-features", "\"mq\"", "\"-mq\"" } },
    { .options = FEATURES("-packed, -mq"),
      .error = { "vdpa-features", "\" -mq\"", "sign" } },
    { .options = FEATURES("-"),
      .error = { "vdpa-features", "\"-\"", "csum, guest_csum, gso" } },
    { .options = FEATURES("-csum,-lro"),
      .error = { "vdpa-features", "\"-lro\"", "guest_tso4, guest_tso6" } },
    { .options = FEATURES("-CSUM"),
      .error = { "vdpa-features", "\"-CSUM\"", "names no feature" } },
    { .options = FEATURES("-ctrl_vq"),
      .error = { "vdpa-features", "\"-ctrl_vq\"", "ctrl_vq=off" } },
    { .options = FEATURES("+csum"),
      .error = { "vdpa-features", "\"+csum\"",
                 "asked for is guest_tso4, guest_tso6, guest_ecn, guest_ufo" }
    },
    { .options = FEATURES("+guest_tso4,-guest_tso4"),
      .error = { "vdpa-features", "both", "guest_tso4" } },
    { .options = FEATURES("-guest_csum,+guest_tso6"),
      .error = { "vdpa-features", "both", "guest_tso6" } },

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
    { .options = { PATH, VF, { "n_rxq_desc", "0" } },
      .error = { "n_rxq_desc", "\"0\"", "1 to 32768" } },
    { .options = { PATH, VF, { "n_rxq_desc", "1000" } },
      .error = { "n_rxq_desc", "\"1000\"", "use 512" } },
    { .options = { PATH, VF, { "n_txq_desc", "32769" } },
      .error = { "n_txq_desc", "\"32769\"", "1 to 32768" } },
    { .options = { PATH, VF, { "n_txq_desc", "many" } },
      .error = { "n_txq_desc", "\"many\"", "1 to 32768" } },
    { .options = { PATH, VF, { "vdpa-sw", "yes" } },
      .error = { "vdpa-sw", "\"yes\"", "\"false\"" } },
    { .options = { PATH, VF, { "vdpa-sw", "" } },
      .error = { "vdpa-sw", "\"\"", "\"true\"" } },
};

static void
check_result(const struct dpdk_vdpa_options *got,
             const struct dpdk_vdpa_options *expected, uint64_t withheld)
{
    assert_string_equal(got->socket_path, expected->socket_path);
    assert_string_equal(got->vf_devargs, expected->vf_devargs);
    assert_string_equal(got->devargs, expected->devargs);
    assert_int_equal(got->vdpa_hint, expected->vdpa_hint);
    assert_int_equal(got->mode, expected->mode);
    assert_int_equal(got->max_pairs, expected->max_pairs);
    assert_int_equal(got->tx_retries_max, expected->tx_retries_max);
    assert_int_equal(got->stall_timeout, expected->stall_timeout);
    withheld = withheld ? withheld : VDPA_FEATURES_ON_REQUEST;
    if (got->withheld != withheld) {
        fail_msg("%s: %#"PRIx64" is withheld, not %#"PRIx64, got->features,
                 got->withheld, withheld);
    }
    assert_int_equal(got->zero_copy, expected->zero_copy);
    assert_int_equal(got->n_rx_desc, expected->n_rx_desc);
    assert_int_equal(got->dmas.n, expected->dmas.n);
    assert_int_equal(got->n_tx_desc, expected->n_tx_desc);
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
        check_result(&options, &c->result, c->withheld);
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
