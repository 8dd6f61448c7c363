/* SPDX-License-Identifier: Apache-2.0 */

/* A guest that sends and takes TCP as Linux's driver does, or gives back what
 * it gets, for benchmarks.
 *
 *   bench_guest SOCKET CTL [packed] [tcp]
 *
 * serves SOCKET as QEMU would, and gives and takes frames as the control block
 * CTL says (see bench_vf.h): with partial checksums; segmentation left to the
 * device; headers and pages of data in a chain of descriptors, or in an
 * indirect table; into mergeable buffers.  It writes headers and descriptors
 * and reads no more than headers of what it gets, so that it is faster than
 * whoever has to copy. */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "bench_source.h"
#include "bench_tcp.h"
#include "bench_vf.h"
#include "tools/frontend.h"

#define BURST 32
#define PAGE_LEN 4096
#define MAX_DESCS 18			/* Of a frame. */
#define MAX_LARGE_PLACES 15

/* Of the memory for buffers: those to receive into, then where a frame's
 * headers and its indirect table are, then the data.  They do not all begin at
 * the same place of a page. */
#define RX_STRIDE (PAGE_LEN + 64)
#define HEAD_STRIDE 2304
#define HEAD_TABLE 1792
#define RX_START (MAX_RINGS * RING_AREA)
#define HEAD_START (RX_START + RING_SIZE * RX_STRIDE)
#define DATA_START (HEAD_START + RING_SIZE * HEAD_STRIDE)

_Static_assert(DATA_START + RING_SIZE * PAGE_LEN <= MEM_SIZE &&
	       DATA_START + MAX_LARGE_PLACES * MAX_DESCS * PAGE_LEN <= MEM_SIZE,
	       "there is enough memory");

#define FEATURES (1ULL << VIRTIO_NET_F_CSUM | \
		  1ULL << VIRTIO_NET_F_GUEST_CSUM | \
		  1ULL << VIRTIO_NET_F_HOST_TSO4 | \
		  1ULL << VIRTIO_NET_F_GUEST_TSO4 | \
		  1ULL << VIRTIO_NET_F_GUEST_TSO6 | \
		  1ULL << VIRTIO_RING_F_INDIRECT_DESC)

/* A virtqueue, by the driver. */
struct queue {
	bool packed;
	void *descs;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next, done;		/* Free-running: of split rings the
					 * buffers, of packed the slots. */
	struct vring_packed_desc *first;	/* Not shown yet. */
	uint16_t first_flags;
};

static struct peer peer;
static struct bench_ctl *ctl;
static struct bench_source source;
static struct queue rx, tx;

/* How the frames are laid out that the guest sends now. */
static uint32_t frame_len, data_len, data_stride;
static bool large, table;
static unsigned int n_descs;		/* Of a frame in the ring, */
static unsigned int n_places;		/* and places for such frames, */
static unsigned int next_place;		/* which take turns. */
static unsigned int n_under_way;
static unsigned int n_looped;		/* Buffers that go back meanwhile. */
static struct virtio_net_hdr_mrg_rxbuf virtio_header;
static struct bench_headers headers;

