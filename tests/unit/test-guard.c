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

/* Unit tests of the guard against bad vhost-user messages. */

#include <config.h>

#include "vhost/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "seam/compat-dpdk.h"
#include "tests/unit/test-closed.h"
#include "tests/unit/test-needs.h"
#include "util.h"

#define FILE_SIZE 0x200000

#define F_LOG_ALL (1ULL << VHOST_F_LOG_ALL)
#define F_MQ (1ULL << VIRTIO_NET_F_MQ)
#define F_IOMMU (1ULL << VIRTIO_F_IOMMU_PLATFORM)
#define F_EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define F_PACKED (1ULL << VIRTIO_F_RING_PACKED)

/* Where the front-end has its memory. */
#define USER 0x7f0000000000ULL

/* A connection with these features, and 'n' regions of memory, which are
 * neighbours for the front-end but not for us. */
static struct dpdk_vdpa_book
make_book(uint64_t features, unsigned int n)
{
    struct dpdk_vdpa_book book;

    dpdk_vdpa_book_init(&book, false);
    book.features = features;
    book.has_memory = n > 0;
    book.memory.n = n;
    for (unsigned int i = 0; i < n; i++) {
        book.memory.regions[i].size = FILE_SIZE;
        book.memory.regions[i].user = USER + i * FILE_SIZE;
    }
    return book;
}

static int
make_file(off_t size)
{
    int fd = memfd_create("test-guard", 0);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    return fd;
}

/* A message with 'n_fds' files of FILE_SIZE bytes each. */
static struct dpdk_vdpa_msg
make_msg(uint32_t request, uint32_t size, int n_fds)
{
    struct dpdk_vdpa_msg msg;

    memset(&msg, 0, sizeof msg);
    msg.request = request;
    msg.size = size;
    msg.n_fds = n_fds;
    for (int i = 0; i < n_fds; i++) {
        msg.fds[i] = make_file(FILE_SIZE);
    }
    return msg;
}

/* Why the last message was refused. */
static char said[80];

/* Checks whether 'msg' is refused, has the book know it if it is not, and
 * releases its files. */
static void
check_hw(struct dpdk_vdpa_book *book, struct dpdk_vdpa_msg *msg, bool hw,
         bool refused)
{
    int fd = msg->n_fds ? msg->fds[0] : -1;
    struct stat file;
    bool has_file = fd >= 0 && !fstat(fd, &file);

    said[0] = '\0';
    assert_int_equal(dpdk_vdpa_guard_check(book, msg, hw, said, sizeof said),
                     refused);
    assert_int_equal(said[0] != '\0', refused);
    if (!refused) {
        dpdk_vdpa_book_begin(book, msg);
        dpdk_vdpa_book_end(book, msg);
    }
    dpdk_vdpa_msg_close_fds(msg);
    assert_int_equal(msg->n_fds, 0);
    /* What might be slow to close is closed in another thread. */
    for (int i = 0; has_file && is_still_open(fd, &file); i++) {
        assert_true(i < 10000);
        poll(NULL, 0, 1);
    }
}

static void
check_in(struct dpdk_vdpa_book *book, struct dpdk_vdpa_msg *msg, bool refused)
{
    check_hw(book, msg, false, refused);
}

/* Likewise, on a connection of its own. */
static void
check(struct dpdk_vdpa_msg *msg, bool refused)
{
    struct dpdk_vdpa_book book = make_book(0, 0);

    check_in(&book, msg, refused);
}

/* Sends a message of two numbers, or one, on a connection. */
static void
check_state(struct dpdk_vdpa_book *book, uint32_t request, uint32_t index,
            uint32_t num, bool refused)
{
    struct dpdk_vdpa_msg msg = make_msg(request, 8, 0);

    if (request == DPDK_VDPA_MSG_SET_VRING_KICK) {
        index |= DPDK_VDPA_MSG_NO_FD;
    }
    msg.payload.state.index = index;
    msg.payload.state.num = num;
    check_in(book, &msg, refused);
}

