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

# Stage ifc: a port in hardware mode, with DPDK's driver ifc, on vdpa-pci
#
# shellcheck shell=bash

# ifc_device: prints the vDPA device's PCI address.
ifc_device()
{
    lab_vdpa 0
}

# ifc_add [ARGUMENT]...: adds a port on the vDPA device, whose devargs are its
# address and each ARGUMENT.
ifc_add()
{
    check_add vdpa0 0 vdpa-accelerator-devargs="$(
        IFS=,; echo "$(ifc_device)${*/#/,}")"
}

# DPDK starts with the device bound to vfio-pci, and its driver net_virtio takes it
# for a network card, which the port then relays to.
test_ifc_taken()
{
    pci_bind "$(ifc_device)" vfio-pci && pci_bind "$(nic_rep 0)" vfio-pci \
        && ovs_start && ovs_bridge br0 192.0.2.1/24 \
        && ifc_add vdpa=1 && ovs_port_ok vdpa0 \
        && [ "$(ovs_status vdpa0 mode)" = sw ] || return
    ovs-vsctl --timeout=60 set Interface vdpa0 options:vdpa-sw=false
    wait_until "ovs_status vdpa0 config_error | grep $(
        )'is no vDPA device, for .* driver net_virtio has it'" || return
    ovs_status vdpa0 config_error
    ovs-vsctl --timeout=60 del-port vdpa0 && ovs_vswitchd_stop
}

# It is told to leave it to ifc.
test_ifc_port()
{
    export LAB_EXTRA
    LAB_EXTRA="-a $(ifc_device),vdpa=1"
    ovs-vsctl --no-wait set Open_vSwitch . \
            other_config:dpdk-extra="\"$(ovs_dpdk_extra)\"" \
        && ovs_vswitchd_start && ovs_bridge_up br0 192.0.2.1/24 \
        && ifc_add vdpa=1 && ovs_port_ok vdpa0 \
        && wait_until "[ \"\$(ovs_status vdpa0 mode)\" = hw ]"
}

# ifc_packets QUEUE: prints how many packets the device has moved by a queue.
ifc_packets()
{
    host vdpa 0 stats | sed -n "s/^q$1_packets //p"
}

test_ifc_traffic()
{
    lab_guest vdpa0 mac="$LAB_VDPA_MAC" && lab_neighbour 2 "$LAB_VDPA_MAC" \
        && lab_ping 2 20 \
        && [ "$(ifc_packets 0)" -ge 20 ] && [ "$(ifc_packets 1)" -ge 20 ] \
        && [ "$(host vdpa 0 stats | grep -cE '_dma_faults 0$')" -eq 4 ]
}

# The next ovs-vswitchd finds the device as the kernel has reset it, and the guest
# where it was.
test_ifc_killed()
{
    ovs_vswitchd_kill && ovs_vswitchd_start \
        && ovs_bridge_up br0 192.0.2.1/24 \
        && lab_neighbour 2 "$LAB_VDPA_MAC" \
        && wait_until "[ \"\$(ovs_status vdpa0 vm_connected)\" = true ]" \
        && lab_ping 2 20 && [ "$(ovs_status vdpa0 mode)" = hw ]
}
