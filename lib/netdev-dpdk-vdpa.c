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
#include <sched.h>
#include <stdlib.h>

#include <rte_common.h>

#include "accel/pool.h"
#include "dirs.h"
#include "dpdk-vdpa-relay.h"
#include "netdev-provider.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "port/accelerator.h"
#include "port/apply.h"
#include "port/capture-port.h"
#include "port/claim.h"
#include "port/commands.h"
#include "port/device.h"
#include "port/guest.h"
#include "port/observe.h"
#include "port/policing.h"
#include "port/port.h"
#include "port/report.h"
#include "port/rxqs.h"
#include "port/sleep.h"
#include "port/telemetry.h"
#include "port/watch.h"
#include "seam/compat-dpdk.h"
#include "seam/compat-ovs.h"
#include "smap.h"
#include "util.h"
#include "vhost/layout.h"
#include "vhost/notes.h"
#include "vhost/vm.h"

VLOG_DEFINE_THIS_MODULE(netdev_dpdk_vdpa);

/* An rx-queue: the base class's, or null if the representor has none of that
 * number, and what the relay needs.  Whoever polls it writes to it, so it
 * shares no cache line. */
struct vdpa_rxq {
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        struct netdev_rxq up;
        struct netdev_rxq *base;
        struct dpdk_vdpa_poller *poller;
        struct vdpa_account account;

        /* The thread that polled last, and where it says on which CPU. */
        unsigned int thread_id;
        atomic_int *cpu;

        struct vdpa_rest rest;
    );
};

static struct netdev_class dpdk_class;          /* OVS's "dpdk", guarded. */
static struct netdev_class vdpa_class;

/* The life of a port. */

static int
netdev_dpdk_vdpa_construct(struct netdev *netdev)
{
    struct dpdk_vdpa_relay *relay;
    int error;

    relay = dpdk_vdpa_relay_create();
    if (!relay) {
        error = errno;
        VLOG_ERR("%s: this kernel lacks membarrier(2), which port type "
                 "dpdkvdpa needs (%s); use Linux 4.14 or later",
                 netdev_get_name(netdev), ovs_strerror(error));
        return error;
    }
    error = vdpa_base_class->construct(netdev);
    if (error) {
        dpdk_vdpa_relay_destroy(relay);
        return error;
    }
    vdpa_port_take();
    vdpa_port_create(netdev, relay);
    vdpa_observe_init(vdpa_port_lookup(netdev));
    vdpa_port_give();
    return 0;
}

static void
netdev_dpdk_vdpa_dealloc(struct netdev *netdev)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);

    if (port) {                 /* None if construct() failed. */
        vdpa_port_take();
        vdpa_port_remove(port);
        vdpa_observe_uninit(port);
        if (port->vm) {
            vdpa_guest_drop(port);
        }
        vdpa_accelerator_close(port);
        vdpa_port_free(port);
        vdpa_port_give();
    }
    vdpa_claim_forget_interface(netdev);
    vdpa_base_class->dealloc(netdev);
}

/* Returns true if what failed with 'error', saying '*errp', deserves another
 * try: what is in use may be so by a port that was just deleted. */
static bool
should_try_again(int error, char **errp)
{
    if (error != EADDRINUSE || !vdpa_compat_let_netdevs_go()) {
        return false;
    }
    free(*errp);
    *errp = NULL;
    return true;
}

static int
set_config(struct vdpa_port *port, struct netdev *netdev,
           const struct smap *args, char **errp)
    OVS_REQUIRES(vdpa_port_owned)
{
    char *text = NULL;
    int error;

    error = vdpa_apply_config(port, netdev, args, &text);
    if (should_try_again(error, &text)) {
        error = vdpa_apply_config(port, netdev, args, &text);
    }
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
    vdpa_port_set_reason(port, VDPA_REASON_CONFIG, text);
    return 0;
}

static int
netdev_dpdk_vdpa_set_config(struct netdev *netdev, const struct smap *args,
                            char **errp)
{
    int error;

    vdpa_port_take();
    error = set_config(vdpa_port_lookup(netdev), netdev, args, errp);
    vdpa_port_give();
    return error;
}

static int
netdev_dpdk_vdpa_get_config(const struct netdev *netdev, struct smap *args)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    int error;

    vdpa_port_take();
    vdpa_rxqs_hide(port);
    error = vdpa_base_class->get_config(netdev, args);
    vdpa_rxqs_show(port);
    if (!error && port->configured) {
        vdpa_report_config(port, args);
    }
    vdpa_port_give();
    return error;
}

static int
netdev_dpdk_vdpa_reconfigure(struct netdev *netdev)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    int error;

    vdpa_port_take();
    vdpa_rxqs_hide(port);
    error = vdpa_base_class->reconfigure(netdev);
    vdpa_rxqs_reconfigured(port);
    if (!error) {
        if (port->n_pollers != netdev->n_rxq) {
            vdpa_port_set_n_pollers(port, netdev->n_rxq);
        }
        vdpa_accelerator_apply_mtu(port);
        vdpa_accelerator_apply_threads(port);
    }
    vdpa_port_give();
    return error;
}

