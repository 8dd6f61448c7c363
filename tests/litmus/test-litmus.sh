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

# Has herd7, of the package herdtools7, look at every execution that the memory
# model of C11 (repaired: RC11), or of an AArch64 machine, allows of the litmus
# tests in this folder.  What "exists" says must not be among them; of each
# mutant, which lacks something, it must be.
#
# In a test's comments are
#   (* mutant NAME: COMMANDS *)  commands of sed that make the mutant
#   (* IPI: STATEMENTS *)        what goes into the place of one line "IPI"; each
#                                such line makes a test of its own.  Mutants are
#                                made of these, and one must show what it lacks.
#
# Says what it found as the unit tests do.

set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
WORK=$(mktemp -d) || exit 1
trap 'rm -rf "$WORK"' EXIT

# variants FILE: writes the tests that FILE stands for to $WORK/variant-*, and
# prints their names.
variants()
{
    local n i handler
    n=$(grep -cx ' *IPI' "$1")
    handler=$(sed -nE 's/^\(\* IPI: (.*) \*\)$/\1/p' "$1")
    for ((i = 0; i < (n > 0 ? n : 1); i++)); do
        awk -v which="$i" -v handler="$handler" '
            /^ *IPI$/ { if (seen++ == which) print "  " handler; next }
            !/^\(\* (IPI|mutant)/' "$1" > "$WORK/variant-$i"
        echo "$WORK/variant-$i"
    done
}

# observed TEST: prints whether herd7 saw what TEST says exists: Never,
# Sometimes or Always; nothing if it could not tell.
observed()
{
    local options=(-model rc11.cat)
    case $(head -n 1 "$1") in
    AArch64*) options=(-variant mixed) ;;
    esac
    herd7 "${options[@]}" "$1" 2>> "$WORK/errors" \
        | awk '$1 == "Observation" && ($4 > 0 || $5 > 0) { print $3 }'
}

# forbidden FILE: returns true if no variant shows it.
forbidden()
{
    local variant
    for variant in $(variants "$1"); do
        [ "$(observed "$variant")" = Never ] || return 1
    done
}

# shown FILE COMMANDS: returns true if a variant of this mutant shows it.
shown()
{
    local variant
    for variant in $(variants "$1"); do
        sed -E "$2" "$variant" > "$WORK/mutant.litmus"
        ! cmp -s "$variant" "$WORK/mutant.litmus" || return 1
        case $(observed "$WORK/mutant.litmus") in
        Sometimes|Always) return 0 ;;
        esac
    done
    return 1
}

# result NAME COMMAND...: runs a test.
result()
{
    local name=$1
    shift
    if ! command -v herd7 > /dev/null; then
        echo "[  SKIPPED ] $name"
    elif "$@"; then
        echo "[       OK ] $name"
    else
        echo "[  FAILED  ] $name"
        cat "$WORK/errors" 2>/dev/null
        status=1
    fi
    : > "$WORK/errors"
}

status=0
total=$(cat "$HERE"/*.litmus | grep -cE '^(C|AArch64) |^\(\* mutant ')
echo "[==========] Running $total test(s)."
command -v herd7 > /dev/null || echo "herd7, of herdtools7, is not installed"
for file in "$HERE"/*.litmus; do
    name=$(basename "$file" .litmus)
    result "$name" forbidden "$file"
    while IFS=: read -r mutant commands; do
        result "$name.$mutant" shown "$file" "$commands"
    done < <(sed -nE 's/^\(\* mutant (.*) \*\)$/\1/p' "$file")
done
exit "$status"
