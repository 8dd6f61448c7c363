#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What is printed of system tests that failed (failures_show() of
# dev/suites.sh), with a made-up folder of a testsuite, and of how long they took
# (times_note(), times_show()).  What is printed is as cmocka's, so that this is
# counted with the other tests.

: "${srcdir:=.}"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
. "$srcdir/dev/suites.sh" || exit 1
step() { echo "# $*"; }

# expect NAME TEXT: a test: what shown() prints is TEXT.
status=0
shown() { failures_show "$tmp"; }
expect()
{
    printf '[ RUN      ] %s\n' "$1"
    if diff <(shown) <(printf '%s' "${2:+$2$'\n'}"); then
        printf '[       OK ] %s\n' "$1"
    else
        printf '[  FAILED  ] %s\n' "$1"
        status=1
    fi
}

echo "[==========] Running $(grep -c '^expect ' "$0") test(s)."
expect nothing_failed ''

mkdir "$tmp/at-groups" "$tmp/007" "$tmp/012"
echo nothing > "$tmp/at-groups/asan.1"
seq 200 > "$tmp/007/system-testsuite.log"
seq 1000 > "$tmp/007/evidence.log"
seq 200 > "$tmp/007/ovs-vswitchd.log"
: > "$tmp/007/g0.qemu"
expect the_ends_of_what_is_there "# the end of $tmp/007/system-testsuite.log
$(seq 101 200)
# the end of $tmp/007/evidence.log
$(seq 501 1000)
# the end of $tmp/007/ovs-vswitchd.log
$(seq 171 200)"

rm -r "$tmp/007"
echo log > "$tmp/012/system-testsuite.log"
printf '%0500d\n' 0 > "$tmp/012/g0.console"
seq 200 > "$tmp/012/asan.4711"
expect lines_that_are_too_long "# the end of $tmp/012/system-testsuite.log
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
expect each_test_has_its_time '  1: one   ok
123: two   FAILED (x.at:7)
so long'

shown() { times_show "$tmp/times"; }
for i in 10 9 11 8 12 7 6 5 4 3 2 1; do
    echo "${i}000   $i: test $i   ok"
done > "$tmp/times"
expect the_ten_slowest "# the slowest of 12 tests, in seconds
$(for i in 12 11 10 9 8 7 6 5 4 3; do
    echo "$i $i" | awk '{ printf "%8.1f   %s: test %s   ok\n", $1, $2, $2 }'
done)"

: > "$tmp/times"
expect no_test_ran ''
exit "$status"
