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

/* Unit tests of the watchdog over lanes, with scripted counters. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/port/watch.c"

static struct vdpa_port port;
static char something;          /* To point at, for ends that are there. */

/* What is there. */
static struct dpdk_vdpa_counters counters[DPDK_VDPA_N_DIRECTIONS];
static bool guest_has_packets;
static bool another_is_first;   /* Of the guest's queues, at the VF's. */
static enum netdev_flags rep_flags;

/* What happened. */
static struct ds events = DS_EMPTY_INITIALIZER;
static unsigned int n_of_kind[DPDK_VDPA_N_EVENT_KINDS];
static bool backoff;            /* Of the lane from the guest. */

/* The relay and its ends. */

const struct vdpa_direction vdpa_directions[DPDK_VDPA_N_DIRECTIONS] = {
    [DPDK_VDPA_VM_TO_VF] = { "vm", "vf", "" },
    [DPDK_VDPA_VF_TO_VM] = { "vf", "vm", "" },
};

void
vdpa_lending_update(struct vdpa_port *p OVS_UNUSED)
{
}

unsigned int
dpdk_vdpa_relay_n_lanes(const struct dpdk_vdpa_relay *relay OVS_UNUSED)
{
    return 1;
}

void
dpdk_vdpa_relay_add_counters(const struct dpdk_vdpa_relay *relay OVS_UNUSED,
                             enum dpdk_vdpa_direction dir,
                             unsigned int lane OVS_UNUSED,
                             struct dpdk_vdpa_counters *sum)
{
    *sum = counters[dir];
}

void
dpdk_vdpa_relay_set_backoff(struct dpdk_vdpa_relay *relay OVS_UNUSED,
                            enum dpdk_vdpa_direction dir,
                            unsigned int lane OVS_UNUSED, bool backoff_)
{
    if (dir == DPDK_VDPA_VM_TO_VF) {
        backoff = backoff_;
    }
}

bool
dpdk_vdpa_relay_waits_its_turn(const struct dpdk_vdpa_relay *relay OVS_UNUSED,
                               unsigned int pair OVS_UNUSED)
{
    return another_is_first;
}

uint64_t
vdpa_total_drops(const struct dpdk_vdpa_counters *c OVS_UNUSED)
{
    return 0;
}

bool
dpdk_vdpa_vm_has_packets(const struct dpdk_vdpa_vm *vm OVS_UNUSED,
                         unsigned int pair OVS_UNUSED)
{
    return guest_has_packets;
}

bool
dpdk_vdpa_vm_is_up(const struct dpdk_vdpa_vm *vm OVS_UNUSED)
{
    return true;
}

void
dpdk_vdpa_vm_get_enabled(const struct dpdk_vdpa_vm *vm OVS_UNUSED,
                         bool *enabled OVS_UNUSED, unsigned int n OVS_UNUSED)
{
}

void
dpdk_vdpa_vf_set_rss(struct dpdk_vdpa_vf *vf OVS_UNUSED,
                     const bool *enabled OVS_UNUSED, unsigned int n OVS_UNUSED)
{
}

unsigned int
dpdk_vdpa_pool_sweep(void)
{
    return 0;
}

/* The port. */

static int
base_update_flags(struct netdev *n OVS_UNUSED,
                  enum netdev_flags off OVS_UNUSED,
                  enum netdev_flags on OVS_UNUSED, enum netdev_flags *old)
{
    *old = rep_flags;
    return 0;
}

static const struct netdev_class base = { .update_flags = base_update_flags };
const struct netdev_class *vdpa_base_class = &base;

void
vdpa_port_for_each(void (*cb)(struct vdpa_port *, void *aux), void *aux)
{
    cb(&port, aux);
}

void
vdpa_port_event(struct vdpa_port *p OVS_UNUSED, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    ds_put_format_valist(&events, format, args);
    ds_put_char(&events, '\n');
    va_end(args);
}

