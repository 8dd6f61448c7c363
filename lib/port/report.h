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

#ifndef VDPA_REPORT_H
#define VDPA_REPORT_H 1

/* What a port tells of itself. */

#include <stdint.h>

#include "port/owner.h"

struct dpdk_vdpa_counters;
struct ds;
struct netdev_custom_stats;
struct smap;
struct vdpa_dma_counts;
struct vdpa_port;

/* Adds what the port, which has been configured, knows to 'args', the options
 * as the netdev has them, or the status.  'rep_error' is what the base class
 * returned for the representor's status. */
void vdpa_report_config(const struct vdpa_port *, struct smap *args)
    OVS_REQUIRES(vdpa_port_owned);
void vdpa_report_status(const struct vdpa_port *, int rep_error,
                        struct smap *args)
    OVS_REQUIRES(vdpa_port_owned);

/* Appends the counters of the relay, of the device and of events. */
void vdpa_report_stats(struct vdpa_port *, struct netdev_custom_stats *)
    OVS_REQUIRES(vdpa_port_owned);

/* Stores in 'sums' the sums over all lanes of each direction. */
void vdpa_report_sum_counters(struct vdpa_port *,
                              struct dpdk_vdpa_counters *sums)
    OVS_REQUIRES(vdpa_port_locked);

/* Stores how many packets went by the vhost library since the port was made:
 * from guests, and to them. */
void vdpa_report_get_library(const struct vdpa_port *, uint64_t *rx,
                             uint64_t *tx)
    OVS_REQUIRES(vdpa_port_owned);

/* Stores how many packets DMA engines have copied: from guests, and to
 * them. */
void vdpa_report_get_dma(const struct vdpa_port *, struct vdpa_dma_counts *)
    OVS_REQUIRES(vdpa_port_owned);

/* Returns how many packets of guests of 'port' were not copied. */
uint64_t vdpa_report_n_lent(const struct vdpa_port *)
    OVS_REQUIRES(vdpa_port_owned);

/* Appends all there is to know, for dpdkvdpa/show. */
void vdpa_report_show(struct vdpa_port *, struct ds *out)
    OVS_REQUIRES(vdpa_port_owned);

#endif /* port/report.h */
