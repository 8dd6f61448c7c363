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

#ifndef DPDK_VDPA_CAPTURE_H
#define DPDK_VDPA_CAPTURE_H 1

/* Captures what a relay moves, which mirrors of Open vSwitch do not see if it
 * offloads flows: in a file, in the format pcapng, or to a port of Open
 * vSwitch of type dpdkvdpacapture.
 *
 * PMD threads copy packets and never wait; a thread per capture writes them to
 * the file, or the PMD thread that polls the port takes them.  What these
 * cannot keep up with is counted as missed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dpdk-vdpa-relay.h"

struct ds;
struct dpdk_vdpa_capture;

#define DPDK_VDPA_MIN_SNAPLEN 64
#define DPDK_VDPA_MAX_SNAPLEN 65000

struct dpdk_vdpa_capture_config {
    const char *port_name;      /* For the file's comment. */
    const char *target;         /* "port:NAME", or the absolute path of a file,
                                 * which is overwritten if it is there. */
    uint32_t snaplen;           /* Bytes of each packet to keep,
                                 * DPDK_VDPA_MIN_SNAPLEN to _MAX_, or 0 for
                                 * all that fits into 'max_frame_len', or all
                                 * of it for a port. */
    uint32_t max_frame_len;     /* Of the VF, in bytes. */
    uint64_t count;             /* Packets to capture, 0 for no limit. */
    uint16_t port_id;           /* Ethdev of the VF: what goes from the VF to
                                 * the guest is inbound, the rest outbound. */
    int numa_node;

    /* Called in any thread, with Open vSwitch's 'netdev_mutex' held, when the
     * target goes away. */
    void (*gone)(void *aux);
    void *aux;
};

/* Creates the file and starts the thread, or links up with the port.  Returns
 * 0, or a positive errno value and a sentence for the user in '*errp', which
 * the caller must free.  Main thread. */
int dpdk_vdpa_capture_start(const struct dpdk_vdpa_capture_config *,
                            struct dpdk_vdpa_capture **, char **errp);

/* Captures 'n' packets.  For 'struct dpdk_vdpa_observer', with a "struct
 * dpdk_vdpa_capture *" as 'aux'.  Any number of PMD threads. */
void dpdk_vdpa_capture_observe(void *capture, enum dpdk_vdpa_direction,
                               uint16_t queue, struct rte_mbuf *const *pkts,
                               unsigned int n);

/* Returns true if there is no more to come, because the wanted number of
 * packets is there or the target takes nothing any more.  Any thread. */
bool dpdk_vdpa_capture_is_done(const struct dpdk_vdpa_capture *);

/* Appends a line that says how far the capture is.  Any thread. */
void dpdk_vdpa_capture_format(const struct dpdk_vdpa_capture *, struct ds *);

/* Writes what is left, closes the file or leaves the port, and frees the
 * capture, which no PMD thread that relays uses any more.  Appends a line that
 * says how it ended.  Returns 0, or a positive errno value if not all could be
 * written.  The port's owner. */
int dpdk_vdpa_capture_stop(struct dpdk_vdpa_capture *, struct ds *);

#endif /* port/capture.h */
