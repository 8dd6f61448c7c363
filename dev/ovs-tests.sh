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

# Open vSwitch's own tests, "make check" and "make check-dpdk" of its build,
# with our ovs-vswitchd in the place of the stock one: linking must not change
# Open vSwitch itself.
#
# What fails with ours is tried again by itself, as Open vSwitch's RECHECK does
# it, since some tests are in a hurry; and twice more, since others are good only
# with some of the numbers that they draw.  What then still fails, or was skipped, and
# each test that started our ovs-vswitchd, is run with the stock one, and must
# give the same there.  What passed with the stock one is remembered in the build
# of Open vSwitch, and is not run with it again as long as it passes with ours.
#
# shellcheck shell=bash

# What these tests want beside what Open vSwitch was built with.
OVS_TESTS_PACKAGES="curl lftp mount net-tools netcat-openbsd openssl
    python3-netaddr python3-pyparsing python3-pytest python3-setuptools
    python3-sortedcontainers tcpdump"

# Most memory in hugepages that a test of check-dpdk takes, in MB.
OVS_TESTS_MEMORY=2048

# part_openvswitch: both suites.  They run in the folder in which Open vSwitch
# was built, one run at a time on this machine, in an environment of their own:
# some of them connect to hosts outside, or make interfaces.
part_openvswitch()
{
    PACKAGES=$OVS_TESTS_PACKAGES packages_install
    exec 8> "$OVS_BUILD/tests.lock"
    flock 8
    logged "building the rest of Open vSwitch" \
        make -C "$OVS_BUILD" -j "$(nproc)" || {
        failed 1 "Open vSwitch's tests could not be built"
        exec 8>&-
        return
    }
    trap env_destroy EXIT
    if env_create ovs; then
        env_exec sysctl -q -w net.ipv6.conf.all.disable_ipv6=0 \
            net.ipv6.conf.default.disable_ipv6=0 \
            net.ipv6.conf.lo.disable_ipv6=0 || :
        ovs_suite check "-j$(nproc)"
        # Only now, for others may use what is free.
        if hugepages_take "$OVS_TESTS_MEMORY"; then
            ovs_suite check-dpdk -j1
        else
            failed 1 "there is no memory for Open vSwitch's \"make check-dpdk\""
        fi
    else
        failed 1 "there is no environment for Open vSwitch's tests"
    fi
    env_destroy
    trap - EXIT
    exec 8>&-
}

# ovs_suite TARGET JOBS: runs the suite that "make TARGET" of Open vSwitch runs
# and counts its tests.  In the suite's folder are "list", with number and name
# of each, and "ours" and "stock", with number, result and name.
ovs_suite()
{
    local target=$1 dir=$BUILD/tests/ovs-$1 status
    rm -rf "$dir" && mkdir -p "$dir" || exit 1
    ovs_suite_prepare "$target" "$dir" || {
        failed 1 "Open vSwitch's \"make $target\" has no list of tests"
        return
    }
    step "Open vSwitch's \"make $target\", with our ovs-vswitchd"
    ovs_suite_run "$target" "$dir" ours "$2"
    status=$?
    # What failed is told by the results, if they tell of any.
    [ -z "$(ovs_numbers "$dir/ours" FAILED)" ] || status=0
    for _ in 1 2 3; do
        ovs_suite_again "$target" "$dir" ours \
            "$(ovs_numbers "$dir/ours" FAILED)"
    done
    ovs_suite_users "$dir" > "$dir/users"
    ovs_suite_stock "$target" "$dir" "$2"
    ovs_suite_compare "$dir" > "$dir/compared"
    step "$(wc -l < "$dir/users") tests started our ovs-vswitchd"
    if ! [ -s "$dir/users" ] || ! grep -q ' ok$' "$dir/compared"; then
        failed 1 "no test was passed by our ovs-vswitchd: $dir/ours.out"
    fi
    suite_count "tests/ovs-$target/ours.out" "$status" \
        <(cut -f 1 "$dir/list") < <(cut -d ' ' -f 1,2 "$dir/compared")
}

