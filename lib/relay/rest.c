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

#include "relay/rest.h"

#include "base/gate.h"
#include "dpdk-vdpa-relay.h"
#include "relay/lane.h"

/* Asks the source of 'lane' to wake 'waiter'.  Returns false if that has to
 * look at the lane before: it holds packets that its sink may take any time,
 * or has lent some that it may let go of, or is looked at rarely for a reason
 * that no source knows of. */
static bool
lane_arm(struct lane *lane, struct dpdk_vdpa_waiter *waiter)
{
    const struct dpdk_vdpa_end *source = lane->source;

    if (lane_n_pending(lane) || lane->wait >= IDLE_INTERVAL || !source->arm
        || (lane->lends && source->has_lent(source->aux,
                                            lane->source_queue))) {
        return false;
    }
    lane->armed = source->arm(source->aux, lane->source_queue, waiter);
    return lane->armed;
}

static void
lane_disarm(struct lane *lane)
{
    if (lane->armed) {
        lane->armed = false;
        lane->source->disarm(lane->source->aux, lane->source_queue);
    }
}

bool
dpdk_vdpa_relay_arm(struct dpdk_vdpa_poller *poller,
                    struct dpdk_vdpa_waiter *waiter)
{
    bool all = true;

    /* Before a look at the gate, so that who opens it knows whom to nudge. */
    dpdk_vdpa_wake_follow(&poller->wake, waiter);
    if (poller_enter(poller)) {
        for (unsigned int i = 0; i < poller->n_lanes; i++) {
            all &= lane_arm(poller->lanes[i], waiter);
        }
        for (unsigned int i = 0; i < poller->n_extras; i++) {
            all &= lane_arm(poller->extras[i], waiter);
        }
    }
    dpdk_vdpa_gate_leave(&poller->busy);
    return all;
}

/* While the relay is paused, or after it was, this has been done. */
void
dpdk_vdpa_relay_disarm(struct dpdk_vdpa_poller *poller)
{
    if (poller_enter(poller)) {
        for (unsigned int i = 0; i < poller->n_lanes; i++) {
            lane_disarm(poller->lanes[i]);
        }
        for (unsigned int i = 0; i < poller->n_extras; i++) {
            lane_disarm(poller->extras[i]);
        }
    }
    dpdk_vdpa_gate_leave(&poller->busy);
}

/* Who waits does so for lanes as they were before. */
void
dpdk_vdpa_rest_nudge(struct dpdk_vdpa_relay *relay)
{
    for (unsigned int i = 0; i < relay->n_pollers; i++) {
        dpdk_vdpa_wake_nudge(&relay->pollers[i]->wake);
    }
}

void
dpdk_vdpa_rest_end(struct dpdk_vdpa_relay *relay)
{
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        for (unsigned int i = 0; i < relay->n_lanes; i++) {
            lane_disarm(relay->lanes[dir][i]);
        }
    }
}
