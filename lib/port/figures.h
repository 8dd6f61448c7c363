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

#ifndef VDPA_FIGURES_H
#define VDPA_FIGURES_H 1

/* What DPDK's telemetry tells of ports.
 *
 * An answer of telemetry has 16 KB at most, 256 members in an object, 512
 * elements in an array and 127 characters in a string; it cuts off what is
 * more, wherever that is.  So here is counted what is put in: what there is no
 * room for is left out as a whole, and longer texts end in "...".  Text comes
 * in ASCII only, because telemetry of DPDK 22.11 cannot deal with other. */

#include <stdbool.h>

#include "openvswitch/compiler.h"
#include "port/owner.h"

struct rte_tel_data;
struct svec;
struct vdpa_port;

/* Makes '*d' an object with a member "error". */
void vdpa_figures_error(struct rte_tel_data *d, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

/* Makes '*d' an array of 'names', from number 'first' on, as many as there is
 * room for. */
void vdpa_figures_names(struct rte_tel_data *d, const struct svec *names,
                        unsigned int first);

/* Returns true if vdpa_figures_names() has 'listed' for 'name'. */
bool vdpa_figures_is_listed(const char *name, const char *listed);

/* Makes '*d' an object with what is known of 'port': queue pairs from 'queue'
 * on, and last events, as many as there is room for, which are 16 queue pairs
 * at least.  Documentation/reference.rst tells of the members. */
void vdpa_figures_port(struct rte_tel_data *d, struct vdpa_port *port,
                       unsigned int queue)
    OVS_REQUIRES(vdpa_port_owned);

#endif /* port/figures.h */
