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

#ifndef TEST_NEEDS_H
#define TEST_NEEDS_H 1

/* What a unit test needs that is not there under qemu-user, with which tests
 * for another architecture are run (dev/arm64.sh), or under valgrind
 * (tests/checks.mk).  To be included after <cmocka.h>. */

#include <stdlib.h>
#include <string.h>

/* Skips the test that calls this, and says so, if the environment variable
 * UNIT_TESTS_LACK has 'what' among its words.  Any thread that runs a test. */
static inline void
test_needs(const char *what)
{
    const char *lack = getenv("UNIT_TESTS_LACK");

    if (lack && strstr(lack, what)) {
        print_message("%s is not to be had here\n", what);
        skip();
    }
}

#endif /* test-needs.h */
