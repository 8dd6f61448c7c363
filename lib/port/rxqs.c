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

#include <config.h>

#include "port/rxqs.h"

#include <limits.h>

#include "accel/vf.h"
#include "netdev-provider.h"
#include "openvswitch/poll-loop.h"
#include "port/port.h"
#include "timeval.h"
#include "util.h"
#include "vhost/vm.h"

/* The guest's number of queue pairs counts when it has been the same for so
 * many ms: a guest that boots enables one after the other. */
#define GROW_DELAY 1000

/* Rx-queues that the guest does not need any more go after so many ms, since a
 * guest that reboots is going to need them again.  Meanwhile each costs the
 * poll of nothing. */
#define SHRINK_DELAY 60000

/* Between two changes are at least so many ms, whatever the guest does. */
#define CHANGE_INTERVAL 10000

int
vdpa_rxqs_n_own(const struct vdpa_port *port)
{
    int n;

    atomic_read_relaxed(&CONST_CAST(struct vdpa_port *, port)->rxqs.n_own, &n);
    return n;
}

static struct netdev *
netdev_of(const struct vdpa_port *port)
{
    return CONST_CAST(struct netdev *, port->netdev);
}

void
vdpa_rxqs_hide(struct vdpa_port *port)
{
    port->rxqs.n_all = port->netdev->n_rxq;
    netdev_of(port)->n_rxq = vdpa_rxqs_n_own(port);
}

void
vdpa_rxqs_show(struct vdpa_port *port)
{
    netdev_of(port)->n_rxq = port->rxqs.n_all;
}

int
vdpa_rxqs_get_status(struct vdpa_port *port, struct smap *args)
{
    int error;

    vdpa_rxqs_hide(port);
    error = vdpa_base_class->get_status(port->netdev, args);
    vdpa_rxqs_show(port);
    return error;
}

void
vdpa_rxqs_reconfigured(struct vdpa_port *port)
{
    int n = port->netdev->n_rxq;

    atomic_store_relaxed(&port->rxqs.n_own, n);
    netdev_of(port)->n_rxq = MAX(n, port->rxqs.n_guest);
}

/* Returns how many rx-queues the queue pairs that the guest has enabled can
 * make use of.  Those beyond what the VF has now share the VF's queues, hence
 * rx-queues, too. */
static int
n_useful(const struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    bool enabled[DPDK_VDPA_MAX_PAIRS];
    int n = 0;

    if (port->accel != VDPA_ACCEL_RELAY || !port->vm
        || !dpdk_vdpa_vm_is_up(port->vm)) {
        return 0;
    }
    dpdk_vdpa_vm_get_enabled(port->vm, enabled, ARRAY_SIZE(enabled));
    for (int i = 0; i < ARRAY_SIZE(enabled); i++) {
        n = enabled[i] ? i + 1 : n;
    }
    return MIN(n, dpdk_vdpa_vf_get_config(port->vf)->n_used);
}

void
vdpa_rxqs_look(struct vdpa_port *port)
{
    struct vdpa_rxqs *rxqs = &port->rxqs;
    int n = n_useful(port);

    if (n != rxqs->n_seen) {
        rxqs->n_seen = n;
        rxqs->since = time_msec();
    }
}

/* Returns when the number of rx-queues of 'port' is to change, in ms, or
 * LLONG_MAX if it is what it is to be. */
static long long int
change_time(const struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    const struct vdpa_rxqs *rxqs = &port->rxqs;
    int now = MAX(vdpa_rxqs_n_own(port), rxqs->n_guest);
    int then = MAX(vdpa_rxqs_n_own(port), rxqs->n_seen);
    bool lazy = then < now && !port->hw;
    long long int quiet = (rxqs->since
                           + (lazy ? SHRINK_DELAY : GROW_DELAY));

    if (then == now) {
        return LLONG_MAX;
    }
    return (rxqs->changed ? MAX(quiet, rxqs->changed + CHANGE_INTERVAL)
            : quiet);
}

void
vdpa_rxqs_run(struct vdpa_port *port)
{
    struct vdpa_rxqs *rxqs = &port->rxqs;
    long long int now = time_msec();

    if (now >= change_time(port)) {
        rxqs->n_guest = rxqs->n_seen;
        rxqs->changed = now;
        vdpa_port_event(port, "rx-queues: %d, of the representor: %d",
                        MAX(vdpa_rxqs_n_own(port), rxqs->n_guest),
                        vdpa_rxqs_n_own(port));
        netdev_request_reconfigure(netdev_of(port));
    }
}

void
vdpa_rxqs_wait(const struct vdpa_port *port)
{
    long long int when = change_time(port);

    if (when != LLONG_MAX) {
        poll_timer_wait_until(when);
    }
}

/* What is not in the main thread has flows offloaded: packets of a flow that a
 * device can but mark are spread over all rx-queues, each of which it looks at
 * more than once meanwhile. */
int
vdpa_rxqs_n_rxq(const struct netdev *netdev)
{
    const struct vdpa_port *port;

    if (vdpa_port_try_take()) {
        vdpa_port_give();
        return netdev->n_rxq;
    }
    port = vdpa_port_lookup(netdev);
    return port ? vdpa_rxqs_n_own(port) : netdev->n_rxq;
}
