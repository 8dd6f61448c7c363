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

/* Unit tests of buffers that are lent: that they leave in their order, never
 * before all of their segments are free, whoever frees them. */

#include <config.h>

#include "vhost/lend.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "tests/unit/test-eal.h"
#include "util.h"

#define N_MBUFS 1023
#define MAX_SEGMENTS 5
#define SEGMENT_LEN 32

static struct rte_mempool *mempool;

static int
setup_eal(void **state OVS_UNUSED)
{
    mempool = test_eal_mempool(N_MBUFS);
    return mempool ? 0 : -1;
}

/* Has a buffer enter of which 'n' segments are lent, those of the memory at
 * 'data', which become 'segs'. */
static void
lend_buffer(struct dpdk_vdpa_lend *lend, uint16_t id, const uint8_t *data,
            struct rte_mbuf **segs, unsigned int n)
{
    dpdk_vdpa_lend_push(lend, id, 1, 1, n);
    for (unsigned int i = 0; i < n; i++) {
        segs[i] = dpdk_vdpa_lend_segment(lend, mempool, &data[i * SEGMENT_LEN],
                                         SEGMENT_LEN, RTE_BAD_IOVA);
    }
}

/* Checks that 'n' buffers can go back, the first of which is 'id'. */
static void
check_free(const struct dpdk_vdpa_lend *lend, unsigned int n, int id)
{
    assert_int_equal(dpdk_vdpa_lend_n_free(lend), n);
    if (n) {
        assert_int_equal(dpdk_vdpa_lend_first(lend)->id, id);
    }
}

static void
test_order(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(16, NULL);
    uint8_t data[MAX_SEGMENTS * SEGMENT_LEN] = { 0 };
    struct rte_mbuf *a[2], *b[1];
    const char *reason;

    assert_false(dpdk_vdpa_lend_is_out(lend));
    check_free(lend, 0, 0);
    lend_buffer(lend, 7, data, a, 2);
    lend_buffer(lend, 3, data, b, 1);
    lend_buffer(lend, 5, data, NULL, 0);        /* A copy. */
    for (unsigned int i = 0; i < 2; i++) {
        assert_int_equal(rte_mbuf_check(a[i], 1, &reason), 0);
        assert_ptr_equal(rte_pktmbuf_mtod(a[i], uint8_t *),
                         &data[i * SEGMENT_LEN]);
        assert_int_equal(a[i]->data_len, SEGMENT_LEN);
    }

    /* The younger ones are free, and wait. */
    rte_pktmbuf_free(b[0]);
    rte_pktmbuf_free(a[1]);
    check_free(lend, 0, 0);
    assert_true(dpdk_vdpa_lend_is_out(lend));
    rte_pktmbuf_free(a[0]);
    assert_false(dpdk_vdpa_lend_is_out(lend));
    for (unsigned int i = 0; i < 3; i++) {
        check_free(lend, 3 - i, i == 0 ? 7 : i == 1 ? 3 : 5);
        dpdk_vdpa_lend_pop(lend);
    }
    check_free(lend, 0, 0);
    assert_true(rte_mempool_full(mempool));
    dpdk_vdpa_lend_destroy(lend);
}

/* Who clones a segment, or the clone, has one more, whatever came back before
 * that. */
static void
test_clone(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(4, NULL);
    uint8_t data[SEGMENT_LEN] = { 0 };
    struct rte_mbuf *seg, *clone, *other;

    lend_buffer(lend, 1, data, &seg, 1);
    clone = rte_pktmbuf_clone(seg, mempool);
    assert_non_null(clone);
    rte_pktmbuf_free(seg);
    check_free(lend, 0, 0);
    assert_true(dpdk_vdpa_lend_is_out(lend));
    other = rte_pktmbuf_clone(clone, mempool);
    assert_non_null(other);
    rte_pktmbuf_free(clone);
    check_free(lend, 0, 0);
    rte_pktmbuf_free(other);
    check_free(lend, 1, 1);
    assert_false(dpdk_vdpa_lend_is_out(lend));
    assert_true(rte_mempool_full(mempool));
    dpdk_vdpa_lend_destroy(lend);
}