static void
check_areas(struct dpdk_vdpa_book *book, uint32_t index, uint64_t desc,
            uint64_t avail, uint64_t used, bool refused)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_VRING_ADDR, 40, 0);

    msg.payload.addr.index = index;
    msg.payload.addr.desc = desc;
    msg.payload.addr.avail = avail;
    msg.payload.addr.used = used;
    check_in(book, &msg, refused);
}

static void
check_addr(struct dpdk_vdpa_book *book, uint32_t index, uint64_t ofs,
           bool refused)
{
    check_areas(book, index, USER + ofs, USER + ofs, USER + ofs, refused);
}

static void
check_features(struct dpdk_vdpa_book *book, uint64_t new, bool refused)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_FEATURES, 8, 0);

    msg.payload.u64 = new;
    check_in(book, &msg, refused);
}

/* Requests that are about something, which must be there. */
static bool
has_payload(uint32_t request)
{
    return ((request >= DPDK_VDPA_MSG_SET_MEM_TABLE && request != 7
             && request <= DPDK_VDPA_MSG_SET_VRING_ERR)
            || request == DPDK_VDPA_MSG_SET_FEATURES
            || request == DPDK_VDPA_MSG_SET_PROTOCOL_FEATURES
            || request == DPDK_VDPA_MSG_SET_VRING_ENABLE
            || request == DPDK_VDPA_MSG_SEND_RARP
            || request == DPDK_VDPA_MSG_NET_SET_MTU
            || request == DPDK_VDPA_MSG_IOTLB_MSG
            || request == DPDK_VDPA_MSG_SET_STATUS);
}

/* What nobody here knows is refused, with a payload or without. */
static void
test_other_requests(void **state OVS_UNUSED)
{
    static const uint32_t harmless[] = {
        DPDK_VDPA_MSG_GET_FEATURES, DPDK_VDPA_MSG_SET_OWNER,
        DPDK_VDPA_MSG_RESET_OWNER, DPDK_VDPA_MSG_SET_LOG_FD,
        DPDK_VDPA_MSG_GET_PROTOCOL_FEATURES, DPDK_VDPA_MSG_GET_QUEUE_NUM,
        DPDK_VDPA_MSG_SET_SLAVE_REQ_FD, DPDK_VDPA_MSG_GET_CONFIG,
        DPDK_VDPA_MSG_SET_CONFIG, DPDK_VDPA_MSG_GET_STATUS,
    };
    static const uint32_t unknown[] = {
        0, 23, 26, 27, 33, 34, 35, 36 /* GET_MAX_MEM_SLOTS. */,
        37 /* ADD_MEM_REG. */, 38 /* REM_MEM_REG. */, 41, 63, UINT32_MAX,
    };

    for (uint32_t request = 0; request < 64; request++) {
        struct dpdk_vdpa_msg msg = make_msg(request, 0, 0);
        bool refused = true;

        for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
            refused = refused && request != harmless[i];
        }
        assert_true(refused || !has_payload(request));
        check(&msg, refused);
    }
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        struct dpdk_vdpa_msg msg = make_msg(unknown[i], 40, 1);

        check(&msg, true);
    }
}

/* A memory table with 'n' good regions. */
static struct dpdk_vdpa_msg
make_table(int n)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_MEM_TABLE,
                                        8 + 32 * n, n);

    msg.payload.memory.n_regions = n;
    for (int i = 0; i < n; i++) {
        msg.payload.memory.regions[i].guest_phys_addr = i * FILE_SIZE;
        msg.payload.memory.regions[i].userspace_addr = USER + i * FILE_SIZE;
        msg.payload.memory.regions[i].memory_size = FILE_SIZE;
    }
    return msg;
}

