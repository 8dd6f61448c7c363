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

"""Measures systems that bench/systems.sh has started and stopped, one after
the other, again and again, each in a short window in which the thread that
forwards, and that of the guest, has its core for itself.  Appends a line of
JSON for each window."""

import argparse
import json
import mmap
import os
import signal
import statistics
import struct
import subprocess
import sys
import time

# Of struct bench_ctl; see bench_vf.h.
MAGIC = 0x42454e4348564631
SOURCE_HOST, SOURCE_GUEST, PORTS, WINDOW, BATCH, INTERVAL, LOOP, EPOCH = \
    range(8, 72, 8)
N_SIZES, SIZES, TCP, PARTS, HOLD, KEEP = \
    72, 80, 208, 216, 224, 232
METER = 256
METER_FIELDS = ("tsc_hz", "busy_cycles", "busy_iterations", "frames",
                "idle_cycles", "idle_iterations", "interrupted", "overhead")
HISTOGRAM, BUCKETS = 320, 2048
PORT_BLOCKS = HISTOGRAM + 8 * BUCKETS
PORT_SIZE, MAX_PORTS = 128, 16
GIVEN, LOST, TAKEN, TAKEN_BYTES, WRONG = 0, 8, 64, 72, 80
LENGTH = PORT_BLOCKS + 2 * MAX_PORTS * PORT_SIZE

IMIX = [64, 594, 64, 64, 594, 64, 1514, 64, 594, 64, 64, 594]
# Frames of TCP: what "--sizes" calls them, their lengths, how the guest lays
# them out, and how many are under way: of the large ones as many as a ring has
# room for.
ONE, CHAIN, TABLE = range(3)
LARGE = 66 + 45 * 1448
TCP_FRAMES = {"ack": (66, ONE, 32), "csum": (1514, ONE, 32),
              "csum-table": (1514, TABLE, 32),
              "tso-table": (LARGE, TABLE, 8), "tso-chain": (LARGE, CHAIN, 8),
              "lro": (LARGE, TABLE, 8)}
HOST, GUEST = 0, 1
DIRECTIONS = {"guest-to-vf": (0, 1), "vf-to-guest": (1, 0), "both": (1, 1)}

SETTLE, LEAVE = 0.02, 0.004     # Seconds before and after a window.
REST = 0.1                      # Share of the time that is left to others:
                                # the kernel wants it, too.
PRIORITY = 10
MIN_FRAMES = 100                # In a window that deserves the name.
TRIES = 10


