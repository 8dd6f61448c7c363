/* SPDX-License-Identifier: Apache-2.0 */

#include "test-sim.h"

#include <pthread.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "eswitch/eswitch.h"
#include "base/rcu.h"

#define N_RULES 10000

static struct rte_mempool *pool;
static struct sim_eswitch esw;
static uint32_t reader;

/* An endpoint that keeps what it gets. */
struct catcher {
	struct sim_endpoint ep;
	struct rte_mbuf *pkts[SIM_BURST];
	unsigned int n;
};

static struct catcher catchers[SIM_EP_MAX];

static void
catch_packets(struct sim_endpoint *ep, struct rte_mbuf **pkts, uint16_t n)
{
	struct catcher *c = container_of(ep, struct catcher, ep);

	assert_true(c->n + n <= SIM_BURST);
	memcpy(&c->pkts[c->n], pkts, n * sizeof(pkts[0]));
	c->n += n;
}

static int
setup(void **state)
{
	unsigned int i;

	(void)state;
	sim_eswitch_init(&esw);
	for (i = 0; i < SIM_EP_MAX; i++) {
		catchers[i].ep.receive = catch_packets;
		catchers[i].n = 0;
		sim_eswitch_attach(&esw, i, &catchers[i].ep);
	}
	return 0;
}

static int
teardown(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < SIM_EP_MAX; i++) {
		sim_eswitch_detach(&esw, i);
		rte_pktmbuf_free_bulk(catchers[i].pkts, catchers[i].n);
	}
	sim_eswitch_fini(&esw);
	assert_int_equal(rte_mempool_avail_count(pool), TEST_POOL_SIZE);
	return 0;
}

static void
send_one(uint16_t from, struct rte_mbuf *m)
{
	sim_rcu_enter(reader);
	sim_eswitch_send(&esw, from, &m, 1);
	sim_rcu_exit(reader);
}

/* The only packet that came to 'id'. */
static struct rte_mbuf *
caught(uint16_t id)
{
	assert_int_equal(catchers[id].n, 1);
	return catchers[id].pkts[0];
}

static struct rte_mbuf *
udp_to(uint32_t dst)
{
	return test_packet(pool, IPPROTO_UDP, RTE_IPV4(10, 0, 0, 1), dst, 1,
			   2, 18);
}

static struct sim_rule *
rule_alloc(uint32_t priority, uint32_t flags, uint16_t out)
{
	struct sim_rule *r = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*r));

	assert_non_null(r);
	memset(r, 0, sizeof(*r));
	r->priority = priority;
	r->action.flags = flags;
	r->action.out = out;
	return r;
}

static struct sim_rule *
rule_to(uint32_t dst, uint32_t priority, uint32_t flags, uint16_t out)
{
	struct sim_rule *r = rule_alloc(priority, flags, out);
	rte_be32_t be = rte_cpu_to_be_32(dst);

	r->key.l3 = 4;
	r->mask.l3 = 0xff;
	memcpy(r->key.daddr, &be, 4);
	memset(r->mask.daddr, 0xff, 4);
	return r;
}

static void
rule_remove(struct sim_table *t, struct sim_rule *r)
{
	sim_table_remove(t, r);
	memset(r, 0x5a, sizeof(*r));
	free(r);
}

static void
test_key_plain(void **state)
{
	struct rte_mbuf *m = test_packet(pool, IPPROTO_TCP, 1, 2, 3, 4, 0);
	struct sim_key key;

	(void)state;
	sim_key_parse(&key, m);
	assert_int_equal(key.type, RTE_BE16(RTE_ETHER_TYPE_IPV4));
	assert_int_equal(key.l3, 4);
	assert_int_equal(key.proto, IPPROTO_TCP);
	assert_int_equal(key.ttl, 64);
	assert_int_equal(key.sport, RTE_BE16(3));
	assert_int_equal(key.dport, RTE_BE16(4));
	assert_int_equal(key.flags, SIM_KEY_L4);
	rte_pktmbuf_free(m);
}

