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
#include <linux/virtio_ring.h>
#include <numaif.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rte_config.h>
#include <rte_cycles.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_net.h>
#include <rte_tcp.h>
#include <rte_vhost.h>

#include "vhost/guard.h"
#include "dpdk-vdpa-relay.h"
#include "vhost/book.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_vm);

/* How long a front-end may take between the header of a message and its
 * payload, in ms.  Meanwhile no other port's messages are read. */
#define MESSAGE_TIMEOUT 3000

/* How long a guest behind an IOMMU may refuse a packet, in ms, before it is
 * taken to be too long for it. */
#define STUCK_TIMEOUT 1000

#define MAX_RINGS (2 * DPDK_VDPA_MAX_PAIRS)

/* Descriptors of a packed ring to be read at a time. */
#define PACKED_CHUNK 64

/* Features that need help beyond the virtqueues. */
#define OFFLOAD_FEATURES                                                     \
    (1ULL << VIRTIO_NET_F_CSUM                                               \
     | 1ULL << VIRTIO_NET_F_GUEST_CSUM                                       \
     | 1ULL << VIRTIO_NET_F_HOST_TSO4                                        \
     | 1ULL << VIRTIO_NET_F_HOST_TSO6                                        \
     | 1ULL << VIRTIO_NET_F_HOST_ECN                                         \
     | 1ULL << VIRTIO_NET_F_HOST_UFO                                         \
     | 1ULL << VIRTIO_NET_F_GUEST_TSO4                                       \
     | 1ULL << VIRTIO_NET_F_GUEST_TSO6                                       \
     | 1ULL << VIRTIO_NET_F_GUEST_ECN                                        \
     | 1ULL << VIRTIO_NET_F_GUEST_UFO)

/* Protects 'vm_list'.  A leaf: nothing is called with it held. */
static struct ovs_mutex vm_list_mutex = OVS_MUTEX_INITIALIZER;

/* The packet that a guest's receive queue refuses, and since when, in timer
 * cycles. */
struct vm_stuck {
    const struct rte_mbuf *pkt;
    uint64_t since;
};

struct dpdk_vdpa_vm {
    /* Constant after creation. */
    struct ovs_list list_node OVS_GUARDED_BY(vm_list_mutex);
    char *path;
    uint64_t vhost_flags;
    struct dpdk_vdpa_rings *rings;      /* For the vhost thread. */
    const struct dpdk_vdpa_vm_callbacks *callbacks;
    void *aux;

    /* Main thread only. */
    bool registered;
    uint64_t offloads;
    struct rte_vdpa_device *vdpa;       /* Constant after the start. */

    /* Written by the vhost thread before 'up', or while no PMD thread may be
     * inside the burst functions; read by these. */
    int vid;
    struct rte_mempool *mempool;

    /* The vhost thread.  After a SET_MEM_TABLE that fails, the library takes
     * the guest to be as ready as before. */
    bool has_memory;
    bool handling;              /* A message that may change virtqueues. */

    struct dpdk_vdpa_walk *walk;

    /* Written by the vhost thread, read by any. */
    atomic_bool up;
    atomic_uint64_t features;
    atomic_int numa_node;
    atomic_bool ring_enabled[MAX_RINGS];

    /* Each for the thread that sends to the queue pair. */
    struct vm_stuck stuck[DPDK_VDPA_MAX_PAIRS];

    /* Written by the main thread, read by the vhost thread. */
    atomic_uint max_pairs;

    /* For the thread that handles the connection's messages. */
    struct dpdk_vdpa_guard guard;
};

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

/* Returns the NUMA node of the guest's memory, or -1. */
static int
guest_numa_node(int vid)
{
    struct rte_vhost_memory *mem;
    int node = -1;

    if (rte_vhost_get_mem_table(vid, &mem)) {
        return -1;
    }
    if (!mem->nregions
        || get_mempolicy(&node, NULL, 0,
                         (void *) (uintptr_t) mem->regions[0].host_user_addr,
                         MPOL_F_NODE | MPOL_F_ADDR)) {
        node = -1;
    }
    free(mem);
    return node;
}

