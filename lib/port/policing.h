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

#ifndef VDPA_POLICING_H
#define VDPA_POLICING_H 1

/* Who polices a port's packets: what the database asks for by the columns
 * ingress_policing_* of the Interface and by the QoS of the Port.
 *
 * In software mode it is the relay, which sees all packets of the guest; what
 * the e-switch carries does not come by the representor.  In hardware mode
 * nobody sees all of them, and the representor, of class "dpdk", does for
 * those that come by Open vSwitch.  Never both, or packets would be policed
 * twice. */

#include <stdbool.h>
#include <stdint.h>

#include "base/policer.h"
#include "dpdk-vdpa-relay.h"
#include "openvswitch/hmap.h"
#include "port/owner.h"

struct ds;
struct netdev_class;
struct vdpa_port;
struct vdpa_qos_type;

/* What a port knows of it.  The owner's. */
struct vdpa_policing {
    /* The Interface's, with the defaults of a burst that is not given. */
    uint32_t kbits_rate;
    uint32_t kbits_burst;
    uint32_t kpkts_rate;
    uint32_t kpkts_burst;

    /* The QoS, and its queues. */
    const struct vdpa_qos_type *type;   /* Null if there is none. */
    struct dpdk_vdpa_meter meter;
    struct hmap queues;
    char *error;                        /* What is wrong with what is asked
                                         * for, or null. */
    char *found;                        /* The same, as far as Open vSwitch
                                         * has told by now. */
    bool rejected;                      /* The QoS is not the one that is asked
                                         * for; so its queues are not, either.
                                         */

    /* What does it. */
    bool at_representor;
    struct dpdk_vdpa_policer *policers[DPDK_VDPA_N_DIRECTIONS];
};

void vdpa_policing_init(struct vdpa_policing *);

/* The relay that used it is gone. */
void vdpa_policing_uninit(struct vdpa_policing *);

/* Gives 'class' the verbs that Open vSwitch has for policing and QoS.  They
 * run in the main thread. */
void vdpa_policing_add_verbs(struct netdev_class *class);

/* To be called when the mode of 'port' may have changed. */
void vdpa_policing_adapt(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Appends what is asked for, for a person to read; nothing if nothing is. */
void vdpa_policing_format(const struct vdpa_port *, struct ds *)
    OVS_REQUIRES(vdpa_port_owned);

#endif /* port/policing.h */
