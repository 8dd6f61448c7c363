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

/* An experiment, no part of the port: what would be gained if a VF received
 * into the guest's buffers, so that nobody had to copy.  What came out of it,
 * and why the port does not do so, is in
 * Documentation/receive-into-guest-buffers.rst.
 *
 *   receive-direct DRIVER [ROUNDS [CORE GUEST-CORE]]
 *
 * DRIVER is librte_benchvf.so.  One queue of its VF has a mempool as the port
 * has it, and what it receives is copied to the guest by vhost/ring.  The
 * other one's mempool is the guest's ring: to allocate an mbuf is to take a
 * buffer that the guest offers and to have the mbuf point to it, which the
 * driver does not notice; and what was received needs a virtio_net_hdr in
 * front and an entry in the used ring.
 *
 * The guest is a thread on another core.  Both take turns, a burst each, and
 * count what their part takes.  What is a NIC's work, to write the frames, is
 * done in between and not counted.
 *
 * What is compared is measured one right after the other, in each of ROUNDS
 * rounds, 15 if nothing is said. */

#include <config.h>

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __x86_64__
#include <emmintrin.h>
#endif

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_pause.h>
#include <rte_prefetch.h>

#include "bench/bench_vf.h"
#include "bench/run-on.h"
#include "openvswitch/util.h"
#include "tests/unit/test-guest.h"
#include "util.h"
#include "vhost/ring.h"

#define BURST 32
#define RING_SIZE 256
#define HEADER_LEN 12           /* virtio's. */
#define MAX_FRAME_LEN 9000
#define MAX_ROUNDS 100
#define DEFAULT_ROUNDS 15
#define WARM_TURNS 16
#define TURNS 200               /* Of a measurement; the median counts. */
#define PORT 0

/* A queue of the VF each. */
enum mode {
    COPY,
    DIRECT,
    N_MODES,
};

/* Where the VF leaves frames, and how much of them the guest reads. */
static const struct setting {
    const char *name;
    bool read_all;              /* Not only the headers. */
    bool in_memory;             /* Not in a cache of the core that polls. */
} settings[] = {
    { "cache, headers", false, false },
    { "cache, all", true, false },
#ifdef __x86_64__
    { "memory, all", true, true },
#endif
};

/* In bytes, without the FCS. */
static const unsigned int frame_lens[] = { 64, 512, 1500, MAX_FRAME_LEN };

#define N_LENS ARRAY_SIZE(frame_lens)
#define N_SETTINGS ARRAY_SIZE(settings)

/* Of each round: TSC cycles per packet of who polls the VF and of the guest,
 * and what the former takes of the copying one's. */
struct figures {
    double host[N_MODES][MAX_ROUNDS];
    double guest[N_MODES][MAX_ROUNDS];
    double ratio[MAX_ROUNDS];
};

static struct figures figures[N_LENS][N_SETTINGS];
static const struct setting *setting;
static struct bench_ctl *ctl;
static struct rte_mempool *mempools[N_MODES];
static struct guest guest;
static struct dpdk_vdpa_ring ring;
static uint8_t *buffers;
static uint32_t buffer_len;     /* Of each, with the header. */
static unsigned int frame_len;
static uint64_t overhead;       /* Cycles that it takes to look twice. */

/* Of the mempool whose mbufs point to the guest's buffers: for each descriptor
 * one mbuf, and whether it is away.  A guest may offer a descriptor that is
 * away already, which must not become the same mbuf twice. */
static struct rte_mbuf *heads[RING_SIZE];
static bool is_away[RING_SIZE];
static unsigned int n_heads;

/* The guest's turn if it is odd; 0 is the end. */
static _Alignas(64) unsigned int turn = 2;
static _Alignas(64) uint64_t guest_cycles;
static uint64_t guest_serial;

/* The mempool of the guest's buffers. */

/* Where an mbuf has its descriptor's number: in the private part, as drivers
 * write to every other. */
static uint16_t *
mbuf_id(struct rte_mbuf *mbuf)
{
    return rte_mbuf_to_priv(mbuf);
}

static int
direct_alloc(struct rte_mempool *mp OVS_UNUSED)
{
    return 0;
}

/* Takes the mbufs when the mempool is made.  Later none comes back this way:
 * this VF's driver gives up no packet, and who completes one knows that the
 * mbuf is free. */
