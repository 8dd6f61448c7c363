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

# What ./quickstart check says about the style of the sources.
#
# shellcheck shell=bash

# part_style: one test for each of these.
part_style()
{
    PACKAGES=shellcheck packages_install
    cd "$TOP" || exit 1
    step "shellcheck"
    style_shell > "$LOG.style" 2>&1
    style_count shellcheck $?
    step "checkpatch"
    style_c > "$LOG.style" 2>&1
    style_count checkpatch $?
    step "assertions"
    style_assertions > "$LOG.style" 2>&1
    style_count "the compiler of a newer suite" $?
    step "README.rst"
    style_readme > "$LOG.style" 2>&1
    style_count "what README.rst lists" $?
}

# style_count TOOL STATUS: counts a tool that ended with STATUS and whose
# complaints are in $LOG.style.
style_count()
{
    if [ "$2" -eq 0 ]; then
        passed 1
    else
        cat "$LOG.style" >&2
        failed 1 "$1 has complaints"
    fi
}

# style_shell: runs shellcheck over all of our shell.  What it need not say of
# any file is in .shellcheckrc.
style_shell()
{
    local files
    mapfile -t files < <(find bench dev drivers tests tools Documentation \
        -name '*.sh'; ls debian/tests/[!c]* debian/*.p[or]* \
        tools/dpdkvdpa-adopt)
    [ "${#files[@]}" -ge 10 ] || { echo "only ${#files[@]} files"; return 1; }
    shellcheck --color=never -f gcc quickstart .ci/run boot.sh \
        tests/atlocal.in "${files[@]}"
}

# style_c: runs Open vSwitch's checkpatch.py over lib/.  Its exit status counts
# errors only, but it has to have nothing to say about any of the files.  It
# takes a path in a string for a division, so it gets a copy without.
style_c()
{
    local files said dir
    mapfile -t files < <(find lib -name '*.[ch]')
    [ "${#files[@]}" -ge 10 ] || { echo "only ${#files[@]} files"; return 1; }
    dir=$(mktemp -d) || return 1
    tar -cf - "${files[@]}" | tar -C "$dir" -xf - \
        && cd "$dir" && sed -Ei ':a s,("[^"/ ]*)/([^" ]*"),\1_\2,; ta' \
            "${files[@]}" \
        && said=$(python3 "$OVS_SOURCE/utilities/checkpatch.py" \
                      -f "${files[@]}" 2>&1)
    cd "$TOP" && rm -rf "$dir"
    grep -vE '^($|== Checking|Lines checked: .*, no obvious)' <<< "$said"
    [ "$(grep -c ', no obvious problems found' <<< "$said")" \
        -eq "${#files[@]}" ]
}

# style_assertions: cmocka 2 deprecates what the older ones have no other name
# for, and only the suites of Debian that come last in a check would tell.
style_assertions()
{
    ! grep -nE 'assert_(not_)?in_range' tests/unit/*.[ch]
}

# style_readme: whoever builds by hand is told to install what quickstart does,
# and whoever looks for something in lib/ finds each of its files.
style_readme()
{
    local file status=0
    diff <(sed -n '/# apt-get install/,/[^\\]$/p' README.rst \
           | sed 's/.*install//; s/\\$//' | xargs -n 1 | sort) \
        <(xargs -n 1 <<< "$BUILD_PACKAGES" | sort) || status=1
    for file in lib/*.c lib/*/*.c; do
        grep -qE "[ /]${file##*/}" README.rst \
            || { echo "README.rst does not name $file"; status=1; }
    done
    return $status
}
