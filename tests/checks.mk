# Checks that are not run by default.

# "make check-valgrind": the unit tests under valgrind, but for scripts, and for
# the one that takes an mremap(2) which makes a second mapping.
VALGRIND_UNFIT = %.sh %.py %/test-sim-vdpa-lm
EXTRA_DIST += tests/valgrind.supp
VALGRIND = valgrind --quiet --error-exitcode=3 --leak-check=full \
	--fair-sched=yes --suppressions='$(abs_top_srcdir)/tests/valgrind.supp'

check-valgrind: all
	UNIT_TESTS_LACK=terabytes \
	$(MAKE) $(AM_MAKEFLAGS) check LOG_COMPILER='$(VALGRIND)' \
		TESTS='$(filter-out $(VALGRIND_UNFIT),$(TESTS))'

# "make fuzz": libFuzzer, of clang, throws at each of these what it can think
# of, for FUZZ_SECONDS each.  What it finds interesting stays in
# tests/fuzz/fuzz-NAME.corpus, what makes a program fail in tests/fuzz/fuzz-NAME.fail-*.
fuzz_targets = \
	tests/fuzz/fuzz-door \
	tests/fuzz/fuzz-guard \
	tests/fuzz/fuzz-lending \
	tests/fuzz/fuzz-options \
	tests/fuzz/fuzz-packet \
	tests/fuzz/fuzz-positions \
	tests/fuzz/fuzz-ring \
	tests/fuzz/fuzz-walk
EXTRA_DIST += \
	tests/fuzz/fuzz-door.c \
	tests/fuzz/fuzz-guard.c \
	tests/fuzz/fuzz-lending.c \
	tests/fuzz/fuzz-options.c \
	tests/fuzz/fuzz-packet.c \
	tests/fuzz/fuzz-positions.c \
	tests/fuzz/fuzz-ring.c \
	tests/fuzz/fuzz-walk.c \
	tests/fuzz/guest-memory.h \
	tests/fuzz/simple-ring.h \
	tests/fuzz/simple-scatter.h
CLEANFILES += $(fuzz_targets)

FUZZ_CC = clang
FUZZ_CFLAGS = -g -O1 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined
FUZZ_SECONDS = 60
FUZZ_LINK = $(SHELL) $(ovs_builddir)/libtool --silent --tag=CC --mode=link \
	$(FUZZ_CC) $(AM_CPPFLAGS) $(DPDK_CFLAGS) \
	$(FUZZ_CFLAGS)

tests/fuzz/fuzz-door: tests/fuzz/fuzz-door.c lib/vhost/door.c \
	lib/vhost/book.c lib/vhost/files.c lib/vhost/merge.c
tests/fuzz/fuzz-guard: tests/fuzz/fuzz-guard.c lib/vhost/guard.c \
	lib/vhost/book.c lib/vhost/files.c lib/vhost/reset.c
tests/fuzz/fuzz-lending: tests/fuzz/fuzz-lending.c lib/base/packet.c \
	lib/base/segment.c lib/vhost/ahead.c lib/vhost/chain.c \
	lib/vhost/lend.c lib/vhost/lending.c lib/vhost/ring.c
tests/fuzz/fuzz-options: tests/fuzz/fuzz-options.c lib/port/features.c \
		lib/port/options.c
tests/fuzz/fuzz-packet: tests/fuzz/fuzz-packet.c lib/base/packet.c
tests/fuzz/fuzz-positions: tests/fuzz/fuzz-positions.c \
	lib/vhost/positions.c lib/vhost/undo.c lib/vhost/book.c
tests/fuzz/fuzz-ring: tests/fuzz/fuzz-ring.c lib/vhost/ring.c \
	lib/base/packet.c
tests/fuzz/fuzz-walk: tests/fuzz/fuzz-walk.c lib/vhost/ring.c \
	lib/vhost/chain.c lib/base/packet.c lib/base/segment.c \
	lib/vhost/ahead.c lib/vhost/scatter.c

# The last four include the first file that they test, two of them the second, too.
FUZZ_LIBS = $(ovs_builddir)/lib/libopenvswitch.la \
	$(DPDK_LIBS) $(NUMA_LIBS) $(OVS_LIBS)
tests/fuzz/fuzz-door tests/fuzz/fuzz-guard tests/fuzz/fuzz-lending \
tests/fuzz/fuzz-options:
	$(AM_V_CCLD)$(MKDIR_P) tests/fuzz && \
	$(FUZZ_LINK) -o $@ $(filter %.c,$^) $(FUZZ_LIBS)
tests/fuzz/fuzz-packet tests/fuzz/fuzz-ring:
	$(AM_V_CCLD)$(MKDIR_P) tests/fuzz && \
	$(FUZZ_LINK) -o $@ $< $(wordlist 3,20,$^) $(FUZZ_LIBS)
tests/fuzz/fuzz-positions tests/fuzz/fuzz-walk:
	$(AM_V_CCLD)$(MKDIR_P) tests/fuzz && \
	$(FUZZ_LINK) -o $@ $< $(wordlist 4,20,$^) $(FUZZ_LIBS)

fuzz: $(fuzz_targets)
	set -e; for target in $(fuzz_targets); do \
		mkdir -p $$target.corpus; \
		echo "$$target, $(FUZZ_SECONDS) s"; \
		$$target -max_total_time=$(FUZZ_SECONDS) -max_len=4096 \
			-verbosity=0 -print_final_stats=1 \
			-artifact_prefix=$$target.fail- $$target.corpus; \
	done

clean-local: clean-fuzz
clean-fuzz:
	rm -rf $(fuzz_targets:=.corpus)

PHONY += check-valgrind clean-fuzz fuzz

# "make soak": hours of a port's life, at random; see tests/soak.sh.
EXTRA_DIST += tests/soak.sh

soak: all tools/vhost-user-frontend
	VSWITCHD='$(abs_top_builddir)/vswitchd/ovs-vswitchd' \
	VDPASIM='$(abs_top_builddir)/drivers/librte_vdpasim.so' \
	FRONTEND='$(abs_top_builddir)/tools/vhost-user-frontend' \
		bash '$(srcdir)/tests/soak.sh'

PHONY += soak
