/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_NIC_H
#define SIM_NIC_NIC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <bus_vdev_driver.h>

#include "base/devargs.h"
#include "eswitch/eswitch.h"
#include "nic/port.h"
#include "eswitch/wire.h"

/*
 * A simulated NIC: one PF, its e-switch, its wire and the ports that are
 * plugged into it, and the list of all NICs of the process.
 *
 * sim_nic_lock guards the list and everything in a NIC that says so.  It is a
 * leaf towards ethdev and EAL: no function of theirs that may call back into
 * a driver or an application is called while it is held.  RCU grace periods
 * may be waited for under it, because the datapath never takes it.
 */

struct sim_nic {
	TAILQ_ENTRY(sim_nic) next;	/* Guarded by sim_nic_lock. */
	char name[RTE_DEV_NAME_MAX_LEN];
	uint16_t vfs;			/* Constant. */
	uint16_t queues;		/* Constant. */
	uint16_t domain;		/* Switch domain, constant. */
	uint16_t index;			/* For default MAC addresses. */
	uint16_t uplink_id;		/* Port id, for backer_port_id. */
	uint32_t refs;			/* Guarded by sim_nic_lock. */
	bool gone;			/* The PF was removed; likewise. */
	struct rte_vdev_device *vdev;	/* NULL once gone. */
	const void *seen_args;		/* See pf_rescan(); EAL main thread. */
	struct sim_wire *wire;		/* NULL once gone. */
	struct sim_port *port[SIM_EP_MAX];	/* Guarded by sim_nic_lock. */
	struct sim_vdpa *vdpa[SIM_MAX_VFS];	/* Likewise: instead of ports. */
	struct sim_eswitch esw;
};

struct sim_vdpa;

void sim_nic_lock(void);
void sim_nic_unlock(void);

/* A new NIC that is not in the list yet, with one reference; NULL and a
 * sentence in the log if that fails. */
struct sim_nic *sim_nic_create(struct rte_vdev_device *vdev,
			       const struct sim_pf_args *args);
void sim_nic_unref(struct sim_nic *nic);

/* Lists the NIC, so that VFs find it, and plugs in a cable that was waiting
 * for it. */
void sim_nic_publish(struct sim_nic *nic);

/* The PF goes: unlists it, pulls the cable and takes all VFs away from their
 * owners, as surprise removal does. */
void sim_nic_retire(struct sim_nic *nic);

/* With sim_nic_lock held.  NULL if there is none. */
struct sim_nic *sim_nic_find(const char *name);

/* For telemetry, with sim_nic_lock held: the first for NULL. */
struct sim_nic *sim_nic_next(const struct sim_nic *nic);

/* With sim_nic_lock held: claims endpoint 'id' for 'port' and takes a reference on the NIC.  Returns
 * -EBUSY if somebody else has it. */
int sim_nic_plug(struct sim_nic *nic, uint16_t id, struct sim_port *port);
/* Takes the port out, but leaves the reference to the caller.  The port must
 * be detached from the e-switch. */
void sim_nic_unplug(struct sim_nic *nic, uint16_t id);

/* The same for a VF that is a vDPA device. */
int sim_nic_plug_vdpa(struct sim_nic *nic, uint16_t vf, struct sim_vdpa *vdpa);
void sim_nic_unplug_vdpa(struct sim_nic *nic, uint16_t vf);

/* Works out every port's link again after something changed that may matter,
 * and raises LSC where it did.  With sim_nic_lock held. */
void sim_nic_update_links(struct sim_nic *nic);
/* The same for all NICs, when something happened to a cable. */
void sim_nic_update_all_links(void);

#endif /* SIM_NIC_NIC_H */
