#!/bin/bash
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

# Tests of the packages, on a machine that is there for nothing else: see
# dev/vm.sh.  In the current folder are the packages, in packages/, and the same
# with a higher version, in upgrade/, beside debian/tests and install.rst.  Each test begins where
# the one before it ended, and its result is a line "ok NAME" or "FAILED NAME".

. debian/tests/functions
export DEBIAN_FRONTEND=noninteractive
STOCK=/usr/lib/openvswitch-switch/ovs-vswitchd

apt_do()
{
    apt-get -y -q --no-install-recommends "$@"
}

# best: prints which ovs-vswitchd the machine has.
best()
{
    readlink -f /usr/sbin/ovs-vswitchd
}

alternatives()
{
    update-alternatives --query ovs-vswitchd
}

# Each is installed by what Documentation/install.rst says, and changes nothing.
test_install()
{
    alternatives > before
    apt_do install ./packages/openvswitch-switch-dpdkvdpa_*.deb \
        ./packages/dpdkvdpa-simulated-nic_*.deb \
        ./packages/dpdkvdpa-doc_*.deb || return
    alternatives | grep -x "Alternative: $OURS" \
        && alternatives | grep -A 1 "^Alternative: $OURS" \
            | grep -x 'Priority: 40' \
        && [ "$(best)" = "$STOCK" ] && [ "$(daemon)" = "$STOCK" ]
}

# What the packages have, they have where others look for it.
test_files()
{
    local page
    for page in man7/dpdkvdpa.7 man1/dpdkvdpa-top.1 man8/dpdkvdpa-adopt.8 \
            man7/dpdkvdpa-simulated-nic.7; do
        [ -s "/usr/share/man/$page.gz" ] || return
    done
    [ -s /usr/share/doc/openvswitch-switch-dpdkvdpa/install.rst ] \
        && ls /usr/share/doc/dpdkvdpa-doc/reference.rst* \
        && [ "$(stat -c %U:%a "$(simulated_nic)")" = root:644 ]
}

# The test that the packages bring with them.
test_autopkgtest()
{
    debian/tests/switch
}

# By telemetry, what the simulated NIC does, and the ports.
test_telemetry()
{
    local said
    said=$(echo /simnic/ports | dpdk-telemetry.py) && grep -w vf <<< "$said" \
        && said=$(dpdkvdpa-top --once --json) && grep -w vdpa1 <<< "$said"
}

# The daemon goes on with the guest while its package is upgraded, and when it is
# started anew, it is the new one, and the guest is there by itself.
test_upgrade()
{
    local pid
    pid=$(cat /run/openvswitch/ovs-vswitchd.pid)
    guest_start && packets \
        && apt_do install ./upgrade/openvswitch-switch-dpdkvdpa_*.deb \
            ./upgrade/dpdkvdpa-simulated-nic_*.deb || return
    selected && [ "$(cat /run/openvswitch/ovs-vswitchd.pid)" = "$pid" ] \
        && packets || return
    systemctl restart openvswitch-switch && wait_until 60 has_type \
        && [ "$(daemon)" = "$OURS" ] && ports_flows && packets
}

# Back to Debian's own, with the ports in the database.
test_remove()
{
    apt_do remove openvswitch-switch-dpdkvdpa || return
    [ "$(best)" = "$STOCK" ] && ! alternatives | grep "$OURS" || return
    systemctl restart openvswitch-switch || return
    [ "$(daemon)" = "$STOCK" ] \
        && [ "$(vsctl get Interface vdpa0 type)" = dpdkvdpa ] \
        && [ "$(vsctl list-ports br0 | xargs)" = 'vdpa0 vdpa1' ] \
        && vsctl get Interface vdpa0 options | grep -F "$GUEST/0.sock"
}

# And back again.
test_install_again()
{
    apt_do install ./packages/openvswitch-switch-dpdkvdpa_*.deb \
        && [ "$(best)" = "$STOCK" ] \
        && update-alternatives --set ovs-vswitchd "$OURS" \
        && systemctl restart openvswitch-switch && wait_until 60 has_type \
        && wait_until 60 got_more vdpa0 -1
}

# Nothing is left but the database.
test_purge()
{
    apt_do purge openvswitch-switch-dpdkvdpa dpdkvdpa-simulated-nic \
        dpdkvdpa-doc || return
    systemctl restart openvswitch-switch || return
    alternatives | diff before - \
        && [ "$(daemon)" = "$STOCK" ] \
        && [ "$(vsctl list-ports br0 | xargs)" = 'vdpa0 vdpa1' ] \
        && ! dpkg-query -W '*dpdkvdpa*' 2>/dev/null | grep . \
        && ! find /etc /usr /var/lib -name '*dpdkvdpa*' \
            ! -path '/var/lib/apt/*' | grep .
}

# to_type: prints the commands of Documentation/install.rst, but for the VF of a NIC
# that is not here.
to_type()
{
    awk '/^    # / { begun = 1; $1 = ""; print; next }
         begun && /^      / { print; next }
         { begun = 0 }' install.rst | grep -vE '^ *VF=[0-9]'
}

# What the document says works as it says it, from nothing to a port, and back.
test_typed()
{
    vsctl --if-exists del-br br0 -- clear Open_vSwitch . other_config \
        && systemctl restart openvswitch-switch \
        && echo 'APT::Get::Assume-Yes "true";' > /etc/apt/apt.conf.d/typed \
        && ln -sfn packages _packages || return
    to_type > commands
    sed '/apt purge/,$d' commands > there
    sed -n '/apt purge/,$p' commands > back
    OVS_CTL_TIMEOUT=60 bash -ex there < /dev/null || return
    [ "$(daemon)" = "$OURS" ] && [ "$(vsctl get Interface vdpa0 error)" = '[]' ] \
        && [ -z "$(vsctl --if-exists get Interface vdpa0 status:config_error)" ] \
        || return
    bash -ex back < /dev/null || return
    [ "$(daemon)" = "$STOCK" ] && [ "$(vsctl list-ports br0)" = vdpa0 ]
}

[ $# -gt 0 ] || set -- install files autopkgtest telemetry upgrade remove \
    install_again purge typed
for name in "$@"; do
    echo "### $name"
    begin=$SECONDS
    if "test_$name"; then
        echo "ok $name"
    else
        echo "FAILED $name"
        journalctl -n 40 --no-pager
        tail -n 40 /var/log/openvswitch/ovs-vswitchd.log
    fi
    guest_end
    echo "### $name took $((SECONDS - begin)) s"
done
