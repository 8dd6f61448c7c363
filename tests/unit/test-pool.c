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

/* Unit tests of the mempools that VFs share: who gets a share in which, what
 * becomes of them, and what Open vSwitch's settings say. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

/* Many ports want more memory than unit tests have.  If there is none at all,
 * a mempool has a size. */
static bool without_memory;

static struct rte_mempool *
pool_create_or_not(const char *name, unsigned int n_mbufs,
                   unsigned int cache_size, uint16_t priv_size,
                   uint16_t room, int numa_node)
{
    struct rte_mempool *mempool;

    if (!without_memory) {
        return rte_pktmbuf_pool_create(name, n_mbufs, cache_size, priv_size,
                                       room, numa_node);
    }
    mempool = calloc(1, sizeof *mempool);
    mempool->size = n_mbufs;
    return mempool;
}

static int
mempool_full_or_not(const struct rte_mempool *mempool)
{
    return without_memory || rte_mempool_full(mempool);
}

static void
mempool_free_or_not(struct rte_mempool *mempool)
{
    if (without_memory) {
        free(mempool);
    } else {
        rte_mempool_free(mempool);
    }
}

#define rte_pktmbuf_pool_create pool_create_or_not
#define rte_mempool_full mempool_full_or_not
#define rte_mempool_free mempool_free_or_not
#include "lib/accel/pool.c"
#include "tests/unit/test-eal.h"

#define DATA_LEN 1024
#define N 100                   /* Mbufs in a share. */

/* Begins with other_config 'key'='value', and 'mask' as pmd-cpu-mask. */
static void
begin(const char *key, const char *value, const char *mask)
{
    struct smap config = SMAP_INITIALIZER(&config);

    free(user_sizes);
    user_sizes = NULL;
    n_user_sizes = 0;
    smap_add(&config, key, value);
    smap_add(&config, "pmd-cpu-mask", mask);
    dpdk_vdpa_pool_init(&config);
    smap_destroy(&config);
}

static int
setup(void **state OVS_UNUSED)
{
    begin("dpdk-init", "true", "1");
    return 0;
}

/* No test leaves a mempool. */
static int
teardown(void **state OVS_UNUSED)
{
    return dpdk_vdpa_pool_sweep() || !ovs_list_is_empty(&pools);
}

static struct dpdk_vdpa_share *
take(unsigned int n_mbufs)
{
    struct dpdk_vdpa_share *share;

    share = dpdk_vdpa_pool_take(SOCKET_ID_ANY, DATA_LEN, n_mbufs, 2);
    assert_non_null(share);
    return share;
}

static size_t
count_pools(void)
{
    return ovs_list_size(&pools);
}

/* A mempool is as large as its first share and the caches of PMD threads, with
 * nothing to spare as long as there are few. */
static void
test_size(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_share *share = take(N);
    struct dpdk_vdpa_pool_info info;

    dpdk_vdpa_pool_get_info(share, &info);
    assert_int_equal(info.n_share, N);
    assert_int_equal(info.n_mbufs, N + CACHE_KEEPS);
    assert_int_equal(info.n_in_use, 0);
    assert_int_equal(info.n_shares, 1);
    assert_int_equal(info.data_len, DATA_LEN);
    assert_true(info.size > info.n_mbufs * DATA_LEN);
    assert_true(info.size < info.n_mbufs * (DATA_LEN + 512));
    assert_int_equal(rte_pktmbuf_data_room_size(
                         dpdk_vdpa_pool_mempool(share)),
                     DATA_LEN + RTE_PKTMBUF_HEADROOM);
    dpdk_vdpa_pool_give(share);
}

/* A thread keeps as many as we think: what DPDK flushes a cache at. */
static void
test_cache(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_share *share = take(N);
    const struct rte_mempool_cache *cache
        = rte_mempool_default_cache(dpdk_vdpa_pool_mempool(share),
                                    rte_lcore_id());

    assert_non_null(cache);
    assert_int_equal(cache->size, CACHE_SIZE);
    assert_int_equal(cache->flushthresh, CACHE_KEEPS);
    dpdk_vdpa_pool_give(share);
}

