#!/bin/bash
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

# Measures a dpdkvdpa port beside what else could do its work; see
# Documentation/benchmarks.rst.  VSWITCHD and BENCHDIR say where
# ovs-vswitchd and the folder of the benchmark's own programs are.
#
# shellcheck disable=SC2317 # Stages are called by their names.

set -u

usage()
{
    cat <<USAGE
usage: bench.sh [OPTION]...

Measures our port, dpdk-testpmd, Open vSwitch switching, and rte_vhost alone,
taking turns, and prints a table.

  --quick        only the most important figures: less than 3 minutes
  --rounds N     how often everything is measured (default: 5)
  --out DIR      where the tables, results.json and the pictures go (default:
                 bench-results)
  --stage NAME   only this one; may be given again.  There are:
                 $STAGES,
                 and, only if it is asked for by name, $MORE_STAGES
  --record       record the ratios ours/testpmd, to which later runs compare
  --document     put the figures and pictures into Documentation/benchmarks.rst
  --help         this text

The exit status is 1 if a ratio ours/testpmd is more than 15 percent worse than
the one that is recorded in bench/bench.recorded, or if something failed.

It needs root, 2 cores and 5 GB of memory for hugepages.  Core 1 is measured;
what else runs there makes figures worse.
USAGE
}

STAGES="base latency packed unmerged ring1024 queues jumbo ports idle"
STAGES+=" simulated tcp-like zero-copy tcp"
MORE_STAGES="scale"
QUICK_STAGES="base packed latency tcp-like"

# Things that a run leaves behind
# ===============================

MEASURE=
finish()
{
    local status=$?
    trap '' INT TERM HUP
    if [ -n "$MEASURE" ]; then
        kill "$MEASURE" 2>/dev/null
    fi
    systems_stop
    exit "$status"
}

# alone: waits until no other benchmark runs on the machine.  What is started
# does not inherit the lock.
alone()
{
    mkdir -p /run/lock
    exec 6> /run/lock/ovs-dpdkvdpa-bench
    if ! flock -n 6; then
        step "waiting for another benchmark on this machine to end"
        flock 6
    fi
}

# Stages
# ======

# guests PORTS QUEUES MTU [KEY=VALUE]... -- SYSTEM...: starts a guest for each
# of the systems, and stops both until they are measured.
guests()
{
    local args=() name
    while [ "$1" != -- ]; do
        args+=("$1")
        shift
    done
    shift
    for name in "$@"; do
        system_use "$name"
        if process_pid guest >/dev/null; then
            system_release "$name"
        fi
        if ! { system_guest "$name" "${args[@]}" 6>&- \
               && system_hold "$name"; }; then
            say "bench.sh: the guest of $name did not start"
            return 1
        fi
    done
}

# systems PORTS QUEUES MTU NAME[:KIND]...: starts systems, each of the kind
# that it is called after if none is given.
systems()
{
    local ports=$1 queues=$2 mtu=$3 name
    shift 3
    for name in "$@"; do
        system_start "${name%:*}" "${name#*:}" "$ports" "$queues" "$mtu" 6>&- \
            || return 1
    done
}

# measure STAGE [ARGUMENT]... -- SYSTEM...: runs measure.py.
measure()
{
    local args=() name argument stage=$1
    shift
    while [ "$1" != -- ]; do
        args+=("$1")
        shift
    done
    shift
    for name in "$@"; do
        argument=$(system_argument "$name") || return 1
        args+=(--system "$argument")
    done
    python3 "$HERE/measure.py" --out "$RAW" --stage "$stage" \
        --rounds "$ROUNDS" --core "$OTHER_CORE" \
        --distance "$BENCHDIR/core-distance" "${args[@]}" 6>&- &
    # While it waits, the shell hears signals.
    MEASURE=$!
    wait "$MEASURE"
}

# stage NAME: runs a stage and ends its systems.  If it fails, that is
# remembered for the end, and the others go on.
FAILED=
stage()
{
    if ! "stage_${1//-/_}"; then
        say "bench.sh: stage $1 failed; its figures are not complete"
        FAILED+=" $1"
    fi
    systems_stop
}

ALL=(ours testpmd switching floor)
DIRECTIONS=guest-to-vf,vf-to-guest,both

SPLIT=(queue_size=256 packed_vq=0 mrg_rxbuf=1)

# The stages that need nothing but other guests.
stage_simple()
{
    step "starting the systems: ${ALL[*]}"
    systems 1 1 1500 "${ALL[@]}" || return 1
    if wanted base idle latency; then
        guests 1 1 1500 "${SPLIT[@]}" -- "${ALL[@]}" && simple_split \
            || return 1
    fi
    if wanted packed; then
        step "packed ring, and split ring beside it"
        guests 1 1 1500 queue_size=256 packed_vq=1 mrg_rxbuf=1 \
            -- "${ALL[@]}" && systems 1 1 1500 split:ours \
            && guests 1 1 1500 "${SPLIT[@]}" -- split \
            && measure packed -- "${ALL[@]}" split || return 1
        system_stop split
    fi
    if wanted unmerged; then
        step "no mergeable buffers"
        guests 1 1 1500 queue_size=256 packed_vq=0 mrg_rxbuf=0 \
            -- "${ALL[@]}" && measure unmerged -- "${ALL[@]}" || return 1
    fi
    if wanted ring1024; then
        step "ring of 1024"
        guests 1 1 1500 queue_size=1024 packed_vq=0 mrg_rxbuf=1 \
            -- "${ALL[@]}" && measure ring1024 --window 512 -- "${ALL[@]}" \
            || return 1
    fi
}

