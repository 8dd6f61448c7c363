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

#ifndef VDPA_DMAS_H
#define VDPA_DMAS_H 1

/* Option vdpa-dmas of a port: which DMA engines copy the packets of which of
 * the guest's queues.
 *
 * Errors are positive errno values, with a sentence for the user in '*errp',
 * which the caller must free. */

#include <stddef.h>
#include <stdint.h>

#include "port/owner.h"

struct ds;
struct dpdk_vdpa_dma;
struct dpdk_vdpa_vm;
struct vdpa_port;

/* The engine of a queue. */
struct vdpa_dma_use {
    uint16_t ring;              /* The guest's: 2 * N for txqN, which goes to
                                 * it, and 2 * N + 1 for rxqN. */
    char *name;
    struct dpdk_vdpa_dma *dma;  /* Null before vdpa_dmas_claim(). */
};

struct vdpa_dmas {
    char *text;                 /* As the user wrote it, null if he did not. */
    struct vdpa_dma_use *uses;
    size_t n;
};

/* Parses 'value', which may be null, into '*dmas', which the caller must free
 * with vdpa_dmas_destroy(), also after an error. */
int vdpa_dmas_parse(const char *value, struct vdpa_dmas *dmas, char **errp);

/* Checks that a guest with at most 'n_pairs' queue pairs has all queues. */
int vdpa_dmas_check(const struct vdpa_dmas *, unsigned int n_pairs,
                    char **errp);

/* Claims all engines for port 'owner'. */
int vdpa_dmas_claim(struct vdpa_dmas *, const char *owner, char **errp);

/* Releases what was claimed, which no VM end uses any more, and frees what
 * '*dmas' has. */
void vdpa_dmas_destroy(struct vdpa_dmas *dmas);

/* Has the VM end of 'port' use the engines that the port has, before it is
 * started. */
void vdpa_dmas_equip(const struct vdpa_port *port, struct dpdk_vdpa_vm *vm)
    OVS_REQUIRES(vdpa_port_owned);

/* Takes up that engines have failed, and says so in config_error.  Once per
 * main loop. */
void vdpa_dmas_run(struct vdpa_port *port)
    OVS_REQUIRES(vdpa_port_owned);

/* Packets of engines, from guests and to them (vhost/dmas.h). */
struct vdpa_dma_counts {
    uint64_t rx, tx;
    uint64_t rx_lost, tx_lost;
};

/* Adds those for 'vm'. */
void vdpa_dmas_count(const struct dpdk_vdpa_vm *vm,
                     struct vdpa_dma_counts *sum);

/* Returns why the engine of 'use' copies nothing, or null if it does. */
const char *vdpa_dmas_why_not(const struct vdpa_port *port,
                              const struct vdpa_dma_use *use)
    OVS_REQUIRES(vdpa_port_owned);

/* Appends which queue uses which engine, or why not, one after 'separator'
 * and the other. */
void vdpa_dmas_format(const struct vdpa_port *port, const char *separator,
                      struct ds *)
    OVS_REQUIRES(vdpa_port_owned);

#endif /* port/dmas.h */
