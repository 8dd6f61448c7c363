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

#include "vhost/vm.h"

#include <errno.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <unistd.h>

#include <rte_config.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "base/fault.h"
#include "dpdk-vdpa-relay.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "seq.h"
#include "util.h"
#include "vhost/connector.h"
#include "vhost/dmas.h"
#include "vhost/door.h"
#include "vhost/layout.h"
#include "vhost/lro.h"
#include "vhost/offer.h"
#include "vhost/notes.h"
#include "vhost/peek.h"
#include "vhost/session.h"
#include "vhost/stuck.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_vm);

BUILD_ASSERT_DECL(DPDK_VDPA_BOOK_N_RINGS == 2 * DPDK_VDPA_MAX_PAIRS);

/* Protects 'vm_list'.  A leaf: nothing is called with it held. */
static struct ovs_mutex vm_list_mutex = OVS_MUTEX_INITIALIZER;

struct dpdk_vdpa_vm {
    /* Each for the thread that sends to the queue pair, in lines of its own:
     * it is written with each burst. */
    struct dpdk_vdpa_stuck stuck[DPDK_VDPA_MAX_PAIRS];

    /* Constant after creation. */
    struct ovs_list list_node OVS_GUARDED_BY(vm_list_mutex);
    char *path;
    uint64_t vhost_flags;
    const struct dpdk_vdpa_vm_callbacks *callbacks;
    void *aux;

    /* The owner's: the main thread, or the one that destroys the VM end. */
    struct dpdk_vdpa_connector *connector;      /* Null before the start. */
    bool registered;                    /* With the library: connected. */
    bool began;                         /* The session, by the last attempt. */
    struct dpdk_vdpa_offer offer;
    struct rte_vdpa_device *vdpa;       /* Constant after the start. */

    /* The connection has ended.  Written by the vhost thread, read by the main
     * thread, which 'lost_seq' wakes. */
    atomic_bool lost;
    struct seq *lost_seq;
    uint64_t last_lost_seq;             /* The owner's. */

    /* Written by the vhost thread before 'up', or while no PMD thread may be
     * inside the burst functions; read by these. */
    int vid;
    struct rte_mempool *mempool;

    struct dpdk_vdpa_session session;

    /* Written by the vhost thread, read by any. */
    atomic_bool up;
    atomic_uint64_t features;
    atomic_uint64_t taken;              /* Of a connection, whether or not it
                                         * is up. */
    atomic_int numa_node;
};
BUILD_ASSERT_DECL(sizeof(struct dpdk_vdpa_stuck) % CACHE_LINE_SIZE == 0
                  && offsetof(struct dpdk_vdpa_vm, stuck) == 0);

static struct ovs_list vm_list OVS_GUARDED_BY(vm_list_mutex)
    = OVS_LIST_INITIALIZER(&vm_list);

static const struct rte_vhost_device_ops vm_vhost_ops;

/* Returns the VM end that connection 'vid' belongs to, or null.  It stays
 * valid for the callback that looks it up, because dpdk_vdpa_vm_destroy()
 * frees it only after rte_vhost_driver_unregister(), which waits for
 * callbacks that are under way. */
static struct dpdk_vdpa_vm *
vm_from_vid(int vid)
{
    struct dpdk_vdpa_vm *vm, *found = NULL;
    char path[PATH_MAX];

    if (rte_vhost_get_ifname(vid, path, sizeof path)) {
        return NULL;
    }

    ovs_mutex_lock(&vm_list_mutex);
    LIST_FOR_EACH (vm, list_node, &vm_list) {
        if (!strcmp(vm->path, path)) {
            found = vm;
            break;
        }
    }
    ovs_mutex_unlock(&vm_list_mutex);
    return found;
}

/* Asks the guest of connection 'vid' not to notify us of what it sends: we
 * poll.  For rings that the library processes; the walk does so itself. */
