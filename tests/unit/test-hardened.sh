#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Whether dev/package.sh sees that a program is not hardened.

: "${srcdir:=.}"
. "$srcdir/tests/lib/cases.sh" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
. "$srcdir/dev/package.sh" || exit 1
# shellcheck disable=SC2034 # It is for what is tested.
LOG=$tmp/log

cat > "$tmp/x.c" <<'C'
#include <stdio.h>
#include <string.h>

int
main(int argc, char *argv[])
{
    char copy[16];

    strcpy(copy, argv[argc - 1]);
    return puts(copy) < 0;
}
C

# flags LANGUAGE: prints the flags that packages are built with.
flags()
{
    DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get "$1"
}

# seen WANT [FLAG]...: with these flags beside those of packages a program is taken
# for a hardened one, or not.
seen()
{
    local want=$1 got=no
    shift
    # shellcheck disable=SC2046 # These are words.
    gcc $(flags CPPFLAGS) $(flags CFLAGS) $(flags LDFLAGS) "$@" \
        -o "$tmp/x" "$tmp/x.c" 2> "$tmp/gcc" || { cat "$tmp/gcc"; got=none; }
    [ "$got" = none ] || { package_hardened_file pie "$tmp/x" && got=yes; }
    [ "$got" = "$want" ] \
        || { echo "it is taken for a hardened one: $got"; return 1; }
}

if ! command -v dpkg-buildflags > /dev/null; then
    echo '[==========] Running 1 test(s).'
    echo '[  SKIPPED ] hardened'
    echo "there is no dpkg-buildflags" >&2
    exit 77
fi
branches=$(package_branches)
echo "[==========] Running $([ -z "$branches" ] && echo 6 || echo 7) test(s)."
case_of hardened seen yes
case_of no_canary seen no -fno-stack-protector
case_of no_checked_functions seen no -U_FORTIFY_SOURCE
case_of no_read_only_relocations seen no -Wl,-z,norelro
case_of lazy_binding seen no -Wl,-z,lazy
case_of fixed_address seen no -no-pie
[ -z "$branches" ] || case_of branches seen no -fcf-protection=none
exit "$status"
