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

#include "port/figures.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_telemetry.h>

#include "accel/pool.h"
#include "accel/vdpa.h"
#include "accel/vf.h"
#include "base/counter.h"
#include "port/dmas.h"
#include "port/port.h"
#include "port/report.h"
#include "port/rxqs.h"
#include "seam/compat-dpdk.h"
#include "smap.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

/* What an answer may have, in bytes, less what telemetry puts around it. */
#define ROOM (16 * 1024 - 128)

/* Most that a queue pair takes, and what queue pairs leave for events. */
#define QUEUE_ROOM 480
#define EVENTS_ROOM 2048

/* What DMA engines leave for queue pairs, of which the first 16 are always
 * there, and for events. */
#define ENGINES_LEAVE (16 * QUEUE_ROOM + EVENTS_ROOM)

/* What an object takes beside its members and its name. */
#define OBJECT_ROOM 8

/* What is left of the room.  Each answer has one, with all its objects. */
struct figures {
    size_t left;
};

/* Takes 'n' bytes, if they are there. */
static bool
take(struct figures *f, size_t n)
{
    bool fits = n <= f->left;

    if (fits) {
        f->left -= n;
    }
    return fits;
}

/* Text. */

/* Copies 's' to 'text', as telemetry takes it, and returns how many bytes that
 * will have in JSON. */
static size_t
copy_text(char text[RTE_TEL_MAX_STRING_LEN], const char *s)
{
    size_t len = strnlen(s, RTE_TEL_MAX_STRING_LEN);
    bool cut = len >= RTE_TEL_MAX_STRING_LEN;
    size_t size;

    len = MIN(len, RTE_TEL_MAX_STRING_LEN - 1);
    size = len + 3;             /* Quotes and a comma. */
    for (size_t i = 0; i < len; i++) {
        text[i] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '?';
        size += text[i] == '"' || text[i] == '\\';
    }
    text[len] = '\0';
    if (cut) {
        memcpy(&text[len - 3], "...", 3);
    }
    return size;
}

void
vdpa_figures_error(struct rte_tel_data *d, const char *format, ...)
{
    char text[RTE_TEL_MAX_STRING_LEN];
    va_list args;
    char *s;

    va_start(args, format);
    s = xvasprintf(format, args);
    va_end(args);
    copy_text(text, s);
    free(s);
    rte_tel_data_start_dict(d);
    rte_tel_data_add_dict_string(d, "error", text);
}

bool
vdpa_figures_is_listed(const char *name, const char *listed)
{
    char text[RTE_TEL_MAX_STRING_LEN];

    copy_text(text, name);
    return !strcmp(text, listed);
}

void
vdpa_figures_names(struct rte_tel_data *d, const struct svec *names,
                   unsigned int first)
{
    struct figures f = { ROOM };

    rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
    for (size_t i = first; i < names->n; i++) {
        char text[RTE_TEL_MAX_STRING_LEN];

        if (!take(&f, copy_text(text, names->names[i]))
            || rte_tel_data_add_array_string(d, text)) {
            break;
        }
    }
}

/* Members. */

static void
put_text(struct figures *f, struct rte_tel_data *d, const char *name,
         const char *s)
{
    char text[RTE_TEL_MAX_STRING_LEN];

    if (take(f, strlen(name) + 3 + copy_text(text, s))) {
        rte_tel_data_add_dict_string(d, name, text);
    }
}

static void
put_number(struct figures *f, struct rte_tel_data *d, const char *name,
           uint64_t n)
{
    /* Quotes, a colon and a comma. */
    if (take(f, strlen(name) + 4 + snprintf(NULL, 0, "%"PRIu64, n))) {
        vdpa_compat_tel_add_number(d, name, n);
    }
}

/* Makes 'inner', which this takes over and which has nothing in it yet that
 * would have to be freed by itself, a member of 'd'.  Returns false, and frees
 * it, if there is no room for one more. */
