EXTRA_DIST += \
	$(documentation) \
	Documentation/images/cycles-guest-to-vf.svg \
	Documentation/images/cycles-lent.svg \
	Documentation/images/cycles-ports.svg \
	Documentation/images/cycles-tcp.svg \
	Documentation/images/cycles-vf-to-guest.svg \
	Documentation/images/round-trip.svg \
	$(drawn:.dot=.svg) \
	$(drawn) \
	$(monitoring)

# Pictures that are drawn of what stands beside them, when that changes: by
# "make images", in the sources, as readers have no graphviz.
drawn = \
	Documentation/images/connection.dot \
	Documentation/images/data-path.dot
PHONY += images
images:
	cd '$(srcdir)/Documentation/images' \
		&& neato -n2 -Tsvg -o data-path.svg data-path.dot \
		&& dot -Tsvg -o connection.svg connection.dot

# For Prometheus and Grafana.
monitoring = \
	Documentation/monitoring/dpdkvdpa-metrics.service \
	Documentation/monitoring/dpdkvdpa-metrics.timer \
	Documentation/monitoring/dpdkvdpa.rules.yml \
	Documentation/monitoring/grafana.json
documentation = \
	Documentation/benchmarks.rst \
	Documentation/dpdk-reconnect.rst \
	Documentation/dpdk-vdpa-lock.rst \
	Documentation/dpdkvdpa-adopt.rst \
	Documentation/dpdkvdpa-top.rst \
	Documentation/hardware-mode.rst \
	Documentation/install.rst \
	Documentation/internals.rst \
	Documentation/memory-order.rst \
	Documentation/monitoring.rst \
	Documentation/orchestration.rst \
	Documentation/port-guide.rst \
	Documentation/receive-into-guest-buffers.rst \
	Documentation/reference.rst \
	Documentation/security.rst \
	Documentation/simulated-nic.rst \
	Documentation/troubleshooting.rst

# Manual pages, of the same text: see Documentation/manual.sh.
manual_pages =
if HAVE_RST2MAN
manual_pages += \
	Documentation/dpdkvdpa.7 \
	Documentation/dpdkvdpa-adopt.8 \
	Documentation/dpdkvdpa-top.1 \
	Documentation/dpdkvdpa-simulated-nic.7
# The simulated NIC's comes with the simulated NIC.
man7_MANS = Documentation/dpdkvdpa.7
man1_MANS = Documentation/dpdkvdpa-top.1
man8_MANS = Documentation/dpdkvdpa-adopt.8
noinst_DATA += $(manual_pages)
TESTS += tests/unit/test-manual.sh
endif

CLEANFILES += $(manual_pages)
EXTRA_DIST += \
	Documentation/manual.sh \
	tests/unit/test-manual.sh

# $(call manual_page,SECTION,WHAT)
manual_page = \
	$(AM_V_GEN)$(MKDIR_P) $(@D) && RST2MAN='$(RST2MAN)' \
		sh '$(srcdir)/Documentation/manual.sh' \
		$(patsubst %.$(1),%,$(@F)) $(1) $(2) $(VERSION) $< > $@.new \
		&& mv $@.new $@

Documentation/dpdkvdpa.7: $(srcdir)/Documentation/reference.rst \
		$(srcdir)/Documentation/manual.sh
	$(call manual_page,7,"a guest's virtio-net device on a NIC's VF")

Documentation/dpdkvdpa-simulated-nic.7: \
		$(srcdir)/Documentation/simulated-nic.rst \
		$(srcdir)/Documentation/manual.sh
	$(call manual_page,7,"a NIC with e-switch and vDPA as drivers of DPDK")

Documentation/dpdkvdpa-top.1: $(srcdir)/Documentation/dpdkvdpa-top.rst \
		$(srcdir)/Documentation/manual.sh
	$(call manual_page,1,"what goes through dpdkvdpa ports")

Documentation/dpdkvdpa-adopt.8: $(srcdir)/Documentation/dpdkvdpa-adopt.rst \
		$(srcdir)/Documentation/manual.sh
	$(call manual_page,8,"makes dpdkvdpa ports of what os-vif makes")
