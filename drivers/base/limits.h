/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_BASE_LIMITS_H
#define SIM_BASE_LIMITS_H

/* What the simulated NIC has at most. */

#define SIM_MAX_VFS	126	/* DPDK may have room for fewer ports. */
#define SIM_LAST_VF	125
#define SIM_MAX_QUEUES	16	/* Of an ethdev; pairs of a vDPA device. */
#define SIM_MAX_FRAME	9728
#define SIM_MIN_DESC	32	/* Of a queue. */

/* More packets than a burst function handles at a time. */
#define SIM_BURST	64

#endif /* SIM_BASE_LIMITS_H */
