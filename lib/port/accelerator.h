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

#ifndef VDPA_ACCELERATOR_H
#define VDPA_ACCELERATOR_H 1

/* What serves the guest of a port: a VF, which the relay polls, or a vDPA
 * device.
 *
 * 'enum vdpa_accel' says which; accelerator.c has the table of its legal
 * changes.  Each change leaves the port with something that works, or with the
 * reason and the retry clock set, by which the main thread comes back.
 *
 * Errors are positive errno values, with a sentence for the user in '*errp',
 * which the caller must free. */

#include <stdbool.h>

#include "port/owner.h"

struct dpdk_vdpa_options;
struct vdpa_port;

/* Prepares for devices that come and go.  Once. */
void vdpa_accelerator_init(void);

/* Makes 'port' obey the options for its device.  If it cannot, the port has
 * the device that it had. */
int vdpa_accelerator_apply(struct vdpa_port *,
                           const struct dpdk_vdpa_options *, char **errp)
    OVS_REQUIRES(vdpa_port_owned);

/* Makes the VF's MTU that of the netdev. */
void vdpa_accelerator_apply_mtu(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Sees that the VF has memory for all threads that there are. */
void vdpa_accelerator_apply_threads(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Takes up what DPDK reports of the device: that it is gone, that it wants to
 * be reset, that it does not serve the guest. */
void vdpa_accelerator_check(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Has the VF put TCP segments together exactly if the user asked for that and
 * the guest takes them so. */
void vdpa_accelerator_adapt_lro(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Has the VF use as many queue pairs as the guest, once that has not changed
 * for a moment; and one when there has been no guest for long.  To be called
 * when something may have changed and at 'pairs_due'. */
void vdpa_accelerator_adapt_pairs(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Reports how long a guest was without a device between two modes. */
void vdpa_accelerator_check_switch(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Returns true if 'port' has a device that works as far as we know. */
bool vdpa_accelerator_is_whole(const struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Returns true if the device of 'port' is gone and certainly not back: a cheap
 * look. */
bool vdpa_accelerator_is_absent(const struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Tries to get a device that is gone, or start one that is stopped.  Returns
 * true if that worked. */
bool vdpa_accelerator_repair(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Closes the device of 'port', whose VM end is gone. */
void vdpa_accelerator_close(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

#endif /* port/accelerator.h */