/* A segment that was lent is as good as new, whatever who had it did. */
static void
test_again(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(4, NULL);
    uint8_t data[3 * SEGMENT_LEN] = { 0 };
    struct rte_mbuf *first, *seg;
    const char *reason;
    unsigned int n_spare;

    lend_buffer(lend, 1, data, &first, 1);
    n_spare = lend->n_spare;
    first->next = rte_pktmbuf_alloc(mempool);
    first->nb_segs = 2;
    first->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
    first->pool = NULL;
    first->pkt_len = 7;
    rte_pktmbuf_adj(first, 5);
    rte_pktmbuf_free(first);
    assert_true(rte_mempool_full(mempool));
    check_free(lend, 1, 1);
    dpdk_vdpa_lend_pop(lend);
    assert_int_equal(lend->n_spare, n_spare + 1);

    lend_buffer(lend, 2, &data[SEGMENT_LEN], &seg, 1);
    assert_ptr_equal(seg, first);
    assert_int_equal(rte_mbuf_check(seg, 1, &reason), 0);
    assert_ptr_equal(rte_pktmbuf_mtod(seg, uint8_t *), &data[SEGMENT_LEN]);
    assert_int_equal(seg->pkt_len, SEGMENT_LEN);
    assert_int_equal(seg->data_len, SEGMENT_LEN);
    assert_int_equal(seg->ol_flags, RTE_MBUF_F_EXTERNAL);
    assert_ptr_equal(seg->pool, mempool);
    check_free(lend, 0, 0);
    rte_pktmbuf_free(seg);
    dpdk_vdpa_lend_destroy(lend);
}

/* Buffers with all segments that there are, round and round. */
static void
test_all_segments(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(256, NULL);
    struct rte_mbuf *segs[MAX_SEGMENTS][4096];
    uint8_t *data = xzalloc(4096 * SEGMENT_LEN);
    unsigned int n = lend->n_spare / MAX_SEGMENTS;

    assert_true(n < ARRAY_SIZE(segs[0]));
    for (unsigned int round = 0; round < 7; round++) {
        for (unsigned int i = 0; i < MAX_SEGMENTS; i++) {
            lend_buffer(lend, i, data, segs[i], n);
            lend_buffer(lend, 100 + i, data, NULL, 0);
        }
        assert_true(lend->n_spare < MAX_SEGMENTS);
        for (unsigned int i = MAX_SEGMENTS; i--; ) {
            check_free(lend, 0, 0);
            rte_pktmbuf_free_bulk(segs[i], n);
        }
        for (unsigned int i = 0; i < MAX_SEGMENTS; i++) {
            check_free(lend, 2 * (MAX_SEGMENTS - i), i);
            dpdk_vdpa_lend_pop(lend);
            check_free(lend, 2 * (MAX_SEGMENTS - i) - 1, 100 + i);
            dpdk_vdpa_lend_pop(lend);
        }
        assert_true(lend->n_spare / MAX_SEGMENTS == n);
    }
    dpdk_vdpa_lend_destroy(lend);
    free(data);
}

static void
test_room(void **state OVS_UNUSED)
{
    static const uint16_t sizes[] = { 1, 5, 64, 32768 };

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(sizes[i], NULL);
        unsigned int n = 0;

        while (dpdk_vdpa_lend_has_room(lend, 1)) {
            dpdk_vdpa_lend_push(lend, n++, 1, 1, 0);
        }
        assert_int_equal(n, MAX(sizes[i] / 2, 1));
        assert_int_equal(lend->n, n);
        dpdk_vdpa_lend_pop(lend);
        assert_true(dpdk_vdpa_lend_has_room(lend, 1));
        assert_false(dpdk_vdpa_lend_has_room(lend, 2));
        dpdk_vdpa_lend_destroy(lend);
    }
}

/* What somebody may keep for ever is destroyed once he does not, and not
 * before: then the sanitizers would see it. */
static void
test_abandon(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lends[3];
    uint8_t data[SEGMENT_LEN] = { 0 };
    struct rte_mbuf *segs[3];

    for (unsigned int i = 0; i < 3; i++) {
        lends[i] = dpdk_vdpa_lend_create(4, NULL);
        lend_buffer(lends[i], 1, data, &segs[i], 1);
    }
    dpdk_vdpa_lend_abandon(lends[0]);
    dpdk_vdpa_lend_abandon(lends[1]);
    rte_pktmbuf_free(segs[0]);
    assert_false(dpdk_vdpa_lend_is_out(lends[0]));
    dpdk_vdpa_lend_abandon(lends[2]);
    assert_true(dpdk_vdpa_lend_is_out(lends[1]));
    rte_pktmbuf_free(segs[2]);
    rte_pktmbuf_free(segs[1]);
    assert_true(rte_mempool_full(mempool));
    dpdk_vdpa_lend_abandon(dpdk_vdpa_lend_create(4, NULL));
}

/* Copies in the place of packets that are lent. */

#define HEAD_LEN 100
#define REPLACED 4              /* Packets. */

/* Returns a packet whose first 'HEAD_LEN' bytes are its own, and the others,
 * in two segments, those at 'data'. */
