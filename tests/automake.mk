# Unit tests (cmocka): "make check".  They need neither root nor hugepages.
unit_tests = \
	tests/unit/test-accelerator \
	tests/unit/test-apply \
	tests/unit/test-capture-port \
	tests/unit/test-chain \
	tests/unit/test-claim \
	tests/unit/test-connector \
	tests/unit/test-door \
	tests/unit/test-events \
	tests/unit/test-fault \
	tests/unit/test-files \
	tests/unit/test-frames \
	tests/unit/test-gate \
	tests/unit/test-guard \
	tests/unit/test-insert \
	tests/unit/test-layout \
	tests/unit/test-lro \
	tests/unit/test-merge \
	tests/unit/test-notes \
	tests/unit/test-numa \
	tests/unit/test-options \
	tests/unit/test-packet \
	tests/unit/test-policer \
	tests/unit/test-policing \
	tests/unit/test-port \
	tests/unit/test-port-guest \
	tests/unit/test-positions \
	tests/unit/test-relay \
	tests/unit/test-relay-turns \
	tests/unit/test-reset \
	tests/unit/test-restart \
	tests/unit/test-ring \
	tests/unit/test-ring-calls \
	tests/unit/test-steps \
	tests/unit/test-undo \
	tests/unit/test-vdpa \
	tests/unit/test-vf \
	tests/unit/test-walk \
	tests/unit/test-walk-chain \
	tests/unit/test-walk-threads

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
# Has a driver of its own, for which it needs the headers.
if BUILD_DRIVERS
check_PROGRAMS += tests/unit/test-served
TESTS += tests/unit/test-served
endif
endif

unit_LDADD = \
	$(ovs_builddir)/lib/libopenvswitch.la \
	$(CMOCKA_LIBS) $(DPDK_LIBS) $(NUMA_LIBS) $(OVS_LIBS)
unit_LINK = $(OVS_LINK) -o $@

# Of tests that reach into a port as nobody else may; clang checks the same
# sources where they are compiled for ovs-vswitchd.
unit_port_CFLAGS = $(AM_CFLAGS) -Wno-thread-safety

tests_unit_test_connector_SOURCES = tests/unit/test-connector.c \
	lib/vhost/connector.c
tests_unit_test_connector_LDADD = $(unit_LDADD)
tests_unit_test_connector_LINK = $(unit_LINK)

tests_unit_test_door_SOURCES = tests/unit/test-door.c \
	tests/unit/test-slow.h lib/vhost/book.c lib/vhost/door.c \
	lib/vhost/files.c lib/vhost/merge.c
tests_unit_test_door_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_door_LDADD = $(unit_LDADD)
tests_unit_test_door_LINK = $(unit_LINK)

tests_unit_test_files_SOURCES = tests/unit/test-files.c \
	tests/unit/test-slow.h lib/vhost/files.c
tests_unit_test_files_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_files_LDADD = $(unit_LDADD)
tests_unit_test_files_LINK = $(unit_LINK)

tests_unit_test_merge_SOURCES = tests/unit/test-merge.c lib/vhost/book.c \
	lib/vhost/files.c lib/vhost/merge.c
tests_unit_test_merge_LDADD = $(unit_LDADD)
tests_unit_test_merge_LINK = $(unit_LINK)

tests_unit_test_insert_SOURCES = tests/unit/test-insert.c lib/vhost/insert.c
tests_unit_test_insert_LDADD = $(unit_LDADD)
tests_unit_test_insert_LINK = $(unit_LINK)

# This one includes lib/vhost/layout.c, and has the vhost library.
tests_unit_test_layout_SOURCES = tests/unit/test-layout.c \
	tests/unit/test-eal.h lib/vhost/book.c lib/vhost/door.c \
	lib/vhost/files.c lib/vhost/insert.c lib/vhost/merge.c
tests_unit_test_layout_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_layout_LDADD = $(unit_LDADD)
tests_unit_test_layout_LINK = $(unit_LINK)

# This one includes lib/port/accelerator.c, and has the rest of lib/port/.
tests_unit_test_accelerator_SOURCES = tests/unit/test-accelerator.c
tests_unit_test_accelerator_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_accelerator_CFLAGS = $(unit_port_CFLAGS)
tests_unit_test_accelerator_LDADD = $(unit_LDADD)
tests_unit_test_accelerator_LINK = $(unit_LINK)

# And this one lib/port/apply.c.
tests_unit_test_apply_SOURCES = tests/unit/test-apply.c lib/port/features.c \
	lib/port/options.c
