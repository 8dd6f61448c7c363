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

# Bash library: real guests, run by QEMU's software emulation: Debian's cloud
# kernel and an initramfs with busybox, ethtool and iperf3.  Needs util.sh and
# an environment.
#
# A guest runs a small agent that takes commands from a virtio-serial port and
# answers with their output and status; on the host that port is a pair of
# FIFOs.  The guest's console goes to $VDPA_ENV/NAME.console.
#
# shellcheck shell=bash

# Where things that take time to make are kept.
: "${OVS_DPDKVDPA_CACHE:=/var/cache/ovs-dpdkvdpa}"

# Modules of the guest, in the order they are loaded in.
GUEST_MODULES="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev
    virtio_pci virtio_console failover net_failover virtio_net"

# What a kernel that is emulated boots faster with.
GUEST_HASTE="mitigations=off nokaslr cryptomgr.notests audit=0 tsc=reliable
    no_timer_check random.trust_cpu=on"

# Modules that a guest has but does not load by itself, in the same order; see
# guest_more_modules().
GUEST_MORE_MODULES="llc stp mrp garp 8021q"

# And those that a test asks for by their names; see guest_other_modules().
GUEST_OTHER_MODULES="virtio_balloon virtio_mem"

# guest_kernel: prints the path of the guest's kernel and that of its modules:
# the newest cloud kernel that is installed or was put into the cache.
guest_kernel()
{
    local root image modules best=
    for root in '' "$OVS_DPDKVDPA_CACHE/kernel"; do
        for modules in "$root"/{usr/,}lib/modules/*-cloud-*; do
            for image in "$modules/vmlinuz" \
                         "$root/boot/vmlinuz-${modules##*/}"; do
                if [ -f "$image" ]; then
                    best="$image $modules"
                fi
            done
        done
    done
    if [ -z "$best" ]; then
        say "no kernel for guests: ./quickstart build fetches one"
        return 1
    fi
    echo "$best"
}

# guest_cached FILE: succeeds if the cache has FILE, and notes that it is used.
guest_cached()
{
    touch -c "$1"* 2>/dev/null
    [ -f "$1" ]
}

# guest_cache_sweep: takes away what this file has put into the cache and nobody used
# for three days: images of programs that were built anew since, kernels that were
# upgraded, and halves of either.  Somebody else may do so at the same time.
guest_cache_sweep()
{
    find "$OVS_DPDKVDPA_CACHE" -maxdepth 1 -type f -mtime +2 \
        \( -name 'guest-*.cpio*' -o -name 'vmlinux-*' \) -delete 2>/dev/null || :
}

# guest_vmlinux KERNEL: prints the path of a file that QEMU can start as well as
# KERNEL, and that has been unpacked already, once, for an emulated processor takes
# a third of a second for it; KERNEL itself if there is no such file.
guest_vmlinux()
{
    local plain new
    plain=$OVS_DPDKVDPA_CACHE/vmlinux-$(stat -c %s-%Y "$1")
    new=$plain.$BASHPID
    if ! guest_cached "$plain"; then
        # It must say where it is entered by who has unpacked it (CONFIG_PVH).
        guest_unpack "$1" > "$new" 2>/dev/null \
            && readelf -n "$new" | grep -q '^ *Xen .*(0x00000012)' \
            && mv "$new" "$plain" || plain=$1
        rm -f "$new"
    fi
    echo "$plain"
}

# guest_unpack KERNEL: prints what a kernel has packed.  Its header, which is that
# of Linux' boot protocol, says from where to where that is, behind as many sectors
# as it says; the last four bytes are not of it.
guest_unpack()
{
    local sectors from length tool
    sectors=$(guest_number "$1" 0x1f1 1)
    from=$(((sectors + 1) * 512 + $(guest_number "$1" 0x248 4)))
    length=$(guest_number "$1" 0x24c 4)
    case $(guest_number "$1" "$from" 4) in
    $((0x184c2102))) tool=lz4 ;;
    $((0x587a37fd))) tool=xz ;;
    $((0xfd2fb528))) tool=zstd ;;
    *) return 1 ;;
    esac
    tail -c "+$((from + 1))" "$1" | head -c $((length - 4)) | "$tool" -dc
}

