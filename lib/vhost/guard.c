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

#include "vhost/guard.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seam/compat-dpdk.h"
#include "util.h"

/* Longest ring, 4 times what QEMU allows.  A bad chain of descriptors may be
 * as long as the ring, and the library walks it at each poll. */
#define RING_SIZE_MAX 4096

/* What the checks below need.  They return true if something is wrong. */
struct check {
    const struct dpdk_vdpa_book *book;
    struct dpdk_vdpa_msg *msg;
    bool hw;
    char *why;
    size_t size;
};

/* Says what is wrong.  Returns true. */
static bool OVS_PRINTF_FORMAT(2, 3)
refuse(const struct check *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->why, c->size, format, args);
    va_end(args);
    return true;
}

static bool
has_feature(const struct check *c, unsigned int feature)
{
    return c->book->features & (1ULL << feature);
}

/* Returns true if 'a' + 'b' exceeds 64 bits. */
static bool
sum_wraps(uint64_t a, uint64_t b)
{
    return a + b < a;
}

/* Returns true if the library would handle a message without a lock that it
 * insists on: it takes none while a vDPA device serves the rings. */
static bool
has_no_lock(const struct check *c)
{
    return c->hw && VDPA_COMPAT_VHOST_PANICS;
}

/* Files. */

/* Returns true if 'fd' is not for sharing 'size' bytes of memory: touching
 * what is mapped beyond a file's end would be a SIGBUS, and a file system in
 * user space could let us wait for a page for ever.  Before it looks, keeps
 * the file from shrinking later, if the front-end has left that open. */
static bool
is_bad_memory(int fd, uint64_t size)
{
    struct stat s;

    if (!dpdk_vdpa_file_is_memory(fd)) {
        return true;
    }
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
    return fstat(fd, &s) || !S_ISREG(s.st_mode) || s.st_size < size;
}

/* Who writes to 'fd' must not be made to wait. */
static void
set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Messages. */

/* Returns how long the payload of a request must be; the library takes what is
 * missing from the message before. */
static size_t
min_payload_len(uint32_t request)
{
    const struct dpdk_vdpa_msg *msg = NULL;

    switch (request) {
    case DPDK_VDPA_MSG_SET_FEATURES:
    case DPDK_VDPA_MSG_SET_PROTOCOL_FEATURES:
    case DPDK_VDPA_MSG_SET_VRING_KICK:
    case DPDK_VDPA_MSG_SET_VRING_CALL:
    case DPDK_VDPA_MSG_SET_VRING_ERR:
    case DPDK_VDPA_MSG_SEND_RARP:
    case DPDK_VDPA_MSG_NET_SET_MTU:
    case DPDK_VDPA_MSG_SET_STATUS:
        return sizeof msg->payload.u64;
    case DPDK_VDPA_MSG_SET_VRING_NUM:
    case DPDK_VDPA_MSG_SET_VRING_BASE:
    case DPDK_VDPA_MSG_GET_VRING_BASE:
    case DPDK_VDPA_MSG_SET_VRING_ENABLE:
        return sizeof msg->payload.state;
    case DPDK_VDPA_MSG_SET_VRING_ADDR:
        return sizeof msg->payload.addr;
    case DPDK_VDPA_MSG_SET_LOG_BASE:
        return sizeof msg->payload.log;
    case DPDK_VDPA_MSG_IOTLB_MSG:
        return offsetof(struct dpdk_vdpa_msg, payload.iotlb.type) + 1
               - offsetof(struct dpdk_vdpa_msg, payload);
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
        return offsetof(struct dpdk_vdpa_msg, payload.memory.regions)
               - offsetof(struct dpdk_vdpa_msg, payload);
    default:
        return 0;
    }
}

/* Memory. */

static bool
check_regions(const struct check *c)
{
    const struct dpdk_vdpa_msg *msg = c->msg;

    for (int i = 0; i < msg->payload.memory.n_regions; i++) {
        uint64_t gpa = msg->payload.memory.regions[i].guest_phys_addr;
        uint64_t len = msg->payload.memory.regions[i].memory_size;
        uint64_t uva = msg->payload.memory.regions[i].userspace_addr;
        uint64_t offset = msg->payload.memory.regions[i].mmap_offset;

        if (!len || sum_wraps(gpa, len) || sum_wraps(uva, len)
            || sum_wraps(offset, len)
            || is_bad_memory(msg->fds[i], offset + len)) {
            return refuse(c, "memory region of %#"PRIx64" bytes at "
                          "%#"PRIx64", offset %#"PRIx64" in its file", len,
                          gpa, offset);
        }
    }
    return false;
}