/* Open vSwitch says how many threads there are, as each is to have a tx queue,
 * and reconfigures the port when their number changes. */
static int
netdev_dpdk_vdpa_set_tx_multiq(struct netdev *netdev, unsigned int n_txq)
{
    vdpa_port_take();
    vdpa_port_lookup(netdev)->n_threads = n_txq;
    vdpa_port_give();
    return vdpa_base_class->set_tx_multiq(netdev, n_txq);
}

/* Rx-queues. */

static struct vdpa_rxq *
vdpa_rxq_cast(const struct netdev_rxq *rxq)
{
    return CONTAINER_OF(rxq, struct vdpa_rxq, up);
}

static struct netdev_rxq *
netdev_dpdk_vdpa_rxq_alloc(void)
{
    struct vdpa_rxq *rx = xzalloc_cacheline(sizeof *rx);

    return &rx->up;
}

/* Makes the base class's part of 'rx'. */
static int
construct_base_rxq(struct vdpa_rxq *rx)
{
    struct netdev_rxq *base = vdpa_base_class->rxq_alloc();
    int error;

    if (!base) {
        return ENOMEM;
    }
    base->netdev = rx->up.netdev;
    base->queue_id = rx->up.queue_id;
    error = vdpa_base_class->rxq_construct(base);
    if (error) {
        vdpa_base_class->rxq_dealloc(base);
        return error;
    }
    rx->base = base;
    return 0;
}

static int
netdev_dpdk_vdpa_rxq_construct(struct netdev_rxq *rxq)
{
    struct vdpa_port *port = vdpa_port_lookup(rxq->netdev);
    struct vdpa_rxq *rx = vdpa_rxq_cast(rxq);
    int error;

    rx->thread_id = OVSTHREAD_ID_UNSET;
    vdpa_port_take();
    rx->cpu = &port->poller_cpus[rxq->queue_id];
    vdpa_port_give();
    vdpa_port_lock(port);
    rx->poller = dpdk_vdpa_relay_get_poller(port->relay, rxq->queue_id);
    vdpa_port_unlock(port);
    error = (rxq->queue_id < vdpa_rxqs_n_own(port)
             ? construct_base_rxq(rx) : 0);
    if (!error) {
        vdpa_rest_init(&rx->rest, rx->poller);
    }
    return error;
}

static void
netdev_dpdk_vdpa_rxq_destruct(struct netdev_rxq *rxq)
{
    struct vdpa_rxq *rx = vdpa_rxq_cast(rxq);
    struct netdev_rxq *base = rx->base;

    vdpa_rest_uninit(&rx->rest);
    if (base) {
        vdpa_base_class->rxq_destruct(base);
        vdpa_base_class->rxq_dealloc(base);
    }
}

static void
netdev_dpdk_vdpa_rxq_dealloc(struct netdev_rxq *rxq)
{
    free_cacheline(vdpa_rxq_cast(rxq));
}

/* The calling thread polls 'rx' for the first time since another one did. */
static void __rte_noinline
rxq_take(struct vdpa_rxq *rx)
{
    rx->thread_id = ovsthread_id_self();
    atomic_store_relaxed(rx->cpu, sched_getcpu());
    vdpa_rest_take(&rx->rest);
}

/* Runs the relay and polls the representor's rx-queue, if there is one. */
static int
netdev_dpdk_vdpa_rxq_recv(struct netdev_rxq *rxq,
                          struct dp_packet_batch *batch, int *qfill)
{
    struct vdpa_rxq *rx = vdpa_rxq_cast(rxq);
    unsigned int n;
    int error;

    if (OVS_UNLIKELY(rx->thread_id != ovsthread_id_self())) {
        rxq_take(rx);
    }
    n = dpdk_vdpa_relay_poll(rx->poller, vdpa_vswitchd_slept());
    error = (rx->base ? vdpa_base_class->rxq_recv(rx->base, batch, qfill)
             : EAGAIN);
    if (!n) {
        return error;
    } else if (error == EAGAIN) {
        return vdpa_vswitchd_relayed(&rx->account, n) ? 0 : EAGAIN;
    } else {
        vdpa_vswitchd_count_relayed(n);
        return error;
    }
}

/* What a port tells. */

static int
netdev_dpdk_vdpa_get_carrier(const struct netdev *netdev, bool *carrier)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    int error = vdpa_base_class->get_carrier(netdev, carrier);

    if (!error) {
        vdpa_port_take();
        *carrier = (*carrier && port->vm && dpdk_vdpa_vm_is_up(port->vm)
                    && vdpa_port_device_is_up(port));
        vdpa_port_give();
    }
    return error;
}

/* Also called by the threads that export samples of flows (IPFIX), PMD threads
 * among them, which ask for what the base class knows. */
