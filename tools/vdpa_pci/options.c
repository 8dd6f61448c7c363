/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "base/limits.h"
#include "vdpa/device/vring.h"
#include "vdpa_pci/options.h"

static void
usage(void)
{
	printf("usage: vdpa-pci --socket=PATH [OPTION]...\n"
	       "\n"
	       "Serves a simulated vDPA device as a PCI function, for QEMU's\n"
	       "device vfio-user-pci, which is the client of PATH, one at a\n"
	       "time.\n"
	       "\n"
	       "  --socket=PATH     the socket; it is taken away at the end\n"
	       "  --wire=WIRE       what is behind: \"none\" (the default),\n"
	       "                    \"tap:NAME\" or \"fd:NUMBER\", a file\n"
	       "                    that is open, with a frame for each read\n"
	       "                    and write\n"
	       "  --pairs=N         queue pairs, 1 to %u (1)\n"
	       "  --ring-size=N     descriptors of a ring at most, a power of\n"
	       "                    two from 8 to %u (1024)\n"
	       "  --split           no packed rings\n"
	       "  --mac=MAC         (02:00:00:00:00:01)\n"
	       "  --help, --version\n"
	       "\n"
	       "It prints a line for each client that comes and goes, and\n"
	       "takes commands on its standard input: \"stats\", \"link up\",\n"
	       "\"link down\", \"quit\".  What these print ends with a line\n"
	       "\"end\".\n", SIM_MAX_QUEUES, SIM_VRING_MAX_SIZE);
}

static bool
parse_number(const char *option, const char *text, unsigned int min,
	     unsigned int max, unsigned int *value)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno == 0 && *end == '\0' && text[0] >= '0' && text[0] <= '9' &&
	    n >= min && n <= max) {
		*value = n;
		return true;
	}
	fprintf(stderr, "vdpa-pci: --%s=%s: give a number from %u to %u\n",
		option, text, min, max);
	return false;
}

static bool
parse_mac(const char *text, struct rte_ether_addr *mac)
{
	if (rte_ether_unformat_addr(text, mac) == 0 &&
	    rte_is_valid_assigned_ether_addr(mac))
		return true;
	fprintf(stderr, "vdpa-pci: --mac=%s: give the address of one card, "
		"such as 02:00:00:00:00:01\n", text);
	return false;
}

static bool
parse_option(int c, struct vpci_options *o)
{
	switch (c) {
	case 's':
		o->socket = optarg;
		return true;
	case 'w':
		o->wire = optarg;
		return true;
	case 'p':
		return parse_number("pairs", optarg, 1, SIM_MAX_QUEUES,
				    &o->pairs);
	case 'r':
		if (!parse_number("ring-size", optarg, 8, SIM_VRING_MAX_SIZE,
				  &o->ring_size))
			return false;
		if (rte_is_power_of_2(o->ring_size))
			return true;
		fprintf(stderr, "vdpa-pci: --ring-size=%s: give a power of "
			"two\n", optarg);
		return false;
	case 'n':
		o->packed = false;
		return true;
	case 'm':
		return parse_mac(optarg, &o->mac);
	case 'h':
		usage();
		exit(EXIT_SUCCESS);
	case 'V':
		printf("vdpa-pci " VDPA_VERSION "\n");
		exit(EXIT_SUCCESS);
	default:
		fprintf(stderr, "try \"vdpa-pci --help\"\n");
		return false;
	}
}

bool
vpci_options_parse(int argc, char *argv[], struct vpci_options *o)
{
	static const struct option known[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "wire", required_argument, NULL, 'w' },
		{ "pairs", required_argument, NULL, 'p' },
		{ "ring-size", required_argument, NULL, 'r' },
		{ "split", no_argument, NULL, 'n' },
		{ "mac", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct vpci_options) {
		.wire = "none", .pairs = 1, .ring_size = 1024, .packed = true,
		.mac = { .addr_bytes = { 2, 0, 0, 0, 0, 1 } },
	};
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (!parse_option(c, o))
			return false;
	}
	if (optind < argc)
		fprintf(stderr, "vdpa-pci: \"%s\" is no option\n",
			argv[optind]);
	else if (o->socket == NULL)
		fprintf(stderr, "vdpa-pci: --socket=PATH is missing\n");
	return optind == argc && o->socket != NULL;
}
