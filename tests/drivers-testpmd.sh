#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests the simulated NIC with testpmd alone.
#
# drivers-testpmd.sh [TEST]...: runs these tests, or all of them.  The test
# "speed", which only shows figures, must be asked for.
#
# Wants drivers/librte_vdpasim.so and tools/vdpa-host in the current folder, or
# their paths in VDPASIM_SO and VDPA_HOST; dpdk-testpmd and python3; for the test of the TAP also root.
# VDPASIM_PRELOAD may name a library to load first, such as a sanitizer's.

# Words are split on purpose, and lists of tests in a loop of their own.
# shellcheck disable=SC2015,SC2086,SC2165,SC2167

set -u

: "${VDPASIM_SO:=drivers/librte_vdpasim.so}"
: "${VDPASIM_PRELOAD:=}"
: "${VDPA_HOST:=tools/vdpa-host}"

. "$(dirname "$0")/lib/util.sh" || exit 1

if ! command -v dpdk-testpmd >/dev/null || [ ! -f "$VDPASIM_SO" ]; then
    echo "skipped: there is no dpdk-testpmd or no $VDPASIM_SO" >&2
    exit 77
fi

# EAL loads no plugin from below a folder that everybody may write to, which
# rules out a checkout in /tmp.
WORK=$(mktemp -d "/run/simnic-test.XXXXXX") || exit 77
cp "$VDPASIM_SO" "$WORK/librte_vdpasim.so" || exit 1
PREFIX=$(basename "$WORK")
OUT=$WORK/testpmd.out
PID=
HOST_PID=

# Kills what was left running.
kill_left()
{
    local pid
    for pid in $PID $HOST_PID; do
        kill -KILL "$pid"
        wait "$pid"
    done 2>/dev/null
    PID=
    HOST_PID=
}

cleanup()
{
    kill_left
    ip netns del "$PREFIX" 2>/dev/null
    rm -rf "$WORK" "/run/dpdk/$PREFIX" "/run/dpdk/$PREFIX-host"
}
trap cleanup EXIT

fail()
{
    echo "  $*" >&2
    return 1
}

# start "VDEV..." [ARGUMENT]...: starts testpmd.
start()
{
    local vdev vdevs=()
    for vdev in $1; do
        vdevs+=(--vdev "$vdev")
    done
    shift
    rm -f "$WORK/in"
    mkfifo "$WORK/in" || return 1
    : > "$OUT"
    LD_PRELOAD=$VDPASIM_PRELOAD stdbuf -oL dpdk-testpmd \
        --lcores '0,1' ${MEMORY:---no-huge -m 128} --no-pci --file-prefix "$PREFIX" \
        -d "$WORK/librte_vdpasim.so" "${vdevs[@]}" \
        -- -i --total-num-mbufs=8192 "$@" \
        <>"$WORK/in" >"$OUT" 2>&1 &
    PID=$!
    wait_until "grep -q '^testpmd> ' '$OUT' || ! kill -0 $PID"
    kill -0 "$PID" 2>/dev/null || { cat "$OUT" >&2; PID=; return 1; }
}

# run COMMAND...: types it and prints the answer.
run()
{
    local from mark=end-$RANDOM$RANDOM
    from=$(($(wc -c < "$OUT") + 1))
    # Its echo of a line that it does not know says that it is done with the
    # one before.  (An event may have put itself between prompt and echo.)
    printf '%s\n%s\n' "$*" "$mark" > "$WORK/in"
    wait_until "tail -c +$from '$OUT' | grep -q '$mark' \
        || ! kill -0 $PID" || return 1
    tail -c "+$from" "$OUT" | tr -d '\r' | sed "/$mark/,\$d"
    kill -0 "$PID" 2>/dev/null || fail "testpmd died at: $*"
}

quit()
{
    local status
    echo quit > "$WORK/in"
    wait_until "! kill -0 $PID" || return 1
    wait "$PID"
    status=$?
    PID=
    [ "$status" = 0 ] || { tail -20 "$OUT" >&2; fail "testpmd: $status"; }
}

# expect PATTERN COMMAND...: the answer has a line like PATTERN.
expect()
{
    local pattern=$1 answer
    shift
    answer=$(run "$@") || return 1
    grep -qE "$pattern" <<< "$answer" ||
        fail "no \"$pattern\" in the answer to \"$*\": $answer"
}