void
fatal(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

/* Virtqueues. */

static void
queue_init(struct queue *q, unsigned int index)
{
	uint8_t *area = peer.rings[index].area;

	q->packed = peer.packed;
	q->descs = area + RING_DESC;
	q->avail = (void *)(area + RING_AVAIL);
	q->used = (void *)(area + RING_USED);
}

static inline uint16_t
packed_flags(uint16_t pos)
{
	return pos / RING_SIZE % 2 == 0 ? 1 << VRING_PACKED_DESC_F_AVAIL
		: 1 << VRING_PACKED_DESC_F_USED;
}

/* Offers a buffer of 'n' descriptors in slot 'slot' of a split ring, or in the
 * next ones of a packed ring, that knows it as 'slot'.  The device sees it
 * after queue_publish(). */
static inline void
queue_offer(struct queue *q, unsigned int slot, const struct vring_desc *parts,
	    unsigned int n)
{
	if (!q->packed) {
		struct vring_desc *descs = q->descs;

		for (unsigned int i = 0; i < n; i++) {
			descs[slot + i] = parts[i];
			descs[slot + i].next = slot + i + 1;
		}
		q->avail->ring[q->next++ % RING_SIZE] = slot;
		return;
	}
	for (unsigned int i = 0; i < n; i++, q->next++) {
		struct vring_packed_desc *d = q->descs;
		uint16_t flags = parts[i].flags | packed_flags(q->next);

		d += q->next % RING_SIZE;
		d->addr = parts[i].addr;
		d->len = parts[i].len;
		d->id = slot;
		if (q->first == NULL) {
			q->first = d;
			q->first_flags = flags;
		} else {
			d->flags = flags;
		}
	}
}

static inline void
queue_publish(struct queue *q)
{
	if (!q->packed) {
		__atomic_store_n(&q->avail->idx, q->next, __ATOMIC_RELEASE);
	} else if (q->first != NULL) {
		__atomic_store_n(&q->first->flags, q->first_flags,
				 __ATOMIC_RELEASE);
		q->first = NULL;
	}
}

/* Takes a buffer back, of which the 'n' descriptors are in the ring, and
 * returns true. */
static inline bool
queue_reap(struct queue *q, unsigned int n, unsigned int *slot, uint32_t *len)
{
	if (q->packed) {
		const uint16_t both = 1 << VRING_PACKED_DESC_F_AVAIL |
			1 << VRING_PACKED_DESC_F_USED;
		struct vring_packed_desc *d = q->descs;
		uint16_t flags;

		d += q->done % RING_SIZE;
		flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE) & both;
		if (q->done == q->next ||
		    flags != (q->done / RING_SIZE % 2 == 0 ? both : 0))
			return false;
		*slot = d->id;
		*len = d->len;
		q->done += n;
	} else {
		struct vring_used_elem *elem =
			&q->used->ring[q->done % RING_SIZE];

		if (__atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) ==
		    q->done)
			return false;
		*slot = elem->id;
		*len = elem->len;
		q->done++;
	}
	return true;
}

/* Sending. */

/* Reads how the frames are to be, when nothing is under way any more. */
static void
send_prepare(void)
{
	const struct bench_params *p = &ctl->params;

	frame_len = p->sizes[0];
	large = bench_is_large(frame_len);
	table = p->parts == BENCH_TABLE;
	data_len = p->parts == BENCH_ONE ? 0 : frame_len - BENCH_HEADERS_LEN;
	data_stride = (data_len + 63) / 64 * 64;
	n_descs = 1 + (data_len + PAGE_LEN - 1) / PAGE_LEN;
	if (n_descs > MAX_DESCS || frame_len < BENCH_HEADERS_LEN ||
	    (data_len == 0 && frame_len > HEAD_TABLE - HEADER_LEN))
		fatal("frames of %u bytes in %u descriptors?", frame_len,
		      n_descs);
	n_places = RING_SIZE / (table ? 1 : n_descs);
	/* In a ring of tables there would be room for more data than caches
	 * hold. */
	if (large && n_places > MAX_LARGE_PLACES)
		n_places = MAX_LARGE_PLACES;
	next_place = 0;

	bench_headers_make(&headers, frame_len);
	memset(&virtio_header, 0, sizeof(virtio_header));
	virtio_header.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	virtio_header.hdr.csum_start = BENCH_L2_LEN + BENCH_L3_LEN;
	virtio_header.hdr.csum_offset = offsetof(struct bench_headers, tcp_sum)
		- BENCH_L2_LEN - BENCH_L3_LEN;
	if (large) {
		virtio_header.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		virtio_header.hdr.gso_size = BENCH_MSS;
		virtio_header.hdr.hdr_len = BENCH_HEADERS_LEN;
	}
}

/* Describes the frame in a place. */
static inline void
frame_describe(struct vring_desc *parts, unsigned int place)
{
	uint64_t data = GUEST_BASE + DATA_START + place * data_stride;
	uint32_t left = data_len;

	parts[0].addr = GUEST_BASE + HEAD_START + place * HEAD_STRIDE;
	parts[0].len = HEADER_LEN + frame_len - data_len;
	parts[0].flags = 0;
	for (unsigned int i = 1; left != 0; i++) {
		parts[i - 1].flags = VRING_DESC_F_NEXT;
		parts[i].addr = data;
		parts[i].len = left < PAGE_LEN ? left : PAGE_LEN;
		parts[i].flags = 0;
		data += parts[i].len;
		left -= parts[i].len;
	}
}