static void
test_mem_table(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg;

    for (int n = 1; n <= DPDK_VDPA_MSG_MAX_FDS; n++) {
        msg = make_table(n);
        check(&msg, false);
    }
    msg = make_table(2);
    msg.payload.memory.regions[1].memory_size = FILE_SIZE / 2;
    msg.payload.memory.regions[1].mmap_offset = FILE_SIZE / 2;
    check(&msg, false);
}

#define BAD_TABLE(N, ...)               \
    msg = make_table(N);                \
    __VA_ARGS__;                        \
    check(&msg, true)

static void
test_bad_mem_table(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg;

    /* Number of regions. */
    BAD_TABLE(0, (void) 0);
    BAD_TABLE(1, msg.payload.memory.n_regions = 2);
    BAD_TABLE(2, msg.payload.memory.n_regions = 1);
    BAD_TABLE(8, msg.payload.memory.n_regions = 9; msg.size = 8 + 32 * 9);
    assert_string_equal(said, "hotplug of memory: the vhost library takes 8 "
                        "regions, not 9");
    BAD_TABLE(8, msg.payload.memory.n_regions = UINT32_MAX);
    BAD_TABLE(2, msg.size = 8 + 32);
    BAD_TABLE(1, msg.size = 0);

    /* Single regions. */
    BAD_TABLE(2, msg.payload.memory.regions[1].memory_size = 0);
    BAD_TABLE(2, msg.payload.memory.regions[1].memory_size = FILE_SIZE + 1);
    BAD_TABLE(2, msg.payload.memory.regions[1].memory_size = UINT64_MAX);
    BAD_TABLE(2, msg.payload.memory.regions[1].mmap_offset = 1);
    BAD_TABLE(2, msg.payload.memory.regions[1].mmap_offset = UINT64_MAX);
    BAD_TABLE(2, msg.payload.memory.regions[1].guest_phys_addr = UINT64_MAX);
    BAD_TABLE(2, msg.payload.memory.regions[1].userspace_addr
                     = UINT64_MAX - FILE_SIZE + 1);
}

static void
test_log_base(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg;

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    msg.payload.log.mmap_size = FILE_SIZE;
    check(&msg, false);

    /* It has whole pages, which is what an IOMMU can map. */
    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    msg.payload.log.mmap_size = 712;
    check(&msg, false);
    assert_int_equal(msg.payload.log.mmap_size, 4096);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    msg.payload.log.mmap_size = FILE_SIZE / 2;
    msg.payload.log.mmap_offset = 4096;
    check(&msg, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    msg.payload.log.mmap_size = FILE_SIZE + 1;
    check(&msg, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    check(&msg, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 0);
    msg.payload.log.mmap_size = FILE_SIZE;
    check(&msg, true);

    msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 8, 1);
    msg.payload.log.mmap_size = FILE_SIZE;
    check(&msg, true);
}

/* Files that are no memory. */
static void
test_bad_memory_file(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    BAD_TABLE(1, close(msg.fds[0]); msg.fds[0] = fds[0]);
    close(fds[1]);
    BAD_TABLE(1, close(msg.fds[0]); msg.fds[0] = eventfd(0, 0));
    BAD_TABLE(1, close(msg.fds[0]); msg.fds[0] = open("/dev/zero", O_RDWR));
}

/* A file that may be sealed cannot shrink any more. */
static void
test_seal(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg = make_table(1);
    int fd = memfd_create("test-guard", MFD_ALLOW_SEALING);

    assert_int_equal(ftruncate(fd, FILE_SIZE), 0);
    close(msg.fds[0]);
    msg.fds[0] = dup(fd);
    check(&msg, false);
    assert_int_equal(ftruncate(fd, FILE_SIZE - 1), -1);
    assert_int_equal(errno, EPERM);
    close(fd);
}

static void
test_ring_size(void **state OVS_UNUSED)
{
    static const uint32_t bad[] = { 0, 8192, 65536, 0x80000001, UINT32_MAX };
    struct dpdk_vdpa_book book = make_book(F_MQ, 0);
    struct dpdk_vdpa_book packed = make_book(F_PACKED, 0);

    for (int i = 0; i < ARRAY_SIZE(bad); i++) {
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 0, bad[i], true);
        check_state(&packed, DPDK_VDPA_MSG_SET_VRING_NUM, 0, bad[i], true);
    }
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 100, true);
    check_state(&packed, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 100, false);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 255, 4096, false);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 256, 256, true);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, UINT32_MAX, 256, true);
}

