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

#include "dpdk-vdpa-relay.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "base/counter.h"
#include "base/gate.h"
#include "base/packet.h"
#include "base/policer.h"
#include "openvswitch/util.h"
#include "ovs-atomic.h"
#include "packets.h"
#include "relay/assign.h"
#include "relay/lane.h"
#include "relay/rest.h"
#include "util.h"

/* Most packets that a poller moves in one poll, over all its lanes, but for
 * the rest of the last burst: enough to make up for what OVS's main loop
 * spends between two polls, and not so many that other rx-queues wait
 * long. */
#define POLL_BUDGET (4 * DPDK_VDPA_BURST)

/* When a lane's next turn is depends on one number, which grows with each turn
 * that moves nothing and is 0 again after one that moves something.
 *
 * After so many turns in vain an idle lane gets its turn once in IDLE_INTERVAL
 * polls, until something comes: the first packet after a silence may take some
 * microseconds longer, and a quiet port costs little. */
#define IDLE_MAX 1024

/* A lane whose sink takes nothing asks it whether the head of the line can
 * ever go out, at the first turn in vain and then once in so many. */
#define STUCK_CHECK_INTERVAL 64

/* A packet that can never go out is worth so many turns, a multiple of the
 * former.  After so many, the lane gets its turn once in so many polls: to
 * find that out is expensive, and a guest can see to it that none ever can. */
#define REFUSED_WEIGHT STUCK_CHECK_INTERVAL
#define REFUSED_MAX (64 * REFUSED_WEIGHT)
#define REFUSED_INTERVAL 64

/* A lane with a source not to be bothered gets its turn once in so many
 * polls. */
#define BACKOFF_INTERVAL 1024

/* An extra lane gets its turn once in so many polls while they are empty. */
#define EXTRA_INTERVAL 8

/* Full bursts after a search for more in vain before the next search. */
#define MORE_INTERVAL 63

static void
lane_drop(struct lane *lane, struct rte_mbuf **pkts, unsigned int n,
          enum dpdk_vdpa_drop_reason reason)
{
    rte_pktmbuf_free_bulk(pkts, n);
    dpdk_vdpa_counter_add(&lane->counters.drops[reason], n);
}

/* Makes 'pkt' ready for the sink if the source put it together, or left its
 * checksum to others. */
static bool
prepare(const struct lane *lane, struct rte_mbuf *pkt)
{
    const struct dpdk_vdpa_end *sink = lane->sink;

    if ((pkt->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK)
        == RTE_MBUF_F_RX_L4_CKSUM_NONE) {
        dpdk_vdpa_packet_complete(pkt);
    }
    return (!(pkt->ol_flags & lane->rules.good_offloads & RTE_MBUF_F_RX_LRO)
            || (sink && sink->prepare_lro
                && sink->prepare_lro(sink->aux, pkt)));
}

/* Drops from the 'n' packets at 'pkts' those that are not for relaying.
 * Returns how many are left, and their length in '*bytesp', which on entry is
 * the length of all. */
static unsigned int __rte_noinline
lane_filter(struct lane *lane, struct rte_mbuf **pkts, unsigned int n,
            uint64_t *bytesp)
{
    uint64_t now = lane->policer ? rte_get_tsc_cycles() : 0;
    unsigned int kept = 0;

    for (unsigned int i = 0; i < n; i++) {
        struct rte_mbuf *pkt = pkts[i];
        int reason = dpdk_vdpa_packet_check(&lane->rules, pkt);

        if (reason < 0 && !prepare(lane, pkt)) {
            reason = DPDK_VDPA_DROP_BAD_OFFLOAD;
        }
        if (reason < 0 && lane->policer
            && !dpdk_vdpa_policer_admit(lane->policer, pkt, now)) {
            reason = DPDK_VDPA_DROP_POLICED;
        }
        if (reason < 0) {
            pkts[kept++] = pkt;
        } else {
            *bytesp -= pkt->pkt_len;
            lane_drop(lane, &pkt, 1, reason);
        }
    }
    return kept;
}

