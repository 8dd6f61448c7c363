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

/* Has the packed rings of a guest go on where they were when its connection
 * broke, be it that the process ended: reads what vhost/notes.h keeps, and
 * says which rings it is about.
 *
 * Functions are called by whoever handles the messages of a connection, one at
 * a time, while nobody processes the ring in question. */

#include <stdbool.h>

#include "vhost/book.h"

struct dpdk_vdpa_notes;

/* The guest of connection 'vid', whose book 'book' is, is no longer served.
 * Takes note of how far its rings have been processed. */
void dpdk_vdpa_positions_save(struct dpdk_vdpa_notes *,
                              const struct dpdk_vdpa_book *book, int vid);

/* The front-end asked, by VHOST_USER_GET_VRING_BASE, how far ring 'i' has been
 * processed: it knows now, and nothing need be remembered. */
void dpdk_vdpa_positions_forget(struct dpdk_vdpa_notes *, unsigned int i);

/* Ring 'i' of connection 'vid' has been started, and is going to be processed,
 * by a vDPA device if 'hw' is true.
 *
 * Returns false if it is behind an IOMMU, and the library does not know yet
 * where: then nobody can process it, and this is to be called again after the
 * next translations.
 *
 * Goes on where the last connection ended if there is no doubt that it is the
 * same ring, in the same memory, and that the front-end does not know.  From
 * now on notes are about this ring. */
bool dpdk_vdpa_positions_begin(struct dpdk_vdpa_notes *,
                               const struct dpdk_vdpa_book *, int vid,
                               unsigned int i, bool hw);

#endif /* vhost/positions.h */