/* Size, position, addresses, start; then nothing but the same again. */
static void
test_ring_order(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book(0, 1);

    for (int i = 0; i < 2; i++) {
        check_addr(&book, 1, 0x1000, true);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_KICK, 1, 0, true);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 256, false);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 128, false);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_KICK, 1, 0, true);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_BASE, 1, 65535, false);
        check_addr(&book, 1, 0x1008, true);
        check_addr(&book, 1, 0x1000, false);
        check_addr(&book, 1, 0x2000, false);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 128, true);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_KICK, 1, 0, false);
        check_addr(&book, 1, 0x2000, false);
        check_addr(&book, 1, 0x1000, true);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 128, true);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_BASE, 1, 0, true);
        /* Other rings do not matter. */
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_KICK, 2, 0, true);
        check_state(&book, DPDK_VDPA_MSG_GET_VRING_BASE, 2, 0, false);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 128, true);
        check_state(&book, DPDK_VDPA_MSG_GET_VRING_BASE, 1, 0, false);
    }
}

static void
test_ring_position(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book(F_PACKED, 1);

    check_state(&book, DPDK_VDPA_MSG_SET_VRING_BASE, 0, 0, true);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 256, false);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_BASE, 0, 256, true);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_BASE, 0, 0x8000 + 256, true);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_BASE, 0, 0x8000 + 255, false);
    /* A position does not outlive the size. */
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 16, false);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_KICK, 0, 0, true);
}

/* Checks rings of 256 descriptors with these features, whose areas are so
 * long: each must lie in one region, up to its last byte. */
static void
check_fits(uint64_t features, uint64_t desc, uint64_t avail, uint64_t used)
{
    const uint64_t lens[] = { desc, avail, used };
    uint64_t end = USER + FILE_SIZE;

    for (int area = 0; area < 3; area++) {
        struct dpdk_vdpa_book book = make_book(features, 2);
        uint64_t addrs[3] = { USER, USER, USER };
        unsigned int align = area ? 4 : 16;

        check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 256, false);
        addrs[area] = ROUND_DOWN(end - lens[area], align);
        check_areas(&book, 1, addrs[0], addrs[1], addrs[2], false);
        if (lens[area] > align) {
            addrs[area] += align;
            check_areas(&book, 1, addrs[0], addrs[1], addrs[2], true);
            addrs[area] = end - align;
            check_areas(&book, 1, addrs[0], addrs[1], addrs[2], true);
        }
        addrs[area] = end;      /* The next region. */
        check_areas(&book, 1, addrs[0], addrs[1], addrs[2], false);
        addrs[area] = USER - align;
        check_areas(&book, 1, addrs[0], addrs[1], addrs[2], true);
        addrs[area] = USER + 2 * FILE_SIZE;
        check_areas(&book, 1, addrs[0], addrs[1], addrs[2], true);
    }
}

static void
test_ring_areas(void **state OVS_UNUSED)
{
    check_fits(0, 16 * 256, 4 + 2 * 256, 4 + 8 * 256);
    check_fits(F_EVENT_IDX, 16 * 256, 6 + 2 * 256, 6 + 8 * 256);
    check_fits(F_PACKED, 16 * 256, 4, 4);
    check_fits(F_PACKED | F_EVENT_IDX, 16 * 256, 4, 4);
}

