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

/* Unit tests of the list of recent events. */

#include <config.h>

#include "port/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

static unsigned int
count_lines(const struct ds *ds)
{
    unsigned int n = 0;

    for (size_t i = 0; i < ds->length; i++) {
        n += ds->string[i] == '\n';
    }
    return n;
}

static void
test_events(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_events events;
    struct ds out = DS_EMPTY_INITIALIZER;
    char *oldest, *newest;

    memset(&events, 0, sizeof events);
    dpdk_vdpa_events_format(&events, &out);
    assert_int_equal(out.length, 0);

    for (int i = 0; i < DPDK_VDPA_MAX_EVENTS + 3; i++) {
        dpdk_vdpa_events_add(&events, DPDK_VDPA_N_EVENT_KINDS, "event <%d>",
                             i);
    }
    dpdk_vdpa_events_format(&events, &out);
    assert_int_equal(count_lines(&out), DPDK_VDPA_MAX_EVENTS);
    assert_null(strstr(ds_cstr(&out), "event <2>"));
    oldest = strstr(ds_cstr(&out), "event <3>");
    newest = strstr(ds_cstr(&out), "event <34>");
    assert_non_null(oldest);
    assert_non_null(newest);
    assert_true(oldest < newest);
    ds_destroy(&out);
}

/* Those of a kind are counted, each by itself, however many are kept. */
static void
test_kinds(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_events events;

    memset(&events, 0, sizeof events);
    for (int i = 0; i < DPDK_VDPA_MAX_EVENTS + 3; i++) {
        dpdk_vdpa_events_add(&events, DPDK_VDPA_EVENT_STALLED, "stalled");
        dpdk_vdpa_events_add(&events, DPDK_VDPA_N_EVENT_KINDS, "other");
    }
    dpdk_vdpa_events_add(&events, DPDK_VDPA_EVENT_LINK_CHANGED, "link");
    for (int i = 0; i < DPDK_VDPA_N_EVENT_KINDS; i++) {
        assert_int_equal(events.counts[i],
                         i == DPDK_VDPA_EVENT_STALLED
                         ? DPDK_VDPA_MAX_EVENTS + 3
                         : i == DPDK_VDPA_EVENT_LINK_CHANGED);
    }
    assert_int_equal(events.n, 2 * (DPDK_VDPA_MAX_EVENTS + 3) + 1);
    assert_string_equal(dpdk_vdpa_event_kind_name(DPDK_VDPA_EVENT_CONNECTED),
                        "connected");
    assert_string_equal(
        dpdk_vdpa_event_kind_name(DPDK_VDPA_N_EVENT_KINDS - 1),
        "link_changed");
}

static void
test_long_event(void **state OVS_UNUSED)
{
    struct ds out = DS_EMPTY_INITIALIZER;
    struct dpdk_vdpa_events events;
    char text[2 * DPDK_VDPA_EVENT_LEN];

    memset(&events, 0, sizeof events);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    dpdk_vdpa_events_add(&events, DPDK_VDPA_N_EVENT_KINDS, "%s", text);
    dpdk_vdpa_events_format(&events, &out);
    assert_int_equal(count_lines(&out), 1);
    ds_destroy(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_long_event),
    };

    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
