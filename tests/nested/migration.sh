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

# Stage migration: live migration of a guest between two ports with DPDK's ifc
#
# The guest is tools/vhost-user-frontend, which finds what was written and not logged.
#
# shellcheck shell=bash

# shellcheck disable=SC2154 # Set by who loads the libraries.
export FRONTEND=$abs_top_srcdir/vhost-user-frontend

# migration_moves [OPTION]... -- [ARGUMENT]...: moves a guest between them; all
# arguments are of the scenario "moves".
migration_moves()
{
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    frontend_run "${options[@]}" -d moves \
        "$VDPA_ENV/vdpa0.sock,$VDPA_ENV/vdpa1.sock" "$@" \
        && migration_lost_nothing 0 && migration_lost_nothing 1
}

# migration_lost_nothing I: vDPA device I could write to the log.
migration_lost_nothing()
{
    host vdpa "$1" stats | grep -x 'log_lost_pages 0'
}

test_migration_ports()
{
    lab_ifc_begin && lab_ifc_ports
}

test_migration_log()
{
    migration_moves -- 3 && [ "$(ovs_stat vdpa0 event_migration)" -eq 2 ]
}

# The guest stops and goes on in the middle of it.
test_migration_paused()
{
    migration_moves -- 3 0 1
}

test_migration_pairs()
{
    migration_moves -q 2 -- 2
}

test_migration_packed()
{
    migration_moves -p -- 3 && migration_moves -p -- 2 0 2
}

# migration_dropped: prints how many packets of its guest's the devices have dropped.
migration_dropped()
{
    { host vdpa 0 stats && host vdpa 1 stats; } \
        | awk '/^(q[0-9]+_)?drop_/ { n += $2 } END { print n + 0 }'
}

# migration_gives_up MOVES CANCELS: the same, and before each move it gives up some.
# What is lost meanwhile the devices know of.
migration_gives_up()
{
    local before lost log=$VDPA_ENV/moves.log
    before=$(migration_dropped)
    migration_moves -- "$@" > "$log"
    set -- $?
    cat "$log"
    lost=$(sed -n 's/^given up: \([0-9]*\) lost$/\1/p' "$log")
    echo "dropped: $(($(migration_dropped) - before))"
    [ "$1" -eq 0 ] && [ "$lost" -eq $(($(migration_dropped) - before)) ]
}

# Migrations that are given up before the one that is not.
test_migration_cancelled()
{
    migration_gives_up 3 2
}

# The log is the driver's.
test_migration_assisted()
{
    ovs-vsctl --timeout=60 del-port vdpa0 -- del-port vdpa1 \
        && lab_ifc_ports sw-live-migration=1 && migration_moves -- 3
}

test_migration_assisted_paused()
{
    migration_moves -- 2 0 2
}

test_migration_assisted_cancelled()
{
    migration_gives_up 2 2
}