struct map {
    void *addr;
    size_t len;
};

/* Maps 'len' bytes of 'fd' as the library will: with hugepages to be had for
 * all of it.  Returns false if that cannot be. */
static bool
map_file(int fd, uint64_t len, struct map *map)
{
    struct stat s;

    if (fstat(fd, &s)) {
        return false;
    }
    map->len = ROUND_UP(len, (uint64_t) s.st_blksize);
    map->addr = mmap(NULL, map->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                     0);
    return map->addr != MAP_FAILED;
}

/* The library unmaps the memory that it has before it maps the new one, and
 * if it cannot do that, leaves rings behind that point nowhere.  So see
 * whether it can: all of it at once, and beside what is mapped now. */
static bool
check_can_map(const struct check *c)
{
    const struct dpdk_vdpa_msg *msg = c->msg;
    struct map maps[DPDK_VDPA_MSG_MAX_FDS];
    unsigned int n = msg->payload.memory.n_regions;
    unsigned int n_mapped;

    for (n_mapped = 0; n_mapped < n; n_mapped++) {
        if (!map_file(msg->fds[n_mapped],
                      msg->payload.memory.regions[n_mapped].memory_size
                      + msg->payload.memory.regions[n_mapped].mmap_offset,
                      &maps[n_mapped])) {
            break;
        }
    }
    for (unsigned int i = 0; i < n_mapped; i++) {
        munmap(maps[i].addr, maps[i].len);
    }
    return (n_mapped < n
            && refuse(c, "memory region of %#"PRIx64" bytes, which cannot be "
                      "mapped",
                      msg->payload.memory.regions[n_mapped].memory_size));
}

/* Rings that are set up must lie in the new memory, too. */
static bool
check_rings_fit(const struct check *c)
{
    struct dpdk_vdpa_book_memory memory;

    if (has_feature(c, VIRTIO_F_IOMMU_PLATFORM)) {
        return false;           /* They are where the IOMMU says. */
    }
    dpdk_vdpa_book_read_memory(c->msg, &memory);
    for (int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        const struct dpdk_vdpa_book_ring *ring = &c->book->rings[i];

        if (ring->has_addr
            && !dpdk_vdpa_book_ring_fits(ring, c->book->features, &memory)) {
            return refuse(c, "memory without ring %d, which is set up", i);
        }
    }
    return false;
}

/* Of the same memory again the library makes nothing. */
static bool
is_other_memory(const struct check *c)
{
    const struct dpdk_vdpa_book_memory *old = &c->book->memory;
    struct dpdk_vdpa_book_memory new;
    bool other;

    dpdk_vdpa_book_read_memory(c->msg, &new);
    other = new.n != old->n;
    for (unsigned int i = 0; i < new.n && !other; i++) {
        other = (new.regions[i].size != old->regions[i].size
                 || new.regions[i].guest != old->regions[i].guest
                 || new.regions[i].user != old->regions[i].user);
    }
    return other;
}

static bool
check_mem_table(const struct check *c)
{
    size_t head = min_payload_len(DPDK_VDPA_MSG_SET_MEM_TABLE);
    const struct dpdk_vdpa_msg *msg = c->msg;
    uint32_t n = msg->payload.memory.n_regions;

    if (n > DPDK_VDPA_BOOK_N_REGIONS) {
        return refuse(c, "hotplug of memory: the vhost library takes %d "
                      "regions, not %"PRIu32, DPDK_VDPA_BOOK_N_REGIONS, n);
    }
    if (!n || n != msg->n_fds
        || msg->size < head + n * sizeof msg->payload.memory.regions[0]) {
        return refuse(c, "memory table of %"PRIu32" regions, %"PRIu32" "
                      "bytes, %d files in tmpfs, hugetlbfs or disk", n,
                      msg->size, msg->n_fds);
    }
    if (has_no_lock(c) && is_other_memory(c)) {
        return refuse(c, "other memory, while a vDPA device uses it");
    }
    return check_regions(c) || check_rings_fit(c) || check_can_map(c);
}

