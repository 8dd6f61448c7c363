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

# arm64: everything is cross-built, with warnings as errors, and the unit tests
# run under qemu-user.
#
# This needs a root of its own, of the machine's suite: on the machine itself a
# second architecture would hold the versions of packages.  (In another suite's
# root it is a root in a root.)  qemu-user runs the instructions of an arm64, but
# in the order of the machine that it runs on: see tests/litmus for that.
#
# shellcheck shell=bash

# What distinguishes this way of building for arm64 from earlier ones.
ARM64_RECIPE=1

ARM64_PACKAGES="autoconf automake bsdextrautils ca-certificates
    crossbuild-essential-arm64 libtool make pkg-config procps python3
    qemu-user-static util-linux libcap-ng-dev:arm64 libcmocka-dev:arm64
    libdpdk-dev:arm64 libnuma-dev:arm64 libssl-dev:arm64 libunbound-dev:arm64"

# Programs of unit tests that qemu-user is no place for, and why.
ARM64_UNFIT_VDPA="the simulated vDPA device needs io_setup(2)"
ARM64_UNFIT_GUARD="who is guarded needs SO_COOKIE"
declare -gA ARM64_UNFIT=(
    [tests/unit/test-reset]=$ARM64_UNFIT_GUARD
    [tests/unit/test-served]=$ARM64_UNFIT_GUARD
    [tests/unit/test-sim-vdpa]=$ARM64_UNFIT_VDPA
    [tests/unit/test-sim-vdpa-dev]=$ARM64_UNFIT_VDPA
    [tests/unit/test-sim-vdpa-lies]=$ARM64_UNFIT_VDPA
    [tests/unit/test-sim-vdpa-lm]=$ARM64_UNFIT_VDPA
    [tests/unit/test-sim-vdpa-packets]=$ARM64_UNFIT_VDPA
    [tests/unit/test-vdpa-pci]=$ARM64_UNFIT_VDPA
    [tests/unit/test-vdpa-pci-hostile]=$ARM64_UNFIT_VDPA)

# What single tests ask for and qemu-user has not (tests/unit/test-needs.h).
ARM64_LACKS="aio cookies fork ptrace terabytes"

# part_arm64: the build counts as a test, then come the unit tests.
part_arm64()
{
    local dir=$OVS_DPDKVDPA_CACHE/arm64
    if [ "$(dpkg --print-architecture)" != amd64 ]; then
        skipped 1 "arm64 was not tried: it is cross-built on amd64 only"
        return
    fi
    mkdir -p "$dir" || exit 1
    exec 7> "$dir/lock"
    flock 7
    arm64_root "$dir"
    case $? in
    0) arm64_check "$dir/root" ;;
    2) skipped 1 "arm64 was not tried: $ROOT_PROBLEM" ;;
    *) failed 1 "arm64: $ROOT_PROBLEM" ;;
    esac
    exec 7>&-
}

# arm64_check ROOT: what there is to check once there is a root.
arm64_check()
{
    if logged "building for arm64 (some minutes)" arm64_build "$1"; then
        passed 1
        arm64_unit "$1"
    else
        failed 1 "there is no build for arm64; the log is $LOG"
    fi
}

# arm64_root FOLDER: makes FOLDER/root, with the packages of both architectures,
# unless it is there, and brings the copy of our sources in it up to date.  A
# new version of Open vSwitch or DPDK takes a new root.
arm64_root()
{
    local dir=$1 version
    version=$ARM64_RECIPE-$(suite_here)-$(package_version openvswitch-source)
    version+=-$(package_version libdpdk-dev)
    if [ "$(cat "$dir/.complete" 2>/dev/null)" != "$version" ]; then
        PACKAGES=$ARM64_PACKAGES ROOT_PACKAGES='' \
            ROOT_ARCHITECTURES=amd64,arm64 root_make "$(suite_here)" "$dir" \
            || return
        echo "$version" > "$dir/.complete"
    fi
    sources_copy "$dir/root/plugin"
}

