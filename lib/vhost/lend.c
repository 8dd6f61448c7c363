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

#include "openvswitch/thread.h"
#include "openvswitch/util.h"
#include "ovs-thread.h"
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

bool
dpdk_vdpa_lend_is_out(const struct dpdk_vdpa_lend *lend)
{
    for (unsigned int i = 0; i < lend->n; i++) {
        if (!dpdk_vdpa_lent_is_free(dpdk_vdpa_lend_at(lend, i))) {
            return true;
        }
    }
    return false;
}

void
dpdk_vdpa_lend_abandon(struct dpdk_vdpa_lend *lend)
{
    static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
    static struct dpdk_vdpa_lend *first;
    struct dpdk_vdpa_lend **p = &first;

    ovs_mutex_lock(&mutex);
    lend->next = first;
    first = lend;
    while (*p) {
        struct dpdk_vdpa_lend *old = *p;

        if (dpdk_vdpa_lend_is_out(old)) {
            p = &old->next;
        } else {
            *p = old->next;
            dpdk_vdpa_lend_destroy(old);
        }
    }
    ovs_mutex_unlock(&mutex);
}

/* Buffers that this thread has let go of. */
DEFINE_STATIC_PER_THREAD_DATA(unsigned int, n_freed, 0);

unsigned int
dpdk_vdpa_lend_n_freed(void)
{
    return *n_freed_get();
}

/* The last segment of 'lent_' was freed, by whatever thread.  DPDK counts
 * segments with release, and reads that there is one left without acquire. */
void
dpdk_vdpa_lent_freed(void *data OVS_UNUSED, void *lent_)
{
    struct dpdk_vdpa_lent *lent = lent_;

    *n_freed_get() += 1;
    atomic_thread_fence(memory_order_acquire);
    atomic_store_explicit(&lent->is_free, true, memory_order_release);
}

/* Returns true if 'pkt' has segments of a buffer. */
static bool
is_lent(const struct rte_mbuf *pkt)
{
    for (; pkt; pkt = pkt->next) {
        if (RTE_MBUF_HAS_EXTBUF(pkt)
            && pkt->shinfo->free_cb == dpdk_vdpa_lent_freed) {
            return true;
        }
    }
    return false;
}

void
dpdk_vdpa_lend_replace(struct rte_mempool *mp, struct rte_mbuf **pkts,
                       unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        if (is_lent(pkts[i])) {
            struct rte_mbuf *copy = rte_pktmbuf_copy(pkts[i], mp, 0,
                                                     UINT32_MAX);

            if (copy) {
                rte_pktmbuf_free(pkts[i]);
                pkts[i] = copy;
            }
        }
    }
}
