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

# Bash library: the systems that the benchmarks compare.  Needs util.sh,
# nic.sh, ovs.sh and testpmd.sh of tests/.
#
# A system has a name, a kind, an environment of its own, $VDPA_ENV after
# system_use(), and in it a control block, "ctl" (see bench_vf.h).  The kinds:
#
#   ours        our ovs-vswitchd with dpdkvdpa ports that relay
#   zero_copy   the same, which do not copy what is long and comes from the guest
#   testpmd     dpdk-testpmd with net_vhost, io forwarding
#   switching   our ovs-vswitchd that switches dpdkvhostuserclient to dpdk
#   floor       rte_vhost alone
#   representors  our ovs-vswitchd with what are representors of "ours" as
#               ports of type dpdk, and nothing else: it has no guest
#
# If BENCH_SIM is not empty, ours, testpmd and switching have as VF one of the
# simulated NIC, whose representor they connect to a net_benchvf.
#
# Its guest is a dpdk-testpmd with net_virtio_user, or bench_guest.  If BENCH_TCP
# is not empty, it is the latter, and the VF knows checksums and segmentation.
# BENCHDIR is where the programs were built.
#
# shellcheck shell=bash

# Environments by name; names in the order of their start.
declare -A SYSTEM_ENV=()
SYSTEMS=()
: "${BENCH_SIM:=}" "${BENCH_TCP:=}"
BENCH_OPTIONS=()

# The core that is measured, and the one for everything else.
MEASURED_CORE=1
OTHER_CORE=0

# shellcheck disable=SC2034 # It is for nic.sh.
VDPA_NIC=bench
nic_bench_dpdk_extra()
{
    echo "--no-pci$(system_plugins | sed 's/^/ -d /' | tr -d '\n')"
}

nic_sim_pf()
{
    echo "net_simpf0,vfs=1,queues=1,wire=${BENCH_WIRE-none}"
}

# system_plugins: prints where the drivers are that are needed.
system_plugins()
{
    env_plugin "$BENCHDIR/librte_benchvf.so"
    [ -z "$BENCH_SIM" ] || env_plugin "$VDPASIM"
}

# system_use NAME: what follows is about system NAME.
system_use()
{
    export VDPA_ENV=${SYSTEM_ENV[$1]}
    ovs_env
}

# system_vf N QUEUES [clock]: prints the devargs of VF N.  Only ours makes of
# what the VF put together (LRO) what a guest may get: testpmd gets it as if it
# had done so.
system_vf()
{
    local vf="net_benchvf$1,ctl=$VDPA_ENV/ctl,side=host,port=$1,queues=$2" tcp=
    [ -z "$BENCH_TCP" ] || tcp=,tcp=$BENCH_TCP
    echo "$vf${3:+,clock=1}$tcp"
}

# system_accelerator N QUEUES: prints the devargs of VF N of "ours".
system_accelerator()
{
    if [ -n "$BENCH_SIM" ]; then
        nic_sim_vf "$1"
    else
        system_vf "$@"
    fi
}

# system_rep N: prints the devargs of its representor, which nothing comes
# from.
system_rep()
{
    local clock=
    if [ -n "$BENCH_SIM" ]; then
        nic_sim_rep "$1"
        return
    fi
    [ "$1" -ne 0 ] || clock=,clock=1
    echo "net_benchvfr$1,ctl=$VDPA_ENV/ctl,side=idle,port=$1$clock"
}

# system_start NAME KIND PORTS QUEUES MTU: starts a system.
system_start()
{
    local name=$1 kind=$2
    shift 2
    system_try "$name" "system_start_$kind" "$@"
}

# system_try NAME COMMAND...: starts system NAME, in a new environment, by
# COMMAND; tries again if that fails, since hugepages that are free may be
# somebody else's a moment later.
system_try()
{
    local name=$1 i
    shift
    for i in 1 2 3; do
        env_create vdpa-bench || return 1
        SYSTEM_ENV[$name]=$VDPA_ENV
        SYSTEMS+=("$name")
        if "$@"; then
            return 0
        fi
        say "$name did not start, at try $i of 3"
        system_stop "$name"
        nap
    done
    return 1
}

