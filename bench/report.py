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

"""Turns the lines that bench/measure.py wrote into a table, results.json, and
pictures if gnuplot is there; compares with what was to be reached and with
what was recorded before."""

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys

import pictures

SYSTEMS = ("ours", "testpmd", "switching", "floor")
OTHERS = ("testpmd", "switching", "floor")

# How much worse than recorded a ratio may be.
TOLERANCE = 1.15


def spread(values):
    return {"median": statistics.median(values), "min": min(values),
            "max": max(values), "n": len(values)}


def key_of(row):
    return (row["stage"], row.get("size", ""), row.get("direction", ""),
            row.get("load", ""))


# A cache line takes so many times as long if the host has moved a virtual core.
MOVED = 2


class Results:
    """Rows by what was measured, system and round."""

    def __init__(self, path):
        self.points = {}
        with open(path) as f:
            for line in f:
                row = json.loads(line)
                systems = self.points.setdefault(key_of(row), {})
                systems.setdefault(row["system"], {})[row["round"]] = row

    def far(self):
        """Spread of how far the two cores were from each other."""
        values = [r["far"] for systems in self.points.values()
                  for rows in systems.values() for r in rows.values()
                  if "far" in r]
        return spread(values) if values else None

    def stage(self, name):
        return {k: v for k, v in self.points.items() if k[0] == name}

    def get(self, stage, size, direction, system, field):
        """Spread of a field, None if it was not measured."""
        rows = self.points.get((stage, size, direction, ""), {}).get(system)
        values = [r[field] for r in (rows or {}).values() if field in r]
        return spread(values) if values else None

    def ratio(self, key, a, b, field="cycles"):
        """Spread of the ratios of two systems, each within one round."""
        left = self.points.get(key, {}).get(a, {})
        right = self.points.get(key, {}).get(b, {})
        values = [left[n][field] / right[n][field]
                  for n in left if n in right
                  and field in left[n] and right[n].get(field)]
        return spread(values) if values else None


def far_text(s):
    """A sentence on how far the cores were from each other."""
    text = ("A cache line went from one core to the other and back in %d "
            "cycles\n(%d..%d)." % (s["median"], s["min"], s["max"]))
    if s["max"] >= MOVED * s["min"]:
        text += ("  So the host has moved the cores meanwhile, and figures of "
                 "\ndifferent rounds cannot be compared.")
    return text.replace(" \n", "\n")


# Table
# =====

def cell(s, digits=1):
    if s is None:
        return "-"
    return "%.*f (%.*f..%.*f)" % (digits, s["median"], digits, s["min"],
                                  digits, s["max"])


def table(header, rows):
    """Returns the lines of a table."""
    widths = [max(len(r[i]) for r in [header] + rows)
              for i in range(len(header))]
    rule = "  ".join("-" * w for w in widths)
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip()
             for row in [header] + rows]
    return [lines[0], rule] + lines[1:]


def print_table(header, rows):
    print("\n".join(table(header, rows)) + "\n")


def throughput_tables(results):
    points = [k for k, v in results.points.items()
              if any("cycles" in r for rows in v.values()
                     for r in rows.values())]
    for title, field, digits in (
            ("Busy cycles per packet: median (least..most)", "cycles", 1),
            ("Busy cycles per byte", "per_byte", 3),
            ("Million packets per second", "mpps", 2)):
        rows = []
        for key in points:
            stage, size, direction, _ = key
            row = [stage, size, direction]
            row += [cell(results.get(stage, size, direction, s, field),
                         digits) for s in SYSTEMS]
            if field == "cycles":
                row += [cell(results.ratio(key, "ours", s), 2)
                        for s in OTHERS[:2]]
            if any(c != "-" for c in row[3:]):
                rows.append(row)
        header = ["stage", "size", "direction", *SYSTEMS]
        if field == "cycles":
            header += ["ours/" + s for s in OTHERS[:2]]
        if rows:
            print(title + "\n")
            print_table(header, rows)


MORE_TITLE = "Cycles per packet, or of an iteration that finds nothing"
MORE_HEADER = ["stage", "direction", "system", "cycles"]


def more_rows(results):
    """Systems that are only in one stage: our port in several settings, and
    iterations that find nothing."""
    rows = []
    for key, systems in results.points.items():
        for system, by_round in systems.items():
            for field in ("cycles", "idle"):
                values = [r[field] for r in by_round.values() if field in r]
                if not values or (field == "idle" and "cycles" in
                                  next(iter(by_round.values()))):
                    continue
                if field == "idle" or system not in SYSTEMS:
                    rows.append([key[0], key[2] or "idle", system,
                                 cell(spread(values))])
    return rows


