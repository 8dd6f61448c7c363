/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TEST_SIM_VRING_H
#define TEST_SIM_VRING_H

/*
 * A guest's side of a virtqueue, split or packed, for tests of the simulated
 * vDPA device.  It expects the device to use chains in order, and writes what
 * it is told to, also what no guest should.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#define GQ_MAX_SIZE 1024
/* Where the areas of a queue are in its memory. */
#define GQ_AVAIL 0x8000
#define GQ_USED 0xc000
#define GQ_INDIRECT 0x10000
#define GQ_MEM 0x40000

#define GQ_WRAP 0x8000
#define GQ_F_AVAIL (1u << 7)
#define GQ_F_USED (1u << 15)

struct gq_seg {
	uint64_t iova;
	uint32_t len;
	bool write;
};

struct gq {
	bool packed;
	bool indirect;		/* Every chain is one indirect table. */
	uint16_t size;
	uint8_t *mem;		/* GQ_MEM bytes at 'iova'. */
	uint64_t iova;
	uint16_t next;		/* Descriptor, and wrap counter if packed. */
	uint16_t next_id;
	uint16_t avail;		/* Split: the index that is published. */
	uint16_t used;		/* Like 'next' or the used index. */
	uint16_t slots[GQ_MAX_SIZE];	/* Of each id. */
};

static inline struct vring_desc *
gq_desc(const struct gq *q)
{
	return (struct vring_desc *)q->mem;
}

static inline struct vring_packed_desc *
gq_packed(const struct gq *q)
{
	return (struct vring_packed_desc *)q->mem;
}

static inline struct vring_avail *
gq_avail(const struct gq *q)
{
	return (struct vring_avail *)(q->mem + GQ_AVAIL);
}

static inline struct vring_used *
gq_used_ring(const struct gq *q)
{
	return (struct vring_used *)(q->mem + GQ_USED);
}

static inline struct vring_packed_desc_event *
gq_driver_event(const struct gq *q)
{
	return (struct vring_packed_desc_event *)(q->mem + GQ_AVAIL);
}

static inline void
gq_init(struct gq *q, bool packed, uint16_t size, uint8_t *mem, uint64_t iova)
{
	memset(q, 0, sizeof(*q));
	memset(mem, 0, GQ_MEM);
	q->packed = packed;
	q->size = size;
	q->mem = mem;
	q->iova = iova;
	if (packed) {
		q->next = GQ_WRAP;
		q->used = GQ_WRAP;
	}
}

/* The state of a ring that nobody has used yet. */
static inline uint32_t
gq_initial_state(const struct gq *q)
{
	return q->packed ? 0x80008000 : 0;
}

static inline uint16_t
gq_advance(const struct gq *q, uint16_t at, uint16_t n)
{
	uint32_t i = (at & ~GQ_WRAP) + n;

	return i < q->size ? (at & GQ_WRAP) | i :
		((at & GQ_WRAP) ^ GQ_WRAP) | (i - q->size);
}

/* Writes descriptor number 'i' of 'n', of the ring or of a table. */
static inline void
gq_put_split(struct gq *q, const struct gq_seg *s, uint16_t n)
{
	struct vring_desc *d = gq_desc(q);
	uint16_t head = q->next, i, at = head;

	for (i = 0; i < n; i++) {
		d[at] = (struct vring_desc) {
			.addr = s[i].iova, .len = s[i].len,
			.flags = (s[i].write ? VRING_DESC_F_WRITE : 0) |
				(i + 1 < n ? VRING_DESC_F_NEXT : 0),
			.next = (at + 1) % q->size,
		};
		at = (at + 1) % q->size;
	}
	q->next = at;
	gq_avail(q)->ring[q->avail & (q->size - 1)] = head;
	q->avail++;
	__atomic_store_n(&gq_avail(q)->idx, q->avail, __ATOMIC_RELEASE);
}

static inline uint16_t
gq_flags(uint16_t at)
{
	return at & GQ_WRAP ? GQ_F_AVAIL : GQ_F_USED;
}

