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

#ifndef VDPA_PORT_H
#define VDPA_PORT_H 1

/* A dpdkvdpa port: its state and its lock, what the relay is to do, and how to
 * find it.
 *
 * This room decides nothing.  The others in lib/port/ do, each about one
 * thing; they share 'struct vdpa_port', and each member says whose it is.  The
 * relay is configured here and nowhere else. */

#include <stdbool.h>
#include <stdint.h>

#include "accel/vf.h"
#include "base/retry.h"
#include "dpdk-vdpa-relay.h"
#include "openvswitch/compiler.h"
#include "openvswitch/hmap.h"
#include "openvswitch/thread.h"
#include "openvswitch/types.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "port/device.h"
#include "port/events.h"
#include "port/lending.h"
#include "port/options.h"
#include "port/owner.h"
#include "port/policing.h"
#include "port/rxqs.h"

struct dpdk_vdpa_capture;
struct dpdk_vdpa_hw;
struct dpdk_vdpa_notes;
struct dpdk_vdpa_vm;
struct netdev;
struct netdev_class;
struct smap;
struct vdpa_claim;

/* What the watchdog knows of a lane. */
struct vdpa_watch {
    uint64_t progress;          /* Packets that ever got anywhere. */
    const char *reason;         /* What it waited for at the last look; null
                                 * if it had nothing to do. */
    long long int since;        /* The first look that found both so, in ms. */
    bool stalled;
    uint64_t bad_buffers;       /* That the guest gave, */
    bool more_bad_buffers;      /* lately, too. */
};

/* What serves the guest.  Its changes are the accelerator's; see there which
 * ones there are. */
enum vdpa_accel {
    VDPA_ACCEL_NONE,            /* There is no device. */
    VDPA_ACCEL_STOPPED,         /* A VF that did not start again. */
    VDPA_ACCEL_RELAY,           /* A VF, which PMD threads poll. */
    VDPA_ACCEL_VDPA,            /* A vDPA device. */
    VDPA_N_ACCELS
};

/* Why a port is not as the database wants it, the gravest first.  Each has a
 * life of its own. */
enum vdpa_reason {
    VDPA_REASON_CONFIG,         /* Options that cannot be in force. */
    VDPA_REASON_DEVICE,         /* The device went, or does not start. */
    VDPA_REASON_GUEST,          /* The socket cannot be had. */
    VDPA_REASON_MTU,            /* The VF refuses the MTU. */
    VDPA_REASON_THREADS,        /* There is no memory for so many threads. */
    VDPA_REASON_PAIRS,          /* Nor for as many queue pairs as the guest
                                 * uses. */
    VDPA_REASON_FEATURES,       /* The guest has features that it is not to be
                                 * offered. */
    VDPA_REASON_DMA,            /* A DMA engine has failed. */
    VDPA_REASON_OPTION,         /* An option of the representor without which
                                 * the port does. */
    VDPA_REASON_POLICING,       /* A QoS that cannot be in force, or not for
                                 * all packets. */
    VDPA_REASON_FAULT,          /* What the vDPA device reports. */
    VDPA_N_REASONS
};

/* A port.
 *
 * It lives beside the netdev, which belongs to the base class.  OVS tells a
 * DPDK device by its .destruct member, which therefore must be the base
 * class's: a port is born in construct() and dies in dealloc().
 *
 * Locks, in the order in which they are taken: OVS's 'netdev_mutex', the vhost
 * library's, a port's 'mutex', that of its lending or its 'events_mutex'.  The
 * table of ports has a lock of its own, a leaf.  The library's locks of single
 * queues, which PMD threads take too, must not be held to take 'mutex',
 * because with 'mutex' one may wait for PMD threads. */
struct vdpa_port {
    struct hmap_node node;              /* In the table of ports. */
    const struct netdev *netdev;
    char *name;                 /* Outlives the netdev's own. */
    struct dpdk_vdpa_notes *notes VDPA_OWNED;   /* Of the socket, so that they
                                                 * are there if 'vm' is not. */

