/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_NIC_NIC_H
#define SIM_NIC_NIC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <bus_vdev_driver.h>

#include "base/devargs.h"
#include "eswitch/eswitch.h"
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

struct rte_tel_data;
struct sim_plug;

/* What the NIC asks of whatever is plugged into it: an ethdev, or a VF that is
 * a vDPA device.  All with sim_nic_lock held. */
struct sim_plug_ops {
	uint32_t faults;		/* SIM_FAULT_* that it can have. */
	bool (*link_is_up)(const struct sim_plug *plug);
	/* Works the link out again after something changed that may matter,
	 * and tells the application. */
	void (*update_link)(struct sim_plug *plug);
	/* Puts faults into queues, or takes them out. */
	void (*set_faults)(struct sim_plug *plug, uint32_t set, uint32_t clear,
			   uint32_t queues);
	/* For telemetry: fills in a dictionary that was begun. */
	void (*describe)(struct sim_plug *plug, struct rte_tel_data *d);
	/* What else there is to say; NULL: nothing. */
	void (*describe_queues)(struct sim_plug *plug,
				struct rte_tel_data *d);
};

struct sim_plug {
	const struct sim_plug_ops *ops;
	const char *name;
};

enum sim_port_kind {
	SIM_PORT_UPLINK,
	SIM_PORT_REP,
	SIM_PORT_VF,
};

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
	struct sim_plug *plug[SIM_EP_MAX];	/* Guarded by sim_nic_lock. */
	struct sim_eswitch esw;
};

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

/* With sim_nic_lock held: claims endpoint 'id' for 'plug', which must stay
 * until it is unplugged, and takes a reference on the NIC.  Returns -EBUSY if
 * somebody else has it. */
int sim_nic_plug(struct sim_nic *nic, uint16_t id, struct sim_plug *plug);
/* Takes it out, but leaves the reference to the caller.  It must be detached
 * from the e-switch. */
void sim_nic_unplug(struct sim_nic *nic, uint16_t id);

/* The endpoint of a port; 'vf' is of no matter for an uplink. */
uint16_t sim_nic_endpoint(enum sim_port_kind kind, uint16_t vf);

/* The address that a port has until somebody gives it another. */
struct rte_ether_addr sim_nic_mac(const struct sim_nic *nic,
				  enum sim_port_kind kind, uint16_t vf);

/* With sim_nic_lock held: whether there is something with a link at endpoint
 * 'id'.  A VF's cable ends at its representor, its endpoint's peer. */
bool sim_nic_link_is_up(const struct sim_nic *nic, uint16_t id);

/* Works out every port's link again after something changed that may matter.
 * With sim_nic_lock held. */
void sim_nic_update_links(struct sim_nic *nic);
/* The same for all NICs, when something happened to a cable. */
void sim_nic_update_all_links(void);

#endif /* SIM_NIC_NIC_H */
