#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# How Open vSwitch's own tests are counted (dev/ovs-tests.sh): a suite that is made
# up is run with "our" ovs-vswitchd and the "stock" one.

: "${srcdir:=.}"
. "$srcdir/tests/lib/cases.sh" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
. "$srcdir/dev/suites.sh" && . "$srcdir/dev/ovs-tests.sh" || exit 1

# What the tested functions take from elsewhere.
BUILD=$tmp OVS_BUILD=$tmp/build
step() { :; }
say() { echo "$*"; }
passed() { PASSED=$((PASSED + $1)); }
failed() { FAILED=$((FAILED + $1)); }
skipped() { SKIPPED=$((SKIPPED + $1)); }
ovs_suite_prepare()
{
    : > "$2/started"
    : > "$2/ours"
    : > "$2/stock"
    awk '{ print $1 "\t" $2 }' "$tmp/suite" > "$2/list"
    [ -s "$2/list" ]
}

# The made-up suite: a line of "NUMBER NAME USES OURS STOCK" for each test, where
# USES says whether it starts ovs-vswitchd, and each of the last two has a result
# for each time that it is run, the last one for ever; "none" ends the suite.
ovs_suite_make()
{
    local whose=$3 number name uses ours stock results n
    shift 3
    while read -r number name uses ours stock; do
        # shellcheck disable=SC2076
        [ $# -eq 1 ] && [ "$1" = -j1 ] || [[ " $* " =~ " $number " ]] \
            || continue
        [ "$whose" = ours ] || ours=$stock
        IFS=, read -r -a results <<< "$ours"
        echo "$whose" >> "$tmp/ran.$number"
        n=$(($(grep -cx "$whose" "$tmp/ran.$number") - 1))
        [ "$n" -lt "${#results[@]}" ] || n=$((${#results[@]} - 1))
        [ "${results[n]}" != none ] || return 1
        [ "$whose$uses" != oursyes ] \
            || echo "/x/testsuite.dir/$(printf '%04d' "$number")" \
                >> "$tmp/tests/ovs-check/started"
        printf '%3d: %-40s %s\n' "$number" "$name" "${results[n]}"
    done < "$tmp/suite"
    ! grep -q FAILED "$tmp/suite"
}

# counted PASSED FAILED SKIPPED, of a suite that is its input.
counted()
{
    local what="$1 passed, $2 failed, $3 skipped" got
    cat > "$tmp/suite"
    rm -f "$tmp"/ran.*
    PASSED=0 FAILED=0 SKIPPED=0
    ovs_suite check -j1 > "$tmp/said" 2>&1
    got="$PASSED passed, $FAILED failed, $SKIPPED skipped"
    [ "$got" = "$what" ] || { cat "$tmp/said"; echo "$got, not $what"; return 1; }
}

# ran WHOSE N NUMBER: a test of the last suite did so often.
ran()
{
    [ "$(grep -cx "$1" "$tmp/ran.$3")" -eq "$2" ]
}

# times WHOSE N NUMBER: a case of ran.
times()
{
    case_of "test_$3_ran_$2_times_with_$1" ran "$@"
}

new()
{
    rm -rf "$OVS_BUILD"
    mkdir "$OVS_BUILD"
}

echo "[==========] Running $(grep -cE '^(case_of|times) ' "$0") test(s)."
new
case_of all_is_well counted 3 0 0 <<EOF
1 one yes ok ok
2 two yes ok ok
3 three no ok ok
EOF
times stock 1 1
times stock 0 3
# Again: what the stock one passed is known.
case_of all_is_still_well counted 3 0 0 <<EOF
1 one yes ok none
2 two yes ok none
3 three no ok none
EOF
times stock 0 1
case_of known_and_fails_with_ours counted 1 1 0 <<EOF
1 one yes FAILED ok
2 two yes ok none
EOF
times stock 1 1
new
case_of fails_in_a_hurry counted 2 0 0 <<EOF
1 one yes FAILED,ok ok
2 two yes ok FAILED,ok
EOF
times ours 2 1
times stock 2 2
new
case_of fails_often counted 2 0 0 <<EOF
1 one yes FAILED,FAILED,FAILED,ok ok
2 two yes ok FAILED,FAILED,FAILED,ok
EOF
case_of fails_with_ours counted 1 1 0 <<EOF
1 one yes FAILED ok
2 two yes ok ok
EOF
new
case_of fails_with_stock counted 1 1 0 <<EOF
1 one yes ok FAILED
2 two yes ok ok
EOF
times stock 4 1
case_of fails_with_both counted 1 0 2 <<EOF
1 one yes FAILED FAILED
2 two yes ok ok
3 three yes skipped skipped
EOF
case_of skipped_with_one counted 1 2 0 <<EOF
1 one yes ok skipped
2 two yes ok ok
3 three yes skipped ok
EOF
new
case_of fails_without_any counted 1 0 1 <<EOF
1 one no FAILED ok
2 two yes ok ok
EOF
# Both stop halfway: three have no result, and make says so.
case_of stops_halfway counted 1 3 0 <<EOF
1 one yes ok ok
2 two yes none none
3 three yes ok ok
4 four no ok ok
EOF
# Nothing that runs is ours, or nothing runs at all.
case_of nobody_uses_ours counted 1 1 0 <<EOF
1 one no ok ok
EOF
case_of nothing_runs counted 0 3 0 <<EOF
1 one yes none none
2 two yes ok ok
EOF
exit "$status"