    /* The owner's; see port/owner.h. */
    struct dpdk_vdpa_options options VDPA_OWNED;    /* In force once
                                                     * 'configured'. */
    char *rep_devargs VDPA_OWNED;       /* dpdk-devargs in force. */
    bool configured VDPA_OWNED;
    uint64_t withheld VDPA_OWNED;       /* Virtio features that the guest is
                                         * not to be offered. */
    bool link_up VDPA_OWNED;            /* Of the VF, at the last look. */
    long long int next_link_check VDPA_OWNED;
    long long int tell_again VDPA_OWNED;        /* When, in ms, or LLONG_MAX;
                                                 * see
                                                 * vdpa_port_tell_change(). */
    struct dpdk_vdpa_retry retry VDPA_OWNED;    /* While there is no device, or
                                                 * it does not start, or no VM
                                                 * end. */
    struct vdpa_place rep_place VDPA_OWNED;     /* Of the representor, to which
                                                 * the VF must belong. */
    bool pair_unknown VDPA_OWNED;       /* Whether it does cannot be told. */
    struct dpdk_vdpa_vf_config good VDPA_OWNED; /* With which the VF started
                                                 * last. */
    long long int switched VDPA_OWNED;  /* When a connected guest was taken
                                         * from one mode to the other, in ms,
                                         * or 0. */
    char *reasons[VDPA_N_REASONS] VDPA_OWNED;   /* Sentences, or null. */
    struct vdpa_watch watches[DPDK_VDPA_N_DIRECTIONS][DPDK_VDPA_MAX_PAIRS]
        VDPA_OWNED;
    bool lro_refused VDPA_OWNED;        /* The VF has LRO, but not for us. */
    unsigned int n_threads VDPA_OWNED;  /* Of the datapath, 0 before the first
                                         * reconfigure(). */
    unsigned int threads_refused VDPA_OWNED;    /* The VF does not start for
                                                 * so many, or 0. */
    unsigned int n_pairs_wanted VDPA_OWNED;     /* That the VF should have. */
    long long int pairs_due VDPA_OWNED; /* When it is to get them, in ms, or
                                         * LLONG_MAX. */
    struct vdpa_dmas dmas VDPA_OWNED;   /* Those of options, or of options that
                                         * are just coming into force. */
    char *vm_dmas VDPA_OWNED;   /* Their 'text' when the VM end began. */
    enum vdpa_accel accel VDPA_OWNED;
    struct vdpa_claim *claim VDPA_OWNED;        /* On the device, if there is
                                                 * one. */
    struct eth_addr guest_mac VDPA_OWNED;       /* If it is not the VF's and
                                                 * that matters, else all
                                                 * zero. */

    struct vdpa_rxqs rxqs;      /* See there who may. */

    /* Packets by the vhost library, of VM ends that are gone: from guests and
     * to them. */
    uint64_t library_rx VDPA_OWNED;
    uint64_t library_tx VDPA_OWNED;
    uint64_t lent VDPA_OWNED;   /* From guests, likewise, not copied. */
    struct vdpa_dma_counts dma_counts VDPA_OWNED;   /* Likewise. */

    /* The CPU of each poller, -1 before its first poll.  The elements are
     * written by the pollers. */
    atomic_int *poller_cpus VDPA_OWNED;

    /* Something happened that the main thread is to look at. */
    atomic_bool changed;

    struct ovs_mutex mutex;             /* See vdpa_port_lock(). */

