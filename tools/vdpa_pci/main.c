/* SPDX-License-Identifier: Apache-2.0 */

/*
 * vdpa-pci: serves the simulated vDPA device as a PCI function, by vfio-user.
 * QEMU is the client ("-device vfio-user-pci"), or a test.
 *
 * One thread does all that the client asks for; the device has one of its own,
 * and so has the wire.  Documentation/hardware-mode.rst says how to use it.
 */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/signalfd.h>

#include <rte_eal.h>

#include "base/rcu.h"
#include "vdpa_pci/commands.h"
#include "vdpa_pci/function.h"
#include "vdpa_pci/listener.h"
#include "vdpa_pci/network.h"
#include "vdpa_pci/options.h"
#include "vdpa_pci/server.h"

/* What there is, in the order in which it comes and goes. */
struct program {
	struct vpci_network network;
	struct sim_vdpa_dev *dev;
	struct vpci_function fn;
	struct vfu_server server;
	struct vpci_commands commands;
	int listener;
	int signals;
};

/* Beginning and end. */

/* All processors that we may have are one to DPDK, which else would pin us to
 * one of them. */
static void
name_processors(char *buf, size_t size)
{
	size_t used = snprintf(buf, size, "--lcores=0@(");
	const char *comma = "";
	cpu_set_t set;
	int i;

	if (sched_getaffinity(0, sizeof(set), &set) != 0) {
		CPU_ZERO(&set);
		CPU_SET(0, &set);
	}
	for (i = 0; i < CPU_SETSIZE && used < size; i++) {
		if (!CPU_ISSET(i, &set))
			continue;
		used += snprintf(buf + used, size - used, "%s%d", comma, i);
		comma = ",";
	}
	if (used < size)
		snprintf(buf + used, size - used, ")");
}

/* DPDK for its packets alone: without hugepages, files, and devices. */
static int
start_dpdk(void)
{
	char lcores[8 * CPU_SETSIZE];
	char *argv[] = {
		(char *)"vdpa-pci", (char *)"--no-huge", (char *)"--no-pci",
		(char *)"--no-shconf", (char *)"--no-telemetry",
		(char *)"-m", (char *)"128", lcores,
		(char *)"--log-level=*:warning", NULL,
	};

	name_processors(lcores, sizeof(lcores));
	return rte_eal_init(RTE_DIM(argv) - 1, argv) < 0 ? -1 : 0;
}

/* Before any thread is there: nobody else gets these. */
static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int
start_device(struct program *p, const struct vpci_options *o)
{
	struct sim_vdpa_dev_params params = {
		.name = "vdpa-pci", .esw = &p->network.esw,
		.ep_id = VPCI_ENDPOINT, .pairs = o->pairs, .mac = o->mac,
	};

	p->dev = sim_vdpa_dev_create(&params);
	if (p->dev == NULL)
		return -1;
	sim_eswitch_attach(&p->network.esw, VPCI_ENDPOINT, &p->dev->ep);
	sim_vdpa_dev_set_cable(p->dev, true);
	return vpci_function_init(&p->fn, p->dev, o->ring_size,
				  o->packed);
}

static void
stop_device(struct program *p)
{
	if (p->dev == NULL)
		return;
	sim_eswitch_detach(&p->network.esw, VPCI_ENDPOINT);
	sim_vdpa_dev_destroy(p->dev);
}

/* Serving. */

static void
end_client(struct program *p, const char *why)
{
	vfu_server_end(&p->server);
	printf("disconnected: %s\n", why);
	fflush(stdout);
}

static void
begin_client(struct program *p)
{
	int sock = vpci_accept(p->listener);

	if (sock < 0)
		return;
	vfu_server_begin(&p->server, sock);
	printf("connected\n");
	fflush(stdout);
}

static void
serve(struct program *p)
{
	enum { SIGNAL, COMMAND, SOCKET, CUT };

	for (;;) {
		bool client = p->server.sock >= 0;
		const char *why = NULL;
		struct pollfd pfd[] = {
			[SIGNAL] = { p->signals, POLLIN, 0 },
			[COMMAND] = { p->commands.fd, POLLIN, 0 },
			[SOCKET] = { client ? p->server.sock : p->listener,
				     POLLIN, 0 },
			[CUT] = { p->fn.dma.cut, POLLIN, 0 },
		};

		if (poll(pfd, RTE_DIM(pfd), -1) < 0 && errno != EINTR)
			return;
		if (pfd[SIGNAL].revents != 0 ||
		    (pfd[COMMAND].revents != 0 &&
		     !vpci_commands_run(&p->commands, &p->fn)))
			return;
		if (client && pfd[CUT].revents != 0)
			why = "memory went away that it had mapped";
		else if (client && pfd[SOCKET].revents != 0)
			why = vfu_server_run(&p->server);
		else if (pfd[SOCKET].revents != 0)
			begin_client(p);
		if (why != NULL)
			end_client(p, why);
	}
}

static int
run(struct program *p, const struct vpci_options *o)
{
	int ret = -1;

	if (vpci_network_init(&p->network, o->wire) == 0 &&
	    start_device(p, o) == 0) {
		vfu_server_init(&p->server, &p->fn);
		vpci_commands_init(&p->commands, STDIN_FILENO);
		p->listener = vpci_listen(o->socket);
		if (p->listener >= 0) {
			printf("ready\n");
			fflush(stdout);
			serve(p);
			if (p->server.sock >= 0)
				end_client(p, "the server ends");
			vpci_unlisten(p->listener, o->socket);
			ret = 0;
		}
		vpci_function_fini(&p->fn);
	}
	stop_device(p);
	vpci_network_fini(&p->network);
	return ret;
}

int
main(int argc, char *argv[])
{
	struct vpci_options o;
	static struct program p;
	int ret;

	if (!vpci_options_parse(argc, argv, &o))
		return EXIT_FAILURE;
	p.signals = open_signals();
	if (p.signals < 0 || start_dpdk() != 0 || sim_rcu_get() != 0) {
		fprintf(stderr, "vdpa-pci: cannot start\n");
		return EXIT_FAILURE;
	}
	ret = run(&p, &o);
	sim_rcu_put();
	rte_eal_cleanup();
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
