#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# For how long dev/vm.sh lets its virtual machine run: as long as something comes
# of it, however slow it is.  Stand-ins for QEMU write a line every half second.

: "${srcdir:=.}"
. "$srcdir/tests/lib/cases.sh" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
. "$srcdir/dev/vm.sh" || exit 1
VM_SILENCE=3

# lines N: writes as many into $tmp/log.
lines()
{
    local i
    for ((i = 0; i < $1; i++)); do
        echo "$i" >> "$tmp/log"
        sleep 0.5
    done
}

# watched COMMAND: its status when it has been watched.
watched()
{
    : > "$tmp/log"
    : > "$tmp/console"
    bash -c "$(declare -f lines); tmp='$tmp'; $1" &
    vm_watch $! "$tmp/console" "$tmp/log" > "$tmp/said"
    wait $! 2> /dev/null
}

# What goes on for longer than it may be silent ends by itself.
goes_on()
{
    local status
    watched 'lines 10; exit 5'
    status=$?
    [ "$status" -eq 5 ] && [ ! -s "$tmp/said" ] && [ "$(wc -l < "$tmp/log")" -eq 10 ]
}

# What says nothing any more is ended, and we are told.
stuck()
{
    local status
    watched 'lines 2; exec sleep 600'
    status=$?
    [ "$status" -eq 137 ] && [ "$(wc -l < "$tmp/log")" -eq 2 ] \
        && grep -q 'said nothing for 3 s' "$tmp/said"
}

echo '[==========] Running 2 test(s).'
case_of goes_on goes_on
case_of stuck stuck
exit "$status"
