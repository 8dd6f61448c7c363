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

# ./quickstart nested: a machine within the machine, L1, with PCI devices, VFIO and
# an IOMMU, in which the stages of tests/nested run.  The machine itself is L0.
#
# shellcheck shell=bash

# How much memory L1 has, in MB, with hugepages of its own.
NESTED_MEMORY=3072

# Its NICs and vDPA devices, and how the MAC addresses of the NICs begin.
NESTED_NICS="0 1" NESTED_VDPAS="0 1" NESTED_MAC=02:00:00:00:01

usage_nested()
{
    cat <<USAGE
usage: ./quickstart nested [STAGE]...

Boots a virtual machine with an IOMMU, NICs with SR-IOV (QEMU's igb) and vDPA
devices (tools/vdpa-pci), and tries in it what takes a real PCI device: an Open
vSwitch that scans the PCI bus, VFIO, DPDK's own drivers.  It takes QEMU 10.1 or
later, which comes out of a root of sid, made by mmdebstrap, if the machine's own
is older.  Nothing of the machine is touched.

The stages, of which those that are named run, or all:

$(cd "$TOP/tests/nested" && sed -nE 's/^# Stage ([a-z]+): /  \1: /p' ./*.sh)

What they do is in tests/nested; Documentation/hardware-mode.rst shows how it all
hangs together.
USAGE
}

command_nested()
{
    local stage
    case ${1-} in
    --help|-h) usage_nested; exit 0 ;;
    esac
    for stage in "$@"; do
        nested_stages | grep -qxF -- "$stage" \
            || { usage_nested >&2; die "nested: no stage \"$stage\""; }
    done
    build
    # shellcheck disable=SC2034 # It is for check.sh.
    PASSED=0 FAILED=0 SKIPPED=0
    part_nested '' "$@"
    check_result
}

# nested_stages: prints the names of all.
nested_stages()
{
    sed -nE 's/^# Stage ([a-z]+): .*/\1/p' "$TOP"/tests/nested/*.sh
}

# part_nested ALL [STAGE]...: runs the stages, and counts the tests.
part_nested()
{
    local dir=$TOP/_build-nested status
    shift
    # shellcheck disable=SC2046 # These are words.
    [ $# -gt 0 ] || set -- $(nested_stages)
    if [ -z "$DPDK_TREE" ] || [ "$(dpkg --print-architecture)" != amd64 ]; then
        skipped 1 "nothing was tried on PCI: $NO_NIC"
        return
    fi
    vm_prepare && nested_qemu
    case $? in
    0) ;;
    2) skipped 1 "nothing was tried on PCI: $ROOT_PROBLEM"; return ;;
    *) failed 1 "nothing was tried on PCI: $ROOT_PROBLEM"; return ;;
    esac
    rm -rf "$dir"
    mkdir -p "$dir" && nested_disk "$dir/disk" "$@" || exit 1
    trap env_destroy EXIT
    trap 'exit 130' INT TERM
    nested_begin && nested_run "$dir"
    status=$?
    [ "$status" -eq 0 ] || tail -n 30 "$VDPA_ENV"/vdpa?.log
    env_destroy
    trap - EXIT INT TERM
    set -- "${@/#/$TOP/tests/nested/}"
    vm_count "$dir" nested.log "$status" "${@/%/.sh}"
}

# nested_qemu: has VM_QEMU be one that is a client of vfio-user: the machine's own,
# or that of sid, whose libraries and files it is told of.  If there is none,
# ROOT_PROBLEM says why.
nested_qemu()
{
    local dir=$OVS_DPDKVDPA_CACHE/nested root status
    root=$dir/root
    VM_QEMU=(qemu-system-x86_64)
    ! "${VM_QEMU[@]}" -device vfio-user-pci,help 2> /dev/null \
        | grep -q '^vfio-user-pci options' || return 0
    if [ "$(cat "$dir/.complete" 2>/dev/null)" != "$ROOT_RECIPE" ]; then
        cache_lock
        mkdir -p "$dir" && PACKAGES=qemu-system-x86 ROOT_PACKAGES='' \
            root_make sid "$dir"
        status=$?
        exec 8>&-
        [ "$status" -eq 0 ] || return "$status"
    fi
    VM_QEMU=("$root/lib64/ld-linux-x86-64.so.2"
             --library-path "$root/usr/lib/x86_64-linux-gnu"
             "$root/usr/bin/qemu-system-x86_64"
             -L "$root/usr/share/qemu" -L "$root/usr/share/seabios")
}

