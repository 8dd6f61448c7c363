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

#include "accel/vdpa.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_vdpa.h>
#include <rte_vhost.h>

#include "dpdk-vdpa-relay.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "seam/compat-dpdk.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_hw);

/* Most counters of a virtqueue that we look at. */
#define MAX_STATS 64

/* How long a front-end that does not say when it is done may pause between
 * starting two rings, in ms. */
#define PATIENCE 1000

/* A driver, some of whose functions ours took the place of.  The library calls
 * it and only logs what it returns, and calls it at the wrong time; so we are
 * in between: see hw_interpose().  Never freed: drivers do not go. */
struct driver {
    struct ovs_list list_node;
    struct vdpa_compat_vdpa_ops *ops;
    struct vdpa_compat_vdpa_ops theirs;         /* As 'ops' was. */
};

struct dpdk_vdpa_hw {
    /* Constant after dpdk_vdpa_hw_open(). */
    struct ovs_list list_node;          /* In 'hw_list', under 'hw_mutex'. */
    char *devargs;
    char *name;                         /* Of the device, in DPDK. */
    struct rte_vdpa_device *device;
    unsigned int max_pairs;
    uint64_t features;
    void (*changed)(void *aux);
    void *aux;

    /* The counters that the driver has, constant: it is asked once, as one
     * without may complain each time. */
    struct rte_vdpa_stat_name *stat_names;
    int n_stat_names;

    /* Written by threads of DPDK, read by any. */
    atomic_bool removed;
    atomic_bool running;

    struct ovs_mutex mutex;             /* Protects what follows.  A leaf. */
    char *error OVS_GUARDED;
    uint64_t n_faults OVS_GUARDED;      /* At the last look, or before the
                                         * device began to serve the guest. */

    /* Between the library and the driver. */
    bool asked OVS_GUARDED;             /* The driver, to serve the guest. */
    bool hurried OVS_GUARDED;           /* The next time, do not wait for
                                         * more. */
    bool paused OVS_GUARDED;            /* Until features change. */
    long long int waiting OVS_GUARDED;  /* For rings or a log, since this time
                                         * in ms; 0 if not. */
};

/* Protects 'hw_list' and 'drivers'.  Nothing is called with it held but
 * 'changed'. */
static struct ovs_mutex hw_mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list hw_list OVS_GUARDED_BY(hw_mutex)
    = OVS_LIST_INITIALIZER(&hw_list);
static struct ovs_list drivers OVS_GUARDED_BY(hw_mutex)
    = OVS_LIST_INITIALIZER(&drivers);

static struct dpdk_vdpa_hw *
hw_find(const struct rte_vdpa_device *device)
    OVS_REQUIRES(hw_mutex)
{
    struct dpdk_vdpa_hw *hw;

    LIST_FOR_EACH (hw, list_node, &hw_list) {
        if (hw->device == device) {
            return hw;
        }
    }
    return NULL;
}

/* Stores 'error', which it takes over, or null. */
static void
hw_set_error(struct dpdk_vdpa_hw *hw, char *error)
    OVS_EXCLUDED(hw->mutex)
{
    ovs_mutex_lock(&hw->mutex);
    free(hw->error);
    hw->error = error;
    ovs_mutex_unlock(&hw->mutex);
}

/* Counters. */

/* Asks the driver which counters it has. */
static void
hw_get_stat_names(struct dpdk_vdpa_hw *hw)
{
    int n = rte_vdpa_get_stats_names(hw->device, NULL, 0);

    if (n > 0) {
        n = MIN(n, MAX_STATS);
        hw->stat_names = xcalloc(n, sizeof *hw->stat_names);
        n = rte_vdpa_get_stats_names(hw->device, hw->stat_names, n);
        hw->n_stat_names = MAX(n, 0);
    }
}

/* Reads the counters of 'ring' into the MAX_STATS 'values'.  Returns their
 * number, 0 if the driver does not tell. */
static int
hw_read_stats(const struct dpdk_vdpa_hw *hw, unsigned int ring,
              struct rte_vdpa_stat *values)
{
    int n = rte_vdpa_get_stats(hw->device, ring, values, hw->n_stat_names);

    return MAX(MIN(n, hw->n_stat_names), 0);
}

/* Returns the sum of the counters of faults of 'n_pairs' queue pairs, and
 * stores in '*namep', if it is not null, the name of one that is not 0. */
