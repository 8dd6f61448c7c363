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

# The Debian packages that the build, the demo and the tests need.
#
# shellcheck shell=bash

# Packages for building, also by hand.
BUILD_PACKAGES="gcc make libc6-dev autoconf automake libtool pkg-config
    python3 openvswitch-source libdpdk-dev libnuma-dev libcmocka-dev libssl-dev
    libcap-ng-dev libunbound-dev"

# All that is installed: these, and what the demo and most tests take.
PACKAGES="$BUILD_PACKAGES dpkg-dev xz-utils openvswitch-switch
    openvswitch-common dpdk dpdk-dev qemu-system-x86 busybox-static iproute2
    iputils-ping ethtool iperf3 cpio kmod lz4 man-db mount procps zstd
    python3-docutils util-linux"

# What some tests take beside, and who runs ./quickstart check has installed.
# shellcheck disable=SC2034 # It is for check.sh and root.sh.
CHECK_PACKAGES="prometheus tmux"

# What keeps services from being started while packages are installed.
POLICY=/usr/sbin/policy-rc.d

# packages_missing: prints those of $PACKAGES that are not installed.
packages_missing()
{
    local p
    for p in $PACKAGES; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" \
            = installed ] || echo "$p"
    done
}

# packages_install: installs what is missing, and starts no service.
packages_install()
{
    local missing
    missing=$(packages_missing | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    step "missing packages: $missing"
    services_hold
    # shellcheck disable=SC2086
    packages_get $missing
    local status=$?
    services_release
    [ "$status" -eq 0 ] || die "cannot install packages; the log is $LOG." \
        "See whether \"apt-get update\" works, then try again"
}

# packages_get PACKAGE...: installs these; the package lists are only brought
# up to date if it does not work without.
packages_get()
{
    local apt="env DEBIAN_FRONTEND=noninteractive apt-get -y
        -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 --no-install-recommends"
    # shellcheck disable=SC2086
    if $apt -s install "$@" >> "$LOG" 2>&1 \
            && logged "installing packages" $apt install "$@"; then
        return 0
    fi
    logged "updating the package lists" apt-get update
    # shellcheck disable=SC2086
    logged "installing packages" $apt install "$@"
}

# services_hold: keeps packages from starting services while they are being
# installed: openvswitch-switch is needed for its programs only.
services_hold()
{
    services_release
    if [ -e "$POLICY" ]; then
        mv "$POLICY" "$POLICY.before-dpdkvdpa"
    fi
    trap services_release EXIT
    printf '#!/bin/sh\n# by dpdkvdpa quickstart\nexit 101\n' > "$POLICY"
    chmod +x "$POLICY"
}

# services_release: back to what it was.
services_release()
{
    if grep -qs '^# by dpdkvdpa quickstart' "$POLICY"; then
        rm -f "$POLICY"
    fi
    if [ -e "$POLICY.before-dpdkvdpa" ]; then
        mv "$POLICY.before-dpdkvdpa" "$POLICY"
    fi
}

# package_version PACKAGE: prints the version of an installed package.
package_version()
{
    dpkg-query -W -f '${Version}' "$1"
}
