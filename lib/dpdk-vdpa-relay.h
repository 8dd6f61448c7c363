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

#ifndef DPDK_VDPA_RELAY_H
#define DPDK_VDPA_RELAY_H 1

/* The relay of a dpdkvdpa port: it moves packets between two ends, the VM's
 * and the VF's.
 *
 * It knows mbufs and two tables of burst functions, and nothing of sockets,
 * devices or netdevs.
 *
 *
 * Lanes and pollers
 * =================
 *
 * A *lane* goes from one queue of one end to one queue of the other and holds
 * at most DPDK_VDPA_BURST packets that the sink has not taken yet.  While it
 * holds any, it leaves its source alone, so that a full sink pushes back all
 * the way to the sender.
 *
 * A *poller* is a list of lanes.  There is one per rx-queue of the netdev, and
 * exactly one PMD thread at a time runs dpdk_vdpa_relay_poll() on it.  All
 * lanes into one queue belong to the same poller, so no sink needs a lock.
 *
 *
 * Thread safety
 * =============
 *
 * dpdk_vdpa_relay_poll() takes no lock.  Everything else may be called from
 * any thread, one at a time per relay: the caller serializes.
 * dpdk_vdpa_relay_configure() returns only when no poller uses the previous
 * ends any more.  It waits for pollers that are inside a poll, which takes
 * microseconds, and never for a thread to come by: a poller that nobody runs
 * does not hold it up. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dpdk_vdpa_policer;
struct dpdk_vdpa_waiter;
struct rte_mbuf;

/* Most packets that a lane takes from its source at a time. */
#define DPDK_VDPA_BURST 32

/* Most queue pairs of a relay, as many as a vhost-user device can have. */
#define DPDK_VDPA_MAX_PAIRS 128

/* Why the relay may drop a packet: DROP_REASON(ENUM, NAME, MEANING).  A packet
 * that the relay took and did not deliver is counted under one of these. */
#define DPDK_VDPA_DROP_REASONS                                              \
    DROP_REASON(OVERSIZE, oversize,                                         \
                "longer than the MTU allows, or than any buffer that the "  \
                "guest gives")                                              \
    DROP_REASON(BAD_BUFFER, bad_buffer,                                     \
                "the guest gave a buffer too small for any packet, which "  \
                "it got back empty")                                        \
    DROP_REASON(MALFORMED, malformed,                                       \
                "shorter than an Ethernet header")                          \
    DROP_REASON(BAD_OFFLOAD, bad_offload,                                   \
                "asks for an offload that its receiver was not offered, "   \
                "or with impossible header lengths")                        \
    DROP_REASON(POLICED, policed,                                           \
                "more than the operator lets pass")                         \
    DROP_REASON(VM_DISCONNECTED, vm_disconnected,                           \
                "no guest was connected, or it left with packets waiting")  \
    DROP_REASON(QUEUE_DISABLED, queue_disabled,                             \
                "the guest had no receive queue enabled")                   \
    DROP_REASON(VF_DOWN, vf_down,                                           \
                "the VF was gone, or was replaced with packets waiting")

enum dpdk_vdpa_drop_reason {
#define DROP_REASON(ENUM, NAME, MEANING) DPDK_VDPA_DROP_##ENUM,
    DPDK_VDPA_DROP_REASONS
#undef DROP_REASON
    DPDK_VDPA_N_DROP_REASONS
};

const char *dpdk_vdpa_drop_reason_name(enum dpdk_vdpa_drop_reason);

enum dpdk_vdpa_direction {
    DPDK_VDPA_VM_TO_VF,
    DPDK_VDPA_VF_TO_VM,
    DPDK_VDPA_N_DIRECTIONS
};

/* One end of the relay.  'aux' is passed to each function.  The functions are
 * called by PMD threads, for a given queue and direction by one at a time. */
struct dpdk_vdpa_end {
    void *aux;

    /* Receives at most 'n' packets from 'queue' into 'pkts' and returns their
     * number.  The relay owns them. */
    uint16_t (*recv)(void *aux, uint16_t queue, struct rte_mbuf **pkts,
                     uint16_t n);

    /* Sends the 'n' packets in 'pkts' to 'queue', in order, and returns how
     * many of them, from the first, it took over. */
    uint16_t (*send)(void *aux, uint16_t queue, struct rte_mbuf **pkts,
                     uint16_t n);

