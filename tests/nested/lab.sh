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

# Bash library: what the stages have in common.  They have all of tests/lib besides.
#
# shellcheck shell=bash

# Everything is emulated, and two cores have everything to do.
export VDPA_TIMEOUT=120
# shellcheck disable=SC2154 # Set by who loads the libraries.
export VSWITCHD=$abs_top_srcdir/vswitchd/ovs-vswitchd
export VDPA_OVS_MEMORY=512 VDPA_NIC=pci

# The MAC address of the vDPA device.
export LAB_VDPA_MAC=02:00:00:00:00:01

# lab_stage NAME: runs a stage.
lab_stage()
{
    local name names
    . "tests/nested/$1.sh"
    env_create vdpa && trap env_destroy EXIT || exit
    mapfile -t names < <(sed -nE 's/^test_([a-z_]+)\(\)$/\1/p' \
                         "tests/nested/$1.sh")
    for name in "${names[@]}"; do
        machine_test "$name"
    done
}

machine_evidence()
{
    ovs-appctl -T 10 dpdkvdpa/show
    grep -vE 'VHOST_CONFIG|\|(coverage|poll_loop|timeval)\|' \
        "$VDPA_ENV/ovs-vswitchd.log" | tail -n 60
    tail -n 30 "$VDPA_ENV"/*.testpmd
    dmesg | tail -n 20
}

# The line to the host.
exec {LAB_HOST}<> /dev/virtio-ports/host

# host WORD...: has the host do what a nested_do_WORD() of dev/nested.sh does;
# prints what it says, and returns its status.
host()
{
    local line
    printf '%s\n' "$*" >&"$LAB_HOST"
    while read -r line <&"$LAB_HOST"; do
        case $line in
        "|"*) printf '%s\n' "${line#|}" ;;
        "="*) return "${line#=}" ;;
        esac
    done
    return 1
}

# pci_find VENDOR DEVICE [SUBVENDOR]: prints the addresses of these PCI functions.
pci_find()
{
    local dir
    for dir in /sys/bus/pci/devices/*; do
        if [ "$(cat "$dir/vendor") $(cat "$dir/device")" = "0x$1 0x$2" ] \
            && { [ $# -lt 3 ] || grep -qx "0x$3" "$dir/subsystem_vendor"; }; then
            echo "${dir##*/}"
        fi
    done
}

# pci_bind ADDRESS DRIVER: gives a PCI function to a driver of the kernel's.
pci_bind()
{
    local dir=/sys/bus/pci/devices/$1
    modprobe "$2" || return
    if [ "$(pci_driver "$1")" != "$2" ]; then
        [ ! -e "$dir/driver" ] || echo "$1" > "$dir/driver/unbind" || return
        echo "$2" > "$dir/driver_override" \
            && echo "$1" > /sys/bus/pci/drivers_probe || return
    fi
    wait_until "[ \"\$(pci_driver $1)\" = $2 ]"
}

# pci_driver ADDRESS: prints which driver has it, if any.
pci_driver()
{
    basename "$(readlink "/sys/bus/pci/devices/$1/driver")"
}

# lab_vdpa I: prints the PCI address of vDPA device I.
lab_vdpa()
{
    pci_find 1af4 1041 8086 | sed -n "$(($1 + 1))p"
}

# lab_ifc_begin: starts an Open vSwitch that leaves the vDPA devices alone before a
# port asks for one.
lab_ifc_begin()
{
    local i
    export LAB_EXTRA="-a 0000:00:00.0"
    for i in 0 1; do
        pci_bind "$(lab_vdpa $i)" vfio-pci \
            && pci_bind "$(nic_rep $i)" vfio-pci || return
    done
    ovs_start && ovs_bridge br0 192.0.2.1/24
}

# lab_ifc_ports [ARGUMENT]: adds a port on each vDPA device, whose devargs have
# ARGUMENT besides.
lab_ifc_ports()
{
    local i
    for i in 0 1; do
        check_add "vdpa$i" "$i" vdpa-sw=false vdpa-accelerator-devargs="$(
            lab_vdpa "$i"),vdpa=1${1+,$1}" && ovs_port_ok "vdpa$i" || return
    done
}

# lab_guest PORT [KEY=VALUE]...: starts testpmd as a guest of PORT, which answers
# pings; KEY=VALUE is for testpmd_vdev().  It is on the core without PMD threads, as
# all else, and takes what time is left.
lab_guest()
{
    TESTPMD_LCORES=0@0,1@0 \
    TESTPMD_VDEVS=$(testpmd_vdev "$VDPA_ENV/$1.sock" queue_size=256 "${@:2}") \
        testpmd_start "guest-$1" --forward-mode=icmpecho \
        && testpmd_cmd "guest-$1" start > /dev/null
}

# lab_neighbour I MAC: says that 192.0.2.I is a guest with that MAC address, for it
# answers no questions of that kind.
lab_neighbour()
{
    env_exec ip neigh replace "192.0.2.$1" dev br0 lladdr "$2"
}

# lab_ping I N: pings 192.0.2.I, N times, one after the other, each of which comes
# back.
lab_ping()
{
    local i
    for ((i = 0; i < $2; i++)); do
        env_exec ping -q -c 1 -W 30 "192.0.2.$1" > "$VDPA_ENV/ping.log" || {
            echo "ping $i of $2 to 192.0.2.$1 did not come back"
            return 1
        }
    done
}

# lab_counted PORT NAME N: waits until a statistic of PORT is N or more.
lab_counted()
{
    wait_until "[ \"\$(ovs_stat $1 $2)\" -ge $3 ]"
}

# Flavour "pci" of the NIC: N is VF 0 of igb N, which has one more VF, and its
# representor is a virtio-net card that is on the same wire: it has all that the VF
# sends to the outside.
nic_pci_create()
{
    local pf netdev
    pf=$(nic_pci_pf "$1") && netdev=$(ls "/sys/bus/pci/devices/$pf/net") || return
    # What the kernel says of its own there would come to the guests of later stages.
    echo 1 > "/proc/sys/net/ipv6/conf/$netdev/disable_ipv6" \
        && ip link set "$netdev" up \
        && echo 0 > "/sys/bus/pci/devices/$pf/sriov_drivers_autoprobe" \
        && echo 2 > "/sys/bus/pci/devices/$pf/sriov_numvfs" \
        && ip link set "$netdev" vf 0 mac "$(nic_pci_mac "$1")" \
        && pci_bind "$(nic_pci_vf "$1")" vfio-pci \
        && pci_bind "$(nic_pci_rep "$1")" vfio-pci
}

# nic_pci_pf N: prints the PCI address of igb N, the one in slot N, if it is there.
nic_pci_pf()
{
    local dir
    dir=$(echo "/sys/bus/pci/devices/$(pci_find 1b36 000c \
                | sed -n "$(($1 + 1))p")"/*:00.0)
    [ -d "$dir" ] && basename "$dir"
}

# nic_pci_mac N: prints the MAC address of its VF.
nic_pci_mac()
{
    echo "02:00:00:00:02:0$1"
}

# nic_pci_vf N [I]: prints the PCI address of VF I of igb N, 0 if none is given.
nic_pci_vf()
{
    basename "$(readlink "/sys/bus/pci/devices/$(nic_pci_pf "$1")/virtfn${2-0}")"
}

nic_pci_rep()
{
    pci_find 1af4 1041 1af4 | sed -n "$(($1 + 1))p"
}

# The devices are on the PCI bus, where DPDK takes what is bound to vfio-pci, unless
# LAB_EXTRA says what it is to take.
nic_pci_dpdk_extra()
{
    echo "${LAB_EXTRA-}"
}
