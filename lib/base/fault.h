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

#ifndef DPDK_VDPA_FAULT_H
#define DPDK_VDPA_FAULT_H 1

/* Memory that may go away under us.
 *
 * Somebody else owns the files that guests' memory is in.  If he truncates
 * one, or punches a hole where no page is left to fill it, whoever touches the
 * memory next gets a SIGBUS, which ends the process.  So that signal is
 * handled here: memory that was made known gets empty pages in its place, the
 * thread that touched it goes on, and the owner of the memory is told.  All
 * other faults go where they went before.
 *
 * Linking this puts a sigaction() and a signal() before the C library's.  Who
 * sets a handler for SIGBUS later, as DPDK does while it allocates hugepages
 * and for devices that are pulled out, is asked after us, not instead of us:
 * its handler may do anything with a thread that has nothing to do with it. */

#include <stdbool.h>
#include <stddef.h>

#include "ovs-atomic.h"

/* Who is to be told: a connection. */
struct dpdk_vdpa_fault_owner {
    atomic_bool is_hit;
};

/* Handles SIGBUS from now on.  To be called before memory is added; the first
 * call counts.  Any thread. */
void dpdk_vdpa_fault_init(void);

/* Makes the 'len' bytes at 'addr' known, which are mapped wholly and nobody
 * has touched yet, as memory of 'owner'.  'room' is how much is mapped there,
 * with what is behind the memory; its pages have 'page' bytes.  Returns false
 * if there are too many such, after which a fault there is as fatal as ever.
 * Any thread. */
bool dpdk_vdpa_fault_add(void *addr, size_t len, size_t room, size_t page,
                         struct dpdk_vdpa_fault_owner *owner);

/* Forgets the memory that begins at 'addr', if it is known, and waits until no
 * thread is just replacing it, which takes microseconds.  To be called right
 * before it is unmapped; nobody touches it any more.  Returns its 'room', or 0
 * if it was not known, or SIZE_MAX if it is to stay mapped: then it stays
 * known, too.  Any thread. */
size_t dpdk_vdpa_fault_remove(void *addr);

/* Has the memory of 'owner' that there is now stay mapped for ever, as
 * somebody may touch it who does not say when he ceases to.  'owner' is not
 * told of it any more.  Any thread. */
void dpdk_vdpa_fault_keep(struct dpdk_vdpa_fault_owner *owner);

/* Forgets that 'owner' was hit. */
void dpdk_vdpa_fault_reset(struct dpdk_vdpa_fault_owner *owner);

/* Returns true if memory of 'owner' went away since the last reset.  Any
 * thread. */
bool dpdk_vdpa_fault_is_hit(const struct dpdk_vdpa_fault_owner *owner);

/* Has the poll loop wake up when memory of 'owner' goes away: a call of
 * dpdk_vdpa_fault_is_hit() by dpdk_vdpa_fault_run() may say so then.  The main
 * thread; the latter once per loop or more often. */
void dpdk_vdpa_fault_run(void);
void dpdk_vdpa_fault_wait(const struct dpdk_vdpa_fault_owner *owner);

#endif /* base/fault.h */
