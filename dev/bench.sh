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

# ./quickstart bench: how fast a port is, beside what else could do its work.
#
# shellcheck shell=bash

usage_bench()
{
    cat <<USAGE
usage: ./quickstart bench [--quick] [OPTION]...

Measures a dpdkvdpa port beside dpdk-testpmd, beside Open vSwitch that switches
between a dpdkvhostuserclient and a dpdk port, and beside rte_vhost alone, and
prints a table.  All of it takes less than 20 minutes, --quick less than 3.
Leave the machine alone meanwhile.

--stage scale, what many quiet ports cost, is not a part of that: it builds a
DPDK with room for them, which takes some minutes at the first time, and then
needs 4 GB of memory for hugepages and two minutes.

USAGE
    bash "$TOP/bench/bench.sh" --help | sed '1,2d'
}

command_bench()
{
    local arg
    for arg in "$@"; do
        case $arg in
        --help|-h) usage_bench; exit 0 ;;
        esac
    done
    needs_root
    PACKAGES+=" gnuplot-nox"
    build
    needs_nic
    logged "building the benchmarks" make -C "$BUILD" bench-programs \
        || die_log
    [[ " $* " != *" --stage scale "* ]] || scale_build
    BENCH_COMMAND="./quickstart bench $*" BENCHDIR=$BUILD/bench \
        exec bash "$TOP/bench/bench.sh" "$@"
}
