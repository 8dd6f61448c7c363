/* SPDX-License-Identifier: Apache-2.0 */

#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_vhost.h>

#include "base/log.h"
#include "vdpa/driver/announce.h"
#include "vdpa/driver/queue.h"

/* The guest's first transmit queue. */
#define TX 1

/* Somebody who reads the library's statistics may hold the queue's lock, for
 * which it does not wait. */
#define TRIES 1000

/*
 * The guest's address is known only to the library, which gives it away in
 * one form: as an RARP packet that the next call of rte_vhost_dequeue_burst()
 * puts before the guest's own.  Its ring is the device's, though.  So the
 * queue is paused and the library told where the device is: of a packed ring
 * with the wrap counter turned, by which no descriptor is available, because
 * there it looks for one even if it was asked for none.
 */
static uint16_t
take_announcement(struct sim_vdpa *v, uint32_t state, struct rte_mbuf **pkts)
{
	uint16_t avail = SIM_RING_STATE_AVAIL(state), n = 0;
	unsigned int i;

	if (sim_vdpa_is_packed(v))
		avail ^= 0x8000;
	rte_vhost_set_vring_base(v->vid, TX, avail,
				 SIM_RING_STATE_USED(state));
	for (i = 0; i < TRIES && n == 0; i++) {
		n = rte_vhost_dequeue_burst(v->vid, TX, v->dev->tx_pool, pkts,
					    1);
		rte_pause();
	}
	if (sim_vdpa_is_packed(v))
		rte_vhost_set_vring_base(v->vid, TX,
					 SIM_RING_STATE_AVAIL(state),
					 SIM_RING_STATE_USED(state));
	return n;
}

void
sim_vdpa_announce(struct sim_vdpa *v)
{
	struct rte_mbuf *pkts[2] = { NULL, NULL };
	uint16_t avail = 0, used = 0, i, n = 0;
	uint32_t state;

	if (!v->announce || !v->vring[TX].started ||
	    sim_vdpa_reg_read(v, SIM_REG_QUEUE(TX) + SIM_QUEUE_ENABLE) != 1)
		return;
	state = sim_vdpa_queue_pause(v, TX);
	/* For a guest that makes something available after all. */
	pkts[1] = rte_pktmbuf_alloc(v->dev->tx_pool);
	if (state != SIM_REG_GONE && pkts[1] != NULL)
		n = take_announcement(v, state, pkts);
	for (i = 0; i < n; i++)
		sim_vdpa_dev_inject(v->dev, pkts[i]);
	if (n < 2)
		rte_pktmbuf_free(pkts[1]);
	if (n > 0) {
		SIM_LOG(INFO, "%s: announced the guest", sim_vdpa_name(v));
		v->announce = false;
	}
	rte_vhost_get_vring_base(v->vid, TX, &avail, &used);
	sim_vdpa_reg_write(v, SIM_REG_RING_STATE(TX),
			   SIM_RING_STATE(avail, used));
	sim_vdpa_queue_resume(v, TX);
}