/* Shows the 'n' packets that came to who wants to see them.  Returns true if
 * each has to be decided about, too. */
static bool __rte_noinline
lane_watch(struct lane *lane, unsigned int n)
{
    if (lane->observer) {
        lane->observer->observe(lane->observer->aux, lane->direction,
                                lane->source_queue, lane->pending, n);
    }
    return lane->policer != NULL;
}

/* Takes a burst from the source of 'lane', which holds no packet.  Returns
 * the number of packets that came. */
static inline unsigned int
lane_fill(struct lane *lane)
{
    uint64_t bytes = 0, flags = 0;
    bool all_fit = true;
    unsigned int n, kept;

    n = lane->recv(lane->source_aux, lane->source_queue, lane->pending,
                   DPDK_VDPA_BURST);
    if (!n) {
        return 0;
    }

    for (unsigned int i = 0; i < n; i++) {
        uint32_t len = lane->pending[i]->pkt_len;

        bytes += len;
        flags |= lane->pending[i]->ol_flags;
        all_fit &= len - ETH_HEADER_LEN <= lane->rules.max_payload_len;
    }
    dpdk_vdpa_counter_add(&lane->counters.rx_packets, n);
    dpdk_vdpa_counter_add(&lane->counters.rx_bytes, bytes);
    if (OVS_UNLIKELY(lane->is_watched)) {
        all_fit &= !lane_watch(lane, n);
    }

    kept = n;
    if (OVS_UNLIKELY(!all_fit || flags & lane->rules.offload_mask)) {
        kept = lane_filter(lane, lane->pending, n, &bytes);
    }
    lane->first = 0;
    lane->pending_bytes = bytes;
    atomic_store_relaxed(&lane->n_pending, kept);
    return n;
}

/* Takes note that the first 'n' pending packets are gone. */
static inline void
lane_advance(struct lane *lane, unsigned int n)
{
    unsigned int left = lane_n_pending(lane) - n;

    lane->first += n;
    atomic_store_relaxed(&lane->n_pending, left);
}

/* The sink took nothing.  Gets rid of the head of the line if it can never go
 * out.  Returns the number of packets that left. */
static unsigned int __rte_noinline
lane_stuck(struct lane *lane)
{
    const struct dpdk_vdpa_end *sink = lane->sink;
    struct rte_mbuf **head = &lane->pending[lane->first];
    uint32_t len = (*head)->pkt_len;
    int reason = (lane->vain++ % STUCK_CHECK_INTERVAL || !sink->never_fits ? -1
                  : sink->never_fits(sink->aux, lane->sink_queue, *head));

    if (reason < 0) {
        return 0;
    }

    /* There may have come room since the sink refused, so try once more: now
     * a refusal is final. */
    if (reason != DPDK_VDPA_DROP_BAD_BUFFER
        && sink->send(sink->aux, lane->sink_queue, head, 1)) {
        dpdk_vdpa_counter_add(&lane->counters.tx_packets, 1);
        dpdk_vdpa_counter_add(&lane->counters.tx_bytes, len);
        lane->vain = 0;
    } else {
        lane_drop(lane, head, 1, reason);
        lane->vain += REFUSED_WEIGHT - 1;
    }
    lane->pending_bytes -= len;
    lane_advance(lane, 1);
    return 1;
}

/* Gives the pending packets of 'lane', of which there is at least one, to its
 * sink.  Returns how many it got rid of. */
