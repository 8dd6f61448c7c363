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

#include "netdev-dpdk-vdpa.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_net.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "port/capture.h"
#include "port/events.h"
#include "accel/vdpa.h"
#include "port/options.h"
#include "dpdk-vdpa-relay.h"
#include "vhost/positions.h"
#include "accel/vf.h"
#include "vhost/vm.h"
#include "hash.h"
#include "netdev-dpdk.h"
#include "netdev-provider.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "packets.h"
#include "seq.h"
#include "smap.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "seam/vswitchd.h"

VLOG_DEFINE_THIS_MODULE(netdev_dpdk_vdpa);

/* How often the VF's link is looked at, in ms, for VFs that do not tell. */
#define LINK_CHECK_INTERVAL 1000

/* How often a device that was removed is looked for, in ms. */
#define DEVICE_RETRY_INTERVAL 5000

/* Protects 'ports'. */
static struct ovs_mutex ports_mutex = OVS_MUTEX_INITIALIZER;

/* What the watchdog knows of a lane.  Main thread. */
struct vdpa_watch {
    uint64_t progress;          /* Packets that ever got anywhere. */
    long long int since;        /* When that changed last, or there was nothing
                                 * to do, in ms. */
    bool stalled;
};

/* A port.
 *
 * It lives beside the netdev, which belongs to the base class.  OVS tells a
 * DPDK device by its .destruct member, which therefore must be the base
 * class's: a port is born in construct() and dies in dealloc().
 *
 * Locks, in the order in which they are taken: 'ports_mutex', the vhost
 * library's, a port's 'mutex', a port's 'events_mutex'.  The library's locks
 * of single queues, which PMD threads take too, must not be held to take
 * 'mutex', because with 'mutex' one may wait for PMD threads. */
struct vdpa_port {
    struct hmap_node node OVS_GUARDED_BY(ports_mutex);
    const struct netdev *netdev;
    char *name;                 /* Outlives the netdev's own. */
    struct dpdk_vdpa_positions *positions;      /* Lent to 'vm'. */

    /* Main thread only. */
    struct dpdk_vdpa_options options;   /* In force once 'configured'. */
    char *rep_devargs;                  /* dpdk-devargs in force. */
    bool configured;
    bool link_up;                       /* Of the VF, at the last look. */
    long long int next_link_check;
    long long int next_device_retry;    /* If the device was removed. */
    long long int switched;             /* When a connected guest was taken
                                         * from one mode to the other, in ms,
                                         * or 0. */
    char *config_error;                 /* Why the database's options are not
                                         * in force, or null. */
    char *mtu_error;                    /* Why the MTU is not. */
    char *hw_error;                     /* What the vDPA device reports. */
    struct vdpa_watch watches[DPDK_VDPA_N_DIRECTIONS][DPDK_VDPA_MAX_PAIRS];
    bool lro_refused;                   /* The VF has LRO, but not for us. */
    struct eth_addr vf_mac;             /* See 'watch_mac'. */
    struct eth_addr guest_mac;          /* If it is not the VF's and that
                                         * matters, else all zero. */

    /* Something happened that the main thread is to look at. */
    atomic_bool changed;

    struct ovs_mutex mutex;

    /* Written by the main thread with 'mutex' held, so that it may read them
     * without. */
    struct dpdk_vdpa_vf *vf;            /* In software mode. */
    struct dpdk_vdpa_hw *hw;            /* In hardware mode. */
    struct dpdk_vdpa_vm *vm;
    struct dpdk_vdpa_end vf_end;
    struct dpdk_vdpa_end vm_end;
    unsigned int n_hw_pairs;            /* Queue pairs of 'hw' to use. */
    unsigned int n_pollers;
    unsigned int tx_retries_max;

    /* The CPU of each poller, -1 before its first poll.  The elements are
     * written by the pollers, read by the main thread. */
    atomic_int *poller_cpus;

    bool admin_up;              /* The port is set up, not down. */

    /* Who looks at packets: written by the main thread while 'observed' is
     * false, read by PMD threads. */
    struct dpdk_vdpa_observer observer;
    struct dpdk_vdpa_capture *capture;
    bool watch_mac;                     /* Look for a guest's MAC address that
                                         * is not 'vf_mac'. */
    atomic_uint64_t seen_mac;           /* What was found, or 0. */

    /* The relay is kept paused and without these ends while they change. */
    bool vf_held OVS_GUARDED;
    bool vm_held OVS_GUARDED;
    bool observed OVS_GUARDED;
    struct dpdk_vdpa_relay *relay OVS_GUARDED;

    struct ovs_mutex events_mutex;      /* Protects 'events'. */
    struct dpdk_vdpa_events events OVS_GUARDED;
};

/* An rx-queue: the base class's and what the relay needs. */
struct vdpa_rxq {
    struct netdev_rxq up;
    struct netdev_rxq *base;
    struct dpdk_vdpa_poller *poller;
    struct vdpa_account account;

    /* The thread that polled last, and where it says on which CPU. */
    unsigned int thread_id;
    atomic_int *cpu;
};

static const struct netdev_class *base_class;   /* OVS's class "dpdk". */
static struct netdev_class dpdk_class;          /* What we make of it. */
static struct netdev_class vdpa_class;

/* From other_config; see ovs-vswitchd.conf.db(5). */
static bool vhost_iommu_support;
static bool vhost_postcopy_support;

/* Changes when the main thread is to look at a port. */
static struct seq *ports_seq;
static uint64_t last_ports_seq;

/* Contains all 'struct vdpa_port's. */
static struct hmap ports OVS_GUARDED_BY(ports_mutex)
    = HMAP_INITIALIZER(&ports);

static struct vdpa_port *
port_lookup(const struct netdev *netdev)
    OVS_EXCLUDED(ports_mutex)
{
    struct vdpa_port *port, *found = NULL;

    ovs_mutex_lock(&ports_mutex);
    HMAP_FOR_EACH_WITH_HASH (port, node, hash_pointer(netdev, 0), &ports) {
        if (port->netdev == netdev) {
            found = port;
            break;
        }
    }
    ovs_mutex_unlock(&ports_mutex);
    return found;
}

/* Has the main thread look at 'port'.  Any thread. */
static void
port_wake_main(struct vdpa_port *port)
{
    atomic_store(&port->changed, true);
    seq_change(ports_seq);
}

/* Logs an event and keeps it for dpdkvdpa/show.  Any thread. */
static void OVS_PRINTF_FORMAT(2, 3)
port_event(struct vdpa_port *port, const char *format, ...)
    OVS_EXCLUDED(port->events_mutex)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 60);
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);

    VLOG_INFO_RL(&rl, "%s: %s", port->name, text);
    ovs_mutex_lock(&port->events_mutex);
    dpdk_vdpa_events_add(&port->events, "%s", text);
    ovs_mutex_unlock(&port->events_mutex);
    free(text);
}

/* Stores 'error', or null, in '*slot' and takes it over. */
static void
port_set_error(struct vdpa_port *port, char **slot, char *error)
{
    if (error && (!*slot || strcmp(error, *slot))) {
        VLOG_WARN("%s: %s", port->name, error);
    }
    if (!nullable_string_is_equal(error, *slot)) {
        netdev_change_seq_changed(port->netdev);
    }
    free(*slot);
    *slot = error;
}

/* Properties. */

/* Returns how the guest's queues are served. */
static const char *
port_mode(const struct vdpa_port *port)
{
    return port->hw ? "hw" : "sw";
}

/* Returns the arguments of the device in use, or to be used if there is
 * none. */
static const char *
port_devargs(const struct vdpa_port *port)
{
    return (port->hw ? dpdk_vdpa_hw_devargs(port->hw)
            : port->vf ? dpdk_vdpa_vf_devargs(port->vf)
            : port->options.vf_devargs);
}

/* Returns the number of queue pairs of the device, which is there. */
static unsigned int
port_n_pairs(const struct vdpa_port *port)
{
    return (port->hw ? port->n_hw_pairs
            : dpdk_vdpa_vf_get_config(port->vf)->n_pairs);
}

static int
port_numa_node(const struct vdpa_port *port)
{
    return (port->hw ? dpdk_vdpa_hw_numa_node(port->hw)
            : dpdk_vdpa_vf_numa_node(port->vf));
}

/* Returns true if the device can move packets, as far as it knows. */
static bool
port_device_is_up(const struct vdpa_port *port)
{
    return (port->hw
            ? dpdk_vdpa_hw_is_running(port->hw) && !port->hw_error
            : port->vf && dpdk_vdpa_vf_link_is_up(port->vf));
}

/* The relay. */

/* Makes the relay do what the state of 'port' asks for. */
static void
port_update_relay(struct vdpa_port *port)
    OVS_REQUIRES(port->mutex)
{
    struct dpdk_vdpa_relay_config c;

    memset(&c, 0, sizeof c);    /* Also its padding. */
    c.paused = true;
    c.n_vf_pairs = 1;
    c.n_pollers = port->n_pollers;
    c.tx_retries_max = port->tx_retries_max;
    c.observer = port->observed ? &port->observer : NULL;

    if (port->vf && port->vm) {
        c.paused = port->vf_held || port->vm_held || !port->admin_up;
        c.n_vf_pairs = dpdk_vdpa_vf_get_config(port->vf)->n_pairs;
        c.max_frame_len = dpdk_vdpa_vf_max_frame_len(port->vf);
        c.tx_offloads = dpdk_vdpa_vf_tx_offloads(port->vf);
        c.lro = dpdk_vdpa_vf_get_config(port->vf)->lro;
        c.vf_rxq_size = dpdk_vdpa_vf_rxq_size(port->vf);
        if (dpdk_vdpa_vf_is_started(port->vf) && !port->vf_held) {
            c.vf = &port->vf_end;
        }
        if (dpdk_vdpa_vm_is_up(port->vm) && !port->vm_held) {
            c.vm = &port->vm_end;
            dpdk_vdpa_vm_get_enabled(port->vm, c.vm_enabled,
                                     DPDK_VDPA_MAX_PAIRS);
        }
    }
    dpdk_vdpa_relay_configure(port->relay, &c);
}

/* Takes the VF away from the relay, so that until port_set_ends() it is the
 * main thread's to change. */
