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

#include "port/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "accel/pool.h"
#include "accel/vdpa.h"
#include "accel/vf.h"
#include "base/counter.h"
#include "netdev-provider.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-atomic.h"
#include "ovs-numa.h"
#include "packets.h"
#include "port/capture.h"
#include "port/dmas.h"
#include "port/numa.h"
#include "port/port.h"
#include "port/rxqs.h"
#include "port/sleep.h"
#include "smap.h"
#include "util.h"
#include "vhost/vm.h"

/* Status. */

/* Reports what is on another NUMA node than the rest. */
static void
report_numa(const struct vdpa_port *port, int guest_node, struct smap *args)
    OVS_REQUIRES(vdpa_port_owned)
{
    size_t n = port->accel == VDPA_ACCEL_RELAY ? port->n_pollers : 0;
    int *pmds = xcalloc(n + 1, sizeof *pmds);
    char *mismatch;

    for (size_t i = 0; i < n; i++) {
        int cpu;

        atomic_read_relaxed(&port->poller_cpus[i], &cpu);
        pmds[i] = cpu < 0 ? -1 : ovs_numa_get_numa_id(cpu);
        if (pmds[i] == OVS_NUMA_UNSPEC) {
            pmds[i] = -1;
        }
    }
    mismatch = vdpa_numa_mismatch(guest_node, vdpa_port_numa_node(port), pmds,
                                  n);
    if (mismatch) {
        smap_add_nocopy(args, xstrdup("numa_mismatch"), mismatch);
    }
    free(pmds);
}

static void
report_vm_status(const struct vdpa_port *port, struct smap *args)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_vm_info info;
    bool up = dpdk_vdpa_vm_get_info(port->vm, &info);
    struct dpdk_vdpa_vm_offer offer;

    smap_add(args, "vm_connected", up ? "true" : "false");
    smap_add_format(args, "queue_pairs", "%u", info.n_enabled);
    if (dpdk_vdpa_vm_get_offer(port->vm, &offer)) {
        smap_add_format(args, "offered", "0x%"PRIx64, offer.now);
    }
    if (!up) {
        return;
    }
    smap_add(args, "ring", info.packed ? "packed" : "split");
    smap_add_format(args, "features", "0x%"PRIx64, info.features);
    smap_add(args, "migration", info.migrating ? "active" : "none");
    if (port->options.zero_copy) {
        const char *why = vdpa_lending_why_not(port);

        smap_add_format(args, "zero_copy", "%s%s", why ? "no: " : "yes",
                        why ? why : "");
    }
    if (port->dmas.n) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        vdpa_dmas_format(port, "; ", &ds);
        smap_add(args, "dmas", ds_cstr(&ds));
        ds_destroy(&ds);
    }
    report_numa(port, info.numa_node, args);
}

static void
report_mac_status(const struct vdpa_port *port, struct smap *args)
    OVS_REQUIRES(vdpa_port_owned)
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

void
vdpa_report_config(const struct vdpa_port *port, struct smap *args)
{
    const struct dpdk_vdpa_options *o = &port->options;

    smap_add(args, "vdpa-socket-path", o->socket_path);
    smap_add(args, "vdpa-accelerator-devargs", o->devargs);
    if (o->mode != DPDK_VDPA_MODE_AUTO) {
        smap_add(args, "vdpa-sw",
                 o->mode == DPDK_VDPA_MODE_SW ? "true" : "false");
    }
    if (port->vf || port->hw) {
        smap_add_format(args, "vdpa-max-queues", "%u",
                        vdpa_port_n_pairs(port));
    }
    if (o->zero_copy) {
        smap_add(args, "dq-zero-copy", "true");
    }
    if (o->dmas.text) {
        smap_add(args, "vdpa-dmas", o->dmas.text);
    }
    smap_add_format(args, "tx-retries-max", "%u", o->tx_retries_max);
    smap_add_format(args, "vdpa-stall-timeout", "%u", o->stall_timeout);
    if (o->features) {
        smap_add(args, "vdpa-features", o->features);
    }
}

