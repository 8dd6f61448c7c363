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

/* Unit tests of a walk that lends what the guest sends: who walks the ring
 * meanwhile, and how all of it comes back before the ring is closed. */

#include <config.h>

#include <unistd.h>

#include "timeval.h"

/* The time, and who sleeps. */
static long long int script_msec(void);
static void script_usleep(unsigned int us);

#define time_msec script_msec
#define usleep script_usleep

#include "tests/unit/walk-fixture.h"

#define this_module recall_module       /* Other than that of walk.c. */
#include "lib/vhost/recall.c"

#define LONG 1000               /* Bytes of a packet to be lent. */
#define SHORT 60
#define MAX_HELD 200

/* Who has the packets, as a VF does. */
static struct rte_mbuf *held[MAX_HELD];
static unsigned int n_held;

/* Buffers that the guest has back. */
static unsigned int n_back;

/* What the walk asks of it. */
static long long int now;       /* In ms. */
static long long int frees_at;  /* Then it lets go of all, -1 for never. */
static long long int first_forced;      /* Since the first call, or -1. */
static unsigned int n_call_ins;
static long long int called_first;
static unsigned int n_lost_calls;
static void (*in_call_in)(struct fixture *);

static long long int
script_msec(void)
{
    return now;
}

/* Whoever sleeps does so for a millisecond. */
static void
script_usleep(unsigned int us OVS_UNUSED)
{
    now++;
}

/* Lets go of the packets 'first' up to 'end', not included. */
static void
let_go(unsigned int first, unsigned int end)
{
    rte_pktmbuf_free_bulk(&held[first], end - first);
    memset(&held[first], 0, (end - first) * sizeof *held);
}

static void
let_go_of_all(void)
{
    let_go(0, n_held);
    n_held = 0;
}

static void
lender_call_in(void *f, bool by_force)
{
    assert_ptr_equal(f, fixture);
    called_first = n_call_ins++ ? called_first : now;
    if (by_force && first_forced < 0) {
        first_forced = now - called_first;
    } else if (!by_force) {
        assert_true(first_forced < 0);
    }
    if (in_call_in) {
        in_call_in(f);
    }
    if (frees_at >= 0 && now - called_first >= frees_at) {
        let_go_of_all();
    }
}

static void
lender_lost(void *f)
{
    assert_ptr_equal(f, fixture);
    n_lost_calls++;
}

/* A walk that lends at most 'max_segs' segments, and whose rings are open. */
static void
lend_begin(struct fixture *f, uint16_t max_segs)
{
    n_held = n_back = n_call_ins = n_lost_calls = 0;
    now = 12345;
    frees_at = 0;
    first_forced = -1;
    in_call_in = NULL;
    dpdk_vdpa_walk_set_lender(f->walk, &(struct dpdk_vdpa_lender) {
        f, lender_call_in, lender_lost, f });
    dpdk_vdpa_walk_set_reachable(f->walk, true);
    dpdk_vdpa_walk_set_lending(f->walk, max_segs);
    walk_open(f);
    memset(f->trace, 0, sizeof f->trace);
}

/* The guest sends 'n' packets of 'len' bytes. */
static void
guest_sends_len(struct fixture *f, unsigned int n, unsigned int len)
{
    struct guest *g = &f->guests[1];

    while (n--) {
        guest_send(g, guest_buf(g->n_offered), HEADER_LEN, g->n_offered, len);
    }
}

/* Sends what nobody but the library may judge. */
static void
guest_sends_unusual(struct fixture *f)
{
    guest_offer(&f->guests[1], guest_buf(50), 81, VRING_DESC_F_INDIRECT);
}

static bool
pkt_is_lent(const struct rte_mbuf *pkt)
{
    return (RTE_MBUF_HAS_EXTBUF(pkt)
            || (pkt->next && RTE_MBUF_HAS_EXTBUF(pkt->next)));
}

static void
check_pkt(const struct rte_mbuf *pkt, unsigned int serial, unsigned int len)
{
    const char *reason;
    uint8_t byte;

    assert_int_equal(rte_mbuf_check(pkt, 1, &reason), 0);
    assert_int_equal(pkt->pkt_len, len);
    for (unsigned int i = 0; i < len; i++) {
        assert_int_equal(*(const uint8_t *) rte_pktmbuf_read(pkt, i, 1, &byte),
                         guest_pattern(serial, i));
    }
}