static void
test_key_truncated(void **state)
{
	struct rte_mbuf *m = test_packet(pool, IPPROTO_TCP, 1, 2, 3, 4, 0);
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *), *exact;
	struct sim_key key;
	uint32_t len;

	(void)state;
	for (len = 0; len <= m->data_len; len++) {
		/* So that a sanitizer sees a byte too many. */
		exact = malloc(len == 0 ? 1 : len);
		memcpy(exact, data, len);
		sim_key_parse_bytes(&key, exact, len);
		assert_int_equal(key.type != 0, len >= 14);
		assert_int_equal(key.l3, len >= 34 ? 4 : 0);
		assert_int_equal(key.flags, len >= 54 ? SIM_KEY_L4 : 0);
		free(exact);
	}
	rte_pktmbuf_free(m);
}

static void
test_key_tags(void **state)
{
	static const uint8_t frame[] = {
		1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2,
		0x88, 0xa8, 0x00, 0x05, 0x81, 0x00, 0x20, 0x06, 0x86, 0xdd,
		0x60, 0x10, 0, 0, 0, 8, 17, 64,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
		0, 7, 0, 8, 0, 8, 0, 0,
	};
	struct sim_key key;

	(void)state;
	sim_key_parse_bytes(&key, frame, sizeof(frame));
	assert_int_equal(key.type, RTE_BE16(0x88a8));
	assert_int_equal(key.tci, RTE_BE16(5));
	assert_int_equal(key.inner_type, RTE_BE16(0x8100));
	assert_int_equal(key.flags, SIM_KEY_VLAN | SIM_KEY_MORE_VLAN |
			 SIM_KEY_L4);
	assert_int_equal(key.l3, 6);
	assert_int_equal(key.tos, 1);
	assert_int_equal(key.daddr[15], 2);
	assert_int_equal(key.dport, RTE_BE16(8));
}

static void
test_key_fragments(void **state)
{
	struct rte_mbuf *m = udp_to(1);
	struct rte_ipv4_hdr *ip;
	struct sim_key key;

	(void)state;
	ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
	ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
	sim_key_parse(&key, m);
	assert_int_equal(key.frag, 0);
	assert_int_equal(key.flags, SIM_KEY_L4);
	ip->fragment_offset = RTE_BE16(RTE_IPV4_HDR_MF_FLAG);
	sim_key_parse(&key, m);
	assert_int_equal(key.flags, SIM_KEY_L4 | SIM_KEY_FRAG);
	ip->fragment_offset = RTE_BE16(5);
	sim_key_parse(&key, m);
	assert_int_equal(key.flags, SIM_KEY_FRAG);
	assert_int_equal(key.dport, 0);
	rte_pktmbuf_free(m);
}

static void
test_default_paths(void **state)
{
	uint16_t id;

	(void)state;
	for (id = 0; id < SIM_EP_MAX; id++) {
		send_one(id, udp_to(1));
		caught(SIM_EP_PEER(id));
	}
	assert_int_equal(SIM_EP_PEER(SIM_EP_VF(3)), SIM_EP_REP(3));
	assert_int_equal(SIM_EP_PEER(SIM_EP_WIRE), SIM_EP_UPLINK);
}

static void
test_absent(void **state)
{
	(void)state;
	sim_eswitch_detach(&esw, SIM_EP_REP(0));
	send_one(SIM_EP_VF(0), udp_to(1));
	assert_int_equal(esw.counters[SIM_EP_REP(0)].absent, 1);
}

static void
test_output_and_drop(void **state)
{
	struct sim_table *t = sim_eswitch_table(&esw, SIM_EP_VF(0));
	struct sim_rule *out = rule_to(1, 0, SIM_ACT_COUNT, SIM_EP_WIRE);
	struct sim_rule *drop = rule_to(2, 0, SIM_ACT_DROP, 0);

	(void)state;
	assert_int_equal(sim_table_add(t, out), 0);
	assert_int_equal(sim_table_add(t, drop), 0);
	send_one(SIM_EP_VF(0), udp_to(1));
	send_one(SIM_EP_VF(0), udp_to(2));
	send_one(SIM_EP_VF(0), udp_to(3));
	assert_int_equal(caught(SIM_EP_WIRE)->pkt_len, 60);
	caught(SIM_EP_REP(0));
	assert_int_equal(esw.counters[SIM_EP_VF(0)].rule_drop, 1);
	assert_int_equal(out->hits, 1);
	assert_int_equal(out->bytes, 60);
	assert_int_equal(drop->hits, 0);	/* It has no COUNT. */
	/* Another VF's packets do not see them. */
	send_one(SIM_EP_VF(1), udp_to(1));
	caught(SIM_EP_REP(1));
	rule_remove(t, out);
	rule_remove(t, drop);
	assert_true(sim_table_is_empty(t));
}