static void
vm_suppress_kicks(struct dpdk_vdpa_vm *vm, int vid)
{
    for (unsigned int i = 0; !vm->vdpa && i < rte_vhost_get_vring_num(vid);
         i++) {
        rte_vhost_enable_guest_notification(vid, i, 0);
    }
}

/* What the walk asks of who has packets that are lent. */

static void
vm_call_in(void *vm_, bool by_force)
{
    struct dpdk_vdpa_vm *vm = vm_;

    vm->callbacks->call_in(vm->aux, by_force);
}

static void
vm_lost(void *vm_)
{
    struct dpdk_vdpa_vm *vm = vm_;

    dpdk_vdpa_fault_keep(&vm->session.memory);
    vm->callbacks->lost(vm->aux);
}

/* Says what memory the guest of connection 'vid' has, as far as it matters to
 * who sends its packets, or that it has none any more. */
static void
vm_tell_memory(struct dpdk_vdpa_vm *vm, int vid, bool gone)
{
    struct dpdk_vdpa_vf_region regions[DPDK_VDPA_VF_MAX_REGIONS];
    struct rte_vhost_memory *mem;
    unsigned int n = 0;

    if (vm->vdpa) {
        return;
    }
    if (!gone && !rte_vhost_get_mem_table(vid, &mem)) {
        for (unsigned int i = 0; i < mem->nregions; i++) {
            regions[n].addr = mem->regions[i].mmap_addr;
            regions[n++].len = mem->regions[i].mmap_size;
        }
        free(mem);
    }
    dpdk_vdpa_walk_set_reachable(
        vm->session.walk, vm->callbacks->memory_changed(vm->aux, regions, n));
}

/* What befalls DMA engines: one that stalls ends the connection. */

static void
vm_dma_stalled(void *vm_)
{
    struct dpdk_vdpa_vm *vm = vm_;

    atomic_store(&vm->lost, true);
    seq_change(vm->lost_seq);
}

static void
vm_dma_failed(void *vm_, unsigned int ring, bool is_stopped)
{
    struct dpdk_vdpa_vm *vm = vm_;

    if (!is_stopped) {
        vm_lost(vm);
    }
    vm->callbacks->dma_failed(vm->aux, ring);
}

static const struct dpdk_vdpa_dmas_ops vm_dmas_ops = {
    .stalled = vm_dma_stalled,
    .failed = vm_dma_failed,
};

/* Vhost callbacks. */

static int
vm_new_device(int vid)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);

    if (!vm) {
        return -1;
    }
    if (!vm->session.book.has_memory) {
        return 0;       /* Or a vDPA device is never told that it is over. */
    }

    atomic_store_relaxed(&vm->features, vm->session.book.features);
    atomic_store_relaxed(&vm->numa_node, dpdk_vdpa_peek_numa_node(vid));
    vm->vid = vid;
    atomic_store(&vm->up, true);
    vm_suppress_kicks(vm, vid);
    vm_tell_memory(vm, vid, false);
    dpdk_vdpa_session_open_walk(&vm->session, vid);
    vm->callbacks->up(vm->aux, vm);
    if (dpdk_vdpa_book_lost_features(&vm->session.book)) {
        vm->callbacks->features_lost(vm->aux, vm);
    }
    return 0;
}

static void
vm_destroy_device(int vid)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);

    if (vm && dpdk_vdpa_vm_is_up(vm)) {
        atomic_store(&vm->up, false);
        dpdk_vdpa_walk_close(vm->session.walk);
        vm->callbacks->down(vm->aux, vm);
        if (vm->session.dmas) {
            dpdk_vdpa_dmas_end(vm->session.dmas, vid);
        }
        vm_tell_memory(vm, vid, true);
        dpdk_vdpa_session_save(&vm->session, vid);
    }
}

