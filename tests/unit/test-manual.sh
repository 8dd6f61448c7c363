#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Manual pages: man has nothing to say of them, and they have what their source
# has.

: "${srcdir:=.}"
. "$srcdir/tests/lib/cases.sh" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# page FILE: shows a page as man does, in 80 columns, without what it hyphenates.
page()
{
    LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 MAN_KEEP_FORMATTING='' \
        man --warnings --no-hyphenation --no-justification -E UTF-8 -l "$1"
}

# quiet NAME [SECTION LINES]: man shows it, and has no warning.
quiet()
{
    page "Documentation/$1.${2-7}" > "$tmp/$1" 2> "$tmp/warnings" || return
    cat "$tmp/warnings"
    [ ! -s "$tmp/warnings" ] && [ "$(wc -l < "$tmp/$1")" -gt "${3-200}" ] \
        && grep -qx DESCRIPTION "$tmp/$1"
}

# whole NAME SOURCE: each name that begins an entry, of a list or of a table,
# begins a line of the page.
# shellcheck disable=SC2016 # It is no shell.
whole()
{
    local name n=0 missing=0
    while read -r name; do
        n=$((n + 1))
        grep -qE "^ +$name" "$tmp/$1" \
            || { echo "$name is not in $1(7)"; missing=1; }
    done < <(sed -nE 's,^``([a-z_-]+)``(  .*)?$,\1,p' "$srcdir/Documentation/$2.rst")
    [ "$n" -gt "$3" ] && [ "$missing" -eq 0 ]
}

# options NAME: the page of a program has each option that its --help tells of.
options()
{
    local option n=0
    for option in $("$srcdir/tools/$1" --help | sed -nE 's/^  (--[a-z-]+).*/\1/p'); do
        n=$((n + 1))
        grep -qE "^ +(--.*, )?$option( |,|$)" "$tmp/$1" \
            || { echo "$option is not in the page of $1"; return 1; }
    done
    [ "$n" -gt 0 ]
}

# typed: what is to be typed is not in capital letters.
typed()
{
    grep -q '^ovs-appctl dpdkvdpa/show \[PORT\]$' "$tmp/dpdkvdpa" \
        && ! grep -q 'OVS-APPCTL' "$tmp/dpdkvdpa"
}

if ! command -v man > /dev/null; then
    echo '[==========] Running 1 test(s).'
    echo "[  SKIPPED ] manual_pages"
    echo "there is no man" >&2
    exit 77
fi
echo '[==========] Running 9 test(s).'
case_of port_without_warning quiet dpdkvdpa
case_of port_has_all whole dpdkvdpa reference 50
case_of port_as_typed typed
case_of top_without_warning quiet dpdkvdpa-top 1 100
case_of top_has_all options dpdkvdpa-top
case_of adopt_without_warning quiet dpdkvdpa-adopt 8 30
case_of adopt_has_all options dpdkvdpa-adopt
case_of nic_without_warning quiet dpdkvdpa-simulated-nic
case_of nic_has_all whole dpdkvdpa-simulated-nic simulated-nic 5
exit "$status"