/* Reports why the port is not as it should be, the gravest reason first. */
static void
report_reasons(const struct vdpa_port *port, int rep_error,
               struct smap *args)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (rep_error) {
        ds_put_format(&ds, "dpdk-devargs: the representor \"%s\" is gone "
                      "(%s)", port->rep_devargs, ovs_strerror(rep_error));
    }
    for (int i = 0; i < VDPA_N_REASONS; i++) {
        if (port->reasons[i] && i != VDPA_REASON_FAULT) {
            ds_put_format(&ds, "%s%s", ds.length ? "; " : "",
                          port->reasons[i]);
        }
    }
    if (ds.length) {
        smap_add(args, "config_error", ds_cstr(&ds));
    }
    ds_destroy(&ds);
    if (port->reasons[VDPA_REASON_FAULT]) {
        smap_add(args, "device_error", port->reasons[VDPA_REASON_FAULT]);
    }
}

static void
report_policing(const struct vdpa_port *port, struct smap *args)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    vdpa_policing_format(port, &ds);
    if (ds.length) {
        smap_add(args, "policing", ds_cstr(&ds));
    }
    ds_destroy(&ds);
}

/* Reports which queue pairs do not move, by where their packets come from. */
static void
report_stalled(const struct vdpa_port *port, struct smap *args)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (int dir = 0; !port->hw && dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        for (unsigned int i = 0; i < DPDK_VDPA_MAX_PAIRS; i++) {
            if (port->watches[dir][i].stalled) {
                ds_put_format(&ds, "%s%u from %s", ds.length ? ", " : "", i,
                              vdpa_directions[dir].source);
            }
        }
    }
    if (ds.length) {
        smap_add(args, "stalled", ds_cstr(&ds));
    }
    ds_destroy(&ds);
}

void
vdpa_report_status(const struct vdpa_port *port, int rep_error,
                   struct smap *args)
{
    smap_add(args, "mode", vdpa_port_mode(port));
    smap_add(args, "vdpa_socket", port->options.socket_path);
    smap_add(args, "accelerator", vdpa_port_devargs(port));
    if ((port->vf || port->hw) && port->vm) {
        smap_remove(args, "numa_id");       /* The representor's. */
        smap_add_format(args, "numa_id", "%d", vdpa_port_numa_node(port));
        report_vm_status(port, args);
        report_mac_status(port, args);
    }
    if (port->hw) {
        smap_add_format(args, "hw_features", "0x%"PRIx64,
                        dpdk_vdpa_hw_features(port->hw));
    }
    report_policing(port, args);
    report_stalled(port, args);
    if (port->claim && port->pair_unknown) {
        smap_add(args, "representor", "not checked: the drivers do not tell "
                 "which VF it is of");
    }
    report_reasons(port, rep_error, args);
}

/* Statistics. */

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
    const char *source = vdpa_directions[dir].source;
    const char *sink = vdpa_directions[dir].sink;

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
        add_counter(stats, c->drops[reason], "%s_%s",
                    vdpa_directions[dir].drop,
                    dpdk_vdpa_drop_reason_name(reason));
    }
}

/* Appends what a vDPA device counts. */
static void
report_device_stats(const struct vdpa_port *port,
                    struct netdev_custom_stats *stats)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_hw_stat *hw_stats;
    unsigned int n;

    hw_stats = dpdk_vdpa_hw_get_stats(port->hw, vdpa_port_n_pairs(port), &n);
    stats->counters = xrealloc(stats->counters,
                               (stats->size + n) * sizeof *stats->counters);
    for (unsigned int i = 0; i < n; i++) {
        const struct dpdk_vdpa_hw_stat *stat = &hw_stats[i];

        add_counter(stats, stat->value, "hw_%s_%.40s_q%u",
                    stat->ring % 2 ? "rx" : "tx", stat->name, stat->ring / 2);
    }
    free(hw_stats);
}

/* Appends what the VF counts that it lost. */
static void
report_vf_stats(const struct vdpa_port *port,
                struct netdev_custom_stats *stats)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_vf_loss losses[DPDK_VDPA_VF_N_LOSSES];
    unsigned int n = dpdk_vdpa_vf_get_losses(port->vf, losses);

    stats->counters = xrealloc(stats->counters,
                               (stats->size + n) * sizeof *stats->counters);
    for (unsigned int i = 0; i < n; i++) {
        add_counter(stats, losses[i].n_packets, "vf_%s", losses[i].name);
    }
}

