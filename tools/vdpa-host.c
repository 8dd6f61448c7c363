/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A vhost-user back-end that does nothing but attach vDPA devices to sockets,
 * for tests of the simulated vDPA device without Open vSwitch.
 *
 *	vdpa-host [EAL ARGUMENT]... -- [hub] SOCKET=DEVICE...
 *
 * The representors send back what they receive; with "hub" they and the
 * uplink, which must be the first port, are ports of a hub.  It is the client
 * of every SOCKET, prints a line for each thing that happens, and reads
 * commands from its standard input, a line each:
 *
 *	stats DEVICE QUEUE	the queue's statistics, "NAME VALUE" a line
 *	probe DEVARGS		probes a device
 *	remove DEVICE		unregisters the device's socket and removes it
 *	quit
 *
 * What a command answers ends with a line "end".
 */

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_vdpa.h>
#include <rte_vhost.h>

#define MAX_SOCKETS 4
#define MAX_STATS 64

struct socket {
	char *path;		/* NULL: unregistered. */
	char *device;
};

static struct socket sockets[MAX_SOCKETS];
static int n_sockets;

static void
say(const char *what, int vid)
{
	char path[256] = "?";

	rte_vhost_get_ifname(vid, path, sizeof(path));
	printf("%s %s\n", what, path);
	fflush(stdout);
}

static int
new_device(int vid)
{
	say("connected", vid);
	return 0;
}

static void
destroy_device(int vid)
{
	say("disconnected", vid);
}

static const struct rte_vhost_device_ops ops = {
	.new_device = new_device,
	.destroy_device = destroy_device,
};

static void
removed(const char *name, enum rte_dev_event_type event, void *arg)
{
	(void)arg;
	if (event == RTE_DEV_EVENT_REMOVE) {
		printf("removed %s\n", name);
		fflush(stdout);
	}
}

static int
attach(struct socket *s)
{
	struct rte_vdpa_device *vdev = rte_vdpa_find_device_by_name(s->device);

	if (vdev == NULL) {
		fprintf(stderr, "there is no vDPA device %s\n", s->device);
		return -1;
	}
	if (rte_vhost_driver_register(s->path, RTE_VHOST_USER_CLIENT) != 0 ||
	    rte_vhost_driver_callback_register(s->path, &ops) != 0 ||
	    rte_vhost_driver_attach_vdpa_device(s->path, vdev) != 0 ||
	    rte_vhost_driver_start(s->path) != 0) {
		fprintf(stderr, "cannot serve %s\n", s->path);
		return -1;
	}
	rte_dev_event_callback_register(s->device, removed, NULL);
	return 0;
}

static void
show_stats(const char *device, int queue)
{
	struct rte_vdpa_device *vdev = rte_vdpa_find_device_by_name(device);
	struct rte_vdpa_stat_name names[MAX_STATS];
	struct rte_vdpa_stat stats[MAX_STATS];
	int i, n;

	if (vdev == NULL) {
		printf("error\n");
		return;
	}
	n = rte_vdpa_get_stats_names(vdev, names, MAX_STATS);
	if (rte_vdpa_get_stats(vdev, queue, stats, MAX_STATS) != n) {
		printf("error\n");
		return;
	}
	for (i = 0; i < n; i++)
		printf("%s %" PRIu64 "\n", names[stats[i].id].name,
		       stats[i].value);
}

static void
unregister(struct socket *s)
{
	if (s->path == NULL)
		return;
	rte_dev_event_callback_unregister(s->device, removed, NULL);
	rte_vhost_driver_unregister(s->path);
	s->path = NULL;
}

static void
remove_device(const char *device)
{
	int i;

	for (i = 0; i < n_sockets; i++) {
		if (strcmp(sockets[i].device, device) == 0)
			unregister(&sockets[i]);
	}
	printf("%s\n", rte_eal_hotplug_remove("vdev", device) == 0 ? "ok" :
	       "error");
}

