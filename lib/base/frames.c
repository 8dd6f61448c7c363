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

#include <config.h>

#include "base/frames.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_config.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "util.h"

/* Returns the sum of the pseudo-header, without length if the packet is to be
 * cut. */
static uint16_t
pseudo_sum(const uint8_t *ip, bool v6, bool cut)
{
    uint64_t flags = cut ? RTE_MBUF_F_TX_TCP_SEG : 0;

    return (v6 ? rte_ipv6_phdr_cksum((const void *) ip, flags)
            : rte_ipv4_phdr_cksum((const void *) ip, flags));
}

/* Computes the checksum of TCP or UDP, in whose place the sum of the
 * pseudo-header is, 'at' bytes into the 'len' bytes at 'data'. */
static void
finish_csum(uint8_t *data, uint32_t len, const struct dpdk_vdpa_headers *h,
            uint32_t at)
{
    const uint8_t *ip = &data[h->l3];
    uint32_t end = h->l3 + (h->v6
                            ? IPV6_HEADER_LEN + dpdk_vdpa_get_be16(&ip[4])
                            : dpdk_vdpa_get_be16(&ip[2]));

    /* Padding is none of it. */
    end = end > len || end < at + sizeof(ovs_be16) ? len : end;
    dpdk_vdpa_put_csum(&data[at], ~rte_raw_cksum(&data[h->l4], end - h->l4));
}

/* Sees to what 'pkt', whose headers are 'h', is to have done to it. */
static void
plan(struct dpdk_vdpa_frames *f, const struct dpdk_vdpa_headers *h,
     const struct rte_mbuf *pkt)
{
    uint32_t at = h->l4 + dpdk_vdpa_csum_ofs(h->proto);
    uint32_t len = f->cut.len;
    struct dpdk_vdpa_cut cut;
    bool cuts = (h->proto == IPPROTO_TCP
                 && pkt->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_RX_LRO)
                 && dpdk_vdpa_cut_init(&cut, h, f->data, len, pkt->tso_segsz)
                 && dpdk_vdpa_cut_n(&cut) > 1);
    uint16_t sum = pseudo_sum(&f->data[h->l3], h->v6, cuts);

    if (cuts) {
        f->cut = cut;
        memcpy(&f->data[at], &sum, sizeof sum);
    } else if (pkt->ol_flags & (RTE_MBUF_F_TX_L4_MASK
                                | RTE_MBUF_F_TX_TCP_SEG)) {
        memcpy(&f->data[at], &sum, sizeof sum);
        finish_csum(f->data, len, h, at);
    }
}

void
dpdk_vdpa_frames_begin(struct dpdk_vdpa_frames *f, const struct rte_mbuf *pkt)
{
    uint32_t len = MIN(pkt->pkt_len, DPDK_VDPA_MAX_PACKET);
    const uint8_t *data = rte_pktmbuf_read(pkt, 0, len, f->data);
    struct dpdk_vdpa_headers h;

    if (data != f->data) {
        memcpy(f->data, data, len);
    }
    memset(&f->cut, 0, sizeof f->cut);
    f->cut.len = f->cut.segment_len = len;
    f->next = 0;
    if (dpdk_vdpa_headers_find(f->data, len, &h)) {
        plan(f, &h, pkt);
    }
}

bool
dpdk_vdpa_frames_more(const struct dpdk_vdpa_frames *f)
{
    return f->cut.len && f->next < dpdk_vdpa_cut_n(&f->cut);
}

uint32_t
dpdk_vdpa_frames_next_len(const struct dpdk_vdpa_frames *f)
{
    return dpdk_vdpa_cut_len(&f->cut, f->next);
}

void
dpdk_vdpa_frames_next(struct dpdk_vdpa_frames *f, void *frame_)
{
    const struct dpdk_vdpa_cut *cut = &f->cut;
    uint32_t header_len = cut->payload_ofs;
    uint8_t *frame = frame_;

    memcpy(frame, f->data, header_len);
    memcpy(frame + header_len, &f->data[dpdk_vdpa_cut_ofs(cut, f->next)],
           dpdk_vdpa_frames_next_len(f) - header_len);
    if (header_len) {
        dpdk_vdpa_cut_finish(cut, frame, f->next);
    }
    f->next++;
}