    /* Written by the owner with 'mutex' held, so that he may read them
     * without.  Others, with 'mutex': only vdpa_port_update_relay(). */
    struct dpdk_vdpa_vf *vf VDPA_OWNED; /* VDPA_ACCEL_STOPPED or _RELAY. */
    struct dpdk_vdpa_hw *hw VDPA_OWNED; /* VDPA_ACCEL_VDPA. */
    struct dpdk_vdpa_vm *vm VDPA_OWNED;
    struct dpdk_vdpa_end vf_end VDPA_OWNED;
    struct dpdk_vdpa_end vm_end VDPA_OWNED;
    unsigned int n_hw_pairs VDPA_OWNED; /* Queue pairs of 'hw' to use. */
    unsigned int n_pollers VDPA_OWNED;
    unsigned int tx_retries_max VDPA_OWNED;
    struct vdpa_policing policing VDPA_OWNED;
    bool admin_up VDPA_OWNED;           /* The port is set up, not down. */

    /* Who looks at packets: written by the owner while 'observed' is false,
     * read by PMD threads, which clang cannot tell. */
    struct dpdk_vdpa_observer observer;
    struct dpdk_vdpa_capture *capture;
    bool watch_mac;                     /* Whether the guest's MAC address is
                                         * 'vf_mac'. */
    struct eth_addr vf_mac;
    atomic_uint64_t seen_mac;           /* One that is not, or 0. */
    atomic_bool seen_vf_mac;            /* One that is. */

    /* The relay is kept paused and without these ends while they change. */
    bool vf_held VDPA_LOCKED;
    bool vf_returns VDPA_LOCKED;        /* It is held to be started again. */
    bool vm_held VDPA_LOCKED;
    bool observed VDPA_LOCKED;
    struct dpdk_vdpa_relay *relay VDPA_LOCKED;

    struct vdpa_lending lending;        /* See there who may. */

    struct ovs_mutex events_mutex;      /* Protects 'events'. */
    struct dpdk_vdpa_events events OVS_GUARDED;
    struct vlog_rate_limit events_limit;        /* Of those in the log: a port
                                                 * that has many leaves others
                                                 * theirs. */
};

/* OVS's class "dpdk", which ours is derived from. */
extern const struct netdev_class *vdpa_base_class;

/* What the two ends of a lane are called in the names of counters. */
struct vdpa_direction {
    const char *source;
    const char *sink;
    const char *drop;
};
extern const struct vdpa_direction vdpa_directions[DPDK_VDPA_N_DIRECTIONS];

/* Takes note of the class "dpdk" and of ours.  Main thread, once, before
 * anything else of this room. */
void vdpa_port_init(const struct netdev_class *base,
                    const struct netdev_class *ours);

/* Creates a port for 'netdev', which the base class has constructed, with
 * 'relay', which it takes over. */
void vdpa_port_create(struct netdev *, struct dpdk_vdpa_relay *)
    OVS_REQUIRES(vdpa_port_owned);

/* Takes 'port', whose netdev has been destructed, so that no PMD thread polls
 * it, out of the table: nobody finds it any more. */