/* Has the virtqueues walked that can be. */
static void
vm_open_walk(struct dpdk_vdpa_vm *vm, int vid)
{
    bool enabled[MAX_RINGS];

    /* With post-copy, memory may come only after the front-end was served. */
    if (!dpdk_vdpa_vm_is_up(vm) || !vm->has_memory || vm->vdpa
        || vm->vhost_flags & RTE_VHOST_USER_POSTCOPY_SUPPORT) {
        return;
    }
    for (int i = 0; i < MAX_RINGS; i++) {
        atomic_read_relaxed(&vm->ring_enabled[i], &enabled[i]);
    }
    dpdk_vdpa_walk_open(vm->walk, vid, enabled, MAX_RINGS);
}

/* Vhost callbacks. */

static int
vm_new_device(int vid)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);
    uint64_t features = 0;

    if (!vm) {
        return -1;
    }
    if (!vm->has_memory) {
        return 0;       /* Or a vDPA device is never told that it is over. */
    }

    rte_vhost_get_negotiated_features(vid, &features);
    atomic_store_relaxed(&vm->features, features);
    atomic_store_relaxed(&vm->numa_node, guest_numa_node(vid));
    vm->vid = vid;
    atomic_store(&vm->up, true);
    dpdk_vdpa_vm_suppress_kicks(vm);
    vm->handling = false;
    dpdk_vdpa_walk_close(vm->walk);
    vm_open_walk(vm, vid);
    vm->callbacks->up(vm->aux, vm);
    return 0;
}

static void
vm_destroy_device(int vid)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);

    if (vm && dpdk_vdpa_vm_is_up(vm)) {
        atomic_store(&vm->up, false);
        dpdk_vdpa_walk_close(vm->walk);
        vm->callbacks->down(vm->aux, vm);
        dpdk_vdpa_rings_save(vm->rings, vid);
    }
}

static int
vm_vring_state_changed(int vid, uint16_t ring, int enable)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);
    bool was_enabled;

    if (!vm || ring >= MAX_RINGS) {
        return 0;
    }

    atomic_read_relaxed(&vm->ring_enabled[ring], &was_enabled);
    if (was_enabled != !!enable) {
        atomic_store_relaxed(&vm->ring_enabled[ring], !!enable);
        if (!vm->handling) {
            dpdk_vdpa_walk_close(vm->walk);
            vm_open_walk(vm, vid);
        }
        vm->callbacks->queue_changed(vm->aux, vm, ring / 2, ring % 2 == 0,
                                     enable);
    }
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

/* Returns true if 'msg' changes nothing. */
static bool
is_question(const struct dpdk_vdpa_msg *msg)
{
    switch (msg->request) {
    case DPDK_VDPA_MSG_GET_FEATURES:
    case DPDK_VDPA_MSG_GET_PROTOCOL_FEATURES:
    case DPDK_VDPA_MSG_GET_QUEUE_NUM:
    case DPDK_VDPA_MSG_GET_STATUS:
        return true;
    default:
        return false;
    }
}

/* Handles a message before the library does.
 *
 * The library of DPDK 22.11 always answers VHOST_USER_GET_QUEUE_NUM with 128;
 * we know better.  VHOST_USER_RESET_OWNER is of no use any more, and may be
 * ignored; the library loses memory at it. */
static enum rte_vhost_msg_result
vm_pre_msg_handle(int vid, void *msg_)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);
    struct dpdk_vdpa_msg *msg = msg_;
    unsigned int max_pairs;
    uint64_t features = 0;
    char why[80];

    if (!vm) {
        return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
    }
    if (!is_question(msg)) {
        vm->handling = true;
        dpdk_vdpa_walk_close(vm->walk);
    }
    rte_vhost_get_negotiated_features(vid, &features);
    if (dpdk_vdpa_guard_check(&vm->guard, msg, features, why, sizeof why)) {
        dpdk_vdpa_guard_close_fds(msg);
        /* With an answer, the connection would go on. */
        msg->flags &= ~DPDK_VDPA_MSG_NEED_REPLY;
        vm->callbacks->refused(vm->aux, vm, why);
        return RTE_VHOST_MSG_RESULT_ERR;
    }
    switch (msg->request) {
    case DPDK_VDPA_MSG_GET_QUEUE_NUM:
        atomic_read_relaxed(&vm->max_pairs, &max_pairs);
        dpdk_vdpa_guard_close_fds(msg);
        msg->payload.u64 = max_pairs;
        msg->size = sizeof msg->payload.u64;
        return RTE_VHOST_MSG_RESULT_REPLY;
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
        vm->has_memory = false;
        dpdk_vdpa_rings_set_memory(vm->rings, -1);
        return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
    case DPDK_VDPA_MSG_SET_VRING_BASE:
        dpdk_vdpa_rings_set_base(vm->rings, msg->payload.state.index,
                                 msg->payload.state.num);
        return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
    case DPDK_VDPA_MSG_GET_VRING_BASE:
        dpdk_vdpa_rings_told(vm->rings);
        return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
    case DPDK_VDPA_MSG_RESET_OWNER:
        dpdk_vdpa_guard_close_fds(msg);
        return RTE_VHOST_MSG_RESULT_OK;
    default:
        return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
    }
}

