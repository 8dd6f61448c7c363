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

#include "accel/pool.h"

#include <limits.h>
#include <stdlib.h>

#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "openvswitch/list.h"
#include "openvswitch/ofp-parse.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_pool);

/* Mbufs in the cache of each thread.  What a burst takes beyond that comes out
 * of the ring of all threads and goes back to its end, so goes round all the
 * pool, which is more than the caches of a CPU hold; and packets of 64 KB take
 * 32 mbufs each. */
#define CACHE_SIZE 384

/* What a PMD thread keeps at most, also when it uses the mempool no more,
 * because an rx-queue has moved: DPDK flushes a cache that is half as full
 * again. */
#define CACHE_KEEPS (CACHE_SIZE * 3 / 2)

/* Room for data in an mbuf is a multiple of this, as in Open vSwitch's. */
#define DATA_ALIGN 1024

/* A mempool. */
struct pool {
    struct ovs_list list_node;  /* In 'pools'. */
    struct rte_mempool *mempool;
    int numa_node;
    uint32_t data_len;
    unsigned int n_taken;       /* Mbufs in shares. */
    unsigned int n_shares;
    unsigned int n_threads;     /* Most that there were: what is in the cache
                                 * of one that ended stays there. */
};

struct dpdk_vdpa_share {
    struct pool *pool;
    unsigned int n_mbufs;
};

/* A size that the user wants mbufs to have, as far as it is enough. */
struct user_size {
    uint32_t data_len;
    int numa_node;              /* INT_MAX for all. */
};

/* Constant after dpdk_vdpa_pool_init(). */
static bool per_port;
static struct user_size *user_sizes;
static size_t n_user_sizes;
static unsigned int min_threads;

/* A leaf; DPDK is called with it.  A port may go in any thread. */
static struct ovs_mutex pools_mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list pools OVS_GUARDED_BY(pools_mutex)
    = OVS_LIST_INITIALIZER(&pools);

/* Settings. */

static uint32_t
data_len_for(int mtu)
{
    return ROUND_UP(mtu + DPDK_VDPA_FRAME_OVERHEAD, DATA_ALIGN);
}

/* Reads shared-mempool-config, MTUs with or without a NUMA node.  If one is
 * wrong Open vSwitch, which says so, does without all, and so do we. */
static void
parse_user_sizes(const char *list_)
{
    char *list, *copy, *mtu_s, *node_s;

    list = copy = xstrdup(list_);
    while (ofputil_parse_key_value(&list, &mtu_s, &node_s)) {
        int mtu, node;

        if (!str_to_int(node_s, 0, &node)) {
            node = INT_MAX;
        }
        if (!str_to_int(mtu_s, 0, &mtu) || mtu < 0 || node < 0) {
            n_user_sizes = 0;
            break;
        }
        user_sizes = xrealloc(user_sizes,
                              (n_user_sizes + 1) * sizeof *user_sizes);
        user_sizes[n_user_sizes++] = (struct user_size) {
            .data_len = data_len_for(mtu),
            .numa_node = node,
        };
    }
    free(copy);
}

/* Returns how many threads there are going to be as far as it is known before
 * there are: the main thread and those of pmd-cpu-mask, which is 'mask', or
 * one for each NUMA node. */
static unsigned int
count_threads(const char *mask)
{
    unsigned int n = 0;

    for (; mask && *mask; mask++) {
        n += count_1bits(MAX(hexit_value(*mask), 0));
    }
    return 1 + (n ? n : rte_socket_count());
}

void
dpdk_vdpa_pool_init(const struct smap *ovs_other_config)
{
    per_port = smap_get_bool(ovs_other_config, "per-port-memory", false);
    if (!per_port) {
        parse_user_sizes(smap_get_def(ovs_other_config,
                                      "shared-mempool-config", ""));
    }
    min_threads = count_threads(smap_get(ovs_other_config, "pmd-cpu-mask"));
}

uint32_t
dpdk_vdpa_pool_data_len(uint16_t mtu, int numa_node)
{
    uint32_t data_len = data_len_for(mtu);
    uint32_t best = UINT32_MAX;

    for (size_t i = 0; i < n_user_sizes; i++) {
        const struct user_size *size = &user_sizes[i];

        if (size->data_len >= data_len
            && (size->numa_node == INT_MAX || size->numa_node == numa_node)) {
            best = MIN(best, size->data_len);
        }
    }
    return best == UINT32_MAX ? data_len : best;
}

