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

#include "port/port.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>

#include "accel/vdpa.h"
#include "accel/vf.h"
#include "hash.h"
#include "netdev-provider.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"
#include "vhost/notes.h"
#include "vhost/vm.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_port);

/* What is told of a change is told again after so many ms. */
#define TELL_AGAIN_DELAY 1000

const struct netdev_class *vdpa_base_class;

const struct vdpa_direction vdpa_directions[DPDK_VDPA_N_DIRECTIONS] = {
    [DPDK_VDPA_VM_TO_VF] = { "vm", "vf", "vm_to_vf_drop" },
    [DPDK_VDPA_VF_TO_VM] = { "vf", "vm", "vf_to_vm_drop" },
};

static const struct netdev_class *our_class;
static pthread_t main_thread;

/* All ports.  'ports_mutex' is a leaf: nothing is called with it held. */
static struct ovs_mutex ports_mutex = OVS_MUTEX_INITIALIZER;
static struct hmap ports OVS_GUARDED_BY(ports_mutex)
    = HMAP_INITIALIZER(&ports);

/* Changes when the main thread is to look at a port. */
static struct seq *ports_seq;
static uint64_t last_ports_seq;

/* Finding a port. */

void
vdpa_port_init(const struct netdev_class *base,
               const struct netdev_class *ours)
{
    vdpa_base_class = base;
    our_class = ours;
    main_thread = pthread_self();
    ports_seq = seq_create();
}

struct vdpa_port *
vdpa_port_lookup(const struct netdev *netdev)
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

struct vdpa_port *
vdpa_port_open(const char *name)
{
    struct netdev *netdev = netdev_from_name(name);
    struct vdpa_port *port = netdev ? vdpa_port_lookup(netdev) : NULL;

    if (!port) {
        netdev_close(netdev);
    }
    return port;
}

void
vdpa_port_close(struct vdpa_port *port)
{
    vdpa_port_give();
    netdev_close(CONST_CAST(struct netdev *, port->netdev));
}

bool
vdpa_port_try_take(void)
{
    return pthread_equal(pthread_self(), main_thread);
}

/* A netdev may go in any thread, with OVS's 'netdev_mutex' held; closing one
 * here may be what makes it go.  Hence references, and no lock. */
void
vdpa_port_for_each(void (*cb)(struct vdpa_port *, void *aux), void *aux)
{
    struct shash devices = SHASH_INITIALIZER(&devices);
    struct shash_node *node;

    netdev_get_devices(our_class, &devices);
    SHASH_FOR_EACH (node, &devices) {
        vdpa_port_take();
        cb(vdpa_port_lookup(node->data), aux);
        vdpa_port_give();
        netdev_close(node->data);
    }
    shash_destroy(&devices);
}

/* Waking the main thread. */

void
vdpa_port_wake_main(struct vdpa_port *port)
{
    atomic_store(&port->changed, true);
    seq_change(ports_seq);
}

void
vdpa_port_wake_run(void)
{
    last_ports_seq = seq_read(ports_seq);
}

void
vdpa_port_wake_wait(void)
{
    seq_wait(ports_seq, last_ports_seq);
}

void
vdpa_port_tell_change(struct vdpa_port *port)
{
    netdev_change_seq_changed(port->netdev);
    port->tell_again = time_msec() + TELL_AGAIN_DELAY;
}

void
vdpa_port_tell_again(struct vdpa_port *port, long long int now)
{
    if (now >= port->tell_again) {
        port->tell_again = LLONG_MAX;
        netdev_change_seq_changed(port->netdev);
    }
}

static void OVS_PRINTF_FORMAT(3, 0)
add_event(struct vdpa_port *port, enum dpdk_vdpa_event_kind kind,
          const char *format, va_list args)
    OVS_EXCLUDED(port->events_mutex)
{
    char *text = xvasprintf(format, args);

    VLOG_INFO_RL(&port->events_limit, "%s: %s", port->name, text);
    ovs_mutex_lock(&port->events_mutex);
    dpdk_vdpa_events_add(&port->events, kind, "%s", text);
    ovs_mutex_unlock(&port->events_mutex);
    free(text);
}

void
vdpa_port_event(struct vdpa_port *port, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_event(port, DPDK_VDPA_N_EVENT_KINDS, format, args);
    va_end(args);
}

void
vdpa_port_event_of(struct vdpa_port *port, enum dpdk_vdpa_event_kind kind,
                   const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_event(port, kind, format, args);
    va_end(args);
}

void
vdpa_port_set_reason(struct vdpa_port *port, enum vdpa_reason reason,
                     char *text)
{
    char **slot = &port->reasons[reason];

    if (!nullable_string_is_equal(text, *slot)) {
        if (text) {
            VLOG_WARN("%s: %s", port->name, text);
        }
        vdpa_port_tell_change(port);
    }
    free(*slot);
    *slot = text;
}

