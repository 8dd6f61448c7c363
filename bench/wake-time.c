/* SPDX-License-Identifier: Apache-2.0 */

/* How long this machine itself takes to wake a thread up: prints the median
 * and the 99th percentile, in microseconds, of the time from a write to an
 * eventfd until a thread on another core that waits for it goes on.
 *
 *   wake-time CORE CORE
 *
 * The second core is idle before, for up to a tenth of a second.  With virtual
 * cores most of the time is the hypervisor's. */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "bench/run-on.h"

#define TURNS 200
#define MAX_SILENCE 100000000ULL	/* In nanoseconds. */

static int fd;
static _Atomic uint64_t woken;		/* When, of this turn, or 0. */

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Waits as a PMD thread does (lib/relay/rest.c). */
static void *
wait_for_work(void *core)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(0);
	uint64_t n;

	run_on(*(const int *)core);
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		fail("wake-time: epoll");
	for (;;) {
		if (epoll_wait(epoll, &event, 1, -1) != 1)
			continue;
		atomic_store(&woken, now());
		if (read(fd, &n, sizeof(n)) != sizeof(n))
			fail("wake-time: read");
	}
	return NULL;
}

/* Keeps this core busy for so long. */
static void
spin(uint64_t ns)
{
	uint64_t end = now() + ns;

	while (now() < end)
		sched_yield();
}

static int
compare(const void *a_, const void *b_)
{
	const uint64_t *a = a_, *b = b_;

	return *a < *b ? -1 : *a > *b;
}

int
main(int argc, char *argv[])
{
	static uint64_t took[TURNS];
	uint64_t one = 1, start;
	pthread_t thread;
	unsigned int i;
	int core;

	if (argc != 3) {
		fprintf(stderr, "usage: wake-time CORE CORE\n");
		return 1;
	}
	core = atoi(argv[2]);
	fd = eventfd(0, 0);
	if (fd < 0)
		fail("wake-time: eventfd");
	if (pthread_create(&thread, NULL, wait_for_work, &core) != 0)
		fail("wake-time: pthread_create");
	run_on(atoi(argv[1]));
	for (i = 0; i < TURNS; i++) {
		spin(MAX_SILENCE / 10 + rand() % (MAX_SILENCE * 9 / 10));
		atomic_store(&woken, 0);
		start = now();
		if (write(fd, &one, sizeof(one)) != sizeof(one))
			fail("wake-time: write");
		while (atomic_load(&woken) == 0)
			sched_yield();
		took[i] = atomic_load(&woken) - start;
	}
	qsort(took, TURNS, sizeof(*took), compare);
	printf("median %.1f, 99%% %.1f\n", took[TURNS / 2] / 1e3,
	       took[TURNS * 99 / 100] / 1e3);
	return 0;
}
