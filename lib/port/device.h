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

#ifndef VDPA_DEVICE_H
#define VDPA_DEVICE_H 1

/* What DPDK knows of devices and their ethdevs.  Only looks: nothing here
 * changes anything.  What looks at devices and ethdevs is called with the lock
 * of port/claim.c: without it, dealloc() may close them in another thread
 * meanwhile. */

#include <stdbool.h>
#include <stdint.h>

#include <rte_dev.h>

/* A device of a bus, by the name that DPDK has for it. */
struct vdpa_device {
    const char *bus;            /* Never freed. */
    char name[RTE_DEV_NAME_MAX_LEN];
};

/* Stores in '*device' which device 'devargs' name.  Returns false if they do
 * not look like a device's. */
bool vdpa_device_parse(const char *devargs, struct vdpa_device *);

bool vdpa_device_equal(const struct vdpa_device *, const struct vdpa_device *);

/* Returns the device if a driver has it, or null. */
struct rte_device *vdpa_device_find(const struct vdpa_device *);

/* Ethdevs. */

/* Returns true if ethdev 'port_id' is there, on the device. */
bool vdpa_ethdev_is_on(uint16_t port_id, const struct vdpa_device *);

/* Looks for the ethdev of the device, representors aside.  Returns the number
 * of ethdevs that fit and stores the first one. */
unsigned int vdpa_ethdev_find(const struct vdpa_device *, uint16_t *port_idp);

/* Returns the ethdev that 'devargs' match in the way of Open vSwitch, or
 * RTE_MAX_ETHPORTS.  One that they name by its MAC address and that is owned,
 * which Open vSwitch does not see, counts if there is no other. */
uint16_t vdpa_ethdev_match(const char *devargs);

/* Returns true if 'devargs' name an ethdev by its MAC address. */
bool vdpa_ethdev_names_mac(const char *devargs);

/* Returns why the device of 'devargs' cannot be had, and what is to be done
 * about it, which the caller must free: the device is on the PCI bus and not
 * there, or not left to DPDK by the kernel or by who started DPDK; or DPDK has
 * no room for one more ethdev.  Null if it is for none of these reasons. */
char *vdpa_devargs_explain(const char *devargs);

/* Where an ethdev is in an e-switch.  A VF and its representor are at the same
 * place. */
struct vdpa_place {
    bool known;                 /* False if its driver does not tell. */
    uint16_t domain;            /* The e-switch, and what it is called. */
    uint16_t port;
    char name[64];
};

/* Stores in '*place' where ethdev 'port_id' is, which need not be there. */
void vdpa_ethdev_get_place(uint16_t port_id, struct vdpa_place *);

#endif /* port/device.h */
