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

#ifndef DPDK_VDPA_BOOK_H
#define DPDK_VDPA_BOOK_H 1

/* The book of a connection: what its front-end said of the guest's memory and
 * virtqueues, in one place.
 *
 * It is filled from messages that were checked (vhost/guard.h) and that the
 * vhost library took.  Whoever wants to know where a ring is, how long or how
 * far, reads it here.
 *
 * It belongs to the thread that handles the connection's messages, but for
 * what says otherwise; nothing here takes a lock. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ovs-atomic.h"
#include "vhost/message.h"

/* Virtqueues of a connection, as many as the library knows. */
#define DPDK_VDPA_BOOK_N_RINGS 256

/* Most regions of a guest's memory, as many as the library takes. */
#define DPDK_VDPA_BOOK_N_REGIONS DPDK_VDPA_MSG_MAX_FDS

/* A part of the guest's memory: 'size' bytes, which the guest has at address
 * 'guest', the front-end at 'user', and we at 'host' as long as the book
 * 'has_memory'. */
struct dpdk_vdpa_book_region {
    uint64_t size;
    uint64_t guest;
    uint64_t user;
    uint64_t host;
};

/* The file that memory is in; all zero for none. */
struct dpdk_vdpa_book_file {
    dev_t dev;
    ino_t ino;
    off_t size;
};

struct dpdk_vdpa_book_memory {
    unsigned int n;
    struct dpdk_vdpa_book_region regions[DPDK_VDPA_BOOK_N_REGIONS];
    struct dpdk_vdpa_book_file file;    /* Of the first region. */
};

/* A ring, since its last stop (VHOST_USER_GET_VRING_BASE). */
struct dpdk_vdpa_book_ring {
    uint16_t size;              /* Descriptors, 0 until it is set. */
    bool has_base;
    bool has_addr;
    bool has_call;              /* The library knows how to interrupt. */
    bool wants_call;            /* So does the front-end: it has said how, or
                                 * that it wants none, and not stopped the
                                 * ring since (vhost/reset.h does as well). */
    bool is_started;            /* By VHOST_USER_SET_VRING_KICK. */
    bool is_placed;             /* Where it begins is settled: see
                                 * vhost/positions.h. */
    bool is_on;                 /* By VHOST_USER_SET_VRING_ENABLE; outlives a
                                 * stop. */
    bool has_iotlb;             /* Translations may be cached; outlives a
                                 * stop. */
    uint32_t base;              /* Where the front-end said it begins: for a
                                 * packed ring with the wrap counter in bit
                                 * 15. */
    uint64_t desc;              /* In the front-end's addresses; with an IOMMU
                                 * in the guest's. */
    uint64_t avail;             /* Of a packed ring the driver's events. */
    uint64_t used;              /* Of a packed ring the device's events. */

    /* The ring is ready and enabled, says the library.  Read by any thread. */
    atomic_bool enabled;
};

struct dpdk_vdpa_book {
    uint64_t features;          /* Negotiated virtio features. */
    uint64_t protocol;          /* Negotiated features of the protocol. */
    uint8_t status;             /* Of the device, by the front-end. */
    bool has_memory;            /* 'memory' is mapped. */
    bool postcopy;              /* Post-copy migration was offered. */
    bool advised;               /* POSTCOPY_ADVISE without an end. */
    bool iotlb_is_stale;        /* Translations outlived the memory. */
    unsigned int n_rings;       /* The library has: up to the last one that a
                                 * message was about. */
    atomic_uint n_pairs;        /* Queue pairs that have been started, up to
                                 * the last one, whether or not they were
                                 * stopped since.  Read by any thread. */
    struct dpdk_vdpa_book_memory memory;
    struct {
        struct dpdk_vdpa_book_file file;
        uint64_t size;          /* 0 for none. */
    } log;                      /* Of dirty pages. */
    struct dpdk_vdpa_book_ring rings[DPDK_VDPA_BOOK_N_RINGS];
};

/* The areas that a ring consists of, in bytes. */
struct dpdk_vdpa_book_areas {
    uint64_t desc;
    uint64_t avail;
    uint64_t used;
};

/* Begins a book for a new connection. */
void dpdk_vdpa_book_init(struct dpdk_vdpa_book *, bool postcopy);

/* Reads the regions out of VHOST_USER_SET_MEM_TABLE, without 'host'. */
void dpdk_vdpa_book_read_memory(const struct dpdk_vdpa_msg *,
                                struct dpdk_vdpa_book_memory *);

/* Returns the file that 'fd' is. */
struct dpdk_vdpa_book_file dpdk_vdpa_book_file(int fd);
bool dpdk_vdpa_book_file_equals(const struct dpdk_vdpa_book_file *,
                                const struct dpdk_vdpa_book_file *);

/* Returns true if VHOST_USER_SET_LOG_BASE 'msg' brings the log that there is
 * already, as QEMU does for each queue pair. */
bool dpdk_vdpa_book_has_log(const struct dpdk_vdpa_book *,
                            const struct dpdk_vdpa_msg *msg);

/* The library is about to handle 'msg': if it brings other memory, what there
 * was may be unmapped any time. */
void dpdk_vdpa_book_begin(struct dpdk_vdpa_book *,
                          const struct dpdk_vdpa_msg *);

/* The library handled 'msg' with success. */
void dpdk_vdpa_book_end(struct dpdk_vdpa_book *, const struct dpdk_vdpa_msg *);

/* Memory that came with the last message is mapped: region 'i' is where
 * 'host[i]' says. */
void dpdk_vdpa_book_map(struct dpdk_vdpa_book *, const uint64_t *host);

/* Returns how long the areas of a ring of 'size' descriptors are with these
 * virtio features. */
struct dpdk_vdpa_book_areas dpdk_vdpa_book_areas(uint64_t features,
                                                 uint16_t size);

/* Returns the region of 'memory' that all 'len' bytes at the front-end's
 * address 'user' are in, or null. */
const struct dpdk_vdpa_book_region *dpdk_vdpa_book_find(
    const struct dpdk_vdpa_book_memory *memory, uint64_t user, uint64_t len);

/* Returns true if each area of 'ring', which has addresses, lies wholly in one
 * region of 'memory'. */
bool dpdk_vdpa_book_ring_fits(const struct dpdk_vdpa_book_ring *ring,
                              uint64_t features,
                              const struct dpdk_vdpa_book_memory *memory);

/* Returns where we have the 'len' bytes at the front-end's address 'user', or
 * null if they are not wholly in one region, or there is no memory. */
void *dpdk_vdpa_book_at(const struct dpdk_vdpa_book *, uint64_t user,
                        uint64_t len);

/* Returns true if the front-end says that the guest's driver is a legacy one,
 * and the place of a ring that is started shows that it is none: so the
 * front-end has lost the features that the driver took.
 *
 * A legacy driver tells the device one address.  The available part of its
 * rings follows the descriptors, and the used part begins on the next page. */
bool dpdk_vdpa_book_lost_features(const struct dpdk_vdpa_book *);

/* Returns how many queue pairs the front-end has started, up to the last one,
 * since it connected or gave VIRTIO_NET_F_MQ up.  Any thread. */
unsigned int dpdk_vdpa_book_n_pairs(const struct dpdk_vdpa_book *);

/* Returns true if ring 'i' is ready and enabled.  Any thread. */
bool dpdk_vdpa_book_is_enabled(const struct dpdk_vdpa_book *, unsigned int i);
void dpdk_vdpa_book_set_enabled(struct dpdk_vdpa_book *, unsigned int i,
                                bool enabled);

#endif /* vhost/book.h */