static bool
add_member(struct rte_tel_data *d, const char *name,
           struct rte_tel_data *inner)
{
    if (rte_tel_data_add_dict_container(d, name, inner, 0)) {
        rte_tel_data_free(inner);
        return false;
    }
    return true;
}

/* Makes an object a member of 'd', and returns it, for members of its own; or
 * null if there is no room for it, nor memory. */
static struct rte_tel_data *
put_object(struct figures *f, struct rte_tel_data *d, const char *name)
{
    struct rte_tel_data *inner;

    if (!take(f, strlen(name) + OBJECT_ROOM)) {
        return NULL;
    }
    inner = rte_tel_data_alloc();
    if (!inner) {
        return NULL;
    }
    rte_tel_data_start_dict(inner);
    return add_member(d, name, inner) ? inner : NULL;
}

/* Parts. */

static void
put_status(struct figures *f, struct rte_tel_data *d, struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct rte_tel_data *inner = put_object(f, d, "status");
    struct smap base = SMAP_INITIALIZER(&base);
    struct smap status = SMAP_INITIALIZER(&status);
    struct smap_node *node;

    if (!inner) {
        return;
    }
    if (port->configured) {
        vdpa_report_status(port, vdpa_rxqs_get_status(port, &base), &status);
    }
    SMAP_FOR_EACH (node, &status) {
        put_text(f, inner, node->key, node->value);
    }
    smap_destroy(&base);
    smap_destroy(&status);
}

static void
put_traffic(struct figures *f, struct rte_tel_data *d,
            const struct dpdk_vdpa_counters *c)
{
    put_number(f, d, "rx_packets", c->rx_packets);
    put_number(f, d, "rx_bytes", c->rx_bytes);
    put_number(f, d, "tx_packets", c->tx_packets);
    put_number(f, d, "tx_bytes", c->tx_bytes);
    put_number(f, d, "dropped", vdpa_total_drops(c));
    put_number(f, d, "pending", c->pending);
}

static const char *
direction_name(int dir)
{
    return dir == DPDK_VDPA_VM_TO_VF ? "vm_to_vf" : "vf_to_vm";
}

static void
put_direction(struct figures *f, struct rte_tel_data *d, int dir,
              const struct dpdk_vdpa_counters *c)
{
    struct rte_tel_data *inner = put_object(f, d, direction_name(dir));
    struct rte_tel_data *drops;

    if (!inner) {
        return;
    }
    put_traffic(f, inner, c);
    put_number(f, inner, "retries", c->retries);
    drops = put_object(f, inner, "drops");
    if (drops) {
        for (int i = 0; i < DPDK_VDPA_N_DROP_REASONS; i++) {
            put_number(f, drops, dpdk_vdpa_drop_reason_name(i), c->drops[i]);
        }
    }
}

static void
put_directions(struct figures *f, struct rte_tel_data *d,
               struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_counters sums[DPDK_VDPA_N_DIRECTIONS];

    vdpa_port_lock(port);
    vdpa_report_sum_counters(port, sums);
    vdpa_port_unlock(port);
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        put_direction(f, d, dir, &sums[dir]);
    }
}

static void
put_library(struct figures *f, struct rte_tel_data *d,
            const struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct rte_tel_data *inner = put_object(f, d, "library");
    uint64_t rx, tx;

    if (inner) {
        vdpa_report_get_library(port, &rx, &tx);
        put_number(f, inner, "rx_packets", rx);
        put_number(f, inner, "tx_packets", tx);
    }
    put_number(f, d, "zero_copy_packets", vdpa_report_n_lent(port));
}

static void
put_engine(struct figures *f, struct rte_tel_data *d,
           const struct vdpa_port *port, const struct vdpa_dma_use *use)
    OVS_REQUIRES(vdpa_port_owned)
{
    const char *why = vdpa_dmas_why_not(port, use);
    char name[sizeof "rxq4294967295"];
    struct rte_tel_data *inner;

    snprintf(name, sizeof name, "%cxq%u", use->ring % 2 ? 'r' : 't',
             use->ring / 2u);
    inner = put_object(f, d, name);
    if (inner) {
        put_text(f, inner, "engine", use->name);
        put_number(f, inner, "copies", !why);
        if (why) {
            put_text(f, inner, "why_not", why);
        }
    }
}

