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

# ./quickstart migrate: a guest that moves from port to port and back.
#
# shellcheck shell=bash

usage_migrate()
{
    cat <<USAGE
usage: ./quickstart migrate

Starts an Open vSwitch with a simulated NIC and two dpdkvdpa ports, one in
hardware mode, one that relays, and a QEMU guest on the first; moves the guest to
the second and back again by live migration, while it pings the host; shows how
long it stood still and what was lost; and takes everything down again.
USAGE
}

command_migrate()
{
    case ${1-} in
    --help|-h) usage_migrate; exit 0 ;;
    ?*) usage_migrate >&2; die "migrate: unknown argument \"$1\"" ;;
    esac
    needs_root
    build
    needs_nic
    env_create vdpa-migrate || die "cannot make a network namespace"
    trap env_destroy EXIT
    trap 'exit 130' INT TERM
    if ! { migrate_start && migrate_move guest0 guest1 vdpa1 \
           && migrate_move guest1 guest2 vdpa0 && migrate_show guest2; }; then
        demo_failed
    fi
    step "taking everything down"
}

# migrate_start: starts Open vSwitch with two ports, and a guest on the first.
migrate_start()
{
    step "starting Open vSwitch in $VDPA_ENV"
    nic_create 0 && nic_create 1 && ovs_start \
        && ovs_bridge br0 192.0.2.1/24 || return 1
    step "adding a port in hardware mode, and one that relays"
    migrate_port vdpa0 0 hw && migrate_port vdpa1 1 relay || return 1
    step "booting a guest on the first port's socket, 192.0.2.2"
    guest_start guest0 socket="$VDPA_ENV/vdpa0.sock" && guest_wait guest0 \
        && guest_up guest0 192.0.2.2/24 || return 1
    step "the guest begins to ping the host, five times a second"
    guest_exec guest0 \
        'ping -i 0.2 -W 3 192.0.2.1 > /tmp/ping 2>&1 & echo $! > /tmp/pid'
}

# migrate_port PORT N KIND: adds a port on VF N, with an accelerator of KIND.
migrate_port()
{
    demo_run ovs-vsctl add-port br0 "$1" -- set Interface "$1" \
        type=dpdkvdpa \
        options:vdpa-socket-path="$VDPA_ENV/$1.sock" \
        options:vdpa-accelerator-devargs="\"$(nic_accelerator "$3" "$2")\"" \
        options:dpdk-devargs="\"$(nic_rep "$2")\"" && ovs_port_ok "$1"
}

# migrate_move FROM TO PORT: moves guest FROM to PORT, where it is called TO.
migrate_move()
{
    step "another QEMU waits for it on the socket of $3"
    guest_start "$2" socket="$VDPA_ENV/$3.sock" incoming=yes || return 1
    step "moving it there, in ms:"
    guest_migrate "$1" "$2" && guest_continue "$2" && process_end "$1" \
        || return 1
    wait_until "guest_exec $2 true" || return 1
    demo_run ovs-vsctl get Interface "$3" status:mode
}

# migrate_show NAME: shows what the guest lost on its way.
migrate_show()
{
    step "what the guest's pings say"
    # shellcheck disable=SC2016 # It is for the guest.
    guest_exec "$1" 'kill -INT $(cat /tmp/pid); sleep 1; tail -n 3 /tmp/ping'
    step "what the first port says of itself"
    demo_run ovs-appctl dpdkvdpa/show vdpa0
}