static int
vm_vring_state_changed(int vid, uint16_t ring, int enable)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);

    /* With DMA engines the library says of all rings that they are disabled
     * and enabled, whatever they were, when memory is about to change. */
    if (!vm || ring >= DPDK_VDPA_BOOK_N_RINGS || vm->session.moves_memory
        || dpdk_vdpa_book_is_enabled(&vm->session.book, ring) == !!enable) {
        return 0;
    }

    if (!enable) {
        dpdk_vdpa_walk_close_ring(vm->session.walk, ring);
    }
    dpdk_vdpa_book_set_enabled(&vm->session.book, ring, enable);
    if (!vm->session.handling && dpdk_vdpa_vm_is_up(vm)) {
        dpdk_vdpa_session_open_walk(&vm->session, vid);
    }
    vm->callbacks->queue_changed(vm->aux, vm, ring / 2, ring % 2 == 0,
                                 enable);
    return 0;
}

static int
vm_features_changed(int vid, uint64_t features)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);
    uint64_t old;

    if (!vm) {
        return 0;
    }

    atomic_read_relaxed(&vm->features, &old);
    atomic_store_relaxed(&vm->features, features);
    if ((old ^ features) & (1ULL << VHOST_F_LOG_ALL)) {
        vm->callbacks->migration_changed(vm->aux, vm,
                                         features & (1ULL << VHOST_F_LOG_ALL));
    }
    return 0;
}

/* Messages. */

static enum rte_vhost_msg_result
vm_pre_msg_handle(int vid, void *theirs)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);
    enum rte_vhost_msg_result result;
    struct dpdk_vdpa_msg msg;
    char why[80];

    if (!vm) {
        return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
    }
    dpdk_vdpa_layout_read(&msg, theirs);
    result = dpdk_vdpa_session_pre_msg(&vm->session, &msg,
                                       dpdk_vdpa_vm_is_up(vm), why,
                                       sizeof why);
    dpdk_vdpa_layout_write(theirs, &msg);
    if (why[0]) {
        vm->callbacks->refused(vm->aux, vm, why);
    } else if (msg.request == DPDK_VDPA_MSG_SET_MEM_TABLE
               && dpdk_vdpa_vm_is_up(vm)) {
        vm_tell_memory(vm, vid, true);
    }
    return result;
}

static enum rte_vhost_msg_result
vm_post_msg_handle(int vid, void *theirs)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);
    struct dpdk_vdpa_msg msg;

    if (vm) {
        dpdk_vdpa_layout_read(&msg, theirs);
        if (msg.request == DPDK_VDPA_MSG_SET_MEM_TABLE
            && dpdk_vdpa_vm_is_up(vm)) {
            vm_tell_memory(vm, vid, false);
        }
        dpdk_vdpa_session_post_msg(&vm->session, &msg, vid,
                                   dpdk_vdpa_vm_is_up(vm));
        atomic_store_relaxed(&vm->taken, vm->session.book.features);
    }
    return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static int
vm_new_connection(int vid)
{
    static const struct rte_vhost_user_extern_ops extern_ops = {
        .pre_msg_handle = vm_pre_msg_handle,
        .post_msg_handle = vm_post_msg_handle,
    };
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);

    if (!vm) {
        return -1;
    }
    if (!dpdk_vdpa_session_begin(&vm->session, vid)
        || rte_vhost_extern_callback_register(vid, &extern_ops, NULL)) {
        VLOG_ERR_RL(&rl, "%s: the connection cannot be served", vm->path);
        return -1;
    }
    vm->began = true;
    return 0;
}

static void
vm_destroy_connection(int vid)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);

    if (vm) {
        const char *why = dpdk_vdpa_door_reason(&vm->session.door);

        if (why) {
            vm->callbacks->refused(vm->aux, vm, why);
        }
        dpdk_vdpa_session_end(&vm->session);
        atomic_store(&vm->lost, true);
        seq_change(vm->lost_seq);
    }
}

