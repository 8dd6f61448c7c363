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

#include "port/watch.h"

#include <string.h>

#include "accel/pool.h"
#include "accel/vdpa.h"
#include "accel/vf.h"
#include "netdev-provider.h"
#include "openvswitch/poll-loop.h"
#include "ovs-atomic.h"
#include "port/accelerator.h"
#include "port/guest.h"
#include "port/lending.h"
#include "port/observe.h"
#include "port/port.h"
#include "port/rxqs.h"
#include "timeval.h"
#include "util.h"
#include "vhost/connector.h"
#include "vhost/notes.h"
#include "vhost/vm.h"

/* How often the VF's link is looked at, in ms, for VFs that do not tell: at
 * multiples of this, so that the main thread wakes up once for all ports. */
#define LINK_CHECK_INTERVAL 1000

/* Takes up what other threads reported of the guest. */
static void
handle_changes(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    bool enabled[DPDK_VDPA_MAX_PAIRS];

    if (port->vm && port->accel == VDPA_ACCEL_RELAY
        && dpdk_vdpa_vm_is_up(port->vm)) {
        vdpa_accelerator_adapt_lro(port);
        dpdk_vdpa_vm_get_enabled(port->vm, enabled, ARRAY_SIZE(enabled));
        dpdk_vdpa_vf_set_rss(port->vf, enabled, ARRAY_SIZE(enabled));
    }
    vdpa_lending_update(port);
    vdpa_port_lock(port);
    vdpa_port_update_relay(port);
    vdpa_port_unlock(port);
    vdpa_port_tell_change(port);
}

/* The watchdog. */

/* Says why the lane of 'pair' in direction 'dir', which has packets and, as
 * 'held' says, holds some, or would if another one did not, does not move, if
 * it does not. */
static const char *
stall_reason(const struct vdpa_port *port, int dir, bool held)
    OVS_REQUIRES(vdpa_port_owned)
{
    if (!port->vf) {
        return "there is no VF";
    } else if (dir == DPDK_VDPA_VF_TO_VM) {
        return "the guest takes nothing";
    } else if (!held) {
        return "the guest's queue shows packets but gives none, as with a bad "
               "descriptor";
    } else if (!port->link_up) {
        return "the VF takes nothing, its link is down";
    } else {
        return "the VF takes nothing";
    }
}

/* Returns true if the lane of 'pair' in direction 'dir', with counters 'c',
 * holds packets, or does not because another one into the same queue does. */
static bool
is_held(const struct vdpa_port *port, int dir, unsigned int pair,
        const struct dpdk_vdpa_counters *c)
    OVS_REQUIRES(vdpa_port_locked)
{
    return (c->pending
            || (dir == DPDK_VDPA_VM_TO_VF
                && dpdk_vdpa_relay_waits_its_turn(port->relay, pair)));
}

/* Says what 'pair' in direction 'dir', with counters 'c', would wait for if it
 * does not move; null if it has nothing to do, or shall do nothing. */
static const char *
waits_for(const struct vdpa_port *port, int dir, unsigned int pair,
          const struct dpdk_vdpa_counters *c)
    OVS_REQUIRES(vdpa_port_owned, vdpa_port_locked)
{
    bool waiting = (c->pending
                    || (dir == DPDK_VDPA_VM_TO_VF && port->vm
                        && dpdk_vdpa_vm_has_packets(port->vm, pair)));

    return (waiting && port->admin_up
            ? stall_reason(port, dir, is_held(port, dir, pair, c)) : NULL);
}

/* Looks whether a lane makes progress.  A guest's queue that does not is left
 * alone most of the time: it may cost a lot to look at.  What has just come,
 * or could not move until a moment ago, for another reason, has time from this
 * look on. */
static void
watch_lane(struct vdpa_port *port, int dir, unsigned int pair,
           const struct dpdk_vdpa_counters *c, uint64_t n_drops)
    OVS_REQUIRES(vdpa_port_owned, vdpa_port_locked)
{
    struct vdpa_watch *watch = &port->watches[dir][pair];
    uint64_t progress = c->rx_packets + c->tx_packets + n_drops;
    const char *reason = waits_for(port, dir, pair, c);
    bool moved = watch->progress != progress || !reason;
    long long int now = time_msec();

    if (moved || watch->reason != reason) {
        watch->since = now;
        if (watch->stalled) {
            watch->stalled = false;
            dpdk_vdpa_relay_set_backoff(port->relay, dir, pair, false);
            if (moved) {
                vdpa_port_event(port, "queue pair %u from %s moves again",
                                pair, vdpa_directions[dir].source);
            }
            vdpa_port_tell_change(port);
        }
    } else if (!watch->stalled && port->options.stall_timeout
               && now - watch->since >= port->options.stall_timeout) {
        watch->stalled = true;
        dpdk_vdpa_relay_set_backoff(port->relay, dir, pair,
                                    port->vf
                                    && !is_held(port, dir, pair, c));
        vdpa_port_event_of(port, DPDK_VDPA_EVENT_STALLED,
                           "queue pair %u from %s is stalled: %s", pair,
                           vdpa_directions[dir].source, reason);
        vdpa_port_tell_change(port);
    }
    watch->progress = progress;
    watch->reason = reason;
}

