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

/* libFuzzer target: the options of a port.  The input is lines KEY=VALUE; a
 * digit for KEY stands for an option that there is. */

#include <config.h>

#include "port/options.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "smap.h"
#include "util.h"

int LLVMFuzzerInitialize(int *, char ***);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerInitialize(int *argc OVS_UNUSED, char ***argv OVS_UNUSED)
{
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return 0;
}

static const char *
option_name(const char *key)
{
    static const char *const names[] = {
        "vdpa-socket-path", "vdpa-accelerator-devargs", "vdpa-sw",
        "vdpa-max-queues", "tx-retries-max", "vdpa-stall-timeout",
        "vdpa-features",
        "n_rxq_desc", "n_txq_desc",
    };
    unsigned int i = key[0] - '0';

    return i < ARRAY_SIZE(names) && !key[1] ? names[i] : key;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmemdup0((const char *) data, size);
    struct dpdk_vdpa_options options;
    struct smap args = SMAP_INITIALIZER(&args);
    char *save = NULL, *error = NULL;

    for (char *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        char *value = strchr(line, '=');

        if (value) {
            *value++ = '\0';
            smap_replace(&args, option_name(line), value);
        }
    }
    if (!dpdk_vdpa_options_parse("fuzz", &args, &options, &error)) {
        ovs_assert(!error && options.socket_path[0] == '/');
        ovs_assert(strlen(options.socket_path) < 108);
        ovs_assert(options.vf_devargs[0]);
        ovs_assert(options.tx_retries_max <= 32);
        dpdk_vdpa_options_destroy(&options);
    } else {
        ovs_assert(error && error[0]);
    }
    free(error);
    smap_destroy(&args);
    free(text);
    return 0;
}