# ovs_suite_prepare TARGET FOLDER: makes FOLDER/bin, with an ovs-vswitchd that
# is ours and takes note of where it is started in FOLDER/started; and the list.
ovs_suite_prepare()
{
    local dir=$2 options='--log-level=pmd\.\*:error'
    : > "$dir/started"
    : > "$dir/ours"
    : > "$dir/stock"
    mkdir "$dir/bin" && cat > "$dir/bin/ovs-vswitchd" <<EOF || return 1
#!/bin/sh
pwd >> '$dir/started'
exec '$VSWITCHD' "\$@"
EOF
    chmod +x "$dir/bin/ovs-vswitchd"
    # The tests of older ones would take the machine's NIC.
    sed -E "s/(dpdk-extra=)($options)/\\1\"\\2 --no-pci\"/" \
        "$OVS_SOURCE/tests/system-dpdk-testsuite" \
        > "$dir/system-dpdk-testsuite"
    ovs_suite_make "$1" "$dir" ours -l \
        | sed -nE 's/^ *([0-9]+): +[^ ]+:[0-9]+ +(.*[^ ]) *$/\1\t\2/p' \
        > "$dir/list"
    [ -s "$dir/list" ]
}

# What ovs_suite_make() runs in the environment, with processes of its own, as
# some tests kill by name: a path to Open vSwitch's build that is short, as those
# of sockets may have 107 characters; and hugepages and a run directory of DPDK's
# that an Open vSwitch of the machine does not share.
# shellcheck disable=SC2016 # It is for the shell that is called.
OVS_SUITE_SHELL='mkdir -p "$2/o" "$2/huge" /run/dpdk \
    && mount --bind "$1" "$2/o" && mount -t hugetlbfs none "$2/huge" \
    && mount -t tmpfs none /run/dpdk && cd "$2/o" && shift 2 && exec "$@"'

# ovs_suite_make TARGET FOLDER ours|stock FLAG...: has Open vSwitch's testsuite
# run.
ovs_suite_make()
{
    local target=$1 dir=$2 whose=$3 path
    shift 3
    # shellcheck disable=SC2016 # It is for make.
    path=$(printf 'include Makefile\nx: ; @echo $(AUTOTEST_PATH)\n' \
           | make -s -C "$OVS_BUILD" --no-print-directory -f - x) || return 1
    [ "$whose" = stock ] || path=$dir/bin:$path
    env_exec unshare --pid --fork --kill-child --mount-proc \
        sh -c "$OVS_SUITE_SHELL" sh "$OVS_BUILD" "$VDPA_ENV" \
        make "$target" TESTSUITEFLAGS="$*" AUTOTEST_PATH="$path" \
        SYSTEM_DPDK_TESTSUITE="$dir/system-dpdk-testsuite" \
        2>&1 </dev/null 8>&-
}

# ovs_suite_run TARGET FOLDER ours|stock FLAG...: runs tests of the suite and
# enters their results.
ovs_suite_run()
{
    local target=$1 dir=$2 whose=$3 status
    shift 3
    ovs_suite_make "$target" "$dir" "$whose" "$@" > "$dir/new.out"
    status=$?
    cat "$dir/new.out" >> "$dir/$whose.out"
    sed -nE '
        s/ +(ok|FAILED|skipped)( \([^()]*\))?$/\t\1/
        s/ +expected failure( \([^()]*\))?$/\tok/
        s/ +UNEXPECTED PASS$/\tFAILED/
        s/^ *([0-9]+): (.*)\t(.*)$/\1\t\3\t\2/p' "$dir/new.out" \
        | awk -F '\t' '!seen[$1]++' - "$dir/$whose" > "$dir/new" \
        && mv "$dir/new" "$dir/$whose"
    rm -f "$dir/new.out"
    return "$status"
}

