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

/* Unit tests of front-ends that begin anew: with the vhost library that is
 * there, a VM end whose rings are relayed, and a front-end of our own. */

#include <config.h>

#include "vhost/reset.h"

#include <fcntl.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/syscall.h>

#include <cmocka.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "ovs-atomic.h"
#include "test-eal.h"
#include "test-front.h"
#include "vhost/layout.h"

#define F_MQ (1ULL << VIRTIO_NET_F_MQ)
#define F_MRG_RXBUF (1ULL << VIRTIO_NET_F_MRG_RXBUF)
#define F_PACKED (1ULL << VIRTIO_F_RING_PACKED)
#define F_LOG_ALL (1ULL << VHOST_F_LOG_ALL)
#define F_IOMMU (1ULL << VIRTIO_F_IOMMU_PLATFORM)
#define FEATURES (1ULL << VIRTIO_F_VERSION_1                                 \
                  | 1ULL << VHOST_USER_F_PROTOCOL_FEATURES)
#define P_MQ (1ULL << VHOST_USER_PROTOCOL_F_MQ)
#define P_LOG_SHMFD (1ULL << VHOST_USER_PROTOCOL_F_LOG_SHMFD)
#define P_REPLY_ACK (1ULL << VHOST_USER_PROTOCOL_F_REPLY_ACK)
#define P_STATUS (1ULL << VHOST_USER_PROTOCOL_F_STATUS)

/* Regions of memory that a message may have. */
#define MAX_REGIONS 127

static struct rte_mempool *mempool;
static struct dpdk_vdpa_vm *vm;
static atomic_count n_up = ATOMIC_COUNT_INIT(0);
static atomic_count n_down = ATOMIC_COUNT_INIT(0);

/* What the process has no room for: files of its own, that is; those of the
 * front-end here are made otherwise. */
static enum { NOTHING, EVENTFDS, COPIES } lacks;

int
eventfd(unsigned int n, int flags)
{
    if (lacks == EVENTFDS && flags & EFD_CLOEXEC) {
        errno = EMFILE;
        return -1;
    }
    return syscall(SYS_eventfd2, n, flags);
}

int
dup(int fd)
{
    if (lacks == COPIES) {
        errno = EMFILE;
        return -1;
    }
    return fcntl(fd, F_DUPFD, 0);
}

static void
vm_up(void *aux OVS_UNUSED, struct dpdk_vdpa_vm *vm_ OVS_UNUSED)
{
    atomic_count_inc(&n_up);
}

static void
vm_down(void *aux OVS_UNUSED, struct dpdk_vdpa_vm *vm_ OVS_UNUSED)
{
    atomic_count_inc(&n_down);
}

/* Waits until the guest came so often and went so often. */
static void
check_changes(unsigned int up, unsigned int down)
{
    long long int end = time_msec() + TIMEOUT;

    /* The library answers before it goes on. */
    while (atomic_count_get(&n_up) != up || atomic_count_get(&n_down) != down) {
        assert_true(time_msec() < end);
        poll(NULL, 0, 1);
    }
    assert_string_equal(refused, "");
}

/* Has the VM end connect anew. */
static void
begin(uint64_t features, uint64_t protocol)
{
    front_accept(vm);
    atomic_count_set(&n_up, 0);
    atomic_count_set(&n_down, 0);
    assert_true(tell_u64(DPDK_VDPA_MSG_SET_PROTOCOL_FEATURES,
                         protocol | P_REPLY_ACK, -1));
    assert_true(tell_u64(DPDK_VDPA_MSG_SET_FEATURES, features, -1));
    assert_true(tell_memory(MEM_SIZE));
}

/* Starts the first 'n' rings, of 'num' descriptors each. */
static void
start_rings(unsigned int n, uint32_t num)
{
    for (unsigned int i = 0; i < n; i++) {
        assert_true(start_ring_of(i, num));
    }
}

static void
disable_rings(unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, i, 0));
    }
}

static bool
reset_owner(void)
{
    return tell(DPDK_VDPA_MSG_RESET_OWNER, NULL, 0, -1);
}

static bool
set_features(uint64_t features)
{
    return tell_u64(DPDK_VDPA_MSG_SET_FEATURES, features, -1);
}