tests_unit_test_apply_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_apply_CFLAGS = $(unit_port_CFLAGS)
tests_unit_test_apply_LDADD = $(unit_LDADD)
tests_unit_test_apply_LINK = $(unit_LINK)

# And this one lib/port/claim.c.
tests_unit_test_claim_SOURCES = tests/unit/test-claim.c
tests_unit_test_claim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_claim_LDADD = $(unit_LDADD)
tests_unit_test_claim_LINK = $(unit_LINK)

tests_unit_test_events_SOURCES = tests/unit/test-events.c lib/port/events.c
tests_unit_test_events_LDADD = $(unit_LDADD)
tests_unit_test_events_LINK = $(unit_LINK)

tests_unit_test_fault_SOURCES = tests/unit/test-fault.c \
	tests/unit/test-needs.h lib/base/fault.c lib/vhost/mapping.c
tests_unit_test_fault_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_fault_LDADD = $(unit_LDADD)
tests_unit_test_fault_LINK = $(unit_LINK)

tests_unit_test_gate_SOURCES = tests/unit/test-gate.c
tests_unit_test_gate_LDADD = $(unit_LDADD)
tests_unit_test_gate_LINK = $(unit_LINK)

tests_unit_test_guard_SOURCES = tests/unit/test-guard.c \
	tests/unit/test-needs.h lib/vhost/book.c lib/vhost/files.c \
	lib/vhost/guard.c
tests_unit_test_guard_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_guard_LDADD = $(unit_LDADD)
tests_unit_test_guard_LINK = $(unit_LINK)

# This one includes lib/vhost/notes.c.
tests_unit_test_notes_SOURCES = tests/unit/test-notes.c
tests_unit_test_notes_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_notes_LDADD = $(unit_LDADD)
tests_unit_test_notes_LINK = $(unit_LINK)

tests_unit_test_numa_SOURCES = tests/unit/test-numa.c lib/port/numa.c
tests_unit_test_numa_LDADD = $(unit_LDADD)
tests_unit_test_numa_LINK = $(unit_LINK)

tests_unit_test_options_SOURCES = tests/unit/test-options.c \
	lib/port/features.c lib/port/options.c
tests_unit_test_options_LDADD = $(unit_LDADD)
tests_unit_test_options_LINK = $(unit_LINK)

tests_unit_test_policer_SOURCES = tests/unit/test-policer.c \
	tests/unit/test-eal.h lib/base/policer.c
tests_unit_test_policer_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_policer_LDADD = $(unit_LDADD)
tests_unit_test_policer_LINK = $(unit_LINK)

# This one includes lib/port/policing.c.
tests_unit_test_policing_SOURCES = tests/unit/test-policing.c \
	tests/unit/test-eal.h lib/base/policer.c
tests_unit_test_policing_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_policing_CFLAGS = $(unit_port_CFLAGS)
tests_unit_test_policing_LDADD = $(unit_LDADD)
tests_unit_test_policing_LINK = $(unit_LINK)

# This one includes lib/vhost/positions.c, with functions of its own in place
# of the vhost library's.
tests_unit_test_positions_SOURCES = tests/unit/test-positions.c \
	lib/vhost/book.c lib/vhost/undo.c
tests_unit_test_positions_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_positions_LDADD = $(unit_LDADD)
tests_unit_test_positions_LINK = $(unit_LINK)

# This one includes lib/port/port.c, and this one lib/port/guest.c.
tests_unit_test_port_SOURCES = tests/unit/test-port.c lib/dpdk-vdpa-relay.c \
	lib/base/packet.c lib/base/policer.c lib/port/policing.c \
	lib/port/events.c lib/port/features.c lib/port/options.c
tests_unit_test_port_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_port_CFLAGS = $(unit_port_CFLAGS)
tests_unit_test_port_LDADD = $(unit_LDADD)
tests_unit_test_port_LINK = $(unit_LINK)

tests_unit_test_port_guest_SOURCES = tests/unit/test-port-guest.c \
	lib/port/features.c
tests_unit_test_port_guest_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_port_guest_CFLAGS = $(unit_port_CFLAGS)
tests_unit_test_port_guest_LDADD = $(unit_LDADD)
tests_unit_test_port_guest_LINK = $(unit_LINK)