# nested_disk FOLDER STAGE...: puts into FOLDER what L1 wants.
nested_disk()
{
    local dir=$1
    shift
    mkdir -p "$dir/vswitchd" "$dir/tests" && : > "$dir/stages" \
        && cp -r "$TOP/tests/lib" "$TOP/tests/nested" "$dir/tests/" \
        && strip -o "$dir/vswitchd/ovs-vswitchd" "$VSWITCHD" \
        && make -s -C "$BUILD" tools/vhost-user-frontend >> "$LOG" 2>&1 \
        && strip -o "$dir/vhost-user-frontend" \
            "$BUILD/tools/vhost-user-frontend" \
        && printf '%s\n' "$@" > "$dir/stages" \
        && { ! grep -qx guest "$dir/stages" || nested_guest "$dir/guest"; } \
        && cp "$TOP/tests/nested/run.sh" "$dir/run"
}

# nested_guest FOLDER: puts into FOLDER the machine's QEMU, with its libraries, and
# what a guest of the system tests boots.
nested_guest()
{
    local dir=$1 root=$1/root kernel image
    mkdir -p "$root/bin" "$root/lib/qemu" "$root/share" \
        && kernel=$(guest_kernel) && image=$(guest_image) \
        && cp "$(guest_vmlinux "${kernel% *}")" "$dir/kernel" \
        && cp "$image" "$dir/image" \
        && guest_programs "$root" /usr/bin/qemu-system-x86_64 \
        && cp /usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so \
            "$root/lib/qemu/" \
        && cp -L /usr/share/seabios/bios-256k.bin \
            /usr/share/qemu/{kvmvapic,linuxboot_dma,pvh}.bin "$root/share/" \
        && cat > "$dir/qemu-system-x86_64" <<'WRAPPER' \
        && chmod +x "$dir/qemu-system-x86_64"
#!/bin/sh
root=$(dirname "$0")/root
export QEMU_MODULE_DIR="$root/lib/qemu"
exec "$root/lib64/ld-linux-x86-64.so.2" --library-path "$(
    find "$root" -name '*.so.*' -printf '%h\n' | sort -u | paste -s -d :)" \
    "$root/bin/qemu-system-x86_64" -L "$root/share" "$@"
WRAPPER
}

# nested_begin: makes a namespace for L1's wires, and starts its vDPA devices.  What
# one NIC sends comes to one representor, over a bridge, and what that sends to the
# NIC; the vDPA devices are beside the first NIC, and frames of
# tools/vhost-user-frontend come back to them.
nested_begin()
{
    local i name
    env_create vdpa-nested && mkfifo "$VDPA_ENV"/host.{in,out} || return
    for i in $NESTED_NICS; do
        env_exec ip link add "wires$i" type bridge \
            && env_exec ip link set "wires$i" up || return
        for name in nic rep; do
            env_exec ip tuntap add "$name$i" mode tap \
                && env_exec ip link set "$name$i" master "wires$i" up || return
        done
    done
    for i in $NESTED_VDPAS; do
        nested_vdpa "$i" || return
    done
    env_spawn reflect "$VDPA_ENV/reflect.log" python3 \
        "$TOP/tests/lib/reflect.py" vdpa0 vdpa1 \
        && wait_until "grep -q ready '$VDPA_ENV/reflect.log'"
}

# nested_vdpa I: starts vDPA device I, vdpaI on the wire.  One gets nothing of what
# the other sends, which it would have to drop.
nested_vdpa()
{
    local name=vdpa$1
    mkfifo "$VDPA_ENV/$name" \
        && env_spawn "$name" "$VDPA_ENV/$name.log" "$BUILD/tools/vdpa-pci" \
            --socket="$VDPA_ENV/$name.sock" --wire="tap:$name" --pairs=2 \
            <> "$VDPA_ENV/$name" \
        && wait_until "[ -S '$VDPA_ENV/$name.sock' ]" \
        && env_exec ip link set "$name" master wires0 up \
        && env_exec bridge link set dev "$name" isolated on
}

