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

#include "relay/assign.h"

#include <rte_mbuf.h>

#include "packets.h"
#include "relay/lane.h"
#include "util.h"

void
dpdk_vdpa_assign_source(struct lane *lane, const struct dpdk_vdpa_end *source,
                        unsigned int queue)
{
    lane->source = source;
    lane->recv = source->recv;
    lane->source_aux = source->aux;
    lane->source_queue = queue;
    lane->wait = 0;
    lane->vain = 0;
}

void
dpdk_vdpa_assign_grow_lanes(struct dpdk_vdpa_relay *relay, unsigned int n)
{
    if (n <= relay->n_lanes) {
        return;
    }
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        relay->lanes[dir] = xrealloc(relay->lanes[dir],
                                     n * sizeof *relay->lanes[dir]);
        for (unsigned int i = relay->n_lanes; i < n; i++) {
            relay->lanes[dir][i] = xzalloc_cacheline(sizeof(struct lane));
        }
    }
    relay->n_lanes = n;
}

void
dpdk_vdpa_assign_grow_pollers(struct dpdk_vdpa_relay *relay, unsigned int n)
{
    if (n <= relay->n_pollers) {
        return;
    }
    relay->pollers = xrealloc(relay->pollers, n * sizeof *relay->pollers);
    for (unsigned int i = relay->n_pollers; i < n; i++) {
        relay->pollers[i] = xzalloc_cacheline(sizeof *relay->pollers[i]);
        relay->pollers[i]->relay = relay;
        dpdk_vdpa_wake_init(&relay->pollers[i]->wake);
    }
    relay->n_pollers = n;
}

/* All lanes into a queue have one poller.  The modulus by the VF's queues
 * comes first because guest queues beyond them share these. */
unsigned int
dpdk_vdpa_relay_poller_of(const struct dpdk_vdpa_relay *relay,
                          unsigned int pair)
{
    const struct dpdk_vdpa_relay_config *c = &relay->config;

    return pair % c->n_vf_pairs % c->n_pollers;
}

static struct dpdk_vdpa_poller *
poller_of(struct dpdk_vdpa_relay *relay, unsigned int pair)
{
    return relay->pollers[dpdk_vdpa_relay_poller_of(relay, pair)];
}

static void
lane_init(struct lane *lane, const struct dpdk_vdpa_relay_config *c,
          const struct dpdk_vdpa_end *source, unsigned int source_queue,
          const struct dpdk_vdpa_end *sink, unsigned int sink_queue)
{
    dpdk_vdpa_assign_source(lane, source, source_queue);
    lane->sink = sink;
    lane->sink_queue = sink_queue;
    lane->rules.max_payload_len = c->max_frame_len - ETH_HEADER_LEN;
    if (source == c->vm) {
        lane->direction = DPDK_VDPA_VM_TO_VF;
        lane->rules.offload_mask = RTE_MBUF_F_TX_OFFLOAD_MASK;
        lane->rules.good_offloads = c->tx_offloads;
    } else {
        lane->direction = DPDK_VDPA_VF_TO_VM;
        /* A checksum that is not there has the flag of a bad one, too. */
        lane->rules.offload_mask = (RTE_MBUF_F_RX_LRO
                                    | RTE_MBUF_F_RX_L4_CKSUM_BAD);
        lane->rules.good_offloads = (RTE_MBUF_F_RX_L4_CKSUM_BAD
                                     | (c->lro ? RTE_MBUF_F_RX_LRO : 0));
    }
    lane->observer = c->observer;
    lane->policer = sink ? c->policers[lane->direction] : NULL;
    lane->is_watched = lane->observer || lane->policer;
    lane->retries_max = sink && sink == c->vm ? c->tx_retries_max : 0;
    lane->lends = c->lends && source == c->vm && sink;
}

static void
poller_add_lane(struct dpdk_vdpa_poller *poller, struct lane *lane)
{
    poller->lanes[poller->n_lanes++] = lane;
}

static void
poller_add_extra(struct dpdk_vdpa_poller *poller, struct lane *lane)
{
    poller->extras[poller->n_extras++] = lane;
}

/* Sets up the lane from the guest's pair 'i'. */
static void
assign_vm_to_vf(struct dpdk_vdpa_relay *relay, unsigned int i)
{
    const struct dpdk_vdpa_relay_config *c = &relay->config;
    struct lane *lane = relay->lanes[DPDK_VDPA_VM_TO_VF][i];

    lane_init(lane, c, c->vm, i, c->vf, i % c->n_vf_pairs);
    lane->discard_reason = DPDK_VDPA_DROP_VF_DOWN;
    poller_add_lane(poller_of(relay, i), lane);
}