static const struct rte_vhost_device_ops vm_vhost_ops = {
    .new_device = vm_new_device,
    .destroy_device = vm_destroy_device,
    .vring_state_changed = vm_vring_state_changed,
    .features_changed = vm_features_changed,
    .new_connection = vm_new_connection,
    .destroy_connection = vm_destroy_connection,
};

/* Connecting. */

/* Returns true if anything in this process, such as a dpdkvhostuserclient
 * port, has the socket at 'path'.  There is no call that just asks: this one
 * changes nothing, and fails for a path that is not registered. */
static bool
vhost_path_is_registered(const char *path)
{
    return !rte_vhost_driver_disable_features(path, 0);
}

/* Returns true if a VM end, or anything else, has the socket at 'path'. */
static bool
path_is_in_use(const char *path)
{
    struct dpdk_vdpa_vm *vm;
    bool found = false;

    ovs_mutex_lock(&vm_list_mutex);
    LIST_FOR_EACH (vm, list_node, &vm_list) {
        found |= !strcmp(vm->path, path);
    }
    ovs_mutex_unlock(&vm_list_mutex);
    return found || vhost_path_is_registered(path);
}

void
dpdk_vdpa_vm_disconnect(struct dpdk_vdpa_vm *vm)
{
    if (!vm->registered) {
        return;
    }
    if (rte_vhost_driver_unregister(vm->path)) {
        VLOG_ERR("cannot unregister vhost-user socket %s", vm->path);
    }
    vm->registered = false;
    dpdk_vdpa_session_end(&vm->session);
}

/* Returns true if DMA engines may serve the next connection. */
static bool
vm_has_dmas(const struct dpdk_vdpa_vm *vm)
{
    return (vm->session.dmas && !vm->vdpa && !vm->session.postcopy
            && !(vm->vhost_flags & RTE_VHOST_USER_IOMMU_SUPPORT));
}

/* Makes a connection, with what the guest is offered now.
 *
 * Registers and starts at one go: the library creates a socket when it
 * registers a path and forgets to close it if the path is never started. */
static int
vm_connect(struct dpdk_vdpa_vm *vm)
{
    bool dmas = vm_has_dmas(vm);
    int error;

    if (vhost_path_is_registered(vm->path)) {
        return EADDRINUSE;
    }
    if (rte_vhost_driver_register(vm->path, vm->vhost_flags
                                  | (dmas ? RTE_VHOST_USER_ASYNC_COPY : 0))) {
        return EIO;
    }
    vm->registered = true;
    atomic_store(&vm->lost, false);
    dpdk_vdpa_fault_reset(&vm->session.memory);
    rte_vhost_driver_callback_register(vm->path, &vm_vhost_ops);
    dpdk_vdpa_offer_protocol(vm->path);
    if ((vm->vdpa
         && rte_vhost_driver_attach_vdpa_device(vm->path, vm->vdpa))
        || !dpdk_vdpa_offer_make(&vm->offer, vm->path)) {
        dpdk_vdpa_vm_disconnect(vm);
        return EIO;
    }
    atomic_store_relaxed(&vm->taken, 0);
    vm->began = false;
    dpdk_vdpa_door_hold();
    error = rte_vhost_driver_start(vm->path) ? ECONNREFUSED : 0;
    /* With engines the library offers no live migration.  We close them. */
    if (!error && dmas && !dpdk_vdpa_offer_add(&vm->offer, vm->path,
                                               1ULL << VHOST_F_LOG_ALL)) {
        error = EIO;
    }
    dpdk_vdpa_door_release();
    if (!error && !vm->began) {
        error = EIO;            /* It does not say that this failed. */
    }
    if (error) {
        dpdk_vdpa_vm_disconnect(vm);
    }
    return error;
}

