# The simulated NIC: DPDK drivers in one shared object that EAL loads with -d.
#
# It is no libtool library: EAL wants a plain .so, and nothing else wants its
# objects.

vdpasim_sources = \
	drivers/sim_action.c \
	drivers/sim_devargs.c \
	drivers/sim_edit.c \
	drivers/sim_eswitch.c \
	drivers/sim_fault.c \
	drivers/sim_flow.c \
	drivers/sim_flow_rss.c \
	drivers/sim_key.c \
	drivers/sim_lro.c \
	drivers/sim_nic.c \
	drivers/sim_offload.c \
	drivers/sim_pattern.c \
	drivers/sim_pf.c \
	drivers/sim_port.c \
	drivers/sim_rcu.c \
	drivers/sim_rss.c \
	drivers/sim_rx.c \
	drivers/sim_stats.c \
	drivers/sim_table.c \
	drivers/sim_telemetry.c \
	drivers/sim_tx.c \
	drivers/sim_vdpa.c \
	drivers/sim_vdpa_dev.c \
	drivers/sim_vdpa_engine.c \
	drivers/sim_vdpa_iommu.c \
	drivers/sim_vdpa_lm.c \
	drivers/sim_vdpa_log.c \
	drivers/sim_vdpa_net.c \
	drivers/sim_vdpa_relay.c \
	drivers/sim_vdpa_telemetry.c \
	drivers/sim_vf.c \
	drivers/sim_vring.c \
	drivers/sim_vring_packed.c \
	drivers/sim_vring_split.c \
	drivers/sim_wire.c

vdpasim_headers = \
	drivers/sim_devargs.h \
	drivers/sim_edit.h \
	drivers/sim_eswitch.h \
	drivers/sim_fault.h \
	drivers/sim_flow.h \
	drivers/sim_key.h \
	drivers/sim_log.h \
	drivers/sim_lro.h \
	drivers/sim_nic.h \
	drivers/sim_offload.h \
	drivers/sim_port.h \
	drivers/sim_rcu.h \
	drivers/sim_rss.h \
	drivers/sim_rx.h \
	drivers/sim_stats.h \
	drivers/sim_table.h \
	drivers/sim_tx.h \
	drivers/sim_vdpa.h \
	drivers/sim_vdpa_dev.h \
	drivers/sim_vdpa_drv.h \
	drivers/sim_vdpa_iommu.h \
	drivers/sim_vdpa_log.h \
	drivers/sim_vdpa_regs.h \
	drivers/sim_vring.h \
	drivers/sim_wire.h

EXTRA_DIST += $(vdpasim_sources) $(vdpasim_headers)

# For the drivers and for their unit tests.
VDPASIM_CPPFLAGS = \
	-I$(top_srcdir)/drivers \
	$(DPDK_CFLAGS) \
	$(DPDK_SDK_INCLUDES) \
	-DALLOW_INTERNAL_API \
	-DALLOW_EXPERIMENTAL_API \
	-D_GNU_SOURCE
# The last two: DPDK's own headers do both.
VDPASIM_CFLAGS = \
	-Wall -Wextra -Wno-unused-parameter -Wno-unknown-warning-option \
	-Wno-packed-not-aligned -Wno-address-of-packed-member $(WERROR)

if BUILD_DRIVERS
vdpasim_objects = $(patsubst %.c,%.o,$(filter %.c,$(vdpasim_sources)))
vdpasim_depfiles = $(vdpasim_objects:.o=.d)

$(vdpasim_objects): %.o: $(srcdir)/%.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(CC) $(VDPASIM_CPPFLAGS) $(CPPFLAGS) -MMD -MP \
		$(VDPASIM_CFLAGS) $(CFLAGS) -fPIC -c -o $@ $<

drivers/librte_vdpasim.so: $(vdpasim_objects)
	$(AM_V_CCLD)$(CC) -shared -fPIC $(CFLAGS) $(LDFLAGS) \
		-Wl,--no-undefined -Wl,--as-needed -o $@ $(vdpasim_objects) \
		-lrte_bus_vdev $(DPDK_LIBS) -lpthread

-include $(vdpasim_depfiles)

vdpasimdir = $(pkglibdir)
vdpasim_DATA = drivers/librte_vdpasim.so

CLEANFILES += \
	drivers/librte_vdpasim.so \
	$(vdpasim_objects) \
	$(vdpasim_depfiles)

if HAVE_CMOCKA
sim_unit_tests = \
	tests/unit/test-sim-devargs \
	tests/unit/test-sim-eswitch \
	tests/unit/test-sim-lro \
	tests/unit/test-sim-nic \
	tests/unit/test-sim-offload \
	tests/unit/test-sim-rss \
	tests/unit/test-sim-vdpa \
	tests/unit/test-sim-vdpa-dev

check_PROGRAMS += $(sim_unit_tests)
TESTS += $(sim_unit_tests)
endif

# The tests have the drivers inside and load no plugin.
sim_unit_LDADD = \
	$(vdpasim_objects) \
	-lrte_bus_vdev $(CMOCKA_LIBS) $(DPDK_LIBS) -lpthread
sim_unit_CPPFLAGS = $(VDPASIM_CPPFLAGS) $(CMOCKA_CFLAGS)
sim_unit_CFLAGS = $(VDPASIM_CFLAGS)

tests_unit_test_sim_devargs_SOURCES = tests/unit/test-sim-devargs.c
tests_unit_test_sim_devargs_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_devargs_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_devargs_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_eswitch_SOURCES = tests/unit/test-sim-eswitch.c
tests_unit_test_sim_eswitch_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_eswitch_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_eswitch_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_lro_SOURCES = tests/unit/test-sim-lro.c
tests_unit_test_sim_lro_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_lro_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_lro_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_nic_SOURCES = tests/unit/test-sim-nic.c
tests_unit_test_sim_nic_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_nic_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_nic_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_offload_SOURCES = tests/unit/test-sim-offload.c
tests_unit_test_sim_offload_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_offload_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_offload_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_rss_SOURCES = tests/unit/test-sim-rss.c
tests_unit_test_sim_rss_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_rss_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_rss_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_vdpa_SOURCES = tests/unit/test-sim-vdpa.c
tests_unit_test_sim_vdpa_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_vdpa_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_vdpa_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_vdpa_dev_SOURCES = tests/unit/test-sim-vdpa-dev.c
tests_unit_test_sim_vdpa_dev_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_vdpa_dev_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_vdpa_dev_LDADD = $(sim_unit_LDADD)
endif

if BUILD_DRIVERS
check_PROGRAMS += tools/vdpa-host
tools_vdpa_host_SOURCES = tools/vdpa-host.c
tools_vdpa_host_CPPFLAGS = $(VDPASIM_CPPFLAGS)
tools_vdpa_host_CFLAGS = $(VDPASIM_CFLAGS)
tools_vdpa_host_LDADD = -lrte_bus_vdev $(DPDK_LIBS) -lpthread
endif

EXTRA_DIST += \
	Documentation/simulated-nic.rst \
	tests/drivers-testpmd.sh \
	tests/unit/test-sim-vring.h \
	tests/unit/test-sim-vring.h \
	tests/unit/test-sim.h

# The drivers alone, under testpmd.  Wants root for hugepage-less EAL's files
# under /run and for the test of the TAP.
check-drivers: drivers/librte_vdpasim.so tools/vdpa-host
	bash '$(srcdir)/tests/drivers-testpmd.sh' $(TESTPMDFLAGS)

PHONY += check-drivers
