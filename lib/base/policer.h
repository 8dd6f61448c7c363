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

#ifndef DPDK_VDPA_POLICER_H
#define DPDK_VDPA_POLICER_H 1

/* Decides which packets exceed a rate.
 *
 * A policer is shared by all threads that see packets of its port and
 * direction, so that the rate is that of all queues together, however the
 * packets are spread.  It takes no lock: each of its token buckets is one
 * number.
 *
 * Lengths are those of frames without their Ethernet header, as Open vSwitch's
 * policers count.  A packet that is to be cut into segments, or was put
 * together from some, counts as these. */

#include <stdbool.h>
#include <stdint.h>

struct dpdk_vdpa_policer;
struct rte_mbuf;

/* A token bucket: 'rate' units per second, and room for 'burst' of them.  With
 * a rate of 0 it never has any. */
struct dpdk_vdpa_rate {
    uint64_t rate;
    uint64_t burst;
};

/* A meter of bytes with two colours (RFC 4115).  A packet takes tokens of the
 * first bucket, and is green, or else of the second one, and is yellow, or
 * else it is red.  Of a packet that is yellow already the first bucket is not
 * asked. */
struct dpdk_vdpa_meter {
    struct dpdk_vdpa_rate committed;
    struct dpdk_vdpa_rate excess;
};

#define DPDK_VDPA_MAX_METERS 2

struct dpdk_vdpa_policer_config {
    /* Each packet goes through these meters, and must not be red in the end.
     * Each but the first one goes by the colour that the packet has so far. */
    unsigned int n_meters;
    struct dpdk_vdpa_meter meters[DPDK_VDPA_MAX_METERS];

    /* Packets, in packets; rate 0 if they are not counted. */
    struct dpdk_vdpa_rate packets;
};

/* What became of packets. */
struct dpdk_vdpa_policer_stats {
    uint64_t passed_packets;
    uint64_t passed_bytes;
    uint64_t dropped_packets;
};

/* Creates a policer, all of whose buckets are full.  EAL is initialized. */
struct dpdk_vdpa_policer *dpdk_vdpa_policer_create(
    const struct dpdk_vdpa_policer_config *);

/* Destroys it.  No thread uses it any more. */
void dpdk_vdpa_policer_destroy(struct dpdk_vdpa_policer *);

/* Returns true if 'pkt' may pass at time 'now', in cycles of the time stamp
 * counter.  If it may not, it has used up nothing of what the last meter and
 * the packets are for.  Any thread, also several at a time. */
bool dpdk_vdpa_policer_admit(struct dpdk_vdpa_policer *,
                             const struct rte_mbuf *pkt, uint64_t now);

/* Fills in '*stats' with what happened since the policer was created. */
void dpdk_vdpa_policer_get_stats(const struct dpdk_vdpa_policer *,
                                 struct dpdk_vdpa_policer_stats *stats);

#endif /* base/policer.h */