/* Properties. */

const char *
vdpa_port_mode(const struct vdpa_port *port)
{
    return port->hw ? "hw" : "sw";
}

const char *
vdpa_port_devargs(const struct vdpa_port *port)
{
    return (port->hw ? dpdk_vdpa_hw_devargs(port->hw)
            : port->vf ? dpdk_vdpa_vf_devargs(port->vf)
            : port->options.vf_devargs);
}

unsigned int
vdpa_port_n_pairs(const struct vdpa_port *port)
{
    return (port->hw ? port->n_hw_pairs
            : dpdk_vdpa_vf_get_config(port->vf)->n_pairs);
}

int
vdpa_port_numa_node(const struct vdpa_port *port)
{
    return (port->hw ? dpdk_vdpa_hw_numa_node(port->hw)
            : dpdk_vdpa_vf_numa_node(port->vf));
}

bool
vdpa_port_device_is_up(const struct vdpa_port *port)
{
    return (port->hw
            ? (dpdk_vdpa_hw_is_running(port->hw)
               && !port->reasons[VDPA_REASON_FAULT])
            : port->vf && dpdk_vdpa_vf_link_is_up(port->vf));
}

uint16_t
vdpa_port_mtu(const struct vdpa_port *port)
{
    int mtu = 0;

    vdpa_base_class->get_mtu(port->netdev, &mtu);
    return mtu ? mtu : RTE_ETHER_MTU;
}

uint64_t
vdpa_total_drops(const struct dpdk_vdpa_counters *c)
{
    uint64_t n = 0;

    for (int reason = 0; reason < DPDK_VDPA_N_DROP_REASONS; reason++) {
        n += c->drops[reason];
    }
    return n;
}

/* The relay. */

/* Fills in '*c' with what the state of 'port' asks for. */
static void
get_relay_config(struct vdpa_port *port, struct dpdk_vdpa_relay_config *c)
    OVS_REQUIRES(vdpa_port_locked)
    OVS_NO_THREAD_SAFETY_ANALYSIS       /* Reads what the owner wrote with the
                                         * mutex held. */
{
    const char *why;

    memset(c, 0, sizeof *c);    /* Also its padding. */
    c->paused = true;
    c->n_vf_pairs = 1;
    c->n_pollers = port->n_pollers;
    c->tx_retries_max = port->tx_retries_max;
    c->observer = port->observed ? &port->observer : NULL;
    memcpy(c->policers, port->policing.policers, sizeof c->policers);

    if (port->vf && port->vm) {
        c->paused = port->vf_held || port->vm_held || !port->admin_up;
        c->vf_returns = port->vf_returns;
        c->n_vf_pairs = dpdk_vdpa_vf_get_config(port->vf)->n_used;
        c->max_frame_len = dpdk_vdpa_vf_max_frame_len(port->vf);
        c->tx_offloads = dpdk_vdpa_vf_tx_offloads(port->vf);
        c->lro = dpdk_vdpa_vf_get_config(port->vf)->lro;
        c->lends = dpdk_vdpa_vf_max_lent_segs(port->vf, &why) != 0;
        c->vf_rxq_size = dpdk_vdpa_vf_rxq_size(port->vf);
        if (dpdk_vdpa_vf_is_started(port->vf) && !port->vf_held) {
            c->vf = &port->vf_end;
        }
        if (dpdk_vdpa_vm_is_up(port->vm) && !port->vm_held) {
            c->vm = &port->vm_end;
            dpdk_vdpa_vm_get_enabled(port->vm, c->vm_enabled,
                                     DPDK_VDPA_MAX_PAIRS);
        }
    }
}

void
vdpa_port_update_relay(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_locked)
{
    struct dpdk_vdpa_relay_config c;

    get_relay_config(port, &c);
    dpdk_vdpa_relay_configure(port->relay, &c);
}

void
vdpa_port_hold_vf(struct vdpa_port *port, bool to_restart)
    OVS_EXCLUDED(vdpa_port_locked)
{
    vdpa_port_lock(port);
    port->vf_held = true;
    port->vf_returns = to_restart;
    vdpa_port_update_relay(port);
    vdpa_port_unlock(port);
    vdpa_lending_hold(&port->lending);
}

void
vdpa_port_hold_vm(struct vdpa_port *port)
    OVS_EXCLUDED(vdpa_port_locked)
{
    vdpa_port_lock(port);
    port->vm_held = true;
    vdpa_port_update_relay(port);
    vdpa_port_unlock(port);
}

