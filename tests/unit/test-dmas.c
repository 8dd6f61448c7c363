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

#include <config.h>

#include "port/dmas.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_dev.h>
#include <rte_dmadev.h>

#include "accel/dma.h"
#include "tests/unit/test-eal.h"
#include "util.h"

/* DMA engines and who has them.  The engines are DPDK's software ones. */

#define N_ENGINES 4

static int
setup(void **state OVS_UNUSED)
{
    if (!test_eal_init()) {
        return -1;
    }
    for (int i = 0; i < N_ENGINES; i++) {
        char name[32];

        snprintf(name, sizeof name, "dma_skeleton%d", i);
        if (rte_eal_hotplug_add("vdev", name, "")) {
            fprintf(stderr, "no engine %s\n", name);
            return -1;
        }
    }
    return 0;
}

/* Checks that 'owner' is refused 'name' with 'error' and a text that has both
 * 'a' and 'b'. */
static void
check_refused(const char *name, const char *owner, int error, const char *a,
              const char *b)
{
    struct dpdk_vdpa_dma *dma;
    char *text = NULL;

    assert_int_equal(dpdk_vdpa_dma_claim(name, owner, &dma, &text), error);
    assert_null(dma);
    assert_non_null(strstr(text, "vdpa-dmas"));
    assert_non_null(strstr(text, name));
    if (!strstr(text, a) || !strstr(text, b)) {
        fail_msg("\"%s\" does not mention \"%s\" and \"%s\"", text, a, b);
    }
    free(text);
}

static struct dpdk_vdpa_dma *
claim(const char *name, const char *owner)
{
    struct dpdk_vdpa_dma *dma;
    char *text = NULL;

    if (dpdk_vdpa_dma_claim(name, owner, &dma, &text)) {
        fail_msg("%s", text);
    }
    assert_int_equal(dpdk_vdpa_dma_id(dma), rte_dma_get_dev_id_by_name(name));
    return dma;
}

static void
test_claim(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_dma *dma, *again;

    check_refused("nobody", "p", ENODEV, "there is no DMA engine",
                  "dma_skeleton0, dma_skeleton1");
    dma = claim("dma_skeleton0", "p");
    check_refused("dma_skeleton0", "q", EBUSY, "in use by port", "\"p\"");
    again = claim("dma_skeleton0", "p");
    assert_ptr_equal(again, dma);
    dpdk_vdpa_dma_release(dma);
    check_refused("dma_skeleton0", "q", EBUSY, "in use by port", "\"p\"");
    dpdk_vdpa_dma_release(again);
    dma = claim("dma_skeleton0", "q");
    dpdk_vdpa_dma_release(dma);
    dpdk_vdpa_dma_release(NULL);
}

/* One that somebody else has started. */
static void
test_stranger(void **state OVS_UNUSED)
{
    const struct rte_dma_conf conf = { .nb_vchans = 1 };
    const struct rte_dma_vchan_conf vchan = {
        .direction = RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = 64,
    };
    int16_t id = rte_dma_get_dev_id_by_name("dma_skeleton1");

    assert_int_equal(rte_dma_configure(id, &conf), 0);
    assert_int_equal(rte_dma_vchan_setup(id, 0, &vchan), 0);
    assert_int_equal(rte_dma_start(id), 0);
    check_refused("dma_skeleton1", "p", EBUSY, "cannot be set up",
                  "nobody else uses");
    assert_int_equal(rte_dma_stop(id), 0);
    dpdk_vdpa_dma_release(claim("dma_skeleton1", "p"));
}

static void
test_failed(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_dma *dma = claim("dma_skeleton2", "p");

    assert_false(dpdk_vdpa_dma_has_failed(dma));
    assert_int_equal(rte_dma_stop(dpdk_vdpa_dma_id(dma)), 0);
    dpdk_vdpa_dma_set_failed(dma);
    assert_true(dpdk_vdpa_dma_has_failed(dma));
    check_refused("dma_skeleton2", "p", EIO, "has failed", "use another one");
    dpdk_vdpa_dma_release(dma);
    check_refused("dma_skeleton2", "q", EIO, "has failed", "use another one");
}

/* What cannot be had as a whole leaves nothing behind. */
static void
test_list(void **state OVS_UNUSED)
{
    struct vdpa_dmas dmas;
    char *text = NULL;

    assert_int_equal(vdpa_dmas_parse("[txq0@dma_skeleton0;rxq2@nobody]", &dmas,
                                     &text), 0);
    assert_int_equal(dmas.n, 2);
    assert_int_equal(dmas.uses[0].ring, 0);
    assert_int_equal(dmas.uses[1].ring, 5);
    assert_int_equal(vdpa_dmas_check(&dmas, 3, &text), 0);
    assert_int_equal(vdpa_dmas_check(&dmas, 2, &text), EINVAL);
    assert_string_equal(text, "vdpa-dmas: the guest has no queue pair 2; use "
                        "numbers from 0 to 1");
    free(text);
    assert_int_equal(vdpa_dmas_claim(&dmas, "p", &text), ENODEV);
    free(text);
    vdpa_dmas_destroy(&dmas);
    dpdk_vdpa_dma_release(claim("dma_skeleton0", "q"));
    assert_int_equal(vdpa_dmas_parse(NULL, &dmas, &text), 0);
    assert_int_equal(dmas.n, 0);
    vdpa_dmas_destroy(&dmas);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_stranger),
        cmocka_unit_test(test_failed),
        cmocka_unit_test(test_list),
    };

    return cmocka_run_group_tests_name("dmas", tests, setup, NULL);
}