static void
port_hold_vf(struct vdpa_port *port)
    OVS_EXCLUDED(port->mutex)
{
    ovs_mutex_lock(&port->mutex);
    port->vf_held = true;
    port_update_relay(port);
    ovs_mutex_unlock(&port->mutex);
}

/* Likewise for the VM end. */
static void
port_hold_vm(struct vdpa_port *port)
    OVS_EXCLUDED(port->mutex)
{
    ovs_mutex_lock(&port->mutex);
    port->vm_held = true;
    port_update_relay(port);
    ovs_mutex_unlock(&port->mutex);
}

/* Gives 'port' new ends, which may be the ones it had, after the one that
 * changes was held. */
static void
port_set_ends(struct vdpa_port *port, struct dpdk_vdpa_vf *vf,
              struct dpdk_vdpa_vm *vm)
    OVS_EXCLUDED(port->mutex)
{
    ovs_mutex_lock(&port->mutex);
    port->vf = vf;
    port->vm = vm;
    port->vf_end.aux = vf;
    port->vm_end.aux = vm;
    if (vf && vm) {
        dpdk_vdpa_vm_set_mempool(vm, dpdk_vdpa_vf_mempool(vf));
    }
    port->vf_held = port->vm_held = false;
    port_update_relay(port);
    ovs_mutex_unlock(&port->mutex);
    port_wake_main(port);
}

/* Looking at packets. */

/* Looks for a guest whose MAC address is not the VF's. */
static void
port_look_for_mac(struct vdpa_port *port, struct rte_mbuf *const *pkts,
                  unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        const struct eth_header *eth = rte_pktmbuf_mtod(pkts[i], void *);

        if (pkts[i]->data_len >= sizeof *eth
            && !eth_addr_is_multicast(eth->eth_src)
            && !eth_addr_equals(eth->eth_src, port->vf_mac)) {
            atomic_store_relaxed(&port->seen_mac,
                                 eth_addr_to_uint64(eth->eth_src));
            break;
        }
    }
}

static void
port_observe(void *port_, enum dpdk_vdpa_direction dir, uint16_t queue,
             struct rte_mbuf *const *pkts, unsigned int n)
{
    struct vdpa_port *port = port_;

    if (port->capture) {
        dpdk_vdpa_capture_observe(port->capture, dir, queue, pkts, n);
    }
    if (port->watch_mac && dir == DPDK_VDPA_VM_TO_VF) {
        port_look_for_mac(port, pkts, n);
    }
}

/* Sets who looks at packets.  On return no PMD thread uses a previous
 * capture. */
static void
port_set_observers(struct vdpa_port *port, struct dpdk_vdpa_capture *capture,
                   bool watch_mac)
    OVS_EXCLUDED(port->mutex)
{
    if (capture == port->capture && watch_mac == port->watch_mac) {
        return;
    }
    ovs_mutex_lock(&port->mutex);
    if (port->observed) {
        port->observed = false;
        port_update_relay(port);
    }
    port->capture = capture;
    port->watch_mac = watch_mac;
    if (capture || watch_mac) {
        port->observed = true;
        port_update_relay(port);
    }
    ovs_mutex_unlock(&port->mutex);
}

/* A VF that does not receive for every MAC address, because it refuses
 * promiscuous mode, is of use only to a guest that has its address. */
static void
port_check_macs(struct vdpa_port *port)
{
    bool matters = (port->vf && port->vm && dpdk_vdpa_vm_is_up(port->vm)
                    && !dpdk_vdpa_vf_is_promiscuous(port->vf));
    uint64_t seen;

    if (!matters) {
        memset(&port->guest_mac, 0, sizeof port->guest_mac);
        atomic_store_relaxed(&port->seen_mac, 0);
        port_set_observers(port, port->capture, false);
        return;
    }

    atomic_read_relaxed(&port->seen_mac, &seen);
    if (!seen) {
        if (!port->watch_mac) {
            port->vf_mac = dpdk_vdpa_vf_mac(port->vf);
            port_set_observers(port, port->capture, true);
        }
    } else if (port->watch_mac) {
        port_set_observers(port, port->capture, false);
        eth_addr_from_uint64(seen, &port->guest_mac);
        port_event(port, "the guest's MAC address "ETH_ADDR_FMT" is not the "
                   "VF's "ETH_ADDR_FMT", which refuses promiscuous mode: the "
                   "guest receives nothing; give it the VF's address",
                   ETH_ADDR_ARGS(port->guest_mac),
                   ETH_ADDR_ARGS(port->vf_mac));
        netdev_change_seq_changed(port->netdev);
    }
}

/* Ends the capture of 'port'.  Returns as dpdk_vdpa_capture_stop(). */
static int
port_stop_capture(struct vdpa_port *port, struct ds *out)
{
    struct dpdk_vdpa_capture *capture = port->capture;
    size_t start = out->length;
    int error;

    port_set_observers(port, NULL, port->watch_mac);
    error = dpdk_vdpa_capture_stop(capture, out);
    port_event(port, "capture ended: %s", ds_cstr(out) + start);
    return error;
}

/* Ends a capture that has all it wanted, or can have no more. */
static void
port_check_capture(struct vdpa_port *port)
{
    if (port->capture && dpdk_vdpa_capture_is_done(port->capture)) {
        struct ds report = DS_EMPTY_INITIALIZER;

        port_stop_capture(port, &report);
        ds_destroy(&report);
    }
}

/* Gives 'port' a vDPA device, or none. */
static void
port_set_hw(struct vdpa_port *port, struct dpdk_vdpa_hw *hw)
    OVS_EXCLUDED(port->mutex)
{
    ovs_mutex_lock(&port->mutex);
    port->hw = hw;
    ovs_mutex_unlock(&port->mutex);
    port_set_error(port, &port->hw_error, NULL);
    port_wake_main(port);
}

/* What the ends report. */

static void
port_vm_up(void *port_, struct dpdk_vdpa_vm *vm)
{
    struct vdpa_port *port = port_;
    struct dpdk_vdpa_vm_info info;

    dpdk_vdpa_vm_get_info(vm, &info);
    port_event(port, "guest connected, %s ring, features %#"PRIx64,
               info.packed ? "packed" : "split", info.features);
    ovs_mutex_lock(&port->mutex);
    port_update_relay(port);
    ovs_mutex_unlock(&port->mutex);
    port_wake_main(port);
}

static void
port_vm_down(void *port_, struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    struct vdpa_port *port = port_;

    ovs_mutex_lock(&port->mutex);
    port_update_relay(port);
    ovs_mutex_unlock(&port->mutex);
    port_event(port, "guest disconnected");
    port_wake_main(port);
}

static void
port_vm_queue_changed(void *port_, struct dpdk_vdpa_vm *vm OVS_UNUSED,
                      unsigned int pair, bool is_guest_rx, bool enabled)
{
    struct vdpa_port *port = port_;

    if (is_guest_rx) {          /* Both queues of a pair change together. */
        port_event(port, "guest %s queue pair %u",
                   enabled ? "enabled" : "disabled", pair);
    }
    port_wake_main(port);
}

static void
port_vm_migration_changed(void *port_, struct dpdk_vdpa_vm *vm OVS_UNUSED,
                          bool started)
{
    struct vdpa_port *port = port_;

    port_event(port, "live migration %s", started ? "started" : "ended");
    port_wake_main(port);
}

static void
port_vm_refused(void *port_, struct dpdk_vdpa_vm *vm OVS_UNUSED,
                const char *what)
{
    struct vdpa_port *port = port_;

    port_event(port, "front-end refused: %s", what);
}

static const struct dpdk_vdpa_vm_callbacks port_vm_callbacks = {
    .up = port_vm_up,
    .down = port_vm_down,
    .queue_changed = port_vm_queue_changed,
    .migration_changed = port_vm_migration_changed,
    .refused = port_vm_refused,
};

static void
port_device_changed(void *port_)
{
    struct vdpa_port *port = port_;

    port_wake_main(port);
}

/* Applying options. */

/* Looks for the interface of this switch that uses the ethdev 'port_id'.
 * Returns its name, which the caller must free, or null. */
static char *
find_interface_by_port_id(uint16_t port_id)
{
    const struct netdev_class *classes[] = { &dpdk_class, &vdpa_class };
    char *name = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        struct shash devices = SHASH_INITIALIZER(&devices);
        struct shash_node *node;

        netdev_get_devices(classes[i], &devices);
        SHASH_FOR_EACH (node, &devices) {
            if (!name && netdev_dpdk_get_port_id(node->data) == port_id) {
                name = xstrdup(node->name);
            }
            netdev_close(node->data);
        }
        shash_destroy(&devices);
    }
    return name;
}

/* Checks that no interface of this switch uses the ethdev of 'vf'. */
static int
port_check_vf_is_free(const struct vdpa_port *port,
                      const struct dpdk_vdpa_vf *vf, char **errp)
{
    char *user = find_interface_by_port_id(dpdk_vdpa_vf_port_id(vf));
    const char *devargs = dpdk_vdpa_vf_devargs(vf);

    if (!user) {
        return 0;
    }
    if (!strcmp(user, port->name)) {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is the "
                          "representor that dpdk-devargs names; give the VF "
                          "that it represents", devargs);
    } else {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" is in use by "
                          "interface \"%s\"; give a VF that nothing else "
                          "uses", devargs, user);
    }
    free(user);
    return EADDRINUSE;
}

/* Stores in '*n_pairsp' how many queue pairs of the 'limit' that device
 * 'devargs' has are to be used if the user asked for 'max_pairs', 0 meaning
 * that he did not. */
static int
choose_n_pairs(const char *devargs, unsigned int limit, unsigned int max_pairs,
               unsigned int *n_pairsp, char **errp)
{
    if (max_pairs > limit) {
        *errp = xasprintf("vdpa-max-queues: %u is more than the VF \"%s\" "
                          "has; use a number from 1 to %u", max_pairs,
                          devargs, limit);
        return EINVAL;
    }
    *n_pairsp = max_pairs ? max_pairs : MIN(limit, DPDK_VDPA_DEFAULT_PAIRS);
    return 0;
}

/* The MTU of the netdev, which has none before the first reconfigure(). */
static uint16_t
port_mtu(const struct vdpa_port *port)
{
    int mtu = 0;

    base_class->get_mtu(port->netdev, &mtu);
    return mtu ? mtu : RTE_ETHER_MTU;
}

