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

#include "port/events.h"

#include <stdarg.h>
#include <stdio.h>

#include "openvswitch/dynamic-string.h"
#include "timeval.h"
#include "util.h"

const char *
dpdk_vdpa_event_kind_name(enum dpdk_vdpa_event_kind kind)
{
    static const char *const names[DPDK_VDPA_N_EVENT_KINDS] = {
#define EVENT_KIND(ENUM, NAME, MEANING) [DPDK_VDPA_EVENT_##ENUM] = #NAME,
        DPDK_VDPA_EVENT_KINDS
#undef EVENT_KIND
    };

    return names[kind];
}

void
dpdk_vdpa_events_add(struct dpdk_vdpa_events *events,
                     enum dpdk_vdpa_event_kind kind, const char *format, ...)
{
    unsigned int i = events->n++ % DPDK_VDPA_MAX_EVENTS;
    va_list args;

    if (kind < DPDK_VDPA_N_EVENT_KINDS) {
        events->counts[kind]++;
    }
    events->ring[i].when = time_wall_msec();
    va_start(args, format);
    vsnprintf(events->ring[i].text, sizeof events->ring[i].text, format, args);
    va_end(args);
}

void
dpdk_vdpa_events_format(const struct dpdk_vdpa_events *events, struct ds *out)
{
    unsigned int n = MIN(events->n, DPDK_VDPA_MAX_EVENTS);

    for (unsigned int i = events->n - n; i != events->n; i++) {
        unsigned int j = i % DPDK_VDPA_MAX_EVENTS;

        ds_put_cstr(out, "    ");
        ds_put_strftime_msec(out, "%Y-%m-%d %H:%M:%S.###",
                             events->ring[j].when, false);
        ds_put_format(out, "  %s\n", events->ring[j].text);
    }
}
