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

# Bash library: what the system tests have in common.  Needs all the other
# libraries.
#
# shellcheck shell=bash

# What ovs-vswitchd may say in any test: about this machine, about its load,
# about guests that are not there yet, and when a port of class dpdk goes whose
# configuration failed (it stops port 32, which stands for none); and
# about flows of a port that is just going; since Open vSwitch 3.2 also when it
# has hardware offload and takes a device again that it had before.
CHECK_LOG_EXPECTED='No free [0-9]+ kB hugepages
Invalid port_id=32$
xlate_key failed
ETHDEV: The port \(ID=[0-9]+\) is already configured
Cannot negotiate Rx metadata: Device or resource busy
TELEMETRY: No legacy callbacks
failed to enumerate system datapaths
ovs_rcu.*blocked [1-7][0-9]{3} ms waiting for
\|timeval(\([^)]*\))?\|WARN\|(Unreasonably long|context switches:|faults:|disk:)
\|poll_loop(\([^)]*\))?\|WARN\|wakeup due to
Rx checksum offload is not supported on port
received packet on unknown port [0-9]+ on bridge
VHOST_CONFIG: .* failed to connect: (No such file|Connection refused)
VHOST_CONFIG: .* reconnecting'

# check_begin: makes the environment of a test, and sees to it that it is taken
# away again however the test ends.
check_begin()
{
    trap check_end EXIT
    trap 'exit 1' INT TERM HUP
    env_create vdpa && ovs_env
}

