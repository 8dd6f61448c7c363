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

# For ./quickstart bench --stage scale: Debian's DPDK has room for 32 Ethernet
# ports, which is enough for 15 of ours.  So that stage has a DPDK of its own,
# built from Debian's source.
#
# shellcheck shell=bash

# Increased whenever what is built in the cache changes.
SCALE_RECIPE=1

# The drivers of DPDK's own that it takes.
SCALE_DRIVERS=bus/vdev,bus/pci,mempool/ring,net/null,net/ring,net/tap

# scale_build: builds DPDK for many ports and an Open vSwitch with it, once, and
# the plugin with both.  SCALE_BUILD and SCALE_LIBS say where these are.
scale_build()
{
    local dir version
    PACKAGES="meson ninja-build python3-pyelftools" packages_install
    cache_lock
    version=$(dpkg-query -W -f '${source:Version}' libdpdk-dev)
    dir=$OVS_DPDKVDPA_CACHE/scale-$version-$SCALE_RECIPE
    if [ ! -f "$dir/.complete" ]; then
        rm -rf "$dir" && mkdir -p "$dir" || exit 1
        scale_dpdk "$version" "$dir"
        scale_ovs_build "$dir"
        touch "$dir/.complete"
    fi
    scale_plugin "$dir"
    export SCALE_BUILD=$TOP/_build-scale SCALE_LIBS=$dir/install/lib
    exec 8>&-
}

# scale_dpdk VERSION DIR: builds DPDK in DIR.
scale_dpdk()
{
    local dir=$2
    if [ -d "$DPDK_TREE/usertools" ]; then
        cp -a "$DPDK_TREE" "$dir/source" || exit 1
    else
        logged "fetching DPDK's sources" \
            dpdk_fetch "$1" "$dir" mv || die_log
    fi
    logged "configuring a DPDK for 1024 ports" meson setup \
        "$dir/dpdk" "$dir/source" --prefix="$dir/install" --libdir=lib \
        -Dmax_ethports=1024 -Dplatform=generic -Dtests=false \
        -Denable_kmods=false -Ddisable_apps='*' \
        -Denable_drivers="$SCALE_DRIVERS" || die_log
    logged "building it (some minutes, this once)" \
        ninja -C "$dir/dpdk" install || die_log
    rm -rf "$dir/dpdk"
}

# scale_env DIR COMMAND...: runs COMMAND such that it finds that DPDK.
scale_env()
{
    local dir=$1
    shift
    PKG_CONFIG_PATH=$dir/install/lib/pkgconfig \
        LD_LIBRARY_PATH=$dir/install/lib "$@"
}

# scale_ovs_build DIR: builds Open vSwitch with it.
scale_ovs_build()
{
    mkdir -p "$1/ovs" && cd "$1/ovs" || exit 1
    logged "configuring an Open vSwitch for it" scale_env "$1" \
        ovs_configure "$OVS_SOURCE" || die_log
    logged "building it (a minute or two, this once)" \
        scale_env "$1" ovs_make || die_log
    cd "$TOP" || exit 1
}

# scale_plugin DIR: builds the plugin with both, in _build-scale.
scale_plugin()
{
    # shellcheck disable=SC2034 # It is for build_in().
    local OVS_BUILD=$1/ovs DPDK_TREE=$1/source
    sources_copy "$TOP/_build-scale"
    scale_env "$1" build_in "$TOP/_build-scale"
    logged "building the guests" scale_env "$1" \
        make -C "$TOP/_build-scale" tools/vhost-user-frontend || die_log
}