static inline unsigned int
lane_flush(struct lane *lane)
{
    const struct dpdk_vdpa_end *sink = lane->sink;
    unsigned int n_pending = lane_n_pending(lane);
    unsigned int retries = 0;
    unsigned int sent = 0;
    uint64_t left = 0;

    for (;;) {
        unsigned int n = sink->send(sink->aux, lane->sink_queue,
                                    &lane->pending[lane->first + sent],
                                    n_pending - sent);

        sent += n;
        if (OVS_LIKELY(sent == n_pending) || !n
            || retries >= lane->retries_max) {
            break;
        }
        retries++;
    }
    if (OVS_UNLIKELY(retries)) {
        dpdk_vdpa_counter_add(&lane->counters.retries, retries);
    }
    if (OVS_UNLIKELY(!sent)) {
        return lane_stuck(lane);
    }

    lane_advance(lane, sent);
    for (unsigned int i = 0; i < n_pending - sent; i++) {
        left += lane->pending[lane->first + i]->pkt_len;
    }
    dpdk_vdpa_counter_add(&lane->counters.tx_packets, sent);
    dpdk_vdpa_counter_add(&lane->counters.tx_bytes,
                          lane->pending_bytes - left);
    lane->pending_bytes = left;
    lane->vain = 0;
    return sent;
}

/* Drops all that is pending. */
static void
lane_drop_pending(struct lane *lane, enum dpdk_vdpa_drop_reason reason)
{
    unsigned int n = lane_n_pending(lane);

    if (n) {
        lane_drop(lane, &lane->pending[lane->first], n, reason);
        lane_advance(lane, n);
        lane->pending_bytes = 0;
    }
}

/* The source of 'lane' is not looked at for a while: what it owes to whoever
 * is behind it must not wait for that. */
static void
lane_settle_source(struct lane *lane)
{
    const struct dpdk_vdpa_end *source = lane->source;

    if (source && source->settle) {
        source->settle(source->aux, lane->source_queue,
                       &lane->pending[lane->first], lane_n_pending(lane));
    }
}

/* The source of 'lane' has nothing.  What it has lent may wait for a sink that
 * does not look at what it has sent before it is to send more. */
static void __rte_noinline
lane_call_in(const struct lane *lane)
{
    const struct dpdk_vdpa_end *source = lane->source;
    const struct dpdk_vdpa_end *sink = lane->sink;

    if (source->has_lent(source->aux, lane->source_queue)) {
        sink->let_go(sink->aux, lane->sink_queue);
    }
}

/* Moves at most one burst.  Returns how many packets moved or were dropped. */
static inline unsigned int
lane_poll_once(struct lane *lane)
{
    unsigned int received = 0;
    unsigned int sent;

    if (OVS_LIKELY(!lane_n_pending(lane))) {
        received = lane_fill(lane);
        if (!lane_n_pending(lane)) {
            if (OVS_UNLIKELY(lane->lends)) {
                lane_call_in(lane);
            }
            return received;
        }
    }
    if (OVS_UNLIKELY(!lane->sink)) {
        sent = lane_n_pending(lane);
        lane_drop_pending(lane, lane->discard_reason);
        lane->vain = 0;
    } else {
        sent = lane_flush(lane);
        if (OVS_UNLIKELY(lane_n_pending(lane))) {
            lane_settle_source(lane);
        }
    }
    return MAX(received, sent);
}

/* A full burst came.  Moves the bursts that are behind it, 'budget' packets or
 * little more, if the recent past says that there may be some: to look in vain
 * costs a cache miss, as the guest is just writing there.  Returns the number
 * of packets. */
static inline unsigned int
lane_poll_more(struct lane *lane, unsigned int budget)
{
    unsigned int total = 0;
    unsigned int n;

    if (lane->more_wait) {
        lane->more_wait--;
        return 0;
    }
    do {
        n = lane_poll_once(lane);
        total += n;
    } while (n == DPDK_VDPA_BURST && total < budget);
    if (!total) {
        lane->more_wait = MORE_INTERVAL;
    }
    return total;
}

/* Returns how many polls 'lane' is to be passed over, after a turn in which it
 * moved 'n' packets: the one place that decides about that. */