static void
test_ring_alignment(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book(0, 1);
    struct dpdk_vdpa_book packed = make_book(F_PACKED, 1);

    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 256, false);
    check_state(&packed, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 256, false);
    check_areas(&book, 0, USER + 8, USER, USER, true);
    check_areas(&book, 0, USER, USER + 1, USER, true);
    check_areas(&book, 0, USER, USER + 2, USER, false);
    check_areas(&book, 0, USER, USER, USER + 2, true);
    check_areas(&packed, 0, USER, USER + 2, USER, true);
    check_areas(&packed, 0, USER, USER + 4, USER, false);
    check_areas(&packed, 0, USER, USER, USER + 2, true);
}

/* What is written of a packed ring is logged where its descriptors are, in the
 * guest's addresses, whatever the front-end says of a used ring. */
static void
test_ring_log(void **state OVS_UNUSED)
{
    static const struct {
        uint64_t features, base, log;
    } cases[] = {
        { 0, USER, 0x5000 },
        { F_PACKED, USER, 0x10001000 },
        { F_PACKED | F_IOMMU, 0, FILE_SIZE + 0x1000 },
    };

    for (int i = 0; i < ARRAY_SIZE(cases); i++) {
        struct dpdk_vdpa_book book = make_book(cases[i].features, 2);
        struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_VRING_ADDR, 40,
                                            0);

        book.memory.regions[1].guest = 0x10000000;
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 256, false);
        msg.payload.addr.flags = 1;     /* VHOST_VRING_F_LOG. */
        msg.payload.addr.desc = cases[i].base + FILE_SIZE + 0x1000;
        msg.payload.addr.avail = cases[i].base + 0x3000;
        msg.payload.addr.used = cases[i].base + 0x5000;
        msg.payload.addr.log = 0x5000;
        check_in(&book, &msg, false);
        assert_int_equal(msg.payload.addr.log, cases[i].log);
    }
}

/* With an IOMMU, addresses are the guest's, and mean nothing to us. */
static void
test_ring_behind_iommu(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book(F_IOMMU, 1);
    struct dpdk_vdpa_msg msg = make_table(1);

    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 256, false);
    check_areas(&book, 0, 0x1000, 0x2000, 0x3000, false);
    check_in(&book, &msg, false);
}

/* Other memory must have all rings that are set up. */
static void
test_memory_of_rings(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book(0, 2);
    struct dpdk_vdpa_msg msg;

    for (unsigned int i = 0; i < 2; i++) {
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, i, 256, false);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_BASE, i, 0, false);
        check_addr(&book, i, i * FILE_SIZE, false);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_KICK, i, 0, false);
    }
    msg = make_table(1);
    check_in(&book, &msg, true);
    msg = make_table(2);
    msg.payload.memory.regions[1].memory_size = 4096;
    check_in(&book, &msg, false);
    msg = make_table(2);
    msg.payload.memory.regions[1].memory_size = 2048;
    check_in(&book, &msg, true);
    msg = make_table(3);
    check_in(&book, &msg, false);
    check_state(&book, DPDK_VDPA_MSG_GET_VRING_BASE, 1, 0, false);
    msg = make_table(1);
    check_in(&book, &msg, false);
}

/* Memory that is there but cannot be mapped, not all of it at once: a process
 * has 128 TB of addresses. */
static void
test_memory_too_large(void **state OVS_UNUSED)
{
    const uint64_t size = 20ULL << 40;

    test_needs("terabytes");
    for (int n = 1; n <= 8; n += 7) {
        struct dpdk_vdpa_msg msg = make_table(n);

        for (int i = 0; i < n; i++) {
            msg.payload.memory.regions[i].memory_size = size;
            msg.payload.memory.regions[i].userspace_addr = i * size;
            assert_int_equal(ftruncate(msg.fds[i], size), 0);
        }
        check(&msg, n > 1);
    }
}

