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

#ifndef DPDK_VDPA_HW_H
#define DPDK_VDPA_HW_H 1

/* The accelerator of a dpdkvdpa port in hardware mode: a vDPA device of DPDK,
 * and what it reports.
 *
 * The device serves the guest's virtqueues by itself, once the vhost library
 * has been told to by dpdk_vdpa_vm_set_vdpa().  Any driver of DPDK that
 * registers a vDPA device will do.  All functions are for the device's
 * owner, unless they say otherwise: the main thread, or the one that closes
 * it.  Errors are positive errno values, with a sentence for the user in
 * '*errp', which the caller must free. */

#include <stdbool.h>
#include <stdint.h>

struct dpdk_vdpa_hw;
struct rte_vdpa_device;

/* Takes 'device', which is the caller's alone, came by 'devargs' and is called
 * 'name' in DPDK. */
int dpdk_vdpa_hw_open(const char *devargs, const char *name,
                      struct rte_vdpa_device *device, struct dpdk_vdpa_hw **,
                      char **errp);

/* Gives the device up and frees 'hw'.  The device stays.  No socket may have
 * it any more. */
void dpdk_vdpa_hw_close(struct dpdk_vdpa_hw *);

/* Calls 'changed(aux)' when what dpdk_vdpa_hw_state(), _is_removed() and
 * _get_error() return changes, from a thread of DPDK, which may hold locks of
 * the vhost library.  To be called once. */
void dpdk_vdpa_hw_set_callback(struct dpdk_vdpa_hw *,
                               void (*changed)(void *aux), void *aux);

const char *dpdk_vdpa_hw_devargs(const struct dpdk_vdpa_hw *);
struct rte_vdpa_device *dpdk_vdpa_hw_device(const struct dpdk_vdpa_hw *);
int dpdk_vdpa_hw_numa_node(const struct dpdk_vdpa_hw *);

/* What the device can do: queue pairs and virtio features. */
unsigned int dpdk_vdpa_hw_max_pairs(const struct dpdk_vdpa_hw *);
uint64_t dpdk_vdpa_hw_features(const struct dpdk_vdpa_hw *);

/* Any thread. */
bool dpdk_vdpa_hw_is_removed(const struct dpdk_vdpa_hw *);

/* Returns true while the driver has the device serve a guest, which is just as
 * long as the library takes it to be configured.  Any thread. */
bool dpdk_vdpa_hw_is_running(const struct dpdk_vdpa_hw *);

/* The front-end of 'vid', which the device 'hw' serves, gives a live migration
 * up: it is about to change features, to those without logging.  Drivers are
 * told of features when they have changed, and some do not end what they know
 * as logging only while they have that feature: the next time they would log
 * nothing.  So the device stops, and serves the guest anew when the features
 * have changed.  For the thread that handles the connection's messages. */
void dpdk_vdpa_hw_end_logging(const void *hw, int vid);

/* The device begins to serve a guest when all of its rings are started, and it
 * is known where to log if the guest is being moved.  Returns true, once, if
 * the front-end has started some, and said no more for a second.  Let it
 * connect anew then: the next time the device will do with what there is. */
bool dpdk_vdpa_hw_waits_in_vain(struct dpdk_vdpa_hw *);

/* Returns what is wrong with the device, which the caller must free, or null:
 * it could not be set up for the guest that is connected, or it reported a
 * fault since then. */
char *dpdk_vdpa_hw_get_error(const struct dpdk_vdpa_hw *);

/* Reads the device's counters of 'n_pairs' queue pairs, if it serves a guest.
 * One whose name contains "fault" and that grew since then is an error of the
 * device.  To be called every now and then. */
void dpdk_vdpa_hw_check_faults(struct dpdk_vdpa_hw *, unsigned int n_pairs);

/* A counter of one of the device's virtqueues. */
struct dpdk_vdpa_hw_stat {
    char name[64];              /* As the driver calls it, with underscores for
                                 * what is no letter or digit. */
    unsigned int ring;          /* 2 * I to the guest, 2 * I + 1 from it. */
    uint64_t value;
};

/* Returns the counters of the virtqueues of 'n_pairs' pairs, '*n' of them, in
 * an array that the caller must free; null if there are none. */
struct dpdk_vdpa_hw_stat *dpdk_vdpa_hw_get_stats(const struct dpdk_vdpa_hw *,
                                                 unsigned int n_pairs,
                                                 unsigned int *n);

#endif /* accel/vdpa.h */
