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

#include "port/capture-port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/frames.h"
#include "base/gate.h"
#include "dp-packet.h"
#include "netdev-provider.h"
#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "ovs-atomic.h"
#include "packets.h"
#include "port/copies.h"
#include "util.h"

/* What Open vSwitch wants in front of a packet, for tunnels' headers. */
#define HEADROOM 128

/* A capture that feeds a port. */
struct vdpa_feed {
    struct ovs_list node;               /* In the port's 'feeds'. */
    struct capture_port *port;          /* Null if it went. */
    uint32_t snaplen;
    struct vdpa_copies *copies;
    void (*gone)(void *aux);
    void *aux;
    atomic_bool is_gone;

    /* The port's rx-queue's, or whoever's who closed the gate. */
    bool pending;                       /* Is 'frames' of a packet? */
    struct dpdk_vdpa_frames frames;
};

struct capture_port {
    struct netdev up;
    struct eth_addr mac;                /* Constant. */
    atomic_bool is_up;
    atomic_uint flags;                  /* Written by the main thread. */

    struct ovs_list feeds;              /* Changes with 'ports_mutex' held and
                                         * the gate closed. */
    atomic_bool inside;                 /* See base/gate.h. */
    atomic_bool open;                   /* The gate, if there are feeds. */

    /* Written by the rx-queue. */
    atomic_uint64_t rx_packets;
    atomic_uint64_t rx_bytes;
    atomic_uint64_t rx_dropped;         /* While it was down. */
    atomic_uint64_t tx_dropped;         /* By any thread. */
};

/* The links between ports and feeds.  A leaf. */
static struct ovs_mutex ports_mutex = OVS_MUTEX_INITIALIZER;

static struct capture_port *
capture_port_cast(const struct netdev *netdev)
{
    return CONTAINER_OF(netdev, struct capture_port, up);
}

static void
add(atomic_uint64_t *counter, uint64_t n)
{
    uint64_t orig;

    atomic_add_relaxed(counter, n, &orig);
}

/* Receiving. */

/* Makes the next frame of 'feed' a packet of Open vSwitch's. */
static struct dp_packet *
next_frame(struct vdpa_feed *feed)
{
    uint32_t len = dpdk_vdpa_frames_next_len(&feed->frames);
    struct dp_packet *packet = dp_packet_new_with_headroom(len, HEADROOM);

    dpdk_vdpa_frames_next(&feed->frames,
                          dp_packet_put_uninit(packet, len));
    dp_packet_set_size(packet, MIN(len, feed->snaplen));
    return packet;
}

/* Begins with the next packet of 'feed'.  Returns false if there is none. */
static bool
next_packet(struct vdpa_feed *feed)
{
    struct rte_mbuf *copy;

    if (!vdpa_copies_take(feed->copies, &copy, 1)) {
        return false;
    }
    dpdk_vdpa_frames_begin(&feed->frames, copy);
    rte_pktmbuf_free(copy);
    feed->pending = true;
    return true;
}

/* Moves frames of 'feed' to 'batch', as many as it takes. */
static void
receive_feed(struct capture_port *port, struct vdpa_feed *feed,
             struct dp_packet_batch *batch)
{
    while (dp_packet_batch_size(batch) < NETDEV_MAX_BURST) {
        if (!feed->pending && !next_packet(feed)) {
            return;
        }
        if (dpdk_vdpa_frames_more(&feed->frames)) {
            struct dp_packet *packet = next_frame(feed);

            add(&port->rx_bytes, dp_packet_size(packet));
            dp_packet_batch_add(batch, packet);
        }
        if (!dpdk_vdpa_frames_more(&feed->frames)) {
            feed->pending = false;
            vdpa_copies_count_written(feed->copies, 1);
        }
    }
}

/* Throws away what 'feed' holds, and returns the number of packets. */
static unsigned int
drop_feed(struct vdpa_feed *feed)
{
    unsigned int n = feed->pending;
    struct rte_mbuf *copy;

    feed->pending = false;
    while (vdpa_copies_take(feed->copies, &copy, 1)) {
        rte_pktmbuf_free(copy);
        n++;
    }
    vdpa_copies_count_missed(feed->copies, n);
    return n;
}

