#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Soak test: does at random what happens to ports in years.
#
# soak.sh: takes SOAK_MINUTES (30), SOAK_SEED (of the day, else; it is printed
# and repeats a run's decisions, though not its timing) from the environment.
# "make soak" sets the rest: VSWITCHD, VDPASIM, FRONTEND.
#
# Ports vdpa0 to vdpa2 are on VFs of the simulated NIC and talk to the host on
# the bridge; "steady" is on a net_ring and has a guest which checks that all
# that it sends comes back, in order, whatever happens to the others.  After
# each round nothing is in flight, the counters must add up, and the daemon
# must hold what it held before: files, threads, memory pools, what is in DPDK's
# heap, and its memory within SOAK_RSS_KB (16384).
#
# In the first half of the time the daemon is killed in each fifth round, under
# the traffic of all but the steady one, whose guest has ended by then with all
# that it sent; the next daemon has to go on, and is compared with itself.

set -u
set +o posix
export LC_ALL=C
unset http_proxy https_proxy ftp_proxy no_proxy

: "${SOAK_MINUTES:=30}"
: "${SOAK_SEED:=$EPOCHSECONDS}"
: "${SOAK_RSS_KB:=16384}"
: "${VSWITCHD:=vswitchd/ovs-vswitchd}"
: "${VDPASIM:=drivers/librte_vdpasim.so}"
: "${FRONTEND:=tools/vhost-user-frontend}"
export VSWITCHD VDPASIM FRONTEND VDPA_OVS_MEMORY=2048 VDPA_TELEMETRY=yes

abs_top_srcdir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
. "$abs_top_srcdir/tests/lib/load.sh" || exit 1

PORTS=3
# Expected of an ovs-vswitchd that all this is done to.
SOAK_LOG_EXPECTED='another ovs-vswitchd process is running
vdpa-features: the guest has|tx-retries-max
VHOST_(CONFIG|DATA)|was removed|dpdk.*EAL|Dropped [0-9]+ log
no-such|Too big size|RING: Cannot reserve memory'

