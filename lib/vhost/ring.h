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

#ifndef DPDK_VDPA_RING_H
#define DPDK_VDPA_RING_H 1

/* Walks a guest's virtqueue, split or packed, for the packets that are the
 * rule: each in one buffer of one direct descriptor and in one mbuf; from a
 * guest, with a header that asks for a checksum at most, to it, with one that
 * says nothing.  That takes about half the time that a walk needs which
 * expects everything.
 *
 * The walk stops in front of anything else, or anything wrong, and sets
 * 'unusual': the caller has somebody else go on from there, vhost/chain.h or
 * the vhost library.
 *
 * It knows memory and mbufs only.  The memory is shared with a guest, which
 * may change it at any time: what is read of it is read once, and checked
 * before it is used.
 *
 * The functions are for one thread at a time per ring, and take no lock. */

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

struct dpdk_vdpa_note;
struct rte_mbuf;
struct rte_mempool;

/* Most packets that are taken or given at a time. */
#define DPDK_VDPA_RING_BURST 64

/* Packets up to this length, in bytes, are copied in any case: what anybody
 * writes to, which is a packet's headers, is not beyond it. */
#define DPDK_VDPA_RING_SHORT 256

/* Most regions of a guest's memory, as many as the vhost library takes. */
#define DPDK_VDPA_MAX_REGIONS 8

/* A part of the guest's memory: 'size' bytes at guest-physical address
 * 'start', of which we have each at its own address plus 'offset'. */
struct dpdk_vdpa_region {
    uint64_t start;
    uint64_t size;
    uint64_t offset;
};

struct dpdk_vdpa_memory {
    unsigned int n;
    struct dpdk_vdpa_region regions[DPDK_VDPA_MAX_REGIONS];
};

struct dpdk_vdpa_ring {
    /* Where the ring is, one or the other. */
    union {
        struct {
            const struct vring_desc *desc;
            const struct vring_avail *avail;
            struct vring_used *used;
        } split;
        struct {
            struct vring_packed_desc *desc;
            const struct vring_packed_desc_event *driver_event;
            struct vring_packed_desc_event *device_event;
        } packed;
    };
    bool is_packed;
    bool event_idx;             /* VIRTIO_RING_F_EVENT_IDX. */
    bool in_order;              /* VIRTIO_F_IN_ORDER. */
    bool mergeable;             /* VIRTIO_NET_F_MRG_RXBUF. */
    uint8_t header_len;         /* Of virtio_net_hdr, 10 or 12 bytes. */
    uint16_t size;              /* Descriptors: a power of 2 if split. */

    /* How far the ring has been processed.  For a packed ring, an index with
     * the wrap counter in the most significant bit.  The two are the same, but
     * while buffers are lent (vhost/lend.h) that lie between the latter and
     * the former: then nobody but vhost/lending.h may walk the ring. */
    uint16_t next_avail;
    uint16_t next_used;

    /* Where to note, of a packed ring, what is about to be done. */
    struct dpdk_vdpa_note *note;

    /* The walk has stopped in front of something for somebody else. */
    bool unusual;

    uint64_t features;          /* As negotiated. */

    /* For vhost/chain.h: of the packet at 'cut_pos' so many segments have been
     * taken already, of none if 'n_cut' is 0.  That is forgotten when somebody
     * else takes the packet, and when the ring is opened again: then segments
     * may come twice, and none is missing. */
    uint16_t cut_pos;
    uint16_t n_cut;

    const struct dpdk_vdpa_region *region;      /* The last one used. */
    const struct dpdk_vdpa_memory *memory;      /* Of at least one region. */
};

/* Initializes 'ring' for virtio-net with these negotiated features.  The
 * caller sets where the ring is, 'size', the positions, 'note' and the
 * memory. */
void dpdk_vdpa_ring_init(struct dpdk_vdpa_ring *ring, uint64_t features);

/* Asks the guest not to notify us of what it offers: we poll. */
void dpdk_vdpa_ring_suppress_kicks(struct dpdk_vdpa_ring *);

/* Asks the guest to notify us of what it offers next, until that is suppressed
 * again.  The caller then looks whether there is something already, which the
 * guest may not notify us of. */
void dpdk_vdpa_ring_ask_for_kick(struct dpdk_vdpa_ring *);

/* Returns how many descriptors the guest offers, at most 'max'.  From a split
 * ring it may be too much, as a guest can say what it likes. */
unsigned int dpdk_vdpa_ring_n_avail(const struct dpdk_vdpa_ring *,
                                    unsigned int max);

/* Takes at most 'n' packets that the guest sent into mbufs of 'mp', and gives
 * the buffers back.  Their flags say what the guest asked for
 * (base/packet.h).  Returns how many, which may be less than there are.  A
 * buffer with nothing behind the header, or not even that, is an empty
 * packet. */
uint16_t dpdk_vdpa_ring_recv(struct dpdk_vdpa_ring *, struct rte_mempool *mp,
                             struct rte_mbuf **pkts, uint16_t n);

/* Copies the 'n' packets to the guest, in order, as long as it has buffers.
 * Returns how many.  The caller goes on owning all of them. */
uint16_t dpdk_vdpa_ring_send(struct dpdk_vdpa_ring *, struct rte_mbuf **pkts,
                             uint16_t n);

/* Returns true if the guest wants an interrupt for what has been given to it
 * since 'next_used' was 'old' (virtio 1.1, sections 2.6.7 and 2.7.10). */
bool dpdk_vdpa_ring_wants_call(const struct dpdk_vdpa_ring *, uint16_t old);

/* Likewise, without the barrier: a "no" may come too early. */
bool dpdk_vdpa_ring_may_want_call(const struct dpdk_vdpa_ring *,
                                  uint16_t old);

#endif /* vhost/ring.h */