/* Opens and starts the VF at 'devargs' for 'port'. */
static int
port_open_vf(struct vdpa_port *port, const char *devargs,
             unsigned int max_pairs, struct dpdk_vdpa_vf **vfp, char **errp)
{
    struct dpdk_vdpa_vf_config config = { .mtu = port_mtu(port) };
    struct dpdk_vdpa_vf *vf;
    int error;

    *vfp = NULL;
    error = dpdk_vdpa_vf_open(devargs, port->name, &vf, errp);
    if (error) {
        return error;
    }

    error = port_check_vf_is_free(port, vf, errp);
    error = error ? error : choose_n_pairs(devargs, dpdk_vdpa_vf_max_pairs(vf),
                                           max_pairs, &config.n_pairs, errp);
    error = error ? error : dpdk_vdpa_vf_start(vf, &config, errp);
    if (error) {
        dpdk_vdpa_vf_close(vf);
        return error;
    }
    dpdk_vdpa_vf_set_callback(vf, port_device_changed, port);
    *vfp = vf;
    return 0;
}

/* Replaces the VF of 'port' by another device, which is started before the
 * relay changes over. */
static int
port_replace_vf(struct vdpa_port *port, const struct dpdk_vdpa_options *new,
                char **errp)
{
    struct dpdk_vdpa_vf *old = port->vf;
    struct dpdk_vdpa_vf *vf;
    int error;

    error = port_open_vf(port, new->vf_devargs, new->max_pairs, &vf, errp);
    if (!error) {
        port_hold_vf(port);
        port_set_ends(port, vf, port->vm);
        dpdk_vdpa_vf_close(old);
        port_event(port, "VF is \"%s\"", new->vf_devargs);
    }
    return error;
}

/* Opens the VF of 'port' again with other arguments for the same device, which
 * cannot be there twice.  If that fails, goes back to the old ones. */
static int
port_reopen_vf(struct vdpa_port *port, const struct dpdk_vdpa_options *new,
               char **errp)
{
    struct dpdk_vdpa_vf *vf = port->vf;
    char *old_error = NULL;
    int error;

    port_hold_vf(port);
    dpdk_vdpa_vf_close(vf);
    error = port_open_vf(port, new->vf_devargs, new->max_pairs, &vf, errp);
    if (error
        && port_open_vf(port, port->options.vf_devargs,
                        port->options.max_pairs, &vf, &old_error)) {
        VLOG_ERR("%s: cannot go back to the previous VF: %s", port->name,
                 old_error);
        free(old_error);
    }
    port_set_ends(port, vf, port->vm);
    if (!error) {
        port_event(port, "VF is \"%s\"", new->vf_devargs);
    }
    return error;
}

/* Restarts the VF of 'port' with 'config'.  If that fails, goes back to the
 * old configuration. */
static int
port_restart_vf(struct vdpa_port *port,
                const struct dpdk_vdpa_vf_config *config, char **errp)
{
    struct dpdk_vdpa_vf_config old = *dpdk_vdpa_vf_get_config(port->vf);
    char *old_error = NULL;
    int error;

    port_hold_vf(port);
    error = dpdk_vdpa_vf_start(port->vf, config, errp);
    if (error && dpdk_vdpa_vf_start(port->vf, &old, &old_error)) {
        VLOG_ERR("%s: cannot restart the VF as it was: %s", port->name,
                 old_error);
        free(old_error);
    }
    port_set_ends(port, port->vf, port->vm);
    if (!error) {
        port_event(port, "VF restarted, queue pairs: %u, MTU: %u%s",
                   config->n_pairs, config->mtu, config->lro ? ", LRO" : "");
    }
    return error;
}

/* Makes 'port' obey the options for its VF in software mode. */
static int
port_apply_vf(struct vdpa_port *port, const struct dpdk_vdpa_options *new,
              char **errp)
{
    struct dpdk_vdpa_vf_config config;
    int error;

    if (strcmp(new->vf_devargs, port->options.vf_devargs)) {
        return (dpdk_vdpa_vf_is_device(port->vf, new->vf_devargs)
                ? port_reopen_vf(port, new, errp)
                : port_replace_vf(port, new, errp));
    }

    config = *dpdk_vdpa_vf_get_config(port->vf);
    error = choose_n_pairs(new->vf_devargs, dpdk_vdpa_vf_max_pairs(port->vf),
                           new->max_pairs, &config.n_pairs, errp);
    if (error
        || config.n_pairs == dpdk_vdpa_vf_get_config(port->vf)->n_pairs) {
        return error;
    }
    return port_restart_vf(port, &config, errp);
}

/* Returns the virtio features that 'vf' makes it possible to offer. */
static uint64_t
vf_virtio_offloads(const struct dpdk_vdpa_vf *vf)
{
    uint64_t tx_offloads = dpdk_vdpa_vf_tx_offloads(vf);
    uint64_t features = 0;

    if (tx_offloads & RTE_MBUF_F_TX_TCP_CKSUM) {
        features |= 1ULL << VIRTIO_NET_F_CSUM;
    }
    if (tx_offloads & RTE_MBUF_F_TX_TCP_SEG) {
        features |= (1ULL << VIRTIO_NET_F_HOST_TSO4
                     | 1ULL << VIRTIO_NET_F_HOST_TSO6
                     | 1ULL << VIRTIO_NET_F_HOST_ECN);
    }
    if (dpdk_vdpa_vf_has_lro(vf)) {
        features |= DPDK_VDPA_VM_LRO_FEATURES;
    }
    return features;
}

/* Creates a VM end for 'port' at 'path'. */
static int
port_create_vm(struct vdpa_port *port, const char *path,
               struct dpdk_vdpa_vm **vmp, char **errp)
{
    struct dpdk_vdpa_vm_config config = {
        .path = path,
        .iommu = vhost_iommu_support,
        .postcopy = vhost_postcopy_support,
        .positions = port->positions,
        .callbacks = &port_vm_callbacks,
        .aux = port,
    };

    return dpdk_vdpa_vm_create(&config, vmp, errp);
}

/* Starts 'vm' for the present device. */
static int
port_start_vm(struct vdpa_port *port, struct dpdk_vdpa_vm *vm, char **errp)
{
    dpdk_vdpa_vm_set_max_pairs(vm, port_n_pairs(port));
    if (port->hw) {
        dpdk_vdpa_vm_set_vdpa(vm, dpdk_vdpa_hw_device(port->hw));
    } else {
        dpdk_vdpa_vm_set_offloads(vm, vf_virtio_offloads(port->vf));
    }
    return dpdk_vdpa_vm_start(vm, errp);
}

/* Replaces the VM end of 'port' by 'vm', which it starts. */
static int
port_replace_vm(struct vdpa_port *port, struct dpdk_vdpa_vm *vm, char **errp)
{
    struct dpdk_vdpa_vm *old = port->vm;
    int error = port_start_vm(port, vm, errp);

    if (error) {
        dpdk_vdpa_vm_destroy(vm);
        return error;
    }
    port_hold_vm(port);
    port_set_ends(port, port->vf, vm);
    dpdk_vdpa_vm_destroy(old);
    return 0;
}

/* Disconnects the guest. */
static void
port_drop_vm(struct vdpa_port *port)
{
    struct dpdk_vdpa_vm *vm = port->vm;

    port_hold_vm(port);
    port_set_ends(port, port->vf, NULL);
    dpdk_vdpa_vm_destroy(vm);
}

/* Has 'port', which has no VM end, connect to the socket at 'path'. */
static int
port_make_vm(struct vdpa_port *port, const char *path, char **errp)
{
    struct dpdk_vdpa_vm *vm;
    int error = port_create_vm(port, path, &vm, errp);

    return error ? error : port_replace_vm(port, vm, errp);
}

/* Has the guest connect anew to learn of what is on offer now. */
static int
port_reconnect_vm(struct vdpa_port *port, char **errp)
{
    char *path = xstrdup(dpdk_vdpa_vm_path(port->vm));
    int error;

    port_event(port, "reconnecting, for the VF does less than the last one");
    port_drop_vm(port);
    error = port_make_vm(port, path, errp);
    free(path);
    return error;
}

/* Adapts the VM end of 'port' to a VF that may have changed. */
static int
port_adapt_vm(struct vdpa_port *port, char **errp)
{
    uint64_t offloads = port->vf ? vf_virtio_offloads(port->vf) : 0;

    dpdk_vdpa_vm_set_max_pairs(port->vm, port_n_pairs(port));
    if (dpdk_vdpa_vm_get_offloads(port->vm) & ~offloads) {
        return port_reconnect_vm(port, errp);
    }
    dpdk_vdpa_vm_set_offloads(port->vm, offloads);
    return 0;
}

/* The device: a VF, or a vDPA device. */

/* Takes note of the moment when the guest loses a device to get another. */
static void
port_note_switch(struct vdpa_port *port)
{
    if (port->vm && dpdk_vdpa_vm_is_up(port->vm)) {
        port->switched = time_msec();
    }
}

/* Closes the device of 'port'. */
static void
port_close_device(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf *vf = port->vf;
    struct dpdk_vdpa_hw *hw = port->hw;

    port_hold_vf(port);
    port_set_ends(port, NULL, port->vm);
    port_set_hw(port, NULL);
    dpdk_vdpa_vf_close(vf);
    dpdk_vdpa_hw_close(hw);
}

/* Opens the device of 'port', which has none, for software mode. */
static int
port_open_as_vf(struct vdpa_port *port,
                const struct dpdk_vdpa_options *options, char **errp)
{
    return port_replace_vf(port, options, errp);
}

/* Likewise for hardware mode.  A guest that is connected must connect anew. */
static int
port_open_as_hw(struct vdpa_port *port,
                const struct dpdk_vdpa_options *options, char **errp)
{
    struct dpdk_vdpa_hw *hw;
    int error;

    error = dpdk_vdpa_hw_open(options->devargs, &hw, errp);
    if (error) {
        return error;
    }
    error = choose_n_pairs(options->devargs, dpdk_vdpa_hw_max_pairs(hw),
                           options->max_pairs, &port->n_hw_pairs, errp);
    if (error) {
        dpdk_vdpa_hw_close(hw);
        return error;
    }
    if (port->vm) {
        port_drop_vm(port);
    }
    dpdk_vdpa_hw_set_callback(hw, port_device_changed, port);
    port_set_hw(port, hw);
    port_event(port, "vDPA device is \"%s\"", options->devargs);
    return 0;
}

