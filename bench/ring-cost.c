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

/* Instructions of the walk over a virtqueue, for bench/relay-cost.sh: of each
 * kind of packet that a guest's traffic is made of, from and to it, and of the
 * look at a ring that shows none. */

#include <config.h>

#if defined __has_include
#if __has_include(<valgrind/callgrind.h>)
#define HAVE_CALLGRIND 1
#endif
#endif

#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_CALLGRIND
#include <valgrind/callgrind.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "vhost/chain.h"
#include "vhost/lend.h"
#include "vhost/lending.h"
#include "vhost/notes.h"
#include "vhost/ring.h"
#include "vhost/scatter.h"
#include "openvswitch/util.h"
#include "packets.h"
#include "tests/unit/test-guest.h"
#include "util.h"

#define N_BURSTS 100
#define MAX_BURST 32
#define RING_SIZE 256
#define HEADER_LEN 12           /* virtio's. */
#define TCP_HEADERS_LEN 66      /* Ethernet, IPv4, TCP with timestamps. */
#define PAGE_LEN 4096

/* A packet's place in the guest's memory: behind the frame, from TABLE_OFS on,
 * is its indirect table. */
#define PLACE_LEN (72 * 1024)
#define TABLE_OFS (68 * 1024)
#define PLACES_START 0x100000
#define PLACES_LEN (MAX_BURST * PLACE_LEN)

/* What is counted: of 'burst' packets of 'frame_len' bytes each, in either
 * kind of ring.
 *
 * From a guest, the first 'head_len' bytes of a frame are in a descriptor with
 * the virtio_net_hdr, and the rest is in others of at most 'part_len' bytes,
 * as pages are; all of it is in one if 'part_len' is 0.
 *
 * To a guest, a packet goes to as many buffers of 'part_len' bytes, with the
 * header, as it needs, or to one of its own length if that is 0. */
struct figure {
    const char *name;           /* Without the kind of ring. */
    unsigned int (*run)(const struct figure *, bool packed);
    unsigned int burst;
    uint32_t frame_len;
    uint32_t head_len;
    uint32_t part_len;
    bool indirect;              /* In a table, not in a chain. */
    bool checksum;              /* To be finished. */
    uint16_t gso_size;          /* Or 0. */
    uint64_t features;          /* Beyond those of each. */
    uint64_t ol_flags;          /* Of packets to the guest. */
};

static struct rte_mempool *mempool;
static struct guest guest;
static struct dpdk_vdpa_ring ring;
static struct dpdk_vdpa_note note;
static struct dpdk_vdpa_undo undo;
static uint8_t *places;

static void
ring_create(const struct figure *f, bool packed)
{
    dpdk_vdpa_ring_init(&ring, (1ULL << VIRTIO_F_VERSION_1
                                | (uint64_t) packed << VIRTIO_F_RING_PACKED
                                | f->features));
    guest_init(&guest, packed, RING_SIZE, packed ? GUEST_WRAP : 0);
    guest.memory.regions[0].start = PLACES_START;
    guest.memory.regions[0].size = PLACES_LEN;
    guest.memory.regions[0].offset = (uintptr_t) places - PLACES_START;
    if (packed) {
        ring.packed.desc = guest.packed_desc;
        ring.packed.driver_event = guest.driver_event;
    } else {
        ring.split.desc = guest.desc;
        ring.split.avail = guest.avail;
        ring.split.used = guest.used;
    }
    ring.size = RING_SIZE;
    ring.next_avail = ring.next_used = packed ? GUEST_WRAP : 0;
    ring.note = &note;
    ring.memory = &guest.memory;
    ring.region = guest.memory.regions;
}

/* Has the guest take back what it offered, all of which was used. */
static void
guest_take_all(void)
{
    if (ring.next_used != guest.next_offer) {
        ovs_fatal(0, "ring-cost: not all buffers were used");
    }
    guest.next_used = guest.next_offer;
}

/* Writes the headers of packet 'i' to its place. */
static void
place_fill(const struct figure *f, unsigned int i)
{
    uint8_t *place = &places[i * PLACE_LEN];
    uint8_t *frame = place + HEADER_LEN;
    struct virtio_net_hdr hdr = { .flags = 0 };
    struct eth_header *eth = (void *) frame;
    struct ip_header *ip = (void *) (frame + ETH_HEADER_LEN);
    struct tcp_header *tcp = (void *) (ip + 1);

    memset(place, 0, HEADER_LEN + TCP_HEADERS_LEN);
    if (f->checksum) {
        hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        hdr.csum_start = (uint8_t *) tcp - frame;
        hdr.csum_offset = offsetof(struct tcp_header, tcp_csum);
    }
    if (f->gso_size) {
        hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        hdr.gso_size = f->gso_size;
        hdr.hdr_len = TCP_HEADERS_LEN;
    }
    memcpy(place, &hdr, sizeof hdr);
    eth->eth_type = htons(ETH_TYPE_IP);
    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tot_len = htons(f->frame_len - ETH_HEADER_LEN);
    ip->ip_ttl = 64;
    ip->ip_proto = IPPROTO_TCP;
    tcp->tcp_ctl = TCP_CTL(TCP_ACK, (TCP_HEADERS_LEN - ETH_HEADER_LEN
                                     - IP_HEADER_LEN) / 4);
}

