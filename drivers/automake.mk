# The simulated NIC: DPDK drivers in one shared object that EAL loads with -d.
#
# It is no libtool library: EAL wants a plain .so, and nothing else wants its
# objects.

vdpasim_sources = \
	drivers/base/devargs.c \
	drivers/base/fault.c \
	drivers/base/log.c \
	drivers/base/rcu.c \
	drivers/base/signal.c \
	drivers/dma.c \
	drivers/eswitch/edit.c \
	drivers/eswitch/eswitch.c \
	drivers/eswitch/table.c \
	drivers/eswitch/wire.c \
	drivers/nic/ethdev.c \
	drivers/nic/flow.c \
	drivers/nic/flow_action.c \
	drivers/nic/flow_pattern.c \
	drivers/nic/flow_rss.c \
	drivers/nic/interrupt.c \
	drivers/nic/late.c \
	drivers/nic/nic.c \
	drivers/nic/port.c \
	drivers/nic/port_rss.c \
	drivers/nic/reach.c \
	drivers/nic/rx.c \
	drivers/nic/stats.c \
	drivers/nic/tx.c \
	drivers/packet/checksum.c \
	drivers/packet/key.c \
	drivers/packet/lro.c \
	drivers/packet/mbuf.c \
	drivers/packet/offload.c \
	drivers/packet/rss.c \
	drivers/pf.c \
	drivers/telemetry.c \
	drivers/vdpa/device/device.c \
	drivers/vdpa/device/dma.c \
	drivers/vdpa/device/engine.c \
	drivers/vdpa/device/iommu.c \
	drivers/vdpa/device/log.c \
	drivers/vdpa/device/registers.c \
	drivers/vdpa/device/rx.c \
	drivers/vdpa/device/state.c \
	drivers/vdpa/device/tx.c \
	drivers/vdpa/device/vring.c \
	drivers/vdpa/device/vring_packed.c \
	drivers/vdpa/device/vring_split.c \
	drivers/vdpa/driver/announce.c \
	drivers/vdpa/driver/driver.c \
	drivers/vdpa/driver/kick.c \
	drivers/vdpa/driver/log.c \
	drivers/vdpa/driver/mediate.c \
	drivers/vdpa/driver/memory.c \
	drivers/vdpa/driver/migration.c \
	drivers/vdpa/driver/queue.c \
	drivers/vdpa/driver/telemetry.c \
	drivers/vf.c

vdpasim_headers = \
	drivers/compat.h \
	drivers/base/devargs.h \
	drivers/base/fault.h \
	drivers/base/limits.h \
	drivers/base/log.h \
	drivers/base/rcu.h \
	drivers/base/signal.h \
	drivers/eswitch/edit.h \
	drivers/eswitch/eswitch.h \
	drivers/eswitch/table.h \
	drivers/eswitch/wire.h \
	drivers/nic/ethdev.h \
	drivers/nic/flow.h \
	drivers/nic/flow_action.h \
	drivers/nic/flow_entry.h \
	drivers/nic/flow_pattern.h \
	drivers/nic/flow_rss.h \
	drivers/nic/interrupt.h \
	drivers/nic/late.h \
	drivers/nic/nic.h \
	drivers/nic/port.h \
	drivers/nic/port_rss.h \
	drivers/nic/reach.h \
	drivers/nic/rx.h \
	drivers/nic/stats.h \
	drivers/nic/tx.h \
	drivers/packet/checksum.h \
	drivers/packet/key.h \
	drivers/packet/lro.h \
	drivers/packet/mbuf.h \
	drivers/packet/offload.h \
	drivers/packet/rss.h \
	drivers/vdpa/device/device.h \
	drivers/vdpa/device/dma.h \
	drivers/vdpa/device/engine.h \
	drivers/vdpa/device/iommu.h \
	drivers/vdpa/device/log.h \
	drivers/vdpa/device/registers.h \
	drivers/vdpa/device/regs.h \
	drivers/vdpa/device/rx.h \
	drivers/vdpa/device/state.h \
	drivers/vdpa/device/tx.h \
	drivers/vdpa/device/vring.h \
	drivers/vdpa/driver/announce.h \
	drivers/vdpa/driver/driver.h \
	drivers/vdpa/driver/kick.h \
	drivers/vdpa/driver/log.h \
	drivers/vdpa/driver/mediate.h \
	drivers/vdpa/driver/memory.h \
	drivers/vdpa/driver/migration.h \
	drivers/vdpa/driver/queue.h \
	drivers/vdpa/driver/state.h \
	drivers/vdpa/driver/telemetry.h

EXTRA_DIST += $(vdpasim_sources) $(vdpasim_headers)

# For the drivers and for their unit tests.
VDPASIM_CPPFLAGS = \
	-I$(top_srcdir)/drivers \
	$(DPDK_CFLAGS) \
	$(DPDK_SDK_CPPFLAGS) \
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