/* Says so if the guest begins to give buffers that no packet fits. */
static void
watch_buffers(struct vdpa_port *port, int dir, unsigned int pair,
              const struct dpdk_vdpa_counters *c)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct vdpa_watch *watch = &port->watches[dir][pair];
    uint64_t n = c->drops[DPDK_VDPA_DROP_BAD_BUFFER];
    bool more = n != watch->bad_buffers;

    if (more && !watch->more_bad_buffers) {
        vdpa_port_event(port, "queue pair %u from %s: the guest gives buffers "
                        "too small for any packet", pair,
                        vdpa_directions[dir].source);
    }
    watch->bad_buffers = n;
    watch->more_bad_buffers = more;
}

static void
watch_lanes(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned) OVS_EXCLUDED(vdpa_port_locked)
{
    if (port->hw) {
        return;
    }
    vdpa_port_lock(port);
    for (unsigned int i = 0; i < dpdk_vdpa_relay_n_lanes(port->relay); i++) {
        for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
            struct dpdk_vdpa_counters c;

            memset(&c, 0, sizeof c);
            dpdk_vdpa_relay_add_counters(port->relay, dir, i, &c);
            watch_lane(port, dir, i, &c, vdpa_total_drops(&c));
            watch_buffers(port, dir, i, &c);
        }
    }
    vdpa_port_unlock(port);
}

/* The rest. */

static void
check_link(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    bool up = vdpa_port_device_is_up(port);

    if (up != port->link_up) {
        port->link_up = up;
        if (port->hw) {
            vdpa_port_event_of(port, DPDK_VDPA_EVENT_LINK_CHANGED,
                               "vDPA device %s the guest",
                               up ? "serves" : "does not serve");
        } else {
            vdpa_port_event_of(port, DPDK_VDPA_EVENT_LINK_CHANGED,
                               "VF link is %s", up ? "up" : "down");
        }
        vdpa_port_tell_change(port);
    }
}

/* Follows the port's admin state, which may change behind our back, by
 * netdev-dpdk/set-admin-state.  A port that is down relays nothing: what the
 * guest sends waits in its rings. */
static void
check_admin_state(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct netdev *netdev = CONST_CAST(struct netdev *, port->netdev);
    enum netdev_flags flags = 0;
    bool up;

    vdpa_base_class->update_flags(netdev, 0, 0, &flags);
    up = flags & NETDEV_UP;
    if (up != port->admin_up) {
        vdpa_port_lock(port);
        port->admin_up = up;
        vdpa_port_update_relay(port);
        vdpa_port_unlock(port);
        vdpa_port_event(port, "port is set %s", up ? "up" : "down");
        vdpa_guest_admin_changed(port);
    }
}

/* Tries to put in order what could not be done before: a device that is gone
 * or stopped, a socket that could not be had. */
static void
watch_repair(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    long long int now = time_msec();

    if (vdpa_accelerator_is_whole(port) && vdpa_guest_is_whole(port)) {
        memset(&port->retry, 0, sizeof port->retry);
    } else if (port->configured
               && dpdk_vdpa_retry_is_due(&port->retry, now)) {
        if (vdpa_accelerator_is_absent(port)) {
            dpdk_vdpa_retry_soon(&port->retry, now);
            return;
        }
        dpdk_vdpa_retry_failed(&port->retry, now);
        if (vdpa_accelerator_repair(port)) {
            vdpa_guest_repair(port);
        }
    }
}

static void
watch_port(struct vdpa_port *port, void *aux OVS_UNUSED)
    OVS_REQUIRES(vdpa_port_owned)
{
    bool changed;

    check_admin_state(port);
    vdpa_guest_run(port);
    atomic_read(&port->changed, &changed);
    if (changed) {
        /* Before anything that did is looked at, else it might be missed. */
        atomic_store(&port->changed, false);
    }
    if (changed || time_msec() >= port->next_link_check) {
        vdpa_accelerator_check(port);
    }
    if (changed) {
        handle_changes(port);
    }
    if (changed || time_msec() >= port->next_link_check) {
        port->next_link_check = ROUND_UP(time_msec() + 1, LINK_CHECK_INTERVAL);
        check_link(port);
        vdpa_rxqs_look(port);
        vdpa_accelerator_check_switch(port);
        vdpa_observe_check_macs(port);
        vdpa_observe_check_capture(port);
        watch_lanes(port);
        vdpa_port_tell_again(port, time_msec());
        vdpa_accelerator_adapt_pairs(port);
    } else if (time_msec() >= port->pairs_due) {
        vdpa_accelerator_adapt_pairs(port);
    }
    vdpa_rxqs_run(port);
    watch_repair(port);
}

/* At the start, when the ports are there that the database has, removes what
 * was left by those that it has not any more. */
static void
sweep_notes(void)
{
    static bool done;

    if (!done) {
        done = true;
        dpdk_vdpa_notes_sweep(dpdk_vdpa_connector_is_served);
    }
}

void
vdpa_watch_run(void)
{
    sweep_notes();
    vdpa_port_wake_run();
    vdpa_port_for_each(watch_port, NULL);
    dpdk_vdpa_pool_sweep();
}

static void
wait_for_port(struct vdpa_port *port, void *aux OVS_UNUSED)
    OVS_REQUIRES(vdpa_port_owned)
{
    poll_timer_wait_until(MIN(port->next_link_check, port->pairs_due));
    vdpa_guest_wait(port);
    vdpa_rxqs_wait(port);
}

void
vdpa_watch_wait(void)
{
    vdpa_port_wake_wait();
    vdpa_port_for_each(wait_for_port, NULL);
}
