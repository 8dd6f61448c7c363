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

# What many quiet ports cost: for ./quickstart bench --stage scale, which builds
# an ovs-vswitchd on a DPDK with room for them, in folder SCALE_BUILD, with
# DPDK's libraries in SCALE_LIBS.
#
# shellcheck shell=bash

# How long everything is quiet while it is measured, in seconds.
SCALE_QUIET=10

# Guests that a front-end can be.
SCALE_GUESTS=16

# scale_now: prints the time in ns since 1970, as front-ends do.
scale_now()
{
    date +%s%N
}

# scale_ovs PORTS: starts Open vSwitch as a user would for so many ports: with
# memory pools that ports share.
scale_ovs()
{
    # shellcheck disable=SC2034 # These are for nic.sh and ovs.sh.
    local VDPA_NIC=sim VDPA_OVS_MEMORY=$((1024 + 12 * $1))
    LD_LIBRARY_PATH=$SCALE_LIBS VSWITCHD=$SCALE_BUILD/vswitchd/ovs-vswitchd \
        VDPASIM=$SCALE_BUILD/drivers/librte_vdpasim.so \
        ovs_start per-port-memory=false \
        && ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=netdev \
            fail_mode=secure
}

# scale_guests PORTS: starts guests that wait for their ports, and say when the
# first packet of each was taken.
scale_guests()
{
    # shellcheck disable=SC2034 # It is for frontend.sh.
    local i j sockets FRONTEND=$SCALE_BUILD/tools/vhost-user-frontend
    for ((i = 0; i < $1; i += SCALE_GUESTS)); do
        sockets=
        for ((j = i; j < i + SCALE_GUESTS && j < $1; j++)); do
            sockets+=,$VDPA_ENV/$j.sock
        done
        frontend_start "guests$i" firsts "${sockets#,}" || return 1
    done
}

# scale_add N PORTS: adds port N, waits until it relays, and prints how long it
# took until ovs-vsctl was back, and until the guest's first packet was taken,
# in ms.
scale_add()
{
    local begin added pf="net_simpf0,vfs=$2,queues=16"
    begin=$(scale_now)
    ovs-vsctl --timeout=60 add-port br0 "vdpa$1" -- set Interface "vdpa$1" \
        type=dpdkvdpa options:vdpa-socket-path="$VDPA_ENV/$1.sock" \
        options:vdpa-sw=true \
        options:vdpa-accelerator-devargs="\"$(nic_sim_vf "$1")\"" \
        options:dpdk-devargs="\"$pf,representor=[$1]\"" || return 1
    added=$(scale_now)
    ovs_port_ok "vdpa$1" && wait_until "scale_first $1 >/dev/null" || return 1
    echo "$1 $(((added - begin) / 1000)) $((($(scale_first "$1") - begin) / 1000))"
}

# scale_first N: prints when the first packet of guest N was taken.
scale_first()
{
    sed -n "s|.*/$1.sock: first packet at ||p" "$VDPA_ENV"/guests*.frontend \
        | grep -m 1 .
}

# scale_memory: prints the bytes that DPDK has given away in hugepages, those of
# the pools for VFs, and those of memory that is nobody else's.
scale_memory()
{
    local pid
    pid=$(process_pid ovs-vswitchd) || return 1
    echo "$(check_heap Alloc_size)" \
        "$(ovs-appctl netdev-dpdk/get-mempool-info | awk -F = '
               /^mempool </ { ours = /<dpdkvdpa_/ }
               { gsub(/ /, "", $1) }
               ours && $1 == "size" { size = $2 }
               ours && $1 == "total_obj_size" { n += size * $2 }
               END { printf "%.0f", n }')" \
        "$(awk '/^RssAnon:/ { printf "%.0f", $2 * 1024 }' "/proc/$pid/status")"
}

# scale_main: prints how long the main thread has run, in ns, and how often it
# has begun to wait.
scale_main()
{
    local pid
    pid=$(process_pid ovs-vswitchd) || return 1
    echo "$(cut -d ' ' -f 1 "/proc/$pid/task/$pid/schedstat")" \
        "$(awk '/^voluntary_ctxt/ { print $2 }' "/proc/$pid/task/$pid/status")"
}

# scale_quiet: prints what the quiet ports cost: cycles in an iteration of the
# PMD thread, ns of the main thread in a second, and its rounds in a second.
scale_quiet()
{
    local before after
    ovs-appctl dpif-netdev/pmd-stats-clear
    before=$(scale_main)
    sleep "$SCALE_QUIET"
    after=$(scale_main)
    awk -v used="$(ovs_pmd_perf "Used TSC cycles")" \
        -v n="$(ovs_pmd_perf Iterations)" -v before="$before" \
        -v after="$after" -v s="$SCALE_QUIET" 'BEGIN {
            split(before, b); split(after, a)
            print used / n, (a[1] - b[1]) / s, (a[2] - b[2]) / s }'
}

# scale_measure PORTS: prints lines for scale.py.
scale_measure()
{
    local ports=$1 i added
    scale_guests "$ports" || return 1
    echo "ports $ports"
    for ((i = 0; i < ports; i++)); do
        # With the first port come Open vSwitch's pool and more that all share.
        [ "$i" -ne 1 ] || echo "memory $(scale_memory)"
        added=$(scale_add "$i" "$ports") || return 1
        echo "add $added"
    done
    echo "memory $(scale_memory)"
    wait_until -t 60 "scale_is_quiet" || return 1
    echo "quiet $(scale_quiet)"
    for ((i = 0; i < ports; i += SCALE_GUESTS)); do
        frontend_stop "guests$i" >/dev/null || return 1
    done
}

# scale_is_quiet: succeeds if the main thread had little to do for a second.
scale_is_quiet()
{
    local before after
    before=$(scale_main)
    sleep 1
    after=$(scale_main)
    [ $((${after% *} - ${before% *})) -lt 100000000 ]
}

# stage_scale: measures ten ports, then a hundred.
stage_scale()
{
    local ports
    if [ ! -x "${SCALE_BUILD-}/vswitchd/ovs-vswitchd" ]; then
        say "SCALE_BUILD=${SCALE_BUILD-} has no ovs-vswitchd for many ports:" \
            "run \"./quickstart bench --stage scale\", which builds it"
        return 1
    fi
    : > "$OUT/scale.raw" || return 1
    for ports in 10 100; do
        step "$ports ports with quiet guests, polled by one thread"
        system_try "scale$ports" scale_ovs "$ports" 6>&- \
            && scale_measure "$ports" >> "$OUT/scale.raw" || return 1
        system_stop "scale$ports"
    done
    python3 "$HERE/scale.py" "$OUT/scale.raw" | tee "$OUT/scale.txt"
    return "${PIPESTATUS[0]}"
}