# guest_number FILE OFFSET SIZE: prints the number there.
guest_number()
{
    od -An -t "u$3" -j $(($2)) -N "$3" "$1" | tr -d ' '
}

# guest_init: prints the guest's first program.
guest_init()
{
    cat <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
while read -r module; do
    insmod "/lib/modules/$module.ko"
done < /etc/modules
echo 0 > /proc/sys/kernel/printk
ip link set lo up
echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range
until [ -e "$(echo /dev/vport?p1)" ]; do
    usleep 20000
done
exec 3<>"$(echo /dev/vport?p1)"
echo "agent: ready"
# One request per line: a number and a command, base64-encoded.
while read -r id command <&3; do
    sh -c "$(echo "$command" | base64 -d)" </dev/null >/tmp/.output 2>&1 3<&-
    status=$?
    awk '{ print "|" $0 }' /tmp/.output >&3
    echo "=$id $status" >&3
done
poweroff -f
INIT
}

# guest_image [NAME]: prints the path of the guest's initramfs, after making it
# unless it is there.  It is not packed, which would be for the guest to undo; for
# one that has to fetch it there is a packed one beside it, with ".gz".  With a NAME
# it has more, by guest_image_NAME(), which takes the arguments of
# guest_image_fill().
guest_image()
{
    local kernel modules key image new root more=${1:+guest_image_$1}
    kernel=$(guest_kernel) || return 1
    modules=${kernel#* }
    # shellcheck disable=SC2086 # It may be none.
    key=$( (echo "$modules $GUEST_MODULES $GUEST_MORE_MODULES $GUEST_OTHER_MODULES"
            declare -f guest_init guest_image_fill guest_modules \
                guest_libraries guest_programs $more
            stat -c %Y /bin/busybox /usr/bin/iperf3 /usr/sbin/ethtool \
                /usr/bin/ping
            [ -z "$more" ] || { stat -c %Y /usr/bin/dpdk-testpmd
                                cksum < "$GUEST_KEXEC"; }) \
          | md5sum | cut -c1-12)
    image=$OVS_DPDKVDPA_CACHE/guest${1:+-$1}-$key.cpio
    new=$image.$BASHPID
    if ! guest_cached "$image"; then
        root=$(mktemp -d) || return 1
        mkdir -p "$OVS_DPDKVDPA_CACHE" && guest_cache_sweep \
            && guest_image_fill "$root" "$modules" \
            && ${more:-:} "$root" "$modules" \
            && (cd "$root" && find . | cpio -o -H newc --quiet) > "$new" \
            && gzip -1 < "$new" > "$new.gz" \
            && mv "$new.gz" "$image.gz" \
            && mv "$new" "$image" || image=
        rm -rf "$root" "$new" "$new.gz"
    fi
    [ -n "$image" ] && echo "$image"
}

# guest_image_fill ROOT MODULES: puts into the folder ROOT what the guest's
# file system consists of.
guest_image_fill()
{
    mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp,lib/modules} || return 1
    cp /bin/busybox "$1/bin/" || return 1
    # shellcheck disable=SC2086 # These are words.
    guest_modules "$1" "$2" $GUEST_MODULES > "$1/etc/modules" \
        && guest_modules "$1" "$2" $GUEST_MORE_MODULES \
            > "$1/etc/more-modules" \
        && guest_modules "$1" "$2" $GUEST_OTHER_MODULES >/dev/null || return 1
    guest_programs "$1" /usr/bin/iperf3 /usr/sbin/ethtool /usr/bin/ping \
        || return 1
    guest_init > "$1/init" && chmod +x "$1/init"
}

# guest_programs ROOT PROGRAM...: puts these, and the libraries that they need,
# into ROOT.
guest_programs()
{
    local root=$1 library program
    shift
    cp "$@" "$root/bin/" || return 1
    for program in "$@"; do
        guest_libraries "$program"
    done | sort -u | while read -r library; do
        mkdir -p "$root$(dirname "$library")" \
            && cp -L "$library" "$root$library" || exit 1
    done
}

