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

# Bash library: tools/vhost-user-frontend as a guest, fast or hostile.  Needs
# util.sh and an environment, and FRONTEND, the path of the program.
#
# shellcheck shell=bash

# frontend_run ARGUMENT...: runs a scenario to its end.
frontend_run()
{
    taskset -c 0 "$FRONTEND" "$@"
}

# frontend_run_in TYPE SIZE ARGUMENT...: the same with one more argument, a
# folder that has a file system of so little size for itself, and goes with it.
frontend_run_in()
{
    local type=$1 size=$2 dir=$VDPA_ENV/room
    shift 2
    mkdir -p "$dir"
    # shellcheck disable=SC2016
    taskset -c 0 unshare -m sh -c \
        'mount -t "$0" -o size="$1" none "$2" && shift 2 && exec "$@"' \
        "$type" "$size" "$dir" "$FRONTEND" "$@" "$dir"
}

# frontend_start NAME ARGUMENT...: starts a scenario in the background, with
# its output in $VDPA_ENV/NAME.frontend.
frontend_start()
{
    local name=$1
    shift
    env_spawn "$name" "$VDPA_ENV/$name.frontend" \
        taskset -c 0 "$FRONTEND" "$@" </dev/null
}

# frontend_signal NAME SIGNAL: sends it, as soon as the program takes it: one that
# has just been started would die of it.
frontend_signal()
{
    local pid
    pid=$(process_pid "$1") || { say "$1 is gone"; return 1; }
    wait_until "process_takes $pid $2" && kill "-$2" "$pid"
}

# frontend_stop NAME: asks a scenario to end, waits for it and succeeds if it
# says that all was well.
frontend_stop()
{
    local pid
    pid=$(process_pid "$1") || { say "$1 is gone"; return 1; }
    frontend_signal "$1" TERM || return 1
    wait_until "! process_stamp $pid" || return 1
    rm -f "$VDPA_ENV/pids/$1"
    cat "$VDPA_ENV/$1.frontend"
    frontend_said "$1" '^result: good$'
}

# frontend_change NAME N: has "traffic" disable all queue pairs but one, or enable
# them all, N times, and waits for each.
frontend_change()
{
    local i n
    n=$(grep -c ': queue pairs: ' "$VDPA_ENV/$1.frontend")
    for ((i = 1; i <= $2; i++)); do
        frontend_signal "$1" USR1 || return 1
        wait_until "test \$(grep -c ': queue pairs: ' $VDPA_ENV/$1.frontend) \
                         -eq $((n + i))" || return 1
    done
}

# frontend_said NAME PATTERN: succeeds if NAME has printed such a line.
frontend_said()
{
    grep -q -- "$2" "$VDPA_ENV/$1.frontend"
}