/* Writes the indirect table with the 'n' descriptors to the place's head. */
static inline void
table_write(uint8_t *to, const struct vring_desc *parts, unsigned int n)
{
	struct vring_desc *split = (void *)to;
	struct vring_packed_desc *packed = (void *)to;

	for (unsigned int i = 0; i < n; i++) {
		if (tx.packed) {
			packed[i].addr = parts[i].addr;
			packed[i].len = parts[i].len;
			packed[i].flags = 0;
		} else {
			split[i] = parts[i];
			split[i].next = i + 1;
		}
	}
}

/* Fetches the heads of the next 'n' places, which the device has read, all at
 * once. */
static inline void
heads_prefetch(unsigned int n)
{
	unsigned int place = next_place;

	for (unsigned int i = 0; i < n; i++) {
		uint8_t *head = peer.mem + HEAD_START + place * HEAD_STRIDE;

		__builtin_prefetch(head, 1);
		__builtin_prefetch(head + 64, 1);
		place = place + 1 < n_places ? place + 1 : 0;
	}
}

static inline void
send_one(void)
{
	uint8_t *head = peer.mem + HEAD_START + next_place * HEAD_STRIDE;
	struct vring_desc parts[MAX_DESCS];

	memcpy(head, &virtio_header, HEADER_LEN);
	memcpy(head + HEADER_LEN, &headers, BENCH_HEADERS_LEN);
	frame_describe(parts, next_place);
	if (table && n_descs > 1) {
		struct vring_desc indirect = {
			.addr = parts[0].addr + HEAD_TABLE,
			.len = n_descs * sizeof(*parts),
			.flags = VRING_DESC_F_INDIRECT,
		};

		table_write(head + HEAD_TABLE, parts, n_descs);
		queue_offer(&tx, next_place, &indirect, 1);
	} else {
		queue_offer(&tx, next_place * n_descs, parts, n_descs);
	}
	next_place = next_place + 1 < n_places ? next_place + 1 : 0;
	n_under_way++;
}

/* Receiving. */

static inline void
receive_offer(unsigned int slot)
{
	struct vring_desc part = {
		.addr = GUEST_BASE + RX_START + slot * RX_STRIDE,
		.len = bench_is_large(ctl->params.sizes[0]) ? PAGE_LEN : 1536,
		.flags = VRING_DESC_F_WRITE,
	};

	queue_offer(&rx, slot, &part, 1);
}

/* Sends the 'len' bytes back that came in buffer 'slot'. */
static inline void
loop_offer(unsigned int slot, uint32_t len)
{
	struct vring_desc part = {
		.addr = GUEST_BASE + RX_START + slot * RX_STRIDE,
		.len = len,
	};

	memset(peer.mem + RX_START + slot * RX_STRIDE, 0, HEADER_LEN);
	queue_offer(&tx, slot, &part, 1);
	n_looped++;
}

/* Offers those buffers anew that went back. */
static void
loop_reap(void)
{
	unsigned int slot, n = 0;
	uint32_t len;

	for (; n_looped != 0 && queue_reap(&tx, 1, &slot, &len); n++) {
		n_looped--;
		receive_offer(slot);
	}
	if (n != 0)
		queue_publish(&rx);
}

/* Returns true if a header says what it should of a frame that begins a buffer
 * with 'len' bytes and goes on in others if it is large. */
static inline bool
is_described(const struct virtio_net_hdr *hdr)
{
	if (bench_is_large(ctl->params.sizes[0]))
		return hdr->gso_type == VIRTIO_NET_HDR_GSO_TCPV4 &&
			hdr->gso_size == BENCH_MSS &&
			hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	return hdr->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM |
			     VIRTIO_NET_HDR_F_DATA_VALID);
}

static void
receive_poll(void)
{
	const bool loop = bench_read(&ctl->params.loop) && n_under_way == 0;
	struct bench_port *own = source.own;
	unsigned int slot, n = 0, n_frames = 0;
	static unsigned int n_more;	/* Buffers of the last frame. */
	uint32_t len;

	while (n < 2 * BURST && queue_reap(&rx, 1, &slot, &len)) {
		struct virtio_net_hdr_mrg_rxbuf *hdr =
			(void *)(peer.mem + RX_START + slot * RX_STRIDE);

		own->taken_bytes += len;
		if (n_more != 0) {
			n_more--;
		} else {
			n_more = hdr->num_buffers - 1;
			own->taken_bytes -= HEADER_LEN;
			own->wrong += !loop && !is_described(&hdr->hdr);
		}
		n_frames += n_more == 0;
		if (loop)
			loop_offer(slot, len);
		else
			receive_offer(slot);
		n++;
	}
	if (n == 0)
		return;
	queue_publish(loop ? &tx : &rx);
	__atomic_store_n(&own->taken, own->taken + n_frames,
			 __ATOMIC_RELEASE);
}

