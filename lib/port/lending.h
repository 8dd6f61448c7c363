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

#ifndef VDPA_LENDING_H
#define VDPA_LENDING_H 1

/* Packets of a port's guest that are lent to its VF (vhost/lend.h): which VF
 * that is, what of the guest's memory it reaches, and why not. */

#include <stdbool.h>

#include "accel/vf-reach.h"
#include "openvswitch/compiler.h"
#include "openvswitch/thread.h"
#include "ovs-atomic.h"
#include "port/owner.h"

struct dpdk_vdpa_vf;
struct vdpa_port;

/* The VF is the owner's, the memory that of who handles the messages of the
 * guest's connection: 'mutex' is a leaf but for what DPDK and the VF's driver
 * take. */
struct vdpa_lending {
    struct ovs_mutex mutex;
    struct dpdk_vdpa_vf *sender OVS_GUARDED;    /* Null while nobody may use
                                                 * it but the owner. */
    struct dpdk_vdpa_vf *vf OVS_GUARDED;        /* Which reaches: */
    struct dpdk_vdpa_vf_region regions[DPDK_VDPA_VF_MAX_REGIONS] OVS_GUARDED;
    unsigned int n_regions OVS_GUARDED;
    atomic_int error;           /* Why it does not, as an errno value. */
    atomic_uint64_t n_unsent;   /* Packets that no VF was seen to send. */
};

void vdpa_lending_init(struct vdpa_lending *);
void vdpa_lending_uninit(struct vdpa_lending *);

/* The owner is going to start the VF anew, which gives all packets back, or to
 * give it up. */
void vdpa_lending_hold(struct vdpa_lending *lending)
    OVS_EXCLUDED(lending->mutex);

/* Packets may be lent to 'vf' from now on, which is started, or to none if it
 * is null.  One that was there before gives all back and reaches no memory of
 * the guest any more. */
void vdpa_lending_set_vf(struct vdpa_lending *lending,
                         struct dpdk_vdpa_vf *vf)
    OVS_EXCLUDED(lending->mutex);

/* The guest has the 'n' regions from now on, instead of those that it had, of
 * which nothing is lent.  Returns false if the VF does not reach them. */
bool vdpa_lending_set_memory(struct vdpa_lending *lending,
                             const struct dpdk_vdpa_vf_region *regions,
                             unsigned int n)
    OVS_EXCLUDED(lending->mutex);

/* The VF goes on reaching the regions that the guest has now, for ever. */
void vdpa_lending_lose_memory(struct vdpa_lending *lending)
    OVS_EXCLUDED(lending->mutex);

/* Has the VF, if there is one, let go of packets that it has sent, or
 * 'by_force' of all. */
void vdpa_lending_call_in(struct vdpa_lending *lending, bool by_force)
    OVS_EXCLUDED(lending->mutex);

/* Returns null if packets of the guest of 'port' are lent to the VF, or would
 * be if there were any, else why not. */
const char *vdpa_lending_why_not(const struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned);

/* Has packets be lent, or not, as the state of 'port' says. */
void vdpa_lending_update(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned);

#endif /* port/lending.h */