/* Returns true if the connection that there is has ended, or has to. */
static bool
vm_is_lost(struct dpdk_vdpa_vm *vm)
{
    bool lost;

    vm->last_lost_seq = seq_read(vm->lost_seq);
    atomic_read(&vm->lost, &lost);
    dpdk_vdpa_fault_run();
    if (vm->registered && dpdk_vdpa_fault_is_hit(&vm->session.memory)) {
        vm->callbacks->refused(vm->aux, vm, "memory that went away: its file "
                               "was truncated, or had no room for a page");
        lost = true;
    }
    return vm->registered && lost;
}

void
dpdk_vdpa_vm_run(struct dpdk_vdpa_vm *vm)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

    if (vm_is_lost(vm)) {
        dpdk_vdpa_vm_disconnect(vm);
        dpdk_vdpa_connector_set_connected(vm->connector, false);
    }
    if (!vm->registered && dpdk_vdpa_connector_is_due(vm->connector)) {
        int error = vm_connect(vm);

        dpdk_vdpa_connector_set_connected(vm->connector, !error);
        if (error && error != ECONNREFUSED) {
            VLOG_WARN_RL(&rl, "%s: the vhost library does not connect (%s)",
                         vm->path, ovs_strerror(error));
        }
    }
}

void
dpdk_vdpa_vm_wait(struct dpdk_vdpa_vm *vm)
{
    seq_wait(vm->lost_seq, vm->last_lost_seq);
    if (vm->registered) {
        dpdk_vdpa_fault_wait(&vm->session.memory);
    }
    dpdk_vdpa_connector_wait(vm->connector);
}

/* Life cycle. */

static uint64_t
vhost_flags(const struct dpdk_vdpa_vm_config *config)
{
    uint64_t flags = (RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NO_RECONNECT
                      | RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS);

    if (config->iommu) {
        flags |= RTE_VHOST_USER_IOMMU_SUPPORT;
    }
    if (config->postcopy) {
        flags |= RTE_VHOST_USER_POSTCOPY_SUPPORT;
    }
    return flags;
}

int
dpdk_vdpa_vm_create(const struct dpdk_vdpa_vm_config *config,
                    struct dpdk_vdpa_vm **vmp, char **errp)
{
    struct dpdk_vdpa_vm *vm;

    *vmp = NULL;
    if (path_is_in_use(config->path)) {
        *errp = xasprintf("vdpa-socket-path: \"%s\" is in use by another "
                          "port; give each port a socket of its own",
                          config->path);
        return EADDRINUSE;
    }

    dpdk_vdpa_fault_init();
    vm = xzalloc_cacheline(sizeof *vm);
    vm->session.notes = dpdk_vdpa_notes_open(config->path);
    vm->session.walk = dpdk_vdpa_walk_create(&vm->session.book,
                                             vm->session.notes);
    if (!vm->session.walk) {
        int error = errno;

        *errp = xasprintf("the kernel is too old: membarrier(2) of Linux 4.14 "
                          "is needed (%s)", ovs_strerror(error));
        dpdk_vdpa_notes_close(vm->session.notes);
        free_cacheline(vm);
        return error;
    }
    dpdk_vdpa_walk_set_lender(vm->session.walk, &(struct dpdk_vdpa_lender) {
        vm, vm_call_in, vm_lost, config->aux });
    vm->path = xstrdup(config->path);
    vm->vhost_flags = vhost_flags(config);
    vm->session.postcopy = config->postcopy;
    vm->callbacks = config->callbacks;
    vm->aux = config->aux;
    vm->vid = -1;
    vm->session.insert.fd = -1;
    vm->lost_seq = seq_create();
    atomic_init(&vm->numa_node, -1);
    ovs_mutex_lock(&vm_list_mutex);
    ovs_list_push_back(&vm_list, &vm->list_node);
    ovs_mutex_unlock(&vm_list_mutex);
    *vmp = vm;
    return 0;
}

