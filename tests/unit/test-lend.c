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

/* Lends 'n' segments of the memory at 'data', which become 'segs'. */
static void
lend_segments(struct dpdk_vdpa_lent *lent, const uint8_t *data,
              struct rte_mbuf **segs, unsigned int n)
{
    assert_int_equal(rte_pktmbuf_alloc_bulk(mempool, segs, n), 0);
    dpdk_vdpa_lent_begin(lent, n);
    for (unsigned int i = 0; i < n; i++) {
        dpdk_vdpa_lent_attach(lent, segs[i], &data[i * SEGMENT_LEN],
                              SEGMENT_LEN, RTE_BAD_IOVA);
    }
}

static void
check_first(const struct dpdk_vdpa_lend *lend, int id)
{
    const struct dpdk_vdpa_lent *first = dpdk_vdpa_lend_first(lend);

    assert_int_equal(first ? first->id : -1, id);
}

static void
test_order(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(16);
    uint8_t data[MAX_SEGMENTS * SEGMENT_LEN] = { 0 };
    struct rte_mbuf *a[2], *b[1];
    const char *reason;

    assert_false(dpdk_vdpa_lend_is_out(lend));
    check_first(lend, -1);
    lend_segments(dpdk_vdpa_lend_push(lend, 7, 0, 1), data, a, 2);
    lend_segments(dpdk_vdpa_lend_push(lend, 3, 0, 1), data, b, 1);
    dpdk_vdpa_lend_push(lend, 5, 0, 1);         /* A copy. */
    for (unsigned int i = 0; i < 2; i++) {
        assert_int_equal(rte_mbuf_check(a[i], 1, &reason), 0);
        assert_ptr_equal(rte_pktmbuf_mtod(a[i], uint8_t *),
                         &data[i * SEGMENT_LEN]);
        assert_int_equal(a[i]->data_len, SEGMENT_LEN);
    }

    /* The younger ones are free, and wait. */
    rte_pktmbuf_free(b[0]);
    rte_pktmbuf_free(a[1]);
    check_first(lend, -1);
    assert_true(dpdk_vdpa_lend_is_out(lend));
    rte_pktmbuf_free(a[0]);
    assert_false(dpdk_vdpa_lend_is_out(lend));
    for (unsigned int i = 0; i < 3; i++) {
        check_first(lend, i == 0 ? 7 : i == 1 ? 3 : 5);
        dpdk_vdpa_lend_pop(lend);
    }
    check_first(lend, -1);
    assert_true(rte_mempool_full(mempool));
    dpdk_vdpa_lend_destroy(lend);
}

/* Who clones a segment has one more. */
static void
test_clone(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(4);
    uint8_t data[SEGMENT_LEN] = { 0 };
    struct rte_mbuf *seg, *clone;

    lend_segments(dpdk_vdpa_lend_push(lend, 1, 2, 1), data, &seg, 1);
    clone = rte_pktmbuf_clone(seg, mempool);
    assert_non_null(clone);
    rte_pktmbuf_free(seg);
    check_first(lend, -1);
    rte_pktmbuf_free(clone);
    check_first(lend, 1);
    assert_int_equal(dpdk_vdpa_lend_first(lend)->n_slots, 2);
    assert_true(rte_mempool_full(mempool));
    dpdk_vdpa_lend_destroy(lend);
}

static void
test_room(void **state OVS_UNUSED)
{
    static const uint16_t sizes[] = { 1, 5, 64, 32768 };

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(sizes[i]);
        unsigned int n = 0;

        while (dpdk_vdpa_lend_has_room(lend, 1)) {
            dpdk_vdpa_lend_push(lend, n++, 1, 1);
        }
        assert_int_equal(n, MAX(sizes[i] / 2, 1));
        assert_int_equal(lend->n_slots, n);
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
        lends[i] = dpdk_vdpa_lend_create(4);
        lend_segments(dpdk_vdpa_lend_push(lends[i], 1, 1, 1), data, &segs[i],
                      1);
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
    dpdk_vdpa_lend_abandon(dpdk_vdpa_lend_create(4));
}

