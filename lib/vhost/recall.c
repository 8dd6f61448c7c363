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

#include <unistd.h>

#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "vhost/lend.h"
#include "vhost/lending.h"
#include "vhost/walk.h"
#include "vhost/walk-private.h"

/* Getting back what is lent, before the guest, or who unmaps its memory, does
 * something else with it. */

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_recall);

/* Who has it, and has not given back any for so many ms, or not all after so
 * many, is made to, which loses what he has not sent; or he does not after so
 * many at all.  Meanwhile nobody else's messages are handled. */
#define FORCE_DELAY 100
#define PATIENCE 500
#define LOSE_DELAY 1000

/* Between two looks, in us. */
#define LOOK_INTERVAL 50

void
dpdk_vdpa_walk_set_lender(struct dpdk_vdpa_walk *walk,
                          const struct dpdk_vdpa_lender *lender)
{
    walk->lender = *lender;
}

void
dpdk_vdpa_walk_set_reachable(struct dpdk_vdpa_walk *walk, bool reachable)
{
    walk->reachable = reachable;
}

void
dpdk_vdpa_walk_set_lending(struct dpdk_vdpa_walk *walk, uint16_t max_segs)
{
    ovs_assert(!max_segs || walk->lender.call_in);
    for (unsigned int i = 1; i < MAX_RINGS; i += 2) {
        atomic_store_relaxed(&walk->rings[i].max_lent_segs, max_segs);
    }
}

/* Gives what is back to the guest, and returns true if that was all. */
static bool
take_back(struct dpdk_vdpa_walk *walk, unsigned int i)
{
    struct walked *w = &walk->rings[i];

    if (dpdk_vdpa_lending_take_back(&w->ring, w->lend)) {
        dpdk_vdpa_walked_tell(w, walk->vid, i);
    }
    return !w->lend->n;
}

/* Waits until all is back that is lent of ring 'i', as others have since
 * 'begin'.  Returns false if it does not come. */
static bool
wait_for_all(struct dpdk_vdpa_walk *walk, unsigned int i, long long int begin)
{
    const struct dpdk_vdpa_lend *lend = walk->rings[i].lend;
    long long int now = time_msec(), moved = now;
    unsigned int n = lend->n;

    while (!take_back(walk, i)) {
        if (lend->n < n) {
            n = lend->n;
            moved = now;
        }
        if (now - begin >= LOSE_DELAY) {
            return false;
        }
        walk->lender.call_in(walk->lender.aux, (now - moved >= FORCE_DELAY
                                                || now - begin >= PATIENCE));
        if (take_back(walk, i)) {
            break;
        }
        usleep(LOOK_INTERVAL);
        now = time_msec();
    }
    return true;
}

void
dpdk_vdpa_walk_recall(struct dpdk_vdpa_walk *walk, unsigned int i,
                      long long int begin)
{
    struct walked *w = &walk->rings[i];

    if (w->lend && w->lend->n && !wait_for_all(walk, i, begin)) {
        VLOG_ERR("connection %d: %u buffers of ring %u do not come back; the "
                 "guest's memory stays mapped", walk->vid, w->lend->n, i);
        walk->lender.lost(walk->lender.aux);
        dpdk_vdpa_lend_abandon(w->lend);
        w->lend = NULL;
    }
}