/* What the next driver takes of the device, in turn. */
static const struct {
    uint64_t features;
    unsigned int n;
    uint32_t num;
} drivers[] = {
    { FEATURES, 2, 256 },                               /* Firmware. */
    { FEATURES | F_MQ | F_MRG_RXBUF | F_PACKED, 4, 1024 },
    { FEATURES | F_MQ | F_MRG_RXBUF, 4, 512 },
    { FEATURES | F_PACKED, 2, 100 },
    { 1ULL << VHOST_USER_F_PROTOCOL_FEATURES, 2, 128 }, /* A legacy one. */
    { FEATURES | F_MQ, 4, 64 },
};

/* The guest is served, with 'n' rings. */
static void
check_served(unsigned int n, uint64_t features)
{
    long long int end = time_msec() + TIMEOUT;
    struct dpdk_vdpa_vm_info info;

    while (!dpdk_vdpa_vm_get_info(vm, &info) || info.n_enabled != n / 2) {
        assert_true(time_msec() < end);
        poll(NULL, 0, 1);
    }
    assert_int_equal(info.features, features);
}

/* Drivers take turns, 'n' times; in between 'stop_rings' is called with how many
 * rings the last one had. */
static void
check_drivers(unsigned int n, void (*stop_rings)(unsigned int n_rings))
{
    struct rte_malloc_socket_stats before, after;

    begin(drivers[0].features, P_MQ);
    for (unsigned int i = 0; i < n; i++) {
        unsigned int d = i % ARRAY_SIZE(drivers);

        if (i) {
            stop_rings(drivers[(i - 1) % ARRAY_SIZE(drivers)].n);
            assert_true(set_features(drivers[d].features));
        }
        start_rings(drivers[d].n, drivers[d].num);
        check_served(drivers[d].n, drivers[d].features);
        if (i == ARRAY_SIZE(drivers) - 1) {
            rte_malloc_get_socket_stats(0, &before);
        } else if (i == n - 1) {
            rte_malloc_get_socket_stats(0, &after);
            assert_int_equal(after.heap_allocsz_bytes,
                             before.heap_allocsz_bytes);
        }
    }
    assert_string_equal(refused, "");
    assert_int_equal(stop_ring(0),
                     drivers[(n - 1) % ARRAY_SIZE(drivers)].features
                     & F_PACKED ? 0x8000 : 0);
}

static void
stop_by_owner(unsigned int n OVS_UNUSED)
{
    assert_true(reset_owner());
    assert_false(dpdk_vdpa_vm_is_up(vm));
}

static void
stop_by_status(unsigned int n OVS_UNUSED)
{
    assert_true(tell_u64(DPDK_VDPA_MSG_SET_STATUS, 0, -1));
    assert_false(dpdk_vdpa_vm_is_up(vm));
}

static void
stop_by_disabling(unsigned int n)
{
    disable_rings(n);
}

static void
stop_as_qemu(unsigned int n)
{
    disable_rings(n);
    for (unsigned int i = 0; i < n; i++) {
        stop_ring(i);
    }
}

#define N_DRIVERS (3 * ARRAY_SIZE(drivers))

static void
test_owner(void **state OVS_UNUSED)
{
    check_drivers(N_DRIVERS, stop_by_owner);
}

static void
test_status(void **state OVS_UNUSED)
{
    check_drivers(N_DRIVERS, stop_by_status);
}

static void
test_disabled(void **state OVS_UNUSED)
{
    check_drivers(N_DRIVERS, stop_by_disabling);
}

static void
test_qemu(void **state OVS_UNUSED)
{
    check_drivers(N_DRIVERS, stop_as_qemu);
}

/* The owner's reset disables: a ring that starts afterwards is not used before
 * it is enabled. */
static void
test_owner_disables(void **state OVS_UNUSED)
{
    int fd = eventfd(0, EFD_NONBLOCK);

    begin(FEATURES, P_STATUS);
    start_rings(2, 256);
    assert_true(tell_u64(DPDK_VDPA_MSG_SET_STATUS, 0xf, -1));
    check_changes(1, 0);
    assert_true(reset_owner());
    assert_int_equal(ask_u64(DPDK_VDPA_MSG_GET_STATUS), 0);
    check_changes(1, 1);
    for (int i = 0; i < 2; i++) {
        assert_true(place_ring(i, 256) && tell_kick(i)
                    && tell_u64(DPDK_VDPA_MSG_SET_VRING_CALL, i, fd));
    }
    assert_true(tell_u64(DPDK_VDPA_MSG_SET_STATUS, 0xf, -1));
    check_changes(1, 1);
    for (int i = 0; i < 2; i++) {
        assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, i, 1));
    }
    check_changes(2, 1);
    close(fd);
}

