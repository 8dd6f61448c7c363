# The system tests: real processes, real guests.  They need root.

EXTRA_DIST += \
	$(system_testsuite_at) \
	$(system_testsuite_libs) \
	tests/atlocal.in

system_testsuite_at = \
	tests/system-testsuite.at \
	tests/system-macros.at \
	tests/system-faults.at \
	tests/system-guest.at \
	tests/system-hostile.at \
	tests/system-hw.at \
	tests/system-lifecycle.at \
	tests/system-migration.at \
	tests/system-observe.at \
	tests/system-offload.at \
	tests/system-options.at \
	tests/system-relay.at

# Also used by quickstart.
system_testsuite_libs = \
	tests/check.sh \
	tests/echo.py \
	tests/frontend.sh \
	tests/guest.sh \
	tests/nic.sh \
	tests/pcapng.py \
	tests/qmp.py \
	tests/ovs.sh \
	tests/testpmd.sh \
	tests/traffic.sh \
	tests/util.sh

# A vhost-user front-end that misbehaves.
check_PROGRAMS += tests/vhost-user-frontend
tests_vhost_user_frontend_SOURCES = \
	tests/frontend.h \
	tests/frontend-messages.c \
	tests/frontend-peer.c \
	tests/frontend-ring.c \
	tests/frontend-rings.c \
	tests/vhost-user-frontend.c
tests_vhost_user_frontend_CPPFLAGS = -D_GNU_SOURCE
tests_vhost_user_frontend_CFLAGS = $(WARNING_FLAGS)

CLEANFILES += tests/system-testsuite tests/system-testsuite.log
DISTCLEANFILES += tests/atlocal

AUTOM4TE = autom4te

tests/system-testsuite: tests/package.m4 $(system_testsuite_at)
	$(AM_V_GEN)$(AUTOM4TE) --language=autotest \
		-I tests -I '$(srcdir)/tests' \
		-o $@.tmp '$(srcdir)/tests/system-testsuite.at' && mv $@.tmp $@

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
		tests/vhost-user-frontend
	bash tests/system-testsuite -C tests $(TESTSUITEFLAGS)

clean-local: clean-system
clean-system:
	rm -rf tests/system-testsuite.dir

PHONY += check-system clean-system