# Looks at the objects: no file leads back to itself.
TESTS += tests/unit/test-sim-circles.sh

# What is installed, and what only if it is asked for.
TESTS += tests/unit/test-install.sh

noinst_DATA += drivers/librte_vdpasim.so

# Not with the rest: a switch has a NIC.  Where the pages of the manual were not
# made there is none to install.
simulated_nic_page = $(filter %-simulated-nic.7,$(manual_pages))

install-simulated-nic: drivers/librte_vdpasim.so $(simulated_nic_page)
	$(MKDIR_P) "$(DESTDIR)$(pkglibdir)"
	$(INSTALL_DATA) drivers/librte_vdpasim.so "$(DESTDIR)$(pkglibdir)"
	[ -z "$(simulated_nic_page)" ] || { \
		$(MKDIR_P) "$(DESTDIR)$(man7dir)" && \
		$(INSTALL_DATA) $(simulated_nic_page) "$(DESTDIR)$(man7dir)"; }

uninstall-simulated-nic:
	rm -f "$(DESTDIR)$(pkglibdir)/librte_vdpasim.so" \
		"$(DESTDIR)$(man7dir)/dpdkvdpa-simulated-nic.7"

PHONY += install-simulated-nic uninstall-simulated-nic

CLEANFILES += \
	drivers/librte_vdpasim.so \
	$(vdpasim_objects) \
	$(vdpasim_depfiles)

if HAVE_CMOCKA
sim_unit_tests = \
	tests/unit/test-sim-checksum \
	tests/unit/test-sim-devargs \
	tests/unit/test-sim-dma \
	tests/unit/test-sim-eswitch \
	tests/unit/test-sim-flow \
	tests/unit/test-sim-interrupt \
	tests/unit/test-sim-late \
	tests/unit/test-sim-lro \
	tests/unit/test-sim-nic \
	tests/unit/test-sim-offload \
	tests/unit/test-sim-rss \
	tests/unit/test-sim-vdpa \
	tests/unit/test-sim-vdpa-dev \
	tests/unit/test-sim-vdpa-lies \
	tests/unit/test-sim-vdpa-lm \
	tests/unit/test-sim-vdpa-packets \
	tests/unit/test-vdpa-pci \
	tests/unit/test-vdpa-pci-hostile

check_PROGRAMS += $(sim_unit_tests)
TESTS += $(sim_unit_tests)
endif

# The tests have the drivers inside and load no plugin.
sim_unit_LDADD = \
	$(vdpasim_objects) \
	-lrte_bus_vdev $(CMOCKA_LIBS) $(DPDK_LIBS) -lpthread
sim_unit_CPPFLAGS = $(VDPASIM_CPPFLAGS) $(CMOCKA_CFLAGS)
sim_unit_CFLAGS = $(VDPASIM_CFLAGS)

tests_unit_test_sim_checksum_SOURCES = tests/unit/test-sim-checksum.c
tests_unit_test_sim_checksum_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_checksum_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_checksum_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_devargs_SOURCES = tests/unit/test-sim-devargs.c
tests_unit_test_sim_devargs_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_devargs_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_devargs_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_dma_SOURCES = tests/unit/test-sim-dma.c
tests_unit_test_sim_dma_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_dma_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_dma_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_eswitch_SOURCES = tests/unit/test-sim-eswitch.c
tests_unit_test_sim_eswitch_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_eswitch_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_eswitch_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_flow_SOURCES = tests/unit/test-sim-flow.c \
	tests/unit/test-sim-ports.c tests/unit/test-sim-ports.h
tests_unit_test_sim_flow_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_flow_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_flow_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_interrupt_SOURCES = tests/unit/test-sim-interrupt.c \
	tests/unit/test-sim-ports.c tests/unit/test-sim-ports.h
tests_unit_test_sim_interrupt_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_interrupt_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_interrupt_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_late_SOURCES = tests/unit/test-sim-late.c \
	tests/unit/test-sim-ports.c tests/unit/test-sim-ports.h
tests_unit_test_sim_late_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_late_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_late_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_lro_SOURCES = tests/unit/test-sim-lro.c
tests_unit_test_sim_lro_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_lro_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_lro_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_nic_SOURCES = tests/unit/test-sim-nic.c \
	tests/unit/test-sim-ports.c tests/unit/test-sim-ports.h
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

tests_unit_test_sim_vdpa_SOURCES = tests/unit/test-sim-vdpa.c \
	tests/unit/test-sim-frontend.c tests/unit/test-sim-frontend.h
tests_unit_test_sim_vdpa_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_vdpa_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_vdpa_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_vdpa_dev_SOURCES = tests/unit/test-sim-vdpa-dev.c \
	tests/unit/test-sim-device.c tests/unit/test-sim-device.h
