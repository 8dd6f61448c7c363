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

# Bash library: all the others, for whoever has set abs_top_srcdir to the top of
# the sources.
#
# shellcheck shell=bash

# shellcheck disable=SC2154 # As said.
for vdpa_library in util nic ovs guest guest-more libvirt testpmd frontend \
        traffic evidence check ovn; do
    . "$abs_top_srcdir/tests/lib/$vdpa_library.sh" || exit 1
done