/* The library adds the offset to an address that it has already applied it
 * to; QEMU's offset is 0.  It unmaps the log that it has before it takes the
 * new one, behind the back of a driver that is just writing there.  What
 * cannot be mapped must not get as far as vhost/mapping: at a place of our
 * choice the kernel may leave a hole then, which others fill.  Drivers let an
 * IOMMU map the log, which has whole pages, as the library's mapping has; of
 * QEMU's log each 8 bytes are for 256 kB. */
static bool
check_log_base(const struct check *c)
{
    uint64_t offset = c->msg->payload.log.mmap_offset;
    uint64_t len = c->msg->payload.log.mmap_size;
    struct map map;

    if (c->msg->n_fds != 1 || offset || !len
        || is_bad_memory(c->msg->fds[0], len)) {
        return refuse(c, "dirty log of %#"PRIx64" bytes at offset "
                      "%#"PRIx64" of its file", len, offset);
    }
    if (!map_file(c->msg->fds[0], len, &map)) {
        return refuse(c, "dirty log of %#"PRIx64" bytes, which cannot be "
                      "mapped", len);
    }
    munmap(map.addr, map.len);
    c->msg->payload.log.mmap_size = ROUND_UP(len, get_page_size());
    if (c->hw && has_feature(c, VHOST_F_LOG_ALL)
        && !dpdk_vdpa_book_has_log(c->book, c->msg)) {
        return refuse(c, "another dirty log while one is in use");
    }
    return false;
}

/* The library allocates for rings of one format, and may find itself using
 * them in the other; it frees the rings that there are with multiqueue only,
 * though a PMD thread may be waiting for one; nor does it forget translations
 * that go with an IOMMU.  Without multiqueue it also frees rings that it has
 * only heard of, with a lock that it does not take for a vDPA device. */
static bool
check_features(const struct check *c)
{
    uint64_t features = c->msg->payload.u64;
    uint64_t change = features ^ c->book->features;
    bool sized = false;

    for (int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        sized |= c->book->rings[i].size > 0;
        if (i >= 2 && c->book->rings[i].size
            && !(features & (1ULL << VIRTIO_NET_F_MQ))) {
            return refuse(c, "features without multiqueue while ring %d is "
                          "set up", i);
        }
    }
    if (c->hw && c->book->n_rings > 2
        && !(features & (1ULL << VIRTIO_NET_F_MQ))) {
        return refuse(c, "features without multiqueue after ring %u",
                      c->book->n_rings - 1);
    }
    if (sized && change & ~(1ULL << VHOST_F_LOG_ALL)) {
        return refuse(c, "other features (%#"PRIx64") for rings that are set "
                      "up", features);
    }
    if (c->book->iotlb_is_stale
        && features & (1ULL << VIRTIO_F_IOMMU_PLATFORM)) {
        return refuse(c, "IOMMU again, after other memory");
    }
    return false;
}

/* Rings.  The order is NUM, then BASE and ADDR, then KICK, until
 * GET_VRING_BASE, at which the library frees what it has allocated for
 * NUM. */

static bool
check_vring_num(const struct check *c, const struct dpdk_vdpa_book_ring *ring,
                unsigned int i)
{
    bool packed = has_feature(c, VIRTIO_F_RING_PACKED);
    uint32_t num = c->msg->payload.state.num;

    if (!num || num > RING_SIZE_MAX || (!packed && !IS_POW2(num))) {
        return refuse(c, "ring %u of size %"PRIu32, i, num);
    } else if (i >= 2 && !has_feature(c, VIRTIO_NET_F_MQ)) {
        return refuse(c, "ring %u without multiqueue", i);
    } else if (ring->has_addr || ring->is_started) {
        return refuse(c, "other size for ring %u, which is set up", i);
    }
    return false;
}

static bool
check_vring_base(const struct check *c, const struct dpdk_vdpa_book_ring *ring,
                 unsigned int i)
{
    bool packed = has_feature(c, VIRTIO_F_RING_PACKED);
    uint32_t num = c->msg->payload.state.num;

    if (ring->is_started) {
        return refuse(c, "other position for ring %u, which is started", i);
    } else if (packed && (num & 0x7fff) >= ring->size) {
        return refuse(c, "position %"PRIu32" in ring %u of size %u",
                      num & 0x7fff, i, ring->size);
    }
    return false;
}

