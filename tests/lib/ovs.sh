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

# Bash library: an Open vSwitch of our own beside any that the machine runs.
# Needs util.sh and an environment.
#
# VSWITCHD is the ovs-vswitchd to run; everything else is the distribution's.
#
# shellcheck shell=bash

# Megabytes of hugepages that ovs-vswitchd gets.
: "${VDPA_OVS_MEMORY:=1024}"

# What ovs-vswitchd is told on its command line beyond what is needed.
: "${VDPA_OVS_OPTIONS:=}"

# ovs_env: makes ovs-vsctl and its like talk to our OVS.
ovs_env()
{
    export OVS_RUNDIR=$VDPA_ENV OVS_DBDIR=$VDPA_ENV OVS_LOGDIR=$VDPA_ENV
    export OVS_SYSCONFDIR=$VDPA_ENV
}

# ovs_db_start [KEY=VALUE]...: starts ovsdb-server on a new database and puts
# what DPDK needs and each KEY=VALUE into other_config.
ovs_db_start()
{
    ovs_env
    ovsdb-tool create "$VDPA_ENV/conf.db" \
        /usr/share/openvswitch/vswitch.ovsschema || return 1
    env_exec ovsdb-server --detach --no-chdir --pidfile -vconsole:off \
        --log-file --remote="punix:$VDPA_ENV/db.sock" "$VDPA_ENV/conf.db" \
        || return 1
    process_add ovsdb-server "$(cat "$VDPA_ENV/ovsdb-server.pid")" || return 1
    ovs-vsctl --no-wait -- init -- set Open_vSwitch . \
        other_config:dpdk-init=true \
        other_config:dpdk-socket-mem="$((VDPA_OVS_MEMORY / 2))" \
        other_config:dpdk-socket-limit="$VDPA_OVS_MEMORY" \
        other_config:dpdk-lcore-mask=0x1 \
        other_config:pmd-cpu-mask=0x2 \
        other_config:per-port-memory=true \
        other_config:dpdk-extra="\"$(ovs_dpdk_extra)\"" \
        "${@/#/other_config:}"
}

# ovs_dpdk_extra: prints the arguments that EAL gets.
ovs_dpdk_extra()
{
    local telemetry=--no-telemetry
    if [ "${VDPA_TELEMETRY-}" = yes ]; then
        telemetry=--telemetry
    fi
    echo "--in-memory $telemetry --file-prefix=$(env_netns)" \
        "$(nic_dpdk_extra)"
}

# What Open vSwitch and DPDK themselves do not free at their end.
OVS_KNOWN_LEAKS='leak:syslog_libc_open'

# ovs_vswitchd_start: starts ovs-vswitchd and waits until DPDK is there.  What
# the sanitizers have to say goes to $VDPA_ENV/asan.*.
ovs_vswitchd_start()
{
    ovs_env
    printf '%s\n' "$OVS_KNOWN_LEAKS" > "$VDPA_ENV/leaks"
    LSAN_OPTIONS="suppressions=$VDPA_ENV/leaks:print_suppressions=0" \
    UBSAN_OPTIONS="log_path=$VDPA_ENV/asan:print_stacktrace=1" \
    ASAN_OPTIONS="log_path=$VDPA_ENV/asan:fast_unwind_on_malloc=0" \
    env_exec "$VSWITCHD" ${VDPA_OVS_OPTIONS:+"$VDPA_OVS_OPTIONS"} --detach --no-chdir --pidfile -vconsole:off \
        --log-file "unix:$VDPA_ENV/db.sock" || return 1
    process_add ovs-vswitchd "$(cat "$VDPA_ENV/ovs-vswitchd.pid")" || return 1
    wait_until "ovs-vsctl get Open_vSwitch . dpdk_initialized | grep -q true"
}

# The user that ovs_user_make() makes.
OVS_USER_ID=64990