static int
direct_enqueue(struct rte_mempool *mp OVS_UNUSED, void *const *objects,
               unsigned int n)
{
    if (n_heads + n > RING_SIZE) {
        ovs_fatal(0, "the VF gave buffers back");
    }
    for (unsigned int i = 0; i < n; i++) {
        heads[n_heads++] = objects[i];
    }
    return 0;
}

/* Has 'mbuf' receive into the buffer of 'desc', which may be the guest's
 * doing.  Returns false if that cannot be. */
static bool
direct_point(struct rte_mbuf *mbuf, const struct vring_desc *desc_)
{
    const volatile struct vring_desc *desc = desc_;
    const struct dpdk_vdpa_region *region = ring.region;
    uint64_t addr = desc->addr;
    uint64_t ofs = addr - region->start;
    uint32_t len = desc->len;

    /* Drivers know one length only, that of all buffers of a queue. */
    if ((desc->flags & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE
                        | VRING_DESC_F_INDIRECT)) != VRING_DESC_F_WRITE
        || ofs >= region->size || len > region->size - ofs
        || len < HEADER_LEN + frame_len) {
        return false;
    }
    /* All drivers receive behind RTE_PKTMBUF_HEADROOM bytes.  Those are not
     * ours, but for the last HEADER_LEN. */
    addr += region->offset + HEADER_LEN - RTE_PKTMBUF_HEADROOM;
    mbuf->buf_addr = (void *) (uintptr_t) addr;
    mbuf->buf_iova = addr;
    mbuf->buf_len = RTE_PKTMBUF_HEADROOM + len - HEADER_LEN;
    return true;
}

/* Gives 'n' mbufs for as many buffers of the guest, in their order, or
 * none. */
static int
direct_dequeue(struct rte_mempool *mp OVS_UNUSED, void **objects,
               unsigned int n)
{
    const struct vring_avail *avail = ring.split.avail;
    uint16_t slot = ring.next_avail;
    uint16_t ids[BURST];

    if (n > BURST || (uint16_t) (__atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE)
                                 - slot) < n) {
        return -ENOBUFS;
    }
    for (unsigned int i = 0; i < n; i++) {
        ids[i] = *(const volatile uint16_t *)
                 &avail->ring[slot++ & (RING_SIZE - 1)];
        if (ids[i] >= RING_SIZE) {
            return -EINVAL;
        }
        rte_prefetch0(&ring.split.desc[ids[i]]);
        rte_prefetch0(heads[ids[i]]);
    }
    for (unsigned int i = 0; i < n; i++) {
        struct rte_mbuf *mbuf = heads[ids[i]];

        if (is_away[ids[i]]
            || !direct_point(mbuf, &ring.split.desc[ids[i]])) {
            while (i--) {
                is_away[ids[i]] = false;
            }
            return -EINVAL;
        }
        is_away[ids[i]] = true;
        objects[i] = mbuf;
    }
    ring.next_avail = slot;
    return 0;
}

static unsigned int
direct_get_count(const struct rte_mempool *mp OVS_UNUSED)
{
    return RING_SIZE;
}

static const struct rte_mempool_ops direct_ops = {
    .name = "guest",
    .alloc = direct_alloc,
    .enqueue = direct_enqueue,
    .dequeue = direct_dequeue,
    .get_count = direct_get_count,
};
RTE_MEMPOOL_REGISTER_OPS(direct_ops);

/* What is compared. */

/* Gives the 'n' packets, which are in the guest's buffers already, to it. */
static void
direct_complete(struct rte_mbuf **pkts, unsigned int n)
{
    struct vring_used *used = ring.split.used;
    uint16_t slot = ring.next_used;

    for (unsigned int i = 0; i < n; i++) {
        __builtin_prefetch(rte_pktmbuf_mtod_offset(pkts[i], uint8_t *,
                                                   -HEADER_LEN), 1);
    }
    for (unsigned int i = 0; i < n; i++) {
        struct vring_used_elem *elem = &used->ring[slot++ & (RING_SIZE - 1)];
        struct virtio_net_hdr_mrg_rxbuf hdr = { .num_buffers = 1 };
        uint16_t id = *mbuf_id(pkts[i]);

        BUILD_ASSERT(sizeof hdr == HEADER_LEN);
        memcpy(rte_pktmbuf_mtod_offset(pkts[i], uint8_t *, -HEADER_LEN), &hdr,
               sizeof hdr);
        elem->id = id;
        elem->len = HEADER_LEN + pkts[i]->pkt_len;
        is_away[id] = false;
    }
    ring.next_used = slot;
    __atomic_store_n(&used->idx, slot, __ATOMIC_RELEASE);
}