/* Copies in the place of packets that are lent. */

#define HEAD_LEN 100
#define REPLACED 4              /* Packets. */

/* Returns a packet whose first 'HEAD_LEN' bytes are its own, and the others,
 * in two segments, those at 'data'. */
static struct rte_mbuf *
lend_packet(struct dpdk_vdpa_lend *lend, unsigned int i, const uint8_t *data)
{
    struct dpdk_vdpa_lent *lent = dpdk_vdpa_lend_push(lend, i, 1, 1);
    struct rte_mbuf *segs[2], *pkt = rte_pktmbuf_alloc(mempool);

    assert_non_null(pkt);
    memset(rte_pktmbuf_append(pkt, HEAD_LEN), i, HEAD_LEN);
    lend_segments(lent, data, segs, 2);
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

static void *
free_elsewhere(void *pkt)
{
    rte_pktmbuf_free(pkt);
    assert_int_equal(dpdk_vdpa_lend_n_freed(), 1);
    return NULL;
}

/* A thread knows how many buffers it has let go of: those of which it had the
 * last segment. */
static void
test_n_freed(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(16);
    unsigned int before = dpdk_vdpa_lend_n_freed();
    uint8_t data[2 * SEGMENT_LEN] = { 0 };
    struct rte_mbuf *pkts[3];
    pthread_t thread;

    for (int i = 0; i < 3; i++) {
        pkts[i] = lend_packet(lend, i, data);
    }
    rte_pktmbuf_free(plain_packet());
    assert_int_equal(dpdk_vdpa_lend_n_freed(), before);
    rte_pktmbuf_free(pkts[2]);
    assert_int_equal(dpdk_vdpa_lend_n_freed(), before + 1);
    assert_int_equal(pthread_create(&thread, NULL, free_elsewhere, pkts[1]),
                     0);
    pthread_join(thread, NULL);
    assert_int_equal(dpdk_vdpa_lend_n_freed(), before + 1);
    rte_pktmbuf_free(pkts[0]);
    assert_int_equal(dpdk_vdpa_lend_n_freed(), before + 2);
    assert_false(dpdk_vdpa_lend_is_out(lend));
    dpdk_vdpa_lend_destroy(lend);
}

static void
test_replace(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(16);
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
    check_first(lend, -1);
    rte_pktmbuf_free_bulk(others, n);

    /* Only those that are asked for. */
    dpdk_vdpa_lend_replace(mempool, pkts, 0);
    dpdk_vdpa_lend_replace(mempool, &pkts[2], 1);
    assert_ptr_equal(pkts[0], kept[0]);
    assert_ptr_equal(pkts[3], kept[3]);
    assert_ptr_not_equal(pkts[2], kept[2]);
    check_copy(pkts[2], 2, data);
    check_first(lend, -1);

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
            check_first(lend, i);
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
    const struct dpdk_vdpa_lent *first;

    while ((first = dpdk_vdpa_lend_first(lend))) {
        assert_int_equal(first->id, (uint16_t) *n);
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
    struct dpdk_vdpa_lent *lent = dpdk_vdpa_lend_push(lend, i, 1, 1);
    uint8_t *data = memory->buffers[i % N_SLOTS];
    struct rte_mbuf *segs[MAX_SEGMENTS];

    memset(data, i, sizeof memory->buffers[0]);
    if (n) {                    /* Else it is a copy. */
        lend_segments(lent, data, segs, n);
    }
    while (n) {
        hand_over(slots, segs[--n]);
    }
}

static void
test_threads(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_lend *lend = dpdk_vdpa_lend_create(2 * N_SLOTS);
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
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_abandon),
        cmocka_unit_test(test_n_freed),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_replace_not),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, setup_eal, NULL);
}
