#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a port may say, in status:config_error or as an event, stands in
# Documentation/reference.rst, and no event that there is none of.

: "${srcdir:=.}"
. "$srcdir/tests/lib/cases.sh" || exit 1
reference=$srcdir/Documentation/reference.rst
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# A string of C, and one of several pieces, maybe with a macro between two.
string='"([^"\\]|\\.)*"'
strings="$string( *([A-Za-z0-9_]+ *)?$string)*"

# section TITLE: what is quoted in lines of the reference that begin so, in the
# section of that title.
section()
{
    awk -v title="$1" '
        /^-+$/ { on = last == title }
        on && last ~ /^``/ {
            n = split(last, part, "``")
            for (i = 2; i <= n; i += 2) print part[i]
        }
        { last = $0 }' "$reference"
}

# sources: the rooms of a port, in one line.
sources()
{
    cat "$srcdir"/lib/port/*.c | tr '\n' ' '
}

# pieces: joins what 'strings' matched, without quotes; a macro is a %s.
pieces()
{
    sed -E 's/^[^"]*"//; s/"$//; s/"  *"//g;
            s/([^\\])" *[A-Za-z0-9_]+ *"/\1%s/g; s/\\"/"/g'
}

# options: what of the user's may be wrong, by which a text of config_error
# begins: as a text, or as a name that is put before one.
options()
{
    (cd "$srcdir/lib" &&
     grep -hvE 'vdpa_port_event(_of)?\(' port/*.c accel/*.c vhost/vm.c \
         netdev-dpdk-vdpa.c |
         grep -oE '"[a-z]+([-_][a-z]+)+(: | is %s;)' &&
     grep -ohE '"[a-z]+([-_][a-z]+)+"' port/options.c port/policing.c) |
        grep -oE '[a-z_-]+' | grep -E '[-_]' | sort -u
}

# others: how other texts begin that are set as a reason.
others()
{
    sources |
        grep -oE 'vdpa_port_set_reason\([^;]*[(,] *xasprintf\('"$strings" |
        grep -oE "$strings\$" | pieces |
        grep -vE '^([a-z]+[-_])+[a-z]+:' | sed -E 's/ *[:(%].*//'
}

events()
{
    sources | grep -oE "vdpa_port_event(\(port|_of\(port, [^\"]*), *$strings" \
        | pieces
}

# counters: the names of counters of events, of which there is a list.
# shellcheck disable=SC2016 # It is no shell.
counters()
{
    sed -nE 's/^ *EVENT_KIND\([A-Z_]+, ([a-z_]+),.*/``event_\1``/p' \
        "$srcdir/lib/port/events.h"
}

# nothing COMMAND...: fails if it prints something.
nothing()
{
    ! "$@" | grep .
}

# unmatched WHICH: those lines of the file "$tmp/events", or of "$tmp/quoted",
# to which none of the other file fits.  What is quoted may end in " ...".
unmatched()
{
    awk -v which="$1" '
        function re(s) {
            gsub(/[.()+?*]/, "[&]", s)
            gsub(/%#?%?[a-z]*/, ".+", s)
            return "^" s "$"
        }
        function fits(event, quoted,    n, i, word, part) {
            if (quoted !~ / [.][.][.]$/) return quoted ~ re(event)
            quoted = substr(quoted, 1, length(quoted) - 4)
            n = split(event, word, " ")
            for (i = 1; i <= n; i++) {
                part = part (i > 1 ? " " : "") word[i]
                if (quoted ~ re(part)) return 1
            }
            return 0
        }
        NR == FNR { event[$0]; next }
        { quoted[$0] }
        END {
            for (e in event) for (q in quoted) if (fits(e, q)) {
                seen[e]
                seen[q]
            }
            if (which == "events") {
                for (e in event) if (!(e in seen)) print "no word of: " e
            } else {
                for (q in quoted) if (!(q in seen)) print "no event: " q
            }
        }' "$tmp/events" "$tmp/quoted"
}

# new_reasons: what of a reason has no word in the reference.
new_reasons()
{
    grep -vxFf "$tmp/reasons" "$tmp/begins"
}

counters_without_word()
{
    counters > "$tmp/counters"
    grep -c . "$tmp/counters" | grep -qxE '[1-9][0-9]' || echo "few counters"
    while read -r name; do
        grep -qF -- "$name" "$reference" || echo "no word of: $name"
    done < "$tmp/counters"
}

# other_pictures: what a picture does not say, and its source does.
other_pictures()
{
    for dot in "$srcdir"/Documentation/images/*.dot; do
        svg=${dot%.dot}.svg
        grep -oE 'label="[^"]+"' "$dot" | sed 's/^label="//; s/"$//' \
            | sed 's/\\[nl]/\n/g' | sed 's/^ *//; /^$/d' > "$tmp/labels"
        [ "$(wc -l < "$tmp/labels")" -ge 10 ] || echo "few labels in $dot"
        sed "s/&#39;/'/g; s/&#45;/-/g; s/&#160;/ /g" "$svg" > "$tmp/svg"
        while read -r label; do
            grep -qF -- "$label<" "$tmp/svg" \
                || echo "not in $svg: $label (make images)"
        done < "$tmp/labels"
    done
}

# not_found: whether some of them were not found.
not_found()
{
    n=$(sources | grep -oE 'vdpa_port_event(_of)?\(port,' | wc -l)
    [ "$n" -ge 20 ] && [ "$n" -eq "$(wc -l < "$tmp/events")" ] \
        || echo "$n events, not those of which the text was found"
    [ "$(wc -l < "$tmp/begins")" -ge 18 ] || echo "few texts were found"
}

section 'What config_error says' > "$tmp/reasons"
{ options; others; } > "$tmp/begins"
events > "$tmp/events"
section 'Events' > "$tmp/quoted"

echo '[==========] Running 6 test(s).'
case_of config_error nothing new_reasons
case_of events nothing unmatched events
case_of no_other_events nothing unmatched quoted
case_of counters nothing counters_without_word
case_of pictures nothing other_pictures
case_of all_found nothing not_found
exit "$status"
