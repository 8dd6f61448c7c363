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

#include "base/fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_fault);

/* Most regions: of each socket that the vhost library takes, 8 and a log. */
#define N_REGIONS (1024 * 9)

/* How much is replaced at a time, at least, in bytes.  To take away a page
 * that is there takes a microsecond or two, which others wait for that the
 * thread serves. */
#define UNIT (64 * 1024)

/* A region of memory.  The handler reads it while it may be taken back and
 * used for another one: who has counted himself in 'n_users' and then still
 * finds the same 'start' keeps it from that. */
struct region {
    atomic_uintptr_t start;     /* 0 for none. */
    atomic_uintptr_t len;
    size_t room;                /* Mapped at 'start', with what is behind. */
    size_t unit;                /* Replaced at a time. */
    struct dpdk_vdpa_fault_owner *owner;        /* '&nobody' if it is kept. */
    atomic_uint n_users;        /* Handlers that are busy with it. */
};

/* Written with 'regions_mutex', a leaf, read by the handler without. */
static struct ovs_mutex regions_mutex = OVS_MUTEX_INITIALIZER;
static struct region regions[N_REGIONS];
static atomic_uint n_regions;   /* Up to the last one ever used. */

/* The owner of memory that stays for ever. */
static struct dpdk_vdpa_fault_owner nobody;

/* Tells the main thread that some owner is hit. */
static int wake_fd = -1;

/* Who handles what we do not.  The handler may read it while it is being
 * changed: it is whole if 'seq' is even, and the same before and after. */
static struct {
    atomic_uint seq;
    struct sigaction action;
} previous;

static atomic_bool installed;

typedef int sigaction_func(int, const struct sigaction *, struct sigaction *);

/* The C library's. */
static int
next_sigaction(int signum, const struct sigaction *action,
               struct sigaction *old)
{
    static sigaction_func *next;

    if (!next) {
        next = (sigaction_func *) dlsym(RTLD_NEXT, "sigaction");
    }
    return next(signum, action, old);
}

/* The handler.  All down to handle_sigbus() may be called at any point of any
 * thread: nothing but system calls and lock-free atomics. */

/* Returns the region that 'addr' is in, and keeps it, or null. */
static struct region *
region_find(uintptr_t addr)
{
    unsigned int n;

    atomic_read(&n_regions, &n);
    for (struct region *r = regions; r < &regions[n]; r++) {
        uintptr_t start, len, again;
        unsigned int users;

        atomic_read(&r->start, &start);
        atomic_read(&r->len, &len);
        if (!start || addr - start >= len) {
            continue;
        }
        atomic_add(&r->n_users, 1, &users);
        atomic_read(&r->start, &again);
        atomic_read(&r->len, &len);
        if (again == start && addr - start < len) {
            return r;
        }
        atomic_sub(&r->n_users, 1, &users);
    }
    return NULL;
}

/* Maps empty pages that cost nothing before they are touched, even if all of
 * the process's memory is locked.  Returns null if there is no room. */
static void *
map_empty(size_t len)
{
    void *p = mmap(NULL, len, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        return NULL;
    }
    munlock(p, len);
    if (mprotect(p, len, PROT_READ | PROT_WRITE)) {
        munmap(p, len);
        return NULL;
    }
    return p;
}

/* Puts empty pages in the place of 'len' bytes at 'addr'.  It happens at once
 * for all who touch them; of two who do it at the same time either may be the
 * last.  Whoever unmaps them may do it as before: beginning and length are
 * good for small pages, too. */
static bool
replace(uintptr_t addr, size_t len)
{
    void *empty = map_empty(len);

    if (!empty) {
        return false;
    }
    if (mremap(empty, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
               (void *) addr) == MAP_FAILED) {
        munmap(empty, len);
        return false;
    }
    return true;
}

/* Makes one piece of all of 'r': a process's memory may not have more of them
 * than vm.max_map_count.  What becomes fewer is not counted first, as it is
 * for mremap(). */
static bool
replace_all(uintptr_t start, size_t len)
{
    return mmap((void *) start, len, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
                0) != MAP_FAILED;
}