static void
receive(struct capture_port *port, struct dp_packet_batch *batch)
{
    struct vdpa_feed *feed;
    bool up;

    atomic_read_relaxed(&port->is_up, &up);
    LIST_FOR_EACH (feed, node, &port->feeds) {
        if (up) {
            receive_feed(port, feed, batch);
        } else {
            add(&port->rx_dropped, drop_feed(feed));
        }
    }
}

static int
capture_port_rxq_recv(struct netdev_rxq *rxq, struct dp_packet_batch *batch,
                      int *qfill)
{
    struct capture_port *port = capture_port_cast(rxq->netdev);
    bool open;

    dp_packet_batch_init(batch);
    dpdk_vdpa_gate_enter(&port->inside);
    atomic_read_explicit(&port->open, &open, memory_order_acquire);
    if (open) {
        receive(port, batch);
    }
    dpdk_vdpa_gate_leave(&port->inside);
    if (qfill) {
        *qfill = -ENOTSUP;
    }
    add(&port->rx_packets, dp_packet_batch_size(batch));
    return dp_packet_batch_is_empty(batch) ? EAGAIN : 0;
}

/* Feeds. */

/* Keeps the rx-queue of 'port' from its feeds, or lets it. */
static void
close_gate(struct capture_port *port)
    OVS_REQUIRES(ports_mutex)
{
    atomic_store_relaxed(&port->open, false);
    dpdk_vdpa_gate_barrier();
    dpdk_vdpa_gate_wait(&port->inside);
}

static void
open_gate(struct capture_port *port)
    OVS_REQUIRES(ports_mutex)
{
    atomic_store_explicit(&port->open, !ovs_list_is_empty(&port->feeds),
                          memory_order_release);
}

/* Looks for the port 'name' that is to receive what is captured of the port
 * 'of'.  The caller must close '*netdevp'. */
static int
find_port(const char *name, const char *of, struct netdev **netdevp,
          char **errp)
{
    struct netdev *netdev = netdev_from_name(name);

    if (netdev && netdev->netdev_class == &vdpa_capture_port_class) {
        *netdevp = netdev;
        return 0;
    }
    if (!strcmp(name, of)) {
        *errp = xasprintf("port \"%s\" cannot receive what it relays itself; "
                          "name a port of type %s", name,
                          vdpa_capture_port_class.type);
    } else if (!netdev) {
        *errp = xasprintf("there is no port \"%s\"; add one of type %s", name,
                          vdpa_capture_port_class.type);
    } else {
        *errp = xasprintf("port \"%s\" is of type \"%s\", which cannot "
                          "receive what is captured; name a port of type %s",
                          name, netdev_get_type(netdev),
                          vdpa_capture_port_class.type);
    }
    netdev_close(netdev);
    return netdev ? EOPNOTSUPP : ENODEV;
}

int
vdpa_feed_start(const char *name, const char *of, uint32_t snaplen,
                struct vdpa_copies *copies, void (*gone)(void *aux),
                void *aux, struct vdpa_feed **feedp, char **errp)
    OVS_EXCLUDED(ports_mutex)
{
    struct netdev *netdev;
    struct vdpa_feed *feed;
    int error;

    error = find_port(name, of, &netdev, errp);
    if (error) {
        return error;
    }
    feed = xzalloc(sizeof *feed);
    feed->port = capture_port_cast(netdev);
    feed->snaplen = snaplen ? snaplen : UINT32_MAX;
    feed->copies = copies;
    feed->gone = gone;
    feed->aux = aux;
    ovs_mutex_lock(&ports_mutex);
    close_gate(feed->port);
    ovs_list_push_back(&feed->port->feeds, &feed->node);
    open_gate(feed->port);
    ovs_mutex_unlock(&ports_mutex);
    netdev_close(netdev);
    *feedp = feed;
    return 0;
}

void
vdpa_feed_stop(struct vdpa_feed *feed)
    OVS_EXCLUDED(ports_mutex)
{
    ovs_mutex_lock(&ports_mutex);
    if (feed->port) {
        close_gate(feed->port);
        ovs_list_remove(&feed->node);
        open_gate(feed->port);
    }
    ovs_mutex_unlock(&ports_mutex);
    drop_feed(feed);
    free(feed);
}

bool
vdpa_feed_is_gone(const struct vdpa_feed *feed)
{
    bool gone;

    atomic_read(&CONST_CAST(struct vdpa_feed *, feed)->is_gone, &gone);
    return gone;
}