void vdpa_port_remove(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Frees 'port', which has been removed and has neither ends nor observers. */
void vdpa_port_free(struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Returns the port of 'netdev', or null if it has none.  Any thread; it stays
 * valid as long as the caller has a reference to 'netdev'. */
struct vdpa_port *vdpa_port_lookup(const struct netdev *);

/* Returns the port called 'name', with a reference to its netdev, or null if
 * there is none.  The caller takes it, and gives both back in the end.  Main
 * thread. */
struct vdpa_port *vdpa_port_open(const char *name);
void vdpa_port_close(struct vdpa_port *)
    OVS_RELEASES(vdpa_port_owned);

/* Calls 'cb' for each port as its owner, with a reference to its netdev, so
 * that it stays, and with no lock held.  Main thread. */
void vdpa_port_for_each(void (*cb)(struct vdpa_port *, void *aux), void *aux)
    OVS_EXCLUDED(vdpa_port_owned);

/* Has the main thread look at 'port'.  Any thread. */
void vdpa_port_wake_main(struct vdpa_port *);

/* Two halves of a wait for vdpa_port_wake_main(): the first before the main
 * thread looks at the ports, the other before it sleeps. */
void vdpa_port_wake_run(void);
void vdpa_port_wake_wait(void);

/* Has Open vSwitch ask for the status of 'port', which has changed, and write
 * it into the database; and once more a second later, when it is time for
 * vdpa_port_tell_again().
 *
 * For what Open vSwitch writes is lost if the database said just that before,
 * and something else is on its way there: as at the start of ovs-vswitchd,
 * when the database still says what the last one wrote, each port is written
 * as it is made, and a guest comes a moment later. */
void vdpa_port_tell_change(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned);
void vdpa_port_tell_again(struct vdpa_port *port, long long int now)
    OVS_REQUIRES(vdpa_port_owned);

/* Logs an event and keeps it for dpdkvdpa/show.  The second counts it as well,
 * as one of its kind.  Any thread. */
void vdpa_port_event(struct vdpa_port *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);
void vdpa_port_event_of(struct vdpa_port *, enum dpdk_vdpa_event_kind,
                        const char *format, ...) OVS_PRINTF_FORMAT(3, 4);

/* Takes note of 'text', which it takes over, as the reason of its kind; null
 * if there is none any more. */
void vdpa_port_set_reason(struct vdpa_port *, enum vdpa_reason, char *text)
    OVS_REQUIRES(vdpa_port_owned);

/* Properties. */

/* Returns how the guest's queues are served. */
const char *vdpa_port_mode(const struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Returns the arguments of the device in use, or to be used if there is
 * none. */
const char *vdpa_port_devargs(const struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Of the device, which is there. */
unsigned int vdpa_port_n_pairs(const struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);
int vdpa_port_numa_node(const struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Returns true if the device can move packets, as far as it knows. */
bool vdpa_port_device_is_up(const struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Returns the MTU of the netdev, or the usual one before the first
 * reconfigure(), in bytes. */
uint16_t vdpa_port_mtu(const struct vdpa_port *);

/* Returns the sum of all drops in 'c'. */
uint64_t vdpa_total_drops(const struct dpdk_vdpa_counters *c);

/* The relay. */

/* Locks and unlocks what 'port' has under its 'mutex'.  Any thread. */
static inline void
vdpa_port_lock(struct vdpa_port *port)
    OVS_ACQUIRES(vdpa_port_locked)
    OVS_NO_THREAD_SAFETY_ANALYSIS       /* It stands for the mutex. */
{
    ovs_mutex_lock(&port->mutex);
}

static inline void
vdpa_port_unlock(struct vdpa_port *port)
    OVS_RELEASES(vdpa_port_locked)
    OVS_NO_THREAD_SAFETY_ANALYSIS       /* Likewise. */
{
    ovs_mutex_unlock(&port->mutex);
}

/* Makes the relay do what the state of 'port' asks for.  Any thread. */
void vdpa_port_update_relay(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_locked);

/* Takes the VF, or the VM end, away from the relay, so that until
 * vdpa_port_set_ends() it is the owner's to change.  If the VF is merely to be
 * started again ('to_restart'), packets wait in the relay meanwhile. */
void vdpa_port_hold_vf(struct vdpa_port *port, bool to_restart)
    OVS_REQUIRES(vdpa_port_owned) OVS_EXCLUDED(vdpa_port_locked);
void vdpa_port_hold_vm(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned) OVS_EXCLUDED(vdpa_port_locked);

/* Gives 'port' new ends, which may be the ones it had, after the one that
 * changes was held. */
void vdpa_port_set_ends(struct vdpa_port *port, struct dpdk_vdpa_vf *,
                        struct dpdk_vdpa_vm *)
    OVS_REQUIRES(vdpa_port_owned) OVS_EXCLUDED(vdpa_port_locked);

/* Sets the number of pollers, none of which exists now. */
void vdpa_port_set_n_pollers(struct vdpa_port *port, unsigned int n)
    OVS_REQUIRES(vdpa_port_owned) OVS_EXCLUDED(vdpa_port_locked);

#endif /* port/port.h */
