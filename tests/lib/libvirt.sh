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

# Bash library: guests that a libvirtd of our own starts.  Needs util.sh, guest.sh
# and an environment.
#
# The daemon is the system one, as root, whose guests run as another user; but it
# sees folders of the environment where the machine's has its own, so that neither
# knows of the other.  There may be several, each in a folder $VDPA_ENV/DAEMON.
#
# shellcheck shell=bash

# The folders of libvirt's that are replaced, each by one of this name.
LIBVIRT_FOLDERS="etc:/etc/libvirt run:/run/libvirt lib:/var/lib/libvirt
    log:/var/log/libvirt"

# libvirt_there: succeeds if there is a libvirtd to be run.
libvirt_there()
{
    [ -x /usr/sbin/libvirtd ] && command -v virsh >/dev/null \
        && getent passwd libvirt-qemu >/dev/null
}

# libvirt_sets_links: succeeds if libvirt can set the link of a vhostuser card down, as
# 12.8 can and 11.3 cannot.
libvirt_sets_links()
{
    [ "$(libvirtd --version | sed -nE 's/.* ([0-9]+)\..*/\1/p;q')" -ge 12 ]
}

# libvirt_start DAEMON: starts a libvirtd, which calls itself another host than
# all others do.
libvirt_start()
{
    local daemon=$1 dir=$VDPA_ENV/$1 folder mounts=''
    # Whom guests run as must get at sockets, kernel and pipes.
    chmod a+x "$VDPA_ENV" && mkdir -p "$dir/huge" && chmod a+x "$dir" \
        || return 1
    for folder in $LIBVIRT_FOLDERS; do
        mkdir -p "$dir/${folder%%:*}" "${folder#*:}" || return 1
        mounts+="mount --bind $dir/${folder%%:*} ${folder#*:} && "
    done
    # What QEMU can do takes seconds to be found out, and is kept.
    mkdir -p "$OVS_DPDKVDPA_CACHE/libvirt" /var/cache/libvirt || return 1
    mounts+="mount --bind $OVS_DPDKVDPA_CACHE/libvirt /var/cache/libvirt && "
    mounts+="mount -t hugetlbfs none $dir/huge && hostname $daemon && "
    # One that comes back is the same host.
    [ -e "$dir/etc/libvirtd.conf" ] || cat > "$dir/etc/libvirtd.conf" <<CONF
auth_unix_rw = "none"
host_uuid = "$(cat /proc/sys/kernel/random/uuid)"
log_outputs = "3:file:$VDPA_ENV/$daemon.log"
CONF
    # There is no virtlogd, and no udev or systemd that would give each guest
    # control groups.
    cat > "$dir/etc/qemu.conf" <<CONF
stdio_handler = "file"
cgroup_controllers = []
security_driver = "none"
hugetlbfs_mount = "$dir/huge"
CONF
    # shellcheck disable=SC2154 # Set by who loads the libraries.
    env_spawn "$daemon" "$VDPA_ENV/$daemon.out" unshare -m -u \
        sh -c "${mounts}exec python3 $abs_top_srcdir/tests/lib/reap.py \
                    libvirtd -f $dir/etc/libvirtd.conf \
                    -p $dir/run/libvirtd.pid" </dev/null \
        && wait_until "libvirt_virsh '$daemon' list"
}

# libvirt_kill DAEMON: kills it as a crash would; its guests go on.
libvirt_kill()
{
    local pid
    pid=$(cat "$VDPA_ENV/$1/run/libvirtd.pid") && process_end "$1" KILL \
        && wait_until "! process_stamp $pid" \
        && rm -f "$VDPA_ENV/$1/run/libvirt-sock"
}

# libvirt_uri DAEMON: prints where virsh finds it.
libvirt_uri()
{
    echo "qemu:///system?socket=$VDPA_ENV/$1/run/libvirt-sock"
}

# libvirt_virsh DAEMON COMMAND...: gives it a command of virsh.
libvirt_virsh()
{
    timeout 90 virsh -q -c "$(libvirt_uri "$1")" "${@:2}"
}

# libvirt_pasted ELEMENT [N]: prints the Nth (first, if none) such element that
# Documentation/orchestration.rst tells people to paste.
libvirt_pasted()
{
    # shellcheck disable=SC2154 # Set by who loads the libraries.
    awk -v element="$1" -v n="${2-1}" '
        $1 ~ "^<" element ">?$" { i++ }
        i == n
        i == n && index($0, "</" element ">") { found = 1; exit }
        END { exit !found }' "$abs_top_srcdir/Documentation/orchestration.rst"
}

# libvirt_profile: prints the AppArmor profile of the document.
libvirt_profile()
{
    sed -n '/^    #include <tunables/,/^    }/s/^    //p' \
        "$abs_top_srcdir/Documentation/orchestration.rst"
}

# libvirt_tmpfiles MODE: prints the line of the document for tmpfiles.d whose folder
# has MODE.
libvirt_tmpfiles()
{
    tr '\n' ' ' < "$abs_top_srcdir/Documentation/orchestration.rst" | tr -s ' ' \
        | grep -o "\`\`d /run/vm/vm1 $1 [^\`]*" | tr -d '\`'
}

# libvirt_overridden NAME: has the document's override, by which the card of an
# emulated guest has no vectors, in NAME.xml, where the kernel was told.
libvirt_overridden()
{
    local namespace
    namespace=$(grep -o "xmlns:qemu='[^']*'" \
        "$abs_top_srcdir/Documentation/orchestration.rst") || return 1
    sed -i "s,<domain type='qemu',& $namespace,; s, pci=nomsi,,
            /^<\/domain>/d" "$VDPA_ENV/$1.xml" \
        && { libvirt_pasted qemu:override && echo "</domain>"; } \
            >> "$VDPA_ENV/$1.xml"
}