/* Has the library log the descriptors of a packed ring, which are at 'desc',
 * where they are.  It logs each that it writes at its distance from what the
 * message says, which of QEMU is the place of the used ring: a packed ring has
 * the device's events there.  What was given back since the guest last wrote
 * to the same page would not move with it. */
static void
set_packed_log(const struct check *c, uint64_t desc)
{
    const struct dpdk_vdpa_book_region *region
        = dpdk_vdpa_book_find(&c->book->memory, desc, 1);

    c->msg->payload.addr.log
        = (has_feature(c, VIRTIO_F_IOMMU_PLATFORM) || !region ? desc
           : desc - region->user + region->guest);
}

/* A ring may be told again where it is, as at the beginning of a live
 * migration, but may not move. */
static bool
check_vring_addr(const struct check *c, const struct dpdk_vdpa_book_ring *ring,
                 unsigned int i)
{
    struct dpdk_vdpa_book_ring new = {
        .size = ring->size,
        .desc = c->msg->payload.addr.desc,
        .avail = c->msg->payload.addr.avail,
        .used = c->msg->payload.addr.used,
    };
    unsigned int align = has_feature(c, VIRTIO_F_RING_PACKED) ? 4 : 2;

    if (!ring->size) {
        return refuse(c, "addresses for ring %u without a size", i);
    } else if (new.desc % 16 || new.avail % align || new.used % 4) {
        return refuse(c, "ring %u at an odd address", i);
    } else if (ring->is_started
               && (new.desc != ring->desc || new.avail != ring->avail
                   || new.used != ring->used)) {
        return refuse(c, "other addresses for ring %u, which is started", i);
    } else if (!has_feature(c, VIRTIO_F_IOMMU_PLATFORM)
               && !dpdk_vdpa_book_ring_fits(&new, c->book->features,
                                            &c->book->memory)) {
        return refuse(c, "ring %u not wholly in one region of memory each",
                      i);
    }
    if (has_feature(c, VIRTIO_F_RING_PACKED)) {
        set_packed_log(c, new.desc);
    }
    return false;
}

/* The library reads from, writes to or closes what it gets: nothing else than
 * an eventfd is sure never to make it wait. */
static bool
check_eventfd(const struct check *c)
{
    bool none = c->msg->payload.u64 & DPDK_VDPA_MSG_NO_FD;

    if (c->msg->n_fds != !none
        || (!none && !dpdk_vdpa_file_is_eventfd(c->msg->fds[0]))) {
        return refuse(c, "notifications by something else than an eventfd");
    }
    return false;
}

static bool
check_vring_kick(const struct check *c, const struct dpdk_vdpa_book_ring *ring,
                 unsigned int i)
{
    if (!ring->size || !ring->has_base || !ring->has_addr) {
        return refuse(c, "ring %u is to start without a size, a position and "
                      "addresses", i);
    } else if (has_no_lock(c)) {
        return refuse(c, "ring %u is to start, while a vDPA device serves "
                      "others", i);
    }
    return check_eventfd(c);
}

static bool
check_vring_call(const struct check *c)
{
    if (check_eventfd(c)) {
        return true;
    }
    if (c->msg->n_fds) {
        set_nonblocking(c->msg->fds[0]);
    }
    return false;
}

static bool
check_ring_msg(const struct check *c)
{
    const struct dpdk_vdpa_book_ring *ring;
    unsigned int i;

    /* The library sees to that, but we must not rely on it. */
    if (!dpdk_vdpa_msg_ring(c->msg, &i)) {
        return refuse(c, "ring %"PRIu32, c->msg->payload.state.index);
    }
    ring = &c->book->rings[i];
    switch (c->msg->request) {
    case DPDK_VDPA_MSG_SET_VRING_NUM:
        return check_vring_num(c, ring, i);
    case DPDK_VDPA_MSG_SET_VRING_BASE:
        return check_vring_base(c, ring, i);
    case DPDK_VDPA_MSG_SET_VRING_ADDR:
        return check_vring_addr(c, ring, i);
    case DPDK_VDPA_MSG_SET_VRING_KICK:
        return check_vring_kick(c, ring, i);
    case DPDK_VDPA_MSG_SET_VRING_CALL:
        return check_vring_call(c);
    case DPDK_VDPA_MSG_SET_VRING_ERR:
        return check_eventfd(c);
    default:
        return false;
    }
}