/* Returns true if 'options' ask for hardware mode, if only as a try. */
static bool
options_try_hw(const struct dpdk_vdpa_options *options)
{
    return (options->mode == DPDK_VDPA_MODE_HW
            || (options->mode == DPDK_VDPA_MODE_AUTO
                && (options->vdpa_hint
                    || dpdk_vdpa_hw_is_candidate(options->devargs))));
}

/* Opens the device of 'port', which has none, in the mode that 'options' ask
 * for and the device is capable of. */
static int
port_open_device(struct vdpa_port *port,
                 const struct dpdk_vdpa_options *options, char **errp)
{
    if (options_try_hw(options)) {
        int error = port_open_as_hw(port, options, errp);

        if (!error || options->mode == DPDK_VDPA_MODE_HW) {
            return error;
        }
        if (options->vdpa_hint) {
            VLOG_WARN("%s: relaying, not in hardware mode (%s); set "
                      "vdpa-sw=true to do without a warning, vdpa-sw=false to "
                      "make this an error", port->name, *errp);
            port_event(port, "no hardware mode: %s", *errp);
        }
        free(*errp);
        *errp = NULL;
    }
    return port_open_as_vf(port, options, errp);
}

/* Changes the mode of 'port', or its vDPA device, for which the guest must
 * connect anew.  If that fails, goes back. */
static int
port_switch_device(struct vdpa_port *port,
                   const struct dpdk_vdpa_options *new, char **errp)
{
    char *old_error = NULL;
    int error;

    port_note_switch(port);
    if (port->vm) {
        port_drop_vm(port);
    }
    port_close_device(port);
    error = port_open_device(port, new, errp);
    if (error && port->configured
        && (port_open_device(port, &port->options, &old_error)
            || port_make_vm(port, port->options.socket_path, &old_error))) {
        VLOG_ERR("%s: cannot go back to the previous device: %s", port->name,
                 old_error);
        free(old_error);
    }
    return error;
}

/* Makes 'port' obey the options for its device. */
static int
port_apply_device(struct vdpa_port *port,
                  const struct dpdk_vdpa_options *new, char **errp)
{
    bool same = (port->configured
                 && port->options.mode == new->mode
                 && !strcmp(port->options.devargs, new->devargs));

    if (!port->vf && !port->hw) {
        return port_open_device(port, new, errp);
    }
    if (port->hw && same) {
        return choose_n_pairs(new->devargs, dpdk_vdpa_hw_max_pairs(port->hw),
                              new->max_pairs, &port->n_hw_pairs, errp);
    }
    if (port->vf && (same || !options_try_hw(new))) {
        return port_apply_vf(port, new, errp);
    }
    return port_switch_device(port, new, errp);
}

/* Makes 'port' obey 'new', whose contents it takes over.  If it cannot, leaves
 * the port as it was, save that a new VF stays if only the new socket fails,
 * which takes more than a wrong option. */
static int
port_apply_options(struct vdpa_port *port, struct dpdk_vdpa_options *new,
                   char **errp)
{
    struct dpdk_vdpa_vm *vm = NULL;
    int error = 0;

    if (port->vm && strcmp(new->socket_path, dpdk_vdpa_vm_path(port->vm))) {
        error = port_create_vm(port, new->socket_path, &vm, errp);
    }
    if (error) {
        return error;
    }
    error = port_apply_device(port, new, errp);
    if (error) {
        dpdk_vdpa_vm_destroy(vm);
        return error;
    }

    error = (vm ? port_replace_vm(port, vm, errp)
             : port->vm ? port_adapt_vm(port, errp)
             : port_make_vm(port, new->socket_path, errp));
    if (error) {
        return error;
    }

    dpdk_vdpa_options_destroy(&port->options);
    port->options = *new;
    if (port->tx_retries_max != new->tx_retries_max) {
        ovs_mutex_lock(&port->mutex);
        port->tx_retries_max = new->tx_retries_max;
        port_update_relay(port);
        ovs_mutex_unlock(&port->mutex);
    }
    return 0;
}

/* Returns the ethdev that 'devargs' matches in the way of the base class, or
 * RTE_MAX_ETHPORTS. */
static uint16_t
find_representor(const char *devargs)
{
    struct rte_dev_iterator iterator;
    uint16_t port_id;

    RTE_ETH_FOREACH_MATCHING_DEV (port_id, devargs, &iterator) {
        rte_eth_iterator_cleanup(&iterator);
        break;
    }
    return port_id;
}

/* Checks that representor 'devargs' is there, or can be. */
static int
try_probe_representor(const char *devargs, char **errp)
{
    struct rte_devargs da;
    int error;

    memset(&da, 0, sizeof da);
    error = rte_devargs_parse(&da, devargs) ? EINVAL : -rte_dev_probe(devargs);
    if (error) {
        *errp = xasprintf("dpdk-devargs: \"%s\" cannot be probed (%s); check "
                          "that the device exists and what the log says",
                          devargs, ovs_strerror(error));
    } else {
        rte_eal_hotplug_remove(rte_bus_name(da.bus), da.name);
    }
    free(da.data);
    return error;
}

/* Checks that the ethdev 'port_id' is not the VF of a dpdkvdpa port: the base
 * class would take it without asking. */
static int
check_not_owned(uint16_t port_id, const char *devargs, char **errp)
{
    struct rte_eth_dev_owner owner = { .id = RTE_ETH_DEV_NO_OWNER };

    if (rte_eth_dev_is_valid_port(port_id)
        && !rte_eth_dev_owner_get(port_id, &owner)
        && owner.id != RTE_ETH_DEV_NO_OWNER) {
        *errp = xasprintf("dpdk-devargs: \"%s\" is in use by \"%s\"; give a "
                          "device that nothing else uses", devargs,
                          owner.name);
        return EADDRINUSE;
    }
    return 0;
}

/* Checks that 'devargs' may become the representor of 'port'.  A port whose
 * representor changes is deleted and made anew, which had better work. */
static int
port_check_representor(struct vdpa_port *port, const char *devargs,
                       char **errp)
{
    uint16_t port_id;
    char *user;
    int error;

    if (!devargs || !*devargs) {
        *errp = xasprintf("dpdk-devargs is %s; set it to the DPDK device "
                          "arguments of the VF's representor",
                          devargs ? "empty" : "missing");
        return EINVAL;
    }
    if (nullable_string_is_equal(devargs, port->rep_devargs)
        || !strncmp(devargs, "class=eth,mac=", 14)) {
        return 0;
    }

    port_id = find_representor(devargs);
    if (port_id >= RTE_MAX_ETHPORTS) {
        return port->configured ? try_probe_representor(devargs, errp) : 0;
    }
    error = check_not_owned(port_id, devargs, errp);
    if (error) {
        return error;
    }
    user = find_interface_by_port_id(port_id);
    if (user) {
        *errp = xasprintf("dpdk-devargs: \"%s\" is in use by interface "
                          "\"%s\"; give the representor of the VF", devargs,
                          user);
        free(user);
        return EADDRINUSE;
    }
    return 0;
}

static int
port_set_config(struct vdpa_port *port, struct netdev *netdev,
                const struct smap *args, char **errp)
{
    const char *rep_devargs = smap_get(args, "dpdk-devargs");
    struct dpdk_vdpa_options new;
    int error;

    error = dpdk_vdpa_options_parse(port->name, args, &new, errp);
    if (error) {
        return error;
    }
    error = port_check_representor(port, rep_devargs, errp);
    if (error) {
        goto error;
    }
    error = base_class->set_config(netdev, args, errp);
    if (error) {
        goto error;
    }
    free(*errp);                        /* It may warn without an error. */
    *errp = NULL;
    error = port_apply_options(port, &new, errp);
    if (error) {
        goto error;
    }

    if (!port->configured) {
        port->rep_devargs = xstrdup(rep_devargs);
        port->configured = true;
    }
    return 0;

error:
    dpdk_vdpa_options_destroy(&new);
    return error;
}

/* The netdev class. */

static int
netdev_dpdk_vdpa_set_config(struct netdev *netdev, const struct smap *args,
                            char **errp)
{
    struct vdpa_port *port = port_lookup(netdev);
    char *text = NULL;
    int error;

    error = port_set_config(port, netdev, args, &text);
    if (error && (!port->configured
                  || (error == EAGAIN && !text))) {
        /* A new port fails.  A port whose representor changes is to be made
         * anew, which the base class says by EAGAIN. */
        *errp = text;
        return error;
    }
    if (error && !text) {
        text = xasprintf("dpdk-devargs: the representor refuses its options "
                         "(%s)", ovs_strerror(error));
    }
    port_set_error(port, &port->config_error, text);
    return 0;
}

static int
netdev_dpdk_vdpa_get_config(const struct netdev *netdev, struct smap *args)
{
    struct vdpa_port *port = port_lookup(netdev);
    int error = base_class->get_config(netdev, args);

    if (!error && port->configured) {
        const struct dpdk_vdpa_options *o = &port->options;

        smap_add(args, "vdpa-socket-path", o->socket_path);
        smap_add(args, "vdpa-accelerator-devargs", o->devargs);
        if (o->mode != DPDK_VDPA_MODE_AUTO) {
            smap_add(args, "vdpa-sw",
                     o->mode == DPDK_VDPA_MODE_SW ? "true" : "false");
        }
        if (port->vf || port->hw) {
            smap_add_format(args, "vdpa-max-queues", "%u", port_n_pairs(port));
        }
        smap_add_format(args, "tx-retries-max", "%u", o->tx_retries_max);
        smap_add_format(args, "vdpa-stall-timeout", "%u", o->stall_timeout);
    }
    return error;
}

/* Makes the VF's MTU that of the netdev. */
static void
port_apply_mtu(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf_config config;
    char *error = NULL;

    if (port->vf) {
        config = *dpdk_vdpa_vf_get_config(port->vf);
        if (config.mtu != port_mtu(port)) {
            config.mtu = port_mtu(port);
            port_restart_vf(port, &config, &error);
        }
    }
    port_set_error(port, &port->mtu_error, error);
}

