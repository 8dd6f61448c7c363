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

#include "vhost/mapping.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_mapping);

/* Huge pages may be used for memory that is aligned to this. */
#define HUGE_PAGE (2 * 1024 * 1024)

/* Whose memory this thread maps, or null. */
static __thread struct dpdk_vdpa_fault_owner *mapping_owner;

/* The C library's. */
typedef void *mmap_func(void *, size_t, int, int, int, off_t);
typedef int munmap_func(void *, size_t);

static void *
next_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t ofs)
{
    static mmap_func *next;

    if (!next) {
        next = (mmap_func *) dlsym(RTLD_NEXT, "mmap64");
    }
    return next(addr, len, prot, flags, fd, ofs);
}

static int
next_munmap(void *addr, size_t len)
{
    static munmap_func *next;

    if (!next) {
        next = (munmap_func *) dlsym(RTLD_NEXT, "munmap");
    }
    return next(addr, len);
}

/* Returns how long the pages of 'fd' are, which a hugetlbfs tells, or may
 * be. */
static size_t
mapping_page(int fd)
{
    size_t page = sysconf(_SC_PAGESIZE);
    struct stat s;

    return fstat(fd, &s) ? page : ROUND_UP(s.st_blksize, page);
}

/* Returns what the address of 'len' bytes of 'fd' should be a multiple of. */
static size_t
mapping_align(int fd, size_t len)
{
    return MAX(mapping_page(fd), len >= HUGE_PAGE ? HUGE_PAGE : 1);
}

/* Returns how much is mapped for 'len' bytes, which are whole pages. */
static size_t
mapping_room(size_t len)
{
    return len + DPDK_VDPA_MAPPING_GUARD;
}

/* Maps 'len' bytes of 'fd', with the guard behind them. */
static void *
map_guarded(size_t len, int prot, int flags, int fd, off_t ofs)
{
    size_t align = mapping_align(fd, len);
    size_t whole = mapping_room(len);
    uintptr_t room, addr;
    void *p;

    if (whole < len || whole + align < whole) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    p = next_mmap(NULL, whole + align, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return p;
    }
    room = (uintptr_t) p;
    addr = ROUND_UP(room, align);
    p = next_mmap((void *) addr, len, prot, flags | MAP_FIXED, fd, ofs);
    if (p == MAP_FAILED
        || mprotect((void *) (addr + whole - DPDK_VDPA_MAPPING_GUARD),
                    DPDK_VDPA_MAPPING_GUARD, PROT_READ)) {
        int error = errno;

        next_munmap((void *) room, whole + align);
        errno = error;
        return MAP_FAILED;
    }
    if (addr > room) {
        next_munmap((void *) room, addr - room);
    }
    if (room + align > addr) {
        next_munmap((void *) (addr + whole), room + align - addr);
    }
    return p;
}

static void *
map_memory(size_t len, int prot, int flags, int fd, off_t ofs)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    size_t page = mapping_page(fd);
    void *p;

    /* The kernel maps whole pages of the file's, over whatever is behind the
     * room that was made for less. */
    len = ROUND_UP(len, page);
    p = map_guarded(len, prot, flags, fd, ofs);
    if (p != MAP_FAILED
        && !dpdk_vdpa_fault_add(p, len, mapping_room(len), page,
                                mapping_owner)) {
        /* It could not be told from other memory when it is unmapped. */
        VLOG_ERR_RL(&rl, "too many regions of guests' memory");
        next_munmap(p, mapping_room(len));
        errno = ENOMEM;
        p = MAP_FAILED;
    }
    return p;
}

static void *
map(void *addr, size_t len, int prot, int flags, int fd, off_t ofs)
{
    if (mapping_owner && !addr && fd >= 0 && flags & MAP_SHARED) {
        return map_memory(len, prot, flags, fd, ofs);
    }
    return next_mmap(addr, len, prot, flags, fd, ofs);
}

/* The C library has two names for it, and its header may give the one for the
 * other. */
mmap_func dpdk_vdpa_mapping_mmap __asm__("mmap");
mmap_func dpdk_vdpa_mapping_mmap64 __asm__("mmap64");

void *
dpdk_vdpa_mapping_mmap(void *addr, size_t len, int prot, int flags, int fd,
                       off_t ofs)
{
    return map(addr, len, prot, flags, fd, ofs);
}

void *
dpdk_vdpa_mapping_mmap64(void *addr, size_t len, int prot, int flags, int fd,
                         off_t ofs)
{
    return map(addr, len, prot, flags, fd, ofs);
}

int
munmap(void *addr, size_t len)
{
    size_t room = dpdk_vdpa_fault_remove(addr);

    return room == SIZE_MAX ? 0 : next_munmap(addr, room ? room : len);
}

void
dpdk_vdpa_mapping_begin(struct dpdk_vdpa_fault_owner *owner,
                        const struct dpdk_vdpa_msg *msg)
{
    bool brings_memory = (msg->request == DPDK_VDPA_MSG_SET_MEM_TABLE
                          || msg->request == DPDK_VDPA_MSG_SET_LOG_BASE);

    mapping_owner = brings_memory ? owner : NULL;
}

void
dpdk_vdpa_mapping_end(void)
{
    mapping_owner = NULL;
}
