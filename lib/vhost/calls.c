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

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/gate.h"
#include "util.h"
#include "vhost/interrupt.h"
#include "vhost/walk.h"
#include "vhost/walk-private.h"

static inline int
fd_read(atomic_int *fdp)
{
    int fd;

    atomic_read_explicit(fdp, &fd, memory_order_acquire);
    return fd;
}

void
dpdk_vdpa_walked_interrupt(struct walked *w)
{
    int fd = fd_read(&w->call_fd);

    while (fd >= 0) {
        int old = fd;

        dpdk_vdpa_interrupt(fd);
        fd = fd_read(&w->call_fd);
        if (fd == old) {        /* Else nobody may look at the old one. */
            return;
        }
    }
}

void
dpdk_vdpa_walked_pass_on(struct walked *w)
{
    int fd = fd_read(&w->library_fd);
    eventfd_t n;

    if (fd >= 0 && !eventfd_read(fd, &n)) {
        dpdk_vdpa_walked_interrupt(w);
    }
}

/* Closes eventfds that PMD threads may have been using. */
static void
walk_close_old_fds(struct dpdk_vdpa_walk *walk)
{
    if (!walk->n_old_fds) {
        return;
    }
    dpdk_vdpa_gate_barrier();
    for (unsigned int i = 0; i < MAX_RINGS; i++) {
        dpdk_vdpa_gate_wait(&walk->rings[i].inside);
    }
    while (walk->n_old_fds) {
        close(walk->old_fds[--walk->n_old_fds]);
    }
}

/* Sets '*fdp' to 'fd' and sees to it that what it was is closed. */
static void
walk_replace_fd(struct dpdk_vdpa_walk *walk, atomic_int *fdp, int fd)
{
    int old = fd_read(fdp);

    atomic_store(fdp, fd);
    /* Who still found the old one has written to the ring before: whoever is
     * told by the new one from now on is to see that.  The other fence is in
     * dpdk_vdpa_ring_wants_call(). */
    atomic_thread_fence(memory_order_seq_cst);
    if (old >= 0) {
        if (walk->n_old_fds >= MAX_OLD_FDS) {
            walk_close_old_fds(walk);
        }
        walk->old_fds[walk->n_old_fds++] = old;
    }
}

int
dpdk_vdpa_walk_renew_call(struct dpdk_vdpa_walk *walk, unsigned int i)
{
    int ours, librarys;

    ours = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (ours < 0) {
        return -1;
    }
    librarys = dup(ours);
    if (librarys < 0) {
        int error = errno;

        close(ours);
        errno = error;
        return -1;
    }
    walk_replace_fd(walk, &walk->rings[i].library_fd, ours);
    return librarys;
}

int
dpdk_vdpa_walk_set_call(struct dpdk_vdpa_walk *walk, unsigned int i, int fd,
                        bool for_library)
{
    struct walked *w = &walk->rings[i];

    walk_replace_fd(walk, &w->call_fd, fd);
    dpdk_vdpa_walked_interrupt(w);      /* The old one may be used till now. */
    return for_library ? dpdk_vdpa_walk_renew_call(walk, i) : 0;
}

void
dpdk_vdpa_walk_keep_call(struct dpdk_vdpa_walk *walk, unsigned int i, int fd)
{
    struct walked *w = &walk->rings[i];

    walk_replace_fd(walk, &w->call_fd, fd);
    /* The device before may have ended before it could interrupt for what it
     * had given back, and this one does not know. */
    dpdk_vdpa_walked_interrupt(w);
}

int
dpdk_vdpa_walk_get_call(struct dpdk_vdpa_walk *walk, unsigned int i)
{
    int fd = fd_read(&walk->rings[i].call_fd);

    return fd < 0 ? 0 : fcntl(fd, F_DUPFD_CLOEXEC, 1);
}

void
dpdk_vdpa_walk_pass_on(struct dpdk_vdpa_walk *walk)
{
    for (unsigned int i = 0; i < MAX_RINGS; i++) {
        dpdk_vdpa_walked_pass_on(&walk->rings[i]);
    }
}

void
dpdk_vdpa_walk_drop_library_call(struct dpdk_vdpa_walk *walk, unsigned int i)
{
    walk_replace_fd(walk, &walk->rings[i].library_fd, -1);
}

void
dpdk_vdpa_walk_drop_call(struct dpdk_vdpa_walk *walk, unsigned int i)
{
    walk_replace_fd(walk, &walk->rings[i].call_fd, -1);
    dpdk_vdpa_walk_drop_library_call(walk, i);
}

void
dpdk_vdpa_walk_drop_calls(struct dpdk_vdpa_walk *walk)
{
    for (unsigned int i = 0; i < MAX_RINGS; i++) {
        dpdk_vdpa_walk_drop_call(walk, i);
    }
    walk_close_old_fds(walk);
}
