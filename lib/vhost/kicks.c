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

#include "base/gate.h"
#include "base/wake.h"
#include "util.h"
#include "vhost/walk.h"
#include "vhost/walk-private.h"

/* Notifications by the guest.  A PMD thread that polls wants none; one that is
 * about to wait asks for them, ring by ring. */

void
dpdk_vdpa_walk_set_kick(struct dpdk_vdpa_walk *walk, unsigned int i, int fd)
{
    dpdk_vdpa_wake_set(&walk->kicks[i], fd);
}

void
dpdk_vdpa_walk_drop_kick(struct dpdk_vdpa_walk *walk, unsigned int i)
{
    dpdk_vdpa_wake_set(&walk->kicks[i], -1);
}

void
dpdk_vdpa_walk_drop_kicks(struct dpdk_vdpa_walk *walk)
{
    for (unsigned int i = 0; i < MAX_RINGS; i++) {
        dpdk_vdpa_walk_drop_kick(walk, i);
    }
}

bool
dpdk_vdpa_walk_ask_for_kick(struct dpdk_vdpa_walk *walk, uint16_t i,
                            struct dpdk_vdpa_waiter *waiter)
{
    struct walked *w = &walk->rings[i];
    struct dpdk_vdpa_ring *ring = NULL;

    if (dpdk_vdpa_wake_join(&walk->kicks[i], waiter)) {
        ring = walked_enter(w);
        if (ring) {
            w->asks_for_kick = true;
            dpdk_vdpa_ring_ask_for_kick(ring);
        }
        walked_leave(w);
    }
    return ring != NULL;
}

void
dpdk_vdpa_walk_end_kick(struct dpdk_vdpa_walk *walk, uint16_t i)
{
    struct walked *w = &walk->rings[i];
    struct dpdk_vdpa_ring *ring = walked_enter(w);

    if (ring && w->asks_for_kick) {
        w->asks_for_kick = false;
        dpdk_vdpa_ring_suppress_kicks(ring);
    }
    walked_leave(w);
}

/* Whatever becomes of the ring, the library may not want notifications; and
 * what the guest offers until somebody asks again would wake nobody. */
void
dpdk_vdpa_walk_end_kicks(struct dpdk_vdpa_walk *walk, unsigned int i)
{
    struct walked *w = &walk->rings[i];

    if (w->asks_for_kick) {
        w->asks_for_kick = false;
        dpdk_vdpa_ring_suppress_kicks(&w->ring);
        dpdk_vdpa_wake_nudge(&walk->kicks[i]);
    }
}