static struct rte_mbuf *
lend_packet(struct dpdk_vdpa_lend *lend, unsigned int i, const uint8_t *data)
{
    struct rte_mbuf *segs[2], *pkt = rte_pktmbuf_alloc(mempool);

    assert_non_null(pkt);
    memset(rte_pktmbuf_append(pkt, HEAD_LEN), i, HEAD_LEN);
    lend_buffer(lend, i, data, segs, 2);
    pkt->next = segs[0];
    segs[0]->next = segs[1];
    pkt->nb_segs = 3;
    pkt->pkt_len += 2 * SEGMENT_LEN;
    pkt->ol_flags |= (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4
                      | RTE_MBUF_F_TX_IP_CKSUM);
    pkt->l2_len = 14;
    pkt->l3_len = 20;
    pkt->l4_len = 20 + 4 * i;
    pkt->tso_segsz = 500 + i;
    pkt->vlan_tci = 7;
    pkt->port = 3;
    return pkt;
}

/* A packet that is in several mbufs, none of which is lent. */
static struct rte_mbuf *
plain_packet(void)
{
    struct rte_mbuf *pkt = rte_pktmbuf_alloc(mempool);
    struct rte_mbuf *seg = rte_pktmbuf_alloc(mempool);

    assert_true(pkt && seg);
    memset(rte_pktmbuf_append(pkt, HEAD_LEN), 0xaa, HEAD_LEN);
    memset(rte_pktmbuf_append(seg, HEAD_LEN), 0xbb, HEAD_LEN);
    assert_int_equal(rte_pktmbuf_chain(pkt, seg), 0);
    return pkt;
}

/* Checks what lend_packet() made, of which nothing is lent. */
static void
check_copy(const struct rte_mbuf *pkt, unsigned int i, const uint8_t *data)
{
    uint8_t copy[HEAD_LEN + 2 * SEGMENT_LEN];
    const uint8_t *bytes;
    const char *reason;

    assert_int_equal(rte_mbuf_check(pkt, 1, &reason), 0);
    assert_int_equal(pkt->pkt_len, sizeof copy);
    for (const struct rte_mbuf *seg = pkt; seg; seg = seg->next) {
        assert_true(RTE_MBUF_DIRECT(seg));
        assert_ptr_equal(seg->pool, mempool);
    }
    bytes = rte_pktmbuf_read(pkt, 0, sizeof copy, copy);
    for (unsigned int j = 0; j < HEAD_LEN; j++) {
        assert_int_equal(bytes[j], i);
    }
    assert_memory_equal(&bytes[HEAD_LEN], data, 2 * SEGMENT_LEN);
    assert_int_equal(pkt->ol_flags, (RTE_MBUF_F_TX_TCP_SEG
                                     | RTE_MBUF_F_TX_IPV4
                                     | RTE_MBUF_F_TX_IP_CKSUM));
    assert_int_equal(pkt->l2_len, 14);
    assert_int_equal(pkt->l3_len, 20);
    assert_int_equal(pkt->l4_len, 20 + 4 * i);
    assert_int_equal(pkt->tso_segsz, 500 + i);
    assert_int_equal(pkt->vlan_tci, 7);
    assert_int_equal(pkt->port, 3);
}

/* Has the mempool keep 'n' mbufs only.  Returns how many are at 'others'. */
static unsigned int
leave_mbufs(unsigned int n, struct rte_mbuf **others)
{
    unsigned int n_others = rte_mempool_avail_count(mempool) - n;

    assert_int_equal(rte_pktmbuf_alloc_bulk(mempool, others, n_others), 0);
    return n_others;
}

/* What is done while somebody counts what comes back. */
struct while_counting {
    struct rte_mbuf *pkts[2];   /* Are let go of, by another thread. */
    struct rte_mbuf *replaced;  /* Has a copy in its place. */
};

static void *
free_both(void *w_)
{
    struct while_counting *w = w_;

    rte_pktmbuf_free_bulk(w->pkts, ARRAY_SIZE(w->pkts));
    return NULL;
}

static void
act(void *w_)
{
    struct while_counting *w = w_;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, free_both, w), 0);
    pthread_join(thread, NULL);
    dpdk_vdpa_lend_replace(mempool, &w->replaced, 1);
    rte_pktmbuf_free(w->replaced);
}

static void
act_not(void *aux OVS_UNUSED)
{
}

/* Packets that come back meanwhile are counted, whoever lets go of them: not
 * their segments, not those that came before, nor another owner's. */
