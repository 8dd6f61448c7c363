# The benchmarks; see Documentation/benchmarks.rst.

bench_vf_sources = \
	bench/bench_meter.h \
	bench/bench_source.h \
	bench/bench_tcp.h \
	bench/bench_vf.c \
	bench/bench_vf.h
bench_scripts = \
	bench/bench.recorded \
	bench/bench.sh \
	bench/measure.py \
	bench/pictures.py \
	bench/relay-cost.recorded \
	bench/relay-cost.sh \
	bench/report.py \
	bench/scale.py \
	bench/scale.sh \
	bench/sleep.sh \
	bench/systems.sh \
	bench/tcp.sh

EXTRA_DIST += \
	$(bench_scripts) \
	$(bench_vf_sources) \
	bench/bench_guest.c \
	bench/core-distance.c \
	bench/receive-direct.c \
	bench/relay-cost.c \
	bench/ring-cost.c \
	bench/run-on.h \
	bench/vhost-floor.c \
	bench/wake-time.c

if BUILD_DRIVERS
bench_programs = \
	bench/bench_guest \
	bench/core-distance \
	bench/librte_benchvf.so \
	bench/vhost-floor \
	bench/wake-time
CLEANFILES += $(bench_programs)

bench/librte_benchvf.so: $(bench_vf_sources) drivers/compat.h
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -shared -fPIC $(VDPASIM_CPPFLAGS) $(CPPFLAGS) \
		$(VDPASIM_CFLAGS) $(CFLAGS) $(LDFLAGS) -Wl,--no-undefined \
		-Wl,--as-needed -o $@ '$(srcdir)/bench/bench_vf.c' \
		-lrte_bus_vdev $(DPDK_LIBS)

bench/bench_guest: bench/bench_guest.c bench/bench_source.h bench/bench_tcp.h \
		bench/bench_vf.h lib/vhost/send.h tools/frontend.h \
		tools/frontend-peer.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -D_GNU_SOURCE -I'$(srcdir)' $(CPPFLAGS) \
		$(AM_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ \
		'$(srcdir)/bench/bench_guest.c' '$(srcdir)/tools/frontend-peer.c'

bench/core-distance: bench/core-distance.c bench/run-on.h
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -I'$(srcdir)' $(VDPASIM_CPPFLAGS) $(CPPFLAGS) \
		$(VDPASIM_CFLAGS) $(CFLAGS) $(LDFLAGS) -pthread -o $@ \
		'$(srcdir)/bench/core-distance.c'

bench/wake-time: bench/wake-time.c bench/run-on.h
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -D_GNU_SOURCE -I'$(srcdir)' $(CPPFLAGS) \
		$(VDPASIM_CFLAGS) $(CFLAGS) $(LDFLAGS) -pthread -o $@ \
		'$(srcdir)/bench/wake-time.c'

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

# "make check-perf": instructions of the relay, which tell exactly whether it
# got slower.  Compiled with the same flags whatever CFLAGS are.
RELAY_COST_CFLAGS = -g -O2
CLEANFILES += bench/relay-cost bench/relay-cost.log bench/ring-cost

RELAY_COST_LINK = $(SHELL) $(ovs_builddir)/libtool --silent --tag=CC \
	--mode=link $(CC) $(AM_CPPFLAGS) $(AM_CFLAGS) \
	$(RELAY_COST_CFLAGS)
RELAY_COST_LIBS = $(ovs_builddir)/lib/libopenvswitch.la $(DPDK_LIBS) \
	$(NUMA_LIBS) $(OVS_LIBS)

bench/relay-cost: bench/relay-cost.c lib/dpdk-vdpa-relay.c \
		lib/base/counter.h lib/base/headers.h lib/base/packet.c \
		lib/base/packet.h lib/base/policer.c lib/base/policer.h \
		lib/base/wake.c lib/base/wake.h lib/dpdk-vdpa-relay.h \
		lib/relay/assign.c lib/relay/assign.h lib/relay/lane.h \
		lib/relay/rest.c lib/relay/rest.h
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(RELAY_COST_LINK) -o $@ $(filter %.c,$^) \
		$(RELAY_COST_LIBS)

bench/ring-cost: bench/ring-cost.c lib/base/headers.h lib/base/packet.c \
		lib/base/packet.h lib/base/segment.c lib/base/segment.h \
		lib/vhost/ahead.c lib/vhost/ahead.h lib/vhost/buffers-private.h \
		lib/vhost/chain.c lib/vhost/chain-private.h \
		lib/vhost/chain.h lib/vhost/lend.c lib/vhost/lend.h \
		lib/vhost/lending.c lib/vhost/lending.h lib/vhost/ring.c \
		lib/vhost/ring.h lib/vhost/scatter.c lib/vhost/scatter.h \
		tests/unit/test-guest.h
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(RELAY_COST_LINK) -o $@ $(filter %.c,$^) \
		$(RELAY_COST_LIBS)

# "make bench-receive-direct": an experiment, see
# Documentation/receive-into-guest-buffers.rst.
if BUILD_DRIVERS
CLEANFILES += bench/receive-direct

bench/receive-direct: bench/receive-direct.c bench/bench_vf.h bench/run-on.h \
		lib/base/headers.h lib/base/packet.c lib/base/packet.h \
		lib/vhost/ring.c lib/vhost/ring.h tests/unit/test-guest.h
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(RELAY_COST_LINK) -o $@ $(filter %.c,$^) \
		$(RELAY_COST_LIBS)

bench-receive-direct: bench/receive-direct bench/librte_benchvf.so
	bench/receive-direct '$(abs_top_builddir)/bench/librte_benchvf.so' \
		$(RECEIVE_DIRECT_FLAGS)

PHONY += bench-receive-direct
endif

relay_cost_programs = bench/relay-cost bench/ring-cost

check-perf: $(relay_cost_programs)
	CC='$(CC)' RELAY_COST='$(relay_cost_programs:%=$(abs_top_builddir)/%)' \
		bash '$(srcdir)/bench/relay-cost.sh' $(PERFFLAGS) \
		|| [ $$? -eq 77 ]

PHONY += check-perf