/* Receives, and holds what came.  Returns how many packets. */
static unsigned int
take(struct fixture *f)
{
    unsigned int n;

    assert_true(n_held + BURST <= MAX_HELD);
    n = dpdk_vdpa_walk_recv(f->walk, VID, 1, mempool, &held[n_held], BURST);
    n_held += n;
    return n;
}

/* Checks what is held from number 'first' on: 'n' packets of 'len' bytes, the
 * first one being number 'serial' of the guest's. */
static void
check_held(unsigned int first, unsigned int n, unsigned int serial,
           unsigned int len, bool is_lent)
{
    for (unsigned int i = 0; i < n; i++) {
        assert_int_equal(pkt_is_lent(held[first + i]), is_lent);
        check_pkt(held[first + i], serial + i, len);
    }
}

/* The guest takes back what it can: 'n' buffers, in their order, to which
 * nothing was written.  It overwrites each. */
static void
check_back(struct fixture *f, unsigned int n)
{
    struct guest *g = &f->guests[1];
    uint32_t id, len;
    uint16_t flags;

    for (unsigned int i = 0; i < n; i++, n_back++) {
        assert_true(guest_take_back(g, &id, &len, &flags));
        assert_int_equal(id, guest_id(g, n_back));
        assert_int_equal(len, 0);
        memset(guest_at(g, guest_buf(n_back)), 0xee, GUEST_BUF_SIZE);
    }
    assert_false(guest_take_back(g, &id, &len, &flags));
}

/* Returns how many buffers are lent. */
static unsigned int
n_lent(const struct fixture *f)
{
    return f->walk->rings[1].lend->n;
}

static uint64_t
total_lent(const struct fixture *f)
{
    struct dpdk_vdpa_walk_info info;

    dpdk_vdpa_walk_get_info(f->walk, &info);
    return info.n_lent;
}

/* Long packets are lent, short ones are not, and nothing is if it should not
 * be. */
static void
test_which(void **state)
{
    struct fixture *f = *state;

    lend_begin(f, 0);
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    check_held(0, 1, 0, LONG, false);
    check_back(f, 1);

    dpdk_vdpa_walk_set_lending(f->walk, 8);
    guest_sends_len(f, 2, SHORT);
    assert_int_equal(take(f), 2);
    check_held(1, 2, 1, SHORT, false);
    check_back(f, 2);
    assert_int_equal(total_lent(f), 0);
    assert_false(dpdk_vdpa_walk_has_lent(f->walk, 1));

    guest_sends_len(f, 1, DPDK_VDPA_RING_SHORT);
    guest_sends_len(f, 1, DPDK_VDPA_RING_SHORT + 1);
    assert_int_equal(take(f), 2);
    check_held(3, 1, 3, DPDK_VDPA_RING_SHORT, false);
    check_held(4, 1, 4, DPDK_VDPA_RING_SHORT + 1, true);
    check_back(f, 1);
    assert_int_equal(total_lent(f), 1);
    assert_true(dpdk_vdpa_walk_has_lent(f->walk, 1));
    assert_false(dpdk_vdpa_walk_has_lent(f->walk, 3));

    /* Two segments it is, of which one is the beginning. */
    dpdk_vdpa_walk_set_lending(f->walk, 1);
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    check_held(5, 1, 5, LONG, false);
    assert_int_equal(total_lent(f), 1);
    check_back(f, 0);
    let_go_of_all();
    assert_int_equal(take(f), 0);
    check_back(f, 2);
    assert_false(dpdk_vdpa_walk_has_lent(f->walk, 1));
}

/* Buffers come back in their order, once they are free, and the library gets
 * to know what came back and nothing else. */
static void
test_order(void **state)
{
    struct fixture *f = *state;

    lend_begin(f, 8);
    guest_sends_len(f, 3, LONG);
    assert_int_equal(take(f), 3);
    check_held(0, 3, 0, LONG, true);
    check_back(f, 0);
    check_base(f, 1, 0);

    /* A copy waits for those in front of it. */
    guest_sends_len(f, 1, SHORT);
    assert_int_equal(take(f), 1);
    check_held(3, 1, 3, SHORT, false);
    let_go(3, 4);
    let_go(1, 2);
    assert_int_equal(take(f), 0);
    check_back(f, 0);
    check_base(f, 1, 0);

    let_go(0, 1);
    assert_int_equal(take(f), 0);
    check_back(f, 2);
    check_base(f, 1, 2);
    check_pkt(held[2], 2, LONG);

    let_go(2, 3);
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    check_back(f, 2);
    check_base(f, 1, 4);
    assert_null(strpbrk(f->trace, "DCE"));
    assert_int_equal(total_lent(f), 4);
    let_go_of_all();
}

