/* SPDX-License-Identifier: Apache-2.0 */

#ifndef BENCH_SOURCE_H
#define BENCH_SOURCE_H

/* How many frames a source may give: at most a window of them is under way to
 * the other side.  For the one thread that is the source. */

#include <stdbool.h>
#include <stdint.h>

#include "bench_vf.h"

/* Frames that went away are given up after so many polls in vain. */
#define BENCH_STALL_POLLS (1 << 20)

struct bench_source {
	struct bench_port *own;
	const struct bench_port *peer;
	uint64_t epoch;
	uint64_t credit;		/* Frames that may be given at least. */
	uint64_t stalled;		/* Polls in vain. */
};

static inline uint64_t
bench_read(const uint64_t *p)
{
	return *(const volatile uint64_t *)p;
}

/* Begins anew if there are other parameters, and returns true: what is still
 * under way is lost. */
static inline bool
bench_source_restart(struct bench_source *s, const struct bench_params *p)
{
	uint64_t epoch = bench_read(&p->epoch);

	if (s->epoch == epoch)
		return false;
	s->epoch = epoch;
	s->own->lost = s->own->given - bench_read(&s->peer->taken);
	s->credit = 0;
	s->stalled = 0;
	return true;
}

/* The window is used up, or nearly.  Sees what came out of it.  If nothing has
 * for so long that it never will, that is lost. */
static inline void
bench_source_refresh(struct bench_source *s, uint64_t window)
{
	uint64_t taken = bench_read(&s->peer->taken);
	uint64_t under_way = s->own->given - s->own->lost - taken;

	/* What was lost for good may have come back. */
	if ((int64_t)under_way < 0) {
		s->own->lost += under_way;
		under_way = 0;
	}
	if (under_way + s->credit != window) {
		s->credit = under_way < window ? window - under_way : 0;
		s->stalled = 0;
	} else if (++s->stalled >= BENCH_STALL_POLLS) {
		s->own->lost += under_way;
		s->stalled = 0;
	}
}

/* Returns how many of 'n' frames may be given now. */
static inline uint64_t
bench_source_may(struct bench_source *s, const struct bench_params *p,
		 uint64_t n)
{
	if (s->credit < (n > p->batch ? n : p->batch)) {
		bench_source_refresh(s, p->window);
		if (s->credit < p->batch)
			return 0;
	}
	return n < s->credit ? n : s->credit;
}

/* 'n' frames were given. */
static inline void
bench_source_gave(struct bench_source *s, uint64_t n)
{
	s->credit -= n;
	s->own->given += n;
}

#endif /* BENCH_SOURCE_H */
