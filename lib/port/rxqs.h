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

#ifndef VDPA_RXQS_H
#define VDPA_RXQS_H 1

/* How many rx-queues a port has.
 *
 * A port has as many as its representor, or as its guest has queue pairs if
 * those are more: pair i belongs to rx-queue i, so that Open vSwitch's
 * scheduler spreads the pairs over its PMD threads.  The rx-queues beyond the
 * representor's are the relay's alone.
 *
 * The netdev's own number, 'n_rxq', is what the main thread opens and has
 * polled.  Two must not see it, who take it for the number of the
 * representor's queues:
 *
 *   - the base class.  While the main thread calls a verb of it that looks,
 *     the representor's number is there instead.  (Other threads call such
 *     verbs to export samples of flows, and make no use of the number.)
 *
 *   - threads that offload flows: netdev_n_rxq() tells them the
 *     representor's.
 *
 * The number follows the guest's when that has been the same for a while, and
 * not often: Open vSwitch distributes the rx-queues of all ports anew.  Until
 * then the relay shares the pairs out to the rx-queues that there are. */

#include <stdbool.h>

#include "openvswitch/compiler.h"
#include "ovs-atomic.h"
#include "port/owner.h"

struct netdev;
struct smap;
struct vdpa_port;

struct vdpa_rxqs {
    /* The representor's, written by the owner, read by threads that offload
     * flows. */
    atomic_int n_own;

    int n_all VDPA_OWNED;       /* The netdev's, while they are hidden. */
    int n_guest VDPA_OWNED;     /* Those that the guest is to have. */
    int n_seen VDPA_OWNED;      /* Those that it could use, at the last look,
                                 * and since when, in ms. */
    long long int since VDPA_OWNED;
    long long int changed VDPA_OWNED;   /* When 'n_guest' did, in ms, or 0. */
};

/* Makes the netdev of 'port' have the representor's number of rx-queues, for
 * the base class to see; and its own again. */
void vdpa_rxqs_hide(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);
void vdpa_rxqs_show(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Adds to 'args' what the base class knows of the representor, which sees its
 * own number.  Returns what the base class does. */
int vdpa_rxqs_get_status(struct vdpa_port *, struct smap *args)
    OVS_REQUIRES(vdpa_port_owned);

/* Instead of vdpa_rxqs_show() when the base class has reconfigured the
 * representor: from now on the netdev has as many as it is to have. */
void vdpa_rxqs_reconfigured(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Takes note of the queue pairs that the guest of 'port' has enabled.  To be
 * called when they may have changed. */
void vdpa_rxqs_look(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Has Open vSwitch reconfigure the netdev of 'port' if it is time for another
 * number of rx-queues.  The other half wakes the main loop up when it is. */
void vdpa_rxqs_run(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);
void vdpa_rxqs_wait(const struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Returns how many rx-queues the representor of 'port' has.  Any thread. */
int vdpa_rxqs_n_own(const struct vdpa_port *);

/* Returns how many rx-queues 'netdev', of whatever class, has for the calling
 * thread: in the main thread all that there are to be polled, in others, which
 * offload flows, those of the device.  Any thread. */
int vdpa_rxqs_n_rxq(const struct netdev *netdev);

#endif /* port/rxqs.h */
