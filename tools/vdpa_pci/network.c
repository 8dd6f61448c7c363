/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/eventfd.h>

#include <rte_mbuf.h>

#include "base/limits.h"
#include "base/rcu.h"
#include "vdpa_pci/network.h"

/* Frames of SIM_MAX_FRAME bytes take six of them. */
#define POOL_SIZE 1023

static struct sim_wire *
open_wire(struct vpci_network *n, const char *spec)
{
	char *end;
	long fd;

	if (strcmp(spec, "none") == 0)
		return sim_wire_create("vdpa-pci", SIM_WIRE_NONE, "", &n->esw);
	if (strncmp(spec, "tap:", 4) == 0 && spec[4] != '\0' &&
	    strlen(spec + 4) < IFNAMSIZ)
		return sim_wire_create("vdpa-pci", SIM_WIRE_TAP, spec + 4,
				       &n->esw);
	if (strncmp(spec, "fd:", 3) == 0 && spec[3] != '\0') {
		fd = strtol(spec + 3, &end, 10);
		if (*end == '\0' && fd > STDERR_FILENO && fd <= INT32_MAX)
			return sim_wire_adopt("vdpa-pci", fd, &n->esw);
	}
	fprintf(stderr, "vdpa-pci: --wire=%s: give \"none\", \"tap:\" and the "
		"name of an interface, or \"fd:\" and the number of a file\n",
		spec);
	return NULL;
}

static sim_thread_result
bring(void *arg)
{
	struct vpci_network *n = arg;
	struct pollfd pfd[] = {
		{ .fd = n->stop, .events = POLLIN },
		{ .fd = sim_wire_fd(n->wire), .events = POLLIN },
	};

	for (;;) {
		poll(pfd, RTE_DIM(pfd), -1);
		if (pfd[0].revents != 0)
			return 0;
		/* Nothing comes any more from one that was closed. */
		if (pfd[1].revents & ~POLLIN)
			pfd[1].fd = -1;
		sim_rcu_enter(n->reader);
		sim_wire_poll(n->wire, n->pool, SIM_MAX_FRAME, SIM_BURST);
		sim_rcu_exit(n->reader);
	}
}

static int
start_thread(struct vpci_network *n)
{
	int ret;

	n->pool = rte_pktmbuf_pool_create("vdpa_pci", POOL_SIZE, 0, 0,
					  RTE_MBUF_DEFAULT_BUF_SIZE,
					  SOCKET_ID_ANY);
	n->reader = sim_rcu_reader_add();
	n->stop = eventfd(0, EFD_CLOEXEC);
	if (n->pool == NULL || n->reader == SIM_RCU_NO_READER || n->stop < 0)
		ret = -ENOMEM;
	else
		ret = sim_thread_start(&n->thread, "vdpa-pci-wire", bring, n);
	n->thread_runs = ret == 0;
	if (ret != 0)
		fprintf(stderr, "vdpa-pci: cannot start the wire's thread: "
			"%s\n", strerror(-ret));
	return ret;
}

int
vpci_network_init(struct vpci_network *n, const char *wire)
{
	memset(n, 0, sizeof(*n));
	n->reader = SIM_RCU_NO_READER;
	n->stop = -1;
	sim_eswitch_init(&n->esw);
	n->wire = open_wire(n, wire);
	if (n->wire == NULL)
		return -EINVAL;
	return sim_wire_fd(n->wire) < 0 ? 0 : start_thread(n);
}

void
vpci_network_fini(struct vpci_network *n)
{
	const uint64_t one = 1;

	if (n->thread_runs && write(n->stop, &one, sizeof(one)) > 0)
		sim_thread_join(n->thread);
	sim_rcu_reader_remove(n->reader);
	if (n->stop >= 0)
		close(n->stop);
	sim_wire_destroy(n->wire);
	sim_eswitch_fini(&n->esw);
	rte_mempool_free(n->pool);
}