static void
put_dmas(struct figures *f, struct rte_tel_data *d,
         const struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct rte_tel_data *inner = put_object(f, d, "dmas");
    struct vdpa_dma_counts counts;
    struct rte_tel_data *engines;

    if (!inner) {
        return;
    }
    vdpa_report_get_dma(port, &counts);
    put_number(f, inner, "rx_packets", counts.rx);
    put_number(f, inner, "tx_packets", counts.tx);
    put_number(f, inner, "rx_lost", counts.rx_lost);
    put_number(f, inner, "tx_lost", counts.tx_lost);
    engines = put_object(f, inner, "engines");
    for (size_t i = 0; engines && i < port->dmas.n && f->left > ENGINES_LEAVE;
         i++) {
        put_engine(f, engines, port, &port->dmas.uses[i]);
    }
}

static void
put_event_counts(struct figures *f, struct rte_tel_data *d,
                 struct vdpa_port *port)
{
    struct rte_tel_data *inner = put_object(f, d, "events");

    if (!inner) {
        return;
    }
    ovs_mutex_lock(&port->events_mutex);
    for (int i = 0; i < DPDK_VDPA_N_EVENT_KINDS; i++) {
        put_number(f, inner, dpdk_vdpa_event_kind_name(i),
                   port->events.counts[i]);
    }
    ovs_mutex_unlock(&port->events_mutex);
}

static void
put_memory(struct figures *f, struct rte_tel_data *d,
           const struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct rte_tel_data *inner = put_object(f, d, "memory");
    struct dpdk_vdpa_pool_info info;

    if (inner) {
        dpdk_vdpa_vf_get_pool_info(port->vf, &info);
        put_text(f, inner, "pool", info.name);
        put_number(f, inner, "packets", info.n_mbufs);
        put_number(f, inner, "in_use", info.n_in_use);
        put_number(f, inner, "share", info.n_share);
        put_number(f, inner, "ports", info.n_shares);
        put_number(f, inner, "packet_bytes", info.data_len);
        put_number(f, inner, "bytes", info.size);
    }
}

static void
put_losses(struct figures *f, struct rte_tel_data *d,
           const struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct dpdk_vdpa_vf_loss losses[DPDK_VDPA_VF_N_LOSSES];
    unsigned int n = dpdk_vdpa_vf_get_losses(port->vf, losses);
    struct rte_tel_data *inner = put_object(f, d, "vf");

    if (inner) {
        for (unsigned int i = 0; i < n; i++) {
            put_number(f, inner, losses[i].name, losses[i].n_packets);
        }
        put_number(f, inner, "tx_unsent",
                   dpdk_vdpa_counter_read(&port->lending.n_unsent));
    }
}

/* What a vDPA device counts, by names of its own, as in the statistics. */
static void
put_device(struct figures *f, struct rte_tel_data *d,
           const struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct rte_tel_data *inner = put_object(f, d, "hw");
    struct dpdk_vdpa_hw_stat *stats;
    unsigned int n;

    if (!inner) {
        return;
    }
    stats = dpdk_vdpa_hw_get_stats(port->hw, vdpa_port_n_pairs(port), &n);
    for (unsigned int i = 0; i < MIN(n, RTE_TEL_MAX_DICT_ENTRIES); i++) {
        char name[64];

        snprintf(name, sizeof name, "%s_%.40s_q%u",
                 stats[i].ring % 2 ? "rx" : "tx", stats[i].name,
                 stats[i].ring / 2);
        put_number(f, inner, name, stats[i].value);
    }
    free(stats);
}

/* Queue pairs. */