static uint64_t
hw_count_faults(const struct dpdk_vdpa_hw *hw, unsigned int n_pairs,
                const char **namep)
{
    struct rte_vdpa_stat values[MAX_STATS];
    uint64_t sum = 0;

    for (unsigned int ring = 0; hw->n_stat_names && ring < 2 * n_pairs;
         ring++) {
        int n = hw_read_stats(hw, ring, values);

        if (!n) {
            break;
        }
        for (int i = 0; i < n; i++) {
            if (values[i].value
                && strcasestr(hw->stat_names[i].name, "fault")) {
                sum += values[i].value;
                if (namep) {
                    *namep = hw->stat_names[i].name;
                }
            }
        }
    }
    return sum;
}

/* Between the library and a driver. */

/* Returns true if the front-end of 'vid' wants to know what is written. */
static bool
wants_log(int vid)
{
    uint64_t features = 0;

    rte_vhost_get_negotiated_features(vid, &features);
    return features & (1ULL << VHOST_F_LOG_ALL);
}

/* Returns true if it has said where. */
static bool
has_log(int vid)
{
    uint64_t base = 0, size = 0;

    return !rte_vhost_get_log_base(vid, &base, &size) && size;
}

static struct driver *
driver_find(const struct vdpa_compat_vdpa_ops *ops)
    OVS_REQUIRES(hw_mutex)
{
    struct driver *driver;

    LIST_FOR_EACH (driver, list_node, &drivers) {
        if (driver->ops == ops) {
            return driver;
        }
    }
    return NULL;
}

/* Returns what the driver of 'device' can do without us. */
static const struct vdpa_compat_vdpa_ops *
theirs_of(struct rte_vdpa_device *device_)
    OVS_EXCLUDED(hw_mutex)
{
    const struct vdpa_compat_vdpa_device *device = (const void *) device_;
    struct driver *driver;

    ovs_mutex_lock(&hw_mutex);
    driver = driver_find(device->ops);
    ovs_mutex_unlock(&hw_mutex);
    return &driver->theirs;
}

/* The same for the device that serves connection 'vid'. */
static const struct vdpa_compat_vdpa_ops *
theirs(int vid)
    OVS_EXCLUDED(hw_mutex)
{
    return theirs_of(rte_vhost_get_vdpa_device(vid));
}

/* Takes note that the driver of the device that serves 'vid' did, or failed to
 * do, 'what', after which the library takes it to be 'running' or not. */
static void
hw_note(int vid, const char *what, int ret, bool running)
    OVS_EXCLUDED(hw_mutex)
{
    struct dpdk_vdpa_hw *hw;

    ovs_mutex_lock(&hw_mutex);
    hw = hw_find(rte_vhost_get_vdpa_device(vid));
    if (hw) {
        if (ret) {
            hw_set_error(hw, xasprintf("device \"%s\" failed to %s (%s); see "
                                       "the log", hw->name, what,
                                       ovs_strerror(ret < 0 ? -ret : EIO)));
        } else if (running) {
            hw_set_error(hw, NULL);
        }
        atomic_store(&hw->running, running);
        if (hw->changed) {
            hw->changed(hw->aux);
        }
    }
    ovs_mutex_unlock(&hw_mutex);
}

/* Takes note of what the device of 'vid' counts as faults before it serves the
 * guest. */
static void
hw_note_old_faults(int vid)
    OVS_EXCLUDED(hw_mutex)
{
    struct dpdk_vdpa_hw *hw;

    ovs_mutex_lock(&hw_mutex);
    hw = hw_find(rte_vhost_get_vdpa_device(vid));
    if (hw) {
        uint64_t n = hw_count_faults(hw, hw->max_pairs, NULL);

        ovs_mutex_lock(&hw->mutex);
        hw->n_faults = n;
        ovs_mutex_unlock(&hw->mutex);
    }
    ovs_mutex_unlock(&hw_mutex);
}

/* Returns true if the front-end of 'vid' may be about to start more rings.
 * With VHOST_USER_PROTOCOL_F_STATUS it says when it is done, and the library
 * waits for that; otherwise we can only see that it has spoken of rings that
 * are not started. */