/* Makes of split ring's descriptors, or an indirect table, 'descs' from number
 * 'first' on the 'n' parts that 'lens' says, from 'addr' on. */
static void
split_describe(struct vring_desc *descs, unsigned int first, uint64_t addr,
               const uint32_t *lens, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        descs[first + i].addr = addr;
        descs[first + i].len = lens[i];
        descs[first + i].flags = i + 1 < n ? VRING_DESC_F_NEXT : 0;
        descs[first + i].next = first + i + 1;
        addr += lens[i];
    }
}

static void
packed_describe(struct vring_packed_desc *table, uint64_t addr,
                const uint32_t *lens, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        table[i].addr = addr;
        table[i].len = lens[i];
        table[i].flags = 0;
        addr += lens[i];
    }
}

/* Offers, as packet 'i' of a burst, the 'n' parts from 'addr' on. */
static void
guest_offer_chain(unsigned int i, uint64_t addr, const uint32_t *lens,
                  unsigned int n)
{
    if (guest.packed) {
        for (unsigned int j = 0; j < n; j++) {
            guest_offer_as(&guest, addr, lens[j],
                           j + 1 < n ? VRING_DESC_F_NEXT : 0, i);
            addr += lens[j];
        }
    } else {
        split_describe(guest.desc, i * n, addr, lens, n);
        guest.avail->ring[guest.next_offer & (RING_SIZE - 1)] = i * n;
        guest.avail->idx = ++guest.next_offer;
    }
}

static void
guest_offer_table(unsigned int i, uint64_t addr, const uint32_t *lens,
                  unsigned int n)
{
    void *table = &places[i * PLACE_LEN + TABLE_OFS];

    if (guest.packed) {
        packed_describe(table, addr, lens, n);
    } else {
        split_describe(table, 0, addr, lens, n);
    }
    guest_offer_as(&guest, PLACES_START + i * PLACE_LEN + TABLE_OFS,
                   n * sizeof(struct vring_desc), VRING_DESC_F_INDIRECT, i);
}

/* Offers packet 'i' of a burst. */
static void
guest_offer_packet(const struct figure *f, unsigned int i)
{
    uint64_t addr = PLACES_START + i * PLACE_LEN;
    uint32_t lens[RING_SIZE], left;
    unsigned int n = 1;

    left = f->part_len ? f->frame_len - f->head_len : 0;
    lens[0] = HEADER_LEN + f->frame_len - left;
    while (left) {
        lens[n] = MIN(left, f->part_len);
        left -= lens[n++];
    }
    if (f->indirect) {
        guest_offer_table(i, addr, lens, n);
    } else {
        guest_offer_chain(i, addr, lens, n);
    }
}

/* Receives as vhost/walk.c does. */
static unsigned int
walk_recv(struct rte_mbuf **pkts, unsigned int n)
{
    unsigned int got = dpdk_vdpa_ring_recv(&ring, mempool, pkts, n);

    if (OVS_UNLIKELY(!got && ring.unusual)) {
        got = dpdk_vdpa_chain_recv(&ring, mempool, pkts, n);
    }
    return got;
}

static void
check_received(const struct figure *f, struct rte_mbuf **pkts,
               unsigned int got)
{
    if (got != f->burst) {
        ovs_fatal(0, "ring-cost: %s: %u packets came in place of %u", f->name,
                  got, f->burst);
    }
    for (unsigned int i = 0; i < got; i++) {
        uint64_t asked = pkts[i]->ol_flags & (RTE_MBUF_F_TX_TCP_SEG
                                              | RTE_MBUF_F_TX_L4_MASK);

        if (pkts[i]->pkt_len != f->frame_len
            || asked != (f->gso_size ? RTE_MBUF_F_TX_TCP_SEG
                         : f->checksum ? RTE_MBUF_F_TX_TCP_CKSUM : 0)) {
            ovs_fatal(0, "ring-cost: %s: a packet is not what was sent",
                      f->name);
        }
    }
}

