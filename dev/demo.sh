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

# ./quickstart demo, guest and stop: a port at work.
#
# shellcheck shell=bash

usage_demo()
{
    cat <<USAGE
usage: ./quickstart demo [--keep]

Starts an Open vSwitch with a simulated NIC, a dpdkvdpa port on one of its VFs
and a QEMU guest on that port; lets the guest ping the host and transfer data to
another host behind the NIC's wire; shows which flows the NIC carries by itself
and what the port says about itself; and takes everything down again.

  --keep   leave it running and say how to go on; end it by ./quickstart stop
USAGE
}

usage_guest()
{
    cat <<USAGE
usage: ./quickstart guest COMMAND...

Runs a shell command in the guest of the demo that was left running by
"./quickstart demo --keep", and ends with its status.
USAGE
}

usage_stop()
{
    cat <<USAGE
usage: ./quickstart stop

Ends the demo that "./quickstart demo --keep" left running.
USAGE
}

# The environment of a demo that was left running.
DEMO_LINK=/run/ovs-dpdkvdpa-demo

command_demo()
{
    local keep=
    while [ $# -gt 0 ]; do
        case $1 in
        --keep) keep=yes ;;
        --help|-h) usage_demo; exit 0 ;;
        *) usage_demo >&2; die "demo: unknown argument \"$1\"" ;;
        esac
        shift
    done
    needs_root
    if [ -d "$DEMO_LINK/" ]; then
        die "a demo is running already: end it by \"./quickstart stop\""
    fi
    build
    demo_choose_nic
    env_create vdpa-demo || die "cannot make a network namespace"
    ln -sfn "$VDPA_ENV" "$DEMO_LINK"
    trap demo_end EXIT
    trap 'exit 130' INT TERM
    if ! { demo_start && demo_traffic && demo_show; }; then
        demo_failed
    fi
    if [ -n "$keep" ]; then
        trap - EXIT
        demo_next
    else
        step "taking everything down"
    fi
}

# demo_choose_nic: the simulated NIC, or what shows the port without.
demo_choose_nic()
{
    nic_there && return
    # shellcheck disable=SC2034 # It is for nic.sh.
    VDPA_NIC=veth
    step "VF and representor are the ends of a veth pair, so that there is no" \
         "uplink, and nothing is offloaded;" "$NO_NIC"
}

# demo_start: starts Open vSwitch with a NIC, puts a host behind the NIC's wire,
# adds the port and boots a guest.
demo_start()
{
    step "starting Open vSwitch in $VDPA_ENV, with hw-offload"
    nic_create 0 && ovs_start hw-offload=true \
        && ovs_bridge br0 192.0.2.1/24 || return 1
    [ "$VDPA_NIC" != sim ] || demo_uplink || return 1
    step "adding the port: VF $(nic_vf 0) and its representor"
    demo_run ovs-vsctl add-port br0 vdpa0 -- set Interface vdpa0 \
        type=dpdkvdpa \
        options:vdpa-socket-path="$VDPA_ENV/vdpa0.sock" \
        options:vdpa-accelerator-devargs="\"$(nic_vf 0)\"" \
        options:dpdk-devargs="\"$(nic_rep 0)\"" || return 1
    ovs_port_ok vdpa0 || return 1
    step "booting a guest on the port's socket, 192.0.2.2"
    guest_start guest socket="$VDPA_ENV/vdpa0.sock" && guest_wait guest \
        && guest_up guest 192.0.2.2/24
}

# demo_uplink: adds the simulated NIC's uplink, and a host behind it.
demo_uplink()
{
    step "adding the NIC's uplink, and a host behind it, 192.0.2.3"
    demo_run ovs-vsctl add-port br0 pf -- set Interface pf type=dpdk \
        options:dpdk-devargs="\"$(nic_sim_pf)\"" || return 1
    ovs_port_ok pf && peer_up 192.0.2.3/24
}

# demo_ping ADDRESS: pings from the guest.
demo_ping()
{
    local status
    guest_ping guest "$1" 5
    status=$?
    cat "$VDPA_ENV/guest.ping"
    return "$status"
}

