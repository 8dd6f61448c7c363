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

/* libFuzzer target: what is made of the headers and flags that the
 * vhost library takes over from a guest.  The input is what it may set in an
 * mbuf; what passes must be safe to give to a VF. */

#include "lib/base/packet.c"

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
    return 0;
}
