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

# ./quickstart package: Debian packages.
#
# shellcheck shell=bash

# What it takes beside $PACKAGES.
PACKAGE_PACKAGES="blhc build-essential debhelper libbpf-dev libxdp-dev
    lintian"

usage_package()
{
    cat <<USAGE
usage: ./quickstart package [--no-check] [--try]

Builds the Debian packages of the suite that this machine runs ("./quickstart
--suite sid package" those of another, into _packages-sid/), and puts them into
_packages/:

  openvswitch-switch-dpdkvdpa   an ovs-vswitchd, as an alternative that the
                                administrator selects
  dpdkvdpa-simulated-nic        the simulated NIC
  dpdkvdpa-doc                  the documentation

They are built without network, as Debian's own are, where the kernel can do so.
Then it looks at them: lintian has nothing to say, and all that was compiled,
of Open vSwitch's sources and ours, is hardened as Debian's own packages are.
Documentation/install.rst says how to go on.

  --no-check   do without the unit tests, which else run as part of the build
  --try        then boot a virtual machine, emulated, with systemd and Debian's
               Open vSwitch, and install, use, upgrade and purge them there
USAGE
}

command_package()
{
    local try=''
    while [ $# -gt 0 ]; do
        case $1 in
        --no-check) export DEB_BUILD_OPTIONS="nocheck ${DEB_BUILD_OPTIONS-}" ;;
        --try) try=yes ;;
        --help|-h) usage_package; exit 0 ;;
        *) usage_package >&2; die "package: unknown argument \"$1\"" ;;
        esac
        shift
    done
    PACKAGES+=" $PACKAGE_PACKAGES"
    # The packages have an Open vSwitch built of their own.
    prepare_packages
    dpdk_prepare
    exec 8>&-
    # shellcheck disable=SC2034 # It is for check.sh.
    PASSED=0 FAILED=0 SKIPPED=0
    package_make "$TOP/_packages" || die "there are no good packages"
    if [ -n "$try" ]; then
        package_try "$TOP/_packages"
        [ "$FAILED" -eq 0 ] || die "they are no good"
    fi
    step "done: apt install ./_packages/openvswitch-switch-dpdkvdpa_*.deb"
}

# package_make FOLDER: makes the packages in FOLDER, and looks at them: four
# tests.  Fails if there are none, or one of the tests failed.
package_make()
{
    local before=$FAILED
    if ! package_build "$1"; then
        failed 1 "the packages could not be built: $1/build.log"
        return 1
    fi
    passed 1
    offline_can || skipped 1 "they were built with network: no namespace" \
        "without can be had here"
    package_test "lintian has something to say of" "looking at them with lintian" \
        package_lint "$1"
    package_test "not all is hardened in" "looking at how they are hardened" \
        package_hardened "$1"
    package_test "a program does not run of" "looking whether programs run" \
        package_programs "$1"
    [ "$FAILED" -eq "$before" ]
}

# package_test PROBLEM WHAT COMMAND... FOLDER: one test.
package_test()
{
    local problem=$1
    shift
    if logged "$@"; then
        passed 1
    else
        failed 1 "$problem ${*: -1}; the log is $LOG"
    fi
}

# part_package: the packages are made and tried.
part_package()
{
    PACKAGES=$PACKAGE_PACKAGES packages_install
    cd "$TOP" || exit 1
    if package_make "$TOP/_packages"; then
        package_try "$TOP/_packages"
    fi
}