# check_end: keeps what tells why a test failed, then takes the environment
# away.  A test that has failed, or was told to end, exits with another status
# than 0 and that of one that is skipped.
check_end()
{
    case $? in
    0|77) ;;
    *) evidence evidence.log ;;
    esac
    cp "$VDPA_ENV"/*.log "$VDPA_ENV"/*.console "$VDPA_ENV"/*.qemu \
        "$VDPA_ENV"/*.testpmd "$VDPA_ENV"/*.ping "$VDPA_ENV"/*.frontend \
        "$VDPA_ENV"/asan* . 2>/dev/null
    env_destroy
}

# check_log [PATTERN]...: prints what ovs-vswitchd complained about, except for
# what matches one of the extended regular expressions.
check_log()
{
    local pattern expected=$CHECK_LOG_EXPECTED
    for pattern in "$@"; do
        # An empty one would match whatever there is.
        expected+=${pattern:+$'\n'$pattern}
    done
    grep -hE '\|(WARN|ERR|EMER)\|' "$VDPA_ENV/ovs-vswitchd.log" \
        | grep -vE "$expected"
    cat "$VDPA_ENV"/asan* 2>/dev/null
    :
}

# check_add PORT N [OPTION=VALUE]...: adds a dpdkvdpa port to br0, or the bridge
# CHECK_BRIDGE, on VF N and its representor; each OPTION=VALUE is added or takes the
# place of what these give.  OPTION= without a value takes an option away; the value
# EMPTY makes it empty.  "other:COLUMN=VALUE" sets a column of the Interface.
# PORT.sock is the port's socket.
check_add()
{
    local port=$1 n=$2 arg key
    declare -A options
    shift 2
    options[vdpa-socket-path]=$VDPA_ENV/$port.sock
    options[vdpa-accelerator-devargs]=$(nic_vf "$n")
    options[dpdk-devargs]=$(nic_rep "$n")
    local columns=()
    # shellcheck disable=SC2086 # These are words.
    for arg in ${VDPA_OPTIONS-} "$@"; do
        case $arg in
        other:*) columns+=("${arg#other:}"); continue ;;
        esac
        options[${arg%%=*}]=${arg#*=}
        case ${arg#*=} in
        '') unset "options[${arg%%=*}]" ;;
        EMPTY) options[${arg%%=*}]= ;;
        esac
    done
    for key in "${!options[@]}"; do
        columns+=("options:$key=\"${options[$key]}\"")
    done
    ovs-vsctl --timeout=30 add-port "${CHECK_BRIDGE-br0}" "$port" \
        -- set Interface "$port" type=dpdkvdpa "${columns[@]}"
}

# check_notes PORT: prints the file of the notes about PORT's socket, if there
# is one.
check_notes()
{
    grep -alF "$VDPA_ENV/$1.sock" "$VDPA_ENV"/dpdkvdpa-*.rings
}

# check_del PORT: deletes PORT and waits until it is gone, which since Open
# vSwitch 3.7 may be after ovs-vsctl has come back; its notes go last.
check_del()
{
    ovs-vsctl --timeout=30 del-port "$1" \
        && wait_until "! check_notes $1"
}

# check_bad PORT N PATTERN... -- [OPTION=VALUE]...: adds a port as check_add()
# does and succeeds if that fails, with every PATTERN (a regular expression,
# case-insensitive) in its error, without leaving anything behind, and if the
# same port works when it is added right afterwards.
check_bad()
{
    local port=$1 n=$2 patterns=() before error p
    shift 2
    while [ "$1" != -- ]; do
        patterns+=("$1")
        shift
    done
    shift
    before=$(check_resources)
    # ovs-vsctl reports the error as well, and fails.
    check_add "$port" "$n" "$@" 2>/dev/null
    error=$(ovs_error "$port")
    echo "$*: $error"
    if [ "$error" = "[]" ]; then
        say "port $port has no error with $*"
        return 1
    fi
    for p in "${patterns[@]}"; do
        if ! grep -qiE -- "$p" <<< "$error"; then
            say "the error with $* does not say \"$p\": $error"
            return 1
        fi
    done
    check_resources_like "$before" || return 1
    ovs-vsctl --timeout=30 del-port "$port" || return 1
    check_add "$port" "$n" && ovs_port_ok "$port" || return 1
    ovs-vsctl --timeout=30 del-port "$port" || return 1
    check_resources_like "$before"
}

# check_resources: prints what ovs-vswitchd holds, as "NAME COUNT" lines.
check_resources()
{
    local pid
    pid=$(process_pid ovs-vswitchd) || return 1
    echo "fds $(find "/proc/$pid/fd" -mindepth 1 | wc -l)"
    echo "sockets $(find "/proc/$pid/fd" -lname 'socket:*' | wc -l)"
    echo "threads $(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)"
    echo "heap $(check_heap Heap_size)"
    # What a port allocates beside the memory of mempools, which comes in as many
    # pieces as the heap happens to have.
    echo "allocations $(($(check_heap Alloc_count) \
        - $(ovs-appctl netdev-dpdk/get-mempool-info \
            | awk -F= '/nb_mem_chunks/ { n += $2 } END { print n + 0 }')))"
    # Open vSwitch itself frees the pools of former ports only when it makes
    # the next one.
    echo "mempools $(ovs-appctl netdev-dpdk/get-mempool-info \
                     | grep -c '^mempool <[^>]*vdpa')"
    echo "packet-sockets $(($(env_exec cat /proc/net/packet | wc -l) - 1))"
}

# check_heap FIELD: prints the sum of FIELD over DPDK's heaps.
check_heap()
{
    ovs-appctl dpdk/get-malloc-stats \
        | awk -F: -v f="$1" '$1 ~ "^[ \t]*" f "$" { n += $2 }
                             END { printf "%.0f\n", n }'
}

# check_resources_like RESOURCES: waits until ovs-vswitchd holds no more than
# that.  Some of it goes a little later than the port, after a grace period.
check_resources_like()
{
    check_before=$1
    if ! wait_until -t 15 check_resources_no_more; then
        say "before: $(tr '\n' ' ' <<< "$check_before")"
        say "now:    $(check_resources | tr '\n' ' ')"
        return 1
    fi
}

check_resources_no_more()
{
    check_resources | {
        while read -r name n; do
            was=$(sed -n "s/^$name //p" <<< "$check_before")
            [ "$n" -le "$was" ] || exit 1
        done
    }
}

# check_conservation PORT [COUNTER]...: waits until nothing is in flight in
# PORT's relay and succeeds if by then all that came in went out or was counted
# as dropped.  Where nothing moved there is nothing to see: each COUNTER (a
# pattern as ovs_stat() takes it; all four ways, if none is given) must be more
# than 0.
check_conservation()
{
    local port=$1 counter
    shift
    [ $# -gt 0 ] || set -- vm_rx_packets vf_tx_packets \
                           vf_rx_packets vm_tx_packets
    for counter in "$@"; do
        if [ "$(ovs_stat "$port" "$counter")" -eq 0 ]; then
            say "$port: $counter is 0: there is nothing to conserve"
            return 1
        fi
    done
    if ! wait_until -t 10 "check_conserved $port"; then
        ovs_stats "$port" >&2
        return 1
    fi
}

check_conserved()
{
    ovs_stats "$1" | awk '
        { v[$1] = $2 }
        $1 ~ /^vm_to_vf_drop_/ { up += $2 }
        $1 ~ /^vf_to_vm_drop_/ { down += $2 }
        END {
            exit !("vm_rx_packets" in v && "vf_rx_packets" in v &&
                   v["vm_rx_packets"] == v["vf_tx_packets"] + up &&
                   v["vf_rx_packets"] == v["vm_tx_packets"] + down)
        }'
}

# check_dropped PORT: prints the number of packets that PORT's relay dropped.
check_dropped()
{
    ovs_stat "$1" 'v[mf]_to_v[mf]_drop_[a-z_]*'
}

# check_walked PORT RINGS [MAX]: fails unless so many rings of PORT's guest are
# walked, and at most MAX packets, if given, came by the vhost library.
check_walked()
{
    local shown
    shown=$(ovs-appctl dpdkvdpa/show "$1" | grep 'rings walked')
    if ! awk -v n="$2" -v max="${3-}" -F '[^0-9]+' '
            $2 == n && (max == "" || $3 + $4 <= max) { good = 1 }
            END { exit !good }' <<< "$shown"; then
        say "$1: \"$shown\", not $2 rings and at most ${3-any} packets"
        return 1
    fi
}

# check_waits PORT WHAT: prints how often PMD threads that poll PORT have "waited",
# "until" the time was up, or how often PORT's "guest" or "VF" woke one.
check_waits()
{
    ovs-appctl dpdkvdpa/show "$1" | awk -v what="$2" -F '[ :,]+' '
        / its thread waited / { waited += $7; until += $11 }
        / threads woken by / { guest = $7; vf = $11 }
        END {
            print what == "waited" ? waited + 0 : what == "until" ? until + 0 \
                : what == "guest" ? guest + 0 : vf + 0
        }'
}

# check_library PORT PERMILLE: fails unless at most so many of a thousand of the
# packets of PORT's guest went by the vhost library, each way.
check_library()
{
    local shown from to
    shown=$(ovs-appctl dpdkvdpa/show "$1" | grep 'rings walked')
    from=$(sed -n 's/.*library: \([0-9]*\) from.*/\1/p' <<< "$shown")
    to=$(sed -n 's/.*guest, \([0-9]*\) to it.*/\1/p' <<< "$shown")
    local rx tx
    rx=$(ovs_stat "$1" vm_rx_packets)
    tx=$(ovs_stat "$1" vm_tx_packets)
    say "$1: by the library $from of $rx from the guest, $to of $tx to it"
    [ $((from * 1000)) -le $((rx * $2)) ] && [ $((to * 1000)) -le $((tx * $2)) ]
}