# ovs_user_make [GROUP]: from now on there is a user "openvswitch", with a group of that
# name, who is a member of GROUP besides, as far as ovs-vswitchd sees; the machine's
# users stay as they are.
ovs_user_make()
{
    local dir=$VDPA_ENV/users real=$VSWITCHD id=$OVS_USER_ID
    mkdir -p "$dir" && cp /etc/passwd /etc/group "$dir/" || return 1
    sed -i '/^openvswitch:/d' "$dir/passwd" "$dir/group"
    echo "openvswitch:x:$id:$id::/:/bin/false" >> "$dir/passwd"
    echo "openvswitch:x:$id:" >> "$dir/group"
    [ $# -eq 0 ] || sed -i "/^$1:/{ s/[^:]\$/&,/; s/\$/openvswitch/; }" "$dir/group"
    cat > "$dir/ovs-vswitchd" <<WRAPPER
#!/bin/sh
exec unshare -m sh -c 'mount --bind $dir/passwd /etc/passwd \\
    && mount --bind $dir/group /etc/group && exec "\$@"' sh "$real" "\$@"
WRAPPER
    chmod +x "$dir/ovs-vswitchd" && VSWITCHD=$dir/ovs-vswitchd
}

# ovs_user_give FILE...: gives them to that user.
ovs_user_give()
{
    chown "$OVS_USER_ID:$OVS_USER_ID" "$@"
}

# ovs_start [KEY=VALUE]...: starts an OVS of our own, with hugepages.
ovs_start()
{
    hugepages_take "$VDPA_OVS_MEMORY" && ovs_db_start "$@" \
        && ovs_vswitchd_start
}

# ovs_vswitchd_stop: asks ovs-vswitchd to end, and waits until it has.
ovs_vswitchd_stop()
{
    local pid
    pid=$(process_pid ovs-vswitchd) || return 1
    ovs-appctl -T 10 -t ovs-vswitchd exit --cleanup || return 1
    wait_until "! process_stamp $pid" || return 1
    rm -f "$VDPA_ENV/pids/ovs-vswitchd"
}

# ovs_vswitchd_kill: kills ovs-vswitchd as a crash would.
ovs_vswitchd_kill()
{
    process_end ovs-vswitchd KILL
    rm -f "$VDPA_ENV"/ovs-vswitchd.*.ctl "$VDPA_ENV/ovs-vswitchd.pid"
}

# ovs_bridge BRIDGE ADDRESS/LENGTH: adds a userspace bridge whose local port
# is the host, as the guests see it.
ovs_bridge()
{
    ovs-vsctl add-br "$1" -- set Bridge "$1" datapath_type=netdev \
        fail_mode=standalone || return 1
    ovs_bridge_up "$1" "$2"
}

# ovs_bridge_up BRIDGE ADDRESS/LENGTH: waits for the bridge's local port, which
# ovs-vswitchd makes anew when it starts, and gives it its address.
ovs_bridge_up()
{
    wait_until "env_exec ip link show '$1'" \
        && env_exec ip addr replace "$2" dev "$1" \
        && env_exec ip link set "$1" up
}

# ovs_release: prints the release of ovs-vswitchd as a number, 305 for 3.5.
ovs_release()
{
    "$VSWITCHD" --version | sed -nE '1s/.* ([0-9]+)\.([0-9]+)\..*/\1 \2/p' \
        | awk '{ n++; print 100 * $1 + $2 } END { exit !n }'
}

# ovs_pmd_packets: prints how many packets the PMD threads have received.
ovs_pmd_packets()
{
    ovs_pmd_perf "Rx packets"
}

# ovs_pmd_perf WHAT [COLUMN]: prints a number out of pmd-perf-show since the last
# pmd-stats-clear, summed over the PMD threads: "Iterations", "Rx packets", "busy
# iterations", "sleep iterations" and so on; COLUMN 2 is the number in brackets
# behind it.  Fails if no thread has it.  Newer versions show the main thread,
# too, and have no pmd-stats-show.
ovs_pmd_perf()
{
    ovs-appctl dpif-netdev/pmd-perf-show | awk -v what="$1" -v c="${2-1}" '
        / thread .*:$/ { pmd = /^pmd/ }
        pmd && match($0, "^ *(- *)?" what ": *") {
            split(substr($0, RLENGTH + 1), words, /[ (]+/)
            sum += words[c]
            n++
        }
        END { printf "%.10g\n", sum; exit !n }'
}

# ovs_pmd_busy: prints how many cycles the PMD threads have spent on packets
# since the last pmd-stats-clear.
ovs_pmd_busy()
{
    local used share
    used=$(ovs_pmd_perf "Used TSC cycles") \
        && share=$(ovs_pmd_perf "busy iterations" 2) \
        && awk -v used="$used" -v share="$share" \
            'BEGIN { printf "%.0f\n", used * share / 100 }'
}

# ovs_sleep_keys MICROSECONDS: prints what lets PMD threads sleep so long, as
# KEY=VALUE of other_config: the key has another name since 3.2.
ovs_sleep_keys()
{
    echo "pmd-sleep-max=$1 pmd-maxsleep=$1"
}

# ovs_sleep MICROSECONDS: lets PMD threads sleep so long.
ovs_sleep()
{
    local key args=()
    for key in $(ovs_sleep_keys "$1"); do
        args+=("other_config:$key")
    done
    ovs-vsctl --timeout=30 set Open_vSwitch . "${args[@]}"
}

# ovs_add_dpdk BRIDGE PORT DEVARGS [SETTING]...: adds a port of type dpdk, with
# more settings of its Interface, which must work.
ovs_add_dpdk()
{
    ovs-vsctl --timeout=30 add-port "$1" "$2" -- set Interface "$2" type=dpdk \
        options:dpdk-devargs="\"$3\"" "${@:4}" && ovs_port_ok "$2"
}

# ovs_refused COMMAND...: runs COMMAND, which is or ends with an ovs-vsctl to
# which ovs-vswitchd objects; its status tells since 3.6.
ovs_refused()
{
    "$@"
    case $? in
    0|65) ;;
    *) return 1 ;;
    esac
}

