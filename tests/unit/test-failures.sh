#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What is printed of system tests that failed (failures_show() of
# dev/suites.sh), with a made-up folder of a testsuite.  What is printed is as
# cmocka's, so that this is counted with the other tests.

: "${srcdir:=.}"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
. "$srcdir/dev/suites.sh" || exit 1
step() { echo "# $*"; }

# expect NAME TEXT: a test: what failures_show() prints is TEXT.
status=0
expect()
{
    printf '[ RUN      ] %s\n' "$1"
    if diff <(failures_show "$tmp") <(printf '%s' "${2:+$2$'\n'}"); then
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
exit "$status"
