/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_ESWITCH_WIRE_H
#define SIM_ESWITCH_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/devargs.h"
#include "eswitch/eswitch.h"

/*
 * What a PF's uplink is plugged into: a kernel TAP interface, another
 * simulated PF, or nothing.
 *
 * The wire is the e-switch's endpoint SIM_EP_WIRE: packets that leave the NIC
 * are given to its 'receive'.  Packets that arrive are handed to the e-switch
 * by the sender's thread (another PF) or by whoever polls the uplink (TAP):
 * see sim_wire_poll().
 */

struct sim_wire_counters {		/* Relaxed atomics. */
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t tx_dropped;		/* No peer, or the TAP refused. */
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t rx_nombuf;		/* A TAP frame found no mbuf. */
	uint64_t rx_oversize;		/* A TAP frame beyond those mbufs. */
	uint64_t loops;			/* Went round between PFs. */
};

struct sim_wire;

/* Control path; calls on one wire are serialised by the caller. */
struct sim_wire *sim_wire_create(const char *dev, enum sim_wire_kind kind,
				 const char *name, struct sim_eswitch *esw);
/* The wire is a file that is open already, which has a frame for each read and
 * takes one by each write: a TAP or a socket.  Takes 'fd', also if it fails. */
struct sim_wire *sim_wire_adopt(const char *dev, int fd,
				struct sim_eswitch *esw);
/* What to wait for before a poll; -1 if frames do not come that way. */
int sim_wire_fd(const struct sim_wire *w);
void sim_wire_destroy(struct sim_wire *w);
/* Puts a cable between two wires of kind SIM_WIRE_PF or SIM_WIRE_NONE. */
void sim_wire_connect(struct sim_wire *a, struct sim_wire *b);
/* When it returns no packet is on its way through the cable any more. */
void sim_wire_disconnect(struct sim_wire *w);
bool sim_wire_is_connected(const struct sim_wire *w);
/* Cuts the cable or mends it (fault injection). */
void sim_wire_set_broken(struct sim_wire *w, bool broken);
void sim_wire_set_mtu(struct sim_wire *w, uint16_t mtu);
enum sim_wire_kind sim_wire_kind(const struct sim_wire *w);
const char *sim_wire_name(const struct sim_wire *w);
bool sim_wire_link_is_up(const struct sim_wire *w);
struct sim_wire_counters *sim_wire_counters(struct sim_wire *w);

/* Datapath, inside an RCU section: reads what the TAP has, at most
 * 'n' <= SIM_BURST frames of at most 'max_frame' bytes, into mbufs of 'pool'
 * and gives them to the e-switch. */
void sim_wire_poll(struct sim_wire *w, struct rte_mempool *pool,
		   uint32_t max_frame, uint16_t n);

#endif /* SIM_ESWITCH_WIRE_H */
