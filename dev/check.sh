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

# ./quickstart check: all the tests.
#
# shellcheck shell=bash

usage_check()
{
    cat <<USAGE
usage: ./quickstart check [--all] [--asan]
           [--unit|--system|--perf|--nested|--each-suite] [KEYWORD]...

Checks, in this order: the style of shell scripts (shellcheck) and of lib/
(checkpatch.py of Open vSwitch); the unit tests; that everything compiles by
clang, whose thread-safety analysis knows our locks; the unit tests that are
programs, and some system tests, with AddressSanitizer and
UndefinedBehaviorSanitizer; that the relay takes no more instructions than were
recorded; the simulated NIC alone; the system tests; and then, for each other
suite of Debian that we know, in a root of that suite ("./quickstart --suite
--help"), what --each-suite does.

What ran is compared with what was to run: a test without a result has failed.
The last line says how many tests passed and failed; the exit status is 0 only
if some ran and none failed.

  --all      also what is slow and rarely finds anything: the system tests with
             the keyword "slow", and the fuzzers, for FUZZ_SECONDS (20) each;
             the Debian packages, which are built, looked at, and tried in a
             virtual machine; Open vSwitch's own tests with our ovs-vswitchd,
             which take about an hour; a cross build for arm64 and its unit
             tests under qemu-user; all of it in each suite; and what --nested
             does
  --each-suite  only what is checked in each suite: that everything compiles by
             gcc and by clang without a warning, the unit tests, and the system
             tests with the keyword "each-suite"; with --all, everything but
             style and instructions, for which one suite will do
  --asan     test a build with AddressSanitizer and UndefinedBehaviorSanitizer
  --unit     only style, the unit tests and clang, which need no hugepages
  --system   only the system tests
  --perf     only whether the relay got slower: the instructions, and the
             cycles beside testpmd, for which the machine must be quiet.  The
             latter no other check looks at.
  --nested   only "./quickstart nested"; a KEYWORD is a stage of it
  KEYWORD    only the system tests with one of these keywords, slow or not, and
             the unit test programs with one of them in their name
USAGE
}

command_check()
{
    local only='' all='' part
    while [ $# -gt 0 ]; do
        case $1 in
        --all) all=yes ;;
        --asan) ASAN=yes ;;
        --unit|--system|--perf|--nested|--each-suite)
            [ -z "$only" ] || [ "$only" = "$1" ] \
                || die "check: $only and $1 exclude each other"
            only=$1
            ;;
        --help|-h) usage_check; exit 0 ;;
        -*) usage_check >&2; die "check: unknown option \"$1\"" ;;
        *) break ;;
        esac
        shift
    done
    if [ "$only" = --each-suite ]; then
        [ "$#$ASAN" = 0 ] \
            || die "check: --each-suite takes no keywords, and no --asan"
        export CONFIGURE_FLAGS=--enable-Werror
    fi
    PACKAGES+=" $CHECK_PACKAGES"
    build
    PASSED=0 FAILED=0 SKIPPED=0 PARTS=
    for part in $(check_parts "$only" "$all" $#); do
        check_part "$part" "$all" "$@"
    done
    printf 'Seconds that each part took:%s\n' "$PARTS"
    check_result
}

# check_result: prints how many tests passed and failed, and fails if any did, or
# none ran.
check_result()
{
    printf '%d passed, %d failed' "$PASSED" "$FAILED"
    [ "$SKIPPED" -eq 0 ] || printf ', %d skipped' "$SKIPPED"
    printf '\n'
    [ "$FAILED" -eq 0 ] && [ "$PASSED" -gt 0 ]
}

# check_parts ONLY ALL KEYWORDS: prints the parts of a check.  With a number of
# KEYWORDS other than 0 they are those that know keywords.
check_parts()
{
    local style='' unit=' unit ' system=' system ' perf=' instructions '
    if [ "$3" -eq 0 ]; then
        system=' drivers system '
        if [ -z "$ASAN" ]; then
            style=' style '
            unit=" unit clang ${2:+fuzz }"
        fi
    fi
    case $1$2 in
    --unit*) echo "$style$unit" ;;
    --system*) echo "$system" ;;
    --perf*) echo "$perf ratios" ;;
    --nested*) echo nested ;;
    --each-suite) echo "$unit each_suite" ;;
    --each-suiteyes) echo "$unit sanitized $system package openvswitch arm64" ;;
    *)
        if [ "$3" -ne 0 ] || [ -n "$ASAN" ]; then
            echo "$unit$system"
        else
            echo "$style$unit sanitized $perf$system" \
                "${2:+package nested openvswitch arm64} suites"
        fi
        ;;
    esac
}

# check_part NAME ALL [KEYWORD]...: runs a part and notes how long it took.
check_part()
{
    local begin=$SECONDS name=$1
    shift
    cd "$BUILD" || exit 1
    "part_$name" "$@"
    PARTS+=" $name $((SECONDS - begin))"
}