/* Whatever all threads keep, each share can be used up. */
static void
test_all_of_it(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_share *shares[24];

    for (int i = 0; i < ARRAY_SIZE(shares); i++) {
        const struct pool *pool;

        shares[i] = take(N);
        LIST_FOR_EACH (pool, list_node, &pools) {
            assert_true(pool->n_taken + CACHE_KEEPS
                        <= pool->mempool->size);
        }
    }
    for (int i = 0; i < ARRAY_SIZE(shares); i++) {
        dpdk_vdpa_pool_give(shares[i]);
    }
}

/* The more there is, the more shares a mempool has room for; and what is not
 * used is little. */
static void
test_shared(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_share *shares[40], *large;
    unsigned int n_mbufs = 0, older = 0;
    const struct pool *pool;

    for (int i = 0; i < ARRAY_SIZE(shares); i++) {
        shares[i] = take(N);
    }
    assert_true(count_pools() >= 2
                && count_pools() <= ARRAY_SIZE(shares) / 2);
    LIST_FOR_EACH (pool, list_node, &pools) {
        n_mbufs += pool->mempool->size - CACHE_KEEPS;
    }
    assert_true(n_mbufs >= ARRAY_SIZE(shares) * N
                && (n_mbufs <= ARRAY_SIZE(shares) * N
                               + count_pools() * CACHE_KEEPS));
    assert_ptr_equal(dpdk_vdpa_pool_mempool(shares[38]),
                     dpdk_vdpa_pool_mempool(shares[39]));

    /* One that is larger has a mempool of its own, while there is room for
     * small ones. */
    large = take(20 * N);
    assert_int_equal(large->pool->n_shares, 1);
    dpdk_vdpa_pool_give(large);

    /* Room that is given back is taken again, of the oldest mempool first. */
    while (shares[older]->pool->n_shares == 1) {
        older++;
    }
    pool = shares[older]->pool;
    assert_ptr_not_equal(pool, shares[39]->pool);
    dpdk_vdpa_pool_give(shares[39]);
    dpdk_vdpa_pool_give(shares[older]);
    shares[older] = take(N);
    assert_ptr_equal(shares[older]->pool, pool);
    shares[39] = take(N);
    assert_ptr_equal(shares[39]->pool, shares[38]->pool);
    for (int i = 0; i < ARRAY_SIZE(shares); i++) {
        dpdk_vdpa_pool_give(shares[i]);
    }
}

/* What all mempools take, in bytes. */
static size_t
count_bytes(void)
{
    const struct pool *pool;
    size_t n = 0;

    LIST_FOR_EACH (pool, list_node, &pools) {
        n += dpdk_vdpa_pool_size(pool->mempool->size, pool->data_len);
    }
    return n;
}

/* 100 ports with one queue pair each, with segmentation, fit into 1 GB of
 * hugepages with up to 14 PMD threads; and no number of ports takes more than
 * port-guide.rst says. */
static void
test_hundred_ports(void **state OVS_UNUSED)
{
    enum { PAIR = 2 * 1024 + 128 + 960, PORTS = 100 };
    struct dpdk_vdpa_share *shares[PORTS];

    without_memory = true;
    for (unsigned int n_pmd = 1; n_pmd <= 14; n_pmd++) {
        for (int i = 0; i < PORTS; i++) {
            size_t kept, need;

            shares[i] = dpdk_vdpa_pool_take(0, 2048, PAIR, 1 + n_pmd);
            assert_non_null(shares[i]);
            kept = count_pools() * n_pmd * 576;
            need = (i + 1) * PAIR;
            assert_true(count_bytes()
                        <= dpdk_vdpa_pool_size(need + 2 * kept, 2048));
        }
        print_message("%u PMD threads: %"PRIuSIZE" MB in %"PRIuSIZE" pools\n",
                      n_pmd, count_bytes() >> 20, count_pools());
        assert_true(count_bytes() <= UINT32_C(1) << 30);
        for (int i = 0; i < PORTS; i++) {
            dpdk_vdpa_pool_give(shares[i]);
        }
        assert_int_equal(count_pools(), 0);
    }
    without_memory = false;
}

