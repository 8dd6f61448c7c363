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
 * relay between the represented VF and a guest's virtio-net device. */

#include <stdbool.h>

struct netdev_class;
struct smap;

/* Takes note of the settings in 'ovs_other_config', the other_config column of
 * the Open_vSwitch table, that apply to all ports.  Main thread, once, before
 * netdev_dpdk_vdpa_derive(). */
void netdev_dpdk_vdpa_init(const struct smap *ovs_other_config);

/* Returns a copy of 'dpdk_class', the class "dpdk", for OVS to use in its
 * place: one whose ports do not take a VF away from a dpdkvdpa port.  Main
 * thread, once. */
const struct netdev_class *netdev_dpdk_vdpa_guard(
    const struct netdev_class *dpdk_class);

/* Returns the class "dpdkvdpa", derived from 'dpdk_class', the class "dpdk".
 * Main thread, once. */
const struct netdev_class *netdev_dpdk_vdpa_derive(
    const struct netdev_class *dpdk_class);

/* Returns true if the device that 'devargs' names may be detached from DPDK:
 * it has no VF of a dpdkvdpa port.  Otherwise returns false with a sentence
 * for the user in '*errp', which the caller must free.  Main thread. */
bool netdev_dpdk_vdpa_check_detach(const char *devargs, char **errp);

#endif /* netdev-dpdk-vdpa.h */
