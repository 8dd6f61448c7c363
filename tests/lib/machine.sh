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

# Bash library: tests in a virtual machine, whose results, lines "ok NAME" or "FAILED
# NAME", vm_count() in dev/vm.sh counts.
#
# shellcheck shell=bash

# machine_test NAME: runs the function test_NAME; says how it went, and how long it
# took.  After a failure, the caller's machine_evidence() prints what may tell why.
machine_test()
{
    local begin=$SECONDS
    echo "### $1"
    if "test_$1"; then
        echo "ok $1"
    else
        echo "FAILED $1"
        machine_evidence
    fi
    echo "### $1 took $((SECONDS - begin)) s"
}
