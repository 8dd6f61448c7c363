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

#ifndef NETDEV_DPDK_VDPA_H
#define NETDEV_DPDK_VDPA_H 1

/* The netdev class "dpdkvdpa": a DPDK representor for OVS, and beside it a
 * relay between the represented VF, or a vDPA device, and a guest's virtio-net
 * device.
 *
 * The class is a copy of OVS's class "dpdk" with some verbs replaced.  Those
 * call the base class's first and add to it what the rooms of lib/port/ do;
 * the class itself decides nothing.
 *
 * The verbs run in OVS's main thread, save for
 *
 *   - rxq_recv(), in the PMD thread that polls the rx-queue;
 *
 *   - get_status(), also in threads that sample flows, PMD threads among them;
 *
 *   - dealloc(), in the thread that had the last reference to the netdev.
 *
 * What that means for the port is in port/owner.h.
 *
 * Nobody calls the class by name.  ovs-vswitchd meets it at the seam, which
 * finds 'vdpa_vswitchd_hooks', defined in netdev-dpdk-vdpa.c. */

#include "seam/vswitchd.h"

#endif /* netdev-dpdk-vdpa.h */