# simple_split: the stages with the base's guests.
simple_split()
{
    if wanted base; then
        step "64 bytes and more, split ring of 256, mergeable buffers"
        if [ -n "$QUICK" ]; then
            measure base --sizes 64,1500 -- "${ALL[@]}" || return 1
        else
            measure base --sizes 64,256,512,1024,1500,imix \
                --directions "$DIRECTIONS" -- "${ALL[@]}" || return 1
        fi
    fi
    if wanted idle; then
        step "iterations that find nothing"
        measure iteration --what idle -- "${ALL[@]}" || return 1
    fi
    if wanted latency; then
        step "round trips at 10, 50 and 90 percent of what testpmd can do"
        guests 1 1 1500 own=1 -- testpmd ours || return 1
        measure latency --what latency --windows 7 -- testpmd ours
    fi
}

stage_queues()
{
    step "4 queue pairs"
    systems 1 4 1500 "${ALL[@]}" \
        && guests 1 4 1500 "${SPLIT[@]}" -- "${ALL[@]}" \
        && measure queues --directions "$DIRECTIONS" -- "${ALL[@]}"
}

stage_jumbo()
{
    step "9000 bytes"
    systems 1 1 9000 "${ALL[@]}" \
        && guests 1 1 9000 "${SPLIT[@]}" -- "${ALL[@]}" \
        && measure jumbo --sizes 9000 --directions "$DIRECTIONS" \
            -- "${ALL[@]}"
}

stage_ports()
{
    step "one, four and ten ports, polled by one thread"
    systems 1 1 1500 one:ours && systems 4 1 1500 four:ours \
        && systems 10 1 1500 ten:ours \
        && guests 1 1 1500 "${SPLIT[@]}" -- one \
        && guests 4 1 1500 "${SPLIT[@]}" -- four \
        && guests 10 1 1500 "${SPLIT[@]}" -- ten || return 1
    if wanted ports; then
        # As much for each poll of a port, however many there are.
        measure ports --hold --window 32 --keep 512 -- one four ten \
            || return 1
    fi
    if wanted idle; then
        step "ten connected ports that nobody uses, and their representors"
        systems 10 1 1500 representors && system_hold representors \
            && measure idle --what idle -- one ten representors
    fi
}

stage_simulated()
{
    local three=(ours testpmd switching)
    step "a VF of the simulated NIC, by way of its e-switch and representor"
    BENCH_SIM=yes
    systems 1 1 1500 "${three[@]}" \
        && guests 1 1 1500 "${SPLIT[@]}" -- "${three[@]}" \
        && measure simulated --sizes 64,1500 -- "${three[@]}"
    local status=$?
    BENCH_SIM=
    return "$status"
}

# stage_tcp_like: what a Linux guest sends and takes, beside those that forward
# the same.
stage_tcp_like()
{
    local three=(ours testpmd switching) out=csum,tso-table in=csum status
    [ -n "$QUICK" ] \
        || { out=ack,csum,csum-table,tso-table,tso-chain; in=ack,csum; }
    step "what a Linux guest's TCP is made of"
    export BENCH_TCP=yes
    systems 1 1 1500 "${three[@]}" && tcp_like_rings tcp-like packed_vq=0 \
        && { [ -n "$QUICK" ] || { step "the same in packed rings" \
            && tcp_like_rings tcp-like-packed packed_vq=1; }; }
    status=$?
    BENCH_TCP=
    return "$status"
}

# tcp_like_rings STAGE KEY=VALUE: measures it with guests that have such rings,
# at equal bursts.  Open vSwitch knows no LRO.
tcp_like_rings()
{
    guests 1 1 1500 "$2" -- "${three[@]}" \
        && measure "$1" --hold --sizes "$out" --directions guest-to-vf \
            -- "${three[@]}" \
        && measure "$1" --hold --sizes "$in" --directions vf-to-guest \
            -- "${three[@]}" \
        && measure "$1" --hold --sizes lro --directions vf-to-guest \
            -- ours testpmd
}