static void
test_n_freed_by(void **state OVS_UNUSED)
{
    int owners[2] = { 0 };
    struct dpdk_vdpa_lend *lends[2] = {
        dpdk_vdpa_lend_create(16, &owners[0]),
        dpdk_vdpa_lend_create(16, &owners[1]),
    };
    uint8_t data[2 * SEGMENT_LEN] = { 0 };

    for (unsigned int i = 0; i < 2; i++) {
        struct rte_mbuf *kept = lend_packet(lends[0], 3, data);
        struct while_counting w = {
            .pkts = { lend_packet(lends[0], 0, data),
                      lend_packet(lends[0], 1, data) },
            .replaced = lend_packet(lends[0], 2, data),
        };

        rte_pktmbuf_free(lend_packet(lends[0], 4, data));
        assert_int_equal(dpdk_vdpa_lend_n_freed_by(act_not, NULL, &owners[0]),
                         0);
        assert_int_equal(dpdk_vdpa_lend_n_freed_by(act, &w, &owners[i]),
                         i ? 0 : 2);
        assert_true(dpdk_vdpa_lend_any_is_out(&owners[0]));
        assert_false(dpdk_vdpa_lend_any_is_out(&owners[1]));
        rte_pktmbuf_free(kept);
        assert_false(dpdk_vdpa_lend_any_is_out(&owners[0]));
        while (lends[0]->n) {
            dpdk_vdpa_lend_pop(lends[0]);
        }
    }
    dpdk_vdpa_lend_destroy(lends[0]);
    dpdk_vdpa_lend_destroy(lends[1]);
}

static void
test_replace(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(16, NULL);
    struct rte_mbuf *pkts[REPLACED], *kept[REPLACED], *others[N_MBUFS];
    uint8_t data[2 * SEGMENT_LEN];
    unsigned int n;

    for (unsigned int i = 0; i < sizeof data; i++) {
        data[i] = 3 * i;
    }
    for (unsigned int i = 0; i < REPLACED; i++) {
        pkts[i] = i == 1 ? plain_packet() : lend_packet(lend, i, data);
    }
    memcpy(kept, pkts, sizeof kept);

    /* There are no mbufs. */
    n = leave_mbufs(0, others);
    dpdk_vdpa_lend_replace(mempool, pkts, REPLACED);
    assert_memory_equal(pkts, kept, sizeof pkts);
    assert_int_equal(lend->n, 3);
    check_free(lend, 0, 0);
    rte_pktmbuf_free_bulk(others, n);

    /* Only those that are asked for. */
    dpdk_vdpa_lend_replace(mempool, pkts, 0);
    dpdk_vdpa_lend_replace(mempool, &pkts[2], 1);
    assert_ptr_equal(pkts[0], kept[0]);
    assert_ptr_equal(pkts[3], kept[3]);
    assert_ptr_not_equal(pkts[2], kept[2]);
    check_copy(pkts[2], 2, data);
    check_free(lend, 0, 0);

    /* There is one mbuf.  That is enough, as each gives some back. */
    n = leave_mbufs(1, others);
    dpdk_vdpa_lend_replace(mempool, pkts, REPLACED);
    rte_pktmbuf_free_bulk(others, n);
    check_copy(pkts[0], 0, data);
    check_copy(pkts[2], 2, data);
    check_copy(pkts[3], 3, data);
    assert_ptr_equal(pkts[1], kept[1]);
    assert_int_equal(pkts[1]->nb_segs, 2);
    assert_int_equal(pkts[1]->pkt_len, 2 * HEAD_LEN);

    /* Nobody needs the guest's bytes any more. */
    assert_false(dpdk_vdpa_lend_is_out(lend));
    for (unsigned int i = 0; i < REPLACED; i++) {
        if (i != 1) {
            assert_int_equal(dpdk_vdpa_lend_first(lend)->id, i);
            dpdk_vdpa_lend_pop(lend);
        }
    }
    rte_pktmbuf_free_bulk(pkts, REPLACED);
    assert_true(rte_mempool_full(mempool));
    dpdk_vdpa_lend_destroy(lend);
}

/* Who else has memory of his own behind an mbuf is none of it. */
static void
others_freed(void *addr OVS_UNUSED, void *opaque OVS_UNUSED)
{
}

static void
test_replace_not(void **state OVS_UNUSED)
{
    struct rte_mbuf_ext_shared_info shinfo = { .free_cb = others_freed };
    struct rte_mbuf *pkt = rte_pktmbuf_alloc(mempool), *kept = pkt;
    uint8_t data[SEGMENT_LEN];

    assert_non_null(pkt);
    rte_mbuf_ext_refcnt_set(&shinfo, 1);
    rte_pktmbuf_attach_extbuf(pkt, data, RTE_BAD_IOVA, sizeof data, &shinfo);
    pkt->data_len = pkt->pkt_len = sizeof data;
    dpdk_vdpa_lend_replace(mempool, &pkt, 1);
    assert_ptr_equal(pkt, kept);
    rte_pktmbuf_free(pkt);
}

