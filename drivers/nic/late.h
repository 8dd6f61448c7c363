/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_LATE_H
#define SIM_NIC_LATE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/devargs.h"

/*
 * What a device has been given to send and its driver has not freed yet.
 *
 * The device fetches a packet's bytes when it is sent, as by DMA; that it has
 * done so the driver learns later, by struct sim_tx_free, and frees the packet
 * when it is called the next time.  Each packet takes as many descriptors as
 * it has segments until then.  While the device is paused packets wait, behind
 * those that were sent.
 *
 * For the thread that sends on the queue, or who has stopped it.
 */

struct sim_late_packet {
	struct rte_mbuf *pkt;
	uint64_t since;			/* When it was sent, in TSC cycles. */
};

struct sim_late {
	struct sim_tx_free when;
	uint64_t delay;			/* In TSC cycles. */
	struct sim_late_packet *packets;	/* 'size' of them. */
	uint16_t size;			/* Descriptors. */
	uint16_t first;			/* The oldest packet. */
	uint16_t n;
	uint16_t n_waiting;		/* The last of these, not sent yet. */
	uint16_t n_segs;		/* Of all of them. */
};

/* Returns false if there is no memory. */
bool sim_late_init(struct sim_late *l, const struct sim_tx_free *when,
		   uint16_t nb_desc, int socket);

/* Frees all packets, sent or not, and the queue. */
void sim_late_destroy(struct sim_late *l);

/* Frees all packets, as stopping the queue does. */
void sim_late_drop(struct sim_late *l);

/* The first packet that waits, or NULL; it is sent now. */
struct rte_mbuf *sim_late_waiting(const struct sim_late *l);
void sim_late_sent(struct sim_late *l);

/* Frees at most 'max' packets that the device is known to have sent; returns
 * how many. */
uint16_t sim_late_clean(struct sim_late *l, uint16_t max);

static inline bool
sim_late_has_room(const struct sim_late *l, const struct rte_mbuf *pkt)
{
	return l->n == 0 || l->n_segs + pkt->nb_segs <= l->size;
}

/* Takes over 'pkt', for which there is room, and which waits. */
void sim_late_add(struct sim_late *l, struct rte_mbuf *pkt);

#endif /* SIM_NIC_LATE_H */