fail()
{
    say "FAILED after $((SECONDS / 60)) min, $ROUND rounds, seed $SOAK_SEED:" \
        "$*"
    evidence "$VDPA_ENV/evidence.log"
    cp "$VDPA_ENV"/*.log "$VDPA_ENV"/*.frontend "$VDPA_ENV"/asan* . \
        2>/dev/null
    exit 1
}

# pick WORD...: chooses one, into PICKED.  (RANDOM of a subshell would not go
# on where this one's is.)
pick()
{
    PICKED=${!#}
    shift $((RANDOM % $#))
    PICKED=$1
}

add_port()
{
    check_add "vdpa$1" "$1" vdpa-max-queues=4 && ovs_port_ok "vdpa$1"
}

# Each "act_NAME N" does something to port N.

# The guest dies, and another one comes, with other rings.
act_guest()
{
    process_end "guest$1" KILL
    pick "" -p
    frontend_start "guest$1" ${PICKED:+"$PICKED"} -q $((RANDOM % 4 + 1)) \
        traffic "$VDPA_ENV/vdpa$1.sock"
}

# Somebody else tries in between.
act_hostile()
{
    process_end "guest$1" KILL
    pick "" -p
    frontend_run ${PICKED:+"$PICKED"} cuts "$VDPA_ENV/vdpa$1.sock" 20 \
        > /dev/null || return 1
    frontend_run files "$VDPA_ENV/vdpa$1.sock" 20 > /dev/null || return 1
    act_guest "$1"
}

# The guest disables all queue pairs but one, or enables them all, or will when it
# is connected.
act_pairs()
{
    frontend_signal "guest$1" USR1
}

act_options()
{
    pick tx-retries-max=0 tx-retries-max=32 vdpa-stall-timeout=200 \
        vdpa-max-queues=2 vdpa-max-queues=4 n_rxq=1 n_rxq=2 n_rxq_desc=1024
    ovs-vsctl --timeout=60 set Interface "vdpa$1" "options:$PICKED"
}

# complains PORT OF: succeeds if PORT's configuration error tells of that.  It
# may tell of more: act_features() leaves a reason that goes with the guest.
complains()
{
    ovs_status "$1" config_error | grep -q "$2"
}

act_bad_option()
{
    ovs-vsctl --timeout=60 set Interface "vdpa$1" options:tx-retries-max=99 \
        && wait_until "complains vdpa$1 tx-retries-max" \
        && ovs-vsctl --timeout=60 remove Interface "vdpa$1" options \
            tx-retries-max \
        && wait_until "! complains vdpa$1 tx-retries-max"
}

act_mtu()
{
    pick 1500 9000 1200
    ovs-vsctl --timeout=60 set Interface "vdpa$1" "mtu_request=$PICKED"
}

# Nothing that a guest of our own takes; it may connect anew.
act_features()
{
    pick -packed,-event_idx +guest_tso4,+guest_tso6 -mq,-csum -guest_announce
    ovs-vsctl --timeout=60 set Interface "vdpa$1" \
        options:vdpa-features="\"$PICKED\""
}

act_policing()
{
    pick 0 1000 1000000
    ovs-vsctl --timeout=60 set Interface "vdpa$1" \
        ingress_policing_rate="$PICKED" || return 1
    pick egress-policer trtcm-policer
    ovs-vsctl --timeout=60 set Port "vdpa$1" qos=@q -- --id=@q create QoS \
        type="$PICKED" other_config:cir=1000000 other_config:cbs=100000
}

act_link()
{
    nic_sim_fault "net_simvf$1" link-down on > /dev/null || return 1
    wait_until "[ \"\$(ovs-vsctl get Interface vdpa$1 link_state)\" = down ]"
    nic_sim_fault "net_simvf$1" link-down off > /dev/null
}

act_stuck()
{
    pick tx-stuck rx-stuck rx-nombuf
    nic_sim_fault "net_simvf$1" "$PICKED" on > /dev/null || return 1
    nap
    nic_sim_fault "net_simvf$1" "$PICKED" off > /dev/null
}

act_reset()
{
    nic_sim_fault "net_simvf$1" reset on > /dev/null
}

act_remove()
{
    nic_sim_fault "net_simvf$1" removed on > /dev/null || return 1
    wait_until "ovs-appctl dpdkvdpa/show vdpa$1 | grep -q 'was removed'"
    wait_until "! complains vdpa$1 'was removed'"
}

act_admin()
{
    ovs-ofctl mod-port br0 "vdpa$1" down && nap \
        && ovs-ofctl mod-port br0 "vdpa$1" up
}

act_delete()
{
    ovs-vsctl --timeout=60 del-port "vdpa$1" && add_port "$1"
}

# A server ends each connection while the port goes and comes.
act_flaps()
{
    process_end "guest$1" KILL
    pick "" SEND
    frontend_start "guest$1" flaps "$VDPA_ENV/vdpa$1.sock" \
        ${PICKED:+"$PICKED"} && act_delete "$1" && act_delete "$1" \
        && process_end "guest$1" KILL && act_guest "$1"
}

# The guest's memory goes away, in all ways, on connections of its own.
act_vanish()
{
    process_end "guest$1" KILL
    frontend_run vanish "$VDPA_ENV/vdpa$1.sock" 6 > /dev/null || return 1
    act_guest "$1"
}

# Messages begin and do not go on while the port goes and comes.
act_halves()
{
    process_end "guest$1" KILL
    frontend_start "guest$1" halves "$VDPA_ENV/vdpa$1.sock" \
        && nap && act_delete "$1" \
        && process_end "guest$1" KILL && act_guest "$1"
}

# The daemon is killed, and the next one finds everybody as they were.
act_restart()
{
    local i
    frontend_stop steady > /dev/null && check_conservation steady \
        && ovs_vswitchd_kill && ovs_vswitchd_start || return 1
    PID=$(process_pid ovs-vswitchd)
    WARM=$((ROUND + 2))
    wait_until back_in_place || return 1
    for ((i = 0; i < PORTS; i++)); do
        moves "vdpa$i" || return 1
    done
    steady_start
}

# back_in_place: succeeds if the daemon has the flow, and all ports, with guests.
back_in_place()
{
    local i
    add_flow || return 1
    for ((i = 0; i < PORTS; i++)); do
        ovs-appctl -T 10 dpdkvdpa/show "vdpa$i" | grep -q 'VM:.*, connected' \
            || return 1
    done
}

ACTS=(guest hostile pairs options bad_option features policing mtu link stuck reset
      remove admin delete flaps vanish halves)

# recover N: makes port N as it is at the beginning of a round, with a guest.
recover()
{
    ovs-vsctl --timeout=60 set Interface "vdpa$1" mtu_request=1500 \
        ingress_policing_rate=0 -- clear Port "vdpa$1" qos || return 1
    ovs-vsctl --timeout=60 set Interface "vdpa$1" \
        options:vdpa-max-queues=4 options:n_rxq=1 \
        -- remove Interface "vdpa$1" options tx-retries-max \
        -- remove Interface "vdpa$1" options vdpa-stall-timeout \
        -- remove Interface "vdpa$1" options vdpa-features \
        -- remove Interface "vdpa$1" options n_rxq_desc || return 1
    check_status "vdpa$1" config_error '' || return 1
    check_status "vdpa$1" vm_connected true || return 1
    moves "vdpa$1"
}

# moves PORT: waits until the guest's packets get through to the VF.
moves()
{
    local before
    before=$(ovs_stat "$1" vf_tx_packets)
    wait_until "[ \$(ovs_stat $1 vf_tx_packets) -gt $((before + 1000)) ]"
}

# quiet: stops the guests of all ports but the steady one.
quiet()
{
    local i
    for ((i = 0; i < PORTS; i++)); do
        process_end "guest$i" KILL
        check_status "vdpa$i" vm_connected false || return 1
        check_conservation "vdpa$i" || return 1
    done
    check_conservation_soon steady
}

# The steady port never rests: what is in flight there is bounded instead.
check_conservation_soon()
{
    [ "$(check_dropped "$1")" = 0 ] && moves "$1"
}

rss()
{
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' \
        "/proc/$(process_pid ovs-vswitchd)/status"
}

# resources: as check_resources(), but without what depends on the moment:
# DPDK's heap takes hugepages, each with a file, when two pools are there at
# once, and returns them when it happens to be able to.
resources()
{
    local pid
    pid=$(process_pid ovs-vswitchd) || return 1
    check_resources | grep -vE '^(fds|heap) '
    echo "fds $(find "/proc/$pid/fd" ! -lname '*(deleted)' | wc -l)"
    echo "heap-MB $(($(check_heap Heap_size) >> 20))"
}

# no_more_resources: succeeds if there is no growth since $BEFORE.  The heap
# may have taken 512 MB for moments as described, and a pool of packets that
# are still somewhere goes later.
no_more_resources()
{
    { echo "$BEFORE"; resources; } | awk '
        !($1 in was) { was[$1] = $2; next }
        $1 == "heap-MB" { $2 -= 512 }
        $1 == "allocations" { $2 -= 32 }
        $2 > was[$1] { bad = 1 }
        END { exit bad }'
}

# What a guest sends comes back to it, through the representor.
add_flow()
{
    ovs-ofctl add-flow br0 'priority=100,dl_type=0x88b5,actions=in_port'
}

# steady_start: starts the guest that loses nothing.
steady_start()
{
    frontend_start steady -c traffic "$VDPA_ENV/steady.sock" \
        && wait_until "ovs-appctl -T 10 dpdkvdpa/show steady" \
            "| grep -q 'VM:.*, connected'"
}

start()
{
    local i
    trap env_destroy EXIT
    trap 'exit 1' INT TERM HUP
    env_create soak && ovs_start && ovs_bridge br0 192.0.2.1/24 || exit 1
    nic_create 0 4
    add_flow || exit 1
    for ((i = 0; i < PORTS; i++)); do
        add_port "$i" || exit 1
        frontend_start "guest$i" -q 2 traffic "$VDPA_ENV/vdpa$i.sock"
    done
    check_add steady 9 dpdk-devargs=net_null9,no-rx=1 \
        vdpa-accelerator-devargs=net_ring9 && ovs_port_ok steady \
        && steady_start || exit 1
}

# round: does something to the ports, then looks whether all is well.
round()
{
    local i act restart=''
    if [ $((ROUND % 5)) -eq 0 ] && [ "$SECONDS" -lt $((SOAK_MINUTES * 30)) ]
    then
        restart=$((RANDOM % 6))
    fi
    for ((i = 0; i < 6; i++)); do
        pick "${ACTS[@]}"
        act=$PICKED
        [ "$i" != "$restart" ] || act=restart
        local n=$((RANDOM % PORTS))
        echo "round $ROUND: $act vdpa$n"
        "act_$act" "$n" || fail "$act vdpa$n"
    done
    for ((i = 0; i < PORTS; i++)); do
        process_pid "guest$i" > /dev/null || act_guest "$i"
        recover "$i" || fail "vdpa$i does not recover"
    done
    check_pid_same "$PID" || fail "ovs-vswitchd is another one"
    quiet || fail "there is no quiet"
    if [ "$ROUND" -eq "$WARM" ]; then
        BEFORE=$(resources)
        RSS=$(rss)
    elif [ "$ROUND" -gt "$WARM" ]; then
        wait_until no_more_resources \
            || fail "resources: $(tr '\n' ' ' <<< "$BEFORE") before," \
                "$(resources | tr '\n' ' ') now"
        [ "$(rss)" -le $((RSS + SOAK_RSS_KB)) ] \
            || fail "memory grew from $RSS kB to $(rss) kB"
    fi
    for ((i = 0; i < PORTS; i++)); do
        act_guest "$i"
    done
}

ROUND=0
echo "soak: $SOAK_MINUTES minutes, seed $SOAK_SEED"
RANDOM=$((SOAK_SEED % 32768))
start
PID=$(process_pid ovs-vswitchd)
SECONDS=0
# Two rounds to get warm, in which nothing is compared.
WARM=2
while [ "$SECONDS" -lt $((SOAK_MINUTES * 60)) ] \
        || [ "$ROUND" -lt $((WARM + 2)) ]; do
    ROUND=$((ROUND + 1))
    round
done
frontend_stop steady || fail "the steady guest has lost something"
check_conservation steady || fail "conservation"
ovs_vswitchd_stop || fail "ovs-vswitchd does not end"
mapfile -t expected <<< "$SOAK_LOG_EXPECTED"
complaints=$(check_log "${expected[@]}")
[ -z "$complaints" ] || fail "$complaints"
echo "soak: good, $ROUND rounds; memory $RSS kB at first"