/* What differs in size or node is not shared. */
static void
test_kinds(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_share *a, *b;

    a = take(N);
    b = dpdk_vdpa_pool_take(SOCKET_ID_ANY, 2 * DATA_LEN, N, 2);
    assert_non_null(b);
    assert_ptr_not_equal(a->pool, b->pool);
    assert_true(dpdk_vdpa_pool_is(a, SOCKET_ID_ANY, DATA_LEN, N, 2));
    assert_false(dpdk_vdpa_pool_is(a, 0, DATA_LEN, N, 2));
    assert_false(dpdk_vdpa_pool_is(a, SOCKET_ID_ANY, 2 * DATA_LEN, N, 2));
    assert_false(dpdk_vdpa_pool_is(a, SOCKET_ID_ANY, DATA_LEN, N - 1, 2));
    assert_false(dpdk_vdpa_pool_is(a, SOCKET_ID_ANY, DATA_LEN, N, 3));
    assert_false(dpdk_vdpa_pool_is(NULL, SOCKET_ID_ANY, DATA_LEN, N, 2));
    dpdk_vdpa_pool_give(a);
    dpdk_vdpa_pool_give(b);
}

/* A mempool waits for its mbufs, and goes then. */
static void
test_given_back(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_share *share = take(N);
    struct rte_mbuf *mbuf;

    mbuf = rte_pktmbuf_alloc(dpdk_vdpa_pool_mempool(share));
    assert_non_null(mbuf);
    dpdk_vdpa_pool_give(share);
    assert_int_equal(dpdk_vdpa_pool_sweep(), 1);
    assert_int_equal(count_pools(), 1);
    rte_pktmbuf_free(mbuf);
    assert_int_equal(dpdk_vdpa_pool_sweep(), 0);
    assert_int_equal(count_pools(), 0);

    /* One in use does not count as waiting, and stays. */
    share = take(N);
    assert_int_equal(dpdk_vdpa_pool_sweep(), 0);
    assert_int_equal(count_pools(), 1);
    dpdk_vdpa_pool_give(share);
    dpdk_vdpa_pool_give(NULL);
}

/* A mempool that is too small for so many threads is so for each share until
 * enough of them have left. */
static void
test_threads(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_share *a = take(N), *b;

    assert_true(dpdk_vdpa_pool_is_enough_for(a, 1));
    assert_true(dpdk_vdpa_pool_is_enough_for(a, 2));
    assert_false(dpdk_vdpa_pool_is_enough_for(a, 3));
    b = dpdk_vdpa_pool_take(SOCKET_ID_ANY, DATA_LEN, N, 3);
    assert_non_null(b);
    assert_ptr_not_equal(a->pool, b->pool);
    assert_true(dpdk_vdpa_pool_is_enough_for(b, 3));
    dpdk_vdpa_pool_give(a);
    dpdk_vdpa_pool_give(b);

    /* Threads that are going to be there count before they are. */
    begin("dpdk-init", "true", "0x3");
    assert_int_equal(min_threads, 3);
    a = take(N);
    assert_true(dpdk_vdpa_pool_is_enough_for(a, 3));
    assert_false(dpdk_vdpa_pool_is_enough_for(a, 4));
    dpdk_vdpa_pool_give(a);
    begin("dpdk-init", "true", "F0f");
    assert_int_equal(min_threads, 9);
    begin("dpdk-init", "true", "");
    assert_int_equal(min_threads, 1 + rte_socket_count());
}