/* Appends how much memory there is for packets, and what of it is in use. */
static void
report_pool_stats(const struct vdpa_port *port,
                  struct netdev_custom_stats *stats)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_pool_info info;

    dpdk_vdpa_vf_get_pool_info(port->vf, &info);
    stats->counters = xrealloc(stats->counters,
                               (stats->size + 2) * sizeof *stats->counters);
    add_counter(stats, info.n_mbufs, "memory_packets");
    add_counter(stats, info.n_in_use, "memory_in_use");
}

void
vdpa_report_get_library(const struct vdpa_port *port, uint64_t *rx,
                        uint64_t *tx)
{
    struct dpdk_vdpa_vm_info info;

    *rx = port->library_rx;
    *tx = port->library_tx;
    if (port->vm) {
        dpdk_vdpa_vm_get_info(port->vm, &info);
        *rx += info.walk.library_rx;
        *tx += info.walk.library_tx;
    }
}

void
vdpa_report_get_dma(const struct vdpa_port *port, struct vdpa_dma_counts *sum)
{
    *sum = port->dma_counts;
    if (port->vm) {
        vdpa_dmas_count(port->vm, sum);
    }
}

uint64_t
vdpa_report_n_lent(const struct vdpa_port *port)
{
    struct dpdk_vdpa_vm_info info;

    memset(&info, 0, sizeof info);
    if (port->vm) {
        dpdk_vdpa_vm_get_info(port->vm, &info);
    }
    return port->lent + info.walk.n_lent;
}

/* Appends what went by the vhost library, or was not copied, what was lost by
 * that, and how often what happened. */
static void
report_event_stats(struct vdpa_port *port, struct netdev_custom_stats *stats)
    OVS_REQUIRES(vdpa_port_owned)
{
    size_t n = stats->size + 8 + DPDK_VDPA_N_EVENT_KINDS;
    struct vdpa_dma_counts dma;
    uint64_t rx, tx;

    stats->counters = xrealloc(stats->counters, n * sizeof *stats->counters);
    vdpa_report_get_library(port, &rx, &tx);
    add_counter(stats, rx, "vm_rx_library_packets");
    add_counter(stats, tx, "vm_tx_library_packets");
    add_counter(stats, vdpa_report_n_lent(port), "vm_rx_zero_copy_packets");
    add_counter(stats, dpdk_vdpa_counter_read(&port->lending.n_unsent),
                "vf_tx_unsent");
    vdpa_report_get_dma(port, &dma);
    add_counter(stats, dma.rx, "vm_rx_dma_packets");
    add_counter(stats, dma.tx, "vm_tx_dma_packets");
    add_counter(stats, dma.rx_lost, "vm_rx_dma_lost");
    add_counter(stats, dma.tx_lost, "vm_tx_dma_lost");
    ovs_mutex_lock(&port->events_mutex);
    for (int i = 0; i < DPDK_VDPA_N_EVENT_KINDS; i++) {
        add_counter(stats, port->events.counts[i], "event_%s",
                    dpdk_vdpa_event_kind_name(i));
    }
    ovs_mutex_unlock(&port->events_mutex);
    ovs_assert(stats->size == n);
}

void
vdpa_report_sum_counters(struct vdpa_port *port,
                         struct dpdk_vdpa_counters *sums)
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
report_relay_stats(struct vdpa_port *port,
                   struct netdev_custom_stats *stats)
    OVS_REQUIRES(vdpa_port_locked)
{
    unsigned int n_lanes = dpdk_vdpa_relay_n_lanes(port->relay);
    struct dpdk_vdpa_counters sums[DPDK_VDPA_N_DIRECTIONS];
    size_t n;

    n = (stats->size + 1
         + DPDK_VDPA_N_DIRECTIONS * (N_TRAFFIC * (1 + n_lanes)
                                     + DPDK_VDPA_N_DROP_REASONS));
    stats->counters = xrealloc(stats->counters, n * sizeof *stats->counters);

    vdpa_report_sum_counters(port, sums);
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

void
vdpa_report_stats(struct vdpa_port *port, struct netdev_custom_stats *stats)
{
    vdpa_port_lock(port);
    report_relay_stats(port, stats);
    vdpa_port_unlock(port);
    report_event_stats(port, stats);
    if (port->vf) {
        report_pool_stats(port, stats);
        report_vf_stats(port, stats);
    }
    if (port->hw) {
        report_device_stats(port, stats);
    }
}

/* dpdkvdpa/show. */

/* Says what DMA engines copy. */
static void
show_dmas(const struct vdpa_port *port, struct ds *out)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct vdpa_dma_counts dma;

    if (port->dmas.n) {
        vdpa_report_get_dma(port, &dma);
        ds_put_format(out, "    vdpa-dmas: packets copied by DMA engines: "
                      "%"PRIu64" from the guest, %"PRIu64" to it, lost: "
                      "%"PRIu64" and %"PRIu64"\n      ", dma.rx, dma.tx,
                      dma.rx_lost, dma.tx_lost);
        vdpa_dmas_format(port, "\n      ", out);
        ds_put_char(out, '\n');
    }
}

