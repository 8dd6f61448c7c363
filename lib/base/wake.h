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

#ifndef DPDK_VDPA_WAKE_H
#define DPDK_VDPA_WAKE_H 1

/* A thread that has nothing to do waits for files.
 *
 * A *wake* is a file that may end a wait, such as the eventfd by which a guest
 * notifies us.  A *waiter* is a thread that waits, with an epoll set.  A wake
 * joins the set of the thread that it is to wake and stays there, until
 * another thread wants it or the file is another one: so a wait adds and
 * removes nothing.
 *
 * Some of these files the front-end has open, too.  It could make a read wait,
 * so nobody reads them: they are watched for changes (EPOLLET), and one that
 * stays readable wakes nobody twice.
 *
 * Thread safety: a waiter is for its thread.  A wake belongs to whoever has
 * it, but dpdk_vdpa_wake_join() may run in another thread than the rest. */

#include <stdbool.h>
#include <stdint.h>

#include "ovs-atomic.h"

struct dpdk_vdpa_waiter;

struct dpdk_vdpa_wake {
    int fd;                     /* Guarded by wakes_mutex; -1 for none. */
    ATOMIC(struct dpdk_vdpa_waiter *) waiter;   /* Whose set 'fd' is in, or
                                                 * null: written with
                                                 * wakes_mutex. */
    atomic_uint64_t n_wakes;    /* Waits that this one ended. */
};

/* Initializes 'wake', without a file. */
void dpdk_vdpa_wake_init(struct dpdk_vdpa_wake *);

/* Makes 'fd' the file of 'wake', or none if it is negative, and closes what it
 * was before.  Takes 'fd' over.  Who waits for the old one now does for the
 * new one.  To be called with -1 before 'wake' goes. */
void dpdk_vdpa_wake_set(struct dpdk_vdpa_wake *, int fd);

/* From now on 'wake' ends waits of 'waiter'.  Returns false if it has no file,
 * or the kernel refuses.  Takes a lock and a system call only if it ended
 * another one's before. */
bool dpdk_vdpa_wake_join(struct dpdk_vdpa_wake *,
                         struct dpdk_vdpa_waiter *waiter);

/* From now on dpdk_vdpa_wake_nudge() of 'wake', which has no file, is for
 * 'waiter'.  Takes a lock only if it was for another one before. */
void dpdk_vdpa_wake_follow(struct dpdk_vdpa_wake *,
                           struct dpdk_vdpa_waiter *waiter);

/* Has the thread that 'wake' is to wake not wait any longer, for something
 * else than its file; if it does not wait now, its next wait ends at once.
 * Any thread. */
void dpdk_vdpa_wake_nudge(struct dpdk_vdpa_wake *);

/* Returns how many waits 'wake' has ended.  Any thread. */
uint64_t dpdk_vdpa_wake_n(const struct dpdk_vdpa_wake *);

/* Creates a waiter for the calling thread.  Returns null, with errno set, if
 * the kernel refuses. */
struct dpdk_vdpa_waiter *dpdk_vdpa_waiter_create(void);
void dpdk_vdpa_waiter_destroy(struct dpdk_vdpa_waiter *);

/* Waits for 'ns' nanoseconds, or until a wake of 'waiter', or a nudge, ends
 * that.  Returns true in the latter case.  A file that changed since the last
 * wait ends the next one at once. */
bool dpdk_vdpa_waiter_wait(struct dpdk_vdpa_waiter *waiter, uint64_t ns);

#endif /* base/wake.h */
