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

/* Unit tests of the gate, whose barrier the kernel may refuse. */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static long int script_syscall(long int number, int cmd, int flags, int cpu);

#define syscall script_syscall
#include "base/gate.h"

/* How often the kernel has no memory, and whether it has the command that
 * needs none. */
static unsigned int n_failures;
static bool has_global;

static unsigned int n_expedited, n_global;

static long int
script_syscall(long int number, int cmd, int flags, int cpu)
{
    assert_int_equal(number, __NR_membarrier);
    assert_int_equal(flags, 0);
    assert_int_equal(cpu, 0);
    switch (cmd) {
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
        n_expedited++;
        if (n_failures) {
            n_failures--;
            errno = ENOMEM;
            return -1;
        }
        return 0;
    case MEMBARRIER_CMD_GLOBAL:
        n_global++;
        errno = EINVAL;
        return has_global ? 0 : -1;
    default:
        fail();
        return -1;
    }
}

static void
check_barrier(unsigned int failures, bool global, unsigned int want_expedited,
              unsigned int want_global)
{
    n_failures = failures;
    has_global = global;
    n_expedited = n_global = 0;
    dpdk_vdpa_gate_barrier();
    assert_int_equal(n_expedited, want_expedited);
    assert_int_equal(n_global, want_global);
}

static void
test_barrier(void **state OVS_UNUSED)
{
    check_barrier(0, true, 1, 0);
    check_barrier(1, true, 1, 1);
    check_barrier(5, true, 1, 1);
    check_barrier(5, false, 6, 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_barrier),
    };

    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
