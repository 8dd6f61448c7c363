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

#ifndef DPDK_VDPA_COUNTER_H
#define DPDK_VDPA_COUNTER_H 1

/* Counters that one thread writes and any reads. */

#include <stdint.h>

#include "openvswitch/util.h"
#include "ovs-atomic.h"

/* Adds 'n' to 'counter'.  For the one thread that writes it. */
static inline void
dpdk_vdpa_counter_add(atomic_uint64_t *counter, uint64_t n)
{
    uint64_t value;

    atomic_read_relaxed(counter, &value);
    atomic_store_relaxed(counter, value + n);
}

/* Returns the value of 'counter'.  Any thread. */
static inline uint64_t
dpdk_vdpa_counter_read(const atomic_uint64_t *counter)
{
    uint64_t value;

    atomic_read_relaxed(CONST_CAST(atomic_uint64_t *, counter), &value);
    return value;
}

#endif /* base/counter.h */
