# Unit tests (cmocka): "make check".  They need neither root nor hugepages.
unit_tests = \
	tests/unit/test-events \
	tests/unit/test-guard \
	tests/unit/test-options \
	tests/unit/test-relay \
	tests/unit/test-ring \
	tests/unit/test-vm \
	tests/unit/test-walk

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

unit_LDADD = \
	$(ovs_builddir)/lib/libopenvswitch.la \
	$(CMOCKA_LIBS) $(DPDK_LIBS) $(NUMA_LIBS) $(OVS_LIBS)
unit_LINK = $(OVS_LINK) -o $@

tests_unit_test_events_SOURCES = tests/unit/test-events.c lib/port/events.c
tests_unit_test_events_LDADD = $(unit_LDADD)
tests_unit_test_events_LINK = $(unit_LINK)

tests_unit_test_guard_SOURCES = tests/unit/test-guard.c lib/vhost/guard.c
tests_unit_test_guard_LDADD = $(unit_LDADD)
tests_unit_test_guard_LINK = $(unit_LINK)

tests_unit_test_options_SOURCES = tests/unit/test-options.c lib/port/options.c
tests_unit_test_options_LDADD = $(unit_LDADD)
tests_unit_test_options_LINK = $(unit_LINK)

# This one includes lib/dpdk-vdpa-relay.c.
tests_unit_test_relay_SOURCES = tests/unit/test-relay.c
tests_unit_test_relay_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_relay_LDADD = $(unit_LDADD)
tests_unit_test_relay_LINK = $(unit_LINK)

# This one lib/vhost/ring.c.
tests_unit_test_ring_SOURCES = tests/unit/test-ring.c tests/unit/test-guest.h
tests_unit_test_ring_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_ring_LDADD = $(unit_LDADD)
tests_unit_test_ring_LINK = $(unit_LINK)

# And this one lib/vhost/vm.c.
tests_unit_test_vm_SOURCES = tests/unit/test-vm.c lib/vhost/guard.c \
	lib/vhost/ring.c lib/vhost/book.c lib/vhost/walk.c
tests_unit_test_vm_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_vm_LDADD = $(unit_LDADD)
tests_unit_test_vm_LINK = $(unit_LINK)

# And this one lib/vhost/walk.c, with functions of its own in place of the
# vhost library's.
tests_unit_test_walk_SOURCES = tests/unit/test-walk.c tests/unit/test-guest.h \
	lib/vhost/ring.c
tests_unit_test_walk_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_unit_test_walk_LDADD = $(unit_LDADD)
tests_unit_test_walk_LINK = $(unit_LINK)

include tests/system.mk
include tests/checks.mk
