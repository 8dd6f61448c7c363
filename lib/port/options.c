/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

#include <config.h>

#include "port/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "dpdk-vdpa-relay.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "port/features.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dpdk_vdpa_options);

#define DEFAULT_TX_RETRIES 8
#define MAX_TX_RETRIES 32

/* What fits into 16 bits. */
#define MAX_DESC 32768

/* In ms. */
#define DEFAULT_STALL_TIMEOUT 2000
#define MAX_STALL_TIMEOUT 3600000

/* Returns the value of option 'key', or null with '*errp' set. */
static const char *
get_required(const struct smap *args, const char *key, const char *what,
             char **errp)
{
    const char *value = smap_get(args, key);

    if (!value || !*value) {
        *errp = xasprintf("%s is %s; set it to %s", key,
                          value ? "empty" : "missing", what);
        return NULL;
    }
    return value;
}

static char *
parse_socket_path(const struct smap *args, char **errp)
{
    static const char key[] = "vdpa-socket-path";
    size_t max_len = sizeof ((struct sockaddr_un *) NULL)->sun_path - 1;
    const char *path;

    path = get_required(args, key, "the path of the vhost-user socket that "
                        "QEMU serves", errp);
    if (!path) {
        return NULL;
    }
    if (path[0] != '/') {
        *errp = xasprintf("%s: \"%s\" is not an absolute path; begin it with "
                          "\"/\"", key, path);
        return NULL;
    }
    if (strlen(path) > max_len) {
        *errp = xasprintf("%s: \"%s\" is too long for a socket, %"PRIuSIZE" "
                          "bytes; use at most %"PRIuSIZE, key, path,
                          strlen(path), max_len);
        return NULL;
    }
    return xstrdup(path);
}

/* Returns true if device argument 'arg' only says that the device is to serve
 * as a vDPA device. */
static bool
is_vdpa_hint(const char *arg)
{
    return !strcmp(arg, "class=vdpa") || !strcmp(arg, "vdpa=1");
}

static int
parse_devargs(const struct smap *args, struct dpdk_vdpa_options *options,
              char **errp)
{
    struct ds vf_devargs = DS_EMPTY_INITIALIZER;
    char *copy, *arg, *save = NULL;
    const char *value;

    value = get_required(args, "vdpa-accelerator-devargs", "the DPDK device "
                         "arguments of the VF", errp);
    if (!value) {
        return EINVAL;
    }

    copy = xstrdup(value);
    for (arg = strtok_r(copy, ",", &save); arg;
         arg = strtok_r(NULL, ",", &save)) {
        if (is_vdpa_hint(arg)) {
            options->vdpa_hint = true;
        } else {
            ds_put_format(&vf_devargs, "%s%s", vf_devargs.length ? "," : "",
                          arg);
        }
    }
    free(copy);
    if (!vf_devargs.length) {
        *errp = xasprintf("vdpa-accelerator-devargs: \"%s\" names no device; "
                          "set it to the DPDK device arguments of the VF",
                          value);
        ds_destroy(&vf_devargs);
        return EINVAL;
    }
    options->devargs = xstrdup(value);
    options->vf_devargs = ds_steal_cstr(&vf_devargs);
    return 0;
}

static int
parse_mode(const struct smap *args, enum dpdk_vdpa_mode *modep, char **errp)
{
    const char *s = smap_get(args, "vdpa-sw");

    if (!s) {
        *modep = DPDK_VDPA_MODE_AUTO;
    } else if (!strcmp(s, "true")) {
        *modep = DPDK_VDPA_MODE_SW;
    } else if (!strcmp(s, "false")) {
        *modep = DPDK_VDPA_MODE_HW;
    } else {
        *errp = xasprintf("vdpa-sw: \"%s\" is neither \"true\" nor "
                          "\"false\"", s);
        return EINVAL;
    }
    return 0;
}

static int
parse_zero_copy(const struct smap *args, bool *valuep, char **errp)
{
    const char *s = smap_get_def(args, "dq-zero-copy", "false");

    *valuep = !strcmp(s, "true");
    if (!*valuep && strcmp(s, "false")) {
        *errp = xasprintf("dq-zero-copy: \"%s\" is neither \"true\" nor "
                          "\"false\"", s);
        return EINVAL;
    }
    return 0;
}