# demo_traffic: lets the guest talk to the host through VF, representor and
# Open vSwitch, and to the host behind the wire through VF and e-switch.
demo_traffic()
{
    step "the guest pings the host itself, by VF, representor and Open vSwitch"
    demo_ping 192.0.2.1 || return 1
    if [ "$VDPA_NIC" != sim ]; then
        demo_tcp env 192.0.2.1
        return
    fi
    step "the guest pings the host behind the wire; the first packets of the
           flow come to Open vSwitch, the others stay in the e-switch"
    demo_ping 192.0.2.3 && demo_tcp peer 192.0.2.3
}

# demo_tcp WHERE ADDRESS: lets the guest exchange data with a host by TCP.
demo_tcp()
{
    iperf_serve "$1" || return 1
    step "the guest sends to it by TCP, then the other way round"
    demo_run ovs-appctl dpif-netdev/pmd-stats-clear
    guest_exec guest "iperf3 -c $2 -t 3 -f m" \
        && guest_exec guest "iperf3 -c $2 -t 3 -f m -R"
}

# demo_show: shows what Open vSwitch says about the port.
demo_show()
{
    step "what Open vSwitch carried itself, and what the e-switch did"
    demo_run ovs-appctl dpif-netdev/pmd-perf-show
    [ "$VDPA_NIC" != sim ] \
        || demo_run ovs-appctl dpctl/dump-flows -m type=offloaded
    demo_run ovs-appctl dpif-netdev/pmd-rxq-show
    step "what the port says of itself"
    demo_run ovs-vsctl show
    demo_run ovs-vsctl --columns=name,type,link_state,status list \
        Interface vdpa0
    demo_run ovs-ofctl -O OpenFlow15 dump-ports br0 vdpa0
    demo_run ovs-appctl dpdkvdpa/show vdpa0
}

# demo_run COMMAND...: shows a command, then runs it.
demo_run()
{
    local word
    printf '\n#'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_=:,./+-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    "$@"
}

# demo_next: says what to do with a demo that was left running.
demo_next()
{
    step "the demo is left running"
    cat <<NEXT

To look at it yourself:

  export OVS_RUNDIR=$VDPA_ENV
  ovs-vsctl show
  ovs-appctl dpdkvdpa/show
  ip netns exec $(env_netns)-peer ping 192.0.2.2

The guest's console is in $VDPA_ENV/guest.console; a command runs in it by

  ./quickstart guest 'ip addr; ethtool -S eth0'

When you are done:

  ./quickstart stop
NEXT
}

# demo_failed: says where to look, and keeps it.
demo_failed()
{
    local keep=$OVS_DPDKVDPA_CACHE/demo-failed
    rm -rf "$keep"
    mkdir -p "$keep"
    cp "$VDPA_ENV"/*.log "$VDPA_ENV"/*.console "$VDPA_ENV"/*.qemu "$keep" \
        2>/dev/null
    grep -hE '\|(WARN|ERR|EMER)\|' "$keep/ovs-vswitchd.log" | tail -n 15 >&2
    die "the demo did not work; the logs are in $keep"
}

demo_end()
{
    env_destroy
    rm -f "$DEMO_LINK"
}

# command_guest COMMAND...: runs a command in the guest of a kept demo.
command_guest()
{
    case ${1-} in
    --help|-h) usage_guest; exit 0 ;;
    '') usage_guest >&2; die "guest: which command?" ;;
    esac
    needs_root
    VDPA_ENV=$(readlink "$DEMO_LINK") \
        || die "no demo is running: start one by \"./quickstart demo --keep\""
    guest_exec guest "$@"
}

command_stop()
{
    case ${1-} in
    --help|-h) usage_stop; exit 0 ;;
    ?*) usage_stop >&2; die "stop: unknown argument \"$1\"" ;;
    esac
    needs_root
    if VDPA_ENV=$(readlink "$DEMO_LINK"); then
        demo_end
        step "the demo is over"
    else
        step "no demo is running"
    fi
}