void
vdpa_port_event_of(struct vdpa_port *p OVS_UNUSED,
                   enum dpdk_vdpa_event_kind kind, const char *format, ...)
{
    va_list args;

    n_of_kind[kind]++;
    va_start(args, format);
    ds_put_format_valist(&events, format, args);
    ds_put_char(&events, '\n');
    va_end(args);
}

void
vdpa_port_tell_again(struct vdpa_port *p OVS_UNUSED,
                     long long int now OVS_UNUSED)
{
}

bool
vdpa_port_device_is_up(const struct vdpa_port *p)
{
    return p->vf;
}

bool
vdpa_accelerator_is_whole(const struct vdpa_port *p OVS_UNUSED)
{
    return true;
}

bool
vdpa_accelerator_is_absent(const struct vdpa_port *p OVS_UNUSED)
{
    return false;
}

bool
vdpa_accelerator_repair(struct vdpa_port *p OVS_UNUSED)
{
    return true;
}

bool
vdpa_guest_is_whole(const struct vdpa_port *p OVS_UNUSED)
{
    return true;
}

bool
vdpa_guest_repair(struct vdpa_port *p OVS_UNUSED)
{
    return true;
}

void
vdpa_guest_wait(const struct vdpa_port *p OVS_UNUSED)
{
}

void
vdpa_rxqs_wait(const struct vdpa_port *p OVS_UNUSED)
{
}

bool
dpdk_vdpa_connector_is_served(const char *path OVS_UNUSED)
{
    return false;
}

void
dpdk_vdpa_notes_sweep(bool (*is_served)(const char *) OVS_UNUSED)
{
}

void
vdpa_port_wake_run(void)
{
}

void
vdpa_port_wake_wait(void)
{
}

#define NOT_HERE(FUNCTION)                      \
    void                                        \
    FUNCTION(struct vdpa_port *p OVS_UNUSED)    \
    {                                           \
    }

NOT_HERE(vdpa_accelerator_adapt_lro)
NOT_HERE(vdpa_accelerator_adapt_pairs)
NOT_HERE(vdpa_accelerator_check)
NOT_HERE(vdpa_accelerator_check_switch)
NOT_HERE(vdpa_guest_admin_changed)
NOT_HERE(vdpa_guest_run)
NOT_HERE(vdpa_observe_check_capture)
NOT_HERE(vdpa_observe_check_macs)
NOT_HERE(vdpa_port_tell_change)
NOT_HERE(vdpa_port_update_relay)
NOT_HERE(vdpa_rxqs_look)
NOT_HERE(vdpa_rxqs_run)

/* Tests. */

/* Lets the watchdog look at a port whose lanes stall after 1 ms, when that has
 * passed since it has last done so, and compares what it says with 'expected',
 * with a new line at the end. */
static void
look(const char *expected)
{
    long long int last = time_msec();

    while (time_msec() < last + 2) {
        continue;
    }
    port.next_link_check = 0;
    ds_clear(&events);
    vdpa_watch_run();
    assert_string_equal(ds_cstr(&events), expected);
}

#define STALLED "queue pair 0 from vm is stalled: "
#define MOVES "queue pair 0 from vm moves again\n"
#define BAD                                                             \
    STALLED "the guest's queue shows packets but gives none, as with "  \
    "a bad descriptor\n"

/* All ports are looked at at the same moments, so that the main thread wakes up
 * for them once. */
static void
test_together(void **state OVS_UNUSED)
{
    long long int before = time_msec();

    look("");
    assert_int_equal(port.next_link_check % LINK_CHECK_INTERVAL, 0);
    assert_true(port.next_link_check > before
                && (port.next_link_check
                    <= time_msec() + LINK_CHECK_INTERVAL));
}

