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

#ifndef DPDK_VDPA_PACKET_H
#define DPDK_VDPA_PACKET_H 1

/* Which packets are for relaying. */

#include <stdint.h>

struct rte_mbuf;

struct dpdk_vdpa_packet_rules {
    uint32_t max_payload_len;   /* Longest frame without header, in bytes. */
    uint64_t offload_mask;      /* RTE_MBUF_F_* to check. */
    uint64_t good_offloads;     /* Those of them that are good. */
};

/* Returns the enum dpdk_vdpa_drop_reason for which 'pkt' is not for relaying,
 * or -1 if it is.  The vhost library does not check that what a guest asks for
 * was negotiated, nor does it say all that a VF must know to segment a packet:
 * this does.  Any thread that owns 'pkt'. */
int dpdk_vdpa_packet_check(const struct dpdk_vdpa_packet_rules *,
                           struct rte_mbuf *pkt);

#endif /* base/packet.h */
