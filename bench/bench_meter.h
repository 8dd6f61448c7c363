/* SPDX-License-Identifier: Apache-2.0 */

#ifndef BENCH_METER_H
#define BENCH_METER_H

/* The meter of bench_vf.c, for the thread that polls its VFs: what an
 * iteration takes, and how long frames were under way. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_pause.h>

#include "bench_source.h"
#include "bench_vf.h"

/* An iteration that takes longer was interrupted, by the kernel, a hypervisor
 * or a signal: in seconds, and what each frame may add to it. */
#define INTERRUPTED (100e-6)
#define INTERRUPTED_PER_FRAME (2e-6)

/* How long a system is held at most, in seconds. */
#define LONGEST_HOLD (1e-3)

static uint64_t moved;			/* Frames, by all VFs. */
static uint64_t last_moved;
static uint64_t last_tsc;
static bool spoilt;			/* The iteration is not to be counted. */
static uint64_t interrupted_cycles;
static uint64_t interrupted_per_frame;

/* Meter. */

static inline void
meter_tick(struct bench_meter *m)
{
	uint64_t now = rte_rdtsc();
	uint64_t cycles = now - last_tsc;
	uint64_t frames = moved - last_moved;

	last_tsc = now;
	last_moved = moved;
	if (unlikely(spoilt)) {
		spoilt = false;
	} else if (unlikely(cycles > interrupted_cycles &&
		     cycles > interrupted_cycles +
			      frames * interrupted_per_frame)) {
		m->interrupted++;
	} else if (frames != 0) {
		m->busy_cycles += cycles;
		m->busy_iterations++;
		m->frames += frames;
	} else {
		m->idle_cycles += cycles;
		m->idle_iterations++;
	}
}

/* Returns true if each guest has given all that it may, and has taken all that
 * it was given. */
static bool
guests_are_ready(const struct bench_ctl *ctl)
{
	const struct bench_params *p = &ctl->params;
	unsigned int i;

	for (i = 0; i < BENCH_PORTS; i++) {
		const struct bench_port *guest = &ctl->ports[BENCH_GUEST][i];
		const struct bench_port *host = &ctl->ports[BENCH_HOST][i];

		if (!bench_read(&guest->present))
			continue;
		if ((p->source[BENCH_GUEST] &&
		     bench_read(&guest->shown) - bench_read(&guest->lost) -
		     host->taken < p->window) ||
		    (p->source[BENCH_HOST] &&
		     host->given - host->lost != bench_read(&guest->taken)))
			return false;
	}
	return true;
}

/* Between two iterations, waits for the guests, so that each iteration finds
 * as much to do as any other, however many guests share a core. */
static void __rte_noinline
meter_hold(const struct bench_ctl *ctl)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(LONGEST_HOLD *
						rte_get_tsc_hz());

	while (!guests_are_ready(ctl)) {
		if (rte_rdtsc() > end) {
			spoilt = true;
			break;
		}
		rte_pause();
	}
	last_tsc = rte_rdtsc();
}

/* Ends an iteration. */
static inline void
meter_turn(struct bench_ctl *ctl)
{
	meter_tick(&ctl->meter);
	if (unlikely(bench_read(&ctl->params.hold)))
		meter_hold(ctl);
}

/* Finds out what the meter costs itself. */
static void
meter_init(struct bench_meter *m)
{
	uint64_t least = UINT64_MAX;
	unsigned int i, round;

	interrupted_cycles = INTERRUPTED * rte_get_tsc_hz();
	interrupted_per_frame = INTERRUPTED_PER_FRAME * rte_get_tsc_hz();
	for (round = 0; round < 100; round++) {
		uint64_t start = rte_rdtsc();

		for (i = 0; i < 100; i++)
			meter_tick(m);
		least = RTE_MIN(least, (rte_rdtsc() - start) / 100);
	}
	memset(m, 0, sizeof(*m));
	m->tsc_hz = rte_get_tsc_hz();
	m->overhead = least;
}

/* Adds a latency to the histogram: 32 buckets for each power of 2. */
static inline void
histogram_add(struct bench_ctl *ctl, uint64_t cycles)
{
	unsigned int bucket = cycles;

	if (cycles >= 32) {
		unsigned int exponent = 63 - __builtin_clzll(cycles);

		bucket = (exponent - 4) * 32 + ((cycles >> (exponent - 5)) & 31);
	}
	ctl->histogram[RTE_MIN(bucket, BENCH_BUCKETS - 1U)]++;
}

#endif /* BENCH_METER_H */
