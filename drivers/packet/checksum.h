/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SIM_PACKET_CHECKSUM_H
#define SIM_PACKET_CHECKSUM_H

#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

/*
 * What a NIC finds out about the checksums of packets that it receives: of
 * IPv4, TCP and UDP, in one mbuf and behind one VLAN tag at most.
 */

#define SIM_RX_CHECKSUM (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | \
			 RTE_ETH_RX_OFFLOAD_TCP_CKSUM | \
			 RTE_ETH_RX_OFFLOAD_UDP_CKSUM)

/* The flags RTE_MBUF_F_RX_IP_CKSUM_* and RTE_MBUF_F_RX_L4_CKSUM_* of 'm'.
 * There is none for what has no checksum, is not all there, as of a fragment,
 * or was not looked at. */
uint64_t sim_checksum_flags(const struct rte_mbuf *m);

#endif /* SIM_PACKET_CHECKSUM_H */