# These two include lib/dpdk-vdpa-relay.c.
tests_unit_test_relay_SOURCES = tests/unit/test-relay.c \
	tests/unit/relay-fixture.h tests/unit/test-eal.h lib/base/packet.c \
	lib/base/policer.c
tests_unit_test_relay_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_relay_LDADD = $(unit_LDADD)
tests_unit_test_relay_LINK = $(unit_LINK)

tests_unit_test_relay_turns_SOURCES = tests/unit/test-relay-turns.c \
	tests/unit/relay-fixture.h tests/unit/test-eal.h lib/base/packet.c \
	lib/base/policer.c
tests_unit_test_relay_turns_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_relay_turns_LDADD = $(unit_LDADD)
tests_unit_test_relay_turns_LINK = $(unit_LINK)

# These lib/vhost/ring.c.
ring_test_headers = tests/unit/ring-fixture.h tests/unit/test-eal.h \
	tests/unit/test-guest.h
tests_unit_test_ring_SOURCES = tests/unit/test-ring.c $(ring_test_headers)
tests_unit_test_ring_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_ring_LDADD = $(unit_LDADD)
tests_unit_test_ring_LINK = $(unit_LINK)

tests_unit_test_ring_calls_SOURCES = tests/unit/test-ring-calls.c \
	$(ring_test_headers)
tests_unit_test_ring_calls_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_ring_calls_LDADD = $(unit_LDADD)
tests_unit_test_ring_calls_LINK = $(unit_LINK)

# This one includes both, and lib/vhost/chain.c.
tests_unit_test_chain_SOURCES = tests/unit/test-chain.c \
	$(ring_test_headers) lib/base/packet.c lib/base/segment.c
tests_unit_test_chain_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_chain_LDADD = $(unit_LDADD)
tests_unit_test_chain_LINK = $(unit_LINK)

tests_unit_test_packet_SOURCES = tests/unit/test-packet.c \
	tests/unit/test-eal.h lib/base/packet.c lib/base/segment.c
tests_unit_test_packet_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_packet_LDADD = $(unit_LDADD)
tests_unit_test_packet_LINK = $(unit_LINK)

# These three have the vhost library and all of lib/vhost/.
vhost_sources = \
	lib/base/fault.c \
	lib/base/packet.c \
	lib/base/segment.c \
	lib/vhost/book.c \
	lib/vhost/chain.c \
	lib/vhost/connector.c \
	lib/vhost/door.c \
	lib/vhost/files.c \
	lib/vhost/guard.c \
	lib/vhost/insert.c \
	lib/vhost/interrupt.c \
	lib/vhost/layout.c \
	lib/vhost/lro.c \
	lib/vhost/offer.c \
	lib/vhost/mapping.c \
	lib/vhost/merge.c \
	lib/vhost/notes.c \
	lib/vhost/positions.c \
	lib/vhost/reset.c \
	lib/vhost/ring.c \
	lib/vhost/session.c \
	lib/vhost/undo.c \
	lib/vhost/vm.c \
	lib/vhost/walk.c
tests_unit_test_reset_SOURCES = tests/unit/test-reset.c \
	tests/unit/test-eal.h tests/unit/test-front.h \
	tests/unit/test-messages.h $(vhost_sources)
tests_unit_test_reset_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_reset_LDADD = $(unit_LDADD)
tests_unit_test_reset_LINK = $(unit_LINK)

tests_unit_test_restart_SOURCES = tests/unit/test-restart.c \
	tests/unit/test-eal.h tests/unit/test-messages.h $(vhost_sources)
tests_unit_test_restart_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_restart_LDADD = $(unit_LDADD)
tests_unit_test_restart_LINK = $(unit_LINK)

tests_unit_test_served_SOURCES = tests/unit/test-served.c \
	tests/unit/test-eal.h tests/unit/test-front.h \
	tests/unit/test-messages.h lib/accel/vdpa.c $(vhost_sources)
tests_unit_test_served_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) \
	$(DPDK_SDK_CPPFLAGS) -DALLOW_INTERNAL_API
tests_unit_test_served_LDADD = $(unit_LDADD)
tests_unit_test_served_LINK = $(unit_LINK)

# This one includes lib/accel/vdpa.c; with the headers for drivers it compares
# private layouts.
tests_unit_test_vdpa_SOURCES = tests/unit/test-vdpa.c
tests_unit_test_vdpa_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) \
	$(DPDK_SDK_CPPFLAGS) -DALLOW_INTERNAL_API
tests_unit_test_vdpa_LDADD = $(unit_LDADD)
tests_unit_test_vdpa_LINK = $(unit_LINK)

