# Unit tests (cmocka): "make check".  They need neither root nor hugepages.
unit_tests = \
	tests/unit/test-accelerator \
	tests/unit/test-accelerator-vf \
	tests/unit/test-apply \
	tests/unit/test-capture-port \
	tests/unit/test-chain \
	tests/unit/test-claim \
	tests/unit/test-connector \
	tests/unit/test-dmas \
	tests/unit/test-dmas-rings \
	tests/unit/test-door \
	tests/unit/test-events \
	tests/unit/test-fault \
	tests/unit/test-files \
	tests/unit/test-frames \
	tests/unit/test-gate \
	tests/unit/test-guard \
	tests/unit/test-insert \
	tests/unit/test-kicks \
	tests/unit/test-layout \
	tests/unit/test-lend \
	tests/unit/test-lending \
	tests/unit/test-lines \
	tests/unit/test-lro \
	tests/unit/test-merge \
	tests/unit/test-notes \
	tests/unit/test-numa \
	tests/unit/test-options \
	tests/unit/test-packet \
	tests/unit/test-policer \
	tests/unit/test-policing \
	tests/unit/test-pool \
	tests/unit/test-port \
	tests/unit/test-port-guest \
	tests/unit/test-port-lending \
	tests/unit/test-positions \
	tests/unit/test-relay \
	tests/unit/test-relay-changes \
	tests/unit/test-relay-rest \
	tests/unit/test-relay-turns \
	tests/unit/test-reset \
	tests/unit/test-restart \
	tests/unit/test-ring \
	tests/unit/test-ring-calls \
	tests/unit/test-scatter \
	tests/unit/test-rxqs \
	tests/unit/test-sleep \
	tests/unit/test-steps \
	tests/unit/test-telemetry \
	tests/unit/test-undo \
	tests/unit/test-vdpa \
	tests/unit/test-vf \
	tests/unit/test-vf-lent \
	tests/unit/test-vf-wakes \
	tests/unit/test-vswitchd \
	tests/unit/test-walk \
	tests/unit/test-walk-chain \
	tests/unit/test-walk-kicks \
	tests/unit/test-walk-lend \
	tests/unit/test-walk-threads \
	tests/unit/test-watch

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
# Has a driver of its own, for which it needs the headers.
if BUILD_DRIVERS
check_PROGRAMS += tests/unit/test-served
TESTS += tests/unit/test-served
endif
endif

# What is linked is a unit test, if nothing else is said: so each of them has its
# sources here and no more, and what is compiled for ovs-vswitchd is not compiled
# again.
LDADD = \
	$(ovs_builddir)/lib/libopenvswitch.la \
	$(CMOCKA_LIBS) $(DPDK_LIBS) $(NUMA_LIBS) $(OVS_LIBS)

# Of tests that reach into a port as nobody else may; clang checks the same
# sources where they are compiled for ovs-vswitchd.
unit_port_CFLAGS = $(AM_CFLAGS) -Wno-thread-safety

# What a test includes itself is not named here.
dmas_sources = lib/accel/dma.c lib/port/dmas.c
tests_unit_test_accelerator_SOURCES = tests/unit/test-accelerator.c \
	$(dmas_sources)
tests_unit_test_accelerator_CFLAGS = $(unit_port_CFLAGS)
tests_unit_test_accelerator_vf_SOURCES = tests/unit/test-accelerator-vf.c \
	$(dmas_sources)
tests_unit_test_accelerator_vf_CFLAGS = $(unit_port_CFLAGS)

tests_unit_test_apply_SOURCES = tests/unit/test-apply.c $(dmas_sources) \
	lib/port/features.c lib/port/options.c
tests_unit_test_apply_CFLAGS = $(unit_port_CFLAGS)

tests_unit_test_capture_port_SOURCES = tests/unit/test-capture-port.c \
	lib/base/frames.c lib/base/segment.c lib/port/capture-port.c \
	lib/port/copies.c

tests_unit_test_chain_SOURCES = tests/unit/test-chain.c \
	lib/base/packet.c lib/base/segment.c lib/vhost/ahead.c

tests_unit_test_connector_SOURCES = tests/unit/test-connector.c \
	lib/vhost/connector.c

tests_unit_test_dmas_SOURCES = tests/unit/test-dmas.c $(dmas_sources)

