# SPDX-License-Identifier: Apache-2.0
#
# What tests in Python share: tools/dpdkvdpa-top, a telemetry of our own for it,
# and a main program.

import contextlib
import copy
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import traceback

SRCDIR = os.environ.get("srcdir", ".")
PROGRAM = os.path.join(SRCDIR, "tools", "dpdkvdpa-top")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SRCDIR, "tools"))

from dpdkvdpa_top import asking

tmp = tempfile.mkdtemp()


def lane(n, **more):
    return dict({"rx_packets": n, "rx_bytes": 100 * n, "tx_packets": n,
                 "tx_bytes": 100 * n, "dropped": 0, "pending": 0,
                 "stalled": 0}, **more)


def direction(n):
    return dict(lane(n), retries=0, drops={"oversize": 0, "policed": 0})


PORT = {
    "time": 1000,
    "status": {"mode": "sw", "vm_connected": "true", "queue_pairs": "2",
               "ring": "split", "accelerator": "net_x,a=\"b\\c\""},
    "vm_to_vf": direction(0), "vf_to_vm": direction(0),
    "library": {"rx_packets": 0, "tx_packets": 0},
    "zero_copy_packets": 0,
    "dmas": {"rx_packets": 3, "tx_packets": 4, "rx_lost": 0, "tx_lost": 1,
             "engines": {
        "txq0": {"engine": "dma0", "copies": 1},
        "rxq0": {"engine": "dma1", "copies": 0, "why_not": "no"}}},
    "events": {"connected": 1, "refused": 0},
    "memory": {"pool": "p", "packets": 1000, "in_use": 250, "bytes": 5},
    "vf": {"rx_missed": 0},
    "n_queues": 2,
    "queues": {"0": {"rxq": 0, "vm_to_vf": lane(0), "vf_to_vm": lane(0)},
               "1": {"rxq": 1, "vm_to_vf": lane(0), "vf_to_vm": lane(0)}},
    "event_when": [1700000000000, 1600000000000],
    "event_what": ["second", "first"],
}


def port_at(time, n, **more):
    port = copy.deepcopy(PORT)
    port["time"] = time
    port["vm_to_vf"] = dict(direction(n), **more)
    port["vf_to_vm"] = direction(2 * n)
    return port


class Server:
    """Telemetry that answers from 'ports', at most 'page' queue pairs or names
    at a time; or with what 'raw' makes of a command, if it is set."""

    def __init__(self, ports, page=1000):
        self.ports, self.page = ports, page
        self.path = os.path.join(tmp, "telemetry")
        self.greeting = {"version": "x", "pid": 42, "max_output_len": 16384}
        self.connections = []
        self.raw = None
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.bind(self.path)
        self.sock.listen(5)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.unlink(self.path)
        # The number of a socket that is closed may be the next server's before
        # this thread has seen it.
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.sock.close()
        self.hang_up()

    def hang_up(self):
        for c in self.connections:
            with contextlib.suppress(OSError):
                c.shutdown(socket.SHUT_RDWR)

    def serve(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            self.connections.append(c)
            threading.Thread(target=self.talk, args=(c,),
                             daemon=True).start()

    def talk(self, c):
        with contextlib.suppress(OSError):
            c.send(json.dumps(self.greeting).encode())
            while True:
                command = c.recv(1024).decode()
                if not command:
                    return
                c.send(self.raw(command) if self.raw else json.dumps(
                    {command.split(",")[0]: self.answer(command)}).encode())

    def answer(self, command):
        # The last word is a number, if it looks like one.
        words = command.split(",", 1)
        if len(words) > 1 and words[0] == "/dpdkvdpa/port":
            name, _, number = words[1].rpartition(",")
            words[1:] = ([name, number] if name and number.isdigit()
                         else words[1:])
        if self.ports is None:
            return None
        if words[0] == "/dpdkvdpa/list":
            first = int(words[1])
            return sorted(self.ports)[first:first + self.page]
        if words[1] not in self.ports:
            return {"error": '"%s" is not a dpdkvdpa port' % words[1]}
        port = copy.deepcopy(self.ports[words[1]])
        first = int(words[2]) if len(words) > 2 else 0
        names = sorted(port.get("queues", {}), key=int)
        port["queues"] = {q: port["queues"][q] for q
                          in names[first:first + self.page]}
        return port


def run(*args):
    """Runs the program; returns its status, output and errors."""
    r = subprocess.run([sys.executable, PROGRAM] + list(args),
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       stdin=subprocess.DEVNULL, timeout=60, text=True)
    return r.returncode, r.stdout, r.stderr


def eq(a, b):
    assert a == b, "%r is not %r" % (a, b)


def gone(f, *args):
    """Returns what is said of nobody who answers."""
    try:
        f(*args)
    except asking.Gone as e:
        return str(e)
    raise AssertionError("no error")


class Skip(Exception):
    """The test cannot run here, and why."""


def needs(program):
    if not shutil.which(program):
        raise Skip("there is no %s" % program)


def main(names):
    """Runs the tests among 'names'.  What is printed is as cmocka's, so that
    this is counted with the other tests."""
    tests = [f for name, f in sorted(names.items())
             if name.startswith("test_")]
    print("[==========] Running %d test(s)." % len(tests))
    failed = False
    for test in tests:
        print("[ RUN      ] " + test.__name__, flush=True)
        try:
            test()
            print("[       OK ] " + test.__name__, flush=True)
        except Skip as e:
            print(e)
            print("[  SKIPPED ] " + test.__name__, flush=True)
        except Exception:
            traceback.print_exc(file=sys.stdout)
            print("[  FAILED  ] " + test.__name__, flush=True)
            failed = True
    shutil.rmtree(tmp)
    sys.exit(failed)
