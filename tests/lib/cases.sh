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
#
# Unit tests in shell: what is printed is as cmocka's, so that their cases are
# counted with the other tests.
#
# shellcheck shell=bash

# The caller's exit status in the end.
status=0

# case_of NAME COMMAND...: a case.
case_of()
{
    local name=$1
    shift
    printf '[ RUN      ] %s\n' "$name"
    if "$@"; then
        printf '[       OK ] %s\n' "$name"
    else
        printf '[  FAILED  ] %s\n' "$name"
        # shellcheck disable=SC2034 # The caller's.
        status=1
    fi
}