tests_unit_test_dmas_rings_SOURCES = tests/unit/test-dmas-rings.c \
	lib/base/packet.c lib/base/segment.c lib/vhost/book.c \
	lib/vhost/lro.c

tests_unit_test_door_SOURCES = tests/unit/test-door.c lib/vhost/book.c \
	lib/vhost/door.c lib/vhost/files.c lib/vhost/merge.c

tests_unit_test_events_SOURCES = tests/unit/test-events.c lib/port/events.c

tests_unit_test_fault_SOURCES = tests/unit/test-fault.c lib/base/fault.c \
	lib/vhost/mapping.c

tests_unit_test_files_SOURCES = tests/unit/test-files.c lib/vhost/files.c

tests_unit_test_frames_SOURCES = tests/unit/test-frames.c \
	lib/base/frames.c lib/base/segment.c

tests_unit_test_guard_SOURCES = tests/unit/test-guard.c lib/vhost/book.c \
	lib/vhost/files.c lib/vhost/guard.c

tests_unit_test_insert_SOURCES = tests/unit/test-insert.c lib/vhost/insert.c

tests_unit_test_kicks_SOURCES = tests/unit/test-kicks.c lib/base/packet.c \
	lib/base/wake.c

tests_unit_test_layout_SOURCES = tests/unit/test-layout.c lib/vhost/book.c \
	lib/vhost/door.c lib/vhost/files.c lib/vhost/insert.c \
	lib/vhost/merge.c

tests_unit_test_lend_SOURCES = tests/unit/test-lend.c lib/vhost/lend.c

tests_unit_test_lending_SOURCES = tests/unit/test-lending.c \
	lib/base/packet.c lib/base/segment.c lib/vhost/ahead.c \
	lib/vhost/lend.c lib/vhost/lending.c

tests_unit_test_lro_SOURCES = tests/unit/test-lro.c lib/vhost/lro.c

tests_unit_test_merge_SOURCES = tests/unit/test-merge.c lib/vhost/book.c \
	lib/vhost/files.c lib/vhost/merge.c

tests_unit_test_numa_SOURCES = tests/unit/test-numa.c lib/port/numa.c

tests_unit_test_options_SOURCES = tests/unit/test-options.c $(dmas_sources) \
	lib/port/features.c lib/port/options.c

tests_unit_test_packet_SOURCES = tests/unit/test-packet.c \
	lib/base/packet.c lib/base/segment.c

tests_unit_test_policer_SOURCES = tests/unit/test-policer.c \
	lib/base/policer.c

tests_unit_test_policing_SOURCES = tests/unit/test-policing.c \
	lib/base/policer.c
tests_unit_test_policing_CFLAGS = $(unit_port_CFLAGS)

tests_unit_test_port_SOURCES = tests/unit/test-port.c lib/dpdk-vdpa-relay.c \
	lib/base/packet.c lib/base/policer.c lib/port/policing.c \
	lib/base/wake.c lib/port/events.c lib/port/features.c \
	lib/port/options.c lib/relay/assign.c lib/relay/rest.c \
	$(dmas_sources)
tests_unit_test_port_CFLAGS = $(unit_port_CFLAGS)

tests_unit_test_port_guest_SOURCES = tests/unit/test-port-guest.c \
	lib/port/features.c
tests_unit_test_port_guest_CFLAGS = $(unit_port_CFLAGS)
tests_unit_test_port_lending_CFLAGS = $(unit_port_CFLAGS)

tests_unit_test_positions_SOURCES = tests/unit/test-positions.c \
	lib/vhost/book.c lib/vhost/undo.c

relay_test_sources = lib/base/packet.c lib/base/policer.c lib/base/wake.c \
	lib/relay/assign.c lib/relay/rest.c
tests_unit_test_lines_SOURCES = tests/unit/test-lines.c \
	lib/dpdk-vdpa-relay.c $(relay_test_sources)
tests_unit_test_relay_SOURCES = tests/unit/test-relay.c $(relay_test_sources)
tests_unit_test_relay_changes_SOURCES = tests/unit/test-relay-changes.c \
	$(relay_test_sources)
tests_unit_test_relay_rest_SOURCES = tests/unit/test-relay-rest.c \
	$(relay_test_sources)
