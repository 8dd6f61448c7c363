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

# Compares the instructions that the relay takes, counted by callgrind, with
# what was recorded: exact figures, whatever else the machine does.

set -u

usage()
{
    cat <<USAGE
usage: relay-cost.sh [--record]

Counts the instructions of the relay by running the programs RELAY_COST (a
variable in the environment, bench/relay-cost and bench/ring-cost) under
callgrind.  Fails if a figure is more than $TOLERANCE percent above the one in
bench/relay-cost.recorded.  Compilers differ, so the figures of each version
stand by themselves, under the first line of what "\$CC --version" says.  Ends
with status 77, for a test that was skipped, if there are none for this one,

  $COMPILER

or no valgrind.

  --record   write the figures of this compiler down instead
USAGE
}

TOLERANCE=15
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
RECORDED=$HERE/relay-cost.recorded
: "${RELAY_COST:=$HERE/relay-cost $HERE/ring-cost}"
# However it is called, gcc is gcc.
COMPILER=$(${CC:-cc} --version | sed -E 's/^[^ ]*cc[^ ]* \(/gcc (/; q')

# ours FILE...: adds up what callgrind counted outside of the C library.  All
# that is done there is copying, and how many instructions that takes depends
# on the CPU.
ours()
{
    awk '
        /^c?ob=/ && NF > 1 {
            id = $1
            sub(/.*=/, "", id)
            libc[id] = $2 ~ /\/libc[.-][^\/]*$/
        }
        /^ob=/ { skip = libc[substr($1, 4)] }
        /^calls=/ { getline; next }     # What that took is told elsewhere.
        /^[-+*0-9]/ && !skip { n += $2 }
        END { printf "%d\n", n }' "$1"
}

# count PROGRAM: prints "NAME INSTRUCTIONS" for each of its figures, per unit.
count()
{
    local dump name units
    valgrind --tool=callgrind --collect-atstart=no --quiet \
        --callgrind-out-file="$DIR/out" "$1" \
        > "$DIR/figures" 2> "$DIR/log"
    local status=$?
    if [ "$status" -ne 0 ]; then
        cat "$DIR/log" >&2
        return "$status"
    fi
    while read -r name units; do
        dump=$(grep -lsx "desc: Trigger: Client Request: $name" "$DIR"/out.*)
        if [ -z "$dump" ]; then
            echo "relay-cost: callgrind wrote nothing for $name" >&2
            return 1
        fi
        awk -v name="$name" -v n="$(ours "$dump")" -v units="$units" \
            'BEGIN { printf "%s %.2f\n", name, n / units }'
    done < "$DIR/figures"
}

# recorded: prints the figures that were recorded with this compiler.
# others: prints the rest of what was recorded.
recorded()
{
    awk -v mine="compiler: $COMPILER" '
        /^(#|compiler: )/ { in_mine = $0 == mine; next }
        in_mine' "$RECORDED"
}

others()
{
    awk -v mine="compiler: $COMPILER" '
        /^(#|compiler: )/ { in_mine = $0 == mine }
        !in_mine' "$RECORDED"
}

# compare FILE: compares the figures in FILE with those recorded.
compare()
{
    recorded | awk -v tolerance="$TOLERANCE" '
        FILENAME == "-" {
            want[$1] = $2
            next
        }
        !($1 in want) {
            printf "%-24s %8.2f  not recorded\n", $1, $2
            bad = 1
            next
        }
        {
            verdict = "ok"
            seen[$1] = 1
            if ($2 > want[$1] * (1 + tolerance / 100)) {
                verdict = "SLOWER"
                bad = 1
            } else if ($2 < want[$1] * (1 - tolerance / 100)) {
                verdict = "ok, much better: record it"
            }
            printf "%-24s %8.2f  recorded %8.2f, limit %8.2f  %s\n", $1, $2,
                want[$1], want[$1] * (1 + tolerance / 100), verdict
        }
        END {
            for (name in want) {
                if (!(name in seen)) {
                    printf "%-24s was recorded, but not measured\n", name
                    bad = 1
                }
            }
            exit bad
        }' - "$1"
}

case ${1-} in
''|--record) ;;
--help|-h) usage; exit 0 ;;
*) usage >&2; exit 1 ;;
esac
if ! command -v valgrind >/dev/null; then
    echo "relay-cost: skipped: valgrind is not installed"
    exit 77
fi
for program in $RELAY_COST; do
    if [ ! -x "$program" ]; then
        echo "relay-cost: $program is no program: run \"make check-perf\"" >&2
        exit 1
    fi
done
if [ "${1-}" != --record ] && [ -z "$(recorded)" ]; then
    echo "relay-cost: skipped: nothing was recorded with $COMPILER;" \
        "bench/relay-cost.recorded has" \
        "$(sed -n 's/^compiler: //p' "$RECORDED" | paste -s -d ,)"
    exit 77
fi
DIR=$(mktemp -d) || exit 1
trap 'rm -rf "$DIR"' EXIT
trap 'exit 130' INT TERM
for program in $RELAY_COST; do
    count "$program" >> "$DIR/measured" || exit
done
if [ "${1-}" = --record ]; then
    { others; echo "compiler: $COMPILER"; cat "$DIR/measured"; } \
        > "$DIR/new" \
        && cp "$DIR/new" "$RECORDED" && cat "$DIR/measured"
    exit
fi
echo "instructions of the relay alone, per packet or per poll"
if ! compare "$DIR/measured"; then
    cat >&2 <<TEXT
relay-cost: the relay takes more than $TOLERANCE percent more instructions than
were recorded in bench/relay-cost.recorded.  If that is meant to be, record the
new figures by "make check-perf PERFFLAGS=--record" and say why in the commit.
TEXT
    exit 1
fi
