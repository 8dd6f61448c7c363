/* SPDX-License-Identifier: Apache-2.0 */

#ifndef BENCH_RUN_ON_H
#define BENCH_RUN_ON_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/* Has the calling thread run on 'core' from now on; ends the program, with a
 * message, if there is none. */
static inline void
run_on(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0) {
		fprintf(stderr, "%s: there is no core %d\n",
			program_invocation_short_name, core);
		exit(1);
	}
}

#endif /* BENCH_RUN_ON_H */