# ovs_stats PORT: prints the custom statistics of PORT, one "NAME VALUE" on a
# line, as of now: the database's are seconds old.
ovs_stats()
{
    ovs-ofctl -O OpenFlow15 dump-ports "$(ovs-vsctl iface-to-br "$1")" "$1" \
        | sed '1,/CUSTOM/d' | tr ',' '\n' | sed -n 's/^ *\([^ =]*\)=/\1 /p'
}

# ovs_stat PORT PATTERN: prints the sum of the custom statistics whose names
# match the regular expression PATTERN as a whole, and fails if there is none.
ovs_stat()
{
    ovs_stats "$1" | awk -v p="^($2)\$" '
        $1 ~ p { sum += $2; n++ }
        END { printf "%d\n", sum; exit !n }'
}

# ovs_status PORT KEY: prints a status key of PORT, nothing if there is none.
ovs_status()
{
    ovs-vsctl --if-exists get Interface "$1" "status:$2" | tr -d '"'
}

# ovs_port_ok PORT: succeeds if PORT has come up as a port of the datapath;
# says what is wrong otherwise.
ovs_port_ok()
{
    local error
    error=$(ovs_error "$1")
    if [ "$error" != "[]" ] || [ "$(ovs-vsctl get Interface "$1" ofport)" -lt 0 ]
    then
        say "port $1: $error"
        return 1
    fi
}

# ovs_error PORT: prints what is wrong with PORT.
ovs_error()
{
    ovs-vsctl get Interface "$1" error
}

# rxqs_threads: prints "CORE QUEUE" for each rx-queue of vdpa0.
# rxqs_usage: prints "QUEUE PERCENT", what each takes of its thread's time.
rxqs_threads()
{
    ovs-appctl dpif-netdev/pmd-rxq-show | awk '
        /core_id/ { sub(/:$/, "", $NF); core = $NF }
        /port: vdpa0 / { print core, $4 }' | sort
}

rxqs_usage()
{
    ovs-appctl dpif-netdev/pmd-rxq-show \
        | sed -n 's/.*port: vdpa0 *queue-id: *\([0-9]*\) .*usage: *\([0-9]*\) %.*/\1 \2/p'
}
