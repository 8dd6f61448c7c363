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

#ifndef DPDK_VDPA_GATE_H
#define DPDK_VDPA_GATE_H 1

/* A gate between a thread that passes often and one that closes it rarely: the
 * first pays neither a lock nor a fence.
 *
 * Who passes stores that it is inside and then loads whether the gate is
 * closed: a flag, or a pointer that is null then.  Who closes stores that, has
 * the kernel issue a full barrier on every CPU that runs a thread of ours
 * (membarrier(2)), and then loads whether somebody is inside: whichever order
 * the two stores took, one of the two sees the other's. */

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_pause.h>

#include "ovs-atomic.h"
#include "util.h"

/* Prepares this process for dpdk_vdpa_gate_barrier().  Returns false, with
 * errno set, if the kernel lacks it (Linux 4.14). */
static inline bool
dpdk_vdpa_gate_init(void)
{
    return !syscall(__NR_membarrier,
                    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}

/* Comes to the gate.  The caller then loads whether it is closed, with
 * acquire semantics, and calls dpdk_vdpa_gate_leave() in either case. */
static inline void
dpdk_vdpa_gate_enter(atomic_bool *inside)
{
    atomic_store_relaxed(inside, true);
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void
dpdk_vdpa_gate_leave(atomic_bool *inside)
{
    atomic_store_explicit(inside, false, memory_order_release);
}

/* Between the stores that close any number of gates and the calls of
 * dpdk_vdpa_gate_wait() for those.
 *
 * The kernel may lack memory for it at the moment.  Then there is another
 * command, which needs none but takes milliseconds, and which a kernel with
 * CPUs of its own for some tasks (nohz_full) does not have. */
static inline void
dpdk_vdpa_gate_barrier(void)
{
    while (syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)) {
        if (errno != ENOMEM) {
            ovs_abort(errno, "membarrier failed after its registration "
                      "succeeded");
        }
        if (!syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) {
            return;
        }
        sched_yield();
    }
}

/* Waits for who is inside. */
static inline void
dpdk_vdpa_gate_wait(atomic_bool *inside_)
{
    bool inside;

    for (;;) {
        atomic_read_explicit(inside_, &inside, memory_order_acquire);
        if (!inside) {
            return;
        }
        rte_pause();
    }
}

#endif /* base/gate.h */
