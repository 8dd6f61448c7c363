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

# What takes long to make and is kept, in $OVS_DPDKVDPA_CACHE: Open vSwitch,
# the header files of DPDK's drivers, a kernel for guests.
#
# shellcheck shell=bash

# What distinguishes this way of building Open vSwitch from earlier ones.
OVS_RECIPE=2

# cache_lock: waits until nobody else changes the cache; then nobody else does
# until file 8 is closed.
cache_lock()
{
    exec 8> "$OVS_DPDKVDPA_CACHE/lock"
    if ! flock -n 8; then
        step "waiting for another quickstart to finish building"
        flock 8
    fi
}

# ovs_prepare: unpacks and builds Open vSwitch unless the cache has it; sets
# OVS_SOURCE and OVS_BUILD.
ovs_prepare()
{
    local dir name
    name=ovs-$(package_version openvswitch-source)
    name+=-dpdk-$(package_version libdpdk-dev)-$OVS_RECIPE
    dir=$OVS_DPDKVDPA_CACHE/$name
    OVS_SOURCE=$dir/openvswitch
    OVS_BUILD=$dir/build
    [ -f "$dir/.complete" ] && return 0
    rm -rf "$dir" && mkdir -p "$OVS_BUILD" || exit 1
    logged "unpacking Open vSwitch" ovs_unpack "$OVS_SOURCE" || die_log
    cd "$OVS_BUILD" || exit 1
    logged "configuring Open vSwitch" ovs_configure "$OVS_SOURCE" || die_log
    logged "building Open vSwitch (a minute or two, this once)" \
        ovs_make || die_log
    touch "$dir/.complete"
    cd "$TOP" || exit 1
}

# dpdk_prepare: finds the header files of the installed DPDK's drivers: in a
# tree that DPDK_SOURCE names, in the cache, or in the package's source, which
# it fetches.  Sets DPDK_TREE, empty if they cannot be had.
# shellcheck disable=SC2034 # It is for build.sh.
dpdk_prepare()
{
    local version dir
    version=$(dpkg-query -W -f '${source:Version}' libdpdk-dev)
    DPDK_TREE=$(dpdk_given "$version") && return 0
    dir=$OVS_DPDKVDPA_CACHE/dpdk-$version
    if [ ! -f "$dir/.complete" ]; then
        rm -rf "$dir" && mkdir -p "$dir" || exit 1
        logged "fetching DPDK's header files for drivers" \
            dpdk_fetch "$version" "$dir" && touch "$dir/.complete"
    fi
    if [ -f "$dir/.complete" ]; then
        DPDK_TREE=$dir/source
    else
        rm -rf "$dir"
        DPDK_TREE=
        step "going on without DPDK's driver headers, and without the" \
             "simulated NIC: no mirror has the source package of dpdk" \
             "$version, or of another version of its release series; name" \
             "DPDK's source tree, of that series, in DPDK_SOURCE"
    fi
}

# dpdk_given VERSION: prints the first of the trees of DPDK_SOURCE, and of those
# that root_run() has put into the cache, that is of the release series of
# VERSION.
dpdk_given()
{
    local tree
    # shellcheck disable=SC2086 # These are words.
    for tree in ${DPDK_SOURCE-} "$OVS_DPDKVDPA_CACHE"/dpdk-given-*; do
        if [ "$(dpdk_series "$(cat "$tree/VERSION" 2>/dev/null)")" \
                = "$(dpdk_series "$1")" ]; then
            echo "$tree"
            return 0
        fi
    done
    return 1
}

# dpdk_series VERSION: prints the release series of a version, as 22.11.
dpdk_series()
{
    sed -nE 's/^([0-9]+\.[0-9]+).*/\1/p' <<< "$1"
}

# dpdk_headers FROM TO: copies what is used of a source tree: header files, and
# what names the version.
dpdk_headers()
{
    rm -rf "$2" && mkdir -p "$2" && (
        cd "$1" && find VERSION lib drivers/bus -name '*.h' -o -name VERSION
    ) | tar -C "$1" -cf - -T - | tar -C "$2" -xf -
}

