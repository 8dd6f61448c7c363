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

#include "vhost/lend.h"

#include <stdlib.h>

#include "openvswitch/util.h"
#include "util.h"

struct dpdk_vdpa_lend *
dpdk_vdpa_lend_create(uint16_t size)
{
    struct dpdk_vdpa_lend *lend = xzalloc(sizeof *lend);

    lend->n_max = MAX(size / 2, 1);
    lend->lents = xcalloc(lend->n_max, sizeof *lend->lents);
    return lend;
}

void
dpdk_vdpa_lend_destroy(struct dpdk_vdpa_lend *lend)
{
    if (lend) {
        ovs_assert(!dpdk_vdpa_lend_is_out(lend));
        free(lend->lents);
        free(lend);
    }
}

/* Returns number 'i' of those that are in 'lend', from the oldest one on. */
static struct dpdk_vdpa_lent *
lend_at(const struct dpdk_vdpa_lend *lend, unsigned int i)
{
    i += lend->first;
    return &lend->lents[i < lend->n_max ? i : i - lend->n_max];
}

static bool
lent_is_free(const struct dpdk_vdpa_lent *lent_)
{
    struct dpdk_vdpa_lent *lent = CONST_CAST(struct dpdk_vdpa_lent *, lent_);
    bool is_free;

    atomic_read_explicit(&lent->is_free, &is_free, memory_order_acquire);
    return is_free;
}

bool
dpdk_vdpa_lend_is_out(const struct dpdk_vdpa_lend *lend)
{
    for (unsigned int i = 0; i < lend->n; i++) {
        if (!lent_is_free(lend_at(lend, i))) {
            return true;
        }
    }
    return false;
}

struct dpdk_vdpa_lent *
dpdk_vdpa_lend_push(struct dpdk_vdpa_lend *lend, uint16_t id, uint16_t n_slots,
                    uint16_t n_descs)
{
    struct dpdk_vdpa_lent *lent = lend_at(lend, lend->n);

    ovs_assert(n_descs && dpdk_vdpa_lend_has_room(lend, n_descs));
    lent->id = id;
    lent->n_slots = n_slots;
    lent->n_descs = n_descs;
    atomic_store_relaxed(&lent->is_free, true);
    lend->n++;
    lend->n_descs += n_descs;
    lend->n_slots += n_slots;
    return lent;
}

/* The last segment of 'lent_' was freed, by whatever thread.  DPDK counts
 * segments with release, and reads that there is one left without acquire. */
static void
lent_freed(void *data OVS_UNUSED, void *lent_)
{
    struct dpdk_vdpa_lent *lent = lent_;

    atomic_thread_fence(memory_order_acquire);
    atomic_store_explicit(&lent->is_free, true, memory_order_release);
}

void
dpdk_vdpa_lent_begin(struct dpdk_vdpa_lent *lent, uint16_t n)
{
    lent->shinfo.free_cb = lent_freed;
    lent->shinfo.fcb_opaque = lent;
    rte_mbuf_ext_refcnt_set(&lent->shinfo, n);
    atomic_store_relaxed(&lent->is_free, false);
}

void
dpdk_vdpa_lent_attach(struct dpdk_vdpa_lent *lent, struct rte_mbuf *seg,
                      const void *data, uint16_t len, rte_iova_t iova)
{
    rte_pktmbuf_attach_extbuf(seg, CONST_CAST(void *, data), iova, len,
                              &lent->shinfo);
    seg->data_len = seg->pkt_len = len;
}

const struct dpdk_vdpa_lent *
dpdk_vdpa_lend_first(const struct dpdk_vdpa_lend *lend)
{
    const struct dpdk_vdpa_lent *lent = lend_at(lend, 0);

    return lend->n && lent_is_free(lent) ? lent : NULL;
}

void
dpdk_vdpa_lend_pop(struct dpdk_vdpa_lend *lend)
{
    const struct dpdk_vdpa_lent *lent = lend_at(lend, 0);

    ovs_assert(lend->n);
    lend->n_descs -= lent->n_descs;
    lend->n_slots -= lent->n_slots;
    lend->n--;
    lend->first = lend->first + 1 < lend->n_max ? lend->first + 1 : 0;
}