# system_ovs PORTS MTU: starts an Open vSwitch with a bridge that does nothing.
# It gets its memory at once: what it took later may be somebody else's by
# then.
system_ovs()
{
    local memory=$(($2 <= 1500 ? 512 + 128 * $1 : 1280)) tso=()
    [ -z "$BENCH_TCP" ] || { memory=1024; tso=(userspace-tso-enable=true); }
    VDPA_OVS_MEMORY=$memory ovs_start dpdk-socket-mem="$memory" "${tso[@]}" \
        && ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=netdev \
            fail_mode=secure
}

# system_port_ok PORT MTU: succeeds if a port is there and as it should be: for
# want of memory Open vSwitch is content with another MTU.
system_port_ok()
{
    local mtu
    ovs_port_ok "$1" || return 1
    mtu=$(ovs-vsctl get Interface "$1" mtu)
    if [ "$mtu" != "$2" ]; then
        say "port $1: its MTU is $mtu, not $2: not enough memory?"
        return 1
    fi
}

system_start_ours()
{
    local ports=$1 queues=$2 mtu=$3 i vf BENCH_TCP=${BENCH_TCP:+1} lro=()
    [ -z "$BENCH_TCP" ] \
        || lro=(options:vdpa-features='"+guest_tso4,+guest_tso6"')
    system_ovs "$ports" "$mtu" || return 1
    for ((i = 0; i < ports; i++)); do
        vf=$(system_accelerator "$i" "$queues")
        ovs-vsctl add-port br0 "vdpa$i" -- set Interface "vdpa$i" \
            type=dpdkvdpa mtu_request="$mtu" \
            options:vdpa-socket-path="$VDPA_ENV/$i.sock" \
            options:vdpa-sw=true options:vdpa-max-queues="$queues" \
            "${lro[@]}" "${BENCH_OPTIONS[@]}" \
            options:vdpa-accelerator-devargs="\"$vf\"" \
            options:dpdk-devargs="\"$(system_rep "$i")\"" || return 1
        system_port_ok "vdpa$i" "$mtu" || return 1
    done
    [ -z "$BENCH_SIM" ] || { system_bench_port && system_flows vdpa0 bench0; }
}

system_start_zero_copy()
{
    BENCH_OPTIONS=(options:dq-zero-copy=true)
    system_start_ours "$@"
    local status=$?
    BENCH_OPTIONS=()
    return "$status"
}

# system_bench_port: adds net_benchvf as what is behind the representor of a VF
# of the simulated NIC.
system_bench_port()
{
    ovs_add_dpdk br0 bench0 "$(system_vf 0 1 clock)"
}

# system_flows PORT PORT: connects two ports.
system_flows()
{
    ovs-ofctl add-flow br0 "in_port=$1,actions=output:$2" \
        && ovs-ofctl add-flow br0 "in_port=$2,actions=output:$1"
}

system_start_switching()
{
    local ports=$1 queues=$2 mtu=$3 i vf BENCH_TCP=${BENCH_TCP:+1}
    system_ovs "$ports" "$mtu" || return 1
    if [ -n "$BENCH_SIM" ]; then
        ovs_add_dpdk br0 rep0 "$(nic_sim_rep 0)" && system_bench_port \
            && system_flows rep0 bench0 || return 1
    fi
    for ((i = 0; i < ports; i++)); do
        vf=$(system_vf "$i" "$queues" "$([ "$i" -gt 0 ] || echo clock)")
        [ -z "$BENCH_SIM" ] || vf=$(nic_sim_vf "$i")
        ovs_add_dpdk br0 "vf$i" "$vf" mtu_request="$mtu" \
            options:n_rxq="$queues" && ovs-vsctl add-port br0 "vm$i" \
            -- set Interface "vm$i" type=dpdkvhostuserclient \
            mtu_request="$mtu" options:vhost-server-path="$VDPA_ENV/$i.sock" \
            || return 1
        system_port_ok "vf$i" "$mtu" && ovs_port_ok "vm$i" || return 1
        system_flows "vf$i" "vm$i" || return 1
    done
}

