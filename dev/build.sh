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

# ./quickstart build: installs what is missing and builds everything.
#
# shellcheck shell=bash

usage_build()
{
    cat <<USAGE
usage: ./quickstart build [--asan]

Installs the packages that are missing, builds Open vSwitch once from Debian's
openvswitch-source, fetches the header files that DPDK drivers need, and
builds the plugin in place:

  vswitchd/ovs-vswitchd   a drop-in for the distribution's ovs-vswitchd

  --asan   build with AddressSanitizer and UndefinedBehaviorSanitizer instead,
           in _build-asan/
USAGE
}

command_build()
{
    while [ $# -gt 0 ]; do
        case $1 in
        --asan) ASAN=yes ;;
        --help|-h) usage_build; exit 0 ;;
        *) usage_build >&2; die "build: unknown argument \"$1\"" ;;
        esac
        shift
    done
    build
    step "done: $VSWITCHD"
}

# prepare: installs and fetches everything that the build needs.
prepare()
{
    prepare_packages
    ovs_prepare
    dpdk_prepare
    kernel_prepare
}

# prepare_packages: of this, the packages.
prepare_packages()
{
    needs_root
    mkdir -p "$OVS_DPDKVDPA_CACHE" || exit 1
    cache_lock
    printf '##### %s: quickstart %s\n' "$(date)" "$COMMAND" > "$LOG"
    packages_install
}

# build_in FOLDER [VARIABLE=VALUE]...: builds the sources in FOLDER, in place.
build_in()
{
    local dir=$1 args f
    shift
    cd "$dir" || exit 1
    args=("--with-ovs-source=$OVS_SOURCE" "--with-ovs-build=$OVS_BUILD"
          ${DPDK_TREE:+"--with-dpdk-source=$DPDK_TREE"}
          ${CONFIGURE_FLAGS:+"$CONFIGURE_FLAGS"} "$@")
    for f in boot.sh configure.ac acinclude.m4; do
        if [ ! -f Makefile.in ] || [ "$f" -nt configure ]; then
            logged "creating configure" ./boot.sh || die_log
            break
        fi
    done
    if [ ! -f Makefile ] || [ configure -nt config.status ] \
            || [ "$(configured_with)" != "${args[*]}" ]; then
        logged "configuring the plugin" ./configure "${args[@]}" || die_log
    fi
    logged "building the plugin in $dir" make -j "$(nproc)" || die_log
    cd "$TOP" || exit 1
}

# configured_with: prints the arguments that ./configure last got.
configured_with()
{
    local args
    args=$(./config.status --config) && eval "args=($args)" \
        && echo "${args[*]}"
}

# DPDK reads headers of packets wherever they are, as x86 does.
SANITIZE_MORE="-fno-sanitize=alignment -fno-omit-frame-pointer"

# build: builds what $ASAN asks for, and has what follows use it.
build()
{
    prepare
    if [ -z "$ASAN" ]; then
        build_in "$TOP"
        build_use "$TOP"
    else
        build_sanitized
        build_use "$TOP/_build-asan"
    fi
    exec 8>&-
}

# build_sanitized: builds with sanitizers, in _build-asan.
build_sanitized()
{
    sources_copy "$TOP/_build-asan"
    build_in "$TOP/_build-asan" \
        CFLAGS="-g -O1 -fsanitize=address,undefined $SANITIZE_MORE"
}

# build_use FOLDER: from now on the programs are those of this build.
build_use()
{
    BUILD=$1
    export VSWITCHD=$BUILD/vswitchd/ovs-vswitchd
    export VDPASIM=$BUILD/drivers/librte_vdpasim.so
    [ -x "$VSWITCHD" ] || die "the build made no $VSWITCHD; the log is $LOG"
    [ -f "$VDPASIM" ] || [ -z "$DPDK_TREE" ] \
        || die "the build made no $VDPASIM; the log is $LOG"
}

# Why there may be no simulated NIC.
NO_NIC="the simulated NIC was not built, for want of DPDK's sources:"
NO_NIC+=" see whether 'apt-get source dpdk' works, or give DPDK_SOURCE"

# needs_nic: ends unless there is the simulated NIC.
needs_nic()
{
    nic_there \
        || die "$COMMAND does nothing without the simulated NIC;" "$NO_NIC"
}

# sources_copy FOLDER: brings a copy of the sources, as they are now, up to
# date; what is built in FOLDER stays.  A second build out of a tree that is already
# built in place would take the objects that are there for its own, and what
# autoconf made for one suite is not for another.  What changed is as old as the
# copy: it may have been written before what was built of the copy before.
sources_copy()
{
    local new=$1/.new list=$1/.copied file
    rm -rf "$new" && mkdir -p "$new" && touch "$list" || exit 1
    sources_pack | tar -C "$new" -xf - || exit 1
    (cd "$new" && find . -type f) | sort > "$list.new"
    comm -13 "$list.new" "$list" | while read -r file; do
        rm -f "$1/$file"
    done
    while read -r file; do
        cmp -s "$new/$file" "$1/$file" \
            || { mkdir -p "$1/${file%/*}" \
                 && cp --preserve=mode "$new/$file" "$1/$file"; } || exit 1
    done < "$list.new"
    mv "$list.new" "$list" && rm -rf "$new"
}

# sources_pack: writes a tar ball of the sources, without what is built.
sources_pack()
{
    tar -C "$TOP" -cf - --exclude='./.git' --exclude='./_build*' \
        --exclude='./_packages*' --exclude='./Documentation/*.[178]' \
        --exclude='*.o' --exclude='*.d' --exclude='*.lo' --exclude='*.so' \
        --exclude='.deps' --exclude='.dirstamp' --exclude='.libs' \
        --exclude='./Makefile' --exclude='./Makefile.in' \
        --exclude='./aclocal.m4' --exclude='./autom4te.cache' \
        --exclude='./build-aux' --exclude='./configure' \
        --exclude='./configure~' --exclude='./config.status' \
        --exclude='./config.log' \
        --exclude='./libtool' --exclude='./bench-results' \
        --exclude='./openvswitch-dpdkvdpa-*' \
        --exclude='./bench/relay-cost' --exclude='./bench/ring-cost' \
        --exclude='./bench/receive-direct' \
        --exclude='./bench/vhost-floor' \
        --exclude='./tests/atlocal' --exclude='./tests/package.m4' \
        --exclude='./tests/system-testsuite*' --exclude='./tests/*.list' \
        --exclude='./tests/*.log' --exclude='./tests/*.out' \
        --exclude='./tests/*.trs' --exclude='./tests/*.dir' \
        --exclude='./tools/vhost-user-frontend' \
        --exclude='./tools/guest-kexec' \
        --exclude='./tools/vdpa-host' --exclude='./tools/vdpa-pci' \
        --exclude='./vswitchd/ovs-vswitchd' --exclude-from=<(
            cd "$TOP" && find ./tests/unit ./tests/fuzz \
                \( -name 'test-*' -o -name 'fuzz-*' \) \
                ! -name '*.c' ! -name '*.h' ! -name '*.sh' \
                ! -name '*.py') .
}
