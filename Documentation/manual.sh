#!/bin/sh
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

# manual.sh NAME SECTION WHAT VERSION FILE: prints a manual page with the text of
# FILE, which is in reStructuredText.  What precedes its first section becomes
# the description.  RST2MAN may name docutils' program.

set -eu

name=$1 section=$2 what=$3 version=$4 file=$5

# bar TEXT CHARACTER: prints CHARACTER as often as TEXT has characters.
bar()
{
    printf '%s\n' "$1" | tr '[:print:]' "$2"
}

# head_of_page: what a manual page begins with.
head_of_page()
{
    bar "$name" =
    printf '%s\n' "$name"
    bar "$name" =
    bar "$what" -
    printf '%s\n' "$what"
    bar "$what" -
    printf '\n:Manual section: %s\n:Manual group: Open vSwitch\n' "$section"
    printf ':Version: openvswitch-dpdkvdpa %s\n\n' "$version"
    printf 'Description\n-----------\n\n'
}

# body: the text, without the title and the table of contents.
body()
{
    awk '
        /^=+$/ && !begun { bars++; next }
        bars < 2 { next }
        { begun = 1 }
        /^\.\. contents::/ { contents = 1; next }
        contents && (/^ / || /^$/) { next }
        { contents = 0; print }' "$file"
}

# listed: has a list of terms for each table of two columns, as manual pages do,
# without its head.  Each line whose first column is not empty begins a row.  What
# has more columns stays as it looks.
listed()
{
    awk '
        function row(line,  term, text) {
            term = substr(line, 1, second - 1)
            sub(/ +$/, "", term)
            text = substr(line, second)
            if (term != "") print "\n" term
            print (text == "" ? "" : "    " text)
        }
        function table(  i) {
            print wide ? "\n::\n" : ""
            for (i = wide ? 1 : head + 1; i <= n; i++) {
                if (wide) print "    " rows[i]
                else row(rows[i])
            }
            print ""
        }
        # The last border has an empty line below it.
        border && $0 == "" {
            if (border == 2) head = 0
            table()
            n = head = border = 0
            print
            next
        }
        /^=+( +=+)+$/ {
            if (border++ == 0) {
                match($0, /^=+ +/)
                second = RLENGTH + 1
                wide = NF > 2
            } else if (border == 2) head = n
            next
        }
        border { rows[++n] = $0; next }
        { print }
        END { if (border) table() }'
}

# foot: what it ends with.
foot()
{
    others=
    for page in 'dpdkvdpa(7)' 'dpdkvdpa-top(1)' 'dpdkvdpa-adopt(8)' \
            'dpdkvdpa-simulated-nic(7)'; do
        [ "$page" = "$name($section)" ] || others="$others$page, "
    done
    cat <<END

See also
--------

${others}ovs-vswitchd.conf.db(5), ovs-vsctl(8), ovs-appctl(8)

What is called Documentation/ here is /usr/share/doc/dpdkvdpa-doc/ where the
package dpdkvdpa-doc is installed.
END
}

# titles: prints "TITLE<tab>title" for each title of the text.
titles()
{
    awk '/^-+$/ && length(last) == length($0) { print toupper(last) "\t" last }
         { last = $0 }' "$file"
}

# as_typed FILE: prints the page in FILE with titles in capital letters, which
# newer releases of docutils leave as they are, but for commands in them, which
# have the letters that have to be typed.
as_typed()
{
    titles | grep 'ovs-appctl ' | awk -F '\t' '
        list { typed[$1] = $2; next }
        /^\.SH / {
            title = substr($0, 5)
            gsub(/\\-/, "-", title)
            gsub(/"/, "", title)
            title = toupper(title)
            if (title in typed) {
                gsub(/-/, "\\-", typed[title])
                print ".SH \"" typed[title] "\""
                next
            }
            if (title !~ /\\/) $0 = toupper($0)
        }
        { print }' list=1 - list= "$1"
}

page=$(mktemp)
trap 'rm -f "$page"' EXIT
{ head_of_page; body | listed; foot; } | "${RST2MAN:-rst2man}" > "$page"
as_typed "$page"