static int
netdev_dpdk_vdpa_get_status(const struct netdev *netdev, struct smap *args)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    int error;

    if (!vdpa_port_try_take()) {
        return vdpa_base_class->get_status(netdev, args);
    }
    error = vdpa_rxqs_get_status(port, args);
    if (port->configured) {
        /* A representor that is gone does not hide what we have to say. */
        vdpa_report_status(port, error, args);
        error = 0;
    }
    vdpa_port_give();
    return error;
}

static int
netdev_dpdk_vdpa_get_custom_stats(const struct netdev *netdev,
                                  struct netdev_custom_stats *stats)
{
    struct vdpa_port *port = vdpa_port_lookup(netdev);
    int error = vdpa_base_class->get_custom_stats(netdev, stats);

    if (!error) {
        vdpa_port_take();
        vdpa_report_stats(port, stats);
        vdpa_port_give();
    }
    return error;
}

/* The main loop. */

static void
netdev_dpdk_vdpa_run(const struct netdev_class *class)
{
    if (vdpa_base_class->run) {
        vdpa_base_class->run(class);
    }
    vdpa_watch_run();
    vdpa_telemetry_run();
}

static void
netdev_dpdk_vdpa_wait(const struct netdev_class *class)
{
    if (vdpa_base_class->wait) {
        vdpa_base_class->wait(class);
    }
    vdpa_watch_wait();
    vdpa_telemetry_wait();
}

/* Registration. */

static int
netdev_dpdk_vdpa_class_init(void)
{
    vdpa_accelerator_init();
    vdpa_commands_init();
    vdpa_telemetry_init();
    return 0;
}

/* Refuses to configure a port of type "dpdk" on a VF of ours. */
static int
try_dpdk_set_config(struct netdev *netdev, const struct smap *args,
                    char **errp)
{
    const char *devargs = smap_get(args, "dpdk-devargs");
    struct vdpa_place place;
    int error = 0;

    if (devargs && *devargs) {
        error = vdpa_claim_check_interface(netdev_get_name(netdev), devargs,
                                           false, &place, errp);
    }
    if (!error) {
        error = vdpa_base_class->set_config(netdev, args, errp);
        vdpa_claim_note_interface(netdev, &place);
    }
    return error;
}

static int
guarded_dpdk_set_config(struct netdev *netdev, const struct smap *args,
                        char **errp)
{
    int error = try_dpdk_set_config(netdev, args, errp);

    return (should_try_again(error, errp)
            ? try_dpdk_set_config(netdev, args, errp) : error);
}

static void
guarded_dpdk_dealloc(struct netdev *netdev)
{
    vdpa_claim_forget_interface(netdev);
    vdpa_base_class->dealloc(netdev);
}

/* Takes the place of 'class', OVS's "dpdk". */
static const struct netdev_class *
guard_dpdk(const struct netdev_class *class)
{
    dpdk_class = *class;
    dpdk_class.set_config = guarded_dpdk_set_config;
    dpdk_class.dealloc = guarded_dpdk_dealloc;
    return &dpdk_class;
}

/* Derives our class from 'class', OVS's "dpdk".  Returns null if the libraries
 * that are loaded are not those that we know. */
static const struct netdev_class *
derive_from_dpdk(const struct netdev_class *class)
{
    char *error = NULL;

    if (!vdpa_compat_dpdk_is_ours(&error)
        || !dpdk_vdpa_layout_find(ovs_rundir(), &error)) {
        VLOG_ERR("there is no port type dpdkvdpa: %s", error);
        free(error);
        return NULL;
    }
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
    vdpa_class.set_tx_multiq = netdev_dpdk_vdpa_set_tx_multiq;
    vdpa_class.get_carrier = netdev_dpdk_vdpa_get_carrier;
    vdpa_class.get_status = netdev_dpdk_vdpa_get_status;
    vdpa_class.get_custom_stats = netdev_dpdk_vdpa_get_custom_stats;
    vdpa_class.rxq_alloc = netdev_dpdk_vdpa_rxq_alloc;
    vdpa_class.rxq_construct = netdev_dpdk_vdpa_rxq_construct;
    vdpa_class.rxq_destruct = netdev_dpdk_vdpa_rxq_destruct;
    vdpa_class.rxq_dealloc = netdev_dpdk_vdpa_rxq_dealloc;
    vdpa_class.rxq_recv = netdev_dpdk_vdpa_rxq_recv;
    vdpa_policing_add_verbs(&vdpa_class);
    vdpa_port_init(class, &vdpa_class);
    return &vdpa_class;
}

static void
read_other_config(const struct smap *ovs_other_config)
{
    vdpa_guest_init(ovs_other_config);
    dpdk_vdpa_pool_init(ovs_other_config);
}

const struct vdpa_vswitchd_hooks vdpa_vswitchd_hooks = {
    .init = read_other_config,
    .guard_dpdk = guard_dpdk,
    .derive_from_dpdk = derive_from_dpdk,
    .capture_port = &vdpa_capture_port_class,
    .check_detach = vdpa_claim_check_detach,
    .n_rxq = vdpa_rxqs_n_rxq,
    .wait = vdpa_sleep_wait,
    .exiting = dpdk_vdpa_notes_keep,
};
