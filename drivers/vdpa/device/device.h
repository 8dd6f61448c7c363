/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_VDPA_DEVICE_DEVICE_H
#define SIM_VDPA_DEVICE_DEVICE_H

#include "vdpa/device/registers.h"
#include "vdpa/device/state.h"

/*
 * The simulated vDPA device: a VF that serves virtqueues by itself.  It knows
 * registers, DMA, doorbells and interrupts, and the e-switch; neither vhost
 * nor rte_vdpa.
 *
 * Virtqueue 2 * I is receive queue I, 2 * I + 1 transmit queue I, as in
 * virtio-net.  There is no control queue.
 *
 * A thread of the device's own, the engine, carries the packets.  It works in
 * bursts, each inside an RCU section, and sleeps when there is nothing to do;
 * a doorbell or a packet from the e-switch wakes it up.  Once a queue was
 * disabled and a grace period has passed, nobody but the control path touches
 * it, which is how a write to SIM_QUEUE_ENABLE waits for it.
 *
 * Threads: reads, writes, interrupts, mappings, faults and injections may come
 * from any thread that is not in an RCU section: the device has a lock of its
 * own for them, a leaf.  A doorbell takes no lock.
 */

struct sim_vdpa_dev_params {
	const char *name;
	struct sim_eswitch *esw;	/* Lives as long as the device. */
	uint16_t ep_id;			/* Its endpoint there. */
	uint16_t pairs;			/* Queue pairs. */
	struct rte_ether_addr mac;
};

/* NULL and a sentence in the log if that fails.  Nothing is plugged in yet. */
struct sim_vdpa_dev *
sim_vdpa_dev_create(const struct sim_vdpa_dev_params *params);
/* The device must not be attached to the e-switch any more. */
void sim_vdpa_dev_destroy(struct sim_vdpa_dev *dev);

/* DMA: see iommu.h. */
int sim_vdpa_dev_map(struct sim_vdpa_dev *dev, uint64_t iova, void *va,
		     uint64_t size, bool writable);
int sim_vdpa_dev_unmap(struct sim_vdpa_dev *dev, uint64_t iova, uint64_t size);
void sim_vdpa_dev_unmap_all(struct sim_vdpa_dev *dev);

/* The interrupt 'vector' is a write of 1 to the eventfd 'fd', -1 for nothing.
 * It never blocks, whatever the other side does to the file.  When this
 * returns, the previous one is not used any more. */
void sim_vdpa_dev_set_irq(struct sim_vdpa_dev *dev, uint16_t vector, int fd);

/* Sends a packet as if the guest had; takes it. */
void sim_vdpa_dev_inject(struct sim_vdpa_dev *dev, struct rte_mbuf *m);

/* Whether there is a link at the other end of the VF's cable; puts faults in
 * and takes them out.  The caller serialises both. */
void sim_vdpa_dev_set_cable(struct sim_vdpa_dev *dev, bool up);
void sim_vdpa_dev_set_faults(struct sim_vdpa_dev *dev, uint32_t set,
			     uint32_t clear, uint32_t queues);

/* How many pages were written while logging and have no bit: see
 * sim_log_mismatches(). */
uint64_t sim_vdpa_dev_log_mismatches(struct sim_vdpa_dev *dev);

#endif /* SIM_VDPA_DEVICE_DEVICE_H */
