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

# Bash library: what guests do now and then: boot from the network, start another
# kernel, plug a card, run DPDK.  Needs guest.sh; GUEST_KEXEC is the path of
# guest-kexec.
#
# shellcheck shell=bash
#
# What is in single quotes is for the guest.
# shellcheck disable=SC2016

# guest_files KERNEL IMAGE APPEND: puts what a guest boots from the network, or
# fetches to start anew, into $VDPA_ENV/files, for guest_files_serve().
guest_files()
{
    local dir=$VDPA_ENV/files url=http://192.0.2.1
    mkdir -p "$dir" && ln -sf "$1" "$dir/kernel" \
        && ln -sf "$2.gz" "$dir/image" && cat > "$dir/boot.ipxe" <<SCRIPT
#!ipxe
kernel $url/kernel initrd=image ${3//$'\n'/ }
initrd $url/image
boot
SCRIPT
}

# guest_files_serve: has the host, 192.0.2.1 of bridge br0, serve what a guest
# needs that boots from the network: an address, 192.0.2.2, and files.
guest_files_serve()
{
    mkdir -p "$VDPA_ENV/files" \
        && env_spawn httpd "$VDPA_ENV/httpd.out" busybox httpd -f -v \
            -p 192.0.2.1:80 -h "$VDPA_ENV/files" </dev/null \
        && guest_leases_serve br0
}

# guest_leases_serve INTERFACE [COMMAND...]: has who has INTERFACE give guests
# addresses, 192.0.2.2 the one with QEMU's usual MAC; the server is run by COMMAND.
guest_leases_serve()
{
    cat > "$VDPA_ENV/udhcpd.conf" <<CONF
start 192.0.2.2
end 192.0.2.9
max_leases 8
interface $1
lease_file $VDPA_ENV/udhcpd.leases
pidfile $VDPA_ENV/udhcpd.pid
boot_file http://192.0.2.1/boot.ipxe
static_lease 52:54:00:00:00:01 192.0.2.2
CONF
    shift
    : > "$VDPA_ENV/udhcpd.leases"
    env_spawn udhcpd "$VDPA_ENV/udhcpd.out" "$@" \
        busybox udhcpd -f "$VDPA_ENV/udhcpd.conf" </dev/null
}

# guest_hmp NAME COMMAND...: gives QEMU a command as a person would type it at the
# monitor, who sees what is wrong and nothing otherwise.
guest_hmp()
{
    local said
    said=$(guest_qmp "$1" human-monitor-command "command-line=${*:2}") \
        || return 1
    if [ "$said" != '""' ]; then
        say "guest $1: ${*:2}: $said"
        return 1
    fi
}

# guest_unplug NAME: takes the network card of a guest with slot=yes out, which
# the guest has to agree to.
guest_unplug()
{
    guest_qmp "$1" device_del id=card \
        && wait_until "! guest_has_card '$1'" \
        && wait_until "guest_exec '$1' '[ ! -e /sys/class/net/eth0 ]'"
}

guest_has_card()
{
    guest_qmp "$1" qom-list path=/machine/peripheral | grep -q '"card"'
}

# guest_plug NAME: puts it in again, and waits until the guest's driver has it.
guest_plug()
{
    guest_hmp "$1" device_add "$(cat "$VDPA_ENV/$1.card")" \
        && wait_until "guest_exec '$1' '[ -e /sys/class/net/eth0 ]'"
}

# guest_netdev_again NAME SOCKET QUEUES: while the card is out, has QEMU close the
# connection with the port and serve the socket anew.
guest_netdev_again()
{
    local address backend
    address="{\"type\": \"unix\", \"data\": {\"path\": \"$2\"}}"
    backend="{\"type\": \"socket\", \"data\":
              {\"addr\": $address, \"server\": true, \"wait\": false}}"
    # Which takes the chardev away, too.
    guest_qmp "$1" netdev_del id=net0 \
        && guest_qmp "$1" chardev-add id=vhost "backend=$backend" \
        && guest_qmp "$1" netdev_add type=vhost-user id=net0 chardev=vhost \
            "queues=$3" vhostforce=true
}

# guest_driver_again NAME HOW: takes the driver from the guest's network card and
# gives it back, by HOW "module", unloading and loading, or "bind".
guest_driver_again()
{
    case $2 in
    module) set -- "$1" 'rmmod virtio_net && insmod /lib/modules/virtio_net.ko'
        ;;
    bind) set -- "$1" 'card=$(basename $(readlink /sys/class/net/eth0/device))
                       cd /sys/bus/virtio/drivers/virtio_net &&
                       echo $card > unbind && echo $card > bind' ;;
    *) return 1 ;;
    esac
    guest_exec "$1" "$2 && until [[ -e /sys/class/net/eth0 ]]; do
                                usleep 10000
                            done"
}