/* Sees to it that there is something to touch at 'addr' in 'r'.  Returns false
 * if that cannot be. */
static bool
region_mend(struct region *r, uintptr_t addr)
{
    const uint64_t one = 1;
    uintptr_t start, len, ofs;

    atomic_read(&r->start, &start);
    atomic_read(&r->len, &len);
    ofs = (addr - start) / r->unit * r->unit;
    if (!replace(start + ofs, MIN(r->unit, len - ofs))
        && !replace_all(start, len)) {
        return false;
    }
    atomic_store(&r->owner->is_hit, true);
    if (write(wake_fd, &one, sizeof one) < 0) {
        /* It has no room: it was written to already. */
    }
    return true;
}

static bool
handle_fault(uintptr_t addr)
{
    struct region *r = region_find(addr);
    unsigned int users;
    bool ok;

    if (!r) {
        return false;
    }
    ok = region_mend(r, addr);
    atomic_sub(&r->n_users, 1, &users);
    return ok;
}

static void
read_previous(struct sigaction *action)
{
    unsigned int before, after;

    do {
        atomic_read(&previous.seq, &before);
        memcpy(action, &previous.action, sizeof *action);
        atomic_thread_fence(memory_order_acquire);
        atomic_read(&previous.seq, &after);
    } while (before % 2 || before != after);
}

/* Has the signal do what it did before we handled it. */
static void
pass_on(int signum, siginfo_t *info, void *context)
{
    bool is_sent = info->si_code <= 0;
    struct sigaction action;

    read_previous(&action);
    if (action.sa_flags & SA_SIGINFO) {
        action.sa_sigaction(signum, info, context);
    } else if (action.sa_handler == SIG_IGN && is_sent) {
        return;
    } else if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
        action.sa_handler(signum);
    } else {
        /* It ends us where we are: at the next attempt, or when we return if
         * somebody has just sent the signal. */
        memset(&action, 0, sizeof action);
        next_sigaction(signum, &action, NULL);
        if (is_sent) {
            raise(signum);
        }
    }
}

static void
handle_sigbus(int signum, siginfo_t *info, void *context)
{
    int error = errno;

    if (info->si_code <= 0 || !handle_fault((uintptr_t) info->si_addr)) {
        pass_on(signum, info, context);
    }
    errno = error;
}

/* Who sets a handler. */