/* Mempools. */

static uint32_t
room_for(uint32_t data_len)
{
    return RTE_PKTMBUF_HEADROOM + data_len;
}

size_t
dpdk_vdpa_pool_size(unsigned int n_mbufs, uint32_t data_len)
{
    return (n_mbufs
            * (size_t) rte_mempool_calc_obj_size(sizeof(struct rte_mbuf)
                                                 + room_for(data_len), 0,
                                                 NULL));
}

/* Returns how many mbufs 'n_threads' keep at most.  One is the main thread,
 * which keeps none: Open vSwitch takes its lcore away, and with it its cache
 * (dpdk_init()).  There is going to be another one. */
static unsigned int
count_kept(unsigned int n_threads)
{
    return MAX(n_threads, 2) * CACHE_KEEPS - CACHE_KEEPS;
}

/* Returns how many mbufs 'pool' has for shares if 'n_threads' use it. */
static unsigned int
pool_capacity(const struct pool *pool, unsigned int n_threads)
{
    unsigned int kept = count_kept(n_threads);

    return pool->mempool->size > kept ? pool->mempool->size - kept : 0;
}

/* Creates a mempool with room for shares of 'n_mbufs' mbufs together. */
static struct pool *
pool_create(int numa_node, uint32_t data_len, unsigned int n_mbufs,
            unsigned int n_threads)
    OVS_REQUIRES(pools_mutex)
{
    static unsigned int serial;
    char name[RTE_MEMPOOL_NAMESIZE];
    struct rte_mempool *mempool;
    struct pool *pool;

    snprintf(name, sizeof name, "dpdkvdpa_%u", serial++);
    mempool = rte_pktmbuf_pool_create(name, n_mbufs + count_kept(n_threads),
                                      CACHE_SIZE, 0, room_for(data_len),
                                      numa_node);
    if (!mempool) {
        return NULL;
    }
    pool = xzalloc(sizeof *pool);
    pool->mempool = mempool;
    pool->numa_node = numa_node;
    pool->data_len = data_len;
    pool->n_threads = n_threads;
    ovs_list_push_back(&pools, &pool->list_node);
    VLOG_DBG("%s: %u mbufs of %"PRIu32" bytes on NUMA node %d", name,
             mempool->size, data_len, numa_node);
    return pool;
}

static bool
pool_is_of(const struct pool *pool, int numa_node, uint32_t data_len)
{
    return pool->numa_node == numa_node && pool->data_len == data_len;
}

/* Returns a mempool that has room for 'n_mbufs' more, or null.  The oldest one
 * comes first, so that younger ones become empty. */
static struct pool *
find_pool(int numa_node, uint32_t data_len, unsigned int n_mbufs,
          unsigned int n_threads)
    OVS_REQUIRES(pools_mutex)
{
    struct pool *pool;

    LIST_FOR_EACH (pool, list_node, &pools) {
        if (pool_is_of(pool, numa_node, data_len)
            && (pool->n_taken + n_mbufs
                <= pool_capacity(pool, MAX(n_threads, pool->n_threads)))) {
            pool->n_threads = MAX(n_threads, pool->n_threads);
            return pool;
        }
    }
    return NULL;
}

/* Returns how many shares of 'n_mbufs' a new mempool is to have room for: as
 * many as take what threads keep of all others of its kind together.  So what
 * is not used is less than what threads keep, and that grows with the square
 * root of the number of shares only. */
static unsigned int
count_shares(int numa_node, uint32_t data_len, unsigned int n_mbufs)
    OVS_REQUIRES(pools_mutex)
{
    unsigned int n_kept = 0;
    struct pool *pool;

    LIST_FOR_EACH (pool, list_node, &pools) {
        if (pool_is_of(pool, numa_node, data_len)) {
            n_kept += count_kept(pool->n_threads);
        }
    }
    return MAX(n_kept / n_mbufs, 1);
}

