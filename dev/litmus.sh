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

# The litmus tests, tests/litmus, which "make check" runs if herd7 is there.
#
# shellcheck shell=bash

# litmus_prepare: installs herd7 if this suite of Debian has it; sid does.
litmus_prepare()
{
    if apt-cache show herdtools7 > /dev/null 2>&1; then
        PACKAGES=herdtools7 packages_install
    fi
}