# xstat PORT NAME
xstat()
{
    run show port xstats "$1" | sed -n "s/^$2: //p"
}

# All that can become of a packet that port $1 should have received.
received()
{
    run show port xstats "$1" | awk -F': ' '
        /^rx_(good_packets|missed_errors|mbuf_allocation_errors|oversize_packets|filtered_packets|port_down_packets|flushed_packets):/ \
            { sum += $2 } END { print sum }'
}

# equal WHAT VALUE VALUE
equal()
{
    [ "$2" = "$3" ] || fail "$1: $2 is not $3"
}

# flow while COMMAND is true: for a while of traffic, until port $1 has sent
# this many packets.
sent_at_least()
{
    [ "$(xstat "$1" tx_good_packets)" -ge "$2" ]
}

telemetry()
{
    python3 - "/run/dpdk/$PREFIX/dpdk_telemetry.v2" "$1" <<'PYTHON'
import socket
import sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.recv(1024)
s.send(sys.argv[2].encode())
print(s.recv(16384).decode())
PYTHON
}

fault()
{
    telemetry "/simnic/fault,$1" | grep -q '"kind"' || fail "fault $1"
}

link_is()
{
    run show port summary all | grep -q "^$1 .* $2 "
}

NIC="net_simpf0,vfs=2"
VF0="net_simvf0,pf=net_simpf0,vf=0"
VF1="net_simvf1,pf=net_simpf0,vf=1"
# With these the ports are: 0 uplink, 1 and 2 representors, 3 and 4 VFs.

test_ports()
{
    start "$NIC $VF0" || return 1
    expect '^0 .* net_simpf0 +net_simpf +up' show port summary all &&
    expect '^1 .* net_simpf0_representor_vf0 ' show port summary all &&
    expect '^2 .* net_simpf0_representor_vf1 ' show port summary all &&
    expect '^3 .* net_simvf0 +net_simvf ' show port summary all &&
    expect 'Switch name: net_simpf0' show port info 1 &&
    expect 'Switch Port Id: 1' show port info 2 &&
    quit
}

test_forward()
{
    local port
    start "$NIC $VF0" --portlist=1,3 || return 1
    run start tx_first > /dev/null
    wait_until sent_at_least 3 1000000 || return 1
    run stop > /dev/null
    for port in 1 3; do
        run port stop $port > /dev/null
    done
    equal "VF to representor" "$(xstat 3 tx_good_packets)" "$(received 1)" &&
    equal "representor to VF" "$(xstat 1 tx_good_packets)" "$(received 3)" &&
    equal missed "$(xstat 1 rx_missed_errors)" 0 &&
    quit
}

# More than the receiver takes: what is not received is counted.
test_overload()
{
    start "$NIC $VF0" --portlist=3 --forward-mode=txonly || return 1
    run start > /dev/null
    wait_until sent_at_least 3 1000000 || return 1
    run stop > /dev/null
    run port stop 1 > /dev/null
    equal "sent and received" "$(xstat 3 tx_good_packets)" "$(received 1)" &&
    [ "$(xstat 1 rx_missed_errors)" -gt 0 ] &&
    # Now that the representor is down, so is the VF's link.
    link_is 3 down &&
    quit
}

test_flow()
{
    local sent
    start "$NIC $VF0 $VF1" --portlist=3 --forward-mode=txonly || return 1
    expect 'rule #0 created' flow create 1 transfer priority 1 pattern eth \
        / ipv4 / udp / end actions count / port_id id 2 / end &&
    expect 'File exists' flow create 1 transfer priority 1 pattern eth \
        / ipv4 / udp / end actions drop / end &&
    expect 'nowhere to jump' flow create 1 transfer pattern eth / end \
        actions jump group 1 / end &&
    expect 'no such action' flow create 1 ingress pattern eth / end \
        actions mark id 1 / rss / end &&
    expect 'does not match on such an item' flow create 1 transfer \
        pattern eth / ipv4 / sctp / end actions drop / end &&
    expect 'no uplink or representor' flow create 1 transfer pattern eth \
        / end actions represented_port ethdev_port_id 4 / end || return 1
    run start > /dev/null
    wait_until sent_at_least 3 100000 || return 1
    run stop > /dev/null
    run port stop 4 > /dev/null
    sent=$(xstat 3 tx_good_packets)
    equal "the other VF" "$sent" "$(received 4)" &&
    equal "its representor" "$(received 1)" 0 &&
    expect "hits: $sent" flow query 1 0 count || return 1

    # A lower number goes first.
    expect 'rule #1 created' flow create 1 transfer priority 0 pattern eth \
        / ipv4 / end actions count / drop / end || return 1
    run port start 4 > /dev/null
    run clear port xstats all > /dev/null
    run start > /dev/null
    wait_until sent_at_least 3 100000 || return 1
    run stop > /dev/null
    sent=$(xstat 3 tx_good_packets)
    equal dropped "$(xstat 3 rule_drop_packets)" "$sent" &&
    expect "hits: $sent" flow query 1 1 count || return 1

    # Without rules everything goes to the representor again.
    run flow flush 1 > /dev/null
    run clear port xstats all > /dev/null
    run start > /dev/null
    wait_until sent_at_least 3 100000 || return 1
    run stop > /dev/null
    run port stop 1 > /dev/null
    equal "the representor" "$(xstat 3 tx_good_packets)" "$(received 1)" &&
    quit
}

