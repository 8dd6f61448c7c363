/* SPDX-License-Identifier: Apache-2.0 */

#include <rte_errno.h>
#include <rte_malloc.h>

#include "nic/reach.h"
#include "packet/mbuf.h"

struct range {
	uintptr_t addr;
	size_t len;
};

struct sim_reach {
	unsigned int n;
	struct range ranges[];
};

static struct sim_reach *
create(unsigned int n)
{
	struct sim_reach *d;

	d = rte_malloc("simnic_reach", sizeof(*d) + n * sizeof(d->ranges[0]), 0);
	if (d == NULL)
		rte_errno = ENOMEM;
	else
		d->n = 0;
	return d;
}

struct sim_reach *
sim_reach_add(const struct sim_reach *old, const void *addr, size_t len)
{
	unsigned int n = old == NULL ? 0 : old->n;
	struct range new = { (uintptr_t)addr, len };
	struct sim_reach *d;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (new.addr < old->ranges[i].addr + old->ranges[i].len &&
		    old->ranges[i].addr < new.addr + len) {
			rte_errno = EEXIST;
			return NULL;
		}
	}
	d = create(n + 1);
	if (d == NULL)
		return NULL;
	for (i = 0; i < n; i++)
		d->ranges[d->n++] = old->ranges[i];
	d->ranges[d->n++] = new;
	return d;
}

struct sim_reach *
sim_reach_remove(const struct sim_reach *old, const void *addr, size_t len)
{
	unsigned int n = old == NULL ? 0 : old->n;
	struct sim_reach *d;
	unsigned int i;

	d = create(n);
	if (d == NULL)
		return NULL;
	for (i = 0; i < n; i++) {
		if (old->ranges[i].addr != (uintptr_t)addr ||
		    old->ranges[i].len != len)
			d->ranges[d->n++] = old->ranges[i];
	}
	if (d->n == n) {
		rte_free(d);
		rte_errno = ENOENT;
		return NULL;
	}
	return d;
}

static bool
has(const struct sim_reach *d, uintptr_t addr, size_t len)
{
	const struct range *r;
	unsigned int i;

	for (i = 0; d != NULL && i < d->n; i++) {
		r = &d->ranges[i];
		if (addr - r->addr < r->len && len <= r->len - (addr - r->addr))
			return true;
	}
	return false;
}

bool
sim_reach_is_outside(const struct sim_reach *d, const struct rte_mbuf *pkt)
{
	for (; pkt != NULL; pkt = pkt->next) {
		if (sim_mbuf_is_lent(pkt) &&
		    !has(d, rte_pktmbuf_mtod(pkt, uintptr_t), pkt->data_len))
			return true;
	}
	return false;
}
