/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>

#include "base/log.h"
#include "base/rcu.h"
#include "eswitch/table.h"

/* Rules that a subtable has room for at first. */
#define SUBTABLE_INITIAL 256

/*
 * Rules of one mask and one priority.  The hash key is the masked words of
 * the mask that are not zero, nothing else: a rule on a few fields costs few
 * cycles to hash and to compare.
 */
struct subtable {
	struct rte_hash *hash;		/* Replaced under RCU when it grows. */
	uint32_t priority;
	uint32_t n_rules;		/* Writer only. */
	uint32_t capacity;		/* Writer only. */
	uint16_t n_words;
	uint8_t word[SIM_KEY_WORDS];	/* Which words of the key. */
	uint64_t mask[SIM_KEY_WORDS];	/* Of those words. */
	struct sim_key full_mask;
};

struct sim_subtables {
	uint32_t n;
	struct subtable *sub[];
};

static inline void
compress(const struct subtable *st, const struct sim_key *key, uint64_t *out)
{
	const uint64_t *words = (const uint64_t *)key;
	uint16_t i;

	for (i = 0; i < st->n_words; i++)
		out[i] = words[st->word[i]] & st->mask[i];
}

static void
set_mask(struct subtable *st, const struct sim_key *mask)
{
	const uint64_t *words = (const uint64_t *)mask;
	unsigned int i;

	st->full_mask = *mask;
	for (i = 0; i < SIM_KEY_WORDS; i++) {
		if (words[i] == 0)
			continue;
		st->word[st->n_words] = i;
		st->mask[st->n_words] = words[i];
		st->n_words++;
	}
	/* A rule that matches everything still needs a key to hash: one word
	 * under an empty mask. */
	if (st->n_words == 0)
		st->n_words = 1;
}

static struct rte_hash *
hash_create(const struct subtable *st, uint32_t capacity)
{
	static unsigned int serial;
	struct rte_hash_rcu_config rcu = {
		.v = sim_rcu_var,
		.mode = RTE_HASH_QSBR_MODE_SYNC,
	};
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters params = {
		.name = name,
		.entries = capacity,
		.key_len = st->n_words * sizeof(uint64_t),
		.hash_func = rte_hash_crc,
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
	};
	struct rte_hash *hash;

	snprintf(name, sizeof(name), "simrules%u",
		 __atomic_fetch_add(&serial, 1, __ATOMIC_RELAXED));
	hash = rte_hash_create(&params);
	if (hash == NULL) {
		SIM_LOG(ERR, "cannot create a table of %u rules: %s", capacity,
			rte_strerror(rte_errno));
		return NULL;
	}
	if (rte_hash_rcu_qsbr_add(hash, &rcu) != 0) {
		rte_hash_free(hash);
		return NULL;
	}
	return hash;
}

static int
hash_copy(struct rte_hash *to, const struct rte_hash *from)
{
	const void *key;
	uint32_t pos = 0;
	void *data;
	int ret;

	while (rte_hash_iterate(from, &key, &data, &pos) >= 0) {
		ret = rte_hash_add_key_data(to, key, data);
		if (ret != 0)
			return ret;
	}
	return 0;
}

static int
subtable_grow(struct subtable *st)
{
	uint32_t capacity = st->capacity * 4;
	struct rte_hash *old = st->hash;
	struct rte_hash *new = hash_create(st, capacity);

	if (new == NULL)
		return -ENOMEM;
	if (hash_copy(new, old) != 0) {
		rte_hash_free(new);
		return -ENOMEM;
	}
	__atomic_store_n(&st->hash, new, __ATOMIC_RELEASE);
	st->capacity = capacity;
	sim_rcu_synchronize();
	rte_hash_free(old);
	return 0;
}

static int
subtable_add(struct subtable *st, struct sim_rule *rule)
{
	uint64_t key[SIM_KEY_WORDS];
	int ret;

	compress(st, &rule->key, key);
	if (rte_hash_lookup(st->hash, key) >= 0)
		return -EEXIST;
	ret = rte_hash_add_key_data(st->hash, key, rule);
	if (ret == -ENOSPC) {
		ret = subtable_grow(st);
		if (ret == 0)
			ret = rte_hash_add_key_data(st->hash, key, rule);
	}
	if (ret == 0)
		st->n_rules++;
	return ret == -ENOSPC ? -ENOMEM : ret;
}

static struct subtable *
subtable_create(const struct sim_rule *rule)
{
	struct subtable *st;

	st = rte_zmalloc("simnic_subtable", sizeof(*st), RTE_CACHE_LINE_SIZE);
	if (st == NULL)
		return NULL;
	st->priority = rule->priority;
	st->capacity = SUBTABLE_INITIAL;
	set_mask(st, &rule->mask);
	st->hash = hash_create(st, st->capacity);
	if (st->hash == NULL) {
		rte_free(st);
		return NULL;
	}
	return st;
}

static void
subtable_destroy(struct subtable *st)
{
	if (st == NULL)
		return;
	rte_hash_free(st->hash);
	rte_free(st);
}

