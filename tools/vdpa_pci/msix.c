/* SPDX-License-Identifier: Apache-2.0 */

#include <unistd.h>

#include "vdpa_pci/msix.h"

void
vpci_msix_init(struct vpci_msix *m, struct sim_vdpa_dev *dev)
{
	uint16_t i;

	m->dev = dev;
	m->n_vectors = dev->n_vqs + 1;
	for (i = 0; i < m->n_vectors; i++)
		m->fd[i] = -1;
	vpci_msix_reset(m);
}

static int
fd_of(const struct vpci_msix *m, uint16_t vector)
{
	return vector < m->n_vectors ? m->fd[vector] : -1;
}

void
vpci_msix_assign(struct vpci_msix *m, uint16_t vector, int fd)
{
	int old = m->fd[vector];
	uint16_t i;

	m->fd[vector] = fd;
	for (i = 0; i < m->dev->n_vqs; i++) {
		if (m->of_queue[i] == vector)
			sim_vdpa_dev_set_irq(m->dev, i, fd);
	}
	if (old >= 0)
		close(old);
}

void
vpci_msix_release(struct vpci_msix *m)
{
	uint16_t i;

	for (i = 0; i < m->n_vectors; i++)
		vpci_msix_assign(m, i, -1);
}

void
vpci_msix_trigger(struct vpci_msix *m, uint16_t vector)
{
	sim_vdpa_dev_signal(m->dev, fd_of(m, vector));
}

static uint16_t
valid(const struct vpci_msix *m, uint16_t vector)
{
	return vector < m->n_vectors ? vector : VPCI_NO_VECTOR;
}

void
vpci_msix_choose(struct vpci_msix *m, uint16_t queue, uint16_t vector)
{
	m->of_queue[queue] = valid(m, vector);
	sim_vdpa_dev_set_irq(m->dev, queue, fd_of(m, vector));
}

void
vpci_msix_choose_config(struct vpci_msix *m, uint16_t vector)
{
	m->of_config = valid(m, vector);
}

void
vpci_msix_reset(struct vpci_msix *m)
{
	uint16_t i;

	for (i = 0; i < m->dev->n_vqs; i++)
		vpci_msix_choose(m, i, VPCI_NO_VECTOR);
	m->of_config = VPCI_NO_VECTOR;
}