static void
show_vm(const struct vdpa_port *port, struct ds *out)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_vm_info info;

    ds_put_format(out, "  VM: socket %s, ", dpdk_vdpa_vm_path(port->vm));
    if (!dpdk_vdpa_vm_get_info(port->vm, &info)) {
        ds_put_format(out, "not connected%s%s\n",
                      info.socket_error ? ": " : "",
                      info.socket_error ? ovs_strerror(info.socket_error)
                      : "");
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
    if (port->options.zero_copy) {
        const char *why = vdpa_lending_why_not(port);

        ds_put_format(out, "    dq-zero-copy: packets from the guest that "
                      "were not copied: %"PRIu64"%s%s\n",
                      vdpa_report_n_lent(port),
                      why ? "; now all are copied, as " : "", why ? why : "");
    }
    show_dmas(port, out);
}

/* Says how much memory the VF has for packets, and what of it is in use. */
static void
show_pool(const struct vdpa_port *port, struct ds *out)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_pool_info info;

    dpdk_vdpa_vf_get_pool_info(port->vf, &info);
    ds_put_format(out, "    memory: %u packets of %"PRIu32" bytes (%.1f MB), "
                  "in pool %s with %u (%.1f MB), in use: %u, ports: %u\n",
                  info.n_share, info.data_len,
                  dpdk_vdpa_pool_size(info.n_share, info.data_len) / 1048576.0,
                  info.name, info.n_mbufs, info.size / 1048576.0,
                  info.n_in_use, info.n_shares);
}

static void
show_vf(const struct vdpa_port *port, struct ds *out)
    OVS_REQUIRES(vdpa_port_owned)
{
    const struct dpdk_vdpa_vf_config *config
        = dpdk_vdpa_vf_get_config(port->vf);
    struct dpdk_vdpa_vf_loss losses[DPDK_VDPA_VF_N_LOSSES];
    unsigned int n = dpdk_vdpa_vf_get_losses(port->vf, losses);
    uint64_t n_unsent = dpdk_vdpa_counter_read(&port->lending.n_unsent);

    ds_put_format(out, "  VF: %s, link %s\n"
                  "    DPDK port %u, queue pairs: %u of %u, descriptors: %u "
                  "to receive, %u to send, MTU %u, NUMA node %d\n",
                  dpdk_vdpa_vf_devargs(port->vf),
                  dpdk_vdpa_vf_link_is_up(port->vf) ? "up" : "down",
                  dpdk_vdpa_vf_port_id(port->vf), config->n_used,
                  config->n_pairs,
                  dpdk_vdpa_vf_rxq_size(port->vf),
                  dpdk_vdpa_vf_txq_size(port->vf), config->mtu,
                  dpdk_vdpa_vf_numa_node(port->vf));
    show_pool(port, out);
    for (unsigned int i = 0; i < n; i++) {
        if (losses[i].n_packets) {
            ds_put_format(out, "    vf_%s: %"PRIu64"\n", losses[i].name,
                          losses[i].n_packets);
        }
    }
    if (n_unsent) {
        ds_put_format(out, "    vf_tx_unsent: %"PRIu64"\n", n_unsent);
    }
}

static void
show_hw(const struct vdpa_port *port, struct ds *out)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_hw_stat *stats;
    unsigned int n;

    ds_put_format(out, "  vDPA device: %s, %s\n"
                  "    queue pairs: %u, features 0x%"PRIx64", NUMA node %d\n",
                  dpdk_vdpa_hw_devargs(port->hw),
                  dpdk_vdpa_hw_is_running(port->hw) ? "running" : "idle",
                  vdpa_port_n_pairs(port), dpdk_vdpa_hw_features(port->hw),
                  vdpa_port_numa_node(port));
    stats = dpdk_vdpa_hw_get_stats(port->hw, vdpa_port_n_pairs(port), &n);
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
show_policing(const struct vdpa_port *port, struct ds *out)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    vdpa_policing_format(port, &ds);
    if (ds.length) {
        ds_put_format(out, "  policed by the %s: %s\n",
                      port->hw ? "representor" : "relay", ds_cstr(&ds));
    }
    ds_destroy(&ds);
}