class Control:
    """The control block of a system."""

    def __init__(self, path):
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), LENGTH)
        if self.get(0) != MAGIC:
            sys.exit("measure.py: %s is no control block of net_benchvf"
                     % path)

    def get(self, offset):
        return struct.unpack_from("<Q", self.map, offset)[0]

    def put(self, offset, value):
        struct.pack_into("<Q", self.map, offset, value)

    def meter(self):
        values = struct.unpack_from("<8Q", self.map, METER)
        return dict(zip(METER_FIELDS, values))

    def total(self, side, field):
        base = PORT_BLOCKS + side * MAX_PORTS * PORT_SIZE + field
        return sum(self.get(base + i * PORT_SIZE) for i in range(MAX_PORTS))

    def histogram(self):
        return struct.unpack_from("<%dQ" % BUCKETS, self.map, HISTOGRAM)

    def go(self, direction, sizes, ports, window, interval=0, loop=False,
           tcp=False, parts=ONE, hold=False, keep=0):
        self.put(PORTS, ports)
        self.put(WINDOW, window)
        self.put(BATCH, 1 if interval else window if hold
                 else max(1, min(32, window // 2)))
        self.put(HOLD, int(hold))
        self.put(KEEP, keep)
        self.put(INTERVAL, interval)
        self.put(LOOP, int(loop))
        for i, size in enumerate(sizes):
            self.put(SIZES + 8 * i, size)
        self.put(N_SIZES, len(sizes))
        self.put(TCP, int(tcp))
        self.put(PARTS, parts)
        self.put(EPOCH, self.get(EPOCH) + 1)
        host, guest = DIRECTIONS[direction]
        self.put(SOURCE_HOST, host)
        self.put(SOURCE_GUEST, guest)

    def halt(self):
        self.put(SOURCE_HOST, 0)
        self.put(SOURCE_GUEST, 0)
        self.put(HOLD, 0)

    def snapshot(self):
        s = self.meter()
        s["time"] = time.monotonic()
        s["sent"] = self.total(HOST, TAKEN)
        s["sent_bytes"] = self.total(HOST, TAKEN_BYTES)
        s["received"] = self.total(GUEST, TAKEN)
        s["received_bytes"] = self.total(GUEST, TAKEN_BYTES)
        s["wrong"] = self.total(HOST, WRONG) + self.total(GUEST, WRONG)
        s["lost"] = self.total(HOST, LOST) + self.total(GUEST, LOST)
        return s


class System:
    """A system, its guest and its control block."""

    def __init__(self, text):
        try:
            self.name, pid, thread, guest, guest_thread, path = text.split(",")
            # It may have no guest.
            self.pids = [int(p) for p in (pid, guest) if p]
            self.threads = [int(t) for t in (thread, guest_thread) if t]
        except ValueError:
            sys.exit("measure.py: --system \"%s\": want NAME,PID,THREAD,"
                     "GUEST-PID,GUEST-THREAD,CONTROL-BLOCK" % text)
        self.control = Control(path)

    def wake(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)
        for thread in self.threads:
            os.sched_setscheduler(thread, os.SCHED_FIFO,
                                  os.sched_param(PRIORITY))

    def hold(self):
        for thread in self.threads:
            os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def window(self, seconds, **traffic):
        """Returns two snapshots, one from either end of a window.  If nothing
        moved in it, somebody else had the core: then it is tried again."""
        for _ in range(TRIES):
            before, after = self.window_once(seconds, **traffic)
            if (not traffic
                    or after["received"] + after["sent"] - before["received"]
                    - before["sent"] >= MIN_FRAMES):
                break
            time.sleep(REST)
        return before, after

    def window_once(self, seconds, **traffic):
        c = self.control
        self.wake()
        try:
            if traffic:
                c.go(**traffic)
            time.sleep(SETTLE)
            before = c.snapshot()
            histogram = c.histogram()
            time.sleep(seconds)
            after = c.snapshot()
            after["histogram"] = [a - b for a, b in zip(c.histogram(),
                                                        histogram)]
            c.halt()
            time.sleep(LEAVE)
        finally:
            c.halt()
            self.hold()
        time.sleep(REST * (SETTLE + seconds + LEAVE))
        return before, after


def figures(before, after):
    """What happened between two snapshots."""
    d = {k: after[k] - before[k] for k in before}
    seconds = d["time"]
    moved = d["sent"] + d["received"]
    r = {"mpps": moved / seconds / 1e6,
         "gbps": 8 * (d["sent_bytes"] + d["received_bytes"]) / seconds / 1e9,
         "busy": d["busy_cycles"] / max(1, d["busy_cycles"]
                                        + d["idle_cycles"]),
         "interrupted": d["interrupted"],
         "lost": d["lost"]}
    if moved and d["wrong"]:
        r["wrong"] = d["wrong"] / moved
    if d["frames"]:
        r["cycles"] = d["busy_cycles"] / d["frames"]
        r["batch"] = d["frames"] / d["busy_iterations"]
    if d["idle_iterations"]:
        r["idle"] = d["idle_cycles"] / d["idle_iterations"]
    return r


def bucket_cycles(i):
    """The middle of a bucket of the histogram."""
    if i < 32:
        return i
    return (32 + i % 32 + 0.5) * 2 ** (i // 32 - 1)


def quantiles(histogram, hz):
    total = sum(histogram)
    result = {"samples": total}
    for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        need, seen = share * total, 0
        for i, n in enumerate(histogram):
            seen += n
            if n and seen >= need:
                result[name] = bucket_cycles(i) / hz * 1e6
                break
    return result


def sent_per_second(before, after):
    return (after["sent"] - before["sent"]) / (after["time"] - before["time"])


def sizes_of(label):
    return IMIX if label == "imix" else [int(label)]


def frames_of(label, window):
    """What 'Control.go' needs to know about frames of this kind."""
    if label not in TCP_FRAMES:
        return {"sizes": sizes_of(label), "window": window}
    length, parts, most = TCP_FRAMES[label]
    return {"sizes": [length], "window": min(window, most), "tcp": True,
            "parts": parts}


class Bench:
    def __init__(self, args):
        self.args = args
        self.systems = [System(s) for s in args.system]
        self.out = open(args.out, "a")
        self.labels = dict(a.split("=", 1) for a in args.label)
        self.bad = 0
        self.far = None

    def distance(self):
        """How far the two cores are from each other now, or None."""
        if not self.args.distance:
            return None
        try:
            p = subprocess.run([self.args.distance, str(self.args.core),
                                str(1 - self.args.core)], timeout=5,
                               capture_output=True, text=True, check=True)
            return int(p.stdout)
        except (OSError, ValueError, subprocess.SubprocessError):
            return None         # Somebody else has the other core.

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def record(self, **fields):
        row = {"stage": self.args.stage, **self.labels, **fields}
        if self.far is not None:
            row["far"] = self.far
        self.out.write(json.dumps(row) + "\n")
        self.out.flush()

    def throughput_round(self, n):
        """Busy cycles per packet and rates."""
        a = self.args
        for size in a.sizes.split(","):
            for direction in a.directions.split(","):
                self.far = self.distance()
                windows = {s: [] for s in self.systems}
                for _ in range(a.windows):
                    for s in self.systems:
                        windows[s].append(s.window(
                            a.seconds / a.windows, direction=direction,
                            ports=MAX_PORTS, hold=a.hold, keep=a.keep,
                            **frames_of(size, a.window)))
                for s in self.systems:
                    self.throughput(n, s, size, direction, windows[s])

    def throughput(self, n, s, size, direction, windows):
        """Of some windows, takes the best: whatever else happens on the
        machine can only add cycles."""
        a = self.args
        f = min((figures(*w) for w in windows),
                key=lambda f: f.get("cycles", float("inf")))
        if size in TCP_FRAMES and "cycles" in f:
            f["per_byte"] = f["cycles"] / TCP_FRAMES[size][0]
        self.record(round=n, system=s.name, size=size, direction=direction,
                    **f)
        self.say("  round %d of %d: %-10s %10s %-11s %s" % (
            n, a.rounds, s.name, size, direction,
            "%6.1f cycles, %6.2f Mpps, %4.1f at a time, busy %3.0f %%%s%s" % (
                f["cycles"], f["mpps"], f["batch"], 100 * f["busy"],
                ", %d lost" % f["lost"] if f["lost"] > 0 else "",
                ", %.0f %% not described" % (100 * f["wrong"])
                if "wrong" in f else "")
            if "cycles" in f else "nothing moved"))
        if "cycles" not in f:
            self.bad += 1

    def idle_round(self, n):
        """What an iteration takes that finds nothing, without the meter."""
        a = self.args
        self.far = self.distance()
        idle = {s: [] for s in self.systems}
        for _ in range(a.windows):
            for s in self.systems:
                before, after = s.window(a.seconds / a.windows)
                idle[s].append(figures(before, after)["idle"]
                               - after["overhead"])
        for s in self.systems:
            cycles = statistics.median(idle[s])
            self.record(round=n, system=s.name, idle=cycles)
            self.say("  round %d of %d: %-12s idle %.1f cycles" % (
                n, a.rounds, s.name, cycles))

    def latency_round(self, n):
        """Round trips by way of the guest.  Every system gets the same
        rates: shares of what the first one can do."""
        a = self.args
        size = a.sizes.split(",")[0]
        traffic = {"direction": "vf-to-guest", "sizes": sizes_of(size),
                   "window": a.window, "ports": 1, "loop": True}
        most = {}
        self.far = self.distance()
        for s in self.systems:
            most[s] = statistics.median(
                sent_per_second(*s.window(a.seconds / a.windows, **traffic))
                for _ in range(a.windows))
        for load in (10, 50, 90):
            rate = max(most[self.systems[0]] * load / 100, 1000)
            found = {s: [] for s in self.systems}
            for _ in range(a.windows):
                for s in self.systems:
                    hz = s.control.meter()["tsc_hz"]
                    before, after = s.window(a.seconds / a.windows, **traffic,
                                             interval=int(256 * hz / rate))
                    q = quantiles(after["histogram"], hz)
                    q["mpps"] = sent_per_second(before, after) / 1e6
                    found[s].append(q)
            for s in self.systems:
                self.latency(n, s, size, load, rate, most[s], found[s])

    def latency(self, n, s, size, load, rate, most, found):
        """Takes of each figure the median of the windows: something else
        that runs for a millisecond spoils the one that it falls into."""
        a = self.args
        fields = ("mpps", "p50", "p99", "p99.9")
        if not all(f in q for q in found for f in fields):
            self.say("  round %d of %d: %s: nothing came back"
                     % (n, a.rounds, s.name))
            self.bad += 1
            return
        q = {f: statistics.median(w[f] for w in found) for f in fields}
        self.record(round=n, system=s.name, size=size, load=load,
                    rate=rate / 1e6, most=most / 1e6, **q)
        self.say("  round %d of %d: %-10s %5s at %d %% (%.2f Mpps, got %.2f) "
                 "p50 %.1f us, p99 %.1f us, p99.9 %.1f us"
                 % (n, a.rounds, s.name, size, load, rate / 1e6, q["mpps"],
                    q["p50"], q["p99"], q["p99.9"]))

    def run(self):
        a = self.args
        os.sched_setaffinity(0, {a.core})
        os.sched_setscheduler(0, os.SCHED_FIFO,
                              os.sched_param(PRIORITY + 10))
        for s in self.systems:
            s.control.halt()
        for n in range(1, a.rounds + 1):
            getattr(self, a.what + "_round")(n)
        if self.bad:
            self.say("measure.py: %s: %d times nothing moved, %d times each: "
                     "is core %d taken by somebody else?"
                     % (a.stage, self.bad, TRIES, 1 - a.core))
        return 1 if self.bad else 0


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--out", required=True, help="file to append to")
    p.add_argument("--stage", required=True, help="name of what is measured")
    p.add_argument("--label", action="append", default=[],
                   metavar="KEY=VALUE", help="to be put into each line")
    p.add_argument("--what", default="throughput",
                   choices=("throughput", "idle", "latency"))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=0.25,
                   help="what a round gives to each system and traffic")
    p.add_argument("--windows", type=int, default=5,
                   help="into how many windows that is divided, the systems "
                   "taking turns")
    p.add_argument("--sizes", default="64")
    p.add_argument("--directions", default="guest-to-vf,vf-to-guest")
    p.add_argument("--window", type=int, default=128,
                   help="most frames under way")
    p.add_argument("--hold", action="store_true",
                   help="wait before each iteration until all guests have "
                   "given a whole window")
    p.add_argument("--keep", type=int, default=0,
                   help="frames that the VF keeps after it has sent them")
    p.add_argument("--distance", metavar="PROGRAM",
                   help="that says how far two cores are from each other")
    p.add_argument("--core", type=int, default=0,
                   help="the core that is not measured")
    p.add_argument("--system", action="append", required=True)
    return Bench(p.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