# check_status PORT KEY VALUE: waits until the status column says so.
check_status()
{
    if ! wait_until -t 20 "[ \"\$(ovs_status '$1' '$2')\" = '$3' ]"; then
        say "status:$2 of $1 is \"$(ovs_status "$1" "$2")\", not \"$3\""
        return 1
    fi
}

# check_all_move PORT PATTERN N: waits until each of the N statistics of PORT
# that match PATTERN has grown by a thousand.
check_all_move()
{
    local before
    before=$(ovs_stats "$1" | grep -E "^($2) ")
    wait_until "check_moved '$1' '$3' '$before'"
}

check_moved()
{
    ovs_stats "$1" | awk -v n="$2" -v before="$3" '
        BEGIN {
            split(before, w)
            for (i = 1; i in w; i += 2) was[w[i]] = w[i + 1]
        }
        ($1 in was) && $2 >= was[$1] + 1000 { moved++ }
        END { exit moved != n }'
}

# check_passed PORT SINK WHAT: prints how much PORT's relay has given to SINK, "vm"
# or "vf", in "packets" or in "bytes" without Ethernet headers, and the time in
# microseconds.
check_passed()
{
    ovs_stats "$1" | awk -v sink="$2" -v what="$3" '
        { v[$1] = $2 }
        END {
            n = v[sink "_tx_packets"]
            printf "%.0f ", \
                what == "packets" ? n : v[sink "_tx_bytes"] - 14 * n
        }' && echo "${EPOCHREALTIME/./}"
}

# check_rate PORT SINK WHAT RATE: fails unless that much goes there per second, in
# the time that four seconds' worth take.  What a burst is good for is saved up
# while a thread has no processor; if it has none for longer there is less, and
# another try.  There is never more.
check_rate()
{
    local try before after until percent
    for try in 1 2 3; do
        before=$(check_passed "$1" "$2" "$3") || return 1
        until=$((${before% *} + 4 * $4))
        wait_until -t 60 "after=\$(check_passed $1 $2 $3)" \
            "&& [ \"\${after% *}\" -ge $until ]" || return 1
        after=$(check_passed "$1" "$2" "$3")
        percent=$(awk -v rate="$4" '{
            printf "%.0f\n", ($3 - $1) * 1e6 / ($4 - $2) / rate * 100
        }' <<< "$before $after")
        echo "try $try: $percent percent of $4"
        [ "$percent" -lt 94 ] || [ "$percent" -gt 104 ] || return 0
    done
    return 1
}

# check_pid_same PID: succeeds if ovs-vswitchd has been PID all the time.
check_pid_same()
{
    [ "$(process_pid ovs-vswitchd)" = "$1" ]
}
