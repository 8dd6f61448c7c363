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

# Bash library: what tells why a test failed, asked of whoever still runs.  Needs
# util.sh, ovs.sh, guest.sh and an environment.
#
# shellcheck shell=bash

# Seconds that each question may take.
EVIDENCE_LIMIT=5

# evidence FILE: writes into FILE what Open vSwitch and the guests that run have
# to say of themselves.  Some of them may be why the test failed, and answer
# nothing: each has its time for each question, and then the next one is asked.
evidence()
{
    evidence_all > "$1" 2>&1 </dev/null
}

evidence_all()
{
    local qmp bridge
    evidence_ask 'the load of the machine' cat /proc/loadavg
    if process_pid ovs-vswitchd >/dev/null; then
        evidence_ask 'threads of ovs-vswitchd' \
            evidence_threads "$(process_pid ovs-vswitchd)"
        evidence_ask dpdkvdpa/show evidence_appctl dpdkvdpa/show
        evidence_ask pmd-rxq-show evidence_appctl dpif-netdev/pmd-rxq-show
        evidence_ask pmd-perf-show evidence_appctl dpif-netdev/pmd-perf-show
        for bridge in $(ovs-vsctl --timeout="$EVIDENCE_LIMIT" list-br); do
            evidence_ask "ports of $bridge" timeout "$EVIDENCE_LIMIT" \
                ovs-ofctl -O OpenFlow15 dump-ports "$bridge"
        done
    else
        evidence_title 'no ovs-vswitchd runs'
    fi
    if process_pid ovsdb-server >/dev/null; then
        evidence_ask 'interfaces in the database' \
            ovs-vsctl --timeout="$EVIDENCE_LIMIT" --columns=name,type,ofport,error,admin_state,link_state,options,status,statistics \
            list Interface
    fi
    for qmp in "$VDPA_ENV"/*.qmp; do
        [ ! -S "$qmp" ] || evidence_guest "$(basename "$qmp" .qmp)"
    done
}

# evidence_guest NAME: the same of a guest.
evidence_guest()
{
    if ! process_pid "$1" >/dev/null; then
        evidence_title "guest $1 does not run"
        return
    fi
    evidence_ask "guest $1: status" evidence_hmp "$1" info status
    evidence_ask "guest $1: registers" evidence_registers "$1"
    evidence_ask "guest $1: what itself says" evidence_agent "$1"
}

# evidence_title TEXT: says what comes next.
evidence_title()
{
    printf '\n== %s\n' "$1"
}

# evidence_ask TITLE COMMAND...: prints what COMMAND does, if it takes no longer
# than EVIDENCE_LIMIT and a bit; it may start nothing that outlives that.
evidence_ask()
{
    local pid
    evidence_title "$1"
    shift
    "$@" &
    pid=$!
    if ! wait_until -t $((EVIDENCE_LIMIT + 1)) "! process_stamp $pid" \
            2>/dev/null; then
        echo "no answer in time"
        kill -KILL "$pid"
    fi
    wait "$pid" 2>/dev/null || echo "status $?"
}

# evidence_appctl COMMAND: asks ovs-vswitchd.
evidence_appctl()
{
    ovs-appctl -T "$EVIDENCE_LIMIT" -t ovs-vswitchd "$1"
}

# evidence_threads PID: prints name, state and what the kernel does for each thread.
evidence_threads()
{
    local task state
    for task in "/proc/$1"/task/*; do
        state=$(sed -n 's/^State:[ \t]*//p' "$task/status")
        printf '%s: %s; %s\n' "$(cat "$task/comm")" "$state" \
            "$(awk '{ print $2 }' "$task/stack" | head -n 4 | tr '\n' ' ')"
    done
}

# evidence_hmp NAME COMMAND...: gives QEMU a command as a person would.
evidence_hmp()
{
    local said
    # shellcheck disable=SC2154 # Set by who loads the libraries.
    said=$(timeout "$EVIDENCE_LIMIT" \
        python3 "$abs_top_srcdir/tests/lib/qmp.py" "$VDPA_ENV/$1.qmp" \
            human-monitor-command "command-line=${*:2}") || return 1
    printf '%b\n' "$said" | tr -d '\r"'
}

# evidence_registers NAME: the registers of all of a guest's processors, but for
# those that say nothing of where it is.
evidence_registers()
{
    evidence_hmp "$1" info registers -a | grep -vE '^(DR|F|[XYZ]MM|OPMASK)'
}

# evidence_agent NAME: asks the guest's agent, which answers at once if it does
# nothing else.  Its uptime, and what it found of its clocks, tell whether they
# are right: an emulated machine may be slow just when the kernel measures them.
evidence_agent()
{
    GUEST_TIMEOUT=2 guest_exec "$1" 'cat /proc/net/dev /proc/interrupts
                                     cat /proc/uptime
                                     dmesg | grep -E "tsc:|clocksource:"
                                     ip addr; dmesg | tail -n 20'
}
