/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

#ifndef DPDK_VDPA_VM_H
#define DPDK_VDPA_VM_H 1

/* The VM end of a dpdkvdpa port: one vhost-user client socket and the
 * virtqueues behind it, on DPDK's vhost library.
 *
 * QEMU serves the socket and the library connects to it when the main thread
 * has it do so: whenever there is a server and no connection.  What happens to
 * the connection arrives in a thread of the library and is passed on to
 * 'struct dpdk_vdpa_vm_callbacks'. */

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel/vf-reach.h"
#include "vhost/dmas.h"
#include "vhost/walk.h"
#include "openvswitch/types.h"

struct dpdk_vdpa_vm;
struct rte_mbuf;
struct rte_mempool;
struct rte_vdpa_device;

/* How the owner of a VM end learns of changes.  Called by a thread of the
 * vhost library, or by the one that is in dpdk_vdpa_vm_destroy(), with none of
 * our locks held. */
struct dpdk_vdpa_vm_callbacks {
    /* The guest's driver is ready, or is no more.  After 'down' returns, the
     * virtqueues cease to exist: no thread may be inside dpdk_vdpa_vm_recv()
     * or dpdk_vdpa_vm_send() any more.  These two may wait for PMD threads. */
    void (*up)(void *aux, struct dpdk_vdpa_vm *);
    void (*down)(void *aux, struct dpdk_vdpa_vm *);

    /* A queue was enabled or disabled, or live migration began or ended.  The
     * library holds locks that PMD threads take: these may not wait for
     * them. */
    void (*queue_changed)(void *aux, struct dpdk_vdpa_vm *,
                          unsigned int pair, bool is_guest_rx, bool enabled);
    void (*migration_changed)(void *aux, struct dpdk_vdpa_vm *, bool started);

    /* The front-end has lost the features that the guest's driver took: what
     * is relayed is wrong until the driver is loaded again.  May not wait. */
    void (*features_lost)(void *aux, struct dpdk_vdpa_vm *);

    /* The guest has this memory from now on, of which packets may be lent;
     * none if 'n' is 0, before what it had is unmapped.  Returns false if who
     * sends the packets cannot reach it.  These may not wait for PMD threads
     * either. */
    bool (*memory_changed)(void *aux,
                           const struct dpdk_vdpa_vf_region *regions,
                           unsigned int n);

    /* Who sends the guest's packets is to let go of those that he has sent,
     * 'by_force' of all; or does not, so that the guest's memory stays mapped:
     * see vhost/walk.h.  The former only of a VM end that lends. */
    void (*call_in)(void *aux, bool by_force);
    void (*lost)(void *aux);

    /* The DMA engine of 'ring' does not finish what it copies: it was stopped,
     * and is not used any more.  This may not wait either. */
    void (*dma_failed)(void *aux, unsigned int ring);

    /* The front-end sent 'what', or did it to its memory, which is against the
     * protocol and could have done harm.  The connection ends.  This may not
     * wait either. */
    void (*refused)(void *aux, struct dpdk_vdpa_vm *, const char *what);
};

struct dpdk_vdpa_vm_config {
    const char *path;           /* Absolute path of the socket. */
    bool iommu;                 /* Offer VIRTIO_F_IOMMU_PLATFORM. */
    bool postcopy;              /* Offer post-copy live migration. */
    const struct dpdk_vdpa_vm_callbacks *callbacks;
    void *aux;                  /* Passed to the callbacks; owner of what is
                                 * lent (vhost/lend.h). */
};

/* Features that a guest needs to receive TCP segments put together. */
#define DPDK_VDPA_VM_LRO_FEATURES (1ULL << VIRTIO_NET_F_GUEST_CSUM           \
                                   | 1ULL << VIRTIO_NET_F_GUEST_TSO4         \
                                   | 1ULL << VIRTIO_NET_F_GUEST_TSO6)

/* What is known of a connected guest. */
struct dpdk_vdpa_vm_info {
    uint64_t features;          /* Negotiated virtio features. */
    int numa_node;              /* Of the guest's memory, -1 if unknown. */
    unsigned int n_enabled;     /* Queue pairs enabled. */
    bool packed;                /* Packed rings. */
    bool migrating;             /* Dirty pages are being logged. */
    bool postcopy;              /* Post-copy live migration is offered. */
    bool iommu;                 /* Support for an IOMMU is. */
    struct dpdk_vdpa_walk_info walk;    /* Whether or not it is connected. */
    int socket_error;           /* Why nobody can be connected to, as an errno
                                 * value, or 0.  Likewise. */
};

/* Creates a VM end.  Returns 0, or a positive errno value and an error for the
 * user in '*errp', which the caller must free. */
int dpdk_vdpa_vm_create(const struct dpdk_vdpa_vm_config *,
                        struct dpdk_vdpa_vm **, char **errp);

/* Starts to connect.  From now on the callbacks are called.  To be called
 * once.  Returns as dpdk_vdpa_vm_create(). */
int dpdk_vdpa_vm_start(struct dpdk_vdpa_vm *, char **errp);

/* Connects if it is time for that, and takes up that a connection has ended.
 * To be called by the main thread in each of its loops, after
 * dpdk_vdpa_vm_start() and with no lock held that the callbacks take;
 * dpdk_vdpa_vm_wait() has the poll loop wake up for it. */
void dpdk_vdpa_vm_run(struct dpdk_vdpa_vm *);
void dpdk_vdpa_vm_wait(struct dpdk_vdpa_vm *);

