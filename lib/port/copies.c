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

#include "port/copies.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "ovs-atomic.h"
#include "util.h"

/* Packets on their way: as many as fit into so many bytes, within limits. */
#define QUEUE_BYTES (16 * 1024 * 1024)
#define MIN_QUEUE_LEN 255
#define MAX_QUEUE_LEN 8191

struct vdpa_copies {
    /* Constant. */
    uint32_t snaplen;
    uint64_t count;                     /* UINT64_MAX for no limit. */
    struct rte_mempool *mempool;
    struct rte_ring *ring;              /* From PMD threads. */

    atomic_uint64_t n_taken;            /* Written by PMD threads. */
    atomic_uint64_t n_missed;           /* By them and the consumer. */
    atomic_uint64_t n_written;          /* By the consumer. */
    atomic_bool closed;
};

static uint64_t
read_counter(const atomic_uint64_t *counter)
{
    uint64_t value;

    atomic_read_relaxed(CONST_CAST(atomic_uint64_t *, counter), &value);
    return value;
}

static bool
is_closed(const struct vdpa_copies *c)
{
    bool closed;

    atomic_read_relaxed(&CONST_CAST(struct vdpa_copies *, c)->closed, &closed);
    return closed;
}

/* PMD threads. */

/* Returns how many of 'n' packets are within the limit, and counts them. */
static unsigned int
copies_reserve(struct vdpa_copies *c, unsigned int n)
{
    uint64_t before;

    if (read_counter(&c->n_taken) >= c->count || is_closed(c)) {
        return 0;
    }
    atomic_add(&c->n_taken, n, &before);
    return before >= c->count ? 0 : MIN(n, c->count - before);
}

static bool
copy_packet(struct vdpa_copies *c, enum dpdk_vdpa_direction dir,
            uint16_t queue, const struct rte_mbuf *pkt)
{
    struct rte_mbuf *copy = rte_pktmbuf_copy(pkt, c->mempool, 0, c->snaplen);
    struct vdpa_copy_info *info;

    if (!copy) {
        return false;
    }
    info = rte_mbuf_to_priv(copy);
    info->tsc = rte_get_tsc_cycles();
    info->original_len = pkt->pkt_len;
    info->queue = queue;
    info->inbound = dir == DPDK_VDPA_VF_TO_VM;
    if (rte_ring_mp_enqueue(c->ring, copy)) {
        rte_pktmbuf_free(copy);
        return false;
    }
    return true;
}

void
vdpa_copies_add(struct vdpa_copies *c, enum dpdk_vdpa_direction dir,
                uint16_t queue, struct rte_mbuf *const *pkts, unsigned int n)
{
    unsigned int n_missed = 0;

    n = copies_reserve(c, n);
    for (unsigned int i = 0; i < n; i++) {
        n_missed += !copy_packet(c, dir, queue, pkts[i]);
    }
    if (n_missed) {
        vdpa_copies_count_missed(c, n_missed);
    }
}

/* The consumer. */

unsigned int
vdpa_copies_take(struct vdpa_copies *c, struct rte_mbuf **pkts,
                 unsigned int n)
{
    return rte_ring_sc_dequeue_burst(c->ring, (void **) pkts, n, NULL);
}

void
vdpa_copies_count_written(struct vdpa_copies *c, unsigned int n)
{
    uint64_t orig;

    atomic_add_relaxed(&c->n_written, n, &orig);
}

void
vdpa_copies_count_missed(struct vdpa_copies *c, unsigned int n)
{
    uint64_t orig;

    atomic_add_relaxed(&c->n_missed, n, &orig);
}

void
vdpa_copies_close(struct vdpa_copies *c)
{
    atomic_store_relaxed(&c->closed, true);
}

bool
vdpa_copies_is_done(const struct vdpa_copies *c)
{
    return (is_closed(c)
            || vdpa_copies_n_written(c) + vdpa_copies_n_missed(c)
               >= c->count);
}

uint64_t
vdpa_copies_n_written(const struct vdpa_copies *c)
{
    return read_counter(&c->n_written);
}

uint64_t
vdpa_copies_n_missed(const struct vdpa_copies *c)
{
    return read_counter(&c->n_missed);
}

/* Life. */

void
vdpa_copies_destroy(struct vdpa_copies *c)
{
    struct rte_mbuf *pkt;

    if (c) {
        while (c->ring && vdpa_copies_take(c, &pkt, 1)) {
            rte_pktmbuf_free(pkt);
        }
        rte_ring_free(c->ring);
        rte_mempool_free(c->mempool);
        free(c);
    }
}

int
vdpa_copies_create(const struct vdpa_copies_config *config,
                   struct vdpa_copies **cp, char **errp)
{
    static unsigned int serial;
    unsigned int n = QUEUE_BYTES / config->room;
    struct vdpa_copies *c = xzalloc(sizeof *c);
    char name[RTE_MEMPOOL_NAMESIZE];

    n = MAX(MIN(n, MAX_QUEUE_LEN), MIN_QUEUE_LEN);
    c->snaplen = config->snaplen;
    c->count = config->count ? config->count : UINT64_MAX;
    snprintf(name, sizeof name, "dpdkvdpa_copies_%u", serial++);
    c->mempool = rte_pktmbuf_pool_create(
        name, n, 0,
        ROUND_UP(sizeof(struct vdpa_copy_info), RTE_MBUF_PRIV_ALIGN),
        RTE_PKTMBUF_HEADROOM + config->room, config->numa_node);
    c->ring = rte_ring_create(name, rte_align32pow2(n + 1), config->numa_node,
                              RING_F_SC_DEQ);
    if (!c->mempool || !c->ring) {
        *errp = xasprintf("no memory for a capture; give DPDK more hugepages "
                          "or ask for a smaller snaplen than %"PRIu32,
                          config->snaplen);
        vdpa_copies_destroy(c);
        return ENOMEM;
    }
    *cp = c;
    return 0;
}