# arm64_run ROOT SCRIPT: runs SCRIPT, for sh, in the root, where Open vSwitch's
# sources are in /openvswitch and DPDK's header files for drivers in /dpdk.
arm64_run()
{
    # shellcheck disable=SC2016 # It is for the shells that are called.
    unshare --mount --propagation private --pid --fork --kill-child \
        bash -c "$(declare -f root_mounts)"'
            root_mounts "$1" && mkdir -p "$1/openvswitch" "$1/dpdk" \
                && mount --bind "$2" "$1/openvswitch" \
                && { [ -z "$3" ] || mount --bind "$3" "$1/dpdk"; } \
                && exec chroot "$1" env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
                    PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
                    PKG_CONFIG_LIBDIR="$5" UNIT_TESTS_LACK="$6" sh -ec "$4"' \
        arm64_run "$1" "$OVS_SOURCE" "${DPDK_TREE-}" "$2" \
        /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig \
        "$ARM64_LACKS" 7>&- 8>&-
}

# arm64_build ROOT: builds Open vSwitch, as far as the plugin needs it and unless
# it is there, and all of the plugin.
arm64_build()
{
    # shellcheck disable=SC2016 # It is for the shell in the root.
    arm64_run "$1" "
        jobs=-j$(nproc) nic=${DPDK_TREE:+--with-dpdk-source=/dpdk}"'
        mkdir -p /ovs-build
        cd /ovs-build
        if [ ! -f .complete ]; then
            /openvswitch/configure --host=aarch64-linux-gnu \
                --with-dpdk=shared --prefix=/usr --sysconfdir=/etc \
                --localstatedir=/var
            printf "include Makefile\nx: \$(BUILT_SOURCES)\n" \
                | make $jobs -f - x
            make $jobs vswitchd/ovs-vswitchd
            touch .complete
        fi
        cd /plugin
        if [ ! -f Makefile ]; then
            ./boot.sh
            ./configure --host=aarch64-linux-gnu --enable-Werror $nic \
                --with-ovs-source=/openvswitch --with-ovs-build=/ovs-build
        fi
        make $jobs all
        make $jobs check TESTS='
}

# arm64_unit ROOT: runs the unit tests and counts their cases.  A program that
# takes long for whatever reason is ended.
arm64_unit()
{
    local root=$1 tests=() name all
    local BUILD=$1/plugin
    # shellcheck disable=SC2016 # It is for make in the root.
    all=$(arm64_run "$root" 'cd /plugin
        printf "include Makefile\nx: ; @echo \$(TESTS)\n" | make -s -f - x')
    # shellcheck disable=SC2086 # These are words.
    for name in $all; do
        if [ -n "${ARM64_UNFIT[$name]-}" ]; then
            skipped 1 "$name: skipped, ${ARM64_UNFIT[$name]}"
        elif [[ $name != *.sh ]]; then      # Scripts have no architecture.
            tests+=("$name")
        fi
    done
    if [ "${#tests[@]}" -eq 0 ]; then
        failed 1 "there are no unit tests for arm64"
        return
    fi
    step "unit tests for arm64, under qemu-user"
    # What does without libraries has a name of its own in Debian 12 only.
    arm64_run "$root" "cd /plugin; rm -f ${tests[*]/%/.log} ${tests[*]/%/.trs}
        qemu=\$(command -v qemu-aarch64-static || command -v qemu-aarch64)
        make -k -j$(nproc) check TESTS='${tests[*]}' \\
            LOG_COMPILER=\"timeout -s KILL 300 \$qemu\"" \
        > "$BUILD/tests/unit-tests.log" 2>&1
    cd "$BUILD" || exit 1
    for name in "${tests[@]}"; do
        unit_count "$name"
    done
    grep ' is not to be had here$' "${tests[@]/%/.log}"
}
