# SPDX-License-Identifier: Apache-2.0
#
# Who is asked, and what the answers are.

import json
import os
import re
import socket
import time

from .answers import clean, visible

# Most that is taken of somebody who does not come to an end: in a look at all
# ports, of ports, of queue pairs of one, and of characters of ovs-appctl.
LOOK_SECONDS = 60
MAX_PORTS = 10000
MAX_QUEUES = 1024
MAX_CONTROL = 1 << 22

# What an answer that is none leads to.
NONSENSE = (OSError, ValueError, KeyError, TypeError, RecursionError)


class Gone(Exception):
    """Nobody answers, or not what is expected.  Says why."""


class Refused(Gone):
    """The answer is that there is none."""


class Telemetry:
    """A connection to DPDK's telemetry."""

    def __init__(self, path):
        self.path = path
        self.sock = None
        self.pid = None
        self.limit = None
        self.n_connections = 0
        self.begin()

    def begin(self):
        """Begins a look, which is to have an end."""
        self.end = time.monotonic() + LOOK_SECONDS

    def close(self):
        if self.sock:
            self.sock.close()
        self.sock = None

    def _connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.settimeout(10)
        try:
            sock.connect(self.path)
            hello = json.loads(sock.recv(65536) or b"{}")
            self.pid = self._within(hello["pid"], 1 << 31)
            self.limit = self._within(hello["max_output_len"], 1 << 20)
        except PermissionError:
            sock.close()
            raise Gone("may not open %s: run this as root, or as the user "
                       "that ovs-vswitchd runs as" % self.path)
        except NONSENSE as e:
            sock.close()
            why = (e.strerror or str(e) if isinstance(e, OSError)
                   else "it is busy, or no telemetry of DPDK")
            raise Gone("no answer from %s (%s): is ovs-vswitchd running, "
                       "with DPDK initialized, and without --no-telemetry in "
                       "other_config:dpdk-extra?  --socket takes another path"
                       % (self.path, why))
        self.sock = sock
        self.n_connections += 1

    @staticmethod
    def _within(n, limit):
        if not isinstance(n, int) or not 1 < n <= limit:
            raise ValueError("this is no number up to %d" % limit)
        return n

    def ask(self, command):
        """Returns the answer to 'command'."""
        if not self.sock:
            self._connect()
        left = self.end - time.monotonic()
        if left <= 0:
            self.close()
            raise Gone("%s has not told all in %d s" % (self.path,
                                                        LOOK_SECONDS))
        try:
            self.sock.settimeout(min(left, 10))
            self.sock.send(command.encode())
            answer = self.sock.recv(self.limit + 1)
            value = json.loads(answer)[command.split(",")[0]]
        except NONSENSE:
            self.close()
            raise Gone("%s does not answer any more" % self.path)
        if value is None:
            raise Gone("whoever serves %s knows nothing of dpdkvdpa ports: "
                       "it is another program, or an Open vSwitch without "
                       "them" % self.path)
        return value

    def ask_for(self, kind, command):
        """Returns the answer to 'command', which is a 'kind'."""
        value = self.ask(command)
        if isinstance(value, dict) and isinstance(value.get("error"), str):
            raise Refused(visible(value["error"]))
        if not isinstance(value, kind):
            raise Gone("what %s answers to %s is not understood"
                       % (self.path, visible(command)))
        return value

    def names(self):
        """Returns the names of all ports."""
        names = {}
        n = 0
        while n < MAX_PORTS:
            more = self.ask_for(list, "/dpdkvdpa/list,%d" % n)
            new = {name: None for name in more
                   if isinstance(name, str) and name not in names}
            if not new:
                return list(names)
            names.update(new)
            n += len(more)
        raise Gone("%s lists more than %d ports" % (self.path, MAX_PORTS))

    def port(self, name):
        """Returns what there is to know of a port, with all of its queue
        pairs, or None if it has gone."""
        port = None
        first = 0
        while port is None or first < min(port.get("n_queues", 0),
                                          MAX_QUEUES):
            try:
                # With a number in any case: the name may end like one.
                answer = clean(self.ask_for(
                    dict, "/dpdkvdpa/port,%s,%d" % (name, first)))
            except Refused as e:
                if "is not a dpdkvdpa port" in str(e):
                    return None
                raise
            port = port or answer
            port["queues"].update(answer["queues"])
            # Those of this answer, and not before the last one.
            last = max((int(q) for q in answer["queues"]), default=-1)
            if last < first:
                break
            first = last + 1
        return port


class Control:
    """What ovs-appctl asks, for the share of PMD threads; silent if it cannot
    be had."""

    def __init__(self, path):
        self.path = path

    def shares(self, pid):
        """Returns the percentage of a PMD thread by port, summed over the
        port's rx-queues."""
        path = self.path or os.path.join(
            os.environ.get("OVS_RUNDIR", "/var/run/openvswitch"),
            "ovs-vswitchd.%s.ctl" % pid)
        try:
            return parse_shares(self._call(path, "dpif-netdev/pmd-rxq-show"))
        except NONSENSE:
            return {}

    @staticmethod
    def _call(path, method):
        request = {"id": 0, "method": method, "params": []}
        decoder = json.JSONDecoder()
        text = ""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(5)
            sock.connect(path)
            sock.sendall(json.dumps(request).encode())
            while True:
                data = sock.recv(65536)
                if not data or len(text) > MAX_CONTROL:
                    raise ValueError("half an answer")
                text += data.decode(errors="replace")
                try:
                    return decoder.raw_decode(text)[0]["result"]
                except json.JSONDecodeError:
                    continue


def parse_shares(text):
    """Returns the percentages in what pmd-rxq-show printed."""
    shares = {}
    for name, percent in re.findall(
            r"^ *port: (.*\S) +queue-id:.*usage: *(\d+) *%", text, re.M):
        shares[name] = shares.get(name, 0) + int(percent)
    return shares


class Sample:
    """All ports at one moment."""

    def __init__(self, telemetry, control):
        self.when = time.time()
        self.ports = {}
        telemetry.begin()
        for name in telemetry.names():
            port = telemetry.port(name)
            if port is not None:
                self.ports[visible(name)] = port
        self.pid = telemetry.pid
        self.session = telemetry.n_connections
        self.shares = control.shares(telemetry.pid)
