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

# Bash library: the NIC whose VFs the demo and the system tests use.  Needs
# util.sh and an environment.
#
# VDPA_NIC names the flavour.  Each flavour NAME is five functions:
#
#   nic_NAME_create N QUEUES   makes VF number N and its representor
#   nic_NAME_destroy N         takes them away
#   nic_NAME_vf N              prints the VF's devargs
#   nic_NAME_rep N             prints the representor's devargs
#   nic_NAME_dpdk_extra        prints what DPDK must be told at its start
#
# Flavour "sim" needs VDPASIM, the path of librte_vdpasim.so.
#
# shellcheck shell=bash

# The one line to exchange.
: "${VDPA_NIC:=sim}"

# nic_there: succeeds unless the NIC is the simulated one, and that was not built.
nic_there()
{
    [ "$VDPA_NIC" != sim ] || [ -f "$VDPASIM" ]
}

# nic_create N [QUEUES]: makes VF number N, with so many queues, and its
# representor.  77, by which autotest skips the test, if there is no NIC.
nic_create()
{
    nic_there || return 77
    echo "${2-1}" > "$VDPA_ENV/nic-$1-queues"
    "nic_${VDPA_NIC}_create" "$1" "${2-1}"
}

nic_destroy()
{
    "nic_${VDPA_NIC}_destroy" "$1"
}

nic_vf()
{
    "nic_${VDPA_NIC}_vf" "$1"
}

nic_rep()
{
    "nic_${VDPA_NIC}_rep" "$1"
}

# nic_accelerator KIND N: prints the devargs of VF N as an accelerator of KIND:
# "relay", "hw" (a vDPA device, whose hardware logs dirty pages) or "assisted" (a
# vDPA device that software helps to log).
nic_accelerator()
{
    case $1 in
    relay) nic_vf "$2" ;;
    hw) echo "$(nic_vf "$2"),vdpa=1" ;;
    assisted) echo "$(nic_vf "$2"),vdpa=1,sw-live-migration=1" ;;
    *) return 1 ;;
    esac
}

nic_dpdk_extra()
{
    "nic_${VDPA_NIC}_dpdk_extra"
}

# Flavour "sim": the simulated NIC of drivers/, whose uplink is the network
# interface wire0.  All of its ports say what it is like, for the first of them
# makes it, with VDPA_SIM_VFS VFs if that is set.
nic_sim_pf()
{
    echo "net_simpf0,vfs=${VDPA_SIM_VFS-8},queues=$(cat "$VDPA_ENV/sim-queues"),wire=tap:wire0"
}

# All VFs have as many queues as the first one.
nic_sim_create()
{
    [ -f "$VDPA_ENV/sim-queues" ] || echo "$2" > "$VDPA_ENV/sim-queues"
}

nic_sim_destroy()
{
    :
}

nic_sim_vf()
{
    echo "net_simvf$1,pf=net_simpf0,vf=$1"
}

nic_sim_rep()
{
    echo "$(nic_sim_pf),representor=[$1]"
}

nic_sim_dpdk_extra()
{
    echo "--no-pci$(nic_there && echo " -d $(env_plugin "$VDPASIM")")"
}

# peer_up ADDRESS/LENGTH: makes a host behind the simulated NIC's wire and gives
# it an address.  The uplink must be a port of Open vSwitch already.
peer_up()
{
    ip netns add "$(env_netns)-peer" || return 1
    peer_exec sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 \
        net.ipv6.conf.default.disable_ipv6=1 || :
    env_exec ip link set wire0 netns "$(env_netns)-peer" \
        && peer_exec ip link set lo up \
        && peer_exec ip addr add "$1" dev wire0 \
        && peer_exec ip link set wire0 up
}

# nic_sim_fault PORT FAULT on|off: puts a fault into a port of the simulated NIC
# or takes it out.  Needs VDPA_TELEMETRY=yes at the start of Open vSwitch.
nic_sim_fault()
{
    echo "/simnic/fault,$1,$2,$3" \
        | dpdk-telemetry.py -f "$(env_netns)" | grep '"faults"'
}

# nic_sim_fault_at PORT FAULT on|off: likewise, and prints the moment of it, in
# ns since 1970: dpdk-telemetry.py takes its time to begin and to end.
nic_sim_fault_at()
{
    python3 - "/run/dpdk/$(env_netns)/dpdk_telemetry.v2" "$1,$2,$3" <<'END'
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.recv(65536)
now = time.time_ns()
s.send(("/simnic/fault," + sys.argv[2]).encode())
if b'"faults"' not in s.recv(65536):
    sys.exit(1)
print(now)
END
}

# Flavour "veth": the two ends of a veth pair, each opened by a raw socket.
# The peer of a raw socket gets checksums that nobody has filled in unless the
# kernel is told not to leave that to the device.
nic_veth_create()
{
    local end
    env_exec ip link add "vf$1" numrxqueues 16 numtxqueues 16 type veth \
        peer name "rep$1" numrxqueues 16 numtxqueues 16 || return 1
    for end in "vf$1" "rep$1"; do
        env_exec ethtool -K "$end" tx off rx off tso off gso off gro off \
            >/dev/null 2>&1
        env_exec ip link set "$end" up promisc on || return 1
    done
}

nic_veth_destroy()
{
    env_exec ip link del "vf$1"
}

nic_veth_vf()
{
    echo "net_af_packet_vf$1,iface=vf$1,qpairs=$(cat "$VDPA_ENV/nic-$1-queues")"
}

nic_veth_rep()
{
    echo "net_af_packet_rep$1,iface=rep$1"
}

# The machine's own devices are none of our business.
nic_veth_dpdk_extra()
{
    echo --no-pci
}
