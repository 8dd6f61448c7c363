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

# Bash library: how programs speak and wait, and an "environment", which the demo
# and every system test run in.
#
# An environment is a folder, $VDPA_ENV, directly under /run, because paths of
# sockets must be short, and a network namespace of the same name.  The folder
# holds the processes, interfaces and hugepages that were taken, so that
# env_destroy() can give them back from another process, even much later.
#
# shellcheck shell=bash

# Seconds that a condition may take to become true.  A loaded machine gets
# more by VDPA_TIMEOUT in the environment.
: "${VDPA_TIMEOUT:=30}"

# say TEXT...: reports on standard error.
say()
{
    printf '%s\n' "$*" >&2
}

# die TEXT...: ends the program with a message.
die()
{
    say "${0##*/}: $*"
    exit 1
}

# step TEXT...: says what happens next, and how many seconds after the
# program's begin that is.
STEP_BEGIN=$EPOCHREALTIME
step()
{
    printf '[%6s s] %s\n' "$(awk -v a="$STEP_BEGIN" -v b="$EPOCHREALTIME" \
        'BEGIN { printf "%.1f", b - a }')" "$*"
}

# wait_until [-t SECONDS] COMMAND...: runs COMMAND until it succeeds.  Fails,
# and says which command it was, when that takes more than SECONDS.
wait_until()
{
    local limit=$VDPA_TIMEOUT end
    if [ "$1" = -t ]; then
        limit=$2
        shift 2
    fi
    end=$((SECONDS + limit))
    until eval "$*" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            say "still not true after $limit s: $*"
            return 1
        fi
        nap
    done
}

# nap: gives the processor away for the time between two looks at a condition.
# To read from a FIFO that nobody writes to takes no process.
nap()
{
    if [ -z "${NAP_FD-}" ]; then
        local fifo
        fifo=$(mktemp -u "${TMPDIR:-/tmp}/nap.XXXXXX") && mkfifo "$fifo" \
            && exec {NAP_FD}<>"$fifo" && rm -f "$fifo"
    fi
    read -r -t 0.05 -u "$NAP_FD" || :
}

# env_create NAME: makes the environment and sets VDPA_ENV.
env_create()
{
    VDPA_ENV=$(mktemp -d "/run/$1.XXXXXX") || return 1
    export VDPA_ENV
    mkdir "$VDPA_ENV/pids" || return 1
    ip netns add "$(env_netns)" || return 1
    # Nothing but what a test sends shall be on the wires.
    env_exec sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 \
        net.ipv6.conf.default.disable_ipv6=1 || :
    env_exec ip link set lo up
}

# env_netns: prints the name of the network namespace.
env_netns()
{
    basename "$VDPA_ENV"
}

# peer_exec COMMAND...: runs COMMAND in the network namespace of the host behind
# the NIC's wire, which peer_up() makes.
peer_exec()
{
    ip netns exec "$(env_netns)-peer" "$@"
}

# env_exec COMMAND...: runs COMMAND in the environment's network namespace.
env_exec()
{
    ip netns exec "$(env_netns)" "$@"
}

# env_plugin FILE: prints the path of a copy of a DPDK driver: EAL refuses one
# below a folder that everybody may write to.
env_plugin()
{
    cp -u "$1" "$VDPA_ENV/" && echo "$VDPA_ENV/${1##*/}"
}

# env_spawn NAME FILE COMMAND...: starts COMMAND in the background, in the
# environment's network namespace and under its care, with its output in FILE.
# The pid that is remembered is COMMAND's own, not that of a shell around it.
# Standard input is what env_spawn() has.
env_spawn()
{
    local name=$1 file=$2
    shift 2
    (exec ip netns exec "$(env_netns)" "$@") <&0 >"$file" 2>&1 \
        5>&- 6>&- 9>&- &
    process_add "$name" $!
}

