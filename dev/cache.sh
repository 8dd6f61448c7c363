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
    logged "unpacking Open vSwitch" tar -C "$dir" -xzf \
        /usr/src/openvswitch/openvswitch.tar.gz || die_log
    cd "$OVS_BUILD" || exit 1
    logged "configuring Open vSwitch" \
        "$OVS_SOURCE/configure" --with-dpdk=shared --prefix=/usr \
        --sysconfdir=/etc --localstatedir=/var || die_log
    logged "building Open vSwitch (a minute or two, this once)" \
        ovs_make || die_log
    touch "$dir/.complete"
    cd "$TOP" || exit 1
}

# ovs_make: builds, in the current folder, as much of Open vSwitch as the
# plugin needs.  The sources that are generated do not come by themselves when
# a target is named.
ovs_make()
{
    # shellcheck disable=SC2016
    printf 'include Makefile\nvdpa-sources: $(BUILT_SOURCES)\n' \
        | make -j "$(nproc)" -f - vdpa-sources \
        && make -j "$(nproc)" vswitchd/ovs-vswitchd
}

# dpdk_prepare: fetches the source of the installed DPDK unless the cache has
# it; sets DPDK_SOURCE, empty if it cannot be had.
# shellcheck disable=SC2034 # It is for build.sh.
dpdk_prepare()
{
    local version dir
    version=$(dpkg-query -W -f '${source:Version}' libdpdk-dev)
    dir=$OVS_DPDKVDPA_CACHE/dpdk-$version
    if [ ! -f "$dir/.complete" ]; then
        rm -rf "$dir" && mkdir -p "$dir" || exit 1
        logged "fetching DPDK's header files for drivers" \
            dpdk_fetch "$version" "$dir" && touch "$dir/.complete"
    fi
    if [ -f "$dir/.complete" ]; then
        DPDK_SOURCE=$dir/source
    else
        rm -rf "$dir"
        DPDK_SOURCE=
        step "going on without DPDK's driver headers: no package source" \
             "offers dpdk $version; bringing libdpdk-dev up to date may help"
    fi
}

# dpdk_fetch VERSION FOLDER: fetches the source package into FOLDER/source.
# The machine may have no "deb-src" entry, so one is derived from each "deb"
# entry, in files that only these calls use.
dpdk_fetch()
{
    local dir=$2 apt
    mkdir -p "$dir/sources" "$dir/lists/partial" || return 1
    apt_sources_as_source "$dir/sources" || return 1
    apt="apt-get -o Dir::Etc::sourcelist=/dev/null
        -o Dir::Etc::sourceparts=$dir/sources -o Dir::State::Lists=$dir/lists
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
    $apt update
    (cd "$dir" && $apt source "dpdk=$1") || return 1
    mv "$dir"/dpdk-*/ "$dir/source" || return 1
    # Header files and what names the version are all that is used of it.
    (cd "$dir/source" && rm -rf app devtools doc examples kernel usertools)
    rm -rf "$dir"/sources "$dir"/lists "$dir"/dpdk_*
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
    local package dir
    guest_kernel >/dev/null 2>&1 && return 0
    dir=$OVS_DPDKVDPA_CACHE/kernel.new
    rm -rf "$dir" && mkdir -p "$dir" || exit 1
    package=$(kernel_package) || { apt-get update >> "$LOG" 2>&1
                                   package=$(kernel_package); } \
        || die "no package linux-image-cloud-amd64 can be had; see whether" \
               "\"apt-get update\" works, then try again"
    logged "fetching a kernel for guests" kernel_fetch "$package" "$dir" \
        || { logged "updating the package lists" apt-get update
             logged "fetching a kernel for guests" \
                 kernel_fetch "$(kernel_package)" "$dir"; } || die_log
    rm -rf "$OVS_DPDKVDPA_CACHE/kernel"
    mv "$dir" "$OVS_DPDKVDPA_CACHE/kernel" || exit 1
}

# kernel_package: prints the name of Debian's present cloud kernel package.
kernel_package()
{
    apt-cache depends linux-image-cloud-amd64 2>/dev/null \
        | sed -n 's/^ *Depends: //p' | grep -m 1 '^linux-image-'
}

kernel_fetch()
{
    cd "$2" && apt-get download "$1" && dpkg-deb -x ./*.deb . && rm -f ./*.deb
}