# guest_modules ROOT MODULES NAME...: puts these modules into ROOT, uncompressed,
# and prints the names of those that are not built into the kernel.
guest_modules()
{
    local root=$1 modules=$2 name file
    shift 2
    for name in "$@"; do
        file=$(find "$modules" -name "$name.ko" -o -name "$name.ko.xz")
        case $file in
        *.ko) cp "$file" "$root/lib/modules/" || return 1 ;;
        *.ko.xz) xz -dc "$file" > "$root/lib/modules/$name.ko" || return 1 ;;
        '')
            grep -q "/$name\.ko\$" "$modules/modules.builtin" && continue
            say "$modules has no module $name"
            return 1
            ;;
        esac
        echo "$name"
    done
}

# guest_libraries PROGRAM: prints the paths of the shared libraries that it
# needs, and of the one that the C library loads when a thread ends.
guest_libraries()
{
    local paths
    paths=$(ldd "$1" | grep -o '/[^ ]*')
    echo "$paths"
    grep '/libc\.so' <<< "$paths" | sed 's,[^/]*$,libgcc_s.so.1,'
}

# guest_start NAME [KEY=VALUE]...: boots a guest whose network card is the
# vhost-user socket that QEMU serves, and waits until that socket is there.  The
# guest itself starts when somebody has connected to it; see guest_wait().
#
#   socket=PATH         the socket (required)
#   mac=MAC             52:54:00:00:00:01 if not given
#   queues=N            queue pairs; 1
#   packed=on           packed rings
#   rx_queue_size=N     the sizes of rings; QEMU's own, which depend on its
#                       version, if not given
#   tx_queue_size=N
#   iommu=on            the card's addresses go through an IOMMU
#   card=PROPERTIES     more properties of the card, as -device takes them
#   slot=yes            the card is in a slot; see guest_unplug()
#   incoming=yes        wait for another guest to come by migration, and then
#                       for guest_continue(); with a URI of QEMU's, from there
#   memory=MEGABYTES    256
#   dimms=N             there is room for so many more of 128 MB each; see
#                       guest_plug_memory()
#   grow=MEGABYTES      by so much its memory can grow; see guest_grow()
#   pages=huge          its memory is a file in a hugetlbfs that goes with it
#   wait=on             QEMU does nothing at all before somebody has connected
#   reboot=yes          it may reboot; if not given that ends it
#   boot=net            its firmware boots from the network; see
#                       guest_files_serve()
#   boot=packed         its kernel unpacks itself; of one that was unpacked before,
#                       see guest_vmlinux(), a guest that is suspended to RAM does
#                       not wake up
#   image=NAME          with what guest_image_NAME() adds to its file system
#   append=WORDS        more of the kernel's command line
#   more=WORDS          more arguments of QEMU
#
# The guest with an IOMMU takes mappings back at once (iommu.strict): when it
# does so later, and for all at a time, QEMU 7.2 and rte_vhost lose track.
guest_start()
{
    local name=$1 socket='' mac=52:54:00:00:00:01 queues=1 packed=off
    local rx_queue_size='' tx_queue_size='' iommu=off card='' memory=256
    local dimms=0 grow=0 slot=no boot=kernel image='' append='' more=''
    local incoming=no pages=small wait=off reboot=no run=()
    shift
    local "$@"

    local cmd=(qemu-system-x86_64 -name "$name,debug-threads=on" -nodefaults
               -display none -accel tcg -cpu max -machine q35)
    [ "$reboot" = yes ] || cmd+=(-no-reboot)
    if [ "$iommu" = on ]; then
        cmd+=(-device "intel-iommu,intremap=off,device-iotlb=on")
        append+=" intel_iommu=on ${VDPA_IOMMU-iommu.strict=1}"
    fi
    guest_memory_arguments && guest_boot_arguments || return 1
    [ "$slot" = no ] || cmd+=(-device "pcie-root-port,id=slot0,chassis=1")
    # What guest_plug() plugs.
    guest_card > "$VDPA_ENV/$name.card"
    # shellcheck disable=SC2206 # These are words.
    cmd+=($more
          -numa "node,memdev=mem"
          -serial "file:$VDPA_ENV/$name.console"
          -chardev "pipe,id=agent,path=$VDPA_ENV/$name.agent"
          -device virtio-serial-pci
          -device "virtserialport,chardev=agent,nr=1,name=agent"
          -chardev "socket,id=vhost,path=$socket,server=on,wait=$wait"
          -netdev "vhost-user,id=net0,chardev=vhost,queues=$queues,vhostforce=on"
          -device "$(cat "$VDPA_ENV/$name.card")"
          -qmp "unix:$VDPA_ENV/$name.qmp,server=on,wait=off")
    case $incoming in
    no) ;;
    yes) cmd+=(-S -incoming "unix:$VDPA_ENV/$name.incoming") ;;
    *) cmd+=(-S -incoming "$incoming") ;;
    esac
    rm -f "$VDPA_ENV/$name".agent.{in,out} "$socket"
    mkfifo "$VDPA_ENV/$name".agent.{in,out} || return 1
    : > "$VDPA_ENV/$name.console"
    env_spawn "$name" "$VDPA_ENV/$name.qemu" taskset -c 0 "${run[@]}" \
        "${cmd[@]}" </dev/null && wait_until "[ -S '$socket' ]"
}

