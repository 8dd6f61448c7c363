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

# What the commands of quickstart have in common.
#
# shellcheck shell=bash

# logged WHAT COMMAND...: says WHAT and runs COMMAND with its output in the
# log; says from time to time that it still runs.  If it fails, shows the end
# of the log and returns its status.
logged()
{
    local what=$1 pid status begin=$SECONDS told=$SECONDS
    shift
    step "$what"
    printf '\n### %s\n' "$what" >> "$LOG"
    "$@" >> "$LOG" 2>&1 </dev/null 8>&- &
    pid=$!
    # In the background a command does not hear of a Ctrl-C.
    trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
    while process_stamp "$pid" >/dev/null; do
        nap
        if [ $((SECONDS - told)) -ge 15 ]; then
            told=$SECONDS
            step "  still at it after $((SECONDS - begin)) s"
        fi
    done
    wait "$pid"
    status=$?
    trap - INT TERM
    if [ "$status" -ne 0 ]; then
        tail -n 15 "$LOG" >&2
    fi
    return "$status"
}

die_log()
{
    die "that failed; the log is $LOG"
}
