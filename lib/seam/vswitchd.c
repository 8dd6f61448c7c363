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

/* The seam between the plugin and ovs-vswitchd.
 *
 * OVS has no loadable netdev providers, so the plugin is linked into
 * ovs-vswitchd, and meets it at six functions of OVS that the linker
 * redirects to us (--wrap).  This file has them all. */

#include "seam/vswitchd.h"

#include <stdlib.h>
#include <string.h>

#include "dpif-netdev-perf.h"
#include "netdev-provider.h"
#include "unixctl.h"
#include "util.h"

/* What OVS's PMD main loop adds to its sleep per idle iteration, and so do we:
 * PMD_SLEEP_INC_US in dpif-netdev.c. */
#define SLEEP_INCREMENT_NS 1000

/* A shorter sleep is a sleep: to wait instead, for guests and VFs, takes more
 * than it is worth. */
#define WAIT_MIN_NS 50000

/* So many waits in a row that somebody ended for nothing, and the thread had
 * better poll for a while. */
#define VAIN_WAITS_MAX 16

/* Polls that relayed between two charges to an rx-queue. */
#define CHARGE_INTERVAL 32

void __real_netdev_dpdk_register(const struct smap *ovs_other_config);
void __wrap_netdev_dpdk_register(const struct smap *ovs_other_config);
int __wrap_netdev_n_rxq(const struct netdev *);
int __real_netdev_register_provider(const struct netdev_class *);
int __wrap_netdev_register_provider(const struct netdev_class *);
void __real_pmd_perf_end_iteration(struct pmd_perf_stats *, int rx_packets,
                                   int tx_packets, uint64_t sleep_cycles,
                                   bool full_metrics);
void __wrap_pmd_perf_end_iteration(struct pmd_perf_stats *, int rx_packets,
                                   int tx_packets, uint64_t sleep_cycles,
                                   bool full_metrics);
void __real_unixctl_command_register(const char *name, const char *usage,
                                     int min_args, int max_args,
                                     unixctl_cb_func *cb, void *aux);
void __wrap_unixctl_command_register(const char *name, const char *usage,
                                     int min_args, int max_args,
                                     unixctl_cb_func *cb, void *aux);
void __real_xnanosleep_no_quiesce(uint64_t nanoseconds);
void __wrap_xnanosleep_no_quiesce(uint64_t nanoseconds);

/* Packets that this PMD thread relayed in the present iteration. */
static __thread unsigned int n_relayed;

/* OVS's measurements of this PMD thread, once it has finished an iteration. */
static __thread struct pmd_perf_stats *perf_stats;

/* Longest sleep that this PMD thread may take: without limit until it relays
 * for the first time, 0 in an iteration that relayed, and from there up with
 * every iteration that did not. */
static __thread uint64_t max_sleep_ns = UINT64_MAX;

/* Longest wait that this PMD thread may take: twice as long after each that
 * lasted.  What else it polls wakes nobody, such as the PF, from where the
 * answer to what it relayed may come: that is not to wait longer than it took
 * to come. */
static __thread uint64_t max_wait_ns = UINT64_MAX;

/* Waits in a row that were ended although there was nothing to relay. */
static __thread unsigned int n_vain_waits;

/* Whether this PMD thread slept at the end of the last iteration, and whether
 * it did in the present one. */
static __thread bool slept;
static __thread bool sleeps;

bool
vdpa_vswitchd_slept(void)
{
    return slept;
}

void
vdpa_vswitchd_count_relayed(unsigned int n)
{
    n_relayed += n;
}

/* OVS measures the cycles of every poll and charges them to the rx-queue if
 * packets came, even none, but not if netdev_rxq_recv() says EAGAIN.  An empty
 * batch costs it some 200 cycles, however, so we keep the account for a number
 * of polls and then set back the start of the present measurement. */
bool
vdpa_vswitchd_relayed(struct vdpa_account *account, unsigned int n)
{
    struct pmd_perf_stats *s = perf_stats;

    n_relayed += n;
    if (!s) {
        return true;
    }
    if (++account->n_polls < CHARGE_INTERVAL) {
        account->cycles += cycles_counter_update(s) - s->cur_timer->start;
        return false;
    }
    s->cur_timer->start -= account->cycles;
    account->cycles = 0;
    account->n_polls = 0;
    return true;
}

/* Called once, when DPDK has been initialized. */
void
__wrap_netdev_dpdk_register(const struct smap *ovs_other_config)
{
    vdpa_vswitchd_hooks.init(ovs_other_config);
    __real_netdev_dpdk_register(ovs_other_config);
}

