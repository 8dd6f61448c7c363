/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vdpa_pci/commands.h"

void
vpci_commands_init(struct vpci_commands *c, int fd)
{
	c->fd = fd;
	c->have = 0;
}

static void
show(const char *name, uint64_t value)
{
	printf("%s %" PRIu64 "\n", name, value);
}

static void
show_queue(const struct sim_vdpa_vq *q)
{
#define X(FIELD, MEANING) \
	printf("q%u_" #FIELD " %" PRIu64 "\n", q->index, \
	       __atomic_load_n(&q->counters.FIELD, __ATOMIC_RELAXED));
	SIM_VDPA_COUNTERS
#undef X
}

static void
show_stats(const struct vpci_function *fn)
{
	const struct sim_vdpa_dev *dev = fn->dev;
	unsigned int i, n = 0;

	for (i = 0; i < RTE_DIM(fn->dma.range); i++)
		n += fn->dma.range[i].size != 0;
	show("status", dev->status);
	show("dma_ranges", n);
	show("bad_writes", fn->virtio.bad_writes + dev->bad_writes);
	show("logged_pages", __atomic_load_n(&dev->log.pages,
					     __ATOMIC_RELAXED));
	show("log_lost_pages", __atomic_load_n(&dev->log.lost,
					       __ATOMIC_RELAXED));
	show("drop_absent", __atomic_load_n(
		&dev->esw->counters[dev->ep_id].absent, __ATOMIC_RELAXED));
	for (i = 0; i < dev->n_vqs; i++)
		show_queue(&dev->vq[i]);
}

static void
set_link(struct vpci_function *fn, bool up)
{
	sim_vdpa_dev_set_cable(fn->dev, up);
	vpci_virtio_update_link(&fn->virtio);
}

static bool
obey(const char *line, struct vpci_function *fn)
{
	if (strcmp(line, "quit") == 0)
		return false;
	if (strcmp(line, "stats") == 0)
		show_stats(fn);
	else if (strcmp(line, "link up") == 0)
		set_link(fn, true);
	else if (strcmp(line, "link down") == 0)
		set_link(fn, false);
	else
		printf("error: there is no command \"%s\"\n", line);
	printf("end\n");
	fflush(stdout);
	return true;
}

bool
vpci_commands_run(struct vpci_commands *c, struct vpci_function *fn)
{
	ssize_t n = read(c->fd, c->line + c->have,
			 sizeof(c->line) - 1 - c->have);
	char *begin = c->line, *end;
	bool go_on = true;

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			c->fd = -1;
		return true;
	}
	c->have += n;
	c->line[c->have] = '\0';
	while (go_on && (end = strchr(begin, '\n')) != NULL) {
		*end = '\0';
		go_on = obey(begin, fn);
		begin = end + 1;
	}
	c->have -= begin - c->line;
	memmove(c->line, begin, c->have);
	if (c->have == sizeof(c->line) - 1)
		c->have = 0;	/* No line is that long. */
	return go_on;
}