tests_unit_test_relay_turns_SOURCES = tests/unit/test-relay-turns.c \
	$(relay_test_sources)

tests_unit_test_rxqs_CFLAGS = $(unit_port_CFLAGS)

# These have the vhost library and all of lib/vhost/.
vhost_sources = \
	lib/base/fault.c \
	lib/base/packet.c \
	lib/base/segment.c \
	lib/base/wake.c \
	lib/vhost/ahead.c \
	lib/vhost/book.c \
	lib/vhost/calls.c \
	lib/vhost/chain.c \
	lib/vhost/connector.c \
	lib/vhost/dmas.c \
	lib/vhost/door.c \
	lib/vhost/files.c \
	lib/vhost/guard.c \
	lib/vhost/insert.c \
	lib/vhost/interrupt.c \
	lib/vhost/kicks.c \
	lib/vhost/layout.c \
	lib/vhost/lend.c \
	lib/vhost/lending.c \
	lib/vhost/lro.c \
	lib/vhost/offer.c \
	lib/vhost/mapping.c \
	lib/vhost/merge.c \
	lib/vhost/notes.c \
	lib/vhost/peek.c \
	lib/vhost/positions.c \
	lib/vhost/recall.c \
	lib/vhost/reset.c \
	lib/vhost/ring.c \
	lib/vhost/scatter.c \
	lib/vhost/session.c \
	lib/vhost/undo.c \
	lib/vhost/vm.c \
	lib/vhost/walk.c
tests_unit_test_reset_SOURCES = tests/unit/test-reset.c $(vhost_sources)
tests_unit_test_restart_SOURCES = tests/unit/test-restart.c $(vhost_sources)
tests_unit_test_scatter_SOURCES = tests/unit/test-scatter.c lib/base/packet.c \
	lib/vhost/scatter.c
tests_unit_test_served_SOURCES = tests/unit/test-served.c $(vhost_sources) \
	lib/accel/vdpa.c
# With the headers for drivers.
tests_unit_test_served_CPPFLAGS = $(AM_CPPFLAGS) $(unit_driver_CPPFLAGS)
# Compares private layouts.
tests_unit_test_vdpa_CPPFLAGS = $(AM_CPPFLAGS) $(unit_driver_CPPFLAGS)
unit_driver_CPPFLAGS = $(DPDK_SDK_CPPFLAGS) -DALLOW_INTERNAL_API

tests_unit_test_ring_SOURCES = tests/unit/test-ring.c lib/base/packet.c
tests_unit_test_ring_calls_SOURCES = tests/unit/test-ring-calls.c \
	lib/base/packet.c

tests_unit_test_sleep_SOURCES = tests/unit/test-sleep.c lib/base/wake.c

vf_test_sources = lib/accel/pool.c lib/accel/vf-lent.c \
	lib/accel/vf-wakes.c lib/base/wake.c lib/vhost/lend.c
tests_unit_test_vf_SOURCES = tests/unit/test-vf.c $(vf_test_sources)
tests_unit_test_vf_wakes_SOURCES = tests/unit/test-vf-wakes.c \
	$(vf_test_sources)

tests_unit_test_steps_SOURCES = tests/unit/test-steps.c lib/base/packet.c \
	lib/base/segment.c lib/vhost/ahead.c lib/vhost/book.c \
	lib/vhost/chain.c lib/vhost/ring.c lib/vhost/scatter.c lib/vhost/undo.c

tests_unit_test_telemetry_SOURCES = tests/unit/test-telemetry.c \
	lib/port/events.c lib/port/figures.c
tests_unit_test_telemetry_CFLAGS = $(unit_port_CFLAGS)

tests_unit_test_undo_SOURCES = tests/unit/test-undo.c lib/base/packet.c \
	lib/vhost/ring.c lib/vhost/undo.c

walk_lend_test_sources = lib/base/packet.c lib/base/segment.c lib/base/wake.c \
	lib/vhost/ahead.c lib/vhost/book.c lib/vhost/calls.c \
	lib/vhost/chain.c lib/vhost/interrupt.c lib/vhost/kicks.c \
	lib/vhost/lend.c lib/vhost/lending.c lib/vhost/lro.c \
	lib/vhost/ring.c lib/vhost/scatter.c lib/vhost/undo.c
