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

#ifndef RELAY_LANE_H
#define RELAY_LANE_H 1

/* What the two rooms of the relay share: lanes, pollers and the relay itself.
 * Who moves packets is dpdk-vdpa-relay.c, who says which poller has which lane
 * is relay/assign.c; see dpdk-vdpa-relay.h.  Nobody else includes this, but
 * tests. */

#include "dpdk-vdpa-relay.h"

#include "base/gate.h"
#include "base/packet.h"
#include "base/wake.h"
#include "openvswitch/util.h"
#include "ovs-atomic.h"
#include "util.h"

/* A lane that was idle for long has its turn once in so many polls; one that
 * waits for longer does so for another reason. */
#define IDLE_INTERVAL 8

/* Counters of a lane, written by its poller only. */
struct lane_counters {
    atomic_uint64_t rx_packets;
    atomic_uint64_t rx_bytes;
    atomic_uint64_t tx_packets;
    atomic_uint64_t tx_bytes;
    atomic_uint64_t retries;
    atomic_uint64_t drops[DPDK_VDPA_N_DROP_REASONS];
};

struct lane {
    /* All that a poll needs which finds nothing.  The source is set by
     * configure() while no poller runs, the rest written by the poller only:
     * packets 'pending[first]' up to 'pending[first + n_pending - 1]' wait for
     * the sink. */
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        uint16_t (*recv)(void *aux, uint16_t queue, struct rte_mbuf **pkts,
                         uint16_t n);   /* Of the source. */
        void *source_aux;
        uint16_t source_queue;
        uint16_t first;
        atomic_uint16_t n_pending;      /* Other threads read it for show. */
        atomic_bool backoff;            /* Written by set_backoff(). */
        bool armed;                     /* The source is, by the poller. */
        bool lends;                     /* Set as the source is. */
        unsigned int wait;              /* Polls until it has its turn. */
        unsigned int vain;              /* Turns that moved nothing, since the
                                         * last one that did. */
        unsigned int more_wait;         /* See lane_poll_more(). */
        uint64_t pending_bytes;
        struct lane *holder;            /* See recv_in_turn(). */
    );

    /* Set by configure() while no poller runs, read by the poller. */
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        const struct dpdk_vdpa_end *source;
        const struct dpdk_vdpa_end *sink;    /* Null to drop everything. */
        uint16_t sink_queue;
        struct lane *first_of_queue;    /* See recv_in_turn(). */
        struct dpdk_vdpa_packet_rules rules;
        bool is_watched;                /* By one of the next two. */
        const struct dpdk_vdpa_observer *observer;
        struct dpdk_vdpa_policer *policer;
        enum dpdk_vdpa_direction direction;
        unsigned int retries_max;
        enum dpdk_vdpa_drop_reason discard_reason;  /* If 'sink' is null. */
    );
    struct rte_mbuf *pending[DPDK_VDPA_BURST];
    PADDED_MEMBERS(CACHE_LINE_SIZE, struct lane_counters counters; );
};

struct dpdk_vdpa_poller {
    /* True while the poller is inside dpdk_vdpa_relay_poll().  Written by it,
     * read by configure(). */
    PADDED_MEMBERS(CACHE_LINE_SIZE, atomic_bool busy; );

    PADDED_MEMBERS(CACHE_LINE_SIZE,
        /* Set by configure() while no poller runs. */
        struct dpdk_vdpa_relay *relay;
        struct lane **lanes;            /* Polled every time. */
        unsigned int n_lanes;
        struct lane **extras;           /* Polled in turn. */
        unsigned int n_extras;

        /* Written by the poller. */
        unsigned int next_lane;         /* Where the next poll begins. */
        unsigned int next_extra;        /* The extra lane that had its turn. */
        unsigned int extra_wait;        /* Polls until the next one has. */
    );

    /* Of the thread that waits, to have it look at what has changed. */
    PADDED_MEMBERS(CACHE_LINE_SIZE, struct dpdk_vdpa_wake wake; );
};

struct dpdk_vdpa_relay {
    /* Tells the pollers to keep out.  Written by configure(). */
    PADDED_MEMBERS(CACHE_LINE_SIZE, atomic_bool paused; );

    /* The rest is for the functions that the caller serializes. */
    struct dpdk_vdpa_relay_config config;
    const struct dpdk_vdpa_end *vf;     /* Of, or for, which packets in the
                                         * lanes are: it may be absent. */
    struct lane **lanes[DPDK_VDPA_N_DIRECTIONS];    /* 'n_lanes' of each. */
    unsigned int n_lanes;
    struct dpdk_vdpa_poller **pollers;  /* Never shrinks. */
    unsigned int n_pollers;
};

/* Returns how many packets 'lane' holds.  Any thread. */
static inline uint16_t
lane_n_pending(const struct lane *lane)
{
    uint16_t n;

    atomic_read_relaxed(&CONST_CAST(struct lane *, lane)->n_pending, &n);
    return n;
}

/* Comes to the gate.  Returns true if the poller may use its lanes; the caller
 * must leave it in either case. */
static inline bool
poller_enter(struct dpdk_vdpa_poller *poller)
{
    bool paused;

    dpdk_vdpa_gate_enter(&poller->busy);
    atomic_read_explicit(&poller->relay->paused, &paused,
                         memory_order_acquire);
    return OVS_LIKELY(!paused);
}

#endif /* relay/lane.h */
