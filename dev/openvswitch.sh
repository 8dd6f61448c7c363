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

# How Open vSwitch is built for the plugin, out of Debian's openvswitch-source:
# for quickstart and for debian/rules.
#
# shellcheck shell=bash

# ovs_unpack FOLDER: makes FOLDER a copy of the sources of the package
# openvswitch-source, which is a tar ball in Debian 12, and a tree later.
ovs_unpack()
{
    local packed=/usr/src/openvswitch/openvswitch.tar.gz
    if [ -f "$packed" ]; then
        tar -C "${1%/*}" -xzf "$packed"
    else
        cp -a "${packed%/*}" "$1"
    fi
}

# ovs_configure SOURCES [ARGUMENT]...: configures Open vSwitch in the current
# folder, with the folders of Debian's own.
ovs_configure()
{
    local sources=$1
    shift
    "$sources/configure" --with-dpdk=shared --prefix=/usr --sysconfdir=/etc \
        --localstatedir=/var "$@"
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