int
dpdk_vdpa_vm_start(struct dpdk_vdpa_vm *vm, char **errp)
{
    int error = 0;

    vm->connector = dpdk_vdpa_connector_create(vm->path);
    if (dpdk_vdpa_connector_is_due(vm->connector)) {
        error = vm_connect(vm);
        dpdk_vdpa_connector_set_connected(vm->connector, !error);
    }
    if (error && error != ECONNREFUSED) {
        *errp = xasprintf("vdpa-socket-path: \"%s\" cannot be used with the "
                          "vhost library, which takes at most 1024 sockets; "
                          "see the log", vm->path);
        return error;
    }
    return 0;
}

void
dpdk_vdpa_vm_destroy(struct dpdk_vdpa_vm *vm)
{
    if (!vm) {
        return;
    }

    dpdk_vdpa_vm_disconnect(vm);
    dpdk_vdpa_connector_destroy(vm->connector);
    ovs_mutex_lock(&vm_list_mutex);
    ovs_list_remove(&vm->list_node);
    ovs_mutex_unlock(&vm_list_mutex);
    dpdk_vdpa_dmas_destroy(vm->session.dmas);
    dpdk_vdpa_walk_destroy(vm->session.walk);
    dpdk_vdpa_notes_close(vm->session.notes);
    seq_destroy(vm->lost_seq);
    free(vm->path);
    free_cacheline(vm);
}

/* Properties. */

void
dpdk_vdpa_vm_set_max_pairs(struct dpdk_vdpa_vm *vm, unsigned int max_pairs)
{
    atomic_store_relaxed(&vm->session.max_pairs, max_pairs);
}

void
dpdk_vdpa_vm_set_features(struct dpdk_vdpa_vm *vm, uint64_t offloads,
                          uint64_t withheld)
{
    vm->offer.offloads = offloads;
    vm->offer.withheld = withheld;
}

bool
dpdk_vdpa_vm_get_offer(const struct dpdk_vdpa_vm *vm_,
                       struct dpdk_vdpa_vm_offer *offer)
{
    struct dpdk_vdpa_vm *vm = CONST_CAST(struct dpdk_vdpa_vm *, vm_);

    offer->now = vm->offer.now;
    offer->withheld = vm->offer.withheld_then;
    offer->next = dpdk_vdpa_offer_next(&vm->offer);
    atomic_read_relaxed(&vm->taken, &offer->taken);
    return vm->registered;
}

void
dpdk_vdpa_vm_set_vdpa(struct dpdk_vdpa_vm *vm, struct rte_vdpa_device *vdpa,
                      bool (*is_served)(const void *hw),
                      void (*end_logging)(const void *hw, int vid),
                      const void *hw)
{
    vm->vdpa = vdpa;
    vm->offer.hw = true;
    vm->session.hw = true;
    vm->session.is_served = is_served;
    vm->session.end_logging = end_logging;
    vm->session.aux = hw;
}

void
dpdk_vdpa_vm_set_dma(struct dpdk_vdpa_vm *vm, unsigned int ring,
                     int16_t engine)
{
    if (!vm->session.dmas) {
        vm->session.dmas = dpdk_vdpa_dmas_create(vm->session.walk,
                                                 &vm_dmas_ops, vm);
    }
    dpdk_vdpa_dmas_set(vm->session.dmas, ring, engine);
}

void
dpdk_vdpa_vm_get_dma(const struct dpdk_vdpa_vm *vm, unsigned int ring,
                     struct dpdk_vdpa_dmas_info *info)
{
    dpdk_vdpa_dmas_get_info(vm->session.dmas, ring, info);
}

const char *
dpdk_vdpa_vm_path(const struct dpdk_vdpa_vm *vm)
{
    return vm->path;
}

bool
dpdk_vdpa_vm_is_up(const struct dpdk_vdpa_vm *vm_)
{
    struct dpdk_vdpa_vm *vm = CONST_CAST(struct dpdk_vdpa_vm *, vm_);
    bool up;

    atomic_read(&vm->up, &up);
    return up;
}