    /* Called after send() took nothing: if 'queue' has now all the room that
     * it can ever have for 'pkt', so that if send() refuses it again it will
     * always do so, returns the enum dpdk_vdpa_drop_reason to drop it for,
     * else -1.  With DPDK_VDPA_DROP_BAD_BUFFER it is not to be tried again:
     * the buffer meant for it is gone.  May be null. */
    int (*never_fits)(void *aux, uint16_t queue, struct rte_mbuf *pkt);

    /* Called instead of recv() while 'queue' is left alone, because the 'n'
     * packets 'pkts' from it find no way or the relay is paused: does what
     * recv() put off, such as an interrupt, and puts copies in the place of
     * packets that are lent, as far as it can.  May be null. */
    void (*settle)(void *aux, uint16_t queue, struct rte_mbuf **pkts,
                   uint16_t n);

    /* Returns true if packets that came from 'queue' are lent: they point to
     * memory that whoever sent them waits for.  Then let_go() of the other end
     * is called while there is nothing to receive, which frees what that has
     * sent of 'queue' already.  Only with 'lends' of the configuration. */
    bool (*has_lent)(void *aux, uint16_t queue);
    void (*let_go)(void *aux, uint16_t queue);

    /* Has 'queue' wake 'waiter' (base/wake.h) once it has something to
     * receive, until disarm().  Returns false if it cannot; else recv() is
     * called once more before anybody waits, as the queue may not tell of what
     * was there before.  May be null. */
    bool (*arm)(void *aux, uint16_t queue, struct dpdk_vdpa_waiter *waiter);
    void (*disarm)(void *aux, uint16_t queue);

    /* Makes a packet that the other end put together from many, which it says
     * by RTE_MBUF_F_RX_LRO, fit for send().  Returns false if it is not TCP.
     * Null if send() takes no such packets. */
    bool (*prepare_lro)(void *aux, struct rte_mbuf *pkt);
};

/* Somebody who looks at every packet that a lane takes from its source, before
 * anything is done to it.  Called by PMD threads, several at a time, which it
 * must not hold up. */
struct dpdk_vdpa_observer {
    void *aux;
    void (*observe)(void *aux, enum dpdk_vdpa_direction, uint16_t queue,
                    struct rte_mbuf *const *pkts, unsigned int n);
};

/* What a relay is to do. */
struct dpdk_vdpa_relay_config {
    /* If true, nothing moves: packets wait where they are. */
    bool paused;

    /* The ends, null for one that is absent.  Packets for an absent end are
     * taken from the other one and dropped.  An end that is replaced, or whose
     * connection is, must be absent in between: packets that wait in the
     * relay do not survive the change. */
    const struct dpdk_vdpa_end *vm;
    const struct dpdk_vdpa_end *vf;

    /* The VF's end is absent for a moment, in which it is started again: what
     * waits in the relay survives that.  Only with 'paused'. */
    bool vf_returns;

    /* Queue pairs of the VF, 1..DPDK_VDPA_MAX_PAIRS. */
    unsigned int n_vf_pairs;

    /* Which queue pairs of the guest are enabled. */
    bool vm_enabled[DPDK_VDPA_MAX_PAIRS];

    /* Rx-queues of the netdev, at least 1. */
    unsigned int n_pollers;

    /* Most immediate retries towards a full ring of the guest. */
    unsigned int tx_retries_max;

    /* Longest frame to relay, in bytes, without the frame check sequence. */
    uint32_t max_frame_len;

    /* What the VF does for packets of the guest, in RTE_MBUF_F_TX_* flags, 0
     * if nothing.  With RTE_MBUF_F_TX_TCP_SEG, a packet to be segmented may be
     * as long as an IP packet can be. */
    uint64_t tx_offloads;

    /* Whether the guest takes packets that the VF put together. */
    bool lro;

    /* Whether packets of the guest may be lent to the VF. */
    bool lends;

    /* Null if nobody looks. */
    const struct dpdk_vdpa_observer *observer;

    /* Of each direction, null if none.  A packet for which there is no sink
     * does not count. */
    struct dpdk_vdpa_policer *policers[DPDK_VDPA_N_DIRECTIONS];

    /* Descriptors of a receive queue of the VF, which bounds what may wait
     * there for a guest that is gone. */
    uint16_t vf_rxq_size;
};

