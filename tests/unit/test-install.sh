#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What "make install" puts where: the simulated NIC only if it is asked for.  What
# is printed is as cmocka's, so that this is counted with the other tests.

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
status=0
unset MAKEFLAGS MAKEOVERRIDES MFLAGS

# make_there TARGET...: makes these for $tmp.
make_there()
{
    make -s "$@" DESTDIR="$tmp" prefix=/usr > "$tmp.log" 2>&1 \
        || { cat "$tmp.log"; return 1; }
}

# files: prints the names of what is there now.
files()
{
    (cd "$tmp" && find . -type f -printf '%f\n' | sort | xargs)
}

# case_of NAME COMMAND...: a test.
case_of()
{
    local name=$1
    shift
    printf '[ RUN      ] %s\n' "$name"
    if "$@"; then
        printf '[       OK ] %s\n' "$name"
    else
        echo "there is: $(files)"
        printf '[  FAILED  ] %s\n' "$name"
        status=1
    fi
}

switch_only()
{
    make_there install && [[ " $(files) " = *' ovs-vswitchd '* ]] \
        && [ -x "$tmp/usr/sbin/ovs-vswitchd" ] \
        && [[ $(files) != *[._-]@(vdpasim|simulated)* ]]
}

nic_when_asked()
{
    make_there install-simulated-nic \
        && [[ " $(files) " = *' librte_vdpasim.so '* ]]
}

nothing_left()
{
    make_there uninstall uninstall-simulated-nic && [ -z "$(files)" ]
}

echo '[==========] Running 3 test(s).'
case_of switch_only switch_only
case_of nic_when_asked nic_when_asked
case_of nothing_left nothing_left
rm -f "$tmp.log"
exit "$status"
