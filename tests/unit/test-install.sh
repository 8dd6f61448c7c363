#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What "make install" puts where: the simulated NIC only if it is asked for.

: "${srcdir:=.}"
. "$srcdir/tests/lib/cases.sh" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
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

# seen COMMAND...: a case; says what is there if it fails.
seen()
{
    "$@" || { echo "there is: $(files)"; return 1; }
}

switch_only()
{
    make_there install && [[ " $(files) " = *' ovs-vswitchd '* ]] \
        && [ -x "$tmp/usr/sbin/ovs-vswitchd" ] \
        && [[ $(files) != *[._-]@(vdpasim|simulated)* ]]
}

# What an administrator types is there, and runs; parts are found, and nothing is
# left beside them.
programs()
{
    local name
    for name in sbin/dpdkvdpa-adopt bin/dpdkvdpa-top; do
        "$tmp/usr/$name" --help | grep "usage: ${name#*/} " || return
    done
    "$tmp/usr/bin/dpdkvdpa-top" --help > "$tmp.log" \
        && grep -q -- --prometheus "$tmp.log" \
        && [ -z "$(find "$tmp" -name '__pycache__')" ]
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

echo '[==========] Running 4 test(s).'
case_of switch_only seen switch_only
case_of programs seen programs
case_of nic_when_asked seen nic_when_asked
case_of nothing_left seen nothing_left
rm -f "$tmp.log"
exit "$status"