# guest_status NAME STATUS: waits until QEMU says that the guest is "running",
# "paused", "suspended", or whatever else query-status knows.
guest_status()
{
    wait_until "guest_qmp '$1' query-status | grep -q '^status $2\$'"
}

# guest_grow NAME MEGABYTES: so much of the memory that a guest with grow= may have
# more shall be its own, and waits until the guest has done its part.
guest_grow()
{
    local size=$(($2 << 20))
    guest_qmp "$1" qom-set path=/machine/peripheral/grow \
        property=requested-size "value=$size" \
        && wait_until "[ \"\$(guest_qmp '$1' qom-get \
            path=/machine/peripheral/grow property=size)\" = $size ]"
}

# guest_balloon NAME MEGABYTES: lets the guest have only so much of its memory,
# and waits until it has given back the rest, or has got it.
guest_balloon()
{
    guest_qmp "$1" balloon "value=$(($2 << 20))" \
        && wait_until "guest_qmp '$1' query-balloon \
            | grep -q '^actual $(($2 << 20))\$'"
}

# guest_image_kexec ROOT MODULES: what it takes to start another kernel.
guest_image_kexec()
{
    # shellcheck disable=SC2153 # Set by who loads the libraries.
    guest_programs "$1" "$GUEST_KEXEC"
}

# guest_kexec_load NAME [OPTION]: has the guest fetch kernel and file system from
# guest_files_serve() and load them for guest-kexec.
guest_kexec_load()
{
    guest_exec "$1" "cd /tmp &&
        wget -q http://192.0.2.1/kernel http://192.0.2.1/image &&
        guest-kexec ${2-} kernel image \"\$(sed 's/crashkernel=[^ ]*//' \
                                              /proc/cmdline)\" &&
        rm kernel image"
}

# guest_image_dpdk ROOT MODULES: testpmd, with what it needs for virtio-net cards.
guest_image_dpdk()
{
    local dir name file
    guest_modules "$1" "$2" uio uio_pci_generic > "$1/etc/dpdk-modules" \
        && guest_programs "$1" /usr/bin/dpdk-testpmd || return 1
    dir=$(dirname "$(ldd /usr/bin/dpdk-testpmd \
                     | sed -n 's/^.*librte_eal\.so[^ ]* => \([^ ]*\) .*/\1/p')")
    # Those that testpmd is not linked with, as the one of the PCI bus.
    for name in mempool_ring net_virtio; do
        file=$(find "$dir/" -maxdepth 1 -name "librte_$name.so.*" \
               | sort | head -n 1)
        guest_programs "$1" "$file" && mv "$1/bin/${file##*/}" "$1$file" \
            && echo "-d $file" || return 1
    done > "$1/etc/dpdk-drivers"
}

# guest_dpdk_start NAME [DEVARGS] [ARGUMENT]...: takes the network card of a guest
# with image=dpdk from Linux and gives it to testpmd, which answers ARP and ping of
# 192.0.2.2.
guest_dpdk_start()
{
    guest_exec "$1" '
        while read -r module; do
            [[ -e /sys/module/$module ]] || insmod /lib/modules/$module.ko ||
                exit 1
        done < /etc/dpdk-modules
        mkdir -p /var/run /dev/hugepages &&
        { [[ -e /tmp/card ]] || mount -t hugetlbfs none /dev/hugepages; } &&
        echo 64 > /proc/sys/vm/nr_hugepages || exit 1
        card=$(basename $(readlink -f /sys/class/net/eth0/device/..))
        echo $card > /tmp/card
        cd /sys/bus/pci/devices/$card &&
        echo $card > driver/unbind && echo uio_pci_generic > driver_override &&
        echo $card > /sys/bus/pci/drivers_probe && [[ -e uio ]] || exit 1
        : > /tmp/testpmd
        (echo start; sleep 10000) \
            | dpdk-testpmd --lcores 0@0,1@0 --no-telemetry --in-memory \
                $(cat /etc/dpdk-drivers) -a $card'"${2:+,$2}"' -- -i \
                --forward-mode=icmpecho --total-num-mbufs=4096 \
                '"${*:3}"' >/tmp/testpmd 2>&1 &' \
        && wait_until "guest_exec '$1' grep -q testpmd..start /tmp/testpmd"
}

# guest_dpdk_stop NAME: and back.
guest_dpdk_stop()
{
    guest_exec "$1" '
        killall dpdk-testpmd
        while pidof dpdk-testpmd >/dev/null; do usleep 100000; done
        card=$(cat /tmp/card)
        cd /sys/bus/pci/devices/$card &&
        echo $card > driver/unbind && echo > driver_override &&
        echo $card > /sys/bus/pci/drivers_probe &&
        until [[ -e /sys/class/net/eth0 ]]; do usleep 10000; done'
}