void
vdpa_port_set_ends(struct vdpa_port *port, struct dpdk_vdpa_vf *vf,
                   struct dpdk_vdpa_vm *vm)
    OVS_EXCLUDED(vdpa_port_locked)
{
    const char *why;
    bool lends = (vf && dpdk_vdpa_vf_is_started(vf)
                  && dpdk_vdpa_vf_max_lent_segs(vf, &why));

    vdpa_lending_set_vf(&port->lending, lends ? vf : NULL);
    vdpa_port_lock(port);
    port->vf = vf;
    port->vm = vm;
    port->vf_end.aux = vf;
    port->vf_end.send = lends ? dpdk_vdpa_vf_send_lent : dpdk_vdpa_vf_send;
    port->vm_end.aux = vm;
    if (vf && vm) {
        dpdk_vdpa_vm_set_mempool(vm, dpdk_vdpa_vf_mempool(vf));
    }
    vdpa_lending_update(port);
    port->vf_held = port->vm_held = port->vf_returns = false;
    vdpa_port_update_relay(port);
    vdpa_port_unlock(port);
    vdpa_port_wake_main(port);
}

void
vdpa_port_set_n_pollers(struct vdpa_port *port, unsigned int n)
    OVS_EXCLUDED(vdpa_port_locked)
{
    port->poller_cpus = xrealloc(port->poller_cpus,
                                 n * sizeof *port->poller_cpus);
    for (unsigned int i = 0; i < n; i++) {
        atomic_init(&port->poller_cpus[i], -1);
    }
    vdpa_port_lock(port);
    port->n_pollers = n;
    vdpa_port_update_relay(port);
    vdpa_port_unlock(port);
}

/* Life. */

void
vdpa_port_create(struct netdev *netdev, struct dpdk_vdpa_relay *relay)
{
    const struct vlog_rate_limit limit = VLOG_RATE_LIMIT_INIT(60, 60);
    struct vdpa_port *port = xzalloc(sizeof *port);

    port->events_limit = limit;
    port->netdev = netdev;
    port->name = xstrdup(netdev_get_name(netdev));
    port->admin_up = true;
    port->tell_again = LLONG_MAX;
    port->pairs_due = LLONG_MAX;
    vdpa_policing_init(&port->policing);
    atomic_init(&port->rxqs.n_own, netdev->n_rxq);
    port->vf_end.recv = dpdk_vdpa_vf_recv;
    port->vf_end.send = dpdk_vdpa_vf_send;
    port->vf_end.never_fits = dpdk_vdpa_vf_never_fits;
    port->vf_end.arm = dpdk_vdpa_vf_arm;
    port->vf_end.disarm = dpdk_vdpa_vf_disarm;
    port->vf_end.let_go = dpdk_vdpa_vf_let_go;
    port->vm_end.recv = dpdk_vdpa_vm_recv;
    port->vm_end.send = dpdk_vdpa_vm_send;
    port->vm_end.never_fits = dpdk_vdpa_vm_never_fits;
    port->vm_end.settle = dpdk_vdpa_vm_settle;
    port->vm_end.has_lent = dpdk_vdpa_vm_has_lent;
    port->vm_end.arm = dpdk_vdpa_vm_arm;
    port->vm_end.disarm = dpdk_vdpa_vm_disarm;
    port->vm_end.prepare_lro = dpdk_vdpa_vm_prepare_lro;
    atomic_init(&port->changed, false);
    ovs_mutex_init(&port->mutex);
    vdpa_lending_init(&port->lending);
    ovs_mutex_init(&port->events_mutex);
    vdpa_port_lock(port);
    port->relay = relay;
    vdpa_port_unlock(port);
    vdpa_port_set_n_pollers(port, 1);

    ovs_mutex_lock(&ports_mutex);
    hmap_insert(&ports, &port->node, hash_pointer(netdev, 0));
    ovs_mutex_unlock(&ports_mutex);
}

void
vdpa_port_remove(struct vdpa_port *port)
    OVS_EXCLUDED(ports_mutex)
{
    ovs_mutex_lock(&ports_mutex);
    hmap_remove(&ports, &port->node);
    ovs_mutex_unlock(&ports_mutex);
}

void
vdpa_port_free(struct vdpa_port *port)
{
    vdpa_port_lock(port);
    dpdk_vdpa_relay_destroy(port->relay);
    vdpa_port_unlock(port);
    vdpa_policing_uninit(&port->policing);

    ovs_mutex_destroy(&port->mutex);
    vdpa_lending_uninit(&port->lending);
    ovs_mutex_destroy(&port->events_mutex);
    dpdk_vdpa_options_destroy(&port->options);
    free(port->vm_dmas);
    dpdk_vdpa_notes_close(port->notes);
    for (int i = 0; i < VDPA_N_REASONS; i++) {
        free(port->reasons[i]);
    }
    free(port->poller_cpus);
    free(port->rep_devargs);
    free(port->name);
    free(port);
}