/* Sets the number of pollers, none of which exists now. */
static void
port_set_n_pollers(struct vdpa_port *port, unsigned int n)
    OVS_EXCLUDED(port->mutex)
{
    port->poller_cpus = xrealloc(port->poller_cpus,
                                 n * sizeof *port->poller_cpus);
    for (unsigned int i = 0; i < n; i++) {
        atomic_init(&port->poller_cpus[i], -1);
    }
    ovs_mutex_lock(&port->mutex);
    port->n_pollers = n;
    port_update_relay(port);
    ovs_mutex_unlock(&port->mutex);
}

static int
netdev_dpdk_vdpa_reconfigure(struct netdev *netdev)
{
    struct vdpa_port *port = port_lookup(netdev);
    int error = base_class->reconfigure(netdev);

    if (error) {
        return error;
    }
    if (port->n_pollers != netdev->n_rxq) {
        port_set_n_pollers(port, netdev->n_rxq);
    }
    port_apply_mtu(port);
    return 0;
}

static int
netdev_dpdk_vdpa_construct(struct netdev *netdev)
{
    struct dpdk_vdpa_relay *relay;
    struct vdpa_port *port;
    int error;

    relay = dpdk_vdpa_relay_create();
    if (!relay) {
        error = errno;
        VLOG_ERR("%s: this kernel lacks membarrier(2), which port type "
                 "dpdkvdpa needs (%s); use Linux 4.14 or later",
                 netdev_get_name(netdev), ovs_strerror(error));
        return error;
    }
    error = base_class->construct(netdev);
    if (error) {
        dpdk_vdpa_relay_destroy(relay);
        return error;
    }

    port = xzalloc(sizeof *port);
    port->netdev = netdev;
    port->name = xstrdup(netdev_get_name(netdev));
    port->positions = dpdk_vdpa_positions_create();
    port->admin_up = true;
    port->vf_end.recv = dpdk_vdpa_vf_recv;
    port->vf_end.send = dpdk_vdpa_vf_send;
    port->vf_end.never_fits = dpdk_vdpa_vf_never_fits;
    port->vf_end.never_fits_reason = DPDK_VDPA_DROP_BAD_OFFLOAD;
    port->vm_end.recv = dpdk_vdpa_vm_recv;
    port->vm_end.send = dpdk_vdpa_vm_send;
    port->vm_end.never_fits = dpdk_vdpa_vm_never_fits;
    port->vm_end.settle = dpdk_vdpa_vm_settle;
    port->vm_end.never_fits_reason = DPDK_VDPA_DROP_OVERSIZE;
    port->vm_end.prepare_lro = dpdk_vdpa_vm_prepare_lro;
    port->observer.aux = port;
    port->observer.observe = port_observe;
    atomic_init(&port->changed, false);
    ovs_mutex_init(&port->mutex);
    ovs_mutex_init(&port->events_mutex);
    ovs_mutex_lock(&port->mutex);
    port->relay = relay;
    ovs_mutex_unlock(&port->mutex);
    port_set_n_pollers(port, 1);

    ovs_mutex_lock(&ports_mutex);
    hmap_insert(&ports, &port->node, hash_pointer(netdev, 0));
    ovs_mutex_unlock(&ports_mutex);
    return 0;
}

/* Frees 'port', whose netdev has been destructed: no PMD thread polls it. */
static void
port_destroy(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf *vf = port->vf;
    struct dpdk_vdpa_hw *hw = port->hw;
    struct dpdk_vdpa_vm *vm = port->vm;

    ovs_mutex_lock(&ports_mutex);
    hmap_remove(&ports, &port->node);
    ovs_mutex_unlock(&ports_mutex);

    if (port->capture) {
        struct ds report = DS_EMPTY_INITIALIZER;

        port_stop_capture(port, &report);
        ds_destroy(&report);
    }
    port_hold_vf(port);
    port_hold_vm(port);
    dpdk_vdpa_vm_destroy(vm);
    dpdk_vdpa_vf_close(vf);
    dpdk_vdpa_hw_close(hw);
    ovs_mutex_lock(&port->mutex);
    dpdk_vdpa_relay_destroy(port->relay);
    ovs_mutex_unlock(&port->mutex);

    ovs_mutex_destroy(&port->mutex);
    ovs_mutex_destroy(&port->events_mutex);
    dpdk_vdpa_options_destroy(&port->options);
    dpdk_vdpa_positions_destroy(port->positions);
    free(port->poller_cpus);
    free(port->rep_devargs);
    free(port->config_error);
    free(port->mtu_error);
    free(port->hw_error);
    free(port->name);
    free(port);
}

static void
netdev_dpdk_vdpa_dealloc(struct netdev *netdev)
{
    struct vdpa_port *port = port_lookup(netdev);

    if (port) {                 /* None if construct() failed. */
        port_destroy(port);
    }
    base_class->dealloc(netdev);
}

static struct vdpa_rxq *
vdpa_rxq_cast(const struct netdev_rxq *rxq)
{
    return CONTAINER_OF(rxq, struct vdpa_rxq, up);
}

static struct netdev_rxq *
netdev_dpdk_vdpa_rxq_alloc(void)
{
    struct netdev_rxq *base = base_class->rxq_alloc();
    struct vdpa_rxq *rx;

    if (!base) {
        return NULL;
    }
    rx = xzalloc_cacheline(sizeof *rx);
    rx->base = base;
    return &rx->up;
}

static int
netdev_dpdk_vdpa_rxq_construct(struct netdev_rxq *rxq)
{
    struct vdpa_port *port = port_lookup(rxq->netdev);
    struct vdpa_rxq *rx = vdpa_rxq_cast(rxq);

    rx->base->netdev = rxq->netdev;
    rx->base->queue_id = rxq->queue_id;
    rx->thread_id = OVSTHREAD_ID_UNSET;
    rx->cpu = &port->poller_cpus[rxq->queue_id];
    ovs_mutex_lock(&port->mutex);
    rx->poller = dpdk_vdpa_relay_get_poller(port->relay, rxq->queue_id);
    ovs_mutex_unlock(&port->mutex);
    return base_class->rxq_construct(rx->base);
}

static void
netdev_dpdk_vdpa_rxq_destruct(struct netdev_rxq *rxq)
{
    base_class->rxq_destruct(vdpa_rxq_cast(rxq)->base);
}

static void
netdev_dpdk_vdpa_rxq_dealloc(struct netdev_rxq *rxq)
{
    struct vdpa_rxq *rx = vdpa_rxq_cast(rxq);

    base_class->rxq_dealloc(rx->base);
    free_cacheline(rx);
}

/* Polls the representor's rx-queue and runs the relay. */
static int
netdev_dpdk_vdpa_rxq_recv(struct netdev_rxq *rxq,
                          struct dp_packet_batch *batch, int *qfill)
{
    struct vdpa_rxq *rx = vdpa_rxq_cast(rxq);
    unsigned int n = dpdk_vdpa_relay_poll(rx->poller,
                                          vdpa_vswitchd_slept());
    int error = base_class->rxq_recv(rx->base, batch, qfill);

    if (OVS_UNLIKELY(rx->thread_id != ovsthread_id_self())) {
        rx->thread_id = ovsthread_id_self();
        atomic_store_relaxed(rx->cpu, sched_getcpu());
    }
    if (!n) {
        return error;
    } else if (error == EAGAIN) {
        return vdpa_vswitchd_relayed(&rx->account, n) ? 0 : EAGAIN;
    } else {
        vdpa_vswitchd_count_relayed(n);
        return error;
    }
}

static int
netdev_dpdk_vdpa_get_carrier(const struct netdev *netdev, bool *carrier)
{
    struct vdpa_port *port = port_lookup(netdev);
    int error = base_class->get_carrier(netdev, carrier);

    if (!error) {
        *carrier = (*carrier && port->vm && dpdk_vdpa_vm_is_up(port->vm)
                    && port_device_is_up(port));
    }
    return error;
}

static void
port_get_vm_status(const struct vdpa_port *port, struct smap *args)
{
    struct dpdk_vdpa_vm_info info;
    bool up = dpdk_vdpa_vm_get_info(port->vm, &info);
    int vf_node = port_numa_node(port);

    smap_add(args, "vm_connected", up ? "true" : "false");
    smap_add_format(args, "queue_pairs", "%u", info.n_enabled);
    if (!up) {
        return;
    }
    smap_add(args, "ring", info.packed ? "packed" : "split");
    smap_add_format(args, "features", "0x%"PRIx64, info.features);
    smap_add(args, "migration", info.migrating ? "active" : "none");
    if (info.numa_node >= 0 && vf_node >= 0 && info.numa_node != vf_node) {
        smap_add_format(args, "numa_mismatch", "guest memory is on node %d, "
                        "the VF on node %d", info.numa_node, vf_node);
    }
}

static void
port_get_mac_status(const struct vdpa_port *port, struct smap *args)
{
    if (port->vf && !dpdk_vdpa_vf_is_promiscuous(port->vf)) {
        struct eth_addr mac = dpdk_vdpa_vf_mac(port->vf);

        smap_add_format(args, "vf_mac", ETH_ADDR_FMT,
                        ETH_ADDR_ARGS(mac));
        if (!eth_addr_is_zero(port->guest_mac)) {
            smap_add_format(args, "guest_mac", ETH_ADDR_FMT,
                            ETH_ADDR_ARGS(port->guest_mac));
        }
    }
}

static int
netdev_dpdk_vdpa_get_status(const struct netdev *netdev, struct smap *args)
{
    struct vdpa_port *port = port_lookup(netdev);
    int error = base_class->get_status(netdev, args);

    if (error || !port->configured) {
        return error;
    }
    smap_add(args, "mode", port_mode(port));
    smap_add(args, "vdpa_socket", port->options.socket_path);
    smap_add(args, "accelerator", port_devargs(port));
    if ((port->vf || port->hw) && port->vm) {
        smap_remove(args, "numa_id");       /* The representor's. */
        smap_add_format(args, "numa_id", "%d", port_numa_node(port));
        port_get_vm_status(port, args);
        port_get_mac_status(port, args);
    }
    if (port->hw) {
        smap_add_format(args, "hw_features", "0x%"PRIx64,
                        dpdk_vdpa_hw_features(port->hw));
    }
    if (port->hw_error) {
        smap_add(args, "device_error", port->hw_error);
    }
    if (port->config_error || port->mtu_error) {
        smap_add(args, "config_error",
                 port->config_error ? port->config_error : port->mtu_error);
    }
    return 0;
}

