#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What is printed of system tests that failed (failures_show() of
# dev/suites.sh), with a made-up folder of a testsuite, and of how long they took
# (times_note(), times_show()).

: "${srcdir:=.}"
. "$srcdir/tests/lib/cases.sh" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
. "$srcdir/dev/suites.sh" || exit 1
step() { echo "# $*"; }

# is TEXT: what shown() prints is TEXT.
shown() { failures_show "$tmp"; }
is()
{
    diff <(shown) <(printf '%s' "${1:+$1$'\n'}")
}

echo "[==========] Running $(grep -c '^case_of ' "$0") test(s)."
case_of nothing_failed is ''

mkdir "$tmp/at-groups" "$tmp/007" "$tmp/012"
echo nothing > "$tmp/at-groups/asan.1"
seq 200 > "$tmp/007/system-testsuite.log"
seq 1000 > "$tmp/007/evidence.log"
seq 200 > "$tmp/007/ovs-vswitchd.log"
: > "$tmp/007/g0.qemu"
case_of the_ends_of_what_is_there is "# the end of $tmp/007/system-testsuite.log
$(seq 101 200)
# the end of $tmp/007/evidence.log
$(seq 501 1000)
# the end of $tmp/007/ovs-vswitchd.log
$(seq 171 200)"

rm -r "$tmp/007"
echo log > "$tmp/012/system-testsuite.log"
printf '%0500d\n' 0 > "$tmp/012/g0.console"
seq 200 > "$tmp/012/asan.4711"
case_of lines_that_are_too_long is "# the end of $tmp/012/system-testsuite.log
log
# the end of $tmp/012/g0.console
$(printf '%0400d' 0)
# the end of $tmp/012/asan.4711
$(seq 101 200)"

# A test that takes 300 ms, and what a testsuite prints in between.
suite()
{
    echo '## 2 tests'
    echo '  1: one   ok'
    read -r -t 0.3 <> "$tmp/nobody"
    printf '\nothers\n\n123: two   FAILED (x.at:7)\n\nAll: 2\n'
}
mkfifo "$tmp/nobody"
suite | times_note "$tmp/times"
shown()
{
    sed 's/^[0-9]* //' "$tmp/times"
    awk 'NR == 2 && $1 >= 300 { print "so long" }' "$tmp/times"
}
case_of each_test_has_its_time is '  1: one   ok
123: two   FAILED (x.at:7)
so long'

shown() { times_show "$tmp/times"; }
for i in 10 9 11 8 12 7 6 5 4 3 2 1; do
    echo "${i}000   $i: test $i   ok"
done > "$tmp/times"
case_of the_ten_slowest is "# the slowest of 12 tests, in seconds
$(for i in 12 11 10 9 8 7 6 5 4 3; do
    echo "$i $i" | awk '{ printf "%8.1f   %s: test %s   ok\n", $1, $2, $2 }'
done)"

: > "$tmp/times"
case_of no_test_ran is ''
exit "$status"