# nested_run FOLDER: runs L1 with FOLDER/disk, and shows what comes of it.
# shellcheck disable=SC2034 # They are for vm.sh.
nested_run()
{
    local pid status log=$1/nested.log VM_MEMORY=$NESTED_MEMORY
    local VM_APPEND="intel_iommu=on systemd.mask=ovs-vswitchd.service
        systemd.mask=ovsdb-server.service"
    local VM_QEMU=(ip netns exec "$(env_netns)" "${VM_QEMU[@]}") VM_MORE
    nested_devices
    step "booting a virtual machine with PCI devices (some minutes)"
    nested_serve <> "$VDPA_ENV/host.out" 1<> "$VDPA_ENV/host.in" 2>> "$LOG" &
    process_add host $!
    : > "$log"
    vm_run "$1/disk" "$log" >> "$LOG" 2>&1 &
    pid=$!
    tail -n +1 -f --pid="$pid" "$log" 2> /dev/null \
        | while read -r line; do
            case $line in
            'ok '*|'FAILED '*|'### '*) step "${line%$'\r'}" ;;
            esac
        done
    wait "$pid"
    status=$?
    process_end host
    return "$status"
}

# nested_devices: sets VM_MORE.  A NIC is in a slot that it can be taken out of.
# shellcheck disable=SC2034 # It is for vm.sh.
nested_devices()
{
    local i card="disable-legacy=on,iommu_platform=on,ats=on,romfile="
    VM_MORE=(
        -machine "q35,memory-backend=mem,kernel-irqchip=split"
        -object "memory-backend-memfd,id=mem,size=${NESTED_MEMORY}M,share=on"
        -device "intel-iommu,intremap=on,device-iotlb=on,caching-mode=on"
        -qmp "unix:$VDPA_ENV/l1.qmp,server=on,wait=off"
        -chardev "pipe,id=host,path=$VDPA_ENV/host"
        -device virtio-serial-pci
        -device "virtserialport,chardev=host,nr=1,name=host")
    for i in $NESTED_VDPAS; do
        VM_MORE+=(
            -device "{\"driver\": \"vfio-user-pci\", \"socket\":
                {\"type\": \"unix\", \"path\": \"$VDPA_ENV/vdpa$i.sock\"}}")
    done
    for i in $NESTED_NICS; do
        VM_MORE+=(
            -device "pcie-root-port,id=slot$i,chassis=$((i + 1))"
            -netdev "tap,id=nic$i,ifname=nic$i,script=no,downscript=no"
            -device "igb,id=igb$i,bus=slot$i,netdev=nic$i,mac=$NESTED_MAC:0$i"
            -netdev "tap,id=rep$i,ifname=rep$i,script=no,downscript=no"
            -device "virtio-net-pci,id=rep$i,netdev=rep$i,mac=$NESTED_MAC:1$i,$card")
    done
}

# nested_serve: does what L1 asks for, one line at a time, whose first word is the
# end of the name of a nested_do_*(): prints what that prints, each line after a
# "|", and then "=" with its status.
nested_serve()
{
    local words
    while read -r -a words; do
        (declare -F "nested_do_${words[0]}" > /dev/null \
            && "nested_do_${words[0]}" "${words[@]:1}") 2>&1 | sed 's/^/|/'
        echo "=${PIPESTATUS[0]}"
    done
}

# nested_do_qmp COMMAND [KEY=VALUE]...: gives L1's QEMU a command.
nested_do_qmp()
{
    guest_qmp l1 "$@"
}

# nested_do_exec COMMAND...: runs COMMAND where L1's wires are.
nested_do_exec()
{
    env_exec "$@" < /dev/null
}

# nested_do_vdpa I COMMAND...: types COMMAND at vDPA device I, whose last line of
# output is "end".
nested_do_vdpa()
{
    local from log=$VDPA_ENV/vdpa$1.log
    from=$(($(wc -c < "$log") + 1))
    echo "${*:2}" > "$VDPA_ENV/vdpa$1"
    wait_until "tail -c +$from '$log' | grep -qx end" \
        && tail -c "+$from" "$log"
}
