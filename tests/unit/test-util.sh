#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What tests/lib/util.sh and frontend.sh know of processes, and check.sh of logs.

: "${srcdir:=.}"
. "$srcdir/tests/lib/cases.sh" || exit 1
. "$srcdir/tests/lib/util.sh" && . "$srcdir/tests/lib/frontend.sh" \
    && . "$srcdir/tests/lib/check.sh" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"; kill -KILL "$pid" 2>/dev/null' EXIT
mkfifo "$tmp/others"
VDPA_ENV=$tmp

# A process whose first thread ends at once, and another one when somebody writes to
# the FIFO: until then it has all that it had.
python3 - "$tmp/others" <<'END' &
import ctypes, sys, threading
threading.Thread(target=lambda: open(sys.argv[1]).read()).start()
ctypes.CDLL(None).pthread_exit(None)
END
pid=$!

leader_is()
{
    wait_until "grep -q '^State:.$1' /proc/$pid/status"
}

lives() { leader_is Z && process_stamp "$pid" > /dev/null; }
ends() { : > "$tmp/others"; wait_until "! process_stamp $pid"; }

# A front-end that takes its time before it is ready for signals.
late_starts()
{
    mkdir -p "$tmp/pids"
    python3 -c 'import signal, sys, time
time.sleep(0.3)
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(7))
signal.pause()' &
    late=$!
    process_add late "$late"
}

signalled()
{
    late_starts && frontend_signal late USR1 || return 1
    wait "$late"
    [ $? -eq 7 ]
}

# complains PATTERN...: what stands in the log is not expected by any.
echo '|00001|bridge|WARN|complaint' > "$tmp/ovs-vswitchd.log"
complains() { check_log "$@" | grep -q complaint; }
is_quiet() { ! complains "$@"; }

echo "[==========] Running $(grep -c '^case_of ' "$0") test(s)."
case_of one_lives_as_long_as_a_thread_of_it lives
case_of one_is_gone_with_its_last_thread ends
case_of a_signal_waits_for_who_takes_it signalled
case_of what_is_not_expected_is_said complains other words
case_of what_is_expected_is_not_said is_quiet other comp.+t
case_of nothing_is_expected_by_nothing complains other ''
exit "$status"
