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

#ifndef VDPA_VSWITCHD_H
#define VDPA_VSWITCHD_H 1

/* The seam between the plugin and ovs-vswitchd.  See seam/vswitchd.c. */

#include <stdbool.h>
#include <stdint.h>

struct netdev;
struct netdev_class;
struct smap;

/* What became of a wait. */
enum vdpa_wait {
    VDPA_WAIT_NONE,             /* There is nothing to wait for. */
    VDPA_WAIT_BUSY,             /* None, as there was something to do. */
    VDPA_WAIT_WOKEN,            /* A guest, a VF or a message ended it. */
    VDPA_WAIT_TIME,             /* The time was up. */
};

/* What ovs-vswitchd's passing by is to set in motion.  The netdev class
 * defines it, so that no call from here runs back up.  Main thread. */
struct vdpa_vswitchd_hooks {
    /* DPDK has been initialized.  'ovs_other_config' is the other_config
     * column of the Open_vSwitch table.  Once, before the next ones. */
    void (*init)(const struct smap *ovs_other_config);

    /* Returns the class "dpdkvdpa", derived from 'dpdk_class', OVS's class
     * "dpdk", or null if there shall be none.  Then, if there is one, the
     * class for OVS to use in place of 'dpdk_class'.  Once each. */
    const struct netdev_class *(*derive_from_dpdk)(
        const struct netdev_class *dpdk_class);
    const struct netdev_class *(*guard_dpdk)(
        const struct netdev_class *dpdk_class);

    /* The class "dpdkvdpacapture", which is registered if "dpdkvdpa" is. */
    const struct netdev_class *capture_port;

    /* Returns true if the device that 'devargs' names may be detached from
     * DPDK.  Otherwise returns false with a sentence for the user in '*errp',
     * which the caller must free. */
    bool (*check_detach)(const char *devargs, char **errp);

    /* Returns the number of rx-queues of a netdev, of whatever class, that the
     * caller is to know of.  Any thread. */
    int (*n_rxq)(const struct netdev *);

    /* Has the calling PMD thread wait for work of its rx-queues, instead of
     * a sleep: see vdpa_sleep_wait() in port/sleep.h. */
    enum vdpa_wait (*wait)(uint64_t ns, uint64_t short_ns,
                           unsigned int *n_movedp);

    /* ovs-vswitchd has been told to exit.  Ports that go from now on have not
     * been deleted. */
    void (*exiting)(void);
};
extern const struct vdpa_vswitchd_hooks vdpa_vswitchd_hooks;

/* The account of an rx-queue with OVS: cycles spent on relaying that are not
 * charged to the rx-queue yet.  All zero to begin with. */
struct vdpa_account {
    uint64_t cycles;
    unsigned int n_polls;
};

/* To be called by netdev_rxq_recv(), in a PMD thread, that relayed 'n' packets
 * and received none.  The present iteration of the thread's main loop counts
 * as busy.  Returns true if netdev_rxq_recv() is to return an empty batch, for
 * OVS to charge the rx-queue with what is in 'account'; false if it may say
 * EAGAIN, which is cheaper. */
bool vdpa_vswitchd_relayed(struct vdpa_account *account, unsigned int n);

/* Likewise if packets were received: then OVS charges the rx-queue anyway. */
void vdpa_vswitchd_count_relayed(unsigned int n);

/* Returns true if this PMD thread slept since its last iteration, under
 * pmd-sleep-max. */
bool vdpa_vswitchd_slept(void);

#endif /* seam/vswitchd.h */
