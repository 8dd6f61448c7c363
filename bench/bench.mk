# The benchmarks; see Documentation/benchmarks.rst.

bench_vf_sources = bench/bench_vf.c bench/bench_vf.h
bench_scripts = \
	bench/bench.recorded \
	bench/bench.sh \
	bench/measure.py \
	bench/report.py \
	bench/systems.sh

EXTRA_DIST += \
	$(bench_scripts) \
	$(bench_vf_sources) \
	bench/vhost-floor.c

if BUILD_DRIVERS
bench_programs = \
	bench/librte_benchvf.so \
	bench/vhost-floor
CLEANFILES += $(bench_programs)

bench/librte_benchvf.so: $(bench_vf_sources)
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -shared -fPIC $(VDPASIM_CPPFLAGS) $(CPPFLAGS) \
		$(VDPASIM_CFLAGS) $(CFLAGS) $(LDFLAGS) -Wl,--no-undefined \
		-Wl,--as-needed -o $@ '$(srcdir)/bench/bench_vf.c' \
		-lrte_bus_vdev $(DPDK_LIBS)

bench/vhost-floor: bench/vhost-floor.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(VDPASIM_CPPFLAGS) $(CPPFLAGS) $(VDPASIM_CFLAGS) \
		$(CFLAGS) $(LDFLAGS) -o $@ '$(srcdir)/bench/vhost-floor.c' \
		$(DPDK_LIBS)

# "make bench BENCHFLAGS=--quick".
bench: all $(bench_programs)
	VSWITCHD='$(abs_top_builddir)/vswitchd/ovs-vswitchd' \
	VDPASIM='$(abs_top_builddir)/drivers/librte_vdpasim.so' \
	BENCHDIR='$(abs_top_builddir)/bench' \
		bash '$(srcdir)/bench/bench.sh' $(BENCHFLAGS)

bench-programs: all $(bench_programs)

PHONY += bench bench-programs
endif
