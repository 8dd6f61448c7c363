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

/* libFuzzer target: what is made of the headers and flags that a guest sends.
 * The input is what may be set in an mbuf, and what passes must be safe to give
 * to a VF; behind that, a virtio-net header and a frame, for which must be
 * done what the header asks, or what is left must be refused. */

#include "lib/base/packet.c"

#include <stdlib.h>

#define MAX_PAYLOAD_LEN 1500
#define ALL_FLAGS (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_L4_MASK             \
                   | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6                 \
                   | RTE_MBUF_F_TX_IP_CKSUM)

struct input {
    uint64_t flags;
    uint64_t tx_offloads;
    uint64_t tx_offload;        /* Header lengths and segment size. */
    uint32_t pkt_len;
    uint16_t data_len;
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Returns the sum of all from 'ofs' on, byte by byte. */
static uint16_t
simple_sum(const uint8_t *data, uint32_t len, uint32_t ofs)
{
    uint32_t sum = 0;

    for (uint32_t i = ofs; i < len; i++) {
        sum += (i - ofs) % 2 ? data[i] : data[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* Checks what became of frame 'old' of 'len' bytes. */
static void
check_described(const struct rte_mbuf *pkt, const uint8_t *old, uint32_t len,
                const struct virtio_net_hdr *hdr, uint64_t features)
{
    const uint8_t *new = rte_pktmbuf_mtod(pkt, const uint8_t *);
    uint32_t at = hdr->csum_start + hdr->csum_offset;
    uint64_t flags = pkt->ol_flags;

    if (flags & BAD_OFFLOAD) {
        ovs_assert(!(flags & ~BAD_OFFLOAD) && !memcmp(old, new, len));
    } else if (flags) {
        ovs_assert(!memcmp(old, new, len));
        ovs_assert(pkt->l2_len + pkt->l3_len + UDP_HEADER_LEN <= len);
        ovs_assert(flags & RTE_MBUF_F_TX_TCP_SEG
                   || features & 1ULL << VIRTIO_NET_F_CSUM);
    } else if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        uint16_t sum = ~simple_sum(old, len, hdr->csum_start);

        sum = sum ? sum : 0xffff;
        ovs_assert(!hdr->gso_type && at + 2 <= len);
        ovs_assert(new[at] == sum >> 8 && new[at + 1] == (sum & 0xff));
        ovs_assert(!memcmp(old, new, at));
        ovs_assert(!memcmp(&old[at + 2], &new[at + 2], len - at - 2));
    } else {
        ovs_assert(!hdr->gso_type && !memcmp(old, new, len));
    }
}

/* 'data' is a header and a frame, at the end of which memory ends. */
static void
check_describe(const uint8_t *data, size_t size, uint64_t features)
{
    struct virtio_net_hdr hdr;
    struct rte_mbuf pkt;

    if (size <= sizeof hdr) {
        return;
    }
    memcpy(&hdr, data, sizeof hdr);
    data += sizeof hdr;
    size -= sizeof hdr;
    memset(&pkt, 0, sizeof pkt);
    pkt.buf_addr = xmemdup(data, size);
    pkt.pkt_len = pkt.data_len = size;
    dpdk_vdpa_packet_describe(&pkt, &hdr, features);
    check_described(&pkt, data, size, &hdr, features);

    pkt.packet_type = hdr.csum_start;
    pkt.ol_flags = (hdr.flags & 1 ? RTE_MBUF_F_RX_L4_CKSUM_NONE : 0)
                   | (hdr.gso_type ? RTE_MBUF_F_RX_LRO : 0);
    pkt.tso_segsz = hdr.gso_size;
    dpdk_vdpa_packet_translate(&pkt, features);
    free(pkt.buf_addr);
}

static void
check_passed(const struct rte_mbuf *pkt, uint64_t tx_offloads)
{
    uint32_t headers = pkt->l2_len + pkt->l3_len + pkt->l4_len;

    ovs_assert(pkt->pkt_len >= ETH_HEADER_LEN);
    if (!(pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG)) {
        ovs_assert(pkt->pkt_len - ETH_HEADER_LEN <= MAX_PAYLOAD_LEN);
        return;
    }
    ovs_assert(tx_offloads & RTE_MBUF_F_TX_TCP_SEG);
    ovs_assert(pkt->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM);
    ovs_assert(headers <= pkt->data_len && headers < pkt->pkt_len);
    ovs_assert(pkt->tso_segsz);
    ovs_assert(headers + pkt->tso_segsz <= MAX_PAYLOAD_LEN + ETH_HEADER_LEN);
    ovs_assert((pkt->pkt_len - headers) / pkt->tso_segsz < 2048);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rte_mbuf pkt;
    struct input input;
    struct dpdk_vdpa_packet_rules rules;
    int reason;

    if (size < sizeof input) {
        return 0;
    }
    memcpy(&input, data, sizeof input);
    memset(&pkt, 0, sizeof pkt);
    rules.max_payload_len = MAX_PAYLOAD_LEN;
    rules.offload_mask = ALL_FLAGS;
    rules.good_offloads = input.tx_offloads & ALL_FLAGS;
    pkt.ol_flags = input.flags;
    pkt.tx_offload = input.tx_offload;
    pkt.pkt_len = input.pkt_len;
    pkt.data_len = MIN(input.data_len, input.pkt_len);

    reason = dpdk_vdpa_packet_check(&rules, &pkt);
    ovs_assert(reason >= -1 && reason < DPDK_VDPA_N_DROP_REASONS);
    if (reason < 0) {
        check_passed(&pkt, rules.good_offloads);
    }
    check_describe(data + sizeof input, size - sizeof input,
                   input.tx_offloads);
    return 0;
}