# stage_zero_copy: what a guest sends and nobody copies.  The VF keeps the last 64
# frames, as a NIC does.
stage_zero_copy()
{
    local three=(ours zero_copy testpmd) status
    step "dq-zero-copy: 64 bytes and more"
    systems 1 1 1500 "${three[@]}" \
        && guests 1 1 1500 "${SPLIT[@]}" -- "${three[@]}" \
        && measure zero-copy --keep 64 --sizes 64,256,512,1500 \
            --directions guest-to-vf -- "${three[@]}" || return 1
    systems_stop
    step "dq-zero-copy: 9000 bytes"
    systems 1 1 9000 "${three[@]}" \
        && guests 1 1 9000 "${SPLIT[@]}" -- "${three[@]}" \
        && measure zero-copy --keep 64 --sizes 9000 --directions guest-to-vf \
            -- "${three[@]}" || return 1
    systems_stop
    step "dq-zero-copy: what a Linux guest's TCP is made of"
    export BENCH_TCP=yes
    systems 1 1 1500 "${three[@]}" \
        && guests 1 1 1500 packed_vq=0 -- "${three[@]}" \
        && measure zero-copy --hold --keep 64 --sizes csum,tso-table,tso-chain \
            --directions guest-to-vf -- "${three[@]}"
    status=$?
    BENCH_TCP=
    return "$status"
}

stage_tcp()
{
    local name
    step "bulk TCP of a QEMU guest to a host behind the simulated NIC's wire"
    for name in ours switching; do
        tcp_system "$name" "$name" 6>&- && system_hold "$name" || return 1
    done
    tcp_rounds ours switching >> "$RAW"
}

# wanted STAGE...: succeeds if one of these stages is to run.
wanted()
{
    local stage
    for stage in "$@"; do
        case " $WANTED " in
        *" $stage "*) return 0 ;;
        esac
    done
    return 1
}

# Main
# ====

needs()
{
    [ "$(id -u)" -eq 0 ] || die "this needs root"
    [ "$(nproc)" -ge 2 ] || die "this needs two cores, the machine has one"
    for program in dpdk-testpmd ovsdb-server python3 chrt; do
        command -v "$program" >/dev/null \
            || die "$program is missing: run \"./quickstart bench\", which" \
                   "installs it"
    done
    [ -x "${VSWITCHD-}" ] || die "VSWITCHD=${VSWITCHD-} is no program: run" \
        "\"make bench\" or \"./quickstart bench\""
    [ -f "${BENCHDIR-}/librte_benchvf.so" ] || die "BENCHDIR=${BENCHDIR-}" \
        "has no librte_benchvf.so: run \"make bench\" or" \
        "\"./quickstart bench\""
}

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
export abs_top_srcdir=${HERE%/*}      # For the libraries.
for library in ../tests/lib/load systems tcp scale; do
    . "$HERE/$library.sh" || exit 1
done

COMMAND=${BENCH_COMMAND:-bench/bench.sh $*}
export BENCH_SIM='' BENCH_TCP=''
QUICK='' ROUNDS=5 OUT=bench-results WANTED='' RECORD=() DOCUMENT=()
while [ $# -gt 0 ]; do
    case $1 in
    --quick) QUICK=yes ;;
    --rounds) ROUNDS=${2-}; shift ;;
    --out) OUT=${2-}; shift ;;
    --stage)
        case " $STAGES $MORE_STAGES " in
        *" ${2-} "*) WANTED+=" $2" ;;
        *) die "--stage \"${2-}\": there are only $STAGES $MORE_STAGES" ;;
        esac
        shift
        ;;
    --record) RECORD=(--record) ;;
    --document) DOCUMENT=(--document "$HERE/../Documentation") ;;
    --help|-h) usage; exit 0 ;;
    *) usage >&2; die "unknown argument \"$1\"" ;;
    esac
    shift
done
case $ROUNDS in
''|*[!0-9]*|0) die "--rounds \"$ROUNDS\" is not a number from 1" ;;
esac
[ -n "$OUT" ] || die "--out needs a folder"
[ -z "${DOCUMENT[*]}" ] || [ -z "$QUICK$WANTED" ] \
    || die "--document is for all stages, not for --quick or --stage"
: "${WANTED:=${QUICK:+$QUICK_STAGES}}"
: "${WANTED:=$STAGES}"
needs
mkdir -p "$OUT" || exit 1
alone
RAW=$OUT/raw.jsonl
: > "$RAW" || exit 1
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if wanted base idle latency packed unmerged ring1024; then
    stage simple
fi
if wanted ports idle; then
    stage ports
fi
for name in queues jumbo simulated tcp-like zero-copy tcp $MORE_STAGES; do
    if wanted "$name"; then
        stage "$name"
    fi
done
if [ ! -s "$RAW" ]; then
    [ -z "$FAILED" ] || die "these stages failed:$FAILED"
    exit 0
fi
python3 -B "$HERE/report.py" --raw "$RAW" --out "$OUT" --command "$COMMAND" \
    --recorded "$HERE/bench.recorded" "${RECORD[@]}" \
    "${DOCUMENT[@]}" | tee "$OUT/report.txt"
status=${PIPESTATUS[0]}
step "done: $OUT/results.json"
[ -z "$FAILED" ] || die "these stages failed:$FAILED"
exit "$status"