# dpdk_fetch VERSION FOLDER [mv]: fetches header files, or all sources, into
# FOLDER/source, from the source package of VERSION, or else of the newest other
# version of its release series that can be had: a mirror may list what it does
# not have, and have brought out another point release since.  The machine may
# have no "deb-src" entry, so one is derived from each "deb" entry, in files that
# only these calls use.
dpdk_fetch()
{
    local dir=$2 keep=${3-dpdk_headers} version
    local apt=(-o Dir::Etc::sourcelist=/dev/null
        -o Dir::Etc::sourceparts="$dir/sources"
        -o Dir::State::Lists="$dir/lists"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
    mkdir -p "$dir/sources" "$dir/lists/partial" || return 1
    apt_sources_as_source "$dir/sources" || return 1
    apt-get "${apt[@]}" update
    for version in $(dpdk_versions "$1" "${apt[@]}"); do
        if (cd "$dir" && apt-get "${apt[@]}" source "dpdk=$version"); then
            "$keep" "$(echo "$dir"/dpdk-*/)" "$dir/source" || return 1
            rm -rf "$dir"/sources "$dir"/lists "$dir"/dpdk[_-]*
            return 0
        fi
        rm -rf "$dir"/dpdk[_-]*
    done
    return 1
}

# dpdk_versions VERSION OPTION...: prints VERSION, and then what else apt, with
# these options, knows of its release series, the newest first.
dpdk_versions()
{
    local version
    echo "$1"
    apt-cache "${@:2}" showsrc --only-source dpdk \
        | sed -n 's/^Version: //p' | sort -ruV | while read -r version; do
        [ "$version" = "$1" ] \
            || [ "$(dpdk_series "$version")" != "$(dpdk_series "$1")" ] \
            || echo "$version"
    done
}

# apt_sources_as_source FOLDER: writes into FOLDER the machine's package
# sources, turned to source packages.
apt_sources_as_source()
{
    local LIST='' PARTS='' f
    eval "$(apt-config shell LIST Dir::Etc::sourcelist/f \
                             PARTS Dir::Etc::sourceparts/d)"
    for f in "$LIST" "$PARTS"/*.list; do
        if [ -f "$f" ]; then
            sed -nE 's/^[[:space:]]*deb(-src)?[[:space:]]/deb-src /p' "$f"
        fi
    done | sort -u > "$1/quickstart.list"
    for f in "$PARTS"/*.sources; do
        if [ -f "$f" ]; then
            sed -E 's/^[Tt]ypes:.*/Types: deb-src/' "$f" \
                > "$1/$(basename "$f")"
        fi
    done
}

# kernel_prepare: fetches a kernel for guests unless there is one.  It is only
# unpacked, not installed: the machine shall not boot it.
kernel_prepare()
{
    local packages dir
    guest_kernel >/dev/null 2>&1 && return 0
    dir=$OVS_DPDKVDPA_CACHE/kernel.new
    rm -rf "$dir" && mkdir -p "$dir" || exit 1
    packages=$(kernel_packages)
    if [ -z "$packages" ]; then
        apt-get update >> "$LOG" 2>&1
        packages=$(kernel_packages)
    fi
    [ -n "$packages" ] \
        || die "no package linux-image-cloud-amd64 can be had; see whether" \
               "\"apt-get update\" works, then try again"
    # shellcheck disable=SC2046,SC2086 # These are words.
    logged "fetching a kernel for guests" kernel_fetch "$dir" $packages \
        || { logged "updating the package lists" apt-get update
             logged "fetching a kernel for guests" \
                 kernel_fetch "$dir" $(kernel_packages); } || die_log
    rm -rf "$OVS_DPDKVDPA_CACHE/kernel"
    mv "$dir" "$OVS_DPDKVDPA_CACHE/kernel" || exit 1
}

# kernel_packages: prints the names of the packages that Debian's present cloud
# kernel consists of: image and modules are one in Debian 12 and 13, and later
# come with the one that is called image.
kernel_packages()
{
    local image
    image=$(package_depends linux-image-cloud-amd64 | grep -m 1 '^linux-image-')
    [ -n "$image" ] || return 1
    echo "$image"
    package_depends "$image" | grep -E '^linux-(base|binary|modules)-'
}

# package_depends PACKAGE: prints the names of the packages that it depends on.
package_depends()
{
    apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: //p'
}

kernel_fetch()
{
    local dir=$1 deb
    shift
    cd "$dir" && apt-get download "$@" || return 1
    for deb in ./*.deb; do
        dpkg-deb -x "$deb" . && rm -f "$deb" || return 1
    done
}