/* A front-end that does not stop rings may say by what to interrupt before the
 * next driver's features, or before a ring's other size. */
static void
test_calls(void **state OVS_UNUSED)
{
    for (int none = 0; none < 2; none++) {
        int fd = eventfd(0, EFD_NONBLOCK);

        begin(FEATURES, 0);
        start_rings(2, 256);
        check_changes(1, 0);
        for (int turn = 1; turn <= 4; turn++) {
            eventfd_t n;

            disable_rings(2);
            for (int i = 0; turn % 2 && i < 2; i++) {
                assert_true(tell_u64(DPDK_VDPA_MSG_SET_VRING_CALL,
                                     i | (none ? DPDK_VDPA_MSG_NO_FD : 0),
                                     none ? -1 : fd));
            }
            eventfd_read(fd, &n);
            if (turn < 4) {
                assert_true(set_features(FEATURES
                                         | (turn % 2 ? F_MRG_RXBUF : 0)));
            }
            for (int i = 0; i < 2; i++) {
                assert_true(place_ring(i, 128 << turn));
                assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, i, 1));
                assert_true(tell_kick(i));
            }
            check_changes(turn + 1, turn);
            /* The guest is told when that changes, so it was not. */
            assert_int_equal(eventfd_read(fd, &n), -1);
            assert_true(tell_u64(DPDK_VDPA_MSG_SET_VRING_CALL, 0, fd));
            assert_int_equal(eventfd_read(fd, &n), 0);
        }
        close(fd);
    }

    /* Who stops a ring has to say it again. */
    begin(FEATURES, 0);
    start_rings(2, 256);
    check_changes(1, 0);
    disable_rings(2);
    stop_ring(0);
    stop_ring(1);
    for (int i = 0; i < 2; i++) {
        assert_true(place_ring(i, 256));
        assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, i, 1));
        assert_true(tell_kick(i));
    }
    check_changes(1, 1);
}

