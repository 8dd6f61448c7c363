/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_COMPAT_H
#define SIM_COMPAT_H

/*
 * What differs between the versions of DPDK that the simulated NIC is built
 * with, 22.11 to 25.11.  Neither the NIC nor what else is a driver here (tests,
 * bench/, tools/) asks for a version anywhere else.
 *
 * The headers for drivers come from a source tree, and describe what is private
 * to the library that is installed.  Both must be of one release series: that
 * is asserted below.
 */

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_telemetry.h>
#include <rte_version.h>

#include <ethdev_driver.h>

static_assert(RTE_VERSION >= RTE_VERSION_NUM(22, 11, 0, 0),
	      "DPDK before 22.11 is not supported");
/* SIM_SDK_YEAR and SIM_SDK_MONTH are those of the source tree; from configure,
 * because no header of drivers tells. */
static_assert(RTE_VER_YEAR == SIM_SDK_YEAR && RTE_VER_MONTH == SIM_SDK_MONTH,
	      "the headers for drivers are of another release series than the "
	      "installed DPDK: configure --with-dpdk-source anew");

/* True if the DPDK that is loaded is of the release series that this was
 * compiled for, whatever its point release: a series may have the name of
 * libraries of another, and private structures of its own. */
static inline bool
sim_dpdk_is_ours(void)
{
	return rte_version_year() == RTE_VER_YEAR &&
		rte_version_month() == RTE_VER_MONTH;
}

/*
 * Threads.
 *
 * A control thread of DPDK's: it runs where no PMD thread does, whoever starts
 * it.  23.11 has a type of its own for threads, which return another type; "0"
 * is a value of both.
 */

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
typedef rte_thread_t sim_thread;
typedef uint32_t sim_thread_result;
#else
typedef pthread_t sim_thread;
typedef void *sim_thread_result;
#endif

/* Starts 'run' as a thread with a name of at most 15 characters.  0 or a
 * negative errno. */
static inline int
sim_thread_start(sim_thread *thread, const char *name,
		 sim_thread_result (*run)(void *), void *arg)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
	return rte_thread_create_control(thread, name, run, arg);
#else
	return rte_ctrl_thread_create(thread, name, NULL, run, arg);
#endif
}

/* Waits for the end of a thread. */
static inline void
sim_thread_join(sim_thread thread)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
	rte_thread_join(thread, NULL);
#else
	pthread_join(thread, NULL);
#endif
}

/* Telemetry: 23.11 has another name for a number. */

static inline void
sim_tel_add_number(struct rte_tel_data *d, const char *name, uint64_t value)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
	rte_tel_data_add_dict_uint(d, name, value);
#else
	rte_tel_data_add_dict_u64(d, name, value);
#endif
}

/* Packets: from 24.11 an IPv6 address is a structure.  ADDR is a member, or
 * the designator of one; this names its 16 bytes. */

#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define SIM_IPV6_BYTES(ADDR) ADDR.a
#else
#define SIM_IPV6_BYTES(ADDR) ADDR
#endif

/* The driver's side of ethdev. */

/* 25.11: how full a queue is may be an error too. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
typedef int sim_queue_fill;
#else
typedef uint32_t sim_queue_fill;
#endif

/*
 * 25.11: the statistics of single queues left struct rte_eth_stats for a
 * structure of their own, which only some callers want; the members have kept
 * their names.
 *
 * SIM_STATS_GET_OP defines OP, for struct eth_dev_ops, which calls GET; its
 * last argument may be NULL.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
typedef struct eth_queue_stats sim_queue_stats;
#define SIM_STATS_GET_OP(OP, GET) \
	static int \
	OP(struct rte_eth_dev *dev, struct rte_eth_stats *stats, \
	   struct eth_queue_stats *queues) \
	{ \
		return GET(dev, stats, queues); \
	}
#else
typedef struct rte_eth_stats sim_queue_stats;
#define SIM_STATS_GET_OP(OP, GET) \
	static int \
	OP(struct rte_eth_dev *dev, struct rte_eth_stats *stats) \
	{ \
		return GET(dev, stats, stats); \
	}
#endif

/* 24.11: lists of representors such as [vf0,vf2], each of which fills an
 * element of an array; 0 stands for some of the errors. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define SIM_REPRESENTOR_LISTS true
#else
#define SIM_REPRESENTOR_LISTS false
#endif

/* Reads the representors that 'args' name into the array 'da' of 'n', which is
 * not 0.  Returns how many elements it has filled, or a negative errno. */
static inline int
sim_representors_parse(const char *args, struct rte_eth_devargs *da,
		       unsigned int n)
{
	int ret;

#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
	ret = rte_eth_devargs_parse(args, da, n);
#else
	RTE_SET_USED(n);
	ret = rte_eth_devargs_parse(args, da) == 0;
#endif
	return ret > 0 ? ret : -EINVAL;
}

/*
 * 24.11 and 25.11: when a vDPA device that is configured gets another memory
 * table, or a virtqueue another kick file, the library panics, because it has
 * not taken the locks that it checks.  Tests leave that out.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define SIM_VHOST_PANICS true
#else
#define SIM_VHOST_PANICS false
#endif

#endif /* SIM_COMPAT_H */
