/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/vfio.h>

#include <rte_common.h>

#include "vdpa_pci/server.h"

/* What we say about ourselves.  Several writes in a message are not worth their
 * code: a client has to do without if we do not offer it. */
#define STRING(X) STRING_(X)
#define STRING_(X) #X
#define CAPABILITIES \
	"{\"capabilities\":{\"max_msg_fds\":" STRING(VFU_MAX_FDS) "," \
	"\"max_data_xfer_size\":" STRING(VFU_MAX_DATA) "," \
	"\"max_dma_maps\":" STRING(SIM_IOMMU_MAX_RANGES) "," \
	"\"pgsizes\":4096,\"write_multiple\":false}}"

/* What is answered to a command. */
struct answer {
	uint32_t size;
	union {
		uint64_t align;
		uint8_t payload[VFU_MAX_PAYLOAD];
		struct vfu_version version;
		struct vfu_dma_unmap unmap;
		struct vfu_device_info device;
		struct vfio_region_info region;
		struct vfio_irq_info irq;
		struct vfu_access access;
	};
};

/* Each of these deals with a command whose payload has a size that may be, and
 * returns 0 or a negative errno for the client. */

static int
do_version(struct vfu_server *s, struct answer *a)
{
	const struct vfu_version *v = vfu_payload(&s->in);

	/* Whatever the client is capable of is enough for us. */
	if (v->major != VFU_MAJOR)
		return -EPROTONOSUPPORT;
	s->agreed = true;
	a->version.major = VFU_MAJOR;
	a->version.minor = VFU_MINOR;
	memcpy(a->version.data, CAPABILITIES, sizeof(CAPABILITIES));
	a->size = sizeof(a->version) + sizeof(CAPABILITIES);
	return 0;
}

static int
do_dma_map(struct vfu_server *s, struct answer *a)
{
	(void)a;
	if (s->in.n_fds > 1)
		return -EINVAL;
	return vpci_dma_map(&s->fn->dma, vfu_payload(&s->in),
			    s->in.n_fds == 1 ? s->in.fds[0] : -1);
}

static int
do_dma_unmap(struct vfu_server *s, struct answer *a)
{
	const struct vfu_dma_unmap *u = vfu_payload(&s->in);

	a->unmap = *u;
	a->size = sizeof(*u);
	if (u->flags & ~VFIO_DMA_UNMAP_FLAG_ALL)
		return -EINVAL;
	if (!(u->flags & VFIO_DMA_UNMAP_FLAG_ALL))
		return vpci_dma_unmap(&s->fn->dma, u->iova, u->size);
	vpci_dma_unmap_all(&s->fn->dma);
	return 0;
}

static int
do_device_info(struct vfu_server *s, struct answer *a)
{
	(void)s;
	a->device = (struct vfu_device_info) {
		.argsz = sizeof(a->device),
		.flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
		.num_regions = VFIO_PCI_NUM_REGIONS,
		.num_irqs = VFIO_PCI_NUM_IRQS,
	};
	a->size = sizeof(a->device);
	return 0;
}

