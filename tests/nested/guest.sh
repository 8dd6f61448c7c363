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

# Stage guest: Linux in a QEMU within the machine, and its live migration
#
# The emulator is emulated, so that this takes minutes.
#
# shellcheck shell=bash

export GUEST_TIMEOUT=300

# What nested_guest() in dev/nested.sh has put there.
# shellcheck disable=SC2154 # Set by who loads the libraries.
PATH=$abs_top_srcdir/guest:$PATH
guest_kernel()
{
    echo "$abs_top_srcdir/guest/kernel -"
}

guest_vmlinux()
{
    echo "$1"
}

guest_image()
{
    echo "$abs_top_srcdir/guest/image"
}

# guest_begin NAME PORT [KEY=VALUE]...: starts a guest.  The device takes no more
# mappings than memory of large pages needs.  The bridge learns where the guest is,
# and no other stage's is to be looked for there: so its MAC address is its own.
guest_begin()
{
    guest_start "$1" socket="$VDPA_ENV/$2.sock" mac=02:00:00:00:00:03 pages=huge \
        card=romfile= "${@:3}"
}

test_guest_boots()
{
    lab_ifc_begin && lab_ifc_ports && guest_begin g0 vdpa0 \
        && wait_until -t 600 \
            "grep -q 'agent: ready' '$VDPA_ENV/g0.console'" \
        && guest_up g0 192.0.2.2/24
}

# The guest sleeps between the packets, and is woken by the device's interrupts.
test_guest_pings()
{
    guest_ping g0 192.0.2.1 5 && lab_ping 2 5 \
        && [ "$(ovs_status vdpa0 mode)" = hw ] \
        && guest_exec g0 'grep -w virtio0-input /proc/interrupts ||
                          grep virtio /proc/interrupts'
}

test_guest_moves()
{
    guest_begin g1 vdpa1 incoming=yes && guest_migrate g0 g1 \
        && guest_continue g1 && process_end g0 \
        && guest_ping g1 192.0.2.1 5 && lab_ping 2 5 \
        && [ "$(ovs_stat vdpa0 event_migration)" -eq 1 ]
}