static bool
may_start_more(int vid)
{
    unsigned int n = rte_vhost_get_vring_num(vid);
    uint64_t features = 0;

    rte_vhost_get_negotiated_protocol_features(vid, &features);
    if (features & (1ULL << VHOST_USER_PROTOCOL_F_STATUS)) {
        return false;
    }
    for (unsigned int i = 0; i < n; i++) {
        struct rte_vhost_vring vring;

        /* A file descriptor of -1 is for polling, a smaller one for none. */
        if (!rte_vhost_get_vhost_vring(vid, i, &vring)
            && (!vring.desc || vring.kickfd < -1)) {
            return true;
        }
    }
    return false;
}

/* The library finds 'vid' ready to be served.  Returns true if the device is
 * to wait for more rings, or for the log of a live migration. */
static bool
hw_waits(int vid)
    OVS_EXCLUDED(hw_mutex)
{
    bool more = may_start_more(vid) || (wants_log(vid) && !has_log(vid));
    struct dpdk_vdpa_hw *hw;

    ovs_mutex_lock(&hw_mutex);
    hw = hw_find(rte_vhost_get_vdpa_device(vid));
    if (hw) {
        ovs_mutex_lock(&hw->mutex);
        more = more && !hw->hurried;
        hw->waiting = more ? time_msec() : 0;
        hw->asked |= !more;
        hw->hurried = false;
        ovs_mutex_unlock(&hw->mutex);
    }
    ovs_mutex_unlock(&hw_mutex);
    return more && hw;
}

/* The library wants the device of 'vid' to end.  Returns false if the driver
 * does not know yet that it had begun. */
static bool
hw_was_asked(int vid)
    OVS_EXCLUDED(hw_mutex)
{
    struct dpdk_vdpa_hw *hw;
    bool asked = true;

    ovs_mutex_lock(&hw_mutex);
    hw = hw_find(rte_vhost_get_vdpa_device(vid));
    if (hw) {
        ovs_mutex_lock(&hw->mutex);
        asked = hw->asked;
        hw->asked = false;
        hw->paused = false;
        hw->waiting = 0;
        ovs_mutex_unlock(&hw->mutex);
    }
    ovs_mutex_unlock(&hw_mutex);
    return asked;
}

/* Returns true, once, if dpdk_vdpa_hw_end_logging() has stopped the device of
 * 'vid'. */
static bool
hw_was_paused(int vid)
    OVS_EXCLUDED(hw_mutex)
{
    struct dpdk_vdpa_hw *hw;
    bool paused = false;

    ovs_mutex_lock(&hw_mutex);
    hw = hw_find(rte_vhost_get_vdpa_device(vid));
    if (hw) {
        ovs_mutex_lock(&hw->mutex);
        paused = hw->paused;
        hw->paused = false;
        ovs_mutex_unlock(&hw->mutex);
    }
    ovs_mutex_unlock(&hw_mutex);
    return paused;
}

/* Returns true if the library takes the device of 'vid' to be configured. */
static bool
hw_serves(int vid)
    OVS_EXCLUDED(hw_mutex)
{
    struct dpdk_vdpa_hw *hw;
    bool serves;

    ovs_mutex_lock(&hw_mutex);
    hw = hw_find(rte_vhost_get_vdpa_device(vid));
    serves = hw && dpdk_vdpa_hw_is_running(hw);
    ovs_mutex_unlock(&hw_mutex);
    return serves;
}

/* Our function was called in this thread. */
static __thread bool asked_for_features;

/* The library waits for a front-end that says when it is done, if the driver
 * lets it. */
static int
our_get_protocol_features(struct rte_vdpa_device *device, uint64_t *features)
{
    int ret = theirs_of(device)->get_protocol_features(device, features);

    asked_for_features = true;
    *features |= 1ULL << VHOST_USER_PROTOCOL_F_STATUS;
    return ret;
}

/* Takes note that all of the guest's memory may have been written. */
static void
log_everything(int vid)
{
    struct rte_vhost_memory *mem;

    if (rte_vhost_get_mem_table(vid, &mem)) {
        return;
    }
    for (uint32_t i = 0; i < mem->nregions; i++) {
        rte_vhost_log_write(vid, mem->regions[i].guest_phys_addr,
                            mem->regions[i].size);
    }
    free(mem);
}

/* Has the driver have the device of 'vid' begin.  If that is in the course of
 * a live migration the driver hears of logging when the device runs, as it
 * does of a migration that begins later: some know no other order.  Who knows
 * what the device has written by then. */
