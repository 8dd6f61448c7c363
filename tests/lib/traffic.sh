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

# Bash library: traffic of guests.  Needs util.sh, guest.sh and an environment.
#
# iperf_*() is bulk TCP, load_*() pings that nobody counts.  traffic_*() is
# traffic in both directions whose contents a guest checks: the host, 192.0.2.1,
# sends back what the guest sends it by TCP; the guest compares.  session_*() is
# one TCP session, both ways, which must outlive whatever happens, and how long
# nothing came.
#
# shellcheck shell=bash

# iperf_serve WHERE: has iperf3's server run on the host, with WHERE "env", on
# the host behind the NIC's wire, with "peer", or in the guest of that name,
# and waits until it can be reached.
iperf_serve()
{
    local file=$VDPA_ENV/iperf-$1.pid
    case $1 in
    env|peer)
        process_pid "iperf-$1" >/dev/null && return
        "$1_exec" iperf3 -s -D -I "$file" \
            && wait_until "[ -s '$file' ]" \
            && process_add "iperf-$1" "$(tr -d '\0' < "$file")"
        ;;
    *)
        guest_exec "$1" 'pidof iperf3 >/dev/null || iperf3 -s -D
                         until netstat -tln | grep -q :5201; do
                             usleep 10000
                         done'
        ;;
    esac
}

# iperf_run GUEST ARGUMENT...: runs iperf3's client in the guest, as soon as the server
# has ended the connections of the one before: until then it takes no other.
iperf_run()
{
    guest_exec "$1" "
        while netstat -tn | grep -q ':5201 .*FIN_WAIT'; do
            usleep 10000
        done
        iperf3 ${*:2}"
}

# iperf_both GUEST ADDRESS SIZE [OPTION]...: so many bytes go from the guest to
# the server at ADDRESS, then as many back.
iperf_both()
{
    iperf_run "$1" -c "$2" -n "$3" "${@:4}" \
        && iperf_run "$1" -c "$2" -n "$3" "${@:4}" -R
}

# traffic_serve: has the host send back what it gets, from now on.
traffic_serve()
{
    process_pid echo >/dev/null && return
    # shellcheck disable=SC2154 # Set by who loads the libraries.
    env_spawn echo "$VDPA_ENV/echo.log" \
        python3 "$abs_top_srcdir/tests/lib/echo.py" 192.0.2.1 7 </dev/null \
        && wait_until "env_exec busybox netstat -tln | grep -q '192.0.2.1:7 '"
}

# traffic_once GUEST N: a quarter of a megabyte goes forth and back over each of N
# connections at a time; fails if anything comes back other than it was.
traffic_once()
{
    # shellcheck disable=SC2016 # It is for the guest.
    traffic_serve && guest_exec "$1" '
        cd /tmp && [ -e sent ] || dd if=/dev/urandom of=sent bs=64k count=4
        pids=
        for i in $(seq '"$2"'); do
            nc 192.0.2.1 7 < sent | cmp - sent &
            pids="$pids $!"
        done
        for pid in $pids; do wait $pid || exit 1; done'
}

# traffic_start GUEST: starts the traffic of a guest.
traffic_start()
{
    traffic_serve || return 1
    # shellcheck disable=SC2016 # It is for the guest.
    guest_exec "$1" '
        dd if=/dev/urandom of=/tmp/sent bs=64k count=4 2>/dev/null
        echo 0 > /tmp/rounds
        cat > /tmp/traffic <<\END
n=0
while [ ! -e /tmp/stop ]; do
    nc 192.0.2.1 7 < /tmp/sent > /tmp/received || continue
    cmp /tmp/sent /tmp/received >> /tmp/corrupt 2>&1
    n=$((n + 1))
    echo $n > /tmp/rounds.new && mv /tmp/rounds.new /tmp/rounds
    usleep 50000
done
END
        rm -f /tmp/stop /tmp/corrupt
        sh /tmp/traffic >/dev/null 2>&1 &' \
        && traffic_flows "$1"
}

# traffic_flows GUEST [ROUNDS]: waits until so many more times (4, if none) a
# quarter of a megabyte went forth and back.
traffic_flows()
{
    traffic_from=$(guest_exec "$1" cat /tmp/rounds) || return 1
    traffic_need=$((traffic_from + ${2-4}))
    wait_until -t 60 "[ \"\$(guest_exec '$1' cat /tmp/rounds)\" -ge $traffic_need ]"
}

