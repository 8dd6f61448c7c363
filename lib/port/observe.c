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

#include "port/observe.h"

#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "accel/vf.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-atomic.h"
#include "packets.h"
#include "port/capture.h"
#include "port/port.h"
#include "util.h"
#include "vhost/vm.h"

/* Takes note of whether a guest uses the VF's MAC address, or which other
 * one. */
static void
look_for_mac(struct vdpa_port *port, struct rte_mbuf *const *pkts,
             unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        const struct eth_header *eth = rte_pktmbuf_mtod(pkts[i], void *);

        if (pkts[i]->data_len < sizeof *eth
            || eth_addr_is_multicast(eth->eth_src)) {
            continue;
        }
        if (!eth_addr_equals(eth->eth_src, port->vf_mac)) {
            atomic_store_relaxed(&port->seen_mac,
                                 eth_addr_to_uint64(eth->eth_src));
            break;
        }
        atomic_store_relaxed(&port->seen_vf_mac, true);
    }
}

static void
observe_packets(void *port_, enum dpdk_vdpa_direction dir, uint16_t queue,
                struct rte_mbuf *const *pkts, unsigned int n)
{
    struct vdpa_port *port = port_;

    if (port->capture) {
        dpdk_vdpa_capture_observe(port->capture, dir, queue, pkts, n);
    }
    if (port->watch_mac && dir == DPDK_VDPA_VM_TO_VF) {
        look_for_mac(port, pkts, n);
    }
}

/* Sets who looks at packets.  On return no PMD thread uses a previous
 * capture. */
static void
set_observers(struct vdpa_port *port, struct dpdk_vdpa_capture *capture,
              bool watch_mac)
    OVS_REQUIRES(vdpa_port_owned) OVS_EXCLUDED(vdpa_port_locked)
{
    if (capture == port->capture && watch_mac == port->watch_mac) {
        return;
    }
    vdpa_port_lock(port);
    if (port->observed) {
        port->observed = false;
        vdpa_port_update_relay(port);
    }
    port->capture = capture;
    port->watch_mac = watch_mac;
    if (capture || watch_mac) {
        port->observed = true;
        vdpa_port_update_relay(port);
    }
    vdpa_port_unlock(port);
    vdpa_lending_update(port);
    vdpa_port_tell_change(port);
}

void
vdpa_observe_init(struct vdpa_port *port)
{
    port->observer.aux = port;
    port->observer.observe = observe_packets;
}

/* MAC addresses. */

/* Stores 'mac' as the address by which the guest receives nothing, all zero if
 * there is none. */
static void
set_guest_mac(struct vdpa_port *port, struct eth_addr mac)
    OVS_REQUIRES(vdpa_port_owned)
{
    if (eth_addr_equals(mac, port->guest_mac)) {
        return;
    }
    if (eth_addr_is_zero(port->guest_mac)) {
        vdpa_port_event(port, "the guest's MAC address "ETH_ADDR_FMT" is not "
                        "the VF's "ETH_ADDR_FMT", which refuses promiscuous "
                        "mode: the guest receives nothing; give it the VF's "
                        "address", ETH_ADDR_ARGS(mac),
                        ETH_ADDR_ARGS(port->vf_mac));
    }
    port->guest_mac = mac;
    vdpa_port_tell_change(port);
}

/* Forgets what was seen of addresses. */
static void
forget_macs(struct vdpa_port *port)
{
    atomic_store_relaxed(&port->seen_mac, 0);
    atomic_store_relaxed(&port->seen_vf_mac, false);
}

/* Begins to compare the guest's address with 'vf_mac'. */
static void
start_watching_macs(struct vdpa_port *port, struct eth_addr vf_mac)
    OVS_REQUIRES(vdpa_port_owned)
{
    set_observers(port, port->capture, false);
    port->vf_mac = vf_mac;
    forget_macs(port);
    set_observers(port, port->capture, true);
}

void
vdpa_observe_check_macs(struct vdpa_port *port)
{
    static const struct eth_addr none = ETH_ADDR_C(00, 00, 00, 00, 00, 00);
    bool matters = (port->vf && port->vm && dpdk_vdpa_vm_is_up(port->vm)
                    && !dpdk_vdpa_vf_is_promiscuous(port->vf));
    struct eth_addr vf_mac = matters ? dpdk_vdpa_vf_mac(port->vf) : none;
    struct eth_addr mac;
    bool seen_vf_mac;
    uint64_t seen;

    if (!matters) {
        set_guest_mac(port, none);
        set_observers(port, port->capture, false);
        return;
    }
    if (!port->watch_mac || !eth_addr_equals(vf_mac, port->vf_mac)) {
        start_watching_macs(port, vf_mac);
        return;
    }

    atomic_read_relaxed(&port->seen_mac, &seen);
    atomic_read_relaxed(&port->seen_vf_mac, &seen_vf_mac);
    forget_macs(port);
    if (seen) {
        eth_addr_from_uint64(seen, &mac);
        set_guest_mac(port, mac);
    } else if (seen_vf_mac) {
        set_guest_mac(port, none);
    }
}

/* Captures. */

int
vdpa_observe_stop_capture(struct vdpa_port *port, struct ds *out)
{
    struct dpdk_vdpa_capture *capture = port->capture;
    size_t start = out->length;
    int error;

    set_observers(port, NULL, port->watch_mac);
    error = dpdk_vdpa_capture_stop(capture, out);
    vdpa_port_event(port, "capture ended: %s", ds_cstr(out) + start);
    return error;
}

void
vdpa_observe_check_capture(struct vdpa_port *port)
{
    if (port->capture && dpdk_vdpa_capture_is_done(port->capture)) {
        vdpa_observe_uninit(port);
    }
}

static void
capture_gone(void *port)
{
    vdpa_port_wake_main(port);
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

int
vdpa_observe_start_capture(struct vdpa_port *port, int argc,
                           const char *argv[], char **errp)
{
    struct dpdk_vdpa_capture_config config = { .target = argv[2] };
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
    config.max_frame_len = dpdk_vdpa_vf_max_frame_len(port->vf);
    config.gone = capture_gone;
    config.aux = port;
    error = parse_capture_args(argc, argv, &config, errp);
    error = error ? error : dpdk_vdpa_capture_start(&config, &capture, errp);
    if (!error) {
        set_observers(port, capture, port->watch_mac);
        vdpa_port_event(port, "capture to \"%s\" started", config.target);
    }
    return error;
}

void
vdpa_observe_uninit(struct vdpa_port *port)
{
    if (port->capture) {
        struct ds report = DS_EMPTY_INITIALIZER;

        vdpa_observe_stop_capture(port, &report);
        ds_destroy(&report);
    }
}
