# -*- autoconf -*-
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at:
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

dnl VDPA_OVS_MAKE_VAR([SHELL-VARIABLE], [MAKE-VARIABLE])
dnl
dnl Sets SHELL-VARIABLE to what MAKE-VARIABLE holds in the Makefile of the OVS
dnl build, so that we compile and link exactly as OVS itself does.
AC_DEFUN([VDPA_OVS_MAKE_VAR],
  [$1=`printf 'include Makefile\nvdpa-print: ; @echo @S|@(%s)\n' $2 \
       | ${MAKE-make} -s --no-print-directory -C "$ovs_builddir" -f - vdpa-print`])

dnl VDPA_CHECK_OVS
dnl
dnl Finds the Open vSwitch sources and their build, which the plugin is
dnl compiled against and linked with.
AC_DEFUN([VDPA_CHECK_OVS], [
  AC_ARG_WITH([ovs-source],
    [AS_HELP_STRING([--with-ovs-source=DIR],
       [Open vSwitch source tree (required)])])
  AC_ARG_WITH([ovs-build],
    [AS_HELP_STRING([--with-ovs-build=DIR],
       [where that tree was built (default: the source tree)])])

  AC_MSG_CHECKING([for the Open vSwitch source tree])
  AS_CASE([$with_ovs_source],
    [''|yes|no],
      [AC_MSG_ERROR([no Open vSwitch tree: give the one to build with as --with-ovs-source=DIR])])
  AS_IF([test ! -f "$with_ovs_source/vswitchd/bridge.c"],
    [AC_MSG_ERROR([$with_ovs_source is not an Open vSwitch source tree (it has no vswitchd/bridge.c)])])
  ovs_srcdir=`cd "$with_ovs_source" && pwd`
  AC_MSG_RESULT([$ovs_srcdir])

  AC_MSG_CHECKING([for the Open vSwitch build])
  AS_CASE([$with_ovs_build],
    [''|yes|no], [ovs_builddir=$ovs_srcdir],
    [AS_IF([test ! -d "$with_ovs_build"],
       [AC_MSG_ERROR([$with_ovs_build, given by --with-ovs-build, is not a directory])])
     ovs_builddir=`cd "$with_ovs_build" && pwd`])
  AS_IF([test ! -f "$ovs_builddir/config.h"],
    [AC_MSG_ERROR([Open vSwitch is not configured in $ovs_builddir: run its configure --with-dpdk there, or name the right directory by --with-ovs-build=DIR])])
  AC_MSG_RESULT([$ovs_builddir])

  AC_MSG_CHECKING([whether Open vSwitch was built with DPDK])
  AS_IF([grep '^#define DPDK_NETDEV 1' "$ovs_builddir/config.h" >/dev/null],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([Open vSwitch in $ovs_builddir was configured without DPDK: run its configure again with --with-dpdk=shared])])

  AC_MSG_CHECKING([for the Open vSwitch version])
  OVS_VERSION=[`sed -n 's/^#define PACKAGE_VERSION "\(.*\)"$/\1/p' "$ovs_builddir/config.h"`]
  AC_MSG_RESULT([$OVS_VERSION])
  AS_CASE([$OVS_VERSION],
    [3.@<:@1-7@:>@.*|4.0.*], [],
    [AC_MSG_ERROR([Open vSwitch $OVS_VERSION is not supported: this version of the plugin works with 3.1 to 4.0])])

  AC_MSG_CHECKING([whether Open vSwitch was built statically])
  AS_IF([test ! -f "$ovs_builddir/vswitchd/bridge.o" || test ! -f "$ovs_builddir/lib/libopenvswitch.la"],
    [AC_MSG_RESULT([not built])
     AC_MSG_ERROR([Open vSwitch is configured but not built in $ovs_builddir: run make there first])])
  AS_IF([test -f "$ovs_builddir/lib/.libs/libopenvswitch.a"],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([Open vSwitch in $ovs_builddir has no static libopenvswitch, which the plugin is linked into: configure it without --disable-static])])
  AS_IF([test -f "$ovs_builddir/lib/.libs/libopenvswitch.so"],
    [AC_MSG_ERROR([Open vSwitch in $ovs_builddir was configured with --enable-shared; calls inside a shared libopenvswitch cannot be wrapped: configure it with --disable-shared])])

  VDPA_OVS_MAKE_VAR([OVS_LIBS], [LIBS])
  VDPA_OVS_MAKE_VAR([OVS_LDFLAGS], [vswitchd_ovs_vswitchd_LDFLAGS])
  AC_SUBST([ovs_srcdir])
  AC_SUBST([ovs_builddir])
  AC_SUBST([OVS_VERSION])
  dnl 305 for 3.5.0: what lib/seam/compat-ovs.h compares.
  OVS_RELEASE=`echo $OVS_VERSION | awk -F. '{ print 100 * @S|@1 + @S|@2 }'`
  AC_SUBST([OVS_RELEASE])
  AC_SUBST([OVS_LIBS])
  AC_SUBST([OVS_LDFLAGS])
])

dnl VDPA_CHECK_DPDK
AC_DEFUN([VDPA_CHECK_DPDK], [
  PKG_CHECK_MODULES([DPDK], [libdpdk >= 22.11 libdpdk < 26],
    [DPDK_VERSION=`$PKG_CONFIG --modversion libdpdk`],
    [AC_MSG_ERROR([DPDK 22.11 to 25.11 is required, the one that Open vSwitch $OVS_VERSION was built with: install libdpdk-dev, or set PKG_CONFIG_PATH to where libdpdk.pc is])])
  AC_SUBST([DPDK_VERSION])
])