static void
send_poll(void)
{
	const struct bench_params *p = &ctl->params;
	unsigned int in_ring = table ? 1 : n_descs;
	unsigned int slot, room;
	uint64_t n;
	uint32_t len;

	if (n_looped != 0) {
		loop_reap();
		return;
	}
	while (n_under_way != 0 && queue_reap(&tx, in_ring, &slot, &len))
		n_under_way--;
	if (source.epoch != bench_read(&p->epoch) && n_under_way == 0 &&
	    bench_source_restart(&source, p) && p->tcp)
		send_prepare();
	if (!bench_read(&p->source[BENCH_GUEST]) || !p->tcp ||
	    source.epoch != p->epoch)
		return;
	room = n_places - n_under_way;
	n = bench_source_may(&source, p, room < BURST ? room : BURST);
	if (n == 0)
		return;
	heads_prefetch(n);
	for (unsigned int i = 0; i < n; i++)
		send_one();
	queue_publish(&tx);
	bench_source_gave(&source, n);
	source.own->shown = source.own->given;
}

/* Main. */

static int
huge_memory(void)
{
	return make_memfd(MEM_SIZE, MFD_HUGETLB);
}

static void
connect_guest(const char *path, bool packed, bool tcp)
{
	const uint64_t features = tcp ? FEATURES : 0;

	peer.n_pairs = 1;
	peer.ring_size = RING_SIZE;
	peer.packed = packed;
	peer.mergeable = true;
	peer.features = features;
	peer.make_memory = huge_memory;
	peer_listen(&peer, path);
	if (!peer_accept(&peer, 30000))
		fatal("%s: nobody connects", path);
	peer_start(&peer);
	if ((peer.offered & features) != features)
		fatal("%s: offers %#llx, of %#llx", path,
		      (unsigned long long)peer.offered,
		      (unsigned long long)features);
	queue_init(&rx, 0);
	queue_init(&tx, 1);
	for (unsigned int i = 0; i < RING_SIZE; i++)
		receive_offer(i);
	queue_publish(&rx);
}

/* Sends a frame and waits until it is gone: the system may have connected and
 * not have its port ready yet. */
static void
await_system(const char *path)
{
	struct vring_desc part = {
		.addr = GUEST_BASE + HEAD_START,
		.len = HEADER_LEN + BENCH_HEADERS_LEN,
	};
	long long int end = now_ms() + 30000;
	unsigned int slot;
	uint32_t len;

	memset(peer.mem + HEAD_START, 0, HEADER_LEN);
	bench_headers_make((void *)(peer.mem + HEAD_START + HEADER_LEN),
			   BENCH_HEADERS_LEN);
	queue_offer(&tx, 0, &part, 1);
	queue_publish(&tx);
	while (!queue_reap(&tx, 1, &slot, &len)) {
		if (now_ms() > end)
			fatal("%s: nobody takes a frame", path);
		usleep(1000);
	}
}

static struct bench_ctl *
ctl_map(const char *path)
{
	struct bench_ctl *map;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*map),
					 PROT_READ | PROT_WRITE, MAP_SHARED,
					 fd, 0);
	if (map == MAP_FAILED)
		fatal("%s: %s", path, strerror(errno));
	if (map->params.magic != BENCH_MAGIC)
		fatal("%s is no control block of net_benchvf", path);
	return map;
}

int
main(int argc, char *argv[])
{
	bool packed = false, tcp = false;

	for (int i = 3; i < argc; i++) {
		packed |= !strcmp(argv[i], "packed");
		tcp |= !strcmp(argv[i], "tcp");
	}
	if (argc != 3 + packed + tcp)
		fatal("usage: bench_guest SOCKET CTL [packed] [tcp]");
	ctl = ctl_map(argv[2]);
	source.own = &ctl->ports[BENCH_GUEST][0];
	source.peer = &ctl->ports[BENCH_HOST][0];
	source.epoch = UINT64_MAX;
	connect_guest(argv[1], packed, tcp);
	await_system(argv[1]);
	source.own->present = 1;
	prctl(PR_SET_NAME, "guest-worker-1");	/* For bench/systems.sh. */
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		receive_poll();
		send_poll();
	}
}