# ovs_suite_stock TARGET FOLDER JOBS: runs with the stock one what is to be
# compared.  Where it gives something else it gets as many chances as ours.
ovs_suite_stock()
{
    local target=$1 dir=$2 known=$OVS_BUILD/stock-$1.ok numbers
    [ ! -f "$known" ] || cp "$known" "$dir/stock"
    numbers=$(ovs_unlike "$dir" | ovs_users "$dir")
    if [ -n "$numbers" ]; then
        step "$(wc -w <<< "$numbers") tests with the stock one"
        ovs_suite_run "$target" "$dir" stock "$3 $numbers"
    fi
    ovs_suite_again "$target" "$dir" stock \
        "$(ovs_numbers "$dir/ours" 'FAILED skipped')"
    for _ in 1 2 3; do
        ovs_suite_again "$target" "$dir" stock \
            "$(ovs_unlike "$dir" | ovs_users "$dir")"
    done
    awk -F '\t' '$2 == "ok"' "$dir/stock" > "$known"
}

# ovs_unlike FOLDER: prints the numbers of the tests that are ok with ours, and
# not with the stock one, one per line.
ovs_unlike()
{
    awk -F '\t' '
        FILENAME == ARGV[1] { result[$1] = $2; next }
        $2 == "ok" && result[$1] != "ok" { print $1 }' "$1/stock" "$1/ours"
}

# ovs_users FOLDER: prints those of the numbers that come in, on one line, whose
# tests start our ovs-vswitchd.
ovs_users()
{
    sort -n | grep -Fx -f "$1/users" | xargs
}

# ovs_suite_again TARGET FOLDER ours|stock NUMBERS: runs these tests, if any, one
# at a time.
ovs_suite_again()
{
    [ -n "$4" ] || return 0
    step "$(wc -w <<< "$4") tests by themselves, with $3"
    ovs_suite_run "$1" "$2" "$3" "-j1 $4"
}

# ovs_numbers FILE RESULTS: prints the numbers of the tests with such a result.
ovs_numbers()
{
    awk -F '\t' -v want=" $2 " 'index(want, " " $2 " ") { printf "%s ", $1 }' \
        "$1"
}

# ovs_suite_users FOLDER: prints the numbers of the tests that started our
# ovs-vswitchd, each of which has a folder.
ovs_suite_users()
{
    sed -nE 's,.*testsuite\.dir/(at-groups/)?0*([0-9]+)(/.*)?$,\2,p' \
        "$1/started" | sort -un
}

# ovs_suite_compare FOLDER: prints number and result of each test: ok if it is so
# with both, or runs no ovs-vswitchd; skipped if the stock one did the same with
# another result, or if the test runs no ovs-vswitchd, so that it is one that fails
# now and then; or FAILED.  Names what failed.
ovs_suite_compare()
{
    awk -F '\t' -v stock="$1/stock" -v users="$1/users" '
        BEGIN {
            while ((getline < stock) > 0) {
                result[$1] = $2
            }
            while ((getline < users) > 0) {
                uses[$1] = 1
            }
        }
        $2 == "ok" && (result[$1] == "ok" || !uses[$1]) {
            print $1, "ok"
            next
        }
        result[$1] == $2 {
            print $1, "skipped"
            if ($2 == "FAILED") {
                print "fails with the stock one, too: " $3 > "/dev/stderr"
            }
            next
        }
        $2 == "FAILED" && !uses[$1] && result[$1] == "ok" {
            print $1, "skipped"
            print "fails now and then, without ovs-vswitchd: " $3 \
                > "/dev/stderr"
            next
        }
        {
            print $1, "FAILED"
            print $2 " with ours, " (result[$1] ? result[$1] : "no result") \
                " with the stock one: " $3 > "/dev/stderr"
        }' "$1/ours"
}