/* What threads keep that have ended is not there for others. */
static void
test_threads_ended(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_share *a, *b;

    a = dpdk_vdpa_pool_take(SOCKET_ID_ANY, DATA_LEN, N, 4);
    assert_non_null(a);
    b = take(N);
    assert_ptr_not_equal(a->pool, b->pool);
    dpdk_vdpa_pool_give(a);
    dpdk_vdpa_pool_give(b);
}

/* There is no memory: neither for many shares, which is no error as long as
 * there is some for one, nor for one. */
static void
test_exhausted(void **state OVS_UNUSED)
{
    enum { LARGE = 1000 };
    struct dpdk_vdpa_share *shares[64];
    unsigned int n = 0;

    while (n < ARRAY_SIZE(shares)) {
        shares[n] = dpdk_vdpa_pool_take(SOCKET_ID_ANY, DATA_LEN, LARGE, 2);
        if (!shares[n]) {
            break;
        }
        n++;
    }
    assert_true(n && n < ARRAY_SIZE(shares));
    assert_int_equal(shares[0]->pool->n_shares, 1);
    dpdk_vdpa_pool_give(shares[0]);
    assert_true(count_shares(SOCKET_ID_ANY, DATA_LEN, LARGE) > 1);
    shares[0] = take(LARGE);
    assert_int_equal(shares[0]->pool->mempool->size, LARGE + CACHE_KEEPS);
    while (n) {
        dpdk_vdpa_pool_give(shares[--n]);
    }
}

/* per-port-memory: nobody shares. */
static void
test_per_port(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_share *shares[12];

    begin("per-port-memory", "true", "1");
    for (int i = 0; i < ARRAY_SIZE(shares); i++) {
        shares[i] = take(N);
        assert_int_equal(shares[i]->pool->n_shares, 1);
        assert_int_equal(shares[i]->pool->mempool->size, N + CACHE_KEEPS);
    }
    assert_int_equal(count_pools(), ARRAY_SIZE(shares));
    for (int i = 0; i < ARRAY_SIZE(shares); i++) {
        dpdk_vdpa_pool_give(shares[i]);
    }
}

/* Fails unless a port on 'numa_node' with 'mtu' has mbufs of 'data_len'. */
static void
check_len(uint16_t mtu, int numa_node, uint32_t data_len)
{
    assert_int_equal(dpdk_vdpa_pool_data_len(mtu, numa_node), data_len);
}

/* shared-mempool-config: the smallest size that is enough. */
static void
test_shared_config(void **state OVS_UNUSED)
{
    check_len(68, 0, 1024);
    check_len(1500, 0, 2048);
    check_len(9000, 0, 9216);

    begin("shared-mempool-config", "9000,1500:1,6000:1", "1");
    check_len(1500, 0, 9216);
    check_len(1500, 1, 2048);
    check_len(68, 1, 2048);
    check_len(3000, 1, 6144);
    check_len(6000, 1, 6144);
    check_len(9000, 1, 9216);
    check_len(9100, 1, 9216);
    check_len(9500, 1, 10240);

    begin("shared-mempool-config", "9000,nonsense", "1");
    check_len(1500, 0, 2048);
    begin("shared-mempool-config", "9000:-1", "1");
    check_len(1500, 0, 2048);
    begin("shared-mempool-config", "-3", "1");
    check_len(1500, 0, 2048);
}

int
main(void)
{
#define TEST(F) cmocka_unit_test_setup_teardown(F, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_size),
        TEST(test_cache), TEST(test_all_of_it),
        TEST(test_shared),
        TEST(test_hundred_ports),
        TEST(test_kinds),
        TEST(test_given_back),
        TEST(test_threads), TEST(test_threads_ended),
        TEST(test_exhausted),
        TEST(test_per_port),
        TEST(test_shared_config),
    };

    if (!test_eal_init()) {
        return 1;
    }
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