/* Memory that nobody can reach is not lent, from when the ring is opened. */
static void
test_unreachable(void **state)
{
    struct fixture *f = *state;

    lend_begin(f, 8);
    dpdk_vdpa_walk_close(f->walk);
    dpdk_vdpa_walk_set_reachable(f->walk, false);
    walk_open(f);
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    check_held(0, 1, 0, LONG, false);
    check_back(f, 1);
    dpdk_vdpa_walk_close(f->walk);
    dpdk_vdpa_walk_set_reachable(f->walk, true);
    walk_open(f);
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    check_held(1, 1, 1, LONG, true);
    let_go_of_all();
}

/* The order is the same each time that something is lent, whoever would look first. */
static void
test_again_and_again(void **state)
{
    struct fixture *f = *state;

    lend_begin(f, 8);
    for (int i = 0; i < 3 * N_DETOUR; i++) {
        unsigned int serial = f->guests[1].n_offered;

        guest_sends_len(f, 1, LONG);
        assert_int_equal(take(f), 1);
        guest_sends_len(f, 1, SHORT);
        assert_int_equal(take(f), 1);
        check_held(0, 1, serial, LONG, true);
        check_held(1, 1, serial + 1, SHORT, false);
        check_back(f, 0);
        let_go_of_all();
        memset(f->trace, 0, sizeof f->trace);
        assert_int_equal(take(f), 0);
        check_trace("S");
        check_back(f, 2);
    }
}

/* While something is lent the library is not asked, however odd the guest. */
static void
test_unusual(void **state)
{
    struct fixture *f = *state;

    lend_begin(f, 8);
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    guest_sends_unusual(f);
    for (unsigned int i = 0; i < 2 * N_DETOUR; i++) {
        assert_int_equal(take(f), 0);
    }
    assert_null(strpbrk(f->trace, "DC"));
    check_base(f, 1, 0);

    /* Then it is, where that has been given back. */
    let_go_of_all();
    memset(f->trace, 0, sizeof f->trace);
    f->library_gives = 1;
    assert_int_equal(take(f), 1);
    assert_int_equal(strspn(f->trace, "S"), 1);
    assert_non_null(strchr(f->trace, 'D'));
    check_back(f, 2);

    /* What comes behind is lent again. */
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    check_held(1, 1, 2, LONG, true);
    let_go_of_all();
}

/* The guest makes the oldest thing in its ring, which was unusual, a packet of
 * 'len' bytes. */
static void
guest_mends(struct fixture *f, unsigned int len)
{
    struct guest *g = &f->guests[1];
    unsigned int id = guest_id(g, n_back);

    if (g->packed) {
        struct vring_packed_desc *d = &g->packed_desc[g->next_used
                                                      & ~GUEST_WRAP];

        d->len = HEADER_LEN + len;
        d->flags &= ~VRING_DESC_F_INDIRECT;
    } else {
        g->desc[id].len = HEADER_LEN + len;
        g->desc[id].flags = 0;
    }
}

/* After a while of leaving all to the library, which could not go on either,
 * nothing is left to it while something is lent. */
static void
test_detour(void **state)
{
    struct fixture *f = *state;
    unsigned int i = 0;

    lend_begin(f, 8);
    guest_sends_unusual(f);
    assert_int_equal(take(f), 0);
    assert_non_null(strchr(f->trace, 'D'));
    guest_mends(f, LONG);
    do {
        assert_true(i++ <= N_DETOUR);
        memset(f->trace, 0, sizeof f->trace);
    } while (!take(f));
    assert_int_equal(i, N_DETOUR + 1);
    assert_true(pkt_is_lent(held[0]));
    guest_sends_unusual(f);
    memset(f->trace, 0, sizeof f->trace);
    for (i = 0; i < 2 * N_DETOUR; i++) {
        assert_int_equal(take(f), 0);
    }
    check_trace("");
    let_go_of_all();
}