def latency_table(results):
    rows = []
    for (stage, size, _, load), systems in results.points.items():
        if load == "":
            continue
        for system, by_round in systems.items():
            def q(field, by_round=by_round):
                values = [r[field] for r in by_round.values() if field in r]
                return spread(values) if values else None
            rows.append([stage, size, "%d %%" % load, system,
                         cell(q("mpps"), 2), cell(q("p50")), cell(q("p99")),
                         cell(q("p99.9"))])
    if rows:
        print("Round trip by way of the guest, in microseconds\n")
        print_table(["stage", "size", "load", "system", "Mpps", "p50", "p99",
                     "p99.9"], rows)


def tcp_table(results):
    rows = []
    for key in results.stage("tcp"):
        rows.append([key[1], key[2]] + [
            cell(results.get(*key[:3], s, "gbps"), 2)
            for s in ("ours", "switching")]
            + [cell(results.ratio(key, "ours", "switching", "gbps"), 2)])
    if rows:
        print("Bulk TCP of a QEMU guest, Gbit/s\n")
        print_table(["", "direction", "ours", "switching", "ours/switching"],
                    rows)


# For Documentation/benchmarks.rst
# ================================

def median(s, digits=1):
    return "-" if s is None else "%.*f" % (digits, s["median"])


def rst_rows(results):
    """Yields (title, header, rows) of tables of medians."""
    rows = {"cycles": [], "per_byte": [], "mpps": []}
    for key, systems in results.points.items():
        for field, digits in (("cycles", 1), ("per_byte", 3), ("mpps", 1)):
            cells = [median(results.get(*key[:3], s, field), digits)
                     for s in SYSTEMS]
            if "ours" in systems and key[3] == "" and key[0] != "tcp" \
                    and cells[0] != "-":
                ratios = [cell(results.ratio(key, "ours", s), 2).strip("-")
                          for s in OTHERS[:2]]
                rows[field].append([*key[:3], *cells]
                                   + (ratios if field == "cycles" else []))
    yield ("Busy cycles per packet, and ratios of ours to others",
           ["stage", "bytes", "direction", "ours", "tpmd", "swi.", "floor",
            "ours/testpmd", "ours/switching"], rows["cycles"])
    yield ("Busy cycles per byte",
           ["stage", "bytes", "direction", *SYSTEMS], rows["per_byte"])
    yield ("Million packets per second",
           ["stage", "bytes", "direction", *SYSTEMS], rows["mpps"])
    yield MORE_TITLE, MORE_HEADER, more_rows(results)
    rows = []
    for key, systems in results.points.items():
        for system, by_round in systems.items():
            def q(field, by_round=by_round):
                return median(spread([r[field] for r in by_round.values()]))
            if key[3] != "":
                rows.append(["%d %%" % key[3], system, q("mpps"), q("p50"),
                             q("p99"), q("p99.9")])
    yield ("Round trips, in microseconds",
           ["load", "system", "Mpps", "p50", "p99", "p99.9"], rows)
    rows = [[*key[1:3]] + [median(results.get(*key[:3], s, "gbps"), 2)
                           for s in ("ours", "switching")]
            + [cell(results.ratio(key, "ours", "switching", "gbps"), 2)]
            for key in results.stage("tcp")]
    yield ("Bulk TCP, Gbit/s", ["offload", "direction", "ours", "switching",
                                "ours/switching"], rows)


def write_rst(results, found, m, args, path):
    """Writes what Documentation/benchmarks.rst says under "Measured on"."""
    with open(path, "w") as f:
        f.write("%(date)s, %(cpus)d cores of %(cpu)s,\nLinux %(kernel)s, "
                "DPDK %(dpdk)s,\nOpen vSwitch %(ovs)s, by::\n\n" % m)
        f.write("    # %s\n\n" % args.command)
        if results.far():
            f.write(far_text(results.far()) + "\n\n")
        tables = [t for t in rst_rows(results) if t[2]]
        if found:
            tables.insert(0, ("Targets", ["what", "target", "measured", ""], [
                [t["what"], "%g" % t["target"], cell(t["measured"], 2),
                 "reached" if t["reached"] else "missed"] for t in found]))
        for title, header, rows in tables:
            f.write("%s::\n\n" % title)
            for line in table(header, rows):
                f.write("    %s\n" % line)
            f.write("\n")


# Targets
# =======

