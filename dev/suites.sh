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

# The suites of ./quickstart check: unit tests, simulated NIC, system tests.
# Each compares what has a result with what was to run, so that one which ends
# halfway, for whatever reason, is not taken for a good one.
#
# shellcheck shell=bash

# without_nic N TESTS: counts N of TESTS as skipped, for want of the NIC.
without_nic()
{
    [ "$1" -eq 0 ] || skipped "$1" "skipped $1 of $2:" "$NO_NIC"
}

# part_unit ALL [KEYWORD]...: runs the unit tests and counts their cases.
part_unit()
{
    local tests log=tests/unit-tests.log status name
    shift
    litmus_prepare
    # shellcheck disable=SC2016 # It is for make.
    read -r -a tests < <(printf 'include Makefile\nx: ; @echo $(TESTS)\n' \
                         | make -s -f - x)
    if [ "${#tests[@]}" -eq 0 ]; then
        failed 1 "there are no unit tests: is cmocka missing?"
        return
    fi
    if [ -n "$ASAN" ]; then
        # What scripts run is not what has sanitizers, but for a front-end.
        mapfile -t tests < <(printf '%s\n' "${tests[@]}" \
                             | grep -vE '\.(sh|py)$')
    fi
    if [ $# -gt 0 ]; then
        mapfile -t tests < <(printf '%s\n' "${tests[@]}" \
                             | grep -F "$(printf '%s\n' "$@")")
        [ "${#tests[@]}" -gt 0 ] || return
    fi
    rm -f "${tests[@]/%/.log}" "${tests[@]/%/.trs}"
    step "unit tests${ASAN:+, with sanitizers}: ${tests[*]#tests/unit/}"
    make -j "$(nproc)" check TESTS="${tests[*]}" > "$log" 2>&1
    status=$?
    grep -E '^(FAIL|ERROR)|[Ee]rror' "$log"
    # shellcheck disable=SC2153
    local before=$FAILED
    for name in "${tests[@]}"; do
        unit_count "$name"
    done
    if [ "$status" -ne 0 ] && [ "$FAILED" -eq "$before" ]; then
        failed 1 "\"make check\" ended with status $status: $BUILD/$log"
    fi
    if ! nic_there && [ $# -eq 0 ]; then
        without_nic "$(cat "$TOP"/tests/unit/test-sim-*.c \
                       | grep -o 'cmocka_unit_test[a-z_]*(' | wc -l)" \
            "the unit tests"
    fi
}

# unit_count TEST: counts the cases of a program of unit tests.  Each of its
# groups says first how many cases it is going to run.
unit_count()
{
    local log=$1.log announced passed skipped failed missing
    if [ ! -f "$log" ]; then
        failed 1 "$1 gave no log: it did not run"
        return
    fi
    announced=$(sed -n \
        's/^\[==========\].* *Running \([0-9]*\) test.*/\1/p' "$log" \
        | awk '{ n += $1 } END { print n + 0 }')
    passed=$(grep -c '^\[       OK \]' "$log")
    # cmocka names them once more at the end, below how many there are.
    skipped=$(sed -n 's/^\[  SKIPPED \] \([A-Za-z_].*\)$/\1/p' "$log" \
              | grep -v ' listed below:$' | sort -u | grep -c .)
    failed=$(sed -n 's/^\[  FAILED  \] \([A-Za-z_][^ ]*\)$/\1/p' "$log" \
             | sort -u | grep -c .)
    missing=$((announced - passed - skipped - failed))
    passed "$passed"
    skipped "$skipped"
    if [ "$announced" -eq 0 ]; then
        failed 1 "$1 named no test: $BUILD/$log"
    elif [ "$missing" -ne 0 ]; then
        failed $((failed + (missing > 0 ? missing : 1))) "$1: $announced" \
            "tests were to run, $missing gave no result: $BUILD/$log"
    elif [ "$failed" -gt 0 ] || ! grep -q '^:test-result: PASS' "$1.trs"; then
        failed $((failed ? failed : 1)) "$1 failed: $BUILD/$log"
        grep -vE '^\[ +(RUN|OK) ' "$log" | tail -n 40 | cut -c-400
    fi
}

# part_drivers: runs the tests of the simulated NIC alone, under testpmd.
part_drivers()
{
    local log=tests/drivers-testpmd.log preload='' status
    # "speed" gives figures and must be asked for.
    grep -ho '^test_[a-z_]*()' "$TOP"/tests/drivers-testpmd*.sh \
        | sed 's/^test_//; s/()$//' | grep -vx speed > tests/drivers.list
    if ! nic_there; then
        without_nic "$(wc -l < tests/drivers.list)" \
            "the tests of the simulated NIC alone"
        return
    fi
    step "tests of the simulated NIC alone"
    if [ -n "$ASAN" ]; then
        preload=$(gcc -print-file-name=libasan.so)
        preload+=:$(gcc -print-file-name=libubsan.so)
    fi
    # testpmd itself knows nothing of sanitizers, and has leaks of its own.
    VDPASIM_PRELOAD=$preload ASAN_OPTIONS=detect_leaks=0 \
        make -s check-drivers > "$log" 2>&1
    status=$?
    grep -B 10 '^FAILED ' "$log"
    suite_count "$log" "$status" tests/drivers.list \
        < <(sed -nE 's/^(ok|FAILED) ([a-z_]+)$/\2 \1/p' "$log")
}

# What the tests of Documentation/orchestration.rst need; only who runs these has it
# installed.
ORCHESTRATION_PACKAGES="libvirt-daemon-system libvirt-clients apparmor
    ovn-central ovn-host"

# times_note FILE: reads what a testsuite prints while it runs, a line for each test
# when that has ended, and notes in FILE how many ms each took.
times_note()
{
    local line now last=${EPOCHREALTIME/./}
    while IFS= read -r line; do
        [[ $line =~ ^\ *[0-9]+:\  ]] || continue
        now=${EPOCHREALTIME/./}
        echo "$(((now - last) / 1000)) $line"
        last=$now
    done > "$1"
}

# times_show FILE: prints which of these took longest.
times_show()
{
    [ -s "$1" ] || return 0
    step "the slowest of $(wc -l < "$1") tests, in seconds"
    sort -rn "$1" | head -n 10 | awk '{
        ms = $1
        sub(/^[0-9]+ /, "")
        printf "%8.1f %s\n", ms / 1000, $0
    }'
}

# part_system ALL [KEYWORD]...: runs the system tests and counts them.
part_system()
{
    local log=tests/system-testsuite.out times=tests/system.times out note
    local flags status
    if [ $# -gt 1 ]; then
        printf -v flags ' -k %s' "${@:2}"
    else
        flags=${1:+-k slow }'-k !slow'
    fi
    step "system tests${ASAN:+, with sanitizers}"
    make -s tests/system-testsuite tests/atlocal || failed 1 "no testsuite"
    # shellcheck disable=SC2086 # These are words.
    bash tests/system-testsuite -C tests -l $flags > tests/system.list
    if grep -qE '^ {6}.*\<(libvirt|ovn)\>' tests/system.list; then
        PACKAGES=$ORCHESTRATION_PACKAGES packages_install
    fi
    sed -i -nE 's/^ *([0-9]+): .*/\1/p' tests/system.list
    # What is left of tests that failed in another run is nothing to show.
    rm -rf tests/system-testsuite.dir
    exec {out}> >(times_note "$times")
    note=$!
    make -s check-system TESTSUITEFLAGS="$flags" 2>&1 {out}>&- \
        | tee "$log" "/dev/fd/$out"
    status=${PIPESTATUS[0]}
    exec {out}>&-
    wait "$note"
    if [ $# -gt 1 ] && [ ! -s tests/system.list ]; then
        return      # These keywords are of unit tests.
    fi
    nic_there || step "of the system tests those are skipped that take a NIC:" \
        "$NO_NIC"
    suite_count "$log" "$status" tests/system.list < <(sed -nE '
        s/^ *([0-9]+): .* (ok|FAILED|skipped)( \([^()]*\))?$/\1 \2/p
        s/^ *([0-9]+): .* UNEXPECTED PASS$/\1 FAILED/p
        s/^ *([0-9]+): .* expected failure( \([^()]*\))?$/\1 ok/p' "$log")
    times_show "$times"
    failures_show tests/system-testsuite.dir
}

# failures_show FOLDER: prints what tells why tests failed: of each that a
# testsuite left there, as it does of those alone, the end of its log, what
# evidence() found, and the end of what else it kept.
failures_show()
{
    local dir file lines
    for dir in "$1"/[0-9]*; do
        for file in "$dir"/{system-testsuite,evidence,ovs-vswitchd}.log \
                "$dir"/*.{console,qemu,testpmd,frontend} "$dir"/asan*; do
            case $file in
            */evidence.log) lines=500 ;;
            */system-testsuite.log|*/asan*) lines=100 ;;
            *) lines=30 ;;
            esac
            [ ! -s "$file" ] || {
                step "the end of $file"
                tail -n "$lines" "$file" | cut -c-400
            }
        done
    done
}

# suite_count LOG STATUS LIST: counts the tests of a suite that ended with
# STATUS.  The names of those that were to run are in the file LIST; what comes
# in is "NAME ok", "NAME FAILED" or "NAME skipped" for each that has a result.
suite_count()
{
    local log=$1 status=$2 ok bad skip missing
    read -r ok bad skip missing < <(awk -v list="$3" '
        BEGIN { while ((getline name < list) > 0) want[name] = 1 }
        !($1 in got) { got[$1] = $2; n[$2]++ }
        END {
            for (name in want) {
                if (!(name in got)) missing = missing " " name
            }
            print n["ok"] + 0, n["FAILED"] + 0, n["skipped"] + 0, missing
        }')
    passed "$ok"
    failed "$bad"
    skipped "$skip"
    if [ -n "$missing" ]; then
        failed "$(wc -w <<< "$missing")" "these tests gave no result:" \
            "$missing; $BUILD/$log"
    elif [ $((ok + bad + skip)) -eq 0 ]; then
        failed 1 "no test was to run; $BUILD/$log"
    elif [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        failed 1 "make ended with status $status; $BUILD/$log"
    fi
}