static void
put_lane(struct figures *f, struct rte_tel_data *d, struct vdpa_port *port,
         int dir, unsigned int queue)
    OVS_REQUIRES(vdpa_port_owned, vdpa_port_locked)
{
    struct rte_tel_data *inner = put_object(f, d, direction_name(dir));
    struct dpdk_vdpa_counters c;

    if (inner) {
        memset(&c, 0, sizeof c);
        dpdk_vdpa_relay_add_counters(port->relay, dir, queue, &c);
        put_traffic(f, inner, &c);
        put_number(f, inner, "stalled", port->watches[dir][queue].stalled);
    }
}

static void
put_queue(struct figures *f, struct rte_tel_data *d, struct vdpa_port *port,
          unsigned int queue)
    OVS_REQUIRES(vdpa_port_owned, vdpa_port_locked)
{
    unsigned int poller = dpdk_vdpa_relay_poller_of(port->relay, queue);
    char name[sizeof "4294967295"];
    struct rte_tel_data *inner;
    int cpu;

    snprintf(name, sizeof name, "%u", queue);
    inner = put_object(f, d, name);
    if (!inner) {
        return;
    }
    put_number(f, inner, "rxq", poller);
    atomic_read_relaxed(&port->poller_cpus[poller], &cpu);
    if (cpu >= 0) {
        put_number(f, inner, "cpu", cpu);
    }
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        put_lane(f, inner, port, dir, queue);
    }
}

static void
put_queues(struct figures *f, struct rte_tel_data *d, struct vdpa_port *port,
           unsigned int first)
    OVS_REQUIRES(vdpa_port_owned)
{
    struct rte_tel_data *inner;
    unsigned int n;

    vdpa_port_lock(port);
    n = dpdk_vdpa_relay_n_lanes(port->relay);
    put_number(f, d, "n_queues", n);
    inner = put_object(f, d, "queues");
    if (inner) {
        for (unsigned int i = first;
             i < n && f->left >= QUEUE_ROOM + EVENTS_ROOM; i++) {
            put_queue(f, inner, port, i);
        }
    }
    vdpa_port_unlock(port);
}

/* The last events, the newest first, in two arrays: when, in ms since the
 * epoch, and what. */
static void
put_last_events(struct figures *f, struct rte_tel_data *d,
                struct vdpa_port *port)
{
    struct rte_tel_data *when, *what;
    unsigned int n;

    if (!take(f, 2 * OBJECT_ROOM + strlen("event_whenevent_what"))) {
        return;
    }
    when = rte_tel_data_alloc();
    what = rte_tel_data_alloc();
    if (!when || !what) {
        rte_tel_data_free(when);
        rte_tel_data_free(what);
        return;
    }
    vdpa_compat_tel_start_numbers(when);
    rte_tel_data_start_array(what, RTE_TEL_STRING_VAL);
    ovs_mutex_lock(&port->events_mutex);
    n = MIN(port->events.n, DPDK_VDPA_MAX_EVENTS);
    for (unsigned int i = port->events.n - 1; n > 0; i--, n--) {
        unsigned int j = i % DPDK_VDPA_MAX_EVENTS;
        char text[RTE_TEL_MAX_STRING_LEN];

        if (!take(f, copy_text(text, port->events.ring[j].text) + 21)) {
            break;
        }
        vdpa_compat_tel_append_number(when, port->events.ring[j].when);
        rte_tel_data_add_array_string(what, text);
    }
    ovs_mutex_unlock(&port->events_mutex);
    add_member(d, "event_when", when);
    add_member(d, "event_what", what);
}

void
vdpa_figures_port(struct rte_tel_data *d, struct vdpa_port *port,
                  unsigned int queue)
{
    struct figures f = { ROOM };

    rte_tel_data_start_dict(d);
    put_number(&f, d, "time", time_msec());
    put_status(&f, d, port);
    put_directions(&f, d, port);
    put_library(&f, d, port);
    put_event_counts(&f, d, port);
    if (port->vf) {
        put_memory(&f, d, port);
        put_losses(&f, d, port);
    }
    if (port->dmas.n) {
        put_dmas(&f, d, port);
    }
    put_queues(&f, d, port, queue);
    if (port->hw) {
        put_device(&f, d, port);
    }
    put_last_events(&f, d, port);
}