# A VF comes and goes; in between its representor sends to it.
test_hotplug()
{
    local i
    start "$NIC" --portlist=1 --forward-mode=txonly || return 1
    for i in 1 2 3 4 5 6 7 8 9 10; do
        expect 'is attached' port attach "$VF0" &&
        run port start 3 > /dev/null &&
        run set portlist 1 > /dev/null &&
        run start > /dev/null &&
        wait_until "[ \"\$(xstat 3 rx_missed_errors)\" -gt 0 ]" &&
        run stop > /dev/null &&
        run port stop 3 > /dev/null || return 1
        if [ $((i % 2)) = 0 ]; then
            run port close 3 > /dev/null
        fi
        expect 'is detached' device detach net_simvf0 || return 1
    done
    quit
}

test_owner()
{
    start "$NIC $VF0" || return 1
    expect 'VF 0 of net_simpf0 is in use already' \
        port attach net_simvf7,pf=net_simpf0,vf=0 &&
    expect 'pf=nope is not there' port attach net_simvf7,pf=nope,vf=0 &&
    expect 'vf=2 is out of range' port attach net_simvf7,pf=net_simpf0,vf=2 &&
    expect 'vf= is missing' port attach net_simvf7,pf=net_simpf0 &&
    expect 'unknown key foo' port attach net_simvf7,pf=net_simpf0,vf=1,foo=1 &&
    expect 'vfs=0 is not valid' port attach net_simpf7,vfs=0 &&
    expect 'vfs=127 is not valid' port attach net_simpf7,vfs=127 &&
    expect 'vfs= is missing' port attach 'net_simpf7,representor=[0]' &&
    expect 'queues=17 is not valid' port attach net_simpf7,vfs=1,queues=17 &&
    expect 'wire=foo is not valid' port attach net_simpf7,vfs=1,wire=foo &&
    expect 'Number of available ports: 4' show port summary all &&
    # None of those has left anything behind.
    expect 'is attached' port attach "$VF1" &&
    quit
}

# The PF is removed under its VF.
test_pf_removal()
{
    start "$NIC $VF0" --portlist=3 || return 1
    run port stop 0 > /dev/null
    run port stop 1 > /dev/null
    run port stop 2 > /dev/null
    expect 'is detached' device detach net_simpf0 &&
    wait_until "grep -q 'Port 3: device removal event' '$OUT'" &&
    wait_until "! run show port summary all | grep -q '^3 '" &&
    expect 'Number of available ports: 0' show port summary all &&
    expect 'is attached' port attach "$NIC" &&
    expect 'is attached' port attach "$VF0" &&
    quit
}

test_rss()
{
    local q n sum=0
    start "$NIC,queues=4 $VF0" --portlist=3 --forward-mode=txonly \
        --txonly-multi-flow --rxq=4 --txq=4 --rss-udp || return 1
    run start > /dev/null
    wait_until sent_at_least 3 100000 || return 1
    run stop > /dev/null
    run set fwd rxonly > /dev/null
    run set portlist 1 > /dev/null
    run start > /dev/null
    wait_until "[ \"\$(xstat 1 rx_good_packets)\" -gt 3000 ]"
    run stop > /dev/null
    for q in 0 1 2 3; do
        n=$(xstat 1 rx_q${q}_packets)
        [ "$n" -gt 0 ] || { fail "nothing on queue $q"; return 1; }
        sum=$((sum + n))
    done
    equal "sum of the queues" "$sum" "$(xstat 1 rx_good_packets)" &&
    quit
}