static inline unsigned int
lane_wait(struct lane *lane, unsigned int n)
{
    bool backoff;

    atomic_read_relaxed(&lane->backoff, &backoff);
    if (OVS_UNLIKELY(backoff)) {
        return BACKOFF_INTERVAL - 1;
    }
    if (OVS_UNLIKELY(lane->vain >= REFUSED_MAX)) {
        return REFUSED_INTERVAL - 1;
    }
    if (n || lane_n_pending(lane)) {
        return 0;               /* It counts for itself. */
    }
    if (lane->vain < IDLE_MAX) {
        lane->vain++;
        return 0;
    }
    return IDLE_INTERVAL - 1;
}

/* Polls 'lane' if it is its turn, for 'budget' packets or little more.  If the
 * thread slept since the last poll, it is the turn of one that waits for no
 * other reason than that it was idle. */
static inline unsigned int
lane_poll(struct lane *lane, bool slept, unsigned int budget)
{
    unsigned int n;

    if (lane->wait && !(slept && lane->wait < IDLE_INTERVAL)) {
        lane->wait--;
        return 0;
    }
    n = lane_poll_once(lane);
    if (OVS_UNLIKELY(n == DPDK_VDPA_BURST && n < budget)) {
        n += lane_poll_more(lane, budget - n);
    }
    lane->wait = lane_wait(lane, n);
    return n;
}

/* Polls one of the extra lanes: those of VF queues that the guest has none
 * for, which are empty as a rule, as RSS goes round them.  So one gets its
 * turn rarely, unless the last one turned out to be not so empty. */
static inline unsigned int
poller_poll_extra(struct dpdk_vdpa_poller *poller, bool slept,
                  unsigned int budget)
{
    unsigned int n;

    if (poller->extra_wait) {
        poller->extra_wait--;
        return 0;
    }

    if (++poller->next_extra >= poller->n_extras) {
        poller->next_extra = 0;
    }
    n = lane_poll(poller->extras[poller->next_extra], slept, budget);
    if (!n) {
        poller->extra_wait = EXTRA_INTERVAL - 1;
    }
    return n;
}

/* Polls all lanes, from the one on where the last poll stopped, until the
 * budget is used up. */
static inline unsigned int
poller_poll(struct dpdk_vdpa_poller *poller, bool slept)
{
    unsigned int i = poller->next_lane;
    unsigned int n = 0;

    for (unsigned int left = poller->n_lanes; left; left--) {
        n += lane_poll(poller->lanes[i], slept, POLL_BUDGET - n);
        if (++i >= poller->n_lanes) {
            i = 0;
        }
        if (OVS_UNLIKELY(n >= POLL_BUDGET)) {
            break;
        }
    }
    poller->next_lane = i;
    if (poller->n_extras) {
        /* However busy the others are: they wait long enough. */
        n += poller_poll_extra(poller, slept, DPDK_VDPA_BURST);
    }
    return n;
}

unsigned int
dpdk_vdpa_relay_poll(struct dpdk_vdpa_poller *poller, bool slept)
{
    unsigned int n = poller_enter(poller) ? poller_poll(poller, slept) : 0;

    dpdk_vdpa_gate_leave(&poller->busy);
    return n;
}

static unsigned int __rte_noinline
lane_look(struct lane *lane)
{
    return lane_poll(lane, true, DPDK_VDPA_BURST);
}

unsigned int
dpdk_vdpa_relay_look(struct dpdk_vdpa_poller *poller)
{
    unsigned int n = 0;

    if (poller_enter(poller)) {
        for (unsigned int i = 0; i < poller->n_lanes; i++) {
            n += lane_look(poller->lanes[i]);
        }
        for (unsigned int i = 0; i < poller->n_extras; i++) {
            n += lane_look(poller->extras[i]);
        }
    }
    dpdk_vdpa_gate_leave(&poller->busy);
    return n;
}

/* Keeps the pollers out and waits for those that are inside. */
static void
relay_pause(struct dpdk_vdpa_relay *relay)
{
    atomic_store(&relay->paused, true);
    dpdk_vdpa_gate_barrier();
    for (unsigned int i = 0; i < relay->n_pollers; i++) {
        dpdk_vdpa_gate_wait(&relay->pollers[i]->busy);
    }
}

