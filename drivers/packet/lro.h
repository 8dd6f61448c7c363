/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_PACKET_LRO_H
#define SIM_PACKET_LRO_H

#include <rte_mbuf.h>

/*
 * Large receive offload: TCP segments that follow each other in a burst become
 * one packet, a chain of mbufs with RTE_MBUF_F_RX_LRO and the length of the
 * segments in tso_segsz.
 *
 * Only what offload.c, or any other TCP segmentation offload, takes apart
 * is put together again: same headers, no options that differ, no flags but
 * ACK and a last PSH, a good checksum.
 */

/* Packets of the Internet Protocol are no longer than this. */
#define SIM_MAX_LRO	(UINT16_MAX + RTE_ETHER_HDR_LEN)

/* Puts together what belongs together of the 'n' packets in pkts[], which are
 * in one segment each and writable; a packet gets no longer than 'max_len'
 * bytes.  Returns how many packets there are now. */
uint16_t sim_lro_merge(struct rte_mbuf **pkts, uint16_t n, uint32_t max_len);

#endif /* SIM_PACKET_LRO_H */
