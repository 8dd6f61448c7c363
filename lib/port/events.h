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

#ifndef DPDK_VDPA_EVENTS_H
#define DPDK_VDPA_EVENTS_H 1

/* The recent events of a port, for a person to read. */

#include "openvswitch/compiler.h"

#define DPDK_VDPA_MAX_EVENTS 32
#define DPDK_VDPA_EVENT_LEN 200

struct ds;

/* The last DPDK_VDPA_MAX_EVENTS events.  All zero is empty.  The caller
 * serializes. */
struct dpdk_vdpa_events {
    struct {
        long long int when;     /* In ms since the epoch. */
        char text[DPDK_VDPA_EVENT_LEN];
    } ring[DPDK_VDPA_MAX_EVENTS];
    unsigned int n;             /* Ever added. */
};

/* Adds an event that happened now. */
void dpdk_vdpa_events_add(struct dpdk_vdpa_events *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

/* Appends to 'out' a line per event, the oldest first. */
void dpdk_vdpa_events_format(const struct dpdk_vdpa_events *, struct ds *out);

#endif /* port/events.h */
