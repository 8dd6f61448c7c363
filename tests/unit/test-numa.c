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

/* Unit tests of what is said of NUMA nodes. */

#include <config.h>

#include "port/numa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util.h"

static void
check(int guest, int device, int pmd0, int pmd1, const char *expected)
{
    const int pmds[] = { pmd0, pmd1 };
    char *text = vdpa_numa_mismatch(guest, device, pmds, ARRAY_SIZE(pmds));

    if (expected) {
        assert_non_null(text);
        assert_string_equal(text, expected);
    } else {
        assert_null(text);
    }
    free(text);
}

static void
test_mismatch(void **state OVS_UNUSED)
{
    /* Together, or nobody knows. */
    check(0, 0, 0, 0, NULL);
    check(1, 1, 1, 1, NULL);
    check(-1, -1, -1, -1, NULL);
    check(-1, 1, -1, -1, NULL);
    check(1, -1, 0, 0, NULL);
    check(1, 1, -1, 1, NULL);

    check(0, 1, 1, 1, "guest memory is on node 0, the VF on node 1");
    check(1, 0, 0, -1, "guest memory is on node 1, the VF on node 0");
    check(1, 1, 1, 0, "a PMD thread relays on node 0, the VF is on node 1");
    check(-1, 0, 1, 1, "a PMD thread relays on node 1, the VF is on node 0");
    check(0, 1, 0, 0, "guest memory is on node 0, the VF on node 1; a PMD "
          "thread relays on node 0, the VF is on node 1");
    assert_null(vdpa_numa_mismatch(0, 0, NULL, 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mismatch),
    };

    return cmocka_run_group_tests_name("numa", tests, NULL, NULL);
}