/* Sets up the lane from the VF's pair 'i'.  If the guest has not enabled that
 * pair, the packets go to one that it has: 'enabled' lists these. */
static void
assign_vf_to_vm(struct dpdk_vdpa_relay *relay, unsigned int i,
                     const uint16_t *enabled, unsigned int n_enabled)
{
    const struct dpdk_vdpa_relay_config *c = &relay->config;
    struct lane *lane = relay->lanes[DPDK_VDPA_VF_TO_VM][i];

    if (c->vm && c->vm_enabled[i]) {
        lane_init(lane, c, c->vf, i, c->vm, i);
        poller_add_lane(poller_of(relay, i), lane);
    } else if (c->vm && n_enabled) {
        unsigned int queue = enabled[i % n_enabled];

        lane_init(lane, c, c->vf, i, c->vm, queue);
        poller_add_extra(poller_of(relay, queue), lane);
    } else {
        lane_init(lane, c, c->vf, i, NULL, 0);
        lane->discard_reason = (c->vm ? DPDK_VDPA_DROP_QUEUE_DISABLED
                                : DPDK_VDPA_DROP_VM_DISCONNECTED);
        poller_add_extra(poller_of(relay, i), lane);
    }
}

/* Receives for a lane whose queue of the VF is others' as well, unless one of
 * them holds packets: the VF has mbufs for one burst to wait for each of its
 * queues, and a guest may have any number of queues.  That is said in the lane
 * of the VF's queue number, which has the same poller. */
static uint16_t
recv_in_turn(void *lane_, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
    struct lane *lane = lane_;
    struct lane **holderp = &lane->first_of_queue->holder;

    if (*holderp && lane_n_pending(*holderp)) {
        return 0;
    }
    *holderp = lane;
    return lane->source->recv(lane->source->aux, queue, pkts, n);
}

bool
dpdk_vdpa_relay_waits_its_turn(const struct dpdk_vdpa_relay *relay,
                               unsigned int pair)
{
    unsigned int n = relay->config.n_vf_pairs;

    for (unsigned int i = pair % n; i < relay->n_lanes; i += n) {
        if (i != pair && lane_n_pending(relay->lanes[DPDK_VDPA_VM_TO_VF][i])) {
            return true;
        }
    }
    return false;
}

/* Has the lane from the guest's pair 'i' take turns with others. */
static void
take_turns(struct dpdk_vdpa_relay *relay, unsigned int i)
{
    struct lane **lanes = relay->lanes[DPDK_VDPA_VM_TO_VF];
    struct lane *lane = lanes[i];

    lane->first_of_queue = lanes[i % relay->config.n_vf_pairs];
    lane->recv = recv_in_turn;
    lane->source_aux = lane;
    if (lane_n_pending(lane)) {
        lane->first_of_queue->holder = lane;
    }
}

static void
clear_pollers(struct dpdk_vdpa_relay *relay)
{
    for (unsigned int i = 0; i < relay->n_pollers; i++) {
        struct dpdk_vdpa_poller *p = relay->pollers[i];

        /* Any poller may come to run every lane. */
        p->lanes = xrealloc(p->lanes,
                            2 * relay->n_lanes * sizeof *p->lanes);
        p->extras = xrealloc(p->extras, relay->n_lanes * sizeof *p->extras);
        p->n_lanes = 0;
        p->n_extras = 0;
        p->next_lane = 0;
        p->next_extra = 0;
        p->extra_wait = 0;
    }
}

void
dpdk_vdpa_assign(struct dpdk_vdpa_relay *relay)
{
    const struct dpdk_vdpa_relay_config *c = &relay->config;
    uint16_t enabled[DPDK_VDPA_MAX_PAIRS];
    unsigned int n_enabled = 0;

    clear_pollers(relay);
    for (unsigned int i = 0; i < relay->n_lanes; i++) {
        relay->lanes[DPDK_VDPA_VM_TO_VF][i]->holder = NULL;
    }
    for (unsigned int i = 0; c->vm && i < relay->n_lanes; i++) {
        if (c->vm_enabled[i]) {
            enabled[n_enabled++] = i;
        }
        /* What a queue sent before it was disabled still goes out. */
        if (c->vm_enabled[i]
            || lane_n_pending(relay->lanes[DPDK_VDPA_VM_TO_VF][i])) {
            assign_vm_to_vf(relay, i);
            if (i >= c->n_vf_pairs) {
                take_turns(relay, i % c->n_vf_pairs);
                take_turns(relay, i);
            }
        }
    }
    for (unsigned int i = 0; c->vf && i < c->n_vf_pairs; i++) {
        assign_vf_to_vm(relay, i, enabled, n_enabled);
    }
}
