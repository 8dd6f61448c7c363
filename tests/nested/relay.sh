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

# Stage relay: a port that relays, on a VF of igb bound to vfio-pci
#
# shellcheck shell=bash

# DPDK looks once whether there is VFIO: what is bound to it later, it does not get.
test_relay_late()
{
    modprobe -r vfio-pci vfio_iommu_type1
    ovs_start && ovs_bridge br0 192.0.2.1/24 && nic_create 0 || return
    ovs_refused check_add vdpa0 0
    ovs_error vdpa0 | tee /dev/stderr | grep -q "$(
        )^\"dpdk-devargs: .* vfio-pci, which has it, was not loaded when" \
        && ovs-vsctl --timeout=60 del-port vdpa0 && ovs_vswitchd_stop
}

test_relay_port()
{
    ovs_vswitchd_start && ovs_bridge_up br0 192.0.2.1/24 \
        && check_add vdpa0 0 && ovs_port_ok vdpa0
}

# The guest answers pings, which come to it and leave it by the VF.
test_relay_traffic()
{
    lab_guest vdpa0 mac="$(nic_pci_mac 0)" \
        && lab_neighbour 2 "$(nic_pci_mac 0)" && lab_ping 2 20 \
        && lab_counted vdpa0 vm_tx_packets_q0 20 \
        && lab_counted vdpa0 vf_tx_packets_q0 20
}

# igb lets no VF see what is for others, and net_e1000_igb_vf does not say so.
test_relay_promiscuous()
{
    ovs-appctl dpdkvdpa/show vdpa0 | grep -i promiscuous && return 1
    lab_neighbour 4 02:00:00:00:09:09
    ! env_exec ping -q -c 3 -W 5 192.0.2.4 && lab_ping 2 1
}

# relay_refused ADDRESS PATTERN: gives the live port the VF at ADDRESS, which it
# cannot have, as the key config_error says with a text that PATTERN matches; it goes
# on with the one that it has.
relay_refused()
{
    local status
    ovs-vsctl --timeout=60 set Interface vdpa0 \
            options:vdpa-accelerator-devargs="\"$1\"" \
        && wait_until "ovs_status vdpa0 config_error | grep -E '$2'"
    status=$?
    ovs_status vdpa0 config_error
    [ "$status" -eq 0 ] && lab_ping 2 5 \
        && ovs-vsctl --timeout=60 set Interface vdpa0 \
            options:vdpa-accelerator-devargs="\"$(nic_vf 0)\"" \
        && wait_until "[ -z \"\$(ovs_status vdpa0 config_error)\" ]"
}

test_relay_wrong_address()
{
    relay_refused 0000:01:1f.7 "^vdpa-accelerator-devargs: .*0000:01:1f.7.*$(
        )there is no PCI device 0000:01:1f.7"
}

test_relay_wrong_driver()
{
    local other
    other=$(nic_pci_vf 0 1)
    pci_bind "$other" igbvf \
        && relay_refused "$other" "the kernel.s driver igbvf has it; bind it to $(
            )vfio-pci" || return
    # Nor does a new port get it.
    pci_bind "$(nic_rep 1)" vfio-pci || return
    ovs_refused check_add vdpa1 1 vdpa-accelerator-devargs="$other" \
        dpdk-devargs="$(nic_rep 1)"
    ovs_error vdpa1 | tee /dev/stderr | grep -q 'driver igbvf has it'
}
