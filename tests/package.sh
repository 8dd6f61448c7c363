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
# with a higher version, in upgrade/, beside debian/tests, what it takes of tests/lib,
# and documents whose commands and profiles are tried.  Each test begins where the one
# before it ended.

. debian/tests/functions
. tests/lib/machine.sh || exit
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
        && said=$(dpdkvdpa-top --once --json) && grep -w vdpa1 <<< "$said" \
        && said=$(echo q | TERM=linux python3 -c 'import pty
pty.spawn("dpdkvdpa-top")') \
        && grep '2 ports' <<< "$said"
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

# own_rules: prints what AppArmor is to let ovs-vswitchd do on its own behalf here,
# without guests.  Its own memory, in hugepages without a name, is "/".
own_rules()
{
    cat <<'RULES'
#include <abstractions/base>
capability,
network,
unix,
/ rw,
/dev/ r,
/dev/{hpet,net/tun,null,random,urandom,zero} rw,
/dev/hugepages/ rwk,
/etc/** r,
/etc/openvswitch/** rwk,
/run/dpdk/{,**} rwk,
/run/openvswitch/{,**} rwkl,
/sys/** rw,
/usr/** mr,
/var/lib/** r,
/var/log/openvswitch/* rw,
@{PROC}/** rw,
RULES
}

# document_rules: prints the profile of the document, without what is around it.
document_rules()
{
    sed -n '/^    profile /,/^    }/p' orchestration.rst | sed '1d; $d' \
        | grep .
}

# confined NAME RULES...: loads a profile, of what the commands print.
confined()
{
    local command
    {
        echo '#include <tunables/global>'
        echo "profile $1 flags=(attach_disconnected) {"
        for command in "${@:2}"; do
            "$command" || exit
        done
        echo '}'
    } > profile && apparmor_parser -r -K profile
}

# switch_confined RULES...: starts ours with what the commands print, and its own.
switch_confined()
{
    confined "vswitchd $OURS" own_rules "$@" \
        && systemctl restart openvswitch-switch && wait_until 60 has_type \
        && grep 'vswitchd (enforce)' \
            "/proc/$(cat /run/openvswitch/ovs-vswitchd.pid)/attr/current"
}

# denied TEXT: prints what AppArmor has denied ovs-vswitchd, with TEXT in it.
denied()
{
    dmesg | grep 'apparmor="DENIED".*profile="vswitchd"' | grep -F "$1"
}

# socket_binds RULES...: a guest that may do this and run Python makes its socket.
socket_binds()
{
    confined qemu python_rules "$@" && rm -f "$GUEST/net0.sock" \
        && aa-exec -p qemu -- python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$GUEST/net0.sock"
}

python_rules()
{
    printf '%s\n' '#include <abstractions/base>' \
        '#include <abstractions/python>' '/usr/bin/python3* mr,' 'network unix,'
}

# libvirt_rules: prints what the document says that libvirt lets a guest do.
libvirt_rules()
{
    grep -o '"/run/vm/vm1/net0.sock" rw' orchestration.rst && echo ,
}

# testpmd_rules: prints all; but what a program has opened that is confined at all
# is not everybody's.
testpmd_rules()
{
    printf '%s\n' capability, network, unix, signal, '/ rw,' '/** mrwlkix,'
}

# guest_denied: succeeds if the switch was kept from the guest's memory, or from its
# socket, which not all kernels do.
guest_denied()
{
    denied /dev/hugepages/guest/ || denied "$GUEST/"
}

# What the document says of AppArmor is enough, with guests whose memory is in
# hugepages, in files without names and with.  Without it a guest cannot make its
# socket, and the switch cannot serve it.
test_apparmor()
(
    GUEST=/run/vm/vm1 GUEST_AS=(aa-exec -p qemu --)
    trap guest_end EXIT
    mountpoint -q /dev/hugepages || mount -t hugetlbfs none /dev/hugepages
    mkdir -p "$GUEST" /dev/hugepages/guest
    echo 0 > /proc/sys/kernel/printk_ratelimit
    dmesg -C
    vsctl del-br br0
    grep -x Y /sys/module/apparmor/parameters/enabled \
        && socket_binds libvirt_rules && ! socket_binds \
        && confined qemu testpmd_rules \
        && switch_confined document_rules && ports_add || exit
    for GUEST_MEMORY in --in-memory --huge-dir=/dev/hugepages/guest; do
        echo "a guest with $GUEST_MEMORY"
        guest_start && packets && guest_end || exit
    done
    echo "the same without what the document says"
    ! denied '' && switch_confined && ports_flows && guest_start \
        && wait_until 60 guest_denied && ! got_more vdpa0 0
)

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

machine_evidence()
{
    journalctl -n 40 --no-pager
    tail -n 40 /var/log/openvswitch/ovs-vswitchd.log
}

[ $# -gt 0 ] || set -- install files autopkgtest telemetry upgrade remove \
    install_again apparmor purge typed
for name in "$@"; do
    machine_test "$name"
    guest_end
done