# package_try FOLDER: tries the packages in FOLDER in a virtual machine, and counts
# the tests.
# shellcheck disable=SC2034 # The folder is suites.sh's.
package_try()
{
    local BUILD=$1 log=$1/vm.log status work
    if [ -z "$DPDK_TREE" ] || [ "$(dpkg --print-architecture)" != amd64 ]; then
        skipped 1 "the packages were not tried: $NO_NIC"
        return
    fi
    vm_prepare
    case $? in
    0) ;;
    2) skipped 1 "the packages were not tried: $ROOT_PROBLEM"; return ;;
    *) failed 1 "the packages were not tried: $ROOT_PROBLEM"; return ;;
    esac
    work=$(mktemp -d) || exit 1
    if ! package_disk "$1" "$work"; then
        failed 1 "the packages cannot be handed to a virtual machine"
        return
    fi
    logged "trying them in a virtual machine (some minutes)" \
        vm_run "$work" "$log"
    status=$?
    rm -rf "$work"
    vm_count "$1" vm.log "$status" "$TOP/tests/package.sh"
}

# package_disk FROM TO: puts into TO what a virtual machine wants: the packages in
# FROM, the same as an upgrade, and their tests.
package_disk()
{
    local deb
    mkdir -p "$2/packages" "$2/upgrade" "$2/debian" "$2/tests/lib" \
        && cp "$1"/*.deb "$2/packages/" \
        && rm -f "$2"/packages/*-dbgsym_* \
        && cp -r "$TOP/debian/tests" "$2/debian/" \
        && cp "$TOP"/Documentation/{install,orchestration}.rst "$2/" \
        && cp "$TOP/tests/lib/machine.sh" "$2/tests/lib/" \
        && cp "$TOP/tests/package.sh" "$2/run" || return
    for deb in "$2"/packages/*.deb; do
        package_higher "$deb" "$2/upgrade" || return
    done
}

# package_higher DEB FOLDER: puts into FOLDER what DEB is, with a higher version.
package_higher()
{
    local tree
    tree=$(mktemp -d) && dpkg-deb -R "$1" "$tree" \
        && sed -i 's/^Version: .*/&+upgrade/' "$tree/DEBIAN/control" \
        && dpkg-deb -Znone --root-owner-group -b "$tree" "$2" > /dev/null
    local status=$?
    rm -rf "$tree"
    return "$status"
}

# package_fetch TREE SUITE: brings the packages of another suite here, which were
# made in TREE.
package_fetch()
{
    local to=$TOP/_packages-$2
    rm -rf "$to" && mkdir "$to" || return
    if [ -d "$1/_packages" ]; then
        cp "$1"/_packages/* "$to" && step "they are in $to"
    fi
}

# package_version_here: prints the version of the packages of this suite: one
# suite's ovs-vswitchd is not another's.
package_version_here()
{
    printf '%s+ovs%s\n' \
        "$(dpkg-parsechangelog -l "$TOP/debian/changelog" -S Version)" \
        "$(dpkg-query -W -f '${source:Upstream-Version}' openvswitch-source)"
}

# package_build FOLDER: builds the packages in a copy of the sources, and leaves
# in FOLDER what comes out of it, with a log.
package_build()
{
    local build=$TOP/_build-package version
    version=$(package_version_here)
    rm -rf "$1" "$build" && mkdir -p "$1" || return
    sources_copy "$build/tree"
    sed -i "1s/([^()]*)/($version)/" "$build/tree/debian/changelog" || return
    logged "building the packages, version $version (some minutes)" \
        package_dpkg "$build/tree" "$1/build.log" || return
    mv "$build"/*.deb "$build"/*.changes "$build"/*.buildinfo "$1" || return
    rm -rf "$build"
}

# package_dpkg TREE LOG: has dpkg build them, where there is no network but this
# machine's own address.
package_dpkg()
{
    local profiles='' status
    [ -n "$DPDK_TREE" ] || profiles=pkg.openvswitch-dpdkvdpa.nonic
    cd "$1" && DPDK_SOURCE=$DPDK_TREE package_offline \
        dpkg-buildpackage -b -us -uc ${profiles:+"-P$profiles"} > "$2" 2>&1
    status=$?
    [ "$status" -eq 0 ] || tail -n 40 "$2"
    return "$status"
}

# package_offline COMMAND...: runs COMMAND in a namespace without network, if the
# kernel gives us one.
package_offline()
{
    if offline_can; then
        # shellcheck disable=SC2016 # It is for the other shell.
        unshare --net sh -c 'ip link set lo up && exec "$@"' sh "$@"
    else
        "$@"
    fi
}

# offline_can: whether it does, which it does not in some containers.
offline_can()
{
    unshare --net true 2> /dev/null
}

# package_lint FOLDER: fails if lintian finds something.  Debian 12's does not
# know the field Static-Built-Using, which its dpkg knows.
package_lint()
{
    local said
    said=$(lintian --fail-on none --allow-root "$1"/*.changes) || return
    said=$(grep -v ': unknown-field Static-Built-Using$' <<< "$said")
    echo "$said"
    ! grep -q '^[EW]:' <<< "$said"
}

# package_hardened FOLDER: fails if the log of the build has a file that was
# compiled without one of the flags that the suite hardens packages with, or if
# what was linked lacks what they bring.
package_hardened()
{
    local dir status=0
    dir=$(mktemp -d) || return
    package_flags "$1/build.log" || status=1
    dpkg-deb -x "$1"/openvswitch-switch-dpdkvdpa_*.deb "$dir" \
        && package_hardened_file pie "$dir"/usr/lib/*/ovs-vswitchd-dpdkvdpa \
        || status=1
    if [ -n "$DPDK_TREE" ]; then
        dpkg-deb -x "$1"/dpdkvdpa-simulated-nic_*.deb "$dir" \
            && package_hardened_file '' "$dir"/usr/lib/*/*/librte_vdpasim.so \
            || status=1
    fi
    rm -rf "$dir"
    return "$status"
}