/* False: that was the last one. */
static bool
command(const char *line)
{
	char word[256];
	int queue;

	if (strcmp(line, "quit\n") == 0)
		return false;
	if (sscanf(line, "stats %255s %d", word, &queue) == 2)
		show_stats(word, queue);
	else if (sscanf(line, "remove %255s", word) == 1)
		remove_device(word);
	else if (sscanf(line, "probe %255s", word) == 1)
		printf("%s\n", rte_dev_probe(word) == 0 ? "ok" : "error");
	else
		printf("error\n");
	printf("end\n");
	fflush(stdout);
	return true;
}

/* The ports that the e-switch has beside the vDPA devices. */
static struct rte_mempool *pool;
static bool hub;
static bool stop;

static int
start_port(uint16_t port)
{
	static const struct rte_eth_conf conf;

	return rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(port, 0, 1024, SOCKET_ID_ANY, NULL,
				       pool) != 0 ||
		rte_eth_tx_queue_setup(port, 0, 1024, SOCKET_ID_ANY,
				       NULL) != 0 ||
		rte_eth_dev_start(port) != 0 ||
		rte_eth_promiscuous_enable(port) != 0 ? -1 : 0;
}

static void
transmit(uint16_t port, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t sent = rte_eth_tx_burst(port, 0, pkts, n);

	rte_pktmbuf_free_bulk(&pkts[sent], n - sent);
}

/* From the uplink to all representors, and from these to the uplink. */
static void
flood(uint16_t from, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *copy;
	uint16_t port, i;

	if (from != 0) {
		transmit(0, pkts, n);
		return;
	}
	RTE_ETH_FOREACH_DEV(port) {
		for (i = 0; port != 0 && i < n; i++) {
			copy = rte_pktmbuf_copy(pkts[i], pool, 0, UINT32_MAX);
			if (copy != NULL)
				transmit(port, &copy, 1);
		}
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

static void *
forward(void *arg)
{
	struct rte_mbuf *pkts[32];
	uint16_t port, n;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		RTE_ETH_FOREACH_DEV(port) {
			n = rte_eth_rx_burst(port, 0, pkts, RTE_DIM(pkts));
			if (hub)
				flood(port, pkts, n);
			else
				transmit(port, pkts, n);
		}
		sched_yield();
	}
	return NULL;
}

static int
start_ports(pthread_t *thread)
{
	uint16_t port;

	pool = rte_pktmbuf_pool_create("host", 16383, 0, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (pool == NULL)
		return -1;
	RTE_ETH_FOREACH_DEV(port) {
		if (start_port(port) != 0) {
			fprintf(stderr, "cannot start port %u\n", port);
			return -1;
		}
	}
	return pthread_create(thread, NULL, forward, NULL) == 0 ? 0 : -1;
}

static int
parse(int argc, char *argv[])
{
	for (; argc > 0 && n_sockets < MAX_SOCKETS; argc--, argv++) {
		struct socket *s = &sockets[n_sockets++];

		s->path = argv[0];
		s->device = strchr(argv[0], '=');
		if (s->device == NULL) {
			fprintf(stderr, "%s: give SOCKET=DEVICE\n", argv[0]);
			return -1;
		}
		*s->device++ = '\0';
		if (attach(s) != 0)
			return -1;
	}
	return 0;
}

int
main(int argc, char *argv[])
{
	int used = rte_eal_init(argc, argv), i;
	pthread_t thread;
	char line[300];

	if (used < 0)
		return EXIT_FAILURE;
	argc -= used + 1;
	argv += used + 1;
	hub = argc > 0 && strcmp(argv[0], "hub") == 0;
	if (start_ports(&thread) != 0)
		return EXIT_FAILURE;
	if (parse(argc - hub, argv + hub) != 0)
		return EXIT_FAILURE;
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL && command(line))
		;
	for (i = 0; i < n_sockets; i++)
		unregister(&sockets[i]);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return rte_eal_cleanup() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