static void
test_moves(void **state OVS_UNUSED)
{
    guest_has_packets = true;
    for (int i = 0; i < 3; i++) {
        look("");
        counters[DPDK_VDPA_VM_TO_VF].rx_packets++;
    }
    /* It may well be idle. */
    guest_has_packets = false;
    look("");
    look("");
}

static void
test_bad_ring(void **state OVS_UNUSED)
{
    unsigned int n = n_of_kind[DPDK_VDPA_EVENT_STALLED];

    guest_has_packets = true;
    look("");
    look(BAD);
    assert_true(backoff);
    assert_int_equal(n_of_kind[DPDK_VDPA_EVENT_STALLED], n + 1);
    look("");
    counters[DPDK_VDPA_VM_TO_VF].rx_packets++;
    look(MOVES);
    assert_false(backoff);
}

/* What has come since the last look has had no time to move. */
static void
test_just_come(void **state OVS_UNUSED)
{
    look("");
    counters[DPDK_VDPA_VF_TO_VM].pending = 1;
    guest_has_packets = true;
    look("");
    counters[DPDK_VDPA_VF_TO_VM].pending = 0;
    counters[DPDK_VDPA_VM_TO_VF].rx_packets++;
    look("");
}

static void
test_port_down(void **state OVS_UNUSED)
{
    rep_flags = 0;
    guest_has_packets = true;
    look("port is set down\n");
    look("");
    rep_flags = NETDEV_UP;
    look("port is set up\n");
    look(BAD);
}

/* A ring that waited for the VF is not bad for that, but may be. */
static void
test_no_vf(void **state OVS_UNUSED)
{
    struct dpdk_vdpa_vf *vf = port.vf;

    guest_has_packets = true;
    port.vf = NULL;
    look("VF link is down\n");
    look(STALLED "there is no VF\n");
    assert_false(backoff);
    port.vf = vf;
    look("VF link is up\n");
    assert_false(backoff);
    look(BAD);
    assert_true(backoff);
}

/* A ring that has to wait for another one, which waits for the VF, is not
 * bad. */
static void
test_waits_its_turn(void **state OVS_UNUSED)
{
    guest_has_packets = true;
    another_is_first = true;
    look("");
    look(STALLED "the VF takes nothing\n");
    assert_false(backoff);
    another_is_first = false;
    look("");
    look(BAD);
    assert_true(backoff);
}

static void
test_stuck_ends(void **state OVS_UNUSED)
{
    counters[DPDK_VDPA_VM_TO_VF].pending = 1;
    counters[DPDK_VDPA_VF_TO_VM].pending = 1;
    look("");
    look(STALLED "the VF takes nothing\n"
         "queue pair 0 from vf is stalled: the guest takes nothing\n");
    assert_false(backoff);
    port.options.stall_timeout = 0;
    counters[DPDK_VDPA_VM_TO_VF].pending = 0;
    counters[DPDK_VDPA_VF_TO_VM].pending = 0;
    look(MOVES "queue pair 0 from vf moves again\n");
    counters[DPDK_VDPA_VM_TO_VF].pending = 1;
    look("");
    look("");
}

static int
setup(void **state OVS_UNUSED)
{
    memset(&port, 0, sizeof port);
    memset(counters, 0, sizeof counters);
    another_is_first = false;
    ovs_mutex_init(&port.mutex);
    port.vf = (struct dpdk_vdpa_vf *) &something;
    port.vm = (struct dpdk_vdpa_vm *) &something;
    port.admin_up = true;
    port.link_up = true;
    port.options.stall_timeout = 1;
    rep_flags = NETDEV_UP;
    guest_has_packets = false;
    backoff = false;
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    ovs_mutex_destroy(&port.mutex);
    ds_destroy(&events);
    ds_init(&events);
    return 0;
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_together),
        TEST(test_moves),
        TEST(test_bad_ring),
        TEST(test_just_come),
        TEST(test_port_down),
        TEST(test_no_vf),
        TEST(test_waits_its_turn),
        TEST(test_stuck_ends),
    };

    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