static unsigned int
run_recv(const struct figure *f, bool packed)
{
    struct rte_mbuf *pkts[MAX_BURST];

    ring_create(f, packed);
    for (unsigned int i = 0; i < f->burst; i++) {
        place_fill(f, i);
    }
    for (int i = 0; i < N_BURSTS; i++) {
        unsigned int got;

        for (unsigned int j = 0; j < f->burst; j++) {
            guest_offer_packet(f, j);
        }
        CALLGRIND_TOGGLE_COLLECT;
        got = walk_recv(pkts, MAX_BURST);
        CALLGRIND_TOGGLE_COLLECT;
        check_received(f, pkts, got);
        rte_pktmbuf_free_bulk(pkts, got);
        guest_take_all();
    }
    guest_destroy(&guest);
    return N_BURSTS * f->burst;
}

/* The packets are lent, freed as a driver does that has sent them, and their
 * buffers given back by the next look. */
static unsigned int
run_lend(const struct figure *f, bool packed)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(2 * RING_SIZE, NULL);
    struct rte_mbuf *pkts[MAX_BURST];

    lend->max_segs = DPDK_VDPA_LEND_MAX_SEGS;
    ring_create(f, packed);
    for (unsigned int i = 0; i < f->burst; i++) {
        place_fill(f, i);
    }
    for (int i = 0; i < N_BURSTS; i++) {
        unsigned int got;

        for (unsigned int j = 0; j < f->burst; j++) {
            guest_offer_packet(f, j);
        }
        CALLGRIND_TOGGLE_COLLECT;
        got = dpdk_vdpa_lending_recv(&ring, lend, mempool, pkts, MAX_BURST);
        CALLGRIND_TOGGLE_COLLECT;
        check_received(f, pkts, got);
        if (lend->n != got) {
            ovs_fatal(0, "ring-cost: %s: packets were copied", f->name);
        }
        CALLGRIND_TOGGLE_COLLECT;
        rte_pktmbuf_free_bulk(pkts, got);
        dpdk_vdpa_lending_take_back(&ring, lend);
        CALLGRIND_TOGGLE_COLLECT;
        guest_take_all();
    }
    guest_destroy(&guest);
    dpdk_vdpa_lend_destroy(lend);
    return N_BURSTS * f->burst;
}

static unsigned int
run_idle(const struct figure *f, bool packed)
{
    run_recv(f, packed);
    return N_BURSTS;
}

/* Makes a packet of 'len' bytes, in as many mbufs as that takes. */
static struct rte_mbuf *
make_packet(uint32_t len)
{
    struct rte_mbuf *pkt = NULL;

    while (len) {
        struct rte_mbuf *part = rte_pktmbuf_alloc(mempool);
        uint32_t n = MIN(len, RTE_MBUF_DEFAULT_DATAROOM);

        if (!part) {
            ovs_fatal(0, "ring-cost: there are too few mbufs");
        }
        rte_pktmbuf_append(part, n);
        len -= n;
        if (!pkt) {
            pkt = part;
        } else if (rte_pktmbuf_chain(pkt, part)) {
            ovs_fatal(0, "ring-cost: a packet has too many mbufs");
        }
    }
    return pkt;
}

/* Sends as vhost/walk.c does. */
static unsigned int
walk_send(struct rte_mbuf **pkts, unsigned int n)
{
    unsigned int sent = dpdk_vdpa_ring_send(&ring, pkts, n);

    if (OVS_UNLIKELY(sent < n && ring.unusual)) {
        sent += dpdk_vdpa_scatter_send(&ring, &undo, ring.size - sent,
                                       &pkts[sent], n - sent);
    }
    return sent;
}

static unsigned int
run_send(const struct figure *f, bool packed)
{
    uint32_t buf_len = f->part_len ? f->part_len : HEADER_LEN + f->frame_len;
    unsigned int n_bufs = DIV_ROUND_UP(HEADER_LEN + f->frame_len, buf_len);
    struct rte_mbuf *pkts[MAX_BURST];

    ring_create(f, packed);
    for (unsigned int i = 0; i < f->burst; i++) {
        pkts[i] = make_packet(f->frame_len);
        pkts[i]->ol_flags |= f->ol_flags;
        pkts[i]->tso_segsz = 1448;
    }
    for (int i = 0; i < N_BURSTS; i++) {
        unsigned int sent;

        for (unsigned int j = 0; j < n_bufs * f->burst; j++) {
            guest_offer(&guest, PLACES_START + j * buf_len, buf_len,
                        VRING_DESC_F_WRITE);
        }
        CALLGRIND_TOGGLE_COLLECT;
        sent = walk_send(pkts, f->burst);
        CALLGRIND_TOGGLE_COLLECT;
        if (sent != f->burst) {
            ovs_fatal(0, "ring-cost: %s: %u packets went in place of %u",
                      f->name, sent, f->burst);
        }
        guest_take_all();
    }
    rte_pktmbuf_free_bulk(pkts, f->burst);
    guest_destroy(&guest);
    return N_BURSTS * f->burst;
}