/* Threads that free segments, each what it finds in a slot of its own or of
 * the others', in whatever order. */

#define N_THREADS 3
#define N_SLOTS 64
#define N_BUFFERS 30000

struct slots {
    struct rte_mbuf *segs[N_SLOTS];
    bool stop;
};

/* As a device does that has sent a segment: reads it, then frees it. */
static void
send_segment(struct rte_mbuf *seg)
{
    const uint8_t *data = rte_pktmbuf_mtod(seg, const uint8_t *);

    for (unsigned int i = 1; i < SEGMENT_LEN; i++) {
        ovs_assert(data[i] == data[0]);
    }
    rte_pktmbuf_free(seg);
}

static void *
sender(void *slots_)
{
    struct slots *slots = slots_;
    unsigned int step = 1 + 2 * random_range(N_SLOTS / 2);

    for (unsigned int i = 0; ; i += step) {
        struct rte_mbuf *seg = __atomic_exchange_n(
            &slots->segs[i % N_SLOTS], NULL, __ATOMIC_ACQUIRE);

        if (seg) {
            send_segment(seg);
        } else if (__atomic_load_n(&slots->stop, __ATOMIC_ACQUIRE)) {
            return NULL;
        } else if (!(i % 256)) {
            sched_yield();
        }
    }
}

/* Has some thread free 'seg'; if they are all behind, frees another one. */
static void
hand_over(struct slots *slots, struct rte_mbuf *seg)
{
    struct rte_mbuf **slot = &slots->segs[random_range(N_SLOTS)];

    seg = __atomic_exchange_n(slot, seg, __ATOMIC_ACQ_REL);
    if (seg) {
        send_segment(seg);
    }
}

/* Memory of the guest's: a buffer is filled with one byte, other than the last
 * time, and as soon as it is back it is overwritten. */
struct memory {
    uint8_t buffers[N_SLOTS][MAX_SEGMENTS * SEGMENT_LEN];
};

/* Takes back what is free, which must come in order. */
static void
take_back(struct dpdk_vdpa_lend *lend, struct memory *memory, unsigned int *n)
{
    for (unsigned int left = dpdk_vdpa_lend_n_free(lend); left; left--) {
        assert_int_equal(dpdk_vdpa_lend_first(lend)->id, (uint16_t) *n);
        for (unsigned int i = 0; i < sizeof memory->buffers[0]; i++) {
            memory->buffers[*n % N_SLOTS][i] = i;
        }
        dpdk_vdpa_lend_pop(lend);
        ++*n;
    }
}

static void
lend_next(struct dpdk_vdpa_lend *lend, struct memory *memory,
          struct slots *slots, unsigned int i)
{
    unsigned int n = random_range(MAX_SEGMENTS + 1);
    uint8_t *data = memory->buffers[i % N_SLOTS];
    struct rte_mbuf *segs[MAX_SEGMENTS];

    memset(data, i, sizeof memory->buffers[0]);
    lend_buffer(lend, i, data, segs, n);        /* A copy if it is 0. */
    while (n) {
        hand_over(slots, segs[--n]);
    }
}

static void
test_threads(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(2 * N_SLOTS, NULL);
    struct slots *slots = xzalloc(sizeof *slots);
    struct memory *memory = xzalloc(sizeof *memory);
    unsigned int n = 0, n_back = 0;
    pthread_t threads[N_THREADS];

    for (unsigned int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, sender, slots), 0);
    }
    while (n < N_BUFFERS) {
        if (dpdk_vdpa_lend_has_room(lend, 1)) {
            lend_next(lend, memory, slots, n++);
        } else {
            sched_yield();
        }
        take_back(lend, memory, &n_back);
    }
    __atomic_store_n(&slots->stop, true, __ATOMIC_RELEASE);
    for (unsigned int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned int i = 0; i < N_SLOTS; i++) {
        if (slots->segs[i]) {
            send_segment(slots->segs[i]);
        }
    }
    take_back(lend, memory, &n_back);
    assert_int_equal(n_back, N_BUFFERS);
    assert_true(rte_mempool_full(mempool));
    dpdk_vdpa_lend_destroy(lend);
    free(memory);
    free(slots);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_clone),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_all_segments),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_abandon),
        cmocka_unit_test(test_n_freed_by),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_replace_not),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, setup_eal, NULL);
}
