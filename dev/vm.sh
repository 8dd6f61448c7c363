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

# A virtual machine with systemd and Debian's Open vSwitch, of the machine's
# suite, emulated by QEMU.  It has no network, unless VM_MORE gives it one; what it
# is to do comes as a tar ball on its second disk, and what it says on its second
# serial line is the result.
#
# shellcheck shell=bash

# What distinguishes this way of making its disk from earlier ones.
VM_RECIPE=3

# The kernel is the one that has drivers of network cards.
VM_PACKAGES="apparmor dbus dpdk-dev initramfs-tools iproute2 iputils-ping kmod
    linux-image-amd64 mount openvswitch-switch openvswitch-switch-dpdk procps
    python3 systemd-sysv udev"

# How much memory it has, in MB, and for how long it may say nothing, in seconds.
# How long it takes in all depends on what else the machine does.
VM_MEMORY=2048 VM_SILENCE=600

# The QEMU, what it is told besides, and what the kernel is.
VM_QEMU=(qemu-system-x86_64) VM_MORE=() VM_APPEND=

# What a kernel that is emulated boots faster with.  The cycles that are counted
# for it are the machine's, and no clock: systemd and DPDK look at the time.
VM_HASTE="mitigations=off nokaslr cryptomgr.notests tsc=unstable
    clocksource=hpet no_timer_check random.trust_cpu=on quiet"

# vm_prepare: makes its disk unless the cache has it.  If it cannot, ROOT_PROBLEM
# says why, and the status is 2 if that is for want of a mirror.  VM_DIR is where
# its disk, kernel and initramfs are.
# shellcheck disable=SC2034 # The former is root.sh's, too.
vm_prepare()
{
    local version status
    version=$VM_RECIPE-$(package_version openvswitch-switch)
    version+=-$(package_version libdpdk-dev)
    VM_DIR=$OVS_DPDKVDPA_CACHE/vm
    [ "$(cat "$VM_DIR/.made" 2>/dev/null)" != "$version" ] || return 0
    PACKAGES="e2fsprogs" packages_install
    cache_lock
    mkdir -p "$VM_DIR" && PACKAGES=$VM_PACKAGES ROOT_PACKAGES='' \
        root_make "$(suite_here)" "$VM_DIR"
    status=$?
    if [ "$status" -eq 0 ]; then
        ROOT_PROBLEM="the disk of the virtual machine could not be made"
        logged "making the disk of a virtual machine" vm_disk "$VM_DIR" \
            && echo "$version" > "$VM_DIR/.made"
        status=$?
    fi
    rm -rf "$VM_DIR/root"
    exec 8>&-
    return "$status"
}

# vm_disk FOLDER: makes the disk out of FOLDER/root.
vm_disk()
{
    local root=$1/root
    rm -f "$root$POLICY"
    echo '/dev/vda / ext4 defaults 0 0' > "$root/etc/fstab"
    echo vm > "$root/etc/hostname"
    cat > "$root/etc/systemd/system/vm.service" <<'UNIT'
[Unit]
Description=What the virtual machine is to do
Wants=multi-user.target
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mkdir /srv/vm && cd /srv/vm && tar -xf /dev/vdb; \
    stty -F /dev/ttyS1 raw; ./run > /dev/ttyS1 2>&1'
ExecStopPost=systemctl --no-block poweroff
[Install]
WantedBy=default.target
UNIT
    # Its initramfs is to find the disk, and be small.
    echo MODULES=list > "$root/etc/initramfs-tools/conf.d/vm"
    printf '%s\n' virtio_pci virtio_blk ext4 \
        >> "$root/etc/initramfs-tools/modules"
    chroot "$root" update-initramfs -u \
        && chroot "$root" systemctl enable vm.service \
        && chroot "$root" systemctl mask systemd-timesyncd.service \
            apparmor.service dpdk.service apt-daily.timer \
            apt-daily-upgrade.timer fstrim.timer e2scrub_all.timer \
        && cp "$root"/boot/vmlinuz-* "$1/vmlinuz" \
        && cp "$root"/boot/initrd.img-* "$1/initrd" \
        && rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin \
        && rm -f "$1/disk" \
        && mke2fs -q -t ext4 -O ^has_journal -d "$root" "$1/disk" 3G
}

# vm_run FOLDER LOG: starts it, with what is in FOLDER, which has a program "run".
# Its disk is as new each time.  What "run" says goes to LOG, and what the console
# says to LOG.console.  It ends with us.
vm_run()
{
    local pid
    tar -C "$1" -cf "$2.tar" . && : > "$2" && : > "$2.console" || return
    "${VM_QEMU[@]}" -accel tcg,thread=multi \
        -cpu max -smp 2 -m "$VM_MEMORY" -nodefaults -no-reboot -display none \
        -kernel "$VM_DIR/vmlinuz" -initrd "$VM_DIR/initrd" \
        -append "root=/dev/vda rw console=ttyS0 $VM_HASTE $VM_APPEND" \
        -drive "file=$VM_DIR/disk,format=raw,if=virtio,snapshot=on" \
        -drive "file=$2.tar,format=raw,if=virtio,readonly=on" \
        -serial "file:$2.console" -serial "file:$2" "${VM_MORE[@]}" &
    pid=$!
    trap 'kill -KILL "$pid"; exit 1' TERM
    vm_watch "$pid" "$2" "$2.console"
    wait "$pid"
}

# vm_count FOLDER LOG STATUS FILE...: counts what vm_run gave, with what it wrote
# to FOLDER/LOG.  Each function test_NAME of the FILEs is a test, and its result a
# line "ok NAME" or "FAILED NAME".
vm_count()
{
    local log=$1/$2
    grep -hoE '^test_[a-z_]+' "${@:4}" | sed 's/^test_//' > "$1/tests.list"
    if grep -q '^FAILED' "$log" || ! grep -q '^ok' "$log"; then
        tail -n 100 "$log"
        tail -n 30 "$log.console"
    fi
    suite_count "$2" "$3" "$1/tests.list" \
        < <(tr -d '\r' < "$log" \
            | sed -nE 's/^(ok|FAILED) ([a-z_]+)$/\2 \1/p')
}

# vm_watch PID FILE...: waits until the process ends; ends it if none of the files
# has grown for VM_SILENCE seconds.
vm_watch()
{
    local sizes='' now since=$SECONDS
    until timeout 1 tail -f -s 0.1 --pid="$1" /dev/null; do
        now=$(stat -c %s "${@:2}")
        if [ "$now" != "$sizes" ]; then
            sizes=$now since=$SECONDS
        elif [ $((SECONDS - since)) -ge "$VM_SILENCE" ]; then
            echo "the virtual machine has said nothing for $VM_SILENCE s"
            kill -KILL "$1"
        fi
    done
}
