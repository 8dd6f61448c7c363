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

#ifndef FUZZ_GUEST_MEMORY_H
#define FUZZ_GUEST_MEMORY_H 1

/* What fuzzed walks of virtqueues have: EAL, mbufs, and a guest's memory. */

#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <sys/mman.h>

#include <rte_config.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "util.h"

#define FUZZ_PAGE 4096

/* Starts EAL for the program 'name', and returns a mempool of 'n_mbufs' mbufs
 * for 'room' bytes each. */
static inline struct rte_mempool *
fuzz_mempool_create(const char *name, unsigned int n_mbufs, uint16_t room)
{
    char *argv[] = {
        CONST_CAST(char *, name), "--no-huge", "--no-shconf", "--no-pci", "-m",
        "32", "--no-telemetry", "-l", "0", "--log-level=error",
    };
    struct rte_mempool *mempool;

    ovs_assert(rte_eal_init(ARRAY_SIZE(argv), argv) >= 0);
    mempool = rte_pktmbuf_pool_create("fuzz", n_mbufs, 0, 0,
                                      room + RTE_PKTMBUF_HEADROOM, 0);
    ovs_assert(mempool);
    return mempool;
}

/* Returns 'size' bytes, at most FUZZ_PAGE, before and behind which there is
 * nothing that may be touched. */
static inline uint8_t *
fuzz_region_create(size_t size)
{
    uint8_t *page = mmap(NULL, 3 * FUZZ_PAGE, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ovs_assert(page != MAP_FAILED);
    page += FUZZ_PAGE;
    ovs_assert(!mprotect(page, FUZZ_PAGE, PROT_READ | PROT_WRITE));
    __asan_poison_memory_region(page, FUZZ_PAGE - size);
    return page + FUZZ_PAGE - size;
}

#endif /* guest-memory.h */
