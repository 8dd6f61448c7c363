#!/bin/bash
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

# Measures PMD threads that wait for work; see Documentation/benchmarks.rst.

set -u

usage()
{
    cat <<USAGE
usage: sleep.sh [PORTS [PACKETS]]

With pmd-sleep-max=10000, prints which part of a core the PMD thread of so many
quiet ports (default: 10) takes, and how long a packet takes after a silence, of
so many (default: 200), in microseconds:

  - from a guest to Open vSwitch and back to it
  - from a guest to another one, whose port another PMD thread has

and, to compare, how long this machine takes to wake a thread on an idle core that
waits for an eventfd, and for nothing else.  Ways of packets are told each in all,
until the guest had its descriptor back, which is the way from a guest,
and from then on.  The first thread has a core to itself, the second shares one
with the guests; so the way from a guest is what a thread on a free core takes.

It needs root, 2 cores and 3 GB of memory for hugepages, and takes 6 minutes.
A silence lasts up to SILENCE ms, a variable in the environment (default: 1000),
and QUEUES is that for the queues of a VF (default: 1).  VSWITCHD may name another
ovs-vswitchd than that of this folder.
USAGE
}

case ${1-} in
-*) usage; exit ;;
esac
PORTS=${1-10}
PACKETS=${2-200}
: "${SILENCE:=1000}"
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
# shellcheck source=/dev/null
. "${BUILDDIR:-$HERE}/tests/atlocal" || exit 1

# More VFs than the tests have.  QUEUES is how many queues each has.
: "${QUEUES:=1}"
nic_sim_pf()
{
    echo "net_simpf0,vfs=$PORTS,queues=$QUEUES,wire=none"
}

die()
{
    say "sleep.sh: $*"
    exit 1
}

finish()
{
    trap '' INT TERM HUP
    env_destroy
}

# ramp: waits until Open vSwitch has PMD threads sleep as long as they may, which
# it approaches by 1 us in each iteration.
ramp()
{
    ovs-appctl dpif-netdev/pmd-stats-clear >/dev/null
    wait_until -t 200 "test \$(ovs_pmd_perf Iterations) -gt $((10500 * $1))"
}

# pmd_ticks: prints the processor time of the PMD threads, in ticks.
pmd_ticks()
{
    local task
    for task in /proc/"$(process_pid ovs-vswitchd)"/task/*; do
        if grep -q '^pmd-' "$task/comm"; then
            cut -d ' ' -f 14,15 "$task/stat"
        fi
    done | awk '{ sum += $1 + $2 } END { print sum }'
}

# quiet SECONDS: prints the share of a core that the PMD threads take.
quiet()
{
    local begin from
    from=$(pmd_ticks)
    begin=${EPOCHREALTIME/./}
    sleep "$1"
    awk -v ticks=$(($(pmd_ticks) - from)) -v hz="$(getconf CLK_TCK)" \
        -v us=$((${EPOCHREALTIME/./} - begin)) \
        'BEGIN { printf "%.2f %% of a core\n", 100 * ticks / hz / (us / 1e6) }'
}

[ -x "$HERE/bench/wake-time" ] || die "no bench/wake-time: make bench-programs"
sockets=
trap finish EXIT
trap 'exit 1' INT TERM HUP
: "${VDPA_OVS_MEMORY:=2560}"
env_create ovs-dpdkvdpa-sleep || die "no environment"
# shellcheck disable=SC2046 # Several words.
if ! { ovs_start $(ovs_sleep_keys 10000) && ovs_bridge br0 192.0.2.1/24; }
then
    die "Open vSwitch does not start"
fi
for ((i = 0; i < PORTS; i++)); do
    if ! { nic_create "$i" && check_add "vdpa$i" "$i" && ovs_port_ok "vdpa$i"; }
    then
        die "no port vdpa$i"
    fi
    sockets+=,$VDPA_ENV/vdpa$i.sock
done
ovs-ofctl add-flow br0 in_port=vdpa0,actions=in_port
frontend_start guests firsts "${sockets#,}"
for ((i = 0; i < PORTS; i++)); do
    check_status "vdpa$i" vm_connected true || die "no guest at vdpa$i"
done
ramp 1 || die "the PMD thread does not sleep"
echo "$PORTS quiet ports: $(quiet 10)"
frontend_stop guests >/dev/null
echo "to wake a thread, us: $("$HERE/bench/wake-time" 0 1)"

echo "from a guest and back to it:"
frontend_run singles "$VDPA_ENV/vdpa0.sock" "$PACKETS" "$SILENCE" \
    || die "packets were lost"
ovs-appctl dpdkvdpa/show vdpa0 | grep -E 'waited|woken'

ovs-ofctl add-flow br0 in_port=vdpa0,actions=output:vdpa1
ovs-vsctl set Open_vSwitch . other_config:pmd-cpu-mask=0x3 \
    -- set Interface vdpa0 other_config:pmd-rxq-affinity=0:1 \
    -- set Interface vdpa1 other_config:pmd-rxq-affinity=0:0
ramp 2 || die "the PMD threads do not sleep"
echo "from a guest to another one:"
frontend_run singles "$VDPA_ENV/vdpa0.sock,$VDPA_ENV/vdpa1.sock" "$PACKETS" \
    "$SILENCE" || die "packets were lost"
ovs-appctl dpdkvdpa/show | grep -E 'waited|woken'
