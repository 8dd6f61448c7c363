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

#include "base/policer.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "base/counter.h"
#include "openvswitch/util.h"
#include "ovs-atomic.h"
#include "packets.h"
#include "util.h"

/* Time is counted in fractions of a cycle, so that a byte of a fast link costs
 * more than nothing, and not so small ones that a bucket that nobody asked for
 * years would seem to be empty. */
#define TICK_SHIFT 4

/* What a token costs is a number with so many binary places. */
#define COST_SHIFT 16

/* The longest time that anything takes, in ticks: some years. */
#define MAX_TICKS (UINT64_C(1) << 61)

/* A token bucket.  As it fills at a known rate, all that there is to know is
 * when it will be full.  It has what it gets until then less than 'burst';
 * taking tokens puts that time off.  So one number that is exchanged at once
 * takes the place of a lock. */
struct bucket {
    uint64_t cost;              /* Of a token, in ticks, with COST_SHIFT. */
    uint64_t burst;             /* Of a full bucket, in ticks. */
    atomic_uint64_t full;       /* When it will be full, in ticks. */
};

struct dpdk_vdpa_policer {
    unsigned int n_meters;
    struct {
        struct bucket committed;
        struct bucket excess;
    } meters[DPDK_VDPA_MAX_METERS];
    bool count_packets;
    struct bucket packets;

    /* Written by any thread. */
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        atomic_uint64_t passed_packets;
        atomic_uint64_t passed_bytes;
        atomic_uint64_t dropped_packets;
    );
};

/* How much of something a packet is, and how much of that the largest of the
 * frames that it consists of. */
struct amount {
    uint64_t total;
    uint64_t largest;
};

enum colour { GREEN, YELLOW, RED };

static uint64_t
clamp_ticks(double ticks)
{
    return ticks < MAX_TICKS ? (uint64_t) ticks : MAX_TICKS;
}

/* A token's cost is rounded up, lest a packet that costs a whole number of
 * ticks costs one less; the burst is what so many of these cost, and not less,
 * so that a packet as long as it fits. */
static void
bucket_init(struct bucket *b, const struct dpdk_vdpa_rate *rate)
{
    double ticks = rte_get_tsc_hz() * (1 << TICK_SHIFT);

    if (rate->rate) {
        b->cost = clamp_ticks(ticks / rate->rate * (1 << COST_SHIFT)) + 1;
        b->burst = clamp_ticks((double) b->cost / (1 << COST_SHIFT)
                               * rate->burst) + 1;
    }
    atomic_init(&b->full, rte_get_tsc_cycles() << TICK_SHIFT);
}

/* Returns what 'n' tokens of 'b' cost, in ticks. */
static inline uint64_t
bucket_cost(const struct bucket *b, uint64_t n)
{
    uint64_t cost;

    return (__builtin_mul_overflow(b->cost, n, &cost)
            ? MAX_TICKS : cost >> COST_SHIFT);
}

/* Takes 'amount' of tokens from 'b' at time 'now'.  Returns false if there are
 * too few.  What is longer than the bucket because it is several frames gets
 * what there is if the bucket is full, and those behind it wait the longer. */
static inline bool
bucket_take(struct bucket *b, uint64_t now, const struct amount *amount)
{
    uint64_t cost = bucket_cost(b, amount->total);
    uint64_t need = MIN(cost, b->burst);
    uint64_t full, later;

    if (!b->cost || bucket_cost(b, amount->largest) > b->burst) {
        return false;
    }
    atomic_read_relaxed(&b->full, &full);
    do {
        uint64_t wait = (int64_t) (full - now) > 0 ? full - now : 0;

        if (wait + need > b->burst) {
            return false;
        }
        later = now + wait + cost;
    } while (!atomic_compare_exchange_weak_explicit(&b->full, &full, later,
                                                    memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

/* Gives back what bucket_take() took. */
static void
bucket_give(struct bucket *b, const struct amount *amount)
{
    uint64_t orig;

    atomic_sub_relaxed(&b->full, bucket_cost(b, amount->total), &orig);
}

/* Stores what 'pkt' is on the wire. */
static void
measure(const struct rte_mbuf *pkt, struct amount *bytes,
        struct amount *packets)
{
    uint32_t len = pkt->pkt_len - MIN(pkt->pkt_len, ETH_HEADER_LEN);
    uint32_t header_len = pkt->l2_len + pkt->l3_len + pkt->l4_len;

    bytes->total = bytes->largest = len;
    packets->total = packets->largest = 1;
    if (pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG && pkt->tso_segsz
        && header_len > ETH_HEADER_LEN && header_len < pkt->pkt_len) {
        uint32_t payload = pkt->pkt_len - header_len;
        uint32_t extra = header_len - ETH_HEADER_LEN;

        packets->total = DIV_ROUND_UP(payload, pkt->tso_segsz);
        bytes->total = payload + packets->total * extra;
        bytes->largest = MIN(payload, pkt->tso_segsz) + extra;
    }
}

/* Returns the colour of a packet of 'bytes' after all meters. */
static enum colour
measure_colour(struct dpdk_vdpa_policer *p, uint64_t now,
               const struct amount *bytes)
{
    enum colour colour = GREEN;

    for (unsigned int i = 0; i < p->n_meters; i++) {
        if (colour == GREEN
            && bucket_take(&p->meters[i].committed, now, bytes)) {
            continue;
        }
        colour = (colour != RED
                  && bucket_take(&p->meters[i].excess, now, bytes)
                  ? YELLOW : RED);
    }
    return colour;
}

bool
dpdk_vdpa_policer_admit(struct dpdk_vdpa_policer *p,
                        const struct rte_mbuf *pkt, uint64_t now)
{
    struct amount bytes, packets;
    uint64_t orig;

    now <<= TICK_SHIFT;
    measure(pkt, &bytes, &packets);
    if (p->count_packets && !bucket_take(&p->packets, now, &packets)) {
        goto drop;
    }
    if (measure_colour(p, now, &bytes) == RED) {
        if (p->count_packets) {
            bucket_give(&p->packets, &packets);
        }
        goto drop;
    }
    atomic_add_relaxed(&p->passed_packets, packets.total, &orig);
    atomic_add_relaxed(&p->passed_bytes, bytes.total, &orig);
    return true;

drop:
    atomic_add_relaxed(&p->dropped_packets, packets.total, &orig);
    return false;
}

struct dpdk_vdpa_policer *
dpdk_vdpa_policer_create(const struct dpdk_vdpa_policer_config *config)
{
    struct dpdk_vdpa_policer *p = xzalloc_cacheline(sizeof *p);

    p->n_meters = config->n_meters;
    for (unsigned int i = 0; i < p->n_meters; i++) {
        bucket_init(&p->meters[i].committed, &config->meters[i].committed);
        bucket_init(&p->meters[i].excess, &config->meters[i].excess);
    }
    p->count_packets = config->packets.rate > 0;
    bucket_init(&p->packets, &config->packets);
    return p;
}

void
dpdk_vdpa_policer_destroy(struct dpdk_vdpa_policer *p)
{
    free_cacheline(p);
}

void
dpdk_vdpa_policer_get_stats(const struct dpdk_vdpa_policer *p,
                            struct dpdk_vdpa_policer_stats *stats)
{
    stats->passed_packets = dpdk_vdpa_counter_read(&p->passed_packets);
    stats->passed_bytes = dpdk_vdpa_counter_read(&p->passed_bytes);
    stats->dropped_packets = dpdk_vdpa_counter_read(&p->dropped_packets);
}
