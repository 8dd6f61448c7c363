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

#include "bitmap.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "openvswitch/util.h"
#include "util.h"

/* Fewest segments of a queue: more than a VF has descriptors, as a rule. */
#define MIN_SEGS 2048

/* All queues there are. */
static struct ovs_mutex all_mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list all OVS_GUARDED_BY(all_mutex)
    = OVS_LIST_INITIALIZER(&all);

/* What would free the memory behind a segment: never called, as there always
 * is a reference to it. */
static void
lent_freed(void *data OVS_UNUSED, void *lend OVS_UNUSED)
{
    OVS_NOT_REACHED();
}

/* Allocates 'n' segments, in memory that takes none until it is used. */
static void
create_segments(struct dpdk_vdpa_lend *lend, unsigned int n)
{
    lend->memory = xcalloc(n + 1, sizeof *lend->segs);
    lend->segs = ALIGNED_CAST(struct rte_mbuf *,
                              ROUND_UP((uintptr_t) lend->memory,
                                       CACHE_LINE_SIZE));
    lend->spare = xcalloc(n, sizeof *lend->spare);
    for (unsigned int i = 0; i < n; i++) {
        lend->spare[i] = &lend->segs[n - 1 - i];
    }
    lend->n_segs = lend->n_spare = n;
    lend->were_out = bitmap_allocate(n);
    lend->shinfo = xzalloc(sizeof *lend->shinfo);
    lend->shinfo->free_cb = lent_freed;
    rte_mbuf_ext_refcnt_set(lend->shinfo, DPDK_VDPA_LEND_NO_CLONES);
}

struct dpdk_vdpa_lend *
dpdk_vdpa_lend_create(uint16_t size, const void *owner)
{
    struct dpdk_vdpa_lend *lend = xzalloc(sizeof *lend);
    unsigned int n_segs, n;

    lend->n_max = MAX(size / 2, 1);
    n_segs = MAX(lend->n_max, MIN_SEGS);
    n = 1u << log_2_ceil(lend->n_max + n_segs);     /* One for each copy. */
    lend->lents = xcalloc(n, sizeof *lend->lents);
    lend->mask = n - 1;
    create_segments(lend, n_segs);
    lend->owner = owner;
    ovs_mutex_lock(&all_mutex);
    ovs_list_push_back(&all, &lend->all_node);
    ovs_mutex_unlock(&all_mutex);
    return lend;
}

static void
destroy(struct dpdk_vdpa_lend *lend)
    OVS_REQUIRES(all_mutex)
{
    ovs_assert(!dpdk_vdpa_lend_is_out(lend));
    ovs_list_remove(&lend->all_node);
    bitmap_free(lend->were_out);
    free(lend->shinfo);
    free(lend->memory);
    free(lend->spare);
    free(lend->lents);
    free(lend);
}

void
dpdk_vdpa_lend_destroy(struct dpdk_vdpa_lend *lend)
{
    if (lend) {
        ovs_mutex_lock(&all_mutex);
        destroy(lend);
        ovs_mutex_unlock(&all_mutex);
    }
}

/* Returns how many references there are to 'seg', of which one is ours if it
 * was ever lent. */
static inline uint16_t
n_refs(const struct rte_mbuf *seg)
{
    return __atomic_load_n(&seg->refcnt, __ATOMIC_ACQUIRE);
}

/* Returns true if nobody has the segment in place 'i', but perhaps a clone of
 * it. */
static inline bool
segment_is_back(const struct dpdk_vdpa_lend *lend, unsigned int i)
{
    const struct rte_mbuf *seg = lend->lents[i & lend->mask].seg;

    return !seg || n_refs(seg) == 1;
}

/* Returns true if nobody has a clone of any segment.  Who makes one has what
 * he makes it of meanwhile: so this is asked after segment_is_back(). */
static inline bool
has_no_clones(const struct dpdk_vdpa_lend *lend)
{
    return (__atomic_load_n(&lend->shinfo->refcnt, __ATOMIC_ACQUIRE)
            == DPDK_VDPA_LEND_NO_CLONES);
}

bool
dpdk_vdpa_lend_is_out(const struct dpdk_vdpa_lend *lend)
{
    for (unsigned int i = lend->first; i != lend->next; i++) {
        if (!segment_is_back(lend, i)) {
            return true;
        }
    }
    return !has_no_clones(lend);
}

unsigned int
dpdk_vdpa_lend_n_free(const struct dpdk_vdpa_lend *lend)
{
    unsigned int i = lend->first;
    unsigned int n = 0;

    for (; n < lend->n; n++) {
        unsigned int end = i + lend->lents[i & lend->mask].n;

        while (i != end && segment_is_back(lend, i)) {
            i++;
        }
        if (i != end) {
            break;
        }
    }
    return n && has_no_clones(lend) ? n : 0;
}

void
dpdk_vdpa_lend_abandon(struct dpdk_vdpa_lend *lend)
{
    ovs_mutex_lock(&all_mutex);
    lend->is_lost = true;
    LIST_FOR_EACH_SAFE (lend, all_node, &all) {
        if (lend->is_lost && !dpdk_vdpa_lend_is_out(lend)) {
            destroy(lend);
        }
    }
    ovs_mutex_unlock(&all_mutex);
}

bool
dpdk_vdpa_lend_any_is_out(const void *owner)
{
    struct dpdk_vdpa_lend *lend;
    bool out = false;

    ovs_mutex_lock(&all_mutex);
    LIST_FOR_EACH (lend, all_node, &all) {
        out |= lend->owner == owner && dpdk_vdpa_lend_is_out(lend);
    }
    ovs_mutex_unlock(&all_mutex);
    return out;
}

/* Takes note of which segments are out. */
static void
note_out(struct dpdk_vdpa_lend *lend)
    OVS_REQUIRES(all_mutex)
{
    for (unsigned int i = 0; i < lend->n_segs; i++) {
        bitmap_set(lend->were_out, i, n_refs(&lend->segs[i]) > 1);
    }
}

/* Returns how many packets have come back since then. */
static unsigned int
count_back(const struct dpdk_vdpa_lend *lend)
    OVS_REQUIRES(all_mutex)
{
    unsigned int n = 0;
    size_t i;

    BITMAP_FOR_EACH_1 (i, lend->n_segs, lend->were_out) {
        n += n_refs(&lend->segs[i]) == 1 && lend->segs[i].hash.usr;
    }
    return n;
}

unsigned int
dpdk_vdpa_lend_n_freed_by(void (*act)(void *aux), void *aux,
                          const void *owner)
{
    struct dpdk_vdpa_lend *lend;
    unsigned int n = 0;

    ovs_mutex_lock(&all_mutex);
    LIST_FOR_EACH (lend, all_node, &all) {
        if (lend->owner == owner) {
            note_out(lend);
        }
    }
    act(aux);
    LIST_FOR_EACH (lend, all_node, &all) {
        if (lend->owner == owner) {
            n += count_back(lend);
        }
    }
    ovs_mutex_unlock(&all_mutex);
    return n;
}

/* Returns true if 'pkt' has segments of a buffer, and has them count for no
 * packet any more (dpdk_vdpa_lend_n_freed_by()). */
static bool
is_lent(struct rte_mbuf *pkt)
{
    bool lent = false;

    for (; pkt; pkt = pkt->next) {
        if (RTE_MBUF_HAS_EXTBUF(pkt)
            && pkt->shinfo->free_cb == lent_freed) {
            pkt->hash.usr = false;
            lent = true;
        }
    }
    return lent;
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
