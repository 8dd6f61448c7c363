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

/* Who uses which DPDK device: the one answer to that question.
 *
 * This room alone probes devices, owns ethdevs and removes devices.  A *claim*
 * is the use of a device as the accelerator of a port, by its ethdev or as a
 * vDPA device.  An *interface* is a netdev of type "dpdk" or "dpdkvdpa", whose
 * dpdk-devargs Open vSwitch itself attached to an ethdev: it is known here
 * from vdpa_claim_note_interface() on.
 *
 * A device has as many ethdevs as it likes: those of a NIC's representors are
 * on the device of the PF.  A device is removed only if we know that it was
 * not there before we probed it, or that it is dead, and nobody uses any of
 * its ethdevs or it as a vDPA device.
 *
 * Main thread, save for what an interface's dealloc() calls, in any.  Nothing
 * of ours is called with the lock of this room held.  Errors are positive
 * errno values, with a sentence for the user in '*errp', which the caller must
 * free. */

#include <stdbool.h>
#include <stdint.h>

struct netdev;
struct rte_vdpa_device;
struct vdpa_claim;
struct vdpa_place;

/* Claims the VF at 'devargs', an ethdev that is no representor, for port
 * 'owner', after probing it if need be. */
int vdpa_claim_vf(const char *devargs, const char *owner,
                  struct vdpa_claim **, char **errp);

/* Claims the vDPA device at 'devargs' for port 'owner', after probing it if
 * need be.  Returns ENODEV if it is no vDPA device. */
int vdpa_claim_vdpa(const char *devargs, const char *owner,
                    struct vdpa_claim **, char **errp);

/* Gives up the claim, if it is not null, and frees it.  Nobody may use the
 * device any more: a VF has been stopped, and no socket has the vDPA device.
 * A device that is 'dead' is removed no matter who probed it: only so it can
 * come back.  Any thread. */
void vdpa_claim_release(struct vdpa_claim *, bool dead);

/* What was claimed: the ethdev, or RTE_MAX_ETHPORTS and the vDPA device; and
 * what the device is called in DPDK. */
uint16_t vdpa_claim_port_id(const struct vdpa_claim *);
struct rte_vdpa_device *vdpa_claim_device(const struct vdpa_claim *);
const char *vdpa_claim_name(const struct vdpa_claim *);

/* Returns true if 'devargs' names the device of the claim, whatever arguments
 * follow. */
bool vdpa_claim_is_device(const struct vdpa_claim *, const char *devargs);

/* Returns true if 'devargs' names a device on a bus of real hardware. */
bool vdpa_claim_is_hardware(const char *devargs);

/* Returns false if there is certainly no device 'devargs' to probe.  A cheap
 * look: it does not scan. */
bool vdpa_claim_may_exist(const char *devargs);

/* Interfaces. */

/* Takes note of the ethdev that 'netdev', of type "dpdk" or "dpdkvdpa", uses
 * now, or that it uses none.  Stores in '*place' where the ethdev is. */
void vdpa_claim_note_interface(struct netdev *, struct vdpa_place *);

/* Likewise when 'netdev' goes.  Any thread. */
void vdpa_claim_forget_interface(const struct netdev *);

/* Checks that 'devargs' may become the dpdk-devargs of interface 'name', of
 * type "dpdk" or "dpdkvdpa": nobody else uses what they name.  With 'probe'
 * also that they name something, which may take a probe; everything is then
 * as it was before.  Stores in '*place' where the ethdev is that they name. */
int vdpa_claim_check_interface(const char *name, const char *devargs,
                               bool probe, struct vdpa_place *, char **errp);

/* Returns true if the device that 'devargs' names may be detached from DPDK:
 * no port has claimed it. */
bool vdpa_claim_check_detach(const char *devargs, char **errp);

/* Pairs. */

/* Checks as far as drivers tell that a representor at 'rep' is that of the VF
 * of the claim.  Returns 0 with '*unknown' true if they do not tell. */
int vdpa_claim_check_pair(const struct vdpa_claim *,
                          const struct vdpa_place *rep, bool *unknown,
                          char **errp);

#endif /* port/claim.h */