/* Handles a message after the library did, with success. */
static enum rte_vhost_msg_result
vm_post_msg_handle(int vid, void *msg_)
{
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);
    struct dpdk_vdpa_msg *msg = msg_;

    if (!vm || is_question(msg)) {
        return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
    }
    switch (msg->request) {
    case DPDK_VDPA_MSG_SET_MEM_TABLE:
        vm->has_memory = true;
        dpdk_vdpa_rings_set_memory(vm->rings, vid);
        break;
    case DPDK_VDPA_MSG_SET_VRING_KICK:
        /* From now on the library knows where the ring is. */
        dpdk_vdpa_rings_restore(vm->rings, vid, msg->payload.u64 & 0xff);
        break;
    case DPDK_VDPA_MSG_SEND_RARP:
        dpdk_vdpa_walk_ask_library(vm->walk);
        break;
    }
    vm->handling = false;
    vm_open_walk(vm, vid);
    return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static int
vm_new_connection(int vid)
{
    static const struct rte_vhost_user_extern_ops extern_ops = {
        .pre_msg_handle = vm_pre_msg_handle,
        .post_msg_handle = vm_post_msg_handle,
    };
    struct dpdk_vdpa_vm *vm = vm_from_vid(vid);
    bool postcopy;

    if (!vm) {
        return -1;
    }
    for (int i = 0; i < MAX_RINGS; i++) {
        atomic_store_relaxed(&vm->ring_enabled[i], false);
    }
    vm->has_memory = false;
    vm->handling = false;
    dpdk_vdpa_rings_set_memory(vm->rings, -1);
    postcopy = vm->vhost_flags & RTE_VHOST_USER_POSTCOPY_SUPPORT;
    if (!dpdk_vdpa_guard_init(&vm->guard, vm->path, postcopy,
                              MESSAGE_TIMEOUT)) {
        VLOG_WARN("%s: cannot limit the time to wait for a message",
                  vm->path);
    }
    return rte_vhost_extern_callback_register(vid, &extern_ops, NULL);
}

static const struct rte_vhost_device_ops vm_vhost_ops = {
    .new_device = vm_new_device,
    .destroy_device = vm_destroy_device,
    .vring_state_changed = vm_vring_state_changed,
    .features_changed = vm_features_changed,
    .new_connection = vm_new_connection,
};

/* Life cycle. */

/* Returns true if anything in this process, such as a dpdkvhostuserclient
 * port, has the socket at 'path'.  There is no call that just asks: this one
 * changes nothing, and fails for a path that is not registered. */
static bool
vhost_path_is_registered(const char *path)
{
    return !rte_vhost_driver_disable_features(path, 0);
}

static uint64_t
vhost_flags(const struct dpdk_vdpa_vm_config *config)
{
    uint64_t flags = RTE_VHOST_USER_CLIENT;

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
    struct dpdk_vdpa_walk *walk;
    struct dpdk_vdpa_vm *vm;

    *vmp = NULL;
    if (vhost_path_is_registered(config->path)) {
        *errp = xasprintf("vdpa-socket-path: \"%s\" is in use by another "
                          "port; give each port a socket of its own",
                          config->path);
        return EADDRINUSE;
    }

    walk = dpdk_vdpa_walk_create();
    if (!walk) {
        int error = errno;

        *errp = xasprintf("the kernel is too old: membarrier(2) of Linux 4.14 "
                          "is needed (%s)", ovs_strerror(error));
        return error;
    }

    vm = xzalloc(sizeof *vm);
    vm->walk = walk;
    vm->path = xstrdup(config->path);
    vm->vhost_flags = vhost_flags(config);
    vm->offloads = config->offloads;
    vm->rings = config->rings;
    vm->callbacks = config->callbacks;
    vm->aux = config->aux;
    vm->vid = -1;
    atomic_init(&vm->numa_node, -1);
    ovs_mutex_lock(&vm_list_mutex);
    ovs_list_push_back(&vm_list, &vm->list_node);
    ovs_mutex_unlock(&vm_list_mutex);
    *vmp = vm;
    return 0;
}