static bool
check_iotlb(const struct check *c)
{
    return (!has_feature(c, VIRTIO_F_IOMMU_PLATFORM)
            && refuse(c, "translation of an address without IOMMU"));
}

/* The library takes these messages even if it has not offered them.  Each
 * queue pair of QEMU's may send the first and the last. */
static bool
check_postcopy(const struct check *c)
{
    bool listen = c->msg->request == DPDK_VDPA_MSG_POSTCOPY_LISTEN;

    if (!c->book->postcopy || (listen && !c->book->advised)) {
        return refuse(c, "post-copy migration, message %"PRIu32" out of turn",
                      c->msg->request);
    }
    return false;
}

static bool
check_request(const struct check *c)
{
    switch (c->msg->request) {
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
        return check_mem_table(c);
    case DPDK_VDPA_MSG_SET_LOG_BASE:
        return check_log_base(c);
    case DPDK_VDPA_MSG_SET_FEATURES:
        return check_features(c);
    case DPDK_VDPA_MSG_SET_VRING_NUM:
    case DPDK_VDPA_MSG_SET_VRING_BASE:
    case DPDK_VDPA_MSG_GET_VRING_BASE:
    case DPDK_VDPA_MSG_SET_VRING_ADDR:
    case DPDK_VDPA_MSG_SET_VRING_KICK:
    case DPDK_VDPA_MSG_SET_VRING_CALL:
    case DPDK_VDPA_MSG_SET_VRING_ERR:
    case DPDK_VDPA_MSG_SET_VRING_ENABLE:
        return check_ring_msg(c);
    case DPDK_VDPA_MSG_IOTLB_MSG:
        return check_iotlb(c);
    case DPDK_VDPA_MSG_POSTCOPY_ADVISE:
    case DPDK_VDPA_MSG_POSTCOPY_LISTEN:
    case DPDK_VDPA_MSG_POSTCOPY_END:
        return check_postcopy(c);
    case DPDK_VDPA_MSG_GET_INFLIGHT_FD:
    case DPDK_VDPA_MSG_SET_INFLIGHT_FD:
        /* The library takes them, of any size, but does not offer them. */
        return refuse(c, "inflight area, which was not offered");
    case DPDK_VDPA_MSG_GET_FEATURES:
    case DPDK_VDPA_MSG_SET_OWNER:
    case DPDK_VDPA_MSG_RESET_OWNER:
    case DPDK_VDPA_MSG_SET_LOG_FD:
    case DPDK_VDPA_MSG_GET_PROTOCOL_FEATURES:
    case DPDK_VDPA_MSG_SET_PROTOCOL_FEATURES:
    case DPDK_VDPA_MSG_GET_QUEUE_NUM:
    case DPDK_VDPA_MSG_SEND_RARP:
    case DPDK_VDPA_MSG_NET_SET_MTU:
    case DPDK_VDPA_MSG_SET_SLAVE_REQ_FD:
    case DPDK_VDPA_MSG_GET_CONFIG:
    case DPDK_VDPA_MSG_SET_CONFIG:
    case DPDK_VDPA_MSG_SET_STATUS:
    case DPDK_VDPA_MSG_GET_STATUS:
        return false;
    default:
        /* Newer libraries know more, such as parts of memory one by one, which
         * nobody here would. */
        return refuse(c, "message %"PRIu32", which was not offered",
                      c->msg->request);
    }
}

bool
dpdk_vdpa_guard_check(const struct dpdk_vdpa_book *book,
                      struct dpdk_vdpa_msg *msg, bool hw, char *why,
                      size_t size)
{
    const struct check c = { book, msg, hw, why, size };

    if (msg->size < min_payload_len(msg->request)) {
        return refuse(&c, "message %"PRIu32" of %"PRIu32" bytes",
                      msg->request, msg->size);
    }
    return check_request(&c);
}