/* Called for every class that OVS has. */
int
__wrap_netdev_register_provider(const struct netdev_class *class)
{
    const struct vdpa_vswitchd_hooks *hooks = &vdpa_vswitchd_hooks;
    const struct netdev_class *derived;
    int error;

    if (strcmp(class->type, "dpdk")) {
        return __real_netdev_register_provider(class);
    }
    derived = hooks->derive_from_dpdk(class);
    if (!derived) {
        return __real_netdev_register_provider(class);
    }
    error = __real_netdev_register_provider(hooks->guard_dpdk(class));
    error = error ? error : __real_netdev_register_provider(derived);
    return (error ? error
            : __real_netdev_register_provider(hooks->capture_port));
}

/* OVS's handler of the command "netdev-dpdk/detach". */
static unixctl_cb_func *real_detach;

/* Detaches a device, unless it is in use in a way that OVS does not know. */
static void
guarded_detach(struct unixctl_conn *conn, int argc, const char *argv[],
               void *aux)
{
    char *error = NULL;

    if (vdpa_vswitchd_hooks.check_detach(argv[1], &error)) {
        real_detach(conn, argc, argv, aux);
    } else {
        unixctl_command_reply_error(conn, error);
        free(error);
    }
}

/* OVS's handler of the command "exit". */
static unixctl_cb_func *real_exit;

static void
noted_exit(struct unixctl_conn *conn, int argc, const char *argv[], void *aux)
{
    vdpa_vswitchd_hooks.exiting();
    real_exit(conn, argc, argv, aux);
}

/* Called for every command that OVS has. */
void
__wrap_unixctl_command_register(const char *name, const char *usage,
                                int min_args, int max_args,
                                unixctl_cb_func *cb, void *aux)
{
    if (!strcmp(name, "netdev-dpdk/detach")) {
        real_detach = cb;
        cb = guarded_detach;
    } else if (!strcmp(name, "exit")) {
        real_exit = cb;
        cb = noted_exit;
    }
    __real_unixctl_command_register(name, usage, min_args, max_args, cb, aux);
}

/* Called by who opens the rx-queues of a netdev, and by who has a device
 * spread packets over them. */
int
__wrap_netdev_n_rxq(const struct netdev *netdev)
{
    return vdpa_vswitchd_hooks.n_rxq(netdev);
}

/* Called by a PMD thread at the end of each iteration of its main loop.  OVS
 * takes an iteration as busy if any packets were received or sent, but counts
 * the iterations that received some: hence a relayed packet is a received one
 * here. */
void
__wrap_pmd_perf_end_iteration(struct pmd_perf_stats *s, int rx_packets,
                              int tx_packets, uint64_t sleep_cycles,
                              bool full_metrics)
{
    unsigned int n = n_relayed;

    perf_stats = s;
    n_relayed = 0;
    slept = sleeps;
    sleeps = false;
    if (n) {
        sleep_cycles = 0;       /* xnanosleep_no_quiesce() returned at once. */
    }
    __real_pmd_perf_end_iteration(s, rx_packets + n, tx_packets, sleep_cycles,
                                  full_metrics);
}

/* This PMD thread has something to do: it polls for a while. */
static void
stay_awake(void)
{
    max_sleep_ns = 0;
    max_wait_ns = 2 * WAIT_MIN_NS;
    n_vain_waits = 0;
}

/* Waits for work, instead of a sleep of 'nanoseconds', or of 'cautious' if the
 * thread may not trust to be woken.  Returns false if there is nothing to wait
 * for. */
static bool
wait_for_work(uint64_t nanoseconds, uint64_t cautious)
{
    switch (vdpa_vswitchd_hooks.wait(MIN(nanoseconds, max_wait_ns),
                                     MIN(cautious, max_wait_ns),
                                     &n_relayed)) {
    case VDPA_WAIT_NONE:
        return false;
    case VDPA_WAIT_BUSY:
        stay_awake();
        break;
    case VDPA_WAIT_TIME:
        n_vain_waits = 0;
        if (max_wait_ns < nanoseconds) {
            max_wait_ns *= 2;
        }
        break;
    case VDPA_WAIT_WOKEN:
        if (++n_vain_waits > VAIN_WAITS_MAX) {
            stay_awake();
        }
        break;
    }
    return true;
}

/* Called by a PMD thread that has not received many packets lately, before
 * the end of an iteration.  OVS knows nothing of relayed packets and would
 * make us sleep in the middle of traffic. */
void
__wrap_xnanosleep_no_quiesce(uint64_t nanoseconds)
{
    uint64_t cautious;

    if (n_relayed) {
        stay_awake();
        return;
    }

    if (max_sleep_ns < nanoseconds) {
        max_sleep_ns += SLEEP_INCREMENT_NS;
    }
    sleeps = true;
    cautious = MIN(nanoseconds, max_sleep_ns);
    if (cautious < WAIT_MIN_NS || !wait_for_work(nanoseconds, cautious)) {
        __real_xnanosleep_no_quiesce(cautious);
    }
}