static void
copy_complete(struct rte_mbuf **pkts, unsigned int n)
{
    if (dpdk_vdpa_ring_send(&ring, pkts, n) != n) {
        ovs_fatal(0, "not all packets were copied");
    }
    rte_pktmbuf_free_bulk(pkts, n);
}

/* Takes 'len' bytes at 'p' out of all caches. */
static void
evict(const uint8_t *p, unsigned int len)
{
#ifdef __x86_64__
    for (unsigned int ofs = 0; ofs < len; ofs += CACHE_LINE_SIZE) {
        _mm_clflush(p + ofs);
    }
    _mm_clflush(p + len - 1);
#else
    ovs_abort(0, "nothing is known that evicts %u bytes at %p", len, p);
#endif
}

/* Writes frames from number 'serial' on as a NIC does. */
static void
write_frames(struct rte_mbuf **pkts, unsigned int n, uint64_t serial)
{
    for (unsigned int i = 0; i < n; i++) {
        uint8_t *data = rte_pktmbuf_mtod(pkts[i], uint8_t *);

        memset(data, (uint8_t) (serial + i), frame_len);
        memcpy(data, &(uint64_t) { serial + i }, sizeof serial);
        if (setting->in_memory) {
            evict(data, frame_len);
        }
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Moves a burst, and returns how many cycles that took. */
static uint64_t
host_turn(enum mode mode, uint64_t serial)
{
    struct rte_mbuf *pkts[BURST];
    uint64_t start = rte_rdtsc_precise();
    unsigned int n = rte_eth_rx_burst(PORT, mode, pkts, BURST);
    uint64_t cycles = rte_rdtsc_precise() - start;

    if (n != BURST) {
        ovs_fatal(0, "the VF received %u packets", n);
    }
    write_frames(pkts, n, serial);
    start = rte_rdtsc_precise();
    if (mode == COPY) {
        copy_complete(pkts, n);
    } else {
        direct_complete(pkts, n);
    }
    return cycles + (rte_rdtsc_precise() - start);
}

/* The guest. */

static uint8_t *
guest_buffer(uint16_t id)
{
    return &buffers[(size_t) id * buffer_len];
}

static void
guest_offer_buffer(uint16_t id)
{
    guest_offer_as(&guest, guest.memory.regions[0].start
                           + (uint64_t) id * buffer_len, buffer_len,
                   VRING_DESC_F_WRITE, id);
}

static void
guest_read(const uint8_t *data)
{
    unsigned int len = setting->read_all ? frame_len : 1;

    for (unsigned int ofs = 0; ofs < len; ofs += CACHE_LINE_SIZE) {
        (void) *(const volatile uint8_t *) &data[ofs];
    }
}

static void
guest_check(const uint8_t *buffer, uint32_t len)
{
    static const struct virtio_net_hdr_mrg_rxbuf hdr = { .num_buffers = 1 };
    const uint8_t *data = buffer + HEADER_LEN;
    uint64_t serial;

    memcpy(&serial, data, sizeof serial);
    if (len != HEADER_LEN + frame_len || memcmp(buffer, &hdr, HEADER_LEN)
        || serial != guest_serial
        || (setting->read_all
            && data[frame_len - 1] != (uint8_t) serial)) {
        ovs_fatal(0, "the guest got something else than "
                  "packet %"PRIu64, guest_serial);
    }
    guest_serial++;
}

/* Takes what was received, reads it, and offers the buffers again. */
static void
guest_turn(void)
{
    uint32_t ids[BURST], lens[BURST];
    unsigned int n = 0;
    uint64_t start;
    uint16_t flags;

    while (n < BURST && guest_take_back(&guest, &ids[n], &lens[n], &flags)) {
        n++;
    }
    start = rte_rdtsc_precise();
    for (unsigned int i = 0; i < n; i++) {
        guest_read(guest_buffer(ids[i]) + HEADER_LEN);
    }
    guest_cycles = rte_rdtsc_precise() - start;
    for (unsigned int i = 0; i < n; i++) {
        guest_check(guest_buffer(ids[i]), lens[i]);
        guest_offer_buffer(ids[i]);
    }
    ctl->ports[BENCH_GUEST][0].taken += n;
}

/* Waits until it is the turn of who has the 'odd' ones.  Returns false at the
 * end. */
static bool
await_turn(bool odd)
{
    for (;;) {
        unsigned int now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE);

        if (!now || now % 2 == odd) {
            return now;
        }
        rte_pause();
    }
}

static void
pass_turn(void)
{
    __atomic_store_n(&turn, turn == UINT_MAX ? 2 : turn + 1, __ATOMIC_RELEASE);
}

static void *
guest_main(void *core)
{
    run_on(*(const int *) core);
    while (await_turn(true)) {
        guest_turn();
        pass_turn();
    }
    return NULL;
}

/* Measuring. */

static int
compare_numbers(const void *a_, const void *b_)
{
    double a = *(const double *) a_;
    double b = *(const double *) b_;

    return a < b ? -1 : a > b;
}

/* Sorts the 'n' numbers and returns the one in the middle. */
static double
median(double *numbers, unsigned int n)
{
    qsort(numbers, n, sizeof *numbers, compare_numbers);
    return numbers[n / 2];
}

static void
measure(enum mode mode, double *host_cost, double *guest_cost)
{
    double host[TURNS], their[TURNS];

    for (int i = -WARM_TURNS; i < TURNS; i++) {
        uint64_t cycles = host_turn(mode, guest_serial) - 2 * overhead;

        pass_turn();
        await_turn(false);
        if (i >= 0) {
            host[i] = (double) cycles / BURST;
            their[i] = (double) (guest_cycles - overhead) / BURST;
        }
    }
    /* The other mode goes on where this one was. */
    if (ring.next_avail != ring.next_used) {
        ovs_fatal(0, "buffers are missing");
    }
    *host_cost = median(host, TURNS);
    *guest_cost = median(their, TURNS);
}

static void
measure_overhead(void)
{
    double cycles[TURNS];

    for (int i = 0; i < TURNS; i++) {
        uint64_t start = rte_rdtsc_precise();

        cycles[i] = rte_rdtsc_precise() - start;
    }
    overhead = median(cycles, TURNS);
}

/* Has the VF and the guest go on with frames of 'len' bytes, each in one
 * buffer of the guest's, as long as Linux has them at least. */
static void
set_frame_len(unsigned int len)
{
    uint16_t pos = ring.next_used;

    frame_len = len;
    buffer_len = ROUND_UP(HEADER_LEN + MAX(len, 1518), CACHE_LINE_SIZE);
    guest_reset(&guest, pos);
    for (unsigned int i = 0; i < RING_SIZE; i++) {
        guest_offer_buffer(i);
    }
    ctl->params.sizes[0] = len;
    ctl->params.epoch++;
}

/* Measures everything once, for round 'i', and what is compared one right
 * after the other. */
static void
measure_round(unsigned int i)
{
    for (size_t len = 0; len < N_LENS; len++) {
        set_frame_len(frame_lens[len]);
        for (size_t j = 0; j < N_SETTINGS; j++) {
            struct figures *f = &figures[len][j];

            setting = &settings[j];
            for (int k = 0; k < N_MODES; k++) {
                enum mode mode = (i + k) % N_MODES;

                measure(mode, &f->host[mode][i], &f->guest[mode][i]);
            }
            f->ratio[i] = f->host[DIRECT][i] / f->host[COPY][i];
        }
    }
}

static void
print_figures(unsigned int n)
{
    printf("Cycles per packet, medians of %u rounds\n\n"
           "       frames in,      relay                                "
           "guest\n"
           "bytes  guest reads     copied   direct   direct/copied      "
           "copied   direct\n"
           "-----  --------------  -------  -------  -----------------  "
           "-------  -------\n", n);
    for (size_t len = 0; len < N_LENS; len++) {
        for (size_t j = 0; j < N_SETTINGS; j++) {
            struct figures *f = &figures[len][j];
            double ratio = median(f->ratio, n);

            printf("%-5u  %-14s  %7.1f  %7.1f  %.2f (%.2f..%.2f)  %7.1f  "
                   "%7.1f\n", frame_lens[len], settings[j].name,
                   median(f->host[COPY], n), median(f->host[DIRECT], n), ratio,
                   f->ratio[0], f->ratio[n - 1], median(f->guest[COPY], n),
                   median(f->guest[DIRECT], n));
        }
    }
}

/* Setting all up. */

/* Returns a path to what will be 'ctl'. */
static char *
create_ctl(void)
{
    int fd = memfd_create("receive-direct", 0);

    if (fd < 0 || ftruncate(fd, sizeof *ctl)) {
        ovs_fatal(errno, "no control block");
    }
    ctl = mmap(NULL, sizeof *ctl, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ctl == MAP_FAILED) {
        ovs_fatal(errno, "no control block");
    }
    ctl->params.magic = BENCH_MAGIC;
    ctl->params.source[BENCH_HOST] = 1;
    ctl->params.ports = 1;
    ctl->params.window = RING_SIZE;
    ctl->params.batch = 1;
    ctl->params.n_sizes = 1;
    return xasprintf("/proc/self/fd/%d", fd);
}

static void
start_dpdk(char *driver, char *core)
{
    char *path = create_ctl();
    char *vdev = xasprintf("net_benchvf0,ctl=%s,side=host,port=0,queues=%d",
                           path, N_MODES);
    char *argv[] = {
        "receive-direct", "--no-huge", "--no-shconf", "--no-pci", "-m", "64",
        "--no-telemetry", "--log-level=error", "-l", core, "-d", driver,
        "--vdev", vdev,
    };

    if (rte_eal_init(ARRAY_SIZE(argv), argv) < 0) {
        ovs_fatal(0, "DPDK does not start");
    }
    free(vdev);
    free(path);
}

static void
start_vf(void)
{
    struct rte_eth_conf conf = { .link_speeds = 0 };
    int error;

    mempools[COPY] = rte_pktmbuf_pool_create(
        "copy", 1023, 384, 0, RTE_PKTMBUF_HEADROOM + MAX_FRAME_LEN, 0);
    mempools[DIRECT] = rte_pktmbuf_pool_create_by_ops(
        "direct", RING_SIZE, 0, 64, RTE_PKTMBUF_HEADROOM + MAX_FRAME_LEN, 0,
        direct_ops.name);
    if (!mempools[COPY] || !mempools[DIRECT]) {
        ovs_fatal(0, "there is too little memory for mbufs");
    }
    for (unsigned int i = 0; i < RING_SIZE; i++) {
        *mbuf_id(heads[i]) = i;
    }
    error = rte_eth_dev_configure(PORT, N_MODES, 1, &conf);
    for (int i = 0; !error && i < N_MODES; i++) {
        error = rte_eth_rx_queue_setup(PORT, i, RING_SIZE, 0, NULL,
                                       mempools[i]);
    }
    if (!error) {
        error = rte_eth_tx_queue_setup(PORT, 0, RING_SIZE, 0, NULL);
    }
    if (error || rte_eth_dev_start(PORT)) {
        ovs_fatal(0, "the VF does not start");
    }
}

static void
create_guest(void)
{
    size_t len = (size_t) RING_SIZE * ROUND_UP(HEADER_LEN + MAX_FRAME_LEN,
                                               CACHE_LINE_SIZE);

    buffers = xzalloc_cacheline(len);
    guest_init(&guest, false, RING_SIZE, 0);
    guest.memory.n = 1;
    guest.memory.regions[0].size = len;
    guest.memory.regions[0].offset
        = (uintptr_t) buffers - guest.memory.regions[0].start;
    dpdk_vdpa_ring_init(&ring, (1ULL << VIRTIO_F_VERSION_1
                                | 1ULL << VIRTIO_NET_F_MRG_RXBUF));
    ring.split.desc = guest.desc;
    ring.split.avail = guest.avail;
    ring.split.used = guest.used;
    ring.size = RING_SIZE;
    ring.memory = &guest.memory;
    ring.region = guest.memory.regions;
}

int
main(int argc, char *argv[])
{
    unsigned int n_rounds = argc > 2 ? atoi(argv[2]) : DEFAULT_ROUNDS;
    int guest_core = argc > 4 ? atoi(argv[4]) : 0;
    pthread_t thread;

    set_program_name(argv[0]);
    if (argc < 2 || argc == 4 || argc > 5 || n_rounds < 1
        || n_rounds > MAX_ROUNDS) {
        ovs_fatal(0, "usage: receive-direct DRIVER [ROUNDS [CORE "
                  "GUEST-CORE]]");
    }
    start_dpdk(argv[1], argc > 4 ? argv[3] : "1");
    start_vf();
    create_guest();
    measure_overhead();
    if (pthread_create(&thread, NULL, guest_main, &guest_core)) {
        ovs_fatal(0, "there is no thread for the guest");
    }
    for (unsigned int i = 0; i < n_rounds; i++) {
        measure_round(i);
    }
    print_figures(n_rounds);
    __atomic_store_n(&turn, 0, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    guest_destroy(&guest);
    free_cacheline(buffers);
    return 0;
}
