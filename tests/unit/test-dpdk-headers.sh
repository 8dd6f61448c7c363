#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Where the header files of DPDK's drivers come from (dev/cache.sh), with a
# mirror that is made up.

: "${srcdir:=.}"
srcdir=$(cd "$srcdir" && pwd) || exit 1
. "$srcdir/tests/lib/cases.sh" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
. "$srcdir/dev/cache.sh" || exit 1

# What the tested functions take from elsewhere.
OVS_DPDKVDPA_CACHE=$tmp/cache
step() { echo "$*"; }
logged() { shift; "$@" >> "$tmp/log" 2>&1; }
dpkg-query() { echo "$INSTALLED"; }
apt_sources_as_source() { [ -d "$1" ]; }

# The made-up mirror lists the versions of LISTED, and has files of those of
# THERE.
apt-cache()
{
    # shellcheck disable=SC2086 # These are words.
    [[ " $* " != *' showsrc --only-source dpdk '* ]] \
        || printf 'Package: dpdk\nVersion: %s\n\n' $LISTED
}
apt-get()
{
    local version=${*: -1}
    case " $* " in
    *' update '*) [ "$1" = -o ] ;;
    *' source dpdk='*)
        version=${version#dpdk=}
        echo "$version" >> "$tmp/asked"
        # What does not come whole leaves something behind.
        touch "dpdk_$version.dsc"
        [[ " $LISTED " = *" $version "* && " $THERE " = *" $version "* ]] \
            || return 100
        mkdir -p "dpdk-${version%%-*}"/{lib,drivers/bus}
        echo "${version%%-*}" > "dpdk-${version%%-*}/VERSION"
        touch "dpdk-${version%%-*}/lib/driver.h"
        ;;
    *) return 100 ;;
    esac
}

# had VERSION [ASKED]...: with the mirror as it is, the headers are those of
# VERSION, or "none", after the mirror was asked for these, in this order.
had()
{
    local want=$1 got
    shift
    : > "$tmp/asked"
    dpdk_prepare > "$tmp/said"
    got=$(cat "${DPDK_TREE:+$DPDK_TREE/VERSION}" 2>/dev/null || echo none)
    [ "$got" = "$want" ] && [ "$(xargs < "$tmp/asked")" = "$*" ] \
        && [ -f "${DPDK_TREE:-$tmp/asked}${DPDK_TREE:+/lib/driver.h}" ] \
        && [ -z "$(find "$tmp/cache" -name 'dpdk_*' 2>/dev/null)" ] \
        && { [ "$want" != none ] || grep -q 'DPDK_SOURCE' "$tmp/said"; } \
        && return
    cat "$tmp/said"
    echo "got $got after $(xargs < "$tmp/asked"), not $want after $*"
    return 1
}

new()
{
    rm -rf "$tmp/cache"
    mkdir "$tmp/cache"
    unset DPDK_SOURCE
}

echo "[==========] Running $(grep -c '^case_of ' "$0") test(s)."
INSTALLED=25.11.4-1
new
LISTED="25.11.2-1 25.11.4-1" THERE=$LISTED
case_of the_same_version had 25.11.4 25.11.4-1
case_of kept had 25.11.4
new
LISTED="25.11.9-1 25.11.10-1 26.03-1 24.11.8-1" THERE=$LISTED
case_of another_point_release had 25.11.10 25.11.4-1 25.11.10-1
new
LISTED="25.11.2-1 25.11.4-1" THERE=25.11.2-1
case_of listed_and_not_there had 25.11.2 25.11.4-1 25.11.2-1
new
LISTED="26.03-1 24.11.8-1" THERE=$LISTED
case_of no_other_series had none 25.11.4-1
new
LISTED="25.11.2-1 25.11.4-1" THERE=
case_of nothing_there had none 25.11.4-1 25.11.2-1
THERE=25.11.4-1
case_of tried_again had 25.11.4 25.11.4-1
# A tree that is named comes first.
new
mkdir -p "$tmp/given/lib"
echo 25.11.1 > "$tmp/given/VERSION"
touch "$tmp/given/lib/driver.h"
DPDK_SOURCE=$tmp/given
case_of given had 25.11.1
exit "$status"
