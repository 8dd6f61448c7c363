/* SPDX-License-Identifier: Apache-2.0 */

#ifndef BENCH_VF_H
#define BENCH_VF_H

/* The control block of a benchmark: a file that net_benchvf of the system that
 * is measured, net_benchvf of its guest and bench/measure.py have mapped.
 *
 * Every field is a 64-bit number with one writer, so that measure.py can find
 * it by its offset and nobody needs a lock. */

#include <stdint.h>

#define BENCH_MAGIC 0x42454e4348564631ULL	/* "BENCHVF1" */

#define BENCH_SIDES 2		/* The host, which is measured; the guest. */
#define BENCH_PORTS 16		/* VFs of a side. */
#define BENCH_SIZES 16		/* Lengths of frames that take turns. */
#define BENCH_BUCKETS 2048	/* Of the histogram. */
#define BENCH_LINE 64		/* Bytes that have one writer. */

enum bench_side {
	BENCH_HOST,
	BENCH_GUEST,
};

/* How many descriptors a guest puts a frame of TCP into, if it is not one of
 * bench_vf.c: one; or one for the headers and one for each page of data, as a
 * chain or in an indirect table. */
enum bench_parts {
	BENCH_ONE,
	BENCH_CHAIN,
	BENCH_TABLE,
};

/* Written by measure.py while nobody sends, read by all. */
struct bench_params {
	uint64_t magic;
	uint64_t source[BENCH_SIDES];	/* 1 if the VFs of the side send. */
	uint64_t ports;			/* How many VFs of the side send. */
	uint64_t window;		/* Most frames under way, per VF. */
	uint64_t batch;			/* Fewest frames to send at a time. */
	uint64_t interval;		/* 1/256 TSC cycles per frame, 0 for as
					 * fast as the window lets. */
	uint64_t loop;			/* 1 if the guest gives back what it
					 * gets. */
	uint64_t epoch;			/* Changes with the rest. */
	uint64_t n_sizes;
	uint64_t sizes[BENCH_SIZES];	/* In bytes, without the FCS. */
	uint64_t tcp;			/* 1 if the frames are TCP's, which
					 * leave checksums and segmentation to
					 * the other side. */
	uint64_t parts;			/* enum bench_parts. */
	uint64_t hold;			/* 1 if the system is held, before an
					 * iteration, until all guests have
					 * done what they can. */
	uint64_t keep;			/* Frames that a VF of the host keeps
					 * after it has sent them, as a NIC's
					 * transmit ring does. */
	uint64_t reserved[2];
};

/* Written by the thread that polls the VF which is the clock: an iteration of
 * its loop is what lies between two polls. */
struct bench_meter {
	uint64_t tsc_hz;
	uint64_t busy_cycles;		/* TSC cycles of iterations that moved
					 * frames. */
	uint64_t busy_iterations;
	uint64_t frames;		/* That they moved, either way. */
	uint64_t idle_cycles;
	uint64_t idle_iterations;
	uint64_t interrupted;		/* Iterations that took so long that
					 * something else ran, and are not
					 * counted. */
	uint64_t overhead;		/* Cycles of the meter itself, once per
					 * iteration. */
};

/* Of a VF.  A frame is lost if its receiver does not get it. */
struct bench_port {
	uint64_t given;			/* Frames that the VF received. */
	uint64_t lost;
	uint64_t present;		/* 1 if there is such a VF. */
	uint64_t shown;			/* Of 'given', what the system can find
					 * in its virtqueue. */
	uint64_t source_reserved[4];
	uint64_t taken;			/* Frames that the VF sent. */
	uint64_t taken_bytes;
	uint64_t wrong;			/* Frames that say another thing of
					 * checksums or segmentation than they
					 * should. */
	uint64_t sink_reserved[5];
};

struct bench_ctl {
	struct bench_params params;			/* At 0. */
	struct bench_meter meter;			/* At 256. */
	uint64_t histogram[BENCH_BUCKETS];		/* At 320. */
	struct bench_port ports[BENCH_SIDES][BENCH_PORTS];
};

_Static_assert(sizeof(struct bench_params) == 256, "measure.py knows it");
_Static_assert(sizeof(struct bench_meter) == BENCH_LINE,
	       "measure.py knows it");
_Static_assert(sizeof(struct bench_port) == 2 * BENCH_LINE,
	       "measure.py knows it");

#endif /* BENCH_VF_H */
