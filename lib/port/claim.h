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

#ifndef VDPA_CLAIM_H
#define VDPA_CLAIM_H 1

/* Who uses which DPDK device.  Main thread.  Errors are positive errno values,
 * with a sentence for the user in '*errp', which the caller must free. */

#include <stdbool.h>
#include <stdint.h>

struct dpdk_vdpa_vf;
struct netdev_class;
struct vdpa_port;

/* Takes note of the classes whose interfaces may use an ethdev.  Once. */
void vdpa_claim_init(const struct netdev_class *dpdk,
                     const struct netdev_class *ours);

/* Checks that no interface of this switch uses the ethdev of 'vf'. */
int vdpa_claim_check_vf(const struct vdpa_port *, const struct dpdk_vdpa_vf *,
                        char **errp);

/* Checks that 'devargs' may become the representor of 'port'.  A port whose
 * representor changes is deleted and made anew, which had better work. */
int vdpa_claim_check_representor(struct vdpa_port *, const char *devargs,
                                 char **errp);

/* Checks that a port of type "dpdk" may have the device 'devargs'. */
int vdpa_claim_check_dpdk(const char *devargs, char **errp);

/* Returns true if the device that 'devargs' names may be detached from DPDK:
 * it has no VF of a dpdkvdpa port. */
bool vdpa_claim_check_detach(const char *devargs, char **errp);

#endif /* port/claim.h */
