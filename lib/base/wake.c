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

#include "base/wake.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/counter.h"
#include "openvswitch/thread.h"
#include "ovs-thread.h"
#include "util.h"

/* Wakes to be told of at a time. */
#define N_EVENTS 64

/* Protects what wakes say of files and sets.  A leaf. */
static struct ovs_mutex wakes_mutex = OVS_MUTEX_INITIALIZER;

struct dpdk_vdpa_waiter {
    int epoll_fd;
    int nudge_fd;               /* An eventfd, in the set. */
    unsigned int n_wakes OVS_GUARDED_BY(wakes_mutex);   /* In the set. */
    bool is_gone OVS_GUARDED_BY(wakes_mutex);
};

static struct dpdk_vdpa_waiter *
wake_waiter(const struct dpdk_vdpa_wake *wake)
{
    struct dpdk_vdpa_waiter *waiter;

    atomic_read_relaxed(&CONST_CAST(struct dpdk_vdpa_wake *, wake)->waiter,
                        &waiter);
    return waiter;
}

void
dpdk_vdpa_wake_init(struct dpdk_vdpa_wake *wake)
{
    wake->fd = -1;
    atomic_init(&wake->waiter, NULL);
    atomic_init(&wake->n_wakes, 0);
}

/* Takes the file of 'wake' out of the set that it is in.  That it is closed
 * would not do: the front-end has it open, too. */
static void
wake_leave(struct dpdk_vdpa_wake *wake)
    OVS_REQUIRES(wakes_mutex)
{
    struct dpdk_vdpa_waiter *waiter = wake_waiter(wake);

    if (!waiter) {
        return;
    }
    atomic_store_relaxed(&wake->waiter, NULL);
    waiter->n_wakes--;
    if (waiter->is_gone) {
        if (!waiter->n_wakes) {
            free(waiter);
        }
    } else if (wake->fd >= 0) {
        epoll_ctl(waiter->epoll_fd, EPOLL_CTL_DEL, wake->fd, NULL);
    }
}

/* Adds 'fd' to the set.  It stands for 'wake', or is that for nudges. */
static bool
waiter_add(struct dpdk_vdpa_waiter *waiter, int fd,
           struct dpdk_vdpa_wake *wake)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET,
                                 .data.ptr = wake };

    return !epoll_ctl(waiter->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static bool
wake_enter(struct dpdk_vdpa_wake *wake, struct dpdk_vdpa_waiter *waiter)
    OVS_REQUIRES(wakes_mutex)
{
    if (wake->fd < 0 || !waiter_add(waiter, wake->fd, wake)) {
        return false;
    }
    waiter->n_wakes++;
    atomic_store_relaxed(&wake->waiter, waiter);
    return true;
}

void
dpdk_vdpa_wake_set(struct dpdk_vdpa_wake *wake, int fd)
{
    struct dpdk_vdpa_waiter *waiter;
    int old;

    ovs_mutex_lock(&wakes_mutex);
    waiter = wake_waiter(wake);
    if (waiter && waiter->is_gone) {
        waiter = NULL;
    }
    wake_leave(wake);
    old = wake->fd;
    wake->fd = fd;
    if (waiter) {
        wake_enter(wake, waiter);
    }
    ovs_mutex_unlock(&wakes_mutex);
    if (old >= 0) {
        close(old);
    }
}

bool
dpdk_vdpa_wake_join(struct dpdk_vdpa_wake *wake,
                    struct dpdk_vdpa_waiter *waiter)
{
    bool joined = true;

    if (OVS_UNLIKELY(wake_waiter(wake) != waiter)) {
        ovs_mutex_lock(&wakes_mutex);
        wake_leave(wake);
        joined = wake_enter(wake, waiter);
        ovs_mutex_unlock(&wakes_mutex);
    }
    return joined;
}

void
dpdk_vdpa_wake_follow(struct dpdk_vdpa_wake *wake,
                      struct dpdk_vdpa_waiter *waiter)
{
    if (OVS_UNLIKELY(wake_waiter(wake) != waiter)) {
        ovs_mutex_lock(&wakes_mutex);
        wake_leave(wake);
        waiter->n_wakes++;
        atomic_store_relaxed(&wake->waiter, waiter);
        ovs_mutex_unlock(&wakes_mutex);
    }
}

void
dpdk_vdpa_wake_nudge(struct dpdk_vdpa_wake *wake)
{
    struct dpdk_vdpa_waiter *waiter;

    ovs_mutex_lock(&wakes_mutex);
    waiter = wake_waiter(wake);
    if (waiter && !waiter->is_gone) {
        eventfd_write(waiter->nudge_fd, 1);
    }
    ovs_mutex_unlock(&wakes_mutex);
}

uint64_t
dpdk_vdpa_wake_n(const struct dpdk_vdpa_wake *wake)
{
    return dpdk_vdpa_counter_read(
        &CONST_CAST(struct dpdk_vdpa_wake *, wake)->n_wakes);
}

struct dpdk_vdpa_waiter *
dpdk_vdpa_waiter_create(void)
{
    struct dpdk_vdpa_waiter *waiter = xzalloc(sizeof *waiter);
    int error;

    waiter->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (waiter->epoll_fd < 0) {
        goto error;
    }
    waiter->nudge_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (waiter->nudge_fd < 0) {
        goto error_epoll;
    }
    if (waiter_add(waiter, waiter->nudge_fd, NULL)) {
        return waiter;
    }

    error = errno;
    close(waiter->nudge_fd);
    errno = error;
error_epoll:
    error = errno;
    close(waiter->epoll_fd);
    errno = error;
error:
    free(waiter);
    return NULL;
}

void
dpdk_vdpa_waiter_destroy(struct dpdk_vdpa_waiter *waiter)
{
    if (!waiter) {
        return;
    }
    ovs_mutex_lock(&wakes_mutex);
    close(waiter->epoll_fd);
    close(waiter->nudge_fd);
    waiter->is_gone = true;
    if (!waiter->n_wakes) {
        free(waiter);           /* Else who leaves last does that. */
    }
    ovs_mutex_unlock(&wakes_mutex);
}

/* Counts which wakes ended the wait.  A wake that is in the set has not gone,
 * and with the lock none leaves it. */
static void
waiter_count(struct dpdk_vdpa_waiter *waiter)
{
    struct epoll_event events[N_EVENTS];
    int n;

    ovs_mutex_lock(&wakes_mutex);
    n = epoll_wait(waiter->epoll_fd, events, N_EVENTS, 0);
    for (int i = 0; i < n; i++) {
        struct dpdk_vdpa_wake *wake = events[i].data.ptr;

        if (wake) {
            dpdk_vdpa_counter_add(&wake->n_wakes, 1);
        }
    }
    ovs_mutex_unlock(&wakes_mutex);
}

/* epoll_wait(2) knows milliseconds only, but a set is a file. */
bool
dpdk_vdpa_waiter_wait(struct dpdk_vdpa_waiter *waiter, uint64_t ns)
{
    struct timespec timeout = { ns / 1000000000, ns % 1000000000 };
    struct pollfd pfd = { .fd = waiter->epoll_fd, .events = POLLIN };

    if (ppoll(&pfd, 1, &timeout, NULL) != 1) {
        return false;
    }
    waiter_count(waiter);
    return true;
}