/* Registers and starts at one go: the library creates a socket when it
 * registers a path and forgets to close it if the path is never started. */
int
dpdk_vdpa_vm_start(struct dpdk_vdpa_vm *vm, char **errp)
{
    if (rte_vhost_driver_register(vm->path, vm->vhost_flags)) {
        goto error;
    }
    vm->registered = true;
    rte_vhost_driver_callback_register(vm->path, &vm_vhost_ops);
    if (!vm->vdpa) {
        dpdk_vdpa_vm_set_offloads(vm, vm->offloads);
    } else if (rte_vhost_driver_attach_vdpa_device(vm->path, vm->vdpa)) {
        goto error;
    }
    if (rte_vhost_driver_start(vm->path)) {
        goto error;
    }
    return 0;

error:
    *errp = xasprintf("vdpa-socket-path: \"%s\" cannot be used with the vhost "
                      "library, which takes at most 1024 sockets; see the "
                      "log", vm->path);
    return EIO;
}

void
dpdk_vdpa_vm_destroy(struct dpdk_vdpa_vm *vm)
{
    if (!vm) {
        return;
    }

    if (vm->registered && rte_vhost_driver_unregister(vm->path)) {
        VLOG_ERR("cannot unregister vhost-user socket %s", vm->path);
    }
    ovs_mutex_lock(&vm_list_mutex);
    ovs_list_remove(&vm->list_node);
    ovs_mutex_unlock(&vm_list_mutex);
    dpdk_vdpa_walk_destroy(vm->walk);
    free(vm->path);
    free(vm);
}

/* Rings, as far as we look at them ourselves. */

/* Returns true if the guest offers a descriptor of a packed ring to the
 * device whose wrap counter is 'wrap' (virtio 1.1, section 2.7.1). */
static bool
packed_desc_is_avail(const struct vring_packed_desc *desc, bool wrap)
{
    bool avail = desc->flags & (1 << VRING_PACKED_DESC_F_AVAIL);
    bool used = desc->flags & (1 << VRING_PACKED_DESC_F_USED);

    return avail == wrap && used != wrap;
}

/* Copies 'n' descriptors of a packed ring.  The memory may be unmapped any
 * time, so that the kernel must read it for us. */
static bool
packed_ring_read(const struct vring_packed_desc *from,
                 struct vring_packed_desc *to, unsigned int n)
{
    struct iovec local = { to, n * sizeof *to };
    struct iovec remote = { CONST_CAST(struct vring_packed_desc *, from),
                            n * sizeof *to };

    return (process_vm_readv(getpid(), &local, 1, &remote, 1, 0)
            == n * sizeof *to);
}

/* Returns how many descriptors the guest offers in packed ring 'vring', of
 * which the library will use the one at 'next' first ('next' being an index
 * with the wrap counter in the most significant bit), 'max' if there are more.
 * The library has no function for this. */
static unsigned int
packed_ring_n_avail(const struct rte_vhost_vring *vring, uint16_t next,
                    unsigned int max)
{
    struct vring_packed_desc descs[PACKED_CHUNK];
    unsigned int first = next & 0x7fff;
    bool wrap = next >> 15;
    unsigned int n = 0;

    max = MIN(max, vring->size);
    while (n < max && first < vring->size) {
        unsigned int chunk = MIN(MIN(max - n, vring->size - first),
                                 PACKED_CHUNK);

        if (!packed_ring_read(&vring->desc_packed[first], descs, chunk)) {
            return n;
        }
        for (unsigned int i = 0; i < chunk; i++, n++) {
            if (!packed_desc_is_avail(&descs[i], wrap)) {
                return n;
            }
        }
        first += chunk;
        if (first == vring->size) {
            first = 0;
            wrap = !wrap;
        }
    }
    return n;
}

/* Returns how many descriptors the guest offers in 'ring', or 'max' if there
 * are more; with split rings it may be too much, as a guest can say what it
 * likes. */
