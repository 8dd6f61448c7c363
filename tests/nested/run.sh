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

# What the virtual machine of dev/nested.sh does: it runs the stages that the file
# "stages" names, each with an environment of its own (tests/lib/util.sh).  A stage
# is a file STAGE.sh with functions test_STAGE_WHAT(), which run in the order in
# which they are there; each begins where the one before it ended.

abs_top_srcdir=$PWD
. tests/lib/load.sh || exit
. tests/lib/machine.sh || exit
. tests/nested/lab.sh || exit

while read -r stage; do
    (lab_stage "$stage" < /dev/null)
done < stages