def targets(results):
    """Yields (what, target, spread)."""
    def busy(stage, size, direction, other, target, system="ours"):
        return ("%s%s, %s, busy cycles, %s/%s"
                % ("" if stage == "base" else stage + ": ", direction,
                   size + " bytes" if size.isdigit() else size, system,
                   other), target,
                results.ratio((stage, size, direction, ""), system, other))

    yield busy("base", "64", "guest-to-vf", "testpmd", 0.45)
    yield busy("base", "64", "guest-to-vf", "switching", 0.25)
    yield busy("base", "64", "vf-to-guest", "testpmd", 0.5)
    yield busy("base", "64", "vf-to-guest", "switching", 0.32)
    for direction in ("guest-to-vf", "vf-to-guest"):
        yield busy("base", "1500", direction, "testpmd", 0.7)
    for direction in ("guest-to-vf", "vf-to-guest"):
        yield busy("tcp-like", "csum", direction, "testpmd", 0.7)
    yield busy("tcp-like", "tso-table", "guest-to-vf", "testpmd", 0.6)
    yield busy("tcp-like", "tso-table", "guest-to-vf", "switching", 0.5)
    for direction in ("guest-to-vf", "vf-to-guest"):
        yield busy("packed", "64", direction, "split", 1.05)
    for direction in ("guest-to-vf", "vf-to-guest"):
        yield busy("ports", "64", direction, "one", 1.15, "ten")
    yield ("idle poll of a connected port, cycles", 50, idle_poll(results))
    for load, target in ((50, 0.8), (90, 0.5)):
        yield ("p99 round trip at %d percent load, ours/testpmd" % load,
               target, results.ratio(("latency", "64", "", load), "ours",
                                     "testpmd", "p99"))


def idle_poll(results):
    """What ten connected ports add to an empty iteration of Open vSwitch,
    compared with their representors alone, per port."""
    systems = results.points.get(("idle", "", "", ""), {})
    left, right = systems.get("ten", {}), systems.get("representors", {})
    values = [(left[n]["idle"] - right[n]["idle"]) / 10
              for n in left if n in right]
    return spread(values) if values else None


def print_targets(results):
    found = []
    for what, target, s in targets(results):
        if s is None:
            continue
        # A ratio of medians is not known to more than two digits.
        reached = round(s["median"], 2) <= target
        found.append({"what": what, "target": target, "measured": s,
                      "reached": reached})
    if found:
        print("Targets\n")
        print_table(["what", "target", "measured", ""],
                    [[f["what"], "%g" % f["target"], cell(f["measured"], 2),
                      "reached" if f["reached"] else "missed"]
                     for f in found])
    return found


# The recorded ratios
# ===================

RECORDED_POINTS = [("base", "64", "guest-to-vf", ""),
                   ("base", "64", "vf-to-guest", ""),
                   ("packed", "64", "guest-to-vf", ""),
                   ("packed", "64", "vf-to-guest", ""),
                   ("tcp-like", "csum", "guest-to-vf", ""),
                   ("tcp-like", "tso-table", "guest-to-vf", ""),
                   ("tcp-like", "csum", "vf-to-guest", ""),
                   ("tcp-like", "lro", "vf-to-guest", "")]


def point_name(key):
    return "%s/%s/%s" % key[:3]


def read_recorded(path):
    recorded = {}
    with open(path) as f:
        for line in f:
            line = line.split("#")[0].split()
            if line:
                recorded[line[0]] = float(line[1])
    return recorded


def write_recorded(results, path):
    recorded = read_recorded(path)
    with open(path) as f:
        head = [line for line in f if line.startswith("#")]
    with open(path, "w") as f:
        f.writelines(head)
        for key in RECORDED_POINTS:
            name = point_name(key)
            s = results.ratio(key, "ours", "testpmd")
            ratio = s["median"] if s else recorded.get(name)
            if ratio is not None:
                f.write("%s %.2f\n" % (name, ratio))
    print("recorded in " + path)


def check_recorded(results, path):
    """Returns False if the relay got slower than it was recorded."""
    recorded = read_recorded(path)
    rows, good = [], True
    for key in RECORDED_POINTS:
        s = results.ratio(key, "ours", "testpmd")
        name = point_name(key)
        if s is None or name not in recorded:
            continue
        limit = recorded[name] * TOLERANCE
        ok = s["median"] <= limit
        good = good and ok
        rows.append([name, "%.2f" % recorded[name], "%.2f" % limit,
                     cell(s, 2), "ok" if ok else "SLOWER"])
    if rows:
        print("Busy cycles per packet, ours/testpmd, against those recorded\n")
        print_table(["point", "recorded", "limit", "measured", ""], rows)
    if not good:
        print("The relay got slower, by more than %.0f percent of a ratio in "
              "%s.\nIf that is meant to be, record anew: bench/bench.sh "
              "--quick --record" % (100 * (TOLERANCE - 1), path))
    return good


