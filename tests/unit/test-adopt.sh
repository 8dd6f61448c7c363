#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/dpdkvdpa-adopt, on a database that nobody else looks at: what others
# wrote into it, and a database that goes and comes.

: "${srcdir:=.}"
. "$srcdir/tests/lib/cases.sh" || exit 1
tmp=$(mktemp -d) || exit 1
server='' adopter=''
trap 'kill $server $adopter 2>/dev/null; wait; rm -rf "$tmp"' EXIT
adopt=$(cd "$srcdir" && pwd)/tools/dpdkvdpa-adopt

for schema in /usr/share/openvswitch/vswitch.ovsschema ''; do
    [ ! -f "$schema" ] || break
done
if [ -z "$schema" ] || ! command -v ovsdb-server > /dev/null; then
    echo '[==========] Running 1 test(s).'
    echo '[  SKIPPED ] adopt'
    echo "there is no ovsdb-server" >&2
    exit 77
fi

# All programs find the database by this.
export OVS_RUNDIR=$tmp SYSFS_PCI=$tmp/pci
# There is no ovs-vswitchd: nobody may wait for one.
mkdir "$tmp/bin" && cat > "$tmp/bin/ovs-vsctl" <<WRAPPER && chmod +x "$tmp/bin/ovs-vsctl"
#!/bin/sh
echo "\$*" >> "$tmp/calls"
[ ! -e "$tmp/fail" ] || ! grep -qe " \$(cat "$tmp/fail")" <<EOF || exit 1
 \$*
EOF
exec $(command -v ovs-vsctl) "\$@"
WRAPPER
cat > "$tmp/bin/ovsdb-client" <<WRAPPER && chmod +x "$tmp/bin/ovsdb-client"
#!/bin/sh
echo \$\$ > "$tmp/client"
exec $(command -v ovsdb-client) "\$@"
WRAPPER
PATH=$tmp/bin:$PATH

# until COMMAND...: waits until it succeeds.
until_so()
{
    local end=$((SECONDS + 30))
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || { echo "still not: $*"; return 1; }
        sleep 0.05
    done
}

server_start()
{
    ovsdb-server --remote="punix:$tmp/db.sock" --unixctl="$tmp/ctl" "$tmp/db" \
        > "$tmp/server.log" 2>&1 &
    server=$!
    until_so ovs-vsctl --timeout=5 list-br > /dev/null 2>&1
}

server_stop()
{
    kill "$server" && wait "$server"
    server=''
}

# add NAME SOCKET [VF]: adds an interface as os-vif does; texts are as in JSON.
add()
{
    ovs-vsctl --no-wait --timeout=30 -- --id=@i create Interface "name=\"$1\"" \
        type=dpdkvhostuserclient "options:vhost-server-path=\"$2\"" \
        ${3+"external_ids:vf-pci=\"$3\""} \
        -- --id=@p create Port "name=\"p$1\"" interfaces=@i \
        -- add Bridge br0 ports @p > "$tmp/add" 2>&1 || { cat "$tmp/add"; return 1; }
}

# value NAME COLUMN: prints it.
value()
{
    ovs-vsctl --timeout=30 --bare --columns=_uuid find Interface "name=\"$1\"" \
        | xargs -I{} ovs-vsctl --timeout=30 --if-exists get Interface {} "$2"
}

# is NAME COLUMN VALUE
is()
{
    local got
    got=$(value "$1" "$2")
    [ "$got" = "$3" ] || { echo "$2 of $1 is $got, not $3" > "$tmp/is"; return 1; }
}

# adopted STATUS [ARGUMENT]...: runs it; its outputs are in $tmp/out and err.
adopted()
{
    local want=$1 got
    shift
    sh "$adopt" "$@" > "$tmp/out" 2> "$tmp/err" && got=0 || got=$?
    [ "$got" -eq "$want" ] || { cat "$tmp/out" "$tmp/err"; echo "status $got"; return 1; }
}

vfs()
{
    mkdir -p "$SYSFS_PCI/0000:03:00.0" && cd "$SYSFS_PCI" || return
    for i in 0 1; do
        mkdir "0000:03:00.$((i + 2))" \
            && ln -s ../0000:03:00.0 "0000:03:00.$((i + 2))/physfn" \
            && ln -s "../0000:03:00.$((i + 2))" "0000:03:00.0/virtfn$i" || return
    done
    cd "$OLDPWD" || return
}

plain()
{
    add vhu0 /run/vhu0.sock 0000:03:00.3 && add vhu1 /run/vhu1.sock \
        && adopted 0 && is vhu0 type dpdkvdpa \
        && is vhu0 options:dpdk-devargs '"0000:03:00.0,representor=[1]"' \
        && is vhu0 options:vdpa-socket-path '"/run/vhu0.sock"' \
        && is vhu1 type dpdkvhostuserclient && adopted 0
}