/* Memory and a log for which there are not enough hugepages. */
static void
test_no_hugepages(void **state OVS_UNUSED)
{
    const uint64_t size = 1ULL << 40;
    struct dpdk_vdpa_msg msg;

    test_needs("hugetlb");
    for (int i = 0; i < 2; i++) {
        msg = (i ? make_table(1)
               : make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1));
        close(msg.fds[0]);
        msg.fds[0] = memfd_create("test-guard", MFD_CLOEXEC | MFD_HUGETLB);
        assert_true(msg.fds[0] >= 0);
        assert_int_equal(ftruncate(msg.fds[0], size), 0);
        if (i) {
            msg.payload.memory.regions[0].memory_size = size;
        } else {
            msg.payload.log.mmap_size = size;
        }
        check(&msg, true);
        assert_non_null(strstr(said, "which cannot be mapped"));
    }
}

static void
test_features(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book(0, 0);

    check_features(&book, F_PACKED, false);
    check_features(&book, 0, false);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 256, false);
    check_features(&book, F_PACKED, true);
    check_features(&book, F_LOG_ALL, false);
    check_features(&book, 0, false);
    check_state(&book, DPDK_VDPA_MSG_GET_VRING_BASE, 1, 0, false);
    check_features(&book, F_PACKED, false);
}

/* Without multiqueue there are two rings, and the library forgets all others:
 * whoever sets them up again must say everything again. */
static void
test_multiqueue(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_VRING_CALL, 8, 0);
    struct dpdk_vdpa_book book = make_book(0, 1);

    msg.payload.u64 = DPDK_VDPA_MSG_NO_FD | 2;
    check_in(&book, &msg, false);
    assert_true(book.rings[2].has_call);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 1, 256, false);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 2, 256, true);
    check_state(&book, DPDK_VDPA_MSG_GET_VRING_BASE, 1, 0, false);
    check_features(&book, 0, false);
    assert_false(book.rings[2].has_call);

    check_features(&book, F_MQ, false);
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 2, 256, false);
    check_features(&book, F_LOG_ALL, true);
    check_features(&book, F_LOG_ALL | F_MQ, false);
    check_features(&book, F_MQ, false);
    check_state(&book, DPDK_VDPA_MSG_GET_VRING_BASE, 2, 0, false);
    dpdk_vdpa_book_set_enabled(&book, 2, true);
    check_features(&book, 0, false);
    assert_false(dpdk_vdpa_book_is_enabled(&book, 2));
}

/* A log that comes again is the same; another one while the first is in use
 * would be unmapped under a device that writes to it. */
static void
test_second_log(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book(F_LOG_ALL, 0);
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    struct dpdk_vdpa_msg again, other;

    book.features = 0;
    msg.payload.log.mmap_size = FILE_SIZE;
    again = msg;
    again.fds[0] = dup(msg.fds[0]);
    assert_false(dpdk_vdpa_book_has_log(&book, &msg));
    check_hw(&book, &msg, true, false);
    check_features(&book, F_LOG_ALL, false);

    assert_true(dpdk_vdpa_book_has_log(&book, &again));
    again.payload.log.mmap_size = FILE_SIZE / 2;
    assert_false(dpdk_vdpa_book_has_log(&book, &again));
    again.payload.log.mmap_size = FILE_SIZE;
    check_hw(&book, &again, true, false);
    other = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    other.payload.log.mmap_size = FILE_SIZE;
    check_hw(&book, &other, true, true);
    check_features(&book, 0, false);
    other = make_msg(DPDK_VDPA_MSG_SET_LOG_BASE, 16, 1);
    other.payload.log.mmap_size = FILE_SIZE;
    check_hw(&book, &other, true, false);
}

static void
check_start(struct dpdk_vdpa_book *book, uint32_t index, bool hw, bool refused)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_VRING_KICK, 8, 0);

    msg.payload.u64 = index | DPDK_VDPA_MSG_NO_FD;
    check_hw(book, &msg, hw, refused);
}

