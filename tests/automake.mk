# Unit tests (cmocka): "make check".  They need neither root nor hugepages.
unit_tests = \
	tests/test-events \
	tests/test-guard \
	tests/test-options \
	tests/test-relay \
	tests/test-ring \
	tests/test-vm \
	tests/test-walk

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

unit_LDADD = \
	$(ovs_builddir)/lib/libopenvswitch.la \
	$(CMOCKA_LIBS) $(DPDK_LIBS) $(NUMA_LIBS) $(OVS_LIBS)
unit_LINK = $(OVS_LINK) -o $@

tests_test_events_SOURCES = tests/test-events.c lib/dpdk-vdpa-events.c
tests_test_events_LDADD = $(unit_LDADD)
tests_test_events_LINK = $(unit_LINK)

tests_test_guard_SOURCES = tests/test-guard.c lib/dpdk-vdpa-guard.c
tests_test_guard_LDADD = $(unit_LDADD)
tests_test_guard_LINK = $(unit_LINK)

tests_test_options_SOURCES = tests/test-options.c lib/dpdk-vdpa-options.c
tests_test_options_LDADD = $(unit_LDADD)
tests_test_options_LINK = $(unit_LINK)

# This one includes lib/dpdk-vdpa-relay.c.
tests_test_relay_SOURCES = tests/test-relay.c
tests_test_relay_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_test_relay_LDADD = $(unit_LDADD)
tests_test_relay_LINK = $(unit_LINK)

# This one lib/dpdk-vdpa-ring.c.
tests_test_ring_SOURCES = tests/test-ring.c tests/test-guest.h
tests_test_ring_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_test_ring_LDADD = $(unit_LDADD)
tests_test_ring_LINK = $(unit_LINK)

# And this one lib/dpdk-vdpa-vm.c.
tests_test_vm_SOURCES = tests/test-vm.c lib/dpdk-vdpa-guard.c \
	lib/dpdk-vdpa-ring.c lib/dpdk-vdpa-rings.c lib/dpdk-vdpa-walk.c
tests_test_vm_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_test_vm_LDADD = $(unit_LDADD)
tests_test_vm_LINK = $(unit_LINK)

# And this one lib/dpdk-vdpa-walk.c, with functions of its own in place of the
# vhost library's.
tests_test_walk_SOURCES = tests/test-walk.c tests/test-guest.h \
	lib/dpdk-vdpa-ring.c
tests_test_walk_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_test_walk_LDADD = $(unit_LDADD)
tests_test_walk_LINK = $(unit_LINK)

include tests/system.mk
include tests/checks.mk
