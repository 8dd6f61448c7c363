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

# Bash library: OVN on two chassis.  Needs all the other libraries.
#
# A chassis is an environment, with an Open vSwitch, a simulated NIC and an
# ovn-controller of its own.  OVN's databases and ovn-northd are on chassis "a",
# and so are all guests, as processes: where one is for OVN its socket says.  The
# wires of the NICs end in a bridge of Linux's in a network namespace, which goes
# with chassis "a".
#
# shellcheck shell=bash

# The environment of each chassis.
declare -A CHASSIS

# Megabytes of hugepages that each Open vSwitch gets.
OVN_MEMORY=512

# ovn_there: succeeds if there is an OVN.
ovn_there()
{
    local program
    for program in ovn-northd ovn-controller ovn-nbctl ovn-sbctl; do
        command -v $program >/dev/null || return 1
    done
}

# ovn_begin [CHASSIS...]: makes the environments of both chassis, or these, "a" last,
# and sees to it that they are taken away again however the test ends.
ovn_begin()
{
    [ $# -gt 0 ] || set -- b a
    export VDPA_OVS_MEMORY=$OVN_MEMORY
    trap ovn_end EXIT
    trap 'exit 1' INT TERM HUP
    local name
    for name in "$@"; do
        env_create vdpa || return 1
        CHASSIS[$name]=$VDPA_ENV
        chassis "$name"
    done
}

# ovn_end: what check_end() does, for each.  The guests go before Open vSwitch.
ovn_end()
{
    local status=$? name
    for name in a b; do
        [ -n "${CHASSIS[$name]-}" ] || continue
        chassis "$name"
        mkdir -p "chassis-$name"
        # What is printed of a test that failed is not looked for in folders.
        (cd "chassis-$name" && { ovn_status "$status"; check_end; })
        cp "chassis-$name"/*.log . 2>/dev/null
    done
}

# ovn_status STATUS: sets $?.
ovn_status()
{
    return "$1"
}

# chassis NAME: from now on all is about that one.
chassis()
{
    VDPA_ENV=${CHASSIS[$1]}
    export OVN_RUNDIR=$VDPA_ENV OVN_LOGDIR=$VDPA_ENV OVN_DBDIR=$VDPA_ENV
    ovs_env
}

# chassis_do NAME COMMAND...: does COMMAND there.
chassis_do()
{
    (chassis "$1" && "${@:2}")
}

# ovn_central_start: starts OVN's databases and ovn-northd.
ovn_central_start()
{
    local db
    for db in nb sb; do
        ovsdb-tool create "$VDPA_ENV/$db.db" "/usr/share/ovn/ovn-$db.ovsschema" \
            || return 1
    done
    env_exec ovsdb-server --detach --no-chdir --pidfile="$VDPA_ENV/ovn.pid" \
        --unixctl="$VDPA_ENV/ovn.ctl" -vconsole:off \
        --log-file="$VDPA_ENV/ovn.log" \
        --remote="punix:$VDPA_ENV/ovn.sock" --remote=ptcp:6641:172.31.0.1 \
        "$VDPA_ENV/nb.db" "$VDPA_ENV/sb.db" \
        && process_add ovn-db "$(cat "$VDPA_ENV/ovn.pid")" \
        && env_exec ovn-northd --detach --no-chdir --pidfile -vconsole:off \
            --log-file --ovnnb-db=tcp:172.31.0.1:6641 \
            --ovnsb-db=tcp:172.31.0.1:6641 \
        && process_add ovn-northd "$(cat "$VDPA_ENV/ovn-northd.pid")"
}

# ovn_nb COMMAND..., ovn_sb COMMAND...: ovn-nbctl, ovn-sbctl.
ovn_nb()
{
    ovn-nbctl --timeout=30 --db="unix:${CHASSIS[a]}/ovn.sock" "$@"
}

ovn_sb()
{
    ovn-sbctl --timeout=30 --db="unix:${CHASSIS[a]}/ovn.sock" "$@"
}

# chassis_start NAME ADDRESS [KEY=VALUE]...: starts Open vSwitch there, with the
# uplink in a bridge br-phys whose local port has ADDRESS, for tunnels.
chassis_start()
{
    local name=$1 address=$2
    chassis "$name"
    ovs_start "$(ovs_sleep_keys 500 | cut -d ' ' -f 1)" \
        "$(ovs_sleep_keys 500 | cut -d ' ' -f 2)" "${@:3}" \
        && nic_create 0 && nic_create 1 || return 1
    ovs_bridge br-phys "$address/24" \
        && ovs_add_dpdk br-phys pf "$(nic_sim_pf)" mtu_request=1600 \
        && env_exec ip link set br-phys mtu 1600 \
        && chassis_wire "$name"
}

# chassis_wire NAME: puts the other end of the uplink's wire into the bridge that
# joins them.
chassis_wire()
{
    local fabric
    fabric=$(chassis_do a env_netns)-peer
    if ! ip netns exec "$fabric" true 2>/dev/null; then
        ip netns add "$fabric" \
            && ip -n "$fabric" link add fabric mtu 1600 type bridge \
            && ip -n "$fabric" link set fabric up || return 1
    fi
    env_exec ip link set wire0 netns "$fabric" name "wire-$1" \
        && ip -n "$fabric" link set "wire-$1" mtu 1600 master fabric \
        && ip -n "$fabric" link set "wire-$1" up
}

# chassis_join NAME ADDRESS: makes it a chassis of OVN's, with its tunnels at
# ADDRESS.
chassis_join()
{
    chassis "$1"
    ovs-vsctl --timeout=30 add-br br-int -- set Bridge br-int \
        datapath_type=netdev fail_mode=secure \
        -- set Open_vSwitch . external_ids:system-id="$1" \
        external_ids:ovn-remote=tcp:172.31.0.1:6641 \
        external_ids:ovn-encap-type=geneve external_ids:ovn-encap-ip="$2" \
        && chassis_controller_start "$1" \
        && wait_until "ovn_sb --bare --columns=name list Chassis | grep -qx $1"
}

# chassis_controller_start NAME: starts its ovn-controller.
chassis_controller_start()
{
    chassis "$1"
    env_exec ovn-controller --detach --no-chdir --pidfile \
        -vconsole:off --log-file "unix:$VDPA_ENV/db.sock" \
        && process_add ovn-controller "$(cat "$VDPA_ENV/ovn-controller.pid")"
}

# chassis_controller_stop NAME: has its ovn-controller end as for another one to take
# its place, with all bindings and flows as they are.
chassis_controller_stop()
{
    local pid
    chassis "$1"
    pid=$(process_pid ovn-controller) \
        && ovn-appctl -T 10 -t ovn-controller exit --restart \
        && wait_until "! process_stamp $pid" && rm -f "$VDPA_ENV/pids/ovn-controller"
}

# chassis_controller_kill NAME: kills it as a crash would.
chassis_controller_kill()
{
    chassis "$1"
    process_end ovn-controller KILL
    rm -f "$VDPA_ENV"/ovn-controller.*.ctl "$VDPA_ENV/ovn-controller.pid"
}

# chassis_again NAME ADDRESS: starts Open vSwitch of a chassis again, after it was
# killed, with what the machine's configuration of networks would do.
chassis_again()
{
    chassis "$1"
    ovs_vswitchd_start && ovs_bridge_up br-phys "$2/24" \
        && env_exec ip link set br-phys mtu 1600 \
        && wait_until "env_exec ip link show wire0" && chassis_wire "$1"
}

# chassis_port NAME PORT N LOGICAL [OPTION=VALUE]...: adds a dpdkvdpa port on VF N
# for a logical port, with options as check_add() takes them.
chassis_port()
{
    chassis "$1"
    CHECK_BRIDGE=br-int check_add "$2" "$3" \
        "other:external_ids:iface-id=$4" "${@:5}" && ovs_port_ok "$2"
}

# ovn_network N: makes the logical switch netN, 10.0.N.0/24, behind the router.
ovn_network()
{
    local mac=52:54:00:00:01:0$1
    ovn_nb --may-exist lr-add r1 \
        -- ls-add "net$1" \
        -- lrp-add r1 "r1-net$1" "$mac" "10.0.$1.1/24" \
        -- lsp-add "net$1" "net$1-r1" \
        -- lsp-set-type "net$1-r1" router \
        -- lsp-set-addresses "net$1-r1" router \
        -- lsp-set-options "net$1-r1" "router-port=r1-net$1" \
        && ovn_nb create DHCP_Options "cidr=10.0.$1.0/24" \
            "options:server_id=10.0.$1.1" "options:server_mac=\"$mac\"" \
            options:lease_time=3600 "options:router=10.0.$1.1" options:mtu=1442
}

# ovn_logical NAME SWITCH MAC ADDRESS: makes a logical port, whose guest gets ADDRESS
# by DHCP and may use no other.
ovn_logical()
{
    ovn_nb lsp-add "$2" "$1" \
        -- lsp-set-addresses "$1" "$3 $4" \
        -- lsp-set-port-security "$1" "$3 $4" \
        -- lsp-set-dhcpv4-options "$1" "$(ovn_nb --bare --columns=_uuid \
            find DHCP_Options "cidr=${4%.*}.0/24")"
}

# ovn_flow PORT FROM TO: prints datapath flows that come in by PORT, with an address
# of FROM and TO, as far as they are masked.
ovn_flow()
{
    ovs-appctl dpctl/dump-flows -m \
        | grep "in_port($1).*ipv4(src=$2[,/].*dst=$3[,/]"
}

# ovn_received FILE LEAST MOST: succeeds if iperf3, whose output is in FILE, received
# so many Mbit/s.
ovn_received()
{
    awk -v least="$2" -v most="$3" '
        /receiver/ && / Mbits.sec/ { for (i = 1; i < NF; i++)
            if ($(i + 1) == "Mbits/sec") rate = $i }
        END { print rate; exit !(rate > least && rate < most) }' "$1"
}

# ovn_up LOGICAL: waits until OVN has the logical port up.
ovn_up()
{
    wait_until "[ \"\$(ovn_nb lsp-get-up '$1')\" = up ]"
}

# ovn_down LOGICAL: waits until OVN has it down.
ovn_down()
{
    wait_until "[ \"\$(ovn_nb lsp-get-up '$1')\" = down ]"
}

# ovn_bound LOGICAL: prints the name of the chassis that has the logical port.
ovn_bound()
{
    ovn_sb --bare --columns=name list Chassis \
        "$(ovn_sb --bare --columns=chassis list Port_Binding "$1")"
}

# guest_dhcp GUEST: has a guest ask for an address, MTU and router.
guest_dhcp()
{
    # shellcheck disable=SC2016 # It is for the guest.
    guest_exec "$1" '
        cat > /tmp/udhcpc <<\END
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev $interface
ip addr add $ip/$mask dev $interface
[ -z "$mtu" ] || ip link set $interface mtu $mtu
ip route add default via $router
END
        chmod +x /tmp/udhcpc && ip link set eth0 up &&
            udhcpc -f -q -n -t 20 -T 1 -O mtu -i eth0 -s /tmp/udhcpc'
}