static void
test_priorities(void **state)
{
	struct sim_table *t = sim_eswitch_table(&esw, SIM_EP_WIRE);
	struct sim_rule *all = rule_alloc(5, 0, SIM_EP_VF(1));
	struct sim_rule *one = rule_to(1, 6, 0, SIM_EP_VF(2));
	struct sim_rule *same = rule_to(1, 6, 0, SIM_EP_VF(3));
	struct sim_rule *best = rule_to(1, 4, 0, SIM_EP_VF(4));

	(void)state;
	assert_int_equal(sim_table_add(t, one), 0);
	assert_int_equal(sim_table_add(t, same), -EEXIST);
	free(same);
	send_one(SIM_EP_WIRE, udp_to(1));
	caught(SIM_EP_VF(2));
	/* A lower number wins, however little it matches on. */
	assert_int_equal(sim_table_add(t, all), 0);
	send_one(SIM_EP_WIRE, udp_to(1));
	caught(SIM_EP_VF(1));
	assert_int_equal(sim_table_add(t, best), 0);
	send_one(SIM_EP_WIRE, udp_to(1));
	caught(SIM_EP_VF(4));
	rule_remove(t, all);
	rule_remove(t, best);
	send_one(SIM_EP_WIRE, udp_to(7));
	caught(SIM_EP_UPLINK);
	rule_remove(t, one);
}

static void
test_order_is_kept(void **state)
{
	struct sim_table *t = sim_eswitch_table(&esw, SIM_EP_VF(0));
	struct sim_rule *r = rule_to(1, 0, 0, SIM_EP_VF(1));
	struct rte_mbuf *pkts[6], *copy[6];
	unsigned int i;

	(void)state;
	assert_int_equal(sim_table_add(t, r), 0);
	for (i = 0; i < 6; i++)
		copy[i] = pkts[i] = udp_to(i % 3 == 0 ? 1 : 2);
	sim_rcu_enter(reader);
	sim_eswitch_send(&esw, SIM_EP_VF(0), pkts, 6);
	sim_rcu_exit(reader);
	assert_int_equal(catchers[SIM_EP_VF(1)].n, 2);
	assert_ptr_equal(catchers[SIM_EP_VF(1)].pkts[0], copy[0]);
	assert_ptr_equal(catchers[SIM_EP_VF(1)].pkts[1], copy[3]);
	assert_int_equal(catchers[SIM_EP_REP(0)].n, 4);
	assert_ptr_equal(catchers[SIM_EP_REP(0)].pkts[0], copy[1]);
	assert_ptr_equal(catchers[SIM_EP_REP(0)].pkts[3], copy[5]);
	rule_remove(t, r);
}

