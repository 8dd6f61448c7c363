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

#ifndef DPDK_VDPA_AHEAD_H
#define DPDK_VDPA_AHEAD_H 1

/* Fetches into the cache what a walk over chains of a guest's ring is about to
 * read.  A packet in an indirect table takes four reads, each of which says
 * where the next one is, of lines that the guest has just written: so the
 * walk would wait four times for each packet.
 *
 * What is read here is a hint and nothing else: the walk reads it again, and
 * checks it.  The same rules hold as for vhost/ring.h. */

struct dpdk_vdpa_ring;

/* Most buffers at a time. */
#define DPDK_VDPA_AHEAD 16

/* Fetches of the next buffers that the guest offers, at most DPDK_VDPA_AHEAD,
 * the descriptors and the beginning of what they say. */
void dpdk_vdpa_ahead_fetch(struct dpdk_vdpa_ring *);

#endif /* vhost/ahead.h */
