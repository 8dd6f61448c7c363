#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# No file of the simulated NIC may lead back to itself, nor any folder: neither
# by includes, nor by functions and tables of other files.  (What is handed down
# as a pointer does not count.)  compat.h, which stands below all folders, is
# one of its own.

: "${srcdir:=.}"
edges=$(mktemp) || exit 1
trap 'rm -f "$edges" "$edges.folders"' EXIT

# These print "A B" if A uses B.  A .c file and its .h file are one.
includes()
{
    (cd "$srcdir/drivers" &&
     grep -rHo --include='*.[ch]' '^#include "[^"]*"' .) |
        sed 's|^\./\(.*\)\.[ch]:#include "\(.*\)\.h"$|\1 \2|'
}

symbols()
{
    (cd "$srcdir/drivers" && find . -name '*.c') | sed 's|^\(.*\)c$|drivers/\1o|' |
        xargs nm -A | awk '
        { sub(/^drivers\/\.\//, "", $1); sub(/\.o:.*/, "", $1) }
        $2 == "U" { use[$1 " " $3] }
        $2 ~ /^[A-TV-Z]$/ { def[$3] = $1 }
        END {
            for (u in use) {
                split(u, p, " ")
                if (p[2] in def) print p[1], def[p[2]]
            }
        }'
}

# check WHAT: "A B" pairs of standard input.  What it prints is as cmocka's, so
# that its tests are counted with the others.
failed=0
check()
{
    printf '[ RUN      ] circles_of_%s\n' "$1"
    if awk '$1 != $2' | sort -u | tsort > /dev/null; then
        printf '[       OK ] circles_of_%s\n' "$1"
    else
        echo "there is a circle of $1 in drivers/, see above"
        printf '[  FAILED  ] circles_of_%s\n' "$1"
        failed=1
    fi
}

echo '[==========] Running 2 test(s).'
{ includes && symbols; } > "$edges"
[ "$(wc -l < "$edges")" -gt 100 ] || { echo "nothing to check" >&2; exit 1; }
awk '{ for (i = 1; i <= 2; i++) {
           if ($i != "compat") sub(/[^\/]*$/, "", $i)
       }
       print "drivers/" $1, "drivers/" $2 }' "$edges" > "$edges.folders"
check files < "$edges"
check folders < "$edges.folders"
exit "$failed"