static unsigned int
vm_ring_n_avail(struct dpdk_vdpa_vm *vm, uint16_t ring, bool packed,
                unsigned int max)
{
    uint16_t next_avail, next_used;
    struct rte_vhost_vring vring;
    unsigned int n;

    if (packed) {
        return (rte_vhost_get_vring_base(vm->vid, ring, &next_avail,
                                         &next_used)
                || rte_vhost_get_vhost_vring(vm->vid, ring, &vring)
                || !vring.desc_packed
                ? 0 : packed_ring_n_avail(&vring, next_avail, max));
    }
    n = (ring % 2 ? rte_vhost_rx_queue_count(vm->vid, ring)
         : rte_vhost_avail_entries(vm->vid, ring));
    return MIN(n, max);
}

/* Properties. */

void
dpdk_vdpa_vm_set_max_pairs(struct dpdk_vdpa_vm *vm, unsigned int max_pairs)
{
    atomic_store_relaxed(&vm->max_pairs, max_pairs);
}

void
dpdk_vdpa_vm_set_offloads(struct dpdk_vdpa_vm *vm, uint64_t features)
{
    vm->offloads = features & OFFLOAD_FEATURES;
    if (vm->registered && !vm->vdpa) {
        rte_vhost_driver_disable_features(vm->path, OFFLOAD_FEATURES);
        rte_vhost_driver_enable_features(vm->path, vm->offloads);
    }
}

uint64_t
dpdk_vdpa_vm_get_offloads(const struct dpdk_vdpa_vm *vm)
{
    return vm->offloads;
}

void
dpdk_vdpa_vm_set_vdpa(struct dpdk_vdpa_vm *vm, struct rte_vdpa_device *vdpa)
{
    vm->vdpa = vdpa;
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
vm_pair_enabled(struct dpdk_vdpa_vm *vm, unsigned int pair)
{
    bool rx, tx;

    atomic_read_relaxed(&vm->ring_enabled[2 * pair], &rx);
    atomic_read_relaxed(&vm->ring_enabled[2 * pair + 1], &tx);
    return rx && tx;
}

void
dpdk_vdpa_vm_get_enabled(const struct dpdk_vdpa_vm *vm, bool *enabled,
                         unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        enabled[i] = vm_pair_enabled(CONST_CAST(struct dpdk_vdpa_vm *, vm), i);
    }
}

void
dpdk_vdpa_vm_suppress_kicks(struct dpdk_vdpa_vm *vm)
{
    for (unsigned int i = 0;
         !vm->vdpa && i < rte_vhost_get_vring_num(vm->vid); i++) {
        rte_vhost_enable_guest_notification(vm->vid, i, 0);
    }
}

bool
dpdk_vdpa_vm_get_info(const struct dpdk_vdpa_vm *vm_,
                      struct dpdk_vdpa_vm_info *info)
{
    struct dpdk_vdpa_vm *vm = CONST_CAST(struct dpdk_vdpa_vm *, vm_);

    memset(info, 0, sizeof *info);
    info->numa_node = -1;
    dpdk_vdpa_walk_get_info(vm->walk, &info->walk);
    if (!dpdk_vdpa_vm_is_up(vm)) {
        return false;
    }

    atomic_read_relaxed(&vm->features, &info->features);
    atomic_read_relaxed(&vm->numa_node, &info->numa_node);
    info->packed = info->features & (1ULL << VIRTIO_F_RING_PACKED);
    info->migrating = info->features & (1ULL << VHOST_F_LOG_ALL);
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
            && vm_ring_n_avail(vm, 2 * pair + 1, info.packed, 1) > 0);
}

void
dpdk_vdpa_vm_set_mempool(struct dpdk_vdpa_vm *vm, struct rte_mempool *mp)
{
    vm->mempool = mp;
}

/* Burst functions. */

uint16_t
dpdk_vdpa_vm_recv(void *vm_, uint16_t queue, struct rte_mbuf **pkts,
                  uint16_t n)
{
    struct dpdk_vdpa_vm *vm = vm_;

    return dpdk_vdpa_walk_recv(vm->walk, vm->vid, 2 * queue + 1, vm->mempool,
                               pkts, n);
}

uint16_t
dpdk_vdpa_vm_send(void *vm_, uint16_t queue, struct rte_mbuf **pkts,
                  uint16_t n)
{
    struct dpdk_vdpa_vm *vm = vm_;

    n = dpdk_vdpa_walk_send(vm->walk, vm->vid, 2 * queue, pkts, n);
    if (n) {
        vm->stuck[queue].pkt = NULL;
    }
    return n;
}