static void
show_lane(struct vdpa_port *port, unsigned int i, struct ds *out)
    OVS_REQUIRES(vdpa_port_owned, vdpa_port_locked)
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
                      c.rx_packets, c.tx_packets, vdpa_total_drops(&c),
                      c.pending);
    }
    ds_put_char(out, '\n');
}

static void
show_drops(struct vdpa_port *port, struct ds *out)
    OVS_REQUIRES(vdpa_port_locked)
{
    struct dpdk_vdpa_counters sums[DPDK_VDPA_N_DIRECTIONS];

    vdpa_report_sum_counters(port, sums);
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        for (int reason = 0; reason < DPDK_VDPA_N_DROP_REASONS; reason++) {
            if (sums[dir].drops[reason]) {
                ds_put_format(out, "    %s_%s: %"PRIu64"\n",
                              vdpa_directions[dir].drop,
                              dpdk_vdpa_drop_reason_name(reason),
                              sums[dir].drops[reason]);
            }
        }
    }
}

/* How often a PMD thread waited for work, and what it found: all of its time
 * was up, or somebody woke it.  Nothing if none ever did. */
static void
show_waits(struct vdpa_port *port, struct ds *out)
    OVS_REQUIRES(vdpa_port_owned, vdpa_port_locked)
{
    struct dpdk_vdpa_vm_info info;
    bool any = false;

    for (unsigned int i = 0; i < port->n_pollers; i++) {
        struct vdpa_sleep_info sleep;

        vdpa_sleep_get_info(dpdk_vdpa_relay_get_poller(port->relay, i),
                            &sleep);
        if (sleep.n_waits) {
            any = true;
            ds_put_format(out, "    rxq %u: its thread waited %"PRIu64" times "
                          "for work, %"PRIu64" until the time was up\n", i,
                          sleep.n_waits, sleep.n_timeouts);
        }
    }
    if (any) {
        memset(&info, 0, sizeof info);
        if (port->vm) {
            dpdk_vdpa_vm_get_info(port->vm, &info);
        }
        ds_put_format(out, "    threads woken by the guest: %"PRIu64", by the "
                      "VF: %"PRIu64"\n", info.walk.n_kicks,
                      port->vf ? dpdk_vdpa_vf_n_interrupts(port->vf) : 0);
    }
}

static void
show_relay(struct vdpa_port *port, struct ds *out)
    OVS_REQUIRES(vdpa_port_owned) OVS_EXCLUDED(vdpa_port_locked)
{
    ds_put_format(out, "  relay: rx-queues that poll: %u, of the "
                  "representor: %d, retries: %u\n", port->n_pollers,
                  vdpa_rxqs_n_own(port), port->tx_retries_max);
    ds_put_format(out, "    %5s %5s %3s %14s %14s %9s %7s %14s %14s %9s %7s\n",
                  "queue", "rxq", "CPU",
                  "from VM", "to VF", "dropped", "pending",
                  "from VF", "to VM", "dropped", "pending");
    vdpa_port_lock(port);
    for (unsigned int i = 0; i < dpdk_vdpa_relay_n_lanes(port->relay); i++) {
        show_lane(port, i, out);
    }
    show_drops(port, out);
    show_waits(port, out);
    vdpa_port_unlock(port);
}

void
vdpa_report_show(struct vdpa_port *port, struct ds *out)
{
    ds_put_format(out, "%s: mode %s\n", port->name, vdpa_port_mode(port));
    for (int i = 0; i < VDPA_N_REASONS; i++) {
        if (port->reasons[i]) {
            ds_put_format(out, "  error: %s\n", port->reasons[i]);
        }
    }
    if (port->vm) {
        show_vm(port, out);
    }
    if (port->vf) {
        show_vf(port, out);
    }
    if (port->hw) {
        show_hw(port, out);
    }
    show_policing(port, out);
    if (!port->hw) {
        show_relay(port, out);
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