# guest_boot_arguments: adds what guest_start()'s guest boots to its command.
guest_boot_arguments()
{
    local kernel
    append="console=ttyS0 quiet panic=-1 $GUEST_HASTE${append:+ $append}"
    image=$(guest_image "$image") && kernel=$(guest_kernel) \
        && guest_files "${kernel% *}" "$image" "$append" || return 1
    kernel=${kernel% *}
    [ "$boot" != kernel ] || kernel=$(guest_vmlinux "$kernel")
    if [ "$boot" = net ]; then
        cmd+=(-boot n -machine graphics=off)
    else
        cmd+=(-kernel "$kernel" -initrd "$image" -append "$append")
    fi
}

# guest_qemu_release: prints the first number of QEMU's version.
guest_qemu_release()
{
    qemu-system-x86_64 --version \
        | sed -nE 's/^QEMU emulator version ([0-9]+)\..*/\1/p'
}

# guest_interrupts PAIRS: prints how many MSI-X vectors the network card of a
# guest with so many queue pairs has: none with a QEMU older than 10, of which 7.2
# crashes without KVM.
guest_interrupts()
{
    local release
    release=$(guest_qemu_release)
    echo $((release < 10 ? 0 : 2 * $1 + 2))
}

# guest_card: prints guest_start()'s network card, as -device takes it.
guest_card()
{
    local device="virtio-net-pci,netdev=net0,mac=$mac,packed=$packed"
    device+=",vectors=$(guest_interrupts "$queues")"
    device+="${rx_queue_size:+,rx_queue_size=$rx_queue_size}"
    device+="${tx_queue_size:+,tx_queue_size=$tx_queue_size}"
    [ "$iommu" = off ] || device+=",iommu_platform=on,ats=on,disable-legacy=on"
    [ "$queues" -eq 1 ] || device+=",mq=on"
    [ "$slot" = no ] || device+=",id=card,bus=slot0"
    echo "$device${card:+,$card}"
}

# guest_memory_arguments: adds guest_start()'s memory to its command.  A
# hugetlbfs is mounted for QEMU alone, and goes with it.
#
# In memory whose size is a multiple of 256 kB, QEMU before release 9.0 looks for
# written pages 64 at a time, and does not tell its software emulation that it
# did: what a processor writes on, where it had written before, is not moved with
# the guest.  So there are 128 kB more.
guest_memory_arguments()
{
    local dir=$VDPA_ENV/$name.huge size=$((1024 * memory + 128))
    local max=$((memory + 128 * dimms + grow + 1))
    [ "$pages" != huge ] || size=$((1024 * memory))
    cmd+=(-m "${size}K,slots=$dimms,maxmem=${max}M")
    [ "$grow" -eq 0 ] || cmd+=(
        -object "memory-backend-memfd,id=more,size=${grow}M,share=on"
        -device "virtio-mem-pci,id=grow,memdev=more,requested-size=0")
    if [ "$pages" = huge ]; then
        hugepages_take "$memory" || return 1
        mkdir -p "$dir"
        # shellcheck disable=SC2016 # It is for the shell that is run.
        run=(sh -c 'mount -t hugetlbfs none "$0" && exec "$@"' "$dir")
        cmd+=(-object
              "memory-backend-file,id=mem,mem-path=$dir,size=${size}K,share=on")
    else
        cmd+=(-object "memory-backend-memfd,id=mem,size=${size}K,share=on")
    fi
}