/* A packet of the library's own waits until nothing is lent. */
static void
test_ask_library(void **state)
{
    struct fixture *f = *state;

    lend_begin(f, 8);
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    f->walk->rings[1].n_asked++;        /* As if it had been closed. */
    guest_sends_len(f, 1, LONG);
    memset(f->trace, 0, sizeof f->trace);
    assert_int_equal(take(f), 0);
    assert_int_equal(take(f), 0);
    check_trace("");
    let_go_of_all();
    f->library_gives = 1;
    assert_int_equal(take(f), 1);
    assert_non_null(strchr(f->trace, 'D'));
    check_back(f, 2);

    /* As it is. */
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    dpdk_vdpa_walk_close(f->walk);
    check_back(f, 1);
    dpdk_vdpa_walk_ask_library(f->walk);
    walk_open(f);
    guest_sends_len(f, 2, LONG);
    memset(f->trace, 0, sizeof f->trace);
    f->library_gives = 1;
    assert_int_equal(take(f), 1);
    assert_non_null(strchr(f->trace, 'D'));
    let_go_of_all();
    check_back(f, 1);
    assert_int_equal(take(f), 1);
    check_held(0, 1, 4, LONG, true);
    let_go_of_all();
}

/* The guest is interrupted for what comes back late, if it wants that, by
 * whoever gives it back. */
static void
test_calls(void **state)
{
    struct fixture *f = *state;

    lend_begin(f, 8);
    guest_wants_calls(f, 1, false);
    guest_sends_len(f, 1, SHORT);       /* The first is for all before. */
    assert_int_equal(take(f), 1);
    take(f);
    n_calls(f, 1);
    for (int i = 0; i < 3; i++) {
        guest_wants_next(f, 1);
        guest_sends_len(f, 1, LONG);
        assert_int_equal(take(f), 1);
        assert_int_equal(take(f), 0);
        assert_int_equal(n_calls(f, 1), 0);
        if (i < 2) {
            let_go_of_all();
        }
        if (i == 0) {
            take(f);
        } else if (i == 1) {
            dpdk_vdpa_walk_settle(f->walk, VID, 1, mempool, NULL, 0);
        } else {
            dpdk_vdpa_walk_close(f->walk);
        }
        assert_int_equal(n_calls(f, 1), 1);
    }
    check_back(f, 4);
}

/* Nothing is lent any more from one moment to the next, while something is. */
static void
test_turned_off(void **state)
{
    struct fixture *f = *state;

    lend_begin(f, 8);
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    dpdk_vdpa_walk_set_lending(f->walk, 0);
    guest_sends_len(f, 2, LONG);
    assert_int_equal(take(f), 2);
    check_held(0, 1, 0, LONG, true);
    check_held(1, 2, 1, LONG, false);
    check_back(f, 0);
    assert_true(dpdk_vdpa_walk_has_lent(f->walk, 1));
    guest_sends_unusual(f);
    memset(f->trace, 0, sizeof f->trace);
    assert_int_equal(take(f), 0);
    check_trace("");

    let_go_of_all();
    f->library_gives = 1;
    assert_int_equal(take(f), 1);
    check_back(f, 4);
    assert_false(dpdk_vdpa_walk_has_lent(f->walk, 1));
    assert_false(f->walk->rings[1].lends);
    assert_int_equal(total_lent(f), 1);
    let_go_of_all();
}

/* At most half of the ring is away: what is behind stays in it. */
static void
test_half(void **state)
{
    struct fixture *f = *state;
    unsigned int half = f->guests[1].size / 2;

    lend_begin(f, 8);
    guest_sends_len(f, half + 20, LONG);
    while (take(f)) {
        continue;
    }
    assert_int_equal(n_held, half);
    check_held(0, half, 0, LONG, true);
    check_base(f, 1, 0);
    assert_null(strpbrk(f->trace, "DC"));

    let_go(0, 5);
    memset(f->trace, 0, sizeof f->trace);
    assert_int_equal(take(f), 5);
    check_held(half, 5, half, LONG, true);
    assert_int_equal(take(f), 0);
    check_back(f, 5);
    check_base(f, 1, 5);
    assert_int_equal(n_lent(f), half);
    let_go(5, half + 5);
    n_held = 0;
    assert_int_equal(take(f), 15);
    check_held(0, 15, half + 5, LONG, true);
    check_back(f, half);
    let_go_of_all();
}

/* A PMD thread that comes while buffers are called back finds nothing, and the
 * library is not asked. */
static void
come_by(struct fixture *f)
{
    struct rte_mbuf *pkt;

    memset(f->trace, 0, sizeof f->trace);
    f->library_gives = 1;
    assert_int_equal(dpdk_vdpa_walk_recv(f->walk, VID, 1, mempool, &pkt, 1),
                     0);
    dpdk_vdpa_walk_settle(f->walk, VID, 1, mempool, NULL, 0);
    assert_false(dpdk_vdpa_walk_has_lent(f->walk, 1));
    check_trace("");
    f->library_gives = 0;
}

