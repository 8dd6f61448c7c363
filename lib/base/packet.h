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

/* Which packets are for relaying, and what is to be done to them. */

#include <stdbool.h>
#include <stdint.h>

/* Shortest segments that a guest may ask for.  The Internet knows no maximum
 * segment size below (RFC 9293, section 3.7.1: the default is 536), Linux none
 * below 88; one byte per segment would be an attack. */
#define DPDK_VDPA_MIN_SEGMENT_LEN 64

struct rte_mbuf;
struct virtio_net_hdr;

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

/* Does to 'pkt', which a guest sent with 'hdr' and these negotiated virtio
 * features, what 'hdr' asks for, as a device would, whatever else it says.
 *
 * Is the packet of a kind that any VF knows, its flags and header lengths will
 * say what the VF has to do.  Any other checksum is finished here.  If neither
 * can be done, returns false, and the flags will ask for what no VF is asked
 * for, so that dpdk_vdpa_packet_check() refuses the packet.
 *
 * The caller owns 'pkt', which is new, nobody else has its data, and the
 * headers lie in its first segment. */
bool dpdk_vdpa_packet_describe(struct rte_mbuf *pkt,
                               const struct virtio_net_hdr *hdr,
                               uint64_t features);

/* Likewise for a packet that came by the vhost library, which does not give us
 * the header, but, with RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS, says as of a
 * received packet what it was.  (For transmission it would keep to itself what
 * it does not understand.)  Returns at once if it asked for nothing. */
void dpdk_vdpa_packet_translate(struct rte_mbuf *pkt, uint64_t features);

/* Finishes the checksum of 'pkt', which was received by an ethdev that says of
 * it that the data is good and the checksum not there
 * (RTE_MBUF_F_RX_L4_CKSUM_NONE), as those do behind which there is no wire.
 * Afterwards the flags say that it is good; or nothing, if it is of a kind
 * that is not known.  The caller owns 'pkt'. */
void dpdk_vdpa_packet_complete(struct rte_mbuf *pkt);

#endif /* base/packet.h */