static unsigned int
count_files(void)
{
    unsigned int n = 0;

    for (int fd = 0; fd < 1024; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

/* After connections ended for want of a file the next one is served, and there
 * are 'n' files. */
static void
check_goes_on(unsigned int n)
{
    long long int end = time_msec() + TIMEOUT;

    lacks = NOTHING;
    begin(FEATURES, 0);
    while (count_files() != n) {
        assert_true(time_msec() < end);
        poll(NULL, 0, 1);
    }
    start_rings(2, 256);
    check_changes(1, 0);
}

/* There may be no file for an eventfd of ours: when the front-end tells of its
 * own, or of none, and when the library has to be told again because the next
 * driver begins. */
static void
test_no_files(void **state OVS_UNUSED)
{
    int fd = eventfd(0, EFD_NONBLOCK);
    unsigned int n;

    begin(FEATURES, 0);
    n = count_files();
    for (int what = EVENTFDS; what <= COPIES; what++) {
        for (int none = 0; none < 2; none++) {
            begin(FEATURES, 0);
            assert_true(place_ring(0, 256));
            lacks = what;
            assert_false(tell_u64(DPDK_VDPA_MSG_SET_VRING_CALL,
                                  none ? DPDK_VDPA_MSG_NO_FD : 0,
                                  none ? -1 : fd));
            assert_false(place_ring(1, 256));
            assert_string_equal(refused, "going on after a message that "
                                "failed");
            check_goes_on(n);
        }

        disable_rings(2);
        assert_true(tell_u64(DPDK_VDPA_MSG_SET_VRING_CALL, 0, fd));
        lacks = what;
        assert_false(set_features(FEATURES | F_MRG_RXBUF));
        check_goes_on(n);
    }
    close(fd);
}

/* Tells of memory in 'n' regions, of 'size' bytes each, with 'hole' bytes in
 * between.  Returns true if that was taken. */
static bool
tell_regions(unsigned int n, uint64_t size, uint64_t hole)
{
    struct {
        uint32_t request, flags, size;
        uint32_t n, padding;
        uint64_t regions[MAX_REGIONS][4];
    } __attribute__((packed)) msg = {
        DPDK_VDPA_MSG_SET_MEM_TABLE, 1 | DPDK_VDPA_MSG_NEED_REPLY,
        8 + 32 * n, n, 0, { { 0 } }
    };
    size_t len = DPDK_VDPA_MSG_HEADER_LEN + msg.size;
    int files[MAX_REGIONS];
    struct dpdk_vdpa_msg answer;

    for (unsigned int i = 0; i < n; i++) {
        uint64_t ofs = i * (size + hole);

        msg.regions[i][0] = 0x100000 + ofs;
        msg.regions[i][1] = size;
        msg.regions[i][2] = USER + ofs;
        msg.regions[i][3] = ofs;
        files[i] = mem_fd;
    }
    return (send_with_files(front, &msg, len, files, n, 0)
            && front_recv(DPDK_VDPA_MSG_SET_MEM_TABLE, &answer)
            && !answer.payload.u64);
}

/* Many regions that are really few: rings lie where the front-end says, over
 * the ends of regions, and may stay when others come. */
static void
test_regions(void **state OVS_UNUSED)
{
    static const unsigned int counts[] = { 1, 8, 9, 32, MAX_REGIONS };

    for (int i = 0; i < ARRAY_SIZE(counts); i++) {
        begin(FEATURES, 0);
        assert_true(tell_regions(counts[i], 0x1000, 0));
        if (counts[i] < 32) {
            continue;           /* Not all of the rings is there. */
        }
        start_rings(2, 256);
        check_changes(1, 0);
        assert_true(tell_regions(counts[i] / 2 + 16, 0x1000, 0));
        ask_u64(DPDK_VDPA_MSG_GET_FEATURES);
        assert_string_equal(refused, "");
    }
    /* What are many is refused with a word. */
    begin(FEATURES, 0);
    assert_true(tell_regions(8, 0x1000, 0x1000));
    assert_false(tell_regions(9, 0x1000, 0x1000));
    assert_string_equal(refused, "hotplug of memory: the vhost library takes "
                        "8 regions, not 9");
    begin(FEATURES, 0);
    assert_false(tell_regions(MAX_REGIONS, 0x1000, 0x1000));
    assert_string_equal(refused, "hotplug of memory: the vhost library takes "
                        "8 regions, not 127");
}

/* One ring of a guest's that is disabled gets another size. */
static void
test_size(void **state OVS_UNUSED)
{
    begin(FEATURES, 0);
    start_rings(2, 256);
    check_changes(1, 0);
    assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, 1, 0));
    assert_true(start_ring_of(1, 512));
    check_changes(2, 1);
    assert_false(place_ring(1, 128));
    assert_non_null(strstr(refused, "other size for ring 1"));
}

/* Rings that are only disabled go on where they were: QEMU does so when a
 * guest uses fewer queues for a while. */
static void
test_enabled_again(void **state OVS_UNUSED)
{
    begin(FEATURES | F_MQ, P_MQ);
    start_rings(4, 256);
    check_changes(1, 0);
    disable_rings(4);
    for (int i = 0; i < 4; i++) {
        assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, i, 1));
    }
    assert_true(set_features(FEATURES | F_MQ));
    assert_true(set_features(FEATURES | F_MQ | F_LOG_ALL));
    check_changes(1, 0);
}

/* Rings that are in use keep their features. */
static void
test_in_use(void **state OVS_UNUSED)
{
    begin(FEATURES, 0);
    start_rings(2, 256);
    assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, 1, 0));
    assert_false(set_features(FEATURES | F_PACKED));
    assert_non_null(strstr(refused, "other features"));
}

/* Rings that have been set up, and never started. */
static void
test_not_started(void **state OVS_UNUSED)
{
    begin(FEATURES, 0);
    for (int i = 0; i < 20; i++) {
        assert_true(place_ring(0, 256) && place_ring(1, 256));
        assert_true(set_features(FEATURES | (i % 2 ? 0 : F_PACKED)));
    }
    start_rings(2, 256);
    check_changes(1, 0);
}

/* Where the guest's IOMMU has what the front-end has at USER. */
#define IOVA 0x40000000ULL