/* So is it with one that has something for the guest, whether or not that ring
 * is closed, too: the library has locked it.  How many buffers the guest offers
 * is nothing to judge the packet by. */
static void
come_by_to_send(struct fixture *f)
{
    struct rte_mbuf *pkt = rte_pktmbuf_alloc(mempool);

    assert_non_null(pkt);
    rte_pktmbuf_append(pkt, 60);
    memset(f->trace, 0, sizeof f->trace);
    assert_int_equal(dpdk_vdpa_walk_send(f->walk, VID, 0, &pkt, 1), 0);
    assert_int_equal(dpdk_vdpa_walk_n_avail(f->walk, 0, 1), 0);
    check_trace("");
    rte_pktmbuf_free(pkt);
}

static void
test_close(void **state)
{
    struct fixture *f = *state;
    static const int delays[] = { 0, 20, FORCE_DELAY + 1, LOSE_DELAY - 1 };

    lend_begin(f, 8);
    in_call_in = come_by;
    for (int i = 0; i < ARRAY_SIZE(delays); i++) {
        n_call_ins = 0;
        first_forced = -1;
        frees_at = delays[i];
        guest_sends_len(f, 3, LONG);
        assert_int_equal(take(f), 3);
        let_go(1, 2);
        dpdk_vdpa_walk_close_ring(f->walk, 1);
        assert_true(n_call_ins > 0);
        assert_int_equal(now - called_first, delays[i]);
        assert_int_equal(first_forced, (delays[i] > FORCE_DELAY
                                        ? FORCE_DELAY : -1));
        assert_int_equal(n_held, 0);
        check_back(f, 3);
        check_base(f, 1, 3 * (i + 1));

        /* Now it is the library's. */
        memset(f->trace, 0, sizeof f->trace);
        assert_int_equal(take(f), 0);
        assert_non_null(strchr(f->trace, 'D'));
        walk_open(f);
        memset(f->trace, 0, sizeof f->trace);
    }

    in_call_in = come_by_to_send;
    first_forced = -1;
    n_call_ins = 0;
    frees_at = 20;
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    dpdk_vdpa_walk_close(f->walk);
    check_back(f, 1);
    walk_open(f);
    guest_offer(&f->guests[0], guest_buf(50), 81, VRING_DESC_F_INDIRECT);
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    n_call_ins = 0;
    dpdk_vdpa_walk_close_ring(f->walk, 1);
    assert_true(n_call_ins > 0);
    check_back(f, 1);
    walk_open(f);

    /* Nobody is called for nothing. */
    n_call_ins = 0;
    guest_sends_len(f, 1, LONG);
    assert_int_equal(take(f), 1);
    let_go_of_all();
    dpdk_vdpa_walk_close(f->walk);
    check_back(f, 1);
    walk_open(f);
    dpdk_vdpa_walk_close(f->walk);
    assert_int_equal(n_call_ins, 0);
    assert_int_equal(n_lost_calls, 0);
}

/* Lets go of one packet each 'frees_one_each' ms. */
static int frees_one_each;

static void
let_go_slowly(struct fixture *f OVS_UNUSED)
{
    unsigned int n = (now - called_first) / frees_one_each;

    for (unsigned int i = 0; i < MIN(n, n_held); i++) {
        if (held[i]) {
            let_go(i, i + 1);
        }
    }
}

/* Who gives back slowly is not made to give all, as long as he does, for a
 * while. */
static void
test_slow(void **state)
{
    struct fixture *f = *state;

    lend_begin(f, 8);
    frees_at = -1;
    in_call_in = let_go_slowly;
    frees_one_each = FORCE_DELAY - 1;
    guest_sends_len(f, 4, LONG);
    assert_int_equal(take(f), 4);
    dpdk_vdpa_walk_close(f->walk);
    assert_int_equal(now - called_first, 4 * frees_one_each);
    assert_int_equal(first_forced, -1);
    check_back(f, 4);

    walk_open(f);
    n_held = n_call_ins = 0;
    guest_sends_len(f, 8, LONG);
    assert_int_equal(take(f), 8);
    dpdk_vdpa_walk_close(f->walk);
    assert_int_equal(first_forced, PATIENCE);
    assert_int_equal(now - called_first, 8 * frees_one_each);
    check_back(f, 8);

    /* He begins well. */
    walk_open(f);
    n_held = n_call_ins = 0;
    first_forced = -1;
    frees_one_each = FORCE_DELAY + 1;
    guest_sends_len(f, 2, LONG);
    assert_int_equal(take(f), 2);
    let_go(0, 1);
    dpdk_vdpa_walk_close(f->walk);
    assert_int_equal(first_forced, FORCE_DELAY);
    check_back(f, 2);
    n_held = 0;
    assert_int_equal(n_lost_calls, 0);
}