/* Counters of a lane, or of a sum of lanes.  'rx' counts what came from the
 * source, 'tx' what the sink took. */
struct dpdk_vdpa_counters {
    uint64_t rx_packets;
    uint64_t rx_bytes;
    uint64_t tx_packets;
    uint64_t tx_bytes;
    uint64_t retries;                   /* Immediate retries of send(). */
    uint64_t drops[DPDK_VDPA_N_DROP_REASONS];
    uint64_t pending;                   /* Not a counter: packets held now. */
};

struct dpdk_vdpa_relay;
struct dpdk_vdpa_poller;

/* Creates a relay that is paused and has no ends.  Returns null, with errno
 * set, if the kernel lacks what the relay needs (membarrier(2), Linux 4.14).
 */
struct dpdk_vdpa_relay *dpdk_vdpa_relay_create(void);

/* Destroys 'relay', which must have been configured without ends. */
void dpdk_vdpa_relay_destroy(struct dpdk_vdpa_relay *);

/* Makes 'relay' do what 'config' says.  On return no poller uses the previous
 * configuration or its ends.  Costs next to nothing if that is what it does
 * already, which it knows only if also the padding of 'config' is the same. */
void dpdk_vdpa_relay_configure(struct dpdk_vdpa_relay *,
                               const struct dpdk_vdpa_relay_config *);

/* Returns poller 'index', which is less than 'n_pollers' of the current
 * configuration.  It stays valid until the relay is destroyed. */
struct dpdk_vdpa_poller *dpdk_vdpa_relay_get_poller(struct dpdk_vdpa_relay *,
                                                    unsigned int index);

/* Runs the lanes of the poller once and returns the number of packets that
 * moved or were dropped.  Lanes that have been idle for long are not looked at
 * every time, unless the caller has 'slept' since the last time.  One thread
 * at a time per poller. */
unsigned int dpdk_vdpa_relay_poll(struct dpdk_vdpa_poller *, bool slept);

/* For a thread that has nothing to do.  dpdk_vdpa_relay_arm() asks the sources
 * of the poller's lanes to wake 'waiter', until dpdk_vdpa_relay_disarm(), and
 * returns false if not all of them can, or a lane holds packets: then the
 * thread must not wait longer than it can do without.  In between, before it
 * waits, it calls dpdk_vdpa_relay_look(), which is as dpdk_vdpa_relay_poll()
 * for each of the lanes: if that moves anything it must not wait.  A change of
 * the configuration ends the wait, as there may be other sources then.
 *
 * To be called by the thread that polls; or disarm() by the one that is going
 * to, when nobody does. */
bool dpdk_vdpa_relay_arm(struct dpdk_vdpa_poller *,
                         struct dpdk_vdpa_waiter *waiter);
unsigned int dpdk_vdpa_relay_look(struct dpdk_vdpa_poller *);
void dpdk_vdpa_relay_disarm(struct dpdk_vdpa_poller *);

/* Returns the index of the poller that serves queue pair 'pair' of the guest
 * or the VF. */
unsigned int dpdk_vdpa_relay_poller_of(const struct dpdk_vdpa_relay *,
                                       unsigned int pair);

/* Returns true if what the guest sends in queue pair 'pair' has to wait since
 * another pair's waits for the same queue of the VF.  Serialized by the
 * caller. */
bool dpdk_vdpa_relay_waits_its_turn(const struct dpdk_vdpa_relay *,
                                    unsigned int pair);

/* Returns how many lanes there are, or ever were, in each direction. */
unsigned int dpdk_vdpa_relay_n_lanes(const struct dpdk_vdpa_relay *);

/* Adds the counters of a lane to 'sum'.  'lane' is the queue pair of the
 * lane's source: the guest's towards the VF, the VF's towards the guest. */
void dpdk_vdpa_relay_add_counters(const struct dpdk_vdpa_relay *,
                                  enum dpdk_vdpa_direction, unsigned int lane,
                                  struct dpdk_vdpa_counters *sum);

/* Has a lane polled rarely, or again every time.  For a source that shows
 * packets but does not give any, which may be expensive to find out. */
void dpdk_vdpa_relay_set_backoff(struct dpdk_vdpa_relay *,
                                 enum dpdk_vdpa_direction, unsigned int lane,
                                 bool backoff);

#endif /* dpdk-vdpa-relay.h */