/* Parses a decimal number of 'min' to 'max'.  '*valuep' keeps its value if the
 * option is not given. */
static int
parse_uint(const struct smap *args, const char *key, unsigned int min,
           unsigned int max, unsigned int *valuep, char **errp)
{
    const char *s = smap_get(args, key);
    unsigned int value;

    if (!s) {
        return 0;
    }
    if (!*s || s[strspn(s, "0123456789")] || !str_to_uint(s, 10, &value)
        || value < min || value > max) {
        *errp = xasprintf("%s: \"%s\" is not a number from %u to %u",
                          key, s, min, max);
        return EINVAL;
    }
    *valuep = value;
    return 0;
}

/* Parses a number of descriptors, which the representor and the VF get alike.
 * Of another number the class "dpdk" says nothing, and takes its default. */
static int
parse_n_desc(const struct smap *args, const char *key, unsigned int *valuep,
             char **errp)
{
    int error = parse_uint(args, key, 1, MAX_DESC, valuep, errp);

    if (!error && *valuep && !is_pow2(*valuep)) {
        *errp = xasprintf("%s: \"%u\" is not a power of 2; use %u", key,
                          *valuep, 1u << log_2_floor(*valuep));
        error = EINVAL;
    }
    return error;
}

static void
warn_unknown(const char *name, const struct smap *args)
{
    static const char *const known[] = {
        "vdpa-socket-path", "vdpa-accelerator-devargs", "vdpa-sw",
        "vdpa-max-queues", "vdpa-stall-timeout", "vdpa-features", "vdpa-dmas",
    };
    const struct smap_node *node;

    SMAP_FOR_EACH (node, args) {
        bool found = strncmp(node->key, "vdpa-", 5);

        for (size_t i = 0; !found && i < ARRAY_SIZE(known); i++) {
            found = !strcmp(node->key, known[i]);
        }
        if (!found) {
            static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

            VLOG_WARN_RL(&rl, "%s: unknown option \"%s\" is ignored; did you "
                         "mean vdpa-socket-path, vdpa-accelerator-devargs, "
                         "vdpa-sw, vdpa-max-queues, vdpa-stall-timeout, "
                         "vdpa-features or vdpa-dmas?", name, node->key);
        }
    }
}

int
dpdk_vdpa_options_parse(const char *name, const struct smap *args,
                        struct dpdk_vdpa_options *options, char **errp)
{
    memset(options, 0, sizeof *options);
    options->tx_retries_max = DEFAULT_TX_RETRIES;
    options->stall_timeout = DEFAULT_STALL_TIMEOUT;

    warn_unknown(name, args);
    options->socket_path = parse_socket_path(args, errp);
    if (!options->socket_path) {
        goto error;
    }
    if (parse_devargs(args, options, errp)
        || parse_mode(args, &options->mode, errp)
        || parse_zero_copy(args, &options->zero_copy, errp)
        || parse_uint(args, "vdpa-max-queues", 1, DPDK_VDPA_MAX_PAIRS,
                      &options->max_pairs, errp)
        || parse_n_desc(args, "n_rxq_desc", &options->n_rx_desc, errp)
        || parse_n_desc(args, "n_txq_desc", &options->n_tx_desc, errp)
        || parse_uint(args, "tx-retries-max", 0, MAX_TX_RETRIES,
                      &options->tx_retries_max, errp)
        || parse_uint(args, "vdpa-stall-timeout", 0, MAX_STALL_TIMEOUT,
                      &options->stall_timeout, errp)
        || vdpa_features_parse(smap_get(args, "vdpa-features"),
                               &options->withheld, errp)
        || vdpa_dmas_parse(smap_get(args, "vdpa-dmas"), &options->dmas,
                           errp)) {
        goto error;
    }
    options->features = nullable_xstrdup(smap_get(args, "vdpa-features"));
    return 0;

error:
    dpdk_vdpa_options_destroy(options);
    return EINVAL;
}

void
dpdk_vdpa_options_destroy(struct dpdk_vdpa_options *options)
{
    free(options->socket_path);
    free(options->devargs);
    free(options->vf_devargs);
    free(options->features);
    vdpa_dmas_destroy(&options->dmas);
    memset(options, 0, sizeof *options);
}
