#!/usr/bin/env python3
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

"""Turns the lines that bench/scale.sh wrote into a table."""

import statistics
import sys

MB = 1024 * 1024

# What is printed: what it is called, how it follows from a run, how it is
# written, and what was to be reached.
ROWS = (
    ("ovs-vsctl add-port, median, ms", lambda r: r.median("added"), "%.1f",
     "50"),
    ("ovs-vsctl add-port, longest, ms", lambda r: max(r.added), "%.1f", ""),
    ("until the first packet, median, ms", lambda r: r.median("first"),
     "%.1f", ""),
    ("iteration per port, cycles", lambda r: r.cycles / r.ports, "%.1f",
     "as with ten"),
    ("main thread, % of a core", lambda r: r.main / 1e7, "%.2f", "1"),
    ("main thread, rounds per second", lambda r: r.rounds, "%.1f", ""),
    ("hugepages per port but the first, MB", lambda r: r.grown(0), "%.2f", ""),
    ("of which for packets of VFs, MB", lambda r: r.grown(1), "%.2f", "10"),
    ("other memory per port, MB", lambda r: r.grown(2), "%.2f", ""),
)


class Run:
    """What was measured with so many ports."""

    def __init__(self, ports):
        self.ports = ports
        self.added, self.first, self.memory = [], [], []

    def median(self, what):
        return statistics.median(getattr(self, what))

    def grown(self, i):
        before, after = self.memory
        return (after[i] - before[i]) / (self.ports - 1) / MB


def read(lines):
    runs = []
    for line in lines:
        what, *words = line.split()
        values = [float(word) for word in words]
        if what == "ports":
            runs.append(Run(int(values[0])))
        elif what == "add":
            runs[-1].added.append(values[1] / 1000)
            runs[-1].first.append(values[2] / 1000)
        elif what == "memory":
            runs[-1].memory.append(values)
        elif what == "quiet":
            runs[-1].cycles, runs[-1].main, runs[-1].rounds = values
    return runs


def main():
    with open(sys.argv[1]) as f:
        runs = read(f)
    print("%-36s" % "quiet ports"
          + "".join("%10d" % run.ports for run in runs) + "   to be reached")
    for name, value, form, target in ROWS:
        print("%-36s" % name
              + "".join("%10s" % (form % value(run)) for run in runs)
              + (("   " + target) if target else ""))


if __name__ == "__main__":
    main()