tests_unit_test_sim_vdpa_dev_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_vdpa_dev_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_vdpa_dev_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_vdpa_lies_SOURCES = tests/unit/test-sim-vdpa-lies.c \
	tests/unit/test-sim-device.c tests/unit/test-sim-device.h
tests_unit_test_sim_vdpa_lies_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_vdpa_lies_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_vdpa_lies_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_vdpa_lm_SOURCES = tests/unit/test-sim-vdpa-lm.c \
	tests/unit/test-sim-frontend.c tests/unit/test-sim-frontend.h
tests_unit_test_sim_vdpa_lm_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_vdpa_lm_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_vdpa_lm_LDADD = $(sim_unit_LDADD)

tests_unit_test_sim_vdpa_packets_SOURCES = tests/unit/test-sim-vdpa-packets.c \
	tests/unit/test-sim-device.c tests/unit/test-sim-device.h
tests_unit_test_sim_vdpa_packets_CPPFLAGS = $(sim_unit_CPPFLAGS)
tests_unit_test_sim_vdpa_packets_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_sim_vdpa_packets_LDADD = $(sim_unit_LDADD)

# These have nothing of the program that they test inside; they start that.
tests_unit_test_vdpa_pci_SOURCES = tests/unit/test-vdpa-pci.c \
	tests/unit/test-vdpa-pci-client.c tests/unit/test-vdpa-pci-client.h
tests_unit_test_vdpa_pci_CPPFLAGS = $(sim_unit_CPPFLAGS) -I$(top_srcdir)/tools
tests_unit_test_vdpa_pci_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_vdpa_pci_LDADD = $(CMOCKA_LIBS)

tests_unit_test_vdpa_pci_hostile_SOURCES = \
	tests/unit/test-vdpa-pci-hostile.c \
	tests/unit/test-vdpa-pci-client.c tests/unit/test-vdpa-pci-client.h
tests_unit_test_vdpa_pci_hostile_CPPFLAGS = \
	$(sim_unit_CPPFLAGS) -I$(top_srcdir)/tools
tests_unit_test_vdpa_pci_hostile_CFLAGS = $(sim_unit_CFLAGS)
tests_unit_test_vdpa_pci_hostile_LDADD = $(CMOCKA_LIBS)
endif

# The device as a PCI function, for QEMU.  Of the drivers it has what is below the
# NIC and its ethdevs: nothing that EAL would probe.
vdpa_pci_objects = $(filter \
	drivers/base/% drivers/eswitch/% drivers/packet/% \
	drivers/vdpa/device/%, $(vdpasim_objects))

if BUILD_DRIVERS
noinst_PROGRAMS = tools/vdpa-pci
tools_vdpa_pci_SOURCES = \
	tools/vdpa_pci/commands.c \
	tools/vdpa_pci/commands.h \
	tools/vdpa_pci/config.c \
	tools/vdpa_pci/config.h \
	tools/vdpa_pci/dma.c \
	tools/vdpa_pci/dma.h \
	tools/vdpa_pci/function.c \
	tools/vdpa_pci/function.h \
	tools/vdpa_pci/layout.h \
	tools/vdpa_pci/listener.c \
	tools/vdpa_pci/listener.h \
	tools/vdpa_pci/main.c \
	tools/vdpa_pci/message.c \
	tools/vdpa_pci/message.h \
	tools/vdpa_pci/migration.c \
	tools/vdpa_pci/migration.h \
	tools/vdpa_pci/msix.c \
	tools/vdpa_pci/msix.h \
	tools/vdpa_pci/network.c \
	tools/vdpa_pci/network.h \
	tools/vdpa_pci/options.c \
	tools/vdpa_pci/options.h \
	tools/vdpa_pci/protocol.h \
	tools/vdpa_pci/server.c \
	tools/vdpa_pci/server.h \
	tools/vdpa_pci/virtio.c \
	tools/vdpa_pci/virtio.h \
	tools/vdpa_pci/window.c \
	tools/vdpa_pci/window.h
tools_vdpa_pci_CPPFLAGS = $(VDPASIM_CPPFLAGS) -I$(top_srcdir)/tools \
	-DVDPA_VERSION='"$(VERSION)"'
tools_vdpa_pci_CFLAGS = $(VDPASIM_CFLAGS)
tools_vdpa_pci_LDADD = $(vdpa_pci_objects) $(DPDK_LIBS) -lpthread
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
	tests/unit/test-install.sh \
	tests/unit/test-sim-circles.sh \
	tests/unit/test-sim-vring.h \
	tests/unit/test-sim.h

# The drivers alone, under testpmd.  Wants root for hugepage-less EAL's files
# under /run and for the test of the TAP.
check-drivers: drivers/librte_vdpasim.so tools/vdpa-host
	bash '$(srcdir)/tests/drivers-testpmd.sh' $(TESTPMDFLAGS)

PHONY += check-drivers