/* Finds or creates a mempool for a share. */
static struct pool *
get_pool(int numa_node, uint32_t data_len, unsigned int n_mbufs,
         unsigned int n_threads)
    OVS_REQUIRES(pools_mutex)
{
    struct pool *pool = NULL;
    unsigned int n = 1;

    n_threads = MAX(n_threads, min_threads);
    if (!per_port) {
        pool = find_pool(numa_node, data_len, n_mbufs, n_threads);
        n = count_shares(numa_node, data_len, n_mbufs);
    }
    if (!pool) {
        pool = pool_create(numa_node, data_len, n * n_mbufs, n_threads);
    }
    return (pool || n == 1 ? pool
            : pool_create(numa_node, data_len, n_mbufs, n_threads));
}

/* Shares. */

struct dpdk_vdpa_share *
dpdk_vdpa_pool_take(int numa_node, uint32_t data_len, unsigned int n_mbufs,
                    unsigned int n_threads)
    OVS_EXCLUDED(pools_mutex)
{
    struct dpdk_vdpa_share *share = NULL;
    struct pool *pool;

    ovs_mutex_lock(&pools_mutex);
    pool = get_pool(numa_node, data_len, n_mbufs, n_threads);
    if (pool) {
        share = xmalloc(sizeof *share);
        share->pool = pool;
        share->n_mbufs = n_mbufs;
        pool->n_taken += n_mbufs;
        pool->n_shares++;
    }
    ovs_mutex_unlock(&pools_mutex);
    return share;
}

unsigned int
dpdk_vdpa_pool_sweep(void)
    OVS_EXCLUDED(pools_mutex)
{
    unsigned int n = 0;
    struct pool *pool;

    ovs_mutex_lock(&pools_mutex);
    LIST_FOR_EACH_SAFE (pool, list_node, &pools) {
        if (pool->n_shares) {
            continue;
        }
        if (rte_mempool_full(pool->mempool)) {
            rte_mempool_free(pool->mempool);
            ovs_list_remove(&pool->list_node);
            free(pool);
        } else {
            n++;
        }
    }
    ovs_mutex_unlock(&pools_mutex);
    return n;
}

void
dpdk_vdpa_pool_give(struct dpdk_vdpa_share *share)
    OVS_EXCLUDED(pools_mutex)
{
    if (share) {
        ovs_mutex_lock(&pools_mutex);
        share->pool->n_taken -= share->n_mbufs;
        share->pool->n_shares--;
        ovs_mutex_unlock(&pools_mutex);
        free(share);
        dpdk_vdpa_pool_sweep();
    }
}

bool
dpdk_vdpa_pool_is(const struct dpdk_vdpa_share *share, int numa_node,
                  uint32_t data_len, unsigned int n_mbufs,
                  unsigned int n_threads)
    OVS_EXCLUDED(pools_mutex)
{
    return (share && pool_is_of(share->pool, numa_node, data_len)
            && share->n_mbufs == n_mbufs
            && dpdk_vdpa_pool_is_enough_for(share, n_threads));
}

bool
dpdk_vdpa_pool_is_enough_for(const struct dpdk_vdpa_share *share,
                             unsigned int n_threads)
    OVS_EXCLUDED(pools_mutex)
{
    struct pool *pool = share->pool;
    bool enough;

    ovs_mutex_lock(&pools_mutex);
    pool->n_threads = MAX(n_threads, pool->n_threads);
    enough = pool->n_taken <= pool_capacity(pool, n_threads);
    ovs_mutex_unlock(&pools_mutex);
    return enough;
}

struct rte_mempool *
dpdk_vdpa_pool_mempool(const struct dpdk_vdpa_share *share)
{
    return share->pool->mempool;
}

void
dpdk_vdpa_pool_get_info(const struct dpdk_vdpa_share *share,
                        struct dpdk_vdpa_pool_info *info)
    OVS_EXCLUDED(pools_mutex)
{
    const struct pool *pool = share->pool;

    ovs_mutex_lock(&pools_mutex);
    *info = (struct dpdk_vdpa_pool_info) {
        .n_share = share->n_mbufs,
        .n_mbufs = pool->mempool->size,
        .n_in_use = rte_mempool_in_use_count(pool->mempool),
        .n_shares = pool->n_shares,
        .data_len = pool->data_len,
        .size = dpdk_vdpa_pool_size(pool->mempool->size, pool->data_len),
        .name = pool->mempool->name,
    };
    ovs_mutex_unlock(&pools_mutex);
}