# Machine
# =======

def machine():
    model = ""
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    def version(*command):
        try:
            out = subprocess.run(command, capture_output=True, text=True,
                                 check=False).stdout.split("\n")[0]
        except OSError:
            out = ""
        return out.strip()
    return {"cpu": model, "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "dpdk": version("dpkg-query", "-W", "-f", "${Version}",
                            "libdpdk-dev"),
            "ovs": version("dpkg-query", "-W", "-f", "${Version}",
                           "openvswitch-source"),
            "date": datetime.date.today().isoformat()}


# The document
# ============

DOCUMENT_BEGIN = ".. What follows was written by bench/report.py.\n"
DOCUMENT_END = ".. So far by bench/report.py.\n"


def write_document(folder, out):
    """Puts what was measured, and its pictures, into the place of what
    Documentation/benchmarks.rst had."""
    path = os.path.join(folder, "benchmarks.rst")
    missing = [n for n in pictures.NAMES
               if not os.path.exists(os.path.join(out, n + ".svg"))]
    if missing:
        sys.exit("report.py: %s stays as it is: there is no picture %s; were "
                 "all stages measured?" % (path, ", ".join(missing)))
    with open(path) as f:
        before, rest = f.read().split(DOCUMENT_BEGIN)
    with open(os.path.join(out, "measured-on.rst")) as f:
        measured = f.read()
    after = rest.split(DOCUMENT_END)[1]
    with open(path, "w") as f:
        f.write(before + DOCUMENT_BEGIN + "\n" + measured + DOCUMENT_END
                + after)
    for name in pictures.NAMES:
        shutil.copy(os.path.join(out, name + ".svg"),
                    os.path.join(folder, "images"))
    print("written: " + path)


# Main
# ====

def as_json(results, found, machine, args):
    points = []
    for (stage, size, direction, load), systems in results.points.items():
        p = {"stage": stage, "size": size, "direction": direction,
             "load": load, "systems": {}, "ratios": {}}
        for system, rows in systems.items():
            fields = sorted({f for r in rows.values() for f in r
                             if isinstance(r[f], (int, float))} - {"round"})
            p["systems"][system] = {
                f: spread([r[f] for r in rows.values() if f in r])
                for f in fields}
        for other in OTHERS:
            s = results.ratio((stage, size, direction, load), "ours", other)
            if s:
                p["ratios"]["ours/" + other] = s
        points.append(p)
    return {"machine": machine, "command": args.command, "points": points,
            "targets": found}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--raw", required=True, help="what measure.py wrote")
    p.add_argument("--out", required=True, help="folder for results")
    p.add_argument("--recorded", required=True,
                   help="file with the recorded ratios")
    p.add_argument("--record", action="store_true",
                   help="record the ratios instead of checking them")
    p.add_argument("--document", help="folder of benchmarks.rst, which gets "
                   "what was measured, and the pictures")
    p.add_argument("--command", default="", help="what the user typed")
    args = p.parse_args()

    results = Results(args.raw)
    m = machine()
    print("\n%(date)s, %(cpus)d cores of %(cpu)s, Linux %(kernel)s, "
          "DPDK %(dpdk)s, Open vSwitch %(ovs)s" % m)
    print(args.command + "\n")
    if results.far():
        print(far_text(results.far()) + "\n")
    throughput_tables(results)
    rows = more_rows(results)
    if rows:
        print(MORE_TITLE + "\n")
        print_table(MORE_HEADER, rows)
    latency_table(results)
    tcp_table(results)
    found = print_targets(results)
    pictures.Pictures(results, args.out).draw()
    write_rst(results, found, m, args,
              os.path.join(args.out, "measured-on.rst"))
    path = os.path.join(args.out, "results.json")
    with open(path, "w") as f:
        json.dump(as_json(results, found, m, args), f, indent=1)
        f.write("\n")
    if args.document:
        write_document(args.document, args.out)
    if args.record:
        write_recorded(results, args.recorded)
        return 0
    return 0 if check_recorded(results, args.recorded) else 1


if __name__ == "__main__":
    sys.exit(main())