static void
test_edits(void **state)
{
	struct sim_table *t = sim_eswitch_table(&esw, SIM_EP_VF(0));
	struct sim_rule *r = rule_to(1, 0, SIM_ACT_SET_DST | SIM_ACT_SET_SRC |
			SIM_ACT_SET_TTL | SIM_ACT_PUSH_VLAN | SIM_ACT_SET_VID |
			SIM_ACT_SET_PCP, SIM_EP_WIRE);
	const struct rte_ether_hdr *eth;
	const struct rte_vlan_hdr *vlan;
	const struct rte_ipv4_hdr *ip;
	struct rte_mbuf *m;

	(void)state;
	memset(&r->action.dst, 0x0a, 6);
	memset(&r->action.src, 0x0c, 6);
	r->action.ttl = 9;
	r->action.tpid = RTE_BE16(RTE_ETHER_TYPE_VLAN);
	r->action.vid = 100;
	r->action.pcp = 3;
	assert_int_equal(sim_table_add(t, r), 0);
	send_one(SIM_EP_VF(0), udp_to(1));
	m = caught(SIM_EP_WIRE);
	assert_int_equal(m->pkt_len, 64);
	eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	assert_int_equal(eth->dst_addr.addr_bytes[5], 0x0a);
	assert_int_equal(eth->src_addr.addr_bytes[0], 0x0c);
	assert_int_equal(eth->ether_type, RTE_BE16(RTE_ETHER_TYPE_VLAN));
	vlan = (const struct rte_vlan_hdr *)(eth + 1);
	assert_int_equal(vlan->vlan_tci, RTE_BE16(3 << 13 | 100));
	assert_int_equal(vlan->eth_proto, RTE_BE16(RTE_ETHER_TYPE_IPV4));
	ip = (const struct rte_ipv4_hdr *)(vlan + 1);
	assert_int_equal(ip->time_to_live, 9);
	assert_int_equal(rte_raw_cksum(ip, sizeof(*ip)), 0xffff);
	rule_remove(t, r);
}

/* A packet that somebody else holds too is not changed under him. */
static void
test_edit_of_shared_packet(void **state)
{
	struct sim_table *t = sim_eswitch_table(&esw, SIM_EP_VF(0));
	struct sim_rule *r = rule_to(1, 0, SIM_ACT_SET_DST, SIM_EP_WIRE);
	struct rte_mbuf *m = udp_to(1);

	(void)state;
	assert_int_equal(sim_table_add(t, r), 0);
	rte_mbuf_refcnt_update(m, 1);
	send_one(SIM_EP_VF(0), m);
	assert_ptr_not_equal(caught(SIM_EP_WIRE), m);
	assert_int_equal(*rte_pktmbuf_mtod(m, uint8_t *), 0x22);
	rte_pktmbuf_free(m);
	rule_remove(t, r);
}

static void
test_pop_vlan(void **state)
{
	struct sim_table *t = sim_eswitch_table(&esw, SIM_EP_VF(0));
	struct sim_rule *r = rule_to(1, 0, SIM_ACT_POP_VLAN, SIM_EP_WIRE);
	const struct rte_ether_hdr *eth;
	struct rte_mbuf *m = udp_to(1);

	(void)state;
	assert_int_equal(sim_table_add(t, r), 0);
	assert_int_equal(rte_vlan_insert(&m), 0);
	assert_int_equal(m->pkt_len, 64);
	send_one(SIM_EP_VF(0), m);
	m = caught(SIM_EP_WIRE);
	assert_int_equal(m->pkt_len, 60);
	eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	assert_int_equal(eth->ether_type, RTE_BE16(RTE_ETHER_TYPE_IPV4));
	rule_remove(t, r);
}

static struct sim_rule *rules[N_RULES];

static void
add_many(struct sim_table *t)
{
	unsigned int i;

	for (i = 0; i < N_RULES; i++) {
		rules[i] = rule_to(i * 2654435761u, 0, 0, SIM_EP_WIRE);
		assert_int_equal(sim_table_add(t, rules[i]), 0);
	}
}

static void
remove_many(struct sim_table *t)
{
	unsigned int i;

	for (i = 0; i < N_RULES; i++)
		rule_remove(t, rules[i]);
	assert_true(sim_table_is_empty(t));
}

#define ROUNDS 20001

static int
compare(const void *a, const void *b)
{
	return *(const uint64_t *)a < *(const uint64_t *)b ? -1 :
		*(const uint64_t *)a > *(const uint64_t *)b;
}

/* All are found, and the cost of it is shown: the median, because the machine
 * may be doing something else. */