/* The class. */

static struct netdev *
capture_port_alloc(void)
{
    struct capture_port *port = xzalloc(sizeof *port);

    return &port->up;
}

static int
capture_port_construct(struct netdev *netdev)
{
    struct capture_port *port = capture_port_cast(netdev);

    ovs_list_init(&port->feeds);
    atomic_init(&port->flags, NETDEV_UP);
    atomic_init(&port->is_up, true);
    eth_addr_nicira_random(&port->mac);
    return 0;
}

/* Nobody polls the port any more, nor finds it. */
static void
capture_port_destruct(struct netdev *netdev)
    OVS_EXCLUDED(ports_mutex)
{
    struct capture_port *port = capture_port_cast(netdev);
    struct vdpa_feed *feed;

    ovs_mutex_lock(&ports_mutex);
    LIST_FOR_EACH_POP (feed, node, &port->feeds) {
        feed->port = NULL;
        vdpa_copies_close(feed->copies);
        atomic_store(&feed->is_gone, true);
        feed->gone(feed->aux);
    }
    ovs_mutex_unlock(&ports_mutex);
}

static void
capture_port_dealloc(struct netdev *netdev)
{
    free(capture_port_cast(netdev));
}

static int
capture_port_send(struct netdev *netdev, int qid OVS_UNUSED,
                  struct dp_packet_batch *batch,
                  bool concurrent_txq OVS_UNUSED)
{
    add(&capture_port_cast(netdev)->tx_dropped, dp_packet_batch_size(batch));
    dp_packet_delete_batch(batch, true);
    return 0;
}

static int
capture_port_get_etheraddr(const struct netdev *netdev, struct eth_addr *mac)
{
    *mac = capture_port_cast(netdev)->mac;
    return 0;
}

static int
capture_port_get_stats(const struct netdev *netdev,
                       struct netdev_stats *stats)
{
    struct capture_port *port = capture_port_cast(netdev);

    atomic_read_relaxed(&port->rx_packets, &stats->rx_packets);
    atomic_read_relaxed(&port->rx_bytes, &stats->rx_bytes);
    atomic_read_relaxed(&port->rx_dropped, &stats->rx_dropped);
    atomic_read_relaxed(&port->tx_dropped, &stats->tx_dropped);
    stats->tx_packets = stats->tx_bytes = 0;
    return 0;
}

static int
capture_port_update_flags(struct netdev *netdev, enum netdev_flags off,
                          enum netdev_flags on, enum netdev_flags *old)
{
    struct capture_port *port = capture_port_cast(netdev);
    unsigned int before, after;

    if ((off | on) & ~(NETDEV_UP | NETDEV_PROMISC)) {
        return EINVAL;
    }
    atomic_read(&port->flags, &before);
    after = (before | on) & ~off;
    *old = before;
    if (after != before) {
        atomic_store(&port->flags, after);
        atomic_store(&port->is_up, after & NETDEV_UP);
        netdev_change_seq_changed(netdev);
    }
    return 0;
}

static struct netdev_rxq *
capture_port_rxq_alloc(void)
{
    return xzalloc(sizeof(struct netdev_rxq));
}

static int
capture_port_rxq_construct(struct netdev_rxq *rxq OVS_UNUSED)
{
    return 0;
}

static void
capture_port_rxq_destruct(struct netdev_rxq *rxq OVS_UNUSED)
{
}

static void
capture_port_rxq_dealloc(struct netdev_rxq *rxq)
{
    free(rxq);
}

const struct netdev_class vdpa_capture_port_class = {
    .type = "dpdkvdpacapture",
    .is_pmd = true,
    .alloc = capture_port_alloc,
    .construct = capture_port_construct,
    .destruct = capture_port_destruct,
    .dealloc = capture_port_dealloc,
    .send = capture_port_send,
    .get_etheraddr = capture_port_get_etheraddr,
    .get_stats = capture_port_get_stats,
    .update_flags = capture_port_update_flags,
    .rxq_alloc = capture_port_rxq_alloc,
    .rxq_construct = capture_port_rxq_construct,
    .rxq_destruct = capture_port_rxq_destruct,
    .rxq_dealloc = capture_port_rxq_dealloc,
    .rxq_recv = capture_port_rxq_recv,
};