/* As Linux sends it, a TSO packet has its headers in one descriptor and the data
 * in 16 pages, the last of which is not full. */
#define TSO .burst = 8, .frame_len = TCP_HEADERS_LEN + 45 * 1448,           \
            .head_len = TCP_HEADERS_LEN, .part_len = PAGE_LEN,               \
            .checksum = true, .gso_size = 1448,                              \
            .features = (1ULL << VIRTIO_NET_F_CSUM                           \
                         | 1ULL << VIRTIO_NET_F_HOST_TSO4)
#define CSUM .burst = 32, .checksum = true,                                  \
             .features = 1ULL << VIRTIO_NET_F_CSUM

static const struct figure figures[] = {
    { "recv", run_recv, .burst = 32, .frame_len = 64 },
    { "recv-csum", run_recv, CSUM, .frame_len = 1514 },
    { "recv-ack", run_recv, CSUM, .frame_len = TCP_HEADERS_LEN },
    { "recv-chain", run_recv, .burst = 32, .frame_len = 1514,
      .part_len = 1514 },
    { "recv-csum-chain", run_recv, CSUM, .frame_len = 1514,
      .part_len = 1514 },
    { "recv-csum-table", run_recv, CSUM, .frame_len = 1514,
      .head_len = TCP_HEADERS_LEN, .part_len = PAGE_LEN, .indirect = true },
    { "recv-tso-chain", run_recv, TSO },
    { "recv-tso-table", run_recv, TSO, .indirect = true },
    { "lend", run_lend, .burst = 32, .frame_len = 1514 },
    { "lend-csum-table", run_lend, CSUM, .frame_len = 1514,
      .head_len = TCP_HEADERS_LEN, .part_len = PAGE_LEN, .indirect = true },
    { "lend-tso-chain", run_lend, TSO },
    { "lend-tso-table", run_lend, TSO, .indirect = true },
    { "send", run_send, .burst = 32, .frame_len = 64 },
    { "send-mergeable", run_send, .burst = 32, .frame_len = 1514,
      .part_len = 1536, .features = 1ULL << VIRTIO_NET_F_MRG_RXBUF },
    { "send-good", run_send, .burst = 32, .frame_len = 64,
      .features = 1ULL << VIRTIO_NET_F_GUEST_CSUM,
      .ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD },
    { "send-lro", run_send, .burst = 5,
      .frame_len = TCP_HEADERS_LEN + 45 * 1448, .part_len = 1536,
      .features = (1ULL << VIRTIO_NET_F_MRG_RXBUF
                   | 1ULL << VIRTIO_NET_F_GUEST_CSUM
                   | 1ULL << VIRTIO_NET_F_GUEST_TSO4),
      .ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 },
    { "idle", run_idle, .burst = 0 },
};

/* Runs figure 'f', and has callgrind write it down under its whole name. */
static void
count(const struct figure *f, bool packed)
{
    const char *kind = packed ? "packed" : "split";
    char *name = xasprintf("%s-%s", f->name, kind);
    unsigned int units;

    f->run(f, packed);                  /* Whatever the first time brings. */
    CALLGRIND_ZERO_STATS;
    units = f->run(f, packed);
    CALLGRIND_DUMP_STATS_AT(name);
    printf("%s %u\n", name, units);
    free(name);
}

int
main(void)
{
    char *argv[] = {
        "ring-cost", "--no-huge", "--no-shconf", "--no-pci", "-m", "64",
        "--no-telemetry", "-l", "0", "--log-level=error",
    };

    if (rte_eal_init(ARRAY_SIZE(argv), argv) < 0) {
        ovs_fatal(0, "ring-cost: DPDK does not start");
    }
    mempool = rte_pktmbuf_pool_create("cost", 1023, 128, 0,
                                      RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    if (!mempool) {
        ovs_fatal(0, "ring-cost: there is too little memory for mbufs");
    }
    places = xzalloc_cacheline(PLACES_LEN);
    for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
        count(&figures[i], false);
        count(&figures[i], true);
    }
    free_cacheline(places);
    return 0;
}

#else
int
main(void)
{
    fprintf(stderr, "ring-cost was built without valgrind/callgrind.h: "
            "install valgrind, then build again\n");
    return 77;
}
#endif