# libvirt_interface SOCKET [N]: prints the Nth <interface> of the document with
# SOCKET as the path.
libvirt_interface()
{
    libvirt_pasted interface "${2-1}" | sed "s,path='[^']*',path='$1',"
}

# libvirt_domain NAME SOCKET [INTERFACE [MEMORY]]: writes into $VDPA_ENV/NAME.xml a
# domain with the document's INTERFACEth <interface>, on SOCKET, and its MEMORYth
# <memoryBacking>, and around them what guest_start() gives a guest.
libvirt_domain()
{
    local name=$1 kernel image append
    kernel=$(guest_kernel) && image=$(guest_image) || return 1
    append="console=ttyS0 quiet panic=-1 $GUEST_HASTE"
    # As guest_interrupts() has it; the XML is to be as in the document, and what
    # is plugged later no override of libvirt's reaches.
    [ "$(guest_interrupts 1)" -gt 0 ] || append+=" pci=nomsi"
    # libvirtd gives files to the user that runs the guest.
    cp -u "${kernel% *}" "$VDPA_ENV/libvirt-kernel" \
        && cp -u "$image" "$VDPA_ENV/libvirt-image" || return 1
    rm -f "$VDPA_ENV/$name".agent.{in,out}
    mkfifo "$VDPA_ENV/$name".agent.{in,out} && : > "$VDPA_ENV/$name.console" \
        && chown libvirt-qemu "$VDPA_ENV/$name".agent.{in,out} || return 1
    cat > "$VDPA_ENV/$name.xml" <<XML
<domain type='qemu'>
  <name>$name</name>
  <memory unit='MiB'>256</memory>
$(libvirt_pasted memoryBacking "${4-1}")
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>$VDPA_ENV/libvirt-kernel</kernel>
    <initrd>$VDPA_ENV/libvirt-image</initrd>
    <cmdline>${append//$'\n'/ }</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='maximum'/>
  <on_reboot>destroy</on_reboot>
  <devices>
    <serial type='file'><source path='$VDPA_ENV/$name.console'/></serial>
    <channel type='pipe'>
      <source path='$VDPA_ENV/$name.agent'/>
      <target type='virtio' name='agent'/>
    </channel>
$(libvirt_interface "$2" "${3-1}")
    <memballoon model='none'/>
  </devices>
</domain>
XML
}

# libvirt_folder FOLDER MODE [GROUP]: makes a folder for sockets, or changes one, as
# the document does; the group is libvirt's, if not given.
libvirt_folder()
{
    install -d -o libvirt-qemu -g "${3-libvirt-qemu}" -m "$2" "$1"
}

# libvirt_moved DOMAIN NAME SOCKET NEW-SOCKET: writes into $VDPA_ENV/NAME.xml what
# DOMAIN, now on SOCKET, is to be like on NEW-SOCKET, where we call it NAME.
libvirt_moved()
{
    rm -f "$VDPA_ENV/$2".agent.{in,out}
    mkfifo "$VDPA_ENV/$2".agent.{in,out} && : > "$VDPA_ENV/$2.console" \
        && chown libvirt-qemu "$VDPA_ENV/$2".agent.{in,out} \
        && libvirt_virsh libvirtd dumpxml --migratable "$1" \
            | sed "s,'$3','$4',; s,'$VDPA_ENV/$1\.,'$VDPA_ENV/$2.," \
            > "$VDPA_ENV/$2.xml"
}

# libvirt_moves DOMAIN NAME: begins to move a guest of "libvirtd" to "libvirtb", as
# libvirt_moved() wrote into NAME.xml, so slowly that it is not done soon, and waits
# until its memory is on the way.
libvirt_moves()
{
    libvirt_virsh libvirtd migrate --live "$1" "$(libvirt_uri libvirtb)" \
        --migrateuri tcp://127.0.0.1:49152 --xml "$VDPA_ENV/$2.xml" \
        --bandwidth 1 > "$VDPA_ENV/$1.moves" 2>&1 5>&- 6>&- 9>&- &
    process_add moves $! && wait_until -t 60 \
        "libvirt_virsh libvirtd domjobinfo '$1' | grep -q 'Memory processed: *[1-9]'"
}

# libvirt_accepted SOCKET: succeeds if QEMU has a connection to it, which is before a
# guest that comes by migration has its card, and the port says that it is connected.
libvirt_accepted()
{
    [ "$(env_exec grep -c " $1\$" /proc/net/unix)" -ge 2 ]
}

# libvirt_moves_no_more DOMAIN: waits until that has come to its end, which must
# not be a good one.
libvirt_moves_no_more()
{
    wait_until "! process_pid moves" && rm -f "$VDPA_ENV/pids/moves" \
        && grep '^error:' "$VDPA_ENV/$1.moves"
}

# libvirt_care DAEMON DOMAIN [NAME]: puts a guest that was started under the
# environment's care, as guest_start() does, by its own name or this.
libvirt_care()
{
    local name=${3-$2}
    process_add "$name" "$(cat "$VDPA_ENV/$1/run/qemu/$2.pid")" \
        && ln -sf "$1/log/qemu/$2.log" "$VDPA_ENV/$name-qemu.log"
}

# libvirt_ends NAME: waits until a guest under our care is gone.
libvirt_ends()
{
    wait_until "! process_pid '$1'" && rm -f "$VDPA_ENV/pids/$1"
}
