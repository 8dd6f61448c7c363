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
 * device.  Main thread.  Errors are positive errno values, with a sentence for
 * the user in '*errp', which the caller must free. */

struct dpdk_vdpa_options;
struct vdpa_port;

/* Makes 'port' obey the options for its device.  If it cannot, the port has
 * the device that it had. */
int vdpa_accelerator_apply(struct vdpa_port *,
                           const struct dpdk_vdpa_options *, char **errp);

/* Makes the VF's MTU that of the netdev. */
void vdpa_accelerator_apply_mtu(struct vdpa_port *);

/* Takes away a device that DPDK says is gone. */
void vdpa_accelerator_lose(struct vdpa_port *);

/* Looks whether a device that was removed is back. */
void vdpa_accelerator_retry(struct vdpa_port *);

/* Looks after the vDPA device of 'port'. */
void vdpa_accelerator_check_hw(struct vdpa_port *);

/* Restarts the VF of 'port', which asks for a reset. */
void vdpa_accelerator_reset(struct vdpa_port *);

/* Has the VF put TCP segments together exactly if the guest takes them so. */
void vdpa_accelerator_adapt_lro(struct vdpa_port *);

/* Reports how long a guest was without a device between two modes. */
void vdpa_accelerator_check_switch(struct vdpa_port *);

#endif /* port/accelerator.h */