# package_programs FOLDER: fails if what an administrator types does not find its
# own parts.
package_programs()
{
    local dir name status=0
    dir=$(mktemp -d) \
        && dpkg-deb -x "$1"/openvswitch-switch-dpdkvdpa_*.deb "$dir" || return
    for name in bin/dpdkvdpa-top sbin/dpdkvdpa-adopt; do
        "$dir/usr/$name" --help || { echo "$name: status $?"; status=1; }
    done
    rm -rf "$dir"
    return "$status"
}

# package_flags LOG: fails if a line of the log lacks a flag, or if few compile
# anything.
package_flags()
{
    local n
    n=$(grep -cE '(gcc|cc) .* -c ' "$1")
    echo "$1: $n lines compile something"
    [ "$n" -gt 300 ] && blhc --debian --all "$1"
}

# package_hardened_file PIE FILE: whether FILE has a canary on the stack, checked
# functions of the C library, relocations that are read-only from the start and,
# if PIE is given, no fixed address; and, where the suite asks for it, code that
# branches only to where it may.
package_hardened_file()
{
    local pie=$1 file=$2 status=0 what
    readelf -W -lhd --dyn-syms -n "$file" > "$LOG.elf" || return
    for what in __stack_chk_fail '__[a-z]+_chk(@|$)' ' GNU_RELRO ' \
            '\(FLAGS(_1)?\).* (BIND_)?NOW' ${pie:+'\(FLAGS_1\).* PIE'} \
            $(package_branches); do
        grep -qE "$what" "$LOG.elf" || { echo "$file has no $what"; status=1; }
    done
    rm -f "$LOG.elf"
    return "$status"
}

# package_branches: prints what marks code that branches only to where it may, if
# this suite's flags ask for such code and its C library is of that kind.
package_branches()
{
    local flags mark=''
    flags=$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get CFLAGS)
    case $flags in
    *-fcf-protection*) mark=IBT,.SHSTK ;;
    *-mbranch-protection*) mark=BTI ;;
    esac
    if [ -n "$mark" ] && readelf -n "$(gcc -print-file-name=crt1.o)" \
            | grep -qE "$mark"; then
        echo "$mark"
    fi
}