/* Where the library would miss its lock, rings do not start while a vDPA
 * device serves others, nor does other memory come; but the same may. */
static void
test_no_lock(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book(F_MQ, 0);
    struct dpdk_vdpa_msg msg = make_table(2);

    check_in(&book, &msg, false);
    for (int i = 0; i < 4; i++) {
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, i, 256, false);
        check_state(&book, DPDK_VDPA_MSG_SET_VRING_BASE, i, 0, false);
        check_areas(&book, i, USER + i * 0x10000, USER + i * 0x10000 + 0x4000,
                    USER + i * 0x10000 + 0x8000, false);
    }
    check_start(&book, 0, false, false);
    check_start(&book, 1, true, VDPA_COMPAT_VHOST_PANICS);
    check_start(&book, 1, false, false);
    check_start(&book, 0, true, VDPA_COMPAT_VHOST_PANICS);

    msg = make_table(2);
    check_hw(&book, &msg, true, false);
    for (int i = 0; i < 4; i++) {
        msg = make_table(i < 3 ? 2 : 1);
        msg.payload.memory.regions[0].memory_size -= i == 0 ? 0x1000 : 0;
        msg.payload.memory.regions[1].guest_phys_addr += i == 1 ? 0x1000 : 0;
        msg.payload.memory.regions[1].userspace_addr += i == 2 ? 0x1000 : 0;
        check_hw(&book, &msg, true, VDPA_COMPAT_VHOST_PANICS);
        msg = make_table(2);
        check_in(&book, &msg, false);
    }
}

/* Rings that the library has only heard of are freed without multiqueue, which
 * is no good while a device serves the first two. */
static void
test_multiqueue_served(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book(0, 0);
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_SET_FEATURES, 8, 0);
    struct dpdk_vdpa_msg log = msg;

    log.payload.u64 = F_LOG_ALL;
    check_state(&book, DPDK_VDPA_MSG_SET_VRING_ENABLE, 3, 0, false);
    assert_int_equal(book.n_rings, 4);
    check_hw(&book, &msg, true, true);
    check_hw(&book, &log, true, true);
    check_in(&book, &msg, false);
    assert_int_equal(book.n_rings, 2);
    check_hw(&book, &log, true, false);
}

static void
check_iotlb(struct dpdk_vdpa_book *book, bool refused)
{
    struct dpdk_vdpa_msg msg = make_msg(DPDK_VDPA_MSG_IOTLB_MSG, 32, 0);

    msg.payload.iotlb.type = 2;
    check_in(book, &msg, refused);
}

/* Translations must not outlive the memory. */
static void
test_iotlb(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book(0, 0);
    struct dpdk_vdpa_msg msg;

    check_iotlb(&book, true);
    check_features(&book, F_IOMMU, false);
    check_iotlb(&book, false);
    msg = make_table(1);
    check_in(&book, &msg, false);
    check_features(&book, F_IOMMU, false);
    check_iotlb(&book, false);
    check_features(&book, 0, false);
    msg = make_table(1);
    check_in(&book, &msg, false);
    check_features(&book, F_IOMMU, true);

    /* They are forgotten with the rings. */
    book = make_book(F_IOMMU, 0);
    check_iotlb(&book, false);
    for (int i = 0; i < DPDK_VDPA_BOOK_N_RINGS; i++) {
        check_state(&book, DPDK_VDPA_MSG_GET_VRING_BASE, i, 0, false);
    }
    check_features(&book, 0, false);
    msg = make_table(1);
    check_in(&book, &msg, false);
    check_features(&book, F_IOMMU, false);
}

