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

#ifndef TEST_EAL_H
#define TEST_EAL_H 1

/* DPDK for unit tests: without hugepages, devices and root. */

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include "util.h"

/* Initializes EAL.  Returns false, after a word, if that fails. */
static inline bool
test_eal_init(void)
{
    char *argv[] = {
        "test", "--no-huge", "--no-shconf", "--no-pci", "-m", "64",
        "--no-telemetry", "-l", "0", "--log-level=error",
    };
    cpu_set_t cpus;
    bool ok;

    /* EAL binds this thread to one CPU, and threads would inherit that. */
    sched_getaffinity(0, sizeof cpus, &cpus);
    ok = rte_eal_init(ARRAY_SIZE(argv), argv) >= 0;
    if (!ok) {
        fprintf(stderr, "cannot initialize EAL: %s\n",
                rte_strerror(rte_errno));
    }
    sched_setaffinity(0, sizeof cpus, &cpus);
    return ok;
}

/* The same as the set-up of a group of tests. */
static inline int
test_eal_setup(void **state OVS_UNUSED)
{
    return test_eal_init() ? 0 : -1;
}

/* Initializes EAL, and returns a mempool of 'n' mbufs, or null. */
static inline struct rte_mempool *
test_eal_mempool(unsigned int n)
{
    return (test_eal_init()
            ? rte_pktmbuf_pool_create("test", n, 0, 0,
                                      RTE_MBUF_DEFAULT_BUF_SIZE, 0)
            : NULL);
}

#endif /* test-eal.h */
