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

#ifndef DPDK_VDPA_RINGS_H
#define DPDK_VDPA_RINGS_H 1

/* Remembers how far the packed rings of a guest had been processed when its
 * connection broke.
 *
 * When a connection breaks, QEMU reads from a split ring's memory how far it
 * had been processed.  A packed ring does not show that, and QEMU tells the
 * next connection what it knew before: where the last one began.  A back-end
 * that remembers can go on nevertheless.
 *
 * Functions are called by whoever handles the messages of a connection, one at
 * a time. */

#include <stdint.h>

struct dpdk_vdpa_rings;

struct dpdk_vdpa_rings *dpdk_vdpa_rings_create(void);
void dpdk_vdpa_rings_destroy(struct dpdk_vdpa_rings *);

/* Connection 'vid' has the guest's memory, or has none ('vid' is negative). */
void dpdk_vdpa_rings_set_memory(struct dpdk_vdpa_rings *, int vid);

/* The front-end said, by VHOST_USER_SET_VRING_BASE, that 'ring' is to be
 * processed from 'base' on. */
void dpdk_vdpa_rings_set_base(struct dpdk_vdpa_rings *, unsigned int ring,
                              uint32_t base);

/* The front-end asked, by VHOST_USER_GET_VRING_BASE, how far rings have been
 * processed: it knows now. */
void dpdk_vdpa_rings_told(struct dpdk_vdpa_rings *);

/* The guest of connection 'vid' is no longer served.  Takes note of how far
 * its rings have been processed, unless the front-end was told. */
void dpdk_vdpa_rings_save(struct dpdk_vdpa_rings *, int vid);

/* Connection 'vid' has the addresses of 'ring', which nobody processes yet.
 * Goes on where the last connection ended if there is no doubt that it is the
 * same ring, in the same memory, and that the front-end does not know. */
void dpdk_vdpa_rings_restore(struct dpdk_vdpa_rings *, int vid,
                             unsigned int ring);

#endif /* vhost/book.h */