# guest_wait NAME: waits until the guest takes commands.
guest_wait()
{
    if ! wait_until -t 60 \
            "grep -q 'agent: ready' '$VDPA_ENV/$1.console'" \
            "|| ! process_pid '$1'" || ! process_pid "$1" >/dev/null; then
        say "guest $1 did not come up"
        tail -n 20 "$VDPA_ENV/$1.qemu" "$VDPA_ENV/$1.console" >&2
        return 1
    fi
}

# guest_exec NAME COMMAND...: runs the shell command in the guest, prints what
# it prints, returns its status.  124: there was no answer in time.
guest_exec()
{
    local name=$1 in out line part='' id end status=124
    shift
    in=$VDPA_ENV/$name.agent.in out=$VDPA_ENV/$name.agent.out
    id=$BASHPID.$RANDOM
    end=$((SECONDS + ${GUEST_TIMEOUT-60}))
    exec {out}<>"$out" || return 124
    printf '%s %s\n' "$id" "$(printf '%s' "$*" | base64 -w0)" > "$in"
    while [ "$SECONDS" -lt "$end" ]; do
        if IFS= read -r -t 1 -u "$out" line; then
            line=$part$line
            part=
            case $line in
            "|"*) printf '%s\n' "${line#|}" ;;
            "=$id "*) status=${line##* }; break ;;
            esac
            continue
        fi
        # The time may have been up in the middle of a line.
        part+=$line
        if ! process_pid "$name" >/dev/null; then
            say "guest $name is gone"
            break
        fi
    done
    exec {out}>&-
    return "$status"
}

# guest_more_modules NAME: has the guest load the modules that it does not load
# by itself.
guest_more_modules()
{
    # shellcheck disable=SC2016 # It is for the guest.
    guest_exec "$1" 'for m in $(cat /etc/more-modules); do
                         insmod /lib/modules/$m.ko || exit 1
                     done'
}

# guest_other_modules NAME MODULE...: has the guest load these, as far as they are
# not in its kernel.
guest_other_modules()
{
    guest_exec "$1" "for m in ${*:2}; do
                         [ ! -e /lib/modules/\$m.ko ] \\
                             || insmod /lib/modules/\$m.ko || exit 1
                     done"
}

# guest_up NAME ADDRESS/LENGTH: gives the guest's network card an address.
guest_up()
{
    guest_exec "$1" "ip addr flush dev eth0; ip addr add $2 dev eth0 &&
                     ip link set eth0 up"
}

# guest_ping NAME ADDRESS [COUNT]: succeeds if every ping comes back.  It is not the
# ping of busybox, whose socket is a raw one: that gets the replies to all that the
# guest pings and has room for ten of them, so under load the one that it waits for
# is thrown away now and then.
guest_ping()
{
    guest_exec "$1" "for i in \$(seq ${3-3}); do
                         /bin/ping -c 1 -W 3 $2 || exit 1
                     done" > "$VDPA_ENV/$1.ping"
}

# guest_qmp NAME COMMAND [KEY=VALUE]...: gives QEMU a command.
guest_qmp()
{
    local name=$1
    shift
    # shellcheck disable=SC2154 # Set by who loads the libraries.
    python3 "$abs_top_srcdir/tests/lib/qmp.py" "$VDPA_ENV/$name.qmp" "$@"
}

# guest_plug_memory NAME N: plugs memory module N, of 128 MB, into the guest.
guest_plug_memory()
{
    guest_qmp "$1" object-add qom-type=memory-backend-memfd "id=mem$2" \
        size=134217728 share=true \
        && guest_qmp "$1" device_add driver=pc-dimm "id=dimm$2" "memdev=mem$2"
}

# guest_ring_asked SIZE: prints the size of a ring for which QEMU is asked for
# SIZE: 10.0 has rings of 1024, whatever rx_queue_size and tx_queue_size are.
guest_ring_asked()
{
    if qemu-system-x86_64 --version | grep -q 'version 10\.0\.'; then
        echo 1024
    else
        echo "$1"
    fi
}