dnl VDPA_CHECK_DPDK_SOURCE
dnl
dnl The simulated NIC is a DPDK driver, and the headers that drivers need are
dnl not installed with the library; they come from DPDK's source.  That must be
dnl of the release series that is installed, 22.11 say, whatever its point
dnl release: these change no layout.
AC_DEFUN([VDPA_CHECK_DPDK_SOURCE], [
  AC_ARG_WITH([dpdk-source],
    [AS_HELP_STRING([--with-dpdk-source=DIR],
       [DPDK source tree of the installed release series, for the simulated NIC in drivers/ (default: do not build it)])])
  AC_MSG_CHECKING([for the DPDK source tree])
  AS_CASE([$with_dpdk_source],
    [''|no], [dpdk_srcdir=],
    [AS_IF([test ! -f "$with_dpdk_source/lib/ethdev/ethdev_driver.h"],
       [AC_MSG_ERROR([$with_dpdk_source is not a DPDK source tree (it has no lib/ethdev/ethdev_driver.h)])])
     vdpa_series=[`sed -n 's/^\([0-9]*\.[0-9]*\).*/\1/p' "$with_dpdk_source/VERSION"`]
     AS_CASE([$DPDK_VERSION],
       [$vdpa_series|$vdpa_series.*], [],
       [AC_MSG_ERROR([$with_dpdk_source is DPDK `cat "$with_dpdk_source/VERSION"`, but DPDK $DPDK_VERSION is installed: take the source of the same release series])])
     dpdk_srcdir=`cd "$with_dpdk_source" && pwd`
     for vdpa_dir in lib/eal/include lib/dmadev lib/ethdev lib/vhost drivers/bus/vdev; do
       DPDK_SDK_CPPFLAGS="$DPDK_SDK_CPPFLAGS -I$dpdk_srcdir/$vdpa_dir"
     done
     # For drivers/compat.h; a month is no octal number.
     DPDK_SDK_CPPFLAGS=["$DPDK_SDK_CPPFLAGS `echo $vdpa_series \
       | sed 's/^\([0-9]*\)\.0*\([0-9]*\)$/-DSIM_SDK_YEAR=\1 -DSIM_SDK_MONTH=\2/'`"]])
  AC_MSG_RESULT([${dpdk_srcdir:-no}])
  AC_SUBST([DPDK_SDK_CPPFLAGS])
  AM_CONDITIONAL([BUILD_DRIVERS], [test -n "$dpdk_srcdir"])
])

dnl VDPA_CHECK_NUMA
AC_DEFUN([VDPA_CHECK_NUMA], [
  AC_CHECK_HEADER([numaif.h], [],
    [AC_MSG_ERROR([numaif.h is missing: install libnuma-dev])])
  AC_CHECK_LIB([numa], [get_mempolicy], [NUMA_LIBS=-lnuma],
    [AC_MSG_ERROR([libnuma is missing: install libnuma-dev])])
  AC_SUBST([NUMA_LIBS])
])

dnl VDPA_CHECK_CMOCKA
AC_DEFUN([VDPA_CHECK_CMOCKA], [
  AC_ARG_ENABLE([unit-tests],
    [AS_HELP_STRING([--disable-unit-tests], [build without cmocka])])
  have_cmocka=no
  AS_IF([test "x$enable_unit_tests" != xno],
    [PKG_CHECK_MODULES([CMOCKA], [cmocka >= 1.1], [have_cmocka=yes],
       [AC_MSG_ERROR([cmocka is missing: install libcmocka-dev, or configure with --disable-unit-tests])])])
  AM_CONDITIONAL([HAVE_CMOCKA], [test $have_cmocka = yes])
])

dnl VDPA_CHECK_RST2MAN
AC_DEFUN([VDPA_CHECK_RST2MAN], [
  AC_ARG_VAR([RST2MAN], [docutils' program that makes manual pages])
  AC_PATH_PROGS([RST2MAN], [rst2man rst2man.py])
  AM_CONDITIONAL([HAVE_RST2MAN], [test -n "$RST2MAN"])
])

dnl VDPA_CC_OPTION([OPTION]): adds OPTION to WARNING_FLAGS if $CC knows it.
AC_DEFUN([VDPA_CC_OPTION], [
  AC_MSG_CHECKING([whether $CC accepts $1])
  vdpa_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $1"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [return 0;])],
    [AC_MSG_RESULT([yes])
     WARNING_FLAGS="$WARNING_FLAGS $1"],
    [AC_MSG_RESULT([no])])
  CFLAGS=$vdpa_save_CFLAGS
])

dnl VDPA_ENABLE_WARNINGS: the warnings that OVS turns on.
AC_DEFUN([VDPA_ENABLE_WARNINGS], [
  AC_ARG_ENABLE([Werror],
    [AS_HELP_STRING([--enable-Werror], [treat warnings as errors])])
  WARNING_FLAGS="-Wall -Wextra"
  m4_foreach_w([vdpa_option],
    [-Wno-sign-compare -Wpointer-arith -Wformat-security -Wswitch-enum
     -Wunused-parameter -Wbad-function-cast -Wcast-align -Wstrict-prototypes
     -Wold-style-definition -Wmissing-prototypes
     -Wmissing-field-initializers -Wthread-safety -fno-strict-aliasing
     -Wswitch-bool -Wlogical-not-parentheses -Wsizeof-array-argument
     -Wshift-negative-value -Wduplicated-cond -Wshadow],
    [VDPA_CC_OPTION(vdpa_option)])
  AS_IF([test "x$enable_Werror" = xyes],
    [WERROR=-Werror
     WARNING_FLAGS="$WARNING_FLAGS -Werror"])
  AC_SUBST([WERROR])
  AC_SUBST([WARNING_FLAGS])
])