tests_unit_test_capture_port_SOURCES = tests/unit/test-capture-port.c \
	tests/unit/test-eal.h lib/base/frames.c lib/base/segment.c \
	lib/port/capture-port.c lib/port/copies.c
tests_unit_test_capture_port_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_capture_port_LDADD = $(unit_LDADD)
tests_unit_test_capture_port_LINK = $(unit_LINK)

tests_unit_test_frames_SOURCES = tests/unit/test-frames.c lib/base/frames.c \
	lib/base/segment.c
tests_unit_test_frames_LDADD = $(unit_LDADD)
tests_unit_test_frames_LINK = $(unit_LINK)

tests_unit_test_lro_SOURCES = tests/unit/test-lro.c tests/unit/test-eal.h \
	lib/vhost/lro.c
tests_unit_test_lro_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_lro_LDADD = $(unit_LDADD)
tests_unit_test_lro_LINK = $(unit_LINK)

# And this one lib/accel/vf.c.
# This one includes lib/vhost/positions.c, too.
tests_unit_test_steps_SOURCES = tests/unit/test-steps.c \
	tests/unit/test-eal.h tests/unit/test-needs.h \
	lib/base/packet.c lib/base/segment.c lib/vhost/book.c \
	lib/vhost/chain.c lib/vhost/ring.c lib/vhost/undo.c
tests_unit_test_steps_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_steps_LDADD = $(unit_LDADD)
tests_unit_test_steps_LINK = $(unit_LINK)

tests_unit_test_undo_SOURCES = tests/unit/test-undo.c \
	tests/unit/test-eal.h lib/vhost/ring.c lib/vhost/undo.c
tests_unit_test_undo_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_undo_LDADD = $(unit_LDADD)
tests_unit_test_undo_LINK = $(unit_LINK)

tests_unit_test_vf_SOURCES = tests/unit/test-vf.c
tests_unit_test_vf_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_vf_LDADD = $(unit_LDADD)
tests_unit_test_vf_LINK = $(unit_LINK)

# And these lib/vhost/walk.c, with functions of its own in place of the
# vhost library's.
walk_test_sources = tests/unit/walk-fixture.h tests/unit/test-eal.h \
	tests/unit/test-guest.h tests/unit/test-needs.h \
	lib/base/packet.c lib/base/segment.c \
	lib/vhost/book.c lib/vhost/chain.c lib/vhost/interrupt.c \
	lib/vhost/ring.c lib/vhost/undo.c
tests_unit_test_walk_SOURCES = tests/unit/test-walk.c $(walk_test_sources)
tests_unit_test_walk_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_walk_LDADD = $(unit_LDADD)
tests_unit_test_walk_LINK = $(unit_LINK)

tests_unit_test_walk_chain_SOURCES = tests/unit/test-walk-chain.c \
	$(walk_test_sources)
tests_unit_test_walk_chain_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_walk_chain_LDADD = $(unit_LDADD)
tests_unit_test_walk_chain_LINK = $(unit_LINK)

tests_unit_test_walk_threads_SOURCES = tests/unit/test-walk-threads.c \
	$(walk_test_sources)
tests_unit_test_walk_threads_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_walk_threads_LDADD = $(unit_LDADD)
tests_unit_test_walk_threads_LINK = $(unit_LINK)

# The order of memory accesses, if herd7 is there.
TESTS += tests/litmus/test-litmus.sh
EXTRA_DIST += \
	tests/litmus/eventfd-exchange.litmus \
	tests/litmus/gate-close.litmus \
	tests/litmus/gate-open.litmus \
	tests/litmus/gate-shut-from-inside.litmus \
	tests/litmus/packed-descriptor.litmus \
	tests/litmus/packed-event.litmus \
	tests/litmus/ring-available.litmus \
	tests/litmus/ring-call.litmus \
	tests/litmus/ring-used.litmus \
	tests/litmus/test-litmus.sh

# How the results of Open vSwitch's own tests are counted, and what is printed of
# system tests that failed.
counting_tests = tests/unit/test-failures.sh tests/unit/test-ovs-tests.sh
TESTS += $(counting_tests)
EXTRA_DIST += $(counting_tests)

# Where the header files of DPDK's drivers come from.
TESTS += tests/unit/test-dpdk-headers.sh
EXTRA_DIST += tests/unit/test-dpdk-headers.sh

include tests/system.mk
include tests/checks.mk