# env_destroy: ends every process of the environment and gives back all that
# it took.
env_destroy()
{
    local f
    [ -n "${VDPA_ENV-}" ] && [ -d "$VDPA_ENV" ] || return 0
    for f in "$VDPA_ENV"/pids/*; do
        if [ -f "$f" ]; then
            process_end "$(basename "$f")" KILL
        fi
    done
    # Nothing else lives here: whatever is still running got away from us.
    for f in $(ip netns pids "$(env_netns)" 2>/dev/null
               ip netns pids "$(env_netns)-peer" 2>/dev/null); do
        say "left over: $f $(tr '\0' ' ' < "/proc/$f/cmdline")"
        kill -KILL "$f"
    done
    ip netns del "$(env_netns)-peer" 2>/dev/null
    ip netns del "$(env_netns)" 2>/dev/null
    hugepages_give
    rm -rf "$VDPA_ENV" "/run/dpdk/$(env_netns)"*
}

# process_stamp PID: prints what tells this process from a later one with the
# same number; nothing, for a process that is no more.  As long as any thread of it
# ends it has its memory, hugepages and files, although it is a zombie.
process_stamp()
{
    local stat
    { read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 1
    # Fields 3 (state), 20 (threads) and 22 (start time), counted from behind the
    # name.
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    { [ "$1" != Z ] || [ "${18}" -gt 1 ]; } && echo "${20}"
}

# process_takes PID SIGNAL: succeeds if the process has a handler for SIGNAL.
process_takes()
{
    local caught
    caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status") || return 1
    (((0x$caught >> ($(kill -l "$2") - 1)) & 1))
}

# process_add NAME PID: puts a process under the environment's care.
process_add()
{
    local stamp
    stamp=$(process_stamp "$2") || return 1
    echo "$2 $stamp" > "$VDPA_ENV/pids/$1"
}

# process_pid NAME: prints the pid of NAME, if it lives.
process_pid()
{
    local pid stamp
    { read -r pid stamp < "$VDPA_ENV/pids/$1"; } 2>/dev/null || return 1
    [ "$(process_stamp "$pid")" = "$stamp" ] && echo "$pid"
}

# process_end NAME [SIGNAL]: sends SIGNAL (TERM, if none) and waits for the
# process to be gone; one that does not obey is killed.
process_end()
{
    local pid
    if pid=$(process_pid "$1"); then
        kill "-${2-TERM}" "$pid"
        if ! wait_until -t 10 "! process_stamp $pid"; then
            kill -KILL "$pid"
            wait_until -t 10 "! process_stamp $pid"
        fi
        wait "$pid" 2>/dev/null
    fi
    rm -f "$VDPA_ENV/pids/$1"
}

# hugepages_field FIELD: prints a hugepage counter of /proc/meminfo.
hugepages_field()
{
    awk -v f="HugePages_$1:" '$1 == f { print $2 }' /proc/meminfo
}

# hugepages_take MEGABYTES: raises the machine's number of hugepages by so much, and
# remembers by how much.  What is free before may be for somebody who took it as
# we do and has not got to use it; it is counted on only if there is no room for
# more.
hugepages_take()
{
    local size need free before more
    mkdir -p /run/lock
    size=$(awk '/^Hugepagesize:/ { print $2 / 1024 }' /proc/meminfo)
    need=$((($1 + size - 1) / size))
    (
        flock 9
        free=$(($(hugepages_field Free) - $(hugepages_field Rsvd)))
        before=$(hugepages_field Total)
        echo $((before + need)) > /proc/sys/vm/nr_hugepages
        more=$(($(hugepages_field Total) - before))
        echo "$more" >> "$VDPA_ENV/hugepages"
        if [ $((free + more)) -lt "$need" ]; then
            say "only $((free + more)) of $need hugepages" \
                "could be had; free some memory and try again"
            exit 1
        fi
    ) 9> /run/lock/ovs-dpdkvdpa-hugepages
}

# hugepages_give: gives back what hugepages_take() raised.  Pages that are in
# use by now by somebody else stay.
hugepages_give()
{
    local taken free n
    [ -f "$VDPA_ENV/hugepages" ] || return 0
    (
        flock 9
        taken=$(awk '{ n += $1 } END { print n + 0 }' "$VDPA_ENV/hugepages")
        free=$(($(hugepages_field Free) - $(hugepages_field Rsvd)))
        n=$((taken < free ? taken : free))
        if [ "$n" -gt 0 ]; then
            echo $(($(hugepages_field Total) - n)) > /proc/sys/vm/nr_hugepages
        fi
        rm -f "$VDPA_ENV/hugepages"
    ) 9> /run/lock/ovs-dpdkvdpa-hugepages
}