# passed N: so many tests more.
passed()
{
    PASSED=$((PASSED + $1))
}

# failed N [TEXT]...: the same, and why.
failed()
{
    FAILED=$((FAILED + $1))
    shift
    [ $# -eq 0 ] || say "$*"
}

# skipped N [TEXT]...: the same.
skipped()
{
    SKIPPED=$((SKIPPED + $1))
    shift
    [ $# -eq 0 ] || step "$*"
}

# check_build_of FOLDER COMMAND...: a test that consists of building something;
# the folder shows what was built.
check_build_of()
{
    local folder=$1
    shift
    if ("$@"); then
        passed 1
    else
        failed 1 "$folder could not be built"
        return 1
    fi
}

# part_clang: builds everything with clang, whose thread-safety analysis knows
# our locks; a warning is a failure.
part_clang()
{
    PACKAGES=clang packages_install
    step "building with clang"
    sources_copy "$TOP/_build-clang"
    CONFIGURE_FLAGS=--enable-Werror \
        check_build_of _build-clang build_in "$TOP/_build-clang" CC=clang \
        --disable-unit-tests
}

# part_sanitized: the unit tests and a system test, with sanitizers.
part_sanitized()
{
    step "building with sanitizers"
    check_build_of _build-asan build_sanitized || return
    ASAN=yes
    build_use "$TOP/_build-asan"
    cd "$BUILD" || exit 1
    part_unit ''
    part_system '' sanitized
    ASAN=
    build_use "$TOP"
}

# part_instructions: compares the instructions of the relay with those
# recorded.
part_instructions()
{
    local log=bench/relay-cost.log
    PACKAGES=valgrind packages_install
    step "instructions of the relay"
    # One that was built without valgrind's header is of no use.
    rm -f bench/relay-cost bench/ring-cost
    if ! make -s check-perf > "$log" 2>&1; then
        failed 1
    elif grep -q skipped "$log"; then
        skipped 1
    else
        passed 1
    fi
    cat "$log"
}

# part_ratios: compares the relay's cycles, divided by testpmd's, with those
# recorded.  Whatever else the machine does can only spoil a run, so that one
# good run of three is good.
part_ratios()
{
    local try
    if [ "$(nproc)" -lt 2 ]; then
        skipped 1 "the relay beside testpmd: skipped, for this needs two cores"
        return
    fi
    logged "building the benchmarks" make bench-programs || die_log
    for try in 1 2 3; do
        step "the relay beside testpmd, try $try of 3"
        if make -s bench \
                BENCHFLAGS="--quick --stage base --stage packed"; then
            passed 1
            return
        fi
    done
    failed 1
}

# part_each_suite: the system tests that run in each suite.
part_each_suite()
{
    part_system '' each-suite
}

# part_suites ALL: the other suites that we know, each in a root of its own.
part_suites()
{
    local suite
    for suite in $SUITES; do
        [ "$suite" = "$(suite_here)" ] || suite_check "$suite" ${1:+--all}
    done
}

# suite_check SUITE [--all]: checks in the root of SUITE, and adds what came of
# it.
suite_check()
{
    local suite=$1 log=$OVS_DPDKVDPA_CACHE/suites/$1/check.log out tee status
    step "suite $suite"
    root_prepare "$suite"
    case $? in
    0) ;;
    2) skipped 1 "suite $suite was not tried: $ROOT_PROBLEM"; return ;;
    *) failed 1 "suite $suite: $ROOT_PROBLEM"; return ;;
    esac
    exec {out}> >(tee "$log" | sed -u "s/^/$suite: /")
    tee=$!
    root_supervise "$(suite_root "$suite")" ./quickstart check --each-suite \
        "${@:2}" >&"$out" 2>&1 {out}>&-
    status=$?
    exec {out}>&-
    wait "$tee"
    suite_result "$suite" "$status" "$log"
}

# suite_result SUITE STATUS LOG: adds the last line of a check that ended with
# STATUS.  One that did not come to that has failed.
suite_result()
{
    local ok bad skip
    read -r ok bad skip < <(tail -n 1 "$3" | sed -nE \
        's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 \4/p')
    passed "${ok:-0}"
    skipped "${skip:-0}"
    failed "${bad:-0}"
    if [ -z "${bad-}" ] || { [ "$bad" -eq 0 ] && [ "$2" -ne 0 ]; }; then
        failed 1 "suite $1: the check ended halfway, with status $2: $3"
    fi
}

# part_fuzz: lets each fuzzer run for a while.
part_fuzz()
{
    PACKAGES="clang libclang-rt-dev" packages_install
    if logged "fuzzing" make -s fuzz FUZZ_SECONDS="${FUZZ_SECONDS:-20}"; then
        passed 1
    else
        failed 1 "a fuzzer found something: $BUILD/tests/fuzz/*.fail-*"
    fi
}