static inline void
gq_put_packed(struct gq *q, const struct gq_seg *s, uint16_t n,
	      uint16_t more_flags)
{
	uint16_t first = q->next, first_flags = 0, at = first, flags, i;
	struct vring_packed_desc *d = gq_packed(q);

	for (i = 0; i < n; i++) {
		flags = gq_flags(at) | more_flags |
			(s[i].write ? VRING_DESC_F_WRITE : 0) |
			(i + 1 < n ? VRING_DESC_F_NEXT : 0);
		d[at & ~GQ_WRAP].addr = s[i].iova;
		d[at & ~GQ_WRAP].len = s[i].len;
		d[at & ~GQ_WRAP].id = q->next_id;
		if (i == 0)
			first_flags = flags;
		else
			d[at & ~GQ_WRAP].flags = flags;
		at = gq_advance(q, at, 1);
	}
	q->slots[q->next_id] = n;
	q->next_id = (q->next_id + 1) % q->size;
	q->next = at;
	__atomic_store_n(&d[first & ~GQ_WRAP].flags, first_flags,
			 __ATOMIC_RELEASE);
}

/* An indirect table with these segments; at most 64 of 32 each. */
static inline struct gq_seg
gq_table(struct gq *q, const struct gq_seg *s, uint16_t n)
{
	uint64_t off = GQ_INDIRECT + (q->next & 63) * 32 *
		sizeof(struct vring_desc);
	struct vring_desc *d = (struct vring_desc *)(q->mem + off);
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (q->packed) {
			struct vring_packed_desc *p =
				(struct vring_packed_desc *)&d[i];

			*p = (struct vring_packed_desc) {
				.addr = s[i].iova, .len = s[i].len,
				.flags = s[i].write ? VRING_DESC_F_WRITE : 0,
			};
			continue;
		}
		d[i] = (struct vring_desc) {
			.addr = s[i].iova, .len = s[i].len,
			.flags = (s[i].write ? VRING_DESC_F_WRITE : 0) |
				(i + 1 < n ? VRING_DESC_F_NEXT : 0),
			.next = i + 1,
		};
	}
	return (struct gq_seg) {
		.iova = q->iova + off, .len = n * sizeof(*d),
	};
}

/* Makes a chain available. */
static inline void
gq_add(struct gq *q, const struct gq_seg *s, uint16_t n)
{
	struct gq_seg table;

	if (!q->indirect) {
		if (q->packed)
			gq_put_packed(q, s, n, 0);
		else
			gq_put_split(q, s, n);
		return;
	}
	table = gq_table(q, s, n);
	if (q->packed) {
		gq_put_packed(q, &table, 1, VRING_DESC_F_INDIRECT);
		return;
	}
	gq_desc(q)[q->next] = (struct vring_desc) {
		.addr = table.iova, .len = table.len,
		.flags = VRING_DESC_F_INDIRECT,
	};
	gq_avail(q)->ring[q->avail & (q->size - 1)] = q->next;
	q->next = (q->next + 1) % q->size;
	q->avail++;
	__atomic_store_n(&gq_avail(q)->idx, q->avail, __ATOMIC_RELEASE);
}

/* Takes a chain that was used; true if there was one, with what the device
 * says it has written. */
static inline bool
gq_take(struct gq *q, uint32_t *len)
{
	struct vring_packed_desc *d;
	struct vring_used *used;
	uint16_t flags, i;

	if (!q->packed) {
		used = gq_used_ring(q);
		if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == q->used)
			return false;
		*len = used->ring[q->used & (q->size - 1)].len;
		q->used++;
		return true;
	}
	i = q->used & ~GQ_WRAP;
	d = &gq_packed(q)[i];
	flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
	if (!!(flags & GQ_F_AVAIL) != !!(q->used & GQ_WRAP) ||
	    !!(flags & GQ_F_USED) != !!(q->used & GQ_WRAP))
		return false;
	*len = d->len;
	q->used = gq_advance(q, q->used, q->slots[d->id % GQ_MAX_SIZE]);
	return true;
}

#endif /* TEST_SIM_VRING_H */