/* Gets rid of what is pending in 'lane' after an end of it changed, 'reason'
 * being what happened.  'sink_gone' forbids to use the sink any more. */
static void
lane_settle(struct lane *lane, bool sink_gone,
            enum dpdk_vdpa_drop_reason reason)
{
    if (!sink_gone && lane->sink && lane_n_pending(lane)) {
        lane_flush(lane);
    }
    lane_drop_pending(lane, reason);
}

/* Settles all lanes before 'relay' goes from its configuration to 'new'. */
static void
relay_settle(struct dpdk_vdpa_relay *relay,
             const struct dpdk_vdpa_relay_config *new)
{
    const struct dpdk_vdpa_end *vf = new->vf_returns ? relay->vf : new->vf;
    bool vm_changed = relay->config.vm != new->vm;
    bool vf_changed = relay->vf != vf;
    enum dpdk_vdpa_drop_reason reason = (vf_changed
                                         ? DPDK_VDPA_DROP_VF_DOWN
                                         : DPDK_VDPA_DROP_VM_DISCONNECTED);

    relay->vf = vf;
    for (unsigned int i = 0; i < relay->n_lanes; i++) {
        bool vf_lost = vf_changed || (new->vf && i >= new->n_vf_pairs);

        if (vm_changed || vf_changed) {
            lane_settle(relay->lanes[DPDK_VDPA_VM_TO_VF][i], vf_changed,
                        reason);
        }
        if (vm_changed || vf_lost) {
            lane_settle(relay->lanes[DPDK_VDPA_VF_TO_VM][i], vm_changed,
                        vm_changed ? DPDK_VDPA_DROP_VM_DISCONNECTED
                        : DPDK_VDPA_DROP_VF_DOWN);
        }
    }
}

/* Drops what waits in the VF's queues: it came before the guest did. */
static void
relay_drain_vf(struct dpdk_vdpa_relay *relay,
               const struct dpdk_vdpa_relay_config *new)
{
    for (unsigned int i = 0; i < new->n_vf_pairs; i++) {
        struct lane *lane = relay->lanes[DPDK_VDPA_VF_TO_VM][i];
        unsigned int n, total = 0;

        dpdk_vdpa_assign_source(lane, new->vf, i);
        lane->is_watched = false;
        lane->policer = NULL;
        do {
            n = lane_fill(lane);
            lane_drop_pending(lane, DPDK_VDPA_DROP_VM_DISCONNECTED);
            total += n;
        } while (n && total < new->vf_rxq_size);
    }
}

/* While it is paused, nobody looks at the sources of 'relay'. */
static void
relay_settle_sources(struct dpdk_vdpa_relay *relay)
{
    for (unsigned int i = 0; relay->config.vm && i < relay->n_lanes; i++) {
        if (relay->config.vm_enabled[i]) {
            lane_settle_source(relay->lanes[DPDK_VDPA_VM_TO_VF][i]);
        }
    }
}

/* Returns how many lanes each direction of 'c' needs. */
static unsigned int
config_n_lanes(const struct dpdk_vdpa_relay_config *c)
{
    unsigned int n = c->n_vf_pairs;

    for (unsigned int i = n; i < DPDK_VDPA_MAX_PAIRS; i++) {
        if (c->vm_enabled[i]) {
            n = i + 1;
        }
    }
    return n;
}

