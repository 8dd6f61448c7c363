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

#ifndef DPDK_VDPA_POSITIONS_H
#define DPDK_VDPA_POSITIONS_H 1

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

#include "vhost/book.h"

struct dpdk_vdpa_positions;

struct dpdk_vdpa_positions *dpdk_vdpa_positions_create(void);
void dpdk_vdpa_positions_destroy(struct dpdk_vdpa_positions *);

/* The guest of connection 'vid', whose book 'book' is, is no longer served.
 * Takes note of how far its rings have been processed. */
void dpdk_vdpa_positions_save(struct dpdk_vdpa_positions *,
                              const struct dpdk_vdpa_book *book, int vid);

/* The front-end asked, by VHOST_USER_GET_VRING_BASE, how far rings have been
 * processed: it knows now, and nothing need be remembered. */
void dpdk_vdpa_positions_forget(struct dpdk_vdpa_positions *);

/* Ring 'i' of connection 'vid' has been started, and nobody processes it yet.
 * Goes on where the last connection ended if there is no doubt that it is the
 * same ring, in the same memory, and that the front-end does not know. */
void dpdk_vdpa_positions_restore(struct dpdk_vdpa_positions *,
                                 const struct dpdk_vdpa_book *, int vid,
                                 unsigned int i);

#endif /* vhost/positions.h */