/* Starts the first two rings, packed ones, as they are, behind an IOMMU, as if
 * nothing had been processed yet, and tells where they are. */
static void
start_behind_iommu(void)
{
    const uint64_t translation[4] = { IOVA, MEM_SIZE, USER, 0x203 };

    begin(FEATURES | F_PACKED | F_IOMMU, 0);
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t area = IOVA + i * 0x10000;
        uint64_t addr[5] = { i, area, area + 0x8000, area + 0x4000, 0 };

        assert_true(tell_state(DPDK_VDPA_MSG_SET_VRING_NUM, i, 256)
                    && tell_state(DPDK_VDPA_MSG_SET_VRING_BASE, i, 0x8000)
                    && tell(DPDK_VDPA_MSG_SET_VRING_ADDR, addr, sizeof addr,
                            -1)
                    && tell_eventfd(DPDK_VDPA_MSG_SET_VRING_CALL, i)
                    && tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, i, 1)
                    && tell_kick(i));
    }
    check_changes(0, 0);
    assert_true(tell(DPDK_VDPA_MSG_IOTLB_MSG, translation, sizeof translation,
                     -1));
    check_changes(1, 0);
}

/* Packed rings behind an IOMMU go on where they were, although the library
 * learns where they are only after they were started. */
static void
test_iommu(void **state OVS_UNUSED)
{
    static const uint8_t zero[0x20000];
    uint16_t done = 0;

    assert_int_equal(pwrite(mem_fd, zero, sizeof zero, 0), sizeof zero);
    for (uint16_t n = 1; n <= 8; n++) {
        struct rte_mbuf *pkts[32];

        start_behind_iommu();
        for (uint16_t i = done; i < done + n; i++) {
            struct vring_packed_desc desc = {
                .addr = IOVA + 0x80000, .len = 12 + 60, .id = i,
                .flags = 1 << VRING_PACKED_DESC_F_AVAIL,
            };

            assert_int_equal(pwrite(mem_fd, &desc, sizeof desc,
                                    0x10000 + i * sizeof desc), sizeof desc);
        }
        assert_int_equal(dpdk_vdpa_vm_recv(vm, 0, pkts, 32), n);
        rte_pktmbuf_free_bulk(pkts, n);
        done += n;
    }
    start_behind_iommu();
    assert_int_equal(stop_ring(1), 0x8000 | done);
    assert_int_equal(stop_ring(0), 0x8000);
}

/* Places of rings, by their offsets, and whether a legacy driver's can be
 * there. */
static const struct {
    uint32_t num;
    uint64_t avail;
    uint64_t used;
    bool legacy;
} places[] = {
    { 256, 0x1000, 0x2000, true },
    { 64, 0x400, 0x1000, true },
    { 256, 0x1000, 0x10000, true },     /* Pages of 64 KB. */
    { 256, 0x1000, 0x1240, false },     /* Linux, virtio 1. */
    { 64, 0x400, 0x4c0, false },
    { 256, 0x2000, 0x3000, false },
};

static void
test_lost_features(void **state OVS_UNUSED)
{
    static const uint64_t negotiated[] = {
        1ULL << VHOST_USER_F_PROTOCOL_FEATURES,
        FEATURES,
        FEATURES | F_PACKED,
    };

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(negotiated); j++) {
            uint64_t addr[5] = { 0, USER, USER + places[i].used,
                                 USER + places[i].avail, 0 };
            struct dpdk_vdpa_book book;
            struct dpdk_vdpa_msg msg;

            dpdk_vdpa_book_init(&book, false);
            book.features = negotiated[j];
            book.rings[1].size = places[i].num;
            memset(&msg, 0, sizeof msg);
            memcpy(&msg.payload, addr, sizeof addr);
            msg.payload.addr.index = 1;
            msg.request = DPDK_VDPA_MSG_SET_VRING_ADDR;
            dpdk_vdpa_book_end(&book, &msg);
            assert_false(dpdk_vdpa_book_lost_features(&book));
            book.rings[1].is_started = true;
            assert_int_equal(dpdk_vdpa_book_lost_features(&book),
                             !j && !places[i].legacy);
        }
    }
    /* Who owns the VM end is told. */
    n_lost = 0;
    begin(FEATURES, 0);
    start_rings(2, 256);
    check_changes(1, 0);
    assert_int_equal(n_lost, 0);
    begin(1ULL << VHOST_USER_F_PROTOCOL_FEATURES, 0);
    start_rings(2, 256);
    check_changes(1, 0);
    ask_u64(DPDK_VDPA_MSG_GET_FEATURES);
    assert_int_equal(n_lost, 1);
}

