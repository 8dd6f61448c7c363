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

"""Draws what bench/report.py has read, by gnuplot: all pictures that
Documentation/benchmarks.rst shows, of what was measured."""

import os
import shutil
import subprocess
import sys

NAMES = ("cycles-guest-to-vf", "cycles-vf-to-guest", "cycles-tcp",
         "cycles-lent", "cycles-ports", "round-trip")

COLORS = {"ours": "#1b7837", "testpmd": "#2166ac", "switching": "#b2182b",
          "floor": "#999999"}
MORE_COLORS = ("#1b7837", "#7fbf7b")    # Of other columns.


class Pictures:
    def __init__(self, results, out):
        self.results = results
        self.out = out

    def gnuplot(self, name, commands, data, plot):
        """Runs gnuplot on lines of 'data', which 'plot' calls $data."""
        script = ["set terminal svg size 720,400 background '#ffffff'",
                  "set output '%s'" % os.path.join(self.out, name + ".svg"),
                  "set grid ytics", "set border 3", "set tics nomirror",
                  *commands, "$data << EOD", *data, "EOD", plot]
        subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True,
                       check=False)

    def bars(self, name, title, unit, columns, rows, commands=()):
        """A cluster of bars for each of 'rows': a label, and a number or None
        for each of 'columns'."""
        if not rows:
            return
        data = ["\"%s\" %s" % (label, " ".join(
            "NaN" if v is None else "%f" % v for v in values))
            for label, values in rows]
        plots = ["$data using %d:xtic(1) linecolor rgb '%s' title '%s'"
                 % (i + 2, COLORS.get(c, MORE_COLORS[i % 2]), c)
                 for i, c in enumerate(columns)]
        self.gnuplot(name, ["set title '%s'" % title, "set ylabel '%s'" % unit,
                            "set yrange [0:*]", "set style data histogram",
                            "set style histogram clustered gap 1",
                            "set style fill solid 0.9 noborder",
                            "set key outside bottom center horizontal",
                            "set xtics rotate by -20",
                            *commands], data, "plot " + ", ".join(plots))

    def median(self, key, system, field):
        rows = self.results.points.get(key, {}).get(system, {})
        values = sorted(r[field] for r in rows.values() if field in r)
        return values[len(values) // 2] if values else None

    def cycles(self, direction):
        """Lines over the lengths of packets."""
        sizes = sorted(int(k[1]) for k in self.results.points
                       if k[0] in ("base", "jumbo") and k[2] == direction
                       and k[1].isdigit())
        if len(sizes) < 2:
            return
        systems = ("ours", "testpmd", "switching", "floor")
        data = []
        for size in sizes:
            stage = "jumbo" if size > 1500 else "base"
            values = [self.median((stage, str(size), direction, ""), s,
                                  "cycles") for s in systems]
            data.append("%d %s" % (size, " ".join(
                "NaN" if v is None else "%f" % v for v in values)))
        plots = ["$data using 1:%d with linespoints linewidth 2 "
                 "linecolor rgb '%s' title '%s'" % (i + 2, COLORS[s], s)
                 for i, s in enumerate(systems)]
        self.gnuplot("cycles-" + direction,
                     ["set title 'Busy cycles per packet, %s'" % direction,
                      "set xlabel 'bytes'", "set ylabel 'cycles'",
                      "set yrange [0:*]", "set logscale x 2",
                      "set key top left"],
                     data, "plot " + ", ".join(plots))

    def tcp(self):
        systems = ("ours", "testpmd", "switching")
        rows = []
        for key in self.results.stage("tcp-like"):
            values = [self.median(key, s, "cycles") for s in systems]
            if values[1]:
                rows.append(("%s %s" % ("from" if key[2] == "guest-to-vf"
                                        else "to", key[1]),
                             [v and v / values[1] for v in values]))
        self.bars("cycles-tcp", "TCP from and to a guest: busy cycles per "
                  "packet, testpmd = 1", "ratio", systems, rows)

    def lent(self):
        """What is lent beside what is copied: numbers over the lengths, and
        as far from each other as their ratios."""
        systems = (("zero_copy", "lent", COLORS["ours"]),
                   ("ours", "copied", MORE_COLORS[1]),
                   ("testpmd", "testpmd", COLORS["testpmd"]))
        keys = sorted((k for k in self.results.stage("zero-copy")
                       if k[1].isdigit()), key=lambda k: int(k[1]))
        data = ["%s %s" % (key[1], " ".join(
            "NaN" if v is None else "%f" % v
            for v in (self.median(key, s, "cycles") for s, _, _ in systems)))
            for key in keys]
        if len(data) < 2:
            return
        plots = ["$data using 1:%d with linespoints linewidth 2 "
                 "linecolor rgb '%s' title '%s'" % (i + 2, color, title)
                 for i, (_, title, color) in enumerate(systems)]
        self.gnuplot("cycles-lent",
                     ["set title 'Packets that are lent: busy cycles per "
                      "packet from the guest'",
                      "set xlabel 'bytes'", "set ylabel 'cycles'",
                      "set logscale x 2", "set logscale y 2",
                      "set yrange [16:*]", "set key top left"],
                     data, "plot " + ", ".join(plots))

    def ports(self):
        directions = ("guest-to-vf", "vf-to-guest")
        rows = []
        for system in ("one", "four", "ten"):
            values = [self.median(("ports", "64", d, ""), system, "cycles")
                      for d in directions]
            if any(values):
                rows.append((system, values))
        self.bars("cycles-ports", "Ports on one PMD thread: busy cycles per "
                  "packet of 64 bytes", "cycles", directions, rows)

    def round_trip(self):
        systems = ("ours", "testpmd")
        rows = []
        for key in sorted(self.results.stage("latency"), key=lambda k: k[3]):
            for field in ("p50", "p99"):
                rows.append(("%s, %d %%" % (field, key[3]),
                             [self.median(key, s, field) for s in systems]))
        self.bars("round-trip", "Round trip by way of the guest",
                  "microseconds", systems, rows,
                  ["set logscale y", "set yrange [0.1:*]"])

    def draw(self):
        if not shutil.which("gnuplot"):
            print("no pictures: gnuplot is not installed", file=sys.stderr)
            return
        self.cycles("guest-to-vf")
        self.cycles("vf-to-guest")
        self.tcp()
        self.lent()
        self.ports()
        self.round_trip()