void
dpdk_vdpa_relay_configure(struct dpdk_vdpa_relay *relay,
                          const struct dpdk_vdpa_relay_config *new)
{
    bool new_vm = new->vm && new->vm != relay->config.vm;

    ovs_assert(new->n_vf_pairs && new->n_vf_pairs <= DPDK_VDPA_MAX_PAIRS);
    ovs_assert(new->n_pollers);
    ovs_assert(!new->vf_returns || (new->paused && !new->vf));

    if (relay->n_lanes && !memcmp(new, &relay->config, sizeof *new)) {
        return;                 /* A pause takes an interrupt of each PMD. */
    }
    relay_pause(relay);
    dpdk_vdpa_rest_end(relay);
    relay_settle(relay, new);
    dpdk_vdpa_assign_grow_lanes(relay, config_n_lanes(new));
    dpdk_vdpa_assign_grow_pollers(relay, new->n_pollers);
    if (new_vm && new->vf) {
        relay_drain_vf(relay, new);
    }
    memcpy(&relay->config, new, sizeof *new);   /* To be compared, too. */
    dpdk_vdpa_assign(relay);
    if (new->paused) {
        relay_settle_sources(relay);
    }
    atomic_store_explicit(&relay->paused, new->paused, memory_order_release);
    dpdk_vdpa_rest_nudge(relay);
}

struct dpdk_vdpa_relay *
dpdk_vdpa_relay_create(void)
{
    struct dpdk_vdpa_relay *relay;

    if (!dpdk_vdpa_gate_init()) {
        return NULL;
    }
    relay = xzalloc_cacheline(sizeof *relay);
    atomic_init(&relay->paused, true);
    relay->config.paused = true;
    relay->config.n_vf_pairs = 1;
    relay->config.n_pollers = 1;
    return relay;
}

void
dpdk_vdpa_relay_destroy(struct dpdk_vdpa_relay *relay)
{
    if (!relay) {
        return;
    }
    ovs_assert(!relay->config.vm && !relay->config.vf);

    for (unsigned int i = 0; i < relay->n_pollers; i++) {
        free(relay->pollers[i]->lanes);
        free(relay->pollers[i]->extras);
        dpdk_vdpa_wake_set(&relay->pollers[i]->wake, -1);
        free_cacheline(relay->pollers[i]);
    }
    free(relay->pollers);
    for (int dir = 0; dir < DPDK_VDPA_N_DIRECTIONS; dir++) {
        for (unsigned int i = 0; i < relay->n_lanes; i++) {
            free_cacheline(relay->lanes[dir][i]);
        }
        free(relay->lanes[dir]);
    }
    free_cacheline(relay);
}

struct dpdk_vdpa_poller *
dpdk_vdpa_relay_get_poller(struct dpdk_vdpa_relay *relay, unsigned int index)
{
    ovs_assert(index < relay->n_pollers);
    return relay->pollers[index];
}

unsigned int
dpdk_vdpa_relay_n_lanes(const struct dpdk_vdpa_relay *relay)
{
    return relay->n_lanes;
}

void
dpdk_vdpa_relay_add_counters(const struct dpdk_vdpa_relay *relay,
                             enum dpdk_vdpa_direction dir, unsigned int i,
                             struct dpdk_vdpa_counters *sum)
{
    struct lane *lane = relay->lanes[dir][i];
    struct lane_counters *c = &lane->counters;

    sum->rx_packets += dpdk_vdpa_counter_read(&c->rx_packets);
    sum->rx_bytes += dpdk_vdpa_counter_read(&c->rx_bytes);
    sum->tx_packets += dpdk_vdpa_counter_read(&c->tx_packets);
    sum->tx_bytes += dpdk_vdpa_counter_read(&c->tx_bytes);
    sum->retries += dpdk_vdpa_counter_read(&c->retries);
    for (int reason = 0; reason < DPDK_VDPA_N_DROP_REASONS; reason++) {
        sum->drops[reason] += dpdk_vdpa_counter_read(&c->drops[reason]);
    }
    sum->pending += lane_n_pending(lane);
}

void
dpdk_vdpa_relay_set_backoff(struct dpdk_vdpa_relay *relay,
                            enum dpdk_vdpa_direction dir, unsigned int i,
                            bool backoff)
{
    atomic_store_relaxed(&relay->lanes[dir][i]->backoff, backoff);
}