system_start_representors()
{
    local ports=$1 i
    system_ovs "$ports" 1500 || return 1
    for ((i = 0; i < ports; i++)); do
        ovs_add_dpdk br0 "rep$i" "$(system_rep "$i")" || return 1
    done
}

system_start_testpmd()
{
    local ports=$1 queues=$2 mtu=$3 i clock=clock memory=512 sim=() vhost=
    local BENCH_TCP=${BENCH_TCP:+2} more=()
    TESTPMD_VDEVS=
    if [ -n "$BENCH_TCP" ]; then
        # What the guest leaves to the NIC then goes to the VF as it is, and
        # frames of many mbufs may.
        vhost=,tso=1,legacy-ol-flags=1
        more=(--tx-offloads=0x8000)
    fi
    if [ -n "$BENCH_SIM" ]; then
        # Port 0 is the uplink, which nobody needs, 1 the representor.
        TESTPMD_VDEVS="$(nic_sim_rep 0) $(system_vf 0 1 clock) $(nic_sim_vf 0)"
        TESTPMD_VDEVS+=" net_vhost0,iface=$VDPA_ENV/0.sock,client=1,queues=1"
        sim=(--portlist=1-4)
        ports=0
    fi
    for ((i = 0; i < ports; i++)); do
        TESTPMD_VDEVS+=" net_vhost$i,iface=$VDPA_ENV/$i.sock,client=1"
        TESTPMD_VDEVS+="$vhost,queues=$queues"
        TESTPMD_VDEVS+=" $(system_vf "$i" "$queues" $clock)"
        clock=
    done
    hugepages_take "$memory" || return 1
    TESTPMD_LCORES="0@$OTHER_CORE,1@$MEASURED_CORE" TESTPMD_MEMORY=$memory \
    TESTPMD_PLUGINS=$(system_plugins) \
        testpmd_start system --rxq="$queues" --txq="$queues" --nb-cores=1 \
        --forward-mode=io --mbuf-size="$((mtu <= 1500 ? 2176 : mtu + 256))" \
        "${sim[@]}" "${more[@]}" || return 1
    testpmd_cmd system start >/dev/null
}

system_start_floor()
{
    local queues=$2 memory=512
    hugepages_take "$memory" || return 1
    env_spawn system "$VDPA_ENV/floor.log" "$BENCHDIR/vhost-floor" \
        --lcores "0@$OTHER_CORE,1@$MEASURED_CORE" --no-pci --in-memory \
        --no-telemetry --file-prefix "$(env_netns)" -m "$memory" \
        -d "$(system_plugins)" --vdev "$(system_vf 0 "$queues" clock)" \
        -- "$VDPA_ENV/0.sock" "$queues" </dev/null || return 1
    wait_until "grep -q '^ready' '$VDPA_ENV/floor.log'"
}

# system_guest NAME PORTS QUEUES MTU KEY=VALUE...: starts the guest of a
# system, or another one in place of the one that is there.  KEY=VALUE are
# arguments of net_virtio_user; with own=1 it is bench_guest.
system_guest()
{
    local ports=$2 queues=$3 mtu=$4 i ring=256 arg
    system_use "$1"
    shift 4
    process_end guest KILL
    rm -f "$VDPA_ENV"/[0-9]*.sock
    case "$BENCH_TCP $* " in
    [!\ ]*|*" own=1 "*) guest_own "$@"; return ;;
    esac
    for arg in "$@"; do
        case $arg in
        queue_size=*) ring=${arg#*=} ;;
        esac
    done
    TESTPMD_VDEVS=
    for ((i = 0; i < ports; i++)); do
        TESTPMD_VDEVS+=" net_virtio_user$i,path=$VDPA_ENV/$i.sock,server=1"
        TESTPMD_VDEVS+=,queues=$queues$(printf ',%s' "$@")
        TESTPMD_VDEVS+=" net_benchvf$i,ctl=$VDPA_ENV/ctl,side=guest,port=$i"
        TESTPMD_VDEVS+=",queues=$queues"
    done
    # Somebody else may take the hugepages that are free now.
    for ((i = 0; i < 3; i++)); do
        if hugepages_take 256 && guest_testpmd "$queues" "$ring" "$mtu"; then
            system_settled "$ports" "$queues" || return 1
            testpmd_cmd guest start >/dev/null
            return
        fi
    done
    return 1
}

