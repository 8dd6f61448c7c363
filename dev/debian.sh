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

# Which Debian this is.
#
# shellcheck shell=bash

# The suites of Debian that we know.
SUITES="bookworm trixie sid"

# suite_known SUITE: succeeds if we know it.
suite_known()
{
    [[ " $SUITES " = *" $1 "* ]]
}

# suite_here: prints the suite that this machine runs, or what else it runs.
# The name in os-release is the next release's as long as that is sid.
suite_here()
(
    ID='' VERSION_CODENAME='' VERSION_ID=''
    . /etc/os-release 2>/dev/null
    if [ "$ID" != debian ]; then
        echo "${ID:-no Debian}${VERSION_ID:+ $VERSION_ID}"
    elif grep -qs '/sid$' /etc/debian_version; then
        echo sid
    else
        echo "${VERSION_CODENAME:-Debian without a name}"
    fi
)

# needs_root: ends unless we are root on a Debian that we know.
needs_root()
{
    suite_known "$(suite_here)" || die "this machine runs $(suite_here)," \
        "and quickstart knows Debian's suites $SUITES only.  For a build by" \
        "hand (README.rst, \"Building by hand\") install what these packages" \
        "of Debian's hold: $(xargs <<< "$BUILD_PACKAGES")"
    [ "$(id -u)" -eq 0 ] \
        || die "this needs root: try \"sudo ./quickstart $COMMAND\""
}