static int
hw_begin(int vid)
    OVS_EXCLUDED(hw_mutex)
{
    const struct vdpa_compat_vdpa_ops *driver = theirs(vid);
    int ret = driver->dev_conf(vid);

    if (!ret && wants_log(vid) && has_log(vid)) {
        ret = driver->set_features(vid);
        if (ret) {
            driver->dev_close(vid);
        }
        log_everything(vid);
    }
    return ret;
}

/* To be told no is an error for the library, which asks again after the next
 * message. */
static int
our_dev_conf(int vid)
{
    int ret;

    if (hw_waits(vid)) {
        return -EAGAIN;
    }
    hw_note_old_faults(vid);
    ret = hw_begin(vid);
    hw_note(vid, "take over the guest's queues", ret, !ret);
    return ret;
}

/* Takes note that the 'len' bytes at 'area' were written. */
static void
log_area(int vid, const struct rte_vhost_memory *mem, const void *area,
         uint64_t len)
{
    for (uint32_t i = 0; i < mem->nregions; i++) {
        const struct rte_vhost_mem_region *r = &mem->regions[i];
        uint64_t ofs = (uintptr_t) area - r->host_user_addr;

        if (ofs < r->size) {
            rte_vhost_log_write(vid, r->guest_phys_addr + ofs,
                                MIN(len, r->size - ofs));
        }
    }
}

/* The device has stopped for good, maybe in the course of live migration, for
 * which drivers log what it has written to rings.  Some know split rings
 * only. */
static void
log_packed_rings(int vid)
{
    const uint64_t both = 1ULL << VHOST_F_LOG_ALL
                          | 1ULL << VIRTIO_F_RING_PACKED;
    unsigned int n = rte_vhost_get_vring_num(vid);
    struct rte_vhost_memory *mem;
    uint64_t features = 0;

    rte_vhost_get_negotiated_features(vid, &features);
    if ((features & both) != both || rte_vhost_get_mem_table(vid, &mem)) {
        return;
    }
    for (unsigned int i = 0; i < n; i++) {
        struct rte_vhost_vring vring;

        if (!rte_vhost_get_vhost_vring(vid, i, &vring) && vring.desc_packed) {
            log_area(vid, mem, vring.desc_packed,
                     vring.size * sizeof *vring.desc_packed);
            log_area(vid, mem, vring.device_event,
                     sizeof *vring.device_event);
        }
    }
    free(mem);
}

static int
our_dev_close(int vid)
{
    int ret = hw_was_asked(vid) ? theirs(vid)->dev_close(vid) : 0;

    log_packed_rings(vid);
    hw_note(vid, "let go of the guest's queues", ret, false);
    return ret;
}

/* What comes of it before the device serves a guest is of no consequence:
 * "sfc" always fails.  A device that does serve one and cannot log must not
 * write any more. */
static int
our_set_features(int vid)
{
    bool paused = hw_was_paused(vid);
    int ret;

    if (!hw_serves(vid)) {
        /* Of logging see hw_begin(). */
        return wants_log(vid) ? 0 : theirs(vid)->set_features(vid);
    }
    if (paused) {
        ret = theirs(vid)->dev_conf(vid);
        hw_note(vid, "go on after a live migration that came to nothing", ret,
                true);
    } else {
        ret = theirs(vid)->set_features(vid);
        if (ret) {
            theirs(vid)->dev_close(vid);
            hw_note(vid, "log what it writes, for live migration", ret, true);
        }
    }
    if (ret) {
        hw_was_asked(vid);      /* But does not run: not to be closed. */
    }
    return ret;
}

void
dpdk_vdpa_hw_end_logging(const void *hw_, int vid)
    OVS_EXCLUDED(hw_mutex)
{
    struct dpdk_vdpa_hw *hw = CONST_CAST(struct dpdk_vdpa_hw *, hw_);
    bool asked;

    ovs_mutex_lock(&hw->mutex);
    asked = hw->asked;
    hw->asked = hw->paused = true;
    ovs_mutex_unlock(&hw->mutex);
    if (asked) {
        theirs(vid)->dev_close(vid);
    }
}

/* Returns true if the library asks our function for the protocol features of
 * 'device': then its operations are where we take them to be. */
static bool
is_interposed(struct rte_vdpa_device *device)
    OVS_EXCLUDED(hw_mutex)
{
    uint64_t features = 0;

    asked_for_features = false;
    return (!rte_vdpa_get_protocol_features(device, &features)
            && asked_for_features);
}

