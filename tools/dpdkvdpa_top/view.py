# SPDX-License-Identifier: Apache-2.0
#
# What is shown in a terminal, in lines of text.

import time

from .answers import visible
from .rates import DIRECTIONS, total


def short(value, unit=1000):
    """Returns a number in at most 6 characters."""
    if value is None:
        return "-"
    for suffix in ("", "k", "M", "G", "T", "P"):
        if value < unit * 0.9995:
            return (("%.0f%s" if value >= 99.95 or not suffix else "%.1f%s")
                    % (value, suffix))
        value /= unit
    return "%.0fE" % value


def percent(value):
    return "-" if value is None else "%.0f%%" % (100 * value)


class Column:
    def __init__(self, title, width, text, key):
        self.title, self.width, self.text, self.key = title, width, text, key

    def cell(self, port):
        text = str(self.text(port))
        return (text[:self.width].ljust(self.width) if self.width > 8
                else text[:self.width].rjust(self.width))


def flow(called, what):
    return lambda p: p[called][what]


def number(f):
    """A key to sort by: what is not known comes last."""
    return lambda p: -1 if f(p) is None else f(p)


def flow_column(title, called, what):
    f = flow(called, what)
    return Column(title, 7, lambda p: short(f(p)), number(f))


COLUMNS = [
    Column("PORT", 15, lambda p: p["name"], lambda p: p["name"]),
    Column("MODE", 4, lambda p: p["mode"] or "-", lambda p: p["mode"] or ""),
    Column("GUEST", 5, lambda p: "yes" if p["guest"] else "no",
           lambda p: p["guest"]),
    Column("QP", 3, lambda p: p["queue_pairs"], lambda p: p["queue_pairs"]),
    flow_column("<pps", "from_guest", "packets_per_second"),
    flow_column("<bit/s", "from_guest", "bits_per_second"),
    flow_column("<drop/s", "from_guest", "dropped_per_second"),
    flow_column(">pps", "to_guest", "packets_per_second"),
    flow_column(">bit/s", "to_guest", "bits_per_second"),
    flow_column(">drop/s", "to_guest", "dropped_per_second"),
    Column("PMD", 5, lambda p: "-" if p["pmd_percent"] is None
           else "%d%%" % p["pmd_percent"],
           number(lambda p: p["pmd_percent"])),
    Column("WALK", 5, lambda p: percent(p["walked_share"]),
           number(lambda p: p["walked_share"])),
    Column("MEM", 5, lambda p: percent(p["memory_share"]),
           number(lambda p: p["memory_share"])),
    Column("STATE", 20, lambda p: state(p), lambda p: state(p)),
]

HELP = """\
dpdkvdpa-top shows what the relays of dpdkvdpa ports move.

  <       from the guest        >  to the guest
  PMD     share of PMD threads, of the last minute
  WALK    packets that did not go by DPDK's vhost library
  MEM     of the memory for packets, by all ports of the pool
  STATE   what is wrong, if anything is

  up, down   choose the port of which the lower half tells more
  s, S       sort by the next column, or the one before
  r          turn the order round
  /          show only ports whose names contain a text; ESC ends that
  g          show only ports with a guest, or all
  + -        longer or shorter interval
  space      stop, go on
  h, ?       this help
  q          end

Any key goes back."""


def state(port):
    if port["error"]:
        return "error"
    if port["stalled"]:
        return "stalled"
    return "" if port["guest"] else "no guest"