test_cable()
{
    local sent
    start "net_simpf0,vfs=1,wire=pf:net_simpf1 net_simpf1,vfs=1" \
        --portlist=0 --forward-mode=txonly || return 1
    run start > /dev/null
    wait_until sent_at_least 0 100000 || return 1
    run stop > /dev/null
    run port stop 2 > /dev/null
    sent=$(xstat 0 tx_good_packets)
    equal "over the cable" "$sent" "$(received 2)" &&
    equal "by the wire's account" "$sent" "$(xstat 0 wire_tx_packets)" &&
    # Both ends see a cut.
    run port start 2 > /dev/null &&
    fault net_simpf1,link-down,on &&
    wait_until link_is 0 down &&
    fault net_simpf1,link-down,off &&
    wait_until link_is 0 up &&
    quit
}

# A rule that sends what comes over the cable back into it.
test_loop()
{
    start "net_simpf0,vfs=1,wire=pf:net_simpf1 net_simpf1,vfs=1" \
        --portlist=0 --forward-mode=txonly || return 1
    expect created flow create 0 transfer pattern eth / end \
        actions port_id id 0 / end &&
    expect created flow create 2 transfer pattern eth / end \
        actions port_id id 2 / end || return 1
    run start > /dev/null
    wait_until sent_at_least 0 10000 || return 1
    run stop > /dev/null
    equal loops "$(($(xstat 0 wire_loop_packets) +
                    $(xstat 2 wire_loop_packets)))" \
        "$(xstat 0 tx_good_packets)" &&
    quit
}

test_tap()
{
    if [ "$(id -u)" != 0 ] || ! ip netns add "$PREFIX" 2>/dev/null; then
        echo "  skipped: no network namespaces"
        return 0
    fi
    start "net_simpf0,vfs=1,wire=tap:simtest0" --portlist=0 \
        --forward-mode=icmpecho || return 1
    ip link set simtest0 netns "$PREFIX" &&
    ip -n "$PREFIX" addr add 10.99.0.1/24 dev simtest0 &&
    ip -n "$PREFIX" link set simtest0 up || return 1
    run start > /dev/null
    ip netns exec "$PREFIX" ping -q -c 5 -i 0.05 -W 5 10.99.0.2 \
        > /dev/null || { fail "no answer to ping"; return 1; }
    [ "$(xstat 0 wire_rx_packets)" -ge 5 ] || return 1
    # What the uplink's mbufs do not hold is not cut, but counted.
    ip -n "$PREFIX" link set simtest0 mtu 9000 || return 1
    ip netns exec "$PREFIX" ping -q -c 3 -i 0.05 -W 0.1 -s 4000 10.99.0.2 \
        > /dev/null && { fail "an answer to a cut frame"; return 1; }
    wait_until "[ \"\$(xstat 0 wire_rx_oversize_packets)\" = 3 ]" &&
    ip netns exec "$PREFIX" ping -q -c 2 -i 0.05 -W 5 10.99.0.2 \
        > /dev/null || { fail "no answer to ping"; return 1; }
    run stop > /dev/null
    quit
}

test_faults()
{
    local rep=net_simpf0_representor_vf0
    start "$NIC $VF0" --portlist=3 --forward-mode=txonly --hot-plug ||
        return 1
    run start > /dev/null
    fault net_simvf0,link-down,on && wait_until link_is 3 down &&
    wait_until "[ \"\$(xstat 3 tx_link_down_packets)\" -gt 0 ]" &&
    fault net_simvf0,link-down,off && wait_until link_is 3 up &&
    fault $rep,link-down,on && wait_until link_is 3 down &&
    fault $rep,link-down,off && wait_until link_is 3 up &&
    wait_until "grep -q 'Port 3: link state change event' '$OUT'" &&
    fault $rep,rx-nombuf,on &&
    wait_until "[ \"\$(xstat 1 rx_mbuf_allocation_errors)\" -gt 0 ]" &&
    fault $rep,rx-nombuf,off &&
    fault net_simvf0,tx-stuck,on,0 || return 1
    wait_until "[ \"\$(xstat 3 tx_good_packets)\" = \
        \"\$(xstat 3 tx_good_packets)\" ]" &&
    fault net_simvf0,tx-stuck,off &&
    fault net_simvf0,removed,on &&
    wait_until "grep -q 'Port 3: device removal event' '$OUT'" &&
    wait_until "! run show port summary all | grep -q '^3 '" || return 1
    run stop > /dev/null
    # It can be plugged in again, with a fault from its start.
    expect 'is attached' port attach "$VF0,fault=link-down" &&
    run port start 3 > /dev/null && wait_until link_is 3 down &&
    telemetry "/simnic/fault,nope,removed,on" | grep -q null &&
    quit
}

