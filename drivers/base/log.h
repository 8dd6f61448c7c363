/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_BASE_LOG_H
#define SIM_BASE_LOG_H

#include <rte_log.h>

extern int sim_logtype;

/* One sentence, without a trailing newline. */
#define SIM_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_ ## level, sim_logtype, "SIMNIC: " fmt "\n", \
		## __VA_ARGS__)

#endif /* SIM_BASE_LOG_H */