/* Returns true if 'pkt' has been asked about for STUCK_TIMEOUT. */
static bool
refused_for_long(struct vm_stuck *stuck, const struct rte_mbuf *pkt)
{
    uint64_t now = rte_get_timer_cycles();

    if (stuck->pkt != pkt) {
        stuck->pkt = pkt;
        stuck->since = now;
    }
    return now - stuck->since > STUCK_TIMEOUT * rte_get_timer_hz() / 1000;
}

bool
dpdk_vdpa_vm_never_fits(void *vm_, uint16_t queue, struct rte_mbuf *pkt)
{
    struct dpdk_vdpa_vm *vm = vm_;
    uint16_t ring = 2 * queue;
    struct rte_vhost_vring vring;
    unsigned int needed;
    uint64_t features;
    bool packed;

    if (!vm_pair_enabled(vm, queue)
        || rte_vhost_get_vhost_vring(vm->vid, ring, &vring)
        || !vring.desc) {
        return false;
    }
    /* With an IOMMU, a refusal may just mean that the library awaits the
     * front-end's translation of an address. */
    atomic_read_relaxed(&vm->features, &features);
    if (features & (1ULL << VIRTIO_F_IOMMU_PLATFORM)
        && !refused_for_long(&vm->stuck[queue], pkt)) {
        return false;
    }

    /* A packet goes into one buffer unless they are mergeable.  The library
     * merges at most all but one of the ring. */
    packed = features & (1ULL << VIRTIO_F_RING_PACKED);
    needed = features & (1ULL << VIRTIO_NET_F_MRG_RXBUF) ? vring.size - 1 : 1;
    return vm_ring_n_avail(vm, ring, packed, needed) >= MAX(needed, 1);
}

/* Says in 'pkt' what is to be said to the guest of a TCP packet put together
 * from segments.  Returns false if it is no such packet. */
static bool
describe_large_tcp(struct rte_mbuf *pkt)
{
    struct rte_net_hdr_lens lens;
    uint32_t ptype = rte_net_get_ptype(pkt, &lens, RTE_PTYPE_L2_MASK
                                                   | RTE_PTYPE_L3_MASK
                                                   | RTE_PTYPE_L4_MASK);
    struct rte_tcp_hdr *tcp;
    const void *ip;

    if ((ptype & RTE_PTYPE_L4_MASK) != RTE_PTYPE_L4_TCP
        || lens.l4_len < sizeof *tcp
        || lens.l2_len + lens.l3_len + lens.l4_len > pkt->data_len
        || !pkt->tso_segsz) {
        return false;
    }
    pkt->l2_len = lens.l2_len;
    pkt->l3_len = lens.l3_len;
    pkt->l4_len = lens.l4_len;
    ip = rte_pktmbuf_mtod_offset(pkt, void *, lens.l2_len);
    tcp = rte_pktmbuf_mtod_offset(pkt, struct rte_tcp_hdr *,
                                  lens.l2_len + lens.l3_len);
    if (RTE_ETH_IS_IPV4_HDR(ptype)) {
        pkt->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4;
        tcp->cksum = rte_ipv4_phdr_cksum(ip, 0);
    } else {
        pkt->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV6;
        tcp->cksum = rte_ipv6_phdr_cksum(ip, 0);
    }
    return true;
}

/* The library describes a packet to the guest by its flags for transmission.
 * The checksum that a guest gets with a packet to be segmented is that of the
 * pseudo-header (virtio 1.1, section 5.1.6.4.1).  The library of DPDK 22.11
 * leaves the length out of it, as Intel's NICs want it, and a guest that
 * forwards the packet would send bad checksums; but it leaves those alone
 * whose headers do not lie in the first segment, so that of 'pkt' is made to
 * end before the TCP header. */
bool
dpdk_vdpa_vm_prepare_lro(void *vm OVS_UNUSED, struct rte_mbuf *pkt)
{
    struct rte_mbuf *rest;
    uint16_t ip_end;

    if (!describe_large_tcp(pkt)) {
        return false;
    }
    rest = rte_pktmbuf_alloc(pkt->pool);
    if (!rest) {
        return false;
    }

    ip_end = pkt->l2_len + pkt->l3_len;
    rte_pktmbuf_attach(rest, pkt);
    rest->data_off += ip_end;
    rest->data_len -= ip_end;
    rest->next = pkt->next;
    pkt->next = rest;
    pkt->data_len = ip_end;
    pkt->nb_segs++;
    return true;
}