static int
do_region_info(struct vfu_server *s, struct answer *a)
{
	const struct vfio_region_info *in = vfu_payload(&s->in);

	if (in->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	a->region = (struct vfio_region_info) {
		.argsz = sizeof(a->region), .index = in->index,
		.size = vpci_region_size(s->fn, in->index),
	};
	if (a->region.size != 0)
		a->region.flags = VFIO_REGION_INFO_FLAG_READ |
			VFIO_REGION_INFO_FLAG_WRITE;
	a->size = sizeof(a->region);
	return 0;
}

static int
do_irq_info(struct vfu_server *s, struct answer *a)
{
	const struct vfio_irq_info *in = vfu_payload(&s->in);

	/* Errors are reported to those only that have PCI Express. */
	if (in->index >= VFIO_PCI_NUM_IRQS ||
	    in->index == VFIO_PCI_ERR_IRQ_INDEX)
		return -EINVAL;
	a->irq = (struct vfio_irq_info) {
		.argsz = sizeof(a->irq), .index = in->index,
	};
	if (in->index == VFIO_PCI_MSIX_IRQ_INDEX) {
		a->irq.flags = VFIO_IRQ_INFO_EVENTFD;
		a->irq.count = s->fn->msix.n_vectors;
	}
	a->size = sizeof(a->irq);
	return 0;
}

static void
set_eventfds(struct vfu_server *s, const struct vfio_irq_set *set)
{
	uint32_t i;

	for (i = 0; i < set->count; i++)
		vpci_msix_assign(&s->fn->msix, set->start + i,
				 s->in.n_fds == 0 ? -1 :
				 vfu_take_fd(&s->in, i));
}

/* 'wanted' has a byte for each vector; NULL: all. */
static void
trigger(struct vfu_server *s, const struct vfio_irq_set *set,
	const uint8_t *wanted)
{
	uint32_t i;

	for (i = 0; i < set->count; i++) {
		if (wanted == NULL || wanted[i] != 0)
			vpci_msix_trigger(&s->fn->msix, set->start + i);
	}
}

static int
do_set_irqs(struct vfu_server *s, struct answer *a)
{
	const struct vfio_irq_set *set = vfu_payload(&s->in);
	uint32_t n = s->fn->msix.n_vectors;
	uint32_t room = vfu_payload_size(&s->in) - sizeof(*set);

	(void)a;
	/* Vectors are masked by the client. */
	if (set->index != VFIO_PCI_MSIX_IRQ_INDEX || set->start > n ||
	    set->count > n - set->start ||
	    (set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) !=
	    VFIO_IRQ_SET_ACTION_TRIGGER)
		return -EINVAL;
	switch (set->flags & ~VFIO_IRQ_SET_ACTION_TYPE_MASK) {
	case VFIO_IRQ_SET_DATA_EVENTFD:
		if (s->in.n_fds != 0 && s->in.n_fds != set->count)
			return -EINVAL;
		set_eventfds(s, set);
		return 0;
	case VFIO_IRQ_SET_DATA_NONE:
		if (set->count == 0)
			vpci_msix_release(&s->fn->msix);
		trigger(s, set, NULL);
		return 0;
	case VFIO_IRQ_SET_DATA_BOOL:
		if (room < set->count)
			return -EINVAL;
		trigger(s, set, (const uint8_t *)(set + 1));
		return 0;
	default:
		return -EINVAL;
	}
}

/* Whether an access is within a region. */
static bool
is_within(const struct vfu_server *s, const struct vfu_access *in)
{
	uint32_t size = vpci_region_size(s->fn, in->region);

	return in->count <= VFU_MAX_DATA && in->count <= size &&
		in->offset <= size - in->count;
}

static int
do_region_read(struct vfu_server *s, struct answer *a)
{
	const struct vfu_access *in = vfu_payload(&s->in);

	if (!is_within(s, in))
		return -EINVAL;
	a->access = *in;
	a->size = sizeof(*in) + in->count;
	vpci_region_read(s->fn, in->region, in->offset, a->access.data,
			 in->count);
	return 0;
}

static int
do_region_write(struct vfu_server *s, struct answer *a)
{
	const struct vfu_access *in = vfu_payload(&s->in);

	if (!is_within(s, in) ||
	    vfu_payload_size(&s->in) != sizeof(*in) + in->count)
		return -EINVAL;
	a->access = *in;
	a->size = sizeof(*in);
	vpci_region_write(s->fn, in->region, in->offset, in->data, in->count);
	return 0;
}

static int
do_reset(struct vfu_server *s, struct answer *a)
{
	(void)a;
	vpci_function_reset(s->fn);
	return 0;
}

/* The sizes of payloads, and whether files may come with them. */
static const struct command {
	int (*run)(struct vfu_server *s, struct answer *a);
	uint32_t min, max;
	bool files;
} commands[] = {
	[VFU_VERSION] = { do_version, sizeof(struct vfu_version),
			  VFU_MAX_PAYLOAD, false },
	[VFU_DMA_MAP] = { do_dma_map, sizeof(struct vfu_dma_map),
			  sizeof(struct vfu_dma_map), true },
	[VFU_DMA_UNMAP] = { do_dma_unmap, sizeof(struct vfu_dma_unmap),
			    sizeof(struct vfu_dma_unmap), false },
	[VFU_DEVICE_GET_INFO] = { do_device_info,
				  sizeof(struct vfu_device_info),
				  sizeof(struct vfu_device_info), false },
	[VFU_DEVICE_GET_REGION_INFO] = { do_region_info,
					 sizeof(struct vfio_region_info),
					 sizeof(struct vfio_region_info),
					 false },
	[VFU_DEVICE_GET_IRQ_INFO] = { do_irq_info,
				      sizeof(struct vfio_irq_info),
				      sizeof(struct vfio_irq_info), false },
	[VFU_DEVICE_SET_IRQS] = { do_set_irqs, sizeof(struct vfio_irq_set),
				  VFU_MAX_PAYLOAD, true },
	[VFU_REGION_READ] = { do_region_read, sizeof(struct vfu_access),
			      sizeof(struct vfu_access), false },
	[VFU_REGION_WRITE] = { do_region_write, sizeof(struct vfu_access),
			       VFU_MAX_PAYLOAD, false },
	[VFU_DEVICE_RESET] = { do_reset, 0, 0, false },
};

/* NULL, or why the message in 'in' cannot be. */
static const char *
find_fault(const struct vfu_server *s, const struct command *c)
{
	uint32_t size = vfu_payload_size(&s->in);

	if ((s->in.header.command == VFU_VERSION) == s->agreed)
		return s->agreed ? "a version comes twice" :
			"the first message is no version";
	if (c->run == NULL)
		return NULL;
	if (size < c->min || size > c->max)
		return "a message has the wrong size";
	if (s->in.n_fds > 0 && !c->files)
		return "a message has files that it cannot have";
	return NULL;
}

static const char *
deal_with(struct vfu_server *s)
{
	static const struct command none;
	const struct vfu_header *h = &s->in.header;
	const struct command *c = h->command < RTE_DIM(commands) ?
		&commands[h->command] : &none;
	const char *why = find_fault(s, c);
	struct answer a;
	int ret;

	if (why != NULL)
		return why;
	a.size = 0;
	ret = c->run == NULL ? -ENOTSUP : c->run(s, &a);
	if (!(h->flags & VFU_NO_REPLY) &&
	    !vfu_reply(s->sock, h, -ret, a.payload, a.size))
		return "the client does not read what it is answered";
	return s->agreed ? NULL : "there is no such version";
}

void
vfu_server_init(struct vfu_server *s, struct vpci_function *fn)
{
	memset(s, 0, sizeof(*s));
	s->fn = fn;
	s->sock = -1;
}

void
vfu_server_begin(struct vfu_server *s, int sock)
{
	s->sock = sock;
	s->agreed = false;
}

const char *
vfu_server_run(struct vfu_server *s)
{
	const char *why = NULL;

	switch (vfu_receive(s->sock, &s->in, &why)) {
	case VFU_WHOLE:
		why = deal_with(s);
		vfu_clear(&s->in);
		return why;
	case VFU_PARTIAL:
		return NULL;
	default:
		return why;
	}
}

void
vfu_server_end(struct vfu_server *s)
{
	vfu_clear(&s->in);
	close(s->sock);
	s->sock = -1;
	vpci_function_detach(s->fn);
}
