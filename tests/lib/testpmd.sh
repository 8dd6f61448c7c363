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

# Bash library: testpmd with virtio-user as a fast guest.  Needs util.sh and an
# environment.
#
# shellcheck shell=bash

# testpmd_start NAME [ARGUMENT]...: starts testpmd in interactive mode with
# these arguments after "--", without forwarding, and waits for its prompt.
# TESTPMD_VDEVS holds the vdevs it starts with, one per word; TESTPMD_LCORES,
# TESTPMD_MEMORY (in MB) and TESTPMD_PLUGINS say where it runs, with how much,
# and which drivers it loads, if that is not as usual.
testpmd_start()
{
    local name=$1 vdev plugin args=()
    shift
    for vdev in ${TESTPMD_VDEVS-}; do
        args+=(--vdev "$vdev")
    done
    for plugin in ${TESTPMD_PLUGINS-}; do
        args+=(-d "$plugin")
    done
    rm -f "$VDPA_ENV/$name.in"
    mkfifo "$VDPA_ENV/$name.in" || return 1
    : > "$VDPA_ENV/$name.testpmd"
    env_spawn "$name" "$VDPA_ENV/$name.testpmd" \
        stdbuf -oL dpdk-testpmd --lcores "${TESTPMD_LCORES-0@0,1@0}" --no-pci \
        --in-memory --single-file-segments --no-telemetry \
        --file-prefix "$(env_netns)-$name" -m "${TESTPMD_MEMORY-128}" \
        "${args[@]}" \
        -- -i --total-num-mbufs=16384 "$@" \
        <>"$VDPA_ENV/$name.in" || return 1
    wait_until "grep -q '^testpmd> ' '$VDPA_ENV/$name.testpmd'" \
        "|| ! process_pid '$name'"
    if ! process_pid "$name" >/dev/null; then
        say "testpmd $name did not start"
        cat "$VDPA_ENV/$name.testpmd" >&2
        return 1
    fi
}

# testpmd_vdev SOCKET [KEY=VALUE]...: prints the vdev of a virtio-user that
# serves SOCKET as QEMU would.
testpmd_vdev()
{
    local socket=$1 arg vdev id=0 size=1024
    shift
    vdev="path=$socket,server=1"
    for arg in "$@"; do
        case $arg in
        id=*) id=${arg#id=} ;;
        queue_size=*) size=${arg#queue_size=} ;;
        *) vdev+=",$arg" ;;
        esac
    done
    echo "net_virtio_user$id,$vdev,queue_size=$size"
}

# testpmd_cmd NAME COMMAND...: types COMMAND at the prompt and prints what
# testpmd says to it.
testpmd_cmd()
{
    local name=$1 out mark from
    shift
    out=$VDPA_ENV/$name.testpmd
    mark=end-$BASHPID-$RANDOM
    from=$(($(wc -c < "$out") + 1))
    # testpmd takes the second line, which it does not know, only after it is
    # done with the first, and echoes it.  An event may put itself between
    # prompt and echo.
    printf '%s\n%s\n' "$*" "$mark" > "$VDPA_ENV/$name.in"
    wait_until "tail -c +$from '$out' | grep -q '$mark'" || return 1
    tail -c "+$from" "$out" | tr -d '\r' | sed "/$mark/,\$d"
}

# testpmd_stat NAME PORT FIELD: prints a counter of "show port stats", for
# example RX-packets.
testpmd_stat()
{
    testpmd_cmd "$1" show port stats "$2" | tr -s ' ' '\n' \
        | awk -v f="$3:" 'seen { print; exit } $1 == f { seen = 1 }'
}

# testpmd_stop NAME: ends testpmd.
testpmd_stop()
{
    echo quit > "$VDPA_ENV/$1.in"
    wait_until "! process_pid $1"
    rm -f "$VDPA_ENV/pids/$1"
}