walk_test_sources = $(walk_lend_test_sources) lib/vhost/recall.c
tests_unit_test_walk_SOURCES = tests/unit/test-walk.c $(walk_test_sources)
tests_unit_test_walk_chain_SOURCES = tests/unit/test-walk-chain.c \
	$(walk_test_sources)
tests_unit_test_walk_kicks_SOURCES = tests/unit/test-walk-kicks.c \
	$(walk_test_sources)
tests_unit_test_walk_lend_SOURCES = tests/unit/test-walk-lend.c \
	$(walk_lend_test_sources)
tests_unit_test_walk_threads_SOURCES = tests/unit/test-walk-threads.c \
	$(walk_test_sources)

tests_unit_test_watch_CFLAGS = $(unit_port_CFLAGS)

EXTRA_DIST += \
	tests/unit/accelerator-fixture.h \
	tests/unit/relay-fixture.h \
	tests/unit/ring-fixture.h \
	tests/unit/test-closed.h \
	tests/unit/test-eal.h \
	tests/unit/test-fake-port.h \
	tests/unit/test-front.h \
	tests/unit/test-guest.h \
	tests/unit/test-messages.h \
	tests/unit/test-needs.h \
	tests/unit/test-offer.h \
	tests/unit/test-slow.h \
	tests/unit/walk-fixture.h

# The order of memory accesses, if herd7 is there.
TESTS += tests/litmus/test-litmus.sh
EXTRA_DIST += \
	tests/litmus/eventfd-exchange.litmus \
	tests/litmus/gate-close.litmus \
	tests/litmus/gate-open.litmus \
	tests/litmus/gate-shut-from-inside.litmus \
	tests/litmus/lent-freed.litmus \
	tests/litmus/packed-descriptor.litmus \
	tests/litmus/packed-event.litmus \
	tests/litmus/ring-available.litmus \
	tests/litmus/ring-call.litmus \
	tests/litmus/ring-kick.litmus \
	tests/litmus/ring-used.litmus \
	tests/litmus/test-litmus.sh

# How the results of Open vSwitch's own tests are counted, and what is printed of
# system tests that failed.
counting_tests = tests/unit/test-failures.sh tests/unit/test-ovs-tests.sh
TESTS += $(counting_tests)
EXTRA_DIST += $(counting_tests)

# What system tests know of processes and logs.
TESTS += tests/unit/test-util.sh
EXTRA_DIST += tests/unit/test-util.sh

# What runs in a virtual machine with PCI devices.
EXTRA_DIST += \
	tests/nested/guest.sh \
	tests/nested/ifc.sh \
	tests/nested/lab.sh \
	tests/nested/migration.sh \
	tests/nested/relay.sh \
	tests/nested/run.sh \
	tests/nested/unplug.sh

# Whether it is seen that a program is not hardened.
TESTS += tests/unit/test-hardened.sh
EXTRA_DIST += tests/unit/test-hardened.sh

# Whether a front-end of ours outlives its connections.
TESTS += tests/unit/test-frontend.py
EXTRA_DIST += tests/unit/test-frontend.py

# Whether reference.rst knows what ports say.
TESTS += tests/unit/test-documents.sh
EXTRA_DIST += tests/unit/test-documents.sh

# dpdkvdpa-top, and what Prometheus makes of it.
top_tests = tests/unit/test-monitoring.py tests/unit/test-top-hostile.py \
	tests/unit/test-top.py
TESTS += $(top_tests)
EXTRA_DIST += $(top_tests) tests/unit/dpdkvdpa.rules.test.yml \
	tests/unit/top_fixture.py

# What happens to the alternatives when packages come and go.
TESTS += tests/unit/test-maintainer.sh
EXTRA_DIST += tests/unit/test-maintainer.sh

# Ports for who knows another type only.
TESTS += tests/unit/test-adopt.sh
EXTRA_DIST += tests/unit/test-adopt.sh

# Where the header files of DPDK's drivers come from.
TESTS += tests/unit/test-dpdk-headers.sh
EXTRA_DIST += tests/unit/test-dpdk-headers.sh

# How long the virtual machine that packages are tried in may take.
TESTS += tests/unit/test-vm.sh
EXTRA_DIST += tests/unit/test-vm.sh

include tests/system.mk
include tests/checks.mk
