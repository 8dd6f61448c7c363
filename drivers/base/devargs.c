/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>

#include <rte_kvargs.h>
#include <rte_string_fns.h>

#include <ethdev_driver.h>

#include "compat.h"
#include "base/devargs.h"
#include "base/fault.h"
#include "base/log.h"

/* What a handler of one key needs. */
struct parse {
	const char *dev;
	void *out;
};

struct key {
	const char *name;
	int (*parse)(const struct parse *p, const char *key,
		     const char *value);
};

static int
bad_value(const struct parse *p, const char *key, const char *value,
	  const char *right)
{
	SIM_LOG(ERR, "%s: %s=%s is not valid: %s", p->dev, key,
		value == NULL ? "" : value, right);
	return -EINVAL;
}

/* True if 'value' is a plain decimal number within [min, max]. */
static bool
parse_number(const char *value, unsigned long min, unsigned long max,
	     uint16_t *out)
{
	unsigned long n;
	char *end;

	if (value == NULL || *value < '0' || *value > '9')
		return false;
	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno != 0 || *end != '\0' || n < min || n > max)
		return false;
	*out = n;
	return true;
}

static bool
parse_name(const char *value, char *out, size_t size)
{
	return value != NULL && *value != '\0' &&
		rte_strscpy(out, value, size) >= 0;
}

static int
pf_vfs(const struct parse *p, const char *key, const char *value)
{
	struct sim_pf_args *args = p->out;

	if (!parse_number(value, 1, SIM_MAX_VFS, &args->vfs))
		return bad_value(p, key, value, "give a number of VFs from 1 "
				 "to " RTE_STR(SIM_MAX_VFS));
	return 0;
}

static int
pf_queues(const struct parse *p, const char *key, const char *value)
{
	struct sim_pf_args *args = p->out;

	if (!parse_number(value, 1, SIM_MAX_QUEUES, &args->queues))
		return bad_value(p, key, value, "give a number of queues from "
				 "1 to " RTE_STR(SIM_MAX_QUEUES));
	return 0;
}

static int
pf_wire(const struct parse *p, const char *key, const char *value)
{
	struct sim_pf_args *args = p->out;
	size_t size = sizeof(args->wire_name);
	bool ok = false;

	args->has_wire = true;
	if (value == NULL) {
		ok = false;
	} else if (strcmp(value, "none") == 0) {
		args->wire = SIM_WIRE_NONE;
		ok = true;
	} else if (strncmp(value, "tap:", 4) == 0) {
		args->wire = SIM_WIRE_TAP;
		ok = parse_name(value + 4, args->wire_name, IFNAMSIZ);
	} else if (strncmp(value, "pf:", 3) == 0) {
		args->wire = SIM_WIRE_PF;
		ok = parse_name(value + 3, args->wire_name, size) &&
			strcmp(args->wire_name, p->dev) != 0;
	}
	if (!ok)
		return bad_value(p, key, value, "give none, tap:NAME (an "
				 "interface name of at most 15 characters) or "
				 "pf:NAME (another simulated PF)");
	return 0;
}

/* Whether these are VFs of the one PF that there is. */
static bool
are_vfs(const struct rte_eth_devargs *da)
{
	return da->type == RTE_ETH_REPRESENTOR_VF &&
		da->nb_representor_ports > 0 &&
		(da->nb_mh_controllers == 0 ||
		 (da->nb_mh_controllers == 1 && da->mh_controllers[0] == 0)) &&
		(da->nb_ports == 0 ||
		 (da->nb_ports == 1 && da->ports[0] == 0));
}

/* Range checks against the number of VFs come at the end, because the keys
 * may stand in any order. */
static int
pf_representor(const struct parse *p, const char *key, const char *value)
{
	/* These may be long; 16 elements are as many as fit into 'buf'. */
	struct rte_eth_devargs da[16];
	struct sim_pf_args *args = p->out;
	char buf[256];
	int i, k, n;

	args->has_representor = true;
	n = value == NULL || snprintf(buf, sizeof(buf), "%s=%s", key, value) >=
		(int)sizeof(buf) ? -EINVAL :
		sim_representors_parse(buf, da, RTE_DIM(da));
	for (i = 0; i < n && are_vfs(&da[i]); i++)
		;
	if (n <= 0 || i < n)
		return bad_value(p, key, value, "give VFs of this PF, for "
				 "example [0], [0-3], vf0 or pf0vf[0,2]");

	for (i = 0; i < n; i++) {
		for (k = 0; k < da[i].nb_representor_ports; k++) {
			if (da[i].representor_ports[k] >= SIM_MAX_VFS)
				return bad_value(p, key, value, "the highest "
						 "VF there can be is "
						 RTE_STR(SIM_LAST_VF));
			sim_vf_set_add(&args->representors,
				       da[i].representor_ports[k]);
		}
	}
	return 0;
}