# system_settled PORTS QUEUES: waits until the VFs of "ours" have as many queue
# pairs as the guest, for which they are restarted.
system_settled()
{
    local i
    for ((i = 0; i < $1; i++)); do
        if ovs-appctl dpdkvdpa/show "vdpa$i" >/dev/null 2>&1; then
            wait_until "ovs-appctl dpdkvdpa/show vdpa$i \
                | grep -q 'DPDK port.* queue pairs: $2 of'" || return 1
        fi
    done
}

guest_testpmd()
{
    TESTPMD_LCORES="0@$OTHER_CORE,1@$OTHER_CORE" TESTPMD_MEMORY=256 \
    TESTPMD_PLUGINS=$(env_plugin "$BENCHDIR/librte_benchvf.so") \
        testpmd_start guest --rxq="$1" --txq="$1" --nb-cores=1 \
        --rxd="$2" --txd="$2" --forward-mode=io \
        --mbuf-size="$(($3 <= 1500 ? 2176 : $3 + 256))"
}

# guest_own KEY=VALUE...: starts bench_guest.
guest_own()
{
    local args=()
    case " $* " in
    *" packed_vq=1 "*) args=(packed) ;;
    esac
    hugepages_take 20 \
        && env_spawn guest "$VDPA_ENV/guest.log" taskset -c "$OTHER_CORE" \
            "$BENCHDIR/bench_guest" "$VDPA_ENV/0.sock" "$VDPA_ENV/ctl" \
            "${args[@]}" ${BENCH_TCP:+tcp} </dev/null || return 1
    if ! wait_until "grep -q '^ready' '$VDPA_ENV/guest.log'" \
            "|| ! process_pid guest" || ! process_pid guest >/dev/null; then
        tail -n 20 "$VDPA_ENV/guest.log" >&2
        return 1
    fi
}

# system_pid: prints the process of the system that is in use.
system_pid()
{
    process_pid system || process_pid ovs-vswitchd
}

# system_thread PID: prints the thread of a process that forwards.  DPDK changed
# the name in 23.11.
system_thread()
{
    local task
    for task in /proc/"$1"/task/*; do
        case $(cat "$task/comm") in
        pmd-c*|*-worker-1|*-worker1) basename "$task"; return ;;
        esac
    done
    say "process $1 has no thread that forwards"
    return 1
}

# system_hold NAME: stops a system and its guest until somebody measures it.
system_hold()
{
    system_use "$1"
    # shellcheck disable=SC2046 # There may be no guest.
    kill -STOP "$(system_pid)" $(process_pid guest)
}

# system_release NAME: lets it go on.
system_release()
{
    system_use "$1"
    # shellcheck disable=SC2046
    kill -CONT "$(system_pid)" $(process_pid guest)
}

# system_argument NAME: prints what measure.py must know about the system.
system_argument()
{
    local pid thread guest guest_thread=''
    system_use "$1"
    pid=$(system_pid) && thread=$(system_thread "$pid") || return 1
    if guest=$(process_pid guest); then
        guest_thread=$(system_thread "$guest") || return 1
    fi
    echo "$1,$pid,$thread,$guest,$guest_thread,$VDPA_ENV/ctl"
}

# system_stop NAME: ends a system and gives everything back.
system_stop()
{
    local i
    system_use "$1"
    env_destroy
    unset "SYSTEM_ENV[$1]"
    for i in "${!SYSTEMS[@]}"; do
        [ "${SYSTEMS[$i]}" != "$1" ] || unset "SYSTEMS[$i]"
    done
}

# systems_stop: ends all of them.
systems_stop()
{
    local name
    for name in "${SYSTEMS[@]}"; do
        system_stop "$name"
    done
    SYSTEMS=()
}
