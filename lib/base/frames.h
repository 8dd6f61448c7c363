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

#ifndef DPDK_VDPA_FRAMES_H
#define DPDK_VDPA_FRAMES_H 1

/* What the wire would have of a packet: a guest leaves checksums and the
 * cutting into segments to its NIC, and a NIC may put segments together.  Here
 * a copy of such a packet is finished in software, for those who want to look
 * at it. */

#include <stdbool.h>
#include <stdint.h>

#include "base/segment.h"

struct rte_mbuf;

/* The longest packet that is cut, and the longest that is looked at. */
#define DPDK_VDPA_MAX_PACKET 65600

/* A packet that is being turned into frames. */
struct dpdk_vdpa_frames {
    struct dpdk_vdpa_cut cut;   /* Without headers if it is one frame. */
    unsigned int next;
    uint8_t data[DPDK_VDPA_MAX_PACKET];
};

/* Begins with 'pkt', of which it copies what it needs.  Offloads that make no
 * sense of the packet are ignored, as is what is beyond
 * DPDK_VDPA_MAX_PACKET.  One thread. */
void dpdk_vdpa_frames_begin(struct dpdk_vdpa_frames *,
                            const struct rte_mbuf *pkt);

/* Returns true while there is a frame to come. */
bool dpdk_vdpa_frames_more(const struct dpdk_vdpa_frames *);

/* The length of the next frame, in bytes. */
uint32_t dpdk_vdpa_frames_next_len(const struct dpdk_vdpa_frames *);

/* Writes the next frame, which there is, to 'frame', which has room for
 * dpdk_vdpa_frames_next_len() bytes. */
void dpdk_vdpa_frames_next(struct dpdk_vdpa_frames *, void *frame);

#endif /* base/frames.h */
