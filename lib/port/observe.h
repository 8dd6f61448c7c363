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

#ifndef VDPA_OBSERVE_H
#define VDPA_OBSERVE_H 1

/* Who looks at the packets of a port: captures, and the search for a guest's
 * MAC address where that matters. */

#include "port/owner.h"

struct ds;
struct vdpa_port;

/* Prepares 'port', which is new. */
void vdpa_observe_init(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Ends what is left before 'port' goes. */
void vdpa_observe_uninit(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* A VF that does not receive for every MAC address, because it refuses
 * promiscuous mode, is of use only to a guest that has its address: looks
 * whether it does.  To be called every now and then. */
void vdpa_observe_check_macs(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Starts a capture of 'port', with the arguments of dpdkvdpa/capture-start.
 * Returns 0, or a positive errno value with a sentence for the user in
 * '*errp', which the caller must free. */
int vdpa_observe_start_capture(struct vdpa_port *, int argc,
                               const char *argv[], char **errp)
    OVS_REQUIRES(vdpa_port_owned);

/* Ends the capture of 'port'.  Returns as dpdk_vdpa_capture_stop(). */
int vdpa_observe_stop_capture(struct vdpa_port *, struct ds *out)
    OVS_REQUIRES(vdpa_port_owned);

/* Ends a capture that has all it wanted, or can have no more. */
void vdpa_observe_check_capture(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

#endif /* port/observe.h */
