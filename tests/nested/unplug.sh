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

# Stage unplug: the NIC of one of two ports goes under load, and comes back
#
# shellcheck shell=bash

test_unplug_ports()
{
    local i
    modprobe vfio-pci && ovs_start && ovs_bridge br0 192.0.2.1/24 || return
    for i in 0 1; do
        nic_create $i && check_add vdpa$i $i && ovs_port_ok vdpa$i \
            && lab_guest vdpa$i mac="$(nic_pci_mac $i)" \
            && lab_neighbour $((i + 2)) "$(nic_pci_mac $i)" \
            && lab_ping $((i + 2)) 5 || return
    done
}

# QEMU asks, the kernel has the driver of the VF asked to let go, and Open vSwitch
# does.  Nobody but that port takes notice.
test_unplug_under_load()
{
    local pf pid
    pf=$(nic_pci_pf 0) && pid=$(process_pid ovs-vswitchd) \
        && env_spawn load "$VDPA_ENV/load.log" \
            ping -i 0.01 192.0.2.2 < /dev/null \
        && wait_until "[ \"\$(grep -c ' ttl=' '$VDPA_ENV/load.log')\" -gt 50 ]" \
        && host qmp device_del id=igb0 \
        && wait_until "ovs_status vdpa0 config_error | grep 'was removed'" \
        && wait_until "[ ! -e /sys/bus/pci/devices/$pf ]" || return
    ovs_status vdpa0 config_error
    wait_until "[ \"\$(ovs-vsctl get Interface vdpa0 link_state)\" = down ]" \
        && lab_ping 3 20 && [ "$(process_pid ovs-vswitchd)" = "$pid" ]
}

# The guest has stayed; when the VF is bound to vfio-pci again, the port takes it.
test_unplug_back()
{
    host qmp device_add driver=igb id=igb0 bus=slot0 netdev=nic0 \
            mac=02:00:00:00:01:00 \
        && wait_until "nic_pci_pf 0" \
        && wait_until "ls /sys/bus/pci/devices/\$(nic_pci_pf 0)/net" \
        && nic_create 0 \
        && wait_until "[ -z \"\$(ovs_status vdpa0 config_error)\" ]" \
        && wait_until "[ \"\$(ovs-vsctl get Interface vdpa0 link_state)\" = up ]" \
        && lab_ping 2 20 && lab_ping 3 5
}