/* Puts our functions in the place of the driver's, unless they are there.
 * Before any socket has a device of that driver, or while all that have one
 * have it from us.  Returns false if this DPDK does not let us: to do without
 * would be to risk the whole process. */
static bool
hw_interpose(struct rte_vdpa_device *device_)
    OVS_EXCLUDED(hw_mutex)
{
    struct vdpa_compat_vdpa_device *device = (void *) device_;
    struct driver *driver;

    if (!vdpa_compat_vdpa_is_ours(device_)) {
        return false;
    }
    ovs_mutex_lock(&hw_mutex);
    driver = driver_find(device->ops);
    if (!driver) {
        driver = xmalloc(sizeof *driver);
        driver->ops = device->ops;
        driver->theirs = *device->ops;
        ovs_list_push_back(&drivers, &driver->list_node);
    }
    ovs_mutex_unlock(&hw_mutex);

    driver->ops->get_protocol_features = our_get_protocol_features;
    if (!is_interposed(device_)) {
        driver->ops->get_protocol_features
            = driver->theirs.get_protocol_features;
        return false;
    }
    driver->ops->dev_conf = our_dev_conf;
    driver->ops->dev_close = our_dev_close;
    driver->ops->set_features = our_set_features;
    return true;
}

/* Removal. */

static void
hw_dev_event(const char *name OVS_UNUSED, enum rte_dev_event_type type,
             void *hw_)
{
    struct dpdk_vdpa_hw *hw = hw_;

    if (type == RTE_DEV_EVENT_REMOVE) {
        atomic_store(&hw->removed, true);
        if (hw->changed) {
            hw->changed(hw->aux);
        }
    }
}

/* Life cycle. */

int
dpdk_vdpa_hw_open(const char *devargs, const char *name,
                  struct rte_vdpa_device *device, struct dpdk_vdpa_hw **hwp,
                  char **errp)
{
    struct dpdk_vdpa_hw *hw;
    uint32_t max_pairs = 0;
    uint64_t features = 0;

    *hwp = NULL;
    if (rte_vdpa_get_queue_num(device, &max_pairs) || !max_pairs
        || rte_vdpa_get_features(device, &features)) {
        *errp = xasprintf("vdpa-accelerator-devargs: vDPA device \"%s\" does "
                          "not tell what it can do; see the log", name);
        return EIO;
    }
    if (!hw_interpose(device)) {
        *errp = xasprintf("vdpa-accelerator-devargs: vDPA device \"%s\" "
                          "cannot be used with %s, which keeps such devices "
                          "in another form; use the relay (vdpa-sw=true)",
                          name, rte_version());
        return ENOTSUP;
    }

    hw = xzalloc(sizeof *hw);
    hw->devargs = xstrdup(devargs);
    hw->name = xstrdup(name);
    hw->device = device;
    hw->max_pairs = MIN(max_pairs, DPDK_VDPA_MAX_PAIRS);
    hw->features = features;
    ovs_mutex_init(&hw->mutex);
    hw_get_stat_names(hw);
    ovs_mutex_lock(&hw_mutex);
    ovs_list_push_back(&hw_list, &hw->list_node);
    ovs_mutex_unlock(&hw_mutex);
    *hwp = hw;
    return 0;
}

void
dpdk_vdpa_hw_close(struct dpdk_vdpa_hw *hw)
{
    if (!hw) {
        return;
    }

    ovs_mutex_lock(&hw_mutex);
    ovs_list_remove(&hw->list_node);
    ovs_mutex_unlock(&hw_mutex);
    if (hw->changed) {
        /* Waits for a callback that runs. */
        while (rte_dev_event_callback_unregister(hw->name, hw_dev_event, hw)
               == -EAGAIN) {
            sched_yield();
        }
    }
    hw_set_error(hw, NULL);
    ovs_mutex_destroy(&hw->mutex);
    free(hw->stat_names);
    free(hw->name);
    free(hw->devargs);
    free(hw);
}

void
dpdk_vdpa_hw_set_callback(struct dpdk_vdpa_hw *hw,
                          void (*changed)(void *aux), void *aux)
{
    ovs_mutex_lock(&hw_mutex);
    hw->changed = changed;
    hw->aux = aux;
    ovs_mutex_unlock(&hw_mutex);
    rte_dev_event_callback_register(hw->name, hw_dev_event, hw);
}