/* Sends a log; if that is to be 'answered', the answer is a number, else there
 * is none. */
static void
check_log(int fd, uint32_t flags, bool answered)
{
    const uint64_t log[2] = { MEM_SIZE, 0 };
    struct dpdk_vdpa_msg answer;

    assert_true(front_send(DPDK_VDPA_MSG_SET_LOG_BASE, flags, log, sizeof log,
                           fd));
    if (answered) {
        assert_true(front_recv(DPDK_VDPA_MSG_SET_LOG_BASE, &answer));
        assert_int_equal(answer.size, sizeof answer.payload.u64);
        assert_int_equal(answer.payload.u64, 0);
        assert_int_equal(answer.flags, 5);
    }
    /* What comes next is the answer to this. */
    ask_u64(DPDK_VDPA_MSG_GET_FEATURES);
}

static void
test_log(void **state OVS_UNUSED)
{
    int other = memfd_create("test-reset", 0);

    assert_int_equal(ftruncate(other, MEM_SIZE), 0);
    for (int shared = 0; shared < 2; shared++) {
        begin(FEATURES | F_LOG_ALL, shared ? P_LOG_SHMFD : 0);
        start_rings(2, 256);
        for (int i = 0; i < 4; i++) {
            int fd = i < 2 ? mem_fd : other;    /* Each comes twice. */

            check_log(fd, 0, shared);
            check_log(fd, DPDK_VDPA_MSG_NEED_REPLY, true);
        }
        assert_string_equal(refused, "");
    }
    /* A log that cannot be had. */
    assert_int_equal(ftruncate(other, 0), 0);
    assert_false(tell(DPDK_VDPA_MSG_SET_LOG_BASE,
                      (uint64_t [2]) { MEM_SIZE, 0 }, 16, other));
    assert_non_null(strstr(refused, "dirty log"));
    close(other);
}

/* What nobody would understand is not looked at. */
static void
test_step(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_msg next = { .request = DPDK_VDPA_MSG_SET_FEATURES };
    struct dpdk_vdpa_book book;
    struct dpdk_vdpa_msg msg;

    dpdk_vdpa_book_init(&book, false);
    book.rings[3].size = 256;
    book.features = FEATURES;
    assert_false(dpdk_vdpa_reset_step(&book, &next, &msg));
    next.request = DPDK_VDPA_MSG_SET_STATUS;
    assert_false(dpdk_vdpa_reset_step(&book, &next, &msg));
    next.size = 8;
    assert_true(dpdk_vdpa_reset_step(&book, &next, &msg));
    assert_int_equal(msg.request, DPDK_VDPA_MSG_GET_VRING_BASE);
    assert_int_equal(msg.payload.state.index, 3);
    next.payload.u64 = 1;
    assert_false(dpdk_vdpa_reset_step(&book, &next, &msg));
}

static bool
make_vm(const char *folder)
{
    static struct dpdk_vdpa_vm_callbacks callbacks = {
        .up = vm_up,
        .down = vm_down,
    };
    char *error = NULL;

    vm = front_vm_create(folder, &callbacks, 2, true);
    if (!vm) {
        return false;
    }
    dpdk_vdpa_vm_set_mempool(vm, mempool);
    return !dpdk_vdpa_vm_start(vm, &error);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_qemu),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_owner_disables),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_no_files),
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_enabled_again),
        cmocka_unit_test(test_in_use),
        cmocka_unit_test(test_not_started),
        cmocka_unit_test(test_lost_features),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_iommu),
    };
    char folder[] = "/tmp/test-reset.XXXXXX";
    int n_failed;

    mempool = test_eal_mempool(63);
    if (!mempool || !front_open(folder) || !make_vm(folder)) {
        return 1;
    }
    n_failed = cmocka_run_group_tests_name("reset", tests, NULL, NULL);
    dpdk_vdpa_vm_destroy(vm);
    front_close(folder);
    return n_failed;
}
