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

# Bash library: bulk TCP between a QEMU guest and a host behind the wire of the
# simulated NIC, by our port and by dpdkvhostuserclient.  Needs systems.sh,
# guest.sh and nic.sh.
#
# In both cases the guest's packets enter the NIC by VF 0, and Open vSwitch
# switches its representor and the uplink, with hw-offload, so that the
# e-switch carries the flow.
#
# shellcheck shell=bash

# How long each transfer takes.
TCP_SECONDS=1

# The host behind the wire, and the guest.
TCP_PEER=192.0.2.3
TCP_GUEST=192.0.2.2

# tcp_system NAME KIND: starts a system, its wire, its host and its guest.
# KIND is ours or switching.
tcp_system()
{
    local status
    export BENCH_SIM=yes BENCH_WIRE=tap:wire0
    system_try "$1" tcp_start "$2"
    status=$?
    BENCH_SIM=
    unset BENCH_WIRE
    return $status
}

tcp_start()
{
    VDPA_OVS_MEMORY=768 ovs_start hw-offload=true dpdk-socket-mem=768 \
        userspace-tso-enable=true \
        && ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=netdev \
            fail_mode=standalone \
        && ovs_add_dpdk br0 pf "$(nic_sim_pf)" && "tcp_port_$1" \
        && peer_up "$TCP_PEER/24" && iperf_serve peer && tcp_guest
}

tcp_port_ours()
{
    ovs-vsctl add-port br0 vdpa0 -- set Interface vdpa0 type=dpdkvdpa \
        options:vdpa-socket-path="$VDPA_ENV/0.sock" options:vdpa-sw=true \
        options:vdpa-accelerator-devargs="\"$(nic_sim_vf 0)\"" \
        options:dpdk-devargs="\"$(nic_sim_rep 0)\"" && ovs_port_ok vdpa0
}

tcp_port_switching()
{
    ovs_add_dpdk br0 rep0 "$(nic_sim_rep 0)" \
        && ovs-vsctl add-br br1 -- set Bridge br1 datapath_type=netdev \
            fail_mode=secure \
        -- add-port br1 vm0 -- set Interface vm0 type=dpdkvhostuserclient \
            options:vhost-server-path="$VDPA_ENV/0.sock" \
        && ovs_add_dpdk br1 vf0 "$(nic_sim_vf 0)" && ovs_port_ok vm0 \
        && ovs-ofctl add-flow br1 in_port=vf0,actions=output:vm0 \
        && ovs-ofctl add-flow br1 in_port=vm0,actions=output:vf0
}

tcp_guest()
{
    guest_start guest socket="$VDPA_ENV/0.sock" && guest_wait guest \
        && guest_up guest "$TCP_GUEST/24" \
        && wait_until "guest_ping guest $TCP_PEER 1"
}

# tcp_run ROUND NAME TSO DIRECTION: prints a line of results.  TSO is "on" or
# "off".
tcp_run()
{
    local reverse='' gbps
    [ "$4" = guest-to-wire ] || reverse=-R
    guest_exec guest "ethtool -K eth0 tso $3" >/dev/null || return 1
    gbps=$(guest_exec guest "iperf3 -J -t $TCP_SECONDS -c $TCP_PEER $reverse" \
           | python3 -c 'import json, sys
end = json.load(sys.stdin)["end"]
print("%.4f" % (end["sum_received"]["bits_per_second"] / 1e9))') || return 1
    say "  round $1 of $ROUNDS: $2 tso=$3 $4 $gbps Gbps"
    printf '{"stage": "tcp", "round": %d, "system": "%s", "size": "tso-%s",' \
        "$1" "$2" "$3"
    printf ' "direction": "%s", "gbps": %s}\n' "$4" "$gbps"
}

# tcp_rounds NAME...: measures all of these, in turns.
tcp_rounds()
{
    local round name tso direction
    for ((round = 1; round <= ROUNDS; round++)); do
        for tso in on off; do
            for direction in guest-to-wire wire-to-guest; do
                for name in "$@"; do
                    system_release "$name"
                    tcp_run "$round" "$name" "$tso" "$direction" || return 1
                    system_hold "$name"
                done
            done
        done
    done
}
