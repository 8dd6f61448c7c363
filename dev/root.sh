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

# ./quickstart --suite SUITE COMMAND: runs a command in a root of another suite
# of Debian, which is kept in $OVS_DPDKVDPA_CACHE/suites/SUITE.
#
# shellcheck shell=bash

# What distinguishes this way of making a root from earlier ones.
ROOT_RECIPE=2

# Where in a root its copy of our sources is.
ROOT_WORK=/srv/openvswitch-dpdkvdpa

# What the root has beside $PACKAGES: for check, and for a mirror by https.
ROOT_PACKAGES="$CHECK_PACKAGES clang ca-certificates"

# The architectures whose packages it may have, if others than the machine's.
ROOT_ARCHITECTURES=

usage_suite()
{
    cat <<USAGE
usage: ./quickstart --suite SUITE COMMAND [OPTION]...

Runs COMMAND as on a machine of SUITE, one of $SUITES.  If this
machine runs another, then in a root of that suite, which mmdebstrap makes from
the machine's own package sources, in
$OVS_DPDKVDPA_CACHE/suites/SUITE
and which is kept: remove that folder to have a new one.  The root has a copy of
this checkout, with what is not committed, and builds of its own.  Processes and
mounts end with the command.

One more COMMAND is to be had here:

  shell    a shell in the root, in the copy: for "demo --keep", say, or what
           follows "shell" as a command for it

USAGE
}

# suite_root SUITE: prints where the root of SUITE is.
suite_root()
{
    echo "$OVS_DPDKVDPA_CACHE/suites/$1/root"
}

# root_run SUITE COMMAND [ARGUMENT]...: runs a command of quickstart in the root
# of SUITE, which is made if need be.
root_run()
{
    local suite=$1 root
    shift
    case "$*" in
    guest*|stop*|'demo --keep')
        die "nothing is left running in the root of another suite; try" \
            "\"./quickstart --suite $suite shell\" and \"$*\" in it"
        ;;
    esac
    needs_root
    root_prepare "$suite" || die "suite $suite: $ROOT_PROBLEM"
    root=$(suite_root "$suite")
    case "$*" in
    shell) root_enter "$root" bash ;;
    'shell '*) root_supervise "$root" bash -c "${*:2}" ;;
    package*)
        root_supervise "$root" ./quickstart "$@" \
            && package_fetch "$root$ROOT_WORK" "$suite"
        ;;
    *) root_supervise "$root" ./quickstart "$@" ;;
    esac
}

command_shell()
{
    usage_suite
    case ${1-} in
    --help|-h) ;;
    *) die "a shell is for the root of another suite" ;;
    esac
}

# root_prepare SUITE: makes the root of SUITE unless it is there, and brings
# what it has of us up to date.  If it cannot, ROOT_PROBLEM says why, and the status
# is 2 if that is for want of a mirror.
root_prepare()
{
    local dir=$OVS_DPDKVDPA_CACHE/suites/$1 status
    local LOG=$dir/root.log
    mkdir -p "$dir" || exit 1
    # One command at a time in a root.
    exec 7> "$dir/lock"
    flock -n 7 || { step "waiting for another quickstart in suite $1"
                    flock 7; }
    if [ "$(cat "$dir/.complete" 2>/dev/null)" != "$ROOT_RECIPE" ]; then
        cache_lock
        : > "$LOG"
        root_make "$1" "$dir"
        status=$?
        exec 8>&-
        [ "$status" -eq 0 ] || return "$status"
    fi
    sources_copy "$dir/root$ROOT_WORK"
    root_dpdk "$dir/root/var/cache/ovs-dpdkvdpa"
    cp -L /etc/resolv.conf /etc/hosts "$dir/root/etc/" 2>/dev/null
    :
}

# root_make SUITE FOLDER: makes FOLDER/root.
root_make()
{
    local suite=$1 dir=$2 mirror
    mirror=$(root_mirror "$suite") || {
        ROOT_PROBLEM="no mirror of Debian that this machine's package sources"
        ROOT_PROBLEM+=" name can be reached and has it"
        return 2
    }
    (PACKAGES=mmdebstrap packages_install) || {
        ROOT_PROBLEM="mmdebstrap cannot be installed; the log is $LOG"
        return 2
    }
    # How the machine gets at its mirror holds for the root, too.
    apt-config dump | grep -E '^Acquire::(https?|Check-|Retries|ForceIPv)' \
        > "$dir/apt.conf"
    [ "$suite" != sid ] \
        || echo 'Acquire::Check-Valid-Until "false";' >> "$dir/apt.conf"
    rm -rf "$dir/root" "$dir/.complete"
    ROOT_PROBLEM="its root could not be made; the log is $LOG"
    # The lists stay, for a kernel and for what comes to be wanted later.
    # shellcheck disable=SC2086 # These are words.
    logged "making a root of suite $suite (a minute or two, this once)" \
        unshare --mount --propagation private \
        mmdebstrap --mode=root --variant=apt --skip=cleanup/apt/lists \
        --aptopt="$dir/apt.conf" \
        ${ROOT_ARCHITECTURES:+"--architectures=$ROOT_ARCHITECTURES"} \
        --include="$PACKAGES $ROOT_PACKAGES" \
        "$suite" "$dir/root" "deb $mirror $suite main" || return 1
    # No service starts in it.
    printf '#!/bin/sh\nexit 101\n' > "$dir/root$POLICY" \
        && chmod +x "$dir/root$POLICY" \
        && echo "$ROOT_RECIPE" > "$dir/.complete"
}

