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

#ifndef DPDK_VDPA_UNDO_H
#define DPDK_VDPA_UNDO_H 1

/* What a burst of the vhost library's leaves half done in a packed ring if the
 * process ends in the middle of it.
 *
 * The library gives buffers back in an order of its own: it writes over the
 * descriptors of some, and of the one before them at last, which is where the
 * guest looks.  Nor can the next process see in the ring how many descriptors
 * a buffer had that was given back.  So before a burst of the library's we
 * write down which buffers it may use, and what it may write over. */

#include <stdbool.h>
#include <stdint.h>

struct dpdk_vdpa_ring;
struct dpdk_vdpa_undo;
struct rte_mbuf;
struct vring_packed_desc;

/* Writes down in '*undo', for packed ring 'ring', the buffers that the guest
 * offers: as many as the library may use to receive 'n' packets, or to send
 * those at 'pkts'.  Stores in '*n' how many packets may be left to it, which
 * may be less, down to 0, and returns the number of buffers; none if '*n' is a
 * packet that needs more than can be written down.
 *
 * For who walks the ring. */
unsigned int dpdk_vdpa_undo_note_recv(const struct dpdk_vdpa_ring *,
                                      struct dpdk_vdpa_undo *, uint16_t *n);
unsigned int dpdk_vdpa_undo_note_send(const struct dpdk_vdpa_ring *,
                                      struct dpdk_vdpa_undo *,
                                      struct rte_mbuf *const *pkts,
                                      uint16_t *n);

/* A process ended that may have been using the 'n' buffers in '*undo', of the
 * packed ring of 'size' descriptors at 'descs'.  Those that it gave back, as
 * the guest sees it, stay so; the others are as the guest had offered them
 * again.  Stores in '*pos' where to go on.  Returns false, and changes
 * nothing, if '*undo' cannot be about this ring. */
bool dpdk_vdpa_undo_burst(const struct dpdk_vdpa_undo *undo, unsigned int n,
                          struct vring_packed_desc *descs, uint16_t size,
                          uint16_t *pos);

#endif /* vhost/undo.h */