/* Statistics. */

/* What the two ends of a lane are called in the names of counters. */
static const struct {
    const char *source;
    const char *sink;
    const char *drop;
} directions[DPDK_VDPA_N_DIRECTIONS] = {
    [DPDK_VDPA_VM_TO_VF] = { "vm", "vf", "vm_to_vf_drop" },
    [DPDK_VDPA_VF_TO_VM] = { "vf", "vm", "vf_to_vm_drop" },
};

static uint64_t
total_drops(const struct dpdk_vdpa_counters *c)
{
    uint64_t n = 0;

    for (int reason = 0; reason < DPDK_VDPA_N_DROP_REASONS; reason++) {
        n += c->drops[reason];
    }
    return n;
}

/* Appends a counter to 'stats', which has room for it. */
static void OVS_PRINTF_FORMAT(3, 4)
add_counter(struct netdev_custom_stats *stats, uint64_t value,
            const char *format, ...)
{
    struct netdev_custom_counter *counter = &stats->counters[stats->size++];
    va_list args;

    va_start(args, format);
    vsnprintf(counter->name, sizeof counter->name, format, args);
    va_end(args);
    counter->value = value;
}

/* Number of counters that add_traffic() appends. */
#define N_TRAFFIC 4

static void
add_traffic(struct netdev_custom_stats *stats, int dir,
            const struct dpdk_vdpa_counters *c, const char *suffix)
{
    const char *source = directions[dir].source;
    const char *sink = directions[dir].sink;

    add_counter(stats, c->rx_packets, "%s_rx_packets%s", source, suffix);
    add_counter(stats, c->rx_bytes, "%s_rx_bytes%s", source, suffix);
    add_counter(stats, c->tx_packets, "%s_tx_packets%s", sink, suffix);
    add_counter(stats, c->tx_bytes, "%s_tx_bytes%s", sink, suffix);
}

static void
add_drops(struct netdev_custom_stats *stats, int dir,
          const struct dpdk_vdpa_counters *c)
{
    for (int reason = 0; reason < DPDK_VDPA_N_DROP_REASONS; reason++) {
        add_counter(stats, c->drops[reason], "%s_%s", directions[dir].drop,
                    dpdk_vdpa_drop_reason_name(reason));
    }
}

/* Appends what a vDPA device counts. */
static void
port_add_hw_stats(const struct vdpa_port *port,
                  struct netdev_custom_stats *stats)
{
    struct dpdk_vdpa_hw_stat *hw_stats;
    unsigned int n;

    hw_stats = dpdk_vdpa_hw_get_stats(port->hw, port_n_pairs(port), &n);
    stats->counters = xrealloc(stats->counters,
                               (stats->size + n) * sizeof *stats->counters);
    for (unsigned int i = 0; i < n; i++) {
        const struct dpdk_vdpa_hw_stat *stat = &hw_stats[i];

        add_counter(stats, stat->value, "hw_%s_%.40s_q%u",
                    stat->ring % 2 ? "rx" : "tx", stat->name, stat->ring / 2);
    }
    free(hw_stats);
}

/* Stores in 'sums' the sums over all lanes of each direction. */
static void
port_sum_counters(struct vdpa_port *port, struct dpdk_vdpa_counters *sums)
    OVS_REQUIRES(port->mutex)
{
    unsigned int n_lanes = dpdk_vdpa_relay_n_lanes(port->relay);

    memset(sums, 0, DPDK_VDPA_N_DIRECTIONS * sizeof *sums);
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        for (unsigned int i = 0; i < n_lanes; i++) {
            dpdk_vdpa_relay_add_counters(port->relay, dir, i, &sums[dir]);
        }
    }
}

static void
port_add_custom_stats(struct vdpa_port *port,
                      struct netdev_custom_stats *stats)
    OVS_REQUIRES(port->mutex)
{
    unsigned int n_lanes = dpdk_vdpa_relay_n_lanes(port->relay);
    struct dpdk_vdpa_counters sums[DPDK_VDPA_N_DIRECTIONS];
    size_t n;

    n = (stats->size + 1
         + DPDK_VDPA_N_DIRECTIONS * (N_TRAFFIC * (1 + n_lanes)
                                     + DPDK_VDPA_N_DROP_REASONS));
    stats->counters = xrealloc(stats->counters, n * sizeof *stats->counters);

    port_sum_counters(port, sums);
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        add_traffic(stats, dir, &sums[dir], "");
        add_drops(stats, dir, &sums[dir]);
    }
    add_counter(stats, sums[DPDK_VDPA_VF_TO_VM].retries, "ovs_tx_retries");
    for (unsigned int i = 0; i < n_lanes; i++) {
        char suffix[16];

        snprintf(suffix, sizeof suffix, "_q%u", i);
        for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
            struct dpdk_vdpa_counters c;

            memset(&c, 0, sizeof c);
            dpdk_vdpa_relay_add_counters(port->relay, dir, i, &c);
            add_traffic(stats, dir, &c, suffix);
        }
    }
    ovs_assert(stats->size == n);
}

static int
netdev_dpdk_vdpa_get_custom_stats(const struct netdev *netdev,
                                  struct netdev_custom_stats *stats)
{
    struct vdpa_port *port = port_lookup(netdev);
    int error = base_class->get_custom_stats(netdev, stats);

    if (!error) {
        ovs_mutex_lock(&port->mutex);
        port_add_custom_stats(port, stats);
        ovs_mutex_unlock(&port->mutex);
        if (port->hw) {
            port_add_hw_stats(port, stats);
        }
    }
    return error;
}

/* The main thread's periodic work. */

/* Takes away a device that DPDK says is gone.  A guest stays connected in
 * software mode only: in hardware mode its socket has the device. */
static void
port_lose_device(struct vdpa_port *port)
{
    port_event(port, "VF \"%s\" was removed", port_devargs(port));
    if (port->hw) {
        port_drop_vm(port);
    }
    port_close_device(port);
    port->next_device_retry = time_msec() + DEVICE_RETRY_INTERVAL;
    port_set_error(port, &port->config_error,
                   xasprintf("vdpa-accelerator-devargs: VF \"%s\" was "
                             "removed; the port goes on when it is back",
                             port->options.devargs));
}

/* Looks whether a device that was removed is back. */
static void
port_retry_device(struct vdpa_port *port)
{
    char *error = NULL;

    port->next_device_retry = time_msec() + DEVICE_RETRY_INTERVAL;
    if (!port_open_device(port, &port->options, &error)
        && !(port->vm ? port_adapt_vm(port, &error)
             : port_make_vm(port, port->options.socket_path, &error))) {
        port_set_error(port, &port->config_error, NULL);
    }
    free(error);
}

/* Relays from now on, because the vDPA device does not do. */
static void
port_fall_back(struct vdpa_port *port)
{
    char *error = NULL;

    port_event(port, "relaying instead: %s", port->hw_error);
    port_note_switch(port);
    port_drop_vm(port);
    port_close_device(port);
    if (port_open_as_vf(port, &port->options, &error)
        || port_make_vm(port, port->options.socket_path, &error)) {
        port_set_error(port, &port->config_error, error);
    }
}

/* Looks after the vDPA device. */
static void
port_check_hw(struct vdpa_port *port)
{
    char *error;

    dpdk_vdpa_hw_check_faults(port->hw);
    error = dpdk_vdpa_hw_get_error(port->hw);
    port_set_error(port, &port->hw_error, error);
    if (error && port->options.mode == DPDK_VDPA_MODE_AUTO) {
        port_fall_back(port);
    }
}

/* Restarts a VF that asks for a reset. */
static void
port_reset_vf(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf_config config = *dpdk_vdpa_vf_get_config(port->vf);
    char *error = NULL;

    port_event(port, "VF asks for a reset");
    if (port_restart_vf(port, &config, &error)) {
        port_set_error(port, &port->config_error, error);
    }
}

/* Has the VF put TCP segments together exactly if the guest takes them so. */
static void
port_adapt_lro(struct vdpa_port *port)
{
    struct dpdk_vdpa_vf_config config = *dpdk_vdpa_vf_get_config(port->vf);
    struct dpdk_vdpa_vm_info info;
    bool lro;

    lro = (!port->lro_refused
           && dpdk_vdpa_vf_has_lro(port->vf)
           && dpdk_vdpa_vm_get_info(port->vm, &info)
           && (info.features & DPDK_VDPA_VM_LRO_FEATURES)
              == DPDK_VDPA_VM_LRO_FEATURES);
    if (lro != config.lro) {
        char *error = NULL;

        config.lro = lro;
        if (port_restart_vf(port, &config, &error)) {
            port_event(port, "VF without LRO: %s", error);
            port->lro_refused = true;
            free(error);
        }
    }
}

/* Takes up what other threads reported. */
static void
port_handle_changes(struct vdpa_port *port)
{
    bool enabled[DPDK_VDPA_MAX_PAIRS];

    if (port->vf ? dpdk_vdpa_vf_is_removed(port->vf)
        : port->hw && dpdk_vdpa_hw_is_removed(port->hw)) {
        port_lose_device(port);
    } else if (port->vf && dpdk_vdpa_vf_needs_reset(port->vf)) {
        port_reset_vf(port);
    }
    if (port->vm && port->vf && dpdk_vdpa_vm_is_up(port->vm)) {
        port_adapt_lro(port);
        dpdk_vdpa_vm_get_enabled(port->vm, enabled, ARRAY_SIZE(enabled));
        dpdk_vdpa_vf_set_rss(port->vf, enabled, ARRAY_SIZE(enabled));
    }
    ovs_mutex_lock(&port->mutex);
    port_update_relay(port);
    ovs_mutex_unlock(&port->mutex);
    netdev_change_seq_changed(port->netdev);
}

/* The watchdog. */

/* Says why the lane of 'pair' in direction 'dir', which holds 'n_pending'
 * packets, does not move. */
static const char *
stall_reason(const struct vdpa_port *port, int dir, uint64_t n_pending)
{
    if (!port->vf) {
        return "there is no VF";
    } else if (dir == DPDK_VDPA_VF_TO_VM) {
        return "the guest takes nothing";
    } else if (!n_pending) {
        return "the guest's queue shows packets but gives none, as with a bad "
               "descriptor";
    } else if (!port->link_up) {
        return "the VF takes nothing, its link is down";
    } else {
        return "the VF takes nothing";
    }
}