# guest_migrate_begin FROM TO: begins to move a guest to another QEMU that was
# started with incoming=yes.
guest_migrate_begin()
{
    wait_until "[ -S '$VDPA_ENV/$2.incoming' ]" || return 1
    guest_qmp "$1" migrate-set-parameters downtime-limit=500 \
        max-bandwidth="${3-4000000000}" \
        && guest_processor_first "$1" \
        && guest_qmp "$1" migrate "uri=unix:$VDPA_ENV/$2.incoming"
}

# guest_processor_first NAME: has the threads that are a guest's processors run
# before all others of QEMU, which are on the same core.  In software emulation
# QEMU 7.2 forgets pages of a guest that it moves if the thread that looks for
# written pages preempts a processor that is about to take note of one.
guest_processor_first()
{
    local task
    for task in "/proc/$(process_pid "$1")"/task/*; do
        if grep -qs '^CPU ' "$task/comm"; then
            chrt --rr --pid 1 "${task##*/}" || return 1
        fi
    done
}

# guest_postcopy NAME...: allows these guests post-copy migration.
guest_postcopy()
{
    local name
    for name in "$@"; do
        guest_qmp "$name" migrate-set-capabilities \
            'capabilities=[{"capability": "postcopy-ram", "state": true}]' \
            || return 1
    done
}

# guest_migration NAME: prints the state of a migration.
guest_migration()
{
    guest_qmp "$1" query-migrate | awk '$1 == "status" { print $2 }'
}

# guest_migrate FROM TO: moves a guest, which then stands still at its new
# place.
guest_migrate()
{
    guest_migrate_begin "$1" "$2" || return 1
    wait_until -t 60 "guest_migration '$1' | grep -qE '^(completed|failed)$'" \
        && [ "$(guest_migration "$1")" = completed ] \
        && guest_qmp "$1" query-migrate | grep -E '^(total-time|downtime) ' \
        && wait_until "guest_qmp '$2' query-status | grep -q 'status paused'"
}

# guest_save NAME FILE: writes a guest into a file, by a migration; it stands still
# from then on.
guest_save()
{
    guest_processor_first "$1" && guest_qmp "$1" migrate-set-parameters \
            max-bandwidth=4000000000 \
        && guest_qmp "$1" migrate "uri=exec:cat > $2" \
        && wait_until "guest_migration '$1' | grep -q '^completed$'"
}

# guest_continue NAME: has a guest go on.
guest_continue()
{
    guest_qmp "$1" cont
}

# guest_memory NAME: prints the path of the file that is the guest's memory.
guest_memory()
{
    local fd
    for fd in "/proc/$(process_pid "$1")"/fd/*; do
        if readlink "$fd" | grep -q '^/memfd:memory-backend-memfd'; then
            echo "$fd"
            return 0
        fi
    done
    return 1
}

# guest_memory_same A B: succeeds if the memory of guest A, which was moved, is
# that of B, which has not gone on yet: no page that anybody wrote was forgotten.
guest_memory_same()
{
    if ! cmp "$(guest_memory "$1")" "$(guest_memory "$2")"; then
        say "pages that differ: $(
            cmp -l "$(guest_memory "$1")" "$(guest_memory "$2")" \
                | awk '{ print int(($1 - 1) / 4096) }' | uniq -c \
                | head -n 20 | tr '\n' ',')"
        return 1
    fi
}

# guest_without_tx_napi NAME: has a guest's card work so that it can be shut down
# under load.  When Linux shuts the system down it calls the card's queues broken,
# and gets nothing from such a queue; but if the device has given something back
# meanwhile, the interrupt's handler (virtnet_poll_cleantx() of 6.1) goes on trying
# for ever.  Without NAPI for what was sent there is no such loop.  A kernel that
# cannot do without has no such fault.
guest_without_tx_napi()
{
    guest_exec "$1" 'ip link set eth0 down
                     ethtool -C eth0 tx-frames 0
                     ip link set eth0 up'
}

# guest_restart NAME COMMAND...: does COMMAND, by which a guest that was started
# with reboot=yes begins anew, and waits until it takes commands again.
guest_restart()
{
    local console=$VDPA_ENV/$1.console n
    n=$(grep -c 'agent: ready' "$console")
    shift
    "$@" && wait_until -t 60 \
        "[ \$(grep -c 'agent: ready' '$console') -gt $n ]"
}

# guest_kill NAME: kills QEMU as a crash would.
guest_kill()
{
    process_end "$1" KILL
}
