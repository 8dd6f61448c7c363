# The system tests: real processes, real guests.  They need root.

EXTRA_DIST += \
	$(system_testsuite_at) \
	$(system_testsuite_libs) \
	tests/atlocal.in

system_testsuite_at = \
	tests/system/system-testsuite.at \
	tests/system/system-macros.at \
	tests/system/system-dmas.at \
	tests/system/system-driver.at \
	tests/system/system-capture.at \
	tests/system/system-desktop.at \
	tests/system/system-faults.at \
	tests/system/system-floods.at \
	tests/system/system-guest.at \
	tests/system/system-hostile.at \
	tests/system/system-hw.at \
	tests/system/system-libvirt.at \
	tests/system/system-lifecycle.at \
	tests/system/system-memory.at \
	tests/system/system-migration.at \
	tests/system/system-observe.at \
	tests/system/system-offload.at \
	tests/system/system-options.at \
	tests/system/system-ovn.at \
	tests/system/system-relay.at \
	tests/system/system-sleep.at \
	tests/system/system-watch.at \
	tests/system/system-zero-copy.at

# Also used by quickstart, the benchmarks and the soak test.
system_testsuite_libs = \
	tests/lib/cases.sh \
	tests/lib/check.sh \
	tests/lib/desktop.py \
	tests/lib/desktop.sh \
	tests/lib/echo.py \
	tests/lib/evidence.sh \
	tests/lib/frontend.sh \
	tests/lib/guest.sh \
	tests/lib/guest-more.sh \
	tests/lib/libvirt.sh \
	tests/lib/load.sh \
	tests/lib/machine.sh \
	tests/lib/nic.sh \
	tests/lib/pcapng.py \
	tests/lib/qmp.py \
	tests/lib/reap.py \
	tests/lib/ovn.sh \
	tests/lib/ovs.sh \
	tests/lib/sniff.py \
	tests/lib/telemetry.py \
	tests/lib/testpmd.sh \
	tests/lib/traffic.sh \
	tests/lib/util.sh \
	tests/lib/vhost-features.py

# A vhost-user front-end that misbehaves.
check_PROGRAMS += tools/vhost-user-frontend
tools_vhost_user_frontend_SOURCES = \
	tools/frontend.h \
	tools/frontend-again.c \
	tools/frontend-cases.h \
	tools/frontend-firsts.c \
	tools/frontend-memory.c \
	tools/frontend-messages.c \
	tools/frontend-move.c \
	tools/frontend-peer.c \
	tools/frontend-reuse.c \
	tools/frontend-ring.c \
	tools/frontend-rings.c \
	tools/frontend-served.c \
	tools/frontend-singles.c \
	tools/frontend-vanish.c \
	tools/vhost-user-frontend.c
tools_vhost_user_frontend_CPPFLAGS = -D_GNU_SOURCE
tools_vhost_user_frontend_CFLAGS = $(WARNING_FLAGS)
tools_vhost_user_frontend_LDADD =

# Guests start other kernels by it.
check_PROGRAMS += tools/guest-kexec
tools_guest_kexec_SOURCES = tools/guest-kexec.c
tools_guest_kexec_CPPFLAGS = -D_GNU_SOURCE
tools_guest_kexec_CFLAGS = $(WARNING_FLAGS)
tools_guest_kexec_LDADD =

CLEANFILES += tests/system-testsuite tests/system-testsuite.log
# What "./quickstart check" writes down.
CLEANFILES += tests/drivers-testpmd.log tests/drivers.list tests/system.list \
	tests/system.times tests/system-testsuite.out tests/unit-tests.log
DISTCLEANFILES += tests/atlocal

AUTOM4TE = autom4te

tests/system-testsuite: tests/package.m4 $(system_testsuite_at)
	$(AM_V_GEN)$(AUTOM4TE) --language=autotest \
		-I tests -I '$(srcdir)/tests/system' \
		-o $@.tmp '$(srcdir)/tests/system/system-testsuite.at' && mv $@.tmp $@

CLEANFILES += tests/package.m4
tests/package.m4: $(top_builddir)/config.status
	$(AM_V_GEN)$(MKDIR_P) tests && { \
	echo 'm4_define([AT_PACKAGE_NAME], [$(PACKAGE_NAME)])' && \
	echo 'm4_define([AT_PACKAGE_TARNAME], [$(PACKAGE_TARNAME)])' && \
	echo 'm4_define([AT_PACKAGE_VERSION], [$(PACKAGE_VERSION)])' && \
	echo 'm4_define([AT_PACKAGE_STRING], [$(PACKAGE_STRING)])' && \
	echo 'm4_define([AT_PACKAGE_BUGREPORT], [$(PACKAGE_BUGREPORT)])' && \
	echo 'm4_define([AT_PACKAGE_URL], [$(PACKAGE_URL)])'; } > $@

# Options go into TESTSUITEFLAGS: -k KEYWORD, -v, -d, numbers of tests.
check-system: all tests/atlocal tests/system-testsuite \
		tools/guest-kexec tools/vhost-user-frontend
	bash tests/system-testsuite -C tests $(TESTSUITEFLAGS)

clean-local: clean-system
clean-system:
	rm -rf tests/system-testsuite.dir

PHONY += check-system clean-system