/* Notifications are by an eventfd or by none, as the message says. */
static void
test_notification(void **state OVS_UNUSED)
{
    static const uint32_t requests[] = {
        DPDK_VDPA_MSG_SET_VRING_KICK, DPDK_VDPA_MSG_SET_VRING_CALL,
        DPDK_VDPA_MSG_SET_VRING_ERR,
    };

    for (int i = 0; i < ARRAY_SIZE(requests); i++) {
        bool calls = requests[i] == DPDK_VDPA_MSG_SET_VRING_CALL;

        for (int n = 0; n <= 2; n++) {
            for (int none = 0; none <= 1; none++) {
                struct dpdk_vdpa_book book = make_book(0, 1);
                struct dpdk_vdpa_msg msg = make_msg(requests[i], 8, 0);
                int fd = eventfd(0, 0);

                check_state(&book, DPDK_VDPA_MSG_SET_VRING_NUM, 0, 256, false);
                check_state(&book, DPDK_VDPA_MSG_SET_VRING_BASE, 0, 0, false);
                check_addr(&book, 0, 0, false);
                msg.payload.u64 = none ? DPDK_VDPA_MSG_NO_FD : 0;
                msg.n_fds = n;
                msg.fds[0] = dup(fd);
                msg.fds[1] = dup(fd);
                for (int j = n; j < 2; j++) {
                    close(msg.fds[j]);
                }
                check_in(&book, &msg, n != !none);
                assert_int_equal(!!(fcntl(fd, F_GETFL) & O_NONBLOCK),
                                 n == 1 && !none && calls);
                close(fd);
                if (n == 1 && !none) {
                    msg.n_fds = 1;
                    msg.fds[0] = make_file(FILE_SIZE);
                    check_in(&book, &msg, true);
                    assert_string_equal(said, "notifications by something "
                                        "else than an eventfd");
                }
            }
        }
    }
}

static void
check_postcopy(struct dpdk_vdpa_book *book, uint32_t request, bool refused)
{
    struct dpdk_vdpa_msg msg = make_msg(request, 0, 0);

    check_in(book, &msg, refused);
}

static void
test_postcopy(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_book book = make_book(0, 0);

    check_postcopy(&book, DPDK_VDPA_MSG_POSTCOPY_ADVISE, true);
    check_postcopy(&book, DPDK_VDPA_MSG_POSTCOPY_END, true);
    book.postcopy = true;
    check_postcopy(&book, DPDK_VDPA_MSG_POSTCOPY_LISTEN, true);
    for (int i = 0; i < 2; i++) {
        /* Each queue pair says so. */
        check_postcopy(&book, DPDK_VDPA_MSG_POSTCOPY_ADVISE, false);
        check_postcopy(&book, DPDK_VDPA_MSG_POSTCOPY_ADVISE, false);
        check_postcopy(&book, DPDK_VDPA_MSG_POSTCOPY_LISTEN, false);
        check_postcopy(&book, DPDK_VDPA_MSG_POSTCOPY_END, false);
        check_postcopy(&book, DPDK_VDPA_MSG_POSTCOPY_END, false);
        check_postcopy(&book, DPDK_VDPA_MSG_POSTCOPY_LISTEN, true);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_requests),
        cmocka_unit_test(test_mem_table),
        cmocka_unit_test(test_bad_mem_table),
        cmocka_unit_test(test_log_base),
        cmocka_unit_test(test_bad_memory_file),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_ring_size),
        cmocka_unit_test(test_ring_order),
        cmocka_unit_test(test_ring_position),
        cmocka_unit_test(test_ring_areas),
        cmocka_unit_test(test_ring_alignment),
        cmocka_unit_test(test_ring_log),
        cmocka_unit_test(test_ring_behind_iommu),
        cmocka_unit_test(test_memory_of_rings),
        cmocka_unit_test(test_memory_too_large),
        cmocka_unit_test(test_no_hugepages),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_multiqueue),
        cmocka_unit_test(test_second_log),
        cmocka_unit_test(test_no_lock),
        cmocka_unit_test(test_multiqueue_served),
        cmocka_unit_test(test_iotlb),
        cmocka_unit_test(test_notification),
        cmocka_unit_test(test_postcopy),
    };

    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
