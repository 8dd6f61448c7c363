#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Whether dev/package.sh sees that a program is not hardened.  What is printed is
# as cmocka's, so that this is counted with the other tests.

: "${srcdir:=.}"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
. "$srcdir/dev/package.sh" || exit 1
# shellcheck disable=SC2034 # It is for what is tested.
LOG=$tmp/log
status=0

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

# seen NAME WANT [FLAG]...: a test: with these flags beside those of packages a
# program is taken for a hardened one, or not.
seen()
{
    local name=$1 want=$2 got=no
    shift 2
    printf '[ RUN      ] %s\n' "$name"
    # shellcheck disable=SC2046 # These are words.
    gcc $(flags CPPFLAGS) $(flags CFLAGS) $(flags LDFLAGS) "$@" \
        -o "$tmp/x" "$tmp/x.c" 2> "$tmp/gcc" || { cat "$tmp/gcc"; got=none; }
    [ "$got" = none ] || { package_hardened_file pie "$tmp/x" && got=yes; }
    if [ "$got" = "$want" ]; then
        printf '[       OK ] %s\n' "$name"
    else
        echo "it is taken for a hardened one: $got"
        printf '[  FAILED  ] %s\n' "$name"
        status=1
    fi
}

if ! command -v dpkg-buildflags > /dev/null; then
    echo '[==========] Running 1 test(s).'
    echo '[  SKIPPED ] hardened'
    echo "there is no dpkg-buildflags" >&2
    exit 77
fi
branches=$(package_branches)
echo "[==========] Running $([ -z "$branches" ] && echo 6 || echo 7) test(s)."
seen hardened yes
seen no_canary no -fno-stack-protector
seen no_checked_functions no -U_FORTIFY_SOURCE
seen no_read_only_relocations no -Wl,-z,norelro
seen lazy_binding no -Wl,-z,lazy
seen fixed_address no -no-pie
[ -z "$branches" ] || seen branches no -fcf-protection=none
exit "$status"