static void
test_many_rules(void **state)
{
	struct sim_table *t = sim_eswitch_table(&esw, SIM_EP_WIRE);
	static uint64_t cycles[ROUNDS];
	struct sim_rule *found[32];
	struct sim_key keys[32];
	unsigned int i, round;
	uint64_t start;

	(void)state;
	add_many(t);
	srand(2);
	memset(keys, 0, sizeof(keys));
	for (round = 0; round < ROUNDS; round++) {
		unsigned int which[32];

		for (i = 0; i < 32; i++) {
			which[i] = rand() % N_RULES;
			keys[i] = rules[which[i]]->key;
		}
		sim_rcu_enter(reader);
		start = rte_rdtsc_precise();
		sim_table_lookup(t, keys, 32, found);
		cycles[round] = rte_rdtsc_precise() - start;
		sim_rcu_exit(reader);
		for (i = 0; i < 32; i++)
			assert_ptr_equal(found[i], rules[which[i]]);
	}
	qsort(cycles, ROUNDS, sizeof(cycles[0]), compare);
	print_message("%u rules: %.1f cycles per packet of a burst of 32\n",
		      N_RULES, cycles[ROUNDS / 2] / 32.0);
	remove_many(t);
}

static volatile bool stop;

/* Looks rules up while they come and go; what it finds must be what it looked
 * for. */
static void *
lookup_thread(void *arg)
{
	struct sim_table *t = arg;
	struct sim_rule *found[32];
	uint32_t id = sim_rcu_reader_add();
	unsigned int i, seed = 3;
	uintptr_t wrong = 0;
	struct sim_key keys[32];

	memset(keys, 0, sizeof(keys));
	while (!stop) {
		for (i = 0; i < 32; i++) {
			rte_be32_t be = rte_cpu_to_be_32(rand_r(&seed) % 64);

			keys[i].l3 = 4;
			memcpy(keys[i].daddr, &be, 4);
		}
		sim_rcu_enter(id);
		sim_table_lookup(t, keys, 32, found);
		for (i = 0; i < 32; i++) {
			if (found[i] != NULL &&
			    memcmp(found[i]->key.daddr, keys[i].daddr, 4) != 0)
				wrong++;
		}
		sim_rcu_exit(id);
	}
	sim_rcu_reader_remove(id);
	return (void *)wrong;
}

static void
test_concurrent(void **state)
{
	struct sim_table *t = sim_eswitch_table(&esw, SIM_EP_WIRE);
	struct sim_rule *r[64] = { NULL };
	unsigned int i, k, seed = 4;
	pthread_t thread;
	void *wrong;

	(void)state;
	stop = false;
	assert_int_equal(pthread_create(&thread, NULL, lookup_thread, t), 0);
	for (i = 0; i < 3000; i++) {
		k = rand_r(&seed) % 64;
		if (r[k] != NULL) {
			rule_remove(t, r[k]);
			r[k] = NULL;
		} else {
			r[k] = rule_to(k, k % 3, 0, SIM_EP_WIRE);
			assert_int_equal(sim_table_add(t, r[k]), 0);
		}
	}
	stop = true;
	pthread_join(thread, &wrong);
	assert_null(wrong);
	for (k = 0; k < 64; k++) {
		if (r[k] != NULL)
			rule_remove(t, r[k]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_plain),
		cmocka_unit_test(test_key_truncated),
		cmocka_unit_test(test_key_tags),
		cmocka_unit_test(test_key_fragments),
#define ESWITCH_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		ESWITCH_TEST(test_default_paths),
		ESWITCH_TEST(test_absent),
		ESWITCH_TEST(test_output_and_drop),
		ESWITCH_TEST(test_priorities),
		ESWITCH_TEST(test_order_is_kept),
		ESWITCH_TEST(test_edits),
		ESWITCH_TEST(test_edit_of_shared_packet),
		ESWITCH_TEST(test_pop_vlan),
		ESWITCH_TEST(test_many_rules),
		ESWITCH_TEST(test_concurrent),
	};
	int ret;

	if (test_eal_init() != 0 || sim_rcu_get() != 0)
		return EXIT_FAILURE;
	pool = test_pool("test");
	reader = sim_rcu_reader_add();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	sim_rcu_reader_remove(reader);
	sim_rcu_put();
	rte_mempool_free(pool);
	rte_eal_cleanup();
	return ret;
}