/* Looks whether a lane makes progress.  A guest's queue that does not is left
 * alone most of the time: it may cost a lot to look at. */
static void
port_watch_lane(struct vdpa_port *port, int dir, unsigned int pair,
                const struct dpdk_vdpa_counters *c, uint64_t n_drops)
    OVS_REQUIRES(port->mutex)
{
    struct vdpa_watch *watch = &port->watches[dir][pair];
    uint64_t progress = c->rx_packets + c->tx_packets + n_drops;
    bool waiting = (c->pending
                    || (dir == DPDK_VDPA_VM_TO_VF && port->vm
                        && dpdk_vdpa_vm_has_packets(port->vm, pair)));
    long long int now = time_msec();

    if (watch->progress != progress || !waiting || !port->admin_up) {
        watch->progress = progress;
        watch->since = now;
        if (watch->stalled) {
            watch->stalled = false;
            dpdk_vdpa_relay_set_backoff(port->relay, dir, pair, false);
            port_event(port, "queue pair %u from %s moves again", pair,
                       directions[dir].source);
        }
    } else if (!watch->stalled && port->options.stall_timeout
               && now - watch->since >= port->options.stall_timeout) {
        watch->stalled = true;
        dpdk_vdpa_relay_set_backoff(port->relay, dir, pair,
                                    port->vf && !c->pending);
        port_event(port, "queue pair %u from %s is stalled: %s", pair,
                   directions[dir].source,
                   stall_reason(port, dir, c->pending));
    }
}

static void
port_watch(struct vdpa_port *port)
    OVS_EXCLUDED(port->mutex)
{
    if (port->hw) {
        return;
    }
    ovs_mutex_lock(&port->mutex);
    for (unsigned int i = 0; i < dpdk_vdpa_relay_n_lanes(port->relay); i++) {
        for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
            struct dpdk_vdpa_counters c;

            memset(&c, 0, sizeof c);
            dpdk_vdpa_relay_add_counters(port->relay, dir, i, &c);
            port_watch_lane(port, dir, i, &c, total_drops(&c));
        }
    }
    ovs_mutex_unlock(&port->mutex);
}

/* Reports how long a guest was without a device between two modes. */
static void
port_check_switch(struct vdpa_port *port)
{
    if (port->switched && port->vm && dpdk_vdpa_vm_is_up(port->vm)
        && port_device_is_up(port)) {
        port_event(port, "mode is %s, guest went without for %lld ms",
                   port_mode(port), time_msec() - port->switched);
        port->switched = 0;
    }
}

static void
port_check_link(struct vdpa_port *port)
{
    bool up = port_device_is_up(port);

    if (up != port->link_up) {
        port->link_up = up;
        if (port->hw) {
            port_event(port, "vDPA device %s the guest",
                       up ? "serves" : "does not serve");
        } else {
            port_event(port, "VF link is %s", up ? "up" : "down");
        }
        netdev_change_seq_changed(port->netdev);
    }
}

/* Follows the port's admin state, which may change behind our back, by
 * netdev-dpdk/set-admin-state.  A port that is down relays nothing: what the
 * guest sends waits in its rings. */
static void
port_check_admin_state(struct vdpa_port *port)
{
    struct netdev *netdev = CONST_CAST(struct netdev *, port->netdev);
    enum netdev_flags flags = 0;
    bool up;

    base_class->update_flags(netdev, 0, 0, &flags);
    up = flags & NETDEV_UP;
    if (up != port->admin_up) {
        ovs_mutex_lock(&port->mutex);
        port->admin_up = up;
        port_update_relay(port);
        ovs_mutex_unlock(&port->mutex);
        port_event(port, "port is set %s", up ? "up" : "down");
    }
}

static void
port_run(struct vdpa_port *port)
{
    bool changed;

    if (port->vm) {
        dpdk_vdpa_vm_run(port->vm);
    }
    port_check_admin_state(port);
    atomic_read(&port->changed, &changed);
    if (changed) {
        atomic_store(&port->changed, false);
        port_handle_changes(port);
    }
    if (changed || time_msec() >= port->next_link_check) {
        port->next_link_check = time_msec() + LINK_CHECK_INTERVAL;
        if (port->hw) {
            port_check_hw(port);
        }
        port_check_link(port);
        port_check_switch(port);
        port_check_macs(port);
        port_check_capture(port);
        port_watch(port);
    }
    if (port->configured && !port->vf && !port->hw
        && time_msec() >= port->next_device_retry) {
        port_retry_device(port);
    }
}

static void
netdev_dpdk_vdpa_run(const struct netdev_class *class)
{
    struct vdpa_port *port;

    if (base_class->run) {
        base_class->run(class);
    }

    last_ports_seq = seq_read(ports_seq);
    ovs_mutex_lock(&ports_mutex);
    HMAP_FOR_EACH (port, node, &ports) {
        port_run(port);
    }
    ovs_mutex_unlock(&ports_mutex);
    dpdk_vdpa_vf_sweep_mempools();
}

static void
netdev_dpdk_vdpa_wait(const struct netdev_class *class)
{
    struct vdpa_port *port;

    if (base_class->wait) {
        base_class->wait(class);
    }

    seq_wait(ports_seq, last_ports_seq);
    ovs_mutex_lock(&ports_mutex);
    HMAP_FOR_EACH (port, node, &ports) {
        poll_timer_wait_until(port->next_link_check);
        if (port->vm) {
            dpdk_vdpa_vm_wait(port->vm);
        }
    }
    ovs_mutex_unlock(&ports_mutex);
}

/* dpdkvdpa/show. */

static void
port_show_vm(const struct vdpa_port *port, struct ds *out)
{
    struct dpdk_vdpa_vm_info info;

    ds_put_format(out, "  VM: socket %s, ", dpdk_vdpa_vm_path(port->vm));
    if (!dpdk_vdpa_vm_get_info(port->vm, &info)) {
        ds_put_cstr(out, "not connected\n");
        return;
    }
    ds_put_format(out, "connected\n"
                  "    %s ring, queue pairs enabled: %u, features 0x%"PRIx64
                  "%s\n", info.packed ? "packed" : "split", info.n_enabled,
                  info.features, info.migrating ? ", migrating" : "");
    if (port->hw) {
        return;
    }
    ds_put_format(out, "    rings walked: %u, packets by the vhost library: "
                  "%"PRIu64" from the guest, %"PRIu64" to it\n",
                  info.walk.n_walked, info.walk.library_rx,
                  info.walk.library_tx);
}

static void
port_show_vf(const struct vdpa_port *port, struct ds *out)
{
    const struct dpdk_vdpa_vf_config *config
        = dpdk_vdpa_vf_get_config(port->vf);

    ds_put_format(out, "  VF: %s, link %s\n"
                  "    DPDK port %u, queue pairs: %u, MTU %u, NUMA node %d\n",
                  dpdk_vdpa_vf_devargs(port->vf),
                  dpdk_vdpa_vf_link_is_up(port->vf) ? "up" : "down",
                  dpdk_vdpa_vf_port_id(port->vf), config->n_pairs,
                  config->mtu, dpdk_vdpa_vf_numa_node(port->vf));
}

static void
port_show_hw(const struct vdpa_port *port, struct ds *out)
{
    struct dpdk_vdpa_hw_stat *stats;
    unsigned int n;

    ds_put_format(out, "  vDPA device: %s, %s\n"
                  "    queue pairs: %u, features 0x%"PRIx64", NUMA node %d\n",
                  dpdk_vdpa_hw_devargs(port->hw),
                  dpdk_vdpa_hw_is_running(port->hw) ? "running" : "idle",
                  port_n_pairs(port), dpdk_vdpa_hw_features(port->hw),
                  port_numa_node(port));
    stats = dpdk_vdpa_hw_get_stats(port->hw, port_n_pairs(port), &n);
    for (unsigned int i = 0; i < n; i++) {
        if (stats[i].value) {
            ds_put_format(out, "    queue pair %u, %s guest: %s %"PRIu64"\n",
                          stats[i].ring / 2,
                          stats[i].ring % 2 ? "from" : "to", stats[i].name,
                          stats[i].value);
        }
    }
    free(stats);
}

static void
port_show_lane(struct vdpa_port *port, unsigned int i, struct ds *out)
    OVS_REQUIRES(port->mutex)
{
    unsigned int poller = dpdk_vdpa_relay_poller_of(port->relay, i);
    int cpu;

    atomic_read_relaxed(&port->poller_cpus[poller], &cpu);
    ds_put_format(out, "    %5u %5u %3d", i, poller, cpu);
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        struct dpdk_vdpa_counters c;

        memset(&c, 0, sizeof c);
        dpdk_vdpa_relay_add_counters(port->relay, dir, i, &c);
        ds_put_format(out, " %14"PRIu64" %14"PRIu64" %9"PRIu64" %7"PRIu64,
                      c.rx_packets, c.tx_packets, total_drops(&c), c.pending);
    }
    ds_put_char(out, '\n');
}

static void
port_show_drops(struct vdpa_port *port, struct ds *out)
    OVS_REQUIRES(port->mutex)
{
    struct dpdk_vdpa_counters sums[DPDK_VDPA_N_DIRECTIONS];

    port_sum_counters(port, sums);
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        for (int reason = 0; reason < DPDK_VDPA_N_DROP_REASONS; reason++) {
            if (sums[dir].drops[reason]) {
                ds_put_format(out, "    %s_%s: %"PRIu64"\n",
                              directions[dir].drop,
                              dpdk_vdpa_drop_reason_name(reason),
                              sums[dir].drops[reason]);
            }
        }
    }
}

static void
port_show_relay(struct vdpa_port *port, struct ds *out)
    OVS_EXCLUDED(port->mutex)
{
    ds_put_format(out, "  relay: rx-queues that poll: %u, retries: %u\n",
                  port->n_pollers, port->tx_retries_max);
    ds_put_format(out, "    %5s %5s %3s %14s %14s %9s %7s %14s %14s %9s %7s\n",
                  "queue", "rxq", "CPU",
                  "from VM", "to VF", "dropped", "pending",
                  "from VF", "to VM", "dropped", "pending");
    ovs_mutex_lock(&port->mutex);
    for (unsigned int i = 0; i < dpdk_vdpa_relay_n_lanes(port->relay); i++) {
        port_show_lane(port, i, out);
    }
    port_show_drops(port, out);
    ovs_mutex_unlock(&port->mutex);
}