/* Properties. */

const char *
dpdk_vdpa_hw_devargs(const struct dpdk_vdpa_hw *hw)
{
    return hw->devargs;
}

struct rte_vdpa_device *
dpdk_vdpa_hw_device(const struct dpdk_vdpa_hw *hw)
{
    return hw->device;
}

int
dpdk_vdpa_hw_numa_node(const struct dpdk_vdpa_hw *hw)
{
    return rte_dev_numa_node(rte_vdpa_get_rte_device(hw->device));
}

unsigned int
dpdk_vdpa_hw_max_pairs(const struct dpdk_vdpa_hw *hw)
{
    return hw->max_pairs;
}

uint64_t
dpdk_vdpa_hw_features(const struct dpdk_vdpa_hw *hw)
{
    return hw->features;
}

bool
dpdk_vdpa_hw_is_removed(const struct dpdk_vdpa_hw *hw_)
{
    struct dpdk_vdpa_hw *hw = CONST_CAST(struct dpdk_vdpa_hw *, hw_);
    bool removed;

    atomic_read(&hw->removed, &removed);
    return removed;
}

bool
dpdk_vdpa_hw_is_running(const struct dpdk_vdpa_hw *hw_)
{
    struct dpdk_vdpa_hw *hw = CONST_CAST(struct dpdk_vdpa_hw *, hw_);
    bool running;

    atomic_read(&hw->running, &running);
    return running;
}

bool
dpdk_vdpa_hw_waits_in_vain(struct dpdk_vdpa_hw *hw)
    OVS_EXCLUDED(hw->mutex)
{
    bool in_vain;

    ovs_mutex_lock(&hw->mutex);
    in_vain = hw->waiting && time_msec() - hw->waiting >= PATIENCE;
    if (in_vain) {
        hw->waiting = 0;
        hw->hurried = true;
    }
    ovs_mutex_unlock(&hw->mutex);
    return in_vain;
}

char *
dpdk_vdpa_hw_get_error(const struct dpdk_vdpa_hw *hw)
{
    char *error;

    ovs_mutex_lock(&hw->mutex);
    error = nullable_xstrdup(hw->error);
    ovs_mutex_unlock(&hw->mutex);
    return error;
}

/* Statistics. */

/* Stores 'name', of a counter of a driver, in 'stat'. */
static void
stat_set_name(struct dpdk_vdpa_hw_stat *stat, const char *name)
{
    ovs_strlcpy(stat->name, name, sizeof stat->name);
    for (char *p = stat->name; *p; p++) {
        *p = isalnum((unsigned char) *p) ? tolower((unsigned char) *p) : '_';
    }
}

struct dpdk_vdpa_hw_stat *
dpdk_vdpa_hw_get_stats(const struct dpdk_vdpa_hw *hw, unsigned int n_pairs,
                       unsigned int *n)
{
    struct rte_vdpa_stat values[MAX_STATS];
    struct dpdk_vdpa_hw_stat *stats;

    *n = 0;
    if (!hw->n_stat_names) {
        return NULL;
    }
    stats = xcalloc(2 * n_pairs * hw->n_stat_names, sizeof *stats);
    for (unsigned int ring = 0; ring < 2 * n_pairs; ring++) {
        int n_values = hw_read_stats(hw, ring, values);

        if (!n_values) {
            break;              /* Nor will it tell of those after it. */
        }
        for (int i = 0; i < n_values; i++) {
            struct dpdk_vdpa_hw_stat *stat = &stats[(*n)++];

            stat_set_name(stat, hw->stat_names[i].name);
            stat->ring = ring;
            stat->value = values[i].value;
        }
    }
    return stats;
}

void
dpdk_vdpa_hw_check_faults(struct dpdk_vdpa_hw *hw, unsigned int n_pairs)
    OVS_EXCLUDED(hw->mutex)
{
    const char *name = NULL;
    uint64_t n, n_old;

    if (!dpdk_vdpa_hw_is_running(hw)) {
        return;
    }
    n = hw_count_faults(hw, n_pairs, &name);
    ovs_mutex_lock(&hw->mutex);
    n_old = hw->n_faults;
    hw->n_faults = n;
    ovs_mutex_unlock(&hw->mutex);
    if (n > n_old) {
        hw_set_error(hw, xasprintf("device \"%s\" reports a fault (%s)",
                                   hw->name, name));
    }
}
