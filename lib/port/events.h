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

/* The recent events of a port, for a person to read, and how many there were
 * of those that a program may want to be told of. */

#include <stdint.h>

#include "openvswitch/compiler.h"

#define DPDK_VDPA_MAX_EVENTS 32
#define DPDK_VDPA_EVENT_LEN 200

/* Events that are counted: EVENT_KIND(ENUM, NAME, MEANING). */
#define DPDK_VDPA_EVENT_KINDS                                               \
    EVENT_KIND(CONNECTED, connected, "a guest's driver set the device up")  \
    EVENT_KIND(DISCONNECTED, disconnected,                                  \
               "the driver gave the device up, or QEMU went")               \
    EVENT_KIND(REFUSED, refused,                                            \
               "a connection was ended for what the front-end did")         \
    EVENT_KIND(RECONNECTING, reconnecting,                                  \
               "the port had a guest connect anew")                         \
    EVENT_KIND(FEATURES_LOST, features_lost,                                \
               "a front-end had lost what the driver took")                 \
    EVENT_KIND(STALLED, stalled,                                            \
               "a queue pair had packets and did not move")                 \
    EVENT_KIND(MIGRATION, migration, "a live migration started")            \
    EVENT_KIND(MODE_CHANGED, mode_changed,                                  \
               "a guest came from one mode to the other")                   \
    EVENT_KIND(RELAYING_INSTEAD, relaying_instead,                          \
               "the relay took over from a vDPA device that failed")        \
    EVENT_KIND(VF_RESTARTED, vf_restarted, "the VF was started again")      \
    EVENT_KIND(VF_REMOVED, vf_removed, "the device was removed")            \
    EVENT_KIND(LINK_CHANGED, link_changed,                                  \
               "the VF's link, or what the vDPA device does, changed")

enum dpdk_vdpa_event_kind {
#define EVENT_KIND(ENUM, NAME, MEANING) DPDK_VDPA_EVENT_##ENUM,
    DPDK_VDPA_EVENT_KINDS
#undef EVENT_KIND
    DPDK_VDPA_N_EVENT_KINDS     /* An event of no such kind. */
};

struct ds;

/* The last DPDK_VDPA_MAX_EVENTS events.  All zero is empty.  The caller
 * serializes. */
struct dpdk_vdpa_events {
    struct {
        long long int when;     /* In ms since the epoch. */
        char text[DPDK_VDPA_EVENT_LEN];
    } ring[DPDK_VDPA_MAX_EVENTS];
    unsigned int n;             /* Ever added. */
    uint64_t counts[DPDK_VDPA_N_EVENT_KINDS];   /* The same, of each kind. */
};

/* Returns the name of 'kind', which is not DPDK_VDPA_N_EVENT_KINDS. */
const char *dpdk_vdpa_event_kind_name(enum dpdk_vdpa_event_kind kind);

/* Adds an event that happened now, of a kind or DPDK_VDPA_N_EVENT_KINDS. */
void dpdk_vdpa_events_add(struct dpdk_vdpa_events *,
                          enum dpdk_vdpa_event_kind, const char *format, ...)
    OVS_PRINTF_FORMAT(3, 4);

/* Appends to 'out' a line per event, the oldest first. */
void dpdk_vdpa_events_format(const struct dpdk_vdpa_events *, struct ds *out);

#endif /* port/events.h */