static void
port_show(struct vdpa_port *port, struct ds *out)
{
    ds_put_format(out, "%s: mode %s\n", port->name, port_mode(port));
    if (port->hw_error) {
        ds_put_format(out, "  error: %s\n", port->hw_error);
    }
    if (port->config_error) {
        ds_put_format(out, "  error: %s\n", port->config_error);
    }
    if (port->mtu_error) {
        ds_put_format(out, "  error: %s\n", port->mtu_error);
    }
    if (port->vm) {
        port_show_vm(port, out);
    }
    if (port->vf) {
        port_show_vf(port, out);
    }
    if (port->hw) {
        port_show_hw(port, out);
    }
    if (!port->hw) {
        port_show_relay(port, out);
    }
    if (port->capture) {
        ds_put_cstr(out, "  capture: ");
        dpdk_vdpa_capture_format(port->capture, out);
        ds_put_char(out, '\n');
    }
    ds_put_cstr(out, "  events:\n");
    ovs_mutex_lock(&port->events_mutex);
    dpdk_vdpa_events_format(&port->events, out);
    ovs_mutex_unlock(&port->events_mutex);
}

static void
dpdkvdpa_show(struct unixctl_conn *conn, int argc, const char *argv[],
              void *aux OVS_UNUSED)
{
    struct ds out = DS_EMPTY_INITIALIZER;
    struct vdpa_port *port;

    ovs_mutex_lock(&ports_mutex);
    HMAP_FOR_EACH (port, node, &ports) {
        if (argc < 2 || !strcmp(argv[1], port->name)) {
            port_show(port, &out);
        }
    }
    ovs_mutex_unlock(&ports_mutex);

    if (argc > 1 && !out.length) {
        ds_put_format(&out, "\"%s\" is not a dpdkvdpa port", argv[1]);
        unixctl_command_reply_error(conn, ds_cstr(&out));
    } else {
        unixctl_command_reply(conn, ds_cstr(&out));
    }
    ds_destroy(&out);
}

/* dpdkvdpa/capture-start and dpdkvdpa/capture-stop. */

/* Replies with 'error', which it frees. */
static void
reply_error(struct unixctl_conn *conn, char *error)
{
    unixctl_command_reply_error(conn, error);
    free(error);
}

/* Returns the port called 'name', or null after an error reply. */
static struct vdpa_port *
port_by_name(struct unixctl_conn *conn, const char *name)
    OVS_REQUIRES(ports_mutex)
{
    struct vdpa_port *port;

    HMAP_FOR_EACH (port, node, &ports) {
        if (!strcmp(name, port->name)) {
            return port;
        }
    }
    reply_error(conn, xasprintf("\"%s\" is not a dpdkvdpa port", name));
    return NULL;
}

/* Parses the optional arguments of capture-start. */
static int
parse_capture_args(int argc, const char *argv[],
                   struct dpdk_vdpa_capture_config *config, char **errp)
{
    unsigned long long int count;

    if (argc > 3
        && (!str_to_uint(argv[3], 10, &config->snaplen)
            || config->snaplen < DPDK_VDPA_MIN_SNAPLEN
            || config->snaplen > DPDK_VDPA_MAX_SNAPLEN)) {
        *errp = xasprintf("snaplen: \"%s\" is not a number from %d to %d",
                          argv[3], DPDK_VDPA_MIN_SNAPLEN,
                          DPDK_VDPA_MAX_SNAPLEN);
        return EINVAL;
    }
    if (argc > 4) {
        if (!str_to_ullong(argv[4], 10, &count) || !count) {
            *errp = xasprintf("count: \"%s\" is not a number of packets, 1 "
                              "or more", argv[4]);
            return EINVAL;
        }
        config->count = count;
    }
    return 0;
}

static int
port_start_capture(struct vdpa_port *port, int argc, const char *argv[],
                   char **errp)
{
    struct dpdk_vdpa_capture_config config = { .path = argv[2] };
    struct dpdk_vdpa_capture *capture;
    int error;

    if (port->capture) {
        *errp = xasprintf("port \"%s\" is being captured already; end that "
                          "by dpdkvdpa/capture-stop", port->name);
        return EBUSY;
    }
    if (port->hw) {
        *errp = xasprintf("port \"%s\" is in hardware mode, where nothing is "
                          "relayed; set vdpa-sw=true for the time of the "
                          "capture", port->name);
        return EOPNOTSUPP;
    }
    if (!port->vf) {
        *errp = xasprintf("port \"%s\" has no VF at present", port->name);
        return ENODEV;
    }
    config.port_name = port->name;
    config.port_id = dpdk_vdpa_vf_port_id(port->vf);
    config.numa_node = dpdk_vdpa_vf_numa_node(port->vf);
    config.snaplen = dpdk_vdpa_vf_max_frame_len(port->vf);
    error = parse_capture_args(argc, argv, &config, errp);
    error = error ? error : dpdk_vdpa_capture_start(&config, &capture, errp);
    if (!error) {
        port_set_observers(port, capture, port->watch_mac);
        port_event(port, "capture to \"%s\" started", config.path);
    }
    return error;
}

static void
dpdkvdpa_capture_start(struct unixctl_conn *conn, int argc,
                       const char *argv[], void *aux OVS_UNUSED)
{
    struct vdpa_port *port;
    char *error;

    ovs_mutex_lock(&ports_mutex);
    port = port_by_name(conn, argv[1]);
    if (port) {
        if (port_start_capture(port, argc, argv, &error)) {
            reply_error(conn, error);
        } else {
            unixctl_command_reply(conn, NULL);
        }
    }
    ovs_mutex_unlock(&ports_mutex);
}

static void
dpdkvdpa_capture_stop(struct unixctl_conn *conn, int argc OVS_UNUSED,
                      const char *argv[], void *aux OVS_UNUSED)
{
    struct ds report = DS_EMPTY_INITIALIZER;
    struct vdpa_port *port;

    ovs_mutex_lock(&ports_mutex);
    port = port_by_name(conn, argv[1]);
    if (port && !port->capture) {
        reply_error(conn, xasprintf("port \"%s\" is not being captured; its "
                                    "events in dpdkvdpa/show tell how a "
                                    "capture ended", argv[1]));
    } else if (port && port_stop_capture(port, &report)) {
        unixctl_command_reply_error(conn, ds_cstr(&report));
    } else if (port) {
        unixctl_command_reply(conn, ds_cstr(&report));
    }
    ovs_mutex_unlock(&ports_mutex);
    ds_destroy(&report);
}

/* Registration. */

static int
netdev_dpdk_vdpa_class_init(void)
{
    ports_seq = seq_create();
    unixctl_command_register("dpdkvdpa/show", "[port]", 0, 1, dpdkvdpa_show,
                             NULL);
    unixctl_command_register("dpdkvdpa/capture-start",
                             "port file [snaplen] [count]", 2, 4,
                             dpdkvdpa_capture_start, NULL);
    unixctl_command_register("dpdkvdpa/capture-stop", "port", 1, 1,
                             dpdkvdpa_capture_stop, NULL);
    return 0;
}

void
netdev_dpdk_vdpa_init(const struct smap *ovs_other_config)
{
    vhost_iommu_support = smap_get_bool(ovs_other_config,
                                        "vhost-iommu-support", false);
    vhost_postcopy_support = smap_get_bool(ovs_other_config,
                                           "vhost-postcopy-support", false)
                             && !memory_locked();
}

bool
netdev_dpdk_vdpa_check_detach(const char *devargs, char **errp)
{
    uint16_t port_id = find_representor(devargs);
    uint16_t sibling;

    if (!rte_eth_dev_is_valid_port(port_id)) {
        return true;
    }
    RTE_ETH_FOREACH_DEV_SIBLING (sibling, port_id) {
        if (check_not_owned(sibling, devargs, errp)) {
            return false;
        }
    }
    return true;
}

/* Refuses to configure a port of type "dpdk" on a VF of ours. */
static int
guarded_dpdk_set_config(struct netdev *netdev, const struct smap *args,
                        char **errp)
{
    const char *devargs = smap_get_def(args, "dpdk-devargs", "");
    uint16_t port_id = *devargs ? find_representor(devargs) : RTE_MAX_ETHPORTS;
    int error = check_not_owned(port_id, devargs, errp);

    return error ? error : base_class->set_config(netdev, args, errp);
}

const struct netdev_class *
netdev_dpdk_vdpa_guard(const struct netdev_class *class)
{
    dpdk_class = *class;
    dpdk_class.set_config = guarded_dpdk_set_config;
    return &dpdk_class;
}

const struct netdev_class *
netdev_dpdk_vdpa_derive(const struct netdev_class *class)
{
    base_class = class;
    vdpa_class = *class;
    vdpa_class.type = "dpdkvdpa";
    vdpa_class.init = netdev_dpdk_vdpa_class_init;
    vdpa_class.run = netdev_dpdk_vdpa_run;
    vdpa_class.wait = netdev_dpdk_vdpa_wait;
    vdpa_class.construct = netdev_dpdk_vdpa_construct;
    vdpa_class.dealloc = netdev_dpdk_vdpa_dealloc;
    vdpa_class.get_config = netdev_dpdk_vdpa_get_config;
    vdpa_class.set_config = netdev_dpdk_vdpa_set_config;
    vdpa_class.reconfigure = netdev_dpdk_vdpa_reconfigure;
    vdpa_class.get_carrier = netdev_dpdk_vdpa_get_carrier;
    vdpa_class.get_status = netdev_dpdk_vdpa_get_status;
    vdpa_class.get_custom_stats = netdev_dpdk_vdpa_get_custom_stats;
    vdpa_class.rxq_alloc = netdev_dpdk_vdpa_rxq_alloc;
    vdpa_class.rxq_construct = netdev_dpdk_vdpa_rxq_construct;
    vdpa_class.rxq_destruct = netdev_dpdk_vdpa_rxq_destruct;
    vdpa_class.rxq_dealloc = netdev_dpdk_vdpa_rxq_dealloc;
    vdpa_class.rxq_recv = netdev_dpdk_vdpa_rxq_recv;
    return &vdpa_class;
}