def moment(seconds):
    """Returns when that was, since 1970, in the machine's time zone."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "????-??-?? ??:??:??"


def sum_line(ports):
    """Returns the sums over all ports, in a line."""
    parts = []
    for _, called in DIRECTIONS:
        parts.append("%s %s pps %s bit/s" % (
            called.replace("_", " "),
            short(total(p[called]["packets_per_second"] for p in ports)),
            short(total(p[called]["bits_per_second"] for p in ports))))
    return "%d ports, %d guests;  %s" % (
        len(ports), sum(p["guest"] for p in ports), ";  ".join(parts))


def detail(port):
    """Returns the lines that tell more of a port."""
    lines = [port["name"]]
    if port["error"]:
        lines.append("  error: " + port["error"])
    if port["stalled"]:
        lines.append("  stalled: " + port["stalled"])
    for _, called in DIRECTIONS:
        drops = port[called]["drops_per_second"]
        lines.append("  dropped %s: %s" % (
            called.replace("_", " "),
            ", ".join("%s %s/s" % (reason, short(rate)) for reason, rate
                      in sorted(drops.items(), key=lambda d: -d[1]))
            or "nothing"))
    if port["vf_lost_per_second"]:
        lines.append("  lost by the VF: " + ", ".join(
            "%s %s/s" % (kind, short(rate)) for kind, rate
            in sorted(port["vf_lost_per_second"].items())))
    counts = {k: n for k, n in port["events"].items() if n}
    lines.append("  events: " + (", ".join(
        "%s %d" % (kind.replace("_", " "), n)
        for kind, n in counts.items()) or "none"))
    for event in port["last_events"]:
        lines.append("    %s  %s" % (moment(event["when"]), event["what"]))
    return lines


class View:
    """What the user chose, and what follows from it; without a terminal."""

    def __init__(self, interval):
        self.interval = interval
        self.sort = 0
        self.reverse = False
        self.filter = ""
        self.guests_only = False
        self.chosen = None
        self.paused = False

    def pick(self, ports):
        """Returns those of 'ports' that are shown, in order."""
        ports = [p for p in ports if self.filter in p["name"]
                 and (p["guest"] or not self.guests_only)]
        ports.sort(key=lambda p: p["name"])
        key = COLUMNS[self.sort].key
        # Names begin with the first, numbers with the largest.
        descending = (self.sort != 0) != self.reverse
        ports.sort(key=key, reverse=descending)
        names = [p["name"] for p in ports]
        if self.chosen not in names:
            self.chosen = names[0] if names else None
        return ports

    def move(self, ports, step):
        names = [p["name"] for p in ports]
        if self.chosen in names:
            i = names.index(self.chosen) + step
            self.chosen = names[min(max(i, 0), len(names) - 1)]

    def key(self, key, ports):
        """Does what a key asks for, but for those that change the screen."""
        if key in ("s", "S"):
            self.sort = (self.sort + (1 if key == "s" else -1)) % len(COLUMNS)
        elif key == "r":
            self.reverse = not self.reverse
        elif key == "g":
            self.guests_only = not self.guests_only
        elif key == " ":
            self.paused = not self.paused
        elif key == "+":
            self.interval = min(self.interval * 2, 60)
        elif key == "-":
            self.interval = max(self.interval / 2, 0.5)
        elif key == "\033":
            self.filter = ""
        elif key == "up":
            self.move(ports, -1)
        elif key == "down":
            self.move(ports, 1)

    def lines(self, ports, width, height):
        """Returns the lines of the table and below it, each with whether it
        is to stand out."""
        title = " ".join(c.title[:c.width].ljust(c.width) if c.width > 8
                         else c.title.rjust(c.width) for c in COLUMNS)
        mark = COLUMNS[self.sort].title + ("^" if self.reverse else "")
        lines = [("%s;  sorted by %s%s" % (
            sum_line(ports), mark,
            ";  only *%s*" % self.filter if self.filter else ""), False),
            ("", False), (title, True)]
        shown = self.pick(ports)
        room = max(height - len(lines) - 8, 3)
        at = [p["name"] for p in shown].index(self.chosen) if shown else 0
        first = max(0, min(at - room // 2, len(shown) - room))
        for port in shown[first:first + room]:
            lines.append((" ".join(c.cell(port) for c in COLUMNS),
                          port["name"] == self.chosen))
        lines.append(("", False))
        for port in shown:
            if port["name"] == self.chosen:
                lines += [(line, False) for line in detail(port)]
        return [(visible(line)[:width - 1], bold)
                for line, bold in lines[:height]]