# What is printed can be typed, and does what it says.
odd_names()
{
    local odd
    odd="/a b/it's;\$(touch $tmp/harm)\`touch $tmp/harm\`\\\\\\\"*"
    add "vhu;\$(touch $tmp/harm) '2\\\\033" "$odd" 0000:03:00.2 \
        && adopted 0 --dry-run && [ "$(wc -l < "$tmp/out")" -eq 1 ] \
        && sh "$tmp/out" && [ ! -e "$tmp/harm" ] \
        && ovs-vsctl --timeout=30 --bare --columns=type find Interface \
            "options:vdpa-socket-path=\"$odd\"" | grep -qx dpdkvdpa
}

# A VF's address is no path.
no_address()
{
    local vf
    for vf in ../../etc 'a b' '0000:03:00.9' '0000:03:00.0'; do
        add "bad$vf" /run/bad.sock "$vf" && adopted 1 \
            && grep -q "vf-pci: \"$vf\" is no VF" "$tmp/err" \
            && is "bad$vf" type dpdkvhostuserclient || return
        ovs-vsctl --no-wait --timeout=30 -- --if-exists del-port br0 "pbad$vf" || return
    done
}

# One that cannot be had does not keep others from it.
partly()
{
    add one '' 0000:03:00.2 && add two /run/two.sock 0000:03:00.3 \
        && adopted 1 && grep -q 'one: options:vhost-server-path' "$tmp/err" \
        && is two type dpdkvdpa && ovs-vsctl --no-wait --timeout=30 del-port br0 pone
}

# What cannot be asked is not nothing to do.
no_answer()
{
    local what
    add three /run/three.sock 0000:03:00.3 || return
    for what in find 'get .*vf-pci' 'get .*server-path' set; do
        echo ".*$what" > "$tmp/fail"
        adopted 1 || return
        rm "$tmp/fail"
        is three type dpdkvhostuserclient || return
    done
    adopted 0 && is three type dpdkvdpa
}

# The database goes and comes.
follows()
{
    local error=1
    sh "$adopt" --follow > "$tmp/follow" 2>&1 &
    adopter=$!
    add four /run/four.sock 0000:03:00.2 && until_so is four type dpdkvdpa \
        && server_stop && until_so grep -q 'has gone' "$tmp/follow" \
        && server_start \
        && add five /run/five.sock 0000:03:00.3 \
        && until_so is five type dpdkvdpa \
        && kill "$adopter" && { wait "$adopter" || :; } && error=0
    [ "$error" -eq 0 ] || cat "$tmp/follow"
    [ "$(grep -c 'has gone' "$tmp/follow")" -eq 1 ] || error=1
    adopter=''
    return "$error"
}

# What comes at once is looked at once: interfaces are searched for at the start,
# after the transaction that adds them, and after each that adopts one.  When
# ovsdb-client is gone, all that it has said was looked at.
bursts()
{
    local error=1 n='' i all=()
    for i in 0 1 2 3; do
        all+=(-- "--id=@i$i" create Interface "name=many$i"
            type=dpdkvhostuserclient "options:vhost-server-path=/run/$i.sock"
            'external_ids:vf-pci="0000:03:00.2"'
            -- "--id=@p$i" create Port "name=pmany$i" "interfaces=@i$i"
            -- add Bridge br0 ports "@p$i")
    done
    : > "$tmp/calls"
    sh "$adopt" --follow > "$tmp/follow" 2>&1 &
    adopter=$!
    until_so grep -q ' find ' "$tmp/calls" \
        && ovs-vsctl --no-wait --timeout=30 "${all[@]}" > /dev/null || return
    for i in 0 1 2 3; do
        until_so is "many$i" type dpdkvdpa || return
    done
    kill "$(cat "$tmp/client")" \
        && until_so grep -q 'has gone' "$tmp/follow" \
        && n=$(grep -c ' find Interface type=' "$tmp/calls") \
        && [ "$n" -le 6 ] && error=0
    [ "$error" -eq 0 ] || { cat "$tmp/follow"; echo "searched $n times"; }
    kill "$adopter" && { wait "$adopter" || :; }
    adopter=''
    return "$error"
}

echo '[==========] Running 7 test(s).'
vfs && ovsdb-tool create "$tmp/db" "$schema" && server_start \
    && ovs-vsctl --no-wait --timeout=30 add-br br0 || exit 1
case_of plain plain
case_of odd_names odd_names
case_of no_address no_address
case_of partly partly
case_of no_answer no_answer
case_of follows follows
case_of bursts bursts
exit "$status"
