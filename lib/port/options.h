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

#ifndef DPDK_VDPA_OPTIONS_H
#define DPDK_VDPA_OPTIONS_H 1

/* The options of a dpdkvdpa port, from strings to checked values. */

#include <stdbool.h>
#include <stdint.h>

#include "port/dmas.h"

struct smap;

/* Queue pairs offered to the guest if the user does not say and the VF has as
 * many. */
#define DPDK_VDPA_DEFAULT_PAIRS 16

/* How the guest's queues may be served. */
enum dpdk_vdpa_mode {
    DPDK_VDPA_MODE_AUTO,        /* By the device if it can, else relayed. */
    DPDK_VDPA_MODE_SW,          /* Relayed: vdpa-sw=true. */
    DPDK_VDPA_MODE_HW,          /* By the device: vdpa-sw=false. */
};

struct dpdk_vdpa_options {
    char *socket_path;          /* vdpa-socket-path. */
    char *devargs;              /* vdpa-accelerator-devargs. */
    char *vf_devargs;           /* The same, without what hints at a vDPA
                                 * device. */
    bool vdpa_hint;             /* There was such a hint. */
    enum dpdk_vdpa_mode mode;   /* vdpa-sw. */
    unsigned int max_pairs;     /* vdpa-max-queues, 0 if not given. */
    unsigned int tx_retries_max;        /* tx-retries-max. */
    unsigned int stall_timeout;         /* vdpa-stall-timeout, in ms. */
    char *features;             /* vdpa-features, or null. */
    uint64_t withheld;          /* The virtio features that are not offered
                                 * for that. */
    bool zero_copy;             /* dq-zero-copy. */
    struct vdpa_dmas dmas;      /* vdpa-dmas. */
    unsigned int n_rx_desc;     /* n_rxq_desc and n_txq_desc, 0 if not */
    unsigned int n_tx_desc;     /* given. */
};

/* Parses the options of port 'name' in 'args' into '*options', which the
 * caller must free with dpdk_vdpa_options_destroy().  Options of other types
 * of ports are ignored, unknown options that begin with "vdpa-" logged.
 *
 * Returns 0, or a positive errno value with '*options' empty and a sentence
 * for the user in '*errp', which the caller must free. */
int dpdk_vdpa_options_parse(const char *name, const struct smap *args,
                            struct dpdk_vdpa_options *options, char **errp);

void dpdk_vdpa_options_destroy(struct dpdk_vdpa_options *);

#endif /* port/options.h */