# root_mirror SUITE: prints the address of the first mirror of Debian, of those
# that the machine itself has, that has SUITE.
root_mirror()
{
    local mirror mirrors file status=1
    mirrors=$(root_mirrors)
    if [ -z "$mirrors" ]; then
        logged "updating the package lists" apt-get update >&2
        mirrors=$(root_mirrors)
    fi
    file=$(mktemp) || return 1
    for mirror in $mirrors; do
        if /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file \
                "${mirror%/}/dists/$1/InRelease" "$file" >> "$LOG" 2>&1; then
            echo "$mirror"
            status=0
            break
        fi
    done
    rm -f "$file"
    return "$status"
}

# root_mirrors: prints the addresses of the machine's mirrors of Debian proper.
root_mirrors()
{
    # shellcheck disable=SC2016 # It is for apt.
    apt-get indextargets 'Created-By: Packages' 'Component: main' \
        --format '$(ORIGIN) $(LABEL) $(CODENAME) $(REPO_URI)' \
        | sed -nE 's/^Debian Debian [a-z]+ //p' | sort -u
}

# root_dpdk FOLDER: puts into a root's cache, which is FOLDER, the header files
# of each tree that DPDK_SOURCE names; what was put there before stays.
root_dpdk()
{
    local tree
    mkdir -p "$1" || exit 1
    # shellcheck disable=SC2086 # These are words.
    for tree in ${DPDK_SOURCE-}; do
        [ -f "$tree/VERSION" ] || die "DPDK_SOURCE: $tree is no source tree" \
            "of DPDK: it has no file VERSION"
        dpdk_headers "$tree" "$1/dpdk-given-$(cat "$tree/VERSION")" || exit 1
    done
}

# root_enter ROOT COMMAND...: becomes COMMAND in ROOT, with mounts and processes
# that nobody else sees, and that end with it.  ROOT_AS may hold a command that
# runs it all.
ROOT_AS=()
root_enter()
{
    exec "${ROOT_AS[@]}" \
        unshare --mount --propagation private --pid --fork --kill-child \
        bash -c "$(declare -f nap root_mounts root_change \
            root_init)"'; root_init "$@"' \
        root_init "$@"
}

# root_init ROOT COMMAND...: the first process, which all others end with.  After
# a signal these get the time to clean up, for hugepages are the machine's.
root_init()
{
    local status signalled='' n all
    root_mounts "$1" && root_change "$1" || exit 1
    shift
    trap 'signalled=yes' TERM
    env --chdir=/srv/openvswitch-dpdkvdpa \
        -u DPDK_SOURCE -u TMPDIR -u VSWITCHD -u VDPASIM HOME=/root \
        OVS_DPDKVDPA_CACHE=/var/cache/ovs-dpdkvdpa "$@"
    status=$?
    for ((n = 0; n < 600; n++)); do
        all=(/proc/[0-9]*)
        if [ -z "$signalled" ] || [ "${#all[@]}" -eq 1 ]; then
            break
        fi
        nap
    done
    exit "$status"
}

# root_change ROOT: makes ROOT that of these namespaces, not only of a process:
# nsenter goes where they have theirs.
root_change()
{
    mkdir "$1/run/before" && pivot_root "$1" "$1/run/before" && cd / || return
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    hash -r
    umount -l /run/before && rmdir /run/before
}

# root_mounts ROOT: mounts what a system has.
root_mounts()
{
    mount --bind "$1" "$1" \
        && mount -t proc proc "$1/proc" \
        && mount --rbind /sys "$1/sys" \
        && mount --rbind /dev "$1/dev" \
        && mount -t tmpfs -o mode=755 tmpfs "$1/run" \
        && mount -t tmpfs tmpfs "$1/tmp" \
        && mkdir -p /run/lock "$1/run/lock" "$1/dev/hugepages" \
        && mount --bind /run/lock "$1/run/lock" || return
    mountpoint -q "$1/dev/hugepages" \
        || mount -t hugetlbfs hugetlbfs "$1/dev/hugepages"
}

# root_supervise ROOT COMMAND...: runs COMMAND in ROOT; when we are told to end,
# it is told, once, and all of it.
root_supervise()
{
    local pid status
    (ROOT_AS=(env '--default-signal=INT,QUIT' setsid)
     root_enter "$@") <&0 &
    pid=$!
    trap 'root_interrupt "$pid"' INT TERM HUP
    wait "$pid"
    status=$?
    trap - INT TERM HUP
    return "$status"
}

# root_interrupt PID: ends what root_supervise() runs.
root_interrupt()
{
    trap '' INT TERM HUP
    step "ending what runs in the root"
    kill -TERM -- "-$1"
    wait_until -t 60 "! process_stamp $1" || kill -KILL "$1"
    exit 130
}