/* Ends the connection, if there is one, with a last 'down' if the VM end was
 * up.  The caller holds no lock that the callbacks take. */
void dpdk_vdpa_vm_disconnect(struct dpdk_vdpa_vm *);

/* Likewise, and frees the VM end. */
void dpdk_vdpa_vm_destroy(struct dpdk_vdpa_vm *);

/* Sets the number of queue pairs to offer; the front-end asks for it when it
 * connects.  To be called before dpdk_vdpa_vm_start(), and any time later. */
void dpdk_vdpa_vm_set_max_pairs(struct dpdk_vdpa_vm *, unsigned int);

/* Sets what the guest is offered, from the next connection on: 'offloads' of
 * the virtio features that need somebody's help beyond the virtqueues, and all
 * others, but nothing that is 'withheld'. */
void dpdk_vdpa_vm_set_features(struct dpdk_vdpa_vm *, uint64_t offloads,
                               uint64_t withheld);

/* What the front-end of a connection is offered. */
struct dpdk_vdpa_vm_offer {
    uint64_t now;               /* By this connection. */
    uint64_t withheld;          /* When it was made. */
    uint64_t next;              /* By the next one, as things stand. */
    uint64_t taken;             /* What of it the guest took, as the front-end
                                 * said last; stays if the guest goes. */
};

/* Fills in '*offer' and returns true if there is a connection. */
bool dpdk_vdpa_vm_get_offer(const struct dpdk_vdpa_vm *,
                            struct dpdk_vdpa_vm_offer *offer);

/* Has a vDPA device serve the virtqueues, and say what the guest is offered,
 * instead of 'offloads'; what is withheld still is.  The vhost thread calls
 * 'is_served(hw)', which returns true while the driver has it do so, and
 * 'end_logging(hw, vid)' before the driver hears that a live migration was
 * given up: see dpdk_vdpa_hw_end_logging().  The device and 'hw' must stay
 * until the VM end is destroyed.  To be called before dpdk_vdpa_vm_start(). */
void dpdk_vdpa_vm_set_vdpa(struct dpdk_vdpa_vm *, struct rte_vdpa_device *,
                           bool (*is_served)(const void *hw),
                           void (*end_logging)(const void *hw, int vid),
                           const void *hw);

/* Has DMA engine 'engine' copy the packets of 'ring' (vhost/dmas.h), as far as
 * the library allows.  To be called before dpdk_vdpa_vm_start(). */
void dpdk_vdpa_vm_set_dma(struct dpdk_vdpa_vm *, unsigned int ring,
                          int16_t engine);

/* Fills in '*info' about the engine of 'ring'. */
void dpdk_vdpa_vm_get_dma(const struct dpdk_vdpa_vm *, unsigned int ring,
                          struct dpdk_vdpa_dmas_info *info);

const char *dpdk_vdpa_vm_path(const struct dpdk_vdpa_vm *);

/* Returns true between 'up' and 'down'. */
bool dpdk_vdpa_vm_is_up(const struct dpdk_vdpa_vm *);

/* Writes to 'enabled[i]', i < 'n', whether both rings of pair 'i' are enabled.
 */
void dpdk_vdpa_vm_get_enabled(const struct dpdk_vdpa_vm *, bool *enabled,
                              unsigned int n);

/* Returns how many queue pairs the guest uses or may use any moment, up to the
 * last one that its front-end has started; 0 if the VM end is not up. */
unsigned int dpdk_vdpa_vm_n_started(const struct dpdk_vdpa_vm *);

/* Fills in '*info' and returns true if the VM end is up. */
bool dpdk_vdpa_vm_get_info(const struct dpdk_vdpa_vm *,
                           struct dpdk_vdpa_vm_info *info);

/* Returns true if the guest's queue 'pair' shows packets to receive.  The
 * caller sees to it that 'down' does not return meanwhile. */
bool dpdk_vdpa_vm_has_packets(const struct dpdk_vdpa_vm *, unsigned int pair);

/* Sets where dpdk_vdpa_vm_recv() allocates.  No thread may be inside it. */
void dpdk_vdpa_vm_set_mempool(struct dpdk_vdpa_vm *, struct rte_mempool *);

/* Has packets be lent, not copied, that take at most 'max_segs' segments; none
 * if it is 0.  Any thread. */
void dpdk_vdpa_vm_set_lending(struct dpdk_vdpa_vm *, uint16_t max_segs);

/* Burst functions for 'struct dpdk_vdpa_end', with a "struct dpdk_vdpa_vm *"
 * as 'aux' and a queue pair as 'queue'.  To be called only while the VM end is
 * up and has a mempool. */
uint16_t dpdk_vdpa_vm_recv(void *vm, uint16_t queue, struct rte_mbuf **,
                           uint16_t n);
uint16_t dpdk_vdpa_vm_send(void *vm, uint16_t queue, struct rte_mbuf **,
                           uint16_t n);
int dpdk_vdpa_vm_never_fits(void *vm, uint16_t queue, struct rte_mbuf *);
void dpdk_vdpa_vm_settle(void *vm, uint16_t queue, struct rte_mbuf **,
                         uint16_t n);
bool dpdk_vdpa_vm_has_lent(void *vm, uint16_t queue);
bool dpdk_vdpa_vm_arm(void *vm, uint16_t queue, struct dpdk_vdpa_waiter *);
void dpdk_vdpa_vm_disarm(void *vm, uint16_t queue);
bool dpdk_vdpa_vm_prepare_lro(void *vm, struct rte_mbuf *);

#endif /* vhost/vm.h */
