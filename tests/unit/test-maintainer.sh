#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What dpkg has debian/'s scripts do to the alternatives of ovs-vswitchd, with
# alternatives in a folder of the test's own.

: "${srcdir:=.}"
. "$srcdir/tests/lib/cases.sh" || exit 1
debian=$(cd "$srcdir" && pwd)/debian
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

if ! command -v update-alternatives > /dev/null; then
    echo '[==========] Running 1 test(s).'
    echo '[  SKIPPED ] maintainer_scripts'
    echo "there is no update-alternatives" >&2
    exit 77
fi
ours=/usr/lib/openvswitch-switch-dpdkvdpa/ovs-vswitchd-dpdkvdpa
stock=/usr/lib/openvswitch-switch/ovs-vswitchd
mkdir "$tmp/bin"
cat > "$tmp/bin/update-alternatives" <<WRAPPER
#!/bin/sh
exec $(command -v update-alternatives) --root "$tmp/root" "\$@"
WRAPPER
chmod +x "$tmp/bin/update-alternatives"
PATH=$tmp/bin:$PATH

# alternatives ARGUMENT...: quietly.
alternatives()
{
    update-alternatives "$@" > "$tmp/said" 2>&1 || { cat "$tmp/said"; return 1; }
}

# script NAME ARGUMENT...: runs it as dpkg does.
script()
{
    local name=$1
    shift
    sh -e "$debian/openvswitch-switch-dpdkvdpa.$name" "$@" > "$tmp/said" 2>&1 \
        || { cat "$tmp/said"; return 1; }
}

# is PATH: what runs as ovs-vswitchd.
is()
{
    local got
    got=$(update-alternatives --query ovs-vswitchd | sed -n 's/^Value: //p')
    [ "$got" = "$1" ] || { echo "it is $got, not $1"; return 1; }
}

# known: ours is one that may be selected.
known()
{
    update-alternatives --list ovs-vswitchd | grep -qxF "$ours"
}

# new: Open vSwitch is installed, and ours, of version 0.1.
new()
{
    local root=$tmp/root
    rm -rf "$root" && mkdir -p "$root"/{etc,var/lib/dpkg}/alternatives \
        "$root"/{usr/sbin,var/log} "$root${ours%/*}" "$root${stock%/*}" \
        && touch "$root$ours" "$root$stock" \
        && alternatives --install /usr/sbin/ovs-vswitchd ovs-vswitchd \
            "$stock" 100 && script postinst configure ''
}

not_by_itself() { new && known && is "$stock"; }

selected() { new && alternatives --set ovs-vswitchd "$ours" && is "$ours"; }

again() { selected && script postinst configure 0.1 && is "$ours"; }

upgraded()
{
    selected && script prerm upgrade 0.2 && is "$ours" \
        && script postinst configure 0.1 && is "$ours"
}

upgrade_failed()
{
    selected && script prerm failed-upgrade 0.1 0.2 \
        && script postinst abort-upgrade 0.2 && known && is "$ours"
}

removed() { selected && script prerm remove && is "$stock" && ! known; }

# Something else kept it from being removed: it is installed as before.
remove_failed()
{
    selected && script prerm remove && script postinst abort-remove && known
}

deconfigured()
{
    selected \
        && script prerm deconfigure in-favour x 1 \
        && script postinst abort-deconfigure in-favour x 1 && known \
        && is "$ours"
}

# Installed anew after that, and by who has never had it.
removed_and_back()
{
    removed && script postinst configure 0.1 && known && is "$stock"
}

echo '[==========] Running 9 test(s).'
case_of not_by_itself not_by_itself
case_of selected selected
case_of again again
case_of upgraded upgraded
case_of upgrade_failed upgrade_failed
case_of removed removed
case_of remove_failed remove_failed
case_of deconfigured deconfigured
case_of removed_and_back removed_and_back
exit "$status"