static struct subtable *
find_subtable(const struct sim_table *t, const struct sim_rule *rule)
{
	const struct sim_subtables *list = t->subtables;
	uint32_t i;

	for (i = 0; list != NULL && i < list->n; i++) {
		if (list->sub[i]->priority == rule->priority &&
		    memcmp(&list->sub[i]->full_mask, &rule->mask,
			   sizeof(rule->mask)) == 0)
			return list->sub[i];
	}
	return NULL;
}

static struct sim_subtables *
list_alloc(uint32_t n)
{
	struct sim_subtables *list;

	list = rte_zmalloc("simnic_subtables",
			   sizeof(*list) + n * sizeof(list->sub[0]),
			   RTE_CACHE_LINE_SIZE);
	if (list != NULL)
		list->n = n;
	return list;
}

static void
list_publish(struct sim_table *t, struct sim_subtables *list)
{
	struct sim_subtables *old = t->subtables;

	__atomic_store_n(&t->subtables, list, __ATOMIC_RELEASE);
	sim_rcu_synchronize();
	rte_free(old);
}

static int
link_subtable(struct sim_table *t, struct subtable *st)
{
	const struct sim_subtables *old = t->subtables;
	uint32_t n = old == NULL ? 0 : old->n;
	struct sim_subtables *new = list_alloc(n + 1);
	uint32_t i, j = 0;

	if (new == NULL)
		return -ENOMEM;
	for (i = 0; i < n && old->sub[i]->priority <= st->priority; i++)
		new->sub[j++] = old->sub[i];
	new->sub[j++] = st;
	for (; i < n; i++)
		new->sub[j++] = old->sub[i];
	list_publish(t, new);
	return 0;
}

/* Takes an empty subtable out of the list, so that lookups need not ask it.
 * Without memory for a shorter list it stays, which is merely slower. */
static void
unlink_subtable(struct sim_table *t, struct subtable *st)
{
	const struct sim_subtables *old = t->subtables;
	struct sim_subtables *new = NULL;
	uint32_t i, j = 0;

	if (old->n > 1) {
		new = list_alloc(old->n - 1);
		if (new == NULL)
			return;
		for (i = 0; i < old->n; i++) {
			if (old->sub[i] != st)
				new->sub[j++] = old->sub[i];
		}
	}
	list_publish(t, new);
	subtable_destroy(st);
}

int
sim_table_add(struct sim_table *t, struct sim_rule *rule)
{
	struct subtable *st = find_subtable(t, rule);
	int ret;

	if (st != NULL)
		return subtable_add(st, rule);

	st = subtable_create(rule);
	if (st == NULL)
		return -ENOMEM;
	ret = subtable_add(st, rule);
	if (ret == 0)
		ret = link_subtable(t, st);
	if (ret != 0)
		subtable_destroy(st);
	return ret;
}

void
sim_table_remove(struct sim_table *t, struct sim_rule *rule)
{
	struct subtable *st = find_subtable(t, rule);
	uint64_t key[SIM_KEY_WORDS];

	if (st == NULL)
		return;
	compress(st, &rule->key, key);
	/* Waits for the readers by itself: see hash_create(). */
	if (rte_hash_del_key(st->hash, key) < 0)
		return;
	if (--st->n_rules == 0)
		unlink_subtable(t, st);
}

void
sim_table_fini(struct sim_table *t)
{
	struct sim_subtables *list = t->subtables;
	uint32_t i;

	if (list == NULL)
		return;
	for (i = 0; i < list->n; i++)
		subtable_destroy(list->sub[i]);
	rte_free(list);
	t->subtables = NULL;
}

/* Asks one subtable for the keys whose numbers are in 'idx', and leaves in
 * 'idx' those that it does not know. */
static uint16_t
subtable_lookup(const struct subtable *st, const struct sim_key *keys,
		uint8_t *idx, uint16_t n, struct sim_rule **rules)
{
	struct rte_hash *hash = __atomic_load_n(&st->hash, __ATOMIC_ACQUIRE);
	uint64_t small[RTE_HASH_LOOKUP_BULK_MAX][SIM_KEY_WORDS];
	const void *ptrs[RTE_HASH_LOOKUP_BULK_MAX];
	void *found[RTE_HASH_LOOKUP_BULK_MAX];
	uint64_t hits = 0;
	uint16_t i, left = 0;

	for (i = 0; i < n; i++) {
		compress(st, &keys[idx[i]], small[i]);
		ptrs[i] = small[i];
	}
	if (rte_hash_lookup_bulk_data(hash, ptrs, n, &hits, found) < 0)
		return n;
	for (i = 0; i < n; i++) {
		if (hits & (UINT64_C(1) << i))
			rules[idx[i]] = found[i];
		else
			idx[left++] = idx[i];
	}
	return left;
}

void
sim_table_lookup(const struct sim_table *t, const struct sim_key *keys,
		 uint16_t n, struct sim_rule **rules)
{
	const struct sim_subtables *list;
	uint8_t idx[RTE_HASH_LOOKUP_BULK_MAX];
	uint32_t s;
	uint16_t i;

	for (i = 0; i < n; i++) {
		rules[i] = NULL;
		idx[i] = i;
	}
	list = __atomic_load_n(&t->subtables, __ATOMIC_ACQUIRE);
	for (s = 0; list != NULL && s < list->n && n > 0; s++)
		n = subtable_lookup(list->sub[s], keys, idx, n, rules);
}
