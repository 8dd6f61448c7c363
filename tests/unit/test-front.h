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

#ifndef TEST_FRONT_H
#define TEST_FRONT_H 1

/* For tests of a VM end on the vhost library that is there: its owner, and a
 * front-end, with one connection, memory in one file, and one region of it. */

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test-messages.h"
#include "timeval.h"
#include "util.h"
#include "vhost/layout.h"
#include "vhost/vm.h"

#define USER 0x7f0000000000ULL
#define MEM_SIZE 0x100000
#define TIMEOUT 60000

static char refused[100];               /* Why the last message was. */
static struct sockaddr_un un = { .sun_family = AF_UNIX };
static int listener;
static int mem_fd;

/* Asks for a number. */
static inline uint64_t
ask_u64(uint32_t request)
{
    struct dpdk_vdpa_msg answer;

    assert_true(front_send(request, 0, NULL, 0, -1)
                && front_recv(request, &answer));
    assert_int_equal(answer.size, sizeof answer.payload.u64);
    return answer.payload.u64;
}

/* Stops a ring.  Returns how far it has been processed. */
static inline uint32_t
stop_ring(uint32_t ring)
{
    uint32_t state[2] = { ring, 0 };
    struct dpdk_vdpa_msg answer;

    assert_true(front_send(DPDK_VDPA_MSG_GET_VRING_BASE, 0, state,
                           sizeof state, -1)
                && front_recv(DPDK_VDPA_MSG_GET_VRING_BASE, &answer));
    assert_int_equal(answer.size, sizeof answer.payload.state);
    assert_int_equal(answer.payload.state.index, ring);
    return answer.payload.state.num;
}

static inline bool
tell_memory(uint64_t size)
{
    uint64_t table[5] = { 1, 0x100000, size, USER, 0 };

    return tell(DPDK_VDPA_MSG_SET_MEM_TABLE, table, sizeof table, mem_fd);
}

static inline bool
tell_kick(uint32_t ring)
{
    return tell_eventfd(DPDK_VDPA_MSG_SET_VRING_KICK, ring);
}

/* Sets up ring 'ring' of 'num' descriptors, all zero, without notifications. */
static inline bool
place_ring(uint32_t ring, uint32_t num)
{
    uint64_t area = USER + ring * 0x10000;
    uint64_t addr[5] = { ring, area, area + 0x8000, area + 0x4000, 0 };
    static const uint8_t zero[0x10000];

    return (pwrite(mem_fd, zero, sizeof zero, area - USER) == sizeof zero
            && tell_state(DPDK_VDPA_MSG_SET_VRING_NUM, ring, num)
            && tell_state(DPDK_VDPA_MSG_SET_VRING_BASE, ring, 0)
            && tell(DPDK_VDPA_MSG_SET_VRING_ADDR, addr, sizeof addr, -1));
}

static inline bool
start_ring_of(uint32_t ring, uint32_t num)
{
    return (place_ring(ring, num)
            && tell_eventfd(DPDK_VDPA_MSG_SET_VRING_CALL, ring)
            && tell_state(DPDK_VDPA_MSG_SET_VRING_ENABLE, ring, 1)
            && tell_kick(ring));
}

static inline bool
start_ring(uint32_t ring)
{
    return start_ring_of(ring, 256);
}

/* Has 'vm' connect anew.  If that is null, another process takes care of it. */
static inline void
front_accept(struct dpdk_vdpa_vm *vm)
{
    struct pollfd pfd = { listener, POLLIN, 0 };
    struct timeval tv = { TIMEOUT / 1000, 0 };
    long long int end = time_msec() + TIMEOUT;

    if (front >= 0) {
        close(front);
    }
    do {
        if (vm) {
            dpdk_vdpa_vm_run(vm);
        }
        assert_true(time_msec() < end);
    } while (poll(&pfd, 1, 1) != 1);
    front = accept(listener, NULL, NULL);
    assert_true(front >= 0);
    assert_int_equal(setsockopt(front, SOL_SOCKET, SO_RCVTIMEO, &tv,
                                sizeof tv), 0);
    refused[0] = '\0';
}

/* Serves a socket in 'folder', which is made, and is the run directory, too, and
 * has memory to share. */
static inline bool
front_open(char *folder)
{
    if (!mkdtemp(folder) || setenv("OVS_RUNDIR", folder, 1)) {
        return false;
    }
    snprintf(un.sun_path, sizeof un.sun_path, "%s/s", folder);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    mem_fd = memfd_create("test-front", 0);
    return (!bind(listener, (struct sockaddr *) &un, sizeof un)
            && !listen(listener, 1) && !ftruncate(mem_fd, MEM_SIZE));
}

static inline void
front_close(const char *folder)
{
    unlink(un.sun_path);
    rmdir(folder);
}

/* The VM end's owner. */

static inline void
front_changed(void *aux OVS_UNUSED, struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
}

static inline void
front_refused(void *aux OVS_UNUSED, struct dpdk_vdpa_vm *vm OVS_UNUSED,
              const char *what)
{
    ovs_strlcpy(refused, what, sizeof refused);
}

static inline void
front_queue_changed(void *aux OVS_UNUSED, struct dpdk_vdpa_vm *vm OVS_UNUSED,
                    unsigned int pair OVS_UNUSED, bool is_rx OVS_UNUSED,
                    bool on OVS_UNUSED)
{
}

static inline void
front_migration_changed(void *aux OVS_UNUSED,
                        struct dpdk_vdpa_vm *vm OVS_UNUSED,
                        bool on OVS_UNUSED)
{
}

static unsigned int n_lost;             /* Times that features were. */

static inline void
front_features_lost(void *aux OVS_UNUSED, struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    n_lost++;
}

static bool
front_memory_changed(void *aux OVS_UNUSED,
                     const struct dpdk_vdpa_vf_region *regions OVS_UNUSED,
                     unsigned int n OVS_UNUSED)
{
    return true;
}

/* Makes a VM end of at most 'n_pairs' queue pairs for our socket, which is in
 * 'folder', for a guest that may have an IOMMU if 'iommu'.  Its owner hears
 * 'callbacks'; in place of those that are null come some that take note at
 * most.  Returns null, after a word, if that fails.  The caller starts it. */
static inline struct dpdk_vdpa_vm *
front_vm_create(const char *folder, struct dpdk_vdpa_vm_callbacks *callbacks,
                unsigned int n_pairs, bool iommu)
{
    struct dpdk_vdpa_vm_config config = {
        .path = un.sun_path, .callbacks = callbacks, .iommu = iommu,
    };
    struct dpdk_vdpa_vm *vm;
    char *error = NULL;

    callbacks->up = callbacks->up ? callbacks->up : front_changed;
    callbacks->down = callbacks->down ? callbacks->down : front_changed;
    callbacks->queue_changed = front_queue_changed;
    callbacks->migration_changed = front_migration_changed;
    callbacks->features_lost = front_features_lost;
    callbacks->memory_changed = front_memory_changed;
    callbacks->refused = (callbacks->refused ? callbacks->refused
                          : front_refused);
    if (!dpdk_vdpa_layout_find(folder, &error)
        || dpdk_vdpa_vm_create(&config, &vm, &error)) {
        fprintf(stderr, "%s\n", error);
        return NULL;
    }
    dpdk_vdpa_vm_set_max_pairs(vm, n_pairs);
    return vm;
}

#endif /* test-front.h */