/* Who does not give back is left with what he has; the guest's ring goes on
 * from what was given back. */
static void
test_lost(void **state)
{
    struct fixture *f = *state;

    lend_begin(f, 8);
    guest_sends_len(f, 4, LONG);
    assert_int_equal(take(f), 4);
    let_go(0, 1);
    let_go(2, 3);
    frees_at = -1;
    in_call_in = come_by;
    dpdk_vdpa_walk_close(f->walk);
    assert_int_equal(n_lost_calls, 1);
    assert_int_equal(first_forced, FORCE_DELAY);
    assert_int_equal(now - called_first, LOSE_DELAY);
    check_back(f, 1);
    check_base(f, 1, 1);

    /* Before and after it is open again. */
    memset(f->trace, 0, sizeof f->trace);
    assert_int_equal(dpdk_vdpa_walk_recv(f->walk, VID, 1, mempool, &held[4],
                                         1), 0);
    assert_non_null(strchr(f->trace, 'D'));
    assert_false(dpdk_vdpa_walk_has_lent(f->walk, 1));
    dpdk_vdpa_walk_settle(f->walk, VID, 1, mempool, NULL, 0);
    memset(f->trace, 0, sizeof f->trace);
    walk_open(f);
    assert_int_equal(n_walked(f->walk), 2);
    assert_int_equal(take(f), 3);
    check_held(4, 3, 1, LONG, true);
    check_back(f, 0);

    /* What is freed at last makes no difference to anybody. */
    let_go(1, 2);
    let_go(3, 4);
    assert_int_equal(n_lent(f), 3);
    check_back(f, 0);
    let_go(4, 7);
    n_held = 0;
    assert_int_equal(take(f), 0);
    check_back(f, 3);
    check_base(f, 1, 4);
}

/* Has the mempool keep 'n' mbufs only.  Returns how many are now at 'others',
 * where 'n_others' were. */
static unsigned int
leave_mbufs(unsigned int n, struct rte_mbuf **others, unsigned int n_others)
{
    while (rte_mempool_avail_count(mempool) > n) {
        others[n_others++] = rte_pktmbuf_alloc(mempool);
    }
    return n_others;
}

/* Who holds packets that nobody takes gets copies of them, as far as there are
 * mbufs: then the guest has its buffers back. */
static void
test_settle(void **state)
{
    struct fixture *f = *state;
    struct rte_mbuf *others[N_MBUFS], *kept[2];
    unsigned int n;

    lend_begin(f, 8);
    guest_sends_len(f, 2, LONG);
    assert_int_equal(take(f), 2);
    memcpy(kept, held, sizeof kept);

    n = leave_mbufs(1, others, 0);
    dpdk_vdpa_walk_settle(f->walk, VID, 1, mempool, held, 1);
    assert_ptr_not_equal(held[0], kept[0]);
    check_held(0, 1, 0, LONG, false);
    check_back(f, 1);
    check_base(f, 1, 1);
    assert_true(dpdk_vdpa_walk_has_lent(f->walk, 1));

    kept[0] = held[0];
    n = leave_mbufs(0, others, n);
    dpdk_vdpa_walk_settle(f->walk, VID, 1, mempool, held, 2);
    assert_memory_equal(held, kept, sizeof kept);
    check_held(1, 1, 1, LONG, true);
    check_back(f, 0);

    rte_pktmbuf_free_bulk(others, n);
    dpdk_vdpa_walk_settle(f->walk, VID, 1, mempool, held, 2);
    assert_ptr_equal(held[0], kept[0]);
    check_held(0, 2, 0, LONG, false);
    check_back(f, 1);
    assert_false(dpdk_vdpa_walk_has_lent(f->walk, 1));
    let_go_of_all();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_which),
        TEST(test_order),
        TEST(test_unreachable),
        TEST(test_again_and_again),
        TEST(test_unusual),
        TEST(test_detour),
        TEST(test_ask_library),
        TEST(test_calls),
        TEST(test_turned_off),
        TEST(test_half),
        TEST(test_close),
        TEST(test_slow),
        TEST(test_lost),
        TEST(test_settle),
    };

    return cmocka_run_group_tests_name("walk-lend", tests, setup_eal, NULL);
}
