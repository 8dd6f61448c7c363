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

#ifndef VDPA_GUEST_H
#define VDPA_GUEST_H 1

/* The guest's socket of a port: makes the VM end, replaces it, adapts it to
 * what the device can do.  Errors are positive errno values, with a sentence
 * for the user in '*errp', which the caller must free. */

#include <stdbool.h>

#include "port/owner.h"

struct dpdk_vdpa_vm;
struct smap;
struct vdpa_port;

/* Takes note of the settings in 'ovs_other_config', the other_config column of
 * the Open_vSwitch table, that apply to all guests.  Once. */
void vdpa_guest_init(const struct smap *ovs_other_config);

/* Creates a VM end for 'port' at 'path'. */
int vdpa_guest_create(struct vdpa_port *, const char *path,
                      struct dpdk_vdpa_vm **, char **errp)
    OVS_REQUIRES(vdpa_port_owned);

/* Replaces the VM end of 'port' by 'vm', which it starts.  After an error 'vm'
 * has been destroyed and 'port' has the VM end that it had. */
int vdpa_guest_replace(struct vdpa_port *, struct dpdk_vdpa_vm *vm,
                       char **errp)
    OVS_REQUIRES(vdpa_port_owned);

/* Disconnects the guest of 'port', which has a VM end. */
void vdpa_guest_drop(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Has 'port', which has no VM end, connect to the socket at 'path'. */
int vdpa_guest_make(struct vdpa_port *, const char *path, char **errp)
    OVS_REQUIRES(vdpa_port_owned);

/* Adapts the VM end of 'port' to a device that may have changed. */
int vdpa_guest_adapt(struct vdpa_port *, char **errp)
    OVS_REQUIRES(vdpa_port_owned);

/* Returns true if 'port' has a VM end, or is to have none. */
bool vdpa_guest_is_whole(const struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Gives 'port' a VM end for its device, or adapts the one that it has, if it
 * has a device.  Returns true if that worked; otherwise the reason and the
 * retry clock are set. */
bool vdpa_guest_repair(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* To be called when 'port' was set up or down.  In hardware mode a port that
 * is down has no VM end, as nothing else keeps the device from moving the
 * guest's packets. */
void vdpa_guest_admin_changed(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* To be called once per main loop for each port. */
void vdpa_guest_run(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);
void vdpa_guest_wait(const struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

#endif /* port/guest.h */