static void
write_previous(const struct sigaction *action)
{
    unsigned int seq;
    sigset_t all, old;

    /* Or the handler might wait for the thread that it has interrupted. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    atomic_read(&previous.seq, &seq);
    while (seq % 2
           || !atomic_compare_exchange_weak(&previous.seq, &seq, seq + 1)) {
        atomic_read(&previous.seq, &seq);
    }
    memcpy(&previous.action, action, sizeof *action);
    atomic_store(&previous.seq, seq + 2);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int
sigaction(int signum, const struct sigaction *action, struct sigaction *old)
{
    struct sigaction was;
    bool ours;

    atomic_read(&installed, &ours);
    if (signum != SIGBUS || !ours) {
        return next_sigaction(signum, action, old);
    }
    read_previous(&was);
    if (action) {
        write_previous(action);
    }
    if (old) {
        *old = was;
    }
    return 0;
}

/* This one cannot have a handler with more than one argument. */
sighandler_t
signal(int signum, sighandler_t handler)
{
    struct sigaction action = { .sa_handler = handler,
                                .sa_flags = SA_RESTART };
    struct sigaction old;

    sigemptyset(&action.sa_mask);
    return sigaction(signum, &action, &old) ? SIG_ERR : old.sa_handler;
}

void
dpdk_vdpa_fault_init(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    struct sigaction ours = {
        .sa_sigaction = handle_sigbus,
        .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART,
    };

    if (ovsthread_once_start(&once)) {
        wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        sigemptyset(&ours.sa_mask);
        next_sigaction(SIGBUS, NULL, &previous.action);
        if (next_sigaction(SIGBUS, &ours, NULL)) {
            VLOG_ERR("SIGBUS cannot be handled: %s", ovs_strerror(errno));
        } else {
            atomic_store(&installed, true);
        }
        ovsthread_once_done(&once);
    }
}

/* Memory. */

/* Returns a region that is not in use, or null. */
static struct region *
region_get(void)
    OVS_REQUIRES(regions_mutex)
{
    unsigned int n;

    atomic_read(&n_regions, &n);
    for (unsigned int i = 0; i < n; i++) {
        uintptr_t start;

        atomic_read(&regions[i].start, &start);
        if (!start) {
            return &regions[i];
        }
    }
    if (n >= N_REGIONS) {
        return NULL;
    }
    atomic_store(&n_regions, n + 1);
    return &regions[n];
}

bool
dpdk_vdpa_fault_add(void *addr, size_t len, size_t room, size_t page,
                    struct dpdk_vdpa_fault_owner *owner)
{
    struct region *r;

    ovs_mutex_lock(&regions_mutex);
    r = region_get();
    if (r) {
        r->room = room;
        r->unit = MAX(page, UNIT);
        r->owner = owner;
        atomic_store(&r->len, (uintptr_t) len);
        atomic_store(&r->start, (uintptr_t) addr);
    }
    ovs_mutex_unlock(&regions_mutex);
    return r != NULL;
}

/* Waits until no handler is busy with 'r', which none can find any more. */
static void
region_wait(struct region *r)
{
    unsigned int users;

    do {
        atomic_read(&r->n_users, &users);
    } while (users);
}

size_t
dpdk_vdpa_fault_remove(void *addr)
{
    struct region *found = NULL;
    size_t room = 0;
    unsigned int n;

    atomic_read(&n_regions, &n);
    for (struct region *r = regions; !found && r < &regions[n]; r++) {
        uintptr_t start;

        atomic_read(&r->start, &start);
        found = addr && start == (uintptr_t) addr ? r : NULL;
    }
    if (found && found->owner == &nobody) {
        return SIZE_MAX;
    }
    if (found) {
        ovs_mutex_lock(&regions_mutex);
        room = found->room;
        atomic_store(&found->start, (uintptr_t) 0);
        region_wait(found);
        ovs_mutex_unlock(&regions_mutex);
    }
    return room;
}

/* Owners. */

void
dpdk_vdpa_fault_keep(struct dpdk_vdpa_fault_owner *owner)
{
    unsigned int n;

    ovs_mutex_lock(&regions_mutex);
    atomic_read(&n_regions, &n);
    for (struct region *r = regions; r < &regions[n]; r++) {
        uintptr_t start;

        atomic_read(&r->start, &start);
        if (start && r->owner == owner) {
            r->owner = &nobody;
            region_wait(r);     /* Who has seen 'owner' tells it. */
        }
    }
    ovs_mutex_unlock(&regions_mutex);
}

void
dpdk_vdpa_fault_reset(struct dpdk_vdpa_fault_owner *owner)
{
    atomic_store(&owner->is_hit, false);
}

bool
dpdk_vdpa_fault_is_hit(const struct dpdk_vdpa_fault_owner *owner_)
{
    struct dpdk_vdpa_fault_owner *owner
        = CONST_CAST(struct dpdk_vdpa_fault_owner *, owner_);
    bool is_hit;

    atomic_read(&owner->is_hit, &is_hit);
    return is_hit;
}

void
dpdk_vdpa_fault_run(void)
{
    uint64_t n;

    if (wake_fd >= 0) {
        if (read(wake_fd, &n, sizeof n) < 0) {
            /* Somebody else was faster. */
        }
    }
}

void
dpdk_vdpa_fault_wait(const struct dpdk_vdpa_fault_owner *owner)
{
    /* Another owner's run may have been the one that read 'wake_fd'. */
    if (dpdk_vdpa_fault_is_hit(owner)) {
        poll_immediate_wake();
    } else if (wake_fd >= 0) {
        poll_fd_wait(wake_fd, POLLIN);
    }
}
