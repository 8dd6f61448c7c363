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

#ifndef VDPA_COPIES_H
#define VDPA_COPIES_H 1

/* Copies of packets on their way from the PMD threads that relay them to
 * whoever consumes them: a capture's file or port.
 *
 * PMD threads never wait.  What there is no room for is missed, and counted
 * so: whenever nothing is on its way, what was taken is what was written and
 * what was missed. */

#include <stdbool.h>
#include <stdint.h>

#include "dpdk-vdpa-relay.h"

struct rte_mbuf;
struct vdpa_copies;

/* What goes with a copy, in the private area of its mbuf. */
struct vdpa_copy_info {
    uint64_t tsc;               /* When it was made. */
    uint32_t original_len;      /* In bytes. */
    uint16_t queue;
    bool inbound;               /* To the guest. */
};

struct vdpa_copies_config {
    uint32_t snaplen;           /* Bytes of each packet to copy. */
    uint32_t room;              /* Bytes in one mbuf; longer ones come in a
                                 * chain. */
    uint64_t count;             /* Packets to copy, 0 for no limit. */
    int numa_node;
};

/* Makes a queue.  Returns 0, or a positive errno value and a sentence for the
 * user in '*errp', which the caller must free.  Main thread. */
int vdpa_copies_create(const struct vdpa_copies_config *,
                       struct vdpa_copies **, char **errp);

/* Frees the queue, which nobody uses any more, and what is in it.  A port's
 * owner. */
void vdpa_copies_destroy(struct vdpa_copies *);

/* Copies 'n' packets.  Any number of PMD threads. */
void vdpa_copies_add(struct vdpa_copies *, enum dpdk_vdpa_direction,
                     uint16_t queue, struct rte_mbuf *const *pkts,
                     unsigned int n);

/* Takes at most 'n' copies, which are then the caller's, and returns their
 * number.  He counts each as written or as missed.  One thread at a time. */
unsigned int vdpa_copies_take(struct vdpa_copies *, struct rte_mbuf **pkts,
                              unsigned int n);
void vdpa_copies_count_written(struct vdpa_copies *, unsigned int n);
void vdpa_copies_count_missed(struct vdpa_copies *, unsigned int n);

/* Takes no more packets.  Any thread. */
void vdpa_copies_close(struct vdpa_copies *);

/* Returns true if no more is to come, because the wanted number was written or
 * missed, or the queue is closed.  Any thread. */
bool vdpa_copies_is_done(const struct vdpa_copies *);

/* Any thread. */
uint64_t vdpa_copies_n_written(const struct vdpa_copies *);
uint64_t vdpa_copies_n_missed(const struct vdpa_copies *);

#endif /* port/copies.h */
