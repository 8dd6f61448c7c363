#!/bin/sh
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at:
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

usage()
{
    cat <<USAGE
usage: dpdkvdpa-adopt.sh [--dry-run] [--follow]

For who knows how to make a port of type "dpdkvhostuserclient" and no other, as
OpenStack's os-vif: of each such interface with external_ids:vf-pci makes one of
type "dpdkvdpa", on that VF, with the same socket, name and external_ids.

  --dry-run  only print the commands
  --follow   do so for all that are there, and then whenever the database changes

What is read of the interface:

  options:vhost-server-path             the socket, which QEMU serves
  external_ids:vf-pci                   the VF, as 0000:03:00.2
  external_ids:vf-devargs               the VF's devargs, if they are more than
                                        its address
  external_ids:vf-representor-devargs   the representor's devargs, if they are
                                        not those of PF and number that the
                                        kernel knows

The status is 0 if all interfaces with a vf-pci have become such ports.
USAGE
}

# Where the kernel says which VF is whose.
: "${SYSFS_PCI:=/sys/bus/pci/devices}"

# adopt_get UUID COLUMN:KEY: prints its value, nothing if there is none.
adopt_get()
{
    ovs-vsctl --timeout=30 --if-exists get Interface "$1" "$2" \
        | sed 's/^"\(.*\)"$/\1/'
}

# adopt_representor VF: prints the devargs of the representor of the VF with this
# PCI address.
adopt_representor()
{
    for link in "$SYSFS_PCI/$1/physfn"/virtfn*; do
        if [ "$(basename "$(readlink -f "$link")")" = "$1" ]; then
            pf=$(basename "$(readlink -f "$SYSFS_PCI/$1/physfn")")
            echo "$pf,representor=[${link##*/virtfn}]"
            return 0
        fi
    done
    echo "external_ids:vf-pci: \"$1\" is no VF that this machine has;" \
        "see $SYSFS_PCI/$1/physfn" >&2
    return 1
}

# adopt UUID: makes a dpdkvdpa port of this interface.
adopt()
{
    name=$(adopt_get "$1" name)
    vf=$(adopt_get "$1" external_ids:vf-pci)
    socket=$(adopt_get "$1" options:vhost-server-path)
    if [ -z "$socket" ]; then
        echo "$name: options:vhost-server-path is not set;" \
            "set it to the socket that QEMU serves" >&2
        return 1
    fi
    devargs=$(adopt_get "$1" external_ids:vf-devargs)
    rep=$(adopt_get "$1" external_ids:vf-representor-devargs)
    [ -n "$rep" ] || rep=$(adopt_representor "$vf") || return 1
    # In one transaction, so that nobody sees half of it.
    $RUN ovs-vsctl --timeout=30 \
        -- remove Interface "$1" options vhost-server-path \
        -- set Interface "$1" type=dpdkvdpa \
        "options:vdpa-socket-path=\"$socket\"" \
        "options:vdpa-accelerator-devargs=\"${devargs:-$vf}\"" \
        "options:dpdk-devargs=\"$rep\""
}

# adopt_all: does so for all that there are.
adopt_all()
{
    result=0
    for uuid in $(ovs-vsctl --timeout=30 --bare --columns=_uuid find Interface \
                      type=dpdkvhostuserclient); do
        [ -z "$(adopt_get "$uuid" external_ids:vf-pci)" ] \
            || adopt "$uuid" || result=1
    done
    return "$result"
}

RUN='' FOLLOW=''
for option in "$@"; do
    case $option in
    --dry-run) RUN='echo' ;;
    --follow) FOLLOW=yes ;;
    --help|-h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
done
if [ -n "$FOLLOW" ]; then
    dir=$(mktemp -d) && mkfifo "$dir/changes" || exit 1
    ovsdb-client monitor Open_vSwitch Interface type,options,external_ids \
        > "$dir/changes" &
    client=$!
    trap 'kill "$client"; rm -rf "$dir"' EXIT
    trap 'exit 0' INT TERM
    # The first line comes at once, the others as something changes.
    while read -r _; do
        adopt_all
    done < "$dir/changes"
else
    adopt_all
fi