static int
parse_fault(const struct parse *p, const char *key, const char *value,
	    uint32_t *faults)
{
	uint32_t fault = value == NULL ? 0 : sim_fault_from_name(value);

	if (fault == 0)
		return bad_value(p, key, value, "give " SIM_FAULT_NAMES);
	*faults |= fault;
	return 0;
}

static int
pf_fault(const struct parse *p, const char *key, const char *value)
{
	struct sim_pf_args *args = p->out;

	if (value != NULL && (sim_fault_from_name(value) &
			      SIM_FAULT_VDPA_ONLY))
		return bad_value(p, key, value,
				 "that is a fault of vDPA devices");
	return parse_fault(p, key, value, &args->faults);
}

static int
vf_fault(const struct parse *p, const char *key, const char *value)
{
	struct sim_vf_args *args = p->out;

	return parse_fault(p, key, value, &args->faults);
}

static int
vf_pf(const struct parse *p, const char *key, const char *value)
{
	struct sim_vf_args *args = p->out;

	if (!parse_name(value, args->pf, sizeof(args->pf)))
		return bad_value(p, key, value, "give the name of a simulated "
				 "PF, for example net_simpf0");
	return 0;
}

static int
vf_vf(const struct parse *p, const char *key, const char *value)
{
	struct sim_vf_args *args = p->out;

	if (!parse_number(value, 0, SIM_MAX_VFS - 1, &args->vf))
		return bad_value(p, key, value,
				 "give the number of a VF of the PF, from 0");
	return 0;
}

static int
vf_vdpa(const struct parse *p, const char *key, const char *value)
{
	struct sim_vf_args *args = p->out;
	uint16_t n;

	if (!parse_number(value, 0, 1, &n))
		return bad_value(p, key, value, "give 0 (an ethdev) or 1 (a "
				 "vDPA device)");
	args->vdpa = n == 1;
	return 0;
}

static int
vf_sw_lm(const struct parse *p, const char *key, const char *value)
{
	struct sim_vf_args *args = p->out;
	uint16_t n;

	if (!parse_number(value, 0, 1, &n))
		return bad_value(p, key, value, "give 0 (the device logs what "
				 "it writes) or 1 (software does)");
	args->sw_lm = n == 1;
	return 0;
}

static int
vf_queues(const struct parse *p, const char *key, const char *value)
{
	struct sim_vf_args *args = p->out;

	if (!parse_number(value, 1, SIM_MAX_QUEUES, &args->queues))
		return bad_value(p, key, value, "give a number of queue pairs "
				 "from 1 to " RTE_STR(SIM_MAX_QUEUES));
	return 0;
}

static int
vf_tx_free(const struct parse *p, const char *key, const char *value)
{
	struct sim_vf_args *args = p->out;
	size_t len = value == NULL ? 0 : strlen(value);
	char number[8];
	uint16_t n = 0;
	bool ok = true;

	if (len > 2 && len < sizeof(number) &&
	    strcmp(value + len - 2, "us") == 0) {
		args->tx_free.mode = SIM_TX_FREE_LATER;
		rte_strscpy(number, value, len - 1);
		ok = parse_number(number, 1, UINT16_MAX, &n);
	} else if (len > 0 && strcmp(value, "never") == 0) {
		args->tx_free.mode = SIM_TX_FREE_NEVER;
	} else {
		args->tx_free.mode = SIM_TX_FREE_GROUPS;
		ok = parse_number(value, 1, SIM_MIN_DESC, &n);
	}
	args->tx_free.n = n;
	if (!ok)
		return bad_value(p, key, value, "give a number of packets "
				 "from 1 to " RTE_STR(SIM_MIN_DESC) ", of "
				 "microseconds from 1us to 65535us, or never");
	return 0;
}

static const struct key pf_keys[] = {
	{ "vfs", pf_vfs },
	{ "queues", pf_queues },
	{ "wire", pf_wire },
	{ "representor", pf_representor },
	{ "fault", pf_fault },
	{ NULL, NULL },
};