static bool
vm_pair_enabled(const struct dpdk_vdpa_vm *vm, unsigned int pair)
{
    return (dpdk_vdpa_book_is_enabled(&vm->session.book, 2 * pair)
            && dpdk_vdpa_book_is_enabled(&vm->session.book, 2 * pair + 1));
}

void
dpdk_vdpa_vm_get_enabled(const struct dpdk_vdpa_vm *vm, bool *enabled,
                         unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        enabled[i] = vm_pair_enabled(vm, i);
    }
}

unsigned int
dpdk_vdpa_vm_n_started(const struct dpdk_vdpa_vm *vm)
{
    return (dpdk_vdpa_vm_is_up(vm)
            ? dpdk_vdpa_book_n_pairs(&vm->session.book) : 0);
}

bool
dpdk_vdpa_vm_get_info(const struct dpdk_vdpa_vm *vm_,
                      struct dpdk_vdpa_vm_info *info)
{
    struct dpdk_vdpa_vm *vm = CONST_CAST(struct dpdk_vdpa_vm *, vm_);

    memset(info, 0, sizeof *info);
    info->numa_node = -1;
    dpdk_vdpa_walk_get_info(vm->session.walk, &info->walk);
    if (vm->connector && !vm->registered) {
        info->socket_error = dpdk_vdpa_connector_error(vm->connector);
    }
    if (!dpdk_vdpa_vm_is_up(vm)) {
        return false;
    }

    atomic_read_relaxed(&vm->features, &info->features);
    atomic_read_relaxed(&vm->numa_node, &info->numa_node);
    info->packed = info->features & (1ULL << VIRTIO_F_RING_PACKED);
    info->migrating = info->features & (1ULL << VHOST_F_LOG_ALL);
    info->postcopy = vm->session.postcopy;
    info->iommu = vm->vhost_flags & RTE_VHOST_USER_IOMMU_SUPPORT;
    for (unsigned int i = 0; i < DPDK_VDPA_MAX_PAIRS; i++) {
        info->n_enabled += vm_pair_enabled(vm, i);
    }
    return true;
}

bool
dpdk_vdpa_vm_has_packets(const struct dpdk_vdpa_vm *vm_, unsigned int pair)
{
    struct dpdk_vdpa_vm *vm = CONST_CAST(struct dpdk_vdpa_vm *, vm_);
    struct dpdk_vdpa_vm_info info;

    return (dpdk_vdpa_vm_get_info(vm, &info)
            && vm_pair_enabled(vm, pair)
            && dpdk_vdpa_peek_n_avail(vm->vid, 2 * pair + 1, info.packed, 1));
}

void
dpdk_vdpa_vm_set_mempool(struct dpdk_vdpa_vm *vm, struct rte_mempool *mp)
{
    vm->mempool = mp;
}

void
dpdk_vdpa_vm_set_lending(struct dpdk_vdpa_vm *vm, uint16_t max_segs)
{
    dpdk_vdpa_walk_set_lending(vm->session.walk, max_segs);
}

/* Burst functions. */

uint16_t
dpdk_vdpa_vm_recv(void *vm_, uint16_t queue, struct rte_mbuf **pkts,
                  uint16_t n)
{
    struct dpdk_vdpa_vm *vm = vm_;

    return (OVS_UNLIKELY(vm->session.dmas)
            ? dpdk_vdpa_dmas_recv(vm->session.dmas, vm->vid, 2 * queue + 1,
                                  vm->mempool, pkts, n)
            : dpdk_vdpa_walk_recv(vm->session.walk, vm->vid, 2 * queue + 1,
                                  vm->mempool, pkts, n));
}