# traffic_stop GUEST: ends it and fails if anything came back other than it was.
traffic_stop()
{
    guest_exec "$1" '
        touch /tmp/stop
        until ! pidof nc >/dev/null; do usleep 100000; done
        cat /tmp/rounds /tmp/corrupt; [ ! -s /tmp/corrupt ]'
}

# load_start GUEST: from now on host and guest, 192.0.2.2, ping each other as fast
# as it goes, whether anybody answers or not.
load_start()
{
    load_from "$1" && env_spawn load /dev/null \
        busybox ping -A -s 1000 192.0.2.2 </dev/null
}

# load_from GUEST: the guest's part, which a guest that begins anew forgets.
load_from()
{
    guest_exec "$1" 'while [[ ! -e /tmp/stop ]]; do
                         ping -A -s 1000 192.0.2.1
                     done >/dev/null 2>&1 &'
}

# load_moves PORT: waits until a hundred packets more have come from PORT's guest
# and gone to it.
load_moves()
{
    load_was=$(load_counters "$1") && wait_until "load_moved '$1'"
}

load_moved()
{
    load_counters "$1" | awk -v was="$load_was" '
        BEGIN { split(was, n) }
        $1 < n[1] + 100 || $2 < n[2] + 100 { exit 1 }'
}

# load_counters PORT: prints how many packets have come from PORT's guest and have
# gone to it.
load_counters()
{
    echo "$(ovs_stat "$1" '(vm|hw)_rx_packets')" \
        "$(ovs_stat "$1" '(vm|hw)_tx_packets')"
}

# load_stop GUEST
load_stop()
{
    process_end load
    guest_exec "$1" 'touch /tmp/stop; killall ping || :'
}

# session_start GUEST PEER ADDRESS [OPTION]...: begins a session between two guests,
# of which PEER has ADDRESS, as fast as they can, or with more OPTIONs of iperf3.
# GUEST looks how long it does without any packet; it pings, as TCP would wait ever
# longer before it tries again.
session_start()
{
    iperf_serve "$2" || return 1
    # shellcheck disable=SC2016 # It is for the guest.
    guest_exec "$1" '
        cat > /tmp/watch <<\END
cd /sys/class/net/eth0/statistics
longest=0
read u rest < /proc/uptime
since=${u%.*}${u#*.}
while :; do
    read n < rx_packets
    read u rest < /proc/uptime
    u=${u%.*}${u#*.}
    if [ "$n" != "$last" ]; then
        last=$n
        if [ $((u - since)) -gt $longest ]; then
            longest=$((u - since))
            echo ${longest}0 > /tmp/gap.new && mv /tmp/gap.new /tmp/gap
        fi
        since=$u
    fi
    if [ -e /tmp/again ]; then
        rm -f /tmp/again /tmp/gap
        longest=0
    fi
    usleep 2000
done
END
        sh /tmp/watch >/dev/null 2>&1 &
        ping -q -i 0.02 '"$3"' >/dev/null 2>&1 &
        iperf3 -c '"$3"' --bidir -t 86400 -i 0.5 --forceflush '"${*:4}"' >/tmp/session 2>&1 &' \
        && session_goes_on "$1"
}

# session_times GUEST DIRECTION: prints in how many half seconds the session moved
# anything, TX or RX.
session_times()
{
    guest_exec "$1" "grep '$2-C' /tmp/session | grep -vc ' 0.00 Bytes'"
}

# session_goes_on GUEST: waits until the session has moved something in three half
# seconds more, both ways: it is the same one, for iperf3 ends with it.
session_goes_on()
{
    session_tx=$(session_times "$1" TX)
    session_rx=$(session_times "$1" RX)
    wait_until -t 60 "[ \$(session_times '$1' TX) -ge $((session_tx + 3)) ] \
        && [ \$(session_times '$1' RX) -ge $((session_rx + 3)) ]" \
        && guest_exec "$1" 'pidof iperf3 >/dev/null'
}

# session_gap GUEST: prints for how long, in ms, nothing came at most since this
# was asked for the last time.
session_gap()
{
    guest_exec "$1" 'cat /tmp/gap; touch /tmp/again
                     while [ -e /tmp/again ]; do usleep 1000; done'
}