static const struct key vf_keys[] = {
	{ "pf", vf_pf },
	{ "vf", vf_vf },
	{ "vdpa", vf_vdpa },
	{ "queues", vf_queues },
	{ "sw-live-migration", vf_sw_lm },
	{ "tx-free", vf_tx_free },
	{ "fault", vf_fault },
	{ NULL, NULL },
};

static const struct key *
find_key(const struct key *keys, const char *name)
{
	for (; keys->name != NULL; keys++) {
		if (strcmp(keys->name, name) == 0)
			return keys;
	}
	return NULL;
}

/* A key may be given once; only faults add up. */
static int
check_once(const struct parse *p, const struct rte_kvargs *kv, const char *key)
{
	if (strcmp(key, "fault") == 0 || rte_kvargs_count(kv, key) == 1)
		return 0;
	SIM_LOG(ERR, "%s: %s is given twice: give it once", p->dev, key);
	return -EINVAL;
}

static int
parse_pairs(const struct parse *p, const struct key *keys, const char *right,
	    const struct rte_kvargs *kv)
{
	const struct key *key;
	unsigned int i;
	int ret;

	for (i = 0; i < kv->count; i++) {
		key = find_key(keys, kv->pairs[i].key);
		if (key == NULL) {
			SIM_LOG(ERR, "%s: unknown key %s: the keys are %s",
				p->dev, kv->pairs[i].key, right);
			return -EINVAL;
		}
		ret = check_once(p, kv, key->name);
		if (ret == 0)
			ret = key->parse(p, key->name, kv->pairs[i].value);
		if (ret != 0)
			return ret;
	}
	return 0;
}

static int
parse_args(const struct parse *p, const struct key *keys, const char *right,
	   const char *args)
{
	struct rte_kvargs *kv;
	int ret;

	if (args == NULL || *args == '\0')
		return 0;
	kv = rte_kvargs_parse(args, NULL);
	if (kv == NULL) {
		SIM_LOG(ERR, "%s: cannot read \"%s\": give a list of "
			"key=value, separated by commas", p->dev, args);
		return -EINVAL;
	}
	ret = parse_pairs(p, keys, right, kv);
	rte_kvargs_free(kv);
	return ret;
}

static bool
has_key(const char *args, const char *key)
{
	struct rte_kvargs *kv;
	bool found;

	kv = args == NULL ? NULL : rte_kvargs_parse(args, NULL);
	found = kv != NULL && rte_kvargs_count(kv, key) != 0;
	rte_kvargs_free(kv);
	return found;
}

int
sim_devargs_parse_pf(const char *dev, const char *args,
		     struct sim_pf_args *out)
{
	struct parse p = { .dev = dev, .out = out };
	int ret;

	memset(out, 0, sizeof(*out));
	ret = parse_args(&p, pf_keys, "vfs, queues, wire, representor and "
			 "fault", args);
	if (ret != 0)
		return ret;
	if (out->vfs != 0 &&
	    !sim_vf_set_is_below(&out->representors, out->vfs)) {
		SIM_LOG(ERR, "%s: representor names a VF that does not exist: "
			"with vfs=%u the last is %u", dev, out->vfs,
			out->vfs - 1);
		return -EINVAL;
	}
	return 0;
}

int
sim_devargs_parse_vf(const char *dev, const char *args,
		     struct sim_vf_args *out)
{
	static const char * const required[] = { "pf", "vf" };
	struct parse p = { .dev = dev, .out = out };
	unsigned int i;
	int ret;

	memset(out, 0, sizeof(*out));
	ret = parse_args(&p, vf_keys, "pf, vf, vdpa, queues, "
			 "sw-live-migration, tx-free and fault", args);
	if (ret != 0)
		return ret;
	for (i = 0; i < RTE_DIM(required); i++) {
		if (has_key(args, required[i]))
			continue;
		SIM_LOG(ERR, "%s: %s= is missing: give for example "
			"pf=net_simpf0,vf=0", dev, required[i]);
		return -EINVAL;
	}
	if (out->vdpa && out->tx_free.mode != SIM_TX_FREE_AT_ONCE) {
		SIM_LOG(ERR, "%s: tx-free is for an ethdev: give vdpa=0, or "
			"leave it out", dev);
		return -EINVAL;
	}
	if (out->vdpa && (out->faults & SIM_FAULT_TX_PAUSED)) {
		SIM_LOG(ERR, "%s: fault=tx-paused is for an ethdev", dev);
		return -EINVAL;
	}
	return 0;
}
