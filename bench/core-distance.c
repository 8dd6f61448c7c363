/* SPDX-License-Identifier: Apache-2.0 */

/* How far two cores are from each other: prints how many TSC cycles it takes
 * a cache line to go from one to the other and back.
 *
 *   core-distance CORE CORE
 *
 * Virtual cores may be two threads of one core now and not a moment later,
 * which changes all figures of what two cores share. */

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "bench/run-on.h"

#define TURNS 200		/* Of a try; the best of so many tries counts, */
#define TRIES 20		/* in case that something else ran. */

/* In seconds: whoever runs this may have it go before everything else. */
#define DEADLINE 1

static _Alignas(64) atomic_uint ball;
static sem_t ready;		/* The other thread has its core. */
static uint64_t deadline;

static void
await(unsigned int n)
{
	while (atomic_load_explicit(&ball, memory_order_acquire) != n) {
		if (rte_rdtsc() > deadline) {
			fprintf(stderr, "core-distance: a core is taken by "
				"somebody else\n");
			exit(1);
		}
		rte_pause();
	}
}

/* Gives each odd number back as the next one. */
static void *
return_balls(void *core)
{
	unsigned int n;

	run_on(*(const int *)core);
	sem_post(&ready);
	for (n = 1; n < 2 * TURNS * TRIES; n += 2) {
		await(n);
		atomic_store_explicit(&ball, n + 1, memory_order_release);
	}
	return NULL;
}

static uint64_t
cycles_per_second(void)
{
	struct timespec wait = { .tv_nsec = 1000000 };
	uint64_t start = rte_rdtsc();

	nanosleep(&wait, NULL);
	return (rte_rdtsc() - start) * 1000;
}

int
main(int argc, char *argv[])
{
	uint64_t least = UINT64_MAX;
	unsigned int n = 0, try, i;
	pthread_t thread;
	int core;

	if (argc != 3) {
		fprintf(stderr, "usage: core-distance CORE CORE\n");
		return 1;
	}
	core = atoi(argv[2]);
	deadline = rte_rdtsc() + DEADLINE * cycles_per_second();
	sem_init(&ready, 0, 0);
	if (pthread_create(&thread, NULL, return_balls, &core) != 0) {
		perror("core-distance: pthread_create");
		return 1;
	}
	run_on(atoi(argv[1]));
	sem_wait(&ready);
	for (try = 0; try < TRIES; try++) {
		uint64_t start = rte_rdtsc();

		for (i = 0; i < TURNS; i++, n += 2) {
			atomic_store_explicit(&ball, n + 1,
					      memory_order_release);
			await(n + 2);
		}
		start = (rte_rdtsc() - start) / TURNS;
		least = start < least ? start : least;
	}
	pthread_join(thread, NULL);
	printf("%llu\n", (unsigned long long)least);
	return 0;
}