# vDPA
#
# Two processes: tools/vdpa-host has the NIC, whose VF 0 is a vDPA device, and
# sends back what the representor receives; testpmd is its guest.

HOST_OUT=$WORK/host.out

# host_start [KEY=VALUE]...: with these device arguments.
host_start()
{
    local devargs="$VF0,vdpa=1"
    [ $# -eq 0 ] || devargs+=,$(IFS=,; echo "$*")
    rm -f "$WORK/host.in"
    mkfifo "$WORK/host.in" || return 1
    : > "$HOST_OUT"
    LD_PRELOAD=$VDPASIM_PRELOAD ASAN_OPTIONS=${ASAN_OPTIONS-} "$VDPA_HOST" \
        --lcores '0' --no-huge -m 128 --no-pci --file-prefix "$PREFIX-host" \
        -d "$WORK/librte_vdpasim.so" --vdev "$NIC" --vdev "$devargs" \
        -- "$WORK/guest.sock=net_simvf0" \
        <>"$WORK/host.in" >"$HOST_OUT" 2>&1 &
    HOST_PID=$!
    wait_until "grep -q '^ready' '$HOST_OUT' || ! kill -0 $HOST_PID"
    kill -0 "$HOST_PID" 2>/dev/null ||
        { cat "$HOST_OUT" >&2; HOST_PID=; return 1; }
}

# host COMMAND...: prints the answer.
host()
{
    local from
    from=$(($(wc -c < "$HOST_OUT") + 1))
    echo "$*" > "$WORK/host.in"
    wait_until "tail -c +$from '$HOST_OUT' | grep -q '^end$' \
        || ! kill -0 $HOST_PID" || return 1
    tail -c "+$from" "$HOST_OUT" | sed '/^end$/d'
    kill -0 "$HOST_PID" 2>/dev/null || fail "the host died at: $*"
}

# vq QUEUE COUNTER: of the vDPA device.
vq()
{
    host stats net_simvf0 "$1" | sed -n "s/^$2 //p"
}

host_quit()
{
    local status
    echo quit > "$WORK/host.in"
    wait_until "! kill -0 $HOST_PID" || return 1
    wait "$HOST_PID"
    status=$?
    HOST_PID=
    [ "$status" = 0 ] || { tail -20 "$HOST_OUT" >&2; fail "host: $status"; }
}

host_telemetry()
{
    PREFIX=$PREFIX-host telemetry "$1"
}

# The device has all that DRIVER_OK wants; or is reset.
is_serving()
{
    host_telemetry /simnic/vdpa,net_simvf0 | grep -q '"status": *"0xf"'
}

is_idle()
{
    host_telemetry /simnic/vdpa,net_simvf0 | grep -q '"status": *"0x0"'
}

# guest_launch "KEY=VALUE..." [ARGUMENT]...: testpmd with a virtio-user that
# has these device arguments.
guest_launch()
{
    local vdev="net_virtio_user0,path=$WORK/guest.sock,server=1" key
    for key in $1; do
        vdev+=,$key
    done
    shift
    rm -f "$WORK/guest.sock"     # Of a guest that was killed.
    MEMORY="--no-huge -m 128 ${GUEST_EAL-}" \
        start "$vdev" "$@"
}

# The same, and waits until the device serves it.
guest_start()
{
    guest_launch "$@" && wait_until is_serving
}

# Ends the guest, and waits until the device has heard of it.
guest_quit()
{
    quit && wait_until is_idle
}

guest_again()
{
    guest_quit && guest_start "queue_size=256"
}

# traffic N: lets the guest send and receive at least this many packets.
traffic()
{
    local rx tx
    rx=$(xstat 0 rx_good_packets)
    tx=$(xstat 0 tx_good_packets)
    run "start tx_first" > /dev/null
    wait_until "[ \"\$(xstat 0 rx_good_packets)\" -ge $((rx + $1)) ]" &&
    wait_until "[ \"\$(xstat 0 tx_good_packets)\" -ge $((tx + $1)) ]" ||
        return 1
    run stop > /dev/null
}

# no_errors QUEUE...
no_errors()
{
    local q
    for q in "$@"; do
        equal "ring errors of $q" "$(vq "$q" ring_errors)" 0 &&
        equal "DMA faults of $q" "$(vq "$q" dma_faults)" 0 || return 1
    done
}

# All paths of the driver, each of which uses the rings in its own way.
test_vdpa()
{
    local packed in_order mrg vectorized mode
    for mode in {0,1}' '{0,1}' '{0,1}' '{0,1}; do
        read -r packed in_order mrg vectorized <<< "$mode"
        host_start || return 1
        # Vectorized packed rings want AVX-512, or else are as the others.
        GUEST_EAL=$([ "$vectorized" = 0 ] ||
                    echo --force-max-simd-bitwidth=512)
        guest_start "queue_size=256 packed_vq=$packed in_order=$in_order \
            mrg_rxbuf=$mrg vectorized=$vectorized" --total-num-mbufs=8192 &&
        traffic 20000 &&
        wait_until "[ \"\$(vq 1 packets)\" = \
            \"\$(xstat 0 tx_good_packets)\" ]" &&
        equal missed "$(vq 0 drop_missed)" 0 &&
        no_errors 0 1 &&
        guest_quit && host_quit ||
            { fail "packed=$packed in_order=$in_order mrg_rxbuf=$mrg" \
                   "vectorized=$vectorized"; return 1; }
    done
    GUEST_EAL=
}

test_vdpa_queues()
{
    local packed q sum used
    for packed in 0 1; do
        host_start queues=4 || return 1
        guest_start "queues=4 cq=1 queue_size=256 packed_vq=$packed" \
            --rxq=4 --txq=4 --txonly-multi-flow --forward-mode=txonly ||
            return 1
        run start > /dev/null
        wait_until sent_at_least 0 100000 || return 1
        run stop > /dev/null
        run set fwd io > /dev/null
        traffic 10000 || return 1
        sum=0 used=0
        for q in 0 2 4 6; do
            [ "$(vq $q packets)" = 0 ] || used=$((used + 1))
            sum=$((sum + $(vq $((q + 1)) packets)))
        done
        [ "$used" -ge 2 ] || { fail "only $used receive queues"; return 1; }
        equal "sum of the queues" "$sum" "$(xstat 0 tx_good_packets)" &&
        no_errors 0 1 2 3 4 5 6 7 &&
        quit && host_quit || return 1
    done
}

# The guest leaves checksums to the device, and sends chains of segments.
test_vdpa_offload()
{
    host_start || return 1
    guest_start "queue_size=256 mrg_rxbuf=1" --mbuf-size=2048 || return 1
    run port stop 0 > /dev/null
    run csum set ip sw 0 > /dev/null
    run csum set tcp hw 0 > /dev/null
    run csum set udp hw 0 > /dev/null
    run port start 0 > /dev/null
    run set fwd csum > /dev/null
    run set txpkts 100,200,64 > /dev/null
    traffic 1000 &&
    equal "bad offloads" "$(vq 1 drop_bad_offload)" 0 &&
    no_errors 0 1 &&
    quit && host_quit
}

# A device with software-assisted migration is one as any other as long as
# nobody migrates, but for packed rings.
test_vdpa_migration()
{
    host_start sw-live-migration=1 || return 1
    guest_start "queue_size=256" || return 1
    traffic 20000 && no_errors 0 1 && quit && host_quit
}

# Guests come and go, the last one in the midst of its traffic.
test_vdpa_restart()
{
    local i
    host_start || return 1
    for i in 1 2 3; do
        guest_start "queue_size=256 packed_vq=$((i % 2))" &&
        traffic 5000 && no_errors 0 1 && guest_quit || return 1
    done
    guest_start "queue_size=256" || return 1
    run "start tx_first" > /dev/null
    wait_until sent_at_least 0 10000 || return 1
    kill -KILL "$PID"
    wait "$PID" 2>/dev/null
    PID=
    wait_until is_idle &&
    guest_start "queue_size=256 packed_vq=1" && traffic 5000 &&
    no_errors 0 1 && quit && host_quit
}

test_vdpa_faults()
{
    local before
    host_start fault=dev-conf-fail || return 1
    guest_launch "queue_size=256" || return 1
    wait_until "grep -q 'net_simvf0: the device cannot be configured' \
        '$HOST_OUT'" || return 1
    host_telemetry /simnic/vdpa,net_simvf0 | grep -q dev-conf-fail &&
    host_telemetry /simnic/fault,net_simvf0,dev-conf-fail,off \
        | grep -q '"faults": *""' || { fail "telemetry"; return 1; }
    guest_again && traffic 5000 && no_errors 0 1 || return 1

    # Without a link the guest's packets are lost and counted.
    host_telemetry /simnic/fault,net_simvf0,link-down,on > /dev/null
    run "start tx_first" > /dev/null
    wait_until "[ \"\$(vq 1 drop_link_down)\" -gt 0 ]" || return 1
    run stop > /dev/null
    host_telemetry /simnic/fault,net_simvf0,link-down,off > /dev/null
    traffic 5000 || return 1

    # Each fault has queues of its own, and some have none.
    host_telemetry /simnic/fault,net_simvf0,dma-fault,on,31 > /dev/null
    host_telemetry /simnic/fault,net_simvf0,tx-stuck,on,15 \
        | grep -q '"faults": *"tx-stuck(15) dma-fault(31)"' &&
    host_telemetry /simnic/fault,net_simvf0,tx-stuck,on,16 | grep -q null &&
    host_telemetry /simnic/fault,net_simvf0,link-down,on,1 | grep -q null &&
    host_telemetry /simnic/fault,net_simvf0,tx-stuck,off > /dev/null &&
    host_telemetry /simnic/fault,net_simvf0,dma-fault,off,31 \
        | grep -q '"faults": *""' || { fail "telemetry"; return 1; }

    # A DMA fault stops one queue, and the guest's restart mends it.
    host_telemetry /simnic/fault,net_simvf0,dma-fault,on,1 > /dev/null
    run "start tx_first" > /dev/null
    wait_until "[ \"\$(vq 1 dma_faults)\" = 1 ]" || return 1
    run stop > /dev/null
    host_telemetry /simnic/vdpa,net_simvf0 \
        | grep -q '"error": *"dma-fault"' || { fail "telemetry"; return 1; }
    guest_again && traffic 5000 || return 1

    # It is pulled out.
    host_telemetry /simnic/fault,net_simvf0,removed,on > /dev/null
    wait_until "grep -q '^removed net_simvf0' '$HOST_OUT'" || return 1
    before=$(vq 1 packets)
    run "start tx_first" > /dev/null
    run stop > /dev/null
    equal "packets of a removed device" "$(vq 1 packets)" "$before" &&
    host remove net_simvf0 | grep -q '^ok' &&
    host probe "$VF0,vdpa=1" | grep -q '^ok' &&
    # The guest takes the loss of its back-end badly.
    host_quit
}

# Cycles per packet, forwarded by one core from one port of a pair to the other:
# a pair of net_ring ports beside a VF and its representor.  Wants 128 MB of
# hugepages: with small pages it would measure the processor's TLB.
test_speed()
{
    local i what MEMORY="--in-memory -m 128"
    start "net_ring0 net_ring1 $NIC $VF0" || return 1
    run set record-core-cycles on > /dev/null
    for i in 1 2 3 4 5; do
        for what in ring:0,1 nic:3,5; do
            run set portlist "$(cut -d: -f2 <<< $what)" > /dev/null
            run start tx_first 4 > /dev/null
            # Looking on would take the core away from what is measured.
            read -r -t 1 <> <(:)
            run stop | sed -n "s/.*packet=\([0-9.]*\).*/${what%%:*} \1/p"
        done
    done | sort -k1,1 -k2,2n | awk '
        { n[$1]++; v[$1, n[$1]] = $2 }
        END { for (w in n) print "  " w ": " v[w, 3] " cycles per packet" }'
    quit
}

failed=0
for t in "${@:-ports forward overload flow hotplug owner pf_removal rss cable \
loop tap faults vdpa vdpa_queues vdpa_offload vdpa_migration vdpa_restart \
vdpa_faults}"; do
    for t in $t; do
        if "test_$t"; then
            echo "ok $t"
        else
            echo "FAILED $t"
            failed=1
        fi
        kill_left
    done
done
exit $failed