uint16_t
dpdk_vdpa_vm_send(void *vm_, uint16_t queue, struct rte_mbuf **pkts,
                  uint16_t n)
{
    struct dpdk_vdpa_vm *vm = vm_;

    n = (OVS_UNLIKELY(vm->session.dmas)
         ? dpdk_vdpa_dmas_send(vm->session.dmas, vm->vid, 2 * queue, pkts, n)
         : dpdk_vdpa_walk_send(vm->session.walk, vm->vid, 2 * queue, pkts,
                               n));
    if (n) {
        vm->stuck[queue].pkt = NULL;
    }
    return n;
}

int
dpdk_vdpa_vm_never_fits(void *vm_, uint16_t queue, struct rte_mbuf *pkt)
{
    struct dpdk_vdpa_vm *vm = vm_;
    uint16_t ring = 2 * queue;
    unsigned int needed = 1;
    uint64_t features;
    int n;

    if (!vm_pair_enabled(vm, queue)
        || dpdk_vdpa_dmas_is_busy(vm->session.dmas, ring)) {
        return -1;
    }
    /* A packet goes into one buffer unless they are mergeable.  The library
     * merges at most all but one of the ring. */
    atomic_read_relaxed(&vm->features, &features);
    if (features & (1ULL << VIRTIO_NET_F_MRG_RXBUF)) {
        needed = MAX(vm->session.book.rings[ring].size, 2) - 1;
    } else if (dpdk_vdpa_walk_return_short(vm->session.walk, vm->vid, ring)) {
        return DPDK_VDPA_DROP_BAD_BUFFER;
    }
    n = dpdk_vdpa_walk_n_avail(vm->session.walk, ring, needed);
    if (n < 0) {
        /* With an IOMMU, a refusal may just mean that the library awaits the
         * front-end's translation of an address. */
        if (!dpdk_vdpa_stuck_is(&vm->stuck[queue], pkt)) {
            return -1;
        }
        n = dpdk_vdpa_peek_n_avail(vm->vid, ring,
                                   features & (1ULL << VIRTIO_F_RING_PACKED),
                                   needed);
    }
    return n >= needed ? DPDK_VDPA_DROP_OVERSIZE : -1;
}

void
dpdk_vdpa_vm_settle(void *vm_, uint16_t queue, struct rte_mbuf **pkts,
                    uint16_t n)
{
    struct dpdk_vdpa_vm *vm = vm_;

    dpdk_vdpa_dmas_poll(vm->session.dmas, vm->vid, 2 * queue);
    if (!dpdk_vdpa_dmas_is_busy(vm->session.dmas, 2 * queue + 1)) {
        dpdk_vdpa_walk_settle(vm->session.walk, vm->vid, 2 * queue + 1,
                              vm->mempool, pkts, n);
    }
}

bool
dpdk_vdpa_vm_has_lent(void *vm_, uint16_t queue)
{
    struct dpdk_vdpa_vm *vm = vm_;

    return dpdk_vdpa_walk_has_lent(vm->session.walk, 2 * queue + 1);
}

bool
dpdk_vdpa_vm_arm(void *vm_, uint16_t queue, struct dpdk_vdpa_waiter *waiter)
{
    struct dpdk_vdpa_vm *vm = vm_;

    return (!dpdk_vdpa_dmas_is_busy(vm->session.dmas, 2 * queue)
            && !dpdk_vdpa_dmas_is_busy(vm->session.dmas, 2 * queue + 1)
            && dpdk_vdpa_walk_ask_for_kick(vm->session.walk, 2 * queue + 1,
                                           waiter));
}

void
dpdk_vdpa_vm_disarm(void *vm_, uint16_t queue)
{
    struct dpdk_vdpa_vm *vm = vm_;

    dpdk_vdpa_walk_end_kick(vm->session.walk, 2 * queue + 1);
}

bool
dpdk_vdpa_vm_prepare_lro(void *vm OVS_UNUSED, struct rte_mbuf *pkt)
{
    return dpdk_vdpa_lro_prepare(pkt);
}
